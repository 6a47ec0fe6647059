"""What a revoked device wrote afterwards: looked at, foreseen and released by the administrator, step by step (A14)."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sqlalchemy import text

from office.access_log import AccessLog
from office.releasing import HeldStep, Releasing
from schemas.casework.lifecycle import NotPermitted
from schemas.casework.roles import Role
from schemas.codec import encode
from schemas.names import CaseId, OfficeId
from schemas.wire import KIND_RELEASED, KIND_REVOKED, Revoked, Size
from sync.ports import Stored
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, Client, OpenNode, WebCounty, sign_in, web_county
from tests.web.test_languages import LATIN_IN_CHINESE, words_of
from tests.web.test_pages import NAME, NUMBER, PHONE, act, case_in, file_case, hidden


async def revoke(author: OpenNode, lost: OpenNode) -> None:
    """End a device at what the author holds of it."""
    node = lost.books.seat.node
    positions = [
        Size(journal.origin, journal.epoch, tip.size)
        for journal, tip in author.books.tips.items()
        if journal.origin == node
    ]
    await author.write(KIND_REVOKED, encode(Revoked(node, positions, "电脑被盗")))


class Scene:
    """A village files and offers while the county has revoked its device and the township has not heard of it."""

    def __init__(self, county: WebCounty, case: str) -> None:
        self.county = county
        self.case = case

    @property
    def subject(self) -> CaseId:
        return CaseId(bytes.fromhex(self.case.rpartition("/")[2]))

    async def browse(self, seat: OfficeId, browser: Client, *roles: Role) -> dict[str, str]:
        """Hire somebody with these roles there and sign them in."""
        login = "-".join(roles)
        await self.county.nodes[seat].hire(login, *roles)
        return await sign_in(browser, login)

    async def states(self, seat: OfficeId) -> dict[str, str]:
        """How each step of the case stands at an office; nothing where it knows of no case."""
        try:
            found = await self.county.nodes[seat].worklists.get_case(seat, self.subject)
        except NotPermitted:
            return {}
        return {one.entry.kind: one.state for one in found.traced}

    async def entry(self, kind: str) -> Stored:
        """The village's entry of this kind."""
        entries = await self.county.nodes[VILLAGE].store.entries_about([self.subject])
        return next(entry for entry in entries if entry.kind == kind)

    async def looks(self, seat: OfficeId) -> list[tuple[str, str]]:
        node = self.county.nodes[seat]
        log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
        return [(look.officer, look.purpose) for look in await log.looks_at(self.subject)]


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncGenerator[Scene]:
    async with web_county(tmp_path, COUNTY, TOWNSHIP, VILLAGE) as county:
        await revoke(county.nodes[COUNTY], county.nodes[VILLAGE])
        await county.nodes[VILLAGE].hire("wugl", Role.AGENT, name="吴桂兰")
        async with county.client(VILLAGE) as browser:
            await sign_in(browser, "wugl")
            case = case_in((await file_case(browser))[0].text)
            await act(browser, case, "custody.offered", to=TOWNSHIP)
            await act(browser, case, "remark.added", text="致电 13800000000")
        await county.exchange(VILLAGE)
        for _ in range(3):
            await county.exchange(TOWNSHIP)
        yield Scene(county, case)


def links_in(page: str) -> list[str]:
    """The steps that the list lets one look at."""
    return [part.partition('"')[0] for part in page.split('href="')[1:] if part.startswith("/line/held/")]


async def released_at(node: OpenNode) -> int:
    return len(await node.store.entries_of_kind(KIND_RELEASED))


async def test_the_county_looks_foresees_and_releases_step_by_step(scene: Scene) -> None:
    county, hub = scene.county, scene.county.nodes[COUNTY]
    assert await scene.states(COUNTY) == {}
    async with county.client(COUNTY) as browser:
        await scene.browse(COUNTY, browser, Role.ADMINISTRATOR)
        assert '/line/held"' in (await browser.get("/line")).text
        listed = (await browser.get("/line/held")).text
        filing, offer, remark = links_in(listed)
        for page in (listed, *[(await browser.get(path)).text for path in (filing, offer, remark)]):
            for secret in (NAME, NUMBER, PHONE, "吴桂兰"):
                assert secret not in page
            strangers = set(re.findall(r"[A-Za-z]{2,}", words_of(page))) - LATIN_IN_CHINESE
            assert strangers <= {"wugl", "Administrator"}

        # The filing first: what comes after it would only wait for it.
        assert "前一步尚未传到本机" in (await browser.get(offer)).text
        page = (await browser.get(filing)).text
        assert "本机尚无此件" in page
        assert "放行后状态" in page
        nothing_said = await browser.post(filing, data=hidden(page, filing) | {"purpose": " "})
        assert nothing_said.status_code == 422
        assert await released_at(hub) == 0
        said = {"purpose": "电话询问代办员，并核对凭条"}
        assert (await browser.post(filing, data=hidden(page, filing) | said, follow_redirects=False)).status_code == 303
        deed = f"line.released {(await scene.entry('case.filed')).hash.hex()[:8]}"
        assert await scene.looks(COUNTY) == [(f"{COUNTY}/administrator", f"{deed}: {said['purpose']}")]
        assert await scene.states(COUNTY) == {"case.filed": "", "custody.offered": "held", "remark.added": "held"}

        # Twice is once; and what is released is in the list no longer.
        again = await browser.post(filing, data=hidden(page, filing) | said)
        assert (again.status_code, await released_at(hub)) == (422, 1)
        assert links_in((await browser.get("/line/held")).text) == [offer, remark]

        # The township had signed for the offer before it heard of the loss: the county may release it.
        page = words_of((await browser.get(offer)).text)
        assert re.search(r"现状态\s+已收件\s+放行后状态\s+移交中", page)
        await browser.post(offer, data=hidden((await browser.get(offer)).text, offer) | said)
        assert await scene.states(COUNTY) == {"case.filed": "", "custody.offered": "", "remark.added": "held"}

    # Whoever holds the steps below hears of it and counts them as well.
    for _ in range(3):
        await county.exchange(TOWNSHIP)
    assert await scene.states(TOWNSHIP) == {"case.filed": "", "custody.offered": "", "remark.added": "held"}
    found = await county.nodes[TOWNSHIP].worklists.get_case(TOWNSHIP, scene.subject)
    assert found.file.offeree == TOWNSHIP


async def test_what_nobody_signed_for_may_have_been_forged_and_stays_held(scene: Scene) -> None:
    hub = scene.county.nodes[COUNTY]
    async with hub.engines.write.begin() as connection:
        await connection.execute(text("DELETE FROM receipts WHERE office <> '510824'"))
    async with scene.county.client(COUNTY) as browser:
        await scene.browse(COUNTY, browser, Role.ADMINISTRATOR)
        listed = (await browser.get("/line/held")).text
        filing, remark = links_in(listed)
        assert "没有其他单位在得知注销前签收过该步骤" in listed
        offer = next(one.name for one in await held_of(hub) if one.entry.kind == "custody.offered")
        page = (await browser.get(f"/line/held/{offer}")).text
        assert "release_unwitnessed" not in page
        assert 'method="post" action="/line/held' not in page
        said = hidden((await browser.get(filing)).text, filing) | {"purpose": "核对"}
        refused = await browser.post(f"/line/held/{offer}", data=said)
        assert (refused.status_code, await released_at(hub)) == (422, 0)
        assert await scene.looks(COUNTY) == []
        assert remark != filing


async def held_of(node: OpenNode) -> list[HeldStep]:
    return (await Releasing(node.books, node.writer).list_held())[0]


async def test_the_township_releases_what_needs_no_pen_from_the_device_that_it_enrolled(scene: Scene) -> None:
    township = scene.county.nodes[TOWNSHIP]
    async with scene.county.client(TOWNSHIP) as browser:
        await scene.browse(TOWNSHIP, browser, Role.ADMINISTRATOR)
        listed = (await browser.get("/line/held")).text
        filing, remark = links_in(listed)
        assert "只能由县中心放行" in listed
        said = {"purpose": "到村核对凭条"}
        for path in (filing, remark):
            page = (await browser.get(path)).text
            answer = await browser.post(path, data=hidden(page, path) | said, follow_redirects=False)
            assert answer.status_code == 303
    assert await released_at(township) == 2
    assert await scene.states(TOWNSHIP) == {"case.filed": "", "custody.offered": "held", "remark.added": ""}


async def test_only_the_administrator_reviews_and_a_village_has_nothing_to_review(scene: Scene) -> None:
    for seat, role, status in (
        (COUNTY, Role.LEADER, 403),
        (TOWNSHIP, Role.CLERK, 403),
        (VILLAGE, Role.ADMINISTRATOR, 200),
    ):
        async with scene.county.client(seat) as browser:
            await scene.browse(seat, browser, role)
            answer = await browser.get("/line/held")
            assert answer.status_code == status
            if status == 403:
                assert "/line/held" not in (await browser.get("/line")).text
            else:
                assert links_in(answer.text) == []
                for name in ("x", "a-1-b-2", "%00", "..%2f"):
                    assert 400 <= (await browser.get(f"/line/held/{name}")).status_code < 500
