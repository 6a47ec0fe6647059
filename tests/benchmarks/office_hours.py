"""The opening hours of some years as one line of seconds, so that a case's times are additions.

A *moment* counts the seconds in which offices are open: 9:00 to 12:00 and 13:30 to 17:30 of every working day, seven
hours each. Every moment is one instant of the world. Never used by the product.
"""

from bisect import bisect_left
from datetime import date, datetime, time, timedelta
from typing import Final

from schemas.calendar import WorkCalendar
from schemas.casework.clocks import CHINA_TIME
from schemas.names import Instant

MORNING_S: Final = 3 * 3600
NOON_S: Final = 90 * 60
"""The break."""

DAY_S: Final = MORNING_S + 4 * 3600
"""Seconds of one day at the counter."""

EVENING_S: Final = NOON_S + 3600
"""From the end of the afternoon an hour later: where a matter by appointment is taken in."""


class OfficeHours:
    """The working days from `first` on for so many days; a moment beyond them is a programmer's error."""

    def __init__(self, calendar: WorkCalendar, first: date, days: int) -> None:
        every = (first + timedelta(days=number) for number in range(days))
        self.days = [day for day in every if calendar.is_working(day)]
        self._starts = [_milliseconds(day) for day in self.days]

    def opening(self, day: date) -> int:
        """The first moment of `day`, or of the next working day."""
        return bisect_left(self.days, day) * DAY_S

    def day(self, moment: int) -> date:
        """Its working day."""
        return self.days[moment // DAY_S]

    def instant(self, moment: int) -> Instant:
        """The instant of a moment."""
        number, second = divmod(moment, DAY_S)
        if second >= MORNING_S:
            second += NOON_S
        return Instant(self._starts[number] + second * 1000)

    def evening(self, moment: int) -> Instant:
        """After hours on the day of a moment."""
        return Instant(self._starts[moment // DAY_S] + (DAY_S + EVENING_S + moment % 3600) * 1000)

    def resting_before(self, moment: int) -> Instant | None:
        """A day of rest just before the day of a moment, at its time of day; None where none is."""
        number = moment // DAY_S
        day = self.days[number] - timedelta(days=1)
        if number == 0 or day == self.days[number - 1]:
            return None
        return Instant(self.instant(moment) - 86_400_000)


def _milliseconds(day: date) -> int:
    nine = datetime.combine(day, time(9), CHINA_TIME)
    return int(nine.timestamp()) * 1000
