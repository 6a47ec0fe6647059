"""A village that the county enrolled a moment ago meets a township that has not heard of it: real nodes, real lines.

The township asks above as soon as the stranger knocks, so the village gets in by its own back-off, within seconds and
not at the township's next talk by the timetable.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from office.enrolling import Office
from office.founding import found_county
from office.node import Node
from office.paths import write_private
from office.serving import make_courier, sync_routes
from schemas.names import OfficeId
from sync.core.errors import UnknownSender
from sync.courier import Courier
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE
from tests.support.nodes import Places, enrol
from tests.support.server import serving_routes
from tests.support.waiting import until


@asynccontextmanager
async def enrolled(places: Places, hub: Node, office: OfficeId, port: int) -> AsyncGenerator[tuple[Node, Courier]]:
    """Enrol an office at the county, open its node and let it talk to the node above, which listens at `port`."""
    await enrol(places, hub, Office(office, office))
    settings = f'parent = "http://127.0.0.1:{port}"\nbackoff_max_s = 1\n'
    write_private(places.home(office) / "tongban.toml", settings.encode())
    node = await places.open(office)
    courier = make_courier(node)
    assert courier is not None
    talking = asyncio.create_task(courier.run())
    try:
        yield node, courier
    finally:
        courier.stop()
        await talking
        await node.close()


async def test_a_village_enrolled_a_moment_ago_gets_in_within_seconds(tmp_path: Path) -> None:
    places = Places(tmp_path)
    found_county(places.home(COUNTY), COUNTY, "苍溪县样例")
    hub = await places.open(COUNTY)
    try:
        async with (
            serving_routes(sync_routes(hub, None)) as county_port,
            enrolled(places, hub, TOWNSHIP, county_port) as (township, upward),
            serving_routes(sync_routes(township, upward)) as township_port,
        ):
            await upward.talk()
            # From now on the township has nothing to say: its next talk by the timetable is half an hour away or more.
            async with enrolled(places, hub, VILLAGE, township_port) as (village, line):
                assert township.books.seat_of_node(village.books.seat.node) is None
                with pytest.raises(UnknownSender, match="it is tried again by itself") as told:
                    await line.talk()
                assert told.value.code == "unknown_device"

                async def is_in() -> bool:
                    return line.state.conversations > 0

                await until(is_in, "the village to get in by itself")
                assert line.state.code == ""
                assert township.books.seat_of_node(village.books.seat.node) == VILLAGE
    finally:
        await hub.close()
