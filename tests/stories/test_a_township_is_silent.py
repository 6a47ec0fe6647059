"""A township's computer has burned and nobody comes for a week: its village speaks with the county itself."""

from pathlib import Path

import pytest

from office.serving import sync_routes, talk_to_county
from office.status import status_of
from schemas.names import Instant
from sync import watermarks
from sync.courier import LineState
from sync.second_path import SILENT_MS
from tests.support.counties import VILLAGE
from tests.support.nodes import Network, Places, found_network
from tests.support.server import serving_routes


@pytest.fixture
async def places(tmp_path: Path) -> Places:
    return await found_network(tmp_path)


async def fall_silent(network: Network) -> None:
    """The township was last heard of three days ago, and this start tried it in vain."""
    village = network.village
    parent = village.books.parent
    assert parent is not None
    village.books.memories[parent].last_heard = Instant(village.clock.now() - SILENT_MS - 1)
    village.line_up = LineState(failures=3, code="line_down")


async def test_the_village_is_receipted_by_the_county_and_hears_its_statements_without_the_township(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("office.serving.COUNTY_SPREAD_S", 0.0)
    network = await Network.open(places)
    village, hub, township = network.village, network.hub, network.township
    try:
        await network.file(1)
        async with serving_routes(sync_routes(hub, None)) as port:
            village.county_address = f"http://127.0.0.1:{port}"
            await talk_to_county(village)
            assert village.county_line is None, "the township answers: nobody goes past it"
            await fall_silent(network)
            await talk_to_county(village)
            assert village.county_line is not None
            assert (village.county_line.code, await hub.subjects()) == ("", await village.subjects())
            assert await township.subjects() == []
            await hub.writer.alone(hub.ledger.light_beacon)
            await talk_to_county(village)
        status = await status_of(village)
        assert status.receipted >= status.own - 2, "all but what was written since"
        heard = watermarks.heard(village.books)
        assert heard is not None
        assert (heard.lacking, village.books.beacon_at) == ([], hub.books.beacon_at)
        assert [line.office for line in status.lines] == ["510824100"], "the page of lines shows the township's"
        await network.settle()
        assert await township.subjects() == await hub.subjects()
        for node in (village, hub, township):
            assert await node.store.evidence() == []
    finally:
        await network.close()


async def test_where_the_county_cannot_be_reached_the_page_is_told_why(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("office.serving.COUNTY_SPREAD_S", 0.0)
    network = await Network.open(places)
    try:
        await fall_silent(network)
        network.village.county_address = "http://127.0.0.1:9"
        await talk_to_county(network.village)
        assert network.village.county_line is not None
        assert network.village.county_line.code == "line_down"
        async with serving_routes(sync_routes(network.township, None)) as port:
            network.village.county_address = f"http://127.0.0.1:{port}"
            await talk_to_county(network.village)
        assert network.village.county_line.code == "not_the_county"
        assert network.village.county_line.succeeded_at is None
    finally:
        await network.close()


async def test_a_village_is_told_the_countys_address_when_it_is_enrolled(places: Places) -> None:
    """By the township from what it talks to itself, by the county from its own settings."""
    from office.enrolling import Office, Reply, make_request
    from office.founding import prepare_device
    from office.seat import load_signer
    from schemas.codec import decode

    network = await Network.open(places)
    try:
        network.township.parent_address = "https://county.example:8610"
        new = places.folder / "new"
        for issuer, address in ((network.township, "https://county.example:8610"), (network.hub, None)):
            sheet = await issuer.enrolling.issue_code(
                Office(VILLAGE, "白观村", ""), "0" * 64, replaces=issuer.books.keyring.devices_of(VILLAGE)[-1].node
            )
            home = prepare_device(new / issuer.seat)
            request = make_request(load_signer(home), sheet.office, sheet.code)
            reply = decode(await issuer.enrolling.enrol(request), Reply)
            assert reply.county_address == (address or "http://127.0.0.1:8610")
    finally:
        await network.close()
