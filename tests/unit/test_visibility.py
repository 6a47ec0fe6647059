"""Who may see a case, and what of it."""

from schemas.casework.events import CaseReopened, CustodyAccepted, CustodyDeclined, CustodyOffered, CustodyReassigned
from schemas.casework.fold import fold
from schemas.casework.roles import Role
from schemas.casework.stages import Stage
from schemas.casework.visibility import FieldGroup, Sight, Standing, lineage, readers, sight_of, standing_of
from schemas.names import OfficeId
from tests.support.casebook import COUNTY, OTHER_TOWNSHIP, OTHER_VILLAGE, TOWNSHIP, VILLAGE, WINDOW, Casebook, officer
from tests.support.stages import DEPARTMENT, book_at, case_at


def test_an_office_stands_under_its_seat_and_all_seats_above() -> None:
    assert lineage(VILLAGE) == {VILLAGE, TOWNSHIP, COUNTY}
    assert lineage(WINDOW) == {WINDOW, COUNTY}
    assert lineage(OfficeId("510824100.hall")) == {"510824100.hall", TOWNSHIP, COUNTY}


def test_readers_grow_with_custody_and_never_reach_a_neighbour() -> None:
    book = Casebook()
    book.file()
    assert readers(book.case) == {VILLAGE, TOWNSHIP, COUNTY}
    book.act(CustodyOffered, VILLAGE, OTHER_TOWNSHIP)
    assert readers(book.case) == {VILLAGE, TOWNSHIP, COUNTY, OTHER_TOWNSHIP}
    book.act(CustodyDeclined, OTHER_TOWNSHIP, "不属本机关")
    assert OTHER_TOWNSHIP not in readers(book.case), "who declined needs to hear no more"
    book.act(CustodyOffered, VILLAGE, WINDOW)
    book.act(CustodyAccepted, WINDOW)
    book.act(CustodyOffered, WINDOW, COUNTY)
    book.act(CustodyAccepted, COUNTY)
    case = book.case
    assert readers(case) == {VILLAGE, TOWNSHIP, COUNTY, WINDOW}
    assert OTHER_VILLAGE not in readers(case)


def test_an_offeree_passed_over_by_the_county_still_hears_of_it() -> None:
    book = Casebook()
    book.file()
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    book.act(CustodyReassigned, COUNTY, OTHER_TOWNSHIP, "失联", officer(COUNTY))
    case = book.case
    assert {TOWNSHIP, OTHER_TOWNSHIP, VILLAGE, COUNTY} == readers(case)
    assert standing_of(case, TOWNSHIP) is Standing.FORMER


def test_before_the_filing_arrives_nobody_is_a_reader() -> None:
    book = Casebook()
    book.accepted_at_township()
    case = fold(book.items[1:])
    assert case is not None
    assert readers(case) == frozenset()
    assert sight_of(case, COUNTY, {Role.SUPERVISOR})[FieldGroup.PROGRESS] is Sight.HIDDEN


def test_the_desk_at_work_sees_the_person_with_the_number_masked() -> None:
    book = Casebook()
    book.accepted_at_township()
    for office, role in ((VILLAGE, Role.AGENT), (TOWNSHIP, Role.CLERK)):
        sight = sight_of(book.case, office, {role})
        assert sight[FieldGroup.NAME] is Sight.CLEAR
        assert sight[FieldGroup.CONTACT] is Sight.UNMASKABLE


def test_who_looks_from_above_sees_progress_and_must_ask_for_the_person() -> None:
    book = Casebook()
    book.accepted_at_township()
    sight = sight_of(book.case, COUNTY, {Role.SUPERVISOR})
    assert sight[FieldGroup.PROGRESS] is Sight.CLEAR
    assert sight[FieldGroup.NAME] is sight[FieldGroup.STATEMENT] is Sight.UNMASKABLE


def test_a_former_custodian_sees_how_it_ended_and_no_more_of_the_person() -> None:
    book = Casebook()
    book.accepted_at_township()
    book.act(CustodyOffered, TOWNSHIP, WINDOW)
    book.act(CustodyAccepted, WINDOW)
    sight = sight_of(book.case, TOWNSHIP, {Role.CLERK})
    assert sight[FieldGroup.DECISION] is Sight.CLEAR
    assert sight[FieldGroup.CONTACT] is Sight.MASKED
    assert sight[FieldGroup.STATEMENT] is Sight.HIDDEN


def test_a_department_that_is_asked_works_on_the_case_until_it_is_decided_or_ended() -> None:
    for stage in (Stage.IN_REVIEW, Stage.PAPERS_AWAITED, Stage.SUSPENDED, Stage.REFERRED):
        assert standing_of(case_at(stage), DEPARTMENT) is Standing.AT_WORK
        assert sight_of(case_at(stage), DEPARTMENT, {Role.CLERK})[FieldGroup.STATEMENT] is Sight.CLEAR
    for stage in (Stage.DECIDED, Stage.READY, Stage.CLOSED, Stage.WITHDRAWN, Stage.TERMINATED):
        case = case_at(stage)
        assert standing_of(case, DEPARTMENT) is Standing.FORMER
        assert DEPARTMENT in readers(case), "it hears how the case ended"
        assert sight_of(case, DEPARTMENT, {Role.CLERK})[FieldGroup.CONTACT] is Sight.MASKED


def test_a_department_that_is_asked_again_works_on_the_reopened_case() -> None:
    book = book_at(Stage.CLOSED)
    book.act(CaseReopened, TOWNSHIP, "复议决定撤销", officer(COUNTY))
    assert standing_of(book.case, DEPARTMENT) is Standing.AT_WORK


def test_neighbours_and_administrators_see_nothing() -> None:
    book = Casebook()
    book.accepted_at_township()
    case = book.case
    for office, roles in ((OTHER_VILLAGE, set(Role)), (OTHER_TOWNSHIP, set(Role)), (COUNTY, {Role.ADMINISTRATOR})):
        assert set(sight_of(case, office, roles).values()) == {Sight.HIDDEN}
