"""The assembly of one node's web application: routes, guards, form protection, headers, errors.

The application refuses to start while a handler does not say who may call it (`office.web.guards`). Never made twice in
a process for one node, and never opens the node: the caller holds it. Next: `office.cli`, whose `run` serves this.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from litestar import Litestar, Router
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from office.access_log import AccessLog
from office.locking import form_key
from office.web import api
from office.web.errors import on_exception
from office.web.guards import Gate, check_declarations
from office.web.pages import (
    answers,
    cases,
    devices,
    filing,
    front,
    held,
    line,
    papers,
    people,
    reminders,
    rosters,
    slips,
    sticks,
)
from office.web.security import REQUEST_BYTES_MAX, CookieNames, harden
from office.web.site import Site, keep_site
from office.web.uploads import OfficeRequest, drain_files
from schemas.divisions import is_village_office

if TYPE_CHECKING:
    from office.node import Node


def create_app(
    node: "Node",
    extra: Sequence[Router] = (),
    *,
    is_tls: bool,
    forms: str = "",
    lock: Callable[[], None] | None = None,
) -> Litestar:
    """The web application of an open node.

    `extra`: further routers, such as `sync.http`'s, whose handlers must declare themselves like all others. `is_tls`:
    whether browsers reach it over TLS: then cookies are bound to it. `forms`: the key of form tokens, where the pages
    of the locked node share it; else the data key makes one. `lock`: what the pages' button to lock the computer does.
    Raises `guards.Undeclared`.
    """
    cookies = CookieNames(node.books.seat.node, is_tls=is_tls)
    site = Site(node, AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key), cookies)
    site.can_lock = lock is not None
    state = State()
    keep_site(state, site)
    app = Litestar(
        route_handlers=[
            front.router,
            cases.router,
            papers.router,
            answers.router,
            filing.router,
            rosters.router,
            slips.router,
            reminders.router,
            line.router,
            sticks.router,
            people.router,
            held.router,
            *([] if is_village_office(node.seat) else [devices.router]),
            api.router,
            *([] if lock is None else [front.lock_router(lock)]),
            *extra,
        ],
        guards=[Gate(node.accounts, cookies.session).enforce],
        csrf_config=form_protection(forms or form_key(node.data_key), cookies, is_tls=is_tls),
        before_send=[harden(is_tls=is_tls), drain_files],
        request_class=OfficeRequest,
        exception_handlers={Exception: on_exception, HTTPException: on_exception, RecursionError: on_exception},
        request_max_body_size=REQUEST_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
        state=state,
    )
    check_declarations(app)
    return app


def form_protection(key: str, cookies: CookieNames, *, is_tls: bool) -> CSRFConfig:
    """Signed double-submit tokens. The key outlives a restart: forms open then must not lose what was typed."""
    return CSRFConfig(
        secret=key,
        cookie_name=cookies.csrf,
        cookie_httponly=True,
        cookie_secure=is_tls,
        cookie_samesite="strict",
    )
