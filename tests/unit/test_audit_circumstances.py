"""What stands in a case's favour, or ties an officer to its applicant, as it is published."""

from collections.abc import Sequence
from datetime import date
from typing import Final

import pytest

from hub.audit.circumstances import promised_items, rest_days_open, ties_of
from hub.audit.dossier import Tie
from office.seeds import load_catalogue
from schemas.casework.events import CaseReceived, SiteSurveyed
from schemas.names import OfficeId, OfficerId
from schemas.openings import OpeningRule, RuleKind
from schemas.register import OpeningPublished, Position, PostAssigned
from schemas.register_fold import Record as Published
from schemas.register_fold import Register
from tests.support.casebook import TOWNSHIP, digest, officer
from tests.support.dossiers import PERSON, Record, calendar, day, item_of

SATURDAYS: Final = (OpeningRule(RuleKind.WEEKDAYS, (6,)),)
FIRST: Final = date(2026, 1, 1)


def opening(site: OfficeId) -> Register:
    event = OpeningPublished(digest("opening")[:8], site, officer(site), site, FIRST, SATURDAYS)
    return Register([Published(event, 1, 1, digest("record"))])


def post(person: str, name: str) -> PostAssigned:
    who = OfficerId(f"{TOWNSHIP}/{person}")
    named = ("mz-1", TOWNSHIP, "民政岗", who, name, Position.PRIMARY, (), FIRST, None)
    return PostAssigned(digest("post")[:8], TOWNSHIP, officer(TOWNSHIP), *named)


def accepted() -> Record:
    record = Record(item_of("NY01"))
    record.at_township("03-02 09:00", "03-02 09:30")
    return record


def test_what_is_handled_on_the_spot_is_not_promised() -> None:
    promised = promised_items(load_catalogue())
    assert {"RS04", "MZ01"} <= promised
    assert not {"RS03", "NY02"} & promised


def test_an_office_that_opens_on_saturdays_does_not_rest_then() -> None:
    deeds = accepted().deeds()
    open_on = rest_days_open(deeds, opening(TOWNSHIP), calendar())
    assert day("03-07") in open_on
    assert day("03-08") not in open_on
    assert day("04-11") not in open_on, "a month in which nothing was done"
    assert not rest_days_open(deeds, opening(OfficeId("510824102")), calendar())
    assert not rest_days_open(deeds, Register(), calendar())


@pytest.mark.parametrize(
    ("person", "name", "tie"),
    [
        ("zhang", PERSON.name, True),
        ("zhang", " 王 秀英", True),
        ("zhang", "王秀兰", False),
        ("li", PERSON.name, False),
        ("hu", PERSON.name, True),
    ],
)
def test_an_officer_with_the_applicant_s_name_is_tied_to_the_case(person: str, name: str, tie: bool) -> None:
    def posts(office: OfficeId) -> Sequence[PostAssigned]:
        return [post(person, name)] if office == TOWNSHIP else []

    record = accepted()
    party = (OfficerId(f"{TOWNSHIP}/zhang"), OfficerId(f"{TOWNSHIP}/hu"))
    record.note("03-03 10:00", SiteSurveyed, TOWNSHIP, party, day("03-03"), "村口", "与申请一致", True)
    record.note("03-03 11:00", CaseReceived, TOWNSHIP, who="(node)")
    expected = {OfficerId(f"{TOWNSHIP}/{person}"): Tie.NAME} if tie else {}
    assert ties_of(record.file, record.deeds(), posts) == expected


def test_a_list_of_persons_has_no_applicant_to_be_tied_to() -> None:
    record = Record(item_of("YB01"))
    record.filed("03-02 09:00", TOWNSHIP, roster=digest("rows"))
    assert not ties_of(record.file, record.deeds(), lambda office: [post("zhang", PERSON.name)])
