"""The one module for files: where a node's things lie, how they are written, and who may write them.

Windows included: village computers run it, so `fcntl` and `msvcrt` are imported only where they exist. Every file is
written as temp → fsync → rename → fsync of the folder, mode 0600: a settings file written without fsync came back as
zeros after a power cut (RELIABILITY 1). Never holds personal data in a name. Next: `office.node`, which takes the lock.
"""

import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sync.core.errors import LocalFault

PRIVATE_FILE_MODE: Final = 0o600
PRIVATE_FOLDER_MODE: Final = 0o700
BEFORE_UPGRADE: Final = ".before-upgrade"
"""Ends the name of the copy of a store that `office.upgrading` made."""
TEMPORARY: Final = ".new"
"""Ends the name of a file that is being written. A crash may leave it; the next writing replaces it."""


class Home:
    """The folder of one node and the names of what lies in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __repr__(self) -> str:
        return f"Home({str(self.folder)!r})"

    @property
    def settings(self) -> Path:
        """The one settings file."""
        return self.folder / "tongban.toml"

    @property
    def database(self) -> Path:
        """The SQLite file, unless the settings name a PostgreSQL."""
        return self.folder / "node.db"

    @property
    def audit(self) -> Path:
        """At the county: what the audit found, and its working tables, unless the settings name a PostgreSQL."""
        return self.folder / "audit.db"

    @property
    def keys(self) -> Path:
        """The device's two private keys. Whoever copies this file is this device: a copy shows as a fork."""
        return self.folder / "device.key"

    @property
    def data_key(self) -> Path:
        """32 random bytes that seal bodies at rest and derive the secrets on slips. Keep its backup apart."""
        return self.folder / "data.key"

    @property
    def vault(self) -> Path:
        """At a village: the key of all it holds, wrapped for each passphrase. Where it is, this folder is locked."""
        return self.folder / "vault.json"

    @property
    def vault_lock(self) -> Path:
        """Held for the moment in which the vault is written."""
        return self.folder / "vault.lock"

    @property
    def root_key(self) -> Path:
        """The county's root key, at the hub only and only until it is taken offline (RULINGS A10)."""
        return self.folder / "county-root.key"

    @property
    def seat(self) -> Path:
        """The certificate chain that says which office this device sits in, and the address above."""
        return self.folder / "seat.json"

    @property
    def certificate(self) -> Path:
        """The TLS certificate (PEM)."""
        return self.folder / "tls.crt"

    @property
    def certificate_key(self) -> Path:
        """The TLS private key (PEM)."""
        return self.folder / "tls.key"

    @property
    def catalogue(self) -> Path:
        """The county's own editions of the catalogue, when it has imported any."""
        return self.folder / "catalogue.json"

    @property
    def divisions(self) -> Path:
        """The county's own table of divisions, unless it is the sample's."""
        return self.folder / "divisions.csv"

    @property
    def restored(self) -> Path:
        """A marker that `restore` leaves: the next start is quarantined until it has caught up (RULINGS B5)."""
        return self.folder / "restored"

    @property
    def upgrading(self) -> Path:
        """A mark while a store of an earlier version is taken over, and until it is (`office.upgrading`)."""
        return self.folder / "upgrade.json"

    @property
    def ballast(self) -> Path:
        """A file to delete when the disk is full, so that the node can still write while space is made."""
        return self.folder / "ballast"

    @property
    def lock(self) -> Path:
        """Held by the one process that writes."""
        return self.folder / "writer.lock"

    @property
    def local(self) -> Path:
        """Where the running node answers the command line beside it, and its token; gone when the node has stopped."""
        return self.folder / "local.json"

    @property
    def papers(self) -> Path:
        """Photographs and PDF of cases, each sealed under its digest (`office.papers`)."""
        return self.folder / "papers"

    @property
    def sticks(self) -> Path:
        """What went onto sticks and came from them: counts and codes (`office.bundles`)."""
        return self.folder / "sticks.json"

    @property
    def erasures(self) -> Path:
        """Hashes of all entries that were erased by law; never put back from a backup (`office.erasing`)."""
        return self.folder / "erased.list"

    @property
    def sheets(self) -> Path:
        """Enrolment sheets that were printed here; delete them once handed out."""
        return self.folder / "sheets"

    def make(self) -> None:
        """Create the folder, readable by its owner only."""
        self.folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)


def write_private(path: Path, content: bytes) -> None:
    """Write a whole file so that after a power cut it is either the old or the new one; readable by its owner only."""
    write_private_pieces(path, [content])


def write_private_pieces(path: Path, pieces: Iterable[bytes]) -> None:
    """As `write_private`, piece by piece. On failure (a full disk) nothing of it stays. Raises OSError."""
    temporary = path.with_name(path.name + TEMPORARY)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def read_private(path: Path, *, missing_hint: str) -> bytes:
    """A file's bytes. Raises `LocalFault` with `missing_hint` when it is not there or cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise LocalFault("file_missing", f"{path} cannot be read: {missing_hint}") from error


def remove(path: Path) -> None:
    """Delete a file if it is there, durably."""
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename durable. Windows has no handle on a folder and keeps renames in its journal."""
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class WritingLock:
    """One writing process per node (RULINGS C1): an exclusive lock on a file, given back by the system when we die.

    PostgreSQL nodes hold an advisory lock as well (`office.database`): there the data does not lie beside the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    @property
    def is_held(self) -> bool:
        """Whether this process holds it."""
        return self._descriptor is not None

    def take(self, *, waits: bool = False) -> None:
        """Take the lock. Raises `LocalFault` `second_writer` when another process has it.

        `waits`: until it is given back, for what is held for the writing of one file only; else never.
        """
        if self.is_held:
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE_MODE)
        try:
            _lock(descriptor, waits=waits)
        except OSError as error:
            os.close(descriptor)
            raise second_writer() from error
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def second_writer() -> LocalFault:
    """The refusal of a second writing process."""
    return LocalFault(
        "second_writer",
        "another process of this node is already running and holds its pen; use that one, or stop it first",
    )


def _lock(descriptor: int, *, waits: bool) -> None:
    """Lock the whole file, or raise OSError at once or (Windows) after 10 s. The lock goes with the descriptor."""
    if sys.platform == "win32":
        import msvcrt  # only Windows has it

        msvcrt.locking(descriptor, msvcrt.LK_LOCK if waits else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl  # only other systems have it

        fcntl.flock(descriptor, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
