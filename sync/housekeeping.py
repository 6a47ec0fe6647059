"""What `line.*` entries bring about as they come, whom they go to, and which of ours are due: receipts, pins, beacons.

Only bodies of these kinds are read in `sync` (RULINGS A9). House-keeping never causes an exchange, a receipt or a pin;
nothing waits for it. Next: `sync.lighting` (the beacon), `sync.watermarks` (what comes with it), `sync.folding` (who
calls), `sync.books` (what is known from it), `sync.recovery` (openings, revocations), `sync.receipts` (cosignatures).
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from msgspec import Struct
from msgspec.structs import astuple

from schemas.codec import Malformed, encode
from schemas.names import Instant, JournalId, NodeId, OfficeId, within
from schemas.wire import (
    KIND_BEACON,
    KIND_ENROLLED,
    KIND_EPOCH_OPENED,
    KIND_ERASED,
    KIND_PINNED,
    KIND_RELEASED,
    KIND_REVOKED,
    KIND_WATERMARKED,
    LINE_BODIES,
    Beacon,
    Countersigned,
    Enrolled,
    EpochOpened,
    Erased,
    JournalHead,
    Pinned,
    Receipted,
    Released,
    Revoked,
    Watermarked,
    decode_line,
    is_line,
)
from sync import erasing, receipts, recovery, second_path, watermarks
from sync.books import Books
from sync.core.link import Link
from sync.excerpts import post_excerpts, share
from sync.homeward import loose_beyond, send_home
from sync.ports import ReceiptRow, Stored
from sync.receipts import RECEIPT_HEADS_MAX

PINNED_FIELDS_MIN: Final = 4
"""As many fields of a pin are always written."""

NOT_LOADED: Final = frozenset({KIND_ENROLLED, KIND_PINNED, KIND_WATERMARKED})
"""Not sent to a new device among the rest: enrolments go first, pins concern nobody below, and what a watermark listed
goes to it anyway; it hears the next one. Of both there is one for each village and day."""

_read = lru_cache(256)(decode_line)
"""What is learned is routed next: the same bytes are read at least twice."""


async def learn(books: Books, entry: Stored) -> list[Stored]:
    """Take a house-keeping entry into the books. Returns entries that it released and that are to be folded now."""
    if not is_line(entry.kind) or entry.body is None or entry.kind not in LINE_BODIES:
        return []
    if not books.counts(entry):
        books.dispose(entry, "held", "revoked")
        return []
    try:
        body = _read(entry.kind, entry.body)
    except Malformed:
        books.dispose(entry, "unknown", "newer_body")
        return []
    match body:
        case Enrolled():
            return await _take_enrolment(books, entry)
        case Revoked():
            return await _take_revocation(books, entry)
        case Released():
            return await _take_release(books, entry, body)
        case _:
            await _take_statement(books, entry, body)
    return []


async def _take_statement(books: Books, entry: Stored, body: Struct) -> None:
    match body:
        case Receipted():
            _take_receipt(books, entry, body)
        case EpochOpened() if entry.seq == 0:
            await recovery.after_opening(books, entry, body)
        case Beacon():
            if books.learn_beacon(entry) is None:
                books.dispose(entry, "quarantined", "unbelieved_beacon")
            else:
                second_path.note_beacon(books)
        case Erased():
            if books.learn_erasure(entry) is None:
                books.dispose(entry, "quarantined", "unbelieved_erasure")
            else:
                await erasing.obey(books, entry, body)
        case Watermarked():
            if not await watermarks.hear(books, entry, body):
                books.dispose(entry, "quarantined", "unbelieved_watermark")
        case _:
            pass


async def _take_enrolment(books: Books, entry: Stored) -> list[Stored]:
    parent, children = books.parent, dict(books.children)
    node = books.learn_enrolment(entry)
    if books.parent != parent:
        await recovery.after_parent_replaced(books, parent)
    if node is None:
        _disbelieve(books, entry, "unbelieved_enrolment")
        return []
    released = await _hear_again(books, node)
    if node in books.predecessors:
        # Nobody revokes what only grew old, and whoever follows it may lack what an office above has forgotten.
        for journal in list(books.epochs_of.get(books.predecessors[node], ())):
            await send_home(books, journal, 0)
    for seat, child in books.children.items():
        # A late enrolment may show that another device than the one it names sits there now.
        if books.epoch is not None and (child == node or children.get(seat) != child):
            books.link_to(child)
            await _first_load(books, child, seat)
    return released


async def _hear_again(books: Books, node: NodeId) -> list[Stored]:
    """What was said about a device, or by it, before it was known here: enrolments, revocations, releases (A14)."""
    released: list[Stored] = []
    for entry in books.unheard.pop(node, []):
        books.dispose(entry, "", "")
        released += await learn(books, entry)
    return released


def _disbelieve(books: Books, entry: Stored, code: str) -> None:
    """Set aside a statement about devices: until they are known here, or for good."""
    waits = any(entry in entries for entries in books.unheard.values())
    books.dispose(entry, *(("held", "unknown_device") if waits else ("quarantined", code)))


async def _first_load(books: Books, node: NodeId, seat: OfficeId) -> None:
    """A new or replaced device below gets what its seat should have: rows are computed again by routing (RULINGS A15).

    Enrolments come first: whoever does not know an author cannot believe its entries.
    """
    if not books.rules.first_load:
        return
    for kind in (KIND_ENROLLED, *(kind for kind in LINE_BODIES if kind not in NOT_LOADED)):
        held = await books.store.entries_of_kind(kind)
        held += [entry for entry in books.batch.entries if entry.kind == kind]
        await post_excerpts(books, node, [entry for entry in held if _is_for(books, entry, seat)])
    await post_excerpts(books, node, await books.interpreter.records_for(seat))
    for case in await books.interpreter.cases_of(seat):
        await share(books, case, frozenset({seat}))
    # What is held alone of those at or below its seat: the device before it may have been the only other holder.
    for journal in sorted(books.loose):
        origin = books.seat_of_node(journal.origin)
        if origin is not None and within(origin, seat):
            await post_excerpts(books, node, await loose_beyond(books, journal, 0), lost=True)


def _is_for(books: Books, entry: Stored, seat: OfficeId) -> bool:
    """Whether the device of a seat must have an entry: certificates also of those below, or it would let nobody in."""
    offices = audience(books, entry)
    return seat in offices or (entry.kind == KIND_ENROLLED and any(within(office, seat) for office in offices))


async def _take_revocation(books: Books, entry: Stored) -> list[Stored]:
    revoked = books.learn_revocation(entry)
    if revoked is None:
        _disbelieve(books, entry, "unbelieved_revocation")
        return []
    return await recovery.after_revocation(books, revoked)


async def _take_release(books: Books, entry: Stored, released: Released) -> list[Stored]:
    """A person above the seat lets an entry past a revocation count after all (RULINGS A14)."""
    if books.learn_release(entry) is None:
        _disbelieve(books, entry, "unbelieved_release")
        return []
    key = (JournalId(released.origin, released.epoch), released.seq)
    held = [found for found in await books.store.entries(key[0], key[1], key[1] + 1) if found.hash == released.hash]
    for found in held:
        books.dispose(found, "", "")
    return held


def _take_receipt(books: Books, entry: Stored, receipt: Receipted) -> None:
    if receipt.holder != entry.journal.origin or not receipts.is_good(books.keyring, books.seat.root.county, receipt):
        books.dispose(entry, "quarantined", "bad_receipt")
        return
    books.batch.receipts += [
        ReceiptRow(JournalId(head.origin, head.epoch), receipt.holder, receipt.office, head.size, receipt.at)
        for head in receipt.heads
    ]


def audience(books: Books, entry: Stored) -> frozenset[OfficeId]:
    """Who must have a house-keeping entry besides the ancestors, who get every run."""
    if entry.body is None or entry.kind not in LINE_BODIES:
        return frozenset()
    if entry.kind == KIND_EPOCH_OPENED and not _is_for_all(books, entry):
        return frozenset()
    if entry.kind in (KIND_EPOCH_OPENED, KIND_REVOKED, KIND_BEACON, KIND_RELEASED):
        return books.seats_below(books.seat.office)
    try:
        body = _read(entry.kind, entry.body)
    except Malformed:
        return frozenset()
    match body:
        case Receipted():
            seats = (books.seat_of_node(head.origin) for head in body.heads)
            return frozenset(seat for seat in seats if seat is not None)
        case Enrolled():
            seat = body.certificate.enrolment.office
            return books.seats_below(seat) | {seat}
        case Countersigned():
            seat = books.seat_of_node(body.node)
            return frozenset({seat} if seat else ())
        case Erased() if books.learn_erasure(entry) is not None:
            return frozenset(body.offices)
        case Watermarked() if watermarks.is_of_the_county(books, entry):
            return frozenset({body.office})
        case _:
            return frozenset()


async def hearers(books: Books, entry: Stored) -> frozenset[OfficeId]:
    """`audience`, and of an order of erasure whoever came to read its case after it was written."""
    stated = audience(books, entry)
    if not stated or entry.kind != KIND_ERASED or entry.subject is None:
        return stated
    return stated | (await books.interpreter.readers([entry.subject])).get(entry.subject, frozenset())


async def addressees(books: Books, entries: Sequence[Stored]) -> list[frozenset[OfficeId]]:
    """Who must have each of these entries, house-keeping or not, as far as it counts; nobody, where it does not."""
    work = [entry for entry in entries if not is_line(entry.kind) and books.counts(entry)]
    told = iter(await books.interpreter.audiences(work))
    found: list[frozenset[OfficeId]] = []
    for entry in entries:
        if not books.counts(entry):
            found.append(frozenset())
        else:
            found.append(await hearers(books, entry) if is_line(entry.kind) else next(told))
    return found


def _is_for_all(books: Books, entry: Stored) -> bool:
    """Whether an opening must be heard by everybody below us: it may call in what others hold (RULINGS A7 (ii)).

    Our own and those from above always; one from below only if it shows a rollback here, or if we were rolled back
    ourselves and cannot tell.
    """
    origin = entry.journal.origin
    if not books.below(origin) or origin == books.seat.node:
        return True
    return entry.journal in books.rollbacks or any(
        link.rollbacks_shown or link.quarantined for link in books.links.values()
    )


def due_receipts(books: Books, link: Link) -> list[Receipted]:
    """A receipt for everything this exchange brought, under one cosignature: several where one entry is too small."""
    due = sorted(books.due_receipts.pop(link.neighbour, ()))
    if not due:
        return []
    books.remember(link)
    at = Instant(books.clock.now())
    tips = ((journal, books.tips[journal]) for journal in due)
    heads = [JournalHead(journal.origin, journal.epoch, tip.size, tip.frontier.root()) for journal, tip in tips]
    signer, county, office = books.seat.signer, books.seat.root.county, books.seat.office
    pieces = (heads[first : first + RECEIPT_HEADS_MAX] for first in range(0, len(heads), RECEIPT_HEADS_MAX))
    return [receipts.issue(signer, county, office, at, piece) for piece in pieces]


async def due_pin(books: Books, neighbour: NodeId) -> Pinned | None:
    """How much came from above and its running hash: with the next work that goes up, and once for each beacon.

    With a beacon also what the county lists as ours and is not here; always the last receipt from above.
    """
    is_direct = neighbour == second_path.county_of(books)
    memory = books.memories.get(books.parent) if books.parent is not None else None
    if books.parent is None or memory is None or not (is_direct or neighbour == books.parent):
        return None
    neighbour = books.parent
    beacon_at = books.beacon_at if books.beacon_at != memory.beacon_pinned_at else None
    if beacon_at is None and (is_direct or memory.received == memory.pinned or not books.work_waits):
        return None
    memory.pinned = memory.received
    memory.beacon_pinned_at = books.beacon_at
    books.work_waits = False
    books.batch.links[neighbour] = memory
    missing, mark = watermarks.stated_missing(books) if beacon_at is not None else ([], None)
    receipted_at = await _last_receipt(books, neighbour)
    return Pinned(neighbour, memory.received, memory.running_hash, beacon_at, receipted_at, missing, mark)


async def _last_receipt(books: Books, holder: NodeId) -> Instant | None:
    """When a neighbour last signed for a journal of this device: of the newest few, as far as it says."""
    for journal in sorted(books.epochs_of.get(books.seat.node, ()), reverse=True)[: books.recent_epochs]:
        rows = [*await books.store.receipts(journal), *books.batch.receipts]
        signed = [row.at for row in rows if row.journal == journal and row.holder == holder]
        if signed:
            return max(signed)
    return None


def encode_pin(pin: Pinned) -> bytes:
    """A pin's bytes: fields at the end that say nothing are left out, as the first release wrote it."""
    fields: list[object] = list(astuple(pin))
    while len(fields) > PINNED_FIELDS_MIN and fields[-1] in (None, []):
        del fields[-1]
    return encode(fields)
