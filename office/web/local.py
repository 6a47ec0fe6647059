"""The routes of `office.local`: what the command line beside a running node may have done by it.

    POST /local/countersign  {"device"}             an entry: the county confirms a device
    POST /local/revoke       {"device", "reason", "officer"}    an entry: a device ends
    POST /local/replace      {"office", "reason", "officer"}    the same, and the sheet of its successor
    POST /local/sync                                talk with the node above now; answers when that is over
    POST /local/status                              how the node stands (`office.status`)
    POST /local/publish      {"what"}               entries of the register (`office.publishing.Publication`)
    POST /local/erase        {"case", …}            an order of erasure (`office.erasure_orders.Order`)
    POST /local/carry-out    {"office", "officer", "approver", "reason"}    one run of a move (`office.moving`)
    POST /local/bundles/…    courier bundles (`office.web.local_bundles`)

Only from loopback, only with the token of this start (`guards.local`, `Doorman`). Refusals are {"code", "message"}.
Must never show a case or a person: whoever runs the node is not thereby an officer.
"""

import asyncio
from typing import Final

import msgspec
from litestar import Response, Router, post
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.handlers import BaseRouteHandler

from office.local import (
    CONVERSATION_S,
    CarryOut,
    Doorman,
    Erase,
    LocalRefusal,
    Publish,
    Talked,
    WrittenEntries,
    no_parent,
    talked,
)
from office.node import Node
from office.status import Status, status_of
from office.web import guards
from office.web.errors import answer_for, log_own_fault
from office.web.guards import AnyConnection, AnyRequest
from office.web.i18n import Language
from office.web.inputs import read_json
from office.web.local_bundles import bundle_handlers
from office.web.local_devices import device_handlers
from sync.courier import Courier

BODY_BYTES_MAX: Final = 4 * 1024
"""A device's name and a reason."""

PUBLICATION_BYTES_MAX: Final = 8 * 1024 * 1024
"""An edition: 1,000 items of about 2 KiB, and as much again for long texts."""


def local_router(node: Node, courier: Courier | None, doorman: Doorman) -> Router:
    """All routes."""
    opt = guards.local()

    async def check_token(connection: AnyConnection, handler: BaseRouteHandler) -> None:
        scheme, _, token = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not doorman.is_token(token):
            raise NotAuthorizedException("token")

    @post("/sync", status_code=200, opt=opt)
    async def sync(request: AnyRequest) -> Talked:
        """Talk upward now."""
        return await _talk(node, courier)

    @post("/status", status_code=200, opt=opt)
    async def status(request: AnyRequest) -> Status:
        """How this node stands."""
        return await status_of(node, is_running=True)

    @post("/publish", status_code=201, opt=opt, request_max_body_size=PUBLICATION_BYTES_MAX)
    async def publish(request: AnyRequest) -> WrittenEntries:
        """Write into the register."""
        given = await read_json(request, Publish)
        return WrittenEntries(await node.publishing.publish(given.what))

    @post("/carry-out", status_code=201, opt=opt)
    async def carry_out(request: AnyRequest) -> dict[str, int]:
        """Bring over some cases of an office that moved."""
        given = await read_json(request, CarryOut)
        done = await node.moving.carry_out(given.office, given.officer, given.approver, given.reason)
        return {"written": done.written, "left": done.left}

    @post("/erase", status_code=201, opt=opt)
    async def erase(request: AnyRequest) -> WrittenEntries:
        """Order that a case's bodies go by law."""
        from office.erasure_orders import erasure_orders_of, order_from

        return WrittenEntries(len(await erasure_orders_of(node).order(order_from(await read_json(request, Erase)))))

    return Router(
        "/local",
        route_handlers=[
            *device_handlers(node, opt),
            sync,
            status,
            publish,
            carry_out,
            erase,
            *bundle_handlers(node, opt),
        ],
        guards=[check_token],
        request_max_body_size=BODY_BYTES_MAX,
        exception_handlers={Exception: _refuse, HTTPException: _refuse},
        include_in_schema=False,
    )


async def _talk(node: Node, courier: Courier | None) -> Talked:
    if courier is None:
        raise no_parent()
    try:
        async with asyncio.timeout(CONVERSATION_S):
            tally = await courier.talk()
    except TimeoutError:
        tally = None
    return talked(node.books, tally)


def _refuse(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The refusal for an operator, in both languages: the verb knows which one to print."""
    answer = answer_for(error, Language.EN)
    if answer.status >= 500 and answer.code == "internal_error":
        log_own_fault(request, error)
    refusal = LocalRefusal(answer.code, answer_for(error, Language.ZH).sentence, answer.sentence)
    body = msgspec.json.encode(refusal)
    return Response(body, status_code=answer.status, media_type="application/json")
