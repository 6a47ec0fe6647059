"""The processes that walk over the store: each reads its tasks on a connection of its own and reports what it found.

A task is a group of whole journals, a stretch of a long one, or some segments; whoever takes it finds the same.
Bounded memory: a chunk of rows at a time, the hashes of what was erased by law, a tree's frontier. Only reads.
Next: `hub.audit.reverify`, which plans tasks and decides; `hub.audit.chain` and `hub.audit.segments`, which judge.
"""

import asyncio
import multiprocessing
from collections.abc import AsyncIterator, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from itertools import groupby
from operator import itemgetter
from typing import Final

from msgspec import Struct
from sqlalchemy import URL

from hub.audit import chain, segments
from hub.audit.chain import Course, Found, Part, Walk
from hub.audit.segments import Digester, Judged, segment_key
from hub.audit.stored_rows import Row, StoredRows
from office.verifying import Fault
from schemas.names import Epoch, JournalId, NodeId
from schemas.wire import ZERO_HASH, header_prefix
from sync.sealing import AesGcmSealer

NUMBERS_MAX: Final = 2**62

MISSING_NAMED_MAX: Final = 20
"""Numbers of arrival named of one segment: what more is gone is gone with them."""

LOOKUPS_AT_ONCE: Final = 200
"""Hashes looked up by one statement."""

_CHECKPOINTS: Final = (
    "SELECT journal, size, root FROM checkpoints WHERE journal >= {} AND journal <= {} AND size > {} AND size <= {} "
    "ORDER BY journal, size"
)
_GROUP: Final = f"SELECT {chain.COLUMNS} FROM entries WHERE journal >= {{}} AND journal <= {{}} ORDER BY journal, seq"  # noqa: S608 (our own column names)
_STRETCH: Final = (
    f"SELECT {chain.COLUMNS} FROM entries WHERE journal = {{}} AND seq >= {{}} AND seq < {{}} ORDER BY seq"  # noqa: S608 (our own column names)
)
_SEGMENT: Final = f"SELECT {segments.COLUMNS} FROM entries WHERE arrival >= {{}} AND arrival <= {{}} ORDER BY arrival"  # noqa: S608 (our own column names)


class Source(Struct, frozen=True):
    """What a walking process needs to read the store. Crosses a pipe to it, never a disk."""

    url: URL
    store_key: bytes | None
    data_key: bytes


class ChainTask(Struct, frozen=True):
    """All entries of journals `first_key` … `last_key`, or of one journal those from `start` to before `stop`."""

    first_key: int
    last_key: int
    courses: tuple[Course, ...]
    horizon: int
    """The last arrival when the pass began: what came later is left for the next time."""
    start: int = 0
    stop: int | None = None

    @property
    def entries(self) -> int:
        """How many there are to be walked over."""
        if self.stop is not None:
            return self.stop - self.start
        return sum(course.size for course in self.courses) - self.start


class Stray(Struct, frozen=True):
    """An entry that is in no run of its journal as far as was known when the pass began."""

    key: int
    seq: int
    is_loose: bool


class Walked(Struct):
    """What a chain task came to."""

    task: ChainTask
    entries: int = 0
    arrived: int = 0
    """Of these, how many had arrived when the pass began."""
    checkpoints: int = 0
    found: list[Found] = []
    strays: list[Stray] = []
    bare: list[tuple[int, int]] = []
    parts: list[Part] = []


class SegmentTask(Struct, frozen=True):
    """Segments from `first` on, with the digest that each should have; None: it has none yet."""

    first: int
    digests: tuple[bytes | None, ...]
    last_arrival: int

    @property
    def entries(self) -> int:
        """How many entries they hold."""
        low, _ = segments.bounds(self.first)
        _, high = segments.bounds(self.first + len(self.digests) - 1)
        return min(high, self.last_arrival) - low + 1


Task = ChainTask | SegmentTask
Done = Walked | list[Judged]


class Walker:
    """One process's connection and keys."""

    def __init__(self, source: Source, rows: StoredRows) -> None:
        self._rows = rows
        self._open = AesGcmSealer(source.data_key).open
        self._digester = Digester(segment_key(source.data_key))
        self._erased: set[bytes] | None = None
        self._names: dict[int, tuple[str, bytes]] = {}

    @classmethod
    async def start(cls, source: Source) -> "Walker":
        """Connect."""
        return cls(source, await StoredRows.open(source.url, source.store_key))

    async def close(self) -> None:
        """Give the connection back."""
        await self._rows.close()

    async def run(self, task: Task) -> Done:
        """Carry out a task."""
        if isinstance(task, SegmentTask):
            return await self._segments(task)
        return await self._chain(task)

    # --- journals ----------------------------------------------------------------------------------------------------

    async def _chain(self, task: ChainTask) -> Walked:
        erased = await self._erased_hashes()
        last = NUMBERS_MAX if task.stop is None else task.stop
        checkpoints = await self._rows.fetch(_CHECKPOINTS, task.first_key, task.last_key, task.start, last)
        dues = {key: [row[1:] for row in rows] for key, rows in groupby(checkpoints, itemgetter(0))}
        prev = await self._hash_before(task)
        walks = {
            course.key: Walk(
                course,
                dues.get(course.key, ()),
                self._open,
                erased,
                start=task.start,
                stop=task.stop,
                prev=prev,
            )
            for course in task.courses
        }
        walked = Walked(task, found=[], strays=[], bare=[], parts=[])
        async for rows in self._chain_rows(task):
            for key, group in groupby(rows, itemgetter(0)):
                _take(walked, walks.get(key), list(group))
        for walk in walks.values():
            walk.finish()
            walked.found += walk.found
            walked.bare += [(walk.course.key, seq) for seq in walk.bare]
            walked.checkpoints += walk.checkpoints
            if task.start or task.stop is not None:
                walked.parts.append(walk.part)
        return walked

    def _chain_rows(self, task: ChainTask) -> AsyncIterator[Sequence[Row]]:
        if task.start or task.stop is not None:
            stop = NUMBERS_MAX if task.stop is None else task.stop
            return self._rows.stream(_STRETCH, task.first_key, task.start, stop)
        return self._rows.stream(_GROUP, task.first_key, task.last_key)

    async def _hash_before(self, task: ChainTask) -> bytes | None:
        if not task.start:
            return ZERO_HASH
        query = "SELECT hash FROM entries WHERE journal = {} AND seq = {}"
        found = await self._rows.fetch(query, task.first_key, task.start - 1)
        return found[0][0] if found else None

    async def _erased_hashes(self) -> set[bytes]:
        """What was erased by law when this process began. Read before any row: whoever is in it must be bare."""
        if self._erased is None:
            self._erased = {row[0] for row in await self._rows.fetch("SELECT hash FROM erased")}
        return self._erased

    # --- segments ----------------------------------------------------------------------------------------------------

    async def _segments(self, task: SegmentTask) -> list[Judged]:
        judged: list[Judged] = []
        for number, digest in enumerate(task.digests, task.first):
            low, high = segments.bounds(number)
            rows = await self._rows.fetch(_SEGMENT, low, min(high, task.last_arrival))
            now = self._digester.digest(rows)
            if now != digest:
                found = await self._verified(rows, low, min(high, task.last_arrival))
                judged.append(Judged(segments.as_segment(number, now, rows), found, len(rows)))
        return judged

    async def _verified(self, rows: Sequence[Row], low: int, high: int) -> list[Found]:
        """What is wrong with the content of these rows."""
        found = [_not_arrived(number) for number in _gaps(map(segments.arrival_of, rows), low, high)]
        entries = [segments.chain_row(row) for row in rows]
        before = await self._hashes_before(entries)
        erased = await self._erased_hashes()
        bare: list[tuple[int, Row]] = []
        for row, entry in zip(rows, entries, strict=True):
            key, seq, arrival, loose, *_ = entry
            if not _has_place(entry):
                found.append(_misplaced(arrival))
                continue
            name, prefix = await self._named(key)
            prev = (segments.own_prev(row) or ZERO_HASH) if loose else before.get((key, seq - 1))
            if seq == 0 and not loose:
                prev = ZERO_HASH
            if prev is None:
                found.append(chain.missing(key, name, seq - 1))
            elif chain.hash_of(prefix, prev, entry, self._open) != entry[10]:
                found.append(chain.changed(key, name, seq))
            if not chain.head_fits(entry):
                found.append(chain.beside(key, name, seq))
            if (entry[9] is None) is not (entry[10] in erased):
                bare.append((key, entry))
        return found + await self._doubtful(bare)

    async def _doubtful(self, entries: Iterable[tuple[int, Row]]) -> list[Found]:
        """Bodies that are gone, or still here, against the orders known: read again, one may have come meanwhile."""
        found: list[Found] = []
        for key, entry in entries:
            is_erased = bool(await self._rows.fetch("SELECT 1 FROM erased WHERE hash = {}", entry[10]))
            name, _ = await self._named(key)
            if entry[9] is None and not is_erased and not await self._is_purged(entry[6]):
                found.append(body_missing(key, name, entry[1]))
            elif entry[9] is not None and entry[10] in await self._erased_hashes():
                found.append(chain.kept(key, name, entry[1]))
        return found

    async def _is_purged(self, subject: bytes | None) -> bool:
        query = "SELECT 1 FROM purged WHERE subject = {}"
        return subject is not None and bool(await self._rows.fetch(query, subject))

    async def _hashes_before(self, entries: Sequence[Row]) -> dict[tuple[int, int], bytes]:
        """(journal, seq) → hash, for the entries themselves and those just before them."""
        placed = [row for row in entries if _has_place(row)]
        known = {(row[0], row[1]): row[10] for row in placed}
        wanted = sorted({(row[0], row[1] - 1) for row in placed if row[1] > 0 and not row[3]} - known.keys())
        for start in range(0, len(wanted), LOOKUPS_AT_ONCE):
            some = wanted[start : start + LOOKUPS_AT_ONCE]
            places = " OR ".join("(journal = {} AND seq = {})" for _ in some)
            query = f"SELECT journal, seq, hash FROM entries WHERE {places}"  # noqa: S608 (only places for values)
            for key, seq, link in await self._rows.fetch(query, *(value for pair in some for value in pair)):
                known[key, seq] = link
        return known

    async def _named(self, key: int) -> tuple[str, bytes]:
        """A journal's name and the bytes that its headers share."""
        if key not in self._names:
            for row in await self._rows.fetch("SELECT key, origin, ordinal, nonce FROM journals"):
                self._names[row[0]] = named(*row[1:])
        return self._names.get(key, (f"journal {key}", b""))


def named(origin: str, ordinal: int, nonce: bytes) -> tuple[str, bytes]:
    """A journal's name in a report, and the bytes that its headers share."""
    journal = JournalId(NodeId(origin), Epoch(ordinal, nonce))
    try:
        return str(journal), header_prefix(journal)
    except chain.UNREADABLE:
        return f"{origin!r}", b""


def body_missing(key: int, name: str, seq: int) -> Found:
    """A body is gone, and no law took it."""
    en = "the entry's body is gone, and no order of erasure is known here"
    return Found(key, seq, Fault("body_missing", f"{name} #{seq}", "条目的内容不在，而本机没有相应的删除令", en))


def _not_arrived(number: int) -> Found:
    en = "the entry that arrived with this number is not here"
    return Found(0, number, Fault("missing", f"arrival {number}", "以此序号到达的条目不在本机", en))


def _has_place(row: Row) -> bool:
    return isinstance(row[0], int) and isinstance(row[1], int)


def _misplaced(arrival: int) -> Found:
    en = "this entry's journal or number is no number"
    return Found(0, arrival, Fault("stray", f"arrival {arrival}", "该条目的日志或序号不是数字", en))


def _gaps(arrivals: Iterable[int], low: int, high: int) -> list[int]:
    here = set(arrivals)
    return [number for number in range(low, high + 1) if number not in here][:MISSING_NAMED_MAX]


def _take(walked: Walked, walk: Walk | None, rows: list[Row]) -> None:
    """Rows of one journal: its run's to its walk; what lies beside the run is noted."""
    stop = walk.stop if walk is not None else 0
    beyond: list[Row] = []
    if type(rows[-1][1]) is not int or rows[-1][1] >= stop or rows[0][1] < 0:
        beyond = [row for row in rows if type(row[1]) is not int or not 0 <= row[1] < stop]
        rows = [row for row in rows if type(row[1]) is int and 0 <= row[1] < stop]
    if walk is not None and rows:
        walk.take(rows)
        walked.entries += len(rows)
        walked.arrived += len(rows)
    for row in beyond:
        if row[2] <= walked.task.horizon:
            walked.entries += 1
            walked.arrived += 1
            walked.strays.append(Stray(row[0], row[1] if isinstance(row[1], int) else -1, bool(row[3])))


# --- processes -----------------------------------------------------------------------------------------------------


class _Own:
    """What one child process keeps from task to task."""

    runner: asyncio.Runner
    walker: Walker


def _begin(source: Source) -> None:
    _Own.runner = asyncio.Runner()
    _Own.walker = _Own.runner.run(Walker.start(source))


def _run(task: Task) -> Done:
    return _Own.runner.run(_Own.walker.run(task))


async def carry_out(source: Source, tasks: Sequence[Task], processes: int) -> AsyncIterator[Done]:
    """Carry out tasks, the largest first, in so many processes; in this one if that is 1. Results as they come."""
    ordered = sorted(tasks, key=lambda task: -task.entries)
    if processes <= 1 or len(tasks) <= 1:
        walker = await Walker.start(source)
        try:
            for task in ordered:
                yield await walker.run(task)
        finally:
            await walker.close()
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(processes, len(tasks)), mp_context=context, initializer=_begin, initargs=(source,))
    try:
        waiting: set[Future[Done]] = {pool.submit(_run, task) for task in ordered}
        while waiting:
            done, waiting = await asyncio.to_thread(wait, waiting, None, FIRST_COMPLETED)
            for one in done:
                yield one.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
