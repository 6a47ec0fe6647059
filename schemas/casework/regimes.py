"""The six handling regimes (六项办理制度), and what each wants on record before which act (DOMAIN C).

A demand is a condition at the pen only: what arrives from elsewhere is folded whatever it lacks, and the audit looks.
Each says what to record first, so no demand closes a case's way. Never judges what the act itself states: that is
`schemas.casework.contents`. Next: `schemas.casework.reasons` for the sentences.
"""

from collections.abc import Callable, Iterator
from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct

from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import CaseClosed, CaseDecided, CustodyOffered, ResultHandedOver
from schemas.casework.stages import Stage
from schemas.casework.steps import Step
from schemas.casework.values import Outcome
from schemas.catalogue import CaseType, PlannedStep, ServiceItem, TermStart, TermUnit, planned_steps
from schemas.divisions import Tier, tier_of_office


class Regime(StrEnum):
    """How a case is handled."""

    INSTANT = "instant"
    """即办: decided while the resident waits, or converted with a reason."""
    PROMISED = "promised"
    """承诺: within the promised term."""
    JOINT = "joint"
    """联办: several departments give their opinions, one decides."""
    REPORTED_UPWARD = "reported_upward"
    """上报: reviewed by the township, decided above."""
    REFUSAL_ON_FILE = "refusal_on_file"
    """否定报备: refused, with reason, basis and remedy on file."""
    ENTRUSTED = "entrusted"
    """委托: decided in the name of the organ that entrusted it."""


class Demand(Struct, frozen=True):
    """What must be on record before an act."""

    code: str
    """Of `schemas.casework.reasons.REASONS`: says what to record first."""
    is_lacking: Callable[[CaseFile, ServiceItem], bool]
    before_grants_only: bool = False
    """A refusal needs it not."""


def regime_of(case: CaseFile, item: ServiceItem) -> Regime:
    """How this case is handled as things stand: what was decided comes before how it was begun."""
    return next(_regimes(case, item))


def demands(
    case: CaseFile,
    act: str,
    item: ServiceItem,
    *,
    grants: bool = True,
    today: date | None = None,
    calendar: WorkCalendar | None = None,
) -> tuple[str, ...]:
    """What must be recorded before an act of kind `act`, as codes in the order to be done; () = nothing is lacking.

    `grants`: whether a decision is to grant. Without `today` nobody is asked whether an on-the-spot case is late;
    `calendar`: whose days of rest then count.
    """
    wanted = [one for regime in _regimes(case, item) for one in DEMANDS[regime].get(act, ())]
    wanted += DEMANDS_OF_ALL.get(act, ())
    codes = [one.code for one in wanted if (grants or not one.before_grants_only) and one.is_lacking(case, item)]
    if act == CaseDecided.kind and today is not None and _is_late_on_the_spot(case, item, today, calendar):
        codes.append("not_converted")
    return tuple(codes)


def _regimes(case: CaseFile, item: ServiceItem) -> Iterator[Regime]:
    """All that apply, the telling one first."""
    decision = case.decision
    if case.stage is Stage.NOT_ACCEPTED or (decision is not None and decision.outcome is Outcome.REFUSED):
        yield Regime.REFUSAL_ON_FILE
    if decision is not None and decision.on_behalf_of:
        yield Regime.ENTRUSTED
    if case.course.consulted and item.case_type is not CaseType.JOINT:
        yield Regime.JOINT
    is_converted = item.case_type is CaseType.INSTANT and case.converted_days is not None
    yield Regime.PROMISED if is_converted else Regime(item.case_type.value)


def is_convertible(item: ServiceItem) -> bool:
    """Whether a case of an on-the-spot item may take longer at all. The law itself may want the answer on the spot, but
    for what waits for somebody's reply.
    """
    by_law = item.legal.unit is TermUnit.ON_THE_SPOT and item.legal.start is not TermStart.REPLY
    return not by_law and (item.is_on_the_spot or item.case_type is CaseType.INSTANT)


# --- what is lacking -------------------------------------------------------------------------------------------------


def _is_late_on_the_spot(case: CaseFile, item: ServiceItem, today: date, calendar: WorkCalendar | None) -> bool:
    """An on-the-spot case that was not finished on its day says why, by becoming a promised one (即办转承诺).

    Begun on a day of rest it has until the next working day, as its clock says.
    """
    if not item.is_on_the_spot or not is_convertible(item) or case.converted_days is not None:
        return False
    begun = case.renewed_at if case.renewed_at is not None else case.accepted_at
    if begun is None:
        return False
    day = day_of(begun)
    return today > (calendar.next_working_day_on_or_after(day) if calendar is not None else day)


def _lacks_consultation(case: CaseFile, item: ServiceItem) -> bool:
    return not case.course.consulted


def _lacks_first_review(case: CaseFile, item: ServiceItem) -> bool:
    """A township sends up what it has reviewed itself."""
    is_at_township = case.custodian is not None and tier_of_office(case.custodian) is Tier.TOWNSHIP
    return is_at_township and case.stage is Stage.IN_REVIEW and Step.REVIEW not in case.steps_done


def _lacks_answer(case: CaseFile, item: ServiceItem) -> bool:
    """Only a refusal that arrived from elsewhere can lack a part of it."""
    refusal = case.decision
    return refusal is not None and not all(text.strip() for text in (refusal.reason, refusal.basis, refusal.remedy))


def _lacks_survey(case: CaseFile, item: ServiceItem) -> bool:
    """Each survey that the catalogue plans for two is made by two at least (Administrative Licensing Law art. 34)."""
    planned = _planned(item, Step.SURVEY)
    if not planned:
        return False
    people = max(one.people for one in planned)
    if people == 1:
        return Step.SURVEY not in case.steps_done
    return not any(len(party) >= people for party in case.survey_parties)


def _lacks_publicity(case: CaseFile, item: ServiceItem) -> bool:
    """Minors are not shown publicly: whoever records the step says so in its opinion (不公示)."""
    return item.notice.days > 0 and Step.PUBLICITY not in case.steps_done


def _lacks_step(step: Step) -> Callable[[CaseFile, ServiceItem], bool]:
    def is_lacking(case: CaseFile, item: ServiceItem) -> bool:
        return _is_granted(case) and step not in case.steps_done and bool(_planned(item, step))

    return is_lacking


def _lacks_payment(case: CaseFile, item: ServiceItem) -> bool:
    """The standard is a ceiling: whoever pays less was let off the rest by the cashier."""
    return _is_granted(case) and bool(item.fee_yuan) and not case.is_paid


def _is_granted(case: CaseFile) -> bool:
    return case.decision is not None and case.decision.outcome is Outcome.GRANTED


def _planned(item: ServiceItem, step: Step) -> list[PlannedStep]:
    return [one for one in planned_steps(item) if one.step is step]


DEMANDS_OF_ALL: Final[dict[str, tuple[Demand, ...]]] = {
    CaseDecided.kind: (
        Demand("survey_missing", _lacks_survey),
        Demand("publicity_missing", _lacks_publicity, before_grants_only=True),
    ),
    ResultHandedOver.kind: (
        Demand("fee_unpaid", _lacks_payment),
        Demand("production_missing", _lacks_step(Step.PRODUCTION)),
        Demand("sealing_missing", _lacks_step(Step.SEALING)),
    ),
}
"""Kind of act → what every regime wants before it, as far as the catalogue plans it for the item."""

DEMANDS: Final[dict[Regime, dict[str, tuple[Demand, ...]]]] = {
    # … and to be converted before it is decided on a later day, which needs the day (`demands`).
    Regime.INSTANT: {},
    Regime.PROMISED: {},
    Regime.JOINT: {CaseDecided.kind: (Demand("opinions_not_requested", _lacks_consultation, before_grants_only=True),)},
    Regime.REPORTED_UPWARD: {CustodyOffered.kind: (Demand("first_review_missing", _lacks_first_review),)},
    Regime.REFUSAL_ON_FILE: {CaseClosed.kind: (Demand("answer_incomplete", _lacks_answer),)},
    # The decision itself names the grant and the organ whose it is (`contents`).
    Regime.ENTRUSTED: {},
}
"""Regime → kind of act → what this regime wants before it."""
