"""Papers in a courier bundle: which go onto a stick, as messages of the papers' conversation that nobody answers.

Each paper goes whole, from its first byte, so that it can be taken in whatever became of earlier pieces; wants and
acknowledgements go before them. Only what is wanted is taken in, as on the line (`sync.papers`). Which papers those are
says the office's policy. Must never: keep a paper's bytes beyond one piece. Next: `sync.usb` (the bundle).
"""

from collections.abc import Mapping, Sequence
from typing import Final, Protocol, TypeVar

from schemas.names import NodeId
from schemas.papers import PAPER_WANTS_MAX, PIECE_BYTES_MAX, PaperPage, PaperWant, Piece
from sync.core.errors import LocalFault
from sync.core.papers import RANK_THUMBNAIL, PaperLink, Wanted
from sync.papers import BooksOf, Elapsed, PaperSide
from sync.ports import PaperPolicy, PaperShelf

T = TypeVar("T")

WANTS_MAX: Final = 512
"""Wants stated in one bundle: a stick's round trip takes days."""


class StickPolicy(PaperPolicy, Protocol):
    """A policy that also knows what to send to somebody who cannot be asked."""

    async def for_stick(self, neighbour: NodeId) -> Sequence[Wanted]:
        """What a stick for a neighbour is to carry, as far as it is whole here, the most urgent first."""
        ...


class OutgoingPapers:
    """What a bundle for a neighbour carries of papers (`sync.usb.PaperSource`). Make it with `of`."""

    def __init__(
        self,
        pen: BooksOf,
        neighbour: NodeId,
        shelf: PaperShelf,
        sent: Mapping[bytes, int],
        piece_bytes: int = PIECE_BYTES_MAX,
    ) -> None:
        self._pen = pen
        self._neighbour = neighbour
        self._shelf = shelf
        self._piece_bytes = piece_bytes
        self._says: list[PaperPage] = []
        self._todo: list[Wanted] = []
        self._open = 0
        self.sent = dict(sent)
        """How far each paper is on the stick."""
        self.ended: list[bytes] = []
        """Papers whose last byte is in this bundle; small pictures are not counted."""
        self._moved: set[bytes] = set()

    async def plan(self, policy: StickPolicy, acknowledged: Sequence[bytes]) -> None:
        """Choose what goes. `acknowledged`: papers from this neighbour that are whole here."""
        if not await policy.knows_any():
            return
        is_first = not self.sent
        todo = await policy.for_stick(self._neighbour)
        self._todo = [one for one in todo if self.sent.get(one.digest, 0) < one.size]
        asked = sorted(await policy.wanted(self._neighbour))[:WANTS_MAX] if policy.has_room() else []
        self._open = len(asked)
        if is_first:
            stated = [PaperWant(one.digest, one.size, 0) for one in asked]
            self._says = [self._page(wants=some) for some in _in_messages(stated)]
            self._says += [self._page(whole=some) for some in _in_messages(acknowledged)]

    @property
    def moved(self) -> int:
        """How many papers this bundle holds, in part or whole."""
        return len(self._moved)

    async def look(self) -> PaperPage | None:
        """The next message; None when nothing is left. The same again until `keep`."""
        if self._says:
            return self._says[0]
        while self._todo:
            paper = self._todo[0]
            offset = self.sent.get(paper.digest, 0)
            count = min(self._piece_bytes, paper.size - offset)
            try:
                content = await self._shelf.read(paper.digest, offset, count)
            except LocalFault:
                self._todo.pop(0)  # Damaged on this disk, or gone meanwhile: it is wanted here as well now.
                continue
            is_end = offset + len(content) == paper.size
            return self._page(pieces=[Piece(paper.digest, offset, content)], offers=[paper.digest] if is_end else [])
        return None

    def keep(self, page: PaperPage) -> None:
        """The message is on the stick."""
        if not page.pieces:
            self._says.pop(0)
            return
        (piece,) = page.pieces
        self._moved.add(piece.digest)
        self.sent[piece.digest] = piece.offset + len(piece.content)
        if self.sent[piece.digest] >= self._todo[0].size:
            paper = self._todo.pop(0)
            self.ended += [paper.digest] if paper.rank != RANK_THUMBNAIL else []

    def _page(
        self,
        *,
        wants: Sequence[PaperWant] = (),
        whole: Sequence[bytes] = (),
        pieces: Sequence[Piece] = (),
        offers: Sequence[bytes] = (),
    ) -> PaperPage:
        books = self._pen.books
        assert books.epoch is not None
        return PaperPage(
            sender=books.seat.node,
            receiver=self._neighbour,
            epoch=books.epoch,
            wants=list(wants),
            pieces=list(pieces),
            absent=[],
            more=False,
            whole=list(whole),
            open=self._open,
            offers=list(offers),
        )


def _in_messages(named: Sequence[T]) -> list[Sequence[T]]:
    return [named[at : at + PAPER_WANTS_MAX] for at in range(0, len(named), PAPER_WANTS_MAX)]


class IncomingPapers:
    """Takes in what a bundle brings of papers (`sync.usb.PaperTaker`)."""

    def __init__(self, pen: BooksOf, sender: NodeId, shelf: PaperShelf, policy: PaperPolicy, scale: Elapsed) -> None:
        self._link = PaperLink()
        self._side = PaperSide(pen, sender, shelf, policy, scale, self._link)
        self._policy = policy
        self._sender = sender
        self._has_asked = False
        self.whole: list[bytes] = []
        """Papers of the bundle that are whole here now, to be acknowledged."""

    async def take(self, page: PaperPage) -> None:
        """Take a message in. Raises what `sync.papers.PaperSide.hear` raises."""
        if not self._has_asked:
            # The bundle's entries are here already, and with them what its cases name.
            wanted = await self._policy.wanted(self._sender) if self._policy.has_room() else ()
            self._link.asked = {one.digest: PaperWant(one.digest, one.size, 0) for one in wanted}
            self._has_asked = True
        # Nobody heard the question: what it says of our papers answers an earlier stick.
        self._link.offered |= set(page.whole)
        await self._side.hear(page)
        self.whole += [digest for digest in self._link.taken if digest not in self.whole]
