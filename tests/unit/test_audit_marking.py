"""Marks find the same person, namesake and telephone again, and tell nothing else."""

import pytest

from hub.audit.marking import NO_MARK, Marks, birth_of, reason_digest, township_of
from office.persons import PersonIndex
from schemas.casework.events import AcceptanceRefused, CaseDecided
from schemas.casework.values import Applicant, Outcome
from schemas.names import OfficeId, OfficerId

KEY = bytes(range(32))
VILLAGE, OTHER = OfficeId("510824100205"), OfficeId("510824100206")
SAMPLE = Applicant("样例甲", "111", "510824194910010025", "138 0000 0000")


def test_a_person_has_the_mark_that_the_node_itself_gives() -> None:
    marks = Marks(KEY)
    assert marks.person(SAMPLE) == PersonIndex(KEY).mark("111", "510824194910010025")
    assert marks.person(SAMPLE) != Marks(bytes(32)).person(SAMPLE)


@pytest.mark.parametrize("written", ["+86-138-0000-0000", "13800000000", "138 0000 0000", "１３８００００００００"])
def test_a_telephone_is_the_same_however_it_is_written(written: str) -> None:
    assert Marks(KEY).phone(written) == Marks(KEY).phone("13800000000") != NO_MARK


@pytest.mark.parametrize("written", ["", "110", "unknown"])
def test_no_telephone_has_no_mark(written: str) -> None:
    assert Marks(KEY).phone(written) == NO_MARK


def test_a_namesake_has_name_birth_date_and_village() -> None:
    marks = Marks(KEY)
    twin = Applicant("样 例 甲", "111", "510824194910010041")
    assert marks.namesake(SAMPLE, VILLAGE) == marks.namesake(twin, VILLAGE) != NO_MARK
    assert marks.namesake(SAMPLE, VILLAGE) == marks.namesake(SAMPLE, OfficeId(f"{VILLAGE}.desk"))
    others = [
        marks.namesake(SAMPLE, OTHER),
        marks.namesake(Applicant("样例乙", "111", SAMPLE.document_number), VILLAGE),
        marks.namesake(Applicant("样例甲", "111", "510824195010010025"), VILLAGE),
    ]
    assert marks.namesake(SAMPLE, VILLAGE) not in others
    assert len(set(others)) == 3


@pytest.mark.parametrize(
    ("kind", "number"), [("414", "E12345678"), ("111", "510824194913010025"), ("111", "51082419491001002")]
)
def test_without_a_birth_date_nobody_is_a_namesake(kind: str, number: str) -> None:
    assert birth_of(Applicant("样例甲", kind, number)) is None
    assert Marks(KEY).namesake(Applicant("样例甲", kind, number), VILLAGE) == NO_MARK


def test_townships_are_those_of_the_filing_office() -> None:
    assert [township_of(OfficeId(office)) for office in ("510824100205", "510824100.window", "510824.rsj")] == [
        "510824100",
        "510824100",
        "510824",
    ]


def test_the_same_reason_is_the_same_whatever_stands_between_its_words() -> None:
    turn = (2, bytes(16), bytes(8), OfficeId("510824100"), OfficerId("510824100/li"))
    refused = [AcceptanceRefused(*turn, reason, "", "") for reason in ("材料不全，不符合条件。", "材料不全 不符合条件")]
    assert reason_digest(refused[0]) == reason_digest(refused[1])
    assert len(reason_digest(refused[0])) == 32
    granted = CaseDecided(*turn, Outcome.GRANTED, "材料不全", "")
    assert reason_digest(granted) == b""
