"""The register: what a county's offices have published that is not about one case.

Editions of the catalogue and their items, years of the calendar, openings, grants, names and moves of offices, posts,
absences, leaders' slots; enquiries, which are only counted. Each is one entry without a case, written by the office
that owns the matter, and goes down to every seat below its author. A newer version may append fields with defaults,
behind `revision` (as `kw_only`); an incompatible body is a new kind, like those of a case (`casework.events`).
Never decides which of two statements counts. Next: `schemas.register_fold` (what they come to), `office.register`
(judged and kept), `office.publishing` (our own pen).
"""

import hashlib
from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec
from msgspec import Meta, Struct

from schemas.calendar import CalendarYear, DayKind, YearStatus
from schemas.casework.values import Author, Destination, Office, Operation, Short, Word
from schemas.catalogue import ITEM_DIGEST_BYTES, ITEMS_MAX, ServiceItem
from schemas.codec import ENTRY_BODY_BYTES_MAX, Malformed, decode, encode, holds_nul
from schemas.divisions import is_village_office
from schemas.names import OfficeId, OfficerId, parent_seat, seat_of, within
from schemas.openings import Rules

GRANTED_ITEMS_MAX: Final = 400
"""The longest delegation list in the sources has 134 items; a grant must fit one entry."""

GRANTEES_MAX: Final = 120
"""A county has at most 60 townships and 30 departments."""

ItemDigest: TypeAlias = Annotated[bytes, Meta(min_length=ITEM_DIGEST_BYTES, max_length=ITEM_DIGEST_BYTES)]
ItemCode: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Z0-9]{2,20}\Z")]
ItemCodes: TypeAlias = Annotated[tuple[ItemCode, ...], Meta(max_length=GRANTED_ITEMS_MAX)]
Revision: TypeAlias = Annotated[int, Meta(ge=0, lt=2**31)]
Person: TypeAlias = Annotated[OfficerId, Meta(min_length=1, max_length=120)]


class Revised(Struct, frozen=True, array_like=True, gc=False, kw_only=True):
    """What stands at the end of every entry of the register."""

    revision: Revision = 0
    """How many statements with the same key and first day it corrects, each of them correcting the one before. The pen
    counts: numbers of entries say nothing between two devices, and an office's device may be replaced."""


class Published(Revised, frozen=True, array_like=True, gc=False):
    """What every entry of the register carries, first and in this order."""

    kind: ClassVar[str] = ""

    operation: Operation
    office: Office
    """The office that wrote it."""
    officer: Author
    """Who wrote it; empty when the node did so by itself."""

    @property
    def key(self) -> str:
        """What it is about: of several with one kind and key one counts on each day. Each kind has its own."""
        raise NotImplementedError

    @property
    def first_day(self) -> date | None:
        """First day on which it counts; None = always."""
        return getattr(self, "effective_from", None)

    @property
    def last_day(self) -> date | None:
        """Last day on which it counts; None = until another one does."""
        return getattr(self, "effective_until", None)

    @property
    def about(self) -> OfficeId | None:
        """The office that it is about: that one's seat, or one above it, may write it. None: the county alone."""
        return None


class ItemPublished(Published, frozen=True, array_like=True, gc=False):
    """`item.published`: one item of the catalogue, named by its digest; only changed ones go out with an edition."""

    kind: ClassVar[str] = "item.published"

    item: msgspec.Raw
    """The `ServiceItem` as its author's version wrote it. The digest is over these very bytes, whoever reads them:
    another version, which knows more or fewer fields, would encode the same item otherwise."""

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return hashlib.sha256(self.item).digest()[:ITEM_DIGEST_BYTES].hex()

    def read(self) -> ServiceItem:
        """The item. Raises `Malformed`."""
        return decode(bytes(self.item), ServiceItem)


class EditionPublished(Published, frozen=True, array_like=True, gc=False):
    """`edition.published`: which items make up an edition. It is in force once all of them are here."""

    kind: ClassVar[str] = "edition.published"

    version: Word
    effective_from: date
    document: Word
    """Number of the document by which it was published."""
    approver: Person
    is_sample: bool
    items: Annotated[tuple[tuple[ItemCode, ItemDigest], ...], Meta(min_length=1, max_length=ITEMS_MAX)]

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return self.version


class CalendarPublished(Published, frozen=True, array_like=True, gc=False):
    """`calendar.published`: one year's notice, or the whole of what a place changes in that year (local)."""

    kind: ClassVar[str] = "calendar.published"

    year: Annotated[int, Meta(ge=1949, le=2200)]
    status: YearStatus
    document: Word
    days: Annotated[tuple[tuple[int, bool], ...], Meta(max_length=366)]
    """(month × 100 + day, whether it is worked) of each day that differs (`CalendarYear.days`)."""

    def __post_init__(self) -> None:
        if self.status is YearStatus.PROVISIONAL:
            raise ValueError("a provisional year is assumed, never published")
        self.read()

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return f"{self.year} {self.status}"

    def read(self) -> CalendarYear:
        """The year. Raises ValueError for a day that does not exist."""
        days = {
            date(self.year, number // 100, number % 100): DayKind.WORKING if works else DayKind.REST
            for number, works in self.days
        }
        return CalendarYear(self.year, self.status, self.document, days)


class OpeningPublished(Published, frozen=True, array_like=True, gc=False):
    """`opening.published`: a site's opening and market days; of a desk (`<seat>.<desk>`) the days it is staffed."""

    kind: ClassVar[str] = "opening.published"

    site: Destination
    effective_from: date
    rules: Rules
    document: Short = ""

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return self.site

    @property
    def about(self) -> OfficeId:
        """See `Published.about`."""
        return self.site


class GrantMade(Published, frozen=True, array_like=True, gc=False):
    """`grant.made`: an organ lets offices below decide some items (赋权). In whose name says `is_entrusted`."""

    kind: ClassVar[str] = "grant.made"

    number: Word
    grantor: Word
    """The organ whose power it is."""
    is_entrusted: bool
    """Entrusted (委托): decided in the grantor's name. Else delegated (授权): in the grantee's own."""
    grantees: Annotated[tuple[Destination, ...], Meta(min_length=1, max_length=GRANTEES_MAX)]
    items: Annotated[ItemCodes, Meta(min_length=1)]
    effective_from: date
    effective_until: date | None
    document: Word

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return self.number


class GrantEnded(Published, frozen=True, array_like=True, gc=False):
    """`grant.ended`: a grant ends for good, whatever term it was made for."""

    kind: ClassVar[str] = "grant.ended"

    number: Word
    effective_from: date
    """The day after the last one on which it may be used."""
    document: Word

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return self.number


class OfficePublished(Published, frozen=True, array_like=True, gc=False):
    """`office.published`: what an office is called, and from when to when there is such an office."""

    kind: ClassVar[str] = "office.published"

    subject_office: Destination
    name: Word
    department: Short = ""
    address: Short = ""
    valid_from: date = date(1949, 10, 1)
    valid_to: date | None = None
    """Last day."""
    merged_into: Destination | None = None

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return self.subject_office

    @property
    def first_day(self) -> date:
        """See `Published.first_day`."""
        return self.valid_from

    @property
    def last_day(self) -> date | None:
        """See `Published.last_day`."""
        return self.valid_to


class MoveProposed(Published, frozen=True, array_like=True, gc=False):
    """`move.proposed`: an office is to become part of another, or go on under another code (撤并、划转)."""

    kind: ClassVar[str] = "move.proposed"

    old: Destination
    new: Destination
    effective_from: date
    """First day on which the old office is no more."""
    document: Word

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return self.old

    @property
    def first_day(self) -> None:
        """See `Published.first_day`: the proposal made last counts, also where it names an earlier day."""
        return None


class MoveConfirmed(Published, frozen=True, array_like=True, gc=False):
    """`move.confirmed`: one of the two offices, or the one above it, agrees to a move: the people there know of it."""

    kind: ClassVar[str] = "move.confirmed"

    proposal: Operation
    """The `operation` of the `MoveProposed`."""
    side: Destination
    """The office for which it is said."""

    @staticmethod
    def key_of(proposal: bytes, side: OfficeId) -> str:
        """The key of the confirmation of a proposal by one side."""
        return f"{proposal.hex()}/{side}"

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return self.key_of(self.proposal, self.side)

    @property
    def about(self) -> OfficeId:
        """See `Published.about`."""
        return self.side


class Position(StrEnum):
    """What somebody is at a post."""

    PRIMARY = "primary"
    """A 角: holds the post."""
    DEPUTY = "deputy"
    """B 角: takes over while the first is away."""
    LEADER = "leader"
    AGENT = "agent"
    """Village agent (代办员), appointed for a term."""
    LIAISON = "liaison"


_APPOINTED: Final = frozenset({Position.AGENT, Position.DEPUTY})


class PostAssigned(Published, frozen=True, array_like=True, gc=False):
    """`post.assigned`: who holds a post, for which items, from when to when."""

    kind: ClassVar[str] = "post.assigned"

    post: Word
    """Its name within the office, as "mz-1"."""
    at: Destination
    name: Word
    """What the post is called."""
    person: Person
    person_name: Word
    position: Position
    items: ItemCodes
    """() = every item of the office."""
    effective_from: date
    effective_until: date | None
    document: Short = ""

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return f"{self.at}/{self.post}/{self.position}"

    @property
    def about(self) -> OfficeId:
        """See `Published.about`. A village's agent, and who stands in for one, are appointed from above: nobody
        lengthens a term of their own.
        """
        is_appointed = self.position in _APPOINTED and is_village_office(self.at)
        return (parent_seat(seat_of(self.at)) if is_appointed else None) or self.at


class AbsenceStated(Published, frozen=True, array_like=True, gc=False):
    """`absence.stated`: somebody is away, and who takes over. Taken back by one that ends before it begins."""

    kind: ClassVar[str] = "absence.stated"

    person: Person
    effective_from: date
    effective_until: date
    deputy: Person
    reason: Short = ""

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return self.person

    @property
    def about(self) -> OfficeId:
        """See `Published.about`: the office that stands in the person's name."""
        return OfficeId(self.person.partition("/")[0])


class SlotsPublished(Published, frozen=True, array_like=True, gc=False):
    """`slots.published`: when a leader signs what waits for a signature."""

    kind: ClassVar[str] = "slots.published"

    at: Destination
    rules: Rules
    leader: Person
    effective_from: date

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return f"{self.at}/{self.leader}"

    @property
    def about(self) -> OfficeId:
        """See `Published.about`."""
        return self.at


class Answer(StrEnum):
    """What came of an enquiry."""

    ANSWERED = "answered"
    FILED = "filed"
    REFERRED = "referred"


class EnquiryRecorded(Published, frozen=True, array_like=True, gc=False):
    """`enquiry.recorded`: somebody asked at the counter. Counted in a table; names nobody, goes upward only."""

    kind: ClassVar[str] = "enquiry.recorded"

    item: Annotated[str, Meta(pattern=r"\A([A-Z0-9]{2,20})?\Z")]
    """Its code; empty when it was about no item."""
    outcome: Answer
    referred_to: Annotated[OfficeId, Meta(max_length=40)] = OfficeId("")

    @property
    def key(self) -> str:
        """See `Published.key`."""
        return self.item

    @property
    def about(self) -> OfficeId:
        """See `Published.about`."""
        return self.office


REGISTER: Final[dict[str, type[Published]]] = {
    each.kind: each
    for each in (
        ItemPublished,
        EditionPublished,
        CalendarPublished,
        OpeningPublished,
        GrantMade,
        GrantEnded,
        OfficePublished,
        MoveProposed,
        MoveConfirmed,
        PostAssigned,
        AbsenceStated,
        SlotsPublished,
        EnquiryRecorded,
    )
}
"""Every kind of the register, with the Struct of its body."""


def encode_record(event: Published) -> bytes:
    """The body of an entry of the register."""
    return encode(event)


def decode_record(kind: str, body: bytes) -> Published:
    """Read a body of one of the kinds in `REGISTER`. Raises `Malformed`."""
    event = decode(body, REGISTER[kind], limit=ENTRY_BODY_BYTES_MAX)
    if 0 in body and holds_nul(body):
        raise Malformed("nul_character", "a text holds a NUL character; type it again without pasting")
    if isinstance(event, ItemPublished):
        event.read()
    return event


def may_write(seat: OfficeId, event: Published) -> bool:
    """Whether a device of `seat` may say this: of its own office or one below it; the county alone what is for all."""
    about = event.about
    return parent_seat(seat) is None if about is None else within(seat_of(about), seat)
