"""The bytes of every entry of the register are as published. `register.py` writes them again."""

import json

import pytest

from schemas.register import REGISTER, Published, decode_record
from tests.golden.register import REGISTER_FILE, records, register_text


def test_every_kind_has_golden_bytes() -> None:
    assert [event.kind for event in records()] == list(REGISTER)


def test_the_bytes_of_every_entry_are_as_published() -> None:
    assert register_text() == REGISTER_FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("event", records(), ids=lambda event: event.kind)
def test_published_bytes_read_as_the_entry(event: Published) -> None:
    published = json.loads(REGISTER_FILE.read_text(encoding="utf-8"))
    assert decode_record(event.kind, bytes.fromhex(published[event.kind])) == event
