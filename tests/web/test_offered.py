"""What pages offer and in which order: the menu, the next steps, the name at the top, the marks beside a step."""

import re

import pytest

from office.worklists import PAGE_CASES
from schemas.casework.roles import Role
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, WINDOW, Client, WebCounty, sign_in, token_of
from tests.web.test_pages import NAME, act, case_in, file_case, hidden, offered_case


def menu_of(page: str) -> list[str]:
    """Where the menu leads."""
    return re.findall(r'<li><a href="(/\w+)"', page[: page.index("</nav>")])


@pytest.mark.parametrize(
    ("role", "menu"),
    [
        (Role.AGENT, ["/cases", "/filing", "/line", "/people"]),
        (Role.SUPERVISOR, ["/cases", "/line", "/people"]),
        (Role.ADMINISTRATOR, ["/line", "/people", "/devices"]),
    ],
)
async def test_the_menu_leads_nobody_to_a_closed_door(county: WebCounty, role: Role, menu: list[str]) -> None:
    await county.nodes[TOWNSHIP].hire("somebody", role)
    async with county.client(TOWNSHIP) as browser:
        await sign_in(browser, "somebody")
        start = await browser.get("/")
        assert (start.status_code, start.url.path) == (200, menu[0])
        assert menu_of(start.text) == menu
        for path in ("/cases", "/filing", "/line", "/people"):
            answer = await browser.get(path)
            assert answer.status_code == (200 if path in menu else 403)
            assert answer.status_code == 200 or '<a class="button second" href="/">返回首页</a>' in answer.text


def acts_in(page: str) -> list[str]:
    """The forms of a case's page, in their order."""
    return re.findall(r'action="/cases/\w+/acts/([a-z._]+)"', page)


async def test_what_comes_next_stands_first_and_what_is_grave_last(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = case_in((await file_case(agent, "WJ01"))[0].text)
    page = (await agent.get(case)).text
    assert acts_in(page) == ["custody.offered", "papers.brought", "remark.added", "case.withdrawn"]
    # On a telephone too the steps come before what is past, and the title leads to them.
    assert page.index('href="#acts"') < page.index('id="acts"') < page.index('class="timeline"')
    await act(agent, case, "papers.brought", materials="户口簿")
    assert acts_in((await agent.get(case)).text)[:2] == ["papers.received", "custody.offered"]
    await act(agent, case, "custody.offered", to=TOWNSHIP)
    assert acts_in((await agent.get(case)).text) == ["papers.brought", "remark.added", "recall.requested"]
    await county.settle()
    offered = acts_in((await clerk.get(case)).text)
    # Finished while the resident waits, or at least accepted; all that may be answered together, the rest under «more».
    assert offered[:2] == ["case.decided_at_once", "custody.accepted"]
    assert offered[2:5] == ["papers.requested", "custody.declined", "acceptance.refused"]
    page = (await clerk.get(case)).text
    assert page.index("acceptance.refused") < page.index("更多步骤") < page.index("remark.added")
    await act(clerk, case, "custody.accepted")
    await act(clerk, case, "papers.received", materials="户口簿")
    assert acts_in((await clerk.get(case)).text)[0] == "case.decided"
    await act(clerk, case, "case.decided", outcome="granted", reason="符合条件", basis="某条例第三条")
    assert acts_in((await clerk.get(case)).text)[:2] == ["custody.offered", "result.handed_over"]
    await act(clerk, case, "custody.offered", to=VILLAGE)
    await county.settle()
    await act(agent, case, "custody.accepted")
    assert acts_in((await agent.get(case)).text)[0] == "result.handed_over"


async def test_an_officer_of_a_window_reads_the_window_s_name(county: WebCounty) -> None:
    await county.nodes[COUNTY].hire("li", Role.CLERK, office=WINDOW)
    async with county.client(COUNTY) as browser:
        await sign_in(browser, "li")
        slip, _ = await file_case(browser)
        for page in (slip.text, (await browser.get("/cases")).text):
            assert '<span class="brand-office">人社局窗口</span>' in page
        assert re.search(r"<p>[^<]+ · 人社局窗口</p>", slip.text)
        # At the county there is nobody above who would have to sign.
        assert "传送情况" not in (await browser.get("/cases")).text


async def test_everything_that_a_search_finds_can_be_turned_to(county: WebCounty, agent: Client) -> None:
    cases = {case_in((await file_case(agent))[0].text) for _ in range(PAGE_CASES + 2)}
    action, found = "/cases/search", set[str]()
    page = (await agent.get("/cases")).text
    sent = hidden(page, action) | {"search": NAME[:2]}
    for number, others in (("1", "2"), ("2", "1")):
        answer = (await agent.post(action, data=sent | {"page": number})).text
        found |= set(re.findall(r"/cases/[0-9a-f]{32}", answer))
        pager = answer[answer.index('<form class="pager"') :]
        assert re.findall(r'name="page" value="(\d+)"', pager) == [others]
        assert hidden(pager, action)["search"] == NAME[:2]
    assert found == cases
    for nonsense in ("0", "-1", "99999", "²", "zwei"):
        answer = await agent.post(action, data=sent | {"page": nonsense})
        assert answer.status_code == 200
        assert 'value="-' not in answer.text
    api = "/api/cases/search"
    headers = {"x-csrftoken": await token_of(agent)}
    answer = await agent.post(api, json={"search": NAME[:2], "page": 2}, headers=headers)
    assert len(answer.json()["cases"]) == 2


async def test_a_leader_s_act_at_a_restored_office_is_marked_as_not_yet_confirmed(
    county: WebCounty, agent: Client
) -> None:
    """The township was rolled back and the village has yet to tell it how its cases went on (RULINGS B5)."""
    case = await offered_case(county, agent)
    township = county.nodes[TOWNSHIP]
    township.books.links[county.nodes[VILLAGE].books.seat.node].quarantined = True
    await township.hire("zhou", Role.CLERK)
    await township.hire("wang", Role.LEADER)
    async with county.client(TOWNSHIP) as browser:
        await sign_in(browser, "zhou")
        page = (await browser.get(case)).text
        assert "只能由值班领导办理，并标注“待核对”" in page
        assert "custody.accepted" not in acts_in(page)
        await sign_in(browser, "wang")
        assert (await act(browser, case, "custody.accepted")).status_code == 303
        headers = {"x-csrftoken": await token_of(browser)}
        note: dict[str, object] = {"kind": "act.unconfirmed", "operation": "02" * 8, "fields": {}}
        refused = await browser.post(f"/api{case}/acts", json=note, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (409, "unknown_act")
        page = (await browser.get(case)).text
        steps = (await browser.get("/api" + case)).json()["case"]["steps"]
    timeline = page[page.index('class="timeline"') :]
    assert timeline.count('<span class="tag wait">待核对</span>') == 1
    assert "“接收”这一步，是该单位数据恢复后尚未补齐时由值班领导办理的" in timeline
    told = [(step["kind"], step["about"], step["is_unconfirmed"]) for step in steps]
    assert told == [
        ("case.filed", "", False),
        ("custody.offered", "", False),
        ("custody.accepted", "", True),
        ("act.unconfirmed", "custody.accepted", False),
    ]
