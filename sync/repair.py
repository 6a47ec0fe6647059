"""Copies that went bad on our own disk: noticed when a neighbour asks for what it refused, fetched again, put right.

What was verified when it came is verified again only when somebody asks (`Want`), so the ordinary path pays nothing.
Bytes are judged by the entry's hash, which stands in every later entry and in signed checkpoints; so whoever sends the
good copy need not be trusted. Never changes an entry's hash, place or number, and never accuses anybody: a bad copy is
a relay's damage (DESIGN 1.6, RULINGS A7), and a run that was refused for one is asked for again. Next: `sync.recovery`
(wants and answers).
"""

from collections.abc import Sequence

import msgspec

from schemas.codec import Malformed
from schemas.names import JournalId, within
from schemas.wire import Answer, Excerpt, Line, Run, Want, entry_hash, header_prefix, is_line, line_digest
from sync import bodiless
from sync.books import MISSING_MAX, Books
from sync.core.journal import Checked, Tip, check_run, links_of
from sync.core.link import Link
from sync.intact import DAMAGED, LOST, bad_among, tip_of
from sync.ports import EntryKey, Stored

STRANGE_JOURNALS_MAX = 1000
"""Journals of which a neighbour brought nothing but refused runs, in one start: far more than the devices behind it."""


async def damaged_among(books: Books, entries: Sequence[Stored]) -> list[int]:
    """The numbers of those that no longer give the hash they had when they came; they are to be fetched."""
    bad = await bad_among(books.store, entries)
    for entry in bad:
        key = (entry.journal, entry.seq)
        if key not in books.damaged and key not in books.hopeless:
            books.damaged[key] = entry.hash
            books.find(DAMAGED, entry.journal, entry.seq, entry.hash)
    return [entry.seq for entry in bad]


def wants(books: Books, link: Link) -> list[Want]:
    """What to ask this neighbour for: damaged here, or refused when it came alone. One entry each: they are few."""
    books.missing = {key for key in books.missing if not books.holds(*key)}
    keys = [*sorted(books.damaged), *sorted(books.missing)]
    return [Want(j.origin, j.epoch, seq, seq + 1) for j, seq in keys if seq not in link.not_held.get(j, {})]


def miss(books: Books, journal: JournalId, seq: int) -> None:
    """An entry that came alone could not be believed: perhaps the relay's copy is damaged. It is asked for again."""
    if seq >= 0 and len(books.missing) < MISSING_MAX:
        books.missing.add((journal, seq))


def is_awaited(books: Books, entry: Stored, askable: Sequence[Link], asker: Link) -> bool:
    """Whether a good copy of an entry that is damaged here may still come from another than who asks for it itself."""
    others = (link for link in askable if link.neighbour != asker.neighbour)
    missing = (entry.journal, entry.seq) in books.damaged
    return missing and any(entry.seq not in link.not_held.get(entry.journal, {}) for link in others)


def is_ours(books: Books, want: Want) -> bool:
    """Whether a want, as it comes back with its answer, is one of these."""
    return want.stop == want.start + 1 and (want.journal, want.start) in books.damaged.keys() | books.missing


async def put_right(books: Books, answer: Answer) -> bool:
    """Write again what an answer brings of entries that are damaged here; True when there was one."""
    before = len(books.batch.repaired)
    if answer.run is not None:
        links, _, _ = links_of(answer.run, bodiless.lawful(books))
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
    if link is None or books.damaged.get(key) != link or (line.body is None and link not in bodiless.lawful(books)):
        return
    journal, seq = key
    for held in await books.store.entries(journal, seq, seq + 1):
        _write_again(books, held, line)


def replace(books: Books, bad: Stored, line: Line, link: bytes) -> None:
    """Put a proved line, with its hash, in the place of a loose entry that went bad here, its hash perhaps too."""
    books.find(DAMAGED, bad.journal, bad.seq, link)
    books.loose[bad.journal][bad.seq] = link
    _write_again(books, msgspec.structs.replace(bad, hash=link), line)


def _write_again(books: Books, held: Stored, line: Line) -> None:
    """Put a good copy in the place of one that went bad here; what may have been folded from that is folded again."""
    books.damaged.pop((held.journal, held.seq), None)
    line = bodiless.stripped(line) if held.hash in books.erased and books.rules.erased_set else line
    signature = line.signature or held.signature
    good = msgspec.structs.replace(
        held, head=line.head, salt=line.salt, body=line.body, digest=line.digest, signature=signature
    )
    books.batch.repaired.append(good)
    if good.body is None:
        # An order in this very transaction, which did not know the digest of the bad copy.
        books.batch.stripped.pop((good.journal, good.seq), None)
    if good.subject is not None or not is_line(good.kind):
        books.refold_due.add(good.subject)


def as_put_right(books: Books, entries: Sequence[Stored]) -> list[Stored]:
    """These entries as they lie on the disk, or as the present transaction has put them right."""
    good = {(entry.journal, entry.seq): entry for entry in books.batch.repaired}
    return [good.get((entry.journal, entry.seq), entry) for entry in entries] if good else list(entries)


async def bad_copy(books: Books, journal: JournalId, seq: int) -> Stored | None:
    """The entry that is held under this number if it went bad on our disk: then it speaks against nobody."""
    for entry in books.batch.entries:
        if (entry.journal, entry.seq) == (journal, seq):
            return None
    bad = await bad_among(books.store, await books.store.entries(journal, seq, seq + 1))
    return bad[0] if bad else None


async def check_again(books: Books, run: Run, known: Tip, checked: Checked) -> tuple[Tip, Checked]:
    """What a run comes to when our own tree state, made again from the entries, is another than we kept.

    Once for each journal in a start: what a start has read from the disk goes bad there, not here. And for one journal
    of a page: it reads all its hashes, and anybody can send bad runs.
    """
    journal = run.journal
    if checked.links or not known.size or checked.code not in ("broken_chain", "fork_suspected"):
        return known, checked
    if journal not in books.tips_made:
        if books.has_made_tip:
            return known, checked
        books.has_made_tip = True
        books.tips_made[journal] = await tip_of(books.store, journal, known.size)
    made = books.tips_made[journal]
    if made == known or made.size != known.size:
        return known, checked
    again = check_run(run, made, books.verify_checkpoint, bodiless.lawful(books))
    if again.code and not again.links:
        return known, checked
    books.find(DAMAGED, journal, known.size - 1, made.hash)
    books.advance(journal, made, [])
    return made, again


def not_helped(books: Books, link: Link, want: Want, askable: Sequence[Link]) -> None:
    """This neighbour has no good copy; when none has, it is lost, a finding, and nobody waits for it (RULINGS F9)."""
    key = (want.journal, want.start)
    link.could_not_give(want.journal, want.start, want.stop)
    if not all(want.start in other.not_held.get(want.journal, {}) for other in askable):
        return
    if key in books.damaged:
        books.hopeless.add(key)
    books.damaged.pop(key, None)
    books.missing.discard(key)
    books.find(LOST, want.journal, want.start)


def want_again(books: Books, link: Link, run: Run) -> None:
    """A run was refused, perhaps for a relay's damage: ask for what it would have brought.

    Also where nobody had had it and it was closed as lost: this neighbour has it now.
    """
    state = books.journals.get(run.journal)
    was_lost = state is not None and state.lost_upto > state.size
    if not _is_credible(books, link, run.journal):
        return
    if was_lost:
        books.reopen(run.journal)
    if books.want_upto(run.journal, run.start + len(run.lines)) or was_lost:
        link.want_anew(run.journal)


def _is_credible(books: Books, link: Link, journal: JournalId) -> bool:
    """Whether a refused run is reason enough to ask for its journal, and so to keep a row for it for ever.

    Not when nothing of it is held and it is said to be of this very device, or of a seat that does not lie behind the
    neighbour: anybody can invent such. Of devices that are not known here so many a neighbour and start, no more.
    """
    if journal in books.journals:
        return True
    seat = books.seat_of_node(journal.origin)
    if journal.origin == books.seat.node or (seat is not None and not within(seat, link.seat)):
        return False
    link.strange += 1
    return link.strange <= STRANGE_JOURNALS_MAX
