"""`restore --check`: whether a backup would bring its node back, found out by restoring it into scratch.

Every byte is opened and compared with the list at its end; every chain, tree and signature is walked; every table that
is folded from entries is folded anew there and compared with the one that was backed up. Nothing of it stays, and the
node it came from is not asked. Must never open the database that a node works with, nor let a restored node speak.
Next: `office.verifying`, which walks; `office.restoring`.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from msgspec import Struct, structs
from sqlalchemy import URL, Table, select, text
from sqlalchemy.exc import DBAPIError

from office.age_stream import Identity
from office.archive import Progress
from office.backup import PAPER_NAME, Manifest, count_file
from office.clock import SystemSalts
from office.database import SQLITE_DRIVER, Engines, database_url, open_engines
from office.locking import open_vault
from office.migrations import PROJECTIONS, is_of_this_version
from office.node import Node
from office.paths import Home
from office.restoring import check_county, extract, load_postgres, other_database, read_manifest
from office.settings import Settings, load_settings
from office.snapshots import FILES, POSTGRESQL, SQLITE, Described, describe, drop_tables
from office.tables import FOLDED, cases, counters, roster_people
from office.verifying import Fault, verify
from schemas.refusals import Refused
from sync.core.errors import LocalFault

SCRATCH_PREFIX: Final = "tongban_check_"

ROWS_AT_ONCE: Final = 1000
PIECE_BYTES: Final = 1024 * 1024

_NOT_FOLDED: Final = frozenset({"due_day", "due_kind", "due_provisional"})
"""Counted by the calendar that is known today."""

_NO_DATABASES: Final = "42501"
"""SQLSTATE: the role may not."""


class Checked(Struct, frozen=True, kw_only=True):
    """What was found in a backup."""

    office: str
    node: str
    at: int
    software: str
    database: str
    upgraded: bool
    """An earlier version wrote it, so that its tables were made anew and not compared."""
    journals: int
    entries: int
    cases: int
    papers: int
    tables: Mapping[str, int]
    faults: Sequence[Fault]


async def check(
    file: Path, identities: Sequence[Identity], scratch: Path, database: str, county: str, progress: Progress
) -> Checked:
    """Restore into `scratch`, an empty folder, and look at everything.

    `database`: an empty PostgreSQL database for the copy of one; empty = one is made on the server of the backup's own
    settings, and deleted. `county`: its digest, empty if nobody knows it. Raises what `office.restoring` does; what is
    wrong with the content is in the report.
    """
    manifest = read_manifest(file, identities)
    home = Home(scratch / "home")
    check_county(manifest, county)
    extract(file, identities, home, manifest, progress)
    settings = load_settings(home.settings)
    vault = await open_vault(home, settings)
    async with _database(home, settings, manifest, database) as url:
        engines = open_engines(url, vault.store_key if vault is not None else None)
        try:
            async with engines.read.connect() as connection:
                faults = _compare(manifest.described, await describe(connection))
            if manifest.audit is not None:
                faults += _compare_rows(manifest.audit, await count_file(home.audit) if home.audit.exists() else {})
            before = await _folded(engines)
        finally:
            await engines.close()
        address = "" if url.drivername == SQLITE_DRIVER else url.render_as_string(hide_password=False)
        own = structs.replace(settings, database=address)
        node = await Node.open(home.folder, with_pen=False, settings=own, vault=vault)
        try:
            report = await verify(node, progress)
            faults += report.faults
            if before is not None:
                await node.rebuild(progress)
                faults += _changed_tables(before, await _folded(node.engines) or {})
            papers = await _check_papers(node, faults)
        finally:
            await node.close()
    return Checked(
        office=manifest.office,
        node=manifest.node,
        at=manifest.at,
        software=manifest.software,
        database=manifest.database,
        upgraded=before is None,
        journals=report.journals,
        entries=report.entries,
        cases=report.cases,
        papers=papers,
        tables=manifest.described.tables,
        faults=faults,
    )


def _compare(stated: Described, found: Described) -> list[Fault]:
    """What the copy holds against what was counted when it was made."""
    faults = _compare_rows(stated.tables, found.tables)
    for head in sorted(set(stated.heads) ^ set(found.heads), key=lambda head: (head.origin, head.epoch)):
        en = "the journal does not reach as far as the backup says"
        faults.append(Fault("backup_differs", f"{head.origin}/{head.epoch}", "日志的长度或末条与备份所述不符", en))
    return faults


def _compare_rows(stated: Mapping[str, int], found: Mapping[str, int]) -> list[Fault]:
    return [
        Fault(
            "backup_differs", name, f"应有 {count} 行，实有 {there} 行", f"{count} rows are stated, {there} are there"
        )
        for name, count in stated.items()
        if (there := found.get(name, 0)) != count
    ]


# --- tables ----------------------------------------------------------------------------------------------------------


async def _folded(engines: Engines) -> dict[str, int] | None:
    """A number for each table of projections that stands for all its rows, whatever their order.

    None where they are not of this version, or were not whole when they were backed up.
    """
    if not await is_of_this_version(engines.read):
        return None
    async with engines.read.connect() as connection:
        if not await connection.scalar(select(counters.c.value).where(counters.c.name == FOLDED)):
            return None
    # A part of a list that no longer counts leaves its marks: `verify` looks at these rows one by one.
    return {table.name: await _sum_of(engines, table) for table in PROJECTIONS if table is not roster_people}


async def _sum_of(engines: Engines, table: Table) -> int:
    columns = [column for column in table.c if table is not cases or column.name not in _NOT_FOLDED]
    query = select(*columns)
    if table is counters:
        # The others say how far the due columns were counted.
        query = query.where(counters.c.name.not_like("dues.%"))
    total = 0
    async with engines.read.connect() as connection:
        rows = await connection.stream(query.execution_options(yield_per=ROWS_AT_ONCE))
        async for row in rows:
            total += int.from_bytes(sha256(repr(tuple(row)).encode()).digest(), "big")
    return total % 2**256


def _changed_tables(before: Mapping[str, int], after: Mapping[str, int]) -> list[Fault]:
    en = "folded again from the entries, this table is another one"
    zh = "由条目重新生成后，该表与备份中的不同"
    return [Fault("table_differs", str(name), zh, en) for name in before if before[name] != after.get(name)]


async def _check_papers(node: Node, faults: list[Fault]) -> int:
    """Open every paper. Returns how many there are."""
    names = sorted(path.name for path in node.home.papers.glob("*") if PAPER_NAME.fullmatch(path.name))
    for name in names:
        if not await _is_good(node, bytes.fromhex(name)):
            en = "this paper does not open, or is not the one its name says"
            faults.append(Fault("paper_damaged", f"paper {name[:16]}", "该附件打不开，或内容与其名称不符", en))
    return len(names)


async def _is_good(node: Node, digest: bytes) -> bool:
    found, offset = sha256(), 0
    try:
        while piece := await node.papers.read(digest, offset, PIECE_BYTES):
            found.update(piece)
            offset += len(piece)
    except LocalFault:
        return False
    return found.digest() == digest


# --- where the copy lies ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def _database(home: Home, settings: Settings, manifest: Manifest, wanted: str) -> AsyncGenerator[URL]:
    """The copy's database, and its end."""
    if manifest.database == SQLITE:
        if wanted:
            raise other_database(manifest)
        yield database_url("", home.database)
        return
    source = home.folder / FILES[POSTGRESQL]
    server = database_url(wanted or settings.database, home.database)
    if wanted:
        await load_postgres(source, server, settings)
        try:
            yield server
        finally:
            await _empty(server)
        return
    name = SCRATCH_PREFIX + SystemSalts().draw(8).hex()
    await _administer(server, f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        target = server.set(database=name)
        await load_postgres(source, target, settings)
        yield target
    finally:
        await _administer(server, f"DROP DATABASE IF EXISTS {name}")


async def _administer(server: URL, statement: str) -> None:
    engines = open_engines(server)
    try:
        async with engines.write.connect() as plain:
            connection = await plain.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(text(statement))
    except DBAPIError as error:
        if str(getattr(error.orig, "sqlstate", "")) != _NO_DATABASES:
            raise
        raise Refused(
            "check_needs_database",
            "数据库用户无权新建数据库，没有检查，节点数据不受影响；请由数据库管理员授予 CREATEDB，"
            "或另建一个空数据库并用 --database 指定，检查后会清空。",
            "The database role may not make a database to check in; nothing was checked and the node is as it was. "
            "Have it granted CREATEDB, or make an empty database and name it with --database: it is emptied again.",
        ) from error
    finally:
        await engines.close()


async def _empty(server: URL) -> None:
    engines = open_engines(server)
    try:
        await drop_tables(engines)
    finally:
        await engines.close()
