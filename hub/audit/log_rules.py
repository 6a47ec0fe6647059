"""The audit rules that a bare event log can feed, as far as it tells what they ask for.

A log knows no item, no calendar of an office, no grant and no bracket of proof. So these say where to look, and a rule
that lacks something it needs says what, instead of finding nothing. Thresholds are those of `hub.audit.limits`.
Never judges an office. Next: `hub.audit.rules` for the rules as they judge cases of this county.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any, Final

from msgspec import Struct

from hub.audit.log_store import DAY_US, RESUMED, SUSPENDED, LogStore, Row
from hub.audit.rule import Limits, Severity
from hub.audit.rules import RULES
from schemas.casework.clocks import CHINA_TIME
from schemas.casework.events import (
    CaseClosed,
    CaseConverted,
    CaseDecided,
    CaseExpedited,
    CaseFiled,
    CaseReopened,
    CustodyAccepted,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    PapersBrought,
    PapersRequested,
    SiteSurveyed,
)

EXAMPLES_MAX: Final = 50
"""Hits of one rule that are told one by one; all are counted."""
DAYS_REMEMBERED: Final = 50_000
"""More than a century, so that a log with senseless days costs no memory."""

TIMES: Final = "timestamps"
DUE: Final = "due"
RESOURCES: Final = "resource"
LIFECYCLE: Final = "lifecycle"
ACTIVITIES: Final = "activities"
"""The log speaks of acts as this network does: one that it wrote."""
DECISION: Final = "decision"
"""The activity that the operator names, in some event."""
PAIR: Final = "pair"

MATERIAL: Final = (
    CaseConverted,
    CaseDecided,
    CaseExpedited,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    PapersBrought,
    SiteSurveyed,
)
"""What changes something of a case, and has no place after its end."""

_SECOND_US: Final = 1_000_000
_WEEK_DAYS: Final = 7
_WORKING_DAYS: Final = 5


class LogRule(Struct, frozen=True):
    """A rule as it is applied to a log; what it is called and rests on is the rule's own (`hub.audit.rules`)."""

    code: str
    """As AUDIT 4.2 has it."""
    feeds: frozenset[str]
    """What a log must have for it."""
    guard: tuple[str, str]
    """What it leaves alone, or cannot know (zh, en)."""


LOG_RULES: Final = (
    LogRule(
        "P1",
        frozenset({TIMES, DUE, DECISION}),
        ("无截止时间或未办结的不判；零点截止的算到当日结束", "cases without a due time or an end are not judged"),
    ),
    LogRule(
        "P5",
        frozenset({TIMES}),
        ("日志不说明事项是否即办件", "a log does not say which items may be done on the spot"),
    ),
    LogRule(
        "P7",
        frozenset({ACTIVITIES}),
        ("只数告知次数；日志没有再次告知的说明", "notices are counted; why there was another is in no log"),
    ),
    LogRule(
        "P9",
        frozenset({TIMES, LIFECYCLE}),
        ("日志没有中止文书和批准人；限期按自然日折算", "documents and approvers are in no log; the limit is in days"),
    ),
    LogRule(
        "P11",
        frozenset({TIMES, RESOURCES}),
        ("日志不说明事项可否批量办理", "a log does not say which items may be done in bulk"),
    ),
    LogRule(
        "P12",
        frozenset({TIMES, RESOURCES}),
        ("日志没有值班表和村的办公时间", "duty rosters and village hours are in no log"),
    ),
    LogRule(
        "P13",
        frozenset({RESOURCES, PAIR}),
        ("只判 --pair 指明的两项活动", "only pairs that --pair names"),
    ),
    LogRule(
        "P21",
        frozenset({ACTIVITIES}),
        (
            "备注、归档、公示和重新办理后的不判",
            "remarks, archiving, publicity and what follows a reopening are left alone",
        ),
    ),
)
"""Of rules that say what feeds them, those that a log can feed without the item that a case is about."""


class Wanted(Struct, frozen=True):
    """What the operator says of a log."""

    decision: str = ""
    """The activity that a due time is meant for. Empty: `case.decided`, where a log has none each case's last event."""
    pairs: Sequence[tuple[str, str]] = ()
    """Activities that one resource may not both do in one case."""


class Hits:
    """What one rule found."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(Severity, 0)
        self.examples: list[dict[str, Any]] = []

    def add(self, severity: Severity, **facts: object) -> None:
        """Count a hit, and keep it while there is room."""
        self.counts[severity] += 1
        if len(self.examples) < EXAMPLES_MAX:
            self.examples.append({"severity": severity.value, **facts})


class Judge:
    """The rules over one log. Tell it every event in order (`event`), and when a trace has ended (`end`)."""

    def __init__(self, store: LogStore, limits: Limits, wanted: Wanted) -> None:
        self._store = store
        self._limits = limits
        self.hits = {rule.code: Hits() for rule in LOG_RULES}
        self._decision = store.number_of(wanted.decision or CaseDecided.kind)
        self._accepted = store.number_of(CustodyAccepted.kind)
        self._closed = store.number_of(CaseClosed.kind)
        self._instant_us = limits["instant_seconds_max"] * _SECOND_US
        self._pause_us = limits["pause_days_max"] * _WEEK_DAYS // _WORKING_DAYS * DAY_US
        self._reopened = store.number_of(CaseReopened.kind)
        self._requested = store.number_of(PapersRequested.kind)
        self._material = frozenset(store.number_of(event.kind) for event in MATERIAL)
        self._fed: set[str] = set()
        if self._decision is not None or not wanted.decision:
            self._fed.add(DECISION)
        self._pairs = [(one, other) for one, other in wanted.pairs if {one, other} <= set(store.activities)]
        if self._pairs:
            self._fed.add(PAIR)
        if store.number_of(CaseFiled.kind) is not None:
            self._fed.add(ACTIVITIES)
        self._dues = iter(store.select("SELECT number, due FROM traces WHERE size > 0 ORDER BY number"))
        self._instants: list[tuple[int, int, int]] = []
        self._begin()

    def _begin(self) -> None:
        self._first: int | None = None
        self._last: int | None = None
        self._decided: int | None = None
        self._accepted_at: int | None = None
        self._closed_at: int | None = None
        self._is_closed = False
        self._edits = self._notices = 0
        self._whose: int | None = None
        self._is_one = True
        """Whether one resource alone has worked so far."""
        self._paused: int | None = None
        self._pauses: list[int] = []
        self._pause_us_sum = 0

    def event(self, row: Row) -> None:
        """The next event of the case."""
        if row.resource is not None:
            if self._whose is None:
                self._whose = row.resource
                self._fed.add(RESOURCES)
            self._is_one = self._is_one and row.resource == self._whose
        at, activity = row.at, row.activity
        if activity is not None:
            self._follow(activity)
        if at is None:
            return
        if self._first is None:
            self._first = at
        self._last = at
        if row.transition is not None:
            self._pause(row.transition, at)
        if activity is None:
            return
        if activity == self._decision and self._decided is None:
            self._decided = at
        if activity == self._accepted and self._accepted_at is None:
            self._accepted_at = at
        elif activity == self._closed:
            self._closed_at = at

    def _follow(self, activity: int) -> None:
        """What counts without a time."""
        if activity == self._requested:
            self._notices += 1
        if activity == self._reopened:
            self._is_closed = False
        elif activity == self._closed:
            self._is_closed = True
        elif self._is_closed and activity in self._material:
            self._edits += 1

    def _pause(self, transition: int, at: int) -> None:
        self._fed.add(LIFECYCLE)
        if transition == SUSPENDED and self._paused is None:
            self._paused = at
            if len(self._pauses) < EXAMPLES_MAX:
                self._pauses.append(at)
        elif transition == RESUMED and self._paused is not None:
            self._pause_us_sum += at - self._paused
            self._paused = None

    def end(self, trace: int, kinds: int) -> None:
        """The case has ended; `kinds`: how many activities it has."""
        number, due = next(self._dues)
        assert number == trace
        if self._first is not None and self._last is not None:
            self._fed.add(TIMES)
            self._judge_instant(trace, kinds, self._first, self._last)
            self._judge_pauses(trace, due, self._last)
            if due is not None:
                self._fed.add(DUE)
                self._judge_due(trace, due, self._last)
        if self._notices > self._limits["requests_max"]:
            self.hits["P7"].add(Severity.YELLOW, case=self._store.case_name(trace), notices=self._notices)
        if self._edits:
            self.hits["P21"].add(Severity.YELLOW, case=self._store.case_name(trace), entries=self._edits)
        self._begin()

    def _judge_due(self, trace: int, due: int, last: int) -> None:
        ended = last if self._decision is None else self._decided
        if ended is not None and ended > due:
            late = (ended - due) // _SECOND_US
            self.hits["P1"].add(Severity.RED, case=self._store.case_name(trace), late_seconds=late)

    def _judge_instant(self, trace: int, kinds: int, first: int, last: int) -> None:
        start, end = first, last
        if self._accepted_at is not None and self._closed_at is not None:
            start, end = self._accepted_at, self._closed_at
        if kinds < self._limits["instant_kinds_min"] or not 0 <= end - start <= self._instant_us:
            return
        took = (end - start) / _SECOND_US
        self.hits["P5"].add(Severity.YELLOW, case=self._store.case_name(trace), took_seconds=took)
        if self._is_one and self._whose is not None:
            self._instants.append((self._whose, end, trace))
            if len(self._instants) >= DAYS_REMEMBERED:
                self._keep_instants()

    def _judge_pauses(self, trace: int, due: int | None, last: int) -> None:
        if self._paused is not None:
            self._pause_us_sum += max(last - self._paused, 0)
        seconds = self._pause_us_sum // _SECOND_US
        margin = self._limits["pause_left_days"] * DAY_US
        is_late = due is not None and any(due - margin < at <= due for at in self._pauses)
        if self._pause_us_sum > self._pause_us or is_late:
            case = self._store.case_name(trace)
            self.hits["P9"].add(Severity.YELLOW, case=case, paused_seconds=seconds, on_the_last_day=is_late)

    # --- over all cases ----------------------------------------------------------------------------------------------

    def told(self) -> list[dict[str, Any]]:
        """Every rule with what it found, once every event was told."""
        self._keep_instants()
        self._judge_weeks()
        if RESOURCES in self._fed:
            self._judge_bulk()
            self._judge_hours()
            self._judge_pairs()
        return [self._told(rule) for rule in LOG_RULES]

    def _told(self, rule: LogRule) -> dict[str, Any]:
        hits, lacks = self.hits[rule.code], sorted(rule.feeds - self._fed)
        declared = next(one for one in RULES if one.code == rule.code)
        told: dict[str, Any] = {"rule": rule.code, "version": declared.version, "title": list(declared.title)}
        told |= {"applied": not lacks, "lacks": lacks}
        if lacks:
            return told
        counts = {severity.value: count for severity, count in hits.counts.items() if count}
        return told | {"hits": sum(counts.values()), **counts, "guard": list(rule.guard), "examples": hits.examples}

    def _keep_instants(self) -> None:
        self._store.database.executemany("INSERT INTO instants VALUES (?, ?, ?)", self._instants)
        self._instants.clear()

    def _judge_weeks(self) -> None:
        """P5 RED: so many instant cases of one resource within its week."""
        many, week = self._limits["instant_cases_red"], self._limits["instant_week_days"] * DAY_US
        rows = self._store.select("SELECT resource, at, trace FROM instants ORDER BY resource, at, trace")
        recent: deque[int] = deque(maxlen=many)
        whose: int | None = None
        for resource, at, trace in rows:
            if resource != whose:
                whose = resource
                recent.clear()
            recent.append(at)
            if len(recent) == many and at - recent[0] <= week:
                name, case = self._store.resource_name(resource), self._store.case_name(trace)
                self.hits["P5"].add(Severity.RED, case=case, resource=name, cases=many)
                recent.clear()

    def _judge_bulk(self) -> None:
        """P11: a run in which every so many cases one after another lie within the limit is one hit."""
        many, window = self._limits["bulk_cases_min"], self._limits["bulk_seconds"] * _SECOND_US
        rows = self._store.select(
            "SELECT resource, activity, at, trace FROM events "
            "WHERE resource IS NOT NULL AND activity IS NOT NULL AND at IS NOT NULL "
            "ORDER BY resource, activity, at, trace"
        )
        whose: tuple[int, int] | None = None
        run = _Run(many, window)
        for resource, activity, at, trace in rows:
            if (resource, activity) != whose:
                self._tell_run(whose, run)
                whose, run = (resource, activity), _Run(many, window)
            elif run.is_broken_by(at):
                self._tell_run(whose, run)
                run = _Run(many, window)
            run.add(at, trace)
        self._tell_run(whose, run)

    def _tell_run(self, whose: tuple[int, int] | None, run: "_Run") -> None:
        if whose is None or not run.is_bulk:
            return
        name, activity = self._store.resource_name(whose[0]), self._store.activity_name(whose[1])
        first = self._store.case_name(run.first)
        self.hits["P11"].add(Severity.YELLOW, case=first, activity=activity, resource=name, cases=run.cases)

    def _judge_hours(self) -> None:
        """P12: of one resource's month so many events outside working hours, and such a share."""
        many, share = self._limits["offhours_deeds_min"], self._limits["offhours_share_min"]
        rows = self._store.select(
            "SELECT resource, mark / 2, count(*), sum(mark % 2) FROM events "
            "WHERE resource IS NOT NULL AND mark IS NOT NULL GROUP BY resource, mark / 2 "
            "HAVING sum(mark % 2) >= ? AND sum(mark % 2) * 100 >= ? * count(*) ORDER BY 2, 1",
            *(many, share),
        )
        for resource, month, count, outside in rows:
            when = f"{(month - 1) // 12:04d}-{(month - 1) % 12 + 1:02d}"
            name = self._store.resource_name(resource)
            self.hits["P12"].add(Severity.YELLOW, resource=name, month=when, events=count, outside_hours=outside)

    def _judge_pairs(self) -> None:
        """P13: one resource on both activities of a pair in one case."""
        chosen = "SELECT trace, resource FROM events WHERE activity = ? AND resource IS NOT NULL"
        for one, other in self._pairs:
            numbers = self._store.number_of(one), self._store.number_of(other)
            for trace, resource in self._store.select(f"{chosen} INTERSECT {chosen} ORDER BY 1, 2", *numbers):
                case, name = self._store.case_name(trace), self._store.resource_name(resource)
                self.hits["P13"].add(Severity.RED, case=case, resource=name, activities=[one, other])


class _Run:
    """Events of one resource and activity, each so near to those before that they may be one piece of bulk work."""

    def __init__(self, many: int, window_us: int) -> None:
        self._many = many
        self._window = window_us
        self._recent: OrderedDict[int, int] = OrderedDict()
        """Of the last cases, each once: when it was last worked on."""
        self.first = -1
        self.cases = 0
        self.is_bulk = False
        self._last = 0

    def is_broken_by(self, at: int) -> bool:
        """Whether an event so late begins a new run."""
        return self.cases > 0 and at - self._last > self._window

    def add(self, at: int, trace: int) -> None:
        """The next event."""
        recent = self._recent
        if self.first < 0:
            self.first = trace
        self.cases += trace not in recent
        recent[trace] = at
        recent.move_to_end(trace)
        if len(recent) > self._many:
            recent.popitem(last=False)
        self._last = at
        if len(recent) == self._many and at - next(iter(recent.values())) <= self._window:
            self.is_bulk = True


def working_hours(limits: Limits, calendar: Callable[[date], bool]) -> Callable[[datetime], bool]:
    """Whether a local time lies in working hours. `calendar`: whether a day is worked in China; where a log has another
    offset, Monday to Friday are.
    """
    opens, closes = limits["office_opens_minute"], limits["office_closes_minute"]
    china = CHINA_TIME.utcoffset(None)
    known: dict[date, bool] = {}

    def is_working(local: datetime) -> bool:
        if not opens <= local.hour * 60 + local.minute < closes:
            return False
        if local.utcoffset() != china:
            return local.weekday() < _WORKING_DAYS
        day = local.date()
        worked = known.get(day)
        if worked is None:
            if len(known) >= DAYS_REMEMBERED:
                known.clear()
            worked = known[day] = calendar(day)
        return worked

    return is_working
