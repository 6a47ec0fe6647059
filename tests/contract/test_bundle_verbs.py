"""`bundle write`, `read` and `reply` as people type them: beside running nodes and without, with every kind of file."""

from pathlib import Path

import pytest

from office.bundles import COUNTY as SECOND_PATH
from office.locking import lock_home
from office.node import Node
from office.paths import Home, write_private
from office.settings import load_settings
from office.sticks import bundles_in
from schemas.casework.roles import Role
from schemas.names import OfficeId
from tests.contract.test_local_door import PROGRAMS, running, verb
from tests.support.counties import APPLICANT, COUNTY, TOWNSHIP, VILLAGE, agent, materials_of, op
from tests.support.nodes import Network, Places, found_network

QUIET = b'port = 0\nparent = "http://127.0.0.1:9"\nsync_every_s = 86400\n'


@pytest.fixture
async def places(tmp_path: Path) -> Places:
    """A county that knows itself; the village has filed three matters, and there is no line."""
    found = await found_network(tmp_path / "nodes")
    network = await Network.open(found)
    for number in range(1, 4):
        await network.file(number)
    await network.close()
    for office in PROGRAMS:
        write_private(Home(found.home(office)).settings, QUIET)
    return found


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def the_villages(stick: Path) -> Path:
    """The file that the village wrote."""
    return next(path for path in stick.iterdir() if path.name.startswith(f"{VILLAGE}-"))


async def cases_at(places: Places, office: OfficeId) -> int:
    node = await Node.open(places.home(office), with_pen=False)
    try:
        return len(await node.subjects())
    finally:
        await node.close()


def done(places: Places, office: OfficeId, *words: str) -> str:
    """A verb that succeeds; what it printed."""
    result = verb(places, office, "bundle", *words)
    assert (result.returncode, result.stderr) == (0, ""), result
    return result.stdout


def failed(places: Places, office: OfficeId, *words: str) -> str:
    """A verb that is refused; what it said."""
    result = verb(places, office, "bundle", *words)
    assert result.returncode == 1, result
    return result.stderr


async def test_there_and_back_without_a_running_node_and_on_to_the_county(places: Places, stick: Path) -> None:
    folder = str(stick)
    assert "写给 510824100，3 条，涉及 3 件" in done(places, VILLAGE, "write", folder)
    assert "收下 4 条新记录" in done(places, TOWNSHIP, "reply", folder)
    assert await cases_at(places, TOWNSHIP) == 3
    assert "来自 510824100，收下" in done(places, VILLAGE, "read", folder)
    assert "收下 0 条新记录\n  该信使包以前读过" in done(places, TOWNSHIP, "read", folder)
    assert "写给 510824，3 条，涉及 3 件" in done(places, TOWNSHIP, "write", folder, "--bytes-max", "2")
    assert "写给 510824100" in done(places, COUNTY, "reply", folder)
    assert await cases_at(places, COUNTY) == 3
    # Whatever else lies on the stick by now is for others and stays where it is.
    assert "另有 2 个文件是写给其他单位的，没有动" in done(places, TOWNSHIP, "read", folder)
    assert "只有回执和确认" in done(places, COUNTY, "write", folder, "--to", TOWNSHIP)


async def test_beside_running_nodes(places: Places, stick: Path) -> None:
    folder = str(stick)
    with running(places, VILLAGE), running(places, TOWNSHIP):
        assert "写给 510824100，3 条" in done(places, VILLAGE, "write", folder)
        assert "收下 4 条新记录" in done(places, TOWNSHIP, "reply", folder)
        assert "来自 510824100" in done(places, VILLAGE, "read", folder)
        spoiled = the_villages(stick)
        whole = spoiled.read_bytes()
        spoiled.write_bytes(whole[:-1])
        assert "bundle_cut: 第 1 部分没有收下" in failed(places, TOWNSHIP, "read", folder)
        spoiled.write_bytes(b"TBB2\n")
        assert "bundle_newer: 写这个信使包的程序版本更新" in failed(places, TOWNSHIP, "read", folder)
        spoiled.write_bytes(whole)
        assert "stick_gone: U 盘没有插好" in failed(places, TOWNSHIP, "read", str(stick / "nowhere"))
        assert "bundle_no_neighbour" in failed(places, VILLAGE, "write", folder, "--to", "510824")
        assert "bundle_size" in failed(places, VILLAGE, "write", folder, "--bytes-max", "1")
    with running(places, COUNTY):
        assert "bundle_no_receiver" in failed(places, COUNTY, "write", folder)
        (stick / "empty").mkdir()
        assert "bundle_nothing_to_answer" in failed(places, COUNTY, "reply", str(stick / "empty"))
        assert "文件夹中没有信使包" in done(places, COUNTY, "read", str(stick / "empty"))


async def test_a_folder_full_of_other_things_is_read_through_and_each_trouble_is_named(
    places: Places, stick: Path
) -> None:
    node = await Node.open(places.home(VILLAGE))
    await node.intake.open_case(agent(), op(9), item="WJ02", applicant=APPLICANT, materials=materials_of("WJ02"))
    await node.close()
    done(places, VILLAGE, "write", str(stick))
    for name, content in {
        "a.tongban": b"",
        "b.tongban": b"PK\x03\x04 not ours",
        "c.tongban": b"TBB1\n\xff\xff\xff\xff",
        "d.tongban": b"TBB1\n\x00\x00\x00\x05hello",
        "photo.jpg": b"\xff\xd8\xff",
    }.items():
        (stick / name).write_bytes(content)
    said = failed(places, TOWNSHIP, "read", str(stick))
    for line in (
        "a.tongban: bundle_empty:",
        "b.tongban: not_a_bundle:",
        "c.tongban: bundle_part_too_large:",
        "d.tongban: bundle_part_damaged:",
    ):
        assert line in said
    assert "photo.jpg" not in said
    assert await cases_at(places, TOWNSHIP) == 4


async def test_a_locked_village_says_so_and_writes_with_its_passphrase(
    places: Places, stick: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(places.home(VILLAGE))
    node = await Node.open(home.folder)
    await node.accounts.add_officer("zhang", "张代办", VILLAGE, [Role.AGENT], "hills-and-terraces-27")
    await node.close()
    lock_home(home, load_settings(home.settings), "zhang", "hills-and-terraces-27")
    for what in ("write", "read", "reply"):
        assert "locked: 本机已加锁" in failed(places, VILLAGE, what, str(stick))
    assert not bundles_in(stick)
    secret = tmp_path / "passphrase"
    write_private(secret, b"zhang\nhills-and-terraces-27\n")
    monkeypatch.setenv("TONGBAN_PASSPHRASE_FILE", str(secret))
    assert "写给 510824100，3 条" in done(places, VILLAGE, "write", str(stick))


async def test_a_village_whose_township_is_silent_writes_to_the_county_and_is_answered(
    places: Places, stick: Path
) -> None:
    """The second path by stick: past the township, and the township gets the same whenever it is there again."""
    folder = str(stick)
    assert "写给 510824，3 条，涉及 3 件" in done(places, VILLAGE, "write", folder, "--county")
    assert "bundle_no_second_path" in failed(places, TOWNSHIP, "write", folder, "--county")
    assert "bundle_no_neighbour" in failed(places, COUNTY, "write", folder, "--to", VILLAGE)
    assert f"来自 {VILLAGE}，收下" in done(places, COUNTY, "reply", folder)
    assert await cases_at(places, COUNTY) == 3
    assert "来自 510824，收下" in done(places, VILLAGE, "read", folder)
    assert "收下 0 条新记录" in done(places, VILLAGE, "read", folder)
    assert await cases_at(places, TOWNSHIP) == 0
    assert "写给 510824100，3 条，涉及 3 件" in done(places, VILLAGE, "write", folder)
    done(places, TOWNSHIP, "read", folder)
    assert await cases_at(places, TOWNSHIP) == 3


async def test_what_is_too_much_for_one_file_goes_on_in_the_next_past_the_township_too(
    places: Places, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.usb.PARTS_MAX", 2)
    monkeypatch.setattr("sync.second_path.PUSHED_ENTRIES_MAX", 2)
    village = await Node.open(places.home(VILLAGE))
    hub = await Node.open(places.home(COUNTY))
    try:
        bundles, written, after = village.bundles, list[bytes](), None
        while True:
            gone, data = await bundles.write(bundles.receiver(SECOND_PATH), after=after)
            written.append(data)
            after = gone.serial
            assert len(written) < 20, "the same again and again"
            if gone.is_last:
                break
        assert len(written) > 2
        for data in written:
            assert (await hub.bundles.read(data)).flaws == []
        assert await hub.subjects() == await village.subjects()
    finally:
        await village.close()
        await hub.close()
