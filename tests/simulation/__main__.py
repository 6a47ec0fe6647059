"""Run schedules: `python -m tests.simulation --seeds 1000`, `--seed 17` (one, told), `--nightly` (rules switched off).

Also `--first` (first seed), `--preset` (one kind of county instead of the mix), `--workers` (processes; default 1).
The last line of a run over many seeds is one JSON object; exit status 1 when anything was violated.
"""

import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator

from sync.rules import Rules
from tests.simulation.presets import PRESETS, Preset
from tests.simulation.schedule import Told, tell, tell_job, tell_many
from tests.simulation.switched_off import MASKED, TOLD, search

PROGRESS_EVERY = 100
JOB_SCHEDULES = 20


def main(arguments: list[str]) -> int:
    """Read the options and run what they ask for."""
    parser = argparse.ArgumentParser(prog="simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, help="how many schedules (default 1000; nightly: 600 of each kind a rule)")
    parser.add_argument("--seed", type=int, help="replay this one, line by line")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--preset", choices=sorted(PRESETS), help="one kind of county instead of the mix")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--nightly", action="store_true", help="switch every rule off and say when it shows")
    wanted = parser.parse_args(arguments)
    preset = PRESETS[wanted.preset] if wanted.preset else None
    if wanted.seed is not None:
        return replay(wanted.seed, preset)
    if wanted.nightly:
        return nightly(wanted.seeds or 600)
    return run_many(range(wanted.first, wanted.first + (wanted.seeds or 1000)), preset, wanted.workers)


def replay(seed: int, preset: Preset | None) -> int:
    """Tell one schedule line by line."""
    told = tell(seed, preset, trace=True)
    print("\n".join(told.trace))
    for violation in told.violations:
        print("VIOLATED", violation)
    print(
        f"{told.preset}: {told.entries} entries in {told.steps} steps, rest after {told.passes} passes, {told.digest}"
    )
    return 1 if told.violations else 0


def run_many(seeds: range, preset: Preset | None, workers: int) -> int:
    """Run a range of seeds and print the totals as one JSON line."""
    started, cpu = time.perf_counter(), time.process_time()
    counts: Counter[str] = Counter()
    failing: dict[int, list[str]] = {}
    entries = done = 0
    for told in _told(seeds, preset, workers):
        done += 1
        entries += told.entries
        counts += told.counts
        if told.violations:
            failing[told.seed] = told.violations
            print(f"seed {told.seed} ({told.preset}): {told.violations[0]}", file=sys.stderr)
        if done % PROGRESS_EVERY == 0:
            print(f"{done} of {len(seeds)}, {len(failing)} violated", file=sys.stderr)
    seconds = time.perf_counter() - started
    spent = time.process_time() - cpu if workers == 1 else seconds * workers
    totals = {
        "schedules": done,
        "entries": entries,
        "violations": sum(len(found) for found in failing.values()),
        "schedules_per_second": round(done / seconds, 1),
        "schedules_per_cpu_second": round(done / spent, 1),
        "failing_seeds": sorted(failing)[:20],
        "workers": workers,
        "sometimes": dict(sorted(counts.items())),
    }
    print(json.dumps(totals, ensure_ascii=False))
    return 1 if failing else 0


def _told(seeds: range, preset: Preset | None, workers: int) -> Iterator[Told]:
    if workers == 1:
        yield from tell_many(seeds, preset)
        return
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        jobs = [(seeds[first : first + JOB_SCHEDULES], preset) for first in range(0, len(seeds), JOB_SCHEDULES)]
        for told in pool.imap(tell_job, jobs):
            yield from told


def nightly(seeds: int) -> int:
    """Switch every rule off, alone and in the pairs that mask each other, and say after how many schedules it shows."""
    silent: list[str] = []
    for rules in [*((name,) for name in Rules.__struct_fields__), *MASKED]:
        name = " + ".join(rules)
        found = search(rules, seeds)
        print(f"{name}: {found or f'nothing in {seeds} schedules of each kind'}", file=sys.stderr)
        if found is None:
            silent.append(name)
    print(json.dumps({"rules": len(Rules.__struct_fields__), "pairs": len(MASKED), "silent": silent}))
    return 1 if set(silent) - TOLD - {" + ".join(pair) for pair in MASKED} else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
