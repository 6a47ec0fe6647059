"""Due days of a case: the promised and the legal one.

Reads only what every tier of the case holds: the case file and the edition, so every tier computes the same days
(RULINGS B8). The instants are claims of the offices' devices; audit brackets them, this module does not.
Never knows what day it is, and never moves a clock because of a late print. Next: `schemas.calendar`.
"""

from datetime import date, datetime, timedelta, timezone
from typing import Final

from msgspec import Struct

from schemas.calendar import DueDay, WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.catalogue import LegalTerm, ServiceItem, TermStart, TermUnit
from schemas.names import Instant

CHINA_TIME: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""One time zone for the whole country, without summer time since 1991."""


class DueDays(Struct, frozen=True):
    """Until when the decision is due; None while that clock has not started."""

    promised: DueDay | None
    legal: DueDay | None


_INSTANT_MAX: Final = 7_258_118_400_000
"""1 January 2200. A claimed time may be any number; a due day computed from nonsense must not stop the fold."""


def day_of(instant: Instant) -> date:
    """The calendar day in China of an instant; claims before 1970 or after 2200 are taken as those years."""
    seconds = min(max(instant, 0), _INSTANT_MAX) / 1000
    return datetime.fromtimestamp(seconds, CHINA_TIME).date()


def due_days(case: CaseFile, item: ServiceItem, calendar: WorkCalendar) -> DueDays:
    """When the decision on this case is due under `item`'s terms.

    The promise counts working days from acceptance. A legal term that starts with the application counts from the
    filing; one that starts with a reply starts with acceptance until replies are recorded.
    """
    accepted = day_of(case.accepted_at) if case.accepted_at is not None else None
    filed = day_of(case.filed_at) if case.filed_at is not None else None
    legal_start = filed if item.legal.start is TermStart.RECEIVED else accepted
    promised = calendar.add_working_days(accepted, item.promise_days) if accepted is not None else None
    legal = _legal_due(legal_start, item.legal, calendar) if legal_start is not None else None
    return DueDays(promised, legal)


def _legal_due(start: date, term: LegalTerm, calendar: WorkCalendar) -> DueDay:
    if term.unit is TermUnit.CALENDAR_DAYS:
        return calendar.add_calendar_days(start, term.days)
    return calendar.add_working_days(start, term.days if term.unit is TermUnit.WORKING_DAYS else 0)
