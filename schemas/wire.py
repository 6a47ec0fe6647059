"""What travels between neighbours and what is hashed: entries, runs, excerpts, checkpoints, pages, `line.*` bodies.

Pure values. Never looks into a case's body (those are `schemas.casework.events`). The byte layout here is frozen by
`tests/golden`; `sync/PROTOCOL.md` explains it for another implementation.
"""

import hashlib
from enum import IntEnum
from typing import Annotated, Final

from msgspec import Meta, Struct

from schemas.codec import (
    ENTRY_BODY_BYTES_MAX,
    HEAD_BYTES_MAX,
    MISSING_STATED_MAX,
    PREFIX_BYTES,
    UNREADABLE,
    WATERMARK_ADDRESSED_MAX,
    WATERMARK_BELOW_MAX,
    WATERMARK_HEADS_MAX,
    WATERMARK_PATH_MAX,
    Malformed,
    decode,
    encode,
    reader,
)
from schemas.names import (
    CASE_ID_BYTES,
    HASH_BYTES,
    NUMBER_MAX,
    SALT_BYTES,
    CaseId,
    Epoch,
    Instant,
    JournalId,
    NodeId,
    OfficeId,
    valid_epoch,
    valid_node,
)

HEADER_MAGIC: Final = b"TBE1"
HEAD_VERSION: Final = 1
ZERO_HASH: Final = bytes(32)

AT_MAX: Final = 2**53
"""Milliseconds: 285,000 years either way. A claimed clock is unaltered (RULINGS A6) but must fit every database."""


class Lane(IntEnum):
    """Which queue of an outbox (RULINGS A2). Order is kept inside a lane, never across."""

    EXCERPTS = 0
    RUNS = 1
    PAPERS = 2
    FIRST_LOAD = 3


class Head(Struct, frozen=True, array_like=True, gc=False):
    """The part of a header that the author chooses. Unknown trailing fields of a newer version stay in the bytes."""

    version: Annotated[int, Meta(ge=1)]
    at: Annotated[Instant, Meta(gt=-AT_MAX, lt=AT_MAX)]
    kind: Annotated[str, Meta(min_length=1, max_length=64)]
    subject: Annotated[CaseId, Meta(min_length=CASE_ID_BYTES, max_length=CASE_ID_BYTES)] | None


class Checkpoint(Struct, frozen=True, array_like=True, gc=False):
    """A signed tree head: the journal's size, its RFC 6962 root, the owner's Ed25519 signature over the C2SP note."""

    size: int
    root: bytes
    signature: bytes


class Line(Struct, frozen=True, array_like=True, gc=False):
    """One entry inside a run: what the receiver cannot recompute. An erased body is None and its digest travels."""

    head: bytes
    salt: bytes
    body: bytes | None
    digest: bytes | None = None
    signature: bytes | None = None


class Run(Struct, frozen=True, array_like=True):
    """Consecutive entries of one journal, ending at a checkpoint. `prev` is the hash of entry `start - 1`."""

    origin: NodeId
    epoch: Epoch
    start: int
    prev: bytes
    lines: list[Line]
    checkpoints: list[Checkpoint]

    @property
    def journal(self) -> JournalId:
        """The journal these lines belong to."""
        return JournalId(self.origin, self.epoch)


class Proof(Struct, frozen=True, array_like=True):
    """An RFC 6962 inclusion proof of one entry in a checkpointed journal (`tlog-proof`, RULINGS A11)."""

    checkpoint: Checkpoint
    path: list[bytes]


class Excerpt(Struct, frozen=True, array_like=True):
    """One entry outside its run: hashable by itself (`prev` travels), proved by its own signature or by `proof`."""

    origin: NodeId
    epoch: Epoch
    seq: int
    prev: bytes
    line: Line
    proof: Proof | None = None

    @property
    def journal(self) -> JournalId:
        """The journal this entry belongs to."""
        return JournalId(self.origin, self.epoch)


class Cursor(Struct, frozen=True, array_like=True, order=True):
    """«Of your outbox, lane and epoch, I durably hold everything up to `number`» (numbers from 1; 0 = nothing)."""

    lane: int
    epoch: Epoch
    number: int


class Size(Struct, frozen=True, array_like=True, order=True):
    """How many entries of a journal the speaker holds without a gap."""

    origin: NodeId
    epoch: Epoch
    size: int

    @property
    def journal(self) -> JournalId:
        """The journal meant."""
        return JournalId(self.origin, self.epoch)


SETTLED_DIGEST_BYTES: Final = 16
"""No secret and no signature: whoever could make two equal ones could as well state wrong sizes."""


class Settled(Struct, frozen=True, array_like=True):
    """«Of this device's epochs below the ordinal `before` I hold `count`, this far»: what is long settled, in short.

    `digest`: the first 16 bytes of SHA-256 over the MessagePack of [[ordinal, nonce, size], …], ascending, none of
    size 0.
    """

    origin: NodeId
    before: int
    count: int
    digest: bytes


class Stretch(Struct, frozen=True, array_like=True):
    """Numbers first … first + count - 1 of the sender's outbox (lane, epoch): runs in lane 1, excerpts elsewhere."""

    lane: int
    epoch: Epoch
    first: int
    count: int
    runs: list[Run]
    excerpts: list[Excerpt]


class Want(Struct, frozen=True, array_like=True, order=True):
    """«Please give me entries start … stop - 1 of this journal» (RULINGS A7): gaps, damage, recovery."""

    origin: NodeId
    epoch: Epoch
    start: int
    stop: int

    @property
    def journal(self) -> JournalId:
        """The journal meant."""
        return JournalId(self.origin, self.epoch)


class Answer(Struct, frozen=True, array_like=True):
    """The answer to a `Want`: a run that ends at a checkpoint, loose excerpts, or neither: not held here."""

    want: Want
    run: Run | None
    excerpts: list[Excerpt]


class Page(Struct, frozen=True, array_like=True):
    """One message of a conversation, up or down, over HTTP or on a stick.

    `epoch` is the sender's writing epoch: its outbox's newest stream and, being drawn at each start, the nonce of this
    start. `echo` is the receiver's epoch as the sender last heard it from the receiver itself: a reply that echoes the
    present epoch was made after the present start (RULINGS B5). `statement` numbers `sizes`, 0: nothing is stated;
    `seen` is the receiver's last that came here. Unless `full`, only what changed since one that it has seen is stated.
    `settled` is the part of a full statement that speaks for older journals; `unsettled` names the devices of which the
    receiver's digest was not ours: their journals are to be listed.
    """

    sender: NodeId
    receiver: NodeId
    epoch: Epoch
    echo: Epoch | None
    cursors: list[Cursor]
    statement: int
    seen: int
    full: bool
    sizes: list[Size]
    stretches: list[Stretch]
    wants: list[Want]
    answers: list[Answer]
    more: bool
    settled: list[Settled] = []
    unsettled: list[NodeId] = []


class Preface(Struct, frozen=True, array_like=True):
    """What stands uncompressed before a page, so that a page already held is answered without unpacking it."""

    sender: NodeId
    epoch: Epoch
    ranges: list[tuple[int, Epoch, int, int]]
    """(lane, outbox epoch, first number, count) of every stretch inside."""
    plain: bool
    """Whether the page carries nothing but stretches (no wants, answers or statements): then a held page is answered
    from this preface alone."""
    overlaps: bool = False
    """Whether an earlier page of this sender was still unanswered when this one was made. If not, whatever the receiver
    had sent down and the sender's cursors do not cover was lost, and is sent again."""


class Refusal(Struct, frozen=True):
    """Why a message was not taken, in words for an operator, and what the receiver holds."""

    code: str
    hint: str
    cursors: list[Cursor] = []
    retry_after_s: int = 0


# --- the keys of the network ---------------------------------------------------------------------------------------


class Enrolment(Struct, frozen=True, array_like=True):
    """A device's certificate: which keys work for which seat, signed by the device above (the county's by the root).

    Signed bytes are b"tongban enrolment\\n" + MessagePack of this Struct.
    """

    county: str
    node: NodeId
    office: OfficeId
    log_key: bytes
    cosigner_key: bytes
    issuer: NodeId | None
    """The enrolling device; None when the offline county root signs the county's own device."""
    at: Instant
    replaces: NodeId | None = None
    """The lost device of the same seat that this one follows."""


class Certificate(Struct, frozen=True, array_like=True):
    """An enrolment and its issuer's signature. A chain of them ends at the county root."""

    enrolment: Enrolment
    signature: bytes


# --- bodies of house-keeping entries (`line.*`); sync owns these kinds (RULINGS A9) ----------------------------------

_Hash = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
_Prefix = Annotated[bytes, Meta(min_length=PREFIX_BYTES, max_length=PREFIX_BYTES)]


class Parent(Struct, frozen=True, array_like=True):
    """Where an epoch continues: the epoch before it, its size and tip hash, and its final checkpoint."""

    epoch: Epoch
    size: int
    hash: bytes
    checkpoint: Checkpoint


class EpochOpened(Struct, frozen=True, array_like=True):
    """`line.epoch_opened`: first entry of every epoch (RULINGS A5)."""

    office: OfficeId
    parent: Parent | None
    restored: bool
    """The node knows that it was restored from a backup."""
    software: str


class JournalHead(Struct, frozen=True, array_like=True):
    """One journal in a receipt: size and root of a checkpoint that the receiver holds durably."""

    origin: NodeId
    epoch: Epoch
    size: int
    root: bytes


class Receipted(Struct, frozen=True, array_like=True):
    """`line.receipted`: «I hold these journals up to here», all under one cosignature (RULINGS A9, A10).

    The signature is a C2SP cosignature (`cosignature/v1`, time = `at` in whole seconds) by the holder's cosigner key
    over the checkpoint of a tree whose leaves are the MessagePack bytes of `heads` (`sync.core.receipt`).
    """

    holder: NodeId
    office: OfficeId
    at: Instant
    heads: list[JournalHead]
    signature: bytes


class Pinned(Struct, frozen=True, array_like=True):
    """`line.pinned`: how many entries came from a neighbour and their running hash (RULINGS A9, A12).

    `receipted_at`: its latest receipt for our own journal. With a beacon: `missing`, what the county lists as addressed
    to us and is not here, and `watermark`, the list it goes by: prefixes of hashes. Trailing defaults are left out.
    """

    neighbour: NodeId
    count: int
    running_hash: bytes
    beacon_at: Instant | None = None
    receipted_at: Instant | None = None
    missing: Annotated[list[_Prefix], Meta(max_length=MISSING_STATED_MAX)] = []
    watermark: _Prefix | None = None


class Beacon(Struct, frozen=True, array_like=True):
    """`line.beacon`: the county's daily statement: time, number of journals, RFC 6962 root over the sorted heads."""

    at: Instant
    count: int
    root: bytes


class ProvedHead(Struct, frozen=True, array_like=True):
    """A head with its place in the beacon's tree, and the RFC 6962 path from there to the root."""

    head: JournalHead
    index: int
    path: Annotated[list[_Hash], Meta(max_length=WATERMARK_PATH_MAX)]


class Addressed(Struct, frozen=True, array_like=True):
    """What was addressed to a seat: how much was ever listed for it, a running hash over that, and what is listed now.

    `prefixes`: 8 bytes of each entry's hash, in order; running hash = SHA-256(running hash ‖ prefix), from zero bytes.
    """

    count: int
    running_hash: _Hash
    prefixes: Annotated[bytes, Meta(max_length=PREFIX_BYTES * WATERMARK_ADDRESSED_MAX)]


class Watermarked(Struct, frozen=True, array_like=True):
    """`line.watermarked`: what the county holds of one seat, and what went to it, as of a beacon (RULINGS A12, A13)."""

    office: OfficeId
    beacon_at: Instant
    heads: Annotated[list[ProvedHead], Meta(max_length=WATERMARK_HEADS_MAX)]
    below: Annotated[list[JournalHead], Meta(max_length=WATERMARK_BELOW_MAX)]
    addressed: Addressed


class Enrolled(Struct, frozen=True, array_like=True):
    """`line.enrolled`: a certificate entered into the issuer's journal, so that everybody above and below knows it."""

    certificate: Certificate


class Countersigned(Struct, frozen=True, array_like=True):
    """`line.countersigned`: the county confirms a township's enrolment (RULINGS A14)."""

    node: NodeId


class Revoked(Struct, frozen=True, array_like=True):
    """`line.revoked`: nothing of this device past `positions` counts without review (RULINGS A14). No time is named."""

    node: NodeId
    positions: list[Size]
    reason: str


class Released(Struct, frozen=True, array_like=True):
    """`line.released`: a person releases an entry held by a revocation (RULINGS A14)."""

    origin: NodeId
    epoch: Epoch
    seq: int
    hash: bytes


ERASED_ENTRIES_MAX: Final = 150
"""Entries that one order names: 11 KB of the body's 32, beside a residue of 12. A larger case takes several orders."""
RESIDUE_BYTES_MAX: Final = 12 * 1024
"""What stays of a case: 1 KiB for an ordinary one."""


class ErasedEntry(Struct, frozen=True, array_like=True):
    """One entry that loses its body."""

    origin: NodeId
    epoch: Epoch
    seq: int
    hash: _Hash

    @property
    def key(self) -> tuple[JournalId, int]:
        """Its place."""
        return JournalId(self.origin, self.epoch), self.seq


class Erased(Struct, frozen=True, array_like=True):
    """`line.erased`: the county orders that these entries of one case lose body and salt (RULINGS B6).

    The entry's own subject is the case as well, so that whoever reads all that is about a case finds the order there.
    """

    subject: Annotated[CaseId, Meta(min_length=CASE_ID_BYTES, max_length=CASE_ID_BYTES)]
    entries: Annotated[list[ErasedEntry], Meta(min_length=1, max_length=ERASED_ENTRIES_MAX)]
    ground: Annotated[str, Meta(min_length=1, max_length=500)]
    """The legal ground, in words for people."""
    ordered_by: Annotated[str, Meta(min_length=1, max_length=120)]
    """The officer who ordered it."""
    residue: Annotated[bytes, Meta(max_length=RESIDUE_BYTES_MAX)]
    """What stays of the case, so that statistics and a fold from the entries stay equal; opaque to `sync`."""
    approved_by: Annotated[str, Meta(max_length=120)] = ""
    """The leader who approved it."""
    offices: Annotated[list[OfficeId], Meta(max_length=500)] = []
    """Who must have the order: whoever may hold one of the entries."""


class RecoveryDeposited(Struct, frozen=True, array_like=True):
    """`line.recovery_deposited`: a device's way back when its people forget the passphrase; goes upward only.

    `sealed` is opaque to everybody but `holder`, the device of the office above, to whose log key it is sealed (age).
    The last one of a device holds; `mark` says of which lock.
    """

    holder: NodeId
    mark: bytes
    sealed: bytes


KIND_EPOCH_OPENED: Final = "line.epoch_opened"
KIND_RECEIPTED: Final = "line.receipted"
KIND_PINNED: Final = "line.pinned"
KIND_BEACON: Final = "line.beacon"
KIND_ENROLLED: Final = "line.enrolled"
KIND_COUNTERSIGNED: Final = "line.countersigned"
KIND_REVOKED: Final = "line.revoked"
KIND_RELEASED: Final = "line.released"
KIND_ERASED: Final = "line.erased"
KIND_RECOVERY_DEPOSITED: Final = "line.recovery_deposited"
KIND_WATERMARKED: Final = "line.watermarked"

LINE_BODIES: Final[dict[str, type[Struct]]] = {
    KIND_EPOCH_OPENED: EpochOpened,
    KIND_RECEIPTED: Receipted,
    KIND_PINNED: Pinned,
    KIND_BEACON: Beacon,
    KIND_ENROLLED: Enrolled,
    KIND_COUNTERSIGNED: Countersigned,
    KIND_REVOKED: Revoked,
    KIND_RELEASED: Released,
    KIND_ERASED: Erased,
    KIND_RECOVERY_DEPOSITED: RecoveryDeposited,
    KIND_WATERMARKED: Watermarked,
}


def decode_line(kind: str, body: bytes) -> Struct:
    """Read a house-keeping body of one of the kinds above.

    Raises `Malformed` for other bytes, and for names and numbers that no node can have written: whoever computes or
    stores with them afterwards need not ask again.
    """
    value = decode(body, LINE_BODIES[kind], limit=ENTRY_BODY_BYTES_MAX)
    positions, numbers = _positions_in(value)
    good = True
    for position in positions:
        good = good and valid_epoch(position.epoch)
        good = good and (isinstance(position, Parent) or valid_node(position.origin))
        numbers.append(position.seq if isinstance(position, Released | ErasedEntry) else position.size)
    if not good or (numbers and not (min(numbers) >= 0 and max(numbers) < NUMBER_MAX)):
        raise Malformed("malformed_line", "a name or number in the entry cannot be one; update the writing node")
    return value


def _positions_in(value: Struct) -> tuple[list[Parent | JournalHead | Size | Released | ErasedEntry], list[int]]:
    """Every position in a journal, and every other number, that a house-keeping body states."""
    match value:
        case EpochOpened(parent=Parent() as parent):
            return [parent], [parent.checkpoint.size]
        case Receipted():
            return [*value.heads], [value.at]
        case Revoked():
            return [*value.positions], []
        case Released():
            return [value], []
        case Erased():
            return [*value.entries], []
        case Pinned():
            return [], [value.count, value.beacon_at or 0, value.receipted_at or 0]
        case Watermarked():
            places = [value.beacon_at, value.addressed.count, *(proved.index for proved in value.heads)]
            return [*(proved.head for proved in value.heads), *value.below], places
        case Beacon():
            return [], [value.at, value.count]
        case _:
            return [], []


def is_line(kind: str) -> bool:
    """Whether a kind is house-keeping: it triggers no exchange, no receipt and no pin (RULINGS A9)."""
    return kind.startswith("line.")


# --- hashing -------------------------------------------------------------------------------------------------------


def encode_head(at: Instant, kind: str, subject: CaseId | None) -> bytes:
    """The head's bytes as an author writes them."""
    return encode(Head(HEAD_VERSION, at, kind, subject))


_read_head = reader(Head)


def decode_head(head: bytes) -> Head:
    """Read a head; fields of newer versions are ignored here and kept in the bytes. Raises `Malformed`."""
    if len(head) > HEAD_BYTES_MAX:
        raise Malformed("too_large", f"an entry's head has at most {HEAD_BYTES_MAX} bytes; update the writing node")
    try:
        value = _read_head(head)
    except UNREADABLE as error:
        raise Malformed("malformed_head", "the entry's head is not one; fetch the entry again") from error
    if "\x00" in value.kind:
        raise Malformed("malformed_head", "the entry's head is not one; fetch the entry again")
    return value


def header_prefix(journal: JournalId) -> bytes:
    """The part of the header bytes that all entries of one journal share."""
    return (
        HEADER_MAGIC + journal.origin.encode("ascii") + journal.epoch.ordinal.to_bytes(4, "big") + journal.epoch.nonce
    )


def body_digest(salt: bytes, body: bytes) -> bytes:
    """SHA-256(salt ‖ body): what the header holds instead of the body, so that the body can be erased (DESIGN 1.7)."""
    return hashlib.sha256(salt + body).digest()


def entry_hash(prefix: bytes, seq: int, prev: bytes, digest: bytes, head: bytes) -> bytes:
    """SHA-256 of the header bytes: prefix ‖ seq (8, big endian) ‖ prev ‖ body digest ‖ head."""
    return hashlib.sha256(prefix + seq.to_bytes(8, "big") + prev + digest + head).digest()


def line_digest(line: Line) -> bytes:
    """A line's body digest, computed or, for an absent body, as stated.

    Raises `Malformed` unless a body comes with a whole salt and is not too long, and an absent one with its digest and
    no salt. Else a relay could move bytes between the two: the digest covers them joined, so the hash would not change.
    """
    body = line.body
    if body is None:
        if line.salt or line.digest is None or len(line.digest) != HASH_BYTES:
            raise Malformed("incomplete", "an entry without a body carries the digest of its body; ask for it again")
        return line.digest
    if len(body) > ENTRY_BODY_BYTES_MAX:
        raise Malformed("too_large", f"an entry's body has at most {ENTRY_BODY_BYTES_MAX} bytes")
    if len(line.salt) != SALT_BYTES:
        raise Malformed("malformed", "the salt of the entry's body has another length; fetch the entry again")
    return body_digest(line.salt, body)


def attestation(link: bytes) -> bytes:
    """The message that an attested entry's signature covers (RULINGS A11)."""
    return b"tongban attested entry\n" + link


def enrolment_message(enrolment: Enrolment) -> bytes:
    """The message that an enrolment's issuer signs."""
    return b"tongban enrolment\n" + encode(enrolment)
