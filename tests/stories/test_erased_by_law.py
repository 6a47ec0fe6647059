"""The county erases a closed case: every holder obeys, nothing else changes, and every proof still holds."""

import asyncio
import shutil
import sqlite3
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from hub.__main__ import APPLICATION as HUB
from office.cli import main
from office.erasing import remembered_erasures
from office.erasure_orders import ErasureRefused, Order, erasure_orders_of
from office.node import Node
from office.paths import Home
from office.retention import Retention, parse_retention
from office.verifying import verify
from schemas.casework.casefile import CaseFile
from schemas.casework.reasons import NotPermitted
from schemas.casework.residue import NOBODY
from schemas.casework.roles import Role
from schemas.casework.stages import Stage
from schemas.casework.values import Handover, Outcome
from schemas.names import CaseId, OfficerId
from schemas.refusals import Refused
from sync.core.errors import LocalFault
from sync.ports import Stored
from sync.proof.__main__ import main as tongban_verify
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, agent, clerk, op
from tests.support.nodes import Network, Places, exchange, found_network

OFFICER, LEADER = OfficerId(f"{COUNTY}/zhang"), OfficerId(f"{COUNTY}/li")
GROUND = "档案保管期限届满，经鉴定准予销毁"
STATEMENT = "申请备案"
REMARK = "家中老人行动不便"


async def live(network: Network, number: int = 1) -> CaseId:
    """One case from the filing to its end, with a remark."""
    village, township = network.village.desk, network.township.desk
    case = (await network.file(number)).case
    await village.add_remark(agent(), case, op(number + 1), text=REMARK)
    await village.offer_custody(agent(), case, op(number + 2), to=TOWNSHIP)
    await network.settle()
    await township.accept_custody(clerk(), case, op(number + 3))
    await township.decide(clerk(), case, op(number + 4), outcome=Outcome.GRANTED, reason="符合条件", basis="第36条")
    await township.offer_custody(clerk(), case, op(number + 5), to=VILLAGE)
    await network.settle()
    await village.accept_custody(agent(), case, op(number + 6))
    await village.hand_over(agent(), case, op(number + 7), recipient="王秀英", how=Handover.HOME)
    await village.close_case(agent(), case, op(number + 8))
    await network.settle()
    return case


async def open_county(folder: Path) -> tuple[Network, Places]:
    """A county with the two people whom an erasure takes."""
    places = await found_network(folder)
    network = await Network.open(places)
    for login, name, role in (("zhang", "张", Role.SUPERVISOR), ("li", "李", Role.LEADER)):
        await network.hub.accounts.add_officer(login, name, COUNTY, [role], "three quiet herons")
    return network, places


def nodes_of(network: Network) -> tuple[Node, Node, Node]:
    return network.hub, network.township, network.village


async def see(node: Node, case: CaseId) -> CaseFile:
    return (await node.worklists.get_case(node.seat, case)).file


async def entries_of(node: Node, case: CaseId) -> list[Stored]:
    return [entry for entry in await node.store.entries_about([case]) if not entry.kind.startswith("line.")]


def figures(file: CaseFile) -> tuple[object, ...]:
    """All that statistics are made of."""
    assert file.filing is not None
    assert file.decision is not None
    return (
        *(file.filing.item, file.filing.edition, file.filing_office, file.home, file.stage, file.turn, file.tip),
        *(file.filed_at, file.accepted_at, file.decided_at, file.ended_at, file.received_at, file.accepted_by),
        *(file.decision.outcome, file.decision.office, file.holders, file.spans, file.requests, file.course.notices),
        *(file.fees_fen, file.is_expedited, file.converted_days, file.steps_done, file.responsible, file.breaches),
    )


def early(case: CaseId, *entries: str) -> Order:
    return Order(case, OFFICER, LEADER, GROUND, entries, is_early=True)


async def test_every_node_lets_the_case_go_and_keeps_what_it_proves(tmp_path: Path) -> None:
    network, places = await open_county(tmp_path)
    case, other = await live(network), await live(network, 20)
    before = {node.seat: figures(await see(node, case)) for node in nodes_of(network)}
    written = await entries_of(network.hub, case)
    bodies = [entry.body for entry in written]
    await erasure_orders_of(network.hub).order(early(case))
    await network.settle()
    for node in nodes_of(network):
        assert (await verify(node)).faults == []
        file = await see(node, case)
        assert figures(file) == before[node.seat]
        assert file.filing is not None
        assert file.erased is not None
        assert (file.filing.applicant, file.filing.tracking, file.erased.ground) == (NOBODY, "", GROUND)
        held = await entries_of(node, case)
        assert {(entry.body, entry.salt) for entry in held} == {(None, b"")}
        assert {entry.hash for entry in held} <= {entry.hash for entry in written}
        found = await node.worklists.get_case(node.seat, case)
        assert {traced.state for traced in found.traced if not traced.entry.kind.startswith("line.")} == {"erased"}
        # The other case is as it was, and the erased one is found by nobody's name.
        assert (await see(node, other)).filing != file.filing
        named = await node.worklists.list_cases(node.seat, search="王", by_name=True)
        assert case not in [found.file.case for found in named.rows]
        assert remembered_erasures(node.home) == {entry.hash for entry in written}
    with pytest.raises(NotPermitted, match="case_erased"):
        await network.village.desk.add_remark(agent(), case, op(60), text="补记")
    await network.close()
    for office in (COUNTY, TOWNSHIP, VILLAGE):
        node = await Node.open(places.home(office), refold=True)
        assert (await verify(node)).faults == []
        assert figures(await see(node, case)) == before[office]
        await node.close()
    assert any(bodies)


async def test_a_restored_township_erases_again_before_anybody_can_look(tmp_path: Path) -> None:
    network, places = await open_county(tmp_path)
    case = await live(network)
    hashes = {entry.hash for entry in await entries_of(network.hub, case)}
    await network.township.close()
    backup = tmp_path / "backup.db"
    shutil.copyfile(Home(places.home(TOWNSHIP)).database, backup)
    network.township = await places.open(TOWNSHIP)
    await network.settle()
    await erasure_orders_of(network.hub).order(early(case))
    await network.settle()
    await network.township.close()
    home = Home(places.home(TOWNSHIP))
    for name in (home.database.name, home.database.name + "-wal", home.database.name + "-shm"):
        (home.folder / name).unlink(missing_ok=True)
    shutil.copyfile(backup, home.database)
    home.restored.touch()
    reading = await Node.open(home.folder, with_pen=False)
    assert {entry.body for entry in await entries_of(reading, case)} == {None}, "not to a verb that only reads, either"
    await reading.close()
    assert home.restored.exists()
    network.township = await places.open(TOWNSHIP)
    assert {entry.body for entry in await entries_of(network.township, case)} == {None}
    awaited = await network.township.cases.read([case])
    assert awaited[case].filing is None, "what stays of it comes with the order"
    await network.settle()
    await network.settle()
    file = await see(network.township, case)
    assert file.erased is not None
    assert file.stage is Stage.CLOSED
    assert network.township.books.erased == hashes
    for node in nodes_of(network):
        assert (await verify(node)).faults == []
    await network.close()


async def test_the_disk_of_the_township_no_longer_holds_what_was_said(tmp_path: Path) -> None:
    """Bodies lie sealed, so what is looked for is the very ciphertext. What a file system keeps of deleted blocks, an
    old write-ahead file say, is nobody's to promise: `deploy/OPERATING.md` says so.
    """
    network, places = await open_county(tmp_path)
    case = await live(network)
    path = Home(places.home(TOWNSHIP)).database
    with sqlite3.connect(path) as reader:
        sealed = [row[0] for row in reader.execute("SELECT body FROM entries WHERE subject = ?", (case,))]
        files = [row[0] for row in reader.execute("SELECT file FROM cases WHERE subject = ?", (case,))]
    reader.close()
    await network.township.store.tidy()
    assert all(blob in path.read_bytes() for blob in sealed)
    await erasure_orders_of(network.hub).order(early(case))
    await network.settle()
    await network.township.store.tidy()
    content = path.read_bytes() + path.with_name(path.name + "-wal").read_bytes()
    assert not any(blob in content for blob in (*sealed, *files))
    await network.close()


async def test_one_remark_goes_and_the_case_stays(tmp_path: Path) -> None:
    network, _ = await open_county(tmp_path)
    case = (await network.file()).case
    await network.village.desk.add_remark(agent(), case, op(2), text=REMARK)
    await network.village.desk.offer_custody(agent(), case, op(3), to=TOWNSHIP)
    await network.settle()
    entries = {entry.kind: entry for entry in await entries_of(network.hub, case)}
    orders = erasure_orders_of(network.hub)
    with pytest.raises(ErasureRefused, match="erase_open_case"):
        await orders.order(early(case))
    with pytest.raises(ErasureRefused, match="erase_act_alone"):
        await orders.order(early(case, entries["case.filed"].hash.hex()))
    await orders.order(early(case, entries["remark.added"].hash.hex()[:8]))
    with pytest.raises(ErasureRefused, match="erase_which_entry"):
        await orders.order(early(case, entries["remark.added"].hash.hex()[:8]))
    await network.settle()
    for node in nodes_of(network):
        assert (await verify(node)).faults == []
        file = await see(node, case)
        assert file.erased is None
        assert file.contributed("remark.added") == ()
        assert REMARK.encode() not in b"".join(entry.body or b"" for entry in await entries_of(node, case))
    await network.township.desk.accept_custody(clerk(), case, op(4))
    await network.settle()
    assert (await see(network.hub, case)).stage is Stage.IN_REVIEW
    assert [one.is_whole for one in await orders.ordered()] == [False]
    await network.close()


async def test_who_may_not_order_and_when(tmp_path: Path) -> None:
    network, _ = await open_county(tmp_path)
    case = await live(network)
    orders = erasure_orders_of(network.hub)
    refused = {
        "erase_needs_two": Order(case, LEADER, LEADER, GROUND, is_early=True),
        "erase_without_ground": Order(case, OFFICER, LEADER, " ", is_early=True),
        "erase_not_due": Order(case, OFFICER, LEADER, GROUND),
        "approver_unknown": Order(case, LEADER, OFFICER, GROUND, is_early=True),
        "no_such_case": Order(CaseId(bytes(16)), OFFICER, LEADER, GROUND, is_early=True),
    }
    for code, order in refused.items():
        with pytest.raises(Refused) as refusal:
            await orders.order(order)
        assert refusal.value.code == code
    with pytest.raises(Refused, match="erase_county_only"):
        await erasure_orders_of(network.township).order(early(case))
    assert {entry.body is None for entry in await entries_of(network.hub, case)} == {False}
    assert await orders.due(10) == []
    orders.retention = Retention(1)
    orders._today = lambda: date(2099, 1, 1)  # pyright: ignore[reportPrivateUsage]
    assert [one.case for one in await orders.due(10)] == [case]
    await orders.order(Order(case, OFFICER, LEADER, GROUND))
    assert await orders.due(10) == []
    with pytest.raises(ErasureRefused, match="erase_nothing_left"):
        await orders.order(early(case))
    await network.close()


async def test_what_is_durable_stays_done_when_its_papers_cannot_go_now(tmp_path: Path) -> None:
    """A disk that is full after the order was written: whoever ordered is not told that nothing came of it."""
    network, _ = await open_county(tmp_path)
    hub = network.hub
    case = await live(network)

    async def full(digest: bytes) -> None:
        raise OperationalError("DELETE", None, Exception("database or disk is full"))

    hub.erasures.forget_want = full
    hub.cases.unnamed = {bytes(32)}
    assert len(await erasure_orders_of(hub).order(early(case))) == 1
    assert {entry.body for entry in await entries_of(hub, case)} == {None}
    await network.close()


def test_terms_are_read_as_they_are_written() -> None:
    terms = parse_retention("30, RS01=10, MZ03=permanent")
    assert [terms.years_of(item) for item in ("RS01", "MZ03", "WJ02")] == [10, None, 30]
    assert terms.years_min == 10
    assert parse_retention("").years_of("WJ02") == 30
    assert parse_retention("permanent").years_min is None
    for wrong in ("soon", "RS01=", "0", "RS01=-3", "1000"):
        with pytest.raises(LocalFault, match="bad_settings"):
            parse_retention(wrong)


@pytest.fixture
def closed(tmp_path: Path) -> tuple[Path, CaseId]:
    """The folders of a county in which one case was closed; every node is closed."""

    async def make() -> CaseId:
        network, _ = await open_county(tmp_path / "county")
        case = await live(network)
        await network.close()
        return case

    return tmp_path / "county", asyncio.run(make())


def test_the_verb_orders_lists_and_every_proof_of_the_case_still_holds(
    closed: tuple[Path, CaseId], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, case = closed
    at_hub = ["--home", str(folder / COUNTY)]
    proofs = ["prove", case.hex(), "--purpose", "苍溪县法院 2026 行初 17", "--to", str(tmp_path / "before")]
    assert main(HUB, [*proofs, *at_hub]) == 0
    assert main(HUB, ["erase", "due", *at_hub]) == 0
    order = ["erase", "order", case.hex(), "--officer", "zhang", "--approver", "li", "--ground", GROUND]
    assert main(HUB, [*order, *at_hub]) == 1, "its time is not over"
    assert "保管期限" in capsys.readouterr().err
    assert main(HUB, [*order, "--early", *at_hub]) == 0
    assert main(HUB, ["erase", "list", *at_hub]) == 0
    listed = capsys.readouterr().out
    assert GROUND in listed
    assert case.hex() in listed

    async def carry() -> str:
        network = await Network.open(Places(folder))
        await exchange(network.township, network.hub)
        await network.close()
        return network.hub.books.seat.root.digest

    root = asyncio.run(carry())
    for home in (COUNTY, TOWNSHIP):
        after = ["prove", case.hex(), "--purpose", "苍溪县法院 2026 行初 17", "--to", str(tmp_path / home)]
        application = HUB  # the verb is every node's
        assert main(application, [*after, "--home", str(folder / home)]) == 0
        files = sorted((tmp_path / home).iterdir())
        assert len(files) == 10
        for file in files:
            capsys.readouterr()
            assert tongban_verify([str(file), "--root", root, "--en"]) == 0
            told = capsys.readouterr().out
            assert "The proof holds." in told
            assert "王秀英" not in told
    for file in (tmp_path / "before").iterdir():
        assert tongban_verify([str(file), "--root", root, "--en"]) == 0, "a file handed out before still proves"
