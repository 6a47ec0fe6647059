"""Single entries on their way home: toward their own seat and the county, from whoever still holds them (RULINGS A7).

Posts what an office that was restored has forgotten, its own and what it had passed on of others. Never asks whether
it is held there: whoever holds it already compares a hash. Next: `sync.recovery` (when), `sync.excerpts` (posting).
"""

from typing import Final

from schemas.names import Epoch, JournalId, NodeId
from schemas.wire import KIND_EPOCH_OPENED
from sync.books import Books
from sync.excerpts import post_excerpts, share
from sync.ports import Stored

OPENINGS_MAX: Final = 500
"""Openings called in at once, the earliest: a restore is mostly shown on the same day. Anybody below could name a
number of a stream of years ago."""


async def loose_beyond(books: Books, journal: JournalId, size: int) -> list[Stored]:
    """The single entries that are held of a journal from a number on, those of the present transaction included."""
    held = await books.store.loose_beyond(journal, size)
    keys = {entry.seq for entry in held}
    staged = [
        entry
        for entry in books.batch.entries
        if entry.loose and entry.journal == journal and entry.seq >= size and entry.seq not in keys
    ]
    return [*held, *staged]


async def send_home(books: Books, journal: JournalId, position: int) -> None:
    """Post loose entries at or beyond a position toward the journal's seat and toward the county."""
    await _send_home(books, journal, await loose_beyond(books, journal, position))


async def give_back_passed_on(books: Books, parent: NodeId, backup: Epoch) -> None:
    """The office above was restored to a backup that ends in this epoch: what it had passed on to us, it may miss.

    Of an entry whose author forgot it as well, we may be the last to hold it. What came in an earlier stream of that
    device was posted there before the backup, so it lies in it.
    """
    streams = books.inlets.items()
    early = {inlet.key for (node, _, epoch), inlet in streams if node == parent and epoch.ordinal < backup.ordinal}
    # From the county downward: who enrolled a device writes before that device, and a stranger's entry is not believed.
    for journal in sorted(books.loose, key=lambda one: (len(books.seat_of_node(one.origin) or ""), one)):
        if journal.origin != parent and not books.below(journal.origin):
            held = await loose_beyond(books, journal, 0)
            await _send_home(books, journal, [entry for entry in held if entry.inlet not in early])


async def _send_home(books: Books, journal: JournalId, entries: list[Stored]) -> None:
    if journal not in books.loose or not books.rules.give_back:
        return
    for target in sorted(way_home(books, journal)):
        await post_excerpts(books, target, entries, lost=True)


def way_home(books: Books, journal: JournalId) -> frozenset[NodeId]:
    """The neighbours toward a journal's own seat and toward the county."""
    seat = books.seat_of_node(journal.origin)
    nodes = (books.hop(seat) if seat is not None else None, books.parent)
    return frozenset(node for node in nodes if node is not None)


# --- who must hear of it ---------------------------------------------------------------------------------------------


async def call_in(books: Books, journal: JournalId) -> None:
    """An opening that looked ordinary shows a rollback after all: whoever holds what it forgot must hear of it (A7)."""
    if journal in books.rollbacks:
        return
    books.rollbacks.add(journal)
    if books.below(journal.origin) and journal.origin != books.seat.node:
        await share(books, None, books.seats_below(books.seat.office), entries=await opening_of(books, journal))


async def call_in_openings_since(books: Books, forgotten: JournalId) -> None:
    """We hear that we were rolled back, and forgot the end of this epoch of ours or all of it: whoever was rolled back
    with us seemed to open an ordinary epoch here. All below must hear of the openings that came since our own start.
    """
    node, epoch = books.seat.node, forgotten.epoch
    later = [own for own in books.epochs_of.get(node, ()) if own.epoch.ordinal >= epoch.ordinal and own != forgotten]
    starts = [entry.arrival for own in later for entry in await opening_of(books, own)]
    if not starts:
        return
    came = await books.store.entries_of_kind(KIND_EPOCH_OPENED, after=min(starts), limit=OPENINGS_MAX)
    came += [entry for entry in books.batch.entries if entry.kind == KIND_EPOCH_OPENED]
    below = [entry for entry in came if books.below(entry.journal.origin) and entry.journal.origin != node]
    await share(books, None, books.seats_below(books.seat.office), entries=below)


async def opening_of(books: Books, journal: JournalId) -> list[Stored]:
    """The first entry of a journal, if it is held."""
    held = await books.store.entries(journal, 0, 1)
    return held or [entry for entry in books.batch.entries if entry.seq == 0 and entry.journal == journal]
