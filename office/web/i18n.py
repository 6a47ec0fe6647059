"""Two languages: zh-CN by default, English complete.

English sentences are the message ids, so a missing translation is readable and English needs no catalogue. The Chinese
catalogue is `locale/zh_CN.po`, read here without any library: `babel` only extracts and checks, at development time.
Data (item names, offices, materials) is never in the catalogue. A test keeps the catalogue complete.
"""

import ast
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Final


class Language(StrEnum):
    """What a page can be read in."""

    ZH = "zh"
    EN = "en"

    @property
    def tag(self) -> str:
        """For the `lang` attribute (BCP 47)."""
        return "zh-CN" if self is Language.ZH else "en"


DEFAULT: Final = Language.ZH


_PARTS: Final = ("msgid", "msgid_plural", "msgstr", "msgstr[0]")


class MalformedCatalogue(ValueError):
    """A line of a .po file that is none. `str(error)` names the line."""


def n_(message: str) -> str:
    """Mark a message id for extraction where it is written down; it is translated where it is shown."""
    return message


def nn_(one: str, many: str) -> tuple[str, str]:
    """`n_` for a message that counts: what English says of one, and of any other number."""
    return one, many


def read_po(text: str) -> dict[str, str]:
    """Message id → translation, without contexts; a message that counts is under what it says of one, for Chinese has
    one form for all numbers. Raises `MalformedCatalogue`.
    """
    messages: dict[str, str] = {}
    parts = dict.fromkeys(_PARTS, "")
    field = ""
    for number, line in enumerate([*text.splitlines(), ""], start=1):
        stripped = line.strip()
        if not stripped:
            if parts["msgid"]:
                messages[parts["msgid"]] = parts["msgstr"] or parts["msgstr[0]"]
            parts, field = dict.fromkeys(_PARTS, ""), ""
        elif stripped.startswith("#"):
            continue
        else:
            word, _, quoted = stripped.partition(" ") if not stripped.startswith('"') else (field, "", stripped)
            if word not in parts or not quoted.startswith('"'):
                raise MalformedCatalogue(f"line {number}: only messages without context, in quotes, are read")
            field = word
            parts[field] += ast.literal_eval(quoted)
    return messages


@cache
def catalogue(language: Language) -> Mapping[str, str]:
    """The translations of a language; empty for English."""
    if language is Language.EN:
        return {}
    return read_po(files("office.web").joinpath("locale/zh_CN.po").read_text(encoding="utf-8"))


def translate(message: str, language: Language, **values: object) -> str:
    """The message in a language, with `%(name)s` filled in. A message without a translation stays English."""
    text = catalogue(language).get(message) or message
    return text % values if values else text


def translate_count(one: str, many: str, number: int, language: Language) -> str:
    """The message for a number of things in a language; the placeholders are left to the caller."""
    return catalogue(language).get(one) or (one if number == 1 else many)


def language_of(text: str | None) -> Language | None:
    """The language that a cookie, a parameter or a browser's preference names; None if it names neither of ours."""
    if not text:
        return None
    start = text.strip().lower()[:2]
    return Language(start) if start in (Language.ZH, Language.EN) else None
