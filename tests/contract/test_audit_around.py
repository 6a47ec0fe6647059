"""What stands around a case in a real county, on both databases: a year of refusals, and what was withdrawn."""

import shutil
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path

import pytest

from hub.audit.dossier import Dossier
from hub.audit.rule import AuditRule, Hit, Need
from office.clock import SystemClock
from schemas.names import CaseId, Instant
from tests.support.audits import examiner_of, make_rule
from tests.support.counties import TOWNSHIP, agent, clerk, op
from tests.support.nodes import Network, Places, found_network
from tests.support.postgres import PostgresServer

DAY_MS = 24 * 3600 * 1000


@pytest.fixture(scope="module")
async def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A county with nothing in it, on SQLite; to be copied, not touched."""
    folder = tmp_path_factory.mktemp("founded")
    await found_network(folder)
    return folder


@pytest.fixture(params=["postgres", "sqlite"])
async def network(request: pytest.FixtureRequest, founded: Path, tmp_path: Path) -> AsyncGenerator[Network]:
    """Three open nodes; the county over each database."""
    if request.param == "sqlite":
        shutil.copytree(founded, tmp_path / "homes")
        opened = await Network.open(Places(tmp_path / "homes"))
        yield opened
        await opened.close()
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = await server.create_database()
    opened = await Network.open(await found_network(tmp_path / "homes", url))
    yield opened
    await opened.close()
    await server.drop_database(url)


def stopped_at(milliseconds: int) -> Callable[[SystemClock], Instant]:
    """A clock that says nothing else."""
    return lambda clock: Instant(milliseconds)


def _seeing(seen: dict[CaseId, Dossier], *needs: Need) -> AuditRule:
    """A rule that finds nothing and keeps what it was shown."""

    def judge(dossier: Dossier) -> Iterable[Hit]:
        seen[dossier.file.case] = dossier
        return ()

    return make_rule("T3", judge, needs=needs)


async def _file(network: Network, number: int) -> CaseId:
    case = (await network.file(number)).case
    await network.village.desk.offer_custody(agent(), case, op(number + 1), to=TOWNSHIP)
    await network.settle()
    return case


async def test_a_year_of_an_officer_s_refusals_is_at_hand(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[CaseId, Dossier] = {}

    async def refuse(number: int) -> CaseId:
        case = await _file(network, number)
        reason, remedy = "申请人户籍不在本镇，不符合规定条件", "六十日内可申请行政复议"
        desk = network.township.desk
        await desk.refuse_acceptance(clerk(), case, op(number + 2), reason=reason, basis="第36条", remedy=remedy)
        await network.settle()
        return case

    def refused(case: CaseId) -> list[CaseId]:
        return [act.case for act in seen[case].around.refusals]

    rule = _seeing(seen, Need.REFUSALS)
    begun = network.hub.clock.now()
    async with examiner_of(network.hub, [rule]) as examiner:
        first, second = await refuse(10), await refuse(20)
        await examiner.examine_arrived()
        # In one page each knows of the other, whatever was written yet.
        assert refused(first) == refused(second) == [first, second]
        monkeypatch.setattr(SystemClock, "now", stopped_at(begun + 200 * DAY_MS))
        third = await refuse(30)
        await examiner.examine_arrived()
        assert refused(third) == [first, second, third]
    async with examiner_of(network.hub, [rule]) as examiner:
        await examiner.examine([third])
        assert refused(third) == [first, second, third], "the next process knows it from the rows"
        monkeypatch.setattr(SystemClock, "now", stopped_at(begun + 400 * DAY_MS))
        fourth = await refuse(40)
        await examiner.examine_arrived()
        assert refused(fourth) == [third, fourth]
        monkeypatch.undo()


async def test_when_a_case_was_withdrawn_and_what_its_term_was_is_known_of_it(network: Network) -> None:
    seen: dict[CaseId, Dossier] = {}
    first = await _file(network, 10)
    desk = network.township.desk
    await desk.accept_custody(clerk(), first, op(12))
    await desk.withdraw_case(clerk(), first, op(13), reason="申请人自愿撤回")
    await network.settle()
    rule = _seeing(seen, Need.PERSON)
    async with examiner_of(network.hub, [rule]) as examiner:
        await examiner.examine_arrived()
    second = await _file(network, 20)
    async with examiner_of(network.hub, [rule]) as examiner:
        await examiner.examine_arrived()
        before, own = seen[second].around.by_person
    assert (before.case, own.case) == (first, second)
    assert before.withdrawn_at == seen[first].fact.withdrawn_at is not None
    assert before.due == seen[first].fact.due is not None
    assert (own.withdrawn_at, own.due) == (None, None)
