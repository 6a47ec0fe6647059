"""The verbs by which a case is handled: verdicts, clocks, departments, decisions, each with what it refuses."""

from collections.abc import Coroutine, Sequence
from datetime import date
from typing import Any

import pytest
from msgspec import structs

from office.desk import DECIDED_AT_ONCE
from office.pencil import Written
from schemas.casework.casefile import CaseFile
from schemas.casework.lifecycle import NotPermitted, Stage
from schemas.casework.roles import Role
from schemas.casework.steps import Step
from schemas.casework.values import Handover, MaterialStatus, Opinion, Outcome, PauseCause, Promise
from schemas.names import CaseId, Instant, OfficeId, OfficerId
from schemas.posts import Position
from schemas.refusals import Refused
from schemas.register import GrantMade, OfficePublished, PostAssigned
from tests.support.counties import (
    APPLICANT,
    COUNTY,
    TOWNSHIP,
    VILLAGE,
    WINDOW,
    County,
    Office,
    Person,
    agent,
    clerk,
    leader,
    materials_of,
    op,
    run,
)
from tests.support.publications import edition, item, publish_edition

DAY = 24 * 3600 * 1000
TODAY = date(2026, 3, 6)
Words = dict[str, Any]
REFUSAL: Words = {"reason": "不属于本事项范围", "basis": "行政许可法第三十二条", "remedy": "60 日内申请行政复议"}
OTHER_CLERK = OfficerId(f"{TOWNSHIP}/wang")


def but(words: Words, **other: object) -> Words:
    """The same words with some of them put otherwise."""
    return words | other


def offered(item: str = "NY01") -> tuple[County, CaseId]:
    """A county in which the village has offered a complete filing to its township."""
    county = County(TOWNSHIP, VILLAGE)
    slip = county[VILLAGE].file(item=item)
    run(county[VILLAGE].desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    return county, slip.case


def accepted(item: str = "NY01") -> tuple[County, CaseId]:
    """… and the township has accepted it."""
    county, case = offered(item)
    run(county[TOWNSHIP].desk.accept_custody(clerk(), case, op(3)))
    county.settle()
    return county, case


def refused(county: County, code: str, act: Coroutine[Any, Any, Written]) -> None:
    """The act is refused with this code, and nothing is written."""
    written = len(county[TOWNSHIP].store.tables.arrivals)
    with pytest.raises(Refused, match=code):
        run(act)
    assert len(county[TOWNSHIP].store.tables.arrivals) == written


def same_everywhere(county: County, case: CaseId) -> CaseFile:
    county.settle()
    files = [county[office].case(case) for office in (COUNTY, TOWNSHIP, VILLAGE)]
    assert files[0] == files[1] == files[2]
    return files[0]


def test_a_matter_is_not_accepted_in_writing_and_the_village_tells_the_resident() -> None:
    county, case = offered()
    desk = county[TOWNSHIP].desk
    refused(
        county, "nonacceptance_incomplete", desk.refuse_acceptance(clerk(), case, op(3), **but(REFUSAL, remedy=" "))
    )
    run(desk.refuse_acceptance(clerk(), case, op(3), **REFUSAL))
    file = same_everywhere(county, case)
    assert (file.stage, file.custodian) == (Stage.NOT_ACCEPTED, VILLAGE)
    run(county[VILLAGE].desk.close_case(agent(), case, op(4)))
    assert same_everywhere(county, case).stage is Stage.CLOSED


def test_a_filing_is_accepted_although_a_paper_is_promised_for_later() -> None:
    county = County(TOWNSHIP, VILLAGE)
    village, township = county[VILLAGE], county[TOWNSHIP]
    late = "住房设计图"
    materials = [
        structs.replace(one, status=MaterialStatus.DEFERRED, until=date(2026, 3, 20)) if one.name == late else one
        for one in materials_of("NY01")
    ]
    slip = run(village.intake.open_case(agent(), op(1), item="NY01", applicant=APPLICANT, materials=materials))
    run(village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP))
    county.settle()
    promised = [Promise(late, date(2026, 3, 20))]
    wrong = [Promise("村民会议记录", date(2026, 3, 20))]
    refused(county, "promise_not_allowed", township.desk.accept_custody(clerk(), slip.case, op(3), promises=wrong))
    run(township.desk.accept_custody(clerk(), slip.case, op(3), promises=promised))
    assert list(same_everywhere(county, slip.case).course.promises) == promised
    run(village.desk.bring_papers(agent(), slip.case, op(4), materials=[late]))
    county.settle()
    run(township.desk.receive_papers(clerk(), slip.case, op(5), materials=[late]))
    assert same_everywhere(county, slip.case).course.promises == ()


def test_five_working_days_of_silence_are_written_into_the_acceptance() -> None:
    county, case = offered()
    run(county[TOWNSHIP].receiving.receive())
    received = county[TOWNSHIP].case(case).received_at
    county.at = type(county.at)(county.at + 14 * DAY)
    desk = county[TOWNSHIP].desk
    refused(county, "accepted_by_silence", desk.refuse_acceptance(clerk(), case, op(3), **REFUSAL))
    run(desk.accept_custody(clerk(), case, op(3)))
    file = same_everywhere(county, case)
    assert received is not None
    assert file.course.deemed_on == date(2026, 3, 6)


def test_a_second_notice_says_why_the_first_did_not_name_these() -> None:
    county, case = offered()
    desk = county[TOWNSHIP].desk
    first: Words = {"materials": ["户口簿"], "reason": "缺少户口簿"}
    run(desk.request_papers(clerk(), case, op(3), **first, until=date(2026, 3, 31)))
    assert same_everywhere(county, case).stage is Stage.CORRECTING
    run(desk.receive_papers(clerk(), case, op(4), materials=["户口簿"]))
    second: Words = {"materials": ["一寸照片"], "reason": "缺少照片"}
    refused(county, "second_notice_unjustified", desk.request_papers(clerk(), case, op(5), **second))
    run(desk.request_papers(clerk(), case, op(5), **second, justification="新规自昨日起施行"))
    run(desk.receive_papers(clerk(), case, op(6), materials=["一寸照片"]))
    run(desk.accept_custody(clerk(), case, op(7)))
    file = same_everywhere(county, case)
    assert (file.stage, file.requests, len(file.course.notices)) == (Stage.IN_REVIEW, 2, 2)


def test_the_clock_stops_by_a_document_and_runs_again() -> None:
    county, case = accepted()
    desk = county[TOWNSHIP].desk
    pause: Words = {
        "cause": PauseCause.EXPERT_REVIEW,
        "document": "陵江告〔2026〕3号",
        "expected_until": date(2026, 3, 20),
    }
    past = but(pause, expected_until=date(2026, 3, 1))
    refused(county, "pause_ended", desk.suspend_case(clerk(), case, op(4), **past))
    run(desk.suspend_case(clerk(), case, op(4), **pause))
    assert same_everywhere(county, case).stage is Stage.SUSPENDED
    refused(county, "text_required", desk.resume_case(clerk(), case, op(5), result=" "))
    run(desk.resume_case(clerk(), case, op(5), result="专家评审通过"))
    (stopped,) = same_everywhere(county, case).course.pauses
    assert (stopped.cause, stopped.until is not None) == (PauseCause.EXPERT_REVIEW, True)


def test_the_term_is_extended_once_by_leave_of_somebody_else() -> None:
    county, case = accepted()
    desk = county[TOWNSHIP].desk
    longer: Words = {"days": 10, "reason": "勘察受天气影响"}
    refused(county, "approver_is_author", desk.extend_term(clerk(), case, op(4), **longer, approver=clerk().officer))
    stranger = OfficerId(f"{TOWNSHIP}/stranger")
    refused(county, "approver_not_here", desk.extend_term(clerk(), case, op(4), **longer, approver=stranger))
    run(desk.extend_term(clerk(), case, op(4), **longer, approver=OTHER_CLERK))
    assert [one.days for one in same_everywhere(county, case).course.extensions] == [10]
    refused(county, "extended_once", desk.extend_term(clerk(), case, op(5), **longer, approver=OTHER_CLERK))


def test_a_term_is_extended_by_the_edition_under_which_it_runs() -> None:
    """Filed under the old edition, accepted under the new one, which allows it: on the page as at the pen."""
    county = County(TOWNSHIP, VILLAGE)
    hub, township = county[COUNTY], county[TOWNSHIP]
    new = item("MZ01")
    old = structs.replace(new, legal=structs.replace(new.legal, extension_days=0))
    publish_edition(hub, 1, edition("2026.1", old))
    publish_edition(hub, 2, edition("2026.2", new, first=date(2026, 3, 9)))
    county.settle()
    case = county[VILLAGE].file(item="MZ01").case
    run(county[VILLAGE].desk.offer_custody(agent(), case, op(2), to=TOWNSHIP))
    county.settle()
    county.at = Instant(county.at + 3 * DAY)
    run(township.desk.accept_custody(clerk(), case, op(3)))
    assert township.catalogue.terms_of(township.case(case)) == new
    assert "term.extended" in township.desk.available(clerk(), township.case(case))
    run(township.desk.extend_term(clerk(), case, op(4), days=10, reason="勘察", approver=OTHER_CLERK))


def window_clerk() -> Person:
    return Person(OfficerId(f"{WINDOW}/zhao"), WINDOW, frozenset({Role.CLERK}))


def test_departments_are_asked_together_and_a_survey_is_made_by_two_before_the_decision() -> None:
    county, case = accepted()
    township, hub = county[TOWNSHIP].desk, county[COUNTY].desk
    due = date(2026, 3, 20)
    refused(
        county, "unknown_office", township.request_opinions(clerk(), case, op(4), to=[OfficeId("510824999")], due=due)
    )
    run(township.request_opinions(clerk(), case, op(4), to=[WINDOW], due=due))
    county.settle()
    grant: Words = {"outcome": Outcome.GRANTED, "reason": "符合条件", "basis": "土地管理法第六十二条"}
    alone = township.record_survey(
        clerk(), case, op(5), surveyors=[], on=date(2026, 3, 6), place="白观村3组", findings="四至清楚", agrees=True
    )
    refused(county, "survey_needs_two", alone)
    run(
        township.record_survey(
            clerk(),
            case,
            op(5),
            surveyors=[OTHER_CLERK],
            on=date(2026, 3, 6),
            place="白观村3组",
            findings="四至清楚",
            agrees=True,
        )
    )
    run(township.complete_step(clerk(), case, op(6), step=Step.PUBLICITY, opinion="公示五日，无异议"))
    refused(county, "opinions_outstanding", township.decide(clerk(), case, op(7), **grant))
    run(hub.give_opinion(window_clerk(), case, op(1), opinion=Opinion.AGREES, reason="符合规划"))
    county.settle()
    with pytest.raises(NotPermitted, match="not_custodian"):
        run(hub.hold_meeting(window_clerk(), case, op(2), on=due, invited=[WINDOW], present=[WINDOW], minutes="同意"))
    run(
        township.hold_meeting(
            clerk(), case, op(8), on=date(2026, 3, 6), invited=[WINDOW], present=[WINDOW], minutes="一致同意"
        )
    )
    run(township.decide(clerk(), case, op(9), **grant))
    file = same_everywhere(county, case)
    assert file.stage is Stage.DECIDED
    assert file.opinions == {WINDOW: Opinion.AGREES}
    assert {Step.SURVEY, Step.PUBLICITY} <= file.steps_done


def test_a_bound_window_takes_in_only_what_is_its_departments_or_its_posts() -> None:
    county, case = offered("RS02")
    hub, author = county[COUNTY], (COUNTY, OfficerId(f"{COUNTY}/wang"))
    run(county[TOWNSHIP].desk.decline_custody(clerk(), case, op(3), reason="请报县窗口"))
    county.settle()
    run(county[VILLAGE].desk.offer_custody(agent(), case, op(4), to=WINDOW))
    county.settle()
    hub.publish(OfficePublished(op(5), *author, WINDOW, "林业局窗口", "县林业局"))
    assert "custody.accepted" not in hub.desk.available(window_clerk(), hub.case(case))
    refused(county, "other_department", hub.desk.accept_custody(window_clerk(), case, op(6)))
    run(hub.receiving.receive())
    county.at = Instant(county.at + 10 * DAY)
    refused(county, "other_department", hub.desk.accept_custody(window_clerk(), case, op(6)))
    # Whoever may not accept it sends it back, however late: else nobody could move it.
    run(hub.desk.decline_custody(window_clerk(), case, op(8), reason="不属于本部门"))
    county.settle()
    run(county[VILLAGE].desk.offer_custody(agent(), case, op(9), to=WINDOW))
    county.settle()
    qian = OfficerId(f"{WINDOW}/qian")
    held = qian, "钱七", Position.PRIMARY, ("RS02",), TODAY, None, "苍府办〔2026〕3号"
    post = PostAssigned(op(7), *author, "rs-1", WINDOW, "人社岗", *held)
    hub.publish(post)
    assert "custody.accepted" in hub.desk.available(window_clerk(), hub.case(case))
    run(hub.desk.accept_custody(window_clerk(), case, op(6)))


def test_nobody_waits_for_a_window_that_the_county_has_closed() -> None:
    county, case = accepted()
    township, hub = county[TOWNSHIP].desk, county[COUNTY]
    run(township.request_opinions(clerk(), case, op(4), to=[WINDOW], due=date(2026, 3, 20)))
    surveyed: Words = {"place": "白观村3组", "findings": "四至清楚", "agrees": True}
    run(township.record_survey(clerk(), case, op(5), surveyors=[OTHER_CLERK], on=TODAY, **surveyed))
    run(township.complete_step(clerk(), case, op(6), step=Step.PUBLICITY, opinion="公示五日，无异议"))
    grant: Words = {"outcome": Outcome.GRANTED, "reason": "符合条件", "basis": "土地管理法第六十二条"}
    refused(county, "opinions_outstanding", township.decide(clerk(), case, op(7), **grant))
    author, last = (COUNTY, OfficerId(f"{COUNTY}/wang")), date(2026, 3, 5)
    hub.publish(OfficePublished(op(8), *author, WINDOW, "人社局窗口", valid_to=last, merged_into=COUNTY))
    county.settle()
    refused(
        county,
        "office_ended",
        township.request_opinions(clerk(), case, op(9), to=[WINDOW], due=date(2026, 3, 20)),
    )
    run(township.decide(clerk(), case, op(7), **grant))
    assert same_everywhere(county, case).stage is Stage.DECIDED


def test_a_fee_is_taken_at_the_counter_and_never_above_the_standard() -> None:
    county = County(TOWNSHIP, VILLAGE)
    township = county[TOWNSHIP]
    slip = run(
        township.intake.open_case(clerk(), op(1), item="GA03", applicant=APPLICANT, materials=materials_of("GA03"))
    )
    run(township.desk.accept_custody(clerk(), slip.case, op(2)))
    refused(
        county, "fee_above_standard", township.desk.pay_fee(clerk(), slip.case, op(3), amount_fen=2001, receipt="0017")
    )
    run(township.desk.pay_fee(clerk(), slip.case, op(3), amount_fen=2000, receipt="0017"))
    assert township.case(slip.case).fees_fen == 2000


def test_the_green_channel_has_a_basis_and_somebody_who_answers_for_it() -> None:
    county, case = accepted()
    desk = county[TOWNSHIP].desk
    green: Words = {"basis": "县重点项目", "approver": OTHER_CLERK}
    refused(county, "text_required", desk.expedite_case(clerk(), case, op(4), **but(green, basis=" ")))
    run(desk.expedite_case(clerk(), case, op(4), **green))
    assert same_everywhere(county, case).is_expedited


def test_what_could_not_be_finished_on_the_spot_gets_a_promise() -> None:
    county, case = accepted("RS05")
    desk = county[TOWNSHIP].desk
    refused(county, "reason_required", desk.convert_case(clerk(), case, op(4), promise_days=3, reason=" "))
    refused(
        county, "conversion_too_long", desk.convert_case(clerk(), case, op(4), promise_days=11, reason="系统停机维护")
    )
    run(desk.convert_case(clerk(), case, op(4), promise_days=3, reason="系统停机维护"))
    assert same_everywhere(county, case).converted_days == 3


def test_a_case_is_terminated_with_its_basis_and_reopened_by_leave() -> None:
    county, case = accepted()
    desk = county[TOWNSHIP].desk
    end: Words = {"reason": "申请人已死亡", "basis": "行政许可法第七十条"}
    refused(county, "termination_incomplete", desk.terminate_case(clerk(), case, op(4), **but(end, basis=" ")))
    run(desk.terminate_case(clerk(), case, op(4), **end))
    assert same_everywhere(county, case).stage is Stage.TERMINATED
    again: Words = {"reason": "死亡登记系误录"}
    refused(county, "approver_is_author", desk.reopen_case(clerk(), case, op(5), **again, approver=clerk().officer))
    run(desk.reopen_case(clerk(), case, op(5), **again, approver=OTHER_CLERK))
    file = same_everywhere(county, case)
    assert (file.stage, file.custodian, len(file.course.reopenings)) == (Stage.IN_REVIEW, TOWNSHIP, 1)


def test_a_wrong_decision_is_put_right_before_it_is_handed_over_by_who_holds_it() -> None:
    """Granted by mistake: the township takes it up again; from the village it first asks the result back."""
    county, case = accepted("WJ02")
    village, township = county[VILLAGE], county[TOWNSHIP]
    grant: Words = {"reason": "符合条件", "basis": "条例第八条"}
    again: Words = {"reason": "核对时看错了年份"}
    run(township.desk.decide(clerk(), case, op(4), outcome=Outcome.GRANTED, **grant))
    run(township.desk.reopen_case(clerk(), case, op(5), **again, approver=OTHER_CLERK))
    file = same_everywhere(county, case)
    assert (file.stage, file.decision) == (Stage.IN_REVIEW, None)
    run(township.desk.decide(clerk(), case, op(6), outcome=Outcome.GRANTED, **grant))
    run(township.desk.offer_custody(clerk(), case, op(7), to=VILLAGE))
    county.settle()
    run(village.desk.accept_custody(agent(), case, op(8)))
    county.settle()
    asked = township.desk.reopen_case(clerk(), case, op(9), **again, approver=OTHER_CLERK)
    refused(county, "not_custodian", asked)
    run(village.desk.offer_custody(agent(), case, op(10), to=TOWNSHIP, note="退回更正"))
    county.settle()
    run(township.desk.accept_custody(clerk(), case, op(11)))
    run(township.desk.reopen_case(clerk(), case, op(12), **again, approver=OTHER_CLERK))
    assert same_everywhere(county, case).stage is Stage.IN_REVIEW


# --- decided while the resident waits --------------------------------------------------------------------------------


def at_once(office: Office, case: CaseId, operation: int = 3, **more: str) -> Written:
    grant: Words = {"reason": "符合条件", "basis": "流动人口计划生育工作条例第八条"}
    return run(office.desk.decide_at_once(clerk(), case, op(operation), outcome=Outcome.GRANTED, **but(grant, **more)))


def kinds_of(office: Office, case: CaseId) -> Sequence[str]:
    return [one.kind for one in run(office.store.entries_about([case]))]


def test_a_matter_is_accepted_decided_and_handed_over_in_one_go() -> None:
    county, case = offered("WJ02")
    township = county[TOWNSHIP]
    assert DECIDED_AT_ONCE in township.desk.available(clerk(), township.case(case))
    written = at_once(township, case, recipient="王秀英")
    assert kinds_of(township, case)[-3:] == ["custody.accepted", "case.decided", "result.handed_over"]
    file = same_everywhere(county, case)
    assert (file.stage, file.turn) == (Stage.HANDED_OVER, 5)
    assert file.held == file.breaches == ()
    # The form sent again is the same act, and what it wrote survives a start and a refold.
    again = at_once(township, case, recipient="王秀英")
    assert (again.entry.hash, again.repeated) == (written.entry.hash, True)
    township.start()
    assert township.refolded()[case] == file
    assert at_once(township, case, recipient="王秀英").repeated
    assert DECIDED_AT_ONCE not in township.desk.available(clerk(), township.case(case))


def test_without_a_recipient_the_result_waits_at_the_counter() -> None:
    county, case = offered("WJ02")
    at_once(county[TOWNSHIP], case)
    assert same_everywhere(county, case).stage is Stage.DECIDED


def test_nothing_of_it_is_written_when_its_last_act_cannot_be() -> None:
    county, case = offered("WJ02")
    desk = county[TOWNSHIP].desk
    incomplete = desk.decide_at_once(
        clerk(), case, op(3), outcome=Outcome.REFUSED, reason="不符合条件", basis="条例第八条", recipient="王秀英"
    )
    refused(county, "refusal_incomplete", incomplete)
    hidden = desk.decide_at_once(
        clerk(), case, op(3), outcome=Outcome.GRANTED, reason="符合条件", basis="条例第八条", recipient="王\u200b秀英"
    )
    refused(county, "unseen_character", hidden)
    assert county[TOWNSHIP].case(case).stage is Stage.OFFERED


def test_who_may_accept_but_not_decide_is_not_offered_it() -> None:
    county, case = offered("WJ02")
    desk = county[TOWNSHIP].desk
    only_clerk = structs.replace(clerk(), roles=frozenset({Role.CLERK}))
    assert DECIDED_AT_ONCE not in desk.available(only_clerk, county[TOWNSHIP].case(case))
    grant: Words = {"outcome": Outcome.GRANTED, "reason": "符合条件", "basis": "条例第八条"}
    refused(county, "role_forbids", desk.decide_at_once(only_clerk, case, op(3), **grant))


def test_a_leader_finishes_a_matter_at_a_restored_township_and_every_act_is_marked() -> None:
    county, case = offered("WJ02")
    township = county[TOWNSHIP]
    township.start(*township.back_up(), restored=True)
    boss = structs.replace(leader(TOWNSHIP), roles=frozenset({Role.LEADER}))
    grant: Words = {"outcome": Outcome.GRANTED, "reason": "符合条件", "basis": "条例第八条"}
    run(township.desk.decide_at_once(boss, case, op(3), **grant, recipient="王秀英", how=Handover.COUNTER))
    file = same_everywhere(county, case)
    assert sorted(note.turn for note in file.contributed("act.unconfirmed")) == [3, 4, 5]


# --- in another organ's name -----------------------------------------------------------------------------------------

ENTRUSTED = "苍人社委〔2026〕2号"


def entrust(county: County) -> None:
    """The bureau entrusts the township with recognising people in difficulty (就业困难人员认定)."""
    boss = leader(COUNTY).officer
    county[COUNTY].publish(
        GrantMade(
            op(901),
            COUNTY,
            boss,
            ENTRUSTED,
            "县人社局",
            True,
            (TOWNSHIP,),
            ("RS06",),
            date(2026, 1, 1),
            None,
            ENTRUSTED,
        )
    )
    county.settle()


def test_an_entrusted_decision_names_the_document_and_the_organ_whose_it_is() -> None:
    county, case = accepted("RS06")
    township = county[TOWNSHIP]
    assert "case.decided" not in township.desk.available(clerk(), township.case(case))
    assert township.desk.find_grant(clerk(), township.case(case)) is None
    entrust(county)
    assert "case.decided" in township.desk.available(clerk(), township.case(case))
    grant = township.desk.find_grant(clerk(), township.case(case))
    assert grant is not None
    assert (grant.number, grant.grantor, grant.is_entrusted) == (ENTRUSTED, "县人社局", True)
    run(township.desk.complete_step(clerk(), case, op(5), step=Step.PUBLICITY, opinion="公示三日，无异议"))
    decision: Words = {"outcome": Outcome.GRANTED, "reason": "符合条件", "basis": "就业促进法第五十二条"}
    refused(county, "grant_required", township.desk.decide(clerk(), case, op(6), **decision))
    refused(county, "organ_required", township.desk.decide(clerk(), case, op(6), **decision, grant=ENTRUSTED))
    decision |= {"grant": ENTRUSTED, "on_behalf_of": "县人社局"}
    run(township.desk.decide(clerk(), case, op(6), **decision))
    decided = same_everywhere(county, case).decision
    assert decided is not None
    assert (decided.office, decided.on_behalf_of, decided.grant) == (TOWNSHIP, "县人社局", ENTRUSTED)
