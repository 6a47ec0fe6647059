"""Who gets in: every route, with every role and with nobody; and an application that will not start undeclared."""

import re
from typing import Any, cast

import httpx
import pytest
from litestar import Litestar, Router, get, post
from litestar.params import FromPath
from litestar.testing import AsyncTestClient

from office.web import guards
from office.web.guards import Entry, Requires, Scope, Undeclared, check_declarations, declarations
from schemas.casework.roles import Role
from sync.exchange import Responder
from sync.http import sync_router
from sync.session import Doorkeeper
from sync.writer import Writer
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, WebCounty, application, sign_in, token_of
from tests.web.people import PASSWORD

NO_CASE = "0" * 32


def path_for(route: str) -> str:
    """An address of a route, with parameters that name nothing that exists."""
    return (
        route.replace("{case:str}", NO_CASE)
        .replace("{kind:str}", "remark.added")
        .replace("{code:str}", "ZZ99")
        .replace("{name:str}", "nothing.css")
    )


def routes(app: Litestar) -> list[tuple[str, str, Requires]]:
    found = declarations(app)
    assert all(declared is not None for _, _, declared in found)
    return [(method, path, declared) for method, path, declared in found if declared is not None]


def test_an_application_with_one_undeclared_handler_does_not_start() -> None:
    @get("/forgotten")
    async def forgotten() -> str:
        return "a case"

    with pytest.raises(Undeclared, match="GET /forgotten"):
        check_declarations(Litestar([forgotten], openapi_config=None))


@pytest.mark.parametrize(
    "declared",
    [
        {"requires": "officer"},
        {"requires": Requires(Entry.OFFICER, Scope.READABLE_CASES)},
        {"requires": Requires(Entry.OFFICER, Scope.THIS_NODE, frozenset(Role))},
        {"requires": Requires(Entry.PUBLIC, Scope.NOTHING)},
        {"requires": Requires(Entry.PUBLIC, Scope.READABLE_CASES)},
    ],
    ids=["a word", "no role", "a case outside the cases' scope", "a public case", "public with a scope"],
)
def test_a_declaration_must_make_sense(declared: dict[str, object]) -> None:
    @get("/cases/{case:str}", opt=declared)
    async def show(case: FromPath[str]) -> str:
        return case

    with pytest.raises(Undeclared):
        check_declarations(Litestar([show], openapi_config=None))


def test_a_sound_application_starts() -> None:
    @post("/cases/{case:str}", opt=guards.officer(Scope.READABLE_CASES, [Role.CLERK]))
    async def act(case: FromPath[str]) -> str:
        return case

    check_declarations(Litestar([act], openapi_config=None))


async def test_without_signing_in_only_the_front_is_open(county: WebCounty) -> None:
    """Every other route answers 401 (or leads to the sign-in page), whatever it would have shown."""
    async with county.client(TOWNSHIP) as browser:
        headers = {"x-csrftoken": await token_of(browser)}
        for method, route, declared in routes(county.apps[TOWNSHIP]):
            if declared.entry is Entry.OFFICER:
                answer = await browser.request(method, path_for(route), headers=headers, follow_redirects=False)
                expected = 303 if method == "GET" and not route.startswith("/api/") else 401
                assert answer.status_code == expected, (method, route)
                if expected == 303:
                    assert answer.headers["location"].startswith("/sign-in?next=/")


async def test_the_public_routes_are_these_and_no_others(county: WebCounty) -> None:
    public = {(method, path) for method, path, one in routes(county.apps[TOWNSHIP]) if one.entry is Entry.PUBLIC}
    assert public == {
        ("GET", "/"),
        ("GET", "/sign-in"),
        ("POST", "/sign-in"),
        ("POST", "/sign-out"),
        ("POST", "/language"),
        ("GET", "/assets/{name:str}"),
        ("GET", "/health"),
        ("GET", "/api/session"),
        ("POST", "/api/session"),
        ("DELETE", "/api/session"),
    }


@pytest.mark.parametrize("role", list(Role))
async def test_every_route_with_every_role(county: WebCounty, role: Role) -> None:
    await county.nodes[TOWNSHIP].hire("somebody", role)
    async with county.client(TOWNSHIP) as browser:
        headers = await sign_in(browser, "somebody")
        for method, route, declared in routes(county.apps[TOWNSHIP]):
            if declared.entry is not Entry.OFFICER:
                continue
            answer = await browser.request(method, path_for(route), headers=headers, follow_redirects=False)
            is_let_in = role in declared.roles
            assert (answer.status_code == 403) == (not is_let_in), (method, route, answer.status_code)
            assert answer.status_code < 500, (method, route)


async def test_running_the_node_shows_nobody_a_case(county: WebCounty) -> None:
    await county.nodes[COUNTY].hire("root-like", Role.ADMINISTRATOR)
    async with county.client(COUNTY) as browser:
        await sign_in(browser, "root-like")
        for path in ("/cases", "/cases?queue=all", "/api/cases", f"/cases/{NO_CASE}", f"/api/cases/{NO_CASE}"):
            assert (await browser.get(path)).status_code == 403
        assert (await browser.get("/line")).status_code == 200


async def test_options_and_unknown_addresses_tell_nothing(county: WebCounty) -> None:
    async with county.client(VILLAGE) as browser:
        assert (await browser.options("/cases")).status_code == 403
        unknown = await browser.get("/cases-of-somebody")
        assert unknown.status_code == 404
        assert "default-src 'none'" in unknown.headers["content-security-policy"]
        assert (await browser.put("/cases")).status_code == 405


async def test_a_session_of_one_node_is_nothing_at_another(county: WebCounty) -> None:
    await county.nodes[VILLAGE].hire("agent", Role.AGENT)
    async with county.client(VILLAGE) as browser, county.client(TOWNSHIP) as other:
        await sign_in(browser, "agent")
        for cookie in browser.cookies.jar:
            other.cookies.set(cookie.name, cookie.value or "")
        assert (await other.get("/api/cases")).status_code == 401


async def test_an_officer_suspended_in_mid_session_is_out_at_once(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("agent", Role.AGENT)
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "agent")
        assert (await browser.get("/api/cases")).status_code == 200
        (officer,) = await node.accounts.list_officers()
        await node.accounts.suspend_officer(officer.officer)
        assert (await browser.get("/api/cases")).status_code == 401


async def test_devices_are_not_sent_advice_for_browsers_and_must_be_declared(county: WebCounty) -> None:
    """The sync routes as `office.serving` mounts them."""
    node = county.nodes[TOWNSHIP]
    writer = Writer(node.ledger)
    doorkeeper = Doorkeeper(node.books, certificate=b"")
    with pytest.raises(Undeclared, match="POST /sync/page"):
        application(node, [sync_router(doorkeeper, Responder(writer))])
    app = application(node, [sync_router(doorkeeper, Responder(writer), opt=guards.device())])
    async with AsyncTestClient(app) as device:
        for path in ("/sync/session", "/sync/session/proof", "/sync/page", "/sync/enrol"):
            answer = await device.post(path, content=b"not a message")
            assert 400 <= answer.status_code < 500, "no token for forms is asked of a device"
            assert "content-security-policy" not in answer.headers
            assert answer.headers["cache-control"] == "no-store"


async def test_local_routes_are_not_there_for_anybody_but_this_machine(county: WebCounty) -> None:
    """Whatever the caller brings: who comes over the network is not told that there is such an address."""

    @post("/stop", opt=guards.local())
    async def stop() -> str:
        return "done"

    app = application(county.nodes[TOWNSHIP], [Router("/local", route_handlers=[stop])])
    here, there = ("127.0.0.1", 40_000), ("10.0.0.9", 40_000)
    for client, address, status in ((here, "127.0.0.1", 201), (there, "127.0.0.1", 404), (here, "10.0.0.1", 404)):
        transport = httpx.ASGITransport(app=cast("Any", app), client=client)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{address}:8610") as caller:
            answer = await caller.post("/local/stop", headers={"authorization": "Bearer 00"})
            assert answer.status_code == status, (client, address)


async def test_over_tls_cookies_are_bound_to_it(county: WebCounty) -> None:
    node = county.nodes[TOWNSHIP]
    await node.hire("somebody", Role.CLERK)
    app = application(node, is_tls=True)
    async with AsyncTestClient(app, base_url="https://testserver.local") as browser:
        headers = {"x-csrftoken": await token_of(browser)}
        signed_in = {"login": "somebody", "password": PASSWORD}
        answer = await browser.post("/api/session", json=signed_in, headers=headers)
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-tongban-")
        for word in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
            assert word in cookie
        assert "max-age" in answer.headers["strict-transport-security"]


@pytest.mark.parametrize("path", ["/cases/%0d%0aset-cookie:%20x=1", "/cases/%22%3e%3cscript%3e", "/cases/%e4%bb%b6"])
async def test_the_way_back_to_a_strange_address_is_no_way(county: WebCounty, path: str) -> None:
    async with county.client(VILLAGE) as browser:
        answer = await browser.get(path, follow_redirects=False)
        assert answer.status_code == 303
        assert re.fullmatch(r"/sign-in\?next=[A-Za-z0-9/%._-]*", answer.headers["location"])
        assert "x" not in answer.cookies
