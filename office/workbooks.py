"""Reads the first sheet of an XLSX workbook as rows of texts, with nothing but the standard library.

A village computer has no library for spreadsheets, and a list of persons mostly comes as one. What spreadsheet programs
write is read: shared and inline texts, numbers, the first sheet. No formula is computed: its last value counts.
What unpacks to too much, or brings declarations of its own (entities), is refused before it is read.
Never opens a path and never writes. Next: `office.rosters`.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Final
from xml.etree.ElementTree import Element, ParseError, iterparse

UNPACKED_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of one part: 6,000 rows are 2 MiB, and a file of 2 MiB could claim gigabytes."""

COLUMNS_MAX: Final = 50
"""A cell further right is none of ours."""

_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_FIGURES_MAX: Final = 15
"""Digits that a spreadsheet's number holds exactly."""


class NotAWorkbook(ValueError):
    """The bytes are no workbook that this reads."""


def read_first_sheet(content: bytes, rows_max: int) -> list[list[str]]:
    """The rows of the first sheet in their places, blanks stripped, `rows_max` at most. Raises `NotAWorkbook`."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            texts = _texts(book)
            rows: list[list[str]] = []
            for number, row in _rows(book, _first_sheet(book), texts):
                if number > rows_max:
                    break
                rows += [[] for _ in range(number - 1 - len(rows))]
                rows.append(row)
            return rows
    except (zipfile.BadZipFile, ParseError, KeyError, ValueError, IndexError, OSError, RuntimeError, EOFError) as error:
        # RuntimeError is what a part sealed with a password raises, and what a method of packing not known here does.
        raise NotAWorkbook from error


def _part(book: zipfile.ZipFile, name: str) -> io.BytesIO:
    """One part, whole, unpacked no further than the limit whatever it claims."""
    with book.open(name) as packed:
        content = packed.read(UNPACKED_BYTES_MAX + 1)
    if len(content) > UNPACKED_BYTES_MAX:
        raise NotAWorkbook
    # Neither a document type nor an entity has a place in a workbook; in UTF-16 neither would be seen here.
    if re.search(rb"<!DOCTYPE|<!ENTITY|\x00", content) or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise NotAWorkbook
    return io.BytesIO(content)


def _elements(part: io.BytesIO, tag: str) -> Iterator[Element]:
    """Every element of this name, forgotten once it was looked at."""
    for _, element in iterparse(part, events=("end",)):  # noqa: S314 - `_part` lets no entity in
        if element.tag == tag:
            yield element
            element.clear()


def _first_sheet(book: zipfile.ZipFile) -> str:
    """The name of the first sheet's part, by the workbook's own list."""
    first = next(_elements(_part(book, "xl/workbook.xml"), f"{_MAIN}sheet"), None)
    wanted = first.get(_RELATION) if first is not None else None
    for _, relation in iterparse(_part(book, "xl/_rels/workbook.xml.rels")):  # noqa: S314 - `_part` lets no entity in
        if relation.get("Id") == wanted and wanted is not None:
            target = relation.get("Target", "")
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    raise NotAWorkbook


def _texts(book: zipfile.ZipFile) -> list[str]:
    """The texts that cells share, in their order."""
    if "xl/sharedStrings.xml" not in book.namelist():
        return []
    return [_text(one) for one in _elements(_part(book, "xl/sharedStrings.xml"), f"{_MAIN}si")]


def _text(element: Element) -> str:
    """A text in one piece or in several, without the reading aids beside it."""
    pieces = [element.findtext(f"{_MAIN}t", ""), *(run.findtext(f"{_MAIN}t", "") for run in element.iter(f"{_MAIN}r"))]
    return "".join(pieces).strip()


def _rows(book: zipfile.ZipFile, sheet: str, texts: list[str]) -> Iterator[tuple[int, list[str]]]:
    """(number, cells) of each row that has any."""
    last = 0
    for row in _elements(_part(book, sheet), f"{_MAIN}row"):
        last = int(row.get("r", last + 1))
        cells: list[str] = []
        for cell in row.iter(f"{_MAIN}c"):
            column = _column(cell.get("r", "")) if cell.get("r") else len(cells)
            if column < COLUMNS_MAX:
                cells += [""] * (column + 1 - len(cells))
                cells[column] = _value(cell, texts)
        yield last, cells


def _column(place: str) -> int:
    """The column of a cell's place, from 0: "C7" → 2."""
    number = 0
    for letter in place.rstrip("0123456789").upper():
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def _value(cell: Element, texts: list[str]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        inline = cell.find(f"{_MAIN}is")
        return _text(inline) if inline is not None else ""
    value = (cell.findtext(f"{_MAIN}v") or "").strip()
    if kind == "s" and value:
        return texts[int(value)]
    return _figure(value) if kind == "n" else value


def _figure(value: str) -> str:
    """A number as it was meant: 13800000000.0 is a telephone. One that lost digits is shown as the program has it."""
    try:
        number = float(value)
    except ValueError:
        return value
    return str(int(number)) if number.is_integer() and abs(number) < 10**_FIGURES_MAX else f"{number:.5E}"
