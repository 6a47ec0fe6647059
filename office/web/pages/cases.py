"""The list of cases, one case with its timeline, and the next lawful acts as forms.

Which cases are there is the query's matter (`office.worklists`), what of them is shown `office.web.views`, what may be
done `office.desk`. Each page's forms carry an operation id of their own and the act that the page showed: a double
click is one act, and an act on a page that is out of date is refused. What was typed is never lost on a refusal.
"""

from typing import Annotated, Final

from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery, QueryParameter

from office.accounts import SignedIn
from office.web import guards
from office.web.act_forms import Drawing, Refusing, not_offered
from office.web.acting import perform, read_case_id, read_operation, read_seen
from office.web.errors import answer_for
from office.web.forms import FORMS, FormRefused, Shape, Values, read_fields
from office.web.guards import CASEWORK, AnyRequest, Scope
from office.web.i18n import n_
from office.web.inputs import read_form
from office.web.pages.front import see_other
from office.web.site import language_for, names_for, site_of
from office.web.views import detail_of, lifted, summary_of
from office.worklists import PAGE_CASES, Queue
from schemas.casework.lifecycle import NotPermitted
from schemas.casework.roles import may_take_part
from schemas.casework.visibility import sight_of
from schemas.refusals import Refused

Page = Response[object]

QUEUES: Final[dict[Queue, str]] = {
    Queue.OPEN: n_("Open cases"),
    Queue.HELD: n_("Held by this office"),
    Queue.OFFERED: n_("Waiting for our answer"),
    Queue.ALL: n_("All cases"),
}

EMPTY: Final[dict[Queue, str]] = {
    Queue.OPEN: n_("No open case here. Filing works without the line; cases from below arrive when it is up."),
    Queue.HELD: n_("This office holds no case now: all are passed on or done."),
    Queue.OFFERED: n_("No offer waits for an answer. Well done."),
    Queue.ALL: n_("No case has been filed here or has arrived yet."),
}
NOTHING_FOUND: Final = n_("No case fits. Type the whole number, or the beginning of the name.")


@get("/", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def list_cases(
    request: AnyRequest,
    queue: FromQuery[Queue] = Queue.OPEN,
    number: Annotated[int, QueryParameter(name="page", ge=1, le=10_000)] = 1,
) -> Page:
    """The office's cases, newest first."""
    return await _list(request, queue, number, "")


@post("/search", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def search_cases(request: AnyRequest) -> Page:
    """Cases by number or name. A POST: a name must not stand in an address."""
    form = await read_form(request)
    return await _list(request, Queue.ALL, 1, form.text("search").strip())


@get("/{case:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def show_case(request: AnyRequest, case: FromPath[str]) -> Page:
    """One case."""
    return await _case(request, case)


@post("/{case:str}/unmask", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def unmask_case(request: AnyRequest, case: FromPath[str]) -> Page:
    """The case with its hidden data, once the look and its purpose are written down. Never a link, always a click."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    form = await read_form(request)
    found = await site.node.worklists.get_case(signed_in.office, read_case_id(case))
    await site.access_log.record(signed_in.officer, signed_in.office, found.file.case, form.text("purpose"))
    return await _case(request, case, is_unmasked=True)


@post("/{case:str}/acts/{kind:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def act_on_case(request: AnyRequest, case: FromPath[str], kind: FromPath[str]) -> Page:
    """Write one act and show the case; or the page again, with what was typed and what is wrong."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    fields = FORMS.get(kind)
    if fields is None:
        raise NotPermitted("unknown_act")
    form = await read_form(request)
    typed = form.source(frozenset(field.name for field in fields if field.shape is Shape.LIST))
    values: Values = {}
    try:
        operation, seen = read_operation(form.text("operation")), read_seen(form.text("seen"))
        values = read_fields(fields, typed)
        await perform(site.node.desk, signed_in, read_case_id(case), kind, operation, values, seen)
    except FormRefused as refusal:
        refusing = Refusing(kind, form.text("operation"), refusal.values, refusal.problems, "", 422)
    except Refused as refusal:
        answer = answer_for(refusal, language_for(request))
        if answer.status == 404:
            raise
        refusing = Refusing(kind, site.new_operation(), values, (), answer.sentence, answer.status)
    else:
        return see_other(f"/cases/{case}")
    return await _case(request, case, refusing=refusing)


router = Router("/cases", route_handlers=[list_cases, search_cases, show_case, unmask_case, act_on_case])


async def _list(request: AnyRequest, queue: Queue, number: int, search: str) -> Page:
    site, signed_in = site_of(request), guards.get_signed_in(request)
    office = signed_in.office
    listed = await site.node.worklists.list_cases(office, queue, search=search, page=number, size=PAGE_CASES)
    rows = [summary_of(found, sight_of(found.file, office, signed_in.roles), site.node.seat) for found in listed.rows]
    counts = await site.node.worklists.count(office)
    return await site.render(
        request,
        "cases.html",
        queues=[(one, label, counts.get(one, 0)) for one, label in QUEUES.items()],
        queue=queue,
        search=search,
        rows=rows,
        total=listed.total,
        empty=NOTHING_FOUND if search else EMPTY[queue],
        newer=f"/cases?queue={queue.value}&page={number - 1}" if number > 1 else "",
        older=f"/cases?queue={queue.value}&page={number + 1}" if listed.has_more and not search else "",
        may_file=may_file(signed_in),
    )


async def _case(request: AnyRequest, case: str, *, is_unmasked: bool = False, refusing: Refusing | None = None) -> Page:
    site, signed_in = site_of(request), guards.get_signed_in(request)
    found = await site.node.worklists.get_case(signed_in.office, read_case_id(case))
    sights = sight_of(found.file, signed_in.office, signed_in.roles)
    sights = lifted(sights) if is_unmasked else sights
    kinds = site.node.desk.available(signed_in, found.file)
    forms = Drawing(site.node, names_for(request), found, sights, site.new_operation).forms(kinds, refusing)
    sentence = refusing.sentence if refusing is not None else ""
    if refusing is not None and not sentence and refusing.kind not in kinds:
        sentence = not_offered(language_for(request))
    return await site.render(
        request,
        "case.html",
        status=refusing.status if refusing is not None else 200,
        case=detail_of(found, sights, site.node.seat),
        acts=forms,
        refusal=sentence,
        is_wrong=refusing is not None,
        is_unmasked=is_unmasked,
    )


def may_file(signed_in: SignedIn) -> bool:
    """Whether this officer's role lets them take a matter in."""
    return may_take_part("case.filed", signed_in.roles)
