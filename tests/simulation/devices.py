"""The devices of the simulated county: the product's ledger and fold on a disk, with keys, a clock and a switch.

What can go wrong with one machine alone is here: a full disk, a power cut around a commit, a backup put back. What is
between machines is in `world`. Never shares anything with another device. Next: `world`, `faults`.
"""

import hashlib
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from msgspec import Struct

from office.case_rows import MemoryCases
from office.casebook import CaseInterpreter
from schemas.names import CaseId, Epoch, Instant, NodeId, OfficeId
from schemas.wire import (
    Certificate,
    Enrolment,
    enrolment_message,
)
from sync.books import Books, Seat
from sync.core.journal import Draft
from sync.core.link import Link
from sync.enrolment import Root
from sync.keys import (
    Ed25519Key,
    Ed25519Signer,
    KeyedHashKey,
    KeyedHashSigner,
    SecretKey,
    Signer,
    Verify,
    verify_ed25519,
    verify_keyed_hash,
)
from sync.ledger import Ledger
from sync.memory import MemoryShelf, MemoryStore, Tables
from sync.papers import PaperSide
from sync.ports import Batch, EntryKey

if TYPE_CHECKING:
    from tests.simulation.world import World

T = TypeVar("T")

COUNTY: Final = OfficeId("510824")
TOWNSHIP_A: Final = OfficeId("510824100")
TOWNSHIP_B: Final = OfficeId("510824102")
OFFICES: Final[dict[str, OfficeId]] = {
    "C": COUNTY,
    "TA": TOWNSHIP_A,
    "TB": TOWNSHIP_B,
    "V1": OfficeId("510824100201"),
    "V2": OfficeId("510824100202"),
    "V3": OfficeId("510824102201"),
    "V4": OfficeId("510824102202"),
}
NAMES: Final = {office: name for name, office in OFFICES.items()}
START: Final = 1_772_769_600_000
"""6 March 2026, 12:00 in China."""
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR


class Keys:
    """A signature scheme for a whole county: keyed hashes for nearly all schedules, Ed25519 for a share of them."""

    def __init__(self, root: SecretKey, verify: Verify, make: Callable[[bytes], Signer]) -> None:
        self.root_key = root
        self.root = Root("cangxi", root.public_key)
        self.verify = verify
        self.make = make

    def signer(self, name: str) -> Signer:
        """The keys of a device of this name: the same name gives the same device."""
        return self.make(name.encode())

    def enrolment(self, signer: Signer, office: OfficeId, issuer: NodeId | None, **more: Any) -> Enrolment:
        """The statement that an issuer signs for a device."""
        keys = signer.public_keys
        county = self.root.county
        return Enrolment(county, signer.node, office, keys.log, keys.cosigner, issuer, Instant(START), **more)

    def certify_county(self, enrolment: Enrolment) -> Certificate:
        """The county's own device, enrolled by the offline root."""
        return Certificate(enrolment, self.root_key.sign(enrolment_message(enrolment)))


def _real_signer(seed: bytes) -> Signer:
    return Ed25519Signer.create(hashlib.sha512(seed).digest())


REMEMBERED: Final = 10_000
"""Verified signatures remembered in one process: what seven nodes verify is mostly the same."""

KEYED: Final = Keys(KeyedHashKey(b"county root"), lru_cache(REMEMBERED)(verify_keyed_hash), KeyedHashSigner.from_seed)
REAL: Final = Keys(
    Ed25519Key(hashlib.sha256(b"county root").digest()), lru_cache(REMEMBERED)(verify_ed25519), _real_signer
)


class DiskFull(OSError):
    """The receiver's disk is full: nothing of the transaction is written."""


class PowerCut(BaseException):
    """The machine stops, here, whatever it was doing."""


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Step a coroutine that never waits to its end (RULINGS C2)."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("product code waited for something: the simulator has no event loop")


class Written(Struct, frozen=True):
    """One entry as a pen wrote it: what must not be lost. Kept by the world, never by a node."""

    key: EntryKey
    hash: bytes
    kind: str
    subject: CaseId | None
    body: bytes | None
    device: str
    office: OfficeId


class Disk(MemoryStore):
    """A memory store that can be full, lose power around a commit, and is watched by the world."""

    def __init__(self, tables: Tables, cases: MemoryCases, watch: Callable[[Batch], None]) -> None:
        super().__init__(tables, cases.project)
        self.cases = cases
        self.watch = watch
        self.full = False
        self.cut_before = False
        self.cut_after = False

    async def commit(self, batch: Batch) -> None:
        """See `Store.commit`; the faults that are armed strike here."""
        if self.cut_before:
            raise PowerCut
        if self.full and batch.entries:
            raise DiskFull("no space left on device")
        await self.write(batch)
        self.watch(batch)
        if self.cut_after:
            raise PowerCut

    async def write(self, batch: Batch) -> None:
        """What a healthy disk does."""
        await super().commit(batch)


class Maker(Protocol):
    """Where disks come from and how their coroutines are run: memory, or `mirror.Mirrors`."""

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result."""
        ...

    def disk(self, tables: Tables, cases: MemoryCases, watch: Callable[[Batch], None]) -> Disk:
        """A disk with these contents."""
        ...


class InMemory:
    """Disks in memory, stepped without an event loop."""

    run = staticmethod(run)

    def disk(self, tables: Tables, cases: MemoryCases, watch: Callable[[Batch], None]) -> Disk:
        """See `Maker.disk`."""
        return Disk(tables, cases, watch)


class Backup(Struct, frozen=True):
    """A copy of a disk, and when it was made."""

    at: int
    tables: Tables
    cases: MemoryCases
    shelf: MemoryShelf
    asked_papers: dict[bytes, NodeId | None]


class Exchange(Struct):
    """A page of ours that is on its way, or whose answer is."""

    number: int
    deadline: int


class Device:
    """One machine: keys, disk, clock, and while it runs the product's ledger."""

    def __init__(self, world: "World", name: str, signer: Signer, chain: list[Certificate]) -> None:
        self.world = world
        self.name = name
        self.signer = signer
        self.chain = chain
        self.office = chain[-1].enrolment.office
        self.node: NodeId = signer.node
        self.skew_ms = 0
        self.starts = 0
        self.wrecked = False
        self.restores = 0
        self.ledger: Ledger | None = None
        self.interpreter: CaseInterpreter | None = None
        self.session: tuple[str, int, int] | None = None
        self.outstanding: dict[int, Exchange] = {}
        self.backups: list[Backup] = []
        self.shelf = MemoryShelf(looks=world.rules.paper_digest_checked)
        self.asked_papers: dict[bytes, NodeId | None] = {}
        """Papers that are wanted beyond the policy, and for which neighbour (None: somebody here asked). Durable."""
        self.paper_sides: dict[NodeId, PaperSide] = {}
        self.stated_papers: dict[NodeId, dict[bytes, int]] = {}
        """Neighbour → papers that it asked for, with their sizes, as it last said to this start."""
        self.disk = self._new_disk(Tables(), MemoryCases())

    # --- clock and chance, as the product asks for them --------------------------------------------------------------

    def now(self) -> Instant:
        """The device's clock: the world's time, off by its own error."""
        return Instant(self.world.now + self.skew_ms)

    def elapsed_s(self) -> float:
        """Seconds on a scale that never goes back."""
        return self.world.now / 1000

    def draw(self, size: int) -> bytes:
        """Salts, nonces, case numbers."""
        return self.world.chance.randbytes(size)

    # --- on and off --------------------------------------------------------------------------------------------------

    @property
    def up(self) -> bool:
        """Whether its process runs."""
        return self.ledger is not None

    @property
    def books(self) -> Books:
        """The running ledger's books."""
        assert self.ledger is not None
        return self.ledger.books

    def is_writing(self, epoch: Epoch) -> bool:
        """Whether its process runs and writes this epoch."""
        return self.ledger is not None and self.ledger.books.epoch == epoch

    def start(self, *, restored: bool = False) -> None:
        """Start the process: new memory, new epoch (DESIGN 4)."""
        self.ledger = self._new_ledger()
        try:
            self.world.run(self.ledger.open_epoch(restored=restored))
        except DiskFull:
            self.world.counts["could not start: disk full"] += 1
            self.stop()

    def resume(self, epoch: Epoch | None) -> None:
        """Go on inside an epoch, as a copied virtual machine does when it is resumed."""
        self.ledger = self._new_ledger()
        self.world.run(self.ledger.books.load())
        self.ledger.books.epoch = epoch

    def _new_ledger(self) -> Ledger:
        self.starts += 1
        self.outstanding = {}
        self.paper_sides = {}
        self.stated_papers = {}
        self.session = None
        interpreter = CaseInterpreter(self.disk.cases)
        keys = self.world.keys
        seat = Seat(self.signer, self.chain, keys.root, keys.verify)
        books = Books(seat, self.disk, interpreter, self, self, self.world.rules, recent_epochs=1)
        interpreter.attach(books)
        self.interpreter = interpreter
        return Ledger(books)

    def stop(self) -> None:
        """The process is gone; the disk stays."""
        self.ledger = None
        self.interpreter = None
        self.outstanding = {}
        self.disk.cut_before = self.disk.cut_after = False

    def _new_disk(self, tables: Tables, cases: MemoryCases) -> Disk:
        return self.world.maker.disk(tables, cases, lambda batch: self.world.watch(self, batch))

    def back_up(self) -> Backup:
        """A consistent copy of the disk."""
        return Backup(
            self.world.now, self.disk.copy(), self.disk.cases.copy(), self.shelf.copy(), dict(self.asked_papers)
        )

    def put_back(self, backup: Backup) -> None:
        """Overwrite the disk with a copy."""
        self.stop()
        twin = MemoryStore(backup.tables)
        self.disk = self._new_disk(twin.copy(), backup.cases.copy())
        self.shelf = backup.shelf.copy(looks=self.world.rules.paper_digest_checked)
        self.asked_papers = dict(backup.asked_papers)

    def holds(self, key: EntryKey) -> bool:
        """Whether the disk has this entry."""
        return key[1] in self.disk.tables.entries.get(key[0], {})

    def write(self, drafts: list[Draft]) -> None:
        """Write with the device's own pen."""

        async def drafting() -> list[Draft]:
            return drafts

        assert self.ledger is not None
        self.world.run(self.ledger.record(drafting))

    def link_to(self, other: "Device") -> Link | None:
        """The line to another device as this one sees it."""
        return self.books.links.get(other.node)
