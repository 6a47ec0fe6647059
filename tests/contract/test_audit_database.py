"""The audit's own tables on both databases: made, brought up, refused when newer, fenced."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sqlalchemy import text

from hub.audit import database as module
from hub.audit.database import EXAMINED, FACTS_SHAPE, SCHEMA, AuditDatabase, Overtaken, keep, open_audit
from hub.audit.tables import DURABLE, audit_metadata
from office.database import database_url, open_engines
from office.paths import Home
from office.settings import Settings
from sync.core.errors import LocalFault
from tests.migrations.test_migrations import shape


class Place:
    """Where an audit lies."""

    def __init__(self, folder: Path, database: str) -> None:
        self.home = Home(folder)
        self.settings = Settings(database=database)

    async def open(self) -> AuditDatabase:
        return await open_audit(self.home, self.settings)


@pytest.fixture(params=["postgres", "sqlite"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Place]:
    if request.param == "sqlite":
        yield Place(tmp_path, "")
        return
    server = request.getfixturevalue("postgres_server")
    url = await server.create_database()
    yield Place(tmp_path, url)
    await server.drop_database(url)


async def test_the_steps_make_the_declared_tables(place: Place, tmp_path: Path) -> None:
    audit = await place.open()
    found = await shape(audit.engines)
    async with audit.engines.write.begin() as connection:
        await connection.run_sync(audit_metadata.drop_all)
        await connection.run_sync(audit_metadata.create_all)
    declared = await shape(audit.engines)
    await audit.close()
    assert {name: rows for name, rows in found.items() if rows} == {n: r for n, r in declared.items() if r}


async def test_a_newer_one_is_refused_and_not_touched(place: Place) -> None:
    for name in (SCHEMA, FACTS_SHAPE):
        audit = await place.open()
        stood = await audit.number(name)
        async with audit.writing() as connection:
            await keep(connection, name, stood + 1)
        await audit.close()
        with pytest.raises(LocalFault, match="newer_audit"):
            await place.open()
        engines = open_engines(database_url(place.settings.database, place.home.audit))
        async with engines.write.begin() as connection:
            await connection.execute(
                text("UPDATE audit_meta SET value = :value WHERE name = :name"), {"value": str(stood), "name": name}
            )
        await engines.close()


async def test_facts_of_another_shape_are_made_anew_and_findings_stay(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = await place.open()
    async with audit.writing() as connection:
        await keep(connection, EXAMINED, 17)
        await connection.execute(text("INSERT INTO audit_journals VALUES (1, 'a', 1, :nonce, NULL)"), {"nonce": b"n"})
        values = "'P1', 1, '', 'red', '510824100', :none, '', '{}', '[]', 1, 20261123, true, 'open', 1"
        names = "rule, version, edition, severity, office, subject, key, facts, evidence, found_at, as_of, is_latest"
        await connection.execute(
            text(f"INSERT INTO audit_findings ({names}, state, state_at) VALUES ({values})"), {"none": b""}
        )
    await audit.close()
    monkeypatch.setattr(module, "FACTS_VERSION", module.FACTS_VERSION + 1)
    audit = await place.open()
    assert await audit.number(EXAMINED) == 0
    async with audit.read.connect() as connection:
        counts = [
            (await connection.exec_driver_sql(f"SELECT count(*) FROM {table}")).scalar_one()
            for table in ("audit_journals", "audit_findings")
        ]
    await audit.close()
    assert counts == [0, 1]


async def test_of_two_who_worked_out_the_same_one_writes(place: Place) -> None:
    one, other = await place.open(), await place.open()
    stood = await one.fence()
    assert await other.fence() == stood
    async with one.writing(stood) as connection:
        await keep(connection, "word", "first")
    with pytest.raises(Overtaken):
        async with other.writing(stood) as connection:
            await keep(connection, "word", "second")
    assert await other.word("word") == "first"
    # Whoever reads anew goes on.
    async with other.writing(await other.fence()) as connection:
        await keep(connection, "word", "second")
    assert await one.word("word") == "second"
    await one.close()
    await other.close()


async def test_a_transaction_that_fails_leaves_no_trace(place: Place) -> None:
    audit = await place.open()
    stood = await audit.fence()
    with pytest.raises(ZeroDivisionError):
        async with audit.writing() as connection:
            await keep(connection, "word", "never")
            raise ZeroDivisionError
    assert (await audit.fence(), await audit.word("word")) == (stood, "")
    await audit.close()


def test_the_file_is_its_owner_s_alone_and_apart_from_the_node_s(tmp_path: Path) -> None:
    assert Home(tmp_path).audit != Home(tmp_path).database
    assert {table.name for table in DURABLE} < set(audit_metadata.tables)


async def test_the_file_can_be_read_by_nobody_else(tmp_path: Path) -> None:
    audit = await Place(tmp_path, "").open()
    await audit.close()
    assert (tmp_path / "audit.db").stat().st_mode & 0o077 == 0
