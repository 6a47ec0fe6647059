"""Carrying a stick without a terminal: the page of the line writes a bundle, reads one, says what is not yet safe."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, cast

import httpx
import pytest

from office.node import Node
from office.web.app import create_app
from schemas.casework.roles import Role
from schemas.names import Instant
from sync.core.bundle import BUNDLE_BYTES_MAX
from sync.second_path import SILENT_MS
from tests.support.nodes import Network, found_network
from tests.web.county import Client, sign_in
from tests.web.people import PASSWORD

Browser = httpx.AsyncClient


@pytest.fixture
async def network(tmp_path: Path) -> AsyncGenerator[Network]:
    """Three open nodes with an officer each, and no line."""
    network = await Network.open(await found_network(tmp_path))
    for node, login, role in (
        (network.village, "wugl", Role.AGENT),
        (network.township, "li", Role.CLERK),
        (network.hub, "admin", Role.ADMINISTRATOR),
    ):
        await node.accounts.add_officer(login, login, node.seat, {role}, PASSWORD)
    yield network
    await network.close()


def browser_at(node: Node) -> Browser:
    """In this very loop: the node's writer is a task of it, and Litestar's own client would run beside it."""
    transport = httpx.ASGITransport(app=create_app(node, is_tls=False))  # pyright: ignore[reportArgumentType]
    return httpx.AsyncClient(transport=transport, base_url="http://testserver.local")


async def signed_in(browser: Browser, login: str) -> None:
    await sign_in(cast("Client", browser), login)


async def form_of(browser: Browser, action: str) -> dict[str, str]:
    """The fields of a form of the page, as a browser would send them."""
    page = (await browser.get("/line")).text
    form = page[page.index(f'action="{action}"') :].partition("</form>")[0]
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    chosen = re.search(r'<option value="([^"]+)"', form)
    return {**fields, **({"receiver": chosen[1]} if chosen else {})}


async def download(browser: Browser) -> tuple[str, bytes]:
    answer = await browser.post("/line/bundles/write", data=await form_of(browser, "/line/bundles/write"))
    assert answer.status_code == 200, answer.text
    name = re.fullmatch(r'attachment; filename="([0-9a-z.-]+\.tongban)"', answer.headers["content-disposition"])
    assert name is not None
    assert answer.headers["cache-control"] == "no-store"
    return name[1], answer.content


async def upload(browser: Browser, *files: tuple[str, bytes]) -> Any:
    sent = [("bundle", (name, content, "application/octet-stream")) for name, content in files]
    return await browser.post("/line/bundles", data=await form_of(browser, "/line/bundles"), files=sent)


async def test_there_and_back_in_three_browsers(network: Network) -> None:
    for number in range(1, 4):
        await network.file(number)
    async with (
        browser_at(network.village) as village,
        browser_at(network.township) as township,
        browser_at(network.hub) as hub,
    ):
        await signed_in(village, "wugl")
        await signed_in(township, "li")
        await signed_in(hub, "admin")
        assert "其中 3 条只在本机上" in (await village.get("/line")).text
        name, data = await download(village)
        page = (await village.get("/line")).text
        assert "都已写到 U 盘" in page
        assert "对方尚未确认：请保留 U 盘" in page
        assert name in page

        read = await upload(township, (name, data))
        assert read.status_code == 200
        assert "收下 3 条新记录" in read.text
        assert "读入的信使包" in read.text
        # The township has two neighbours; the one above stands first, so it is named.
        fields = await form_of(township, "/line/bundles/write")
        fields["receiver"] = network.village.books.seat.node
        answer = await township.post("/line/bundles/write", data=fields)
        assert (await upload(village, ("reply.tongban", answer.content))).status_code == 200
        page = (await village.get("/line")).text
        assert "这里登记的都已由上下级单位确认收到" in page
        assert "对方已确认收到" in page

        name, data = await download(township)
        assert (await upload(hub, (name, data))).status_code == 200
        # A bundle for somebody else, and one's own, are no trouble.
        for who in (village, township):
            answer = await upload(who, (name, data))
            assert answer.status_code == 200
        assert "本机自己写的" in answer.text


async def test_bad_files_are_named_and_harm_nothing(network: Network) -> None:
    await network.file(1)
    async with browser_at(network.village) as village, browser_at(network.township) as township:
        await signed_in(village, "wugl")
        await signed_in(township, "li")
        name, data = await download(village)
        for content, words in (
            (b"PK\x03\x04", "这不是信使包"),
            (data[:-1], "第 1 部分没有收下：信使包不完整"),
            (b"TBB9\n", "请先升级本机程序"),
            (b"TBB1\n" + b"x" * BUNDLE_BYTES_MAX, "文件超过信使包的上限"),
        ):
            answer = await upload(township, (name, content))
            assert answer.status_code == 422, words
            assert words in answer.text
        assert (await upload(township)).status_code == 422
        many = await upload(township, *[(f"{number}.tongban", b"x") for number in range(9)])
        assert many.status_code == 422
        assert "一次最多 8 个文件" in many.text
        assert await network.township.subjects() == []
        assert (await upload(township, (name, data))).status_code == 200
        assert len(await network.township.subjects()) == 1


async def test_no_form_of_another_site_and_nobody_who_is_not_signed_in(network: Network) -> None:
    async with browser_at(network.village) as village:
        for path, body in (("/line/bundles/write", {"receiver": "x"}), ("/line/bundles", {})):
            assert (await village.post(path, data=body)).status_code in (401, 403)
        await signed_in(village, "wugl")
        for path, body in (("/line/bundles/write", {"receiver": "x"}), ("/line/bundles", {})):
            assert (await village.post(path, data=body)).status_code == 403
        fields = await form_of(village, "/line/bundles/write")
        for wrong in ("nobody", "", "x" * 300):
            answer = await village.post("/line/bundles/write", data={**fields, "receiver": wrong})
            assert answer.status_code == 422
        answer = await village.post("/line/bundles/write", data={**fields, "after": "9" * 400})
        assert answer.status_code == 200


async def test_a_village_whose_township_is_silent_writes_for_the_county_and_is_answered(network: Network) -> None:
    village, hub = network.village, network.hub
    await network.file()
    above = village.books.parent
    assert above is not None
    county = hub.books.seat.node
    async with browser_at(village) as browser, browser_at(hub) as at_the_hub:
        await signed_in(browser, "wugl")
        await signed_in(at_the_hub, "admin")
        assert f'<option value="{county}">' not in (await browser.get("/line")).text
        village.books.memories[above].last_heard = Instant(village.clock.now() - SILENT_MS - 1)
        assert f'<option value="{county}">' in (await browser.get("/line")).text
        form = await form_of(browser, "/line/bundles/write") | {"receiver": county}
        written = await browser.post("/line/bundles/write", data=form)
        assert written.status_code == 200, written.text
        fields = await form_of(at_the_hub, "/line/bundles")
        read = await at_the_hub.post("/line/bundles", data=fields, files={"bundle": ("a.tongban", written.content)})
        assert read.status_code == 200, read.text
        assert await hub.subjects() == await village.subjects()
        assert f'<option value="{village.books.seat.node}">' in read.text
        form = await form_of(at_the_hub, "/line/bundles/write") | {"receiver": village.books.seat.node}
        answered = await at_the_hub.post("/line/bundles/write", data=form)
        fields = await form_of(browser, "/line/bundles")
        back = await browser.post("/line/bundles", data=fields, files={"bundle": ("b.tongban", answered.content)})
        assert back.status_code == 200, back.text
    holders = {row.office for row in await village.store.receipts()}
    assert hub.seat in holders
    assert await network.township.subjects() == []
