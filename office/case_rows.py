"""What one transaction changes in the projections, and where case files, the register and oversight are kept.

`Cases` is the port: tables of a real node (`office.projection`), dictionaries of a simulated one (`MemoryCases`). Rows
are values: they are made by `office.casebook` and written in the ledger's own transaction.
Never folds and never decides. Next: `office.casebook`.
"""

from collections.abc import Collection, Sequence
from datetime import date
from typing import Final, Protocol, TypeAlias

from msgspec import Struct

from office.dispositions import FOLD_FAILED
from office.oversight import Threads
from office.register import RegisterRows, Row
from office.routing import readers_of
from schemas.casework.casefile import NO_CASE, CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import CaseEvent, RosterAdded
from schemas.names import CaseId, Instant, OfficeId
from schemas.oversight_fold import Filed
from schemas.register_fold import Record
from sync.ports import Disposition, Stored

CASES_OF_PERSON_MAX: Final = 50
"""Nobody has more at hand at once; the newest count for what is open and what may be used again."""

Item: TypeAlias = tuple[CaseEvent, Stored]
"""One readable entry of a case: decoded, and as held."""


class Operation(Struct, frozen=True):
    """A user action of our own office that is already written: the entry of this case with this hash (RULINGS B10)."""

    operation: bytes
    subject: CaseId
    kind: str
    hash: bytes


class CaseRows(Struct):
    """What one transaction changes in the projections."""

    cases: list[CaseFile]
    operations: list[Operation]
    readers: dict[tuple[CaseId, OfficeId], bool]
    """(case, office outside the filing office's own line) → whether it reads the case now."""
    entries: dict[CaseId, list[Item]]
    """The entries that changed each case in this transaction."""
    serial: int = 0
    """Highest serial among the tracking numbers of our own filings; 0 = unchanged."""
    begins: bool = False
    """A rebuild begins with these rows: whatever the projections hold goes first."""
    ends: bool = False
    """A rebuild ends with these rows: until then a start begins it anew."""
    register: RegisterRows | None = None
    listed: dict[CaseId, dict[bytes, RosterAdded]] = {}
    """The parts of lists of persons that are new, or folded again, by the hash of the entry."""
    noticed: frozenset[CaseId] = frozenset()
    """Those of the cases whose notices of missing papers are others than before."""
    asked: frozenset[CaseId] = frozenset()
    """Those of the cases in which others are asked for their opinion than before."""
    papers: frozenset[CaseId] = frozenset()
    """Those of the cases that name other papers than before."""
    bared: frozenset[CaseId] = frozenset()
    """Those of the cases of which bodies are gone: what other rows say of their persons and deeds goes first."""

    def pieces(self) -> list["CaseRows"]:
        """The same case by case, for a store that must find the one row that will not go in (RULINGS B11)."""
        records = self.register.pieces() if self.register is not None else ()
        operations = [operation for operation in self.operations if operation.subject == NO_CASE]
        return [
            *(self._piece(case) for case in self.cases),
            *(CaseRows([], operations, {}, {}, register=piece) for piece in records),
        ]

    def _piece(self, case: CaseFile) -> "CaseRows":
        subject = case.case
        operations = [operation for operation in self.operations if operation.subject == subject]
        readers = {key: present for key, present in self.readers.items() if key[0] == subject}
        listed = {subject: self.listed[subject]} if subject in self.listed else {}
        entries = {subject: self.entries.get(subject, [])}
        return CaseRows(
            [case],
            operations,
            readers,
            entries,
            self.serial,
            listed=listed,
            noticed=self.noticed & {subject},
            asked=self.asked & {subject},
            papers=self.papers & {subject},
            bared=self.bared & {subject},
        )

    def spoiled(self) -> list[Disposition]:
        """What to note about the entries of rows that the database would not take."""
        spoiled = [(entry.journal, entry.seq) for items in self.entries.values() for _, entry in items]
        if self.register is not None:
            spoiled += [row.place for row in self.register.changes.values() if row is not None]
        return [Disposition(place, "quarantined", FOLD_FAILED) for place in spoiled]


class Cases(Threads, Protocol):
    """Where case files are kept: tables of a real node, dictionaries of a simulated one."""

    async def read(self, subjects: Sequence[CaseId]) -> dict[CaseId, CaseFile]:
        """The committed case files of these cases, as far as there are any."""
        ...

    async def read_by(self, office: OfficeId) -> list[CaseId]:
        """Cases that `office` reads."""
        ...

    async def read_at(self, office: OfficeId) -> list[CaseId]:
        """Cases that `office` or a desk of it still has to do with (`CaseFile.is_at`), by their number."""
        ...

    async def find_operations(self, wanted: Sequence[bytes]) -> dict[bytes, Operation]:
        """Those of these user actions that already made an entry, by their number."""
        ...

    async def last_serial(self) -> int:
        """The highest serial that our own filings have used."""
        ...

    async def read_records(self) -> list[Record]:
        """The committed register."""
        ...

    async def read_of_person(self, document_type: str, document_number: str) -> list[CaseFile]:
        """Cases that this person applied for and lists that name them, newest first, `CASES_OF_PERSON_MAX` of each."""
        ...

    async def lists_naming(self, people: Collection[tuple[str, str]], item: str, since: date) -> list[CaseId]:
        """Lists of this item, filed on that day or later, that name one of these (document type, number)."""
        ...


class MemoryCases:
    """`Cases` over dictionaries, for simulations and tests: give `project` to the `MemoryStore`."""

    def __init__(self) -> None:
        self.files: dict[CaseId, CaseFile] = {}
        self.operations: dict[bytes, Operation] = {}
        self.serial = 0
        self.records: dict[bytes, Row] = {}
        """Enquiries and oversight as well."""
        self.listed: dict[CaseId, dict[bytes, RosterAdded]] = {}

    async def read(self, subjects: Sequence[CaseId]) -> dict[CaseId, CaseFile]:
        """See `Cases.read`."""
        return {subject: self.files[subject] for subject in subjects if subject in self.files}

    async def read_by(self, office: OfficeId) -> list[CaseId]:
        """See `Cases.read_by`."""
        return [subject for subject, case in self.files.items() if office in readers_of(case)]

    async def read_at(self, office: OfficeId) -> list[CaseId]:
        """See `Cases.read_at`."""
        return sorted(subject for subject, case in self.files.items() if case.is_at(office))

    async def find_operations(self, wanted: Sequence[bytes]) -> dict[bytes, Operation]:
        """See `Cases.find_operations`."""
        return {operation: self.operations[operation] for operation in wanted if operation in self.operations}

    async def last_serial(self) -> int:
        """See `Cases.last_serial`."""
        return self.serial

    async def read_records(self) -> list[Record]:
        """See `Cases.read_records`."""
        return [row.record for row in self.records.values() if row.record is not None]

    async def read_threads(self, threads: Sequence[bytes]) -> list[Filed]:
        """See `office.oversight.Threads.read_threads`."""
        return [one for one in self._filed() if one.thread in threads]

    async def read_overseen(self, kinds: Sequence[str], number: str = "") -> list[Filed]:
        """See `office.oversight.Threads.read_overseen`."""
        return [one for one in self._filed() if one.event.kind in kinds and one.event.number.startswith(number)]

    def _filed(self) -> list[Filed]:
        return [row.filed for row in self.records.values() if row.filed is not None]

    async def read_of_person(self, document_type: str, document_number: str) -> list[CaseFile]:
        """See `Cases.read_of_person`."""
        person = (document_type, document_number)
        found = [
            file
            for subject, file in self.files.items()
            if file.filing is not None
            and (
                (file.filing.applicant.document_type, file.filing.applicant.document_number) == person
                or person in self._people(subject)
            )
        ]
        return sorted(found, key=lambda file: -(file.filed_at or 0))[:CASES_OF_PERSON_MAX]

    async def lists_naming(self, people: Collection[tuple[str, str]], item: str, since: date) -> list[CaseId]:
        """See `Cases.lists_naming`."""
        return [
            subject
            for subject in self.listed
            if (file := self.files[subject]).filing is not None
            and file.filing.item == item
            and day_of(file.filed_at or Instant(0)) >= since
            and not self._people(subject).isdisjoint(people)
        ]

    def _people(self, subject: CaseId) -> set[tuple[str, str]]:
        parts = self.listed.get(subject, {}).values()
        return {(row.document_type, row.document_number) for part in parts for row in part.rows}

    def project(self, rows: object) -> None:
        """Take the rows of a committed transaction."""
        assert isinstance(rows, CaseRows)
        for digest, row in rows.register.changes.items() if rows.register is not None else ():
            self.records.pop(digest, None)
            if row is not None:
                self.records[digest] = row
        for subject in rows.bared:
            self.listed.pop(subject, None)
        self.operations = {op: done for op, done in self.operations.items() if done.subject not in rows.bared}
        self.files |= {case.case: case for case in rows.cases}
        for subject, parts in rows.listed.items():
            self.listed.setdefault(subject, {}).update(parts)
        for operation in rows.operations:
            self.operations.setdefault(operation.operation, operation)
        self.serial = max(self.serial, rows.serial)

    def copy(self) -> "MemoryCases":
        """A backup, to go with `MemoryStore.copy`."""
        twin = MemoryCases()
        twin.files, twin.operations, twin.serial = dict(self.files), dict(self.operations), self.serial
        twin.records = dict(self.records)
        twin.listed = {subject: dict(parts) for subject, parts in self.listed.items()}
        return twin
