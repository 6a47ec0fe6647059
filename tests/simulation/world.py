"""A whole county in one process: seven nodes of the product over `MemoryStore`, virtual time, lines that carry bytes.

What runs here is the product: `Ledger`, `Link`, `CaseInterpreter`, sessions, the wire codec. What is made here is the
world around it: clocks, chance, disks, lines, and the people who switch things on and off. Nothing is shared between
devices but bytes. Chance comes from one seeded `random.Random`, so a seed is a story that can be told again.
Never judges (`checkers`), never breaks anything by itself (`faults`), never writes a case (`workload`).
"""

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from functools import cache
from typing import Any, Final

import msgspec
from msgspec import Struct

from schemas.codec import PAGE_ENTRIES_MAX, Malformed, decode, encode
from schemas.names import Epoch, NodeId, OfficeId, parent_seat
from schemas.wire import (
    KIND_ENROLLED,
    Certificate,
    Enrolled,
    Page,
    Refusal,
)
from sync import recovery, session
from sync.core.bundle import MAGIC
from sync.core.errors import Fault
from sync.core.journal import Draft
from sync.core.link import Link
from sync.enrolment import certify
from sync.keys import (
    Signer,
)
from sync.paging import Load
from sync.ports import Batch, EntryKey
from sync.rules import Rules
from sync.stick_papers import IncomingPapers, OutgoingPapers
from sync.usb import take_in, write_bundle
from tests.simulation.devices import (
    COUNTY,
    KEYED,
    MINUTE,
    OFFICES,
    START,
    Backup,
    Device,
    DiskFull,
    Exchange,
    InMemory,
    Keys,
    Maker,
    PowerCut,
    Written,
)


class Message(Struct):
    """Bytes on a line or on a stick."""

    sender: str
    receiver: str
    data: bytes
    exchange: int
    """0: a stick, to which nobody waits for an answer."""
    is_answer: bool
    overlaps: bool
    start: int
    """The start of the waiting child: an answer reaches only the process that waits for it."""


Source = Callable[[Device, Device], Coroutine[Any, Any, OutgoingPapers]]
Taker = Callable[[Device, NodeId], IncomingPapers]


class Wire(Struct, tag_field="t"):
    """What an answer may be."""


class PageAnswer(Wire, tag="p"):
    """A page down."""

    page: Page


class RefusalAnswer(Wire, tag="r"):
    """A refusal, with cursors where there are any."""

    refusal: Refusal


_ANSWERS: Final = msgspec.msgpack.Decoder(PageAnswer | RefusalAnswer)


class Weather(Struct):
    """How bad the lines are just now."""

    loss: float = 0.0
    duplicates: float = 0.0
    reorder: float = 0.0
    narrow: bool = True
    """Whether lines are of all widths, so that pages are cut everywhere."""
    delay_ms: int = 2_000
    cut: set[str] = set()
    """Names of devices whose line upward is down."""


class World:
    """The county and everything that happens to it."""

    def __init__(
        self,
        seed: int,
        rules: Rules | None = None,
        *,
        trace: bool = False,
        keys: Keys = KEYED,
        maker: Maker | None = None,
    ) -> None:
        self.seed = seed
        self.keys = keys
        self.maker = maker or InMemory()
        self.run = self.maker.run
        self.chance = random.Random(seed)
        self.rules = rules or Rules()
        self.now = START
        self.devices: dict[str, Device] = {}
        self.seats: dict[OfficeId, Device] = {}
        """The machine that an office uses now."""
        self.names: dict[NodeId, str] = {}
        """Device → the name of the first machine that had its keys."""
        self.chance_of_sticks = random.Random(f"sticks {seed}")
        """Of its own: how a stick is written and cut moves nothing else of a story."""
        self._serial = 0
        self.papers_on_sticks: tuple[Source, Taker] | None = None
        """What a stick carries of papers, and who takes them in; None in a county without papers."""
        self._children: list[Device] = []
        self.weather = Weather()
        self.tamper: Callable[[Message], Message | None] | None = None
        """What somebody on the line does to the next page that goes up, once."""
        self.counts: Counter[str] = Counter()
        self.written: dict[EntryKey, list[Written]] = {}
        self.rotten: set[tuple[str, EntryKey]] = set()
        self.findings: set[tuple[str, str, NodeId]] = set()
        """(device, code, whose journal) of every piece of evidence ever committed."""
        self.clones: set[NodeId] = set()
        self.tracing = trace
        self.trace: list[str] = []
        self._told: list[str] = []
        self._network: list[tuple[int, int, Message]] = []
        self._sent = 0
        self._exchanges = 0
        self.entries = 0
        self.stirred: set[OfficeId | None] = set()
        """Offices from and to which pages with more than numbers went since this was last cleared."""

    # --- telling -----------------------------------------------------------------------------------------------------

    def tell(self, what: str, *about: object) -> None:
        """One line of the story: into the digest, and when tracing into the trace."""
        line = f"{what} {' '.join(map(str, about))}"
        self._told.append(line)
        if self.tracing:
            minutes = (self.now - START) // MINUTE
            self.trace.append(f"{minutes // 1440:>3}d {minutes // 60 % 24:02}:{minutes % 60:02}  {line}")

    def digest(self) -> str:
        """The story so far in 64 digits: equal for equal seeds, whatever the machine."""
        return hashlib.sha256("\n".join(self._told).encode()).hexdigest()

    def watch(self, device: Device, batch: Batch) -> None:
        """A device has committed: note what its pen wrote and what its post found."""
        for entry in batch.entries:
            if not entry.inlet and entry.journal.origin == device.node and device.is_writing(entry.journal.epoch):
                key = (entry.journal, entry.seq)
                record = Written(key, entry.hash, entry.kind, entry.subject, entry.body, device.name, device.office)
                self.written.setdefault(key, []).append(record)
                self.entries += 1
                self.tell("writes", device.name, entry.seq, entry.kind, entry.hash.hex()[:8])
        for finding in batch.evidence:
            self.findings.add((device.name, finding.code, finding.journal.origin))
            self.counts["found " + finding.code] += 1
            self.tell("finds", device.name, finding.code, finding.journal, finding.seq)

    # --- devices -----------------------------------------------------------------------------------------------------

    def add(self, name: str, signer: Signer, chain: list[Certificate]) -> Device:
        """A machine that takes its seat."""
        device = Device(self, name, signer, chain)
        self.devices[name] = device
        self.seats[device.office] = device
        self.names.setdefault(device.node, name)
        below = (d for d in self.seats.values() if d.office != COUNTY)
        self._children = sorted(below, key=lambda d: (-len(d.office), d.name))
        return device

    def above(self, device: Device) -> Device | None:
        """The machine at the office above."""
        seat = parent_seat(device.office)
        return self.seats[seat] if seat is not None else None

    def below(self, device: Device) -> list[Device]:
        """The machines at the offices right below."""
        return [other for office, other in self.seats.items() if parent_seat(office) == device.office]

    def children(self) -> list[Device]:
        """Every machine with an office above it: villages, then townships."""
        return self._children

    def survivors(self) -> list[Device]:
        """Machines whose disk still exists and that sit at an office."""
        return [device for device in self.seats.values() if not device.wrecked]

    # --- lines -------------------------------------------------------------------------------------------------------

    def open_session(self, child: Device, parent: Device) -> bool:
        """The product's signed challenge, once per start of either side (RULINGS A16)."""
        if self.in_session(child):
            return True
        try:
            hello = session.say_hello(child.books)
            keeper = session.Doorkeeper(parent.books)
            challenge = keeper.challenge(hello)
            signed = session.answer(child.books, hello, challenge, b"")
            assert child.ledger is not None
            self.run(child.ledger.meet(challenge.chain))
            keeper.admit(signed)
        except Fault as fault:
            self.counts["session refused " + fault.code] += 1
            self.tell("session refused", child.name, parent.name, fault.code)
            return False
        except DiskFull:
            return False
        except PowerCut:
            self.power_cut(child)
            return False
        child.session = (parent.name, parent.starts, child.starts)
        return True

    def in_session(self, child: Device) -> bool:
        """Whether the child and the machine above have met since either started."""
        parent = self.above(child)
        if parent is None or not child.up:
            return False
        return child.session == (parent.name, parent.starts, child.starts) and child.books.parent == parent.node

    def talk(self, child: Device) -> None:
        """The child puts its next page on the line upward."""
        parent = self.above(child)
        if parent is None or not child.up:
            return
        self.expire(child)
        if not parent.up or not self._line_is_up(child) or not self.open_session(child, parent):
            self.tell("no line", child.name)
            return
        link = child.books.links.get(parent.node)
        if link is None or len(child.outstanding) >= link.window:
            return
        page = self.compose(child, parent, receipts_due=True)
        if page is None:
            return
        self._exchanges += 1
        overlaps = bool(child.outstanding)
        child.outstanding[self._exchanges] = Exchange(self._exchanges, self.now + 10 * MINUTE)
        message = Message(child.name, parent.name, encode(page), self._exchanges, False, overlaps, child.starts)
        self._send(message)

    def has_work(self, child: Device) -> bool:
        """Whether either side of the child's line has something to say to the other, a first word included."""
        parent = self.above(child)
        if parent is None or not parent.up:
            return False
        up, down = child.books.links.get(parent.node), parent.books.links.get(child.node)
        if up is None or down is None or not self.in_session(child):
            return True
        return _lacks(down, up) or _lacks(up, down) or _asks(child, up) or _asks(parent, down)

    def _line_is_up(self, child: Device) -> bool:
        return child.name not in self.weather.cut

    def compose(self, device: Device, neighbour: Device, *, receipts_due: bool) -> Page | None:
        """The product's next page toward a neighbour; None when the machine failed over it."""
        assert device.ledger is not None
        try:
            page = self.run(device.ledger.page_for(neighbour.node, receipts_due=receipts_due))
            if page.stretches or page.wants or page.answers or page.full or page.unsettled:
                self.stirred |= {device.office, neighbour.office}
            return page
        except DiskFull:
            self.counts["disk full"] += 1
        except PowerCut:
            self.power_cut(device)
        return None

    def power_cut(self, device: Device) -> None:
        """What `Disk` raised has reached the outside: the machine is off."""
        before = device.disk.cut_before
        self.counts["crash before commit" if before else "crash after commit"] += 1
        self.tell("power cut", device.name)
        device.stop()

    def _send(self, message: Message) -> None:
        weather, chance = self.weather, self.chance
        if self.tamper is not None and not message.is_answer and (changed := self.tamper(message)) is not None:
            message, self.tamper = changed, None
            self.counts["page tampered with"] += 1
        copies = 1
        if weather.duplicates and chance.random() < weather.duplicates:
            copies = 2
            self.counts["duplicate"] += 1
        for _ in range(copies):
            if weather.loss and chance.random() < weather.loss:
                self.counts["answer lost" if message.is_answer else "page lost"] += 1
                continue
            delay = chance.randrange(1, weather.delay_ms + 1)
            if weather.reorder and chance.random() < weather.reorder:
                delay *= 100
                self.counts["reordered"] += 1
            self.post(message, self.now + delay)

    def post(self, message: Message, due: int) -> None:
        """Hand bytes to the line, or a stick to a traveller, who arrives at `due`."""
        self._sent += 1
        heapq.heappush(self._network, (due, self._sent, message))

    def deliver_due(self) -> None:
        """Let everything arrive whose time has come."""
        while self._network and self._network[0][0] <= self.now:
            _, _, message = heapq.heappop(self._network)
            self._deliver(message)

    def deliver_all(self) -> None:
        """Let everything arrive, sticks included, moving time along."""
        while self._network:
            self.now = max(self.now, self._network[0][0])
            self.deliver_due()

    def advance(self, milliseconds: int) -> None:
        """Time passes; what was on its way arrives in its order."""
        end = self.now + milliseconds
        while self._network and self._network[0][0] <= end:
            self.now = max(self.now, self._network[0][0])
            self.deliver_due()
        self.now = end

    def expire(self, child: Device) -> None:
        """Answers that did not come in time: the exchange failed (`Link.exchange_failed`)."""
        if not child.outstanding or not any(e.deadline < self.now for e in child.outstanding.values()):
            return
        child.outstanding = {}
        parent = self.above(child)
        link = child.books.links.get(parent.node) if parent else None
        if link is not None:
            link.exchange_failed()
        self.counts["time-out"] += 1

    def _deliver(self, message: Message) -> None:
        receiver = self.devices[message.receiver]
        if not receiver.up or receiver.wrecked:
            self.counts["receiver away"] += 1
            return
        child = self.devices[message.receiver if message.is_answer else message.sender]
        if message.exchange and not self._line_is_up(child):
            return
        if message.exchange == 0:
            self._take_stick(receiver, message)
        elif message.is_answer:
            self._take_answer(receiver, message)
        else:
            self._respond(receiver, message)

    def _respond(self, parent: Device, message: Message) -> None:
        """What a server does with a page: admit it, answer with one (as `sync.exchange`)."""
        child = self.devices[message.sender]
        answer = self._answer(parent, child, message)
        if answer is not None:
            reply = Message(parent.name, child.name, answer, message.exchange, True, False, message.start)
            self._send(reply)

    def _answer(self, parent: Device, child: Device, message: Message) -> bytes | None:
        page = decode(message.data, Page)
        link = parent.books.links.get(page.sender)
        if link is not None and not message.overlaps:
            # Nothing else of this child is under way, so what its cursors do not cover never arrived.
            link.in_flight.clear()
        refusal = self.admit(parent, page)
        if not parent.up:
            return None
        if refusal is not None:
            return encode(RefusalAnswer(refusal))
        if link is not None:
            self._choose_page_size(link)
        down = self.compose(parent, child, receipts_due=not page.more)
        return encode(PageAnswer(down)) if down is not None else None

    def _take_answer(self, child: Device, message: Message) -> None:
        parent = self.devices[message.sender]
        if message.start != child.starts or message.exchange not in child.outstanding:
            self.counts["answer to nobody"] += 1
            return
        del child.outstanding[message.exchange]
        link = child.books.links.get(parent.node)
        answer = _ANSWERS.decode(message.data)
        if isinstance(answer, RefusalAnswer):
            self.counts["refused " + answer.refusal.code] += 1
            if link is not None and answer.refusal.code == "gap":
                link.hear_cursors(answer.refusal.cursors, child.books.own_epochs(), full=True)
            if link is not None:
                link.exchange_failed()
            return
        if self.admit(child, answer.page) is None and link is not None and child.up:
            link.exchange_succeeded()
            self._choose_page_size(link)

    def _choose_page_size(self, link: Link) -> None:
        link.page_entries = self.chance.choice((1, 2, 5, 20, 500, 500)) if self.weather.narrow else PAGE_ENTRIES_MAX

    def write_stick(self, sender: Device, receiver: Device) -> bytes | None:
        """A bundle as the product writes it, of many small pages or few large ones; unsealed, for that costs time only.

        None when the machine failed over it, or does not know the receiver.
        """
        assert sender.ledger is not None
        load = Load({}, page_entries=self.chance_of_sticks.choice((1, 2, 5, 20, 500, 500)))
        self._serial += 1
        try:
            papers = self.run(self.papers_on_sticks[0](sender, receiver)) if self.papers_on_sticks else None
            written = self.run(
                write_bundle(sender.ledger, receiver.node, load, seal=bytes, serial=self._serial, papers=papers)
            )
        except Fault as fault:
            self.tell("writes no stick", sender.name, fault.code)
            return None
        except DiskFull:
            self.counts["disk full"] += 1
            return None
        except PowerCut:
            self.power_cut(sender)
            return None
        self.counts["papers on a stick"] += papers.moved if papers is not None else 0
        self.counts["stick of several pages"] += len(written.manifest.parts) > 2
        self.stirred |= {sender.office, receiver.office}
        return written.data

    def _take_stick(self, receiver: Device, message: Message) -> None:
        self.counts["stick"] += 1
        if message.data and not message.data.startswith(MAGIC[:1]):
            self.admit(receiver, decode(message.data, Page))  # one page, as a story made it
            return
        assert receiver.ledger is not None
        try:
            sender = self.devices[message.sender].node
            papers = self.papers_on_sticks[1](receiver, sender) if self.papers_on_sticks else None
            taken = self.run(take_in(receiver.ledger, message.data, open_part=bytes, papers=papers))
            self.counts["papers from a stick"] += len(papers.whole) if papers is not None else 0
        except (Fault, Malformed) as refusal:
            self.counts["stick refused"] += 1
            self.tell("refuses a stick", receiver.name, refusal.code)
        except DiskFull:
            self.counts["disk full"] += 1
        except PowerCut:
            self.power_cut(receiver)
        else:
            self.counts["stick not whole"] += not taken.is_whole
            codes = [flaw.code for flaw in taken.flaws]
            self.tell("takes a stick", receiver.name, taken.parts, taken.admitted, taken.duplicate, *codes)

    def admit(self, receiver: Device, page: Page) -> Refusal | None:
        """A page arrives at a machine; None: it was taken, or the power went with it."""
        assert receiver.ledger is not None
        try:
            admission = self.run(receiver.ledger.admit(page))
        except Fault as fault:
            self.tell("refuses", receiver.name, fault.code)
            return fault.refusal()
        except Malformed as fault:
            return Refusal(fault.code, fault.hint)
        except DiskFull:
            self.counts["disk full"] += 1
            return Refusal("disk_full", "free some space", [], 60)
        except PowerCut:
            self.power_cut(receiver)
            return None
        self.tell(
            "takes",
            receiver.name,
            self.name_of(page.sender),
            admission.admitted,
            admission.duplicate,
            admission.refused,
        )
        self._count_admission(page, admission.duplicate)
        if page.settled:
            link = receiver.books.links[page.sender]
            self.counts["digests that did not fit"] += len(link.unsettled)
            self.counts["digests that fitted"] += len(page.settled) - len(link.unsettled)
        return None

    def name_of(self, node: NodeId) -> str:
        """Whose device this is, for the trace."""
        return self.names.get(node, "?")

    def _count_admission(self, page: Page, duplicates: int) -> None:
        counts = self.counts
        counts["pages"] += 1
        if duplicates:
            counts["repeated entries ignored"] += 1
        if page.wants:
            counts["wants"] += 1
        for answer in page.answers:
            counts["wants answered with a run"] += answer.run is not None
            counts["wants answered with excerpts"] += bool(answer.excerpts)
        for stretch in page.stretches:
            for excerpt in stretch.excerpts:
                counts["excerpts proved by a tree"] += excerpt.proof is not None


def _lacks(receiver: Link, sender: Link) -> bool:
    """Whether a stream of the sender's outbox reaches further than the receiver holds it."""
    return any(end > receiver.held.get(stream, 0) for stream, end in sender.ends.items())


def _asks(device: Device, link: Link) -> bool:
    """Whether the device has a question for this line, an answer to one, or does not know yet what the other holds."""
    books = device.books
    return not link.heard_fully or bool(books.asked.get(link.neighbour) or recovery.wants_for(books, link))


# --- the county before the story begins ------------------------------------------------------------------------------


class Founded(Struct, frozen=True):
    """One office as it stands at the beginning of every story."""

    name: str
    signer: Signer
    chain: list[Certificate]
    backup: Backup
    epoch: Epoch | None


@cache
def founded(keys: Keys) -> tuple[Founded, ...]:
    """Seven enrolled offices that have exchanged everything: made once, copied for each story."""
    world = World(0, keys=keys)
    for name, office in OFFICES.items():
        signer = keys.signer(name)
        seat = parent_seat(office)
        if seat is None:
            chain = [keys.certify_county(keys.enrolment(signer, office, None))]
        else:
            issuer = world.seats[seat]
            certificate = certify(issuer.signer, keys.enrolment(signer, office, issuer.node))
            chain = [*issuer.chain, certificate]
        device = world.add(name, signer, chain)
        device.start()
        if seat is not None:
            world.seats[seat].write([Draft(KIND_ENROLLED, None, encode(Enrolled(chain[-1])))])
    for _ in range(4):
        for child in world.children():
            for _ in range(3):
                world.talk(child)
                world.deliver_all()
    return tuple(Founded(d.name, d.signer, d.chain, d.back_up(), d.books.epoch) for d in world.devices.values())


def found_county(
    seed: int,
    rules: Rules | None = None,
    *,
    trace: bool = False,
    keys: Keys = KEYED,
    maker: Maker | None = None,
) -> World:
    """A world in which all seven offices are on and have met: each goes on in the epoch of its founding."""
    world = World(seed, rules, trace=trace, keys=keys, maker=maker)
    for office in founded(keys):
        device = world.add(office.name, office.signer, office.chain)
        device.put_back(office.backup)
        device.resume(office.epoch)
    for child in world.children():
        parent = world.above(child)
        assert parent is not None
        child.session = (parent.name, parent.starts, child.starts)
    return world
