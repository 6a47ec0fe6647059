"""What a database's complaint means, in our words: full, busy, away, locked out, read-only, damaged; or the rows' own.

Pure: reads error objects. Never hides what it does not know: an unknown error stays as it is. Next: `sync.store`.
"""

import errno
import socket
from typing import Final

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from sync.core.errors import Busy, Fault, LocalFault

FULL_RETRY_AFTER_S: Final = 60
"""Somebody must make room first; asking more often only costs the line."""

BUSY_RETRY_AFTER_S: Final = 5

_SYSTEMIC_STATES: Final = ("08", "28", "3D", "40", "53", "55", "57", "58", "XX")
"""SQLSTATE classes about the server, not the rows: connection, login, catalog, rollback, resources, state, operator,
system."""

_UNREACHABLE: Final = (errno.EHOSTUNREACH, errno.ENETUNREACH)


_FULL_NAMES: Final = ("SQLITE_FULL", "SQLITE_IOERR_SHMSIZE")
"""The second comes at a start on a full disk: the index beside the write-ahead file cannot be made."""

_UNREADABLE: Final = "SQLITE_NOTADB"
"""The first page says nothing that this key, or no key, opens."""
_DAMAGED: Final = "SQLITE_CORRUPT"
"""A later page is not what was written: for SQLCipher, its check value is wrong."""


def is_systemic(error: BaseException) -> bool:
    """Whether the database itself is in trouble, so that writing the same rows in smaller pieces would not help."""
    if isinstance(error, OperationalError | PoolTimeout | OSError):
        return True
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated
        or _state(error)[:2] in _SYSTEMIC_STATES
        or is_full(error)
        or _sqlite_name(error).startswith((_UNREADABLE, _DAMAGED))
    )


def is_full(error: BaseException) -> bool:
    """Whether a write failed because no room is left on the disk."""
    original = _original(error)
    if isinstance(original, OSError) and original.errno == errno.ENOSPC:
        return True
    return _state(error) == "53100" or _sqlite_name(error) in _FULL_NAMES


def is_input_or_output(error: BaseException) -> bool:
    """Whether SQLite could not read or write its files, for whatever reason."""
    return _sqlite_name(error).startswith("SQLITE_IOERR")


def fault_of(error: BaseException) -> Fault | None:
    """The typed refusal for what happened, or None when it is no known condition (then it is a defect and stays)."""
    if isinstance(error, PoolTimeout):
        return Busy("store_busy", "the database is busy; try again shortly", retry_after_s=BUSY_RETRY_AFTER_S)
    state, name = _state(error), _sqlite_name(error)
    if is_full(error):
        return Busy(
            "store_full",
            "the disk is full: nothing was taken, and nothing that was saved is lost; free space on it, then try again",
            retry_after_s=FULL_RETRY_AFTER_S,
        )
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN")) or state == "25006":
        return LocalFault("store_readonly", "the node's folder or database cannot be written; check its owner and disk")
    if is_input_or_output(error):
        # SQLCipher's driver gives no closer name, so a full disk on which no file can be begun looks the same.
        return Busy(
            "store_failing",
            "the disk reports errors, or it is full: free space on it and try again; if that does not help, make a "
            "backup and have the disk checked",
            retry_after_s=FULL_RETRY_AFTER_S,
        )
    if name.startswith((_UNREADABLE, _DAMAGED)):
        return _unreadable(name)
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")) or state[:2] in ("40", "55"):
        return Busy("store_busy", "the database is busy; try again shortly", retry_after_s=BUSY_RETRY_AFTER_S)
    if state[:2] == "28" or state == "42501":
        return LocalFault(
            "store_locked_out",
            "the database server does not let this node in: check the role in the setting `database`, its password in "
            "the account's .pgpass (mode 600), and that the role owns the database",
        )
    if state[:2] == "3D":
        return LocalFault(
            "store_missing",
            "the database server has no such database: make it for this node, or correct its name in the setting "
            "`database`",
        )
    if state[:2] in ("08", "53", "57", "58") or _is_away(error):
        return Busy(
            "store_away",
            "the database server does not answer: check that it runs, and host and port in the setting `database`",
            retry_after_s=BUSY_RETRY_AFTER_S,
        )
    return None


def _unreadable(name: str) -> LocalFault:
    if name.startswith(_DAMAGED):
        return LocalFault(
            "store_damaged",
            "the node's database is damaged: a page of it is not what was written; leave the file as it is, restore "
            "the last backup, and let the node above send what is missing",
        )
    return LocalFault(
        "store_unreadable",
        "the node's database does not open with this device's key: the file is damaged, or node.db and vault.json are "
        "not of the same device and day; put both back from one backup",
    )


def _is_away(error: BaseException) -> bool:
    """Whether the connection broke or could not be made: refused, no such host, no answer."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated
    if isinstance(error, ConnectionError | socket.gaierror | TimeoutError):
        return True
    return isinstance(error, OSError) and error.errno in _UNREACHABLE


def _original(error: BaseException) -> BaseException | None:
    return error.orig if isinstance(error, DBAPIError) else error


def _state(error: BaseException) -> str:
    """PostgreSQL's SQLSTATE, or nothing. What happens while connecting comes wrapped once more."""
    original = _original(error)
    causes = (original, original.__cause__ if original is not None else None)
    return next((str(state) for one in causes if (state := getattr(one, "sqlstate", None))), "")


def _sqlite_name(error: BaseException) -> str:
    """SQLite's own name of the error, or nothing. Drivers other than the standard library's only give the sentence."""
    original = _original(error)
    name = str(getattr(original, "sqlite_errorname", None) or "")
    if not name and "database or disk is full" in str(original):
        return "SQLITE_FULL"
    return name
