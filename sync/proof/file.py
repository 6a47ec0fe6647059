"""What a proof file holds: the county's root key, certificates, one entry with its proof, and receipts about it.

Reads and writes bytes; believes nothing (`sync.proof.checking` does). One value has one spelling: a file that is not
exactly what this module would write is refused, so that every byte of a good file counts. Layout: b"TBV1\\n" ‖
MessagePack of `ProofFile`. Nodes write them with `sync.proofs`.
"""

from typing import Final

from msgspec import Struct

from schemas.codec import Malformed, decode, encode
from schemas.names import NodeId, OfficeId
from schemas.wire import Certificate, Excerpt, JournalHead

MAGIC: Final = b"TBV1\n"

FILE_BYTES_MAX: Final = 256 * 1024
"""An entry of 32 KiB, a dozen certificates of 250 bytes, and a few receipts of at most 400 heads of 70 bytes."""

CERTIFICATES_MAX: Final = 32
"""County, township, village, replaced devices among them, for the author and for each receipt's holder."""

RECEIPTS_MAX: Final = 8
"""One for each tier is usual."""


class Holding(Struct, frozen=True, array_like=True):
    """A receipt as it proves one entry: the holder's cosignature over `heads`, and the entry's path in one of them."""

    holder: NodeId
    office: OfficeId
    time_s: int
    heads: list[JournalHead]
    signature: bytes
    which: int
    """Which of `heads` is the entry's journal."""
    path: list[bytes]
    """RFC 6962 inclusion of the entry in that head."""


class ProofFile(Struct, frozen=True, array_like=True):
    """Everything needed to check one entry, except whom to believe in the end: the root's digest comes from outside."""

    county: str
    root_key: bytes
    certificates: list[Certificate]
    """Issuers before those they enrol."""
    entry: Excerpt
    holdings: list[Holding]


def to_bytes(proof: ProofFile) -> bytes:
    """The file's bytes."""
    return MAGIC + encode(proof)


def from_bytes(data: bytes) -> ProofFile:
    """Read a proof file. Raises `Malformed`: `too_large`, `not_a_proof`, `malformed`."""
    if len(data) > FILE_BYTES_MAX:
        raise Malformed("too_large", f"a proof file has at most {FILE_BYTES_MAX} bytes; ask for it again")
    if not data.startswith(MAGIC):
        raise Malformed("not_a_proof", "this is not a proof file; choose the file that the office gave you")
    proof = decode(data[len(MAGIC) :], ProofFile, limit=FILE_BYTES_MAX)
    if to_bytes(proof) != data:
        raise Malformed("malformed", "the file is not written as a proof file is; ask for it again")
    return proof
