"""The queue in front of a node's one pen: bounded, with group commit (DESIGN 5, RULINGS C2).

Whoever wants to write hands a job in and waits until it is durable. One task takes what waits, up to 4,000 entries,
into one transaction: with eight senders one fsync serves eight pages. A failed commit fails its own jobs and the queue
goes on; a full queue answers `Busy`. Decides nothing about entries. Next: `sync.ledger` (what a job does),
`sync.exchange` and `office.desk` (who hands jobs in).
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from msgspec import Struct

from schemas.names import NodeId
from schemas.wire import Certificate, Page
from sync.books import Books
from sync.core.errors import AnotherWriter, Busy, LocalFault, RemoteFault
from sync.ledger import Admission, Drafting, Ledger
from sync.paging import Load
from sync.ports import Stored

T = TypeVar("T")

GROUP_ENTRIES_MAX: Final = 4000
"""Entries in one transaction: eight full pages. Above it the gain is gone (STACK 2.1) and a failed one costs more."""

WAITING_ENTRIES_MAX: Final = 16_000
"""Entries of pages that may wait: four transactions, some 20 MB in memory. More is the senders' to keep (`Busy`)."""

WAITING_JOBS_MAX: Final = 512
"""Jobs of any kind that may wait. Pages stop being taken at half of it: a person's act at a counter comes first."""

TIDY_AFTER_COMMITS: Final = 256
"""An idle moment after so many transactions is used for the store's housework (SQLite's write-ahead file)."""

RETRY_AFTER_S: Final = 2

Job = Callable[[], Awaitable[Any]]
Tidy = Callable[[], Awaitable[None]]


class Waiting(Struct, eq=False):
    """A job in the queue, how many entries it brings, and who waits for it."""

    job: Job
    entries: int
    done: "asyncio.Future[Any]"


class Writer:
    """One per node, beside its ledger. `start` it in the loop that serves; `stop` finishes what was taken."""

    def __init__(self, ledger: Ledger, *, tidy: Tidy | None = None) -> None:
        """`tidy` is called in idle moments (`SqlStore.tidy`)."""
        self._ledger = ledger
        self._tidy = tidy
        # Jobs that may share a transaction, and jobs that need the books to themselves; each in order of coming.
        self._shared: deque[Waiting] = deque()
        self._alone: deque[Waiting] = deque()
        self._waiting_entries = 0
        self._work = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed: LocalFault | None = LocalFault("not_started", "the node is starting; try again in a moment")
        self._stale = False
        self._commits = 0
        self.entries_offered = 0
        """Entries of all pages handed in since the start, new or not: how busy the post is (`office.serving`)."""

    @property
    def books(self) -> Books:
        """The state in memory. What it shows may still be rolled back: use `look` for what must be durable."""
        return self._ledger.books

    @property
    def failure(self) -> LocalFault | None:
        """Why this writer no longer takes anything, or None while it works."""
        return self._closed

    # --- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work. The ledger's epoch must be open."""
        self._closed = None
        self._task = asyncio.get_running_loop().create_task(self._run(), name="writer")

    async def stop(self) -> None:
        """Take nothing more, finish what was taken, and return when all of it is durable or refused."""
        if self._closed is None:
            self._closed = LocalFault("stopping", "the node is stopping; try again when it runs")
        self._work.set()
        if self._task is not None:
            await self._task
            self._task = None

    # --- jobs ------------------------------------------------------------------------------------------------------

    async def admit(self, page: Page) -> Admission:
        """See `Ledger.admit`; returns when the page is durable. Raises `Busy` when the queue is full."""
        entries = _entries_of(page)
        if len(self._shared) >= WAITING_JOBS_MAX // 2 or self._waiting_entries + entries > WAITING_ENTRIES_MAX:
            raise _busy()
        self.entries_offered += entries
        return await self._hand_in(self._shared, lambda: self._ledger.stage_admit(page), entries)

    async def record(self, drafting: Drafting) -> list[Stored]:
        """See `Ledger.record`; returns when the entries are durable. Raises what `drafting` raised."""
        return await self._hand_in(self._shared, lambda: self._ledger.stage_record(drafting), 1)

    async def page_for(self, neighbour: NodeId, *, receipts_due: bool = True, load: Load | None = None) -> Page:
        """See `Ledger.page_for`. Everything the page states is durable when it is returned."""
        return await self.alone(lambda: self._ledger.page_for(neighbour, receipts_due=receipts_due, load=load))

    async def meet(self, chain: Sequence[Certificate]) -> None:
        """See `Ledger.meet`."""
        await self.alone(lambda: self._ledger.meet(chain))

    async def look(self, reading: Callable[[], T]) -> T:
        """Read the books between two transactions: everything that `reading` sees is durable."""

        async def job() -> T:
            return reading()

        return await self.alone(job)

    async def alone(self, job: Callable[[], Awaitable[T]]) -> T:
        """Run a job of the ledger's that makes its own transactions, with the books to itself."""
        return await self._hand_in(self._alone, job, 0)

    async def _hand_in(self, queue: deque[Waiting], job: Job, entries: int) -> Any:
        if self._closed is not None:
            raise self._closed.with_traceback(None)  # one object for all: it must not gather their traces
        if len(self._shared) + len(self._alone) >= WAITING_JOBS_MAX:
            raise _busy()
        waiting = Waiting(job, entries, asyncio.get_running_loop().create_future())
        queue.append(waiting)
        self._waiting_entries += entries
        self._work.set()
        return await waiting.done

    # --- the one task ----------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while self._shared or self._alone or self._closed is None:
                await self._work.wait()
                self._work.clear()
                while self._shared or self._alone:
                    await self._round()
                await self._tidy_up()
        except AnotherWriter as lost:
            self._closed = lost
        finally:
            self._closed = self._closed or LocalFault("stopped", "the node has stopped writing; start it again")
            for waiting in (*self._shared, *self._alone):
                _fail(waiting, self._closed)
            self._shared.clear()
            self._alone.clear()

    async def _round(self) -> None:
        """One transaction for shared jobs, then every job that waited for the books meanwhile: neither side starves."""
        group = self._next_group()
        if group:
            await self._perform(group)
        for _ in range(len(self._alone)):
            waiting = self._alone.popleft()
            if not waiting.done.done():
                await self._perform_alone(waiting)

    def _next_group(self) -> list[Waiting]:
        group: list[Waiting] = []
        entries = 0
        while self._shared and (not group or entries + self._shared[0].entries <= GROUP_ENTRIES_MAX):
            waiting = self._shared.popleft()
            self._waiting_entries -= waiting.entries
            if waiting.done.done():  # whoever waited has gone away: what nobody was promised is not done
                continue
            group.append(waiting)
            entries += waiting.entries
        return group

    async def _perform(self, group: list[Waiting]) -> None:
        try:
            await self._refresh()
            results = await self._ledger.perform([waiting.job for waiting in group])
        except Exception as error:
            self._stale = True
            if len(group) > 1 and not isinstance(error, Busy | AnotherWriter):
                await self._perform_one_by_one(group)
                return
            for waiting in group:
                _fail(waiting, error)
            if isinstance(error, AnotherWriter):
                raise
            return
        self._commits += 1
        for waiting, result in zip(group, results, strict=True):
            _settle(waiting, result)

    async def _perform_one_by_one(self, group: list[Waiting]) -> None:
        """One of them cannot be written: alone, it fails alone (a bad page never stops another sender's line)."""
        for waiting in group:
            try:
                await self._perform([waiting])
            except AnotherWriter as lost:
                for other in group:
                    _fail(other, lost)
                raise

    async def _perform_alone(self, waiting: Waiting) -> None:
        try:
            await self._refresh()
            result = await waiting.job()
        except AnotherWriter as lost:
            _fail(waiting, lost)
            raise
        except Exception as error:
            # A neighbour's fault is found before anything is staged; after anything else the books are read again.
            self._stale = self._stale or not isinstance(error, RemoteFault)
            _fail(waiting, error)
            return
        _settle(waiting, result)

    async def _refresh(self) -> None:
        """Read the books again if a failure may have left them half made (the store itself may have been away)."""
        if self._stale:
            await self.books.load()
            self._stale = False

    async def _tidy_up(self) -> None:
        if self._tidy is None or self._commits < TIDY_AFTER_COMMITS:
            return
        self._commits = 0
        try:
            await self._tidy()
        except Exception:
            # Housework that failed (a reader in the way, a full disk) harms nothing: the next moment will do.
            self._commits = TIDY_AFTER_COMMITS // 2


def _entries_of(page: Page) -> int:
    runs = sum(len(run.lines) for stretch in page.stretches for run in stretch.runs)
    excerpts = sum(len(stretch.excerpts) for stretch in page.stretches)
    answered = sum(len(answer.excerpts) + (len(answer.run.lines) if answer.run else 0) for answer in page.answers)
    return runs + excerpts + answered


def _busy() -> Busy:
    return Busy("busy", "too much is waiting to be written here; try again shortly", retry_after_s=RETRY_AFTER_S)


def _settle(waiting: Waiting, result: object) -> None:
    if waiting.done.done():
        return
    if isinstance(result, Exception):
        waiting.done.set_exception(result)
    else:
        waiting.done.set_result(result)


def _fail(waiting: Waiting, error: Exception) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(error)
