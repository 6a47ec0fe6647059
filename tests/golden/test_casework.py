"""The bytes of every event and the table of the lifecycle are as published. `casework.py` writes them again."""

import json

import pytest
from msgspec.structs import replace

from schemas.casework.events import EVENTS, CaseEvent, decode_event
from tests.golden.casework import EVENTS_FILE, EVENTS_WITHOUT_PAPERS_FILE, events, events_text
from tests.golden.lifecycle import DIAGRAM_FILE, LIFECYCLE_FILE, diagram_text, matrix_text


def test_every_kind_has_golden_bytes() -> None:
    assert [event.kind for event in events()] == list(EVENTS)


def test_the_bytes_of_every_event_are_as_published() -> None:
    assert events_text() == EVENTS_FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("event", events(), ids=lambda event: event.kind)
def test_published_bytes_read_as_the_event(event: CaseEvent) -> None:
    published = json.loads(EVENTS_FILE.read_text(encoding="utf-8"))
    assert decode_event(event.kind, bytes.fromhex(published[event.kind])) == event


@pytest.mark.parametrize("event", [one for one in events() if hasattr(one, "papers")], ids=lambda event: event.kind)
def test_bytes_from_before_there_were_papers_read_as_an_event_without_any(event: CaseEvent) -> None:
    older = json.loads(EVENTS_WITHOUT_PAPERS_FILE.read_text(encoding="utf-8"))
    assert decode_event(event.kind, bytes.fromhex(older[event.kind])) == replace(event, papers=())


def test_every_cell_stage_by_kind_by_office_is_as_published() -> None:
    assert matrix_text() == LIFECYCLE_FILE.read_text(encoding="utf-8")


def test_the_diagram_shows_the_table() -> None:
    assert diagram_text() == DIAGRAM_FILE.read_text(encoding="utf-8")
