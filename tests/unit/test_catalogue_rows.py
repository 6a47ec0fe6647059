"""Rows of a catalogue: everything that can be wrong with one is named, and nothing is made while there is a fault."""

from datetime import date

import pytest

from office.seeds import load_catalogue
from schemas.catalogue import ITEMS_MAX, Delegation, Fault
from schemas.catalogue_columns import COLUMNS, LISTS, PROSE, show_value
from schemas.catalogue_materials import Material, parse_materials
from schemas.catalogue_rows import FIELDS, Cover, parse_edition, row_of
from schemas.codec import ENTRY_BODY_BYTES_MAX
from tests.support.catalogues import COVER, ROW, edition_of, parsed

SUSPENDED: dict[str, object] = {"suspended_from": "2026-03-01", "suspension_document": "川府发〔2026〕1号"}

LONG = [f"{'材' * 115}{number}" for number in range(60)]
"""As many and as long names as a class of materials may have."""


def fields_of(faults: tuple[Fault, ...]) -> list[str]:
    """Which columns a report names."""
    return [fault.field for fault in faults]


def test_the_table_of_columns_is_that_of_the_rows() -> None:
    assert list(COLUMNS) == list(FIELDS)
    assert COLUMNS.keys() >= LISTS | PROSE
    assert len({column.heading for column in COLUMNS.values()}) == len(COLUMNS)


def test_a_good_row_becomes_an_item() -> None:
    item = edition_of(ROW | SUSPENDED).get_item("RS01")
    assert (item.delegation, item.materials.deferrable, item.is_on_the_spot, item.suspended_from) == (
        Delegation.YES,
        ("社会保障卡复印件",),
        True,
        date(2026, 3, 1),
    )


def test_nested_and_flat_columns_are_the_same_and_blanks_around_texts_do_not_count() -> None:
    flat = {key: value for key, value in ROW.items() if key not in ("legal", "mat")} | {
        "legal.n": 10,
        "legal.unit": "wd",
        "legal.from": " received",
        "mat.must": ["居民身份证 "],
        "mat.defer": ["社会保障卡复印件"],
        "public": 0,
    }
    assert edition_of(flat) == edition_of(ROW)


def test_every_item_of_the_sample_is_made_again_from_its_own_row() -> None:
    sample = load_catalogue()
    again = parse_edition(
        Cover(sample.version, sample.effective_from, is_sample=True),
        [
            (number, row_of(item) | {"public.days": item.notice.days})
            for number, item in enumerate(sample.items.values())
        ],
    )
    assert again.edition == sample


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "特办件"}, "type"),
        ({"code": "rs-01"}, "code"),
        ({"code": 17}, "code"),
        ({"name": ""}, "name"),
        ({"power": "11"}, "power"),
        ({"power": 5}, "power"),
        ({"basis": []}, "basis"),
        ({"basis": ["甲；乙"]}, "basis"),
        ({"legal": {"n": 10, "unit": "weeks", "from": "received"}}, "legal.unit"),
        ({"legal": {"n": -1, "unit": "wd", "from": "received"}}, "legal.n"),
        ({"legal": {"n": 1, "unit": "spot", "from": "received"}}, "legal.n"),
        ({"promise": 11}, "promise"),
        ({"promise": "十"}, "promise"),
        ({"fee": -1}, "fee"),
        ({"fee": "20"}, "fee"),
        ({"fee": 20}, "fee_basis"),
        ({"accept": []}, "accept"),
        ({"accept": ["township", "township"], "deleg": "no"}, "accept"),
        ({"accept": ["village"]}, "accept"),
        ({"accept": ["province"]}, "accept"),
        ({"decide": "县民政局"}, "decide"),
        ({"decide": "village/村委会"}, "decide"),
        ({"decide": "county/"}, "decide"),
        ({"decide": ["county/甲"]}, "decide"),
        ({"deleg": "maybe"}, "deleg"),
        ({"deleg": True}, "deleg"),
        ({"mat": {}}, "mat.must"),
        ({"mat": {"must": ["居民身份证"], "defer": ["居民身份证"]}}, "mat.defer"),
        ({"mat": {"must": ["居民身份证", "居民身份证"]}}, "mat.must"),
        ({"peak": [13]}, "peak"),
        ({"peak": [1, 1]}, "peak"),
        ({"colour": "red"}, "colour"),
        ({"suspended_from": "2026-02-30", "suspension_document": "甲"}, "suspended_from"),
        (SUSPENDED | {"suspended_until": "2026-02-28"}, "suspended_until"),
        ({"suspended_from": "2026-03-01"}, "suspension_document"),
        ({"suspended_until": "2026-03-01"}, "suspended_from"),
        ({"suspension_document": "甲"}, "suspended_from"),
        ({"procedure": "步" * 2001}, "procedure"),
        ({"basis": ["法" * 120] * 20, "mat": {"must": LONG, "defer": [f"{name}乙" for name in LONG]}}, "row"),
    ],
)
def test_every_fault_of_a_row_is_named(changes: dict[str, object], field: str) -> None:
    found = parsed(ROW | changes)
    assert found.edition is None
    assert fields_of(found.faults) == [field]
    assert found.faults[0].row == 1
    assert found.faults[0].zh
    assert found.faults[0].en


def test_all_faults_are_reported_at_once() -> None:
    found = parsed(ROW, ROW, ROW | {"code": "RS02", "fee": -1, "deleg": "", "promise": 400}, {})
    assert [(fault.row, fault.field) for fault in found.faults] == [
        (2, "code"),
        (3, "promise"),
        (3, "fee"),
        (3, "deleg"),
        (4, "row"),
    ]
    missing = parsed({"code": "RS01"})
    assert len(missing.faults) == len([field for field in FIELDS.values() if field.required]) - 1


def test_a_promise_is_held_against_a_legal_term_in_calendar_days_by_the_weeks_that_suit_it_best() -> None:
    def judge(promise: int, days: int) -> tuple[list[str], list[str]]:
        legal = {"n": days, "unit": "cd", "from": "accepted"}
        found = parsed(ROW | {"type": "承诺件", "promise": promise, "legal": legal})
        return fields_of(found.faults), fields_of(found.warnings)

    assert judge(11, 15) == ([], ["promise"]), "right in ordinary weeks, not over a long holiday"
    assert judge(12, 15) == (["promise"], ["promise"])
    assert judge(5, 7) == ([], ["promise"])
    assert judge(20, 60) == ([], [])


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"promise": 1}, "promise"),
        ({"type": "承诺件"}, "promise"),
        ({"accept": ["township"]}, "deleg"),
        ({"flow": ["甲乙丙"]}, "flow"),
        ({"flow": ["村公示"]}, "public.days"),
        ({"public": 5}, "public.days"),
        ({"deems_opinions": True}, "deems_opinions"),
    ],
)
def test_what_looks_wrong_and_need_not_be_is_said_and_imported(changes: dict[str, object], field: str) -> None:
    found = parsed(ROW | changes)
    assert found.edition is not None
    assert fields_of(found.warnings) == [field]


def test_two_items_of_one_name_are_pointed_out() -> None:
    found = parsed(ROW, ROW | {"code": "RS02"})
    assert found.edition is not None
    assert [(fault.row, fault.field) for fault in found.warnings] == [(2, "name")]
    assert "RS01" in found.warnings[0].zh


def test_an_edition_fits_one_entry() -> None:
    rows = [ROW | {"code": f"{'A' * 16}{number:04}", "name": f"甲{number}"} for number in range(ITEMS_MAX)]
    assert fields_of(parsed(*rows).faults) == ["code"], "codes so long that the list of them does not travel"
    rows = [row | {"code": f"AB{number:04}"} for number, row in enumerate(rows)]
    edition = edition_of(*rows)
    assert sum(len(code) + 20 for code in edition.items) < ENTRY_BODY_BYTES_MAX
    for wrong in ([], [*rows, ROW]):
        assert fields_of(parsed(*wrong).faults) == ["items"]


# --- the dictionary of materials -------------------------------------------------------------------------------------


def test_one_name_for_one_material() -> None:
    dictionary = [Material("C1", "居民身份证", ("身份证",)), Material("C2", "申请表")]

    def judge(*names: str) -> list[str]:
        row = ROW | {"mat": {"must": ["居民身份证"], "verify": list(names)}}
        return [fault.zh for fault in parse_edition(COVER, [(1, row)], dictionary).faults]

    assert judge("申请表") == []
    assert judge("身份证") == ["“身份证”在材料字典中称“居民身份证”，请改用该名称"]
    assert judge("户口簿") == ["材料字典中没有“户口簿”"]


def test_every_fault_of_a_dictionary_is_named() -> None:
    rows: list[dict[str, object]] = [
        {"id": "C1", "name": "居民身份证", "aliases": ["身份证"]},
        {"id": "C1", "name": "身份证"},
        {"id": "C2", "name": "申请表", "aliases": ["居民身份证"]},
        {"id": "C3"},
        {"id": "身份证", "name": "户口簿"},
    ]
    materials, faults = parse_materials(list(enumerate(rows, start=2)))
    assert [(fault.row, fault.item, fault.field) for fault in faults] == [
        (3, "C1", "id"),
        (3, "C1", "name"),
        (4, "C2", "aliases"),
        (5, "C3", "name"),
    ]
    assert len(materials) == 4


def test_values_are_shown_in_the_words_of_the_reader() -> None:
    assert show_value("accept", ("village", "county")) == "村级；县级"
    assert show_value("accept", ("village", "county"), "en") == "village; county"
    assert (show_value("fee", None), show_value("fee", None, "en"), show_value("fee", 20)) == ("依规定", "", "20")
    assert (show_value("deems_opinions", True), show_value("listed", None)) == ("是", "")
