"""What a receipt's cosignature covers (RULINGS A10), for whoever issues, takes in or only checks one.

Pure; signs and verifies nothing. Next: `sync.receipts` (issuing), `sync.proof` (checking alone), `note.py` (the text).
"""

from collections.abc import Sequence

from schemas.codec import encode
from schemas.names import NodeId, OfficeId
from schemas.wire import JournalHead
from sync.core import note
from sync.core.merkle import root_of


def receipt_message(county: str, holder: NodeId, office: OfficeId, time_s: int, heads: Sequence[JournalHead]) -> bytes:
    """`cosignature/v1`, the time in seconds, and the checkpoint of the tree of heads. Raises `Malformed`."""
    text = note.checkpoint_text(
        f"{county}/{office}/{holder}/receipt", len(heads), root_of(encode(head) for head in heads)
    )
    return note.cosignature_message(time_s, text)
