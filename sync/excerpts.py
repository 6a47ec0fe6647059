"""Entries on their way out: runs, excerpts with their proof, and the posting of whole cases to new readers.

Reads the store and stages outbox rows; never decides who may have what (that comes in as audiences) and never
reorders a run. Next: `sync.paging` (pages), `sync.recovery` (answers and giving back), `sync.ledger`.
"""

from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from schemas.codec import decode
from schemas.names import CaseId, JournalId, NodeId, OfficeId, within
from schemas.wire import (
    KIND_ENROLLED,
    Checkpoint,
    Excerpt,
    Lane,
    Line,
    Proof,
    Run,
    attestation,
)
from sync.books import Books
from sync.core.merkle import inclusion_proof
from sync.intact import DAMAGED
from sync.ports import EntryKey, Stored

SignAt = Callable[[JournalId, int], Awaitable[Checkpoint]]
"""Signs a journal of this very device at an earlier size, for a page that ends there."""


Trees = dict[JournalId, list[bytes]]
"""Leaves of the journals of which proofs are being made."""

Covers = dict[JournalId, tuple[int, Checkpoint | None]]
"""Journal → from which entry on a good checkpoint was looked for, and the first one found: it covers all up to it."""


class Piece(Struct):
    """Consecutive entries of one journal that a page will carry: seq start … stop - 1."""

    journal: JournalId
    start: int
    stop: int


async def run_of(books: Books, piece: Piece, sign_at: SignAt | None = None) -> Run:
    """A run as it travels: lines as received, every checkpoint inside, ending at one.

    Without attestations: the checkpoint proves every line, and whoever takes one out of the run proves it (RULINGS
    A11). They would be 64 incompressible bytes in every third entry of a township.
    """
    journal = piece.journal
    entries = await books.store.entries(journal, piece.start, piece.stop)
    # One that is gone from our disk leaves an empty line: refused there, and asked for elsewhere; the line goes on.
    lines = [Line(b"", b"", None, bytes(32))] * (piece.stop - piece.start)
    for entry in entries:
        lines[entry.seq - piece.start] = Line(entry.head, entry.salt, entry.body, entry.digest)
    checkpoints = await books.store.checkpoints(journal, piece.start, piece.stop)
    is_open = not checkpoints or checkpoints[-1].size != piece.stop
    if is_open and sign_at is not None and journal.origin == books.seat.node:
        checkpoints = [*checkpoints, await sign_at(journal, piece.stop)]
    prev = await _prev_of(books, journal, piece.start)
    return Run(journal.origin, journal.epoch, piece.start, prev, lines, checkpoints)


async def good_checkpoint_upto(books: Books, journal: JournalId, start: int, stop: int) -> int:
    """Size of the last checkpoint above `start` and up to `stop` that everybody will take; `start` when there is none.

    Of a run that came only the newest checkpoint was verified: those before it may be good for nothing.
    """
    for checkpoint in reversed(await books.store.checkpoints(journal, start, stop)):
        if books.verify_checkpoint(journal, checkpoint):
            return checkpoint.size
    return start


async def good_checkpoint_after(books: Books, journal: JournalId, seq: int) -> Checkpoint | None:
    """The first checkpoint over entry `seq` that everybody will take."""
    checkpoint = await books.store.checkpoint_after(journal, seq)
    while checkpoint is not None and not books.verify_checkpoint(journal, checkpoint):
        checkpoint = await books.store.checkpoint_after(journal, checkpoint.size)
    return checkpoint


async def excerpt_of(books: Books, entry: Stored) -> Excerpt:
    """An entry that can stand alone: its own signature where that is good, else an inclusion proof (RULINGS A11)."""
    return (await excerpts_of(books, [entry]))[0]


async def excerpts_of(books: Books, entries: Sequence[Stored]) -> list[Excerpt]:
    """`excerpt_of` for several, in their order: of each journal the tree is read once, of neighbours the hashes not."""
    excerpts: list[Excerpt] = []
    trees: Trees = {}
    covers: Covers = {}
    before: Stored | None = None
    for entry in entries:
        prev = entry.prev
        if prev is None and before is not None and (before.journal, before.seq + 1) == (entry.journal, entry.seq):
            prev = before.hash
        prev = prev or await _prev_of(books, entry.journal, entry.seq)
        excerpts.append(await _excerpt_of(books, entry, prev, trees, covers))
        before = entry
    return excerpts


async def excerpts_at(books: Books, keys: Sequence[EntryKey]) -> list[Excerpt]:
    """The excerpts of these entries of ours, in this order. One that our disk has lost is a finding here.

    Over there its number is consumed as refused, and it is asked for wherever it may be held: nothing behind it waits.
    """
    held = await books.store.entries_at(keys)
    for journal, seq in keys:
        if (journal, seq) not in held and (journal, seq) not in books.hopeless:
            books.hopeless.add((journal, seq))
            books.find(DAMAGED, journal, seq)
    found = dict(zip(held, await excerpts_of(books, list(held.values())), strict=True))
    gone = Line(b"", b"", None, bytes(32))
    return [found.get(key) or Excerpt(key[0].origin, key[0].epoch, key[1], bytes(32), gone) for key in keys]


async def _excerpt_of(books: Books, entry: Stored, prev: bytes, trees: Trees, covers: Covers) -> Excerpt:
    journal = entry.journal
    line = Line(entry.head, entry.salt, entry.body, entry.digest, entry.signature)
    signed = entry.signature is not None and books.keyring.verify_log(
        journal.origin, attestation(entry.hash), entry.signature
    )
    if signed:
        return Excerpt(journal.origin, journal.epoch, entry.seq, prev, line)
    line = Line(entry.head, entry.salt, entry.body, entry.digest)
    proof = decode(entry.proof, Proof) if entry.proof is not None else None
    if proof is None and books.rules.proofs_for_unattested:
        proof = await _prove(books, entry, trees, covers)
    return Excerpt(journal.origin, journal.epoch, entry.seq, prev, line, proof)


async def _prev_of(books: Books, journal: JournalId, seq: int) -> bytes:
    """The hash before an entry; zeros when that is gone from our disk: the receiver refuses it and asks elsewhere."""
    held = await books.store.hashes(journal, seq - 1, seq) if seq else []
    return held[0] if held else bytes(32)


async def _prove(books: Books, entry: Stored, trees: Trees, covers: Covers) -> Proof | None:
    journal = entry.journal
    since, checkpoint = covers.get(journal, (entry.seq + 1, None))
    if not since <= entry.seq or (checkpoint is not None and entry.seq >= checkpoint.size):
        checkpoint = await good_checkpoint_after(books, journal, entry.seq)
        covers[journal] = (entry.seq, checkpoint)
    if checkpoint is None:
        return None
    if journal not in trees:
        trees[journal] = await books.store.hashes(journal, 0, books.tips[journal].size)
    leaves = trees[journal]
    whole = len(leaves) >= checkpoint.size
    return Proof(checkpoint, inclusion_proof(leaves, entry.seq, checkpoint.size)) if whole else None


# --- posting -----------------------------------------------------------------------------------------------------


async def share(
    books: Books,
    case: CaseId | None,
    offices: frozenset[OfficeId],
    *,
    entries: Sequence[Stored] | None = None,
    hop: NodeId | None = None,
) -> None:
    """Post all entries of a case (or the given ones) toward offices: a set, not a scan of rows (RULINGS B4).

    An entry whose author the neighbour may not know is preceded by the author's enrolment.
    """
    hops = {hop} if hop is not None else {found for office in offices if (found := books.hop(office)) is not None}
    if entries is None and case is not None:
        staged = [entry for entry in books.batch.entries if entry.subject == case]
        keys = {(entry.journal, entry.seq) for entry in staged}
        held = [e for e in await books.store.entries_about([case]) if (e.journal, e.seq) not in keys]
        entries = [*held, *staged]
    for target in sorted(hops):
        await post_excerpts(books, target, entries or [])


async def post_excerpts(books: Books, target: NodeId, entries: Sequence[Stored], *, lost: bool = False) -> None:
    """Post entries into lane 0 toward a neighbour, once each, skipping what it must have had before us.

    `lost`: the neighbour has shown that it no longer holds them, so nothing is skipped (RULINGS A7).
    """
    wanted = [entry for entry in entries if lost or not _has_already(books, entry, target)]
    if not wanted:
        return
    wanted = [e for entry in wanted for e in [*(await _before(books, entry, target)), entry]]
    done = await books.store.posted(target, [(entry.journal, entry.seq) for entry in wanted])
    staged = books.batch.posted
    for entry in wanted:
        key = (entry.journal, entry.seq)
        if key not in done and (target, *key) not in staged:
            books.post(target, Lane.EXCERPTS, *key)
            # One of ours that was not attested when written needs a checkpoint that covers it, to be proved by.
            checkpointed = books.journals[entry.journal].checkpointed
            books.proof_due |= not entry.loose and entry.signature is None and entry.seq >= checkpointed


def _has_already(books: Books, entry: Stored, target: NodeId) -> bool:
    """Whether the neighbour wrote the entry, gave it to us, or gets its whole journal from us in runs.

    That it once gave back what we had lost says little: it may have been restored since, and our rows went with ours.
    """
    origin = books.seat_of_node(entry.journal.origin)
    if entry.journal.origin == target:
        return True
    regained = entry.loose and books.below(entry.journal.origin)
    if entry.inlet and books.inlet_keys.get(entry.inlet) == target and not regained:
        return True
    if target == books.parent:
        return not entry.loose and books.below(entry.journal.origin)
    return origin is not None and books.hop(origin) == target and not entry.loose


def _knows_author(books: Books, author: NodeId, target: NodeId) -> bool:
    """Whether a neighbour has the author's enrolment anyway: ancestor of both, of its own side, or within our runs."""
    seat = books.seat_of_node(author)
    if seat is None or within(books.seat.office, seat):
        return True
    return books.hop(seat) == target or (target == books.parent and books.below(author))


async def _before(books: Books, entry: Stored, target: NodeId) -> list[Stored]:
    """What a neighbour must have to take an entry: its author's enrolments; for one without its body, the order."""
    enrolments = await _enrolments_before(books, entry, target)
    if entry.hash not in books.erased:
        return enrolments
    staged = books.batch.erased.get(entry.hash)
    places = {staged} if staged is not None else await books.store.orders([entry.hash])
    orders = [held for held in books.batch.entries if (held.journal, held.seq) in places]
    return [*enrolments, *(orders or (await books.store.entries_at(sorted(places))).values())]


async def _enrolments_before(books: Books, entry: Stored, target: NodeId) -> list[Stored]:
    """The enrolment entries of the author's chain that a neighbour aside from that chain needs first."""
    if entry.kind == KIND_ENROLLED or _knows_author(books, entry.journal.origin, target):
        return []
    chain: list[Stored] = []
    author = entry.journal.origin
    # A believed enrolment stands in its issuer's journal, and issuers sit ever higher: this ends at the county.
    while (key := books.enrolled_by.get(author)) is not None and key[0].origin != author:
        staged = [held for held in books.batch.entries if (held.journal, held.seq) == key]
        chain += staged or await books.store.entries(key[0], key[1], key[1] + 1)
        author = key[0].origin
    return list(reversed(chain))
