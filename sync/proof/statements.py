"""What the statements of a claim file say, once each is shown to be its signer's: values that claims are computed from.

Every statement is checked by itself, whatever the claim; one that nobody signed makes the whole file nothing. Never
judges what the statements say together (`claims` does). Next: `claims`, `believing` (certificates, signatures).
"""

from typing import Final, TypeVar

from msgspec import Struct

from schemas.codec import Malformed
from schemas.names import HASH_BYTES, NUMBER_MAX, Instant, JournalId, NodeId, OfficeId, valid_epoch
from schemas.wire import (
    LINE_BODIES,
    Checkpoint,
    Enrolment,
    EpochOpened,
    Head,
    JournalHead,
    Receipted,
    Watermarked,
    decode_head,
    decode_line,
    entry_hash,
    header_prefix,
    line_digest,
)
from sync.core.journal import check_excerpt
from sync.core.merkle import Frontier
from sync.proof.believing import County, Refused
from sync.proof.claim_file import (
    BEFORE_MAX,
    HEADS_MAX,
    EntryStatement,
    HeadStatement,
    ReceiptStatement,
    SlipStatement,
    Statement,
)

T = TypeVar("T", bound=Struct)

TIME_S_MAX: Final = 2**43
"""Seconds: what, as milliseconds, still is a number that every reader holds exactly."""


class SaidEntry(Struct, frozen=True):
    """An entry that its owner signed."""

    index: int
    """Which statement says so."""
    author: Enrolment
    journal: JournalId
    seq: int
    hash: bytes
    at: Instant
    kind: str
    body: Struct | None
    """Read, for house-keeping; else None."""
    checkpoint: Checkpoint | None
    """What proves it; None when it carries its own signature."""
    links: tuple[bytes, ...]
    """Hashes of the entries before it, as far as given, and its own, the last."""
    kind_before: str | None
    """Of the entry right before it, where that is given."""


class SaidName(Struct, frozen=True):
    """«Entry `seq` of this journal has this hash», by the journal's owner."""

    index: int
    journal: JournalId
    seq: int
    hash: bytes


class SaidHead(Struct, frozen=True):
    """«The first `size` entries of this journal have this root», by the journal's owner."""

    index: int
    journal: JournalId
    size: int
    root: bytes
    peaks: tuple[bytes, ...] = ()


class SaidHolding(Struct, frozen=True):
    """«I hold these journals so far», by a receipt's cosignature, or by an entry of the county (a watermark)."""

    index: int
    office: OfficeId
    holder: NodeId
    at: Instant
    """By the holder's clock."""
    heads: tuple[JournalHead, ...]
    entry: SaidEntry | None = None
    """The entry that it stands in, where it came as one."""


class SaidSlip(Struct, frozen=True):
    """What a resident was given in hand."""

    index: int
    author: Enrolment
    journal: JournalId
    seq: int
    hash: bytes
    at: Instant


class Said(Struct):
    """Everything that the statements of one file say."""

    county: County
    entries: list[SaidEntry]
    names: list[SaidName]
    heads: list[SaidHead]
    holdings: list[SaidHolding]
    slips: list[SaidSlip]
    resting: dict[int, int]
    """Statement of an entry → that of the slip by which alone it is proved."""

    def of_kind(self, body: type[T]) -> list[tuple[SaidEntry, T]]:
        """Entries with a house-keeping body of this type, and the body."""
        return [(entry, entry.body) for entry in self.entries if isinstance(entry.body, body)]


def read_statements(county: County, statements: list[Statement]) -> Said:
    """Check every statement. Raises `Refused`: `bad_statement`, `bad_signature`, `broken_chain`, `too_large`…"""
    said = Said(county, [], [], [], [], [], {})
    # Slips first: an entry may be proved by one.
    for index, statement in enumerate(statements):
        if isinstance(statement, SlipStatement):
            _read_slip(said, index, statement)
    for index, statement in enumerate(statements):
        match statement:
            case EntryStatement():
                _read_entry(said, index, statement)
            case HeadStatement():
                _read_head(said, index, statement)
            case ReceiptStatement():
                _read_receipt(said, index, statement)
            case SlipStatement():
                pass
    return said


def _read_slip(said: Said, index: int, slip: SlipStatement) -> None:
    author = said.county.author(slip.origin)
    if not valid_epoch(slip.epoch) or not 0 <= slip.seq < NUMBER_MAX or len(slip.hash) != HASH_BYTES:
        raise _malformed()
    if not said.county.signed_slip(slip.journal, slip.seq, slip.hash, slip.at, slip.signature):
        raise _unsigned()
    said.slips.append(SaidSlip(index, author, slip.journal, slip.seq, slip.hash, slip.at))
    said.names.append(SaidName(index, slip.journal, slip.seq, slip.hash))


def _read_head(said: Said, index: int, head: HeadStatement) -> None:
    checkpoint = head.checkpoint
    if not 0 < checkpoint.size < NUMBER_MAX or not said.county.signed_head(head.journal, checkpoint):
        raise _unsigned()
    if head.peaks:
        whole = all(len(peak) == HASH_BYTES for peak in head.peaks) and len(head.peaks) == checkpoint.size.bit_count()
        if not whole or Frontier(checkpoint.size, tuple(head.peaks)).root() != checkpoint.root:
            raise _malformed()
    said.heads.append(SaidHead(index, head.journal, checkpoint.size, checkpoint.root, tuple(head.peaks)))


def _read_receipt(said: Said, index: int, receipt: ReceiptStatement) -> None:
    said.county.author(receipt.holder)
    heads = _read_heads(receipt.heads)
    if not 0 <= receipt.time_s < TIME_S_MAX or not said.county.signed_receipt(
        receipt.holder, receipt.office, receipt.time_s, receipt.heads, receipt.signature
    ):
        raise _unsigned()
    at = Instant(receipt.time_s * 1000)
    said.holdings.append(SaidHolding(index, receipt.office, receipt.holder, at, heads))


def _read_heads(heads: list[JournalHead]) -> tuple[JournalHead, ...]:
    if not 0 < len(heads) <= HEADS_MAX:
        raise Refused("too_large", "a receipt in the file names more journals than any does; ask for it again")
    if not all(valid_epoch(head.epoch) and 0 <= head.size < NUMBER_MAX for head in heads):
        raise _malformed()
    return tuple(heads)


# --- entries ---------------------------------------------------------------------------------------------------------


def _read_entry(said: Said, index: int, statement: EntryStatement) -> None:
    excerpt, line = statement.excerpt, statement.excerpt.line
    author = said.county.author(excerpt.origin)
    if not valid_epoch(excerpt.epoch) or not 0 <= excerpt.seq < NUMBER_MAX:
        raise _malformed()
    if line.signature is not None and excerpt.proof is not None:
        raise _malformed()
    head = decode_head(line.head)
    is_house_keeping = head.kind in LINE_BODIES
    # Of everything else the digest is enough, and a text that proves nothing here is nobody's business.
    if is_house_keeping is not (line.body is not None) or (line.body is None) is not (line.digest is not None):
        raise _malformed()
    link = _proved_link(said, index, statement, head)
    body = decode_line(head.kind, line.body) if line.body is not None else None
    entry = SaidEntry(
        index,
        author,
        excerpt.journal,
        excerpt.seq,
        link,
        head.at,
        head.kind,
        body,
        excerpt.proof.checkpoint if excerpt.proof is not None else None,
        (*_links_before(statement), link),
        decode_head(statement.before[-1][0]).kind if statement.before else None,
    )
    said.entries.append(entry)
    _read_inside(said, entry, statement)


def _proved_link(said: Said, index: int, statement: EntryStatement, head: Head) -> bytes:
    """The entry's hash, once its owner's signature over it is shown."""
    excerpt, line = statement.excerpt, statement.excerpt.line
    if line.signature is None and excerpt.proof is None:
        if len(excerpt.prev) != HASH_BYTES:
            raise _malformed()
        digest = line_digest(line)
        link = entry_hash(header_prefix(excerpt.journal), excerpt.seq, excerpt.prev, digest, line.head)
        slips = {(slip.journal, slip.seq, slip.hash): slip.index for slip in said.slips}
        slip = slips.get((excerpt.journal, excerpt.seq, link))
        if slip is None:
            raise Refused("unproved", "nothing in the file shows that its device signed an entry; ask for it again")
        said.resting[index] = slip
        return link
    link, _, code = check_excerpt(excerpt, said.county.signed_head, said.county.signed_entry)
    if code:
        raise Refused(code, "an entry is not what its device signed; the file proves nothing")
    return link


def _links_before(statement: EntryStatement) -> list[bytes]:
    """Hashes of the entries before, which must lead to the one that the entry itself names."""
    excerpt, before = statement.excerpt, statement.before
    if not before:
        if statement.start:
            raise _malformed()
        return []
    first = excerpt.seq - len(before)
    if first < 0 or len(before) > BEFORE_MAX or len(statement.start) != HASH_BYTES:
        raise _malformed()
    prefix = header_prefix(excerpt.journal)
    link = statement.start
    links: list[bytes] = []
    for seq, (head, digest) in enumerate(before, first):
        decode_head(head)
        if len(digest) != HASH_BYTES:
            raise _malformed()
        link = entry_hash(prefix, seq, link, digest, head)
        links.append(link)
    if link != excerpt.prev:
        raise Refused("broken_chain", "entries in the file do not lead to the one that is signed; ask for it again")
    return links


def _read_inside(said: Said, entry: SaidEntry, statement: EntryStatement) -> None:
    """What else a signed entry says: hashes of those before it, heads, what its device held."""
    excerpt = statement.excerpt
    first = entry.seq - len(entry.links) + 1
    before = statement.start if statement.before else excerpt.prev
    if first > 0:
        said.names.append(SaidName(entry.index, entry.journal, first - 1, before))
    said.names += [SaidName(entry.index, entry.journal, seq, link) for seq, link in enumerate(entry.links, first)]
    if entry.checkpoint is not None:
        said.heads.append(SaidHead(entry.index, entry.journal, entry.checkpoint.size, entry.checkpoint.root))
    match entry.body:
        case EpochOpened(parent=parent) if parent is not None and entry.seq == 0 and parent.size > 0:
            former = JournalId(entry.journal.origin, parent.epoch)
            said.names.append(SaidName(entry.index, former, parent.size - 1, parent.hash))
            if said.county.signed_head(former, parent.checkpoint):
                said.heads.append(SaidHead(entry.index, former, parent.checkpoint.size, parent.checkpoint.root))
        case Receipted() as receipt:
            _read_receipt_entry(said, entry, receipt)
        case Watermarked() as mark:
            heads = (*(proved.head for proved in mark.heads), *mark.below)
            office, holder = entry.author.office, entry.journal.origin
            said.holdings.append(SaidHolding(entry.index, office, holder, mark.beacon_at, heads, entry))
        case _:
            pass


def _read_receipt_entry(said: Said, entry: SaidEntry, receipt: Receipted) -> None:
    """A receipt in its holder's own journal; its cosignature is checked as well."""
    heads = _read_heads(receipt.heads)
    time_s = receipt.at // 1000
    good = receipt.holder == entry.journal.origin and 0 <= time_s < TIME_S_MAX
    if not good or not said.county.signed_receipt(
        receipt.holder, receipt.office, time_s, receipt.heads, receipt.signature
    ):
        raise _unsigned()
    said.holdings.append(SaidHolding(entry.index, receipt.office, receipt.holder, Instant(time_s * 1000), heads, entry))


def _malformed() -> Malformed:
    return Malformed("malformed", "a statement in the file cannot be one; ask for the file again")


def _unsigned() -> Refused:
    return Refused("bad_signature", "a statement in the file is not signed by whom it names; the file proves nothing")
