"""What one entry makes of a case: the effect of each act, and what is remembered of each contribution.

How an act is judged, given the state its predecessor left:
- it does not hold the pen, or its turn does not follow: **void**, a breach; the turn stays free for the true custodian;
- it holds the pen but the stage does not allow the act: it **takes its turn and changes nothing else**, a breach.

Total: never refuses, reads no clock and asks for no permission. Next: `schemas.casework.fold` for the whole set.
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from msgspec.structs import replace

from schemas.casework.casefile import (
    NO_CASE,
    NOT_CUSTODIAN,
    NOT_IN_THIS_STAGE,
    OFFERED_TO_ITSELF,
    VILLAGE_CANNOT_REVIEW,
    Breach,
    CaseFile,
    Contributed,
    Extension,
    Notice,
    Pause,
    Reopening,
    Span,
)
from schemas.casework.events import (
    AcceptanceRefused,
    Act,
    CaseConverted,
    CaseDecided,
    CaseEvent,
    CaseExpedited,
    CaseFiled,
    CaseRehomed,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseTerminated,
    CaseWithdrawn,
    Contribution,
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
    ResultHandedOver,
    RosterAdded,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.lifecycle import TRANSITIONS, Actor, is_county_of, is_review
from schemas.casework.stages import DECIDED, UNACCEPTED, Stage
from schemas.divisions import is_village_office
from schemas.headed import Headed
from schemas.names import Instant, OfficeId, followed


class _Sortable(Protocol):
    def __lt__(self, other: Any, /) -> bool: ...


V = TypeVar("V", bound=_Sortable)


def opens(event: CaseEvent) -> bool:
    """Whether this is a filing as the first entry of a case."""
    return isinstance(event, CaseFiled) and event.turn == 1 and event.after is None


def file_case(event: CaseEvent, header: Headed) -> CaseFile:
    """The case that a filing opens."""
    assert isinstance(event, CaseFiled)
    return CaseFile(
        header.subject or NO_CASE,
        Stage.FILED,
        1,
        followed(header.hash),
        event.office,
        None,
        None,
        (event.office,),
        event,
        header.at,
        spans=(Span(event.office, header.at),),
        home=event.office,
    )


def act_on(case: CaseFile, event: Act, header: Headed) -> CaseFile:
    """The next act: void if the office has no pen, without effect if the stage forbids it, else its effect."""
    transition = TRANSITIONS.get((case.stage, event.kind))
    if not _is_actor(case, event.office, transition.by if transition is not None else Actor.CUSTODIAN):
        return replace(case, breaches=with_value(case.breaches, Breach(event.turn, header.hash, NOT_CUSTODIAN)))
    if transition is None:
        return _without_effect(case, event, header, NOT_IN_THIS_STAGE)
    if is_review(case.stage, event.kind) and is_village_office(event.office):
        return _without_effect(case, event, header, VILLAGE_CANNOT_REVIEW)
    taken = replace(case, stage=transition.stage, turn=event.turn, tip=followed(header.hash))
    effect = _EFFECTS.get(event.kind)
    return taken if effect is None else effect(case, taken, event, header)


def _is_actor(case: CaseFile, office: OfficeId, actor: Actor) -> bool:
    """Whether `office` is the one whose act this may be. In transit nobody is the custodian."""
    if actor is Actor.CUSTODIAN:
        return office == case.custodian
    if actor is Actor.OFFEREE:
        return office == case.offeree
    if actor is Actor.RESPONSIBLE_CUSTODIAN and office != case.custodian:
        return False
    if actor in (Actor.RESPONSIBLE, Actor.RESPONSIBLE_CUSTODIAN) and office == case.responsible:
        return True
    if actor is Actor.CUSTODIAN_OR_COUNTY and office == case.custodian:
        return True
    return case.filing is not None and is_county_of(office, case.filing.office)


def _without_effect(case: CaseFile, event: Act, header: Headed, code: str) -> CaseFile:
    breaches = with_value(case.breaches, Breach(event.turn, header.hash, code))
    return replace(case, turn=event.turn, tip=followed(header.hash), breaches=breaches)


# Effects: what an act changes beyond stage and turn. Each gets the case before, and as it is with both.


def _offer(case: CaseFile, taken: CaseFile, event: CustodyOffered, header: Headed) -> CaseFile:
    if event.to == case.custodian:
        return _without_effect(case, event, header, OFFERED_TO_ITSELF)
    return replace(
        taken,
        custodian=None,
        offerer=case.custodian,
        offeree=event.to,
        spans=(*case.spans, Span(None, header.at)),
    )


def _accept(case: CaseFile, taken: CaseFile, event: CustodyAccepted, header: Headed) -> CaseFile:
    if case.accepted_at is None and taken.stage is Stage.IN_REVIEW:
        taken = replace(taken, accepted_at=header.at, accepted_by=event.office)
        promises = case.promised_with(event.promises)
        if promises or event.deemed_on is not None:
            taken = replace(taken, course=replace(case.course, promises=promises, deemed_on=event.deemed_on))
    return _picked_up(taken, event.office, header.at)


def _decline(case: CaseFile, taken: CaseFile, event: CustodyDeclined, header: Headed) -> CaseFile:
    """Back to whoever offered it; from an office that had picked it up, to the one that had sent it."""
    return _returned(case, taken, case.offerer or case.course.sender or case.home, event.turn, header.at)


def _refuse_acceptance(case: CaseFile, taken: CaseFile, event: AcceptanceRefused, header: Headed) -> CaseFile:
    """The office that would hand over a result tells the resident. Who did not accept answers for it, and seals the
    paper: a window above another line of offices, too, has the case for good.
    """
    told = _picked_up(replace(taken, ended_at=header.at, wanted=()), case.home, header.at)
    return told if told.concerns(event.office) else replace(told, informed=with_value(told.informed, event.office))


def _reassign(case: CaseFile, taken: CaseFile, event: CustodyReassigned, header: Headed) -> CaseFile:
    if case.offeree is not None:
        taken = replace(taken, informed=with_value(case.informed, case.offeree))
    return _returned(case, taken, event.to, event.turn, header.at)


def _rehome(case: CaseFile, taken: CaseFile, event: CaseRehomed, header: Headed) -> CaseFile:
    """From now on the new office reads the case; the one of before stays a reader, whatever made it one."""
    informed = case.informed if event.to in case.holders else with_value(case.informed, event.to)
    return replace(taken, home=event.to, informed=informed)


def _returned(case: CaseFile, taken: CaseFile, to: OfficeId | None, turn: int, at: Instant) -> CaseFile:
    """The pen is given back or away. Unaccepted in a village the case has been received by nobody. Another office that
    gets it back with a notice out has its own five days: the notice was an answer in time.
    """
    if case.accepted_at is None and to is not None and is_village_office(to):
        course = replace(taken.course, corrected_at=None, returned_turn=turn)
        taken = _picked_up(replace(taken, course=course), to, at)
        return replace(taken, course=replace(taken.course, returned_spans=len(taken.spans)))
    if case.stage is Stage.CORRECTING and taken.stage is Stage.FILED:
        taken = replace(taken, course=replace(taken.course, corrected_at=at))
    return _picked_up(taken, to, at)


def _picked_up(taken: CaseFile, custodian: OfficeId | None, at: Instant) -> CaseFile:
    """Exactly one office holds the pen again."""
    holders = taken.holders
    if custodian is not None and custodian not in holders:
        holders = (*holders, custodian)
    spans = taken.spans
    if not spans or spans[-1].office != custodian:
        spans = (*spans, Span(custodian, at))
    return replace(taken, custodian=custodian, offerer=None, offeree=None, holders=holders, spans=spans)


def _decide(case: CaseFile, taken: CaseFile, event: CaseDecided, header: Headed) -> CaseFile:
    return replace(taken, decision=event, decided_at=header.at, wanted=())


def _request_papers(case: CaseFile, taken: CaseFile, event: PapersRequested, header: Headed) -> CaseFile:
    """Before acceptance the offeree thereby picks the case up; what it declines later goes back to the sender."""
    more = (name for name in dict.fromkeys(event.materials) if name not in case.wanted)
    notice = Notice(event.office, header.at, bool(event.justification.strip()), case.stage in UNACCEPTED, event.until)
    course = replace(case.course, notices=(*case.course.notices, notice), sender=case.offerer or case.course.sender)
    taken = replace(taken, wanted=(*case.wanted, *more), requests=case.requests + 1, course=course)
    return _picked_up(taken, event.office, header.at) if case.offeree is not None else taken


def _receive_papers(case: CaseFile, taken: CaseFile, event: PapersReceived, header: Headed) -> CaseFile:
    wanted = tuple(name for name in case.wanted if name not in event.materials)
    course = replace(
        case.course,
        promises=tuple(one for one in case.course.promises if one.material not in event.materials),
        received=tuple(dict.fromkeys((*case.course.received, *event.materials))),
    )
    if case.stage is Stage.CORRECTING:
        course = replace(course, corrected_at=header.at)
    elif case.accepted_at is not None:
        course = replace(course, replied_at=header.at)
    taken_up = tuple(sorted({*case.taken_up, *event.contributions}))
    return replace(taken, wanted=wanted, taken_up=taken_up, course=course)


def _suspend(case: CaseFile, taken: CaseFile, event: CaseSuspended, header: Headed) -> CaseFile:
    pause = Pause(event.cause, event.document, event.expected_until, header.at)
    return replace(taken, course=replace(case.course, pauses=(*case.course.pauses, pause)))


def _resume(case: CaseFile, taken: CaseFile, event: CaseResumed, header: Headed) -> CaseFile:
    return _running_again(taken, header.at)


def _running_again(taken: CaseFile, at: Instant) -> CaseFile:
    """No pause is open any more."""
    pauses = tuple(replace(one, until=at) if one.until is None else one for one in taken.course.pauses)
    return replace(taken, course=replace(taken.course, pauses=pauses)) if pauses else taken


def _extend(case: CaseFile, taken: CaseFile, event: TermExtended, header: Headed) -> CaseFile:
    extension = Extension(event.days, event.approver, header.at)
    return replace(taken, course=replace(case.course, extensions=(*case.course.extensions, extension)))


def _consult(case: CaseFile, taken: CaseFile, event: OpinionsRequested, header: Headed) -> CaseFile:
    """From now on those departments read the case."""
    course = replace(
        case.course,
        consulted=tuple(dict.fromkeys((*case.course.consulted, *event.to))),
        consulted_at=header.at,
        opinions_due=event.due,
        meeting_on=event.meeting_on,
        consulted_turn=event.turn,
        asked=event.to,
    )
    informed = tuple(sorted({*case.informed, *(office for office in event.to if office not in case.holders)}))
    return replace(taken, course=course, informed=informed)


def _reopen(case: CaseFile, taken: CaseFile, event: CaseReopened, header: Headed) -> CaseFile:
    """The decision before stays in the timeline; a new one is wanted, in a new term. What never was accepted now is.
    A department that never spoke is late only when it was asked anew. A decision that nobody was given met no term: the
    one before runs on, or each could be begun anew on its last day.
    """
    in_new_term = case.stage not in DECIDED
    reopening = Reopening(event.office, event.approver, header.at, event.turn, in_new_term)
    reopenings = (*case.course.reopenings, reopening)
    course = replace(case.course, opinions_due=None, meeting_on=None, reopenings=reopenings)
    if in_new_term:
        course = replace(course, extensions=())
    taken = replace(taken, decision=None, decided_at=None, ended_at=None, wanted=(), course=course)
    if case.accepted_at is None:
        taken = replace(taken, accepted_at=header.at, accepted_by=event.office)
    return _picked_up(taken, event.office, header.at)


def _end(case: CaseFile, taken: CaseFile, event: Act, header: Headed) -> CaseFile:
    return _running_again(replace(taken, ended_at=header.at), header.at)


_EFFECTS: Final[dict[str, Callable[[CaseFile, CaseFile, Any, Headed], CaseFile]]] = {
    CustodyOffered.kind: _offer,
    CustodyAccepted.kind: _accept,
    CustodyDeclined.kind: _decline,
    AcceptanceRefused.kind: _refuse_acceptance,
    CustodyReassigned.kind: _reassign,
    CaseRehomed.kind: _rehome,
    CaseDecided.kind: _decide,
    PapersRequested.kind: _request_papers,
    PapersReceived.kind: _receive_papers,
    CaseSuspended.kind: _suspend,
    CaseResumed.kind: _resume,
    TermExtended.kind: _extend,
    OpinionsRequested.kind: _consult,
    CaseTerminated.kind: _end,
    CaseReopened.kind: _reopen,
    ResultHandedOver.kind: _end,
    CaseWithdrawn.kind: _end,
}


FACTS: Final[dict[str, Callable[[Any], tuple[str, ...]]]] = {
    StepCompleted.kind: lambda event: (event.step.value,),
    SiteSurveyed.kind: lambda event: (str(event.agrees), event.on.isoformat(), *event.surveyors),
    OpinionGiven.kind: lambda event: (event.opinion.value,),
    MeetingHeld.kind: lambda event: (
        event.on.isoformat(),
        *(office for office in dict.fromkeys(event.invited) if office not in event.present),
    ),
    FeePaid.kind: lambda event: (str(event.amount_fen), event.receipt),
    CaseExpedited.kind: lambda event: (event.approver,),
    CaseConverted.kind: lambda event: (str(event.promise_days),),
    RosterAdded.kind: lambda event: (str(event.part), str(len(event.rows))),
}
"""Kind → what a case remembers of such a contribution: of a meeting the day and who was absent, of a survey whether it
agrees, the day and who was there. Texts stay in the entry."""


def contributed(event: Contribution, header: Headed) -> Contributed:
    """A contribution as the case remembers it."""
    materials, papers = (event.materials, event.papers) if isinstance(event, PapersBrought) else ((), ())
    facts = FACTS.get(event.kind)
    return Contributed(
        event.after_turn,
        header.hash,
        event.operation,
        header.epoch.ordinal,
        event.kind,
        event.office,
        materials,
        header.at,
        facts(event) if facts is not None else (),
        papers,
    )


def with_value(values: tuple[V, ...], value: V) -> tuple[V, ...]:
    """Sorted `values`, and `value`, each once: what several arrivals leave must not show their order. Searched, not
    sorted again: whoever writes a thousand remarks must not slow the line for everybody.
    """
    place = bisect_left(values, value)
    return values if values[place : place + 1] == (value,) else (*values[:place], value, *values[place:])
