"""Posts and desks at work: a deputy on market day, an agent whose term ends, two officers at one computer."""

from datetime import date

import pytest

from office.publishing import records_of
from schemas.casework.clocks import day_of
from schemas.casework.events import decode_event
from schemas.casework.roles import Role
from schemas.names import OPERATION_BYTES, CaseId, OfficeId, OfficerId
from schemas.opening_texts import parse_rule
from schemas.refusals import Refused
from schemas.register import (
    AbsenceStated,
    OpeningPublished,
    Position,
    PostAssigned,
    Published,
    SlotsPublished,
)
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, Client, WebCounty, json_of, sign_in, token_of
from tests.web.people import PASSWORD
from tests.web.test_handling import done, offered, options_of
from tests.web.test_languages import words_of
from tests.web.test_offered import acts_in
from tests.web.test_pages import case_in, file_case, hidden

FRIDAY, SATURDAY = date(2027, 1, 15), date(2027, 1, 16)
"""The clock of these stories stands on that Friday, a market day."""
DESK = OfficeId(f"{TOWNSHIP}.mz")
DAY_MINUTES = 24 * 60

LI, CHEN, WANG = (OfficerId(f"{TOWNSHIP}/{login}") for login in ("li", "chen", "wang"))


def text(page: str) -> str:
    """The words of a page, with one blank between them."""
    return " ".join(words_of(page).split())


async def state(county: WebCounty, seat: OfficeId, *events: Published) -> None:
    """Publish statements at an office, and let them travel."""
    node = county.nodes[seat]
    for event in events:
        await node.publishing.publish(records_of(event))
    await county.settle()


def by(seat: OfficeId, operation: int, login: str = "wang") -> tuple[bytes, OfficeId, OfficerId]:
    """The author of a statement."""
    return operation.to_bytes(OPERATION_BYTES, "big"), seat, OfficerId(f"{seat}/{login}")


def post(
    operation: int,
    person: OfficerId,
    name: str,
    position: Position,
    *items: str,
    first: date = date(2027, 1, 1),
    last: date | None = None,
    code: str = "mz-1",
) -> PostAssigned:
    """The township gives somebody a post."""
    at = OfficeId(person.partition("/")[0])
    title = {"mz-1": "民政岗"}.get(code, code)
    return PostAssigned(
        *by(TOWNSHIP, operation), code, at, title, person, name, position, items, first, last, "云府〔2027〕1号"
    )


@pytest.fixture
async def staffed(county: WebCounty) -> WebCounty:
    """Li approves and holds the post, Chen is a clerk and her deputy, Wang leads."""
    township = county.nodes[TOWNSHIP]
    await township.hire("li", Role.CLERK, Role.APPROVER, name="李明")
    await township.hire("chen", Role.CLERK, name="陈静")
    await township.hire("wang", Role.LEADER, name="王镇长")
    await state(
        county,
        TOWNSHIP,
        post(101, LI, "李明", Position.PRIMARY, "WJ02"),
        post(102, CHEN, "陈静", Position.DEPUTY, "WJ02"),
    )
    return county


# --- a deputy --------------------------------------------------------------------------------------------------------


async def test_the_holder_is_away_on_market_day_and_the_deputy_decides_in_both_names(
    staffed: WebCounty, agent: Client
) -> None:
    county = staffed
    case = await offered(county, agent, "WJ02")
    async with county.client(TOWNSHIP) as deputy:
        await sign_in(deputy, "chen")
        await done(deputy, case, "custody.accepted")
        assert "case.decided" not in acts_in((await deputy.get(case)).text)
        assert "李明" in text((await deputy.get(case)).text)

        await state(county, TOWNSHIP, AbsenceStated(*by(TOWNSHIP, 1), LI, FRIDAY, FRIDAY, CHEN, "赶场天下村"))
        page = (await deputy.get(case)).text
        assert "陈静（代 李明）" in text(page)
        assert "您今日代理 李明 的岗位" in text((await deputy.get("/cases")).text)
        await done(deputy, case, "case.decided", outcome="granted", reason="符合条件", basis="社会救助暂行办法")
        await county.settle()
        for seat, browser in ((TOWNSHIP, deputy), (VILLAGE, agent)):
            decided = text((await browser.get(case)).text)
            assert "陈静（代 李明）" in decided, seat

        county.nodes[TOWNSHIP].clock.advance(minutes=DAY_MINUTES)
        await sign_in(deputy, "chen")
        assert json_of(await deputy.get("/api/session"))["roles"] == ["clerk"]
    held = county.nodes[COUNTY].people
    assert [one.person for one in held.post_holders(TOWNSHIP, "WJ02", FRIDAY)] == [LI, CHEN]
    assert held.stood_in_for(CHEN, FRIDAY) == ("李明",)
    assert held.stood_in_for(CHEN, SATURDAY) == ()


async def test_an_absent_leader_is_not_asked_for_leave_and_the_deputy_is(staffed: WebCounty, agent: Client) -> None:
    county = staffed
    case = await offered(county, agent, "NY01")
    async with county.client(TOWNSHIP) as clerk:
        await sign_in(clerk, "li")
        await done(clerk, case, "custody.accepted")
        assert options_of((await clerk.get(case)).text, "term-extended-approver") == [WANG]
        await state(county, TOWNSHIP, AbsenceStated(*by(TOWNSHIP, 1), WANG, FRIDAY, FRIDAY, CHEN, "县里开会"))
        assert options_of((await clerk.get(case)).text, "term-extended-approver") == [CHEN]


async def test_what_waits_is_shown_to_who_answers_for_it_and_what_nobody_answers_for_to_everybody(
    staffed: WebCounty, agent: Client
) -> None:
    county = staffed
    relief, unassigned = await offered(county, agent, "WJ02"), await offered(county, agent, "MZ03")
    async with county.client(TOWNSHIP) as browser:

        async def waiting(login: str) -> set[str]:
            await sign_in(browser, login)
            page = (await browser.get("/cases?queue=waiting")).text
            return {case for case in (relief, unassigned) if case in page}

        assert await waiting("li") == {relief, unassigned}
        assert await waiting("chen") == {unassigned}
        await state(county, TOWNSHIP, AbsenceStated(*by(TOWNSHIP, 1), LI, FRIDAY, FRIDAY, CHEN, "下村"))
        assert await waiting("chen") == {relief, unassigned}
        listed = text((await browser.get("/cases?queue=waiting")).text)
        assert "陈静（代 李明）" in listed
        assert "无专岗，本单位人员均可办理" in listed
        await state(county, TOWNSHIP, AbsenceStated(*by(TOWNSHIP, 2), CHEN, FRIDAY, FRIDAY, LI, "病假"))
        assert await waiting("chen") == {relief, unassigned}
        assert "民政岗今日无人在岗" in text((await browser.get("/cases?queue=waiting")).text)
        assert json_of(await browser.get("/api/cases?queue=waiting"))["total"] == 2


# --- an agent's term -------------------------------------------------------------------------------------------------


async def test_an_agent_whose_term_is_over_files_nothing_new_and_hands_over_what_is_in_hand(
    staffed: WebCounty, agent: Client
) -> None:
    county, zhang = staffed, OfficerId(f"{VILLAGE}/wugl")
    term = post(1, zhang, "吴桂兰", Position.AGENT, code="db-1", last=FRIDAY)
    await state(county, TOWNSHIP, term)
    case = case_in((await file_case(agent, "WJ02"))[0].text)
    for node in county.nodes.values():
        node.clock.advance(minutes=DAY_MINUTES)
    await sign_in(agent, "wugl")
    page = await file_case(agent, "WJ02")
    assert page[0].status_code == 422
    assert "您的代办员聘期已于 2027-01-15 期满" in text(page[0].text)
    await done(agent, case, "custody.offered", to=TOWNSHIP)

    await county.nodes[VILLAGE].hire("sunli", Role.AGENT, name="孙丽")
    sun = OfficerId(f"{VILLAGE}/sunli")
    await state(county, TOWNSHIP, post(2, sun, "孙丽", Position.AGENT, code="db-1", first=SATURDAY))
    assert (await agent.get(case, follow_redirects=False)).status_code == 303
    csrf = {"x-csrftoken": await token_of(agent)}
    refused = await agent.post("/api/session", json={"login": "wugl", "password": PASSWORD}, headers=csrf)
    assert (refused.status_code, json_of(refused)["code"]) == (401, "no_post_today")
    await sign_in(agent, "sunli")
    assert (await file_case(agent, "WJ02"))[0].status_code == 200


async def test_a_village_never_lengthens_its_own_agent_s_term(county: WebCounty, agent: Client) -> None:
    zhang = OfficerId(f"{VILLAGE}/wugl")
    term = PostAssigned(
        *by(VILLAGE, 1, "wugl"), "db-1", VILLAGE, "代办岗", zhang, "吴桂兰", Position.AGENT, (), FRIDAY, None, "自聘"
    )
    with pytest.raises(Refused) as refused:
        await state(county, VILLAGE, term)
    assert refused.value.code == "not_ours_to_publish"


# --- two officers, one computer --------------------------------------------------------------------------------------


async def test_the_author_is_who_was_signed_in_when_the_act_was_written_whenever_it_is_sent(
    county: WebCounty, agent: Client
) -> None:
    """The line is down all day; Wu files, goes home, Sun takes her place at the same browser; it is sent at night."""
    await county.nodes[VILLAGE].hire("sunli", Role.AGENT, name="孙丽")
    case = case_in((await file_case(agent))[0].text)
    form = hidden((await agent.get(case)).text, f"{case}/acts/custody.offered")
    await agent.post("/sign-out", data={"_csrf_token": await token_of(agent)})
    await sign_in(agent, "sunli")
    # The form that Wu left open is sent by Sun: it is Sun's act.
    sent = await agent.post(f"{case}/acts/custody.offered", data=form | {"to": TOWNSHIP}, follow_redirects=False)
    assert sent.status_code == 303
    await agent.post("/sign-out", data={"_csrf_token": await token_of(agent)})
    await sign_in(agent, "wugl")
    await done(agent, case, "remark.added", text="晚上补记")
    await agent.post("/sign-out", data={"_csrf_token": await token_of(agent)})
    await sign_in(agent, "sunli")
    await county.settle()
    entries = await county.nodes[COUNTY].store.entries_about([CaseId(bytes.fromhex(case.rpartition("/")[2]))])
    events = [decode_event(entry.kind, entry.body or b"") for entry in entries]
    authors = {event.kind: event.officer.rpartition("/")[2] for event in events if event.office == VILLAGE}
    assert authors == {"case.filed": "wugl", "custody.offered": "sunli", "remark.added": "wugl"}


# --- desks and slots -------------------------------------------------------------------------------------------------


async def test_the_next_day_of_a_rotating_desk_is_on_the_notice_and_on_the_slip(
    staffed: WebCounty, agent: Client
) -> None:
    county = staffed
    rules = (parse_rule("周二 09:00-12:00"),)
    at_the_desk = PostAssigned(
        *by(TOWNSHIP, 1), "mz-2", DESK, "民政窗口", LI, "李明", Position.PRIMARY, ("WJ02",), FRIDAY, None, "1号"
    )
    await state(
        county, TOWNSHIP, at_the_desk, OpeningPublished(*by(TOWNSHIP, 2), DESK, FRIDAY, rules, "云府〔2027〕2号")
    )
    staffed_on = "下次在岗日 陵江镇 · 2027-01-19 周二 09:00-12:00".replace(
        "陵江镇", county.nodes[VILLAGE].office_name(DESK)
    )
    notice = text((await agent.get("/filing/WJ02/notice")).text)
    assert staffed_on in notice
    slip = text((await file_case(agent, "WJ02"))[0].text)
    assert staffed_on in slip
    assert "下次在岗日" not in text((await agent.get("/filing/MZ03/notice")).text)
    await agent.post("/language", data={"language": "en", "_csrf_token": await token_of(agent)})
    assert "2027-01-19 Tuesday 09:00-12:00" in text((await agent.get("/filing/WJ02/notice")).text)


async def test_a_case_that_waits_for_its_decision_shows_the_leader_s_next_slot(
    staffed: WebCounty, agent: Client
) -> None:
    county = staffed
    rules = (parse_rule("周一,周三,周五 14:30-17:30"),)
    await state(county, TOWNSHIP, SlotsPublished(*by(TOWNSHIP, 1), TOWNSHIP, rules, WANG, FRIDAY))
    case = await offered(county, agent, "WJ02")
    async with county.client(TOWNSHIP) as clerk:
        await sign_in(clerk, "li")
        assert "下次审批时段" not in text((await clerk.get(case)).text)
        await done(clerk, case, "custody.accepted")
        assert "下次审批时段 2027-01-15 周五 14:30-17:30" in text((await clerk.get(case)).text)
        await state(county, TOWNSHIP, AbsenceStated(*by(TOWNSHIP, 2), WANG, FRIDAY, FRIDAY, CHEN, "开会"))
        assert "2027-01-15 周五 14:30-17:30 · 陈静（代 wang）" in text((await clerk.get(case)).text)
        await state(county, TOWNSHIP, AbsenceStated(*by(TOWNSHIP, 3), CHEN, FRIDAY, FRIDAY, LI, "病假"))
        assert "2027-01-18 周一 14:30-17:30 · wang" in text((await clerk.get(case)).text)


# --- the page --------------------------------------------------------------------------------------------------------


async def test_a_leader_states_absences_and_posts_on_the_page_and_a_clerk_only_reads(staffed: WebCounty) -> None:
    county = staffed
    async with county.client(TOWNSHIP) as leader:
        await sign_in(leader, "wang")
        page = (await leader.get("/people")).text
        assert "民政岗" in text(page)
        sent = hidden(page, "/people/absences") | {
            "person": LI,
            "deputy": CHEN,
            "effective_from": FRIDAY.isoformat(),
            "effective_until": "",
            "reason": "下村",
        }
        missing = await leader.post("/people/absences", data=sent)
        assert missing.status_code == 422
        assert "下村" in missing.text
        sent["effective_until"] = FRIDAY.isoformat()
        itself = await leader.post("/people/absences", data=sent | {"deputy": LI})
        assert "代理人须是同一单位的其他人员" in text(itself.text)
        assert (await leader.post("/people/absences", data=sent, follow_redirects=False)).status_code == 303
        assert "陈静（代 李明）" in text((await leader.get("/people")).text)
        sent = hidden((await leader.get("/people")).text, "/people/posts") | {
            "at": VILLAGE,
            "post": "db-1",
            "name": "代办岗",
            "position": "agent",
            "person": "wugl",
            "person_name": "吴桂兰",
            "effective_from": FRIDAY.isoformat(),
            "effective_until": "2027-12-31",
            "document": "云府〔2027〕3号",
        }
        assert (await leader.post("/people/posts", data=sent, follow_redirects=False)).status_code == 303
        assert "吴桂兰 全部事项 2027-01-15 – 2027-12-31" in text((await leader.get("/people")).text)
        await sign_in(leader, "chen")
        assert "登记外出" not in text((await leader.get("/people")).text)
        headers = {"x-csrftoken": await token_of(leader)}
        assert (await leader.post("/people/absences", data=sent, headers=headers)).status_code == 403
    await county.settle()
    found = county.nodes[VILLAGE].people.register.posts_at(VILLAGE, day_of(county.nodes[VILLAGE].clock.now()))
    assert [one.person_name for one in found] == ["吴桂兰"]
