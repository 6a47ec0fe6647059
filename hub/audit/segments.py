"""Digests over stretches of the store in the order of arrival, so that any stored byte that changes shows by itself.

A segment is 4,096 successive arrivals. Its digest is an HMAC-SHA-256 over every column of its rows exactly as stored,
bodies sealed: nothing is opened and nothing decoded, so all of a county's store is read every night. Arrivals and not
numbers of a journal: a county has a hundred thousand short journals a year, a new one at every start of a device, and
their open ends would never be covered; arrivals are gapless, so one segment alone is open.

The key is derived from the node's data key: whoever can write into the database, but does not have that file, cannot
make a digest that fits. It is no signature and proves nothing to others; the chain does, up to the owners' signatures.
A digest is made only of rows that were verified from their content. By law rows change later in three ways, and no
other: an erasure takes body and salt, a single entry joins its run, a damaged copy is put right. `explains` tells.
Next: `hub.audit.walkers` (reads), `hub.audit.reverify` (decides).
"""

import hmac
from hashlib import blake2b
from typing import Any, Final

import msgspec
from msgspec import Struct

from hub.audit.chain import Found
from hub.audit.stored_rows import Row, all_columns
from sync.sealing import SEAL_KEY_BYTES
from sync.tables import entries

SEGMENT_ENTRIES: Final = 4096
"""2 MB a time: a call of the hash for each, and 130 bytes of digests for each megabyte of entries."""

COLUMNS: Final = all_columns(entries)

_AT: Final = {column.name: place for place, column in enumerate(entries.columns)}
_CHAIN: Final = [
    _AT[name]
    for name in (
        "journal",
        "seq",
        "arrival",
        "loose",
        "at",
        "kind",
        "subject",
        "head",
        "salt",
        "body",
        "hash",
        "digest",
    )
]
_LOOSE, _BODY, _PREV, _ARRIVAL = _AT["loose"], _AT["body"], _AT["prev"], _AT["arrival"]


class Segment(Struct, frozen=True, gc=False):
    """A row of `audit_segments`."""

    number: int
    digest: bytes
    loose: int
    bare: int
    made_at: int = 0


class Judged(Struct, frozen=True):
    """A segment that has no digest yet or another one, as it lies there now, verified from its content."""

    segment: Segment
    found: list[Found]
    entries: int


def segment_key(data_key: bytes) -> bytes:
    """The key of all digests of a node."""
    return blake2b(key=data_key, person=b"tongban segment", digest_size=SEAL_KEY_BYTES).digest()


def bounds(number: int) -> tuple[int, int]:
    """The first and the last arrival of a segment."""
    return number * SEGMENT_ENTRIES + 1, (number + 1) * SEGMENT_ENTRIES


class Digester:
    """Computes digests; keeps its buffer."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._encode = msgspec.msgpack.Encoder().encode_into
        self._buffer = bytearray()

    def digest(self, rows: Any) -> bytes:
        """Over rows of `COLUMNS` by arrival. MessagePack tells NULL, numbers and bytes apart, and where each ends."""
        self._encode(rows, self._buffer)
        return hmac.digest(self._key, self._buffer, "sha256")


def as_segment(number: int, digest: bytes, rows: list[Row] | Any) -> Segment:
    """The segment that these rows are."""
    loose = sum(1 for row in rows if row[_LOOSE])
    return Segment(number, digest, loose, sum(1 for row in rows if row[_BODY] is None))


def chain_row(row: Row) -> Row:
    """The row as `hub.audit.chain` takes it."""
    return tuple(row[place] for place in _CHAIN)


def arrival_of(row: Row) -> int:
    """Its number of arrival."""
    return row[_ARRIVAL]


def own_prev(row: Row) -> bytes | None:
    """The hash before an entry outside its run, as it came with it."""
    return row[_PREV]


def explains(before: Segment, now: Segment, *, is_repaired: bool) -> bool:
    """Whether the law of the store lets a verified segment differ: more bodies erased, more entries in their run, or an
    entry of it put right since.
    """
    return now.bare > before.bare or now.loose < before.loose or is_repaired
