"""Lines without their bodies: which may stand so, how one is made, and what of a finding must go with a body.

Body and salt go by law (`line.erased`, RULINGS B6); the digest, and with it hash and every proof, stays. A line that
comes without its body counts only if its hash is known here as erased: nobody erases on the way. Decides nothing else
and changes no store. Next: `sync.erasing`, which obeys the orders.
"""

from collections.abc import Container, Iterable
from typing import Final, TypeVar

from msgspec import structs

from schemas.codec import Malformed, decode, encode
from schemas.names import CaseId, JournalId
from schemas.wire import Excerpt, Head, Line, Run, body_digest, is_line
from sync.books import Books
from sync.core.journal import links_of
from sync.ports import EntryKey, Stored

WITH_BODIES: Final = frozenset(
    {
        "fork",
        "fork_suspected",
        "broken_chain",
        "bad_signature",
        "unproved",
        "incomplete",
        "malformed",
        "malformed_head",
        "too_large",
        "unknown_origin",
    }
)
"""Findings whose material may be a run or an excerpt."""

T = TypeVar("T", Run, Excerpt)


class _Everything:
    """What holds every hash: for a simulation that switches the rule off."""

    def __contains__(self, link: object) -> bool:
        return True


def lawful(books: Books) -> Container[bytes]:
    """Hashes of the entries that may come without their bodies."""
    return books.erased if books.rules.bodiless_refused else _Everything()


def is_erasable(kind: str, subject: CaseId | None) -> bool:
    """Whether an entry can lose its body at all: house-keeping and the register cannot, whoever orders it."""
    return subject is not None and not is_line(kind)


def is_lawful(books: Books, line: Line, link: bytes, head: Head) -> bool:
    """Whether a line may stand as it comes: with its body, or without because that was erased by law."""
    return line.body is not None or (is_erasable(head.kind, head.subject) and link in lawful(books))


def kept(books: Books, line: Line, link: bytes, head: Head) -> Line:
    """A line as it may be kept here: a body that was erased and comes again, on an old stick perhaps, is dropped."""
    is_gone = line.body is not None and link in books.erased and is_erasable(head.kind, head.subject)
    return stripped(line) if is_gone and books.rules.erased_set else line


def stripped(line: Line) -> Line:
    """A line without body and salt, and with the digest that says what they were."""
    if line.body is None:
        return line
    return structs.replace(line, salt=b"", body=None, digest=body_digest(line.salt, line.body))


def may_leave(books: Books, entry: Stored) -> bool:
    """Whether an entry of ours can be given to others: one that this device alone let go (RULINGS A17) cannot."""
    return entry.body is not None or entry.hash in books.erased


async def as_evidence(books: Books, run: Run) -> bytes:
    """A run as a finding may keep it: without bodies that were erased by law, and what it says in their places."""
    if not books.erased:
        return encode(run)
    links, heads, _ = links_of(run, lawful(books))
    lines = [kept(books, *one) for one in zip(run.lines, links, heads, strict=False)]
    material = encode(structs.replace(run, lines=lines + run.lines[len(lines) :]))
    return without_bodies(material, await _gone_among(books, run.journal, run.start, run.start + len(run.lines)))


async def excerpt_as_evidence(books: Books, excerpt: Excerpt, link: bytes) -> bytes:
    """`as_evidence` for an entry alone, whose bytes have this hash, if any."""
    journal, seq = excerpt.journal, excerpt.seq
    is_gone = link in books.erased or (books.holds(journal, seq) and await _gone_among(books, journal, seq, seq + 1))
    return encode(structs.replace(excerpt, line=stripped(excerpt.line)) if is_gone else excerpt)


async def _gone_among(books: Books, journal: JournalId, start: int, stop: int) -> set[EntryKey]:
    """The places in this stretch of which our copies were erased by law."""
    held = await books.store.entries(journal, start, stop) if books.erased else []
    return {(entry.journal, entry.seq) for entry in held if entry.hash in books.erased}


def without_bodies(material: bytes, keys: Container[EntryKey]) -> bytes:
    """A finding's material without the bodies of these entries. By their places: what was refused has another hash."""
    run = _read(material, Run)
    if run is not None:
        numbered = enumerate(run.lines, run.start)
        lines = [stripped(line) if (run.journal, seq) in keys else line for seq, line in numbered]
        return encode(structs.replace(run, lines=lines)) if lines != run.lines else material
    excerpt = _read(material, Excerpt)
    if excerpt is None or excerpt.line.body is None or (excerpt.journal, excerpt.seq) not in keys:
        return material
    return encode(structs.replace(excerpt, line=stripped(excerpt.line)))


def _read(material: bytes, kind: type[T]) -> T | None:
    try:
        return decode(material, kind)
    except Malformed:
        return None


def erased_among(books: Books, entries: Iterable[Stored]) -> list[Stored]:
    """Those of these entries that were erased by law."""
    return [entry for entry in entries if entry.hash in books.erased]
