"""A village whose store is locked is backed up locked, restored locked, and opened by the passphrase it had."""

import asyncio
import json
import shutil
import sqlite3
from pathlib import Path
from typing import Final

import pytest

from office import cipher, migrations
from office.locking import agent_of, lock_home
from office.node import Node, no_progress
from office.paths import Home
from office.restoring import Conditions, load_identities, restore
from office.settings import load_settings
from office.upgrading import copy_of
from office.vault import Vault
from office.verifying import verify
from schemas.casework.roles import Role
from tests.contract.test_backup import Desk
from tests.support.counties import APPLICANT, TOWNSHIP, VILLAGE
from tests.support.nodes import Network, found_network

LOGIN: Final = "zhang"
PASSPHRASE: Final = "hills-and-terraces-27"


@pytest.fixture(scope="module")
async def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A county whose village is locked, at rest; to be copied, not touched."""
    folder = tmp_path_factory.mktemp("locked")
    network = await Network.open(await found_network(folder))
    for number in range(1, 4):
        await network.file(number, "RS01")
    await network.settle()
    await network.village.accounts.add_officer(LOGIN, "张代办", VILLAGE, [Role.AGENT], PASSPHRASE)
    await network.close()
    home = Home(folder / VILLAGE)
    lock_home(home, load_settings(home.settings), LOGIN, PASSPHRASE)
    return folder


@pytest.fixture
def desk(locked: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    shutil.copytree(locked, tmp_path / "homes")
    secret = tmp_path / "passphrase"
    secret.write_text(f"{LOGIN}\n{PASSPHRASE}\n", encoding="utf-8")
    secret.chmod(0o600)
    monkeypatch.setenv("TONGBAN_PASSPHRASE_FILE", str(secret))
    return Desk(tmp_path, capsys)


def test_it_is_backed_up_checked_and_restored_without_ever_lying_open(desk: Desk, tmp_path: Path) -> None:
    file = desk.back_up(VILLAGE)
    status, out, err = desk.run(VILLAGE, "restore", file, "--check")
    assert (status, err) == (0, "")
    found = json.loads(out.splitlines()[-1])
    assert (found["cases"], found["faults"], found["upgraded"]) == (3, [], False)
    # The township cannot read it, but it can put it on a new computer, where the agent's passphrase opens it.
    assert desk.run(TOWNSHIP, "restore", file, "--into", tmp_path / "new")[0] == 0
    restored = Home(tmp_path / "new")
    assert restored.vault.exists()
    for path in restored.folder.iterdir():
        raw = path.read_bytes()
        assert not [text for text in (APPLICANT.name, APPLICANT.phone, "CREATE TABLE") if text.encode() in raw], path
    with pytest.raises(sqlite3.DatabaseError):
        sqlite3.connect(restored.database).execute("SELECT count(*) FROM entries")


async def test_the_restored_village_opens_with_its_passphrase_and_is_quarantined(desk: Desk, tmp_path: Path) -> None:
    file = await asyncio.to_thread(desk.back_up, VILLAGE)
    identities = await load_identities([desk.home(TOWNSHIP).folder])
    await restore(file, tmp_path / "new", identities, Conditions(), no_progress)
    vault = Vault.open_with(Home(tmp_path / "new"), agent_of(LOGIN), PASSPHRASE)
    node = await Node.open(tmp_path / "new", vault=vault)
    try:
        assert any(link.quarantined for link in node.books.links.values())
        assert (await verify(node)).faults == []
    finally:
        await node.close()


async def test_a_locked_store_of_an_earlier_version_is_copied_under_its_own_key(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = desk.home(VILLAGE)
    vault = Vault.open_with(home, agent_of(LOGIN), PASSPHRASE)
    monkeypatch.setattr(migrations, "PROJECTIONS_VERSION", migrations.PROJECTIONS_VERSION + 1)
    node = await Node.open(home.folder, with_pen=False, vault=vault)
    await node.close()
    copy = copy_of(home, load_settings(home.settings))
    assert APPLICANT.name.encode() not in copy.read_bytes()
    store = cipher.connect(str(copy), vault.store_key)
    assert store.execute("SELECT count(*) FROM cases").fetchone()[0] == 3
    store.close()


def test_nobody_who_cannot_unlock_it_backs_it_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TONGBAN_PASSPHRASE_FILE")
    assert desk.refused(VILLAGE, "backup", desk.stick) == "locked"
    assert list(desk.stick.iterdir()) == []


def test_locking_wipes_the_plain_copy_from_before_an_upgrade(desk: Desk, tmp_path: Path) -> None:
    """What an upgrade kept beside the store lies as plain as the store did."""
    home = desk.home(TOWNSHIP)
    settings = load_settings(home.settings)
    copy = copy_of(home, settings)
    shutil.copy(home.database, copy)
    (home.folder / "scratch").mkdir()
    lock_home(home, settings, LOGIN, PASSPHRASE)
    assert not copy.exists()
    assert not (home.folder / "scratch").exists()
