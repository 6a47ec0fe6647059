"""What a complete event must state: each rule refuses at the pen with its own code, and lets the lawful event pass."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from office.seeds import load_calendar, load_catalogue
from schemas.casework.casefile import CaseFile
from schemas.casework.events import (
    AcceptanceRefused,
    Act,
    CaseConverted,
    CaseDecided,
    CaseEvent,
    CaseExpedited,
    CaseReceived,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseTerminated,
    CaseWithdrawn,
    Contribution,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    OpinionsRequested,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RecallRequested,
    RemarkAdded,
    RosterAdded,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.lifecycle import NotPermitted, permits_event
from schemas.casework.stages import Stage
from schemas.casework.steps import Step
from schemas.casework.values import (
    Excepted,
    Material,
    MaterialStatus,
    Opinion,
    Outcome,
    PauseCause,
    Promise,
    RosterRow,
)
from schemas.catalogue import Grant, LegalTerm, ServiceItem, TermStart, TermUnit
from schemas.divisions import Tier
from schemas.names import OfficeId, OfficerId
from tests.support.casebook import (
    COUNTY,
    FAR_COUNTY,
    OTHER_TOWNSHIP,
    OTHER_VILLAGE,
    TODAY,
    TOWNSHIP,
    VILLAGE,
    WINDOW,
    Casebook,
    digest,
    filing,
    officer,
)
from tests.support.stages import DEPARTMENT, EVERYWHERE, book_at, case_at

CALENDAR = load_calendar()
ONE_DAY = timedelta(days=1)
YESTERDAY, TOMORROW = TODAY - ONE_DAY, TODAY + ONE_DAY
LEADER = OfficerId("510824/wang")
COLLEAGUE = OfficerId("510824100/li")

ITEM = replace(EVERYWHERE, promise_days=5)
"""Needs 居民身份证 and 参保登记表; 社会保障卡复印件 may come later, within five working days."""
DEFERRABLE = "社会保障卡复印件"

GRANTED = (Outcome.GRANTED, "符合条件", "社会保险法第20条")
REFUSED = (Outcome.REFUSED, "不符合条件", "社会保险法第20条", "60日内申请行政复议")


def refusal(
    case: CaseFile | None,
    event: CaseEvent,
    item: ServiceItem | None = ITEM,
    *,
    today: date | None = TODAY,
    grants: tuple[Grant, ...] = (),
    ended: frozenset[OfficeId] = frozenset(),
) -> str:
    """The code of the refusal, or "" when permitted."""
    try:
        permits_event(case, event, item, today=today, grants=grants, calendar=CALENDAR, ended=ended)
    except NotPermitted as refused:
        return refused.code
    return ""


def act(case: CaseFile, kind: type[Act], office: OfficeId, *fields: object) -> Act:
    return kind(case.turn + 1, case.tip, digest("op")[:8], office, officer(office), *fields)


def note(case: CaseFile, kind: type[Contribution], office: OfficeId, *fields: object) -> Contribution:
    return kind(case.turn, digest("op")[:8], office, officer(office), *fields)


def filed_with(*materials: Material, item: str = "RS01") -> Casebook:
    """A filing with just these, offered to the township and there today."""
    book = Casebook()
    book.keep(replace(filing(VILLAGE, item), materials=materials))
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.contribute(CaseReceived, TOWNSHIP)
    return book


def provided(*names: str) -> tuple[Material, ...]:
    return tuple(Material(name, MaterialStatus.PROVIDED) for name in names)


REVIEW = case_at(Stage.IN_REVIEW)
OFFERED = case_at(Stage.OFFERED)


# --- texts and people ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "office", "kind", "fields", "code"),
    [
        (Stage.OFFERED, TOWNSHIP, CustodyDeclined, ("  ",), "reason_required"),
        (Stage.OFFERED, TOWNSHIP, AcceptanceRefused, ("不属受理范围", "第32条", " "), "nonacceptance_incomplete"),
        (Stage.OFFERED, TOWNSHIP, AcceptanceRefused, ("", "第32条", "复议"), "nonacceptance_incomplete"),
        (Stage.OFFERED, COUNTY, CustodyReassigned, (OTHER_TOWNSHIP, "", LEADER), "reason_required"),
        (Stage.OFFERED, COUNTY, CustodyReassigned, (OTHER_TOWNSHIP, "失联", ""), "approver_required"),
        (Stage.IN_REVIEW, TOWNSHIP, PapersRequested, (("证件照",), ""), "reason_required"),
        (Stage.IN_REVIEW, TOWNSHIP, PapersRequested, ((), "缺件"), "materials_required"),
        (Stage.IN_REVIEW, TOWNSHIP, PapersReceived, ((), ()), "materials_required"),
        (Stage.IN_REVIEW, TOWNSHIP, CaseSuspended, (PauseCause.HEARING, " ", TODAY), "pause_undocumented"),
        (Stage.IN_REVIEW, TOWNSHIP, CaseSuspended, (PauseCause.HEARING, "听〔2026〕1号", YESTERDAY), "pause_ended"),
        (Stage.SUSPENDED, TOWNSHIP, CaseResumed, ("",), "text_required"),
        (Stage.IN_REVIEW, TOWNSHIP, TermExtended, (10, "", LEADER), "reason_required"),
        (Stage.IN_REVIEW, TOWNSHIP, TermExtended, (10, "案情复杂", ""), "approver_required"),
        (Stage.IN_REVIEW, TOWNSHIP, TermExtended, (10, "案情复杂", officer(TOWNSHIP)), "approver_is_author"),
        (Stage.IN_REVIEW, TOWNSHIP, TermExtended, (11, "案情复杂", LEADER), "extension_too_long"),
        (Stage.IN_REVIEW, TOWNSHIP, CaseDecided, REFUSED[:3], "refusal_incomplete"),
        (Stage.IN_REVIEW, TOWNSHIP, CaseWithdrawn, ("",), "reason_required"),
        (Stage.IN_REVIEW, TOWNSHIP, CaseTerminated, ("申请人死亡", ""), "termination_incomplete"),
        (Stage.CLOSED, TOWNSHIP, CaseReopened, ("", LEADER), "reason_required"),
        (Stage.CLOSED, TOWNSHIP, CaseReopened, ("复议撤销", ""), "approver_required"),
        (Stage.CLOSED, TOWNSHIP, CaseReopened, ("复议撤销", officer(TOWNSHIP)), "approver_is_author"),
        (Stage.IN_REVIEW, TOWNSHIP, OpinionsRequested, ((), TODAY), "department_required"),
        (Stage.IN_REVIEW, TOWNSHIP, OpinionsRequested, ((TOWNSHIP,), TODAY), "consulted_itself"),
        (Stage.IN_REVIEW, TOWNSHIP, OpinionsRequested, ((WINDOW, OTHER_VILLAGE), TODAY), "village_not_consulted"),
        (Stage.IN_REVIEW, TOWNSHIP, OpinionsRequested, ((FAR_COUNTY,), TODAY), "outside_county"),
        (Stage.IN_REVIEW, TOWNSHIP, OpinionsRequested, ((WINDOW,), YESTERDAY), "day_has_passed"),
        (Stage.IN_REVIEW, TOWNSHIP, OpinionsRequested, ((WINDOW,), TODAY, YESTERDAY), "day_has_passed"),
    ],
)
def test_an_act_that_states_too_little_or_what_cannot_be(
    stage: Stage, office: OfficeId, kind: type[Act], fields: tuple[object, ...], code: str
) -> None:
    case = case_at(stage)
    assert refusal(case, act(case, kind, office, *fields)) == code


@pytest.mark.parametrize(
    ("stage", "office", "kind", "fields"),
    [
        (Stage.OFFERED, TOWNSHIP, CustodyDeclined, ("不属本机关",)),
        (Stage.OFFERED, TOWNSHIP, AcceptanceRefused, ("不属受理范围", "第32条", "60日内申请行政复议")),
        (Stage.IN_REVIEW, TOWNSHIP, CaseSuspended, (PauseCause.HEARING, "听〔2026〕1号", TODAY)),
        (Stage.SUSPENDED, TOWNSHIP, CaseResumed, ("听证笔录已出",)),
        (Stage.IN_REVIEW, TOWNSHIP, TermExtended, (10, "案情复杂", LEADER)),
        (Stage.IN_REVIEW, TOWNSHIP, OpinionsRequested, ((WINDOW, OTHER_TOWNSHIP), TODAY, TODAY)),
        (Stage.IN_REVIEW, TOWNSHIP, CaseTerminated, ("申请人死亡", "行政许可法第70条")),
        (Stage.CLOSED, TOWNSHIP, CaseReopened, ("复议撤销", LEADER)),
        (Stage.CLOSED, COUNTY, CaseReopened, ("复议撤销", COLLEAGUE)),
    ],
)
def test_an_act_that_states_all_it_must(
    stage: Stage, office: OfficeId, kind: type[Act], fields: tuple[object, ...]
) -> None:
    case = case_at(stage)
    assert refusal(case, act(case, kind, office, *fields)) == ""


@pytest.mark.parametrize(
    ("office", "kind", "fields", "code"),
    [
        (VILLAGE, PapersBrought, ((),), "materials_required"),
        (VILLAGE, RemarkAdded, ("好",), ""),
        (TOWNSHIP, StepCompleted, (Step.REVIEW, "属实", officer(TOWNSHIP)), "second_officer_is_author"),
        (TOWNSHIP, StepCompleted, (Step.REVIEW, "属实", COLLEAGUE), ""),
        (TOWNSHIP, SiteSurveyed, ((officer(TOWNSHIP),) * 2, TODAY, "三组", "属实", True), "survey_needs_two"),
        (TOWNSHIP, SiteSurveyed, ((LEADER, COLLEAGUE), TODAY, "三组", "属实", True), "survey_needs_two"),
        (TOWNSHIP, SiteSurveyed, ((officer(TOWNSHIP), COLLEAGUE), TODAY, "三组", "", True), "text_required"),
        (TOWNSHIP, SiteSurveyed, ((officer(TOWNSHIP), COLLEAGUE), TOMORROW, "三组", "属实", True), "day_has_not_come"),
        (TOWNSHIP, SiteSurveyed, ((officer(TOWNSHIP), COLLEAGUE), TODAY, "三组", "属实", True), ""),
        (DEPARTMENT, OpinionGiven, (Opinion.OBJECTS, " "), "reason_required"),
        (DEPARTMENT, OpinionGiven, (Opinion.OBJECTS, "占用林地"), ""),
        (TOWNSHIP, MeetingHeld, (TODAY, (WINDOW,), (), ""), "text_required"),
        (TOWNSHIP, MeetingHeld, (TODAY, (), (), "一致"), "department_required"),
        (TOWNSHIP, MeetingHeld, (TODAY, (FAR_COUNTY,), (), "一致"), "outside_county"),
        (TOWNSHIP, MeetingHeld, (TOMORROW, (WINDOW,), (), "一致"), "day_has_not_come"),
        (TOWNSHIP, MeetingHeld, (TODAY, (WINDOW,), (), "一致"), ""),
        (TOWNSHIP, CaseExpedited, ("", LEADER), "text_required"),
        (TOWNSHIP, CaseExpedited, ("抢险", officer(TOWNSHIP)), "approver_is_author"),
        (TOWNSHIP, CaseExpedited, ("抢险", LEADER), ""),
    ],
)
def test_a_contribution_states_what_it_must(
    office: OfficeId, kind: type[Contribution], fields: tuple[object, ...], code: str
) -> None:
    assert refusal(REVIEW, note(REVIEW, kind, office, *fields)) == code


def test_a_survey_for_two_is_no_step_that_one_ticks_off() -> None:
    surveyed = load_catalogue().get_item("MZ01")
    assert refusal(REVIEW, note(REVIEW, StepCompleted, TOWNSHIP, Step.SURVEY, "属实"), surveyed) == "survey_by_form"
    asked_alone = load_catalogue().get_item("MZ03")
    assert refusal(REVIEW, note(REVIEW, StepCompleted, TOWNSHIP, Step.SURVEY, "属实"), asked_alone) == ""


# --- acceptance ------------------------------------------------------------------------------------------------------


def test_acceptance_names_every_required_material_that_is_missing() -> None:
    case = filed_with().case
    with pytest.raises(NotPermitted) as refused:
        permits_event(case, act(case, CustodyAccepted, TOWNSHIP), ITEM, today=TODAY)
    assert refused.value.code == "materials_missing"
    assert "居民身份证、参保登记表" in refused.value.zh
    assert "居民身份证, 参保登记表" in refused.value.en


@pytest.mark.parametrize("status", sorted(set(MaterialStatus) - {MaterialStatus.DEFERRED}))
def test_a_material_is_there_in_whatever_lawful_way(status: MaterialStatus) -> None:
    names = ("居民身份证", "参保登记表", DEFERRABLE)
    case = filed_with(*(Material(name, status, TODAY, "1-AB") for name in names)).case
    assert refusal(case, act(case, CustodyAccepted, TOWNSHIP)) == ""


def test_what_the_resident_brought_since_counts() -> None:
    book = filed_with(*provided("居民身份证", DEFERRABLE))
    assert refusal(book.case, act(book.case, CustodyAccepted, TOWNSHIP)) == "materials_missing"
    book.contribute(PapersBrought, VILLAGE, ("参保登记表",))
    assert refusal(book.case, act(book.case, CustodyAccepted, TOWNSHIP)) == ""
    book = filed_with(*provided("居民身份证", DEFERRABLE))
    book.act(PapersRequested, TOWNSHIP, ("参保登记表",), "缺件")
    book.act(PapersReceived, TOWNSHIP, ("参保登记表",))
    assert refusal(book.case, act(book.case, CustodyAccepted, TOWNSHIP)) == ""


def test_what_may_come_later_is_promised_with_a_day() -> None:
    """STANDARDS 6: minor materials, a signed promise, no later than the promised handling time."""
    case = filed_with(*provided("居民身份证", "参保登记表")).case
    assert refusal(case, act(case, CustodyAccepted, TOWNSHIP)) == "promise_missing"
    last = CALENDAR.add_working_days(TODAY, 5).day
    for until, code in ((TODAY, ""), (last, ""), (last + ONE_DAY, "promise_untimely"), (YESTERDAY, "promise_untimely")):
        promised = (Promise(DEFERRABLE, until),)
        assert refusal(case, act(case, CustodyAccepted, TOWNSHIP, "", promised)) == code
    required = (Promise("参保登记表", TODAY),)
    assert refusal(case, act(case, CustodyAccepted, TOWNSHIP, "", required)) == "promise_not_allowed"
    safety = replace(ITEM, materials=replace(ITEM.materials, deferrable=()))
    assert refusal(case, act(case, CustodyAccepted, TOWNSHIP, "", (Promise(DEFERRABLE, TODAY),)), safety) != ""
    in_review = act(REVIEW, CustodyOffered, TOWNSHIP, WINDOW)
    referred = case_at(Stage.REFERRED)
    assert refusal(REVIEW, in_review) == ""
    late = act(referred, CustodyAccepted, WINDOW, "", (Promise(DEFERRABLE, TODAY),))
    assert refusal(referred, late) == "promise_too_late"


def test_an_on_the_spot_item_lets_papers_come_within_its_legal_term() -> None:
    case = filed_with(*provided("居民身份证", "参保登记表")).case
    last = CALENDAR.add_working_days(TODAY, EVERYWHERE.legal.days).day
    for until, code in ((last, ""), (last + ONE_DAY, "promise_untimely")):
        event = act(case, CustodyAccepted, TOWNSHIP, "", (Promise(DEFERRABLE, until),))
        assert refusal(case, event, EVERYWHERE) == code


def test_a_promise_given_at_the_filing_is_kept_without_being_stated_again() -> None:
    deferred = Material(DEFERRABLE, MaterialStatus.DEFERRED, TOMORROW)
    book = filed_with(*provided("居民身份证", "参保登记表"), deferred)
    assert refusal(book.case, act(book.case, CustodyAccepted, TOWNSHIP)) == ""
    book.act(CustodyAccepted, TOWNSHIP)
    assert book.case.course.promises == (Promise(DEFERRABLE, TOMORROW),)


def test_an_open_promise_blocks_the_grant_and_not_the_refusal() -> None:
    book = filed_with(*provided("居民身份证", "参保登记表"))
    book.act(CustodyAccepted, TOWNSHIP, "", (Promise(DEFERRABLE, TODAY),))
    case = book.case
    assert refusal(case, act(case, CaseDecided, TOWNSHIP, *GRANTED)) == "promises_open"
    assert refusal(case, act(case, CaseDecided, TOWNSHIP, *REFUSED)) == ""
    book.act(PapersReceived, TOWNSHIP, (DEFERRABLE,))
    assert refusal(book.case, act(book.case, CaseDecided, TOWNSHIP, *GRANTED)) == ""


def test_one_notice_names_every_gap_and_a_second_one_justifies_itself() -> None:
    book = filed_with()
    half = act(book.case, PapersRequested, TOWNSHIP, ("居民身份证",), "缺件")
    assert refusal(book.case, half) == "notice_incomplete"
    whole = act(book.case, PapersRequested, TOWNSHIP, ("居民身份证", "参保登记表", "户口簿"), "缺件")
    assert refusal(book.case, whole) == ""
    book.keep(whole)
    book.act(PapersReceived, TOWNSHIP, ("居民身份证", "参保登记表"))
    case = book.case
    assert refusal(case, act(case, PapersRequested, TOWNSHIP, ("户口簿",), "缺件")) == "second_notice_unjustified"
    assert refusal(case, act(case, PapersRequested, TOWNSHIP, ("户口簿",), "缺件", "核查后新发现")) == ""
    accepted = case_at(Stage.IN_REVIEW)
    assert refusal(accepted, act(accepted, PapersRequested, TOWNSHIP, ("户口簿",), "核查", "核查后新发现")) == ""


def test_five_working_days_of_silence_are_the_acceptance() -> None:
    """Art. 32: nothing else can be answered any more, gaps are asked for afterwards, and the act records the day."""
    book = filed_with()
    case = book.case
    last = CALENDAR.add_working_days(TODAY, 5).day
    late = last + ONE_DAY
    notice = act(case, PapersRequested, TOWNSHIP, ("居民身份证", "参保登记表"), "缺件")
    refused = act(case, AcceptanceRefused, TOWNSHIP, "不属受理范围", "第32条", "复议")
    for event in (notice, refused):
        assert refusal(case, event, today=last) == ""
        assert refusal(case, event, today=late) == "accepted_by_silence"
    accepted = act(case, CustodyAccepted, TOWNSHIP, "", (), TODAY)
    assert refusal(case, accepted, today=last) == "deemed_wrongly"
    assert refusal(case, accepted, today=late) == ""
    assert refusal(case, act(case, CustodyAccepted, TOWNSHIP, "", (), YESTERDAY), today=late) == "deemed_wrongly"
    back = act(case, CustodyDeclined, TOWNSHIP, "不属本机关")
    assert refusal(case, back, today=last) == ""
    assert refusal(case, back, today=late) == "accepted_by_silence", "the days would begin anew elsewhere"
    county_only = replace(ITEM, accepting_tiers=(Tier.VILLAGE, Tier.COUNTY))
    assert refusal(case, back, county_only, today=late) == "", "which may not accept it sends it where it belongs"
    book.contribute(RecallRequested, VILLAGE, "寄错了单位")
    assert refusal(book.case, back, today=late) == "", "who sent it wants it back"
    referred = case_at(Stage.REFERRED)
    assert refusal(referred, act(referred, CustodyAccepted, WINDOW, "", (), TODAY)) == "deemed_wrongly"


# --- terms -----------------------------------------------------------------------------------------------------------


def test_a_term_that_has_run_out_is_not_extended_any_more() -> None:
    """Art. 42: who cannot decide within the term has it extended, before it is over."""
    item = replace(ITEM, legal=LegalTerm(20, TermUnit.WORKING_DAYS, TermStart.ACCEPTED, 10))
    extension = act(REVIEW, TermExtended, TOWNSHIP, 10, "案情复杂", LEADER)
    last = CALENDAR.add_working_days(TODAY, 20).day
    assert refusal(REVIEW, extension, item, today=last) == ""
    assert refusal(REVIEW, extension, item, today=last + ONE_DAY) == "extension_too_late"
    paused = case_at(Stage.SUSPENDED)
    stopped = act(paused, TermExtended, TOWNSHIP, 10, "案情复杂", LEADER)
    assert refusal(paused, stopped, item, today=last + ONE_DAY) == "", "its clock stands still"


@pytest.mark.parametrize(
    ("legal", "longest"),
    [
        (LegalTerm(10, TermUnit.WORKING_DAYS, TermStart.ACCEPTED), 10),
        # 6 March 2026 was a Friday; fifteen days later is a Saturday, so the term ends on Monday the 23rd.
        (LegalTerm(15, TermUnit.CALENDAR_DAYS, TermStart.ACCEPTED), 11),
    ],
)
def test_a_conversion_promises_no_more_than_the_law_gives(legal: LegalTerm, longest: int) -> None:
    item = replace(EVERYWHERE, legal=legal)
    for days, code in ((longest, ""), (longest + 1, "conversion_too_long")):
        assert refusal(REVIEW, note(REVIEW, CaseConverted, TOWNSHIP, days, "系统停机"), item) == code
    assert refusal(REVIEW, note(REVIEW, CaseConverted, TOWNSHIP, 1, " "), item) == "reason_required"
    on_reply = replace(EVERYWHERE, legal=LegalTerm(0, TermUnit.ON_THE_SPOT, TermStart.REPLY))
    assert refusal(REVIEW, note(REVIEW, CaseConverted, TOWNSHIP, 22, "跨区协查"), on_reply) == ""


# --- departments -----------------------------------------------------------------------------------------------------

DEEMING = replace(ITEM, deems_opinions=True)
DUE, LATE = date(2026, 3, 9), date(2026, 3, 10)


def decide(case: CaseFile, *deemed: OfficeId, outcome: tuple[object, ...] = GRANTED) -> Act:
    rest = ("",) if outcome is GRANTED else ()
    return act(case, CaseDecided, TOWNSHIP, *outcome, *rest, "", "", "", deemed)


def consulted(*opinions: tuple[OfficeId, Opinion]) -> Casebook:
    """Two departments were asked, for an answer by Monday, and had the request on the same day."""
    book = book_at(Stage.IN_REVIEW)
    book.act(OpinionsRequested, TOWNSHIP, (WINDOW,), DUE)
    book.contribute(CaseReceived, WINDOW)
    book.contribute(CaseReceived, DEPARTMENT)
    for office, opinion in opinions:
        book.contribute(OpinionGiven, office, opinion, "理由")
    return book


BOTH = ((DEPARTMENT, Opinion.AGREES), (WINDOW, Opinion.AGREES_WITH_CONDITIONS))


def test_nothing_is_granted_before_every_department_has_spoken() -> None:
    assert refusal(consulted(*BOTH).case, decide(consulted(*BOTH).case)) == ""
    case = consulted(BOTH[0]).case
    for deemed in ((), (WINDOW,)):
        assert refusal(case, decide(case, *deemed), today=LATE) == "opinions_outstanding", "the item does not deem"


def test_a_refusal_waits_for_nobody_and_takes_nobody_for_silent_who_is_not() -> None:
    case = consulted(BOTH[0]).case
    assert refusal(case, decide(case, outcome=REFUSED), today=TODAY) == ""
    assert refusal(case, decide(case, WINDOW, outcome=REFUSED), today=LATE) == "deemed_not_silent"
    assert refusal(case, decide(case, WINDOW, outcome=REFUSED), DEEMING, today=LATE) == ""
    assert refusal(case, decide(case, DEPARTMENT, outcome=REFUSED), DEEMING, today=LATE) == "deemed_not_silent"


def test_nobody_waits_for_a_department_that_is_no_more_and_its_successor_may_be_asked() -> None:
    book = consulted(BOTH[0])
    case, gone = book.case, frozenset({WINDOW})
    assert refusal(case, decide(case)) == "opinions_outstanding"
    assert refusal(case, decide(case), ended=gone) == ""
    assert refusal(case, decide(case, WINDOW), DEEMING, today=LATE, ended=gone) == "deemed_not_silent"
    successor = OfficeId("510824.yjj")
    assert refusal(case, act(case, OpinionsRequested, TOWNSHIP, (successor,), DUE), ended=gone) == ""
    book.act(OpinionsRequested, TOWNSHIP, (successor,), DUE)
    case = book.case
    assert refusal(case, decide(case), ended=gone) == "opinions_outstanding", "whoever is asked is waited for"
    book.contribute(OpinionGiven, successor, Opinion.AGREES, "同意")
    assert refusal(book.case, decide(book.case), ended=gone) == ""


def test_a_late_department_is_deemed_to_agree_where_the_item_says_so() -> None:
    case = consulted(BOTH[0]).case
    assert refusal(case, decide(case, WINDOW), DEEMING, today=DUE) == "opinions_outstanding", "the day is not over"
    assert refusal(case, decide(case, WINDOW), DEEMING, today=LATE) == ""
    for deemed in ((), (DEPARTMENT,), (DEPARTMENT, WINDOW), (WINDOW, WINDOW)):
        assert refusal(case, decide(case, *deemed), DEEMING, today=LATE) == "deemed_not_silent"
    case = consulted(*BOTH).case
    assert refusal(case, decide(case, WINDOW), DEEMING, today=LATE) == "deemed_not_silent"
    case = consulted().case
    assert refusal(case, decide(case, WINDOW, DEPARTMENT), DEEMING, today=LATE) == ""
    assert refusal(REVIEW, decide(REVIEW), DEEMING, today=TOMORROW) == "opinions_outstanding"


def test_nobody_is_late_who_never_had_the_request() -> None:
    book = book_at(Stage.IN_REVIEW)
    book.contribute(OpinionGiven, DEPARTMENT, Opinion.AGREES, "同意")
    book.contribute(CaseReceived, WINDOW)
    book.act(OpinionsRequested, TOWNSHIP, (WINDOW,), DUE)
    book.contribute(MeetingHeld, TOWNSHIP, TODAY, (WINDOW,), (), "同意")
    case = book.case
    assert refusal(case, decide(case, WINDOW), DEEMING, today=LATE) == "opinions_outstanding", "the line was cut"
    book.contribute(CaseReceived, WINDOW)
    case = book.case
    assert refusal(case, decide(case, WINDOW), DEEMING, today=LATE) == ""
    book.act(OpinionsRequested, TOWNSHIP, (WINDOW,), DUE)
    case = book.case
    assert refusal(case, decide(case, WINDOW), DEEMING, today=LATE) == "opinions_outstanding", "asked anew"
    book.act(OpinionsRequested, TOWNSHIP, (WINDOW,), TODAY)
    book.contribute(CaseReceived, WINDOW)
    case = book.case
    assert refusal(case, decide(case, WINDOW), DEEMING, today=LATE) == "opinions_outstanding", "no day was left to it"


def test_whose_silence_counts_has_a_working_day_to_answer() -> None:
    friday, monday = TODAY, date(2026, 3, 9)
    for due, code in ((friday, "opinion_term_too_short"), (date(2026, 3, 8), "opinion_term_too_short"), (monday, "")):
        request = act(REVIEW, OpinionsRequested, TOWNSHIP, (WINDOW,), due)
        assert refusal(REVIEW, request, DEEMING) == code
        assert refusal(REVIEW, request) == "", "elsewhere nobody is taken at their silence"


def test_who_stayed_away_from_the_meeting_is_deemed_to_agree_at_once() -> None:
    book = consulted(BOTH[0])
    book.contribute(MeetingHeld, TOWNSHIP, TODAY, (DEPARTMENT, WINDOW), (DEPARTMENT,), "同意")
    case = book.case
    assert refusal(case, decide(case, WINDOW), DEEMING, today=TODAY) == ""
    assert refusal(case, decide(case, WINDOW), ITEM, today=TODAY) == "opinions_outstanding"
    book.act(CaseTerminated, TOWNSHIP, "误报死亡", "行政许可法第70条")
    book.act(CaseReopened, TOWNSHIP, "查明在世", LEADER)
    case = book.case
    assert refusal(case, decide(case, WINDOW), DEEMING, today=TODAY) == "opinions_outstanding", "it is to be asked anew"


def test_a_grant_over_an_objection_is_answered_after_a_joint_meeting() -> None:
    book = consulted(BOTH[0], (WINDOW, Opinion.OBJECTS))
    case = book.case
    assert refusal(case, decide(case)) == "objection_unanswered"
    assert refusal(case, decide(case, outcome=REFUSED)) == ""
    book.contribute(MeetingHeld, TOWNSHIP, TODAY, (DEPARTMENT, WINDOW), (DEPARTMENT, WINDOW), "多数同意")
    case = book.case
    assert refusal(case, decide(case)) == ""
    assert refusal(case, decide(case, outcome=(Outcome.GRANTED, " ", "第20条", ""))) == "objection_unanswered"


def test_a_department_may_change_its_mind_and_a_refusal_may_rest_on_one_objection() -> None:
    book = consulted((WINDOW, Opinion.OBJECTS))
    case = book.case
    assert refusal(case, decide(case, outcome=REFUSED)) == "", "whatever the other would say"
    assert refusal(case, decide(case, DEPARTMENT, outcome=REFUSED), DEEMING, today=TOMORROW) == "deemed_not_silent"
    book.contribute(OpinionGiven, WINDOW, Opinion.AGREES, "已整改")
    book.contribute(OpinionGiven, DEPARTMENT, Opinion.AGREES, "同意")
    assert refusal(book.case, decide(book.case)) == ""


# --- grants ----------------------------------------------------------------------------------------------------------

AT_COUNTY = load_catalogue().get_item("RS02")


def test_who_decides_by_grant_names_it_and_the_organ_whose_decision_it_is() -> None:
    heard = heard_book().case
    delegated = Grant("放〔2026〕1号", "县人社局", False, (TOWNSHIP,), ("RS02",), YESTERDAY, TODAY, "文")
    entrusted = replace(delegated, number="委〔2026〕2号", is_entrusted=True)
    both = (delegated, entrusted)

    def said(number: str, organ: str = "", today: date = TODAY, grants: tuple[Grant, ...] = both) -> str:
        event = act(heard, CaseDecided, TOWNSHIP, *GRANTED, "", "", number, organ)
        return refusal(heard, event, AT_COUNTY, today=today, grants=grants)

    assert said("", grants=()) == "not_competent"
    assert said("") == "grant_required"
    assert said("放〔2026〕1号") == ""
    assert said("放〔2026〕1号", "县人社局") == "organ_not_entrusting"
    assert said("放〔2026〕1号", today=TOMORROW) == "not_competent"
    assert said("放〔2025〕9号") == "grant_not_in_force"
    assert said("委〔2026〕2号") == "organ_required"
    assert said("委〔2026〕2号", "县人社局") == ""
    own = act(heard, CaseDecided, TOWNSHIP, *GRANTED, "", "", "", "县人社局")
    assert refusal(heard, own, ITEM) == "organ_not_entrusting"


def heard_book() -> Casebook:
    book = book_at(Stage.IN_REVIEW)
    book.contribute(OpinionGiven, DEPARTMENT, Opinion.AGREES, "同意")
    return book


# --- lists and fees --------------------------------------------------------------------------------------------------


def roster(*parts: int) -> Casebook:
    """A list of 3 persons in two parts, filed at the township's counter, of which these parts are here."""
    book = Casebook()
    book.keep(replace(filing(TOWNSHIP), roster=digest("rows"), roster_rows=3))
    rows = tuple(RosterRow(f"样例{number}", "111", str(number)) for number in range(3))
    for part in parts:
        book.contribute(RosterAdded, TOWNSHIP, part, rows[:2] if part == 1 else rows[2:])
    book.act(CustodyAccepted, TOWNSHIP)
    return book


def test_a_list_is_decided_when_all_of_it_is_here_and_excepts_only_its_own_rows() -> None:
    whole, part = roster(1, 2).case, roster(1).case

    def said(case: CaseFile, *rows: int) -> str:
        excepted = tuple(Excepted(row, "已在外地参保") for row in rows)
        event = act(case, CaseDecided, TOWNSHIP, *GRANTED, "", "", "", "", (), excepted)
        return refusal(case, event)

    assert said(part) == "roster_incomplete"
    assert said(whole) == said(whole, 1, 3) == ""
    assert said(whole, 4) == said(whole, 2, 2) == "roster_row_unknown"
    assert said(heard_book().case, 1) == "roster_row_unknown", "no list at all"


def test_no_fee_is_above_the_standard() -> None:
    costly = replace(ITEM, fee_yuan=20)
    book = book_at(Stage.IN_REVIEW)
    assert refusal(book.case, note(REVIEW, FeePaid, TOWNSHIP, 2001, "1"), costly) == "fee_above_standard"
    assert refusal(book.case, note(REVIEW, FeePaid, TOWNSHIP, 2000, "1"), costly) == ""
    assert refusal(book.case, note(REVIEW, FeePaid, TOWNSHIP, 1, "1"), replace(ITEM, fee_yuan=0)) != ""
    assert refusal(book.case, note(REVIEW, FeePaid, TOWNSHIP, 9999, "1"), replace(ITEM, fee_yuan=None)) == ""
    book.contribute(FeePaid, TOWNSHIP, 1500, "1")
    assert refusal(book.case, note(REVIEW, FeePaid, TOWNSHIP, 501, "2"), costly) == "fee_above_standard"
    assert refusal(book.case, note(REVIEW, FeePaid, TOWNSHIP, 500, "2"), costly) == ""
    assert refusal(book.case, note(REVIEW, FeePaid, VILLAGE, 500, "2"), costly) == "village_takes_no_fee"


# --- without a day ---------------------------------------------------------------------------------------------------


def test_whoever_has_no_day_is_not_judged_by_days() -> None:
    case = filed_with().case
    assert refusal(case, act(case, PapersRequested, TOWNSHIP, ("居民身份证", "参保登记表"), "缺件"), today=None) == ""
    case = filed_with(*provided("居民身份证", "参保登记表")).case
    promised = (Promise(DEFERRABLE, date(2099, 1, 1)),)
    assert refusal(case, act(case, CustodyAccepted, TOWNSHIP, "", promised), today=None) == ""
