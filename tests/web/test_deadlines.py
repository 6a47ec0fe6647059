"""The countdown on every list, every term on the case's page, and the page of reminders."""

from tests.web.county import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Client, WebCounty, sign_in
from tests.web.test_pages import act, case_in, file_case

DAY_H = 24


async def test_the_agent_and_the_township_see_one_countdown_and_are_reminded(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = case_in((await file_case(agent, item="MZ06"))[0].text)
    village, township = county.nodes[VILLAGE], county.nodes[TOWNSHIP]
    assert "剩 1 个工作日" in (await agent.get("/cases")).text, "the village passes a case on within a day"
    await act(agent, case, "custody.offered", to=TOWNSHIP)
    await county.settle()
    await act(clerk, case, "custody.accepted")
    await county.settle()
    for browser in (agent, clerk):
        assert "剩 15 个工作日" in (await browser.get("/cases")).text
        page = (await browser.get(case)).text
        for words in ("承诺时限", "法定时限", "自受理之日起", "15 个工作日", "计时中", "村级经办"):
            assert words in page
    assert "没有逾期件" in (await clerk.get("/cases?queue=overdue")).text

    for node in (village, township):
        node.clock.advance(hours=40 * DAY_H)
        await node.reminders.tend()
    for browser, login in ((agent, "wugl"), (clerk, "zhoumin")):
        await sign_in(browser, login)
        assert case in (await browser.get("/cases?queue=overdue")).text
        assert "逾期" in (await browser.get(case)).text
        reminders = (await browser.get("/reminders")).text
        assert "承诺时限：已逾期" in reminders
        assert case in reminders
        listed = (await browser.get("/api/cases?queue=overdue")).json()
        (due,) = listed["due"].values()
        assert due["kind"] == "promised"
        assert due["is_overdue"]
        clocks = (await browser.get(f"/api{case}")).json()["clocks"]
        assert {"promised", "legal", "village", "acceptance", "step"} <= {clock["kind"] for clock in clocks}


async def test_nobody_is_reminded_of_cases_that_their_office_does_not_read(county: WebCounty, agent: Client) -> None:
    case = case_in((await file_case(agent))[0].text)
    await county.settle()
    township = county.nodes[TOWNSHIP]
    township.clock.advance(hours=40 * DAY_H)
    await township.reminders.tend()
    assert [one.case.hex() for one in await township.reminders.latest(TOWNSHIP, 10)] == [case.rpartition("/")[2]]
    assert await township.reminders.latest(OTHER_VILLAGE, 10) == []
    assert len(await township.reminders.latest(COUNTY, 10)) == 1


async def test_the_queues_by_due_day_begin_with_the_most_urgent(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    cases = [case_in((await file_case(agent, item=item))[0].text) for item in ("RS02", "MZ06")]
    for case in cases:
        await act(agent, case, "custody.offered", to=TOWNSHIP)
    await county.settle()
    for case in cases:
        await act(clerk, case, "custody.accepted")
    newest_first = (await clerk.get("/api/cases?queue=open")).json()["cases"]
    county.nodes[TOWNSHIP].clock.advance(hours=60 * DAY_H)
    await sign_in(clerk, "zhoumin")
    urgent_first = (await clerk.get("/api/cases?queue=overdue")).json()["cases"]
    assert [f"/cases/{one['case']}" for one in urgent_first] == cases, "promised in 10 and in 15 working days"
    assert len(newest_first) == 2
