"""Due columns and reminders over a real database: each said once, on the right day, whatever was off meanwhile."""

from collections.abc import AsyncGenerator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from office.case_rows import CaseRows
from office.catalogue import Catalogue
from office.database import Engines
from office.dues import Due, Dues, day_from, number_of
from office.projection import SqlCases
from office.reminders import Reminders
from office.seeds import load_calendar, load_catalogue
from office.tables import cases, reminders
from schemas.calendar import CalendarYear, DayKind, YearStatus
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import clocks_of, day_of, next_due
from schemas.casework.events import (
    CaseConverted,
    CaseDecided,
    CaseReceived,
    CustodyAccepted,
    CustodyOffered,
    CustodyReassigned,
    PapersReceived,
    PapersRequested,
    ResultHandedOver,
)
from schemas.casework.values import Handover, Outcome, Promise
from schemas.catalogue import Edition
from schemas.names import CaseId
from sync.sealing import PlainSealer
from tests.support.casebook import COUNTY, FAR_COUNTY, OTHER_TOWNSHIP, TOWNSHIP, VILLAGE
from tests.support.dated import DatedCasebook, at
from tests.support.stores import postgres_engines, sqlite_engines
from tests.web.people import HandClock

NOTICE: Final = CalendarYear(
    2027, YearStatus.OFFICIAL, "国办发明电〔2026〕9号", {date(2027, 1, day): DayKind.REST for day in (1, 4)}
)


class Place:
    """One node's cases, due days and reminders; the calendar and the catalogue are changed by hand."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.clock = HandClock(at(date(2026, 3, 6)))
        self.calendar = load_calendar()
        self.editions: Sequence[Edition] = ()
        self.start()

    def start(self) -> None:
        """What a new process begins with: the database and nothing else."""
        catalogue = Catalogue([load_catalogue()], published=lambda: self.editions)
        self.dues = Dues(catalogue, lambda: self.calendar)
        self.files = SqlCases(self.engines.read, PlainSealer(), bytes(32), self.dues.of)
        engines = self.engines
        self.reminders = Reminders(engines.write, engines.read, self.files, self.dues, self.clock, self.today)

    def today(self) -> date:
        """The day by this place's clock."""
        return day_of(self.clock.now())

    async def keep(self, *found: CaseFile) -> None:
        """Write the rows of these cases, as the ledger's transaction does."""
        async with self.engines.write.begin() as connection:
            # The driver's transaction begins with the first statement; in a ledger's there has been one by now.
            await connection.execute(text("SELECT 1"))
            await self.files.project(connection, CaseRows(list(found), [], {}, {}))

    async def tend(self, day: date) -> None:
        """The node looks on that day."""
        self.clock.at = at(day)
        await self.reminders.tend()

    async def said(self) -> list[tuple[str, str, date]]:
        """Every reminder, by the time at which it was said."""
        async with self.engines.read.connect() as connection:
            query = select(reminders).order_by(reminders.c.noted_at, reminders.c.clock, reminders.c.due_day)
            rows = await connection.execute(query)
            return [(row.clock, row.kind, day_from(row.due_day)) for row in rows]

    async def due(self, case: CaseFile) -> Due:
        """The due columns as they are stored."""
        query = select(cases.c.due_day, cases.c.due_kind, cases.c.due_provisional)
        async with self.engines.read.connect() as connection:
            return Due(*(await connection.execute(query.where(cases.c.subject == case.case))).one())


@pytest.fixture(params=["sqlite", "postgresql"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Place]:
    """A node's database of either kind."""
    if request.param == "sqlite":
        async with sqlite_engines(tmp_path) as engines:
            yield Place(engines)
        return
    async with postgres_engines(request.getfixturevalue("postgres_server")) as engines:
        yield Place(engines)


def book(number: int = 0) -> DatedCasebook:
    """Of a case of its own."""
    return DatedCasebook(CaseId(bytes([number]) * 16))


def waiting(day: date, number: int = 0) -> DatedCasebook:
    """Accepted on `day`; MZ06 promises 15 working days of 30."""
    diary = book(number).on(day)
    diary.file(item="MZ06")
    diary.act(CustodyOffered, VILLAGE, TOWNSHIP)
    diary.contribute(CaseReceived, TOWNSHIP)
    diary.act(CustodyAccepted, TOWNSHIP)
    return diary


# --- the sweep -------------------------------------------------------------------------------------------------------


async def test_one_working_day_before_and_once_when_it_is_over(place: Place) -> None:
    case = waiting(date(2026, 3, 6)).case
    await place.keep(case)
    assert await place.due(case) == Due(20260327, "promised", False)
    for day in (25, 26, 26, 27, 28, 28, 29, 30):
        await place.tend(date(2026, 3, day))
    assert await place.said() == [
        ("promised", "due_tomorrow", date(2026, 3, 27)),
        ("promised", "overdue", date(2026, 3, 27)),
    ]
    told = await place.reminders.of_case(case.case)
    assert [one.noted_at for one in told] == [at(date(2026, 3, 26)), at(date(2026, 3, 28))]


async def test_before_a_holiday_the_reminder_comes_on_the_last_working_day(place: Place) -> None:
    await place.keep(waiting(date(2026, 9, 10)).case)
    await place.tend(date(2026, 9, 29))
    assert await place.said() == []
    await place.tend(date(2026, 9, 30))
    assert await place.said() == [("promised", "due_tomorrow", date(2026, 10, 8))]


async def test_after_days_without_power_nothing_is_missed_and_nothing_doubled(place: Place) -> None:
    await place.keep(waiting(date(2026, 3, 6)).case, waiting(date(2026, 3, 20), 1).case)
    await place.tend(date(2026, 3, 24))
    place.start()
    await place.tend(date(2026, 4, 13))
    place.start()
    await place.tend(date(2026, 4, 13))
    assert await place.said() == [
        ("first_review", "overdue", date(2026, 4, 3)),
        ("promised", "overdue", date(2026, 3, 27)),
        ("promised", "due_tomorrow", date(2026, 4, 13)),
    ], "of what was over while nobody looked only that it is over"
    await place.tend(date(2026, 4, 21))
    assert ("legal", "overdue", date(2026, 4, 20)) in await place.said(), "the graver term is told beside the promise"


async def test_one_morning_in_2036_says_nothing_that_is_not_so_and_silences_nothing(place: Place) -> None:
    case = waiting(date(2026, 3, 6)).case
    await place.keep(case)
    await place.tend(date(2036, 1, 2))
    place.start()
    await place.tend(date(2026, 3, 9))
    assert await place.reminders.latest(TOWNSHIP, 10) == await place.reminders.of_case(case.case) == []
    for day in (26, 27, 30, 31):
        await place.tend(date(2026, 3, day))
    told = [(one.kind, one.noted_at) for one in await place.reminders.of_case(case.case)]
    assert told == [("due_tomorrow", at(date(2026, 3, 26))), ("overdue", at(date(2026, 3, 30)))]
    assert [one.kind for one in await place.reminders.latest(TOWNSHIP, 10)] == ["overdue", "due_tomorrow"]


async def test_what_arrives_late_in_the_day_is_still_told_on_that_day(place: Place) -> None:
    await place.tend(date(2026, 3, 26))
    await place.keep(waiting(date(2026, 3, 6)).case)
    await place.reminders.tend()
    assert await place.said() == []
    place.clock.advance(hours=1)
    await place.reminders.tend()
    place.clock.advance(hours=1)
    await place.reminders.tend()
    assert len(await place.said()) == 1


async def test_a_case_on_its_way_is_swept_for_the_offeree_and_its_county(place: Place) -> None:
    diary = waiting(date(2026, 3, 6))
    diary.act(CustodyOffered, TOWNSHIP, COUNTY)
    assert diary.case.custodian is None
    await place.keep(diary.case)
    await place.tend(date(2026, 4, 1))
    for office in (TOWNSHIP, COUNTY, VILLAGE):
        assert [one.kind for one in await place.reminders.latest(office, 10)] == ["overdue"]
    assert await place.reminders.latest(OTHER_TOWNSHIP, 10) == []


async def test_silence_and_promised_papers_are_told_in_their_own_words(place: Place) -> None:
    silent, kept = book(1).on(date(2026, 3, 6)), book(2).on(date(2026, 3, 6))
    for diary in (silent, kept):
        diary.file(item="MZ06")
        diary.act(CustodyOffered, VILLAGE, TOWNSHIP)
        diary.contribute(CaseReceived, TOWNSHIP)
    kept.act(CustodyAccepted, TOWNSHIP, "", (Promise("社会保障卡复印件", date(2026, 3, 12)),))
    await place.keep(silent.case, kept.case)
    assert (await place.due(kept.case)).kind == "promise_kept"
    await place.tend(date(2026, 3, 16))
    assert await place.said() == [
        ("acceptance", "deemed_acceptance", date(2026, 3, 13)),
        ("promise_kept", "promise_overdue", date(2026, 3, 12)),
    ]
    assert (await place.reminders.of_case(kept.case.case))[0].about == "社会保障卡复印件"
    await place.tend(date(2026, 3, 27))
    told = {(one.clock, one.kind) for one in await place.reminders.of_case(silent.case.case)}
    assert ("promised", "due_tomorrow") in told, "since silence is acceptance the promise runs"


async def test_nothing_is_due_of_a_case_that_waits_for_the_resident_or_is_done(place: Place) -> None:
    correcting = book(1).on(date(2026, 3, 6))
    correcting.file(item="MZ06")
    correcting.act(CustodyOffered, VILLAGE, TOWNSHIP)
    correcting.act(PapersRequested, TOWNSHIP, ("户口簿",), "缺户口簿")
    done = waiting(date(2026, 3, 6), 2)
    done.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合", "条例")
    done.act(ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    await place.keep(correcting.case, done.case)
    for case in (correcting.case, done.case):
        assert await place.due(case) == Due(None, None, None)
    await place.tend(date(2026, 6, 1))
    assert await place.said() == []


# --- a new calendar --------------------------------------------------------------------------------------------------


async def test_the_notice_of_the_next_year_moves_provisional_days_once_and_says_why(place: Place) -> None:
    late, early = waiting(date(2026, 12, 15), 1).case, waiting(date(2026, 11, 2), 2).case
    await place.keep(late, early)
    await place.tend(date(2026, 12, 16))
    assert await place.due(late) == Due(20270106, "promised", True)
    place.calendar = place.calendar.with_year(NOTICE)
    for _ in range(2):
        await place.tend(date(2026, 12, 17))
        place.start()
    assert await place.due(late) == Due(20270107, "promised", False)
    assert await place.due(early) == Due(20261123, "promised", False)
    (moved,) = await place.reminders.of_case(late.case)
    assert (moved.kind, moved.clock, moved.old_day, moved.due_day) == (
        "moved",
        "promised",
        date(2027, 1, 6),
        date(2027, 1, 7),
    )
    assert moved.reason == NOTICE.document
    assert "moved" not in {one.kind for one in await place.reminders.of_case(early.case)}


async def test_a_local_change_names_its_own_document_also_when_it_came_while_the_node_was_off(place: Place) -> None:
    one, other = waiting(date(2026, 3, 6), 1).case, waiting(date(2026, 3, 9), 2).case
    await place.keep(one)
    await place.tend(date(2026, 3, 10))
    flood = CalendarYear(2026, YearStatus.LOCAL, "苍府发〔2026〕3号", {date(2026, 3, 12): DayKind.REST})
    place.calendar = place.calendar.with_year(flood)
    place.start()
    await place.keep(other)
    await place.tend(date(2026, 3, 11))
    assert [(told.kind, told.reason) for told in await place.reminders.of_case(one.case)] == [("moved", flood.document)]
    assert await place.due(one) == Due(20260330, "promised", False)
    assert await place.reminders.of_case(other.case) == [], "counted by the new calendar from the first"
    again = CalendarYear(2026, YearStatus.LOCAL, "苍府发〔2026〕4号", {})
    place.calendar = place.calendar.with_year(again)
    await place.tend(date(2026, 3, 12))
    assert await place.due(one) == Due(20260327, "promised", False)
    assert [told.reason for told in await place.reminders.of_case(one.case)] == [flood.document, again.document]


async def test_a_new_edition_moves_what_is_accepted_under_it_and_nothing_else(place: Place) -> None:
    before, under = waiting(date(2026, 3, 6), 1).case, waiting(date(2026, 3, 20), 2).case
    await place.keep(before, under)
    await place.tend(date(2026, 3, 20))
    sample = load_catalogue()
    shorter = msgspec.structs.replace(sample.items["MZ06"], promise_days=10)
    items = sample.items | {"MZ06": shorter}
    place.editions = (Edition("2026.2", date(2026, 3, 16), None, False, items, "苍府办〔2026〕8号"),)
    await place.tend(date(2026, 3, 21))
    assert await place.due(before) == Due(20260327, "promised", False)
    assert await place.due(under) == Due(20260403, "promised", False)
    assert [told.reason for told in await place.reminders.of_case(under.case)] == ["苍府办〔2026〕8号"]


# --- due columns -----------------------------------------------------------------------------------------------------


CALENDAR: Final = load_calendar()
REMEMBERING: Final = Dues(Catalogue([load_catalogue()]), lambda: CALENDAR)
"""One for all examples: a day remembered of one history must be that of every other with the same key."""


@given(st.lists(st.sampled_from(range(10)), max_size=8), st.integers(0, 400), st.integers(-3, 30))
def test_the_remembered_day_is_the_counted_one(acts: list[int], start: int, pace: int) -> None:
    catalogue, calendar = REMEMBERING.catalogue, REMEMBERING.calendar
    for number, code in enumerate(("MZ06", "RS02", "GA02", "WJ04") * 2):
        day = date(2026, 1, 1) + timedelta(days=start)
        diary = book(number).on(day)
        diary.file(TOWNSHIP if number % 2 else VILLAGE, code)
        for act in acts:
            day += timedelta(days=pace)
            diary.on(day)
            _go_on(diary, act)
            first = next_due(clocks_of(diary.case, catalogue.item_of(diary.case), calendar))
            counted = (number_of(first[1].day), first[0].value, first[1].provisional) if first else (None, None, None)
            assert REMEMBERING.of(diary.case) == counted


def test_a_false_step_of_one_office_changes_no_other_case_with_the_same_days() -> None:
    """Reported upward, and to a county that is not ours: the township's review goes on."""
    found: list[str | None] = []
    for number, to in enumerate((COUNTY, FAR_COUNTY)):
        diary = book(number).on(date(2026, 3, 6))
        diary.file(TOWNSHIP, "MZ01")
        diary.act(CustodyAccepted, TOWNSHIP)
        diary.act(CustodyOffered, TOWNSHIP, to)
        found.append(REMEMBERING.of(diary.case).kind)
    assert found == ["promised", "first_review"]


def _go_on(diary: DatedCasebook, act: int) -> None:
    holder = diary.case.custodian or diary.case.offeree or TOWNSHIP
    if act == 0:
        diary.act(CustodyOffered, holder, COUNTY if holder == TOWNSHIP else TOWNSHIP)
    elif act == 1:
        diary.contribute(CaseReceived, diary.case.offeree or TOWNSHIP)
    elif act == 2:
        diary.act(CustodyAccepted, holder)
    elif act == 3:
        diary.contribute(CaseConverted, holder, 3, "系统核验未返回")
    elif act == 4:
        diary.act(CaseDecided, holder, Outcome.GRANTED, "符合", "条例")
    elif act == 6:
        until = day_of(diary.moment) + timedelta(days=diary.case.turn)
        diary.act(PapersRequested, holder, ("身份证",), "缺件", "", until if diary.case.turn % 3 else None)
    elif act == 7:
        diary.act(PapersReceived, holder, ("身份证",))
    elif act == 8:
        diary.act(CustodyReassigned, COUNTY, TOWNSHIP, "久拖不办", "510824/wang")
    elif act == 9:
        diary.act(CustodyOffered, holder, FAR_COUNTY)
    else:
        diary.act(ResultHandedOver, holder, "王秀英", Handover.COUNTER)


def test_days_as_numbers_sort_like_days() -> None:
    assert number_of(date(2026, 1, 2)) == 20260102
    assert day_from(20261231) == date(2026, 12, 31)
