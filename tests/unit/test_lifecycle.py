"""What may be written now: the guard at the pen and the buttons of the page."""

import pytest

from office.seeds import load_catalogue
from schemas.casework import lifecycle
from schemas.casework.casefile import CaseFile, fold
from schemas.casework.events import (
    EVENTS,
    Act,
    CaseDecided,
    CaseEvent,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    Outcome,
    PapersBrought,
    PapersRequested,
    RemarkAdded,
)
from schemas.casework.lifecycle import (
    ACTS,
    CONTRIBUTIONS,
    REASONS,
    TRANSITIONS,
    Actor,
    NotPermitted,
    Stage,
    available_acts,
    check_role,
    permits,
    permits_event,
)
from schemas.casework.roles import Role
from schemas.catalogue import ServiceItem
from schemas.names import OfficeId
from tests.support.casebook import (
    COUNTY,
    FAR_COUNTY,
    OTHER_TOWNSHIP,
    OTHER_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    WINDOW,
    Casebook,
    digest,
    filing,
    officer,
)

AT_TOWNSHIP = load_catalogue().get_item("RS03")
"""Decided by the township."""
AT_COUNTY = load_catalogue().get_item("RS01")
"""Taken in everywhere, decided by the county."""
IN_PERSON = load_catalogue().get_item("MZ10")
"""Marriage: both must come."""
NOT_AT_VILLAGE = load_catalogue().get_item("RS07")
"""Township and county take it in; an agent may carry the papers."""

ALL_ROLES = frozenset(Role)


def case_of(book: Casebook) -> CaseFile:
    case = fold(book.items)
    assert case is not None
    return case


def refusal(case: CaseFile | None, act: str, office: OfficeId, item: ServiceItem | None = AT_TOWNSHIP) -> str:
    """The code of the refusal, or "" when permitted."""
    try:
        permits(case, act, office, item)
    except NotPermitted as refused:
        return refused.code
    return ""


def event_refusal(case: CaseFile, event: CaseEvent, item: ServiceItem | None = AT_TOWNSHIP) -> str:
    try:
        permits_event(case, event, item)
    except NotPermitted as refused:
        return refused.code
    return ""


def next_act(case: CaseFile, kind: type[Act], office: OfficeId, *fields: object) -> Act:
    return kind(case.turn + 1, case.tip, digest("op")[:8], office, officer(office), *fields)


def at(stage: Stage) -> CaseFile:
    """A case that reached `stage` by lawful acts, held by the township or the village."""
    book = Casebook()
    match stage:
        case Stage.FILED:
            book.file()
        case Stage.OFFERED:
            book.file()
            book.act(CustodyOffered, VILLAGE, TOWNSHIP)
        case Stage.IN_REVIEW:
            book.accepted_at_township()
        case Stage.PAPERS_AWAITED:
            book.accepted_at_township()
            book.act(PapersRequested, TOWNSHIP, ("证件照",), "缺件")
        case Stage.REFERRED:
            book.accepted_at_township()
            book.act(CustodyOffered, TOWNSHIP, COUNTY)
        case Stage.DECIDED:
            book.granted_at_township()
        case Stage.RETURNING:
            book.granted_at_township()
            book.act(CustodyOffered, TOWNSHIP, VILLAGE)
        case _:
            book.handed_over_in_village()
    case = case_of(book)
    assert case.stage is stage
    return case


# --- the table -----------------------------------------------------------------------------------------------------


def test_the_table_speaks_only_of_events_that_exist_and_leaves_no_stage_without_a_way_out() -> None:
    acts = {kind for kind, event in EVENTS.items() if issubclass(event, Act)}
    assert set(ACTS) == acts
    assert set(CONTRIBUTIONS) == EVENTS.keys() - acts
    left = {stage for stage, _ in TRANSITIONS}
    assert left == set(Stage) - {Stage.AWAITED, Stage.CLOSED}
    reached = {transition.stage for transition in TRANSITIONS.values()}
    assert reached == set(Stage) - {Stage.AWAITED}


def test_in_transit_only_the_offeree_and_the_county_may_act() -> None:
    for (stage, kind), transition in TRANSITIONS.items():
        if stage in lifecycle.IN_TRANSIT:
            assert transition.by is (Actor.COUNTY if kind == "custody.reassigned" else Actor.OFFEREE)
        else:
            assert transition.by is not Actor.OFFEREE


def test_every_reason_is_a_sentence_in_both_languages() -> None:
    for zh, en in REASONS.values():
        assert zh.endswith("。")
        assert en.endswith(".")
    with pytest.raises(NotPermitted) as refused:
        permits(None, "custody.offered", VILLAGE, AT_TOWNSHIP)
    assert refused.value.text("zh-CN").startswith("本机没有这个件")
    assert refused.value.text("en").startswith("This case is not here")


# --- filing --------------------------------------------------------------------------------------------------------


def test_filing_follows_the_catalogue() -> None:
    assert refusal(None, "case.filed", VILLAGE, AT_COUNTY) == ""
    assert refusal(None, "case.filed", VILLAGE, None) == "unknown_item"
    assert refusal(None, "case.filed", VILLAGE, IN_PERSON) == "not_delegable"
    assert refusal(None, "case.filed", TOWNSHIP, IN_PERSON) == ""
    assert refusal(None, "case.filed", VILLAGE, NOT_AT_VILLAGE) == "", "the agent carries the papers up"
    assert refusal(None, "case.filed", COUNTY, load_catalogue().get_item("WJ02")) == "not_accepted_here"
    assert refusal(at(Stage.FILED), "case.filed", VILLAGE, AT_COUNTY) == "already_filed"


# --- who may act ---------------------------------------------------------------------------------------------------


def test_only_the_custodian_takes_a_turn_and_in_transit_only_the_offeree() -> None:
    filed, offered, review = at(Stage.FILED), at(Stage.OFFERED), at(Stage.IN_REVIEW)
    assert refusal(filed, "custody.offered", VILLAGE) == ""
    assert refusal(filed, "custody.offered", TOWNSHIP) == "not_custodian"
    assert refusal(offered, "custody.accepted", TOWNSHIP) == ""
    assert refusal(offered, "custody.accepted", VILLAGE) == "in_transit"
    assert refusal(offered, "case.withdrawn", VILLAGE) == "in_transit"
    assert refusal(offered, "case.decided", TOWNSHIP) == "stage_forbids"
    assert refusal(review, "custody.accepted", TOWNSHIP) == "stage_forbids"
    assert refusal(review, "case.decided", VILLAGE) == "not_custodian"
    assert refusal(review, "case.reopened", TOWNSHIP) == "unknown_act"


def test_the_county_alone_reassigns_and_not_from_a_window() -> None:
    offered = at(Stage.OFFERED)
    assert refusal(offered, "custody.reassigned", COUNTY) == ""
    for office in (TOWNSHIP, VILLAGE, WINDOW, FAR_COUNTY):
        assert refusal(offered, "custody.reassigned", office) == "county_only"


def test_competence_is_the_catalogues() -> None:
    review = at(Stage.IN_REVIEW)
    assert refusal(review, "case.decided", TOWNSHIP, AT_TOWNSHIP) == ""
    assert refusal(review, "case.decided", TOWNSHIP, AT_COUNTY) == "not_competent"
    assert refusal(review, "case.decided", TOWNSHIP, None) == "unknown_item"
    at_window = Casebook()
    at_window.accepted_at_township()
    at_window.act(CustodyOffered, TOWNSHIP, WINDOW)
    at_window.act(CustodyAccepted, WINDOW)
    assert refusal(case_of(at_window), "case.decided", WINDOW, AT_COUNTY) == ""


def test_a_village_neither_accepts_nor_decides() -> None:
    assert refusal(at(Stage.FILED), "custody.accepted", VILLAGE, AT_TOWNSHIP) == "village_cannot_review"
    back = Casebook()
    back.accepted_at_township()
    back.act(CustodyOffered, TOWNSHIP, VILLAGE)
    back.act(CustodyAccepted, VILLAGE)
    assert refusal(case_of(back), "case.decided", VILLAGE, AT_TOWNSHIP) == "not_competent"


def test_contributions_come_from_readers_at_their_time() -> None:
    offered, review = at(Stage.OFFERED), at(Stage.IN_REVIEW)
    assert refusal(review, "papers.brought", VILLAGE) == ""
    assert refusal(review, "papers.brought", OTHER_VILLAGE) == "not_a_reader"
    assert refusal(at(Stage.HANDED_OVER), "papers.brought", VILLAGE) == "stage_forbids"
    assert refusal(offered, "recall.requested", VILLAGE) == ""
    assert refusal(offered, "recall.requested", TOWNSHIP) == "not_offerer"
    assert refusal(review, "recall.requested", VILLAGE) == "stage_forbids"
    assert refusal(at(Stage.HANDED_OVER), "remark.added", COUNTY) == ""


def test_nothing_is_written_while_the_filing_has_not_arrived() -> None:
    book = Casebook()
    book.granted_at_township()
    case = fold(book.items[2:])
    for kind in EVENTS:
        if kind != "case.filed":
            assert refusal(case, kind, TOWNSHIP) == "filing_awaited"


# --- the complete event --------------------------------------------------------------------------------------------


def test_an_act_prepared_on_an_old_page_is_refused() -> None:
    review = at(Stage.IN_REVIEW)
    stale = CustodyOffered(3, review.tip, digest("op")[:8], TOWNSHIP, officer(TOWNSHIP), COUNTY)
    assert event_refusal(review, stale) == "not_following"
    stale = CustodyOffered(4, digest("other")[:16], digest("op")[:8], TOWNSHIP, officer(TOWNSHIP), COUNTY)
    assert event_refusal(review, stale) == "not_following"


@pytest.mark.parametrize(
    ("to", "code"),
    [
        (COUNTY, ""),
        (WINDOW, ""),
        (OTHER_TOWNSHIP, ""),
        (VILLAGE, ""),
        (TOWNSHIP, "offered_to_itself"),
        (FAR_COUNTY, "outside_county"),
        (OTHER_VILLAGE, "village_cannot_review"),
    ],
)
def test_where_an_undecided_case_may_go(to: OfficeId, code: str) -> None:
    review = at(Stage.IN_REVIEW)
    assert event_refusal(review, next_act(review, CustodyOffered, TOWNSHIP, to)) == code


def test_a_decided_case_may_be_handed_over_in_another_village() -> None:
    decided = at(Stage.DECIDED)
    assert event_refusal(decided, next_act(decided, CustodyOffered, TOWNSHIP, OTHER_VILLAGE)) == ""


def test_what_must_be_told_to_the_resident_must_be_stated() -> None:
    review, offered = at(Stage.IN_REVIEW), at(Stage.OFFERED)
    refused = (Outcome.REFUSED, "不符合条件", "社会保险法第20条")
    assert event_refusal(review, next_act(review, CaseDecided, TOWNSHIP, *refused)) == "refusal_incomplete"
    assert event_refusal(review, next_act(review, CaseDecided, TOWNSHIP, *refused, "行政复议")) == ""
    assert event_refusal(offered, next_act(offered, CustodyDeclined, TOWNSHIP, "  ")) == "reason_required"
    assert event_refusal(review, next_act(review, PapersRequested, TOWNSHIP, (), "缺件")) == "materials_required"
    reassigned = next_act(offered, CustodyReassigned, COUNTY, OTHER_TOWNSHIP, "失联", "")
    assert event_refusal(offered, reassigned) == "approver_required"
    brought = PapersBrought(3, digest("op")[:8], VILLAGE, officer(VILLAGE), ())
    assert event_refusal(review, brought) == "materials_required"
    assert event_refusal(review, RemarkAdded(3, digest("op")[:8], VILLAGE, officer(VILLAGE), "好")) == ""


def test_a_filing_opens_a_case_with_turn_one() -> None:
    permits_event(None, filing(), AT_COUNTY)


# --- buttons -------------------------------------------------------------------------------------------------------


def test_the_page_offers_exactly_what_the_guard_permits() -> None:
    for stage in set(Stage) - {Stage.AWAITED, Stage.READY, Stage.CLOSED, Stage.WITHDRAWN}:
        case = at(stage)
        for office in (VILLAGE, TOWNSHIP, COUNTY, OTHER_VILLAGE):
            offered = available_acts(case, office, AT_TOWNSHIP, ALL_ROLES)
            allowed = {kind for kind in EVENTS if kind != "case.filed" and not refusal(case, kind, office)}
            assert set(offered) == allowed


def test_a_role_narrows_what_the_office_may_do() -> None:
    review = at(Stage.IN_REVIEW)
    assert "case.decided" not in available_acts(review, TOWNSHIP, AT_TOWNSHIP, {Role.CLERK})
    assert "case.decided" in available_acts(review, TOWNSHIP, AT_TOWNSHIP, {Role.CLERK, Role.APPROVER})
    assert available_acts(review, TOWNSHIP, AT_TOWNSHIP, {Role.ADMINISTRATOR}) == ()
    assert available_acts(review, COUNTY, AT_TOWNSHIP, {Role.SUPERVISOR}) == ("remark.added",)
    with pytest.raises(NotPermitted) as refused:
        check_role("case.decided", {Role.AGENT})
    assert refused.value.code == "role_forbids"


def test_what_is_permitted_at_the_pen_is_never_a_breach_in_the_fold() -> None:
    for stage in set(Stage) - {Stage.AWAITED, Stage.READY, Stage.CLOSED, Stage.WITHDRAWN}:
        case = at(stage)
        for (here, kind), transition in TRANSITIONS.items():
            if here is not stage:
                continue
            office = {Actor.CUSTODIAN: case.custodian, Actor.OFFEREE: case.offeree, Actor.COUNTY: COUNTY}[transition.by]
            assert office is not None
            assert refusal(case, kind, office, AT_TOWNSHIP) in ("", "village_cannot_review", "not_competent")
