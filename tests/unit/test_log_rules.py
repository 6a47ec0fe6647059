"""The rules that a bare log can feed, on both sides of each threshold."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hub.audit.importing import import_log
from hub.audit.limits import DEFAULTS
from hub.audit.log_rules import DECISION, LOG_RULES, PAIR, Wanted
from hub.audit.rules import RULES
from office.seeds import load_calendar
from tests.support.eventlogs import CHINA, event_of, log_of, trace_of

MONDAY = datetime(2026, 3, 2, 10, tzinfo=CHINA)


def after(seconds: float = 0, *, days: int = 0, start: datetime = MONDAY) -> str:
    return (start + timedelta(days=days, seconds=seconds)).isoformat(timespec="milliseconds")


def due(text: str, key: str = "due") -> str:
    return f'<date key="{key}" value="{text}"/>'


def judged(folder: Path, text: str, wanted: Wanted | None = None, due_key: str = "") -> dict[str, dict[str, Any]]:
    """Rule → what it says of a log."""
    path = folder / "log.xes"
    path.write_text(text, encoding="utf-8")
    is_worked = load_calendar().is_working
    told = import_log(path, DEFAULTS, is_worked, lambda done, total: None, wanted or Wanted(), due_key)
    return {rule["rule"]: rule for rule in told["rules"]}


def test_a_rule_that_is_not_fed_says_what_it_lacks(tmp_path: Path) -> None:
    bare = judged(tmp_path, log_of(trace_of("1", event_of("a", None))))
    assert {code: rule["lacks"] for code, rule in bare.items()} == {
        "P1": ["due", "timestamps"],
        "P5": ["timestamps"],
        "P7": ["activities"],
        "P9": ["lifecycle", "timestamps"],
        "P11": ["resource", "timestamps"],
        "P12": ["resource", "timestamps"],
        "P13": ["pair", "resource"],
        "P21": ["activities"],
    }
    assert not any("hits" in rule for rule in bare.values())
    assert [rule.code for rule in LOG_RULES] == list(bare)


@pytest.mark.parametrize(
    ("due_at", "ended", "hits"),
    [
        (after(60), after(60), 0),
        (after(60), after(60.001), 1),
        ("2026-03-02T00:00:00+08:00", "2026-03-02T23:59:59+08:00", 0),
        ("2026-03-02T00:00:00+08:00", "2026-03-03T00:00:01+08:00", 1),
    ],
)
def test_overdue_begins_after_the_due_time_and_a_midnight_means_the_day(
    due_at: str, ended: str, hits: int, tmp_path: Path
) -> None:
    events = (event_of("a", after(-3600)), event_of("b", ended))
    rule = judged(tmp_path, log_of(trace_of("1", *events, more=due(due_at))))["P1"]
    assert (rule["hits"], len(rule["examples"])) == (hits, hits)


def test_a_due_time_is_meant_for_the_decision_where_the_log_has_one(tmp_path: Path) -> None:
    late_closing = trace_of(
        "1", event_of("case.decided", after()), event_of("case.closed", after(90)), more=due(after(5))
    )
    open_still = trace_of("2", event_of("case.filed", after(90)), more=due(after(5)))
    late = trace_of("3", event_of("case.decided", after(90)), more=due(after(5), "by"))
    both = log_of(late_closing, open_still)
    assert judged(tmp_path, both)["P1"]["hits"] == 0
    assert judged(tmp_path, both, Wanted(decision="case.closed"))["P1"]["hits"] == 1
    assert judged(tmp_path, log_of(late), due_key="by")["P1"]["red"] == 1
    assert judged(tmp_path, log_of(late))["P1"]["lacks"] == ["due"]
    assert judged(tmp_path, both, Wanted(decision="decided"))["P1"]["lacks"] == ["decision"]


@pytest.mark.parametrize(
    ("activities", "seconds", "hits"), [("ab", 60, 1), ("ab", 60.001, 0), ("aa", 1, 0), ("a", 0, 0)]
)
def test_instant_handling_needs_two_activities_within_a_minute(
    activities: str, seconds: float, hits: int, tmp_path: Path
) -> None:
    events = [event_of(name, after(seconds * place)) for place, name in enumerate(activities)]
    assert judged(tmp_path, log_of(trace_of("1", *events)))["P5"]["hits"] == hits


def test_handling_counts_from_the_acceptance_to_the_end_where_the_log_has_both(tmp_path: Path) -> None:
    steps = (("case.filed", -86_400), ("custody.accepted", 0), ("case.closed", 30), ("remark.added", 86_400))
    events = [event_of(name, after(seconds), "li") for name, seconds in steps]
    rule = judged(tmp_path, log_of(trace_of("1", *events)))["P5"]
    assert (rule["hits"], rule["examples"][0]["took_seconds"]) == (1, 30.0)


@pytest.mark.parametrize(("cases", "days", "red"), [(4, 1, 0), (5, 1, 1), (5, 2, 0), (10, 1, 2)])
def test_five_instant_cases_of_one_person_in_a_week_are_red(cases: int, days: int, red: int, tmp_path: Path) -> None:
    traces = [trace_of(f"{n}", *(event_of(name, after(n, days=days * n), "li") for name in "ab")) for n in range(cases)]
    rule = judged(tmp_path, log_of(*traces))["P5"]
    assert (rule["yellow"], rule.get("red", 0)) == (cases, red)


@pytest.mark.parametrize(("days", "hits"), [(84, 0), (85, 1)])
def test_pauses_are_too_long_beyond_sixty_working_days(days: int, hits: int, tmp_path: Path) -> None:
    half = days / 2
    paused = [("suspend", 0), ("resume", half), ("suspend", 100), ("resume", 100 + half)]
    events = [event_of("p", after(86_400 * day), transition=name) for name, day in paused]
    assert judged(tmp_path, log_of(trace_of("1", *events)))["P9"]["hits"] == hits


@pytest.mark.parametrize(("hours", "hits"), [(25, 0), (24, 0), (23, 1), (0, 1), (-1, 0)])
def test_a_pause_that_begins_on_the_last_day_is_one(hours: int, hits: int, tmp_path: Path) -> None:
    events = (event_of("p", after(), transition="suspend"), event_of("p", after(60), transition="resume"))
    text = log_of(trace_of("1", *events, more=due(after(3600 * hours))))
    assert judged(tmp_path, text)["P9"]["hits"] == hits


@pytest.mark.parametrize(
    ("cases", "gap_seconds", "hits"), [(10, 66, 1), (10, 67, 0), (9, 1, 0), (40, 10, 1)], ids=["1", "2", "3", "4"]
)
def test_ten_cases_in_ten_minutes_are_one_run_of_bulk_work(
    cases: int, gap_seconds: int, hits: int, tmp_path: Path
) -> None:
    traces = [trace_of(f"{n}", event_of("stamp", after(n * gap_seconds), "li")) for n in range(cases)]
    rule = judged(tmp_path, log_of(*traces))["P11"]
    assert rule["hits"] == hits
    assert [one["cases"] for one in rule["examples"]] == [cases] * hits


def test_a_case_that_is_taken_up_again_does_not_make_a_slow_run_fast(tmp_path: Path) -> None:
    slow = [trace_of(f"{n}", event_of("stamp", after(n * 400), "li")) for n in range(1, 10)]
    again = trace_of("0", event_of("stamp", after(), "li"), event_of("stamp", after(3500), "li"))
    assert judged(tmp_path, log_of(again, *slow))["P11"]["hits"] == 0


def test_many_events_of_one_case_or_of_many_people_are_no_bulk_work(tmp_path: Path) -> None:
    one_case = trace_of("1", *(event_of("stamp", after(n), "li") for n in range(50)))
    many = [trace_of(f"m{n}", event_of("stamp", after(n), f"r{n}")) for n in range(50)]
    kinds = [trace_of(f"k{n}", event_of(f"a{n}", after(n), "wang")) for n in range(50)]
    assert judged(tmp_path, log_of(one_case, *many, *kinds))["P11"]["hits"] == 0


@pytest.mark.parametrize(
    ("outside", "inside", "hits"), [(10, 40, 1), (9, 0, 0), (10, 41, 0)], ids=["share", "few", "below"]
)
def test_off_hours_needs_ten_events_and_a_fifth_of_the_month(
    outside: int, inside: int, hits: int, tmp_path: Path
) -> None:
    at_night, by_day = datetime(2026, 3, 2, 23, tzinfo=CHINA), MONDAY
    events = [event_of("a", after(n, start=at_night), "li") for n in range(outside)]
    events += [event_of("a", after(n, start=by_day), "li") for n in range(inside)]
    rule = judged(tmp_path, log_of(*(trace_of(f"{n}", event) for n, event in enumerate(events))))["P12"]
    assert [(one["month"], one["outside_hours"], one["events"]) for one in rule["examples"]] == [
        ("2026-03", outside, outside + inside)
    ] * hits


@pytest.mark.parametrize(
    ("moment", "is_outside"),
    [
        ("2026-02-14T10:00:00+08:00", False),  # a Saturday that is worked before the Spring Festival
        ("2026-02-18T10:00:00+08:00", True),  # a Wednesday of the Spring Festival
        ("2026-02-18T10:00:00+01:00", False),  # the same day elsewhere
        ("2026-02-15T10:00:00+01:00", True),
        ("2026-03-02T07:29:59+08:00", True),
        ("2026-03-02T07:30:00+08:00", False),
        ("2026-03-02T18:29:59+08:00", False),
        ("2026-03-02T18:30:00+08:00", True),
    ],
)
def test_hours_are_those_of_the_log_and_holidays_those_of_china(moment: str, is_outside: bool, tmp_path: Path) -> None:
    events = [trace_of(f"{n}", event_of("a", moment, "li")) for n in range(10)]
    assert judged(tmp_path, log_of(*events))["P12"]["hits"] == is_outside


def test_only_a_declared_pair_in_one_case_is_judged(tmp_path: Path) -> None:
    both = trace_of("1", event_of("check", after(), "li"), event_of("decide", after(9), "li"))
    apart = trace_of("2", event_of("check", after(), "li"), event_of("decide", after(9), "wang"))
    wanted = Wanted(pairs=(("check", "decide"), ("check", "never done")))
    rule = judged(tmp_path, log_of(both, apart), wanted)["P13"]
    assert rule["red"] == 1
    assert rule["examples"] == [{"severity": "red", "case": "1", "resource": "li", "activities": ["check", "decide"]}]
    for lacking in (Wanted(), Wanted(pairs=(("check", "never done"),))):
        assert judged(tmp_path, log_of(both, apart), lacking)["P13"]["lacks"] == ["pair"]


def test_the_log_asks_for_what_the_rules_say_that_feeds_them() -> None:
    declared = {rule.code: rule.feeds for rule in RULES}
    for rule in LOG_RULES:
        assert rule.feeds - {DECISION, PAIR} <= declared[rule.code], rule.code


@pytest.mark.parametrize(
    ("more", "edits", "notices"),
    [
        (["papers.requested", "case.closed"], 0, 0),
        (["papers.requested", "papers.requested", "case.closed"], 0, 1),
        (["case.closed", "remark.added", "step.completed/archive", "step.completed/publicity"], 0, 0),
        (["case.closed", "case.reopened", "case.decided"], 0, 0),
        (["case.closed", "fee.paid"], 1, 0),
        (["case.closed", "case.reopened", "case.closed", "case.decided"], 1, 0),
    ],
)
def test_a_log_in_our_own_words_shows_repeated_notices_and_edits_after_the_end(
    more: list[str], edits: int, notices: int, tmp_path: Path
) -> None:
    events = [event_of(name, after(n * 3600)) for n, name in enumerate(["case.filed", *more])]
    said = judged(tmp_path, log_of(trace_of("1", *events)))
    assert (said["P21"]["hits"], said["P7"]["hits"]) == (edits, notices)
    foreign = [event_of(name, after(n)) for n, name in enumerate(more)]
    assert judged(tmp_path, log_of(trace_of("1", *foreign)))["P21"]["lacks"] == ["activities"]
