"""Whether the bytes of an entry still give the hash it had when it came, and which damage is already known of.

Reads, and decides nothing. Next: `sync.repair`, which notices damage and puts it right.
"""

from collections.abc import Sequence
from typing import Final

from schemas.codec import Malformed
from schemas.names import JournalId
from schemas.wire import Line, entry_hash, header_prefix, line_digest
from sync.core.journal import Tip
from sync.core.merkle import Frontier
from sync.ports import EntryKey, Store, Stored

DAMAGED: Final = "damaged"
"""The finding that an entry of ours went bad on our own disk."""
LOST: Final = "lost"
"""The finding that nobody could help."""


async def bad_among(store: Store, entries: Sequence[Stored]) -> list[Stored]:
    """Which of these no longer hash, as they lie on the disk, to what they did when they came.

    Asks the store nothing where one follows another. Not judged is what stands behind an entry that is gone.
    """
    bad: list[Stored] = []
    before: Stored | None = None
    for entry in entries:
        prev = entry.prev
        if prev is None and before is not None and (before.journal, before.seq + 1) == (entry.journal, entry.seq):
            prev = before.hash
        elif prev is None:
            held = [bytes(32)] if entry.seq == 0 else await store.hashes(entry.journal, entry.seq - 1, entry.seq)
            prev = held[0] if held else None
        if prev is not None and _hash_of(entry, prev) != entry.hash:
            bad.append(entry)
        before = entry
    return bad


def _hash_of(entry: Stored, prev: bytes) -> bytes | None:
    """What the entry hashes to behind `prev`; None when it cannot even be read as a line."""
    line = Line(entry.head, entry.salt, entry.body, entry.digest, entry.signature)
    try:
        return entry_hash(header_prefix(entry.journal), entry.seq, prev, line_digest(line), entry.head)
    except Malformed:
        return None


async def tip_of(store: Store, journal: JournalId, size: int) -> Tip:
    """Where a journal of this size stands, made again from its entries; what is held if some are gone."""
    leaves = await store.hashes(journal, 0, size)
    return Tip(len(leaves), leaves[-1], Frontier().extend(leaves)) if leaves else Tip()


async def known_damage(store: Store, lost: set[EntryKey]) -> tuple[dict[EntryKey, bytes], set[EntryKey]]:
    """Of the damage ever found, what is still there: the entries to fetch again, and those nobody could help with.

    `lost`: what nobody could help with, damage or not.
    """
    damaged: dict[EntryKey, bytes] = {}
    hopeless: set[EntryKey] = set()
    for journal, seq in await store.found({DAMAGED}):
        for entry in await bad_among(store, await store.entries(journal, seq, seq + 1)):
            if (journal, seq) in lost:
                hopeless.add((journal, seq))
            else:
                damaged[journal, seq] = entry.hash
    return damaged, hopeless
