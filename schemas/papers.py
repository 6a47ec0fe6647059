"""Papers (附件): how a case names a photograph or a PDF, and what travels between neighbours to carry one.

Pure values. A paper is named by the SHA-256 of its bytes and moves apart from entries, in pieces, on a route of its own
(`/sync/papers`): an entry never waits for a photograph. Never holds a paper's bytes but one piece, and never a person.
Next: `sync.core.papers` (who sends what), `office.papers` (where they lie).
"""

from typing import Annotated, Final

from msgspec import Meta, Struct

from schemas.names import HASH_BYTES, Epoch, NodeId

PAPER_BYTES_MAX: Final = 10 * 1024 * 1024
"""One paper. A page photographed at 2,048 pixels is 0.3–1 MB; at 20 kbit/s ten megabytes are an hour and a quarter."""
PAPERS_MAX: Final = 20
"""Papers that one entry may name; at the pen also what a case may: more pages of one material are one PDF."""
THUMBNAIL_BYTES_MAX: Final = 6 * 1024
"""A picture to recognise a paper by: one piece, so it is here after one round trip."""

PIECE_BYTES_MIN: Final = 4 * 1024
"""Below it headers and a round trip cost more than what they carry."""
PIECE_BYTES_MAX: Final = 32 * 1024
"""About two seconds at 128 kbit/s: longer than that no entry waits behind a photograph (RELIABILITY 1)."""
PAPER_WANTS_MAX: Final = 32
"""Wants in one message: 32 × 50 bytes, and the other side serves one of them at a time."""
PAPER_PAGE_BYTES_MAX: Final = 64 * 1024
"""A message of the papers' conversation: one piece of 32 KiB, wants and answers."""

Digest = Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
"""SHA-256 of a paper's bytes as they are kept: its name everywhere."""


class PaperRef(Struct, frozen=True, array_like=True, gc=False):
    """How an entry names a paper. A trailing field of `case.filed` and `papers.brought`."""

    digest: Digest
    size: Annotated[int, Meta(ge=1, le=PAPER_BYTES_MAX)]
    """Bytes."""
    media: Annotated[str, Meta(max_length=40)]
    """image/jpeg, image/png or application/pdf."""
    material: Annotated[str, Meta(max_length=200)] = ""
    """The material it shows, as the catalogue names it; empty: none in particular."""
    thumbnail: Digest | None = None
    """A small JPEG of the first look; None for a PDF."""
    thumbnail_size: Annotated[int, Meta(ge=0, le=THUMBNAIL_BYTES_MAX)] = 0


Papers = Annotated[tuple[PaperRef, ...], Meta(max_length=PAPERS_MAX)]
"""What one entry names, each once."""


class PaperWant(Struct, frozen=True, array_like=True):
    """«Of this paper I durably hold `offset` bytes; please go on from there»."""

    digest: Digest
    size: Annotated[int, Meta(ge=1, le=PAPER_BYTES_MAX)]
    offset: Annotated[int, Meta(ge=0, le=PAPER_BYTES_MAX)]


class Piece(Struct, frozen=True, array_like=True):
    """Consecutive bytes of one paper."""

    digest: Digest
    offset: Annotated[int, Meta(ge=0, le=PAPER_BYTES_MAX)]
    content: Annotated[bytes, Meta(min_length=1, max_length=PIECE_BYTES_MAX)]


class PaperPage(Struct, frozen=True, array_like=True):
    """One message of the papers' conversation, up or down, over HTTP or on a stick."""

    sender: NodeId
    receiver: NodeId
    epoch: Epoch
    """The sender's writing epoch, new at each start."""
    wants: Annotated[list[PaperWant], Meta(max_length=PAPER_WANTS_MAX)]
    """What the sender misses and asks the receiver for, the most urgent first."""
    absent: Annotated[list[Digest], Meta(max_length=PAPER_WANTS_MAX)]
    """Papers that the receiver wanted, and that are not whole at the sender (yet), or not for the receiver."""
    more: bool
    """Whether the sender could give more, or wants more that it has not stated: go on."""
    whole: Annotated[list[Digest], Meta(max_length=PAPER_WANTS_MAX)] = []
    """Papers that the receiver gave a part of, or offered, and that are whole and good at the sender now."""
    open: Annotated[int, Meta(ge=0)] = 0
    """How many papers the sender asks the receiver for in all; `wants` may name fewer of them."""
    room: Annotated[int, Meta(ge=0)] = PIECE_BYTES_MAX
    """The largest piece that the sender takes in answer: about two seconds of its line. 0: none now."""
    entries: bool = False
    """Whether entries wait at the sender for the receiver: they go before the next piece."""
    offers: Annotated[list[Digest], Meta(max_length=PAPER_WANTS_MAX)] = []
    """Papers of which the sender does not know whether the receiver has them: it says so of those that it has, in
    `whole`."""
    pieces: Annotated[list[Piece], Meta(max_length=8)] = []
    """Last, so that a message that broke off on its way lacks nothing but the end of them (`sync.papers.beginning_of`):
    what a later version adds stands after it, and is then all that is missing."""
