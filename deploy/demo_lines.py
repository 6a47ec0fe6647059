"""The demo's lines: one small TCP relay between each office and the one above it, which can be cut and mended.

A cut line behaves as a dead village line does: open connections break off at once, new ones break off as soon as they
are made. `break_before_reply` is the nastiest fault of all: the request arrives and works, its answer never comes back.
Never looks into what it carries. Next: `deploy.demo_county`, which puts one under every node.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

CHUNK_BYTES: Final = 64 * 1024


class Line:
    """One line between a child and its parent, on loopback. The child is told this address, not the parent's."""

    def __init__(self, name: str, parent_port: int) -> None:
        """`name`: the child's, for the screen. `parent_port`: where the parent listens on loopback."""
        self.name = name
        self.is_cut = False
        self.bytes_carried = 0
        self.replies_lost = 0
        self._parent_port = parent_port
        self._breaks_when: Callable[[], bool] | None = None
        self._server: asyncio.Server | None = None
        self._calls: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Begin to listen, on any free port."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)

    @property
    def address(self) -> str:
        """Where the child finds its parent."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Break every connection off and let no new one live."""
        self.is_cut = True
        for call in self._calls:
            call.cancel()

    def mend(self) -> None:
        """Carry again. Whoever waits for the line finds out by trying."""
        self.is_cut = False

    def break_before_reply(self, when: Callable[[], bool]) -> None:
        """Break, and stay cut, before the first answer for which `when` holds: the sender cannot know what arrived.

        `when` is asked as each answer comes by; a node answers only what it has durably taken in.
        """
        self._breaks_when = when

    async def close(self) -> None:
        """Stop listening and break everything off."""
        self.cut()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        await asyncio.gather(*self._calls, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self.is_cut:
            writer.transport.abort()
            return
        self._calls.add(task)
        try:
            # A cancelled server task would be reported as an error of the loop; the cut itself is the normal case here.
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await self._carry(reader, writer)
        finally:
            self._calls.discard(task)
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        above_reader, above_writer = await asyncio.open_connection("127.0.0.1", self._parent_port)
        try:
            up = asyncio.ensure_future(self._pump(reader, above_writer, is_reply=False))
            down = asyncio.ensure_future(self._pump(above_reader, writer, is_reply=True))
            try:
                await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
            finally:
                up.cancel()
                down.cancel()
                await asyncio.gather(up, down, return_exceptions=True)
        finally:
            above_writer.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, is_reply: bool) -> None:
        while chunk := await source.read(CHUNK_BYTES):
            if is_reply and self._breaks_when is not None and self._breaks_when():
                self._breaks_when = None
                self.replies_lost += 1
                self.cut()
                return
            self.bytes_carried += len(chunk)
            target.write(chunk)
            await target.drain()
