"""What a set of statements comes to, whatever their order: the fold of the register."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from schemas.calendar import WorkCalendar, YearStatus
from schemas.catalogue import digest_of_item, find_grant
from schemas.codec import Malformed, encode
from schemas.names import OfficeId, OfficerId
from schemas.openings import OpeningRule, RuleKind
from schemas.register import (
    REGISTER,
    AbsenceStated,
    CalendarPublished,
    EditionPublished,
    GrantEnded,
    GrantMade,
    ItemPublished,
    MoveProposed,
    OfficePublished,
    OpeningPublished,
    Position,
    PostAssigned,
    Published,
    decode_record,
    encode_record,
    may_write,
)
from schemas.register_fold import Record, Register
from tests.support.counties import COUNTY, OTHER_TOWNSHIP, TOWNSHIP, VILLAGE, WINDOW
from tests.support.publications import item

AUTHOR = (bytes(8), COUNTY, OfficerId(f"{COUNTY}/wang"))
JANUARY = date(2026, 1, 1)
LI, CHEN = OfficerId(f"{TOWNSHIP}/li"), OfficerId(f"{TOWNSHIP}/chen")


def day(number: int) -> date:
    """A day of 2026, from 1."""
    return JANUARY + timedelta(days=number - 1)


def name(text: str, first: int, last: int | None = None) -> OfficePublished:
    """What the township is called from one day to another."""
    until = day(last) if last is not None else None
    return OfficePublished(*AUTHOR, TOWNSHIP, text, valid_from=day(first), valid_to=until)


def grant(number: str = "苍府〔2026〕5号", last: int | None = None) -> GrantMade:
    """The township may decide RS01."""
    until = day(last) if last is not None else None
    return GrantMade(*AUTHOR, number, "县人社局", False, (TOWNSHIP,), ("RS01",), day(10), until, number)


def post(
    person: OfficerId, position: Position = Position.PRIMARY, first: int = 1, last: int | None = None
) -> PostAssigned:
    """Somebody at the township's civil affairs desk."""
    until = day(last) if last is not None else None
    return PostAssigned(*AUTHOR, "mz-1", TOWNSHIP, "民政岗", person, person, position, (), day(first), until)


def recorded(*events: Published) -> list[Record]:
    """Statements in the order in which their author made them."""
    return [Record(event, 1, number, bytes([number]) * 32) for number, event in enumerate(events)]


def register(*events: Published) -> Register:
    """What they come to."""
    return Register(recorded(*events))


STATEMENTS: Sequence[Published] = (
    name("云峰镇", 1),
    name("云峰街道", 40, 90),
    name("云峰街道办", 40, 60),
    grant(),
    grant(last=200),
    GrantEnded(*AUTHOR, "苍府〔2026〕5号", day(50), "苍府〔2026〕9号"),
    ItemPublished(*AUTHOR, msgspec.Raw(encode(item()))),
    EditionPublished(*AUTHOR, "2026.1", day(5), "1号", AUTHOR[2], False, (("RS01", digest_of_item(item())),)),
    EditionPublished(*AUTHOR, "2026.2", day(5), "2号", AUTHOR[2], False, (("RS01", digest_of_item(item())),)),
    EditionPublished(*AUTHOR, "2026.3", day(9), "3号", AUTHOR[2], False, (("RS02", bytes(16)),)),
    CalendarPublished(*AUTHOR, 2026, YearStatus.OFFICIAL, "国办发明电〔2025〕7号", ((101, False), (104, True))),
    CalendarPublished(*AUTHOR, 2026, YearStatus.LOCAL, "苍府办〔2026〕2号", ((302, False),)),
    CalendarPublished(*AUTHOR, 2026, YearStatus.LOCAL, "苍府办〔2026〕3号", ((303, False),)),
    OpeningPublished(*AUTHOR, TOWNSHIP, day(1), (OpeningRule(RuleKind.WEEKDAYS, (1, 2)),)),
    OpeningPublished(*AUTHOR, TOWNSHIP, day(30), (OpeningRule(RuleKind.LUNAR_DIGITS, (1, 4, 7)),)),
    post(LI),
    post(CHEN, first=20, last=30),
    post(CHEN, Position.DEPUTY),
    AbsenceStated(*AUTHOR, LI, day(10), day(20), CHEN),
    AbsenceStated(*AUTHOR, LI, day(10), day(9), CHEN),
)


def seen(held: Register) -> list[object]:
    """Every answer of a register over a year."""
    calendar = held.calendar(WorkCalendar())
    return [
        held.editions(),
        held.incomplete_editions(),
        held.grants(),
        held.offices(),
        *[
            (
                held.name_of(TOWNSHIP, day(number)),
                held.opening_of(TOWNSHIP, day(number)),
                held.post_holders(TOWNSHIP, "RS01", day(number)),
                held.deputy_of(LI, day(number)),
                calendar.is_working(day(number)),
            )
            for number in range(1, 121)
        ],
    ]


@given(
    st.lists(st.sampled_from(recorded(*STATEMENTS)), min_size=len(STATEMENTS)), st.permutations(recorded(*STATEMENTS))
)
def test_the_order_of_arrival_and_repetition_change_nothing(first: list[Record], then: list[Record]) -> None:
    whole = Register(recorded(*STATEMENTS))
    other = Register([*first, *then])
    assert other.records() == whole.records()
    assert seen(other) == seen(whole)


def test_a_replaced_device_corrects_what_its_predecessor_said() -> None:
    """Its epochs begin at 1 again: the numbers of its entries would lose against those of ten years."""
    old = Record(name("云峰镇", 1), 300, 7, bytes(32))
    held = Register([old])
    new = name("陵江镇", 1)
    assert held.next_revision(new) == 1
    held.add(Record(structs.replace(new, revision=held.next_revision(new)), 1, 2, bytes(32)))
    assert held.name_of(TOWNSHIP, day(5)) == "陵江镇"
    assert held.next_revision(new) == 2
    assert held.next_revision(name("陵江镇", 2)) == 0
    listed = EditionPublished(*AUTHOR, "2026.1", day(5), "1号", AUTHOR[2], False, (("RS02", bytes(16)),))
    held.add(Record(listed, 300, 8, bytes(32)))
    assert held.next_revision(structs.replace(listed, version="2026.2")) == 1, "one edition is in force"


def test_a_later_first_day_counts_while_both_are_in_force_and_a_correction_from_its_first_day() -> None:
    held = register(name("云峰镇", 1), name("云峰街道", 40, 90), name("云峰街道办", 40, 60))
    assert [held.name_of(TOWNSHIP, day(number)) for number in (39, 40, 60, 61, 100)] == [
        "云峰镇",
        "云峰街道办",
        "云峰街道办",
        "云峰镇",
        "云峰镇",
    ]


def test_the_move_that_was_proposed_last_counts_also_with_an_earlier_day() -> None:
    late = MoveProposed(*AUTHOR, VILLAGE, TOWNSHIP, day(200), "苍府〔2026〕6号")
    held = register(late)
    early = structs.replace(late, operation=bytes(range(8)), effective_from=day(100), revision=held.next_revision(late))
    for held in (register(late, early), register(early, late)):
        assert held.moves() == [early]
        assert held.find(MoveProposed, VILLAGE) == early


def test_an_office_that_has_ended_keeps_its_name() -> None:
    held = register(name("云峰镇", 1, 90))
    assert held.find_office(TOWNSHIP, day(91)) is None
    assert held.name_of(TOWNSHIP, day(91)) == "云峰镇"


def test_an_edition_waits_for_its_last_item() -> None:
    first, second = item(), item("MZ03")
    listed = tuple((one.code, digest_of_item(one)) for one in (first, second))
    held = register(
        EditionPublished(*AUTHOR, "2026.1", day(5), "1号", AUTHOR[2], False, listed),
        ItemPublished(*AUTHOR, msgspec.Raw(encode(first))),
    )
    assert held.editions() == ()
    assert held.incomplete_editions() == {"2026.1": 1}
    held.add(Record(ItemPublished(*AUTHOR, msgspec.Raw(encode(second))), 1, 9, bytes(32)))
    (found,) = held.editions()
    assert (found.items, held.incomplete_editions()) == ({"MZ03": second, "RS01": first}, {})


def test_an_item_under_another_code_is_missing() -> None:
    listed = (("RS02", digest_of_item(item())),)
    held = register(
        EditionPublished(*AUTHOR, "2026.1", day(5), "1号", AUTHOR[2], False, listed),
        ItemPublished(*AUTHOR, msgspec.Raw(encode(item()))),
    )
    assert held.incomplete_editions() == {"2026.1": 1}


def test_an_item_keeps_the_digest_of_its_author_whatever_this_version_would_write() -> None:
    """A newer version appends a field; this one does not know it, and must still find the item in the edition."""
    known: dict[str, object] = msgspec.msgpack.decode(encode(item()))
    newer = encode({**known, "field_of_2030": "…"})
    event = ItemPublished(*AUTHOR, msgspec.Raw(newer))
    held = register(event)
    assert event.read() == item()
    assert held.find_item(bytes.fromhex(event.key)) == item()
    assert bytes.fromhex(event.key) != digest_of_item(item())


def test_a_grant_ends_when_it_was_made_to_or_when_it_is_ended() -> None:
    held = register(grant(last=100))

    def is_granted(number: int, office: OfficeId = TOWNSHIP, code: str = "RS01") -> bool:
        return find_grant(held.grants(), item(code), office, day(number)) is not None

    assert [is_granted(number) for number in (9, 10, 100, 101)] == [False, True, True, False]
    held.add(Record(GrantEnded(*AUTHOR, "苍府〔2026〕5号", day(50), "…"), 1, 5, bytes(32)))
    assert [is_granted(number) for number in (49, 50)] == [True, False]
    assert is_granted(20, OfficeId(f"{TOWNSHIP}.mz"))
    assert not is_granted(20, OTHER_TOWNSHIP)
    assert not is_granted(20, code="RS02")


def test_a_local_change_lies_over_the_notice() -> None:
    held = register(*(event for event in STATEMENTS if isinstance(event, CalendarPublished)))
    calendar = held.calendar(WorkCalendar())
    assert not calendar.is_working(date(2026, 1, 1))
    assert calendar.is_working(date(2026, 1, 4))
    assert calendar.is_working(date(2026, 3, 2)), "the second local change lists all that differs"
    assert not calendar.is_working(date(2026, 3, 3))
    known = WorkCalendar()
    assert held.calendar(known) is held.calendar(known)


def test_a_post_has_a_deputy_while_its_holder_is_away() -> None:
    held = register(post(LI), post(CHEN, Position.DEPUTY), AbsenceStated(*AUTHOR, LI, day(10), day(20), CHEN))
    assert [one.person for one in held.post_holders(TOWNSHIP, "RS01", day(1))] == [LI, CHEN]
    assert [held.deputy_of(LI, day(number)) for number in (9, 10, 20, 21)] == [None, CHEN, CHEN, None]
    held.add(Record(AbsenceStated(*AUTHOR, LI, day(10), day(9), CHEN), 1, 7, bytes(32)))
    assert held.deputy_of(LI, day(10)) is None, "taken back"


@pytest.mark.parametrize("event", STATEMENTS, ids=lambda event: event.kind)
def test_what_is_written_is_read_back(event: Published) -> None:
    assert decode_record(event.kind, encode_record(event)) == event


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("item.published", encode((*AUTHOR, {"code": "RS01"}))),
        ("calendar.published", encode((*AUTHOR, 2026, "official", "…", ((230, False),)))),
        ("calendar.published", encode((*AUTHOR, 2026, "provisional", "…", ()))),
        ("edition.published", encode((*AUTHOR, "2026.1", "2026-02-30", "…", "x", False, (("RS01", bytes(16)),)))),
        ("edition.published", encode((*AUTHOR, "2026.1", "2026-02-01", "…", "x", False, (("RS01", bytes(15)),)))),
        ("office.published", encode((*AUTHOR, TOWNSHIP, "云\x00峰"))),
        ("opening.published", b"\x93\x01"),
    ],
)
def test_what_cannot_be_is_not_read(kind: str, body: bytes) -> None:
    with pytest.raises(Malformed):
        decode_record(kind, body)


@pytest.mark.parametrize("depth", [*range(100, 1200, 100), 20_000])
def test_fields_of_a_newer_version_may_nest_as_deep_as_they_like_and_harm_nobody(depth: int) -> None:
    ended = GrantEnded(*AUTHOR, "苍府〔2026〕5号", day(50), "苍府〔2026〕9号")
    fields = encode_record(ended)
    body = bytes([fields[0] + 1]) + fields[1:] + b"\x91" * depth + b"\x00"
    with suppress(Malformed):
        assert decode_record("grant.ended", body) == ended


def test_who_may_say_what() -> None:
    opening = OpeningPublished(*AUTHOR, VILLAGE, day(1), ())
    window = OpeningPublished(*AUTHOR, WINDOW, day(1), ())
    absence = AbsenceStated(*AUTHOR, LI, day(1), day(2), CHEN)
    assert [seat for seat in (COUNTY, TOWNSHIP, OTHER_TOWNSHIP, VILLAGE) if may_write(seat, opening)] == [
        COUNTY,
        TOWNSHIP,
        VILLAGE,
    ]
    assert [seat for seat in (COUNTY, TOWNSHIP) if may_write(seat, window)] == [COUNTY]
    assert [seat for seat in (COUNTY, TOWNSHIP, VILLAGE) if may_write(seat, absence)] == [COUNTY, TOWNSHIP]
    assert [seat for seat in (COUNTY, TOWNSHIP, VILLAGE) if may_write(seat, grant())] == [COUNTY]


def test_every_kind_is_registered_under_its_own_name() -> None:
    assert len(REGISTER) == 13
    assert all(kind == event.kind for kind, event in REGISTER.items())
