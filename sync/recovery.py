"""Restores, rollbacks, gaps: what is stated, wanted, answered, given back and quarantined (RULINGS A1, A5, A7, B5).

Decides by numbers and positions only. Never skips a number, never refers a child past itself, never lifts a quarantine
on an answer that was made before the present start. Next: `sync.core.link` (numbers), `sync.ledger`, `sync.paging`.
"""

from collections.abc import Sequence

from schemas.codec import PAGE_ENTRIES_MAX, encode
from schemas.names import CaseId, JournalId, NodeId, parent_seat, within
from schemas.wire import (
    Answer,
    Certificate,
    Enrolment,
    EpochOpened,
    Lane,
    Page,
    Revoked,
    Want,
)
from sync import repair
from sync.books import Books, line_body
from sync.core.errors import RemoteFault, UnknownSender
from sync.core.journal import Tip
from sync.core.link import Link
from sync.enrolment import admit_chain
from sync.excerpts import Piece, excerpt_of, post_excerpts, run_of, share
from sync.ports import JournalState, Stored

ROWS_MAX = 1_000_000
"""All rows of one stream: an upward lane 0 holds only what was given back."""

WANTS_PER_PAGE_MAX = 8
"""Open wants stated in one page: 8 × 500 entries are more than a page's answer can carry anyway."""


# --- what we state -----------------------------------------------------------------------------------------------


def extent(books: Books, journal: JournalId) -> int:
    """One more than the highest entry of a journal that is held, loose ones included."""
    state = books.journals.get(journal)
    loose = books.loose.get(journal)
    return max(state.size if state else 0, max(loose) + 1 if loose else 0)


def sizes_for(books: Books, link: Link, since: int = 0) -> dict[JournalId, int]:
    """What to state to a neighbour: our own seat's journals, what we know of its seat's, and to a child all below it.

    Of these, what changed after `since`. Our present epoch is left out: nobody can be ahead of the pen that writes it.
    """
    if not books.rules.stated_heads:
        return {}
    sizes: dict[JournalId, int] = {}
    own, office = books.own, books.seat.office
    is_child = within(link.seat, office)
    for journal in books.changed_since(since):
        seat = books.seat_of_node(journal.origin)
        if seat is None or journal == own:
            continue
        if seat == link.seat:
            sizes[journal] = extent(books, journal)
        elif seat == office or (is_child and within(seat, link.seat)):
            sizes[journal] = books.journals[journal].size
    return sizes


def seen_of(link: Link) -> int:
    """The statement of ours that the neighbour last saw in this start: 0 makes the next one full."""
    return link.seen_by_neighbour


# --- what a page says --------------------------------------------------------------------------------------------


def hear_numbers(books: Books, link: Link, page: Page) -> None:
    """Take the neighbour's cursors and what it saw; a number beyond a stream's end shows that we were rolled back."""
    link.seen_by_neighbour = page.seen if page.echo == books.epoch else 0
    link.echoed = page.echo == books.epoch or not books.rules.echo_nonce
    before = {} if books.rules.receiver_cursor else dict(link.acknowledged)
    shown = link.hear_cursors(page.cursors, books.own_epochs(), full=page.full)
    if not books.rules.receiver_cursor:
        link.acknowledged = {stream: max(n, before.get(stream, 0)) for stream, n in link.acknowledged.items()}
    for _, epoch in shown:
        books.find("rolled_back", JournalId(books.seat.node, epoch), 0)
    if shown and books.rules.quarantine:
        link.quarantined = True
    if not books.rules.rollback_once:
        link.rollbacks_shown.clear()


async def after_page(books: Books, link: Link, page: Page, *, started: bool) -> None:
    """Compare statements, take wants, give back what the neighbour lost, lift quarantine when caught up."""
    asked = [*books.asked.get(link.neighbour, []), *page.wants]
    books.asked[link.neighbour] = asked[:WANTS_PER_PAGE_MAX]
    if page.statement:
        _notice_rollback(books, link)
        if page.full and books.rules.give_back:
            await _give_back(books, link)
    _lift_quarantine(books, link)


def _notice_rollback(books: Books, link: Link) -> None:
    """A neighbour that knows more of our own device's journals than we do: we were rolled back (RULINGS B5)."""
    for journal, size in link.heard.items():
        if journal.origin == books.seat.node and size > extent(books, journal) and not _lost(books, journal, size):
            if books.rules.quarantine:
                link.quarantined = True
            return


def _lift_quarantine(books: Books, link: Link) -> None:
    if not link.quarantined or not link.heard_fully or not link.echoed:
        return
    for journal, size in link.heard.items():
        if books.seat_of_node(journal.origin) != books.seat.office:
            continue
        if extent(books, journal) < size and not _lost(books, journal, size):
            return
    link.quarantined = False


def _lost(books: Books, journal: JournalId, size: int) -> bool:
    state = books.journals.get(journal)
    return state is not None and state.lost_upto >= size


async def _give_back(books: Books, link: Link) -> None:
    """Post loose entries of the neighbour's own seat beyond what it states (RULINGS A7, F2)."""
    for journal in list(books.loose):
        if books.seat_of_node(journal.origin) != link.seat or journal.epoch == link.epoch:
            continue
        beyond = await _loose_beyond(books, journal, link.heard.get(journal, 0))
        await post_excerpts(books, link.neighbour, beyond, lost=True)


async def _loose_beyond(books: Books, journal: JournalId, size: int) -> list[Stored]:
    held = await books.store.loose_beyond(journal, size)
    keys = {entry.seq for entry in held}
    staged = [
        entry
        for entry in books.batch.entries
        if entry.loose and entry.journal == journal and entry.seq >= size and entry.seq not in keys
    ]
    return [*held, *staged]


# --- wants -------------------------------------------------------------------------------------------------------


def wants_for(books: Books, link: Link) -> list[Want]:
    """What to ask this neighbour for: what it states beyond us of our own subtree, and journals that are blocked."""
    if not books.rules.wants:
        return []
    wants: list[Want] = []
    for journal in sorted(link.news):
        seat = books.seat_of_node(journal.origin)
        size = link.heard[journal]
        held = books.journals[journal].size if journal in books.journals else 0
        ours = seat == books.seat.office or (link.neighbour == books.parent and books.below(journal.origin))
        if size <= held or (seat is not None and not ours):
            link.news.discard(journal)
        elif ours:
            # What a neighbour states it has; of a device not known here we could not believe a word.
            _want(books, link, journal, size, wants)
    for journal in sorted(books.blocked):
        state = books.journals[journal]
        if state.wanted <= state.size:
            books.blocked.discard(journal)
        elif state.lost_upto < state.wanted and _may_hold(books, link, journal):
            _want(books, link, journal, state.wanted, wants)
    wants += [want for want in repair.wants(books, link) if _may_have_copy(books, link, want.journal)]
    return wants[:WANTS_PER_PAGE_MAX]


def _want(books: Books, link: Link, journal: JournalId, size: int, wants: list[Want]) -> None:
    """Ask for what follows what is held, or, when this neighbour could not help with that, for what lies behind it."""
    state = books.journals.get(journal)
    held, lost_upto = (state.size, state.lost_upto) if state is not None else (0, 0)
    for start in (held, max(held, lost_upto)):
        if start < size and (journal, start) not in link.not_held:
            want = Want(journal.origin, journal.epoch, start, min(size, start + PAGE_ENTRIES_MAX))
            if all(other.journal != journal for other in wants):
                wants.append(want)
            return


def _may_hold(books: Books, link: Link, journal: JournalId) -> bool:
    """Whether a neighbour could answer: the one on the way to the journal's seat, or the parent."""
    seat = books.seat_of_node(journal.origin)
    return link.neighbour == books.parent or (seat is not None and books.hop(seat) == link.neighbour)


def _may_have_copy(books: Books, link: Link, journal: JournalId) -> bool:
    """Whether a neighbour could have a single entry: of what is neither ours nor below us any may."""
    return _may_hold(books, link, journal) or not books.below(journal.origin)


async def answers_for(books: Books, link: Link) -> list[Answer]:
    """Answer the neighbour's wants: runs to an ancestor of the origin and to the seat itself, else what it was sent.

    A want for what is damaged here waits until the good copy has come, or is known to be nowhere (RULINGS A7).
    """
    wants, books.asked[link.neighbour] = books.asked.get(link.neighbour, []), []
    answers: list[Answer] = []
    room = PAGE_ENTRIES_MAX
    for want in wants:
        if room <= 0:
            break
        answer = await _answer(books, link, want, room)
        if answer is None:
            continue
        room -= len(answer.run.lines) if answer.run else len(answer.excerpts) + 1
        answers.append(answer)
    return answers


async def _answer(books: Books, link: Link, want: Want, room: int) -> Answer | None:
    journal = want.journal
    seat = books.seat_of_node(want.origin)
    state = books.journals.get(journal)
    if seat is None or state is None:
        return Answer(want, None, [])
    if not within(seat, link.seat):
        return await _answer_alone(books, link, want)
    if want.start < state.size:
        stop = await _answer_end(books, state, want.start, min(want.stop, want.start + room))
        entries = await books.store.entries(journal, want.start, stop)
        bad = await repair.first_damaged(books, entries)
        if bad is not None:
            if (journal, bad) in books.damaged:
                return None
            stop = await _checkpoint_upto(books, journal, want.start, bad)
        if want.start > link.heard.get(journal, want.start) or (bad is not None and stop == want.start):
            # The tail behind a hole that nobody can fill: each entry alone, with its own proof (RULINGS A7, F9).
            tail = [entry for entry in entries if await repair.first_damaged(books, [entry]) is None]
            return Answer(want, None, [await excerpt_of(books, entry) for entry in tail])
        if stop > want.start:
            return Answer(want, await run_of(books, Piece(journal, want.start, stop)), [])
    loose = [entry for entry in await books.store.loose_beyond(journal, want.start) if entry.seq < want.stop][:room]
    if await repair.first_damaged(books, loose) is not None:
        if any((journal, entry.seq) in books.damaged for entry in loose):
            return None
        loose = [entry for entry in loose if (journal, entry.seq) not in books.hopeless]
    return Answer(want, None, [await excerpt_of(books, entry) for entry in loose])


async def _answer_alone(books: Books, link: Link, want: Want) -> Answer | None:
    """An entry that this neighbour had from us outside its run, or we from it: one of the two copies is damaged."""
    key = (want.journal, want.start)
    held = await books.store.entries(want.journal, want.start, want.start + 1)
    shared = held and (
        books.inlet_keys.get(held[0].inlet) == link.neighbour or await books.store.posted(link.neighbour, [key])
    )
    if not shared:
        return Answer(want, None, [])
    if await repair.first_damaged(books, held) is not None:
        return None if key in books.damaged else Answer(want, None, [])
    return Answer(want, None, [await excerpt_of(books, held[0])])


async def _answer_end(books: Books, state: JournalState, start: int, stop: int) -> int:
    """The last good checkpoint up to `stop`, or the first one after it."""
    upto = await _checkpoint_upto(books, state.journal, start, stop)
    if upto > start:
        return upto
    following = await books.store.checkpoint_after(state.journal, stop)
    return following.size if following is not None and following.size <= state.size else start


async def _checkpoint_upto(books: Books, journal: JournalId, start: int, stop: int) -> int:
    for checkpoint in reversed(await books.store.checkpoints(journal, start, stop)):
        if books.verify_checkpoint(journal, checkpoint):
            return checkpoint.size
    return start


def not_helped(books: Books, link: Link, want: Want) -> None:
    """This neighbour could not fill a want of ours; when none can, it is closed, and what is lost a finding (F9).

    Only what we really asked: nobody closes our wants by answering questions of his own. What is held as excerpts waits
    for its run no longer, and is not lost.
    """
    if want not in link.wanting:
        return
    link.wanting.remove(want)
    if repair.is_ours(books, want):
        copies = [other for other in books.links.values() if _may_have_copy(books, other, want.journal)]
        repair.not_helped(books, link, want, copies)
        return
    askable = [other for other in books.links.values() if _may_hold(books, other, want.journal)]
    if want.journal in books.journals and books.journals[want.journal].size >= want.stop:
        return  # somebody else's answer has filled it meanwhile
    link.not_held.add((want.journal, want.start))
    if not books.rules.close_lost:
        link.not_held.clear()
    if not all((want.journal, want.start) in other.not_held for other in askable):
        return
    state = books.journal_state(want.journal)
    if state.lost_upto >= want.stop:
        return
    state.lost_upto = want.stop
    loose = books.loose.get(want.journal, {})
    if any(seq not in loose for seq in range(want.start, want.stop)):
        books.find("lost", want.journal, want.start, b"", encode(want))


# --- openings and revocations ------------------------------------------------------------------------------------


async def after_opening(books: Books, entry: Stored, opened: EpochOpened) -> None:
    """Notice a rollback and give back what lies beyond the position that the opening names (RULINGS A5, A7)."""
    parent = opened.parent
    if parent is None:
        return
    before = JournalId(entry.journal.origin, parent.epoch)
    books.sealed[before] = parent.size
    siblings = siblings_of(books, entry.journal)
    if extent(books, before) > parent.size or siblings:
        books.rollbacks.add(entry.journal)
        books.find("rollback", before, parent.size, entry.hash, entry.body or b"")
    if not entry.loose and books.below(entry.journal.origin) and books.tips.get(before, Tip()).size < parent.size:
        # Its older stream went before this one, so what is missing of the journal before will not come by itself.
        books.want_upto(before, parent.size)
    await _send_home(books, before, parent.size)
    if entry.journal in books.rollbacks:
        for later in [held for held in books.loose if held.origin == entry.journal.origin]:
            if later.epoch.ordinal > parent.epoch.ordinal and later != entry.journal:
                # Epochs that the restored device opened after its backup and does not remember: all of them.
                await _send_home(books, later, 0)
    for sibling in siblings:
        await _call_in(books, sibling)


def siblings_of(books: Books, journal: JournalId) -> list[JournalId]:
    """Other epochs of the device with the same ordinal: it was restored, or cloned, and knows nothing of them (F10)."""
    return [
        other
        for other in books.epochs_of.get(journal.origin, ())
        if other.epoch.ordinal == journal.epoch.ordinal and other != journal and extent(books, other)
    ]


async def after_arrival(books: Books, journal: JournalId, seq: int, before: int) -> None:
    """Up to `seq` something of a journal arrived: what that says about holes, and about openings that came before it.

    `before`: its extent without what arrived.

    Where a hole was filled the stated size stays, so it is stated again: who was not answered then may ask again. An
    entry that a later opening did not know of shows only now that the device was rolled back (RULINGS A5).
    """
    if seq < before:
        for link in books.links.values():
            link.confirmed.pop(journal, None)
            link.told.pop(journal, None)
    for child in books.epochs_of[journal.origin]:
        if child.epoch.ordinal != journal.epoch.ordinal + 1 or child in books.rollbacks:
            continue
        for entry in [entry for entry in await _entries_of(books, child) if entry.seq == 0]:
            opened = line_body(entry, EpochOpened)
            parent = opened.parent if opened is not None else None
            if parent is not None and parent.epoch == journal.epoch and seq >= parent.size:
                books.find("rollback", journal, parent.size, entry.hash, entry.body or b"")
                await _call_in(books, child)


async def _call_in(books: Books, journal: JournalId) -> None:
    """An opening that looked ordinary shows a rollback after all: whoever holds what it forgot must hear of it (A7)."""
    if journal in books.rollbacks:
        return
    books.rollbacks.add(journal)
    if books.below(journal.origin) and journal.origin != books.seat.node:
        opening = [entry for entry in await _entries_of(books, journal) if entry.seq == 0]
        await share(books, None, books.seats_below(books.seat.office), entries=opening)


async def meet(books: Books, chain: Sequence[Certificate]) -> None:
    """Take the device that showed these certificates as our parent if it replaces the one we know (`Ledger.meet`)."""
    keyring = admit_chain(books.keyring, books.seat.root, chain)
    enrolment = chain[-1].enrolment
    if any(_is_issued_by_revoked(books, certificate.enrolment) for certificate in chain):
        raise UnknownSender(
            "revoked_issuer", "a revoked device enrolled the node above; ask the county for a new sheet"
        )
    if enrolment.office != parent_seat(books.seat.office):
        raise RemoteFault("wrong_office", "this is not the office above; check the address on the sheet")
    if enrolment.node == books.parent:
        return
    known = books.parent
    if enrolment.replaces != known and not (known is not None and keyring.is_revoked(known)):
        raise RemoteFault("other_device", "the office above works on another device; ask it for a new sheet")
    books.keyring = keyring
    books.adopt_parent(enrolment.node)
    await after_parent_replaced(books, known)


def _is_issued_by_revoked(books: Books, enrolment: Enrolment) -> bool:
    """Whether a revoked device enrolled one that we have not heard of: only in its journal it had a position (A14)."""
    known = books.keyring.find(enrolment.node)
    return known is None and enrolment.issuer is not None and books.keyring.is_revoked(enrolment.issuer)


async def after_parent_replaced(books: Books, former: NodeId | None) -> None:
    """Rows toward a lost device are computed again for its successor, in our present stream (RULINGS A15).

    All runs at and below our seat from their beginning, the single entries that we had sent home through it, and those
    of its own line that reached us through it: what the new device already has again costs it a comparison.
    """
    if books.parent is None or books.epoch is None:
        return
    books.link_to(books.parent)
    if former is not None:
        for epoch in sorted(books.own_epochs()):
            rows = await books.store.outbox(former, Lane.EXCERPTS, epoch, 0, ROWS_MAX)
            entries = [e for row in rows for e in await books.store.entries(row.journal, row.seq, row.seq + 1)]
            await post_excerpts(books, books.parent, entries, lost=True)
    above = books.seat_of_node(books.parent)
    for journal in sorted(books.loose):
        seat = books.seat_of_node(journal.origin)
        if seat is not None and above is not None and within(seat, above):
            await post_excerpts(books, books.parent, await _loose_beyond(books, journal, 0), lost=True)
    for journal, tip in sorted(books.tips.items()):
        if tip.size and books.below(journal.origin):
            books.post(books.parent, Lane.RUNS, journal, 0, tip.size)


async def after_revocation(books: Books, revoked: Revoked) -> list[Stored]:
    """Hold what lies past the position and send home what else is held (RULINGS A14).

    Returns what a higher position lets count again, to be learned, folded and posted like new arrivals. Suspended is a
    set, whatever the order of arrival: an entry folded before the revocation came is taken out again.
    Every holder of the lost device's single entries sends them toward its seat and the county (RULINGS A7 (ii)).
    """
    states = {disposition.key: disposition.code for disposition in await books.store.dispositions()}
    subjects: set[CaseId] = set()
    raised: list[Stored] = []
    for journal in list(books.epochs_of.get(revoked.node, ())):
        for entry in await _entries_of(books, journal):
            held = states.get((journal, entry.seq)) == "revoked"
            if books.counts(journal, entry.seq) != held:
                continue
            books.dispose(entry, "" if held else "held", "" if held else "revoked")
            if held:
                raised.append(entry)
            elif entry.subject is not None:
                subjects.add(entry.subject)
        await _send_home(books, journal, 0)
    await refold(books, subjects)
    return raised


async def refold(books: Books, subjects: set[CaseId]) -> None:
    """Fold cases again from all that counts of them now."""
    reading = await books.interpreter.refold(sorted(subjects))
    books.batch.dispositions += reading.settled
    for case, offices in reading.shared:
        await share(books, case, offices)


async def _entries_of(books: Books, journal: JournalId) -> list[Stored]:
    held = await books.store.entries(journal, 0, extent(books, journal))
    return [*held, *(entry for entry in books.batch.entries if entry.journal == journal)]


async def _send_home(books: Books, journal: JournalId, position: int) -> None:
    """Post loose entries at or beyond a position toward the journal's seat and toward the county."""
    if journal not in books.loose or not books.rules.give_back:
        return
    beyond = await _loose_beyond(books, journal, position)
    for target in sorted(way_home(books, journal)):
        await post_excerpts(books, target, beyond, lost=True)


def way_home(books: Books, journal: JournalId) -> frozenset[NodeId]:
    """The neighbours toward a journal's own seat and toward the county."""
    seat = books.seat_of_node(journal.origin)
    nodes = (books.hop(seat) if seat is not None else None, books.parent)
    return frozenset(node for node in nodes if node is not None)
