"""Receipts: «I hold these journals up to here», one C2SP cosignature over all of them (RULINGS A9, A10).

Pure. A receipt never causes another receipt and says nothing about what is inside the journals. Next: `sync.ledger`
(when one is due), `sync.core.receipt` (what is signed).
"""

from schemas.names import Instant, OfficeId
from schemas.wire import JournalHead, Receipted
from sync.core.receipt import receipt_message
from sync.keys import Keyring, Signer

RECEIPT_HEADS_MAX = 400
"""Journals in one receipt: of at most 75 bytes each, so that it fits an entry. An exchange that brings more, as a
recovery does, gets several."""


def issue(signer: Signer, county: str, office: OfficeId, at: Instant, heads: list[JournalHead]) -> Receipted:
    """A receipt under our own cosignature. A device whose clock stands before 1970 cosigns as of 1970."""
    honest_at = Instant(max(0, at))
    message = receipt_message(county, signer.node, office, honest_at // 1000, heads)
    return Receipted(signer.node, office, honest_at, heads, signer.cosign(message))


def is_good(keyring: Keyring, county: str, receipt: Receipted) -> bool:
    """Whether the holder's cosigner key signed this, and the holder sits where the receipt says."""
    device = keyring.find(receipt.holder)
    if device is None or device.office != receipt.office or receipt.at < 0:
        return False
    if not 0 < len(receipt.heads) <= RECEIPT_HEADS_MAX:
        return False
    message = receipt_message(county, receipt.holder, receipt.office, receipt.at // 1000, receipt.heads)
    return keyring.verify_cosign(receipt.holder, message, receipt.signature)
