"""What an office answered on a case, as the page that is printed for the resident, at the village and the township."""

import re
from datetime import date
from typing import Any

import pytest
from msgspec import structs

from office.access_log import AccessLog
from office.receiving import Receiving
from schemas.casework.roles import Role
from schemas.names import CaseId, OfficeId
from schemas.opening_texts import parse_rule
from schemas.register import OpeningPublished
from tests.web.county import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Client, WebCounty, sign_in, token_of
from tests.web.test_handling import DAY, done, offered
from tests.web.test_languages import words_of
from tests.web.test_pages import NAME, NUMBER, PHONE, act, case_in, file_case, hidden
from tests.web.test_people import by, state

MASKED = "王**"
GAPS = [f"第{number}项材料" for number in range(1, 9)]
REFUSAL = {"reason": "户籍不在本县", "basis": "就业促进法", "remedy": "六十日内可申请行政复议"}


async def answer(browser: Client, case: str, turn: int = 0) -> str:
    """The words of the printed page, with single blanks."""
    page = await browser.get(f"{case}/answer?turn={turn}")
    assert page.status_code == 200, words_of(page.text)
    return said_in(page.text)


def said_in(page: str) -> str:
    return " ".join(words_of(page).split())


def look_form(page: str) -> str:
    """Where the form goes that asks for a look."""
    found = re.search(r'action="(/cases/[0-9a-f]+/answer\?turn=\d+)"', page)
    assert found is not None
    return found.group(1)


async def looks_at(county: WebCounty, office: OfficeId, case: str) -> list[str]:
    node = county.nodes[office]
    log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
    return [look.purpose for look in await log.looks_at(CaseId(bytes.fromhex(case.rpartition("/")[2])))]


async def test_village_and_township_print_everything_that_is_missing(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    for office in (VILLAGE, TOWNSHIP):
        node = county.nodes[office]
        node.settings = structs.replace(
            node.settings,
            query_address="https://cangxi.example/query",
            service_phone="0839-5220000",
            complaint_phone="0839-5221111",
        )
    opening = OpeningPublished(
        *by(TOWNSHIP, 1, "zhoumin"), TOWNSHIP, date(2027, 1, 1), (parse_rule("周二 09:00-12:00"),), "2号"
    )
    await state(county, TOWNSHIP, opening)
    case = await offered(county, agent, "RS05")
    await done(clerk, case, "papers.requested", materials=GAPS, reason="材料不全", until="2027-01-25")
    await county.settle()
    tracking = (await agent.get("/api" + case)).json()["case"]["summary"]["tracking"]
    for browser in (agent, clerk):
        assert f'href="{case}/answer"' in (await browser.get(case)).text
        page = (await browser.get(f"{case}/answer")).text
        assert "<svg" in page
        assert NUMBER not in page
        assert PHONE not in page
        words = said_in(page)
        for part in ("一次性告知书", tracking, NAME, *GAPS, "材料不全", "补正期限 2027-01-25"):
            assert part in words
        for part in ("0839-5220000", "0839-5221111", "https://cangxi.example/query", "陵江镇（盖章）", DAY):
            assert part in words
        assert "下次在岗日 陵江镇 · 2027-01-19 周二 09:00-12:00" in words
        assert "补正地点 白观村村民委员会，或者陵江镇" in words
        assert "首次未告知的原因" not in words

    await done(agent, case, "papers.brought", materials=GAPS)
    await county.settle()
    await done(clerk, case, "papers.received", materials=GAPS)
    await done(clerk, case, "papers.requested", materials=["一寸照片"], reason="缺少照片", justification="首次漏看")
    await county.settle()
    words = await answer(agent, case)
    for part in ("一寸照片", "缺少照片", "本次为第 2 次告知。 首次漏看"):
        assert part in words
    first, second = (int(one.split('"')[0]) for one in (await agent.get(case)).text.split("/answer?turn=")[1:])
    assert GAPS[7] in await answer(agent, case, first)
    assert await answer(agent, case, second) == words


async def test_the_acceptance_says_by_when_and_what_may_come_later(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    (later,) = re.findall(r'name="(material-\d+-until)"', (await agent.get("/filing/NY01")).text)
    slip, _ = await file_case(agent, "NY01", **{later.removesuffix("-until"): "deferred", later: "2027-01-20"})
    case = case_in(slip.text)
    await done(agent, case, "custody.offered", to=TOWNSHIP)
    await county.settle()
    await done(clerk, case, "custody.accepted", promises=["住房设计图", "2027-01-20"])
    await county.settle()
    for browser in (agent, clerk):
        words = await answer(browser, case)
        for part in (
            "受理通知书",
            "现予受理",
            f"受理日期 {DAY}",
            "受理单位 陵江镇",
            "承诺办结日 2027-",
            "法定办结日 2027-",
            "容缺后补 住房设计图 · 2027-01-20 前补交",
        ):
            assert part in words
        assert NAME in words
        assert "视为受理" not in words
    await clerk.post("/language", data={"language": "en", "_csrf_token": await token_of(clerk)})
    words = await answer(clerk, case)
    for part in ("Notice of acceptance", "Promised decision", "By law at the latest", "provisional"):
        assert part in words


async def test_an_acceptance_by_silence_says_so(county: WebCounty, agent: Client, clerk: Client) -> None:
    township = county.nodes[TOWNSHIP]
    receiving = Receiving(township.ledger, township.casebook, TOWNSHIP)
    case = await offered(county, agent, "NY01")
    await receiving.receive()
    township.clock.advance(hours=20 * 24)
    await sign_in(clerk, "zhoumin")
    refused = await clerk.get(f"{case}/answer")
    assert refused.status_code == 404, "nobody has written an answer yet"
    await done(clerk, case, "custody.accepted")
    words = await answer(clerk, case)
    assert f"依法自 {DAY} 起视为受理" in words
    assert f"受理日期 {DAY}" in words


async def test_who_did_not_accept_seals_the_paper_and_the_village_hands_it_over(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = await offered(county, agent, "RS05")
    await done(clerk, case, "acceptance.refused", **REFUSAL)
    await county.settle()
    words = await answer(agent, case)
    for part in ("不予受理通知书", NAME, *REFUSAL.values()):
        assert part in words
    # That very act took the case from the township: the name is masked there, and shown by a recorded look.
    page = (await clerk.get(f"{case}/answer")).text
    assert MASKED in page
    assert NAME not in page
    assert REFUSAL["remedy"] in page
    path = look_form(page)
    silent = await clerk.post(path, data=hidden(page, path) | {"purpose": " "})
    assert silent.status_code == 422
    assert NAME not in silent.text
    shown = await clerk.post(path, data=hidden(page, path) | {"purpose": "盖章送达"})
    assert shown.status_code == 200
    assert NAME in shown.text
    assert await looks_at(county, TOWNSHIP, case) == ["盖章送达"]


async def test_who_did_not_accept_after_a_notice_seals_the_paper_too(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = await offered(county, agent, "RS05")
    await done(clerk, case, "papers.requested", materials=GAPS[0], reason="缺少材料")
    await done(clerk, case, "acceptance.refused", **REFUSAL)
    page = (await clerk.get(f"{case}/answer")).text
    assert NAME not in page
    path = look_form(page)
    shown = await clerk.post(path, data=hidden(page, path) | {"purpose": "盖章送达"})
    assert NAME in shown.text
    assert await looks_at(county, TOWNSHIP, case) == ["盖章送达"]


@pytest.mark.parametrize("kind", ["papers.requested", "custody.accepted", "acceptance.refused"])
async def test_those_above_see_neither_name_nor_papers_without_a_recorded_look(
    county: WebCounty, agent: Client, clerk: Client, kind: str
) -> None:
    fields: dict[str, dict[str, Any]] = {
        "papers.requested": {"materials": "重度残疾证明", "reason": "缺少残疾证明"},
        "custody.accepted": {},
        "acceptance.refused": REFUSAL,
    }
    case = await offered(county, agent, "RS05")
    await done(clerk, case, kind, **fields[kind])
    await county.settle()
    await county.nodes[COUNTY].hire("wang", Role.SUPERVISOR)
    async with county.client(COUNTY) as above:
        await sign_in(above, "wang")
        page = (await above.get(f"{case}/answer")).text
        for secret in (NAME, "残疾"):
            assert secret not in page
        path = look_form(page)
        shown = (await above.post(path, data=hidden(page, path) | {"purpose": "督办核实"})).text
        assert NAME in shown
        assert ("残疾" in shown) == (kind == "papers.requested")
    assert await looks_at(county, COUNTY, case) == ["督办核实"]


async def test_an_office_that_only_remembers_the_case_prints_no_name(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = await offered(county, agent, "RS01")
    await done(clerk, case, "custody.accepted")
    await done(clerk, case, "custody.offered", to=COUNTY)
    await county.settle()
    await county.nodes[COUNTY].hire("li", Role.CLERK)
    async with county.client(COUNTY) as above:
        await sign_in(above, "li")
        await done(above, case, "custody.accepted")
        assert NAME in await answer(above, case)
    await county.settle()
    words = await answer(clerk, case)
    assert MASKED in words
    assert NAME not in words
    assert "本页有信息对本单位不显示" in words
    refused = await clerk.post(f"{case}/answer", data={"purpose": "补打", "_csrf_token": await token_of(clerk)})
    assert refused.status_code == 403
    assert await looks_at(county, TOWNSHIP, case) == []


async def test_what_was_refused_and_reopened_is_not_printed_as_if_it_stood(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = await offered(county, agent, "NY01")
    await done(clerk, case, "custody.accepted")
    await done(clerk, case, "papers.requested", materials=GAPS[0], reason="缺少材料")
    await done(clerk, case, "case.terminated", reason="逾期未补正", basis="条例第八条")
    await county.nodes[TOWNSHIP].hire("wang", Role.LEADER, name="王镇长")
    await done(clerk, case, "case.reopened", reason="申请人已补正", approver=f"{TOWNSHIP}/wang")
    assert "受理通知书" in await answer(clerk, case)


async def test_where_nothing_was_answered_there_is_nothing_to_print(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = case_in((await file_case(agent, "RS05"))[0].text)
    assert f"{case}/answer" not in (await agent.get(case)).text
    refused = await agent.get(f"{case}/answer")
    assert refused.status_code == 404
    assert "没有可打印的答复" in words_of(refused.text)
    told = await agent.get(f"{case}/answer", headers={"accept": "application/json"})
    assert told.json()["code"] == "no_such_answer"
    await act(agent, case, "custody.offered", to=TOWNSHIP)
    await county.settle()
    await done(clerk, case, "papers.requested", materials="户口簿", reason="缺少户口簿")
    await county.settle()
    assert (await agent.get(f"{case}/answer?turn=1")).status_code == 404
    assert (await agent.get(f"{case}/answer?turn=-1")).status_code == 400
    await county.nodes[OTHER_VILLAGE].hire("sun", Role.AGENT)
    async with county.client(OTHER_VILLAGE) as stranger:
        await sign_in(stranger, "sun")
        unknown = await stranger.get(f"{case}/answer")
        assert unknown.status_code == 404
        assert NAME not in unknown.text
