"""One wrong bit in a node's file, two hundred times: it is noticed, or it changed nothing that anybody reads.

On a village's store, which is locked (each page carries a check value), and on a township's, which lies plain (entries
are chained, pages' tables follow from them). Some bits lie in room that no row uses, or in an index; what does not
notice those must read every table as before. What a plain store keeps beside its entries (accounts, outboxes)
has no such proof; how often a bit got through there is counted, and judged for the rest alone. Next: `verifying`.
"""

import asyncio
import hashlib
import shutil
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Final

from sqlalchemy.exc import DBAPIError

from office.locking import lock_home
from office.node import Node
from office.paths import Home
from office.settings import load_settings
from office.vault import Vault
from office.verifying import verify
from schemas.casework.roles import Role
from schemas.codec import Malformed
from sync.core.errors import Fault
from tests.nightly.drills import Failed, Figures, hand_back, in_child, say
from tests.support.counties import TOWNSHIP, VILLAGE
from tests.support.nodes import Network, found_network

FLIPS: Final = 200
CASES: Final = 10
PROGRESS_EVERY: Final = 50
DRILL_S_MAX: Final = 3600
LOGIN: Final = "zhang"
PASSPHRASE: Final = "steep valley, wrong bit 3"

PROVED: Final = frozenset({"entries", "journals", "checkpoints", "receipts", "proofs", "cases", "records"})
"""Tables of which `verify` promises that nothing in them is changed unnoticed."""

Read = dict[str, str]
"""Table → digest of all its rows."""


def tell() -> Figures:
    """Both stores."""
    return in_child("tests.nightly.flipped_bits", within_s=DRILL_S_MAX)


class Patient:
    """One node's folder, a copy of its sound file, and what its tables say."""

    def __init__(self, folder: Path, vault: Vault | None, copy: Path) -> None:
        self.folder = folder
        self.vault = vault
        self.store = Home(folder).database
        self.sound = shutil.copy(self.store, copy)
        self.before: Read = {}

    async def read(self) -> Read:
        """Every table as it reads now. Raises what the database or the node's start complains of."""
        node = await Node.open(self.folder, with_pen=False, vault=self.vault)
        try:
            return await _read(node)
        finally:
            await node.close()

    async def is_noticed(self) -> bool:
        """Whether the node, or its own check, says that something is wrong."""
        try:
            node = await Node.open(self.folder, with_pen=False, vault=self.vault)
        except (Fault, DBAPIError, Malformed):
            return True
        try:
            return bool((await verify(node)).faults)
        except (Fault, DBAPIError, Malformed):
            return True
        finally:
            await node.close()

    def flip(self, random: Random) -> int:
        """Put the sound file back, then turn one bit of it. Returns the byte's place."""
        shutil.copy(self.sound, self.store)
        for name in ("-wal", "-shm"):
            self.store.with_name(self.store.name + name).unlink(missing_ok=True)
        place = random.randrange(self.store.stat().st_size)
        with self.store.open("r+b") as file:
            file.seek(place)
            (byte,) = file.read(1)
            file.seek(place)
            file.write(bytes([byte ^ 1 << random.randrange(8)]))
        return place


async def _read(node: Node) -> Read:
    async with node.engines.read.connect() as connection:
        names = await connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        found: Read = {}
        for (name,) in names.all():
            rows = (await connection.exec_driver_sql(f'SELECT * FROM "{name}"')).all()
            found[name] = hashlib.sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest()
        return found


async def examine(patient: Patient, seed: int) -> Figures:
    """Turn bits, one at a time."""
    random = Random(seed)
    patient.before = await patient.read()
    noticed = harmless = 0
    through: dict[str, int] = {}
    for number in range(1, FLIPS + 1):
        patient.flip(random)
        if await patient.is_noticed():
            noticed += 1
            continue
        try:
            now = await patient.read()
        except (Fault, DBAPIError, Malformed):
            noticed += 1  # Not by its own check, but by whoever reads that table first.
            continue
        changed = [name for name in patient.before if now.get(name) != patient.before[name]]
        harmless += not changed
        for name in changed:
            through[name] = through.get(name, 0) + 1
        if number % PROGRESS_EVERY == 0:
            say(f"{number} bits: {noticed} noticed, {harmless} read as before, unnoticed in {through}")
    return {"flips": FLIPS, "noticed": noticed, "read_as_before": harmless, "unnoticed": through}


async def tell_here(folder: Path) -> Figures:
    """The drill itself."""
    places = await found_network(folder)
    network = await Network.open(places)
    for number in range(1, CASES + 1):
        await network.file(number)
    await network.settle()
    await network.village.accounts.add_officer(LOGIN, "张代办", VILLAGE, frozenset({Role.AGENT}), PASSPHRASE)
    await network.close()
    home = Home(places.home(VILLAGE))
    vault = await asyncio.to_thread(lock_home, home, load_settings(home.settings), LOGIN, PASSPHRASE)
    locked = await examine(Patient(home.folder, vault, folder / "locked.db"), 1)
    plain = await examine(Patient(places.home(TOWNSHIP), None, folder / "plain.db"), 2)
    figures: Figures = {"locked": locked, "plain": plain}
    if locked["unnoticed"]:
        raise Failed("a wrong bit in a locked store was read by nobody's leave", figures)
    if PROVED & plain["unnoticed"].keys():
        raise Failed("a wrong bit changed what is proved, and nobody noticed", figures)
    return figures


def main() -> Figures:
    """The drill, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(tell_here(Path(folder)))


if __name__ == "__main__":
    sys.exit(hand_back(main))
