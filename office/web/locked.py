"""What a village's computer shows while it is locked: the sign-in page, which unlocks, and nothing that it holds.

Every other address leads to it; a form that was open is kept on the answer, to be sent again after signing in. Programs
and the command line are told `locked` in words. The tokens of forms are those of the open node, so a page that was open
before goes on afterwards. Never knows a case, a person, or whether a login exists.
Next: `office.unlocking`, which stands behind the sign-in; `office.web.pages.front`, the same page once it is open.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

import msgspec
from litestar import HttpMethod, Litestar, Response, get, post, route
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect

from office.accounts import SignedIn
from office.asking import locked_fault
from office.delays import SignInRefused
from office.local import LocalRefusal
from office.sentences import told
from office.web import guards
from office.web.api import SessionView, SignIn
from office.web.app import form_protection
from office.web.errors import Answer, on_exception
from office.web.forgotten import RECOVER, Recover, show_forgotten
from office.web.forgotten import recover as recover_password
from office.web.forms import MISSING, Problem
from office.web.guards import AnyRequest, check_declarations
from office.web.i18n import Language, n_
from office.web.inputs import START, local_path, peer_of, read_form, read_json
from office.web.pages import front
from office.web.security import REQUEST_BYTES_MAX, CookieNames, harden
from office.web.site import BareNames, Face, csrf_token, face_of, keep_site, language_for, wants_json
from office.web.uploads import FORM_BYTES_MAX, UPLOADS, OfficeRequest, drain_files
from schemas.names import OfficeId

Page = Response[object]

LOCKED_STATUS: Final = 423
"""RFC 4918, 11.3: the resource is locked."""

Unlock = Callable[[str, str, str, str | None], Awaitable[tuple[str, SignedIn]]]
"""(login, passphrase, peer's address, the browser's session before) → the session's name, and whose it is.

Raises `SignInRefused`, and `Fault` for what else is in the way.
"""

_UNLOCK: Final = "unlock"


def create_locked_app(
    seat: OfficeId,
    language: str,
    cookies: CookieNames,
    *,
    forms: str,
    unlock: Unlock,
    recover: Recover | None = None,
    is_tls: bool,
) -> Litestar:
    """The application of a locked node. `language`: the node's setting. `forms`: the key of form tokens.

    `recover`: how a forgotten passphrase is replaced; None where there is no vault.
    """
    face = Face(seat, language, cookies, {each: BareNames(each) for each in Language})
    state = State()
    keep_site(state, face)
    state[_UNLOCK] = unlock
    state[RECOVER] = recover
    app = Litestar(
        route_handlers=[
            show_sign_in,
            sign_in,
            show_session,
            open_session,
            *([show_forgotten, recover_password] if recover is not None else []),
            refuse_local,
            lead_here,
            lead_all_here,
            front.choose_language,
            front.get_asset,
            front.show_health,
        ],
        csrf_config=form_protection(forms, cookies, is_tls=is_tls),
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


@get("/sign-in", opt=guards.public())
async def show_sign_in(request: AnyRequest, next_: Annotated[str, QueryParameter(name="next")] = START) -> Page:
    """The sign-in page of a locked computer."""
    return _page(request, 200, [], "", local_path(next_))


@post("/sign-in", opt=guards.public(), status_code=200)
async def sign_in(request: AnyRequest) -> Page:
    """Unlock, and sign that officer in at once; or the page again, with what is wrong."""
    form = await read_form(request)
    login, password, target = form.text("login"), form.text("password"), local_path(form.text("next"))
    typed = (("login", login.strip(), n_("Login")), ("password", password, n_("Password")))
    found = [Problem(name, MISSING, label) for name, value, label in typed if not value]
    if found:
        return _page(request, 422, found, login, target)
    cookies = face_of(request).cookies
    previous = request.cookies.get(cookies.session)
    try:
        name, signed_in = await _unlock(request)(login, password, peer_of(request), previous)
    except SignInRefused as refusal:
        problem = Problem("login", refusal.text(language_for(request)))
        return _page(request, 429 if refusal.wait_s else 401, [problem], login, target)
    opened = [cookies.open_session(name)]
    if request.cookies.get(cookies.language) is None:
        opened.append(cookies.choose_language(signed_in.language))
    return front.see_other(front.goal(signed_in, target), *opened)


@get("/api/session", opt=guards.public())
async def show_session(request: AnyRequest) -> SessionView:
    """Nobody is signed in; the token for signing in."""
    return SessionView(csrf_token(request))


@post("/api/session", opt=guards.public(), status_code=200)
async def open_session(request: AnyRequest) -> Response[SessionView]:
    """Unlock and sign in, for a program."""
    cookies = face_of(request).cookies
    given = await read_json(request, SignIn)
    previous = request.cookies.get(cookies.session)
    name, who = await _unlock(request)(given.login, given.password, peer_of(request), previous)
    view = SessionView(csrf_token(request), who.officer, who.office, who.name, tuple(sorted(who.roles)))
    return Response(view, cookies=[cookies.open_session(name)])


@post("/local/{rest:path}", opt=guards.public(), exclude_from_csrf=True)
async def refuse_local(request: AnyRequest, rest: FromPath[str]) -> Response[bytes]:
    """The command line beside this computer is told that it is locked."""
    fault = locked_fault()
    refusal = LocalRefusal(fault.code, told(fault, "zh"), told(fault, "en"))
    body = msgspec.json.encode(refusal)
    return Response(body, status_code=LOCKED_STATUS, media_type="application/json")


@get("/", opt=guards.public())
async def lead_here(request: AnyRequest) -> Page:
    """The start page leads to the sign-in."""
    return Redirect("/sign-in", status_code=303)  # pyright: ignore[reportReturnType]


@route(
    "/{rest:path}",
    http_method=[HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE],
    opt={**guards.public(), UPLOADS: True},
    request_max_body_size=FORM_BYTES_MAX,
)
async def lead_all_here(request: AnyRequest, rest: FromPath[str]) -> Page:
    """Every page leads to the sign-in, and back afterwards; a form is kept, a program is told."""
    answer = Answer(LOCKED_STATUS, "locked", told(locked_fault(), language_for(request).value))
    if wants_json(request):
        return Response({"code": answer.code, "message": answer.sentence}, status_code=answer.status)
    if request.method == "GET":
        return front.to_sign_in(request)
    return face_of(request).render_alone(
        request,
        "locked_form.html",
        status=answer.status,
        answer=answer,
        typed=await _typed(request),
        has_files=request.content_type[0] == "multipart/form-data",
    )


async def _typed(request: AnyRequest) -> list[tuple[str, str]]:
    """The texts of a form that arrived while nobody could take it; its files are not taken. Never with a password."""
    form = await request.form()
    fields = [(name, value) for name, value in form.multi_items() if isinstance(value, str) and name != "_csrf_token"]
    return [] if any(name in _PASSWORDS for name, _ in fields) else fields


_PASSWORDS: Final = frozenset({"password", "present", "again", "code"})


def _unlock(request: AnyRequest) -> Unlock:
    return request.app.state[_UNLOCK]


def _page(request: AnyRequest, status: int, found: list[Problem], login: str, target: str) -> Page:
    return face_of(request).render_alone(
        request,
        "locked.html",
        status=status,
        back="/sign-in",
        found=found,
        login=login[:40],
        next=target,
        can_recover=request.app.state[RECOVER] is not None,
    )
