"""Files of the county's catalogue desk: YAML, workbooks, divisions. Every fault has its place; nothing comes half."""

import csv
import json
from datetime import date
from pathlib import Path

import msgspec
import openpyxl
import pytest
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from hub.catalogue.importing import FILE_BYTES_MAX, ImportRefused, check_divisions, read_any
from hub.catalogue.workbook import write_edition, write_template
from hub.spreadsheets import DIVISIONS, read_rows
from office.seeds import load_catalogue
from schemas.catalogue import publishable
from schemas.catalogue_columns import COLUMNS
from schemas.names import OfficeId
from schemas.refusals import Refused
from tests.support.catalogues import DAY, ROW, edition_of


def written(folder: Path, text: str | bytes, name: str = "catalogue.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def document(*rows: dict[str, object], **cover: object) -> str:
    """A catalogue as a program would write it."""
    return json.dumps({"version": "v1", "items": rows} | cover)


# --- YAML ------------------------------------------------------------------------------------------------------------


def test_the_report_before_an_import_names_every_fault_in_both_languages(tmp_path: Path) -> None:
    path = written(tmp_path, "version: v1\nitems:\n\n- code: RS01\n- just text\n")
    report = read_any(path, DAY)
    assert report.edition is None
    assert {fault.row for fault in report.faults} == {4, 5}, "lines of the file"
    assert report.text("en").startswith(f"catalogue.yaml: {len(report.faults)} faults, nothing imported.")
    assert "第 4 行 RS01 · promise：缺少承诺时限" in report.text()


@pytest.mark.parametrize("name", ["居民\t身份证", "居民身份证\u200b", "居民\n身份证"])
def test_a_material_that_no_filing_could_name_is_a_fault(tmp_path: Path, name: str) -> None:
    """As a block scalar or an escape leaves it: the desk refuses characters that nobody sees."""
    report = read_any(written(tmp_path, document(ROW | {"mat": {"must": [name]}})), DAY)
    assert report.edition is None
    assert {(fault.item, fault.field) for fault in report.faults} == {("RS01", "mat.must")}


def test_texts_cut_at_a_comma_are_joined_and_reported(tmp_path: Path) -> None:
    row = (
        msgspec.yaml.encode(ROW | {"flow": ["评审(特别程序", "不计时限)", "制证"]})
        .decode()
        .strip()
        .replace("\n", "\n  ")
    )
    path = written(tmp_path, f"version: v1\nitems:\n- {row}\n  note: 甲\n  乙;丙:\n")
    report = read_any(path, DAY)
    assert report.edition is not None
    item = report.edition.get_item("RS01")
    assert (item.remark, item.steps) == ("甲,乙;丙", ("评审(特别程序,不计时限)", "制证"))
    assert [fault.field for fault in report.warnings] == ["note", "flow"]
    assert "joined again" in report.text("en")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfe", "file_unreadable"),
        (b"items: [", "catalogue_not_yaml"),
        (b"a: !!python/object/apply:os.system [true]", "catalogue_not_yaml"),
        (b"version: v1\x00", "unseen_character"),
        (b"[" * 5000, "catalogue_not_yaml"),
    ],
)
def test_files_that_cannot_be_read_at_all(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_any(written(tmp_path, content), DAY)
    assert refused.value.code == code


def test_a_column_that_occurs_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_any(written(tmp_path, "version: v1\nitems:\n- promise: 1\n  promise: 2\n"), DAY)
    assert "第 3 行" in refused.value.zh


@pytest.mark.parametrize("text", ["", "17", "- a", "items: []", "version: v1", "version: v1\nitems: text"])
def test_documents_without_a_catalogue_have_a_report(tmp_path: Path, text: str) -> None:
    report = read_any(written(tmp_path, text), DAY)
    assert report.edition is None
    assert report.faults


def test_a_list_that_holds_itself_is_a_fault(tmp_path: Path) -> None:
    text = document(ROW).replace('"basis": ["', '"basis": &a [*a, "')
    assert [fault.field for fault in read_any(written(tmp_path, text), DAY).faults] == ["basis"]


def test_a_missing_and_an_oversized_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_any(tmp_path / "none.yaml", DAY)
    assert refused.value.code == "file_unreadable"
    with pytest.raises(ImportRefused) as refused:
        read_any(written(tmp_path, b" " * (FILE_BYTES_MAX + 1)), DAY)
    assert refused.value.code == "file_too_large"
    for name in ("catalogue.xls", "catalogue.csv", "catalogue"):
        with pytest.raises(ImportRefused, match="XLSX") as refused:
            read_any(written(tmp_path, b"", name))
        assert refused.value.code == "catalogue_kind"


def test_a_file_may_say_from_when_by_what_document_and_that_it_is_a_sample(tmp_path: Path) -> None:
    said = {"effective_from": "2027-01-01", "document": "县府发〔2026〕9号", "approver": "王", "sample": True}
    path = written(tmp_path, document(ROW, **said))
    edition = read_any(path).edition
    assert edition is not None
    assert (edition.effective_from, edition.document, edition.approver, edition.is_sample) == (
        date(2027, 1, 1),
        "县府发〔2026〕9号",
        "王",
        True,
    )
    stated = read_any(path, DAY).edition
    assert stated is not None
    assert stated.effective_from == DAY
    assert [fault.field for fault in read_any(written(tmp_path, document(ROW))).faults] == ["effective_from"]
    otherwise = read_any(written(tmp_path, document(ROW)), otherwise=DAY).edition
    assert otherwise is not None
    assert otherwise.effective_from == DAY


@pytest.mark.parametrize(
    ("cover", "field"),
    [
        ({"effective_from": "2026-02-30"}, "effective_from"),
        ({"version": 2026.1}, "version"),
        ({"version": ""}, "version"),
        ({"version": "v\u200b1"}, "version"),
        ({"document": ["甲"]}, "document"),
        ({"sample": "yes"}, "sample"),
    ],
)
def test_what_a_file_says_of_the_edition_is_judged_as_well(
    tmp_path: Path, cover: dict[str, object], field: str
) -> None:
    report = read_any(written(tmp_path, document(ROW, **cover)), otherwise=DAY)
    assert report.edition is None
    assert [(fault.sheet, fault.field) for fault in report.faults] == [("edition", field)]


def test_a_day_that_does_not_exist_is_a_fault_of_its_row(tmp_path: Path) -> None:
    text = msgspec.yaml.encode({"version": "v1", "items": [ROW]}).decode() + "  suspended_from: 2026-02-30\n"
    report = read_any(written(tmp_path, text + "  suspension_document: 甲\n"), DAY)
    assert [(fault.item, fault.field) for fault in report.faults] == [("RS01", "suspended_from")]


def test_a_dictionary_of_materials_is_kept_to(tmp_path: Path) -> None:
    materials = [{"id": "C1", "name": "身份证明", "aliases": ["居民身份证"]}, {"id": "C2", "name": "社会保障卡复印件"}]
    report = read_any(written(tmp_path, document(ROW, materials=materials)), DAY)
    assert [(fault.sheet, fault.field) for fault in report.faults] == [("", "mat.must")]
    report = read_any(written(tmp_path, document(ROW, materials=[{"id": "C1"}])), DAY)
    assert ("materials", "C1") in {(fault.sheet, fault.item) for fault in report.faults}


def test_a_draft_without_the_seven_points_is_imported_and_told_what_publication_needs(tmp_path: Path) -> None:
    report = read_any(written(tmp_path, document(ROW)), DAY)
    assert report.edition is not None
    assert [gap.field for gap in publishable(report.edition)] == ["procedure", "conditions"]
    assert "还缺 2 处" in report.gaps_text()
    assert "RS01 · procedure" in report.gaps_text("en")


# --- workbooks -------------------------------------------------------------------------------------------------------


@pytest.fixture
def sheet(tmp_path: Path) -> Worksheet:
    """The items' sheet of a template with one good item; `saved` writes it."""
    path = tmp_path / "template.xlsx"
    write_template(path)
    book = openpyxl.load_workbook(path)
    book["版本"]["B1"], book["版本"]["B2"] = "2027.1", date(2027, 1, 1)
    items = book["事项"]
    typed = {
        "code": "RS01",
        "name": "参保登记",
        "en": "Enrolment",
        "dept": "县人社局",
        "type": "承诺件",
        "power": 5,
        "basis": "社会保险法第20条；社会保险法第22条",
        "legal.n": 10.0,
        "legal.unit": "工作日",
        "legal.from": "收到申请",
        "promise": "5",
        "src": "条文已核",
        "mat.must": "居民身份证\n申请表",
        "fee": "依规定",
        "accept": "村级、乡镇",
        "decide": "乡镇/小额 或 县级/民政局",
        "deleg": "可代办",
        "peak": "1、2，12",
        "suspended_from": "2027年3月1日",
        "suspension_document": "甲",
        "deems_opinions": "否",
    }
    for position, code in enumerate(COLUMNS, start=1):
        items.cell(2, position, typed.get(code))
    return items


def saved(sheet: Worksheet, folder: Path) -> Path:
    """The workbook of a sheet, in a file."""
    path = folder / "items.xlsx"
    assert sheet.parent is not None
    sheet.parent.save(path)
    return path


def letter(code: str) -> str:
    """The letter of a column in our own workbooks."""
    return get_column_letter(list(COLUMNS).index(code) + 1)


def test_a_filled_template_reads_as_the_edition_that_was_typed(sheet: Worksheet, tmp_path: Path) -> None:
    report = read_any(saved(sheet, tmp_path))
    assert report.edition is not None, report.text()
    row: dict[str, object] = {
        "code": "RS01",
        "name": "参保登记",
        "en": "Enrolment",
        "dept": "县人社局",
        "type": "承诺件",
        "power": "05",
        "basis": ["社会保险法第20条", "社会保险法第22条"],
        "promise": 5,
        "src": "law",
        "fee": None,
        "peak": [1, 2, 12],
        "legal": {"n": 10, "unit": "wd", "from": "received"},
        "mat": {"must": ["居民身份证", "申请表"]},
        "accept": ["village", "township"],
        "decide": "township/小额 或 county/民政局",
        "deleg": "yes",
        "suspended_from": "2027-03-01",
        "suspension_document": "甲",
    }
    assert report.edition.items == edition_of(row).items
    assert (report.edition.version, report.edition.effective_from) == ("2027.1", date(2027, 1, 1))


def test_every_fault_of_a_workbook_has_sheet_row_and_column(sheet: Worksheet, tmp_path: Path) -> None:
    for code, value in {"promise": "十", "fee": 20.5, "suspended_from": "2027-02-30", "power": "许可"}.items():
        sheet[f"{letter(code)}2"] = value
    sheet["A4"] = "RS01"
    report = read_any(saved(sheet, tmp_path))
    assert report.edition is None
    places = {(fault.sheet, fault.row, fault.column) for fault in report.faults}
    assert places >= {("事项", 2, letter(code)) for code in ("promise", "fee", "suspended_from", "power")}
    assert ("事项", 4, "A") in places, "the code occurs twice; the empty row between counts"
    assert f"事项 第 2 行 {letter('promise')} 列 RS01 · 承诺时限*：以工作日计" in report.text()
    assert f"row 2 column {letter('promise')} RS01" in report.text("en")


def test_a_title_above_the_headings_and_a_numbering_column_do_no_harm(sheet: Worksheet, tmp_path: Path) -> None:
    sheet.insert_rows(1)
    sheet["A1"] = "苍溪县政务服务事项目录"
    sheet.insert_cols(1)
    for row, number in enumerate(("序号", 1, 2, 3), start=2):
        sheet.cell(row, 1, number)
    report = read_any(saved(sheet, tmp_path))
    assert report.edition is not None, report.text()
    assert [(fault.row, fault.column, fault.field) for fault in report.warnings if fault.row == 2] == [(2, "A", "序号")]


def test_english_codes_and_units_in_brackets_are_headings_too(sheet: Worksheet, tmp_path: Path) -> None:
    sheet["A1"], sheet[f"{letter('promise')}1"] = "code", "承诺时限（工作日）"
    assert read_any(saved(sheet, tmp_path)).edition is not None


def test_missing_and_repeated_columns_are_named_once(sheet: Worksheet, tmp_path: Path) -> None:
    promise = sheet[f"{letter('promise')}1"]
    promise.value = "承诺"
    report = read_any(saved(sheet, tmp_path))
    assert [fault.zh for fault in report.faults] == ["缺少栏目：承诺时限"]
    promise.value = "承诺时限"
    sheet[f"{letter('note')}1"] = "备注"
    sheet[f"{letter('complaint')}1"] = "备注"
    assert [fault.column for fault in read_any(saved(sheet, tmp_path)).faults] == [letter("note")]


def test_a_formula_that_came_to_nothing_is_a_fault_in_its_cell(sheet: Worksheet, tmp_path: Path) -> None:
    sheet[f"{letter('dept')}2"], sheet[f"{letter('contact')}2"] = "#N/A", "#VALUE!"
    report = read_any(saved(sheet, tmp_path))
    assert [(fault.row, fault.column) for fault in report.faults] == [(2, letter("dept")), (2, letter("contact"))]
    assert "公式出错" in report.text()


def test_what_the_edition_is_said_to_be_is_said_once(sheet: Worksheet, tmp_path: Path) -> None:
    assert sheet.parent is not None
    cover = sheet.parent["版本"]
    assert isinstance(cover, Worksheet)
    cover["A6"], cover["B6"] = "生效时间", "2027-06-01"
    report = read_any(saved(sheet, tmp_path))
    assert report.edition is not None
    assert [(fault.sheet, fault.row, fault.field) for fault in report.warnings] == [("版本", 6, "生效时间")]
    cover["A6"] = "生效日期"
    report = read_any(saved(sheet, tmp_path))
    assert [(fault.sheet, fault.row, fault.column) for fault in report.faults] == [("版本", 6, "A")]


def test_a_workbook_with_a_dictionary_names_the_alias_in_its_cell(sheet: Worksheet, tmp_path: Path) -> None:
    assert sheet.parent is not None
    dictionary = sheet.parent["材料字典"]
    assert isinstance(dictionary, Worksheet)
    dictionary.append(["C1", "居民身份证", "身份证；二代证"])
    dictionary.append(["C2", "申请表"])
    assert read_any(saved(sheet, tmp_path)).edition is not None
    sheet[f"{letter('mat.must')}2"] = "二代证；申请表"
    report = read_any(saved(sheet, tmp_path))
    assert [(fault.column, fault.row) for fault in report.faults] == [(letter("mat.must"), 2)]
    dictionary.append(["C2", "户口簿"])
    report = read_any(saved(sheet, tmp_path))
    assert ("材料字典", 4, "A") in {(fault.sheet, fault.row, fault.column) for fault in report.faults}


def test_what_is_exported_and_read_again_is_the_same_edition(tmp_path: Path) -> None:
    sample = load_catalogue()
    odd = msgspec.structs.replace(
        sample.get_item("MZ01"),
        name="=1+1",
        name_en="007",
        remark="1.50",
        procedure="一\n二",
        contact="2026-01-01",
        suspended_from=DAY,
        suspension_document="甲",
        deems_opinions=True,
        fee_yuan=5,
        fee_basis="乙",
    )
    edition = msgspec.structs.replace(
        sample, version="2026.10", items={**sample.items, "MZ01": odd}, document="县府发〔2026〕9号", approver="王"
    )
    path = tmp_path / "export.xlsx"
    write_edition(path, edition)
    assert read_any(path).edition == edition
    with pytest.raises(Refused) as refused:
        write_edition(path, sample)
    assert refused.value.code == "file_exists"
    assert read_any(path).edition == edition


def test_a_template_explains_every_column_and_offers_every_choice(tmp_path: Path) -> None:
    path = tmp_path / "template.xlsx"
    write_template(path)
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["事项", "材料字典", "版本", "填写说明"]
    explained = {row[1]: row[3] for row in book["填写说明"].iter_rows(min_row=2, values_only=True)}
    assert all(explained[code] == column.zh for code, column in COLUMNS.items())
    offered = {
        str(choice.sqref).split("2:")[0]: choice.formula1 for choice in book["事项"].data_validations.dataValidation
    }
    assert all(letter(code) in offered for code, column in COLUMNS.items() if column.words and code != "fee")
    assert max(len(formula) for formula in offered.values()) < 255, "the limit of a spreadsheet"


def test_an_empty_template_and_a_file_that_is_none_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "template.xlsx"
    write_template(path)
    assert {fault.field for fault in read_any(path).faults} == {"items", "版本号", "生效日期"}
    with pytest.raises(Refused) as refused:
        read_any(written(tmp_path, b"no workbook", "items.xlsx"))
    assert refused.value.code == "file_unreadable"


# --- divisions -------------------------------------------------------------------------------------------------------


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
