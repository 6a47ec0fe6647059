"""The assembly of one node's web application: routes, guards, form protection, headers, errors.

The application refuses to start while a handler does not say who may call it (`office.web.guards`). Never made twice in
a process for one node, and never opens the node: the caller holds it. Next: `office.cli`, whose `run` serves this.
"""

import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from litestar import Litestar, Router
from litestar.config.csrf import CSRFConfig
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from office.access_log import AccessLog
from office.web import api
from office.web.errors import on_exception
from office.web.guards import Gate, check_declarations
from office.web.pages import answers, cases, filing, front, held, line, people, reminders, rosters
from office.web.security import REQUEST_BYTES_MAX, CookieNames, harden
from office.web.site import Site, keep_site

if TYPE_CHECKING:
    from office.node import Node

FORM_KEY_LABEL: Final = b"tongban form tokens\n"


def create_app(node: "Node", extra: Sequence[Router] = (), *, is_tls: bool) -> Litestar:
    """The web application of an open node.

    `extra`: further routers, such as `sync.http`'s, whose handlers must declare themselves like all others. `is_tls`:
    whether browsers reach it over TLS: then cookies are bound to it. Raises `guards.Undeclared`.
    """
    cookies = CookieNames(node.books.seat.node, is_tls=is_tls)
    site = Site(node, AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key), cookies)
    state = State()
    keep_site(state, site)
    app = Litestar(
        route_handlers=[
            front.router,
            cases.router,
            answers.router,
            filing.router,
            rosters.router,
            reminders.router,
            line.router,
            people.router,
            held.router,
            api.router,
            *extra,
        ],
        guards=[Gate(node.accounts, cookies.session).enforce],
        csrf_config=_form_protection(node.data_key, cookies, is_tls=is_tls),
        before_send=[harden(is_tls=is_tls)],
        exception_handlers={Exception: on_exception, HTTPException: on_exception, RecursionError: on_exception},
        request_max_body_size=REQUEST_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
        state=state,
    )
    check_declarations(app)
    return app


def _form_protection(data_key: bytes, cookies: CookieNames, *, is_tls: bool) -> CSRFConfig:
    """Signed double-submit tokens. The key outlives a restart: forms open then must not lose what was typed."""
    return CSRFConfig(
        secret=hmac.digest(data_key, FORM_KEY_LABEL, "sha256").hex(),
        cookie_name=cookies.csrf,
        cookie_httponly=True,
        cookie_secure=is_tls,
        cookie_samesite="strict",
    )
