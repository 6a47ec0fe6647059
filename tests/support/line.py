"""Two real nodes for transport tests: a township above, a village below, over stores in memory and real Ed25519 keys.

Nothing here knows a case: the tiny office folds nothing and sends entries of one kind down. The pen is the ledger
behind one lock, which is what a writer is to a conversation.
"""

import asyncio
from collections.abc import Callable, Sequence
from hashlib import sha256
from random import Random
from typing import TypeVar

from schemas.codec import encode
from schemas.names import CaseId, Instant, JournalId, NodeId, OfficeId
from schemas.wire import KIND_ENROLLED, KIND_REVOKED, Certificate, Enrolled, Enrolment, Page, Revoked, Size
from sync.books import Books, Seat
from sync.core.errors import Fault
from sync.core.journal import Draft
from sync.enrolment import Root, certify
from sync.exchange import LineDown, Responder
from sync.keys import SIGNER_ENTROPY_BYTES, Ed25519Key, Ed25519Signer, verify_ed25519
from sync.ledger import Admission, Ledger
from sync.memory import MemoryStore, Tables
from sync.ports import Interpretation, Outcome, Stored
from tests.support.network import EmptyOffice, SeededSalts

T = TypeVar("T")

COUNTY = OfficeId("510824")
TOWNSHIP = OfficeId("510824100")
VILLAGE = OfficeId("510824100201")
OTHER_VILLAGE = OfficeId("510824100202")

UP = "note.sent_up"
DOWN = "note.sent_down"
CASE = CaseId(bytes(range(16)))


class SetClock:
    """A clock that says what it is told."""

    def __init__(self, now: int = 1_772_769_600_000) -> None:
        self.time = Instant(now)

    def now(self) -> Instant:
        """See `Clock.now`."""
        return self.time


class TinyOffice(EmptyOffice):
    """An interpreter that folds nothing: `note.sent_down` goes to the village, every other kind up only."""

    async def interpret(self, entries: Sequence[Stored]) -> Interpretation:
        """See `Interpreter.interpret`."""
        return Interpretation([self._outcome(entry) for entry in entries])

    def _outcome(self, entry: Stored) -> Outcome:
        if entry.kind not in (UP, DOWN):
            return Outcome("unknown", "unknown_kind")
        return Outcome(audience=frozenset({VILLAGE}) if entry.kind == DOWN else frozenset())


class OnePen:
    """A ledger behind one lock: the `Pen` of `sync.exchange`."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self._lock = asyncio.Lock()

    @property
    def books(self) -> Books:
        """See `Pen.books`."""
        return self.ledger.books

    async def admit(self, page: Page) -> Admission:
        """See `Pen.admit`."""
        async with self._lock:
            return await self.ledger.admit(page)

    async def page_for(self, neighbour: NodeId, *, receipts_due: bool = True) -> Page:
        """See `Pen.page_for`."""
        async with self._lock:
            return await self.ledger.page_for(neighbour, receipts_due=receipts_due)

    async def meet(self, chain: Sequence[Certificate]) -> None:
        """See `Pen.meet`."""
        async with self._lock:
            await self.ledger.meet(chain)

    async def look(self, reading: Callable[[], T]) -> T:
        """See `Pen.look`."""
        async with self._lock:
            return reading()

    async def write(self, *drafts: Draft) -> list[Stored]:
        """Record entries with the node's own pen."""

        async def drafting() -> list[Draft]:
            return list(drafts)

        async with self._lock:
            return await self.ledger.record(drafting)


class Party:
    """One node: keys, store, ledger, pen."""

    def __init__(self, name: str, office: OfficeId, county: "County", above: "Party | None") -> None:
        self.name = name
        self.clock = SetClock()
        self.signer = Ed25519Signer.create(SeededSalts(Random(name)).draw(SIGNER_ENTROPY_BYTES))
        keys = self.signer.public_keys
        issuer = above.signer.node if above else None
        enrolment = Enrolment(
            "cangxi", self.signer.node, office, keys.log, keys.cosigner, issuer, Instant(self.clock.now())
        )
        self.certificate = certify(above.signer, enrolment) if above else county.certify(enrolment)
        self.chain: list[Certificate] = [*(above.chain if above else []), self.certificate]
        self.county = county
        self.tables = Tables()
        self.starts = 0

    @property
    def node(self) -> NodeId:
        """The device's name."""
        return self.signer.node

    async def start(self, *, store: MemoryStore | None = None) -> OnePen:
        """A new start of the node's process over what it holds: a new epoch."""
        self.starts += 1
        self.store = store or MemoryStore(self.tables)
        seat = Seat(self.signer, self.chain, self.county.root, verify_ed25519, "test")
        salts = SeededSalts(Random(f"{self.name} {self.starts}"))
        self.ledger = Ledger(Books(seat, self.store, TinyOffice(), self.clock, salts))
        await self.ledger.open_epoch()
        self.pen = OnePen(self.ledger)
        return self.pen

    def held(self) -> dict[tuple[JournalId, int], bytes]:
        """Every entry that is held: identity → hash."""
        return {(entry.journal, entry.seq): entry.hash for entry in self.tables.arrivals}

    def fingerprint(self) -> bytes:
        """Changes when anything durable changes but the time of last contact."""
        held = self.tables
        parts: list[object] = [
            sorted((str(journal), state.size, state.tip) for journal, state in held.journals.items()),
            sorted(repr(entry) for entry in held.arrivals),
            sorted(repr(row) for row in (*held.dispositions.values(), *held.receipts.values())),
            sorted((inlet.neighbour, inlet.lane, str(inlet.epoch), inlet.number) for inlet in held.inlets.values()),
            sorted((node, lane, str(epoch), len(rows)) for (node, lane, epoch), rows in held.outbox.items()),
        ]
        return sha256(repr(parts).encode()).digest()

    async def enrol(self, child: "Party") -> None:
        """Write the child's certificate into our journal."""
        await self.pen.write(Draft(KIND_ENROLLED, None, encode(Enrolled(child.certificate))))

    async def revoke(self, child: NodeId, positions: list[Size]) -> None:
        """Write a revocation into our journal."""
        await self.pen.write(Draft(KIND_REVOKED, None, encode(Revoked(child, positions, "stolen"))))


class County:
    """The county's offline root key."""

    def __init__(self, seed: str = "root") -> None:
        self._key = Ed25519Key(SeededSalts(Random(seed)).draw(32))
        self.root = Root("cangxi", self._key.public_key)

    def certify(self, enrolment: Enrolment) -> Certificate:
        """The root's signature under the county's own device."""
        return certify(_RootSigner(self._key), enrolment)


class _RootSigner(Ed25519Signer):
    """The root key where a signer is asked for."""

    def __init__(self, key: Ed25519Key) -> None:
        super().__init__(key, key)


async def township_and_village() -> tuple[Party, Party]:
    """A township and a village that are enrolled and started; nothing has been sent yet."""
    county = County()
    hub = Party("county", COUNTY, county, None)
    township = Party("township", TOWNSHIP, county, hub)
    village = Party("village", VILLAGE, county, township)
    await township.start()
    await village.start()
    await township.enrol(village)
    return township, village


def note(number: int, *, kind: str = UP, size: int = 60) -> Draft:
    """An entry of work: «note 17 …»."""
    return Draft(kind, CASE, f"note {number} ".encode().ljust(size, b"."))


class DirectLine:
    """A transport without a network: the parent's responder is called at once. Can be cut, and can lose answers."""

    def __init__(self, child: Party, parent: Party) -> None:
        self.down = False
        self.lose_answers = 0
        self.refuse_with: Fault | None = None
        self.frames: list[bytes] = []
        self.under_way = 0
        self.under_way_max = 0
        self.hung_up = 0
        self._child = child.node
        self._parent = parent
        self.responder = Responder(parent.pen)

    async def connect(self) -> NodeId:
        """See `Transport.connect`."""
        if self.down:
            raise LineDown("line_down", "the line is cut")
        return self._parent.node

    async def exchange(self, frame: bytes) -> bytes:
        """See `Transport.exchange`."""
        self.frames.append(frame)
        self.under_way += 1
        self.under_way_max = max(self.under_way_max, self.under_way)
        try:
            await asyncio.sleep(0)
            if self.down:
                raise LineDown("line_down", "the line is cut")
            if self.refuse_with is not None:
                raise self.refuse_with
            answer = await self.responder.respond(self._child, frame)
            if self.lose_answers:
                self.lose_answers -= 1
                raise LineDown("line_down", "the answer was lost")
            return answer
        finally:
            self.under_way -= 1

    def hang_up(self) -> None:
        """See `Transport.hang_up`."""
        self.hung_up += 1

    def break_off(self) -> None:
        """See `Transport.break_off`."""
        self.hung_up += 1


class VirtualTime:
    """Waiting without waiting: time moves only when told."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def elapsed_s(self) -> float:
        """See `Sleeper.elapsed_s`."""
        return self.now_s

    async def sleep(self, delay_s: float) -> None:
        """See `Sleeper.sleep`."""
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now_s + delay_s, alarm))
        await alarm

    async def settle(self) -> None:
        """Let every task run until it waits for something."""
        for _ in range(200):
            await asyncio.sleep(0)

    async def pass_by(self, seconds: float) -> None:
        """Let so much time pass, waking sleepers in their order."""
        end_s = self.now_s + seconds
        await self.settle()
        while due := [sleeper for sleeper in self._sleepers if sleeper[0] <= end_s]:
            first = min(due, key=lambda sleeper: sleeper[0])
            self._sleepers.remove(first)
            self.now_s = max(self.now_s, first[0])
            if not first[1].done():
                first[1].set_result(None)
                await self.settle()
        self.now_s = end_s


class SeededJitter:
    """Waiting times from a seed; `ceilings` records what was asked for."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.ceilings_s: list[float] = []

    def between(self, low_s: float, high_s: float) -> float:
        """See `Jitter.between`."""
        self.ceilings_s.append(high_s)
        return self._random.uniform(low_s, high_s)
