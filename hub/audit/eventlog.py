"""An event log as values: one trace a case, one event an entry, in the words of XES (IEEE 1849-2016).

Pure: `hub.audit.exporting` reads the store, `hub.audit.log_writing` knows the files. A trace has what counts of a case:
no text that somebody typed, no resident. Officers come as whatever `mark` makes of them. Times are claims, as the
entries state them. Next: `hub.audit.log_writing`.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final

from msgspec import Struct, structs

from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import CHINA_TIME, Clock, ClockKind
from schemas.casework.events import (
    Act,
    CaseEvent,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseTerminated,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyOffered,
    CustodyReassigned,
    FeePaid,
    OpinionsRequested,
    StepCompleted,
)
from schemas.casework.stages import ENDED
from schemas.divisions import InvalidDivision, tier_of_office
from schemas.names import CaseId, Instant, OfficeId, OfficerId, TrackingNumber, seat_of
from sync.ports import Stored

UNDECIDED: Final = "undecided"
WINDOW: Final = "window"
"""Role of a department's window, whatever tier it works at."""

_LAST: Final = datetime(9999, 12, 31, 23, 59, 59, 999_000, CHINA_TIME)
_FIRST: Final = datetime(1, 1, 2, tzinfo=CHINA_TIME)
_EPOCH: Final = datetime(1970, 1, 1, 8, tzinfo=CHINA_TIME)
_MS: Final = timedelta(milliseconds=1)


class Transition(StrEnum):
    """What an event does to the life of an activity: the standard life cycle of the XES lifecycle extension."""

    ASSIGN = "assign"
    REASSIGN = "reassign"
    START = "start"
    SUSPEND = "suspend"
    RESUME = "resume"
    COMPLETE = "complete"
    PI_ABORT = "pi_abort"
    """The whole case ends without what it was for."""


TRANSITIONS: Final[Mapping[str, Transition]] = {
    CustodyOffered.kind: Transition.ASSIGN,
    OpinionsRequested.kind: Transition.ASSIGN,
    CustodyReassigned.kind: Transition.REASSIGN,
    CustodyAccepted.kind: Transition.START,
    CaseReopened.kind: Transition.START,
    CaseSuspended.kind: Transition.SUSPEND,
    CaseResumed.kind: Transition.RESUME,
    CaseWithdrawn.kind: Transition.PI_ABORT,
    CaseTerminated.kind: Transition.PI_ABORT,
}
"""Kind → transition; every other kind completes something."""


class LogEvent(Struct, frozen=True, gc=False):
    """One entry of a case."""

    activity: str
    """Kind; of a step its name as well: "step.completed/review"."""
    transition: Transition
    at: Instant
    """As claimed."""
    ended_at: Instant | None
    """Of a pause: when it ended, None while it lasts; of everything else `at`."""
    resource: str
    """Who, as `mark` has it; empty where the node wrote by itself or the body is gone."""
    role: str
    """Where the office stands: county, township, village or window; empty where that is not known."""
    group: str
    """The office; empty where the body is gone and the device is unknown here."""
    identity: str
    """A UUID made of the entry's hash."""
    journal: str
    seq: int
    link: str
    """The entry's hash, in hexadecimal digits."""
    cost_fen: int | None = None
    """A fee, in hundredths of a yuan."""


class LogTrace(Struct, frozen=True):
    """One case."""

    case: str
    """Its id, in hexadecimal digits: random, on no slip."""
    identity: str
    item: str
    township: str
    """The nine digits above the filing office; of a county's own counter its six."""
    village: str
    """The village where it was filed; empty elsewhere."""
    due: date | None
    """Last day for the decision, as promised, else by law; None where neither ever ran."""
    outcome: str
    events: tuple[LogEvent, ...]
    """By claimed time; equal times by turn, then by journal and number."""
    number: TrackingNumber | None = None
    """The number on the slip, in a log with names only."""


class Line(Struct, frozen=True):
    """One entry of a case, with what it says (None: the body is gone) and the seat of the device that wrote it."""

    entry: Stored
    event: CaseEvent | None
    seat: OfficeId | None


Mark = Callable[[OfficerId], str]


def trace_of(
    file: CaseFile, lines: Iterable[Line], clocks: Sequence[Clock], mark: Mark, *, with_number: bool = False
) -> LogTrace:
    """The trace of a case that is filed; `lines`: those that count (`counting`), in any order."""
    filing = file.filing
    assert filing is not None
    seat = seat_of(filing.office)
    events = [_event_of(line, mark) for line in sorted(lines, key=_place)]
    return LogTrace(
        case=file.case.hex(),
        identity=_uuid(file.case),
        item=filing.item,
        township=seat[:9],
        village=seat if len(seat) == 12 else "",
        due=due_day(clocks),
        outcome=_outcome_of(file),
        events=tuple(_with_ends(events)),
        number=filing.tracking if with_number else None,
    )


def counting(file: CaseFile, lines: Iterable[Line]) -> list[Line]:
    """The entries that count: no branch that lost, no contribution that repeats another."""
    lost = set(file.superseded) | {breach.hash for breach in file.breaches} | set(file.held)
    taken = {one.hash for one in file.contributions}
    return [
        line
        for line in lines
        if line.entry.hash not in lost
        and (line.event is None or isinstance(line.event, Act) or line.entry.hash in taken)
    ]


def due_day(clocks: Sequence[Clock]) -> date | None:
    """The last day for the decision: as promised, else by law; of a case that was reopened the newest term's."""
    for kind in (ClockKind.PROMISED, ClockKind.LEGAL):
        days = [clock.due or clock.due_unpaused for clock in clocks if clock.kind is kind]
        known = [day.day for day in days if day is not None]
        if known:
            return known[-1]
    return None


def end_of(day: date) -> datetime:
    """The last millisecond of a day in China."""
    return datetime.combine(day, time(23, 59, 59, 999_000), CHINA_TIME)


def moment_text(moment: datetime) -> str:
    """As XML Schema's dateTime has it, with milliseconds and offset."""
    return moment.isoformat(timespec="milliseconds")


def instant_text(at: Instant) -> str:
    """A claimed time in China. One outside the years 1 to 9999, which no calendar has, becomes the nearest edge."""
    try:
        moment = _EPOCH + at * _MS
    except OverflowError:
        moment = _LAST if at > 0 else _FIRST
    return moment_text(min(max(moment, _FIRST), _LAST))


def _event_of(line: Line, mark: Mark) -> LogEvent:
    entry, event = line.entry, line.event
    office = event.office if event is not None else line.seat
    officer = event.officer if event is not None else OfficerId("")
    return LogEvent(
        activity=f"{entry.kind}/{event.step}" if isinstance(event, StepCompleted) else entry.kind,
        transition=TRANSITIONS.get(entry.kind, Transition.COMPLETE),
        at=entry.at,
        ended_at=None if entry.kind == CaseSuspended.kind else entry.at,
        resource=mark(officer) if officer else "",
        role=_role_of(office),
        group=office or "",
        identity=_uuid(entry.hash),
        journal=str(entry.journal),
        seq=entry.seq,
        link=entry.hash.hex(),
        cost_fen=event.amount_fen if isinstance(event, FeePaid) else None,
    )


def _with_ends(events: Sequence[LogEvent]) -> list[LogEvent]:
    """Each pause with the end that the next resumption, in the log's order, gives it."""
    found: list[LogEvent] = []
    resumed: Instant | None = None
    for event in reversed(events):
        if event.transition is Transition.RESUME:
            resumed = event.at
        elif event.transition is Transition.SUSPEND:
            event = structs.replace(event, ended_at=resumed)
            resumed = None
        found.append(event)
    return found[::-1]


def _place(line: Line) -> tuple[Instant, int, int, str, int]:
    """Order in a trace. Of one moment turns come first; what was made after a turn follows it."""
    entry, event = line.entry, line.event
    if event is None:
        turn, after = 0, 0
    elif isinstance(event, Act):
        turn, after = event.turn, 0
    else:
        turn, after = event.after_turn, 1
    return entry.at, turn, after, str(entry.journal), entry.seq


def _outcome_of(file: CaseFile) -> str:
    if file.decision is not None:
        return file.decision.outcome.value
    return file.stage.value if file.stage in ENDED else UNDECIDED


def _role_of(office: OfficeId | None) -> str:
    if office is None:
        return ""
    if office != seat_of(office):
        return WINDOW
    try:
        return tier_of_office(office).value
    except InvalidDivision:
        return ""


def _uuid(name: bytes | CaseId) -> str:
    return str(uuid.UUID(bytes=name[:16]))
