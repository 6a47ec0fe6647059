"""A migrated database is the declared one, column by column; older ones keep their data; newer ones are not touched."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from office import migrations
from office.account_tables import account_metadata
from office.database import Engines, database_url, open_engines
from office.migrations import PROJECTIONS_VERSION, Migrated, migrate, steps
from office.tables import FOLDED, office_metadata
from sync.core.errors import LocalFault
from sync.tables import erased, metadata, node_meta
from tests.support.postgres import PostgresServer
from tests.support.stores import JOURNAL, Scribe, sql_store

LATEST = len(steps())
ERASED_SINCE = 6

SQLITE_SHAPE = {
    "columns": 'SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk '
    "FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table'",
    "indexes": 'SELECT m.name, i.name, i."unique", i.partial, c.seqno, c.name '
    "FROM sqlite_master m JOIN pragma_index_list(m.name) i JOIN pragma_index_info(i.name) c WHERE m.type = 'table'",
    "conditions": "SELECT name, substr(sql, instr(sql, 'WHERE')) FROM sqlite_master WHERE sql LIKE '%INDEX%WHERE%'",
    "references": 'SELECT m.name, f."table", f."from", f."to", f.on_delete '
    "FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'",
}
POSTGRES_SHAPE = {
    "columns": "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default "
    "FROM information_schema.columns WHERE table_schema = 'public'",
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "constraints": "SELECT conrelid::regclass::text, contype::text, pg_get_constraintdef(oid) FROM pg_constraint "
    "WHERE connamespace = 'public'::regnamespace",
    "storage": "SELECT relname, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace",
}


class Databases:
    """Makes empty databases of one kind."""

    def __init__(self, folder: Path, server: PostgresServer | None) -> None:
        self._folder = folder
        self._server = server
        self._opened: list[tuple[Engines, str]] = []

    async def make(self) -> Engines:
        if self._server is None:
            url = str(self._folder / f"{len(self._opened)}.db")
            engines = open_engines(database_url("", Path(url)))
        else:
            url = await self._server.create_database()
            engines = open_engines(make_url(url))
        self._opened.append((engines, url))
        return engines

    async def close(self) -> None:
        for engines, url in self._opened:
            await engines.close()
            if self._server is not None:
                await self._server.drop_database(url)


@pytest.fixture(params=["sqlite", "postgres"])
async def databases(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Databases]:
    server = request.getfixturevalue("postgres_server") if request.param == "postgres" else None
    made = Databases(tmp_path, server)
    yield made
    await made.close()


async def shape(engines: Engines) -> dict[str, set[tuple[Any, ...]]]:
    """Everything that makes two schemas the same, as sets of rows."""
    queries = SQLITE_SHAPE if engines.is_sqlite else POSTGRES_SHAPE
    async with engines.read.connect() as connection:
        return {
            what: {tuple(row) for row in (await connection.exec_driver_sql(query)).all()}
            for what, query in queries.items()
        }


async def number(connection: AsyncConnection, name: str) -> int:
    query = node_meta.select().where(node_meta.c.name == name)
    return (await connection.execute(query)).one().value


async def test_a_fresh_schema_is_a_migrated_schema(databases: Databases) -> None:
    migrated, declared = await databases.make(), await databases.make()
    assert await migrate(migrated.write) == Migrated(0, LATEST, True)
    async with declared.write.begin() as connection:
        for each in (metadata, office_metadata, account_metadata):
            await connection.run_sync(each.create_all)
    found, expected = await shape(migrated), await shape(declared)
    for what, rows in expected.items():
        assert found[what] - rows == set(), f"{what} that only the migrations make"
        assert rows - found[what] == set(), f"{what} that only the declarations make"
        assert rows or what in ("conditions", "references")


async def test_migrating_again_changes_nothing(databases: Databases) -> None:
    engines = await databases.make()
    await migrate(engines.write)
    before = await shape(engines)
    assert await migrate(engines.write) == Migrated(LATEST, LATEST, False)
    assert await shape(engines) == before


async def test_a_store_of_every_earlier_version_keeps_its_entries(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = steps()
    for old in range(1, LATEST + 1):
        engines = await databases.make()
        with monkeypatch.context() as patch:
            patch.setattr(migrations, "steps", lambda old=old: {number: every[number] for number in range(1, old + 1)})
            await migrate(engines.write)
        store = sql_store(engines)
        scribe = Scribe()
        async with asked_for_later(engines, old):
            await store.load()
            written = scribe.write(count=3)
            await store.commit(scribe.take())
        assert (await migrate(engines.write)).after == LATEST
        assert await store.entries(JOURNAL, 0, 9) == written


@asynccontextmanager
async def asked_for_later(engines: Engines, version: int) -> AsyncGenerator[None]:
    """What today's store reads at its start and a store of that version does not have yet, for a while."""
    missing = version < ERASED_SINCE
    if missing:
        async with engines.write.begin() as connection:
            await connection.run_sync(erased.create)
    yield
    if missing:
        async with engines.write.begin() as connection:
            await connection.run_sync(erased.drop)


async def test_a_newer_store_is_refused_in_words_and_not_touched(databases: Databases) -> None:
    for name, newer in (("schema", LATEST + 1), ("projections", PROJECTIONS_VERSION + 1)):
        engines = await databases.make()
        await migrate(engines.write)
        async with engines.write.begin() as connection:
            await connection.execute(node_meta.update().where(node_meta.c.name == name).values(value=newer))
        before = await shape(engines)
        with pytest.raises(LocalFault) as refused:
            await migrate(engines.write)
        assert refused.value.code == "newer_store"
        assert "install" in refused.value.hint
        assert await shape(engines) == before
        async with engines.read.connect() as connection:
            assert await number(connection, name) == newer


async def test_changed_projections_are_made_anew_and_must_be_folded_again(
    databases: Databases, monkeypatch: pytest.MonkeyPatch
) -> None:
    engines = await databases.make()
    await migrate(engines.write)
    async with engines.write.begin() as connection:
        await connection.exec_driver_sql("INSERT INTO counters (name, value) VALUES ('serial', 4)")
        await connection.exec_driver_sql("INSERT INTO offices (office, name, address) VALUES ('510824', '苍溪县', '')")
    monkeypatch.setattr(migrations, "PROJECTIONS_VERSION", PROJECTIONS_VERSION + 1)
    assert await migrate(engines.write) == Migrated(LATEST, LATEST, True)
    async with engines.read.connect() as connection:
        for table, count in (("counters", 0), ("offices", 1)):
            assert (await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar_one() == count


async def test_a_store_from_before_the_newest_projection_gets_it_and_is_folded_again(databases: Databases) -> None:
    engines = await databases.make()
    await migrate(engines.write)
    current = await shape(engines)
    async with engines.write.begin() as connection:
        await connection.exec_driver_sql("DROP TABLE asked")
        await connection.exec_driver_sql(f"INSERT INTO counters (name, value) VALUES ('{FOLDED}', 1)")
        await connection.execute(node_meta.update().where(node_meta.c.name == "projections").values(value=3))
    assert await migrate(engines.write) == Migrated(LATEST, LATEST, True)
    assert await shape(engines) == current
    async with engines.read.connect() as connection:
        assert await number(connection, "projections") == PROJECTIONS_VERSION
        assert (await connection.exec_driver_sql("SELECT count(*) FROM counters")).scalar_one() == 0


async def test_a_step_that_fails_leaves_the_old_version_whole(
    databases: Databases, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    engines = await databases.make()
    await migrate(engines.write)
    before = await shape(engines)
    broken = tmp_path / "broken.sql"
    broken.write_text("-- half a step\nCREATE TABLE half (number INTEGER);\nCREATE TABLE half (number INTEGER);\n")
    monkeypatch.setattr(migrations, "steps", lambda: {**steps(), LATEST + 1: broken})
    with pytest.raises(Exception, match="half"):
        await migrate(engines.write)
    assert await shape(engines) == before
