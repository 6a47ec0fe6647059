"""The page of the line: why it does not work, since when nobody was heard, and a reason for all that is set aside."""

import pytest

from office.web.i18n import Language
from office.web.line import SILENT_MS
from office.web.pages.line import FINDINGS, finding_words
from schemas.casework.roles import Role
from schemas.names import CaseId
from sync.core.journal import Draft
from sync.courier import LineState
from sync.exchange import REFUSED_HINTS
from sync.tables import dispositions
from tests.web.county import VILLAGE, WebCounty, sign_in


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
