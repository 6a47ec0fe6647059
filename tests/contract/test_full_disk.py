"""A disk that fills up under a working node: the ballast goes, work goes on, nothing that was promised is lost.

`PRAGMA max_page_count` plays the disk, so SQLite's own SQLITE_FULL comes at the place where it would come. That a
really full file system behaves so too is shown by `tests/nightly/full_disk.py`.
"""

import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from random import Random

import pytest
from msgspec import Struct

from office.node import Node
from office.sentences import told
from office.storage import (
    BALLAST_BYTES,
    BALLAST_ROOM_BYTES,
    FILING_ROOM_BYTES,
    MEBIBYTE,
    PAPERS_ROOM_BYTES,
    DiskNearlyFull,
    NoRoomForPapers,
    Pressure,
)
from office.verifying import verify
from schemas.casework.values import Outcome
from schemas.names import CaseId
from sync.core.errors import Busy
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, agent, clerk, op
from tests.support.nodes import Network, Places, exchange, found_network

PAGES_LEFT = 60
EXCHANGES_MAX = 40


class SmallDisk(Struct):
    """A disk with so many bytes free."""

    free: int

    def free_bytes(self) -> int:
        return self.free


@pytest.fixture
async def places(tmp_path: Path) -> Places:
    """The folders of a county."""
    return await found_network(tmp_path)


@pytest.fixture
async def network(places: Places) -> AsyncGenerator[Network]:
    """A county with its lines up."""
    opened = await Network.open(places)
    yield opened
    await opened.close()


async def allow_pages(node: Node, more: int) -> None:
    """Let SQLite find its disk full after so many more pages."""
    async with node.engines.write.connect() as connection:
        used: int = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {used + more}")


async def remark_until_full(node: Node, case: CaseId, first: int) -> list[bytes]:
    """Write remarks until the disk is full. Returns the hashes of those that were acknowledged."""
    random = Random(first)
    acknowledged: list[bytes] = []
    with pytest.raises(Busy) as full:
        while True:
            text = "".join(chr(random.randrange(0x4E00, 0x9FA0)) for _ in range(1500))
            number = op(first + len(acknowledged))
            acknowledged.append((await node.desk.add_remark(agent(), case, number, text=text)).entry.hash)
    assert full.value.code == "store_full"
    assert "nothing that was saved is lost; free space" in full.value.hint
    assert "已保存的均完好" in told(full.value, "zh")
    return acknowledged


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]


async def test_the_ballast_is_given_up_once_and_work_goes_on_in_its_room(
    network: Network, caplog: pytest.LogCaptureFixture
) -> None:
    village = network.village
    ballast = village.home.ballast
    assert village.storage.keep_ballast()
    assert ballast.stat().st_blocks * 512 >= BALLAST_BYTES == ballast.stat().st_size
    assert ballast.stat().st_mode & 0o777 == 0o600
    case = (await network.file(1)).case

    await allow_pages(village, PAGES_LEFT)
    acknowledged = await remark_until_full(village, case, 100)
    assert not ballast.exists()
    state = village.storage.state()
    assert (state.has_ballast, state.given_up_at is not None) == (False, True)
    assert len(errors(caplog)) == 1
    assert "the ballast was given up" in errors(caplog)[0]

    # What the ballast held is the disk's again: the next acts find room, on the same connections.
    await allow_pages(village, 3 * PAGES_LEFT)
    await village.desk.offer_custody(agent(), case, op(2), to=TOWNSHIP)
    await network.settle()
    await network.township.desk.accept_custody(clerk(), case, op(3))
    await network.township.desk.decide(clerk(), case, op(4), outcome=Outcome.GRANTED, reason="符合", basis="第36条")
    await network.settle()

    # It fills up again, with nothing left to give: refused in the same words, nothing lost, nothing said twice.
    acknowledged += await remark_until_full(village, case, 10_000)
    assert len(errors(caplog)) == 1

    await allow_pages(village, 10_000)
    held = {entry.hash for entry in await village.store.entries_about([case])}
    assert set(acknowledged) < held
    assert len(acknowledged) > 30
    assert (await verify(village)).faults == []
    assert village.storage.keep_ballast()
    assert village.storage.state().given_up_at is None
    for _ in range(EXCHANGES_MAX):
        if village.books.links[network.township.books.seat.node].waiting():
            await exchange(village, network.township)
    assert {entry.hash for entry in await network.township.store.entries_about([case])} == held


async def test_little_room_refuses_new_filings_and_nothing_else(network: Network) -> None:
    village, township = network.village, network.township
    slip = await network.file(1)
    await village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP)
    for node in (village, township):
        node.storage.disk = SmallDisk(FILING_ROOM_BYTES - 1)
    with pytest.raises(DiskNearlyFull) as refused:
        await network.file(3)
    assert "清理磁盘" in refused.value.zh
    assert "Free space" in refused.value.en
    # The form of a filing that was taken in before is sent again: its slip is printed again.
    again = await network.file(1)
    assert (again.repeated, again.secret) == (True, slip.secret)

    await network.settle()
    await township.desk.accept_custody(clerk(), slip.case, op(4))
    await township.desk.decide(clerk(), slip.case, op(5), outcome=Outcome.GRANTED, reason="符合", basis="第36条")
    await network.settle()
    receipts = {row.office for row in await village.store.receipts(village.books.own)}
    assert {TOWNSHIP, COUNTY} <= receipts
    assert len(await village.store.entries_about([slip.case])) == 4

    village.storage.disk = SmallDisk(FILING_ROOM_BYTES)
    assert not (await network.file(3)).repeated


async def test_photographs_go_first_then_filings_and_what_is_under_way_never(network: Network) -> None:
    village = network.village
    for free, papers, filings, pressure in (
        (PAPERS_ROOM_BYTES, True, True, Pressure.NONE),
        (PAPERS_ROOM_BYTES - 1, False, True, Pressure.PAPERS),
        (FILING_ROOM_BYTES, False, True, Pressure.PAPERS),
        (FILING_ROOM_BYTES - 1, False, False, Pressure.FILINGS),
        (0, False, False, Pressure.FILINGS),
    ):
        village.storage.disk = SmallDisk(free)
        state = village.storage.state()
        assert (state.takes_papers, state.takes_filings, state.pressure) == (papers, filings, pressure)
        if papers:
            village.storage.check_papers()
            continue
        with pytest.raises(NoRoomForPapers) as refused:
            village.storage.check_papers()
        assert "照片" in refused.value.zh
        assert "photograph" in refused.value.en
        assert state.papers_bytes == (3 if village.home.papers.exists() else None)
        village.home.papers.mkdir(exist_ok=True)
        (village.home.papers / ("a" * 64)).write_bytes(b"abc")
    village.storage.disk = SmallDisk(BALLAST_ROOM_BYTES)
    assert village.storage.keep_ballast()
    assert village.storage.give_up()
    assert village.storage.state().pressure is Pressure.FULL


async def test_the_ballast_is_not_written_into_the_last_room(places: Places) -> None:
    village = await places.open(VILLAGE)
    ballast = village.home.ballast
    try:
        village.storage.disk = SmallDisk(BALLAST_ROOM_BYTES - 1)
        assert not village.storage.keep_ballast()
        assert not ballast.exists()
        assert not village.storage.give_up()
        village.storage.disk = SmallDisk(BALLAST_ROOM_BYTES)
        assert village.storage.keep_ballast()
        before = ballast.stat().st_mtime_ns
        assert village.storage.keep_ballast()
        assert ballast.stat().st_mtime_ns == before
    finally:
        await village.close()


async def test_a_write_that_fails_on_the_way_leaves_no_half_ballast(places: Places) -> None:
    """The room that was promised is gone before the file is whole."""

    class Torn:
        def __init__(self) -> None:
            self.drawn = 0

        def draw(self, size: int) -> bytes:
            self.drawn += size
            if self.drawn > MEBIBYTE:
                raise OSError(28, "No space left on device")
            return bytes(size)

    village = await places.open(VILLAGE)
    try:
        village.storage._salts = Torn()  # pyright: ignore[reportPrivateUsage]
        assert not village.storage.keep_ballast()
        assert not [path.name for path in village.home.folder.iterdir() if path.name.startswith("ballast")]
    finally:
        await village.close()


async def test_an_error_of_another_kind_leaves_the_ballast_alone(places: Places) -> None:
    village = await places.open(VILLAGE)
    try:
        assert village.storage.keep_ballast()
        for sentence in ("near «»: syntax error", "disk I/O error"):
            village.storage.hear(OSError(5, sentence))
        async with village.engines.write.connect() as connection:
            with pytest.raises(Exception, match="no such table"):
                await connection.exec_driver_sql("SELECT * FROM absent")
        assert village.home.ballast.exists()
    finally:
        await village.close()
