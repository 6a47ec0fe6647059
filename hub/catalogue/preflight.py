"""The report before an import: a draft as it was read from a file is judged whole, and every fault has its place.

A place is the sheet, the row and the column as the file's own program shows them: lines of a text, rows and letters of
a spreadsheet. Rules of content are in `schemas.catalogue_rows`; here is what concerns the file as a whole.
Never changes anything: what to do with an edition is the caller's. Next: `hub.catalogue.importing`, which reads.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Final, cast

import msgspec
from msgspec import Meta, Struct, structs

from hub.spreadsheets import CELL_ERRORS
from office.texts import has_unseen
from schemas.catalogue import Edition, Fault, publishable
from schemas.catalogue_columns import PROSE, Row
from schemas.catalogue_materials import MATERIALS_SHEET, parse_materials
from schemas.catalogue_rows import Cover, code_of, flatten, parse_edition

EDITION_SHEET: Final = "edition"
"""Where a fault in what a file says of the edition is reported."""


class CoverField(Struct, frozen=True):
    """One thing that a file says of its edition."""

    heading: str
    zh: str
    en: str
    kind: object
    """What it must be, for `msgspec.convert`."""


_Short = Annotated[str, Meta(max_length=120)]

COVER: Final[Mapping[str, CoverField]] = {
    "version": CoverField(
        "版本号",
        "版本号应为 1 至 60 个字符；在 YAML 中须加引号",
        "the version has 1 to 60 characters (quoted in YAML)",
        Annotated[str, Meta(min_length=1, max_length=60)],
    ),
    "effective_from": CoverField(
        "生效日期", "应为真实存在的日期，如 2027-01-01", "a day that exists, such as 2027-01-01", date | None
    ),
    "document": CoverField("批准文号", "不超过 120 字", "at most 120 characters", _Short),
    "approver": CoverField("批准人", "不超过 120 字", "at most 120 characters", _Short),
    "sample": CoverField("样例", "演示数据填是，正式目录填否（true、false）", "true for demonstration data", bool),
}
"""By English code."""


class Sheet(Struct, frozen=True):
    """How a spreadsheet shows one table."""

    title: str
    columns: Mapping[str, tuple[str, str]]
    """English code → its letter, and its heading as written."""


class Draft(Struct, frozen=True):
    """A catalogue as read from a file, not judged yet."""

    source: str
    """File name, without its folder."""
    cover: Mapping[str, object] = {}
    """By the codes of `COVER`."""
    rows: Sequence[Row] = ()
    materials: Sequence[Row] = ()
    """The dictionary of materials; empty: the county keeps none."""
    sheets: Mapping[str, Sheet] = {}
    """Of a spreadsheet, by our names of its tables."""
    faults: Sequence[Fault] = ()
    """Why it cannot be judged at all."""
    warnings: Sequence[Fault] = ()
    """What was noticed on reading."""


class Preflight(Struct, frozen=True):
    """The report before an import: either an edition that may be kept, or everything that is wrong."""

    source: str
    """File name, without its folder."""
    edition: Edition | None
    faults: tuple[Fault, ...]
    warnings: tuple[Fault, ...] = ()
    """What looks wrong and need not be, or was put right on reading."""

    def text(self, language: str = "zh") -> str:
        """The report as an operator reads it, one line a fault."""
        if self.edition is None:
            return report(self.source, *refused(self.faults), self.faults, language, self.warnings)
        count, version = len(self.edition.items), self.edition.version
        zh, en = f"共 {count} 项，版本 {version}，没有问题。", f"{count} items, edition {version}, no fault."
        return report(self.source, zh, en, (), language, self.warnings)

    def gaps_text(self, language: str = "zh") -> str:
        """What is missing before the edition may be published; empty when nothing is, or there is none."""
        gaps = publishable(self.edition) if self.edition is not None else ()
        if not gaps:
            return ""
        zh = f"可以导入；公开发布前还缺 {len(gaps)} 处。"
        return report(self.source, zh, f"may be imported; before publication {len(gaps)} are missing.", gaps, language)


def judge(draft: Draft, first: date | None = None, *, otherwise: date | None = None) -> Preflight:
    """Judge a draft whole.

    `first`: the day from which it shall be in force, whatever the file says; `otherwise`: the day if the file says
    none. A file without any day has a fault.
    """
    if draft.faults:
        return Preflight(draft.source, None, tuple(draft.faults), tuple(draft.warnings))
    cover, faults = _read_cover(draft.cover, first, otherwise)
    materials, wrong = parse_materials(draft.materials)
    parsed = parse_edition(cover, draft.rows, materials if draft.materials else None)
    found = sorted([*faults, *wrong, *_unfit_in(draft), *parsed.faults], key=lambda fault: (fault.sheet, fault.row))
    placed = tuple(_placed(fault, draft.sheets) for fault in found)
    warnings = (*draft.warnings, *(_placed(fault, draft.sheets) for fault in parsed.warnings))
    return Preflight(draft.source, None if found else parsed.edition, placed, warnings)


def _read_cover(
    said: Mapping[str, object], first: date | None, otherwise: date | None
) -> tuple[Cover, tuple[Fault, ...]]:
    values: dict[str, object] = {"version": "", "document": "", "approver": "", "effective_from": None, "sample": False}
    values |= {field: value for field, value in said.items() if value is not None}
    read: dict[str, object] = {}
    faults: list[Fault] = []
    for field, what in COVER.items():
        try:
            read[field] = msgspec.convert(values[field], what.kind)
        except msgspec.ValidationError:
            faults.append(Fault(0, "", field, what.zh, what.en, EDITION_SHEET))
    day = first or cast("date | None", read.get("effective_from")) or otherwise
    if day is None and "effective_from" in read:
        zh, en = "没有生效日期；请填写，或用 --from 指定", "names no first day; put it there or give --from"
        faults.append(Fault(0, "", "effective_from", zh, en, EDITION_SHEET))
    version, document, approver = (str(read.get(field, "")) for field in ("version", "document", "approver"))
    return Cover(version, day or date.min, document, approver, read.get("sample") is True), tuple(faults)


def _unfit_in(draft: Draft) -> Iterator[Fault]:
    """Texts that no cell should hold. Line ends, tabs and unseen characters: the desk would refuse every filing that
    repeats such a name. A formula that came to nothing.
    """
    tables = (
        *((EDITION_SHEET, 0, "", field, value) for field, value in draft.cover.items()),
        *(
            (MATERIALS_SHEET, number, "id", field, value)
            for number, row in draft.materials
            for field, value in row.items()
        ),
        *(
            ("", number, code_of(row), column, value)
            for number, row in draft.rows
            for column, value in flatten(row).items()
        ),
    )
    unseen = ("含有换行、制表符或看不见的字符，请重新输入", "holds a line end, a tab or an unseen character")
    for sheet, number, item, field, value in tables:
        words = cast("list[object]", value) if isinstance(value, list) else [value]
        if any(isinstance(word, str) and has_unseen(word, is_prose=field in PROSE) for word in words):
            yield Fault(number, item, field[:40], *unseen, sheet)
        if any(isinstance(word, str) and word in CELL_ERRORS for word in words):
            yield Fault(number, item, field[:40], "公式出错，请改正公式或直接填写", "a formula that failed", sheet)


def _placed(fault: Fault, sheets: Mapping[str, Sheet]) -> Fault:
    """A fault where a spreadsheet shows it; as it is for a text."""
    sheet = sheets.get(fault.sheet)
    if sheet is None:
        return fault
    letter, heading = sheet.columns.get(fault.field, ("", fault.field))
    return structs.replace(fault, sheet=sheet.title, column=letter, field=heading)


# --- texts -----------------------------------------------------------------------------------------------------------


def refused(faults: Sequence[Fault]) -> tuple[str, str]:
    """How a report begins when nothing was imported, in Chinese and English."""
    return f"有 {len(faults)} 处问题，未导入任何内容。", f"{len(faults)} faults, nothing imported."


def report(
    source: str, zh: str, en: str, faults: Sequence[Fault], language: str, warnings: Sequence[Fault] = ()
) -> str:
    """A report: what came of it, then a line for each fault, then one for each warning."""
    is_english = language.startswith("en")
    head = f"{source}: {en}" if is_english else f"{source}：{zh}"
    mark = "note: " if is_english else "提示："
    lines = [_line(fault, "", is_english=is_english) for fault in faults]
    return "\n".join([head, *lines, *(_line(warning, mark, is_english=is_english) for warning in warnings)])


def _line(fault: Fault, mark: str, *, is_english: bool) -> str:
    row = (f"row {fault.row}" if is_english else f"第 {fault.row} 行") if fault.row else ""
    column = (f"column {fault.column}" if is_english else f"{fault.column} 列") if fault.column else ""
    where = " ".join(part for part in (fault.sheet, row, column, fault.item) if part)
    place = " · ".join(part for part in (where, fault.field) if part)
    if is_english:
        return f"  {mark}{place}: {fault.en}" if place else f"  {mark}{fault.en}"
    return f"  {mark}{place}：{fault.zh}" if place else f"  {mark}{fault.zh}"
