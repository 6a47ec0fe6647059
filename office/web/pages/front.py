"""Signing in and out, the language, the style sheet: what is there before anybody is signed in.

Never says whether a login exists, and never sends a browser to another host after signing in.
"""

from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote

from litestar import Response, Router, get, post
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect

from office.accounts import AccountRefused, SignedIn, SignInRefused
from office.web import guards
from office.web.assets import served
from office.web.forms import MISSING, Problem
from office.web.guards import EVERYBODY, AnyRequest, Scope
from office.web.i18n import DEFAULT, language_of, n_
from office.web.inputs import START, local_path, peer_of, read_form
from office.web.security import IMMUTABLE
from office.web.site import home_of, language_for, site_of

Page = Response[object]


@get("/", opt=guards.public())
async def home(request: AnyRequest) -> Redirect:
    """The first page of the officer's menu."""
    return Redirect(home_of(guards.find_signed_in(request)), status_code=303)


@get("/sign-in", opt=guards.public())
async def show_sign_in(request: AnyRequest, next_: Annotated[str, QueryParameter(name="next")] = START) -> Page:
    """The sign-in page."""
    return await site_of(request).render(request, "sign_in.html", found=(), login="", next=local_path(next_))


@post("/sign-in", opt=guards.public(), status_code=200)
async def sign_in(request: AnyRequest) -> Page:
    """Open a session and go where the officer wanted to; or the page again, with what is wrong."""
    site = site_of(request)
    form = await read_form(request)
    login, password, target = form.text("login"), form.text("password"), local_path(form.text("next"))
    typed = (("login", login.strip(), n_("Login")), ("password", password, n_("Password")))
    found = [Problem(name, MISSING, label) for name, value, label in typed if not value]
    status = 422
    if not found:
        try:
            previous = request.cookies.get(site.cookies.session)
            name, signed_in = await site.accounts.sign_in(login, password, peer_of(request), previous)
        except SignInRefused as refusal:
            found = [Problem("login", refusal.text(language_for(request)))]
            status = 429 if refusal.wait_s else 401
        else:
            cookies = [site.cookies.open_session(name)]
            if request.cookies.get(site.cookies.language) is None:
                cookies.append(site.cookies.choose_language(signed_in.language))
            return see_other(goal(signed_in, target), *cookies)
    return await site.render(
        request, "sign_in.html", status=status, back="/sign-in", found=found, login=login[:40], next=target
    )


@post("/sign-out", opt=guards.public(), status_code=303)
async def sign_out(request: AnyRequest) -> Page:
    """End the session, here and in the database."""
    site = site_of(request)
    name = request.cookies.get(site.cookies.session)
    if name:
        await site.accounts.sign_out(name)
    return see_other("/sign-in", site.cookies.end_session())


@post("/language", opt=guards.public(), status_code=303)
async def choose_language(request: AnyRequest) -> Page:
    """Change the language of the pages and come back."""
    site = site_of(request)
    form = await read_form(request)
    language = language_of(form.text("language")) or DEFAULT
    signed_in = guards.find_signed_in(request)
    if signed_in is not None:
        await site.accounts.set_language(signed_in.officer, language.value)
    return see_other(local_path(form.text("back")), site.cookies.choose_language(language.value))


@get("/password", opt=guards.officer(Scope.OWN_ACCOUNT, EVERYBODY))
async def show_password(request: AnyRequest) -> Page:
    """The page for one's own password."""
    return await site_of(request).render(request, "password.html", found=())


@post("/password", opt=guards.officer(Scope.OWN_ACCOUNT, EVERYBODY), status_code=200)
async def change_password(request: AnyRequest) -> Page:
    """Replace one's own password; all sessions end, this one too."""
    site = site_of(request)
    form = await read_form(request)
    present, password, again = form.text("present"), form.text("password"), form.text("again")
    try:
        if password != again:
            raise AccountRefused(
                "password_differs",
                "两次输入的新密码不一致；请重新输入。",
                "The new password was typed in two ways; type it again.",
            )
        await site.accounts.change_password(guards.get_signed_in(request).officer, present, password)
    except (AccountRefused, SignInRefused) as refusal:
        field = "present" if refusal.code in ("password_wrong", "sign_in_delayed") else "password"
        problem = Problem(field, refusal.text(language_for(request)))
        return await site.render(request, "password.html", status=422, back="/password", found=[problem])
    return see_other("/sign-in", site.cookies.end_session())


@get("/assets/{name:str}", opt=guards.public())
async def get_asset(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """A style sheet or icon by its hashed name; nothing else is there."""
    asset = served().get(name)
    if asset is None:
        raise NotFoundException
    headers = {"cache-control": IMMUTABLE, "vary": "accept-encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(asset.packed, media_type=asset.media_type, headers={**headers, "content-encoding": "gzip"})
    return Response(asset.content, media_type=asset.media_type, headers=headers)


@get("/health", opt=guards.public())
async def show_health() -> dict[str, str]:
    """Whether the process answers: for the supervisor of processes, who is nobody's officer."""
    return {"status": "ok"}


def goal(signed_in: SignedIn, target: str) -> str:
    """Where somebody goes on who has just signed in: where they wanted to, else the first page of their menu."""
    return home_of(signed_in) if target == START else target


def to_sign_in(request: AnyRequest) -> Page:
    """The sign-in page, and back here afterwards. Paths hold no personal data."""
    target = quote(local_path(request.url.path), safe="/")
    return Redirect(f"/sign-in?next={target}", status_code=303)  # pyright: ignore[reportReturnType]


def see_other(target: str, *cookies: object) -> Page:
    """Go on with a GET: a reload then repeats nothing."""
    return Redirect(target, status_code=303, cookies=list(cookies))  # pyright: ignore[reportArgumentType,reportReturnType]


def lock_router(lock: Callable[[], None]) -> Router:
    """The button that locks a village's computer; `lock` is told, and does it once this answer is out."""

    @post("/lock", opt=guards.officer(Scope.OWN_ACCOUNT, EVERYBODY), status_code=303)
    async def lock_now(request: AnyRequest) -> Page:
        """Lock the computer: everybody is signed out, and the store is closed."""
        lock()
        return see_other("/sign-in", site_of(request).cookies.end_session())

    return Router("/", route_handlers=[lock_now])


router = Router(
    "/",
    route_handlers=[
        home,
        show_sign_in,
        sign_in,
        sign_out,
        choose_language,
        show_password,
        change_password,
        get_asset,
        show_health,
    ],
)
