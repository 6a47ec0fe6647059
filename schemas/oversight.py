"""Oversight: what the county says to offices about their work, and what they answer (督办, 考核, 通报, 抽查).

Supervision orders and their ladder, circulars, score entries and appeals, classes of offices, the monthly freeze, the
fair draw of files. Each is one entry without a case; it names the office that it is addressed to, so it travels to that
office alone and works without a line. Acts about an order, a score or a sample name the entry that began it by its
hash: a number on paper may be given twice by a county that was restored, a hash never. A newer version may append
fields with defaults.
Never decides how an order stands (`schemas.oversight_fold`) and names no resident outside free text.
Next: `office.oversight` (judged and kept), `office.overseeing` (our own pen). Sources: DOMAIN D, K, L, M.
"""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Final, TypeAlias

from msgspec import Meta, Struct

from schemas.casework.values import Author, Destination, Hash, Hashes, Office, Operation, Short, Word
from schemas.codec import ENTRY_BODY_BYTES_MAX, Malformed, decode, encode, holds_nul
from schemas.divisions import is_village_office
from schemas.names import CASE_ID_BYTES, CaseId, Instant, OfficeId, parent_seat, seat_of

FREEZE_ROWS_MAX: Final = 600
"""Offices in one table of totals: the largest county of the sources has 450 villages; 600 rows are 26 KiB, one body."""

CIRCULAR_ORDERS_MAX: Final = 100
"""Orders that one circular names; a county with more unanswered ones than that writes a second circular."""

TENTHS: Final = 10
"""Points are counted in tenths, so that half a point is a whole number and sums are exact."""

BASE_TENTHS: Final = 100 * TENTHS
"""Every card begins with 100 points (DOMAIN M, 月考评)."""

PERMILLE: Final = 1000

STRATA_MAX: Final = 300
"""A county has at most 60 townships and a handful of classes of items; 300 rows are 12 KiB of one body."""

NONCE_BYTES: Final = 16

Prose: TypeAlias = Annotated[str, Meta(min_length=1, max_length=2000)]
"""Facts, reasons, answers: 2,000 characters are 6,000 bytes, so three of them stay below the body's 32 KiB."""
Remark: TypeAlias = Annotated[str, Meta(max_length=2000)]
Tenths: TypeAlias = Annotated[int, Meta(ge=-BASE_TENTHS, le=BASE_TENTHS)]
Count: TypeAlias = Annotated[int, Meta(ge=0, lt=2**31)]
Period: TypeAlias = Annotated[str, Meta(pattern=r"\A20[0-9]{2}-(0[1-9]|1[0-2])\Z")]
"""A month, as "2026-11"."""
Quarter: TypeAlias = Annotated[str, Meta(pattern=r"\A20[0-9]{2}-Q[1-4]\Z")]
"""Three months, as "2026-Q4"."""
Nonce: TypeAlias = Annotated[bytes, Meta(min_length=NONCE_BYTES, max_length=NONCE_BYTES)]
Case: TypeAlias = Annotated[CaseId, Meta(min_length=CASE_ID_BYTES, max_length=CASE_ID_BYTES)]


class Sender(StrEnum):
    """Who alone may write a kind."""

    COUNTY = "county"
    ADDRESSEE = "addressee"
    """The office that the order or score is addressed to; for a village its township may speak as well."""
    TOWNSHIP = "township"
    """A township's own seat, for itself."""


class Scope(StrEnum):
    """Who must have an entry besides the offices above its author."""

    ADDRESSED = "addressed"
    """The office that it names, and those between."""
    BELOW = "below"
    """Every office of the county."""
    ABOVE = "above"
    """Nobody else: it goes up to the county."""


class Overseen(Struct, frozen=True, array_like=True, gc=False):
    """What every entry of oversight carries, first and in this order."""

    kind: ClassVar[str] = ""
    sender: ClassVar[Sender] = Sender.COUNTY
    scope: ClassVar[Scope] = Scope.ADDRESSED

    operation: Operation
    office: Office
    """The office that wrote it."""
    officer: Author
    """Who wrote it; empty when the node did so by itself, which only the first rungs of the ladder may."""

    @property
    def thread(self) -> bytes | None:
        """Hash of the entry that began the order or score; None: this one begins it, or stands alone."""
        return None

    @property
    def number(self) -> str:
        """What people call it: the number of an order or circular, a month, an office. Empty: nothing of its own."""
        return ""

    @property
    def about(self) -> OfficeId | None:
        """The office that it is addressed to."""
        return getattr(self, "addressee", None)

    @property
    def due_day(self) -> date | None:
        """The last day on which the office may answer what this demands."""
        return getattr(self, "due", None)


# --- supervision orders ----------------------------------------------------------------------------------------------


class Ground(StrEnum):
    """What an order rests on."""

    FINDING = "finding"
    """A finding of a rule, confirmed by an officer."""
    FILE_REVIEW = "file_review"
    """A file that was looked through (案卷评查)."""
    VISIT = "visit"
    """A visit or a complaint (明察暗访、投诉)."""


class Weight(StrEnum):
    """What is asked of the office."""

    RED = "red"
    """An answer."""
    YELLOW = "yellow"
    """An explanation."""


class Rung(StrEnum):
    """The ladder of an order that nobody answers, in this order (`schemas.oversight_fold.LADDER`)."""

    REMINDER = "reminder"
    YELLOW = "yellow"
    RED = "red"
    CIRCULAR = "circular"


class OrderIssued(Overseen, frozen=True, array_like=True, gc=False):
    """`order.issued`: a supervision order (督办通知单)."""

    kind: ClassVar[str] = "order.issued"

    serial: Short
    """Its number on paper, as "510824-督-2026-0001". Given by the pen."""
    addressee: Destination
    ground: Ground
    rule: Short
    """Code of the audit's rule, or of the form by which the file was reviewed."""
    finding: Short
    """Number of the finding."""
    evidence: Hashes
    """Hashes of the entries that show it."""
    facts: Prose
    due: date
    """Last day for the answer."""
    weight: Weight
    case: Case | None = None

    @property
    def number(self) -> str:
        """See `Overseen.number`."""
        return self.serial


class OrderAct(Overseen, frozen=True, array_like=True, gc=False):
    """What every act about an order carries."""

    order: Hash
    """Of the entry that issued it."""
    addressee: Destination
    """As the order has it: an act finds its way alone."""

    @property
    def thread(self) -> bytes:
        """See `Overseen.thread`."""
        return self.order


class OrderAnswered(OrderAct, frozen=True, array_like=True, gc=False):
    """`order.answered`: what the office says to it, and what it has put right (整改回复)."""

    kind: ClassVar[str] = "order.answered"
    sender: ClassVar[Sender] = Sender.ADDRESSEE
    scope: ClassVar[Scope] = Scope.ABOVE

    after: Hash
    """The county's last demand that the office had seen: the order, a rung, or the verdict on an earlier answer."""
    explanation: Prose
    rectified: Remark
    """What was done about it; empty when there is nothing to put right."""
    evidence: Hashes = ()


class OrderVerified(OrderAct, frozen=True, array_like=True, gc=False):
    """`order.verified`: the county's verdict on one answer (检查验收)."""

    kind: ClassVar[str] = "order.verified"

    answer: Hash
    accepted: bool
    reason: Remark
    """Must be given where it is not accepted."""
    due: date | None = None
    """Not accepted: last day for the next answer."""


class OrderEscalated(OrderAct, frozen=True, array_like=True, gc=False):
    """`order.escalated`: one rung of the ladder, each at most once."""

    kind: ClassVar[str] = "order.escalated"

    rung: Rung
    due: date
    """Last day for the answer now."""
    reason: Remark = ""


class OrderWithdrawn(OrderAct, frozen=True, array_like=True, gc=False):
    """`order.withdrawn`: the finding was wrong. Whoever was named has it in writing."""

    kind: ClassVar[str] = "order.withdrawn"

    reason: Prose
    restoration: Prose
    """The words by which the office and its officer are restored (正名)."""


class CircularPublished(Overseen, frozen=True, array_like=True, gc=False):
    """`circular.published`: to all offices, inside government (通报)."""

    kind: ClassVar[str] = "circular.published"
    scope: ClassVar[Scope] = Scope.BELOW

    serial: Short
    """As "510824-通-2026-0001". Given by the pen."""
    title: Word
    text: Annotated[str, Meta(min_length=1, max_length=4000)]
    orders: Annotated[tuple[Hash, ...], Meta(max_length=CIRCULAR_ORDERS_MAX)] = ()

    @property
    def number(self) -> str:
        """See `Overseen.number`."""
        return self.serial


# --- scores ----------------------------------------------------------------------------------------------------------


class Card(StrEnum):
    """Whose card it is: offices are compared with their own kind only."""

    WINDOW = "window"
    """A department's window at the county."""
    TOWNSHIP = "township"
    VILLAGE = "village"


class ScoreEntered(Overseen, frozen=True, array_like=True, gc=False):
    """`score.entered`: points of one office for one month, signed, with the rule and what shows it."""

    kind: ClassVar[str] = "score.entered"

    addressee: Destination
    """The office that is scored."""
    period: Period
    points: Tenths
    """Added to the card's 100; below zero is a deduction."""
    rule: Word
    """Code of the audit's rule or of the county's scoring rules (`REWARDS` for points added)."""
    count: Count
    """Of how many things that happened it speaks. What did not happen is nothing to speak of."""
    reason: Prose
    evidence: Hashes = ()
    document: Short = ""
    """Where the evidence is on paper: the letter of thanks, the record of the visit."""
    veto: bool = False
    """One of the grave faults (一票否决): no rank in this month, whatever the points."""
    order: Hash | None = None
    """The order that it rests on."""

    @property
    def number(self) -> str:
        """See `Overseen.number`."""
        return self.period

    @property
    def is_earned(self) -> bool:
        """Whether points are added only for something that happened and can be shown.

        A month without complaints is none: whoever is paid for silence sees to it that nobody complains (DOMAIN M).
        """
        return self.points <= 0 or (self.count > 0 and bool(self.evidence or self.document))


REWARDS: Final[dict[str, tuple[str, str]]] = {
    "R1": ("群众表扬（锦旗、感谢信）", "praise by residents, in writing"),
    "R2": ("延时、上门、假日服务", "service after hours, at home, on a holiday"),
    "R3": ("建议被采纳", "a suggestion that was taken up"),
    "R4": ("主动报告并纠正差错", "a fault reported and put right by itself"),
    "R5": ("按期整改并通过验收", "put right and accepted in time"),
}
"""For what points may be added: things done. No code here counts the absence of anything, and none may."""


class ScoreAct(Overseen, frozen=True, array_like=True, gc=False):
    """What every act about a score carries."""

    entry: Hash
    """Of the `score.entered`."""
    addressee: Destination

    @property
    def thread(self) -> bytes:
        """See `Overseen.thread`."""
        return self.entry


class ScoreAppealed(ScoreAct, frozen=True, array_like=True, gc=False):
    """`score.appealed`: the office does not agree (申诉)."""

    kind: ClassVar[str] = "score.appealed"
    sender: ClassVar[Sender] = Sender.ADDRESSEE
    scope: ClassVar[Scope] = Scope.ABOVE

    grounds: Prose
    evidence: Hashes = ()


class ScoreJudged(ScoreAct, frozen=True, array_like=True, gc=False):
    """`score.judged`: what the appeal came to. The entry counts for `points` from now on."""

    kind: ClassVar[str] = "score.judged"

    appeal: Hash
    points: Tenths
    veto: bool
    reason: Prose


class ClassAssigned(Overseen, frozen=True, array_like=True, gc=False):
    """`class.assigned`: with whom an office is compared, and how its deductions weigh (差别化考核).

    A village without a class of its own has its township's. Tells everybody: whoever is compared must see with whom.
    """

    kind: ClassVar[str] = "class.assigned"
    scope: ClassVar[Scope] = Scope.BELOW

    addressee: Destination
    group: Word
    """Name of the class, as "山区乡镇"."""
    since: Period
    weight_permille: Annotated[int, Meta(ge=500, le=PERMILLE)]
    """What a deduction weighs in the adjusted score: 800 = four fifths. Half at least, so that no fault goes away."""
    reason: Prose

    @property
    def number(self) -> str:
        """See `Overseen.number`."""
        return self.addressee


class Total(Struct, frozen=True, array_like=True, gc=False):
    """One office's line in a frozen month."""

    office: Destination
    group: Short
    raw: Annotated[int, Meta(ge=-(2**31), lt=2**31)]
    """Tenths: 100 points and every entry."""
    adjusted: Annotated[int, Meta(ge=-(2**31), lt=2**31)]
    """Tenths: with the class's weight on deductions."""
    entries: Count
    veto: bool


class ScoresFrozen(Overseen, frozen=True, array_like=True, gc=False):
    """`scores.frozen`: the totals of one month and one kind of office. What comes later is shown as a correction."""

    kind: ClassVar[str] = "scores.frozen"
    scope: ClassVar[Scope] = Scope.BELOW

    card: Card
    period: Period
    totals: Annotated[tuple[Total, ...], Meta(max_length=FREEZE_ROWS_MAX)]
    digest: Hash
    """SHA-256 over the sorted hashes of every entry that the totals were counted from."""

    @property
    def number(self) -> str:
        """See `Overseen.number`."""
        return f"{self.card} {self.period}"


# --- samples ---------------------------------------------------------------------------------------------------------


class Stratum(Struct, frozen=True, array_like=True, order=True):
    """One part of a sample's frame, which is drawn from apart."""

    township: Destination
    """Or the county's own seat, for what its counters took in."""
    risk: Word
    """Class of items (`hub.audit.sampling.Risk`)."""
    population: Count
    files: Count
    """How many are drawn."""


class SampleFramed(Overseen, frozen=True, array_like=True, gc=False):
    """`sample.framed`: what will be drawn from, before anybody can know what is drawn (AUDIT 4.1)."""

    kind: ClassVar[str] = "sample.framed"
    scope: ClassVar[Scope] = Scope.BELOW

    period: Quarter
    beacon_at: Annotated[Instant, Meta(ge=0)]
    """Time of the county's beacon whose heads hold every case of the frame."""
    beacon_root: Hash
    cases: Count
    list_root: Hash
    """RFC 6962 root over the sorted list of cases."""
    strata: Annotated[tuple[Stratum, ...], Meta(min_length=1, max_length=STRATA_MAX)]
    committed: Hash
    """Hash of the county's secret."""
    nonces_until: date
    """Last day for the townships' nonces; the secret is revealed afterwards."""

    @property
    def number(self) -> str:
        """See `Overseen.number`."""
        return self.period

    @property
    def townships(self) -> frozenset[OfficeId]:
        """Who is asked for a nonce."""
        return frozenset(one.township for one in self.strata if parent_seat(one.township) is not None)


class SampleAct(Overseen, frozen=True, array_like=True, gc=False):
    """What every entry about a sample carries."""

    frame: Hash
    """Of the `sample.framed`."""

    @property
    def thread(self) -> bytes:
        """See `Overseen.thread`."""
        return self.frame


class SampleNonced(SampleAct, frozen=True, array_like=True, gc=False):
    """`sample.nonced`: a township's own chance in the draw. Its node gives it by itself."""

    kind: ClassVar[str] = "sample.nonced"
    sender: ClassVar[Sender] = Sender.TOWNSHIP
    scope: ClassVar[Scope] = Scope.ABOVE

    nonce: Nonce


class SampleRevealed(SampleAct, frozen=True, array_like=True, gc=False):
    """`sample.revealed`: the county's secret, and the nonces that it had: from here everybody computes the draw."""

    kind: ClassVar[str] = "sample.revealed"
    scope: ClassVar[Scope] = Scope.BELOW

    secret: Hash
    nonces: Annotated[tuple[tuple[Destination, Nonce], ...], Meta(max_length=STRATA_MAX)]
    """By township. One that is not here as it was given shows to that township."""


class FileReviewed(SampleAct, frozen=True, array_like=True, gc=False):
    """`file.reviewed`: what one reviewer found in one file that was drawn. Stays at the county."""

    kind: ClassVar[str] = "file.reviewed"
    scope: ClassVar[Scope] = Scope.ABOVE

    case: Case
    round: Annotated[int, Meta(ge=1, le=3)]
    """1 and 2: two reviewers, neither of whom sees the other's; 3: a leader settles where they differ."""
    form: Word
    """Version of the form (`hub.audit.review_form`)."""
    faults: Annotated[tuple[Word, ...], Meta(max_length=40)]
    """Codes of the form."""
    note: Remark = ""


OVERSIGHT: Final[dict[str, type[Overseen]]] = {
    each.kind: each
    for each in (
        OrderIssued,
        OrderAnswered,
        OrderVerified,
        OrderEscalated,
        OrderWithdrawn,
        CircularPublished,
        ScoreEntered,
        ScoreAppealed,
        ScoreJudged,
        ClassAssigned,
        ScoresFrozen,
        SampleFramed,
        SampleNonced,
        SampleRevealed,
        FileReviewed,
    )
}
"""Every kind of oversight, with the Struct of its body."""


def encode_overseen(event: Overseen) -> bytes:
    """The body of an entry of oversight."""
    return encode(event)


def decode_overseen(kind: str, body: bytes) -> Overseen:
    """Read a body of one of the kinds in `OVERSIGHT`. Raises `Malformed`."""
    event = decode(body, OVERSIGHT[kind], limit=ENTRY_BODY_BYTES_MAX)
    if 0 in body and holds_nul(body):
        raise Malformed("nul_character", "a text holds a NUL character; type it again without pasting")
    return event


def may_send(seat: OfficeId, event: Overseen) -> bool:
    """Whether a device of `seat` may say this at all; whether the order is addressed to it the fold knows."""
    if event.sender is Sender.COUNTY:
        # Its own desk of supervision: a department's window orders and scores nobody, itself least of all.
        return parent_seat(seat) is None and event.office == seat
    if event.sender is Sender.TOWNSHIP:
        return event.office == seat and parent_seat(seat) is not None and not is_village_office(seat)
    return may_speak_for(event.office, event.about)


def may_speak_for(office: OfficeId, addressee: OfficeId | None) -> bool:
    """Whether an office may answer or appeal: the one addressed, a desk of it, or its township for a village."""
    if addressee is None:
        return False
    if office == addressee or (seat_of(office) == addressee and parent_seat(addressee) is not None):
        return True
    return is_village_office(addressee) and parent_seat(seat_of(addressee)) == office


def card_of(office: OfficeId) -> Card | None:
    """Which card an office has. None: the county itself, and desks of a township, which count on the township's."""
    seat = seat_of(office)
    if office != seat:
        return Card.WINDOW if parent_seat(seat) is None else None
    if parent_seat(seat) is None:
        return None
    return Card.VILLAGE if is_village_office(seat) else Card.TOWNSHIP


def number_of_paper(county: OfficeId, mark: str, year: int, serial: int) -> str:
    """A number on paper: "510824-督-2026-0001". `mark`: 督 for orders, 通 for circulars."""
    return f"{numbers_of(county, mark, year)}{serial:04d}"


def numbers_of(county: OfficeId, mark: str, year: int) -> str:
    """What all numbers of one kind and year begin with."""
    return f"{county}-{mark}-{year}-"
