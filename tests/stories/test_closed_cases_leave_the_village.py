"""RULINGS A17: closed cases leave the village's computer once the county is known to hold them, and only then."""

import shutil
from pathlib import Path

import pytest

from office.node import Node
from office.paths import Home
from office.purging import DAYS_HEARD_MIN, DAYS_MIN, purge_closed
from office.verifying import verify
from schemas.casework.casefile import CaseFile
from schemas.casework.reasons import NotPermitted
from schemas.casework.residue import NOBODY
from schemas.casework.stages import Stage
from schemas.names import CaseId, Instant
from schemas.papers import PaperRef, PaperWant
from schemas.wire import Want
from sync import recovery
from tests.stories.test_erased_by_law import entries_of, figures, live, open_county, see
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, agent, clerk, op
from tests.support.nodes import Network, Places

DAY = 24 * 3600 * 1000


class CountyDays:
    """The county's clock: whole days may pass between two looks."""

    def __init__(self, node: Node) -> None:
        self.clock = node.clock
        self.passed = 0

    def now(self) -> Instant:
        return Instant(self.clock.now() + self.passed * DAY)

    def __getattr__(self, name: str) -> object:
        return getattr(self.clock, name)


async def pass_days(network: Network, days: int, *, lit: int = DAYS_MIN) -> None:
    """So many days at the county, with its daily beacon on so many of them, heard everywhere."""
    clock = network.hub.books.clock
    if not isinstance(clock, CountyDays):
        clock = network.hub.books.clock = CountyDays(network.hub)
    for day in range(days):
        clock.passed += 1
        if day >= days - lit:
            await network.hub.writer.alone(network.hub.ledger.light_beacon)
    await network.settle()


async def test_a_closed_case_goes_when_its_days_are_over_and_is_still_listed(tmp_path: Path) -> None:
    network, places = await open_county(tmp_path)
    village = network.village
    case, open_case = await live(network), (await network.file(40)).case
    await network.settle()
    number = (await see(village, case)).filing
    before = figures(await see(village, case))
    assert await purge_closed(village) == 0, "no beacon yet"
    await pass_days(network, DAYS_MIN - 1)
    assert await purge_closed(village) == 0, "a day too early"
    await pass_days(network, 2)
    assert await purge_closed(network.township) == 0, "only villages let anything go"
    assert await purge_closed(village) == 1
    assert await purge_closed(village) == 0
    for node in (network.hub, network.township):
        assert None not in {entry.body for entry in await entries_of(node, case)}
    assert {entry.body for entry in await entries_of(village, case)} == {None}
    assert None not in {entry.body for entry in await entries_of(village, open_case)}
    file = await see(village, case)
    assert_listed(file, before)
    assert number is not None
    assert file.filing is not None
    assert await village.worklists.find_by_number(VILLAGE, number.tracking) == case
    assert file.filing.tracking == number.tracking
    with pytest.raises(NotPermitted, match="case_purged"):
        await village.desk.add_remark(agent(), case, op(90), text="补记")
    assert (await verify(village)).faults == []
    await network.close()
    await folded_again(places, case, before)


def assert_listed(file: CaseFile, before: tuple[object, ...]) -> None:
    assert file.purged
    assert file.erased is None
    assert figures(file) == before
    assert file.filing is not None
    assert file.filing.applicant == NOBODY


async def folded_again(places: Places, case: CaseId, before: tuple[object, ...]) -> None:
    village = await Node.open(places.home(VILLAGE), refold=True)
    assert_listed(await see(village, case), before)
    assert (await verify(village)).faults == []
    await village.close()


async def test_a_case_that_ended_above_goes_once_something_written_here_later_is_held_too(tmp_path: Path) -> None:
    network, _ = await open_county(tmp_path)
    village = network.village
    case = (await network.file()).case
    await village.desk.offer_custody(agent(), case, op(2), to=TOWNSHIP)
    await network.settle()
    await network.township.desk.accept_custody(clerk(), case, op(3))
    await network.township.desk.withdraw_case(clerk(), case, op(4), reason="居民撤回")
    await network.settle()
    await pass_days(network, DAYS_MIN + 1)
    assert await purge_closed(village) == 0, "nothing says that the county has the withdrawal"
    open_case = (await network.file(40)).case
    await network.settle()
    await pass_days(network, DAYS_MIN + 1)
    assert await purge_closed(village) == 1
    assert {entry.body for entry in await entries_of(village, case)} == {None}
    assert None not in {entry.body for entry in await entries_of(village, open_case)}
    assert (await see(village, case)).stage is Stage.WITHDRAWN
    assert (await verify(village)).faults == []
    await network.close()


async def test_one_start_of_the_county_in_the_far_future_lets_nothing_go(tmp_path: Path) -> None:
    network, _ = await open_county(tmp_path)
    await live(network)
    await pass_days(network, 4000, lit=1)
    assert await purge_closed(network.village) == 0
    await pass_days(network, DAYS_HEARD_MIN, lit=DAYS_HEARD_MIN)
    assert await purge_closed(network.village) == 1
    await network.close()


async def test_a_restored_county_begins_the_days_anew(tmp_path: Path) -> None:
    network, places = await open_county(tmp_path)
    await network.hub.close()
    home = Home(places.home(COUNTY))
    shutil.copyfile(home.database, tmp_path / "backup.db")
    network.hub = await places.open(COUNTY)
    await network.settle()
    case = await live(network)
    await network.hub.close()
    for name in (home.database.name, home.database.name + "-wal", home.database.name + "-shm"):
        (home.folder / name).unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "backup.db", home.database)
    home.restored.touch()
    network.hub = await places.open(COUNTY)
    for _ in range(3):
        await network.settle()
    await pass_days(network, 1)
    receipts = await network.village.store.entries_of_kind("line.receipted")
    assert receipts
    assert await purge_closed(network.village) == 0
    await pass_days(network, DAYS_MIN + 1)
    # The receipts of before no longer stand behind the beacon; those that came after the restore do.
    assert await purge_closed(network.village) == 1
    assert (await see(network.hub, case)).stage is Stage.CLOSED
    assert (await verify(network.village)).faults == []
    await network.close()


async def test_what_the_township_wants_back_it_gets_from_the_county(tmp_path: Path) -> None:
    network, _ = await open_county(tmp_path)
    village = network.village
    case = await live(network)
    await pass_days(network, DAYS_MIN + 1)
    assert await purge_closed(village) == 1
    entry = (await entries_of(village, case))[0]
    link = village.books.links[network.township.books.seat.node]
    journal = entry.journal
    village.books.asked[link.neighbour] = [Want(journal.origin, journal.epoch, entry.seq, entry.seq + 1)]
    (answer,) = await recovery.answers_for(village.books, link)
    told = answer.run.lines if answer.run else [one.line for one in answer.excerpts]
    assert all(line.body is not None for line in told), "never a header without its body"
    await network.close()


async def test_a_case_whose_photograph_is_not_above_stays(tmp_path: Path) -> None:
    network, _ = await open_county(tmp_path)
    village, township = network.village, network.township.books.seat.node
    content = b"%PDF-1.4 " + bytes(1000)
    paper = PaperRef(await village.papers.keep(content), len(content), "application/pdf")
    case = (await network.file()).case
    await village.desk.bring_papers(agent(), case, op(2), materials=("居民身份证",), papers=(paper,))
    await village.desk.withdraw_case(agent(), case, op(3), reason="居民撤回")
    await network.settle()
    await pass_days(network, DAYS_MIN + 1)
    assert await purge_closed(village) == 0, "the township has nothing of it"
    await village.paper_wants.heard(township, [PaperWant(paper.digest, paper.size, 500)], [], [], is_all=True)
    assert await purge_closed(village) == 0, "the township has half of it"
    await village.paper_wants.heard(township, [], [paper.digest], [], is_all=True)
    assert await purge_closed(village) == 1
    assert await village.papers.held(paper.digest, paper.size) == 0, "and the photograph went with the case"
    await network.close()
