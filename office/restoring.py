"""Restoring a backup into a home, from which a node then starts quarantined.

A restore happens beside the home, in `<home>.restoring`, and is renamed at its end: broken off, it leaves no half home
and is begun anew. It leaves the mark `restored`, so that the node's first start knows that its state is old (RULINGS
B5), and what was erased since the backup goes again before anybody is served (B6). A living home is never overwritten:
with `--replace` it is set aside under another name.
Must never touch a database that is not empty, nor print what is in a backup. Next: `office.backup` for what is inside,
`office.checking` for `restore --check`, `office.node` for the first start.
"""

import contextlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import URL

from office.age_stream import Identity, Writes, identities_in
from office.archive import Progress, damaged, read_archive, storage_in_words
from office.backup import (
    DAY_MS,
    FORMAT,
    KEPT_DAYS,
    MANIFEST,
    PAPER_NAME,
    PAPERS,
    Manifest,
    check_room,
    erasures_beside,
    files_of,
    list_backups,
    read_erasures,
)
from office.clock import SystemClock
from office.database import SQLITE_DRIVER, Engines, PenLock, database_url, open_engines
from office.erasing import remember_erasures, remembered_erasures
from office.locking import open_vault
from office.migrations import PROJECTIONS_VERSION, newer_store, steps
from office.paths import PRIVATE_FILE_MODE, PRIVATE_FOLDER_MODE, Home, WritingLock, sync_folder, write_private
from office.postgres_tools import find_tools, load
from office.scratch import scratch_of
from office.seat import load_seat, load_seat_file
from office.settings import Settings, load_settings
from office.snapshots import FILES, POSTGRESQL, SQLITE, Described, describe, is_empty, server_major
from schemas.refusals import Refused
from sync.keys import root_digest

MANIFEST_BYTES_MAX: Final = 64 * 1024 * 1024
"""A head is 120 bytes: half a million journals."""

STAGING: Final = ".restoring"

_DATABASE: Final = re.compile(r"^\s*database\s*=.*$", re.MULTILINE)


class Restored(Struct, frozen=True):
    """What `restore` did."""

    home: Path
    manifest: Manifest
    days: int
    set_aside: Path | None
    """Where the home that was there lies now."""


class Conditions(Struct, frozen=True, kw_only=True):
    """What the operator said beside file and home."""

    replace: bool = False
    accept_gaps: bool = False
    """Restore although neighbours may have let go of what the backup does not have yet."""
    database: str = ""
    """The empty PostgreSQL database to restore into; empty = the one in the backup's settings."""
    county: str = ""
    """The county digest, where nothing else says which county this machine is of."""


async def restore(
    file: Path, into: Path, identities: Sequence[Identity], conditions: Conditions, progress: Progress
) -> Restored:
    """Restore a backup into a home.

    Raises `Refused`: `home_taken`, `backup_too_old`, `backup_newer`, `other_county`, `database_taken`,
    `backup_incomplete`, what `office.archive` and `office.postgres_tools` raise; `LocalFault` `newer_store`,
    `second_writer` when the home's node runs.
    """
    home = _home_at(into)
    staging = Home(home.folder.with_name(home.folder.name + STAGING))
    manifest = read_manifest(file, identities)
    days = check_age(manifest, accept_gaps=conditions.accept_gaps)
    check_county(manifest, conditions.county or county_known([home.folder]))
    lock = _claim(home, replace=conditions.replace)
    with storage_in_words():
        try:
            check_room(home.folder.parent, manifest.bytes)
            extract(file, identities, staging, manifest, progress)
            await _place_database(staging, home, manifest, conditions.database)
            _take_erasures(file, staging, home, manifest)
            write_private(staging.restored, msgspec.json.encode(manifest.at))
        except BaseException:
            shutil.rmtree(staging.folder, ignore_errors=True)
            raise
        finally:
            if lock is not None:
                lock.release()
        return Restored(home.folder, manifest, days, _put_in_place(staging, home))


async def load_identities(files: Sequence[Path]) -> list[Identity]:
    """The private keys in these files; a folder stands for the `device.key` in it. Of a locked folder whoever is at the
    terminal is asked.

    Raises `Refused` `bad_identity`, `no_identity`, OSError, and what `office.locking.open_vault` does.
    """
    found: list[Identity] = []
    for path in map(_key_file, files):
        home, content = Home(path.parent), path.read_bytes()
        vault = await open_vault(home, load_settings(home.settings)) if path == home.keys else None
        found += identities_in(content if vault is None else vault.open(path.name, content))
    if not found:
        raise Refused(
            "no_identity",
            "没有可用来打开备份的密钥，未作任何改动；请用 --identity 指定本节点或上级节点的 device.key、县根密钥文件，"
            "或设置 backup_recipients 所列公钥的私钥文件。",
            "There is no key here to open the backup with; nothing was changed. With --identity name the device.key of "
            "the node or of the one above, the county's root key file, or the private key of one in backup_recipients.",
        )
    return found


def newest_in(folder: Path, home: Home) -> Path:
    """The newest backup in a folder, of the office whose home this is.

    Raises `Refused` `no_backup_there`, and `which_backup` where nothing says whose is meant.
    """
    office = load_seat_file(home).chain[-1].enrolment.office if home.seat.exists() else None
    found = [one.path for one in list_backups(folder) if office in (None, one.office)]
    if not found:
        raise Refused(
            "no_backup_there",
            f"{folder} 中没有本单位的备份，未作任何改动；请核对文件夹，或直接指定备份文件。",
            f"There is no backup of this office in {folder}; nothing was changed. Look at the folder, or name the "
            "file.",
        )
    if office is None and len({one.office for one in list_backups(folder)}) > 1:
        raise Refused(
            "which_backup",
            f"{folder} 中有多个单位的备份，未作任何改动；请直接指定备份文件。",
            f"There are backups of several offices in {folder}; nothing was changed. Name the file.",
        )
    return found[-1]


@contextlib.contextmanager
def scratch_for(folder: Path) -> Generator[Path]:
    """Where a backup is tried: in the home, or in the system's own place where there is no home on this machine."""
    if Home(folder).seat.exists():
        with scratch_of(Home(folder)) as scratch:
            yield scratch
    else:
        with tempfile.TemporaryDirectory(prefix="tongban-") as name:
            yield Path(name)


def _key_file(path: Path) -> Path:
    return Home(path).keys if path.is_dir() else path


# --- what is in it ---------------------------------------------------------------------------------------------------


class _ManifestRead(Exception):
    """Enough was read."""


class _Peek:
    """Takes the first member and no more."""

    def __init__(self) -> None:
        self.manifest = io.BytesIO()

    def begin(self, name: str, size: int) -> Writes:
        """See `Receiver.begin`."""
        if name != MANIFEST or size > MANIFEST_BYTES_MAX:
            raise damaged()
        return self.manifest

    def end(self, name: str) -> None:
        """See `Receiver.end`."""
        raise _ManifestRead


def read_manifest(file: Path, identities: Sequence[Identity]) -> Manifest:
    """What a backup says of itself.

    Raises `Refused` `backup_newer`, and what `office.archive.read_archive` does; `LocalFault` `newer_store`.
    """
    peek = _Peek()
    try:
        read_archive(file, identities, peek, lambda done, total: None)
    except _ManifestRead:
        content = peek.manifest.getvalue()
    else:
        raise damaged()
    try:
        written = msgspec.json.decode(content, type=_Format).format
        manifest = msgspec.json.decode(content, type=Manifest) if written <= FORMAT else None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise damaged() from error
    if manifest is None:
        raise Refused(
            "backup_newer",
            f"该备份由更高版本的程序写成（格式 {written}，本程序最高识别 {FORMAT}），未作任何改动；"
            "请安装该版本后再恢复。",
            f"A newer version of this program wrote this backup (format {written}, this one knows {FORMAT}); nothing "
            "was changed. Install that version and restore with it.",
        )
    described = manifest.described
    if described.schema > len(steps()) or described.projections > PROJECTIONS_VERSION:
        raise newer_store(described.schema, len(steps()))
    return manifest


class _Format(Struct, frozen=True):
    format: int


def check_age(manifest: Manifest, *, accept_gaps: bool) -> int:
    """A backup's age in days. Raises `Refused` `backup_too_old` beyond what neighbours keep for it."""
    days = max(0, (SystemClock().now() - manifest.at) // DAY_MS)
    if days > KEPT_DAYS and not accept_gaps:
        raise Refused(
            "backup_too_old",
            f"该备份已有 {days} 天，超过 {KEPT_DAYS} 天，未作任何改动：其后的部分条目上下级可能已清除正文，无法补齐，"
            "依法清除的内容也可能重现。请改用较新的备份，或重新注册设备；确无其他办法时加 --accept-gaps。",
            f"This backup is {days} days old, more than {KEPT_DAYS}; nothing was changed. Its neighbours may have let "
            "go of texts that came after it, so that gaps stay, and what was erased by law may come back. Use a newer "
            "one, or enrol a new device; where there is no other way, add --accept-gaps.",
        )
    return days


def county_known(folders: Sequence[Path]) -> str:
    """The county digest of the first of these folders that holds a node, or is where a node's key lies; else empty."""
    for folder in folders:
        for home in (Home(folder), Home(folder.parent)):
            if home.seat.exists():
                return root_digest(load_seat_file(home).root)
    return ""


def check_county(manifest: Manifest, county: str) -> None:
    """Raise `Refused` `other_county` unless a backup is of the county with this digest; empty = nobody knows.

    Anybody can seal a file to a device, whose public key is no secret: a whole county of somebody's own making, too.
    """
    expected = "".join(county.split()).lower()
    if expected and expected != manifest.root:
        raise Refused(
            "other_county",
            "该备份属于另一个县，未作任何改动；请核对备份文件、--into 和 --county。",
            "This backup is of another county; nothing was changed. Look at the file, --into and --county.",
        )


# --- the home --------------------------------------------------------------------------------------------------------


def _home_at(folder: Path) -> Home:
    """A home by its whole path: it has a name, and a neighbour of that name."""
    return Home(folder.absolute())


def _claim(home: Home, *, replace: bool) -> WritingLock | None:
    """See that the home is free, or may be set aside and does not run; then its lock is held."""
    if not home.folder.exists() or (home.folder.is_dir() and not any(home.folder.iterdir())):
        home.folder.parent.mkdir(parents=True, exist_ok=True)
        return None
    if not replace:
        raise Refused(
            "home_taken",
            f"{home.folder} 中已有内容，没有恢复，未作任何改动；请用 --into 另选目录，或先停止该节点再加 --replace，"
            "原有内容会改名保留。",
            f"There is something in {home.folder}; nothing was restored or changed. Choose another folder with --into, "
            "or stop that node and add --replace: what is there is kept under another name.",
        )
    lock = WritingLock(home.lock)
    lock.take()
    return lock


def _put_in_place(staging: Home, home: Home) -> Path | None:
    aside = None
    if home.folder.exists():
        if any(home.folder.iterdir()):
            aside = _free_name(home)
            home.folder.rename(aside)
        else:
            home.folder.rmdir()
    staging.folder.rename(home.folder)
    sync_folder(home.folder.parent)
    return aside


def _free_name(home: Home) -> Path:
    at = datetime.fromtimestamp(SystemClock().now() / 1000, tz=UTC).strftime("%Y%m%dT%H%M%SZ")
    name = home.folder.with_name(f"{home.folder.name}.before-{at}")
    number = 1
    while name.exists():
        number += 1
        name = home.folder.with_name(f"{home.folder.name}.before-{at}-{number}")
    return name


class Extraction:
    """Puts the members of a backup into a folder, each where it belongs and nowhere else."""

    def __init__(self, home: Home) -> None:
        self._home = home
        databases = (home.audit, *(home.folder / name for name in FILES.values()))
        self._places = {path.name: path for path in (*files_of(home), *databases)}
        self._file: io.BufferedWriter | None = None
        self._is_first = True

    def begin(self, name: str, size: int) -> Writes:
        """See `Receiver.begin`."""
        if self._is_first:
            if name != MANIFEST or size > MANIFEST_BYTES_MAX:
                raise damaged()
            return io.BytesIO()
        path = self._places.get(name)
        if path is None and name.startswith(PAPERS) and PAPER_NAME.fullmatch(name.removeprefix(PAPERS)):
            self._home.papers.mkdir(mode=PRIVATE_FOLDER_MODE, exist_ok=True)
            path = self._home.papers / name.removeprefix(PAPERS)
        if path is None:
            raise Refused(
                "backup_incomplete",
                f"备份中有本程序不认识的内容（{name!r}），没有恢复，未作任何改动；请安装写成该备份的程序版本后再试。",
                f"There is something in this backup that this program does not know ({name!r}); nothing was restored "
                "or changed. Install the version that wrote it and try again.",
            )
        if path.exists():
            raise damaged()
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE), "wb")
        return self._file

    def end(self, name: str) -> None:
        """See `Receiver.end`."""
        self._is_first = False
        if self._file is not None:
            self._file.flush()
            os.fsync(self._file.fileno())
        self.close()

    def close(self) -> None:
        """Let go of the file at hand."""
        if self._file is not None:
            self._file.close()
            self._file = None


def extract(file: Path, identities: Sequence[Identity], home: Home, manifest: Manifest, progress: Progress) -> None:
    """Everything in a backup, into an empty folder. Raises `Refused`; then the folder is worth nothing."""
    shutil.rmtree(home.folder, ignore_errors=True)
    home.make()
    extraction = Extraction(home)
    try:
        read_archive(file, identities, extraction, progress)
    finally:
        extraction.close()
    seat = load_seat_file(home)
    own = [(one.enrolment.office, one.enrolment.node) for one in seat.chain[-1:]]
    if root_digest(seat.root) != manifest.root or own != [(manifest.office, manifest.node)]:
        raise damaged()
    if not home.vault.exists():
        # Whose keys they are, up to the county's root: a home whose parts do not belong together never starts.
        load_seat(home)
    if home.papers.is_dir():
        sync_folder(home.papers)
    sync_folder(home.folder)


def _take_erasures(file: Path, staging: Home, home: Home, manifest: Manifest) -> None:
    """What was erased since, by the list beside the backup and that of the home that is replaced: the node's first
    start erases it again before anybody is served (`office.erasing`).
    """
    listed = read_erasures(erasures_beside(file.parent, manifest.office)) | remembered_erasures(home)
    fresh = listed - remembered_erasures(staging)
    if fresh:
        remember_erasures(staging, fresh)


# --- the database ----------------------------------------------------------------------------------------------------


async def _place_database(staging: Home, home: Home, manifest: Manifest, wanted: str) -> None:
    """Where the node will look for it: the file in the home, or an empty PostgreSQL database."""
    if manifest.database == SQLITE:
        if wanted:
            raise other_database(manifest)
        if load_settings(staging.settings, {}).database:
            set_database(staging, "")
        return
    settings = load_settings(staging.settings)
    target = database_url(wanted or settings.database, home.database)
    if target.drivername == SQLITE_DRIVER:
        raise other_database(manifest)
    if wanted:
        set_database(staging, wanted)
    source = staging.folder / FILES[POSTGRESQL]
    await load_postgres(source, target, settings, manifest.described)
    source.unlink()


def other_database(manifest: Manifest) -> Refused:
    """The refusal to restore one kind of database into the other."""
    return Refused(
        "other_database",
        f"该备份的数据库是 {manifest.database}，不能恢复为另一种，未作任何改动；PostgreSQL 的备份请用 --database 指定"
        "一个空的 PostgreSQL 数据库，SQLite 的备份请去掉 --database。",
        f"The database of this backup is {manifest.database} and cannot be restored as another kind; nothing was "
        "changed. For PostgreSQL name an empty PostgreSQL database with --database; for SQLite leave --database out.",
    )


async def load_postgres(source: Path, target: URL, settings: Settings, loaded: Described | None = None) -> None:
    """Load a dump into an empty database.

    `loaded`: what it holds when a restore was broken off after this; then nothing is left to do. Raises `Refused`
    `database_taken`.
    """
    engines = open_engines(target)
    try:
        if await _holds(engines, loaded):
            # Whoever works with it holds its pen.
            lock = PenLock(target)
            await lock.take()
            await lock.release()
            return
        async with engines.read.connect() as connection:
            tools = await find_tools("pg_restore", await server_major(connection), settings.postgres_programs)
        await load(tools, target, source)
    finally:
        await engines.close()


async def _holds(engines: Engines, loaded: Described | None) -> bool:
    async with engines.read.connect() as connection:
        if await is_empty(connection):
            return False
        try:
            described = await describe(connection)
        except Refused:
            described = None
    if described is not None and described == loaded:
        return True
    raise Refused(
        "database_taken",
        "目标 PostgreSQL 数据库不是空的，没有恢复，其中的数据未作改动；请另建一个空数据库，并用 --database 指定。",
        "The PostgreSQL database to restore into is not empty; nothing was restored and what is in it was not touched. "
        "Make an empty one and name it with --database.",
    )


def set_database(home: Home, value: str) -> None:
    """Write the setting `database` into a home's settings file; empty = the file in the home."""
    written = home.settings.read_text(encoding="utf-8-sig") if home.settings.exists() else ""
    kept = _DATABASE.sub("", written)
    line = f"database = {msgspec.json.encode(value).decode()}\n" if value else ""
    write_private(home.settings, (line + kept).encode())
