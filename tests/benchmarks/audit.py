"""What the county's audit finds, and whom it wrongly accuses: `python -m tests.benchmarks audit [--share 0.01]`.

A year of honest offices with planted frauds in it (`tests.simulation.dishonest`) is lived through, and the product's
own engine looks in after each month as a worker would: what arrived is examined, the sweep is done. At the end
precision and recall of each rule, what was missed and who was wrongly accused, and one JSON line. No figure is written
down beforehand; the attacks on lines and journals are those of the proof stories, run here. Exits with 1 when a bar is
missed.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from hub.audit.database import audit_of
from hub.audit.examining import Examiner
from hub.audit.findings import State
from hub.audit.limits import make_limits
from hub.audit.recording import sweep_recording
from hub.audit.rules import RECORDING_RULES, RULES
from hub.audit.sweeping import sweep
from office.clock import SystemClock
from office.node import Node
from office.seeds import SAMPLE_COUNTY
from schemas.names import CaseId, Instant, OfficeId
from tests.benchmarks.load_model import ANNUAL
from tests.simulation.county_lines import DAY
from tests.simulation.dishonest import BATCH, STARRED, Label, Plant, PlantedYear, Verdict, found_county_in
from tests.simulation.habits import DUTIES, SEPARATED
from tests.simulation.planting import plant_all
from tests.simulation.weighing import Weighed, weigh

SEED: Final = 20_261_123
SHARE: Final = 0.01
ROUNDS: Final = 3
"""Of each plant, with other parameters each time."""

FINDINGS_MAX: Final = 1_000_000
SWEPT_MONTH: Final = 6
"""One night after this month is measured: many cases are open then."""

ATTACKS: Final = "tests/stories/test_attacks.py"
HARMLESS: Final = ("accuses_nobody", "is_no_false", "is_a_clock", "is_silence", "that_burned")
"""Words in the names of those stories in which nobody did wrong."""

RECALL_MIN: Final = 1.0
WRONGLY_ACCUSED_MAX: Final = 0.001
SWEEP_S_MAX: Final = 60.0
EXAMINE_MS_MAX: Final = 2.0


class YearClock(SystemClock):
    """The county's clock while a generated year goes by; waiting is the machine's."""

    def __init__(self) -> None:
        super().__init__()
        self.at = Instant(0)

    def now(self) -> Instant:
        """The year's time."""
        return self.at


class Spent(Struct):
    """What the engine used."""

    cpu_s: float = 0.0
    cases: int = 0
    night_s: float = 0.0
    failed: int = 0


class Audited(Struct):
    """A year that was lived through and audited."""

    weighed: Weighed
    labels: list[Label]
    truths: dict[CaseId, frozenset[str]]
    """Of each honest case the rules that may say something of it."""
    verdicts: list[Verdict]
    planted: list[Plant]
    spent: Spent
    begun: int
    entries: int


async def audit_year(folder: Path, share: float, seed: int, rounds: int, *, with_recording: bool = False) -> Audited:
    """Live it in a fresh county's folder, with the engine looking in after each month."""
    found_county_in(folder, OfficeId(SAMPLE_COUNTY))
    node = await Node.open(folder)
    try:
        clock = node.clock = YearClock()
        year = PlantedYear(node, share, seed)
        plant_all(year, rounds, with_recording=with_recording)
        limits = make_limits(incompatible={SEPARATED: DUTIES}, batch_items=frozenset({BATCH}))
        async with audit_of(node) as audit:
            examiner = Examiner(node, audit, RULES, limits)
            spent = Spent()

            async def look_in(month: int) -> None:
                clock.at = year.last_at
                await _examine(examiner, spent)
                await sweep(examiner, PARTS)
                if month == SWEPT_MONTH:
                    clock.at = Instant(year.last_at + DAY)
                    spent.night_s = await _one_night(examiner)

            year.on_month = look_in
            await year.enrol()
            await year.live()
            await look_in(0)
            findings = await examiner.findings.search(limit=FINDINGS_MAX)
        standing = [one for one in findings if one.state is State.OPEN]
        verdicts = [Verdict(one.rule, one.subject, one.severity.value, one.office) for one in standing]
        truths = year.truths()
        weighed = weigh(year.labels, verdicts, truths)
        return Audited(weighed, year.labels, truths, verdicts, year.planted, spent, year.begun, year.bulk.written)
    finally:
        await node.close()


async def _sweep_recording(examiner: Examiner) -> None:
    await sweep_recording(examiner, RECORDING_RULES)


PARTS: Final = (("recording", _sweep_recording),)
"""What the sweep does besides: journals are judged by the attacks, not by this year."""


async def _examine(examiner: Examiner, spent: Spent) -> None:
    """What arrived, as a worker does."""
    began = time.process_time()
    done = await examiner.examine_arrived()
    spent.cpu_s += time.process_time() - began
    spent.cases += done.cases
    spent.failed += done.failed


async def _one_night(examiner: Examiner) -> float:
    began = time.perf_counter()
    await sweep(examiner, PARTS)
    return time.perf_counter() - began


# --- telling ---------------------------------------------------------------------------------------------------------


def tell(weighed: Weighed) -> None:
    """The table, and what is wrong by name."""
    say(
        f"{'rule':6}{'guilty':>8}{'found':>7}{'innocent':>10}{'accused':>9}{'honest':>8}{'late':>7}{'prec.':>8}{'recall':>8}"
    )
    for rule in sorted(weighed.by_rule, key=lambda code: (code[0], int(code[1:]))):
        one = weighed.by_rule[rule]
        star = "*" if rule in STARRED else ""
        say(
            f"{rule + star:6}{one.guilty:8}{one.found:7}{one.innocent:10}{one.accused:9}{one.honest_accused:8}"
            f"{one.late_found:7}{one.precision:8.3f}{one.recall:8.3f}"
        )
    for words, labels in (("missed", weighed.missed), ("wrongly accused twin", weighed.accused)):
        for label in labels:
            say(f"{words}: {label.rule} {label.variant} {dict(label.parameters)}")


def run_attacks() -> tuple[int, int]:
    """The stories about attacks on journals and lines: how many of them were caught, of how many.

    Each is a test of its own that ends in a proof file; those about people who must not be accused are told apart.
    """
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-rA", "--no-header", ATTACKS]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    failed: dict[str, bool] = {}
    for line in said.splitlines():
        outcome, _, rest = line.partition(" ")
        if outcome not in ("PASSED", "FAILED", "ERROR"):
            continue
        name = rest.partition("::")[2].partition(" ")[0].partition("[")[0]
        if name and not any(word in name for word in HARMLESS):
            failed[name] = failed.get(name, False) or outcome != "PASSED"
    for name in sorted(name for name, is_missed in failed.items() if is_missed):
        say(f"attack not caught: {name}")
    return sum(not is_missed for is_missed in failed.values()), len(failed)


def say(text: str) -> None:
    """A line of the report, apart from the result."""
    print(text, file=sys.stderr, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Live it, audit it, and end with the JSON line."""
    parser = argparse.ArgumentParser(prog="audit", description="What the audit finds in a planted county-year.")
    parser.add_argument("--share", type=float, default=SHARE, help="of a year's matters")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="of every plant")
    parser.add_argument("--quick", action="store_true", help="a fifth of it")
    options = parser.parse_args(arguments)
    share = options.share / 5 if options.quick else options.share
    if not 0 < share <= 1:
        parser.error("a share lies above 0 and is at most 1")
    with tempfile.TemporaryDirectory(prefix="tongban-audit-") as folder:
        year = asyncio.run(
            audit_year(Path(folder) / "county", share, options.seed, options.rounds, with_recording=True)
        )
    tell(year.weighed)
    caught, attacks = run_attacks()
    scale = sum(ANNUAL.values()) / max(1, year.begun)
    figures: dict[str, object] = {
        "cases": year.begun,
        "entries": year.entries,
        "attacks_caught": caught,
        "attacks": attacks,
        "recall_starred": round(year.weighed.recall_of(STARRED), 4),
        "wrongly_accused_share": round(year.weighed.wrongly_accused_share, 5),
        "sweep_344k_s": round(year.spent.night_s * scale, 1),
        "examine_ms": round(1000 * year.spent.cpu_s / max(1, year.spent.cases), 2),
        "rules_failed": year.spent.failed,
    }
    print(json.dumps(figures))
    is_right = (
        caught == attacks
        and year.weighed.recall_of(STARRED) >= RECALL_MIN
        and year.weighed.wrongly_accused_share <= WRONGLY_ACCUSED_MAX
        and year.spent.night_s * scale <= SWEEP_S_MAX
        and 1000 * year.spent.cpu_s / max(1, year.spent.cases) <= EXAMINE_MS_MAX
        and not year.spent.failed
    )
    return 0 if is_right else 1
