"""What each protocol rule is worth: the schedules and stories that fail without it.

A simulator that cannot see a rule's absence proves nothing about the rule. Every field of `sync.rules.Rules` has either
a pinned seed (the schedule fails with the rule off and is clean with it on) or, where chance finds it too rarely, a
story of `test_counterexamples`. Next: `test_switched_off_rules`, and `python -m tests.simulation --nightly`.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from sync.rules import Rules
from tests.simulation.presets import (
    CALM,
    CASES,
    ERASURE,
    LOST_DEVICE,
    PAPERS,
    RESTORE,
    RURAL,
    SECOND_PATH,
    STORM,
    WATCHED,
    Preset,
    one_fault,
)
from tests.simulation.schedule import tell

ROT: Final = one_fault("rot_a_copy")

PINNED: Final[dict[str, tuple[int, Preset]]] = {
    "receiver_cursor": (18, STORM),
    "outbox_epochs": (1, STORM),
    "refuse_gaps": (0, STORM),
    "epoch_per_start": (4, STORM),
    "flag_only": (1, STORM),
    "wants": (1, STORM),
    "stated_heads": (1, STORM),
    "give_back": (1408, RESTORE),
    "close_lost": (1, STORM),
    "quiet_house_keeping": (0, STORM),
    "proofs_for_unattested": (0, STORM),
    "highest_revocation": (1, LOST_DEVICE),
    "first_load": (3, STORM),
    "rollback_once": (1, STORM),
    "share_on_offer": (1, STORM),
    "check_chain": (1, STORM),
    "atomic_page": (5, STORM),
    "unknown_kinds": (2, STORM),
    "erased_set": (5, ERASURE),
    "bodiless_refused": (1, ERASURE),
    "watermarks": (0, WATCHED),
    "no_quarantine_beside": (6, SECOND_PATH),
    "paper_offset_stated": (3, PAPERS),
    "paper_digest_checked": (3, PAPERS),
}
"""Rule → (seed, preset) of a schedule that needs it."""

TOLD: Final = frozenset({"positions", "head_of_before", "quarantine", "echo_nonce"})
"""Rules that chance needs less than once in a hundred schedules: each has its story."""

RELIED_ON: Final[dict[str, tuple[str, ...]]] = {
    "lost_device": ("highest_revocation", "first_load", "wants", "stated_heads", "flag_only"),
    "reenrolled": ("highest_revocation", "first_load", "wants", "stated_heads"),
    "restored": ("receiver_cursor", "outbox_epochs", "epoch_per_start", "flag_only", "rollback_once"),
    "sticks": ("outbox_epochs", "epoch_per_start", "first_load", "rollback_once", "atomic_page"),
}
"""Preset → rules without which its own first schedules fail: searched, not pinned, for seeds tell other stories when
anything in the simulator changes."""

RELIED_ON_SEEDS: Final = 40

MASKED: Final[tuple[tuple[str, ...], ...]] = (
    ("echo_nonce", "quarantine"),
    ("check_chain", "epoch_per_start"),
)
"""Rules that stand behind one another: searched together at night."""

WEATHERS: Final = (STORM, RESTORE, ROT, RURAL, CASES, CALM, PAPERS, ERASURE, WATCHED, SECOND_PATH)


def without(names: Sequence[str]) -> Rules:
    """The rules with these switched off."""
    return msgspec.structs.replace(Rules(), **dict.fromkeys(names, False))


def search(names: Sequence[str], seeds: int) -> str | None:
    """The first schedule that fails without these rules: "preset seed: what fails", or None within `seeds` each.

    A rule that chance needs seldom is searched for as far as its pinned schedule.
    """
    pinned, weather = PINNED.get(names[0], (0, None)) if len(names) == 1 else (0, None)
    for preset in WEATHERS:
        for seed in range(max(seeds, pinned + 1) if preset is weather else seeds):
            told = tell(seed, preset, without(names))
            if told.violations:
                return f"{preset.name} {seed}: {told.violations[0]}"
    return None
