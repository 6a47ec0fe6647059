"""kill -9 at any moment, many times: of the node that writes, on both databases, and of a whole PostgreSQL under it.

What the suite does thirty times (`tests/contract/test_durability.py`) is done here hundreds of times, and the database
server is killed as well, all its processes at once. Proves nothing about power (`power_cut` does). Next: `killable`.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Final

from sqlalchemy import make_url

from office.database import Engines, database_url, open_engines
from office.migrations import migrate
from tests.nightly.drills import Failed, Figures, hand_back, in_child, say
from tests.support.killable import Acknowledged, killable
from tests.support.postgres import NoPostgres, PostgresServer, start_postgres
from tests.support.stores import SEALER
from tests.support.walking import walk

KILLS: Final = 500
SERVER_KILLS: Final = 20
ACKS_MAX: Final = 25
SERVER_ACKS_MAX: Final = 200
PROGRESS_EVERY: Final = 100
KILLS_S_MAX: Final = 1800


def sqlite() -> Figures:
    """Kill the writer over SQLite."""
    return in_child("tests.nightly.kills", "sqlite", within_s=KILLS_S_MAX)


def postgres() -> Figures:
    """Kill the server under the writer."""
    return in_child("tests.nightly.kills", "postgres", within_s=KILLS_S_MAX)


def no_postgres() -> str:
    """Why no PostgreSQL of our own can be started here; empty when it can."""
    try:
        server = start_postgres()
    except NoPostgres as none:
        return str(none).splitlines()[0]
    server.stop()
    return (
        ""
        if server.process is not None
        else "only a borrowed PostgreSQL is here (DATABASE_URL): it is not ours to kill"
    )


async def on_sqlite(folder: Path) -> Figures:
    """The first drill."""
    store = folder / "node.db"
    engines = open_engines(database_url("", store))
    try:
        await migrate(engines.write)
        acknowledged: list[Acknowledged] = []
        random = Random(1)
        async with killable(f"sqlite:///{store}") as device:
            for number in range(1, KILLS + 1):
                acknowledged += await device.run_until(random.randrange(0, ACKS_MAX))
                if number % PROGRESS_EVERY == 0:
                    say(f"{number} kills, {len(acknowledged)} entries acknowledged")
        return await _judge(engines, acknowledged, KILLS)
    finally:
        await engines.close()


async def on_postgres(_: Path) -> Figures:
    """The second one."""
    server = await asyncio.to_thread(start_postgres)
    try:
        return await _kill_the_server(server)
    finally:
        server.stop()


async def _kill_the_server(server: PostgresServer) -> Figures:
    url = await server.create_database()
    engines = open_engines(make_url(url))
    await migrate(engines.write)
    await engines.close()
    acknowledged: list[Acknowledged] = []
    random = Random(2)
    async with killable(url, complaints=subprocess.DEVNULL) as device:
        for number in range(1, SERVER_KILLS + 1):
            acknowledged += await device.run_until(random.randrange(0, SERVER_ACKS_MAX), server.crash)
            await asyncio.to_thread(server.start_again)
            say(f"{number} kills of the server, {len(acknowledged)} entries acknowledged")
    engines = open_engines(make_url(url))
    try:
        return await _judge(engines, acknowledged, SERVER_KILLS)
    finally:
        await engines.close()


async def _judge(engines: Engines, acknowledged: list[Acknowledged], kills: int) -> Figures:
    """Every acknowledged entry is held under its hash, once, and every chain is whole."""
    found = await walk(engines.read, SEALER)
    lost = sum(found.hashes.get((ack.ordinal, ack.seq), b"").hex() != ack.hash for ack in acknowledged)
    doubled = len(acknowledged) - len({(ack.ordinal, ack.seq) for ack in acknowledged})
    figures: Figures = {
        "kills": kills,
        "acknowledged": len(acknowledged),
        "held": len(found.hashes),
        "lost": lost,
        "doubled": doubled,
        "faults": found.faults[:3],
    }
    if lost or doubled or found.faults or len(acknowledged) < kills:
        raise Failed("what was acknowledged is not all there, once", figures)
    return figures


DRILLS: Final = {"sqlite": on_sqlite, "postgres": on_postgres}


def main(name: str) -> Figures:
    """One drill, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(DRILLS[name](Path(folder)))


if __name__ == "__main__":
    sys.exit(hand_back(lambda: main(sys.argv[1])))
