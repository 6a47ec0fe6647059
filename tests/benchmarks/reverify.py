"""Re-verification of a county's store: `python -m tests.benchmarks reverify [--entries N]`, one JSON line at the end.

Generates journals (`journals`: about 450 real devices, bodies of 200 to 400 bytes sealed, a signed checkpoint every 64
entries, 5.5 GB for ten million), reads the store once so that it is in memory, and runs the county's own two passes
with a process for each processor: the chain from all content, then the segments against their digests, which were made
just before. Both must find nothing and walk over everything. `chain_s` and `segments_s` are seconds of the clock, the
processes' start among them; `*_cpu_s` what they cost, since neighbours on the machine distort the former.
The folder is deleted at the end, whatever happens.
"""

import argparse
import asyncio
import contextlib
import json
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from pathlib import Path
from typing import Final

from hub.audit.database import audit_of
from hub.audit.reverify import Reverified, processes_here, verify_chain, verify_segments, verify_spots
from office.node import Node
from tests.benchmarks.journals import fill
from tests.support.postgres import start_postgres

SEED: Final = 20_261_122
ENTRIES: Final = 10_000_000
QUICK_ENTRIES: Final = 200_000
READ_BYTES: Final = 1 << 22
POSTGRES_SETTINGS: Final = {"shared_buffers": "2GB", "max_wal_size": "4GB"}
BAR_CHARACTERS: Final = 30


def show(what: str) -> Callable[[int, int], None]:
    """A bar on standard error."""

    def progress(done: int, total: int) -> None:
        share = done / total if total else 1.0
        bar = ("#" * round(share * BAR_CHARACTERS)).ljust(BAR_CHARACTERS, ".")
        print(f"\r{what} [{bar}] {done:,}", end="\n" if done >= total else "", file=sys.stderr, flush=True)

    return progress


def warm(folder: Path) -> int:
    """Read every file of the node once. Returns the bytes."""
    total = 0
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            while piece := file.read(READ_BYTES):
                total += len(piece)
    return total


def cpu_s() -> float:
    """Of this process and of all that it started and that ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


async def timed(work: Callable[[], Awaitable[Reverified]], entries: int) -> tuple[Reverified, float, float]:
    """(result, seconds, CPU seconds) of a pass, which must have found nothing and seen everything."""
    before, began = cpu_s(), time.perf_counter()
    result = await work()
    seconds, cpu = time.perf_counter() - began, cpu_s() - before
    if result.faults or result.entries != entries:
        raise SystemExit(f"{result.what}: {result.entries} of {entries} entries, {result.faults[:3]}")
    return result, seconds, cpu


async def measure(folder: Path, entries: int, processes: int) -> dict[str, float | int]:
    """Both passes over the store in `folder`."""
    node = await Node.open(folder, with_pen=False)
    try:
        async with audit_of(node) as audit:
            chain, chain_s, chain_cpu_s = await timed(
                lambda: verify_chain(node, processes=processes, progress=show("chain")), entries
            )
            made, made_s, _ = await timed(
                lambda: verify_segments(node, audit, processes=processes, progress=show("first digests")), entries
            )
            again, segments_s, segments_cpu_s = await timed(
                lambda: verify_segments(node, audit, processes=processes, progress=show("segments")), entries
            )
        spots, spots_s, _ = await timed(lambda: verify_spots(node, again), entries)
    finally:
        await node.close()
    if made.made != made.segments or again.made:
        raise SystemExit(f"{made.made} of {made.segments} digests were made, then {again.made} anew")
    return {
        "entries": entries,
        "journals": chain.journals,
        "checkpoints": chain.checkpoints,
        "segments": again.segments,
        "spots": spots.spots,
        "processes": processes,
        "first_digests_s": round(made_s, 1),
        "spots_s": round(spots_s, 1),
        "chain_cpu_s": round(chain_cpu_s, 1),
        "segments_cpu_s": round(segments_cpu_s, 1),
        "chain_s": round(chain_s, 1),
        "segments_s": round(segments_s, 1),
    }


@contextlib.contextmanager
def database(*, on_postgres: bool) -> Generator[str]:
    """The address of a database for the node; empty for its own SQLite file."""
    if not on_postgres:
        yield ""
        return
    server = start_postgres(POSTGRES_SETTINGS)
    try:
        yield asyncio.run(server.create_database())
    finally:
        server.stop()


def main(arguments: Sequence[str]) -> int:
    """Generate, measure, and end with the JSON line."""
    parser = argparse.ArgumentParser(prog="reverify", description="Re-verification of a generated county's store.")
    parser.add_argument("--entries", type=int, default=ENTRIES, help="how many; 1,000,000 take half a minute to make")
    parser.add_argument("--quick", action="store_true", help=f"only {QUICK_ENTRIES:,} entries")
    parser.add_argument("--processes", type=int, default=processes_here())
    parser.add_argument("--postgres", action="store_true", help="in a PostgreSQL instead of SQLite")
    options = parser.parse_args(arguments)
    count = QUICK_ENTRIES if options.quick else options.entries
    with tempfile.TemporaryDirectory(prefix="tongban-reverify-") as name, database(on_postgres=options.postgres) as url:
        folder = Path(name) / "county"
        began = time.perf_counter()
        entries = fill(folder, count, SEED, url)
        generated_s = time.perf_counter() - began
        size = warm(folder)
        result = asyncio.run(measure(folder, entries, options.processes))
    figures = {"generated_s": round(generated_s, 1), "store_bytes": size, **result}
    print(json.dumps({"bench": "reverify", "database": "postgresql" if options.postgres else "sqlite", **figures}))
    return 0
