"""The importer agrees with figures worked out on paper, and with a second algorithm on logs that nobody could count."""

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hub.audit.importing import import_log
from hub.audit.limits import DEFAULTS
from hub.audit.log_rules import Wanted
from office.seeds import load_calendar
from tests.golden.eventlogs import FIGURES_FILE, LOGS
from tests.support.eventlogs import event_of, figures, log_of, trace_of


def imported(folder: Path, text: str) -> dict[str, Any]:
    """What the product says of a log."""
    path = folder / "log.xes"
    path.write_text(text, encoding="utf-8")
    told = import_log(path, DEFAULTS, load_calendar().is_working, lambda done, total: None, Wanted())
    return {name: told[name] for name in told if name not in ("rules", "log")}


@pytest.mark.parametrize("name", sorted(LOGS))
def test_figures_are_those_worked_out_on_paper(name: str, tmp_path: Path) -> None:
    by_hand = json.loads(FIGURES_FILE.read_text(encoding="utf-8"))[name]
    assert imported(tmp_path, LOGS[name]) == by_hand
    assert figures(LOGS[name]) == by_hand


@pytest.mark.parametrize("seed", range(12))
def test_a_second_algorithm_finds_the_same(seed: int, tmp_path: Path) -> None:
    text = drawn_log(Random(seed))
    ours, theirs = imported(tmp_path, text), figures(text)
    # Variants seen equally often stand in the order of their first cases, and only ten are told.
    assert ours == theirs
    assert ours["events"] > 300


def drawn_log(random: Random) -> str:
    """A hundred cases with every kind of gap, tie and disorder."""

    def maybe(value: str, share: float = 0.95) -> str | None:
        return value if random.random() < share else None

    def moment() -> str:
        offset = random.choice(["+08:00", "+08:00", "Z", "-03:30", ""])
        fraction = random.choice(["", ".5", ".123", ".123456"])
        day, hour, minute = random.randrange(1, 4), random.randrange(24), random.randrange(3)
        return f"2026-03-{day:02d}T{hour:02d}:{minute:02d}:00{fraction}{offset}"

    traces: list[str] = []
    for number in range(100):
        events = [
            event_of(
                maybe(random.choice("abcd")),
                maybe(moment()),
                maybe(random.choice(["li", "wang", "chen"])),
                maybe(random.choice(["start", "complete", "suspend", "resume"])),
            )
            for _ in range(random.randrange(9))
        ]
        traces.append(trace_of(maybe(f"case {number}"), *events))
    return log_of(*traces)
