"""How light the village agent is: `python -m tests.benchmarks agent`, one JSON line at the end.

The real program (`village_agent run`, without the libraries that only a hub has) in its own process and locked folder,
with 500 entries that no line has carried yet, under a township that is a real node too. `start_cpu_s`: CPU until an
officer has unlocked it and is signed in. `rss_mib`: resident memory after 100 requests were served and the 500 entries
are at the township. Three starts; the middle one counts.
"""

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from random import Random
from typing import Final

import httpx
import msgspec
import psutil
from msgspec import Struct

from office.accounts import Accounts
from office.founding import prepare_device
from office.locking import lock_home
from office.node import Node
from office.paths import Home, write_private
from office.seat import SeatFile, save_seat
from office.seeds import load_catalogue
from office.settings import load_settings
from schemas.casework.events import encode_event
from schemas.casework.roles import Role
from sync.core.journal import Draft
from tests.benchmarks.corpus import County, Device
from tests.benchmarks.hub_process import CERTIFICATES_FILE
from tests.benchmarks.paperwork import RANDOM_TEXT, Affair, Desk, Pen
from tests.support.waiting import accepts, free_port, wait_until

SEED: Final = 3
STARTS: Final = 3
ENTRIES: Final = 500
REQUESTS: Final = 100
LOGIN: Final = "zhang"
PASSWORD: Final = "hills-and-terraces-27"
PAGES: Final = ("/cases", "/api/cases", "/api/line", "/sign-in", "/line")


class Weight(Struct, frozen=True):
    """One start."""

    start_cpu_s: float
    rss_mib: float
    statuses: dict[int, int]


def make_folder(folder: Path, device: Device, port: int, parent: str = "") -> Home:
    """A node's folder for a device of the load."""
    home = Home(folder)
    home.make()
    write_private(home.keys, device.signer.to_bytes())
    prepare_device(folder)
    root = device.ledger.books.seat.root
    save_seat(home, SeatFile(root.county, root.public_key, device.chain, parent))
    home.settings.write_text(f"port = {port}\n")
    return home


async def fill(folder: Path, pen: Pen, village: Desk, township: Desk) -> None:
    """An account, and entries that wait for the line."""
    node = await Node.open(folder)
    try:
        accounts = Accounts(node.engines.write, node.engines.read, node.seat, node.clock, node.salts)
        await accounts.add_officer(LOGIN, "张代办", node.seat, [Role.AGENT], PASSWORD)
        items = list(load_catalogue().items.values())
        written = 0
        while written < ENTRIES:
            affair = Affair(pen, village, township, pen.random.choice(items))
            while (event := affair.waiting) is not None and event.office == village.office:
                draft = Draft(event.kind, affair.case, encode_event(event))

                async def drafting(draft: Draft = draft) -> Sequence[Draft]:
                    return [draft]

                entry = (await node.writer.record(drafting))[0]
                affair.written(event, entry.hash)
                written += 1
    finally:
        await node.close()


@contextlib.contextmanager
def running(command: Sequence[str], *flags: str) -> Generator["subprocess.Popen[bytes]"]:
    """A process until the block ends; then it is asked to end and waited for. `flags`: as the program sets itself."""
    process = subprocess.Popen(
        [sys.executable, *flags, "-m", *command], stdout=subprocess.DEVNULL, env=dict(os.environ, PYTHONUTF8="1")
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def weigh(folder: Path, start: int) -> Weight:
    """One start of a new village under a new township."""
    county = County(SEED + start)
    town = county.townships(1)[0]
    device, village = town.device, town.villages[0]
    above, port = free_port(), free_port()
    upper = make_folder(folder / f"township-{start}", device, above)
    (upper.folder / CERTIFICATES_FILE).write_bytes(msgspec.msgpack.encode([village.chain[-1]]))
    lower = make_folder(folder / f"village-{start}", village, port, f"http://127.0.0.1:{above}")
    desks = (Desk(village.office, "K7"), Desk(device.office, "M2"))
    asyncio.run(fill(lower.folder, Pen(Random(SEED), RANDOM_TEXT), *desks))
    lock_home(lower, load_settings(lower.settings), LOGIN, PASSWORD)
    with running(["tests.benchmarks.hub_process", str(upper.folder)]):
        wait_until(lambda: accepts(above), "the township to serve")
        with running(["tests.benchmarks.agent_process", "run", "--home", str(lower.folder)], "-OO") as process:
            agent = psutil.Process(process.pid)
            wait_until(lambda: process.poll() is not None or accepts(port), "the agent to serve")
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                token = client.get("/api/session").json()["csrf"]
                who = {"login": LOGIN, "password": PASSWORD}
                signed_in = client.post("/api/session", json=who, headers={"x-csrftoken": token})
                spent = agent.cpu_times()
                statuses = ask(client, {signed_in.status_code: 1})
            wait_until(lambda: held(upper.database, village.id) >= ENTRIES, "the entries to reach the township")
            return Weight(spent.user + spent.system, agent.memory_info().rss / 2**20, statuses)


def ask(client: httpx.Client, statuses: dict[int, int]) -> dict[int, int]:
    """Read pages; how many answers there were of each status."""
    for number in range(REQUESTS - 1):
        status = client.get(PAGES[number % len(PAGES)]).status_code
        statuses[status] = statuses.get(status, 0) + 1
    return statuses


def held(database: Path, origin: str) -> int:
    """Entries of a device that a node holds, looked up from outside."""
    query = "SELECT coalesce(sum(size), 0) FROM journals WHERE origin = ?"
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return int(connection.execute(query, (origin,)).fetchone()[0])


def main(arguments: Sequence[str]) -> int:
    """Measure, and end with the JSON line."""
    with tempfile.TemporaryDirectory(prefix="tongban-agent-") as folder:
        weights = [weigh(Path(folder), start) for start in range(1 if "--quick" in arguments else STARTS)]
    for weight in weights:
        print(weight, file=sys.stderr)
    figures = {
        "rss_mib": round(statistics.median(weight.rss_mib for weight in weights), 1),
        "start_cpu_s": round(statistics.median(weight.start_cpu_s for weight in weights), 2),
        "requests": REQUESTS,
        "entries": ENTRIES,
    }
    print(json.dumps(figures))
    return 0
