"""Lists of persons: a spreadsheet sent in as one case, and the rows of a list that is here.

A file is read in memory and never kept. Rows are shown masked, a page at a time; a look in clear is written down with
its purpose, like any other. Next: `office.rosters`, `office.intake.Intake.open_list`.
"""

from typing import Annotated, Final

from litestar import Response, Router, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from office.access_log import PurposeRefused
from office.intake import ListSlip
from office.rosters import FILE_BYTES_MAX, ListRefused, Table, read_roster, read_table, template
from office.web import guards
from office.web.acting import read_case_id
from office.web.errors import answer_for
from office.web.forms import Problem
from office.web.guards import CASEWORK, AnyRequest, Scope
from office.web.i18n import n_
from office.web.inputs import read_form
from office.web.pages.cases import record_look
from office.web.pages.filing import FILERS
from office.web.site import language_for, site_of
from office.web.views import lifted
from schemas.casework.lifecycle import NotPermitted
from schemas.casework.rosters import ROWS_MAX, is_whole
from schemas.casework.values import RosterRow
from schemas.casework.visibility import FieldGroup, Sight, sight_of
from schemas.catalogue import ServiceItem
from schemas.identity import mask, mask_name, mask_phone
from schemas.refusals import Refused

Page = Response[object]

PAGE_ROWS: Final = 100

UPLOAD_BYTES_MAX: Final = FILE_BYTES_MAX + 16 * 1024
"""The file, and what a form puts around it."""

NO_FILE: Final = n_("Choose the file of the list.")


class RowView(Struct, frozen=True):
    """One person of a list, as far as the reader may see."""

    number: int
    name: str
    document_type: str
    document_number: str
    phone: str
    note: str
    excepted: str
    """Why the decision left the row out; empty = it did not."""


@get("/filing/{code:str}/list", opt=guards.officer(Scope.READABLE_CASES, FILERS))
async def show_list_form(request: AnyRequest, code: FromPath[str]) -> Page:
    """The form that takes a list."""
    return await _form(request, _item(request, code))


@get("/filing/{code:str}/list/template", opt=guards.officer(Scope.READABLE_CASES, FILERS))
async def download_template(request: AnyRequest, code: FromPath[str]) -> Response[bytes]:
    """An empty table with its headings."""
    disposition = {"content-disposition": f'attachment; filename="list-{_item(request, code).code}.csv"'}
    return Response(template(), media_type="text/csv; charset=utf-8", headers=disposition)


@post(
    "/filing/{code:str}/list",
    opt=guards.officer(Scope.READABLE_CASES, FILERS),
    status_code=200,
    request_max_body_size=UPLOAD_BYTES_MAX,
)
async def file_list(request: AnyRequest, code: FromPath[str]) -> Page:
    """File a list as one case, or show every row that has to be corrected."""
    site, signed_in, item = site_of(request), guards.get_signed_in(request), _item(request, code)
    content = await _uploaded(request)
    if not content:
        return await _form(request, item, problems=(Problem("list", NO_FILE),), status=422)
    table = Table((), ())
    try:
        table = read_table(content)
        filed = await site.node.intake.open_list(
            signed_in, item=code, name=site.node.office_name(signed_in.office), rows=table.rows
        )
    except ListRefused as refusal:
        return await _form(request, item, refusal=refusal, table=table, status=422)
    except Refused as refusal:
        status = answer_for(refusal, language_for(request)).status
        return await _form(request, item, refusal=refusal, table=table, status=status)
    return await _form(request, item, filed=filed, table=table)


@get("/lists/{case:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def show_list(
    request: AnyRequest,
    case: FromPath[str],
    page: Annotated[int, QueryParameter(name="page", ge=1, le=ROWS_MAX // PAGE_ROWS)] = 1,
) -> Page:
    """One page of a list, masked."""
    return await _list(request, case, page)


@post("/lists/{case:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def unmask_list(
    request: AnyRequest,
    case: FromPath[str],
    page: Annotated[int, QueryParameter(name="page", ge=1, le=ROWS_MAX // PAGE_ROWS)] = 1,
) -> Page:
    """The same page in clear, once the look and its purpose are written down."""
    purpose = (await read_form(request)).text("purpose")
    try:
        await record_look(request, case, purpose)
    except PurposeRefused as refusal:
        problem = Problem("purpose", refusal.text(language_for(request)))
        return await _list(request, case, page, problems=(problem,), purpose=purpose)
    return await _list(request, case, page, is_unmasked=True)


router = Router("/", route_handlers=[show_list_form, download_template, file_list, show_list, unmask_list])


def _item(request: AnyRequest, code: str) -> ServiceItem:
    node = site_of(request).node
    return node.catalogue.in_force(node.clock.now()).get_item(code)


async def _uploaded(request: AnyRequest) -> bytes:
    """The file of the form; empty when there is none."""
    sent = (await request.form()).get("list")
    return await sent.read(FILE_BYTES_MAX + 1) if isinstance(sent, UploadFile) else b""


async def _form(
    request: AnyRequest,
    item: ServiceItem,
    *,
    problems: tuple[Problem, ...] = (),
    refusal: Refused | None = None,
    filed: ListSlip | None = None,
    table: Table | None = None,
    status: int = 200,
) -> Page:
    language = language_for(request)
    lines = table.lines if table is not None else ()
    faults = refusal.faults if isinstance(refusal, ListRefused) else ()
    return await site_of(request).render(
        request,
        "roster_form.html",
        status=status,
        back=f"/filing/{item.code}/list",
        item=item,
        found=problems,
        refusal=refusal.text(language) if refusal is not None else "",
        faults=[(lines[fault.row - 1], fault.en if language.value == "en" else fault.zh) for fault in faults],
        filed=filed,
        left_out=[(lines[one.row - 1], one.tracking) for one in filed.left_out] if filed is not None else (),
    )


async def _list(
    request: AnyRequest,
    case: str,
    page: int,
    *,
    problems: tuple[Problem, ...] = (),
    purpose: str = "",
    is_unmasked: bool = False,
) -> Page:
    site, signed_in = site_of(request), guards.get_signed_in(request)
    found = await site.node.worklists.get_case(signed_in.office, read_case_id(case))
    file = found.file
    if file.filing is None or file.filing.roster is None:
        raise NotPermitted("no_such_case")
    if file.is_empty:
        raise NotPermitted("case_erased" if file.erased is not None else "case_purged")
    sights = sight_of(file, signed_in.office, signed_in.roles)
    may_unmask = not is_unmasked and Sight.UNMASKABLE in sights.values()
    rows = read_roster(file, [traced.entry for traced in found.traced])
    pages = max(1, -(-file.filing.roster_rows // PAGE_ROWS))
    first = (min(page, pages) - 1) * PAGE_ROWS
    decision = file.decision
    excepted = {one.row: one.reason for one in decision.excepted} if decision is not None else {}
    shown = lifted(sights) if is_unmasked else sights
    return await site.render(
        request,
        "roster.html",
        status=422 if problems else 200,
        back="" if problems or is_unmasked else f"/lists/{case}",
        case=case,
        item=file.filing.item,
        tracking=file.filing.tracking,
        here=len(rows),
        all=file.filing.roster_rows,
        is_whole=is_whole(file.filing, rows),
        rows=[
            _row(number, row, shown, excepted.get(number, ""))
            for number, row in enumerate(rows[first : first + PAGE_ROWS], start=first + 1)
        ],
        page=min(page, pages),
        pages=pages,
        may_unmask=may_unmask,
        found=problems,
        purpose=purpose,
    )


def _row(number: int, row: RosterRow, sights: "dict[FieldGroup, Sight]", excepted: str) -> RowView:
    """A row of a list shows many at once: a name is clear only where everything is."""
    contact = sights[FieldGroup.CONTACT]
    if contact is Sight.CLEAR:
        return RowView(number, row.name, row.document_type, row.document_number, row.phone, row.note, excepted)
    hidden = contact is Sight.HIDDEN
    return RowView(
        number,
        "" if hidden else mask_name(row.name),
        row.document_type,
        "" if hidden else mask(row.document_number),
        "" if hidden else mask_phone(row.phone),
        "",
        excepted,
    )
