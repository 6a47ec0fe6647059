"""Devices below an office: what is known of each, replacing in one act, and who may say what about which."""

import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from msgspec import structs
from sqlalchemy import select

from office.devices import DeviceRefused, Standing, unconfirmed
from office.enrolling import CONFIRMED, EnrolmentRefused, Office
from office.founding import prepare_device
from office.node import Node
from office.releasing import Releasing
from office.sheets import read_line, text_of
from office.tables import cases, device_ends, enrolment_codes
from schemas.names import CaseId, NodeId, OfficeId
from schemas.wire import KIND_REVOKED, Revoked
from sync.books import line_body
from sync.core.errors import Busy, LocalFault, RemoteFault, UnknownSender
from tests.support.counties import (
    APPLICANT,
    COUNTY,
    OTHER_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    agent,
    materials_of,
    op,
)
from tests.support.nodes import Network, Places, enrol_with, exchange, found_network

REASON = "电脑被盗"


@pytest.fixture
async def places(tmp_path: Path) -> Places:
    return await found_network(tmp_path)


@pytest.fixture
async def network(places: Places) -> AsyncGenerator[Network]:
    opened = await Network.open(places)
    yield opened
    await opened.close()


async def standing(node: Node, device: str) -> Standing:
    return next(one for one in await node.devices.list_devices() if one.node == device)


async def revocations(node: Node) -> list[Revoked]:
    found = [line_body(entry, Revoked) for entry in await node.store.entries_of_kind(KIND_REVOKED)]
    return [one for one in found if one is not None]


async def test_a_township_lists_its_villages_and_the_county_everybody(network: Network) -> None:
    listed = await network.township.devices.list_devices()
    assert [(one.office, one.is_present, one.is_revoked, one.unsent) for one in listed] == [(VILLAGE, True, False, 0)]
    assert listed[0].last_heard is not None
    offices = [one.office for one in await network.hub.devices.list_devices()]
    assert offices == [TOWNSHIP, VILLAGE]
    assert await network.village.devices.list_devices() == []


async def test_replaced_twice_in_one_minute_revokes_once_and_only_the_last_sheet_works(
    network: Network, places: Places
) -> None:
    town = network.township
    lost = town.books.children[VILLAGE]
    first = await town.devices.replace(VILLAGE, "li", REASON)
    second = await town.devices.replace(VILLAGE, "li", "注册单弄丢了")
    assert [one.node for one in await revocations(town)] == [lost]
    assert (await standing(town, lost)).revoked_because == REASON
    new = prepare_device(places.folder / "new")
    with pytest.raises(RemoteFault, match="bad_code"):
        await enrol_with(first, new, town)
    await enrol_with(second, new, town)
    present = await standing(town, town.books.children[VILLAGE])
    assert (present.is_present, present.is_revoked, present.has_sheet) == (True, False, False)
    assert read_line(text_of(second)).code == second.code


async def test_broken_off_between_code_and_revocation_nobody_can_use_the_code_and_it_is_done_again(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = network.township
    lost = town.books.children[VILLAGE]

    async def fails(node: NodeId, reason: str) -> None:
        raise Busy("store_full", "…")

    with monkeypatch.context() as broken:
        broken.setattr(town.enrolling, "revoke", fails)
        with pytest.raises(Busy):
            await town.devices.replace(VILLAGE, "li", REASON)
    assert not town.books.keyring.is_revoked(lost)
    row = await standing(town, lost)
    assert (row.is_revoked, row.end) == (False, None), "an end that was never written is not told"
    async with town.engines.read.connect() as connection:
        held = (await connection.execute(select(enrolment_codes.c.digest))).scalars().all()
    sheet = await town.devices.replace(VILLAGE, "li", REASON)
    assert town.books.keyring.is_revoked(lost)
    assert sheet.code not in str(held)


async def test_what_a_device_had_said_it_holds_and_never_sent_is_known(network: Network, places: Places) -> None:
    """Its page with the entries is lost on the way; the one that states how far it reaches arrives."""
    town, village = network.township, network.village
    lost = village.books.seat.node
    link = town.books.links[lost]
    own = village.books.own
    for number in (1, 2, 3):
        await network.file(number)
    link.heard[own] = village.books.tips[own].size
    before = await standing(town, lost)
    assert before.unsent >= 3
    await town.devices.replace(VILLAGE, "li", REASON)
    link.heard.clear()
    after = await standing(town, lost)
    assert (after.unsent, after.end is not None) == (before.unsent, True)
    async with town.engines.read.connect() as connection:
        assert (await connection.execute(select(device_ends.c.reason))).scalar_one() == REASON


async def test_an_office_is_replaced_by_those_above_it_alone(network: Network) -> None:
    for node, office, code in (
        (network.township, TOWNSHIP, "not_below"),
        (network.township, COUNTY, "not_below"),
        (network.township, OTHER_VILLAGE, "no_device"),
        (network.township, OfficeId("510824102201"), "not_below"),
        (network.hub, OfficeId("510824.rsj"), "not_below"),
        (network.village, TOWNSHIP, "not_below"),
    ):
        with pytest.raises(DeviceRefused, match=code):
            await node.devices.replace(office, "li", REASON)
    for reason in ("", "  ", "长" * 201):
        with pytest.raises(DeviceRefused, match="reason_required"):
            await network.township.devices.replace(VILLAGE, "li", reason)
        with pytest.raises(DeviceRefused, match="reason_required"):
            await network.township.devices.revoke(network.village.books.seat.node, "li", reason)
    with pytest.raises(LocalFault, match="unknown_device"):
        await network.township.devices.revoke(network.hub.books.seat.node, "li", REASON)
    assert await revocations(network.hub) == []


async def test_the_county_replaces_a_townships_own_device_and_its_village_follows(
    network: Network, places: Places
) -> None:
    slip = await network.file(1)
    await network.settle()
    former = network.township.books.seat.node
    sheet = await network.hub.devices.replace(TOWNSHIP, "wang", "机房失火")
    await network.township.close()
    shutil.move(places.home(TOWNSHIP), places.folder / "burnt")
    seat = await enrol_with(sheet, prepare_device(places.home(TOWNSHIP)), network.hub)
    network.township = await places.open(TOWNSHIP)
    assert seat.chain[-1].enrolment.replaces == former
    for _ in range(3):
        await exchange(network.township, network.hub)
    await network.village.writer.meet(network.township.books.seat.chain)
    await network.settle()
    assert (await network.township.worklists.get_case(TOWNSHIP, slip.case)).file.filing_office == VILLAGE
    listed = [one.node for one in await network.township.devices.list_devices()]
    assert listed == [network.village.books.seat.node]
    assert (await standing(network.hub, former)).is_confirmed, "who revokes at the county confirms with it"


async def test_the_county_confirms_at_its_own_head_what_a_forgetful_township_revoked(
    network: Network, places: Places
) -> None:
    """RULINGS A14: the village's honest work, which the restored township had forgotten, counts again."""
    backup = places.folder / "backup"
    await network.township.close()
    shutil.copytree(places.home(TOWNSHIP), backup)
    network.township = await places.open(TOWNSHIP)
    slip = await network.file(1)
    await network.settle()
    await network.township.close()
    shutil.rmtree(places.home(TOWNSHIP))
    shutil.copytree(backup, places.home(TOWNSHIP))
    network.township = await places.open(TOWNSHIP)
    lost = network.village.books.seat.node
    await network.township.devices.revoke(lost, "li", REASON)
    for _ in range(3):
        await exchange(network.township, network.hub)
    assert slip.case not in await visible(network.hub), "for the moment the township's word holds"
    waiting = unconfirmed(await network.hub.devices.list_devices())
    assert [one.node for one in waiting if one.is_revoked] == [lost]
    await network.hub.enrolling.countersign(lost)
    assert CONFIRMED in [one.reason for one in await revocations(network.hub)]
    for _ in range(3):
        await exchange(network.township, network.hub)
    for node in (network.hub, network.township):
        assert slip.case in await visible(node)
    assert (await standing(network.hub, lost)).revoked_because == REASON
    with pytest.raises(EnrolmentRefused, match="already_confirmed"):
        await network.hub.enrolling.countersign(lost)


async def visible(node: Node) -> set[CaseId]:
    """Cases whose filing counts at a node."""
    async with node.engines.read.connect() as connection:
        found = (await connection.execute(select(cases.c.subject).where(cases.c.turn > 0))).scalars().all()
    return {CaseId(subject) for subject in found}


async def test_a_stolen_computer_that_is_open_works_until_it_is_revoked_and_no_longer(
    network: Network, places: Places
) -> None:
    """The thief has the unlocked laptop: passphrase and keys. What he sends first is taken, what he sends after not."""
    town, thief = network.township, network.village
    first = await network.file(1)
    for _ in range(2):
        await exchange(thief, town)
    await town.devices.revoke(thief.books.seat.node, "li", REASON)
    later = await thief.intake.open_case(
        agent(), op(2), item="WJ02", applicant=APPLICANT, materials=materials_of("WJ02"), statement="冒名"
    )
    for _ in range(2):
        with pytest.raises(UnknownSender, match="revoked_device"):
            await town.writer.admit(await thief.writer.page_for(town.books.seat.node))
    for _ in range(3):
        await exchange(town, network.hub)
    for node in (town, network.hub):
        subjects = await node.cases.subjects()
        assert first.case in subjects
        assert later.case not in subjects
        assert (await Releasing(node.books, node.writer).list_held())[0] == []
    # Nor does a second device get in with his seat: a code of the office's is needed, and he has none.
    with pytest.raises(RemoteFault, match=r"bad_code|seat_taken"):
        sheet = await town.enrolling.issue_code(Office(OTHER_VILLAGE, "友谊村"), "0" * 64)
        await enrol_with(structs.replace(sheet, office=VILLAGE), prepare_device(places.folder / "thief"), town)
