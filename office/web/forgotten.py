"""«Forgotten passphrase» on a locked computer: the code that the township reads out, and a new password for one login.

Works without a line: a telephone is enough. Says nothing of which logins there are before the code has opened anything.
Next: `office.recovery_codes` (what the code is), `office.unlocking` (what it opens), `office.web.locked`.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from litestar import Response, get, post

from office.accounts import AccountRefused, SignedIn
from office.delays import SignInRefused
from office.web import guards
from office.web.forms import MISSING, Problem
from office.web.guards import AnyRequest
from office.web.i18n import n_
from office.web.inputs import START, peer_of, read_form
from office.web.pages import front
from office.web.site import face_of, language_for
from schemas.refusals import Refused

Page = Response[object]

Recover = Callable[[str, str, str, str], Awaitable[tuple[str, SignedIn]]]
"""(login, code, new password, peer's address) → the session's name, and whose it is. Raises `Refused` and `Fault`."""

RECOVER: Final = "recover"
"""Where the application keeps its `Recover`."""

_FIELDS: Final = {
    "login": n_("Login"),
    "code": n_("Recovery code"),
    "password": n_("New password"),
    "again": n_("New password again"),
}
_OF_CODE: Final = frozenset({"recovery_code_mistyped", "recovery_code_wrong", "sign_in_delayed"})


@get("/forgotten", opt=guards.public())
async def show_forgotten(request: AnyRequest) -> Page:
    """The form, and whom to call."""
    return _page(request, 200, [])


@post("/forgotten", opt=guards.public(), status_code=200)
async def recover(request: AnyRequest) -> Page:
    """Open with the code, set the password, sign in; or the form again, with what is wrong."""
    form = await read_form(request)
    typed = {name: form.text(name) for name in _FIELDS}
    found = [Problem(name, MISSING, label) for name, label in _FIELDS.items() if not typed[name].strip()]
    if not found and typed["password"] != typed["again"]:
        found = [Problem("again", n_("The new password was typed in two ways; type it again."))]
    if found:
        return _page(request, 422, found, typed["login"], typed["code"])
    opening: Recover = request.app.state[RECOVER]
    try:
        name, signed_in = await opening(typed["login"], typed["code"], typed["password"], peer_of(request))
    except Refused as refusal:
        field = "code" if refusal.code in _OF_CODE else "login" if refusal.code == "no_such_officer" else "password"
        if not isinstance(refusal, AccountRefused | SignInRefused) and refusal.code not in _OF_CODE:
            raise
        status = 429 if isinstance(refusal, SignInRefused) and refusal.wait_s else 422
        problem = Problem(field, refusal.text(language_for(request)))
        return _page(request, status, [problem], typed["login"], typed["code"])
    cookies = face_of(request).cookies
    return front.see_other(front.goal(signed_in, START), cookies.open_session(name))


def _page(request: AnyRequest, status: int, found: list[Problem], login: str = "", code: str = "") -> Page:
    return face_of(request).render_alone(
        request, "forgotten.html", status=status, back="/forgotten", found=found, login=login[:40], code=code[:60]
    )
