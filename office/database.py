"""Engines: one that writes and one that reads, for SQLite and for PostgreSQL. The drivers are chosen here only.

SQLite, where there is a key through SQLCipher (`office.cipher`): the writer has one connection and begins IMMEDIATE
(else SQLAlchemy's aiosqlite loses updates: STACK 6), readers are `query_only`; WAL with synchronous=FULL, because what
is acknowledged must survive a power cut (DESIGN 4).
PostgreSQL: asyncpg; the holder of the node's pen keeps an advisory lock on a connection of its own (RULINGS C1).
Never makes a table (`office.migrations`) and never runs a query of its own besides pragmas and locks.
"""

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import URL, event, make_url, text
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from office.cipher import adapter, creator
from office.paths import PRIVATE_FILE_MODE, second_writer
from sync.core.errors import LocalFault

SQLITE_BUSY_MS: Final = 5000
"""How long a statement waits for a lock: longer than any commit of a page, shorter than a person's patience."""

SQLITE_JOURNAL_BYTES_MAX: Final = 64 * 1024 * 1024
"""The write-ahead file is cut back to this after a checkpoint; one reader can let it grow (STACK 6)."""

SQLITE_READER_CACHE_KIB: Final = 512
"""Of each reading connection, instead of 2 MiB: a page reads little, and the system keeps the file's pages too."""

SQLITE_READERS: Final = 4
POSTGRES_READERS: Final = 6
"""STACK 6: 5 to 8 connections, no overflow; a request that finds none waits at most 5 s."""

POOL_TIMEOUT_S: Final = 5

PEN_LOCK: Final = 0x746F6E6762616E
"""The advisory lock's number: "tongban" in ASCII. One database holds one node."""

_SINGLE: Final = "single_statement"
"""Execution option of a connection on which no transaction is begun."""

SQLITE_DRIVER: Final = "sqlite+aiosqlite"
POSTGRES_DRIVER: Final = "postgresql+asyncpg"


# At DEBUG aiosqlite writes every statement's values into the log: names and numbers of people.
logging.getLogger("aiosqlite").setLevel(logging.WARNING)


class Engines(Struct, frozen=True):
    """One node's database: `write` only for the holder of the pen, `read` for everybody."""

    write: AsyncEngine
    read: AsyncEngine

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the light database of a village."""
        return self.write.dialect.name == "sqlite"

    async def close(self) -> None:
        """Give all connections back."""
        await self.read.dispose()
        await self.write.dispose()


def database_url(setting: str, sqlite_file: Path) -> URL:
    """The database of a node: its own SQLite file, or what the settings name. Raises `LocalFault` for other kinds."""
    if not setting:
        return URL.create(SQLITE_DRIVER, database=str(sqlite_file))
    try:
        url = make_url(setting)
    except (ArgumentError, ValueError) as error:
        # Not the text itself: somebody may have put a password into it.
        raise LocalFault(
            "unknown_database",
            "the setting `database` is no address of one; leave it empty, or write "
            "postgresql+asyncpg://role@host:5432/name",
        ) from error
    if url.drivername in ("postgresql", "postgres", POSTGRES_DRIVER):
        return url.set(drivername=POSTGRES_DRIVER)
    if url.drivername in ("sqlite", SQLITE_DRIVER):
        return url.set(drivername=SQLITE_DRIVER)
    raise LocalFault(
        "unknown_database",
        f"{url.drivername} is no database of ours; leave the setting empty or name a postgresql+asyncpg",
    )


def open_engines(url: URL, key: bytes | None = None) -> Engines:
    """Both engines of a database. Connections are made when first used.

    `key`: of a SQLite file that is locked (`office.vault`), 32 bytes; None for a plain one and for PostgreSQL.
    """
    if url.drivername == SQLITE_DRIVER:
        _make_private(url.database)
        return Engines(_sqlite_writer(url, key), _sqlite_readers(url, key))
    return Engines(_postgres(url, 1), _postgres(url, POSTGRES_READERS))


def _make_private(database: str | None) -> None:
    """Make a new SQLite file readable by its owner only: it names people. Its companions get its mode from SQLite."""
    if database is None or database == ":memory:" or Path(database).exists():
        return
    try:
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE))
    except OSError:
        return  # Without a folder, or on a disk that cannot be written, SQLite's own complaint says more.


def for_single_statements(read: AsyncEngine) -> AsyncEngine:
    """The reading engine without a transaction around each statement, whose rounds cost more than the reading."""
    if read.dialect.name == "sqlite":
        # Not AUTOCOMMIT: SQLAlchemy would send our BEGIN all the same, and a pragma when the connection goes back.
        return read.execution_options(**{_SINGLE: True})
    return read.execution_options(isolation_level="AUTOCOMMIT")


def on_failure(engines: Engines, tell: Callable[[BaseException], None]) -> None:
    """Have every failed statement of the writing engine told, before it is raised to whoever sent it."""

    @event.listens_for(engines.write.sync_engine, "handle_error")
    def hear(context: ExceptionContext) -> None:  # pyright: ignore[reportUnusedFunction]
        tell(context.original_exception)


def _sqlite(url: URL, size: int, key: bytes | None) -> AsyncEngine:
    driver: dict[str, Any] = {"connect_args": {"isolation_level": None}}
    if key is not None:
        driver = {"module": adapter(), "async_creator": creator(url.database or "", key)}
    return create_async_engine(
        url, pool_size=size, max_overflow=0, pool_timeout=POOL_TIMEOUT_S, hide_parameters=True, **driver
    )


def _sqlite_writer(url: URL, key: bytes | None) -> AsyncEngine:
    engine = _sqlite(url, 1, key)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:  # pyright: ignore[reportUnusedFunction]
        # What is erased by law is overwritten in its page, not only unlinked (RULINGS B6); not every build does.
        _set_pragmas(connection, "journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", *_SHARED_PRAGMAS)

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _sqlite_readers(url: URL, key: bytes | None) -> AsyncEngine:
    engine = _sqlite(url, SQLITE_READERS, key)

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:  # pyright: ignore[reportUnusedFunction]
        _set_pragmas(
            connection, "synchronous=FULL", *_SHARED_PRAGMAS, f"cache_size=-{SQLITE_READER_CACHE_KIB}", "query_only=1"
        )

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        if _SINGLE not in connection.get_execution_options():
            connection.exec_driver_sql("BEGIN")

    return engine


_SHARED_PRAGMAS: Final = (
    f"busy_timeout={SQLITE_BUSY_MS}",
    "foreign_keys=ON",
    f"journal_size_limit={SQLITE_JOURNAL_BYTES_MAX}",
)


def _set_pragmas(connection: DBAPIConnection, *pragmas: str) -> None:
    cursor = connection.cursor()
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _postgres(url: URL, size: int) -> AsyncEngine:
    # «timezone» and the commit's durability are pinned per connection: an operator's default must not weaken them.
    settings = {"timezone": "UTC", "synchronous_commit": "on", "application_name": "tongban"}
    return create_async_engine(
        url,
        pool_size=size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"server_settings": settings},
    )


class PenLock:
    """PostgreSQL's half of the writing lock: a session-level advisory lock on a connection we keep (RULINGS C1)."""

    def __init__(self, url: URL) -> None:
        self._engine = _postgres(url, 1)
        self._connection: AsyncConnection | None = None

    async def take(self) -> None:
        """Take the lock. Raises `LocalFault` `second_writer` when another process has it; never waits."""
        connection = await self._engine.connect()
        taken = (await connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": PEN_LOCK})).scalar()
        # Session-level: the lock outlives this transaction, and an idle open one would hold old row versions.
        await connection.commit()
        if not taken:
            await connection.close()
            await self._engine.dispose()
            raise second_writer()
        self._connection = connection

    async def release(self) -> None:
        """Give the lock back."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None
        await self._engine.dispose()
