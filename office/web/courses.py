"""The course of a case as its page shows it: the nine steps with person and time, and what happens to some cases only.

Made from the case file and its timeline, masked like everything else (`office.web.views`), without words of any
language. Never says what is due when (`schemas.casework.clocks`) and never counts what is set aside. Pure.
Next: `office.web.labels` for the words.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from office.worklists import Found, Traced
from schemas.casework.events import (
    AcceptanceRefused,
    CaseClosed,
    CaseDecided,
    CaseEvent,
    CaseReopened,
    CustodyAccepted,
    OpinionGiven,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.steps import Step
from schemas.casework.visibility import FieldGroup, Sight
from schemas.catalogue import PlannedStep, ServiceItem, planned_steps
from schemas.names import Instant, OfficeId, OfficerId

_ACTS: Final[dict[str, Step]] = {
    CaseDecided.kind: Step.DECISION,
    ResultHandedOver.kind: Step.ISSUE,
    CaseClosed.kind: Step.ARCHIVE,
    SiteSurveyed.kind: Step.SURVEY,
}
"""Kind → the step that such an entry is; the first acceptance is `Step.ACCEPTANCE`."""

_KEPT: Final = frozenset({Step.ACCEPTANCE, Step.SURVEY, Step.PUBLICITY})
"""Steps that need not be taken again when a case is reopened."""


class StepTaken(Struct, frozen=True):
    """One of the nine steps, planned or taken."""

    step: str
    name: str
    """As the catalogue words it; empty when it is not planned for the item."""
    is_special: bool
    """A special procedure: the law leaves its time out of the term."""
    at: Instant | None = None
    """None: not yet taken."""
    office: str = ""
    officers: tuple[OfficerId, ...] = ()
    origin: str = ""
    """The device that says so."""


class PauseView(Struct, frozen=True):
    """A time in which the legal clock stood still."""

    cause: str
    document: str
    expected_until: date
    since: Instant
    until: Instant | None


class ExtensionView(Struct, frozen=True):
    """The legal term was made longer."""

    days: int
    approver: OfficerId
    at: Instant
    origin: str
    """The device that says so."""


class PromiseView(Struct, frozen=True):
    """A material that may still be brought."""

    material: str
    until: date


class OpinionView(Struct, frozen=True):
    """A department that was asked; `opinion` is empty until it speaks."""

    office: OfficeId
    opinion: str
    is_deemed: bool
    """Its silence was taken as agreement."""
    reason: str = ""
    """In its own words, as far as they may be read."""


class NotAccepted(Struct, frozen=True):
    """Why the matter was not accepted, and how to object."""

    reason: str
    basis: str
    remedy: str


class CourseView(Struct, frozen=True):
    """The course of one case."""

    steps: tuple[StepTaken, ...]
    channel: str
    received_at: Instant | None
    """When the first office above the village had it."""
    deemed_on: date | None
    """Accepted by silence on that day."""
    notices: int
    """Notices of missing papers; more than one is looked into."""
    wanted_until: date | None
    """By when the last notice asks for what is still awaited."""
    not_accepted: NotAccepted | None
    pauses: tuple[PauseView, ...]
    extensions: tuple[ExtensionView, ...]
    promises: tuple[PromiseView, ...]
    opinions: tuple[OpinionView, ...]
    opinions_due: date | None
    meeting_on: date | None
    is_expedited: bool
    converted_days: int | None
    """Working days promised instead of on the spot."""
    fees_fen: int
    decided_by: OfficeId | None
    on_behalf_of: str
    """The organ whose decision it is, if it is not that office's own."""
    grant: str
    reopened: int
    roster_rows: int
    """Persons on a list, as its filing says …"""
    roster_rows_here: int
    """… and as many as have arrived."""


def course_of(found: Found, item: ServiceItem | None, sights: Mapping[FieldGroup, Sight]) -> CourseView:
    """What happened to a case, as this reader may see it."""
    case, course, decision = found.file, found.file.course, found.file.decision
    shows_statement = sights[FieldGroup.STATEMENT] is Sight.CLEAR
    shows_decision = sights[FieldGroup.DECISION] is Sight.CLEAR
    deemed = decision.deemed if decision is not None else ()
    opinions = case.opinions if shows_decision else {}
    reasons = _reasons(found.traced) if shows_decision and shows_statement else {}
    return CourseView(
        steps=_steps(found, item),
        channel=case.filing.channel.value if case.filing is not None else "",
        received_at=case.received_at,
        deemed_on=course.deemed_on,
        notices=len(course.notices),
        wanted_until=case.course.notices[-1].until if case.wanted and case.course.notices else None,
        not_accepted=_not_accepted(found.traced) if shows_decision else None,
        pauses=tuple(
            PauseView(one.cause.value, one.document, one.expected_until, one.since, one.until) for one in course.pauses
        ),
        extensions=tuple(
            ExtensionView(one.event.days, one.event.approver, one.entry.at, one.entry.journal.origin)
            for one in found.traced
            if isinstance(one.event, TermExtended) and not one.state
        ),
        promises=tuple(PromiseView(one.material, one.until) for one in course.promises) if shows_statement else (),
        opinions=tuple(
            OpinionView(
                office,
                opinions[office].value if office in opinions else "",
                office in deemed,
                reasons.get(office, ""),
            )
            for office in course.consulted
        ),
        opinions_due=course.opinions_due,
        meeting_on=course.meeting_on,
        is_expedited=case.is_expedited,
        converted_days=case.converted_days,
        fees_fen=case.fees_fen,
        decided_by=decision.office if decision is not None else None,
        on_behalf_of=decision.on_behalf_of if decision is not None and shows_decision else "",
        grant=decision.grant if decision is not None and shows_decision else "",
        reopened=len(course.reopenings),
        roster_rows=case.filing.roster_rows if case.filing is not None else 0,
        roster_rows_here=case.roster_rows_here,
    )


def _not_accepted(traced: Sequence[Traced]) -> NotAccepted | None:
    refusals = [one.event for one in traced if isinstance(one.event, AcceptanceRefused) and not one.state]
    return NotAccepted(refusals[-1].reason, refusals[-1].basis, refusals[-1].remedy) if refusals else None


def _reasons(traced: Sequence[Traced]) -> dict[OfficeId, str]:
    """What each department said last, in its own words: conditions are in them."""
    given = (one.event for one in traced if isinstance(one.event, OpinionGiven) and not one.state)
    return {event.office: event.reason for event in given}


def is_acceptance(found: Found, one: Traced) -> bool:
    """Whether this is the acceptance from which the clocks run; later ones only pick the case up."""
    return (
        isinstance(one.event, CustodyAccepted)
        and not one.state
        and (one.event.office, one.entry.at) == (found.file.accepted_by, found.file.accepted_at)
    )


def _steps(found: Found, item: ServiceItem | None) -> tuple[StepTaken, ...]:
    """The item's plan, each step with who took it; then what was taken and not planned.

    An item may plan one step twice (村评议, 镇审核): each record fills the next free place.
    """
    taken = _taken(found)
    rows = [_row(planned, taken) for planned in (planned_steps(item) if item is not None else ())]
    return (*rows, *(one for step in Step for one in taken[step]))


def _row(planned: PlannedStep, taken: Mapping[Step, list[StepTaken]]) -> StepTaken:
    waiting = taken[planned.step]
    done = waiting.pop(0) if waiting else StepTaken(planned.step.value, "", is_special=False)
    return StepTaken(done.step, planned.name, planned.special, done.at, done.office, done.officers, done.origin)


def _taken(found: Found) -> dict[Step, list[StepTaken]]:
    taken: dict[Step, list[StepTaken]] = {step: [] for step in Step}
    for one in found.traced:
        if one.event is None or one.state:
            continue
        if isinstance(one.event, CaseReopened):
            taken = {step: taken[step] if step in _KEPT else [] for step in Step}
        step = _step_of(found, one)
        if step is not None:
            event = one.event
            origin = one.entry.journal.origin
            people = tuple(dict.fromkeys(_people(event)))
            taken[step].append(StepTaken(step.value, "", False, one.entry.at, event.office, people, origin))
    return taken


def _step_of(found: Found, one: Traced) -> Step | None:
    if isinstance(one.event, StepCompleted):
        return one.event.step
    if is_acceptance(found, one):
        return Step.ACCEPTANCE
    return _ACTS.get(one.entry.kind)


def _people(event: CaseEvent) -> Iterable[OfficerId]:
    if isinstance(event, SiteSurveyed):
        return event.surveyors
    if isinstance(event, StepCompleted) and event.second_officer:
        return event.officer, event.second_officer
    return (event.officer,)
