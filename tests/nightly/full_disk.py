"""A node on a file system that is really full: a small tmpfs in a namespace of its own, filled to the last byte.

`tests/contract/test_full_disk.py` plays the disk with a limit inside SQLite; only here does the write-ahead file itself
find no room, so that without the ballast nothing at all could be written any more.
"""

import asyncio
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Final

from office.node import Node
from office.storage import BALLAST_BYTES, DiskNearlyFull
from office.verifying import verify
from schemas.names import CaseId
from sync.core.errors import Busy
from tests.nightly.drills import Figures, hand_back, in_child, say
from tests.support.counties import VILLAGE, agent, op
from tests.support.nodes import Network, found_network

SIZE_MIB: Final = 96
STORY_S_MAX: Final = 300
FILL_BYTES: Final = 64 * 1024

WITHOUT_BALLAST_MAX: Final = 40
"""Remarks that a disk with nothing to give may still take after it was full: room inside SQLite's own files."""


def why_not() -> str:
    """Why there can be no small file system of one's own here; empty when there can."""
    if not sys.platform.startswith("linux"):
        return "it needs Linux: a small file system of one's own"
    try:
        probe = subprocess.run(["unshare", "-Urm", "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "a program is missing: unshare (util-linux)"
    return f"this system allows no user namespaces: {probe.stderr.strip()}" if probe.returncode else ""


def tell() -> Figures:
    """Tell the story in a child with a file system of its own."""
    mounted = f'mount -t tmpfs -o size={SIZE_MIB}m tongban "$0" && exec "$@"'
    with tempfile.TemporaryDirectory() as folder:
        before = ["unshare", "-Urm", "sh", "-c", mounted, folder]
        return in_child("tests.nightly.full_disk", folder, before=before, within_s=STORY_S_MAX)


async def fill_and_free(folder: Path) -> Figures:
    """The story itself, in a folder on the small file system."""
    network = await Network.open(await found_network(folder))
    village = network.village
    assert village.storage.keep_ballast()
    case = (await network.file(1)).case
    filler = folder / "photographs"

    fill(filler)
    acknowledged = await remark_until_full(village, case, 1000)
    assert not village.home.ballast.exists(), "the ballast was not given up"
    in_the_ballast = await remark_until_full(village, case, 20_000)
    figures: Figures = {"remarks_until_full": len(acknowledged), "remarks_in_the_ballast": len(in_the_ballast)}
    assert len(in_the_ballast) > 10 * WITHOUT_BALLAST_MAX
    acknowledged += in_the_ballast

    try:
        await network.file(2)
        raise AssertionError("a full disk took a new case in")
    except DiskNearlyFull as refused:
        say(f"{refused.zh}\n{refused.en}")
    held = {entry.hash for entry in await village.store.entries_about([case])}
    assert set(acknowledged) < held, "an acknowledged entry is not there"
    await network.close()

    filler.unlink()
    village = await Node.open(folder / VILLAGE)
    assert village.storage.keep_ballast(), "room is back, but the ballast is not"
    assert village.home.ballast.stat().st_size == BALLAST_BYTES
    await village.desk.add_remark(agent(), case, op(3), text="又有空间了")
    assert {entry.hash for entry in await village.store.entries_about([case])} > held
    report = await verify(village)
    assert report.faults == [], report.faults
    await village.close()

    # Filled up while it is stopped: the next start says so and gives the ballast up; the one after that works.
    fill(filler)
    assert "store_full" in await said("sync", folder)
    assert not village.home.ballast.exists()
    assert "line_down" in await said("sync", folder)
    assert "请立即清理磁盘" in await said("doctor", folder)
    return figures


async def said(verb: str, folder: Path) -> str:
    """What a verb of the village says to its operator, in words."""
    words = [sys.executable, "-m", "village_agent", verb, "--home", str(folder / VILLAGE)]
    done = await asyncio.to_thread(subprocess.run, words, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    say(f"{verb}: {done.stderr.strip()}")
    return done.stdout + done.stderr


def fill(path: Path) -> None:
    """Take every byte that is left, as somebody's photographs would."""
    with path.open("wb", buffering=0) as file:
        piece = FILL_BYTES
        while piece:
            try:
                file.write(bytes(piece))
            except OSError:
                piece //= 2
    free = os.statvfs(path.parent).f_bavail
    assert free == 0, f"{free} blocks are free"


async def remark_until_full(node: Node, case: CaseId, first: int) -> list[bytes]:
    """Write remarks until the disk is full. Returns the hashes of those that were acknowledged."""
    random = Random(first)
    acknowledged: list[bytes] = []
    while True:
        text = "".join(chr(random.randrange(0x4E00, 0x9FA0)) for _ in range(600))
        number = op(first + len(acknowledged))
        try:
            acknowledged.append((await node.desk.add_remark(agent(), case, number, text=text)).entry.hash)
        except Busy as full:
            if full.code != "store_full":
                raise
            return acknowledged


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout)
    sys.exit(hand_back(lambda: asyncio.run(fill_and_free(Path(sys.argv[1])))))
