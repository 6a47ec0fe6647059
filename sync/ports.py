"""What sync needs from the world: clock, salts, jitter, sleep, a store, and somebody who reads bodies.

Protocols and plain values only. `office.clock` and `sync.store` implement them for real nodes, `sync.memory` and the
simulator for tests. Nothing here may import a driver.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from msgspec import Struct

from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId, OfficeId
from schemas.papers import PaperWant
from schemas.wire import Checkpoint, JournalHead
from sync.core.papers import Wanted


class Clock(Protocol):
    """The device's own clock: a claim that decides nothing but what is written beside an entry."""

    def now(self) -> Instant:
        """Milliseconds since 1970 UTC."""
        ...


class Salts(Protocol):
    """Randomness for salts, epoch nonces and case numbers."""

    def draw(self, size: int) -> bytes:
        """`size` unpredictable bytes."""
        ...


class Jitter(Protocol):
    """Randomness for waiting times (full jitter, DESIGN 4)."""

    def between(self, low_s: float, high_s: float) -> float:
        """A number of seconds drawn evenly from the interval."""
        ...


class Sealer(Protocol):
    """Encrypts what is stored beside a public header: bodies at rest (RULINGS C7). Digests are over clear text."""

    def seal(self, name: bytes, clear: bytes) -> bytes:
        """Ciphertext bound to `name` (32 bytes; an entry's hash). The same name always comes with the same text."""
        ...

    def open(self, name: bytes, sealed: bytes) -> bytes:
        """The clear text. Raises `ValueError` when it was changed, or sealed under another name or an unknown key."""
        ...


class PaperShelf(Protocol):
    """Where papers lie, by digest. Whoever appends may be cut off at any byte and goes on from what `held` says."""

    async def held(self, digest: bytes, size: int) -> int:
        """How many bytes of it are durably here; `size`: it is whole."""
        ...

    async def read(self, digest: bytes, offset: int, count: int) -> bytes:
        """Bytes of a whole paper. Raises `LocalFault` `paper_missing`, or `paper_damaged` when it no longer fits."""
        ...

    async def append(self, digest: bytes, size: int, offset: int, content: bytes) -> int:
        """Keep a piece, durably; returns the bytes held now. A piece that does not begin where we stand is ignored.

        Raises `RemoteFault` `paper_mismatch` when the whole is not what its name says: nothing of it stays.
        """
        ...

    async def drop(self, digest: bytes) -> None:
        """Delete it, whole or in part: its case was erased, or purged here."""
        ...


class PaperPolicy(Protocol):
    """Which papers a node should have and from whom, and who may have which: the office's, for `sync.papers`.

    Sync carries papers as it carries bodies: it knows their names and sizes, never what they are about.
    """

    async def knows_any(self) -> bool:
        """Whether any paper is named here, or wanted: else there is nothing to speak of."""
        ...

    async def wanted(self, neighbour: NodeId) -> Collection[Wanted]:
        """What is to come from this neighbour and is not known to be whole here."""
        ...

    def has_room(self) -> bool:
        """Whether the disk takes papers; without room nothing is asked for."""
        ...

    async def offers(self, neighbour: NodeId) -> Sequence[bytes]:
        """Some papers that the neighbour may well have without our knowing it, `PAPER_WANTS_MAX` at most."""
        ...

    async def size_for(self, neighbour: NodeId, digest: bytes) -> int | None:
        """A paper's size in bytes; None when no case that this neighbour reads names it."""
        ...

    async def came(self, digest: bytes) -> None:
        """The paper is whole here."""
        ...

    async def spoiled(self, neighbour: NodeId, digest: bytes, *, set_aside: bool) -> None:
        """What came under this name was not the paper. `set_aside`: for the last time of this session."""
        ...

    def retried(self) -> Collection[bytes]:
        """Papers that a person asked for once more after they were set aside, and that did not come wrong since."""
        ...

    async def missed(self, neighbour: NodeId, digest: bytes, size: int) -> None:
        """The neighbour asked for a paper that it may have, and that is not whole here: it is wanted for it."""
        ...

    async def heard(
        self,
        neighbour: NodeId,
        wants: Sequence[PaperWant],
        whole: Sequence[bytes],
        absent: Sequence[bytes],
        *,
        is_all: bool,
    ) -> None:
        """What the neighbour says of papers: how far it holds what it asks for, what of ours is whole there, and what
        we asked for that it has not.

        `is_all`: it asks for nothing but `wants`.
        """
        ...


class Sleeper(Protocol):
    """Waiting, and a scale of seconds that never goes back. Real or virtual; what it reads is never written down."""

    def elapsed_s(self) -> float:
        """Seconds since some fixed moment."""
        ...

    async def sleep(self, delay_s: float) -> None:
        """Wait; other tasks go on."""
        ...


class Stored(Struct, frozen=True, gc=False):
    """One entry as a node holds it. `prev` and `proof` are kept only while the entry is loose (outside its run)."""

    journal: JournalId
    seq: int
    arrival: int
    head: bytes
    at: Instant
    kind: str
    subject: CaseId | None
    salt: bytes
    body: bytes | None
    hash: bytes
    digest: bytes | None = None
    signature: bytes | None = None
    prev: bytes | None = None
    proof: bytes | None = None
    loose: bool = False
    inlet: int = 0
    """Which inlet brought it (0: our own pen)."""

    @property
    def epoch(self) -> Epoch:
        """The journal's epoch: with it the fold can read an entry as it is held (`schemas.headed.Headed`)."""
        return self.journal.epoch


EntryKey = tuple[JournalId, int]
"""(journal, seq): an entry's identity."""


class JournalState(Struct):
    """What a node knows of one journal: how far it holds it without a gap, and where it should reach.

    `wanted` > `size` means blocked or behind: a `Want` is open. `key` is the store's own short name of the journal.
    """

    journal: JournalId
    key: int
    size: int = 0
    tip: bytes = bytes(32)
    frontier: bytes = b""
    checkpointed: int = 0
    """Size of the newest checkpoint held."""
    wanted: int = 0
    lost_upto: int = 0
    """Every neighbour answered «not held» up to here: nobody waits for it any longer (RULINGS A7)."""


class Inlet(Struct):
    """One neighbour's outbox stream as we hold it: our durable cursor and the accounting identity (RULINGS A16)."""

    key: int
    neighbour: NodeId
    lane: int
    epoch: Epoch
    number: int = 0
    admitted: int = 0
    refused: int = 0
    duplicate: int = 0


class OutboxRow(Struct, frozen=True):
    """Numbers number … number + count - 1 of our outbox toward a neighbour are these entries of one journal."""

    neighbour: NodeId
    lane: int
    epoch: Epoch
    number: int
    count: int
    journal: JournalId
    seq: int


class Told(Struct, frozen=True):
    """What the county last told one seat in a watermark (`sync.lighting`)."""

    count: int = 0
    running_hash: bytes = bytes(32)
    waiting: bytes = b""
    """Prefixes of entries that did not fit the last one."""
    owed: list[JournalId] = []
    """Journals that moved and did not fit it."""


class Heard(Struct, frozen=True):
    """The county's last watermark for this seat, and what follows from it (`sync.watermarks`)."""

    mark: bytes
    """Prefix of the entry's own hash."""
    journal: JournalId
    """The county's, in which it stands …"""
    seq: int
    """… and where."""
    beacon_at: Instant
    at: Instant
    """When it came, by our own clock."""
    count: int
    running_hash: bytes
    skipped: int = 0
    """How often one before it had not come, as far as one journal of the county shows."""
    heads: list[JournalHead] = []
    """Of this device's own journals as last stated, the newest few: how far the county holds them."""
    lacking: list[tuple[bytes, Instant]] = []
    """Prefix of an entry that was addressed to us and is not here, and the beacon of the list that named it first."""


class LinkMemory(Struct):
    """What must survive a restart about one neighbour besides cursors (RULINGS A1, B5).

    Under our own name: what no neighbour alone said, the county's watermarks, told or heard.
    """

    neighbour: NodeId
    seat: OfficeId
    acknowledged: list[tuple[int, Epoch, int]] = []
    """(lane, epoch, number) as the neighbour last stated it: a memory that any statement overwrites."""
    rollbacks_shown: list[tuple[int, Epoch]] = []
    quarantined: bool = False
    last_heard: Instant = Instant(0)
    last_epoch: Epoch | None = None
    received: int = 0
    running_hash: bytes = bytes(32)
    pinned: int = 0
    beacon_pinned_at: Instant = Instant(0)
    """Which beacon our last pin of one names."""
    receipts_due: list[JournalId] = []
    """Journals that this neighbour brought further with work, and for which it has no receipt of ours yet."""
    examined: int | None = None
    """At the county: the arrival up to which watermarks have told what came; None: none was ever written."""
    told: dict[OfficeId, Told] = {}
    heard: Heard | None = None
    beacon_came_at: Instant = Instant(0)
    """When the last beacon came, by our own clock; 0: none did since this is noted."""


class Disposition(Struct, frozen=True):
    """Why an entry is not simply folded: held (waits for another), quarantined (breaks a rule), unknown kind."""

    key: EntryKey
    state: str
    code: str
    """Empty state: the entry is folded after all."""


class Evidence(Struct, frozen=True):
    """A finding of the post with what proves it: fork, rollback, lost, refused."""

    code: str
    journal: JournalId
    seq: int
    at: Instant
    hash: bytes
    material: bytes


class ReceiptRow(Struct, frozen=True):
    """`holder` holds this journal up to `size`, by its own signature."""

    journal: JournalId
    holder: NodeId
    office: OfficeId
    size: int
    at: Instant


class Batch(Struct):
    """Everything one transaction writes. Applied whole or not at all."""

    journals: dict[JournalId, JournalState]
    entries: list[Stored]
    promoted: list[EntryKey]
    checkpoints: dict[tuple[JournalId, int], Checkpoint]
    outbox: list[OutboxRow]
    inlets: dict[int, Inlet]
    links: dict[NodeId, LinkMemory]
    dispositions: list[Disposition]
    evidence: list[Evidence]
    receipts: list[ReceiptRow]
    posted: set[tuple[NodeId, JournalId, int]] = set()
    """What `outbox` has in lane 0, for whoever asks whether an entry stands there."""
    projected: object | None = None
    repaired: list[Stored] = []
    """Entries whose bytes on the disk had gone bad: head, body, hash and what proves them are written again."""
    dropped_neighbours: list[NodeId] = []
    """Replaced devices: their outbox rows are dropped; routing computes them again for the successor (RULINGS A15)."""
    erased: dict[bytes, EntryKey | None] = {}
    """Hash of an entry that lost its body by law → the order's place; None: the order is not here yet (RULINGS B6)."""
    stripped: dict[EntryKey, bytes] = {}
    """Entries of which body and salt go now → the digest that stays."""
    redacted: dict[bytes, bytes] = {}
    """SHA-256 of a finding's material → the material without the bodies that are to go."""
    purged: dict[CaseId, bytes] = {}
    """Cases of which this device alone lets the bodies go (RULINGS A17) → what stays of them here."""


def empty_batch() -> Batch:
    """A batch that writes nothing."""
    return Batch({}, [], [], {}, [], {}, {}, [], [], [], repaired=[], dropped_neighbours=[])


def is_empty(batch: Batch) -> bool:
    """Whether a batch would write nothing at all: then there is no transaction (re-sending writes no rows)."""
    return batch.projected is None and not any(
        (
            batch.journals,
            batch.entries,
            batch.promoted,
            batch.repaired,
            batch.checkpoints,
            batch.outbox,
            batch.inlets,
            batch.links,
            batch.dispositions,
            batch.evidence,
            batch.receipts,
            batch.dropped_neighbours,
            batch.erased,
            batch.stripped,
            batch.redacted,
            batch.purged,
        )
    )


class Loaded(Struct):
    """What a ledger keeps in memory, as read at start or after a failure."""

    journals: list[JournalState]
    inlets: list[Inlet]
    links: list[LinkMemory]
    ends: dict[tuple[NodeId, int, Epoch], int]
    arrival: int
    erased: set[bytes] = set()
    """Hashes of all entries that lost their bodies by law, held here or not."""


class Store(Protocol):
    """Durable rows of one node. Only the holder of the node's lock commits (RULINGS C1); reads are free."""

    async def load(self) -> Loaded:
        """Everything a ledger keeps in memory."""
        ...

    async def entries(self, journal: JournalId, start: int, stop: int) -> list[Stored]:
        """Entries start … stop - 1 that are held, loose ones included, by seq."""
        ...

    async def entries_at(self, keys: Sequence[EntryKey]) -> dict[EntryKey, Stored]:
        """Those of these entries that are held; each with `prev`, the hash before it, where that is held."""
        ...

    async def entries_about(self, subjects: Sequence[CaseId]) -> list[Stored]:
        """All entries of these cases by arrival."""
        ...

    async def entries_of_kind(self, kind: str, *, after: int = 0, limit: int | None = None) -> list[Stored]:
        """Entries of one kind that are house-keeping (`line.*`) or about no case, by arrival.

        All, or the first `limit` that arrived later than `after`. Of kinds that are about cases: any or none.
        """
        ...

    async def entries_since(self, arrival: int, limit: int) -> list[Stored]:
        """Entries with a higher arrival number, in that order: for refold and verification."""
        ...

    async def loose(self) -> list[Stored]:
        """All loose entries (outside their run), by arrival."""
        ...

    async def loose_beyond(self, journal: JournalId, size: int) -> list[Stored]:
        """Loose entries of a journal at or after position `size`."""
        ...

    async def hashes(self, journal: JournalId, start: int, stop: int) -> list[bytes]:
        """Entry hashes start … stop - 1 of the part held without a gap."""
        ...

    async def checkpoints(self, journal: JournalId, above: int, upto: int) -> list[Checkpoint]:
        """Checkpoints with above < size ≤ upto, by size."""
        ...

    async def checkpoint_after(self, journal: JournalId, seq: int) -> Checkpoint | None:
        """The smallest checkpoint that covers entry `seq`."""
        ...

    async def outbox(self, neighbour: NodeId, lane: int, epoch: Epoch, above: int, limit: int) -> list[OutboxRow]:
        """Rows that hold a number > above, by number; at most `limit` rows."""
        ...

    async def posted(self, neighbour: NodeId, keys: Sequence[EntryKey]) -> set[EntryKey]:
        """Which of these entries already stand in lane 0 of the outbox toward the neighbour."""
        ...

    async def dispositions(self, of: Sequence[Stored] | None = None, *, limit: int | None = None) -> list[Disposition]:
        """Entries that are held, quarantined or of unknown kind: all, those `of` these entries, or the first `limit`.

        A hostile device may have written very many: whoever shows a page asks for what it shows.
        """
        ...

    async def count_dispositions(self) -> int:
        """How many there are."""
        ...

    async def evidence(self) -> list[Evidence]:
        """All findings of the post."""
        ...

    async def found(self, codes: Collection[str]) -> set[EntryKey]:
        """Which entries there are findings of these codes about: without their material, which may be large."""
        ...

    async def receipts(self, journal: JournalId | None = None) -> list[ReceiptRow]:
        """Who holds which journal how far."""
        ...

    async def orders(self, hashes: Sequence[bytes]) -> set[EntryKey]:
        """The places of the orders by which these entries lost their bodies, as far as the orders are here."""
        ...

    async def purged(self, subjects: Sequence[CaseId]) -> dict[CaseId, bytes]:
        """What stays here of those of these cases of which this device let the bodies go (RULINGS A17)."""
        ...

    async def commit(self, batch: Batch) -> None:
        """Write everything in one durable transaction. Raises on failure with nothing written."""
        ...


class Outcome(Struct):
    """What the office made of one entry."""

    state: str = ""
    """"" = folded, else "held", "quarantined" or "unknown"."""
    code: str = ""
    audience: frozenset[OfficeId] = frozenset()
    """Offices that must have this entry; the ledger turns them into neighbours."""


class Interpretation(Struct):
    """What the office made of several entries, in their order, and of earlier ones that they touch."""

    outcomes: list[Outcome]
    settled: list[Disposition] = []
    """Earlier entries whose state changed."""
    shared: list[tuple[CaseId, frozenset[OfficeId]]] = []
    """Cases that gained readers: all their entries go to these offices (RULINGS B4)."""


class Interpreter(Protocol):
    """The office's reading of bodies: fold and routing. Sync hands entries over and stores what comes back, unread."""

    async def interpret(self, entries: Sequence[Stored]) -> Interpretation:
        """Fold entries that are being admitted; total: never raises for what arrived."""
        ...

    async def refold(self, subjects: Iterable[CaseId | None]) -> Interpretation:
        """Fold these cases again from all their entries that count: after a revocation (outcomes stay empty).

        None: everything that is about no case.
        """
        ...

    async def readers(self, subjects: Sequence[CaseId]) -> dict[CaseId, frozenset[OfficeId]]:
        """Who may have entries of these cases."""
        ...

    async def audiences(self, entries: Sequence[Stored]) -> list[frozenset[OfficeId]]:
        """Which offices must have each of these entries, that are no house-keeping and count. Nothing is folded."""
        ...

    async def cases_of(self, office: OfficeId) -> list[CaseId]:
        """Cases that this office reads: for a replaced device's first load."""
        ...

    async def records_for(self, office: OfficeId) -> list[Stored]:
        """Entries about no case that this office must have, by arrival: for a new device's first load."""
        ...

    def drain(self) -> object | None:
        """The projection rows gathered since the last drain, for the same transaction."""
        ...

    async def load(self) -> None:
        """Forget everything not yet committed, and read again what is kept in memory: at start, after a failure."""
        ...
