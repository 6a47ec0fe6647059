"""The catalogue as a workbook: a template to fill in, the edition in force to go on from, and back again.

Sheets 事项 (one row an item), 材料字典 (the county's names of materials, may be empty), 版本 (what is said of the
edition) and 填写说明. Headings are Chinese, English codes are taken as well; choices are drop-downs. What is exported
and read again is the same edition. Never judges a row (`schemas.catalogue_rows`). Next: `hub.catalogue.importing`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from hub.catalogue.preflight import COVER, EDITION_SHEET, Draft, Sheet
from hub.spreadsheets import ROWS_MAX, read_book
from schemas.catalogue import Edition, Fault
from schemas.catalogue_columns import COLUMNS, LIST_SEPARATORS, LISTS, TIER_WORDS, Row, show_value
from schemas.catalogue_materials import MATERIALS_SHEET
from schemas.catalogue_rows import NEEDED, row_of
from schemas.refusals import Refused

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet

ITEMS: Final = ("事项", "items")
MATERIALS: Final = ("材料字典", MATERIALS_SHEET)
EDITION: Final = ("版本", EDITION_SHEET)
EXPLANATION: Final = "填写说明"

MATERIAL_HEADINGS: Final = {"id": "材料编号", "name": "材料名称", "aliases": "别名"}
INTEGERS: Final = frozenset({"legal.n", "legal.ext", "promise", "fee", "public.days"})
DAYS: Final = frozenset({"suspended_from", "suspended_until", "effective_from"})
SWITCHES: Final = frozenset({"public.minor", "deems_opinions", "sample"})
CHOICES: Final = frozenset({"accept", "peak"})
"""Lists whose entries are short words: in a cell they may also be parted by 、 or a comma."""

HEAD_ROWS_MAX: Final = 10
"""Above the headings there may be a title."""

_DAY: Final = re.compile(r"\A(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})(日|)\Z")
_SHORT: Final = re.compile("[、，,\\s" + "".join(LIST_SEPARATORS) + "]+")
_LONG: Final = re.compile("[" + "".join(LIST_SEPARATORS) + "]+")
_ASIDE: Final = re.compile(r"[（(].*?[）)]|[\s*]")
"""What a heading may hold besides its name: a unit in brackets, a star."""

TIER_CHOICES: Final = ("村级、乡镇、县级", "村级、乡镇", "乡镇、县级", "县级", "乡镇")


# --- reading ---------------------------------------------------------------------------------------------------------


def read_workbook(path: Path) -> Draft:
    """A catalogue in XLSX. Raises `Refused` `file_unreadable`."""
    book = read_book(path)
    title = next((name for name in ITEMS if name in book), next(iter(book)))
    headings = {heading: code for code, column in COLUMNS.items() for heading in (code, column.heading)}
    items, cells, faults, warnings = _table(title, book[title], headings, NEEDED)
    material_title = next((name for name in MATERIALS if name in book), "")
    headings = {heading: code for code, chinese in MATERIAL_HEADINGS.items() for heading in (code, chinese)}
    needed = frozenset({"id", "name"})
    materials, names, wrong, _ = _table(material_title, book.get(material_title, []), headings, needed)
    edition_title = next((name for name in EDITION if name in book), EDITION[0])
    cover, said, doubled, unknown = _cover(edition_title, book.get(edition_title, []))
    return Draft(
        path.name,
        said,
        cells,
        names,
        {"": items, MATERIALS_SHEET: materials, EDITION_SHEET: cover},
        (*faults, *(wrong if material_title else ()), *doubled),
        (*warnings, *unknown),
    )


def _table(
    title: str, rows: Sequence[Sequence[str]], headings: Mapping[str, str], needed: frozenset[str]
) -> tuple[Sheet, list[Row], list[Fault], list[Fault]]:
    """A sheet's columns, its rows that are not empty, why it cannot be read, and what was passed over."""
    top = next((number for number, row in enumerate(rows[:HEAD_ROWS_MAX]) if _known(row, headings) >= needed), None)
    if top is None:
        found = max((_known(row, headings) for row in rows[:HEAD_ROWS_MAX]), key=len, default=set[str]())
        missing = {code: heading for heading, code in headings.items() if code in needed - found}
        zh, en = f"缺少栏目：{'、'.join(missing.values())}", f"headings are missing: {', '.join(missing)}"
        return Sheet(title, {}), [], [Fault(0, "", "", zh, en, title)], []
    columns: dict[str, tuple[str, str]] = {}
    codes: list[str] = []
    faults: list[Fault] = []
    warnings: list[Fault] = []
    for position, heading in enumerate(rows[top]):
        code = headings.get(_ASIDE.sub("", heading), "")
        letter = _letter(position)
        if heading and not code:
            warnings.append(Fault(top + 1, "", heading[:40], *_UNKNOWN, title, letter))
        elif code in columns:
            faults.append(Fault(top + 1, "", heading, "栏目重复", "this heading occurs twice", title, letter))
        elif code:
            columns[code] = (letter, heading)
        codes.append(code)
    read = (
        (number, {code: _value(code, cell) for code, cell in zip(codes, row, strict=False) if code and cell})
        for number, row in enumerate(rows[top + 1 :], start=top + 2)
    )
    # A row that holds nothing but its number, drawn down in advance, is empty.
    return Sheet(title, columns), [(number, cells) for number, cells in read if cells], faults, warnings


_UNKNOWN: Final = ("不是目录的栏目，已略过", "is no column of a catalogue and was passed over")


def _known(row: Sequence[str], headings: Mapping[str, str]) -> set[str]:
    return {headings[name] for cell in row if (name := _ASIDE.sub("", cell)) in headings}


def _cover(title: str, rows: Sequence[Sequence[str]]) -> tuple[Sheet, dict[str, object], list[Fault], list[Fault]]:
    """What the sheet of the edition says, a name and what it is, line by line; what is said twice, and what was passed
    over.
    """
    names = {heading: code for code, field in COVER.items() for heading in (code, field.heading)}
    said: dict[str, object] = {}
    columns: dict[str, tuple[str, str]] = {code: ("B", field.heading) for code, field in COVER.items()}
    doubled: list[Fault] = []
    unknown: list[Fault] = []
    for number, row in enumerate(rows, start=1):
        heading, content, *_ = (*row, "", "")
        code = names.get(_ASIDE.sub("", heading))
        if code is None and heading and content:
            unknown.append(Fault(number, "", heading[:40], *_UNKNOWN, title, "A"))
        elif code in said and content:
            doubled.append(Fault(number, "", heading, "已在上面填写", "was filled in above already", title, "A"))
        elif code is not None and content:
            said[code] = _value(code, content)
    return Sheet(title, columns), said, doubled, unknown


def _value(column: str, text: str) -> object:
    """A cell as its column wants it; what does not read stays as it is, for the judge to name."""
    if column in LISTS or column == "aliases":
        parts = [part for part in (_SHORT if column in CHOICES else _LONG).split(text) if part.strip()]
        return [_word(column, part) for part in parts]
    if column in DAYS:
        found = _DAY.match(text)
        return f"{found[1]}-{int(found[2]):02}-{int(found[3]):02}" if found else text
    if column in SWITCHES:
        return {"是": True, "true": True, "否": False, "false": False}.get(text.lower(), text)
    return _word(column, text)


def _word(column: str, text: str) -> object:
    """One word of a choice, a number, or the text itself."""
    words: Mapping[str, str] = COLUMNS[column].words if column in COLUMNS else {}
    if column == "fee" and text == words["null"]:
        return None
    if column in INTEGERS or column == "peak":
        return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else text
    if column == "power":
        digits = text[:2].strip()
        return digits.zfill(2) if digits.isdecimal() else text
    return next((code for code, word in words.items() if text == word), text)


# --- writing ---------------------------------------------------------------------------------------------------------


def write_template(path: Path) -> None:
    """An empty workbook with headings, explanations and drop-downs. Raises `Refused` `file_exists`."""
    _write(path, [], [], {})


def write_edition(path: Path, edition: Edition) -> None:
    """An edition as a workbook that reads as this very edition. Raises `Refused` `file_exists`.

    The dictionary of materials lists the names in use, for the county to go on with: it is no part of an edition.
    """
    rows = [row_of(item) for item in edition.items.values()]
    classes = [column for column in LISTS if column.startswith("mat.")]
    names = sorted({name for row in rows for column in classes for name in cast("tuple[str, ...]", row[column])})
    materials = [(f"C{number:03}", name, "") for number, name in enumerate(names, start=1)]
    cover = {
        "version": edition.version,
        "effective_from": edition.effective_from,
        "document": edition.document,
        "approver": edition.approver,
        "sample": edition.is_sample,
    }
    _write(path, rows, materials, cover)


def _write(
    path: Path, rows: Sequence[Mapping[str, object]], materials: Iterable[Sequence[str]], cover: Mapping[str, object]
) -> None:
    from openpyxl import Workbook

    book = Workbook()
    items = book.worksheets[0]
    items.title = ITEMS[0]
    _append(items, [f"{column.heading}*" if code in NEEDED else column.heading for code, column in COLUMNS.items()])
    for row in rows:
        _append(items, [_shown(code, row[code]) for code in COLUMNS])
    _dress(items, freeze="C2")
    _offer_choices(items)
    dictionary = book.create_sheet(MATERIALS[0])
    _append(dictionary, list(MATERIAL_HEADINGS.values()))
    for material in materials:
        _append(dictionary, material)
    _dress(dictionary, freeze="A2")
    edition = book.create_sheet(EDITION[0])
    for code, field in COVER.items():
        _append(edition, [field.heading, _shown(code, cover.get(code, "")), field.zh])
    _dress(edition)
    explanation = book.create_sheet(EXPLANATION)
    _append(explanation, ["栏目", "英文代码", "必填", "填写要求"])
    for code, column in COLUMNS.items():
        _append(explanation, [column.heading, code, "是" if code in NEEDED else "", column.zh])
    _append(explanation, [MATERIALS[0], MATERIALS_SHEET, "", _ABOUT_MATERIALS])
    _dress(explanation, freeze="A2")
    try:
        with path.open("xb") as file:
            book.save(file)
    except FileExistsError as error:
        raise Refused(
            "file_exists",
            f"{path.name} 已经存在，没有改动；请换一个文件名，或先移走原文件。",
            f"{path.name} exists and was left as it is; choose another name, or move it away first.",
        ) from error


_ABOUT_MATERIALS: Final = (
    "可以不填；填写后，各事项只能使用其中的名称：同一材料全县一个名称，别名列出各部门原来的叫法，多个别名用分号隔开"
)


def _shown(code: str, value: object) -> object:
    """A value as the cell that `_value` reads as the same."""
    if code in LISTS:
        words = [show_value(code, entry) for entry in cast("tuple[object, ...]", value)]
        return ("、" if code in CHOICES else "\n").join(words)
    if code == "power":
        return f"{value} {show_value(code, value)}"
    if code == "decide":
        text = str(value)
        for tier, word in TIER_WORDS.items():
            text = text.replace(f"{tier}/", f"{word}/")
        return text
    if isinstance(value, date | int) and not isinstance(value, bool):
        return value
    return show_value(code, value) if code in COLUMNS else {True: "是", False: "否"}.get(cast("bool", value), value)


def _append(sheet: "Worksheet", values: Iterable[object]) -> None:
    """One row. Texts stay texts, also those that begin like a formula or look like a number."""
    row = sheet.max_row + 1 if sheet.max_row > 1 or sheet["A1"].value is not None else 1
    for position, value in enumerate(values, start=1):
        if value in ("", None):
            continue
        cell = sheet.cell(row, position, cast("str", value))
        if isinstance(value, str):
            cell.data_type = "s"
            cell.number_format = "@"
        elif isinstance(value, date):
            cell.number_format = "yyyy-mm-dd"


def _dress(sheet: "Worksheet", freeze: str = "") -> None:
    from openpyxl.styles import Alignment, Font

    for position, cells in enumerate(sheet.iter_cols()):
        longest = max((len(line) for cell in cells for line in str(cell.value or "").split("\n")), default=0)
        sheet.column_dimensions[_letter(position)].width = min(60, max(10, 2 * longest + 2))
        for cell in cells:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    if freeze:
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = freeze


def _offer_choices(sheet: "Worksheet") -> None:
    from openpyxl.worksheet.datavalidation import DataValidation

    for position, (code, column) in enumerate(COLUMNS.items()):
        words: Iterable[str] = column.words.values()
        if code == "power":
            words = (f"{number} {word}" for number, word in column.words.items())
        elif code == "accept":
            words = TIER_CHOICES
        elif code == "fee" or not column.words:
            continue
        letter = _letter(position)
        cells = f"{letter}2:{letter}{ROWS_MAX}"
        offered = DataValidation(type="list", formula1=f'"{",".join(words)}"', allow_blank=True, sqref=cells)
        offered.showErrorMessage = code != "accept"
        offered.errorTitle, offered.error = column.heading, column.zh
        sheet.add_data_validation(offered)


def _letter(position: int) -> str:
    """The letter of a spreadsheet's column, from 0."""
    from openpyxl.utils import get_column_letter

    return get_column_letter(position + 1)
