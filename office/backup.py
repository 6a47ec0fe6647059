"""Backups: everything that a node keeps, as one encrypted file, made beside the running node.

Inside: what the file is (`Manifest`), the database at one moment, keys, seat, settings, and the papers. It is sealed
to the node's own device, to the device above (a township restores its villages), at the county to its offline root key,
and to the keys of the setting `backup_recipients`. While it is made the copy of the database lies in the home, not
where the backup goes: nothing on a stick is ever readable. A backup holds bodies that may have to be erased one day, so
those older than 35 days are deleted (RULINGS B6).
Never holds the county's root key, enrolment sheets, or what is made again at a start. Never touches an older backup
before the new one is whole. Next: `office.restoring`, `office.archive` for the file, `office.snapshots`.
"""

import contextlib
import re
import shutil
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import URL

from office.age_stream import Recipient, recipient_of_key, recipients_in
from office.archive import Member, Progress, bytes_member, file_member, full, storage_in_words, write_archive
from office.clock import SystemClock
from office.database import SQLITE_DRIVER, database_url, open_engines
from office.doctor import CLOCK_FIRST, CLOCK_LAST
from office.erasing import remembered_erasures
from office.locking import open_vault
from office.migrations import is_of_this_version
from office.node import Node
from office.paths import TEMPORARY, Home, write_private_pieces
from office.scratch import scratch_of
from office.seat import SeatFile, load_seat_file
from office.settings import Settings, load_settings
from office.snapshots import FILES, POSTGRESQL, SQLITE, Described, copy_sqlite, count_rows, describe, dump_postgres
from office.storage import FILING_ROOM_BYTES
from office.upgrading import forget_old_copy
from office.vault import Vault
from schemas.names import Instant, NodeId, OfficeId, parent_seat
from schemas.refusals import Refused
from sync.keys import root_digest

FORMAT: Final = 1
"""Raise it when an older program could not restore what this one writes."""

KEPT_DAYS: Final = 35
"""RULINGS B6, A17: what neighbours keep of bodies outlives the oldest backup that may be restored by ten days."""

DAY_MS: Final = 24 * 3600 * 1000

MANIFEST: Final = "manifest.json"
PAPERS: Final = "papers/"

PAPER_NAME: Final = re.compile(r"[0-9a-f]{64}")
_HASH: Final = re.compile(rb"[0-9a-f]{64}")

_NAME: Final = re.compile(r"tongban-([0-9]{6,12})-([a-z2-7]{16})-([0-9]{8}T[0-9]{6}Z)\.backup")
_TIME: Final = "%Y%m%dT%H%M%SZ"


class Manifest(Struct, frozen=True, kw_only=True):
    """The first member of a backup: whose it is, of when, and what its database holds."""

    format: int
    county: str
    root: str
    """The county digest."""
    office: OfficeId
    node: NodeId
    software: str
    at: Instant
    """When the copying began, by this node's clock."""
    database: str
    """`sqlite` or `postgresql`."""
    described: Described
    papers: int | None
    """How many; None where they were left out."""
    bytes: int
    """Of all other members together, before sealing: the room that a restore needs."""
    audit: dict[str, int] | None = None
    """Rows of the audit's own database, by table; None where there is none, or where it is in the same PostgreSQL."""


class Backup(Struct, frozen=True):
    """A file that has the name of a backup."""

    path: Path
    office: OfficeId
    node: NodeId
    at: Instant
    bytes: int

    def days(self, now: Instant) -> int:
        """Its age in whole days."""
        return max(0, (now - self.at) // DAY_MS)


class Made(Struct, frozen=True):
    """What `make_backup` did."""

    path: Path
    bytes: int
    manifest: Manifest
    deleted: tuple[Path, ...]
    """Backups of this office that were older than `KEPT_DAYS`."""


class Snapshot(Struct, frozen=True):
    """The copy of a database, as a file."""

    kind: str
    path: Path
    described: Described


class AuditCopy(Struct, frozen=True):
    """The copy of the audit's own database."""

    path: Path
    tables: dict[str, int]
    """Rows by table."""


async def make_backup(folder: Path, target: Path, *, with_papers: bool, progress: Progress) -> Made:
    """Back the node in `folder` up into the folder `target`, and delete its backups there that are too old.

    Raises `Refused` `backup_no_folder`, `backup_no_room`, `backup_running`, `backup_full`, `backup_readonly`,
    `backup_changed`, and what `office.snapshots` and the readers of the home raise.
    """
    home = Home(folder)
    settings, seat = load_settings(home.settings), load_seat_file(home)
    list_backups(target)
    now = SystemClock().now()
    vault = await open_vault(home, settings)
    with storage_in_words(), scratch_of(home) as scratch:
        audit = await _copy_audit(home, settings, scratch, progress)
        snapshot = await _take_snapshot(home, settings, vault, scratch, progress)
        members, papers = list(_small_files(home)), list(_papers(home)) if with_papers else None
        if audit is not None:
            members.insert(0, file_member(home.audit.name, audit.path))
        members = [file_member(FILES[snapshot.kind], snapshot.path), *members, *(papers or ())]
        own = seat.chain[-1].enrolment
        manifest = Manifest(
            format=FORMAT,
            county=seat.county,
            root=root_digest(seat.root),
            office=own.office,
            node=own.node,
            software=_software_version(),
            at=now,
            database=snapshot.kind,
            described=snapshot.described,
            papers=None if papers is None else len(papers),
            audit=None if audit is None else audit.tables,
            bytes=sum(member.size for member in members),
        )
        path = target / name_of(manifest)
        _delete_unfinished(target, own.office)
        check_room(target, manifest.bytes)
        listed = bytes_member(MANIFEST, msgspec.json.encode(manifest))
        recipients = await _recipients(home, settings, seat, vault)
        write_archive(path, [listed, *members], recipients, progress)
    keep_erasures(target, own.office, remembered_erasures(home))
    forget_old_copy(home, settings)
    return Made(path, path.stat().st_size, manifest, _delete_old(target, own.office, now))


def _software_version() -> str:
    try:
        return version("tongban")
    except PackageNotFoundError:
        return "?"  # Run from a checkout that nobody installed.


# --- the parts -------------------------------------------------------------------------------------------------------


async def _take_snapshot(
    home: Home, settings: Settings, vault: Vault | None, scratch: Path, progress: Progress
) -> Snapshot:
    """The database as it is now, as a file in `scratch`. Raises `Refused` `backup_no_room` and others."""
    url = database_url(settings.database, home.database)
    if url.drivername != SQLITE_DRIVER:
        path = scratch / FILES[POSTGRESQL]
        engines = open_engines(url)
        try:
            described = await dump_postgres(engines, url, path, settings.postgres_programs, progress)
        finally:
            await engines.close()
        return Snapshot(POSTGRESQL, path, described)
    source, path = Path(url.database or home.database), scratch / FILES[SQLITE]
    _check_scratch_room(home, _size_of(source))
    key = vault.store_key if vault is not None else None
    await copy_sqlite(source, path, key, progress)
    return Snapshot(SQLITE, path, await _describe_file(path, key))


async def _copy_audit(home: Home, settings: Settings, scratch: Path, progress: Progress) -> AuditCopy | None:
    """The audit's own SQLite file, where there is one. Before the store: it must never know more than that."""
    if not home.audit.exists() or database_url(settings.database, home.database).drivername != SQLITE_DRIVER:
        return None
    path = scratch / home.audit.name
    _check_scratch_room(home, _size_of(home.audit))
    await copy_sqlite(home.audit, path, None, progress)
    return AuditCopy(path, await count_file(path))


async def count_file(path: Path) -> dict[str, int]:
    """Rows by table of a plain SQLite file."""
    engines = open_engines(URL.create(SQLITE_DRIVER, database=str(path)))
    try:
        async with engines.read.connect() as connection:
            return await connection.run_sync(count_rows)
    finally:
        await engines.close()


async def _describe_file(path: Path, key: bytes | None) -> Described:
    engines = open_engines(URL.create(SQLITE_DRIVER, database=str(path)), key)
    try:
        async with engines.read.connect() as connection:
            return await describe(connection)
    finally:
        await engines.close()


def _size_of(database: Path) -> int:
    """Bytes of a SQLite file and what has not been folded into it yet."""
    files = (database, database.with_name(f"{database.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _check_scratch_room(home: Home, needed: int) -> None:
    if shutil.disk_usage(home.folder).free < needed + FILING_ROOM_BYTES:
        raise Refused(
            "backup_no_room",
            f"节点所在磁盘须另有约 {_megabytes(needed)} MB 空间暂存数据库副本，没有开始备份，节点数据不受影响；"
            "请清理磁盘后重试。",
            f"The node's own disk needs about {_megabytes(needed)} MB of room for a copy of the database while the "
            "backup is made; nothing was begun and the node is as it was. Free space there and try again.",
        )


def check_room(target: Path, needed: int) -> None:
    """Raise `Refused` `backup_full` where what is to be written will not fit: better before than after an hour."""
    if shutil.disk_usage(target).free < needed + needed // 1000:
        raise full()


def _megabytes(count: int) -> int:
    return count // (1024 * 1024) + 1


def files_of(home: Home) -> tuple[Path, ...]:
    """Every file of a home that is kept and restored as it is."""
    return (
        home.settings,
        home.keys,
        home.data_key,
        home.vault,
        home.seat,
        home.erasures,
        home.sticks,
        home.certificate,
        home.certificate_key,
        home.catalogue,
        home.divisions,
    )


def _small_files(home: Home) -> Iterator[Member]:
    for path in files_of(home):
        if path.exists():
            yield bytes_member(path.name, path.read_bytes())


def _papers(home: Home) -> Iterator[Member]:
    """Whole papers, sealed as they lie there; parts come again by the line."""
    if home.papers.is_dir():
        for path in sorted(home.papers.iterdir()):
            if PAPER_NAME.fullmatch(path.name):
                yield file_member(PAPERS + path.name, path)


async def _recipients(home: Home, settings: Settings, seat: SeatFile, vault: Vault | None) -> list[Recipient]:
    """Who can open it: see the module's first lines."""
    keys = [seat.chain[-1].enrolment.log_key]
    if len(seat.chain) > 1:
        keys += [seat.chain[-2].enrolment.log_key, *await _devices_above(home, settings, seat, vault)]
    else:
        keys.append(seat.root)
    return [recipient_of_key(key) for key in dict.fromkeys(keys)] + recipients_in(settings.backup_recipients)


async def _devices_above(home: Home, settings: Settings, seat: SeatFile, vault: Vault | None) -> list[bytes]:
    """The present devices of the office above, which may have replaced the one that enrolled us."""
    above = parent_seat(seat.chain[-1].enrolment.office)
    url = database_url(settings.database, home.database)
    engines = open_engines(url, vault.store_key if vault is not None else None)
    try:
        is_current = await is_of_this_version(engines.read)
    finally:
        await engines.close()
    if above is None or not is_current:
        return []
    node = await Node.open(home.folder, with_pen=False, vault=vault)
    try:
        keyring = node.books.keyring
        return [each.keys.log for each in keyring.devices_of(above) if not keyring.is_revoked(each.node)]
    finally:
        await node.close()


# --- the folder of backups -------------------------------------------------------------------------------------------


def name_of(manifest: Manifest) -> str:
    """The name of a backup's file: whose, and of when (UTC)."""
    at = datetime.fromtimestamp(manifest.at / 1000, tz=UTC).strftime(_TIME)
    return f"tongban-{manifest.office}-{manifest.node}-{at}.backup"


def list_backups(folder: Path) -> list[Backup]:
    """Every file in a folder that has the name of a backup, oldest first. Opens none.

    Raises `Refused` `backup_no_folder`.
    """
    if not folder.is_dir():
        raise _no_folder(folder)
    found: list[Backup] = []
    for path in folder.iterdir():
        named = _NAME.fullmatch(path.name)
        if named is not None and path.is_file():
            with contextlib.suppress(ValueError):
                at = datetime.strptime(named[3], _TIME).replace(tzinfo=UTC)
                instant = Instant(int(at.timestamp()) * 1000)
                found.append(Backup(path, OfficeId(named[1]), NodeId(named[2]), instant, path.stat().st_size))
    return sorted(found, key=lambda backup: (backup.at, backup.path.name))


def _delete_unfinished(folder: Path, office: OfficeId) -> None:
    """What a backup left that was killed. This home's lock says that none is under way."""
    for path in folder.glob(f"tongban-{office}-*.backup{TEMPORARY}"):
        path.unlink(missing_ok=True)


def erasures_beside(folder: Path, office: OfficeId) -> Path:
    """The list of what was erased at an office, beside its backups: an older one restored must not bring it back."""
    return folder / f"tongban-{office}.erasures"


def keep_erasures(folder: Path, office: OfficeId, hashes: Collection[bytes]) -> None:
    """Add to that list."""
    path = erasures_beside(folder, office)
    known = read_erasures(path)
    if not known.issuperset(hashes):
        write_private_pieces(path, (link.hex().encode() + b"\n" for link in sorted(known.union(hashes))))


def read_erasures(path: Path) -> set[bytes]:
    """The hashes on a list; what is no hash is passed over."""
    lines = path.read_bytes().split() if path.exists() else []
    return {bytes.fromhex(line.decode()) for line in lines if _HASH.fullmatch(line)}


def _delete_old(folder: Path, office: OfficeId, now: Instant) -> tuple[Path, ...]:
    """Delete this office's backups that are too old. A clock that is plainly wrong deletes nothing."""
    if not CLOCK_FIRST <= now <= CLOCK_LAST:
        return ()
    gone = [one.path for one in list_backups(folder) if one.office == office and one.days(now) > KEPT_DAYS]
    for path in gone:
        path.unlink(missing_ok=True)
    return tuple(gone)


def _no_folder(folder: Path) -> Refused:
    return Refused(
        "backup_no_folder",
        f"没有这个文件夹：{folder}，未作任何改动；请确认优盘或磁盘已接上，或先建立该文件夹。",
        f"There is no folder {folder}; nothing was done. See that the stick or the disk is there, or make the folder "
        "first.",
    )
