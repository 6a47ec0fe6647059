"""The page of the computers below: who sees it, what it tells, and replacing, revoking and confirming one."""

import re

from msgspec import structs

from office.storage import MEBIBYTE, PAPERS_ROOM_BYTES
from schemas.casework.roles import Role
from tests.web.county import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Client, OpenNode, WebCounty, sign_in
from tests.web.test_storage import SmallDisk

REASON = "电脑在集市上被盗"


async def post(browser: Client, path: str, **fields: str) -> "tuple[int, str]":
    token = (await browser.get("/api/session")).json()["csrf"]
    answer = await browser.post(path, data={"_csrf_token": token, **fields})
    return answer.status_code, answer.text


def reachable(node: OpenNode) -> None:
    """As an operator sets it before sheets are printed."""
    node.settings = structs.replace(node.settings, address="https://lingjiang.example:8610")


async def test_only_administrators_above_villages_find_the_page(county: WebCounty) -> None:
    for seat, role, status in (
        (TOWNSHIP, Role.ADMINISTRATOR, 200),
        (COUNTY, Role.ADMINISTRATOR, 200),
        (TOWNSHIP, Role.CLERK, 403),
        (VILLAGE, Role.ADMINISTRATOR, 404),
    ):
        await county.nodes[seat].hire(f"who-{role.value}", role)
        async with county.client(seat) as browser:
            await sign_in(browser, f"who-{role.value}")
            answer = await browser.get("/devices")
            assert answer.status_code == status, (seat, role)
            assert ('href="/devices"' in (await browser.get("/line")).text) == (status == 200)


async def test_a_stolen_computer_is_replaced_in_one_act_and_its_sheet_is_shown_once(county: WebCounty) -> None:
    node = county.nodes[TOWNSHIP]
    reachable(node)
    await node.hire("admin", Role.ADMINISTRATOR)
    lost = county.nodes[VILLAGE].books.seat.node
    async with county.client(TOWNSHIP) as browser:
        await sign_in(browser, "admin")
        assert lost in (await browser.get("/devices")).text
        status, page = await post(browser, "/devices/replace", office=VILLAGE, reason=REASON)
        assert status == 200
        code = re.search(r"<strong>([0-9A-Z-]{19})</strong>", page)
        assert code is not None
        assert "<svg" in page
        assert node.books.keyring.is_revoked(lost)
        listed = (await browser.get("/devices")).text
        assert code[1] not in listed
        for words in ("已注销", REASON, "注册单已发出", "待县中心确认", "无从得知"):
            assert words in listed
        # The same again: nothing is revoked twice, the first sheet is void.
        again = await post(browser, "/devices/replace", office=VILLAGE, reason=REASON)
        assert again[0] == 200
        assert code[1] not in again[1]
    for _ in range(3):
        await county.exchange(TOWNSHIP)
    ended = [one for one in await county.nodes[COUNTY].devices.list_devices() if one.node == lost]
    assert [(one.is_revoked, one.is_confirmed, one.revoked_because) for one in ended] == [(True, False, REASON)]


async def test_a_reason_is_asked_for_and_what_was_typed_stays(county: WebCounty) -> None:
    node = county.nodes[TOWNSHIP]
    reachable(node)
    await node.hire("admin", Role.ADMINISTRATOR)
    async with county.client(TOWNSHIP) as browser:
        await sign_in(browser, "admin")
        for office, reason, words in (
            (VILLAGE, "  ", "请写明原因"),
            (VILLAGE, "长" * 201, "请写明原因"),
            (COUNTY, REASON, "请核对代码"),
            ("510824100999", REASON, "没有登记过设备"),
            ("<script>", REASON, "请核对代码"),
        ):
            status, page = await post(browser, "/devices/replace", office=office, reason=reason)
            assert status == 422
            assert words in page
            assert "<script>" not in page
        assert f'value="{REASON}"' not in page
    assert not node.books.keyring.is_revoked(county.nodes[VILLAGE].books.seat.node)


async def test_no_sheet_names_an_address_that_nobody_can_reach(county: WebCounty) -> None:
    node = county.nodes[TOWNSHIP]
    await node.hire("admin", Role.ADMINISTRATOR)
    async with county.client(TOWNSHIP) as browser:
        await sign_in(browser, "admin")
        status, page = await post(browser, "/devices/replace", office=VILLAGE, reason=REASON)
        assert status == 422
        assert "其他电脑无法访问" in page
    assert not node.books.keyring.is_revoked(county.nodes[VILLAGE].books.seat.node)


async def test_the_county_confirms_a_townships_revocation_and_nobody_else_does(county: WebCounty) -> None:
    town, hub = county.nodes[TOWNSHIP], county.nodes[COUNTY]
    lost = county.nodes[OTHER_VILLAGE].books.seat.node
    for node in (town, hub):
        await node.hire("admin", Role.ADMINISTRATOR)
    async with county.client(TOWNSHIP) as browser:
        await sign_in(browser, "admin")
        assert (await post(browser, "/devices/revoke", device=lost, reason=REASON))[0] == 200
        assert (await post(browser, "/devices/confirm", device=lost))[0] == 422
        assert (await post(browser, "/devices/revoke", device=lost, reason=REASON))[0] == 422
        assert (await post(browser, "/devices/revoke", device="nobody", reason=REASON))[0] >= 400
    for _ in range(3):
        await county.exchange(TOWNSHIP)
    async with county.client(COUNTY) as browser:
        await sign_in(browser, "admin")
        assert "确认注销" in (await browser.get("/devices")).text
        assert (await post(browser, "/devices/confirm", device=lost))[0] == 200
        assert "确认注销" not in (await browser.get("/devices")).text
        assert (await post(browser, "/devices/confirm", device=lost))[0] == 422
    for _ in range(3):
        await county.exchange(TOWNSHIP)
    standing = [one for one in await town.devices.list_devices() if one.node == lost]
    assert [one.is_confirmed for one in standing] == [True]


async def test_every_page_says_how_short_of_room_this_computer_is(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        for free, zh, en in (
            (PAPERS_ROOM_BYTES, "", ""),
            (PAPERS_ROOM_BYTES - 1, "磁盘空间不足：暂停添加照片", "no photograph is taken in"),
            (20 * MEBIBYTE, "暂停登记新件和添加照片", "no new case and no photograph"),
        ):
            node.storage.disk = SmallDisk(free)
            for path in ("/cases", "/filing", "/line"):
                assert zh in (await browser.get(path)).text
            browser.cookies.set(next(name for name in ("tongban-language-" + node.books.seat.node[:8],)), "en")
            assert en in (await browser.get("/cases")).text
            browser.cookies.delete("tongban-language-" + node.books.seat.node[:8])
        assert node.storage.keep_ballast() is False
        node.storage.disk = SmallDisk(None)
        assert 'role="alert"' not in (await browser.get("/cases")).text
