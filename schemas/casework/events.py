"""Every act and every contribution in the life of a case, named in the past participle.

An *act* takes a turn: it carries `turn`, the hash of the act it follows, the operation, the office and the officer, in
that order (DESIGN 1.2, RULINGS B1, B10). A *contribution* names the turn it was made after, and commutes.
Bodies are MessagePack arrays: a newer version may append fields with defaults, which an older node ignores; an
incompatible body is a new kind (`case.filed/2`). The field order is frozen by `tests/golden/events.json`.
Never decides what an event does (`casefile`) or who may write it (`lifecycle`).
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from schemas.codec import ENTRY_BODY_BYTES_MAX, UNREADABLE, Malformed, encode, reader
from schemas.names import FOLLOWED_BYTES, HASH_BYTES, OPERATION_BYTES, OfficeId, OfficerId, TrackingNumber

Turn: TypeAlias = Annotated[int, Meta(ge=1, le=2**31 - 1)]
"""1, 2, 3 … without gaps; fits a 32-bit column."""
Follows: TypeAlias = Annotated[bytes, Meta(min_length=FOLLOWED_BYTES, max_length=FOLLOWED_BYTES)]
"""The act followed, as `schemas.names.followed` shortens its hash."""
Office: TypeAlias = Annotated[OfficeId, Meta(min_length=6, max_length=40)]
"""A division's code and perhaps a desk. Bounded, because it is an indexed column wherever the case is listed."""
Destination: TypeAlias = Annotated[OfficeId, Meta(pattern=r"\A([0-9]{6}|[0-9]{9}|[0-9]{12})(\.[a-z0-9]{1,20})?\Z")]
"""An office that somebody else named: written like one, so that no case waits at an address that cannot exist."""
Author: TypeAlias = Annotated[OfficerId, Meta(max_length=120)]
Number: TypeAlias = Annotated[TrackingNumber, Meta(max_length=40)]
Hash: TypeAlias = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Operation: TypeAlias = Annotated[bytes, Meta(min_length=OPERATION_BYTES, max_length=OPERATION_BYTES)]
"""The user action's own number: a double click or a re-sent form is one act (RULINGS B10)."""
Word: TypeAlias = Annotated[str, Meta(min_length=1, max_length=120)]
"""A name, number or title. The longest unit name in the national data has 33 characters, the longest item 40."""
Short: TypeAlias = Annotated[str, Meta(max_length=120)]
Text: TypeAlias = Annotated[str, Meta(max_length=4000)]
"""Free text: 4,000 Chinese characters are 12,000 bytes, so two of them stay below the body's 32 KiB."""
Words: TypeAlias = Annotated[tuple[Word, ...], Meta(max_length=60)]
Hashes: TypeAlias = Annotated[tuple[Hash, ...], Meta(max_length=200)]


class UnknownKind(ValueError):
    """A kind that this version does not know. The entry is kept, relayed and shown, and folded after an upgrade."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"unknown_kind: {kind!r} is held until this node is upgraded")
        self.code = "unknown_kind"
        self.kind = kind


class MaterialStatus(StrEnum):
    """How one material stands at filing; the words of the catalogue's material classes (GB/T 39554 practice)."""

    PROVIDED = "provided"
    """Taken in."""
    DEFERRED = "deferred"
    """May come later (容缺后补)."""
    VERIFIED = "verified"
    """Not asked for: checked against data (数据核验免交)."""
    PLEDGED = "pledged"
    """Replaced by a signed pledge (告知承诺)."""


class Outcome(StrEnum):
    """What was decided."""

    GRANTED = "granted"
    REFUSED = "refused"


class Handover(StrEnum):
    """How a result reached the resident."""

    COUNTER = "counter"
    HOME = "home"
    COURIER = "courier"


class Applicant(Struct, frozen=True, array_like=True, gc=False):
    """The resident or organisation for whom the case is filed. Personal data: masked by default on every screen."""

    name: Word
    document_type: Word
    """GA/T 2000.156 code as used by GB/T 39046, "111" = resident identity card."""
    document_number: Word
    phone: Short = ""


class Material(Struct, frozen=True, array_like=True, gc=False):
    """One material of the filing by its catalogue name."""

    name: Word
    status: MaterialStatus


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
    mandate: Text = ""
    """Written authority given to the agent: matter, scope, term (Civil Code art. 165); empty when filed in person."""


class CustodyOffered(Act, frozen=True, array_like=True, gc=False):
    """The custodian put the pen down before another office. Until the answer nobody holds it."""

    kind: ClassVar[str] = "custody.offered"

    to: Destination
    note: Text = ""


class CustodyAccepted(Act, frozen=True, array_like=True, gc=False):
    """The offeree picked the pen up; at the stage `filed` the custodian itself accepts its own filing (受理)."""

    kind: ClassVar[str] = "custody.accepted"

    note: Text = ""


class CustodyDeclined(Act, frozen=True, array_like=True, gc=False):
    """The offeree did not accept; the pen goes back to the offerer (不予受理 when it was the first offer)."""

    kind: ClassVar[str] = "custody.declined"

    reason: Text
    basis: Text = ""
    """Legal ground; a non-acceptance is given in writing (Administrative Licensing Law art. 32)."""


class PapersRequested(Act, frozen=True, array_like=True, gc=False):
    """One notice of everything that is missing (一次性告知). A second notice counts and is flagged by the audit."""

    kind: ClassVar[str] = "papers.requested"

    materials: Words
    reason: Text


class PapersReceived(Act, frozen=True, array_like=True, gc=False):
    """The custodian took up what was brought: which materials, and which contributions (by entry hash)."""

    kind: ClassVar[str] = "papers.received"

    materials: Words
    contributions: Hashes = ()


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


class CustodyReassigned(Act, frozen=True, array_like=True, gc=False):
    """The county alone moved the pen away from a silent office (RULINGS B3)."""

    kind: ClassVar[str] = "custody.reassigned"

    to: Destination
    reason: Text
    approver: Author


class PapersBrought(Contribution, frozen=True, array_like=True, gc=False):
    """The resident brought materials to some office; the custodian takes them up with `papers.received`."""

    kind: ClassVar[str] = "papers.brought"

    materials: Words
    note: Text = ""


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


CaseEvent: TypeAlias = Act | Contribution

EVENTS: Final[dict[str, type[Act] | type[Contribution]]] = {
    event.kind: event
    for event in (
        CaseFiled,
        CustodyOffered,
        CustodyAccepted,
        CustodyDeclined,
        PapersRequested,
        PapersReceived,
        CaseDecided,
        ResultHandedOver,
        CaseClosed,
        CaseWithdrawn,
        CustodyReassigned,
        PapersBrought,
        RecallRequested,
        RemarkAdded,
        ActUnconfirmed,
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
        _refuse_nul(event)
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


def _refuse_nul(event: CaseEvent) -> None:
    """PostgreSQL cannot store U+0000 in a text, so an event that holds one could never be shown."""
    if _holds_nul(msgspec.to_builtins(event, builtin_types=(bytes,))):
        raise Malformed("nul_character", "a text holds a NUL character; type it again without pasting")


def _holds_nul(value: object) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, list | tuple):
        return any(_holds_nul(part) for part in value)  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    return False
