"""A node lost and restored from its backup, on every tier and both databases: one drill each.

Backed up by its own verb while cases come in, it works on, is lost, comes back into its place, is quarantined, and is
given back what came after the backup. Next: `tests.support.restoring`, which tells it.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from schemas.names import OfficeId
from tests.nightly.drills import Figures
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE
from tests.support.postgres import start_postgres
from tests.support.restoring import Loss

TIERS: Final[Mapping[OfficeId, str]] = {COUNTY: "county", TOWNSHIP: "township", VILLAGE: "village"}


def restored(office: OfficeId, database: str) -> Figures:
    """One tier on `sqlite` or `postgresql`."""
    server = start_postgres() if database == "postgresql" else None
    try:
        with tempfile.TemporaryDirectory() as folder:
            return asyncio.run(Loss(Path(folder), office, server).tell())
    finally:
        if server is not None:
            server.stop()
