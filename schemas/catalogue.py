"""The county's catalogue of service items, in editions.

A case pins the edition it was filed under for its materials; competence and terms follow the edition in force on the
day of the act (RULINGS B8). An edition is a value: its digest is the same on every machine.
Never reads a file or a row: `schemas.catalogue_rows` makes editions of rows. Next: `casework.lifecycle`, which asks
`accepts` and `may_decide`; `schemas.catalogue_compare` and `schemas.catalogue_figures` for what the county asks.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from datetime import date
from enum import StrEnum
from functools import lru_cache
from typing import Final

from msgspec import Struct

from schemas.casework.steps import Step
from schemas.codec import encode
from schemas.divisions import Tier, tier_of_office
from schemas.names import OfficeId, seat_of
from schemas.refusals import Refused

ITEMS_MAX: Final = 1000
"""The largest centre in the sources has 686 items. The list of an edition, each item's code and digest, must fit one
entry's body of 32 KiB: 1,000 × about 28 bytes (`MANIFEST_BYTES_MAX` for longer codes)."""

MANIFEST_BYTES_MAX: Final = 31 * 1024
"""What the list of an edition may take in one entry's body of 32 KiB; the rest is its version, dates and author."""

ITEM_BYTES_MAX: Final = 31 * 1024
"""One item travels in one entry's body of 32 KiB, beside its author; the longest of the sample is about 1.5 KiB."""

ITEM_DIGEST_BYTES: Final = 16
"""Leading bytes of an item's SHA-256 by which an edition names it."""


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
    conditions: str = ""
    """Who may apply (申请条件)."""
    procedure: str = ""
    """How it is handled, as the public is told (办理程序)."""
    fee_basis: str = ""
    """What a fee rests on (收费依据)."""
    contact: str = ""
    """Where to ask: telephone, place, hours."""
    complaint: str = ""
    """Where to complain."""
    suspended_from: date | None = None
    """First day on which no new case is taken; cases that are open go on."""
    suspended_until: date | None = None
    """Last such day; None = until an edition says otherwise."""
    suspension_document: str = ""
    """The number of the document that suspends it."""
    deems_opinions: bool = False
    """A late or absent department's opinion in a joint case counts as agreement (DOMAIN T1)."""

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
    document: str = ""
    """The number of the document by which it was approved."""
    approver: str = ""

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


def digest_of_item(item: ServiceItem) -> bytes:
    """The item's content in 16 bytes: an edition names items by code and digest, so that only new content travels."""
    return hashlib.sha256(encode(item)).digest()[:ITEM_DIGEST_BYTES]


# --- who may do what -------------------------------------------------------------------------------------------------


class Grant(Struct, frozen=True):
    """An authority handed downwards by document (权限下放, 委托)."""

    number: str
    """The document's number; one county gives it once."""
    grantor: str
    """The organ whose authority it is."""
    is_entrusted: bool
    """Entrusted (委托): the grantee decides in the grantor's name, which answers for it, and both names are shown.
    Otherwise delegated (下放): it decides in its own."""
    grantees: tuple[OfficeId, ...]
    items: tuple[str, ...]
    """Codes."""
    effective_from: date
    effective_until: date | None
    """Last day; None = until it is ended."""
    document: str

    def is_in_force(self, day: date) -> bool:
        """Whether the grant carries a decision of `day`."""
        return self.effective_from <= day and (self.effective_until is None or day <= self.effective_until)


class TierRight(Struct, frozen=True):
    """One line of the list of what each tier takes in, decides and does for residents (受理、办理、代办目录)."""

    item: str
    """Code."""
    tier: Tier
    can_accept: bool
    can_decide: bool
    can_delegate: bool
    """A village agent may stand in for the resident there."""


def accepts(item: ServiceItem, office: OfficeId) -> bool:
    """Whether the catalogue lets an office of this tier take the item in."""
    return tier_of_office(office) in item.accepting_tiers


def is_suspended(item: ServiceItem, day: date) -> bool:
    """Whether no new case of the item is taken on `day`; open ones go on."""
    first, last = item.suspended_from, item.suspended_until
    return first is not None and first <= day and (last is None or day <= last)


def may_decide(item: ServiceItem, office: OfficeId, day: date | None = None, grants: Iterable[Grant] = ()) -> bool:
    """Whether an office may decide: by its tier, or by a grant in force on `day`, the day of the decision.

    A village never does, whatever a catalogue or a grant says (Administrative Licensing Law art. 24). Without a day no
    grant counts.
    """
    tier = tier_of_office(office)
    if tier is Tier.VILLAGE:
        return False
    if any(decider.tier is tier for decider in item.deciders):
        return True
    return day is not None and find_grant(grants, item, office, day) is not None


def is_of_department(item: ServiceItem, department: str) -> bool:
    """Whether an item is a department's: listed as its own, or decided by it at some tier. Without one any item is.

    Deciders are named without 县: 县民政局 is 民政局 in 民政局（可委托乡镇）.
    """
    name = department.removeprefix("县")
    return not department or item.department == department or any(name in decider.organ for decider in item.deciders)


def find_grant(grants: Iterable[Grant], item: ServiceItem, office: OfficeId, day: date) -> Grant | None:
    """The grant by which `office` decides this item on `day`; of several the one that came into force last.

    A grant to a seat is one to its desks.
    """
    own = {office, seat_of(office)}
    in_force = [
        grant for grant in grants if grant.is_in_force(day) and item.code in grant.items and own & set(grant.grantees)
    ]
    return max(in_force, key=lambda grant: (grant.effective_from, grant.number), default=None)


def tier_matrix(edition: Edition) -> tuple[TierRight, ...]:
    """Item × tier, villages first: what each tier may do with each item."""
    return tuple(
        TierRight(
            item.code,
            tier,
            tier in item.accepting_tiers,
            tier is not Tier.VILLAGE and any(decider.tier is tier for decider in item.deciders),
            tier is Tier.VILLAGE and item.delegation is Delegation.YES,
        )
        for item in edition.items.values()
        for tier in (Tier.VILLAGE, Tier.TOWNSHIP, Tier.COUNTY)
    )


# --- steps -----------------------------------------------------------------------------------------------------------


class PlannedStep(Struct, frozen=True):
    """One step that the catalogue foresees for an item."""

    step: Step
    name: str
    """As the catalogue words it, or the step's own name."""
    people: int = 1
    """How many officers do it together: two survey a site."""
    special: bool = False
    """A special procedure (特别程序): the law leaves its time out of the term (Licensing Law art. 45)."""


_SPECIAL_WORDS: Final = ("特别程序", "听证", "招标", "拍卖", "检验", "检测", "检疫", "鉴定", "评审", "评定")
"""Art. 45 names these; a site survey is not among them and stops no clock (DOMAIN T9)."""

_PAIR_WORDS: Final = ("勘察", "勘查", "踏勘", "入户调查")
_PEOPLE: Final = re.compile(r"[（(]\s*([1-9])\s*人")

_STEP_WORDS: Final = (
    (Step.PUBLICITY, ("公示", "公告")),
    (Step.SURVEY, (*_PAIR_WORDS, "调查", "核查", "现场")),
    # Afterwards, with the file: the yearly look at those who receive an allowance.
    (Step.ARCHIVE, ("归档", "年度")),
    # Whatever is made or paid between the decision and its hand-over.
    (Step.PRODUCTION, ("制证", "制卡", "制作", "缴费", "指派")),
    (Step.SEALING, ("盖章", "用印")),
    (Step.ISSUE, ("送达", "发证", "办证", "领取", "寄递", "告知")),
    (Step.ACCEPTANCE, ("受理", "登记", "采集", "到场", "预约")),
    (Step.DECISION, ("审批", "审定", "核定", "认定", "确认", "批准", "决定")),
    (
        Step.REVIEW,
        (
            *("初审", "审核", "审查", "联审", "会审", "复核", "查验", "核对", "核实", "核验", "录入"),
            *("协查", "认证", "评议", "讨论", "评估", "尽调"),
        ),
    ),
)
"""Words by which a step is known; the first line that fits counts: 村评议公示 is a notice, 镇审核上报 a review."""

_RANKS: Final = {
    Step.ACCEPTANCE: 0,
    Step.SURVEY: 1,
    Step.REVIEW: 1,
    Step.PUBLICITY: 1,
    Step.DECISION: 2,
    Step.PRODUCTION: 3,
    Step.SEALING: 3,
    Step.ISSUE: 4,
    Step.ARCHIVE: 5,
}
"""What comes before what; within one rank the catalogue's own order stays."""

_FRAME: Final = (PlannedStep(Step.ACCEPTANCE, "受理"), PlannedStep(Step.ARCHIVE, "归档"))
"""Every case has these, whatever else is done at the counter before or with the file afterwards."""

_USUAL: Final = (
    PlannedStep(Step.REVIEW, "审查"),
    PlannedStep(Step.DECISION, "决定"),
    PlannedStep(Step.ISSUE, "送达"),
)
"""Every case has these as well, but for an item whose own steps do the same: 镇初审 is a review, 县审批 a decision."""


def planned_steps(item: ServiceItem) -> tuple[PlannedStep, ...]:
    """The steps of an item's cases in their order: what every case has, and what the catalogue names besides.

    A word that is not known counts as a review (the report before an import names it).
    """
    return _plan(item.steps)


@lru_cache(maxsize=ITEMS_MAX)
def _plan(words: tuple[str, ...]) -> tuple[PlannedStep, ...]:
    """Remembered: every act on a case asks."""
    named = [read_step(word) or PlannedStep(Step.REVIEW, word) for word in words]
    ordinary = {planned.step for planned in named if not planned.special}
    plan = [
        *(usual for usual in _FRAME if not any(usual.name in planned.name for planned in named)),
        *named,
        *(usual for usual in _USUAL if usual.step not in ordinary),
    ]
    return tuple(sorted(plan, key=lambda planned: _RANKS[planned.step]))


def read_step(word: str) -> PlannedStep | None:
    """What a word of the catalogue plans; None if no step is known by it."""
    if any(special in word for special in _SPECIAL_WORDS):
        return PlannedStep(Step.REVIEW, word, special=True)
    step = next((step for step, words in _STEP_WORDS if any(known in word for known in words)), None)
    if step is None:
        return None
    stated = _PEOPLE.search(word)
    is_pair = step is Step.SURVEY and any(known in word for known in _PAIR_WORDS)
    return PlannedStep(step, word, int(stated[1]) if stated else 2 if is_pair else 1)


# --- publication -----------------------------------------------------------------------------------------------------


class Fault(Struct, frozen=True, order=True):
    """What is wrong with one row of a table, for the report before anything is imported or published."""

    row: int
    """From 1; 0 = the table as a whole."""
    item: str
    """Its code, as far as it can be read."""
    field: str
    """The column: its English code, or what a spreadsheet calls it."""
    zh: str
    en: str
    sheet: str = ""
    """Which table, where a file has several; empty: the items'."""
    column: str = ""
    """The letter of a spreadsheet's column."""


def publishable(edition: Edition) -> tuple[Fault, ...]:
    """What keeps an edition from publication: each empty one of the seven points that must be disclosed (七公开).

    Name, legal basis, procedure, conditions, materials, promised term, and the fee with what it rests on. The promise
    is a number in every item; a service without a fee needs no basis for one. () = may be published.
    """
    return tuple(
        Fault(
            0, item.code, field, f"缺少{name}，属七公开内容，发布前应补齐", f"{en} must be disclosed before publication"
        )
        for item in edition.items.values()
        for field, name, en in _undisclosed(item)
    )


def _undisclosed(item: ServiceItem) -> Iterator[tuple[str, str, str]]:
    materials = item.materials
    points = (
        (item.name, "name", "事项名称", "the name"),
        (item.basis, "basis", "法律依据", "the legal basis"),
        (item.procedure, "procedure", "办理程序", "the procedure"),
        (item.conditions, "conditions", "申请条件", "the conditions"),
        (
            materials.required or materials.deferrable or materials.verified or materials.pledged,
            "mat.must",
            "申办材料",
            "the materials",
        ),
        (item.fee_yuan == 0 or item.fee_basis, "fee_basis", "收费依据", "what the fee rests on"),
    )
    return ((field, name, en) for is_there, field, name, en in points if not is_there)
