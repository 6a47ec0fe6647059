"""What the offices state of their people and desks: travels both ways, and is refused at the pen where it cannot be."""

import io
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from msgspec import structs

from hub.__main__ import APPLICATION as HUB
from office.cli import main
from office.people import DeskKind, Slot, Staffed
from office.seeds import load_catalogue
from schemas.casework.clocks import day_of
from schemas.casework.roles import Role
from schemas.names import Instant, OfficeId, OfficerId
from schemas.opening_texts import parse_rule
from schemas.posts import Responsible
from schemas.refusals import Refused
from schemas.register import (
    AbsenceStated,
    OfficePublished,
    OpeningPublished,
    Position,
    PostAssigned,
    SlotsPublished,
)
from tests.support.counties import (
    APPLICANT,
    COUNTY,
    MATERIALS,
    OTHER_TOWNSHIP,
    TOWNSHIP,
    VILLAGE,
    County,
    agent,
    leader,
    op,
    run,
)
from tests.support.publications import edition, publish_edition

FRIDAY = date(2026, 3, 6)
"""The day of these stories."""
DESK, HALL_DESK = OfficeId(f"{TOWNSHIP}.mz"), OfficeId(f"{TOWNSHIP}.zh")
WINDOW = OfficeId(f"{COUNTY}.rsj")
LI, CHEN, WANG = (OfficerId(f"{TOWNSHIP}/{login}") for login in ("li", "chen", "wang"))
ITEM = load_catalogue().get_item("RS01")


def by(seat: OfficeId, operation: int) -> tuple[bytes, OfficeId, OfficerId]:
    """The author of a statement."""
    return op(operation), seat, OfficerId(f"{seat}/wang")


def post(operation: int = 1, **changes: object) -> PostAssigned:
    """Li holds the township's civil affairs post."""
    author = by(TOWNSHIP, operation)
    made = PostAssigned(
        *author, "mz-1", TOWNSHIP, "民政岗", LI, "李明", Position.PRIMARY, (), FRIDAY, None, "云府〔2026〕3号"
    )
    return structs.replace(made, **changes)


def absence(operation: int = 1, **changes: object) -> AbsenceStated:
    """Li is away on that Friday."""
    made = AbsenceStated(*by(TOWNSHIP, operation), LI, FRIDAY, FRIDAY, CHEN, "下村")
    return structs.replace(made, **changes)


def staffed_on(operation: int, site: OfficeId, *rules: str, seat: OfficeId = TOWNSHIP) -> OpeningPublished:
    """The days of a desk or a hall."""
    return OpeningPublished(*by(seat, operation), site, FRIDAY, tuple(map(parse_rule, rules)))


# --- what travels ----------------------------------------------------------------------------------------------------


def test_what_an_office_states_is_known_below_and_above() -> None:
    county = County(TOWNSHIP, VILLAGE, OTHER_TOWNSHIP)
    county[TOWNSHIP].publish(post(), staffed_on(1, DESK, "周二 09:00-12:00"))
    zhang = agent().officer
    county[VILLAGE].publish(AbsenceStated(*by(VILLAGE, 2), zhang, FRIDAY, FRIDAY, OfficerId(f"{VILLAGE}/sun"), "住院"))
    county.settle()
    hub, village = county[COUNTY].people, county[VILLAGE].people
    assert [one.person_name for one in hub.post_holders(TOWNSHIP, "RS01", FRIDAY)] == ["李明"]
    assert [one.person for one in hub.register.absences_at(VILLAGE, FRIDAY)] == [zhang]
    assert village.answers_for(TOWNSHIP, "RS01") == Responsible(LI, "李明")
    assert village.next_staffed(ITEM) is None
    assert [(desk.site, desk.kind) for desk in village.desks(TOWNSHIP)] == [(DESK, DeskKind.ROTATING)]
    assert county[OTHER_TOWNSHIP].people.register.posts_at(TOWNSHIP, FRIDAY) == []


def test_the_township_ends_an_agent_s_term_while_the_village_s_line_is_down() -> None:
    """Until it hears of it the village files on; afterwards nothing new, and what was filed stands."""
    county = County(TOWNSHIP, VILLAGE)
    village, zhang = county[VILLAGE], agent().officer
    appointed = post(1, at=VILLAGE, post="db-1", person=zhang, person_name="张三", position=Position.AGENT)
    county[TOWNSHIP].publish(structs.replace(appointed, effective_from=FRIDAY - timedelta(days=30)))
    county.settle()
    ended = structs.replace(appointed, operation=op(2), effective_from=FRIDAY - timedelta(days=30))
    county[TOWNSHIP].publish(structs.replace(ended, effective_until=FRIDAY - timedelta(days=1)))
    filed = village.file(operation=1)
    county.settle()
    with pytest.raises(Refused) as refused:
        village.file(operation=2)
    assert refused.value.code == "term_ended"
    assert "2026-03-05" in refused.value.text("zh")
    run(village.desk.offer_custody(agent(), filed.case, op(3), to=TOWNSHIP))
    clerk = structs.replace(agent(), roles=frozenset({Role.AGENT, Role.CLERK}))
    run(village.intake.open_case(clerk, op(4), item="RS01", applicant=APPLICANT, materials=MATERIALS))


def test_a_clock_that_fell_back_ends_no_absence_and_begins_no_term() -> None:
    county = County(TOWNSHIP)
    people = county[TOWNSHIP].people
    county[TOWNSHIP].books.beacon_at = county.at
    county.at = Instant(county.at - 400 * 86_400_000)
    assert people.today == FRIDAY
    assert day_of(county.at) < FRIDAY


# --- desks and slots -------------------------------------------------------------------------------------------------


@pytest.fixture
def county() -> County:
    """County, township and village, none of whose desks is published."""
    return County(TOWNSHIP, VILLAGE)


def test_the_desk_of_an_item_is_found_from_below_the_best_fitting_one_first(county: County) -> None:
    township, village = county[TOWNSHIP], county[VILLAGE].people
    tuesday, monday = date(2026, 3, 10), date(2026, 3, 9)
    county[COUNTY].publish(
        OfficePublished(*by(COUNTY, 1), WINDOW, "人社局窗口", ITEM.department),
        staffed_on(1, WINDOW, "周三", seat=COUNTY),
    )
    county.settle()
    assert village.next_staffed(ITEM) == Staffed(WINDOW, WINDOW, date(2026, 3, 11), "")
    township.publish(staffed_on(2, TOWNSHIP, "周四"))
    county.settle()
    assert village.next_staffed(ITEM) == Staffed(TOWNSHIP, TOWNSHIP, date(2026, 3, 12), "")
    township.publish(staffed_on(3, HALL_DESK, "周一 08:30-12:00"), post(3, post="zh-1", at=HALL_DESK))
    county.settle()
    assert village.next_staffed(ITEM) == Staffed(HALL_DESK, HALL_DESK, monday, "08:30-12:00")
    township.publish(staffed_on(4, DESK, "周二"), post(4, at=DESK, items=("RS01",)))
    county.settle()
    assert village.next_staffed(ITEM) == Staffed(DESK, DESK, tuesday, "")
    assert village.next_staffed(ITEM, tuesday) == Staffed(DESK, DESK, tuesday, "")


def test_a_department_s_window_is_no_desk_for_other_items_whatever_its_people_do(county: County) -> None:
    everything = post(1, at=WINDOW, person=OfficerId(f"{WINDOW}/sun"))
    county[COUNTY].publish(
        OfficePublished(*by(COUNTY, 1), WINDOW, "人社局窗口", ITEM.department),
        staffed_on(1, WINDOW, "周三", seat=COUNTY),
        structs.replace(everything, office=COUNTY, officer=OfficerId(f"{COUNTY}/wang")),
    )
    county.settle()
    village = county[VILLAGE].people
    assert village.next_staffed(ITEM) == Staffed(WINDOW, WINDOW, date(2026, 3, 11), "")
    assert village.next_staffed(load_catalogue().get_item("MZ01")) is None


def test_a_desk_follows_the_rules_that_will_be_in_force_on_the_day(county: County) -> None:
    township = county[TOWNSHIP]
    later = structs.replace(staffed_on(2, DESK, "周四"), effective_from=date(2026, 3, 9))
    township.publish(staffed_on(1, DESK, "周二"), post(1, at=DESK))
    township.publish(later)
    assert township.people.next_day(DESK) == Staffed(DESK, DESK, date(2026, 3, 12), "")


def test_a_day_on_which_everybody_of_a_desk_is_away_is_not_printed(county: County) -> None:
    township, tuesday = county[TOWNSHIP], date(2026, 3, 10)
    gone = {"effective_from": tuesday, "effective_until": tuesday}
    township.publish(staffed_on(1, DESK, "周二"), post(1, at=DESK))
    township.publish(absence(2, **gone))
    assert township.people.next_day(DESK) == Staffed(DESK, DESK, tuesday, "")
    township.publish(absence(3, person=CHEN, deputy=LI, **gone))
    assert township.people.next_day(DESK) == Staffed(DESK, DESK, date(2026, 3, 17), "")


def test_desks_are_permanent_rotating_or_by_liaison(county: County) -> None:
    township = county[TOWNSHIP]
    liaison = OfficeId(f"{TOWNSHIP}.jy")
    township.publish(
        staffed_on(1, DESK),
        staffed_on(1, HALL_DESK, "农历 1,4,7"),
        staffed_on(1, liaison, "2026-04-01"),
        post(1, at=liaison, position=Position.LIAISON),
    )
    assert [(desk.site, desk.kind) for desk in township.people.desks(TOWNSHIP)] == [
        (liaison, DeskKind.LIAISON),
        (DESK, DeskKind.PERMANENT),
        (HALL_DESK, DeskKind.ROTATING),
    ]


def test_a_leader_s_slot_is_the_deputy_s_while_the_leader_is_away(county: County) -> None:
    township = county[TOWNSHIP]
    rules = (parse_rule("周一,周五 14:30-17:30"),)
    township.publish(SlotsPublished(*by(TOWNSHIP, 1), TOWNSHIP, rules, WANG, FRIDAY))
    people, hours = township.people, "14:30-17:30"
    assert people.next_slot(TOWNSHIP) == Slot(FRIDAY, hours, Responsible(WANG, "wang"))
    assert people.next_slot(DESK) == people.next_slot(TOWNSHIP)
    township.publish(absence(2, person=WANG))
    assert people.next_slot(TOWNSHIP) == Slot(FRIDAY, hours, Responsible(CHEN, "chen", "wang"))
    township.publish(absence(3, person=CHEN, deputy=LI))
    assert people.next_slot(TOWNSHIP) == Slot(date(2026, 3, 9), hours, Responsible(WANG, "wang"))
    assert people.next_slot(VILLAGE) is None


# --- the pen ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        (post(document=" "), "staffing_document"),
        (post(effective_until=FRIDAY - timedelta(days=2)), "staffing_dates"),
        (post(at=OfficeId(f"{TOWNSHIP}999")), "unknown_office"),
        (post(person=OfficerId(f"{VILLAGE}/li")), "person_elsewhere"),
        (post(person=OfficerId("li")), "person_elsewhere"),
        (post(at=DESK, position=Position.LEADER), "person_elsewhere"),
        (post(person=OfficerId(f"{TOWNSHIP}/zhao")), "no_such_officer"),
        (post(items=("ZZ99",)), "grant_items"),
        (post(at=OTHER_TOWNSHIP), "not_ours_to_publish"),
        (absence(reason=""), "staffing_document"),
        (absence(effective_until=FRIDAY - timedelta(days=3)), "staffing_dates"),
        (absence(deputy=LI), "deputy_elsewhere"),
        (absence(deputy=leader().officer), "deputy_elsewhere"),
        (absence(deputy=OfficerId(f"{TOWNSHIP}/zhao")), "no_such_officer"),
        (SlotsPublished(*by(TOWNSHIP, 1), TOWNSHIP, (), leader().officer, FRIDAY), "person_elsewhere"),
    ],
)
def test_what_cannot_be_is_refused_in_words(statement: PostAssigned, code: str) -> None:
    county = County(TOWNSHIP)
    publish_edition(county[COUNTY], 9, edition())
    county.settle()
    with pytest.raises(Refused) as refused:
        county[TOWNSHIP].publish(statement)
    assert refused.value.code == code


def test_a_statement_is_taken_back_by_one_that_ends_before_it_begins(county: County) -> None:
    township = county[TOWNSHIP]
    township.publish(post())
    assert township.publish(post(2, effective_until=FRIDAY - timedelta(days=1))) == 1
    assert township.people.register.posts_at(TOWNSHIP, FRIDAY) == []


# --- the command line ------------------------------------------------------------------------------------------------


def test_people_and_desks_are_stated_and_listed_at_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hub(words: str, *more: str) -> str:
        main(HUB, [*words.split(), *more, "--home", str(tmp_path / "hub")])
        shown = capsys.readouterr()
        return shown.out + shown.err

    hub("init --office 510824 --name 苍溪县样例")
    for login, role in (("wang", "leader"), ("li", "clerk"), ("chen", "clerk")):
        monkeypatch.setattr(sys, "stdin", io.StringIO("three quiet herons\n"))
        hub(f"accounts add --login {login} --name {login} --role {role} --password-stdin")
    assigned = (
        "posts assign zh-1 --name 综合岗 --person li --person-name 李明 --document 苍府〔2026〕1号 --officer wang"
    )
    assert "写入 1 条" in hub(assigned)
    assert "没有改动" in hub(assigned)
    assert "no_such_officer" in hub(assigned.replace("--person li", "--person lee"))
    assert "李明\t全部事项" in hub("posts list")
    hub("absences state li --until 2199-01-01 --deputy chen --reason 学习 --officer wang")
    assert "chen\t学习" in hub("absences list")
    assert "当日由谁负责：chen（代 李明）" in hub("posts list --item RS01")
    assert "写入 1 条" in hub("absences end li --on 2198-12-31 --officer wang")
    assert "当日由谁负责：李明" in hub("posts list --item RS01 --on 2199-01-01")
    assert "写入 1 条" in hub("posts end zh-1 --on 2199-12-31 --officer wang")
    assert "–2199-12-31" in hub("posts list")
    assert "无专岗，本单位人员均可办理" in hub("posts list --item RS01 --on 2200-01-01")
    assert "nothing_to_end" in hub("posts end zz-9 --on 2199-12-31 --officer wang")
    assert "no_desk" in hub("desks set 510824 --officer wang")
    assert "写入 1 条" in hub("desks set 510824.rsj", "周二 09:00-12:00", "--officer", "wang")
    assert "轮驻\t下次在岗 2" in hub("desks list")
    assert "写入 1 条" in hub("slots set wang", "周一 14:30-17:30", "--officer", "wang")
    assert "14:30-17:30 wang" in hub("slots list")
