"""The simulator's long searches as drills: many schedules of one kind of county, and every rule switched off in turn.

How many is `SCHEDULES`, or what the environment's `TONGBAN_NIGHTLY_SEEDS` says. Next: `tests.simulation`.
"""

import os
from typing import Final

from tests.nightly.drills import Figures, in_child

SEEDS: Final = "TONGBAN_NIGHTLY_SEEDS"
SCHEDULES: Final = 20_000
SWITCHED_OFF_SCHEDULES: Final = 600
"""Of each kind of county, for each rule."""

HOURS_MAX_S: Final = 12 * 3600


def search(preset: str) -> Figures:
    """Schedules of one kind of county, "" = of all: nothing is violated. The figures count what befell them."""
    words = ["--seeds", os.environ.get(SEEDS, str(SCHEDULES)), "--workers", str(os.cpu_count() or 1)]
    words += ["--preset", preset] if preset else []
    return in_child("tests.simulation", *words, within_s=HOURS_MAX_S)


def switch_off() -> Figures:
    """Every rule switched off, alone and in the pairs that mask each other: the simulator notices."""
    words = ["--nightly", "--seeds", os.environ.get(SEEDS, str(SWITCHED_OFF_SCHEDULES))]
    return in_child("tests.simulation", *words, within_s=HOURS_MAX_S)
