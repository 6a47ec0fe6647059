"""How a verb learns login and passphrase of a locked village: from a file that its owner names, or at the terminal.

A passphrase is never an argument and never a value in the environment, which others on the machine could read: both
may only name a file. Never keeps what it was told. Next: `office.locking`, which asks; `office.cli`, which says how.
"""

import getpass
import os
import sys
from collections.abc import Callable
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from office.paths import read_private
from office.settings import PASSPHRASE_VARIABLE
from sync.core.errors import LocalFault

Ask = Callable[[], tuple[str, str]]
"""Login and passphrase. Raises `LocalFault`."""

ASK: Final[ContextVar[Ask | None]] = ContextVar("ask", default=None)
"""How this verb's people can be asked; None: not at all."""

_OTHERS: Final = 0o077


def file_named(path: Path | None) -> Path | None:
    """The file with login and passphrase: as an option named it, else as the environment does."""
    stated = os.environ.get(PASSPHRASE_VARIABLE)
    return path or (Path(stated) if stated else None)


def asker(path: Path | None, say: Callable[[str, str], str]) -> Ask:
    """What asks: the file, if one is named, else whoever sits at the terminal. `say` chooses the language."""
    named = file_named(path)
    if named is not None:
        return lambda: read_passphrase(named)
    return lambda: _ask_at_terminal(say)


def read_passphrase(path: Path) -> tuple[str, str]:
    """Login and passphrase, the first two lines of a file that only its owner can read. Raises `LocalFault`."""
    content = read_private(path, missing_hint="it holds login and passphrase, one a line, for a start without people")
    if os.name == "posix" and path.stat().st_mode & _OTHERS:
        raise LocalFault("passphrase_file_open", f"{path} can be read by others: chmod 600, and change the passphrase")
    lines = content.decode("utf-8-sig", "replace").splitlines()
    if len(lines) < 2:
        raise LocalFault("bad_passphrase_file", f"{path} must hold two lines, login and passphrase")
    return lines[0], lines[1]


def _ask_at_terminal(say: Callable[[str, str], str]) -> tuple[str, str]:
    if not sys.stdin.isatty():
        raise locked_fault()
    login = input(say("解锁本机，登录名：", "to unlock this computer, login: "))
    return login, getpass.getpass(say("密码：", "password: "))


def locked_fault() -> LocalFault:
    """The refusal while nobody has unlocked."""
    return LocalFault(
        "locked",
        "this computer is locked: all that was saved is safe, and goes on when somebody unlocks it; sign in on its "
        "page, or run the verb at a terminal, where login and passphrase are asked for, or with --passphrase-file",
    )
