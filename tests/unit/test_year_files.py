"""A year's notice as a county types it: read from a table or YAML, judged whole, and never half taken."""

from datetime import date, datetime
from pathlib import Path

import openpyxl
import pytest

from hub.__main__ import APPLICATION
from hub.calendars import YearPreflight, find_installed, read_year, year_text
from office.cli import main
from office.seeds import load_calendar
from schemas.calendar import CalendarYear, DayKind, YearStatus
from schemas.refusals import Refused

TITLE = "国务院办公厅关于2027年部分节假日安排的通知"
HEADINGS = ("日期", "至", "安排", "文件", "性质")
NOTICE = [
    ("2027-01-01", "2027-01-03", "放假", TITLE, ""),
    ("2027-02-05", "2027-02-13", "放假", "", ""),
    ("2027-01-31", "", "上班", "", ""),
    ("2027-02-20", "", "上班", "", ""),
    ("2027-04-03", "2027-04-05", "放假", "", ""),
    ("2027-05-01", "2027-05-05", "放假", "", ""),
    ("2027-05-08", "", "上班", "", ""),
    ("2027-06-09", "", "放假", "", ""),
    ("2027-09-15", "", "放假", "", ""),
    ("2027-10-01", "2027-10-07", "放假", "", ""),
    ("2027-09-26", "", "上班", "", ""),
    ("2027-10-09", "", "上班", "", ""),
]
"""Not the notice itself, which is not out yet: one as it may be."""

Row = tuple[str, ...]


def csv_of(folder: Path, rows: list[Row], headings: Row = HEADINGS) -> Path:
    """A table as a file."""
    path = folder / "year.csv"
    path.write_text("\n".join(",".join(row) for row in (headings, *rows)), encoding="utf-8")
    return path


def read(folder: Path, rows: list[Row], headings: Row = HEADINGS) -> YearPreflight:
    """The report on a table."""
    return read_year(csv_of(folder, rows, headings))


def faults(report: YearPreflight) -> list[tuple[int, str]]:
    """Row and column of each fault."""
    assert report.year is None
    return [(fault.row, fault.field) for fault in report.faults]


def test_a_notice_is_read_with_its_spans(tmp_path: Path) -> None:
    report = read(tmp_path, NOTICE)
    year = report.year
    assert year is not None
    assert (year.year, year.status, year.document) == (2027, YearStatus.OFFICIAL, TITLE)
    assert report.warnings == ()
    assert year.days[date(2027, 2, 12)] is DayKind.REST
    assert date(2027, 2, 6) not in year.days, "a Saturday rests anyhow"
    assert year.days[date(2027, 1, 31)] is DayKind.WORKING
    assert load_calendar().with_year(year).working_days_between(date(2026, 12, 31), date(2027, 12, 31)) == 248
    assert "全年 248 个工作日" in report.text()
    assert "248 working days" in report.text("en")


def test_a_spreadsheet_and_yaml_say_the_same(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADINGS)
    for first, until, *rest in NOTICE:
        sheet.append([datetime.fromisoformat(first), datetime.fromisoformat(until) if until else None, *rest])
    book.save(tmp_path / "year.xlsx")
    lines = [f"  - {{date: {row[0]}, kind: {row[2]}{f', until: {row[1]}' if row[1] else ''}}}" for row in NOTICE]
    (tmp_path / "year.yaml").write_text("\n".join([f"document: {TITLE}", "days:", *lines]), encoding="utf-8")
    expected = read(tmp_path, NOTICE).year
    assert read_year(tmp_path / "year.xlsx").year == read_year(tmp_path / "year.yaml").year == expected


def test_english_headings_and_words_and_other_ways_to_write_a_day(tmp_path: Path) -> None:
    rows = [("2027/3/8", "rest", "no. 3", "local"), ("2027年3月9日", "Working", "", "")]
    year = read(tmp_path, rows, ("date", "kind", "document", "status")).year
    assert year is not None
    assert year.status is YearStatus.LOCAL
    assert year.days == {date(2027, 3, 8): DayKind.REST, date(2027, 3, 9): DayKind.WORKING}, "all of it, as it is said"


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (("2027-02-30", "", "放假", "", ""), (3, "日期")),
        (("2027-13-01", "", "放假", "", ""), (3, "日期")),
        (("2927-01-01", "", "放假", "", ""), (3, "日期")),
        (("春节", "", "放假", "", ""), (3, "日期")),
        (("2027-02-08", "2027-02-31", "放假", "", ""), (3, "至")),
        (("2027-02-08", "2027-02-05", "放假", "", ""), (3, "至")),
        (("2027-12-31", "2028-01-01", "放假", "", ""), (3, "至")),
        (("2027-02-08", "", "调休", "", ""), (3, "安排")),
        (("2027-01-02", "", "上班", "", ""), (3, "日期")),
        (("2027-02-08", "", "放假", "另一份通知", ""), (0, "文件")),
        (("2027-02-08", "", "放假", "", "省级"), (0, "性质")),
        (("2026-12-31", "", "放假", "", ""), (0, "日期")),
        (("2027-04-05", "", "上班", "", ""), (0, "日期")),
    ],
    ids=lambda value: " ".join(map(str, value)),
)
def test_a_fault_is_named_by_row_and_column_and_nothing_is_taken(
    tmp_path: Path, row: Row, found: tuple[int, str]
) -> None:
    report = read(tmp_path, [NOTICE[0], row])
    assert found in faults(report)
    assert "未导入任何内容" in report.text()
    assert "nothing imported" in report.text("en")


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    rows = [("2027-02-30", "", "放假", "", ""), ("2027-02-08", "", "", "", ""), ("", "", "", "", "")]
    assert faults(read(tmp_path, rows)) == [(0, "文件"), (2, "日期"), (3, "安排")]


def test_a_missing_holiday_is_a_fault_and_a_missing_make_up_day_a_doubt(tmp_path: Path) -> None:
    without_qingming = [row for row in NOTICE if row[0] != "2027-04-03"]
    assert faults(read(tmp_path, without_qingming)) == [(0, "日期")]
    report = read(tmp_path, NOTICE[:-1])
    assert report.year is not None
    assert "247" in report.warnings[0].zh


def test_an_empty_table_is_no_year(tmp_path: Path) -> None:
    assert faults(read(tmp_path, [])) == [(0, "文件"), (0, "日期")]


def test_a_fault_in_yaml_stands_on_the_line_that_the_editor_shows(tmp_path: Path) -> None:
    path = tmp_path / "year.yaml"
    lines = (
        "document: 苍府办〔2027〕1号",
        "days:",
        "- {date: 2027-03-08, kind: 放假}",
        "",
        "- date: 2027-02-30",
        "  kind: 放假",
    )
    path.write_text("\n".join(lines), encoding="utf-8")
    assert faults(read_year(path)) == [(5, "date")]


@pytest.mark.parametrize(
    "text",
    ["", "days", "days: 3", "days: [放假]", "document: x", "days: [", "- 1", "days: {a: b}"],
)
def test_what_is_no_calendar_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "year.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Refused, match="calendar_not_yaml"):
        read_year(path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"#" * 300_000], ids=["no text", "too large"])
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "year.yaml"
    path.write_bytes(content)
    with pytest.raises(Refused, match="file_unreadable"):
        read_year(path)
    with pytest.raises(Refused, match="file_unreadable"):
        read_year(tmp_path / "nothing.yaml")


def test_the_seed_is_what_the_installed_package_says() -> None:
    for year in (2025, 2026):
        assert find_installed(year) == load_calendar().year_of(year)
    assert find_installed(2100) is None


def test_a_year_on_the_screen_says_where_it_is_from() -> None:
    assert "暂定" in year_text(load_calendar().year_of(2030))
    assert "assumed" in year_text(load_calendar().year_of(2030), "en")
    local = CalendarYear(2026, YearStatus.LOCAL, "县府发〔2026〕3号", {date(2026, 4, 13): DayKind.REST})
    assert year_text(local) == "2026 年：本地更改（县府发〔2026〕3号）\n  放假：4月13日"


# --- the verbs -------------------------------------------------------------------------------------------------------


def test_check_prints_the_report_and_ends_by_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(APPLICATION, ["calendar", "check", str(csv_of(tmp_path, NOTICE))]) == 0
    assert "2月20日" in capsys.readouterr().out
    assert main(APPLICATION, ["calendar", "check", str(csv_of(tmp_path, NOTICE[1:]))]) == 1
    assert "文件" in capsys.readouterr().out


def test_show_prints_a_year(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = ["--home", str(tmp_path)]
    assert main(APPLICATION, ["init", "--office", "510824", "--name", "苍溪县样例", *home]) == 0
    assert main(APPLICATION, ["calendar", "show", "2026", *home]) == 0
    assert "全年 248 个工作日" in capsys.readouterr().out
    assert main(APPLICATION, ["calendar", "show", "2026", "--installed", *home]) == 0
    assert "2月14日" in capsys.readouterr().out
    assert main(APPLICATION, ["calendar", "show", "2100", "--installed", *home]) == 1
    assert "no_notice_installed" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(APPLICATION, ["calendar", "show", "2999", *home])
