"""What the county posts to a village that speaks with it directly: what went to it since, and what it says is missing.

The same entries stand in the township's outbox: what arrives twice is compared by hash and dropped. Reads cases of one
village, and house-keeping since the village last heard of the county. Never decides who may have what: that is the
answer of routing, asked again. Next: `sync.second_path` (when), `sync.housekeeping` (audiences of `line.*`).
"""

from typing import Final

from schemas.names import OfficeId, seat_of, within
from schemas.wire import (
    KIND_BEACON,
    KIND_PINNED,
    LINE_BODIES,
    Pinned,
)
from sync import housekeeping
from sync.books import Books, line_body
from sync.core.link import Link
from sync.excerpts import post_excerpts
from sync.ports import Stored
from sync.second_path import is_second
from sync.watermarks import prefix_of

RECENT: Final = 3
"""Journals of our own in which the last entry is looked for that the village holds: one for each of our last starts."""

SCANNED_MAX: Final = 5000
"""So many entries are read as they came: half a day of a busy county, and less than a village's cases hold in all."""

PINS_LOOKED_AT: Final = 256
"""Entries from a journal's end among which its last pin of a beacon stands: the newest is the next it writes here."""


async def post_due(books: Books, link: Link) -> None:
    """Post to a village on its second path what it should have and cannot have heard of by the township."""
    if books.parent is not None or not is_second(books, link) or not link.heard_fully:
        return
    since = max(await _heard_upto(books, link), link.looked_upto)
    missing = await _stated_missing(books, link.seat)
    if missing or books.arrival - since > SCANNED_MAX:
        came = await _by_case(books, link.seat, since, missing)
    else:
        came = await books.store.entries_since(since, SCANNED_MAX)
    came += books.batch.entries
    last = max((entry.arrival for entry in came if entry.kind == KIND_BEACON), default=0)
    due: dict[bytes, Stored] = {}
    for entry, offices in zip(came, await housekeeping.addressees(books, came), strict=True):
        author = books.seat_of_node(entry.journal.origin)
        is_older_beacon = entry.kind == KIND_BEACON and entry.arrival != last
        is_for_it = link.seat in map(seat_of, offices) and not is_older_beacon
        if is_for_it and author is not None and not within(author, link.seat):
            due[entry.hash] = entry
    await post_excerpts(books, link.neighbour, sorted(due.values(), key=lambda entry: entry.arrival))
    link.looked_upto = books.arrival


async def _heard_upto(books: Books, link: Link) -> int:
    """The arrival of the last entry of ours that the village holds: what went to the township before it, it has."""
    ours = [journal for journal in link.heard if books.seat_of_node(journal.origin) == books.seat.office]
    arrivals = [0]
    for journal in sorted(ours, key=lambda one: one.epoch, reverse=True)[:RECENT]:
        size = link.heard[journal]
        arrivals += [entry.arrival for entry in await books.store.entries(journal, max(0, size - 1), size)]
    return max(arrivals)


async def _stated_missing(books: Books, seat: OfficeId) -> frozenset[bytes]:
    """What the village's last pin of a beacon says that it lacks."""
    journals = [journal for journal in books.tips if books.seat_of_node(journal.origin) == seat]
    for journal in sorted(journals, key=lambda one: one.epoch, reverse=True)[:RECENT]:
        size = books.tips[journal].size
        for entry in reversed(await books.store.entries(journal, max(0, size - PINS_LOOKED_AT), size)):
            pin = line_body(entry, Pinned) if entry.kind == KIND_PINNED else None
            if pin is not None and pin.beacon_at is not None:
                return frozenset(pin.missing)
    return frozenset()


async def _by_case(books: Books, seat: OfficeId, since: int, missing: frozenset[bytes]) -> list[Stored]:
    """What came since then and may concern a village, without reading all that came: its cases, the register and
    oversight, house-keeping; and what it says is missing.
    """
    cases = await books.interpreter.cases_of(seat)
    held = await books.store.entries_about(cases) if cases else []
    held += await books.interpreter.records_for(seat)
    found = [entry for entry in held if entry.arrival > since or prefix_of(entry.hash) in missing]
    for kind in LINE_BODIES:
        if kind != KIND_PINNED:
            found += await books.store.entries_of_kind(kind, after=since)
    return found
