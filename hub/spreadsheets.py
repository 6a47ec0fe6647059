"""Reads a table that a county keeps in a spreadsheet: CSV or XLSX, with headings in English or Chinese.

Chinese spreadsheets save CSV as GBK (read as GB18030, which contains it) unless asked for UTF-8; both are taken. Rows
come out by the English names of their columns and in their places: an empty row stays, so that whoever names a row
counts as the spreadsheet does (`office.enrolling.FIRST_ROW`). Never judges what a row says.
Next: `office.enrolling.parse_offices`, `hub.catalogue.importing.check_divisions`, `hub.catalogue.workbook`.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from msgspec import Struct

from schemas.refusals import Refused

FILE_BYTES_MAX: Final = 8 * 1024 * 1024
"""A list of 1,000 offices is 60 KiB as CSV, 100 KiB as XLSX."""

UNPACKED_BYTES_MAX: Final = 64 * 1024 * 1024
"""What the parts of an XLSX file may say they unpack to: 1,000 offices are 1 MiB, and 8 MiB of zeros would be 8 GiB."""

ROWS_MAX: Final = 20_000
"""Twice the offices that a county may have: a list may have gaps."""

CELL_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"})
"""What a spreadsheet shows, and saves, where a formula came to nothing."""

ERRORS_SHOWN_MAX: Final = 10
"""How many of such cells a refusal names."""

HEADING_CHARACTERS_MAX: Final = 20
"""How much of each heading a refusal repeats."""

ENCODINGS: Final = ("utf-8-sig", "gb18030")
"""In this order: text in the second hardly ever is valid in the first."""


class Column(Struct, frozen=True):
    """One column of a table and what it may be headed with."""

    name: str
    chinese: tuple[str, ...]
    """Its Chinese headings, the usual one first."""
    is_needed: bool = True


OFFICES: Final = (
    Column("office", ("单位代码", "代码")),
    Column("name", ("名称", "单位名称", "单位")),
    Column("address", ("地址", "设备地址"), is_needed=False),
)
DIVISIONS: Final = (
    Column("code", ("代码", "区划代码")),
    Column("name", ("名称", "区划名称")),
    Column("level", ("层级", "级别")),
    Column("parent", ("上级", "上级代码")),
)


def read_rows(path: Path, columns: Sequence[Column]) -> list[Mapping[str, str]]:
    """The rows below the headings, each by column name.

    Raises `Refused`: `file_unreadable`, `columns_missing`, `cell_error`.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise _unreadable(path, *_TOO_LARGE)
        rows = next(iter(read_book(path).values())) if path.suffix.lower() == ".xlsx" else _read_csv(path)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        zh = "无法读取；请确认文件存在，并另存为 CSV 或 XLSX"
        raise _unreadable(path, zh, "cannot be read; save it as CSV or as XLSX") from error
    while rows and not any(rows[-1]):  # formatted and never filled in
        rows.pop()
    if len(rows) > ROWS_MAX:
        raise _unreadable(path, *_TOO_LARGE)
    head, *body = rows or [[]]
    names = _columns_of(path, head, columns)
    _check_cells(path, head, names, body)
    return [{name: cell for name, cell in zip(names, row, strict=False) if name} for row in body]


def _check_cells(path: Path, head: Sequence[str], names: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Raise `Refused` `cell_error` for a formula that came to nothing: nobody means an office called #N/A."""
    wrong = [
        (number, heading, cell)
        for number, row in enumerate(body, start=2)
        for heading, name, cell in zip(head, names, row, strict=False)
        if name and cell in CELL_ERRORS
    ]
    if wrong:
        some = wrong[:ERRORS_SHOWN_MAX]
        zh = "、".join(f"第 {number} 行“{heading}”{cell}" for number, heading, cell in some)
        en = ", ".join(f"row {number} {heading} {cell}" for number, heading, cell in some)
        raise Refused(
            "cell_error",
            f"{path.name} 有 {len(wrong)} 格的公式出错：{zh}；请改正公式或直接填写后重新导入，未导入任何内容。",
            f"{path.name}: {len(wrong)} cells hold a formula that failed: {en}; put them right and import again, "
            "nothing was imported.",
        )


def _columns_of(path: Path, head: Sequence[str], columns: Sequence[Column]) -> list[str]:
    """What each column is called; nothing for one that is not asked for."""
    known = {heading: column.name for column in columns for heading in (column.name, *column.chinese)}
    names = [known.get("".join(heading.split()).lower(), "") for heading in head]
    if any(column.is_needed and column.name not in names for column in columns):
        zh = "、".join(column.chinese[0] for column in columns)
        en = ", ".join(column.name for column in columns)
        found = " | ".join(heading[:HEADING_CHARACTERS_MAX] for heading in head[: 2 * len(columns)])
        raise Refused(
            "columns_missing",
            f"{path.name} 的第一行应为栏目 {zh}（或 {en}），现为“{found}”；请补上栏目名后重新导入，未导入任何内容。",
            f'The first row of {path.name} must be the headings {en}, it is "{found}"; put them there and import '
            "again, nothing was imported.",
        )
    return names


def _read_csv(path: Path) -> list[list[str]]:
    content = path.read_bytes()
    try:
        text = content.decode(ENCODINGS[0])
    except UnicodeDecodeError:
        text = content.decode(ENCODINGS[1])
    return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""))]


def read_book(path: Path) -> dict[str, list[list[str]]]:
    """Every sheet of an XLSX file by its title, its cells as texts. Raises `Refused` `file_unreadable`."""
    import openpyxl

    try:
        with path.open("rb") as file:
            packed, unpacked = path.stat().st_size, sum(part.file_size for part in ZipFile(file).infolist())
            if packed > FILE_BYTES_MAX or unpacked > UNPACKED_BYTES_MAX:
                raise _unreadable(path, *_TOO_LARGE)
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            if not book.worksheets:
                raise _unreadable(path, "没有工作表；请核对文件", "has no sheet; check the file")
            return {
                sheet.title: [
                    [_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True, max_row=ROWS_MAX + 1)
                ]
                for sheet in book.worksheets
            }
    except (Refused, OSError):
        raise
    except Exception as error:
        # A damaged file makes the library stumble in a dozen ways, none of which it names.
        zh = "不是有效的 XLSX 文件；请在表格软件中重新保存"
        raise _unreadable(path, zh, "is not an XLSX file; save it again") from error


_TOO_LARGE: Final = ("大于县里的任何一张表；请核对文件", "is larger than any table of a county; check the file")


def _unreadable(path: Path, zh: str, en: str) -> Refused:
    return Refused("file_unreadable", f"{path.name} {zh}；未导入任何内容。", f"{path.name} {en}; nothing was imported.")


def _text(cell: object) -> str:
    """A cell as text. Spreadsheets turn codes into numbers, 510824.0 is 510824, and days into moments of midnight."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()
