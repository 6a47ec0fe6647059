"""The arithmetic of working days over years that are official, assumed or changed here, against a naive walk."""

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from office.seeds import load_calendar
from schemas.calendar import (
    STATUTORY_DAYS,
    WORKING_DAYS_MAX,
    CalendarYear,
    DayKind,
    DueDay,
    WorkCalendar,
    YearStatus,
    statutory_days,
)
from schemas.lunar import NO_LUNAR

SEEDED = load_calendar()
LUNAR = SEEDED.lunar
ONE = timedelta(days=1)

NOTICE_2027 = CalendarYear(
    2027,
    YearStatus.OFFICIAL,
    "关于2027年部分节假日安排的通知",
    {
        **dict.fromkeys((date(2027, 1, 1), *(date(2027, 2, day) for day in (5, 8, 9, 10, 11))), DayKind.REST),
        **dict.fromkeys((date(2027, 1, 31), date(2027, 2, 20)), DayKind.WORKING),
    },
)
LOCAL_2026 = CalendarYear(2026, YearStatus.LOCAL, "县府发〔2026〕3号", {date(2026, 4, 13): DayKind.REST})


def years(year: int, status: YearStatus) -> st.SearchStrategy[CalendarYear]:
    """Any notice or local change, however absurd."""
    days = st.dictionaries(st.dates(date(year, 1, 1), date(year, 12, 31)), st.sampled_from(DayKind), max_size=60)
    return days.map(lambda days: CalendarYear(year, status, "文", days))


@st.composite
def calendars(draw: st.DrawFn) -> WorkCalendar:
    """Any calendar: some years without a notice, some changed here."""
    statuses = (YearStatus.OFFICIAL, YearStatus.LOCAL)
    wanted = draw(st.lists(st.tuples(st.integers(2025, 2029), st.sampled_from(statuses)), max_size=5))
    return WorkCalendar([draw(years(*each)) for each in wanted], draw(st.sampled_from((LUNAR, NO_LUNAR))))


STARTS = st.dates(date(2024, 6, 1), date(2029, 12, 31))
TERMS = st.integers(0, WORKING_DAYS_MAX)


def walked(calendar: WorkCalendar, start: date, working_days: int) -> DueDay:
    """The definition: one day after the other."""
    day, is_official = start, not working_days or calendar.is_official(start)
    while working_days:
        day += ONE
        working_days -= calendar.is_working(day)
        is_official = is_official and calendar.is_official(day)
    return DueDay(day, not is_official)


@given(calendars(), STARTS, TERMS)
def test_counting_is_the_same_as_walking(calendar: WorkCalendar, start: date, days: int) -> None:
    assert calendar.add_working_days(start, days) == walked(calendar, start, days)


@given(calendars(), STARTS, st.integers(1, WORKING_DAYS_MAX))
def test_a_term_never_ends_on_a_day_of_rest(calendar: WorkCalendar, start: date, days: int) -> None:
    assert calendar.is_working(calendar.add_working_days(start, days).day)
    assert calendar.is_working(calendar.add_calendar_days(start, days).day)


@given(calendars(), STARTS, st.integers(0, 40), st.integers(1, 60), st.integers(0, 60))
def test_a_later_start_or_a_longer_term_never_ends_earlier(
    calendar: WorkCalendar, start: date, later: int, days: int, more: int
) -> None:
    end = calendar.add_working_days(start, days).day
    assert calendar.add_working_days(start, days + 1).day > end
    assert calendar.add_working_days(start + later * ONE, days).day >= end
    moved = calendar.add_calendar_days(start + later * ONE, days + more).day
    assert moved >= calendar.add_calendar_days(start, days).day


@given(calendars(), STARTS, STARTS)
def test_the_days_between_lead_from_one_end_to_the_other(calendar: WorkCalendar, start: date, end: date) -> None:
    days = calendar.working_days_between(start, end)
    walk = range(1, abs((end - start).days) + 1)
    assert abs(days) == sum(calendar.is_working(min(start, end) + number * ONE) for number in walk)
    assert calendar.working_days_between(end, start) == -days
    if 0 < days <= WORKING_DAYS_MAX and calendar.is_working(end):
        assert calendar.add_working_days(start, days).day == end


@given(calendars(), STARTS)
def test_no_working_day_is_passed_over_for_the_next_one(calendar: WorkCalendar, day: date) -> None:
    after = calendar.next_working_day_on_or_after(day)
    assert calendar.is_working(after)
    assert calendar.working_days_between(day - ONE, after) == 1
    assert calendar.add_working_days(day - ONE, 1).day == after


@given(calendars(), calendars(), STARTS, TERMS)
def test_what_ends_before_the_first_difference_stands(
    old: WorkCalendar, new: WorkCalendar, start: date, days: int
) -> None:
    first = old.first_difference(new)
    assert first == new.first_difference(old)
    due = old.add_working_days(start, days)
    if first is None or max(start, due.day) < first:
        assert new.add_working_days(start, days) == due
    else:
        assert (old.is_working(first), old.is_official(first)) != (new.is_working(first), new.is_official(first))


# --- traps of the standards ------------------------------------------------------------------------------------------


def test_a_term_over_the_end_of_the_notices_is_answered_and_marked() -> None:
    assert SEEDED.add_working_days(date(2026, 12, 15), 20) == DueDay(date(2027, 1, 13), True)


def test_a_filing_on_a_day_of_rest_loses_no_day() -> None:
    assert SEEDED.add_working_days(date(2026, 3, 7), 20) == DueDay(date(2026, 4, 3), False)


def test_the_next_working_day_lies_behind_the_holidays_or_on_a_saturday_that_is_worked() -> None:
    assert SEEDED.add_working_days(date(2026, 9, 30), 1).day == date(2026, 10, 8)
    assert SEEDED.add_working_days(date(2026, 2, 13), 1).day == date(2026, 2, 14)


# --- years -----------------------------------------------------------------------------------------------------------


def test_a_year_without_a_notice_rests_on_the_statutory_days() -> None:
    assumed = SEEDED.year_of(2027)
    assert (assumed.status, assumed.document) == (YearStatus.PROVISIONAL, "")
    eve_to_third = [date(2027, 2, day) for day in (5, 6, 7, 8)]
    others = [date(2027, 4, 5), date(2027, 6, 9), date(2027, 9, 15), date(2027, 10, 1)]
    assert statutory_days(2027, LUNAR).issuperset([*eve_to_third, *others])
    assert not any(SEEDED.is_working(day) for day in (*eve_to_third, *others))
    assert SEEDED.is_working(date(2027, 2, 9)), "which other days are free only the notice says"
    assert len(statutory_days(2027, NO_LUNAR)) == 6


@pytest.mark.parametrize("year", range(2025, 2036))
def test_the_law_gives_thirteen_days(year: int) -> None:
    coincide = {2028, 2031}  # Mid-Autumn on 3 and 1 October
    assert len(statutory_days(year, LUNAR)) == STATUTORY_DAYS - (year in coincide)


@pytest.mark.parametrize("year", [2025, 2026])
def test_the_notices_rest_on_every_statutory_day(year: int) -> None:
    assert not any(SEEDED.is_working(day) for day in statutory_days(year, LUNAR))


def test_a_notice_takes_the_place_of_the_assumption() -> None:
    loaded = SEEDED.with_year(NOTICE_2027)
    assert loaded.year_of(2027) == NOTICE_2027
    assert not loaded.add_working_days(date(2026, 12, 15), 20).provisional
    assert SEEDED.first_difference(loaded) == date(2027, 1, 1), "what was provisional there is so no longer"
    assert loaded.first_difference(loaded.with_year(NOTICE_2027)) is None
    assert SEEDED.year_of(2027).status is YearStatus.PROVISIONAL, "the earlier value is as it was"


def test_a_local_change_lies_over_the_notice_and_under_no_other_year() -> None:
    here = SEEDED.with_year(LOCAL_2026)
    assert here.find_local(2026) == LOCAL_2026
    assert here.year_of(2026) == SEEDED.year_of(2026)
    assert not here.is_working(date(2026, 4, 13))
    assert here.is_official(date(2026, 4, 13))
    assert SEEDED.first_difference(here) == date(2026, 4, 13)
    assert here.add_working_days(date(2026, 4, 10), 1) == DueDay(date(2026, 4, 14), False)
    withdrawn = CalendarYear(2026, YearStatus.LOCAL, "县府发〔2026〕5号", {})
    assert SEEDED.first_difference(here.with_year(withdrawn)) is None, "a later one takes the place of the earlier"


def test_a_local_change_makes_no_year_official() -> None:
    change = CalendarYear(2027, YearStatus.LOCAL, "文", {date(2027, 1, 4): DayKind.REST})
    due = SEEDED.with_year(change).add_working_days(date(2026, 12, 31), 1)
    assert due == DueDay(date(2027, 1, 5), True)


def test_nobody_gives_an_assumption_for_a_notice() -> None:
    with pytest.raises(ValueError, match="provisional"):
        SEEDED.with_year(SEEDED.year_of(2027))


def test_a_year_holds_its_own_days_only() -> None:
    with pytest.raises(ValueError, match="only days of 2027"):
        CalendarYear(2027, YearStatus.OFFICIAL, "文", {date(2026, 12, 31): DayKind.REST})
    stray = b'{"year":2027,"status":"official","document":"x","days":{"2026-12-31":"rest"}}'
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(stray, type=CalendarYear)


def test_a_year_travels() -> None:
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(NOTICE_2027), type=CalendarYear) == NOTICE_2027
