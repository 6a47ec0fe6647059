"""How a term is counted: from a day, so many days of its unit, without those on which a pause stood.

Knows no case and no clock. Day 0 is the day of the event. Next: `schemas.calendar` for single days,
`schemas.casework.clocks` for what is counted.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TypeAlias

from schemas.calendar import WORKING_DAYS_MAX, DueDay, WorkCalendar
from schemas.catalogue import TermUnit

Days: TypeAlias = tuple[date, date | None]
"""(since, until) of a pause: the days after `since` up to `until` do not count. None = still."""


def reach(start: date, days: int, unit: TermUnit, calendar: WorkCalendar) -> DueDay:
    """Day number `days` after `start`. Longer than any term it may be by pauses, so it is counted in pieces.

    What is for on the spot may wait over a day of rest like every term that ends on one (Civil Code art. 203).
    """
    if not days:
        reached_on = calendar.next_working_day_on_or_after(start)
        return DueDay(reached_on, not calendar.is_official(reached_on))
    if unit is TermUnit.CALENDAR_DAYS:
        ahead = max(days - WORKING_DAYS_MAX, 0)
        return calendar.add_calendar_days(start + timedelta(days=ahead), days - ahead)
    provisional = False
    while days > WORKING_DAYS_MAX:
        reached = calendar.add_working_days(start, WORKING_DAYS_MAX)
        start, days, provisional = reached.day, days - WORKING_DAYS_MAX, provisional or reached.provisional
    reached = calendar.add_working_days(start, days)
    return DueDay(reached.day, provisional or reached.provisional)


def days_lost(
    start: date, days: int, unit: TermUnit, pauses: Iterable[Days], calendar: WorkCalendar
) -> tuple[int, date | None]:
    """How many days of its unit ended pauses take out of a term; and since when an open one holds it up.

    A pause that began when the days were used up, or later, changes nothing.
    """
    is_calendar = unit is TermUnit.CALENDAR_DAYS
    lost = 0
    for since, until in pauses:
        used_up = start + timedelta(days=days + lost) if is_calendar else reach(start, days + lost, unit, calendar).day
        if since >= used_up:
            break
        if until is None:
            return lost, since
        if until > start:
            first = max(since, start)
            lost += (until - first).days if is_calendar else calendar.working_days_between(first, until)
    return lost, None
