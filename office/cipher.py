"""SQLCipher: the village's store as pages that only its key opens, each with a check value of its own.

The one module that knows the driver `sqlcipher3`, which brings no types. A connection is given its key before anything
else and never logs (the library would print its complaints past our log). The key is 32 raw bytes, so that opening
costs nothing; what makes a passphrase dear to guess is in `office.vault`. Without a key the same driver opens plain
SQLite files: `office.locking` converts them with it.
Must never: print a key or put it into an error. Next: `office.database`, which makes the engines.
"""

import importlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, Protocol, cast

KEY_BYTES: Final = 32

BUSY_S: Final = 5.0
"""How long the driver waits for a lock before the pragma of `office.database` says so as well."""

ROWS_AT_ONCE: Final = 64
"""What aiosqlite fetches in one go where rows are streamed; its own default."""

_ERRORS: Final = (
    "Error",
    "DatabaseError",
    "IntegrityError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
)
"""What SQLAlchemy asks a driver's module for. aiosqlite answers with the standard library's, which these are not."""


class CipherCursor(Protocol):
    """As much of a cursor as is used here."""

    def fetchone(self) -> Any:
        """The next row, or None."""
        ...

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        ...


class CipherConnection(Protocol):
    """As much of a connection as is used here."""

    def execute(self, statement: str, values: Sequence[object] = ..., /) -> CipherCursor:
        """Run one statement."""
        ...

    def close(self) -> None:
        """Give the files back."""
        ...


def driver() -> Any:
    """The module `sqlcipher3.dbapi2`. Imported when first asked for: 5 MiB that a hub need not carry."""
    return importlib.import_module("sqlcipher3.dbapi2")


def connect(database: str, key: bytes | None) -> CipherConnection:
    """Open a file without a transaction of the driver's own; `key` None: a plain one.

    A wrong key shows at the first reading, as `SQLITE_NOTADB`. Raises the driver's errors.
    """
    connection: Any = driver().connect(database, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    if key is not None:
        connection.execute(f'PRAGMA key="{key_literal(key)}"')
        connection.execute("PRAGMA cipher_log_level=NONE")
        # A later major version of the library must not take today's files for those of its own defaults.
        connection.execute("PRAGMA cipher_compatibility=4")
    return cast("CipherConnection", connection)


def key_literal(key: bytes) -> str:
    """A raw key as SQLCipher reads it, to stand between double quotes. Raises ValueError for another length."""
    if len(key) != KEY_BYTES:
        raise ValueError("a store's key has 32 bytes")
    return f"x'{key.hex()}'"


def creator(database: str, key: bytes) -> Callable[[], Awaitable[Any]]:
    """What makes a connection for SQLAlchemy: an aiosqlite one over this driver."""
    import aiosqlite

    async def create() -> Any:
        connection: Any = aiosqlite.Connection(cast("Any", lambda: connect(database, key)), ROWS_AT_ONCE)
        # As SQLAlchemy does for connections that it makes itself: a forgotten one must not keep the process alive.
        connection._thread.daemon = True
        return await connection

    return create


def adapter() -> Any:
    """The driver's module as SQLAlchemy's aiosqlite dialect wants it, with this driver's errors in it."""
    import aiosqlite
    from sqlalchemy.dialects.sqlite.aiosqlite import AsyncAdapt_aiosqlite_dbapi

    cipher = driver()
    module: Any = AsyncAdapt_aiosqlite_dbapi(aiosqlite, cipher)
    _take(module, cipher, _ERRORS)
    return module


def _take(module: Any, cipher: Any, names: Iterable[str]) -> None:
    for name in names:
        setattr(module, name, getattr(cipher, name))
