"""What every answer carries and what no request may: response headers, cookies, NUL characters.

Never relies on a handler to remember: `harden` sees every answer, refusals included. Sources: UI (strict policy, tried
with 0 violations), OWASP Secure Headers, RELIABILITY 3 (NUL is refused at the edge: PostgreSQL cannot store it).
"""

from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

from litestar.datastructures import Cookie, MutableScopeHeaders
from litestar.exceptions import ClientException
from litestar.types import Message, Scope

from office.web.guards import OPT_KEY, Entry, Requires

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

POLICY: Final = "content-security-policy"

HEADERS: Final = {
    POLICY: CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "geolocation=(), microphone=(), payment=(), usb=()",
}
DEVICE_HEADERS: Final = {"x-content-type-options": "nosniff"}
NO_STORE: Final = "no-store"
"""Pages show persons: nothing stays in a cache or comes back with the browser's back button after signing out."""
IMMUTABLE: Final = "public, max-age=31536000, immutable"
HSTS: Final = "max-age=31536000"

REQUEST_BYTES_MAX: Final = 160 * 1024
"""A form: two free texts of 4,000 Chinese characters are 72 KiB when percent-encoded; papers come another way."""


def harden(*, is_tls: bool) -> Callable[[Message, Scope], Coroutine[Any, Any, None]]:
    """A `before_send` hook that puts the headers on every answer. Caching is forbidden unless a handler allowed it.

    Answers to devices carry only what a device could need: on a line of 20 kbit/s 600 bytes of advice to browsers are a
    quarter of a second.
    """
    for_browsers = {**HEADERS, "strict-transport-security": HSTS} if is_tls else HEADERS

    async def before_send(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        headers = MutableScopeHeaders.from_message(message)
        for name, value in (DEVICE_HEADERS if is_for_device(scope) else for_browsers).items():
            # A handler may only be stricter: papers are sandboxed.
            if name != POLICY or name not in headers:
                headers[name] = value
        if "cache-control" not in headers:
            headers["cache-control"] = NO_STORE

    return before_send


def is_for_device(scope: Scope) -> bool:
    """Whether the handler that was found declares that devices call it."""
    if "route_handler" not in scope:
        return False
    declared = scope["route_handler"].opt.get(OPT_KEY)
    return isinstance(declared, Requires) and declared.entry is Entry.DEVICE


class CookieNames:
    """Names of this node's cookies.

    Browsers share cookies between the ports of one host, so two nodes on one machine need names of their own. Over TLS
    the `__Host-` prefix binds them to this host and to TLS.
    """

    def __init__(self, node: str, *, is_tls: bool) -> None:
        prefix = "__Host-" if is_tls else ""
        mark = node[:8]
        self.is_tls = is_tls
        self.session = f"{prefix}tongban-{mark}"
        self.csrf = f"{prefix}tongban-form-{mark}"
        self.language = f"tongban-language-{mark}"

    def open_session(self, name: str) -> Cookie:
        """The cookie of a new session: it ends with the browser, and no script reads it."""
        return Cookie(self.session, value=name, path="/", httponly=True, secure=self.is_tls, samesite="strict")

    def end_session(self) -> Cookie:
        """The cookie that removes the session's."""
        return Cookie(self.session, value="", path="/", httponly=True, secure=self.is_tls, samesite="strict", max_age=0)

    def choose_language(self, language: str) -> Cookie:
        """The cookie that remembers a language for a year."""
        return Cookie(
            self.language, value=language, path="/", httponly=True, secure=self.is_tls, samesite="lax", max_age=31536000
        )


def refuse_nul(value: object) -> None:
    """Raise 400 if any text inside a decoded form or message holds a NUL character."""
    if isinstance(value, str):
        if "\x00" in value:
            raise ClientException("nul_character")
    elif isinstance(value, dict):
        refuse_nul([*cast("dict[object, object]", value).items()])
    elif isinstance(value, list | tuple):
        for part in cast("list[object]", value):
            refuse_nul(part)
