"""The lunar table that ships with every node, held against days that everybody knows."""

from datetime import date
from itertools import pairwise

import pytest

from office.seeds import load_calendar
from schemas.lunar import NO_LUNAR, LunarDay

LUNAR = load_calendar().lunar


@pytest.mark.parametrize(
    ("day", "lunar"),
    [
        (date(2026, 11, 22), LunarDay(10, 14)),
        (date(2024, 2, 10), LunarDay(1, 1)),
        (date(2025, 1, 29), LunarDay(1, 1)),
        (date(2026, 2, 17), LunarDay(1, 1)),
        (date(2027, 2, 6), LunarDay(1, 1)),
        (date(2028, 1, 26), LunarDay(1, 1)),
        (date(2030, 2, 3), LunarDay(1, 1)),
        (date(2033, 1, 31), LunarDay(1, 1)),
        (date(2034, 2, 19), LunarDay(1, 1)),
        (date(2035, 2, 8), LunarDay(1, 1)),
        (date(2026, 6, 19), LunarDay(5, 5)),
        (date(2026, 9, 25), LunarDay(8, 15)),
        (date(2025, 7, 25), LunarDay(6, 1, is_leap=True)),
        (date(2028, 6, 23), LunarDay(5, 1, is_leap=True)),
        (date(2033, 12, 22), LunarDay(11, 1, is_leap=True)),
        (date(2024, 1, 1), LunarDay(11, 20)),
        (date(2035, 12, 31), LunarDay(12, 3)),
    ],
)
def test_days_that_everybody_knows(day: date, lunar: LunarDay) -> None:
    assert LUNAR.find_day(day) == lunar


@pytest.mark.parametrize("day", [date(2023, 12, 12), date(2036, 1, 1), date.min, date.max])
def test_beyond_the_table_a_day_is_unknown(day: date) -> None:
    assert LUNAR.find_day(day) is None
    assert NO_LUNAR.find_day(day) is None


def test_months_have_29_or_30_days_and_follow_one_another() -> None:
    assert {(later.first - month.first).days for month, later in pairwise(LUNAR.months)} == {29, 30}
    for month, later in pairwise(LUNAR.months):
        assert later.number == (month.number if later.is_leap else month.number % 12 + 1)


def test_qingming_is_on_4_or_5_april_of_every_year() -> None:
    assert [day.year for day in LUNAR.qingming] == list(range(2024, 2036))
    assert all(date(day.year, 4, 4) <= day <= date(day.year, 4, 5) for day in LUNAR.qingming)


def test_the_first_of_a_month_is_found_by_its_solar_year() -> None:
    assert LUNAR.find_first(2025, 6) == date(2025, 6, 25), "not its leap month"
    assert LUNAR.find_first(2036, 1) is None
