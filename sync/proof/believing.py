"""Whom a proof file may be believed about: certificates up to the county's root, and what their keys have signed.

Shared by both kinds of file. Total over hostile input: a doubt is `Refused`, never another exception. Knows no
revocations and no clock: what follows from that is said in words. Sources: RFC 8032 (Ed25519), RULINGS A10, A11, C6.
Next: `checking` (one entry, TBV1), `statements` (statements of a claim, TBF1).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from schemas.names import Instant, JournalId, NodeId, OfficeId, node_id, parent_seat, valid_epoch, valid_seat
from schemas.wire import Certificate, Checkpoint, Enrolment, JournalHead, attestation, enrolment_message
from sync.core import note
from sync.core.identity import is_weak_key, root_digest
from sync.core.receipt import receipt_message
from sync.core.slip import slip_message

KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


class Refused(Exception):
    """The file proves nothing. `code` is stable; the text says what to do."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(f"{code}: {hint}")
        self.code = code
        self.hint = hint


class County:
    """The county that a file names, once its root is the one whose digest the reader holds, and the devices it has."""

    def __init__(self, county: str, root_key: bytes, certificates: Sequence[Certificate], digest: str) -> None:
        """Check the root and every certificate. Raises `Refused`: `other_root`, `bad_certificate`."""
        if len(root_key) != KEY_BYTES or root_digest(root_key) != digest.strip().lower():
            raise Refused(
                "other_root", "the file is of another county, or the digest was mistyped; compare it with the sheet"
            )
        self.name = county
        self.devices: dict[NodeId, Enrolment] = {}
        """Every device in the file by name, each certified by one before it or by the root."""
        for certificate in certificates:
            self._admit(root_key, certificate)

    def _admit(self, root_key: bytes, certificate: Certificate) -> None:
        enrolment = certificate.enrolment
        if enrolment.county != self.name or enrolment.node in self.devices or not _possible(enrolment):
            raise Refused("bad_certificate", "a certificate in the file cannot be one; ask for the file again")
        if not self._issued(root_key, certificate):
            raise Refused("bad_certificate", "a certificate is not signed by whom it names; the file proves nothing")
        self.devices[enrolment.node] = enrolment

    def _issued(self, root_key: bytes, certificate: Certificate) -> bool:
        """Signed by the root for the county's own device, else by a device of the seat above or of the county."""
        enrolment = certificate.enrolment
        message = enrolment_message(enrolment)
        if enrolment.issuer is None:
            return parent_seat(enrolment.office) is None and verify(root_key, message, certificate.signature)
        issuer = self.devices.get(enrolment.issuer)
        if issuer is None:
            return False
        if parent_seat(enrolment.office) != issuer.office and parent_seat(issuer.office) is not None:
            return False
        return verify(issuer.log_key, message, certificate.signature)

    def author(self, node: NodeId) -> Enrolment:
        """The device that a statement names. Raises `Refused`: `unknown_author`."""
        found = self.devices.get(node)
        if found is None:
            raise Refused("unknown_author", "no certificate of the device that signed is in the file; ask for it again")
        return found

    def refuse_superfluous(self, used: Iterable[NodeId]) -> None:
        """Every certificate is of a device that signed something here, or of one above it. Raises `Refused`."""
        needed = set(used)
        for node in list(needed):
            issuer = self.devices[node].issuer
            while issuer is not None:
                needed.add(issuer)
                issuer = self.devices[issuer].issuer
        if needed != set(self.devices):
            raise Refused("superfluous", "the file holds certificates that prove nothing here; ask for it again")

    # --- what keys have signed -------------------------------------------------------------------------------------

    def signed_head(self, journal: JournalId, checkpoint: Checkpoint) -> bool:
        """Whether the journal's device signed this checkpoint of it."""
        author = self.author(journal.origin)
        if not valid_epoch(journal.epoch):
            return False
        text = note.checkpoint_text(
            note.origin_line(self.name, author.office, journal), checkpoint.size, checkpoint.root
        )
        return verify(author.log_key, note.note_message(text), checkpoint.signature)

    def signed_entry(self, journal: JournalId, link: bytes, signature: bytes) -> bool:
        """Whether the journal's device signed the entry with this hash by itself."""
        return verify(self.author(journal.origin).log_key, attestation(link), signature)

    def signed_slip(self, journal: JournalId, seq: int, link: bytes, at: Instant, signature: bytes) -> bool:
        """Whether the journal's device signed this on a resident's slip."""
        author = self.author(journal.origin)
        return verify(author.log_key, slip_message(self.name, author.office, journal, seq, link, at), signature)

    def signed_receipt(
        self, holder: NodeId, office: OfficeId, time_s: int, heads: Sequence[JournalHead], signature: bytes
    ) -> bool:
        """Whether the holder cosigned that it holds these journals so far."""
        device = self.devices.get(holder)
        if device is None or device.office != office:
            return False
        return verify(device.cosigner_key, receipt_message(self.name, holder, office, time_s, heads), signature)


def _possible(enrolment: Enrolment) -> bool:
    keys = (enrolment.log_key, enrolment.cosigner_key)
    return (
        all(len(key) == KEY_BYTES and not is_weak_key(key) for key in keys)
        and enrolment.log_key != enrolment.cosigner_key
        and enrolment.node == node_id(enrolment.log_key)
        and valid_seat(enrolment.office)
    )


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the key's Ed25519 signature over the message. Wrong lengths are simply not."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True
