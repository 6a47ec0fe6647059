"""The fold: stories of one case. Its laws are in `test_fold_laws`."""

import random
from datetime import timedelta

import pytest
from msgspec.structs import replace

from schemas.casework import casefile
from schemas.casework.casefile import CaseFile
from schemas.casework.events import (
    AcceptanceRefused,
    CaseClosed,
    CaseConverted,
    CaseDecided,
    CaseExpedited,
    CaseReceived,
    CaseReopened,
    CaseResumed,
    CaseTerminated,
    CaseWithdrawn,
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
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.fold import Item, fold, follow
from schemas.casework.stages import Stage
from schemas.casework.steps import Step
from schemas.casework.values import Handover, Material, MaterialStatus, Opinion, Outcome, Promise
from schemas.casework.visibility import readers
from schemas.names import OfficeId, followed
from tests.support.casebook import (
    COUNTY,
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
from tests.support.stages import DEPARTMENT, book_at


def folded(book: Casebook) -> CaseFile:
    """The case of the whole book, checked on the way to be the same from behind and from the middle."""
    case = book.case
    assert fold(reversed(book.items)) == case
    shuffled = book.items * 2
    random.Random(len(book.items)).shuffle(shuffled)
    assert fold(shuffled) == case
    return case


def codes(case: CaseFile) -> list[str]:
    return [breach.code for breach in case.breaches]


# --- the ordinary life ---------------------------------------------------------------------------------------------


def test_a_delegated_case_goes_up_and_its_result_comes_back() -> None:
    book = Casebook()
    book.file()
    case = folded(book)
    assert (case.stage, case.custodian, case.filing_office) == (Stage.FILED, VILLAGE, VILLAGE)
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    case = folded(book)
    assert (case.stage, case.custodian, case.offerer, case.offeree) == (Stage.OFFERED, None, VILLAGE, TOWNSHIP)
    book.act(CustodyAccepted, TOWNSHIP)
    case = folded(book)
    assert (case.stage, case.custodian, case.accepted_at) == (Stage.IN_REVIEW, TOWNSHIP, book.items[-1][1].at)
    book.act(CustodyOffered, TOWNSHIP, COUNTY)
    assert folded(book).stage is Stage.REFERRED
    book.act(CustodyAccepted, COUNTY)
    book.act(CaseDecided, COUNTY, Outcome.GRANTED, "符合条件", "社会保险法第20条", "", "川参保〔2026〕17号")
    case = folded(book)
    assert case.decision is not None
    assert (case.stage, case.decision.outcome, case.decided_at) == (
        Stage.DECIDED,
        Outcome.GRANTED,
        book.items[-1][1].at,
    )
    assert case.accepted_at == book.items[2][1].at, "the legal clock starts once, at the first acceptance"
    book.act(CustodyOffered, COUNTY, VILLAGE)
    assert folded(book).stage is Stage.RETURNING
    book.act(CustodyAccepted, VILLAGE)
    assert folded(book).stage is Stage.READY
    book.act(ResultHandedOver, VILLAGE, "王秀英", Handover.HOME)
    book.act(CaseClosed, VILLAGE)
    case = folded(book)
    assert (case.stage, case.turn, case.holders) == (Stage.CLOSED, 10, (VILLAGE, TOWNSHIP, COUNTY))
    assert case.ended_at == book.items[-2][1].at
    assert (case.held, case.superseded, case.breaches, case.informed) == ((), (), (), ())


def test_an_offer_that_is_not_accepted_gives_the_pen_back() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.act(CustodyDeclined, TOWNSHIP, "不属于本机关职权", "行政许可法第32条")
    case = folded(book)
    assert (case.stage, case.custodian, case.offeree, case.accepted_at) == (Stage.FILED, VILLAGE, None, None)
    assert case.holders == (VILLAGE,)


def test_papers_are_asked_for_once_brought_and_taken_up() -> None:
    book = Casebook()
    book.accepted_at_township()
    book.act(PapersRequested, TOWNSHIP, ("银行账户", "证件照"), "缺件")
    brought = book.contribute(PapersBrought, VILLAGE, ("银行账户",))
    case = folded(book)
    assert (case.stage, case.wanted, case.requests) == (Stage.PAPERS_AWAITED, ("银行账户", "证件照"), 1)
    assert [note.hash for note in case.brought] == [brought[1].hash]
    book.act(PapersReceived, TOWNSHIP, ("银行账户",), (brought[1].hash,))
    case = folded(book)
    assert (case.stage, case.wanted, case.brought) == (Stage.IN_REVIEW, ("证件照",), ())


def test_a_recall_is_a_request_that_the_offeree_answers() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.contribute(RecallRequested, VILLAGE, "群众改变主意")
    assert folded(book).recall_requested
    book.act(CustodyDeclined, TOWNSHIP, "应申请撤回")
    case = folded(book)
    assert not case.recall_requested
    assert case.custodian == VILLAGE
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    assert not folded(book).recall_requested, "an old request does not recall a new offer"


def test_a_recall_by_someone_else_is_only_noted() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.contribute(RecallRequested, OTHER_VILLAGE, "误操作")
    assert not folded(book).recall_requested


def test_a_case_withdrawn_on_the_residents_word_ends() -> None:
    book = Casebook()
    book.accepted_at_township()
    book.act(CaseWithdrawn, TOWNSHIP, "申请人自愿撤回")
    case = folded(book)
    assert (case.stage, case.ended_at) == (Stage.WITHDRAWN, book.items[-1][1].at)


def test_a_counter_above_the_village_files_and_accepts_by_itself() -> None:
    book = Casebook()
    book.file(TOWNSHIP)
    book.act(CustodyAccepted, TOWNSHIP)
    book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "当场办结", "就业促进法第43条")
    book.act(ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    case = folded(book)
    assert (case.stage, case.holders, case.breaches) == (Stage.HANDED_OVER, (TOWNSHIP,), ())


# --- before acceptance ---------------------------------------------------------------------------------------------


def test_a_notice_before_acceptance_picks_the_case_up_and_gives_it_back_corrected_or_not() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.act(PapersRequested, TOWNSHIP, ("证件照",), "缺件")
    case = folded(book)
    assert (case.stage, case.custodian, case.accepted_at) == (Stage.CORRECTING, TOWNSHIP, None)
    assert [(notice.office, notice.before_acceptance) for notice in case.course.notices] == [(TOWNSHIP, True)]
    book.act(PapersReceived, TOWNSHIP, ("证件照",))
    case = folded(book)
    assert (case.stage, case.course.received) == (Stage.RECEIVED, ("证件照",))
    assert case.course.corrected_at == book.items[-1][1].at
    book.act(CustodyDeclined, TOWNSHIP, "不属于本机关职权")
    case = folded(book)
    assert (case.stage, case.custodian) == (Stage.FILED, VILLAGE)


def test_what_was_refused_acceptance_goes_back_to_be_told_and_may_be_taken_up_by_the_county() -> None:
    book = book_at(Stage.NOT_ACCEPTED)
    case = folded(book)
    assert (case.custodian, case.ended_at, case.accepted_at) == (VILLAGE, book.items[-1][1].at, None)
    book.act(CaseClosed, VILLAGE)
    book.act(CaseReopened, COUNTY, "复议决定撤销", officer(TOWNSHIP))
    case = folded(book)
    assert (case.stage, case.custodian, case.accepted_by) == (Stage.IN_REVIEW, COUNTY, COUNTY)
    assert (case.accepted_at, case.ended_at) == (book.items[-1][1].at, None), (
        "the order to take it up is its acceptance"
    )


def test_a_window_that_did_not_accept_keeps_the_case_for_which_it_answers() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, WINDOW)
    book.act(AcceptanceRefused, WINDOW, "不属于受理范围", "行政许可法第32条", "60日内申请行政复议")
    case = folded(book)
    assert (case.custodian, case.informed) == (VILLAGE, (WINDOW,))
    assert readers(case) == {VILLAGE, TOWNSHIP, COUNTY, WINDOW}


def test_promises_of_the_filing_and_of_the_acceptance_stand_until_taken_up() -> None:
    book = Casebook()
    later = (Material("户口簿", MaterialStatus.DEFERRED, TODAY), Material("证件照", MaterialStatus.DEFERRED))
    book.keep(replace(filing(), materials=later))
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    tomorrow = TODAY + timedelta(days=1)
    book.act(CustodyAccepted, TOWNSHIP, "", (Promise("户口簿", tomorrow), Promise("银行账户", tomorrow)))
    assert folded(book).course.promises == (Promise("户口簿", tomorrow), Promise("银行账户", tomorrow))
    book.act(PapersReceived, TOWNSHIP, ("户口簿",))
    assert folded(book).course.promises == (Promise("银行账户", tomorrow),)


# --- pauses, opinions, reopening -----------------------------------------------------------------------------------


def test_a_pause_ends_with_the_resumption_or_with_the_case() -> None:
    book = book_at(Stage.SUSPENDED)
    (pause,) = folded(book).course.pauses
    assert (pause.since, pause.until) == (book.items[-1][1].at, None)
    suspended = book.items[-1]
    book.act(CustodyReassigned, COUNTY, OTHER_TOWNSHIP, "原单位失联", officer(COUNTY))
    book.act(CaseResumed, OTHER_TOWNSHIP, "鉴定已出")
    case = folded(book)
    assert (case.stage, case.course.pauses[0].until) == (Stage.IN_REVIEW, book.items[-1][1].at)
    for kind, fields in ((CaseTerminated, ("申请人死亡", "第70条")), (CaseWithdrawn, ("申请人撤回",))):
        book = book_at(Stage.SUSPENDED)
        assert book.items[-1] == suspended
        book.act(kind, TOWNSHIP, *fields)
        assert folded(book).course.pauses[0].until == book.items[-1][1].at, "reopened, it would stand still for ever"


def test_a_case_taken_up_again_has_no_decision_and_a_new_term() -> None:
    book = book_at(Stage.IN_REVIEW)
    book.act(TermExtended, TOWNSHIP, 10, "案情复杂", officer(COUNTY))
    book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合条件", "社会保险法第20条")
    book.act(ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    accepted_at = folded(book).accepted_at
    book.act(CaseReopened, TOWNSHIP, "发现材料不实", officer(COUNTY))
    case = folded(book)
    assert (case.stage, case.decision, case.decided_at, case.ended_at) == (Stage.IN_REVIEW, None, None, None)
    assert (case.accepted_at, case.course.extensions, len(case.course.reopenings)) == (accepted_at, (), 1)
    assert (case.course.opinions_due, case.silent) == (None, (DEPARTMENT,)), "nobody is late before being asked anew"
    assert case.unanswered == (DEPARTMENT,), "without its word nothing is granted"


def test_departments_speak_for_themselves_and_only_those_asked_are_heard() -> None:
    book = book_at(Stage.IN_REVIEW)
    book.contribute(OpinionGiven, DEPARTMENT, Opinion.OBJECTS, "占用林地")
    book.contribute(OpinionGiven, OTHER_TOWNSHIP, Opinion.OBJECTS, "不同意")
    book.contribute(OpinionGiven, DEPARTMENT, Opinion.AGREES, "已整改")
    book.act(OpinionsRequested, TOWNSHIP, (DEPARTMENT, WINDOW), TODAY)
    case = folded(book)
    assert case.opinions == {DEPARTMENT: Opinion.AGREES}
    assert (case.course.consulted, case.silent) == ((DEPARTMENT, WINDOW), (WINDOW,))
    assert case.unanswered == (DEPARTMENT, WINDOW), "asked anew, it has to answer again"
    book.contribute(MeetingHeld, WINDOW, TODAY, (DEPARTMENT,), (), "同意")
    assert not folded(book).has_met, "who never held the case calls no meeting on it"
    book.contribute(MeetingHeld, TOWNSHIP, TODAY, (DEPARTMENT, WINDOW), (DEPARTMENT,), "同意")
    assert folded(book).absent == {WINDOW}
    book.contribute(MeetingHeld, TOWNSHIP, TODAY, (DEPARTMENT, WINDOW), (DEPARTMENT, WINDOW), "同意")
    assert (folded(book).has_met, folded(book).absent) == (True, frozenset()), "it came the second time"


@pytest.mark.parametrize("stranger", [OTHER_VILLAGE, OfficeId("510824103"), OfficeId("510824.gaj")])
def test_what_a_village_or_a_stranger_writes_of_a_review_counts_for_nothing(stranger: OfficeId) -> None:
    book = book_at(Stage.OFFERED)
    for kind, fields in (
        (FeePaid, (2000, "1")),
        (StepCompleted, (Step.SEALING, "已盖章")),
        (CaseExpedited, ("抢险", officer(COUNTY))),
        (CaseConverted, (30, "来不及")),
        (SiteSurveyed, ((officer(VILLAGE), officer(COUNTY)), TODAY, "三组", "属实", True)),
        (CaseReceived, ()),
    ):
        book.contribute(kind, stranger, *fields)
    book.contribute(PapersBrought, OfficeId("510824103201"), ("户口簿",))
    case = folded(book)
    assert (case.brought, case.missing_of(("户口簿",))) == ((), ("户口簿",)), "a stranger brings nothing"
    assert (case.fees_fen, case.is_paid, case.steps_done, case.survey_parties) == (0, False, frozenset(), ())
    assert (case.is_expedited, case.converted_days, case.received_at) == (False, None, None)


# --- what is missing, forbidden or repeated ------------------------------------------------------------------------


def test_acts_wait_for_the_filing_and_for_the_turn_before_them() -> None:
    book = Casebook()
    book.granted_at_township()
    filed, offered, accepted, granted = book.items
    case = fold([accepted, granted, offered])
    assert case is not None
    assert (case.stage, case.turn, len(case.held)) == (Stage.AWAITED, 0, 3)
    case = fold([granted, filed, offered])
    assert case is not None
    assert (case.stage, case.turn, case.held) == (Stage.OFFERED, 2, (granted[1].hash,))
    assert follow(case, *accepted) is None, "the missing turn may set free what waits: refold"
    case = fold([granted, filed, offered, accepted])
    assert case is not None
    assert (case.stage, case.held) == (Stage.DECIDED, ())


def test_a_remark_that_arrives_before_the_filing_waits() -> None:
    book = Casebook()
    filed = book.file()
    remark = book.contribute(RemarkAdded, TOWNSHIP, "请补充说明")
    assert follow(None, *remark) is None
    case = fold([remark])
    assert case is not None
    assert case.held == (remark[1].hash,)
    case = fold([remark, filed])
    assert case is not None
    assert (len(case.contributions), case.held) == (1, ())


def test_an_office_without_the_pen_changes_nothing_and_takes_no_turn() -> None:
    book = Casebook()
    book.accepted_at_township()
    accepted = book.items[-1]
    book.act(CaseDecided, VILLAGE, Outcome.GRANTED, "同意", "无")
    case = folded(book)
    assert (case.stage, case.turn, case.decision, codes(case)) == (
        Stage.IN_REVIEW,
        3,
        None,
        [casefile.NOT_CUSTODIAN],
    )
    book.act(ResultHandedOver, VILLAGE, "王秀英", Handover.HOME)
    case = folded(book)
    assert (case.turn, case.superseded) == (3, (book.items[-1][1].hash,)), "what follows a void act is void with it"
    book.go_back_to(accepted)
    book.act(CaseDecided, TOWNSHIP, Outcome.REFUSED, "不符合条件", "社会保险法第20条", "可申请行政复议")
    case = folded(book)
    assert case.decision is not None
    assert (case.turn, case.decision.outcome, codes(case)) == (4, Outcome.REFUSED, [casefile.NOT_CUSTODIAN])


def test_while_an_offer_is_open_neither_side_may_decide() -> None:
    for office in (VILLAGE, TOWNSHIP):
        book = Casebook()
        book.file()
        book.act(CustodyOffered, VILLAGE, TOWNSHIP)
        book.act(CaseDecided, office, Outcome.GRANTED, "同意", "无")
        case = folded(book)
        assert (case.stage, case.decision, codes(case)) == (Stage.OFFERED, None, [casefile.NOT_CUSTODIAN])


def test_an_act_that_the_stage_forbids_takes_its_turn_and_changes_nothing_else() -> None:
    book = Casebook()
    book.accepted_at_township()
    book.act(ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER)
    case = folded(book)
    assert (case.stage, case.turn, case.ended_at, codes(case)) == (
        Stage.IN_REVIEW,
        4,
        None,
        [casefile.NOT_IN_THIS_STAGE],
    )
    book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合条件", "社会保险法第20条")
    assert folded(book).stage is Stage.DECIDED


def test_an_offer_to_oneself_has_no_effect() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, VILLAGE)
    case = folded(book)
    assert (case.stage, case.custodian, codes(case)) == (Stage.FILED, VILLAGE, [casefile.OFFERED_TO_ITSELF])


def test_a_turn_that_skips_or_repeats_a_number_is_void() -> None:
    book = Casebook()
    filed = book.file()
    book.turn = 5
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    case = folded(book)
    assert (case.turn, codes(case)) == (1, [casefile.OUT_OF_TURN])
    book.go_back_to(filed)
    book.turn = 0
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    assert codes(folded(book)) == [casefile.OUT_OF_TURN] * 2


def test_a_first_act_that_is_no_filing_is_void() -> None:
    book = Casebook()
    book.act(CustodyAccepted, TOWNSHIP)
    case = folded(book)
    assert (case.stage, codes(case)) == (Stage.AWAITED, [casefile.FILING_EXPECTED])


def test_one_operation_written_twice_counts_once() -> None:
    book = Casebook()
    book.file()
    operation = digest("double click")[:8]
    book.contribute(PapersBrought, VILLAGE, ("证件照",), operation=operation, ordinal=2)
    first = book.contribute(PapersBrought, VILLAGE, ("证件照",), operation=operation, ordinal=1)
    case = folded(book)
    assert [note.hash for note in case.contributions] == [first[1].hash]


def test_nobody_takes_another_office_s_word_away_by_copying_its_number() -> None:
    book = book_at(Stage.IN_REVIEW)
    operation = digest("seen")[:8]
    book.contribute(OpinionGiven, DEPARTMENT, Opinion.OBJECTS, "占用林地", operation=operation, ordinal=2)
    book.contribute(RemarkAdded, TOWNSHIP, "好", operation=operation, ordinal=1)
    case = folded(book)
    assert case.opinions == {DEPARTMENT: Opinion.OBJECTS}
    assert fold(book.items[::-1]) == case


# --- the same turn taken twice (RULINGS B2) ------------------------------------------------------------------------


def test_a_restored_township_cannot_overturn_a_grant_already_handed_over() -> None:
    """COUNTEREXAMPLES 1 A5: granted and handed over, then a restored township refuses at the same turns."""
    book = Casebook()
    book.accepted_at_township()
    offered = book.items[1]
    book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合条件", "社会保险法第20条", ordinal=9)
    book.act(CustodyOffered, TOWNSHIP, VILLAGE, ordinal=9)
    book.act(CustodyAccepted, VILLAGE)
    book.act(ResultHandedOver, VILLAGE, "王秀英", Handover.HOME)
    delivered = folded(book)
    book.go_back_to(offered)
    again = book.act(CustodyAccepted, TOWNSHIP, ordinal=1)
    refused = book.act(CaseDecided, TOWNSHIP, Outcome.REFUSED, "材料不实", "社会保险法第20条", "行政复议", ordinal=1)
    case = folded(book)
    assert case.decision is not None
    assert (case.stage, case.decision.outcome, case.tip) == (Stage.HANDED_OVER, Outcome.GRANTED, delivered.tip)
    assert case.superseded == tuple(sorted((again[1].hash, refused[1].hash)))


def test_between_branches_nobody_else_built_on_the_lower_epoch_ordinal_wins_then_the_lower_hash() -> None:
    book = Casebook()
    book.accepted_at_township()
    accepted = book.items[-1]
    later = book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合条件", "社会保险法第20条", ordinal=3)
    book.go_back_to(accepted)
    earlier = book.act(CaseDecided, TOWNSHIP, Outcome.REFUSED, "不符合", "社会保险法第20条", "行政复议", ordinal=2)
    case = folded(book)
    assert (case.tip, case.superseded) == (followed(earlier[1].hash), (later[1].hash,))
    book.go_back_to(accepted)
    twin = book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合条件", "社会保险法第20条", ordinal=2)
    case = folded(book)
    assert case.tip == followed(min(earlier[1].hash, twin[1].hash))


def test_a_village_alone_never_overturns_its_townships_refusal() -> None:
    book = Casebook()
    filed = book.file()
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.act(CustodyAccepted, TOWNSHIP)
    refused = book.act(CaseDecided, TOWNSHIP, Outcome.REFUSED, "不符合", "社会保险法第20条", "行政复议")
    book.go_back_to(filed)
    book.act(CustodyAccepted, VILLAGE)
    book.act(CaseDecided, VILLAGE, Outcome.GRANTED, "符合条件", "社会保险法第20条")
    book.act(ResultHandedOver, VILLAGE, "王秀英", Handover.HOME)
    case = folded(book)
    assert (case.stage, case.tip) == (Stage.DECIDED, followed(refused[1].hash))


def test_a_village_that_accepts_or_decides_takes_its_turn_without_effect() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyAccepted, VILLAGE)
    case = folded(book)
    assert (case.stage, case.turn, codes(case)) == (Stage.FILED, 2, [casefile.VILLAGE_CANNOT_REVIEW])
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.act(CustodyAccepted, TOWNSHIP)
    book.act(CustodyOffered, TOWNSHIP, VILLAGE)
    book.act(CustodyAccepted, VILLAGE)
    book.act(CaseDecided, VILLAGE, Outcome.GRANTED, "符合条件", "社会保险法第20条")
    case = folded(book)
    assert (case.stage, case.custodian, case.decision) == (Stage.IN_REVIEW, VILLAGE, None)


def test_a_stranger_who_files_anothers_case_alone_neither_gets_it_nor_hears_of_it() -> None:
    book = Casebook()
    book.accepted_at_township()
    honest = folded(book)
    strange = Casebook()
    strange.items = [*book.items]
    strange.file(OTHER_TOWNSHIP)
    strange.act(CustodyAccepted, OTHER_TOWNSHIP)
    strange.act(CaseDecided, OTHER_TOWNSHIP, Outcome.GRANTED, "符合条件", "社会保险法第20条")
    strange.act(ResultHandedOver, OTHER_TOWNSHIP, "李四", Handover.COUNTER)
    case = folded(strange)
    assert (case.filing_office, case.custodian, case.tip) == (VILLAGE, TOWNSHIP, honest.tip)
    assert OTHER_TOWNSHIP not in readers(case)


def test_a_window_of_the_same_device_is_not_another_office() -> None:
    """A restored county forgot its grant and gave the case to its own window: nobody but itself built on that."""
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, COUNTY)
    accepted = book.act(CustodyAccepted, COUNTY)
    granted = book.act(CaseDecided, COUNTY, Outcome.GRANTED, "符合条件", "社会保险法第20条", ordinal=1)
    book.go_back_to(accepted)
    book.act(CustodyOffered, COUNTY, WINDOW, ordinal=2)
    book.act(CustodyAccepted, WINDOW, ordinal=2)
    assert folded(book).tip == followed(granted[1].hash)


def test_what_an_office_handed_over_stands_against_what_it_forgot() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, COUNTY)
    accepted = book.act(CustodyAccepted, COUNTY)
    book.act(CustodyOffered, COUNTY, OTHER_TOWNSHIP, ordinal=1)
    book.act(CustodyAccepted, OTHER_TOWNSHIP)
    book.go_back_to(accepted)
    book.act(CaseDecided, COUNTY, Outcome.GRANTED, "符合条件", "社会保险法第20条", ordinal=2)
    handed = book.act(ResultHandedOver, COUNTY, "王秀英", Handover.COUNTER, ordinal=2)
    assert folded(book).tip == followed(handed[1].hash)


def test_who_worked_on_the_branch_that_lost_still_hears_how_the_case_goes_on() -> None:
    book = Casebook()
    book.accepted_at_township()
    accepted = book.items[-1]
    book.act(CustodyOffered, TOWNSHIP, OTHER_TOWNSHIP, ordinal=2)
    book.go_back_to(accepted)
    book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合条件", "社会保险法第20条", ordinal=1)
    case = folded(book)
    assert (case.stage, case.informed) == (Stage.DECIDED, (TOWNSHIP, OTHER_TOWNSHIP))


# --- reassignment (RULINGS B3) -------------------------------------------------------------------------------------


def reassign(book: Casebook, office: OfficeId, to: OfficeId) -> Item:
    return book.act(CustodyReassigned, office, to, "原单位失联", officer(COUNTY))


def test_the_county_takes_the_pen_from_a_silent_office() -> None:
    book = Casebook()
    book.file()
    offered = book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    reassign(book, COUNTY, OTHER_TOWNSHIP)
    case = folded(book)
    assert (case.stage, case.custodian, case.offeree) == (Stage.FILED, OTHER_TOWNSHIP, None)
    assert case.informed == (TOWNSHIP,), "the silent offeree must hear that the offer is gone"
    book.go_back_to(offered)
    silent = book.act(CustodyAccepted, TOWNSHIP)
    decided = book.act(CaseDecided, TOWNSHIP, Outcome.GRANTED, "符合条件", "社会保险法第20条")
    case = folded(book)
    assert case.custodian == OTHER_TOWNSHIP
    assert case.superseded == tuple(sorted((silent[1].hash, decided[1].hash)))


def test_a_reassignment_never_overturns_a_result_already_handed_over() -> None:
    """COUNTEREXAMPLES 2 F12: the county did not know that the silent township's result was with the resident."""
    book = Casebook()
    book.handed_over_in_village()
    tip = folded(book).tip
    book.go_back_to(book.items[1])
    void = reassign(book, COUNTY, OTHER_TOWNSHIP)
    case = folded(book)
    assert (case.stage, case.tip) == (Stage.HANDED_OVER, tip)
    assert (codes(case), case.superseded) == ([casefile.REASSIGNMENT_VOID], (void[1].hash,))
    closed = CaseClosed(case.turn + 1, case.tip, digest("x")[:8], VILLAGE, officer(VILLAGE))
    assert follow(case, closed, void[1]) is not None


def test_nobody_but_the_county_itself_reassigns() -> None:
    for office in (TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, WINDOW, OfficeId("510522"), OfficeId("5108241")):
        book = Casebook()
        book.file()
        book.act(CustodyOffered, VILLAGE, TOWNSHIP)
        reassign(book, office, OTHER_VILLAGE)
        case = folded(book)
        assert (case.stage, case.offeree, codes(case)) == (Stage.OFFERED, TOWNSHIP, [casefile.NOT_CUSTODIAN])
