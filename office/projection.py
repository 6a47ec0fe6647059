"""Case files in SQL: the rows that screens read, written inside the ledger's own transaction.

One bulk read for a page's cases, one bulk upsert for a commit: rows and indexes are the cost of ingest, not code
(STACK 2.4). A case file is a MessagePack blob, sealed like bodies; the columns beside it are for lists and scope.
Never decides anything and never writes outside `project`. Next: `office.casebook`, which makes the rows;
`office.worklists`, which reads them.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import structs
from sqlalchemy import ColumnElement, delete, false, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from office.casebook import CaseRows, Operation, guests_of
from office.tables import FOLDED, SERIAL, case_readers, cases, counters, operations
from schemas.casework.casefile import CaseFile
from schemas.codec import decode, encode
from schemas.names import CaseId, OfficeId, seat_of
from sync.ports import Sealer

CASE_COLUMNS: Final = tuple(column.name for column in cases.columns)

KEYS_PER_QUERY_MAX: Final = 500
"""Values in one IN list: as many as a page has entries, and SQLite before 3.32 takes 999 in a statement."""

_UPDATES: Final = ", ".join(f"{name} = excluded.{name}" for name in CASE_COLUMNS[1:])
_UPSERT_CASES_SQLITE: Final = (  # our own column names only
    f"INSERT INTO cases ({', '.join(CASE_COLUMNS)}) VALUES ({', '.join('?' * len(CASE_COLUMNS))}) "  # noqa: S608
    f"ON CONFLICT (subject) DO UPDATE SET {_UPDATES}"
)
_MAKE_DOOR_POSTGRES: Final = "CREATE TEMP TABLE IF NOT EXISTS cases_coming (LIKE cases) ON COMMIT DELETE ROWS"
"""Where COPY puts the rows of one transaction: encoding them as array parameters costs twice as much."""
_UPSERT_CASES_POSTGRES: Final = (
    f"INSERT INTO cases ({', '.join(CASE_COLUMNS)}) SELECT {', '.join(CASE_COLUMNS)} FROM cases_coming "  # noqa: S608
    f"ORDER BY subject ON CONFLICT (subject) DO UPDATE SET {_UPDATES}"
)
_SELECT_FILES: Final = "SELECT subject, name, file FROM cases WHERE subject"
_INSERT_OPERATION: Final = (
    "INSERT INTO operations (operation, subject, kind, hash) VALUES (:operation, :subject, :kind, :hash) "
    "ON CONFLICT DO NOTHING"
)
_INSERT_READER: Final = "INSERT INTO case_readers (office, subject) VALUES (:office, :subject) ON CONFLICT DO NOTHING"
_RAISE_COUNTER: Final = (
    "INSERT INTO counters (name, value) VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE counters.value < excluded.value"
)


class SqlCases:
    """`office.casebook.Cases` over the node's database. Give `project` to the store."""

    def __init__(self, read: AsyncEngine, sealer: Sealer) -> None:
        self._read = read
        # One statement needs no transaction around it: the rounds would cost more than the reading, at every page.
        self._auto = read.execution_options(isolation_level="AUTOCOMMIT")
        self._sealer = sealer

    # --- reading ---------------------------------------------------------------------------------------------------

    async def read(self, subjects: Sequence[CaseId]) -> dict[CaseId, CaseFile]:
        """See `Cases.read`."""
        found: dict[CaseId, CaseFile] = {}
        async with self._auto.connect() as connection:
            for start in range(0, len(subjects), KEYS_PER_QUERY_MAX):
                some = subjects[start : start + KEYS_PER_QUERY_MAX]
                for subject, name, file in await _files(connection, some):
                    found[CaseId(subject)] = self.open_file(name, file)
        return found

    async def read_by(self, office: OfficeId) -> list[CaseId]:
        """See `Cases.read_by`."""
        async with self._read.connect() as connection:
            rows = (await connection.execute(select(cases.c.subject).where(scope_of(office)))).scalars()
            return [CaseId(subject) for subject in rows]

    async def find_operation(self, operation: bytes) -> Operation | None:
        """See `Cases.find_operation`."""
        async with self._read.connect() as connection:
            row = (
                await connection.execute(select(operations).where(operations.c.operation == operation))
            ).one_or_none()
        return Operation(row.operation, CaseId(row.subject), row.kind, row.hash) if row is not None else None

    async def last_serial(self) -> int:
        """See `Cases.last_serial`."""
        return await self._count(SERIAL)

    async def is_folded(self) -> bool:
        """Whether the projections hold every case: not in a fresh store, nor after a rebuild that was broken off."""
        return await self._count(FOLDED) > 0

    async def subjects(self) -> list[CaseId]:
        """Every case that has a row."""
        async with self._read.connect() as connection:
            return [CaseId(subject) for subject in (await connection.execute(select(cases.c.subject))).scalars()]

    async def _count(self, name: str) -> int:
        async with self._read.connect() as connection:
            value = await connection.scalar(select(counters.c.value).where(counters.c.name == name))
        return value or 0

    async def find_differences(self, files: Mapping[CaseId, CaseFile], done: Mapping[bytes, Operation]) -> list[CaseId]:
        """Of these cases, those whose rows are not what `files` and `done` give, column by column: for `verify`."""
        subjects = list(files)
        readers: dict[CaseId, set[str]] = {subject: set() for subject in subjects}
        acts: dict[CaseId, set[bytes]] = {subject: set() for subject in subjects}
        rows: dict[CaseId, tuple[object, ...]] = {}
        async with self._read.connect() as connection:
            for start in range(0, len(subjects), KEYS_PER_QUERY_MAX):
                some = subjects[start : start + KEYS_PER_QUERY_MAX]
                for row in await connection.execute(select(cases).where(cases.c.subject.in_(some))):
                    rows[CaseId(row.subject)] = tuple(row)
                for row in await connection.execute(select(case_readers).where(case_readers.c.subject.in_(some))):
                    readers[CaseId(row.subject)].add(row.office)
                for row in await connection.execute(select(operations).where(operations.c.subject.in_(some))):
                    acts[CaseId(row.subject)].add(row.operation)
        wanted: dict[CaseId, set[bytes]] = {subject: set() for subject in subjects}
        for operation in done.values():
            wanted[operation.subject].add(operation.operation)
        return [
            subject
            for subject, file in files.items()
            if rows.get(subject) != self._row(file)
            or readers[subject] != guests_of(file)
            or acts[subject] != wanted[subject]
        ]

    def open_file(self, name: bytes, file: bytes) -> CaseFile:
        """A case file from its two columns. Raises `ValueError` when the seal is broken or the key is another."""
        return decode(self._sealer.open(name, file), CaseFile)

    # --- writing, inside the store's transaction ---------------------------------------------------------------------

    async def project(self, connection: AsyncConnection, rows: object) -> None:
        """Write what one transaction changed."""
        assert isinstance(rows, CaseRows)
        if rows.begins:
            await clear_projections(connection)
        await self._upsert_cases(connection, [self._row(case) for case in rows.cases])
        if rows.operations:
            await connection.execute(text(_INSERT_OPERATION), [structs.asdict(done) for done in rows.operations])
        if rows.readers:
            await self._move_readers(connection, rows.readers)
        if rows.serial:
            await connection.execute(text(_RAISE_COUNTER), {"name": SERIAL, "value": rows.serial})
        if rows.ends:
            await connection.execute(text(_RAISE_COUNTER), {"name": FOLDED, "value": 1})

    async def _upsert_cases(self, connection: AsyncConnection, rows: list[tuple[object, ...]]) -> None:
        if not rows:
            return
        if connection.dialect.name == "sqlite":
            await connection.exec_driver_sql(_UPSERT_CASES_SQLITE, rows)
            return
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute(_MAKE_DOOR_POSTGRES)
        await driver.execute("DELETE FROM cases_coming")  # Of a savepoint before, when one case would not go in.
        await driver.copy_records_to_table("cases_coming", records=rows, columns=CASE_COLUMNS)
        await driver.execute(_UPSERT_CASES_POSTGRES)

    async def _move_readers(self, connection: AsyncConnection, readers: dict[tuple[CaseId, OfficeId], bool]) -> None:
        gained = [{"office": office, "subject": subject} for (subject, office), reads in readers.items() if reads]
        if gained:
            await connection.execute(text(_INSERT_READER), gained)
        for (subject, office), reads in readers.items():
            if not reads:
                lost = (case_readers.c.office == office) & (case_readers.c.subject == subject)
                await connection.execute(delete(case_readers).where(lost))

    def _row(self, case: CaseFile) -> tuple[object, ...]:
        clear = encode(case)
        name = hashlib.sha256(case.case + clear).digest()
        filing = case.filing
        seat = seat_of(filing.office) if filing is not None else ""
        return (
            case.case,
            case.stage.value,
            case.turn,
            case.custodian,
            case.offeree,
            filing.item if filing is not None else None,
            filing.office if filing is not None else None,
            seat[:6] if len(seat) in (6, 9, 12) else None,
            seat[:9] if len(seat) in (9, 12) else None,
            seat if len(seat) == 12 else None,
            filing.tracking if filing is not None else None,
            filing.applicant.name if filing is not None else None,
            case.filed_at,
            name,
            self._sealer.seal(name, clear),
        )


async def _files(connection: AsyncConnection, subjects: Sequence[CaseId]) -> Sequence[Any]:
    """(subject, name, sealed file) of these cases. Past SQLAlchemy's IN list, which costs 14 µs a case."""
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(subjects))
        return (await connection.exec_driver_sql(f"{_SELECT_FILES} IN ({marks})", tuple(subjects))).all()
    return (await connection.exec_driver_sql(f"{_SELECT_FILES} = ANY($1)", (list(subjects),))).all()


async def clear_projections(connection: AsyncConnection) -> None:
    """Empty every projection, inside a transaction that folds them again."""
    for table in (cases, case_readers, operations, counters):
        await connection.execute(delete(table))


def scope_of(office: OfficeId) -> ColumnElement[bool]:
    """The cases that `office` reads, as a condition: equality on the levels of the tree, plus its guests' list.

    Whole levels, never a text prefix: 510824100 must not see the cases of 5108241001.
    """
    seat = seat_of(office)
    guests = cases.c.subject.in_(select(case_readers.c.subject).where(case_readers.c.office == office))
    if office != seat:
        return or_(cases.c.filing_office == office, guests)
    level = {6: cases.c.county, 9: cases.c.town, 12: cases.c.village}.get(len(seat))
    return or_(level == seat, guests) if level is not None else false()
