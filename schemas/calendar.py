"""Working days: an own table of days and the arithmetic on it.

The table comes in as values (seeded by the county from the yearly notice of the State Council); beyond its last day the
fixed statutory holidays and weekends are assumed and the result is marked *provisional*, to be computed again when the
next notice is loaded. Day 0 is the day of the event and is not counted (Civil Code art. 201).
Never knows what day it is. Next: `schemas.casework.clocks` for due dates of cases.
"""

from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct

WORKING_DAYS_MAX: Final = 400
"""No term in the catalogue is longer than 60 working days; the cap keeps a mistyped one from walking for years."""

_FIXED_HOLIDAYS: Final = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})
"""Statutory holidays with a fixed solar date (2024 revision). The lunar ones come only with the yearly notice."""

_ONE_DAY: Final = timedelta(days=1)


class DayKind(StrEnum):
    """What the notice says of one day."""

    WORKING = "working"
    REST = "rest"


class DueDay(Struct, frozen=True):
    """A day reached by counting. `provisional`: some day on the way is not yet in an official notice."""

    day: date
    provisional: bool


class WorkCalendar(Struct, frozen=True):
    """The official notices, without a gap between `first` and `last`; a day left out is as its weekday."""

    days: dict[date, DayKind]
    """Only the days that differ from Monday–Friday working, Saturday–Sunday rest."""
    first: date
    last: date

    def is_working(self, day: date) -> bool:
        """Whether `day` is a working day; outside `first`…`last` by weekday and fixed holidays."""
        kind = self.days.get(day)
        if kind is not None:
            return kind is DayKind.WORKING
        if day.weekday() >= 5:
            return False
        return self.is_official(day) or (day.month, day.day) not in _FIXED_HOLIDAYS

    def is_official(self, day: date) -> bool:
        """Whether the notices cover this day."""
        return self.first <= day <= self.last

    def add_working_days(self, start: date, working_days: int) -> DueDay:
        """The `working_days`-th working day after `start`; 0 is `start` itself. Raises ValueError outside 0…400."""
        _check_count(working_days)
        day = start
        is_official = working_days == 0 or self.is_official(start)
        left = working_days
        while left:
            day += _ONE_DAY
            is_official = is_official and self.is_official(day)
            left -= self.is_working(day)
        return DueDay(day, not is_official)

    def add_calendar_days(self, start: date, calendar_days: int) -> DueDay:
        """`calendar_days` after `start`; a last day of rest moves to the next working day (Civil Code art. 203)."""
        _check_count(calendar_days)
        day = start + timedelta(days=calendar_days)
        if calendar_days == 0:
            return DueDay(day, False)
        is_official = self.is_official(day)
        while not self.is_working(day):
            day += _ONE_DAY
            is_official = is_official and self.is_official(day)
        return DueDay(day, not is_official)

    def working_days_between(self, start: date, end: date) -> int:
        """How many working days lie after `start` up to and including `end`; negative when `end` is earlier."""
        if end < start:
            return -self.working_days_between(end, start)
        days = (end - start).days
        return sum(self.is_working(start + timedelta(days=number)) for number in range(1, days + 1))


def _check_count(days: int) -> None:
    if not 0 <= days <= WORKING_DAYS_MAX:
        raise ValueError(f"a term has 0 to {WORKING_DAYS_MAX} days")
