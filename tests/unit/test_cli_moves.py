"""The verbs of moves, as operators type them: at the county, and what a township and a village may say."""

import io
import json
from pathlib import Path

import pytest

from office.cli import Application, main
from office.founding import found_county
from tests.support.command_lines import County
from tests.unit.test_cli import LIST, PASSWORD, SETTINGS
from township_node import __main__ as township_node
from village_agent import __main__ as village_agent

TOWNSHIP, OTHER, VILLAGE = "510824100", "510824102", "510824100205"
DOCUMENT = ("--document", "川府民政〔2026〕20号", "--officer", "wang")


@pytest.fixture
def county(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> County:
    """A county whose list of offices was imported."""
    home = tmp_path / "hub"
    found_county(home, "510824", "苍溪县样例")  # pyright: ignore[reportArgumentType]
    (home / "tongban.toml").write_text(SETTINGS, encoding="utf-8")
    made = County(home, capsys)
    offices = tmp_path / "offices.csv"
    offices.write_text(LIST, encoding="utf-8")
    made.says("network", "import", offices, "--quiet")
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD))
    made.says("accounts", "add", "--login", "wang", "--name", "王主任", "--role", "leader", "--password-stdin")
    return made


def test_a_move_from_its_preview_to_its_end(county: County) -> None:
    preview = county.says("moves", "preview", VILLAGE)
    assert f"{VILLAGE} 白观村" in preview
    assert "未了的办件\t0" in preview
    assert county.says("moves", "list") == ""
    propose = ("moves", "propose", VILLAGE, TOWNSHIP, "--from", "2026-01-01", *DOCUMENT)
    assert "已发布，写入 1 条" in county.says(*propose)
    assert "已确认：无\t未执行\t本机所知待转 0 件" in county.says("moves", "list")
    carry = ("moves", "carry-out", VILLAGE, "--officer", "wang")
    assert county.refuses(*carry) == "move_unconfirmed"
    assert county.refuses("moves", "carry-out", OTHER, "--officer", "wang") == "move_not_proposed"
    assert county.refuses(*carry[:-1], "li") == "approver_unknown"
    assert county.refuses("moves", "confirm", VILLAGE, "--officer", "wang") == "not_ours_to_confirm"
    assert county.refuses("moves", "confirm", OTHER, "--officer", "wang") == "move_not_known"
    assert "已转 0 件，原单位尚有 0 件" in county.says(*carry, "--reason", "代办点已关闭，无人可确认")
    told = county.says("moves", "list")
    assert f"{VILLAGE} 白观村 → {TOWNSHIP} 陵江镇\t自 2026-01-01" in told
    assert "已执行" in told
    # The same again writes nothing but the epoch that every pen opens.
    before = json.loads(county.says("status", "--json"))["own"]
    county.says(*carry, "--reason", "代办点已关闭，无人可确认")
    assert json.loads(county.says("status", "--json"))["own"] == before + 1


@pytest.mark.parametrize("application", [township_node.APPLICATION, village_agent.APPLICATION])
def test_offices_below_list_and_confirm_and_nothing_else(
    application: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(application, ["moves", "--help"])
    told = capsys.readouterr().out
    assert "confirm" in told
    assert "carry-out" not in told
