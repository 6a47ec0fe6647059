"""Makes the sample data in `office/seeds` from source files, through the product's own import code.

    python -m deploy.seed_import SOURCE_DIR

SOURCE_DIR holds `catalogue.yaml` and `divisions/<county>.csv`. Working days come from the installed
`chinesecalendar` package (the State Council's yearly notices). Never edits the data: a fault stops it with the report.
"""

import csv
import io
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import chinese_calendar
import msgspec

from hub.catalogue.importing import check_divisions, read_catalogue
from office.seeds import CALENDAR_FILE, CATALOGUE_FILE, DIVISIONS_FILE, SAMPLE_COUNTY
from schemas.calendar import DayKind, WorkCalendar
from schemas.divisions import DivisionTree
from schemas.names import OfficeId

SEEDS: Final = Path(__file__).parent.parent / "office" / "seeds"
CATALOGUE_FROM: Final = date(2026, 1, 1)
"""The sample edition names no day; it is in force for every day of the sample."""
CALENDAR_FROM: Final = 2025
"""Cases of the sample are never older."""


def main(arguments: list[str]) -> int:
    """Write the three seed files; 0 when done, 1 with the report when a source has faults, 2 for a wrong call."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m deploy.seed_import SOURCE_DIR\n")
        return 2
    source = Path(arguments[0])
    report = read_catalogue(source / "catalogue.yaml", CATALOGUE_FROM, is_sample=True)
    print(report.text("en"))
    if report.edition is None:
        return 1
    table = source / "divisions" / f"{SAMPLE_COUNTY}.csv"
    with table.open(encoding="utf-8-sig", newline="") as rows:
        divisions = check_divisions(table.name, list(csv.DictReader(rows)), OfficeId(SAMPLE_COUNTY))
    tree = divisions.tree
    if tree is None:
        print(divisions.text("en"))
        return 1
    calendar = _official_days()
    _write_json(CATALOGUE_FILE, report.edition)
    _write_json(CALENDAR_FILE, calendar)
    (SEEDS / DIVISIONS_FILE).write_bytes(_divisions_csv(tree).encode())
    print(f"{DIVISIONS_FILE}: {len(tree)} divisions of {tree.county.name}.")
    print(f"{CALENDAR_FILE}: {calendar.first} to {calendar.last}.")
    return 0


def _official_days() -> WorkCalendar:
    """Every day that differs from its weekday, as far as the package has notices."""
    first = day = date(CALENDAR_FROM, 1, 1)
    days: dict[date, DayKind] = {}
    while (is_working := _is_working(day)) is not None:
        if is_working != (day.weekday() < 5):
            days[day] = DayKind.WORKING if is_working else DayKind.REST
        day += timedelta(days=1)
    return WorkCalendar(days, first, day - timedelta(days=1))


def _is_working(day: date) -> bool | None:
    try:
        return bool(chinese_calendar.is_workday(day))  # pyright: ignore[reportUnknownMemberType]
    except NotImplementedError:
        return None


def _write_json(name: str, value: object) -> None:
    text = msgspec.json.format(msgspec.json.encode(value), indent=1)
    (SEEDS / name).write_bytes(text + b"\n")


def _divisions_csv(tree: DivisionTree) -> str:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("code", "name", "level", "parent"))
    writer.writerows((d.code, d.name, d.tier.value, d.parent or "") for d in tree)
    return table.getvalue()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
