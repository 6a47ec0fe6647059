"""A node is lost and comes back from a backup made while it worked: nothing is lost, and nothing is there twice."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import func, select

from office.backup import make_backup
from office.erasure_orders import Order, erasure_orders_of
from office.node import Node, Ready, no_progress
from office.restoring import Conditions, load_identities, restore
from office.verifying import verify
from schemas.casework.roles import Role
from schemas.names import CaseId, OfficeId, OfficerId
from sync.tables import entries
from tests.stories.test_one_county_on_disk import live_a_case
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE
from tests.support.nodes import Network, found_network
from tests.support.postgres import PostgresServer
from tests.support.restoring import Loss


@pytest.mark.slow
@pytest.mark.parametrize("office", [COUNTY, TOWNSHIP, VILLAGE])
async def test_a_lost_node_comes_back_from_its_backup(tmp_path: Path, office: OfficeId) -> None:
    await Loss(tmp_path, office, None).tell()


@pytest.mark.slow
async def test_the_county_comes_back_on_postgresql(tmp_path: Path, postgres_server: PostgresServer) -> None:
    await Loss(tmp_path, COUNTY, postgres_server).tell()


async def test_what_was_erased_since_the_backup_is_erased_again_before_anybody_is_served(tmp_path: Path) -> None:
    network = await Network.open(await found_network(tmp_path))
    hub = network.hub
    try:
        case = await live_a_case(network)
        for login, name in (("wang", "王县长"), ("chen", "陈主任")):
            await hub.accounts.add_officer(login, name, COUNTY, [Role.LEADER], "three quiet herons")
        for folder in ("older", "newer"):
            (tmp_path / folder).mkdir()
        older = await make_backup(hub.home.folder, tmp_path / "older", with_papers=True, progress=no_progress)
        officer, approver = (OfficerId(f"{COUNTY}/{login}") for login in ("chen", "wang"))
        order = Order(case, officer, approver, "本人撤回同意，已无保存必要", is_early=True)
        await erasure_orders_of(hub).order(order)
        await network.settle()
        assert not await bodies_of(hub, case)
        newer = await make_backup(hub.home.folder, tmp_path / "newer", with_papers=True, progress=no_progress)
    finally:
        await network.close()
    # The list lies beside the newer one; whoever restores the older one puts it there.
    (beside,) = newer.path.parent.glob("*.erasures")
    beside.rename(older.path.parent / beside.name)
    identities = await load_identities([hub.home.folder])
    await restore(older.path, tmp_path / "new", identities, Conditions(), no_progress)
    store = sqlite3.connect(tmp_path / "new" / "node.db")
    assert store.execute("SELECT count(*) FROM entries WHERE subject = ? AND body IS NOT NULL", (case,)).fetchone()[0]
    store.close()
    restored = await Node.open(tmp_path / "new", ready=nothing_is_left_of(case))
    try:
        assert (await verify(restored)).faults == []
    finally:
        await restored.close()


async def bodies_of(node: Node, case: CaseId) -> int:
    """How many entries of a case still have their text here."""
    query = select(func.count()).where(entries.c.subject == case, entries.c.body.is_not(None))
    query = query.where(entries.c.kind.not_like("line.%"))
    async with node.engines.read.connect() as connection:
        return (await connection.execute(query)).scalar_one()


def nothing_is_left_of(case: CaseId) -> Ready:
    """A condition of a start, before which nobody is served."""

    async def check(node: Node) -> None:
        assert not await bodies_of(node, case)

    return check
