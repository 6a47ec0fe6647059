"""What is looked up before a matter is taken in: is it already under way, is a paper already here, what is still
missing (唯一受理点、免重复提交、一次性告知).

Knows only what this node holds and what the officer's office may read: a village knows its own, and none of this ever
blocks a filing. Persons are found by their document through the blind index (`office.persons`). Never writes.
Next: `office.intake` (which files), `schemas.casework.intake_rules` (the verdict).
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date, timedelta
from typing import Final

from msgspec import Struct, structs

from office.casebook import CaseInterpreter
from office.catalogue import Catalogue
from office.rosters import provides_for, read_roster
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.intake_rules import MaterialRefused, reusable_until
from schemas.casework.rosters import rows_of
from schemas.casework.stages import ENDED, Stage
from schemas.casework.values import Applicant, Material, MaterialStatus
from schemas.casework.visibility import readers
from schemas.catalogue import ServiceItem
from schemas.identity import check_document_number
from schemas.names import CaseId, Instant, OfficeId, TrackingNumber
from sync.ports import Clock

EDITION_IN_USE_MAX: Final = timedelta(days=3653)
"""No county works ten years with one edition of its catalogue: a later day is a wrong clock."""

_OVER: Final = ENDED | {Stage.HANDED_OVER}
"""Nothing of such a matter is under way any more."""

Person = tuple[str, str]
"""Document type and number, as checked."""


class OnList(Struct, frozen=True):
    """A list that provides for some persons already."""

    tracking: TrackingNumber
    people: frozenset[Person]


class Doorstep:
    """The questions of a counter, over one node's casebook."""

    def __init__(
        self, casebook: CaseInterpreter, catalogue: Catalogue, clock: Clock, calendar: Callable[[], WorkCalendar]
    ) -> None:
        self._casebook = casebook
        self._catalogue = catalogue
        self._clock = clock
        self._calendar = calendar

    @property
    def calendar(self) -> WorkCalendar:
        """The working days as they are known now."""
        return self._calendar()

    def today(self) -> date:
        """The day by which filings are judged. A wrong clock refuses nobody: it is not before the county's last
        beacon, and near the edition's own days.
        """
        now = max(self._clock.now(), self._casebook.books.beacon_at)
        first = self._catalogue.in_force(now).effective_from
        return min(max(day_of(now), first), first + EDITION_IN_USE_MAX)

    def check_applicant(self, applicant: Applicant) -> Applicant:
        """The applicant with the number as it is kept. Raises `IdentityRefused`."""
        number = check_document_number(applicant.document_type, applicant.document_number, self.today())
        return structs.replace(applicant, document_number=number)

    async def find_open(
        self, office: OfficeId, applicant: Applicant, item: str, operation: bytes = b""
    ) -> list[CaseFile]:
        """Cases under way of this person and item that the office may read. `operation`: that of the form at hand, so
        that a form sent twice does not meet itself.
        """
        return [
            case
            for case in await self._cases_of(office, applicant)
            if case.filing is not None
            and case.filing.item == item
            and case.stage not in _OVER
            and case.filing.operation != operation
        ]

    async def find_reusable(self, office: OfficeId, applicant: Applicant, names: Collection[str]) -> list[Material]:
        """Of these materials the ones that the person handed in earlier and that are still valid, newest first each."""
        today = self.today()
        found: dict[str, Material] = {}
        for case in await self._cases_of(office, applicant):
            filing = case.filing
            if filing is None or filing.roster is not None:
                continue
            until = reusable_until(day_of(case.filed_at or Instant(0)))
            for material in filing.materials:
                is_wanted = material.name in names and material.status is MaterialStatus.PROVIDED
                if is_wanted and until >= today and material.name not in found:
                    found[material.name] = Material(material.name, MaterialStatus.REUSED, until, filing.tracking)
        return list(found.values())

    async def check_reuse(self, office: OfficeId, applicant: Applicant, materials: Sequence[Material]) -> None:
        """Raise `MaterialRefused` unless every reused material lies here under the number that it names."""
        reused = {material for material in materials if material.status is MaterialStatus.REUSED}
        if not reused:
            return
        valid = {
            (material.name, filing.tracking, reusable_until(day_of(case.filed_at or Instant(0))))
            for case in await self._cases_of(office, applicant)
            if (filing := case.filing) is not None
            for material in filing.materials
            if material.status is MaterialStatus.PROVIDED
        }
        for material in reused:
            if (material.name, material.source, material.until) not in valid:
                raise MaterialRefused(
                    "reuse_not_here",
                    f"本机没有该申请人在所列编号下交过的“{material.name}”，不能沿用；请重新收取。",
                    f"This person handed in no «{material.name}» under that number here, so it cannot be used again; "
                    "take it in anew.",
                )

    async def find_lists(self, item: ServiceItem, people: Collection[Person], but: CaseId | None) -> list[OnList]:
        """Lists of this season that provide for some of these persons; `but` is left aside."""
        store = self._casebook.books.store
        found: list[OnList] = []
        subjects = await self._casebook.cases.lists_naming(people, item.code, season_start(item, self.today()))
        for subject, case in (await self._casebook.cases.read(subjects)).items():
            if subject == but or case.filing is None:
                continue
            provided = provides_for(case, read_roster(case, await store.entries_about([subject])))
            found.append(OnList(case.filing.tracking, frozenset(provided.intersection(people))))
        return found

    def find_staged_lists(self, item: ServiceItem, people: Collection[Person]) -> list[OnList]:
        """`find_lists` among those of the present transaction: two officers may file at the same moment."""
        since = season_start(item, self.today())
        return [
            OnList(case.filing.tracking, frozenset(provides_for(case, rows_of(parts)).intersection(people)))
            for case, parts in self._casebook.staged_lists
            if case.filing is not None
            and case.filing.item == item.code
            and day_of(case.filed_at or Instant(0)) >= since
        ]

    async def _cases_of(self, office: OfficeId, applicant: Applicant) -> list[CaseFile]:
        found = await self._casebook.cases.read_of_person(applicant.document_type, applicant.document_number)
        return [case for case in found if office in readers(case)]


def season_start(item: ServiceItem, today: date) -> date:
    """The first day of the season in which lists of this item are gathered: from the first month of its busy time on,
    so that September to next spring is one season; of an item without one the calendar year.
    """
    peaks = set(item.peak_months)
    first = min((month for month in peaks if (month - 2) % 12 + 1 not in peaks), default=1)
    return date(today.year if today.month >= first else today.year - 1, first, 1)
