"""The journals of a whole county, sealed in bulk into one node's own books and store.

Every entry is sealed by `sync.core.journal.seal`, every journal has its owner's key, its enrolment and its signed
checkpoints, everything is folded by the node's casebook and written by the ledger's own commit. Left out is the way
there: no page is cut or carried, no signature verified on arrival, no outbox row posted; that is what `ingest`
measures. Beacons, pins and receipts are written where somebody says so (`tests.simulation.county_lines`). Next:
`county_year`, `casework`.
"""

from collections.abc import Iterable
from random import Random
from typing import Final

from msgspec import Struct

from office.node import Node
from schemas.codec import encode
from schemas.names import EPOCH_NONCE_BYTES, SALT_BYTES, CaseId, Epoch, Instant, JournalId, OfficeId, parent_seat
from schemas.wire import (
    KIND_ENROLLED,
    KIND_EPOCH_OPENED,
    Checkpoint,
    Enrolled,
    Enrolment,
    EpochOpened,
    is_line,
)
from sync import folding
from sync.core.journal import CHECKPOINT_BYTES_MAX, CHECKPOINT_ENTRIES_MAX, Draft, Tip, seal
from sync.enrolment import certify
from sync.keys import SIGNER_ENTROPY_BYTES, Ed25519Signer, Signer
from sync.ports import Stored

BATCH_ENTRIES: Final = 4000
"""Entries of one transaction: a full group of the writer's (`sync.writer`)."""

TIDY_AFTER_BATCHES: Final = 50


class Device(Struct):
    """One office's device: its keys and its journal."""

    office: OfficeId
    signer: Signer
    journal: JournalId
    unsigned_bytes: int = 0


class Bulk:
    """Writes for every device of a county. The node is open, and nobody else writes into it meanwhile."""

    def __init__(self, node: Node, random: Random) -> None:
        books = node.books
        self._node = node
        self._books = books
        self._random = random
        seat = books.seat
        self.devices = {seat.office: Device(seat.office, seat.signer, books.own)}
        self._former: list[Device] = []
        self._entries: list[Stored] = []
        self._moved: set[JournalId] = set()
        self.written = 0
        """Entries about cases."""
        self.batches = 0

    async def enrol(self, seats: Iterable[OfficeId], at: Instant) -> None:
        """A device for each seat below one that has one, enrolled there, its epoch opened."""
        books = self._books
        for office in seats:
            issuer = self.devices[_above(office)]
            signer = Ed25519Signer.create(self._random.randbytes(SIGNER_ENTROPY_BYTES))
            keys = signer.public_keys
            county, node = books.seat.root.county, signer.node
            enrolment = Enrolment(county, node, office, keys.log, keys.cosigner, issuer.signer.node, at)
            await self._line(issuer, KIND_ENROLLED, encode(Enrolled(certify(issuer.signer, enrolment))), at)
            journal = JournalId(node, Epoch(1, self._random.randbytes(EPOCH_NONCE_BYTES)))
            device = self.devices[office] = Device(office, signer, journal)
            opened = EpochOpened(office, None, False, books.seat.software)
            await self._line(device, KIND_EPOCH_OPENED, encode(opened), at)
        await self.flush()

    async def _line(self, device: Device, kind: str, body: bytes, at: Instant) -> None:
        """House-keeping is learned at once: the enrolled is known to all that follows."""
        entry = self._seal(device, kind, None, body, at)
        self._books.batch.entries.append(entry)
        await folding.take_in(self._books, entry)

    def write(
        self, seat: OfficeId, kind: str, case: CaseId, body: bytes, at: Instant, device: Device | None = None
    ) -> Stored:
        """One entry about a case, by a seat's device, or one that it had before. Call `flush` when `is_full`."""
        entry = self._seal(device or self.devices[seat], kind, case, body, at)
        self._entries.append(entry)
        self.written += 1
        return entry

    async def line(self, seat: OfficeId, kind: str, body: bytes, at: Instant) -> None:
        """One entry of house-keeping, or of the register, by a seat's device. Call `flush` when `is_full`."""
        device = self.devices[seat]
        if is_line(kind):
            await self._line(device, kind, body, at)
        else:
            self._entries.append(self._seal(device, kind, None, body, at))

    async def replace(self, seat: OfficeId, at: Instant) -> Device:
        """Another device takes a seat; the one before is returned, its journal signed to its end."""
        before = self.devices[seat]
        self._former.append(before)
        self._sign(before)
        await self.enrol([seat], at)
        return before

    @property
    def is_full(self) -> bool:
        """Whether a transaction is due."""
        return len(self._entries) + len(self._books.batch.entries) >= BATCH_ENTRIES

    async def flush(self) -> None:
        """Fold and write what is sealed, in one transaction."""
        books = self._books
        for journal in self._moved:
            books.advance(journal, books.tips[journal], ())
        self._moved.clear()
        await folding.interpret(books, self._entries)
        books.batch.entries += self._entries
        books.batch.entries.sort(key=lambda entry: entry.arrival)
        self._entries = []
        await self._node.ledger.commit()
        self.batches += 1
        if self.batches % TIDY_AFTER_BATCHES == 0:
            await self._node.store.tidy()

    async def finish(self) -> None:
        """Sign every journal at its end, write what is left, and tidy the store."""
        for device in (*self.devices.values(), *self._former):
            self._sign(device)
        await self.flush()
        await self._node.store.tidy()

    # --- sealing -----------------------------------------------------------------------------------------------------

    def _seal(self, device: Device, kind: str, case: CaseId | None, body: bytes, at: Instant) -> Stored:
        books, journal = self._books, device.journal
        checkpointed = books.journal_state(journal).checkpointed
        tip, salt = books.tips[journal], self._random.randbytes(SALT_BYTES)
        sealed, after = seal(journal, tip, Draft(kind, case, body), at, salt)
        line = sealed.line
        entry = Stored(journal, tip.size, books.next_arrival(), line.head, at, kind, case, salt, body, sealed.hash)
        books.tips[journal] = after
        self._moved.add(journal)
        device.unsigned_bytes += len(body)
        if after.size - checkpointed >= CHECKPOINT_ENTRIES_MAX or device.unsigned_bytes >= CHECKPOINT_BYTES_MAX:
            self._sign(device)
        return entry

    def _sign(self, device: Device) -> None:
        books = self._books
        tip = books.tips.get(device.journal, Tip())
        if tip.size <= books.journal_state(device.journal).checkpointed:
            return
        root = tip.frontier.root()
        message = books.checkpoint_message(device.journal, tip.size, root)
        assert message is not None
        books.advance(device.journal, tip, [Checkpoint(tip.size, root, device.signer.sign(message))])
        device.unsigned_bytes = 0


def _above(office: OfficeId) -> OfficeId:
    above = parent_seat(office)
    assert above is not None, "the county has no seat above"
    return above
