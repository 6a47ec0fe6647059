"""Builds the claim file of each integrity finding, when it is found: what shows it may not be here to-morrow.

Reads the store, judges nothing. A file is made of statements exactly as they were signed, and of the county's own word
of this moment about what it holds, under its cosigner key. Where a statement is not here any more, or not signed yet,
there is no file: the answer is None, and the finding stands without. Next: `sync.proofs` (statements),
`sync.proof.claims` (what they show), `hub.audit.integrity_reading` (who asks).
"""

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Final

from schemas.codec import Malformed, decode
from schemas.names import Instant, JournalId, NodeId
from schemas.slips import SlipStatement
from schemas.wire import (
    KIND_BEACON,
    KIND_PINNED,
    KIND_RECEIPTED,
    Beacon,
    EpochOpened,
    Excerpt,
    Line,
    Pinned,
    Receipted,
    Run,
    attestation,
    body_digest,
)
from sync.books import Books, line_body
from sync.core.errors import LocalFault
from sync.core.journal import links_of
from sync.core.merkle import Frontier
from sync.ports import EntryKey, Evidence, Stored
from sync.proof import claim_file
from sync.proof.claim_file import Claim, EntryStatement, HeadStatement, Statement
from sync.proof.claims import CLOCK_MS
from sync.proofs import (
    Anything,
    claim_file_for,
    entry_statement,
    entry_statement_behind,
    entry_statement_under,
    head_statement,
    holding_statement,
    receipt_statement,
    run_statement,
    without_text,
)

CHUNK: Final = 500
"""Entries read at once."""

LOOKED_THROUGH_MAX: Final = 20_000
"""Entries of one device looked through for a receipt, from the newest: it was found within days of being written."""

CONTINUED_MAX: Final = 20
"""Epochs of one device from one statement back to another: starts between a receipt and what follows it."""


async def held_at(books: Books, key: EntryKey) -> Stored | None:
    """The entry of this place, if it is held."""
    return (await books.store.entries_at([key])).get(key)


async def _or_none(making: Awaitable[bytes]) -> bytes | None:
    try:
        return await making
    except LocalFault:
        return None


# --- what an owner said twice ----------------------------------------------------------------------------------------


async def fork_file(books: Books, evidence: Evidence) -> bytes | None:
    """Two entries under one number: ours, and the one that the post kept as evidence."""
    ours = await held_at(books, (evidence.journal, evidence.seq))
    theirs = await _other_copy(books, evidence)
    if ours is None or theirs is None:
        return None
    return await _or_none(_claim(books, Claim.EQUIVOCATION, [ours], [theirs]))


async def _other_copy(books: Books, evidence: Evidence) -> EntryStatement | None:
    run = find_run(evidence)
    if run is not None:
        return await run_statement(books, run, evidence.seq)
    try:
        excerpt = decode(evidence.material, Excerpt)
    except Malformed:
        return None
    return EntryStatement(without_text(excerpt))


def find_run(evidence: Evidence) -> Run | None:
    """The run that a finding of the post keeps, if it keeps one."""
    try:
        return decode(evidence.material, Run)
    except Malformed:
        return None


async def suspect_file(books: Books, run: Run, slips: Sequence[SlipStatement]) -> bytes | None:
    """A run that did not fit, shown to be its owner's: one of its entries bears the owner's own signature.

    That signature stands for every entry before it. Against it stands what is held before the run, or the root that
    the owner signed over other entries.
    """
    links, _, _ = links_of(run, Anything())
    signed = _last_signed(books, run, links, slips)
    if signed is None:
        return None
    place, statement, slip = signed
    statements: list[Statement] = [statement, *slip]
    before = await held_at(books, (run.journal, run.start - 1)) if run.start else None
    if before is not None and before.hash != run.prev:
        return await _or_none(_claim(books, Claim.EQUIVOCATION, [before], statements))
    base = await _base(books, run.journal, run.start)
    if run.start and base is None:
        return None
    frontier = Frontier(run.start, tuple(base.peaks)) if base is not None else Frontier()
    for checkpoint in run.checkpoints:
        end = checkpoint.size - run.start
        if not 0 < end <= place + 1 or not books.verify_checkpoint(run.journal, checkpoint):
            continue
        if frontier.extend(links[:end]).root() != checkpoint.root:
            head = HeadStatement(run.origin, run.epoch, checkpoint)
            bases = [base] if base is not None else []
            return await _or_none(_claim(books, Claim.EQUIVOCATION, [], [*statements, head, *bases]))
    return None


def _last_signed(
    books: Books, run: Run, links: Sequence[bytes], slips: Sequence[SlipStatement]
) -> tuple[int, EntryStatement, list[Statement]] | None:
    """The last line of a run that its owner signed by itself or on a slip, with the lines before it."""
    on_slips = {(slip.journal, slip.seq, slip.hash): slip for slip in slips}
    for place in range(len(links) - 1, -1, -1):
        line, link, seq = run.lines[place], links[place], run.start + place
        signature = line.signature
        is_signed = signature is not None and books.keyring.verify_log(run.origin, attestation(link), signature)
        slip = on_slips.get((run.journal, seq, link))
        if not is_signed and slip is None:
            continue
        prev = links[place - 1] if place else run.prev
        kept = line if is_signed else Line(line.head, line.salt, line.body, line.digest)
        excerpt = without_text(Excerpt(run.origin, run.epoch, seq, prev, kept))
        before = [(one.head, _digest(one)) for one in run.lines[:place]]
        statement = EntryStatement(excerpt, run.prev if before else b"", before)
        return place, statement, [] if is_signed or slip is None else [_slip(slip)]
    return None


def _digest(line: Line) -> bytes:
    return body_digest(line.salt, line.body) if line.body is not None else (line.digest or b"")


async def _base(books: Books, journal: JournalId, size: int) -> HeadStatement | None:
    """The owner's checkpoint of just this size, with the subtree roots to grow it from."""
    for checkpoint in await books.store.checkpoints(journal, size - 1, size) if size else []:
        leaves = await books.store.hashes(journal, 0, size)
        if len(leaves) == size and books.verify_checkpoint(journal, checkpoint):
            peaks = Frontier().extend(leaves).peaks
            return HeadStatement(journal.origin, journal.epoch, checkpoint, list(peaks))
    return None


async def rollback_file(books: Books, opening: Stored, former: JournalId, named: int) -> bytes | None:
    """An opening against what its device had signed of the epoch before, or against its other child."""
    head = await head_statement(books, former, named)
    if head is not None:
        return await _or_none(_claim(books, Claim.ROLLBACK, [opening], [head]))
    for loose in await books.store.loose_beyond(former, named):
        if loose.seq >= named:
            return await _or_none(_claim(books, Claim.ROLLBACK, [opening, loose], []))
    for other in books.epochs_of.get(former.origin, ()):
        if other.epoch.ordinal != former.epoch.ordinal + 1 or other == opening.journal:
            continue
        sibling = await held_at(books, (other, 0))
        opened = line_body(sibling, EpochOpened) if sibling is not None else None
        parent = opened.parent if opened is not None else None
        if sibling is not None and parent is not None and parent.epoch == former.epoch:
            return await _or_none(_claim(books, Claim.ROLLBACK, [opening, sibling], []))
    return None


async def find_disowning(books: Books, slip: SlipStatement) -> Stored | None:
    """An opening by which a slip's device says that the journal ended before the slip's entry."""
    for journal in books.epochs_of.get(slip.origin, ()):
        if journal.epoch.ordinal != slip.epoch.ordinal + 1:
            continue
        opening = await held_at(books, (journal, 0))
        opened = line_body(opening, EpochOpened) if opening is not None else None
        parent = opened.parent if opened is not None else None
        if parent is not None and parent.epoch == slip.epoch and parent.size <= slip.seq:
            return opening
    return None


async def slip_file(
    books: Books, slip: SlipStatement, held: Stored | None, disowning: Stored | None, now: Instant
) -> bytes | None:
    """A slip against the entry under its number, the opening that disowns it, or what the county holds now."""
    if held is not None:
        return await _or_none(_claim(books, Claim.ORPHAN_SLIP, [held], [_slip(slip)]))
    if disowning is not None:
        return await _or_none(_claim(books, Claim.ROLLBACK, [disowning], [_slip(slip)]))
    return await _or_none(
        _claim(books, Claim.ORPHAN_SLIP, [], [_slip(slip), holding_statement(books, [slip.journal], now)])
    )


def _slip(slip: SlipStatement) -> claim_file.SlipStatement:
    return claim_file.SlipStatement(slip.origin, slip.epoch, slip.seq, slip.hash, slip.at, slip.signature)


async def _claim(books: Books, claim: Claim, entries: Sequence[Stored], statements: Sequence[Statement]) -> bytes:
    said = [await entry_statement(books, entry) for entry in entries]
    return await claim_file_for(books, claim, [*said, *statements])


# --- what was withheld -----------------------------------------------------------------------------------------------


async def withheld_up_file(books: Books, receipt: Stored, journal: JournalId, now: Instant) -> bytes | None:
    """A relay's receipt in its own journal, against what the county says at this moment that it holds of both."""
    held = holding_statement(books, [journal, receipt.journal], now)
    return await _or_none(_claim(books, Claim.WITHHELD_UP, [receipt], [held]))


async def withheld_down_file(books: Books, mark: Stored, pin: Stored, having: Sequence[Stored]) -> bytes | None:
    """The county's list, the seat's pin, and what shows that the office between had the entry."""
    return await _or_none(_claim(books, Claim.WITHHELD_DOWN, list(dict.fromkeys([mark, pin, *having])), []))


async def find_receipt(books: Books, holder: NodeId, journal: JournalId, above: int) -> Stored | None:
    """A receipt, in one of its holder's own journals, for more than `above` entries of a journal; the newest first."""
    async for entry in _receipts_by(books, holder):
        if _receipted(entry, journal) > above:
            return entry
    return None


async def find_first_receipt(books: Books, holder: NodeId, journal: JournalId, above: int) -> Stored | None:
    """The oldest such receipt: what is kept back has been kept since then, however much was receipted later."""
    found: Stored | None = None
    async for entry in _receipts_by(books, holder):
        size = _receipted(entry, journal)
        if size > above:
            found = entry
        elif size:
            break  # what came before it was for less
    return found


async def _receipts_by(books: Books, holder: NodeId) -> AsyncIterator[Stored]:
    """Receipts in their holder's own journals, the newest first, as far back as is looked."""
    looked = 0
    for own in sorted(books.epochs_of.get(holder, ()), key=lambda one: one.epoch, reverse=True):
        stop = size = books.journals[own].size if own in books.journals else 0
        while stop > 0 and looked < LOOKED_THROUGH_MAX:
            start = max(0, stop - CHUNK)
            entries = await books.store.entries(own, start, stop)
            looked += len(entries)
            for entry in reversed(entries):
                if entry.kind == KIND_RECEIPTED:
                    yield entry
            stop = start
        for entry in await books.store.loose_beyond(own, size):
            if entry.kind == KIND_RECEIPTED:
                yield entry


def _receipted(entry: Stored, journal: JournalId) -> int:
    receipt = line_body(entry, Receipted)
    heads = receipt.heads if receipt is not None else []
    return max((head.size for head in heads if JournalId(head.origin, head.epoch) == journal), default=0)


async def county_damage_file(books: Books, receipt: Stored, journal: JournalId, now: Instant) -> bytes | None:
    """The county's own receipt against what it holds at this moment."""
    said = line_body(receipt, Receipted)
    if said is None:
        return None
    statements = [receipt_statement(said), holding_statement(books, [journal], now)]
    return await _or_none(claim_file_for(books, Claim.COUNTY_DAMAGE, statements))


# --- devices ---------------------------------------------------------------------------------------------------------


async def false_enrolment_file(books: Books, enrolment: Stored, pin: Stored, beacon: Stored) -> bytes | None:
    """An enrolment, the former device's later pin, and the county's beacon that the pin names."""
    return await _or_none(_claim(books, Claim.FALSE_ENROLMENT, [enrolment, pin, beacon], []))


async def false_revocation_file(books: Books, revocation: Stored, receipt: Stored) -> bytes | None:
    """A revocation against the revoker's own earlier receipt."""
    between = await openings_between(books, receipt, revocation)
    if between is None:
        return None
    try:
        statement = await entry_statement_behind(books, revocation)
    except LocalFault:
        return None
    return await _or_none(_claim(books, Claim.FALSE_REVOCATION, [receipt, *between], [statement]))


async def openings_between(books: Books, one: Stored, other: Stored) -> list[Stored] | None:
    """The openings by which the later entry's journal continues the earlier one's; None: it does not.

    Empty where both stand in one journal, in this order.
    """
    if one.journal == other.journal:
        return [] if one.seq < other.seq else None
    found: list[Stored] = []
    here = other.journal
    while len(found) < CONTINUED_MAX:
        opening = await held_at(books, (here, 0))
        opened = line_body(opening, EpochOpened) if opening is not None else None
        if opening is None or opened is None or opened.parent is None:
            return None
        found.append(opening)
        here = JournalId(here.origin, opened.parent.epoch)
        if here == one.journal:
            return found if one.seq < opened.parent.size else None
    return None


# --- times -----------------------------------------------------------------------------------------------------------


async def false_time_file(books: Books, entry: Stored) -> bytes | None:
    """An entry whose claimed time no beacon or receipt allows (AUDIT I6); None where nothing here shows that.

    For `hub.audit.rules`: what it means for a case is judged there.
    """
    return await _after_receipt_file(books, entry) or await _before_named_file(books, entry)


async def _after_receipt_file(books: Books, entry: Stored) -> bytes | None:
    """The first receipt for it, which came after it."""
    for found in await books.store.entries_of_kind(KIND_RECEIPTED, after=entry.arrival, limit=CHUNK):
        receipt = line_body(found, Receipted)
        if receipt is None or receipt.holder == entry.journal.origin or entry.at <= receipt.at + CLOCK_MS:
            continue
        size = _receipted(found, entry.journal)
        if size <= entry.seq:
            continue
        try:
            covered = await entry_statement_under(books, entry, size)
        except LocalFault:
            continue
        return await _or_none(claim_file_for(books, Claim.FALSE_TIME, [covered, receipt_statement(receipt)]))
    return None


async def _before_named_file(books: Books, entry: Stored) -> bytes | None:
    """The last pin before it, in the same journal or one that it continues, that names a later beacon or receipt."""
    pin = await _pin_before(books, entry)
    pinned = line_body(pin, Pinned) if pin is not None else None
    between = await openings_between(books, pin, entry) if pin is not None else None
    if pin is None or pinned is None or between is None:
        return None
    if (pinned.beacon_at or 0) > entry.at + CLOCK_MS:
        beacon = await find_beacon(books, Instant(pinned.beacon_at or 0))
        named = [beacon] if beacon is not None else []
        return await _or_none(_claim(books, Claim.FALSE_TIME, [pin, *named, entry, *between], [])) if named else None
    receipt = await _receipt_of(books, pinned, entry.journal.origin)
    if receipt is None:
        return None
    return await _or_none(_claim(books, Claim.FALSE_TIME, [pin, entry, *between], [receipt_statement(receipt)]))


async def _receipt_of(books: Books, pinned: Pinned, node: NodeId) -> Receipted | None:
    """The neighbour's receipt for a device's journals that a pin names by its time."""
    async for entry in _receipts_by(books, pinned.neighbour):
        receipt = line_body(entry, Receipted)
        is_it = receipt is not None and receipt.at == pinned.receipted_at
        if receipt is not None and is_it and any(head.origin == node for head in receipt.heads):
            return receipt
    return None


async def _pin_before(books: Books, entry: Stored) -> Stored | None:
    journal, stop, looked = entry.journal, entry.seq, 0
    for _ in range(CONTINUED_MAX):
        while stop > 0 and looked < LOOKED_THROUGH_MAX:
            start = max(0, stop - CHUNK)
            entries = await books.store.entries(journal, start, stop)
            looked += len(entries)
            for one in reversed(entries):
                pinned = line_body(one, Pinned) if one.kind == KIND_PINNED else None
                named = max(pinned.beacon_at or 0, pinned.receipted_at or 0) if pinned is not None else 0
                if named > entry.at + CLOCK_MS:
                    return one
            stop = start
        opening = await held_at(books, (journal, 0))
        opened = line_body(opening, EpochOpened) if opening is not None else None
        if opened is None or opened.parent is None:
            return None
        journal, stop = JournalId(journal.origin, opened.parent.epoch), opened.parent.size
    return None


async def find_beacon(books: Books, at: Instant) -> Stored | None:
    """The county's beacon that states this time."""
    for entry in reversed(await books.store.entries_of_kind(KIND_BEACON)):
        beacon = line_body(entry, Beacon)
        if beacon is not None and beacon.at == at:
            return entry
    return None
