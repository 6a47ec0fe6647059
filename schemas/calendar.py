"""Working days: the years of a county's calendar and the arithmetic on them.

A year is *official* when the State Council's notice for it is loaded. Every other year is *provisional*: weekends and
the statutory holidays are assumed, and what is counted over one of its days is marked, to be counted again when the
notice comes. A *local* change lies over a year and names its own document. Day 0 is the day of the event and is not
counted (Civil Code art. 201). A calendar is a value: a new notice makes another one.
Never knows what day it is. Next: `schemas.casework.clocks` for due dates, `schemas.openings` for the days of a site.
"""

import hashlib
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from schemas.codec import encode
from schemas.lunar import NO_LUNAR, LunarTable

WORKING_DAYS_MAX: Final = 400
"""No term in the catalogue is longer than 60 working days; the cap keeps a mistyped one from walking for years."""

FIRST_YEAR: Final = 1949
LAST_YEAR: Final = 2200
"""A claimed time may be any number; what is counted from nonsense ends here."""

DOCUMENT_CHARACTERS_MAX: Final = 120
"""Title or number of a notice; the State Council's has 24 characters."""

STATUTORY_DAYS: Final = 13
"""Days of rest that the law adds to the weekends of a year, in exchange for weekends too (State Council, 2024)."""

_FIXED_HOLIDAYS: Final = ((1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3))
_LUNAR_HOLIDAYS: Final = ((1, (-1, 0, 1, 2)), (5, (4,)), (8, (14,)))
"""Lunar month, and days from its first: New Year's Eve to 初三, Dragon Boat, Mid-Autumn."""

_ONE_DAY: Final = timedelta(days=1)


class DayKind(StrEnum):
    """What the notice says of one day."""

    WORKING = "working"
    REST = "rest"


class YearStatus(StrEnum):
    """How far a year can be relied on."""

    OFFICIAL = "official"
    """The State Council's notice."""
    PROVISIONAL = "provisional"
    """No notice yet: assumed."""
    LOCAL = "local"
    """Days that this place changed, over either."""


class DueDay(Struct, frozen=True):
    """A day reached by counting. `provisional`: some day on the way is not yet in an official notice."""

    day: date
    provisional: bool


class CalendarYear(Struct, frozen=True):
    """One year's notice, assumption or local change. Raises ValueError for a day of another year."""

    year: Annotated[int, Meta(ge=FIRST_YEAR, le=LAST_YEAR)]
    status: YearStatus
    document: Annotated[str, Meta(max_length=DOCUMENT_CHARACTERS_MAX)]
    """Title or number of what the days are taken from; empty for an assumption."""
    days: dict[date, DayKind]
    """Only what differs: from Monday–Friday working and Saturday–Sunday rest, or, if local, from the year as it was."""

    def __post_init__(self) -> None:
        if any(day.year != self.year for day in self.days):
            raise ValueError(f"the calendar of {self.year} holds only days of {self.year}")


class _Counts(Struct, frozen=True, gc=False):
    """One year, counted once."""

    before: int
    """Ordinal of the last day of the year before, so that the days of the year are 1 to 365 or 366."""
    upto: tuple[int, ...]
    """How many working days there are up to and including each day of the year; 0 for day 0."""
    working: tuple[int, ...]
    """The working days, as days of the year."""
    is_official: bool


class WorkCalendar:
    """The calendar of one county: every day of every year works or rests. Its methods are pure and may be called often.

    Of several years with one number and status the last counts, so a local change lists *all* that differs locally.
    """

    __slots__ = ("_counts", "_local", "_official", "lunar")

    def __init__(self, years: Iterable[CalendarYear] = (), lunar: LunarTable = NO_LUNAR) -> None:
        """Of notices and local changes. Raises ValueError for a provisional year: those are assumed, never given."""
        self.lunar = lunar
        self._official: dict[int, CalendarYear] = {}
        self._local: dict[int, CalendarYear] = {}
        self._counts: dict[int, _Counts] = {}
        for year in years:
            if year.status is YearStatus.PROVISIONAL:
                raise ValueError(f"{year.year} is provisional as long as no notice is given")
            (self._local if year.status is YearStatus.LOCAL else self._official)[year.year] = year

    @property
    def digest(self) -> bytes:
        """SHA-256 over all that counts: two nodes that show one digest count alike."""
        given = [
            (year.year, year.status.value, year.document, sorted(year.days.items()))
            for years in (self._official, self._local)
            for year in sorted(years.values(), key=lambda one: one.year)
        ]
        return hashlib.sha256(encode((given, self.lunar))).digest()

    def with_year(self, year: CalendarYear) -> "WorkCalendar":
        """This calendar with one more notice or local change; the earlier one of that year and status goes."""
        return WorkCalendar((*self._official.values(), *self._local.values(), year), self.lunar)

    def year_of(self, year: int) -> CalendarYear:
        """The notice for a year, or what is assumed while there is none; without local changes."""
        assumed = {day: DayKind.REST for day in statutory_days(year, self.lunar) if day.weekday() < 5}
        return self._official.get(year) or CalendarYear(year, YearStatus.PROVISIONAL, "", assumed)

    def find_local(self, year: int) -> CalendarYear | None:
        """The local change of a year."""
        return self._local.get(year)

    def is_working(self, day: date) -> bool:
        """Whether `day` is a working day."""
        counts = self._count(day.year)
        number = day.toordinal() - counts.before
        return counts.upto[number] > counts.upto[number - 1]

    def is_official(self, day: date) -> bool:
        """Whether the notice for this day's year is loaded."""
        return day.year in self._official

    def add_working_days(self, start: date, working_days: int) -> DueDay:
        """The `working_days`-th working day after `start`; 0 is `start` itself. Raises ValueError outside 0…400."""
        _check_count(working_days)
        if not working_days:
            return DueDay(start, False)
        year = start.year
        counts = self._count(year)
        is_official = counts.is_official
        wanted = counts.upto[start.toordinal() - counts.before] + working_days
        while wanted > len(counts.working):
            wanted -= len(counts.working)
            year += 1
            counts = self._count(year)
            is_official = is_official and counts.is_official
        return DueDay(date.fromordinal(counts.before + counts.working[wanted - 1]), not is_official)

    def add_calendar_days(self, start: date, calendar_days: int) -> DueDay:
        """`calendar_days` after `start`; a last day of rest moves to the next working day (Civil Code art. 203)."""
        _check_count(calendar_days)
        if not calendar_days:
            return DueDay(start, False)
        last = start + timedelta(days=calendar_days)
        day = self.next_working_day_on_or_after(last)
        return DueDay(day, not (self.is_official(last) and self.is_official(day)))

    def next_working_day_on_or_after(self, day: date) -> date:
        """`day` itself if it is a working day, else the first one after it."""
        while not self.is_working(day):
            day += _ONE_DAY
        return day

    def working_days_between(self, start: date, end: date) -> int:
        """How many working days lie after `start` up to and including `end`; negative when `end` is earlier."""
        if end < start:
            return -self.working_days_between(end, start)
        whole_years = sum(len(self._count(year).working) for year in range(start.year, end.year))
        return whole_years + self._upto(end) - self._upto(start)

    def first_difference(self, later: "WorkCalendar") -> date | None:
        """The first day that `later` calls otherwise, or knows officially and this one assumes; None without any.

        What was counted without reaching that day stands; everything else is to be counted again with `later`.
        """
        years = {year for calendar in (self, later) for year in (*calendar._official, *calendar._local)}
        if self.lunar != later.lunar:
            years |= {month.first.year for calendar in (self, later) for month in calendar.lunar.months}
        found = (_first_difference(self._count(year), later._count(year)) for year in sorted(years))
        return next((day for day in found if day is not None), None)

    def _upto(self, day: date) -> int:
        counts = self._count(day.year)
        return counts.upto[day.toordinal() - counts.before]

    def _count(self, year: int) -> _Counts:
        counts = self._counts.get(year)
        if counts is None:
            days = self.year_of(year).days
            local = self._local.get(year)
            days = days if local is None else days | local.days
            counts = self._counts[year] = _count(year, days, is_official=year in self._official)
        return counts


def statutory_days(year: int, lunar: LunarTable) -> frozenset[date]:
    """The statutory holidays of a year, as far as they are known: all where the lunar table covers it, else the fixed.

    The State Council's regulation as revised in November 2024. Two may coincide. Which working day replaces one that
    falls on a weekend, and which weekend is worked in exchange, only the yearly notice says.
    """
    days = {date(year, month, day) for month, day in _FIXED_HOLIDAYS}
    days |= {day for day in lunar.qingming if day.year == year}
    for month, offsets in _LUNAR_HOLIDAYS:
        first = lunar.find_first(year, month)
        if first is not None:
            days |= {first + timedelta(days=offset) for offset in offsets}
    return frozenset(days)


def _count(year: int, kinds: Mapping[date, DayKind], *, is_official: bool) -> _Counts:
    before = date(year, 1, 1).toordinal() - 1
    upto, working = [0], list[int]()
    for number in range(1, date(year, 12, 31).toordinal() - before + 1):
        day = date.fromordinal(before + number)
        kind = kinds.get(day)
        if kind is DayKind.WORKING or (kind is None and day.weekday() < 5):
            working.append(number)
        upto.append(len(working))
    return _Counts(before, tuple(upto), tuple(working), is_official)


def _first_difference(one: _Counts, other: _Counts) -> date | None:
    if one.is_official is not other.is_official:
        return date.fromordinal(one.before + 1)
    pairs = enumerate(zip(one.upto, other.upto, strict=True))
    number = next((number for number, (mine, theirs) in pairs if mine != theirs), None)
    return None if number is None else date.fromordinal(one.before + number)


def _check_count(days: int) -> None:
    if not 0 <= days <= WORKING_DAYS_MAX:
        raise ValueError(f"a term has 0 to {WORKING_DAYS_MAX} days")
