"""The forms under «what can be done now»: one for each act that the desk would take, filled with what was typed.

Draws nothing itself: makes values for the template from `office.web.forms.FORMS`. Never offers what the desk would
refuse for the case's stage; of what it would take it leaves out only what there is no occasion for (`offered`).
Next: `office.web.pages.cases`.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from office.accounts import Officer, SignedIn
from office.desk import DECIDED_AT_ONCE
from office.web import labels
from office.web.forms import FORMS, LISTS, Field, Problem, Shape, Values
from office.web.site import Names
from office.web.views import Sights
from office.worklists import Found
from schemas.casework.casefile import CaseFile
from schemas.casework.contents import missing_for
from schemas.casework.events import CaseDecided, CaseRehomed, CustodyAccepted, CustodyDeclined, OpinionsRequested
from schemas.casework.reasons import NotPermitted
from schemas.casework.stages import UNACCEPTED, Stage
from schemas.casework.steps import Step
from schemas.casework.visibility import FieldGroup, Sight, does_casework
from schemas.catalogue import CaseType, Grant, Materials, ServiceItem, planned_steps
from schemas.names import OfficeId, parent_seat, seat_of

if TYPE_CHECKING:
    from office.node import Node

GRAVE: Final = frozenset(
    {
        *("custody.declined", "acceptance.refused", "case.withdrawn", "case.terminated", "case.reopened"),
        *("custody.reassigned", "case.rehomed"),
    }
)
"""Acts that a person should not press by habit."""

LIKELIEST_FIRST: Final[tuple[str, ...]] = (
    DECIDED_AT_ONCE,
    "custody.accepted",
    "papers.received",
    "case.resumed",
    "opinion.given",
    "case.decided",
    "result.handed_over",
    "case.closed",
    "step.completed",
    "custody.offered",
    "papers.requested",
    "meeting.held",
    "site.surveyed",
    "papers.brought",
    "opinions.requested",
    "fee.paid",
    "remark.added",
    "case.suspended",
    "term.extended",
    "case.converted",
    "case.expedited",
    "recall.requested",
    "custody.declined",
    "acceptance.refused",
    "case.withdrawn",
    "case.terminated",
    "case.reopened",
    "case.rehomed",
    "custody.reassigned",
)
"""The order of the forms: what mostly comes next at the top, what is grave at the bottom."""

VERDICTS: Final = frozenset(
    {
        *(DECIDED_AT_ONCE, "custody.accepted", "papers.requested", "acceptance.refused"),
        *("custody.declined", "papers.received"),
    }
)
"""What may be answered to an application that is not yet accepted: these stand together, at the top."""

TOO_LATE: Final = frozenset({"papers.requested", "acceptance.refused", CustodyDeclined.kind})
"""Answers to a filing that five working days of silence have already given."""

BY_ACT: Final = frozenset({Step.ACCEPTANCE, Step.DECISION})
"""Steps that an act of the case is itself."""

SHOWN_FIRST: Final = 4
"""Forms before the rest is folded away, but for the verdicts."""


class Input(Struct, frozen=True):
    """One field, as drawn."""

    name: str
    label: str
    hint: str
    shape: str
    required: bool
    value: str | tuple[str, ...]
    choices: tuple[tuple[str, str], ...] = ()
    """(value, what it is called)."""
    offered: tuple[str, ...] = ()
    """Texts to tick or, of promises, the materials that may come later."""
    most: int = 0

    @property
    def days(self) -> dict[str, str]:
        """Of promises: material → day."""
        return dict(zip(self.value[::2], self.value[1::2], strict=False))


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


class Staff(Struct, frozen=True):
    """Who may be named in a form, as (officer, what they are called)."""

    leaders: tuple[tuple[str, str], ...] = ()
    approvers: tuple[tuple[str, str], ...] = ()
    colleagues: tuple[tuple[str, str], ...] = ()


def staff_of(
    leaders: Sequence[Officer], approvers: Sequence[Officer], all_officers: Sequence[Officer], me: SignedIn
) -> Staff:
    """The officers of this node who can be named; nobody approves their own request, or seconds themselves."""
    others = [one for one in all_officers if one.active and one.office == me.office]
    return Staff(
        _called(leaders),
        _called([one for one in approvers if one.officer != me.officer]),
        _called([one for one in others if one.officer != me.officer and does_casework(one.roles)]),
    )


def _called(officers: Sequence[Officer]) -> tuple[tuple[str, str], ...]:
    return tuple((one.officer, f"{one.name} · {one.login}") for one in officers)


class Drawing:
    """Draws the forms of one case for one reader."""

    def __init__(
        self,
        node: "Node",
        names: Names,
        found: Found,
        sights: Sights,
        new_operation: Callable[[], str],
        staff: Staff,
        grant: Grant | None = None,
    ) -> None:
        """`sights`: what of the case this reader is shown; a form offers nothing else. `new_operation` draws the number
        of a form: each has its own (RULINGS B10). `grant`: by which the reader's office decides.
        """
        self._node = node
        self._names = names
        self._file = found.file
        self._item = node.catalogue.item_of(found.file)
        self._shows_statement = sights[FieldGroup.STATEMENT] is Sight.CLEAR
        self._new_operation = new_operation
        self._staff = staff
        self._grant = grant

    def forms(self, kinds: tuple[str, ...], refusing: Refusing | None = None) -> tuple[ActForm, ...]:
        """The forms of these kinds, in their order; the refused one open, with what was typed."""
        return tuple(self._form(kind, refusing) for kind in kinds)

    def _form(self, kind: str, refusing: Refusing | None) -> ActForm:
        mine = refusing if refusing is not None and refusing.kind == kind else None
        fields = [field for field in FORMS[kind] if mine is not None or self._has_occasion(kind, field)]
        is_formal = kind == CustodyAccepted.kind and self._file.stage in UNACCEPTED
        return ActForm(
            kind,
            kind.replace(".", "-").replace("_", "-"),
            labels.ACCEPT_FORMALLY if is_formal else labels.VERBS[kind],
            mine.operation if mine is not None else self._new_operation(),
            tuple(self._input(kind, field, mine.values if mine is not None else {}) for field in fields),
            mine.problems if mine is not None else (),
            is_open=mine is not None,
            is_grave=kind in GRAVE,
        )

    def _has_occasion(self, kind: str, field: Field) -> bool:
        """Whether this case gives a reason to ask for a field that most cases of the act do not need."""
        file = self._file
        if field.name == "promises":
            return file.stage in UNACCEPTED and bool(deferrable(file, self._item))
        if field.name == "justification":
            return file.requests > 0
        if kind == CaseDecided.kind and field.name == "deemed":
            return self._item is not None and self._item.deems_opinions and bool(file.silent)
        if field.name in ("grant", "on_behalf_of"):
            return self._grant is not None
        if kind == CaseRehomed.kind and field.name == "approver":
            return parent_seat(self._node.seat) is None
        if field.name == "excepted":
            return file.filing is not None and file.filing.roster is not None
        return True

    def _input(self, kind: str, field: Field, values: Values) -> Input:
        choices, offered = self._offers(kind, field)
        preset: str | tuple[str, ...] = ()
        if field.shape not in LISTS:
            preset = choices[0][0] if field.shape is Shape.OFFICE and len(choices) == 1 else self._granted(field.name)
        elif field.shape is Shape.LIST and self._shows_statement:
            offered, preset = materials_for(self._file, self._item, kind)
        elif field.shape is Shape.PROMISES:
            preset = tuple(
                text for one in self._file.promised_with(()) for text in (one.material, one.until.isoformat())
            )
        elif field.name in ("invited", "deemed"):
            preset = departments(self._node, self._file, field.name)
        value = values.get(field.name, preset)
        return Input(
            field.name,
            field.label,
            field.hint,
            field.shape.value,
            field.required,
            value,
            choices,
            offered,
            field.most,
        )

    def _granted(self, field: str) -> str:
        """What the grant that is in force says for a field of the decision."""
        if self._grant is None:
            return ""
        organ = self._grant.grantor if self._grant.is_entrusted else ""
        return {"grant": self._grant.number, "on_behalf_of": organ}.get(field, "")

    def _offers(self, kind: str, field: Field) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """(values to choose from with their names, texts to tick)."""
        if field.shape is Shape.OFFICE:
            return self._offices(destinations(self._node, self._file, kind)), ()
        if field.shape is Shape.DEPARTMENTS:
            return self._offices(departments(self._node, self._file, field.name)), ()
        if field.shape is Shape.PROMISES:
            return (), deferrable(self._file, self._item) if self._shows_statement else ()
        if field.name == "step":
            return tuple(
                (step.value, self._names.text(labels.STEPS[step])) for step in steps_open(self._file, self._item)
            ), ()
        people = {
            Shape.LEADER: self._staff.leaders,
            Shape.APPROVER: self._staff.approvers,
            Shape.COLLEAGUE: self._staff.colleagues,
            Shape.PEOPLE: self._staff.colleagues,
        }
        if field.shape in people:
            return people[field.shape], ()
        return tuple((value, self._names.text(label)) for value, label in field.choices.items()), ()

    def _offices(self, offices: Sequence[OfficeId]) -> tuple[tuple[str, str], ...]:
        return tuple((office, self._names.office(office)) for office in offices)


def lacking(file: CaseFile, item: ServiceItem | None, silent_since: date | None) -> tuple[str, ...]:
    """What must be taken in before the case can be accepted; nothing any more once the law takes it as accepted."""
    if item is None or silent_since is not None or file.stage not in UNACCEPTED:
        return ()
    return missing_for(file, item)


def offered(
    kinds: Collection[str], file: CaseFile, item: ServiceItem | None, silent_since: date | None = None
) -> tuple[str, ...]:
    """The acts to draw, likeliest first, without those for which the case gives no occasion and those verdicts that
    the desk would refuse whatever is typed. `silent_since`: since when the law takes the case as accepted (art. 32).
    """
    if lacking(file, item, silent_since):
        kinds = [kind for kind in kinds if kind not in (CustodyAccepted.kind, DECIDED_AT_ONCE)]
    elif silent_since is not None and CustodyAccepted.kind in kinds:
        too_late = TOO_LATE - ({CustodyDeclined.kind} if file.recall_requested else set[str]())
        kinds = [kind for kind in kinds if kind not in too_late]
    first = ""
    if file.stage is Stage.DECIDED and file.custodian != file.home:
        first = (
            "custody.offered"  # A result goes to the counter where it is due before anybody hands it over elsewhere.
        )
    elif item is not None and item.case_type is CaseType.JOINT and not file.course.consulted:
        first = OpinionsRequested.kind
    kept = [kind for kind in kinds if _has_occasion(kind, file, item)]
    verdicts = VERDICTS if file.stage in UNACCEPTED else frozenset[str]()
    return tuple(sorted(kept, key=lambda kind: (kind != first, kind not in verdicts, LIKELIEST_FIRST.index(kind))))


def count_shown(forms: Collection[ActForm]) -> int:
    """How many of the forms stand open to view: the rest is folded away under «more». No verdict ever is."""
    return max(SHOWN_FIRST, sum(form.kind in VERDICTS for form in forms))


def _has_occasion(kind: str, file: CaseFile, item: ServiceItem | None) -> bool:
    """Papers are taken up where some were asked for or brought, a fee where the item has one, and so on."""
    if kind == "papers.received":
        return bool(file.wanted or file.brought or file.course.promises)
    if kind == "fee.paid":
        return item is None or item.fee_yuan != 0
    if kind == "case.converted":
        return item is not None and item.is_on_the_spot and file.converted_days is None
    if kind == "site.surveyed":
        return item is None or any(one.step is Step.SURVEY for one in planned_steps(item))
    if kind == "meeting.held":
        return bool(file.course.consulted)
    if kind == "case.expedited":
        return not file.is_expedited
    return True


def deferrable(file: CaseFile, item: ServiceItem | None) -> tuple[str, ...]:
    """Materials of the item that may come later and that were not handed in."""
    if item is None:
        return ()
    return file.missing_of(item.materials.deferrable)


def steps_open(file: CaseFile, item: ServiceItem | None) -> tuple[Step, ...]:
    """The steps to choose from: those planned for the item first, what is recorded and what an act is left aside."""
    planned = planned_steps(item) if item is not None else ()
    # A survey by two has a form of its own.
    by_form = {one.step for one in planned if one.step is Step.SURVEY and one.people > 1}
    done = file.steps_done | BY_ACT | by_form
    return tuple(step for step in dict.fromkeys((*(one.step for one in planned), *Step)) if step not in done)


def departments(node: "Node", file: CaseFile, field: str) -> tuple[OfficeId, ...]:
    """Windows of departments; for those asked already, only they."""
    if field == "deemed":
        register = node.casebook.register
        return tuple(office for office in file.silent if register.find_ended(office, node.today) is None)
    if field != "to" and file.course.consulted:
        return file.course.consulted
    return tuple(office for office in node.known_offices() if "." in office and office != file.custodian)


def materials_for(file: CaseFile, item: ServiceItem | None, kind: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names to tick, names ticked beforehand) for an act that names materials."""
    brought = tuple(dict.fromkeys(name for contributed in file.brought for name in contributed.materials))
    awaited = (*file.wanted, *(one.material for one in file.course.promises))
    missing = missing_for(file, item) if item is not None and file.stage in UNACCEPTED else ()
    if kind == "papers.received":
        return tuple(dict.fromkeys((*brought, *awaited, *missing))), brought
    if kind == "papers.brought":
        return tuple(dict.fromkeys((*awaited, *missing))), ()
    filed = (one.name for one in file.filing.materials) if file.filing is not None else ()
    listed = item.materials if item is not None else Materials()
    return tuple(dict.fromkeys((*listed.required, *listed.pledged, *listed.deferrable, *filed))), missing


def destinations(node: "Node", file: CaseFile, kind: str) -> tuple[OfficeId, ...]:
    """Offices to which the case may sensibly go from here, the likeliest first; the desk has the last word."""
    up, back = _line_above(node), _line_of_home(file)
    order = [*back, *up] if file.decision is not None else [*up, *reversed(back)]
    order += file.holders
    # Windows of departments, and where the county moves a case, or a resident asks for another place, everybody.
    register = node.casebook.register
    order = [office for office in order if register.find_ended(office, node.today) is None]
    order += [office for office in node.known_offices() if "." in office or kind in _ANYWHERE]
    elsewhere = file.home if kind == CaseRehomed.kind else file.custodian
    return tuple(office for office in dict.fromkeys(order) if office != elsewhere)


_ANYWHERE: Final = frozenset({"custody.reassigned", "case.rehomed"})
"""Acts that may name every office of the county."""


def _line_above(node: "Node") -> list[OfficeId]:
    """The office above, or the one that it was merged into."""
    above = parent_seat(node.seat)
    if above is None:
        return []
    ended = node.casebook.register.find_ended(above, node.today)
    return [ended.merged_into if ended is not None and ended.merged_into is not None else above]


def _line_of_home(file: CaseFile) -> list[OfficeId]:
    """The office where the result is handed over and the seats above it, lowest first."""
    here = file.home
    line: list[OfficeId] = []
    while here is not None:
        line.append(here)
        here = parent_seat(seat_of(here))
    return line


def not_offered(language: str) -> str:
    """What to say when the act that was sent is no longer among those offered."""
    return NotPermitted("stage_forbids").text(language)
