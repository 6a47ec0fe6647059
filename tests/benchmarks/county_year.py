"""One county's year: `python -m tests.benchmarks.county_year [--share 0.01]`, one JSON line at the end.

Every matter of the load model is lived through by the routes of the catalogue, each act checked as at the pen, sealed
into its office's journal (`bulk`), folded and projected into the county's own store on SQLite. Then the store is asked:
volumes by origin, regime and month against what was asked for, breaches (none), and 1,000 cases folded again from
their stored entries and compared with what the projection holds. Exits with 1 when any of it is not so.

The year is lived through in its own order: what stays in memory is what is open at a time. All matters of a year are
brought to their end, the last ones in the year after.
"""

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from heapq import heappop, heappush
from pathlib import Path
from random import Random
from typing import Any, Final

from msgspec import Struct

from office.founding import found_county
from office.node import Node
from office.seeds import SAMPLE_COUNTY, load_calendar, load_catalogue
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import CHINA_TIME, day_of
from schemas.casework.events import EVENTS, decode_event
from schemas.casework.fold import fold
from schemas.casework.lifecycle import CONTRIBUTIONS, permits_event
from schemas.catalogue import Grant
from schemas.codec import encode
from schemas.names import CaseId, Instant, OfficeId, seat_of
from tests.benchmarks.bulk import Bulk
from tests.benchmarks.case_paper import Chancery
from tests.benchmarks.lives import Life
from tests.benchmarks.load_model import ANNUAL, BY_LIST, LIST_ROWS, LoadModel, Origin, tolerance, townships
from tests.benchmarks.office_hours import OfficeHours

YEAR: Final = 2026
SEED: Final = 20_261_122
HOURS_DAYS: Final = 900
"""Working days of so many days are laid out: matters of December may take the half of the next year."""

ENTRUSTED: Final = "LY01"
"""Felling permits, which the law lets a county entrust to its townships."""

REFOLDED: Final = 1000
REFOLD_AT_ONCE: Final = 100
COUNTY_NAME: Final = "cangxi"
BAR_CHARACTERS: Final = 30

WRITTEN_BY_THE_NODE: Final = frozenset(kind for kind, stages in CONTRIBUTIONS.items() if not stages)
"""Kinds that nobody is offered: they come with another entry, and no pen asks for them."""


class Volume(Struct, frozen=True):
    """One volume: what was asked for, and what the store holds."""

    name: str
    asked: float
    found: int

    @property
    def is_right(self) -> bool:
        """Whether it lies within the tolerance."""
        return abs(self.found - self.asked) <= tolerance(self.asked)


class Year:
    """The county at work, a year long."""

    def __init__(self, node: Node, share: float, seed: int) -> None:
        calendar, edition = load_calendar(), load_catalogue()
        self.node = node
        self.random = Random(seed)
        self.model = LoadModel(edition, calendar, YEAR, share)
        self.bulk = Bulk(node, self.random)
        hours = OfficeHours(calendar, date(YEAR, 1, 1), HOURS_DAYS)
        lists = sum(rate for (item, _), rate in self.model.asked[Origin.VILLAGE].items() if item == BY_LIST)
        rows = max(1, round(LIST_ROWS * share / lists))
        self.chancery = Chancery(self.random, edition, calendar, hours, rows, (grant(),))
        self.begun = 0
        self.open_cases: list[int] = []
        """Cases open at the end of each month."""

    async def enrol(self) -> None:
        """A device for every township and village."""
        morning = Instant(int(datetime(YEAR, 1, 1, 8, tzinfo=CHINA_TIME).timestamp()) * 1000)
        towns = townships()
        await self.bulk.enrol([town.office for town in towns], morning)
        await self.bulk.enrol([village for town in towns for village, _ in town.villages], morning)

    async def live(self) -> None:
        """Every matter from its filing to its end, all of them in the order of the world."""
        total = round(sum(ANNUAL.values()) * self.model.share)
        waiting: list[tuple[Instant, int, Life]] = []
        for month in range(1, 13):
            for life in self._lives(month):
                await self._go_on(waiting, life.at)
                heappush(waiting, (life.at, self.begun, life))
                self.begun += 1
                if self.begun % 500 == 0:
                    show(self.begun / total, f"{month:2d}, {len(waiting)} open, {self.bulk.written} entries")
            self.open_cases.append(len(waiting))
            await self.month_over(month)
        await self._go_on(waiting, None)
        await self.bulk.finish()
        show(1.0, f"{self.begun} cases, {self.bulk.written} entries\n")

    async def month_over(self, month: int) -> None:
        """Called after each month's filings; for whoever looks in on the year."""

    def _lives(self, month: int) -> Iterator[Life]:
        """The month's lives by the time of their filing."""
        matters = self.model.matters(self.random, month)
        day, of_the_day = None, list[Life]()
        for matter in matters:
            if matter.day != day:
                yield from sorted(of_the_day, key=lambda life: life.at)
                day, of_the_day = matter.day, []
            of_the_day.append(Life(self.chancery, matter))
        yield from sorted(of_the_day, key=lambda life: life.at)

    async def _go_on(self, waiting: list[tuple[Instant, int, Life]], upto: Instant | None) -> None:
        """Write what comes before `upto`; everything without it."""
        while waiting and (upto is None or waiting[0][0] <= upto):
            _, number, life = heappop(waiting)
            self._write(life)
            if life.waiting is not None:
                heappush(waiting, (life.at, number, life))
            if self.bulk.is_full:
                await self.bulk.flush()

    def _write(self, life: Life) -> None:
        event, chancery = life.waiting, self.chancery
        assert event is not None
        if event.kind not in WRITTEN_BY_THE_NODE:
            today = day_of(life.at)
            permits_event(life.file, event, life.item, today=today, grants=chancery.grants, calendar=chancery.calendar)
        # What no other node would read back, the county's own reading refuses: it counts as a breach.
        life.written(self.bulk.write(seat_of(event.office), event.kind, life.case, encode(event), life.at))


def grant() -> Grant:
    """The townships decide on felling in the forestry office's name."""
    towns = tuple(town.office for town in townships())
    return Grant(
        "苍林委〔2026〕3号", "县林业局", True, towns, (ENTRUSTED,), date(YEAR, 1, 1), None, "苍林发〔2026〕3号"
    )


# --- asking the store ------------------------------------------------------------------------------------------------


async def volumes(year: Year) -> list[Volume]:
    """By origin, regime and month: what was asked for, and what the table of cases holds."""
    model = year.model
    query = (
        "SELECT CASE WHEN village IS NOT NULL THEN 'village' WHEN town IS NOT NULL THEN 'township' ELSE 'county' END, "
        "item, strftime('%m', (filed_at + 28800000) / 1000, 'unixepoch'), count(*) FROM cases GROUP BY 1, 2, 3"
    )
    async with year.node.engines.read.connect() as connection:
        rows = [tuple(row) for row in await connection.exec_driver_sql(query)]
    regime = {code: item.case_type.value for code, item in model.edition.items.items()}
    asked: dict[str, float] = {}
    found: dict[str, int] = {}
    for origin, rates in model.asked.items():
        for (code, month), rate in rates.items():
            for name in ("all", f"origin {origin}", f"regime {regime[code]}", f"month {month:02d}"):
                asked[name] = asked.get(name, 0.0) + rate
    for origin, code, month, count in rows:
        for name in ("all", f"origin {origin}", f"regime {regime[code]}", f"month {month}"):
            found[name] = found.get(name, 0) + count
    return [Volume(name, asked[name], found.get(name, 0)) for name in asked]


async def unequal(year: Year) -> int:
    """Of 1,000 cases drawn by chance, how many give another case when folded from their stored entries."""
    node = year.node
    subjects = await node.cases.subjects()
    drawn = year.random.sample(subjects, min(REFOLDED, len(subjects)))
    wrong = 0
    for start in range(0, len(drawn), REFOLD_AT_ONCE):
        some = drawn[start : start + REFOLD_AT_ONCE]
        kept = await node.cases.read(some)
        folded = await refold(node, some)
        wrong += sum(1 for subject in some if kept.get(subject) != folded[subject])
    return wrong


async def refold(node: Node, subjects: Sequence[CaseId]) -> dict[CaseId, CaseFile | None]:
    """These cases from nothing but their entries."""
    items: dict[CaseId, list[Any]] = {subject: [] for subject in subjects}
    for entry in await node.store.entries_about(subjects):
        assert entry.subject is not None
        assert entry.body is not None
        items[entry.subject].append((decode_event(entry.kind, entry.body), entry))
    return {subject: fold(found) for subject, found in items.items()}


async def kinds(node: Node) -> dict[str, int]:
    """Entries about cases, by kind."""
    async with node.engines.read.connect() as connection:
        rows = await connection.exec_driver_sql("SELECT kind, count(*) FROM entries GROUP BY kind")
        counted = [tuple(row) for row in rows]
    return {kind: count for kind, count in counted if kind in EVENTS}


async def persons_on_lists(node: Node) -> int:
    """How many rows all lists together have."""
    async with node.engines.read.connect() as connection:
        return (await connection.exec_driver_sql("SELECT count(*) FROM roster_people")).scalar_one()


async def figures(year: Year, seconds: float) -> tuple[dict[str, object], bool]:
    """Everything that is said at the end, and whether it is as it should be."""
    measured = await volumes(year)
    for volume in measured:
        mark = "" if volume.is_right else "  <-- outside"
        say(f"{volume.name:24} asked {volume.asked:10.0f}  found {volume.found:8d}{mark}")
    by_kind = await kinds(year.node)
    for kind, count in sorted(by_kind.items()):
        say(f"{kind:24} {count:8d}")
    broken = await year.node.store.count_dispositions()
    wrong = await unequal(year)
    cases = measured[0].found
    outside = [volume.name for volume in measured if not volume.is_right]
    unused = sorted(set(EVENTS) - set(by_kind))
    result: dict[str, object] = {
        "cases": cases,
        "asked": round(measured[0].asked),
        "outside_tolerance": outside,
        "entries": year.bulk.written,
        "entries_per_case": round(year.bulk.written / cases, 2),
        "kinds_never_written": unused,
        "open_at_month_ends": round(sum(year.open_cases) / len(year.open_cases)),
        "persons_on_lists": await persons_on_lists(year.node),
        "breaches": broken,
        "refolded": min(REFOLDED, cases),
        "refolded_unequal": wrong,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(time.process_time(), 1),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "file_mib": round(year.node.home.database.stat().st_size / 2**20),
    }
    return result, not (outside or broken or wrong)


async def run(folder: Path, share: float, seed: int = SEED) -> tuple[dict[str, object], bool]:
    """The whole year in a fresh county's folder: the figures, and whether all is as it should be."""
    started = time.perf_counter()
    found_county(folder, OfficeId(SAMPLE_COUNTY), COUNTY_NAME)
    node = await Node.open(folder)
    try:
        year = Year(node, share, seed)
        await year.enrol()
        await year.live()
        return await figures(year, time.perf_counter() - started)
    finally:
        await node.close()


def show(done: float, words: str) -> None:
    """The bar."""
    full = round(min(done, 1.0) * BAR_CHARACTERS)
    if not sys.stderr.isatty():  # A log has no use for a bar.
        return
    print(f"\r[{'#' * full}{' ' * (BAR_CHARACTERS - full)}] {words}", end="", file=sys.stderr, flush=True)


def say(text: str) -> None:
    """A line of the report, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Live it, and end with the JSON line."""
    parser = argparse.ArgumentParser(prog="county-year", description="One county's year, generated and folded.")
    parser.add_argument("--share", type=float, default=1.0, help="only this part of all matters: 0.01 takes seconds")
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    if not 0 < options.share <= 1:
        parser.error("a share lies above 0 and is at most 1")
    with tempfile.TemporaryDirectory(prefix="tongban-year-") as folder:
        result, is_right = asyncio.run(run(Path(folder) / "county", options.share, options.seed))
    print(json.dumps(result))
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
