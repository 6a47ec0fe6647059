"""A village device that can be killed at any moment: `python -m tests.support.killable DATABASE_URL`.

One process sets everything up once and forks a writer for every `go` on its standard input; the writer opens a new
epoch, writes cases without end, and reports what is durable on standard output: `pid`, then one `ack` a transaction.
The test that started it kills the writer. Never used by anything but tests.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Final

from msgspec import Struct
from sqlalchemy import make_url

from office.database import database_url, open_engines
from schemas.names import CaseId
from sync.books import Books, Seat
from sync.core.journal import Draft
from sync.ledger import Ledger
from sync.ports import Stored
from sync.writer import Writer
from tests.support.network import COUNTY, TOWNSHIP, VILLAGE, Network, Reader, SeededSalts, TickingClock
from tests.support.stores import sql_store

CASE: Final = CaseId(b"killable village")
ROOT: Final = Path(__file__).resolve().parents[2]
AT_ONCE: Final = 3


class Acknowledged(Struct, frozen=True):
    """What the writer said was durable: entry `seq` of its epoch `ordinal`, its arrival number, and its hash."""

    ordinal: int
    seq: int
    arrival: int
    hash: str


def village_seat() -> Seat:
    """The same village device in every process: its keys follow from a seed."""
    network = Network(TOWNSHIP, VILLAGE, seed=7)
    node = network[VILLAGE]
    return Seat(node.signer, node.chain, network.root, network.verify)


class Killable:
    """The other end of the pipe, for the test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        assert process.stdin is not None
        assert process.stdout is not None
        self._input, self._output = process.stdin, process.stdout

    async def run_until(self, acks: int, cut_power: Callable[[], None] | None = None) -> list[Acknowledged]:
        """Let a new writer work, kill -9 it after so many acknowledgements, and return all that it gave.

        `cut_power`: what its disk suffers before that. Then only what came before counts: without power nobody hears an
        acknowledgement, and a kernel that pulls its own plug has said yes to a write that was under way.
        """
        self._input.write(b"go\n")
        words = (await self._output.readline()).split()
        assert words[0] == b"pid", words
        got = [await self._next() for _ in range(acks)]
        if cut_power is not None:
            cut_power()
        with contextlib.suppress(ProcessLookupError):  # It may have ended when its disk or its server did.
            os.kill(int(words[1]), 9)
        # What it had said before it died is still in the pipe, up to the line by which its parent saw it die.
        while (last := await self._next()) is not None:
            if cut_power is None:
                got.append(last)
        return [ack for ack in got if ack is not None]

    async def _next(self) -> Acknowledged | None:
        words = (await self._output.readline()).split()
        if words == [b"gone"]:
            return None
        assert words[0] == b"ack", words
        return Acknowledged(int(words[1]), int(words[2]), int(words[3]), words[4].decode())


@asynccontextmanager
async def killable(url: str, *, complaints: int | None = None) -> AsyncGenerator[Killable]:
    """Start the process over a database that has its tables. `complaints`: where its standard error goes."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.killable", url),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=complaints,
    )
    assert process.stdin is not None
    try:
        yield Killable(process)
    finally:
        process.stdin.close()
        await process.wait()


def say(*words: object) -> None:
    """One line on standard output, whole or not at all: a pipe takes so little in one piece."""
    os.write(1, (" ".join(str(word) for word in words) + "\n").encode())


async def write_without_end(url: str, seat: Seat, seed: int) -> None:
    """Three officers file cases as fast as they become durable. `url`: a locked store's with its `key`, hexadecimal."""
    parsed = make_url(url)
    key = parsed.query.get("key")
    stated = bytes.fromhex(key) if isinstance(key, str) else None
    engines = open_engines(database_url("", Path(parsed.database or "")) if "sqlite" in url else parsed, stated)
    random = Random(seed)
    reader = Reader(frozenset({COUNTY, TOWNSHIP, VILLAGE}))
    ledger = Ledger(Books(seat, sql_store(engines), reader, TickingClock(), SeededSalts(random)))
    epoch = await ledger.open_epoch()
    writer = Writer(ledger)
    writer.start()

    async def officer(number: int) -> None:
        async def file() -> Sequence[Draft]:
            return [Draft("case.filed", CASE, random.randbytes(300)) for _ in range(number)]

        while True:
            stored: list[Stored] = await writer.record(file)
            for entry in stored:
                say("ack", epoch.ordinal, entry.seq, entry.arrival, entry.hash.hex())

    await asyncio.gather(*(officer(number) for number in range(1, AT_ONCE + 1)))


def main() -> None:
    """Fork a writer for every line of standard input, and say when it is gone."""
    seat = village_seat()
    for seed, _ in enumerate(sys.stdin):
        child = os.fork()
        if child == 0:
            say("pid", os.getpid())
            asyncio.run(write_without_end(sys.argv[1], seat, seed))
            os._exit(0)
        os.waitpid(child, 0)
        say("gone")


if __name__ == "__main__":
    main()
