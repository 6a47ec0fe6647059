"""Receipts: «I hold these journals up to here», one C2SP cosignature over all of them (RULINGS A9, A10).

Pure. A receipt never causes another receipt and says nothing about what is inside the journals. Next: `sync.ledger`
(when one is due), `sync.core.note` (the text that is signed).
"""

from collections.abc import Sequence

from schemas.codec import encode
from schemas.names import Instant, NodeId, OfficeId
from schemas.wire import JournalHead, Receipted
from sync.core import note
from sync.core.merkle import root_of
from sync.keys import Keyring, Signer

RECEIPT_HEADS_MAX = 512
"""Journals in one receipt: a page holds at most 500 entries, so at most 500 journals advance in it."""


def receipt_message(county: str, holder: NodeId, office: OfficeId, at: Instant, heads: Sequence[JournalHead]) -> bytes:
    """What the cosignature covers: `cosignature/v1`, the time in seconds, and the checkpoint of the tree of heads."""
    text = note.checkpoint_text(
        f"{county}/{office}/{holder}/receipt", len(heads), root_of(encode(head) for head in heads)
    )
    return note.cosignature_message(at // 1000, text)


def issue(signer: Signer, county: str, office: OfficeId, at: Instant, heads: list[JournalHead]) -> Receipted:
    """A receipt under our own cosignature. A device whose clock stands before 1970 cosigns as of 1970."""
    honest_at = Instant(max(0, at))
    message = receipt_message(county, signer.node, office, honest_at, heads)
    return Receipted(signer.node, office, honest_at, heads, signer.cosign(message))


def is_good(keyring: Keyring, county: str, receipt: Receipted) -> bool:
    """Whether the holder's cosigner key signed this, and the holder sits where the receipt says."""
    device = keyring.find(receipt.holder)
    if device is None or device.office != receipt.office or receipt.at < 0:
        return False
    if not 0 < len(receipt.heads) <= RECEIPT_HEADS_MAX:
        return False
    message = receipt_message(county, receipt.holder, receipt.office, receipt.at, receipt.heads)
    return keyring.verify_cosign(receipt.holder, message, receipt.signature)
