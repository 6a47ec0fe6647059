"""The page of the line: why it does not work, since when nobody was heard, and a reason for all that is set aside."""

import re

import pytest

from office.web.i18n import Language
from office.web.line import SILENT_MS
from office.web.pages.line import FINDINGS, finding_words
from schemas.casework.roles import Role
from schemas.names import CaseId, Instant, OfficeId
from sync import watermarks
from sync.core.journal import Draft
from sync.courier import LineState
from sync.exchange import REFUSED_HINTS
from sync.ports import Heard
from sync.second_path import SILENT_MS as LONG_SILENT_MS
from sync.second_path import CountyState
from sync.tables import dispositions
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, OpenNode, WebCounty, sign_in, token_of


async def test_why_the_line_upward_fails_is_told_in_the_readers_language(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    node.line_up = LineState(tried_at=node.clock.now(), succeeded_at=node.clock.now())
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        page = (await browser.get("/line")).text
        assert "最近一次成功" in page
        assert "最近一次未成功" not in page
        node.line_up.code, node.line_up.hint = "revoked_device", "this device was revoked; ask the county"
        page = (await browser.get("/line")).text
        assert "该设备已被注销" in page
        assert "revoked_device" in page


async def test_silence_above_shows_on_every_page_though_nothing_waits(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        assert "已全部送出" in (await browser.get("/cases")).text
    node.clock.at += 10 * SILENT_MS
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        assert "已全部送出" not in (await browser.get("/cases")).text
        page = (await browser.get("/line")).text
        assert "线路不通" in page
        assert "超过一天未联系上" in page
        assert "已全部送出" not in page


@pytest.mark.parametrize("code", ["bad_receipt", "unbelieved_enrolment", "of_next_year"])
async def test_what_is_set_aside_never_stands_there_without_a_reason(county: WebCounty, code: str) -> None:
    """Forged house-keeping, and a reason that only a later version of this program gives."""
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)

    async def drafting() -> list[Draft]:
        return [Draft("remark.added", CaseId(b"c" * 16), b"nonsense")]

    await node.ledger.record(drafting)
    async with node.engines.write.begin() as connection:
        await connection.execute(dispositions.update().values(code=code))
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        (entry,) = (await browser.get("/api/line")).json()["set_aside"]
        assert entry["code"] == code
        assert entry["reason"].endswith("。")
        assert entry["reason"] in (await browser.get("/line")).text


@pytest.mark.parametrize("code", [*FINDINGS, *REFUSED_HINTS])
def test_every_finding_says_what_it_means(code: str) -> None:
    other = finding_words("of_next_year", Language.ZH)
    assert finding_words(code, Language.ZH) != other
    assert finding_words(code, Language.EN) != finding_words(code, Language.ZH)


# --- what the county holds of this computer --------------------------------------------------------------------------


async def light(county: WebCounty) -> None:
    """The county's day ends, and everybody hears of it."""
    await county.nodes[COUNTY].ledger.light_beacon()
    await county.settle()


async def page_of(county: WebCounty, office: OfficeId) -> str:
    async with county.client(office) as browser:
        await sign_in(browser, "wugl")
        return (await browser.get("/line")).text


async def remark(node: OpenNode, number: int) -> None:
    """Some work."""

    async def drafting() -> list[Draft]:
        return [Draft("remark.added", CaseId(number.to_bytes(16, "big")), b"noted")]

    await node.ledger.record(drafting)


@pytest.mark.parametrize("office", [TOWNSHIP, VILLAGE])
async def test_village_and_township_compare_what_the_county_holds_of_them(county: WebCounty, office: OfficeId) -> None:
    node = county.nodes[office]
    await node.hire("wugl", Role.AGENT if office == VILLAGE else Role.CLERK)
    assert "县中心还没有对本机作过说明" in await page_of(county, office)
    await remark(node, 1)
    await county.settle()
    await light(county)
    page = await page_of(county, office)
    size = node.books.tips[node.books.own].size
    heard = watermarks.heard(node.books)
    assert heard is not None
    held = heard.heads[-1].size
    assert f"县中心存到第 {held} 条，本机共 {size} 条" in page
    assert "已全部存到" in page
    assert "县中心列出发给本单位的内容本机均已收到" in page
    assert "已 72 小时没有音讯" not in page
    await remark(node, 2)
    assert "之后的 1 条尚未列入" in await page_of(county, office)


async def test_silence_is_a_notice_after_three_days_and_says_what_to_do(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    await light(county)
    node.clock.at += LONG_SILENT_MS - 60_000
    assert "已 72 小时没有音讯" not in await page_of(county, VILLAGE)
    node.clock.at += 120_000
    page = await page_of(county, VILLAGE)
    assert "已 72 小时没有音讯" in page
    assert "请照常办理" in page
    assert "本机不知道县中心节点的地址" in page
    assert "在下方“写给”中选择县中心" in page
    assert f'<option value="{county.nodes[COUNTY].books.seat.node}">' in page
    node.county_address = "https://county.example"
    node.county_line = CountyState(node.clock.now(), None, "line_down", "the node does not answer")
    page = await page_of(county, VILLAGE)
    assert "在此期间本机直接与县中心节点联系" in page
    assert "上级节点没有应答" in page


async def test_what_was_sent_and_is_not_here_is_told_and_accuses_nobody(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    await light(county)
    memory = watermarks.memory_of(node.books)
    place = node.books.own
    memory.heard = Heard(b"m" * 8, place, 1, Instant(1), Instant(1), 2, bytes(32), 1, lacking=[(b"x" * 8, Instant(1))])
    page = await page_of(county, VILLAGE)
    assert "有 1 条本机没有" in page
    assert "缺一份说明" in page
    assert "1970-01-01 08:00" in page


async def test_the_county_has_no_such_section(county: WebCounty) -> None:
    await county.nodes[COUNTY].hire("wugl", Role.CLERK)
    assert 'id="watermark"' not in await page_of(county, COUNTY)


async def test_the_section_is_whole_in_english(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    await remark(node, 1)
    await county.settle()
    await light(county)
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        await browser.post("/language", data={"language": "en", "_csrf_token": await token_of(browser)})
        page = (await browser.get("/line")).text
    section = page[page.index('id="watermark"') :].partition("</section>")[0]
    assert "held at the county up to number" in section
    assert not re.search("[\u4e00-\u9fff]", section)
