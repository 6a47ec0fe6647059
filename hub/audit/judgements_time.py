"""Judgements on time: I6 false time, P1 overdue, P2 step overdue, P3 late referral.

Each is judged on the edge that favours the office (RULINGS B9, `hub.audit.reckoning`). Never reads a clock: the day is
the dossier's. Next: `hub.audit.rules`, which declares them.
"""

from collections.abc import Collection, Iterator
from datetime import date
from typing import Final

from hub.audit.dossier import Deed, Dossier
from hub.audit.moments import DAY_MS, MINUTE_MS, by_office, counted, earliest, heard_day, holder_on, is_told
from hub.audit.reckoning import Doubt, Reckoning, reckon
from hub.audit.rule import Hit, Limits, Severity
from schemas.casework.clocks import Clock, ClockKind, day_of
from schemas.casework.events import CaseReceived, OpinionGiven, ResultHandedOver
from schemas.casework.stages import Stage
from schemas.casework.terms import reach
from schemas.catalogue import TermUnit
from schemas.names import Instant, OfficeId
from sync.ports import EntryKey

_WORST: Final = {Severity.RED: 0, Severity.YELLOW: 1, Severity.INFO: 2}


# --- I6 --------------------------------------------------------------------------------------------------------------


def false_time(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """I6: a claimed time outside what others' signatures prove. One hit for each office, on its gravest entry."""
    tolerance = limits["clock_tolerance_minutes"] * MINUTE_MS
    gravest: dict[OfficeId, tuple[int, int, EntryKey, Hit]] = {}
    dues = {due.day for clock in dossier.clocks for due in (clock.due, clock.due_unpaused) if due is not None}
    for deed in dossier.deeds:
        edge = _edge_passed(deed, tolerance)
        if edge is None:
            continue
        severity = _gravity(deed, edge, dues, limits)
        off = abs(edge - deed.at)
        facts = {
            "kind": deed.kind,
            "minutes": off // MINUTE_MS,
            "side": "early" if deed.at < edge else "late",
        }
        hit = Hit(severity, deed.office, (deed.place,), facts, key=deed.office)
        rank = (_WORST[severity], -off, deed.place, hit)
        if deed.office not in gravest or rank[:3] < gravest[deed.office][:3]:
            gravest[deed.office] = rank
    yield from (gravest[office][3] for office in sorted(gravest))


def _edge_passed(deed: Deed, tolerance: int) -> Instant | None:
    """The edge of its bracket that a claim contradicts."""
    low, high = deed.bracket.not_before, deed.bracket.not_after
    if low is not None and high is not None and low > high:
        return None
    if low is not None and deed.at < low - tolerance:
        return low
    if high is not None and deed.at > high + tolerance:
        return high
    return None


def _gravity(deed: Deed, edge: Instant, dues: Collection[date], limits: Limits) -> Severity:
    """RED where a term ends between the claim and what is proved, unless the clock is plainly broken."""
    if abs(edge - deed.at) > limits["clock_broken_days"] * DAY_MS:
        return Severity.YELLOW
    first, last = sorted((day_of(deed.at), day_of(edge)))
    return Severity.RED if any(first <= due < last for due in dues) else Severity.YELLOW


# --- P1 --------------------------------------------------------------------------------------------------------------

_DECISION: Final = (ClockKind.LEGAL, ClockKind.PROMISED)


def overdue(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P1: decided, or still undecided, after the term; a reminder before it ends; a file not struck off afterwards."""
    if not is_told(dossier):
        return
    read = [reckon(dossier, clock, limits) for kind in _DECISION for clock in dossier.clocks if clock.kind is kind]
    found = [one for one in read if one is not None]
    proved = [one for one in found if one.over and one.doubt is Doubt.NONE]
    doubted = [one for one in found if one.over]
    if proved:
        yield _late(dossier, proved[0], Severity.RED, "overdue")
    elif doubted:
        yield _late(dossier, doubted[0], Severity.INFO, "not_provable")
    else:
        running = [one for one in found if one.clock.is_running and one.clock.days]
        near = [one for one in running if 0 <= one.left <= limits["reminder_days"]]
        if near and dossier.file.custodian is not None:
            yield _late(dossier, min(near, key=lambda one: one.due), Severity.INFO, "reminder")
    yield from _unclosed(dossier, limits)


def is_overdue(dossier: Dossier, limits: Limits) -> bool:
    """Whether P1 is RED."""
    return any(hit.severity is Severity.RED for hit in overdue(dossier, limits))


def _late(dossier: Dossier, one: Reckoning, severity: Severity, state: str) -> Hit:
    facts = {
        "state": state,
        "clock": one.clock.kind.value,
        "due": one.due.isoformat(),
        "days": one.left if state == "reminder" else one.over,
        "doubt": one.doubt.value,
    }
    key = "reminder" if state == "reminder" else "decision"
    return Hit(severity, holder_on(dossier, one.due), _evidence(dossier, one), facts, key=key)


def _evidence(dossier: Dossier, one: Reckoning) -> tuple[EntryKey, ...]:
    """What started the clock and what stopped it; of one whose deeds have not come, the newest entry of the case."""
    deeds = [deed for deed in (one.started, one.stopped) if deed is not None] or list(dossier.deeds[-1:])
    return tuple(dict.fromkeys(deed.place for deed in deeds))


def _unclosed(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """The resident has the result and the file is open: the data are behind, not the office (most alarms of a real
    city were that).
    """
    if dossier.file.stage is not Stage.HANDED_OVER:
        return
    given = [deed for deed, _ in counted(dossier, ResultHandedOver)]
    if not given:
        return
    handed = given[-1]
    since = day_of(handed.at)
    due = dossier.calendar.add_working_days(since, limits["close_days"]).day
    until = heard_day(dossier, handed.office)
    if until > due:
        days = dossier.calendar.working_days_between(since, until)
        facts = {"state": "unclosed", "clock": "closing", "due": due.isoformat(), "days": days, "doubt": "none"}
        yield Hit(Severity.YELLOW, handed.office, (handed.place,), facts, key="unclosed")


# --- P2, P3 ----------------------------------------------------------------------------------------------------------

_STEPS: Final = frozenset({ClockKind.ACCEPTANCE, ClockKind.VILLAGE, ClockKind.DELIVERY})


def step_overdue(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P2: an answer, a hand-over or an opinion after its own term, while the whole is in time."""
    if not is_told(dossier):
        return
    late = list(_late_steps(dossier, limits))
    if late:
        blamed = {hit.office for hit in overdue(dossier, limits) if hit.severity is Severity.RED}
        yield from (hit for hit in late if hit.office not in blamed)


def _late_steps(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    for clock in dossier.clocks:
        if clock.kind is ClockKind.OPINION:
            hit = _late_opinion(dossier, clock)
        else:
            one = reckon(dossier, clock, limits) if clock.kind in _STEPS else None
            hit = _late_step(dossier, one) if one is not None and one.over and one.doubt is Doubt.NONE else None
        if hit is not None:
            yield hit


def _late_step(dossier: Dossier, one: Reckoning) -> Hit:
    kind = one.clock.kind
    office = holder_on(dossier, one.due) if kind is ClockKind.DELIVERY else one.clock.office
    return _step_hit(dossier, one.clock, office, one.due, one.over, _evidence(dossier, one))


def _step_hit(
    dossier: Dossier, clock: Clock, office: OfficeId | None, due: date, over: int, evidence: tuple[EntryKey, ...]
) -> Hit:
    facts = {"clock": clock.kind.value, "due": due.isoformat(), "days": over}
    key = f"{clock.kind.value}:{clock.subject or clock.start_event.value}:{clock.start.isoformat()}"
    return Hit(Severity.YELLOW, office or holder_on(dossier, due), evidence, facts, key=key)


def _late_opinion(dossier: Dossier, clock: Clock) -> Hit | None:
    """A department's day is moved by as many working days as the request was on its way to it."""
    office = OfficeId(clock.subject)
    asked = dossier.file.course.consulted_turn
    receipts = [
        deed for deed, event in by_office(dossier, CaseReceived) if deed.office == office and event.after_turn >= asked
    ]
    if clock.due is None or clock.due.provisional or not receipts:
        return None
    received = min(receipts, key=earliest)
    lost = max(dossier.calendar.working_days_between(clock.start, day_of(received.at)), 0)
    due = reach(clock.due.day, lost, TermUnit.WORKING_DAYS, dossier.calendar)
    given = [
        deed for deed, event in by_office(dossier, OpinionGiven) if deed.office == office and event.after_turn >= asked
    ]
    end = clock.stopped or heard_day(dossier, office)
    if given:
        end = min(end, min(day_of(earliest(deed)) for deed in given))
    if end <= due.day or due.provisional:
        return None
    over = dossier.calendar.working_days_between(due.day, end)
    return _step_hit(dossier, clock, office, due.day, over, tuple(deed.place for deed in (received, *given[:1])))


def late_referral(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P3: a township reviewed what the county decides for longer than art. 43 lets it; twice that is RED."""
    if not is_told(dossier):
        return
    for clock in dossier.clocks:
        one = reckon(dossier, clock, limits) if clock.kind is ClockKind.FIRST_REVIEW else None
        if one is None or not one.over or one.doubt is not Doubt.NONE or clock.days is None:
            continue
        severity = Severity.RED if one.over > clock.days else Severity.YELLOW
        facts = {"due": one.due.isoformat(), "days": one.over, "term": clock.days}
        office = clock.office or holder_on(dossier, one.due)
        yield Hit(severity, office, _evidence(dossier, one), facts, key=clock.start.isoformat())
