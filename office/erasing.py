"""What every node does about erasures beyond the line: the list that outlives a restore, and the papers that go too.

Which hashes are erased (RULINGS B6) is also kept in a file of its own, `Home.erasures`: one hexadecimal hash a line,
only ever added to, each time durably. It is no part of a backup of the database, and a restore leaves it where it is:
at its next start the node erases again what the restored database still holds, before anything is folded or served.
Restoring on a new machine: put the newest copy of that file into the folder first. Without one the county's orders come
back by the line, and until then what was restored is there.
Never writes an order: that is `office.erasure_orders`. Next: `sync.erasing`, which obeys them.
"""

import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from hashlib import sha256
from typing import Final

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from office.own_faults import place_of
from office.paths import PRIVATE_FILE_MODE, Home, sync_folder
from office.projection import SqlCases
from schemas.names import HASH_BYTES, CaseId
from schemas.wire import ZERO_HASH, body_digest
from sync import bodiless
from sync.core.errors import Fault
from sync.intact import bad_among
from sync.ports import EntryKey, PaperShelf, Store, Stored, empty_batch
from sync.store import SqlStore
from sync.tables import entries

log = logging.getLogger(__name__)

ENTRIES_READ: Final = 5_000
"""Hashes read at a time where all are walked: 300 KB."""


class Erasures:
    """Keeps the list of one node, and lets papers go whose cases were erased."""

    def __init__(self, home: Home, store: SqlStore, read: AsyncEngine, cases: SqlCases, papers: PaperShelf) -> None:
        self._home = home
        self._store = store
        self._read = read
        self._cases = cases
        self._papers = papers
        self.forget_want: Callable[[bytes], Awaitable[None]] = _nothing
        """Told of every paper that goes: it is no longer to come either (`office.paper_wants`)."""
        store.on_erased = self.came

    async def came(self, hashes: Collection[bytes]) -> None:
        """Entries were erased, durably. What cannot be done now is done at the next start, or by the shelf's sweep."""
        try:
            remember_erasures(self._home, hashes)
        except OSError as error:
            log.error("the list of erasures could not be written: %s", type(error).__name__)
        await self.drop_papers()

    async def drop_papers(self) -> None:
        """Delete the papers that no case names any more since bodies went."""
        gone, self._cases.unnamed = self._cases.unnamed, set()
        try:
            for digest in sorted(gone - await self._cases.named_among(gone)):
                await self.forget_want(digest)
                await self._papers.drop(digest)
        except (Fault, SQLAlchemyError) as error:
            log.error("papers of an erased case could not be deleted: %s", place_of(error))

    async def reapply(self) -> set[CaseId]:
        """At a start: bring list and store together. Returns the cases that must be folded again."""
        listed = remembered_erasures(self._home)
        subjects = await reapply_erasures(self._store, self._read, listed)
        unlisted = (await self._store.load()).erased - listed
        if unlisted:
            remember_erasures(self._home, unlisted)
        return subjects


async def _nothing(digest: bytes) -> None:
    """For a node that wants no papers."""


def remember_erasures(home: Home, hashes: Collection[bytes]) -> None:
    """Add hashes to the node's list, durably. Raises OSError: the next start adds what is missing."""
    is_new = not home.erasures.exists()
    descriptor = os.open(home.erasures, os.O_WRONLY | os.O_CREAT | os.O_APPEND, PRIVATE_FILE_MODE)
    with os.fdopen(descriptor, "ab") as file:
        # A line that a power cut left unfinished must not swallow the next one.
        file.write(b"".join([b"\n", *(link.hex().encode() + b"\n" for link in sorted(hashes))]))
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(home.folder)


def remembered_erasures(home: Home) -> set[bytes]:
    """The hashes on the node's list; what is no hash is passed over."""
    if not home.erasures.exists():
        return set()
    found: set[bytes] = set()
    for line in home.erasures.read_bytes().split(b"\n"):
        if len(line) == 2 * HASH_BYTES:
            try:
                found.add(bytes.fromhex(line.decode("ascii")))
            except ValueError:
                log.error("a line of %s is no hash and was passed over", home.erasures.name)
    return found


async def reapply_erasures(store: Store, read: AsyncEngine, hashes: Collection[bytes]) -> set[CaseId]:
    """Erase again what a restored database still holds of these. For the holder of the pen, before anything is served.

    Returns the cases that have to be folded again; whoever calls loads the books anew first. What stays of them comes
    with the orders, over the line: until then such a case is shown as awaited.
    """
    loaded = await store.load()
    missing = set(hashes) - loaded.erased
    if not missing:
        return set()
    batch = empty_batch()
    batch.erased = dict.fromkeys(missing)
    subjects: set[CaseId] = set()
    async for entry in _held(store, read, missing):
        if bodiless.is_erasable(entry.kind, entry.subject) and entry.subject is not None and entry.body is not None:
            bad = await bad_among(store, [entry])
            batch.stripped[entry.journal, entry.seq] = ZERO_HASH if bad else body_digest(entry.salt, entry.body)
            subjects.add(entry.subject)
    await _redact(store, batch.stripped, batch.redacted)
    await store.commit(batch)
    return subjects


async def _redact(store: Store, keys: Collection[EntryKey], redacted: dict[bytes, bytes]) -> None:
    for found in await store.evidence():
        if found.code in bodiless.WITH_BODIES:
            left = bodiless.without_bodies(found.material, keys)
            if left != found.material:
                redacted[sha256(found.material).digest()] = left


async def _held(store: Store, read: AsyncEngine, hashes: Collection[bytes]) -> AsyncIterator[Stored]:
    """The entries with these hashes: one walk over the hashes of all, for there is no index of them."""
    e = entries.c
    after = 0
    while True:
        query = select(e.arrival, e.hash).where(e.arrival > after).order_by(e.arrival).limit(ENTRIES_READ)
        async with read.connect() as connection:
            rows = (await connection.execute(query)).all()
        if not rows:
            return
        after = rows[-1].arrival
        for row in rows:
            if row.hash in hashes:
                for entry in await store.entries_since(row.arrival - 1, 1):
                    yield entry
