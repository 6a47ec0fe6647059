"""Schedules that once failed, by name: each found a defect that is mended now.

A seed is the story of one generator: when `workload`, `faults` or `presets` change, old seeds tell other stories. The
defects themselves are kept as stories in `test_counterexamples` where they could be told in a few lines.
"""

from typing import Final

from tests.simulation.presets import BURST, RESTORE, RURAL, STORM, Preset

REGRESSIONS: Final[dict[str, tuple[int, Preset]]] = {
    "a copied machine had spoken, and the township never heard where the real one stood": (2, STORM),
    "an epoch that a restored county had forgotten was given back by nobody": (12, STORM),
    "an office passed over by a void reassignment never heard of it": (28, STORM),
    "an own older journal was cut without a checkpoint, and the present one signed at its size": (94, STORM),
    "a newer kind about a case that was not here yet reached no reader later": (103, STORM),
    "a device that was replaced twice never got what its seat should have": (142, STORM),
    "excerpts sent home through a burnt township did not go to its successor": (145, STORM),
    "a handing over was overturned by an offer that the county had forgotten": (185, STORM),
    "after a restart an unattested entry travelled without a proof": (206, STORM),
    "a change of heads made for one machine was believed by its copy": (252, STORM),
    "a re-enrolled village went on calling the township's burnt device": (355, STORM),
    "entries past a revocation were not passed on when the county raised its position": (625, STORM),
    "what came home was not sent again to its giver, who was restored next": (638, STORM),
    "a change of heads made for an earlier start was taken for one made for this": (694, STORM),
    "after a failed commit an adopted township's numbers began again at one": (346, STORM),
    "a damaged copy made an honest village look like a forker": (122, RURAL),
    "a case folded from a damaged copy stayed so after the copy was put right": (305, STORM),
    "a copy found damaged was forgotten by a restart before a good one came": (6506, STORM),
    "after a failed commit another statement of sizes bore a number already used": (11534, RESTORE),
    "the tail behind a hole that nobody could fill never arrived": (0, STORM),
    "a rollback quarantine of the county was never lifted": (5, BURST),
    "receipts known only below never came back up": (0, RESTORE),
}
"""What was wrong → (seed, preset)."""
