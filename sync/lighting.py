"""The county's day: the beacon over all heads, and behind it one watermark for each seat of which something changed.

A watermark tells one seat which of its journals the county holds how far, with the place of each in the beacon's tree,
and lists what went to it: so the office between cannot keep anything from it, either way, without its seeing it
(RULINGS A12, A13, A7). Only work makes one due: a pin or a receipt alone does not, or each would bring forth the next
(RULINGS A9). Written by the pen that lights the beacon, in the same transaction; causes no exchange.
Must never: list house-keeping that goes to everybody daily, or tell one seat of another's. Next: `sync.watermarks` (who
hears it), `sync.housekeeping` (whom it goes to).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from schemas.codec import (
    PREFIX_BYTES,
    WATERMARK_ADDRESSED_MAX,
    WATERMARK_BELOW_MAX,
    WATERMARK_HEADS_MAX,
    encode,
)
from schemas.names import Instant, JournalId, OfficeId, seat_of, within
from schemas.wire import (
    KIND_BEACON,
    KIND_EPOCH_OPENED,
    KIND_WATERMARKED,
    Addressed,
    Beacon,
    JournalHead,
    ProvedHead,
    Watermarked,
    is_line,
)
from sync import housekeeping
from sync.books import Books
from sync.core.errors import LocalFault
from sync.core.journal import Draft
from sync.core.merkle import inclusion_proofs
from sync.ports import Stored, Told
from sync.watermarks import keep, memory_of, prefix_of, prefixes_in, run_over

EXAMINED_MAX: Final = 50_000
"""Entries looked through for one beacon: five days of a busy county, some seconds. After a longer outage the rest is
told on the following days."""

READ_AT_ONCE: Final = 1000

WAITING_BYTES_MAX: Final = PREFIX_BYTES * 8 * WATERMARK_ADDRESSED_MAX
"""Prefixes that wait for a seat's further watermarks: eight days of full lists, 12,000 entries. What is beyond is not
listed for it: nobody is addressed so much but by a flood, which is a finding of another kind."""

OWED_MAX: Final = 1000
"""Journals whose heads wait so."""

UNLISTED: Final = frozenset({KIND_BEACON, KIND_WATERMARKED})
"""They go to everybody, or say it themselves."""


class _Day(Struct):
    """What came since the last beacon, by seat."""

    moved: defaultdict[OfficeId, set[JournalId]]
    """Seat → its journals that went on with work."""
    addressed: defaultdict[OfficeId, bytearray]
    """Seat → prefixes of what went to it from elsewhere, in order of arrival here."""
    stirred: set[OfficeId]
    """Seats for which that was more than an opening."""


async def light(books: Books) -> list[Draft]:
    """The beacon and the watermarks that follow it. Raises `LocalFault` `not_county` below the county."""
    if books.parent is not None:
        raise LocalFault("not_county", "only the county lights a beacon; this node has an office above it")
    held = {journal: head for journal in sorted(books.tips) if (head := _head(books, journal)) is not None}
    leaves = [encode(head) for head in held.values()]
    at = Instant(books.clock.now())
    memory = memory_of(books)
    since = memory.examined if memory.examined is not None else max(0, books.arrival - EXAMINED_MAX)
    upto, day = await _look_through(books, since)
    due = {seat: _lists(books, seat, day, memory.told.get(seat, Told())) for seat in _seats(books, day, memory.told)}
    places = {journal: place for place, journal in enumerate(held)}
    proved = [journal for heads, _, _ in due.values() for journal in heads]
    root, paths = inclusion_proofs(leaves, [places[journal] for journal in proved])
    path_of = dict(zip(proved, paths, strict=True))
    drafts = [Draft(KIND_BEACON, None, encode(Beacon(at, len(leaves), root)))]
    told = dict(memory.told)
    for seat, (heads, below, state) in due.items():
        listed, waiting = _cut(state.waiting)
        addressed = Addressed(
            state.count + len(listed) // PREFIX_BYTES, run_over(state.running_hash, prefixes_in(listed)), listed
        )
        told[seat] = Told(addressed.count, addressed.running_hash, waiting, state.owed)
        shown = [ProvedHead(held[journal], places[journal], path_of[journal]) for journal in heads]
        body = Watermarked(seat, at, shown, [held[journal] for journal in below], addressed)
        drafts.append(Draft(KIND_WATERMARKED, None, encode(body)))
    # Last, when nothing can fail any more: whoever drafts and refuses must have staged nothing.
    memory.examined, memory.told = upto, told
    keep(books, memory)
    return drafts


def _head(books: Books, journal: JournalId) -> JournalHead | None:
    tip = books.tips[journal]
    return JournalHead(journal.origin, journal.epoch, tip.size, tip.frontier.root()) if tip.size else None


async def _look_through(books: Books, since: int) -> tuple[int, _Day]:
    """What came behind an arrival, as far as one day looks; and up to which arrival that is."""
    day = _Day(defaultdict(set), defaultdict(bytearray), set())
    upto, end = since, min(books.arrival, since + EXAMINED_MAX)
    if not books.rules.watermarks:
        return end, day
    while upto < end:
        entries = await books.store.entries_since(upto, min(READ_AT_ONCE, end - upto))
        if not entries:
            break
        upto = entries[-1].arrival
        await _sort(books, [entry for entry in entries if entry.kind not in UNLISTED], day)
    return max(upto, end), day


async def _sort(books: Books, entries: Sequence[Stored], day: _Day) -> None:
    for entry, offices in zip(entries, await housekeeping.addressees(books, entries), strict=True):
        author = books.seat_of_node(entry.journal.origin)
        if author is None or not books.counts(entry):
            continue
        if not is_line(entry.kind) and not entry.loose:
            day.moved[author].add(entry.journal)
        for seat in {seat_of(office) for office in offices}:
            # What was written at a seat or below it comes there in its run.
            if seat != books.seat.office and not within(author, seat):
                day.addressed[seat] += prefix_of(entry.hash)
                if entry.kind != KIND_EPOCH_OPENED:
                    day.stirred.add(seat)


def _seats(books: Books, day: _Day, told: dict[OfficeId, Told]) -> list[OfficeId]:
    """The seats below that have a device and of which something changed, or is still to be told."""
    moved = {above for seat in day.moved for above in (seat, seat[:9]) if above != books.seat.office}
    owed = {seat for seat, last in told.items() if last.waiting or last.owed}
    seats = {OfficeId(seat) for seat in moved} | day.stirred | owed
    return sorted(seat for seat in seats & books.keyring.offices() if books.hop(seat) is not None)


def _lists(books: Books, seat: OfficeId, day: _Day, last: Told) -> tuple[list[JournalId], list[JournalId], Told]:
    """Which of its own heads and of those below a seat is told now; and what it was told, with all that waits."""
    moved = [journal for below, journals in day.moved.items() if within(below, seat) for journal in journals]
    journals = sorted({*last.owed, *moved})
    own = [journal for journal in journals if books.seat_of_node(journal.origin) == seat]
    below = [journal for journal in journals if books.seat_of_node(journal.origin) != seat]
    owed = [*own[WATERMARK_HEADS_MAX:], *below[WATERMARK_BELOW_MAX:]][:OWED_MAX]
    waiting = (last.waiting + bytes(day.addressed.get(seat, b"")))[:WAITING_BYTES_MAX]
    state = Told(last.count, last.running_hash, waiting, owed)
    return own[:WATERMARK_HEADS_MAX], below[:WATERMARK_BELOW_MAX], state


def _cut(waiting: bytes) -> tuple[bytes, bytes]:
    """What one watermark lists, and what waits for the next."""
    end = PREFIX_BYTES * WATERMARK_ADDRESSED_MAX
    return waiting[:end], waiting[end:]
