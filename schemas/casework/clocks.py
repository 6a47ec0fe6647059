"""The clocks of a case: what is due when, and who answers for it.

Reads only what every tier of the case holds: the case file, the item and the calendar; so every tier computes the same
days (RULINGS B8). The instants are claims of the offices' devices; audit brackets them, this module does not. Day 0 is
the day of the event. Neither a survey on the spot, nor a notice after acceptance, nor a late print stops or moves a
clock: only the causes of art. 45 do, as `Pause`s. Never knows what day it is, and never raises for a claim.
Next: `schemas.casework.terms` for the counting, `schemas.casework.custody` for how long who had the case, `office.dues`
for the due column, `office.reminders`.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta, timezone
from enum import StrEnum
from typing import Final

from msgspec import Struct

from schemas.calendar import DueDay, WorkCalendar
from schemas.casework.casefile import CaseFile, Span
from schemas.casework.stages import AWAITING_PAPERS, UNACCEPTED, Stage
from schemas.casework.steps import Step
from schemas.casework.terms import Days, days_lost, reach
from schemas.catalogue import CaseType, ServiceItem, TermStart, TermUnit, planned_steps
from schemas.divisions import Tier, is_village_office, tier_of_office
from schemas.names import Instant, OfficeId, seat_of, within

CHINA_TIME: Final = timezone(timedelta(hours=8), "Asia/Shanghai")
"""One time zone for the whole country, without summer time since 1991."""

ACCEPTANCE_DAYS: Final = 5
"""Working days after which silence is acceptance (Administrative Licensing Law art. 32)."""

DELIVERY_DAYS: Final = 10
"""Working days from the decision until the resident has it (art. 44)."""

FIRST_REVIEW_DAYS: Final = 20
"""Working days in which an organ reviews what the one above it decides (art. 43)."""

VILLAGE_FORWARDS_DAYS: Final = 1
"""Working days in which a village passes a case on. No node's setting: every tier must count the same."""

VILLAGE_HANDS_OVER_DAYS: Final = 3
"""Working days in which a village takes a result to the resident; within art. 44's ten, whatever the way took."""

_INSTANT_MAX: Final = 7_258_118_400_000
"""1 January 2200. A claimed time may be any number; a due day computed from nonsense must not stop the fold."""

_DAY_MS: Final = 86_400_000
_CHINA_MS: Final = 8 * 3_600_000
_EPOCH: Final = date(1970, 1, 1).toordinal()

_FIRST_DAY: Final = date(1970, 1, 1)
_LAST_DAY: Final = date(2200, 1, 1)


class ClockKind(StrEnum):
    """What is counted. In this order of two clocks that are due on one day the first is told."""

    ACCEPTANCE = "acceptance"
    """The answer to a filing (art. 32)."""
    PROMISED = "promised"
    """The decision, as promised (承诺时限)."""
    LEGAL = "legal"
    """The decision, at the latest (法定时限)."""
    FIRST_REVIEW = "first_review"
    """The township's review of what is decided above it (初审, art. 43)."""
    DELIVERY = "delivery"
    """The result in the resident's hands (art. 44)."""
    VILLAGE = "village"
    """What the village itself takes: to pass the case on, and to hand over the result."""
    OPINION = "opinion"
    """A department's opinion in a joint case."""
    PROMISE_KEPT = "promise_kept"
    """A material that the resident promised (容缺后补)."""
    PAPERS = "papers"
    """What a notice asked for, by the day that it names: a case whose resident does not come is not forgotten."""
    PAUSE = "pause"
    """The end of a pause, as the resident was told: a case that stands still is not forgotten."""
    STEP = "step"
    """The present step's share of the promise: a mark on the way, not a term."""
    UPSTREAM = "upstream"
    """How long an office above has had a case that was reported upward: told apart, without a limit of ours."""


ANSWERED: Final = frozenset(ClockKind) - {ClockKind.STEP, ClockKind.UPSTREAM}
"""What the office with the pen must see to. Steps are its own affair; above it others answer."""


class StartEvent(StrEnum):
    """The event whose day is day 0."""

    FILED = "filed"
    RETURNED = "returned"
    """Came back to the village unaccepted."""
    RECEIVED = "received"
    CORRECTED = "corrected"
    """What the notice asked for was brought."""
    ACCEPTED = "accepted"
    DEEMED = "deemed"
    """Received, and accepted on that day by silence."""
    REPLIED = "replied"
    """Papers were taken up, or the clock was started again, after acceptance."""
    REOPENED = "reopened"
    SUSPENDED = "suspended"
    NOTIFIED = "notified"
    """The resident was told what is missing."""
    CONSULTED = "consulted"
    REPORTED = "reported"
    """Offered to an office above."""
    DECIDED = "decided"
    ARRIVED = "arrived"
    """The result came to the village."""


class Clock(Struct, frozen=True):
    """One clock of a case, running or stopped."""

    kind: ClockKind
    start: date
    start_event: StartEvent
    due: DueDay | None
    """None while a pause is open that began in time, and for a clock without a limit."""
    due_unpaused: DueDay | None
    """When it would be due had nothing stopped it."""
    unit: TermUnit | None = None
    """None: the day was named, not counted."""
    days: int | None = None
    """The term with its extensions, in `unit`."""
    stopped: date | None = None
    """The day on which what was awaited came, or the matter ended."""
    paused_days: int = 0
    """Days of its unit that ended pauses took out of it."""
    paused_since: date | None = None
    """The clock stands still since that day."""
    subject: str = ""
    """The step's code, the department, or the material."""
    office: OfficeId | None = None
    """Who answers for it; None = the resident."""

    @property
    def is_running(self) -> bool:
        """Whether what it counts for has not come yet."""
        return self.stopped is None

    def is_overdue(self, today: date) -> bool:
        """Whether it ran out: by `today`, or before it was stopped."""
        return self.due is not None and self.due.day < (self.stopped or today)

    def days_over(self, calendar: WorkCalendar, today: date) -> int:
        """By how many days of its unit it is overdue; 0 = it is not. Days that were named count as working days."""
        return self._over(self.due, calendar, today)

    def days_over_unpaused(self, calendar: WorkCalendar, today: date) -> int:
        """The same as if no pause counted: what the supervision looks at beside it."""
        return self._over(self.due_unpaused, calendar, today)

    def _over(self, due: DueDay | None, calendar: WorkCalendar, today: date) -> int:
        end = self.stopped or today
        if due is None or due.day >= end:
            return 0
        if self.unit is TermUnit.CALENDAR_DAYS:
            return (end - due.day).days
        return calendar.working_days_between(due.day, end)


def day_of(instant: Instant) -> date:
    """The calendar day in China of an instant; claims before 1970 or after 2200 are taken as those years."""
    bounded = min(max(instant, 0), _INSTANT_MAX)
    return date.fromordinal(_EPOCH + (bounded + _CHINA_MS) // _DAY_MS)


def clocks_of(
    case: CaseFile, item: ServiceItem | None, calendar: WorkCalendar, *, today: date | None = None
) -> tuple[Clock, ...]:
    """Every clock of the case, running and stopped, in the order in which they start to matter.

    `item`: as its terms were in force when the case was accepted; without it only what the law fixes is counted.
    `today`: from the day on which silence counts as acceptance the promise runs too (`accepted_on`); without a day
    only what has been written counts.
    """
    if case.filing is None:
        return ()
    return tuple(_Clocks(case, item, calendar, today).all())


def accepted_on(case: CaseFile, calendar: WorkCalendar, today: date | None = None) -> date | None:
    """The day from which the case counts as accepted: by the office's word, or by its silence (art. 32, RULINGS B8).

    Silence for five working days after receipt is acceptance on the day of receipt, also when an acceptance is written
    later. A case whose notice of gaps is out is not accepted. None: not accepted, as of `today` as far as it is given.
    """
    return _accepted_on(case, calendar, today, _answer_starts(case))


def _accepted_on(case: CaseFile, calendar: WorkCalendar, today: date | None, start: date | None) -> date | None:
    """See `accepted_on`; `start`: day 0 of the answer."""
    course = case.course
    if case.renewed_at is not None:
        return day_of(case.renewed_at)
    written = day_of(case.accepted_at) if case.accepted_at is not None else None
    if written is not None and course.deemed_on is not None:
        return min(_bounded(course.deemed_on), written)
    if start is None or (written is None and (today is None or case.stage not in UNACCEPTED)):
        return written
    if case.stage is Stage.CORRECTING:
        return None
    looked = written or today
    assert looked is not None
    is_silent = looked > calendar.add_working_days(start, ACCEPTANCE_DAYS).day
    return start if is_silent else written


def first_due(case: CaseFile, item: ServiceItem | None, calendar: WorkCalendar) -> tuple[ClockKind, DueDay] | None:
    """`next_due` of the case's clocks, without counting what is only shown."""
    return next_due(_Clocks(case, item, calendar, None, running=True).answered()) if case.filing is not None else None


def next_due(clocks: Iterable[Clock]) -> tuple[ClockKind, DueDay] | None:
    """The running clock that is due first, of those that somebody must see to; None when none has a day."""
    running = [clock for clock in clocks if clock.is_running and clock.kind in ANSWERED]
    dues = [(clock.kind, clock.due) for clock in running if clock.due is not None]
    return min(dues, key=lambda found: (found[1].day, _ORDER[found[0]]), default=None)


_ORDER: Final = {kind: number for number, kind in enumerate(ClockKind)}


def _bounded(day: date) -> date:
    """A day that somebody wrote, within the years in which days are counted."""
    return min(max(day, _FIRST_DAY), _LAST_DAY)


def _answer_starts(case: CaseFile) -> date | None:
    """Day 0 of the five days of art. 32: the receipt, and anew each time that what was missing was brought."""
    received, corrected = case.received_at, case.course.corrected_at
    if received is None:
        return None
    return day_of(received if corrected is None else max(received, corrected))


def _pauses(case: CaseFile) -> list[Days]:
    """The pauses by day, in their order and without overlap. One that ended on its first day took no day.

    None from before a new term counts: it may have been open when the case was ended.
    """
    renewed = case.renewed_at
    found: list[Days] = []
    for pause in sorted(case.course.pauses, key=lambda one: one.since):
        if renewed is not None and pause.since < renewed:
            continue
        since = day_of(pause.since)
        till = day_of(pause.until) if pause.until is not None else None
        if found and (found[-1][1] is None or since < found[-1][1]):
            before, last = found.pop()
            found.append((before, None if last is None or till is None else max(last, till)))
        elif till is None or till > since:
            found.append((since, till))
    return found


class _Clocks:
    """One case's clocks being read off."""

    def __init__(
        self,
        case: CaseFile,
        item: ServiceItem | None,
        calendar: WorkCalendar,
        today: date | None,
        *,
        running: bool = False,
    ) -> None:
        """`running`: nobody will ask for clocks that have stopped."""
        self.running = running
        self.case = case
        self.item = item
        self.calendar = calendar
        self.received = _answer_starts(case)
        self.accepted = _accepted_on(case, calendar, today, self.received)
        self.pauses = _pauses(case)
        self.holder = case.custodian or case.offeree
        ended = case.decided_at if case.decided_at is not None else case.ended_at
        self.decided = day_of(ended) if ended is not None else None
        """When the decision came, or the matter ended without one."""
        self.ended = day_of(case.ended_at) if case.ended_at is not None else None
        self.never_accepted = any(one.at == case.accepted_at for one in case.course.reopenings)
        """It ended unaccepted and was taken up again: what was awaited before stopped on a day that is not known."""

    def all(self) -> Iterator[Clock]:
        """See `clocks_of`."""
        yield from self.answered()
        if self.item is not None:
            yield from self._step(self.item)
            yield from self._upstream(self.item)

    def answered(self) -> Iterator[Clock]:
        """Those that somebody must see to."""
        yield from self._forwarding()
        yield from self._acceptance()
        if self.item is not None:
            yield from self._decision(self.item)
        yield from self._opinions()
        yield from self._promises()
        yield from self._awaited()
        yield from self._announced()
        yield from self._handing_over()

    # --- before acceptance -------------------------------------------------------------------------------------------

    def _forwarding(self) -> Iterator[Clock]:
        """A village's own time: from the filing to its offer, and anew when the case comes back unaccepted."""
        if self.running and self.case.stage is not Stage.FILED:
            return
        first, *later = self.case.spans
        if first.office is None or not is_village_office(first.office):
            return
        if self.never_accepted and later[0].office is not None:
            return
        until = day_of(later[0].since) if later else self.ended
        yield self._village(first, StartEvent.FILED, VILLAGE_FORWARDS_DAYS, until)
        if later and self.case.stage is Stage.FILED and later[-1].office and is_village_office(later[-1].office):
            yield self._village(later[-1], StartEvent.RETURNED, VILLAGE_FORWARDS_DAYS, None)

    def _village(self, span: Span, event: StartEvent, days: int, stopped: date | None) -> Clock:
        return self._counted(
            ClockKind.VILLAGE, day_of(span.since), event, days, pauses=(), stopped=stopped, office=span.office
        )

    def _acceptance(self) -> Iterator[Clock]:
        case, start = self.case, self.received
        if start is None or self.never_accepted or (self.running and case.accepted_at is not None):
            return
        stopped = day_of(case.accepted_at) if case.accepted_at is not None else self.ended
        if case.stage is Stage.CORRECTING:
            stopped = day_of(case.course.notices[-1].at) if case.course.notices else start
        event = StartEvent.CORRECTED if case.course.corrected_at is not None else StartEvent.RECEIVED
        office = case.accepted_by or self.holder
        yield self._counted(
            ClockKind.ACCEPTANCE, start, event, ACCEPTANCE_DAYS, pauses=(), stopped=stopped, office=office
        )

    # --- from acceptance to the decision -----------------------------------------------------------------------------

    def _decision(self, item: ServiceItem) -> Iterator[Clock]:
        if self.running and self.decided is not None:
            return
        decision = self.case.decision
        office = decision.office if decision is not None else None
        if self.accepted is not None:
            event, promise = self._accepted_by(), self._promise(item)
            yield self._counted(ClockKind.PROMISED, self.accepted, event, promise, stopped=self.decided, office=office)
        legal_start = self._legal_start(item)
        if legal_start is not None:
            start, event = legal_start
            days, unit = self._legal_days(item), item.legal.unit
            yield self._counted(ClockKind.LEGAL, start, event, days, unit, stopped=self.decided, office=office)
        yield from self._first_review(item)

    def _first_review(self, item: ServiceItem) -> Iterator[Clock]:
        """Until the case is offered upward; it runs on when it comes back unreviewed."""
        by, accepted = self.case.accepted_by, self.accepted
        is_reviewed_first = item.case_type is CaseType.REPORTED_UPWARD
        if not is_reviewed_first or by is None or accepted is None or tier_of_office(by) is not Tier.TOWNSHIP:
            return
        stays = [*self._upstream(item)]
        is_above = bool(stays) and stays[-1].stopped == self.decided
        stopped = stays[-1].start if is_above else self.decided
        office = self.holder if stopped is None else by
        event = self._accepted_by()
        yield self._counted(ClockKind.FIRST_REVIEW, accepted, event, FIRST_REVIEW_DAYS, stopped=stopped, office=office)

    def _promise(self, item: ServiceItem) -> int:
        converted = self.case.converted_days
        return item.promise_days if converted is None else converted

    def _accepted_by(self) -> StartEvent:
        if self.case.renewed_at is not None:
            return StartEvent.REOPENED
        written = self.case.accepted_at
        return StartEvent.ACCEPTED if written is not None and day_of(written) == self.accepted else StartEvent.DEEMED

    def _legal_start(self, item: ServiceItem) -> tuple[date, StartEvent] | None:
        """Day 0 of the legal term, as the item declares it; of a new term the day of the reopening."""
        case, accepted = self.case, self.accepted
        if item.legal.start is TermStart.RECEIVED and case.renewed_at is None:
            start = self.received or accepted
            if start is None or case.stage is Stage.CORRECTING:
                return None
            return start, StartEvent.RECEIVED if case.course.corrected_at is None else StartEvent.CORRECTED
        if accepted is None:
            return None
        if item.legal.start is TermStart.REPLY:
            replied = [day_of(at) for at in (case.course.replied_at, *(one.until for one in case.course.pauses)) if at]
            latest = max(replied, default=accepted)
            if latest > accepted:
                return latest, StartEvent.REPLIED
        return accepted, self._accepted_by()

    def _legal_days(self, item: ServiceItem) -> int:
        granted = sum(one.days for one in self.case.course.extensions)
        return (0 if item.legal.unit is TermUnit.ON_THE_SPOT else item.legal.days) + granted

    def _step(self, item: ServiceItem) -> Iterator[Clock]:
        """The present step: the steps up to the decision share the promise equally, each with its mark on the way."""
        promise = self._promise(item)
        if not promise or self.decided is not None or self.accepted is None:
            return
        planned = steps_to_decision(item)
        done = self.case.steps_done
        number = next((number for number, step in enumerate(planned, start=1) if step not in done), 0)
        if number:
            days = -(-promise * number // len(planned))
            step = planned[number - 1].value
            yield self._counted(ClockKind.STEP, self.accepted, self._accepted_by(), days, subject=step)

    def _upstream(self, item: ServiceItem) -> Iterator[Clock]:
        """Each stay with an office above the one that accepted the case, from the offer on."""
        accepted_by = self.case.accepted_by
        if item.case_type is not CaseType.REPORTED_UPWARD or accepted_by is None:
            return
        decided = self.case.decided_at
        since: date | None = None
        office: OfficeId | None = None
        for span, there in zip(self.case.spans, self._whereto(), strict=True):
            if decided is not None and span.since >= decided:
                break
            is_above = there is not None and _is_above(there, accepted_by)
            if is_above and since is None:
                since, office = day_of(span.since), there
            elif not is_above and since is not None:
                yield _waited(since, day_of(span.since), office)
                since = None
        if since is not None:
            yield _waited(since, self.decided, office)

    def _whereto(self) -> Iterator[OfficeId | None]:
        """Of each span the office where the case is, or whereto it is on its way."""
        spans = self.case.spans
        for span, after in zip(spans, (*spans[1:], None), strict=True):
            yield span.office or (after.office if after is not None else self.case.offeree)

    # --- beside the decision -----------------------------------------------------------------------------------------

    def _opinions(self) -> Iterator[Clock]:
        course = self.case.course
        if course.opinions_due is None or course.consulted_at is None:
            return
        due = self._named(course.opinions_due)
        given = {one.office: one.at for one in reversed(self.case.answers)}
        for office in course.consulted:
            stopped = day_of(given[office]) if office in given else self.decided
            start, event = day_of(course.consulted_at), StartEvent.CONSULTED
            yield Clock(
                ClockKind.OPINION, start, event, due, due, stopped=stopped, subject=office, office=OfficeId(office)
            )

    def _promises(self) -> Iterator[Clock]:
        """Materials still outstanding; what was brought is no longer in the file."""
        if self.case.accepted_at is None:
            return
        start = day_of(self.case.accepted_at)
        for promise in self.case.course.promises:
            due = self._named(promise.until)
            yield Clock(
                ClockKind.PROMISE_KEPT,
                start,
                StartEvent.ACCEPTED,
                due,
                due,
                stopped=self.decided,
                subject=promise.material,
            )

    def _awaited(self) -> Iterator[Clock]:
        """The papers of the last notice, while any of them is awaited."""
        notice = self.case.course.notices[-1] if self.case.course.notices else None
        if notice is None or notice.until is None or self.case.stage not in AWAITING_PAPERS:
            return
        due = self._named(notice.until)
        yield Clock(ClockKind.PAPERS, day_of(notice.at), StartEvent.NOTIFIED, due, due, office=self.holder)

    def _announced(self) -> Iterator[Clock]:
        for pause in self.case.course.pauses:
            due, start = self._named(pause.expected_until), day_of(pause.since)
            stopped = day_of(pause.until) if pause.until is not None else None
            yield Clock(ClockKind.PAUSE, start, StartEvent.SUSPENDED, due, due, stopped=stopped, office=self.holder)

    def _named(self, day: date) -> DueDay:
        """A day that was named: one of rest moves to the next working day like any other (Civil Code art. 203)."""
        reached = self.calendar.next_working_day_on_or_after(_bounded(day))
        return DueDay(reached, not self.calendar.is_official(reached))

    # --- after the decision ------------------------------------------------------------------------------------------

    def _handing_over(self) -> Iterator[Clock]:
        case = self.case
        if case.decision is None or case.decided_at is None:
            return
        last = case.spans[-1]
        if last.office is not None and is_village_office(last.office):
            yield self._village(last, StartEvent.ARRIVED, VILLAGE_HANDS_OVER_DAYS, self.ended)
        yield self._counted(
            ClockKind.DELIVERY,
            day_of(case.decided_at),
            StartEvent.DECIDED,
            DELIVERY_DAYS,
            pauses=(),
            stopped=self.ended,
        )

    # --- counting ----------------------------------------------------------------------------------------------------

    def _counted(
        self,
        kind: ClockKind,
        start: date,
        event: StartEvent,
        days: int,
        unit: TermUnit = TermUnit.WORKING_DAYS,
        *,
        pauses: Sequence[Days] | None = None,
        stopped: date | None = None,
        subject: str = "",
        office: OfficeId | None = None,
    ) -> Clock:
        pauses = self.pauses if pauses is None else pauses
        unpaused = reach(start, days, unit, self.calendar)
        due, lost, since = unpaused, 0, None
        if days and pauses:
            lost, since = days_lost(start, days, unit, pauses, self.calendar)
            due = reach(start, days + lost, unit, self.calendar) if since is None else None
        shown = unit if days else TermUnit.ON_THE_SPOT
        return Clock(
            kind,
            start,
            event,
            due,
            unpaused,
            shown,
            days,
            stopped,
            lost,
            since,
            subject,
            office or self.holder,
        )


def steps_to_decision(item: ServiceItem) -> tuple[Step, ...]:
    """The steps that share the promise: from the first after acceptance to the decision, each kind once.

    A special procedure has its own time, which the law leaves out.
    """
    kinds = dict.fromkeys(planned.step for planned in planned_steps(item) if not planned.special)
    steps = [step for step in kinds if step is not Step.ACCEPTANCE]
    return tuple(steps[: steps.index(Step.DECISION) + 1]) if Step.DECISION in steps else ()


def _is_above(office: OfficeId, below: OfficeId) -> bool:
    seat, above = seat_of(below), seat_of(office)
    return seat != above and within(seat, above)


def _waited(since: date, until: date | None, office: OfficeId | None) -> Clock:
    return Clock(ClockKind.UPSTREAM, since, StartEvent.REPORTED, None, None, stopped=until, office=office)
