"""The computers of the offices below: how each stands; replacing, revoking and confirming them.

For the administrator of a township or of the county: shows offices, devices, times and counts, no case and no person.
The sheet of a new device is shown once, in the answer to the act that made it, and is kept nowhere here.
Next: `office.devices`, `office.web.pages.held` (what came past a revocation).
"""

from typing import TYPE_CHECKING, Final

from litestar import Response, Router, get, post

from office.web import guards
from office.web.errors import answer_for
from office.web.guards import AnyRequest, Scope
from office.web.inputs import Form, read_form
from office.web.pages.front import see_other
from office.web.site import language_for, site_of
from schemas.casework.roles import Role
from schemas.names import NodeId, OfficeId
from schemas.refusals import Refused
from sync.core.errors import LocalFault

if TYPE_CHECKING:
    from office.enrolling import Sheet

Page = Response[object]

MANAGING: Final = frozenset({Role.ADMINISTRATOR})


@get("/", opt=guards.officer(Scope.THIS_NODE, MANAGING))
async def list_devices(request: AnyRequest) -> Page:
    """Every device below this office."""
    return await _page(request)


@post("/replace", opt=guards.officer(Scope.THIS_NODE, MANAGING), status_code=200)
async def replace_device(request: AnyRequest) -> Page:
    """End an office's device; the answer is its successor's sheet."""
    from office.node import address_of
    from office.sheets import check_address

    node, form = site_of(request).node, await read_form(request)
    try:
        check_address(address_of(node.settings))
        sheet = await node.devices.replace(OfficeId(form.text("office")), _who(request), form.text("reason"))
    except (Refused, LocalFault) as refusal:
        return await _page(request, refusal, form)
    return await _sheet(request, sheet)


@post("/revoke", opt=guards.officer(Scope.THIS_NODE, MANAGING), status_code=200)
async def revoke_device(request: AnyRequest) -> Page:
    """End a device without a successor for now."""
    node, form = site_of(request).node, await read_form(request)
    try:
        await node.devices.revoke(NodeId(form.text("device")), _who(request), form.text("reason"))
    except (Refused, LocalFault) as refusal:
        return await _page(request, refusal, form)
    return see_other("/devices")


@post("/confirm", opt=guards.officer(Scope.THIS_NODE, MANAGING), status_code=200)
async def confirm_device(request: AnyRequest) -> Page:
    """The county confirms what a township did to a device."""
    from office.devices import check_is_county

    node, form = site_of(request).node, await read_form(request)
    try:
        check_is_county(node.seat)
        await node.enrolling.countersign(NodeId(form.text("device")))
    except (Refused, LocalFault) as refusal:
        return await _page(request, refusal, form)
    return see_other("/devices")


@post("/recovery", opt=guards.officer(Scope.THIS_NODE, MANAGING), status_code=200)
async def show_recovery_code(request: AnyRequest) -> Page:
    """A village's recovery code, to be read out by telephone, once the look is written down."""
    from office.recovery_codes import show_code

    site, form = site_of(request), await read_form(request)
    office, signed_in = OfficeId(form.text("office")), guards.get_signed_in(request)
    try:
        code = await show_code(site.node, site.access_log, office, signed_in.officer, form.text("reason"))
    except (Refused, LocalFault) as refusal:
        return await _page(request, refusal, form)
    return await site.render(request, "recovery_code.html", back="/devices", office=office, code=code)


router = Router(
    "/devices",
    route_handlers=[list_devices, replace_device, revoke_device, confirm_device, show_recovery_code],
)


def _who(request: AnyRequest) -> str:
    return guards.get_signed_in(request).officer.rpartition("/")[2]


async def _page(request: AnyRequest, refusal: Refused | LocalFault | None = None, form: Form | None = None) -> Page:
    from office.devices import is_county, unconfirmed
    from office.recovery_codes import offices_with_code

    site = site_of(request)
    node = site.node
    answer = answer_for(refusal, language_for(request)) if refusal is not None else None
    devices = await node.devices.list_devices()
    return await site.render(
        request,
        "devices.html",
        status=answer.status if answer is not None else 200,
        back="/devices",
        sentence=answer.sentence if answer is not None else "",
        typed=form.text("reason") if form is not None else "",
        chosen=(form.text("office") or form.text("device")) if form is not None else "",
        devices=devices,
        unconfirmed={one.node for one in unconfirmed(devices)},
        confirms=is_county(node.seat),
        with_code=await offices_with_code(node) if not is_county(node.seat) else set[OfficeId](),
    )


async def _sheet(request: AnyRequest, sheet: "Sheet") -> Page:
    from office.sheets import line_of, qr_of

    code = "-".join(sheet.code[start : start + 4] for start in range(0, len(sheet.code), 4))
    return await site_of(request).render(
        request, "device_sheet.html", back="/devices", sheet=sheet, code=code, line=line_of(sheet), picture=qr_of(sheet)
    )
