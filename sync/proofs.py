"""Writes proof files: one entry of the network, or a claim, with all that `tongban-verify` needs to check it alone.

Reads the store and nothing else. A file about an entry tells its reader what the entry's readers may know, so who may
have one is for the caller to decide; one about a claim holds no text of a case. What a claim may be made of is decided
elsewhere (`hub.audit.integrity`). Next: `sync.proof.file`, `sync.proof.claim_file` (what is inside),
`sync.proof.checking`, `sync.proof.accusing` (what it is worth).
"""

from collections.abc import Iterable, Sequence

from msgspec import structs

from schemas.names import Instant, JournalId, NodeId
from schemas.wire import (
    KIND_RECEIPTED,
    LINE_BODIES,
    Certificate,
    Enrolled,
    Excerpt,
    JournalHead,
    Line,
    Proof,
    Receipted,
    Run,
    body_digest,
    decode_head,
)
from sync import receipts
from sync.books import Books, line_body
from sync.core.errors import LocalFault
from sync.core.journal import Tip, links_of
from sync.core.merkle import Frontier, inclusion_proof
from sync.excerpts import excerpt_of, good_checkpoint_after
from sync.ports import Stored
from sync.proof.claim_file import (
    CLAIM_BYTES_MAX,
    Claim,
    ClaimFile,
    EntryStatement,
    HeadStatement,
    ReceiptStatement,
    Statement,
    claim_to_bytes,
)
from sync.proof.file import RECEIPTS_MAX, Holding, ProofFile, to_bytes


async def proof_file_for(books: Books, journal: JournalId, seq: int) -> bytes:
    """A proof file for an entry that is held here.

    Raises `LocalFault`: `not_held`; `not_signed_yet` when no checkpoint covers the entry (hand a page over first);
    `no_certificate` when the author's chain is not complete here.
    """
    held = await books.store.entries(journal, seq, seq + 1)
    if not held:
        raise LocalFault("not_held", "this entry is not held here; sync first, or ask the office above")
    excerpt = await excerpt_of(books, held[0])
    if excerpt.line.signature is None and excerpt.proof is None:
        raise LocalFault("not_signed_yet", "no checkpoint covers this entry yet; sync once, then make the proof")
    holdings = await _holdings(books, journal, seq)
    certificates: dict[NodeId, Certificate] = {}
    for node in (journal.origin, *(holding.holder for holding in holdings)):
        await _add_chain(books, node, certificates)
    root = books.seat.root
    return to_bytes(ProofFile(root.county, root.public_key, list(certificates.values()), excerpt, holdings))


# --- claims ----------------------------------------------------------------------------------------------------------


async def claim_file_for(books: Books, claim: Claim, statements: Sequence[Statement]) -> bytes:
    """A claim file of these statements, and the certificates of whoever signed them; whether they show it is not asked.

    Raises `LocalFault`: `no_certificate`; `claim_too_large` for statements that no file can hold.
    """
    certificates: dict[NodeId, Certificate] = {}
    for node in dict.fromkeys(map(_signer, statements)):
        await _add_chain(books, node, certificates)
    root = books.seat.root
    file = ClaimFile(root.county, root.public_key, list(certificates.values()), claim, list(statements))
    data = claim_to_bytes(file)
    if len(data) > CLAIM_BYTES_MAX:
        raise LocalFault("claim_too_large", "what shows this is too long for one proof file; keep the store itself")
    return data


def _signer(statement: Statement) -> NodeId:
    match statement:
        case EntryStatement():
            return statement.excerpt.origin
        case ReceiptStatement():
            return statement.holder
        case _:
            return statement.origin


async def entry_statement(books: Books, entry: Stored) -> EntryStatement:
    """An entry that is held here, as its owner signed it. Raises `LocalFault` `not_signed_yet`."""
    excerpt = await excerpt_of(books, entry)
    if excerpt.line.signature is None and excerpt.proof is None:
        raise LocalFault("not_signed_yet", "no checkpoint covers this entry yet; sync once, then make the proof")
    return EntryStatement(without_text(excerpt))


async def entry_statement_behind(books: Books, entry: Stored) -> EntryStatement:
    """`entry_statement`, and the head of the entry right before it. Raises `LocalFault` `not_signed_yet`."""
    statement = await entry_statement(books, entry)
    start = max(0, entry.seq - 1)
    before = await books.store.entries(entry.journal, start, entry.seq)
    hashes = await books.store.hashes(entry.journal, start - 1, start) if start else [bytes(32)]
    if not before or not hashes:
        return statement
    return structs.replace(statement, start=hashes[0], before=[(one.head, _digest(one)) for one in before])


def _digest(entry: Stored) -> bytes:
    return body_digest(entry.salt, entry.body) if entry.body is not None else (entry.digest or b"")


async def entry_statement_under(books: Books, entry: Stored, size: int) -> EntryStatement:
    """An entry under its owner's checkpoint of just this size. Raises `LocalFault` `not_signed_yet`."""
    journal = entry.journal
    signed = [found for found in await books.store.checkpoints(journal, size - 1, size) if found.size == size]
    leaves = await books.store.hashes(journal, 0, size)
    if not signed or len(leaves) != size or not books.verify_checkpoint(journal, signed[0]):
        raise LocalFault("not_signed_yet", "no checkpoint of that size is held here; the proof cannot be made")
    prev = leaves[entry.seq - 1] if entry.seq else bytes(32)
    line = Line(entry.head, entry.salt, entry.body, entry.digest)
    proof = Proof(signed[0], inclusion_proof(leaves, entry.seq, size))
    return EntryStatement(without_text(Excerpt(journal.origin, journal.epoch, entry.seq, prev, line, proof)))


async def run_statement(books: Books, run: Run, seq: int) -> EntryStatement | None:
    """Entry `seq` of a run that another copy of its owner sent, under that run's own checkpoint; None: it shows none.

    The tree is grown from what is held here before the run: that much both have in common, or no root fits.
    """
    links, _, _ = links_of(run, Anything())
    held = await books.store.hashes(run.journal, 0, run.start)
    place = seq - run.start
    if len(held) != run.start or not 0 <= place < len(links):
        return None
    leaves = [*held, *links]
    for checkpoint in run.checkpoints:
        if not seq < checkpoint.size <= len(leaves) or not books.verify_checkpoint(run.journal, checkpoint):
            continue
        if Frontier().extend(leaves[: checkpoint.size]).root() == checkpoint.root:
            proof = Proof(checkpoint, inclusion_proof(leaves, seq, checkpoint.size))
            prev = leaves[seq - 1] if seq else bytes(32)
            line = structs.replace(run.lines[place], signature=None)
            return EntryStatement(without_text(Excerpt(run.origin, run.epoch, seq, prev, line, proof)))
    return None


class Anything:
    """Holds every hash: for reading a run whose bodies need not be there."""

    def __contains__(self, link: object) -> bool:
        """Always."""
        return True


def without_text(excerpt: Excerpt) -> Excerpt:
    """An excerpt that shows nothing of a case: body and salt of whatever is not house-keeping give way to their digest.

    A signature goes before a proof: one is enough.
    """
    line = excerpt.line
    if line.body is not None and decode_head(line.head).kind not in LINE_BODIES:
        line = structs.replace(line, salt=b"", body=None, digest=body_digest(line.salt, line.body))
    elif line.body is not None:
        line = structs.replace(line, digest=None)
    proof = None if line.signature is not None else excerpt.proof
    return structs.replace(excerpt, line=line, proof=proof)


async def head_statement(books: Books, journal: JournalId, above: int) -> HeadStatement | None:
    """The first good checkpoint of a journal over entry `above`, as its owner signed it."""
    checkpoint = await good_checkpoint_after(books, journal, above)
    return HeadStatement(journal.origin, journal.epoch, checkpoint) if checkpoint is not None else None


def holding_statement(books: Books, journals: Iterable[JournalId], at: Instant) -> ReceiptStatement:
    """What this node holds of these journals at this moment, under its own cosignature."""
    tips = [(journal, books.tips.get(journal, Tip())) for journal in dict.fromkeys(journals)]
    heads = [JournalHead(journal.origin, journal.epoch, tip.size, tip.frontier.root()) for journal, tip in tips]
    seat = books.seat
    receipt = receipts.issue(seat.signer, seat.root.county, seat.office, at, heads)
    return receipt_statement(receipt)


def receipt_statement(receipt: Receipted) -> ReceiptStatement:
    """A receipt without the entry that it stood in: its cosignature is enough where its place does not matter."""
    return ReceiptStatement(receipt.holder, receipt.office, receipt.at // 1000, receipt.heads, receipt.signature)


# --- certificates and receipts ---------------------------------------------------------------------------------------


async def _add_chain(books: Books, node: NodeId, certificates: dict[NodeId, Certificate]) -> None:
    """The certificates of a device and of those above it, issuers first."""
    chain: list[Certificate] = []
    here: NodeId | None = node
    while here is not None and here not in certificates:
        certificate = await _certificate_of(books, here)
        chain.append(certificate)
        here = certificate.enrolment.issuer
    for certificate in reversed(chain):
        certificates[certificate.enrolment.node] = certificate


async def _certificate_of(books: Books, node: NodeId) -> Certificate:
    for certificate in books.seat.chain:
        if certificate.enrolment.node == node:
            return certificate
    key = books.enrolled_by.get(node)
    for entry in await books.store.entries(key[0], key[1], key[1] + 1) if key else []:
        enrolled = line_body(entry, Enrolled)
        if enrolled is not None:
            return enrolled.certificate
    raise LocalFault("no_certificate", "the author's enrolment is not held here; ask the office above for the proof")


async def _holdings(books: Books, journal: JournalId, seq: int) -> list[Holding]:
    """Each holder's earliest receipt that covers the entry, where we hold enough of the journal to show it."""
    found: dict[NodeId, Holding] = {}
    receipts = await books.store.entries_of_kind(KIND_RECEIPTED)
    set_aside = await books.store.dispositions(receipts)
    dispositions = {disposition.key for disposition in set_aside}
    for entry in receipts:
        receipt = line_body(entry, Receipted)
        if receipt is None or receipt.holder in found or (entry.journal, entry.seq) in dispositions:
            continue
        which = _covering(receipt.heads, journal, seq)
        if which is None:
            continue
        size = receipt.heads[which].size
        leaves = await books.store.hashes(journal, 0, size)
        if len(leaves) == size:
            found[receipt.holder] = Holding(
                receipt.holder,
                receipt.office,
                receipt.at // 1000,
                receipt.heads,
                receipt.signature,
                which,
                inclusion_proof(leaves, seq, size),
            )
    return list(found.values())[:RECEIPTS_MAX]


def _covering(heads: list[JournalHead], journal: JournalId, seq: int) -> int | None:
    places = (
        place for place, head in enumerate(heads) if JournalId(head.origin, head.epoch) == journal and head.size > seq
    )
    return next(places, None)
