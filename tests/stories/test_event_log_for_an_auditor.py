"""An auditor takes the county's cases into their own tools, and back into ours: nothing is lost, nobody is named."""

import asyncio
import csv
import gzip
import json
import re
import stat
from collections import Counter
from datetime import timedelta
from itertools import groupby, pairwise
from math import isclose
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import pytest

from hub.audit import exporting
from hub.audit.eventlog import LogTrace
from hub.audit.exporting import CSV, XES, Chosen, Named, Written, export_log, private_file, read_traces
from hub.audit.importing import import_log
from hub.audit.limits import DEFAULTS
from hub.audit.log_rules import Wanted
from office.access_log import AccessLog, PurposeRefused
from office.accounts import AccountRefused
from office.erasure_orders import Order, erasure_orders_of
from office.node import Node, no_progress
from office.seeds import load_calendar
from schemas.casework.casefile import NO_CASE
from schemas.casework.clocks import day_of
from schemas.casework.events import EVENTS, StepCompleted, decode_event
from schemas.casework.roles import Role
from schemas.casework.values import Outcome, PauseCause
from schemas.names import CaseId, OfficeId, OfficerId
from sync.core.journal import Draft
from tests.benchmarks.county_year import run
from tests.support.command_lines import County
from tests.support.counties import APPLICANT, COUNTY, TOWNSHIP, VILLAGE, agent, clerk, op
from tests.support.eventlogs import breaches, figures
from tests.support.nodes import Network, Places, found_network


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A county that has lived through a five-hundredth of a year."""
    folder = tmp_path_factory.mktemp("year") / "county"
    _, is_right = asyncio.run(run(folder, 0.002))
    assert is_right
    return folder


def reread(path: Path) -> dict[str, Any]:
    """What our importer says of a log."""
    return import_log(path, DEFAULTS, load_calendar().is_working, lambda done, total: None, Wanted())


def test_a_year_goes_out_and_comes_back_the_same(
    year: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    county, xes = County(year, capsys), tmp_path / "year.xes"
    said = county.says("audit", "export", "--xes", xes)
    back = json.loads(county.says("audit", "import-xes", xes))
    entries, traces = asyncio.run(held(year))
    assert said == f"已导出 {len(traces)} 件、{len(entries)} 个事件：{xes}\n"
    assert len(traces) > 500
    assert (back["cases"], back["events"]) == (len(traces), len(entries))
    assert Counter(entries) == {one["activity"]: one["count"] for one in back["activities"]}

    variants = Counter(tuple(event.activity for event in trace.events) for trace in traces)
    assert back["variants"]["count"] == len(variants)
    assert [one["count"] for one in back["variants"]["top"]] == [count for _, count in variants.most_common(10)]
    follows = Counter(pair for names in variants.elements() for pair in pairwise(names))
    assert {(one["from"], one["to"]): one["count"] for one in back["directly_follows"]} == follows
    spans = [trace.events[-1].at - trace.events[0].at for trace in traces]
    assert back["throughput_seconds"]["max"] == max(spans) / 1000
    assert isclose(back["throughput_seconds"]["mean"], sum(spans) / len(spans) / 1000, abs_tol=1e-6)
    second = figures(xes.read_text(encoding="utf-8"))
    assert {name: back[name] for name in second if name != "handovers"} | {"handovers": second["handovers"]} == second
    assert (back["handovers"]["count"], back["handovers"]["cases"]) == (
        second["handovers"]["count"],
        second["handovers"]["cases"],
    )

    gaps = ("without_zone", "without_activity", "without_time", "without_transition", "events_before_their_predecessor")
    assert [back["log"][name] for name in gaps] == [0] * 5
    assert [rule["rule"] for rule in back["rules"] if not rule["applied"]] == ["P13"]


async def held(folder: Path) -> tuple[list[str], list[LogTrace]]:
    """What each entry about a case is called, straight from the store, and the traces as they go out."""
    node = await Node.open(folder, with_pen=False)
    try:
        entries = [entry for entry in await node.store.entries_since(0, 10**6) if entry.kind in EVENTS]
        traces = [trace async for trace, _ in read_traces(node, Chosen(), lambda officer: "")]
    finally:
        await node.close()
    steps = {entry.hash: decode_event(entry.kind, entry.body) for entry in entries if entry.body is not None}
    names = [
        f"{entry.kind}/{event.step}" if isinstance(event := steps[entry.hash], StepCompleted) else entry.kind
        for entry in entries
    ]
    return names, traces


def test_the_log_is_as_the_standard_asks(year: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    xes = tmp_path / "year.xes"
    County(year, capsys).says("audit", "export", "--xes", xes)
    assert breaches(xes) == []
    text = xes.read_text(encoding="utf-8")
    for before, after in (
        ('xes.version="1849.2016"', 'xes.version="next"'),
        ("+08:00", " Beijing"),
        ('<int key="journal:seq" value="', '<int key="journal:seq" value="x'),
        ('prefix="cost"', 'prefix="money"'),
        ('value="start"', 'value="begun"'),
        ('<string key="item"', '<string key="an item"'),
        ('<string key="outcome" value="granted"/>', ""),
    ):
        assert before in text
        xes.write_text(text.replace(before, after), encoding="utf-8")
        assert breaches(xes), before


def test_rows_stand_by_case_then_time_and_say_their_place(
    year: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    county, path, packed = County(year, capsys), tmp_path / "year.csv", tmp_path / "year.csv.gz"
    county.says("audit", "export", "--csv", path)
    county.says("audit", "export", "--csv", packed)
    columns, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
    wanted = "case_id activity timestamp end_timestamp resource role township item sort"
    assert columns == wanted.split()
    cases = [list(group) for _, group in groupby(rows, key=lambda row: row[0])]
    assert len({case[0][0] for case in cases}) == len(cases)
    for case in cases:
        assert [int(row[8]) for row in case] == list(range(1, len(case) + 1))
        assert [row[2] for row in case] == sorted(row[2] for row in case)
        assert {row[6] for row in case} == {case[0][6]}
    pauses = [row for row in rows if row[1] == "case.suspended"]
    assert pauses
    assert all(row[3] > row[2] for row in pauses)
    assert all(row[3] == row[2] for row in rows if row[1] != "case.suspended")
    marks = re.compile("p-[0-9a-f]{16}")
    assert len(gzip.decompress(packed.read_bytes())) == path.stat().st_size
    assert marks.sub("", gzip.decompress(packed.read_bytes()).decode()) == marks.sub("", path.read_bytes().decode())


# --- a small county, on either database ------------------------------------------------------------------------------

OFFICER: Final = OfficerId(f"{COUNTY}/chen")
PURPOSE: Final = "市审计局来函调取"


async def lived(network: Network) -> list[CaseId]:
    """One case with a pause and a fee, one withdrawn, one just filed, and an entry that counts for nothing."""
    village, township = network.village.desk, network.township.desk
    slips = [await network.file(number) for number in (1, 20, 30)]
    for number, slip in enumerate(slips[:2], start=2):
        await village.offer_custody(agent(), slip.case, op(number), to=TOWNSHIP)
    await network.settle()
    first, second = slips[0].case, slips[1].case
    await township.accept_custody(clerk(), first, op(4))
    today = day_of(network.township.clock.now())
    until = today + timedelta(days=3)
    await township.suspend_case(
        clerk(), first, op(5), cause=PauseCause.TESTING, document="中止1号", expected_until=until
    )
    await township.resume_case(clerk(), first, op(6), result="检测完成")
    await township.pay_fee(clerk(), first, op(7), receipt="收1", amount_fen=0)
    await township.decide(clerk(), first, op(8), outcome=Outcome.GRANTED, reason="符合条件", basis="第36条")
    await township.accept_custody(clerk(), second, op(9))
    await township.withdraw_case(clerk(), second, op(10), reason="申请人撤回")

    async def drafting() -> list[Draft]:
        return [Draft("case.decided", first, b"\x91" * 30)]

    await network.village.writer.record(drafting)
    await network.settle()
    await network.hub.accounts.add_officer("chen", "陈县审计", COUNTY, [Role.SUPERVISOR], "three quiet herons")
    return [slip.case for slip in slips]


async def test_a_log_names_nobody(places: Places, tmp_path: Path) -> None:
    network = await Network.open(places)
    try:
        cases = await lived(network)
        paths = [tmp_path / name for name in ("one.xes", "two.xes", "one.csv")]
        for path in paths:
            form = XES if path.suffix == ".xes" else CSV
            written = await export_log(network.hub, path, form, Chosen(), None, no_progress)
            assert written == Written(cases=3, events=12, left_out=1)
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            text = path.read_text(encoding="utf-8")
            hidden = (APPLICANT.name, APPLICANT.document_number, APPLICANT.phone, "zhang", "li", "符合条件", "撤回")
            assert not [word for word in hidden if re.search(rf"(?<![a-z]){word}(?![a-z])", text)]
            assert all(case.hex() in text for case in cases)
        one, two = (marks_of(path) for path in paths[:2])
        assert len(one) == len(two) == 2  # the agent and the clerk
        assert not one & two  # another export, other marks
        looks = AccessLog(network.hub.engines.write, network.hub.engines.read, network.hub.clock, b"k")
        assert await looks.looks_at(NO_CASE) == []
        assert breaches(paths[0]) == []
    finally:
        await network.close()


def marks_of(path: Path) -> set[str | None]:
    """Every resource of a log."""
    found = ElementTree.parse(path).iter("string")
    return {one.get("value") for one in found if one.get("key") == "org:resource"}


async def test_a_log_says_what_became_of_each_case(places: Places, tmp_path: Path) -> None:
    network = await Network.open(places)
    try:
        cases = await lived(network)
        path = tmp_path / "county.xes"
        await export_log(network.hub, path, XES, Chosen(), None, no_progress)
    finally:
        await network.close()
    traces = {keys_of(one)["concept:name"]: one for one in ElementTree.parse(path).getroot().iter("trace")}
    first, second, third = (traces[case.hex()] for case in cases)
    assert [keys_of(one)["outcome"] for one in (first, second, third)] == ["granted", "withdrawn", "undecided"]
    assert keys_of(first)["township"] == TOWNSHIP
    assert keys_of(first)["village"] == VILLAGE
    assert "due" in keys_of(first)
    assert "due" not in keys_of(third)
    steps = [(keys_of(one)["concept:name"], keys_of(one)["lifecycle:transition"]) for one in first.iter("event")]
    assert steps == [
        ("case.filed", "complete"),
        ("custody.offered", "assign"),
        ("custody.accepted", "start"),
        ("case.suspended", "suspend"),
        ("case.resumed", "resume"),
        ("fee.paid", "complete"),
        ("case.decided", "complete"),
    ]
    fee = next(keys_of(one) for one in first.iter("event") if keys_of(one)["concept:name"] == "fee.paid")
    assert (fee["cost:total"], fee["cost:currency"], fee["org:role"]) == ("0.00", "CNY", "township")
    assert [keys_of(one)["lifecycle:transition"] for one in second.iter("event")][-1] == "pi_abort"


def keys_of(part: ElementTree.Element) -> dict[str, str]:
    """The attributes of a trace or an event."""
    return {one.get("key", ""): one.get("value", "") for one in part if one.tag != "event"}


async def test_names_need_an_account_and_a_purpose_and_are_written_down(places: Places, tmp_path: Path) -> None:
    network = await Network.open(places)
    hub, path = network.hub, tmp_path / "named.xes"
    try:
        await lived(network)
        for officer, purpose, refusal in (
            (OfficerId(f"{COUNTY}/nobody"), PURPOSE, AccountRefused),
            (OFFICER, " ", PurposeRefused),
        ):
            with pytest.raises(refusal):
                await export_log(hub, path, XES, Chosen(), Named(officer, purpose), no_progress)
            assert not path.exists()
        chosen = Chosen(office=TOWNSHIP, item="WJ02")
        await export_log(hub, path, XES, chosen, Named(OFFICER, PURPOSE), no_progress)
        looks = AccessLog(hub.engines.write, hub.engines.read, hub.clock, hub.data_key)
        (look,) = await looks.looks_at(NO_CASE)
        assert (look.officer, look.office) == (OFFICER, COUNTY)
        assert look.purpose == f"named xes of cases office={TOWNSHIP} item=WJ02: {PURPOSE}"
        assert await looks.find_break() is None
        assert marks_of(path) == {agent().officer, clerk().officer}
        assert APPLICANT.name not in path.read_text(encoding="utf-8")
        assert re.search('key="number" value="510824100205-', path.read_text(encoding="utf-8"))
    finally:
        await network.close()


async def test_cases_are_chosen_by_day_office_and_item(places: Places, tmp_path: Path) -> None:
    network = await Network.open(places)
    hub = network.hub
    try:
        await lived(network)
        today = day_of(hub.clock.now())
        day = timedelta(days=1)
        for chosen, cases in (
            (Chosen(since=today - day, until=today + day), 3),
            (Chosen(since=today + day), 0),
            (Chosen(until=today - day), 0),
            (Chosen(office=VILLAGE), 3),
            (Chosen(office=OfficeId("510824102")), 0),
            (Chosen(item="WJ02"), 3),
            (Chosen(item="RS01"), 0),
        ):
            path = tmp_path / "some.xes"
            written = await export_log(hub, path, XES, chosen, None, no_progress)
            assert (written.cases, reread(path)["cases"]) == (cases, cases)
            assert breaches(path) == []
    finally:
        await network.close()


async def test_a_few_at_a_time_are_the_same_as_all(
    places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = await Network.open(places)
    try:
        await lived(network)
        whole = [trace async for trace, _ in read_traces(network.hub, Chosen(), str)]
        for size in (1, 2, 3):
            monkeypatch.setattr(exporting, "CASES_AT_ONCE", size)
            assert [trace async for trace, _ in read_traces(network.hub, Chosen(), str)] == whole
    finally:
        await network.close()


def test_a_file_is_whole_or_not_there(year: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county, kept = County(year, capsys), tmp_path / "kept.csv"
    kept.write_text("of yesterday", encoding="utf-8")
    assert county.refuses("audit", "export", "--csv", tmp_path / "no" / "folder.csv") == "file_unusable"
    assert county.refuses("audit", "export", "--csv", kept, "--named") == "names_need_a_purpose"
    assert county.refuses("audit", "export", "--csv", kept, "--named", "--officer", "chen") == "names_need_a_purpose"
    assert kept.read_text(encoding="utf-8") == "of yesterday"
    with pytest.raises(OSError, match="full"), private_file(kept) as file:
        file.write(b"half")
        raise OSError("full")
    assert [path.name for path in tmp_path.iterdir()] == ["kept.csv"]
    assert kept.read_text(encoding="utf-8") == "of yesterday"


async def test_what_was_erased_by_law_is_in_no_log_but_that_it_happened(tmp_path: Path) -> None:
    network = await Network.open(await found_network(tmp_path))
    hub, path = network.hub, tmp_path / "county.xes"
    try:
        for login, role in (("chen", Role.SUPERVISOR), ("zhao", Role.LEADER)):
            await hub.accounts.add_officer(login, login, COUNTY, [role], "three quiet herons")
        case = (await network.file(1)).case
        await network.village.desk.withdraw_case(agent(), case, op(2), reason="申请人撤回")
        await network.settle()
        await export_log(hub, path, XES, Chosen(), None, no_progress)
        before = reread(path)
        leader = OfficerId(f"{COUNTY}/zhao")
        await erasure_orders_of(hub).order(Order(case, OFFICER, leader, "依法提前销毁", (), is_early=True))
        await export_log(hub, path, XES, Chosen(), Named(OFFICER, PURPOSE), no_progress)
    finally:
        await network.close()
    after = reread(path)
    same = ("cases", "events", "activities", "variants", "directly_follows", "throughput_seconds")
    assert [after[name] for name in same] == [before[name] for name in same]
    assert after["log"]["without_resource"] == after["events"] == 2
    assert breaches(path) == []
    events = [keys_of(one) for one in ElementTree.parse(path).getroot().iter("event")]
    assert {one["org:group"] for one in events} == {VILLAGE}
    assert agent().officer not in path.read_text(encoding="utf-8")
