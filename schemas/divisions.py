"""Division codes: county (6 digits), township (9), village (12), and a county's tree of them.

The shape follows GB/T 2260 and the Bureau of Statistics' extension (each code starts with its parent's). The *type* of
a unit comes from its name, never from its digits; units are never matched by name: a county may have two of one.
Never reads a file: rows come in as values. Next: `schemas.names` for offices, which stand on these codes.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Final, NewType

from msgspec import Struct

from schemas.names import OfficeId, seat_of
from schemas.refusals import Refused

DivisionCode = NewType("DivisionCode", str)
"""6, 9 or 12 digits. Made by `division_code` only."""


class Tier(StrEnum):
    """The three tiers of the network, by the length of the division code."""

    COUNTY = "county"
    TOWNSHIP = "township"
    VILLAGE = "village"


_TIER_OF_LENGTH: Final = {6: Tier.COUNTY, 9: Tier.TOWNSHIP, 12: Tier.VILLAGE}
_PARENT_LENGTH: Final = {12: 9, 9: 6}


class InvalidDivision(Refused):
    """A code that no division can have, or rows that do not make one county's tree."""


class Division(Struct, frozen=True):
    """One row of the tree."""

    code: DivisionCode
    name: str
    tier: Tier
    parent: DivisionCode | None


def division_code(text: str) -> DivisionCode:
    """Check the shape of a code. Raises `InvalidDivision`; padded forms of a county or township are named as such."""
    if len(text) not in _TIER_OF_LENGTH or not (text.isascii() and text.isdigit()):
        raise InvalidDivision(
            "division_code_shape",
            "区划代码应为 6 位（县）、9 位（乡镇）或 12 位（村）数字；请核对后重新输入。",
            "A division code has 6 (county), 9 (township) or 12 (village) digits; check it and type it again.",
        )
    if text[0] == "0" or text[2:6] == "0000":
        raise InvalidDivision(
            "division_code_province",
            "该代码不是县级及以下的区划；请填写县、乡镇或村的代码。",
            "This is not the code of a county or of a unit below one; use the county's, township's or village's code.",
        )
    if text[6:9] == "000" or text[9:12] == "000":
        raise InvalidDivision(
            "division_code_padded",
            "代码末尾的补零请去掉：县用 6 位，乡镇用 9 位。",
            "Leave out the padding zeros: a county has 6 digits, a township 9.",
        )
    return DivisionCode(text)


def tier_of(code: DivisionCode) -> Tier:
    """The tier of a checked code."""
    return _TIER_OF_LENGTH[len(code)]


def parent_of(code: DivisionCode) -> DivisionCode | None:
    """The code above; None for a county."""
    length = _PARENT_LENGTH.get(len(code))
    return DivisionCode(code[:length]) if length is not None else None


def division_of(office: OfficeId) -> DivisionCode:
    """The division in which an office stands. Raises `InvalidDivision` if its name does not start with a code."""
    return division_code(seat_of(office))


def tier_of_office(office: OfficeId) -> Tier:
    """The tier at which an office works; a window works at its division's tier. Raises `InvalidDivision`."""
    tier = _TIER_OF_LENGTH.get(len(seat_of(office)))
    return tier if tier is not None else tier_of(division_of(office))


def is_village_office(office: OfficeId) -> bool:
    """Whether an office works at a village. Never raises: what is no office at all is none."""
    return _TIER_OF_LENGTH.get(len(seat_of(office))) is Tier.VILLAGE


class DivisionTree:
    """One county's tree of divisions. Immutable once made."""

    def __init__(self, divisions: Iterable[Division]) -> None:
        """Take checked rows in any order. Raises `InvalidDivision` for doubles, orphans, and not exactly one county."""
        ordered = sorted(divisions, key=lambda division: division.code)
        for fault in tree_faults(ordered):
            raise fault
        self._divisions = {division.code: division for division in ordered}
        self._children: dict[DivisionCode, list[Division]] = {}
        for division in ordered:
            if division.parent is not None:
                self._children.setdefault(division.parent, []).append(division)
        # Shorter codes come first, and there is one county.
        self.county = ordered[0]

    def __len__(self) -> int:
        return len(self._divisions)

    def __iter__(self) -> Iterator[Division]:
        return iter(self._divisions.values())

    def __contains__(self, code: object) -> bool:
        return code in self._divisions

    def find(self, code: str) -> Division | None:
        """The division with this code, or None."""
        return self._divisions.get(DivisionCode(code))

    def get(self, code: str) -> Division:
        """The division with this code. Raises `InvalidDivision` if the county has none."""
        division = self.find(code)
        if division is None:
            raise InvalidDivision(
                "division_unknown",
                "本县区划表中没有这个代码；请核对，或由县中心更新区划表。",
                "The county's table has no such code; check it, or let the county update the table.",
            )
        return division

    def children(self, code: str) -> tuple[Division, ...]:
        """The divisions directly below, in the order of their codes."""
        return tuple(self._children.get(DivisionCode(code), ()))

    def path(self, code: str) -> tuple[Division, ...]:
        """County … division. Raises `InvalidDivision` if the county has no such code."""
        here: Division | None = self.get(code)
        path: list[Division] = []
        while here is not None:
            path.append(here)
            here = self._divisions[here.parent] if here.parent is not None else None
        return tuple(reversed(path))


def parse_divisions(rows: Iterable[Mapping[str, str]]) -> DivisionTree:
    """The tree from rows with the columns code, name, level, parent. Raises `InvalidDivision` at the first bad row."""
    return DivisionTree([parse_row(number, row) for number, row in enumerate(rows, start=1)])


def tree_faults(divisions: Sequence[Division]) -> Iterator[InvalidDivision]:
    """Everything that keeps checked rows from being one county's tree: doubles, orphans, not exactly one county."""
    codes = Counter(division.code for division in divisions)
    for code, count in codes.items():
        if count > 1:
            yield _broken(code, "重复出现", "occurs twice")
    for division in divisions:
        if division.parent is not None and division.parent not in codes:
            yield _broken(division.code, "的上级不在表中", "has a parent that is not in the table")
    counties = sum(1 for division in divisions if division.parent is None)
    if counties != 1:
        yield InvalidDivision(
            "division_tree_root",
            f"区划表应恰好有一个县，现有 {counties} 个；请按县分别导入。",
            f"The table must hold exactly one county, it holds {counties}; import one county at a time.",
        )


def parse_row(number: int, row: Mapping[str, str]) -> Division:
    """One row, the `number`th from 1. Raises `InvalidDivision`."""
    code = division_code((row.get("code") or "").strip())
    name = (row.get("name") or "").strip()
    if not name:
        raise InvalidDivision(
            "division_name",
            f"第 {number} 行没有名称；请补上。",
            f"Row {number} has no name; fill it in.",
        )
    if (row.get("level") or "").strip() != tier_of(code).value:
        raise _broken(code, "的层级与代码位数不符", "has a level that does not fit the length of its code")
    parent = (row.get("parent") or "").strip() or None
    # The county's own row may name its prefecture or nothing: what stands above a county is not part of the network.
    if tier_of(code) is not Tier.COUNTY and parent != parent_of(code):
        raise _broken(code, "的上级代码不是其前几位", "names a parent that its code does not start with")
    return Division(code, name, tier_of(code), parent_of(code))


def _broken(code: str, zh: str, en: str) -> InvalidDivision:
    return InvalidDivision(
        "division_tree_broken",
        f"区划 {code} {zh}；请改正区划表后重新导入。",
        f"Division {code} {en}; correct the table and import it again.",
    )
