"""Days of the Chinese lunar calendar (农历), looked up in a table of month starts.

The table is a value: markets follow it (逢一四七), and so do three of the statutory holidays. Never computes the moon:
beyond the table a day is unknown and says so. Next: `schemas.openings` for markets, `schemas.calendar` for holidays.
"""

from bisect import bisect_right
from datetime import date
from typing import Final

from msgspec import Struct


class LunarDay(Struct, frozen=True):
    """One day as the lunar calendar names it; 十月十四 is month 10, day 14."""

    month: int
    """1 to 12."""
    day: int
    """1 to 30."""
    is_leap: bool = False
    """Whether it lies in the leap month (闰月) that repeats this month's number."""


class LunarMonth(Struct, frozen=True, array_like=True):
    """One month: its first day (初一) and its number."""

    first: date
    number: int
    is_leap: bool = False


class LunarTable(Struct, frozen=True):
    """Lunar months without a gap, oldest first, and the day of Qingming (清明) of each solar year."""

    months: tuple[LunarMonth, ...] = ()
    last: date = date.min
    """The last day that the table covers."""
    qingming: tuple[date, ...] = ()
    """The sun's calendar sets it, yet no rule of thumb is right for every year."""

    def find_day(self, day: date) -> LunarDay | None:
        """What the lunar calendar calls `day`; None when the table does not cover it."""
        position = bisect_right(self.months, day, key=_first)
        if not position or day > self.last:
            return None
        month = self.months[position - 1]
        return LunarDay(month.number, (day - month.first).days + 1, month.is_leap)

    def find_first(self, year: int, number: int) -> date | None:
        """The first day of the month `number` (not its leap month) that begins in the solar `year`."""
        found = (month.first for month in self.months if month.number == number and not month.is_leap)
        return next((first for first in found if first.year == year), None)


NO_LUNAR: Final = LunarTable()
"""A table that covers no day."""


def _first(month: LunarMonth) -> date:
    return month.first
