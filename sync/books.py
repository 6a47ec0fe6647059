"""What a ledger keeps in memory between transactions: journals, links, inlets, the keyring, and the batch being made.

Only the holder of the node's writing lock has one (RULINGS C1). Nothing here decides; it stages. A failed commit throws
everything staged away by `load`. Next: `sync.ledger` (the write path), `sync.paging` (what goes out),
`sync.recovery` (what is given back).
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import takewhile
from typing import Final, TypeVar

from schemas.codec import Malformed
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId, OfficeId, parent_seat, seat_of, within
from schemas.wire import (
    KIND_BEACON,
    KIND_ENROLLED,
    KIND_RELEASED,
    KIND_REVOKED,
    Beacon,
    Certificate,
    Checkpoint,
    Enrolled,
    Enrolment,
    Erased,
    Lane,
    Released,
    Revoked,
    Want,
    decode_line,
    is_line,
)
from sync.core import note
from sync.core.errors import Fault, LocalFault
from sync.core.journal import CHECKPOINT_BYTES_MAX, Tip
from sync.core.link import RECENT_EPOCHS, Link
from sync.core.merkle import Frontier
from sync.enrolment import Root, admit_certificate, admit_chain
from sync.intact import LOST, known_damage, tip_of
from sync.keys import Keyring, Signer, Verify
from sync.ports import (
    Batch,
    Clock,
    Disposition,
    EntryKey,
    Evidence,
    Inlet,
    Interpreter,
    JournalState,
    LinkMemory,
    OutboxRow,
    Salts,
    Store,
    Stored,
    empty_batch,
)
from sync.rules import Rules
from sync.seating import Claim, choose

T = TypeVar("T")


def line_body(entry: Stored, kind: type[T]) -> T | None:
    """What a house-keeping entry says; None when its body is erased, or not what this version reads under its kind."""
    if entry.body is None:
        return None
    try:
        value = decode_line(entry.kind, entry.body)
    except Malformed:
        return None
    return value if isinstance(value, kind) else None


LESSONS: Final = (KIND_ENROLLED, KIND_REVOKED, KIND_RELEASED, KIND_BEACON)
"""House-keeping that must be known again after a start; `Books` learns each kind by a method of its own."""


REFUSALS: Final = frozenset({"broken_chain", "bad_signature", "unproved", "incomplete"})
"""Findings about an entry that could not be believed as it came."""

MISSING_MAX: Final = 1000
"""Refused single entries that are asked for again: far more than honest damage makes, little enough to remember."""


class Seat:
    """Who this node is: its signer, its certificate chain from the county's device down to itself, and the root."""

    def __init__(
        self, signer: Signer, chain: list[Certificate], root: Root, verify: Verify, software: str = "tongban"
    ) -> None:
        self.signer = signer
        self.chain = chain
        self.root = root
        self.verify = verify
        self.software = software
        # Asked many times for every entry, so not looked up anew.
        self.enrolment: Enrolment = chain[-1].enrolment
        """This device's own enrolment."""
        self.office: OfficeId = self.enrolment.office
        """The seat whose pen this node holds."""
        self.node: NodeId = signer.node
        """This device."""
        self.keyring = admit_chain(Keyring(verify=verify), root, chain)
        """The devices of our own chain: what every start knows before it reads anything."""


class Books:
    """The in-memory state of one node's ledger and the batch that the present transaction is making."""

    def __init__(
        self,
        seat: Seat,
        store: Store,
        interpreter: Interpreter,
        clock: Clock,
        salts: Salts,
        rules: Rules | None = None,
        *,
        recent_epochs: int = RECENT_EPOCHS,
    ) -> None:
        self.seat = seat
        self.store = store
        self.interpreter = interpreter
        self.clock = clock
        self.salts = salts
        self.rules = rules or Rules()
        self.recent_epochs = recent_epochs
        self.epoch: Epoch | None = None
        self.left_epoch: Epoch | None = None
        """The epoch that this start opened first and left, because another machine writes it too."""
        self._clear()

    def _clear(self) -> None:
        self.keyring = self.seat.keyring
        self.journals: dict[JournalId, JournalState] = {}
        self.tips: dict[JournalId, Tip] = {}
        self.loose: dict[JournalId, dict[int, bytes]] = {}
        self.links: dict[NodeId, Link] = {}
        self.remembered: dict[NodeId, Link] = {}
        """What the disk holds of lines to devices that are no neighbours, as far as is known now."""
        self.memories: dict[NodeId, LinkMemory] = {}
        self.inlets: dict[tuple[NodeId, int, Epoch], Inlet] = {}
        self.inlet_keys: dict[int, NodeId] = {}
        self.children: dict[OfficeId, NodeId] = {}
        self.parent: NodeId | None = None
        self._hops: dict[frozenset[OfficeId], frozenset[NodeId]] = {}
        self.arrival = 0
        self.unsigned_bytes = 0
        self.batch: Batch = empty_batch()
        self.due_receipts: dict[NodeId, set[JournalId]] = {}
        """Neighbour → journals that it brought further with work: durable with them, gone with the receipt (A9)."""
        self.released: set[tuple[JournalId, int, bytes]] = set()
        """(journal, seq, hash) that a person released: another entry under the number is another entry."""
        self.enrolled_by: dict[NodeId, EntryKey] = {}
        self.replaced: set[tuple[OfficeId, NodeId]] = set()
        """Devices that another one followed at their own seat: nobody's certificate ends a device of another seat."""
        self.predecessors: dict[NodeId, NodeId] = {}
        self.unheard: dict[NodeId, list[Stored]] = {}
        self.epochs_of: dict[NodeId, list[JournalId]] = {}
        self.change = 0
        self.changes: dict[JournalId, int] = {}
        """Journal → number of its last change, the latest last: what a neighbour has to be told is at the end."""
        self.blocked: set[JournalId] = set()
        """Journals that may reach further than they are held (`JournalState.wanted`)."""
        self.sealed: dict[JournalId, int] = {}
        self.damaged: dict[EntryKey, bytes] = {}
        self.hopeless: set[EntryKey] = set()
        self.refold_due: set[CaseId | None] = set()
        """Cases of which a copy was put right, and None for the register: folded from the bad one, perhaps."""
        self.tips_made: dict[JournalId, Tip] = {}
        """Where journals stand by their entries, made because a run did not fit what we kept of it."""
        self.has_made_tip = False
        """Whether the page at hand has made us make one."""
        self.missing: set[EntryKey] = set()
        """Entries that came alone and were refused: they are asked for again. A start reads them from the evidence."""
        self.rollbacks: set[JournalId] = set()
        self.suspected: set[JournalId] = set()
        """Journals of which a run that did not fit is kept as it came, one in a start (`sync.forks`)."""
        self.judged: set[JournalId] = set()
        """Journals of which the page at hand has made `sync.forks` look for a fork."""
        self.beacon_at = Instant(0)
        """The time that the county's last beacon states: the one that came last, not the one with the latest time."""
        self.erased: set[bytes] = set()
        """Hashes of entries that lost their bodies by law: they may stand here without, and never again with them."""
        self.work_waits = False
        self.proof_due = True
        """Whether an excerpt of ours may wait for a checkpoint to be proved by; after a start assume so."""
        self.asked: dict[NodeId, list[Want]] = {}

    # --- loading ---------------------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Read everything from the store: at start, and after a failed commit.

        Reads first and changes the books afterwards without waiting, so nobody ever sees them half empty.
        """
        loaded = await self.store.load()
        loose = await self.store.loose()
        lessons = [entry for kind in LESSONS for entry in await self.store.entries_of_kind(kind)]
        lost = await self.store.found({LOST})
        refused = await self.store.found(REFUSALS) - lost
        damaged, hopeless = await known_damage(self.store, lost)
        tips = {state.journal: await self._tip(state) for state in loaded.journals}
        await self.interpreter.load()
        if self.left_epoch is not None and self.own not in tips:
            # The transaction that opened the present epoch was never committed.
            self.epoch, self.left_epoch = self.left_epoch, None
        told = {link.neighbour: link.told_statement for link in (*self.links.values(), *self.remembered.values())}
        self._clear()
        if self.epoch is not None:
            # A reload: how much of our journal is signed for is not known now, so the next entry is signed for at once.
            self.unsigned_bytes = CHECKPOINT_BYTES_MAX
        self.arrival = loaded.arrival
        self.erased = loaded.erased
        self.tips = tips
        for state in loaded.journals:
            self.journals[state.journal] = state
            self.epochs_of.setdefault(state.journal.origin, []).append(state.journal)
            self.touch(state.journal)
            if state.wanted > state.size:
                self.blocked.add(state.journal)
        for inlet in loaded.inlets:
            self.inlets[(inlet.neighbour, inlet.lane, inlet.epoch)] = inlet
            self.inlet_keys[inlet.key] = inlet.neighbour
        for entry in loose:
            self.loose.setdefault(entry.journal, {})[entry.seq] = entry.hash
        self.missing = set(sorted(key for key in refused if not self.holds(*key))[:MISSING_MAX])
        self.damaged, self.hopeless = damaged, hopeless
        self._find_parent()
        self._learn_again(lessons)
        self._load_links(loaded.links, loaded.ends)
        # What was said in this start cannot be unsaid: no other statement may bear its number.
        for neighbour, statement in told.items():
            link = self.links.get(neighbour) or self._remembered(neighbour)
            link.told_statement = statement

    async def _tip(self, state: JournalState) -> Tip:
        """Where a journal stands; made again from its entries where what was kept of it cannot even be read."""
        try:
            frontier = Frontier.from_bytes(state.frontier) if state.frontier else Frontier()
        except Malformed:
            return await tip_of(self.store, state.journal, state.size)
        return Tip(state.size, state.tip, frontier)

    def _load_links(self, memories: list[LinkMemory], ends: dict[tuple[NodeId, int, Epoch], int]) -> None:
        self.memories = {memory.neighbour: memory for memory in memories}
        self.remembered = {}
        for (neighbour, lane, epoch), end in ends.items():
            self._remembered(neighbour).ends[(lane, epoch)] = end
        for (neighbour, lane, epoch), inlet in self.inlets.items():
            self._remembered(neighbour).held[(lane, epoch)] = inlet.number
        for memory in memories:
            link = self._remembered(memory.neighbour)
            link.acknowledged = {(lane, epoch): number for lane, epoch, number in memory.acknowledged}
            link.rollbacks_shown = set(memory.rollbacks_shown)
            link.quarantined = memory.quarantined
            if memory.receipts_due:
                self.due_receipts[memory.neighbour] = set(memory.receipts_due)
        for node in [*self.children.values(), *([self.parent] if self.parent else [])]:
            self.link_to(node)

    def _remembered(self, node: NodeId) -> Link:
        return self.remembered.setdefault(node, Link(node, OfficeId("")))

    def _learn_again(self, entries: Sequence[Stored]) -> None:
        """What house-keeping taught us, in the order in which it came, believed or not as it was then."""
        methods = self.learn_enrolment, self.learn_revocation, self.learn_release, self.learn_beacon
        learners: dict[str, Callable[[Stored], object]] = dict(zip(LESSONS, methods, strict=True))
        waiting = deque(sorted(entries, key=lambda entry: entry.arrival))
        while waiting:
            entry = waiting.popleft()
            learned = learners[entry.kind](entry) if self.counts(entry) else None
            if entry.kind == KIND_ENROLLED and isinstance(learned, str):
                waiting.extendleft(reversed(self.unheard.pop(NodeId(learned), [])))
        self.judge_revocations(entries)

    def counts(self, entry: Stored) -> bool:
        """Whether an entry lies where its device is believed, or a person has released it (RULINGS A14)."""
        journal, seq = entry.journal, entry.seq
        if not self.rules.flag_only and seq >= self.sealed.get(journal, seq + 1):
            return False
        if not self.rules.positions or self.keyring.counts(journal, seq):
            return True
        return (journal, seq, entry.hash) in self.released

    def _find_parent(self) -> None:
        """The device above as our own chain has it; enrolments that replace it may follow."""
        if len(self.seat.chain) > 1:
            self.parent = self.seat.chain[-2].enrolment.node

    def link_to(self, node: NodeId) -> Link:
        """The link to a neighbour, made when first needed."""
        link = self.links.get(node)
        if link is None:
            # A neighbour of before, whose enrolment comes later than our start, goes on with the numbers that it knows.
            link = self.links[node] = self.remembered.pop(node, None) or Link(node, OfficeId(""))
            link.seat = self.keyring.get(node).office
        return link

    # --- who is where -------------------------------------------------------------------------------------------------

    def seat_of_node(self, node: NodeId) -> OfficeId | None:
        """The seat a device is enrolled for, or None when it is not known here."""
        device = self.keyring.find(node)
        return device.office if device else None

    def is_work(self, kind: str) -> bool:
        """Whether an entry is work, which is receipted and pinned, and not house-keeping (RULINGS A9)."""
        return not is_line(kind) or not self.rules.quiet_house_keeping

    def below(self, node: NodeId) -> bool:
        """Whether a device's seat is our own or stands below it: its journals go up in runs."""
        seat = self.seat_of_node(node)
        return seat is not None and within(seat, self.seat.office)

    def hops(self, offices: frozenset[OfficeId]) -> frozenset[NodeId]:
        """The neighbours through which these offices are reached. Remembered: a page asks for few different sets."""
        found = self._hops.get(offices)
        if found is None:
            nodes = (self.hop(office) for office in offices)
            found = self._hops[offices] = frozenset(node for node in nodes if node is not None)
        return found

    def hop(self, office: OfficeId) -> NodeId | None:
        """The neighbour through which an office is reached; None for ourselves or a seat without a device."""
        seat = seat_of(office)
        if seat == self.seat.office:
            return None
        if not within(seat, self.seat.office):
            return self.parent
        here: OfficeId | None = seat
        while here is not None and parent_seat(here) != self.seat.office:
            here = parent_seat(here)
        return self.children.get(here) if here else None

    def seats_below(self, seat: OfficeId) -> frozenset[OfficeId]:
        """All enrolled seats at or below `seat`, ourselves excepted."""
        return frozenset(
            office for office in self.keyring.offices() if within(office, seat) and office != self.seat.office
        )

    def learn_enrolment(self, entry: Stored) -> NodeId | None:
        """Take a certificate into the keyring. Returns the device, or None when it could not be believed.

        Only in its issuer's own journal does it have a position, which a revocation of the issuer can name: with a
        stolen key alone, nobody enrols devices through somebody else's journal.
        """
        enrolled = line_body(entry, Enrolled)
        if enrolled is None:
            return None
        enrolment = enrolled.certificate.enrolment
        if entry.journal.origin != (enrolment.issuer or enrolment.node):
            return None
        if enrolment.issuer is not None and self.waits_for(enrolment.issuer, entry):
            return None
        try:
            self.keyring = admit_certificate(self.keyring, self.seat.root, enrolled.certificate)
        except Fault:
            return None
        self._hops.clear()
        if self.seat_of_node(enrolment.node) is not None:
            for journal in self.epochs_of.get(enrolment.node, ()):
                self.touch(journal)
        self.enrolled_by[enrolment.node] = (entry.journal, entry.seq)
        if enrolment.replaces is not None:
            self.replaced.add((enrolment.office, enrolment.replaces))
            self.predecessors[enrolment.node] = enrolment.replaces
        if parent_seat(enrolment.office) == self.seat.office:
            self._seat_child(enrolment.office)
        if enrolment.office == parent_seat(self.seat.office) and enrolment.replaces == self.parent:
            self.adopt_parent(enrolment.node)
        return enrolment.node

    def holds(self, journal: JournalId, seq: int) -> bool:
        """Whether an entry is held, in its run or loose."""
        state = self.journals.get(journal)
        return (state is not None and seq < state.size) or seq in self.loose.get(journal, {})

    def touch(self, journal: JournalId) -> None:
        """A journal is held further than before, or its seat became known."""
        self.change += 1
        self.changes.pop(journal, None)
        self.changes[journal] = self.change

    def changed_since(self, change: int) -> list[JournalId]:
        """Journals touched after a change, the latest first."""
        latest = takewhile(lambda item: item[1] > change, reversed(self.changes.items()))
        return [journal for journal, _ in latest]

    def want_upto(self, journal: JournalId, size: int) -> bool:
        """A journal reaches this far somewhere, and not here: it is asked for. False when that was known."""
        state = self.journal_state(journal)
        if state.wanted >= size:
            return False
        state.wanted = size
        self.blocked.add(journal)
        self.touch(journal)
        return True

    def reopen(self, journal: JournalId) -> None:
        """What was closed as lost may be had after all: it is asked for again, of everybody."""
        for link in self.links.values():
            link.not_held.pop(journal, None)
        state = self.journal_state(journal)
        state.lost_upto = min(state.lost_upto, state.size)
        if state.wanted > state.size:
            self.blocked.add(journal)

    def waits_for(self, node: NodeId, entry: Stored) -> bool:
        """Keep a statement about a device, or by one, unknown here: it is heard again once that is enrolled."""
        if self.seat_of_node(node) is not None:
            return False
        self.unheard.setdefault(node, []).append(entry)
        return True

    def adopt_parent(self, node: NodeId) -> None:
        """The office above works on another device now: the line to the old one is dropped, with its outbox."""
        if self.parent is not None and self.parent in self.links:
            del self.links[self.parent]
            self.batch.dropped_neighbours = [*self.batch.dropped_neighbours, self.parent]
        self.parent = node
        self._hops.clear()

    def _seat_child(self, office: OfficeId) -> None:
        """Judge anew which device works at a seat below (`sync.seating`, A15); the line to another is dropped."""
        present = self.children.get(office)
        last = [device.node for device in self.keyring.devices_of(office) if (office, device.node) not in self.replaced]
        claims = [Claim(node, self.enrolled_by[node][0], self._lineage(node)) for node in last]
        former = {device.node for device in self.keyring.devices_of(self.seat.office)} - {self.seat.node}
        node = choose(claims, present, self.seat.node, former, lambda one: self.keyring.find(one) is not None)
        if node is None or node == present:
            return
        self.children[office] = node
        if present is not None and present in self.links:
            del self.links[present]
            self.batch.dropped_neighbours = [*self.batch.dropped_neighbours, present]

    def _lineage(self, node: NodeId) -> list[NodeId]:
        """The devices that came before one at its seat, the latest first; the last one may be unknown here."""
        found: list[NodeId] = []
        while (before := self.predecessors.get(found[-1] if found else node)) is not None and before not in found:
            found.append(before)
        return found

    def learn_revocation(self, entry: Stored) -> Revoked | None:
        """Take a revocation into the keyring; None unless an office above the device wrote it (RULINGS A14)."""
        revoked = line_body(entry, Revoked)
        if revoked is None or self.waits_for(revoked.node, entry):
            return None
        if not self.stands_above(entry.journal.origin, revoked.node):
            return None
        if self.rules.highest_revocation or not self.keyring.is_revoked(revoked.node):
            self.keyring = self.keyring.with_revocation(revoked.node, revoked.positions)
        return revoked

    def judge_revocations(self, told: Iterable[Stored]) -> None:
        """Take every revocation and release anew, those of higher offices first: they decide which others count.

        What a township had revoked beyond the position at which it was revoked itself does not count any more, in
        whatever order the two came.
        """
        learners = {KIND_REVOKED: self.learn_revocation, KIND_RELEASED: self.learn_release}
        heard = {entry.hash for entries in self.unheard.values() for entry in entries}
        known = [entry for entry in told if entry.kind in learners and entry.hash not in heard]
        self.keyring = self.keyring.without_revocations()
        self.released = set()
        for entry in sorted(known, key=lambda one: (len(self.seat_of_node(one.journal.origin) or ""), one.arrival)):
            if self.counts(entry):
                learners[entry.kind](entry)

    def learn_release(self, entry: Stored) -> Released | None:
        """Let an entry past a revocation count; None unless an office above its device wrote it (RULINGS A14)."""
        released = line_body(entry, Released)
        if released is None or self.waits_for(released.origin, entry):
            return None
        if not self.stands_above(entry.journal.origin, released.origin):
            return None
        self.released.add((JournalId(released.origin, released.epoch), released.seq, released.hash))
        return released

    def learn_beacon(self, entry: Stored) -> Beacon | None:
        """Take the county's daily statement; None when anybody else lit it (RULINGS A13).

        Its time is a claim that orders nothing (RULINGS A6): one boot of the county in 2036 must not outlive the day.
        """
        beacon = line_body(entry, Beacon)
        seat = self.seat_of_node(entry.journal.origin)
        if beacon is None or seat is None or parent_seat(seat) is not None:
            return None
        self.beacon_at = beacon.at
        return beacon

    def learn_erasure(self, entry: Stored) -> Erased | None:
        """What an order of the county's device says; None when anybody else wrote it, or it speaks of another case."""
        erased = line_body(entry, Erased)
        seat = self.seat_of_node(entry.journal.origin)
        if erased is None or seat is None or parent_seat(seat) is not None or erased.subject != entry.subject:
            return None
        return erased

    def stands_above(self, author: NodeId, node: NodeId) -> bool:
        """Whether a device's seat stands above another's: it may revoke, and release."""
        above, below = self.seat_of_node(author), self.seat_of_node(node)
        return above is not None and below is not None and above != below and within(below, above)

    # --- verifying ----------------------------------------------------------------------------------------------------

    def checkpoint_message(self, journal: JournalId, size: int, root: bytes) -> bytes | None:
        """The C2SP note text that the journal's owner signs, or None when the owner is unknown."""
        office = self.seat_of_node(journal.origin)
        if office is None or len(root) != 32:
            return None
        origin = note.origin_line(self.seat.root.county, office, journal)
        return note.note_message(note.checkpoint_text(origin, size, root))

    def verify_checkpoint(self, journal: JournalId, checkpoint: Checkpoint) -> bool:
        """Whether the journal's owner signed this checkpoint."""
        message = self.checkpoint_message(journal, checkpoint.size, checkpoint.root)
        return message is not None and self.keyring.verify_log(journal.origin, message, checkpoint.signature)

    # --- staging ------------------------------------------------------------------------------------------------------

    @property
    def own(self) -> JournalId:
        """The journal that this holding of the pen writes. Raises `LocalFault` before `open_epoch`."""
        if self.epoch is None:
            raise LocalFault("no_epoch", "this process does not hold the node's pen; start the node with run")
        return JournalId(self.seat.node, self.epoch)

    def own_epochs(self) -> set[Epoch]:
        """All epochs of this very device that this store has ever held."""
        return {journal.epoch for journal in self.epochs_of.get(self.seat.node, ())}

    def journal_state(self, journal: JournalId) -> JournalState:
        """The state of a journal, made when first heard of; staged for writing."""
        state = self.journals.get(journal)
        if state is None:
            state = self.journals[journal] = JournalState(journal, len(self.journals) + 1)
            self.epochs_of.setdefault(journal.origin, []).append(journal)
            self.tips[journal] = Tip()
        self.batch.journals[journal] = state
        return state

    def advance(self, journal: JournalId, tip: Tip, checkpoints: Iterable[Checkpoint]) -> None:
        """Move a journal's tip and keep its new checkpoints."""
        state = self.journal_state(journal)
        self.touch(journal)
        state.size, state.tip, state.frontier = tip.size, tip.hash, tip.frontier.to_bytes()
        self.tips[journal] = tip
        for checkpoint in checkpoints:
            self.batch.checkpoints[(journal, checkpoint.size)] = checkpoint
            state.checkpointed = max(state.checkpointed, checkpoint.size)

    def inlet(self, neighbour: NodeId, lane: int, epoch: Epoch) -> Inlet:
        """The account of one neighbour's stream, staged for writing."""
        key = (neighbour, lane, epoch)
        inlet = self.inlets.get(key)
        if inlet is None:
            inlet = self.inlets[key] = Inlet(len(self.inlets) + 1, neighbour, lane, epoch)
            self.inlet_keys[inlet.key] = neighbour
        self.batch.inlets[inlet.key] = inlet
        return inlet

    def next_arrival(self) -> int:
        """The next number of the node's own order of arrival: gapless, in commit order."""
        self.arrival += 1
        return self.arrival

    def post(self, neighbour: NodeId, lane: Lane, journal: JournalId, seq: int, count: int = 1) -> None:
        """Put entries into the outbox toward a neighbour, in this holding's stream."""
        if self.epoch is None:
            return
        epoch = self.epoch if self.rules.outbox_epochs else Epoch(0, bytes(6))
        number = self.link_to(neighbour).post(lane, epoch, count)
        self.batch.outbox.append(OutboxRow(neighbour, lane, epoch, number, count, journal, seq))
        if lane == Lane.EXCERPTS:
            self.batch.posted.add((neighbour, journal, seq))

    def remember(self, link: Link) -> LinkMemory:
        """Stage what must survive a restart about a link, if it changed: a page with nothing new writes nothing."""
        memory = self.memories.get(link.neighbour)
        if memory is None:
            memory = self.memories[link.neighbour] = LinkMemory(link.neighbour, link.seat)
        acknowledged = [(lane, epoch, number) for (lane, epoch), number in link.acknowledged.items()]
        due = sorted(self.due_receipts.get(link.neighbour, ()))
        now = (acknowledged, sorted(link.rollbacks_shown), link.quarantined, link.epoch, due)
        was = (memory.acknowledged, memory.rollbacks_shown, memory.quarantined, memory.last_epoch, memory.receipts_due)
        if now != was:
            memory.acknowledged, memory.rollbacks_shown, memory.quarantined, memory.last_epoch = now[:4]
            memory.receipts_due = due
            self.batch.links[link.neighbour] = memory
        return memory

    def find(self, code: str, journal: JournalId, seq: int, digest: bytes = b"", material: bytes = b"") -> None:
        """Record a finding of the post with its material."""
        self.batch.evidence.append(Evidence(code, journal, seq, Instant(self.clock.now()), digest, material))

    def dispose(self, entry: Stored, state: str, code: str) -> None:
        """Record that an entry is held, quarantined or of unknown kind; empty state: folded after all."""
        self.batch.dispositions.append(Disposition((entry.journal, entry.seq), state, code))
