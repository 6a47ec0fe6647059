"""Whether a run proves that its owner wrote two different entries under one number, and the evidence if so.

Accuses only on two owner-signed statements that disagree (DESIGN 1.6, AUDIT 1.4); anything less is a relay's damage and
is fetched again. Never changes what is held: the first branch stays, the other is evidence. Next: `sync.ledger`.
"""

from schemas.codec import encode
from schemas.wire import Run
from sync.books import Books
from sync.core.journal import Checked, Tip, links_of
from sync.core.merkle import root_of


async def find(books: Books, run: Run, checked: Checked, known: Tip) -> bool:
    """Judge a run that was checked against `known`. True when it is the owner's fork: then it is recorded."""
    if checked.links:
        return _against_excerpts(books, run, checked, known)
    return checked.code == "fork_suspected" and await _against_run(books, run, known)


def _against_excerpts(books: Books, run: Run, checked: Checked, known: Tip) -> bool:
    """A new line of the run that is held as an excerpt, with the owner's signature or proof, under another hash."""
    loose = books.loose.get(run.journal, {})
    for seq, link in enumerate(checked.links, known.size):
        if loose.get(seq, link) != link:
            books.find("fork", run.journal, seq, link, encode(run))
            return True
    return False


async def _against_run(books: Books, run: Run, known: Tip) -> bool:
    """A run that does not continue what we hold although the owner signed what it makes of the common beginning."""
    held = await books.store.hashes(run.journal, 0, known.size)
    if len(held) < run.start:
        return False
    links, _, _ = links_of(run)
    for checkpoint in run.checkpoints:
        branch = links[: checkpoint.size - run.start]
        if len(branch) < checkpoint.size - run.start:
            return False
        leaves = [*held[: run.start], *branch]
        if leaves[: len(held)] == held[: len(leaves)]:
            continue  # what is signed here is what we hold; damage further on in the run is a relay's
        if root_of(leaves) == checkpoint.root and books.verify_checkpoint(run.journal, checkpoint):
            books.find("fork", run.journal, run.start, links[-1], encode(run))
            return True
    return False
