"""What taking in costs at the hub: `python -m tests.benchmarks ingest [--quick]`, one JSON line at the end.

The hub is the product's own node in its own process; eight senders in another hand it the journals of 20 townships in
pages of 500 entries over real sessions; everything is decoded, verified, folded, sealed, stored and projected, once on
PostgreSQL (fsync on) and once on SQLite (WAL, synchronous=FULL). In the same run the limits are taken: COPY, and raw
executemany, of the very rows the product wrote (`limits`), and the naive way (`naive`).

Shares are of CPU per entry, application and database together, because shared cores make wall clocks lie:
`copy_share_cpu` = limit / product. `times_naive` = naive / product. `resend_share` = every page once more / first time,
and `resend_rows` must be 0. Rates stand beside them. `steps` say where the application's CPU goes, sampled in a run of
its own. Of each case that is offered to the hub it writes a receipt of its own, after the backlog: what writing them
and handing them down costs is `receipt_us`, each.
"""

import asyncio
import contextlib
import json
import pstats
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

import asyncpg
import msgspec
from msgspec import Struct

from office.founding import found_county
from office.paths import Home
from office.seat import load_seat
from schemas.wire import decode_head
from tests.benchmarks import limits, senders
from tests.benchmarks.corpus import COUNTY, COUNTY_NAME, Founded, Load, entries_in, make_load, mean_body_bytes
from tests.benchmarks.cpu import Watched
from tests.benchmarks.hub_process import CERTIFICATES_FILE
from tests.benchmarks.naive import Posted
from tests.support.postgres import PostgresServer, start_postgres
from tests.support.waiting import accepts, free_port, wait_until

SEED: Final = 20_261_122
TOWNSHIPS: Final = 20
PAGES: Final = 5
QUICK_TOWNSHIPS: Final = 8
QUICK_PAGES: Final = 2
STEP_TOWNSHIPS: Final = 8
RESENDS: Final = 5
"""Times that every page is sent once more: one round costs some 0.07 s of CPU, which is counted in steps of 0.01 s."""

NAIVE_EVENTS: Final = 200
"""For each of eight senders."""

CASES_REMEMBERED: Final = 20_000
POSTGRES_SETTINGS: Final = {"shared_buffers": "512MB", "max_wal_size": "4GB"}

STEPS: Final = {
    "decode": (("frame.py", "read_frame"), ("frame.py", "unpack")),
    "verify": (("journal.py", "check_run"),),
    "fold": (("folding.py", "settle"),),
    "seal": (("store.py", "_entry_rows"),),
    "copy": (("store.py", "_append"),),
    "project": (("store.py", "_write_projection"),),
    "small_rows": (("store.py", "_small_rows"),),
    "answer": (("ledger.py", "page_for"),),
}
"""Step → functions whose time, with all they call, is the step's. The rest is HTTP, the loop, the ledger's own work."""

TABLES: Final = ("entries", "checkpoints", "outbox", "receipts", "evidence", "dispositions", "cases", "operations")

RECEIPTS: Final = "SELECT count(*) FROM operations WHERE kind = 'case.received'"
UNRECEIVED: Final = (
    f"SELECT count(*) FROM cases WHERE (offeree = '{COUNTY}' OR offeree LIKE '{COUNTY}.%') "
    "AND stage IN ('offered', 'referred') "
    "AND subject NOT IN (SELECT subject FROM operations WHERE kind = 'case.received')"
)
"""Cases on their way to the hub to be accepted, of which it has not yet said that they are here."""


class Taken(Struct):
    """One run against one database."""

    cpu_s: float
    seconds: float
    resend_cpu_s: float
    resend_rows: int
    retries: int
    receipts: int
    receipts_cpu_s: float


class Bench:
    """The load, and the folders in which hubs are made for it."""

    def __init__(self, folder: Path, townships: int, pages: int) -> None:
        self.folder = folder
        self._first = folder / "county"
        found_county(self._first, COUNTY, COUNTY_NAME)
        seat = load_seat(Home(self._first))
        signer = seat.signer
        self.load: Load = make_load(SEED, townships, pages, founded=Founded(signer, seat.chain, seat.root))  # pyright: ignore[reportArgumentType]
        certificates = [town.device.chain[-1] for town in self.load.townships]
        (self._first / CERTIFICATES_FILE).write_bytes(msgspec.msgpack.encode(certificates))
        self.townships = [
            senders.Township(town.device.ledger.books, pages)
            for town, pages in zip(self.load.townships, self.load.pages, strict=True)
        ]
        self.entries = sum(entries_in(page) for pages in self.load.pages for page in pages)
        self.frames = sum(len(pages) for pages in self.load.pages)

    def home(self, name: str, database: str = "") -> Path:
        """A fresh folder of the one county's node."""
        folder = self.folder / name
        shutil.copytree(self._first, folder)
        lines = [f"port = {free_port()}", f"cases_remembered = {CASES_REMEMBERED}", 'log_level = "warning"']
        if database:
            lines.append(f"database = {json.dumps(database)}")
        Home(folder).settings.write_text("\n".join(lines) + "\n")
        return folder


@contextlib.contextmanager
def hub(folder: Path, profile: Path | None = None) -> Generator[tuple[int, Watched]]:
    """The hub's process, serving: its port and its CPU."""
    port = int(Home(folder).settings.read_text().split("port = ")[1].split("\n")[0])
    command = [sys.executable, "-m", "tests.benchmarks.hub_process", str(folder), *([str(profile)] if profile else [])]
    process = subprocess.Popen(command)
    try:
        wait_until(lambda: process.poll() is not None or accepts(port), "the hub to serve")
        yield port, Watched(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def take_in(bench: Bench, folder: Path, database: Watched | None, count: "Counting") -> Taken:
    """Send everything once, and once more. `database`: processes of its own, when it has any."""
    with hub(folder) as (port, process):

        def cpu() -> float:
            return process.seconds() + (database.seconds() if database is not None else 0.0)

        senders.greet_all(port, bench.townships)
        before = cpu()
        first = senders.send_pages(port, bench.townships)
        taken = cpu()
        wait_until(lambda: count.scalar(UNRECEIVED) == 0, "the hub to have received what is offered to it")
        senders.greet_all(port, bench.townships)
        middle = cpu()
        rows = count.rows()
        retries = first.retries
        for _ in range(RESENDS):
            retries += senders.send_pages(port, bench.townships).retries
        resend = (cpu() - middle) / RESENDS
        grown = count.rows() - rows
        return Taken(taken - before, first.seconds, resend, grown, retries, count.scalar(RECEIPTS), middle - taken)


class Counting:
    """Rows in all the tables that grow, of one database."""

    def __init__(self, url: str = "", file: Path | None = None) -> None:
        self._url = url.replace("+asyncpg", "")
        self._file = file

    def rows(self) -> int:
        """All of them together."""
        return self.scalar("SELECT " + " + ".join(f"(SELECT count(*) FROM {table})" for table in TABLES))

    def scalar(self, query: str) -> int:
        """The one number that a query gives."""
        if self._file is not None:
            with contextlib.closing(sqlite3.connect(self._file)) as connection:
                return int(connection.execute(query).fetchone()[0])
        return asyncio.run(self._count(query))

    async def _count(self, query: str) -> int:
        connection = await asyncpg.connect(self._url)
        try:
            return int(await connection.fetchval(query))
        finally:
            await connection.close()


def naive(bench: Bench, server: PostgresServer, database: Watched) -> tuple[float, float]:
    """CPU seconds an event, and events a second, of the naive way on the same load."""
    url = asyncio.run(server.create_database())
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.naive", url, str(port)])
    try:
        wait_until(lambda: process.poll() is not None or accepts(port), "the naive server to serve")
        bodies = [naive_bodies(bench, number) for number in range(senders.SENDERS)]
        watched = Watched(process.pid)
        before = watched.seconds() + database.seconds()
        sent = senders.post_each(port, bodies)
        cost = watched.seconds() + database.seconds() - before
    finally:
        process.terminate()
        process.wait(30)
    events = sum(len(some) for some in bodies)
    return cost / events, events / sent.seconds


def naive_bodies(bench: Bench, number: int) -> list[bytes]:
    """One township's first events, each as a JSON body."""
    bodies: list[bytes] = []
    for page in bench.load.pages[number % len(bench.load.pages)]:
        for run in (run for stretch in page.stretches for run in stretch.runs):
            for offset, line in enumerate(run.lines):
                head = decode_head(line.head)
                subject = (head.subject or b"").hex()
                event = Posted(run.origin, run.start + offset, head.at, head.kind, subject, line.body or b"")
                bodies.append(msgspec.json.encode(event))
    return bodies[:NAIVE_EVENTS]


def steps(bench: Bench, folder: Path, file: Path) -> dict[str, float]:
    """Share of each step in the application's CPU, sampled with a profiler."""
    with hub(folder, file) as (port, process):
        senders.greet_all(port, bench.townships[:STEP_TOWNSHIPS])
        process.signal(signal.SIGUSR1)
        senders.send_pages(port, bench.townships[:STEP_TOWNSHIPS])
    costs: dict[tuple[str, str], float] = {}
    total = 0.0
    for (path, _, function), (_, _, own_s, all_s, _) in calls_in(file).items():
        key = (Path(path).name, function)
        costs[key] = costs.get(key, 0.0) + all_s
        total += own_s
    shares = {step: round(sum(costs.get(name, 0.0) for name in names) / total, 3) for step, names in STEPS.items()}
    shares["http_and_rest"] = round(1 - sum(shares.values()), 3)
    return shares


Calls = dict[tuple[str, int, str], tuple[int, int, float, float, object]]
"""(file, line, function) → (calls, of these not recursive, own seconds, with all it called, callers)."""


def calls_in(file: Path) -> Calls:
    """What the profiler wrote."""
    calls: Calls = vars(pstats.Stats(str(file)))["stats"]
    return calls


def measure(folder: Path, *, quick: bool) -> dict[str, object]:
    """Everything, in one run."""
    size = (QUICK_TOWNSHIPS, QUICK_PAGES) if quick else (TOWNSHIPS, PAGES)
    bench = Bench(folder, *size)
    body_bytes = mean_body_bytes(bench.load.townships)
    say(f"load: {bench.entries} entries on {bench.frames} pages of {size[0]} townships, {body_bytes:.0f} bytes a body")
    server = start_postgres(POSTGRES_SETTINGS)
    try:
        figures = postgres_figures(bench, server)
    finally:
        server.stop()
    figures |= sqlite_figures(bench)
    figures |= {"entries": bench.entries, "mean_body_bytes": round(body_bytes, 1)}
    return figures


def postgres_figures(bench: Bench, server: PostgresServer) -> dict[str, object]:
    """The product, its limit and the naive way on PostgreSQL."""
    assert server.process is not None, "a borrowed server's CPU cannot be seen; unset DATABASE_URL"
    database = Watched(server.process.pid)
    url = asyncio.run(server.create_database())
    taken = take_in(bench, bench.home("postgres", url), database, Counting(url))
    say(f"PostgreSQL: {taken}")
    limit, rows = asyncio.run(limits.copy_cpu_s(url, database))
    say(f"COPY: {limit * 1e6:.1f} us a row, {rows} rows")
    naive_cost, naive_rate = naive(bench, server, database)
    say(f"naive: {naive_cost * 1e6:.0f} us an event")
    shares = steps(bench, bench.home("steps", asyncio.run(server.create_database())), bench.folder / "profile")
    cost = taken.cpu_s / bench.entries
    return {
        "copy_share_cpu": round(limit / cost, 3),
        "times_naive": round(naive_cost / cost, 1),
        "resend_share": round(taken.resend_cpu_s / taken.cpu_s, 4),
        "resend_rows": taken.resend_rows,
        "receipts": taken.receipts,
        "receipt_us": round(taken.receipts_cpu_s / taken.receipts * 1e6),
        "postgres_us_per_entry": round(cost * 1e6, 1),
        "copy_us_per_row": round(limit * 1e6, 2),
        "naive_us_per_event": round(naive_cost * 1e6),
        "postgres_entries_per_s": round(bench.entries / taken.seconds),
        "naive_events_per_s": round(naive_rate),
        "steps": shares,
    }


def sqlite_figures(bench: Bench) -> dict[str, object]:
    """The product and its limit on SQLite."""
    folder = bench.home("sqlite")
    file = Home(folder).database
    taken = take_in(bench, folder, None, Counting(file=file))
    say(f"SQLite: {taken}")
    limit, _ = limits.executemany_cpu_s(file, bench.folder)
    cost = taken.cpu_s / bench.entries
    return {
        "executemany_share_cpu": round(limit / cost, 3),
        "sqlite_us_per_entry": round(cost * 1e6, 1),
        "executemany_us_per_row": round(limit * 1e6, 2),
        "sqlite_entries_per_s": round(bench.entries / taken.seconds),
        "sqlite_resend_share": round(taken.resend_cpu_s / taken.cpu_s, 4),
        "sqlite_resend_rows": taken.resend_rows,
    }


def say(text: str) -> None:
    """A line of progress, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Measure, and end with the JSON line."""
    with tempfile.TemporaryDirectory(prefix="tongban-ingest-") as folder:
        figures = measure(Path(folder), quick="--quick" in arguments)
    print(json.dumps(figures))
    return 0
