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
    beacons: float = 0.0
    """How often the county's day ends: a beacon, and watermarks behind it."""
    second_paths: float = 0.0
    """How often a village speaks with the county itself, by line or stick."""
    papers: float = 0.0
    """How often who files or brings something has a photograph of it."""
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

LOST_DEVICE: Final = replace(
    RURAL,
    name="lost_device",
    publishes=0.05,
    faults=RURAL.faults
    | {
        "lose_device": 0.025,
        "replace_the_lost": 0.06,
        "thief_returns": 0.03,
        "confirm_revocations": 0.02,
        "back_up": 0.03,
        "restore_unknowingly": 0.004,
    },
)
"""Computers are stolen and burn, thieves try their luck, sticks of lost computers arrive late, and now and then the
office that revoked one has forgotten it."""

REENROLLED: Final = replace(
    RURAL,
    name="reenrolled",
    publishes=0.05,
    faults=RURAL.faults
    | {
        "replace_a_working_one": 0.02,
        "lose_device": 0.008,
        "replace_the_lost": 0.06,
        "enrol_somebody_again": 0.01,
        "confirm_revocations": 0.02,
        "thief_returns": 0.02,
    },
)
"""Offices get new computers while the old ones still work: nobody revokes those, their successors end them."""

RESTORED: Final = replace(
    RESTORE,
    name="restored",
    reassigns=0.03,
    faults=RESTORE.faults
    | {
        "back_up": 0.08,
        "restore_knowingly": 0.025,
        "restore_unknowingly": 0.025,
        "lose_device": 0.004,
        "replace_the_lost": 0.03,
        "confirm_revocations": 0.01,
    },
)
"""Backups are put back again and again, also at offices whose neighbours were just replaced."""

STICKS: Final = replace(
    RURAL,
    name="sticks",
    papers=0.4,
    talks=0.06,
    faults=RURAL.faults
    | {
        "cut_line": 0.08,
        "mend_line": 0.01,
        "send_stick_up": 0.09,
        "send_stick_down": 0.09,
        "back_up": 0.03,
        "restore_knowingly": 0.004,
        "restore_unknowingly": 0.004,
        "lose_device": 0.003,
        "replace_the_lost": 0.03,
        "confirm_revocations": 0.01,
    },
)
"""Valleys without a line: nearly everything goes in a pocket, twice, late, or to an office that was restored."""

ERASURE: Final = replace(
    STORM,
    name="erasure",
    steps=220,
    entries=75,
    faults=STORM.faults | {"erase_by_law": 0.08, "erase_on_the_way": 0.015},
)
"""A storm in which cases and remarks are erased by law, and now and then somebody erases on the way."""

WATCHED: Final = replace(RURAL, name="watched", beacons=0.04, second_paths=0.03)
"""Days go by, villages and townships compare what the county says it holds, and some speak with it themselves."""

SECOND_PATH: Final = replace(
    STORM,
    name="second_path",
    beacons=0.05,
    second_paths=0.12,
    publishes=0.05,
    faults=STORM.faults | {"cut_line": 0.08, "mend_line": 0.02, "send_stick_up": 0.02, "send_stick_down": 0.02},
)
"""A storm in which townships are silent for days, and their villages go round them."""

PAPERS: Final = replace(
    DRY,
    name="papers",
    papers=0.6,
    faults=DRY.faults | {"switch_off": 0.02, "cut_line": 0.05, "lose_device": 0.003},
)
"""Photographs with the cases, over lines that lose, repeat and garble their pieces, between computers that are switched
off, restored and replaced meanwhile."""

PRESETS: Final = {
    preset.name: preset
    for preset in (
        PAPERS,
        CALM,
        RURAL,
        RESTORE,
        STORM,
        DRY,
        BURST,
        CASES,
        REGISTER,
        LOST_DEVICE,
        REENROLLED,
        RESTORED,
        STICKS,
        ERASURE,
        WATCHED,
        SECOND_PATH,
    )
}

MIX: Final = ("calm", "rural", "papers", "restore", "restore", "storm", "erasure", "register", "burst", "cases")
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
