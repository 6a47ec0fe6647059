"""A case as a trace, and how it is written: order, ends, marks, texts that would break out of their place."""

import csv
from datetime import date
from pathlib import Path

import pytest
from msgspec.structs import replace

from hub.audit.eventlog import TRANSITIONS, Line, LogTrace, Transition, counting, due_day, instant_text, trace_of
from hub.audit.log_writing import XES_TAIL, csv_head, csv_rows, xes_head, xes_trace
from office.seeds import load_calendar, load_catalogue
from schemas.casework.clocks import clocks_of
from schemas.casework.events import (
    EVENTS,
    CaseDecided,
    CaseReceived,
    CaseResumed,
    CaseSuspended,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyOffered,
    FeePaid,
    PapersBrought,
    RemarkAdded,
    StepCompleted,
)
from schemas.casework.steps import Step
from schemas.casework.values import Outcome, PauseCause
from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId, OfficerId
from sync.ports import Stored
from tests.support.casebook import (
    CASE,
    HOUR,
    NOON,
    OTHER_TOWNSHIP,
    TOWNSHIP,
    VILLAGE,
    WINDOW,
    Casebook,
    digest,
)
from tests.support.eventlogs import TRANSITIONS as STANDARD
from tests.support.eventlogs import breaches

JOURNAL = JournalId(NodeId("a" * 16), Epoch(1, bytes(6)))
LATER_JOURNAL = JournalId(NodeId("b" * 16), Epoch(1, bytes(6)))


def lines_of(book: Casebook) -> list[Line]:
    """The entries of a notebook as the store would give them, in one journal."""
    return [
        Line(
            Stored(JOURNAL, number, number, b"", header.at, event.kind, CASE, b"", b"", header.hash),
            event,
            OfficeId(event.office.partition(".")[0]),
        )
        for number, (event, header) in enumerate(book.items)
    ]


def traced(book: Casebook, lines: list[Line] | None = None) -> LogTrace:
    """The trace of what counts."""
    file = book.case
    kept = counting(file, lines_of(book) if lines is None else lines)
    return trace_of(file, kept, (), lambda officer: f"<{officer}>")


def moved(line: Line, at: int) -> Line:
    """The same entry, written at another time."""
    entry = line.entry
    return replace(line, entry=replace(entry, at=Instant(at)))


def test_every_transition_is_one_of_the_standard_life_cycle() -> None:
    assert {transition.value for transition in Transition} <= STANDARD
    assert set(TRANSITIONS) <= set(EVENTS)


def test_a_branch_that_lost_a_repetition_and_a_breach_are_left_out() -> None:
    book = Casebook()
    filed = book.file()
    lost = book.act(CustodyOffered, VILLAGE, OTHER_TOWNSHIP, ordinal=2)
    book.go_back_to(filed)
    won = book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    first = book.contribute(RemarkAdded, VILLAGE, "一", operation=digest("same")[:8])
    again = book.contribute(RemarkAdded, VILLAGE, "一", operation=digest("same")[:8])
    hashes = [line.entry.hash for line in counting(book.case, lines_of(book))]
    assert {filed[1].hash, won[1].hash} < set(hashes)
    assert lost[1].hash not in hashes
    assert len({first[1].hash, again[1].hash} & set(hashes)) == 1
    assert len(traced(book).events) == 3


def test_events_stand_by_time_and_at_one_moment_by_turn() -> None:
    book = Casebook()
    book.accepted_at_township()
    book.contribute(StepCompleted, TOWNSHIP, Step.REVIEW, "符合")
    book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合", "第36条")
    together = [moved(line, NOON) for line in reversed(lines_of(book))]
    events = traced(book, together).events
    names = ["case.filed", "custody.offered", "custody.accepted", "step.completed/review", "case.decided"]
    assert [event.activity for event in events] == names
    by_two = [
        replace(line, entry=replace(line.entry, journal=JOURNAL if line.seat == TOWNSHIP else LATER_JOURNAL))
        for line in together
    ]
    assert [event.activity for event in traced(book, by_two).events] == names
    last_first = [moved(line, NOON - number * HOUR) for number, line in enumerate(lines_of(book))]
    assert [event.activity for event in traced(book, last_first).events] == names[::-1]


def test_each_pause_ends_with_the_next_resumption() -> None:
    book = Casebook()
    book.accepted_at_township()
    pause = (PauseCause.TESTING, "中止1号", date(2026, 4, 1))
    for _ in range(2):
        book.act(CaseSuspended, TOWNSHIP, *pause)
        book.act(CaseResumed, TOWNSHIP, "完成")
    book.act(CaseSuspended, TOWNSHIP, *pause)
    lines = [moved(line, NOON + number * HOUR) for number, line in enumerate(lines_of(book))]
    events = traced(book, lines).events
    pauses = [event for event in events if event.transition is Transition.SUSPEND]
    ends = [event.at for event in events if event.transition is Transition.RESUME]
    assert [event.ended_at for event in pauses] == [*ends, None]
    without_first_end = [line for line in lines if line.entry.at != ends[0]]
    lacking = traced(book, without_first_end).events
    assert [one.ended_at for one in lacking if one.transition is Transition.SUSPEND] == [None, ends[1], None]
    assert all(event.ended_at == event.at for event in events if event not in pauses)


def test_who_where_and_what_it_cost() -> None:
    book = Casebook()
    book.file(WINDOW)
    book.act(CustodyAccepted, WINDOW)
    book.contribute(FeePaid, WINDOW, 1205, "收1")
    lines = lines_of(book)
    received = CaseReceived(1, bytes(8), TOWNSHIP, OfficerId(""))
    at_township = replace(lines[0], event=received, entry=replace(lines[0].entry, kind=received.kind))
    bare = replace(lines[1], event=None, entry=replace(lines[1].entry, body=None))
    strange = replace(bare, seat=None)
    trace = trace_of(book.case, [*lines, at_township, bare, strange], (), lambda officer: f"<{officer}>")
    fee = next(event for event in trace.events if event.cost_fen is not None)
    assert (fee.cost_fen, fee.role, fee.group, fee.resource) == (1205, "window", WINDOW, f"<{WINDOW}/zhang>")
    by_itself = next(event for event in trace.events if event.activity == CaseReceived.kind)
    assert (by_itself.resource, by_itself.role) == ("", "township")
    unsaid = [event for event in trace.events if event.activity == "custody.accepted" and not event.resource]
    assert sorted((event.role, event.group) for event in unsaid) == [("", ""), ("county", "510824")]
    assert (trace.township, trace.village) == ("510824", "")


def test_due_is_what_was_promised_and_else_the_law() -> None:
    book = Casebook()
    book.accepted_at_township()
    calendar, file = load_calendar(), book.case
    item = load_catalogue().get_item("RS01")
    clocks = clocks_of(file, item, calendar)
    promised = next(clock.due for clock in clocks if clock.kind.value == "promised")
    legal = next(clock.due for clock in clocks if clock.kind.value == "legal")
    assert promised is not None
    assert legal is not None
    assert promised.day < legal.day
    assert due_day(clocks) == promised.day
    assert due_day([clock for clock in clocks if clock.kind.value != "promised"]) == legal.day
    assert due_day([]) is None


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T08:00:00.000+08:00"),
        (NOON + 7, "2026-03-06T12:00:00.007+08:00"),
        (-1, "1970-01-01T07:59:59.999+08:00"),
        (2**62, "9999-12-31T23:59:59.999+08:00"),
        (-(2**62), "0001-01-02T00:00:00.000+08:00"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999+08:00"),
    ],
)
def test_a_claimed_time_of_any_size_can_be_written(at: int, text: str) -> None:
    assert instant_text(Instant(at)) == text


def test_no_text_breaks_out_of_its_attribute_or_becomes_a_formula(tmp_path: Path) -> None:
    book = Casebook()
    book.file()
    book.act(CaseWithdrawn, VILLAGE, "撤回")
    book.contribute(PapersBrought, VILLAGE, ("证",))
    hostile = '=HYPERLINK("x")\'&<>\n\t\x0b\ufffe\U0001f600]]>'
    trace = replace(traced(book), item=hostile)
    log = tmp_path / "log.xes"
    log.write_text(xes_head("<县>&", is_named=False) + xes_trace(trace) + XES_TAIL, encoding="utf-8")
    assert breaches(log) == []
    assert "&lt;县&gt;&amp;" in log.read_text(encoding="utf-8")
    for text in (hostile, "+1", "-1", "@x", "\t1"):
        rows = csv_head() + csv_rows(replace(trace, item=text))
        columns, first, *_ = csv.reader(rows.splitlines(keepends=True))
        assert first[columns.index("item")] == f"'{text}"
    assert csv_rows(replace(trace, item="RS01")).count("'") == 0
