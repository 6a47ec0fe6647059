"""The county's verbs of supervision and scoring as an officer types them; a window answers at the same node."""

import asyncio
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest

from hub.audit.auditing import auditor_of
from hub.audit.findings import Changes, Found
from hub.audit.rule import Hit, Severity
from office.cli_register import today_of
from office.node import Node
from schemas.names import OfficeId
from schemas.register import OfficePublished
from tests.support.command_lines import County
from tests.unit.test_cli import LIST, PASSWORD, SETTINGS

WINDOW = "510824.rsj"
TOWNSHIP = "510824100"
FACTS = "案卷中没有一次性告知书。"


@pytest.fixture
def county(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> County:
    """A county with two officers of supervision and one at a window."""
    made = County(tmp_path / "hub", capsys)
    made.says("init", "--office", "510824", "--name", "苍溪县样例")
    (made.home / "tongban.toml").write_text(SETTINGS, encoding="utf-8")
    offices = tmp_path / "offices.csv"
    offices.write_text(LIST, encoding="utf-8")
    made.says("network", "import", offices, "--quiet")
    people = (
        ("wang", "leader", ()),
        ("liu", "supervisor", ()),
        ("chen", "clerk", ()),
        ("li", "clerk", ("--office", WINDOW)),
    )
    for login, role, office in people:
        monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD))
        made.says("accounts", "add", "--login", login, "--name", login, "--role", role, *office, "--password-stdin")
    return made


def due(days: int = 7) -> str:
    """A day ahead."""
    return str(today_of() + timedelta(days=days))


def give(county: County, *more: str, office: str = WINDOW) -> None:
    """An order from a file review."""
    words = ("audit", "order", "--office", office, "--facts", FACTS, "--due", due(), "--officer", "wang")
    assert "已写入 1 条" in county.says(*words, *more)


def number_of(county: County, which: int = -1) -> str:
    """The number of an order in the list."""
    return county.says("audit", "orders").splitlines()[which].split("\t")[0]


def test_an_order_to_a_window_is_answered_sent_back_and_closed(county: County) -> None:
    give(county)
    number = number_of(county)
    assert re.fullmatch(rf"510824-督-{today_of().year}-0001", number)
    assert "待答复" in county.says("orders", "list", "--open")
    answer = ("orders", "answer", number, "--explanation", "告知书已补归档。", "--rectified", "已整改。")
    assert county.refuses(*answer, "--officer", "liu") == "oversight_not_yours"
    assert county.refuses("audit", "verify-order", number, "--accept", "--officer", "wang") == "answer_awaited"
    assert "已写入 1 条" in county.says(*answer, "--officer", f"{WINDOW}/li")
    back = ("audit", "verify-order", number, "--reject", "--officer", "wang")
    assert county.refuses(*back, "--due", due()) == "verdict_without_reason"
    assert county.refuses(*back, "--reason", "仍缺签收") == "oversight_term"
    county.says(*back, "--reason", "仍缺签收", "--due", due(9))
    assert f"期限 {due(9)}" in county.says("audit", "show-order", number)
    county.says(*answer, "--officer", f"{WINDOW}/li")
    county.says("audit", "verify-order", number, "--accept", "--officer", "wang")
    shown = county.says("orders", "show", number)
    for words in (FACTS, "告知书已补归档。", "验收不通过", "仍缺签收", "验收通过", "已销号"):
        assert words in shown
    assert county.says("orders", "list", "--open") == ""
    assert "0 处不符" in county.says("verify")
    county.says("rebuild")
    assert county.says("orders", "show", number) == shown
    assert "0 处不符" in county.says("verify")


async def find_something(home: Path) -> tuple[int, bytes]:
    """A finding about the window, as an examination would write it: its number, and the hash of its evidence."""
    node = await Node.open(home, with_pen=False)
    try:
        evidence = (await node.store.entries_of_kind(OfficePublished.kind))[0]
        place = (evidence.journal, evidence.seq)
        facts = {"clock": "promised", "due": "2026-11-20", "state": "overdue", "days": 4, "doubt": "none"}
        found = Found("P1", 1, Hit(Severity.RED, OfficeId(WINDOW), (place,), facts))
        async with auditor_of(node) as auditor:
            findings = auditor.examiner.findings
            async with auditor.audit.engines.write.begin() as connection:
                await findings.write(connection, Changes([(found, None)], {}, []), node.clock.now(), 20261123)
            (held,) = await findings.search()
        return held.number, evidence.hash
    finally:
        await node.close()


def test_an_order_follows_a_finding_that_an_officer_has_confirmed(county: County) -> None:
    finding, evidence = asyncio.run(find_something(county.home))
    order = ("audit", "order", str(finding), "--due", due(), "--officer", "wang")
    assert county.refuses(*order) == "finding_not_confirmed"
    county.says("audit", "confirm", str(finding), "--officer", "wang", "--reason", "核对属实")
    assert "已写入 1 条" in county.says(*order)
    shown = county.says("audit", "show-order", number_of(county))
    for words in (
        "人社局窗口",
        f"审计发现 P1 {finding}",
        "承诺办理时限至 2026-11-20，已超期（4 个工作日",
        evidence.hex()[:12],
    ):
        assert words in shown


def test_two_answers_before_anybody_looked_are_sent_back_together(county: County) -> None:
    give(county)
    number = number_of(county)
    for words in ("先行说明。", "补充说明。"):
        county.says("orders", "answer", number, "--explanation", words, "--officer", f"{WINDOW}/li")
    back = ("audit", "verify-order", number, "--reject", "--reason", "缺材料", "--due", due(), "--officer", "wang")
    assert "已写入 2 条" in county.says(*back)
    assert "待答复" in county.says("orders", "show", number)


def test_what_cannot_be_ordered_is_said_in_words(county: County) -> None:
    order = ("audit", "order", "--due", due(), "--officer", "wang")
    assert county.refuses(*order) == "order_incomplete"
    assert county.refuses(*order, "--office", "510824", "--facts", FACTS) == "oversight_no_addressee"
    assert county.refuses(*order, "--office", "510825100", "--facts", FACTS) == "oversight_no_addressee"
    assert county.refuses(*order, "--office", WINDOW, "--facts", FACTS, "--case", "12") == "case_malformed"
    assert county.refuses(*order, "--office", WINDOW, "--facts", FACTS, "--evidence", "12") == "evidence_malformed"
    assert county.refuses(*order, "--office", WINDOW, "--facts", FACTS * 300) == "oversight_unacceptable"
    assert county.refuses("audit", "order", "7", "--due", due(), "--officer", "wang") == "no_such_finding"
    unknown = ("audit", "order", "--office", WINDOW, "--facts", FACTS, "--due", due(), "--officer", "zhao")
    assert county.refuses(*unknown) == "no_such_officer"
    assert county.refuses(*unknown[:-1], "chen") == "not_a_supervisor"
    assert county.refuses("orders", "show", "510824-督-2026-0009") == "order_not_here"
    assert county.says("audit", "orders") == ""


def test_nothing_is_escalated_before_its_day_nor_without_a_line(county: County) -> None:
    give(county)
    give(county, office=TOWNSHIP)
    assert "已催办 0 份" in county.says("audit", "escalate", "--officer", "wang")


def test_an_order_is_withdrawn_with_the_words_that_restore(county: County) -> None:
    give(county)
    number = number_of(county)
    back = ("audit", "withdraw-order", number, "--reason", "案卷另存", "--restoration", "所述不实，特此正名。")
    county.says(*back, "--officer", "wang")
    assert county.refuses(*back, "--officer", "wang") == "order_stage"
    assert "特此正名" in county.says("orders", "show", number)


def test_points_are_appealed_judged_frozen_and_reported(county: County, tmp_path: Path) -> None:
    month = f"{today_of():%Y-%m}"
    county.says(
        "audit",
        "class",
        TOWNSHIP,
        "山区乡镇",
        "--since",
        month,
        "--weight",
        "80",
        "--reason",
        "边远",
        "--officer",
        "wang",
    )
    score = ("audit", "score", WINDOW, "-2", "--rule", "P1", "--reason", "超期一件", "--officer", "wang")
    county.says(*score)
    for office, points, rule in ((TOWNSHIP, "-1.5", "P4"), (TOWNSHIP, "1", "R1")):
        words = ("audit", "score", office, points, "--rule", rule, "--reason", "见记录", "--document", "记录 3 号")
        county.says(*words, "--officer", "wang")
    praise = ("audit", "score", WINDOW, "5", "--rule", "R1", "--reason", "全月零投诉", "--officer", "wang")
    assert county.refuses(*praise, "--count", "0", "--document", "报表") == "score_for_nothing"
    assert county.refuses(*praise) == "score_for_nothing"
    assert county.refuses(*score[:3], "-2.55", *score[4:]) == "points_malformed"
    entry = county.says("scores", "list", month).splitlines()[0].split("\t")[0]
    assert (
        county.refuses("scores", "appeal", "ffffff", "--grounds", "不服", "--officer", f"{WINDOW}/li")
        == "score_not_here"
    )
    county.says("scores", "appeal", entry, "--grounds", "途中停留", "--officer", f"{WINDOW}/li")
    assert "途中停留" in county.says("audit", "appeals")
    judge = ("audit", "judge", entry, "--points", "-0.5", "--reason", "部分属实")
    assert county.refuses(*judge, "--officer", "wang") == "appeal_own_judge"
    county.says(*judge, "--officer", "liu")
    assert county.says("audit", "appeals") == ""
    assert county.refuses("audit", "freeze", month, "--officer", "wang") == "month_not_over"
    assert "此前已写入" not in county.says("audit", "freeze", "2026-01", "--officer", "wang")
    assert "此前已写入" in county.says("audit", "freeze", "2026-01", "--officer", "wang")
    frozen = county.says("scores", "list", "2026-01")
    assert "已定稿：township 2026-01" in frozen
    assert "原始分 100，调整分 100\t名次 1/1\t记分 0 笔" in frozen
    folder = tmp_path / "reports"
    county.says("audit", "report", "monthly", "--period", month, "--to", folder)
    text = (folder / f"monthly-{month}.txt").read_text(encoding="utf-8")
    for words in ("山区乡镇（N = 1）", "99.5", "99.8", "申诉部分成立，减轻", "超期一件", entry, "尚未定稿"):
        assert words in text
    html = (folder / f"monthly-{month}.html").read_text(encoding="utf-8")
    assert html.startswith("<!doctype html>")
    assert "山区乡镇" in html
    for which, period in (("weekly", ""), ("quarterly", "2026-Q1")):
        county.says("audit", "report", which, *(("--period", period) if period else ()), "--to", folder)
    assert len(list(folder.iterdir())) == 6
    assert county.refuses("audit", "report", "weekly", "--period", "2026-11", "--to", folder) == "period_malformed"
    assert "0 处不符" in county.says("verify")


def test_a_circular_goes_out_under_a_number(county: County, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("各单位：现将督办情况通报如下。", encoding="utf-8")
    give(county)
    circular = ("audit", "circular", "督办情况通报", text, "--orders", number_of(county), "--officer", "wang")
    assert "已写入 1 条" in county.says(*circular)
    text.write_bytes("各单位".encode("gb18030"))
    assert county.refuses(*circular) == "circular_unreadable"


def test_the_verbs_explain_themselves_in_english(county: County) -> None:
    give(county)
    (county.home / "tongban.toml").write_text(SETTINGS + 'language = "en"\n', encoding="utf-8")
    number = county.says("audit", "orders").split("\t")[0]
    assert "awaits its answer" in county.says("orders", "list")
    assert "an answer" in county.says("orders", "show", number)
