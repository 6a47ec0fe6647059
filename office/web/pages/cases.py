"""The list of cases, one case with its timeline, and the next lawful acts as forms.

Which cases are there is the query's matter (`office.web.lookup`), what of them is shown `office.web.views`, what may be
done `office.desk`. Each form carries an operation id of its own and the act that the page showed: a double click is one
act, and an act on a page that is out of date is refused. What was typed is never lost on a refusal.
"""

from collections.abc import Sequence
from typing import Annotated, Any, Final

from litestar import Response, Router, get, post
from litestar.params import Parameter
from msgspec import Struct

from office.accounts import SignedIn
from office.web import guards, labels, lookup
from office.web.acting import VERBS, perform, read_case_id, read_operation, read_seen
from office.web.errors import answer_for
from office.web.forms import FORMS, Field, FormRefused, Problem, Shape, Values, read_fields
from office.web.guards import CASEWORK, AnyRequest, Scope
from office.web.i18n import n_
from office.web.inputs import read_form
from office.web.lookup import CaseList, Found, Queue
from office.web.pages.front import see_other
from office.web.site import Site, language_for, site_of
from office.web.views import CaseDetail, CaseSummary, detail_of, lifted
from schemas.casework.lifecycle import IN_TRANSIT, NotPermitted, Stage
from schemas.names import OfficeId, parent_seat, seat_of
from schemas.refusals import Refused

Page = Response[object]

QUEUES: Final[tuple[tuple[Queue, str], ...]] = (
    (Queue.ALL, n_("All cases")),
    (Queue.HELD, n_("Held here")),
    (Queue.OFFERED, n_("Waiting for our answer")),
)

EMPTY: Final[dict[Queue, str]] = {
    Queue.ALL: n_("No case has been filed here or has arrived yet. Filing works without the line."),
    Queue.HELD: n_("This office holds no case now: all are passed on or done."),
    Queue.OFFERED: n_("Nothing waits for an answer. Well done."),
}

GRAVE: Final = frozenset({"custody.declined", "case.withdrawn", "custody.reassigned"})
"""Acts that a person should not press by habit."""


class Input(Struct, frozen=True):
    """One field of an act's form, as drawn."""

    name: str
    label: str
    hint: str
    shape: str
    required: bool
    value: object
    choices: tuple[tuple[str, str], ...] = ()
    offered: tuple[str, ...] = ()


class ActForm(Struct, frozen=True):
    """One lawful act, as drawn."""

    kind: str
    slug: str
    label: str
    operation: str
    inputs: tuple[Input, ...]
    found: tuple[Problem, ...] = ()
    is_open: bool = False
    is_grave: bool = False


class Refusing(Struct, frozen=True):
    """An act that was sent and not taken: what was typed and why, to show the page again."""

    kind: str
    operation: str
    values: Values
    problems: tuple[Problem, ...]
    sentence: str
    status: int


@get("/", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def list_cases(
    request: AnyRequest,
    queue: Queue = Queue.ALL,
    number: Annotated[int, Parameter(query="page", ge=1, le=10_000)] = 1,
) -> Page:
    """The officer's cases, newest first."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    found = await lookup.list_cases(site.node, signed_in, queue, number)
    return site.render(
        request,
        "cases.html",
        queues=[(one, label, found.counts.get(one)) for one, label in QUEUES],
        queue=queue,
        rows=found.rows,
        total=found.total,
        empty=EMPTY[queue],
        newer=f"/cases?queue={queue.value}&page={number - 1}" if number > 1 else "",
        older=f"/cases?queue={queue.value}&page={number + 1}" if found.has_more else "",
        may_file=lookup.may_file(signed_in),
        names=names_for(request, site),
    )


@get("/{case:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def show_case(request: AnyRequest, case: str) -> Page:
    """One case."""
    return await _page(request, case)


@post("/{case:str}/unmask", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def unmask_case(request: AnyRequest, case: str) -> Page:
    """The case with its hidden data, once the look and its purpose are written down. Never a link: a click each time."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    form = await read_form(request)
    found = await lookup.get_case(site.node, signed_in, read_case_id(case))
    await site.access_log.record(signed_in.officer, signed_in.office, found.file.case, form.text("purpose"))
    return await _page(request, case, unmasked=True)


@post("/{case:str}/acts/{kind:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def act_on_case(request: AnyRequest, case: str, kind: str) -> Page:
    """Write one act and show the case; or the page again, with what was typed and what is wrong."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    fields = FORMS.get(kind)
    if fields is None:
        raise NotPermitted("unknown_act")
    form = await read_form(request)
    typed = form.source(frozenset(field.name for field in fields if field.shape is Shape.LIST))
    values: Values = {}
    try:
        operation = read_operation(form.text("operation"))
        values = read_fields(fields, typed)
        await perform(
            site.node.desk, signed_in, read_case_id(case), kind, operation, values, read_seen(form.text("seen"))
        )
    except FormRefused as refusal:
        refusing = Refusing(kind, form.text("operation"), refusal.values, refusal.problems, "", 422)
    except Refused as refusal:
        answer = answer_for(refusal, language_for(request))
        if answer.status == 404:
            raise
        refusing = Refusing(kind, site.new_operation(), values, (), answer.sentence, answer.status)
    else:
        return see_other(f"/cases/{case}")
    return await _page(request, case, refusing=refusing)


router = Router("/cases", route_handlers=[list_cases, show_case, unmask_case, act_on_case])


async def _page(request: AnyRequest, case: str, *, unmasked: bool = False, refusing: Refusing | None = None) -> Page:
    site, signed_in = site_of(request), guards.get_signed_in(request)
    found = await lookup.get_case(site.node, signed_in, read_case_id(case))
    sights = lookup.sights_of(found.file, signed_in)
    detail = detail_of(found.file, lifted(sights) if unmasked else sights, found.traced)
    acts = [
        _act_form(site, request, kind, found, detail, refusing)
        for kind in site.node.desk.available(signed_in, found.file)
    ]
    shown = {act.kind for act in acts}
    sentence = refusing.sentence if refusing is not None else ""
    if refusing is not None and not sentence and refusing.kind not in shown:
        sentence = NotPermitted("stage_forbids").text(language_for(request))
    return site.render(
        request,
        "case.html",
        status=refusing.status if refusing is not None else 200,
        case=detail,
        acts=acts,
        refusal=sentence,
        found=refusing.problems if refusing is not None else (),
        is_unmasked=unmasked,
        path_of_case=f"/cases/{case}",
        names=names_for(request, site),
        hops=lookup.hops(site.node, found.file),
    )


def _act_form(
    site: Site, request: AnyRequest, kind: str, found: Found, detail: CaseDetail, refusing: Refusing | None
) -> ActForm:
    mine = refusing if refusing is not None and refusing.kind == kind else None
    values = mine.values if mine is not None else {}
    return ActForm(
        kind,
        kind.replace(".", "-"),
        labels.VERBS[kind],
        mine.operation if mine is not None else site.new_operation(),
        tuple(_input(site, request, kind, field, found, detail, values) for field in FORMS[kind]),
        mine.problems if mine is not None else (),
        is_open=mine is not None,
        is_grave=kind in GRAVE,
    )


def _input(
    site: Site, request: AnyRequest, kind: str, field: Field, found: Found, detail: CaseDetail, values: Values
) -> Input:
    names = names_for(request, site)
    choices = tuple((value, names.text(label)) for value, label in field.choices.items())
    if field.shape is Shape.OFFICE:
        choices = tuple((office, names.office(office)) for office in destinations(site, found, kind))
    if field.shape is Shape.LIST:
        offered, preset = _materials(site, kind, found)
        value: Any = values.get(field.name, preset)
        return Input(field.name, field.label, field.hint, field.shape.value, field.required, value, (), offered)
    value = values.get(field.name, choices[0][0] if field.shape is Shape.OFFICE and len(choices) == 1 else "")
    return Input(field.name, field.label, field.hint, field.shape.value, field.required, value, choices)


def _materials(site: Site, kind: str, found: Found) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names to tick, names ticked beforehand) for an act that names materials."""
    file = found.file
    brought = tuple(dict.fromkeys(name for contributed in file.brought for name in contributed.materials))
    if kind == "papers.received":
        return tuple(dict.fromkeys((*brought, *file.wanted))), brought
    if kind == "papers.brought":
        return file.wanted, ()
    return tuple(material.name for material in file.filing.materials) if file.filing is not None else (), ()


def destinations(site: Site, found: Found, kind: str) -> tuple[OfficeId, ...]:
    """Offices to which the case may sensibly go from here, nearest first; the desk has the last word."""
    file, seat = found.file, site.node.seat
    above = [office for office in (parent_seat(seat),) if office is not None]
    filing_line: list[OfficeId] = []
    here = seat_of(file.filing_office) if file.filing_office is not None else None
    while here is not None:
        filing_line.append(here)
        here = parent_seat(here)
    result_first = file.decision is not None
    order = [*filing_line, *above] if result_first else [*above, *reversed(filing_line)]
    others = [*file.holders, *site.node.windows()]
    if kind == "custody.reassigned":
        others += list(site.node.known_offices())
    held = {file.custodian}
    return tuple(office for office in dict.fromkeys([*order, *others]) if office not in held)
