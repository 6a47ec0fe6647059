"""What the people do: file, offer, accept, request, bring, decide, hand over; and now and then what people do besides.

Every act is checked by the product's own lifecycle inside the product's own transaction, on what that device knows at
that moment. Officers act on what their screen shows, which may be weeks old: that is the point.
Never looks at another device's state, and never repairs anything. Next: `faults` for everything else that happens.
"""

from collections.abc import Callable, Coroutine
from datetime import date
from typing import Any, Final

from schemas.casework.casefile import CaseFile
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
    CustodyReassigned,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RecallRequested,
    RemarkAdded,
    ResultHandedOver,
    encode_event,
)
from schemas.casework.lifecycle import CONTRIBUTIONS, TRANSITIONS, Actor, NotPermitted, Stage, permits_event
from schemas.casework.values import Applicant, Handover, Material, MaterialStatus, Outcome
from schemas.casework.visibility import readers
from schemas.catalogue import CaseType, Decider, Delegation, LegalTerm, ServiceItem, TermSource, TermStart, TermUnit
from schemas.catalogue import Materials as ItemMaterials
from schemas.divisions import Tier
from schemas.names import OPERATION_BYTES, CaseId, OfficeId, OfficerId, TrackingNumber, parent_seat, within
from schemas.register import (
    Answer,
    EnquiryRecorded,
    OfficePublished,
    OpeningPublished,
    Published,
    encode_record,
)
from sync.core.journal import Draft
from tests.simulation.devices import COUNTY, OFFICES, TOWNSHIP_A, TOWNSHIP_B, Device, DiskFull, PowerCut
from tests.simulation.papers import Photograph, no_photographs
from tests.simulation.world import World

ITEM: Final = ServiceItem(
    "RS01",
    "城乡居民基本养老保险参保登记",
    "Enrolment in the residents' pension scheme",
    "人力资源和社会保障局",
    CaseType.PROMISED,
    "20",
    ("社会保险法第20条",),
    LegalTerm(20, TermUnit.WORKING_DAYS, TermStart.ACCEPTED),
    5,
    TermSource.SAMPLE,
    ItemMaterials(("居民身份证",), ("社会保障卡",)),
    0,
    (Tier.VILLAGE, Tier.TOWNSHIP, Tier.COUNTY),
    (Decider(Tier.TOWNSHIP, "乡镇"), Decider(Tier.COUNTY, "县")),
    Delegation.YES,
)
"""Everybody may take it in, township or county may decide: the simulator tests lines, not catalogues."""

APPLICANT: Final = Applicant("王秀英", "111", "510824194910010024", "13800000000")
MATERIALS: Final = tuple(Material(name, MaterialStatus.PROVIDED) for name in ("居民身份证", "社会保障卡"))

WEIGHTS: Final[dict[str, int]] = {
    "custody.offered": 8,
    "custody.accepted": 9,
    "custody.declined": 1,
    "papers.requested": 2,
    "papers.received": 3,
    "case.decided": 5,
    "result.handed_over": 8,
    "case.closed": 4,
    "case.withdrawn": 1,
    "papers.brought": 2,
    "recall.requested": 1,
    "remark.added": 1,
    "custody.reassigned": 0,
}
"""How often officers choose each act among those that are open to them. Reassignment is the county's last resort."""


def _is_possible(stage: Stage, kind: str) -> bool:
    transition = TRANSITIONS.get((stage, kind))
    return stage in CONTRIBUTIONS.get(kind, ()) or (transition is not None and transition.by is not Actor.COUNTY)


OPEN: Final = {stage: tuple(kind for kind in WEIGHTS if _is_possible(stage, kind)) for stage in Stage}
"""Stage → what may be done in it by whoever may, in the order of `WEIGHTS`."""

_SECRET: Final = b"s" * 32


class Workload:
    """The officers of one county and what they remember of having done."""

    def __init__(
        self,
        world: World,
        *,
        reassigns: float = 0.0,
        publishes: float = 0.0,
        photograph: Photograph = no_photographs,
    ) -> None:
        self.world = world
        self.photograph = photograph
        self.reassigns = reassigns
        self.publishes = publishes
        self.delivered: dict[CaseId, tuple[Outcome, bytes]] = {}
        """Case → (what the resident was handed, hash of the handing over)."""
        self.filed: list[CaseId] = []
        self.reassigned: set[CaseId] = set()
        self.touched: set[CaseId] = set()
        """Cases acted upon since somebody last looked."""

    # --- one officer, one act ----------------------------------------------------------------------------------------

    def act(self, device: Device) -> bool:
        """Some officer at this device does something. False when nothing was open to them."""
        chance = self.world.chance
        if self.publishes and chance.random() < self.publishes:
            return self.publish(device)
        files = device.disk.cases.files
        if not files or (device.office != COUNTY and chance.random() < 0.08):
            return self.file(device)
        cases = list(files.values())
        waiting = [case for case in cases if device.office in (case.custodian, case.offeree)]
        for _ in range(4):
            case = chance.choice(waiting if waiting and chance.random() < 0.85 else cases)
            event = self._choose(device, case)
            if isinstance(event, Contribution) and chance.random() < 0.6:
                continue
            if event is not None:
                return self.perform(device, case.case, event) is not None
        return False

    def file(self, device: Device) -> bool:
        """A resident comes to the counter."""
        world = self.world
        case = CaseId(world.chance.randbytes(16))
        office = device.office
        event = CaseFiled(
            1,
            None,
            self._operation(),
            office,
            _officer(office),
            ITEM.code,
            "2026.11-sample",
            TrackingNumber(f"{office}-AB00017"),
            _SECRET,
            APPLICANT,
            MATERIALS,
            papers=self.photograph(device),
        )
        done = self.perform(device, case, event) is not None
        if done:
            self.filed.append(case)
        return done

    def perform(self, device: Device, case: CaseId, event: CaseEvent, *, extra: bytes = b"") -> bytes | None:
        """Write an event as the desk does: checked inside the transaction. Returns its hash, None when refused.

        `extra`: trailing MessagePack fields of a newer version's body.
        """
        world = self.world
        interpreter = device.interpreter
        assert interpreter is not None

        async def drafting() -> list[Draft]:
            state = await interpreter.find_case(case)
            permits_event(state, event, ITEM)
            if isinstance(event, Act) and state is not None and self.is_quarantined(device, state):
                world.counts["act held back by quarantine"] += 1
                raise NotPermitted("stage_forbids")
            if isinstance(event, CustodyReassigned):
                self.reassigned.add(case)  # now: a power cut may come between the commit and its answer
            body = encode_event(event)
            return [Draft(event.kind, case, _longer(body, extra) if extra else body)]

        try:
            digest = self._write(device, drafting)
        except NotPermitted as refusal:
            world.counts["refused at the pen"] += 1
            world.tell("may not", device.name, event.kind, refusal.code)
            return None
        if digest is None:
            return None
        world.counts[event.kind] += 1
        self.touched.add(case)
        self._remember(device, case, event, digest)
        return digest

    def publish(self, device: Device) -> bool:
        """An office says something that is about no case: of itself, or of an office below it."""
        chance, office = self.world.chance, device.office
        about = chance.choice([other for other in OFFICES.values() if within(other, office)])
        first = date(2026, 1, chance.randint(1, 3))
        head = (self._operation(), office, _officer(office))
        event: Published
        if office == COUNTY and chance.random() < 0.5:
            event = OfficePublished(*head, about, chance.choice(("一", "二", "三")), valid_from=first)
        elif chance.random() < 0.3:
            event = EnquiryRecorded(*head, ITEM.code, Answer.ANSWERED)
        else:
            event = OpeningPublished(*head, about, first, ())

        async def drafting() -> list[Draft]:
            return [Draft(event.kind, None, encode_record(event))]

        done = self._write(device, drafting) is not None
        self.world.counts["published"] += done
        return done

    def _write(self, device: Device, drafting: Callable[[], Coroutine[Any, Any, list[Draft]]]) -> bytes | None:
        """Write with a device's pen. Returns the entry's hash, None when the machine could not."""
        world = self.world
        assert device.ledger is not None
        try:
            return world.run(device.ledger.record(drafting))[0].hash
        except DiskFull:
            world.counts["disk full"] += 1
        except PowerCut:
            world.power_cut(device)
        return None

    def _remember(self, device: Device, case: CaseId, event: CaseEvent, digest: bytes) -> None:
        if isinstance(event, ResultHandedOver):
            decision = device.disk.cases.files[case].decision
            if decision is not None:
                self.delivered[case] = (decision.outcome, digest)

    def is_quarantined(self, device: Device, case: CaseFile) -> bool:
        """RULINGS B5: custody acts wait for cases that a neighbour ever held from whom we have not caught up."""
        books = device.books
        for link in books.links.values():
            if link.quarantined and any(books.hop(holder) == link.neighbour for holder in case.holders):
                return True
        return False

    # --- choosing ----------------------------------------------------------------------------------------------------

    def _choose(self, device: Device, case: CaseFile) -> CaseEvent | None:
        office, chance = device.office, self.world.chance
        if case.filing is None:
            return None
        kinds = [kind for kind in OPEN[case.stage] if self._is_open(case, kind, office)]
        weights = [WEIGHTS[kind] for kind in kinds]
        if office == COUNTY and self.reassigns and chance.random() < self.reassigns:
            if (case.stage, "custody.reassigned") in TRANSITIONS:
                return self._make(device, case, "custody.reassigned")
            return None
        if not sum(weights):
            return None
        return self._make(device, case, chance.choices(kinds, weights)[0])

    def _is_open(self, case: CaseFile, kind: str, office: OfficeId) -> bool:
        if kind in CONTRIBUTIONS:
            if kind == "recall.requested" and office != case.offerer:
                return False
            return office in readers(case)
        if kind == "papers.received" and not case.brought:
            return False
        by_custodian = TRANSITIONS[case.stage, kind].by is Actor.CUSTODIAN
        return office == (case.custodian if by_custodian else case.offeree)

    def _operation(self) -> bytes:
        return self.world.chance.randbytes(OPERATION_BYTES)

    def _make(self, device: Device, case: CaseFile, kind: str) -> CaseEvent | None:
        office = device.office
        if kind == "papers.brought":
            return self._brought(device, case)
        if kind in CONTRIBUTIONS:
            return self._contribution(case, kind, office)
        head = (case.turn + 1, case.tip, self._operation(), office, _officer(office))
        make = _MAKERS.get(kind)
        if make is not None:
            return make(self, head, case)
        to = self.destination(office, case) if kind == "custody.offered" else self._any_office(case)
        if to is None:
            return None
        if kind == "custody.offered":
            return CustodyOffered(*head, to)
        return CustodyReassigned(*head, to, "该单位长期无音讯", _officer(COUNTY))

    def remark(self, device: Device, case: CaseFile, *, extra: bytes = b"") -> None:
        """Somebody adds a remark."""
        self.perform(device, case.case, self._contribution(case, "remark.added", device.office), extra=extra)

    def _contribution(self, case: CaseFile, kind: str, office: OfficeId) -> CaseEvent:
        head = (max(case.turn, 1), self._operation(), office, _officer(office))
        if kind == "recall.requested":
            return RecallRequested(*head, "居民改变主意")
        return RemarkAdded(*head, "已电话联系")

    def _brought(self, device: Device, case: CaseFile) -> CaseEvent:
        head = (max(case.turn, 1), self._operation(), device.office, _officer(device.office))
        return PapersBrought(*head, ("社会保障卡",), papers=self.photograph(device))

    def destination(self, office: OfficeId, case: CaseFile) -> OfficeId | None:
        """To whom the custodian offers: mostly one office up, home with a result, sometimes across the county."""
        chance = self.world.chance
        assert case.filing is not None
        home = case.filing.office
        if case.stage in (Stage.DECIDED, Stage.READY) and office != home:
            return home
        if case.stage is Stage.DECIDED:
            return None
        if len(office) == 12:
            return parent_seat(office) if chance.random() < 0.85 else chance.choice((COUNTY, TOWNSHIP_A, TOWNSHIP_B))
        options = [to for to in (COUNTY, TOWNSHIP_A, TOWNSHIP_B, home) if to != office]
        return chance.choice(options) if options else None

    def _any_office(self, case: CaseFile) -> OfficeId | None:
        options = [to for to in (COUNTY, TOWNSHIP_A, TOWNSHIP_B) if to != case.custodian]
        return self.world.chance.choice(options)


def _officer(office: OfficeId) -> OfficerId:
    return OfficerId(f"{office}/zhang")


Head = tuple[int, bytes, bytes, OfficeId, OfficerId]


def _decided(work: Workload, head: Head, case: CaseFile) -> CaseEvent:
    if work.world.chance.random() < 0.7:
        return CaseDecided(*head, Outcome.GRANTED, "符合条件", "社会保险法第20条")
    return CaseDecided(*head, Outcome.REFUSED, "不符合条件", "社会保险法第20条", "可在六十日内申请行政复议")


_MAKERS: Final[dict[str, Callable[[Workload, Head, CaseFile], CaseEvent]]] = {
    "custody.accepted": lambda work, head, case: CustodyAccepted(*head),
    "custody.declined": lambda work, head, case: CustodyDeclined(*head, "不属于本单位受理范围"),
    "papers.requested": lambda work, head, case: PapersRequested(*head, ("社会保障卡",), "缺社会保障卡", "复查时发现"),
    "papers.received": lambda work, head, case: PapersReceived(
        *head, ("社会保障卡",), tuple(note.hash for note in case.brought)
    ),
    "case.decided": _decided,
    "result.handed_over": lambda work, head, case: ResultHandedOver(*head, "王秀英", Handover.COUNTER),
    "case.closed": lambda work, head, case: CaseClosed(*head),
    "case.withdrawn": lambda work, head, case: CaseWithdrawn(*head, "居民撤回"),
}


def _longer(body: bytes, extra: bytes) -> bytes:
    """A MessagePack array of fewer than 16 fields with more fields at its end, as a newer version writes it."""
    count = body[0] & 0x0F
    added = 1
    if body[0] >> 4 != 0x9 or count + added > 15:
        return body
    return bytes([0x90 | (count + added)]) + body[1:] + extra
