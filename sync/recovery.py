"""Restores, rollbacks, gaps: what is wanted, answered, given back and quarantined (RULINGS A1, A5, A7, B5).

Decides by numbers and positions only. Never skips a number, never refers a child past itself, never lifts a quarantine
on an answer that was made before the present start. Next: `sync.stating` (what neighbours say), `sync.core.link`
(numbers), `sync.ledger`, `sync.paging`.
"""

from collections.abc import Sequence
from itertools import accumulate

from schemas.codec import PAGE_ENTRIES_MAX, encode
from schemas.names import NUMBER_MAX, CaseId, JournalId, NodeId, parent_seat, within
from schemas.wire import (
    KIND_RELEASED,
    KIND_REVOKED,
    Answer,
    Certificate,
    Enrolment,
    EpochOpened,
    Lane,
    Page,
    Revoked,
    Want,
    is_line,
)
from sync import bodiless, repair
from sync.books import Books, line_body
from sync.core.errors import RemoteFault, UnknownSender
from sync.core.journal import Tip
from sync.core.link import Link
from sync.enrolment import admit_chain
from sync.excerpts import (
    Piece,
    excerpts_of,
    good_checkpoint_after,
    good_checkpoint_upto,
    post_excerpts,
    run_of,
    share,
)
from sync.homeward import call_in, call_in_openings_since, give_back_passed_on, loose_beyond, opening_of, send_home
from sync.ports import JournalState, Stored

ROWS_MAX = 1_000_000
"""All rows of one stream: an upward lane 0 holds only what was given back."""

ANSWERS_BYTES_TARGET = 256 * 1024
"""Bodies in the answers of one page: as many as in its runs. One segment of a journal travels whole in any case."""

WANTS_PER_PAGE_MAX = 8
"""Open wants stated in one page: 8 × 500 entries are more than a page's answer can carry anyway."""


# --- what we hold ------------------------------------------------------------------------------------------------


def extent(books: Books, journal: JournalId) -> int:
    """One more than the highest entry of a journal that is held, loose ones included."""
    state = books.journals.get(journal)
    loose = books.loose.get(journal)
    return max(state.size if state else 0, max(loose) + 1 if loose else 0)


# --- what a page says --------------------------------------------------------------------------------------------


def hear_numbers(books: Books, link: Link, page: Page) -> bool:
    """Take the neighbour's cursors and what it saw; a number beyond a stream's end shows that we were rolled back.

    True when the stream is of our present epoch: another machine, of which this one is a copy, writes it too.
    """
    link.seen_by_neighbour = page.seen if page.echo == books.epoch else 0
    link.echoed = page.echo == books.epoch or not books.rules.echo_nonce
    before = {} if books.rules.receiver_cursor else dict(link.acknowledged)
    shown = link.hear_cursors(page.cursors, books.own_epochs(), full=page.full)
    if not books.rules.receiver_cursor:
        link.acknowledged = {stream: max(n, before.get(stream, 0)) for stream, n in link.acknowledged.items()}
    for _, epoch in shown:
        books.find("rolled_back", JournalId(books.seat.node, epoch), 0)
    if shown and books.rules.quarantine and not is_spared(books, link):
        link.quarantined = True
    if not books.rules.rollback_once:
        link.rollbacks_shown.clear()
    return any(epoch == books.epoch for _, epoch in shown)


async def after_page(books: Books, link: Link, page: Page, *, started: bool) -> None:
    """Compare statements, take wants, give back what the neighbour lost, lift quarantine when caught up."""
    if page.wants:
        asked = [*books.asked.get(link.neighbour, []), *page.wants]
        books.asked[link.neighbour] = asked[:WANTS_PER_PAGE_MAX]
    if page.statement:
        _notice_rollback(books, link)
        if page.full and link.heard_fully and books.rules.give_back:
            await _give_back(books, link)
    shown = [found.journal for found in books.batch.evidence if found.code == "rolled_back"]
    if shown:
        await call_in_openings_since(books, min(shown))
    _lift_quarantine(books, link)


def _notice_rollback(books: Books, link: Link) -> None:
    """A neighbour that knows more of our own device's journals than we do: we were rolled back (RULINGS B5)."""
    for journal, size in link.heard.items():
        if journal.origin == books.seat.node and size > extent(books, journal) and not _lost(books, journal, size):
            if books.rules.quarantine and not is_spared(books, link):
                link.quarantined = True
            return


def is_spared(books: Books, link: Link) -> bool:
    """Whether nobody is put in quarantine over this line: a second path may end at any time, and who would lift it?"""
    return books.rules.no_quarantine_beside and _is_beside(books, link)


def _is_beside(books: Books, link: Link) -> bool:
    """Whether this is a second path (`sync.second_path`)."""
    return link.neighbour != books.parent and parent_seat(link.seat) != books.seat.office


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
        beyond = await loose_beyond(books, journal, link.heard.get(journal, 0))
        await post_excerpts(books, link.neighbour, beyond, lost=True)


# --- wants -------------------------------------------------------------------------------------------------------


def wants_for(books: Books, link: Link) -> list[Want]:
    """What to ask this neighbour for: what it states beyond us of our own subtree, and journals that are blocked."""
    if not (link.news or books.blocked or books.damaged or books.missing) or not books.rules.wants:
        return []
    wants: list[Want] = []
    for journal in sorted(link.news):
        if len(wants) == WANTS_PER_PAGE_MAX:
            return wants
        seat = books.seat_of_node(journal.origin)
        size = link.heard[journal]
        held = books.journals[journal].size if journal in books.journals else 0
        ours = seat == books.seat.office or (link.neighbour == books.parent and books.below(journal.origin))
        ours = ours or (_is_beside(books, link) and seat == link.seat)
        if size <= held or (seat is not None and not ours):
            link.news.discard(journal)
        elif ours:
            # What a neighbour states it has; of a device not known here we could not believe a word.
            _want(books, link, journal, size, wants)
    for journal in sorted(books.blocked):
        if len(wants) == WANTS_PER_PAGE_MAX:
            return wants
        state = books.journals[journal]
        if state.wanted <= state.size:
            books.blocked.discard(journal)
        elif state.lost_upto < state.wanted and (_may_hold(books, link, journal) or _is_of(books, link, journal)):
            _want(books, link, journal, state.wanted, wants)
    wants += [want for want in repair.wants(books, link) if _may_have_copy(books, link, want.journal)]
    return wants[:WANTS_PER_PAGE_MAX]


def _want(books: Books, link: Link, journal: JournalId, size: int, wants: list[Want]) -> None:
    """Ask for what follows what is held, or, when this neighbour could not help with that, for what lies behind it."""
    start = _given_upto(books, link, journal)
    if start < size and all(other.journal != journal for other in wants):
        wants.append(Want(journal.origin, journal.epoch, start, min(size, start + PAGE_ENTRIES_MAX)))


def _given_upto(books: Books, link: Link, journal: JournalId) -> int:
    """Up to where a neighbour has given us what it could of a journal: the size held while it was not asked."""
    state = books.journals.get(journal)
    held, lost_upto = (state.size, state.lost_upto) if state is not None else (0, 0)
    upto = link.beyond_holes(journal, held)
    if upto > held and _may_hold(books, link, journal):
        # It gave all it had below that, perhaps to an earlier start of ours.
        upto = link.beyond_holes(journal, max(upto, lost_upto))
    return upto


def _may_hold(books: Books, link: Link, journal: JournalId) -> bool:
    """Whether a neighbour could answer: the one on the way to the journal's seat, or the parent.

    Nobody for a device that is not known here yet: what came we could not believe, and would take for not held.
    """
    seat = books.seat_of_node(journal.origin)
    return seat is not None and (link.neighbour == books.parent or books.hop(seat) == link.neighbour)


def _is_of(books: Books, link: Link, journal: JournalId) -> bool:
    """Whether a second path leads to the very seat of a journal. It is asked while it lasts, and never waited for."""
    return _is_beside(books, link) and books.seat_of_node(journal.origin) == link.seat


def _may_have_copy(books: Books, link: Link, journal: JournalId) -> bool:
    """Whether a neighbour could have a single entry: of what is not below us any may, of a former device of our own
    seat as well.
    """
    seat = books.seat_of_node(journal.origin)
    is_former = seat == books.seat.office and journal.origin != books.seat.node
    is_aside = seat is not None and not books.below(journal.origin)
    return is_former or is_aside or _may_hold(books, link, journal)


def _copies(books: Books, journal: JournalId) -> list[Link]:
    """The neighbours that could have a single entry of a journal."""
    return [link for link in books.links.values() if _may_have_copy(books, link, journal)]


async def answers_for(books: Books, link: Link) -> list[Answer]:
    """Answer the neighbour's wants: runs to an ancestor of the origin and to the seat itself, else what it was sent.

    A want for what is damaged here waits until the good copy has come, or is known to be nowhere (RULINGS A7).
    """
    wants = books.asked.pop(link.neighbour, [])
    answers: list[Answer] = []
    room, size = PAGE_ENTRIES_MAX, ANSWERS_BYTES_TARGET
    for want in wants:
        if room <= 0 or size <= 0:
            break
        answer = await _answer(books, link, want, room, size)
        if answer is None:
            continue
        lines = answer.run.lines if answer.run else [excerpt.line for excerpt in answer.excerpts]
        room -= max(1, len(lines))
        size -= sum(len(line.body or b"") for line in lines)
        answers.append(answer)
    return answers


async def _answer(books: Books, link: Link, want: Want, room: int, size: int) -> Answer | None:
    """A run to a good checkpoint; else what is held of it alone; else the first entry behind, before which nothing is;
    else nothing. None while it waits.
    """
    journal = want.journal
    seat = books.seat_of_node(want.origin)
    state = books.journals.get(journal)
    if seat is None or state is None:
        return Answer(want, None, [])
    if not within(seat, link.seat):
        return await _answer_alone(books, link, want)
    if want.origin in link.unsettled:
        return None  # How far it holds its own journal decides what it can use: it lists that first.
    alone: list[Stored] | None = []
    if want.start < state.size:
        stop = await _answer_end(books, state, want.start, min(want.stop, want.start + room))
        entries = await books.store.entries(journal, want.start, stop)
        if (fits := _fitting(entries, size)) < len(entries):
            stop = await _answer_end(books, state, want.start, want.start + fits)
            entries = [entry for entry in entries if entry.seq < stop]
        alone = await _good_among(books, link, entries)
        if alone is None:
            return None
        if len(alone) < stop - want.start:
            whole = {entry.seq for entry in alone}
            first_bad = next(seq for seq in range(want.start, stop) if seq not in whole)
            stop = await good_checkpoint_upto(books, journal, want.start, first_bad)
        if stop > want.start and want.start <= link.heard.get(journal, want.start):
            return Answer(want, await run_of(books, Piece(journal, want.start, stop)), [])
        # Else the tail behind a hole that nobody can fill: each entry alone, with its own proof (RULINGS A7, F9).
    if not alone:
        alone = await _loose_or_behind(books, link, want, room, size)
    if alone:
        # It asked from where it ends, whether it ever said so or not: no run that begins further on fits there.
        link.heard.setdefault(journal, want.start)
    return None if alone is None else Answer(want, None, await excerpts_of(books, alone))


async def _loose_or_behind(books: Books, link: Link, want: Want, room: int, size: int) -> list[Stored] | None:
    """The wanted entries that are held alone; else the first one behind; None while a good copy may still come."""
    loose = [entry for entry in await books.store.loose_beyond(want.journal, want.start) if entry.seq < want.stop]
    good = await _good_among(books, link, loose[: _fitting(loose[:room], size)])
    return await _first_behind(books, link, want.journal, want.start) if good == [] else good


def _fitting(entries: Sequence[Stored], size: int) -> int:
    """How many of these, one at least, have no more than so many bytes of bodies."""
    sizes = accumulate(len(entry.body or b"") for entry in entries)
    return max(1, sum(1 for total in sizes if total <= size))


async def _good_among(books: Books, asker: Link, entries: Sequence[Stored]) -> list[Stored] | None:
    """Those of our entries that are whole; None while a good copy of one that is not may still come: not from who asks
    for it, or two whose copies are both damaged would wait for each other for ever.
    """
    bad = await repair.damaged_among(books, entries)
    if any(repair.is_awaited(books, entry, _copies(books, entry.journal), asker) for entry in entries):
        return None
    return [entry for entry in entries if entry.seq not in bad and bodiless.may_leave(books, entry)]


async def _first_behind(books: Books, link: Link, journal: JournalId, start: int) -> list[Stored] | None:
    """The first whole entry at or after a number, as a list; empty: there is none."""
    size = books.journals[journal].size
    while start < size:
        stop = start + PAGE_ENTRIES_MAX
        good = await _good_among(books, link, await books.store.entries(journal, start, min(stop, size)))
        if good is None:
            return None
        if good:
            return good[:1]
        start = stop
    for entry in await books.store.loose_beyond(journal, start):
        good = await _good_among(books, link, [entry])
        if good or good is None:
            return good
    return []


async def _answer_alone(books: Books, link: Link, want: Want) -> Answer | None:
    """An entry that this neighbour had from us outside its run, or we from it: one of the two copies is damaged."""
    key = (want.journal, want.start)
    held = await books.store.entries(want.journal, want.start, want.start + 1)
    shared = held and (
        books.inlet_keys.get(held[0].inlet) == link.neighbour or await books.store.posted(link.neighbour, [key])
    )
    if not shared or not bodiless.may_leave(books, held[0]):
        return Answer(want, None, [])
    if await repair.damaged_among(books, held):
        waits = repair.is_awaited(books, held[0], _copies(books, want.journal), link)
        return None if waits else Answer(want, None, [])
    return Answer(want, None, await excerpts_of(books, held))


async def _answer_end(books: Books, state: JournalState, start: int, stop: int) -> int:
    """The last good checkpoint up to `stop`, or the first one after it."""
    upto = await good_checkpoint_upto(books, state.journal, start, stop)
    if upto > start:
        return upto
    following = await good_checkpoint_after(books, state.journal, stop)
    return following.size if following is not None and following.size <= state.size else start


def not_helped(books: Books, link: Link, answer: Answer) -> None:
    """This neighbour could not fill a want of ours; when none can, it is closed, and what is lost a finding (F9).

    Only what we really asked: nobody closes our wants by answering questions of his own. What is held as excerpts waits
    for its run no longer, and is not lost. An answer speaks for all up to its last entry; an empty one to the end.
    """
    want = answer.want
    if want not in link.wanting:
        return
    link.wanting.remove(want)
    is_single = repair.is_ours(books, want)
    if is_single:
        repair.not_helped(books, link, want, _copies(books, want.journal))
        if repair.is_ours(books, want):
            return  # another neighbour may have it
        # Nobody has it. It may be the next of its journal as well, and then no other want says so.
    askable = [other for other in books.links.values() if _may_hold(books, other, want.journal)]
    if want.journal in books.journals and books.journals[want.journal].size >= want.stop:
        return  # somebody else's answer has filled it meanwhile
    if not is_single:
        last = want.stop - 1 if answer.run is not None else max((e.seq for e in answer.excerpts), default=NUMBER_MAX)
        link.could_not_give(want.journal, want.start, max(want.start, last) + 1)
    if not books.rules.close_lost:
        link.not_held.clear()
    state = books.journals.get(want.journal) or JournalState(want.journal, 0)
    since = max(state.size, state.lost_upto)
    ends = [want.stop, state.wanted, *(other.heard.get(want.journal, 0) for other in askable)]
    upto = min([max(ends), *(_given_upto(books, other, want.journal) for other in askable)])
    if upto <= since:
        return
    books.journal_state(want.journal).lost_upto = upto
    loose = books.loose.get(want.journal, {})
    if not is_single and any(seq not in loose for seq in range(since, upto)):
        books.find("lost", want.journal, since, b"", encode(want))


# --- openings and revocations ------------------------------------------------------------------------------------


async def after_opening(books: Books, entry: Stored, opened: EpochOpened) -> None:
    """Notice a rollback and give back what lies beyond the position that the opening names (RULINGS A5, A7)."""
    parent = opened.parent
    if parent is None:
        return
    before = JournalId(entry.journal.origin, parent.epoch)
    books.sealed[before] = parent.size
    siblings = siblings_of(books, entry.journal)
    if not extent(books, before):
        siblings += siblings_of(books, before)
    forgot = extent(books, before) > parent.size or bool(siblings)
    if forgot or await _has_unseen_sibling(books, entry.journal):
        books.rollbacks.add(entry.journal)
        books.find("rollback", before, parent.size, entry.hash, entry.body or b"")
    if not entry.loose and books.below(entry.journal.origin) and books.tips.get(before, Tip()).size < parent.size:
        # Its older stream went before this one, so what is missing of the journal before will not come by itself.
        books.want_upto(before, parent.size)
    await send_home(books, before, parent.size)
    if entry.journal in books.rollbacks:
        for later in [held for held in books.loose if held.origin == entry.journal.origin]:
            if later.epoch.ordinal > parent.epoch.ordinal and later != entry.journal:
                # Epochs that the restored device opened after its backup and does not remember: all of them.
                await send_home(books, later, 0)
    if entry.journal in books.rollbacks and not books.below(entry.journal.origin):
        # What it had passed on of another that forgot it as well, it may have been the last to hold but for us.
        for other, size in list(books.sealed.items()):
            await send_home(books, other, size)
        if books.parent is not None and entry.journal.origin == books.parent:
            await give_back_passed_on(books, books.parent, parent.epoch)
    for sibling in siblings:
        await call_in(books, sibling)


def siblings_of(books: Books, journal: JournalId) -> list[JournalId]:
    """Other epochs of the device with the same ordinal: it was restored, or cloned, and knows nothing of them (F10)."""
    return [
        other
        for other in books.epochs_of.get(journal.origin, ())
        if other.epoch.ordinal == journal.epoch.ordinal and other != journal and extent(books, other)
    ]


async def _has_unseen_sibling(books: Books, journal: JournalId) -> bool:
    """Whether an epoch held here continues another of the same ordinal, of which nothing came: lost, or on its way."""
    for later in books.epochs_of.get(journal.origin, ()):
        if later.epoch.ordinal != journal.epoch.ordinal + 1:
            continue
        for entry in await opening_of(books, later):
            opened = line_body(entry, EpochOpened)
            if opened is not None and opened.parent is not None and opened.parent.epoch != journal.epoch:
                return True
    return False


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
        for entry in await opening_of(books, child):
            opened = line_body(entry, EpochOpened)
            parent = opened.parent if opened is not None else None
            if parent is not None and parent.epoch == journal.epoch and seq >= parent.size:
                books.find("rollback", journal, parent.size, entry.hash, entry.body or b"")
                await call_in(books, child)


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
    if not (enrolment.replaces == known or _may_follow(books, enrolment, known)):
        raise RemoteFault("other_device", "the office above works on another device; ask it for a new sheet")
    books.keyring = keyring
    books.adopt_parent(enrolment.node)
    await after_parent_replaced(books, known)


def _may_follow(books: Books, enrolment: Enrolment, known: NodeId | None) -> bool:
    """Whether a device may stand above us that does not name the one we know: that one is revoked, or several came
    after it while our line was down, of which the last names one that we never heard of. None that was replaced may.
    """
    if known is not None and books.keyring.is_revoked(known):
        return True
    is_past = (enrolment.office, enrolment.node) in books.replaced or books.keyring.find(enrolment.node) is not None
    return not is_past and enrolment.replaces is not None and books.keyring.find(enrolment.replaces) is None


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
            await post_excerpts(books, books.parent, await loose_beyond(books, journal, 0), lost=True)
    for journal, tip in sorted(books.tips.items()):
        if tip.size and books.below(journal.origin):
            books.post(books.parent, Lane.RUNS, journal, 0, tip.size)


async def after_revocation(books: Books, revoked: Revoked) -> list[Stored]:
    """Hold what lies past the position and send home what else is held (RULINGS A14).

    Returns what a higher position lets count again, to be learned, folded and posted like new arrivals. Suspended is a
    set, whatever the order of arrival: an entry folded before the revocation came is taken out again.
    Every holder of the lost device's single entries sends them toward its seat and the county (RULINGS A7 (ii)).
    """
    subjects: set[CaseId | None] = set()
    raised, disowned = await _suspend(books, revoked.node, subjects)
    if any(entry.kind in (KIND_REVOKED, KIND_RELEASED) for entry in disowned):
        raised += await _judge_again(books, subjects)
    await refold(books, subjects)
    return raised


async def _suspend(books: Books, node: NodeId, subjects: set[CaseId | None]) -> tuple[list[Stored], list[Stored]]:
    """(what counts again, what does not count any more) of a device; adds the cases to be folded again."""
    found = [*await books.store.dispositions(), *books.batch.dispositions]
    states = {disposition.key: disposition.code for disposition in found}
    suspended = {key for key, code in states.items() if code == "revoked"}
    earliest = dict(sorted(suspended, reverse=True))
    raised: list[Stored] = []
    disowned: list[Stored] = []
    for journal in list(books.epochs_of.get(node, ())):
        # What lies before the position and is not suspended stays as it is.
        position = books.keyring.position(journal)
        first = extent(books, journal) if position is None else position
        for entry in await _entries_from(books, journal, min(first, earliest.get(journal, first))):
            held = (journal, entry.seq) in suspended
            if books.counts(entry) != held:
                continue
            books.dispose(entry, "" if held else "held", "" if held else "revoked")
            (raised if held else disowned).append(entry)
            if not held and (entry.subject is not None or not is_line(entry.kind)):
                subjects.add(entry.subject)
        await send_home(books, journal, 0)
    return raised, disowned


async def _judge_again(books: Books, subjects: set[CaseId | None]) -> list[Stored]:
    """An office that had revoked devices, or released entries, was revoked itself, below that: what follows for those.

    Returns what counts again.
    """
    before, released = books.keyring.revoked(), set(books.released)
    told = [entry for kind in (KIND_REVOKED, KIND_RELEASED) for entry in await books.store.entries_of_kind(kind)]
    held = {entry.hash for entry in told}
    books.judge_revocations([*told, *(entry for entry in books.batch.entries if entry.hash not in held)])
    after = books.keyring.revoked()
    changed = {node for node in {*before, *after} if before.get(node) != after.get(node)}
    changed |= {journal.origin for journal, _, _ in released ^ books.released}
    return [entry for node in sorted(changed) for entry in (await _suspend(books, node, subjects))[0]]


async def refold(books: Books, subjects: set[CaseId | None]) -> None:
    """Fold cases, and for None what is about no case, again from all that counts of them now."""
    reading = await books.interpreter.refold(sorted(subjects, key=lambda subject: subject or b""))
    books.batch.dispositions += reading.settled
    for case, offices in reading.shared:
        await share(books, case, offices)


async def _entries_from(books: Books, journal: JournalId, first: int) -> list[Stored]:
    held = await books.store.entries(journal, first, extent(books, journal))
    return [*held, *(entry for entry in books.batch.entries if entry.journal == journal and entry.seq >= first)]
