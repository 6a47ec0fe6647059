"""When the sweep is to look at a case again: the first day on which time alone may change what is found there.

A clock that runs out today is overdue tomorrow; a day or two earlier somebody is reminded; a file that was to be struck
off is behind a week after the handing over; and what is in doubt because its office was not heard of is looked at each
night. Pure. Next: `hub.audit.examining` (who asks), `hub.audit.sweeping` (who looks).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from hub.audit.dossier import Dossier
from hub.audit.moments import counted, heard_day
from hub.audit.rule import Limits
from schemas.casework.clocks import ClockKind, day_of
from schemas.casework.events import ResultHandedOver
from schemas.casework.stages import ENDED, Stage

OPEN_LOOK_DAYS: Final = 30
"""An open case is looked at as often at least, whatever its clocks say: what no clock counts is found then."""

_REMINDED: Final = frozenset({ClockKind.PROMISED, ClockKind.LEGAL})


def look_day(dossier: Dossier, limits: Limits, *, is_on_line: bool = False) -> date | None:
    """The next day to look at a case; None: nothing counts any more.

    `is_on_line`: something was found that its office may have answered on the other side of a line.
    """
    file, today = dossier.file, dossier.today
    if file.is_empty or file.stage in ENDED:
        return None
    days = [*_days(dossier, limits), today + timedelta(days=OPEN_LOOK_DAYS)]
    if is_on_line and file.decision is None:
        days.append(today + timedelta(days=1))
    return min(day for day in days if day > today)


def _days(dossier: Dossier, limits: Limits) -> Iterator[date]:
    for clock in dossier.clocks:
        if clock.is_running and clock.due is not None:
            yield _day_after(clock.due.day)
            if clock.kind in _REMINDED:
                yield _reminder_day(dossier, clock.due.day, limits)
    # A pause counts on while it is open, and is over a day after it was to end.
    for pause in dossier.file.course.pauses:
        if pause.until is None:
            yield _day_after(pause.expected_until)
    if dossier.file.stage is Stage.HANDED_OVER:
        for handed, _ in counted(dossier, ResultHandedOver):
            due = dossier.calendar.add_working_days(day_of(handed.at), limits["close_days"]).day
            yield _day_after(due)
            if heard_day(dossier, handed.office) <= due < dossier.today:
                yield dossier.today + timedelta(days=1)


def _reminder_day(dossier: Dossier, due: date, limits: Limits) -> date:
    """The first day with so few working days left as the reminder has."""
    day = due
    while day > dossier.today and day > date.min:
        before = day - timedelta(days=1)
        if dossier.calendar.working_days_between(before, due) > limits["reminder_days"]:
            break
        day = before
    return day


def _day_after(day: date) -> date:
    return day + timedelta(days=1) if day < date.max else day
