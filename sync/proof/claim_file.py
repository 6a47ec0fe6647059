"""What a claim file holds: the county's root key, certificates, a claim, and the signed statements that it rests on.

Reads and writes bytes; believes nothing (`sync.proof.accusing` does). One value has one spelling: a file that is not
exactly what this module would write is refused, so that every byte of a good file counts. Layout: b"TBF1\\n" ‖
MessagePack of `ClaimFile`. No text of any case is inside: of entries that are not house-keeping only the digest of the
body, which is all that a claim needs; so whoever may know of the claim may have the file. Nodes write them with
`hub.audit.integrity_proofs`. Source: AUDIT 1.4, 5.
"""

from enum import StrEnum
from typing import Final, TypeAlias

from msgspec import Struct

from schemas.codec import Malformed, decode, encode
from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId
from schemas.wire import Certificate, Checkpoint, Excerpt, JournalHead

CLAIM_MAGIC: Final = b"TBF1\n"

CLAIM_BYTES_MAX: Final = 512 * 1024
"""Two receipts of 400 heads (56 KiB), two watermarks and pins of 32 KiB each, and a chain of `BEFORE_MAX` entries."""

STATEMENTS_MAX: Final = 12
"""A claim rests on two to five; the rest is room for the openings between two journals of one device."""

BEFORE_MAX: Final = 4000
"""Entries of a chain before the one that is signed: at 75 bytes each 300 KB. A journal of more is grown from a head."""

HEADS_MAX: Final = 400
"""Journals in one receipt, as `sync.receipts` has it."""


class Claim(StrEnum):
    """What a file says happened. What each needs: `sync.proof.claims`."""

    EQUIVOCATION = "equivocation"
    ROLLBACK = "rollback"
    WITHHELD_UP = "withheld_up"
    WITHHELD_DOWN = "withheld_down"
    ORPHAN_SLIP = "orphan_slip"
    FALSE_TIME = "false_time"
    FALSE_ENROLMENT = "false_enrolment"
    FALSE_REVOCATION = "false_revocation"
    COUNTY_DAMAGE = "county_damage"


class EntryStatement(Struct, frozen=True, array_like=True, tag="entry"):
    """An entry, proved by its own signature, by inclusion under its owner's checkpoint, or by a slip in the same file.

    `before`: (head, body digest) of the entries just before it, the oldest first, and `start` the hash before those:
    whoever signed the entry signed them all, for each names the hash of the one before.
    """

    excerpt: Excerpt
    start: bytes = b""
    before: list[tuple[bytes, bytes]] = []


class HeadStatement(Struct, frozen=True, array_like=True, tag="head"):
    """A checkpoint alone. `peaks`: the subtree roots that its root is made of, where the tree is to be grown on."""

    origin: NodeId
    epoch: Epoch
    checkpoint: Checkpoint
    peaks: list[bytes] = []

    @property
    def journal(self) -> JournalId:
        """The journal it is of."""
        return JournalId(self.origin, self.epoch)


class ReceiptStatement(Struct, frozen=True, array_like=True, tag="receipt"):
    """A receipt's cosignature, with the heads that it covers."""

    holder: NodeId
    office: OfficeId
    time_s: int
    heads: list[JournalHead]
    signature: bytes


class SlipStatement(Struct, frozen=True, array_like=True, tag="slip"):
    """What the device signed on a resident's slip (`sync.core.slip`)."""

    origin: NodeId
    epoch: Epoch
    seq: int
    hash: bytes
    at: Instant
    signature: bytes

    @property
    def journal(self) -> JournalId:
        """The journal it speaks of."""
        return JournalId(self.origin, self.epoch)


Statement: TypeAlias = EntryStatement | HeadStatement | ReceiptStatement | SlipStatement


class ClaimFile(Struct, frozen=True, array_like=True):
    """Everything needed to check one claim, except whom to believe in the end: the root's digest comes from outside."""

    county: str
    root_key: bytes
    certificates: list[Certificate]
    """Issuers before those they enrol."""
    claim: str
    statements: list[Statement]


def claim_to_bytes(file: ClaimFile) -> bytes:
    """The file's bytes."""
    return CLAIM_MAGIC + encode(file)


def claim_from_bytes(data: bytes) -> ClaimFile:
    """Read a claim file. Raises `Malformed`: `too_large`, `not_a_proof`, `malformed`."""
    if len(data) > CLAIM_BYTES_MAX:
        raise Malformed("too_large", f"a claim file has at most {CLAIM_BYTES_MAX} bytes; ask for it again")
    if not data.startswith(CLAIM_MAGIC):
        raise Malformed("not_a_proof", "this is not a proof file; choose the file that the office gave you")
    file = decode(data[len(CLAIM_MAGIC) :], ClaimFile, limit=CLAIM_BYTES_MAX)
    if claim_to_bytes(file) != data:
        raise Malformed("malformed", "the file is not written as a proof file is; ask for it again")
    return file
