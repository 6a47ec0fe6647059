"""A database as it is at one moment, as one file, while its node works on: and what is in it, to be compared later.

SQLite: its own `backup` in steps inside one open read transaction. Without that transaction every commit of the node
starts it over, and a busy store is never finished; in one step it holds up every commit. A locked store is copied under
its own key. PostgreSQL: `pg_dump` of the very transaction in which the rows are counted.
Never changes the source, and never writes anywhere but where it is told. Next: `office.backup`, `office.restoring`.
"""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import URL, Connection, MetaData, func, inspect, select, table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from office import cipher
from office.database import Engines
from office.migrations import META_PROJECTIONS, META_SCHEMA
from office.postgres_tools import Progress, dump, find_tools, make_private
from schemas.names import Epoch
from schemas.refusals import Refused
from sync.tables import journals, node_meta

PAGES_AT_ONCE: Final = 1000
"""4 MB: a commit waits for one step at most."""

BUSY_S: Final = 30.0

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"

FILES: Final = {SQLITE: "node.db", POSTGRESQL: "database.dump"}
"""What the copy is called inside a backup."""


class Head(Struct, frozen=True, array_like=True):
    """How far one journal reaches."""

    origin: str
    epoch: str
    size: int
    tip: str
    """Hash of its last entry, hexadecimal."""


class Described(Struct, frozen=True):
    """What a database holds."""

    schema: int
    projections: int
    tables: dict[str, int]
    """Rows by table."""
    heads: list[Head]


async def describe(connection: AsyncConnection) -> Described:
    """Count everything, in the connection's own transaction. Raises `Refused` `no_store` where there is no node."""
    return await connection.run_sync(_describe)


def _describe(connection: Connection) -> Described:
    names = inspect(connection).get_table_names()
    if node_meta.name not in names or journals.name not in names:
        raise Refused(
            "no_store",
            "这个数据库中没有节点的数据，未作任何改动；请核对 --home 和设置 database。",
            "There is no node's data in this database; nothing was changed. Look at --home and the setting database.",
        )
    meta = {row.name: row.value for row in connection.execute(select(node_meta))}
    tables = count_rows(connection)
    rows = connection.execute(select(journals).order_by(journals.c.origin, journals.c.ordinal, journals.c.nonce))
    heads = [Head(row.origin, str(Epoch(row.ordinal, row.nonce)), row.size, row.tip.hex()) for row in rows]
    return Described(meta.get(META_SCHEMA, 0), meta.get(META_PROJECTIONS, 0), tables, heads)


def count_rows(connection: Connection) -> dict[str, int]:
    """Rows of every table there is, by its name."""
    names = sorted(inspect(connection).get_table_names())
    return {name: connection.execute(select(func.count()).select_from(table(name))).scalar_one() for name in names}


async def copy_sqlite(source: Path, target: Path, key: bytes | None, progress: Progress) -> None:
    """A consistent copy of a store, while others write into it. Raises what SQLite does, and OSError."""
    await asyncio.to_thread(_copy_sqlite, source, target, key, progress)


def _copy_sqlite(source: Path, target: Path, key: bytes | None, progress: Progress) -> None:
    make_private(target)
    reading, writing = _connections(source, target, key)
    try:
        size = reading.execute("PRAGMA page_size").fetchone()[0]
        reading.execute("BEGIN")
        # The transaction sees what it sees from its first reading on.
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()

        def tell(_status: int, remaining: int, total: int) -> None:
            progress((total - remaining) * size, total * size)

        reading.backup(writing, pages=PAGES_AT_ONCE, progress=tell)
    finally:
        writing.close()
        reading.close()


def _connections(source: Path, target: Path, key: bytes | None) -> tuple[Any, Any]:
    if key is not None:
        pair: tuple[Any, Any] = cipher.connect(str(source), key), cipher.connect(str(target), key)
    else:
        reading = sqlite3.connect(
            f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S, isolation_level=None
        )
        pair = reading, sqlite3.connect(target, isolation_level=None)
    # Nobody believes in the copy before it is read back: forcing it to the disk twice would only cost time.
    pair[1].execute("PRAGMA synchronous=OFF")
    return pair


async def dump_postgres(engines: Engines, url: URL, target: Path, programs: str, progress: Progress) -> Described:
    """Dump a PostgreSQL database and count what is in the dump.

    `programs`: the setting `postgres_programs`. Raises `Refused` `no_postgres_tools`, `postgres_tool_failed`.
    """
    async with engines.read.connect() as plain:
        connection = await plain.execution_options(isolation_level="REPEATABLE READ")
        tools = await find_tools("pg_dump", await server_major(connection), programs)
        described = await describe(connection)
        expected = (await connection.execute(text("SELECT pg_database_size(current_database())"))).scalar_one()
        snapshot = (await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one()
        await dump(tools, url, snapshot, target, progress, max(1, expected))
    return described


async def server_major(connection: AsyncConnection) -> int:
    """The major version of the server: 15."""
    number = (await connection.execute(text("SELECT current_setting('server_version_num')::int"))).scalar_one()
    return int(number) // 10_000


async def is_empty(connection: AsyncConnection) -> bool:
    """Whether nobody has made a table in this database yet."""
    return not await connection.run_sync(lambda sync: inspect(sync).get_table_names())


async def drop_tables(engines: Engines) -> None:
    """Make a PostgreSQL database an empty one again, whatever is in it."""

    def drop(connection: Connection) -> None:
        found = MetaData()
        found.reflect(connection)
        found.drop_all(connection)

    async with engines.write.begin() as connection:
        await connection.run_sync(drop)
