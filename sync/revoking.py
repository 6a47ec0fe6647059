"""How far a lost device's journals count: what an office above names when it revokes, and when it confirms (A14).

Whoever revokes names everything that it holds of the device, single entries too: each fixes, by its `prev`, all before
it, so nobody can have slipped those in. Whoever confirms somebody else's revocation states its own head of before: what
it took in while it still believed the device. Else a thief who got his entries past an office that had forgotten the
revocation would see them confirmed. Of all statements the highest holds (RULINGS A14, `sync.keys.Keyring`).
Writes nothing. Next: `sync.recovery.after_revocation` (what a revocation does), `office.enrolling` (who writes them).
"""

from collections.abc import Sequence
from typing import Final

from schemas.names import JournalId, NodeId
from schemas.wire import KIND_REVOKED, Revoked, Size
from sync.books import Books, line_body
from sync.recovery import extent

READ_ENTRIES: Final = 500
"""Entries read at once: a hostile device may have written many past its position."""


def held_positions(books: Books, node: NodeId) -> list[Size]:
    """How far each journal of a device is held here, by journal: nothing that it writes beyond counts any more."""
    journals = sorted(books.epochs_of.get(node, ()))
    return [Size(node, journal.epoch, reach) for journal in journals if (reach := extent(books, journal))]


async def heads_of_before(books: Books, node: NodeId) -> list[Size]:
    """How far this office held each journal of a revoked device before it heard of the first revocation (RULINGS A14).

    What its confirmation states. Empty: nothing was here then, or nobody revoked the device.
    """
    heard = await _first_heard(books, node)
    if heard is None:
        return []
    journals = sorted(books.epochs_of.get(node, ()))
    reaches = [(journal, await _reach_before(books, journal, heard)) for journal in journals]
    return [Size(node, journal.epoch, reach) for journal, reach in reaches if reach]


def raising(books: Books, sizes: Sequence[Size]) -> list[Size]:
    """Those of these positions that let more count than was named so far."""
    return [size for size in sizes if size.size > (books.keyring.position(size.journal) or 0)]


async def _first_heard(books: Books, node: NodeId) -> int | None:
    """The arrival of the first believed revocation of a device."""
    if not books.keyring.is_revoked(node):
        return None
    arrivals = [
        entry.arrival
        for entry in await books.store.entries_of_kind(KIND_REVOKED)
        if (revoked := line_body(entry, Revoked)) is not None
        and revoked.node == node
        and books.stands_above(entry.journal.origin, node)
    ]
    return min(arrivals, default=None)


async def _reach_before(books: Books, journal: JournalId, heard: int) -> int:
    """One more than the last entry that came before an arrival, looked for from the end."""
    end = extent(books, journal)
    if not books.rules.head_of_before:
        return end
    while end > 0:
        start = max(0, end - READ_ENTRIES)
        before = [entry.seq for entry in await books.store.entries(journal, start, end) if entry.arrival < heard]
        if before:
            return max(before) + 1
        end = start
    return 0
