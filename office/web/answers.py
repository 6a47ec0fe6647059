"""What an office answered on a case, as one page to hand to the resident: missing papers, accepted, or not accepted.

The answer is what was signed; days are as they are known now. Masked like everything else (`office.web.views`); who did
not accept may look up, recorded, whom it told so: that act itself takes the case away. Without words of any language.
Pure. Next: `office.web.pages.answers`, which prints it.
"""

from collections.abc import Mapping, Sequence
from datetime import date

from msgspec import Struct

from office.web.courses import NotAccepted, PromiseView, is_acceptance
from office.web.views import Sights
from office.worklists import FINGERPRINT_CHARACTERS, Found, Traced
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import Clock, ClockKind, accepted_on, day_of
from schemas.casework.events import AcceptanceRefused, Act, CaseReopened, CustodyAccepted, PapersRequested
from schemas.casework.visibility import FieldGroup, Sight
from schemas.names import OfficeId
from schemas.refusals import Refused


class AnswerRefused(Refused):
    """There is nothing to print."""

    def __init__(self) -> None:
        super().__init__(
            "no_such_answer",
            "本件没有可打印的答复：尚未告知补正、受理或者不予受理，或者该答复已因重新办理失效；请返回该件查看办理过程。",
            "There is no answer to print: no papers were asked for, and the case was neither accepted nor refused; or "
            "it was reopened since. Go back to the case and look at its steps.",
        )


class NoticeView(Struct, frozen=True):
    """One notice of everything that is missing; texts are empty where the reader may not see them."""

    number: int
    """The first notice, the second, …"""
    materials: tuple[str, ...]
    reason: str
    justification: str
    until: date | None


class AcceptanceView(Struct, frozen=True):
    """The acceptance, with its days as they are known now."""

    on: date
    is_deemed: bool
    """Accepted by silence on that day."""
    promised: Clock | None
    legal: Clock | None
    promises: tuple[PromiseView, ...]
    """Papers still to come."""


class AnswerView(Struct, frozen=True):
    """One answer; exactly one of the three is there."""

    turn: int
    office: OfficeId
    day: date
    fingerprint: str
    notice: NoticeView | None = None
    acceptance: AcceptanceView | None = None
    refusal: NotAccepted | None = None


def answers_in(found: Found) -> tuple[Traced, ...]:
    """What was answered, the newest last. Of what was answered before a reopening only the acceptance stands."""
    given: list[Traced] = []
    for one in _counting(found):
        if isinstance(one.event, CaseReopened):
            given = [before for before in given if isinstance(before.event, CustodyAccepted)]
        if isinstance(one.event, PapersRequested | AcceptanceRefused) or is_acceptance(found, one):
            given.append(one)
    return tuple(given)


def get_answer(found: Found, turn: int) -> Traced:
    """The answer of that turn; at 0 the newest. Raises `AnswerRefused`."""
    given = [one for one in answers_in(found) if turn in (0, turn_of(one))]
    if not given:
        raise AnswerRefused
    return given[-1]


def turn_of(answer: Traced) -> int:
    """The turn that an answer took."""
    assert isinstance(answer.event, Act), "found by `answers_in`"
    return answer.event.turn


def sights_on(answer: Traced, sights: Sights, office: OfficeId, *, works: bool) -> dict[FieldGroup, Sight]:
    """How what the page shows may be seen at `office`. Who did not accept still has to seal the paper, while the case
    is with whoever tells the resident: it may look at the name. `works`: does casework there.
    """
    if not isinstance(answer.event, AcceptanceRefused):
        return {group: sights[group] for group in (FieldGroup.NAME, FieldGroup.STATEMENT)}
    is_own = works and answer.event.office == office
    return {
        FieldGroup.NAME: Sight.UNMASKABLE
        if is_own and sights[FieldGroup.NAME] is Sight.MASKED
        else sights[FieldGroup.NAME]
    }


def answer_of(
    found: Found, answer: Traced, sights: Sights, clocks: Sequence[Clock], calendar: WorkCalendar
) -> AnswerView:
    """The answer as this reader may see it. `clocks`: the case's."""
    event = answer.event
    assert isinstance(event, PapersRequested | AcceptanceRefused | CustodyAccepted), "found by `answers_in`"
    shows_statement = sights[FieldGroup.STATEMENT] is Sight.CLEAR
    notice = acceptance = refusal = None
    if isinstance(event, PapersRequested):
        notices = [one for one in _counting(found) if isinstance(one.event, PapersRequested)]
        notice = NoticeView(
            notices.index(answer) + 1,
            event.materials if shows_statement else (),
            event.reason if shows_statement else "",
            event.justification if shows_statement else "",
            event.until,
        )
    elif isinstance(event, CustodyAccepted):
        by_kind = {clock.kind: clock for clock in clocks}
        acceptance = _acceptance(found.file, event, by_kind, calendar, shows_statement=shows_statement)
    elif sights[FieldGroup.DECISION] is Sight.CLEAR:
        refusal = NotAccepted(event.reason, event.basis, event.remedy)
    day, fingerprint = day_of(answer.entry.at), answer.entry.hash.hex()[:FINGERPRINT_CHARACTERS]
    return AnswerView(event.turn, event.office, day, fingerprint, notice, acceptance, refusal)


def _counting(found: Found) -> list[Traced]:
    """The timeline without what is set aside or had no effect."""
    void = {breach.hash for breach in found.file.breaches}
    return [one for one in found.traced if not one.state and one.entry.hash not in void]


def _acceptance(
    case: CaseFile,
    event: CustodyAccepted,
    clocks: Mapping[ClockKind, Clock],
    calendar: WorkCalendar,
    *,
    shows_statement: bool,
) -> AcceptanceView:
    assert case.accepted_at is not None, "an acceptance that counts is in the case file"
    written = day_of(case.accepted_at)
    # A case in a new term is counted anew; what was accepted stays as old as it is.
    on = event.deemed_on or written if case.renewed_at is not None else accepted_on(case, calendar) or written
    return AcceptanceView(
        on,
        event.deemed_on is not None or on < written,
        clocks.get(ClockKind.PROMISED),
        clocks.get(ClockKind.LEGAL),
        tuple(PromiseView(one.material, one.until) for one in case.course.promises) if shows_statement else (),
    )
