"""A small county over stores in memory: real ledgers, pages carried as real bytes, no event loop, no faults of its own.

For stories about the line itself. What a case is stays unknown here: every body is a few bytes, and one `Reader` says
who must have what. Everything follows from the seed. Next: `tests/simulation` for chance, faults and real casework.
"""

from collections.abc import Coroutine, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Final, TypeVar

import pytest
from msgspec import Struct

from schemas.codec import decode, encode
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId, OfficeId, parent_seat, within
from schemas.wire import (
    KIND_ENROLLED,
    KIND_REVOKED,
    Certificate,
    Checkpoint,
    Enrolled,
    Enrolment,
    Page,
    Revoked,
    Run,
    Size,
    enrolment_message,
)
from sync.books import Books, Seat
from sync.core.errors import Fault, GapFault
from sync.core.journal import Draft, Tip
from sync.core.link import Link
from sync.enrolment import Root, certify
from sync.keys import (
    SIGNER_ENTROPY_BYTES,
    Ed25519Key,
    Ed25519Signer,
    KeyedHashKey,
    KeyedHashSigner,
    NodeSigner,
    SecretKey,
    Verify,
    verify_ed25519,
    verify_keyed_hash,
)
from sync.ledger import Admission, Ledger
from sync.memory import MemoryStore, Tables
from sync.ports import Disposition, Interpretation, Outcome, Stored
from sync.rules import Rules

COUNTY: Final = OfficeId("510824")
TOWNSHIP: Final = OfficeId("510824100")
SECOND_TOWNSHIP: Final = OfficeId("510824101")
VILLAGE: Final = OfficeId("510824100201")
SECOND_VILLAGE: Final = OfficeId("510824100202")
FAR_VILLAGE: Final = OfficeId("510824101201")

START: Final = Instant(1_700_000_000_000)
EXCHANGES_MAX: Final = 64
"""More pages than any of these stories needs: beyond it two nodes are talking for ever."""

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Step a coroutine that never really waits (RULINGS C2)."""
    try:
        coroutine.send(None)
    except StopIteration as stopped:
        return stopped.value
    raise RuntimeError("the coroutine waits for something outside")


class TickingClock:
    """A clock that moves one second whenever somebody looks; `set` puts it anywhere."""

    def __init__(self, at: Instant = START) -> None:
        self._at = at

    def now(self) -> Instant:
        self._at = Instant(self._at + 1000)
        return self._at

    def set(self, at: int) -> None:
        self._at = Instant(at)


class SeededSalts:
    """Chance that a seed decides."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def draw(self, size: int) -> bytes:
        return self._random.randbytes(size)


class EmptyOffice:
    """The office's part without cases or register: what every played one begins with. Each says how it interprets."""

    async def refold(self, subjects: Iterable[CaseId | None]) -> Interpretation:
        """Nothing is folded here, so nothing is folded again."""
        return Interpretation([])

    async def readers(self, subjects: Sequence[CaseId]) -> dict[CaseId, frozenset[OfficeId]]:
        return {}

    async def audiences(self, entries: Sequence[Stored]) -> list[frozenset[OfficeId]]:
        return [frozenset[OfficeId]()] * len(entries)

    async def cases_of(self, office: OfficeId) -> list[CaseId]:
        return []

    async def records_for(self, office: OfficeId) -> list[Stored]:
        return []

    def drain(self) -> object | None:
        return None

    async def load(self) -> None:
        """There is nothing to read."""


class Reader(EmptyOffice):
    """The office's part, played: kinds `case.*` are folded, others are unknown; everybody in `readers` has every case.

    `folded` lists what this start has folded, in order.
    """

    def __init__(self, readers: frozenset[OfficeId]) -> None:
        self.audience = readers
        self.folded: list[Stored] = []
        self.shared: list[tuple[CaseId, frozenset[OfficeId]]] = []
        self.settled: list[Disposition] = []

    async def interpret(self, entries: Sequence[Stored]) -> Interpretation:
        outcomes: list[Outcome] = []
        for entry in entries:
            known = entry.kind.startswith("case.")
            outcomes.append(Outcome("" if known else "unknown", "" if known else "unknown_kind", self.audience))
            if known:
                self.folded.append(entry)
        settled, shared = self.settled, self.shared
        self.settled, self.shared = [], []
        return Interpretation(outcomes, settled, shared)

    async def readers(self, subjects: Sequence[CaseId]) -> dict[CaseId, frozenset[OfficeId]]:
        return dict.fromkeys(subjects, self.audience)

    async def audiences(self, entries: Sequence[Stored]) -> list[frozenset[OfficeId]]:
        return [self.audience] * len(entries)

    async def cases_of(self, office: OfficeId) -> list[CaseId]:
        return sorted({entry.subject for entry in self.folded if entry.subject} if office in self.audience else ())

    async def load(self) -> None:
        self.folded.clear()


class Node:
    """One device: its keys, its store, and the ledger of its present start."""

    def __init__(self, network: "Network", office: OfficeId, signer: NodeSigner, chain: list[Certificate]) -> None:
        self.network = network
        self.office = office
        self.signer = signer
        self.chain = chain
        self.reader = Reader(network.readers)
        self.store = MemoryStore()
        self.ledger = self._begin(self.store)

    def _begin(self, store: MemoryStore) -> Ledger:
        self.store = store
        seat = Seat(self.signer, self.chain, self.network.root, self.network.verify)
        return Ledger(Books(seat, store, self.reader, self.network.clock, self.network.salts, self.network.rules))

    def start(self, tables: Tables | None = None, *, restored: bool = False) -> Epoch:
        """Start the writing process (again): on what the store holds, or on a backup."""
        self.ledger = self._begin(MemoryStore(tables if tables is not None else self.store.copy()))
        return run(self.ledger.open_epoch(restored=restored))

    @property
    def id(self) -> NodeId:
        return self.signer.node

    @property
    def books(self) -> Books:
        return self.ledger.books

    @property
    def journal(self) -> JournalId:
        """The journal that this start writes."""
        return self.books.own

    @property
    def tables(self) -> Tables:
        return self.store.tables

    def link(self, other: "Node") -> Link:
        return self.books.links[other.id]

    def tip(self, journal: JournalId) -> Tip:
        return self.books.tips.get(journal, Tip())

    def write(self, *bodies: bytes, kind: str = "case.filed", case: CaseId | None = None) -> list[Stored]:
        """Record entries in one transaction, of a fixed case unless another is named."""
        drafts = [Draft(kind, case or self.network.case, body) for body in bodies]

        async def drafting() -> list[Draft]:
            return drafts

        return run(self.ledger.record(drafting))

    def write_line(self, kind: str, body: Struct) -> Stored:
        """Record a house-keeping entry."""

        async def drafting() -> list[Draft]:
            return [Draft(kind, None, encode(body))]

        return run(self.ledger.record(drafting))[0]

    def revoke(self, lost: "Node", *positions: Size, reason: str = "lost") -> Stored:
        return self.write_line(KIND_REVOKED, Revoked(lost.id, list(positions), reason))

    def page(self, to: "Node", *, receipts_due: bool = True) -> Page:
        """The next page toward a neighbour, through real bytes."""
        return decode(encode(run(self.ledger.page_for(to.id, receipts_due=receipts_due))), Page)

    def admit(self, page: Page) -> Admission:
        return run(self.ledger.admit(decode(encode(page), Page)))

    def hear(self, other: "Node", gap: GapFault) -> None:
        """Take a refusal's cursors, as a conversation does."""
        self.link(other).exchange_failed()
        self.link(other).hear_cursors(gap.cursors, set(), full=True)

    # --- what is held --------------------------------------------------------------------------------------------

    def held(self, journal: JournalId) -> list[Stored]:
        return run(self.store.entries(journal, 0, 1 << 40))

    def bodies(self, kind: str = "case.filed") -> list[bytes]:
        """Bodies of everything of one kind, in order of arrival."""
        return [entry.body or b"" for entry in run(self.store.entries_of_kind(kind))]

    def findings(self, code: str | None = None) -> list[str]:
        return [found.code for found in self.tables.evidence if code is None or found.code == code]

    def states(self) -> dict[tuple[JournalId, int], tuple[str, str]]:
        """Entries that are not simply folded: (state, code) by identity."""
        return {key: (found.state, found.code) for key, found in self.tables.dispositions.items()}

    def balanced(self) -> bool:
        """RULINGS A16: every number of every stream that was taken in is accounted for."""
        inlets = self.books.inlets.values()
        return all(inlet.number == inlet.admitted + inlet.refused + inlet.duplicate for inlet in inlets)

    def rows(self) -> int:
        """All durable rows that grow: what a re-sent page must not change."""
        held = self.tables
        return (
            len(held.arrivals)
            + len(held.evidence)
            + len(held.dispositions)
            + len(held.receipts)
            + sum(len(rows) for rows in held.outbox.values())
            + sum(len(found) for found in held.checkpoints.values())
        )


class Network:
    """One county: its root, its clock, its chance, and the devices enrolled so far by seat."""

    def __init__(
        self, *offices: OfficeId, seed: int = 1, real: bool = False, readers: frozenset[OfficeId] | None = None
    ) -> None:
        """Enrol the county and these offices, each by the seat above, and let everybody learn it.

        `real`: Ed25519 instead of keyed hashes. `readers`: who must have every case; everybody unless named.
        """
        self.random = Random(seed)
        self.real = real
        self.clock = TickingClock()
        self.salts = SeededSalts(self.random)
        self.rules = Rules()
        self.verify: Verify = verify_ed25519 if real else verify_keyed_hash
        self.case = CaseId(self.random.randbytes(16))
        self.root_key: SecretKey = (
            Ed25519Key(self.random.randbytes(32)) if real else KeyedHashKey(self.random.randbytes(16))
        )
        self.root = Root("cangxi", self.root_key.public_key)
        self.readers = readers if readers is not None else frozenset({COUNTY, *offices})
        self.nodes: dict[OfficeId, Node] = {}
        for office in (COUNTY, *offices):
            self.enrol(office)
        for office in offices:
            self.settle(self.nodes[office])
        for office in offices:
            self.settle(self.nodes[office])

    def __getitem__(self, office: OfficeId) -> Node:
        return self.nodes[office]

    def new_signer(self) -> NodeSigner:
        if self.real:
            return Ed25519Signer.create(self.random.randbytes(SIGNER_ENTROPY_BYTES))
        return KeyedHashSigner.from_seed(self.random.randbytes(16))

    def parent_of(self, node: Node) -> Node | None:
        above = parent_seat(node.office)
        return self.nodes[above] if above else None

    def certify(
        self, office: OfficeId, signer: NodeSigner, issuer: Node | None, *, replaces: NodeId | None = None
    ) -> Certificate:
        """A certificate by the issuer's log key, or by the county root."""
        keys = signer.public_keys
        enrolment = Enrolment(
            self.root.county,
            signer.node,
            office,
            keys.log,
            keys.cosigner,
            issuer.id if issuer else None,
            self.clock.now(),
            replaces,
        )
        if issuer is None:
            return Certificate(enrolment, self.root_key.sign(enrolment_message(enrolment)))
        return certify(issuer.signer, enrolment)

    def enrol(self, office: OfficeId, *, replaces: Node | None = None) -> Node:
        """Make a device for a seat, enrol it at the seat above, start it."""
        signer = self.new_signer()
        above = parent_seat(office)
        issuer = self.nodes[above] if above else None
        certificate = self.certify(office, signer, issuer, replaces=replaces.id if replaces else None)
        if issuer is not None:
            issuer.write_line(KIND_ENROLLED, Enrolled(certificate))
        node = Node(self, office, signer, [*(issuer.chain if issuer else []), certificate])
        self.nodes[office] = node
        node.start()
        return node

    def clone(self, node: Node) -> Node:
        """A second machine with the same disk: same keys, same store, not in `nodes`."""
        twin = Node(self, node.office, node.signer, node.chain)
        twin.start(node.store.copy())
        return twin

    # --- talking -------------------------------------------------------------------------------------------------

    def exchange(self, child: Node, above: Node) -> tuple[Admission, Admission]:
        """One page up, one page down; what each side made of it."""
        upward = child.page(above)
        first = above.admit(upward)
        second = child.admit(above.page(child, receipts_due=not upward.more))
        return first, second

    def talk(self, child: Node, above: Node) -> int:
        """Exchange until neither side has anything to say; how many exchanges it took."""
        for count in range(1, EXCHANGES_MAX):
            upward = child.page(above)
            try:
                above.admit(upward)
            except GapFault as gap:  # it was restored: go on where it says
                child.hear(above, gap)
                continue
            downward = above.page(child, receipts_due=not upward.more)
            child.admit(downward)
            if not (says_something(upward) or says_something(downward)):
                return count
        raise AssertionError("two nodes talk for ever")

    def settle(self, node: Node) -> None:
        """Carry everything between a node and the county, up and down again."""
        path: list[tuple[Node, Node]] = []
        here = node
        while (above := self.parent_of(here)) is not None:
            path.append((here, above))
            here = above
        for child, above in [*path, *reversed(path)]:
            self.talk(child, above)

    def settle_all(self) -> None:
        """Carry everything everywhere."""
        for _ in range(3):
            for node in sorted(self.nodes.values(), key=lambda node: -len(node.office)):
                above = self.parent_of(node)
                if above is not None:
                    self.talk(node, above)

    def below(self, office: OfficeId) -> Iterator[Node]:
        return (node for node in self.nodes.values() if within(node.office, office))


def says_something(page: Page) -> bool:
    """Whether a page carries more than cursors."""
    return bool(page.stretches or page.wants or page.answers or page.sizes or page.unsettled)


def runs_of(page: Page) -> list[Run]:
    return [found for stretch in page.stretches for found in stretch.runs]


def size(journal: JournalId, count: int) -> Size:
    return Size(journal.origin, journal.epoch, count)


def sign(node: Node, journal: JournalId, count: int, root: bytes) -> Checkpoint:
    """A checkpoint under the node's own log key, whatever it states: for attackers who hold a key."""
    message = node.books.checkpoint_message(journal, count, root)
    assert message is not None
    return Checkpoint(count, root, node.signer.sign(message))


@contextmanager
def refused(kind: type[Fault], code: str) -> Generator[None]:
    """The block is refused with this kind and code, and a sentence that says what to do."""
    with pytest.raises(kind) as caught:
        yield
    assert caught.value.code == code
    assert len(caught.value.hint) > 20
