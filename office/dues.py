"""When each case of this node is due: the clocks under the catalogue and the calendar that this node holds.

The terms of a case are those of the edition in force when it was accepted (RULINGS B8); days that the county's calendar
does not know officially yet are marked provisional. The due columns of `cases` are written with every fold, so the same
day is looked up rather than counted again. A new edition or calendar changes the answer at once; the rows of other
cases follow with `office.reminders`.
Never knows what day it is unless told, and never writes. Next: `schemas.casework.clocks` (the rules),
`office.projection` (the columns), `office.worklists` (the queues).
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, NamedTuple

from msgspec.structs import replace

from office.catalogue import Catalogue
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import PLAIN, CaseFile, Course
from schemas.casework.clocks import Clock, clocks_of, first_due
from schemas.casework.events import CaseConverted
from schemas.casework.lifecycle import Stage
from schemas.catalogue import Edition
from schemas.divisions import is_village_office
from schemas.names import Instant, seat_of, within

REMEMBERED_MAX: Final = 500
"""About 500 bytes each: a village computer has little memory, and days repeat within a page of entries. A hub sets more
(`cases_remembered`)."""

DUE_SOON_DAYS: Final = 3
"""Working days ahead that count as soon."""

SILENT: Final = frozenset(
    {Stage.AWAITED, Stage.HANDED_OVER, Stage.CLOSED, Stage.WITHDRAWN, Stage.TERMINATED, Stage.NOT_ACCEPTED}
)
"""Stages in which nothing is due any more."""

_DAY_MS: Final = 86_400_000
_CHINA_MS: Final = 8 * 3_600_000


class Due(NamedTuple):
    """The due columns of a case: its running clock that is due first."""

    day: int | None
    """As 20261122; None = nothing runs."""
    kind: str | None
    """`ClockKind`."""
    provisional: bool | None


NOTHING: Final = Due(None, None, None)


class Dues:
    """Clocks and due days of cases, by what this node knows now."""

    def __init__(
        self, catalogue: Catalogue, calendar: Callable[[], WorkCalendar], *, remembered: int = REMEMBERED_MAX
    ) -> None:
        """`calendar`: asked anew each time; an equal one is expected to be the same object."""
        self.catalogue = catalogue
        self._calendar = calendar
        self._remembered_max = remembered
        self._remembered: dict[object, Due] = {}
        self._counted_by: WorkCalendar | None = None
        self._counted_under: Sequence[Edition] = ()

    @property
    def calendar(self) -> WorkCalendar:
        """Working days as known now."""
        return self._calendar()

    def clocks(self, case: CaseFile, today: date | None = None) -> tuple[Clock, ...]:
        """Every clock of the case, as of `today` as far as silence counts (`clocks_of`)."""
        return clocks_of(case, self.catalogue.terms_of(case), self.calendar, today=today)

    def of(self, case: CaseFile) -> Due:
        """The due columns of a case."""
        if case.stage in SILENT or case.filing is None:
            return NOTHING
        calendar, editions = self._calendar(), self.catalogue.published
        if calendar is not self._counted_by or editions is not self._counted_under:
            self._remembered.clear()
            self._counted_by, self._counted_under = calendar, editions
        key = _key(case)
        if key is None:
            return self._count(case)
        due = self._remembered.get(key)
        if due is None:
            if len(self._remembered) >= self._remembered_max:
                self._remembered.clear()
            due = self._remembered[key] = self._count(case)
        return due

    def days(self, today: date) -> tuple[date, date]:
        """`today`, and the last day that counts as soon."""
        return today, self._calendar().add_working_days(today, DUE_SOON_DAYS).day

    def _count(self, case: CaseFile) -> Due:
        first = first_due(case, self.catalogue.terms_of(case), self.calendar)
        if first is None:
            return NOTHING
        kind, due = first
        return Due(number_of(due.day), kind.value, due.provisional)


def _key(case: CaseFile) -> object:
    """All that the due day of a plain case depends on, days for instants; None for a case that is counted each time.

    Written out rather than asked of the case: it is on the way of every entry that comes in.
    """
    spans, filing, course = case.spans, case.filing, case.course
    if filing is None or not _is_counted_plainly(course):
        return None
    if any(one.kind == CaseConverted.kind for one in case.contributions):
        return None
    accepted, decided, last = case.accepted_at, case.decided_at, spans[-1]
    notice = course.notices[-1] if course.notices else None
    accepted_by, holder = case.accepted_by, case.custodian or case.offeree
    reviewer = seat_of(accepted_by) if accepted_by is not None else None
    above = seat_of(holder) if holder is not None else None
    return (
        case.stage,
        filing.item,
        filing.edition,
        is_village_office(filing.office),
        last.office is not None and is_village_office(last.office),
        _day(spans[0].since),
        _day(last.since),
        _day(case.received_at),
        _day(accepted),
        (_day(notice.at), notice.until) if notice is not None else None,
        _day(course.corrected_at),
        _day(course.replied_at),
        len(reviewer) if reviewer is not None else 0,
        # Whether the first review is over: the case is above the office that accepted it.
        reviewer is not None and above is not None and reviewer != above and within(reviewer, above),
        _day(decided),
    )


def _is_counted_plainly(course: Course) -> bool:
    """Whether nothing but days that are in the key makes this case's course differ from an undisturbed one."""
    if course == PLAIN:
        return True
    return replace(course, notices=(), received=(), corrected_at=None, replied_at=None) == PLAIN


def _day(at: Instant | None) -> int | None:
    return (at + _CHINA_MS) // _DAY_MS if at is not None else None


def number_of(day: date) -> int:
    """A day as a number that sorts like it: 20261122."""
    return (day.year * 100 + day.month) * 100 + day.day


def day_from(number: int) -> date:
    """The day of such a number."""
    return date(number // 10_000, number // 100 % 100, number % 100)
