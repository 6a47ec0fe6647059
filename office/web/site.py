"""What the handlers of one application share: the node behind them, the accounts, the renderer, the cookies.

A `Face` is what can be shown while a village is locked and no node is open; the `Site` is the whole. Never holds
anything of one request or one person. Next: `office.web.app`, which makes the one `Site`, `office.web.locked`.
"""

from collections.abc import Mapping
from datetime import datetime
from hmac import compare_digest
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final, cast

import jinja2
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.middleware.csrf import CSRF_SECRET_LENGTH, generate_csrf_hash, generate_csrf_token
from litestar.response import Response
from litestar.utils.scope.state import ScopeState

from office.access_log import AccessLog
from office.accounts import SignedIn
from office.receiving import BY_ITSELF
from office.web import labels
from office.web.assets import path_of
from office.web.guards import CASEWORK, EVERYBODY, AnyRequest, find_signed_in
from office.web.i18n import DEFAULT, Language, language_of, n_, translate, translate_count
from office.web.line import Pill, pill_of, sentence
from office.web.paper_tokens import PaperTokens
from office.web.security import CookieNames
from schemas.casework.clocks import CHINA_TIME
from schemas.casework.roles import ROLES_OF_ACT, Role
from schemas.divisions import is_village_office, tier_of_office
from schemas.names import OPERATION_BYTES, Instant, OfficeId, OfficerId

if TYPE_CHECKING:
    from office.node import Node

_SITE: Final = "site"

Connection = ASGIConnection[Any, Any, Any, Any]

NAVIGATION: Final = (
    ("/cases", n_("Cases"), CASEWORK),
    ("/filing", n_("File a case"), ROLES_OF_ACT["case.filed"]),
    ("/line", n_("The line"), EVERYBODY),
    ("/people", n_("People and desks"), EVERYBODY),
)
"""(page, what it is called, roles of which an officer needs one to be let in)."""


class Names:
    """What things are called in one language: message ids, offices, items."""

    def __init__(self, node: "Node", language: Language) -> None:
        self._node = node
        self.language = language

    def text(self, message: str) -> str:
        """A message id in this language."""
        return translate(message, self.language)

    def plural(self, one: str, many: str, number: int) -> str:
        """The message for a number of things; its placeholders are left to the caller."""
        return translate_count(one, many, number, self.language)

    def office(self, office: str | None) -> str:
        """An office's name, or its code where this node has none for it."""
        return self._node.office_name(OfficeId(office)) if office else ""

    def item(self, code: str) -> str:
        """A catalogue item's name, or its code."""
        item = self._node.catalogue.find_named(code, self._node.clock.now())
        if item is None:
            return code
        return item.name_en if self.language is Language.EN else item.name

    def said(self, field: str, value: str | tuple[str, ...], officers: Mapping[OfficerId, str] | None = None) -> str:
        """A field of an event in words. `officers`: what they are called, as far as that may be told."""
        parts = (value,) if isinstance(value, str) else value
        if field in labels.OFFICES:
            parts = tuple(self.office(part) for part in parts)
        elif field in labels.PEOPLE:
            parts = tuple(self.person(part, officers) for part in parts)
        elif field in labels.CHOICES:
            parts = tuple(self.text(labels.CHOICES[field].get(part, part)) for part in parts)
        elif field == "amount_fen":
            parts = tuple(f"{int(part) / 100:,.2f}" for part in parts)
        return self.text(n_(", ")).join(parts)

    def person(self, officer: str, officers: Mapping[OfficerId, str] | None = None) -> str:
        """What an officer is called: by the account here, else by a post, else the login behind the office's code."""
        login = officer.rpartition("/")[2]
        if login == BY_ITSELF:
            return self.text(labels.BY_ITSELF)
        return (officers or {}).get(OfficerId(officer)) or self._node.people.name_of(OfficerId(officer))


class BareNames:
    """What things are called while nothing is open: message ids, and offices by their codes."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def text(self, message: str) -> str:
        """A message id in this language."""
        return translate(message, self.language)

    def plural(self, one: str, many: str, number: int) -> str:
        """The message for a number of things; its placeholders are left to the caller."""
        return translate_count(one, many, number, self.language)

    def office(self, office: str | None) -> str:
        """An office's code."""
        return office or ""


class Face:
    """What one node's pages look like, and nothing of what it holds."""

    def __init__(
        self, seat: OfficeId, language: str, cookies: CookieNames, names: Mapping[Language, Names | BareNames]
    ) -> None:
        """`language`: the node's setting."""
        self.seat = seat
        self.cookies = cookies
        self.default_language = language_of(language) or DEFAULT
        self.can_lock = False
        """Whether the pages of this application offer to lock the computer."""
        self._named = names
        self._environments = {language: _environment(each) for language, each in names.items()}

    def pressure(self) -> str:
        """How short of room this computer is; empty: not said."""
        return ""

    def render_alone(
        self,
        request: AnyRequest,
        template: str,
        /,
        *,
        status: int,
        pill: Pill | None = None,
        back: str = "",
        **context: object,
    ) -> Response[object]:
        """A page that asks nothing of the database: for refusals, whatever is broken.

        `back`: where the change of the language leads, on an answer to a form. Without it there is none, for it would
        lose what was typed or only this answer shows.
        """
        language = language_for(request)
        signed_in = find_signed_in(request)
        page = self._environments[language].get_template(template)
        html = page.render(
            language=language,
            names=self._named[language],
            labels=labels,
            signed_in=signed_in,
            navigation=(*navigation_for(signed_in), *_managing(signed_in, self.seat)),
            path=request.url.path,
            back=back or (request.url.path if request.method == "GET" else ""),
            csrf=csrf_token(request),
            seat=self.seat,
            office_here=signed_in.office if signed_in is not None else self.seat,
            tier=tier_of_office(self.seat).value,
            can_lock=self.can_lock,
            pill=pill,
            pill_words=sentence(pill, language) if pill is not None else "",
            pressure=self.pressure() if signed_in is not None else "",
            **context,
        )
        return Response(html, status_code=status, media_type="text/html; charset=utf-8")


class Site(Face):
    """One open node's web face."""

    def __init__(self, node: "Node", access_log: AccessLog, cookies: CookieNames) -> None:
        self.node = node
        self.accounts = node.accounts
        self.access_log = access_log
        self.paper_tokens = PaperTokens(node.data_key)
        self.names = {language: Names(node, language) for language in Language}
        super().__init__(node.books.seat.office, node.settings.language, cookies, self.names)

    async def render(
        self, request: AnyRequest, template: str, /, *, status: int = 200, back: str = "", **context: object
    ) -> Response[object]:
        """A page. `context` is what the template shows beside who is signed in and how the line is."""
        books, store = self.node.books, self.node.store
        pill = await pill_of(books, store, self.node.clock) if find_signed_in(request) is not None else None
        return self.render_alone(request, template, status=status, pill=pill, back=back, **context)

    def pressure(self) -> str:
        """How short of room this computer is (`office.storage.Pressure`)."""
        return self.node.storage.state().pressure.value

    def new_operation(self) -> str:
        """The number of a form that is about to be shown (RULINGS B10)."""
        return self.node.salts.draw(OPERATION_BYTES).hex()


def site_of(connection: Connection) -> Site:
    """The application's site; only where a node is open."""
    return cast("Site", connection.app.state[_SITE])


def face_of(connection: Connection) -> Face:
    """The application's face."""
    return cast("Face", connection.app.state[_SITE])


def keep_site(state: Any, site: Face) -> None:
    """Put it where `site_of` and `face_of` find it."""
    state[_SITE] = site


def names_for(connection: Connection) -> Names:
    """What things are called in the reader's language."""
    return site_of(connection).names[language_for(connection)]


def csrf_token(connection: Connection) -> str:
    """The token that a form must bring back; empty where no handler was found (no form is shown there)."""
    token = ScopeState.from_scope(connection.scope).csrf_token
    return token if isinstance(token, str) else ""


def renew_csrf_token(connection: Connection) -> Cookie | None:
    """Give the page about to be shown a token that its forms can bring back, where the one sent was refused.

    The cookie to set with it; None when the browser's own is good, as forms in other windows need it.
    """
    config = connection.app.csrf_config
    assert config is not None
    token = connection.cookies.get(config.cookie_name, "")
    secret, signature = token[:CSRF_SECRET_LENGTH], token[CSRF_SECRET_LENGTH:]
    cookie = None
    if not compare_digest(signature.encode(), generate_csrf_hash(secret, config.secret).encode()):
        token = generate_csrf_token(config.secret)
        cookie = Cookie(
            config.cookie_name,
            value=token,
            path=config.cookie_path,
            secure=config.cookie_secure,
            httponly=config.cookie_httponly,
            samesite=config.cookie_samesite,
        )
    ScopeState.from_scope(connection.scope).csrf_token = token
    return cookie


def navigation_for(signed_in: SignedIn | None) -> tuple[tuple[str, str], ...]:
    """The pages of the menu that this officer is let into."""
    roles = signed_in.roles if signed_in is not None else frozenset[Role]()
    return tuple((target, label) for target, label, needed in NAVIGATION if not needed.isdisjoint(roles))


def _managing(signed_in: SignedIn | None, seat: OfficeId) -> tuple[tuple[str, str], ...]:
    """The page of the devices below, where there may be some."""
    if signed_in is None or Role.ADMINISTRATOR not in signed_in.roles or is_village_office(seat):
        return ()
    return (("/devices", n_("Devices")),)


def home_of(signed_in: SignedIn | None) -> str:
    """Where somebody starts: the first page of their menu. Whoever only runs the node sees no case."""
    pages = navigation_for(signed_in)
    return pages[0][0] if pages else "/sign-in"


def language_for(connection: Connection) -> Language:
    """Cookie, then the officer's own choice, then the node's setting."""
    site = face_of(connection)
    chosen = language_of(connection.cookies.get(site.cookies.language))
    signed_in: SignedIn | None = find_signed_in(connection)
    return chosen or (language_of(signed_in.language) if signed_in else None) or site.default_language


def wants_json(connection: Connection) -> bool:
    """Whether a program asks: the interface's paths, or a stated preference for JSON."""
    accept = connection.headers.get("accept", "")
    return connection.url.path.startswith("/api/") or accept.startswith("application/json")


def _environment(names: Names | BareNames) -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(str(files("office.web").joinpath("templates"))),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    install: Any = environment
    install.install_gettext_callables(names.text, names.plural, newstyle=True)
    environment.filters |= {"when": when, "thousands": thousands, "weight": weight}
    install.globals.update(asset=path_of)
    return environment


def when(instant: Instant | None) -> str:
    """An instant as an official reads it: Chinese time, 24 hours, to the minute. An impossible claim is a dash."""
    if instant is None:
        return "—"
    try:
        return datetime.fromtimestamp(instant / 1000, CHINA_TIME).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        # A device's clock may claim any number; a page must show the rest of the case all the same.
        return "—"


def thousands(number: int) -> str:
    """12,345."""
    return f"{number:,}"


def weight(size: int) -> str:
    """Bytes as people say them: 310 KB, 2.4 MB."""
    return f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{max(1, round(size / 1000))} KB"
