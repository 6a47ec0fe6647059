"""Working days, against the notices of 2026 and beyond them."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from office.seeds import load_calendar
from schemas.calendar import DueDay

CALENDAR = load_calendar()


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        (date(2026, 2, 13), 1, date(2026, 2, 14)),
        (date(2026, 2, 14), 1, date(2026, 2, 24)),
        (date(2026, 9, 30), 20, date(2026, 11, 3)),
        (date(2026, 3, 7), 20, date(2026, 4, 3)),
        (date(2026, 3, 7), 1, date(2026, 3, 9)),
        (date(2026, 9, 24), 20, date(2026, 10, 29)),
        (date(2026, 3, 7), 0, date(2026, 3, 7)),
    ],
)
def test_the_published_vectors(start: date, days: int, due: date) -> None:
    assert CALENDAR.add_working_days(start, days) == DueDay(due, False)


def test_the_year_has_248_working_days() -> None:
    assert CALENDAR.working_days_between(date(2025, 12, 31), date(2026, 12, 31)) == 248
    assert CALENDAR.working_days_between(date(2026, 12, 31), date(2025, 12, 31)) == -248


def test_beyond_the_notices_a_due_day_is_provisional_and_fixed_holidays_hold() -> None:
    due = CALENDAR.add_working_days(date(2026, 12, 15), 20)
    assert due.provisional
    assert not CALENDAR.is_working(date(2027, 1, 1))
    assert not CALENDAR.add_working_days(date(2026, 12, 15), 12).provisional
    assert CALENDAR.add_working_days(date(2024, 12, 30), 1).provisional, "before the notices too"


def test_calendar_days_that_end_on_a_day_of_rest_move_on() -> None:
    assert CALENDAR.add_calendar_days(date(2026, 9, 25), 7) == DueDay(date(2026, 10, 8), False)
    assert CALENDAR.add_calendar_days(date(2026, 3, 2), 7) == DueDay(date(2026, 3, 9), False)
    assert CALENDAR.add_calendar_days(date(2026, 3, 7), 0) == DueDay(date(2026, 3, 7), False)
    assert CALENDAR.add_calendar_days(date(2026, 12, 25), 9).provisional


@given(st.dates(date(2025, 1, 1), date(2028, 12, 31)), st.integers(1, 60))
def test_counting_forth_and_back_agree(start: date, days: int) -> None:
    due = CALENDAR.add_working_days(start, days)
    assert CALENDAR.working_days_between(start, due.day) == days
    assert CALENDAR.is_working(due.day)


@pytest.mark.parametrize("days", [-1, 401, 10**9])
def test_a_mistyped_term_does_not_walk_for_years(days: int) -> None:
    with pytest.raises(ValueError, match="a term has"):
        CALENDAR.add_working_days(date(2026, 3, 7), days)
    with pytest.raises(ValueError, match="a term has"):
        CALENDAR.add_calendar_days(date(2026, 3, 7), days)
