"""Bundle files on a stick: found, read, written, and what a stick's trouble means.

A stick is a folder that may be full, read-only, gone in the next moment, and formatted as FAT, which knows no rights
and may not sync folders. Written as temp → fsync → rename → fsync of the folder: under its final name a bundle is whole
or not there. Names hold codes of offices and numbers, never a person. Never deletes anything but older bundles that it
is told by name, and left-overs of its own.
Blocks: call it in a thread from a serving node. Next: `office.bundles` (what is in them), `office.cli_bundle`.
"""

import contextlib
import errno
import os
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Final

from office.paths import sync_folder
from schemas.refusals import Refused
from sync.core.bundle import BUNDLE_BYTES_MAX, Manifest

SUFFIX: Final = ".tongban"
_TEMPORARY: Final = ".writing"

BUNDLES_MAX: Final = 1000
"""Bundle files looked at in one folder: a year of daily trips of three villages."""

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ_ONLY: Final = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_CANNOT_SYNC: Final = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM})
"""What some file systems, FAT among them, answer to the syncing of a folder."""


def stick_refused(error: OSError, folder: Path) -> Refused:
    """What a stick's complaint means, in words."""
    if error.errno in _FULL:
        return Refused(
            "stick_full",
            f"U 盘空间不足：{folder}。正在写的文件没有留下，盘上原有的文件和本机数据都没有变动；"
            "请清理 U 盘或换一个，再写一次。",
            f"The stick is full: {folder}. The file that was being written is not left behind, what was on the stick "
            "and on this computer is as it was. Make room or take another stick, then write again.",
        )
    if error.errno in _READ_ONLY:
        return Refused(
            "stick_read_only",
            f"U 盘不能写入：{folder}。没有写入任何内容；请拨开写保护开关，或换一个 U 盘，或检查文件夹权限。",
            f"The stick cannot be written: {folder}. Nothing was written. Move its write protection switch, take "
            "another stick, or look at the folder's permissions.",
        )
    return Refused(
        "stick_gone",
        f"U 盘没有插好、已被拔出或读写出错：{folder}。已读入的部分已经保存，没有读完的文件可以再读一次；"
        "请重新插好，核对文件夹后再试。",
        f"The stick is not there, was pulled out, or fails: {folder}. What was taken in is saved, and a file that was "
        "not read to its end may be read again. Plug it in, look at the folder, and try again.",
    )


def _unreadable(error: OSError, folder: Path) -> Refused:
    """The same for reading, where nothing is said about writing."""
    if error.errno in _READ_ONLY:
        return Refused(
            "stick_unreadable",
            f"没有权限读取 U 盘上的文件：{folder}。已读入的部分已经保存；请检查文件夹权限，或由有权限的用户运行。",
            f"A file on the stick may not be read by this user: {folder}. What was taken in is saved. Look at the "
            "folder's permissions, or run this as a user who may read it.",
        )
    return stick_refused(error, folder)


def check_folder(folder: Path) -> None:
    """Raise `Refused` `stick_gone` unless this is a folder."""
    if not folder.is_dir():
        raise stick_refused(FileNotFoundError(), folder)


def bundles_in(folder: Path) -> list[Path]:
    """The bundle files of a folder, by name; a file itself, whatever it is called. Raises `Refused`."""
    if folder.is_file():
        return [folder]
    check_folder(folder)
    with _told(folder, _unreadable):
        found = sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX) and path.is_file())
    return found[:BUNDLES_MAX]


def read_bundle(path: Path) -> bytes:
    """A file's bytes, at most one more than a bundle may have, whatever size it claims. Raises `Refused`."""
    with _told(path.parent, _unreadable), path.open("rb") as file:
        return file.read(BUNDLE_BYTES_MAX + 1)


def write_bundle(folder: Path, name: str, data: bytes) -> Path:
    """Write a bundle under its final name, whole or not at all. Raises `Refused`."""
    check_folder(folder)
    path = folder / name
    temporary = folder / f"{name}{_TEMPORARY}"
    try:
        with _told(folder):
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            _sync(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    return path


def name_of(manifest: Manifest) -> str:
    """What a bundle's file is called: from whom, to whom, and in which order.

    With the epoch's own characters: a device that was restored must not write over what it wrote before and forgot.
    """
    epoch = manifest.epoch
    series = f"{manifest.sender_office}-{manifest.receiver_office}-{manifest.sender}"
    return f"{series}-{epoch.ordinal:06d}-{epoch.nonce.hex()}-{manifest.serial:06d}{SUFFIX}"


def remove_older(folder: Path, newest: str, names: Iterable[str]) -> int:
    """Delete older bundles of these names, and what broken-off writing of the series of `newest` left.

    Returns how many. What cannot be deleted stays: it harms nobody.
    """
    series = newest.rsplit("-", 3)[0]
    older = [folder / name for name in names]
    older += folder.glob(f"{series}-*{SUFFIX}{_TEMPORARY}")
    removed = 0
    for path in older:
        with contextlib.suppress(OSError):
            path.unlink()
            removed += 1
    return removed


def _sync(folder: Path) -> None:
    try:
        sync_folder(folder)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


@contextlib.contextmanager
def _told(folder: Path, meaning: Callable[[OSError, Path], Refused] = stick_refused) -> Generator[None]:
    """A stick's complaints become refusals."""
    try:
        yield
    except OSError as error:
        raise meaning(error, folder) from error
