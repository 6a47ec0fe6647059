"""A county on a server: dumped beside the running node, restored into an empty database only, no secret ever shown."""

import json
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from office.node import Node
from office.postgres_tools import find_tools
from schemas.refusals import Refused
from tests.support.counties import COUNTY
from tests.support.nodes import Network, found_network
from tests.support.postgres import PostgresServer, embedded_binaries
from tests.support.restoring import run_verb


class County:
    """A county's folder, its database, and another one that is empty."""

    def __init__(self, folder: Path, url: str, other: str) -> None:
        self.home = folder / COUNTY
        self.stick = folder / "stick"
        self.url = url
        self.other = other
        self.password = urlsplit(url).password or ""

    async def back_up(self) -> Path:
        self.stick.mkdir()
        status, printed = await run_verb(COUNTY, "backup", self.stick, "--home", self.home)
        assert status == 0, printed
        assert self.password not in printed
        (file,) = self.stick.glob("*.backup")
        return file

    async def restore(self, file: Path, *words: str | Path) -> tuple[int, str]:
        status, printed = await run_verb(COUNTY, "restore", file, *words, "--home", self.home)
        assert self.password not in printed
        return status, printed

    async def count(self, url: str, table: str = "pg_catalog.pg_tables WHERE schemaname = 'public'") -> int:
        connection = await asyncpg.connect(url.replace("+asyncpg", ""))
        try:
            return await connection.fetchval(f"SELECT count(*) FROM {table}")
        finally:
            await connection.close()

    async def databases(self) -> set[str]:
        connection = await asyncpg.connect(self.url.replace("+asyncpg", ""))
        try:
            return {row[0] for row in await connection.fetch("SELECT datname FROM pg_database")}
        finally:
            await connection.close()


@pytest.fixture
async def county(postgres_server: PostgresServer, tmp_path: Path) -> AsyncGenerator[County]:
    url, other = await postgres_server.create_database(), await postgres_server.create_database()
    network = await Network.open(await found_network(tmp_path, url))
    for number in range(1, 4):
        await network.file(number, "RS01")
    await network.settle()
    await network.close()
    yield County(tmp_path, url, other)
    for each in (url, other):
        await postgres_server.drop_database(each)


async def test_it_is_checked_in_a_database_of_its_own_of_which_nothing_stays(county: County) -> None:
    file, before = await county.back_up(), await county.databases()
    status, printed = await county.restore(file, "--check")
    assert status == 0, printed
    found = json.loads(printed.splitlines()[-1])
    assert (found["database"], found["cases"], found["faults"], found["upgraded"]) == ("postgresql", 3, [], False)
    assert await county.databases() == before
    # Or in one that somebody made for it, which is empty again.
    status, printed = await county.restore(file, "--check", "--database", county.other)
    assert status == 0, printed
    assert await county.count(county.other) == 0


async def test_the_audit_is_in_the_same_dump(county: County, tmp_path: Path) -> None:
    status, printed = await run_verb(COUNTY, "audit", "run", "--home", county.home)
    assert status == 0, printed
    tables = ("audit_cases", "audit_findings", "audit_meta")
    held = [await county.count(county.url, table) for table in tables]
    assert held[0] == 3
    file = await county.back_up()
    status, printed = await county.restore(file, "--check")
    assert status == 0, printed
    status, printed = await county.restore(file, "--into", tmp_path / "new", "--database", county.other)
    assert status == 0, printed
    assert [await county.count(county.other, table) for table in tables] == held


async def test_only_an_empty_database_is_restored_into(county: County, tmp_path: Path) -> None:
    file = await county.back_up()
    status, printed = await county.restore(file, "--check", "--database", county.url)
    assert (status, printed.partition(":")[0]) == (1, "database_taken")
    connection = await asyncpg.connect(county.other.replace("+asyncpg", ""))
    await connection.execute("CREATE TABLE somebodys (number integer)")
    await connection.close()
    status, printed = await county.restore(file, "--into", tmp_path / "new", "--database", county.other)
    assert (status, printed.partition(":")[0]) == (1, "database_taken")
    assert await county.count(county.other) == 1
    assert await county.count(county.url, "entries") > 0
    assert not (tmp_path / "new").exists()


async def test_a_county_that_goes_on_working_is_not_written_over(county: County, tmp_path: Path) -> None:
    """The address in the backup's own settings is that of the living database."""
    file = await county.back_up()
    hub = await Node.open(county.home)
    try:
        status, printed = await county.restore(file, "--into", tmp_path / "new")
        assert (status, printed.partition(":")[0]) == (1, "database_taken")
    finally:
        await hub.close()


async def test_a_restore_broken_off_after_the_database_goes_on(county: County, tmp_path: Path) -> None:
    """The dump is loaded in one transaction: what is there is all of it, and is recognised."""
    file = await county.back_up()
    words = ["--into", tmp_path / "new", "--database", county.other]
    assert (await county.restore(file, *words))[0] == 0
    shutil.rmtree(tmp_path / "new")
    status, printed = await county.restore(file, *words)
    assert status == 0, printed
    assert county.other in (tmp_path / "new" / "tongban.toml").read_text()


async def test_programs_older_than_the_server_are_refused_in_words(tmp_path: Path) -> None:
    binaries = next(embedded_binaries())
    tools = await find_tools("pg_dump", 15, str(binaries))
    assert tools.folder == binaries
    for folder, major in ((binaries, tools.major + 1), (tmp_path, 15)):
        with pytest.raises(Refused, match="no_postgres_tools") as refused:
            await find_tools("pg_dump", major, str(folder))
        assert "postgres_programs" in refused.value.en


async def test_no_command_line_holds_the_password(county: County, tmp_path: Path) -> None:
    """A program in the place of pg_dump writes down what it was told."""
    told = tmp_path / "told"
    script = f"""#!/bin/sh
if [ "$1" = --version ]; then echo "pg_dump (PostgreSQL) 99.1"; exit; fi
echo "$@" > {told}; echo "pg_dump: error: no" >&2; exit 1
"""
    (tmp_path / "pg_dump").write_text(script)
    (tmp_path / "pg_dump").chmod(0o755)
    county.stick.mkdir()
    programs = {"POSTGRES_PROGRAMS": str(tmp_path)}
    status, printed = await run_verb(COUNTY, "backup", county.stick, "--home", county.home, settings=programs)
    assert (status, printed.partition(":")[0]) == (1, "postgres_tool_failed")
    assert "pg_dump: error: no" in printed
    assert county.password
    assert county.password not in told.read_text() + printed
    assert list(county.stick.iterdir()) == []
