"""The catalogue: the sample edition, and the importer's report on everything that can be wrong with a file."""

import csv
import json
from datetime import date
from pathlib import Path

import msgspec
import pytest

from hub.catalogue.importing import FILE_BYTES_MAX, ImportRefused, check_divisions, read_catalogue
from hub.spreadsheets import DIVISIONS, read_rows
from office.seeds import load_catalogue
from schemas.catalogue import (
    CaseType,
    Decider,
    Delegation,
    Edition,
    Fault,
    UnknownItem,
    accepts,
    find_edition_in_force,
    may_decide,
    parse_items,
)
from schemas.divisions import Tier
from schemas.names import OfficeId

VILLAGE, TOWNSHIP, COUNTY, WINDOW = map(OfficeId, ("510824100201", "510824100", "510824", "510824.rsj"))
DAY = date(2026, 1, 1)

ROW: dict[str, object] = {
    "code": "RS01",
    "name": "城乡居民基本养老保险参保登记",
    "en": "Resident basic pension enrolment",
    "dept": "县人社局",
    "listed": None,
    "type": "即办件",
    "power": "20",
    "basis": ["社会保险法第20、22条"],
    "legal": {"n": 10, "unit": "wd", "from": "received"},
    "promise": 0,
    "src": "law",
    "mat": {"must": ["居民身份证"], "defer": ["社会保障卡复印件"]},
    "fee": 0,
    "accept": ["village", "township", "county"],
    "decide": "county/城乡居保经办机构",
    "deleg": "yes",
    "flow": [],
    "peak": [1, 2],
}


def faults_of(**changes: object) -> list[Fault]:
    parsed = parse_items("v1", DAY, [ROW | changes])
    return parsed if isinstance(parsed, list) else []


# --- the sample edition --------------------------------------------------------------------------------------------


def test_the_sample_edition_holds_the_39_items_and_says_that_it_is_a_sample() -> None:
    edition = load_catalogue()
    assert (len(edition.items), edition.is_sample, edition.version) == (39, True, "2026.11-sample")
    assert list(edition.items) == sorted(edition.items)
    assert {item.code for item in edition.items.values()} == set(edition.items)
    homestead = edition.get_item("NY01")
    assert (homestead.case_type, homestead.legal.extension_days, homestead.notice.days) == (CaseType.JOINT, 10, 5)
    assert edition.get_item("MZ07").notice.shows_minors is False
    assert edition.get_item("NY03").fee_yuan is None


def test_texts_cut_at_a_comma_in_the_source_are_whole() -> None:
    assert load_catalogue().get_item("MZ04").remark.endswith("残联 10，承诺 20；法定值为示意")


def test_an_item_is_found_or_refused() -> None:
    edition = load_catalogue()
    assert edition.find_item("XX99") is None
    with pytest.raises(UnknownItem) as refused:
        edition.get_item("XX99")
    assert refused.value.code == "unknown_item"


def test_one_edition_has_one_digest() -> None:
    first, second = (parse_items("v1", DAY, [ROW]) for _ in range(2))
    assert isinstance(first, Edition)
    assert isinstance(second, Edition)
    assert first.digest == second.digest
    changed = parse_items("v1", DAY, [ROW | {"promise": 1}])
    assert isinstance(changed, Edition)
    assert changed.digest != first.digest


def test_the_edition_in_force_is_the_latest_that_has_begun() -> None:
    base = load_catalogue()
    old = msgspec.structs.replace(base, version="1", effective_from=date(2026, 1, 1), effective_until=date(2026, 6, 30))
    new = msgspec.structs.replace(base, version="2", effective_from=date(2026, 6, 1), effective_until=None)
    assert find_edition_in_force([old, new], date(2026, 5, 31)) == old
    assert find_edition_in_force([new, old], date(2026, 6, 1)) == new
    assert find_edition_in_force([old], date(2026, 7, 1)) is None
    assert find_edition_in_force([], DAY) is None


def test_who_takes_in_and_who_decides() -> None:
    edition = load_catalogue()
    relief = edition.get_item("MZ03")
    assert relief.deciders == (Decider(Tier.TOWNSHIP, "小额"), Decider(Tier.COUNTY, "民政局"))
    assert may_decide(relief, TOWNSHIP)
    assert may_decide(relief, COUNTY)
    pension = edition.get_item("RS01")
    assert not may_decide(pension, TOWNSHIP)
    assert may_decide(pension, WINDOW)
    assert accepts(pension, VILLAGE)
    assert not accepts(edition.get_item("WJ04"), TOWNSHIP)
    assert not any(may_decide(item, VILLAGE) for item in edition.items.values())
    at_village = msgspec.structs.replace(pension, deciders=(Decider(Tier.VILLAGE, "村"),))
    assert not may_decide(at_village, VILLAGE), "whatever a catalogue says"


# --- rows ----------------------------------------------------------------------------------------------------------


def test_a_good_row_becomes_an_item() -> None:
    parsed = parse_items("v1", DAY, [ROW])
    assert isinstance(parsed, Edition)
    item = parsed.get_item("RS01")
    assert (item.delegation, item.materials.deferrable, item.is_on_the_spot) == (
        Delegation.YES,
        ("社会保障卡复印件",),
        True,
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"type": "特办件"}, "type"),
        ({"code": "rs-01"}, "code"),
        ({"code": 17}, "code"),
        ({"name": ""}, "name"),
        ({"power": "11"}, "power"),
        ({"basis": []}, "basis"),
        ({"legal": {"n": 10, "unit": "weeks", "from": "received"}}, "legal.unit"),
        ({"legal": {"n": -1, "unit": "wd", "from": "received"}}, "legal.n"),
        ({"promise": 11}, "promise"),
        ({"fee": -1}, "fee"),
        ({"fee": "20"}, "fee"),
        ({"accept": []}, "accept"),
        ({"accept": ["village", "village"]}, "accept"),
        ({"accept": ["province"]}, "accept[0]"),
        ({"decide": "县民政局"}, "decide"),
        ({"decide": "village/村委会"}, "decide"),
        ({"decide": "county/"}, "decide"),
        ({"deleg": "maybe"}, "deleg"),
        ({"mat": {}}, "mat"),
        ({"peak": [13]}, "peak[0]"),
        ({"colour": "red"}, "row"),
    ],
)
def test_every_fault_of_a_row_is_named(changes: dict[str, object], field: str) -> None:
    faults = faults_of(**changes)
    assert [fault.field for fault in faults] == [field]
    assert faults[0].row == 1
    assert faults[0].zh
    assert faults[0].en


def test_all_faults_are_reported_at_once() -> None:
    parsed = parse_items("v1", DAY, [ROW, ROW, ROW | {"code": "RS02", "fee": -1}, {}])
    assert isinstance(parsed, list)
    assert [(fault.row, fault.field) for fault in parsed] == [(2, "code"), (3, "fee"), (4, "row")]


def test_an_empty_or_endless_table_is_refused() -> None:
    for rows in ([], [ROW] * 2001):
        assert isinstance(parse_items("v1", DAY, rows), list)


# --- files ---------------------------------------------------------------------------------------------------------


def written(folder: Path, text: str | bytes, name: str = "catalogue.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_report_before_an_import_names_every_fault_in_both_languages(tmp_path: Path) -> None:
    path = written(tmp_path, "version: v1\nitems:\n- {code: RS01}\n- just text\n")
    report = read_catalogue(path, DAY)
    assert report.edition is None
    assert [fault.row for fault in report.faults] == [1, 2]
    assert report.text("en").startswith("catalogue.yaml: 2 faults, nothing imported.")
    assert "第 1 行 RS01" in report.text()


@pytest.mark.parametrize("name", ["居民身份证\n", "居民\t身份证", "居民身份证\u200b"])
def test_a_material_that_no_filing_could_name_is_a_fault(tmp_path: Path, name: str) -> None:
    """As a block scalar or an escape leaves it: the desk refuses characters that nobody sees."""
    rows = [ROW | {"mat": {"must": [name]}}]
    report = read_catalogue(written(tmp_path, json.dumps({"version": "v1", "items": rows})), DAY)
    assert report.edition is None
    assert [(fault.item, fault.field) for fault in report.faults] == [("RS01", "version, mat")]


def test_a_text_cut_at_a_comma_is_joined_and_reported(tmp_path: Path) -> None:
    row = msgspec.yaml.encode(ROW).decode().strip().replace("\n", "\n  ")
    path = written(tmp_path, f"version: v1\nitems:\n- {row}\n  note: 甲\n  乙;丙:\n")
    report = read_catalogue(path, DAY)
    assert report.edition is not None
    assert report.edition.get_item("RS01").remark == "甲,乙;丙"
    assert [fault.field for fault in report.mended] == ["note"]
    assert "joined again" in report.text("en")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfe", "file_unreadable"),
        (b"items: [", "catalogue_not_yaml"),
        (b"a: !!python/object/apply:os.system [true]", "catalogue_not_yaml"),
        (b"version: v1\x00", "unseen_character"),
        (b"version: 2027-13-45", "catalogue_not_yaml"),
        (b"[" * 5000, "catalogue_not_yaml"),
    ],
)
def test_files_that_cannot_be_read_at_all(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_catalogue(written(tmp_path, content), DAY)
    assert refused.value.code == code


@pytest.mark.parametrize("text", ["", "17", "- a", "items: []", "version: v1", "version: v1\nitems: text"])
def test_documents_without_a_catalogue_have_a_report(tmp_path: Path, text: str) -> None:
    report = read_catalogue(written(tmp_path, text), DAY)
    assert report.edition is None
    assert report.faults


def test_a_missing_and_an_oversized_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_catalogue(tmp_path / "none.yaml", DAY)
    assert refused.value.code == "file_unreadable"
    with pytest.raises(ImportRefused) as refused:
        read_catalogue(written(tmp_path, b" " * (FILE_BYTES_MAX + 1)), DAY)
    assert refused.value.code == "file_too_large"


def test_a_table_of_divisions_saved_by_a_spreadsheet_reads(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbfcode,name,level,parent\r\n510824,\xe8\x8b\x8d,county,\r\n", "divisions.csv")
    report = check_divisions(path.name, read_rows(path, DIVISIONS), OfficeId("510824"))
    assert report.tree is not None
    assert report.tree.county.name == "苍"
    assert report.text("en") == "divisions.csv: 苍, 1 divisions, no fault."


def test_every_fault_of_a_table_of_divisions_is_named() -> None:
    def judge(*lines: str, county: str = "510824") -> str:
        rows = list(csv.DictReader(["code,name,level,parent", *lines]))
        report = check_divisions("d.csv", rows, OfficeId(county))
        assert report.tree is None
        assert report.text().count("\n") == len(report.faults)
        return report.text("en")

    told = judge("510824,苍溪县,county,", "51082410,陵江镇,township,510824", "510824101,,township,510824", "x")
    assert "3 faults, nothing imported" in told
    assert [line.split(":")[0].strip() for line in told.splitlines()[1:]] == [
        "row 3 51082410",
        "row 4 510824101",
        "row 5 x",
    ]
    told = judge(
        "510824,苍溪县,county,",
        "510824100,甲,township,510824",
        "510824100,乙,township,510824",
        "510824101001,丙,village,510824101",
    )
    assert "510824100 occurs twice" in told
    assert "510824101001 has a parent that is not in the table" in told
    assert "the table is that of 510824, this county is 510522" in judge("510824,苍溪县,county,", county="510522")
    assert "it holds 0" in judge()
