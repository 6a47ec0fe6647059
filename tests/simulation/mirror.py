"""A share of the schedules on SQLite: every disk has the product's SQL store beside the one in memory; both agree.

What is committed goes to both, what is read is read from both and compared. So the store that real nodes use lives
through the same storms, and the judges, who read dictionaries, need not know. Never used for speed: a schedule takes
seconds. Real event loop, real `sync.store`, real files; everything else is the simulator's.
"""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Sequence
from pathlib import Path
from typing import Any, TypeVar

from office.case_rows import MemoryCases
from office.database import Engines, database_url, open_engines
from office.migrations import migrate
from schemas.names import CaseId, Epoch, JournalId, NodeId
from schemas.wire import Checkpoint
from sync.memory import Tables
from sync.ports import Batch, EntryKey, Loaded, OutboxRow, Stored, empty_batch, is_empty
from sync.sealing import AesGcmSealer
from sync.store import SqlStore
from tests.simulation.devices import Disk

T = TypeVar("T")

SEALER = AesGcmSealer(bytes(range(32)))


class Mirrors:
    """Makes mirrored disks in one folder and runs what waits for them; hand it to `World`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.loop = asyncio.new_event_loop()
        self.opened: list[Engines] = []

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine that may wait for a database."""
        return self.loop.run_until_complete(coroutine)

    def disk(self, tables: Tables, cases: MemoryCases, watch: Callable[[Batch], None]) -> Disk:
        """A disk with these contents."""
        engines = open_engines(database_url("", self.folder / f"{len(self.opened)}.db"))
        self.opened.append(engines)
        store = SqlStore(engines.write, engines.read, sealer=SEALER)
        self.run(_fill(engines, store, tables))
        return MirroredDisk(tables, cases, watch, store)

    def close(self) -> None:
        """Let go of all files."""
        for engines in self.opened:
            self.run(engines.close())
        self.loop.close()


async def _fill(engines: Engines, store: SqlStore, tables: Tables) -> None:
    await migrate(engines.write)
    await store.load()
    batch = contents_of(tables)
    if not is_empty(batch):
        await store.commit(batch)


def contents_of(tables: Tables) -> Batch:
    """Everything in a memory store as one batch."""
    batch = empty_batch()
    batch.journals = dict(tables.journals)
    batch.entries = [tables.entries[entry.journal][entry.seq] for entry in tables.arrivals]
    batch.checkpoints = {(journal, size): c for journal, rows in tables.checkpoints.items() for size, c in rows.items()}
    batch.outbox = [row for rows in tables.outbox.values() for row in rows]
    batch.inlets = dict(tables.inlets)
    batch.links = dict(tables.links)
    batch.dispositions = list(tables.dispositions.values())
    batch.evidence = list(tables.evidence)
    batch.receipts = list(tables.receipts.values())
    batch.erased = dict(tables.erased)
    batch.purged = dict(tables.purged)
    return batch


class MirroredDisk(Disk):
    """See the module. Only reads are compared; a commit that fails in memory is not tried in SQL."""

    def __init__(self, tables: Tables, cases: MemoryCases, watch: Callable[[Batch], None], sql: SqlStore) -> None:
        super().__init__(tables, cases, watch)
        self.sql = sql

    async def write(self, batch: Batch) -> None:
        """See `Disk.write`."""
        await super().write(batch)
        await self.sql.commit(batch)

    def _both(self, memory: T, sql: T) -> T:
        assert memory == sql, f"the stores disagree: {memory!r} in memory, {sql!r} in SQL"
        return memory

    async def load(self) -> Loaded:
        """See `Store.load`."""
        memory, sql = await super().load(), await self.sql.load()
        for loaded in (memory, sql):
            loaded.journals.sort(key=lambda state: state.journal)
            loaded.inlets.sort(key=lambda inlet: inlet.key)
            loaded.links.sort(key=lambda link: link.neighbour)
        return self._both(memory, sql)

    async def entries(self, journal: JournalId, start: int, stop: int) -> list[Stored]:
        """See `Store.entries`."""
        return self._both(await super().entries(journal, start, stop), await self.sql.entries(journal, start, stop))

    async def entries_at(self, keys: Sequence[EntryKey]) -> dict[EntryKey, Stored]:
        """See `Store.entries_at`."""
        return self._both(await super().entries_at(keys), await self.sql.entries_at(keys))

    async def entries_about(self, subjects: Sequence[CaseId]) -> list[Stored]:
        """See `Store.entries_about`."""
        return self._both(await super().entries_about(subjects), await self.sql.entries_about(subjects))

    async def entries_of_kind(self, kind: str, *, after: int = 0, limit: int | None = None) -> list[Stored]:
        """See `Store.entries_of_kind`."""
        memory = await super().entries_of_kind(kind, after=after, limit=limit)
        return self._both(memory, await self.sql.entries_of_kind(kind, after=after, limit=limit))

    async def loose(self) -> list[Stored]:
        """See `Store.loose`."""
        return self._both(await super().loose(), await self.sql.loose())

    async def loose_beyond(self, journal: JournalId, size: int) -> list[Stored]:
        """See `Store.loose_beyond`."""
        return self._both(await super().loose_beyond(journal, size), await self.sql.loose_beyond(journal, size))

    async def hashes(self, journal: JournalId, start: int, stop: int) -> list[bytes]:
        """See `Store.hashes`."""
        return self._both(await super().hashes(journal, start, stop), await self.sql.hashes(journal, start, stop))

    async def checkpoints(self, journal: JournalId, above: int, upto: int) -> list[Checkpoint]:
        """See `Store.checkpoints`."""
        memory = await super().checkpoints(journal, above, upto)
        return self._both(memory, await self.sql.checkpoints(journal, above, upto))

    async def checkpoint_after(self, journal: JournalId, seq: int) -> Checkpoint | None:
        """See `Store.checkpoint_after`."""
        return self._both(await super().checkpoint_after(journal, seq), await self.sql.checkpoint_after(journal, seq))

    async def outbox(self, neighbour: NodeId, lane: int, epoch: Epoch, above: int, limit: int) -> list[OutboxRow]:
        """See `Store.outbox`."""
        memory = await super().outbox(neighbour, lane, epoch, above, limit)
        return self._both(memory, await self.sql.outbox(neighbour, lane, epoch, above, limit))

    async def orders(self, hashes: Sequence[bytes]) -> set[EntryKey]:
        """See `Store.orders`."""
        return self._both(await super().orders(hashes), await self.sql.orders(hashes))

    async def purged(self, subjects: Sequence[CaseId]) -> dict[CaseId, bytes]:
        """See `Store.purged`."""
        return self._both(await super().purged(subjects), await self.sql.purged(subjects))

    async def found(self, codes: Collection[str]) -> set[EntryKey]:
        """See `Store.found`."""
        return self._both(await super().found(codes), await self.sql.found(codes))

    async def posted(self, neighbour: NodeId, keys: Sequence[EntryKey]) -> set[EntryKey]:
        """See `Store.posted`."""
        return self._both(await super().posted(neighbour, keys), await self.sql.posted(neighbour, keys))
