"""Papers between two neighbours: what to ask for, which piece next and how large, what an arriving piece is worth.

Sans-IO and synchronous: holds names and numbers, never a paper's bytes; reads no clock (seconds are handed in). Both
ends of every line run this class. The receiver's offset always wins, as its cursor does for entries (DESIGN 4), and
only what was asked for is taken. Sources: RELIABILITY 1 (a piece is two seconds of the line), SYNC 5 (resumable, lowest
lane). Next: `sync.papers` (the conversation), `sync.courier` (when).
"""

from collections.abc import Collection, Iterable
from heapq import nsmallest
from typing import Final

from msgspec import Struct

from schemas.names import Epoch
from schemas.papers import PAPER_WANTS_MAX, PIECE_BYTES_MAX, PIECE_BYTES_MIN, PaperPage, PaperWant, Piece

PIECE_BYTES_FIRST: Final = 8 * 1024
"""Before anything is measured: a second at 64 kbit/s, 3.5 s at 20 kbit/s."""
PIECE_S: Final = 2.0
"""So long an entry may wait behind a piece (RELIABILITY 1)."""
MEASURED_BYTES_MIN: Final = 2 * 1024
"""Smaller exchanges measure the line's delay, not its width."""

DELAY_GROWTH: Final = 1.1
"""The shortest delay seen is the line's, what is above it were losses; it grows so much with each small exchange."""
RATE_FADING: Final = 0.9
"""The best rate of late is the line's width: an outage makes an exchange slow, and the line no narrower. It fades so
much with each exchange, so that a line which became narrower is known after a dozen of them."""

WANTS_WHILE_MOVING: Final = 4
"""Stated while pieces come: one is served at a time, and 32 names would be a third of a piece of 4 KiB."""

ABSENT_S: Final = 300.0
"""What the neighbour has not is asked for again after so long, or when the next conversation begins."""
SPOILED_MAX: Final = 3
"""A paper that came wrong so often from one neighbour is set aside: it is its copy, not the line."""
SET_ASIDE_S: Final = 12 * 3600.0
"""A session's life (RULINGS A16): asked again in the next one."""

RANK_THUMBNAIL: Final = 0
RANK_ASKED: Final = 1
"""A person waits for it."""
RANK_POLICY: Final = 2


class Wanted(Struct, frozen=True, order=True):
    """A paper that is to come here. Their order is the order of asking: by rank, then the smallest first."""

    rank: int
    size: int
    digest: bytes


class PaperLink:
    """The papers' side of one line, of this start. Nothing here need survive it: the shelf knows what it holds."""

    def __init__(self, *, piece_bytes: int = PIECE_BYTES_FIRST, least: int = PIECE_BYTES_MIN) -> None:
        self.theirs: list[PaperWant] = []
        """What the neighbour asks for, the most urgent first, as it last said."""
        self.open = 0
        """How many papers it asks for in all."""
        self.asked: dict[bytes, PaperWant] = {}
        """What our last message asked for: nothing else is taken."""
        self.piece_bytes = piece_bytes
        self.rate_bytes_s: float | None = None
        self.taken: list[bytes] = []
        """Papers that its last message made whole here, or offered and are: to be acknowledged."""
        self.refused: list[bytes] = []
        """Papers of its last message that we have not, or not for it: to be answered `absent`."""
        self.sent: dict[bytes, int] = {}
        """How far we last sent each paper. Never where to go on: that the neighbour says."""
        self.offered: set[bytes] = set()
        """Papers that were offered in this conversation, once each."""
        self._least = least
        self._delay_s: float | None = None
        self._room = PIECE_BYTES_MAX
        self._epoch: Epoch | None = None
        self._absent: dict[bytes, float] = {}
        self._spoiled: dict[bytes, int] = {}
        self._set_aside: dict[bytes, float] = {}
        self._is_moving = False

    # --- hearing -----------------------------------------------------------------------------------------------------

    def hear(self, page: PaperPage, now_s: float) -> None:
        """What a message says, its pieces excepted (`place`)."""
        if page.epoch != self._epoch:
            # It started anew, perhaps restored or mended: all may be different there.
            self._epoch = page.epoch
            self._absent.clear()
            self._spoiled.clear()
            self._set_aside.clear()
        self.theirs, self.open = page.wants, max(page.open, len(page.wants))
        self._room = page.room
        self._is_moving = bool(page.pieces)
        self.taken = []
        for digest in page.absent:
            if digest in self.asked:
                self._absent[digest] = now_s + ABSENT_S
        for digest in page.offers:  # It has come there meanwhile.
            self._absent.pop(digest, None)

    def place(self, piece: Piece, held: int) -> bytes:
        """The part of a piece that goes on from `held` bytes; empty when it was not asked for, is repeated, or begins
        further on. One that reaches beyond the paper's end is none of it: empty, and counted by `is_beyond`.
        """
        end = piece.offset + len(piece.content)
        if piece.digest not in self.asked or self.is_beyond(piece) or not piece.offset <= held < end:
            return b""
        return piece.content[held - piece.offset :]

    def is_beyond(self, piece: Piece) -> bool:
        """Whether a piece of what we asked for ends behind the paper's end."""
        want = self.asked.get(piece.digest)
        return want is not None and piece.offset + len(piece.content) > want.size

    def spoil(self, digest: bytes, now_s: float) -> bool:
        """What came was not the paper. True when this neighbour is not asked for it again in this session."""
        self._spoiled[digest] = self._spoiled.get(digest, 0) + 1
        if self._spoiled[digest] < SPOILED_MAX:
            return False
        del self._spoiled[digest]
        self._set_aside[digest] = now_s + SET_ASIDE_S
        return True

    def try_anew(self, digests: Iterable[bytes]) -> None:
        """A person asks for these once more, though they came wrong too often."""
        for digest in digests:
            self._set_aside.pop(digest, None)

    def ask_again(self) -> None:
        """A new conversation: what the neighbour had not may have come to it meanwhile, and what it asks for too."""
        self.theirs = []
        self._absent.clear()
        self.offered.clear()

    @property
    def set_aside(self) -> Collection[bytes]:
        """Papers that came wrong too often."""
        return self._set_aside.keys()

    # --- asking ------------------------------------------------------------------------------------------------------

    def choose(self, wanted: Iterable[Wanted], now_s: float) -> list[Wanted]:
        """What may be asked for now, in the order of asking: as much as one message could name."""
        for later in (self._absent, self._set_aside):
            for digest in [digest for digest, until_s in later.items() if until_s <= now_s]:
                del later[digest]
        closed = self._absent.keys() | self._set_aside.keys()
        return nsmallest(PAPER_WANTS_MAX, (one for one in wanted if one.digest not in closed))

    @property
    def limit(self) -> int:
        """How many wants the next message states."""
        return WANTS_WHILE_MOVING if self._is_moving else PAPER_WANTS_MAX

    # --- giving ------------------------------------------------------------------------------------------------------

    def portion(self, want: PaperWant, *, from_stated: bool = True) -> tuple[int, int]:
        """(offset, count) of the next piece of a paper that the neighbour asks for; count 0: there is none.

        `from_stated` off: from where we believe to be, whatever the neighbour holds. Only a simulation does that.
        """
        offset = want.offset if from_stated else self.sent.get(want.digest, 0)
        count = min(self.piece_bytes, self._room, want.size - offset)
        return offset, max(0, count)

    # --- measuring ---------------------------------------------------------------------------------------------------

    def measure(self, carried_bytes: int, elapsed_s: float) -> None:
        """An exchange of so many bytes, both ways, took so long: the next piece is two seconds of the line's width.

        A small exchange shows the line's delay, which says nothing about its width.
        """
        if carried_bytes < MEASURED_BYTES_MIN:
            known = self._delay_s
            self._delay_s = elapsed_s if known is None else min(elapsed_s, known * DELAY_GROWTH)
            return
        width_s = max(elapsed_s - (self._delay_s or 0.0), elapsed_s / 2, 0.001)
        self.rate_bytes_s = max(carried_bytes / width_s, (self.rate_bytes_s or 0.0) * RATE_FADING)
        # Not more than doubled: one lucky exchange proves nothing.
        target = min(int(self.rate_bytes_s * PIECE_S), 2 * self.piece_bytes)
        self.piece_bytes = max(self._least, min(PIECE_BYTES_MAX, target))

    def fail(self) -> None:
        """An exchange was lost: smaller pieces, and none before the neighbour has said again how far it holds what."""
        self.theirs = []
        self.piece_bytes = max(self._least, self.piece_bytes // 2)
