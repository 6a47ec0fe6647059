"""Numbers of people and organisations: check characters, and masks for everything that is shown.

Never stricter than the standard: a number with a right check character and a possible date of birth is taken, whatever
county issued it (a validator that wants the county code to have existed in the year of birth refuses most people over
60). Document types other than the resident identity card are checked for their length only.
Never logs or quotes a number in an error. Sources: GB 11643, GB 32100, RULINGS C5 (own check digits).
"""

import unicodedata
from collections.abc import Container
from datetime import date
from typing import Final

from msgspec import Struct

from schemas.refusals import Refused

RESIDENT_CARD: Final = "111"
"""Document type of the resident identity card, GA/T 2000.156 as used by GB/T 39046."""

ORGANISATION_NUMBER: Final = "001"
"""Document type of the unified social credit number of an organisation (GB 32100)."""

DOCUMENT_TYPES: Final = (RESIDENT_CARD, ORGANISATION_NUMBER, "414", "999")
"""What an applicant may show: the two above, a passport, or another document (GA/T 2000.156)."""

AGE_YEARS_MAX: Final = 130
"""Nobody verified has been older than 122; above 130 a year was mistyped."""

_RESIDENT_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_RESIDENT_CHECKS: Final = "10X98765432"
_ORGANISATION_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
"""31 characters: no I, O, S, V, Z (GB 32100)."""


class IdentityRefused(Refused):
    """A number that cannot be right. The text never quotes it."""


class ResidentNumber(Struct, frozen=True):
    """A checked resident identity number."""

    number: str
    birth: date
    is_female: bool
    is_county_unknown: bool
    """The first six digits are not in the list given: worth a second look, never a reason to refuse."""


def check_resident_number(text: str, today: date, counties: Container[str] | None = None) -> ResidentNumber:
    """Check a resident identity number (GB 11643; check character by ISO 7064 MOD 11-2).

    Blanks, full-width digits and a small x are forgiven. `counties`: known six-digit codes, for the warning only.
    Raises `IdentityRefused` with what to do.
    """
    number = _plain(text)
    if len(number) == 15 and number.isdigit():
        raise IdentityRefused(
            "resident_number_old",
            "15 位旧号码已停用；请按现行居民身份证填写 18 位号码。",
            "Numbers with 15 digits are no longer in use; copy the 18 characters of the present card.",
        )
    if len(number) != 18 or not number[:17].isdigit() or number[17] not in "0123456789X":
        raise IdentityRefused(
            "resident_number_shape",
            "公民身份号码应为 18 位：前 17 位为数字，末位为数字或 X；请对照证件重新输入。",
            "A resident number has 18 characters, 17 digits and a digit or X; copy it from the card again.",
        )
    if resident_check_character(number[:17]) != number[17]:
        raise IdentityRefused(
            "resident_number_check",
            "校验位不符，有一位数字输错或两位颠倒；请对照证件重新输入。",
            "The check character does not fit: a digit is wrong or two are swapped; copy it from the card again.",
        )
    birth = _birth(number, today)
    is_county_unknown = counties is not None and number[:6] not in counties
    return ResidentNumber(number, birth, int(number[16]) % 2 == 0, is_county_unknown)


def resident_check_character(digits: str) -> str:
    """The 18th character for 17 digits (ISO 7064 MOD 11-2)."""
    total = sum(weight * int(digit) for weight, digit in zip(_RESIDENT_WEIGHTS, digits, strict=True))
    return _RESIDENT_CHECKS[total % 11]


def check_organisation_number(text: str) -> str:
    """Check a unified social credit number (GB 32100) and return it without blanks, in capitals.

    Every registering department is accepted, rural collectives (N) among them. Raises `IdentityRefused`.
    """
    number = _plain(text)
    if len(number) != 18 or any(character not in _ORGANISATION_ALPHABET for character in number):
        raise IdentityRefused(
            "organisation_number_shape",
            "统一社会信用代码应为 18 位数字或大写字母（不含 I、O、S、V、Z）；请对照证照重新输入。",
            "A social credit number has 18 digits or letters without I, O, S, V, Z; copy it from the licence again.",
        )
    if organisation_check_character(number[:17]) != number[17]:
        raise IdentityRefused(
            "organisation_number_check",
            "校验位不符，有一位输错或两位颠倒；请对照证照重新输入。",
            "The check character does not fit: one is wrong or two are swapped; copy it from the licence again.",
        )
    return number


def check_document_number(document_type: str, text: str, today: date) -> str:
    """Check a number by its document's type and return it as it is kept; of other documents only the length is known,
    and one spelling is kept, so that the person is found again.

    Raises `IdentityRefused`.
    """
    if document_type not in DOCUMENT_TYPES:
        raise IdentityRefused(
            "document_type_unknown",
            f"没有这种证件类型；请从列表中选择（代码 {'、'.join(DOCUMENT_TYPES)}）。",
            f"There is no such kind of document; choose one of the list (codes {', '.join(DOCUMENT_TYPES)}).",
        )
    if document_type == RESIDENT_CARD:
        return check_resident_number(text, today).number
    return check_organisation_number(text) if document_type == ORGANISATION_NUMBER else _narrow(text)


def organisation_check_character(characters: str) -> str:
    """The 18th character for 17 characters of `_ORGANISATION_ALPHABET` (GB 32100: weights 3^i mod 31)."""
    total = sum(
        _ORGANISATION_ALPHABET.index(character) * pow(3, position, 31) for position, character in enumerate(characters)
    )
    return _ORGANISATION_ALPHABET[-total % 31]


def mask(number: str) -> str:
    """A document number as it is shown: first three and last two characters, "110*************2X"."""
    if len(number) <= 5:
        return "*" * len(number)
    return number[:3] + "*" * (len(number) - 5) + number[-2:]


def mask_name(name: str) -> str:
    """A name as it is shown: the first character, "张**"."""
    return name[:1] + "*" * (len(name) - 1)


def mask_phone(phone: str) -> str:
    """A telephone number as it is shown: first three, last four digits, "138****5678"; a short one all hidden."""
    if len(phone) <= 7:
        return "*" * len(phone)
    return phone[:3] + "*" * (len(phone) - 7) + phone[-4:]


def _plain(text: str) -> str:
    """As `_narrow`; empty, which is refused, for what holds anything but ASCII, such as digits of other scripts."""
    plain = _narrow(text)
    return plain if plain.isascii() else ""


def _narrow(text: str) -> str:
    """Without blanks, full-width characters made narrow, in capitals."""
    return "".join(character for character in unicodedata.normalize("NFKC", text) if not character.isspace()).upper()


def _birth(number: str, today: date) -> date:
    try:
        birth = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        birth = None
    if birth is None or birth > today or today.year - birth.year > AGE_YEARS_MAX:
        raise IdentityRefused(
            "resident_number_birth",
            "号码中的出生日期不存在、在将来或早于 130 年前；请对照证件重新输入，并核对本机日期。",
            "The date of birth inside the number does not exist, lies ahead or is over 130 years ago; copy the number "
            "from the card again, and check this computer's date.",
        )
    return birth
