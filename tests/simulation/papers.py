"""Papers in the simulated county: small ones with cases, carried in pieces by the product's own conversation.

What runs here is the product: `PaperSide`, `PaperLink`, `office.paper_policy`. What is made here: photographs of some
hundred bytes, lines that lose, repeat, delay and garble messages, and people who ask for an original. It has a chance
of its own, so that a county without papers tells the story that it told before there were any.
Never judges (`paper_judges`). Next: `sync.papers`, `schedule` (when).
"""

import heapq
import random
from collections.abc import Callable, Collection, Sequence

import msgspec
from msgspec import Struct

from office.paper_policy import files_of, may_have, needs_of, origins, size_in, sources
from schemas.casework.casefile import CaseFile
from schemas.casework.visibility import readers
from schemas.codec import encode
from schemas.names import NodeId, seat_of, within
from schemas.papers import PaperPage, PaperRef, PaperWant
from sync.core.errors import Fault
from sync.core.papers import RANK_ASKED, PaperLink, Wanted
from sync.papers import PaperSide, read_message
from sync.stick_papers import IncomingPapers, OutgoingPapers
from tests.simulation.devices import COUNTY, DAY, MINUTE, Device
from tests.simulation.world import World

SIZE_MAX = 300
THUMBNAIL_SIZE_MAX = 40
PIECE_BYTES = 64
PIECE_BYTES_LEAST = 16

PASSES_TO_REST_MAX = 40
EXCHANGES_MAX = 400
GARBLED = 0.25
"""Of the messages on a line that loses some: memory goes bad, or somebody has changed the neighbour's copy."""
TALKS = 0.35
ASKS = 0.03
LOST_AFTER_MS = 10 * MINUTE
LOST_WHOLE = 0.5
"""Of the messages upward that are lost; of the others their beginning comes."""


class Message(Struct):
    """Bytes about papers on a line."""

    child: Device
    parent: Device
    data: bytes
    starts: tuple[int, int]
    number: int
    """Of the exchange: an answer that comes too late reaches nobody."""
    is_answer: bool
    size: int
    """Bytes of the whole message; of one that broke off on its way `data` is less."""


def may_read(case: CaseFile, device: Device) -> bool:
    """Whether a device's office, or one below it, reads a case."""
    return any(within(seat_of(reader), device.office) for reader in readers(case))


class SimulatedPolicy:
    """`sync.ports.PaperPolicy` of one device, from its case files and what people asked for."""

    def __init__(self, device: Device, watch: Callable[[Device, Collection[bytes]], None]) -> None:
        """`watch`: told of everything that the device asks for."""
        self._device = device
        self._watch = watch
        self._not_at: dict[bytes, set[NodeId]] = {}

    @property
    def _cases(self) -> list[CaseFile]:
        return [case for case in self._device.disk.cases.files.values() if case.papers]

    async def knows_any(self) -> bool:
        """See `PaperPolicy.knows_any`."""
        return bool(self._cases)

    def has_room(self) -> bool:
        """See `PaperPolicy.has_room`."""
        return not self._device.disk.full

    async def offers(self, neighbour: NodeId) -> Sequence[bytes]:
        """See `PaperPolicy.offers`."""
        return ()

    async def wanted(self, neighbour: NodeId) -> list[Wanted]:
        """See `PaperPolicy.wanted`."""
        device, books = self._device, self._device.books
        found: dict[bytes, Wanted] = {}
        for case in self._cases:
            needs = {need.digest: (need.rank, need.size, need.origin) for need in needs_of(case, device.office)}
            for paper, origin in origins(case):
                asked = {digest: size for digest, size in files_of(paper) if digest in device.asked_papers}
                if not may_have(case, device.office):
                    continue  # Nobody here may open it any more.
                needs |= {digest: (RANK_ASKED, size, origin) for digest, size in asked.items()}
            for digest, (rank, size, origin) in needs.items():
                if digest in device.shelf.whole or device.asked_papers.get(digest) == neighbour:
                    continue
                if neighbour in sources(books, origin, self._not_at.get(digest, ())):
                    found[digest] = min(Wanted(rank, size, digest), found.get(digest, Wanted(9, size, digest)))
        self._watch(device, found.keys())
        return list(found.values())

    async def size_for(self, neighbour: NodeId, digest: bytes) -> int | None:
        """See `PaperPolicy.size_for`."""
        seat = self._device.books.seat_of_node(neighbour)
        for case in self._cases:
            size = size_in(case, digest)
            if size is not None and seat is not None and may_have(case, seat):
                return size
        return None

    async def came(self, digest: bytes) -> None:
        """See `PaperPolicy.came`."""
        self._not_at.pop(digest, None)
        self._device.world.counts["paper came whole"] += 1

    async def spoiled(self, neighbour: NodeId, digest: bytes, *, set_aside: bool) -> None:
        """See `PaperPolicy.spoiled`."""
        self._device.world.counts["paper set aside" if set_aside else "paper came wrong"] += 1

    def retried(self) -> list[bytes]:
        """See `PaperPolicy.retried`: nobody asks."""
        return []

    async def missed(self, neighbour: NodeId, digest: bytes, size: int) -> None:
        """See `PaperPolicy.missed`."""
        self._device.asked_papers.setdefault(digest, neighbour)

    async def heard(
        self,
        neighbour: NodeId,
        wants: Sequence[PaperWant],
        whole: Sequence[bytes],
        absent: Sequence[bytes],
        *,
        is_all: bool,
    ) -> None:
        """See `PaperPolicy.heard`."""
        for digest in absent:
            self._not_at.setdefault(digest, set()).add(neighbour)
        stated = self._device.stated_papers.setdefault(neighbour, {})
        if is_all:
            stated.clear()
        stated |= {want.digest: want.size for want in wants}

    async def for_stick(self, neighbour: NodeId) -> list[Wanted]:
        """See `sync.stick_papers.StickPolicy`: of a village all it has, for nobody tells it what is above already."""
        device = self._device
        named = dict(device.stated_papers.get(neighbour, {}))
        if neighbour == device.books.parent and len(device.office) == 12:
            for paper in (paper for case in self._cases for paper in case.papers):
                named[paper.digest] = paper.size
        found = [
            Wanted(RANK_ASKED, size, digest)
            for digest, size in named.items()
            if digest in device.shelf.whole and await self.size_for(neighbour, digest) == size
        ]
        return sorted(found)


class PaperTraffic:
    """Everything about papers that happens between the devices of one world."""

    def __init__(self, world: World, *, rate: float) -> None:
        """`rate`: how often who files or brings something has a photograph of it; 0: nobody ever has."""
        self.world = world
        self.rate = rate
        self.chance = random.Random(f"papers {world.seed}")
        self.made: dict[bytes, bytes] = {}
        """Every paper that was ever made: what a shelf must hold under its name."""
        self.asked: set[bytes] = set()
        """Papers that people asked for, somewhere."""
        self.at_county: set[bytes] = set()
        """Papers that were taken in at the county's own counter."""
        self.rightful: dict[str, set[bytes]] = {}
        """Device → papers that were made there, or that it asked for when it had a right to them."""
        self.meddled: set[tuple[str, bytes]] = set()
        """(device, paper) that it asked for without one."""
        self._lines: list[tuple[int, int, Message]] = []
        self._sent = 0
        self._put = 0
        """What was put on the line, copies counted: of two that arrive together the first put comes first."""
        self._waiting: dict[str, tuple[int, int]] = {}
        """Child → (its exchange that is not answered, until when it waits)."""
        if rate:
            world.papers_on_sticks = (self.source, self.taker)

    # --- rights ------------------------------------------------------------------------------------------------------

    def has_right(self, device: Device, digest: bytes) -> bool:
        """Whether a device may have a paper, by its own cases: its office reads one that names it; at the county one
        that it holds or held, unless somebody asked, there or at an office to which the paper goes by way of it.
        """
        files = device.disk.cases.files.values()
        mine = [c for c in files if any(digest in (paper.digest, paper.thumbnail) for paper in c.papers)]
        if device.office == COUNTY and digest not in self.asked | self.at_county | device.asked_papers.keys():
            mine = [case for case in mine if COUNTY in map(seat_of, case.holders)]
        return any(may_read(case, device) for case in mine)

    def _watch(self, device: Device, digests: Collection[bytes]) -> None:
        for digest in digests:
            if self.has_right(device, digest):
                self.rightful.setdefault(device.name, set()).add(digest)
            else:
                self.meddled.add((device.name, digest))

    # --- people ------------------------------------------------------------------------------------------------------

    def photograph(self, device: Device) -> tuple[PaperRef, ...]:
        """What somebody at this device has of a matter, now and then."""
        if not self.rate or self.chance.random() >= self.rate:
            return ()
        papers: list[PaperRef] = []
        for _ in range(self.chance.choice((1, 1, 2))):
            content = self.chance.randbytes(self.chance.randrange(1, SIZE_MAX))
            small = self.chance.randbytes(self.chance.randrange(1, THUMBNAIL_SIZE_MAX))
            digest, thumbnail = device.shelf.keep(content), device.shelf.keep(small)
            self.made |= {digest: content, thumbnail: small}
            self.rightful.setdefault(device.name, set()).update((digest, thumbnail))
            if device.office == COUNTY:
                self.at_county |= {digest, thumbnail}
            papers.append(PaperRef(digest, len(content), "image/jpeg", "", thumbnail, len(small)))
        self.world.counts["paper taken in"] += len(papers)
        return tuple(papers)

    def _ask(self) -> None:
        """Somebody at an office wants to see an original."""
        device = self.chance.choice(self.world.survivors())
        named = [paper for case in device.disk.cases.files.values() for paper in case.papers]
        if not device.up or not named:
            return
        digest = self.chance.choice(named).digest
        if digest not in device.shelf.whole:
            device.asked_papers[digest] = None
            self.asked.add(digest)
            self.world.counts["paper asked for"] += 1

    # --- sticks ------------------------------------------------------------------------------------------------------

    async def source(self, device: Device, neighbour: Device) -> OutgoingPapers:
        """What a stick carries of papers."""
        assert device.ledger is not None
        papers = OutgoingPapers(device.ledger, neighbour.node, device.shelf, {}, PIECE_BYTES)
        await papers.plan(SimulatedPolicy(device, self._watch), [])
        return papers

    def taker(self, device: Device, sender: NodeId) -> IncomingPapers:
        """Who takes in what a stick brings of papers."""
        assert device.ledger is not None
        return IncomingPapers(device.ledger, sender, device.shelf, SimulatedPolicy(device, self._watch), device)

    # --- lines -------------------------------------------------------------------------------------------------------

    def step(self) -> None:
        """What is due arrives; now and then somebody talks, or asks for a paper."""
        if not self.rate:
            return
        self._deliver_due()
        if self.chance.random() < ASKS:
            self._ask()
        if self.chance.random() < TALKS:
            self._talk(self.chance.choice(self.world.children()))
            self._deliver_due()

    def _talk(self, child: Device) -> None:
        """The child says something about papers, if it is not waiting for an answer."""
        world = self.world
        parent = world.above(child)
        if parent is None or not child.up or not world.in_session(child) or child.name in world.weather.cut:
            return
        _, until = self._waiting.get(child.name, (0, 0))
        if until > world.now:
            return
        if until:
            self._side(child, parent).link.fail()
        self._say(child, parent, self._sent + 1, is_answer=False)
        self._waiting[child.name] = (self._sent, world.now + LOST_AFTER_MS)

    def _side(self, device: Device, neighbour: Device) -> PaperSide:
        side = device.paper_sides.get(neighbour.node)
        if side is None:
            assert device.ledger is not None
            link = PaperLink(piece_bytes=PIECE_BYTES, least=PIECE_BYTES_LEAST)
            policy = SimulatedPolicy(device, self._watch)
            side = PaperSide(device.ledger, neighbour.node, device.shelf, policy, device, link)
            device.paper_sides[neighbour.node] = side
        return side

    def _say(self, child: Device, parent: Device, number: int, *, is_answer: bool) -> None:
        speaker, hearer = (parent, child) if is_answer else (child, parent)
        page = self.world.run(self._side(speaker, hearer).say())
        self.world.counts["paper pieces"] += len(page.pieces)
        data = encode(page)
        self._send(Message(child, parent, data, (child.starts, parent.starts), number, is_answer, len(data)))

    def _send(self, message: Message) -> None:
        weather, chance, world = self.world.weather, self.chance, self.world
        self._sent += 1
        for _ in range(2 if weather.duplicates and chance.random() < weather.duplicates else 1):
            copy = message
            if weather.loss and chance.random() < weather.loss:
                world.counts["paper message lost"] += 1
                if message.is_answer or chance.random() < LOST_WHOLE:
                    continue
                came = chance.randrange(message.size // 2, message.size)
                copy = msgspec.structs.replace(message, data=message.data[:came])
            elif weather.loss and chance.random() < GARBLED:
                copy = msgspec.structs.replace(message, data=self._garbled(message.data))
            delay = chance.randrange(1, weather.delay_ms + 1)
            if weather.reorder and chance.random() < weather.reorder:
                delay *= 100
            self._put += 1
            heapq.heappush(self._lines, (world.now + delay, self._put, copy))

    def _garbled(self, data: bytes) -> bytes:
        page = msgspec.msgpack.decode(data, type=PaperPage)
        if not page.pieces:
            return data
        piece = page.pieces[0]
        content = bytes([piece.content[0] ^ 1]) + piece.content[1:]
        self.world.counts["paper garbled"] += 1
        return encode(msgspec.structs.replace(page, pieces=[msgspec.structs.replace(piece, content=content)]))

    def _deliver_due(self, *, all_of_it: bool = False) -> None:
        while self._lines and (all_of_it or self._lines[0][0] <= self.world.now):
            self._deliver(heapq.heappop(self._lines)[2])

    def _deliver(self, message: Message) -> None:
        child, parent = message.child, message.parent
        if not child.up or not parent.up or child.wrecked or parent.wrecked:
            return
        if child.name in self.world.weather.cut or (child.starts, parent.starts) != message.starts:
            return
        hearer, speaker = (child, parent) if message.is_answer else (parent, child)
        if message.is_answer and self._waiting.get(child.name, (0, 0))[0] != message.number:
            return
        side = self._side(hearer, speaker)
        is_whole = len(message.data) == message.size
        try:
            if is_whole:
                self.world.run(side.hear(read_message(message.data)))
            else:
                brought = self.world.run(side.hear_beginning(message.data, message.size))
                self.world.counts["paper piece kept in part"] += bool(brought)
        except Fault as fault:
            self.world.counts["paper message refused " + fault.code] += 1
            return
        if message.is_answer:
            del self._waiting[child.name]
        elif is_whole:
            self._say(child, parent, message.number, is_answer=True)

    # --- afterwards --------------------------------------------------------------------------------------------------

    def rest(self) -> bool:
        """Carry everything, until nothing moves any more. False when it never ends."""
        if not self.rate:
            return True
        self._deliver_due(all_of_it=True)
        self._waiting.clear()
        self.world.advance(DAY)
        for _ in range(PASSES_TO_REST_MAX):
            before = self._held()
            for child in self.world.children():
                self._carry(child)
            if self._held() != before:
                continue
            # Nobody asks a device again that another one has replaced.
            lines = [(child, above) for child in self.world.children() if (above := self.world.above(child))]
            ends = [(child.paper_sides.get(above.node), above.paper_sides.get(child.node)) for child, above in lines]
            if not any(side is not None and side.link.set_aside for pair in ends for side in pair):
                return True
            self.world.advance(DAY)  # What came wrong too often is asked for again then.
        return False

    def _carry(self, child: Device) -> None:
        parent = self.world.above(child)
        if parent is None or not child.up or not parent.up:
            return
        for side in (self._side(child, parent), self._side(parent, child)):
            side.link.ask_again()
        fruitless = 0
        for _ in range(EXCHANGES_MAX):
            before = self._held()
            self._talk(child)
            self._deliver_due(all_of_it=True)
            fruitless = 0 if self._held() != before else fruitless + 1
            if fruitless > 3:
                return

    def _held(self) -> int:
        return sum(
            len(d.asked_papers) + sum(map(len, d.shelf.parts.values())) + sum(map(len, d.shelf.whole.values()))
            for d in self.world.survivors()
        )


Photograph = Callable[[Device], tuple[PaperRef, ...]]
"""What whoever files or brings something has of it."""


def no_photographs(device: Device) -> tuple[PaperRef, ...]:
    """In a county without papers."""
    return ()
