"""The one translator at the web's edge: every exception becomes an answer in the reader's language.

Domain errors know nothing of HTTP; this table does. Bad input is a 4xx that says what to do, never a 5xx. What is our
own fault is a 500 that is logged by its type and place alone: messages and parameters may hold personal data, so they
are never logged and never shown. Next: `schemas.refusals`, `sync.core.errors` for what arrives here.
"""

import logging
from typing import Final
from urllib.parse import quote

from litestar.exceptions import HTTPException
from litestar.response import Redirect, Response
from litestar.utils.scope.state import ScopeState
from msgspec import Struct
from sqlalchemy.exc import SQLAlchemyError

from office.accounts import SignInRefused
from office.own_faults import place_of
from office.sentences import told
from office.web.forms import FormRefused
from office.web.guards import OPT_KEY, AnyRequest, Entry, Requires, Scope
from office.web.i18n import Language, n_, translate
from office.web.inputs import local_path
from office.web.site import face_of, language_for, renew_csrf_token, wants_json
from schemas.casework.lifecycle import NotPermitted
from schemas.codec import Malformed
from schemas.refusals import Refused
from sync.core.errors import Fault
from sync.failures import fault_of

_log: Final = logging.getLogger("tongban.web")

_FORBIDDEN: Final = frozenset({"role_forbids", "not_a_reader", "county_only", "slip_of_another", "look_refused"})
_NOT_FOUND: Final = frozenset({"no_such_case", "no_such_answer", "no_such_paper"})

_HTTP_SENTENCES: Final[dict[int, tuple[str, str]]] = {
    400: ("bad_request", n_("The request cannot be read; go back, correct what you typed and send it again.")),
    401: (
        "not_signed_in",
        n_("Your session has ended, or nobody is signed in: nothing was written. Sign in and send it again."),
    ),
    403: ("forbidden", n_("Your role does not allow this; ask a colleague whose role does, or the administrator.")),
    404: ("not_found", n_("There is no such page; check the address, or go back to the list of cases.")),
    405: ("method_not_allowed", n_("This address cannot be used in this way; go back to the list of cases.")),
    413: ("too_large", n_("What was sent is too large; shorten the text and send it again.")),
    415: ("wrong_content_type", n_("The content is of a kind that is not taken here; send a form or JSON.")),
    429: ("too_many", n_("Too many requests; wait a moment and try again.")),
}
_FORM_EXPIRED: Final = (
    "form_expired",
    n_("This form is no longer valid: nothing was written. Open its page anew and send it again."),
)
_OWN_FAULT: Final = (
    "internal_error",
    n_("Something went wrong on this computer. What you had saved is safe; try again, or call the administrator."),
)

PAGES: Final = (*_HTTP_SENTENCES.values(), _FORM_EXPIRED, _OWN_FAULT)
"""(code, message id) of what pages refuse by themselves."""

_DATABASE_AWAY: Final = n_(
    "The database does not answer: this step was not written. Try again, or call the administrator."
)
_NO_PEN: Final = n_(
    "The program on this computer no longer writes: this step was not written. Ask the administrator to start it again."
)

_FAULTS: Final[dict[str, str]] = {
    "store_full": n_(
        "The disk is full: this step was not written, and everything saved before is safe. Free space on this "
        "computer, or ask the administrator; then try again."
    ),
    "store_failing": n_("The disk reports errors: this step was not written. Call the administrator."),
    "store_readonly": n_("This computer cannot write its records: this step was not written. Call the administrator."),
    "store_busy": n_("The database is busy: this step was not written. Try again in a moment."),
    "store_away": _DATABASE_AWAY,
    "store_locked_out": _DATABASE_AWAY,
    "store_missing": _DATABASE_AWAY,
    "busy": n_("Too much is waiting to be written: this step was not written. Try again in a moment."),
    "not_started": n_("The program is starting: this step was not written. Try again in a moment."),
    "stopping": n_("The program is stopping: this step was not written. Try again when it runs."),
    "stopped": _NO_PEN,
    "no_epoch": _NO_PEN,
    "second_writer": _NO_PEN,
}
"""Our own machine's troubles as an officer reads them, who was writing a step; `office.sentences` has all others."""


class Answer(Struct, frozen=True):
    """A refusal as it is answered."""

    status: int
    code: str
    sentence: str
    retry_after_s: int = 0
    fields: dict[str, str] = {}
    """Field → what is wrong with it."""


def answer_for(error: Exception, language: Language) -> Answer:
    """What an exception means to the person at the screen."""
    if isinstance(error, Refused):
        return _refused(error, language)
    if isinstance(error, SQLAlchemyError):
        # Sessions and accounts are written past the store, which would have said what the database means.
        error = fault_of(error) or error
    if isinstance(error, Fault):
        sentence = translate(_FAULTS[error.code], language) if error.code in _FAULTS else told(error, language)
        return Answer(error.status, error.code, sentence, error.retry_after_s)
    if isinstance(error, Malformed):
        return Answer(400, error.code, told(error, language))
    if isinstance(error, RecursionError):
        return _sentence(400, *_HTTP_SENTENCES[400], language)
    if isinstance(error, HTTPException):
        return _http(error, language)
    return _sentence(500, *_OWN_FAULT, language)


def _refused(error: Refused, language: Language) -> Answer:
    status = 422
    if isinstance(error, SignInRefused):
        return Answer(429 if error.wait_s else 401, error.code, error.text(language), error.wait_s)
    if isinstance(error, FormRefused):
        wrong = {problem.field: translate(problem.message, language) for problem in error.problems}
        return Answer(422, error.code, error.text(language), fields=wrong)
    if error.code in _NOT_FOUND:
        status = 404
    elif error.code in _FORBIDDEN:
        status = 403
    elif isinstance(error, NotPermitted):
        status = 409
    return Answer(status, error.code, error.text(language))


def _http(error: HTTPException, language: Language) -> Answer:
    status = error.status_code
    if status == 403 and error.detail.startswith("CSRF"):
        return _sentence(403, *_FORM_EXPIRED, language)
    if status in _HTTP_SENTENCES:
        return _sentence(status, *_HTTP_SENTENCES[status], language)
    if 400 <= status < 500:
        return _sentence(status, *_HTTP_SENTENCES[400], language)
    return _sentence(500, *_OWN_FAULT, language)


def _sentence(status: int, code: str, message: str, language: Language) -> Answer:
    return Answer(status, code, translate(message, language))


def on_exception(request: AnyRequest, error: Exception) -> Response[object]:
    """Litestar's handler for every exception of pages and interface."""
    answer = answer_for(error, language_for(request))
    if answer.status >= 500 and answer.code == _OWN_FAULT[0]:
        log_own_fault(request, error)
    response = _json(answer) if wants_json(request) else _page(request, answer)
    if answer.retry_after_s:
        response.headers["retry-after"] = str(answer.retry_after_s)
    return response


def _json(answer: Answer) -> Response[object]:
    fields = {"fields": answer.fields} if answer.fields else {}
    return Response({"code": answer.code, "message": answer.sentence, **fields}, status_code=answer.status)


def _page(request: AnyRequest, answer: Answer) -> Response[object]:
    if answer.status == 401 and request.method == "GET":
        # A page asked for without a session: the sign-in page, and back here afterwards. Paths hold no personal data.
        target = quote(local_path(request.url.path), safe="/")
        return Redirect(f"/sign-in?next={target}", status_code=303)  # pyright: ignore[reportReturnType]
    try:
        typed = _typed(request, answer)
        cookie = renew_csrf_token(request) if typed and answer.code == _FORM_EXPIRED[0] else None
        page = face_of(request).render_alone(request, "refused.html", status=answer.status, answer=answer, typed=typed)
        if cookie is not None:
            page.set_cookie(cookie)
        return page
    except Exception as error:
        log_own_fault(request, error)
        return Response(answer.sentence, status_code=answer.status, media_type="text/plain; charset=utf-8")


def _typed(request: AnyRequest, answer: Answer) -> list[tuple[str, str]]:
    """The fields of a form that came without a session or with an old token, so that the answer can send them again.

    Only of forms that an officer works with, never of passwords; and with an old token only what the browser says our
    own page sent: what another site made somebody send must not become a form of ours that looks like theirs.
    """
    declared = request.scope["route_handler"].opt.get(OPT_KEY) if "route_handler" in request.scope else None
    if not (isinstance(declared, Requires) and declared.entry is Entry.OFFICER) or declared.scope is Scope.OWN_ACCOUNT:
        return []
    if answer.status != 401 and not (answer.code == _FORM_EXPIRED[0] and _is_from_here(request)):
        return []
    # The check of the token has read the form already; a handler of exceptions may not wait for it.
    form = ScopeState.from_scope(request.scope).form
    fields = form.items() if isinstance(form, dict) else ()
    pairs = [(name, one) for name, value in fields for one in (value if isinstance(value, list) else [value])]
    return [(name, text) for name, text in pairs if isinstance(text, str) and name != "_csrf_token"]


def _is_from_here(request: AnyRequest) -> bool:
    """Whether the browser says that a page of this very node sent the form."""
    host = request.headers.get("host", "")
    return request.headers.get("origin") in (f"http://{host}", f"https://{host}")


def log_own_fault(request: AnyRequest, error: Exception) -> None:
    """Log the type of an exception and where it arose, in our own words: no message, parameter, query or path."""
    _log.error("a %s request failed: %s", request.method, place_of(error))
