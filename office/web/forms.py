"""What each act asks for: one table from which pages draw forms and from which forms and JSON are read.

Reads and checks shape only (present, not too long, one of the choices); whether the act is lawful is asked of
`schemas.casework.lifecycle` inside the transaction. What was typed is always given back (UI 5, rule 5).
Field names are those of the events, so pages, interface and journal say the same word. Next: `office.web.acting`.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from msgspec import Struct

from office.texts import PROSE, has_unseen
from office.web import labels
from office.web.i18n import n_
from schemas.refusals import Refused

TEXT_CHARACTERS_MAX: Final = 4000
LINE_CHARACTERS_MAX: Final = 120
LIST_LENGTH_MAX: Final = 60
"""All three as in `schemas.casework.events`."""


class Shape(Enum):
    """How a field is typed in."""

    LINE = "line"
    TEXT = "text"
    CHOICE = "choice"
    OFFICE = "office"
    LEADER = "leader"
    """One of the county's leaders on duty."""
    LIST = "list"
    """Boxes to tick, and one line each for what is not listed."""


class Field(Struct, frozen=True):
    """One thing an act asks for."""

    name: str
    label: str
    shape: Shape
    required: bool = False
    hint: str = ""
    choices: Mapping[str, str] = {}
    """Value → label, for CHOICE."""

    @property
    def characters_max(self) -> int:
        """How long a text may be."""
        return TEXT_CHARACTERS_MAX if self.shape is Shape.TEXT else LINE_CHARACTERS_MAX


_NOTE: Final = Field("note", n_("Note"), Shape.TEXT)
_REASON: Final = Field("reason", n_("Reason"), Shape.TEXT, required=True)
_TO: Final = Field("to", n_("To which office"), Shape.OFFICE, required=True)

FORMS: Final[dict[str, tuple[Field, ...]]] = {
    "custody.offered": (_TO, _NOTE),
    "custody.accepted": (_NOTE,),
    "custody.declined": (
        _REASON,
        Field("basis", n_("Legal basis"), Shape.TEXT, hint=n_("A non-acceptance is given in writing with its basis.")),
    ),
    "papers.requested": (
        Field(
            "materials",
            n_("Everything that is missing"),
            Shape.LIST,
            required=True,
            hint=n_("One notice names everything; a second notice is looked into."),
        ),
        _REASON,
    ),
    "papers.received": (Field("materials", n_("Papers taken up"), Shape.LIST),),
    "case.decided": (
        Field(
            "outcome",
            n_("Decision"),
            Shape.CHOICE,
            required=True,
            choices={outcome.value: label for outcome, label in labels.OUTCOMES.items()},
        ),
        _REASON,
        Field("basis", n_("Legal basis"), Shape.TEXT, required=True),
        Field("remedy", n_("How to object"), Shape.TEXT, hint=n_("Required for a refusal.")),
        Field("document", n_("Number of the document issued"), Shape.LINE),
    ),
    "result.handed_over": (
        Field("recipient", n_("Who received it"), Shape.LINE, required=True),
        Field(
            "how",
            n_("How"),
            Shape.CHOICE,
            required=True,
            choices={how.value: label for how, label in labels.HANDOVERS.items()},
        ),
        _NOTE,
    ),
    "case.closed": (_NOTE,),
    "case.withdrawn": (_REASON,),
    "custody.reassigned": (
        _TO,
        _REASON,
        Field(
            "approver",
            n_("Approved by"),
            Shape.LEADER,
            required=True,
            hint=n_("A leader on duty of the county with an account here."),
        ),
    ),
    "papers.brought": (Field("materials", n_("Papers brought"), Shape.LIST, required=True), _NOTE),
    "recall.requested": (_REASON,),
    "remark.added": (Field("text", n_("Remark"), Shape.TEXT, required=True),),
}
"""Kind → what it asks for. Every kind of the lifecycle but the filing, which has a page of its own."""


class Problem(Struct, frozen=True):
    """One field that cannot be taken as typed."""

    field: str
    message: str
    """A message id, or a sentence already in the reader's language."""
    label: str = ""
    """What the field is called, where the message alone does not say which is meant."""


class FormRefused(Refused):
    """Fields are missing or of the wrong shape. The values typed travel with it, to be shown again."""

    def __init__(self, problems: Sequence[Problem], values: "Values") -> None:
        super().__init__(
            "form_incomplete",
            "有内容需要补充或改正；请按提示修改后重新提交。",
            "Something is missing or wrong; correct the fields named and send the form again.",
        )
        self.problems = tuple(problems)
        self.values = values


Values = dict[str, str | tuple[str, ...]]
"""Field → text, or texts for a LIST."""

MISSING: Final = n_("Fill this in.")
TOO_LONG: Final = n_("This is too long; shorten it.")
NOT_A_CHOICE: Final = n_("Choose one of the answers offered.")
NOT_A_TEXT: Final = n_("This is not a text.")
UNSEEN: Final = n_("This holds characters that cannot be seen, mostly from pasting. Empty the field and type it anew.")


def read_fields(fields: Sequence[Field], source: Mapping[str, object]) -> Values:
    """The values of a form or of a JSON object, stripped. Raises `FormRefused` naming every field at fault."""
    values: Values = {}
    problems: list[Problem] = []
    for field in fields:
        typed = source.get(field.name, () if field.shape is Shape.LIST else "")
        if field.shape is Shape.LIST:
            value, problem = _read_list(field, typed)
        else:
            value, problem = _read_text(field, typed)
        values[field.name] = value
        if problem:
            problems.append(Problem(field.name, problem, field.label))
    if problems:
        raise FormRefused(problems, values)
    return values


def _read_text(field: Field, typed: object) -> tuple[str, str]:
    if not isinstance(typed, str):
        return "", NOT_A_TEXT
    value = plain(typed)
    if not value:
        return "", MISSING if field.required else ""
    if len(value) > field.characters_max:
        return value, TOO_LONG
    if has_unseen(value, is_prose=field.name in PROSE):
        return value, UNSEEN
    if field.shape is Shape.CHOICE and value not in field.choices:
        return "", NOT_A_CHOICE
    return value, ""


def _read_list(field: Field, typed: object) -> tuple[tuple[str, ...], str]:
    parts = [typed] if isinstance(typed, str) else typed
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):  # pyright: ignore[reportUnknownVariableType]
        return (), NOT_A_TEXT
    lines = [line.strip() for part in parts for line in str(part).splitlines()]  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    value = tuple(dict.fromkeys(line for line in lines if line))
    if field.required and not value:
        return value, MISSING
    if len(value) > LIST_LENGTH_MAX or any(len(line) > LINE_CHARACTERS_MAX for line in value):
        return value, TOO_LONG
    return value, UNSEEN if any(has_unseen(line, is_prose=False) for line in value) else ""


def plain(text: str) -> str:
    """A text as the journal keeps it: no blanks around it, and LF where a browser sends CR LF."""
    return text.replace("\r\n", "\n").strip()
