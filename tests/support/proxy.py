"""A TCP proxy that does to connections what lines do: cut, cut the answer, reset, repeat, flip a bit, crawl.

One fault a connection, drawn from a seeded generator, at a byte drawn from it too. It knows no protocol.
"""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

FAULTS = ("none", "cut", "cut_answer", "reset", "repeat", "flip", "flip_answer", "slow")
PIECE_BYTES = 512
CRAWL_S = 0.001


class Way:
    """One direction of a connection and what happens to it."""

    def __init__(
        self,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        back: asyncio.StreamWriter,
        fault: str,
        where: int,
    ) -> None:
        self.source = source
        self.target = target
        self.back = back
        self.fault = fault
        self.where = where
        self.seen = b""

    def end(self, *, reset: bool) -> None:
        """Close both sides; with SO_LINGER 0 the peer gets a reset instead of an orderly end."""
        for stream in (self.target, self.back):
            if reset:
                sock: socket.socket = stream.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                stream.transport.abort()
            else:
                stream.close()


class ChaosProxy:
    """Between one client and one server, both on loopback."""

    def __init__(self, target_port: int, seed: int, *, reach_bytes: int) -> None:
        """`reach_bytes`: faults happen within so many bytes of a connection's direction."""
        self.port = 0
        self.calm = False
        """True: every connection from now on is faultless."""
        self.faults: Counter[str] = Counter()
        """How often each fault was drawn; `happened` counts those whose byte was reached."""
        self.happened: Counter[str] = Counter()
        self._target_port = target_port
        self._random = random.Random(seed)
        self._reach_bytes = reach_bytes
        self._tasks: set[asyncio.Task[None]] = set()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._relay(reader, writer)
        except OSError:
            pass  # The line met its fault.
        finally:
            writer.close()

    async def end(self) -> None:
        """Cut what is still open."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = "none" if self.calm else self._random.choice(FAULTS)
        self.faults[fault] += 1
        where = self._random.randrange(self._reach_bytes)
        above_reader, above_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        way_up = Way(reader, above_writer, writer, "none" if fault.endswith("_answer") else fault, where)
        way_down = Way(above_reader, writer, above_writer, fault if fault.endswith("_answer") else "none", where)
        pumps = {asyncio.create_task(self._pump(way)) for way in (way_up, way_down)}
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            above_writer.close()
        if fault == "repeat" and way_up.seen:
            self.happened[fault] += 1
            await self._repeat(way_up.seen)

    async def _pump(self, way: "Way") -> None:
        passed = 0
        while data := await way.source.read(PIECE_BYTES if way.fault == "slow" else 64 * 1024):
            if way.fault == "repeat":
                way.seen += data
            if passed <= way.where < passed + len(data) and way.fault not in ("none", "repeat", "slow"):
                self.happened[way.fault] += 1
                if "flip" not in way.fault:
                    way.target.write(data[: way.where - passed])
                    await way.target.drain()
                    way.end(reset=way.fault == "reset")
                    return
                data = _flipped(data, way.where - passed, self._random.randrange(8))
            passed += len(data)
            way.target.write(data)
            await way.target.drain()
            if way.fault == "slow":
                self.happened[way.fault] += 1
                await asyncio.sleep(CRAWL_S)

    async def _repeat(self, seen: bytes) -> None:
        """Everything the client said, once more; nobody hears the answers."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        try:
            writer.write(seen)
            writer.write_eof()
            while await reader.read(64 * 1024):
                continue
        except OSError:
            return
        finally:
            writer.close()


def _flipped(data: bytes, position: int, bit: int) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


@asynccontextmanager
async def chaos_proxy(target_port: int, seed: int, *, reach_bytes: int) -> AsyncGenerator[ChaosProxy]:
    """A proxy in front of a port until the block ends."""
    proxy = ChaosProxy(target_port, seed, reach_bytes=reach_bytes)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
        await server.wait_closed()
