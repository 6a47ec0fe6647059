"""The audit's own database: opened, brought to this version, and its cursors.

`audit.db` beside the node's store, or tables of the same PostgreSQL. What is worked out from what stands here is
written in one transaction that first looks whether anybody wrote meanwhile: of two workers with the same work the
second writes nothing. Never touches a table of the node's.
Next: `hub.audit.examining`, `hub.audit.facts`, `hub.audit.findings`.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from string import Template
from typing import Final

from sqlalchemy import Connection, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from hub.audit.tables import FACTS, audit_meta, audit_metadata
from office.database import SQLITE_DRIVER, Engines, database_url, for_single_statements, open_engines
from office.node import Node
from office.paths import Home
from office.settings import Settings
from sync.core.errors import LocalFault

SCHEMA: Final = "schema"
FACTS_SHAPE: Final = "facts"

FACTS_VERSION: Final = 2
"""Raise it whenever a table of facts, or what is written into it, changes: everything is then examined again."""

WRITTEN: Final = "written"
"""The fence: how many transactions wrote here."""
EXAMINED: Final = "examined"
"""Cursor: the arrival up to which every entry's case was examined."""
EXAMINED_HASH: Final = "examined_hash"
"""Hash of the entry at the cursor: another one stands there once the store was put back from a backup."""

STEPS: Final = (
    """
CREATE TABLE audit_meta (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE audit_findings (
    number ${row_numbers} NOT NULL,
    rule TEXT NOT NULL,
    version INTEGER NOT NULL,
    edition TEXT NOT NULL,
    severity TEXT NOT NULL,
    office TEXT NOT NULL,
    officer TEXT,
    subject ${bytes} NOT NULL,
    key TEXT NOT NULL,
    facts TEXT NOT NULL,
    evidence TEXT NOT NULL,
    found_at BIGINT NOT NULL,
    as_of INTEGER NOT NULL,
    follows BIGINT,
    is_latest BOOLEAN NOT NULL,
    state TEXT NOT NULL,
    state_at BIGINT NOT NULL,
    state_by TEXT,
    words_name ${bytes},
    words ${bytes},
    gone_code TEXT,
    gone_at BIGINT,
    proof_name ${bytes},
    proof ${bytes},
    PRIMARY KEY (number)
);
CREATE UNIQUE INDEX audit_findings_latest ON audit_findings (subject, rule, key) WHERE is_latest;
CREATE INDEX audit_findings_open ON audit_findings (rule, office) WHERE state = 'open';
CREATE INDEX audit_findings_of_office ON audit_findings (office, found_at);
CREATE TABLE audit_segments (
    number BIGINT NOT NULL,
    digest ${bytes} NOT NULL,
    loose INTEGER NOT NULL,
    bare INTEGER NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (number)
);
CREATE TABLE audit_samples (
    root ${bytes} NOT NULL,
    subject ${bytes} NOT NULL,
    township TEXT NOT NULL,
    risk TEXT NOT NULL,
    PRIMARY KEY (root, subject)
)${without_rowid};
CREATE TABLE audit_beacons (
    position BIGINT NOT NULL,
    leaf ${bytes} NOT NULL,
    PRIMARY KEY (position)
);
""",
)
"""What brings the tables that cannot be made again from one version to the next. A step that was released is never
edited; a new one is added, and `hub.audit.tables` is changed with it (a test compares)."""

_WORDS: Final = {
    "sqlite": {"bytes": "BLOB", "row_numbers": "INTEGER", "without_rowid": " WITHOUT ROWID"},
    "postgresql": {"bytes": "BYTEA", "row_numbers": "BIGSERIAL", "without_rowid": ""},
}


class AuditDatabase:
    """The audit's tables of one node. Make it with `open_audit`, end it with `close`."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.read = for_single_statements(engines.read)
        """For single reads, without a transaction around each."""

    async def close(self) -> None:
        """Give all connections back."""
        await self.engines.close()

    async def bring_up(self) -> None:
        """Bring the tables to this version. Raises `LocalFault` `newer_audit`: nothing is touched then."""
        async with self.engines.read.connect() as connection:
            if await connection.run_sync(_is_current):
                return
        async with self.engines.write.begin() as connection:
            await connection.run_sync(_bring_up)

    async def number(self, name: str) -> int:
        """A cursor or a version; 0 where it was never set."""
        return int(await self.word(name) or 0)

    async def word(self, name: str) -> str:
        """What `audit_meta` says under a name; empty where it says nothing."""
        async with self.read.connect() as connection:
            return await _word(connection, name)

    async def fence(self) -> int:
        """How many transactions there were: to be read before what `writing` is to write is worked out."""
        return await self.number(WRITTEN)

    async def words(self) -> dict[str, str]:
        """All of `audit_meta`: one statement for whoever asks for several."""
        async with self.read.connect() as connection:
            rows = (await connection.execute(select(audit_meta.c.name, audit_meta.c.value))).all()
        return {row.name: row.value for row in rows}

    @asynccontextmanager
    async def writing(self, stood: int | None = None) -> AsyncGenerator[AsyncConnection]:
        """A transaction. `stood`: it begins only where the fence still stands there; of two workers one goes on.

        Raises `Overtaken`: nothing was written, and somebody else wrote meanwhile.
        """
        async with self.engines.write.begin() as connection:
            query = select(audit_meta.c.value).where(audit_meta.c.name == WRITTEN).with_for_update()
            found = int((await connection.execute(query)).scalar_one())
            if stood not in (None, found):
                raise Overtaken
            await keep(connection, WRITTEN, found + 1)
            yield connection


class Overtaken(Exception):
    """Another worker wrote meanwhile: read again where things stand."""


async def open_audit(home: Home, settings: Settings) -> AuditDatabase:
    """Open the audit of a node, brought to this version. Raises `LocalFault` `newer_audit`."""
    url = database_url(settings.database, home.database)
    if url.drivername == SQLITE_DRIVER:
        url = url.set(database=str(home.audit))
    audit = AuditDatabase(open_engines(url))
    try:
        await audit.bring_up()
    except BaseException:
        await audit.close()
        raise
    return audit


@asynccontextmanager
async def audit_of(node: Node) -> AsyncGenerator[AuditDatabase]:
    """The audit beside an open node, for the length of a block."""
    audit = await open_audit(node.home, node.settings)
    try:
        yield audit
    finally:
        await audit.close()


async def _word(connection: AsyncConnection, name: str) -> str:
    return (await connection.execute(select(audit_meta.c.value).where(audit_meta.c.name == name))).scalar() or ""


async def keep(connection: AsyncConnection, name: str, value: str | int) -> None:
    """Say something anew in `audit_meta`."""
    await connection.run_sync(_keep, name, str(value))


# --- versions --------------------------------------------------------------------------------------------------------


def newer_audit() -> LocalFault:
    """The refusal of a database that a newer program wrote."""
    return LocalFault(
        "newer_audit",
        f"a newer version of this program wrote the audit's tables (this version knows format {len(STEPS)}); install "
        "that version again, or restore a backup made before it",
    )


def _is_current(connection: Connection) -> bool:
    """Raises `LocalFault` `newer_audit`."""
    found = (_number(connection, SCHEMA), _number(connection, FACTS_SHAPE))
    if found[0] > len(STEPS) or found[1] > FACTS_VERSION:
        raise newer_audit()
    return found == (len(STEPS), FACTS_VERSION)


def _bring_up(connection: Connection) -> None:
    if _is_current(connection):
        return  # by another process, since this one looked
    words = _WORDS[connection.dialect.name]
    for step in STEPS[_number(connection, SCHEMA) :]:
        for statement in Template(step).substitute(words).split(";\n"):
            if statement.strip():
                connection.exec_driver_sql(statement.strip())
    _keep(connection, SCHEMA, str(len(STEPS)))
    if _number(connection, FACTS_SHAPE) != FACTS_VERSION:
        audit_metadata.drop_all(connection, tables=FACTS)
        audit_metadata.create_all(connection, tables=FACTS)
        _keep(connection, FACTS_SHAPE, str(FACTS_VERSION))
        _keep(connection, EXAMINED, "0")
    if not _number(connection, WRITTEN):
        _keep(connection, WRITTEN, "1")


def _number(connection: Connection, name: str) -> int:
    if not inspect(connection).has_table(audit_meta.name):
        return 0
    return int(connection.execute(select(audit_meta.c.value).where(audit_meta.c.name == name)).scalar() or 0)


def _keep(connection: Connection, name: str, value: str) -> None:
    changed = connection.execute(update(audit_meta).where(audit_meta.c.name == name).values(value=value))
    if not changed.rowcount:
        connection.execute(audit_meta.insert().values(name=name, value=value))
