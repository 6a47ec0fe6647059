"""What `hub audit import-xes` does with logs that are odd, incomplete, broken or made to harm."""

import gzip
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from hub.audit import importing, log_store
from hub.audit.importing import import_log
from hub.audit.limits import DEFAULTS
from hub.audit.log_reading import (
    FOREIGN_NAMES_MAX,
    NESTING_MAX,
    PENDING_BYTES_MAX,
    VALUE_CHARACTERS_MAX,
    LogRefused,
    RawEvent,
    read_moment,
)
from hub.audit.log_rules import Wanted
from hub.audit.log_store import open_store
from office.seeds import load_calendar
from tests.golden.eventlogs import GAPS, LOOP, PERMITS
from tests.support.command_lines import County
from tests.support.eventlogs import event_of, log_of, trace_of

NOON = "2026-03-02T12:00:00+08:00"


def read(folder: Path, content: str | bytes, wanted: Wanted | None = None, due: str = "") -> dict[str, Any]:
    """What the product says of a log."""
    path = folder / "log.xes"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return import_log(path, DEFAULTS, load_calendar().is_working, lambda done, total: None, wanted or Wanted(), due)


def refusal(folder: Path, content: str | bytes) -> str:
    """The code with which a log is refused, in both languages."""
    with pytest.raises(LogRefused) as refused:
        read(folder, content)
    assert refused.value.zh.endswith(("。", refused.value.zh.rpartition("原文：")[2]))
    assert len(refused.value.en) > 20
    return refused.value.code


# --- made to harm -----------------------------------------------------------------------------------------------------

BOMB = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "ha"}">' for n in range(10))
DECLARED = {
    "bomb": f"<!DOCTYPE log [{BOMB}]>",
    "external_entity": '<!DOCTYPE log [<!ENTITY e0 SYSTEM "file:///etc/passwd">]>',
    "external_subset": '<!DOCTYPE log SYSTEM "http://127.0.0.1:1/log.dtd">',
    "parameter": '<!DOCTYPE log [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>',
    "plain": "<!DOCTYPE log>",
}


@pytest.mark.parametrize("name", sorted(DECLARED))
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
def test_every_document_type_declaration_is_refused(name: str, encoding: str, tmp_path: Path) -> None:
    text = f'{DECLARED[name]}<log xes.version="1.0"><trace><string key="concept:name" value="&e9;"/></trace></log>'
    assert refusal(tmp_path, text.encode(encoding)) == "xes_doctype"


def test_an_entity_that_nobody_declared_is_no_xml(tmp_path: Path) -> None:
    assert refusal(tmp_path, log_of(trace_of("&e9;"))) == "xes_broken"


def test_one_giant_value_is_refused_before_it_is_held(tmp_path: Path) -> None:
    giant = "a" * (PENDING_BYTES_MAX + 200_000)
    for hostile in (
        event_of(giant, NOON),
        f"<!-- {giant} -->",
        f"<event {giant}='x'/>",
        f'<int key="k" value="{giant}"/>',
    ):
        assert refusal(tmp_path, log_of(trace_of("1", hostile))) == "xes_too_long"


def test_a_long_name_is_refused_and_the_longest_is_not(tmp_path: Path) -> None:
    longest = "长" * VALUE_CHARACTERS_MAX
    told = read(tmp_path, log_of(trace_of(longest, event_of(longest, NOON, longest))))
    assert told["activities"] == [{"activity": longest, "count": 1}]
    for hostile in (event_of(f"{longest}x", NOON), event_of("a", NOON, f"{longest}x")):
        assert refusal(tmp_path, log_of(trace_of("1", hostile))) == "xes_name_too_long"
    assert refusal(tmp_path, log_of(trace_of(f"{longest}x"))) == "xes_name_too_long"


def test_nesting_is_bounded(tmp_path: Path) -> None:
    def nested(levels: int) -> str:
        return '<string key="k" value="v">' * levels + "</string>" * levels

    inner = NESTING_MAX - 3  # below log, trace and event
    event = event_of("a", NOON).replace("</event>", "{}</event>")
    told = read(tmp_path, log_of(trace_of("1", event.format(nested(inner)))))
    assert told["log"]["nested"] == inner - 1
    assert refusal(tmp_path, log_of(trace_of("1", event.format(nested(inner + 1))))) == "xes_too_deep"


@pytest.mark.parametrize(
    "hostile",
    ["<n{}/>", '<string key="k" value="v" n{}="x"/>', '<string xmlns:n{}="urn:x" key="k" value="v"/>', "<f><n{}/></f>"],
)
def test_names_that_the_parser_keeps_for_ever_are_bounded(hostile: str, tmp_path: Path) -> None:
    many = "".join(hostile.format(number) for number in range(FOREIGN_NAMES_MAX + 2))
    assert refusal(tmp_path, log_of(many)) == "xes_too_many_names"


def test_activities_and_events_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_store, "ACTIVITIES_MAX", 50)
    each_its_own = [event_of(f"a{number}", NOON) for number in range(51)]
    assert read(tmp_path, log_of(trace_of("1", *each_its_own[:50])))["events"] == 50
    assert refusal(tmp_path, log_of(trace_of("1", *each_its_own))) == "xes_too_many_activities"
    monkeypatch.setattr(log_store, "EVENTS_MAX", 9)
    assert refusal(tmp_path, log_of(trace_of("1", *each_its_own[:10]))) == "xes_too_many_events"


def test_a_packed_log_is_read_and_one_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(PERMITS.encode())
    assert read(tmp_path, packed)["events"] == 13
    two = gzip.compress(PERMITS.encode()[:300]) + gzip.compress(PERMITS.encode()[300:])
    assert read(tmp_path, two)["events"] == 13
    monkeypatch.setattr(importing, "UNPACKED_BYTES_MAX", 1_000_000)
    blanks = gzip.compress(PERMITS.replace("</log>", " " * 2_000_000 + "</log>").encode())
    assert len(blanks) < 10_000
    assert refusal(tmp_path, blanks) == "xes_too_large"


def test_a_packed_log_that_is_cut_or_damaged_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(PERMITS.encode(), mtime=0)
    assert refusal(tmp_path, packed[:-9]) == "xes_gzip_broken"
    assert refusal(tmp_path, packed[:-8] + bytes(8)) == "xes_gzip_broken"
    assert refusal(tmp_path, packed[:40] + b"\xff\xff" + packed[42:]) in ("xes_gzip_broken", "xes_broken")


def test_a_disk_that_is_full_is_said_to_be() -> None:
    with pytest.raises(LogRefused) as refused, open_store(lambda local: True) as store:
        store.database.execute("PRAGMA max_page_count = 40")
        for _ in range(200_000):
            store.event(RawEvent("a", None, None, None))
    assert refused.value.code == "scratch_full"


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    def peak(cases: int) -> int:
        path = tmp_path / "log.xes"
        path.write_text(log_of(*(trace_of(f"c{n}", event_of("a", NOON, f"r{n}")) for n in range(cases))))
        tracemalloc.start()
        try:
            read_path(path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(6_000), peak(30_000)
    assert large < small + 2_000_000


def read_path(path: Path) -> dict[str, Any]:
    """What the product says of a log that is there already."""
    return import_log(path, DEFAULTS, load_calendar().is_working, lambda done, total: None, Wanted())


# --- broken -----------------------------------------------------------------------------------------------------------


def test_a_log_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = LOOP.encode()
    codes = {refusal(tmp_path, content[:cut]) for cut in range(0, len(content), 7)}
    assert codes == {"xes_broken"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "xes_broken"),
        (b"PK\x03\x04 a workbook", "xes_broken"),
        (b"<html><body/></html>", "not_xes"),
        (b"<log><trace><trace/></trace></log>", "xes_broken"),
        (b"<log><trace><event><event/></event></trace></log>", "xes_broken"),
        (b"<log><trace><global/></trace></log>", "xes_broken"),
        (b"<log><log/></log>", "xes_broken"),
        (b"<log><values/></log>", "xes_broken"),
        (b"<log></log><log></log>", "xes_broken"),
        (b"<log><trace><string key='k' value='\x01'/></trace></log>", "xes_broken"),
    ],
)
def test_what_is_no_log_is_refused(content: bytes, code: str, tmp_path: Path) -> None:
    assert refusal(tmp_path, content) == code


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(LogRefused) as refused:
            read_path(path)
        assert refused.value.code == "xes_no_file"
    with pytest.raises(FileNotFoundError):
        read_path(tmp_path / "absent.xes")


@pytest.mark.parametrize("charset", ["big5", "gb18030", "gb2312", "gbk", "utf-16", "utf-8", "utf-8-sig"])
def test_a_log_in_any_encoding_of_the_country_is_read(charset: str, tmp_path: Path) -> None:
    declared = charset.removesuffix("-sig")
    text = log_of(trace_of("件", event_of("受理", NOON, "李"), event_of("科目", NOON, "王"))).replace("UTF-8", declared)
    for content in (text, text.replace("</log>", "<!-- 中 -->" * 20_000 + "</log>")):
        told = read(tmp_path, content.encode(charset))
        assert [one["activity"] for one in told["activities"]] == ["受理", "科目"]
        assert told["handovers"]["pairs"] == [{"from": "李", "to": "王", "count": 1}]


@pytest.mark.parametrize("charset", ["idna", "klingon", "rot13", "shift_jis", "utf-7", "zlib_codec"])
def test_an_encoding_that_is_none_is_refused(charset: str, tmp_path: Path) -> None:
    text = log_of(trace_of("1", event_of("a", NOON))).replace("UTF-8", charset)
    assert refusal(tmp_path, text) == "xes_encoding"


def test_text_that_is_not_of_its_encoding_is_refused(tmp_path: Path) -> None:
    text = log_of(trace_of("1", event_of("受理", NOON)))
    assert refusal(tmp_path, text.replace("UTF-8", "gbk").encode("gbk")[:-40] + b"\x80\xff") == "xes_encoding"
    assert refusal(tmp_path, text.encode("gbk")) == "xes_broken"


# --- odd --------------------------------------------------------------------------------------------------------------


def test_what_is_missing_is_counted_and_not_guessed(tmp_path: Path) -> None:
    said = read(tmp_path, GAPS)["log"]
    assert said["assumed_zone"] == "Asia/Shanghai"
    names = ("without_zone", "without_case", "without_activity", "without_time", "without_transition", "defaulted")
    assert [said[name] for name in names] == [1, 1, 1, 1, 5, 1]
    assert (said["without_resource"], said["cases_without_events"]) == (0, 1)
    complete = read(tmp_path, PERMITS)["log"]
    assert (complete["assumed_zone"], complete["without_zone"], complete["without_case"]) == (None, 0, 0)


def test_events_out_of_order_and_decoys_are_counted(tmp_path: Path) -> None:
    said = read(tmp_path, LOOP)["log"]
    assert (said["events_before_their_predecessor"], said["nested"]) == (1, 6)


def test_a_default_stands_for_what_an_event_leaves_out_and_only_for_that(tmp_path: Path) -> None:
    head = (
        '<global scope="event"><string key="concept:name" value="idle"/><string key="org:resource" value="hall"/>'
        '</global><global scope="trace"><string key="concept:name" value="unnamed"/></global>'
    )
    told = read(tmp_path, log_of(trace_of(None, event_of(None, NOON, "li"), event_of("a", NOON)), head=head))
    assert told["activities"] == [{"activity": "a", "count": 1}, {"activity": "idle", "count": 1}]
    assert told["handovers"]["pairs"] == [{"from": "li", "to": "hall", "count": 1}]
    assert told["log"]["defaulted"] == 3
    assert told["log"]["without_case"] == 0


def test_names_of_the_log_may_be_bound_to_a_prefix_and_foreign_elements_are_left_aside(tmp_path: Path) -> None:
    text = (
        '<x:log xmlns:x="http://www.xes-standard.org/" xmlns:y="urn:other" xes.version="2.0">'
        '<y:log><y:trace><y:event/></y:trace></y:log><string key="concept:name" value="mine"/>'
        '<x:trace><x:string key="concept:name" value="1"/><y:event/><x:event><y:string key="concept:name" value="no"/>'
        '<x:string key="concept:name" value="yes"/></x:event></x:trace><x:event/></x:log>'
    )
    told = read(tmp_path, text)
    assert (told["cases"], told["events"]) == (1, 1)
    assert told["activities"] == [{"activity": "yes", "count": 1}]
    assert (told["log"]["foreign"], told["log"]["outside"], told["log"]["xes_version"]) == (4, 1, "2.0")


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("1970-01-01T08:00:00+08:00", 0),
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T08:00:00", 0),
        (" 1970-01-01T00:00:00.000001Z ", 1),
        ("1970-01-01T00:00:00.1234567Z", 123_456),
        ("1969-12-31T24:00:00Z", 0),
        ("1969-12-31T20:30:00-0330", 0),
        ("1970-01-01", None),
        ("1970-13-01T00:00:00Z", None),
        ("-0044-03-15T12:00:00Z", None),
        ("12026-01-01T00:00:00Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_times_are_read_as_the_schema_has_them(text: str, at: int | None) -> None:
    moment = read_moment(text)
    assert (moment.at if moment is not None else None) == at


def test_a_time_that_cannot_be_read_is_counted_and_the_event_stays_in_its_place(tmp_path: Path) -> None:
    events = [event_of(*one) for one in (("a", NOON), ("b", "soon"), ("c", "2026-03-02T12:00:00+08:00"))]
    told = read(tmp_path, log_of(trace_of("1", *events)))
    assert told["variants"]["top"][0]["activities"] == ["a", "b", "c"]
    assert told["log"]["unreadable_times"] == told["log"]["without_time"] == 1
    assert told["ties"] == {"events": 1, "cases": 1}


def test_a_log_without_events_has_no_figures_to_invent(tmp_path: Path) -> None:
    told = read(tmp_path, log_of())
    assert (told["cases"], told["events"], told["throughput_seconds"]) == (0, 0, {"cases": 0})
    assert [rule["applied"] for rule in told["rules"]] == [False] * 8


def test_the_verb_needs_no_node_and_takes_what_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    county, log = County(tmp_path / "nowhere", capsys), tmp_path / "log.xes"
    late = trace_of(
        "1", event_of("check", NOON, "li"), event_of("decide", NOON, "li"), more=due_at("2026-03-01T12:00:00Z")
    )
    log.write_text(log_of(late), encoding="utf-8")
    told = json.loads(
        county.says("audit", "import-xes", log, "--due", "by", "--decision", "decide", "--pair", "check", "decide")
    )
    hits = {rule["rule"]: rule.get("hits") for rule in told["rules"]}
    assert (hits["P1"], hits["P13"], hits["P9"]) == (1, 1, None)
    assert not (tmp_path / "nowhere").exists()
    log.write_text(DECLARED["bomb"] + "<log/>", encoding="utf-8")
    assert county.refuses("audit", "import-xes", log) == "xes_doctype"
    assert county.refuses("audit", "import-xes", tmp_path / "absent") == "file_unusable"


def due_at(text: str) -> str:
    return f'<date key="by" value="{text}"/>'
