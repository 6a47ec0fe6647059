"""A second notice of missing papers counts against its office: on every node, after a rebuild, and for `verify`."""

from pathlib import Path

from sqlalchemy import delete

from office.node import Node
from office.status import describe, status_of
from office.tables import second_notices
from office.verifying import verify
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, agent, clerk, op
from tests.support.nodes import Network, found_network

AGAIN = {TOWNSHIP: 2}


async def test_each_notice_after_the_first_counts_against_its_office(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    network = await Network.open(places)
    try:
        slip = await network.file()
        desk = network.township.desk
        await network.village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP)
        await network.settle()
        for number in (3, 6, 9):
            names = ("居民身份证", "参保登记表")
            await desk.request_papers(
                clerk(), slip.case, op(number), materials=names, reason="复印件不清", justification="首次未发现"
            )
            await network.settle()
            await desk.receive_papers(clerk(), slip.case, op(number + 1), materials=("居民身份证",))
            if number == 3:
                assert (await status_of(network.township)).second_notices == {}
                await desk.accept_custody(clerk(), slip.case, op(number + 2))
        await network.settle()
        for node in (network.hub, network.township, network.village):
            status = await status_of(node)
            assert status.second_notices == AGAIN
            assert f"{TOWNSHIP} · 今年再次告知补正 2 件次" in describe(status, lambda zh, en: zh)
            assert await node.worklists.count_second_notices(node.today.year + 1) == {}
    finally:
        await network.close()
    for office in (COUNTY, TOWNSHIP, VILLAGE):
        node = await Node.open(places.home(office), refold=True)
        try:
            assert (await verify(node)).faults == []
            assert (await status_of(node)).second_notices == AGAIN
            async with node.engines.write.begin() as connection:
                await connection.execute(delete(second_notices).where(second_notices.c.number == 3))
            assert (await verify(node)).faults != []
        finally:
            await node.close()
