"""The verbs that publish, as an operator types them: what they print, what they refuse, what changes nothing."""

import io
import json
from pathlib import Path

import pytest

from tests.support.command_lines import County
from tests.unit.test_cli import CATALOGUE, LIST, PASSWORD, SETTINGS

COMPLETE = CATALOGUE.replace("peak: []}", "peak: [], procedure: 受理、审核、办结, conditions: 本县户籍老年人}")
APPROVED = ("--document", "苍府办〔2026〕1号", "--approver", "wang")
NUMBER = "苍府〔2026〕5号"
TOWNSHIP = "510824100"


@pytest.fixture
def county(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> County:
    """A county whose list of offices was imported."""
    made = County(tmp_path / "hub", capsys)
    made.says("init", "--office", "510824", "--name", "苍溪县样例")
    (made.home / "tongban.toml").write_text(SETTINGS, encoding="utf-8")
    offices = tmp_path / "offices.csv"
    offices.write_text(LIST, encoding="utf-8")
    assert "已发布，写入 4 条" in made.says("network", "import", offices, "--quiet")
    assert "已发布" not in made.says("network", "import", offices, "--quiet")
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD))
    made.says("accounts", "add", "--login", "wang", "--name", "王主任", "--role", "leader", "--password-stdin")
    return made


def test_an_edition_is_published_whole_or_not_at_all(county: County, tmp_path: Path) -> None:
    path = tmp_path / "items.yaml"
    path.write_text(CATALOGUE, encoding="utf-8")
    publish = ("catalogue", "publish", path, "--from", "2026-01-01")
    assert county.refuses(*publish) == "edition_unapproved"
    assert county.refuses(*publish, *APPROVED) == "edition_undisclosed"
    path.write_text(COMPLETE, encoding="utf-8")
    assert county.refuses(*publish, "--document", "1号", "--approver", "li") == "no_such_officer"
    assert json.loads(county.says("status", "--json"))["is_sample"] is True
    assert "已发布，写入 2 条" in county.says(*publish, *APPROVED)
    assert "此前已发布，没有改动" in county.says(*publish, *APPROVED)
    assert county.refuses(*publish[:-1], "2026-02-01", *APPROVED) == "edition_exists"
    status = json.loads(county.says("status", "--json"))
    assert (status["edition"], status["is_sample"], status["incomplete_editions"]) == ("2027.01", False, {})
    assert "事项目录 2027.01" in county.says("status")
    path.write_text(COMPLETE.replace("mat: {must: [居民身份证]}", "mat: {}"), encoding="utf-8")
    status, out, _ = county.run(*publish, *APPROVED)
    assert status == 1
    assert "MZ99" in out


def test_what_was_refused_before_opens_no_journal(county: County, tmp_path: Path) -> None:
    path = tmp_path / "items.yaml"
    path.write_text(CATALOGUE, encoding="utf-8")
    before = county.says("verify")
    assert county.refuses("catalogue", "publish", path, "--from", "2026-01-01", *APPROVED) == "edition_undisclosed"
    assert county.says("verify") == before


def test_a_grant_from_its_document_to_its_end(county: County) -> None:
    add = ("grants", "add", NUMBER, "--grantor", "县人社局", "--items", "RS01", "--officer", "wang", "--to")
    assert county.refuses(*add, "510824100205") == "grant_to_village"
    assert county.refuses(*add, "510824999") == "unknown_office"
    assert "已发布，写入 1 条" in county.says(*add, TOWNSHIP)
    assert "陵江镇" in county.says("grants", "list")
    end = ("grants", "end", NUMBER, "--document", "苍府〔2026〕9号", "--officer", "wang")
    assert county.refuses("grants", "end", "无此文号", *end[3:]) == "grant_unknown"
    assert "已发布，写入 1 条" in county.says(*end)
    assert "不在有效期" in county.says("grants", "list")


def test_a_year_openings_and_names(county: County, tmp_path: Path) -> None:
    year = tmp_path / "calendar-2027.yaml"
    local = 'document: "苍府办〔2026〕8号"\nstatus: local\ndays:\n- {date: 2027-03-08, kind: rest}\n'
    year.write_text(local, encoding="utf-8")
    assert "已发布，写入 1 条" in county.says("calendar", "publish", year, "--officer", "wang")
    assert "此前已发布，没有改动" in county.says("calendar", "publish", year, "--officer", "wang")
    assert "苍府办〔2026〕8号" in county.says("calendar", "show", "2027")
    year.write_text(local.replace("2027-03-08", "2027-02-30"), encoding="utf-8")
    assert county.run("calendar", "publish", year, "--officer", "wang")[0] == 1
    assert "已发布，写入 1 条" in county.says("openings", "set", TOWNSHIP, "周一,周三 09:00-17:00", "--officer", "wang")
    assert county.refuses("openings", "set", "510825100", "周一", "--officer", "wang") == "not_ours_to_publish"
    assert county.refuses("openings", "set", TOWNSHIP, "改天", "--officer", "wang") == "opening_rule_unreadable"
    assert "每周一、周三 09:00-17:00" in county.says("openings", "list")
    assert "此前已发布，没有改动" in county.says("names", "publish")
    bind = ("names", "bind", "510824.rsj", "县人社局", "--officer", "wang")
    assert "已发布，写入 1 条" in county.says(*bind)
    assert "此前已发布，没有改动" in county.says(*bind)
    assert county.refuses("names", "bind", TOWNSHIP, "县人社局", "--officer", "wang") == "no_such_window"
    assert county.refuses("names", "bind", "510824.rsj", "人社", "--officer", "wang") == "no_such_department"
    assert "0 处不符" in county.says("verify")
    county.says("rebuild")
    assert "每周一、周三 09:00-17:00" in county.says("openings", "list")
    assert "陵江镇" in county.says("network", "list")


def test_what_was_typed_wrongly_is_said_in_words(county: County, capsys: pytest.CaptureFixture[str]) -> None:
    end = ("grants", "end", NUMBER, "--document", "苍府〔2026〕9号", "--officer", "wang", "--from")
    for wrong in ("2027-02-30", "明天", "0001-01-01", "9999-12-31"):
        with pytest.raises(SystemExit):
            county.run(*end, wrong)
        assert f"没有“{wrong}”这一天，应如 2027-01-01" in capsys.readouterr().err
    for wrong in (("catalogue", "figures", "--published", "0"), ("calendar", "show", "明年")):
        with pytest.raises(SystemExit):
            county.run(*wrong)
        assert "invalid" not in capsys.readouterr().err
    for group in ("posts", "absences", "desks", "slots"):
        assert county.refuses(group, "list", "--at", "510824999") == "unknown_office"
    assert county.refuses("moves", "preview", "510824999") == "unknown_office"


def test_a_formula_that_came_to_nothing_names_no_office(county: County, tmp_path: Path) -> None:
    offices = tmp_path / "offices.csv"
    offices.write_text(LIST.replace("白观村", "#N/A"), encoding="utf-8")
    status, _, err = county.run("network", "import", offices, "--quiet")
    assert (status, err.split(":")[0]) == (1, "cell_error")
    assert "第 5 行“name”#N/A" in err
    assert "#N/A" not in county.says("network", "list")
