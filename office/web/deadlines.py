"""What lists and pages show of due days: the countdown, every clock of a case, and what was said when.

Counted in working days as the law does. Names no person; a promised material is named only to whom the case's materials
are shown. Next: `office.dues` (the days), `office.reminders`, `schemas.casework.clocks` (the rules).
"""

from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from office.dues import day_from
from office.reminders import Reminder, ReminderKind
from office.web.i18n import n_, nn_
from office.web.views import Sights
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import Clock, ClockKind, StartEvent
from schemas.casework.custody import custody_account
from schemas.casework.visibility import FieldGroup, Sight
from schemas.catalogue import TermUnit
from schemas.names import Instant

if TYPE_CHECKING:
    from office.node import Node

DAY_MS: Final = 86_400_000

CLOCKS: Final[dict[ClockKind, str]] = {
    ClockKind.ACCEPTANCE: n_("Answer to the filing"),
    ClockKind.PROMISED: n_("Promised term"),
    ClockKind.LEGAL: n_("Legal term"),
    ClockKind.FIRST_REVIEW: n_("First review"),
    ClockKind.DELIVERY: n_("Delivery of the result"),
    ClockKind.VILLAGE: n_("The village's own time"),
    ClockKind.OPINION: n_("Department's opinion"),
    ClockKind.PROMISE_KEPT: n_("Promised material"),
    ClockKind.PAPERS: n_("Papers asked for"),
    ClockKind.PAUSE: n_("Announced end of the pause"),
    ClockKind.STEP: n_("Present step"),
    ClockKind.UPSTREAM: n_("With the office above"),
}

STARTS: Final[dict[StartEvent, str]] = {
    StartEvent.FILED: n_("from the filing"),
    StartEvent.RETURNED: n_("from its return to the village"),
    StartEvent.RECEIVED: n_("from the receipt"),
    StartEvent.CORRECTED: n_("from the correction"),
    StartEvent.ACCEPTED: n_("from the acceptance"),
    StartEvent.DEEMED: n_("from the receipt: accepted by silence"),
    StartEvent.REPLIED: n_("from the reply"),
    StartEvent.REOPENED: n_("from the reopening"),
    StartEvent.SUSPENDED: n_("from the suspension"),
    StartEvent.NOTIFIED: n_("from the notice"),
    StartEvent.CONSULTED: n_("from the request"),
    StartEvent.REPORTED: n_("from the report upward"),
    StartEvent.DECIDED: n_("from the decision"),
    StartEvent.ARRIVED: n_("from its arrival in the village"),
}

UNITS: Final[dict[TermUnit, tuple[str, str]]] = {
    TermUnit.WORKING_DAYS: nn_("%(num)s working day", "%(num)s working days"),
    TermUnit.CALENDAR_DAYS: nn_("%(num)s calendar day", "%(num)s calendar days"),
    TermUnit.ON_THE_SPOT: nn_("on the spot", "on the spot"),
}

REMINDERS: Final[dict[ReminderKind, str]] = {
    ReminderKind.DUE_TOMORROW: n_("due on the next working day"),
    ReminderKind.OVERDUE: n_("overdue"),
    ReminderKind.DEEMED_ACCEPTANCE: n_("silence for five working days: counts as accepted"),
    ReminderKind.PROMISE_OVERDUE: n_("the material has not come"),
    ReminderKind.MOVED: n_("due on another day"),
}


class DueView(Struct, frozen=True):
    """When a case is due, in a list."""

    kind: str
    """`ClockKind`."""
    day: date
    is_provisional: bool
    days_left: int
    """Working days; 0 = today, negative = overdue by so many. On a day of rest after the due day: 0 too."""
    is_overdue: bool


class ClockView(Struct, frozen=True):
    """One clock of a case, for its page."""

    kind: str
    about: str
    """The step's code, the department's office, or the material as far as it may be read."""
    office: str
    """Who answers for it; empty: the resident."""
    start: date
    start_event: str
    unit: str
    """Empty: the day was named."""
    days: int
    due: date | None
    is_provisional: bool
    due_unpaused: date | None
    """Only where pauses moved it."""
    stopped: date | None
    paused_days: int
    paused_since: date | None
    days_over: int
    """Overdue by so many days of its unit, pauses left out …"""
    days_over_unpaused: int
    """… and with them counted in."""
    days_taken: int
    """Working days from its start until it stopped, or until today."""


class CustodyView(Struct, frozen=True):
    """How long an office had the case."""

    office: str
    """Empty: on its way."""
    days: float
    """Of 24 hours, to a tenth."""


class ReminderView(Struct, frozen=True):
    """One thing that was said of a due day."""

    case: str
    tracking: str
    item: str
    clock: str
    kind: str
    due: date
    old_due: date | None
    reason: str
    at: Instant


def due_view(node: "Node", case: CaseFile) -> DueView | None:
    """When the case is due, by what is known now; None when nothing runs."""
    due = node.dues.of(case)
    if due.day is None or due.kind is None:
        return None
    today, day = node.today, day_from(due.day)
    left = node.dues.calendar.working_days_between(today, day)
    return DueView(due.kind, day, bool(due.provisional), left, day < today)


def clock_views(node: "Node", case: CaseFile, sights: Sights) -> tuple[ClockView, ...]:
    """Every clock of the case, running ones first."""
    today, calendar = node.today, node.dues.calendar
    clocks = sorted(node.dues.clocks(case, today), key=lambda clock: not clock.is_running)
    shows_materials = sights[FieldGroup.STATEMENT] is Sight.CLEAR
    return tuple(_clock_view(clock, calendar, today, shows_materials=shows_materials) for clock in clocks)


def custody_views(node: "Node", case: CaseFile) -> tuple[CustodyView, ...]:
    """Where the time went, in the order in which the offices came."""
    account = custody_account(case, node.clock.now())
    return tuple(CustodyView(one.office or "", round(one.milliseconds / DAY_MS, 1)) for one in account)


def reminder_view(reminder: Reminder) -> ReminderView:
    """One reminder, without whom it is about."""
    return ReminderView(
        reminder.case.hex(),
        reminder.tracking,
        reminder.item,
        reminder.clock,
        reminder.kind,
        reminder.due_day,
        reminder.old_day,
        reminder.reason,
        reminder.noted_at,
    )


def _clock_view(clock: Clock, calendar: WorkCalendar, today: date, *, shows_materials: bool) -> ClockView:
    is_hidden = clock.kind is ClockKind.PROMISE_KEPT and not shows_materials
    is_paused = bool(clock.paused_days or clock.paused_since)
    return ClockView(
        clock.kind.value,
        "" if is_hidden else clock.subject,
        clock.office or "",
        clock.start,
        clock.start_event.value,
        clock.unit.value if clock.unit is not None else "",
        clock.days or 0,
        clock.due.day if clock.due is not None else None,
        clock.due is not None and clock.due.provisional,
        clock.due_unpaused.day if clock.due_unpaused is not None and is_paused else None,
        clock.stopped,
        clock.paused_days,
        clock.paused_since,
        clock.days_over(calendar, today),
        clock.days_over_unpaused(calendar, today),
        max(calendar.working_days_between(clock.start, clock.stopped or today), 0),
    )
