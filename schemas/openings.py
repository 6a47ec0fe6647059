"""When a site is open, a desk staffed, a market held: rules of five kinds.

A day is judged in this order: a listed day opens or closes; a repeating rule that closes; a repeating rule that opens.
Where no rule of opening opens, the site is open on working days; a market may add its own days to these. Monday to
Friday together are the working days, with the weekends that are worked in exchange. A repeating rule never opens on a
holiday, which is a Monday to Friday without work; a market does, since it is held then too. Beyond the lunar table a
lunar opening falls back to working days and a market is unknown.
Never moves a legal term: those count working days (`schemas.calendar`). Next: `schemas.lunar` for lunar days,
`schemas.opening_texts` for rules as people write them.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final, TypeVar

from msgspec import Meta, Struct

from schemas.calendar import WorkCalendar

T = TypeVar("T", int, date, str)

DAYS_MAX: Final = 130
"""A market every third day is held on 122 days of a year."""

RULES_MAX: Final = 20
"""Of one site. All of them with every day listed are 29 KiB: one entry's body."""

WORKING_WEEK: Final = frozenset(range(1, 6))

_TIME: Final = "(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_HOURS: Final = re.compile(rf"(?:{_TIME}-{_TIME}(?:,{_TIME}-{_TIME}){{0,2}})?")


class RuleKind(StrEnum):
    """What a rule looks at. What its numbers are stands beside each kind."""

    LUNAR_DIGITS = "lunar"
    """Last digits of the lunar day, 0 to 9; 0 is 十 (逢农历一、四、七)."""
    SOLAR_DIGITS = "solar"
    """Last digits of the day of the month."""
    WEEKDAYS = "weekdays"
    """1 = Monday to 7 = Sunday."""
    PARITY = "parity"
    """1 = odd days of the month (单日), 0 = even ones (双日)."""
    LISTED = "listed"
    """The days themselves; no number."""


class Purpose(StrEnum):
    """What happens on the days of a rule."""

    OPENING = "opening"
    """The site is open, or the desk staffed; with `opens` False it is closed."""
    MARKET = "market"
    """The place's market is held (逢场); with `opens` True the site is open for it."""


_NUMBERS: Final[Mapping[RuleKind, frozenset[int]]] = {
    RuleKind.LUNAR_DIGITS: frozenset(range(10)),
    RuleKind.SOLAR_DIGITS: frozenset(range(10)),
    RuleKind.WEEKDAYS: frozenset(range(1, 8)),
    RuleKind.PARITY: frozenset({0, 1}),
    RuleKind.LISTED: frozenset(),
}


class OpeningRule(Struct, frozen=True, array_like=True, gc=False):
    """One rule of a site. Raises ValueError for what its kind does not have, and for hours that make no sense."""

    kind: RuleKind
    numbers: Annotated[tuple[int, ...], Meta(max_length=10)] = ()
    """Each once, ascending."""
    days: Annotated[tuple[date, ...], Meta(max_length=DAYS_MAX)] = ()
    """Each once, ascending; only of a listed rule."""
    purpose: Purpose = Purpose.OPENING
    opens: bool = True
    hours: str = ""
    """As "09:00-12:00,14:00-17:30", three spans at most; empty when not stated."""

    def __post_init__(self) -> None:
        is_listed = self.kind is RuleKind.LISTED
        if is_listed is not bool(self.days) or is_listed is bool(self.numbers):
            raise ValueError("a rule has numbers, a listed rule has days instead")
        if not _NUMBERS[self.kind].issuperset(self.numbers):
            raise ValueError(f"a rule of the kind {self.kind} has no such number")
        if self.kind is RuleKind.PARITY and len(self.numbers) > 1:
            raise ValueError("odd or even days, not both")
        if not (_ascending(self.numbers) and _ascending(self.days)):
            raise ValueError("numbers and days are given once, in their order")
        if not _HOURS.fullmatch(self.hours) or not _ascending(self.hours.replace(",", "-").split("-")):
            raise ValueError("hours are at most three spans, one after the other")
        if self.hours and self.is_closing:
            raise ValueError("a rule that closes has no hours")

    @property
    def is_closing(self) -> bool:
        """Whether the site is closed on the days of this rule, whatever others say."""
        return not self.opens and self.purpose is Purpose.OPENING

    @property
    def is_working_week(self) -> bool:
        """Whether the rule names Monday to Friday, which is to say the working days."""
        return self.kind is RuleKind.WEEKDAYS and WORKING_WEEK.issubset(self.numbers)


Rules = Annotated[tuple[OpeningRule, ...], Meta(max_length=RULES_MAX)]
"""All rules of one site."""


def hours_on(rules: Iterable[OpeningRule], day: date, calendar: WorkCalendar) -> str | None:
    """The hours of a site on `day`, of the first rule that opens it: None when closed, empty when not stated."""
    rules = [rule for rule in rules if rule.opens or rule.is_closing]
    listed = [rule for rule in rules if day in rule.days]
    if listed:
        return None if any(rule.is_closing for rule in listed) else listed[0].hours
    repeating = [rule for rule in rules if rule.kind is not RuleKind.LISTED]
    if any(rule.is_closing and _matches(rule, day, calendar) for rule in repeating):
        return None
    found = next((rule for rule in repeating if rule.opens and _opens(rule, day, calendar)), None)
    if found is not None:
        return found.hours
    is_default = not any(rule.opens and rule.purpose is Purpose.OPENING for rule in rules)
    return "" if is_default and calendar.is_working(day) else None


def is_open(rules: Iterable[OpeningRule], day: date, calendar: WorkCalendar) -> bool:
    """Whether a site with these rules is open on `day`; without any rule on working days."""
    return hours_on(rules, day, calendar) is not None


def is_market_day(rules: Iterable[OpeningRule], day: date, calendar: WorkCalendar) -> bool | None:
    """Whether the market is held on `day`; None when only the lunar calendar beyond its table could tell."""
    answers = {_matches(rule, day, calendar) for rule in rules if rule.purpose is Purpose.MARKET}
    return True if True in answers else None if None in answers else False


def _opens(rule: OpeningRule, day: date, calendar: WorkCalendar) -> bool:
    """Whether a repeating rule that opens does so on `day`."""
    is_match = _matches(rule, day, calendar)
    if rule.purpose is Purpose.MARKET:
        return bool(is_match)
    if calendar.is_working(day):
        return is_match is not False or rule.is_working_week
    return bool(is_match) and day.weekday() >= 5


def _matches(rule: OpeningRule, day: date, calendar: WorkCalendar) -> bool | None:
    """Whether `day` is one of the rule's days; None when the lunar table does not cover it."""
    if rule.kind is RuleKind.LISTED:
        return day in rule.days
    if rule.kind is RuleKind.LUNAR_DIGITS:
        lunar = calendar.lunar.find_day(day)
        return None if lunar is None else lunar.day % 10 in rule.numbers
    return _SOLAR[rule.kind](day) in rule.numbers


_SOLAR: Final[Mapping[RuleKind, Callable[[date], int]]] = {
    RuleKind.SOLAR_DIGITS: lambda day: day.day % 10,
    RuleKind.WEEKDAYS: date.isoweekday,
    RuleKind.PARITY: lambda day: day.day % 2,
}
"""A day's number by the kinds that look at the solar calendar alone."""


def _ascending(values: Iterable[T]) -> bool:
    return all(one < other for one, other in pairwise(values))
