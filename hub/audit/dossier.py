"""One case as the audit sees it: its file, every entry with its bracket of time, and what stands around the case.

Values only: `hub.audit.reading` fills them from the store, `hub.audit.rules` judges them. Claimed times stay claims;
what can be proved of them is the bracket (beacon … first receipt), which is for the audit alone (RULINGS B8). Persons
and telephones are keyed marks (`office.persons`), never themselves. Next: `hub.audit.rule`.
"""

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct

from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import Clock
from schemas.casework.events import CaseEvent
from schemas.catalogue import Grant, ServiceItem
from schemas.names import CaseId, Instant, OfficeId, OfficerId
from sync.ports import EntryKey


class Bracket(Struct, frozen=True, gc=False):
    """Between which instants an entry was provably written; None: nothing proves that edge.

    `not_before`: the latest beacon, or receipt from above, that the entry's own journal names before it, or that the
    acts it follows were written after. `not_after`: the earliest receipt that covers it.
    """

    not_before: Instant | None = None
    not_after: Instant | None = None


class Deed(Struct, frozen=True):
    """One entry of a case."""

    place: EntryKey
    hash: bytes
    kind: str
    event: CaseEvent
    at: Instant
    """As claimed."""
    office: OfficeId
    officer: OfficerId
    """Empty where the node wrote it by itself."""
    counts: bool
    """It is on the branch that counts and broke no rule of the fold."""
    bracket: Bracket = Bracket()


class CaseFact(Struct, frozen=True, gc=False):
    """What other cases are compared by: one row a case."""

    case: CaseId
    item: str
    filing_office: OfficeId
    township: OfficeId
    """The nine digits above the filing office; a county's own counter: its six."""
    person: bytes
    """Mark of the applicant's document."""
    namesake: bytes
    """Mark of the normalised name, birth date and village; empty where no birth date is known."""
    phone: bytes
    """Mark; empty without one."""
    filed_at: Instant
    accepted_at: Instant | None
    decided_at: Instant | None
    ended_at: Instant | None
    outcome: str
    """"" undecided, else `Outcome`."""
    fees_fen: int
    officers: tuple[OfficerId, ...]
    """Everybody who wrote an act of it, each once."""
    place: EntryKey | None = None
    """Its filing entry, to be pointed at from another case."""
    withdrawn_at: Instant | None = None
    due: date | None = None
    """Of a case that was withdrawn: the last day of its term, as read in the office's favour."""


class ActFact(Struct, frozen=True, gc=False):
    """What deeds of one officer are compared by: one row an act or a completed step."""

    case: CaseId
    place: EntryKey
    kind: str
    item: str
    office: OfficeId
    officer: OfficerId
    at: Instant
    origin: str
    """The device whose journal it stands in."""
    text: bytes
    """SHA-256 of a refusal's normalised reason; else empty."""
    is_awaited: bool = False
    """Of a case that was filed by appointment (`Channel.BOOKED`) or goes by the green channel (`is_expedited`): handled
    outside hours by right."""


SITE_PHOTOGRAPH: Final = "site.surveyed"
"""`PaperFact.material` of a photograph that a survey names: it shows one place, so no other case can have it."""


class PaperFact(Struct, frozen=True, gc=False):
    """A paper's use in one case."""

    digest: bytes
    case: CaseId
    person: bytes
    namesake: bytes
    material: str
    """As the entry names it, or `SITE_PHOTOGRAPH`."""
    place: EntryKey | None = None
    """The entry that names it."""


class Tie(StrEnum):
    """What an officer and the applicant of a case have in common."""

    PERSON = "person"
    """The same document."""
    PHONE = "phone"
    NAME = "name"
    """The same name only: often another person."""


class Around(Struct, frozen=True):
    """What stands around a case, as far as a rule asked for it (`AuditRule.needs`); the case's own rows among them."""

    by_officer: tuple[ActFact, ...] = ()
    """Acts of the officers who appear in the case, from 31 days before its first act to 31 days after its last one;
    sorted by officer, then by claimed time, so that a rule looks at the minutes it means and not at two months.
    """
    by_person: tuple[CaseFact, ...] = ()
    """Cases of the same applicant, or of a namesake, whatever their time."""
    by_phone: tuple[CaseFact, ...] = ()
    by_paper: tuple[PaperFact, ...] = ()
    refusals: tuple[ActFact, ...] = ()
    """Refusals by the officers who refused in this case, from 366 days before it on: whatever has a reason's digest;
    sorted by officer, then by claimed time.
    """


class Dossier(Struct, frozen=True):
    """Everything that a rule may ask of one case."""

    file: CaseFile
    deeds: tuple[Deed, ...]
    """Acts by turn, each followed by the contributions made after it, by (ordinal, seq)."""
    fact: CaseFact
    item: ServiceItem | None
    """As in force when the case was accepted, or else filed."""
    calendar: WorkCalendar
    grants: tuple[Grant, ...]
    clocks: tuple[Clock, ...]
    """`schemas.casework.clocks.clocks_of`, as of `today`."""
    today: date
    around: Around = Around()
    heard_until: Mapping[OfficeId, Instant] = {}
    """Seat → until when the county has heard from it, by the county's own newest receipt of one of its journals, or the
    newest beacon that one of them has pinned: what an office did not do by then is known, what it does since is on the
    line. Never by the seat's own clock, or one that stands in 1970 would never be late. A seat that is missing counts
    as heard today."""
    rest_days_open: frozenset[date] = frozenset()
    """Days of rest on which the officers' offices were open by their own published rules: market days, duty."""
    promised_items: frozenset[str] = frozenset()
    """Codes of the items in force that are *not* handled on the spot: what other cases of an officer are told by."""
    ties: Mapping[OfficerId, Tie] = {}
    """Officers of this case whom something ties to its applicant; the strongest tie of each. Of an officer the network
    knows the name alone (`post.assigned`), neither document nor telephone nor household."""


class Counts(Struct, frozen=True, gc=False):
    """How many cases of one item one village filed."""

    last_30_days: int
    months: tuple[int, ...]
    """In each of the twelve times 30 days before these, the newest first; fewer for a young office."""


class Recording(Struct, frozen=True):
    """What a village records of one item beside its own past and the other villages of its township."""

    village: OfficeId
    item: ServiceItem | None
    """As in force today; None: no longer in the catalogue."""
    today: date
    own: Counts
    peers: tuple[Counts, ...]
    """The township's other villages that ever filed the item."""
    last_filing: EntryKey
    """Its newest filing of the item: evidence of what it did record."""
    heard_until: Instant | None = None
    """Until when the county has heard from the village: a silent line is no silent counter. None = today."""
