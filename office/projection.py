"""Case files in SQL: the rows that screens read, written inside the ledger's own transaction.

One bulk read for a page's cases, one bulk upsert for a commit: rows and indexes are the cost of ingest, not code
(STACK 2.4). A case file is a MessagePack blob, sealed like bodies; the columns beside it are for lists and scope.
Never decides anything and never writes outside `project`. Next: `office.casebook`, which makes the rows;
`office.worklists`, which reads them.
"""

import hashlib
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from typing import Any, Final

from msgspec import structs
from sqlalchemy import Column, ColumnElement, Table, delete, false, func, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from office.case_rows import CASES_OF_PERSON_MAX, CaseRows, Operation
from office.casebook import guests_of
from office.database import for_single_statements
from office.dues import NOTHING, Due, number_of
from office.oversight import read_rows, values_of
from office.own_faults import place_of
from office.persons import PersonIndex
from office.register import RegisterRows, Row
from office.tables import (
    FOLDED,
    SERIAL,
    asked,
    case_readers,
    cases,
    counters,
    enquiries,
    operations,
    oversight,
    papers,
    records,
    roster_people,
    second_notices,
)
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import RosterAdded
from schemas.casework.stages import ENDED, Stage
from schemas.codec import decode, encode
from schemas.names import CaseId, Instant, OfficeId, seat_of
from schemas.oversight_fold import Filed
from schemas.register import EnquiryRecorded, Published, decode_record
from schemas.register_fold import Record
from sync.ports import Sealer

log = logging.getLogger(__name__)

CASE_COLUMNS: Final = tuple(column.name for column in cases.columns)

_DUE_COLUMNS: Final = slice(CASE_COLUMNS.index("due_day"), CASE_COLUMNS.index("due_provisional") + 1)

KEYS_PER_QUERY_MAX: Final = 500
"""Values in one IN list: as many as a page has entries, and SQLite before 3.32 takes 999 in a statement."""

_OF_NO_CASE: Final = (records, enquiries, oversight)
"""Tables of entries that are about no case."""

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
_INSERT_PERSON: Final = (
    "INSERT INTO roster_people (person, subject, item, filed_on) VALUES (:person, :subject, :item, :filed_on) "
    "ON CONFLICT DO NOTHING"
)
_INSERT_READER: Final = "INSERT INTO case_readers (office, subject) VALUES (:office, :subject) ON CONFLICT DO NOTHING"
_RAISE_COUNTER: Final = (
    "INSERT INTO counters (name, value) VALUES (:name, :value) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE counters.value < excluded.value"
)


class SqlCases:
    """`office.case_rows.Cases` over the node's database. Give `project` to the store."""

    def __init__(
        self,
        read: AsyncEngine,
        sealer: Sealer,
        person_key: bytes,
        due: Callable[[CaseFile], Due] = lambda case: NOTHING,
    ) -> None:
        """`person_key`: of the blind index of persons (`office.persons.person_key`). `due`: `office.dues.Dues.of`."""
        self._read = read
        self._due = due
        self._persons = PersonIndex(person_key)
        self._auto = for_single_statements(read)
        self._sealer = sealer
        self.unnamed: set[bytes] = set()
        """Papers that cases named whose bodies are gone, as far as this process saw it: they may have to go too."""

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

    async def read_at(self, office: OfficeId) -> list[CaseId]:
        """See `Cases.read_at`."""
        async with self._read.connect() as connection:
            rows = (await connection.execute(select(cases.c.subject).where(_is_at(office)))).scalars()
            return sorted(CaseId(subject) for subject in rows)

    async def read_of_person(self, document_type: str, document_number: str) -> list[CaseFile]:
        """See `Cases.read_of_person`."""
        mark = self._persons.mark(document_type, document_number)
        on_list = select(roster_people.c.subject).where(roster_people.c.person == mark)
        newest = select(cases.c.name, cases.c.file).order_by(cases.c.filed_at.desc()).limit(CASES_OF_PERSON_MAX)
        found: list[CaseFile] = []
        async with self._auto.connect() as connection:
            for condition in (cases.c.person == mark, cases.c.subject.in_(on_list)):
                for name, file in (await connection.execute(newest.where(condition))).all():
                    found.append(self.open_file(name, file))
        return found

    async def lists_naming(self, people: Collection[tuple[str, str]], item: str, since: date) -> list[CaseId]:
        """See `Cases.lists_naming`."""
        marks = [self._persons.mark(*person) for person in people]
        named = (roster_people.c.item == item) & (roster_people.c.filed_on >= number_of(since))
        found: dict[CaseId, None] = {}
        async with self._auto.connect() as connection:
            for start in range(0, len(marks), KEYS_PER_QUERY_MAX):
                some = roster_people.c.person.in_(marks[start : start + KEYS_PER_QUERY_MAX])
                query = select(roster_people.c.subject).where(some, named).distinct()
                found |= dict.fromkeys(CaseId(subject) for subject in (await connection.execute(query)).scalars())
        return list(found)

    async def find_operations(self, wanted: Sequence[bytes]) -> dict[bytes, Operation]:
        """See `Cases.find_operations`."""
        found: dict[bytes, Operation] = {}
        async with self._auto.connect() as connection:
            for start in range(0, len(wanted), KEYS_PER_QUERY_MAX):
                some = wanted[start : start + KEYS_PER_QUERY_MAX]
                for row in await connection.execute(select(operations).where(operations.c.operation.in_(some))):
                    found[row.operation] = Operation(row.operation, CaseId(row.subject), row.kind, row.hash)
        return found

    async def last_serial(self) -> int:
        """See `Cases.last_serial`."""
        return await self._count(SERIAL)

    async def read_records(self) -> list[Record]:
        """See `Cases.read_records`. A row that does not open is left out: `verify` names it, `rebuild` mends it."""
        found: list[Record] = []
        query = select(records.c.kind, records.c.ordinal, records.c.seq, records.c.hash, records.c.body)
        async with self._auto.connect() as connection:
            for kind, ordinal, seq, digest, body in (await connection.execute(query)).all():
                try:
                    found.append(Record(decode_record(kind, self._sealer.open(digest, body)), ordinal, seq, digest))
                except (ValueError, KeyError) as error:
                    log.error("a row of the register cannot be read: %s", place_of(error))
        return found

    async def read_threads(self, threads: Sequence[bytes]) -> list[Filed]:
        """See `office.oversight.Threads.read_threads`."""
        found: list[Filed] = []
        async with self._auto.connect() as connection:
            for start in range(0, len(threads), KEYS_PER_QUERY_MAX):
                some = oversight.c.thread.in_(threads[start : start + KEYS_PER_QUERY_MAX])
                found += await read_rows(connection, self._sealer, some)
        return found

    async def read_overseen(self, kinds: Sequence[str], number: str = "") -> list[Filed]:
        """See `office.oversight.Threads.read_overseen`."""
        wanted = oversight.c.kind.in_(kinds) & oversight.c.number.startswith(number, autoescape=True)
        async with self._auto.connect() as connection:
            return await read_rows(connection, self._sealer, wanted)

    async def find_register_differences(self, rows: RegisterRows) -> list[bytes]:
        """Of these entries, those whose rows are not what `rows` gives: for `verify`."""
        wanted = {
            (table.name, value["hash"]): value for table, values in self._register_values(rows) for value in values
        }
        here: dict[tuple[str, object], dict[str, object]] = {}
        hashes = list(rows.changes)
        async with self._auto.connect() as connection:
            for start in range(0, len(hashes), KEYS_PER_QUERY_MAX):
                some = hashes[start : start + KEYS_PER_QUERY_MAX]
                for table in _OF_NO_CASE:
                    found = await connection.execute(select(table).where(table.c.hash.in_(some)))
                    here |= {(table.name, row["hash"]): dict(row) for row in found.mappings()}
        differing = {key[1] for key in wanted.keys() | here.keys() if wanted.get(key) != here.get(key)}
        return [digest for digest in hashes if digest in differing]

    async def count_register(self) -> int:
        """How many rows the tables of the register have."""
        async with self._auto.connect() as connection:
            counts = [await connection.scalar(select(func.count()).select_from(table)) for table in _OF_NO_CASE]
        return sum(count or 0 for count in counts)

    async def named_among(self, digests: Collection[bytes]) -> set[bytes]:
        """Those of these papers that some case still names, as a paper or as its thumbnail."""
        wanted = sorted(digests)
        found: set[bytes] = set()
        async with self._auto.connect() as connection:
            for start in range(0, len(wanted), KEYS_PER_QUERY_MAX):
                some = wanted[start : start + KEYS_PER_QUERY_MAX]
                for column in (papers.c.digest, papers.c.thumbnail):
                    found |= set((await connection.execute(select(column).where(column.in_(some)))).scalars())
        return found

    async def is_folded(self) -> bool:
        """Whether the projections hold every case: not in a fresh store, nor after a rebuild that was broken off."""
        return await self._count(FOLDED) > 0

    async def paper_names(self) -> set[bytes]:
        """The digests of all papers that cases name, small pictures among them."""
        async with self._read.connect() as connection:
            rows = (await connection.execute(select(papers.c.digest, papers.c.thumbnail).distinct())).all()
        return {digest for row in rows for digest in row if digest is not None}

    async def subjects(self) -> list[CaseId]:
        """Every case that has a row."""
        async with self._read.connect() as connection:
            return [CaseId(subject) for subject in (await connection.execute(select(cases.c.subject))).scalars()]

    async def _count(self, name: str) -> int:
        async with self._read.connect() as connection:
            value = await connection.scalar(select(counters.c.value).where(counters.c.name == name))
        return value or 0

    async def find_differences(
        self,
        files: Mapping[CaseId, CaseFile],
        done: Mapping[bytes, Operation],
        listed: Mapping[CaseId, Mapping[bytes, RosterAdded]],
        *,
        is_due_counted: bool,
    ) -> list[CaseId]:
        """Of these cases, those whose rows are not what the rest gives, column by column: for `verify`.

        `is_due_counted`: the due columns were counted by what is known now (`Reminders.is_counted`); else they may
        lawfully say another day.
        """
        subjects = list(files)
        readers: dict[CaseId, set[str]] = {subject: set() for subject in subjects}
        awaited: dict[CaseId, set[str]] = {subject: set() for subject in subjects}
        acts: dict[CaseId, set[bytes]] = {subject: set() for subject in subjects}
        people: dict[CaseId, set[bytes]] = {subject: set() for subject in subjects}
        again: dict[CaseId, list[dict[str, object]]] = {subject: [] for subject in subjects}
        named: dict[CaseId, dict[bytes, dict[str, object]]] = {subject: {} for subject in subjects}
        rows: dict[CaseId, tuple[object, ...]] = {}
        async with self._read.connect() as connection:
            for start in range(0, len(subjects), KEYS_PER_QUERY_MAX):
                some = subjects[start : start + KEYS_PER_QUERY_MAX]
                for row in await connection.execute(select(cases).where(cases.c.subject.in_(some))):
                    rows[CaseId(row.subject)] = tuple(row)
                for row in await connection.execute(select(case_readers).where(case_readers.c.subject.in_(some))):
                    readers[CaseId(row.subject)].add(row.office)
                for row in await connection.execute(select(asked).where(asked.c.subject.in_(some))):
                    awaited[CaseId(row.subject)].add(row.office)
                for row in await connection.execute(select(operations).where(operations.c.subject.in_(some))):
                    acts[CaseId(row.subject)].add(row.operation)
                for row in await connection.execute(select(roster_people).where(roster_people.c.subject.in_(some))):
                    people[CaseId(row.subject)].add(row.person)
                for row in (await connection.execute(select(papers).where(papers.c.subject.in_(some)))).mappings():
                    named[CaseId(row["subject"])][row["digest"]] = dict(row)
                noticed = select(second_notices).where(second_notices.c.subject.in_(some))
                for row in (await connection.execute(noticed.order_by(second_notices.c.number))).mappings():
                    again[CaseId(row["subject"])].append(dict(row))
        wanted: dict[CaseId, set[bytes]] = {subject: set() for subject in subjects}
        for operation in done.values():
            wanted[operation.subject].add(operation.operation)
        return [
            subject
            for subject, file in files.items()
            if _compared(rows.get(subject, ()), is_due_counted) != _compared(self._row(file), is_due_counted)
            or readers[subject] != guests_of(file)
            or awaited[subject] != set(file.unanswered)
            or acts[subject] != wanted[subject]
            or again[subject] != _second_notices(file)
            or named[subject] != {value["digest"]: value for value in _paper_values(file)}
            # A part that no longer counts leaves its marks behind: whoever asks reads the list itself.
            or not people[subject].issuperset(one["person"] for one in self._people(file, listed.get(subject, {})))
            or (file.is_empty and people[subject])
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
        if rows.bared:
            self.unnamed |= await _bare(connection, rows.bared)
        if rows.operations:
            await connection.execute(text(_INSERT_OPERATION), [structs.asdict(done) for done in rows.operations])
        people = [one for case in rows.cases for one in self._people(case, rows.listed.get(case.case, {}))]
        if people:
            await connection.execute(text(_INSERT_PERSON), people)
        if rows.noticed:
            await _renew_second_notices(connection, [case for case in rows.cases if case.case in rows.noticed])
        if rows.asked:
            await _renew_asked(connection, [case for case in rows.cases if case.case in rows.asked])
        if rows.papers:
            await _renew_papers(connection, [case for case in rows.cases if case.case in rows.papers])
        if rows.readers:
            await self._move_readers(connection, rows.readers)
        if rows.serial:
            await connection.execute(text(_RAISE_COUNTER), {"name": SERIAL, "value": rows.serial})
        if rows.register is not None:
            await self._write_register(connection, rows.register)
        if rows.ends:
            await connection.execute(text(_RAISE_COUNTER), {"name": FOLDED, "value": 1})

    async def _write_register(self, connection: AsyncConnection, rows: RegisterRows) -> None:
        gone = list(rows.changes)
        for start in range(0, len(gone), KEYS_PER_QUERY_MAX):
            some = gone[start : start + KEYS_PER_QUERY_MAX]
            for table in _OF_NO_CASE:
                await connection.execute(delete(table).where(table.c.hash.in_(some)))
        for table, values in self._register_values(rows):
            if values:
                await connection.execute(insert(table), values)

    def _register_values(self, rows: RegisterRows) -> tuple[tuple[Table, list[dict[str, object]]], ...]:
        kept = [row for row in rows.changes.values() if row is not None]
        published = [(row, row.record.event) for row in kept if row.record is not None]
        return (
            (records, [self._record_values(row, event) for row, event in published]),
            (enquiries, [_enquiry_values(row, row.event) for row in kept if isinstance(row.event, EnquiryRecorded)]),
            (oversight, [values_of(row.filed, row.body, self._sealer) for row in kept if row.filed is not None]),
        )

    def _record_values(self, row: Row, event: Published) -> dict[str, object]:
        return {
            "hash": row.hash,
            "kind": event.kind,
            "key": event.key,
            "effective_from": event.first_day,
            "effective_until": event.last_day,
            "office": event.office,
            "ordinal": row.ordinal,
            "seq": row.seq,
            "body": self._sealer.seal(row.hash, row.body),
        }

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

    def _people(self, case: CaseFile, parts: Mapping[bytes, RosterAdded]) -> list[dict[str, object]]:
        """The rows of `roster_people` for these parts of a list; none while its filing is missing."""
        if not parts or case.filing is None:
            return []
        shared = {
            "subject": case.case,
            "item": case.filing.item,
            "filed_on": number_of(day_of(case.filed_at or Instant(0))),
        }
        rows = (row for part in parts.values() for row in part.rows)
        return [{"person": self._persons.mark(row.document_type, row.document_number), **shared} for row in rows]

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
            case.home,
            seat[:6] if len(seat) in (6, 9, 12) else None,
            seat[:9] if len(seat) in (9, 12) else None,
            seat if len(seat) == 12 else None,
            (filing.tracking or None) if filing is not None else None,
            filing.applicant.name if filing is not None and not case.is_empty else None,
            self._persons.mark(filing.applicant.document_type, filing.applicant.document_number)
            if filing is not None and not case.is_empty
            else None,
            case.filed_at,
            *self._due(case),
            name,
            self._sealer.seal(name, clear),
        )


def _enquiry_values(row: Row, event: EnquiryRecorded) -> dict[str, object]:
    return {
        "hash": row.hash,
        "at": row.at,
        "office": event.office,
        "item": event.item,
        "outcome": event.outcome.value,
    }


def _compared(row: tuple[object, ...], is_due_counted: bool) -> tuple[object, ...]:
    """What `verify` compares of a case's row."""
    return row if is_due_counted else (*row[: _DUE_COLUMNS.start], *row[_DUE_COLUMNS.stop :])


async def _bare(connection: AsyncConnection, subjects: Collection[CaseId]) -> set[bytes]:
    """Drop what other tables say of the persons and deeds of these cases; what still stands is written again.

    Returns the papers that they named so far, thumbnails among them.
    """
    gone = sorted(subjects)
    named: set[bytes] = set()
    for start in range(0, len(gone), KEYS_PER_QUERY_MAX):
        some = gone[start : start + KEYS_PER_QUERY_MAX]
        for table in (operations, roster_people):
            await connection.execute(delete(table).where(table.c.subject.in_(some)))
        query = select(papers.c.digest, papers.c.thumbnail).where(papers.c.subject.in_(some))
        for row in await connection.execute(query):
            named.update(digest for digest in row if digest is not None)
    return named


async def _renew_second_notices(connection: AsyncConnection, files: Sequence[CaseFile]) -> None:
    await _renew(connection, second_notices, files, [value for case in files for value in _second_notices(case)])


async def _renew_asked(connection: AsyncConnection, files: Sequence[CaseFile]) -> None:
    values = [{"subject": case.case, "office": office} for case in files for office in case.unanswered]
    await _renew(connection, asked, files, values)


async def _renew_papers(connection: AsyncConnection, files: Sequence[CaseFile]) -> None:
    await _renew(connection, papers, files, [value for case in files for value in _paper_values(case)])


async def _renew(
    connection: AsyncConnection, table: Table, files: Sequence[CaseFile], values: Sequence[Mapping[str, object]]
) -> None:
    """Put these rows in the place of those that the table has of these cases."""
    for start in range(0, len(files), KEYS_PER_QUERY_MAX):
        subjects = [case.case for case in files[start : start + KEYS_PER_QUERY_MAX]]
        await connection.execute(delete(table).where(table.c.subject.in_(subjects)))
    if values:
        await connection.execute(insert(table), values)


def _second_notices(case: CaseFile) -> list[dict[str, object]]:
    """Every notice of missing papers but the first, before the acceptance or after it."""
    return [
        {"subject": case.case, "number": number, "office": notice.office, "at": notice.at}
        for number, notice in enumerate(case.course.notices, start=1)
        if number > 1
    ]


def _paper_values(case: CaseFile) -> list[dict[str, object]]:
    return [{"subject": case.case, **structs.asdict(paper)} for paper in case.papers]


async def _files(connection: AsyncConnection, subjects: Sequence[CaseId]) -> Sequence[Any]:
    """(subject, name, sealed file) of these cases. Past SQLAlchemy's IN list, which costs 14 µs a case."""
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(subjects))
        return (await connection.exec_driver_sql(f"{_SELECT_FILES} IN ({marks})", tuple(subjects))).all()
    return (await connection.exec_driver_sql(f"{_SELECT_FILES} = ANY($1)", (list(subjects),))).all()


async def clear_projections(connection: AsyncConnection) -> None:
    """Empty every projection, inside a transaction that folds them again."""
    for table in (
        cases,
        case_readers,
        asked,
        roster_people,
        second_notices,
        papers,
        operations,
        counters,
        *_OF_NO_CASE,
    ):
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


def _is_at(office: OfficeId) -> ColumnElement[bool]:
    """`CaseFile.is_at` as a condition."""
    over = [stage.value for stage in (*ENDED, Stage.HANDED_OVER)]

    def names(column: Column[str]) -> ColumnElement[bool]:
        return (column == office) | column.startswith(f"{office}.", autoescape=True)

    is_due = names(cases.c.home) & cases.c.stage.not_in(over)
    return (cases.c.stage != Stage.CLOSED.value) & or_(names(cases.c.custodian), names(cases.c.offeree), is_due)
