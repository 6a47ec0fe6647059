"""What pages and interface show of a case: masked by the reader's standing, without words of any language.

The one place where a case file becomes visible. Pages put words to it, the JSON interface sends it as it is, so both
hide the same things. Pure: reads values, asks nothing. Masked is the default (DESIGN 6); `unmasked` lifts only what the
reader's role may lift, after `office.access_log` has written the look down. Never shows a salt, secret or signature.
Next: `schemas.casework.visibility` for who sees what, `office.web.labels` for the words.
"""

from collections.abc import Callable, Container, Mapping
from datetime import date
from typing import Final, cast

from msgspec import Struct, structs

from office.web.courses import CourseView, course_of, is_acceptance
from office.worklists import FINGERPRINT_CHARACTERS, Found, Receipt, Traced
from schemas.casework.contents import missing_for
from schemas.casework.events import (
    Act,
    ActUnconfirmed,
    CaseEvent,
    CaseFiled,
    Contribution,
    OpinionGiven,
    RosterAdded,
)
from schemas.casework.mandates import is_bound
from schemas.casework.stages import UNACCEPTED
from schemas.casework.values import Applicant, Excepted, Promise
from schemas.casework.visibility import FieldGroup, Sight
from schemas.catalogue import ServiceItem
from schemas.identity import mask, mask_name, mask_phone
from schemas.names import Instant, OfficeId, OfficerId, parent_seat, seat_of, within

MASKED_TEXT: Final = "***"

Sights = Mapping[FieldGroup, Sight]
Mask = Callable[[str], str]
Place = tuple[int, OfficeId, OfficerId]
"""(turn, office, officer) of an act."""

GROUPS: Final[dict[str, FieldGroup]] = {
    **dict.fromkeys(
        (
            *("to", "how", "approver", "deemed_on", "until", "cause", "expected_until", "days", "due", "meeting_on"),
            *("step", "second_officer", "surveyors", "on", "invited", "present", "promise_days", "part"),
        ),
        FieldGroup.PROGRESS,
    ),
    **dict.fromkeys(
        (
            *("outcome", "basis", "remedy", "document", "grant", "on_behalf_of", "deemed"),
            *("agrees", "amount_fen", "receipt"),
        ),
        FieldGroup.DECISION,
    ),
    "recipient": FieldGroup.NAME,
    **dict.fromkeys(
        (
            *("note", "reason", "text", "materials", "promises", "justification", "result", "opinion", "minutes"),
            *("place", "findings", "excepted"),
        ),
        FieldGroup.STATEMENT,
    ),
}
"""Field of an event → how it is hidden. A field that is not named here is not shown at all."""

ANSWERS: Final = frozenset(
    {
        *("case.decided", "custody.declined", "custody.reassigned", "acceptance.refused", "term.extended"),
        *("case.terminated", "case.reopened", "case.converted"),
    }
)
"""Why an office did these is part of its answer; a resident's reasons are not."""


class Said(Struct, frozen=True):
    """One field of an event as it may be read; `value` is a text, a code of a choice, or texts."""

    field: str
    value: str | tuple[str, ...]


class StepView(Struct, frozen=True):
    """One line of the timeline."""

    kind: str
    turn: int
    """Of an act; 0 for a contribution."""
    office: str
    officer: str
    at: Instant
    hash: str
    origin: str
    epoch: str
    seq: int
    state: str
    code: str
    said: tuple[Said, ...]
    about: str
    """Kind of the act that a note «not yet confirmed» is about; empty for every other entry."""
    is_unconfirmed: bool
    """This act has such a note (RULINGS B5)."""
    is_acceptance: bool
    """The acceptance from which the clocks run (受理); later ones only pick the case up."""
    path: tuple[OfficeId, ...]
    """Seats whose signatures this node gets to know: from the author's upward for what was written here or below us,
    only our own for what came from elsewhere."""
    held_by: tuple[OfficeId, ...]

    @property
    def fingerprint(self) -> str:
        """The beginning of the entry's hash, for people to compare."""
        return self.hash[:FINGERPRINT_CHARACTERS]


class MaterialView(Struct, frozen=True):
    """One material as it stands at filing."""

    name: str
    status: str
    until: date | None = None
    """The day promised for what comes later."""


class ReceiptView(Struct, frozen=True):
    """One office's signature: it holds the first `held` of the case's `entries` in one journal."""

    office: OfficeId
    """Who signed …"""
    at: Instant
    """… and when, by its own clock, it first signed for them."""
    author: OfficeId | None
    """Whose journal it is."""
    held: int
    entries: int
    origin: str
    epoch: str
    up_to: int
    """The number in the journal, counted from 1, of the last of them."""
    holder: str
    """The device that signed."""


class CaseSummary(Struct, frozen=True):
    """One case in a list."""

    case: str
    """Its id, 32 hexadecimal digits."""
    tracking: str
    item: str
    stage: str
    turn: int
    custodian: OfficeId | None
    offeree: OfficeId | None
    filing_office: OfficeId | None
    home: OfficeId | None
    """Where the result is handed over."""
    filed_at: Instant | None
    applicant: str
    path: tuple[OfficeId, ...]
    """From our own seat upward, as far as anything of the case was written here or below us."""
    held_by: tuple[OfficeId, ...]
    """Seats that hold every entry of the case that was written here or below us, by their own signature."""


class CaseDetail(Struct, frozen=True):
    """One case with all that this reader may see of it."""

    summary: CaseSummary
    tip: str
    """Hash of the last act that counts: what the next one must follow."""
    edition: str
    document_type: str
    document_number: str
    phone: str
    statement: str
    mandate: str
    mandate_is_foreign: bool
    """The written authority was given for another case, or its words were changed since (`mandates.is_bound`)."""
    materials: tuple[MaterialView, ...]
    missing: tuple[str, ...]
    """What has to be there before the acceptance, and is not."""
    wanted: tuple[str, ...]
    outcome: str
    decided_at: Instant | None
    ended_at: Instant | None
    accepted_at: Instant | None
    requests: int
    recall_requested: bool
    is_partial: bool
    """Something that belongs to the case has not arrived here."""
    may_unmask: bool
    course: CourseView
    steps: tuple[StepView, ...]
    receipts: tuple[ReceiptView, ...]
    erased_at: Instant | None = None
    """When the county ordered that the case's content goes (RULINGS B6); then no person is in anything above."""
    erased_ground: str = ""
    """Why, in the order's words."""
    is_purged: bool = False
    """The content is no longer on this computer; the office above has it."""


def lifted(sights: Sights) -> dict[FieldGroup, Sight]:
    """The sights after a recorded look: what may be unmasked is clear, the rest stays as it was."""
    return {group: Sight.CLEAR if sight is Sight.UNMASKABLE else sight for group, sight in sights.items()}


def sees_everything(sights: Sights) -> bool:
    """Whether a recorded look would show this reader the whole case: then a proof file, in clear, may be handed out."""
    return all(sight is Sight.CLEAR for sight in lifted(sights).values())


def summary_of(found: Found, sights: Sights, seat: OfficeId) -> CaseSummary:
    """A case for a list."""
    case, filing = found.file, found.file.filing
    ours = [one for one in found.traced if one.event is not None and within(seat_of(one.event.office), seat)]
    holders = frozenset({seat}).union(*(one.held_by for one in ours)).intersection(*(one.held_by for one in ours))
    return CaseSummary(
        case.case.hex(),
        filing.tracking if filing is not None else "",
        filing.item if filing is not None else "",
        case.stage.value,
        case.turn,
        case.custodian,
        case.offeree,
        case.filing_office,
        case.home,
        case.filed_at,
        _name(filing.applicant, sights) if filing is not None and not case.is_empty else "",
        line_upward(seat) if ours else (seat,),
        tuple(sorted(holders)),
    )


def detail_of(found: Found, sights: Sights, seat: OfficeId, item: ServiceItem | None = None) -> CaseDetail:
    """A case for its page. `item`: its item, if this node knows it."""
    case, filing = found.file, found.file.filing
    applicant = filing.applicant if filing is not None and not case.is_empty else None
    shows_statement = sights[FieldGroup.STATEMENT] is Sight.CLEAR
    shows_decision = case.decision is not None and sights[FieldGroup.DECISION] is Sight.CLEAR
    # What is quarantined says nothing about anybody: a hostile device may have written it in another office's name.
    believed = [one for one in found.traced if one.state in ("", "superseded")]
    acts = {_place(one.event): one.entry.kind for one in believed if isinstance(one.event, Act)}
    noted = {_place(one.event) for one in believed if isinstance(one.event, ActUnconfirmed)}
    return CaseDetail(
        summary=summary_of(found, sights, seat),
        tip=case.tip.hex(),
        edition=filing.edition if filing is not None else "",
        document_type=applicant.document_type if applicant is not None else "",
        document_number=_contact(applicant.document_number, mask, sights) if applicant is not None else "",
        phone=_contact(applicant.phone, mask_phone, sights) if applicant is not None else "",
        statement=_text(filing.statement, sights[FieldGroup.STATEMENT]) if filing is not None else "",
        mandate=_text(filing.mandate.read_back, sights[FieldGroup.STATEMENT])
        if filing is not None and filing.mandate is not None
        else "",
        mandate_is_foreign=filing is not None and not is_bound(case.case, filing),
        materials=_materials(filing) if filing is not None and shows_statement else (),
        missing=missing_for(case, item) if item is not None and shows_statement and case.stage in UNACCEPTED else (),
        wanted=case.wanted if shows_statement else (),
        outcome=case.decision.outcome.value if case.decision is not None and shows_decision else "",
        decided_at=case.decided_at,
        ended_at=case.ended_at,
        accepted_at=case.accepted_at,
        requests=case.requests,
        recall_requested=case.recall_requested,
        is_partial=bool(case.held) or filing is None,
        may_unmask=Sight.UNMASKABLE in sights.values() and not case.is_empty,
        course=course_of(found, item, sights),
        steps=tuple(_step(one, found, acts, noted, sights, seat) for one in found.traced),
        receipts=tuple(_receipt(one) for one in found.receipts),
        erased_at=case.erased.at if case.erased is not None else None,
        erased_ground=case.erased.ground if case.erased is not None else "",
        is_purged=case.purged,
    )


def _receipt(one: Receipt) -> ReceiptView:
    """Offices, devices and numbers only: a receipt knows no person, and the timeline shows every reader as much."""
    return ReceiptView(
        one.office,
        one.at,
        one.author,
        one.held,
        one.entries,
        one.journal.origin,
        str(one.journal.epoch),
        one.up_to,
        one.holder,
    )


def line_upward(seat: OfficeId) -> tuple[OfficeId, ...]:
    """The seats through which an entry written at `seat` goes up, its own first."""
    line: list[OfficeId] = []
    here: OfficeId | None = seat
    while here is not None:
        line.append(here)
        here = parent_seat(here)
    return tuple(line)


def _step(
    one: Traced, found: Found, acts: Mapping[Place, str], noted: Container[Place], sights: Sights, seat: OfficeId
) -> StepView:
    """`acts`: kind of each act by its place; `noted`: places of the acts that are said to be unconfirmed."""
    entry, event = one.entry, one.event
    author = seat_of(event.office) if event is not None else seat
    return StepView(
        entry.kind,
        event.turn if isinstance(event, Act) else 0,
        event.office if event is not None else "",
        event.officer if event is not None else "",
        entry.at,
        entry.hash.hex(),
        entry.journal.origin,
        str(entry.journal.epoch),
        entry.seq,
        one.state,
        one.code,
        tuple(_said(event, sights)) if event is not None else (),
        acts.get(_place(event), "") if isinstance(event, ActUnconfirmed) else "",
        isinstance(event, Act) and _place(event) in noted,
        is_acceptance(found, one),
        line_upward(author) if within(author, seat) else (seat,),
        tuple(sorted(one.held_by)),
    )


def _place(event: CaseEvent) -> Place:
    """By what a note «not yet confirmed» and its act are told to belong together: an officer writes both in one go."""
    return event.turn if isinstance(event, Act) else event.after_turn, event.office, event.officer


def _said(event: CaseEvent, sights: Sights) -> list[Said]:
    """The event's own fields, each hidden as its group is. The filing's are the case's facts and are shown there."""
    if isinstance(event, CaseFiled):
        return []
    shared = Act.__struct_fields__ if isinstance(event, Act) else Contribution.__struct_fields__
    said: list[Said] = []
    for name, value in structs.asdict(event).items():
        group = _group_of(event, name)
        # A survey that found otherwise says so: that answer alone is worth showing when it is false.
        if name in shared or group is None or not (value or value is False) or sights[group] is Sight.HIDDEN:
            continue
        said.append(Said(name, _field(value, group, sights[group])))
    if isinstance(event, RosterAdded):
        said.append(Said("row_count", str(len(event.rows))))
    return said


def _group_of(event: CaseEvent, field: str) -> FieldGroup | None:
    if field == "reason" and event.kind in ANSWERS:
        return FieldGroup.DECISION
    if field == "opinion" and isinstance(event, OpinionGiven):
        return FieldGroup.DECISION
    return GROUPS.get(field)


def _field(value: object, group: FieldGroup, sight: Sight) -> str | tuple[str, ...]:
    if isinstance(value, tuple):
        return tuple(_word(part) for part in cast("tuple[object, ...]", value)) if sight is Sight.CLEAR else MASKED_TEXT
    if sight is Sight.CLEAR:
        return _word(value)
    return mask_name(str(value)) if group is FieldGroup.NAME else MASKED_TEXT


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Promise):
        return f"{value.material} {value.until}"
    return f"{value.row} {value.reason}" if isinstance(value, Excepted) else str(value)


def _name(applicant: Applicant, sights: Sights) -> str:
    sight = sights[FieldGroup.NAME]
    if sight is Sight.HIDDEN:
        return ""
    return applicant.name if sight is Sight.CLEAR else mask_name(applicant.name)


def _contact(text: str, masked: Mask, sights: Sights) -> str:
    sight = sights[FieldGroup.CONTACT]
    if sight is Sight.HIDDEN:
        return ""
    return text if sight is Sight.CLEAR else masked(text)


def _text(text: str, sight: Sight) -> str:
    if not text or sight is Sight.HIDDEN:
        return ""
    return text if sight is Sight.CLEAR else MASKED_TEXT


def _materials(filing: CaseFiled) -> tuple[MaterialView, ...]:
    return tuple(MaterialView(material.name, material.status.value, material.until) for material in filing.materials)
