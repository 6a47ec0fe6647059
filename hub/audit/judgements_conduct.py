"""Judgements on how a case was handled: P4 steps, P7 repeated notices, P8 fees, P9 stopped clocks, P21 edits after the
end.

Each looks at one case and at nobody else's, but for a case withdrawn and filed again. What the product's own pen would
have refused is found here all the same: a township may run other software. Next: `hub.audit.rules`.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Final

from hub.audit.dossier import CaseFact, Deed, Dossier
from hub.audit.moments import (
    by_office,
    counted,
    days_on_the_line,
    earliest,
    is_told,
    latest,
    precedes,
    turn_of,
)
from hub.audit.rule import Hit, Limits, Severity
from schemas.casework.casefile import Pause
from schemas.casework.clocks import Clock, ClockKind, day_of
from schemas.casework.events import (
    Act,
    CaseClosed,
    CaseConverted,
    CaseDecided,
    CaseEvent,
    CaseExpedited,
    CaseFiled,
    CaseReceived,
    CaseReopened,
    CaseSuspended,
    CustodyAccepted,
    CustodyOffered,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    OpinionsRequested,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.steps import Step
from schemas.casework.terms import Days, days_lost, reach
from schemas.casework.values import Outcome, PauseCause
from schemas.catalogue import CaseType, ServiceItem, TermUnit, planned_steps
from schemas.divisions import Tier, is_village_office, tier_of_office
from schemas.names import OfficeId, seat_of, valid_seat

# --- P4 --------------------------------------------------------------------------------------------------------------


def steps_skipped(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P4: a step that the item plans is not on record before the act that stands on it, by number and not by time."""
    item = dossier.item
    if not is_told(dossier) or item is None:
        return
    decisions = [deed for deed, _ in by_office(dossier, CaseDecided)]
    if item.case_type is CaseType.REPORTED_UPWARD:
        yield from _before_reporting(dossier, decisions)
    if decisions:
        yield from _before_decision(dossier, item, decisions)
    yield from _before_handing_over(dossier, item)


def _before_decision(dossier: Dossier, item: ServiceItem, decisions: Sequence[Deed]) -> Iterator[Hit]:
    decision = decisions[-1]
    granted = isinstance(decision.event, CaseDecided) and decision.event.outcome is Outcome.GRANTED
    # A fast track was approved: what the law does not want itself may be left out.
    is_fast = any(event.approver.strip() for _, event in by_office(dossier, CaseExpedited))
    surveyors = max((one.people for one in planned_steps(item) if one.step is Step.SURVEY), default=0)
    if surveyors:
        parties = [deed for deed, event in by_office(dossier, SiteSurveyed) if len(set(event.surveyors)) >= surveyors]
        alone = [deed for deed, _ in by_office(dossier, SiteSurveyed)] + _steps(dossier, Step.SURVEY)
        is_law = surveyors > 1
        yield from _wanting(decision, parties if is_law else alone, "survey", is_law=is_law, is_fast=is_fast)
    if item.notice.days and granted:
        yield from _wanting(decision, _steps(dossier, Step.PUBLICITY), "publicity", is_fast=is_fast)
    if not item.is_on_the_spot and item.case_type is not CaseType.INSTANT:
        since = max((turn_of(event) for _, event in counted(dossier, CaseReopened)), default=0)
        reviews = [deed for deed in _steps(dossier, Step.REVIEW) if turn_of(deed.event) >= since]
        yield from _wanting(decision, reviews, "review", is_fast=is_fast)
    if item.case_type is CaseType.JOINT and granted:
        asked = [deed for deed, _ in by_office(dossier, OpinionsRequested)]
        yield from _wanting(decision, asked, "opinions", is_fast=is_fast)
    if len(decisions) == 1:
        early = [deed for step in (Step.PRODUCTION, Step.SEALING) for deed in _steps(dossier, step)]
        for deed in early:
            if precedes(deed, decision):
                facts = {"step": "sealed_before", "act": CaseDecided.kind, "state": "disordered"}
                yield Hit(
                    Severity.YELLOW, deed.office, (deed.place, decision.place), facts, deed.officer, key="sealed_before"
                )
                break


def _before_reporting(dossier: Dossier, decisions: Sequence[Deed]) -> Iterator[Hit]:
    """What a township sends up for decision it has reviewed itself (art. 35): a step of its own, or its opinion in the
    note of an offer. What the county reviews afterwards is no first review.
    """
    accepted = [deed for deed, _ in counted(dossier, CustodyAccepted) if not is_village_office(deed.office)]
    is_fast = any(event.approver.strip() for _, event in by_office(dossier, CaseExpedited))
    said: set[OfficeId] = set()
    for offer, event in by_office(dossier, CustodyOffered):
        seat = seat_of(offer.office)
        if _tier_at(offer.office) is not Tier.TOWNSHIP or _tier_at(event.to) is not Tier.COUNTY:
            continue
        if event.note.strip():
            said.add(seat)
        is_taken = any(turn_of(deed.event) < event.turn for deed in accepted if seat_of(deed.office) == seat)
        if seat in said or not is_taken or any(turn_of(one.event) < event.turn for one in decisions):
            continue
        own = [deed for deed in _steps(dossier, Step.REVIEW) if seat_of(deed.office) == seat]
        found = list(_wanting(offer, own, "first_review", is_fast=is_fast))
        if found:
            yield found[0]
            return


def _tier_at(office: OfficeId) -> Tier | None:
    """The tier of an office; None for what is written like none."""
    return tier_of_office(office) if valid_seat(seat_of(office)) else None


def _before_handing_over(dossier: Dossier, item: ServiceItem) -> Iterator[Hit]:
    """Of what was granted: made and sealed before it is given out."""
    handed = [deed for deed, _ in counted(dossier, ResultHandedOver)]
    decision = dossier.file.decision
    if not handed or decision is None or decision.outcome is not Outcome.GRANTED:
        return
    planned = {one.step for one in planned_steps(item)}
    for step in (Step.PRODUCTION, Step.SEALING):
        if step in planned:
            yield from _wanting(handed[-1], _steps(dossier, step), step.value, office_of=decision)


def _steps(dossier: Dossier, step: Step) -> list[Deed]:
    return [deed for deed, event in by_office(dossier, StepCompleted) if event.step is step]


def _wanting(
    act: Deed,
    deeds: Sequence[Deed],
    step: str,
    *,
    is_law: bool = False,
    is_fast: bool = False,
    office_of: CaseDecided | None = None,
) -> Iterator[Hit]:
    """A hit unless one of the deeds was written before the act that stands on it."""
    if any(precedes(deed, act) for deed in deeds) or (is_fast and not is_law):
        return
    facts = {"step": step, "act": act.kind, "state": "disordered" if deeds else "absent"}
    severity = Severity.RED if is_law else Severity.YELLOW
    office = act.office if office_of is None else office_of.office
    yield Hit(severity, office, tuple(deed.place for deed in (act, *deeds[:1])), facts, act.officer, key=step)


# --- P7 --------------------------------------------------------------------------------------------------------------


def repeated_supplement(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P7: a second notice of missing papers, or a first one after the five days in which silence is acceptance."""
    if not is_told(dossier):
        return
    notices = list(by_office(dossier, PapersRequested))
    if not notices:
        return
    deed, event = notices[0]
    begun = _receipt(dossier, deed, event)
    since = day_of(latest(begun)) if begun is not None else None
    asked = day_of(earliest(deed))
    days = max(dossier.calendar.working_days_between(since, asked), 0) if since is not None else 0
    if len(notices) > limits["requests_max"]:
        last, _ = notices[-1]
        again = range(limits["requests_max"], len(notices))
        is_justified = all(_is_new(dossier, notices[one - 1][0], *notices[one]) for one in again)
        severity = Severity.INFO if is_justified else Severity.YELLOW
        facts = {"state": "repeated", "notices": len(notices), "days": days}
        places = tuple(one.place for one, _ in notices)
        yield Hit(severity, last.office, places, facts, last.officer, key="repeated")
    if begun is None or since is None:
        return
    is_before = any(notice.before_acceptance for notice in dossier.file.course.notices[:1])
    if not is_before and (_is_promised(dossier, event) or _finds_between(dossier, begun, deed)):
        return
    due = dossier.calendar.add_working_days(since, limits["request_days_max"])
    if asked > due.day and not due.provisional:
        facts = {"state": "late_notice", "notices": len(notices), "days": days}
        severity = Severity.RED if is_before else Severity.YELLOW
        yield Hit(severity, deed.office, (begun.place, deed.place), facts, deed.officer, key="late")


def _is_new(dossier: Dossier, before: Deed, deed: Deed, event: PapersRequested) -> bool:
    """Whether a further notice says why, and something was brought or seen since the one before."""
    return bool(event.justification.strip()) and _finds_between(dossier, before, deed)


def _finds_between(dossier: Dossier, before: Deed, deed: Deed) -> bool:
    """Whether something new came to light between two deeds: papers that were brought, or a survey of the site. Brought
    where nobody knew of the notice yet they still count once the office has taken them up.
    """
    first, last = turn_of(before.event), turn_of(deed.event)
    taken = (event.turn for _, event in counted(dossier, PapersReceived) if event.contributions)
    brought = (event.after_turn for _, event in counted(dossier, PapersBrought, SiteSurveyed))
    return any(first <= turn < last for turn in chain(taken, brought))


def _is_promised(dossier: Dossier, event: PapersRequested) -> bool:
    """Whether all that is asked for was promised at the acceptance (容缺受理): then this is a reminder of it."""
    promised = {one.material for _, taken in counted(dossier, CustodyAccepted) for one in taken.promises}
    return bool(promised) and promised.issuperset(event.materials)


def _receipt(dossier: Dossier, deed: Deed, event: PapersRequested) -> Deed | None:
    """From where the five days of a notice run: the receipt by its office, at one's own counter the filing."""
    seat = seat_of(deed.office)
    received = by_office(dossier, CaseReceived)
    receipts = [one for one, note in received if note.after_turn < event.turn and seat_of(one.office) == seat]
    if receipts:
        return receipts[-1]
    filed = next((one for one, _ in counted(dossier, CaseFiled)), None)
    if filed is not None and seat_of(filed.office) == seat:
        return filed
    taken = by_office(dossier, CustodyAccepted)
    return next((one for one, act in taken if act.turn < event.turn and seat_of(one.office) == seat), None)


# --- P8 --------------------------------------------------------------------------------------------------------------


def fee_deviation(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P8: more was paid than the item costs, or less without any word of a reduction; and money that a village took."""
    item = dossier.item
    if not is_told(dossier):
        return
    paid = list(counted(dossier, FeePaid))
    yield from _village_took(paid)
    if item is None or item.fee_yuan is None:
        return
    tariff, sum_fen = item.fee_yuan * 100, dossier.file.fees_fen
    above = [deed for deed, _ in paid if not is_village_office(deed.office)]
    facts = {"paid_fen": sum_fen, "tariff_fen": tariff}
    if sum_fen > tariff and above:
        places = tuple(deed.place for deed in above)
        yield Hit(Severity.RED, above[-1].office, places, facts | {"state": "more"}, above[-1].officer, key="fee")
        return
    # Instalments are over when the result is given out; a payment of nothing is the cashier's word of an exemption.
    handed = [deed for deed, _ in counted(dossier, ResultHandedOver)]
    granted = dossier.file.decision is not None and dossier.file.decision.outcome is Outcome.GRANTED
    is_exempt = any(event.amount_fen == 0 for deed, event in paid if not is_village_office(deed.office))
    if sum_fen < tariff and handed and granted and not is_exempt:
        assert dossier.file.decision is not None
        places = tuple(deed.place for deed in (handed[-1], *above))
        yield Hit(Severity.YELLOW, dossier.file.decision.office, places, facts | {"state": "less"}, key="fee")


def _village_took(paid: Sequence[tuple[Deed, FeePaid]]) -> Iterator[Hit]:
    took = [(deed, event) for deed, event in paid if is_village_office(deed.office) and event.amount_fen > 0]
    for office in sorted({deed.office for deed, _ in took}):
        of_it = [(deed, event) for deed, event in took if deed.office == office]
        facts = {"paid_fen": sum(event.amount_fen for _, event in of_it), "tariff_fen": 0, "state": "village"}
        deeds = [deed for deed, _ in of_it]
        places = tuple(deed.place for deed in deeds)
        yield Hit(Severity.RED, office, places, facts, deeds[0].officer, key=f"village:{office}")


# --- P9 --------------------------------------------------------------------------------------------------------------

_STATUTORY: Final = frozenset({PauseCause.HEARING, PauseCause.EXPERT_REVIEW})
"""The law itself says how these go."""

_PAUSES_JUDGED_MAX: Final = 50
"""Whoever stops one case a thousand times must not stop the audit: fifty show it as well."""

_NO_DOCUMENT: Final = frozenset("-—－_/\\.。·无空x×?？*0 \t\u3000")
"""Characters of which a document's number cannot consist alone."""


def clock_stopping(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P9: a pause without its paper, on the last day, or longer than any term; an extension by nobody's leave; a late
    case withdrawn and filed again.
    """
    if not is_told(dossier):
        return
    # A special procedure that the catalogue plans is the law's own pause.
    is_planned = dossier.item is not None and any(one.special for one in planned_steps(dossier.item))
    pauses = sorted(dossier.file.course.pauses, key=lambda one: one.since)
    suspended = list(by_office(dossier, CaseSuspended))[:_PAUSES_JUDGED_MAX]
    for deed, event in suspended:
        if not set(event.document) - _NO_DOCUMENT:
            yield _pause_hit(Severity.RED, deed, "no_document", 0)
        elif event.cause not in _STATUTORY and not is_planned:
            left = _left_at(dossier, deed, pauses)
            if left is not None and left < limits["pause_left_days"]:
                yield _pause_hit(Severity.YELLOW, deed, "last_day", left)
    total = sum(_length(dossier, pause) for pause in pauses if pause.cause not in _STATUTORY)
    if total > limits["pause_days_max"] and suspended and not is_planned:
        yield _pause_hit(Severity.YELLOW, suspended[-1][0], "too_long", total, key="too_long")
    for deed, event in by_office(dossier, TermExtended):
        if not event.approver.strip():
            yield _pause_hit(Severity.YELLOW, deed, "no_approver", event.days)
    yield from _refiled(dossier, limits)


def _pause_hit(severity: Severity, deed: Deed, state: str, days: int, *, key: str = "") -> Hit:
    facts = {"state": state, "days": days}
    key = key or f"{state}:{turn_of(deed.event)}"
    return Hit(severity, deed.office, (deed.place,), facts, deed.officer, key=key)


def _left_at(dossier: Dossier, deed: Deed, pauses: Sequence[Pause]) -> int | None:
    """Working days that were left of the promise when a pause began; None: the promise was not running."""
    clock = _find(dossier.clocks, ClockKind.PROMISED) or _find(dossier.clocks, ClockKind.LEGAL)
    if clock is None or clock.days is None or clock.unit is None:
        return None
    before: list[Days] = [
        (day_of(one.since), day_of(one.until))
        for one in pauses
        if one.until is not None and one.since < deed.at and day_of(one.since) >= clock.start
    ]
    began = day_of(earliest(deed))
    unit = TermUnit.WORKING_DAYS if clock.unit is TermUnit.ON_THE_SPOT else clock.unit
    lost, _ = days_lost(clock.start, clock.days, unit, before, dossier.calendar)
    lost += days_on_the_line(dossier, clock.start, began, unit)
    due = reach(clock.start, clock.days + lost, unit, dossier.calendar)
    return None if due.provisional else dossier.calendar.working_days_between(began, due.day)


def _find(clocks: Sequence[Clock], kind: ClockKind) -> Clock | None:
    return next((clock for clock in clocks if clock.kind is kind), None)


def _length(dossier: Dossier, pause: Pause) -> int:
    until = dossier.today if pause.until is None else day_of(pause.until)
    return max(dossier.calendar.working_days_between(day_of(pause.since), until), 0)


def _refiled(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """This case is the second one: the first was withdrawn when its term was over, or on its last day."""
    fact = dossier.fact
    if not fact.person or not dossier.deeds:
        return
    for other in sorted(dossier.around.by_person, key=lambda one: (one.filed_at, one.case)):
        is_same = other.person == fact.person and other.item == fact.item and other.case != fact.case
        if not is_same or other.outcome or other.accepted_at is None or other.withdrawn_at is None:
            continue
        days = (day_of(fact.filed_at) - day_of(other.withdrawn_at)).days
        is_soon = fact.filed_at >= other.withdrawn_at and days <= limits["refile_days_max"]
        if is_soon and _was_late(dossier, other, limits):
            places = tuple(place for place in (dossier.deeds[0].place, other.place) if place is not None)
            facts = {"state": "refiled", "days": days}
            yield Hit(Severity.YELLOW, other.township, places, facts, key=f"refiled:{other.case.hex()}")


def _was_late(dossier: Dossier, other: CaseFact, limits: Limits) -> bool:
    """Whether it was withdrawn on the last day of its own term, or after it: pauses, days on the line and a conversion
    are in that day.
    """
    assert other.withdrawn_at is not None
    if other.due is None:
        return False
    return dossier.calendar.working_days_between(day_of(other.withdrawn_at), other.due) < limits["pause_left_days"]


# --- P21 -------------------------------------------------------------------------------------------------------------

_MATERIAL: Final[tuple[type[CaseEvent], ...]] = (
    SiteSurveyed,
    OpinionGiven,
    MeetingHeld,
    CaseConverted,
    PapersBrought,
    CaseExpedited,
)
_ARCHIVING: Final = frozenset({Step.ARCHIVE, Step.PUBLICITY})
"""What is rightly done when the case is struck off."""


def edits_after_close(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P21: something that matters was written after the case was struck off and before it was reopened by leave."""
    if not is_told(dossier):
        return
    closings = [event.turn for _, event in counted(dossier, CaseClosed)]
    reopenings = [(deed, event) for deed, event in counted(dossier, CaseReopened)]
    for deed, event in reopenings:
        if not event.approver.strip():
            yield _edit(deed, Severity.YELLOW)
    if not closings:
        return
    reopened = {event.turn for _, event in reopenings}
    breached = {breach.hash for breach in dossier.file.breaches}
    for deed in dossier.deeds:
        if not deed.counts and deed.hash not in breached:
            continue
        turn = turn_of(deed.event) - (1 if isinstance(deed.event, Act) else 0)
        closed = max((one for one in closings if one <= turn), default=None)
        if closed is None or any(closed < one <= turn for one in reopened):
            continue
        severity = _weight(deed)
        if severity is not None:
            yield _edit(deed, severity)


def _weight(deed: Deed) -> Severity | None:
    event = deed.event
    if isinstance(event, FeePaid):
        return Severity.RED if event.amount_fen and deed.counts else None
    if isinstance(event, CaseDecided):
        # It takes no effect; that it was written at all is what is asked about.
        return Severity.RED
    if not deed.counts:
        return None
    if isinstance(event, StepCompleted):
        return None if event.step in _ARCHIVING else Severity.YELLOW
    return Severity.YELLOW if isinstance(event, _MATERIAL) else None


def _edit(deed: Deed, severity: Severity) -> Hit:
    facts = {"kind": deed.kind}
    return Hit(severity, deed.office, (deed.place,), facts, deed.officer, key=deed.hash.hex())
