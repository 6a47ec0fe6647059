"""Bombs against a village's program: small bodies that ask for gigabytes, and callers who never finish.

Each must be refused with a code, soon, and the program and whatever it starts must stay small all the while; then it
must still do its work. Linux only: memory is read from /proc. Next: `office.capturing`, `sync.frame`, `office.web`.
"""

import asyncio
import resource
import socket
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Final

import zstandard

from office.paths import Home
from schemas.codec import Malformed
from sync.frame import MAGIC, read_frame, unpack
from tests.nightly.drills import Failed, Figures, hand_back, in_child, say
from tests.nightly.programs import Program
from tests.nightly.thin_county import VillageDesk, add_agent
from tests.support.counties import VILLAGE
from tests.support.footprint import Footprint
from tests.support.nodes import Network, found_network
from tests.support.pictures import pdf, png_of
from tests.support.waiting import free_port, until

MEMORY_MIB_MAX: Final = 200.0
REFUSED_S_MAX: Final = 2.0
SLOW_CALLERS: Final = 1000
"""More than a node lets in at once: the next one is told so, and the node goes on when they have gone."""
CROWD: Final = "one more in the crowd"
DRILL_S_MAX: Final = 900
GIGABYTES: Final = 10 * 1024**3


def why_not() -> str:
    """Why memory cannot be watched here; empty when it can."""
    return "" if Path("/proc/self/status").exists() else "it needs Linux: memory is read from /proc"


def tell() -> Figures:
    """All of them."""
    return in_child("tests.nightly.bombs", within_s=DRILL_S_MAX)


def papers() -> dict[str, bytes]:
    """Files that ask for more than they are."""
    return {
        "900 megapixels": png_of(30_000, 30_000),
        "2^62 pixels": png_of(2**31 - 1, 2**31 - 1),
        "packed document": pdf(packed=bytes(64 * 1024 * 1024)),
        "twelve packed streams": pdf(b"".join(pdf(packed=bytes(16 * 1024 * 1024))[9:] for _ in range(12))),
        "nothing": b"",
        "eleven megabytes": b"\xff\xd8\xff" + bytes(11 * 1024 * 1024),
    }


def texts() -> dict[str, bytes]:
    """Bodies for the JSON interface."""
    return {
        "nested brackets": b"[" * 100_000,
        "ten megabytes": b'{"statement":"' + b"a" * 10_000_000 + b'"}',
        "a number of a million digits": b'{"operation":' + b"9" * 1_000_000 + b"}",
        "zero bytes in a text": b'{"operation":"\\u0000","item":"\\ud800"}',
    }


def frames() -> dict[str, bytes]:
    """Pages that unpack to more than any page."""
    zeros = zstandard.ZstdCompressor(level=3, write_checksum=True).compress(bytes(300 * 1024 * 1024))
    undeclared = zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=False).compress(
        bytes(100 * 1024 * 1024)
    )
    lies = bytearray(zeros)
    lies[5:9] = (1000).to_bytes(4, "little")
    opening = MAGIC + b"\x00" + (0).to_bytes(2, "big")
    return {
        "300 MiB, declared": opening + zeros,
        "100 MiB, undeclared": opening + undeclared,
        "300 MiB, declared as 1000 bytes": opening + bytes(lies),
    }


async def tell_here(folder: Path) -> Figures:
    """The drill itself."""
    places = await found_network(folder)
    network = await Network.open(places)
    await add_agent(network.village)
    await network.close()
    port = free_port()
    village = Program("village_agent", places.home(VILLAGE), {"PORT": str(port), "PARENT": "http://127.0.0.1:9"})
    await village.start()
    desk = VillageDesk(Random(1), Home(village.home), port)
    try:
        await desk.sign_in()
        with Footprint(village.process_id) as footprint:
            refusals = [await _throw(desk, "/api/papers", name, body) for name, body in papers().items()]
            refusals += [await _throw(desk, "/api/cases", name, body) for name, body in texts().items()]
            refusals.append(await _declare_gigabytes(port))
            crowded = await _call_slowly(desk, port)
        await until(lambda: _lets_in(desk), "the crowd to be gone")
        case = await desk.file()
    finally:
        await desk.close()
        await village.stop()
    frames_mib, unpacked = _unpack()
    figures: Figures = {
        "bombs": len(refusals) + len(frames()),
        "slowest_refusal_s": round(max(took_s for _, _, took_s in refusals), 2),
        "codes": {name: code for name, code, _ in refusals} | unpacked,
        "peak_mib": round(footprint.own_mib),
        "peak_child_mib": round(footprint.child_mib),
        "frames_took_mib": round(frames_mib),
        "in_the_crowd": crowded[1],
    }
    refusals.append(crowded)
    wrong = [name for name, code, _ in refusals if code[:1] != "4" and name != CROWD]
    wrong += [name for name, code in unpacked.items() if not code]
    peak = max(footprint.own_mib, footprint.child_mib)
    if wrong or not case or peak > MEMORY_MIB_MAX or frames_mib > MEMORY_MIB_MAX:
        raise Failed(f"not refused, too large or too slow: {wrong}", figures)
    if max(took_s for _, _, took_s in refusals) > REFUSED_S_MAX:
        raise Failed(f"a refusal took more than {REFUSED_S_MAX:.0f} s", figures)
    return figures


async def _throw(desk: VillageDesk, path: str, name: str, body: bytes) -> tuple[str, str, float]:
    """(name, status and code, seconds)."""
    started_s = time.monotonic()
    status, code = await desk.post(path, body)
    took_s = time.monotonic() - started_s
    say(f"{name}: {status} {code} after {took_s:.2f} s")
    return name, f"{status} {code}", took_s


async def _declare_gigabytes(port: int) -> tuple[str, str, float]:
    """Announce ten gigabytes without any right to."""
    started_s = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST /sync/page HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: {GIGABYTES}\r\n\r\n"
    writer.write(head.encode() + bytes(100_000))
    answer = (await reader.readline()).decode().split(" ", 2)
    writer.close()
    return "ten gigabytes announced", answer[1] if len(answer) > 1 else "", time.monotonic() - started_s


async def _call_slowly(desk: VillageDesk, port: int) -> tuple[str, str, float]:
    """A thousand callers begin and never finish; what one more is told meanwhile, and how soon."""
    callers: list[socket.socket] = []
    try:
        for _ in range(SLOW_CALLERS):
            caller = socket.socket()
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))
            callers.append(caller)
        for caller in callers:
            try:
                caller.send(b"POST /api/session HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n")
            except OSError:
                continue  # Not let in: as good.
        return await _throw(desk, "/api/session", CROWD, b"{}")
    finally:
        for caller in callers:
            caller.close()


async def _lets_in(desk: VillageDesk) -> bool:
    status, _ = await desk.post("/api/session", b"{}")
    return status != 503


def _unpack() -> tuple[float, dict[str, str]]:
    """Unpack the hostile frames here; how much memory that took beside themselves, and the codes."""
    thrown = frames()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    codes: dict[str, str] = {}
    for name, frame in thrown.items():
        try:
            unpack(read_frame(frame))
            codes[name] = ""
        except Malformed as fault:
            codes[name] = fault.code
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, codes


def main() -> Figures:
    """The drill, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(tell_here(Path(folder)))


if __name__ == "__main__":
    sys.exit(hand_back(main))
