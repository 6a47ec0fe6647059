"""The JSON interface: the same things as the pages, for programs of the office, under the same session and guards.

    GET    /api/session                 who is signed in, and the token that every change must bring
    POST   /api/session                 {"login", "password"}
    DELETE /api/session
    GET    /api/catalogue               items that this office may take in, with their materials
    GET    /api/cases?queue=&page=      queue: open, waiting, held, offered, asked, overdue, due_today,
                                        due_soon, all
    POST   /api/cases/search            {"search", "page"}: a number, or the beginning of the name in a case that the
                                        office filed, holds or is offered
    POST   /api/cases                   {"operation", "item", "applicant", "materials", "statement", "mandate",
                                        "channel", "consents", "duplicates", "papers"}:
                                        `office.web.api_filing.FilingInput`;
                                        409 with "duplicates" when the same matter is under way and not named there
    POST   /api/lists                   {"item", "rows"}: a list of persons as one case; 422 with "rows" to correct
    POST   /api/enquiries               {"operation", "item", "outcome"}: count an enquiry
    GET    /api/cases/{case}            one case with its timeline, its receipts and the acts that are lawful now
    POST   /api/cases/{case}/acts       {"kind", "operation", "seen", "fields", "papers"};
                                        fields as in `office.web.forms.FORMS`, all texts or lists of texts:
                                        days as 2026-12-01, `Shape` says what lists hold
    POST   /api/cases/{case}/unmask     {"purpose"}
    POST   /api/cases/{case}/proof      {"entry", "purpose"}: the bytes of a proof file; "entry" is the fingerprint of
                                        a step, the first 8 characters of its "hash"
    POST   /api/papers?material=        the body is one JPEG, PNG or PDF; answers with the word by which `papers` of a
                                        filing, or of the act papers.brought, names it within a day
    POST   /api/cases/{case}/papers/{digest}        {"purpose"}: the bytes of a paper that is here
    POST   /api/cases/{case}/papers/{digest}/fetch  ask for one that is not
    GET    /api/line                    neighbours, what waits, what is set aside, findings, room

`operation` is 16 hexadecimal digits (64 random bits) that the caller draws for each action and repeats when it repeats
the request: the action is then written once. `seen` is the case's `tip` as the caller last read it; an act on an older
state is refused. Changes carry the token in the header `x-csrftoken`. A refusal is {"code", "message"} with a 4xx
status, and "fields" when it is about fields. Times are milliseconds since 1970 UTC, as claimed by the device that
wrote. Personal data is masked as on the pages.
"""

from typing import Annotated

from litestar import Response, Router, delete, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Meta, Struct

from office.storage import StorageState
from office.web import guards
from office.web.acting import perform, read_case_id, read_operation, read_seen
from office.web.api_filing import count_enquiry, file_case, file_list
from office.web.api_papers import capture_paper, fetch_paper, named, show_paper
from office.web.deadlines import ClockView, CustodyView, DueView, clock_views, custody_views, due_view
from office.web.duties import left_to_others
from office.web.forms import FORMS, read_fields
from office.web.guards import CASEWORK, EVERYBODY, AnyRequest, Scope
from office.web.inputs import peer_of, read_json
from office.web.line import Neighbour, Pill, neighbours_of, pill_of
from office.web.pages.cases import PAGES_MAX, Queue, proof_file, record_look
from office.web.pages.filing import groups_of
from office.web.pages.line import ROWS_MAX, SetAsideView, set_aside_view
from office.web.paper_views import PaperView, paper_views
from office.web.site import csrf_token, language_for, site_of
from office.web.views import CaseDetail, CaseSummary, detail_of, lifted, summary_of
from schemas.casework.events import PapersBrought
from schemas.casework.lifecycle import NotPermitted
from schemas.casework.roles import Role
from schemas.casework.visibility import does_casework, sight_of
from schemas.catalogue import ServiceItem
from schemas.names import Instant, OfficeId, OfficerId


class SessionView(Struct, frozen=True):
    """Who is at this session; `csrf` goes into the header `x-csrftoken` of every change."""

    csrf: str
    officer: OfficerId | None = None
    office: OfficeId | None = None
    name: str = ""
    roles: tuple[Role, ...] = ()


class SignIn(Struct, frozen=True, forbid_unknown_fields=True):
    """What is needed to sign in."""

    login: str
    password: str


class ActInput(Struct, frozen=True, forbid_unknown_fields=True):
    """One act."""

    kind: str
    operation: str
    fields: dict[str, str | list[str]] = {}
    seen: str = ""
    papers: tuple[str, ...] = ()
    """Words of `POST /api/papers`, for `papers.brought` alone."""


class WrittenView(Struct, frozen=True):
    """An act that is durably written."""

    case: str
    kind: str
    hash: str
    at: Instant
    repeated: bool


class SearchInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A search: in the body, for a name must not stand in an address."""

    search: str
    page: Annotated[int, Meta(ge=1, le=PAGES_MAX)] = 1


class PurposeInput(Struct, frozen=True, forbid_unknown_fields=True):
    """Why hidden data is looked at."""

    purpose: str


class ProofInput(Struct, frozen=True, forbid_unknown_fields=True):
    """Which step is to be proved to others, and why."""

    entry: str
    purpose: str


class CaseListView(Struct, frozen=True):
    """One page of cases."""

    total: int
    has_more: bool
    cases: tuple[CaseSummary, ...]
    due: dict[str, DueView]
    """By case: the running clock that is due first; a case of which nothing runs is not in it."""


class CaseView(Struct, frozen=True):
    """One case, and what this officer may do to it now."""

    case: CaseDetail
    acts: tuple[str, ...]
    clocks: tuple[ClockView, ...]
    custody: tuple[CustodyView, ...]
    papers: tuple[PaperView, ...] = ()


class CatalogueView(Struct, frozen=True):
    """The items that this office may take in today."""

    version: str
    is_sample: bool
    items: tuple[ServiceItem, ...]


class FindingView(Struct, frozen=True):
    """One finding of the post."""

    code: str
    journal: str
    seq: int
    at: Instant


class LineView(Struct, frozen=True):
    """The lines of this node."""

    upward: Pill
    neighbours: tuple[Neighbour, ...]
    set_aside: tuple[SetAsideView, ...]
    findings: tuple[FindingView, ...]
    storage: StorageState


@get("/session", opt=guards.public())
async def show_session(request: AnyRequest) -> SessionView:
    """Who is signed in, if anybody, and the token for changes."""
    return _session(request)


@post("/session", opt=guards.public(), status_code=200)
async def open_session(request: AnyRequest) -> Response[SessionView]:
    """Sign in."""
    site = site_of(request)
    given = await read_json(request, SignIn)
    previous = request.cookies.get(site.cookies.session)
    name, who = await site.accounts.sign_in(given.login, given.password, peer_of(request), previous)
    view = SessionView(csrf_token(request), who.officer, who.office, who.name, tuple(sorted(who.roles)))
    return Response(view, cookies=[site.cookies.open_session(name)])


@delete("/session", opt=guards.public(), status_code=204)
async def end_session(request: AnyRequest) -> Response[None]:
    """Sign out."""
    site = site_of(request)
    name = request.cookies.get(site.cookies.session)
    if name:
        await site.accounts.sign_out(name)
    return Response(None, status_code=204, cookies=[site.cookies.end_session()])


@get("/catalogue", opt=guards.officer(Scope.THIS_NODE, EVERYBODY))
async def show_catalogue(request: AnyRequest) -> CatalogueView:
    """The items that this office may take in."""
    node, signed_in = site_of(request).node, guards.get_signed_in(request)
    edition = node.catalogue.in_force(node.clock.now())
    items = tuple(item for group in groups_of(edition, signed_in.office) for item in group.entries)
    return CatalogueView(edition.version, edition.is_sample, items)


@get("/cases", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def list_cases(
    request: AnyRequest,
    queue: FromQuery[Queue] = Queue.OPEN,
    number: Annotated[int, QueryParameter(name="page", ge=1, le=PAGES_MAX)] = 1,
) -> CaseListView:
    """The office's cases, newest first."""
    return await _list(request, queue, number, "")


@post("/cases/search", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def search_cases(request: AnyRequest) -> CaseListView:
    """Cases by number or name."""
    given = await read_json(request, SearchInput)
    return await _list(request, Queue.ALL, given.page, given.search)


@get("/cases/{case:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def show_case(request: AnyRequest, case: FromPath[str]) -> CaseView:
    """One case."""
    return await _case(request, case)


@post("/cases/{case:str}/acts", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=201)
async def act_on_case(request: AnyRequest, case: FromPath[str]) -> WrittenView:
    """Write one act. The same operation again answers with the same entry."""
    given = await read_json(request, ActInput)
    fields = FORMS.get(given.kind)
    if fields is None:
        raise NotPermitted("unknown_act")
    written = await perform(
        site_of(request).node.desk,
        guards.get_signed_in(request),
        read_case_id(case),
        given.kind,
        read_operation(given.operation),
        read_fields(fields, given.fields),
        read_seen(given.seen),
        named(request, given.papers) if given.kind == PapersBrought.kind else (),
    )
    entry = written.entry
    return WrittenView(written.case.hex(), entry.kind, entry.hash.hex(), entry.at, written.repeated)


@post("/cases/{case:str}/unmask", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def unmask_case(request: AnyRequest, case: FromPath[str]) -> CaseView:
    """One case with its hidden data, once the look and its purpose are written down."""
    given = await read_json(request, PurposeInput)
    await record_look(request, case, given.purpose)
    return await _case(request, case, is_unmasked=True)


@post("/cases/{case:str}/proof", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def prove_entry(request: AnyRequest, case: FromPath[str]) -> Response[bytes]:
    """The proof file of one step, once the look and its purpose are written down."""
    given = await read_json(request, ProofInput)
    return await proof_file(request, case, given.entry, given.purpose)


@get("/line", opt=guards.officer(Scope.THIS_NODE, EVERYBODY))
async def show_line(request: AnyRequest) -> LineView:
    """The state of this node's lines."""
    node = site_of(request).node
    language = language_for(request)
    set_aside = await node.worklists.set_aside()
    findings = await node.worklists.findings()
    return LineView(
        await pill_of(node.books, node.store, node.clock),
        tuple(await neighbours_of(node.books, node.store)),
        tuple(set_aside_view(node.books, one, language) for one in set_aside),
        tuple(FindingView(one.code, str(one.journal), one.seq, one.at) for one in findings[-ROWS_MAX:]),
        node.storage.state(),
    )


router = Router(
    "/api",
    route_handlers=[
        show_session,
        open_session,
        end_session,
        show_catalogue,
        list_cases,
        search_cases,
        file_case,
        file_list,
        count_enquiry,
        show_case,
        act_on_case,
        unmask_case,
        prove_entry,
        capture_paper,
        show_paper,
        fetch_paper,
        show_line,
    ],
)


def _session(request: AnyRequest) -> SessionView:
    who = guards.find_signed_in(request)
    token = csrf_token(request)
    if who is None:
        return SessionView(token)
    return SessionView(token, who.officer, who.office, who.name, tuple(sorted(who.roles)))


async def _list(request: AnyRequest, queue: Queue, number: int, search: str) -> CaseListView:
    node, signed_in = site_of(request).node, guards.get_signed_in(request)
    by_name = does_casework(signed_in.roles)
    elsewhere = left_to_others(node, signed_in)
    listed = await node.worklists.list_cases(
        signed_in.office, queue, search=search, by_name=by_name, elsewhere=elsewhere, page=number
    )
    rows = tuple(
        summary_of(found, sight_of(found.file, signed_in.office, signed_in.roles), node.seat) for found in listed.rows
    )
    views = {found.file.case.hex(): due_view(node, found.file) for found in listed.rows}
    due = {case: view for case, view in views.items() if view is not None}
    return CaseListView(listed.total, listed.has_more, rows, due)


async def _case(request: AnyRequest, case: str, *, is_unmasked: bool = False) -> CaseView:
    node, signed_in = site_of(request).node, guards.get_signed_in(request)
    found = await node.worklists.get_case(signed_in.office, read_case_id(case))
    sights = sight_of(found.file, signed_in.office, signed_in.roles)
    item = node.catalogue.item_of(found.file)
    papers = await paper_views(node, found.file, sights)
    sights = lifted(sights) if is_unmasked else sights
    detail = detail_of(found, sights, node.seat, item)
    clocks, custody = clock_views(node, found.file, sights), custody_views(node, found.file)
    return CaseView(detail, node.desk.available(signed_in, found.file), clocks, custody, papers)
