"""Writes proof files: one entry of the network, with everything that `tongban-verify` needs to check it alone.

Reads the store and nothing else; a file tells its reader only what the entry's readers may know, so who may have one is
for the caller to decide. Next: `sync.proof.file` (what is inside), `sync.proof.checking` (what it is worth).
"""

from schemas.names import JournalId, NodeId
from schemas.wire import KIND_RECEIPTED, Certificate, Enrolled, JournalHead, Receipted
from sync.books import Books, line_body
from sync.core.errors import LocalFault
from sync.core.merkle import inclusion_proof
from sync.excerpts import excerpt_of
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
