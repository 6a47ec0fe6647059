"""Room on the disk: what a node does before it runs out and when it has.

Beside its SQLite file a node keeps a ballast: 6 MiB that hold nothing. On a really full disk SQLite cannot even fold
its write-ahead file into the database, so nothing works any more; the ballast is deleted at the first such failure, and
writing goes on in the room it leaves (RELIABILITY 1). It is written anew when there is room again. Before that, below
50 MiB free, new filings are refused in words; receipts, decisions and arriving pages never are.
Never deletes anything but the ballast. A node on PostgreSQL has none: its server's disk is watched where it stands.
Next: `office.node` (who listens for the failure), `office.serving` (who writes the ballast), `sync.failures`.
"""

import logging
import shutil
from collections.abc import Iterator
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

WARNING_ROOM_BYTES: Final = 500 * MEBIBYTE
"""A year of a busy village is about 50 MB; half a GB is time enough to act."""

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


class StorageState(Struct, frozen=True):
    """How the disk stands, for the line's page, `status` and `doctor`."""

    free_bytes: int | None
    takes_filings: bool
    has_ballast: bool | None
    """None: this node needs none."""
    given_up_at: Instant | None = None
    """When this process gave the ballast up; None if it did not."""


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


class Storage:
    """The room of one node's store, and its ballast."""

    def __init__(self, disk: Disk, ballast: Path | None, clock: Clock, salts: Salts) -> None:
        """`ballast`: where the file lies, on the database's own disk; None for a node without one."""
        self.disk = disk
        self._ballast = ballast
        self._clock = clock
        self._salts = salts
        self._given_up_at: Instant | None = None

    def state(self) -> StorageState:
        """How the disk stands now."""
        free = self.disk.free_bytes()
        has_ballast = None if self._ballast is None else self._ballast.exists()
        return StorageState(free, self._takes_filings(free), has_ballast, self._given_up_at)

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

    def _is_empty(self) -> bool:
        free = self.disk.free_bytes()
        return free is not None and free < EMPTY_ROOM_BYTES

    def _pieces(self) -> Iterator[bytes]:
        """Random bytes: a disk that compresses or shares equal blocks would keep no room for zeros."""
        for _ in range(BALLAST_BYTES // _PIECE_BYTES):
            yield self._salts.draw(_PIECE_BYTES)
