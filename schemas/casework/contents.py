"""What a complete event must state, so that it can stand: judged at the pen, kind by kind.

Texts that the law wants, days that can be, money within the standard, departments that were heard, a grant in force.
Never judges what has already been written, nor who may write: that is `schemas.casework.lifecycle`. Next:
`schemas.casework.regimes` for what must be on record before, `schemas.casework.reasons` for the sentences.
"""

from collections.abc import Callable
from datetime import date
from typing import Any, Final

from msgspec import Struct

from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import ClockKind, accepted_on, clocks_of, day_of
from schemas.casework.events import (
    AcceptanceRefused,
    CaseClosed,
    CaseConverted,
    CaseDecided,
    CaseEvent,
    CaseExpedited,
    CaseRehomed,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseTerminated,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    OpinionsRequested,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RecallRequested,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.intake_rules import last_promise_day
from schemas.casework.reasons import NotPermitted
from schemas.casework.regimes import demands
from schemas.casework.stages import UNACCEPTED
from schemas.casework.steps import Step
from schemas.casework.values import Handover, Opinion, Outcome
from schemas.catalogue import Grant, ServiceItem, TermUnit, accepts, is_of_department, may_decide, planned_steps
from schemas.divisions import Tier, is_village_office, tier_of_office
from schemas.names import OfficeId, seat_of

FEN_PER_YUAN: Final = 100

_WEEKDAYS_ONLY: Final = WorkCalendar()
"""Weekends and fixed holidays rest: for whoever judges without a county's calendar."""


class Judged(Struct, frozen=True):
    """What an event is judged by."""

    case: CaseFile
    item: ServiceItem | None
    """None: this node does not know it, and nothing is judged by it."""
    today: date | None
    """None: days are not judged."""
    grants: tuple[Grant, ...] = ()
    calendar: WorkCalendar | None = None
    department: str = ""
    """Whose window the author's office is; empty = it may accept any item."""
    ended: frozenset[OfficeId] = frozenset()
    """Departments asked for their opinion that are no more."""

    @property
    def days(self) -> WorkCalendar:
        """The calendar by which working days are counted."""
        return self.calendar if self.calendar is not None else _WEEKDAYS_ONLY

    @property
    def accepted_by_silence(self) -> date | None:
        """Since when the law takes an unaccepted case as accepted (art. 32)."""
        return accepted_on(self.case, self.days, self.today) if self.case.stage in UNACCEPTED else None


def check_contents(by: Judged, event: CaseEvent) -> None:
    """Raise `NotPermitted` for what this event must not state, or fails to."""
    for check in CHECKS.get(event.kind, ()):
        check(by, event)


# --- texts and people ------------------------------------------------------------------------------------------------


def _stated(code: str, *names: str) -> "Check":
    """A check that none of these texts is left empty."""

    def check(by: Judged, event: CaseEvent) -> None:
        if not all(getattr(event, name).strip() for name in names):
            raise NotPermitted(code)

    return check


def _check_materials_named(by: Judged, event: PapersRequested | PapersReceived | PapersBrought) -> None:
    if not event.materials:
        raise NotPermitted("materials_required")


def _check_approver_named(by: Judged, event: CustodyReassigned) -> None:
    if not event.approver:
        raise NotPermitted("approver_required")


def _check_approved(by: Judged, event: TermExtended | CaseReopened | CaseExpedited) -> None:
    """Two people: who asks for it, and who answers for it."""
    if not event.approver:
        raise NotPermitted("approver_required")
    if event.approver == event.officer:
        raise NotPermitted("approver_is_author")


# --- where it goes ---------------------------------------------------------------------------------------------------


def _check_destination(by: Judged, event: CustodyOffered | CustodyReassigned) -> None:
    """An undecided case never goes to a village, except the one that hands its result over: mostly, that filed it."""
    if event.to == by.case.custodian:
        raise NotPermitted("offered_to_itself")
    _check_in_county(by.case, event.to)
    is_undecided = by.case.decision is None
    if is_undecided and is_village_office(event.to) and event.to != by.case.home:
        raise NotPermitted("village_cannot_receive")


def _check_new_home(by: Judged, event: CaseRehomed) -> None:
    """The custodian knows what the resident wants; the county, which has not the case in hand, names who agreed."""
    if event.to == by.case.home:
        raise NotPermitted("rehomed_there_already")
    if event.office != by.case.custodian and not event.approver:
        raise NotPermitted("approver_required")
    _check_in_county(by.case, event.to)


def _check_in_county(case: CaseFile, office: OfficeId) -> None:
    if case.filing_office is None or seat_of(office)[:6] != seat_of(case.filing_office)[:6]:
        raise NotPermitted("outside_county")


def _check_reported(by: Judged, event: CustodyOffered) -> None:
    """Upward from the township; its opinion may stand in the note of the offer as well."""
    if tier_of_office(event.to) is Tier.COUNTY and not event.note.strip():
        _check_demands(by, event)


def _check_demands(by: Judged, event: CaseEvent) -> None:
    grants = not isinstance(event, CaseDecided) or event.outcome is Outcome.GRANTED
    if by.item is None:
        return
    lacking = demands(by.case, event.kind, by.item, grants=grants, today=by.today, calendar=by.days)
    if lacking:
        raise NotPermitted(lacking[0])


# --- acceptance ------------------------------------------------------------------------------------------------------


def _check_not_silent(by: Judged, event: AcceptanceRefused | CustodyDeclined | PapersRequested) -> None:
    """Five working days of silence were the answer: nothing else can be answered to the filing any more (art. 32)."""
    if by.accepted_by_silence is not None:
        raise NotPermitted("accepted_by_silence", by.accepted_by_silence.isoformat())


def _check_not_evaded(by: Judged, event: CustodyDeclined) -> None:
    """Nor is it sent back after the silence by who may accept it, unless the sender asks for that: the five days, and
    the resident's term, would begin anew.
    """
    may_accept = by.item is not None and accepts(by.item, event.office) and is_of_department(by.item, by.department)
    if may_accept and not by.case.recall_requested:
        _check_not_silent(by, event)


def _check_second_notice(by: Judged, event: PapersRequested) -> None:
    if by.case.requests and not event.justification.strip():
        raise NotPermitted("second_notice_unjustified")


def _check_acceptance(by: Judged, event: CustodyAccepted) -> None:
    """Complete, or complete but for what may come later and was promised with a day (容缺受理)."""
    if by.case.stage not in UNACCEPTED:
        if event.promises:
            raise NotPermitted("promise_too_late")
        if event.deemed_on is not None:
            raise NotPermitted("deemed_wrongly")
        return
    if event.deemed_on is not None and by.today is not None and event.deemed_on != by.accepted_by_silence:
        raise NotPermitted("deemed_wrongly")
    if by.item is None:
        return
    _check_promises(by, event, by.item)
    # What the law has accepted is not sent back for its gaps; they are asked for afterwards.
    if event.deemed_on is None and by.accepted_by_silence is None:
        _check_complete(by.case, event, by.item)


def _check_promises(by: Judged, event: CustodyAccepted, item: ServiceItem) -> None:
    listed = set(item.materials.deferrable)
    if any(one.material not in listed for one in event.promises):
        raise NotPermitted("promise_not_allowed")
    if by.today is not None and event.promises:
        last = last_promise_day(item, by.today, by.days)
        if not all(by.today <= one.until <= last for one in event.promises):
            raise NotPermitted("promise_untimely", last.isoformat())


def _check_all_named(by: Judged, event: PapersRequested) -> None:
    """Before acceptance one notice names every gap (一次性告知, art. 32); it may ask for more than that."""
    missing = missing_for(by.case, by.item) if by.item is not None and by.case.stage in UNACCEPTED else ()
    forgotten = [name for name in missing if name not in event.materials]
    if forgotten:
        raise NotPermitted("notice_incomplete", *forgotten)


def missing_for(case: CaseFile, item: ServiceItem) -> tuple[str, ...]:
    """What must be there before acceptance and is not. Of a list each person's papers stay at the village."""
    if case.filing is not None and case.filing.roster is not None:
        return ()
    return case.missing_of((*item.materials.required, *item.materials.pledged))


def _check_complete(case: CaseFile, event: CustodyAccepted, item: ServiceItem) -> None:
    if case.filing is not None and case.filing.roster is not None:
        return
    listed = item.materials
    missing = missing_for(case, item)
    if missing:
        raise NotPermitted("materials_missing", *missing)
    promised = {one.material for one in case.promised_with(event.promises)}
    unpromised = [name for name in case.missing_of(listed.deferrable) if name not in promised]
    if unpromised:
        raise NotPermitted("promise_missing", *unpromised)


# --- terms -----------------------------------------------------------------------------------------------------------


def _check_pause(by: Judged, event: CaseSuspended) -> None:
    if not event.document.strip():
        raise NotPermitted("pause_undocumented")
    if by.today is not None and event.expected_until < by.today:
        raise NotPermitted("pause_ended")


def _check_extension(by: Judged, event: TermExtended) -> None:
    """Within the term, or while it stands still: what has run out is overdue, whoever approves (art. 42)."""
    if by.item is None:
        return
    if event.days > by.item.legal.extension_days:
        raise NotPermitted("extension_too_long", str(by.item.legal.extension_days))
    if by.today is None:
        return
    for clock in clocks_of(by.case, by.item, by.days):
        if clock.kind is ClockKind.LEGAL and clock.due is not None and clock.is_overdue(by.today):
            raise NotPermitted("extension_too_late", clock.due.day.isoformat())


def _check_conversion(by: Judged, event: CaseConverted) -> None:
    """The promise counts working days from the acceptance and ends with the legal term, wherever that began. When that
    is over one day can still be promised: without a conversion the case could not be decided at all.
    """
    if by.item is None or by.item.legal.unit is TermUnit.ON_THE_SPOT:
        return
    clocks = {clock.kind: clock for clock in clocks_of(by.case, by.item, by.days)}
    promised, legal = clocks.get(ClockKind.PROMISED), clocks.get(ClockKind.LEGAL)
    if promised is None or legal is None or legal.due_unpaused is None:
        return
    longest = max(by.days.working_days_between(promised.start, legal.due_unpaused.day), 1)
    if event.promise_days > longest:
        raise NotPermitted("conversion_too_long", str(longest))


# --- departments -----------------------------------------------------------------------------------------------------


def _check_consultation(by: Judged, event: OpinionsRequested) -> None:
    if not event.to:
        raise NotPermitted("department_required")
    if event.office in event.to:
        raise NotPermitted("consulted_itself")
    for office in event.to:
        _check_in_county(by.case, office)
        if is_village_office(office):
            raise NotPermitted("village_not_consulted")
    days = (event.due, *([event.meeting_on] if event.meeting_on is not None else []))
    if by.today is None:
        return
    if any(day < by.today for day in days):
        raise NotPermitted("day_has_passed")
    # Where silence counts as agreement the request has to reach the department first.
    counts_silence = by.item is not None and by.item.deems_opinions
    if counts_silence and by.days.working_days_between(by.today, event.due) < 1:
        raise NotPermitted("opinion_term_too_short")


def _check_opinions(by: Judged, event: CaseDecided) -> None:
    """Everybody asked has spoken, or was late or absent and the item lets silence count; who objects is answered.

    A refusal needs nobody's agreement: it rests on its own reason, whatever the silent would say. To grant over an
    objection takes a joint meeting on record: whoever decides then does so after hearing the department, and under its
    own name. Nobody waits for a department that is no more.
    """
    silent = [office for office in by.case.silent if office not in by.ended]
    if event.outcome is Outcome.REFUSED:
        if not all(office in silent and _counts_as_agreement(by, office) for office in event.deemed):
            raise NotPermitted("deemed_not_silent")
        return
    if Opinion.OBJECTS in by.case.opinions.values() and not (by.case.has_met and event.reason.strip()):
        raise NotPermitted("objection_unanswered")
    if not all(_counts_as_agreement(by, office) for office in silent):
        raise NotPermitted("opinions_outstanding")
    if set(event.deemed) != set(silent) or len(event.deemed) != len(silent):
        raise NotPermitted("deemed_not_silent")


def _counts_as_agreement(by: Judged, office: OfficeId) -> bool:
    """Late, or absent from a joint meeting (超时默许、缺席默认): an opinion between departments, never a licence.

    Of a department that had the request in time, by its own receipt: a cut line says nothing, nor does a request from
    before the case was reopened.
    """
    asked, due = by.case.asked_at(office), by.case.course.opinions_due
    if by.item is None or not by.item.deems_opinions or asked is None or due is None:
        return False
    since, met = day_of(asked), by.case.met_on
    is_late = by.today is not None and since < due < by.today
    return is_late or (office in by.case.absent and met is not None and since <= met)


def _check_survey(by: Judged, event: SiteSurveyed) -> None:
    if len(set(event.surveyors)) < 2 or event.officer not in event.surveyors:
        raise NotPermitted("survey_needs_two")
    _check_past(by, event.on)


def _check_meeting(by: Judged, event: MeetingHeld) -> None:
    if not event.invited:
        raise NotPermitted("department_required")
    for office in event.invited:
        _check_in_county(by.case, office)
    _check_past(by, event.on)


def _check_past(by: Judged, day: date) -> None:
    if by.today is not None and day > by.today:
        raise NotPermitted("day_has_not_come")


def _check_step(by: Judged, event: StepCompleted) -> None:
    if event.second_officer == event.officer:
        raise NotPermitted("second_officer_is_author")
    if event.step is not Step.SURVEY or by.item is None:
        return
    if any(one.step is Step.SURVEY and one.people > 1 for one in planned_steps(by.item)):
        raise NotPermitted("survey_by_form")


# --- decision, money -------------------------------------------------------------------------------------------------


def _check_decision(by: Judged, event: CaseDecided) -> None:
    if event.outcome is Outcome.REFUSED and not all(text.strip() for text in (event.reason, event.basis, event.remedy)):
        raise NotPermitted("refusal_incomplete")
    promises = by.case.course.promises
    if event.outcome is Outcome.GRANTED and promises:
        raise NotPermitted("promises_open", *(one.material for one in promises))


def _check_grant(by: Judged, event: CaseDecided) -> None:
    """Whose decision it is: the office's own, delegated to it, or entrusted and then another organ's as well."""
    if by.item is None or by.today is None:
        return
    if not event.grant:
        if not (may_decide(by.item, event.office) and is_of_department(by.item, by.department)):
            raise NotPermitted("grant_required")
        if event.on_behalf_of:
            raise NotPermitted("organ_not_entrusting")
        return
    own = {event.office, seat_of(event.office)}
    grant = next(
        (
            one
            for one in by.grants
            if one.number == event.grant
            and one.is_in_force(by.today)
            and by.item.code in one.items
            and own & set(one.grantees)
        ),
        None,
    )
    if grant is None:
        raise NotPermitted("grant_not_in_force")
    if grant.is_entrusted and event.on_behalf_of != grant.grantor:
        raise NotPermitted("organ_required", grant.grantor)
    if not grant.is_entrusted and event.on_behalf_of:
        raise NotPermitted("organ_not_entrusting")


def _check_served(by: Judged, event: ResultHandedOver) -> None:
    if event.how is Handover.PUBLIC_NOTICE and not event.note.strip():
        raise NotPermitted("notice_unstated")


def _check_roster(by: Judged, event: CaseDecided) -> None:
    """Rows count from 1 over all parts of the list; the decision needs all of them before its eyes."""
    rows = by.case.filing.roster_rows if by.case.filing is not None else 0
    if by.case.roster_rows_here < rows:
        raise NotPermitted("roster_incomplete")
    numbers = [one.row for one in event.excepted]
    if len(set(numbers)) < len(numbers) or any(number > rows for number in numbers):
        raise NotPermitted("roster_row_unknown")


def _check_fee(by: Judged, event: FeePaid) -> None:
    """The standard is a ceiling for all payments together; None = by provincial rule, not known here."""
    if by.item is None or by.item.fee_yuan is None:
        return
    if by.case.fees_fen + event.amount_fen > by.item.fee_yuan * FEN_PER_YUAN:
        raise NotPermitted("fee_above_standard", str(by.item.fee_yuan))


Check = Callable[[Judged, Any], None]

CHECKS: Final[dict[str, tuple[Check, ...]]] = {
    CustodyOffered.kind: (_check_destination, _check_reported),
    CustodyAccepted.kind: (_check_acceptance,),
    CustodyDeclined.kind: (_stated("reason_required", "reason"), _check_not_evaded),
    AcceptanceRefused.kind: (_stated("nonacceptance_incomplete", "reason", "basis", "remedy"), _check_not_silent),
    PapersRequested.kind: (
        _stated("reason_required", "reason"),
        _check_materials_named,
        _check_all_named,
        _check_second_notice,
        _check_not_silent,
    ),
    PapersReceived.kind: (_check_materials_named,),
    PapersBrought.kind: (_check_materials_named,),
    CaseSuspended.kind: (_check_pause,),
    CaseResumed.kind: (_stated("text_required", "result"),),
    TermExtended.kind: (_stated("reason_required", "reason"), _check_approved, _check_extension),
    OpinionsRequested.kind: (_check_consultation,),
    CaseDecided.kind: (_check_decision, _check_grant, _check_demands, _check_opinions, _check_roster),
    ResultHandedOver.kind: (_check_served, _check_demands),
    CaseClosed.kind: (_check_demands,),
    CaseWithdrawn.kind: (_stated("reason_required", "reason"),),
    CaseTerminated.kind: (_stated("termination_incomplete", "reason", "basis"),),
    CaseReopened.kind: (_stated("reason_required", "reason"), _check_approved),
    CustodyReassigned.kind: (_stated("reason_required", "reason"), _check_approver_named, _check_destination),
    CaseRehomed.kind: (_stated("reason_required", "reason"), _check_new_home),
    RecallRequested.kind: (_stated("reason_required", "reason"),),
    StepCompleted.kind: (_check_step,),
    SiteSurveyed.kind: (_stated("text_required", "findings"), _check_survey),
    OpinionGiven.kind: (_stated("reason_required", "reason"),),
    MeetingHeld.kind: (_stated("text_required", "minutes"), _check_meeting),
    FeePaid.kind: (_check_fee,),
    CaseExpedited.kind: (_stated("text_required", "basis"), _check_approved),
    CaseConverted.kind: (_stated("reason_required", "reason"), _check_conversion),
}
"""Kind → what is checked, in this order. Kinds that are not here can state whatever their fields hold."""
