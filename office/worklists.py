"""The read side: lists of cases, one case with its timeline, how far each step has travelled, the state of the lines.

Scope is part of every query: an office sees the cases that it reads and no others, by equality on the levels of the
tree of division codes (`office.projection.scope_of`). Timelines are not stored: entries are decoded when read.
Never masks (pages do, by `schemas.casework.visibility.sight_of`), never writes, and never shows an office a case that
is not in its scope, not even that it exists. Next: `office.web`, which shows this.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final, Protocol

from msgspec import Struct, structs
from sqlalchemy import ColumnElement, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from office.dues import number_of
from office.projection import SqlCases, scope_of
from office.tables import asked, cases, enquiries, second_notices
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import CHINA_TIME
from schemas.casework.events import Act, CaseEvent, UnknownKind, decode_event
from schemas.casework.lifecycle import NotPermitted
from schemas.casework.stages import ENDED, Stage
from schemas.codec import Malformed, decode
from schemas.names import CaseId, Instant, JournalId, NodeId, OfficeId, find_tracking_number, seat_of
from schemas.wire import KIND_RECEIPTED, Receipted
from sync.ports import Disposition, EntryKey, Evidence, ReceiptRow, Store, Stored

PAGE_CASES: Final = 20
"""Cases on one page of a list: what fits a screen without scrolling twice."""

PAGE_CASES_MAX: Final = 100
"""For programs; each case costs one read of its entries."""

SEARCH_CHARACTERS_MAX: Final = 40

FINGERPRINT_CHARACTERS: Final = 8
"""Hexadecimal digits of an entry's hash by which people name it: enough among one case's."""

RECEIPTS_AT_ONCE: Final = 100
RECEIPTS_READ_MAX: Final = 1000
"""A case's entries are signed for in one of the next exchanges; a county has about 30 townships."""

SET_ASIDE_MAX: Final = 200
"""Entries of the quarantine that are read for a screen: each costs a query, and a hostile device writes many."""


class Queue(StrEnum):
    """Which of the office's cases."""

    ALL = "all"
    HELD = "held"
    """The office has the pen."""
    OFFERED = "offered"
    """The office must answer an offer."""
    WAITING = "waiting"
    """One of these two, of items for which nobody else of the office answers."""
    ASKED = "asked"
    """The office is asked for its opinion and has not given it."""
    OVERDUE = "overdue"
    """Some clock has run out."""
    DUE_TODAY = "due_today"
    DUE_SOON = "due_soon"
    """After today, within the next working days (`office.dues.DUE_SOON_DAYS`)."""
    OPEN = "open"
    """Not yet closed or withdrawn."""


BY_DUE_DAY: Final = frozenset({Queue.ASKED, Queue.OVERDUE, Queue.DUE_TODAY, Queue.DUE_SOON})


class Traced(Struct, frozen=True):
    """One entry of a case, decoded, with what became of it here and how far it has travelled."""

    entry: Stored
    event: CaseEvent | None
    """None: a kind or a body that this version does not understand, or a body that is not here."""
    state: str
    """Empty = it counts; else "held", "quarantined", "unknown", "superseded"; "erased" or "purged" without its body."""
    code: str
    held_by: frozenset[OfficeId]
    """Seats known to hold it: its author's, ours, those that signed a receipt for it or built a later act on it."""


class Receipt(Struct, frozen=True):
    """By its own signature a device holds a journal up to an entry of the case."""

    holder: NodeId
    office: OfficeId
    journal: JournalId
    author: OfficeId | None
    """The seat whose journal it is, as far as this node knows its device."""
    held: int
    """How many of the case's entries in that journal the signature covers: the first ones …"""
    entries: int
    """… of so many that are here."""
    up_to: int
    """The number in the journal, counted from 1, of the last one that is covered."""
    at: Instant
    """When the holder first signed for it, by its own clock."""


class Found(Struct, frozen=True):
    """One case and its entries."""

    file: CaseFile
    traced: tuple[Traced, ...]
    receipts: tuple[Receipt, ...] = ()
    """Only of a case that was asked for by itself."""

    @property
    def held_by(self) -> frozenset[OfficeId]:
        """Seats that hold every entry of the case that is here."""
        if not self.traced:
            return frozenset()
        return self.traced[0].held_by.intersection(*(traced.held_by for traced in self.traced))


class CasePage(Struct, frozen=True):
    """One page of a list."""

    rows: tuple[Found, ...]
    total: int
    has_more: bool


class SetAside(Struct, frozen=True):
    """An entry in the quarantine, or held: `code` is explained by `office.dispositions.explain`."""

    disposition: Disposition
    entry: Stored | None


class Journeys(Protocol):
    """Where an entry's author sits, and where we do: as much of the books as the read side needs."""

    def seat_of_node(self, node: NodeId) -> OfficeId | None:
        """The seat a device is enrolled for."""
        ...


class Worklists:
    """All questions of screens about cases, over the node's read engine."""

    def __init__(
        self,
        read: AsyncEngine,
        files: SqlCases,
        store: Store,
        books: Journeys,
        seat: OfficeId,
        due_days: Callable[[], tuple[date, date]],
    ) -> None:
        """`due_days`: today, and the last day that counts as soon."""
        self._due_days = due_days
        self._read = read
        self._files = files
        self._store = store
        self._books = books
        self._seat = seat

    async def list_cases(
        self,
        office: OfficeId,
        queue: Queue = Queue.ALL,
        *,
        search: str = "",
        by_name: bool = False,
        elsewhere: Collection[str] = (),
        page: int = 1,
        size: int = PAGE_CASES,
    ) -> CasePage:
        """The cases of an office, newest first; of a queue by due day the one that is due first.

        `elsewhere`: items for which somebody else of the office answers (`office.people`).

        `search`: a tracking number; with `by_name` also the beginning of a name, among the cases at which the office
        is at work: elsewhere a search would spell out a masked name.
        """
        size = min(max(size, 1), PAGE_CASES_MAX)
        condition = scope_of(office) & self._queue(office, queue, elsewhere)
        if search.strip():
            condition &= _search(search.strip()[:SEARCH_CHARACTERS_MAX], office if by_name else None)
        query = (
            select(cases.c.name, cases.c.file)
            .where(condition)
            .order_by(cases.c.due_day if queue in BY_DUE_DAY else cases.c.filed_at.desc(), cases.c.subject)
            .limit(size + 1)
            .offset((max(page, 1) - 1) * size)
        )
        async with self._read.connect() as connection:
            total = await connection.scalar(select(func.count()).select_from(cases).where(condition))
            rows = (await connection.execute(query)).all()
        files = [self._files.open_file(name, file) for name, file in rows[:size]]
        return CasePage(tuple(await self._trace(files)), total or 0, len(rows) > size)

    async def count(self, office: OfficeId, elsewhere: Collection[str] = ()) -> dict[Queue, int]:
        """How many cases each queue of an office holds."""
        counts: dict[Queue, int] = {}
        async with self._read.connect() as connection:
            for queue in Queue:
                condition = scope_of(office) & self._queue(office, queue, elsewhere)
                counts[queue] = (await connection.scalar(select(func.count()).select_from(cases).where(condition))) or 0
        return counts

    async def count_enquiries(self, office: OfficeId, day: date) -> int:
        """How many enquiries an office counted on that day, by the claimed times."""
        midnight = datetime.combine(day, time(), CHINA_TIME)
        first, last = (int((midnight + timedelta(days=more)).timestamp() * 1000) for more in (0, 1))
        of_day = (enquiries.c.office == office) & (enquiries.c.at >= first) & (enquiries.c.at < last)
        async with self._read.connect() as connection:
            return await connection.scalar(select(func.count()).select_from(enquiries).where(of_day)) or 0

    async def count_second_notices(self, year: int) -> dict[OfficeId, int]:
        """Of each office that notified residents of missing papers once more: how often in that year, by the claimed
        times, as far as the cases are here. One notice names every gap (一次性告知): each further one counts.
        """
        first, last = (int(datetime(one, 1, 1, tzinfo=CHINA_TIME).timestamp() * 1000) for one in (year, year + 1))
        of_year = (second_notices.c.at >= first) & (second_notices.c.at < last)
        office = second_notices.c.office
        query = select(office, func.count()).where(of_year).group_by(office).order_by(office)
        async with self._read.connect() as connection:
            return {OfficeId(one): count for one, count in (await connection.execute(query)).all()}

    async def get_case(self, office: OfficeId, case: CaseId) -> Found:
        """One case with its timeline. Raises `NotPermitted` `no_such_case` when it is not in the office's scope."""
        query = select(cases.c.name, cases.c.file).where(cases.c.subject == case, scope_of(office))
        async with self._read.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotPermitted("no_such_case")
        found = (await self._trace([self._files.open_file(*row)]))[0]
        return structs.replace(found, receipts=await self._receipts([one.entry for one in found.traced]))

    async def find_by_number(self, office: OfficeId, tracking: str) -> CaseId | None:
        """The case with this tracking number, in any spelling, or None when it is not in the office's scope."""
        number = find_tracking_number(tracking)
        if number is None:
            return None
        query = select(cases.c.subject).where(cases.c.tracking == number, scope_of(office)).limit(1)
        async with self._read.connect() as connection:
            subject = await connection.scalar(query)
        return CaseId(subject) if subject is not None else None

    async def set_aside(self) -> list[SetAside]:
        """Entries of this node that are held, quarantined or of unknown kind, the first `SET_ASIDE_MAX`."""
        found: list[SetAside] = []
        for disposition in await self._store.dispositions(limit=SET_ASIDE_MAX):
            journal, seq = disposition.key
            entries = await self._store.entries(journal, seq, seq + 1)
            found.append(SetAside(disposition, entries[0] if entries else None))
        return found

    async def findings(self) -> list[Evidence]:
        """What the post found: forks, rollbacks, damage, losses."""
        return await self._store.evidence()

    def _queue(self, office: OfficeId, queue: Queue, elsewhere: Collection[str]) -> ColumnElement[bool]:
        if queue is Queue.WAITING:
            # A case whose item nobody answers for, or is not known yet, waits for everybody.
            mine = cases.c.item.is_(None) | cases.c.item.not_in(elsewhere)
            return (self._queue(office, Queue.HELD, ()) | self._queue(office, Queue.OFFERED, ())) & mine
        if queue is Queue.HELD:
            return (cases.c.custodian == office) & (cases.c.stage != Stage.CLOSED.value)
        if queue is Queue.OFFERED:
            return cases.c.offeree == office
        if queue is Queue.ASKED:
            return cases.c.subject.in_(select(asked.c.subject).where(asked.c.office == office))
        if queue is Queue.OPEN:
            return cases.c.stage.not_in([stage.value for stage in ENDED])
        today, soon = (number_of(day) for day in self._due_days())
        if queue is Queue.OVERDUE:
            return cases.c.due_day < today
        if queue is Queue.DUE_TODAY:
            return cases.c.due_day == today
        if queue is Queue.DUE_SOON:
            return (cases.c.due_day > today) & (cases.c.due_day <= soon)
        return cases.c.subject.is_not(None)

    # --- timelines ---------------------------------------------------------------------------------------------------

    async def _trace(self, files: Sequence[CaseFile]) -> list[Found]:
        """Timelines of several cases with one read of entries, one of dispositions, one of receipts a journal."""
        if not files:
            return []
        entries = await self._store.entries_about([file.case for file in files])
        states = {disposition.key: disposition for disposition in await self._store.dispositions(entries)}
        receipts = {journal: await self._store.receipts(journal) for journal in {entry.journal for entry in entries}}
        by_case: dict[CaseId, list[Stored]] = {file.case: [] for file in files}
        for entry in entries:
            if entry.subject is not None:
                by_case[entry.subject].append(entry)
        found: list[Found] = []
        for file in files:
            traced = [self._traced(file, entry, states, receipts) for entry in by_case[file.case]]
            found.append(Found(file, _with_followers(sorted(traced, key=_place))))
        return found

    # --- receipts ----------------------------------------------------------------------------------------------------

    async def _receipts(self, about: Sequence[Stored]) -> tuple[Receipt, ...]:
        """Who signed for which of these entries, in the order of the signatures."""
        places: dict[JournalId, list[int]] = {}
        for entry in about:
            places.setdefault(entry.journal, []).append(entry.seq)
        covered: dict[tuple[JournalId, NodeId], int] = {}
        latest: list[ReceiptRow] = []
        for journal, seqs in places.items():
            for row in await self._store.receipts(journal):
                if row.size > min(seqs):
                    latest.append(row)
                    covered[(journal, row.holder)] = max(seq for seq in seqs if seq < row.size)
        first = await self._first_signed(covered, min((entry.arrival for entry in about), default=0))
        receipts = [
            self._receipt(row, covered[(row.journal, row.holder)], places[row.journal], first) for row in latest
        ]
        return tuple(sorted(receipts, key=lambda receipt: (receipt.at, receipt.office, receipt.journal)))

    def _receipt(
        self, row: ReceiptRow, covered: int, seqs: Sequence[int], first: dict[tuple[JournalId, NodeId], Instant]
    ) -> Receipt:
        return Receipt(
            row.holder,
            row.office,
            row.journal,
            self._books.seat_of_node(row.journal.origin),
            sum(1 for seq in seqs if seq <= covered),
            len(seqs),
            covered + 1,
            first.get((row.journal, row.holder), row.at),
        )

    async def _first_signed(
        self, covered: dict[tuple[JournalId, NodeId], int], after: int
    ) -> dict[tuple[JournalId, NodeId], Instant]:
        """When each holder first signed for its entry. The table of receipts has only the last signature of each.

        Reads receipts from the arrival `after` on; what is not among the next 1,000 is left out.
        """
        first: dict[tuple[JournalId, NodeId], Instant] = {}
        for _ in range(0, RECEIPTS_READ_MAX, RECEIPTS_AT_ONCE):
            if len(first) == len(covered):
                break
            page = await self._store.entries_of_kind(KIND_RECEIPTED, after=after, limit=RECEIPTS_AT_ONCE)
            set_aside = {disposition.key for disposition in await self._store.dispositions(page)}
            for entry in page:
                after = entry.arrival
                if entry.body is None or (entry.journal, entry.seq) in set_aside:
                    continue
                receipt = decode(entry.body, Receipted)
                for head in receipt.heads:
                    key = (JournalId(head.origin, head.epoch), receipt.holder)
                    if key in covered and head.size > covered[key]:
                        first.setdefault(key, receipt.at)
            if len(page) < RECEIPTS_AT_ONCE:
                break
        return first

    def _traced(
        self,
        file: CaseFile,
        entry: Stored,
        states: dict[EntryKey, Disposition],
        receipts: dict[JournalId, list[ReceiptRow]],
    ) -> Traced:
        disposition = states.get((entry.journal, entry.seq))
        state, code = (disposition.state, disposition.code) if disposition is not None else ("", "")
        if not state and entry.hash in file.superseded:
            state = "superseded"
        if entry.body is None and state in ("", "superseded"):
            state = "purged" if file.purged else "erased"
        author = self._books.seat_of_node(entry.journal.origin)
        signed = {seat_of(row.office) for row in receipts[entry.journal] if row.size > entry.seq}
        holders = {self._seat, *signed}
        if author is not None:
            holders.add(author)
        return Traced(entry, event_of(entry), state, code, frozenset(holders))


def _with_followers(traced: Sequence[Traced]) -> tuple[Traced, ...]:
    """Whoever wrote a later act that counts had every act before it: no receipt is needed to know that."""
    followers: set[OfficeId] = set()
    completed: list[Traced] = []
    for one in reversed(traced):
        if not isinstance(one.event, Act) or one.state:
            completed.append(one)
            continue
        completed.append(structs.replace(one, held_by=one.held_by | followers))
        followers.add(seat_of(one.event.office))
    return tuple(reversed(completed))


def event_of(entry: Stored) -> CaseEvent | None:
    """What an entry says, or None: its body is not here, or is of a kind or version that this one does not read."""
    if entry.body is None:
        return None
    try:
        return decode_event(entry.kind, entry.body)
    except (UnknownKind, Malformed):
        return None


def _place(traced: Traced) -> tuple[int, int, Instant, int]:
    """Order in a timeline: turns first; what was made after a turn follows it; the rest by its claimed time."""
    event = traced.event
    if event is None:
        return 2**31, 1, traced.entry.at, traced.entry.arrival
    turn = getattr(event, "turn", None)
    if isinstance(turn, int):
        return turn, 0, traced.entry.at, traced.entry.arrival
    return getattr(event, "after_turn", 0), 1, traced.entry.at, traced.entry.arrival


def _search(search: str, working: OfficeId | None) -> ColumnElement[bool]:
    """A tracking number in any spelling; at work, as `Standing.AT_WORK` has it, also the beginning of a name."""
    number = find_tracking_number(search)
    found = cases.c.tracking == number if number is not None else false()
    if working is None:
        return found
    at_work = or_(cases.c.home == working, cases.c.custodian == working, cases.c.offeree == working)
    return found | (cases.c.applicant.startswith(search, autoescape=True) & at_work)
