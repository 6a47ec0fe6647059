"""The demo's script is lawful before any process starts: every case of it lives through on the pure casework core."""

from datetime import date

import msgspec
import pytest

from deploy.demo_desk import materials_of
from deploy.demo_scenario import BY_KEY, GRANT, PEOPLE, PLACES, WINDOWS, Step, Story
from deploy.demo_stories import OPEN_STORIES, PRINTED, STORIES
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
from schemas.casework.roles import ROLES_OF_ACT
from schemas.casework.values import Applicant, Material, MaterialStatus, RosterRow
from schemas.identity import RESIDENT_CARD, check_resident_number
from schemas.names import CaseId, Epoch, NodeId, OfficeId, OfficerId, TrackingNumber, parent_seat
from schemas.wire import EntryHeader
from tests.support.dated import at

TODAY = date(2026, 11, 23)
"""A Monday on which the whole play is played."""


def event_of(story: Story, step: Step, case: CaseFile | None, number: int) -> CaseEvent:
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
    typed = arguments_of(step.kind, read_fields(FORMS[step.kind], step.fields_on(TODAY)))
    if kind is SiteSurveyed:
        typed["surveyors"] = (author[-1], *step.fields["surveyors"])
    names = [field.name for field in msgspec.structs.fields(kind)][len(first) :]
    rest = {name: typed[name] for name in names if name in typed}
    event = kind(*first, **rest)  # pyright: ignore[reportCallIssue,reportArgumentType]
    return decode_event(event.kind, encode_event(event))


def header_of(kind: str, number: int) -> EntryHeader:
    """Of the entry, written on the day of the play."""
    origin, epoch = NodeId("a" * 16), Epoch(1, bytes(6))
    return EntryHeader(origin, epoch, number, at(TODAY), kind, CaseId(bytes(16)), bytes([number]) * 32)


@pytest.mark.parametrize("story", [*STORIES, *OPEN_STORIES], ids=lambda story: story.key)
def test_every_case_may_be_lived_as_written(story: Story) -> None:
    item = load_catalogue().get_item(story.item)
    case: CaseFile | None = None
    for number, step in enumerate(story.steps):
        event = event_of(story, step, case, number)
        permits_event(case, event, item, today=TODAY, grants=(GRANT,))
        header = header_of(step.kind, number)
        case = follow(case, event, header)
        if isinstance(event, CaseFiled) and story.rows:
            rows = tuple(RosterRow(name, RESIDENT_CARD, number) for name, number in story.rows)
            added = RosterAdded(1, bytes(8), event.office, event.officer, 1, rows)
            case = follow(case, added, header_of(added.kind, 99))
    assert case is not None
    assert case.stage.value == story.ends_in
    assert not case.breaches
    assert not case.held


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
