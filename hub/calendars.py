"""Reads the working days of one year: a county's table (CSV, XLSX) or YAML, or the installed `chinesecalendar`.

A table has the columns 日期 (first day), 至 (last day, if there are several), 安排 (放假 or 上班), 文件 (title or
number of the notice; once is enough) and 性质 (国家, the default, or 本地); their English names do as well. YAML has
`document`, `status` and `days`, a list of rows with `date`, `until` and `kind`. Days that are as their weekday may be
listed or not. A local file lists all that this place changes in that year: it takes the place of the earlier one.
Never changes anything: publishing is the caller's. Next: `schemas.calendar`, `hub.cli_calendar`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Final, cast

import yaml
from msgspec import Struct

from hub.catalogue.importing import numbered_rows
from hub.catalogue.preflight import refused, report
from hub.spreadsheets import Column, read_rows
from office.enrolling import FIRST_ROW
from office.seeds import load_calendar
from office.texts import has_unseen
from schemas.calendar import (
    DOCUMENT_CHARACTERS_MAX,
    FIRST_YEAR,
    LAST_YEAR,
    STATUTORY_DAYS,
    CalendarYear,
    DayKind,
    WorkCalendar,
    YearStatus,
    statutory_days,
)
from schemas.catalogue import Fault
from schemas.refusals import Refused

FILE_BYTES_MAX: Final = 256 * 1024
"""A file that lists every day of a year is about 30 KiB."""

SHOWN_CHARACTERS_MAX: Final = 40
"""How much of a cell a fault repeats."""

COLUMNS: Final = (
    Column("date", ("日期", "开始日期")),
    Column("until", ("至", "结束日期"), is_needed=False),
    Column("kind", ("安排",)),
    Column("document", ("文件", "文号"), is_needed=False),
    Column("status", ("性质",), is_needed=False),
)
_HEADINGS: Final = {column.name: column.chinese[0] for column in COLUMNS}

_KINDS: Final = {
    **dict.fromkeys(("放假", "休息", "休", "rest"), DayKind.REST),
    **dict.fromkeys(("上班", "补班", "班", "working"), DayKind.WORKING),
}
_STATUSES: Final = {
    **dict.fromkeys(("", "国家", "国务院", "official"), YearStatus.OFFICIAL),
    **dict.fromkeys(("本地", "本县", "地方", "local"), YearStatus.LOCAL),
}
_DATE: Final = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日{0,1}")

_Row = tuple[int, Mapping[str, str]]
"""Its number as the reader of the file counts, and its cells."""


class YearPreflight(Struct, frozen=True):
    """The report before a year is published: a year that may be, or everything that is wrong."""

    source: str
    """File name, without its folder."""
    year: CalendarYear | None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    """What should be looked at again and does not prevent publishing."""

    def text(self, language: str = "zh") -> str:
        """The report as an operator reads it: the year's days, or one line a fault."""
        if self.year is None:
            return report(self.source, *refused(self.faults), self.faults, language)
        told = report(self.source, "没有问题。", "no fault.", (), language, self.warnings)
        return f"{told}\n{year_text(self.year, language)}"


def read_year(path: Path) -> YearPreflight:
    """Read and judge a year's file. Raises `Refused`: `file_unreadable`, `columns_missing`, `calendar_not_yaml`."""
    if path.suffix.lower() in (".yaml", ".yml"):
        return _judge(path.name, _read_yaml(path), {})
    return _judge(path.name, enumerate(read_rows(path, COLUMNS), start=FIRST_ROW), _HEADINGS)


def find_installed(year: int) -> CalendarYear | None:
    """The notice of a year as the installed `chinesecalendar` has it; None when the package is older than that."""
    import chinese_calendar

    days: dict[date, DayKind] = {}
    try:
        for day in _days_of(date(year, 1, 1), date(year, 12, 31)):
            works = bool(chinese_calendar.is_workday(day))  # pyright: ignore[reportUnknownMemberType]
            if works is not (day.weekday() < 5):
                days[day] = DayKind.WORKING if works else DayKind.REST
    except NotImplementedError:  # The package's own answer for a year that it has no notice of.
        return None
    return CalendarYear(year, YearStatus.OFFICIAL, f"国务院办公厅关于{year}年部分节假日安排的通知", days)


def year_text(year: CalendarYear, language: str = "zh") -> str:
    """A year for the screen: where it is from, how many working days it has, and each day that differs."""
    is_english = language.startswith("en")
    origin = _ORIGINS[year.status][is_english]
    if year.document:
        origin += f" ({year.document})" if is_english else f"（{year.document}）"
    if year.status is not YearStatus.LOCAL:
        count = _working_days(year)
        origin += f", {count} working days" if is_english else f"，全年 {count} 个工作日"
    lines = [f"{year.year}: {origin}" if is_english else f"{year.year} 年：{origin}"]
    for kind, zh, en in ((DayKind.REST, "放假", "rest"), (DayKind.WORKING, "上班", "working")):
        days = sorted(day for day, what in year.days.items() if what is kind)
        if days:
            text = ", ".join(map(str, days)) if is_english else "、".join(f"{day.month}月{day.day}日" for day in days)
            lines.append(f"  {en}: {text}" if is_english else f"  {zh}：{text}")
    return "\n".join(lines)


_ORIGINS: Final[Mapping[YearStatus, tuple[str, str]]] = {
    YearStatus.OFFICIAL: ("国家通知", "official notice"),
    YearStatus.PROVISIONAL: ("尚无通知，按周末和法定节假日暂定", "no notice yet, assumed from weekends and holidays"),
    YearStatus.LOCAL: ("本地更改", "local change"),
}


# --- judging ---------------------------------------------------------------------------------------------------------


class _Judge:
    """One file on its way to a year: what its rows say so far, and what is wrong with them."""

    def __init__(self, headings: Mapping[str, str]) -> None:
        self._headings = headings
        self.days: dict[date, DayKind] = {}
        self.words: dict[str, set[str]] = {"document": set(), "status": set()}
        self.faults: list[Fault] = []

    def blame(self, row: int, field: str, zh: str, en: str) -> None:
        """One more fault; row 0 is the file as a whole."""
        self.faults.append(Fault(row=row, item="", field=self._headings.get(field, field), zh=zh, en=en))

    def take(self, row: int, cells: Mapping[str, str]) -> None:
        """Take in one row: its days, and what it says of the whole file."""
        for field, words in self.words.items():
            words |= {cells.get(field, "").strip()} - {""}
        first = self._date(row, "date", cells.get("date", ""))
        until = cells.get("until", "")
        last = self._date(row, "until", until) if until else first
        kind = _KINDS.get(cells.get("kind", "").strip().lower())
        if kind is None:
            self.blame(row, "kind", "应为 放假 或 上班", "must be 放假 (rest) or 上班 (working)")
        if first is None or last is None or kind is None:
            return
        if not first <= last or last.year != first.year:
            zh, en = "应在同一年内，且不早于开始日期", "must be in the year of the first day and not before it"
            self.blame(row, "until", zh, en)
            return
        for day in _days_of(first, last):
            if self.days.setdefault(day, kind) is not kind:
                self.blame(row, "date", f"{day} 前面已另有安排", f"{day} was said to be otherwise above")

    def _date(self, row: int, field: str, text: str) -> date | None:
        found = _DATE.fullmatch(text.strip())
        try:
            day = date(*map(int, found.groups())) if found else None
        except ValueError:
            day = None
        if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
            shown = text[:SHOWN_CHARACTERS_MAX]
            zh, en = f"没有“{shown}”这一天，应如 2027-02-05", f'there is no day "{shown}"; write 2027-02-05'
            self.blame(row, field, zh, en)
            return None
        return day


def _judge(source: str, rows: Iterable[_Row], headings: Mapping[str, str]) -> YearPreflight:
    judge = _Judge(headings)
    for number, cells in rows:
        if any(cells.values()):
            judge.take(number, cells)
    year = _year_of(judge)
    if year is not None and not judge.faults:
        _check_statutory(judge, year)
    if year is None or judge.faults:
        return YearPreflight(source, None, tuple(sorted(judge.faults)))
    return YearPreflight(source, year, (), _warnings(year))


def _year_of(judge: _Judge) -> CalendarYear | None:
    """The year that the rows make, as far as they make one."""
    years = sorted({day.year for day in judge.days})
    document = _only(judge, "document")
    status = _STATUSES.get(_only(judge, "status").lower())
    if not years and not judge.faults:
        judge.blame(0, "date", "没有任何日期", "there is no day in it")
    if len(years) > 1:
        zh = f"有 {'、'.join(map(str, years))} 年的日期；一个文件只列一年，属于上年 12 月的请补入上年的文件并重新发布"
        en = (
            f"days of {', '.join(map(str, years))}; one file has one year, days of the December before belong to the "
            "file of that year, which is then published again"
        )
        judge.blame(0, "date", zh, en)
    if not document or len(document) > DOCUMENT_CHARACTERS_MAX or has_unseen(document, is_prose=False):
        zh = f"应写明通知的标题或文号，不超过 {DOCUMENT_CHARACTERS_MAX} 字"
        judge.blame(0, "document", zh, f"name the notice, in at most {DOCUMENT_CHARACTERS_MAX} characters")
    if status is None:
        judge.blame(0, "status", "应为 国家 或 本地", "must be 国家 (official) or 本地 (local)")
    if judge.faults or status is None:
        return None
    days = dict(sorted(judge.days.items()))
    if status is YearStatus.OFFICIAL:
        days = {day: kind for day, kind in days.items() if (kind is DayKind.WORKING) is not (day.weekday() < 5)}
    return CalendarYear(years[0], status, document, days)


def _only(judge: _Judge, field: str) -> str:
    """What the file says of itself in a column; it says it once or always alike."""
    words = judge.words[field]
    if len(words) > 1:
        judge.blame(0, field, "各行不一致", "differs from row to row")
    return min(words, default="")


def _check_statutory(judge: _Judge, year: CalendarYear) -> None:
    """A statutory holiday is no working day, whoever says so."""
    for day in sorted(statutory_days(year.year, load_calendar().lunar)):
        is_plain = year.status is YearStatus.OFFICIAL and day.weekday() < 5
        if year.days.get(day, DayKind.WORKING if is_plain else DayKind.REST) is DayKind.WORKING:
            zh, en = f"{day} 是法定节假日，应为 放假", f"{day} is a statutory holiday and must be 放假 (rest)"
            judge.blame(0, "date", zh, en)


def _warnings(year: CalendarYear) -> tuple[Fault, ...]:
    """A notice moves days of rest and adds none: what is left over was probably mistyped."""
    weekdays = sum(day.weekday() < 5 for day in _days_of(date(year.year, 1, 1), date(year.year, 12, 31)))
    expected, found = weekdays - STATUTORY_DAYS, _working_days(year)
    if year.status is YearStatus.LOCAL or found == expected:
        return ()
    zh = f"全年有 {found} 个工作日，通常为 {expected} 个；请与通知核对是否漏列或多列"
    en = f"there are {found} working days, usually {expected}; compare with the notice whether days are missing"
    return (Fault(row=0, item="", field="", zh=zh, en=en),)


def _working_days(year: CalendarYear) -> int:
    whole = WorkCalendar(lunar=load_calendar().lunar)
    if year.status is not YearStatus.PROVISIONAL:
        whole = whole.with_year(year)
    return whole.working_days_between(date(year.year - 1, 12, 31), date(year.year, 12, 31))


def _days_of(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


# --- reading ---------------------------------------------------------------------------------------------------------


def _read_yaml(path: Path) -> list[_Row]:
    """Rows as a table would have them; what stands once for all of them is given to the first."""
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise _unreadable(path)
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(path) from error
    # Everything as text: the other loaders stumble over a day that does not exist instead of naming it. This one makes
    # nothing but texts, lists and mappings, so it is as safe as the safe one.
    loader = yaml.BaseLoader(text)
    try:
        root = loader.get_single_node()
        document = loader.construct_document(root) if root is not None else None  # pyright: ignore[reportUnknownMemberType]
    except (yaml.YAMLError, RecursionError) as error:
        raise _no_calendar(path) from error
    finally:
        loader.dispose()
    fields = cast("dict[object, object]", document) if isinstance(document, dict) else {}
    rows = numbered_rows(fields, "days", root)
    if not rows or not all(row for _, row in rows):
        raise _no_calendar(path)
    common = {name: fields[name] for name in ("document", "status") if name in fields}
    first = rows[0][0]
    return [
        (line, {name: cell for name, cell in (row | common if line == first else row).items() if isinstance(cell, str)})
        for line, row in rows
    ]


def _no_calendar(path: Path) -> Refused:
    return Refused(
        "calendar_not_yaml",
        f"{path.name} 不是有效的日历文件；应有 document 和 days，days 的每行有 date 和 kind，请改正后重试。",
        f"{path.name} is no calendar: it needs document and days, a list of rows with date and kind; put it right and "
        "try again.",
    )


def _unreadable(path: Path) -> Refused:
    return Refused(
        "file_unreadable",
        f"{path.name} 无法读取；请确认文件存在并以 UTF-8 编码保存。",
        f"{path.name} cannot be read; make sure that it exists and is saved as UTF-8.",
    )
