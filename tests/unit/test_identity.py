"""Identity numbers: right ones of every age and county are taken, wrong ones refused without being quoted."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identity import (
    IdentityRefused,
    check_document_number,
    check_organisation_number,
    check_resident_number,
    mask,
    mask_name,
    mask_phone,
    organisation_check_character,
    resident_check_character,
)

TODAY = date(2026, 11, 22)
# The worked example of GB 11643 itself.
EXAMPLE = "11010519491231002X"


def test_the_standards_own_example_is_taken() -> None:
    checked = check_resident_number(EXAMPLE, TODAY, {"110105"})
    assert (checked.birth, checked.is_female, checked.is_county_unknown) == (date(1949, 12, 31), True, False)


@pytest.mark.parametrize(
    "text", [" 11010519491231002x ", "110105 1949 1231 002X", "１１０１０５１９４９１２３１００２Ｘ"]
)
def test_blanks_wide_digits_and_a_small_x_are_forgiven(text: str) -> None:
    assert check_resident_number(text, TODAY).number == EXAMPLE


def number_of(county: str, born: date, serial: int) -> str:
    digits = f"{county}{born:%Y%m%d}{serial:03d}"
    return digits + resident_check_character(digits)


@given(st.sampled_from(["510824", "530926", "810000", "830000", "912345"]), st.dates(date(1900, 1, 1), TODAY))
def test_whoever_was_born_anywhere_at_any_time_is_taken_with_at_most_a_warning(county: str, born: date) -> None:
    checked = check_resident_number(number_of(county, born, 17), TODAY, {"510824"})
    assert checked.birth == born
    assert checked.is_county_unknown == (county != "510824")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "resident_number_shape"),
        ("1101051949123100", "resident_number_shape"),
        ("1101051949123100 2Y", "resident_number_shape"),
        ("X1010519491231002X", "resident_number_shape"),
        ("١١٠١٠٥١٩٤٩١٢٣١٠٠٢X", "resident_number_shape"),
        ("110105491231002", "resident_number_old"),
        ("110105194912310021", "resident_number_check"),
        ("110105194912130020", "resident_number_check"),
        (number_of("510824", date(2026, 11, 23), 1), "resident_number_birth"),
        (number_of("510824", date(1895, 12, 31), 1), "resident_number_birth"),
    ],
)
def test_numbers_that_cannot_be_right(text: str, code: str) -> None:
    with pytest.raises(IdentityRefused) as refused:
        check_resident_number(text, TODAY)
    assert refused.value.code == code
    if text:
        assert text not in str(refused.value) + refused.value.zh, "an error never quotes personal data"


@pytest.mark.parametrize(
    ("county", "born"),
    [
        ("810000", date(1990, 1, 31)),
        ("820000", date(2001, 12, 1)),
        ("830000", date(1958, 6, 30)),
        ("931156", date(1984, 2, 29)),
        ("510522", date(1949, 10, 1)),
        ("532801", date(1938, 3, 8)),
        ("350681", date(1970, 5, 4)),
    ],
    ids=["Hong Kong", "Macao", "Taiwan", "permanent residence", "before its county", "over 80", "former county"],
)
def test_every_card_that_the_country_issues_is_taken(county: str, born: date) -> None:
    """Residence permits and permanent residence cards have the shape of identity cards; counties have come and gone."""
    number = number_of(county, born, 8)
    assert check_document_number("111", number.lower(), TODAY) == number


@pytest.mark.parametrize("first", ["11", "12", "13", "51", "55", "59", "91", "93", "A1", "N1", "N2", "N9", "Y1"])
def test_organisations_of_every_registering_department_are_taken(first: str) -> None:
    characters = f"{first}510824MA6A1B2C3"
    number = characters + organisation_check_character(characters)
    assert check_document_number("001", f" {number.lower()} ", TODAY) == number


def test_a_passport_is_kept_in_one_spelling() -> None:
    for typed in ("EJ1234567", " ej 1234567", "ＥＪ１２３４５６７"):
        assert check_document_number("414", typed, TODAY) == "EJ1234567", "or the person would be another one"
    assert check_document_number("999", "南字第1234号", TODAY) == "南字第1234号"


def test_a_child_registered_on_its_first_day_is_taken() -> None:
    assert check_resident_number(number_of("510824", TODAY, 1), TODAY).birth == TODAY


def test_a_date_that_does_not_exist_is_refused() -> None:
    digits = "51082419490230001"
    with pytest.raises(IdentityRefused) as refused:
        check_resident_number(digits + resident_check_character(digits), TODAY)
    assert refused.value.code == "resident_number_birth"


@given(st.integers(0, 16), st.integers(0, 9))
def test_any_one_wrong_digit_is_noticed(position: int, digit: int) -> None:
    if EXAMPLE[position] == str(digit):
        return
    wrong = EXAMPLE[:position] + str(digit) + EXAMPLE[position + 1 :]
    with pytest.raises(IdentityRefused):
        check_resident_number(wrong, TODAY)


@pytest.mark.parametrize("number", ["91110000600037341L", "12100000400010275N"])
def test_known_organisations_are_taken(number: str) -> None:
    assert check_organisation_number(f" {number.lower()} ") == number


def test_rural_collectives_are_taken() -> None:
    characters = "N2510824MA6A1B2C3"
    number = characters + organisation_check_character(characters)
    assert check_organisation_number(number) == number


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "organisation_number_shape"),
        ("91110000600037341I", "organisation_number_shape"),
        ("91110000600037341", "organisation_number_shape"),
        ("91110000600037314L", "organisation_number_check"),
        ("911100006000373410", "organisation_number_check"),
    ],
)
def test_organisation_numbers_that_cannot_be_right(text: str, code: str) -> None:
    with pytest.raises(IdentityRefused) as refused:
        check_organisation_number(text)
    assert refused.value.code == code


def test_masks_hide_the_middle() -> None:
    assert mask(EXAMPLE) == "110" + "*" * 13 + "2X"
    assert mask("E1234") == "*****"
    assert (mask_name("王秀英"), mask_name("王"), mask_name("")) == ("王**", "王", "")
    assert (mask_phone("13812345678"), mask_phone("1234567")) == ("138****5678", "*******")
