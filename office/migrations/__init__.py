"""Brings a node's database from any earlier version to this one: numbered SQL files, each run once, all in one go.

Only for the durable tables. Projections are dropped and made anew when their number changes, and the caller folds them
again from entries (DESIGN 1.8): a screen is never a data migration. A step that was released is never edited; a new one
is added, and the declarations in `sync.tables`, `office.tables` and `office.account_tables` are changed with it (a test
compares). Never deletes an entry. Next: `office.node`, which migrates before anything else.
"""

from pathlib import Path
from string import Template
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, inspect, select
from sqlalchemy.ext.asyncio import AsyncEngine

from office.tables import (
    asked,
    case_readers,
    cases,
    counters,
    enquiries,
    office_metadata,
    operations,
    oversight,
    papers,
    records,
    roster_people,
    second_notices,
)
from sync.core.errors import LocalFault
from sync.tables import node_meta

PROJECTIONS: Final = (
    cases,
    case_readers,
    asked,
    operations,
    counters,
    records,
    enquiries,
    roster_people,
    second_notices,
    papers,
    oversight,
)
"""Tables that are folded from entries."""

PROJECTIONS_VERSION: Final = 6
"""Raise it whenever a projection's table, or what the fold writes into it, changes: every node then folds again."""

META_SCHEMA: Final = "schema"
META_PROJECTIONS: Final = "projections"

_WORDS: Final = {
    "sqlite": {"bytes": "BLOB", "row_number": "INTEGER", "row_numbers": "INTEGER", "numbers": "INTEGER"},
    "postgresql": {"bytes": "BYTEA", "row_number": "BIGINT", "row_numbers": "BIGSERIAL", "numbers": "SERIAL"},
}
"""What the two databases call the same thing. `row_number` is given by us, `row_numbers` and `numbers` count up."""


class Migrated(Struct, frozen=True):
    """What was done: version before and after, and whether the projections are empty and must be folded again."""

    before: int
    after: int
    refold: bool


def steps() -> dict[int, Path]:
    """The steps by number, from 1 without a gap."""
    found = {int(path.name[:4]): path for path in sorted(Path(__file__).parent.glob("[0-9][0-9][0-9][0-9]_*.sql"))}
    assert list(found) == list(range(1, len(found) + 1)), "migrations are numbered from 0001 without a gap"
    return found


async def migrate(engine: AsyncEngine) -> Migrated:
    """Bring the database to this version, in one transaction. Needs the writing engine, and the node's writing lock.

    Raises `LocalFault` `newer_store` when a newer program wrote it: nothing is touched then.
    """
    async with engine.begin() as connection:
        return await connection.run_sync(_migrate)


def newer_store(found: int, known: int) -> LocalFault:
    """The refusal of a database that a newer program wrote."""
    return LocalFault(
        "newer_store",
        f"a newer version of this program wrote this database (format {found}, this version knows {known}); "
        "install that version again, or restore a backup made before it",
    )


async def is_of_this_version(engine: AsyncEngine) -> bool:
    """Whether the database is exactly what this version works with: then `migrate` would do nothing."""

    def is_current(connection: Connection) -> bool:
        found = (_number(connection, META_SCHEMA), _number(connection, META_PROJECTIONS))
        return found == (len(steps()), PROJECTIONS_VERSION)

    async with engine.connect() as connection:
        return await connection.run_sync(is_current)


async def is_older(engine: AsyncEngine) -> bool:
    """Whether an earlier version wrote the database, which is no empty one."""

    def is_earlier(connection: Connection) -> bool:
        found = (_number(connection, META_SCHEMA), _number(connection, META_PROJECTIONS))
        wanted = (len(steps()), PROJECTIONS_VERSION)
        return found[0] > 0 and found != wanted and found[0] <= wanted[0] and found[1] <= wanted[1]

    async with engine.connect() as connection:
        return await connection.run_sync(is_earlier)


def _migrate(connection: Connection) -> Migrated:
    numbered = steps()
    latest = len(numbered)
    before = _number(connection, META_SCHEMA)
    if before > latest or _number(connection, META_PROJECTIONS) > PROJECTIONS_VERSION:
        raise newer_store(before, latest)
    for number, path in numbered.items():
        if number > before:
            _run(connection, path)
    if before < latest:
        _set(connection, META_SCHEMA, latest)
    return Migrated(before, latest, _renew_projections(connection))


def _number(connection: Connection, name: str) -> int:
    """A number of the store; 0 in an empty database."""
    if not inspect(connection).has_table(node_meta.name):
        return 0
    return connection.execute(select(node_meta.c.value).where(node_meta.c.name == name)).scalar() or 0


def _set(connection: Connection, name: str, value: int) -> None:
    connection.execute(node_meta.delete().where(node_meta.c.name == name))
    connection.execute(node_meta.insert().values(name=name, value=value))


def _run(connection: Connection, path: Path) -> None:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("--")]
    words = _WORDS[connection.dialect.name]
    for statement in Template("\n".join(lines)).substitute(words).split(";\n"):
        if statement.strip():
            connection.exec_driver_sql(statement.strip().removesuffix(";"))


def _renew_projections(connection: Connection) -> bool:
    if _number(connection, META_PROJECTIONS) == PROJECTIONS_VERSION:
        return False
    office_metadata.drop_all(connection, tables=PROJECTIONS)
    office_metadata.create_all(connection, tables=PROJECTIONS)
    _set(connection, META_PROJECTIONS, PROJECTIONS_VERSION)
    return True
