"""Closed cases leave the village's computer: what nobody needs there any more is not there to be stolen (RULINGS A17).

Bodies and papers go on this device alone, headers never, of cases that have ended here. They may go when the county is
known to hold all of the case and to have gone on holding it: by a receipt of the county's for everything that was
written here, and by a beacon of the county's at least 45 days younger that stands behind that receipt in the county's
own unbroken journal. A county that was restored names an older place when it opens again; the receipts beyond it then
no longer stand behind anything, and the terms begin anew. What came from above counts as held there when anything that
was written here afterwards is: it went up the same line behind it. Reads no clock of its own: days are the county's.
Never purges at a township or the county, and nothing whose papers the township has not got whole.
Next: `sync.erasing.purge` (what it does to the rows), `schemas.casework.residue` (what stays).
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from sqlalchemy import select

from office.casebook import CaseInterpreter, Readings, serial_of
from office.tables import cases, paper_states
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import Act, Contribution
from schemas.casework.fold import acts_of
from schemas.casework.residue import KeptCase, Residue, kept_case, kept_notes
from schemas.casework.stages import ENDED
from schemas.codec import encode
from schemas.divisions import is_village_office
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId, parent_seat
from schemas.wire import KIND_BEACON, KIND_EPOCH_OPENED, KIND_RECEIPTED, Beacon, EpochOpened, Receipted
from sync.books import Books, line_body
from sync.erasing import purge
from sync.ports import Stored

if TYPE_CHECKING:
    from office.node import Node

DAYS_MIN: Final = 45
"""RULINGS A17: more than the oldest backup that may be restored, 35 days."""
DAYS_HEARD_MIN: Final = 20
"""On so many different days the county must have lit a beacon in between: one start of it in 2036 purges nothing."""
CASES_AT_ONCE: Final = 100
STATEMENTS_READ: Final = 500
"""Receipts and beacons read at a time: a busy village has 20,000 of them after a few years."""
DAY_MS: Final = 24 * 3600 * 1000


class Held(Struct, frozen=True):
    """What the county is known to have held for long enough."""

    sizes: dict[JournalId, int]
    """Journal of this office → how many of its first entries."""
    arrival: int
    """What came here before it, the county has as well."""


async def purge_closed(node: "Node", *, limit: int = CASES_AT_ONCE) -> int:
    """Let some closed cases go that may; returns how many. Nothing at a node above the village."""
    if not is_village_office(node.seat) or any(link.quarantined for link in node.books.links.values()):
        return 0
    days = max(node.settings.closed_cases_days, DAYS_MIN)
    held = await held_for_long(node.books, days)
    if not held.sizes:
        return 0
    done = 0
    for subject in await _candidates(node):
        if done == limit:
            break
        done += await node.writer.alone(lambda subject=subject: _purge(node, subject, held))
    if done:
        await node.erasures.drop_papers()
    return done


async def held_for_long(books: Books, days: int) -> Held:
    """How far the county has held this office's journals for so many of its own days, without having been restored."""
    beacons = [entry async for entry in _of_county(books, KIND_BEACON)]
    if not beacons:
        return Held({}, 0)
    last = beacons[-1]
    lit = line_body(last, Beacon)
    assert lit is not None
    before = await _unbroken(books, last)
    ends = _ends_of_days(beacons, before, lit.at)
    sizes: dict[JournalId, int] = {}
    async for entry in _of_county(books, KIND_RECEIPTED):
        receipt = line_body(entry, Receipted)
        if receipt is None or not _stands_behind(entry, before) or lit.at - receipt.at < days * DAY_MS:
            continue
        if len(ends) - bisect_left(ends, receipt.at) < min(days, DAYS_HEARD_MIN):
            continue
        for head in receipt.heads:
            journal = JournalId(head.origin, head.epoch)
            sizes[journal] = max(head.size, sizes.get(journal, 0))
    return Held(sizes, await _written_last(books, sizes))


async def _written_last(books: Books, sizes: dict[JournalId, int]) -> int:
    """The arrival of the last of these entries that was written on this very device, and did not come back to it."""
    arrival = 0
    for journal, size in sizes.items():
        if journal.origin == books.seat.node:
            for entry in await books.store.entries(journal, size - 1, size):
                arrival = max(arrival, entry.arrival if not entry.inlet else 0)
    return arrival


async def _of_county(books: Books, kind: str) -> AsyncIterator[Stored]:
    """Entries of the county's device that count, by arrival."""
    set_aside = {one.key for one in await books.store.dispositions()}
    after = 0
    while some := await books.store.entries_of_kind(kind, after=after, limit=STATEMENTS_READ):
        after = some[-1].arrival
        for entry in some:
            seat = books.seat_of_node(entry.journal.origin)
            is_countys = seat is not None and parent_seat(seat) is None and books.counts(entry)
            if is_countys and (entry.journal, entry.seq) not in set_aside and entry.body is not None:
                yield entry


async def _unbroken(books: Books, last: Stored) -> dict[tuple[NodeId, Epoch], int]:
    """How far each journal of the county's device reaches that led to this entry, by what its openings say."""
    openings = {
        (entry.journal.origin, entry.journal.epoch): opened.parent
        for entry in await books.store.entries_of_kind(KIND_EPOCH_OPENED)
        if (opened := line_body(entry, EpochOpened)) is not None
    }
    reaches: dict[tuple[NodeId, Epoch], int] = {}
    place, size = (last.journal.origin, last.journal.epoch), last.seq + 1
    while place not in reaches:
        reaches[place] = size
        parent = openings.get(place)
        if parent is None:
            break
        place, size = (place[0], parent.epoch), parent.size
    return reaches


def _stands_behind(entry: Stored, reaches: dict[tuple[NodeId, Epoch], int]) -> bool:
    return entry.seq < reaches.get((entry.journal.origin, entry.journal.epoch), 0)


def _ends_of_days(beacons: Sequence[Stored], reaches: dict[tuple[NodeId, Epoch], int], last: Instant) -> list[Instant]:
    """When the county was last heard on each of its days up to the last beacon, ascending."""
    ends: dict[date, Instant] = {}
    for entry in beacons:
        lit = line_body(entry, Beacon)
        if lit is not None and lit.at <= last and _stands_behind(entry, reaches):
            day = day_of(lit.at)
            ends[day] = max(lit.at, ends.get(day, lit.at))
    return sorted(ends.values())


async def _candidates(node: "Node") -> list[CaseId]:
    """Ended cases of which anything is left here, the oldest filing first."""
    is_ended = cases.c.stage.in_([stage.value for stage in ENDED])
    query = select(cases.c.subject).where(is_ended, cases.c.applicant.is_not(None)).order_by(cases.c.filed_at)
    async with node.engines.read.connect() as connection:
        return [CaseId(subject) for subject in (await connection.execute(query)).scalars()]


async def _purge(node: "Node", subject: CaseId, held: Held) -> bool:
    """Purge one case if it still may go, in a transaction of its own."""
    residue = await _residue_of(node, node.casebook, subject, held)
    if residue is None:
        return False

    async def job() -> None:
        await purge(node.books, subject, residue)

    (result,) = await node.ledger.perform([job])
    if isinstance(result, Exception):
        raise result
    return True


async def _residue_of(node: "Node", casebook: CaseInterpreter, subject: CaseId, held: Held) -> bytes | None:
    """What stays of a case that may go; None: it must stay."""
    file = await casebook.find_case(subject)
    if file is None or file.filing is None or file.stage not in ENDED or file.is_empty or file.held:
        return None
    readings = await casebook.readings(subject)
    entries = [entry for _, entry in readings.entries]
    if readings.removals or not _is_held(node, entries, held) or await node.store.dispositions(entries):
        return None
    if not await _papers_are_above(node, file):
        return None
    return encode(Residue(_kept(file, readings), tuple(kept_notes(file.contributions))))


def _is_held(node: "Node", entries: Sequence[Stored], held: Held) -> bool:
    """Whether the county holds all of a case: what was written here by its receipts, the rest because something that
    was written here later is held.
    """
    own = [entry for entry in entries if node.books.seat_of_node(entry.journal.origin) == node.seat]
    if not own or any(entry.seq >= held.sizes.get(entry.journal, 0) for entry in own):
        return False
    return all(entry.arrival <= held.arrival for entry in entries)


async def _papers_are_above(node: "Node", file: CaseFile) -> bool:
    """Whether the township has said that it holds every paper of the case whole."""
    wanted = {paper.digest: paper.size for paper in file.papers}
    if not wanted:
        return True
    query = select(paper_states.c.digest, paper_states.c.held).where(
        paper_states.c.neighbour == node.books.parent, paper_states.c.digest.in_(sorted(wanted))
    )
    async with node.engines.read.connect() as connection:
        stated = {row.digest: row.held for row in await connection.execute(query)}
    return all(stated.get(digest, 0) >= size for digest, size in wanted.items())


def _kept(file: CaseFile, readings: Readings) -> KeptCase:
    assert file.filing is not None
    items = [(event, entry) for event, entry in readings.entries if isinstance(event, Act | Contribution)]
    return kept_case(file, acts_of(items), serial_of(file.filing.tracking), with_number=True)
