"""Names of the things the network speaks about: offices, devices, cases, officers, epochs, journals.

Never holds a rule about who may do what (see `schemas.casework.lifecycle`) and never makes a name from a clock or from
chance by itself: randomness is handed in. Next: `schemas.divisions` for the tree behind an office's code,
`schemas.wire` for what travels.
"""

import base64
import hashlib
import unicodedata
from functools import lru_cache
from typing import NewType

from msgspec import Struct

OfficeId = NewType("OfficeId", str)
"""A seat that can hold custody: `<division code>` (6, 9 or 12 digits) or `<division code>.<desk>` for a department's
window (RULINGS C4). Custody belongs to the office, so it survives the device."""

NodeId = NewType("NodeId", str)
"""A device: 16 characters of lower-case base 32, the first 10 bytes of SHA-256("tongban node\\n" + log public key).
Derived from the key, so nobody can be enrolled under another device's name."""

CaseId = NewType("CaseId", bytes)
"""A case: 16 random bytes. Headers carry it, so it must never be derived from a person (RULINGS B7)."""

OfficerId = NewType("OfficerId", str)
"""A person who acts for an office: `<office>/<login>`. The author of an act is fixed when the act is written."""

TrackingNumber = NewType("TrackingNumber", str)
"""The number printed on the slip: office + 2 random characters of the epoch + serial + check character (RULINGS B7)."""

Instant = NewType("Instant", int)
"""Milliseconds since 1970-01-01T00:00Z as the device's clock claimed: order never comes from it (RULINGS A6)."""

REMEMBERED = 4096
"""Names whose place in the tree is remembered: a county has about 1,000 offices and 2,000 devices."""

NODE_ID_LENGTH = 16
CASE_ID_BYTES = 16
EPOCH_NONCE_BYTES = 6
HASH_BYTES = 32
SALT_BYTES = 8
"""Random bytes before a body's digest, erased with the body: with the operation's 8 inside the body they hide an erased
one behind 128 random bits. Nothing compresses them, so they are no longer than that (`sync/DECISIONS.md`)."""
OPERATION_BYTES = 8
"""A user action's own number, unique among one node's actions: at a million of them 3 in 10⁸ that two are equal."""
FOLLOWED_BYTES = 16
"""Leading bytes of an act's hash by which the next act names it. They choose among the few acts of one case at one
turn: to make that ambiguous its author must find two with equal 128 bits, and sign both in one journal."""

NUMBER_MAX = 2**53
"""Sequence numbers, sizes, cursors: more than all villages of China write in an age, and safe in every database."""

_NODE_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyz234567")

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so that a number read over the telephone survives."""


_LOOK_ALIKES = str.maketrans("OIL", "011")
_SEATS_BY_LENGTH = {seat + rest: seat for seat in (6, 9, 12) for rest in (7, 8, 9)}
"""Characters of a printed number without its dash → those of its seat: 2 of the mark, 4 to 6 of the serial, 1 check."""


class Epoch(Struct, frozen=True, array_like=True, order=True):
    """One holding of a node's writing lock: how many starts there were before (ordinal, from 1) and 6 random bytes.

    Opened at every start of a writing process, so that a node restored from a backup never reuses a number
    (DESIGN 4, RULINGS A5).
    """

    ordinal: int
    nonce: bytes

    def __str__(self) -> str:
        return f"{self.ordinal}-{self.nonce.hex()}"


class JournalId(Struct, frozen=True, array_like=True, order=True):
    """One device's numbered, hash-chained line of entries within one epoch. Entries are (journal, seq), seq from 0."""

    origin: NodeId
    epoch: Epoch

    def __str__(self) -> str:
        return f"{self.origin}/{self.epoch}"


def valid_epoch(epoch: Epoch) -> bool:
    """Whether an epoch fits the header's bytes: an ordinal of 4 bytes and a nonce of 6."""
    return 0 <= epoch.ordinal < 2**32 and len(epoch.nonce) == EPOCH_NONCE_BYTES


def valid_node(node: NodeId) -> bool:
    """Whether this can be a device's name: 16 characters of lower-case base 32."""
    return len(node) == NODE_ID_LENGTH and _NODE_CHARACTERS.issuperset(node)


def valid_seat(office: OfficeId) -> bool:
    """Whether this is written like a seat: a division's 6, 9 or 12 digits, no desk. The division need not exist."""
    return office.isascii() and office.isdecimal() and len(office) in (6, 9, 12)


@lru_cache(REMEMBERED)
def node_id(log_public_key: bytes) -> NodeId:
    """The name of the device that owns this 32-byte Ed25519 public key."""
    digest = hashlib.sha256(b"tongban node\n" + log_public_key).digest()
    return NodeId(base64.b32encode(digest[:10]).decode().lower())


def followed(link: bytes) -> bytes:
    """How an act is named by the act that follows it: the first 16 bytes of its hash (RULINGS B1)."""
    return link[:FOLLOWED_BYTES]


@lru_cache(REMEMBERED)
def seat_of(office: OfficeId) -> OfficeId:
    """The office whose device holds this office's pen: a department's window works on its division's node."""
    return OfficeId(office.partition(".")[0])


@lru_cache(REMEMBERED)
def parent_seat(seat: OfficeId) -> OfficeId | None:
    """The seat above: village (12 digits) → township (9) → county (6) → None."""
    above = {12: 9, 9: 6}.get(len(seat))
    return OfficeId(seat[:above]) if above else None


@lru_cache(REMEMBERED)
def within(seat: OfficeId, above: OfficeId) -> bool:
    """Whether `seat` is `above` or stands below it in the tree of codes (whole levels, never a text prefix)."""
    # Written out rather than walked: every page asks this for every journal that the node knows.
    return seat == above or (
        len(above) in (6, 9) and len(seat) in (9, 12) and len(seat) > len(above) and seat.startswith(above)
    )


def check_character(text: str) -> str:
    """ISO/IEC 7064 style weighted sum modulo 31 over `ALPHABET`: catches one wrong or two swapped characters."""
    total = sum((position + 2) * ALPHABET.index(character) for position, character in enumerate(text)) % 31
    return ALPHABET[total]


def tracking_number(seat: OfficeId, mark: str, serial: int) -> TrackingNumber:
    """The printed number: seat digits, the epoch's 2-character mark, a 4-digit serial, one check character.

    The mark is drawn with the epoch, so a restored device never prints one number twice (RULINGS B7).
    """
    text = f"{seat}{mark}{serial:04d}"
    return TrackingNumber(f"{seat}-{mark}{serial:04d}{check_character(text)}")


def find_tracking_number(text: str) -> TrackingNumber | None:
    """The printed number that somebody typed, however they spelled it; None for what is shaped like none.

    Small letters, full-width characters, blanks and dashes anywhere are forgiven, and the letters that `ALPHABET`
    leaves out are read as the digits that they look like. Whether the check character fits is another question
    (`is_mistyped`).
    """
    narrow = unicodedata.normalize("NFKC", text).upper().translate(_LOOK_ALIKES)
    plain = "".join(character for character in narrow if character in ALPHABET)
    seat = _SEATS_BY_LENGTH.get(len(plain))
    if seat is None or not plain[:seat].isdecimal():
        return None
    return TrackingNumber(f"{plain[:seat]}-{plain[seat:]}")


def is_mistyped(text: str) -> bool:
    """Whether this is shaped like a printed number and its check character does not fit: no slip bears it."""
    number = find_tracking_number(text)
    return number is not None and check_character(number[:-1].replace("-", "")) != number[-1]
