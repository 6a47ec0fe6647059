"""The pages of a case that was erased by law: plain words, no person, nothing left to do."""

import re
from datetime import date
from typing import cast

import pytest

from office.erasure_orders import ErasureOrders, Order
from office.projection import SqlCases
from office.retention import Retention
from schemas.casework.roles import Role
from schemas.names import CaseId, OfficerId
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, Client, WebCounty, json_of, sign_in, token_of
from tests.web.test_languages import LATIN_IN_CHINESE, words_of
from tests.web.test_pages import NAME, NUMBER, PHONE, act, case_in, file_case

GROUND = "保管期限届满"


async def erase(county: WebCounty, case: str) -> None:
    """The county orders it, with the two people whom that takes."""
    node = county.nodes[COUNTY]
    await node.hire("zhang", Role.SUPERVISOR)
    await node.hire("li", Role.LEADER)
    orders = ErasureOrders(
        node.ledger,
        node.casebook,
        cast("SqlCases", None),
        node.engines.read,
        Retention(),
        lambda: date(2026, 3, 6),
        node.accounts.check_officer,
        node.accounts.check_leader,
    )
    people = (OfficerId(f"{COUNTY}/zhang"), OfficerId(f"{COUNTY}/li"))
    await orders.order(Order(CaseId(bytes.fromhex(case)), *people, GROUND, is_early=True))
    await county.settle()


@pytest.fixture
async def gone(county: WebCounty, agent: Client) -> str:
    """A case that was withdrawn and then erased: its page."""
    _, filed = await file_case(agent)
    page = (await agent.get("/cases")).text
    case = case_in(page) if not filed.get("case") else filed["case"]
    await act(agent, case, "case.withdrawn", reason="居民撤回")
    await county.settle()
    await erase(county, case.rpartition("/")[2])
    return case


async def test_the_page_says_in_both_languages_what_was_erased_and_why(
    county: WebCounty, agent: Client, clerk: Client, gone: str
) -> None:
    for browser in (agent, clerk):
        for language, said in (("zh-CN", "依法删除"), ("en", "was erased by law")):
            sent = {"language": language, "back": gone, "_csrf_token": await token_of(browser)}
            await browser.post("/language", data=sent, follow_redirects=False)
            page = await browser.get(gone)
            assert page.status_code == 200
            words = words_of(page.text)
            assert said in words
            assert GROUND in words
            assert NAME not in page.text
            assert NUMBER not in page.text
            assert PHONE not in page.text
            if language == "zh-CN":
                assert not set(re.findall(r"[A-Za-z]{2,}", words)) - LATIN_IN_CHINESE - {"wugl", "zhoumin"}
        assert f"{gone}/acts/" not in page.text
        assert f"{gone}/proof" in page.text, "what is proved stays proved"


async def test_the_interface_for_programs_says_the_same(county: WebCounty, agent: Client, gone: str) -> None:
    found = json_of(await agent.get(f"/api{gone}"))["case"]
    assert found["erased_ground"] == GROUND
    assert found["summary"]["applicant"] == ""
    assert found["summary"]["tracking"] == ""
    assert found["document_number"] == ""
    assert {step["state"] for step in found["steps"] if not step["kind"].startswith("line.")} == {"erased"}
    listed = json_of(await agent.get("/api/cases"))
    assert NAME not in str(listed)


async def test_nobody_finds_the_case_by_its_person(county: WebCounty, agent: Client, gone: str) -> None:
    page = await agent.get("/cases", params={"search": NAME[:1]})
    assert gone not in page.text
    async with county.client(TOWNSHIP) as browser:
        await county.nodes[TOWNSHIP].hire("leader", Role.LEADER)
        await sign_in(browser, "leader")
        assert (await browser.get(gone)).status_code == 200
    assert VILLAGE in county.nodes
