"""A message with a piece of a photograph that breaks off on its way: what came of it is not sent again."""

import asyncio
import contextlib
from random import Random

import msgspec
import pytest

from schemas.codec import encode
from schemas.names import Epoch, NodeId
from schemas.papers import PAPER_PAGE_BYTES_MAX, PIECE_BYTES_MAX, PaperPage, PaperWant, Piece
from sync.core.papers import PIECE_BYTES_FIRST
from sync.exchange import LineDown, converse
from sync.http import HttpLine, Wire
from sync.papers import PaperResponder, beginning_of, carry_all
from tests.support.line import township_and_village
from tests.support.papers import Holder
from tests.support.server import serving
from tests.support.waiting import until

SIZE = 60_000
CAME = 5_000
"""Bytes of the message that get through before the line dies; its head is about 200 of them."""


def message_with(content: bytes) -> PaperPage:
    """A message with everything in it that may be."""
    digest = bytes(range(32))
    return PaperPage(
        *(NodeId("a" * 16), NodeId("b" * 16), Epoch(3, b"nonce1"), [PaperWant(digest, 500, 7)], [digest], True),
        *([digest], 1, PIECE_BYTES_MAX, True, [digest], [Piece(digest, 4_000, content)]),
    )


@pytest.mark.parametrize("count", [1, 31, 32, 255, 256, 300])
def test_at_every_byte_what_came_of_the_piece_is_known_and_nothing_else(count: int) -> None:
    content = Random(count).randbytes(count)
    whole = encode(message_with(content))
    head = len(whole) - count
    for came in range(len(whole) + 1):
        piece = beginning_of(whole[:came], len(whole))
        if head < came < len(whole):
            assert piece is not None
            assert (piece.offset, piece.content) == (4_000, content[: came - head])
        else:
            assert piece is None


def test_what_claims_to_be_larger_than_a_message_may_be_is_left_alone() -> None:
    begun = encode(message_with(b"begun"))[:-2]
    assert beginning_of(begun, PAPER_PAGE_BYTES_MAX + 1) is None
    assert beginning_of(begun, 10 * 2**30) is None
    assert beginning_of(begun, 0) is None


def test_a_later_version_s_field_behind_the_piece_loses_only_some_of_what_came() -> None:
    content = Random(8).randbytes(300)
    whole = encode([*msgspec.structs.astuple(message_with(content)), "something new"])
    known = len(encode("something new"))
    kept = [beginning_of(whole[:came], len(whole)) for came in range(len(whole) - known)]
    assert all(piece is None or content.startswith(piece.content) for piece in kept)


class DyingLine:
    """A TCP relay that passes so many bytes upward, and then nothing more on the connection that sent the last one."""

    def __init__(self, target_port: int, *, says_so: bool) -> None:
        """`says_so`: whether the server hears that the connection is over."""
        self.left: int | None = None
        """Bytes that still get through; None: all."""
        self.upward = 0
        self.connections = 0
        self._target_port = target_port
        self._says_so = says_so
        self._hanging: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_dead(self) -> bool:
        """Whether somebody's bytes were held back."""
        return bool(self._hanging)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above, up = await asyncio.open_connection("127.0.0.1", self._target_port)
        down = asyncio.create_task(self._pass_down(above, writer))
        while data := await reader.read(1_000):
            if self.left is not None:
                data = data[: self.left]
                self.left -= len(data)
            self.upward += len(data)
            up.write(data)
            if self.left == 0:
                self._hanging.append(up)
                self.left = None
                break
        if up not in self._hanging or self._says_so:
            up.close()
        with contextlib.suppress(ConnectionError):
            while await reader.read(1_000):
                continue
        down.cancel()
        for stream in (up, writer):
            if stream not in self._hanging:
                stream.close()
                await stream.wait_closed()

    async def _pass_down(self, above: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await above.read(4_096):
            writer.write(data)

    async def end(self) -> None:
        """Close what hangs; the client has hung up."""
        for up in self._hanging:
            up.close()
        await asyncio.gather(*self._tasks)


# `says_so`: whether the township hears of the end of a connection before the village calls again.
@pytest.mark.parametrize("says_so", [True, False], ids=["ended", "hanging"])
async def test_the_next_message_goes_on_behind_what_came(says_so: bool) -> None:
    above, below = await township_and_village()
    township, village = Holder(above), Holder(below)
    digest = village.take_in(1, SIZE)
    township.policy.want(SIZE, digest)
    responder: PaperResponder = township.responder()
    async with serving(above, papers=responder) as place:
        dying = DyingLine(int(place.address.rpartition(":")[2]), says_so=says_so)
        relay = await asyncio.start_server(dying.serve, "127.0.0.1", 0)
        line = HttpLine(below.pen, Wire(f"http://127.0.0.1:{relay.sockets[0].getsockname()[1]}", idle_s=10))
        papers = village.line(line)
        try:
            await papers.exchange()
            dying.left = CAME
            sending = asyncio.create_task(papers.exchange())
            await until(lambda: _is(dying.is_dead), "the line to die")
            if not says_so:
                await until(lambda: _is(_arrived(responder, below.node) > CAME - 1_000), "what came to be read")
            line.hang_up()
            with pytest.raises(LineDown):
                await sending
            if says_so:
                await until(lambda: _is(digest in township.shelf.parts), "the township to keep what came")
            told = await papers.exchange()
            assert papers.side is not None
            (want,) = papers.side.link.theirs
            assert CAME - 1_000 < want.offset < CAME
            assert township.shelf.parts[digest] == village.shelf.whole[digest][: want.offset]
            assert told.bytes_sent > want.offset
            await carry_all(papers)
            assert township.shelf.whole[digest] == village.shelf.whole[digest]
            assert dying.upward < SIZE + 20_000
        finally:
            line.hang_up()
            relay.close()
            await dying.end()


async def test_what_entries_went_by_on_is_kept_for_the_next_piece() -> None:
    above, below = await township_and_village()
    township, village = Holder(above), Holder(below)
    digest = village.take_in(1, SIZE)
    township.policy.want(SIZE, digest)
    async with serving(above, papers=township.responder()) as place:
        dying = DyingLine(int(place.address.rpartition(":")[2]), says_so=False)
        relay = await asyncio.start_server(dying.serve, "127.0.0.1", 0)
        line = HttpLine(below.pen, Wire(f"http://127.0.0.1:{relay.sockets[0].getsockname()[1]}", idle_s=10))
        papers = village.line(line)
        try:
            await papers.exchange()
            dying.left = CAME
            sending = asyncio.create_task(papers.exchange())
            await until(lambda: _is(dying.is_dead), "the line to die")
            await converse(below.pen, line)
            line.break_off()
            with pytest.raises(LineDown):
                await sending
            await carry_all(papers)
            assert digest in township.shelf.whole
            assert dying.connections == 2
        finally:
            line.hang_up()
            relay.close()
            await dying.end()


async def _is(holds: bool) -> bool:
    return holds


def _arrived(responder: PaperResponder, sender: NodeId) -> int:
    arriving = responder.arriving.get(sender)
    return 0 if arriving is None else len(arriving.content)


async def test_of_a_piece_that_nobody_asked_for_no_beginning_is_kept() -> None:
    above, below = await township_and_village()
    township = Holder(above)
    responder = township.responder()
    arriving = responder.listen(below.node, 0)
    page = msgspec.structs.replace(message_with(bytes(1_000)), sender=below.node, receiver=above.node)
    message = encode(page)
    arriving.size = len(message)
    arriving.content += message[:-400]
    await responder.keep_beginning(below.node, arriving)
    assert not township.shelf.parts
    assert len(page.pieces[0].content) < PIECE_BYTES_FIRST


async def test_of_one_device_only_the_last_two_messages_are_remembered() -> None:
    above, below = await township_and_village()
    responder = Holder(above).responder()
    first, second, third = (responder.listen(below.node, 10) for _ in range(3))
    assert second.before is None
    assert third.before is second
    assert first.before is None
    third.content += bytes(10)
    assert responder.listen(below.node, 10).before is None
