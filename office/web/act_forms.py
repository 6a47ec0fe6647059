"""The forms under «what can be done now»: one for each act that the desk would take, filled with what was typed.

Draws nothing itself: makes values for the template from `office.web.forms.FORMS`. Never offers what the desk would
refuse for the case's stage; of what it would take it leaves out only what there is no occasion for (`offered`).
Next: `office.web.pages.cases`.
"""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from office.accounts import Officer
from office.web import labels
from office.web.forms import FORMS, Field, Problem, Shape, Values
from office.web.site import Names
from office.web.views import Sights
from office.worklists import Found
from schemas.casework.casefile import CaseFile
from schemas.casework.lifecycle import NotPermitted, Stage
from schemas.casework.visibility import FieldGroup, Sight
from schemas.names import OfficeId, parent_seat, seat_of

if TYPE_CHECKING:
    from office.node import Node

GRAVE: Final = frozenset({"custody.declined", "case.withdrawn", "custody.reassigned"})
"""Acts that a person should not press by habit."""

LIKELIEST_FIRST: Final[tuple[str, ...]] = (
    "custody.accepted",
    "papers.received",
    "case.decided",
    "result.handed_over",
    "case.closed",
    "custody.offered",
    "papers.requested",
    "papers.brought",
    "remark.added",
    "recall.requested",
    "custody.declined",
    "case.withdrawn",
    "custody.reassigned",
)
"""The order of the forms: what mostly comes next at the top, what is grave at the bottom."""


class Input(Struct, frozen=True):
    """One field, as drawn."""

    name: str
    label: str
    hint: str
    shape: str
    required: bool
    value: str | tuple[str, ...]
    choices: tuple[tuple[str, str], ...] = ()
    offered: tuple[str, ...] = ()


class ActForm(Struct, frozen=True):
    """One act, as drawn."""

    kind: str
    slug: str
    label: str
    operation: str
    inputs: tuple[Input, ...]
    problems: tuple[Problem, ...] = ()
    is_open: bool = False
    is_grave: bool = False


class Refusing(Struct, frozen=True):
    """An act that was sent and not taken: what was typed and why, to show the page again."""

    kind: str
    operation: str
    values: Values
    problems: tuple[Problem, ...]
    sentence: str
    """In the reader's language; empty when `problems` say it."""
    status: int


class Drawing:
    """Draws the forms of one case for one reader."""

    def __init__(
        self,
        node: "Node",
        names: Names,
        found: Found,
        sights: Sights,
        new_operation: Callable[[], str],
        leaders: Sequence[Officer] = (),
    ) -> None:
        """`sights`: what of the case this reader is shown; a form offers nothing else. `new_operation` draws the number
        of a form: each has its own (RULINGS B10). `leaders`: who may approve a reassignment.
        """
        self._node = node
        self._names = names
        self._file = found.file
        self._shows_statement = sights[FieldGroup.STATEMENT] is Sight.CLEAR
        self._new_operation = new_operation
        self._leaders = tuple((leader.officer, f"{leader.name} · {leader.login}") for leader in leaders)

    def forms(self, kinds: tuple[str, ...], refusing: Refusing | None = None) -> tuple[ActForm, ...]:
        """The forms of these kinds, in their order; the refused one open, with what was typed."""
        return tuple(self._form(kind, refusing) for kind in kinds)

    def _form(self, kind: str, refusing: Refusing | None) -> ActForm:
        mine = refusing if refusing is not None and refusing.kind == kind else None
        return ActForm(
            kind,
            kind.replace(".", "-").replace("_", "-"),
            labels.VERBS[kind],
            mine.operation if mine is not None else self._new_operation(),
            tuple(self._input(kind, field, mine.values if mine is not None else {}) for field in FORMS[kind]),
            mine.problems if mine is not None else (),
            is_open=mine is not None,
            is_grave=kind in GRAVE,
        )

    def _input(self, kind: str, field: Field, values: Values) -> Input:
        choices = tuple((value, self._names.text(label)) for value, label in field.choices.items())
        offered: tuple[str, ...] = ()
        preset: str | tuple[str, ...] = ""
        if field.shape is Shape.OFFICE:
            offices = destinations(self._node, self._file, kind)
            choices = tuple((office, self._names.office(office)) for office in offices)
            preset = offices[0] if len(offices) == 1 else ""
        elif field.shape is Shape.LEADER:
            choices = self._leaders
        elif field.shape is Shape.LIST and self._shows_statement:
            offered, preset = materials_for(self._file, kind)
        value = values.get(field.name, preset)
        return Input(field.name, field.label, field.hint, field.shape.value, field.required, value, choices, offered)


def offered(kinds: Collection[str], file: CaseFile) -> tuple[str, ...]:
    """The acts to draw, likeliest first. Papers are taken up where some were asked for or brought, not before; and a
    result goes back to the counter that filed before anybody hands it over elsewhere.
    """
    if not (file.wanted or file.brought):
        kinds = [kind for kind in kinds if kind != "papers.received"]
    goes_back = file.stage is Stage.DECIDED and file.custodian != file.filing_office
    first = "custody.offered" if goes_back else ""
    return tuple(sorted(kinds, key=lambda kind: (kind != first, LIKELIEST_FIRST.index(kind))))


def materials_for(file: CaseFile, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names to tick, names ticked beforehand) for an act that names materials."""
    brought = tuple(dict.fromkeys(name for contributed in file.brought for name in contributed.materials))
    if kind == "papers.received":
        return tuple(dict.fromkeys((*brought, *file.wanted))), brought
    if kind == "papers.brought":
        return file.wanted, ()
    return tuple(material.name for material in file.filing.materials) if file.filing is not None else (), ()


def destinations(node: "Node", file: CaseFile, kind: str) -> tuple[OfficeId, ...]:
    """Offices to which the case may sensibly go from here, the likeliest first; the desk has the last word."""
    up, back = _line_above(node.seat), _line_of_filing(file)
    order = [*back, *up] if file.decision is not None else [*up, *reversed(back)]
    order += file.holders
    # Windows of departments, and for a reassignment everybody: the county decides where a silent office's case goes.
    order += [office for office in node.known_offices() if "." in office or kind == "custody.reassigned"]
    return tuple(office for office in dict.fromkeys(order) if office != file.custodian)


def _line_above(seat: OfficeId) -> list[OfficeId]:
    above = parent_seat(seat)
    return [above] if above is not None else []


def _line_of_filing(file: CaseFile) -> list[OfficeId]:
    """The filing office and the seats above it, lowest first."""
    here = file.filing_office
    line: list[OfficeId] = []
    while here is not None:
        line.append(here)
        here = parent_seat(seat_of(here))
    return line


def not_offered(language: str) -> str:
    """What to say when the act that was sent is no longer among those offered."""
    return NotPermitted("stage_forbids").text(language)
