"""The papers' conversation between a node and the node above it: wants, one piece at a time, acknowledgements.

Its messages go beside pages, on a route of their own, so that an older node is never sent what it cannot read, and no
entry ever waits for a photograph. The child calls `PaperLine.exchange` again and again while `Exchanged.goes_on`; the
parent's server calls `PaperResponder.respond`. Both keep a `PaperSide` for the line. A message that is lost, repeated
or late changes nothing: the receiver states how far it durably holds what it asks for, and only that is gone on from.
Never acknowledges what the shelf has not made durable, never says why a paper is `absent`, never reads one.
Next: `sync.core.papers` (who decides), `sync.courier` (when), `office.paper_wants` (which papers, and for whom).
"""

import asyncio
import logging
from collections.abc import Collection
from typing import Final, Protocol

from msgspec import Struct

from schemas.codec import Malformed, decode, encode
from schemas.names import NodeId
from schemas.papers import (
    PAPER_BYTES_MAX,
    PAPER_PAGE_BYTES_MAX,
    PAPER_WANTS_MAX,
    PIECE_BYTES_MAX,
    PaperPage,
    PaperWant,
    Piece,
)
from schemas.wire import Lane, is_line
from sync.books import Books
from sync.core.errors import Busy, LocalFault, RemoteFault, UnknownSender
from sync.core.papers import PaperLink, Wanted
from sync.exchange import LineDown
from sync.ports import PaperPolicy, PaperShelf, Store

_log: Final = logging.getLogger("tongban.papers")

WAITING_PER_NODE_MAX: Final = 2
"""Messages of one device at the door: the one under way, and one sent again after a broken connection."""

FRUITLESS_MAX: Final = 3
"""Exchanges in a row without a byte of a paper in either direction: then nothing is to be had now."""

LOOKED_AT_MAX: Final = 64
"""Waiting entries that are looked at for work among them; house-keeping alone interrupts nothing (RULINGS A9)."""


class PapersUnsupported(RemoteFault):
    """The node above is of a version that knows no papers. Never an error of the line: everything else goes on."""

    status = 404

    def __init__(self) -> None:
        super().__init__(
            "papers_unsupported",
            "the node above runs an older version that does not take papers; they wait here until it is updated",
        )


class PaperTransport(Protocol):
    """The papers' part of a line to the node above (`sync.exchange.Transport`)."""

    async def connect(self) -> NodeId:
        """Open a session if none is open. Returns who answers there. Raises `Fault`, `LineDown`."""
        ...

    async def exchange_papers(self, message: bytes) -> bytes:
        """Send one message and return the answer. Raises `PapersUnsupported`, a refusal as a `Fault`, or `LineDown`."""
        ...


class Elapsed(Protocol):
    """A scale of seconds that never goes back (`sync.ports.Sleeper`)."""

    def elapsed_s(self) -> float:
        """Seconds since some fixed moment."""
        ...


class BooksOf(Protocol):
    """Whoever has the node's books: its pen (`sync.exchange.Pen`)."""

    @property
    def books(self) -> Books:
        """The state in memory."""
        ...


class PaperSide:
    """One neighbour: takes in what it says and composes what it is told."""

    def __init__(
        self,
        pen: BooksOf,
        neighbour: NodeId,
        shelf: PaperShelf,
        policy: PaperPolicy,
        scale: Elapsed,
        link: PaperLink | None = None,
    ) -> None:
        self.link = link or PaperLink()
        self._pen = pen
        self._neighbour = neighbour
        self._shelf = shelf
        self._policy = policy
        self._scale = scale

    async def hear(self, page: PaperPage) -> int:
        """Take a message in; returns how many bytes of papers it brought further.

        Raises `RemoteFault` (`wrong_sender`, `wrong_receiver`), and what the shelf raises when it cannot keep a piece.
        """
        if page.sender != self._neighbour:
            raise RemoteFault(
                "wrong_sender", "the message is from another device than the session; open a session of its own"
            )
        if page.receiver != self._pen.books.seat.node:
            raise RemoteFault("wrong_receiver", "the message is addressed to another device; check the address")
        link = self.link
        absent = [digest for digest in page.absent if digest in link.asked]
        whole = [digest for digest in page.whole if digest in link.sent or digest in link.offered]
        for digest in whole:
            link.sent.pop(digest, None)
        link.hear(page, self._scale.elapsed_s())
        brought = 0
        for piece in page.pieces:
            brought += await self._take(piece)
        for digest in page.offers:
            size = await self._policy.size_for(self._neighbour, digest)
            if size is not None and await self._shelf.held(digest, size) == size:
                link.taken.append(digest)
        is_all = link.open == len(page.wants)
        await self._policy.heard(self._neighbour, page.wants, whole, absent, is_all=is_all)
        return brought

    async def _take(self, piece: Piece) -> int:
        """Keep what goes on from where we stand. What was not asked for, or is out of place, changes nothing."""
        link = self.link
        want = link.asked.get(piece.digest)
        if want is None:
            return 0
        if link.is_beyond(piece):
            await self._spoil(piece.digest)
            return 0
        held = await self._shelf.held(piece.digest, want.size)
        content = link.place(piece, held)
        if not content:
            return 0
        try:
            now_held = await self._shelf.append(piece.digest, want.size, held, content)
        except RemoteFault as fault:
            if fault.code != "paper_mismatch":
                raise
            await self._spoil(piece.digest)
            return 0
        if now_held == want.size:
            link.taken.append(piece.digest)
            await self._policy.came(piece.digest)
        return max(0, now_held - held)

    async def _spoil(self, digest: bytes) -> None:
        is_over = self.link.spoil(digest, self._scale.elapsed_s())
        if is_over:
            # The name of a paper is no personal data, and the only thing by which it can be looked for.
            _log.warning("paper %s from %s came wrong again and is set aside", digest.hex()[:16], self._neighbour)
        await self._policy.spoiled(self._neighbour, digest, set_aside=is_over)

    async def hear_beginning(self, content: bytes, size: int) -> int:
        """What has come of a message of `size` bytes that broke off; returns how many bytes of a paper it brought.

        Nothing else of it is heard: its sender says it again. Raises what the shelf raises when it cannot keep a piece.
        """
        piece = beginning_of(content, size)
        return 0 if piece is None else await self._take(piece)

    async def say(self, *, entries: bool = False) -> PaperPage:
        """The next message. `entries`: whether entries wait for the neighbour, which go first."""
        link, books = self.link, self._pen.books
        # Composed anew each time: the last one may have been turned away, again and again.
        link.refused = []
        wanted = await self._policy.wanted(self._neighbour)
        wants, has_more = await self._wants(wanted) if self._policy.has_room() else ([], False)
        offers = [digest for digest in await self._policy.offers(self._neighbour) if digest not in link.offered]
        link.offered.update(offers)
        pieces = [] if entries else await self._pieces()
        link.asked = {want.digest: want for want in wants}
        assert books.epoch is not None
        return PaperPage(
            sender=books.seat.node,
            receiver=self._neighbour,
            epoch=books.epoch,
            wants=wants,
            pieces=pieces,
            absent=link.refused,
            more=has_more or entries,
            whole=link.taken[:PAPER_WANTS_MAX],
            open=max(len(wanted), len(wants)),
            room=link.piece_bytes,
            entries=entries,
            offers=offers,
        )

    async def _wants(self, wanted: Collection[Wanted]) -> tuple[list[PaperWant], bool]:
        """What we ask for, and whether there is more of it. What came on another way meanwhile is noted as here."""
        wants: list[PaperWant] = []
        self.link.try_anew(self._policy.retried())
        for one in self.link.choose(wanted, self._scale.elapsed_s()):
            if len(wants) >= self.link.limit:
                return wants, True
            held = await self._shelf.held(one.digest, one.size)
            if held < one.size:
                wants.append(PaperWant(one.digest, one.size, held))
            else:
                await self._policy.came(one.digest)
        return wants, False

    async def _pieces(self) -> list[Piece]:
        """One piece of the first paper that the neighbour asks for and may have; what comes before it is absent."""
        link = self.link
        for want in link.theirs:
            piece = await self._piece_of(want)
            if piece is not None:
                link.sent[want.digest] = piece.offset + len(piece.content)
                return [piece]
            link.refused.append(want.digest)
        return []

    async def _piece_of(self, want: PaperWant) -> Piece | None:
        size = await self._policy.size_for(self._neighbour, want.digest)
        if size is None or size != want.size:
            return None
        if await self._shelf.held(want.digest, size) < size:
            await self._policy.missed(self._neighbour, want.digest, size)
            return None
        offset, count = self.link.portion(want, from_stated=self._pen.books.rules.paper_offset_stated)
        if not count:
            return None
        try:
            return Piece(want.digest, offset, await self._shelf.read(want.digest, offset, count))
        except LocalFault:
            # Damaged on this disk: the shelf has set it aside, so it is missing here as well.
            await self._policy.missed(self._neighbour, want.digest, size)
            return None


async def has_work_for(books: Books, store: Store, neighbour: NodeId) -> bool:
    """Whether entries wait for a neighbour that are more than house-keeping."""
    link = books.links.get(neighbour)
    if link is None:
        return False
    for lane in (Lane.EXCERPTS, Lane.RUNS):
        for epoch, above, _ in link.unsent(lane):
            rows = await store.outbox(neighbour, lane, epoch, above, LOOKED_AT_MAX)
            for row in rows[:LOOKED_AT_MAX]:
                start = row.seq + max(0, above + 1 - row.number)
                stop = min(row.seq + row.count, start + LOOKED_AT_MAX)
                found = await store.entries(row.journal, start, stop)
                if any(not is_line(entry.kind) for entry in found):
                    return True
    return False


# --- the child's side ----------------------------------------------------------------------------------------------


class Exchanged(Struct, frozen=True):
    """What one exchange did."""

    goes_on: bool
    """Whether the next one has something to carry or to say."""
    entries: bool = False
    """The node above has entries for us: they go first."""
    bytes_sent: int = 0
    """Of the message, and of the piece broken off before it what the node above has kept, as it says now."""
    bytes_received: int = 0


class PaperLine:
    """The papers' conversation of a node with the node above."""

    def __init__(
        self, pen: BooksOf, transport: PaperTransport, shelf: PaperShelf, policy: PaperPolicy, scale: Elapsed
    ) -> None:
        self.side: PaperSide | None = None
        self._neighbour: NodeId | None = None
        self._pen = pen
        self._transport = transport
        self._shelf = shelf
        self._policy = policy
        self._scale = scale
        self._fruitless = 0
        self._broken_off: list[Piece] = []

    @property
    def rate_bytes_s(self) -> float | None:
        """What the line carried lately; None before any piece went."""
        return self.side.link.rate_bytes_s if self.side is not None else None

    async def begin(self) -> bool:
        """A new conversation: what the node above had not may have come to it meanwhile.

        False when there is nothing to speak of: no paper is known here, and none is wanted.
        """
        self._fruitless = 0
        if self.side is not None:
            self.side.link.ask_again()
        return await self._policy.knows_any()

    async def exchange(self) -> Exchanged:
        """One message up, one down.

        Raises `PapersUnsupported`, `LineDown` or the refusal of the other side; what was exchanged before stays.
        """
        neighbour = await self._transport.connect()
        side = self._side_of(neighbour)
        page = await side.say()
        message = encode(page)
        started_s = self._scale.elapsed_s()
        try:
            answer = await self._transport.exchange_papers(message)
        except (LineDown, asyncio.CancelledError):
            side.link.fail()
            self._broken_off = page.pieces or self._broken_off
            raise
        reply = _read(answer)
        kept, self._broken_off = _kept_of(self._broken_off, reply), []
        side.link.measure(len(message) + len(answer), self._scale.elapsed_s() - started_s)
        brought = await side.hear(reply)
        has_moved = brought > 0 or _was_taken(page.pieces, reply)
        self._fruitless = 0 if has_moved else self._fruitless + 1
        link = side.link
        goes_on = bool(link.theirs or link.taken or reply.more or has_moved or await self._asks(side))
        return Exchanged(
            goes_on=goes_on and self._fruitless < FRUITLESS_MAX,
            entries=reply.entries,
            bytes_sent=len(message) + kept,
            bytes_received=len(answer),
        )

    async def _asks(self, side: PaperSide) -> bool:
        neighbour = self._neighbour
        assert neighbour is not None
        wanted = await self._policy.wanted(neighbour) if self._policy.has_room() else ()
        return bool(side.link.choose(wanted, self._scale.elapsed_s()))

    def _side_of(self, neighbour: NodeId) -> PaperSide:
        if self.side is None or self._neighbour != neighbour:
            self.side = PaperSide(self._pen, neighbour, self._shelf, self._policy, self._scale)
            self._neighbour = neighbour
        return self.side


async def carry_all(line: PaperLine) -> None:
    """Exchange until nothing is left to carry: for a node that is not served. Raises what `PaperLine.exchange` does."""
    goes_on = await line.begin()
    while goes_on:
        goes_on = (await line.exchange()).goes_on


# --- the parent's side ---------------------------------------------------------------------------------------------


class Arriving:
    """A message on its way up to us: what has come of it, so that a line that breaks off costs nothing that came."""

    def __init__(self, size: int, before: "Arriving | None" = None) -> None:
        self.content = bytearray()
        self.size = size
        """Bytes of the whole message, as its sender says."""
        self.before = before
        """The device's message before this one, when that had not come whole yet: it hangs on a dead connection."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing of it is missing."""
        return len(self.content) >= self.size


class PaperResponder:
    """Answers the papers' messages of the devices below. One for each serving process."""

    def __init__(self, pen: BooksOf, store: Store, shelf: PaperShelf, policy: PaperPolicy, scale: Elapsed) -> None:
        self.sides: dict[NodeId, PaperSide] = {}
        self.arriving: dict[NodeId, Arriving] = {}
        """Of each device the message that began last."""
        self._pen = pen
        self._store = store
        self._shelf = shelf
        self._policy = policy
        self._scale = scale
        self._turns: dict[NodeId, asyncio.Lock] = {}
        self._waiting: dict[NodeId, int] = {}

    def listen(self, sender: NodeId, size: int) -> Arriving:
        """A message of `sender` (whose session was checked) begins: what comes of it goes into `content`.

        Of one device the last two are known, so nobody fills the memory with beginnings.
        """
        before = self.arriving.get(sender)
        if before is not None:
            before.before = None
        self.arriving[sender] = arriving = Arriving(size, None if before is None or before.is_whole else before)
        return arriving

    async def keep_beginning(self, sender: NodeId, arriving: Arriving) -> None:
        """A message broke off. Raises what `respond` raises."""
        async with self._turn_of(sender):
            await self._side_of(sender).hear_beginning(bytes(arriving.content), arriving.size)

    async def respond(self, sender: NodeId, data: bytes, *, before: Arriving | None = None) -> bytes:
        """Take in a message of `sender` (whose session was checked) and return the answer.

        `before`: one that it has given up: what came of it is kept, so that the answer states it.
        Raises `Malformed`, `RemoteFault`, `UnknownSender`, or `Busy` (`too_many_pages`, a full disk).
        """
        if self._waiting.get(sender, 0) >= WAITING_PER_NODE_MAX:
            raise Busy("too_many_pages", "too many messages of this device are under way; wait", retry_after_s=5)
        self._waiting[sender] = self._waiting.get(sender, 0) + 1
        try:
            async with self._turn_of(sender):
                page = read_message(data)
                side = self._side_of(sender)
                if before is not None:
                    await side.hear_beginning(bytes(before.content), before.size)
                await side.hear(page)
                entries = await has_work_for(self._pen.books, self._store, sender)
                return encode(await side.say(entries=entries))
        finally:
            self._waiting[sender] -= 1

    def _turn_of(self, sender: NodeId) -> asyncio.Lock:
        return self._turns.setdefault(sender, asyncio.Lock())

    def _side_of(self, sender: NodeId) -> PaperSide:
        children = set(self._pen.books.children.values())
        if sender not in children:
            raise UnknownSender("unknown_neighbour", "no line to this device is known here; check the address above")
        for gone in self.sides.keys() - children:
            del self.sides[gone]
            self._turns.pop(gone, None)
            self.arriving.pop(gone, None)
        if sender not in self.sides:
            # Only the child measures: it says how much it takes, and sends as much as fits its line.
            link = PaperLink(piece_bytes=PIECE_BYTES_MAX)
            self.sides[sender] = PaperSide(self._pen, sender, self._shelf, self._policy, self._scale, link)
        return self.sides[sender]


def read_message(data: bytes) -> PaperPage:
    """A message as it came. Raises `Malformed`: wrong types, lengths or sizes, too many bytes."""
    page = decode(data, PaperPage, limit=PAPER_PAGE_BYTES_MAX)
    if any(want.offset > want.size for want in page.wants):
        raise Malformed("malformed", "a paper's offset lies beyond its end; update the sending node")
    return page


def beginning_of(content: bytes, size: int) -> Piece | None:
    """The piece in a message of `size` bytes of which only `content` has come; None when that tells of none.

    A piece is the end of its message (PROTOCOL 13): what is missing is missing of its bytes, so any bytes stand for it.
    """
    missing = size - len(content)
    if missing <= 0 or size > PAPER_PAGE_BYTES_MAX:
        return None
    try:
        pieces = read_message(content + bytes(missing)).pieces
    except Malformed:
        return None
    if len(pieces) != 1 or len(pieces[0].content) <= missing:
        return None
    return Piece(pieces[0].digest, pieces[0].offset, pieces[0].content[:-missing])


def _kept_of(broken_off: list[Piece], reply: PaperPage) -> int:
    """How many bytes of a piece that was broken off the other side says it has now."""
    stated = {want.digest: want.offset for want in reply.wants}
    return sum(min(len(piece.content), max(0, stated.get(piece.digest, 0) - piece.offset)) for piece in broken_off)


def _was_taken(pieces: list[Piece], reply: PaperPage) -> bool:
    """Whether the other side holds more of a paper than before the piece: it says so, or asks for it no longer."""
    stated = {want.digest: want.offset for want in reply.wants}
    return any(stated.get(piece.digest, PAPER_BYTES_MAX) > piece.offset for piece in pieces)


def _read(answer: bytes) -> PaperPage:
    try:
        return read_message(answer)
    except Malformed as fault:
        raise RemoteFault(
            f"answer_{fault.code}", "the other side's answer is not about papers; try again later"
        ) from fault
