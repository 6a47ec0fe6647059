"""What each protocol rule is worth: the schedules and stories that fail without it.

A simulator that cannot see a rule's absence proves nothing about the rule. Every field of `sync.books.Rules` has either
a pinned seed (the schedule fails with the rule off and is clean with it on) or, where chance finds it too rarely, a
story of `test_counterexamples`. Next: `test_switched_off_rules`, and `NIGHTLY=1` of `python -m tests.simulation`.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sync.books import Rules
from tests.simulation.presets import CALM, CASES, RESTORE, RURAL, STORM, Preset, one_fault
from tests.simulation.schedule import tell

ROT: Final = one_fault("rot_a_copy")

PINNED: Final[dict[str, tuple[int, Preset]]] = {}
"""Rule → (seed, preset) of a schedule that needs it."""

MASKED: Final[tuple[tuple[str, ...], ...]] = (
    ("echo_nonce", "quarantine"),
    ("check_chain", "epoch_per_start"),
)
"""Rules that stand behind one another: searched together at night."""

WEATHERS: Final = (STORM, RESTORE, ROT, RURAL, CASES, CALM)


def without(names: Sequence[str]) -> Rules:
    """The rules with these switched off."""
    return msgspec.structs.replace(Rules(), **dict.fromkeys(names, False))


def search(names: Sequence[str], seeds: int) -> str | None:
    """The first schedule that fails without these rules: "preset seed: what fails", or None within `seeds` each."""
    for preset in WEATHERS:
        for seed in range(seeds):
            told = tell(seed, preset, without(names))
            if told.violations:
                return f"{preset.name} {seed}: {told.violations[0]}"
    return None


def needs(story: Callable[[Rules], list[str]], name: str) -> bool:
    """Whether a story that ends well turns out badly without this rule."""
    return not story(Rules()) and bool(story(without([name])))
