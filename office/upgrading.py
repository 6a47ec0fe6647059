"""A store of an earlier version, taken over by this program: copied first, looked at after, put back if anything fails.

The steps, each of which a power cut may end: a copy beside the store; the mark `upgrade.json`, which says that the copy
is whole and what is in it; the migration, one transaction; the folding anew; the look; the mark removed. A start that
finds the mark goes on from there, or, where it says so, goes on putting back. The copy stays until the next upgrade or
for 35 days: it holds bodies as the store does.
Needs the node's pen. Must never touch a store of a newer program (`newer_store`), nor go on without a copy unless the
operator said so. Next: `office.migrations`, `office.node` (who calls this), `office.backup` for backups that are kept.
"""

import logging
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import URL, text

from office.clock import SystemClock
from office.database import SQLITE_DRIVER, Engines, database_url, open_engines
from office.migrations import is_older, migrate
from office.own_faults import place_of
from office.paths import BEFORE_UPGRADE, Home, remove, sync_folder, write_private
from office.postgres_tools import find_tools, load, make_private
from office.scratch import discard_scratch
from office.settings import Settings
from office.snapshots import Described, describe, drop_tables, dump_postgres, server_major
from office.storage import FILING_ROOM_BYTES
from schemas.codec import Malformed
from schemas.refusals import Refused
from sync.core.errors import Fault
from sync.failures import fault_of

if TYPE_CHECKING:
    from office.node import Node, Progress

COPY_DAYS: Final = 35
"""As for backups (RULINGS B6)."""

DURABLE: Final = ("entries", "journals", "checkpoints", "receipts", "evidence", "officers", "access_log", "offices")
"""Tables that no migration may lose a row of."""


log: Final = logging.getLogger("tongban.upgrading")


class Mark(Struct, frozen=True):
    """The file `upgrade.json`: the copy is whole, and an upgrade is under way."""

    described: Described
    """What the copy holds."""
    putting_back: bool = False


async def upgrade(node: "Node", progress: "Progress", *, with_copy: bool = True) -> None:
    """Bring the store of a node to this version, its projections folded; nothing to do where it is of this version.

    Raises `Refused` `upgrade_no_room`, `upgrade_failed`, and what `office.snapshots.dump_postgres` does: then the store
    is as it was. `LocalFault` `newer_store`.
    """
    home, settings = node.home, node.settings
    discard_scratch(home)
    mark = _read_mark(home)
    if mark is not None and mark.putting_back:
        await _put_back(home, settings, mark)
        mark = None
    if mark is None:
        forget_old_copy(home, settings)
        # By the engine that writes: on a full disk its failure is heard, and the ballast given up (`office.storage`).
        if not await is_older(node.engines.write):
            return
        mark = await _copy(node, progress, with_copy=with_copy)
    log.info("taking over a database of an earlier version, format %d", mark.described.schema)
    try:
        await migrate(node.engines.write)
        await node.books.load()
        await node.rebuild(progress)
        await _look(node, mark)
    except Exception as error:
        await node.engines.close()
        code = await _give_up(home, settings, mark, error, with_copy=with_copy)
        raise _failed(code, with_copy=with_copy) from error
    remove(home.upgrading)
    log.info("the database is of this version now")


def copy_of(home: Home, settings: Settings) -> Path:
    """Where the copy of a store lies that was made before the last upgrade."""
    url = database_url(settings.database, home.database)
    if url.drivername == SQLITE_DRIVER:
        database = Path(url.database or home.database)
        return database.with_name(database.name + BEFORE_UPGRADE)
    return home.folder / f"database{BEFORE_UPGRADE}.dump"


def forget_old_copy(home: Home, settings: Settings) -> None:
    """Delete that copy when it is old."""
    copy = copy_of(home, settings)
    if home.upgrading.exists() or not copy.exists():
        return
    if SystemClock().now() / 1000 - copy.stat().st_mtime > COPY_DAYS * 24 * 3600:
        remove(copy)


# --- the copy --------------------------------------------------------------------------------------------------------


async def _copy(node: "Node", progress: "Progress", *, with_copy: bool) -> Mark:
    home, engines = node.home, node.engines
    async with engines.read.connect() as connection:
        described = await describe(connection)
    if not with_copy:
        return Mark(described)
    target = copy_of(home, node.settings)
    fresh = target.with_name(target.name + ".new")
    fresh.unlink(missing_ok=True)
    if engines.is_sqlite:
        _check_room(target)
        await _vacuum_into(engines, fresh)
    else:
        url = database_url(node.settings.database, home.database)
        described = await dump_postgres(engines, url, fresh, node.settings.postgres_programs, progress)
    _force(fresh)
    fresh.replace(target)
    sync_folder(target.parent)
    mark = Mark(described)
    _write_mark(home, mark)
    return mark


async def _vacuum_into(engines: Engines, target: Path) -> None:
    """A copy under the store's own key, if it has one."""
    make_private(target)
    async with engines.write.connect() as connection:
        # Past SQLAlchemy, which would begin a transaction: in one there is no VACUUM.
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute("VACUUM INTO ?", (str(target),))


def _force(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_room(target: Path) -> None:
    """A copy, and as much again for the folding anew."""
    database = target.with_name(target.name.removesuffix(BEFORE_UPGRADE))
    needed = 2 * database.stat().st_size + FILING_ROOM_BYTES
    if shutil.disk_usage(target.parent).free < needed:
        megabytes = needed // (1024 * 1024)
        raise Refused(
            "upgrade_no_room",
            f"升级数据库须约 {megabytes} MB 空余空间，升级没有开始，数据库未作改动；请清理磁盘后重新启动，"
            "或装回原版本。",
            f"To take this database over about {megabytes} MB of free room are needed; nothing was begun and the "
            "database is as it was. Free space on its disk and start again, or install the version before.",
        )


def _read_mark(home: Home) -> Mark | None:
    try:
        return msgspec.json.decode(home.upgrading.read_bytes(), type=Mark)
    except (FileNotFoundError, msgspec.DecodeError):
        # Written whole or not at all: an unreadable one is nobody's, and a half-folded store is folded at every start.
        return None


def _write_mark(home: Home, mark: Mark) -> None:
    write_private(home.upgrading, msgspec.json.encode(mark))


# --- the look --------------------------------------------------------------------------------------------------------


async def _look(node: "Node", mark: Mark) -> None:
    """Raise `Refused` `upgrade_differs` unless everything durable is what it was and the newest of it fits."""
    from office.verifying import spot_check

    async with node.engines.read.connect() as connection:
        now = await describe(connection)
        good = now.heads == mark.described.heads and all(
            now.tables.get(name) == mark.described.tables[name] for name in DURABLE if name in mark.described.tables
        )
        if node.engines.is_sqlite:
            good = good and (await connection.execute(text("PRAGMA quick_check(1)"))).scalar() == "ok"
    if good:
        good = not await spot_check(node)
    if not good:
        raise Refused(
            "upgrade_differs",
            "升级后的数据库与升级前不一致；请运行 verify，并将其输出交技术支持。",
            "After the upgrade the database does not hold what it held before; run verify and report what it prints.",
        )


# --- putting back ----------------------------------------------------------------------------------------------------


async def _give_up(home: Home, settings: Settings, mark: Mark, error: Exception, *, with_copy: bool) -> str:
    """Put the store back if there is a copy. Returns what went wrong, as a code or a place in the program."""
    if with_copy:
        await _put_back(home, settings, mark)
    known = error if isinstance(error, Fault | Refused | Malformed) else fault_of(error)
    return known.code if known is not None else place_of(error)


async def _put_back(home: Home, settings: Settings, mark: Mark) -> None:
    """The copy takes the store's place. May be cut off and called again."""
    _write_mark(home, Mark(mark.described, putting_back=True))
    url, copy = database_url(settings.database, home.database), copy_of(home, settings)
    if url.drivername == SQLITE_DRIVER:
        if copy.exists():
            database = Path(url.database or home.database)
            for companion in ("-wal", "-shm"):
                remove(database.with_name(database.name + companion))
            copy.replace(database)
            sync_folder(database.parent)
    else:
        await _put_back_postgres(url, settings, copy, mark)
    remove(home.upgrading)


async def _put_back_postgres(url: URL, settings: Settings, copy: Path, mark: Mark) -> None:
    engines = open_engines(url)
    try:
        async with engines.read.connect() as connection:
            major = await server_major(connection)
        tools = await find_tools("pg_restore", major, settings.postgres_programs)
        await drop_tables(engines)
    finally:
        await engines.close()
    await load(tools, url, copy)


def _failed(code: str, *, with_copy: bool) -> Refused:
    if not with_copy:
        return Refused(
            "upgrade_failed_here",
            f"本版程序未能接管数据库（{code}），且升级时未留副本；请恢复升级之前的备份，并将此信息交技术支持。",
            f"This version could not take the database over ({code}), and no copy was made before: restore a backup "
            "from before the upgrade, and report this.",
        )
    return Refused(
        "upgrade_failed",
        f"本版程序未能接管数据库（{code}），数据库已恢复为升级之前的状态，数据完好；请装回原版本继续使用，"
        "并将此信息交技术支持。",
        f"This version could not take the database over ({code}); it was put back as it was before, nothing is lost. "
        "Install the version before and go on working, and report this.",
    )
