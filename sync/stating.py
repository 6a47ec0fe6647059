"""How far journals are held, as neighbours tell each other: newest one by one, older ones in a digest (RULINGS A7).

Says and hears; never wants, gives back or lifts anything (`sync.recovery`). A digest counts as heard only where the
listener holds exactly the same; where it does not, nothing is concluded before the journals were listed.
Next: `sync.core.link` (what was said and heard, by number), `sync.recovery` (what follows from it).
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import NamedTuple

from schemas.codec import encode
from schemas.names import Epoch, JournalId, NodeId, OfficeId, within
from schemas.wire import SETTLED_DIGEST_BYTES, Page, Settled, Size
from sync.books import Books
from sync.core.link import Link
from sync.recovery import extent

LISTED_MAX = 10_000
"""Older journals listed in one statement, but those of one device at least: 92 KB. The others wait for the next one."""


class Statement(NamedTuple):
    """What one page states. Number 0: nothing new."""

    number: int
    full: bool
    sizes: list[Size]
    settled: list[Settled]


# --- saying ----------------------------------------------------------------------------------------------------------


def state(books: Books, link: Link) -> Statement:
    """The next statement to a neighbour: everything, or what changed since the last that it has seen."""
    since = link.told_until(link.seen_by_neighbour)
    number, full, sizes = link.state_sizes(_sizes_for(books, link, since), link.seen_by_neighbour, books.change)
    return Statement(number, full, *(_in_short(books, link, sizes) if full else (sizes, [])))


def _sizes_for(books: Books, link: Link, since: int) -> dict[JournalId, int]:
    """What to state to a neighbour: our own seat's journals, what we know of its seat's, and to a child all below it.

    Of these, what changed after `since`. Our present epoch is left out: nobody can be ahead of the pen that writes it.
    """
    changed = books.changed_since(since) if books.rules.stated_heads else []
    if not changed:
        return {}
    sizes: dict[JournalId, int] = {}
    own, office = books.own, books.seat.office
    is_child = within(link.seat, office)
    for journal in changed:
        seat = books.seat_of_node(journal.origin)
        if seat is None or journal == own:
            continue
        if seat == link.seat or seat == office or (is_child and within(seat, link.seat)):
            sizes[journal] = _held(books, link, seat, journal)
    return sizes


def _held(books: Books, link: Link, seat: OfficeId, journal: JournalId) -> int:
    """How far we hold a journal of a seat, as both ends of a line count it: of the other end's with single entries."""
    return extent(books, journal) if seat == link.seat else books.journals[journal].size


def _in_short(books: Books, link: Link, sizes: list[Size]) -> tuple[list[Size], list[Settled]]:
    """A full statement with all but the newest journals of each device in one digest, unless they are asked for.

    Of the upper seat's own devices the lower one holds single entries only: there is nothing to be equal.
    """
    upper = books.seat.office if within(link.seat, books.seat.office) else link.seat
    devices: dict[NodeId, list[Size]] = {}
    for size in sizes:
        devices.setdefault(size.origin, []).append(size)
    listed: list[Size] = []
    settled: list[Settled] = []
    room = LISTED_MAX
    for origin, stated in sorted(devices.items()):
        if books.seat_of_node(origin) == upper or len(stated) <= books.recent_epochs:
            listed += stated
            continue
        if origin in link.to_list and room > 0:
            listed += stated
            room -= len(stated)
            continue
        before = sorted(stated)[-books.recent_epochs].epoch.ordinal
        listed += [size for size in stated if size.epoch.ordinal >= before]
        settled.append(in_digest(origin, before, {s.epoch: s.size for s in stated if s.epoch.ordinal < before}))
    return listed, settled


def in_digest(origin: NodeId, before: int, sizes: Mapping[Epoch, int]) -> Settled:
    """The statement about journals held so far; one of which nothing is held is as good as unknown."""
    held = sorted((epoch.ordinal, epoch.nonce, size) for epoch, size in sizes.items() if size)
    return Settled(origin, before, len(held), sha256(encode(held)).digest()[:SETTLED_DIGEST_BYTES])


# --- hearing ---------------------------------------------------------------------------------------------------------


def hear(books: Books, link: Link, page: Page) -> None:
    """Take what a page states, and note which devices' journals it asks us to list."""
    link.to_list = set(page.unsettled)
    if not page.full and page.echo != books.epoch:
        return  # Changes are told to one start of ours: on a page made for an earlier one they change something else.
    if link.quarantined and page.full and link.heard_fully and page.statement < link.heard_statement:
        return  # An old stick, read late: what a restored node has to catch up with was stated since.
    told_before = link.heard
    link.hear_sizes(page.statement, page.full, page.sizes)
    if not page.full or not page.settled:
        return
    doubtful = {settled.origin: settled for settled in page.settled}
    for settled in page.settled:
        held = _held_before(books, link, settled)
        if _fits(settled, held):
            link.heard |= held
            del doubtful[settled.origin]
    # What differs may have been listed by an earlier statement to this start: then it is known, and compared again.
    told = _told_before(told_before, doubtful)
    for origin, sizes in told.items():
        if _fits(doubtful[origin], sizes):
            link.heard |= sizes
            link.news.update(sizes)
            del doubtful[origin]
    if doubtful:
        link.doubt(set(doubtful))


def _fits(settled: Settled, sizes: Mapping[JournalId, int]) -> bool:
    return in_digest(settled.origin, settled.before, {j.epoch: size for j, size in sizes.items()}) == settled


def _told_before(
    sizes: Mapping[JournalId, int], doubtful: Mapping[NodeId, Settled]
) -> dict[NodeId, dict[JournalId, int]]:
    """Of what a neighbour stated before, the journals that its digests speak for now."""
    told: dict[NodeId, dict[JournalId, int]] = {origin: {} for origin in doubtful}
    for journal, size in sizes.items() if doubtful else ():
        if journal.origin in doubtful and journal.epoch.ordinal < doubtful[journal.origin].before:
            told[journal.origin][journal] = size
    return told


def _held_before(books: Books, link: Link, settled: Settled) -> dict[JournalId, int]:
    """What we hold of the journals that a digest speaks for; nothing where a neighbour has none to speak of.

    That is bounded by what it may ask us to hash: a village names its own devices and ours, not the whole county.
    """
    seat = books.seat_of_node(settled.origin)
    spoken_of = link.seat, books.seat.office
    if seat is None or not (seat in spoken_of or (link.neighbour == books.parent and books.below(settled.origin))):
        return {}
    journals = [
        journal for journal in books.epochs_of.get(settled.origin, ()) if journal.epoch.ordinal < settled.before
    ]
    return {journal: _held(books, link, seat, journal) for journal in journals}
