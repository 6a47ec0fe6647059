"""Whether the bytes of an entry still give the hash it had when it came, and which damage is already known of.

Reads, and decides nothing. Next: `sync.repair`, which notices damage and puts it right.
"""

from typing import Final

from schemas.codec import Malformed
from schemas.wire import Line, entry_hash, header_prefix, line_digest
from sync.ports import EntryKey, Store, Stored

DAMAGED: Final = "damaged"
"""The finding that an entry of ours went bad on our own disk."""
LOST: Final = "lost"
"""The finding that nobody could help."""


async def hash_of(store: Store, entry: Stored) -> bytes | None:
    """What the entry hashes to as it lies on the disk; None when it cannot even be read as a line."""
    prev = entry.prev
    if prev is None:
        prev = (await store.hashes(entry.journal, entry.seq - 1, entry.seq))[0] if entry.seq else bytes(32)
    line = Line(entry.head, entry.salt, entry.body, entry.digest, entry.signature)
    try:
        return entry_hash(header_prefix(entry.journal), entry.seq, prev, line_digest(line), entry.head)
    except Malformed:
        return None


async def known_damage(store: Store) -> tuple[dict[EntryKey, bytes], set[EntryKey]]:
    """Of the damage ever found, what is still there: the entries to fetch again, and those nobody could help with."""
    found = await store.found({DAMAGED})
    lost = await store.found({LOST}) if found else set[EntryKey]()
    damaged: dict[EntryKey, bytes] = {}
    hopeless: set[EntryKey] = set()
    for journal, seq in found:
        for entry in await store.entries(journal, seq, seq + 1):
            if await hash_of(store, entry) == entry.hash:
                continue
            if (journal, seq) in lost:
                hopeless.add((journal, seq))
            else:
                damaged[journal, seq] = entry.hash
    return damaged, hopeless
