"""Power cuts: what the node acknowledged is there afterwards, and a store with the usual advice for speed loses.

A file system on a loop device is shut down as if the plug were pulled (`EXT4_IOC_SHUTDOWN`: nothing that was not forced
to the disk ever reaches it), while the product's own writer works there; then it is mounted again and every entry
walked. The control writes with WAL and `synchronous=NORMAL`: if it loses nothing, the cut proves nothing. Needs root.
"""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

from office.database import database_url, open_engines
from office.migrations import migrate
from tests.nightly.drills import ROOT, Failed, Figures, hand_back, in_child, say
from tests.support.killable import Acknowledged, killable
from tests.support.stores import SEALER
from tests.support.walking import Walked, walk

CUTS: Final = 50
SIZE_MIB: Final = 64
ACKS_MAX: Final = 60
CONTROL_ACKS: Final = 400
CUT_S_MAX: Final = 600

EXT4_IOC_SHUTDOWN: Final = 0x8004587D
"""`_IOR('X', 125, __u32)`, as xfstests' "godown" uses it."""
NO_LOG_FLUSH: Final = 2

CONTROL: Final = """
import sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("PRAGMA journal_mode=WAL")
store.execute("PRAGMA synchronous=NORMAL")
store.execute("CREATE TABLE IF NOT EXISTS cases (number INTEGER PRIMARY KEY, body BLOB)")
number = store.execute("SELECT coalesce(max(number), 0) FROM cases").fetchone()[0]
while True:
    number += 1
    store.execute("INSERT INTO cases VALUES (?, ?)", (number, bytes(300)))
    print(number, flush=True)
"""
"""One case a transaction, acknowledged on a line of its own."""


def why_not() -> str:
    """Why no file system can be mounted from a file here; empty when it can."""
    if not Path("/dev/loop-control").exists():
        return "it needs loop devices: /dev/loop-control is not there"
    with tempfile.TemporaryDirectory() as folder:
        image = _image(Path(folder))
        mounted = f'mount -o loop "{image}" "{folder}" && umount "{folder}"'
        probe = subprocess.run(["unshare", "--mount", "sh", "-c", mounted], capture_output=True, text=True, check=False)
        return f"no file system can be mounted from a file: {probe.stderr.strip()}" if probe.returncode else ""


def tell() -> Figures:
    """Cut, look, go on, twenty times; then the control."""
    # Mounts of its own, so that none is left behind whatever happens.
    return in_child("tests.nightly.power_cut", before=["unshare", "--mount"], within_s=CUT_S_MAX)


def _image(folder: Path) -> Path:
    image = folder / "disk.img"
    with image.open("wb") as file:
        file.truncate(SIZE_MIB * 1024 * 1024)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True, capture_output=True)
    return image


class Disk:
    """A file system whose power can be cut."""

    def __init__(self, folder: Path) -> None:
        self._image = _image(folder)
        self.place = folder / "disk"
        self.place.mkdir()

    @contextmanager
    def powered(self) -> Generator[None]:
        """Mount it, which replays the file system's own journal; unmount it at the end, cut off or not."""
        subprocess.run(["mount", "-o", "loop", self._image, self.place], check=True)
        try:
            yield
        finally:
            subprocess.run(["umount", self.place], check=True)

    def cut_power(self) -> None:
        """From now on nothing reaches the image; every write fails."""
        handle = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        finally:
            os.close(handle)


async def tell_here(folder: Path) -> Figures:
    """The drill itself."""
    (folder / "product").mkdir()
    (folder / "control").mkdir()
    acknowledged, found, lost = await _cut_the_product(Disk(folder / "product"), Random(1))
    figures: Figures = {"cuts": CUTS, "acknowledged": acknowledged, "lost": lost, "faults": found.faults[:3]}
    cuts, gone = _cut_the_control(Disk(folder / "control"))
    figures |= {"control_cuts_that_lost": cuts, "control_lost": gone}
    if lost or found.faults:
        raise Failed(f"{lost} acknowledged entries are gone after power cuts", figures)
    if not gone:
        raise Failed("the control lost nothing: these cuts are no power cuts", figures)
    return figures


async def _cut_the_product(disk: Disk, random: Random) -> tuple[int, Walked, int]:
    """The product's writer under cuts: what it acknowledged, what is found at the end, what was missing after a cut."""
    acknowledged: list[Acknowledged] = []
    lost = 0
    found = Walked({}, [], [])
    store = disk.place / "node.db"
    for number in range(CUTS):
        with disk.powered():
            engines = open_engines(database_url("", store))
            await migrate(engines.write)
            await engines.close()
            async with killable(f"sqlite:///{store}", complaints=subprocess.DEVNULL) as device:
                acknowledged += await device.run_until(random.randrange(1, ACKS_MAX), disk.cut_power)
        with disk.powered():
            engines = open_engines(database_url("", store))
            found = await walk(engines.read, SEALER)
            await engines.close()
        lost = sum(found.hashes.get((ack.ordinal, ack.seq), b"").hex() != ack.hash for ack in acknowledged)
        say(f"cut {number + 1}: {len(acknowledged)} acknowledged, {lost} lost")
        if lost or found.faults:
            break
    return len(acknowledged), found, lost


def _cut_the_control(disk: Disk) -> tuple[int, int]:
    """Cuts that lost something, and how many acknowledged rows they lost."""
    cuts = gone = 0
    for _ in range(CUTS):
        with disk.powered():
            last = _write_and_cut(disk.place / "control.db", disk.cut_power)
        with disk.powered():
            here = _control_rows(disk.place / "control.db")
        cuts += here < last
        gone += max(0, last - here)
    return cuts, gone


def _control_rows(database: Path) -> int:
    with contextlib.closing(sqlite3.connect(database)) as store:
        if not store.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            return 0  # Not even the table was on the disk.
        return store.execute("SELECT coalesce(max(number), 0) FROM cases").fetchone()[0]


def _write_and_cut(store: Path, cut: Callable[[], None]) -> int:
    """The last number that was acknowledged before the power went."""
    command = [sys.executable, "-c", CONTROL, str(store)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as writer:
        assert writer.stdout is not None
        last = 0
        for _ in range(CONTROL_ACKS):
            last = int(writer.stdout.readline())
        cut()
        writer.kill()
    return last


def main() -> Figures:
    """The drill, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(tell_here(Path(folder)))


if __name__ == "__main__":
    sys.exit(hand_back(main))
