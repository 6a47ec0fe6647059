"""`case.rehomed` in the fold: what it changes, to what it gives way, who reads afterwards."""

from itertools import permutations

import pytest
from msgspec.structs import replace

from schemas.casework.casefile import NOT_CUSTODIAN, CaseFile
from schemas.casework.events import (
    AcceptanceRefused,
    CaseDecided,
    CaseRehomed,
    CustodyAccepted,
    CustodyOffered,
    CustodyReassigned,
    ResultHandedOver,
)
from schemas.casework.fold import Item, fold
from schemas.casework.lifecycle import TRANSITIONS
from schemas.casework.stages import Stage
from schemas.casework.values import Handover, Outcome
from schemas.casework.visibility import Standing, readers, standing_of
from schemas.names import OfficeId, followed
from tests.support.casebook import COUNTY, OTHER_TOWNSHIP, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Casebook, officer
from tests.support.stages import book_at

GRANTED = (Outcome.GRANTED, "符合条件", "社会保险法第20条")
OPEN = [stage for stage in Stage if (stage, "case.rehomed") in TRANSITIONS]


def rehome(book: Casebook, office: OfficeId = COUNTY, to: OfficeId = OTHER_VILLAGE) -> Item:
    return book.act(CaseRehomed, office, to, "村级代办点撤并", officer(COUNTY))


def folded(book: Casebook) -> CaseFile:
    """The case, the same from every order of its last four entries."""
    *early, a, b, c, d = book.items
    cases = {repr(fold([*early, *late])) for late in permutations((a, b, c, d))}
    case = book.case
    assert cases == {repr(case)}
    return case


def test_every_open_stage_can_be_rehomed_and_stays_as_it_is() -> None:
    assert set(Stage) - set(OPEN) == {Stage.AWAITED, Stage.CLOSED}
    for stage in OPEN:
        book = book_at(stage)
        before = book.case
        rehome(book)
        after = book.case
        expected = replace(
            before,
            home=OTHER_VILLAGE,
            turn=before.turn + 1,
            tip=followed(book.items[-1][1].hash),
            informed=tuple(sorted({*before.informed, OTHER_VILLAGE})),
        )
        assert after == expected
        assert (before.home, after.filing_office) == (VILLAGE, VILLAGE)
        assert readers(after) == readers(before) | {OTHER_VILLAGE}
        assert (standing_of(after, OTHER_VILLAGE), standing_of(before, VILLAGE)) == (Standing.AT_WORK, Standing.AT_WORK)
        held_by_the_village = VILLAGE in (after.custodian, after.offeree)
        assert standing_of(after, VILLAGE) is (Standing.AT_WORK if held_by_the_village else Standing.FORMER)


def test_only_the_custodian_and_the_county_re_home() -> None:
    for office, counts in ((TOWNSHIP, True), (COUNTY, True), (OTHER_TOWNSHIP, False), (VILLAGE, False)):
        book = book_at(Stage.IN_REVIEW)
        rehome(book, office)
        case = book.case
        assert (case.home == OTHER_VILLAGE) is counts
        assert [one.code for one in case.breaches] == ([] if counts else [NOT_CUSTODIAN])


def test_a_refusal_of_acceptance_goes_to_the_new_home() -> None:
    book = book_at(Stage.OFFERED)
    rehome(book)
    book.act(AcceptanceRefused, TOWNSHIP, "不属于受理范围", "行政许可法第32条", "60日内申请行政复议")
    case = book.case
    assert (case.stage, case.custodian) == (Stage.NOT_ACCEPTED, OTHER_VILLAGE)


@pytest.mark.parametrize("ordinal", [1, 2])
def test_it_gives_way_to_the_office_that_worked_at_the_same_time(ordinal: int) -> None:
    book = book_at(Stage.IN_REVIEW)
    start = book.items[-1]
    rehome(book)
    book.go_back_to(start)
    decided = book.act(CaseDecided, TOWNSHIP, *GRANTED, ordinal=ordinal)
    case = folded(book)
    assert (case.tip, case.home) == (followed(decided[1].hash), VILLAGE)
    # Whoever was told of the new place hears that it is none.
    assert OTHER_VILLAGE in readers(case)


def test_once_another_office_has_built_on_it_it_stands() -> None:
    book = book_at(Stage.IN_REVIEW)
    start = book.items[-1]
    rehome(book)
    decided = book.act(CaseDecided, TOWNSHIP, *GRANTED, ordinal=2)
    book.go_back_to(start)
    book.act(CaseDecided, TOWNSHIP, *GRANTED, ordinal=1)
    case = folded(book)
    assert (case.tip, case.home) == (followed(decided[1].hash), OTHER_VILLAGE)


def test_what_was_handed_over_at_the_same_time_stands_whoever_built_on_the_rest() -> None:
    book = book_at(Stage.READY)
    start = book.items[-1]
    rehome(book)
    book.act(CustodyReassigned, COUNTY, OTHER_VILLAGE, "村级代办点撤并", officer(COUNTY))
    book.act(CustodyOffered, OTHER_VILLAGE, TOWNSHIP)
    book.act(CustodyAccepted, TOWNSHIP)
    book.go_back_to(start)
    handed = book.act(ResultHandedOver, VILLAGE, "王秀英", Handover.COUNTER)
    case = folded(book)
    assert (case.tip, case.stage, case.home) == (followed(handed[1].hash), Stage.HANDED_OVER, VILLAGE)


def test_of_two_that_handed_over_the_first_rule_decides_again() -> None:
    book = book_at(Stage.DECIDED)
    start = book.items[-1]
    rehome(book)
    book.act(CustodyOffered, TOWNSHIP, OTHER_VILLAGE)
    book.act(CustodyAccepted, OTHER_VILLAGE)
    handed = book.act(ResultHandedOver, OTHER_VILLAGE, "王秀英", Handover.COUNTER)
    book.go_back_to(start)
    book.act(ResultHandedOver, TOWNSHIP, "王秀英", Handover.COUNTER, ordinal=2)
    case = folded(book)
    assert (case.tip, case.home) == (followed(handed[1].hash), OTHER_VILLAGE)
