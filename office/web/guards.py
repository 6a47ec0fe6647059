"""Who gets in: deny by default.

Every handler declares with `opt=requires(...)` how it is authenticated, which roles it needs and which rows it may
touch. `check_declarations` runs when the application is assembled and refuses to start while one handler does not;
`enforce` runs before every handler. The scope rule itself is applied inside the query (`office.worklists`), never here:
a guard that loads a case to judge it would be one forgotten call away from showing it.
Next: `schemas.casework.visibility` for what of a case may be seen, `lifecycle` for what may be done.
"""

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final, cast

from litestar import Litestar, Request
from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, NotFoundException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.routes import HTTPRoute
from msgspec import Struct

from office.accounts import Accounts, SignedIn
from office.node import is_loopback
from schemas.casework.roles import Role

OPT_KEY: Final = "requires"
_STATE_KEY: Final = "tongban_signed_in"

AnyRequest = Request[Any, Any, Any]
AnyConnection = ASGIConnection[Any, Any, Any, Any]


class Undeclared(RuntimeError):
    """A handler says nothing, or nonsense, about who may call it: the application does not start."""


class Entry(Enum):
    """How a caller is authenticated."""

    PUBLIC = "public"
    """Anybody: the sign-in page, style sheets. Shows nothing of any case."""
    DEVICE = "device"
    """The sync routes: the session token of an enrolled device, checked by `sync.http`."""
    OFFICER = "officer"
    """A signed-in officer."""
    LOCAL = "local"
    """The command line on this very machine: both ends on loopback, and this start's token (`office.web.local`)."""


class Scope(Enum):
    """Which rows a handler may touch on behalf of an officer."""

    NOTHING = "nothing"
    OWN_ACCOUNT = "own account"
    READABLE_CASES = "cases that the officer's office may read"
    THIS_NODE = "the state of this node, no case"


class Requires(Struct, frozen=True):
    """One handler's declaration."""

    entry: Entry
    scope: Scope
    roles: frozenset[Role] = frozenset()
    """Of which the officer needs one; empty for public and device entries only."""


EVERYBODY: Final = frozenset(Role)
CASEWORK: Final = EVERYBODY - {Role.ADMINISTRATOR}
"""Running the node shows nobody a case."""


def public() -> dict[str, Requires]:
    """Declare: anybody may call this."""
    return {OPT_KEY: Requires(Entry.PUBLIC, Scope.NOTHING)}


def device() -> dict[str, object]:
    """Declare: authenticated by device keys; no browser is involved, so there is no cookie to forge with."""
    return {OPT_KEY: Requires(Entry.DEVICE, Scope.NOTHING), "exclude_from_csrf": True}


def local() -> dict[str, object]:
    """Declare: the command line beside the node. No browser is involved; the router checks the token."""
    return {OPT_KEY: Requires(Entry.LOCAL, Scope.NOTHING), "exclude_from_csrf": True}


def officer(scope: Scope, roles: Iterable[Role]) -> dict[str, Requires]:
    """Declare: a signed-in officer with one of `roles`, for the rows of `scope`."""
    return {OPT_KEY: Requires(Entry.OFFICER, scope, frozenset(roles))}


def declarations(app: Litestar) -> list[tuple[str, str, Requires | None]]:
    """(method, path, declaration) of every handler. Litestar's own answer to OPTIONS has none and is refused."""
    found: list[tuple[str, str, Requires | None]] = []
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            found.append(("ASGI", route.path, None))
            continue
        for handler in route.route_handlers:
            declared = handler.opt.get(OPT_KEY)
            methods = sorted(str(method) for method in handler.http_methods)
            found += [(one, route.path, declared) for one in methods if one != "OPTIONS" or declared is not None]
    return found


def check_declarations(app: Litestar) -> None:
    """Raise `Undeclared`, naming the handlers, unless every one is declared and the declaration makes sense."""
    faults = [f"{method} {path}" for method, path, declared in declarations(app) if not _is_sound(path, declared)]
    if faults:
        raise Undeclared(
            "every handler must declare opt=public(), device(), local() or officer(scope, roles); these do not: "
            + ", ".join(faults)
        )


def _is_sound(path: str, declared: Requires | None) -> bool:
    if not isinstance(declared, Requires):
        return False
    if declared.entry is not Entry.OFFICER:
        return declared.scope is Scope.NOTHING and "{case" not in path
    if not declared.roles:
        return False
    return "{case" not in path or declared.scope is Scope.READABLE_CASES


class Gate:
    """The guard of the whole application."""

    def __init__(self, accounts: Accounts, cookie: str) -> None:
        """`cookie`: the name under which the browser keeps the session."""
        self._accounts = accounts
        self._cookie = cookie

    async def enforce(self, connection: AnyConnection, handler: BaseRouteHandler) -> None:
        """Let the call through, or raise 401 (nobody is signed in), 403 (not with these roles) or 404 (not for you)."""
        declared = handler.opt.get(OPT_KEY)
        if not isinstance(declared, Requires):
            raise PermissionDeniedException("not declared")
        if declared.entry is Entry.DEVICE:
            return
        if declared.entry is Entry.LOCAL:
            if not _is_on_this_machine(connection):
                raise NotFoundException
            return
        name = connection.cookies.get(self._cookie)
        signed_in = await self._accounts.find_session(name) if name else None
        connection.state[_STATE_KEY] = signed_in
        if declared.entry is Entry.PUBLIC:
            return
        if signed_in is None:
            raise NotAuthorizedException("nobody is signed in")
        if declared.roles.isdisjoint(signed_in.roles):
            raise PermissionDeniedException("role")


def _is_on_this_machine(connection: AnyConnection) -> bool:
    """Whether both ends of the connection are loopback addresses, as the sockets say."""
    scope: Mapping[str, Any] = cast("dict[str, Any]", connection.scope)
    ends = (scope.get("client"), scope.get("server"))
    return all(end is not None and is_loopback(end[0]) for end in ends)


def was_signed_in(scope: Mapping[str, Any]) -> bool:
    """Whether a request that has been answered was a signed-in officer's."""
    return cast("dict[str, Any]", scope.get("state") or {}).get(_STATE_KEY) is not None


def find_signed_in(connection: AnyConnection) -> SignedIn | None:
    """Who is at the screen, or None: nobody, or the guard has not run (no such page)."""
    return connection.state.get(_STATE_KEY)


def get_signed_in(connection: AnyConnection) -> SignedIn:
    """Who is at the screen. Raises 401 when nobody is."""
    signed_in = find_signed_in(connection)
    if signed_in is None:
        raise NotAuthorizedException("nobody is signed in")
    return signed_in
