"""What stays of a case when its bodies go: figures stay equal, order never matters, and nobody is in it."""

import random

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.casework.casefile import CaseFile, Erasure
from schemas.casework.events import CaseClosed, CustodyAccepted, RemarkAdded, StepCompleted
from schemas.casework.fold import Item, acts_of, fold, follow
from schemas.casework.residue import (
    FACTS_KEPT,
    KeptCase,
    Removal,
    Residue,
    joined,
    kept_case,
    kept_notes,
    parted,
    read_residue,
)
from schemas.casework.stages import Stage
from schemas.casework.steps import Step
from schemas.codec import encode
from schemas.names import Instant
from schemas.wire import RESIDUE_BYTES_MAX
from tests.support.casebook import CASE, TOWNSHIP, VILLAGE, Casebook, digest
from tests.unit.test_fold_laws import entry_sets

ERASURE = Erasure(Instant(1), "保管期限届满", "510824/zhang", "510824/li")


def removal_of(case: CaseFile, items: list[Item], tag: str = "order") -> Removal:
    kept = kept_case(case, acts_of(items), 17)
    return Removal(Residue(kept, tuple(kept_notes(case.contributions))), ERASURE, digest(tag))


def figures(case: CaseFile) -> tuple[object, ...]:
    assert case.filing is not None
    decision = case.decision
    return (
        *(case.stage, case.turn, case.tip, case.custodian, case.holders, case.informed, case.home, case.accepted_by),
        *(case.filed_at, case.accepted_at, case.decided_at, case.ended_at, case.received_at, case.renewed_at),
        *(case.requests, case.spans, case.superseded, case.breaches, case.steps_done, case.fees_fen, case.is_expedited),
        *(case.converted_days, case.met_on, case.absent, case.filing.item, case.filing.edition, case.filing.office),
        *((decision.outcome, decision.office, decision.deemed) if decision is not None else ()),
        *(case.course.notices, case.course.consulted, case.unanswered, case.roster_rows_here, case.filing.roster_rows),
    )


@given(entry_sets(), st.randoms(use_true_random=False))
@settings(max_examples=150)
def test_whatever_is_still_here_the_case_is_what_the_residue_says(items: list[Item], chance: random.Random) -> None:
    case = fold(items)
    assume(case is not None)
    assert case is not None
    assume(case.filing is not None and case.offeree is None and not case.held)
    # One that was silenced by another under its operation speaks again for as long as only that one is gone.
    assume(len({event.operation for event, _ in items}) == len(items))
    removal = removal_of(case, items)
    gone = fold([], [removal], case.case)
    assert gone is not None
    assert figures(gone) == figures(case)
    assert gone.erased == ERASURE
    for _ in range(4):
        still = chance.sample(items, chance.randrange(len(items) + 1))
        again = fold(still, [removal, removal], case.case)
        assert again is not None
        left = tuple(one for one in again.contributions if one.kind in FACTS_KEPT)
        assert replace(again, contributions=left) == gone


@given(entry_sets())
@settings(max_examples=60)
def test_nobody_is_in_a_residue(items: list[Item]) -> None:
    case = fold(items)
    assume(case is not None)
    assert case is not None
    assume(case.filing is not None)
    assert case.filing is not None
    content = encode(removal_of(case, items).residue)
    named = {case.filing.applicant.name, case.filing.applicant.document_number, case.filing.tracking}
    named |= {header.hash for event, header in items if isinstance(event, RemarkAdded)}
    named |= {event.officer for event, _ in items}
    for person in named:
        assert (person if isinstance(person, bytes) else person.encode()) not in content


def closed() -> Casebook:
    book = Casebook()
    book.handed_over_in_village()
    book.contribute(StepCompleted, TOWNSHIP, Step.SEALING, "已办")
    book.contribute(RemarkAdded, VILLAGE, "老人行动不便")
    book.act(CaseClosed, VILLAGE)
    return book


def test_a_late_act_on_the_last_one_counts_and_one_on_a_step_that_is_gone_does_not() -> None:
    book = closed()
    removal = removal_of(book.case, book.items)
    gone = fold([], [removal], CASE)
    assert gone is not None
    filed = book.items[0]
    book.go_back_to(filed)
    late = book.act(CustodyAccepted, TOWNSHIP, ordinal=2)
    after = fold([late], [removal], CASE)
    assert after is not None
    assert (after.stage, after.tip, late[1].hash in after.superseded) == (Stage.CLOSED, gone.tip, True)
    assert TOWNSHIP in after.informed
    assert follow(gone, *late) is None
    remark = closed().contribute(RemarkAdded, VILLAGE, "补记")
    assert follow(gone, *remark) == fold([remark], [removal], CASE)


def test_the_order_that_knows_more_acts_counts_and_the_countys_word_before_our_own() -> None:
    book = closed()
    shorter = removal_of(fold(book.items[:-1]) or book.case, book.items[:-1], "earlier")
    longer = removal_of(book.case, book.items, "later")
    own = Removal(longer.residue, None)
    for removals in ([shorter, longer, own], [own, longer, shorter]):
        kept = joined(CASE, removals)
        assert kept is not None
        assert kept.base is not None
        assert (kept.base.stage, kept.base.erased, kept.base.purged) == (Stage.CLOSED, ERASURE, False)
    purged = fold([], [own], CASE)
    assert purged is not None
    assert (purged.purged, purged.erased) == (True, None)
    assert joined(CASE, []) is None


def test_a_single_contribution_goes_and_its_figure_stays() -> None:
    book = closed()
    notes = {note.kind: note for note in book.case.contributions}
    step, remark = notes["step.completed"], notes["remark.added"]
    rest = [item for item in book.items if item[1].hash not in (step.hash, remark.hash)]
    residue = Residue(None, tuple(kept_notes([step, remark])))
    case = fold(rest, [Removal(residue, ERASURE, digest("single"))], CASE)
    assert case is not None
    assert case.steps_done == book.case.steps_done
    assert case.contributed("remark.added") == ()
    assert (case.erased, case.filing) == (None, book.case.filing)


def test_a_residue_that_is_too_long_for_one_order_goes_in_several_and_is_joined_again() -> None:
    book = closed()
    for number in range(300):
        book.contribute(StepCompleted, TOWNSHIP, Step.SEALING, f"第{number}次")
    case = book.case
    kept: KeptCase = kept_case(case, acts_of(book.items), 1)
    residues = parted(kept, kept_notes(case.contributions))
    assert len(residues) > 1
    assert all(len(encode(residue)) <= RESIDUE_BYTES_MAX for residue in residues)
    removals = [Removal(residue, ERASURE, digest(number)) for number, residue in enumerate(residues)]
    gone = fold([], removals, CASE)
    assert gone is not None
    assert len(gone.contributed("step.completed")) == 301
    assert read_residue(b"of a newer version") == Residue(None)
