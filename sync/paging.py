"""What goes out: pages cut at checkpoints, excerpts with their proof, and the posting of whole cases to new readers.

Reads the store, stages outbox rows; never decides who may have what (that comes in as audiences) and never reorders a
run (RULINGS A2, A3). Next: `sync.ledger` (who calls), `sync.recovery` (wants and their answers), `sync.frame` (bytes).
"""

from collections.abc import Sequence

from schemas.codec import PAGE_ENTRIES_MAX
from schemas.names import JournalId
from schemas.wire import Excerpt, Lane, Page, Stretch
from sync import recovery
from sync.books import Books
from sync.core.link import Link
from sync.excerpts import Piece, SignAt, excerpt_of, run_of
from sync.ports import OutboxRow

PAGE_RAW_BYTES_TARGET = 256 * 1024
"""Bodies in one page before compression: four to one, this is the 64 KiB on the wire that DESIGN 4 asks for."""


async def compose(books: Books, link: Link, sign_at: SignAt) -> Page:
    """The next page toward a neighbour: excerpts first, then runs, statements, wants and answers (RULINGS A2, A7)."""
    assert books.epoch is not None
    stretches: list[Stretch] = []
    room = link.page_entries
    for stretch in (await _excerpt_stretch(books, link, room), await _run_stretch(books, link, room, sign_at)):
        if stretch is not None:
            stretches.append(stretch)
            link.sent(stretch.lane, stretch.epoch, stretch.first + stretch.count - 1)
    wants = recovery.wants_for(books, link)
    link.wanting.update(wants)
    seen = recovery.seen_of(link)
    since = link.told_until(seen)
    statement, full, sizes = link.state_sizes(recovery.sizes_for(books, link, since), seen, books.change)
    return Page(
        sender=books.seat.node,
        receiver=link.neighbour,
        epoch=books.epoch,
        echo=link.epoch,
        cursors=link.cursors(full=full),
        statement=statement,
        seen=link.heard_statement,
        full=full,
        sizes=sizes,
        stretches=stretches,
        wants=wants,
        answers=await recovery.answers_for(books, link),
        more=bool(link.unsent(Lane.EXCERPTS) or link.unsent(Lane.RUNS)),
    )


# --- lane 0 ----------------------------------------------------------------------------------------------------------


async def _excerpt_stretch(books: Books, link: Link, room: int) -> Stretch | None:
    for epoch, above, _ in link.unsent(Lane.EXCERPTS):
        rows = await books.store.outbox(link.neighbour, Lane.EXCERPTS, epoch, above, room)
        excerpts: list[Excerpt] = []
        size = 0
        for row in rows:
            excerpt = await excerpt_of(books, (await books.store.entries(row.journal, row.seq, row.seq + 1))[0])
            size += len(excerpt.line.body or b"") + 256
            if excerpts and size > PAGE_RAW_BYTES_TARGET:
                break
            excerpts.append(excerpt)
        if excerpts:
            return Stretch(Lane.EXCERPTS, epoch, above + 1, len(excerpts), [], excerpts)
    return None


# --- lane 1 ----------------------------------------------------------------------------------------------------------


async def _run_stretch(books: Books, link: Link, room: int, sign_at: SignAt) -> Stretch | None:
    for epoch, above, end in link.unsent(Lane.RUNS):
        rows = await books.store.outbox(link.neighbour, Lane.RUNS, epoch, above, PAGE_ENTRIES_MAX)
        pieces, count = await _fit(books, rows, above, min(room, end - above))
        if count:
            runs = [await run_of(books, piece, sign_at) for piece in pieces]
            return Stretch(Lane.RUNS, epoch, above + 1, count, runs, [])
    return None


async def _fit(books: Books, rows: Sequence[OutboxRow], above: int, room: int) -> tuple[list[Piece], int]:
    """Cut by count, and smaller while the bodies are too large for a page and a smaller cut can be made."""
    pieces, count = await _cut(books, rows, above, room)
    while count > 1:
        size = 0
        for piece in pieces:
            held = await books.store.entries(piece.journal, piece.start, piece.stop)
            size += sum(len(entry.body or b"") for entry in held)
        if size <= PAGE_RAW_BYTES_TARGET:
            break
        smaller, less = await _cut(books, rows, above, max(1, count * PAGE_RAW_BYTES_TARGET // size))
        if less >= count:
            break  # one segment of another's journal: it travels whole
        pieces, count = smaller, less
    return pieces, count


async def _cut(books: Books, rows: Sequence[OutboxRow], above: int, room: int) -> tuple[list[Piece], int]:
    """Take rows in number order until the page is full; another's journal can be cut only at its checkpoints.

    Rows of another's journal end at one, and we can sign our own, of any epoch, wherever a page ends.
    """
    pieces: list[Piece] = []
    last: dict[JournalId, Piece] = {}
    count = 0
    for row in rows:
        start = row.seq + max(0, above + 1 - row.number)
        stop = row.seq + row.count
        wanted = min(stop, start + room - count)
        if wanted < stop and row.journal.origin != books.seat.node:
            wanted = await _cut_point(books, row.journal, start, wanted, first=count == 0)
        if wanted > start:
            piece = last.get(row.journal)
            if piece is not None and piece.stop == start:
                piece.stop = wanted
            else:
                # Posted anew for another device: such rows may begin before the ones that stand in front of them.
                last[row.journal] = Piece(row.journal, start, wanted)
                pieces.append(last[row.journal])
            count += wanted - start
        if wanted < stop or count >= room:
            break
    return pieces, count


async def _cut_point(books: Books, journal: JournalId, start: int, wanted: int, *, first: bool) -> int:
    """The last good checkpoint up to `wanted`; the first page of a stretch carries at least one segment whole."""
    for checkpoint in reversed(await books.store.checkpoints(journal, start, wanted)):
        if books.verify_checkpoint(journal, checkpoint):
            return checkpoint.size
    if not first:
        return start
    following = await books.store.checkpoint_after(journal, wanted)
    return following.size if following is not None else start
