"""The durable store of a node, on PostgreSQL (asyncpg) or SQLite (aiosqlite): `Store` of `sync.ports` over SQL.

One transaction writes everything that a batch holds, entries, cursors and projections together, or nothing. Entries
go in as tuples through the driver (COPY on PostgreSQL): for each, nothing happens here but one tuple and the sealing of
its body. Never changes an entry's bytes and never decides anything. The engines are made by `office.database`.
Next: `sync.tables` (the rows), `sync.reading` (the other half), `sync.writer` (the queue before it).
"""

from collections import ChainMap
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct
from sqlalchemy import Table, delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from schemas.codec import encode
from schemas.names import Epoch, JournalId, NodeId
from sync import tables
from sync.core.errors import AnotherWriter
from sync.failures import fault_of, is_systemic
from sync.ports import (
    Batch,
    Disposition,
    EntryKey,
    Evidence,
    Inlet,
    JournalState,
    LinkMemory,
    Loaded,
    ReceiptRow,
    Sealer,
    Stored,
    is_empty,
)
from sync.reading import SqlReader
from sync.statements import Statements, columns_of

Row = tuple[object, ...]

Project = Callable[[AsyncConnection, Any], Awaitable[None]]
"""Writes what the interpreter drained, on the transaction's own connection; raises when it cannot."""

OutboxStream = tuple[NodeId, int, Epoch]


@runtime_checkable
class Divisible(Protocol):
    """Projection rows that can be written piece by piece when the whole cannot (RULINGS B11)."""

    def pieces(self) -> "Sequence[Divisible]":
        """The same rows, one case at a time."""
        ...

    def spoiled(self) -> Sequence[Disposition]:
        """What to note about the entries of a piece that cannot be written: quarantined, with a code."""
        ...


class Staged(Struct):
    """A batch as rows, made before a connection is taken, and the short names to remember once they are durable."""

    keys: dict[JournalId, int]
    streams: dict[OutboxStream, int]
    entries: list[Row]
    outbox: list[Row]
    small: list[tuple[str, list[Row]]]
    """(statement, rows) for everything that is few, in order."""


class SqlStore(SqlReader):
    """The rows of one node. Only the holder of the writing lock commits; every process may read (RULINGS C1)."""

    def __init__(
        self, write_engine: AsyncEngine, read_engine: AsyncEngine, *, sealer: Sealer, project: Project | None = None
    ) -> None:
        """`write_engine` begins IMMEDIATE on SQLite; `project` gets the drained projection inside the transaction."""
        super().__init__(read_engine, sealer)
        self._write = write_engine
        self._project = project
        self._postgres = write_engine.dialect.name == "postgresql"
        self._sql = Statements(write_engine.dialect.name)
        self._commits = 0
        # Short names of journals and outbox streams; a batch's own new ones join when they are durable.
        self._keys: dict[JournalId, int] = {}
        self._streams: dict[OutboxStream, int] = {}
        self._streams_made = 0
        self.on_erased: Callable[[Collection[bytes]], Awaitable[None]] | None = None
        """Told of the hashes that were erased by law, as soon as that is durable; must not raise."""

    async def load(self) -> Loaded:
        """See `Store.load`. Also takes up the fence: from here on this object expects to be the only writer."""
        async with self._read.connect() as connection:
            self._commits = await self.commits(connection)
            self._streams = await self.streams(connection)
            loaded = await self.loaded(connection)
        self._streams_made = max(self._streams.values(), default=0)
        self._keys = {state.journal: state.key for state in loaded.journals}
        return loaded

    async def commit(self, batch: Batch) -> None:
        """See `Store.commit`.

        Raises `AnotherWriter` when somebody else wrote since `load`; `Busy` (`store_full`, `store_busy`,
        `store_away`, `store_failing`) or `LocalFault` (`store_readonly`) for what the machine cannot do now; anything
        else as it came.
        """
        if is_empty(batch):
            return
        staged = self._stage(batch)
        try:
            async with self._write.begin() as connection:
                await self._pass_fence(connection)
                await self._write_rows(connection, batch, staged)
                if self._project is not None and batch.projected is not None:
                    await self._write_projection(connection, self._project, batch.projected, staged.keys)
        except Exception as error:
            fault = fault_of(error)
            if fault is None:
                raise
            raise fault from error
        self._commits += 1
        self._remember(staged, batch.dropped_neighbours)
        if batch.erased and self.on_erased is not None:
            await self.on_erased(batch.erased)

    async def tidy(self) -> None:
        """Fold SQLite's write-ahead file into the database and cut it off. For idle moments: it waits for readers."""
        if self._postgres:
            return
        async with self._write.connect() as connection:
            # Not through SQLAlchemy: that would begin a transaction, inside which no checkpoint can run.
            driver: Any = (await connection.get_raw_connection()).driver_connection
            await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")

    # --- rows -------------------------------------------------------------------------------------------------------

    def _stage(self, batch: Batch) -> Staged:
        made = {journal: state.key for journal, state in batch.journals.items()}
        keys = ChainMap(made, self._keys)
        streams: dict[OutboxStream, int] = {}
        outbox = self._outbox_rows(batch, keys, streams)
        return Staged(made, streams, self._entry_rows(batch, keys), outbox, self._small_rows(batch, keys, streams))

    def _entry_rows(self, batch: Batch, keys: Mapping[JournalId, int]) -> list[Row]:
        seal = self._sealer.seal
        rows: list[Row] = []
        journal: JournalId | None = None
        key = 0
        for entry in batch.entries:
            if entry.journal is not journal:
                journal = entry.journal
                key = keys[journal]
            body = entry.body
            rows.append(
                (
                    entry.arrival,
                    key,
                    entry.seq,
                    entry.inlet,
                    entry.at,
                    entry.loose,
                    entry.kind,
                    entry.subject,
                    entry.head,
                    entry.salt,
                    None if body is None else seal(entry.hash, body),
                    entry.hash,
                    entry.digest,
                    entry.signature,
                    entry.prev,
                    entry.proof,
                )
            )
        return rows

    def _outbox_rows(self, batch: Batch, keys: Mapping[JournalId, int], streams: dict[OutboxStream, int]) -> list[Row]:
        rows: list[Row] = []
        for row in batch.outbox:
            name = (row.neighbour, row.lane, row.epoch)
            stream = streams.get(name)
            if stream is None and row.neighbour not in batch.dropped_neighbours:
                stream = self._streams.get(name)
            if stream is None:
                stream = streams[name] = self._streams_made + len(streams) + 1
            rows.append((stream, row.number, row.count, keys[row.journal], row.seq))
        return rows

    def _small_rows(
        self, batch: Batch, keys: Mapping[JournalId, int], streams: Mapping[OutboxStream, int]
    ) -> list[tuple[str, list[Row]]]:
        sql = self._sql
        settled = {disposition.key: disposition for disposition in batch.dispositions}
        return [
            (sql.streams, [(key, node, lane, *_epoch(epoch)) for (node, lane, epoch), key in streams.items()]),
            (sql.repair, [self._repaired_row(entry, keys) for entry in batch.repaired]),
            # After what was put right: an answer may bring the good copy of an entry alone and then the run it joins.
            (sql.promote, [(keys[journal], seq) for journal, seq in batch.promoted]),
            (
                sql.checkpoints,
                [(keys[journal], size, c.root, c.signature) for (journal, size), c in batch.checkpoints.items()],
            ),
            (sql.journals, [_journal_row(state) for state in batch.journals.values()]),
            (sql.inlets, [_inlet_row(inlet) for inlet in batch.inlets.values()]),
            (sql.links, [_link_row(memory) for memory in batch.links.values()]),
            (sql.settle, [(keys[d.key[0]], d.key[1]) for d in settled.values() if not d.state]),
            (sql.dispositions, [_disposition_row(d, keys) for d in settled.values() if d.state]),
            (sql.evidence, [self._evidence_row(finding) for finding in batch.evidence]),
            (sql.receipts, [_receipt_row(receipt) for receipt in batch.receipts]),
            (sql.erased, [_erased_row(link, order, keys) for link, order in batch.erased.items()]),
            # After what was promoted or put right: whatever became of an entry in this transaction, its body goes.
            (sql.strip, [(b"", digest, keys[journal], seq) for (journal, seq), digest in batch.stripped.items()]),
            (sql.redact, [self._redacted_row(name, left) for name, left in batch.redacted.items()]),
            (sql.purged, list(batch.purged.items())),
        ]

    def _repaired_row(self, entry: Stored, keys: Mapping[JournalId, int]) -> Row:
        body = None if entry.body is None else self._sealer.seal(entry.hash, entry.body)
        good = (entry.head, entry.salt, body, entry.hash, entry.digest, entry.signature, entry.prev, entry.proof)
        return (*good, keys[entry.journal], entry.seq)

    def _evidence_row(self, finding: Evidence) -> Row:
        name = sha256(finding.material).digest()
        material = self._sealer.seal(name, finding.material)
        journal = finding.journal
        return (
            finding.code,
            journal.origin,
            *_epoch(journal.epoch),
            finding.seq,
            finding.at,
            finding.hash,
            name,
            material,
        )

    def _redacted_row(self, before: bytes, left: bytes) -> Row:
        name = sha256(left).digest()
        return name, self._sealer.seal(name, left), before

    # --- one transaction --------------------------------------------------------------------------------------------

    async def _pass_fence(self, connection: AsyncConnection) -> None:
        """Count this transaction, if nobody counted one since we looked.

        Must run first: on PostgreSQL the transaction begins with the first statement, and COPY goes past SQLAlchemy.
        """
        moved = await connection.exec_driver_sql(
            self._sql.fence, (self._commits + 1, tables.META_COMMITS, self._commits)
        )
        if moved.rowcount != 1:
            raise AnotherWriter(
                "second_writer", "another process writes into this node's store; stop it, then start this one again"
            )

    async def _write_rows(self, connection: AsyncConnection, batch: Batch, staged: Staged) -> None:
        if batch.dropped_neighbours:
            await self._drop(connection, batch.dropped_neighbours)
        await self._append(connection, tables.entries, self._sql.entries, staged.entries)
        await self._append(connection, tables.outbox, self._sql.outbox, staged.outbox)
        for statement, rows in staged.small:
            if rows:
                await connection.exec_driver_sql(statement, rows)

    async def _append(self, connection: AsyncConnection, table: Table, statement: str, rows: list[Row]) -> None:
        """Add rows to a table that only grows: COPY where there is one."""
        if not rows:
            return
        if not self._postgres:
            await connection.exec_driver_sql(statement, rows)
            return
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.copy_records_to_table(table.name, records=rows, columns=columns_of(table))

    async def _drop(self, connection: AsyncConnection, neighbours: Sequence[NodeId]) -> None:
        gone = select(tables.streams.c.key).where(tables.streams.c.neighbour.in_(neighbours))
        await connection.execute(delete(tables.outbox).where(tables.outbox.c.stream.in_(gone)))
        await connection.execute(delete(tables.streams).where(tables.streams.c.neighbour.in_(neighbours)))

    async def _write_projection(
        self, connection: AsyncConnection, project: Project, projected: object, made: dict[JournalId, int]
    ) -> None:
        """Write the projection in a savepoint; if that fails, piece by piece, noting the pieces that cannot be.

        A spoiled case must not stop the line (RULINGS B11); a database in trouble must (`is_systemic`).
        """
        try:
            await _in_savepoint(connection, project, projected)
            return
        except Exception as error:
            if is_systemic(error) or not isinstance(projected, Divisible):
                raise
        keys = ChainMap(made, self._keys)
        for piece in projected.pieces():
            try:
                await _in_savepoint(connection, project, piece)
            except Exception as error:
                if is_systemic(error):
                    raise
                rows = [_disposition_row(disposition, keys) for disposition in piece.spoiled()]
                if rows:
                    await connection.exec_driver_sql(self._sql.dispositions, rows)

    def _remember(self, staged: Staged, dropped: Sequence[NodeId]) -> None:
        self._keys.update(staged.keys)
        if dropped:
            self._streams = {name: key for name, key in self._streams.items() if name[0] not in dropped}
        self._streams.update(staged.streams)
        self._streams_made += len(staged.streams)


async def _in_savepoint(connection: AsyncConnection, project: Project, projected: object) -> None:
    """Write a projection whole or not at all.

    A database in trouble may have ended the whole transaction already (SQLite does on a full disk): its complaint must
    reach the caller, not that the savepoint is gone. The transaction is given up then in any case.
    """
    savepoint = await connection.begin_nested()
    try:
        await project(connection, projected)
    except Exception as error:
        if not is_systemic(error):
            await savepoint.rollback()
        raise
    await savepoint.commit()


def _epoch(epoch: Epoch) -> tuple[int, bytes]:
    return epoch.ordinal, epoch.nonce


def _journal_row(state: JournalState) -> Row:
    return (
        state.key,
        state.journal.origin,
        *_epoch(state.journal.epoch),
        state.size,
        state.tip,
        state.frontier,
        state.checkpointed,
        state.wanted,
        state.lost_upto,
    )


def _inlet_row(inlet: Inlet) -> Row:
    return (
        inlet.key,
        inlet.neighbour,
        inlet.lane,
        *_epoch(inlet.epoch),
        inlet.number,
        inlet.admitted,
        inlet.refused,
        inlet.duplicate,
    )


def _link_row(memory: LinkMemory) -> Row:
    return memory.neighbour, memory.seat, memory.quarantined, memory.last_heard, encode(memory)


def _disposition_row(disposition: Disposition, keys: Mapping[JournalId, int]) -> Row:
    journal, seq = disposition.key
    return keys[journal], seq, disposition.state, disposition.code


def _erased_row(link: bytes, order: EntryKey | None, keys: Mapping[JournalId, int]) -> Row:
    return (link, None, None) if order is None else (link, keys[order[0]], order[1])


def _receipt_row(receipt: ReceiptRow) -> Row:
    journal = receipt.journal
    return journal.origin, *_epoch(journal.epoch), receipt.holder, receipt.office, receipt.size, receipt.at
