"""How often what happens: named kinds of weather and trouble.

A preset only states rates; `schedule` draws from them. Rates are per step; a schedule has at least 160 steps.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace


class Preset(Struct, frozen=True):
    """One kind of county."""

    name: str
    steps: int = 160
    entries: int = 51
    """About as many as a schedule shall have: people act as often as that takes."""
    talks: float = 0.14
    minutes_a_step: int = 12
    loss: float = 0.0
    duplicates: float = 0.0
    reorder: float = 0.0
    reassigns: float = 0.0
    publishes: float = 0.0
    """How often whoever acts publishes something instead."""
    faults: dict[str, float] = {}
    """Method of `Faults` → probability in each step; at most one strikes in a step, so they add up to less than 1."""


CALM: Final = Preset("calm")

RURAL: Final = Preset(
    "rural",
    loss=0.12,
    duplicates=0.06,
    reorder=0.06,
    faults={
        "cut_line": 0.03,
        "mend_line": 0.05,
        "switch_off": 0.01,
        "turn_clock": 0.01,
        "cut_power_before_commit": 0.005,
        "cut_power_after_commit": 0.005,
        "send_stick_up": 0.01,
        "send_stick_down": 0.01,
        "write_unknown_kind": 0.01,
        "write_newer_body": 0.01,
        "write_with_newer_header": 0.01,
        "fill_disk": 0.006,
        "free_disks": 0.03,
        "rot_a_copy": 0.004,
    },
)

RESTORE: Final = replace(
    RURAL,
    name="restore",
    faults=RURAL.faults | {"back_up": 0.05, "restore_knowingly": 0.012, "restore_unknowingly": 0.012},
)

STORM: Final = replace(
    RESTORE,
    name="storm",
    loss=0.2,
    duplicates=0.1,
    reorder=0.1,
    reassigns=0.05,
    faults=RESTORE.faults
    | {
        "black_out": 0.004,
        "lose_device": 0.006,
        "replace_the_lost": 0.03,
        "confirm_revocations": 0.01,
        "clone_device": 0.0015,
    },
)

DRY: Final = replace(
    STORM, name="dry", faults={name: rate for name, rate in STORM.faults.items() if name != "rot_a_copy"}
)
"""A storm without damaged copies, which only the disk in memory can have."""

BURST: Final = replace(
    RURAL, name="burst", faults=RURAL.faults | {"black_out": 0.02, "back_up": 0.02, "restore_unknowingly": 0.004}
)

CASES: Final = replace(
    CALM, name="cases", entries=64, talks=0.2, reassigns=0.15, faults={"cut_line": 0.02, "mend_line": 0.03}
)

REGISTER: Final = replace(STORM, name="register", publishes=0.2)
"""A storm in which offices publish: what is about no case goes other ways than cases do."""

PRESETS: Final = {preset.name: preset for preset in (CALM, RURAL, RESTORE, STORM, DRY, BURST, CASES, REGISTER)}

MIX: Final = ("calm", "rural", "rural", "restore", "restore", "storm", "storm", "register", "burst", "cases")
"""The default fault mix: seed modulo 10."""


def preset_of(seed: int) -> Preset:
    """The preset that the default mix gives a seed."""
    return PRESETS[MIX[seed % len(MIX)]]


def one_fault(fault: str) -> Preset:
    """Fair weather but for one kind of trouble (and what must go with it)."""
    faults = {fault: 0.04}
    if fault.startswith("restore"):
        faults["back_up"] = 0.1
    if fault == "lose_device":
        faults = {fault: 0.01, "replace_the_lost": 0.05}
    if fault == "fill_disk":
        faults["free_disks"] = 0.05
    if fault == "cut_line":
        faults["mend_line"] = 0.05
    return replace(CALM, name="only " + fault, faults=faults)
