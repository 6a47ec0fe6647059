"""«Enrol this computer» (登记本机): the one page of a village computer that has no seat yet, and then no account.

It takes what stands on the enrolment sheet, as one line or field by field, and then the first agent's account. Answers
only under this computer's own names, so that no page of elsewhere can fill it in behind somebody's back.
Never shows a code again once it was sent. Next: `office.first_run`, which does it.
"""

from typing import TYPE_CHECKING, Final

from litestar import Litestar, Response, get, post
from litestar.datastructures import State
from litestar.exceptions import HTTPException, NotFoundException

from office.accounts import AccountRefused
from office.clock import SystemSalts
from office.enrolling import EnrolmentRefused, Sheet, plain_code
from office.node import is_loopback
from office.web import guards
from office.web.app import form_protection
from office.web.errors import answer_for, on_exception
from office.web.forms import MISSING, Problem
from office.web.guards import AnyRequest, check_declarations
from office.web.i18n import Language, n_
from office.web.inputs import Form, read_form
from office.web.pages import front
from office.web.security import REQUEST_BYTES_MAX, CookieNames, harden
from office.web.site import BareNames, Face, face_of, keep_site, language_for
from schemas.names import Instant, NodeId, OfficeId
from schemas.refusals import Refused
from sync.core.errors import Fault

if TYPE_CHECKING:
    from office.first_run import FirstRun

Page = Response[object]

NOWHERE: Final = OfficeId("000000000000")
"""Stands for the seat that this computer is yet to get: a village's."""

_FIRST: Final = "first_run"
_SHEET: Final = {
    "address": n_("Address"),
    "code": n_("Enrolment code"),
    "county": n_("County digest"),
    "office": n_("Office"),
}
_ACCOUNT: Final = {
    "login": n_("Login"),
    "name": n_("Full name"),
    "password": n_("Password"),
    "again": n_("Password again"),
}


class _NoNames(BareNames):
    """Nothing is known here yet, and no office either."""

    def office(self, office: str | None) -> str:
        """An office's code, once there is one."""
        return office if office and office != NOWHERE else ""


def create_first_run_app(first: "FirstRun", language: str, node: NodeId) -> Litestar:
    """The application of a computer that starts for the first time. `node`: what its cookies are called by."""
    cookies = CookieNames(node, is_tls=False)
    state = State()
    keep_site(state, Face(NOWHERE, language, cookies, {each: _NoNames(each) for each in Language}))
    state[_FIRST] = first
    app = Litestar(
        route_handlers=[show, enrol, make_account, front.choose_language, front.get_asset, front.show_health],
        csrf_config=form_protection(SystemSalts().draw(32).hex(), cookies, is_tls=False),
        before_request=_check_host,
        before_send=[harden(is_tls=False)],
        exception_handlers={Exception: on_exception, HTTPException: on_exception, RecursionError: on_exception},
        request_max_body_size=REQUEST_BYTES_MAX,
        openapi_config=None,
        logging_config=None,
        state=state,
    )
    check_declarations(app)
    return app


async def _check_host(request: AnyRequest) -> None:
    if not is_loopback(request.url.hostname or ""):
        raise NotFoundException


@get(["/", "/sign-in"], opt=guards.public())
async def show(request: AnyRequest) -> Page:
    """The step that is next."""
    return _page(request)


@post("/enrol", opt=guards.public(), status_code=200)
async def enrol(request: AnyRequest) -> Page:
    """Get the seat; or the page again, with what is wrong."""
    form = await read_form(request)
    typed = {name: form.text(name).strip() for name in _SHEET} | {"line": form.text("line").strip()}
    missing = [Problem(name, MISSING, label) for name, label in _SHEET.items() if not typed[name]]
    if not typed["line"] and missing:
        return _page(request, 422, missing, typed)
    try:
        await _first(request).enrol(_sheet(typed))
    except (Refused, Fault) as refusal:
        answer = answer_for(refusal, language_for(request))
        return _page(request, answer.status, [Problem("line" if typed["line"] else "code", answer.sentence)], typed)
    return front.see_other("/")


@post("/account", opt=guards.public(), status_code=200)
async def make_account(request: AnyRequest) -> Page:
    """Make the first account and lock the computer with it; or the page again, with what is wrong."""
    form = await read_form(request)
    typed = {name: form.text(name) for name in ("login", "name")}
    problems = _account_problems(form)
    if problems:
        return _page(request, 422, problems, typed)
    try:
        await _first(request).make_account(form.text("login"), form.text("name"), form.text("password"))
    except AccountRefused as refusal:
        return _page(request, 422, [Problem("login", refusal.text(language_for(request)))], typed)
    return face_of(request).render_alone(request, "first_run_done.html", status=200)


def _account_problems(form: Form) -> list[Problem]:
    missing = [Problem(name, MISSING, label) for name, label in _ACCOUNT.items() if not form.text(name).strip()]
    if not missing and form.text("password") != form.text("again"):
        return [Problem("again", n_("The new password was typed in two ways; type it again."))]
    return missing


def _sheet(typed: dict[str, str]) -> Sheet:
    """A sheet as pasted or typed. Raises `EnrolmentRefused`."""
    from office.sheets import DIGEST_CHARACTERS, read_line

    if typed["line"]:
        return read_line(typed["line"])
    county = "".join(typed["county"].split()).lower()
    if len(county) != DIGEST_CHARACTERS or any(character not in "0123456789abcdef" for character in county):
        raise EnrolmentRefused(
            "digest_malformed",
            f"县根摘要为 {DIGEST_CHARACTERS} 位数字和字母 a–f；请对照注册单重新输入，或粘贴整行文本。",
            f"The county digest has {DIGEST_CHARACTERS} digits and letters a-f; copy it from the sheet again, or paste "
            "the whole line.",
        )
    return Sheet(OfficeId(typed["office"]), "", typed["address"], county, plain_code(typed["code"]), Instant(0))


def _first(request: AnyRequest) -> "FirstRun":
    return request.app.state[_FIRST]


def _page(
    request: AnyRequest, status: int = 200, found: list[Problem] | None = None, typed: dict[str, str] | None = None
) -> Page:
    office = _first(request).office
    return face_of(request).render_alone(
        request,
        "first_run.html",
        status=status,
        back="/",
        office=office or "",
        found=found or [],
        typed=dict.fromkeys((*_SHEET, "line", "login", "name"), "") | (typed or {}),
    )
