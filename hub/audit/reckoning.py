"""How one clock of a case stands when every doubt is the office's: the fair reading of `schemas.casework.clocks`.

The clock begins at the latest its start can have been and ends at the earliest its end can have been; days on the line
are nobody's; a day whose year has no official notice yet proves nothing; and what an office did since the county last
heard from it is not known. What is overdue all the same is overdue. Next: `hub.audit.judgements_time`.
"""

from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from hub.audit.dossier import Deed, Dossier
from hub.audit.moments import CHINA_MS, DAY_MS, MINUTE_MS, counted, days_on_the_line, earliest, heard_day, latest
from hub.audit.rule import Limits
from schemas.casework.clocks import Clock, ClockKind, StartEvent, day_of
from schemas.casework.events import (
    AcceptanceRefused,
    CaseDecided,
    CaseEvent,
    CaseFiled,
    CaseReceived,
    CaseReopened,
    CaseResumed,
    CaseTerminated,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    OpinionGiven,
    PapersReceived,
    PapersRequested,
    ResultHandedOver,
)
from schemas.casework.terms import reach
from schemas.catalogue import TermUnit

HOUR_MS: Final = 3_600_000


class Doubt(StrEnum):
    """Why an overdue clock is not provably the office's."""

    NONE = "none"
    LINE = "line"
    """The case lay on the line, or the county has not heard from the office since."""
    PROOF = "proof"
    """Only the edge that speaks against the office is overdue."""
    CALENDAR = "calendar"
    """Counted over days without an official notice."""


class Reckoning(Struct, frozen=True):
    """One clock, read fairly."""

    clock: Clock
    due: date
    over: int
    """Days of its unit beyond the due day; 0 = in time."""
    left: int
    """Working days to the due day of a clock that runs; negative when it has passed."""
    doubt: Doubt
    started: Deed | None
    stopped: Deed | None


_STARTS: Final[dict[StartEvent, tuple[type[CaseEvent], ...]]] = {
    StartEvent.FILED: (CaseFiled,),
    StartEvent.RETURNED: (CustodyDeclined, CustodyReassigned),
    StartEvent.RECEIVED: (CaseReceived, CustodyAccepted, PapersRequested, CustodyReassigned, CaseFiled),
    StartEvent.CORRECTED: (PapersReceived, CustodyDeclined, CustodyReassigned),
    StartEvent.ACCEPTED: (CustodyAccepted, CaseReopened),
    StartEvent.DEEMED: (CaseReceived, CustodyAccepted, PapersReceived, CaseFiled),
    StartEvent.REPLIED: (PapersReceived, CaseResumed),
    StartEvent.REOPENED: (CaseReopened,),
    StartEvent.DECIDED: (CaseDecided,),
    StartEvent.ARRIVED: (CustodyAccepted, CustodyReassigned),
}

_DECIDING: Final = (CaseDecided, CaseWithdrawn, CaseTerminated, AcceptanceRefused)

_STOPS: Final[dict[ClockKind, tuple[type[CaseEvent], ...]]] = {
    ClockKind.ACCEPTANCE: (CustodyAccepted, PapersRequested, AcceptanceRefused, CaseReopened, *_DECIDING),
    ClockKind.PROMISED: _DECIDING,
    ClockKind.LEGAL: _DECIDING,
    ClockKind.FIRST_REVIEW: (CustodyOffered, *_DECIDING),
    ClockKind.DELIVERY: (ResultHandedOver,),
    ClockKind.VILLAGE: (CustodyOffered, ResultHandedOver, CaseWithdrawn, CaseTerminated),
    ClockKind.OPINION: (OpinionGiven, CaseDecided),
}
"""Clock → what stops it."""


def reckon(dossier: Dossier, clock: Clock, limits: Limits) -> Reckoning | None:
    """The fair reading of a clock; None for one that stands still, has no term, or whose day was only named."""
    if clock.due is None or clock.days is None or clock.unit is None or clock.kind not in _STOPS:
        return None
    started = _found(dossier, _STARTS.get(clock.start_event, ()), clock.start, favours_late=True)
    stopped = _found(dossier, _STOPS[clock.kind], clock.stopped, favours_late=False)
    start = clock.start if started is None else day_of(latest(started))
    end = _end(dossier, clock, stopped)
    unit = clock.unit if clock.unit is not TermUnit.ON_THE_SPOT else TermUnit.WORKING_DAYS
    lost = days_on_the_line(dossier, start, end, unit)
    grace = 1 if clock.days == 0 and started is not None and _begins_without_anybody(started, limits) else 0
    due = reach(start, clock.days + grace + clock.paused_days + lost, unit, dossier.calendar)
    over = _days_between(dossier, due.day, end, unit)
    if over:
        doubt = Doubt.CALENDAR if due.provisional else Doubt.NONE
    else:
        stated = due.day if grace else clock.due.day
        over, doubt = _other_edge(dossier, clock, stopped, (due.day, stated), unit, limits, is_on_line=lost > 0)
    left = dossier.calendar.working_days_between(dossier.today, due.day)
    return Reckoning(clock, due.day, over, left, doubt, started, stopped)


def with_due(dossier: Dossier, limits: Limits) -> Dossier:
    """The dossier with the end of its term in its fact where it was withdrawn: what is filed after it is compared."""
    if dossier.fact.withdrawn_at is None:
        return dossier
    kinds = (ClockKind.PROMISED, ClockKind.LEGAL)
    read = [reckon(dossier, clock, limits) for kind in kinds for clock in dossier.clocks if clock.kind is kind]
    due = next((one.due for one in read if one is not None), None)
    return replace(dossier, fact=replace(dossier.fact, due=due))


def _begins_without_anybody(started: Deed, limits: Limits) -> bool:
    """Whether «on the spot» begins where nobody waits: with a case that came in over the line, or after hours. It ends
    with the next working day.
    """
    minute = (latest(started) + CHINA_MS) % DAY_MS // MINUTE_MS
    return isinstance(started.event, CaseReceived) or minute >= limits["office_closes_minute"]


def _found(
    dossier: Dossier, kinds: tuple[type[CaseEvent], ...], day: date | None, *, favours_late: bool
) -> Deed | None:
    """The deed of one of these kinds that claims this day; of several the one that favours the office."""
    if day is None or not kinds:
        return None
    deeds = [deed for deed, _ in counted(dossier, *kinds) if day_of(deed.at) == day]
    if not deeds:
        return None
    return max(deeds, key=latest) if favours_late else min(deeds, key=earliest)


def _end(dossier: Dossier, clock: Clock, stopped: Deed | None) -> date:
    if clock.stopped is None:
        return heard_day(dossier, clock.office)
    return clock.stopped if stopped is None else day_of(earliest(stopped))


def _days_between(dossier: Dossier, due: date, end: date, unit: TermUnit) -> int:
    """By how many days an end lies behind a due day. Work on a day of rest ends no later than the next working day."""
    if end <= due:
        return 0
    if unit is TermUnit.CALENDAR_DAYS:
        return (end - due).days
    return dossier.calendar.working_days_between(due, end)


def _other_edge(
    dossier: Dossier,
    clock: Clock,
    stopped: Deed | None,
    dues: tuple[date, date],
    unit: TermUnit,
    limits: Limits,
    *,
    is_on_line: bool,
) -> tuple[int, Doubt]:
    """By how much it is overdue on the edge that speaks against the office alone, and why that proves nothing. `dues`:
    as read fairly, and as the claims have it.
    """
    due, stated = dues
    over = _days_between(dossier, stated, clock.stopped or dossier.today, unit)
    if over:
        is_silent = clock.stopped is None and heard_day(dossier, clock.office) < dossier.today
        return over, Doubt.LINE if is_on_line or is_silent else Doubt.PROOF
    proved = stopped.bracket.not_after if stopped is not None else None
    if stopped is None or proved is None or proved - stopped.at <= limits["unproved_hours"] * HOUR_MS:
        return 0, Doubt.NONE
    over = _days_between(dossier, due, day_of(proved), unit)
    return over, Doubt.PROOF if over else Doubt.NONE
