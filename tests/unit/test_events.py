"""Bodies of casework entries: what reads, what is held, what is refused in words."""

import msgspec
import pytest

from schemas.casework.events import (
    EVENTS,
    Act,
    CaseFiled,
    CustodyAccepted,
    CustodyOffered,
    RemarkAdded,
    UnknownKind,
    decode_event,
    encode_event,
)
from schemas.casework.roles import ROLES_OF_ACT
from schemas.casework.values import Channel
from schemas.codec import ENTRY_BODY_BYTES_MAX, Malformed
from schemas.names import OfficeId, OfficerId
from tests.support.casebook import TOWNSHIP, VILLAGE, digest, filing, officer

OPERATION = digest("operation")[:8]
LATEST = CaseFiled.__struct_fields__[CaseFiled.__struct_fields__.index("statement") :]
"""Fields of a filing that have a default: all were appended at some time, or may be left out."""


def accepted(note: str = "") -> CustodyAccepted:
    return CustodyAccepted(3, digest("tip")[:16], OPERATION, TOWNSHIP, officer(TOWNSHIP), note)


def test_acts_carry_the_same_first_five_fields_and_contributions_the_same_first_four() -> None:
    for kind, event in EVENTS.items():
        assert event.kind == kind
        acting = ("turn", "after", "operation", "office", "officer")
        contributing = ("after_turn", "operation", "office", "officer")
        expected = acting if issubclass(event, Act) else contributing
        assert event.__struct_fields__[: len(expected)] == expected


def test_every_kind_names_the_roles_that_may_write_it() -> None:
    assert ROLES_OF_ACT.keys() == EVENTS.keys()


def test_a_newer_body_with_more_fields_reads_here() -> None:
    fields = [*msgspec.msgpack.decode(encode_event(accepted())), {"appended": [1, 2]}]
    assert decode_event("custody.accepted", msgspec.msgpack.encode(fields)) == accepted()


def test_an_older_body_without_the_latest_fields_reads_here() -> None:
    fields = msgspec.msgpack.decode(encode_event(filing()))
    older = decode_event("case.filed", msgspec.msgpack.encode(fields[: -len(LATEST)]))
    assert isinstance(older, CaseFiled)
    assert [getattr(older, name) for name in LATEST] == ["", None, Channel.COUNTER, (), (), None, 0, ()]


def test_an_unknown_kind_is_named_so_that_it_can_be_held() -> None:
    with pytest.raises(UnknownKind) as refused:
        decode_event("case.filed/2", b"\x90")
    assert refused.value.code == "unknown_kind"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x90",
        b"\xc1",
        encode_event(accepted())[:-1],
        encode_event(accepted()) + b"\x00",
        b"\x91" * 5000,
        msgspec.msgpack.encode([0, digest("tip")[:16], OPERATION, TOWNSHIP, "x", ""]),
        msgspec.msgpack.encode([2**40, digest("tip")[:16], OPERATION, TOWNSHIP, "x", ""]),
        msgspec.msgpack.encode([3, b"short", OPERATION, TOWNSHIP, "x", ""]),
        msgspec.msgpack.encode([3, digest("tip")[:16], b"short", TOWNSHIP, "x", ""]),
        msgspec.msgpack.encode([3, digest("tip")[:16], OPERATION, TOWNSHIP, "x", "长" * 4001]),
        msgspec.msgpack.encode([3, digest("tip")[:16], OPERATION, TOWNSHIP, 7, ""]),
    ],
    ids=[
        "empty",
        "no fields",
        "no message",
        "truncated",
        "trailing",
        "deep",
        "turn zero",
        "turn too large",
        "hash too short",
        "operation too short",
        "text too long",
        "wrong type",
    ],
)
def test_bytes_that_are_no_such_event_are_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        decode_event("custody.accepted", body)


def test_a_body_over_its_limit_is_refused_unread() -> None:
    with pytest.raises(Malformed) as refused:
        decode_event("custody.accepted", bytes(ENTRY_BODY_BYTES_MAX + 1))
    assert refused.value.code == "too_large"


def test_a_nul_character_is_refused_at_the_pen_and_on_arrival() -> None:
    with pytest.raises(Malformed) as refused:
        encode_event(accepted("同意\x00"))
    assert refused.value.code == "nul_character"
    with pytest.raises(Malformed):
        decode_event("custody.accepted", msgspec.msgpack.encode(accepted("\x00")))


def test_zero_bytes_outside_a_text_are_no_harm() -> None:
    remark = RemarkAdded(1, bytes(8), VILLAGE, officer(VILLAGE), "好")
    assert decode_event("remark.added", encode_event(remark)) == remark


def test_the_pen_refuses_what_no_other_node_would_read() -> None:
    with pytest.raises(Malformed):
        encode_event(accepted("长" * 4001))


@pytest.mark.parametrize(
    "to", ["99", "5108241", "510824100\n", "５１０８２４", "510824.RSJ", "510824.", "no office here", "510824100/zhang"]
)
def test_a_case_cannot_be_sent_where_no_office_can_be(to: str) -> None:
    offered = CustodyOffered(2, digest("tip")[:16], OPERATION, TOWNSHIP, OfficerId("x"), OfficeId(to))
    with pytest.raises(Malformed):
        encode_event(offered)
    with pytest.raises(Malformed):
        decode_event("custody.offered", msgspec.msgpack.encode(offered))
