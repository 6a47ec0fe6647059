"""A folder in the home for copies in clear: while a backup is made, or one is tried. Emptied before and after.

What a kill leaves there is deleted by the next use and by the next start of the node: it is as readable as the store.
Never holds anything that is needed. Next: `office.backup`, `office.checking`.
"""

import contextlib
import shutil
from collections.abc import Generator
from pathlib import Path

from office.paths import PRIVATE_FOLDER_MODE, Home, WritingLock
from schemas.refusals import Refused
from sync.core.errors import LocalFault


@contextlib.contextmanager
def scratch_of(home: Home) -> Generator[Path]:
    """The folder, for one process at a time. Raises `Refused` `backup_running`, OSError."""
    lock = _lock(home)
    try:
        lock.take()
    except LocalFault as fault:
        raise Refused(
            "backup_running",
            "本节点正在进行另一项备份或检查，本次没有开始；请等它结束后再试。",
            "Another backup or check of this node is under way; this one was not begun. Try again when it has ended.",
        ) from fault
    scratch = _folder(home)
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=PRIVATE_FOLDER_MODE)
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        lock.release()


def discard_scratch(home: Home) -> None:
    """Delete what a process left that was killed; nothing where one is at work."""
    lock = _lock(home)
    if not _folder(home).exists():
        return
    try:
        lock.take()
    except LocalFault:
        return
    shutil.rmtree(_folder(home), ignore_errors=True)
    lock.release()


def _folder(home: Home) -> Path:
    return home.folder / "scratch"


def _lock(home: Home) -> WritingLock:
    return WritingLock(home.folder / "scratch.lock")
