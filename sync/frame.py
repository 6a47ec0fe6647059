"""A page as bytes: magic, dictionary number, a short uncompressed preface, one zstd frame of MessagePack.

Turns values into bytes and back and refuses what is not a frame; never decides about entries and never unpacks more
than `PAGE_BYTES_MAX`. The same bytes travel by HTTP and on a stick. Sources: DESIGN 4 (limits, bombs), RULINGS A16.
Layout: b"TBP1" ‖ dictionary (1 byte, 0 = none) ‖ preface length (2, big endian) ‖ preface ‖ a zstd frame that declares
its content size and ends in its checksum. An answer has no preface (length 0): nobody sends it twice, and 45 bytes are
a fifth of a small one. Next: `sync.exchange` (who talks), `sync.session` (who may).
"""

from functools import cache
from importlib import resources
from typing import Final

import zstandard
from msgspec import Struct
from msgspec.structs import astuple, replace

from schemas.codec import PAGE_BYTES_MAX, PAGE_COMPRESSED_BYTES_MAX, Malformed, decode, encode
from schemas.names import NUMBER_MAX, valid_epoch, valid_node
from schemas.wire import SETTLED_DIGEST_BYTES, Lane, Page, Preface
from sync.core.link import STATED_MAX

MAGIC: Final = b"TBP1"

NO_DICTIONARY: Final = 0
LINE_DICTIONARY: Final = 1
"""`sync/data/line-1.dict`: worth 1.7 times at ten entries, nothing at 500. Trained by `tests.benchmarks.dictionary`."""

SMALL_PAGE_BYTES: Final = 32 * 1024
"""Below this a page is packed with the dictionary, and as tightly as zstd can: 1 ms for ten entries, and a fifth of the
time that the bytes saved would take on a line of 20 kbit/s. A larger page is its own dictionary."""

SMALL_LEVEL: Final = 19
SMALL_CHAIN_LOG: Final = 17
SMALL_HASH_LOG: Final = 14
"""Tables for a small page behind the dictionary: 2 MiB instead of 4 at zstd's own sizes, and not one byte more on 1,900
pages of the wire's benchmark. They stay for as long as the program runs."""

LARGE_LEVEL: Final = 9
"""1.7 ms for 500 entries and 3.4 MiB; level 16 saves 2 % more of the bytes for 24 ms and 5.8 MiB. Not kept: a village
has such a page after days without a line."""

WINDOW_BYTES_MAX: Final = 8 * 1024 * 1024
"""What a zstd frame may ask a decompressor to reserve: twice the largest page (DESIGN 4)."""

PREFACE_BYTES_MAX: Final = 4 * 1024
"""A preface names the sender and a few stretches: about 60 bytes each, at most a handful."""

DICTIONARY_BYTES_MAX: Final = 64 * 1024
"""What was trained and measured (SYNC 2); a larger one costs every agent memory for nothing."""

PARTS_MAX: Final = 64
"""Stretches, wants or answers in one page: eight times what is ever sent."""

_HEADER_BYTES: Final = len(MAGIC) + 1 + 2
_LANES: Final = frozenset(Lane)


class UnknownDictionary(Malformed):
    """The frame needs a dictionary that is not here; the sender packs it again without one."""


class Frame(Struct, frozen=True):
    """A frame whose preface has been read and whose page is still packed. An answer has no preface."""

    preface: Preface | None
    dictionary: int
    packed: bytes


def preface_of(page: Page, *, overlaps: bool = False) -> Preface:
    """What stands before a page. `overlaps`: an earlier page of ours is still unanswered."""
    ranges = [(stretch.lane, stretch.epoch, stretch.first, stretch.count) for stretch in page.stretches]
    plain = not (page.wants or page.answers or page.statement or page.unsettled)
    return Preface(page.sender, page.epoch, ranges, plain, overlaps)


def encode_page(page: Page) -> bytes:
    """A page's MessagePack. The last two fields are left out while they say nothing: that is nearly always so."""
    fields = astuple(page)
    return encode(fields if page.settled or page.unsettled else fields[:-2])


def pack(page: Page, *, overlaps: bool = False, dictionary: int = NO_DICTIONARY, answer: bool = False) -> bytes:
    """The frame of a page. Raises `UnknownDictionary` for a dictionary that this release does not ship.

    `dictionary` is for small pages; a large one is packed without. `answer`: without a preface. What would be too large
    with its answers goes without them: they are asked for again. Raises `Malformed` (`too_large`) for anything else.
    """
    try:
        return _pack(page, overlaps=overlaps, dictionary=dictionary, answer=answer)
    except Malformed:
        if not page.answers:
            raise
    return _pack(replace(page, answers=[]), overlaps=overlaps, dictionary=dictionary, answer=answer)


def _pack(page: Page, *, overlaps: bool, dictionary: int, answer: bool) -> bytes:
    body = encode_page(page)
    if len(body) > PAGE_BYTES_MAX:
        raise Malformed("too_large", f"a page has at most {PAGE_BYTES_MAX} bytes; put fewer entries into it")
    preface = b"" if answer else encode(preface_of(page, overlaps=overlaps))
    small = len(body) <= SMALL_PAGE_BYTES
    used = dictionary if small else NO_DICTIONARY
    header = MAGIC + bytes([used]) + len(preface).to_bytes(2, "big")
    frame = header + preface + (_small_compressor(used) if small else _large_compressor()).compress(body)
    if len(frame) > PAGE_COMPRESSED_BYTES_MAX:
        raise Malformed("too_large", f"a page has at most {PAGE_COMPRESSED_BYTES_MAX} bytes packed; put less into it")
    return frame


def read_frame(data: bytes) -> Frame:
    """Read the preface and leave the page packed.

    Raises `Malformed`: `too_large`, `not_a_frame`, `truncated`, `malformed`.
    """
    if len(data) > PAGE_COMPRESSED_BYTES_MAX:
        raise Malformed(
            "too_large", f"a page has at most {PAGE_COMPRESSED_BYTES_MAX} bytes on the wire; cut it smaller"
        )
    if not data.startswith(MAGIC):
        raise Malformed("not_a_frame", "this is not a page of the sync protocol; check the address and the software")
    if len(data) < _HEADER_BYTES:
        raise Malformed("truncated", "the page ends early; send it again")
    start = _HEADER_BYTES + int.from_bytes(data[_HEADER_BYTES - 2 : _HEADER_BYTES], "big")
    if len(data) <= start:
        raise Malformed("truncated", "the page ends early; send it again")
    stated = data[_HEADER_BYTES:start]
    preface = decode(stated, Preface, limit=PREFACE_BYTES_MAX) if stated else None
    return Frame(preface, data[len(MAGIC)], data[start:])


def unpack(frame: Frame) -> Page:
    """The page inside a frame.

    Raises `Malformed`: `truncated`, `trailing`, `bomb`, `malformed`, `wrong_preface`; `UnknownDictionary`.
    """
    page = decode(_decompress(frame), Page, limit=PAGE_BYTES_MAX)
    check_page(page)
    if frame.preface is not None and preface_of(page, overlaps=frame.preface.overlaps) != frame.preface:
        raise Malformed("wrong_preface", "the preface describes another page; send the page again")
    return page


def check_page(page: Page) -> None:
    """Refuse names and numbers that no node can have written, before anything computes or stores with them.

    Raises `Malformed` (`malformed`).
    """
    if max(len(page.stretches), len(page.wants), len(page.answers)) > PARTS_MAX:
        raise Malformed("malformed", f"a page has at most {PARTS_MAX} stretches, wants or answers; send less at once")
    _check_statements(page)
    streams = [(stretch.epoch, stretch.first, stretch.count) for stretch in page.stretches]
    cursors = [(cursor.epoch, cursor.lane, cursor.number) for cursor in page.cursors]
    runs = [run for stretch in page.stretches for run in stretch.runs]
    runs += [answer.run for answer in page.answers if answer.run is not None]
    excerpts = [excerpt for stretch in page.stretches for excerpt in stretch.excerpts]
    excerpts += [excerpt for answer in page.answers for excerpt in answer.excerpts]
    wants = [*page.wants, *(answer.want for answer in page.answers)]
    epochs = [
        page.epoch,
        *([page.echo] if page.echo is not None else []),
        *(epoch for epoch, _, _ in streams + cursors),
    ]
    journals = [journal for value in (*runs, *excerpts, *page.sizes, *wants) for journal in (value.journal,)]
    numbers = [page.statement, page.seen]
    numbers += [number for _, low, high in streams + cursors for number in (low, high)]
    # One more than the highest entry is a size as well, which is stated in its turn.
    numbers += [run.start + len(run.lines) for run in runs] + [excerpt.seq + 1 for excerpt in excerpts]
    numbers += [run.start for run in runs] + [excerpt.seq for excerpt in excerpts] + [size.size for size in page.sizes]
    numbers += [number for want in wants for number in (want.start, want.stop)]
    good = (
        all(valid_epoch(epoch) for epoch in epochs)
        and all(valid_epoch(journal.epoch) and valid_node(journal.origin) for journal in journals)
        and valid_node(page.sender)
        and valid_node(page.receiver)
        and all(0 <= number <= NUMBER_MAX for number in numbers)
        and all(cursor.lane in _LANES for cursor in page.cursors)
    )
    if not good:
        raise Malformed("malformed", "a name or number in the page cannot be one; send the page again")


def _check_statements(page: Page) -> None:
    """Refuse statements that are too long, say something twice, or name what cannot be. Raises `Malformed`."""
    stated = (page.cursors, page.sizes, page.settled, page.unsettled)
    if max(map(len, stated)) > STATED_MAX:
        raise Malformed("malformed", f"a page states at most {STATED_MAX} cursors or sizes; send less at once")
    said = (
        {(cursor.lane, cursor.epoch) for cursor in page.cursors},
        {size.journal for size in page.sizes},
        {settled.origin for settled in page.settled},
        set(page.unsettled),
    )
    if list(map(len, said)) != list(map(len, stated)):
        raise Malformed("malformed", "the page states one stream or journal twice; send the page again")
    good = all(
        0 <= settled.before < 2**32 and 0 <= settled.count <= STATED_MAX and len(settled.digest) == SETTLED_DIGEST_BYTES
        for settled in page.settled
    )
    if not good or not all(map(valid_node, said[2] | said[3])):
        raise Malformed("malformed", "a name or number in the page cannot be one; send the page again")


def best_dictionary() -> int:
    """The dictionary that this release ships, or none."""
    return LINE_DICTIONARY if has_dictionary(LINE_DICTIONARY) else NO_DICTIONARY


def has_dictionary(dictionary: int) -> bool:
    """Whether frames packed with this dictionary can be read and written here."""
    return dictionary == NO_DICTIONARY or _dictionary_data(dictionary) is not None


def _decompress(frame: Frame) -> bytes:
    """One zstd frame, bounded before a byte is unpacked (STACK 6).

    Every page declares its size, so the size is judged first and the output can never exceed it; a frame that claims
    less than it holds, or more, fails inside zstd.
    """
    decompressor = _decompressor(frame.dictionary)
    try:
        stated = zstandard.get_frame_parameters(frame.packed)
    except zstandard.ZstdError as error:
        raise Malformed("malformed", "what follows the preface is not one zstd frame; send the page again") from error
    if not stated.has_checksum:
        raise Malformed("malformed", "the page's zstd frame has no checksum; pack it with one")
    if stated.content_size > PAGE_BYTES_MAX or stated.window_size > WINDOW_BYTES_MAX:
        # An undeclared size reads as 2**64 - 1 and is refused here too.
        raise Malformed(
            "bomb", f"a page unpacks to at most {PAGE_BYTES_MAX} bytes and says how many; send a smaller one"
        )
    try:
        return decompressor.decompress(frame.packed, max_output_size=PAGE_BYTES_MAX, allow_extra_data=False)
    except zstandard.ZstdError as error:
        text = str(error)
        if "unused data" in text:
            raise Malformed("trailing", "bytes follow the page; send the page alone") from error
        if "full frame" in text:
            raise Malformed("truncated", "the page ends early; send it again") from error
        raise Malformed("malformed", "the page does not unpack; send it again") from error


@cache
def _dictionary_data(dictionary: int) -> zstandard.ZstdCompressionDict | None:
    file = resources.files("sync").joinpath("data", f"line-{dictionary}.dict")
    if not file.is_file():
        return None
    return zstandard.ZstdCompressionDict(file.read_bytes()[:DICTIONARY_BYTES_MAX])


def _get_dictionary(dictionary: int) -> zstandard.ZstdCompressionDict | None:
    """None for no dictionary. Raises `UnknownDictionary`."""
    if dictionary == NO_DICTIONARY:
        return None
    data = _dictionary_data(dictionary)
    if data is None:
        raise UnknownDictionary(
            "unknown_dictionary", f"dictionary line-{dictionary} is not installed here; pack the page without one"
        )
    return data


@cache
def _small_compressor(dictionary: int) -> zstandard.ZstdCompressor:
    parameters = zstandard.ZstdCompressionParameters.from_level(  # pyright: ignore[reportUnknownMemberType]
        SMALL_LEVEL,
        source_size=SMALL_PAGE_BYTES,
        dict_size=0 if dictionary == NO_DICTIONARY else DICTIONARY_BYTES_MAX,
        chain_log=SMALL_CHAIN_LOG,
        hash_log=SMALL_HASH_LOG,
        write_content_size=True,
        write_checksum=True,
        write_dict_id=False,
    )
    return zstandard.ZstdCompressor(dict_data=_get_dictionary(dictionary), compression_params=parameters)


def _large_compressor() -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=LARGE_LEVEL, write_content_size=True, write_checksum=True)


@cache
def _decompressor(dictionary: int) -> zstandard.ZstdDecompressor:
    return zstandard.ZstdDecompressor(dict_data=_get_dictionary(dictionary), max_window_size=WINDOW_BYTES_MAX)
