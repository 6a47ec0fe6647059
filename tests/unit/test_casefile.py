"""The fold: stories of one case, and its two laws (a function of the set; one step equals a refold)."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.casework import casefile
from schemas.casework.casefile import CaseFile, Item, fold, follow
from schemas.casework.events import (
    Act,
    CaseClosed,
    CaseDecided,
    CaseFiled,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    Handover,
    Outcome,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RecallRequested,
    RemarkAdded,
    ResultHandedOver,
)
from schemas.casework.lifecycle import Stage
from schemas.casework.visibility import readers
from schemas.codec import decode, encode
from schemas.names import OfficeId, followed
from tests.support.casebook import (
    COUNTY,
    OTHER_TOWNSHIP,
    OTHER_VILLAGE,
    TOWNSHIP,
    VILLAGE,
    WINDOW,
    Casebook,
    digest,
    officer,
)


def folded(book: Casebook) -> CaseFile:
    """The case of the whole book, checked on the way to be the same from behind and from the middle."""
    case = fold(book.items)
    assert case is not None
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


# --- the laws ------------------------------------------------------------------------------------------------------

OFFICES = (VILLAGE, TOWNSHIP, COUNTY, OTHER_TOWNSHIP)


@st.composite
def entry_sets(draw: st.DrawFn) -> list[Item]:
    """Entries as honest, restored, hasty and hostile offices would write them: any act anywhere in the tree of acts."""
    book = Casebook()
    book.file(ordinal=draw(st.integers(1, 2)))
    known = [book.items[0]]
    for _ in range(draw(st.integers(0, 14))):
        office, ordinal = draw(st.sampled_from(OFFICES)), draw(st.integers(1, 3))
        # Mostly the newest act is followed, so that long lawful branches occur as well as wild ones.
        book.go_back_to(known[-1] if draw(st.integers(0, 3)) else draw(st.sampled_from(known)))
        choice = draw(st.integers(0, 11))
        # Mostly the office that may act does, else nothing would ever happen.
        state = fold(book.items)
        assert state is not None
        if draw(st.integers(0, 3)):
            office = state.custodian or state.offeree or office
        match choice:
            case 0 | 1:
                item = book.act(CustodyOffered, office, draw(st.sampled_from(OFFICES)), ordinal=ordinal)
            case 2 | 3 | 4:
                item = book.act(CustodyAccepted, office, ordinal=ordinal)
            case 5:
                item = book.act(CustodyDeclined, office, "不属本机关", ordinal=ordinal)
            case 6:
                item = book.act(CaseDecided, office, Outcome.GRANTED, "符合", "第20条", ordinal=ordinal)
            case 7:
                item = book.act(ResultHandedOver, office, "王秀英", Handover.HOME, ordinal=ordinal)
            case 8:
                item = reassign(book, draw(st.sampled_from((COUNTY, COUNTY, TOWNSHIP))), draw(st.sampled_from(OFFICES)))
            case 9:
                item = book.act(PapersRequested, office, ("证件照",), "缺件", ordinal=ordinal)
            case 10:
                operation = digest(draw(st.integers(0, 2)))[:16]
                book.contribute(PapersBrought, office, ("证件照",), operation=operation, ordinal=ordinal)
                continue
            case _:
                book.turn += draw(st.integers(-1, 1))
                book.turn = max(book.turn, 0)
                item = book.act(CaseClosed, office, ordinal=ordinal)
        known.append(item)
    if draw(st.booleans()):
        book.items += [draw(st.sampled_from((filed_by_a_stranger(), filed_again(book.items[0]))))]
    # Some have not arrived.
    return [item for item in book.items if draw(st.integers(0, 7))]


def filed_by_a_stranger() -> Item:
    book = Casebook()
    return book.file(OTHER_VILLAGE, ordinal=1)


def filed_again(item: Item) -> Item:
    """The same filing in another epoch: a restored device sent its form again."""
    book = Casebook()
    book.items = [item]
    book.file(ordinal=3)
    return book.items[1]


@settings(max_examples=150, deadline=None)
@given(entry_sets(), st.randoms(use_true_random=False))
def test_the_fold_is_a_function_of_the_set(items: list[Item], chance: random.Random) -> None:
    expected = fold(items)
    for _ in range(3):
        shuffled = items + chance.choices(items, k=3) if items else []
        chance.shuffle(shuffled)
        assert fold(shuffled) == expected


@settings(max_examples=150, deadline=None)
@given(entry_sets(), st.randoms(use_true_random=False))
def test_an_entry_that_follows_makes_what_a_refold_makes(items: list[Item], chance: random.Random) -> None:
    if chance.random() < 0.5:
        chance.shuffle(items)
    case: CaseFile | None = None
    for count, (event, header) in enumerate(items, start=1):
        whole = fold(reversed(items[:count]))
        case = follow(case, event, header) or fold(items[:count])
        assert case == whole


@settings(max_examples=80, deadline=None)
@given(entry_sets())
def test_every_entry_is_accounted_for_and_the_blob_is_the_case(items: list[Item]) -> None:
    case = fold(items)
    if case is None:
        return
    assert decode(encode(case), CaseFile) == case
    void = {breach.hash for breach in case.breaches if breach.code in casefile.VOID}
    acts = {header.hash for event, header in items if isinstance(event, Act)}
    named = {followed(link): link for link in acts}
    parents = {header.hash: event.after for event, header in items if isinstance(event, Act)}
    branch: set[bytes] = set()
    here: bytes | None = case.tip or None
    while here is not None:
        branch.add(named[here])
        here = parents[named[here]]
    groups = [branch, void, set(case.superseded), set(case.held) & acts]
    assert set().union(*groups) == acts
    assert sum(map(len, groups)) == len(acts), "each act counts, is void, superseded or held: exactly one of them"
    assert len(branch) == case.turn


@settings(max_examples=80, deadline=None)
@given(entry_sets())
def test_at_most_one_office_holds_the_pen(items: list[Item]) -> None:
    case = fold(items)
    if case is None or case.filing is None:
        return
    assert (case.custodian is None) == (case.offeree is not None) == (case.offerer is not None)
    assert isinstance(case.filing, CaseFiled)
