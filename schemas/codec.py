"""The only encoder and decoder of the network's bytes: deterministic MessagePack of `array_like` Structs.

Never decodes more than the stated number of bytes and never lets a decoder's own exception out: whatever arrives is
either a value or `Malformed`. Compression is not here (`sync.frame`). Next: `schemas.wire` for the values.
"""

from collections.abc import Callable
from typing import Final, TypeVar

import msgspec

T = TypeVar("T")

ENTRY_BODY_BYTES_MAX = 32 * 1024
"""One entry's body. A filing with a long free text is about 2 KiB; papers travel apart, so 32 KiB is ample and still
fits a page of 64 KiB twice."""

HEAD_BYTES_MAX = 512
"""The encoded head of an entry: kind, subject, clock. About 40 bytes today; the rest is room for newer fields."""

PAGE_ENTRIES_MAX = 500
"""Entries in one page (DESIGN 4): beyond it one commit gains nothing (STACK 2.2)."""

PAGE_BYTES_MAX = 4 * 1024 * 1024
"""A decompressed page. 500 entries of ordinary bodies are about 250 KiB; the cap is against bombs, not against work."""

PAGE_COMPRESSED_BYTES_MAX = 1024 * 1024
"""A page on the wire. Senders aim at 64 KiB; one page with a single run of large bodies may be more."""

PREFIX_BYTES: Final = 8
"""Of an entry's hash, where a list names entries: by chance two are alike once in 2⁶⁴."""
MISSING_STATED_MAX: Final = 64
"""In one pin: 0.6 KB. Who lacks more says so again the next day."""

WATERMARK_HEADS_MAX: Final = 8
"""A seat's own journals in one watermark, 1.2 KB each at the longest path: one a start; more wait for the next day."""
WATERMARK_PATH_MAX: Final = 32
"""Hashes of a path: 2³² journals."""
WATERMARK_BELOW_MAX: Final = 120
"""Journals below a township in one watermark, 76 bytes each: forty villages that start three times a day."""
WATERMARK_ADDRESSED_MAX: Final = 1500
"""Entries listed in one watermark, 8 bytes each: so all the lists together fit one body."""

_encoder = msgspec.msgpack.Encoder()
_decoders: dict[object, msgspec.msgpack.Decoder[object]] = {}


UNREADABLE: Final = (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError)
"""What a decoder raises for bytes that are not its value: wrong types or sizes, truncation, trailing bytes, nesting."""


class Malformed(ValueError):
    """Bytes that are not what they claim to be. `code` is stable; the text says what to do."""

    def __init__(self, code: str, hint: str) -> None:
        super().__init__(f"{code}: {hint}")
        self.code = code
        self.hint = hint


def encode(value: object) -> bytes:
    """Deterministic bytes of a wire value: equal values give equal bytes on every machine."""
    return _encoder.encode(value)


def decode(data: bytes | memoryview, kind: type[T], *, limit: int = PAGE_BYTES_MAX) -> T:
    """Read `data` as `kind`. Raises `Malformed`: wrong types, truncation, trailing bytes, deep nesting, over-size."""
    if len(data) > limit:
        raise Malformed("too_large", f"at most {limit} bytes are read here; send smaller pages")
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.msgpack.Decoder(kind)  # pyright: ignore[reportArgumentType]
    try:
        return decoder.decode(data)  # pyright: ignore[reportReturnType]
    except UNREADABLE as error:
        raise Malformed("malformed", "the bytes do not read as the stated message; fetch them again") from error


def reader(kind: type[T]) -> Callable[[bytes], T]:
    """A decoder for one kind, without limit and raising `UNREADABLE` as it comes: for what every entry pays for.

    The caller bounds the bytes and makes a `Malformed` of the error.
    """
    return msgspec.msgpack.Decoder(kind).decode


def holds_nul(data: bytes) -> bool:
    """Whether a text in these MessagePack bytes holds U+0000, which PostgreSQL cannot store: it could never be shown.

    Raises `Malformed` for bytes that nest too deep to tell.
    """
    try:
        return _is_nul_inside(decode(data, object))
    except RecursionError as error:
        raise Malformed("malformed", "the bytes do not read as the stated message; fetch them again") from error


def _is_nul_inside(value: object) -> bool:
    match value:
        case str():
            return "\x00" in value
        case list() | tuple():
            return any(map(_is_nul_inside, value))  # pyright: ignore[reportUnknownArgumentType]
        case dict():
            return any(map(_is_nul_inside, (*value, *value.values())))  # pyright: ignore[reportUnknownArgumentType]
        case _:
            return False
