"""Whether a run proves that its owner wrote two different entries under one number, and the evidence if so.

Accuses only on two owner-signed statements that disagree (DESIGN 1.6, AUDIT 1.4); anything less is a relay's damage and
is fetched again. Never changes what is held and is what came: the first branch stays, the other is evidence. What went
bad on our own disk speaks against nobody. Next: `sync.repair` (that), `sync.ledger` (who calls).
"""

from typing import Final

from msgspec import structs

from schemas.codec import encode
from schemas.names import JournalId
from schemas.wire import Excerpt, Run
from sync import bodiless, repair
from sync.books import Books
from sync.core.journal import Checked, Tip, links_of, well_formed
from sync.core.merkle import Frontier
from sync.ports import Stored

JUDGEMENTS_PER_PAGE_MAX: Final = 8
"""Journals judged for one page, each once: a judgement hashes a journal's beginning. What is not judged is refused."""


SUSPECT: Final = frozenset({"fork_suspected", "broken_chain"})
"""Why a run was refused that a relay, a line or a disk may have damaged, and that its owner may have written so."""


async def find(books: Books, run: Run, checked: Checked, known: Tip) -> bool:
    """Judge a run that was checked against `known`. True when it is the owner's fork: then it is recorded."""
    if checked.links:
        return await _against_excerpts(books, run, checked, known)
    wholly_held = checked.skip == len(run.lines) and not checked.code
    return (wholly_held or checked.code == "fork_suspected") and await _against_run(books, run, known)


async def _against_excerpts(books: Books, run: Run, checked: Checked, known: Tip) -> bool:
    """A new line of the run that is held as an excerpt, with the owner's signature or proof, under another hash.

    A held one that went bad on our own disk proves nothing: the run's line takes its place.
    """
    journal = run.journal
    loose = books.loose.get(journal)
    if not loose:
        return False
    bad: list[tuple[Stored, bytes]] = []
    for seq, link in enumerate(checked.links, known.size):
        if loose.get(seq, link) == link:
            continue
        copy = await repair.bad_copy(books, journal, seq)
        if copy is None:
            books.find("fork", journal, seq, link, await bodiless.as_evidence(books, run))
            return True
        bad.append((structs.replace(copy, loose=False, prev=None, proof=None), link))
    for copy, link in bad:
        repair.replace(books, copy, run.lines[copy.seq - run.start], link)
    return False


async def suspicious(books: Books, run: Run, code: str) -> bytes:
    """The run as it came, where it may show that its owner contradicts itself; empty: it is not worth keeping.

    Its end bears the owner's signature, and does not fit what is held or what it carries. That accuses nobody: a relay
    may have changed a line. But with another word of the owner's, on a resident's slip perhaps, it may prove something
    later (`hub.audit.integrity`). One for each journal and start: the line brings damage, too.
    """
    journal = run.journal
    if code not in SUSPECT or journal in books.suspected or not well_formed(run):
        return b""
    if not books.verify_checkpoint(journal, run.checkpoints[-1]):
        return b""
    books.suspected.add(journal)
    return await bodiless.as_evidence(books, run)


async def find_alone(books: Books, excerpt: Excerpt, link: bytes) -> None:
    """Judge a proved entry outside its run, whose number is held here under another hash; record a fork."""
    copy = await repair.bad_copy(books, excerpt.journal, excerpt.seq)
    if copy is None:
        material = await bodiless.excerpt_as_evidence(books, excerpt, link)
        books.find("fork", excerpt.journal, excerpt.seq, link, material)
    elif copy.loose:
        proof = encode(excerpt.proof) if excerpt.proof is not None else None
        repair.replace(books, structs.replace(copy, prev=excerpt.prev, proof=proof), excerpt.line, link)


async def _against_run(books: Books, run: Run, known: Tip) -> bool:
    """A run that contradicts what we hold although the owner signed what it makes of the common beginning."""
    journal = run.journal
    if journal in books.judged or len(books.judged) >= JUDGEMENTS_PER_PAGE_MAX:
        return False
    links, _, _ = links_of(run, bodiless.lawful(books))
    held = await books.store.hashes(journal, run.start, min(known.size, run.start + len(links)))
    first = next((at for at, (ours, theirs) in enumerate(zip(held, links, strict=False)) if ours != theirs), None)
    if first is None or not await _is_intact(books, journal, run.start + first, held[first]):
        return False
    books.judged.add(journal)
    frontier = Frontier().extend(await books.store.hashes(journal, 0, run.start))
    if frontier.size < run.start:
        return False
    position = 0
    for checkpoint in run.checkpoints:
        end = checkpoint.size - run.start
        if end > len(links):
            return False
        frontier, position = frontier.extend(links[position:end]), end
        # What is signed before the first difference is what we hold; damage further on in the run is a relay's.
        if end > first and frontier.root() == checkpoint.root and books.verify_checkpoint(journal, checkpoint):
            books.find("fork", journal, run.start + first, links[first], await bodiless.as_evidence(books, run))
            return True
    return False


async def _is_intact(books: Books, journal: JournalId, seq: int, link: bytes) -> bool:
    """Whether what we hold under a number still is what came: rot on our own disk accuses nobody."""
    held = await books.store.entries(journal, seq, seq + 1)
    return [entry.hash for entry in held] == [link] and not await repair.damaged_among(books, held)
