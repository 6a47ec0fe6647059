"""Which papers are to come to this node, from whom, and how far the neighbours hold ours (`sync.ports.PaperPolicy`).

What is wanted is a durable row: by the policy of the link (`office.paper_policy`), because a person or the audit asks
for it (`want`), or because a neighbour asked us for what is not here yet. It goes toward the office that brought the
paper, never back to who asks; where that way has nothing, to the node above. A start looks once whether files have gone
that should be here. Neighbours' words about our papers are kept for the case's page alone: nothing is deleted by them.
Never reads a paper, never decides who may see a case on a screen. Next: `sync.papers`, `office.papers` (the shelf).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from msgspec import Struct
from sqlalchemy import ColumnElement, delete, exists, not_, or_, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from office.casebook import CaseInterpreter
from office.paper_policy import Need, files_of, may_have, needs_of, origins, size_in, sources
from office.projection import SqlCases
from office.tables import cases, paper_states, paper_wants, papers
from schemas.casework.casefile import CaseFile
from schemas.divisions import Tier, tier_of_office
from schemas.names import CaseId, NodeId, OfficeId
from schemas.papers import PAPER_WANTS_MAX, PaperRef, PaperWant
from sync.books import Books
from sync.core.papers import RANK_ASKED, RANK_POLICY, RANK_THUMBNAIL, Wanted
from sync.ports import Clock

if TYPE_CHECKING:
    from office.node import Node

CASES_READ: Final = 200
"""Case files opened at a time: about 25 ms, in which nothing else is answered."""

STATED_MAX: Final = 64
"""Papers of one neighbour whose progress is remembered: twice what it names in a message."""

REASON_POLICY: Final = "policy"
REASON_NEIGHBOUR: Final = "neighbour"
REASON_PERSON: Final = "person"

_KEEP_WANT: Final = text(
    "INSERT INTO paper_wants (digest, size, rank, reason, neighbour, failures, asked_at) "
    "VALUES (:digest, :size, :rank, :reason, :neighbour, 0, :asked_at) "
    "ON CONFLICT (digest) DO UPDATE SET rank = excluded.rank, reason = excluded.reason, neighbour = excluded.neighbour"
)
_COUNT_FAILURE: Final = text("UPDATE paper_wants SET failures = failures + 1 WHERE digest = :digest")
_KEEP_STATE: Final = text(
    "INSERT INTO paper_states (neighbour, digest, held, stated_at) VALUES (:neighbour, :digest, :held, :stated_at) "
    "ON CONFLICT (neighbour, digest) DO UPDATE SET held = excluded.held, stated_at = excluded.stated_at"
)


class Shelf(Protocol):
    """As much of `office.papers.FolderShelf` as is asked here."""

    async def held(self, digest: bytes, size: int) -> int:
        """See `sync.ports.PaperShelf.held`."""
        ...

    async def lacking(self, wanted: Mapping[bytes, int]) -> set[bytes]:
        """Those of these papers (digest → size) that are not whole here."""
        ...


class Row(Struct):
    """One paper that is to come."""

    size: int
    rank: int
    reason: str
    origin: OfficeId
    awaited_by: NodeId | None = None
    """The neighbour that asked us for it."""
    failures: int = 0


class Above(StrEnum):
    """How a paper that is here stands with the node above."""

    TOP = "top"
    """Nobody is above."""
    WHOLE = "whole"
    """The node above has it."""
    SENDING = "sending"
    """It has a part."""
    WAITING = "waiting"
    """It asks for it, or will, and has nothing yet: the line, or what goes before it."""
    NOT_ASKED = "not_asked"
    """It does not ask for it: nothing is to be done."""
    UNSUPPORTED = "unsupported"
    """It runs an older version that takes no papers."""


class PaperState(Struct, frozen=True):
    """How one paper stands, for the case's page. Bytes."""

    here: int
    """How many of its bytes are here; all: it can be opened."""
    is_coming: bool
    """It is wanted here."""
    is_asked: bool
    """… because a person asked for it."""
    is_set_aside: bool
    """It came damaged several times; it is tried again later."""
    is_missing: bool
    """It is wanted, and whoever was asked for it had it not: it may have been lost with a device."""
    above: Above
    above_held: int


Waiting: TypeAlias = tuple[int, int]
"""(papers, bytes)."""


class PaperWants:
    """See the module. One for each node; it begins by itself when it is first asked."""

    def __init__(
        self,
        write: AsyncEngine,
        read: AsyncEngine,
        cases_: SqlCases,
        books: Books,
        shelf: Shelf,
        clock: Clock,
        *,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """`has_room`: whether the disk takes papers; without room nothing is asked for."""
        self._write = write
        self._read = read
        self._cases = cases_
        self._books = books
        self._shelf = shelf
        self._clock = clock
        self.has_room = has_room
        self._rows: dict[bytes, Row] = {}
        self._noted: dict[bytes, Need] = {}
        """What a case that changed just now names: looked for on the shelf when somebody asks."""
        self._left: set[bytes] = set()
        """What a case names that this office reads no more: it is not to come, unless another case names it."""
        self._not_at: dict[bytes, set[NodeId]] = {}
        """Neighbours that had not what we asked them for, by paper."""
        self._stated: dict[NodeId, dict[bytes, PaperWant]] = {}
        self._doubtful: set[bytes] = set()
        """Papers that the node above asked for once, and of which it has not said that it has them."""
        self._set_aside: set[bytes] = set()
        self._retried: set[bytes] = set()
        self._turn = asyncio.Lock()
        self._is_started = False
        self._knows_any = False
        self.is_unsupported_above: Callable[[], bool] = lambda: False
        self.on_wanted: Callable[[], None] = lambda: None
        """Told when something is wanted from the node above."""
        self.on_awaited: Callable[[], None] = lambda: None
        """Told when something came for which a neighbour waits."""

    @classmethod
    def of(cls, node: "Node") -> "PaperWants":
        """Those of a node, told of its cases, its erasures and the room on its disk."""
        engines = node.engines
        made = cls(
            engines.write,
            engines.read,
            node.cases,
            node.books,
            node.papers,
            node.clock,
            has_room=node.storage.takes_papers,
        )
        made.listen(node.casebook)
        node.erasures.forget_want = made.forget
        return made

    # --- what cases name ---------------------------------------------------------------------------------------------

    def listen(self, casebook: CaseInterpreter) -> None:
        """Hear of every changed case, beside whoever does already."""
        before = casebook.on_changed

        def hear(case: CaseFile) -> None:
            before(case)
            self.note(case)

        casebook.on_changed = hear

    def note(self, case: CaseFile) -> None:
        """A case changed (`CaseInterpreter.on_changed`): what it names may be missing here."""
        if not case.papers:
            return
        self._knows_any = True
        seat, named = self._books.seat.office, {digest for paper in case.papers for digest, _ in files_of(paper)}
        if not may_have(case, seat):
            self._left |= named
            return
        self._left -= named
        for need in needs_of(case, seat):
            if need.digest not in self._rows:
                self._noted[need.digest] = need

    async def want(self, digest: bytes, size: int, reason: str = REASON_PERSON) -> bool:
        """Ask for a paper that a case here names: a person waits for it, or the audit. False: nothing read here does.

        Asked again, a paper that was set aside is tried anew.
        """
        await self._begin()
        origin = await self._find_origin(digest)
        if origin is None:
            return False
        if digest in self._set_aside:
            self._set_aside.discard(digest)
            self._retried.add(digest)
        self._not_at.pop(digest, None)
        if await self._shelf.held(digest, size) < size:
            await self._keep({digest: Row(size, RANK_ASKED, reason, origin)})
            self._tell_of(digest)
        return True

    async def forget(self, digest: bytes) -> None:
        """Nothing here names the paper any more: it is not to come."""
        self._noted.pop(digest, None)
        self._left.discard(digest)
        self._set_aside.discard(digest)
        self._retried.discard(digest)
        self._not_at.pop(digest, None)
        if self._rows.pop(digest, None) is not None:
            await self._delete(digest)

    async def _delete(self, digest: bytes) -> None:
        async with self._write.begin() as connection:
            await connection.execute(delete(paper_wants).where(paper_wants.c.digest == digest))

    async def _begin(self) -> None:
        """Read what is wanted, and look once for files that have gone."""
        async with self._turn:
            if self._is_started:
                return
            await self._load()
            await self._look_around()
            self._is_started = True

    async def _load(self) -> None:
        async with self._read.connect() as connection:
            rows = (await connection.execute(select(paper_wants))).all()
            self._knows_any = (await connection.execute(select(papers.c.digest).limit(1))).first() is not None
        for start in range(0, len(rows), CASES_READ):
            some = rows[start : start + CASES_READ]
            brought = await self._find_origins([row.digest for row in some])
            for row in some:
                if row.digest not in brought:
                    await self._delete(row.digest)  # Its case was erased, or declined, while nobody looked.
                    continue
                awaited_by = NodeId(row.neighbour) if row.neighbour is not None else None
                self._rows[row.digest] = Row(
                    row.size, row.rank, row.reason, brought[row.digest], awaited_by, row.failures
                )

    async def _look_around(self) -> None:
        """Of what this node should have by itself, what is not there: lost files, a replaced device, a restored store.

        At the county only cases that its offices hold now; older ones have their rows.
        """
        seat = self._books.seat.office
        query = select(papers.c.subject).distinct()
        if tier_of_office(seat) is Tier.COUNTY:
            held_here = or_(cases.c.custodian == seat, cases.c.custodian.startswith(f"{seat}.", autoescape=True))
            query = query.join(cases, cases.c.subject == papers.c.subject).where(held_here)
        async with self._read.connect() as connection:
            subjects = [CaseId(subject) for subject in (await connection.execute(query)).scalars()]
        for start in range(0, len(subjects), CASES_READ):
            some = subjects[start : start + CASES_READ]
            for case in (await self._cases.read(some)).values():
                self.note(case)
            await self._settle()

    async def _settle(self) -> None:
        """Make rows of what was noted and is not here; drop those of cases that this office reads no more."""
        while self._noted:
            some = dict(islice(self._noted.items(), CASES_READ))
            lacking = await self._shelf.lacking({digest: need.size for digest, need in some.items()})
            made: dict[bytes, Row] = {}
            for digest, need in some.items():
                # Noted until it was looked for; what was erased meanwhile is noted no more.
                is_noted = self._noted.pop(digest, None) is not None
                if is_noted and digest in lacking and digest not in self._rows:
                    made[digest] = Row(need.size, need.rank, REASON_POLICY, need.origin)
            await self._keep(made)
        left = sorted(self._left & self._rows.keys())
        if left:
            for digest in set(left) - (await self._find_origins(left)).keys():
                await self.forget(digest)

    async def _keep(self, made: Mapping[bytes, Row]) -> None:
        values: list[Mapping[str, object]] = []
        for digest, row in made.items():
            known = self._rows.get(digest)
            if known is not None:
                row.rank, row.awaited_by = min(row.rank, known.rank), row.awaited_by or known.awaited_by
                row.failures = known.failures
            self._rows[digest] = row
            values.append(
                {
                    "digest": digest,
                    "size": row.size,
                    "rank": row.rank,
                    "reason": row.reason,
                    "neighbour": row.awaited_by,
                    "asked_at": self._clock.now(),
                }
            )
        if values:
            async with self._write.begin() as connection:
                await connection.execute(_KEEP_WANT, values)

    def _tell_of(self, digest: bytes) -> None:
        """Something is wanted: only the node above can be asked at once, those below call by themselves."""
        if self._books.parent in self._sources(digest, self._rows[digest]):
            self.on_wanted()

    async def _cases_naming(self, digests: Sequence[bytes]) -> AsyncIterator[CaseFile]:
        """The cases that name one of these, by their number; opened as far as somebody goes on, for one document may
        lie with thousands.
        """
        named = or_(papers.c.digest.in_(digests), papers.c.thumbnail.in_(digests))
        query = select(papers.c.subject).where(named).distinct()
        async with self._read.connect() as connection:
            subjects = sorted(CaseId(subject) for subject in (await connection.execute(query)).scalars())
        for start in range(0, len(subjects), CASES_READ):
            found = await self._cases.read(subjects[start : start + CASES_READ])
            for subject in sorted(found):
                yield found[subject]

    async def _find_origins(self, digests: Sequence[bytes]) -> dict[bytes, OfficeId]:
        """Who brought these papers, by the first case read here that names one; others are left out."""
        found: dict[bytes, OfficeId] = {}
        async for case in self._cases_naming(digests):
            if not may_have(case, self._books.seat.office):
                continue
            for paper, origin in origins(case):
                for digest, _ in files_of(paper):
                    found.setdefault(digest, origin)
            if found.keys() >= set(digests):
                break
        return found

    async def _find_origin(self, digest: bytes) -> OfficeId | None:
        return (await self._find_origins([digest])).get(digest)

    # --- PaperPolicy -------------------------------------------------------------------------------------------------

    async def knows_any(self) -> bool:
        """See `PaperPolicy.knows_any`."""
        await self._begin()
        return self._knows_any or bool(self._rows)

    async def wanted(self, neighbour: NodeId) -> Collection[Wanted]:
        """See `PaperPolicy.wanted`."""
        await self._begin()
        await self._settle()
        return [
            Wanted(row.rank, row.size, digest)
            for digest, row in self._rows.items()
            if neighbour in self._sources(digest, row)
        ]

    def _sources(self, digest: bytes, row: Row) -> set[NodeId]:
        return sources(self._books, row.origin, self._not_at.get(digest, ()))

    def _is_missing(self, digest: bytes, row: Row) -> bool:
        lacking = self._not_at.get(digest, set[NodeId]())
        return bool(lacking) and self._sources(digest, row) <= lacking

    async def size_for(self, neighbour: NodeId, digest: bytes) -> int | None:
        """See `PaperPolicy.size_for`."""
        seat = self._books.seat_of_node(neighbour)
        if seat is None:
            return None
        async for case in self._cases_naming([digest]):
            if may_have(case, seat):
                return size_in(case, digest)
        return None

    async def came(self, digest: bytes) -> None:
        """See `PaperPolicy.came`."""
        row = self._rows.get(digest)
        await self.forget(digest)
        if row is not None and row.awaited_by is not None and row.awaited_by == self._books.parent:
            # It was told «absent»: offered, it asks again.
            self._stated.get(row.awaited_by, {}).pop(digest, None)
            self._doubtful.add(digest)
            self.on_awaited()

    async def spoiled(self, neighbour: NodeId, digest: bytes, *, set_aside: bool) -> None:
        """See `PaperPolicy.spoiled`."""
        row = self._rows.get(digest)
        if row is None:
            return
        row.failures += 1
        if set_aside:
            self._set_aside.add(digest)
            self._retried.discard(digest)
            self._not_at.setdefault(digest, set()).add(neighbour)
        async with self._write.begin() as connection:
            await connection.execute(_COUNT_FAILURE, {"digest": digest})

    def retried(self) -> Collection[bytes]:
        """See `PaperPolicy.retried`."""
        return self._retried

    async def missed(self, neighbour: NodeId, digest: bytes, size: int) -> None:
        """See `PaperPolicy.missed`. Nobody is asked for the paper who wants it from us."""
        row = self._rows.get(digest)
        if row is not None and row.awaited_by == neighbour:
            return
        origin = await self._find_origin(digest)
        if origin is None:
            return
        row = Row(size, row.rank if row else RANK_ASKED, REASON_NEIGHBOUR, origin, neighbour)
        if self._sources(digest, row) - {neighbour}:
            await self._keep({digest: row})
            self._tell_of(digest)

    async def heard(
        self,
        neighbour: NodeId,
        wants: Sequence[PaperWant],
        whole: Sequence[bytes],
        absent: Sequence[bytes],
        *,
        is_all: bool,
    ) -> None:
        """See `PaperPolicy.heard`."""
        for digest in absent:
            if digest in self._rows:
                self._not_at.setdefault(digest, set()).add(neighbour)
        stated = self._stated.setdefault(neighbour, {})
        for digest in whole:
            stated.pop(digest, None)
            self._doubtful.discard(digest)
            await self._note_whole(neighbour, digest)
        asks = {want.digest for want in wants}
        if neighbour == self._books.parent:
            await self._note_lacking(neighbour, asks - stated.keys())
        if is_all:
            if neighbour == self._books.parent:
                unasked = [digest for digest in stated if digest not in asks]
                self._doubtful.update(
                    [digest for digest in unasked if await self.size_for(neighbour, digest) is not None]
                )
            stated.clear()
        stated |= {want.digest: want for want in wants}
        while len(stated) > STATED_MAX:
            stated.pop(next(iter(stated)))

    async def offers(self, neighbour: NodeId) -> Sequence[bytes]:
        """See `PaperPolicy.offers`: of a village all that it brought, for the township takes all."""
        if neighbour != self._books.parent:
            return ()
        stated = self._stated.get(neighbour, {})
        found = [digest for digest in self._doubtful if digest not in stated]
        if tier_of_office(self._books.seat.office) is Tier.VILLAGE:
            query = select(papers.c.digest).where(self._unknown_above(neighbour)).distinct()
            async with self._read.connect() as connection:
                rows = await connection.execute(query.limit(PAPER_WANTS_MAX + len(stated)))
                found += [digest for digest in rows.scalars() if digest not in stated]
        return list(dict.fromkeys(found))[:PAPER_WANTS_MAX]

    async def for_stick(self, neighbour: NodeId) -> list[Wanted]:
        """What a stick for a neighbour is to carry, as far as it is whole here: what it asked for, as it last said, and
        of a village all that the node above has not said that it has; nobody can wait for the question there.
        """
        await self._begin()
        found: dict[bytes, Wanted] = {}
        if neighbour == self._books.parent and tier_of_office(self._books.seat.office) is Tier.VILLAGE:
            named = select(papers.c.digest, papers.c.size, papers.c.thumbnail, papers.c.thumbnail_size)
            async with self._read.connect() as connection:
                for row in await connection.execute(named.where(self._unknown_above(neighbour))):
                    found[row.digest] = Wanted(RANK_POLICY, row.size, row.digest)
                    if row.thumbnail is not None:
                        found[row.thumbnail] = Wanted(RANK_THUMBNAIL, row.thumbnail_size, row.thumbnail)
        for want in list(self._stated.get(neighbour, {}).values()):
            if await self.size_for(neighbour, want.digest) == want.size:
                found.setdefault(want.digest, Wanted(RANK_ASKED, want.size, want.digest))
        lacking = await self._shelf.lacking({digest: one.size for digest, one in found.items()})
        return sorted(one for digest, one in found.items() if digest not in lacking)

    def _unknown_above(self, parent: NodeId) -> ColumnElement[bool]:
        """Condition on `papers`: the node above has not said that it has it."""
        known = exists().where(paper_states.c.digest == papers.c.digest, paper_states.c.neighbour == parent)
        return not_(known)

    async def _note_whole(self, neighbour: NodeId, digest: bytes) -> None:
        size = await self.size_for(neighbour, digest)
        if size is None:
            return
        value = {"neighbour": neighbour, "digest": digest, "held": size, "stated_at": self._clock.now()}
        async with self._write.begin() as connection:
            await connection.execute(_KEEP_STATE, value)

    async def _note_lacking(self, neighbour: NodeId, asks: Collection[bytes]) -> None:
        """It asks for these: what it said before it was restored, or its disk was damaged, is so no more."""
        if not asks:
            return
        said_whole = (paper_states.c.neighbour == neighbour) & paper_states.c.digest.in_(asks)
        async with self._write.begin() as connection:
            await connection.execute(delete(paper_states).where(said_whole))

    # --- for pages ---------------------------------------------------------------------------------------------------

    async def states(self, named: Sequence[PaperRef]) -> dict[bytes, PaperState]:
        """How these papers stand, by digest."""
        await self._begin()
        parent = self._books.parent
        whole: set[bytes] = set()
        if parent is not None and named:
            digests = [paper.digest for paper in named]
            ours = (paper_states.c.neighbour == parent) & paper_states.c.digest.in_(digests)
            async with self._read.connect() as connection:
                rows = (await connection.execute(select(paper_states.c.digest).where(ours))).scalars()
                whole = set(rows)
        return {paper.digest: await self._state(paper, is_whole_above=paper.digest in whole) for paper in named}

    async def _state(self, paper: PaperRef, *, is_whole_above: bool) -> PaperState:
        digest = paper.digest
        row = self._rows.get(digest)
        above, held = self._above(paper, is_whole_above=is_whole_above)
        return PaperState(
            here=await self._shelf.held(digest, paper.size),
            is_coming=row is not None or digest in self._noted,
            is_asked=row is not None and row.rank == RANK_ASKED,
            is_set_aside=digest in self._set_aside,
            is_missing=row is not None and self._is_missing(digest, row),
            above=above,
            above_held=held,
        )

    def _above(self, paper: PaperRef, *, is_whole_above: bool) -> tuple[Above, int]:
        parent = self._books.parent
        if parent is None:
            return Above.TOP, 0
        if is_whole_above:
            return Above.WHOLE, paper.size
        want = self._stated.get(parent, {}).get(paper.digest)
        if want is not None:
            return (Above.SENDING if want.offset else Above.WAITING), want.offset
        if self.is_unsupported_above():
            return Above.UNSUPPORTED, 0
        # A township takes every paper of its villages' cases; the county only says so of what it asks for.
        takes_all = tier_of_office(self._books.seat.office) is Tier.VILLAGE
        return (Above.WAITING if takes_all else Above.NOT_ASKED), 0

    def waiting_here(self) -> Waiting:
        """Papers that are to come here."""
        return len(self._rows), sum(row.size for row in self._rows.values())

    async def waiting_above(self) -> Waiting:
        """Papers that are to go to the node above: of a village all of which it has not said that it has them, else
        what it asks for, as it last said.
        """
        parent = self._books.parent
        if parent is None:
            return 0, 0
        stated = self._stated.get(parent, {})
        if tier_of_office(self._books.seat.office) is not Tier.VILLAGE:
            return len(stated), sum(want.size - want.offset for want in stated.values())
        here = await self.unacknowledged()
        held = sum(stated[digest].offset for digest in here if digest in stated)
        return len(here), sum(here.values()) - held

    async def unacknowledged(self) -> dict[bytes, int]:
        """Photographs and PDF of a village that are here and that the node above has not said that it has, with their
        sizes. Of other nodes none: what they hold came to them, and goes up when it is asked for.
        """
        parent = self._books.parent
        if parent is None or tier_of_office(self._books.seat.office) is not Tier.VILLAGE:
            return {}
        unknown = select(papers.c.digest, papers.c.size).where(self._unknown_above(parent)).distinct()
        async with self._read.connect() as connection:
            sizes: dict[bytes, int] = {row.digest: row.size for row in await connection.execute(unknown)}
        lacking = await self._shelf.lacking(sizes)
        return {digest: size for digest, size in sizes.items() if digest not in lacking}

    def set_aside(self) -> int:
        """How many papers came damaged several times and are tried again later."""
        return len(self._set_aside & self._rows.keys())
