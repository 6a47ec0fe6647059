"""A store of an earlier version is taken over whole, or put back as it was, wherever it fails or is killed."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Final, NoReturn

import pytest
from sqlalchemy import text

from office import migrations, upgrading
from office.database import database_url, open_engines
from office.migrations import steps
from office.node import Node
from office.paths import Home
from office.settings import Settings
from office.snapshots import Described, describe
from office.upgrading import DURABLE, copy_of
from office.verifying import verify
from schemas.refusals import Refused
from tests.support.counties import COUNTY, VILLAGE
from tests.support.nodes import Network, found_network
from tests.support.postgres import PostgresServer, embedded_binaries

ROOT: Final = Path(__file__).resolve().parents[2]
STEP: Final = "CREATE TABLE from_tomorrow (number INTEGER NOT NULL);\n"


class Store:
    """A home whose program is about to be replaced."""

    def __init__(self, home: Home, database: str) -> None:
        self.home = home
        self.settings = Settings(database=database)

    @property
    def copy(self) -> Path:
        return copy_of(self.home, self.settings)

    async def held(self) -> Described:
        """What is in the store, not counting what every start writes."""
        engines = open_engines(database_url(self.settings.database, self.home.database))
        try:
            async with engines.read.connect() as connection:
                return await describe(connection)
        finally:
            await engines.close()

    async def start(self) -> Node:
        return await Node.open(self.home.folder, with_pen=False)

    async def check(self) -> None:
        """It opens, and everything in it fits."""
        node = await self.start()
        try:
            assert (await verify(node)).faults == []
        finally:
            await node.close()


@pytest.fixture(scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A village and its county, with a few cases."""
    folder = tmp_path_factory.mktemp("lived")
    network = await Network.open(await found_network(folder))
    for number in range(1, 6):
        await network.file(number, "RS01")
    await network.settle()
    await network.close()
    return folder


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(
    request: pytest.FixtureRequest, lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncGenerator[Store]:
    """A village on a file, a county on a server."""
    if request.param == "sqlite":
        shutil.copytree(lived / VILLAGE, tmp_path / "home")
        yield Store(Home(tmp_path / "home"), "")
        return
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = await server.create_database()
    monkeypatch.setenv("TONGBAN_POSTGRES_PROGRAMS", str(next(embedded_binaries())))
    network = await Network.open(await found_network(tmp_path, url))
    await network.file(1, "RS01")
    await network.settle()
    await network.close()
    yield Store(Home(tmp_path / COUNTY), url)
    await server.drop_database(url)


def of_tomorrow(monkeypatch: pytest.MonkeyPatch, folder: Path, sql: str = STEP) -> None:
    """Make this the program of tomorrow, with one more step and other projections."""
    (folder / "9999_tomorrow.sql").write_text(sql, encoding="utf-8")
    further: Mapping[int, Path] = {**steps(), len(steps()) + 1: folder / "9999_tomorrow.sql"}
    monkeypatch.setattr(migrations, "steps", lambda: further)
    monkeypatch.setattr(migrations, "PROJECTIONS_VERSION", migrations.PROJECTIONS_VERSION + 1)


async def test_a_store_is_taken_over_whole_and_its_copy_kept(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await store.held()
    of_tomorrow(monkeypatch, tmp_path)
    await store.check()
    after = await store.held()
    assert (after.schema, after.heads) == (before.schema + 1, before.heads)
    assert {name: after.tables[name] for name in DURABLE} == {name: before.tables[name] for name in DURABLE}
    assert "from_tomorrow" in after.tables
    assert store.copy.exists()
    assert store.copy.stat().st_mode & 0o077 == 0
    assert not store.home.upgrading.exists()
    made = store.copy.stat().st_mtime_ns
    await store.check()
    assert store.copy.stat().st_mtime_ns == made


async def broken(*_: object, **__: object) -> NoReturn:
    raise ZeroDivisionError


@pytest.mark.parametrize("fails", ["the step", "the folding", "the look"])
async def test_whatever_fails_the_store_is_put_back_as_it_was(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    before = await store.held()
    with monkeypatch.context() as patch:
        of_tomorrow(patch, tmp_path, 2 * STEP if fails == "the step" else STEP)
        if fails == "the folding":
            patch.setattr(Node, "rebuild", broken)
        if fails == "the look":
            patch.setattr(upgrading, "_look", broken)
        with pytest.raises(Refused, match="upgrade_failed") as refused:
            await store.start()
        assert "put back" in refused.value.en
    assert await store.held() == before
    assert not store.home.upgrading.exists()
    # The program of before goes on with it.
    await store.check()


async def test_without_room_nothing_is_begun(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(lived / VILLAGE, tmp_path / "home")
    store = Store(Home(tmp_path / "home"), "")
    before = await store.held()
    of_tomorrow(monkeypatch, tmp_path)
    monkeypatch.setattr(upgrading, "FILING_ROOM_BYTES", 2**60)
    with pytest.raises(Refused, match="upgrade_no_room"):
        await store.start()
    assert await store.held() == before
    assert not store.copy.exists()


async def test_without_the_server_s_programs_nothing_is_begun_unless_somebody_says_so(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = await Network.open(await found_network(tmp_path, postgres_url))
    await network.close()
    store = Store(Home(tmp_path / COUNTY), postgres_url)
    before = await store.held()
    of_tomorrow(monkeypatch, tmp_path)
    monkeypatch.setenv("TONGBAN_POSTGRES_PROGRAMS", str(tmp_path))
    with pytest.raises(Refused, match="no_postgres_tools"):
        await store.start()
    assert await store.held() == before
    node = await Node.open(store.home.folder, with_pen=False, with_copy=False)
    await node.close()
    assert (await store.held()).schema == before.schema + 1


async def test_a_copy_that_is_old_goes(lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(lived / VILLAGE, tmp_path / "home")
    store = Store(Home(tmp_path / "home"), "")
    with monkeypatch.context() as patch:
        of_tomorrow(patch, tmp_path)
        await store.check()
        os.utime(store.copy, (0, 0))
        node = await Node.open(store.home.folder)
        await node.close()
    assert not store.copy.exists()


# --- kills -----------------------------------------------------------------------------------------------------------

KILLED: Final = """
import asyncio, os, pathlib, sys
from office import migrations, upgrading
from office.node import Node
home, sql, what, broken = sys.argv[1:]
further = {**migrations.steps(), len(migrations.steps()) + 1: pathlib.Path(sql)}
migrations.steps = lambda: further
migrations.PROJECTIONS_VERSION += 1
def die(*_, **__):
    os.kill(os.getpid(), 9)
def fail(*_, **__):
    raise ZeroDivisionError
if broken:
    upgrading._look = fail
owner, _, name = what.rpartition(".")
setattr(Node if owner == "Node" else upgrading, name, die)
async def main():
    await (await Node.open(pathlib.Path(home), with_pen=False)).close()
asyncio.run(main())
"""


def die_at(what: str, home: Path, sql: Path, broken: str) -> None:
    """Start the program of tomorrow; it is killed where it calls this."""
    words = [str(home), str(sql), what, broken]
    done = subprocess.run([sys.executable, "-c", KILLED, *words], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "what", ["describe", "_vacuum_into", "_force", "sync_folder", "_write_mark", "migrate", "Node.rebuild", "_look"]
)
@pytest.mark.parametrize("broken", ["", "broken"])
async def test_killed_at_any_step_it_goes_on_or_back(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, broken: str
) -> None:
    """Where the new program is no good it is killed while it puts the old store back, too."""
    shutil.copytree(lived / VILLAGE, tmp_path / "home")
    store = Store(Home(tmp_path / "home"), "")
    before = await store.held()
    with monkeypatch.context() as patch:
        of_tomorrow(patch, tmp_path)
        names = [what] if not broken else [what, "_put_back", "remove"]
        for name in names:
            die_at(name, store.home.folder, tmp_path / "9999_tomorrow.sql", broken)
        await store.check()
    after = await store.held()
    assert after.heads == before.heads
    assert after.schema == before.schema + 1
    assert not store.home.upgrading.exists()


def test_a_newer_store_refuses_an_older_program_at_a_real_start(lived: Path, tmp_path: Path) -> None:
    shutil.copytree(lived / VILLAGE, tmp_path / "home")
    store = sqlite3.connect(tmp_path / "home" / "node.db")
    with store:
        store.execute("UPDATE node_meta SET value = value + 1 WHERE name = 'schema'")
    before = store.execute("SELECT count(*) FROM entries").fetchone()
    for language, words in (("zh-CN", "装回该版本"), ("en", "install that version again")):
        done = subprocess.run(
            [sys.executable, "-m", "village_agent", "run", "--home", str(tmp_path / "home")],
            cwd=ROOT,
            capture_output=True,
            env={**os.environ, "TONGBAN_LANGUAGE": language, "TONGBAN_PORT": "0", "PYTHONUTF8": "1"},
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.decode().startswith("newer_store: ")
        assert words in done.stderr.decode()
    assert store.execute("SELECT count(*) FROM entries").fetchone() == before
    store.close()


async def test_the_number_of_the_schema_is_what_a_program_goes_by(store: Store) -> None:
    """An empty database is no older one: there is nothing to copy."""
    engines = open_engines(database_url(store.settings.database, store.home.database))
    try:
        assert not await migrations.is_older(engines.read)
        async with engines.write.begin() as connection:
            await connection.execute(text("UPDATE node_meta SET value = value - 1 WHERE name = 'projections'"))
        assert await migrations.is_older(engines.read)
    finally:
        await engines.close()
