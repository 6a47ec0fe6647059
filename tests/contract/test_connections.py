"""Connections that say nothing, too little or too much, and too many from one address: nobody else is shut out."""

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn

from office import connections
from office.connections import (
    BODY_IDLE_S,
    CONNECTIONS_OF_ADDRESS_MAX,
    HEAD_BYTES_MAX,
    HEAD_S,
    Watch,
    watched_protocol,
)
from tests.support.waiting import until

REQUEST = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Reads the whole body, then says so."""
    while (await receive()).get("more_body"):
        continue
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same rules in tenths of a second."""
    for name, seconds in (("HEAD_S", 0.6), ("BODY_IDLE_S", 0.6), ("LOOK_S", 0.05)):
        monkeypatch.setattr(connections, name, seconds)


@pytest.fixture(params=[False, True], ids=["h11", "httptools"])
async def port(request: pytest.FixtureRequest) -> AsyncGenerator[int]:
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=0,
        loop="asyncio",
        http=watched_protocol(is_fast=request.param),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())

    async def up() -> bool:
        return server.started

    await until(up, "the server")
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def is_hung_up(reader: asyncio.StreamReader) -> bool:
    """Wait until the other side ends the connection; whatever it says before is left aside."""
    try:
        async with asyncio.timeout(5):
            while await reader.read(4096):
                continue
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"G",
        b"GET /health HTTP/1.1\r\nhost: x\r\n",
        b"POST /sign-in HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\nlogin=",
    ],
    ids=["nothing", "a letter", "half a head", "half a body"],
)
@pytest.mark.usefixtures("hurried")
async def test_whoever_keeps_us_waiting_is_hung_up_on(port: int, said: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    assert await is_hung_up(reader)
    writer.close()


@pytest.mark.usefixtures("hurried")
async def test_a_second_request_that_is_never_finished_is_hung_up_on(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    await reader.readuntil(b"ok")
    writer.write(b"GET /again HTTP/1.1\r\n")
    assert await is_hung_up(reader)
    writer.close()


class Hand:
    """A loop's clock that is set by hand."""

    at = 0.0

    def time(self) -> float:
        return self.at


def test_between_two_requests_and_while_a_body_comes_nobody_is_overdue() -> None:
    watch, clock = Watch(), Hand()
    watch.loop = clock
    watch.flow = SimpleNamespace(read_paused=False)
    watch.cycle = SimpleNamespace(response_complete=True, more_body=False)
    assert not watch._is_overdue(10 * HEAD_S)  # pyright: ignore[reportPrivateUsage]
    watch.cycle = SimpleNamespace(response_complete=False, more_body=True)
    assert not watch._is_overdue(BODY_IDLE_S - 1)  # pyright: ignore[reportPrivateUsage]
    assert watch._is_overdue(BODY_IDLE_S + 1)  # pyright: ignore[reportPrivateUsage]
    # The body came whole and the answer takes long: that is our own doing.
    watch.cycle = SimpleNamespace(response_complete=False, more_body=False)
    assert not watch._is_overdue(10 * BODY_IDLE_S)  # pyright: ignore[reportPrivateUsage]
    # Each piece of a slow body begins the wait anew.
    clock.at = 500.0
    watch.cycle = SimpleNamespace(response_complete=False, more_body=True)
    watch.data_received(b".")
    assert watch._waiting_since == 500.0  # pyright: ignore[reportPrivateUsage]


async def test_a_kept_connection_is_served_again(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(b"POST /sync/page HTTP/1.1\r\nhost: x\r\ncontent-length: 8\r\n\r\n....")
        await writer.drain()
        writer.write(b"....")
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_head_without_end_is_cut_off(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /health HTTP/1.1\r\n")
    try:
        for number in range(4 * HEAD_BYTES_MAX // 1000):
            writer.write(b"x-%d: " % number + b"a" * 1000 + b"\r\n")
            await writer.drain()
    except ConnectionError:
        pass
    assert await is_hung_up(reader)
    writer.close()


async def test_one_address_holds_its_share_and_others_are_served(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here everybody comes from loopback, which is not counted: for once it is, until the flood stands."""

    def is_counted(client: object) -> bool:
        return True

    monkeypatch.setattr(connections, "_is_counted", is_counted)
    flood = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS_OF_ADDRESS_MAX + 1)]
    assert await is_hung_up(flood[-1][0])
    monkeypatch.undo()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(REQUEST)
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
    for _, one in [*flood, (reader, writer)]:
        one.close()
