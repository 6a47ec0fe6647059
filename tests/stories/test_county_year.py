"""A hundredth of one county's year, lived through as `python3 -m deploy county-year SHARE=0.01` does."""

import asyncio
from datetime import date
from math import isclose
from pathlib import Path

import pytest

from office.seeds import load_calendar, load_catalogue
from schemas.catalogue import CaseType
from tests.benchmarks.county_year import YEAR, Volume, run
from tests.benchmarks.load_model import ANNUAL, BY_LIST, POPULARITY, LoadModel, Origin
from tests.benchmarks.office_hours import DAY_S, OfficeHours

RARE = {
    "act.unconfirmed",
    "case.rehomed",
    "case.reopened",
    "case.terminated",
    "custody.reassigned",
    "recall.requested",
    "term.extended",
}
"""Kinds of which a hundredth of a year may have none; the first belongs to a restored node."""


@pytest.mark.slow
def test_a_hundredth_of_the_year_folds_without_a_breach_and_gives_the_volumes_asked_for(tmp_path: Path) -> None:
    figures, is_right = asyncio.run(run(tmp_path / "county", 0.01))
    assert is_right, figures
    assert figures["breaches"] == figures["refolded_unequal"] == 0
    assert figures["refolded"] == 1000
    assert set(figures["kinds_never_written"]) <= RARE  # pyright: ignore[reportArgumentType]


def test_the_year_that_is_asked_for_has_the_stated_volumes() -> None:
    model = LoadModel(load_catalogue(), load_calendar(), YEAR)
    assert set(POPULARITY) == set(model.edition.items)
    for origin, rates in model.asked.items():
        assert isclose(sum(rates.values()), ANNUAL[origin], rel_tol=1e-6)
        instant = [rate for (code, _), rate in rates.items() if model.edition.items[code].case_type is CaseType.INSTANT]
        assert isclose(sum(instant), 0.6 * ANNUAL[origin], rel_tol=1e-6)
    lists = {month for (code, month), rate in model.asked[Origin.VILLAGE].items() if code == BY_LIST and rate}
    assert lists == {9, 10, 11, 12}


def test_a_volume_outside_the_tolerance_is_told() -> None:
    assert Volume("month 01", 10_000, 10_400).is_right
    assert not Volume("month 01", 10_000, 10_600).is_right
    assert not Volume("month 01", 10_000, 9_400).is_right


def test_moments_run_through_opening_hours_only() -> None:
    hours = OfficeHours(load_calendar(), date(2026, 9, 29), 20)
    evening_before_the_holiday = hours.opening(date(2026, 9, 30)) + DAY_S - 1
    assert hours.day(evening_before_the_holiday) == date(2026, 9, 30)
    assert hours.day(evening_before_the_holiday + 1) == date(2026, 10, 8)
    assert hours.opening(date(2026, 10, 3)) == evening_before_the_holiday + 1
    instants = [hours.instant(moment) for moment in range(0, 5 * DAY_S, 600)]
    assert instants == sorted(set(instants))
