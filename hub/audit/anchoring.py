"""What house-keeping says of time: pins, receipts and openings taken out of entries, kept as rows by journal.

So that the bracket of an entry costs two searches in short lists, however long its journal's history is. What a device
says it has seen counts only where that was really said: a beacon of the county's own journal, a receipt that stands
among those that came. A receipt counts from its stated time, but not from before what its holder's own journal had
already seen: a holder's slow clock must not make others' honest times look false.
Never judges. Next: `hub.audit.brackets` (the searches), `hub.audit.reading` (who asks).
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import and_, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from hub.audit.brackets import Timeline
from hub.audit.tables import audit_anchors, audit_heard, audit_journals, audit_receipts
from schemas.codec import Malformed
from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId
from schemas.wire import (
    KIND_BEACON,
    KIND_EPOCH_OPENED,
    KIND_PINNED,
    KIND_RECEIPTED,
    Beacon,
    EpochOpened,
    Pinned,
    Receipted,
    decode_line,
)
from sync.books import Books
from sync.ports import Stored

ANCHORING: Final = frozenset({KIND_PINNED, KIND_RECEIPTED, KIND_EPOCH_OPENED})
"""Kinds that say something of the time of other entries."""

REMEMBERED_MAX: Final = 4_000
"""Journals whose timelines stay in memory: 330 devices with a dozen starts each; 1 to 100 KiB a journal."""

KEYS_PER_QUERY_MAX: Final = 400
"""SQLite before 3.32 takes 999 parameters; a journal's name is three."""

_INSERT_HEARD: Final = (
    "INSERT INTO audit_heard (origin, at) VALUES (:origin, :at) ON CONFLICT (origin) DO UPDATE SET at = excluded.at"
)

_J: Final = audit_journals.c

_INSERT_JOURNAL: Final = (
    "INSERT INTO audit_journals (key, origin, ordinal, nonce) VALUES (:key, :origin, :ordinal, :nonce)"
)
_INSERT_ANCHOR: Final = (
    "INSERT INTO audit_anchors (journal, seq, at) VALUES (:journal, :seq, :at) ON CONFLICT DO NOTHING"
)
_INSERT_RECEIPT: Final = (
    "INSERT INTO audit_receipts (journal, size, holder, stated, at) "
    "VALUES (:journal, :size, :holder, :stated, :at) ON CONFLICT DO NOTHING"
)
"""A hostile device may say the same twice."""


class Rows:
    """What one transaction adds."""

    def __init__(self) -> None:
        self.journals: list[dict[str, Any]] = []
        self.bases: dict[int, Instant] = {}
        self.anchors: dict[tuple[int, int], Instant] = {}
        self.receipts: dict[tuple[int, int, str, int], Instant] = {}
        self.heard: dict[NodeId, Instant] = {}

    async def write(self, connection: AsyncConnection) -> None:
        """Add them, inside the transaction that moves the cursor past their entries."""
        if self.journals:
            await connection.execute(text(_INSERT_JOURNAL), self.journals)
        for key, base in self.bases.items():
            await connection.execute(update(audit_journals).where(_J.key == key).values(base=base))
        if self.anchors:
            values = [{"journal": key, "seq": seq, "at": at} for (key, seq), at in self.anchors.items()]
            await connection.execute(text(_INSERT_ANCHOR), values)
        if self.receipts:
            values = [
                {"journal": key, "size": size, "holder": holder, "stated": stated, "at": at}
                for (key, size, holder, stated), at in self.receipts.items()
            ]
            await connection.execute(text(_INSERT_RECEIPT), values)
        if self.heard:
            values = [{"origin": origin, "at": at} for origin, at in self.heard.items()]
            await connection.execute(text(_INSERT_HEARD), values)


class Anchoring:
    """Timelines of journals, remembered while they are asked for. One task at a time."""

    def __init__(self, read: AsyncEngine, books: Books) -> None:
        """`read`: of the audit's database."""
        self._read = read
        self._books = books
        self._keys: dict[JournalId, int] = {}
        self._named: dict[int, JournalId] = {}
        self._last_key: int | None = None
        self._known: OrderedDict[JournalId, Timeline] = OrderedDict()
        self._heard: dict[NodeId, Instant] | None = None
        self._heard_until: dict[OfficeId, Instant] | None = None
        self._beacons: set[Instant] = set()
        self._beacons_upto = 0
        self._rows = Rows()

    def forget(self) -> None:
        """Begin anew from what stands in the database: a transaction was not written, or others wrote."""
        self._keys.clear()
        self._named.clear()
        self._last_key = None
        self._heard = self._heard_until = None
        self._known.clear()
        self._rows = Rows()

    def drain(self) -> Rows:
        """What was taken in since the last time, to be written."""
        rows, self._rows = self._rows, Rows()
        return rows

    def trim(self) -> None:
        """Let go of what was not asked for lately."""
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)

    # --- asking ------------------------------------------------------------------------------------------------------

    async def load(self, journals: Iterable[JournalId]) -> None:
        """Have the timelines of these journals at hand."""
        missing: list[JournalId] = []
        for journal in journals:
            if journal in self._known:
                self._known.move_to_end(journal)
            else:
                missing.append(journal)
        await self._find_keys(missing)
        for start in range(0, len(missing), KEYS_PER_QUERY_MAX):
            await self._read_timelines(missing[start : start + KEYS_PER_QUERY_MAX])

    async def heard_until(self) -> Mapping[OfficeId, Instant]:
        """Seat → until when the county has heard from it: by its own newest receipt of one of the seat's journals, or
        the newest of its beacons that one of them has pinned.
        """
        if self._heard_until is None:
            self._heard_until = {}
            for origin, at in (await self._load_heard()).items():
                seat = self._books.seat_of_node(origin)
                if seat is not None:
                    self._heard_until[seat] = max(at, self._heard_until.get(seat, at))
        return self._heard_until

    async def _load_heard(self) -> dict[NodeId, Instant]:
        if self._heard is None:
            async with self._read.connect() as connection:
                rows = (await connection.execute(select(audit_heard.c.origin, audit_heard.c.at))).all()
            self._heard = {NodeId(origin): Instant(at) for origin, at in rows}
        return self._heard

    def timeline(self, journal: JournalId) -> Timeline:
        """What is known of a journal that was loaded."""
        return self._known[journal]

    def key_of(self, journal: JournalId) -> int:
        """The short name of a journal that was loaded; a new one gets one."""
        key = self._keys.get(journal)
        if key is None:
            assert self._last_key is not None
            self._last_key = key = self._last_key + 1
            self._keys[journal] = key
            name = {"origin": journal.origin, "ordinal": journal.epoch.ordinal, "nonce": journal.epoch.nonce}
            self._rows.journals.append({"key": key, **name})
        return key

    async def names(self, keys: Collection[int]) -> dict[int, JournalId]:
        """The journals of these short names."""
        missing = sorted(set(keys) - self._named.keys())
        for start in range(0, len(missing), KEYS_PER_QUERY_MAX):
            some = missing[start : start + KEYS_PER_QUERY_MAX]
            async with self._read.connect() as connection:
                rows = await connection.execute(select(_J.key, _J.origin, _J.ordinal, _J.nonce).where(_J.key.in_(some)))
                self._named |= {row.key: JournalId(NodeId(row.origin), Epoch(row.ordinal, row.nonce)) for row in rows}
        return {key: self._named[key] for key in keys}

    async def _find_keys(self, journals: Sequence[JournalId]) -> None:
        async with self._read.connect() as connection:
            if self._last_key is None:
                self._last_key = (await connection.execute(select(func.max(_J.key)))).scalar() or 0
            wanted = [journal for journal in journals if journal not in self._keys]
            for start in range(0, len(wanted), KEYS_PER_QUERY_MAX // 3):
                some = wanted[start : start + KEYS_PER_QUERY_MAX // 3]
                named = or_(*(_is(journal) for journal in some))
                rows = await connection.execute(select(_J.key, _J.origin, _J.ordinal, _J.nonce).where(named))
                for key, origin, ordinal, nonce in rows.all():
                    self._keys[JournalId(NodeId(origin), Epoch(ordinal, nonce))] = key

    async def _read_timelines(self, journals: Sequence[JournalId]) -> None:
        keys = {self._keys[journal]: journal for journal in journals if journal in self._keys}
        bases: dict[int, Instant | None] = {}
        anchors: dict[int, list[tuple[int, Instant]]] = {key: [] for key in keys}
        receipts: dict[int, list[tuple[int, Instant]]] = {key: [] for key in keys}
        if keys:
            a, r = audit_anchors.c, audit_receipts.c
            async with self._read.connect() as connection:
                rows = await connection.execute(select(_J.key, _J.base).where(_J.key.in_(keys)))
                bases = {row.key: row.base for row in rows}
                for key, seq, at in await connection.execute(select(a.journal, a.seq, a.at).where(a.journal.in_(keys))):
                    anchors[key].append((seq, at))
                for key, size, at in await connection.execute(
                    select(r.journal, r.size, r.at).where(r.journal.in_(keys))
                ):
                    receipts[key].append((size, at))
        for journal in journals:
            key = self._keys.get(journal, 0)
            self._known[journal] = Timeline(bases.get(key), anchors.get(key, ()), receipts.get(key, ()))

    # --- taking in ---------------------------------------------------------------------------------------------------

    async def take(self, entries: Sequence[Stored]) -> None:
        """Take in house-keeping entries that count, in the order in which they arrived."""
        read = [(entry, body) for entry in entries if (body := _read(entry)) is not None]
        if not read:
            return
        await self._load_beacons(max(entry.arrival for entry, _ in read))
        journals: dict[JournalId, None] = {}
        for entry, body in read:
            journals |= dict.fromkeys((entry.journal, *_named_in(entry, body)))
        await self.load(journals)
        await self._load_heard()
        for entry, body in read:
            match body:
                case Receipted():
                    self._take_receipt(entry, body)
                case EpochOpened():
                    self._take_opening(entry, body)
                case Pinned():
                    await self._take_pin(entry, body)
                case _:
                    pass

    def _take_receipt(self, entry: Stored, body: Receipted) -> None:
        seen = self._known[entry.journal].not_before(entry.seq)
        at = body.at if seen is None else max(body.at, seen)
        for head in body.heads:
            journal = JournalId(head.origin, head.epoch)
            self._known[journal].receive(head.size, at)
            if body.holder == self._books.seat.node:
                self._hear(head.origin, body.at)
            self._rows.receipts[self.key_of(journal), head.size, body.holder, body.at] = at

    def _hear(self, origin: NodeId, at: Instant) -> None:
        assert self._heard is not None
        if at > self._heard.get(origin, -1):
            self._heard[origin] = self._rows.heard[origin] = at
            self._heard_until = None

    def _take_opening(self, entry: Stored, body: EpochOpened) -> None:
        if entry.seq or body.parent is None:
            return
        parent = JournalId(entry.journal.origin, body.parent.epoch)
        base = self._known[parent].not_before(body.parent.size)
        if base is not None:
            self._known[entry.journal].base = base
            self._rows.bases[self.key_of(entry.journal)] = base

    async def _take_pin(self, entry: Stored, body: Pinned) -> None:
        seen = list[Instant | None]()
        if body.beacon_at is not None and body.beacon_at in self._beacons:
            seen.append(body.beacon_at)
            # Everything that the device wrote before is here, too: journals come without a gap.
            self._hear(entry.journal.origin, body.beacon_at)
        receipted_at = body.receipted_at
        if receipted_at is not None and await self._was_receipted(entry.journal.origin, body.neighbour, receipted_at):
            seen.append(receipted_at)
        latest = max((at for at in seen if at is not None), default=None)
        if latest is not None:
            self._known[entry.journal].see(entry.seq, latest)
            self._rows.anchors[self.key_of(entry.journal), entry.seq] = latest

    async def _was_receipted(self, origin: NodeId, holder: NodeId, stated: Instant) -> bool:
        """Whether that holder really signed at that time that it holds something of this device."""
        of_device = {key for journal, key in self._keys.items() if journal.origin == origin}
        if any(key in of_device and one == holder and at == stated for key, _, one, at in self._rows.receipts):
            return True
        r = audit_receipts.c
        query = (
            select(r.stated)
            .join_from(audit_receipts, audit_journals, _J.key == r.journal)
            .where(_J.origin == origin, r.holder == holder, r.stated == stated)
            .limit(1)
        )
        async with self._read.connect() as connection:
            return (await connection.execute(query)).first() is not None

    async def _load_beacons(self, upto: int) -> None:
        """The times of the county's own beacons: nobody can have pinned another."""
        if upto <= self._beacons_upto:
            return
        for entry in await self._books.store.entries_of_kind(KIND_BEACON, after=self._beacons_upto):
            is_own = self._books.seat_of_node(entry.journal.origin) == self._books.seat.office
            beacon = _read(entry) if is_own and self._books.counts(entry) else None
            if isinstance(beacon, Beacon):
                self._beacons.add(beacon.at)
        self._beacons_upto = max(self._beacons_upto, upto)


def _is(journal: JournalId) -> Any:
    return and_(_J.origin == journal.origin, _J.ordinal == journal.epoch.ordinal, _J.nonce == journal.epoch.nonce)


def _read(entry: Stored) -> Receipted | EpochOpened | Pinned | Beacon | None:
    if entry.body is None:
        return None
    try:
        body = decode_line(entry.kind, entry.body)
    except Malformed:
        return None
    return body if isinstance(body, Receipted | EpochOpened | Pinned | Beacon) else None


def _named_in(entry: Stored, body: object) -> list[JournalId]:
    match body:
        case Receipted():
            return [JournalId(head.origin, head.epoch) for head in body.heads]
        case EpochOpened() if body.parent is not None:
            return [JournalId(entry.journal.origin, body.parent.epoch)]
        case _:
            return []
