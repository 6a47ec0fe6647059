"""Who answers at an office on a day, and what that lets a person do."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.casework.roles import Role
from schemas.names import OfficeId, OfficerId
from schemas.posts import PASSED_ON, Responsible, Staff, Unanswered
from schemas.register import AbsenceStated, Position, PostAssigned, Published, may_write
from schemas.register_fold import Record, Register
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE

AUTHOR = (bytes(8), TOWNSHIP, OfficerId(f"{TOWNSHIP}/wang"))
LI, CHEN, WU, WANG = (OfficerId(f"{TOWNSHIP}/{login}") for login in ("li", "chen", "wu", "wang"))
ZHANG, SUN = OfficerId(f"{VILLAGE}/zhang"), OfficerId(f"{VILLAGE}/sun")
NAMES = {LI: "李明", CHEN: "陈静", WU: "吴强", WANG: "王建国", ZHANG: "张三", SUN: "孙丽"}

NOTHING = dict[OfficerId, frozenset[Role]]()
CLERK, APPROVER, LEADER, AGENT = Role.CLERK, Role.APPROVER, Role.LEADER, Role.AGENT


def day(number: int) -> date:
    """A day of 2026, from 1."""
    return date(2026, 1, 1) + timedelta(days=number - 1)


def post(
    person: OfficerId,
    position: Position = Position.PRIMARY,
    *items: str,
    name: str = "mz-1",
    first: int = 1,
    last: int | None = None,
) -> PostAssigned:
    """Somebody holds a post of their own office."""
    until = day(last) if last is not None else None
    at = OfficeId(person.partition("/")[0])
    return PostAssigned(
        *AUTHOR, name, at, f"{name}岗", person, NAMES[person], position, items, day(first), until, "云府〔2026〕3号"
    )


def away(person: OfficerId, first: int, last: int, deputy: OfficerId) -> AbsenceStated:
    """Somebody is away."""
    return AbsenceStated(*AUTHOR, person, day(first), day(last), deputy, "下村核查")


def staff(on: int, *events: Published, at: OfficeId = TOWNSHIP) -> Staff:
    """The office's people on a day, by these statements in the order in which they were made."""
    records = [Record(event, 1, number, bytes([number]) * 32) for number, event in enumerate(events)]
    return Staff(Register(records), at, day(on))


# --- who answers -----------------------------------------------------------------------------------------------------


def test_the_holder_answers_and_while_away_whoever_the_absence_names() -> None:
    stated = post(LI), post(CHEN, Position.DEPUTY), away(LI, 10, 12, WU), post(WU, name="zh-1", first=9)
    assert staff(9, *stated).answers_for("MZ03") == Responsible(LI, "李明")
    assert staff(10, *stated).answers_for("MZ03") == Responsible(WU, "吴强", "李明")
    assert staff(13, *stated).answers_for("MZ03") == Responsible(LI, "李明")


def test_the_deputy_of_the_post_takes_over_where_the_one_named_is_away_too() -> None:
    stated = post(LI), post(CHEN, Position.DEPUTY), away(LI, 10, 12, WU), away(WU, 11, 11, LI)
    assert staff(11, *stated).answers_for("MZ03") == Responsible(CHEN, "陈静", "李明")


def test_a_post_without_a_holder_is_its_deputy_s() -> None:
    stated = post(LI, last=20), post(CHEN, Position.DEPUTY)
    assert staff(21, *stated).answers_for("MZ03") == Responsible(CHEN, "陈静", "李明")
    assert staff(3, post(CHEN, Position.DEPUTY)).answers_for("MZ03") == Responsible(CHEN, "陈静")


def test_a_post_that_names_the_item_comes_before_one_for_everything() -> None:
    stated = post(LI, name="a-1"), post(CHEN, Position.PRIMARY, "MZ03", name="z-1")
    assert staff(1, *stated).answers_for("MZ03") == Responsible(CHEN, "陈静")
    assert staff(1, *stated).answers_for("RS01") == Responsible(LI, "李明")
    gone = (*stated, away(CHEN, 1, 1, LI), away(LI, 1, 1, CHEN))
    assert staff(1, *gone).answers_for("MZ03") == Unanswered("z-1岗", "陈静")


def test_a_leader_s_post_answers_for_no_item() -> None:
    assert staff(1, post(WANG, Position.LEADER)).answers_for("MZ03") == Unanswered()


def test_an_item_without_a_post_is_named_as_such() -> None:
    assert staff(1).answers_for("MZ03") == Unanswered()
    assert staff(1, post(LI, Position.PRIMARY, "RS01")).answers_for("MZ03") == Unanswered()


PEOPLE = [LI, CHEN, WU]
POSTS = st.builds(
    post,
    st.sampled_from(PEOPLE),
    st.sampled_from([Position.PRIMARY, Position.DEPUTY, Position.LIAISON]),
    name=st.sampled_from(["mz-1", "zh-1"]),
    first=st.integers(1, 30),
    last=st.none() | st.integers(1, 30),
)
ABSENCES = st.builds(
    away, st.sampled_from(PEOPLE), st.integers(1, 30), st.integers(1, 30), st.sampled_from(PEOPLE)
).filter(lambda absence: absence.person != absence.deputy)


@given(st.lists(POSTS | ABSENCES, max_size=12), st.integers(1, 30))
def test_exactly_one_answers_or_the_gap_is_named(stated: list[Published], on: int) -> None:
    people = staff(on, *stated)
    found = people.answers_for("MZ03")
    if isinstance(found, Responsible):
        assert not people.is_away(found.person)
        assert found.name in (NAMES[found.person], found.person.rpartition("/")[2])
        assert found.stands_in_for in ("", *NAMES.values())
    else:
        assert bool(found.post) == people.has_posts


@given(st.lists(POSTS | ABSENCES, max_size=12), st.integers(1, 30), st.sampled_from(PEOPLE))
def test_nobody_gains_more_than_the_roles_of_those_in_whose_place_they_are(
    stated: list[Published], on: int, person: OfficerId
) -> None:
    people = staff(on, *stated)
    own = {CLERK, Role.ADMINISTRATOR}
    accounts = {LI: {CLERK, APPROVER, Role.SUPERVISOR}, CHEN: {CLERK, LEADER}, WU: {CLERK}}
    roles = people.roles_on(person, own, accounts)
    principals = people.stands_in_for(person)
    assert roles >= own
    assert roles - own <= {role for one in principals for role in accounts[one.person]} & PASSED_ON
    assert not (people.is_away(person) and principals)


# --- what it lets a person do ----------------------------------------------------------------------------------------


def test_who_has_no_post_is_what_the_account_says() -> None:
    assert staff(1).roles_on(LI, {CLERK, APPROVER}, NOTHING) == {CLERK, APPROVER}


def test_the_deputy_has_the_absent_person_s_position_that_day_and_no_more() -> None:
    accounts = {LI: frozenset({APPROVER, CLERK, Role.SUPERVISOR, Role.ADMINISTRATOR})}
    stated = post(LI), post(CHEN, Position.DEPUTY), away(LI, 10, 10, CHEN)
    assert staff(9, *stated).roles_on(CHEN, {CLERK}, accounts) == {CLERK}
    assert staff(10, *stated).roles_on(CHEN, {CLERK}, accounts) == {CLERK, APPROVER}
    assert staff(11, *stated).roles_on(CHEN, {CLERK}, accounts) == {CLERK}


def test_a_deputy_s_power_is_never_passed_on() -> None:
    accounts = {WANG: {LEADER}, LI: {CLERK}}
    stated = away(WANG, 1, 9, LI), away(LI, 1, 9, CHEN)
    people = staff(5, *stated)
    assert people.roles_on(CHEN, {CLERK}, accounts) == {CLERK}
    assert [principal.person for principal in people.stands_in_for(CHEN)] == [LI]
    assert people.stands_in_for(LI) == ()


def test_the_deputy_of_a_leader_s_post_leads_while_the_leader_is_away_or_gone() -> None:
    stated = (
        post(WANG, Position.LEADER, name="ld-1", last=20),
        post(LI, Position.DEPUTY, name="ld-1"),
        away(WANG, 5, 5, CHEN),
        away(CHEN, 5, 5, WANG),
    )
    assert staff(4, *stated).roles_on(LI, {CLERK}, {WANG: {CLERK}}) == {CLERK}
    assert staff(5, *stated).roles_on(LI, {CLERK}, {WANG: {CLERK}}) == {CLERK, LEADER}
    gone = staff(21, *stated)
    assert gone.roles_on(LI, {CLERK}, {WANG: {APPROVER}}) == {CLERK, LEADER}
    assert [(one.person, one.is_gone) for one in gone.stands_in_for(LI)] == [(WANG, True)]


def test_a_delegation_lasts_for_its_days_even_where_the_account_says_more() -> None:
    stated = post(LI, Position.LEADER, name="ld-1", first=10, last=20)
    held = [staff(on, stated).roles_on(LI, {CLERK}, NOTHING) for on in (9, 10, 20, 21)]
    assert held == [{CLERK}, {CLERK, LEADER}, {CLERK, LEADER}, {CLERK}]
    assert staff(21, stated).roles_on(LI, {CLERK, LEADER}, NOTHING) == {CLERK}


def test_a_first_appointment_that_has_not_begun_changes_nothing() -> None:
    stated = post(ZHANG, Position.AGENT, name="db-1", first=10)
    people = staff(9, stated, at=VILLAGE)
    assert people.roles_on(ZHANG, {AGENT}, NOTHING) == {AGENT}
    assert people.ended_term(ZHANG) is None


def test_an_agent_s_term_ends_filing_and_a_successor_ends_the_rest() -> None:
    term = post(ZHANG, Position.AGENT, name="db-1", last=20)
    within_it, after = staff(20, term, at=VILLAGE), staff(21, term, at=VILLAGE)
    assert within_it.ended_term(ZHANG) is None
    assert after.ended_term(ZHANG) == term
    assert after.roles_on(ZHANG, {AGENT}, NOTHING) == {AGENT}
    succeeded = staff(25, term, post(SUN, Position.AGENT, name="db-1", first=25), at=VILLAGE)
    assert succeeded.roles_on(ZHANG, {AGENT}, NOTHING) == frozenset()
    assert succeeded.roles_on(SUN, set(), NOTHING) == {AGENT}
    assert succeeded.ended_term(SUN) is None


def test_an_agent_after_the_term_files_only_in_the_place_of_another_agent() -> None:
    term, away_today = post(ZHANG, Position.AGENT, name="db-1", last=20), away(SUN, 21, 21, ZHANG)
    assert staff(21, term, away_today, at=VILLAGE).ended_term(ZHANG) == term
    other = post(SUN, Position.AGENT, name="db-2")
    assert staff(21, term, away_today, other, at=VILLAGE).ended_term(ZHANG) is None
    assert staff(22, term, away_today, other, at=VILLAGE).ended_term(ZHANG) == term
    gone = post(SUN, Position.AGENT, name="db-2", last=20), post(ZHANG, Position.DEPUTY, name="db-2")
    assert staff(21, term, *gone, at=VILLAGE).ended_term(ZHANG) is None


def test_an_appointment_made_again_counts_again() -> None:
    stated = post(ZHANG, Position.AGENT, name="db-1", last=20), post(ZHANG, Position.AGENT, name="db-1", first=30)
    assert [staff(on, *stated, at=VILLAGE).ended_term(ZHANG) is None for on in (20, 21, 29, 30)] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("position", [Position.AGENT, Position.DEPUTY])
def test_an_agent_and_who_stands_in_for_one_are_appointed_from_above(position: Position) -> None:
    """Else somebody whose term has ended would become the deputy of the own post, and go on."""
    appointed = post(ZHANG, position, name="db-1")
    assert [may_write(seat, appointed) for seat in (COUNTY, TOWNSHIP, VILLAGE)] == [True, True, False]
    assert may_write(VILLAGE, away(SUN, 1, 3, ZHANG)), "who falls ill names who takes over at once"


@pytest.mark.parametrize("position", list(Position))
def test_who_stands_in_for_somebody_is_found_from_either_side(position: Position) -> None:
    stated = post(LI, position), post(CHEN, Position.DEPUTY, name="zh-1"), away(LI, 1, 3, CHEN)
    people = staff(2, *stated)
    assert people.stand_in_of(LI) == Responsible(CHEN, "陈静", "李明")
    assert [principal.person for principal in people.stands_in_for(CHEN)] == [LI]
