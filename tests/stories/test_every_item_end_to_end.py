"""Every item of the sample goes through a county, each by its own route, over lines that fail as they like."""

from datetime import date, timedelta
from random import Random
from typing import Final

import pytest
from msgspec import Struct

from office.dues import Dues
from office.seeds import load_calendar, load_catalogue
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import EVENTS, ActUnconfirmed
from schemas.casework.regimes import Regime, regime_of
from schemas.casework.stages import Stage
from schemas.casework.visibility import readers
from schemas.names import OfficeId, OfficerId, parent_seat, seat_of
from schemas.register import GrantMade
from tests.support.counties import (
    COUNTY,
    FAR_VILLAGE,
    OTHER_TOWNSHIP,
    OTHER_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    County,
    Office,
    op,
    run,
)
from tests.support.dated import at
from tests.support.publications import FIRST_DAY, WANG, edition, item, publish_edition
from tests.support.routes import BEFALLS, Trip, Turn

SEED: Final = 20260306
ROUNDS_MAX: Final = 300
BEGINNINGS: Final = 24
"""Rounds in which matters come in: there are two in each half of a working day."""
VILLAGES: Final = (VILLAGE, OTHER_VILLAGE, FAR_VILLAGE)

GRANTED: Final = {
    "LY01": ("县林业局", True),
    "MZ01": ("县民政局", False),
    "SC01": ("县市场监管局", True),
}
"""Items that the county may hand down (可委托) → whose power it is, and whether it is entrusted (委托)."""

NEVER_HERE: Final = {
    ActUnconfirmed.kind,
    "case.rehomed",
    "case.terminated",
    "case.withdrawn",
    "custody.declined",
    "custody.reassigned",
    "recall.requested",
    "remark.added",
}
"""What no item's route asks for: a matter that ends early, is sent astray or moved, or belongs to a restored node."""


class Weather:
    """Lines that go down and come back by chance; now and then an answer is lost on its way."""

    def __init__(self, county: County, random: Random) -> None:
        self.county = county
        self.random = random
        self.lines = [seat for seat in county.offices if parent_seat(seat) is not None]
        self.down: set[OfficeId] = set()
        self.cuts = 0
        self.answers_lost = 0

    def blow(self) -> None:
        """One round: each line that is up carries a page each way."""
        for seat in self.random.sample(self.lines, len(self.lines)):
            if seat in self.down:
                if self.random.random() < 0.35:
                    self.down.discard(seat)
            elif self.random.random() < 0.2:
                self.down.add(seat)
                self.cuts += 1
            if seat in self.down:
                continue
            is_lost = self.random.random() < 0.1
            self.answers_lost += is_lost
            self.county.exchange(seat, loses_answer=is_lost)


def start_half_day(county: County) -> None:
    """Time passes until the counters open again: at nine or at two on a working day."""
    calendar, today = load_calendar(), day_of(county.at)
    days = (today + timedelta(days=number) for number in range(30))
    openings = (at(day, hour) for day in days if calendar.is_working(day) for hour in (9, 14))
    county.at = next(opening for opening in openings if opening > county.at)


class Journey(Struct):
    """The county after everything was done."""

    county: County
    trips: list[Trip]
    weather: Weather
    made_offline: int
    """Acts and contributions written where the line was down."""


def publish_rules(county: County) -> None:
    """An edition of every item, in which one lets silence count, and a grant of each that may be handed down."""
    items = [item(code, deems_opinions=code == "NY01") for code in load_catalogue().items]
    publish_edition(county[COUNTY], 1, edition("2026.1", *items))
    for number, (code, (grantor, is_entrusted)) in enumerate(GRANTED.items(), start=2):
        paper = f"苍府发〔2026〕{number}号"
        terms = (grantor, is_entrusted, (TOWNSHIP, OTHER_TOWNSHIP), (code,), FIRST_DAY, date(2026, 12, 31), paper)
        county[COUNTY].publish(GrantMade(op(number), COUNTY, OfficerId(WANG), paper, *terms))


@pytest.fixture(scope="module")
def journey() -> Journey:
    """Every item once, and one more case that is not accepted; all begin within six days."""
    county, random = County(TOWNSHIP, OTHER_TOWNSHIP, *VILLAGES), Random(SEED)
    publish_rules(county)
    county.settle()
    weather = Weather(county, random)
    catalogue = county[VILLAGE].catalogue.in_force(county.at)
    assert len(catalogue.items) == 39
    assert not catalogue.is_sample
    wanted = [(one, BEFALLS.get(code, frozenset[Turn]())) for code, one in catalogue.items.items()]
    wanted.append((catalogue.items["RS06"], frozenset({Turn.NOT_ACCEPTED})))
    waiting = [(random.randrange(BEGINNINGS), one, befalls) for one, befalls in wanted]
    trips: list[Trip] = []
    made_offline = 0
    for round_ in range(ROUNDS_MAX):
        for number, (begins, one, befalls) in enumerate(waiting, start=1):
            if begins == round_:
                village = random.choice(VILLAGES)
                grants = county[COUNTY].casebook.register.grants()
                trips.append(Trip(county, number, one, village, tuple(grants), befalls))
        for trip in random.sample(trips, len(trips)):
            made_offline += sum(seat in weather.down for seat in trip.go_on())
        weather.blow()
        for office in county.offices.values():
            run(office.receiving.receive())
        if round_ % 2:
            start_half_day(county)
        if len(trips) == len(wanted) and all(trip.is_over for trip in trips):
            break
    county.settle()
    return Journey(county, trips, weather, made_offline)


def files_of(journey: Journey, trip: Trip) -> dict[OfficeId, CaseFile]:
    """Seat → the case as it stands there, for every office that reads it."""
    assert trip.case is not None
    here = journey.county[COUNTY].case(trip.case)
    return {seat: journey.county[seat].case(trip.case) for seat in {seat_of(office) for office in readers(here)}}


def test_every_item_is_struck_off_by_its_own_route(journey: Journey) -> None:
    assert {trip.item.code for trip in journey.trips} == set(load_catalogue().items)
    regimes: set[Regime] = set()
    for trip in journey.trips:
        file = files_of(journey, trip)[COUNTY]
        assert (trip.item.code, file.stage) == (trip.item.code, Stage.CLOSED)
        assert (file.breaches, file.held, file.superseded) == ((), (), ()), trip.item.code
        assert file.filing_office == trip.filer
        if Turn.NOT_ACCEPTED not in trip.befalls:
            assert file.decision is not None
            assert file.decision.office == trip.decider
            assert regime_of(file, trip.item) is trip.regime, trip.item.code
        regimes.add(trip.regime)
    assert regimes == set(Regime)
    assert set[str]().union(*(trip.kinds for trip in journey.trips)) == set(EVENTS) - NEVER_HERE


def test_lines_were_down_in_between_and_answers_were_lost(journey: Journey) -> None:
    assert journey.weather.cuts > 20
    assert journey.weather.answers_lost > 10
    assert journey.made_offline > 50


def test_nothing_is_held_or_set_aside_and_the_tables_are_as_refolded(journey: Journey) -> None:
    for office in journey.county.offices.values():
        assert office.states() == []
        assert office.refolded() == office.cases.files


def test_every_tier_has_the_same_case_and_counts_the_same_days(journey: Journey) -> None:
    county = journey.county
    dues = {
        seat: Dues(office.catalogue, lambda office=office: office.casebook.register.calendar(load_calendar()))
        for seat, office in county.offices.items()
    }
    for trip in journey.trips:
        files = files_of(journey, trip)
        assert len(files) == {6: 1, 9: 2, 12: 3}[len(seat_of(trip.filer))]
        file = files[COUNTY]
        assert all(other == file for other in files.values()), trip.item.code
        counted = {seat: dues[seat].clocks(file) for seat in files}
        assert all(clocks == counted[COUNTY] for clocks in counted.values()), trip.item.code
        due = [clock.due.day for clock in counted[COUNTY] if clock.days and clock.due is not None]
        assert all(load_calendar().is_working(day) for day in due), trip.item.code


def test_the_county_has_signed_for_everything_and_everybody_has_that_receipt(journey: Journey) -> None:
    hub = journey.county[COUNTY].signer.node
    for office in journey.county.offices.values():
        if office.office != COUNTY:
            assert not unsigned(office, hub)


def unsigned(office: Office, holder: str) -> list[tuple[str, int]]:
    """Entries about cases that this office wrote and for which it has no receipt of `holder`."""
    tables = office.store.tables
    sizes = {row.journal: row.size for row in tables.receipts.values() if row.holder == holder}
    own = ((journal, seq) for keys in tables.subjects.values() for journal, seq in keys)
    return [
        (journal.origin, seq)
        for journal, seq in own
        if journal.origin == office.signer.node and sizes.get(journal, 0) <= seq
    ]
