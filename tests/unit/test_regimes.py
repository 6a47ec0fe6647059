"""The six regimes: what each wants on record before which act; and that no item of the catalogue is closed by them."""

from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from office.seeds import load_calendar, load_catalogue
from schemas.calendar import CalendarYear, DayKind, WorkCalendar, YearStatus
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import (
    Act,
    CaseClosed,
    CaseConverted,
    CaseDecided,
    CaseReceived,
    CaseReopened,
    Contribution,
    CustodyAccepted,
    CustodyOffered,
    FeePaid,
    OpinionGiven,
    OpinionsRequested,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
)
from schemas.casework.lifecycle import NotPermitted, permits_event
from schemas.casework.reasons import REASONS
from schemas.casework.regimes import DEMANDS, DEMANDS_OF_ALL, Regime, demands, is_convertible, regime_of
from schemas.casework.stages import Stage
from schemas.casework.steps import Step
from schemas.casework.values import Handover, Material, MaterialStatus, Opinion, Outcome
from schemas.catalogue import (
    CaseType,
    Delegation,
    LegalTerm,
    ServiceItem,
    TermStart,
    TermUnit,
    accepts,
    may_decide,
    planned_steps,
)
from schemas.names import Instant, OfficeId, OfficerId
from tests.support.casebook import COUNTY, TODAY, TOWNSHIP, VILLAGE, WINDOW, Casebook, digest, filing, officer
from tests.support.dated import DatedCasebook
from tests.support.stages import DEPARTMENT, EVERYWHERE, book_at, case_at

CATALOGUE = load_catalogue()
CALENDAR = load_calendar()
TOMORROW = TODAY + timedelta(days=1)
COLLEAGUE = OfficerId("510824100/li")
GRANTED = (Outcome.GRANTED, "符合条件", "第20条")
REFUSED = (Outcome.REFUSED, "不符合条件", "第20条", "60日内申请行政复议")


def item(code: str) -> ServiceItem:
    return CATALOGUE.get_item(code)


def survey(book: Casebook, *surveyors: OfficerId) -> None:
    book.contribute(SiteSurveyed, TOWNSHIP, surveyors, TODAY, "三组", "属实", True)


# --- which regime ----------------------------------------------------------------------------------------------------


def test_a_case_is_handled_as_its_item_says_until_something_else_happens() -> None:
    plain = Casebook()
    plain.accepted_at_township()
    for case_type in CaseType:
        assert regime_of(plain.case, replace(EVERYWHERE, case_type=case_type)) is Regime(case_type.value)
    assert regime_of(case_at(Stage.IN_REVIEW), item("MZ01")) is Regime.JOINT, "a department was asked"
    plain.contribute(CaseConverted, TOWNSHIP, 5, "系统停机")
    assert regime_of(plain.case, EVERYWHERE) is Regime.PROMISED
    plain.act(CaseDecided, TOWNSHIP, *GRANTED, "", "", "委〔2026〕2号", "县人社局")
    assert regime_of(plain.case, EVERYWHERE) is Regime.ENTRUSTED
    refused = Casebook()
    refused.accepted_at_township()
    refused.act(CaseDecided, TOWNSHIP, *REFUSED)
    assert regime_of(refused.case, EVERYWHERE) is Regime.REFUSAL_ON_FILE
    assert regime_of(case_at(Stage.NOT_ACCEPTED), EVERYWHERE) is Regime.REFUSAL_ON_FILE


def test_every_regime_stands_in_the_table_and_every_demand_has_its_sentence() -> None:
    assert set(DEMANDS) == set(Regime)
    wanted = [one for acts in (*DEMANDS.values(), DEMANDS_OF_ALL) for some in acts.values() for one in some]
    assert {one.code for one in wanted} <= REASONS.keys()


# --- what each wants -------------------------------------------------------------------------------------------------


def test_an_on_the_spot_case_that_took_longer_says_why_first() -> None:
    book = Casebook()
    book.accepted_at_township()
    decided = CaseDecided.kind
    assert demands(book.case, decided, EVERYWHERE, today=TODAY) == ()
    assert demands(book.case, decided, EVERYWHERE, today=TOMORROW) == ("not_converted",)
    assert demands(book.case, decided, EVERYWHERE) == (), "nobody asked"
    days = {TODAY: DayKind.REST, TOMORROW: DayKind.WORKING}
    resting = WorkCalendar([CalendarYear(TODAY.year, YearStatus.LOCAL, "", days)])
    assert demands(book.case, decided, EVERYWHERE, today=TOMORROW, calendar=resting) == (), "begun on a day of rest"
    by_law = replace(EVERYWHERE, legal=LegalTerm(0, TermUnit.ON_THE_SPOT, TermStart.RECEIVED))
    assert demands(book.case, decided, by_law, today=TOMORROW) == (), "it cannot be converted, only be late"
    book.contribute(CaseConverted, TOWNSHIP, 5, "系统停机")
    assert demands(book.case, decided, EVERYWHERE, today=TOMORROW) == ()


@pytest.mark.parametrize(("days", "longest"), [(10, 6), (3, 1), (0, 1)])
def test_a_conversion_ends_with_a_legal_term_that_began_with_the_receipt(days: int, longest: int) -> None:
    """When the term is over one day can be promised: a case that cannot be converted could never be decided."""
    spot = replace(EVERYWHERE, legal=LegalTerm(days, TermUnit.WORKING_DAYS, TermStart.RECEIVED))
    book = DatedCasebook().on(TODAY)
    book.file()
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.contribute(CaseReceived, TOWNSHIP)
    book.on(date(2026, 3, 12)).act(CustodyAccepted, TOWNSHIP)

    def convert(promised: int) -> None:
        event = CaseConverted(book.turn, digest("op")[:8], TOWNSHIP, officer(TOWNSHIP), promised, "系统停机")
        permits_event(book.case, event, spot, today=date(2026, 3, 13), calendar=CALENDAR)

    convert(longest)
    with pytest.raises(NotPermitted, match="conversion_too_long"):
        convert(longest + 1)


def test_a_joint_case_is_copied_to_the_departments_before_it_is_granted() -> None:
    book = Casebook()
    book.accepted_at_township()
    joint = replace(EVERYWHERE, case_type=CaseType.JOINT)
    assert demands(book.case, CaseDecided.kind, joint) == ("opinions_not_requested",)
    assert demands(book.case, CaseDecided.kind, joint, grants=False) == ()
    book.act(OpinionsRequested, TOWNSHIP, (DEPARTMENT,), TODAY)
    assert demands(book.case, CaseDecided.kind, joint) == ()


def test_the_township_reviews_what_it_reports_upward() -> None:
    book = Casebook()
    book.accepted_at_township()
    upward, offered = item("RS02"), CustodyOffered.kind
    assert demands(book.case, offered, upward) == ("first_review_missing",)
    for to, note, code in (
        (WINDOW, "", "first_review_missing"),
        (WINDOW, "初审：材料属实", ""),
        (OfficeId("510824102"), "", ""),
        (VILLAGE, "", ""),
    ):
        event = CustodyOffered(4, book.tip, bytes(8), TOWNSHIP, officer(TOWNSHIP), to, note)
        assert refusal(book.case, event, upward) == code
    book.contribute(StepCompleted, TOWNSHIP, Step.REVIEW, "材料属实")
    assert demands(book.case, offered, upward) == ()
    at_window = Casebook()
    at_window.file()
    at_window.act(CustodyOffered, VILLAGE, COUNTY)
    at_window.act(CustodyAccepted, COUNTY)
    assert demands(at_window.case, offered, upward) == (), "the county reports nothing upward"


def refusal(case: CaseFile, event: Act | Contribution, of: ServiceItem) -> str:
    try:
        permits_event(case, event, of, today=TODAY, calendar=CALENDAR)
    except NotPermitted as refused:
        return refused.code
    return ""


def test_a_refusal_without_its_reasons_is_not_struck_off() -> None:
    book = book_at(Stage.IN_REVIEW)
    book.act(CaseDecided, TOWNSHIP, Outcome.REFUSED, "不符合", "", "")
    book.act(ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    assert demands(book.case, CaseClosed.kind, EVERYWHERE) == ("answer_incomplete",)


def test_a_result_that_nobody_can_take_is_served_by_public_notice_with_the_reason() -> None:
    ready = case_at(Stage.READY)

    def said(how: Handover, words: str) -> str:
        given = digest("op")[:8], VILLAGE, officer(VILLAGE), "王秀英", how, words
        return refusal(ready, ResultHandedOver(ready.turn + 1, ready.tip, *given), EVERYWHERE)

    assert said(Handover.HOME, "") == ""
    assert said(Handover.PUBLIC_NOTICE, " ") == "notice_unstated"
    assert said(Handover.PUBLIC_NOTICE, "申请人已故，2026年3月6日在村务公开栏公告") == ""


def test_two_look_at_the_site_where_the_catalogue_sends_two() -> None:
    book = Casebook()
    book.accepted_at_township()
    for_two, for_one = item("MZ01"), item("MZ03")
    for item_of, outcome in ((for_two, True), (for_two, False), (for_one, True)):
        assert "survey_missing" in demands(book.case, CaseDecided.kind, item_of, grants=outcome)
    book.contribute(StepCompleted, TOWNSHIP, Step.SURVEY, "属实")
    assert "survey_missing" not in demands(book.case, CaseDecided.kind, for_one)
    assert "survey_missing" in demands(book.case, CaseDecided.kind, for_two)
    survey(book, COLLEAGUE, COLLEAGUE)
    assert "survey_missing" in demands(book.case, CaseDecided.kind, for_two)
    survey(book, COLLEAGUE, officer(TOWNSHIP))
    assert "survey_missing" not in demands(book.case, CaseDecided.kind, for_two)


def test_a_survey_that_a_village_wrote_alone_is_none() -> None:
    book = Casebook()
    book.accepted_at_township()
    book.contribute(SiteSurveyed, VILLAGE, (officer(VILLAGE), COLLEAGUE), TODAY, "三组", "属实", True)
    book.contribute(StepCompleted, VILLAGE, Step.PUBLICITY, "已公示")
    assert demands(book.case, CaseDecided.kind, item("MZ01")) == ("survey_missing", "publicity_missing")


def test_a_public_notice_comes_before_a_grant_and_may_be_left_out_in_words() -> None:
    book = Casebook()
    book.accepted_at_township()
    assert demands(book.case, CaseDecided.kind, item("CL01")) == ("publicity_missing",)
    assert demands(book.case, CaseDecided.kind, item("CL01"), grants=False) == ()
    book.contribute(StepCompleted, TOWNSHIP, Step.PUBLICITY, "未成年人，不公示")
    assert demands(book.case, CaseDecided.kind, item("CL01")) == ()


def test_what_is_handed_over_is_made_sealed_and_paid_for() -> None:
    costly = replace(item("GA03"), steps=("制证", "盖章"))
    book = Casebook()
    book.granted_at_township()
    handed = ResultHandedOver.kind
    assert demands(book.case, handed, costly) == ("fee_unpaid", "production_missing", "sealing_missing")
    book.contribute(FeePaid, TOWNSHIP, 0, "减免")
    book.contribute(StepCompleted, TOWNSHIP, Step.PRODUCTION, "已制证")
    assert demands(book.case, handed, costly) == ("sealing_missing",)
    book.contribute(StepCompleted, TOWNSHIP, Step.SEALING, "已盖章")
    assert demands(book.case, handed, costly) == ()
    refused = Casebook()
    refused.accepted_at_township()
    refused.act(CaseDecided, TOWNSHIP, *REFUSED)
    assert demands(refused.case, handed, costly) == (), "a refusal costs and needs nothing"
    book.act(ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    book.act(CaseReopened, TOWNSHIP, "证件有误", COLLEAGUE)
    book.contribute(StepCompleted, TOWNSHIP, Step.REVIEW, "同意")
    book.act(CaseDecided, TOWNSHIP, *GRANTED)
    assert demands(book.case, handed, costly) == ("production_missing", "sealing_missing"), "another paper is made"


# --- no item is closed -----------------------------------------------------------------------------------------------


class Way:
    """One case of an item from filing to its end, each step as the pen permits it, an hour after the one before."""

    def __init__(self, of: ServiceItem) -> None:
        self.item = of
        self.book = Casebook()

    @property
    def case(self) -> CaseFile:
        return self.book.case

    def act(self, kind: type[Act], office: OfficeId, *fields: object) -> None:
        before = self.case
        event, _ = self.book.act(kind, office, *fields)
        permits_event(before, event, self.item, today=self.today, calendar=CALENDAR)

    def note(self, kind: type[Contribution], office: OfficeId, *fields: object) -> None:
        before = self.case
        event, _ = self.book.contribute(kind, office, *fields)
        permits_event(before, event, self.item, today=self.today, calendar=CALENDAR)

    @property
    def today(self) -> date:
        """The day of the last entry."""
        return day_of(Instant(self.book.items[-1][1].at))

    def walk(self, outcome: tuple[object, ...]) -> CaseFile:
        """By the item's own route."""
        filer = VILLAGE if self.item.delegation is not Delegation.NO else COUNTY
        listed = self.item.materials
        filed = replace(
            filing(filer, self.item.code),
            materials=tuple(
                Material(name, MaterialStatus.PROVIDED)
                for name in (*listed.required, *listed.deferrable, *listed.pledged)
            ),
        )
        permits_event(None, filed, self.item, today=TODAY)
        self.book.keep(filed)
        holder = self.accept(filer)
        decider = next(one for one in (TOWNSHIP, WINDOW, COUNTY) if may_decide(self.item, one))
        if holder != decider and not may_decide(self.item, holder):
            holder = self.refer(holder, decider)
        self.prepare(holder)
        self.act(CaseDecided, holder, *outcome)
        self.deliver(holder, filer)
        return self.case

    def accept(self, filer: OfficeId) -> OfficeId:
        holder = next(one for one in (TOWNSHIP, COUNTY) if accepts(self.item, one)) if filer == VILLAGE else filer
        if holder != filer:
            self.act(CustodyOffered, filer, holder)
            self.book.contribute(CaseReceived, holder)
        self.act(CustodyAccepted, holder)
        return holder

    def refer(self, holder: OfficeId, decider: OfficeId) -> OfficeId:
        if self.item.case_type is CaseType.REPORTED_UPWARD:
            self.note(StepCompleted, holder, Step.REVIEW, "初审同意")
        self.act(CustodyOffered, holder, decider)
        self.act(CustodyAccepted, decider)
        return decider

    def prepare(self, holder: OfficeId) -> None:
        planned = {one.step for one in planned_steps(self.item)}
        if Step.SURVEY in planned:
            self.note(SiteSurveyed, holder, (officer(holder), COLLEAGUE), self.today, "三组", "属实", True)
        if self.item.notice.days:
            self.note(StepCompleted, holder, Step.PUBLICITY, "公示无异议")
        if self.item.case_type is CaseType.JOINT:
            self.act(OpinionsRequested, holder, (DEPARTMENT,), self.today)
            self.note(OpinionGiven, DEPARTMENT, Opinion.AGREES, "同意")
        if self.item.is_on_the_spot and is_convertible(self.item):
            self.note(CaseConverted, holder, 1, "线路中断，当日不能办结")

    def deliver(self, holder: OfficeId, filer: OfficeId) -> None:
        steps = {one.step for one in planned_steps(self.item)} & {Step.PRODUCTION, Step.SEALING}
        for step in sorted(steps):
            self.note(StepCompleted, holder, step, "已办")
        if self.item.fee_yuan:
            self.note(FeePaid, holder, self.item.fee_yuan * 100, "0012345")
        if holder != filer:
            self.act(CustodyOffered, holder, filer)
            self.act(CustodyAccepted, filer)
        self.act(ResultHandedOver, filer, "王秀英", Handover.COUNTER)
        self.act(CaseClosed, filer)


@pytest.mark.parametrize("outcome", [GRANTED, REFUSED], ids=["granted", "refused"])
@pytest.mark.parametrize("code", CATALOGUE.items)
def test_every_item_of_the_catalogue_can_be_brought_to_its_end(code: str, outcome: tuple[object, ...]) -> None:
    case = Way(item(code)).walk(outcome)
    assert (case.stage, case.breaches, case.held) == (Stage.CLOSED, (), ())
