"""The county's catalogue of service items, in editions.

A case pins the edition it was filed under for its materials; competence and terms follow the edition in force on the
day of the act (RULINGS B8). An edition is a value: its digest is the same on every machine.
Never reads a file: rows come in already parsed (`hub.catalogue.importing` reads them). Next: `casework.lifecycle`,
which asks `accepts` and `may_decide`.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Final, Literal

import msgspec
import msgspec.structs
from msgspec import Meta, Struct

from schemas.codec import encode
from schemas.divisions import Tier, tier_of_office
from schemas.names import OfficeId
from schemas.refusals import Refused

ITEMS_MAX: Final = 2000
"""The largest centre in the sources has 686 items; an edition must still fit one message."""


class CaseType(StrEnum):
    """How an item is handled (GB/T 39046 A.6 knows the first two; the others are our own routes)."""

    INSTANT = "instant"
    """即办件"""
    PROMISED = "promised"
    """承诺件"""
    JOINT = "joint"
    """联办件"""
    REPORTED_UPWARD = "reported_upward"
    """上报件"""


class TermUnit(StrEnum):
    """The unit of a term; a field of the item, never a global."""

    WORKING_DAYS = "wd"
    CALENDAR_DAYS = "cd"
    ON_THE_SPOT = "spot"


class TermStart(StrEnum):
    """The event at which a legal term starts."""

    ACCEPTED = "accepted"
    RECEIVED = "received"
    REPLY = "reply"


class Delegation(StrEnum):
    """Whether a village agent may stand in for the resident."""

    YES = "yes"
    COLLECT = "collect"
    """Carries papers only; the resident signs in person."""
    NO = "no"
    """The resident must come."""


class TermSource(StrEnum):
    """How well the term is known."""

    LAW = "law"
    SAMPLE = "sample"
    ILLUSTRATIVE = "illus"


class LegalTerm(Struct, frozen=True):
    """The statutory term."""

    days: int
    unit: TermUnit
    start: TermStart
    extension_days: int = 0
    """How far it may be extended once, in the same unit."""


class Materials(Struct, frozen=True):
    """What is to be handed in, by class."""

    required: tuple[str, ...] = ()
    deferrable: tuple[str, ...] = ()
    verified: tuple[str, ...] = ()
    pledged: tuple[str, ...] = ()


class Decider(Struct, frozen=True):
    """An organ that may decide, and the tier at which it works."""

    tier: Tier
    organ: str


class PublicNotice(Struct, frozen=True):
    """Days of public notice before a decision; children are never shown publicly."""

    days: int = 0
    shows_minors: bool = True


class ServiceItem(Struct, frozen=True):
    """One item of the catalogue (办理项)."""

    code: str
    name: str
    name_en: str
    department: str
    case_type: CaseType
    power: str
    """Item type, GB/T 39046 A.1: 01 licence, 05 payment, 07 confirmation, 08 award, 10 other, 20 public service."""
    basis: tuple[str, ...]
    legal: LegalTerm
    promise_days: int
    """Promised term in working days; 0 = on the spot."""
    term_source: TermSource
    materials: Materials
    fee_yuan: int | None
    """None = by provincial rule, not stated here."""
    accepting_tiers: tuple[Tier, ...]
    """Tiers that take the item in."""
    deciders: tuple[Decider, ...]
    delegation: Delegation
    steps: tuple[str, ...] = ()
    notice: PublicNotice = PublicNotice()
    peak_months: tuple[int, ...] = ()
    listed_name: str | None = None
    remark: str = ""

    @property
    def is_on_the_spot(self) -> bool:
        """Whether the promise is to finish while the resident waits."""
        return self.promise_days == 0


class UnknownItem(Refused):
    """A code that this edition does not have."""

    def __init__(self) -> None:
        super().__init__(
            "unknown_item",
            "目录中没有这个事项；请核对事项编码，或同步最新目录后重试。",
            "The catalogue has no such item; check its code, or synchronise the catalogue and try again.",
        )


class Edition(Struct, frozen=True):
    """One published state of the catalogue."""

    version: str
    effective_from: date
    effective_until: date | None
    """Last day on which it is in force; None = until the next edition."""
    is_sample: bool
    """Demonstration data: no county's present catalogue."""
    items: dict[str, ServiceItem]
    """By code, in the order of codes."""

    @property
    def digest(self) -> bytes:
        """SHA-256 of the edition's bytes: two nodes that show one digest have one catalogue."""
        return hashlib.sha256(encode(self)).digest()

    def find_item(self, code: str) -> ServiceItem | None:
        """The item with this code, or None."""
        return self.items.get(code)

    def get_item(self, code: str) -> ServiceItem:
        """The item with this code. Raises `UnknownItem`."""
        item = self.items.get(code)
        if item is None:
            raise UnknownItem
        return item

    def is_in_force(self, day: date) -> bool:
        """Whether acts of `day` are judged by this edition, later editions left aside."""
        return self.effective_from <= day and (self.effective_until is None or day <= self.effective_until)


def find_edition_in_force(editions: Iterable[Edition], day: date) -> Edition | None:
    """Of the editions in force on `day` the one that came into force last; None if there is none."""
    in_force = [edition for edition in editions if edition.is_in_force(day)]
    return max(in_force, key=lambda edition: (edition.effective_from, edition.version), default=None)


def accepts(item: ServiceItem, office: OfficeId) -> bool:
    """Whether the catalogue lets an office of this tier take the item in."""
    return tier_of_office(office) in item.accepting_tiers


def may_decide(item: ServiceItem, office: OfficeId) -> bool:
    """Whether an office of this tier may decide. A village never does, whatever a catalogue says."""
    tier = tier_of_office(office)
    return tier is not Tier.VILLAGE and any(decider.tier is tier for decider in item.deciders)


# --- from rows -----------------------------------------------------------------------------------------------------


class Fault(Struct, frozen=True, order=True):
    """What is wrong with one row, for the report before anything is imported."""

    row: int
    """From 1; 0 = the table as a whole."""
    item: str
    """Its code, as far as it can be read."""
    field: str
    zh: str
    en: str


_CASE_TYPES: Final = {
    "即办件": CaseType.INSTANT,
    "承诺件": CaseType.PROMISED,
    "联办件": CaseType.JOINT,
    "上报件": CaseType.REPORTED_UPWARD,
}
_Days = Annotated[int, Meta(ge=0, le=365)]
_Name = Annotated[str, Meta(min_length=1, max_length=120)]
_Names = Annotated[tuple[_Name, ...], Meta(max_length=60)]


class _LegalRow(Struct, forbid_unknown_fields=True):
    n: _Days
    unit: TermUnit
    start: TermStart = msgspec.field(name="from")
    ext: _Days = 0


class _MaterialsRow(Struct, forbid_unknown_fields=True):
    must: _Names = ()
    defer: _Names = ()
    verify: _Names = ()
    pledge: _Names = ()


class _NoticeRow(Struct, forbid_unknown_fields=True):
    days: _Days
    minor: bool = True


class _ItemRow(Struct, forbid_unknown_fields=True):
    """One row as the county writes it; `hub/catalogue/importing.py` says what each column means."""

    code: Annotated[str, Meta(pattern=r"\A[A-Z0-9]{2,20}\Z")]
    name: _Name
    en: _Name
    dept: _Name
    listed: _Name | None
    case_type: Literal["即办件", "承诺件", "联办件", "上报件"] = msgspec.field(name="type")
    power: Literal["00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "20"]
    basis: Annotated[tuple[_Name, ...], Meta(min_length=1, max_length=20)]
    legal: _LegalRow
    promise: _Days
    src: TermSource
    mat: _MaterialsRow
    fee: Annotated[int, Meta(ge=0, le=1_000_000)] | None
    accept: Annotated[tuple[Tier, ...], Meta(min_length=1, max_length=3)]
    decide: _Name
    deleg: Delegation
    flow: _Names
    peak: Annotated[tuple[Annotated[int, Meta(ge=1, le=12)], ...], Meta(max_length=12)]
    public: _Days | _NoticeRow = 0
    note: Annotated[str, Meta(max_length=400)] = ""


ITEM_FIELDS: Final = frozenset(field.encode_name for field in msgspec.structs.fields(_ItemRow))
"""The columns that a row may have."""


def parse_items(
    version: str, effective_from: date, rows: Sequence[Mapping[str, object]], *, is_sample: bool = False
) -> Edition | list[Fault]:
    """An edition from rows already read from a file, or every fault found: one bad row must not hide the next."""
    if not 0 < len(rows) <= ITEMS_MAX:
        return [Fault(0, "", "items", f"目录应有 1 至 {ITEMS_MAX} 项", f"a catalogue has 1 to {ITEMS_MAX} items")]
    items: dict[str, ServiceItem] = {}
    faults: list[Fault] = []
    for number, row in enumerate(rows, start=1):
        parsed = _parse_item(number, row)
        if isinstance(parsed, list):
            faults += parsed
        elif parsed.code in items:
            faults.append(Fault(number, parsed.code, "code", "事项编码重复", "the code occurs twice"))
        else:
            items[parsed.code] = parsed
    if faults:
        return faults
    return Edition(version, effective_from, None, is_sample, dict(sorted(items.items())))


def _parse_item(number: int, row: Mapping[str, object]) -> ServiceItem | list[Fault]:
    code = str(row.get("code", ""))[:20]
    try:
        read = msgspec.convert(row, _ItemRow)
    except msgspec.ValidationError as error:
        reason, _, path = str(error).partition(" - at ")
        field = path.strip("`$.") or "row"
        return [Fault(number, code, field, f"该栏不合要求：{reason}", reason)]
    deciders = _parse_deciders(read.decide)
    faults = [
        Fault(number, code, field, zh, en)
        for is_wrong, field, zh, en in (
            (
                not deciders,
                "decide",
                "决定机关应写作“层级/单位”，层级为 township 或 county",
                "write tier/organ, tier township or county",
            ),
            (
                _promise_exceeds(read),
                "promise",
                "承诺时限长于法定时限",
                "the promised term is longer than the legal one",
            ),
            (len(set(read.accept)) < len(read.accept), "accept", "受理层级重复", "a tier occurs twice"),
            (
                not any((read.mat.must, read.mat.defer, read.mat.verify, read.mat.pledge)),
                "mat",
                "没有列出材料",
                "no material is named",
            ),
        )
        if is_wrong
    ]
    return faults or _item(read, deciders)


def _parse_deciders(text: str) -> tuple[Decider, ...]:
    """Read "county/民政局" or "township/小额 或 county/民政局"; () if a part does not read. A village cannot decide."""
    deciders: list[Decider] = []
    for part in text.split("或"):
        tier, separator, organ = part.strip().partition("/")
        if not separator or not organ or tier not in (Tier.TOWNSHIP.value, Tier.COUNTY.value):
            return ()
        deciders.append(Decider(Tier(tier), organ))
    return tuple(deciders)


def _promise_exceeds(row: _ItemRow) -> bool:
    """Only like is compared with like: a promise is in working days, some legal terms are in calendar days."""
    return row.legal.unit is not TermUnit.CALENDAR_DAYS and row.promise > row.legal.n


def _item(row: _ItemRow, deciders: tuple[Decider, ...]) -> ServiceItem:
    notice = row.public if isinstance(row.public, _NoticeRow) else _NoticeRow(row.public)
    return ServiceItem(
        code=row.code,
        name=row.name,
        name_en=row.en,
        department=row.dept,
        case_type=_CASE_TYPES[row.case_type],
        power=row.power,
        basis=row.basis,
        legal=LegalTerm(row.legal.n, row.legal.unit, row.legal.start, row.legal.ext),
        promise_days=row.promise,
        term_source=row.src,
        materials=Materials(row.mat.must, row.mat.defer, row.mat.verify, row.mat.pledge),
        fee_yuan=row.fee,
        accepting_tiers=row.accept,
        deciders=deciders,
        delegation=row.deleg,
        steps=row.flow,
        notice=PublicNotice(notice.days, notice.minor),
        peak_months=row.peak,
        listed_name=row.listed,
        remark=row.note,
    )
