"""Makes the sample data in `office/seeds` from source files, through the product's own import code.

    python -m deploy.seed_import SOURCE_DIR

SOURCE_DIR holds `catalogue.yaml` and `divisions/<county>.csv`; the days come from installed packages
(`deploy.seed_calendar`), what the catalogue leaves out from `deploy.seed_catalogue`. A fault stops it with the report.
"""

import csv
import io
import sys
from pathlib import Path
from typing import Final

import msgspec

from deploy.seed_calendar import find_lunar_table, lunar_json, official_years
from deploy.seed_catalogue import read_sample
from hub.catalogue.importing import check_divisions
from office.seeds import CALENDAR_FILE, CATALOGUE_FILE, DIVISIONS_FILE, LUNAR_FILE, SAMPLE_COUNTY
from schemas.divisions import DivisionTree
from schemas.names import OfficeId

SEEDS: Final = Path(__file__).parent.parent / "office" / "seeds"


def main(arguments: list[str]) -> int:
    """Write the seed files; 0 when done, 1 with the report when a source has faults, 2 for a wrong call."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m deploy.seed_import SOURCE_DIR\n")
        return 2
    source = Path(arguments[0])
    report = read_sample(source / "catalogue.yaml")
    print(report.text("en"))
    gaps = report.gaps_text("en")
    if report.edition is None or gaps:
        print(gaps)
        return 1
    table = source / "divisions" / f"{SAMPLE_COUNTY}.csv"
    with table.open(encoding="utf-8-sig", newline="") as rows:
        divisions = check_divisions(table.name, list(csv.DictReader(rows)), OfficeId(SAMPLE_COUNTY))
    tree = divisions.tree
    if tree is None:
        print(divisions.text("en"))
        return 1
    years, lunar = official_years(), find_lunar_table()
    _write_json(CATALOGUE_FILE, report.edition)
    _write_json(CALENDAR_FILE, years)
    if lunar is not None:
        (SEEDS / LUNAR_FILE).write_bytes(lunar_json(lunar))
    (SEEDS / DIVISIONS_FILE).write_bytes(_divisions_csv(tree).encode())
    print(f"{DIVISIONS_FILE}: {len(tree)} divisions of {tree.county.name}.")
    print(f"{CALENDAR_FILE}: {years[0].year} to {years[-1].year}.")
    print(f"{LUNAR_FILE}: {'kept; lunar_python is not installed' if lunar is None else 'made'}.")
    return 0


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
