"""A resident's slip is presented: whether its entry is here, as its device signed it, and the proof to take away.

Anybody on duty may check one: it names no person, and the case is shown only to whom it is open anyway. The code comes
in the body of the form, never in an address. Next: `office.slip_checks`.
"""

from litestar import Response, Router, get, post

from office.web import guards
from office.web.errors import answer_for
from office.web.guards import EVERYBODY, AnyRequest, Scope
from office.web.inputs import read_form
from office.web.site import language_for, site_of
from schemas.casework.lifecycle import NotPermitted
from schemas.refusals import Refused

Page = Response[object]


@get("/", opt=guards.officer(Scope.THIS_NODE, EVERYBODY))
async def show_form(request: AnyRequest) -> Page:
    """Where the code is scanned or typed."""
    return await _page(request)


@post("/", opt=guards.officer(Scope.THIS_NODE, EVERYBODY), status_code=200)
async def check_presented(request: AnyRequest) -> Page:
    """What the slip is worth here."""
    return await _page(request, (await read_form(request)).text("code"))


@post("/proof", opt=guards.officer(Scope.THIS_NODE, EVERYBODY), status_code=200)
async def give_proof(request: AnyRequest) -> Response[str] | Page:
    """The entry's `tlog-proof` as a file: hashes and signatures, no text of the case."""
    from office.slip_checks import check_slip

    code = (await read_form(request)).text("code")
    try:
        checked = await check_slip(site_of(request).node, code)
    except Refused:
        return await _page(request, code)
    if not checked.tlog_proof:
        return await _page(request, code)
    name = f"{checked.statement.hash.hex()[:8]}.tlog-proof"
    disposition = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(checked.tlog_proof, media_type="text/plain; charset=utf-8", headers=disposition)


async def _page(request: AnyRequest, code: str = "") -> Page:
    # Imported for the few who ask: a village computer rarely needs it.
    from office.slip_checks import check_slip

    site, signed_in = site_of(request), guards.get_signed_in(request)
    checked, found, answer = None, None, None
    if code:
        try:
            checked = await check_slip(site.node, code)
        except Refused as refusal:
            answer = answer_for(refusal, language_for(request))
    if checked is not None and checked.case is not None:
        try:
            found = (await site.node.worklists.get_case(signed_in.office, checked.case)).file
        except NotPermitted:
            found = None
    return await site.render(
        request,
        "slips.html",
        status=answer.status if answer is not None else 200,
        back="/slips",
        sentence=answer.sentence if answer is not None else "",
        code=code,
        checked=checked,
        found=found,
    )


router = Router("/slips", route_handlers=[show_form, check_presented, give_proof])
