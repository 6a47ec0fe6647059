"""Sample data that ships with every node: one county's catalogue, divisions, the official working days, lunar months.

Made by `python -m deploy.seed_import`, never by hand. The catalogue is a *sample* (`Edition.is_sample`): before real
use the county imports its own. Never asks for YAML or for a calendar package: village computers have neither.
"""

import csv
import io
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from schemas.calendar import CalendarYear, WorkCalendar
from schemas.catalogue import Edition
from schemas.divisions import DivisionTree, parse_divisions
from schemas.lunar import LunarTable

SAMPLE_COUNTY: Final = "510824"
"""苍溪县."""

CATALOGUE_FILE: Final = "catalogue.json"
CALENDAR_FILE: Final = "calendar.json"
LUNAR_FILE: Final = "lunar.json"
DIVISIONS_FILE: Final = f"divisions-{SAMPLE_COUNTY}.csv"


@cache
def load_catalogue() -> Edition:
    """The sample edition of the catalogue."""
    return msgspec.json.decode(_read(CATALOGUE_FILE), type=Edition)


@cache
def load_divisions() -> DivisionTree:
    """The sample county's tree of divisions."""
    return parse_divisions(csv.DictReader(io.StringIO(_read(DIVISIONS_FILE).decode())))


@cache
def load_calendar() -> WorkCalendar:
    """The official working days known when this version was made, and the lunar months of some years to come."""
    years = msgspec.json.decode(_read(CALENDAR_FILE), type=list[CalendarYear])
    return WorkCalendar(years, msgspec.json.decode(_read(LUNAR_FILE), type=LunarTable))


def _read(name: str) -> bytes:
    return (files(__name__) / name).read_bytes()
