"""Reminders: what is due tomorrow, what is overdue, what the county's calendar moved; each said once.

A sweep finds by the index of due days what a day asks for: one working day before, and once when the day has passed,
also for days on which this computer was off. A case with no officer, or on its way to an office, is swept like any
other; who reads it is told. After a new calendar or edition the due columns are counted again, and whoever is due on
another day is told so with the document that moved it.
Rows of this node alone, no entries: every node counts the same days from the same entries (RULINGS B8), and when it
told its own people concerns nobody else. Never decides when something is due. Next: `office.dues`,
`office.serving` (which runs `tend`), `office.worklists` (the queues).
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, Final, TypeAlias

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, exists, insert, not_, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from office.dues import SILENT, Due, Dues, day_from, number_of
from office.projection import SqlCases, scope_of
from office.tables import cases, counters, reminders
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import ANSWERED, Clock, ClockKind
from schemas.catalogue import Edition
from schemas.names import CaseId, Instant, OfficeId
from sync.ports import Clock as DeviceClock

SWEEP_EVERY_MS: Final = 3_600_000
"""An hour: what arrives late in the day is still told on that day."""

CASES_READ: Final = 200
"""Case files opened at a time: about 25 ms, in which nothing else is answered."""

CALENDAR_COUNTED: Final = "dues.calendar"
CATALOGUE_COUNTED: Final = "dues.catalogue"
"""Counters: the calendar and the editions under which the due columns were counted last."""


class ReminderKind(StrEnum):
    """What is said."""

    DUE_TOMORROW = "due_tomorrow"
    """One working day before; on the day itself if nobody could be told before."""
    OVERDUE = "overdue"
    DEEMED_ACCEPTANCE = "deemed_acceptance"
    """Five working days of silence are over: the case counts as accepted (art. 32)."""
    PROMISE_OVERDUE = "promise_overdue"
    """What was promised, or asked for, has not come."""
    MOVED = "moved"
    """Due on another day than was said before."""


_PASSED: Final = {
    ClockKind.ACCEPTANCE: ReminderKind.DEEMED_ACCEPTANCE,
    ClockKind.PROMISE_KEPT: ReminderKind.PROMISE_OVERDUE,
    ClockKind.PAPERS: ReminderKind.PROMISE_OVERDUE,
}
"""What is said when a clock's day has passed; of every other clock that it is overdue."""

_AFTERWARDS: Final = (ReminderKind.OVERDUE, *_PASSED.values())

_NOTE: Final = text(
    "INSERT INTO reminders (subject, clock, about, kind, due_day, noted_at, old_day, reason) "
    "VALUES (:subject, :clock, :about, :kind, :due_day, :noted_at, :old_day, :reason) "
    "ON CONFLICT (subject, clock, about, kind, due_day) DO UPDATE SET noted_at = excluded.noted_at "
    "WHERE reminders.noted_at > excluded.noted_at + 86400000"
)
"""Each thing once; what was said while this device's clock stood in the future is said again when it is so."""


Reason: TypeAlias = Callable[[CaseFile, date], str]
"""(case, its new due day) → the document that moved it."""


class Reminder(Struct, frozen=True):
    """One thing said of a case's due day."""

    case: CaseId
    clock: str
    about: str
    kind: str
    due_day: date
    noted_at: Instant
    old_day: date | None
    reason: str
    tracking: str
    item: str


class Reminders:
    """Keeps the due columns and the reminders of one node. For the process that holds the pen."""

    def __init__(
        self,
        write: AsyncEngine,
        read: AsyncEngine,
        files: SqlCases,
        dues: Dues,
        clock: DeviceClock,
        today: Callable[[], date],
    ) -> None:
        self._write = write
        self._read = read
        self._files = files
        self._dues = dues
        self._clock = clock
        self._today = today
        self._counted: tuple[WorkCalendar, Sequence[Edition]] | None = None
        self._swept_on: date | None = None
        self._swept_at = Instant(0)

    async def tend(self) -> None:
        """Whatever is due now: count anew after a publication, sweep once an hour and on every new day."""
        await self.refresh()
        today = self._today()
        if today != self._swept_on or abs(self._clock.now() - self._swept_at) >= SWEEP_EVERY_MS:
            await self.sweep(today)

    # --- reading -----------------------------------------------------------------------------------------------------

    async def latest(self, office: OfficeId, limit: int) -> list[Reminder]:
        """What was said last about cases that an office reads, newest first; nothing that is still to come."""
        query = (
            _SAID.join(cases, cases.c.subject == reminders.c.subject)
            .where(scope_of(office), self._is_so())
            .order_by(reminders.c.noted_at.desc(), reminders.c.due_day, reminders.c.subject)
            .limit(limit)
        )
        async with self._read.connect() as connection:
            return [_reminder(row) for row in await connection.execute(query)]

    async def of_case(self, case: CaseId) -> list[Reminder]:
        """What was said about one case, oldest first; nothing that is still to come."""
        query = _SAID.join(cases, cases.c.subject == reminders.c.subject).where(
            reminders.c.subject == case, self._is_so()
        )
        query = query.order_by(reminders.c.noted_at, reminders.c.due_day, reminders.c.kind)
        async with self._read.connect() as connection:
            return [_reminder(row) for row in await connection.execute(query)]

    def _is_so(self) -> ColumnElement[bool]:
        """Whether it is not said to be over too early: this device's clock may have stood in the future."""
        passed = reminders.c.due_day < number_of(self._today())
        return passed | reminders.c.kind.not_in([kind.value for kind in _AFTERWARDS])

    # --- the sweep ---------------------------------------------------------------------------------------------------

    async def sweep(self, today: date) -> None:
        """Say what `today` asks for and was not said yet.

        The first sweep of a day opens every case of which some clock is due by the next working day; the later ones
        only those whose first clock nobody was told of.
        """
        tomorrow = self._dues.calendar.add_working_days(today, 1).day
        wanted = cases.c.due_day <= number_of(tomorrow)
        if self._swept_on == today:
            wanted &= not_(_is_told(number_of(today)))
        place: tuple[int, bytes] = (0, b"")
        query = select(cases.c.due_day, cases.c.subject, cases.c.name, cases.c.file).where(wanted)
        while True:
            beyond = tuple_(cases.c.due_day, cases.c.subject) > tuple_(*place)
            some = query.where(beyond).order_by(cases.c.due_day, cases.c.subject).limit(CASES_READ)
            async with self._read.connect() as connection:
                rows = (await connection.execute(some)).all()
            if not rows:
                break
            files = [self._files.open_file(row.name, row.file) for row in rows]
            said = [one for file in files for one in self._say(file, today, tomorrow)]
            if said:
                async with self._write.begin() as connection:
                    await connection.execute(_NOTE, said)
            place = (rows[-1].due_day, rows[-1].subject)
        self._swept_on, self._swept_at = today, self._clock.now()

    def _say(self, case: CaseFile, today: date, tomorrow: date) -> Iterable[dict[str, object]]:
        for clock in self._dues.clocks(case, today):
            if clock.due is None or not clock.is_running or clock.kind not in ANSWERED or clock.due.day > tomorrow:
                continue
            passed = _PASSED.get(clock.kind, ReminderKind.OVERDUE)
            kind = passed if clock.due.day < today else ReminderKind.DUE_TOMORROW
            yield self._note(case, clock, kind, number_of(clock.due.day))

    def _note(self, case: CaseFile, clock: Clock, kind: ReminderKind, due_day: int) -> dict[str, object]:
        return _values(case.case, clock.kind, clock.subject, kind, due_day, self._clock.now())

    # --- after a publication -----------------------------------------------------------------------------------------

    async def refresh(self) -> int:
        """Count the due columns anew if the calendar or an edition changed since; returns how many cases are due on
        another day. Broken off, it goes on at the next call; no case is told twice.
        """
        counted = (self._dues.calendar, self._dues.catalogue.published)
        if self._counted is not None and counted[0] is self._counted[0] and counted[1] is self._counted[1]:
            return 0
        revisions, known = self._revisions(), await self._known_revisions()
        moved = 0
        if known != revisions:
            is_calendar = known.get(CALENDAR_COUNTED) != revisions[CALENDAR_COUNTED]
            before = self._counted[0] if self._counted is not None else None
            moved = await self._count_anew(self._document_of_calendar(before) if is_calendar else self._edition_of)
            await self._keep(revisions)
        self._counted = counted
        return moved

    async def is_counted(self) -> bool:
        """Whether the due columns were counted last by the calendar and the editions that are known here now."""
        return await self._known_revisions() == self._revisions()

    def _revisions(self) -> dict[str, int]:
        dues = self._dues
        return {CALENDAR_COUNTED: _revision(dues.calendar.digest), CATALOGUE_COUNTED: _revision(dues.catalogue.digest)}

    async def _known_revisions(self) -> dict[str, int]:
        wanted = counters.c.name.in_((CALENDAR_COUNTED, CATALOGUE_COUNTED))
        async with self._read.connect() as connection:
            return {row.name: row.value for row in await connection.execute(select(counters).where(wanted))}

    async def _count_anew(self, reason: Reason) -> int:
        """Every case in which something may be due. What is written meanwhile counts by what is known now anyway."""
        is_open = cases.c.stage.not_in([stage.value for stage in SILENT])
        query = select(cases.c.subject, cases.c.name, cases.c.file, *_DUE_COLUMNS).where(is_open)
        after, moved = b"", 0
        while True:
            some = query.where(cases.c.subject > after).order_by(cases.c.subject).limit(CASES_READ)
            async with self._read.connect() as connection:
                rows = (await connection.execute(some)).all()
            if not rows:
                return moved
            after = rows[-1].subject
            changed: list[tuple[Any, CaseFile, Due]] = []
            for row in rows:
                file = self._files.open_file(row.name, row.file)
                due = self._dues.of(file)
                if due != (row.due_day, row.due_kind, row.due_provisional):
                    changed.append((row, file, due))
            if changed:
                async with self._write.begin() as connection:
                    for row, file, due in changed:
                        moved += await self._move(connection, row, file, due, reason)

    async def _move(self, connection: AsyncConnection, row: Any, file: CaseFile, due: Due, reason: Reason) -> bool:
        """Write one case's new due day, unless the case has changed meanwhile; whether that is another day."""
        unchanged = (cases.c.subject == row.subject) & (cases.c.name == row.name)
        values = dict(zip(("due_day", "due_kind", "due_provisional"), due, strict=True))
        result = await connection.execute(update(cases).where(unchanged).values(values))
        if not result.rowcount or due.day is None or due.day == row.due_day or due.kind != row.due_kind:
            return False
        note = _values(file.case, row.due_kind, "", ReminderKind.MOVED, due.day, self._clock.now())
        said = {"old_day": row.due_day, "reason": reason(file, day_from(due.day))}
        await connection.execute(_NOTE, [note | said])
        return True

    def _document_of_calendar(self, before: WorkCalendar | None) -> Reason:
        """The notice or local change that made the difference; after a start, the one of the due day's year."""
        now = self._dues.calendar
        first = before.first_difference(now) if before is not None else None

        def document(_: CaseFile, day: date) -> str:
            year = (first or day).year
            local = now.find_local(year)
            is_local = local is not None and (before is None or before.find_local(year) != local)
            return local.document if local is not None and is_local else now.year_of(year).document

        return document

    def _edition_of(self, case: CaseFile, _: date) -> str:
        edition = self._dues.catalogue.edition_of_terms(case)
        return edition.document or edition.version

    async def _keep(self, revisions: dict[str, int]) -> None:
        async with self._write.begin() as connection:
            await connection.execute(counters.delete().where(counters.c.name.in_(revisions)))
            values = [{"name": name, "value": value} for name, value in revisions.items()]
            await connection.execute(insert(counters), values)


_SAID: Final = select(reminders, cases.c.tracking, cases.c.item)
_DUE_COLUMNS: Final = (cases.c.due_day, cases.c.due_kind, cases.c.due_provisional)


def _is_told(today: int) -> Any:
    """Whether the first clock of a case was told of, as it stands on this day."""
    of_clock = and_(
        reminders.c.subject == cases.c.subject,
        reminders.c.clock == cases.c.due_kind,
        reminders.c.due_day == cases.c.due_day,
    )
    as_it_stands = or_(
        and_(cases.c.due_day >= today, reminders.c.kind == ReminderKind.DUE_TOMORROW.value),
        and_(cases.c.due_day < today, reminders.c.kind.in_([kind.value for kind in _AFTERWARDS])),
    )
    return exists().where(of_clock, as_it_stands)


def _values(
    case: CaseId, clock: str, about: str, kind: ReminderKind, due_day: int, noted_at: Instant
) -> dict[str, object]:
    return {
        "subject": case,
        "clock": str(clock),
        "about": about,
        "kind": kind.value,
        "due_day": due_day,
        "noted_at": noted_at,
        "old_day": None,
        "reason": "",
    }


def _reminder(row: Any) -> Reminder:
    return Reminder(
        CaseId(row.subject),
        row.clock,
        row.about,
        row.kind,
        day_from(row.due_day),
        Instant(row.noted_at),
        day_from(row.old_day) if row.old_day is not None else None,
        row.reason,
        row.tracking or "",
        row.item or "",
    )


def _revision(digest: bytes) -> int:
    """A digest as a number that fits a column."""
    return int.from_bytes(digest[:7], "big")
