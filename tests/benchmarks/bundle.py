"""A courier bundle of 1,000 cases, there and back: `python -m tests.benchmarks bundle [--quick]`, JSON at the end.

Real nodes of a village and a township on SQLite (WAL, synchronous=FULL), real files: the village has filed 1,000
matters of ordinary size and offered each to the township. Timed are the verbs' own ways, without starting a process:
writing the stick (receipts, pages, sealing, fsync), reading it in (opening, verifying, folding, committing each part),
answering, and reading it all a second time. Bar: 5 s each for writing and reading.
"""

import asyncio
import json
import resource
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Final, TypeVar

from office.cli_bundle import HereDesk, read_folder, write_folder
from sync.core.bundle import BUNDLE_BYTES_MAX
from tests.support.counties import TOWNSHIP, VILLAGE, agent, op
from tests.support.nodes import Network, found_network

T = TypeVar("T")

CASES: Final = 1000
QUICK_CASES: Final = 50
BAR_S: Final = 5.0


def main(arguments: list[str]) -> int:
    """Measure; status 1 when a bar is missed."""
    cases = QUICK_CASES if "--quick" in arguments else CASES
    with tempfile.TemporaryDirectory() as folder:
        figures = asyncio.run(measure(Path(folder), cases))
    print(json.dumps(figures))
    return 0 if max(figures["write_s"], figures["read_s"]) <= BAR_S else 1


async def measure(folder: Path, cases: int) -> dict[str, float]:
    """The figures, seconds of wall and of CPU."""
    network = await Network.open(await found_network(folder / "nodes"))
    village, township = network.village, network.township
    stick = folder / "stick"
    stick.mkdir()
    for number in range(1, cases + 1):
        slip = await network.file(number)
        await village.desk.offer_custody(agent(), slip.case, op(100_000 + number), to=TOWNSHIP)
    figures: dict[str, float] = {"cases": cases}
    written = await _timed("write", write_folder(HereDesk(village), stick, None, BUNDLE_BYTES_MAX), figures)
    figures |= {"entries": sum(one.entries for one in written), "bytes": sum(one.size for one in written)}
    files = await _timed("read", read_folder(HereDesk(township), stick), figures)
    assert all(file.came is not None and file.came.taken == file.came.parts for file in files)
    await _timed("reply", write_folder(HereDesk(township), stick, VILLAGE, BUNDLE_BYTES_MAX), figures)
    await _timed("read_reply", read_folder(HereDesk(village), stick), figures)
    await _timed("read_again", read_folder(HereDesk(township), stick), figures)
    assert await village.bundles.safety() == []
    assert len(await township.subjects()) == cases
    figures["peak_rss_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    await network.close()
    return figures


async def _timed(name: str, work: Awaitable[T], figures: dict[str, float]) -> T:
    wall, cpu = time.perf_counter(), time.process_time()
    done = await work
    figures[f"{name}_s"] = round(time.perf_counter() - wall, 3)
    figures[f"{name}_cpu_s"] = round(time.process_time() - cpu, 3)
    return done
