"""The three stores behind one door, for suites that must hold on all of them; and a notebook that makes batches.

The batches are made up: hashes are hashes of nothing, nothing is signed. What verifies is `sync.core`'s matter.
"""

import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import make_url

from office.database import Engines, database_url, open_engines
from office.migrations import migrate
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId, OfficeId
from schemas.wire import Checkpoint, encode_head
from sync.memory import MemoryStore
from sync.ports import Batch, JournalState, OutboxRow, Store, Stored, empty_batch
from sync.sealing import AesGcmSealer
from sync.store import Project, SqlStore
from tests.support.postgres import PostgresServer

SEALER = AesGcmSealer(bytes(range(32)))
STORE_KEY = bytes(range(1, 33))
NOON = Instant(1_772_769_600_000)
ME = NodeId("aaaaaaaaaaaaaaaa")
VILLAGE = NodeId("bbbbbbbbbbbbbbbb")
PARENT = NodeId("cccccccccccccccc")
TOWNSHIP_SEAT = OfficeId("510824100")
FIRST = Epoch(1, b"firsts")
SECOND = Epoch(2, b"second")
JOURNAL = JournalId(VILLAGE, FIRST)
OWN = JournalId(ME, FIRST)

Reopen = Callable[[], Store]
"""The same rows seen by a process that starts now."""


@asynccontextmanager
async def sqlite_engines(folder: Path, key: bytes | None = None) -> AsyncGenerator[Engines]:
    """A fresh SQLite database with our tables, as a node opens it. `key`: as a locked village's."""
    engines = open_engines(database_url("", folder / "node.db"), key)
    try:
        await migrate(engines.write)
        yield engines
    finally:
        await engines.close()


@asynccontextmanager
async def postgres_engines(server: PostgresServer) -> AsyncGenerator[Engines]:
    """A fresh PostgreSQL database with our tables, as a hub opens it."""
    url = await server.create_database()
    engines = open_engines(make_url(url))
    try:
        await migrate(engines.write)
        yield engines
    finally:
        await engines.close()
        await server.drop_database(url)


def sql_store(engines: Engines, project: Project | None = None) -> SqlStore:
    """The store of a process that opens these engines."""
    return SqlStore(engines.write, engines.read, sealer=SEALER, project=project)


async def count_rows(engines: Engines, table: str) -> int:
    """Rows of a table, past the store."""
    async with engines.read.connect() as connection:
        return (await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar_one()


class Scribe:
    """Writes batches as a ledger would: entries with the next arrival, journals with their short name."""

    def __init__(self, arrival: int = 0) -> None:
        self.arrival = arrival
        self.states: dict[JournalId, JournalState] = {}
        self.batch = empty_batch()

    def state(self, journal: JournalId) -> JournalState:
        """The journal's state, staged."""
        state = self.states.setdefault(journal, JournalState(journal, len(self.states) + 1))
        self.batch.journals[journal] = state
        return state

    def write(
        self,
        journal: JournalId = JOURNAL,
        *,
        kind: str = "case.filed",
        subject: CaseId | None = None,
        body: bytes | None = b"body",
        count: int = 1,
    ) -> list[Stored]:
        """Continue a journal."""
        state = self.state(journal)
        made = [self._entry(journal, state.size + offset, kind, subject, body) for offset in range(count)]
        state.size += count
        state.tip = made[-1].hash
        self.batch.entries += made
        return made

    def write_loose(self, seq: int, journal: JournalId = JOURNAL, subject: CaseId | None = None) -> Stored:
        """An entry outside its run."""
        self.state(journal)
        entry = self._entry(journal, seq, "case.decided", subject, b"loose", prev=bytes([7]) * 32, proof=b"proof")
        self.batch.entries.append(entry)
        return entry

    def join_run(self, seq: int, journal: JournalId = JOURNAL) -> None:
        """The run has reached a loose entry."""
        self.batch.promoted.append((journal, seq))
        self.state(journal).size = seq + 1

    def checkpoint(self, size: int, journal: JournalId = JOURNAL) -> Checkpoint:
        """The owner's checkpoint at a size."""
        made = Checkpoint(size, digest("root", size), bytes([size % 251]) * 64)
        self.batch.checkpoints[(journal, size)] = made
        self.state(journal).checkpointed = size
        return made

    def post(
        self,
        number: int,
        seq: int,
        *,
        count: int = 1,
        lane: int = 0,
        journal: JournalId = JOURNAL,
        neighbour: NodeId = PARENT,
        epoch: Epoch = FIRST,
    ) -> OutboxRow:
        """A row of our outbox."""
        row = OutboxRow(neighbour, lane, epoch, number, count, journal, seq)
        self.batch.outbox.append(row)
        return row

    def take(self) -> Batch:
        """The batch made so far; a new one begins."""
        batch, self.batch = self.batch, empty_batch()
        return batch

    def _entry(
        self,
        journal: JournalId,
        seq: int,
        kind: str,
        subject: CaseId | None,
        body: bytes | None,
        prev: bytes | None = None,
        proof: bytes | None = None,
    ) -> Stored:
        self.arrival += 1
        at = Instant(NOON + self.arrival)
        return Stored(
            journal,
            seq,
            self.arrival,
            encode_head(at, kind, subject),
            at,
            kind,
            subject,
            b"" if body is None else digest("salt", seq)[:8],
            body,
            digest(journal, seq, body),
            digest("body", seq) if body is None else None,
            digest("signature", seq) * 2 if seq % 3 == 0 else None,
            prev=prev,
            proof=proof,
            loose=prev is not None,
            inlet=3,
        )


def digest(*parts: object) -> bytes:
    """32 bytes that differ whenever the parts do."""
    return hashlib.sha256(repr(parts).encode()).digest()


def case(number: int) -> CaseId:
    """A case's name."""
    return CaseId(digest("case", number)[:16])


def memory_store() -> tuple[MemoryStore, Reopen]:
    """A store in memory, and how a next process sees it."""
    store = MemoryStore()
    return store, lambda: MemoryStore(store.copy())


def arrivals(entries: Sequence[Stored]) -> list[int]:
    """Their arrival numbers."""
    return [entry.arrival for entry in entries]
