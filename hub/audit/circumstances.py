"""What stands in a case's favour, or ties its officers to its applicant, by what the county publishes.

The rules need it to be fair: an office that is open on market days does not work off-hours, and who is promised days
is told by the catalogue. Pure: reads the register, the calendar and the edition that it is given. Next:
`hub.audit.reading`, which puts it into dossiers.
"""

import unicodedata
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, TypeAlias

from hub.audit.dossier import Deed, Tie
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import SiteSurveyed
from schemas.catalogue import CaseType, Edition
from schemas.names import OfficeId, OfficerId, seat_of
from schemas.openings import OpeningRule, is_open
from schemas.register import PostAssigned
from schemas.register_fold import Register

MONTHS_MAX: Final = 12
"""Months of one case whose days of rest are looked at; a longer case is looked at in its first ones."""


def promised_items(edition: Edition) -> frozenset[str]:
    """Codes of the items that are not handled on the spot."""
    items = edition.items.values()
    return frozenset(one.code for one in items if not one.is_on_the_spot and one.case_type is not CaseType.INSTANT)


Posts: TypeAlias = Callable[[OfficeId], Sequence[PostAssigned]]
"""Office → everything that was ever stated about its posts (`Register.terms_at`)."""


def ties_of(file: CaseFile, deeds: Sequence[Deed], posts: Posts) -> dict[OfficerId, Tie]:
    """Officers of a case whose published name is its applicant's: all that the network knows of an officer."""
    filing = file.filing
    if filing is None or file.is_empty or filing.roster is not None:
        return {}
    name = _plain(filing.applicant.name)
    officers = {deed.officer for deed in deeds if deed.counts and deed.officer}
    for deed in deeds:
        if deed.counts and isinstance(deed.event, SiteSurveyed):
            officers.update(deed.event.surveyors)
    found: dict[OfficerId, Tie] = {}
    for office in {OfficeId(officer.partition("/")[0]) for officer in officers}:
        for post in posts(office):
            if post.person in officers and _plain(post.person_name) == name:
                found[post.person] = Tie.NAME
    return found


def _plain(name: str) -> str:
    return "".join(unicodedata.normalize("NFKC", name).split())


def rest_days_open(deeds: Sequence[Deed], register: Register, calendar: WorkCalendar) -> frozenset[date]:
    """Days of rest, in months in which the case was worked on, on which one of its offices was open by its rules."""
    months = sorted({(seat_of(deed.office), day_of(deed.at).replace(day=1)) for deed in deeds if deed.counts})
    found: set[date] = set()
    for seat, month in months[:MONTHS_MAX]:
        opening = register.opening_of(seat, month)
        if opening is not None:
            found |= _open_on_rest_days(opening.rules, month, calendar)
    return frozenset(found)


@lru_cache(1024)
def _open_on_rest_days(rules: tuple[OpeningRule, ...], month: date, calendar: WorkCalendar) -> frozenset[date]:
    days = (month + timedelta(days=number) for number in range(31))
    resting = (day for day in days if day.month == month.month and not calendar.is_working(day))
    return frozenset(day for day in resting if is_open(rules, day, calendar))
