"""I6, P1, P2, P3: both sides of each threshold, on the edge that favours the office, and the honest habit beside it."""

from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from hub.audit.limits import make_limits
from hub.audit.rule import Hit, Severity
from hub.audit.rules import BY_CODE, RULES
from schemas.calendar import WorkCalendar
from schemas.casework.clocks import clocks_of
from schemas.casework.events import (
    CaseClosed,
    CaseDecided,
    CaseReceived,
    CaseResumed,
    CaseSuspended,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyOffered,
    OpinionGiven,
    OpinionsRequested,
    ResultHandedOver,
)
from schemas.casework.values import Handover, Opinion, Outcome, PauseCause
from schemas.names import OfficeId
from tests.support.casebook import COUNTY, TOWNSHIP, VILLAGE, WINDOW
from tests.support.dossiers import Record, day, hits, item_of, told

I6, P1, P2, P3 = (next(rule for rule in RULES if rule.code == code) for code in ("I6", "P1", "P2", "P3"))
GRANTED = (Outcome.GRANTED, "经审查符合条件，准予办理", "社会救助暂行办法")
MZ03 = item_of("MZ03")
"""Fifteen working days promised, twenty-two by law."""
DUE = "03-23"
"""Fifteen working days after 2 March 2026, a Monday."""


def decided(at: str, proved: tuple[str | None, str | None] = (None, None)) -> Record:
    """Accepted on Monday 2 March, decided then."""
    record = Record(MZ03)
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act(at, CaseDecided, TOWNSHIP, *GRANTED, proved=proved)
    return record


# --- P1 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "found"), [(f"{DUE} 23:59", []), ("03-24 00:00", [("red", "overdue")])])
def test_decided_on_the_last_day_is_in_time_and_a_day_later_overdue(at: str, found: list[tuple[str, str]]) -> None:
    assert told(P1, decided(at).dossier("04-10")) == found


def test_what_is_overdue_is_told_with_its_clock_its_days_and_the_two_entries_that_show_it() -> None:
    record = decided("03-25 10:00")
    (hit,) = hits(P1, record.dossier("04-10"))
    assert hit.facts == {"state": "overdue", "clock": "promised", "due": "2026-03-23", "days": 2, "doubt": "none"}
    assert (hit.office, hit.key) == (TOWNSHIP, "decision")
    deeds = {deed.place: deed.kind for deed in record.deeds()}
    assert [deeds[place] for place in hit.evidence] == ["custody.accepted", "case.decided"]


def test_beyond_the_legal_term_the_legal_clock_is_named() -> None:
    (hit,) = hits(P1, decided("04-20 10:00").dossier("04-30"))
    assert hit.facts["clock"] == "legal"


@pytest.mark.parametrize(
    ("today", "found"),
    [
        ("03-19", []),
        ("03-20", [("info", "reminder")]),
        (DUE, [("info", "reminder")]),
        ("03-24", [("red", "overdue")]),
    ],
)
def test_an_undecided_case_is_reminded_a_day_before_and_overdue_a_day_after(
    today: str, found: list[tuple[str, str]]
) -> None:
    record = Record(MZ03)
    record.at_township("03-02 09:00", "03-02 09:30")
    assert told(P1, record.dossier(today)) == found


def test_a_decision_dated_back_is_overdue_where_a_beacon_shows_that_it_was_written_later() -> None:
    record = decided(f"{DUE} 17:00", proved=("03-25 06:00", "03-25 18:00"))
    assert told(P1, record.dossier("04-10")) == [("red", "overdue")]


def test_a_decision_that_the_county_saw_days_later_is_not_provably_late() -> None:
    record = decided(f"{DUE} 17:00", proved=("03-23 06:00", "03-26 18:00"))
    assert told(P1, record.dossier("04-10")) == [("info", "not_provable")]
    (hit,) = hits(P1, record.dossier("04-10"))
    assert hit.facts["doubt"] == "proof"


def test_a_receipt_of_the_next_morning_casts_no_doubt() -> None:
    assert not told(P1, decided(f"{DUE} 17:00", proved=("03-23 06:00", "03-24 08:00")).dossier("04-10"))


def test_an_acceptance_claimed_in_2036_starts_when_the_county_held_it() -> None:
    record = Record(MZ03)
    record.filed("03-02 09:00")
    record.act("03-02 09:05", CustodyOffered, VILLAGE, TOWNSHIP)
    record.act("12-30 09:30", CustodyAccepted, TOWNSHIP, proved=(None, "03-02 12:00"))
    record.act("12-31 10:00", CaseDecided, TOWNSHIP, *GRANTED, proved=("03-26 06:00", "03-26 12:00"))
    assert told(P1, record.dossier("04-10")) == [("red", "overdue")]
    honest = Record(MZ03)
    honest.filed("03-02 09:00")
    honest.act("03-02 09:05", CustodyOffered, VILLAGE, TOWNSHIP)
    honest.act("12-30 09:30", CustodyAccepted, TOWNSHIP, proved=(None, "03-02 12:00"))
    honest.act("12-31 10:00", CaseDecided, TOWNSHIP, *GRANTED, proved=("03-10 06:00", "03-10 12:00"))
    assert not told(P1, honest.dossier("04-10"))


def referred(received: str) -> Record:
    """The township offers to the window; the line is down until `received`."""
    record = Record(MZ03)
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act("03-05 10:00", CustodyOffered, TOWNSHIP, WINDOW)
    record.note(received, CaseReceived, WINDOW, who="(node)")
    record.act("03-17 10:00", CustodyAccepted, WINDOW)
    record.act("03-26 10:00", CaseDecided, WINDOW, *GRANTED)
    return record


def test_days_on_a_dead_line_belong_to_no_office() -> None:
    assert told(P1, referred("03-05 10:05").dossier("04-10")) == [("red", "overdue")]
    late_line = referred("03-10 10:00").dossier("04-10")
    assert told(P1, late_line) == [("info", "not_provable")]
    assert hits(P1, late_line)[0].facts["doubt"] == "line"


def test_a_case_that_is_still_on_the_line_is_nobody_s_delay() -> None:
    record = Record(MZ03)
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act("03-05 10:00", CustodyOffered, TOWNSHIP, WINDOW)
    assert told(P1, record.dossier("04-10")) == [("info", "not_provable")]


def test_a_township_that_was_not_heard_of_since_may_have_decided() -> None:
    record = Record(MZ03)
    record.at_township("03-02 09:00", "03-02 09:30")
    silent = record.dossier("04-10", heard={TOWNSHIP: "03-20 10:00"})
    assert told(P1, silent) == [("info", "not_provable")]
    assert told(P1, record.dossier("04-10", heard={TOWNSHIP: "03-25 10:00"})) == [("red", "overdue")]


def test_provisional_days_never_make_red() -> None:
    record = decided("03-27 10:00")
    dossier = record.dossier("04-10")
    bare = WorkCalendar()
    dossier = replace(dossier, calendar=bare, clocks=clocks_of(dossier.file, dossier.item, bare, today=day("04-10")))
    (hit,) = hits(P1, dossier)
    assert (hit.severity, hit.facts["doubt"]) == (Severity.INFO, "calendar")


@pytest.mark.parametrize(
    ("received", "accepted", "decided_at", "found"),
    [
        ("03-02 17:25", "03-03 09:00", "03-03 09:10", []),
        ("03-02 17:25", "03-03 09:00", "03-04 09:10", [("red", "overdue")]),
        ("03-02 17:25", "03-04 09:00", "03-04 09:10", [("red", "overdue")]),
    ],
)
def test_on_the_spot_has_a_day_where_nobody_waits(
    received: str, accepted: str, decided_at: str, found: list[tuple[str, str]]
) -> None:
    record = Record(item_of("RS03"))
    record.filed("03-02 17:20")
    record.act("03-02 17:21", CustodyOffered, VILLAGE, TOWNSHIP)
    record.note(received, CaseReceived, TOWNSHIP, who="(node)")
    record.act(accepted, CustodyAccepted, TOWNSHIP)
    record.act(decided_at, CaseDecided, TOWNSHIP, *GRANTED)
    assert told(P1, record.dossier("03-10")) == found


@pytest.mark.parametrize(("filed", "found"), [("03-02 18:29", [("red", "overdue")]), ("03-02 18:30", [])])
def test_what_is_taken_in_after_hours_by_appointment_goes_on_in_the_morning(
    filed: str, found: list[tuple[str, str]]
) -> None:
    record = Record(item_of("RS03"))
    record.filed(filed, TOWNSHIP)
    record.act("03-03 09:00", CustodyAccepted, TOWNSHIP)
    record.act("03-03 09:10", CaseDecided, TOWNSHIP, *GRANTED)
    assert told(P1, record.dossier("03-10")) == found


def paused(until: str) -> Record:
    record = Record(MZ03)
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act("03-05 10:00", CaseSuspended, TOWNSHIP, PauseCause.APPRAISAL, "鉴定3号", day("03-20"))
    record.act(until, CaseResumed, TOWNSHIP, "鉴定已出")
    record.act("03-25 10:00", CaseDecided, TOWNSHIP, *GRANTED)
    return record


def test_a_lawful_pause_is_taken_out() -> None:
    assert told(P1, paused("03-06 10:00").dossier("04-10")) == [("red", "overdue")]
    assert not told(P1, paused("03-10 10:00").dossier("04-10"))


@pytest.mark.parametrize(("today", "found"), [("03-16", []), ("03-17", [("yellow", "unclosed")])])
def test_a_result_handed_over_and_not_struck_off_is_data_quality(today: str, found: list[tuple[str, str]]) -> None:
    record = decided("03-09 10:00")
    record.act("03-09 15:00", ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    assert told(P1, record.dossier(today)) == found
    record.act("04-30 15:00", CaseClosed, TOWNSHIP)
    assert not told(P1, record.dossier("05-30"))


def test_a_case_withdrawn_late_was_overdue_and_one_withdrawn_in_time_was_not() -> None:
    for at, found in ((DUE, []), ("03-24", [("red", "overdue")])):
        record = Record(MZ03)
        record.at_township("03-02 09:00", "03-02 09:30")
        record.act(f"{at} 10:00", CaseWithdrawn, TOWNSHIP, "申请人自愿撤回")
        assert told(P1, record.dossier("04-10")) == found


# --- I6 --------------------------------------------------------------------------------------------------------------


def claimed(at: str, low: str | None, high: str | None) -> list[Hit]:
    record = decided(at, proved=(low, high))
    return hits(I6, record.dossier("04-30"))


@pytest.mark.parametrize(
    ("at", "low", "high", "count"),
    [
        ("03-09 10:00", "03-09 10:10", "03-09 12:00", 0),
        ("03-09 09:59:59", "03-09 10:10", "03-09 12:00", 1),
        ("03-09 12:10", "03-09 10:00", "03-09 12:00", 0),
        ("03-09 12:10:01", "03-09 10:00", "03-09 12:00", 1),
        ("03-09 12:00", None, None, 0),
        ("03-09 12:00", "03-10 12:00", "03-08 12:00", 0),
    ],
)
def test_a_claim_is_false_ten_minutes_outside_its_bracket(
    at: str, low: str | None, high: str | None, count: int
) -> None:
    assert [hit.severity for hit in claimed(at, low, high)] == [Severity.YELLOW] * count


def test_it_is_red_where_a_term_ends_between_the_claim_and_what_is_proved() -> None:
    (hit,) = claimed(f"{DUE} 17:00", "03-24 06:00", "03-24 12:00")
    assert (hit.severity, hit.facts["side"], hit.facts["kind"]) == (Severity.RED, "early", "case.decided")
    (hit,) = claimed("03-20 17:00", "03-21 06:00", "03-21 12:00")
    assert hit.severity is Severity.YELLOW


def test_a_dead_battery_is_never_red_and_told_once_for_the_office() -> None:
    limits = make_limits({"clock_broken_days": 30})
    record = Record(MZ03)
    record.filed("03-02 09:00")
    record.act("03-02 09:05", CustodyOffered, VILLAGE, TOWNSHIP)
    record.act("01-01 00:10", CustodyAccepted, TOWNSHIP, proved=("03-02 09:00", "03-02 12:00"))
    record.act("01-01 00:20", CaseDecided, TOWNSHIP, *GRANTED, proved=("03-02 09:00", "03-02 12:00"))
    (hit,) = hits(I6, record.dossier("04-30"), limits)
    assert (hit.severity, hit.office, len(hit.evidence)) == (Severity.YELLOW, TOWNSHIP, 1)


# --- P2 --------------------------------------------------------------------------------------------------------------


def steps(found: Sequence[Hit]) -> list[str]:
    return [str(hit.facts["clock"]) for hit in found]


def answered(received: str, at: str) -> Record:
    record = Record(MZ03)
    record.filed("03-02 09:00")
    record.act("03-02 10:00", CustodyOffered, VILLAGE, TOWNSHIP)
    record.note(received, CaseReceived, TOWNSHIP, who="(node)")
    record.act(at, CustodyAccepted, TOWNSHIP)
    return record


@pytest.mark.parametrize(("at", "found"), [("03-09 17:00", []), ("03-10 09:00", ["acceptance"])])
def test_five_days_for_an_answer_run_from_the_receipt(at: str, found: list[str]) -> None:
    assert steps(hits(P2, answered("03-02 10:01", at).dossier("03-11"))) == found
    assert not hits(P2, answered("03-05 10:01", at).dossier("03-11")), "three days on the line are nobody's"


@pytest.mark.parametrize(("at", "found"), [("03-03 17:00", []), ("03-04 09:00", ["village"])])
def test_a_village_passes_on_within_a_day(at: str, found: list[str]) -> None:
    record = Record(MZ03)
    record.filed("03-02 09:00")
    record.act(at, CustodyOffered, VILLAGE, TOWNSHIP)
    found_hits = hits(P2, record.dossier("03-05"))
    assert steps(found_hits) == found
    assert all(hit.office == VILLAGE for hit in found_hits), "a village's delay is not its township's"


@pytest.mark.parametrize(("at", "found"), [("03-23 17:00", []), ("03-24 09:00", ["delivery"])])
def test_a_result_is_delivered_within_ten_days(at: str, found: list[str]) -> None:
    record = decided("03-09 10:00")
    record.act(at, ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    assert steps(hits(P2, record.dossier("03-25"))) == found


def test_where_the_whole_is_overdue_the_same_office_is_told_once() -> None:
    record = answered("03-02 10:01", "03-10 09:00")
    assert steps(hits(P2, record.dossier("03-11"))) == ["acceptance"]
    # Accepted by silence on the day of receipt: by then the promise is over too.
    assert told(P1, record.dossier("04-20"))
    assert not hits(P2, record.dossier("04-20"))


@pytest.mark.parametrize(
    ("received", "given", "found"),
    [
        ("03-04 10:00", "03-10 10:00", []),
        ("03-04 10:00", "03-11 10:00", ["opinion"]),
        ("03-06 10:00", "03-11 10:00", []),
        ("03-06 10:00", "03-13 10:00", ["opinion"]),
    ],
)
def test_a_department_s_day_moves_with_the_line(received: str, given: str, found: list[str]) -> None:
    record = Record(item_of("NY01"))
    record.at_township("03-02 09:00", "03-02 09:30")
    window = OfficeId("510824.zrj")
    record.act("03-04 09:30", OpinionsRequested, TOWNSHIP, (window,), day("03-10"))
    record.note(received, CaseReceived, window, who="(node)")
    record.note(given, OpinionGiven, window, Opinion.AGREES, "经审查，同意办理", "土地管理法")
    assert steps(hits(P2, record.dossier("03-16"))) == found


def test_a_department_that_never_got_the_request_is_not_late() -> None:
    record = Record(item_of("NY01"))
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act("03-04 09:30", OpinionsRequested, TOWNSHIP, (OfficeId("510824.zrj"),), day("03-10"))
    assert not hits(P2, record.dossier("03-18"))


# --- P3 --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("03-30 10:00", []),
        ("03-31 10:00", ["yellow"]),
        ("04-28 10:00", ["yellow"]),
        ("04-29 10:00", ["red"]),
    ],
)
def test_a_first_review_goes_up_within_twenty_days(at: str, found: list[str]) -> None:
    record = Record(item_of("MZ02"))
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act(at, CustodyOffered, TOWNSHIP, OfficeId("510824.mzj"))
    assert [hit.severity.value for hit in hits(P3, record.dossier("05-20"))] == found


def test_what_a_township_decides_itself_is_not_referred() -> None:
    assert not hits(P3, decided("05-20 10:00").dossier("05-21"))


def test_a_case_of_the_county_s_own_counter_has_no_first_review() -> None:
    record = Record(item_of("CL01"))
    record.filed("03-02 09:00", COUNTY)
    record.act("03-02 09:10", CustodyAccepted, COUNTY)
    assert not hits(P3, record.dossier("05-20"))
    assert BY_CODE["P3"] is P3
