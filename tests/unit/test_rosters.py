"""Lists of persons as tables: read from what spreadsheets save, checked row by row, cut into parts that fit."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from operator import itemgetter

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from office.rosters import ListRefused, Table, check_rows, read_table, template
from office.workbooks import UNPACKED_BYTES_MAX
from schemas.casework.events import ROSTER_PARTS_MAX, ROSTER_ROWS_MAX, RosterAdded
from schemas.casework.rosters import PART_BYTES_MAX, ROWS_MAX, digest_of, rows_of, sort_rows, split
from schemas.casework.values import RosterRow
from schemas.codec import ENTRY_BODY_BYTES_MAX, encode
from schemas.names import OfficeId, OfficerId
from schemas.refusals import Refused
from tests.support.rosters import people, person

TODAY = date(2026, 11, 22)
HEAD = "姓名,证件类型,证件号码,电话,备注\r\n"


def line_of(row: RosterRow) -> str:
    return f"{row.name},居民身份证,{row.document_number},{row.phone},{row.note}\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_table_as_spreadsheets_save_it_reads(encoding: str) -> None:
    text = HEAD + line_of(person(1)) + ",,,,\r\n" + line_of(person(2))
    table = read_table(text.encode(encoding))
    assert table == Table((person(1), person(2)), (2, 4))


def workbook(*rows: Sequence[object]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(list(row))
    book.create_sheet("说明").append(["第二张表不读"])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def test_a_workbook_reads_without_any_library_of_spreadsheets() -> None:
    rows = [["姓名", "证件号码", "电话"], [person(1).name, person(1).document_number, 13800000000.0]]
    gap = [person(2).name, None, 13800000000]
    table = read_table(workbook(*rows, [], [" ", None], gap))
    assert table.rows == (person(1), structs.replace(person(2), document_number=""))
    assert table.lines == (2, 5)
    lost = read_table(workbook(["姓名", "证件号码"], ["王五", 510824194910010025]))
    with pytest.raises(ListRefused) as refused:
        check_rows(lost.rows, TODAY)
    assert "改成了数字" in refused.value.faults[0].zh


def test_a_remark_may_have_several_lines_and_a_name_may_not() -> None:
    """Alt+Enter in a cell is how spreadsheets are filled in."""
    two_lines = structs.replace(person(1), note="低保户\n已调档")
    table = read_table(
        workbook(["姓名", "证件号码", "电话", "备注"], [two_lines.name, *structs.astuple(two_lines)[2:]])
    )
    assert check_rows(table.rows, TODAY) == (two_lines,)
    with pytest.raises(ListRefused) as refused:
        check_rows([two_lines, structs.replace(person(2), name="王\n五")], TODAY)
    assert [fault.row for fault in refused.value.faults] == [2]


def repacked(content: bytes, name: str, change: Callable[[bytes], bytes]) -> bytes:
    """A workbook with one of its parts changed."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as after:
        for part in before.namelist():
            after.writestr(part, change(before.read(part)) if part == name else before.read(part))
    return file.getvalue()


SHEET = "xl/worksheets/sheet1.xml"
BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
HARM: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "entities": (SHEET, BOMB.__add__),
    "cut off": (SHEET, itemgetter(slice(-20))),
    "too much": (SHEET, lambda text: text + b" " * UNPACKED_BYTES_MAX),
    "other encoding": (SHEET, lambda text: text.decode().encode("utf-16")),
    "no sheets": ("xl/workbook.xml", lambda text: b"<workbook/>"),
    "elsewhere": ("xl/_rels/workbook.xml.rels", lambda text: text.replace(b"sheet1", b"../../../etc/passwd")),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_workbook_that_is_none_or_means_harm_is_refused(harm: str) -> None:
    content = workbook(["姓名", "证件号码"], [person(1).name, person(1).document_number])
    with pytest.raises(Refused, match="list_unreadable"):
        read_table(repacked(content, *HARM[harm]))


def test_texts_that_cells_share_are_read_in_all_their_pieces_without_reading_aids() -> None:
    """As most programs write them; a name in two fonts is two runs, and East Asian ones may carry their reading."""
    main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    texts = ("<t>姓名</t>", "<t>证件号码</t>", "<r><t>王</t></r><r><t>1</t></r><rPh><t>wang</t></rPh>")
    shared = f"<sst {main}>" + "".join(f"<si>{text}</si>" for text in (*texts, f"<t>{person(1).document_number}</t>"))
    sheet = (
        f'<worksheet {main}><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        '<row r="3"><c r="A3" t="s"><v>2</v></c><c r="B3" t="s"><v>3</v></c></row></sheetData></worksheet>'
    )
    before = workbook(["姓名"])
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(before)) as old, zipfile.ZipFile(file, "w") as new:
        for part in set(old.namelist()) - {SHEET, "xl/sharedStrings.xml"}:
            new.writestr(part, old.read(part))
        new.writestr(SHEET, sheet)
        new.writestr("xl/sharedStrings.xml", shared + "</sst>")
    assert read_table(file.getvalue()) == Table((structs.replace(person(1), phone=""),), (3,))
    with pytest.raises(Refused, match="list_unreadable"):
        read_table(repacked(file.getvalue(), "xl/sharedStrings.xml", lambda text: f"<sst {main}/>".encode()))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "columns_missing"),
        ("姓名,电话\r\n王秀英,138".encode(), "columns_missing"),
        (b"PK\x03\x04 broken", "list_unreadable"),
        (b"\xff\xfe\xff", "list_unreadable"),
        (b"x" * (2 * 1024 * 1024 + 1), "list_unreadable"),
    ],
)
def test_what_is_no_list_is_refused(content: bytes, code: str) -> None:
    with pytest.raises(Refused, match=code):
        read_table(content)


def test_the_template_reads_as_an_empty_list() -> None:
    assert read_table(template()) == Table((), ())
    with pytest.raises(Refused, match="list_empty"):
        check_rows((), TODAY)


def test_every_row_at_fault_is_named_with_its_reason_and_no_number_is_quoted() -> None:
    good = people(1, 3)
    rows = [
        good[0],
        structs.replace(good[1], document_number=good[1].document_number[:-1] + "Y"),
        structs.replace(good[2], name=""),
        structs.replace(good[0], name="同一个人"),
        structs.replace(person(4), document_number="5.10824E+17"),
        structs.replace(person(5), document_type="户口簿"),
        structs.replace(person(6), note="长" * 121),
        structs.replace(person(7), name="王\u200b七"),
    ]
    with pytest.raises(ListRefused) as refused:
        check_rows(rows, TODAY)
    assert [fault.row for fault in refused.value.faults] == [2, 3, 4, 5, 6, 7, 8]
    assert "第 1 行" in refused.value.faults[2].zh
    told = str(refused.value) + refused.value.zh + "".join(one.zh + one.en for one in refused.value.faults)
    assert not any(row.document_number in told for row in rows if len(row.document_number) == 18)


def test_numbers_are_kept_as_they_are_filed_and_long_lists_are_refused() -> None:
    typed = structs.replace(person(8), document_number=f" {person(8).document_number.lower()} ")
    assert check_rows([typed], TODAY) == (person(8),)
    with pytest.raises(Refused, match="list_too_long"):
        check_rows([person(1)] * (ROWS_MAX + 1), TODAY)


@given(st.lists(st.integers(0, 120), max_size=700))
def test_parts_hold_every_row_once_in_order_and_fit_an_entry(notes: list[int]) -> None:
    rows = [structs.replace(person(1), note="注" * note) for note in notes]
    parts = split(rows)
    assert [row for part in parts for row in part] == rows
    assert all(0 < len(part) <= ROSTER_ROWS_MAX for part in parts)
    office, officer = OfficeId("510824100201.abcdefghijklmnopqrst"), OfficerId("x" * 120)
    added = [RosterAdded(1, bytes(8), office, officer, number, part) for number, part in enumerate(parts, start=1)]
    assert all(len(encode(one)) <= ENTRY_BODY_BYTES_MAX for one in added)
    assert rows_of(reversed(added)) == tuple(rows)
    assert rows_of([*added, *added]) == tuple(rows)
    # A list of 6,000 ordinary rows fits its 20 parts.
    assert ROSTER_PARTS_MAX * min(ROSTER_ROWS_MAX, PART_BYTES_MAX // len(encode(person(1)))) >= ROWS_MAX


def test_the_digest_knows_the_order_and_the_sorted_one_does_not() -> None:
    rows = people(1, 4)
    assert digest_of(rows) != digest_of(rows[::-1])
    assert digest_of(sort_rows(rows)) == digest_of(sort_rows(rows[::-1]))
