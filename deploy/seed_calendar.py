"""The calendar part of `deploy.seed_import`: the State Council's notices and the lunar table that ship with every node.

Notices come from the installed `chinesecalendar`. The lunar table is made again only where `lunar_python` (MIT) is
installed, which no lock names, because the table changes once in ten years; else the present one is kept. It was made
with 1.4.8. `tests/unit/test_lunar.py` holds it against known days. Never edits the data.
"""

import importlib
import importlib.util
from datetime import date
from itertools import count, takewhile
from typing import Any, Final

import msgspec

from hub.calendars import find_installed
from schemas.calendar import CalendarYear
from schemas.lunar import LunarMonth, LunarTable

CALENDAR_FROM: Final = 2025
"""Cases of the sample are never older."""
LUNAR_FIRST: Final = date(2024, 1, 1)
LUNAR_LAST: Final = date(2035, 12, 31)


def official_years() -> list[CalendarYear]:
    """Every year from the first of the sample on, as far as the package has notices."""
    years = (find_installed(year) for year in count(CALENDAR_FROM))
    return [year for year in takewhile(lambda year: year is not None, years) if year is not None]


def find_lunar_table() -> LunarTable | None:
    """Months from the one that holds `LUNAR_FIRST` to `LUNAR_LAST`; None without the package."""
    if importlib.util.find_spec("lunar_python") is None:
        return None
    lunar: Any = importlib.import_module("lunar_python")
    found: dict[date, LunarMonth] = {}
    for year in range(LUNAR_FIRST.year, LUNAR_LAST.year + 2):  # a year's months begin in the solar year before
        for month in lunar.LunarYear.fromYear(year).getMonths():
            first = date.fromisoformat(lunar.Solar.fromJulianDay(month.getFirstJulianDay()).toYmd())
            found[first] = LunarMonth(first, abs(month.getMonth()), month.getMonth() < 0)
    months = [month for first, month in sorted(found.items()) if first <= LUNAR_LAST]
    start = max(month.first for month in months if month.first <= LUNAR_FIRST)
    terms = (lunar.Lunar.fromYmd(year, 6, 1).getJieQiTable() for year in range(LUNAR_FIRST.year, LUNAR_LAST.year + 1))
    qingming = tuple(date.fromisoformat(term["清明"].toYmd()) for term in terms)
    return LunarTable(tuple(month for month in months if month.first >= start), LUNAR_LAST, qingming)


def lunar_json(table: LunarTable) -> bytes:
    """The table as a file with one month a line."""
    return msgspec.json.encode(table).replace(b"],[", b"],\n[") + b"\n"
