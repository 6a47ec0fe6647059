"""`backup` and `restore` as an operator types them: what comes back, what is refused, and what a kill leaves."""

import asyncio
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

import hub.__main__ as hub
import township_node.__main__ as township
import village_agent.__main__ as village
from office import backup as backups
from office.backup import DAY_MS, files_of, list_backups
from office.cli import Application, main
from office.clock import SystemClock
from office.founding import found_county
from office.node import Node
from office.paths import Home, WritingLock, write_private
from office.seat import load_signer
from office.settings import Settings
from office.upgrading import copy_of
from schemas.names import Instant, OfficeId
from tests.support.counties import APPLICANT, COUNTY, TOWNSHIP, VILLAGE
from tests.support.nodes import Network, Places, found_network

APPLICATIONS: Final[Mapping[OfficeId, Application]] = {
    COUNTY: hub.APPLICATION,
    TOWNSHIP: township.APPLICATION,
    VILLAGE: village.APPLICATION,
}
ROOT: Final = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A county with a few cases, on disk, at rest; to be copied, not touched."""
    folder = tmp_path_factory.mktemp("lived")
    network = await Network.open(await found_network(folder))
    for number in range(1, 6):
        await network.file(number, "RS01")
    await network.settle()
    await network.close()
    return folder


class Desk:
    """An operator at a county's machines, all of them one folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.places = Places(folder / "homes")
        self.stick = folder / "stick"
        self.stick.mkdir()
        self._capsys = capsys

    def home(self, office: OfficeId) -> Home:
        return Home(self.places.home(office))

    def run(self, office: OfficeId, *words: str | Path) -> tuple[int, str, str]:
        """One command at an office: status, standard output, standard error."""
        self._capsys.readouterr()
        status = main(APPLICATIONS[office], [*map(str, words), "--home", str(self.home(office).folder)])
        told = self._capsys.readouterr()
        return status, told.out, told.err

    def refused(self, office: OfficeId, *words: str | Path) -> str:
        """The code with which a command is refused."""
        status, out, err = self.run(office, *words)
        assert (status, out) == (1, "")
        return err.partition(":")[0]

    def back_up(self, office: OfficeId, *words: str) -> Path:
        """Back up onto the stick; the newest file there of this office."""
        status, out, err = self.run(office, "backup", self.stick, *words)
        assert (status, err) == (0, "")
        assert str(self.stick) in out
        return [one.path for one in list_backups(self.stick) if one.office == office][-1]


@pytest.fixture
def desk(lived: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    shutil.copytree(lived, tmp_path / "homes")
    return Desk(tmp_path, capsys)


def stopped_at(milliseconds: int) -> Callable[[SystemClock], Instant]:
    """A clock that says nothing else."""
    return lambda clock: Instant(milliseconds)


def entries_of(home: Home) -> set[bytes]:
    store = sqlite3.connect(home.database)
    try:
        return {row[0] for row in store.execute("SELECT hash FROM entries")}
    finally:
        store.close()


# --- what comes back -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("office", [COUNTY, TOWNSHIP, VILLAGE])
def test_what_was_backed_up_is_checked_and_comes_back_whole(desk: Desk, tmp_path: Path, office: OfficeId) -> None:
    file = desk.back_up(office)
    before = sorted(path.name for path in desk.home(office).folder.iterdir())
    status, out, err = desk.run(office, "restore", file, "--check")
    assert (status, err) == (0, "")
    found = json.loads(out.splitlines()[-1])
    assert (found["office"], found["cases"], found["faults"], found["upgraded"]) == (office, 5, [], False)
    assert sorted(path.name for path in desk.home(office).folder.iterdir()) == before

    status, out, _ = desk.run(office, "restore", file, "--into", tmp_path / "new")
    restored = Home(tmp_path / "new")
    assert status == 0
    assert entries_of(restored) == entries_of(desk.home(office))
    assert restored.restored.exists()
    for name in ("device.key", "data.key", "seat.json", "tongban.toml"):
        assert (restored.folder / name).read_bytes() == (desk.home(office).folder / name).read_bytes()
    assert {path.stat().st_mode & 0o077 for path in restored.folder.iterdir()} == {0}
    # The county's root key is nowhere but where its owner put it.
    assert not restored.root_key.exists()


def test_a_backup_shows_nothing_of_anybody(desk: Desk) -> None:
    for office in (COUNTY, TOWNSHIP, VILLAGE):
        raw = desk.back_up(office).read_bytes()
        store = sqlite3.connect(desk.home(office).database)
        numbers = [row[0] for row in store.execute("SELECT tracking FROM cases")]
        store.close()
        secrets = [(desk.home(office).folder / name).read_bytes() for name in ("device.key", "data.key")]
        canaries = [
            APPLICANT.name,
            APPLICANT.document_number,
            APPLICANT.phone,
            *numbers,
            "SQLite format",
            "CREATE TABLE",
        ]
        assert not [text for text in canaries if text.encode() in raw]
        assert not [secret for secret in secrets if secret in raw or secret[-40:] in raw]


LEFT_OUT: Final = {
    *("database", "audit", "papers", "root_key", "sheets", "restored", "upgrading", "ballast", "lock", "vault_lock"),
    "local",
}
"""Of a home: the first three travel in a form of their own, then what must not be copied, then what is made again."""


def test_every_file_of_a_home_is_kept_or_left_out_on_purpose(tmp_path: Path) -> None:
    home = Home(tmp_path)
    places = {name for name, kind in vars(Home).items() if isinstance(kind, property)}
    kept = {name for name in places if getattr(home, name) in files_of(home)}
    assert places - kept == LEFT_OUT


def test_papers_come_along_unless_left_out(desk: Desk, tmp_path: Path) -> None:
    async def keep() -> bytes:
        node = await Node.open(desk.home(VILLAGE).folder, with_pen=False)
        try:
            return await node.papers.keep(b"\xff\xd8" + bytes(100_000))
        finally:
            await node.close()

    digest = asyncio.run(keep())
    whole, bare = desk.back_up(VILLAGE), tmp_path / "bare"
    bare.mkdir()
    assert desk.run(VILLAGE, "backup", bare, "--without-papers")[0] == 0
    (file,) = bare.glob("*.backup")
    assert whole.stat().st_size - file.stat().st_size > 100_000
    for path, count in ((whole, 1), (file, 0)):
        found = json.loads(desk.run(VILLAGE, "restore", path, "--check")[1].splitlines()[-1])
        assert (found["papers"], found["faults"]) == (count, [])
    assert desk.run(VILLAGE, "restore", whole, "--into", tmp_path / "new")[0] == 0
    paper = tmp_path / "new" / "papers" / digest.hex()
    assert paper.read_bytes() == (desk.home(VILLAGE).papers / digest.hex()).read_bytes()
    # One bit of it, and the check says which.
    damaged = desk.home(VILLAGE).papers / digest.hex()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    status, _, err = desk.run(VILLAGE, "restore", desk.back_up(VILLAGE), "--check")
    assert (status, err.partition(":")[0]) == (1, "paper_damaged")


def test_a_township_restores_its_village_and_nobody_s_neighbour(desk: Desk, tmp_path: Path) -> None:
    file = desk.back_up(VILLAGE)
    assert desk.refused(COUNTY, "restore", file, "--into", tmp_path / "new") == "wrong_identity"
    assert desk.run(TOWNSHIP, "restore", file, "--into", tmp_path / "new")[0] == 0
    assert desk.refused(VILLAGE, "restore", desk.back_up(TOWNSHIP), "--into", tmp_path / "other") == "wrong_identity"


def test_the_county_comes_back_with_its_offline_key(desk: Desk, tmp_path: Path) -> None:
    file = desk.back_up(COUNTY)
    key = tmp_path / "safe.key"
    desk.home(COUNTY).root_key.rename(key)
    shutil.rmtree(desk.home(COUNTY).folder)
    assert desk.refused(COUNTY, "restore", file, "--into", tmp_path / "new") == "no_identity"
    assert desk.run(COUNTY, "restore", file, "--into", tmp_path / "new", "--identity", key)[0] == 0


def test_a_store_of_an_earlier_version_is_checked_as_what_it_becomes(desk: Desk) -> None:
    store = sqlite3.connect(desk.home(VILLAGE).database)
    with store:
        store.execute("UPDATE node_meta SET value = value - 1 WHERE name = 'projections'")
    store.close()
    status, out, err = desk.run(VILLAGE, "restore", desk.back_up(VILLAGE), "--check")
    assert (status, err) == (0, "")
    found = json.loads(out.splitlines()[-1])
    assert (found["upgraded"], found["cases"], found["faults"]) == (True, 5, [])
    # The node's own store was not touched by any of it.
    assert not desk.home(VILLAGE).upgrading.exists()
    assert not copy_of(desk.home(VILLAGE), Settings()).exists()


def test_folders_may_be_named_from_where_one_is(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = Path("homes") / VILLAGE
    assert main(village.APPLICATION, ["backup", "stick", "--home", str(home)]) == 0
    assert main(village.APPLICATION, ["restore", "stick", "--into", "new", "--home", str(home)]) == 0
    assert entries_of(Home(tmp_path / "new")) == entries_of(desk.home(VILLAGE))


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE cases SET stage = 'closed'", "table_differs"),
        ("UPDATE counters SET value = value + 1 WHERE name = 'serial'", "table_differs"),
        ("INSERT INTO operations SELECT zeroblob(16), subject, kind, hash FROM operations LIMIT 1", "table_differs"),
        ("UPDATE entries SET at = at + 1 WHERE arrival = 3", "changed"),
        ("DELETE FROM entries WHERE arrival = 3", "missing"),
    ],
)
def test_a_check_names_what_does_not_fit(desk: Desk, statement: str, code: str) -> None:
    store = sqlite3.connect(desk.home(VILLAGE).database)
    with store:
        store.execute(statement)
    store.close()
    status, out, err = desk.run(VILLAGE, "restore", desk.back_up(VILLAGE), "--check")
    assert status == 1
    assert code in {line.partition(":")[0] for line in err.splitlines()}
    assert code in {fault["code"] for fault in json.loads(out.splitlines()[-1])["faults"]}
    assert not (desk.home(VILLAGE).folder / "scratch").exists()


# --- the folder of backups -------------------------------------------------------------------------------------------


def test_old_backups_of_this_office_go_and_no_others(desk: Desk) -> None:
    kept = [
        "tongban-510824100206-kaw4cuw65c3z4fhm-20200101T000000Z.backup",
        "tongban-510824100205-kaw4cuw65c3z4fhm-20201301T000000Z.backup",
        "tongban-510824100205.backup",
        "notes.txt",
    ]
    for name in (*kept, "tongban-510824100205-kaw4cuw65c3z4fhm-20200101T000000Z.backup"):
        (desk.stick / name).write_bytes(b"x")
    status, out, _ = desk.run(VILLAGE, "backup", desk.stick)
    assert status == 0
    assert "tongban-510824100205-kaw4cuw65c3z4fhm-20200101T000000Z.backup" in out
    names = {path.name for path in desk.stick.iterdir()}
    assert names >= set(kept)
    assert len(names) == len(kept) + 1
    listed = desk.run(VILLAGE, "backup", "list", desk.stick)[1].splitlines()
    assert [line.split()[1] for line in listed] == ["510824100206", VILLAGE]


def test_a_clock_that_is_plainly_wrong_deletes_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    first = desk.back_up(VILLAGE)
    monkeypatch.setattr(SystemClock, "now", stopped_at(4_200_000_000_000))
    desk.back_up(VILLAGE)
    assert first.exists()


def test_a_place_that_is_not_there_is_refused(desk: Desk) -> None:
    assert desk.refused(VILLAGE, "backup", desk.stick / "missing") == "backup_no_folder"
    assert desk.refused(VILLAGE, "backup", "list", desk.stick / "missing") == "backup_no_folder"
    assert desk.refused(VILLAGE, "backup", desk.stick, desk.stick) == "one_folder"


def test_a_home_without_a_node_is_refused(desk: Desk) -> None:
    desk.home(VILLAGE).database.unlink()
    assert desk.refused(VILLAGE, "backup", desk.stick) in {"no_store", "store_readonly"}
    desk.home(VILLAGE).seat.unlink()
    assert desk.refused(VILLAGE, "backup", desk.stick) == "not_enrolled"
    assert list(desk.stick.iterdir()) == []


def test_a_folder_stands_for_its_newest_backup_of_this_office(desk: Desk) -> None:
    assert desk.refused(VILLAGE, "restore", desk.stick, "--check") == "no_backup_there"
    (desk.stick / "tongban-510824100206-kaw4cuw65c3z4fhm-20990101T000000Z.backup").write_bytes(b"x")
    (desk.stick / "tongban-510824100205-kaw4cuw65c3z4fhm-20260101T000000Z.backup").write_bytes(b"x")
    desk.back_up(VILLAGE)
    assert desk.run(VILLAGE, "restore", desk.stick, "--check")[0] == 0
    # Where there is no home that says which of them is meant, somebody has to.
    key = desk.home(VILLAGE).folder.rename(desk.stick / "safe") / "device.key"
    words = ["--into", desk.stick / "new", "--identity", key]
    assert desk.refused(VILLAGE, "restore", desk.stick, *words) == "which_backup"


# --- refusals --------------------------------------------------------------------------------------------------------


def test_a_backup_too_old_is_refused_unless_somebody_accepts_the_gaps(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        long_ago = SystemClock().now() - 36 * DAY_MS
        patch.setattr(SystemClock, "now", stopped_at(long_ago))
        file = desk.back_up(VILLAGE)
    assert desk.refused(VILLAGE, "restore", file, "--into", tmp_path / "new") == "backup_too_old"
    assert desk.run(VILLAGE, "restore", file, "--into", tmp_path / "new", "--accept-gaps")[0] == 0


def test_a_backup_of_a_newer_program_is_refused(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(backups, "FORMAT", backups.FORMAT + 1)
        file = desk.back_up(VILLAGE)
    assert desk.refused(VILLAGE, "restore", file, "--into", tmp_path / "new") == "backup_newer"
    store = sqlite3.connect(desk.home(TOWNSHIP).database)
    with store:
        store.execute("UPDATE node_meta SET value = value + 1 WHERE name = 'schema'")
    store.close()
    file = desk.back_up(TOWNSHIP)
    assert desk.refused(TOWNSHIP, "restore", file, "--into", tmp_path / "new") == "newer_store"
    assert not (tmp_path / "new").exists()


def test_another_county_s_backup_is_refused(desk: Desk, tmp_path: Path) -> None:
    file = desk.back_up(VILLAGE)
    found_county(tmp_path / "elsewhere", OfficeId("510821"), "旺苍县样例")
    into = ["--into", tmp_path / "elsewhere", "--replace", "--identity", desk.home(VILLAGE).keys]
    assert desk.refused(VILLAGE, "restore", file, *into) == "other_county"
    assert desk.refused(VILLAGE, "restore", file, "--into", tmp_path / "new", "--county", "0" * 64) == "other_county"
    assert not (tmp_path / "new").exists()


def test_a_county_of_somebody_s_own_making_is_refused(desk: Desk, tmp_path: Path) -> None:
    """Whoever knows a device's public key can seal something to it: here a whole node, with keys that fit its seat."""
    strange = Home(tmp_path / "elsewhere")
    found_county(strange.folder, OfficeId("510821"), "旺苍县样例")
    asyncio.run(opened_once(strange.folder))
    parts = (b"ssh-ed25519", load_signer(desk.home(TOWNSHIP)).public_keys.log)
    line = b64encode(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).decode()
    write_private(strange.settings, f'backup_recipients = "ssh-ed25519 {line} of a township"\n'.encode())
    assert main(hub.APPLICATION, ["backup", str(desk.stick), "--home", str(strange.folder)]) == 0
    (file,) = desk.stick.glob("*.backup")
    assert desk.refused(TOWNSHIP, "restore", file, "--into", tmp_path / "new") == "other_county"
    assert desk.refused(TOWNSHIP, "restore", file, "--check") == "other_county"


async def opened_once(folder: Path) -> None:
    """A node that has a store."""
    await (await Node.open(folder)).close()


def test_a_living_home_is_only_set_aside(desk: Desk) -> None:
    file, home = desk.back_up(VILLAGE), desk.home(VILLAGE)
    assert desk.refused(VILLAGE, "restore", file, "--into", home.folder) == "home_taken"
    lock = WritingLock(home.lock)
    lock.take()
    assert desk.refused(VILLAGE, "restore", file, "--into", home.folder, "--replace") == "second_writer"
    lock.release()
    (home.folder / "only here").touch()
    assert desk.run(VILLAGE, "restore", file, "--into", home.folder, "--replace")[0] == 0
    (aside,) = home.folder.parent.glob(f"{VILLAGE}.before-*")
    assert (aside / "only here").exists()
    assert not (home.folder / "only here").exists()
    assert entries_of(Home(aside)) == entries_of(home)


def test_one_kind_of_database_is_not_restored_into_another(desk: Desk, tmp_path: Path) -> None:
    file = desk.back_up(VILLAGE)
    words = ["--database", "postgresql+asyncpg://nobody@127.0.0.1:1/none"]
    assert desk.refused(VILLAGE, "restore", file, "--into", tmp_path / "new", *words) == "other_database"
    assert desk.refused(VILLAGE, "restore", file, "--check", *words) == "other_database"
    assert not (tmp_path / "new").exists()


def test_two_at_once_are_one_too_many(desk: Desk) -> None:
    lock = WritingLock(desk.home(VILLAGE).folder / "scratch.lock")
    lock.take()
    assert desk.refused(VILLAGE, "backup", desk.stick) == "backup_running"
    lock.release()


# --- kills -----------------------------------------------------------------------------------------------------------

KILLED: Final = """
import os, sys
import {module} as module
real, calls = module.{name}, 0
def dying(*arguments, **options):
    global calls
    calls += 1
    if calls > {count}:
        os.kill(os.getpid(), 9)
    return real(*arguments, **options)
module.{name} = dying
from village_agent.__main__ import APPLICATION
from office.cli import main
sys.exit(main(APPLICATION, sys.argv[1:]))
"""


def killed_at(module: str, name: str, count: int, *words: str | Path) -> None:
    """Run a verb that is killed without warning when it calls this for the (count + 1)th time."""
    script = KILLED.format(module=module, name=name, count=count)
    done = subprocess.run([sys.executable, "-c", script, *map(str, words)], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name", "count"),
    [
        ("office.snapshots", "describe", 0),
        ("office.backup", "write_archive", 0),
        ("office.archive", "_header", 1),
        ("office.archive", "_header", 4),
        ("office.archive", "sync_folder", 0),
    ],
)
def test_killed_at_any_step_a_backup_leaves_nothing_half_done(desk: Desk, module: str, name: str, count: int) -> None:
    home = desk.home(VILLAGE).folder
    killed_at(module, name, count, "backup", desk.stick, "--home", home)
    for whole in desk.stick.glob("*.backup"):
        assert desk.run(VILLAGE, "restore", whole, "--check")[0] == 0
    desk.back_up(VILLAGE)
    assert not list(desk.stick.glob("*.new"))
    assert not (home / "scratch").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name", "count"),
    [
        ("office.restoring", "load_seat", 0),
        ("office.restoring", "_take_erasures", 0),
        ("office.restoring", "_put_in_place", 0),
        ("office.restoring", "sync_folder", 0),
        ("office.restoring", "sync_folder", 1),
    ],
)
def test_killed_at_any_step_a_restore_is_begun_anew(desk: Desk, module: str, name: str, count: int) -> None:
    file, home = desk.back_up(VILLAGE), desk.home(VILLAGE)
    held, key = entries_of(home), desk.stick / "key"
    shutil.copy(home.keys, key)
    words = ["restore", file, "--into", home.folder, "--identity", key]
    killed_at(module, name, count, *words, "--replace")
    # Either the old home or the whole new one, or none and the old one aside: never half of one.
    if home.folder.exists():
        assert entries_of(home) == held
    else:
        assert [entries_of(Home(aside)) for aside in home.folder.parent.glob(f"{VILLAGE}.before-*")] == [held]
    assert desk.run(VILLAGE, *words, "--replace")[0] == 0
    assert entries_of(home) == held
    assert home.restored.exists()
    assert not home.folder.with_name(f"{VILLAGE}.restoring").exists()
