"""What may be written now: the guard at the pen and the buttons of the page.

Every single cell stage × kind × office is in `tests/golden/lifecycle.txt`; here are the rules behind them.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pytest
from msgspec.structs import replace

from office.seeds import load_catalogue
from schemas.casework import lifecycle
from schemas.casework.casefile import CaseFile
from schemas.casework.events import (
    EVENTS,
    Act,
    CaseConverted,
    CaseDecided,
    CaseEvent,
    CaseReopened,
    CaseTerminated,
    CustodyAccepted,
    CustodyOffered,
    TermExtended,
)
from schemas.casework.fold import fold
from schemas.casework.lifecycle import (
    ACTS,
    CONTRIBUTIONS,
    TRANSITIONS,
    Actor,
    NotPermitted,
    Stage,
    available_acts,
    check_role,
    permits,
    permits_event,
)
from schemas.casework.reasons import REASONS
from schemas.casework.roles import Role
from schemas.casework.values import Outcome
from schemas.catalogue import Decider, Grant, ServiceItem, is_of_department
from schemas.divisions import Tier
from schemas.names import OfficeId
from tests.golden.casework import events
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
from tests.support.stages import DEPARTMENT, EVERYWHERE, book_at, case_at, parts_of

AT_TOWNSHIP = load_catalogue().get_item("RS03")
"""Decided by the township."""
AT_COUNTY = load_catalogue().get_item("RS01")
"""Taken in everywhere, decided by the county."""
IN_PERSON = load_catalogue().get_item("MZ10")
"""Marriage: both must come."""
NOT_AT_VILLAGE = load_catalogue().get_item("RS07")
"""Township and county take it in; an agent may carry the papers."""

ALL_ROLES = frozenset(Role)
ONE_DAY = timedelta(days=1)


def refusal(
    case: CaseFile | None,
    act: str,
    office: OfficeId,
    item: ServiceItem | None = AT_TOWNSHIP,
    *,
    today: date | None = None,
    grants: Sequence[Grant] = (),
) -> str:
    """The code of the refusal, or "" when permitted."""
    try:
        permits(case, act, office, item, today=today, grants=grants)
    except NotPermitted as refused:
        return refused.code
    return ""


def event_refusal(
    case: CaseFile,
    event: CaseEvent,
    item: ServiceItem | None = AT_TOWNSHIP,
    *,
    today: date | None = None,
    grants: Sequence[Grant] = (),
    department: str = "",
) -> str:
    try:
        permits_event(case, event, item, today=today, grants=grants, department=department)
    except NotPermitted as refused:
        return refused.code
    return ""


def next_act(case: CaseFile, kind: type[Act], office: OfficeId, *fields: object) -> Act:
    return kind(case.turn + 1, case.tip, digest("op")[:8], office, officer(office), *fields)


# --- the table -----------------------------------------------------------------------------------------------------


def test_the_table_speaks_only_of_events_that_exist_and_leaves_no_stage_without_a_way_out() -> None:
    acts = {kind for kind, event in EVENTS.items() if issubclass(event, Act)}
    assert set(ACTS) == acts
    assert set(CONTRIBUTIONS) == EVENTS.keys() - acts
    left = {stage for stage, _ in TRANSITIONS}
    assert left == set(Stage) - {Stage.AWAITED}
    reached = {transition.stage for transition in TRANSITIONS.values()}
    assert reached == set(Stage) - {Stage.AWAITED}


def test_in_transit_only_the_offeree_and_the_county_may_act() -> None:
    for (stage, kind), transition in TRANSITIONS.items():
        if stage in lifecycle.IN_TRANSIT:
            is_countys = kind in ("custody.reassigned", "case.rehomed")
            assert transition.by is (Actor.COUNTY if is_countys else Actor.OFFEREE)
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


def test_a_suspended_item_takes_no_new_case_and_lets_open_ones_finish() -> None:
    day = date(2026, 3, 6)
    suspended = replace(AT_TOWNSHIP, suspended_from=day, suspended_until=day, suspension_document="停〔2026〕1号")
    for today, code in ((day - ONE_DAY, ""), (day, "item_suspended"), (day + ONE_DAY, "")):
        assert refusal(None, "case.filed", VILLAGE, suspended, today=today) == code
    assert refusal(case_at(Stage.OFFERED), "custody.accepted", TOWNSHIP, suspended, today=day) == ""
    assert refusal(case_at(Stage.IN_REVIEW), "case.decided", TOWNSHIP, suspended, today=day) == ""


def test_a_case_is_filed_once() -> None:
    assert refusal(case_at(Stage.FILED), "case.filed", VILLAGE, AT_COUNTY) == "already_filed"


# --- who may act ---------------------------------------------------------------------------------------------------


def test_only_the_custodian_takes_a_turn_and_in_transit_only_the_offeree() -> None:
    filed, offered, review = case_at(Stage.FILED), case_at(Stage.OFFERED), case_at(Stage.IN_REVIEW)
    assert refusal(filed, "custody.offered", VILLAGE) == ""
    assert refusal(filed, "custody.offered", TOWNSHIP) == "not_custodian"
    assert refusal(offered, "custody.accepted", TOWNSHIP) == ""
    assert refusal(offered, "custody.accepted", VILLAGE) == "in_transit"
    assert refusal(offered, "case.withdrawn", VILLAGE) == "in_transit"
    assert refusal(offered, "case.decided", TOWNSHIP) == "stage_forbids"
    assert refusal(review, "custody.accepted", TOWNSHIP) == "stage_forbids"
    assert refusal(review, "case.decided", VILLAGE) == "not_custodian"
    assert refusal(review, "case.reopened", TOWNSHIP) == "stage_forbids"
    assert refusal(case_at(Stage.DECIDED), "case.reopened", TOWNSHIP) == ""
    assert refusal(case_at(Stage.READY), "case.reopened", TOWNSHIP) == "not_custodian"
    assert refusal(case_at(Stage.READY), "case.reopened", VILLAGE) == "not_responsible"
    assert refusal(review, "case.filed/2", TOWNSHIP) == "unknown_act"


def test_the_county_alone_reassigns_and_not_from_a_window() -> None:
    offered = case_at(Stage.OFFERED)
    assert refusal(offered, "custody.reassigned", COUNTY) == ""
    for office in (TOWNSHIP, VILLAGE, WINDOW, FAR_COUNTY):
        assert refusal(offered, "custody.reassigned", office) == "county_only"


def test_competence_is_the_catalogues() -> None:
    review = case_at(Stage.IN_REVIEW)
    assert refusal(review, "case.decided", TOWNSHIP, AT_TOWNSHIP) == ""
    assert refusal(review, "case.decided", TOWNSHIP, AT_COUNTY) == "not_competent"
    assert refusal(review, "case.decided", TOWNSHIP, None) == "unknown_item"
    assert refusal(review, "term.extended", TOWNSHIP, None) == "unknown_item"
    at_window = Casebook()
    at_window.accepted_at_township()
    at_window.act(CustodyOffered, TOWNSHIP, WINDOW)
    at_window.act(CustodyAccepted, WINDOW)
    assert refusal(at_window.case, "case.decided", WINDOW, AT_COUNTY) == ""


def test_a_departments_window_takes_in_and_decides_its_own_items() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, WINDOW)
    offered = book.case
    book.act(CustodyAccepted, WINDOW)
    review, today = book.case, date(2026, 3, 6)
    granted = (Grant("委〔2026〕1号", "县医保局", True, (WINDOW,), (AT_COUNTY.code,), today, None, "文"),)

    def said(case: CaseFile, act: str, department: str, grants: Sequence[Grant] = ()) -> str:
        try:
            permits(case, act, WINDOW, AT_COUNTY, today=today, grants=grants, department=department)
        except NotPermitted as refused:
            return refused.code
        return ""

    for case, act in ((offered, "custody.accepted"), (review, "case.decided")):
        assert said(case, act, AT_COUNTY.department) == ""
        assert said(case, act, "") == "", "a comprehensive window takes any item"
        assert said(case, act, "县林业局") == "other_department"
    assert said(review, "case.decided", "县林业局", granted) == ""
    for number, organ, code in (("", "", "grant_required"), (granted[0].number, granted[0].grantor, "")):
        event = next_act(review, CaseDecided, WINDOW, Outcome.GRANTED, "符合", "第20条", "", "", number, organ)
        assert event_refusal(review, event, AT_COUNTY, today=today, grants=granted, department="县林业局") == code
    named = replace(AT_COUNTY, deciders=(Decider(Tier.COUNTY, "残联审核+民政局审定"),))
    assert is_of_department(named, "县残联")
    assert is_of_department(named, "县民政局")
    assert not is_of_department(named, "县医保局")


def test_a_grant_gives_the_decision_to_a_township_on_its_days() -> None:
    review = case_at(Stage.IN_REVIEW)
    days = (date(2026, 1, 1), date(2026, 3, 6))
    grant = Grant("放〔2026〕1号", "县人社局", False, (TOWNSHIP,), (AT_COUNTY.code,), *days, "放〔2026〕1号")
    for today, code in ((days[0], ""), (days[1], ""), (days[1] + ONE_DAY, "not_competent"), (None, "not_competent")):
        assert refusal(review, "case.decided", TOWNSHIP, AT_COUNTY, today=today, grants=[grant]) == code
    elsewhere = replace(grant, grantees=(OTHER_TOWNSHIP,))
    assert refusal(review, "case.decided", TOWNSHIP, AT_COUNTY, today=days[1], grants=[elsewhere]) == "not_competent"


def test_a_term_is_extended_once_where_the_catalogue_allows_it() -> None:
    assert refusal(case_at(Stage.IN_REVIEW), "term.extended", TOWNSHIP, AT_TOWNSHIP) == "no_extension"
    assert refusal(case_at(Stage.IN_REVIEW), "term.extended", TOWNSHIP, EVERYWHERE) == ""
    book = book_at(Stage.IN_REVIEW)
    book.act(TermExtended, TOWNSHIP, 10, "案情复杂", officer(COUNTY))
    assert refusal(book.case, "term.extended", TOWNSHIP, EVERYWHERE) == "extended_once"
    book.act(CaseTerminated, TOWNSHIP, "申请人死亡", "行政许可法第70条")
    book.act(CaseReopened, TOWNSHIP, "误报", officer(COUNTY))
    assert refusal(book.case, "term.extended", TOWNSHIP, EVERYWHERE) == "", "a new term runs"


def test_only_what_the_law_lets_wait_is_converted_and_once() -> None:
    convertible = EVERYWHERE
    assert convertible.is_on_the_spot
    assert refusal(case_at(Stage.IN_REVIEW), "case.converted", TOWNSHIP, convertible) == ""
    assert refusal(case_at(Stage.IN_REVIEW), "case.converted", TOWNSHIP, None) == "unknown_item"
    assert refusal(case_at(Stage.IN_REVIEW), "case.converted", TOWNSHIP, AT_TOWNSHIP) == "not_convertible", (
        "当场, by law"
    )
    promised = load_catalogue().get_item("RS04")
    assert refusal(case_at(Stage.IN_REVIEW), "case.converted", TOWNSHIP, promised) == "not_convertible"
    book = book_at(Stage.IN_REVIEW)
    book.contribute(CaseConverted, TOWNSHIP, 5, "系统停机")
    assert refusal(book.case, "case.converted", TOWNSHIP, convertible) == "converted_once"


def test_nobody_gives_a_case_back_to_itself() -> None:
    assert refusal(case_at(Stage.CORRECTING, TOWNSHIP), "custody.declined", TOWNSHIP) == "stage_forbids"
    assert refusal(case_at(Stage.CORRECTING), "custody.declined", TOWNSHIP) == ""


def test_a_village_neither_accepts_nor_decides() -> None:
    assert refusal(case_at(Stage.FILED), "custody.accepted", VILLAGE, AT_TOWNSHIP) == "village_cannot_review"
    back = Casebook()
    back.accepted_at_township()
    back.act(CustodyOffered, TOWNSHIP, VILLAGE)
    back.act(CustodyAccepted, VILLAGE)
    for kind in ("case.decided", "case.suspended", "term.extended", "papers.requested", "case.terminated"):
        assert refusal(back.case, kind, VILLAGE, AT_TOWNSHIP) == "village_cannot_review"
    assert refusal(back.case, "custody.offered", VILLAGE) == ""


def test_contributions_come_from_readers_at_their_time() -> None:
    offered, review = case_at(Stage.OFFERED), case_at(Stage.IN_REVIEW)
    assert refusal(review, "papers.brought", VILLAGE) == ""
    assert refusal(review, "papers.brought", OTHER_VILLAGE) == "not_a_reader"
    assert refusal(case_at(Stage.HANDED_OVER), "papers.brought", VILLAGE) == "stage_forbids"
    assert refusal(offered, "recall.requested", VILLAGE) == ""
    assert refusal(offered, "recall.requested", TOWNSHIP) == "not_offerer"
    assert refusal(review, "recall.requested", VILLAGE) == "stage_forbids"
    assert refusal(case_at(Stage.HANDED_OVER), "remark.added", COUNTY) == ""
    assert refusal(review, "fee.paid", VILLAGE) == "village_takes_no_fee"
    assert refusal(review, "site.surveyed", VILLAGE) == "village_cannot_review"
    assert refusal(review, "site.surveyed", COUNTY) == "not_involved"
    assert refusal(review, "opinion.given", DEPARTMENT) == ""
    assert refusal(review, "opinion.given", TOWNSHIP) == "not_consulted"
    assert refusal(review, "meeting.held", DEPARTMENT) == "not_custodian"


def test_nothing_is_written_while_the_filing_has_not_arrived() -> None:
    book = Casebook()
    book.granted_at_township()
    case = fold(book.items[2:])
    for kind in EVENTS:
        if kind != "case.filed":
            assert refusal(case, kind, TOWNSHIP) == "filing_awaited"


# --- the complete event --------------------------------------------------------------------------------------------


def test_an_act_prepared_on_an_old_page_is_refused() -> None:
    review = case_at(Stage.IN_REVIEW)
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
        (OTHER_VILLAGE, "village_cannot_receive"),
    ],
)
def test_where_an_undecided_case_may_go(to: OfficeId, code: str) -> None:
    review = case_at(Stage.IN_REVIEW)
    assert event_refusal(review, next_act(review, CustodyOffered, TOWNSHIP, to)) == code


def test_a_decided_case_may_be_handed_over_in_another_village() -> None:
    decided = case_at(Stage.DECIDED)
    assert event_refusal(decided, next_act(decided, CustodyOffered, TOWNSHIP, OTHER_VILLAGE)) == ""


def test_a_filing_opens_a_case_with_turn_one() -> None:
    permits_event(None, filing(), AT_COUNTY)


# --- buttons -------------------------------------------------------------------------------------------------------


def test_the_page_offers_exactly_what_the_guard_permits() -> None:
    for stage in Stage:
        case = case_at(stage)
        for office in (VILLAGE, TOWNSHIP, COUNTY, OTHER_VILLAGE, DEPARTMENT):
            offered = available_acts(case, office, lambda kind: AT_TOWNSHIP, ALL_ROLES)
            allowed = {kind for kind in EVENTS if kind != "case.filed" and not refusal(case, kind, office)}
            assert set(offered) == allowed


def test_a_role_narrows_what_the_office_may_do() -> None:
    review = case_at(Stage.IN_REVIEW)
    assert "case.decided" not in available_acts(review, TOWNSHIP, lambda kind: AT_TOWNSHIP, {Role.CLERK})
    assert "case.decided" in available_acts(review, TOWNSHIP, lambda kind: AT_TOWNSHIP, {Role.CLERK, Role.APPROVER})
    assert available_acts(review, TOWNSHIP, lambda kind: AT_TOWNSHIP, {Role.ADMINISTRATOR}) == ()
    assert available_acts(review, COUNTY, lambda kind: AT_TOWNSHIP, {Role.SUPERVISOR}) == ("remark.added",)
    with pytest.raises(NotPermitted) as refused:
        check_role("case.decided", {Role.AGENT})
    assert refused.value.code == "role_forbids"


@pytest.mark.parametrize("stage", Stage)
def test_what_is_permitted_at_the_pen_is_never_a_breach_in_the_fold(stage: Stage) -> None:
    for filer in (VILLAGE, TOWNSHIP):
        case = case_at(stage, filer)
        for kind, fields in FIELDS.items():
            for office in {office for _, office in parts_of(stage).values()}:
                if refusal(case, kind, office, EVERYWHERE):
                    continue
                book = book_at(stage, filer)
                book.act(EVENTS[kind], office, *fields)  # pyright: ignore[reportArgumentType]
                after = book.case
                assert (after.stage, after.breaches) == (TRANSITIONS[stage, kind].stage, ())


FIELDS: Mapping[str, tuple[object, ...]] = {
    event.kind: tuple(getattr(event, name) for name in event.__struct_fields__[5:])
    for event in events()
    if isinstance(event, Act) and event.kind != "case.filed"
} | {"custody.offered": (WINDOW,)}
"""Kind → what an act of it may state."""
