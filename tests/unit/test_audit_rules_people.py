"""P5, P11 to P14, P16 to P20, P24: both sides of each threshold, each guard, and the honest habit beside it."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from hub.audit.dossier import SITE_PHOTOGRAPH, Counts, Recording, Tie
from hub.audit.limits import DEFAULTS, make_limits
from hub.audit.rule import AuditRule, Hit, Limits
from hub.audit.rules import RECORDING_RULES, RULES
from schemas.casework.events import (
    CaseClosed,
    CaseDecided,
    CaseFiled,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyOffered,
    PapersBrought,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.steps import Step
from schemas.casework.values import Applicant, Handover, Outcome
from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId, OfficerId, TrackingNumber
from schemas.papers import PaperRef
from tests.support.casebook import TOWNSHIP, VILLAGE, digest
from tests.support.dossiers import MARKS, PERSON, Record, around_of, day, hits, item_of, when

RULE = {rule.code: rule for rule in RULES}
GRANTED = (Outcome.GRANTED, "经审查符合条件，准予办理", "社会救助暂行办法")
PROMISED, INSTANT, PAYMENT = item_of("RS04"), item_of("RS03"), item_of("MZ03")


def resident(number: int, phone: str = "") -> Applicant:
    """An invented resident (sample)."""
    return Applicant(f"样本{number}", "111", f"51082419491001{number:04d}", phone or f"139{number:08d}")


def of_all(
    rule: AuditRule, records: Sequence[Record], limits: Limits = DEFAULTS, **changes: Any
) -> list[tuple[int, Hit]]:
    """Every record's hits, each beside all the others."""
    around = around_of(records)
    return [
        (record.number, hit)
        for record in records
        for hit in hits(rule, record.dossier("03-31", around, **changes), limits)
    ]


# --- P5 --------------------------------------------------------------------------------------------------------------


def quick(seconds: int, number: int = 1, on: str = "03-02", item: Any = PROMISED, *, closes: bool = True) -> Record:
    """Filed, accepted, decided, handed over and struck off at a township's counter, all within so many seconds."""
    record = Record(item, number, resident(number), base=100 * number)
    record.filed(f"{on} 09:00", TOWNSHIP)
    record.act(f"{on} 09:30:00", CustodyAccepted, TOWNSHIP)
    record.act(f"{on} 09:30:10", CaseDecided, TOWNSHIP, *GRANTED)
    end = f"{on} 09:{30 + seconds // 60:02d}:{seconds % 60:02d}"
    record.act(f"{on} 09:30:20" if closes else end, ResultHandedOver, TOWNSHIP, "样本", Handover.COUNTER)
    if closes:
        record.act(end, CaseClosed, TOWNSHIP)
    return record


@pytest.mark.parametrize(
    ("record", "count"),
    [
        (quick(60), 1),
        (quick(61), 0),
        (quick(60, closes=False), 1),
        (quick(30, item=INSTANT), 0),
        (quick(30, item=item_of("NY02")), 0),
    ],
)
def test_a_promised_case_is_not_over_within_a_minute(record: Record, count: int) -> None:
    assert [hit.severity.value for hit in hits(RULE["P5"], record.dossier())] == ["yellow"] * count


def test_two_entries_in_a_minute_are_no_fault() -> None:
    record = Record(PROMISED)
    record.filed("03-02 09:00", TOWNSHIP)
    record.act("03-02 09:00:20", CustodyAccepted, TOWNSHIP)
    record.act("03-06 09:30:00", CaseDecided, TOWNSHIP, *GRANTED)
    record.act("03-06 09:30:20", ResultHandedOver, TOWNSHIP, "样本", Handover.COUNTER)
    record.act("03-06 09:30:37", CaseClosed, TOWNSHIP)
    assert not hits(RULE["P5"], record.dossier())


def test_the_fifth_of_an_officer_s_week_is_red() -> None:
    week = [quick(40, number, f"03-{1 + number:02d}") for number in range(1, 6)]
    assert [hit.severity.value for _, hit in of_all(RULE["P5"], week)] == ["yellow"] * 4 + ["red"]
    spread = [quick(40, number, f"03-{2 * number:02d}") for number in range(1, 6)]
    assert [hit.severity.value for _, hit in of_all(RULE["P5"], spread)] == ["yellow"] * 5


def test_cases_of_another_item_count_where_the_catalogue_says_that_it_is_promised() -> None:
    week = [quick(40, number, f"03-{1 + number:02d}", item_of("TY01")) for number in range(1, 5)]
    week.append(quick(40, 5, "03-06"))
    assert of_all(RULE["P5"], week)[-1][1].severity.value == "yellow"
    told = of_all(RULE["P5"], week, promised_items=frozenset({"TY01", "RS04"}))
    assert told[-1][1].severity.value == "red"


# --- P11 -------------------------------------------------------------------------------------------------------------


def decided(count: int, step_s: int, *, items: Sequence[Any] = (PROMISED,), who: str = "zhang") -> list[Record]:
    """So many cases decided one after another by one officer."""
    records: list[Record] = []
    for number in range(count):
        record = Record(items[number % len(items)], number + 1, resident(number), base=100 * number)
        record.filed(f"02-{1 + number:02d} 09:00", VILLAGE)
        record.act(f"02-{1 + number:02d} 09:05", CustodyOffered, VILLAGE, TOWNSHIP)
        record.act(f"03-03 {9 + number % 8:02d}:{number // 8:02d}", CustodyAccepted, TOWNSHIP)
        moment = number * step_s
        clock = f"03-04 {10 + moment // 3600:02d}:{moment // 60 % 60:02d}:{moment % 60:02d}"
        record.act(clock, CaseDecided, TOWNSHIP, *GRANTED, who=who)
        records.append(record)
    return records


@pytest.mark.parametrize(
    ("count", "step_s", "numbers"), [(9, 60, []), (10, 66, [10]), (10, 67, []), (25, 60, [10]), (10, 1, [10])]
)
def test_ten_cases_of_one_item_within_ten_minutes_are_told_once(count: int, step_s: int, numbers: list[int]) -> None:
    found = of_all(RULE["P11"], decided(count, step_s))
    assert [number for number, _ in found] == numbers
    assert all(hit.severity.value == "yellow" and hit.facts["kind"] == "case.decided" for _, hit in found)


def test_group_services_and_mixed_items_are_left_alone() -> None:
    heap = decided(12, 30)
    assert not of_all(RULE["P11"], heap, make_limits(batch_items=frozenset({"RS04"})))
    assert not of_all(RULE["P11"], decided(12, 30, items=(PROMISED, item_of("TY01"))))


def test_a_burst_in_an_overdue_case_is_red() -> None:
    (found,) = of_all(RULE["P11"], decided(10, 30, items=(item_of("MZ03", promise_days=1),)))
    assert found[1].severity.value == "yellow"
    (found,) = of_all(RULE["P11"], decided(10, 30, items=(item_of("RS03", promise_days=0),)))
    assert found[1].severity.value == "red", "accepted on Tuesday, decided on Wednesday"


def test_a_heap_of_seals_closings_and_offers_is_no_burst() -> None:
    records: list[Record] = []
    for number in range(12):
        record = Record(PROMISED, number + 1, resident(number), base=100 * number)
        record.filed(f"03-02 {9 + number // 4:02d}:{number % 4 * 15:02d}", TOWNSHIP)
        record.act(f"03-03 {9 + number // 4:02d}:{number % 4 * 15:02d}", CustodyAccepted, TOWNSHIP)
        record.note(f"03-04 10:00:{number:02d}", StepCompleted, TOWNSHIP, Step.SEALING, "已盖章")
        record.act(f"03-04 11:00:{number:02d}", CustodyOffered, TOWNSHIP, OfficeId("510824.rsj"))
        records.append(record)
    assert not of_all(RULE["P11"], records)


# --- P12 -------------------------------------------------------------------------------------------------------------


def month(outside: int, inside: int, *, at: str = "20:00", awaited: bool = False) -> list[Record]:
    """Decisions of one officer in March: some in office hours, then some outside."""
    records: list[Record] = []
    days = [f"03-{number:02d}" for number in (*range(2, 7), *range(9, 14), *range(16, 21), *range(23, 28))]
    for number in range(inside + outside):
        is_late = number >= inside
        record = Record(INSTANT, number + 1, resident(number), base=100 * number)
        record.filed("03-01 09:00", TOWNSHIP, who="chen")
        record.act("03-01 09:30", CustodyAccepted, TOWNSHIP, who="chen")
        minute = f"{at[:3]}{number % 60:02d}" if is_late else f"10:{number % 60:02d}"
        record.act(f"{days[number % len(days)]} {minute}", CaseDecided, TOWNSHIP, *GRANTED, who="wang")
        records.append(record)
    return records


def offhours(records: Sequence[Record], **changes: Any) -> list[tuple[int, str]]:
    around = around_of(records)
    if changes.pop("awaited", False):
        around = replace(around, by_officer=tuple(replace(act, is_awaited=True) for act in around.by_officer))
    return [
        (record.number, str(hit.officer))
        for record in records
        for hit in hits(RULE["P12"], record.dossier("04-30", around, **changes))
        if hit.officer == f"{TOWNSHIP}/wang"
    ]


@pytest.mark.parametrize(
    ("outside", "inside", "numbers"), [(9, 0, []), (10, 0, [10]), (10, 40, [50]), (10, 41, []), (30, 20, [30])]
)
def test_ten_and_a_fifth_of_a_month_outside_office_hours(outside: int, inside: int, numbers: list[int]) -> None:
    assert [number for number, _ in offhours(month(outside, inside))] == numbers


@pytest.mark.parametrize(("at", "count"), [("18:29", 0), ("07:30", 0), ("18:3", 1), ("07:0", 1)])
def test_half_an_hour_around_office_hours_is_service(at: str, count: int) -> None:
    records = month(0, 0)
    for number in range(12):
        record = Record(INSTANT, number + 1, resident(number), base=100 * number)
        record.filed("03-01 09:00", TOWNSHIP, who="chen")
        record.act("03-01 09:30", CustodyAccepted, TOWNSHIP, who="chen")
        moment = at if len(at) == 5 else f"{at}{number % 10}"
        record.act(f"03-{2 + number % 5:02d} {moment}", CaseDecided, TOWNSHIP, *GRANTED, who="wang")
        records.append(record)
    assert len(offhours(records)) == count


def test_the_green_channel_and_appointments_are_awaited_off_hours() -> None:
    assert not offhours(month(12, 0), awaited=True)


def test_a_day_of_rest_on_which_the_office_is_open_by_its_rules_counts_as_one_of_work() -> None:
    records: list[Record] = []
    for number in range(12):
        record = Record(INSTANT, number + 1, resident(number), base=100 * number)
        record.filed("03-02 09:00", TOWNSHIP, who="chen")
        record.act("03-02 09:30", CustodyAccepted, TOWNSHIP, who="chen")
        record.act(f"03-08 10:{number:02d}", CaseDecided, TOWNSHIP, *GRANTED, who="wang")
        records.append(record)
    assert [number for number, _ in offhours(records)] == [10]
    assert not offhours(records, rest_days_open=frozenset({day("03-08")}))


# --- P13 -------------------------------------------------------------------------------------------------------------


def surveyed(*names: str) -> Record:
    record = Record(item_of("NY01"))
    record.at_township("03-02 09:00", "03-02 09:30")
    party = tuple(OfficerId(f"{TOWNSHIP}/{name}") for name in names)
    record.note("03-03 10:00", SiteSurveyed, TOWNSHIP, party, day("03-03"), "村口", "与申请一致", True)
    return record


@pytest.mark.parametrize(
    ("names", "count"), [(("zhang", "li"), 0), (("zhang", "zhang"), 1), (("li", "li", "zhang"), 0)]
)
def test_two_surveyors_are_two_persons(names: tuple[str, ...], count: int) -> None:
    found = hits(RULE["P13"], surveyed(*names).dossier())
    assert [(hit.severity.value, hit.facts["pair"]) for hit in found] == [("red", "surveyors")] * count


def test_a_second_officer_and_an_approver_are_somebody_else() -> None:
    own, other = OfficerId(f"{TOWNSHIP}/zhang"), OfficerId(f"{TOWNSHIP}/hu")
    for second, pairs in ((other, []), (OfficerId(""), []), (own, ["second_officer", "approver"])):
        record = Record(item_of("NY01"))
        record.at_township("03-02 09:00", "03-02 09:30")
        record.note("03-03 10:00", StepCompleted, TOWNSHIP, Step.SEALING, "已盖章", second)
        record.act("03-04 10:00", TermExtended, TOWNSHIP, 5, "案情复杂", second)
        assert [hit.facts["pair"] for hit in hits(RULE["P13"], record.dossier())] == pairs


def test_one_person_who_checks_and_decides_is_no_fault_unless_the_item_says_so() -> None:
    record = Record(item_of("RS04"))
    record.at_township("03-02 09:00", "03-02 09:30")
    record.note("03-03 10:00", StepCompleted, TOWNSHIP, Step.REVIEW, "符合条件")
    record.act("03-03 10:01", CaseDecided, TOWNSHIP, *GRANTED)
    assert not hits(RULE["P13"], record.dossier())
    declared = make_limits(incompatible={"RS04": (("step.review", "case.decided"),)})
    (hit,) = hits(RULE["P13"], record.dossier(), declared)
    assert (hit.severity.value, hit.facts["pair"], len(hit.evidence)) == ("red", "step.review+case.decided", 2)
    elsewhere = make_limits(incompatible={"RS05": (("step.review", "case.decided"),)})
    assert not hits(RULE["P13"], record.dossier(), elsewhere)


# --- P14 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "tie", "severity"),
    [
        ("MZ03", Tie.PERSON, "red"),
        ("MZ03", Tie.PHONE, "red"),
        ("MZ03", Tie.NAME, "yellow"),
        ("RS04", Tie.PERSON, "yellow"),
        ("RS04", Tie.NAME, "info"),
    ],
)
def test_nobody_decides_for_themselves(item: str, tie: Tie, severity: str) -> None:
    record = Record(item_of(item))
    record.at_township("03-02 09:00", "03-02 09:30")
    own = OfficerId(f"{TOWNSHIP}/zhang")
    (hit,) = hits(RULE["P14"], record.dossier(ties={own: tie}))
    assert (hit.severity.value, hit.officer, hit.facts["tie"]) == (severity, own, tie.value)
    assert not hits(RULE["P14"], record.dossier(ties={OfficerId(f"{TOWNSHIP}/li"): tie}))


def test_an_agent_may_file_for_the_own_family() -> None:
    record = Record(PAYMENT)
    record.at_township("03-02 09:00", "03-02 09:30")
    assert not hits(RULE["P14"], record.dossier(ties={OfficerId(f"{VILLAGE}/zhang"): Tie.PERSON}))


# --- P16 -------------------------------------------------------------------------------------------------------------


def application(
    number: int, filed: str, decided: str = "", outcome: Outcome = Outcome.GRANTED, item: str = "MZ03", **changes: Any
) -> Record:
    record = Record(item_of(item), number, changes.pop("applicant", PERSON), base=100 * number)
    record.filed(filed, VILLAGE, **changes)
    record.act(filed, CustodyOffered, VILLAGE, TOWNSHIP)
    record.act(filed, CustodyAccepted, TOWNSHIP)
    if decided:
        record.act(decided, CaseDecided, TOWNSHIP, outcome, *GRANTED[1:], "可申请行政复议")
    return record


def doubles(*records: Record, limits: Limits = DEFAULTS) -> list[tuple[int, str]]:
    return [(number, hit.severity.value) for number, hit in of_all(RULE["P16"], records, limits)]


def test_the_same_person_with_the_same_item_twice_is_told_at_the_later_case() -> None:
    assert doubles(application(1, "03-02"), application(2, "03-09")) == [(2, "yellow")]


def test_both_paid_is_red_at_the_case_that_was_decided_last() -> None:
    assert doubles(application(1, "03-02", "03-04"), application(2, "03-09", "03-11")) == [(2, "red")]
    assert doubles(application(1, "03-02", "03-20"), application(2, "03-09", "03-11")) == [(1, "red"), (2, "yellow")]
    first, second = (application(number, f"03-0{number}", f"03-1{number}", item="RS04") for number in (1, 2))
    assert doubles(first, second) == [(2, "yellow")], "a service is no money"


@pytest.mark.parametrize(("days", "found"), [(7, [(2, "yellow")]), (6, [])])
def test_the_period_is_the_county_s(days: int, found: list[tuple[int, str]]) -> None:
    pair = (application(1, "03-02"), application(2, "03-09"))
    assert doubles(*pair, limits=make_limits({"duplicate_days": days})) == found


def test_a_namesake_born_on_the_same_day_in_the_same_village_is_the_same_person() -> None:
    other = Applicant(PERSON.name, "111", "510824194910010991", "13900000001")
    twin = Applicant("王秀兰", "111", "510824194910010992", "13900000002")
    assert doubles(application(1, "03-02"), application(2, "03-09", applicant=other)) == [(2, "yellow")]
    assert doubles(application(1, "03-02"), application(2, "03-09", applicant=twin)) == []


def test_a_new_try_a_recorded_double_and_what_recurs_are_left_alone() -> None:
    refused = application(1, "03-02", "03-04", Outcome.REFUSED)
    assert doubles(refused, application(2, "03-09")) == []
    withdrawn = application(1, "03-02")
    withdrawn.act("03-03", CaseWithdrawn, TOWNSHIP, "申请人自愿撤回")
    assert doubles(withdrawn, application(2, "03-09")) == []
    shown = application(2, "03-09", duplicates=(TrackingNumber("510824100201-AB00017"),))
    assert doubles(application(1, "03-02"), shown) == []
    assert doubles(application(1, "03-02", item="NY02"), application(2, "03-09", item="NY02")) == []
    assert doubles(application(1, "03-02", item="MZ01"), application(2, "03-09")) == []
    assert doubles(application(1, "03-02", roster=digest("rows")), application(2, "03-09", roster=digest("rows"))) == []


# --- P17, P18 --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("persons", "numbers"), [(4, []), (5, [5]), (6, [5, 6])])
def test_a_fifth_applicant_with_one_telephone(persons: int, numbers: list[int]) -> None:
    records = [
        application(number, f"03-{1 + number:02d}", applicant=resident(number, "13800000000"))
        for number in range(1, persons + 1)
    ]
    records.append(application(99, "03-30", applicant=resident(1, "13800000000")))
    assert [number for number, _ in of_all(RULE["P17"], records)] == numbers


def ghost(minutes: int, *, item: Any = PAYMENT, signed: bool = False, others: bool = False) -> list[tuple[str, str]]:
    record = Record(item)
    record.filed("03-02 09:00", TOWNSHIP)
    record.act("03-02 09:01", CustodyAccepted, TOWNSHIP)
    if signed:
        record.note("03-02 09:02", PapersBrought, VILLAGE, ("户口簿",), who="liu")
        record.note("03-02 09:02", PapersBrought, TOWNSHIP, ("户口簿",), who="liu")
    who = "li" if others else "zhang"
    record.act("03-02 09:03", CaseDecided, TOWNSHIP, *GRANTED, who=who)
    record.act(f"03-02 09:{minutes:02d}", ResultHandedOver, TOWNSHIP, "样本", Handover.COUNTER)
    return [(hit.severity.value, str(hit.facts["traits"])) for hit in hits(RULE["P18"], record.dossier())]


def test_three_traits_at_once_make_a_ghost_and_fewer_do_not() -> None:
    assert ghost(10) == [("red", "unsigned+one_officer+minutes+unknown")]
    assert ghost(11) == [("info", "unsigned+one_officer+unknown")]
    assert ghost(10, item=INSTANT) == [("info", "unsigned+one_officer+minutes+unknown")]
    assert ghost(10, signed=True) == [("red", "one_officer+minutes+unknown")]
    assert ghost(11, signed=True) == []
    assert ghost(11, others=True) == []


# --- P20 -------------------------------------------------------------------------------------------------------------


def shown(number: int, paper: bytes, who: Applicant | None = None) -> Record:
    ref = PaperRef(paper, 1000, "image/jpeg", "户口簿")
    return application(number, f"03-{1 + number:02d}", applicant=who or resident(number), papers=(ref,))


def reuses(*records: Record, limits: Limits = DEFAULTS) -> list[tuple[int, str]]:
    return [(number, hit.severity.value) for number, hit in of_all(RULE["P20"], records, limits)]


def test_a_paper_in_two_persons_cases_is_told_at_the_later_one() -> None:
    paper = digest("a household's book")
    assert reuses(shown(1, paper), shown(2, paper)) == [(2, "yellow")]
    assert reuses(shown(1, paper), shown(2, digest("another"))) == []
    assert reuses(shown(1, paper, PERSON), shown(2, paper, PERSON)) == []


@pytest.mark.parametrize(("persons", "severity"), [(4, "yellow"), (5, "info")])
def test_a_paper_in_very_many_persons_cases_is_a_blank_form(persons: int, severity: str) -> None:
    records = [shown(number, digest("a form")) for number in range(1, persons + 1)]
    assert reuses(*records, limits=make_limits({"form_persons_min": 5}))[-1] == (persons, severity)


def test_a_photograph_of_a_site_shows_one_site() -> None:
    photograph = digest("a house")
    records: list[Record] = []
    for number in (1, 2):
        record = application(number, f"03-{1 + number:02d}", applicant=resident(number))
        party = (OfficerId(f"{TOWNSHIP}/zhang"), OfficerId(f"{TOWNSHIP}/li"))
        record.note("03-10", SiteSurveyed, TOWNSHIP, party, day("03-09"), "村口", "一致", True, (photograph,))
        records.append(record)
    first = records[0].dossier().fact
    use = around_of([shown(1, photograph)]).by_paper[0]
    around = replace(around_of(records), by_paper=(replace(use, material=SITE_PHOTOGRAPH, person=first.person),))
    (hit,) = hits(RULE["P20"], records[1].dossier(around=around))
    assert (hit.severity.value, hit.facts["paper"]) == ("red", "site")


# --- P24 -------------------------------------------------------------------------------------------------------------


def moving(*moves: tuple[str, str]) -> list[tuple[int, Hit]]:
    """One officer's acceptances: (time, device)."""
    records: list[Record] = []
    for number, (at, device) in enumerate(moves, 1):
        record = Record(INSTANT, number, resident(number), base=100 * number)
        record.filed("03-02 09:00", VILLAGE)
        record.act("03-02 09:01", CustodyOffered, VILLAGE, TOWNSHIP)
        record.act(at, CustodyAccepted, TOWNSHIP, who="wang", device=device)
        records.append(record)
    return of_all(RULE["P24"], records)


@pytest.mark.parametrize(("at", "numbers"), [("10:05:00", [2]), ("10:05:01", [])])
def test_nobody_is_at_two_devices_within_five_minutes(at: str, numbers: list[int]) -> None:
    assert [number for number, _ in moving(("03-03 10:00", "a"), (f"03-03 {at}", "b"), ("03-03 15:00", "a"))] == numbers


def test_a_device_that_was_handed_over_is_not_gone_back_to() -> None:
    assert not moving(("03-03 09:00", "a"), ("03-03 10:00", "a"), ("03-03 10:02", "b"), ("03-03 15:00", "b"))


@pytest.mark.parametrize(
    ("others", "numbers"),
    [
        ((("03-03 09:00", "b"), ("03-03 15:00", "b"), ("03-03 15:00", "a")), [2]),
        ((("03-03 09:00", "a"), ("03-03 09:30", "a"), ("03-03 15:00", "b")), []),
        ((("03-03 09:00", "a"), ("03-03 10:12", "a"), ("03-03 15:00", "b")), []),
        ((("03-03 09:00", "a"), ("03-03 10:13", "a"), ("03-03 15:00", "b")), [2]),
    ],
)
def test_a_device_that_colleagues_go_on_with_was_not_handed_over(
    others: tuple[tuple[str, str], ...], numbers: list[int]
) -> None:
    """One officer at the old device at 10:00 and at the new one at 10:02. Whether that is the handover is told by what
    anybody wrote at either, within what the two clocks may differ: ten minutes.
    """
    records: list[Record] = []
    for number, (at, device) in enumerate((("03-03 10:00", "a"), ("03-03 10:02", "b"), *others), 1):
        record = Record(INSTANT, number, resident(number), base=100 * number)
        record.filed("03-02 09:00", VILLAGE)
        record.act("03-02 09:01", CustodyOffered, VILLAGE, TOWNSHIP)
        record.act(at, CustodyAccepted, TOWNSHIP, who="wang" if number <= 2 else "li", device=device)
        records.append(record)
    assert [number for number, _ in of_all(RULE["P24"], records) if number <= 2] == numbers


# --- P19 -------------------------------------------------------------------------------------------------------------


def recording(last: int, peers: Sequence[Counts], months: int = 10, **changes: Any) -> list[Hit]:
    place = (JournalId(NodeId("a" * 16), Epoch(1, bytes(6))), 7)
    made = Recording(VILLAGE, INSTANT, day("06-30"), Counts(last, (months,) * 12), tuple(peers), place)
    (rule,) = RECORDING_RULES
    return list(rule.examine(replace(made, **changes), DEFAULTS))


USUAL = [Counts(9, (10,) * 12), Counts(10, (10,) * 12)]


@pytest.mark.parametrize(("last", "count"), [(2, 0), (1, 1), (0, 1)])
def test_a_village_that_files_a_fifth_of_its_usual_month(last: int, count: int) -> None:
    assert len(recording(last, USUAL)) == count


def test_a_season_a_suspended_item_a_dead_line_and_a_small_village_are_left_alone() -> None:
    assert not recording(0, [Counts(4, (10,) * 12), Counts(3, (10,) * 12)])
    assert recording(0, [Counts(5, (10,) * 12), Counts(6, (10,) * 12)])
    assert not recording(0, [])
    assert not recording(0, USUAL, item=item_of("RS03", suspended_from=day("06-20")))
    assert not recording(0, USUAL, item=None)
    assert not recording(0, USUAL, heard_until=when("06-26 23:00"))
    assert recording(0, USUAL, heard_until=when("06-27 09:00"))
    assert not recording(0, USUAL, months=4)
    assert recording(0, USUAL, months=5)
    (hit,) = recording(1, USUAL)
    assert (hit.office, hit.key) == (VILLAGE, "RS03:2026-06")


def test_what_the_tests_are_made_of_is_what_the_examiner_makes() -> None:
    """A filing is the first entry, and a mark of a person is one person's."""
    record = application(1, "03-02")
    assert isinstance(record.deeds()[0].event, CaseFiled)
    assert record.dossier().fact.person == MARKS.person(PERSON)
    assert record.dossier().fact.filed_at == Instant(when("03-02"))
