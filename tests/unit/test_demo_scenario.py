"""The demo's script is lawful before any process starts: every case of it lives through on the pure casework core."""

from datetime import date

import msgspec
import pytest

from deploy.demo_scenario import BY_KEY, OPEN_STORIES, PEOPLE, PLACES, STORIES, WINDOW, Step, Story
from office.seeds import load_catalogue, load_divisions
from schemas.casework.casefile import CaseFile, follow
from schemas.casework.events import EVENTS, Act, Applicant, CaseEvent, CaseFiled
from schemas.casework.lifecycle import permits_event
from schemas.casework.roles import ROLES_OF_ACT
from schemas.identity import RESIDENT_CARD, check_resident_number
from schemas.names import (
    CaseId,
    Epoch,
    Instant,
    NodeId,
    OfficeId,
    OfficerId,
    TrackingNumber,
    parent_seat,
)
from schemas.wire import EntryHeader


def event_of(story: Story, step: Step, case: CaseFile | None, number: int) -> CaseEvent:
    """The event that the desk would write for a step."""
    office = step.office or BY_KEY[step.at].office
    kind = EVENTS[step.kind]
    author = (bytes([number]) * 8, office, OfficerId(f"{office}/somebody"))
    if kind is CaseFiled:
        applicant = Applicant(story.applicant, RESIDENT_CARD, story.number, story.phone)
        tracking = TrackingNumber("1-AA0001X")
        return CaseFiled(1, None, *author, story.item, "sample", tracking, bytes(48), applicant, (), story.statement)
    assert case is not None
    first = (case.turn + 1, case.tip, *author) if issubclass(kind, Act) else (case.turn, *author)
    names = [field.name for field in msgspec.structs.fields(kind)][len(first) :]
    rest = {name: step.fields[name] for name in names if name in step.fields}
    return kind(*first, **rest)  # pyright: ignore[reportCallIssue,reportArgumentType]


@pytest.mark.parametrize("story", [*STORIES, *OPEN_STORIES], ids=lambda story: story.key)
def test_every_case_may_be_lived_as_written(story: Story) -> None:
    item = load_catalogue().get_item(story.item)
    case: CaseFile | None = None
    for number, step in enumerate(story.steps):
        event = event_of(story, step, case, number)
        permits_event(case, event, item)
        header = EntryHeader(
            NodeId("a" * 16), Epoch(1, bytes(6)), number, Instant(0), step.kind, CaseId(bytes(16)), bytes([number]) * 32
        )
        case = follow(case, event, header)
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
    for story in (*STORIES, *OPEN_STORIES):
        assert story.applicant.startswith("样例")
        assert check_resident_number(story.number, date(2026, 11, 1)).number == story.number
        assert story.number[:6] not in divisions
    assert len({story.number for story in (*STORIES, *OPEN_STORIES)}) == len(STORIES) + len(OPEN_STORIES)
    assert WINDOW.startswith(BY_KEY["hub"].office)
