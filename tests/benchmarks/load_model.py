"""How many matters a county's people bring in a year: of what, where, on which day. The base load, as numbers.

A county of 31 townships and 454 villages. How many come to each kind of counter, how the county's third quarter stands
out, the share of on-the-spot matters and the days' factors are measured or stated figures; how one item stands to
another, and the other three regimes' shares, are assumed. A matter is drawn per item, office and day: as many as a
Poisson process of that rate gives. Never says what happens to a matter (`lives`). Next: `county_year`.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from enum import StrEnum
from itertools import accumulate
from math import sqrt
from random import Random
from typing import Final

from msgspec import Struct

from office.seeds import SAMPLE_COUNTY, load_divisions
from schemas.calendar import WorkCalendar
from schemas.catalogue import CaseType, Delegation, Edition, ServiceItem
from schemas.divisions import Tier
from schemas.names import OfficeId
from schemas.openings import OpeningRule, Purpose, RuleKind, is_market_day


class Origin(StrEnum):
    """Where the resident came."""

    COUNTY = "county"
    """A department's window at the county centre."""
    TOWNSHIP = "township"
    VILLAGE = "village"


ANNUAL: Final[Mapping[Origin, int]] = {Origin.COUNTY: 136_000, Origin.TOWNSHIP: 129_000, Origin.VILLAGE: 78_500}
"""Cases of a year at each kind of counter; 344,000 together, rounded."""

REGIMES: Final[Mapping[CaseType, float]] = {
    CaseType.INSTANT: 0.60,
    CaseType.PROMISED: 0.25,
    CaseType.REPORTED_UPWARD: 0.12,
    CaseType.JOINT: 0.03,
}
"""Shares of the regimes: of on-the-spot matters 50 to 75 % are reported, the rest is assumed."""

_POPULAR: Final = {
    14: "RS03",
    12: "GA03",
    10: "NY02 RS04 YB01",
    8: "SC01",
    6: "MZ10 RS01",
    5: "YB02",
    4: "GA01 MZ01 NY01 RS02 WJ04 WJ05 YB03",
    3: "GA02 LY01 MZ03 MZ06 RS05 SC02 WJ01",
    2: "CL01 MZ04 MZ05 NY03 RS06 SC03 TY01 WJ02 WJ03",
    1: "MZ02 SF01 ZR01",
    0.5: "RS07",
    0.1: "MZ07 MZ08 MZ09",
}
POPULARITY: Final[Mapping[str, float]] = {code: weight for weight, codes in _POPULAR.items() for code in codes.split()}
"""How often an item is asked for beside the others of its regime (assumed). Every item of the catalogue has one."""

BY_LIST: Final = "YB01"
"""Medical insurance: villages hand in lists of persons in its season, and nothing of it outside."""

LIST_ROWS: Final = 545_000
"""Persons on all lists of a year: 1,200 a village."""

PEAK_FACTOR: Final = 2.5
"""How much more often an item is asked for in its peak months (assumed)."""

COUNTY_THIRD_QUARTER: Final = 1.16
"""The county's third quarter beside the other months; townships and villages are flat over the year."""

MARKET_DAY, ORDINARY_DAY, AFTER_A_HOLIDAY, HARVEST = 1.6, 0.8, 1.5, 0.6
"""Factors of a day (assumed). They move matters within a month: the month's own volume stays."""

HOLIDAY_DAYS: Final = 3
"""So many days of rest in a row are a holiday."""

HARVESTS: Final = (((5, 20), (6, 10)), ((9, 1), (9, 20)))
"""First and last day of the weeks in which everybody is in the fields."""

OUT_OF_HOURS: Final = 0.0032
"""Share of matters that are taken in by appointment, in the evening or on a day of rest."""

MARKET_DIGITS: Final = ((1, 4, 7), (2, 5, 8), (3, 6, 9), (0, 5))
"""Last digits of the lunar days on which a township's market is held; townships take them in turn."""

FITTING_ROUNDS: Final = 30


class Matter(Struct, frozen=True, order=True):
    """Somebody comes to an office with something."""

    day: date
    office: OfficeId
    item: str
    is_booked: bool
    """Outside opening hours."""


class Counters:
    """The offices of one origin, and how many matters each gets beside the others."""

    def __init__(self, offices: Sequence[OfficeId], weights: Sequence[float]) -> None:
        self.offices = offices
        self._sums = list(accumulate(weights))

    def draw(self, random: Random) -> OfficeId:
        """One of them, by weight."""
        return random.choices(self.offices, cum_weights=self._sums)[0]


class LoadModel:
    """One county's year. `share`: only this part of all matters, drawn in the same way."""

    def __init__(self, edition: Edition, calendar: WorkCalendar, year: int, share: float = 1.0) -> None:
        self.edition = edition
        self.year = year
        self.share = share
        self._calendar = calendar
        self._days = _working_days(calendar, year)
        towns, villages = townships(), [(village, weight) for town in townships() for village, weight in town.villages]
        self.counters: Mapping[Origin, Counters] = {
            Origin.COUNTY: Counters([OfficeId(SAMPLE_COUNTY)], [1]),
            Origin.TOWNSHIP: Counters([town.office for town in towns], [1] * len(towns)),
            Origin.VILLAGE: Counters([village for village, _ in villages], [weight for _, weight in villages]),
        }
        rules = {town.office: MARKET_DIGITS[number % len(MARKET_DIGITS)] for number, town in enumerate(towns)}
        self._factors = {office: self._day_sums(digits) for office, digits in rules.items()}
        self._factors[OfficeId(SAMPLE_COUNTY)] = self._day_sums(())
        self.asked = {origin: self._fit(origin) for origin in Origin}
        """Origin → (item, month) → how many are asked for."""

    @property
    def working_days(self) -> int:
        """How many the year has."""
        return sum(len(days) for days in self._days.values())

    def matters(self, random: Random, month: int) -> list[Matter]:
        """What comes in this month, by day."""
        drawn: list[Matter] = []
        for origin, rates in self.asked.items():
            for (item, of_month), rate in rates.items():
                if of_month == month:
                    drawn += [self._draw(random, origin, item, month) for _ in range(_poisson(random, rate))]
        return sorted(drawn)

    def _draw(self, random: Random, origin: Origin, item: str, month: int) -> Matter:
        office = self.counters[origin].draw(random)
        town = OfficeId(office[:9])
        day = random.choices(self._days[month], cum_weights=self._factors[town][month])[0]
        return Matter(day, office, item, random.random() < OUT_OF_HOURS)

    def _fit(self, origin: Origin) -> dict[tuple[str, int], float]:
        """Matters by item and month such that the year of each item, and each month of all items, is as asked."""
        items = {code: item for code, item in self.edition.items.items() if comes_to(item, origin)}
        yearly = self._by_item(origin, items)
        monthly = self._by_month(origin)
        rates = {
            (code, month): yearly[code] * _shape(items[code], origin, month) for code in items for month in monthly
        }
        for _ in range(FITTING_ROUNDS):
            _scale(rates, monthly, 1)
            _scale(rates, yearly, 0)
        return rates

    def _by_item(self, origin: Origin, items: Mapping[str, ServiceItem]) -> dict[str, float]:
        yearly: dict[str, float] = {}
        for regime, part in REGIMES.items():
            popular = {code: POPULARITY[code] for code, item in items.items() if item.case_type is regime}
            all_of_regime = ANNUAL[origin] * self.share * part
            yearly |= {code: all_of_regime * weight / sum(popular.values()) for code, weight in popular.items()}
        return yearly

    def _by_month(self, origin: Origin) -> dict[int, float]:
        weights = {
            month: len(days) * (COUNTY_THIRD_QUARTER if origin is Origin.COUNTY and month in (7, 8, 9) else 1.0)
            for month, days in self._days.items()
        }
        return {
            month: ANNUAL[origin] * self.share * weight / sum(weights.values()) for month, weight in weights.items()
        }

    def _day_sums(self, digits: tuple[int, ...]) -> dict[int, list[float]]:
        """Month → running sums of the working days' factors, at a place with these market days."""
        market = [OpeningRule(RuleKind.LUNAR_DIGITS, tuple(sorted(digits)), purpose=Purpose.MARKET)] if digits else []
        return {
            month: list(accumulate(self._factor(day, market) for day in days)) for month, days in self._days.items()
        }

    def _factor(self, day: date, market: Sequence[OpeningRule]) -> float:
        factor = 1.0
        if market:
            factor = MARKET_DAY if is_market_day(market, day, self._calendar) else ORDINARY_DAY
            if any(first <= (day.month, day.day) <= last for first, last in HARVESTS):
                factor *= HARVEST
        before = [day - timedelta(days=number) for number in range(1, HOLIDAY_DAYS + 1)]
        return factor if any(self._calendar.is_working(one) for one in before) else factor * AFTER_A_HOLIDAY


class Township(Struct, frozen=True):
    """One township and its villages, each with its weight: a community of the town counts twice."""

    office: OfficeId
    villages: tuple[tuple[OfficeId, float], ...]


def townships() -> list[Township]:
    """The sample county's, without its three farms and reserves, where nobody keeps a counter."""
    tree = load_divisions()
    return [
        Township(
            OfficeId(town.code),
            tuple((OfficeId(one.code), 2.0 if "社区" in one.name else 1.0) for one in tree.children(town.code)),
        )
        for town in tree.children(SAMPLE_COUNTY)
        if len(tree.children(town.code)) > 1
    ]


def comes_to(item: ServiceItem, origin: Origin) -> bool:
    """Whether people bring this item to such a counter: the catalogue lets it, and somebody there can go on with it."""
    if origin is Origin.COUNTY:
        return Tier.COUNTY in item.accepting_tiers and any(one.tier is Tier.COUNTY for one in item.deciders)
    if origin is Origin.VILLAGE:
        return Tier.VILLAGE in item.accepting_tiers and item.delegation is not Delegation.NO
    return Tier.TOWNSHIP in item.accepting_tiers


def is_by_list(item: str, origin: Origin) -> bool:
    """Whether such a matter is a list of persons."""
    return item == BY_LIST and origin is Origin.VILLAGE


def origin_of(office: OfficeId) -> Origin:
    """The kind of counter that this office keeps."""
    return {6: Origin.COUNTY, 9: Origin.TOWNSHIP}.get(len(office.partition(".")[0]), Origin.VILLAGE)


def tolerance(asked: float) -> float:
    """How far a volume may lie from what was asked: 1 %, and four standard deviations of the draw."""
    return 0.01 * asked + 4 * sqrt(asked)


def _shape(item: ServiceItem, origin: Origin, month: int) -> float:
    in_season = month in item.peak_months
    if is_by_list(item.code, origin):
        return 1.0 if in_season else 0.0
    return PEAK_FACTOR if in_season else 1.0


def _scale(rates: dict[tuple[str, int], float], wanted: Mapping[str, float] | Mapping[int, float], axis: int) -> None:
    """Scale each row (axis 0: item, 1: month) to the sum that is wanted of it."""
    sums: dict[object, float] = {}
    for key, rate in rates.items():
        sums[key[axis]] = sums.get(key[axis], 0.0) + rate
    targets: Mapping[object, float] = dict(wanted.items())
    for key in rates:
        rates[key] *= targets[key[axis]] / sums[key[axis]]


def _working_days(calendar: WorkCalendar, year: int) -> dict[int, list[date]]:
    days = (date(year, 1, 1) + timedelta(days=number) for number in range(366))
    found: dict[int, list[date]] = {month: [] for month in range(1, 13)}
    for day in days:
        if day.year == year and calendar.is_working(day):
            found[day.month].append(day)
    return found


def _poisson(random: Random, rate: float) -> int:
    """How many there are where `rate` are expected: arrivals at exponential distances."""
    count, reached = 0, random.expovariate(1.0)
    while reached < rate:
        count += 1
        reached += random.expovariate(1.0)
    return count
