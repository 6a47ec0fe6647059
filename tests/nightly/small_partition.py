"""A village on a partition of 512 MiB that somebody's private files fill up, step by step: what is refused first, what
never, and that all of it comes back with the room.
"""

import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from office.node import Node
from office.storage import (
    FILING_ROOM_BYTES,
    MEBIBYTE,
    PAPERS_ROOM_BYTES,
    DiskNearlyFull,
    NoRoomForPapers,
    Pressure,
)
from office.verifying import verify
from schemas.casework.values import Outcome
from tests.nightly.drills import Figures, hand_back, in_child
from tests.support.counties import TOWNSHIP, agent, clerk, op
from tests.support.nodes import Network, found_network

SIZE_MIB: Final = 512
STORY_S_MAX: Final = 300


def tell() -> Figures:
    """Tell the story in a child with a file system of its own."""
    mounted = f'mount -t tmpfs -o size={SIZE_MIB}m tongban "$0" && exec "$@"'
    with tempfile.TemporaryDirectory() as folder:
        before = ["unshare", "-Urm", "sh", "-c", mounted, folder]
        return in_child("tests.nightly.small_partition", folder, before=before, within_s=STORY_S_MAX)


async def live_in_little_room(folder: Path) -> Figures:
    """The story itself, in a folder on the small file system."""
    network = await Network.open(await found_network(folder))
    village, township = network.village, network.township
    filler = folder / "films"
    assert village.storage.keep_ballast()
    assert village.storage.state().pressure is Pressure.NONE, "half a GB is enough for a village"
    slip = await network.file(1)
    await village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP)

    leave_free(village, filler, PAPERS_ROOM_BYTES - MEBIBYTE)
    assert village.storage.state().pressure is Pressure.PAPERS
    try:
        await village.capturing.capture(nothing_is_read())
        raise AssertionError("a photograph was taken in")
    except NoRoomForPapers:
        pass
    await network.file(3)

    leave_free(village, filler, FILING_ROOM_BYTES - MEBIBYTE)
    assert village.storage.state().pressure is Pressure.FILINGS
    try:
        await network.file(4)
        raise AssertionError("a new case was taken in")
    except DiskNearlyFull:
        pass
    await network.settle()
    await township.desk.accept_custody(clerk(), slip.case, op(5))
    await township.desk.decide(clerk(), slip.case, op(6), outcome=Outcome.GRANTED, reason="符合", basis="第36条")
    await network.settle()
    decided = len(await village.store.entries_about([slip.case]))
    receipts = len(await village.store.receipts(village.books.own))
    assert decided >= 4, "the decision did not arrive"
    assert receipts, "no receipt arrived"

    filler.unlink()
    assert village.storage.state().pressure is Pressure.NONE
    await network.file(7)
    report = await verify(village)
    assert report.faults == [], report.faults
    await network.close()
    return {"partition_mib": SIZE_MIB, "entries_of_the_case": decided, "receipts": receipts}


def leave_free(node: Node, path: Path, free: int) -> None:
    """Fill the file system until this much is left."""
    with path.open("ab") as file:
        while (left := node.storage.disk.free_bytes() or 0) > free:
            file.write(bytes(min(4 * MEBIBYTE, left - free)))
            file.flush()


async def nothing_is_read() -> AsyncIterator[bytes]:
    """What a browser would send; it is refused before it is looked at."""
    yield b""


if __name__ == "__main__":
    sys.exit(hand_back(lambda: asyncio.run(live_in_little_room(Path(sys.argv[1])))))
