"""Room on the disk: what a node does before it runs out and when it has.

Beside its SQLite file a node keeps a ballast: 6 MiB that hold nothing. On a really full disk SQLite cannot even fold
its write-ahead file into the database, so nothing works any more; the ballast is deleted at the first such failure, and
writing goes on in the room it leaves (RELIABILITY 1). It is written anew when there is room again. Before that, what
weighs most and can wait longest is refused first, in words: photographs below 200 MiB free, new filings below 50 MiB;
receipts, decisions, results and arriving pages never are.
Never deletes anything but the ballast. A node on PostgreSQL has none: its server's disk is watched where it stands.
Next: `office.node` (who listens for the failure), `office.serving` (who writes the ballast), `sync.failures`.
"""

import logging
import os
import shutil
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from office.paths import remove, write_private_pieces
from schemas.names import Instant
from schemas.refusals import Refused
from sync.failures import is_full, is_input_or_output
from sync.ports import Clock, Salts

MEBIBYTE: Final = 1024 * 1024

BALLAST_BYTES: Final = 6 * MEBIBYTE
"""A checkpoint of SQLite's write-ahead file (4 MB when it is due) must fit into it; 1 MB was measured as too little."""

BALLAST_ROOM_BYTES: Final = 4 * BALLAST_BYTES
"""The ballast is written only into so much room: what it left when it went must not bring it back at once."""

FILING_ROOM_BYTES: Final = 50 * MEBIBYTE
"""Below it no new matter is taken in: what is under way must come to its end on what is left (RELIABILITY 1)."""

PAPERS_ROOM_BYTES: Final = 200 * MEBIBYTE
"""Below it no photograph is taken in: the 150 MiB down to `FILING_ROOM_BYTES` are three years of a busy village's
entries, while twenty photographs a day would have filled them in six weeks."""

WARNING_ROOM_BYTES: Final = 300 * MEBIBYTE
"""A month of photographs above `PAPERS_ROOM_BYTES`: time enough to act. A village lives on a partition of 512 MiB."""

EMPTY_ROOM_BYTES: Final = MEBIBYTE
"""With less than this an I/O error is the full disk under another name: SQLite reports some of its files so."""

LOOK_AGAIN_S: Final = 60.0
"""How soon a running node notices that somebody has made room."""

_PIECE_BYTES: Final = 64 * 1024

log: Final = logging.getLogger("tongban.storage")


class Disk(Protocol):
    """The one question about the disk."""

    def free_bytes(self) -> int | None:
        """Bytes that this user may still write; None where that cannot be told."""
        ...


class FolderDisk:
    """The disk on which a folder lies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def free_bytes(self) -> int | None:
        """See `Disk.free_bytes`."""
        try:
            return shutil.disk_usage(self._folder).free
        except OSError:
            return None


class Pressure(StrEnum):
    """How short of room a node is: what every page says of it."""

    NONE = "none"
    PAPERS = "papers"
    """No photograph and no other paper is taken in."""
    FILINGS = "filings"
    """Nor any new case."""
    FULL = "full"
    """The ballast is given up: steps may fail for want of room."""


class StorageState(Struct, frozen=True):
    """How the disk stands, for the line's page, `status` and `doctor`."""

    free_bytes: int | None
    takes_filings: bool
    has_ballast: bool | None
    """None: this node needs none."""
    given_up_at: Instant | None = None
    """When this process gave the ballast up; None if it did not."""
    takes_papers: bool = True
    pressure: Pressure = Pressure.NONE
    papers_bytes: int | None = None
    """What the papers of cases take; told only while room is short."""


class DiskNearlyFull(Refused):
    """Too little room to begin anything new."""

    def __init__(self) -> None:
        super().__init__(
            "disk_nearly_full",
            "本机磁盘剩余不足 50 兆字节，暂不能登记新件；已保存的事项均完好，办理、回执和收发不受影响。"
            "请清理磁盘后再登记，或请管理员协助。",
            "Less than 50 MB is free on this computer, so no new case is taken in. Everything that was saved is safe, "
            "and decisions, receipts and the line go on. Free space on the disk, then file the case again.",
        )


class NoRoomForPapers(Refused):
    """Too little room for a photograph: they go first."""

    def __init__(self) -> None:
        super().__init__(
            "papers_no_room",
            "本机磁盘剩余不足 200 兆字节，暂不能添加照片和附件；已保存的均完好，登记、办理、回执和收发不受影响。"
            "请清空回收站、移走与工作无关的文件后再添加；纸质材料请先收下，在事项中照常记明。",
            "Less than 200 MB is free on this computer, so no photograph or other paper is added. Everything that was "
            "saved is safe; filing, decisions, receipts and the line go on. Empty the recycle bin, move private files "
            "away, then add it again; take paper originals in and note them in the case as usual.",
        )


class Storage:
    """The room of one node's store, and its ballast."""

    def __init__(
        self, disk: Disk, ballast: Path | None, clock: Clock, salts: Salts, papers: Path | None = None
    ) -> None:
        """`ballast`: where the file lies, on the database's own disk; None for a node without one. `papers`: the folder
        of the papers of cases.
        """
        self.disk = disk
        self._papers = papers
        self._ballast = ballast
        self._clock = clock
        self._salts = salts
        self._given_up_at: Instant | None = None

    def state(self) -> StorageState:
        """How the disk stands now."""
        free = self.disk.free_bytes()
        has_ballast = None if self._ballast is None else self._ballast.exists()
        takes = self._takes_filings(free), _takes_papers(free)
        is_full = self._given_up_at is not None and has_ballast is False
        pressure = _pressure(*takes, is_full=is_full)
        papers = self._papers_bytes() if pressure is not Pressure.NONE else None
        return StorageState(free, takes[0], has_ballast, self._given_up_at, takes[1], pressure, papers)

    def check_papers(self) -> None:
        """Raise `NoRoomForPapers` when there is too little room for a photograph or any other paper."""
        if not self.takes_papers():
            raise NoRoomForPapers

    def takes_papers(self) -> bool:
        """Whether there is room for a paper, captured here or sent by a neighbour."""
        return _takes_papers(self.disk.free_bytes())

    def check_filing(self) -> None:
        """Raise `DiskNearlyFull` when there is too little room for a new matter."""
        if not self._takes_filings(self.disk.free_bytes()):
            raise DiskNearlyFull

    def keep_ballast(self) -> bool:
        """Write the ballast if it is missing and room allows. Returns whether it is there. Blocks: for a thread."""
        if self._ballast is None:
            return False
        if self._ballast.exists():
            return True
        free = self.disk.free_bytes()
        if free is None or free < BALLAST_ROOM_BYTES:
            return False
        try:
            write_private_pieces(self._ballast, self._pieces())
        except OSError as error:
            log.warning("the ballast could not be written: %s", type(error).__name__)
            return False
        if self._given_up_at is not None:
            log.warning("there is room on the disk again: the ballast is in its place")
        self._given_up_at = None
        return True

    def hear(self, error: BaseException) -> None:
        """A statement failed: give the ballast up if that was for want of room. The statement itself stays failed."""
        if is_full(error) or (is_input_or_output(error) and self._is_empty()):
            self.give_up()

    def give_up(self) -> bool:
        """Delete the ballast, if it is there. Returns whether it was."""
        if self._ballast is None or not self._ballast.exists():
            return False
        try:
            remove(self._ballast)
        except OSError as error:
            log.error("the disk is full, and the ballast cannot be deleted: %s", type(error).__name__)
            return False
        self._given_up_at = Instant(self._clock.now())
        log.error("the disk is full: the ballast was given up so that work can go on; free space on this disk now")
        return True

    def _takes_filings(self, free: int | None) -> bool:
        return self._ballast is None or free is None or free >= FILING_ROOM_BYTES

    def _papers_bytes(self) -> int | None:
        if self._papers is None:
            return None
        try:
            with os.scandir(self._papers) as files:
                return sum(file.stat().st_size for file in files)
        except OSError:
            return None

    def _is_empty(self) -> bool:
        free = self.disk.free_bytes()
        return free is not None and free < EMPTY_ROOM_BYTES

    def _pieces(self) -> Iterator[bytes]:
        """Random bytes: a disk that compresses or shares equal blocks would keep no room for zeros."""
        for _ in range(BALLAST_BYTES // _PIECE_BYTES):
            yield self._salts.draw(_PIECE_BYTES)


def _takes_papers(free: int | None) -> bool:
    """Papers lie in the node's folder, also where its database is a server's."""
    return free is None or free >= PAPERS_ROOM_BYTES


def _pressure(takes_filings: bool, takes_papers: bool, *, is_full: bool) -> Pressure:
    if is_full:
        return Pressure.FULL
    if not takes_filings:
        return Pressure.FILINGS
    return Pressure.NONE if takes_papers else Pressure.PAPERS
