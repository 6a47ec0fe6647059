"""What goes out: pages cut at checkpoints, with statements, wants and answers.

Reads the store; never decides who may have what (that is in the outbox) and never reorders a run (RULINGS A2, A3).
Next: `sync.ledger` (who calls), `sync.excerpts` (runs and excerpts), `sync.stating` (statements),
`sync.recovery` (wants and their answers), `sync.frame` (bytes).
"""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from schemas.codec import PAGE_ENTRIES_MAX
from schemas.names import JournalId
from schemas.wire import Excerpt, Lane, Page, Stretch
from sync import recovery, second_path, stating
from sync.books import Books
from sync.core.link import Link, Stream, Unsent
from sync.excerpts import Piece, SignAt, excerpts_at, good_checkpoint_after, good_checkpoint_upto, run_of
from sync.ports import EntryKey, OutboxRow

PAGE_RAW_BYTES_TARGET = 256 * 1024
"""Bodies in one page before compression: four to one, this is the 64 KiB on the wire that DESIGN 4 asks for."""

EXCERPTS_READ_AT_ONCE = 64
"""One question to the store for so many; of large bodies, 2 MiB at most, a page may leave some for the next."""

STREAMS_MAX = 4
"""Streams of one lane in one page: what waits since several starts goes in one page, not in one for each."""


class Load(Struct):
    """What a stick for one neighbour holds so far."""

    sent: dict[Stream, int] = {}
    """Up to which number of each stream."""
    given: dict[JournalId, int] = {}
    """On a second path: up to where of our own journals."""
    is_first: bool = True
    more: bool = True
    """Whether something is left for a further page."""
    page_entries: int = PAGE_ENTRIES_MAX


async def compose(books: Books, link: Link, sign_at: SignAt, load: Load | None = None) -> Page:
    """The next page toward a neighbour: excerpts first, then runs, statements, wants and answers (RULINGS A2, A7).

    With a `load` the next one for a stick, from what the neighbour acknowledged, page after page without waiting for
    it: nobody knows whether a stick arrives, so nothing is in flight afterwards that was not before. One want is
    answered in each such page: a round trip takes days, and the answers to all would not fit into one.
    """
    if load is None:
        return await _compose(books, link, sign_at)
    speaker = link.beside(load.sent, load.page_entries, is_first=load.is_first)
    speaker.given = load.given
    asked = books.asked.pop(link.neighbour, [])
    if asked:
        books.asked[link.neighbour] = asked[:1]
    page = await _compose(books, speaker, sign_at, unasked=True)
    if asked[1:]:
        books.asked[link.neighbour] = asked[1:]
    link.after_stick(speaker)
    if not load.is_first:
        page = replace(page, wants=[])  # Once is enough: what is asked twice is answered twice.
    load.is_first, load.more = False, page.more or bool(asked[1:])
    return page


async def _compose(books: Books, link: Link, sign_at: SignAt, *, unasked: bool = False) -> Page:
    assert books.epoch is not None
    excerpts, runs = link.unsent(Lane.EXCERPTS), link.unsent(Lane.RUNS)
    stretches = [
        *(await _excerpt_stretches(books, link, excerpts) if excerpts else ()),
        *(await _run_stretches(books, link, runs, sign_at) if runs else ()),
    ]
    for stretch in stretches:
        link.sent(stretch.lane, stretch.epoch, stretch.first + stretch.count - 1)
    wants = recovery.wants_for(books, link)
    link.wanting.update(wants)
    statement = stating.state(books, link)
    answers = await recovery.answers_for(books, link)
    pushed, pushes_follow = await second_path.pushes(books, link, sign_at, unasked=unasked)
    return Page(
        sender=books.seat.node,
        receiver=link.neighbour,
        epoch=books.epoch,
        echo=link.epoch,
        cursors=link.cursors(full=statement.full),
        statement=statement.number,
        seen=link.heard_statement,
        full=statement.full,
        sizes=statement.sizes,
        stretches=stretches,
        wants=wants,
        answers=[*answers, *pushed],
        more=bool((excerpts and link.unsent(Lane.EXCERPTS)) or (runs and link.unsent(Lane.RUNS))) or pushes_follow,
        settled=statement.settled,
        unsettled=sorted(link.unsettled),
    )


# --- lane 0 ----------------------------------------------------------------------------------------------------------


async def _excerpt_stretches(books: Books, link: Link, unsent: Sequence[Unsent]) -> list[Stretch]:
    stretches: list[Stretch] = []
    room, target = link.page_entries, PAGE_RAW_BYTES_TARGET
    for epoch, above, end in unsent[:STREAMS_MAX]:
        rows = await books.store.outbox(link.neighbour, Lane.EXCERPTS, epoch, above, room)
        excerpts = await _fitting_excerpts(books, [(row.journal, row.seq) for row in rows], target)
        if not excerpts:
            continue
        stretches.append(Stretch(Lane.EXCERPTS, epoch, above + 1, len(excerpts), [], excerpts))
        room -= len(excerpts)
        target -= sum(_size_of(excerpt) for excerpt in excerpts)
        if above + len(excerpts) < end or room <= 0 or target <= 0:
            break
    return stretches


async def _fitting_excerpts(books: Books, keys: Sequence[EntryKey], target: int) -> list[Excerpt]:
    """As many of these, from the first on, as fit into so many bytes; one at least."""
    fitting: list[Excerpt] = []
    size = 0
    for at in range(0, len(keys), EXCERPTS_READ_AT_ONCE):
        for excerpt in await excerpts_at(books, keys[at : at + EXCERPTS_READ_AT_ONCE]):
            size += _size_of(excerpt)
            if fitting and size > target:
                return fitting
            fitting.append(excerpt)
    return fitting


def _size_of(excerpt: Excerpt) -> int:
    return len(excerpt.line.body or b"") + 256


# --- lane 1 ----------------------------------------------------------------------------------------------------------


async def _run_stretches(books: Books, link: Link, unsent: Sequence[Unsent], sign_at: SignAt) -> list[Stretch]:
    stretches: list[Stretch] = []
    room, target = link.page_entries, PAGE_RAW_BYTES_TARGET
    for epoch, above, end in unsent[:STREAMS_MAX]:
        rows = await books.store.outbox(link.neighbour, Lane.RUNS, epoch, above, PAGE_ENTRIES_MAX)
        pieces, count = await _fit(books, rows, above, min(room, end - above), target)
        if not count:
            continue
        runs = [await run_of(books, piece, sign_at) for piece in pieces]
        stretches.append(Stretch(Lane.RUNS, epoch, above + 1, count, runs, []))
        room -= count
        target -= sum(len(line.body or b"") for run in runs for line in run.lines)
        if above + count < end or room <= 0 or target <= 0:
            break
    return stretches


async def _fit(books: Books, rows: Sequence[OutboxRow], above: int, room: int, target: int) -> tuple[list[Piece], int]:
    """Cut by count, and smaller while the bodies exceed `target` bytes and a smaller cut can be made."""
    pieces, count = await _cut(books, rows, above, room)
    while count > 1:
        size = 0
        for piece in pieces:
            held = await books.store.entries(piece.journal, piece.start, piece.stop)
            size += sum(len(entry.body or b"") for entry in held)
        if size <= target:
            break
        smaller, less = await _cut(books, rows, above, max(1, count * target // size))
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
    upto = await good_checkpoint_upto(books, journal, start, wanted)
    if upto > start or not first:
        return upto
    following = await good_checkpoint_after(books, journal, wanted)
    return following.size if following is not None else start
