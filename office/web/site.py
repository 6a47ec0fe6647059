"""What the handlers of one application share: the node behind them, the accounts, the renderer, the cookies.

Never holds anything of one request or one person. Next: `office.web.app`, which makes the one `Site`.
"""

from collections.abc import Callable
from datetime import datetime
from importlib.resources import files
from typing import Any, Final, cast

import jinja2
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.response import Response
from litestar.utils.scope.state import ScopeState

from office.access_log import AccessLog
from office.accounts import Accounts, SignedIn
from office.web import labels
from office.web.assets import path_of
from office.web.faces import Node
from office.web.guards import find_signed_in
from office.web.i18n import DEFAULT, Language, language_of, n_, translate
from office.web.line import line_state
from office.web.security import CookieNames
from schemas.casework.clocks import CHINA_TIME
from schemas.names import Instant

_SITE: Final = "site"

Connection = ASGIConnection[Any, Any, Any, Any]

NAVIGATION: Final = (
    ("/cases", "inbox", n_("Cases")),
    ("/filing", "plus", n_("File a case")),
    ("/line", "line", n_("The line")),
)


class Site:
    """One node's web face."""

    def __init__(self, node: Node, accounts: Accounts, access_log: AccessLog, cookies: CookieNames) -> None:
        self.node = node
        self.accounts = accounts
        self.access_log = access_log
        self.cookies = cookies
        self.default_language = language_of(node.settings.language) or DEFAULT
        self._environments = {language: _environment(language) for language in Language}

    def render(
        self,
        connection: Connection,
        template: str,
        /,
        *,
        status: int = 200,
        cookies: tuple[Cookie, ...] = (),
        **context: object,
    ) -> Response[object]:
        """A page. `context` is what the template shows beside who is signed in and how the line is."""
        language = language_for(connection)
        page = self._environments[language].get_template(template)
        signed_in = find_signed_in(connection)
        html = page.render(
            language=language,
            signed_in=signed_in,
            navigation=NAVIGATION if signed_in is not None else (),
            path=connection.url.path,
            csrf=csrf_token(connection),
            office=self.office_name(self.node.seat),
            tier=self.node.tier,
            line=line_state(self.node) if signed_in is not None else None,
            labels=labels,
            **context,
        )
        return Response(html, status_code=status, media_type="text/html; charset=utf-8", cookies=list(cookies))

    def office_name(self, office: str | None) -> str:
        """What an office is called, or its code where this node has no name for it."""
        return self.node.office_name(office) if office else ""


def site_of(connection: Connection) -> Site:
    """The application's site."""
    return cast("Site", connection.app.state[_SITE])


def keep_site(state: Any, site: Site) -> None:
    """Put the site where `site_of` finds it."""
    state[_SITE] = site


def csrf_token(connection: Connection) -> str:
    """The token that a form must bring back; empty where no handler was found (no form is shown there)."""
    token = ScopeState.from_scope(connection.scope).csrf_token
    return token if isinstance(token, str) else ""


def language_for(connection: Connection) -> Language:
    """Cookie, then the officer's own choice, then the node's setting."""
    site = site_of(connection)
    chosen = language_of(connection.cookies.get(site.cookies.language))
    signed_in: SignedIn | None = find_signed_in(connection)
    return chosen or (language_of(signed_in.language) if signed_in else None) or site.default_language


def wants_json(connection: Connection) -> bool:
    """Whether a program asks: the interface's paths, or a stated preference for JSON."""
    return connection.url.path.startswith("/api/") or connection.headers.get("accept", "").startswith(
        "application/json"
    )


def _environment(language: Language) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(files("office.web").joinpath("templates"))),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    look_up: Callable[[str], str] = lambda message: translate(message, language)  # noqa: E731
    environment.install_gettext_callables(look_up, _no_plural, newstyle=True)  # pyright: ignore[reportAttributeAccessIssue,reportUnknownMemberType]
    environment.filters["when"] = when
    environment.filters["day"] = day
    environment.filters["thousands"] = thousands
    environment.globals["asset"] = path_of
    return environment


def _no_plural(singular: str, _plural: str, _number: int) -> str:
    """Chinese has no plural and our sentences are written to need none."""
    return singular


def when(instant: Instant | None) -> str:
    """An instant as an official reads it: Chinese time, 24 hours, to the minute. An impossible claim is a dash."""
    moment = _moment(instant)
    return moment.strftime("%Y-%m-%d %H:%M") if moment is not None else "—"


def day(instant: Instant | None) -> str:
    """The day of an instant in Chinese time."""
    moment = _moment(instant)
    return moment.strftime("%Y-%m-%d") if moment is not None else "—"


def _moment(instant: Instant | None) -> datetime | None:
    if instant is None:
        return None
    try:
        return datetime.fromtimestamp(instant / 1000, CHINA_TIME)
    except (ValueError, OverflowError, OSError):
        # A device's clock may claim any number; a page must show the rest of the case all the same.
        return None


def thousands(number: int) -> str:
    """12,345."""
    return f"{number:,}"
