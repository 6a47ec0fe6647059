"""Checks a proof file against the county root's digest: certificates, entry, receipts; all of it or nothing.

Total over hostile input: a file is either proved, with exactly what it proves in `Proved`, or `Refused` with a code.
Knows no revocations and no clock: what follows from that is said by `sync.proof.words`. Sources: RFC 8032 (Ed25519),
RFC 6962 (paths), C2SP note, checkpoint and cosignature (`sync.core.note`), RULINGS A10, A11, C6.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct

from schemas.codec import Malformed
from schemas.names import (
    Instant,
    JournalId,
    NodeId,
    OfficeId,
    node_id,
    parent_seat,
    valid_epoch,
    valid_seat,
)
from schemas.wire import Certificate, Checkpoint, Enrolment, Excerpt, attestation, enrolment_message
from sync.core import note
from sync.core.identity import is_weak_key, root_digest
from sync.core.journal import check_excerpt
from sync.core.merkle import verify_inclusion
from sync.core.receipt import receipt_message
from sync.proof.file import CERTIFICATES_MAX, RECEIPTS_MAX, Holding, ProofFile, from_bytes

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


class Refused(Exception):
    """The file proves nothing. `code` is stable; the text says what to do."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(f"{code}: {hint}")
        self.code = code
        self.hint = hint


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
    if len(proof.root_key) != KEY_BYTES or root_digest(proof.root_key) != root.strip().lower():
        raise Refused(
            "other_root", "the file is of another county, or the digest was mistyped; compare it with the sheet"
        )
    if len(proof.certificates) > CERTIFICATES_MAX or len(proof.holdings) > RECEIPTS_MAX:
        raise Refused("too_large", "the file holds more certificates or receipts than any proof needs")
    devices = _check_certificates(proof)
    entry = proof.entry
    author = devices.get(entry.origin)
    if author is None:
        raise Refused("unknown_author", "no certificate of the entry's device is in the file; ask for it again")
    proved = _check_entry(proof, author)
    holdings = [_check_holding(proof, proved.hash, devices, holding) for holding in proof.holdings]
    _refuse_superfluous(devices, {entry.origin, *(holding.holder for holding in proof.holdings)})
    proved.holdings.extend(holdings)
    return proved


# --- certificates ----------------------------------------------------------------------------------------------------


def _check_certificates(proof: ProofFile) -> dict[NodeId, Enrolment]:
    """Every device in the file by name, each certified by one before it or by the root."""
    devices: dict[NodeId, Enrolment] = {}
    for certificate in proof.certificates:
        enrolment = certificate.enrolment
        if enrolment.county != proof.county or enrolment.node in devices or not _possible(enrolment):
            raise Refused("bad_certificate", "a certificate in the file cannot be one; ask for the file again")
        if not _issued(proof.root_key, devices, certificate):
            raise Refused("bad_certificate", "a certificate is not signed by whom it names; the file proves nothing")
        devices[enrolment.node] = enrolment
    return devices


def _possible(enrolment: Enrolment) -> bool:
    keys = (enrolment.log_key, enrolment.cosigner_key)
    return (
        all(len(key) == KEY_BYTES and not is_weak_key(key) for key in keys)
        and enrolment.log_key != enrolment.cosigner_key
        and enrolment.node == node_id(enrolment.log_key)
        and valid_seat(enrolment.office)
    )


def _issued(root_key: bytes, devices: dict[NodeId, Enrolment], certificate: Certificate) -> bool:
    """Signed by the root for the county's own device, else by a device of the seat above or of the county."""
    enrolment = certificate.enrolment
    message = enrolment_message(enrolment)
    if enrolment.issuer is None:
        return parent_seat(enrolment.office) is None and _verify(root_key, message, certificate.signature)
    issuer = devices.get(enrolment.issuer)
    if issuer is None or (parent_seat(enrolment.office) != issuer.office and parent_seat(issuer.office) is not None):
        return False
    return _verify(issuer.log_key, message, certificate.signature)


def _refuse_superfluous(devices: dict[NodeId, Enrolment], used: set[NodeId]) -> None:
    for node in list(used):
        issuer = devices[node].issuer
        while issuer is not None:
            used.add(issuer)
            issuer = devices[issuer].issuer
    if used != set(devices):
        raise Refused("superfluous", "the file holds certificates that prove nothing here; ask for it again")


# --- the entry -------------------------------------------------------------------------------------------------------


def _check_entry(proof: ProofFile, author: Enrolment) -> Proved:
    excerpt = proof.entry
    line = excerpt.line
    if not valid_epoch(excerpt.epoch):
        raise Refused("malformed", "the entry's journal cannot be one; ask for the file again")
    if (line.signature is None) == (excerpt.proof is None) or (line.digest is None) == (line.body is None):
        raise Refused("malformed", "the entry needs one proof and one body or digest; ask for the file again")
    if line.body is None and line.salt:
        raise Refused("malformed", "an erased entry's salt is erased with it; ask for the file again")

    def by_owner(journal: JournalId, checkpoint: Checkpoint) -> bool:
        origin = note.origin_line(proof.county, author.office, journal)
        text = note.checkpoint_text(origin, checkpoint.size, checkpoint.root)
        return _verify(author.log_key, note.note_message(text), checkpoint.signature)

    def attested(_: JournalId, link: bytes, signature: bytes) -> bool:
        return _verify(author.log_key, attestation(link), signature)

    link, head, code = check_excerpt(excerpt, by_owner, attested)
    if code:
        raise Refused(code, "the entry is not what its device signed; the file proves nothing")
    return Proved(
        proof.county,
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


def _check_holding(proof: ProofFile, link: bytes, devices: dict[NodeId, Enrolment], holding: Holding) -> Held:
    holder = devices.get(holding.holder)
    if holder is None or holder.office != holding.office or not 0 <= holding.which < len(holding.heads):
        raise Refused("bad_receipt", "a receipt names a holder or a journal that is not in the file; ask for it again")
    message = receipt_message(proof.county, holding.holder, holding.office, holding.time_s, holding.heads)
    if not _verify(holder.cosigner_key, message, holding.signature):
        raise Refused("bad_receipt", "a receipt is not signed by its holder; the file proves nothing")
    head = holding.heads[holding.which]
    if JournalId(head.origin, head.epoch) != proof.entry.journal:
        raise Refused("bad_receipt", "a receipt is about another journal; ask for the file again")
    if not verify_inclusion(link, proof.entry.seq, head.size, holding.path, head.root):
        raise Refused("bad_receipt", "a receipt does not cover the entry; the file proves nothing")
    return Held(holding.office, holding.holder, holding.time_s, head.size)


def _verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True
