"""What each act asks for: one table from which pages draw forms and from which forms and JSON are read.

Reads and checks shape only (present, not too long, one of the choices); whether the act is lawful is asked of
`schemas.casework.lifecycle` inside the transaction. What was typed is always given back (UI 5, rule 5).
Field names are those of the events, so pages, interface and journal say the same word. Next: `office.web.acting`.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
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
PROMISES_MAX: Final = 20
ROWS_MAX: Final = 500
"""All five as in `schemas.casework.events`."""

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMBER: Final = re.compile(r"[0-9]{1,4}")
_MONEY: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,2})?")
_ROW: Final = re.compile(r"[1-9][0-9]{0,4}[ \u3000]+\S.*")


class Shape(Enum):
    """How a field is typed in."""

    LINE = "line"
    TEXT = "text"
    CHOICE = "choice"
    OFFICE = "office"
    LEADER = "leader"
    """One of the county's leaders on duty."""
    APPROVER = "approver"
    """Who leads or approves at the officer's own office, the officer left aside."""
    COLLEAGUE = "colleague"
    """Another officer of this office."""
    DATE = "date"
    """Year-month-day."""
    NUMBER = "number"
    """A whole number from 1 on."""
    MONEY = "money"
    """Yuan, with at most two decimals."""
    LIST = "list"
    """Boxes to tick, and one line each for what is not listed."""
    DEPARTMENTS = "departments"
    """Boxes to tick: several offices."""
    PEOPLE = "people"
    """Boxes to tick for this office's officers, and one line each for others."""
    PROMISES = "promises"
    """A day beside each material that may come later: material, day, material, day … An empty day promises nothing."""
    ROWS = "rows"
    """Numbers of rows with the reason behind each, one row on a line."""


LISTS: Final = frozenset({Shape.LIST, Shape.DEPARTMENTS, Shape.PEOPLE, Shape.PROMISES, Shape.ROWS})
"""Shapes of several texts: a list in JSON, fields of one name in a form."""


class Field(Struct, frozen=True):
    """One thing an act asks for."""

    name: str
    label: str
    shape: Shape
    required: bool = False
    hint: str = ""
    choices: Mapping[str, str] = {}
    """Value → label, for CHOICE."""
    most: int = 0
    """For NUMBER."""

    @property
    def characters_max(self) -> int:
        """How long a text may be."""
        return TEXT_CHARACTERS_MAX if self.shape is Shape.TEXT else LINE_CHARACTERS_MAX


def _choice(name: str, label: str, *, hint: str = "") -> Field:
    return Field(name, label, Shape.CHOICE, required=True, hint=hint, choices=labels.CHOICES[name])


_NOTE: Final = Field("note", n_("Note"), Shape.TEXT)
_REASON: Final = Field("reason", n_("Reason"), Shape.TEXT, required=True)
_BASIS: Final = Field("basis", n_("Legal basis"), Shape.TEXT, required=True)
_TO: Final = Field("to", n_("To which office"), Shape.OFFICE, required=True)
_APPROVER: Final = Field(
    "approver",
    n_("Approved by"),
    Shape.APPROVER,
    required=True,
    hint=n_("Somebody else who approves or leads at this office."),
)
_DECISION: Final = (
    _choice("outcome", n_("Decision")),
    _REASON,
    _BASIS,
    Field("remedy", n_("How to object"), Shape.TEXT, hint=n_("Required for a refusal.")),
    Field("document", n_("Number of the document issued"), Shape.LINE),
)

FORMS: Final[dict[str, tuple[Field, ...]]] = {
    "custody.offered": (_TO, _NOTE),
    "custody.accepted": (
        Field(
            "promises",
            n_("May be brought later, by the day promised"),
            Shape.PROMISES,
            hint=n_(
                "The day that the resident promised with a signature; what is not promised is asked for in one notice "
                "instead."
            ),
        ),
        _NOTE,
    ),
    "custody.declined": (
        _REASON,
        Field("basis", n_("Legal basis"), Shape.TEXT, hint=n_("The case goes back to the office that sent it.")),
    ),
    "acceptance.refused": (
        _REASON,
        _BASIS,
        Field(
            "remedy",
            n_("How to object"),
            Shape.TEXT,
            required=True,
            hint=n_("The resident gets this in writing: where and by when to ask for a review or go to court."),
        ),
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
        Field("until", n_("To be brought by"), Shape.DATE),
        Field(
            "justification",
            n_("Why the first notice did not name these"),
            Shape.TEXT,
            hint=n_("Required from the second notice on; it counts against this office."),
        ),
    ),
    "papers.received": (Field("materials", n_("Papers taken up"), Shape.LIST, required=True),),
    "case.suspended": (
        _choice(
            "cause",
            n_("Cause"),
            hint=n_("Only what the law names stops the clock; a site survey or waiting for a colleague does not."),
        ),
        Field(
            "document",
            n_("Number of the notice to the resident"),
            Shape.LINE,
            required=True,
            hint=n_("The resident is told in writing how long it takes."),
        ),
        Field("expected_until", n_("Expected until"), Shape.DATE, required=True),
        _NOTE,
    ),
    "case.resumed": (Field("result", n_("Result of what was waited for"), Shape.TEXT, required=True),),
    "term.extended": (
        Field(
            "days",
            n_("How many days more"),
            Shape.NUMBER,
            required=True,
            hint=n_("In the unit of the legal term; only once."),
            most=90,
        ),
        Field("reason", n_("Reason, as the resident is told"), Shape.TEXT, required=True),
        _APPROVER,
        Field("document", n_("Number of the notice to the resident"), Shape.LINE),
    ),
    "opinions.requested": (
        Field("to", n_("Departments"), Shape.DEPARTMENTS, required=True, hint=n_("All are asked at the same time.")),
        Field("due", n_("Answer by"), Shape.DATE, required=True),
        Field("meeting_on", n_("Joint meeting on"), Shape.DATE),
        _NOTE,
    ),
    "opinion.given": (
        _choice("opinion", n_("Opinion")),
        _REASON,
        Field("basis", n_("Legal basis"), Shape.TEXT),
    ),
    "meeting.held": (
        Field("on", n_("Day"), Shape.DATE, required=True),
        Field("invited", n_("Invited"), Shape.DEPARTMENTS, required=True),
        Field(
            "present", n_("Present"), Shape.DEPARTMENTS, hint=n_("Whoever was invited and is not ticked was absent.")
        ),
        Field("minutes", n_("Minutes"), Shape.TEXT, required=True),
    ),
    "step.completed": (
        _choice("step", n_("Step")),
        Field("opinion", n_("Opinion or result"), Shape.TEXT, required=True),
        Field("second_officer", n_("Second officer"), Shape.COLLEAGUE, hint=n_("Where two check or seal.")),
        Field("document", n_("Number of the paper"), Shape.LINE),
    ),
    "site.surveyed": (
        Field(
            "surveyors",
            n_("Surveyed by"),
            Shape.PEOPLE,
            required=True,
            hint=n_("Two officers or more; you are counted without being ticked."),
        ),
        Field("on", n_("Day"), Shape.DATE, required=True),
        Field("place", n_("Place"), Shape.LINE, required=True),
        Field("findings", n_("Findings"), Shape.TEXT, required=True),
        _choice("agrees", n_("Does it fit the application?")),
    ),
    "fee.paid": (
        Field("amount_yuan", n_("Amount in yuan"), Shape.MONEY, required=True),
        Field("receipt", n_("Number of the receipt"), Shape.LINE, required=True),
    ),
    "case.expedited": (
        Field("basis", n_("Basis"), Shape.TEXT, required=True, hint=n_("By which document or for what urgent matter.")),
        _APPROVER,
    ),
    "case.converted": (
        Field(
            "promise_days",
            n_("Finished within how many working days"),
            Shape.NUMBER,
            required=True,
            hint=n_("Never beyond the legal term."),
            most=60,
        ),
        _REASON,
    ),
    "case.decided": (
        *_DECISION,
        Field("grant", n_("Number of the grant or entrustment"), Shape.LINE),
        Field("on_behalf_of", n_("Organ on whose behalf"), Shape.LINE, hint=n_("Only of an entrusted decision.")),
        Field(
            "deemed",
            n_("Silent departments, taken as agreeing"),
            Shape.DEPARTMENTS,
            hint=labels.LIABILITY,
        ),
        Field(
            "excepted",
            n_("Rows of the list that are not granted"),
            Shape.ROWS,
            hint=n_("One row on a line: its number, a blank, the reason."),
        ),
    ),
    "case.decided_at_once": (
        *_DECISION,
        Field(
            "recipient",
            n_("Who received it"),
            Shape.LINE,
            hint=n_("If the result is taken along at once; else leave it empty."),
        ),
    ),
    "result.handed_over": (
        Field("recipient", n_("Who received it"), Shape.LINE, required=True),
        _choice("how", n_("How")),
        _NOTE,
    ),
    "case.closed": (_NOTE,),
    "case.withdrawn": (_REASON,),
    "case.terminated": (_REASON, _BASIS),
    "case.reopened": (_REASON, _APPROVER),
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
    "case.rehomed": (
        Field("to", n_("Where the result is handed over"), Shape.OFFICE, required=True),
        _REASON,
        Field(
            "approver",
            n_("Approved by"),
            Shape.LEADER,
            hint=n_("Only where the county does it: a leader on duty of the county."),
        ),
    ),
    "papers.brought": (Field("materials", n_("Papers brought"), Shape.LIST, required=True), _NOTE),
    "recall.requested": (_REASON,),
    "remark.added": (Field("text", n_("Remark"), Shape.TEXT, required=True),),
}
"""Kind → what it asks for. Every kind of the lifecycle but the filing, which has a page of its own, and what the node
writes by itself; and `office.desk.DECIDED_AT_ONCE`."""


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
"""Field → text, or texts for one of `LISTS`."""

MISSING: Final = n_("Fill this in.")
TOO_LONG: Final = n_("This is too long; shorten it.")
NOT_A_CHOICE: Final = n_("Choose one of the answers offered.")
NOT_A_DATE: Final = n_("Give the day as year-month-day, for example 2026-12-01.")
NOT_A_NUMBER: Final = n_("Give a whole number from 1 to the most that is allowed.")
NOT_AN_AMOUNT: Final = n_("Give the amount in yuan, with at most two decimals, for example 12.50.")
NOT_A_PROMISE: Final = n_("Give a day for each material that is promised.")
NOT_A_ROW: Final = n_("Begin each line with the number of the row, then a blank and the reason.")
NOT_A_TEXT: Final = n_("This is not a text.")
UNSEEN: Final = n_("This holds characters that cannot be seen, mostly from pasting. Empty the field and type it anew.")


def read_fields(fields: Sequence[Field], source: Mapping[str, object]) -> Values:
    """The values of a form or of a JSON object, stripped. Raises `FormRefused` naming every field at fault."""
    values: Values = {}
    problems: list[Problem] = []
    for field in fields:
        typed = source.get(field.name, () if field.shape in LISTS else "")
        if field.shape in LISTS:
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
    return value, _fault_of(field, value)


def _fault_of(field: Field, value: str) -> str:
    """What is wrong with a day, a number or an amount; empty if nothing is."""
    if field.shape is Shape.DATE and find_day(value) is None:
        return NOT_A_DATE
    if field.shape is Shape.NUMBER and not (_NUMBER.fullmatch(value) and 1 <= int(value) <= field.most):
        return NOT_A_NUMBER
    if field.shape is Shape.MONEY and not _MONEY.fullmatch(value):
        return NOT_AN_AMOUNT
    return ""


def _read_list(field: Field, typed: object) -> tuple[tuple[str, ...], str]:
    parts = [typed] if isinstance(typed, str) else typed
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str) for part in parts):  # pyright: ignore[reportUnknownVariableType]
        return (), NOT_A_TEXT
    texts = [str(part) for part in parts]  # pyright: ignore[reportUnknownVariableType,reportUnknownArgumentType]
    if field.shape is Shape.PROMISES:
        return _read_promises(texts)
    lines = [line.strip() for text in texts for line in text.splitlines()]
    value = tuple(dict.fromkeys(line for line in lines if line))
    if field.required and not value:
        return value, MISSING
    most = ROWS_MAX if field.shape is Shape.ROWS else LIST_LENGTH_MAX
    if len(value) > most or any(len(line) > LINE_CHARACTERS_MAX for line in value):
        return value, TOO_LONG
    if any(has_unseen(line, is_prose=False) for line in value):
        return value, UNSEEN
    is_wrong = field.shape is Shape.ROWS and not all(_ROW.fullmatch(line) for line in value)
    return value, NOT_A_ROW if is_wrong else ""


def _read_promises(texts: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Material and day by turns, without what has no day."""
    pairs = [
        (material.strip(), day.strip()) for material, day in zip(texts[::2], texts[1::2], strict=False) if day.strip()
    ]
    value = tuple(text for pair in pairs for text in pair)
    if len(texts) % 2 or any(find_day(day) is None or not material for material, day in pairs):
        return value, NOT_A_PROMISE
    if len(pairs) > PROMISES_MAX or any(len(text) > LINE_CHARACTERS_MAX for text in value):
        return value, TOO_LONG
    return value, UNSEEN if any(has_unseen(text, is_prose=False) for text in value) else ""


def find_day(text: str) -> date | None:
    """The day that a text states as year-month-day, or None."""
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def plain(text: str) -> str:
    """A text as the journal keeps it: no blanks around it, and LF where a browser sends CR LF."""
    return text.replace("\r\n", "\n").strip()
