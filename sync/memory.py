"""A store in memory: the simulator's, and the first of the three that pass the store contract.

Ships with the port. Its coroutines never wait, so they can be stepped without an event loop (RULINGS C2). A commit is
applied whole or not at all; `copy()` is a backup and `MemoryStore(copy)` a restore. Never used by a real node.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from hashlib import sha256

from msgspec.structs import replace

from schemas.names import CaseId, Epoch, JournalId, NodeId
from schemas.wire import Checkpoint, Lane
from sync.core.errors import LocalFault, RemoteFault
from sync.ports import (
    Batch,
    Disposition,
    EntryKey,
    Evidence,
    Inlet,
    JournalState,
    LinkMemory,
    Loaded,
    OutboxRow,
    ReceiptRow,
    Stored,
)


class Tables:
    """Everything durable, as plain dictionaries."""

    def __init__(self) -> None:
        self.journals: dict[JournalId, JournalState] = {}
        self.entries: dict[JournalId, dict[int, Stored]] = {}
        self.arrivals: list[Stored] = []
        self.subjects: dict[CaseId, list[EntryKey]] = {}
        self.kinds: dict[str, list[EntryKey]] = {}
        self.loose: dict[EntryKey, None] = {}
        self.checkpoints: dict[JournalId, dict[int, Checkpoint]] = {}
        self.outbox: dict[tuple[NodeId, int, Epoch], list[OutboxRow]] = {}
        self.posted: dict[NodeId, set[EntryKey]] = {}
        self.inlets: dict[int, Inlet] = {}
        self.links: dict[NodeId, LinkMemory] = {}
        self.dispositions: dict[EntryKey, Disposition] = {}
        self.evidence: list[Evidence] = []
        self.receipts: dict[tuple[JournalId, NodeId], ReceiptRow] = {}
        self.erased: dict[bytes, EntryKey | None] = {}
        self.purged: dict[CaseId, bytes] = {}
        self.arrival = 0

    def copy(self) -> "Tables":
        """Every table copied; rows are values, or copied too where they are kept up to date in place."""
        twin = Tables()
        twin.journals = {key: replace(state) for key, state in self.journals.items()}
        twin.entries = {key: dict(rows) for key, rows in self.entries.items()}
        twin.arrivals = list(self.arrivals)
        twin.subjects = {key: list(rows) for key, rows in self.subjects.items()}
        twin.kinds = {key: list(rows) for key, rows in self.kinds.items()}
        twin.loose = dict(self.loose)
        twin.checkpoints = {key: dict(rows) for key, rows in self.checkpoints.items()}
        twin.outbox = {key: list(rows) for key, rows in self.outbox.items()}
        twin.posted = {key: set(rows) for key, rows in self.posted.items()}
        twin.inlets = {key: replace(inlet) for key, inlet in self.inlets.items()}
        twin.links = {key: replace(memory) for key, memory in self.links.items()}
        twin.dispositions = dict(self.dispositions)
        twin.evidence = list(self.evidence)
        twin.receipts = dict(self.receipts)
        twin.erased = dict(self.erased)
        twin.purged = dict(self.purged)
        twin.arrival = self.arrival
        return twin


class MemoryStore:
    """The `Store` port over dictionaries. `project` receives what the interpreter drained, inside the commit."""

    def __init__(self, tables: Tables | None = None, project: Callable[[object], None] | None = None) -> None:
        self.tables = tables or Tables()
        self.project = project
        self.before_commit: Callable[[Batch], None] | None = None
        """A place for faults: may raise (nothing is written) — a full disk, a crash before the commit."""

    async def load(self) -> Loaded:
        """See `Store.load`."""
        held = self.tables
        ends = {key: rows[-1].number + rows[-1].count - 1 for key, rows in held.outbox.items() if rows}
        return Loaded(
            [replace(state) for state in held.journals.values()],
            [replace(inlet) for inlet in held.inlets.values()],
            [replace(memory) for memory in held.links.values()],
            ends,
            held.arrival,
            set(held.erased),
        )

    async def entries(self, journal: JournalId, start: int, stop: int) -> list[Stored]:
        """See `Store.entries`."""
        held = self.tables.entries.get(journal, {})
        if stop - start > len(held):
            return [held[seq] for seq in sorted(held) if start <= seq < stop]
        return [held[seq] for seq in range(start, stop) if seq in held]

    async def entries_at(self, keys: Sequence[EntryKey]) -> dict[EntryKey, Stored]:
        """See `Store.entries_at`."""
        found: dict[EntryKey, Stored] = {}
        for journal, seq in keys:
            held = self.tables.entries.get(journal, {})
            entry, before = held.get(seq), held.get(seq - 1)
            if entry is not None:
                prev = entry.prev if entry.loose or before is None else before.hash
                found[journal, seq] = replace(entry, prev=prev)
        return found

    async def entries_about(self, subjects: Sequence[CaseId]) -> list[Stored]:
        """See `Store.entries_about`."""
        keys = [key for subject in subjects for key in self.tables.subjects.get(subject, [])]
        return sorted((self._get(key) for key in keys), key=_arrival)

    async def entries_of_kind(self, kind: str, *, after: int = 0, limit: int | None = None) -> list[Stored]:
        """See `Store.entries_of_kind`."""
        found = [self._get(key) for key in self.tables.kinds.get(kind, [])]
        return [entry for entry in found if entry.arrival > after][:limit]

    async def entries_since(self, arrival: int, limit: int) -> list[Stored]:
        """See `Store.entries_since`."""
        return [self._get((entry.journal, entry.seq)) for entry in self.tables.arrivals[arrival : arrival + limit]]

    async def loose(self) -> list[Stored]:
        """See `Store.loose`."""
        return sorted((self._get(key) for key in self.tables.loose), key=_arrival)

    async def loose_beyond(self, journal: JournalId, size: int) -> list[Stored]:
        """See `Store.loose_beyond`."""
        found = [self._get(key) for key in self.tables.loose if key[0] == journal and key[1] >= size]
        return sorted(found, key=lambda entry: entry.seq)

    async def hashes(self, journal: JournalId, start: int, stop: int) -> list[bytes]:
        """See `Store.hashes`."""
        held = self.tables.entries.get(journal, {})
        size = self.tables.journals[journal].size if journal in self.tables.journals else 0
        return [held[seq].hash for seq in range(start, min(stop, size)) if seq in held]

    async def checkpoints(self, journal: JournalId, above: int, upto: int) -> list[Checkpoint]:
        """See `Store.checkpoints`."""
        held = self.tables.checkpoints.get(journal, {})
        return [held[size] for size in sorted(held) if above < size <= upto]

    async def checkpoint_after(self, journal: JournalId, seq: int) -> Checkpoint | None:
        """See `Store.checkpoint_after`."""
        held = self.tables.checkpoints.get(journal, {})
        sizes = [size for size in held if size > seq]
        return held[min(sizes)] if sizes else None

    async def outbox(self, neighbour: NodeId, lane: int, epoch: Epoch, above: int, limit: int) -> list[OutboxRow]:
        """See `Store.outbox`."""
        rows = self.tables.outbox.get((neighbour, lane, epoch), [])
        start = bisect_right(rows, above, key=lambda row: row.number + row.count - 1)
        return rows[start : start + limit]

    async def posted(self, neighbour: NodeId, keys: Sequence[EntryKey]) -> set[EntryKey]:
        """See `Store.posted`."""
        done = self.tables.posted.get(neighbour, set())
        return {key for key in keys if key in done}

    async def dispositions(self, of: Sequence[Stored] | None = None, *, limit: int | None = None) -> list[Disposition]:
        """See `Store.dispositions`."""
        held = self.tables.dispositions
        if of is None:
            return list(held.values())[:limit]
        return [held[key] for entry in of if (key := (entry.journal, entry.seq)) in held]

    async def count_dispositions(self) -> int:
        """See `Store.count_dispositions`."""
        return len(self.tables.dispositions)

    async def evidence(self) -> list[Evidence]:
        """See `Store.evidence`."""
        return list(self.tables.evidence)

    async def found(self, codes: Collection[str]) -> set[EntryKey]:
        """See `Store.found`."""
        return {(finding.journal, finding.seq) for finding in self.tables.evidence if finding.code in codes}

    async def receipts(self, journal: JournalId | None = None) -> list[ReceiptRow]:
        """See `Store.receipts`."""
        return [row for row in self.tables.receipts.values() if journal is None or row.journal == journal]

    async def orders(self, hashes: Sequence[bytes]) -> set[EntryKey]:
        """See `Store.orders`."""
        return {order for link in hashes if (order := self.tables.erased.get(link)) is not None}

    async def purged(self, subjects: Sequence[CaseId]) -> dict[CaseId, bytes]:
        """See `Store.purged`."""
        return {subject: self.tables.purged[subject] for subject in subjects if subject in self.tables.purged}

    async def commit(self, batch: Batch) -> None:
        """See `Store.commit`."""
        if self.before_commit is not None:
            self.before_commit(batch)
        tables = self.tables
        if batch.entries:
            self._insert(batch.entries)
        for entry in batch.repaired:
            tables.entries[entry.journal][entry.seq] = entry
        # After what was put right: an answer may bring the good copy of an entry alone and then the run it joins.
        for key in batch.promoted:
            entry = replace(self._get(key), loose=False, prev=None, proof=None)
            tables.entries[key[0]][key[1]] = entry
            tables.loose.pop(key, None)
        for (journal, size), checkpoint in batch.checkpoints.items():
            tables.checkpoints.setdefault(journal, {})[size] = checkpoint
        self._write_outbox(batch)
        # Their fields are values, replaced and never changed in place: a shallow copy is a copy.
        for journal, state in batch.journals.items():
            tables.journals[journal] = replace(state)
        for number, inlet in batch.inlets.items():
            tables.inlets[number] = replace(inlet)
        for neighbour, memory in batch.links.items():
            tables.links[neighbour] = replace(memory)
        self._write_findings(batch)
        self._let_go(batch)
        if self.project is not None and batch.projected is not None:
            self.project(batch.projected)

    def _write_outbox(self, batch: Batch) -> None:
        tables = self.tables
        for node in batch.dropped_neighbours:
            for stream in [stream for stream in tables.outbox if stream[0] == node]:
                del tables.outbox[stream]
            tables.posted.pop(node, None)
        for row in batch.outbox:
            tables.outbox.setdefault((row.neighbour, row.lane, row.epoch), []).append(row)
            if row.lane == Lane.EXCERPTS:
                tables.posted.setdefault(row.neighbour, set()).add((row.journal, row.seq))

    def _write_findings(self, batch: Batch) -> None:
        tables = self.tables
        for disposition in batch.dispositions:
            if disposition.state:
                tables.dispositions[disposition.key] = disposition
            else:
                tables.dispositions.pop(disposition.key, None)
        tables.evidence += batch.evidence
        for receipt in batch.receipts:
            known = tables.receipts.get((receipt.journal, receipt.holder))
            if known is None or known.size < receipt.size:
                tables.receipts[(receipt.journal, receipt.holder)] = receipt

    def _let_go(self, batch: Batch) -> None:
        tables = self.tables
        for link, order in batch.erased.items():
            if tables.erased.get(link) is None:
                tables.erased[link] = order
        for (journal, seq), digest in batch.stripped.items():
            held = tables.entries[journal][seq]
            tables.entries[journal][seq] = replace(held, body=None, salt=b"", digest=digest)
        if batch.redacted:
            left = ((found, batch.redacted.get(sha256(found.material).digest())) for found in tables.evidence)
            tables.evidence = [
                found if material is None else replace(found, material=material) for found, material in left
            ]
        tables.purged |= batch.purged

    def _insert(self, entries: Sequence[Stored]) -> None:
        tables = self.tables
        keys = {(entry.journal, entry.seq) for entry in entries}
        if len(keys) < len(entries) or any(seq in tables.entries.get(journal, ()) for journal, seq in keys):
            raise ValueError("an entry with this identity is already stored")
        tables.arrival += len(entries)
        tables.arrivals += entries
        for entry in entries:
            key = (entry.journal, entry.seq)
            tables.entries.setdefault(entry.journal, {})[entry.seq] = entry
            tables.kinds.setdefault(entry.kind, []).append(key)
            if entry.subject is not None:
                tables.subjects.setdefault(entry.subject, []).append(key)
            if entry.loose:
                tables.loose[key] = None

    def _get(self, key: EntryKey) -> Stored:
        return self.tables.entries[key[0]][key[1]]

    def copy(self) -> Tables:
        """A backup: what `MemoryStore(copy)` restores."""
        return self.tables.copy()


def _arrival(entry: Stored) -> int:
    return entry.arrival


class MemoryShelf:
    """`sync.ports.PaperShelf` in memory: the simulator's. `copy()` is a backup."""

    def __init__(self, *, looks: bool = True) -> None:
        """`looks`: whether what is whole must be what its name says. Only a simulation does without."""
        self.whole: dict[bytes, bytes] = {}
        self.parts: dict[bytes, bytes] = {}
        self._looks = looks

    def copy(self, *, looks: bool = True) -> "MemoryShelf":
        """The same papers, on another shelf."""
        twin = MemoryShelf(looks=looks)
        twin.whole, twin.parts = dict(self.whole), dict(self.parts)
        return twin

    def keep(self, content: bytes) -> bytes:
        """Keep a paper of our own; returns its name."""
        digest = hashlib.sha256(content).digest()
        self.whole[digest] = content
        return digest

    async def held(self, digest: bytes, size: int) -> int:
        """See `PaperShelf.held`."""
        return size if digest in self.whole else len(self.parts.get(digest, b""))

    async def read(self, digest: bytes, offset: int, count: int) -> bytes:
        """See `PaperShelf.read`."""
        content = self.whole.get(digest)
        if content is None:
            raise LocalFault("paper_missing", "this paper is not here; fetch it first")
        return content[offset : offset + count]

    async def append(self, digest: bytes, size: int, offset: int, content: bytes) -> int:
        """See `PaperShelf.append`."""
        held = await self.held(digest, size)
        if offset != held or held == size:
            return held
        content = self.parts.pop(digest, b"") + content
        is_good = len(content) < size or hashlib.sha256(content).digest() == digest
        if len(content) > size or (self._looks and not is_good):
            raise RemoteFault("paper_mismatch", "these bytes are not the paper that was named; send it anew")
        (self.whole if len(content) == size else self.parts)[digest] = content
        return len(content)

    async def drop(self, digest: bytes) -> None:
        """See `PaperShelf.drop`."""
        self.whole.pop(digest, None)
        self.parts.pop(digest, None)
