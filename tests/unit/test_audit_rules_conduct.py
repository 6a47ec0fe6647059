"""P4, P7, P8, P9, P21: both sides of each threshold, each guard, and the honest habit beside it."""

from typing import Any

import pytest
from msgspec.structs import replace

from hub.audit.dossier import Around
from hub.audit.limits import make_limits
from hub.audit.rules import BY_CODE, RULES
from schemas.casework.events import (
    CaseClosed,
    CaseConverted,
    CaseDecided,
    CaseExpedited,
    CaseReceived,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyOffered,
    FeePaid,
    OpinionsRequested,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RemarkAdded,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.steps import Step
from schemas.casework.values import Handover, Outcome, PauseCause, Promise
from schemas.names import OfficeId, OfficerId
from tests.support.casebook import TOWNSHIP, VILLAGE
from tests.support.dossiers import Record, around_of, day, hits, item_of, told

RULE = {rule.code: rule for rule in RULES}
GRANTED = (Outcome.GRANTED, "经审查符合条件，准予办理", "社会救助暂行办法")
LEADER = OfficerId(f"{TOWNSHIP}/hu")
PAIR = (OfficerId(f"{TOWNSHIP}/zhang"), OfficerId(f"{TOWNSHIP}/li"))
REMEDY = "可在六十日内申请行政复议。"
LICENCE = item_of("NY01")
"""A joint item of the township's own, with a survey by two and a public notice."""


def steps_of(record: Record) -> list[tuple[str, str, str]]:
    found = hits(RULE["P4"], record.dossier("03-31"))
    return [(hit.severity.value, str(hit.facts["step"]), str(hit.facts["state"])) for hit in found]


# --- P4 --------------------------------------------------------------------------------------------------------------


def licence(*left_out: str, outcome: Outcome = Outcome.GRANTED) -> Record:
    """A case with every step that is planned, but for those left out."""
    record = Record(LICENCE)
    record.at_township("03-02 09:00", "03-02 09:30")
    if "survey" not in left_out:
        record.note("03-03 10:00", SiteSurveyed, TOWNSHIP, PAIR, day("03-03"), "村口", "与申请一致", True)
    if "publicity" not in left_out:
        record.note("03-09 10:00", StepCompleted, TOWNSHIP, Step.PUBLICITY, "公示5日，无异议")
    if "review" not in left_out:
        record.note("03-09 11:00", StepCompleted, TOWNSHIP, Step.REVIEW, "符合条件")
    if "opinions" not in left_out:
        record.act("03-09 12:00", OpinionsRequested, TOWNSHIP, (OfficeId("510824.zrj"),), day("03-12"))
    if "fast" in left_out:
        record.note("03-09 13:00", CaseExpedited, TOWNSHIP, "重点项目", LEADER)
    record.act("03-12 10:00", CaseDecided, TOWNSHIP, outcome, *GRANTED[1:])
    return record


def test_a_case_with_every_planned_step_is_left_alone() -> None:
    assert steps_of(licence()) == []


@pytest.mark.parametrize(
    ("left_out", "severity"), [("opinions", "yellow"), ("publicity", "yellow"), ("review", "yellow"), ("survey", "red")]
)
def test_each_planned_step_is_missed(left_out: str, severity: str) -> None:
    assert steps_of(licence(left_out)) == [(severity, left_out, "absent")]


def test_a_step_that_one_officer_did_alone_is_no_survey_by_two() -> None:
    record = licence("survey")
    record.note("03-12 11:00", StepCompleted, TOWNSHIP, Step.SURVEY, "情况属实", after=2)
    assert steps_of(record) == [("red", "survey", "absent")]


def test_a_survey_written_after_the_decision_is_out_of_order_however_it_is_dated() -> None:
    record = licence("survey")
    survey = (PAIR, day("03-03"), "村口", "与申请一致", True)
    record.note("03-03 10:00", SiteSurveyed, TOWNSHIP, *survey, after=2)
    assert steps_of(record) == [("red", "survey", "disordered")]


def test_a_fast_track_that_was_approved_may_leave_out_what_the_law_does_not_want() -> None:
    assert steps_of(licence("review", "publicity", "fast")) == []
    assert steps_of(licence("survey", "fast")) == [("red", "survey", "absent")]


def test_a_refusal_needs_no_public_notice_and_no_opinion() -> None:
    assert steps_of(licence("publicity", "opinions", outcome=Outcome.REFUSED)) == []


def test_a_case_decided_while_the_resident_waits_needs_no_review_on_record() -> None:
    record = Record(item_of("RS03"))
    record.at_township("03-02 09:00", "03-02 09:00:20")
    record.act("03-02 09:00:40", CaseDecided, TOWNSHIP, *GRANTED)
    assert steps_of(record) == []


def made(*steps: Step, before: bool = False) -> Record:
    record = Record(item_of("YB01"))
    record.at_township("03-02 09:00", "03-02 09:30")
    if before:
        for step in steps:
            record.note("03-02 09:40", StepCompleted, TOWNSHIP, step, "已完成")
    record.act("03-02 10:00", CaseDecided, TOWNSHIP, *GRANTED)
    if not before:
        for step in steps:
            record.note("03-02 11:00", StepCompleted, TOWNSHIP, step, "已完成")
    record.act("03-02 12:00", ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    return record


def test_what_is_made_after_the_decision_is_missed_where_it_is_handed_over_without() -> None:
    assert steps_of(made(Step.PRODUCTION)) == []
    assert steps_of(made()) == [("yellow", "production", "absent")]


def test_a_paper_sealed_before_the_decision_is_out_of_order() -> None:
    assert steps_of(made(Step.PRODUCTION, before=True)) == [("yellow", "sealed_before", "disordered")]


COUNTY_WINDOW = OfficeId("510824.mzj")
REPORTED = item_of("MZ06")
"""An allowance that the county decides on the townships' report."""


def reported(*own: str, note: str = "", above: bool = True) -> Record:
    """Reported upward; `own`: what the township does before: its review, an approved fast track."""
    record = Record(REPORTED)
    record.at_township("03-02 09:00", "03-02 09:30")
    if "review" in own:
        record.note("03-03 10:00", StepCompleted, TOWNSHIP, Step.REVIEW, "经初审符合条件")
    if "fast" in own:
        record.note("03-03 10:00", CaseExpedited, TOWNSHIP, "急难", LEADER)
    record.act("03-04 10:00", CustodyOffered, TOWNSHIP, COUNTY_WINDOW, note)
    record.act("03-05 10:00", CustodyAccepted, COUNTY_WINDOW, who="deng")
    if above:
        record.note("03-06 10:00", StepCompleted, COUNTY_WINDOW, Step.REVIEW, "经复核符合条件", who="deng")
        record.act("03-06 11:00", CaseDecided, COUNTY_WINDOW, *GRANTED, who="deng")
    return record


@pytest.mark.parametrize("above", [False, True])
def test_what_the_county_reviews_is_no_first_review_of_the_township(above: bool) -> None:
    (hit,) = hits(RULE["P4"], reported(above=above).dossier("03-31"))
    assert (hit.severity.value, hit.facts["step"], hit.office) == ("yellow", "first_review", TOWNSHIP)
    assert steps_of(reported("review", above=above)) == []
    assert steps_of(reported(note="经初审符合条件，现上报", above=above)) == []
    assert steps_of(reported("fast", above=above)) == [], "the fast track was approved"


def test_a_first_review_stands_before_the_report_and_is_done_once() -> None:
    late = reported(above=False)
    late.note("03-05 11:00", StepCompleted, TOWNSHIP, Step.REVIEW, "补登初审")
    assert steps_of(late) == [("yellow", "first_review", "disordered")]
    again = reported(note="经初审符合条件，现上报", above=False)
    again.act("03-06 10:00", CustodyOffered, COUNTY_WINDOW, TOWNSHIP, "请补正后再报", who="deng")
    again.act("03-06 11:00", CustodyAccepted, TOWNSHIP)
    again.act("03-09 10:00", CustodyOffered, TOWNSHIP, COUNTY_WINDOW)
    assert steps_of(again) == [], "its opinion stood in the first offer"


def test_what_goes_down_after_the_decision_or_was_never_accepted_is_no_report() -> None:
    unaccepted = Record(REPORTED)
    unaccepted.filed("03-02 09:00")
    unaccepted.act("03-02 09:10", CustodyOffered, VILLAGE, COUNTY_WINDOW)
    assert steps_of(unaccepted) == [], "a village reports nothing"
    done = reported("review")
    done.act("03-09 10:00", CustodyOffered, COUNTY_WINDOW, TOWNSHIP, who="deng")
    done.act("03-09 11:00", CustodyAccepted, TOWNSHIP)
    done.act("03-10 10:00", CustodyOffered, TOWNSHIP, COUNTY_WINDOW)
    assert steps_of(done) == []


# --- P7 --------------------------------------------------------------------------------------------------------------


def asked(at: str, again: str | None = None, justification: str = "", received: str = "03-02 10:01") -> Record:
    record = Record(item_of("MZ03"))
    record.filed("03-02 09:00")
    record.act("03-02 10:00", CustodyOffered, VILLAGE, TOWNSHIP)
    record.note(received, CaseReceived, TOWNSHIP, who="(node)")
    record.act(at, PapersRequested, TOWNSHIP, ("户口簿",), "材料不齐，请一次补齐")
    if again is not None:
        record.act("03-09 15:00", PapersReceived, TOWNSHIP, ("户口簿",))
        record.act(again, PapersRequested, TOWNSHIP, ("证件照",), "缺件", justification)
    return record


@pytest.mark.parametrize(("at", "found"), [("03-09 17:00", []), ("03-10 09:00", [("red", "late_notice")])])
def test_the_first_notice_comes_within_five_days_of_the_receipt(at: str, found: list[tuple[str, str]]) -> None:
    assert told(RULE["P7"], asked(at).dossier("03-31")) == found
    assert not told(RULE["P7"], asked(at, received="03-05 10:00").dossier("03-31")), "the line took three days"


AGAIN = [("yellow", "repeated")]
WHY = "原件与复印件不一致"


@pytest.mark.parametrize(
    ("justification", "news", "found"),
    [
        ("", None, AGAIN),
        (WHY, None, AGAIN),
        ("", 4, AGAIN),
        (WHY, 4, [("info", "repeated")]),
        (WHY, 2, AGAIN),
    ],
)
def test_a_second_notice_says_why_and_rests_on_something_new(
    justification: str, news: int | None, found: list[tuple[str, str]]
) -> None:
    """The pen wants a reason of everybody, so a reason alone excuses nothing. `news`: after which turn it came."""
    record = asked("03-03 10:00", "03-10 10:00", justification)
    if news is not None:
        record.note("03-09 14:00", PapersBrought, VILLAGE, ("户口簿",), "申请人已补交", after=news)
    assert told(RULE["P7"], record.dossier("03-31")) == found


def test_papers_that_a_village_took_in_before_it_knew_of_the_notice_are_new_once_they_are_taken_up() -> None:
    for taken_up, found in ((True, [("info", "repeated")]), (False, AGAIN)):
        record = Record(item_of("MZ03"))
        record.at_township("03-02 09:00", "03-02 09:30")
        record.act("03-03 10:00", PapersRequested, TOWNSHIP, ("户口簿",), "材料不齐，请一次补齐")
        brought = record.note("03-04 14:00", PapersBrought, VILLAGE, ("户口簿",), "申请人已补交", after=3)
        record.act("03-05 15:00", PapersReceived, TOWNSHIP, ("户口簿",), (brought,) if taken_up else ())
        record.act("03-06 10:00", PapersRequested, TOWNSHIP, ("证件照",), "缺件", WHY)
        assert told(RULE["P7"], record.dossier("03-31")) == found


def test_a_survey_since_the_first_notice_is_something_new_and_of_three_notices_each_wants_its_own() -> None:
    record = asked("03-03 10:00", "03-10 10:00", WHY)
    record.note("03-09 14:00", SiteSurveyed, TOWNSHIP, PAIR, day("03-09"), "村口", "与申请不一致", False, after=4)
    assert told(RULE["P7"], record.dossier("03-31")) == [("info", "repeated")]
    record.act("03-11 15:00", PapersReceived, TOWNSHIP, ("证件照",))
    record.act("03-12 10:00", PapersRequested, TOWNSHIP, ("申请表",), "缺件", WHY)
    assert told(RULE["P7"], record.dossier("03-31")) == AGAIN


def asked_after_acceptance(at: str, *, news: str | None = None, promised: str = "") -> list[tuple[str, str]]:
    record = Record(item_of("MZ03"))
    record.filed("03-02 09:00")
    record.act("03-02 09:00", CustodyOffered, VILLAGE, TOWNSHIP)
    promises = (Promise(promised, day("03-20")),) if promised else ()
    record.act("03-02 09:30", CustodyAccepted, TOWNSHIP, "予以受理", promises)
    if news is not None:
        record.note(news, SiteSurveyed, TOWNSHIP, PAIR, day("03-09"), "村口", "与申请不一致", False)
    record.act(at, PapersRequested, TOWNSHIP, ("户口簿",), "核查后发现缺件")
    return told(RULE["P7"], record.dossier("03-31"))


def test_a_notice_after_acceptance_is_late_as_well_unless_something_came_to_light() -> None:
    assert not asked_after_acceptance("03-09 17:00")
    assert asked_after_acceptance("03-10 09:00") == [("yellow", "late_notice")]
    assert not asked_after_acceptance("03-10 09:00", news="03-09 10:00")
    assert not asked_after_acceptance("03-10 09:00", promised="户口簿"), "a reminder of what was promised"
    assert asked_after_acceptance("03-10 09:00", promised="证件照") == [("yellow", "late_notice")]


def test_one_notice_in_time_is_as_the_law_has_it() -> None:
    assert not told(RULE["P7"], asked("03-03 10:00").dossier("03-31"))


# --- P8 --------------------------------------------------------------------------------------------------------------


def paid(*amounts: int, by: OfficeId = TOWNSHIP, fee: int | None = 20, outcome: Outcome = Outcome.GRANTED) -> Record:
    record = Record(item_of("MZ03", fee_yuan=fee))
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act("03-03 10:00", CaseDecided, TOWNSHIP, outcome, *GRANTED[1:], REMEDY)
    for amount in amounts:
        record.note("03-03 11:00", FeePaid, by, amount, "0012345")
    record.act("03-04 10:00", ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    return record


@pytest.mark.parametrize(
    ("record", "found"),
    [
        (paid(2000), []),
        (paid(1000, 1000), []),
        (paid(2001), [("red", "more")]),
        (paid(1999), [("yellow", "less")]),
        (paid(), [("yellow", "less")]),
        (paid(0), []),
        (paid(1, fee=0), [("red", "more")]),
        (paid(fee=0), []),
        (paid(5000, fee=None), []),
        (paid(outcome=Outcome.REFUSED), []),
        (paid(2000, by=VILLAGE), [("red", "village"), ("yellow", "less")]),
    ],
)
def test_what_was_paid_is_the_tariff(record: Record, found: list[tuple[str, str]]) -> None:
    assert told(RULE["P8"], record.dossier("03-31")) == found


def test_instalments_are_not_added_up_before_the_result_is_given_out() -> None:
    record = Record(item_of("MZ03", fee_yuan=20))
    record.at_township("03-02 09:00", "03-02 09:30")
    record.note("03-03 11:00", FeePaid, TOWNSHIP, 1000, "1")
    record.act("03-03 12:00", CaseDecided, TOWNSHIP, *GRANTED)
    assert not told(RULE["P8"], record.dossier("03-31"))


# --- P9 --------------------------------------------------------------------------------------------------------------


def suspended(
    at: str,
    until: str | None = None,
    cause: PauseCause = PauseCause.APPRAISAL,
    document: str = "鉴定3号",
    item: str = "MZ03",
) -> Record:
    record = Record(item_of(item))
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act(at, CaseSuspended, TOWNSHIP, cause, document, day("06-20"))
    if until is not None:
        record.act(until, CaseResumed, TOWNSHIP, "鉴定已出")
    return record


@pytest.mark.parametrize(
    ("at", "found"),
    [
        ("03-20 10:00", []),
        ("03-23 10:00", [("yellow", "last_day")]),
        ("03-25 10:00", [("yellow", "last_day")]),
    ],
)
def test_a_pause_on_the_last_day_is_asked_about(at: str, found: list[tuple[str, str]]) -> None:
    assert told(RULE["P9"], suspended(at).dossier("03-26")) == found


@pytest.mark.parametrize("cause", [PauseCause.EXPERT_REVIEW, PauseCause.HEARING])
def test_the_law_s_own_procedures_are_not_judged_by_their_day(cause: PauseCause) -> None:
    assert not told(RULE["P9"], suspended("03-23 10:00", cause=cause).dossier("03-26"))


def test_a_special_procedure_that_the_catalogue_plans_is_not_either() -> None:
    record = suspended("03-03 10:00", cause=PauseCause.INSPECTION, item="NY03")
    assert not told(RULE["P9"], record.dossier("03-26"))


@pytest.mark.parametrize("document", [" ", "-", "无", "——", "0"])
def test_a_pause_without_its_paper_is_red_whatever_the_cause(document: str) -> None:
    for cause in (PauseCause.APPRAISAL, PauseCause.HEARING):
        record = suspended("03-05 10:00", cause=cause, document=document)
        assert told(RULE["P9"], record.dossier("03-26")) == [("red", "no_document")]


@pytest.mark.parametrize(("until", "found"), [("03-10 10:00", []), ("03-11 10:00", [("yellow", "too_long")])])
def test_no_pause_is_longer_than_any_term(until: str, found: list[tuple[str, str]]) -> None:
    limits = make_limits({"pause_days_max": 5})
    assert told(RULE["P9"], suspended("03-03 10:00", until).dossier("03-26"), limits) == found
    assert told(RULE["P9"], suspended("03-03 10:00").dossier(until[:5]), limits) == found, "an open one counts on"


def test_an_extension_is_somebody_s_leave() -> None:
    for approver, count in ((LEADER, 0), (OfficerId(" "), 1)):
        record = Record(item_of("NY01"))
        record.at_township("03-02 09:00", "03-02 09:30")
        record.act("03-05 10:00", TermExtended, TOWNSHIP, 5, "案情复杂", approver)
        assert told(RULE["P9"], record.dossier("03-26")) == [("yellow", "no_approver")] * count


def refiled(withdrawn: str, filed: str) -> tuple[Record, Record]:
    first = Record(item_of("MZ03"), 1)
    first.at_township("03-02 09:00", "03-02 09:30")
    first.act(withdrawn, CaseWithdrawn, TOWNSHIP, "申请人自愿撤回")
    second = Record(item_of("MZ03"), 2, base=100)
    second.at_township(filed, filed)
    return first, second


@pytest.mark.parametrize(
    ("withdrawn", "filed", "found"),
    [
        ("03-20 10:00", "03-23 09:00", []),
        ("03-23 10:00", "03-26 10:00", [("yellow", "refiled")]),
        ("03-23 10:00", "03-26 16:00", [("yellow", "refiled")]),
        ("03-23 10:00", "03-27 09:00", []),
        ("03-25 10:00", "03-25 11:00", [("yellow", "refiled")]),
        ("03-05 10:00", "03-05 11:00", []),
    ],
)
def test_a_late_case_withdrawn_and_filed_again_at_once(
    withdrawn: str, filed: str, found: list[tuple[str, str]]
) -> None:
    first, second = refiled(withdrawn, filed)
    around = around_of([first, second])
    assert told(RULE["P9"], second.dossier("03-31", around)) == found
    assert not told(RULE["P9"], first.dossier("03-31", around)), "told at the later case alone"


def test_whether_it_was_late_is_told_by_the_first_case_s_own_term() -> None:
    """Of what was for on the spot and was converted to days the catalogue states no promise; a pause moves the day."""
    for withdrawn, found in (("03-05 10:00", []), ("03-06 10:00", [("yellow", "refiled")])):
        first = Record(item_of("RS05"), 1)
        first.at_township("03-02 09:00", "03-02 09:30")
        first.note("03-02 10:00", CaseConverted, TOWNSHIP, 4, "需跨部门核验")
        first.act(withdrawn, CaseWithdrawn, TOWNSHIP, "申请人自愿撤回")
        second = Record(item_of("RS05"), 2, base=100)
        second.at_township("03-06 15:00", "03-06 15:00")
        assert told(RULE["P9"], second.dossier("03-31", around_of([first, second]))) == found
    first = Record(item_of("MZ03"), 1)
    first.at_township("03-02 09:00", "03-02 09:30")
    first.act("03-05 10:00", CaseSuspended, TOWNSHIP, PauseCause.TESTING, "苍中止〔2026〕1号", day("03-10"))
    first.act("03-10 10:00", CaseResumed, TOWNSHIP, "检测完成")
    first.act("03-23 10:00", CaseWithdrawn, TOWNSHIP, "申请人自愿撤回")
    second = Record(item_of("MZ03"), 2, base=100)
    second.at_township("03-24 09:00", "03-24 09:00")
    assert not told(RULE["P9"], second.dossier("03-31", around_of([first, second])))


def test_a_case_that_is_struck_off_later_was_withdrawn_when_it_was_withdrawn() -> None:
    first, second = refiled("03-25 10:00", "03-26 09:00")
    first.act("04-10 09:00", CaseClosed, TOWNSHIP)
    assert told(RULE["P9"], second.dossier("04-30", around_of([first, second]))) == [("yellow", "refiled")]


# --- P21 -------------------------------------------------------------------------------------------------------------


def closed() -> Record:
    record = paid(2000)
    record.act("03-05 10:00", CaseClosed, TOWNSHIP)
    return record


def test_archiving_and_remarks_belong_to_the_end() -> None:
    record = closed()
    record.note("03-06 10:00", StepCompleted, TOWNSHIP, Step.ARCHIVE, "已归档")
    record.note("03-06 10:00", RemarkAdded, TOWNSHIP, "群众来电致谢")
    assert not hits(RULE["P21"], record.dossier("03-31"))


def weights(record: Record) -> list[str]:
    return [hit.severity.value for hit in hits(RULE["P21"], record.dossier("03-31"))]


def test_what_matters_and_comes_after_the_end_is_asked_about() -> None:
    record = closed()
    record.note("03-06 10:00", StepCompleted, TOWNSHIP, Step.REVIEW, "补录审查")
    assert weights(record) == ["yellow"]
    record.note("03-06 11:00", FeePaid, TOWNSHIP, 100, "9")
    assert weights(record) == ["yellow", "red"]
    changed = closed()
    changed.act("03-06 10:00", CaseDecided, TOWNSHIP, Outcome.REFUSED, "改为不予许可", "第三十八条", REMEDY)
    assert weights(changed) == ["red"]


def test_what_was_said_before_the_end_and_arrives_later_is_left_alone() -> None:
    record = closed()
    record.note("03-06 10:00", StepCompleted, TOWNSHIP, Step.REVIEW, "审查", after=3)
    assert weights(record) == []


@pytest.mark.parametrize(("approver", "found"), [(LEADER, []), (OfficerId(""), ["yellow"])])
def test_a_reopening_is_somebody_s_leave(approver: OfficerId, found: list[str]) -> None:
    record = closed()
    record.act("03-09 10:00", CaseReopened, TOWNSHIP, "文字有误", approver)
    record.note("03-09 11:00", StepCompleted, TOWNSHIP, Step.REVIEW, "复核")
    record.act("03-09 12:00", CaseDecided, TOWNSHIP, *GRANTED)
    assert weights(record) == found


# --- all of them -----------------------------------------------------------------------------------------------------


def test_an_erased_or_unknown_case_is_judged_by_nobody() -> None:
    record = closed()
    dossier = record.dossier("03-31")
    purged = replace(dossier, file=replace(dossier.file, purged=True), around=Around())
    assert not [hit for rule in RULES if rule.code != "I6" for hit in rule.examine(purged, _limits())]
    unknown = replace(dossier, item=None)
    assert isinstance([hit for rule in RULES for hit in rule.examine(unknown, _limits())], list)
    assert BY_CODE["P4"].is_starred


def _limits() -> Any:
    return make_limits()


def test_the_second_acceptance_of_a_result_is_no_verdict() -> None:
    record = Record(item_of("MZ03"))
    record.at_township("03-02 09:00", "03-02 09:30")
    record.act("03-05 10:00", CaseDecided, TOWNSHIP, *GRANTED)
    record.act("03-05 11:00", CustodyOffered, TOWNSHIP, VILLAGE)
    record.act("03-05 12:00", CustodyAccepted, VILLAGE)
    assert told(RULE["P1"], record.dossier("03-06")) == []
