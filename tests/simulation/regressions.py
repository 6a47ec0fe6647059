"""Schedules that fail when a mended defect comes back, by name: each was found by taking the cure out again.

A seed is the story of one generator: when `workload`, `faults` or `presets` change, old seeds tell other stories, and
these are searched anew. The others are stories: `test_found_by_chance`.
"""

from typing import Final

from tests.simulation.presets import ERASURE, LOST_DEVICE, REENROLLED, RESTORED, STICKS, STORM, Preset

REGRESSIONS: Final[dict[str, tuple[int, Preset]]] = {
    "an office passed over by a void reassignment never heard of it": (74, STORM),
    "a newer kind about a case that was not here yet reached no reader later": (302, STORM),
    "a device that was replaced twice never got what its seat should have": (419, STORM),
    "a change of heads made for one machine was believed by its copy": (336, STORM),
    "entries past a revocation were not passed on when the county raised its position": (84, STORM),
    "a case folded from a damaged copy stayed so after the copy was put right": (413, STORM),
    "a revocation by a township that was itself revoked below it went on counting where it had been heard": (
        7,
        LOST_DEVICE,
    ),
    "what two restored offices had both forgotten stayed with the one that had it in a bundle": (40263, STICKS),
    "a case that was to be folded again from a copy put right was forgotten when the power failed": (12455, RESTORED),
    "what a restored county had passed on stayed with whom it had passed it to when its author forgot it as well": (
        30541,
        RESTORED,
    ),
    "an enrolment past the revocation of whoever wrote it was never done anew": (194, ERASURE),
    "an office that had declined a case still asked for its papers": (30497, STICKS),
    "a village that a new township had enrolled again lost its seat to a forerunner of which news came later": (
        304748,
        LOST_DEVICE,
    ),
    "what a former computer wrote whose township burnt before it told anybody was believed by nobody": (
        300277,
        LOST_DEVICE,
    ),
    "what could not be believed yet, its author being unknown, was taken for not held and asked for no more": (
        305942,
        REENROLLED,
    ),
    "what nobody had and was closed as lost was not asked for when a copy of it came that was refused": (
        703706,
        ERASURE,
    ),
    "a village entered again by a restored township lost its seat to what that had entered before and forgot": (
        703738,
        LOST_DEVICE,
    ),
    "a bad copy of what a former computer of one's own seat wrote was not asked for in the villages": (
        507942,
        LOST_DEVICE,
    ),
    "an order to erase took the digest that a good copy of what had gone bad came with": (71642, ERASURE),
    "a township's new computer did not get single entries of a village that had gone up through the old one": (
        308474,
        REENROLLED,
    ),
    "the simulator could not say which of two copies of one paper message that arrive together comes first": (
        802053,
        STICKS,
    ),
    "the simulator waited for a device that had been replaced to bring a paper that came wrong from it": (
        807707,
        STICKS,
    ),
}
"""What was wrong → (seed, preset)."""
