"""The paper of a realistic load: residents, items of the catalogue, and what desks write, drawn from a seed.

A case runs through the product's own events. What forms print (materials, grounds, standard sentences) is that of the
catalogue item; names and *free* text — what somebody typed — are drawn at random, every character evenly from the 3,755
of GB 2312 level 1, or, for comparison, from stock phrases. Never seals or stores anything. Next: `corpus`.
"""

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Final

from msgspec import Struct

from office.seeds import load_catalogue, load_divisions
from schemas.casework.events import (
    Act,
    CaseClosed,
    CaseDecided,
    CaseEvent,
    CaseFiled,
    CaseWithdrawn,
    Contribution,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RemarkAdded,
    ResultHandedOver,
)
from schemas.casework.mandates import SCOPES_OF, UNBOUND, bind, words_of
from schemas.casework.values import Applicant, Handover, Mandate, Material, MaterialStatus, Outcome, SignedHow
from schemas.catalogue import ServiceItem, accepts, may_decide
from schemas.identity import RESIDENT_CARD, resident_check_character
from schemas.names import OPERATION_BYTES, CaseId, OfficeId, OfficerId, followed, parent_seat, tracking_number

COMMON_CHARACTERS: Final = tuple(
    bytes([row, cell]).decode("gb2312")
    for row in range(0xB0, 0xD8)
    for cell in range(0xA1, 0xFF)
    if row < 0xD7 or cell < 0xFA
)
"""GB 2312 level 1: the 3,755 characters that people write."""

SURNAMES: Final = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN_NAMES: Final = "秀英桂兰建国玉珍伟芳娜敏静丽强磊军洋勇艳杰娟涛明超霞平刚"
STOCK_PHRASES: Final = (
    "本人长期在外务工,请代办员帮忙办理",
    "家中老人行动不便,申请上门办理",
    "原证件遗失,申请补办",
    "材料已备齐,请尽快办理",
    "请电话通知领取结果",
    "经核实情况属实",
    "申请人要求邮寄送达",
    "提交的材料不清晰,请重新拍照上传",
)
CLERKS: Final = ("zhang", "lifang", "wangjun", "chenmei")

SECRET_HASH_BYTES: Final = 24
"""A salt and a salted hash, as filings carry them."""


MANDATE_UNTIL: Final = date(2026, 8, 31)
"""Three months from the load's first day."""


class Writing(Struct, frozen=True):
    """How free text comes about."""

    random: bool
    """Every character at random, else stock phrases and common names."""


RANDOM_TEXT: Final = Writing(random=True)
TEMPLATE_TEXT: Final = Writing(random=False)


class Pen:
    """Draws everything that a person or a device would have put in."""

    def __init__(self, random: Random, writing: Writing) -> None:
        self.random = random
        self.writing = writing
        self.free_characters = 0
        """Characters of names and free text drawn so far."""

    def free_text(self, low: int, high: int) -> str:
        """Something that a person typed, low … high characters long."""
        if not self.writing.random:
            return self.random.choice(STOCK_PHRASES)
        return self._characters(self.random.randint(low, high))

    def sometimes(self, share: float, low: int, high: int) -> str:
        """Free text in this share of cases, else nothing."""
        return self.free_text(low, high) if self.random.random() < share else ""

    def name(self) -> str:
        if not self.writing.random:
            return self.random.choice(SURNAMES) + "".join(self.random.choices(GIVEN_NAMES, k=2))
        return self._characters(self.random.choice((2, 3, 3, 3, 4)))

    def operation(self) -> bytes:
        return self.random.randbytes(OPERATION_BYTES)

    def applicant(self) -> Applicant:
        """A resident with a number that passes its check."""
        random = self.random
        born = f"{random.randint(1935, 2006)}{random.randint(1, 12):02d}{random.randint(1, 28):02d}"
        digits = f"510824{born}{random.randint(1, 999):03d}"
        phone = f"1{random.choice('3578')}{random.randrange(10**9):09d}"
        return Applicant(self.name(), RESIDENT_CARD, digits + resident_check_character(digits), phone)

    def _characters(self, count: int) -> str:
        self.free_characters += count
        return "".join(self.random.choices(COMMON_CHARACTERS, k=count))


class Desk:
    """One office's running numbers."""

    def __init__(self, office: OfficeId, mark: str) -> None:
        self.office = office
        self.mark = mark
        self.serial = 0

    def next_serial(self) -> int:
        self.serial += 1
        return self.serial % 10_000


class Affair:
    """One resident's case: a walk through the acts that its item allows. `waiting` is the next one, None at the end."""

    def __init__(self, pen: Pen, village: Desk, township: Desk, item: ServiceItem) -> None:
        self.case = CaseId(pen.random.randbytes(16))
        self.turn = 0
        self.tip: bytes | None = None
        self._pen = pen
        self._item = item
        self._village = village
        self._township = township
        self._applicant = pen.applicant()
        self._days = f"{max(1, item.promise_days)}个工作日"
        self._steps = self._walk()
        self.waiting = next(self._steps, None)

    def written(self, event: CaseEvent, link: bytes) -> None:
        """The waiting event became the entry with this hash."""
        if isinstance(event, Act):
            self.turn, self.tip = event.turn, followed(link)
        self.waiting = next(self._steps, None)

    # --- the walk ----------------------------------------------------------------------------------------------------

    def _walk(self) -> Iterator[CaseEvent]:
        village, township, chance = self._village.office, self._township.office, self._pen.random.random()
        if not accepts(self._item, village):
            yield from self._at_township_counter()
            return
        yield self._filing(self._village)
        yield self._offer(
            village,
            township,
            f"{self._item.name}申请材料共{len(self._names())}件,已当面核对原件并拍照,申请人身份已核验,请审核受理。",
        )
        if chance < 0.05:
            yield self._act(CustodyDeclined, township, self._pen.free_text(12, 30), self._item.basis[0])
            yield self._act(CaseWithdrawn, village, self._pen.free_text(6, 20))
            return
        yield self._acceptance(township)
        if chance < 0.20:
            yield from self._papers(township)
        if chance > 0.95:
            yield self._contribution(RemarkAdded, village, self._pen.free_text(10, 30))
        if not may_decide(self._item, township):
            county = parent_seat(township)
            assert county is not None
            yield self._offer(
                township,
                county,
                f"{self._item.name}经初审符合{self._item.basis[0]}规定的条件,材料齐全,现上报{self._item.department}审批,请在收到后两个工作日内接收。",
            )
            return
        yield self._decision(township, granted=chance < 0.92)
        yield self._offer(
            township, village, f"{self._item.name}决定书已作出,请代办员领取后三日内送达申请人,并取得本人签收。"
        )
        received = f"已领取{self._item.name}决定书及随附材料,将在三日内送达申请人本人,并取得签收。"
        yield self._act(CustodyAccepted, village, received + self._pen.sometimes(0.2, 4, 12))
        yield from self._end(village)

    def _at_township_counter(self) -> Iterator[CaseEvent]:
        township = self._township.office
        yield self._filing(self._township)
        yield self._acceptance(township)
        yield self._decision(township, granted=True)
        yield from self._end(township)

    def _papers(self, township: OfficeId) -> Iterator[CaseEvent]:
        missing = self._names()[:2]
        reason = "申请材料不齐全,请在五个工作日内一次补齐:" + self._pen.free_text(8, 24)
        yield self._act(PapersRequested, township, missing, reason)
        brought = self._contribution(
            PapersBrought,
            self._village.office,
            missing,
            "申请人已补交上述材料,原件已核对。" + self._pen.sometimes(0.5, 4, 16),
        )
        yield brought
        yield self._act(PapersReceived, township, missing)

    def _end(self, office: OfficeId) -> Iterator[CaseEvent]:
        own = self._pen.random.random() < 0.8
        recipient = self._applicant.name if own else self._pen.name()
        how = self._pen.random.choice(tuple(Handover))
        note = f"已核对领取人身份证件,{self._item.name}决定书及证件当面清点无误,领取人已签收。" + self._pen.sometimes(
            0.2, 4, 16
        )
        yield self._act(ResultHandedOver, office, recipient, how, note)
        yield self._act(
            CaseClosed,
            office,
            f"{self._item.name}已在承诺期限内办结,结果已送达,申请材料与决定书副本已归档备查,保管期限十年。",
        )

    # --- single events -----------------------------------------------------------------------------------------------

    def _act(self, kind: type[Act], office: OfficeId, *fields: object) -> Act:
        make: type = kind
        return make(self.turn + 1, self.tip, self._pen.operation(), office, self._officer(office), *fields)

    def _contribution(self, kind: type[Contribution], office: OfficeId, *fields: object) -> Contribution:
        make: type = kind
        return make(self.turn, self._pen.operation(), office, self._officer(office), *fields)

    def _officer(self, office: OfficeId) -> OfficerId:
        return OfficerId(f"{office}/{self._pen.random.choice(CLERKS)}")

    def _names(self) -> tuple[str, ...]:
        materials = self._item.materials
        return (*materials.required, *materials.deferrable, *materials.verified, *materials.pledged)

    def _filing(self, desk: Desk) -> Act:
        materials = self._item.materials
        rows = [Material(name, MaterialStatus.PROVIDED) for name in materials.required]
        rows += [Material(name, MaterialStatus.DEFERRED) for name in materials.deferrable]
        rows += [Material(name, MaterialStatus.VERIFIED) for name in materials.verified]
        rows += [Material(name, MaterialStatus.PLEDGED) for name in materials.pledged]
        office = desk.office
        applicant = self._applicant
        scopes = SCOPES_OF[self._item.delegation]
        mandate = None
        if len(office) == 12 and scopes:
            until = MANDATE_UNTIL
            words = words_of(self._item, applicant.name, load_divisions().get(office).name, scopes, until)
            unbound = Mandate(scopes, until, applicant.name, SignedHow.SIGNATURE, words, UNBOUND)
            mandate = bind(unbound, self.case, self._item.code, applicant)
        return self._act(
            CaseFiled,
            office,
            self._item.code,
            load_catalogue().version,
            tracking_number(office, desk.mark, desk.next_serial()),
            self._pen.random.randbytes(SECRET_HASH_BYTES),
            applicant,
            tuple(rows),
            self._pen.free_text(10, 30),
            mandate,
        )

    def _offer(self, office: OfficeId, to: OfficeId, sentence: str) -> Act:
        return self._act(CustodyOffered, office, to, sentence + self._pen.sometimes(0.2, 6, 20))

    def _acceptance(self, township: OfficeId) -> Act:
        sentence = (
            f"你提交的{self._item.name}申请属于本机关职权范围,材料齐全,符合法定形式,根据{self._item.basis[0]},"
            f"决定予以受理,自受理之日起{self._days}内办结。"
        )
        return self._act(CustodyAccepted, township, sentence)

    def _decision(self, township: OfficeId, *, granted: bool) -> Act:
        basis = ";".join(self._item.basis)
        number = f"苍政务〔2026〕{self._township.next_serial()}号"
        if granted:
            reason = f"经审查,申请符合{self._item.basis[0]}规定的条件,准予办理{self._item.name}。"
            return self._act(CaseDecided, township, Outcome.GRANTED, reason, basis, "", number)
        remedy = "如不服本决定,可自收到之日起六十日内申请行政复议,或者六个月内向人民法院提起行政诉讼。"
        reason = self._pen.free_text(15, 40)
        return self._act(CaseDecided, township, Outcome.REFUSED, reason, basis, remedy, number)
