"""Division codes and a county's tree: no impossible code, no false ancestor, no broken table."""

import csv

import pytest

from office.seeds import load_divisions
from schemas.divisions import (
    DivisionCode,
    InvalidDivision,
    Tier,
    division_code,
    division_of,
    parent_of,
    parse_divisions,
    tier_of,
    tier_of_office,
)
from schemas.names import OfficeId

COUNTY, TOWNSHIP, VILLAGE = (DivisionCode(code) for code in ("510824", "510824100", "510824100201"))


def row(code: str, level: str, parent: str = "", name: str = "某地") -> dict[str, str]:
    return {"code": code, "name": name, "level": level, "parent": parent}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "division_code_shape"),
        ("51082", "division_code_shape"),
        ("5108241", "division_code_shape"),
        ("51082410020", "division_code_shape"),
        ("5108241002011", "division_code_shape"),
        ("51082A", "division_code_shape"),
        ("５１０８２４", "division_code_shape"),
        ("510 24", "division_code_shape"),
        ("51082²", "division_code_shape"),
        ("010824", "division_code_province"),
        ("510000", "division_code_province"),
        ("510824000", "division_code_padded"),
        ("510824000000", "division_code_padded"),
        ("510824100000", "division_code_padded"),
    ],
)
def test_impossible_codes_are_refused_in_words(text: str, code: str) -> None:
    with pytest.raises(InvalidDivision) as refused:
        division_code(text)
    assert refused.value.code == code
    assert refused.value.zh.endswith("。")


def test_tier_and_parent_come_from_the_length() -> None:
    assert [tier_of(code) for code in (COUNTY, TOWNSHIP, VILLAGE)] == [Tier.COUNTY, Tier.TOWNSHIP, Tier.VILLAGE]
    assert [parent_of(code) for code in (COUNTY, TOWNSHIP, VILLAGE)] == [None, COUNTY, TOWNSHIP]


def test_an_office_stands_in_the_division_before_its_desk() -> None:
    assert division_of(OfficeId("510824.rsj")) == COUNTY
    assert tier_of_office(OfficeId("510824.rsj")) is Tier.COUNTY
    assert tier_of_office(OfficeId("510824100201")) is Tier.VILLAGE
    for office in ("", ".rsj", "rsj.510824", "51082.x"):
        with pytest.raises(InvalidDivision):
            tier_of_office(OfficeId(office))


def test_the_sample_county_is_a_tree() -> None:
    tree = load_divisions()
    assert (tree.county.name, len(tree), len(tree.children("510824"))) == ("苍溪县", 492, 34)
    village = tree.get("510824100001")
    assert [division.code for division in tree.path(village.code)] == ["510824", "510824100", "510824100001"]
    assert sum(division.tier is Tier.VILLAGE for division in tree) == 457
    assert all(tree.path(division.code)[0] is tree.county for division in tree)
    assert "510824100" in tree
    assert tree.find("510824999") is None
    assert tree.children("510824100001") == ()
    with pytest.raises(InvalidDivision) as refused:
        tree.get("510824999")
    assert refused.value.code == "division_unknown"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([], "division_tree_root"),
        ([row("510824", "county"), row("510522", "county")], "division_tree_root"),
        ([row("510824", "county"), row("510824", "county")], "division_tree_broken"),
        ([row("510824", "county"), row("510824100201", "village", "510824100")], "division_tree_broken"),
        ([row("510824", "county"), row("510824100", "township", "510522")], "division_tree_broken"),
        ([row("510824", "county"), row("510824100", "village", "510824")], "division_tree_broken"),
        ([row("510824", "county", name="  ")], "division_name"),
        ([{"code": "510824"}], "division_name"),
        ([row("5108", "county")], "division_code_shape"),
    ],
)
def test_a_broken_table_is_refused_in_words(rows: list[dict[str, str]], code: str) -> None:
    with pytest.raises(InvalidDivision) as refused:
        parse_divisions(rows)
    assert refused.value.code == code


def test_a_row_with_too_few_columns_is_refused_not_crashed_on() -> None:
    rows = csv.DictReader(["code,name,level,parent", "510824"])
    with pytest.raises(InvalidDivision):
        parse_divisions(rows)
