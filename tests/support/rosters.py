"""Lists of persons for tests: made-up people of one county with numbers whose check characters fit."""

from random import Random

from schemas.casework.values import RosterRow
from schemas.identity import resident_check_character


def person(number: int, county: str = "510824") -> RosterRow:
    """The same person for the same number."""
    chance = Random(number)
    born = f"{chance.randint(1940, 2015)}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}"
    digits = f"{county}{born}{number % 1000:03d}"
    return RosterRow(f"王{number}", "111", digits + resident_check_character(digits), "13800000000")


def people(first: int, last: int) -> list[RosterRow]:
    """Persons `first` to `last`."""
    return [person(number) for number in range(first, last + 1)]
