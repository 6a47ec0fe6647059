"""An order on real nodes: given, carried to a township whose line is down on a stick, answered, carried back, verified.

And what `verify` and `rebuild` make of the table, and what a store of an earlier version becomes.
"""

from datetime import timedelta

from sqlalchemy import delete, func, select, update

from hub.audit.escalating import escalate_due, is_delivered, read_orders
from office.migrations import META_PROJECTIONS
from office.node import Node
from office.overseeing import oversee
from office.tables import oversight
from office.verifying import verify
from schemas.casework.roles import Role
from schemas.names import OfficerId
from schemas.oversight import Ground, OrderAnswered, OrderIssued, OrderVerified, Rung, Weight
from schemas.oversight_fold import OrderFile, Stage
from sync.tables import node_meta
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, op
from tests.support.nodes import Network, Places

WANG, LI = OfficerId(f"{COUNTY}/wang"), OfficerId(f"{TOWNSHIP}/li")
PASSWORD = "three quiet herons"


async def the_order(node: Node) -> OrderFile:
    """The only order here."""
    (only,) = await read_orders(node.casebook)
    return only


async def with_officers(network: Network) -> None:
    """One officer at the county, one at the township."""
    await network.hub.accounts.add_officer("wang", "王", COUNTY, [Role.SUPERVISOR], PASSWORD)
    await network.township.accounts.add_officer("li", "李", TOWNSHIP, [Role.CLERK], PASSWORD)


async def give(hub: Node, number: int = 900) -> None:
    """An order to the township."""
    issued = OrderIssued(
        op(number),
        COUNTY,
        WANG,
        "",
        TOWNSHIP,
        Ground.FILE_REVIEW,
        "卷-07",
        "",
        (),
        "卷内没有一次性告知书。",
        hub.today + timedelta(days=7),
        Weight.YELLOW,
    )
    assert await hub.publishing.publish(oversee(issued)) == 1


async def answer(township: Node, number: int) -> None:
    """The township's answer."""
    order = await the_order(township)
    about = (order.filed.hash, TOWNSHIP, order.filed.hash)
    said = OrderAnswered(op(number), TOWNSHIP, LI, *about, "告知书另存，已补归。", "已整改。")
    assert await township.publishing.publish(oversee(said)) == 1


async def carry(giver: Node, taker: Node) -> None:
    """A stick from one to the other, and the stick back with what the taker has to say."""
    _, data = await giver.bundles.write(taker.books.seat.node)
    await taker.bundles.read(data)
    _, back = await taker.bundles.write(giver.books.seat.node)
    await giver.bundles.read(back)


async def rows(node: Node) -> int:
    """Rows of the table."""
    async with node.engines.read.connect() as connection:
        return await connection.scalar(select(func.count()).select_from(oversight)) or 0


async def test_an_order_on_a_stick(places: Places) -> None:
    network = await Network.open(places)
    try:
        hub, township = network.hub, network.township
        await with_officers(network)
        await give(hub)
        assert not await is_delivered(hub.books, (await the_order(hub)).filed)
        assert await escalate_due(hub, hub.today + timedelta(days=60), hub.publishing.publish) == []
        await carry(township, hub)
        held = await the_order(township)
        assert held.issued.facts == "卷内没有一次性告知书。"
        await answer(township, 901)
        await carry(township, hub)
        given = await the_order(hub)
        assert given.stage is Stage.ANSWERED
        (waiting,) = given.awaited
        verdict = OrderVerified(op(902), COUNTY, WANG, held.filed.hash, TOWNSHIP, waiting.filed.hash, True, "")
        await hub.publishing.publish(oversee(verdict))
        await carry(township, hub)
        assert (await the_order(township)).stage is Stage.CLOSED
        assert (await the_order(township)) == (await the_order(hub))
        assert [await rows(node) for node in (hub, township, network.village)] == [3, 3, 0]
        for node in (hub, township, network.village):
            assert (await verify(node)).faults == []
    finally:
        await network.close()


async def test_over_the_line_a_rung_waits_until_the_township_has_the_order(places: Places) -> None:
    network = await Network.open(places)
    try:
        hub = network.hub
        await with_officers(network)
        await give(hub)
        late = hub.today + timedelta(days=60)
        assert await escalate_due(hub, late, hub.publishing.publish) == []
        await network.settle()
        assert await is_delivered(hub.books, (await the_order(hub)).filed)
        reopened = await Node.open(places.home(COUNTY), with_pen=False)
        try:
            assert await is_delivered(reopened.books, (await the_order(reopened)).filed), (
                "a process that only reads sees it"
            )
        finally:
            await reopened.close()
    finally:
        await network.close()


async def test_verify_names_a_row_that_was_touched_and_rebuild_mends_it(places: Places) -> None:
    network = await Network.open(places)
    await with_officers(network)
    await give(network.hub)
    await give(network.hub, 910)
    await network.settle()
    before = await read_orders(network.hub.casebook)
    async with network.hub.engines.write.begin() as connection:
        await connection.execute(update(oversight).where(oversight.c.number.endswith("0001")).values(addressee=VILLAGE))
        await connection.execute(delete(oversight).where(oversight.c.number.endswith("0002")))
    faults = (await verify(network.hub)).faults
    assert {fault.code for fault in faults} == {"table_differs"}
    await network.close()
    hub = await Node.open(places.home(COUNTY), refold=True)
    try:
        assert await read_orders(hub.casebook) == before
        assert (await verify(hub)).faults == []
    finally:
        await hub.close()


async def test_a_store_of_an_earlier_version_gets_the_table(places: Places) -> None:
    """The entries were there, unknown; the upgrade folds them."""
    network = await Network.open(places)
    await with_officers(network)
    await give(network.hub)
    await network.settle()
    before = await the_order(network.township)
    async with network.township.engines.write.begin() as connection:
        await connection.run_sync(oversight.drop)
        older = update(node_meta).where(node_meta.c.name == META_PROJECTIONS)
        await connection.execute(older.values(value=node_meta.c.value - 1))
    await network.close()
    township = await Node.open(places.home(TOWNSHIP))
    try:
        assert await the_order(township) == before
        assert (await verify(township)).faults == []
        assert Rung.REMINDER not in before.taken
    finally:
        await township.close()
