"""A township burns before it told the county what it enrolled: its village enrols again in its own folder and loses
nothing, neither its own work nor what came back to it of the computer before it. Real nodes, the product's own verb.
"""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import Struct, structs

from office import founding
from office.enrolling import Office, Sheet
from office.founding import enrol_device, prepare_device
from office.locking import agent_of, lock_home
from office.node import Node
from office.paths import Home, write_private
from office.seat import SeatFile, load_seat_file
from office.serving import sync_routes
from office.settings import load_settings
from office.sheets import line_of
from office.vault import Vault
from office.verifying import verify
from office.worklists import Queue
from schemas.casework.roles import Role
from schemas.names import CaseId, JournalId, NodeId, OfficeId
from sync.core.errors import LocalFault, RemoteFault, UnknownSender
from sync.session import Doorkeeper, answer, say_hello
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, agent, op
from tests.support.locking import LOGIN, PASSWORD
from tests.support.nodes import Network, Places, enrol_with, exchange, found_network
from tests.support.server import serving_routes

REASON = "电脑被盗"


class Story(Struct):
    """Where it begins: the county and the burnt township's successor are open, the village is not."""

    places: Places
    network: Network
    burnt: Path
    second: NodeId
    """The village's computer of which nobody above has heard; the third holds what it wrote."""
    third: NodeId
    former: CaseId
    """Filed on the second, and offered to the township."""
    unsent: CaseId
    """Filed on the third, after the township had burnt."""

    @property
    def home(self) -> Path:
        """The village's folder."""
        return self.places.home(VILLAGE)

    async def open_village(self) -> Node:
        self.network.village = await self.places.open(VILLAGE)
        return self.network.village


@pytest.fixture
async def story(tmp_path: Path) -> AsyncGenerator[Story]:
    places = await found_network(tmp_path)
    network = await Network.open(places)
    second = await replace(places, network)
    former = await network.file(1)
    await network.village.desk.offer_custody(agent(), former.case, op(2), to=TOWNSHIP)
    await exchange(network.village, network.township)
    third = await replace(places, network)
    for _ in range(2):
        await exchange(network.village, network.township)
    assert (await network.village.worklists.count(VILLAGE))[Queue.ALL] == 1
    unsent = await network.file(3)
    await network.village.desk.offer_custody(agent(), unsent.case, op(4), to=TOWNSHIP)
    await network.village.close()
    await network.township.close()
    burnt = tmp_path / "burnt"
    places.home(TOWNSHIP).rename(burnt)
    sheet = await network.hub.devices.replace(TOWNSHIP, "wang", "机房失火")
    await enrol_with(sheet, prepare_device(places.home(TOWNSHIP)), network.hub)
    network.township = await places.open(TOWNSHIP)
    for _ in range(3):
        await exchange(network.township, network.hub)
    yield Story(places, network, burnt, second, third, former.case, unsent.case)
    await network.close()


async def replace(places: Places, network: Network) -> NodeId:
    """The village's computer is stolen; the township replaces it, and has no line to the county."""
    sheet = await network.township.devices.replace(VILLAGE, "li", REASON)
    lost = network.village.books.seat.node
    await network.village.close()
    places.home(VILLAGE).rename(places.folder / lost)
    await enrol_with(sheet, prepare_device(places.home(VILLAGE)), network.township)
    network.village = await places.open(VILLAGE)
    for _ in range(2):
        await exchange(network.village, network.township)
    return network.village.books.seat.node


@asynccontextmanager
async def at_the_counter(story: Story) -> AsyncGenerator[Sheet]:
    """The township serves, and its clerk has printed a sheet for the village."""
    township = story.network.township
    async with serving_routes(sync_routes(township, None)) as port:
        present = await township.enrolling.find_present(VILLAGE, township.books)
        root = township.books.seat.root.digest
        sheet = await township.enrolling.issue_code(Office(VILLAGE, "白观村"), root, replaces=present)
        yield structs.replace(sheet, address=f"http://127.0.0.1:{port}")


async def knocks(story: Story) -> str:
    """What the township answers the village; empty: it lets it in."""
    keeper, village = Doorkeeper(story.network.township.books), story.network.village
    hello = say_hello(village.books)
    challenge = keeper.challenge(hello)
    signed = answer(village.books, hello, challenge, b"")
    try:
        keeper.admit(signed)
    except UnknownSender as refusal:
        return refusal.code
    return ""


async def check_arrived(story: Story) -> None:
    """Both cases are everywhere, once, and receipted by both tiers; nothing is wrong at any node."""
    network = story.network
    await network.settle()
    for node, office in ((network.hub, COUNTY), (network.township, TOWNSHIP), (network.village, VILLAGE)):
        for case in (story.former, story.unsent):
            file = (await node.worklists.get_case(office, case)).file
            assert (file.filing_office, file.offeree) == (VILLAGE, TOWNSHIP)
            assert (file.turn, len(file.superseded), len(file.held)) == (2, 0, 0)
        assert node.books.keyring.is_revoked(story.second)
        assert not node.books.keyring.is_revoked(story.third)
        report = await verify(node)
        assert report.faults == []
        set_aside = {found.key[0].origin for found in await node.store.dispositions()}
        assert not {story.second, story.third} & set_aside
    for journal in [journal for journal in network.village.books.tips if journal.origin in (story.second, story.third)]:
        if await has_work(network.village, journal):
            receipts = await network.village.store.receipts(journal)
            assert {row.office for row in receipts} >= {COUNTY, TOWNSHIP}


async def has_work(node: Node, journal: JournalId) -> bool:
    return any(entry.subject for entry in await node.store.entries(journal, 0, 1000))


# --- the story -----------------------------------------------------------------------------------------------------


async def test_a_village_enrols_again_in_its_own_folder_and_loses_nothing(story: Story) -> None:
    village = await story.open_village()
    assert await knocks(story) == "unknown_device"
    keys, number = Home(story.home).keys.read_bytes(), village.books.own.epoch.ordinal
    await village.close()
    async with at_the_counter(story) as sheet:
        seat = await enrol_device(story.home, sheet)
    assert [one.enrolment.node for one in seat.chain[1:]] == [story.network.township.books.seat.node, story.third]
    assert seat.chain[-1].enrolment.replaces == story.second
    assert load_seat_file(Home(story.home)) == seat
    assert Home(story.home).keys.read_bytes() == keys
    village = await story.open_village()
    assert village.books.own.epoch.ordinal > number
    assert await knocks(story) == ""
    await check_arrived(story)
    # The desk goes on where it was.
    slip = await story.network.file(5)
    await story.network.settle()
    assert (await story.network.hub.worklists.get_case(COUNTY, slip.case)).file.filing_office == VILLAGE


async def test_power_fails_before_the_seat_is_written_and_the_same_command_finishes_it(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Home(story.home).seat.read_bytes()

    def cut(home: Home, seat: SeatFile) -> None:
        raise OSError("the power fails")

    async with at_the_counter(story) as sheet:
        with monkeypatch.context() as broken:
            broken.setattr(founding, "save_seat", cut)
            with pytest.raises(OSError, match="the power fails"):
                await enrol_device(story.home, sheet)
        assert Home(story.home).seat.read_bytes() == before
        await enrol_device(story.home, sheet)  # its code is used: the same device gets its answer again
        await enrol_device(story.home, sheet)
    await story.open_village()
    await check_arrived(story)


async def test_refused_nothing_changes_and_no_epoch_is_left(story: Story) -> None:
    home = Home(story.home)
    before = home.seat.read_bytes()
    async with at_the_counter(story) as sheet:
        for bad, kind, code in (
            (structs.replace(sheet, code="0" * 16), RemoteFault, "bad_code"),
            (structs.replace(sheet, office=OfficeId("510824100202")), LocalFault, "already_enrolled"),
            (structs.replace(sheet, county_digest="ab" * 32), LocalFault, "already_enrolled"),
        ):
            with pytest.raises(kind, match=code):
                await enrol_device(story.home, bad)
        village = await story.open_village()
        epochs = len(village.books.own_epochs())
        with pytest.raises(LocalFault, match="second_writer"):
            await enrol_device(story.home, sheet)
        await village.close()
        assert home.seat.read_bytes() == before
        await enrol_device(story.home, sheet)
    village = await story.open_village()
    assert len(village.books.own_epochs()) == epochs + 2
    await check_arrived(story)


async def test_a_stolen_computer_gets_nothing_by_asking_again(story: Story) -> None:
    """The second one, in a thief's hands, with the right sheet for its office, after its successor came back."""
    async with at_the_counter(story) as sheet:
        await enrol_device(story.home, sheet)
    await story.open_village()
    await check_arrived(story)
    stolen = story.places.folder / story.second
    async with at_the_counter(story) as sheet:
        with pytest.raises(RemoteFault, match="revoked_device"):
            await enrol_device(stolen, sheet)
    await check_arrived(story)


async def test_the_burnt_townships_key_gets_no_device_in(story: Story) -> None:
    """A thief has its disk: what he enrols there is unknown above, and he has no code for the village's seat."""
    thief = await Node.open(story.burnt)
    try:
        sheet = await thief.enrolling.issue_code(
            Office(VILLAGE, "白观村"), thief.books.seat.root.digest, replaces=story.third
        )
        his = prepare_device(story.places.folder / "his")
        seat = await enrol_with(sheet, his, thief)
        device = seat.chain[-1].enrolment.node
    finally:
        await thief.close()
    async with at_the_counter(story) as true:
        # He shows the village's devices as his forerunners: without the clerk's code that helps nothing.
        with pytest.raises(RemoteFault, match="bad_code"):
            await enrol_device(his.folder, structs.replace(sheet, address=true.address))
        await enrol_device(story.home, true)
    await story.open_village()
    await check_arrived(story)
    for node in (story.network.hub, story.network.township):
        assert node.books.keyring.find(device) is None


# --- the verb ------------------------------------------------------------------------------------------------------


async def verb(story: Story, *words: str | Path) -> tuple[int, str]:
    """The village's command line as its own process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TONGBAN_")}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "village_agent", *map(str, words), "--home", str(story.home)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=kept,
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode()


async def test_a_locked_village_enrols_again_with_its_passphrase(story: Story, tmp_path: Path) -> None:
    village = await story.open_village()
    await village.accounts.add_officer(LOGIN, "张明", VILLAGE, [Role.AGENT], PASSWORD)
    await village.close()
    lock_home(Home(story.home), load_settings(Home(story.home).settings), LOGIN, PASSWORD)
    secret = tmp_path / "passphrase"
    write_private(secret, f"{LOGIN}\n{PASSWORD}\n".encode())
    async with at_the_counter(story) as sheet:
        status, printed = await verb(story, "enrol", line_of(sheet))
        assert (status, printed.split(":")[0]) == (1, "locked"), printed
        status, printed = await verb(story, "enrol", line_of(sheet), "--passphrase-file", secret)
        assert status == 0, printed
        assert "已重新注册" in printed
        assert "全部保留" in printed
    status, printed = await verb(story, "status", "--passphrase-file", secret)
    assert status == 0, printed
    vault = Vault.open_with(Home(story.home), agent_of(LOGIN), PASSWORD)
    story.network.village = await Node.open(story.home, vault=vault)
    await check_arrived(story)
