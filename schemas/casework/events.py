"""Every act and every contribution in the life of a case, named in the past participle.

An *act* takes a turn: it carries `turn`, the hash of the act it follows, the operation, the office and the officer, in
that order (DESIGN 1.2, RULINGS B1, B10). A *contribution* names the turn it was made after, and commutes.
Bodies are MessagePack arrays: a newer version may append fields with defaults, which an older node ignores; an
incompatible body is a new kind (`case.filed/2`). The field order is frozen by `tests/golden/events.json`.
Never decides what an event does (`casefile`) or who may write it (`lifecycle`).
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from schemas.casework.steps import Step
from schemas.casework.values import (
    Applicant,
    Author,
    Channel,
    Consent,
    Destination,
    Destinations,
    Excepted,
    Follows,
    Handover,
    Hash,
    Hashes,
    Mandate,
    Material,
    Number,
    Numbers,
    Office,
    Operation,
    Opinion,
    Outcome,
    PauseCause,
    Promise,
    RosterRow,
    Short,
    Text,
    Turn,
    Word,
    Words,
)
from schemas.codec import ENTRY_BODY_BYTES_MAX, UNREADABLE, Malformed, encode, holds_nul, reader
from schemas.names import HASH_BYTES, OfficerId
from schemas.papers import Papers

ROSTER_ROWS_MAX: Final = 300
"""Rows of one part of a list: at 80 bytes each 24 KB, below the body's 32 KiB."""
ROSTER_PARTS_MAX: Final = 20
"""6,000 persons: the largest village has fewer, and a list is one village's."""


class UnknownKind(ValueError):
    """A kind that this version does not know. The entry is kept, relayed and shown, and folded after an upgrade."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"unknown_kind: {kind!r} is held until this node is upgraded")
        self.code = "unknown_kind"
        self.kind = kind


class Act(Struct, frozen=True, array_like=True, gc=False):
    """What every act carries, first and in this order."""

    kind: ClassVar[str] = ""

    turn: Turn
    after: Follows | None
    """The act followed (`schemas.names.followed`); None at turn 1 only."""
    operation: Operation
    office: Office
    officer: Author


class Contribution(Struct, frozen=True, array_like=True, gc=False):
    """What every contribution carries, first and in this order."""

    kind: ClassVar[str] = ""

    after_turn: Turn
    operation: Operation
    office: Office
    officer: Author


class CaseFiled(Act, frozen=True, array_like=True, gc=False):
    """Turn 1: the filing office took the matter in and holds the pen (受理前的收件; the slip is printed from this)."""

    kind: ClassVar[str] = "case.filed"

    item: Word
    edition: Word
    """Version of the catalogue in force: materials are judged by it for the whole life of the case (RULINGS B8)."""
    tracking: Number
    secret_hash: Annotated[bytes, Meta(min_length=16, max_length=2 * HASH_BYTES)]
    """Salt and salted hash of the slip's secret; opaque here (RULINGS B7)."""
    applicant: Applicant
    materials: Annotated[tuple[Material, ...], Meta(max_length=60)]
    statement: Text = ""
    """What the resident asks for, in their own words."""
    mandate: Mandate | None = None
    """Written authority given to the agent; None when the applicant came in person."""
    channel: Channel = Channel.COUNTER
    consents: Annotated[tuple[Consent, ...], Meta(max_length=3)] = ()
    duplicates: Numbers = ()
    """Open cases of the same applicant and item that the officer was shown and filed beside all the same."""
    roster: Hash | None = None
    """A list of persons: SHA-256 over its rows (`schemas.casework.rosters`); the rows follow as `roster.added`."""
    roster_rows: Annotated[int, Meta(ge=0, le=ROSTER_ROWS_MAX * ROSTER_PARTS_MAX)] = 0
    papers: Papers = ()
    """Photographs and PDF of the materials (附件): named here, carried apart (`schemas.papers`)."""


class CustodyOffered(Act, frozen=True, array_like=True, gc=False):
    """The custodian put the pen down before another office. Until the answer nobody holds it."""

    kind: ClassVar[str] = "custody.offered"

    to: Destination
    note: Text = ""


class CustodyAccepted(Act, frozen=True, array_like=True, gc=False):
    """The offeree picked the pen up; at the stage `filed` the custodian itself accepts its own filing (受理)."""

    kind: ClassVar[str] = "custody.accepted"

    note: Text = ""
    promises: Annotated[tuple[Promise, ...], Meta(max_length=20)] = ()
    """Accepted although these are missing: promised in writing, each with its day (容缺受理)."""
    deemed_on: date | None = None
    """Accepted by silence on that day: the act records what the law has done already (art. 32, RULINGS B8)."""


class CustodyDeclined(Act, frozen=True, array_like=True, gc=False):
    """The offeree did not accept; the pen goes back to the offerer (不予受理 when it was the first offer)."""

    kind: ClassVar[str] = "custody.declined"

    reason: Text
    basis: Text = ""
    """Legal ground; a non-acceptance is given in writing (Administrative Licensing Law art. 32)."""


class AcceptanceRefused(Act, frozen=True, array_like=True, gc=False):
    """Not accepted (不予受理): a written, dated answer with reason, basis and remedy (art. 32). Ends the matter."""

    kind: ClassVar[str] = "acceptance.refused"

    reason: Text
    basis: Text
    remedy: Text


class PapersRequested(Act, frozen=True, array_like=True, gc=False):
    """One notice of everything that is missing (一次性告知). A second notice counts and is flagged by the audit."""

    kind: ClassVar[str] = "papers.requested"

    materials: Words
    reason: Text
    justification: Text = ""
    """Why the first notice did not name these; required from the second notice on."""
    until: date | None = None
    """By when the resident is asked to bring them."""


class PapersReceived(Act, frozen=True, array_like=True, gc=False):
    """The custodian took up what was brought: which materials, and which contributions (by entry hash)."""

    kind: ClassVar[str] = "papers.received"

    materials: Words
    contributions: Hashes = ()


class CaseSuspended(Act, frozen=True, array_like=True, gc=False):
    """The legal clock stands still for a cause that the law names; the resident is told how long (art. 45)."""

    kind: ClassVar[str] = "case.suspended"

    cause: PauseCause
    document: Word
    """Number of the paper by which the resident was told."""
    expected_until: date
    note: Text = ""


class CaseResumed(Act, frozen=True, array_like=True, gc=False):
    """What the case waited for is done; the clock runs again."""

    kind: ClassVar[str] = "case.resumed"

    result: Text


class TermExtended(Act, frozen=True, array_like=True, gc=False):
    """The legal term is longer, once, by leave of the head of the organ; the resident is told why (art. 42)."""

    kind: ClassVar[str] = "term.extended"

    days: Annotated[int, Meta(ge=1, le=90)]
    """In the unit of the item's legal term."""
    reason: Text
    approver: Author
    document: Short = ""


class OpinionsRequested(Act, frozen=True, array_like=True, gc=False):
    """The first window copied the case to all departments concerned at once (首接窗口抄送、并联审批)."""

    kind: ClassVar[str] = "opinions.requested"

    to: Annotated[Destinations, Meta(min_length=1)]
    due: date
    meeting_on: date | None = None
    """A joint meeting on that day (联审会议)."""
    note: Text = ""


class CaseDecided(Act, frozen=True, array_like=True, gc=False):
    """Granted, or refused with reason, legal basis and remedy (Administrative Licensing Law art. 38)."""

    kind: ClassVar[str] = "case.decided"

    outcome: Outcome
    reason: Text
    basis: Text
    remedy: Text = ""
    """How to object; required for a refusal."""
    document: Short = ""
    """Number of the licence, certificate or notice issued."""
    grant: Short = ""
    """Number of the grant or entrustment under which this office decides (权限下放、委托)."""
    on_behalf_of: Short = ""
    """The organ whose decision it is, when it is not the deciding office's own: both names are shown."""
    deemed: Destinations = ()
    """Departments whose silence or absence was taken as agreement (超时默许、缺席默认), with the liability theirs."""
    excepted: Annotated[tuple[Excepted, ...], Meta(max_length=500)] = ()
    """Of a list: the rows that are not granted."""


class ResultHandedOver(Act, frozen=True, array_like=True, gc=False):
    """The result is in the hands of the resident or of someone with authority."""

    kind: ClassVar[str] = "result.handed_over"

    recipient: Word
    how: Handover
    note: Text = ""


class CaseClosed(Act, frozen=True, array_like=True, gc=False):
    """Struck off (销号): nothing more is to be done."""

    kind: ClassVar[str] = "case.closed"

    note: Text = ""


class CaseWithdrawn(Act, frozen=True, array_like=True, gc=False):
    """Ended by the custodian on the resident's word, before a decision."""

    kind: ClassVar[str] = "case.withdrawn"

    reason: Text


class CaseTerminated(Act, frozen=True, array_like=True, gc=False):
    """Ended without a decision (终止办理): the matter has lost its object, or nothing was brought in time."""

    kind: ClassVar[str] = "case.terminated"

    reason: Text
    basis: Text


class CaseReopened(Act, frozen=True, array_like=True, gc=False):
    """Taken up again by the office that answers for it, by leave of a superior (重新办理)."""

    kind: ClassVar[str] = "case.reopened"

    reason: Text
    approver: Author


class CustodyReassigned(Act, frozen=True, array_like=True, gc=False):
    """The county alone moved the pen away from a silent office (RULINGS B3)."""

    kind: ClassVar[str] = "custody.reassigned"

    to: Destination
    reason: Text
    approver: Author


class CaseRehomed(Act, frozen=True, array_like=True, gc=False):
    """The result will be handed over elsewhere: the resident asks for it, or the office there has moved (RULINGS B4).

    The pen stays where it is. The office of before, and the one that filed, stay readers.
    """

    kind: ClassVar[str] = "case.rehomed"

    to: Destination
    reason: Text
    approver: Author = OfficerId("")
    """Of the county's own word, a leader on duty; empty when the custodian writes it."""


class PapersBrought(Contribution, frozen=True, array_like=True, gc=False):
    """The resident brought materials to some office; the custodian takes them up with `papers.received`."""

    kind: ClassVar[str] = "papers.brought"

    materials: Words
    note: Text = ""
    papers: Papers = ()
    """Photographs and PDF of what was brought."""


class RecallRequested(Contribution, frozen=True, array_like=True, gc=False):
    """The offerer asks for the pen back; the offeree answers by declining, or by accepting all the same."""

    kind: ClassVar[str] = "recall.requested"

    reason: Text


class RemarkAdded(Contribution, frozen=True, array_like=True, gc=False):
    """A note for everybody who may see the case."""

    kind: ClassVar[str] = "remark.added"

    text: Text


class ActUnconfirmed(Contribution, frozen=True, array_like=True, gc=False):
    """The act of turn `after_turn` was a leader's, at a node that was restored and had yet to catch up (RULINGS B5).

    Written with the act and never by itself.
    """

    kind: ClassVar[str] = "act.unconfirmed"


class CaseReceived(Contribution, frozen=True, array_like=True, gc=False):
    """The offered case, or a request for an opinion, is here (收到): its entry's time starts what is counted from then.

    The receiving node writes it by itself, with its next page, after the offer or request of turn `after_turn`.
    """

    kind: ClassVar[str] = "case.received"


class StepCompleted(Contribution, frozen=True, array_like=True, gc=False):
    """One of the nine steps is done (九环节), by the officer who writes it."""

    kind: ClassVar[str] = "step.completed"

    step: Step
    opinion: Text
    second_officer: Author = OfficerId("")
    """Who checked or sealed beside the author, where two are needed."""
    document: Short = ""


class SiteSurveyed(Contribution, frozen=True, array_like=True, gc=False):
    """A survey on the spot by two or more officers (art. 34); written offline, on the spot. It stops no clock."""

    kind: ClassVar[str] = "site.surveyed"

    surveyors: Annotated[tuple[Author, ...], Meta(min_length=2, max_length=10)]
    """All who were there, the author among them."""
    on: date
    place: Word
    findings: Text
    agrees: bool
    """Whether what was found fits what is applied for."""
    photographs: Hashes = ()


class OpinionGiven(Contribution, frozen=True, array_like=True, gc=False):
    """What a department says to a joint case, with its reason."""

    kind: ClassVar[str] = "opinion.given"

    opinion: Opinion
    reason: Text
    basis: Text = ""


class MeetingHeld(Contribution, frozen=True, array_like=True, gc=False):
    """A joint meeting of departments, and who was there (联审会议)."""

    kind: ClassVar[str] = "meeting.held"

    on: date
    invited: Annotated[Destinations, Meta(min_length=1)]
    present: Destinations
    minutes: Text


class FeePaid(Contribution, frozen=True, array_like=True, gc=False):
    """A fee was paid at the cashier; no village takes money (DOMAIN I)."""

    kind: ClassVar[str] = "fee.paid"

    amount_fen: Annotated[int, Meta(ge=0, le=100_000_000)]
    """In fen, a hundredth of a yuan."""
    receipt: Word


class CaseExpedited(Contribution, frozen=True, array_like=True, gc=False):
    """Green channel (绿色通道): handled outside hours too, watched to its end."""

    kind: ClassVar[str] = "case.expedited"

    basis: Text
    approver: Author


class CaseConverted(Contribution, frozen=True, array_like=True, gc=False):
    """An on-the-spot case that could not be finished the same day became a promised one (即办转承诺)."""

    kind: ClassVar[str] = "case.converted"

    promise_days: Annotated[int, Meta(ge=1, le=60)]
    """Working days; never beyond the legal term."""
    reason: Text


class RosterAdded(Contribution, frozen=True, array_like=True, gc=False):
    """Rows of a list of persons; parts count from 1, and rows over all parts in their order."""

    kind: ClassVar[str] = "roster.added"

    part: Annotated[int, Meta(ge=1, le=ROSTER_PARTS_MAX)]
    rows: Annotated[tuple[RosterRow, ...], Meta(min_length=1, max_length=ROSTER_ROWS_MAX)]


CaseEvent: TypeAlias = Act | Contribution

EVENTS: Final[dict[str, type[Act] | type[Contribution]]] = {
    event.kind: event
    for event in (
        CaseFiled,
        CustodyOffered,
        CustodyAccepted,
        CustodyDeclined,
        AcceptanceRefused,
        PapersRequested,
        PapersReceived,
        CaseSuspended,
        CaseResumed,
        TermExtended,
        OpinionsRequested,
        CaseDecided,
        ResultHandedOver,
        CaseClosed,
        CaseWithdrawn,
        CaseTerminated,
        CaseReopened,
        CustodyReassigned,
        CaseRehomed,
        PapersBrought,
        RecallRequested,
        RemarkAdded,
        ActUnconfirmed,
        CaseReceived,
        StepCompleted,
        SiteSurveyed,
        OpinionGiven,
        MeetingHeld,
        FeePaid,
        CaseExpedited,
        CaseConverted,
        RosterAdded,
    )
}
"""Kind → type of its body. The single registry: golden bytes, lifecycle and screens are checked against it."""


_READERS: Final[dict[str, Callable[[bytes], CaseEvent]]] = {kind: reader(event) for kind, event in EVENTS.items()}


def decode_event(kind: str, body: bytes) -> CaseEvent:
    """Read an entry's body as the event its header says it is.

    Raises `UnknownKind` for a kind of a newer version and `Malformed` for bytes that are not such an event; the caller
    holds or quarantines the entry and goes on with the line (DESIGN 1.5).
    """
    read = _READERS.get(kind)
    if read is None:
        raise UnknownKind(kind)
    if len(body) > ENTRY_BODY_BYTES_MAX:
        raise Malformed("too_large", f"an entry's body has at most {ENTRY_BODY_BYTES_MAX} bytes; send less at once")
    try:
        event = read(body)
    except UNREADABLE as error:
        raise Malformed("malformed", "the bytes do not read as the stated message; fetch them again") from error
    # A NUL character in a text is a zero byte in the body. Most bodies have none but in the random numbers that begin
    # them, so most pay nothing.
    zeros = body.count(0)
    if zeros and zeros != _zeros_in_numbers(event):
        _refuse_nul(event, body)
    return event


def encode_event(event: CaseEvent) -> bytes:
    """The body's bytes: equal events give equal bytes. Raises `Malformed` for what no other node would read back."""
    body = encode(event)
    decode_event(event.kind, body)
    return body


def _zeros_in_numbers(event: CaseEvent) -> int:
    """Zero bytes that are rightly there: in the operation and in the name of the act followed."""
    zeros = event.operation.count(0)
    return zeros + event.after.count(0) if isinstance(event, Act) and event.after is not None else zeros


_SPELLED_NUL: Final = b"\\u0000"
_spell: Final = msgspec.json.Encoder().encode


def _refuse_nul(event: CaseEvent, body: bytes) -> None:
    """PostgreSQL cannot store U+0000 in a text, so an event that holds one could never be shown."""
    # JSON spells the character out, and writes bytes in letters: one look at it spares nearly everybody the walk.
    if _SPELLED_NUL in _spell(event) and holds_nul(body):
        raise Malformed("nul_character", "a text holds a NUL character; type it again without pasting")
