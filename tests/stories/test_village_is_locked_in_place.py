"""A village's folder that an older program left plain is locked in place: whatever ends the conversion, wherever."""

import asyncio
import hashlib
import shutil
import sys
from pathlib import Path
from typing import Final

import pytest
from msgspec import Struct
from sqlalchemy.exc import DatabaseError

from office.cipher import connect, driver
from office.cli import main
from office.locking import LOCKED, PLAIN, lock_home, wipe
from office.node import Node
from office.paths import Home
from office.sentences import told
from office.settings import load_settings
from office.verifying import verify
from schemas.casework.roles import Role
from schemas.names import CaseId
from sync.core.errors import Busy, LocalFault
from sync.failures import fault_of
from tests.support.counties import VILLAGE
from tests.support.locking import CHEAP, LOGIN, PASSWORD, lock, unlock
from tests.support.nodes import Network, found_network
from village_agent.__main__ import APPLICATION

STEPS: Final = (
    "exported",
    "sealed",
    "committed",
    "older copy wiped",
    "node.db aside",
    "node.db placed",
    "node.db wiped",
    "data.key aside",
    "data.key placed",
    "data.key wiped",
    "device.key aside",
    "device.key placed",
    "device.key wiped",
)
BEFORE: Final = STEPS[:2]
"""Killed there, the folder is as it was."""
CASES: Final = 3
OTHER: Final = "a-colleague-from-the-hills"


class Plain(Struct):
    """A village as an older program left it."""

    home: Home
    cases: list[CaseId]
    device_key: bytes
    data_key: bytes


@pytest.fixture(scope="module")
async def plain(tmp_path_factory: pytest.TempPathFactory) -> Plain:
    """A village that has filed cases, and was killed with its write-ahead file full."""
    places = await found_network(tmp_path_factory.mktemp("network"))
    network = await Network.open(places)
    village = network.village
    await village.accounts.add_officer(LOGIN, "张代办", village.seat, [Role.AGENT], PASSWORD)
    slips = [await network.file(number) for number in range(1, CASES + 1)]
    copy = tmp_path_factory.mktemp("plain") / "village"
    shutil.copytree(village.home.folder, copy, ignore=shutil.ignore_patterns("writer.lock"))
    await network.close()
    assert (copy / "node.db-wal").stat().st_size > 0
    home = Home(copy)
    return Plain(home, [slip.case for slip in slips], home.keys.read_bytes(), home.data_key.read_bytes())


@pytest.fixture
def home(plain: Plain, tmp_path: Path) -> Home:
    """A copy of it, to be treated badly."""
    copy = tmp_path / "village"
    shutil.copytree(plain.home.folder, copy)
    return Home(copy)


async def check_whole(home: Home, plain: Plain, *, is_locked: bool) -> None:
    """Everything is there, it works on, and nothing of the other form is left."""
    assert home.vault.exists() is is_locked
    node = await Node.open(home.folder, vault=unlock(home) if is_locked else None)
    try:
        assert not (await verify(node)).faults
        assert set(await node.subjects()) == set(plain.cases)
        assert (node.data_key, node.vault is not None) == (plain.data_key, is_locked)
        await node.accounts.sign_in(LOGIN, PASSWORD, "127.0.0.1")
    finally:
        await node.close()
    left = [
        path.name for path in home.folder.iterdir() if path.name.endswith((PLAIN, *([LOCKED] if is_locked else [])))
    ]
    assert left == []
    assert (plain.device_key == home.keys.read_bytes()) is not is_locked


async def test_it_is_locked_and_everything_is_there(home: Home, plain: Plain) -> None:
    lock(home)
    await check_whole(home, plain, is_locked=True)
    with pytest.raises(LocalFault, match="locked"):
        await Node.open(home.folder)
    for path in (home.database, home.data_key, home.keys, home.vault):
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_any_step_it_goes_on_with_the_old_or_ends_with_the_new(
    home: Home, plain: Plain, step: str
) -> None:
    killed = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.support.locking", str(home.folder), step)
    assert await killed.wait() == 9, "the step was reached"
    await check_whole(home, plain, is_locked=step not in BEFORE)
    if step in BEFORE:
        lock(home)
        await check_whole(home, plain, is_locked=True)


async def test_without_room_the_folder_stays_plain_and_works(
    home: Home, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(home.folder)

    def nearly_full(_: Path) -> object:
        return type(usage)(usage.total, usage.used, 1024 * 1024)

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    before = hashlib.sha256(home.database.read_bytes()).digest()
    with pytest.raises(Busy, match="no_room_to_lock"):
        lock(home)
    monkeypatch.undo()
    assert hashlib.sha256(home.database.read_bytes()).digest() == before
    await check_whole(home, plain, is_locked=False)


async def test_a_disk_that_fills_up_half_way_leaves_the_folder_plain(
    home: Home, plain: Plain, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("office.locking.write_private", full)
    with pytest.raises(OSError, match="No space"):
        lock(home)
    monkeypatch.undo()
    await check_whole(home, plain, is_locked=False)


def test_nobody_writes_into_the_plain_store_once_it_is_copied(home: Home) -> None:
    """A verb beside the conversion: it is told, for what it wrote would be wiped."""
    beside = connect(str(home.database), None)
    beside.execute("PRAGMA busy_timeout=0")
    wish = "UPDATE officers SET name = '李代办'"
    refused: list[str] = []

    def step(done: str) -> None:
        try:
            beside.execute(wish)
        except driver().Error as error:
            refused.append(f"{done}: {error}")

    lock_home(home, load_settings(home.settings), LOGIN, PASSWORD, cost=CHEAP, step=step)
    assert refused[:2] == ["exported: database is locked", "sealed: database is locked"]
    assert len(refused) == len(STEPS), "and never again"
    beside.close()


def test_a_verb_that_had_the_plain_store_open_is_told_to_begin_again(
    home: Home, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def typed(_: str) -> str:
        """While the administrator types, the agent signs in, and the folder is locked."""
        if not home.vault.exists():
            lock(home)
        return OTHER

    monkeypatch.setattr("getpass.getpass", typed)
    words = ["accounts", "add", "--home", str(home.folder), "--login", "li", "--name", "李", "--role", "agent"]
    assert main(APPLICATION, words) == 1
    assert "locked_meanwhile" in capsys.readouterr().err


def test_one_more_account_locks_nobody_out_who_had_one_before(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def typed(_: str) -> str:
        return OTHER

    monkeypatch.setattr("getpass.getpass", typed)
    words = ["accounts", "add", "--home", str(home.folder), "--login", "li", "--name", "李", "--role", "agent"]
    assert main(APPLICATION, words) == 0
    assert not home.vault.exists(), "the first who signs in on its page locks it"


def test_a_damaged_store_stays_plain_and_is_told_in_words(home: Home) -> None:
    folded = connect(str(home.database), None)
    folded.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    folded.close()
    with home.database.open("r+b") as file:
        file.seek(home.database.stat().st_size // 2)
        file.write(b"\xff" * 4096 * 4)
    before = home.data_key.read_bytes()
    with pytest.raises(LocalFault) as refused:
        lock(home)
    assert refused.value.code in ("store_damaged", "store_not_copied")
    assert not home.vault.exists()
    assert home.data_key.read_bytes() == before
    assert not [path for path in home.folder.iterdir() if path.name.endswith(LOCKED)]


async def test_a_device_without_any_entry_gets_a_new_data_key(tmp_path: Path) -> None:
    """The one that lay plain beside it is then good for nothing."""
    places = await found_network(tmp_path)
    home = Home(places.home(VILLAGE))
    node = await Node.open(home.folder, with_pen=False)
    await node.accounts.add_officer(LOGIN, "张代办", node.seat, [Role.AGENT], PASSWORD)
    await node.close()
    old = home.data_key.read_bytes()
    vault = lock(home)
    node = await Node.open(home.folder, vault=vault)
    assert node.data_key != old
    await node.accounts.sign_in(LOGIN, PASSWORD, "127.0.0.1")
    await node.close()


async def test_a_damaged_first_page_is_told_in_words(home: Home) -> None:
    vault = lock(home)
    content = bytearray(home.database.read_bytes())
    content[100] ^= 1
    home.database.write_bytes(content)
    with pytest.raises(DatabaseError) as unreadable:
        await Node.open(home.folder, vault=vault)
    fault = fault_of(unreadable.value)
    assert fault is not None
    assert fault.code == "store_unreadable"
    assert "同一份备份" in told(fault, "zh")


def test_what_is_wiped_is_overwritten_first(tmp_path: Path) -> None:
    path, other = tmp_path / "secret", tmp_path / "second name"
    path.write_bytes("王秀英".encode() * 1000)
    other.hardlink_to(path)
    wipe(path)
    assert not path.exists()
    assert set(other.read_bytes()) == {0}
    wipe(path)


def test_the_plain_store_opens_without_a_key_and_the_locked_only_with_it(home: Home) -> None:
    plain = connect(str(home.database), None)
    assert plain.execute("SELECT count(*) FROM cases").fetchone()[0] == CASES
    plain.close()
    vault = lock(home)
    for key, opens in ((vault.store_key, True), (vault.file_key, False), (None, False)):
        connection = connect(str(home.database), key)
        if opens:
            assert connection.execute("SELECT count(*) FROM cases").fetchone()[0] == CASES
        else:
            with pytest.raises(Exception, match="not a database"):
                connection.execute("SELECT count(*) FROM cases")
        connection.close()
