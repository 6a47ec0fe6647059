"""What the county says it holds of this seat and sent to it, compared with what is here (RULINGS A12, A13).

A watermark is a statement of the county's, so it is checked like anybody's: heads against our own journals, paths
against the beacon, the list of what was addressed to us against what came. What does not fit is a finding; what has not
come yet is none: it is remembered, said in the next pin of a beacon, and forgotten when it comes. Silence is told, and
accuses nobody. Kept under our own name (`LinkMemory.heard`), so that it outlives a start, and the office above.
Must never: take a watermark from anybody but the county, or cause a word on the line. Next: `sync.lighting` (who writes
them), `sync.housekeeping` (who calls, and what a pin says), `office.web.watermark` (who shows it).
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

from msgspec.structs import replace

from schemas.codec import MISSING_STATED_MAX, PREFIX_BYTES, encode
from schemas.names import Instant, JournalId, parent_seat
from schemas.wire import KIND_BEACON, Beacon, JournalHead, ProvedHead, Watermarked
from sync.books import Books, line_body
from sync.core.journal import checkpoint_at
from sync.core.merkle import verify_inclusion
from sync.ports import Heard, LinkMemory, Stored
from sync.recovery import extent

HEADS_REMEMBERED_MAX: Final = 8
"""Of this device's own journals: one a start, and the older ones do not move any more."""

LACKING_MAX: Final = 1024
"""Entries remembered as not here: a pin states 64 of them, and what comes is taken off at any time."""

OTHER_HEAD: Final = "other_head"
"""Finding: the county states another root, at a size that is held here. Two histories of one journal: a finding, and
whose fault it is the signatures decide (`hub.audit.integrity`)."""

COUNTY_AHEAD: Final = "county_ahead"
"""Finding: the county holds more of this very device's journals than this device: it was rolled back, or copied."""

FALSE_PATH: Final = "false_path"
"""Finding: a head is not where the county's own beacon has it."""

FINDINGS: Final = frozenset({OTHER_HEAD, COUNTY_AHEAD, FALSE_PATH})


def memory_of(books: Books) -> LinkMemory:
    """What is kept under our own name."""
    node = books.seat.node
    memory = books.memories.get(node)
    if memory is None:
        memory = books.memories[node] = LinkMemory(node, books.seat.office)
    return memory


def keep(books: Books, memory: LinkMemory) -> None:
    """Write it with the present transaction."""
    books.batch.links[memory.neighbour] = memory


def heard(books: Books) -> Heard | None:
    """The last watermark for this seat, if any came."""
    memory = books.memories.get(books.seat.node)
    return memory.heard if memory is not None else None


def is_of_the_county(books: Books, entry: Stored) -> bool:
    """Whether a device of the county wrote it."""
    seat = books.seat_of_node(entry.journal.origin)
    return seat is not None and parent_seat(seat) is None


def prefix_of(digest: bytes) -> bytes:
    """How lists name an entry."""
    return digest[:PREFIX_BYTES]


def prefixes_in(listed: bytes) -> list[bytes]:
    """The prefixes of a list, in order; a last piece that is none is left out."""
    ends = range(PREFIX_BYTES, len(listed) + 1, PREFIX_BYTES)
    return [listed[end - PREFIX_BYTES : end] for end in ends]


def run_over(running_hash: bytes, prefixes: Iterable[bytes]) -> bytes:
    """The running hash behind these."""
    for prefix in prefixes:
        running_hash = sha256(running_hash + prefix).digest()
    return running_hash


# --- hearing ---------------------------------------------------------------------------------------------------------


async def hear(books: Books, entry: Stored, said: Watermarked) -> bool:
    """Take in a watermark. False when the county did not write it; one for another seat only passes through."""
    if not is_of_the_county(books, entry):
        return False
    if said.office != books.seat.office or not books.rules.watermarks:
        return True
    memory = memory_of(books)
    last = memory.heard
    if last is not None and last.journal == entry.journal and last.seq >= entry.seq:
        return True  # An older one, which came late: what it listed then is listed no more.
    beacon = await _beacon_of(books, entry.journal, said)
    for proved in said.heads:
        await _compare(books, entry, proved.head)
        if beacon is not None and not _is_proved(beacon, proved):
            books.find(FALSE_PATH, entry.journal, entry.seq, entry.hash, entry.body or b"")
    for head in said.below:
        await _compare(books, entry, head)
    memory.heard = _after(books, entry, said, last)
    keep(books, memory)
    return True


def _after(books: Books, entry: Stored, said: Watermarked, last: Heard | None) -> Heard:
    listed = prefixes_in(said.addressed.prefixes)
    skipped = 0
    if last is not None:
        goes_on = (last.count + len(listed), run_over(last.running_hash, listed))
        is_next = goes_on == (said.addressed.count, said.addressed.running_hash)
        # A county that was restored tells in another journal, and counts from what its backup knew.
        skipped = last.skipped + (not is_next and last.journal == entry.journal)
    lacking = dict(last.lacking) if last is not None else {}
    here = {prefix_of(link) for links in books.loose.values() for link in links.values()} if listed else set[bytes]()
    lacking |= {prefix: said.beacon_at for prefix in listed if prefix not in here and prefix not in lacking}
    return Heard(
        prefix_of(entry.hash),
        entry.journal,
        entry.seq,
        said.beacon_at,
        Instant(books.clock.now()),
        said.addressed.count,
        said.addressed.running_hash,
        skipped,
        _newest(books, [*(last.heads if last is not None else ()), *(proved.head for proved in said.heads)]),
        list(lacking.items())[:LACKING_MAX],
    )


def _newest(books: Books, heads: Iterable[JournalHead]) -> list[JournalHead]:
    """The last word about each of this device's journals, of the newest few."""
    stated = {JournalId(head.origin, head.epoch): head for head in heads if head.origin == books.seat.node}
    return [head for _, head in sorted(stated.items())[-HEADS_REMEMBERED_MAX:]]


async def _beacon_of(books: Books, journal: JournalId, said: Watermarked) -> Beacon | None:
    """The beacon that a watermark speaks of; None while it is not here."""
    staged = [entry for entry in books.batch.entries if entry.kind == KIND_BEACON]
    for entry in [*staged, *reversed(await books.store.entries_of_kind(KIND_BEACON))]:
        beacon = line_body(entry, Beacon) if entry.journal == journal else None
        if beacon is not None and beacon.at == said.beacon_at:
            return beacon
    return None


def _is_proved(beacon: Beacon, proved: ProvedHead) -> bool:
    return verify_inclusion(encode(proved.head), proved.index, beacon.count, proved.path, beacon.root)


async def _compare(books: Books, entry: Stored, head: JournalHead) -> None:
    """Hold a stated head against what is here. Less than we hold is no finding: the line takes its time."""
    journal = JournalId(head.origin, head.epoch)
    state = books.journals.get(journal)
    held = state.size if state is not None else 0
    if 0 < head.size <= held:
        if await _root_at(books, journal, head.size) not in (None, head.root):
            books.find(OTHER_HEAD, journal, head.size, entry.hash, entry.body or b"")
    elif head.origin == books.seat.node and head.size > extent(books, journal):
        known = state.wanted if state is not None else 0
        if head.size > known:
            books.find(COUNTY_AHEAD, journal, head.size, entry.hash, entry.body or b"")
        if journal.epoch != books.epoch:  # of the one that we are writing a copy of us holds the rest
            books.want_upto(journal, head.size)


async def _root_at(books: Books, journal: JournalId, size: int) -> bytes | None:
    """The root of a journal at a size; None when our own disk has lost what it takes."""
    if size == books.tips[journal].size:
        return books.tips[journal].frontier.root()
    staged = books.batch.checkpoints.get((journal, size))
    for checkpoint in [staged] if staged is not None else await books.store.checkpoints(journal, size - 1, size):
        if books.verify_checkpoint(journal, checkpoint):
            return checkpoint.root
    leaves = await books.store.hashes(journal, 0, size)
    return checkpoint_at(leaves, size)[1] if len(leaves) == size else None


def arrived(books: Books, fresh: Sequence[Stored]) -> None:
    """What came is lacking no more, whoever brought it."""
    memory = books.memories.get(books.seat.node)
    if memory is None or memory.heard is None or not memory.heard.lacking:
        return
    here = {prefix_of(entry.hash) for entry in fresh}
    lacking = [(prefix, since) for prefix, since in memory.heard.lacking if prefix not in here]
    if len(lacking) != len(memory.heard.lacking):
        memory.heard = replace(memory.heard, lacking=lacking)
        keep(books, memory)


# --- saying ----------------------------------------------------------------------------------------------------------


def stated_missing(books: Books) -> tuple[list[bytes], bytes | None]:
    """What the next pin of a beacon says: prefixes of what is not here, the oldest first, and by which list."""
    last = heard(books)
    if last is None:
        return [], None
    return [prefix for prefix, _ in last.lacking[:MISSING_STATED_MAX]], last.mark
