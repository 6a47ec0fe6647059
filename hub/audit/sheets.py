"""A document as plain text and as an HTML sheet to be printed.

The text is for a terminal, a message or a file that must still open in thirty years; the sheet for the notice board.
Neither loads anything from anywhere. Everything that somebody typed is escaped.
Never decides what a document says (`hub.audit.documents`).
"""

import unicodedata
from html import escape
from typing import Final

from hub.audit.documents import Document, Section, Table

GAP: Final = "  "

_STYLE: Final = """
@page { size: A4; margin: 18mm }
body { font-family: "Noto Serif CJK SC", SimSun, serif; color: #000; max-width: 180mm; margin: 2em auto }
h1 { text-align: center; font-size: 20pt; margin-bottom: 0 } .sub { text-align: center; margin-top: .3em }
h2 { font-size: 13pt; break-after: avoid } table { border-collapse: collapse; width: 100%; font-size: 10pt }
th, td { border: 1px solid #000; padding: .25em .5em; text-align: left; vertical-align: top; overflow-wrap: anywhere }
thead { display: table-header-group } tr { break-inside: avoid } .notes { font-size: 9pt; margin-top: 2em }
"""


def text_of(document: Document) -> str:
    """The document as plain text, columns aligned by how wide characters are shown."""
    parts = [document.title, document.subtitle, ""]
    for section in document.sections:
        parts += [section.title, *(f"{GAP}{line}" for line in section.lines)]
        if section.table is not None:
            parts += _rows(section.table)
        parts.append("")
    return "\n".join([*parts, *document.notes]) + "\n"


def _rows(table: Table) -> list[str]:
    if not table.rows:
        return [f"{GAP}—"]
    lines = [table.columns, *(tuple(" ".join(cell.split()) for cell in row) for row in table.rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    return [
        GAP + GAP.join(_padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in lines
    ]


def _width(text: str) -> int:
    """Columns of a terminal that a text takes."""
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in text)


def _padded(text: str, width: int) -> str:
    return text + " " * (width - _width(text))


def html_of(document: Document, language: str) -> str:
    """The document as one HTML page. `language`: "zh-CN" or "en"."""
    body = "".join(map(_section, document.sections))
    notes = "".join(f"<li>{escape(note)}</li>" for note in document.notes)
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        f"<title>{escape(document.title)} {escape(document.subtitle)}</title><style>{_STYLE}</style></head><body>"
        f'<h1>{escape(document.title)}</h1><p class="sub">{escape(document.subtitle)}</p>{body}'
        f'<ol class="notes">{notes}</ol></body></html>\n'
    )


def _section(section: Section) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in section.lines)
    return f"<h2>{escape(section.title)}</h2>{lines}{_table(section.table) if section.table is not None else ''}"


def _table(table: Table) -> str:
    if not table.rows:
        return "<p>—</p>"
    head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
