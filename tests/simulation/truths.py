"""What an honest case has against it all the same: truly overdue, referred late, a second notice, a pause at the end.

Judged from the world's own record of a life, by the words of AUDIT 4.2, so that no finding on such a case counts as a
wrong accusation. Never looks at a finding. Next: `dishonest`, whose labels say the rest.
"""

from datetime import date
from typing import Final

from schemas.calendar import WorkCalendar
from schemas.casework.clocks import FIRST_REVIEW_DAYS, ClockKind, clocks_of, day_of
from schemas.casework.events import CaseSuspended, CustodyOffered, PapersRequested
from schemas.catalogue import CaseType, TermUnit
from schemas.divisions import Tier, tier_of_office
from tests.simulation.habits import HonestLife

OVERDUE: Final = frozenset(
    {
        ClockKind.ACCEPTANCE,
        ClockKind.PROMISED,
        ClockKind.LEGAL,
        ClockKind.FIRST_REVIEW,
        ClockKind.DELIVERY,
        ClockKind.VILLAGE,
        ClockKind.OPINION,
    }
)
"""Clocks that run against an office."""

FIRST_NOTICE_DAYS: Final = 5


def truths_of(life: HonestLife, calendar: WorkCalendar, today: date) -> frozenset[str]:
    """Codes of the rules that may say something of this life."""
    found: set[str] = set()
    if is_overdue(life, calendar, today):
        # Its steps and its referral are late with it, and a pause in it comes late.
        found |= {"P1", "P2", "P3", "P9"}
    if _is_referred_late(life, calendar):
        found.add("P3")
    if _is_asked_again(life, calendar):
        found.add("P7")
    if _pauses_at_the_end(life, calendar):
        found.add("P9")
    return frozenset(found)


def is_overdue(life: HonestLife, calendar: WorkCalendar, today: date) -> bool:
    """Whether any clock that runs against an office ran out."""
    clocks = clocks_of(life.case_file, life.item, calendar, today=today)
    return any(clock.kind in OVERDUE and clock.is_overdue(today) for clock in clocks)


def _accepted_day(life: HonestLife) -> date | None:
    accepted = life.case_file.accepted_at
    return day_of(accepted) if accepted is not None else None


def _is_referred_late(life: HonestLife, calendar: WorkCalendar) -> bool:
    accepted = _accepted_day(life)
    if accepted is None or life.item.case_type is not CaseType.REPORTED_UPWARD:
        return False
    offers = [
        at for event, at in life.events if isinstance(event, CustodyOffered) and tier_of_office(event.to) is Tier.COUNTY
    ]
    return any(calendar.working_days_between(accepted, day_of(at)) > FIRST_REVIEW_DAYS for at in offers)


def _is_asked_again(life: HonestLife, calendar: WorkCalendar) -> bool:
    """A second notice, or a first one more than five working days after the filing."""
    asked = [at for event, at in life.events if isinstance(event, PapersRequested)]
    filed = day_of(life.events[0][1])
    return len(asked) > 1 or any(calendar.working_days_between(filed, day_of(at)) > FIRST_NOTICE_DAYS for at in asked)


def _pauses_at_the_end(life: HonestLife, calendar: WorkCalendar) -> bool:
    """With less than a working day left of the promise, or of the legal term."""
    accepted, item = _accepted_day(life), life.item
    if accepted is None:
        return False
    ends = [item.promise_days, *([item.legal.days] if item.legal.unit is TermUnit.WORKING_DAYS else [])]
    days = [
        calendar.working_days_between(accepted, day_of(at))
        for event, at in life.events
        if isinstance(event, CaseSuspended)
    ]
    return any(end - day < 1 for day in days for end in ends)
