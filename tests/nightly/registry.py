"""The table of the nightly drills, cheapest first within each kind. A new drill is a row here.

Next: `tests.nightly.__main__`, which carries them out; `drills`, what a row is.
"""

import functools
from typing import Final

from tests.nightly import (
    bombs,
    flipped_bits,
    full_disk,
    kills,
    old_stores,
    power_cut,
    restored,
    simulated,
    skew,
    small_partition,
    thin_line,
)
from tests.nightly.drills import Drill, is_root, programs
from tests.simulation.presets import PRESETS
from tests.support import bridge

SEARCHED: Final = ("lost_device", "reenrolled", "restored", "sticks", "papers", "erasure")
"""Kinds of counties that are searched on their own, beside the mix of all."""

DATABASES: Final = ("sqlite", "postgresql")

DRILLS: Final = (
    Drill("skew_previous_village", functools.partial(skew.between, "v1"), (skew.why_not,)),
    Drill("skew_previous_township", functools.partial(skew.between, "t1"), (skew.why_not,)),
    Drill("skew_previous_county", functools.partial(skew.between, "hub"), (skew.why_not,)),
    *(
        Drill(f"restored_{tier}_{database}", functools.partial(restored.restored, office, database))
        for office, tier in restored.TIERS.items()
        for database in DATABASES
    ),
    *(
        Drill(f"upgraded_{database}", functools.partial(old_stores.taken_over, database), (skew.why_not,))
        for database in DATABASES
    ),
    Drill("full_disk", full_disk.tell, (full_disk.why_not,)),
    Drill("small_partition", small_partition.tell, (full_disk.why_not,)),
    Drill(
        "power_cut",
        power_cut.tell,
        (is_root, programs("mkfs.ext4", "mount", "umount", "unshare"), power_cut.why_not),
    ),
    Drill("flipped_bits", flipped_bits.tell),
    Drill("bombs", bombs.tell, (bombs.why_not,)),
    Drill("kill_sqlite", kills.sqlite),
    Drill("kill_postgres", kills.postgres, (kills.no_postgres,)),
    Drill("trickle_line", thin_line.trickle, (bridge.why_not,)),
    Drill("thin_line", thin_line.thin, (bridge.why_not,)),
    *(Drill(f"search_{name}", functools.partial(simulated.search, name)) for name in SEARCHED if name in PRESETS),
    Drill("search_mix", functools.partial(simulated.search, "")),
    Drill("rules_switched_off", simulated.switch_off),
)
