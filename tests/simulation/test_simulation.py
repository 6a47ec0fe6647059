"""A thousand schedules of the product's own code: nothing is violated, and every trouble must really have happened."""

import multiprocessing
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from tests.simulation.mirror import Mirrors
from tests.simulation.presets import DRY
from tests.simulation.regressions import REGRESSIONS
from tests.simulation.schedule import ENTRIES_MIN, STEPS_MIN, Schedule, Told, tell, tell_many

SCHEDULES = 1000
SQLITE_SCHEDULES = 6
CHUNKS = 2
"""Two processes at a time: what the smallest supported build machine has."""

SOMETIMES = frozenset(
    {
        # What went wrong.
        "page lost",
        "answer lost",
        "duplicate",
        "reordered",
        "time-out",
        "line cut",
        "county-wide outage",
        "burst",
        "crash before commit",
        "crash after commit",
        "switched off",
        "restored knowingly",
        "restored unknowingly",
        "device lost",
        "device cloned hot",
        "device cloned cold",
        "clock turned",
        "disk full",
        "unknown kind",
        "newer header",
        "newer body",
        "stick sent",
        "stick",
        "copy rotted",
        "page tampered with",
        "paper message lost",
        "paper garbled",
        # What people and the product did about it.
        "switched on",
        "device replaced",
        "revocation confirmed higher",
        "enrolled again by hand",
        "repeated entries ignored",
        "refused gap",
        "wants answered with a run",
        "wants answered with excerpts",
        "excerpts proved by a tree",
        "digests that fitted",
        "digests that did not fit",
        "found rollback",
        "found rolled_back",
        "found fork",
        "found lost",
        "found damaged",
        "found broken_chain",
        "paper came whole",
        "paper came wrong",
        "paper asked for",
        "act held back by quarantine",
        "refused at the pen",
        # What the county is there for.
        "case.filed",
        "custody.offered",
        "custody.accepted",
        "custody.declined",
        "custody.reassigned",
        "papers.requested",
        "papers.brought",
        "papers.received",
        "case.decided",
        "result.handed_over",
        "case.closed",
        "case.withdrawn",
        "recall.requested",
        "remark.added",
        "published",
        "erased by law",
    }
)
"""Every one of these must have happened in at least one schedule of the thousand."""


def run(first: int) -> tuple[list[str], Counter[str], int, int]:
    """A share of the thousand: violations, counters, fewest entries and fewest steps of a schedule."""
    told = list(tell_many(range(first, SCHEDULES, CHUNKS)))
    counts: Counter[str] = Counter()
    for one in told:
        counts += one.counts
    violations = [f"seed {one.seed} ({one.preset}): {one.violations[0]}" for one in told if one.violations]
    return violations, counts, min(one.entries for one in told), min(one.steps for one in told)


def test_a_thousand_schedules_end_well_and_every_trouble_happened() -> None:
    counts: Counter[str] = Counter()
    with ProcessPoolExecutor(CHUNKS, mp_context=multiprocessing.get_context("spawn")) as pool:
        for violations, counted, entries, steps in pool.map(run, range(CHUNKS)):
            assert violations == []
            assert entries >= ENTRIES_MIN
            assert steps >= STEPS_MIN
            counts += counted
    assert {name for name in SOMETIMES if not counts[name]} == set()


@pytest.mark.parametrize("name", sorted(REGRESSIONS))
def test_a_schedule_that_once_failed_ends_well(name: str) -> None:
    seed, preset = REGRESSIONS[name]
    assert tell(seed, preset).violations == []


@pytest.mark.parametrize("seed", range(SQLITE_SCHEDULES))
def test_a_share_of_the_schedules_lives_on_sqlite(seed: int, tmp_path: Path) -> None:
    mirrors = Mirrors(tmp_path)
    try:
        told = Schedule(seed, DRY, maker=mirrors).run()
    finally:
        mirrors.close()
    assert told.violations == []


def digests(seeds: range) -> list[str]:
    return [tell(seed).digest for seed in seeds]


def test_the_same_seed_tells_the_same_story() -> None:
    seeds = range(10)
    assert digests(seeds) == digests(seeds)


def test_a_story_does_not_depend_on_how_python_hashes() -> None:
    code = "from tests.simulation.test_simulation import digests; print(*digests(range(10)))"
    root = Path(__file__).parents[2]
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "4242")
    }
    assert len(told) == 1


def test_a_story_told_with_a_trace_is_the_same_story() -> None:
    plain: Told = tell(3)
    told: Told = tell(3, trace=True)
    assert told.digest == plain.digest
    assert told.trace
