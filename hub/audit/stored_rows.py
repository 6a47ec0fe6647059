"""Rows of the node's store as tuples, past SQLAlchemy's result objects: for those who read all of them.

SQLAlchemy opens the connection (`office.database` chooses the driver and its pragmas), the driver's own cursor reads: a
third of the cost of a row. Only what is asked for is read, a chunk at a time, and no read stays open longer than its
caller's task: SQLite's write-ahead file grows meanwhile. Never writes. Next: `hub.audit.walkers`.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from sqlalchemy import URL, Table
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from office.database import open_engines

Row = tuple[Any, ...]

CHUNK_ROWS: Final = 2048
"""About 1 MiB of rows at a time: twice as many are not read faster."""

CACHE_KIB: Final = 64 * 1024
MAPPED_BYTES_MAX: Final = 2 * 1024**3 - 65536
"""What SQLite maps of its file at most (its own limit, as commonly built): pages are then not copied to be read."""


class StoredRows:
    """One connection that reads. Make it with `open`, end it with `close`."""

    def __init__(self, engine: AsyncEngine, connection: AsyncConnection, driver: Any) -> None:
        self._engine = engine
        self._connection = connection
        self._driver = driver
        self._is_sqlite = engine.dialect.name == "sqlite"
        # As bytes: SQLite keeps any, and the driver would give up a whole read for one that is no text.
        self._kind = "CAST(kind AS BLOB)" if self._is_sqlite else "convert_to(kind, 'UTF8')"

    @classmethod
    async def open(cls, url: URL, key: bytes | None) -> "StoredRows":
        """Connect. `key`: as of `office.database.open_engines`."""
        engines = open_engines(url, key)
        await engines.write.dispose()
        connection = await engines.read.connect()
        driver: Any = (await connection.get_raw_connection()).driver_connection
        rows = cls(engines.read, connection, driver)
        if rows._is_sqlite:
            for pragma in (f"cache_size=-{CACHE_KIB}", f"mmap_size={MAPPED_BYTES_MAX}"):
                await driver.execute_fetchall(f"PRAGMA {pragma}")
        return rows

    async def close(self) -> None:
        """Give the connection back."""
        await self._connection.close()
        await self._engine.dispose()

    async def fetch(self, query: str, *values: object) -> Sequence[Row]:
        """All rows of a short read. `{}` stands for each value in turn, `{kind}` for the entry's kind as bytes."""
        text = self._text(query, len(values))
        if self._is_sqlite:
            return await self._driver.execute_fetchall(text, values)
        return [tuple(row) for row in await self._driver.fetch(text, *values)]

    async def stream(self, query: str, *values: object) -> AsyncIterator[Sequence[Row]]:
        """The rows of a long read, `CHUNK_ROWS` at a time."""
        text = self._text(query, len(values))
        if self._is_sqlite:
            cursor = await self._driver.execute(text, values)
            try:
                while rows := await cursor.fetchmany(CHUNK_ROWS):
                    yield rows
            finally:
                await cursor.close()
            return
        async with self._driver.transaction(readonly=True):
            cursor = await self._driver.cursor(text, *values)
            while records := await cursor.fetch(CHUNK_ROWS):
                yield [tuple(record) for record in records]

    def _text(self, query: str, count: int) -> str:
        marks = ["?"] * count if self._is_sqlite else [f"${number}" for number in range(1, count + 1)]
        return query.format(*marks, kind=self._kind)


def all_columns(table: Table) -> str:
    """Every column of the table of entries, the same kinds of values from every database."""
    special = {"loose": "CAST(loose AS INTEGER)", "kind": "{kind}"}
    return ", ".join(special.get(column.name, column.name) for column in table.columns)
