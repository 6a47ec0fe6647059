"""The demo's script is lawful before any process starts: every case of it lives through on the pure casework core."""

from datetime import date, timedelta

import msgspec
import pytest

from deploy.demo_county import officer_for
from deploy.demo_desk import materials_of
from deploy.demo_play import NOT_CONVERTED
from deploy.demo_scenario import BY_KEY, GRANT, PEOPLE, PLACES, WINDOWS, Phase, Step, Story
from deploy.demo_staff import DEPARTMENTS, DESK_DAYS, POSTS, SLOTS, STANDS_IN, person_at, statements_of
from deploy.demo_stories import OPEN_STORIES, PRINTED, STORIES, conversion_before
from office.people import check_staffing
from office.seeds import load_catalogue, load_divisions
from office.web.acting import arguments_of
from office.web.forms import FORMS, read_fields
from schemas.casework.casefile import CaseFile
from schemas.casework.events import (
    EVENTS,
    Act,
    CaseEvent,
    CaseFiled,
    RosterAdded,
    SiteSurveyed,
    decode_event,
    encode_event,
)
from schemas.casework.fold import follow
from schemas.casework.lifecycle import permits_event
from schemas.casework.reasons import NotPermitted
from schemas.casework.roles import ROLES_OF_ACT
from schemas.casework.values import Applicant, Material, MaterialStatus, RosterRow
from schemas.catalogue import is_of_department
from schemas.headed import EntryHeader
from schemas.identity import RESIDENT_CARD, check_resident_number
from schemas.names import CaseId, Epoch, NodeId, OfficeId, OfficerId, TrackingNumber, parent_seat
from schemas.register import AbsenceStated, PostAssigned, SlotsPublished, may_write
from tests.support.dated import at

TODAY = date(2026, 11, 23)
"""A Monday on which the whole play is played, unless it goes on past midnight."""
TOMORROW = TODAY + timedelta(days=1)


def event_of(story: Story, step: Step, case: CaseFile | None, number: int, day: date) -> CaseEvent:
    """The event that the desk would write for a step."""
    office = step.office or BY_KEY[step.at].office
    kind = EVENTS[step.kind]
    author = (bytes([number]) * 8, office, OfficerId(f"{office}/somebody"))
    if kind is CaseFiled:
        applicant = Applicant(story.applicant, RESIDENT_CARD, story.number, story.phone)
        tracking = TrackingNumber("1-AA0001X")
        materials = tuple(Material(name, MaterialStatus.PROVIDED) for name in materials_of(story))
        first = (1, None, *author, story.item, "sample", tracking, bytes(48), applicant)
        filing = CaseFiled(*first, materials, story.statement)
        if story.rows:
            filing = msgspec.structs.replace(filing, roster=bytes(32), roster_rows=len(story.rows))
        return filing
    assert case is not None
    first = (case.turn + 1, case.tip, *author) if issubclass(kind, Act) else (case.turn, *author)
    typed = arguments_of(step.kind, read_fields(FORMS[step.kind], step.fields_on(day)))
    if kind is SiteSurveyed:
        typed["surveyors"] = (author[-1], *step.fields["surveyors"])
    names = [field.name for field in msgspec.structs.fields(kind)][len(first) :]
    rest = {name: typed[name] for name in names if name in typed}
    event = kind(*first, **rest)  # pyright: ignore[reportCallIssue,reportArgumentType]
    return decode_event(event.kind, encode_event(event))


def header_of(kind: str, number: int, day: date) -> EntryHeader:
    """Of the entry, written on that day of the play."""
    origin, epoch = NodeId("a" * 16), Epoch(1, bytes(6))
    return EntryHeader(origin, epoch, number, at(day), kind, CaseId(bytes(16)), bytes([number]) * 32)


def write(story: Story, step: Step, case: CaseFile | None, number: int, day: date) -> CaseFile:
    """Write one step, if it may be written. Raises `NotPermitted`."""
    event = event_of(story, step, case, number, day)
    item, department = load_catalogue().get_item(story.item), DEPARTMENTS.get(event.office, "")
    permits_event(case, event, item, today=day, grants=(GRANT,), department=department)
    written = follow(case, event, header_of(step.kind, number, day))
    if isinstance(event, CaseFiled) and story.rows:
        rows = tuple(RosterRow(name, RESIDENT_CARD, number) for name, number in story.rows)
        added = RosterAdded(1, bytes(8), event.office, event.officer, 1, rows)
        written = follow(written, added, header_of(added.kind, 99, day))
    assert written is not None
    return written


def live(story: Story, midnight: int) -> tuple[CaseFile, list[str]]:
    """The case at its end, and the kinds that were written. `midnight`: the first phase of the next day."""
    case: CaseFile | None = None
    kinds: list[str] = []
    for number, step in enumerate(story.steps):
        day = TODAY if step.phase < midnight else TOMORROW
        try:
            case = write(story, step, case, number, day)
        except NotPermitted as refusal:
            if refusal.code != NOT_CONVERTED:
                raise
            kinds.append("case.converted")
            case = write(story, conversion_before(step), case, 50 + number, day)
            case = write(story, step, case, number, day)
        kinds.append(step.kind)
    assert case is not None
    return case, kinds


@pytest.mark.parametrize("midnight", range(2, 10), ids=lambda phase: f"midnight-before-{phase}")
@pytest.mark.parametrize("story", [*STORIES, *OPEN_STORIES], ids=lambda story: story.key)
def test_every_case_may_be_lived_as_written_also_past_midnight(story: Story, midnight: int) -> None:
    case, _ = live(story, midnight)
    assert case.stage.value == story.ends_in
    assert not case.breaches
    assert not case.held


def test_only_a_play_that_goes_on_past_midnight_converts_a_case() -> None:
    def converted(midnight: Phase) -> list[str]:
        return [story.key for story in STORIES if "case.converted" in live(story, midnight)[1]]

    assert converted(Phase.LEFT_OPEN) == []
    assert converted(Phase.AFTER_BACKUP) == ["05", "18"]


def test_steps_come_in_the_order_of_the_phases() -> None:
    for story in (*STORIES, *OPEN_STORIES):
        phases = [step.phase for step in story.steps]
        assert phases == sorted(phases), story.key


def test_the_offices_are_those_of_the_sample_county_and_stand_one_above_the_other() -> None:
    divisions = load_divisions()
    for place in PLACES:
        assert divisions.find(place.office) is not None, place
        above = BY_KEY[place.above].office if place.above else None
        assert parent_seat(place.office) == above


def test_somebody_at_each_place_has_the_role_for_each_step() -> None:
    for story in (*STORIES, *OPEN_STORIES):
        for step in story.steps:
            office: OfficeId = step.office or BY_KEY[step.at].office
            able = [
                person
                for person in PEOPLE
                if person.place == step.at
                and person.office == office
                and not ROLES_OF_ACT[step.kind].isdisjoint(person.roles)
            ]
            assert able, (story.key, step)


def test_no_sample_person_can_be_a_real_one() -> None:
    divisions = load_divisions()
    people = [(story.applicant, story.number) for story in (*STORIES, *OPEN_STORIES)]
    people += [row for story in STORIES for row in story.rows]
    assert len({number for _, number in people}) == len(people)
    for name, number in people:
        assert name.startswith("样例")
        assert check_resident_number(number, TODAY).number == number
        assert number[:6] not in divisions
    assert all(window.startswith(BY_KEY["hub"].office) for window in WINDOWS)


def test_the_play_shows_each_way_of_handling_a_matter() -> None:
    kinds = {step.kind for story in STORIES for step in story.steps}
    shown = {"acceptance.refused", "case.suspended", "case.expedited", "case.reopened", "meeting.held", "site.surveyed"}
    assert shown <= kinds
    assert {story.key for story in STORIES} >= set(PRINTED)
    assert sum(bool(story.rows) for story in STORIES) == 1
    assert any(step.fields.get("grant") == GRANT.number for story in STORIES for step in story.steps)


# --- who works where -------------------------------------------------------------------------------------------------


def test_what_is_published_about_people_is_each_office_s_to_say() -> None:
    for place in PLACES:
        statements = statements_of(place, bytes(16), TODAY)
        assert bool(statements) == (place.key in SLOTS)
        for event in statements:
            assert may_write(place.office, event), event
            if isinstance(event, PostAssigned | AbsenceStated | SlotsPublished):
                check_staffing(event)


def test_everybody_who_works_on_a_case_holds_a_post_and_so_has_a_name_everywhere() -> None:
    named = {person_at(post.at, post.login) for post in POSTS}
    writing = {officer_for(step) for story in STORIES for step in story.steps}
    assert writing <= named
    assert {person for person in PEOPLE if person.login != "admin"} == named


def test_who_is_away_writes_nothing_and_the_deputy_does() -> None:
    writing = {(one.office, one.login) for story in STORIES for one in map(officer_for, story.steps)}
    for (office, away), deputy in STANDS_IN.items():
        assert (office, away) not in writing
        assert (office, deputy) in writing


def test_windows_are_bound_to_the_departments_of_the_items_that_they_decide() -> None:
    catalogue = load_catalogue()
    for story in STORIES:
        for step in story.steps:
            if step.office is not None and step.kind == "case.decided":
                assert is_of_department(catalogue.get_item(story.item), DEPARTMENTS[step.office])
    assert {desk for _, desk, _ in DESK_DAYS} == WINDOWS.keys()


def test_no_sample_telephone_can_be_dialled() -> None:
    phones = [place.phone for place in PLACES]
    assert len(set(phones)) == len(phones)
    assert all(phone.startswith("0839-0000") and phone.endswith("（样例）") for phone in phones)
