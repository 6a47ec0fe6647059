"""Lists of persons: read from a spreadsheet or a program, checked row by row, found again in a case's entries.

Everything that is wrong is said at once, with its row, and nothing is filed by halves. A number is never quoted.
CSV and XLSX are read everywhere. Never files (`office.intake.Intake.open_list`). Next: `schemas.casework.rosters`.
"""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import Struct, structs

from office.texts import PROSE, has_unseen
from schemas.casework.casefile import CaseFile
from schemas.casework.events import RosterAdded, UnknownKind, decode_event
from schemas.casework.rosters import ROWS_MAX, rows_of
from schemas.casework.stages import ENDED
from schemas.casework.values import Outcome, RosterRow
from schemas.codec import Malformed
from schemas.identity import ORGANISATION_NUMBER, RESIDENT_CARD, IdentityRefused, check_document_number
from schemas.refusals import Refused
from sync.ports import Stored

FILE_BYTES_MAX: Final = 2 * 1024 * 1024
"""6,000 rows are 400 KiB as CSV."""

WORD_CHARACTERS_MAX: Final = 120
"""As in `schemas.casework.values.Word`."""

FAULTS_MAX: Final = 200
"""Faults that are named: who has more corrects these first."""

COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "name": ("姓名", "名称"),
    "document_type": ("证件类型",),
    "document_number": ("证件号码", "身份证号", "身份证号码", "公民身份号码"),
    "phone": ("电话", "手机", "联系电话", "手机号码"),
    "note": ("备注", "说明"),
}
"""Field → its Chinese headings, the usual one first."""

NEEDED: Final = ("name", "document_number")

_KINDS: Final[Mapping[str, str]] = {
    "": RESIDENT_CARD,
    "居民身份证": RESIDENT_CARD,
    "身份证": RESIDENT_CARD,
    "统一社会信用代码": ORGANISATION_NUMBER,
    "护照": "414",
    "其他": "999",
    "其他证件": "999",
}


class Table(Struct, frozen=True):
    """A list as it was read."""

    rows: tuple[RosterRow, ...]
    lines: tuple[int, ...]
    """The line of each row in the file, headings included, as a spreadsheet counts."""


class RowFault(Struct, frozen=True):
    """What is wrong with one row; rows count from 1."""

    row: int
    zh: str
    en: str


class ListRefused(Refused):
    """A list that is not filed, with every row that has to be corrected."""

    def __init__(self, faults: Sequence[RowFault]) -> None:
        rows = len({fault.row for fault in faults})
        super().__init__(
            "list_faulty",
            f"名单中有 {rows} 行需要改正，整份名单没有登记；请按所列行号和原因改正后重新提交。",
            f"{rows} rows of the list have to be corrected and nothing of it was filed; correct them as listed and "
            "send the list again.",
        )
        self.faults = tuple(faults)


def template() -> bytes:
    """An empty table with its headings, as spreadsheets open CSV (UTF-8 with its mark)."""
    return ("\ufeff" + ",".join(names[0] for names in COLUMNS.values()) + "\r\n").encode()


# --- reading ---------------------------------------------------------------------------------------------------------


def read_table(content: bytes) -> Table:
    """The rows of a CSV or XLSX file, blanks stripped. Raises `Refused`: `list_unreadable`, `columns_missing`."""
    if len(content) > FILE_BYTES_MAX:
        raise _unreadable("文件过大；请核对是否选错了文件", "the file is too large to be a list; choose the right one")
    cells = _read_xlsx(content) if content.startswith(b"PK") else _read_csv(content)
    head, *body = cells or [[]]
    known = {heading: name for name, headings in COLUMNS.items() for heading in (name, *headings)}
    names = [known.get("".join(heading.split()).lower(), "") for heading in head]
    if any(needed not in names for needed in NEEDED):
        raise Refused(
            "columns_missing",
            "名单第一行应为栏目名，至少有“姓名”和“证件号码”；请下载模板，把内容填入后重新提交。",
            "The first row of a list names its columns, at least name and document_number; download the template, "
            "fill it in and send it again.",
        )
    numbered = [(line, row) for line, row in enumerate(body, start=2) if any(row)]
    return Table(
        tuple(_row({name: cell for name, cell in zip(names, row, strict=False) if name}) for _, row in numbered),
        tuple(line for line, _ in numbered),
    )


def _row(cells: Mapping[str, str]) -> RosterRow:
    kind = cells.get("document_type", "")
    return RosterRow(
        cells.get("name", ""),
        _KINDS.get(kind, kind),
        cells.get("document_number", ""),
        cells.get("phone", ""),
        cells.get("note", ""),
    )


def _read_csv(content: bytes) -> list[list[str]]:
    """Chinese spreadsheets save CSV as GBK (read as GB18030, which contains it) unless asked for UTF-8."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            return [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text, newline=""))]
        except (UnicodeDecodeError, csv.Error):
            continue
    raise _unreadable("无法读取；请在表格软件中另存为 CSV", "it cannot be read; save it as CSV")


def _read_xlsx(content: bytes) -> list[list[str]]:
    # Imported for the few who send one: what unpacks and reads XML weighs 1 MiB.
    from office.workbooks import NotAWorkbook, read_first_sheet

    try:
        return read_first_sheet(content, 2 * ROWS_MAX)
    except NotAWorkbook as error:
        raise _unreadable("不是有效的 XLSX 文件；请重新保存", "it is not an XLSX file; save it again") from error


def _unreadable(zh: str, en: str) -> Refused:
    return Refused("list_unreadable", f"名单文件{zh}；没有登记任何内容。", f"Nothing was filed: {en}.")


# --- checking --------------------------------------------------------------------------------------------------------


def check_rows(rows: Sequence[RosterRow], today: date) -> tuple[RosterRow, ...]:
    """The rows as they are kept. Raises `ListRefused` naming everything that is wrong, `Refused` for an empty list."""
    if not rows:
        raise Refused(
            "list_empty",
            "名单中没有人员；请填好后重新提交。",
            "There is nobody on the list; fill it in and send it again.",
        )
    if len(rows) > ROWS_MAX:
        raise Refused(
            "list_too_long",
            f"一份名单最多 {ROWS_MAX} 人；请分成几份提交。",
            f"A list has at most {ROWS_MAX} persons; send it in several.",
        )
    checked: list[RosterRow] = []
    faults: list[RowFault] = []
    seen: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows, start=1):
        row, wrong = _check_row(row, today)
        first = seen.setdefault((row.document_type, row.document_number), number)
        if not wrong and first != number:
            wrong = (f"与第 {first} 行是同一个人", f"the same person as in row {first}")
        if wrong:
            faults.append(RowFault(number, *wrong))
        checked.append(row)
    if faults:
        raise ListRefused(faults[:FAULTS_MAX])
    return tuple(checked)


def _check_row(row: RosterRow, today: date) -> tuple[RosterRow, tuple[str, str] | None]:
    texts = structs.asdict(row)
    if not row.name or not row.document_number:
        return row, ("缺少姓名或证件号码", "the name or the number is missing")
    if any(len(text) > WORD_CHARACTERS_MAX for text in texts.values()):
        return row, (f"有一格超过 {WORD_CHARACTERS_MAX} 字", f"a cell has more than {WORD_CHARACTERS_MAX} characters")
    if any(has_unseen(text, is_prose=field in PROSE) for field, text in texts.items()):
        return row, ("含有看不见的字符，请重新输入", "a cell holds characters that cannot be seen; type it anew")
    if "E+" in row.document_number.upper():
        return row, (
            "证件号码被表格软件改成了数字，请把该列设为文本后重新输入",
            "the spreadsheet turned the number into a figure; make the column text and type it again",
        )
    try:
        number = check_document_number(row.document_type, row.document_number, today)
    except IdentityRefused as refusal:
        return row, (refusal.zh, refusal.en)
    return structs.replace(row, document_number=number), None


# --- lists that were filed -------------------------------------------------------------------------------------------


def read_roster(case: CaseFile, entries: Iterable[Stored]) -> tuple[RosterRow, ...]:
    """The rows of a list that count, as far as they are here. `entries`: all of the case that are here."""
    counting = {one.hash for one in case.contributed(RosterAdded.kind)}
    found: list[RosterAdded] = []
    for entry in entries:
        if entry.hash not in counting or entry.body is None:
            continue
        try:
            event = decode_event(entry.kind, entry.body)
        except (UnknownKind, Malformed):
            continue
        if isinstance(event, RosterAdded):
            found.append(event)
    return rows_of(found)


def came_to_nothing(case: CaseFile) -> bool:
    """Whether a list was refused, or ended undecided, struck off since or not: it may be filed anew."""
    return case.stage in ENDED if case.decision is None else case.decision.outcome is Outcome.REFUSED


def provides_for(case: CaseFile, rows: Sequence[RosterRow]) -> set[tuple[str, str]]:
    """Of a list's persons, (document type, number) of those whom it provides for, or may yet: not of a list that ended
    without a grant, and not those whom the decision left out.
    """
    if came_to_nothing(case):
        return set()
    excepted = {one.row for one in case.decision.excepted} if case.decision is not None else set[int]()
    return {
        (row.document_type, row.document_number) for number, row in enumerate(rows, start=1) if number not in excepted
    }
