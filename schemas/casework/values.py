"""The words that casework events are made of: bounded texts, choices and small values.

Each limit is in characters or counts, with its reason; an event that breaks one is refused at the pen and quarantined
at the post. Never says what an event does. Next: `schemas.casework.events`.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, Final, TypeAlias

from msgspec import Meta, Struct

from schemas.names import FOLLOWED_BYTES, HASH_BYTES, OPERATION_BYTES, OfficeId, OfficerId, TrackingNumber

MANDATE_DIGEST_BYTES = 8
"""The filing that holds the mandate is signed whole and names its case. The digest ties the resident's paper, on which
it is printed as a mark, to that filing: 64 bits, which nothing compresses on the line, tell one paper from another."""

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
Numbers: TypeAlias = Annotated[tuple[Number, ...], Meta(max_length=20)]
Destinations: TypeAlias = Annotated[tuple[Destination, ...], Meta(max_length=30)]
"""Desks of departments: a county has about 30."""
HASHES_MAX: Final = 200
Hashes: TypeAlias = Annotated[tuple[Hash, ...], Meta(max_length=HASHES_MAX)]


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
    REUSED = "reused"
    """Handed in with an earlier case and still valid (免重复提交): needs consent."""


class Outcome(StrEnum):
    """What was decided."""

    GRANTED = "granted"
    REFUSED = "refused"


class Handover(StrEnum):
    """How a result reached the resident."""

    COUNTER = "counter"
    HOME = "home"
    COURIER = "courier"
    PUBLIC_NOTICE = "public_notice"
    """Nobody can take it: the person is dead or gone, and a notice was posted (公告送达)."""


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
    until: date | None = None
    """Deferred: promised by that day. Reused: valid up to that day."""
    source: Short = ""
    """Reused: the tracking number with which it was handed in."""


class Channel(StrEnum):
    """How the matter reached us (GB/T 39046 A.5 and the field's own ways, DOMAIN G)."""

    COUNTER = "counter"
    HOME = "home"
    """At the resident's home (上门服务)."""
    MARKET_DAY = "market_day"
    """At the agents' desk on a market day (逢场天)."""
    BOOKED = "booked"
    """Outside opening hours, by appointment (预约、延时服务)."""
    ONLINE = "online"
    LIST = "list"
    """A list of persons of one village (批量名单)."""


class Scope(StrEnum):
    """What a resident's written authority covers (Civil Code art. 165)."""

    FILE = "file"
    SUPPLEMENT = "supplement"
    """Bring papers later."""
    WITHDRAW = "withdraw"
    COLLECT = "collect"
    """Receive the result."""


class SignedHow(StrEnum):
    """How the resident signed."""

    SIGNATURE = "signature"
    THUMBPRINT = "thumbprint"
    WITNESSED = "witnessed"
    """By a witness who signed in the resident's presence."""


class Mandate(Struct, frozen=True, array_like=True, gc=False):
    """Written authority given to the agent: matter, scope, term, signature (Civil Code art. 165)."""

    scopes: Annotated[tuple[Scope, ...], Meta(min_length=1, max_length=4)]
    until: date
    """Last day on which it holds."""
    signed_by: Word
    """The applicant, or a guardian or relative."""
    signed_how: SignedHow
    read_back: Text
    """The words that were read back to the resident before signing."""
    digest: Annotated[bytes, Meta(min_length=MANDATE_DIGEST_BYTES, max_length=MANDATE_DIGEST_BYTES)]
    """SHA-256, shortened, over the case's number and what was authorised: no other case can show this authority."""
    relation: Short = ""
    """What the signatory is to the applicant; empty = the applicant."""


class Promise(Struct, frozen=True, array_like=True, gc=False):
    """A material that the resident promised in writing to bring later (容缺后补)."""

    material: Word
    until: date


class Excepted(Struct, frozen=True, array_like=True, gc=False):
    """A row of a list that the decision does not grant, and why; rows count from 1 over all parts of the list."""

    row: Annotated[int, Meta(ge=1, le=10_000)]
    reason: Word


class PauseCause(StrEnum):
    """What stops the legal clock (Administrative Licensing Law art. 45). A site survey is not among them."""

    HEARING = "hearing"
    TENDER = "tender"
    AUCTION = "auction"
    INSPECTION = "inspection"
    TESTING = "testing"
    QUARANTINE = "quarantine"
    APPRAISAL = "appraisal"
    EXPERT_REVIEW = "expert_review"


class Opinion(StrEnum):
    """What a department says in a joint case."""

    AGREES = "agrees"
    AGREES_WITH_CONDITIONS = "agrees_with_conditions"
    OBJECTS = "objects"


class RosterRow(Struct, frozen=True, array_like=True, gc=False):
    """One person of a list. Personal data, like an applicant."""

    name: Word
    document_type: Word
    document_number: Word
    phone: Short = ""
    note: Short = ""


class Consent(StrEnum):
    """What the applicant agreed to, when asked one by one (PIPL arts. 14, 29)."""

    REUSE = "reuse"
    """Materials handed in earlier may be used again."""
    SENSITIVE = "sensitive"
    """Health, money or family matters are recorded."""
    VISITS = "visits"
    """The agent may come by with notices of benefits."""
