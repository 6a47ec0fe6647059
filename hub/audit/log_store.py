"""The scratch store of one imported log: a temporary SQLite database on the disk, gone when it is closed.

SQLite makes the file itself (an empty name), in the system's folder for temporary files (SQLITE_TMPDIR moves it), and
the system deletes it whatever ends this process. Rows are small numbers; names stand once. Sorting and grouping of
millions of rows is SQLite's, within its cache, so memory is bounded whatever a log holds.
Never holds anything that is needed, and is no store of a node: so it goes by the standard library's driver, whatever
`office.database` has chosen for those. Next: `hub.audit.log_figures`, `hub.audit.log_rules`.
"""

import hashlib
import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

from hub.audit.log_reading import LogRefused, RawEvent, RawTrace

ROWS_AT_ONCE: Final = 5_000
CACHE_KIB: Final = 16 * 1024
"""Pages in memory, and what a sort holds before it goes to the disk."""

EVENTS_MAX: Final = 20_000_000
"""Six years of a county; about 1 GB on the disk."""
ACTIVITIES_MAX: Final = 20_000
ACTIVITY_CHARACTERS_MAX: Final = 2_000_000
"""All names of activities together, which stay in memory. A process has some dozen."""
RESOURCES_REMEMBERED: Final = 20_000

_NEVER: Final = -(2**62)
"""Sorts before every time: an event without a time stands where the file has it, after the one before."""

_SCHEMA: Final = """
CREATE TABLE events (
    trace INTEGER NOT NULL, key INTEGER NOT NULL, at INTEGER, activity INTEGER, resource INTEGER, transition INTEGER,
    mark INTEGER
);
CREATE TABLE traces (number INTEGER PRIMARY KEY, name TEXT, due INTEGER, first INTEGER, size INTEGER);
CREATE TABLE resources (mark INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE spans (span INTEGER NOT NULL);
CREATE TABLE instants (resource INTEGER NOT NULL, at INTEGER NOT NULL, trace INTEGER NOT NULL);
CREATE TABLE pairs (kind INTEGER, one INTEGER, other INTEGER, count INTEGER, PRIMARY KEY (kind, one, other))
    WITHOUT ROWID;
CREATE TABLE variants (digest BLOB PRIMARY KEY, count INTEGER, trace INTEGER) WITHOUT ROWID;
"""

SUSPENDED: Final = 1
RESUMED: Final = 2
_TRANSITIONS: Final = {"suspend": SUSPENDED, "resume": RESUMED}
"""Which the rules look at; every other one is kept as None."""

DAY_US: Final = 86_400_000_000


class Row(NamedTuple):
    """One event as it is read back."""

    trace: int
    at: int | None
    """Microseconds since 1970 UTC."""
    activity: int | None
    """`LogStore.activities` has its name."""
    resource: int | None
    transition: int | None
    """`SUSPENDED`, `RESUMED`; None: every other, or none."""


class LogStore:
    """One log. `hub.audit.log_reading.Receiver`; make it with `open_store`."""

    def __init__(self, database: sqlite3.Connection, is_working: Callable[[datetime], bool]) -> None:
        self.database = database
        self.activities: list[str] = []
        self.traces = 0
        self.events = 0
        self.empty = 0
        """Traces without an event."""
        self.disordered = 0
        """Events whose time lies before that of an event above them in their trace."""
        self._is_working = is_working
        self._numbers: dict[str, int] = {}
        self._characters = 0
        self._resources: dict[str, int] = {}
        self._rows: list[tuple[int | None, ...]] = []
        self._named: list[tuple[object, ...]] = []
        self._whose: list[tuple[int, str]] = []
        self._first = 0
        self._key = _NEVER

    # --- writing -----------------------------------------------------------------------------------------------------

    def event(self, event: RawEvent) -> None:
        """See `Receiver.event`."""
        moment = event.moment
        at = mark = None
        if moment is not None:
            at, local = moment.at, moment.local
            mark = (local.year * 12 + local.month) * 2 + (not self._is_working(local))
            self.disordered += at < self._key
        key = self._key if at is None else at
        self._rows.append(
            (
                self.traces,
                key,
                at,
                self._activity(event.activity),
                self._resource(event.resource),
                _TRANSITIONS.get((event.transition or "").lower()),
                mark,
            )
        )
        self._key = key
        self.events += 1
        if len(self._rows) >= ROWS_AT_ONCE:
            self._flush()

    def end_trace(self, trace: RawTrace) -> None:
        """See `Receiver.end_trace`."""
        size = self.events - self._first
        due = None
        if trace.due is not None:
            due = trace.due.at + (DAY_US if trace.is_whole_day else 0)
        # Rows count from 1.
        self._named.append((self.traces, trace.name, due, self._first + 1, size))
        self.empty += size == 0
        self.traces += 1
        self._first, self._key = self.events, _NEVER
        if len(self._named) >= ROWS_AT_ONCE:
            self._flush()

    def finish(self) -> None:
        """Everything is here."""
        self._flush()

    def keep_spans(self, spans: Iterable[int]) -> None:
        """How long cases took, in microseconds."""
        self.database.executemany("INSERT INTO spans VALUES (?)", ((span,) for span in spans))

    def add_pairs(self, counts: Iterable[tuple[int, int, int, int]]) -> None:
        """(kind, one, other, how often): counted together with what is here."""
        sql = (
            "INSERT INTO pairs VALUES (?, ?, ?, ?) "
            "ON CONFLICT (kind, one, other) DO UPDATE SET count = count + excluded.count"
        )
        self.database.executemany(sql, counts)

    def add_variants(self, counts: Iterable[tuple[bytes, int, int]]) -> None:
        """(digest, how often, the first trace that has it)."""
        sql = "INSERT INTO variants VALUES (?, ?, ?) ON CONFLICT (digest) DO UPDATE SET count = count + excluded.count"
        self.database.executemany(sql, counts)

    def _activity(self, name: str | None) -> int | None:
        if name is None:
            return None
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = len(self.activities)
            self.activities.append(name)
            self._characters += len(name)
            if number >= ACTIVITIES_MAX or self._characters > ACTIVITY_CHARACTERS_MAX:
                raise LogRefused(
                    "xes_too_many_activities",
                    f"日志有超过 {ACTIVITIES_MAX} 种活动名称，没有统计；请核对 concept:name 是否确为活动名称。",
                    f"The log has more than {ACTIVITIES_MAX} names of activities, so nothing was counted; see whether "
                    "its concept:name is the activity.",
                )
        return number

    def _resource(self, name: str | None) -> int | None:
        if name is None:
            return None
        mark = self._resources.get(name)
        if mark is None:
            if len(self._resources) >= RESOURCES_REMEMBERED:
                self._resources.clear()
            digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
            mark = self._resources[name] = int.from_bytes(digest, "big", signed=True)
            self._whose.append((mark, name))
        return mark

    def _flush(self) -> None:
        if self.events > EVENTS_MAX:
            raise LogRefused(
                "xes_too_many_events",
                f"日志超过 {EVENTS_MAX} 个事件，没有统计；请按年份或单位分开导出后再导入。",
                f"The log has more than {EVENTS_MAX} events, so nothing was counted; export it by year or by office.",
            )
        insert = self.database.executemany
        insert("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", self._rows)
        insert("INSERT INTO traces VALUES (?, ?, ?, ?, ?)", self._named)
        insert("INSERT OR IGNORE INTO resources VALUES (?, ?)", self._whose)
        for rows in (self._rows, self._named, self._whose):
            rows.clear()

    # --- reading -----------------------------------------------------------------------------------------------------

    def by_trace(self) -> Iterator[tuple[int, Iterator[Row]]]:
        """Each trace that has events, its events by time; equal times, and events without one, as the file has them."""
        order = "trace, key, rowid" if self.disordered else "rowid"
        sql = f"SELECT trace, at, activity, resource, transition FROM events ORDER BY {order}"  # noqa: S608 (our own column names)
        return groupby(map(Row._make, self.select(sql)), key=itemgetter(0))

    def select(self, sql: str, *values: object) -> Iterator[Any]:
        """Rows of a question of ours, as they are read."""
        cursor = self.database.execute(sql, values)
        cursor.arraysize = ROWS_AT_ONCE
        return iter(cursor)

    def number_of(self, activity: str) -> int | None:
        """An activity's number; None: no event has it."""
        return self._numbers.get(activity)

    def activity_name(self, number: int | None) -> str | None:
        """What an activity is called."""
        return None if number is None else self.activities[number]

    def resource_name(self, mark: int) -> str:
        """What a resource is called in the log."""
        row = self.database.execute("SELECT name FROM resources WHERE mark = ?", (mark,)).fetchone()
        return str(row[0])

    def case_name(self, trace: int) -> str | None:
        """What a case is called in the log; None: it has no name."""
        row = self.database.execute("SELECT name FROM traces WHERE number = ?", (trace,)).fetchone()
        return row[0] if row is not None else None

    def sequence(self, trace: int, count: int) -> tuple[list[str | None], int]:
        """A trace's first `count` activities in order, and how many it has."""
        first, size = self.database.execute("SELECT first, size FROM traces WHERE number = ?", (trace,)).fetchone()
        rows = self.select(
            "SELECT activity FROM events WHERE rowid BETWEEN ? AND ? ORDER BY key, rowid LIMIT ?",
            *(first, first + size - 1, count),
        )
        return [self.activity_name(row[0]) for row in rows], size


@contextmanager
def open_store(is_working: Callable[[datetime], bool]) -> Generator[LogStore]:
    """An empty store, deleted at the end. Raises `LogRefused` where the disk does not take what is put into it."""
    # An empty name, unlike :memory:, is a file that only this connection has.
    database = sqlite3.connect("", isolation_level=None)
    try:
        database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        database.execute("PRAGMA journal_mode = OFF")
        database.execute("PRAGMA synchronous = OFF")
        database.execute("PRAGMA temp_store = FILE")
        database.executescript(_SCHEMA)
        database.execute("BEGIN")  # one transaction for all: nothing of it is ever to be kept
        yield LogStore(database, is_working)
    except sqlite3.OperationalError as error:
        raise LogRefused(
            "scratch_full",
            f"临时文件所在磁盘写不下该日志，没有统计；请腾出空间，或用环境变量 SQLITE_TMPDIR 指定别处。原文：{error}",
            "The disk for temporary files cannot hold the log, so nothing was counted; make room there or name another "
            f"folder in the environment variable SQLITE_TMPDIR: {error}",
        ) from error
    finally:
        database.close()
