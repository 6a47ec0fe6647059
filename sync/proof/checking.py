"""Checks a proof file against the county root's digest: certificates, entry, receipts; all of it or nothing.

Total over hostile input: a file is either proved, with exactly what it proves in `Proved`, or `Refused` with a code.
Knows no revocations and no clock: what follows from that is said by `sync.proof.words`. Sources: RFC 8032 (Ed25519),
RFC 6962 (paths), C2SP note, checkpoint and cosignature (`sync.core.note`), RULINGS A10, A11, C6.
Next: `believing` (certificates and signatures), `accusing` (the other kind of file).
"""

from msgspec import Struct

from schemas.codec import Malformed
from schemas.names import Instant, JournalId, NodeId, OfficeId, valid_epoch
from schemas.wire import Excerpt
from sync.core.journal import check_excerpt
from sync.core.merkle import verify_inclusion
from sync.proof.believing import County, Refused
from sync.proof.file import CERTIFICATES_MAX, RECEIPTS_MAX, Holding, ProofFile, from_bytes


class Held(Struct, frozen=True):
    """An office's signed statement that it held the journal, this entry in it, up to `size`, by its own clock."""

    office: OfficeId
    holder: NodeId
    time_s: int
    size: int


class Proved(Struct, frozen=True):
    """What a good file proves. `body` is None where it was lawfully erased; then only its digest is proved."""

    county: str
    author: NodeId
    office: OfficeId
    journal: JournalId
    seq: int
    at: Instant
    kind: str
    subject: bytes | None
    hash: bytes
    body: bytes | None
    covered_by: int | None
    """Size of the signed checkpoint that covers the entry; None when the entry carries its own signature."""
    holdings: list[Held]


def check(data: bytes, root: str) -> Proved:
    """Check a proof file's bytes against the 64 hexadecimal digits of the county root's digest. Raises `Refused`."""
    try:
        proof = from_bytes(data)
        return _check(proof, root)
    except Malformed as fault:
        raise Refused(fault.code, fault.hint) from fault


def _check(proof: ProofFile, root: str) -> Proved:
    if len(proof.certificates) > CERTIFICATES_MAX or len(proof.holdings) > RECEIPTS_MAX:
        raise Refused("too_large", "the file holds more certificates or receipts than any proof needs")
    county = County(proof.county, proof.root_key, proof.certificates, root)
    proved = _check_entry(proof.entry, county)
    holdings = [_check_holding(proof, proved.hash, county, holding) for holding in proof.holdings]
    county.refuse_superfluous({proved.author, *(holding.holder for holding in proof.holdings)})
    proved.holdings.extend(holdings)
    return proved


# --- the entry -------------------------------------------------------------------------------------------------------


def _check_entry(excerpt: Excerpt, county: County) -> Proved:
    line = excerpt.line
    author = county.author(excerpt.origin)
    if not valid_epoch(excerpt.epoch):
        raise Refused("malformed", "the entry's journal cannot be one; ask for the file again")
    if (line.signature is None) == (excerpt.proof is None) or (line.digest is None) == (line.body is None):
        raise Refused("malformed", "the entry needs one proof and one body or digest; ask for the file again")
    if line.body is None and line.salt:
        raise Refused("malformed", "an erased entry's salt is erased with it; ask for the file again")
    link, head, code = check_excerpt(excerpt, county.signed_head, county.signed_entry)
    if code:
        raise Refused(code, "the entry is not what its device signed; the file proves nothing")
    return Proved(
        county.name,
        author.node,
        author.office,
        excerpt.journal,
        excerpt.seq,
        head.at,
        head.kind,
        head.subject,
        link,
        line.body,
        _covering(excerpt),
        [],
    )


def _covering(excerpt: Excerpt) -> int | None:
    return excerpt.proof.checkpoint.size if excerpt.proof is not None else None


# --- receipts --------------------------------------------------------------------------------------------------------


def _check_holding(proof: ProofFile, link: bytes, county: County, holding: Holding) -> Held:
    holder = county.devices.get(holding.holder)
    if holder is None or holder.office != holding.office or not 0 <= holding.which < len(holding.heads):
        raise Refused("bad_receipt", "a receipt names a holder or a journal that is not in the file; ask for it again")
    if not county.signed_receipt(holding.holder, holding.office, holding.time_s, holding.heads, holding.signature):
        raise Refused("bad_receipt", "a receipt is not signed by its holder; the file proves nothing")
    head = holding.heads[holding.which]
    if JournalId(head.origin, head.epoch) != proof.entry.journal:
        raise Refused("bad_receipt", "a receipt is about another journal; ask for the file again")
    if not verify_inclusion(link, proof.entry.seq, head.size, holding.path, head.root):
        raise Refused("bad_receipt", "a receipt does not cover the entry; the file proves nothing")
    return Held(holding.office, holding.holder, holding.time_s, head.size)
