"""Schedules that fail when a mended defect comes back, by name: each was found by taking the cure out again.

A seed is the story of one generator: when `workload`, `faults` or `presets` change, old seeds tell other stories, and
these are searched anew. The others are stories: `test_found_by_chance`.
"""

from typing import Final

from tests.simulation.presets import STORM, Preset

REGRESSIONS: Final[dict[str, tuple[int, Preset]]] = {
    "an office passed over by a void reassignment never heard of it": (74, STORM),
    "a newer kind about a case that was not here yet reached no reader later": (302, STORM),
    "a device that was replaced twice never got what its seat should have": (419, STORM),
    "a change of heads made for one machine was believed by its copy": (336, STORM),
    "entries past a revocation were not passed on when the county raised its position": (84, STORM),
    "a case folded from a damaged copy stayed so after the copy was put right": (413, STORM),
}
"""What was wrong → (seed, preset)."""
