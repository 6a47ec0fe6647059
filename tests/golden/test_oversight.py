"""The bytes of every entry of oversight are as published. `oversight.py` writes them again."""

import json

import pytest
from msgspec import structs

from schemas.codec import Malformed, encode
from schemas.oversight import FREEZE_ROWS_MAX, OVERSIGHT, Overseen, ScoresFrozen, decode_overseen, encode_overseen
from tests.golden.oversight import OVERSIGHT_FILE, overseen, oversight_text


def test_every_kind_has_golden_bytes() -> None:
    assert [event.kind for event in overseen()] == list(OVERSIGHT)


def test_the_bytes_of_every_entry_are_as_published() -> None:
    assert oversight_text() == OVERSIGHT_FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("event", overseen(), ids=lambda event: event.kind)
def test_published_bytes_read_as_the_entry(event: Overseen) -> None:
    published = json.loads(OVERSIGHT_FILE.read_text(encoding="utf-8"))
    assert decode_overseen(event.kind, bytes.fromhex(published[event.kind])) == event


@pytest.mark.parametrize("event", overseen(), ids=lambda event: event.kind)
def test_a_body_that_is_cut_or_made_up_is_refused_and_a_newer_one_is_read(event: Overseen) -> None:
    body = encode_overseen(event)
    for cut in range(len(body)):
        with pytest.raises(Malformed):
            decode_overseen(event.kind, body[:cut])
    fields = [getattr(event, name) for name in event.__struct_fields__]
    assert decode_overseen(event.kind, encode([*fields, "of a newer version"])) == event
    for position in range(len(fields)):
        with pytest.raises(Malformed):
            decode_overseen(event.kind, encode([*fields[:position], {"no": "such"}, *fields[position + 1 :]]))


def test_a_full_county_fits_one_table() -> None:
    (table,) = (event for event in overseen() if isinstance(event, ScoresFrozen))
    full = structs.replace(table, totals=table.totals * FREEZE_ROWS_MAX)
    assert decode_overseen(full.kind, encode_overseen(full)) == full
