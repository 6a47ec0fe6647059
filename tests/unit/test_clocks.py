"""The clocks of a case: what starts them, what stops them, what holds them up."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from random import Random
from typing import Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from office.seeds import load_calendar, load_catalogue
from schemas.calendar import CalendarYear, DayKind, DueDay, YearStatus
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import (
    Clock,
    ClockKind,
    StartEvent,
    accepted_on,
    clocks_of,
    day_of,
    first_due,
    next_due,
    steps_to_decision,
)
from schemas.casework.custody import custody_account
from schemas.casework.events import (
    AcceptanceRefused,
    CaseClosed,
    CaseConverted,
    CaseDecided,
    CaseReceived,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseTerminated,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    OpinionGiven,
    OpinionsRequested,
    PapersReceived,
    PapersRequested,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.fold import fold
from schemas.casework.steps import Step
from schemas.casework.values import Handover, Opinion, Outcome, PauseCause, Promise
from schemas.catalogue import LegalTerm, ServiceItem, TermStart, TermUnit
from schemas.names import Instant, OfficeId, OfficerId
from tests.support.casebook import COUNTY, OTHER_TOWNSHIP, TOWNSHIP, VILLAGE, WINDOW
from tests.support.dated import DatedCasebook

CALENDAR: Final = load_calendar()
ITEMS: Final = load_catalogue().items
WAIT: Final = ITEMS["MZ06"]
"""80周岁以上老年人高龄津贴: promised in 15 working days of 30, reported upward."""

LONG: Final = st.dates(date(2025, 1, 1), date(2027, 12, 31))


class Diary(DatedCasebook):
    """… with its clocks."""

    def clocks(self, item: ServiceItem = WAIT, today: date | None = None) -> tuple[Clock, ...]:
        """All clocks."""
        return clocks_of(self.case, item, CALENDAR, today=today)

    def clock(self, kind: ClockKind, item: ServiceItem = WAIT, today: date | None = None) -> Clock:
        """The one clock of a kind."""
        (clock,) = (one for one in self.clocks(item, today) if one.kind is kind)
        return clock

    def due(self, kind: ClockKind, item: ServiceItem = WAIT, today: date | None = None) -> date | None:
        """When it is due."""
        due = self.clock(kind, item, today).due
        return due.day if due is not None else None


def kinds(clocks: Iterable[Clock]) -> set[ClockKind]:
    return {clock.kind for clock in clocks}


# --- acceptance ------------------------------------------------------------------------------------------------------


def test_the_village_has_one_day_and_the_five_days_count_from_the_receipt_above() -> None:
    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    assert kinds(diary.clocks()) == {ClockKind.VILLAGE}
    assert diary.due(ClockKind.VILLAGE) == date(2026, 3, 9), "filed on a Friday"
    diary.on(date(2026, 3, 10)).act(CustodyOffered, VILLAGE, TOWNSHIP)
    assert diary.clock(ClockKind.VILLAGE).is_overdue(date(2026, 3, 10)), "passed on a day late"
    assert next_due(diary.clocks()) is None, "on its way; nobody has it"
    diary.on(date(2026, 3, 12)).contribute(CaseReceived, TOWNSHIP)
    clock = diary.clock(ClockKind.ACCEPTANCE)
    assert (clock.start, clock.start_event, clock.office) == (date(2026, 3, 12), StartEvent.RECEIVED, TOWNSHIP)
    assert next_due(diary.clocks()) == (ClockKind.ACCEPTANCE, DueDay(date(2026, 3, 19), False))


def test_silence_of_five_working_days_is_acceptance_on_the_day_of_receipt() -> None:
    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    diary.act(CustodyOffered, VILLAGE, TOWNSHIP)
    diary.contribute(CaseReceived, TOWNSHIP)
    assert accepted_on(diary.case, CALENDAR, date(2026, 3, 13)) is None
    assert accepted_on(diary.case, CALENDAR, date(2026, 3, 14)) == date(2026, 3, 6)
    assert accepted_on(diary.case, CALENDAR) is None, "nothing is written"
    promised = diary.clock(ClockKind.PROMISED, today=date(2026, 3, 14))
    assert (promised.start, promised.start_event) == (date(2026, 3, 6), StartEvent.DEEMED)

    diary.on(date(2026, 3, 20)).act(CustodyAccepted, TOWNSHIP, "", (), date(2026, 3, 6))
    assert accepted_on(diary.case, CALENDAR) == date(2026, 3, 6), "as recorded"
    assert diary.clock(ClockKind.ACCEPTANCE).days_over(CALENDAR, date(2026, 4, 1)) == 5


def test_an_acceptance_written_late_and_without_a_word_gains_no_day() -> None:
    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    diary.act(CustodyOffered, VILLAGE, TOWNSHIP)
    diary.contribute(CaseReceived, TOWNSHIP)
    diary.on(date(2026, 3, 20)).act(CustodyAccepted, TOWNSHIP, "", (), date(2030, 1, 1))
    assert accepted_on(diary.case, CALENDAR) == date(2026, 3, 20), "a recorded day is never later than the record"
    assert diary.clock(ClockKind.PROMISED).start_event is StartEvent.ACCEPTED

    diary = Diary().on(date(2026, 3, 6))
    diary.file(TOWNSHIP)
    diary.on(date(2026, 3, 20)).act(CustodyAccepted, TOWNSHIP)
    assert accepted_on(diary.case, CALENDAR) == date(2026, 3, 6), "at the township's own counter it counts from filing"


def test_a_notice_in_time_stops_the_five_days_and_each_resubmission_starts_them_anew() -> None:
    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    diary.act(CustodyOffered, VILLAGE, TOWNSHIP)
    diary.contribute(CaseReceived, TOWNSHIP)
    diary.on(date(2026, 3, 11)).act(PapersRequested, TOWNSHIP, ("户口簿",), "缺户口簿")
    assert diary.clock(ClockKind.ACCEPTANCE).stopped == date(2026, 3, 11)
    assert accepted_on(diary.case, CALENDAR, date(2026, 6, 1)) is None, "a notice is out"
    assert next_due(diary.clocks(today=date(2026, 6, 1))) is None
    diary.on(date(2026, 4, 1)).act(PapersReceived, TOWNSHIP, ("户口簿",))
    again = diary.clock(ClockKind.ACCEPTANCE)
    assert (again.start, again.start_event) == (date(2026, 4, 1), StartEvent.CORRECTED)
    assert again.due == DueDay(date(2026, 4, 9), False), "Qingming lies between"
    assert accepted_on(diary.case, CALENDAR, date(2026, 4, 10)) == date(2026, 4, 1)


def test_the_day_named_in_a_notice_is_watched_until_the_papers_come() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6))
    diary.on(date(2026, 3, 9)).act(PapersRequested, TOWNSHIP, ("户口簿",), "缺户口簿", "", date(2026, 3, 14))
    told = diary.clock(ClockKind.PAPERS)
    assert (told.start, told.start_event, told.due) == (
        date(2026, 3, 9),
        StartEvent.NOTIFIED,
        DueDay(date(2026, 3, 16), False),  # the 14th is a Saturday
    )
    assert next_due(diary.clocks()) == (ClockKind.PAPERS, DueDay(date(2026, 3, 16), False))
    diary.on(date(2026, 3, 12)).act(PapersReceived, TOWNSHIP, ("户口簿",))
    assert ClockKind.PAPERS not in kinds(diary.clocks())


def test_a_case_that_came_back_unaccepted_is_received_anew_by_the_next_office() -> None:
    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    diary.act(CustodyOffered, VILLAGE, OTHER_TOWNSHIP)
    diary.contribute(CaseReceived, OTHER_TOWNSHIP)
    diary.on(date(2026, 3, 9)).act(CustodyDeclined, OTHER_TOWNSHIP, "不属于本镇")
    returned = [clock for clock in diary.clocks() if clock.is_running]
    assert [(clock.kind, clock.start_event) for clock in returned] == [(ClockKind.VILLAGE, StartEvent.RETURNED)]
    diary.on(date(2026, 3, 30)).act(CustodyOffered, VILLAGE, TOWNSHIP)
    assert accepted_on(diary.case, CALENDAR, date(2026, 6, 1)) is None, "nobody has received it since"
    diary.on(date(2026, 3, 31)).contribute(CaseReceived, TOWNSHIP)
    assert diary.clock(ClockKind.ACCEPTANCE).start == date(2026, 3, 31)


def test_a_case_that_came_back_and_is_given_to_another_office_by_the_county_is_received_there() -> None:
    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    diary.act(CustodyOffered, VILLAGE, OTHER_TOWNSHIP)
    diary.contribute(CaseReceived, OTHER_TOWNSHIP)
    diary.on(date(2026, 3, 9)).act(CustodyDeclined, OTHER_TOWNSHIP, "不属于本镇")
    diary.on(date(2026, 3, 30)).act(CustodyReassigned, COUNTY, TOWNSHIP, "代办员空缺", OfficerId(f"{COUNTY}/wang"))
    assert next_due(diary.clocks()) == (ClockKind.ACCEPTANCE, DueDay(date(2026, 4, 7), False)), "nobody forgets it"
    assert accepted_on(diary.case, CALENDAR, date(2026, 4, 8)) == date(2026, 3, 30)


def test_a_case_given_back_with_its_notice_still_out_was_not_met_with_silence() -> None:
    diary = Diary().on(date(2026, 3, 6))
    diary.file(TOWNSHIP)
    diary.act(CustodyOffered, TOWNSHIP, WINDOW)
    diary.on(date(2026, 3, 9)).act(PapersRequested, WINDOW, ("户口簿",), "缺户口簿")
    diary.on(date(2026, 4, 1)).act(CustodyDeclined, WINDOW, "应由乡镇受理")
    assert accepted_on(diary.case, CALENDAR, date(2026, 4, 9)) is None
    assert diary.due(ClockKind.ACCEPTANCE) == date(2026, 4, 9), "its own five days"
    assert accepted_on(diary.case, CALENDAR, date(2026, 4, 10)) == date(2026, 4, 1)


def test_what_ended_unaccepted_and_is_taken_up_again_was_never_late() -> None:
    leader = OfficerId(f"{COUNTY}/wang")
    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    diary.act(CustodyOffered, VILLAGE, TOWNSHIP)
    diary.contribute(CaseReceived, TOWNSHIP)
    diary.on(date(2026, 3, 9)).act(AcceptanceRefused, TOWNSHIP, "不符合条件", "条例第3条", "可复议")
    diary.act(CaseClosed, VILLAGE)
    diary.on(date(2026, 6, 1)).act(CaseReopened, COUNTY, "复议撤销", leader)
    assert not [clock.kind for clock in diary.clocks() if clock.is_overdue(date(2026, 6, 1))]

    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    diary.act(CaseWithdrawn, VILLAGE, "不办了")
    diary.act(CaseClosed, VILLAGE)
    diary.on(date(2026, 6, 1)).act(CaseReopened, COUNTY, "并非本人撤回", leader)
    assert not [clock.kind for clock in diary.clocks() if clock.is_overdue(date(2026, 6, 1))]


def test_a_window_that_refused_too_late_stays_late() -> None:
    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    diary.act(CustodyOffered, VILLAGE, WINDOW)
    diary.contribute(CaseReceived, WINDOW)
    diary.on(date(2026, 4, 1)).act(AcceptanceRefused, WINDOW, "不符合条件", "条例第3条", "可复议")
    assert diary.due(ClockKind.ACCEPTANCE) == date(2026, 3, 13)
    assert diary.clock(ClockKind.ACCEPTANCE).is_overdue(date(2026, 4, 1))


def test_a_refused_or_withdrawn_filing_has_no_running_clock() -> None:
    for kind, office, fields in (
        (AcceptanceRefused, TOWNSHIP, ("不符合条件", "条例第3条", "可复议")),
        (CustodyDeclined, TOWNSHIP, ("不属于本镇",)),
    ):
        diary = Diary().on(date(2026, 3, 6))
        diary.file()
        diary.act(CustodyOffered, VILLAGE, TOWNSHIP)
        diary.contribute(CaseReceived, TOWNSHIP)
        diary.on(date(2026, 3, 9)).act(kind, office, *fields)
        if kind is CustodyDeclined:
            diary.act(CaseWithdrawn, VILLAGE, "不办了")
        assert not any(clock.is_running for clock in diary.clocks(today=date(2026, 6, 1)))
        assert accepted_on(diary.case, CALENDAR, date(2026, 6, 1)) is None


# --- the decision ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "code", "promised", "legal"),
    [
        (date(2026, 2, 13), "MZ06", date(2026, 3, 12), date(2026, 4, 2)),
        (date(2026, 9, 30), "RS02", date(2026, 10, 20), date(2026, 11, 3)),
        (date(2026, 3, 7), "RS02", date(2026, 3, 20), date(2026, 4, 3)),
        (date(2026, 9, 24), "RS02", date(2026, 10, 15), date(2026, 10, 29)),
        (date(2026, 12, 15), "RS02", date(2026, 12, 29), date(2027, 1, 13)),
        (date(2026, 3, 6), "GA02", date(2026, 3, 20), date(2026, 3, 23)),
        (date(2026, 3, 6), "RS01", date(2026, 3, 6), date(2026, 3, 20)),
    ],
)
def test_promise_and_legal_term(accepted: date, code: str, promised: date, legal: date) -> None:
    diary = Diary().accepted_on(accepted)
    assert diary.due(ClockKind.PROMISED, ITEMS[code]) == promised
    assert diary.due(ClockKind.LEGAL, ITEMS[code]) == legal


def test_over_the_year_s_end_the_due_day_is_provisional_until_the_notice_comes() -> None:
    diary = Diary().accepted_on(date(2026, 12, 15))
    due = diary.clock(ClockKind.LEGAL, ITEMS["RS02"]).due
    assert due == DueDay(date(2027, 1, 13), True)
    days = {date(2027, 1, 1): DayKind.REST, date(2027, 1, 4): DayKind.REST}
    known = CALENDAR.with_year(CalendarYear(2027, YearStatus.OFFICIAL, "国办发明电〔2026〕9号", days))
    (legal,) = (c for c in clocks_of(diary.case, ITEMS["RS02"], known) if c.kind is ClockKind.LEGAL)
    assert legal.due == DueDay(date(2027, 1, 14), False)


def test_a_term_may_start_with_the_receipt_or_with_the_reply() -> None:
    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    assert ClockKind.LEGAL not in kinds(diary.clocks(ITEMS["RS02"])), "the village's time never starts a legal clock"
    diary.act(CustodyOffered, VILLAGE, TOWNSHIP)
    diary.on(date(2026, 3, 9)).contribute(CaseReceived, TOWNSHIP)
    assert diary.clock(ClockKind.LEGAL, ITEMS["RS02"]).start == date(2026, 3, 9)
    diary.on(date(2026, 3, 12)).act(CustodyAccepted, TOWNSHIP)
    assert diary.clock(ClockKind.LEGAL, ITEMS["RS02"]).start == date(2026, 3, 9)
    assert diary.clock(ClockKind.PROMISED, ITEMS["RS02"]).start == date(2026, 3, 12)

    reply = msgspec.structs.replace(WAIT, legal=LegalTerm(5, TermUnit.WORKING_DAYS, TermStart.REPLY))
    assert diary.clock(ClockKind.LEGAL, reply).start == date(2026, 3, 12), "no reply is awaited yet"
    diary.on(date(2026, 3, 13)).act(PapersRequested, TOWNSHIP, ("协查函",), "需协查")
    assert diary.clock(ClockKind.LEGAL).start == date(2026, 3, 12), "after acceptance a notice stops nothing"
    diary.on(date(2026, 3, 20)).act(PapersReceived, TOWNSHIP, ("协查函",))
    assert diary.clock(ClockKind.LEGAL, reply).start_event is StartEvent.REPLIED
    assert diary.due(ClockKind.LEGAL, reply) == date(2026, 3, 27)


def test_an_on_the_spot_case_is_due_the_same_day_unless_it_is_converted() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6))
    assert diary.clock(ClockKind.PROMISED, ITEMS["WJ04"]).unit is TermUnit.ON_THE_SPOT
    assert diary.clock(ClockKind.PROMISED, ITEMS["WJ04"]).is_overdue(date(2026, 3, 7))
    diary.contribute(CaseConverted, TOWNSHIP, 3, "系统核验未返回")
    assert diary.due(ClockKind.PROMISED, ITEMS["WJ04"]) == date(2026, 3, 11)
    on_a_market_saturday = Diary().accepted_on(date(2026, 3, 7))
    assert on_a_market_saturday.due(ClockKind.PROMISED, ITEMS["WJ04"]) == date(2026, 3, 9)


def test_an_extension_moves_the_legal_term_in_its_own_unit_and_never_the_promise() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6))
    before = diary.due(ClockKind.PROMISED, ITEMS["GA02"])
    diary.act(TermExtended, TOWNSHIP, 15, "需核实", OfficerId(f"{TOWNSHIP}/wang"))
    assert diary.due(ClockKind.LEGAL, ITEMS["GA02"]) == date(2026, 4, 7), "5 April is Qingming, the 6th a day off"
    assert diary.clock(ClockKind.LEGAL, ITEMS["GA02"]).days == 30
    assert diary.due(ClockKind.PROMISED, ITEMS["GA02"]) == before


def test_a_pause_moves_every_term_of_the_decision_by_the_days_it_lasted() -> None:
    plain = Diary().accepted_on(date(2026, 3, 6))
    paused = Diary().accepted_on(date(2026, 3, 6)).pause(date(2026, 3, 10), date(2026, 3, 16))
    lost = CALENDAR.working_days_between(date(2026, 3, 10), date(2026, 3, 16))
    for kind in (ClockKind.PROMISED, ClockKind.LEGAL, ClockKind.STEP):
        one, other = plain.clock(kind), paused.clock(kind)
        assert one.due is not None
        assert other.due == CALENDAR.add_working_days(one.due.day, lost)
        assert (other.paused_days, other.due_unpaused) == (lost, one.due)
    assert paused.due(ClockKind.LEGAL, ITEMS["GA02"]) == date(2026, 3, 27), "six calendar days"


def test_an_open_pause_leaves_no_due_day_unless_the_term_had_run_out() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6)).pause(date(2026, 3, 10), None)
    clock = diary.clock(ClockKind.PROMISED)
    assert (clock.due, clock.paused_since) == (None, date(2026, 3, 10))
    assert not clock.is_overdue(date(2026, 12, 1))
    assert clock.days_over_unpaused(CALENDAR, date(2026, 12, 1)), "and is shown as such"
    assert next_due(diary.clocks()) == (ClockKind.PAUSE, DueDay(date(2026, 4, 9), False)), "as was announced"
    assert diary.due(ClockKind.PAUSE) == date(2026, 4, 9)
    assert first_due(diary.case, WAIT, CALENDAR) == next_due(diary.clocks())
    diary.on(date(2026, 4, 15)).act(CaseResumed, TOWNSHIP, "合格")
    told = diary.clock(ClockKind.PAUSE)
    assert (told.stopped, told.days_over(CALENDAR, date(2026, 6, 1))) == (date(2026, 4, 15), 4)
    late = Diary().accepted_on(date(2026, 3, 6)).pause(date(2026, 3, 27), None)
    assert late.clock(ClockKind.PROMISED).is_overdue(date(2026, 3, 28)), "due on the 27th"


def test_a_survey_stops_nothing() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6))
    before = diary.clocks()
    officers = (OfficerId(f"{TOWNSHIP}/li"), OfficerId(f"{TOWNSHIP}/wang"))
    diary.on(date(2026, 3, 12)).contribute(
        SiteSurveyed, TOWNSHIP, officers, date(2026, 3, 12), "白观村一组", "属实", True
    )
    assert diary.clocks() == before


def test_a_reopened_case_is_counted_from_its_reopening() -> None:
    leader = OfficerId(f"{TOWNSHIP}/wang")
    diary = Diary().accepted_on(date(2026, 3, 6)).pause(date(2026, 3, 9), None)
    diary.on(date(2026, 3, 20)).act(CaseTerminated, TOWNSHIP, "申请人死亡", "条例第9条")
    assert not any(clock.is_running for clock in diary.clocks())
    diary.on(date(2026, 6, 1)).act(CaseReopened, TOWNSHIP, "误报", leader)
    promised = diary.clock(ClockKind.PROMISED)
    assert (promised.start, promised.start_event) == (date(2026, 6, 1), StartEvent.REOPENED)
    assert promised.due == CALENDAR.add_working_days(date(2026, 6, 1), 15), "the pause that was open counts no more"
    assert diary.clock(ClockKind.LEGAL, ITEMS["RS02"]).start == date(2026, 6, 1)
    diary.on(date(2026, 5, 31)).act(TermExtended, TOWNSHIP, 10, "需核实", leader)
    assert diary.clock(ClockKind.LEGAL, ITEMS["RS02"]).days == 30, "by a clock that was set back in between, too"


def test_a_decision_stops_the_terms_and_starts_the_delivery() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6))
    diary.on(date(2026, 3, 20)).act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合", "条例")
    assert diary.clock(ClockKind.PROMISED).stopped == date(2026, 3, 20)
    assert next_due(diary.clocks()) == (ClockKind.DELIVERY, DueDay(date(2026, 4, 3), False))
    diary.act(CustodyOffered, TOWNSHIP, VILLAGE)
    assert next_due(diary.clocks()) == (ClockKind.DELIVERY, DueDay(date(2026, 4, 3), False)), "nobody is not no one"
    diary.on(date(2026, 3, 23)).act(CustodyAccepted, VILLAGE)
    assert next_due(diary.clocks()) == (ClockKind.VILLAGE, DueDay(date(2026, 3, 26), False))
    diary.on(date(2026, 3, 27)).act(ResultHandedOver, VILLAGE, "王秀英", Handover.HOME)
    clocks = diary.clocks()
    assert next_due(clocks) is None
    late = [clock for clock in clocks if clock.is_overdue(date(2026, 5, 1))]
    assert [(clock.kind, clock.start_event) for clock in late] == [(ClockKind.VILLAGE, StartEvent.ARRIVED)]


# --- beside the decision ---------------------------------------------------------------------------------------------


def test_the_present_step_has_its_share_of_the_promise() -> None:
    assert steps_to_decision(WAIT) == (Step.REVIEW, Step.DECISION)
    diary = Diary().accepted_on(date(2026, 3, 6))
    step = diary.clock(ClockKind.STEP)
    assert (step.subject, step.days) == ("review", 8)
    diary.contribute(StepCompleted, TOWNSHIP, Step.REVIEW, "同意")
    step = diary.clock(ClockKind.STEP)
    assert (step.subject, step.due) == ("decision", diary.clock(ClockKind.PROMISED).due)
    assert ClockKind.STEP not in {kind for kind, _ in [next_due(diary.clocks()) or (None, None)]}
    for item in ITEMS.values():
        assert steps_to_decision(item)[-1] is Step.DECISION


def test_the_time_of_the_office_above_is_told_apart() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6))
    diary.on(date(2026, 3, 9)).act(CustodyOffered, TOWNSHIP, WINDOW)
    above = diary.clock(ClockKind.UPSTREAM)
    assert (above.start, above.office, above.is_running, above.due) == (date(2026, 3, 9), WINDOW, True, None)
    diary.on(date(2026, 3, 11)).act(CustodyAccepted, WINDOW)
    diary.on(date(2026, 3, 13)).act(CustodyOffered, WINDOW, TOWNSHIP)
    assert diary.clock(ClockKind.UPSTREAM).stopped == date(2026, 3, 13)
    diary.on(date(2026, 3, 16)).act(CustodyAccepted, TOWNSHIP)
    diary.on(date(2026, 3, 17)).act(CustodyOffered, TOWNSHIP, COUNTY)
    diary.on(date(2026, 3, 18)).act(CustodyAccepted, COUNTY)
    diary.on(date(2026, 3, 20)).act(CaseDecided, COUNTY, Outcome.GRANTED, "符合", "条例")
    diary.on(date(2026, 3, 23)).act(CustodyOffered, COUNTY, VILLAGE)
    stays = [(one.start, one.stopped) for one in diary.clocks() if one.kind is ClockKind.UPSTREAM]
    assert stays == [(date(2026, 3, 9), date(2026, 3, 13)), (date(2026, 3, 17), date(2026, 3, 20))]
    assert ClockKind.UPSTREAM not in kinds(diary.clocks(ITEMS["GA02"])), "only what is reported upward"


def test_the_township_reviews_in_twenty_working_days_what_it_reports_upward() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6))
    review = diary.clock(ClockKind.FIRST_REVIEW)
    assert (review.start, review.office, review.is_running) == (date(2026, 3, 6), TOWNSHIP, True)
    assert diary.due(ClockKind.FIRST_REVIEW) == date(2026, 4, 3)
    assert next_due([review]) == (ClockKind.FIRST_REVIEW, DueDay(date(2026, 4, 3), False))
    diary.on(date(2026, 3, 9)).act(CustodyOffered, TOWNSHIP, WINDOW)
    assert diary.clock(ClockKind.FIRST_REVIEW).stopped == date(2026, 3, 9)
    diary.on(date(2026, 3, 11)).act(CustodyDeclined, WINDOW, "未经初审")
    assert diary.clock(ClockKind.FIRST_REVIEW).is_running, "it came back unreviewed"
    diary.on(date(2026, 3, 17)).act(CustodyOffered, TOWNSHIP, WINDOW)
    diary.on(date(2026, 3, 18)).act(CustodyAccepted, WINDOW)
    diary.on(date(2026, 3, 20)).act(CaseDecided, WINDOW, Outcome.GRANTED, "符合", "条例")
    review = diary.clock(ClockKind.FIRST_REVIEW)
    assert (review.stopped, review.office) == (date(2026, 3, 17), TOWNSHIP)
    assert ClockKind.FIRST_REVIEW not in kinds(diary.clocks(ITEMS["GA02"])), "only what is reported upward"


def test_opinions_and_promised_papers_have_the_days_that_were_named() -> None:
    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    diary.act(CustodyOffered, VILLAGE, TOWNSHIP)
    diary.act(CustodyAccepted, TOWNSHIP, "", (Promise("社会保障卡复印件", date(2026, 3, 15)),))
    diary.act(OpinionsRequested, TOWNSHIP, (WINDOW, COUNTY), date(2026, 3, 13))
    kept = diary.clock(ClockKind.PROMISE_KEPT)
    assert (kept.subject, kept.due) == ("社会保障卡复印件", DueDay(date(2026, 3, 16), False)), "the 15th is a Sunday"
    diary.on(date(2026, 3, 12)).contribute(OpinionGiven, WINDOW, Opinion.AGREES, "同意")
    asked = {one.subject: one for one in diary.clocks() if one.kind is ClockKind.OPINION}
    assert asked[WINDOW].stopped == date(2026, 3, 12)
    assert asked[COUNTY].is_overdue(date(2026, 3, 14))
    diary.on(date(2026, 3, 17)).act(PapersReceived, TOWNSHIP, ("社会保障卡复印件",))
    assert ClockKind.PROMISE_KEPT not in kinds(diary.clocks())
    diary.on(date(2026, 3, 18)).act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合", "条例")
    asked = {one.subject: one for one in diary.clocks() if one.kind is ClockKind.OPINION}
    assert not asked[COUNTY].is_running


def test_a_department_that_is_asked_again_is_waited_for_again() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6))
    diary.act(OpinionsRequested, TOWNSHIP, (WINDOW, COUNTY), date(2026, 3, 13))
    diary.on(date(2026, 3, 9)).contribute(OpinionGiven, WINDOW, Opinion.OBJECTS, "占用林地")
    diary.contribute(OpinionGiven, COUNTY, Opinion.AGREES, "同意")
    diary.on(date(2026, 3, 10)).act(OpinionsRequested, TOWNSHIP, (WINDOW,), date(2026, 3, 12))
    asked = {one.subject: one for one in diary.clocks() if one.kind is ClockKind.OPINION}
    assert (asked[WINDOW].is_running, asked[COUNTY].is_running) == (True, False)
    assert next_due(diary.clocks()) == (ClockKind.OPINION, DueDay(date(2026, 3, 12), False))
    diary.on(date(2026, 3, 11)).contribute(OpinionGiven, WINDOW, Opinion.AGREES, "已整改")
    asked = {one.subject: one for one in diary.clocks() if one.kind is ClockKind.OPINION}
    assert asked[WINDOW].stopped == date(2026, 3, 11)


# --- properties ------------------------------------------------------------------------------------------------------

pauses = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=3)
codes = st.sampled_from([code for code, item in ITEMS.items() if item.promise_days])
TERMS: Final = (ClockKind.PROMISED, ClockKind.LEGAL)


def written(start: date, spells: list[tuple[int, int]], extension: int = 0) -> Diary:
    """Accepted on `start`; paused again and again: days until each pause, and how long it lasted."""
    diary, day = Diary().accepted_on(start), start
    for wait, length in spells:
        day += timedelta(days=wait)
        diary.pause(day, day + timedelta(days=length))
        day += timedelta(days=length)
    if extension:
        diary.act(TermExtended, TOWNSHIP, extension, "复杂", OfficerId(f"{TOWNSHIP}/wang"))
    return diary


def terms(diary: Diary, code: str) -> list[date]:
    found = [diary.due(kind, ITEMS[code]) for kind in TERMS]
    return [day for day in found if day is not None]


@given(LONG, st.integers(0, 60), codes)
def test_who_starts_later_is_never_due_earlier(start: date, later: int, code: str) -> None:
    one, other = written(start, []), written(start + timedelta(days=later), [])
    assert all(early <= late for early, late in zip(terms(one, code), terms(other, code), strict=True))


@given(LONG, pauses, st.integers(0, 40), st.integers(0, 40), st.integers(0, 30), codes)
def test_neither_a_pause_nor_an_extension_brings_a_day_forward(
    start: date, spells: list[tuple[int, int]], wait: int, length: int, extension: int, code: str
) -> None:
    fewer, more = written(start, spells), written(start, [*spells, (wait, length)], extension)
    assert all(early <= late for early, late in zip(terms(fewer, code), terms(more, code), strict=True))


@given(LONG, pauses, codes)
def test_no_term_ends_on_a_day_of_rest(start: date, spells: list[tuple[int, int]], code: str) -> None:
    for clock in written(start, spells).clocks(ITEMS[code]):
        for due in (clock.due, clock.due_unpaused):
            assert due is None or CALENDAR.is_working(due.day)


@given(LONG, pauses, st.integers(1, 40))
def test_paused_days_are_left_out_one_by_one(start: date, spells: list[tuple[int, int]], days: int) -> None:
    item = msgspec.structs.replace(WAIT, promise_days=days)
    diary = written(start, spells)
    stood = [(day_of(one.since), day_of(one.until)) for one in diary.case.course.pauses if one.until is not None]
    day, left = start, days
    while left:
        day += timedelta(days=1)
        if CALENDAR.is_working(day) and not any(since < day <= until for since, until in stood):
            left -= 1
    assert diary.due(ClockKind.PROMISED, item) == day


@given(LONG, pauses, st.integers(0, 2**32))
def test_every_order_of_arrival_gives_the_same_days(start: date, spells: list[tuple[int, int]], seed: int) -> None:
    diary = written(start, spells, 5)
    shuffled = [*diary.items, *diary.items]
    Random(seed).shuffle(shuffled)
    case = fold(shuffled)
    assert case is not None
    assert clocks_of(case, WAIT, CALENDAR) == diary.clocks()


@given(LONG, pauses)
def test_the_custody_account_adds_up_to_the_whole_time(start: date, spells: list[tuple[int, int]]) -> None:
    diary = written(start, spells)
    diary.act(CustodyOffered, TOWNSHIP, WINDOW)
    until = Instant(diary.moment + 86_400_000)
    account = custody_account(diary.case, until)
    assert sum(one.milliseconds for one in account) == until - diary.case.spans[0].since
    assert {one.office for one in account} == {VILLAGE, None, TOWNSHIP}


@pytest.mark.parametrize("claim", [-(10**15), 0, 10**13, 2**63])
@pytest.mark.parametrize("code", ["MZ06", "GA02", "RS01", "WJ01"])
def test_no_claim_of_a_wrong_clock_raises(claim: int, code: str) -> None:
    def wrong(diary: Diary) -> None:
        diary.moment = Instant(claim)

    diary = Diary().on(date(2026, 3, 6))
    diary.file()
    steps: list[Callable[[], object]] = [
        lambda: diary.act(CustodyOffered, VILLAGE, TOWNSHIP),
        lambda: diary.contribute(CaseReceived, TOWNSHIP),
        lambda: diary.act(CustodyAccepted, TOWNSHIP, "", (Promise("照片", date.min),), date.max),
        lambda: diary.act(OpinionsRequested, TOWNSHIP, (WINDOW,), date.max),
        lambda: diary.act(CaseSuspended, TOWNSHIP, PauseCause.TESTING, "检字1号", date.max),
        lambda: diary.act(CaseResumed, TOWNSHIP, "合格"),
        lambda: diary.act(TermExtended, TOWNSHIP, 90, "复杂", OfficerId("x/y")),
        lambda: diary.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合", "条例"),
    ]
    for number, step in enumerate(steps):
        if number % 2:
            wrong(diary)
        else:
            diary.on(date(2026, 3, 9))
        step()
        clocks = diary.clocks(ITEMS[code], today=date(2026, 4, 1))
        assert next_due(clocks) is None or clocks
        assert sum(one.milliseconds for one in custody_account(diary.case, Instant(claim))) >= 0


def test_without_its_filing_or_its_item_a_case_has_only_the_law_s_clocks() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6))
    assert kinds(clocks_of(diary.case, None, CALENDAR)) == {ClockKind.VILLAGE, ClockKind.ACCEPTANCE}
    assert clocks_of(CaseFile(diary.case.case), WAIT, CALENDAR) == ()
    assert custody_account(CaseFile(diary.case.case), Instant(0)) == ()


def test_offices_are_named_with_their_clocks() -> None:
    diary = Diary().accepted_on(date(2026, 3, 6))
    diary.act(CustodyOffered, TOWNSHIP, WINDOW)
    answering: dict[ClockKind, OfficeId | None] = {clock.kind: clock.office for clock in diary.clocks()}
    assert answering[ClockKind.PROMISED] == WINDOW, "in transit it is the offeree's"
    assert answering[ClockKind.ACCEPTANCE] == TOWNSHIP
    assert answering[ClockKind.VILLAGE] == VILLAGE
