"""Copies that went bad on our own disk: noticed when a neighbour asks for what it refused, fetched again, put right.

What was verified when it came is verified again only when somebody asks (`Want`), so the ordinary path pays nothing.
Bytes are judged by the entry's hash, which stands in every later entry and in signed checkpoints; so whoever sends the
good copy need not be trusted. Never changes an entry's hash, place or number, and never accuses anybody: a bad copy is
a relay's damage (DESIGN 1.6, RULINGS A7). Next: `sync.recovery` (wants and answers).
"""

from collections.abc import Sequence

import msgspec

from schemas.codec import Malformed
from schemas.names import JournalId
from schemas.wire import Answer, Excerpt, Line, Want, entry_hash, header_prefix, line_digest
from sync.books import Books
from sync.core.journal import links_of
from sync.core.link import Link
from sync.intact import DAMAGED, LOST, hash_of
from sync.ports import EntryKey, Stored

MISSING_MAX = 1000
"""Refused single entries that are asked for again: far more than honest damage makes, little enough to remember."""


async def first_damaged(books: Books, entries: Sequence[Stored]) -> int | None:
    """The number of the first of these that no longer gives the hash it had when it came; such are to be fetched."""
    bad = [entry for entry in entries if await hash_of(books.store, entry) != entry.hash]
    for entry in bad:
        key = (entry.journal, entry.seq)
        if key not in books.damaged and key not in books.hopeless:
            books.damaged[key] = entry.hash
            books.find(DAMAGED, entry.journal, entry.seq, entry.hash)
    return bad[0].seq if bad else None


def wants(books: Books, link: Link) -> list[Want]:
    """What to ask this neighbour for: damaged here, or refused when it came alone. One entry each: they are few."""
    books.missing = {key for key in books.missing if not _is_held(books, key)}
    keys = [*sorted(books.damaged), *sorted(books.missing)]
    return [Want(j.origin, j.epoch, seq, seq + 1) for j, seq in keys if (j, seq) not in link.not_held]


def _is_held(books: Books, key: EntryKey) -> bool:
    journal, seq = key
    state = books.journals.get(journal)
    return (state is not None and seq < state.size) or seq in books.loose.get(journal, {})


def miss(books: Books, journal: JournalId, seq: int) -> None:
    """An entry that came alone could not be believed: perhaps the relay's copy is damaged. It is asked for again."""
    if seq >= 0 and len(books.missing) < MISSING_MAX:
        books.missing.add((journal, seq))


def is_ours(books: Books, want: Want) -> bool:
    """Whether a want, as it comes back with its answer, is one of these."""
    return want.stop == want.start + 1 and (want.journal, want.start) in books.damaged.keys() | books.missing


async def put_right(books: Books, answer: Answer) -> bool:
    """Write again what an answer brings of entries that are damaged here; True when there was one."""
    before = len(books.batch.repaired)
    if answer.run is not None:
        links, _, _ = links_of(answer.run)
        for offset, (line, found) in enumerate(zip(answer.run.lines, links, strict=False)):
            await _put_right(books, (answer.run.journal, answer.run.start + offset), line, found)
    for excerpt in answer.excerpts:
        await _put_right(books, (excerpt.journal, excerpt.seq), excerpt.line, _hash_of_excerpt(excerpt))
    return len(books.batch.repaired) > before


def _hash_of_excerpt(excerpt: Excerpt) -> bytes | None:
    try:
        digest = line_digest(excerpt.line)
    except Malformed:
        return None
    return entry_hash(header_prefix(excerpt.journal), excerpt.seq, excerpt.prev, digest, excerpt.line.head)


async def _put_right(books: Books, key: EntryKey, line: Line, link: bytes | None) -> None:
    if link is None or books.damaged.get(key) != link:
        return
    del books.damaged[key]
    journal, seq = key
    for held in await books.store.entries(journal, seq, seq + 1):
        signature = line.signature or held.signature
        good = msgspec.structs.replace(
            held, head=line.head, salt=line.salt, body=line.body, digest=line.digest, signature=signature
        )
        books.batch.repaired.append(good)
        if good.subject is not None:
            books.refold_due.add(good.subject)


def not_helped(books: Books, link: Link, want: Want, askable: Sequence[Link]) -> None:
    """This neighbour has no good copy; when none has, it is lost, a finding, and nobody waits for it (RULINGS F9)."""
    key = (want.journal, want.start)
    link.not_held.add(key)
    if not all(key in other.not_held for other in askable):
        return
    if key in books.damaged:
        books.hopeless.add(key)
    books.damaged.pop(key, None)
    books.missing.discard(key)
    books.find(LOST, want.journal, want.start)
