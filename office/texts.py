"""Which characters an event's texts may hold: nothing that is not seen, and nothing that turns what follows around.

A name with a character in it that nobody sees is another name for every search and every comparison, and one that turns
the direction of writing prints a slip that says something else. Refused at the pen only: what has arrived is shown.
Never refuses rare characters or other scripts. Next: `office.desk`, which asks; `office.web.forms`, which names the
field.
"""

import unicodedata
from collections.abc import Iterator
from typing import Final, cast

from msgspec import Struct

from schemas.refusals import Refused

_UNSEEN: Final = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Unicode categories: control and formatting characters, separators of lines and paragraphs. Private use is not among
them: registers hold rare characters of names there.
"""

_IN_PROSE: Final = frozenset("\n\t\u180e\u200c\u200d")
"""What free text needs all the same: lines, tables that were pasted, and the joiners of Mongolian and of emoji."""

PROSE: Final = frozenset(
    {
        *("statement", "read_back", "note", "reason", "basis", "remedy", "text"),
        *("justification", "opinion", "findings", "minutes", "result"),
        *("facts", "explanation", "rectified", "restoration", "grounds"),
    }
)
"""Fields of events that hold free text; all others are names, numbers and titles."""


class UnseenCharacter(Refused):
    """A text holds a character that cannot be seen."""

    def __init__(self) -> None:
        super().__init__(
            "unseen_character",
            "有一栏含有看不见的字符（多由粘贴带入），没有写入；请清空该栏，用键盘重新输入。",
            "A field holds characters that cannot be seen, mostly from pasting; nothing was written. Empty the field "
            "and type it anew.",
        )


def has_unseen(text: str, *, is_prose: bool) -> bool:
    """Whether a text holds a character that nobody sees. `is_prose`: free text rather than a name or number."""
    allowed = _IN_PROSE if is_prose else frozenset[str]()
    return any(unicodedata.category(one) in _UNSEEN and one not in allowed for one in text)


def check_texts(event: Struct) -> None:
    """Raise `UnseenCharacter` unless every text of the event can be seen."""
    if any(has_unseen(text, is_prose=field in PROSE) for field, text in _texts(event, "")):
        raise UnseenCharacter


def _texts(value: object, field: str) -> Iterator[tuple[str, str]]:
    """(field, text) of every text inside."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from _texts(getattr(value, name), name)
    elif isinstance(value, tuple):
        for part in cast("tuple[object, ...]", value):
            yield from _texts(part, field)
