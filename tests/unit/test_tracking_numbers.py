"""The number on the slip, typed again by somebody: every spelling that means it finds it, nothing else does."""

import pytest

from schemas.names import ALPHABET, OfficeId, find_tracking_number, is_mistyped, tracking_number

SEATS = [OfficeId("510824"), OfficeId("510824100"), OfficeId("510824100205")]


@pytest.mark.parametrize("seat", SEATS)
@pytest.mark.parametrize("serial", [1, 9999, 10_000, 123_456])
def test_a_number_is_found_in_every_spelling(seat: OfficeId, serial: int) -> None:
    number = tracking_number(seat, "7K", serial)
    plain = number.replace("-", "")
    wide = "".join(chr(ord(character) + 0xFEE0) for character in number)
    looks_alike = number.replace("0", "o").replace("1", "l")
    for typed in (number, number.lower(), plain, f" {plain[:4]} {plain[4:9]}-{plain[9:]}\n", wide, looks_alike):
        assert find_tracking_number(typed) == number, typed
    assert not is_mistyped(number)


@pytest.mark.parametrize("seat", SEATS)
def test_one_wrong_character_shows(seat: OfficeId) -> None:
    number = tracking_number(seat, "7K", 1234)
    for place in range(len(seat) + 1, len(number)):
        for wrong in set(ALPHABET[:10]) - {number[place]}:
            assert is_mistyped(number[:place] + wrong + number[place + 1 :])


@pytest.mark.parametrize(
    "typed",
    ["", "王秀英", "510824", "510824100205", "7K00017", "A10824-7K00017", "510824-7K0001", "5" * 40, "%", "\x00"],
)
def test_what_is_no_number_is_none(typed: str) -> None:
    assert find_tracking_number(typed) is None
    assert not is_mistyped(typed)
