"""The demo's cuttable line: it carries, breaks off when cut, carries again when mended, and can lose one reply."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from deploy.demo_lines import Line


@asynccontextmanager
async def line_to_an_echo() -> AsyncGenerator[tuple[Line, list[bytes]]]:
    """A line whose far end answers every chunk with itself, and what the far end has heard."""
    heard: list[bytes] = []

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(100):
            heard.append(chunk)
            writer.write(chunk)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    line = Line("v1", server.sockets[0].getsockname()[1])
    await line.open()
    try:
        yield line, heard
    finally:
        await line.close()
        server.close()
        await server.wait_closed()


async def say(line: Line, text: bytes) -> bytes:
    """Open a connection, say something, hear the answer; empty when the line broke off."""
    port = urlsplit(line.address).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text)
        await writer.drain()
        return await reader.read(100)
    except OSError:
        return b""
    finally:
        writer.transport.abort()


async def test_a_line_carries_until_it_is_cut_and_again_when_it_is_mended() -> None:
    async with line_to_an_echo() as (line, heard):
        assert await say(line, b"one") == b"one"
        line.cut()
        assert await say(line, b"two") == b""
        line.mend()
        assert await say(line, b"three") == b"three"
        assert heard == [b"one", b"three"]


async def test_cutting_breaks_off_a_connection_that_is_open() -> None:
    async with line_to_an_echo() as (line, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(line.address).port)
        writer.write(b"here")
        assert await reader.read(100) == b"here"
        line.cut()
        try:
            assert await reader.read(100) == b""
        except ConnectionResetError:
            pass
        finally:
            writer.transport.abort()


async def test_a_line_that_breaks_before_a_reply_was_heard_above_and_stays_cut() -> None:
    async with line_to_an_echo() as (line, heard):
        line.break_before_reply(lambda: b"two" in heard)
        assert await say(line, b"one") == b"one"
        assert await say(line, b"two") == b""
        assert await say(line, b"three") == b""
        line.mend()
        assert await say(line, b"two") == b"two"
        assert heard == [b"one", b"two", b"two"]
        assert line.replies_lost == 1
