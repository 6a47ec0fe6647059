"""Event logs for the tools that auditors use: the cases that this node holds, as XES or CSV, in one private file.

Read a few hundred cases at a time and written as they are read, so a year of a county needs no more memory than a day.
Officers leave as marks under a key that is drawn for one export and kept nowhere: within a file the same mark is the
same person, between two files nothing is. Residents never leave. Who is in the file by name or number is written into
the access log before. Times of a node that is at work meanwhile: a case is written as it stands when it is reached.
Never decides who may have a file. Next: `hub.audit.eventlog`, `hub.audit.log_writing`.
"""

import gzip
import hmac
import os
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, func, or_, select, true

from hub.audit.eventlog import Line, LogTrace, Mark, counting, trace_of
from hub.audit.log_writing import XES_TAIL, csv_head, csv_rows, xes_head, xes_trace
from office.access_log import AccessLog
from office.paths import PRIVATE_FILE_MODE, TEMPORARY, sync_folder
from office.projection import scope_of
from office.tables import cases
from office.worklists import event_of
from schemas.casework.casefile import NO_CASE, CaseFile
from schemas.casework.clocks import CHINA_TIME
from schemas.casework.events import EVENTS
from schemas.names import CaseId, OfficeId, OfficerId
from schemas.refusals import Refused
from sync.ports import Disposition, EntryKey, Stored

if TYPE_CHECKING:
    from office.node import Node, Progress

CASES_AT_ONCE: Final = 200
"""With ten entries each 2,000 entries, about 4 MB: one query for the cases, one for their entries."""

KEY_BYTES: Final = 32
MARK_BYTES: Final = 8
"""64 bits: a county has some thousand officers."""

OFFICERS_REMEMBERED: Final = 4096
"""A county has about 1,000 offices with two or three officers each; one more costs a digest."""

GZIP_SUFFIX: Final = ".gz"
GZIP_LEVEL: Final = 6


class Chosen(Struct, frozen=True):
    """Which cases, and how they are told apart."""

    since: date | None = None
    """First day of filing, as claimed."""
    until: date | None = None
    """Last day of filing."""
    office: OfficeId | None = None
    """Cases that this office reads."""
    item: str = ""


class Named(Struct, frozen=True):
    """Who asks for a log with names, and what for."""

    officer: OfficerId
    purpose: str


class Written(Struct):
    """What an export wrote."""

    cases: int = 0
    events: int = 0
    left_out: int = 0
    """Entries of these cases that do not count, or that this version cannot read."""


class Sink(Protocol):
    """A file that takes bytes."""

    def write(self, content: bytes, /) -> object:
        """Take them."""
        ...


class Form(Struct, frozen=True):
    """One of the two file forms."""

    name: str
    head: Callable[["Node", bool], str]
    trace: Callable[[LogTrace], str]
    tail: str


XES: Final = Form("xes", lambda node, named: xes_head(node.office_name(node.seat), is_named=named), xes_trace, XES_TAIL)
CSV: Final = Form("csv", lambda node, named: csv_head(), csv_rows, "")


async def export_log(
    node: "Node", path: Path, form: Form, chosen: Chosen, named: Named | None, progress: "Progress"
) -> Written:
    """Write the log; a file that ends in `.gz` is packed. The file is whole or not there.

    Raises `PurposeRefused`, `AccountRefused` for a named log; OSError.
    """
    if named is not None:
        await _write_down(node, form, chosen, named)
    mark = _marking(node) if named is None else _as_named
    total, written = await count_cases(node, chosen), Written()
    with private_file(path) as file:
        file.write(form.head(node, named is not None).encode())
        async for trace, left_out in read_traces(node, chosen, mark, with_number=named is not None):
            file.write(form.trace(trace).encode())
            written.cases += 1
            written.events += len(trace.events)
            written.left_out += left_out
            if written.cases % CASES_AT_ONCE == 0:
                progress(min(written.cases, total - 1), total)
        file.write(form.tail.encode())
    progress(total, total)
    return written


async def read_traces(
    node: "Node", chosen: Chosen, mark: Mark, *, with_number: bool = False
) -> AsyncIterator[tuple[LogTrace, int]]:
    """Each case with how many of its entries were left out, by day of filing."""
    async for files in _chunks(node, chosen):
        stored = await node.store.entries_about([file.case for file in files])
        aside = {one.key: one for one in await node.store.dispositions(stored)}
        lines: dict[CaseId, list[Line]] = {file.case: [] for file in files}
        omitted: dict[CaseId, int] = dict.fromkeys(lines, 0)
        for entry in stored:
            case = entry.subject
            if case is None or entry.kind.startswith("line."):
                continue
            line = _line(node, entry, aside)
            if line is None:
                omitted[case] += 1
            else:
                lines[case].append(line)
        for file in files:
            kept = counting(file, lines[file.case])
            left_out = omitted[file.case] + len(lines[file.case]) - len(kept)
            yield trace_of(file, kept, node.dues.clocks(file), mark, with_number=with_number), left_out


async def count_cases(node: "Node", chosen: Chosen) -> int:
    """How many cases are chosen."""
    async with node.engines.read.connect() as connection:
        query = select(func.count()).select_from(cases).where(_condition(chosen))
        return await connection.scalar(query) or 0


@contextmanager
def private_file(path: Path) -> Generator[Sink]:
    """A file that is readable by its owner only, and whole or not there. Raises OSError."""
    temporary = path.with_name(path.name + TEMPORARY)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            if path.suffix == GZIP_SUFFIX:
                # No name and no time inside: they would say more than the log does.
                with gzip.GzipFile("", "wb", GZIP_LEVEL, file, mtime=0) as packed:
                    yield cast(Sink, packed)
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def named_by(officer: OfficerId | None, purpose: str | None) -> Named:
    """Who asks for names and what for. Raises `Refused` where either is missing."""
    if officer is None or not (purpose or "").strip():
        raise Refused(
            "names_need_a_purpose",
            "导出实名日志须用 --officer 写明经办人，用 --purpose 写明用途，两者都会记入查看日志；没有导出任何内容。",
            "A log with names needs --officer and --purpose, which are kept in the access log; nothing was exported.",
        )
    return Named(officer, purpose or "")


async def _write_down(node: "Node", form: Form, chosen: Chosen, named: Named) -> None:
    """As for a proof file: the look comes into the log before it happens. It is about no single case."""
    await node.accounts.check_officer(named.officer)
    log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
    which = [f"{name}={value}" for name, value in _stated(chosen).items()]
    deed = " ".join([f"named {form.name} of cases", *which])
    await log.record(named.officer, node.seat, NO_CASE, named.purpose, deed=deed)


def _stated(chosen: Chosen) -> Mapping[str, object]:
    stated = {name: getattr(chosen, name) for name in Chosen.__struct_fields__}
    return {name: value for name, value in stated.items() if value}


def _marking(node: "Node") -> Mark:
    key = node.salts.draw(KEY_BYTES)

    @lru_cache(OFFICERS_REMEMBERED)
    def mark(officer: OfficerId) -> str:
        return f"p-{hmac.digest(key, officer.encode(), 'sha256')[:MARK_BYTES].hex()}"

    return mark


def _as_named(officer: OfficerId) -> str:
    return officer


async def _chunks(node: "Node", chosen: Chosen) -> AsyncIterator[list[CaseFile]]:
    """The chosen cases, some at a time, each query going on where the one before ended."""
    condition, last = _condition(chosen), None
    columns = (cases.c.filed_at, cases.c.subject, cases.c.name, cases.c.file)
    query = select(*columns).order_by(cases.c.filed_at, cases.c.subject).limit(CASES_AT_ONCE)
    while True:
        async with node.engines.read.connect() as connection:
            rows = (await connection.execute(query.where(condition, _beyond(last)))).all()
        if rows:
            yield [node.cases.open_file(row.name, row.file) for row in rows]
        if len(rows) < CASES_AT_ONCE:
            return
        last = (rows[-1].filed_at, rows[-1].subject)


def _beyond(last: tuple[int, Any] | None) -> ColumnElement[bool]:
    if last is None:
        return true()
    at, subject = last
    return or_(cases.c.filed_at > at, and_(cases.c.filed_at == at, cases.c.subject > subject))


def _condition(chosen: Chosen) -> ColumnElement[bool]:
    condition = cases.c.filed_at.is_not(None) & cases.c.filing_office.is_not(None)
    if chosen.since is not None:
        condition &= cases.c.filed_at >= _midnight(chosen.since)
    if chosen.until is not None:
        condition &= cases.c.filed_at < _midnight(chosen.until + timedelta(days=1))
    if chosen.office is not None:
        condition &= scope_of(chosen.office)
    if chosen.item:
        condition &= cases.c.item == chosen.item
    return condition


def _midnight(day: date) -> int:
    return int(datetime.combine(day, time(), CHINA_TIME).timestamp() * 1000)


def _line(node: "Node", entry: Stored, aside: Mapping[EntryKey, Disposition]) -> Line | None:
    """An entry as the log takes it; None: set aside, or of a kind or a body that this version does not read."""
    if (entry.journal, entry.seq) in aside or entry.kind not in EVENTS:
        return None
    event = event_of(entry)
    if event is None and entry.body is not None:
        return None
    return Line(entry, event, node.books.seat_of_node(entry.journal.origin))
