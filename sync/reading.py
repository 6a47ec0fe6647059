"""The reading half of the SQL store: what any process of a node may do at any time (RULINGS C1).

Every method is one short read on the read engine, fetched whole: an open read transaction would let SQLite's
write-ahead file grow (STACK 6). A body that does not open is handed on as it lies: its digest then does not fit, and
`verify` names the entry, instead of one bad row stopping every list. Next: `sync.store` (writing), `sync.tables`.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, Select, and_, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from schemas.codec import decode
from schemas.names import CaseId, Epoch, JournalId, NodeId, OfficeId
from schemas.wire import Checkpoint, Lane
from sync import tables
from sync.ports import (
    Disposition,
    EntryKey,
    Evidence,
    Inlet,
    JournalState,
    LinkMemory,
    Loaded,
    OutboxRow,
    ReceiptRow,
    Sealer,
    Stored,
)

KEYS_PER_QUERY_MAX: Final = 500
"""Values in one IN list: SQLite before 3.32 takes 999 parameters in a statement."""

_J = tables.journals.c
_E = tables.entries.c
_S = tables.streams.c
_O = tables.outbox.c
_C = tables.checkpoints.c
_D = tables.dispositions.c

_LOOSE = text("loose")
"""Word for word as in the partial index, or SQLite does not use it."""

_OF_NO_CASE = text(tables.OF_NO_CASE_SQL)


def _entries_with(prev: ColumnElement[bytes | None]) -> Select[*tuple[Any, ...]]:
    """Entries, column by column as `_entries` reads them, with what is to be told as the hash before each."""
    names = (_J.key, _J.origin, _J.ordinal, _J.nonce, _E.seq, _E.arrival)
    line = (_E.head, _E.at, _E.kind, _E.subject, _E.salt, _E.body, _E.hash, _E.digest, _E.signature)
    found = select(*names, *line, prev, _E.proof, _E.loose, _E.inlet)
    return found.join_from(tables.entries, tables.journals, _J.key == _E.journal)


_BEFORE: Final = tables.entries.alias("before")
_ENTRIES: Final = _entries_with(_E.prev)
_ENTRIES_AND_BEFORE: Final = _entries_with(func.coalesce(_E.prev, _BEFORE.c.hash)).outerjoin(
    _BEFORE, (_BEFORE.c.journal == _E.journal) & (_BEFORE.c.seq == _E.seq - 1)
)

_DISPOSITIONS: Final = select(_J.origin, _J.ordinal, _J.nonce, _D.seq, _D.state, _D.code).join_from(
    tables.dispositions, tables.journals, _J.key == _D.journal
)

_CHECKPOINTS: Final = select(_C.size, _C.root, _C.signature).join_from(
    tables.checkpoints, tables.journals, _J.key == _C.journal
)


def _is_journal(journal: JournalId) -> ColumnElement[bool]:
    return and_(_J.origin == journal.origin, _J.ordinal == journal.epoch.ordinal, _J.nonce == journal.epoch.nonce)


def _journal(origin: str, ordinal: int, nonce: bytes) -> JournalId:
    return JournalId(NodeId(origin), Epoch(ordinal, nonce))


def _pieces(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[at : at + KEYS_PER_QUERY_MAX] for at in range(0, len(values), KEYS_PER_QUERY_MAX))


def _by_journal(keys: Iterable[EntryKey]) -> Iterable[tuple[JournalId, list[int]]]:
    """The numbers asked for in each journal."""
    found: dict[JournalId, list[int]] = {}
    for journal, seq in keys:
        found.setdefault(journal, []).append(seq)
    return found.items()


class SqlReader:
    """All questions of `Store`, over one read engine."""

    def __init__(self, read_engine: AsyncEngine, sealer: Sealer) -> None:
        self._read = read_engine
        self._sealer = sealer

    async def _rows(self, query: Executable) -> Sequence[Any]:
        async with self._read.connect() as connection:
            return (await connection.execute(query)).all()

    # --- what a ledger keeps in memory ------------------------------------------------------------------------------

    async def commits(self, connection: AsyncConnection) -> int:
        """How many transactions the store has taken: the fence."""
        meta = tables.node_meta.c
        return (await connection.execute(select(meta.value).where(meta.name == tables.META_COMMITS))).scalar_one()

    async def streams(self, connection: AsyncConnection) -> dict[tuple[NodeId, int, Epoch], int]:
        """The short names of the outbox streams."""
        rows = await connection.execute(select(_S.neighbour, _S.lane, _S.ordinal, _S.nonce, _S.key))
        return {(NodeId(node), lane, Epoch(ordinal, nonce)): key for node, lane, ordinal, nonce, key in rows.all()}

    async def loaded(self, connection: AsyncConnection) -> Loaded:
        """Everything a ledger keeps in memory (`Store.load`)."""
        i = tables.inlets.c
        arrival = (await connection.execute(select(func.max(_E.arrival)))).scalar()
        journal_rows = (await connection.execute(select(tables.journals).order_by(_J.key))).all()
        inlet_rows = (await connection.execute(select(tables.inlets).order_by(i.key))).all()
        memories = (
            await connection.execute(select(tables.links.c.memory).order_by(tables.links.c.neighbour))
        ).scalars()
        erased = (await connection.execute(select(tables.erased.c.hash))).scalars()
        return Loaded(
            [
                JournalState(_journal(origin, ordinal, nonce), key, *rest)
                for key, origin, ordinal, nonce, *rest in journal_rows
            ],
            [
                Inlet(key, node, lane, Epoch(ordinal, nonce), *rest)
                for key, node, lane, ordinal, nonce, *rest in inlet_rows
            ],
            [decode(memory, LinkMemory, limit=len(memory)) for memory in memories],  # ours: no page's limit
            await self._ends(connection),
            arrival or 0,
            set(erased),
        )

    async def _ends(self, connection: AsyncConnection) -> dict[tuple[NodeId, int, Epoch], int]:
        last = (
            select(_O.number + _O.count - 1)
            .where(_O.stream == _S.key)
            .order_by(_O.number.desc())
            .limit(1)
            .correlate(tables.streams)
            .scalar_subquery()
        )
        rows = await connection.execute(select(_S.neighbour, _S.lane, _S.ordinal, _S.nonce, last))
        return {(NodeId(node), lane, Epoch(ordinal, nonce)): end for node, lane, ordinal, nonce, end in rows.all()}

    # --- entries ----------------------------------------------------------------------------------------------------

    async def _entries(self, query: Executable) -> list[Stored]:
        journals: dict[int, JournalId] = {}
        found: list[Stored] = []
        for row in await self._rows(query):
            key, origin, ordinal, nonce, seq, arrival, head, at, kind, subject, salt, body, digest_of, *rest = row
            journal = journals.get(key)
            if journal is None:
                journal = journals[key] = _journal(origin, ordinal, nonce)
            clear = self._opened(digest_of, body)
            found.append(Stored(journal, seq, arrival, head, at, kind, subject, salt, clear, digest_of, *rest))
        return found

    def _opened(self, name: bytes, sealed: bytes | None) -> bytes | None:
        if sealed is None:
            return None
        try:
            return self._sealer.open(name, sealed)
        except ValueError:
            return sealed

    async def entries(self, journal: JournalId, start: int, stop: int) -> list[Stored]:
        """See `Store.entries`."""
        here = _ENTRIES.where(_is_journal(journal), _E.seq >= start, _E.seq < stop)
        return await self._entries(here.order_by(_E.seq))

    async def entries_at(self, keys: Sequence[EntryKey]) -> dict[EntryKey, Stored]:
        """See `Store.entries_at`."""
        found: list[Stored] = []
        for journal, seqs in _by_journal(keys):
            for some in _pieces(seqs):
                found += await self._entries(_ENTRIES_AND_BEFORE.where(_is_journal(journal), _E.seq.in_(some)))
        return {(entry.journal, entry.seq): entry for entry in found}

    async def entries_about(self, subjects: Sequence[CaseId]) -> list[Stored]:
        """See `Store.entries_about`."""
        found: list[Stored] = []
        for some in _pieces(subjects):
            found += await self._entries(_ENTRIES.where(_E.subject.in_(some)).order_by(_E.arrival))
        return sorted(found, key=_arrival) if len(subjects) > KEYS_PER_QUERY_MAX else found

    async def entries_of_kind(self, kind: str, *, after: int = 0, limit: int | None = None) -> list[Stored]:
        """See `Store.entries_of_kind`."""
        found = _ENTRIES.where(_OF_NO_CASE, _E.kind == kind, _E.arrival > after)
        return await self._entries(found.order_by(_E.arrival).limit(limit))

    async def entries_since(self, arrival: int, limit: int) -> list[Stored]:
        """See `Store.entries_since`."""
        return await self._entries(_ENTRIES.where(_E.arrival > arrival).order_by(_E.arrival).limit(limit))

    async def loose(self) -> list[Stored]:
        """See `Store.loose`."""
        return await self._entries(_ENTRIES.where(_LOOSE).order_by(_E.arrival))

    async def loose_beyond(self, journal: JournalId, size: int) -> list[Stored]:
        """See `Store.loose_beyond`."""
        beyond = _ENTRIES.where(_LOOSE, _is_journal(journal), _E.seq >= size)
        return await self._entries(beyond.order_by(_E.seq))

    async def hashes(self, journal: JournalId, start: int, stop: int) -> list[bytes]:
        """See `Store.hashes`."""
        query = (
            select(_E.hash)
            .join_from(tables.entries, tables.journals, _J.key == _E.journal)
            .where(_is_journal(journal), _E.seq >= start, _E.seq < stop, _E.seq < _J.size, ~_E.loose)
            .order_by(_E.seq)
        )
        return [row[0] for row in await self._rows(query)]

    # --- checkpoints ------------------------------------------------------------------------------------------------

    async def checkpoints(self, journal: JournalId, above: int, upto: int) -> list[Checkpoint]:
        """See `Store.checkpoints`."""
        query = _CHECKPOINTS.where(_is_journal(journal), _C.size > above, _C.size <= upto).order_by(_C.size)
        return [Checkpoint(*row) for row in await self._rows(query)]

    async def checkpoint_after(self, journal: JournalId, seq: int) -> Checkpoint | None:
        """See `Store.checkpoint_after`."""
        query = _CHECKPOINTS.where(_is_journal(journal), _C.size > seq).order_by(_C.size).limit(1)
        rows = await self._rows(query)
        return Checkpoint(*rows[0]) if rows else None

    # --- what goes out ----------------------------------------------------------------------------------------------

    async def outbox(self, neighbour: NodeId, lane: int, epoch: Epoch, above: int, limit: int) -> list[OutboxRow]:
        """See `Store.outbox`."""
        stream = (
            select(_S.key)
            .where(_S.neighbour == neighbour, _S.lane == lane, _S.ordinal == epoch.ordinal, _S.nonce == epoch.nonce)
            .scalar_subquery()
        )
        # The row in which `above + 1` lies begins at or before it: found by one step in the key, never by a scan.
        first = select(func.max(_O.number)).where(_O.stream == stream, _O.number <= above + 1).scalar_subquery()
        query = (
            select(_O.number, _O.count, _O.seq, _J.origin, _J.ordinal, _J.nonce)
            .join_from(tables.outbox, tables.journals, _J.key == _O.journal)
            .where(_O.stream == stream, _O.number >= func.coalesce(first, 0), _O.number + _O.count > above + 1)
            .order_by(_O.number)
            .limit(limit)
        )
        return [
            OutboxRow(neighbour, lane, epoch, number, count, _journal(*journal), seq)
            for number, count, seq, *journal in await self._rows(query)
        ]

    async def posted(self, neighbour: NodeId, keys: Sequence[EntryKey]) -> set[EntryKey]:
        """See `Store.posted`."""
        done: set[EntryKey] = set()
        for journal, seqs in _by_journal(keys):
            for some in _pieces(seqs):
                query = (
                    select(_O.seq)
                    .join_from(tables.outbox, tables.journals, _J.key == _O.journal)
                    .join(tables.streams, _S.key == _O.stream)
                    .where(_is_journal(journal), _O.seq.in_(some), _S.neighbour == neighbour, _S.lane == Lane.EXCERPTS)
                )
                done.update((journal, row[0]) for row in await self._rows(query))
        return done

    # --- findings and receipts --------------------------------------------------------------------------------------

    async def dispositions(self, of: Sequence[Stored] | None = None, *, limit: int | None = None) -> list[Disposition]:
        """See `Store.dispositions`."""
        if of is None:
            rows = await self._rows(_DISPOSITIONS.order_by(_D.journal, _D.seq).limit(limit))
        else:
            these = _DISPOSITIONS.join(tables.entries, (_E.journal == _D.journal) & (_E.seq == _D.seq))
            arrivals = [entry.arrival for entry in of]
            rows = [row for some in _pieces(arrivals) for row in await self._rows(these.where(_E.arrival.in_(some)))]
        return [
            Disposition((_journal(origin, ordinal, nonce), seq), state, code)
            for origin, ordinal, nonce, seq, state, code in rows
        ]

    async def count_dispositions(self) -> int:
        """See `Store.count_dispositions`."""
        return (await self._rows(select(func.count()).select_from(tables.dispositions)))[0][0]

    async def evidence(self) -> list[Evidence]:
        """See `Store.evidence`."""
        e = tables.evidence.c
        query = select(e.code, e.origin, e.ordinal, e.nonce, e.seq, e.at, e.hash, e.name, e.material).order_by(e.number)
        return [
            Evidence(code, _journal(origin, ordinal, nonce), seq, at, digest, self._opened(name, material) or b"")
            for code, origin, ordinal, nonce, seq, at, digest, name, material in await self._rows(query)
        ]

    async def found(self, codes: Collection[str]) -> set[EntryKey]:
        """See `Store.found`."""
        e = tables.evidence.c
        query = select(e.origin, e.ordinal, e.nonce, e.seq).where(e.code.in_(sorted(codes)))
        return {(_journal(origin, ordinal, nonce), seq) for origin, ordinal, nonce, seq in await self._rows(query)}

    async def receipts(self, journal: JournalId | None = None) -> list[ReceiptRow]:
        """See `Store.receipts`."""
        r = tables.receipts.c
        query = select(r.origin, r.ordinal, r.nonce, r.holder, r.office, r.size, r.at)
        if journal is not None:
            query = query.where(
                r.origin == journal.origin, r.ordinal == journal.epoch.ordinal, r.nonce == journal.epoch.nonce
            )
        return [
            ReceiptRow(_journal(origin, ordinal, nonce), NodeId(holder), OfficeId(office), size, at)
            for origin, ordinal, nonce, holder, office, size, at in await self._rows(query)
        ]

    # --- what is gone -----------------------------------------------------------------------------------------------

    async def orders(self, hashes: Sequence[bytes]) -> set[EntryKey]:
        """See `Store.orders`."""
        x = tables.erased.c
        query = select(_J.origin, _J.ordinal, _J.nonce, x.seq).join_from(
            tables.erased, tables.journals, _J.key == x.journal
        )
        return {
            (_journal(origin, ordinal, nonce), seq)
            for some in _pieces(hashes)
            for origin, ordinal, nonce, seq in await self._rows(query.where(x.hash.in_(some)))
        }

    async def purged(self, subjects: Sequence[CaseId]) -> dict[CaseId, bytes]:
        """See `Store.purged`."""
        p = tables.purged.c
        query = select(p.subject, p.residue)
        return {
            CaseId(subject): residue
            for some in _pieces(subjects)
            for subject, residue in await self._rows(query.where(p.subject.in_(some)))
        }


def _arrival(entry: Stored) -> int:
    return entry.arrival
