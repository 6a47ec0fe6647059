"""Stories told through the browser, without JavaScript: filing, acting, looking, signing out."""

import re
from html import unescape
from typing import Any

import pytest

from office.desk import DECIDED_AT_ONCE
from office.web.act_forms import GRAVE, LIKELIEST_FIRST
from office.web.acting import VERBS
from office.web.forms import FORMS
from office.web.labels import ACTS, DOCUMENT_TYPES, MATERIALS, ROLES, STAGES, TONES
from office.web.labels import VERBS as BUTTONS
from schemas.casework.events import EVENTS
from schemas.casework.lifecycle import Stage
from schemas.casework.roles import Role
from schemas.casework.values import MaterialStatus
from schemas.identity import DOCUMENT_TYPES as KNOWN_TYPES
from schemas.names import OfficeId
from tests.web.county import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Client, WebCounty, application, sign_in, token_of
from tests.web.people import PASSWORD

NAME = "王秀英"
NUMBER = "510824194910010025"
PHONE = "13800000000"


def hidden(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that posts to `action`."""
    form = page[page.index(f'action="{action}"') :]
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[: form.index("</form>")])
    return {name: unescape(value) for name, value in found}


def typed(**fields: str) -> dict[str, str]:
    """What an agent types."""
    return {
        "name": NAME,
        "document_type": "111",
        "document_number": NUMBER,
        "phone": PHONE,
        "statement": "请为本人办理参保登记",
        "channel": "counter",
        "attends": "person",
    } | fields


def materials_in(page: str) -> dict[str, str]:
    """The first answer to each question for a material: the choice after the empty one."""
    selects = re.findall(r'<select id="(material-\d+)".*?</select>', page, re.DOTALL)
    bodies = re.findall(r'<select id="material-\d+".*?</select>', page, re.DOTALL)
    return {name: re.findall(r'<option value="([a-z]+)"', body)[0] for name, body in zip(selects, bodies, strict=True)}


async def file_case(browser: Client, item: str = "RS01", **fields: str) -> tuple[Any, dict[str, str]]:
    """Fill in and send the form of an item, and confirm what it asks; the answer, and what was sent."""
    page = (await browser.get(f"/filing/{item}")).text
    sent = hidden(page, f"/filing/{item}") | materials_in(page) | typed(**fields)
    answer = await browser.post(f"/filing/{item}", data=sent)
    asked = confirmations(answer.text)
    return (await browser.post(f"/filing/{item}", data=sent | asked) if asked else answer), sent | asked


def confirmations(page: str) -> dict[str, str]:
    """What the page asks to be confirmed, as its boxes send it."""
    return {name: unescape(value) for name, value in re.findall(r'name="(confirm_[a-z]+)" value="([^"]*)"', page)}


def case_in(page: str) -> str:
    """The case that a page links to."""
    found = re.search(r'href="(/cases/[0-9a-f]{32})"', page)
    assert found is not None
    return found.group(1)


async def act(browser: Client, case: str, kind: str, **fields: Any) -> Any:
    """Open the case, fill in the form of an act and send it."""
    action = f"{case}/acts/{kind}"
    page = (await browser.get(case)).text
    return await browser.post(action, data=hidden(page, action) | fields, follow_redirects=False)


async def offered_case(county: WebCounty, agent: Client) -> str:
    """A case that was filed in the village and lies before its township."""
    case = case_in((await file_case(agent))[0].text)
    await act(agent, case, "custody.offered", to=TOWNSHIP)
    await county.settle()
    return case


async def test_an_act_is_shown_with_its_officers_name_where_the_node_knows_it(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = await offered_case(county, agent)
    await act(clerk, case, "custody.accepted")
    await county.settle()
    author, other = f'title="{VILLAGE}/wugl">', f'title="{TOWNSHIP}/zhoumin">'
    at_the_village, at_the_township = (await agent.get(case)).text, (await clerk.get(case)).text
    assert author + "吴桂兰<" in at_the_village
    assert other + "zhoumin<" in at_the_village
    assert author + "wugl<" in at_the_township
    assert other + "周敏<" in at_the_township


async def test_an_agent_files_offers_and_the_township_decides(county: WebCounty, agent: Client, clerk: Client) -> None:
    slip, _ = await file_case(agent)
    assert slip.status_code == 200
    case = case_in(slip.text)
    assert (await act(agent, case, "custody.offered", to=TOWNSHIP, note="材料齐全")).status_code == 303
    await county.settle()
    assert NAME in (await clerk.get("/cases?queue=offered")).text
    for kind, fields in (
        ("custody.accepted", {"note": ""}),
        ("papers.requested", {"materials": ["户口簿", "一寸照片\n"], "reason": "缺少户口簿"}),
    ):
        assert (await act(clerk, case, kind, **fields)).status_code == 303
    await county.settle()
    page = (await agent.get(case)).text
    assert "户口簿、一寸照片" in page
    assert (await act(agent, case, "papers.brought", materials=["户口簿", "一寸照片"])).status_code == 303
    await county.settle()
    assert (await act(clerk, case, "papers.received", materials=["户口簿", "一寸照片"])).status_code == 303
    assert "已决定" not in (await clerk.get(case)).text
    # RS01 is decided by the county: the township refers it, and the page does not offer it the decision.
    assert "/acts/case.decided" not in (await clerk.get(case)).text
    assert (await act(clerk, case, "custody.offered", to=COUNTY, note="")).status_code == 303


async def test_a_form_sent_twice_is_one_case_and_one_slip(agent: Client) -> None:
    first, sent = await file_case(agent)
    second = await agent.post("/filing/RS01", data=sent)
    assert second.status_code == 200
    assert case_in(first.text) == case_in(second.text)
    codes = [re.findall(r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", answer.text) for answer in (first, second)]
    assert codes[0] == codes[1]
    assert len(codes[0]) == 1
    assert (await agent.get("/api/cases?queue=all")).json()["total"] == 1


async def test_an_act_sent_twice_is_one_act(agent: Client) -> None:
    case = case_in((await file_case(agent))[0].text)
    action = f"{case}/acts/remark.added"
    sent = hidden((await agent.get(case)).text, action) | {"text": "群众来电询问"}
    for _ in range(3):
        assert (await agent.post(action, data=sent, follow_redirects=False)).status_code == 303
    steps = (await agent.get("/api" + case)).json()["case"]["steps"]
    assert [step["kind"] for step in steps] == ["case.filed", "remark.added"]


async def test_a_form_used_for_another_act_is_refused_and_not_lost(agent: Client) -> None:
    case = case_in((await file_case(agent))[0].text)
    page = (await agent.get(case)).text
    sent = hidden(page, f"{case}/acts/remark.added") | {"text": "第一次"}
    await agent.post(f"{case}/acts/remark.added", data=sent, follow_redirects=False)
    other = await agent.post(f"{case}/acts/papers.brought", data=sent | {"materials": "户口簿"})
    assert other.status_code == 422
    assert "该表单已用于另一操作" in other.text


async def test_an_act_on_a_page_that_is_out_of_date_is_refused_with_what_was_typed(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = await offered_case(county, agent)
    await act(clerk, case, "custody.accepted")
    action = f"{case}/acts/papers.requested"
    stale = hidden((await clerk.get(case)).text, action) | {"materials": "户口簿", "reason": "缺少户口簿原件"}
    await act(clerk, case, "papers.requested", materials="身份证", reason="缺少身份证")
    await act(clerk, case, "papers.received", materials="身份证")
    answer = await clerk.post(action, data=stale)
    assert answer.status_code == 409
    assert "缺少户口簿原件" in answer.text
    assert hidden(answer.text, action)["operation"] != stale["operation"]
    more = {"materials": "户口簿", "reason": "缺少户口簿原件", "justification": "首次漏看"}
    again = await clerk.post(action, data=hidden(answer.text, action) | more)
    assert again.status_code == 200
    assert again.url.path == case


async def test_wrong_input_is_named_beside_its_field_and_nothing_typed_is_lost(agent: Client) -> None:
    answer, _ = await file_case(agent, document_number="510824194910010026", statement="保留这段文字")
    assert answer.status_code == 422
    assert 'id="document_number-wrong"' in answer.text
    assert 'href="#document_number"' in answer.text
    for kept in (NAME, "保留这段文字", PHONE):
        assert kept in answer.text
    empty, _ = await file_case(agent, name="  ", **{"material-0": ""})
    assert empty.status_code == 422
    assert 'id="name-wrong"' in empty.text
    assert "姓名或名称：请填写此项。" in empty.text
    assert 'id="material-0-wrong"' in empty.text
    assert (await agent.get("/api/cases?queue=all")).json()["total"] == 0


async def test_an_organisation_s_number_is_checked_on_its_form_too(agent: Client) -> None:
    right, wrong = "91110000600037341L", "91110000600037314L"
    answer, _ = await file_case(agent, name="某合作社", document_type="001", document_number=wrong)
    assert answer.status_code == 422
    assert 'id="document_number-wrong"' in answer.text
    assert "请对照证照重新输入" in answer.text
    slip, _ = await file_case(agent, name="某合作社", document_type="001", document_number=f" {right.lower()} ")
    assert slip.status_code == 200
    case = case_in(slip.text)
    shown = await agent.post(
        f"{case}/unmask", data=hidden((await agent.get(case)).text, f"{case}/unmask") | {"purpose": "核对"}
    )
    assert right in shown.text


async def test_the_county_reassigns_with_the_word_of_a_leader_it_knows(county: WebCounty, agent: Client) -> None:
    case = await offered_case(county, agent)
    hub = county.nodes[COUNTY]
    await hub.hire("boss", Role.LEADER, name="王主任")
    await hub.hire("deputy", Role.LEADER, name="李副主任")
    await hub.hire("desk", Role.CLERK, name="赵")
    await hub.hire("window", Role.LEADER, name="钱", office=OfficeId(f"{COUNTY}.rsj"))
    (gone,) = [one for one in await hub.accounts.list_officers() if one.login == "deputy"]
    await hub.accounts.suspend_officer(gone.officer)
    async with county.client(COUNTY) as browser:
        await sign_in(browser, "boss")
        page = (await browser.get(case)).text
        offered = re.search(r'<select id="custody-reassigned-approver".*?</select>', page, re.DOTALL)
        assert offered is not None
        assert re.findall(r'<option value="([^"]+)"', offered.group()) == [f"{COUNTY}/boss"]
        for wrong in ("王主任", gone.officer, f"{COUNTY}/desk", f"{COUNTY}.rsj/window"):
            refused = await act(browser, case, "custody.reassigned", to=VILLAGE, reason="停办", approver=wrong)
            assert refused.status_code == 422
            assert "批准人须是本县中心在岗的值班领导" in refused.text
        done = await act(browser, case, "custody.reassigned", to=VILLAGE, reason="停办", approver=f"{COUNTY}/boss")
        assert done.status_code == 303


async def test_the_result_is_to_be_handed_over_elsewhere(county: WebCounty, agent: Client) -> None:
    case = await offered_case(county, agent)
    hub = county.nodes[COUNTY]
    await hub.hire("boss", Role.LEADER, name="王主任")
    async with county.client(COUNTY) as browser:
        await sign_in(browser, "boss")
        page = (await browser.get(case)).text
        places = re.search(r'<select id="case-rehomed-to".*?</select>', page, re.DOTALL)
        assert places is not None
        assert f'value="{VILLAGE}"' not in places.group()
        stated = {"to": TOWNSHIP, "reason": "申请人到镇上领取"}
        refused = await act(browser, case, "case.rehomed", **stated, approver="")
        assert (refused.status_code, "批准人须是" in refused.text) == (422, True)
        done = await act(browser, case, "case.rehomed", **stated, approver=f"{COUNTY}/boss")
        assert done.status_code == 303
        assert "<dt>送达单位</dt><dd>陵江镇" in (await browser.get(case)).text


async def test_what_the_desk_refuses_is_said_on_the_form(agent: Client) -> None:
    answer, _ = await file_case(agent, "MZ10")
    assert answer.status_code == 409
    assert "必须本人到场" in answer.text
    assert NAME in answer.text


async def test_a_decision_to_refuse_needs_its_remedy(county: WebCounty, agent: Client, clerk: Client) -> None:
    case = case_in((await file_case(agent, "WJ01"))[0].text)
    await act(agent, case, "custody.offered", to=TOWNSHIP)
    await county.settle()
    await act(clerk, case, "custody.accepted")
    refused = await act(clerk, case, "case.decided", outcome="refused", reason="不符合条件", basis="某条例第三条")
    assert refused.status_code == 409
    assert "救济途径" in refused.text
    assert "某条例第三条" in refused.text
    complete = {"outcome": "refused", "reason": "不符合条件", "basis": "某条例第三条", "remedy": "60 日内申请复议"}
    assert (await act(clerk, case, "case.decided", **complete)).status_code == 303
    await county.settle()
    assert "60 日内申请复议" in (await agent.get(case)).text


async def test_the_village_sees_hop_by_hop_how_far_its_filing_has_come(county: WebCounty, agent: Client) -> None:
    case = case_in((await file_case(agent))[0].text)
    api = "/api" + case
    summary = (await agent.get(api)).json()["case"]["summary"]
    assert summary["held_by"] == [VILLAGE]
    assert summary["path"] == [VILLAGE, TOWNSHIP, COUNTY]
    assert "乡镇未签收" in (await agent.get(case)).text
    assert "1 条待送出" in (await agent.get("/line")).text
    await county.exchange(VILLAGE)
    assert (await agent.get(api)).json()["case"]["summary"]["held_by"] == [TOWNSHIP, VILLAGE]
    await county.settle()
    assert (await agent.get(api)).json()["case"]["summary"]["held_by"] == [COUNTY, TOWNSHIP, VILLAGE]
    page = (await agent.get(case)).text
    assert "县已签收" in page
    assert "未签收" not in page
    assert "已全部送出" in page


async def test_a_case_lists_its_receipts_by_who_signed_when_and_how_far(county: WebCounty, agent: Client) -> None:
    case = case_in((await file_case(agent))[0].text)
    assert (await agent.get("/api" + case)).json()["case"]["receipts"] == []
    assert "尚无单位签收本件" in (await agent.get(case)).text
    times = {TOWNSHIP: 1_800_000_000_000, COUNTY: 1_800_000_600_000}
    for seat, at in times.items():
        county.nodes[seat].clock.at = at
    await county.settle()
    await act(agent, case, "remark.added", text="群众来电询问")

    receipts = (await agent.get("/api" + case)).json()["case"]["receipts"]
    assert [(one["office"], one["author"], one["held"], one["entries"]) for one in receipts] == [
        (TOWNSHIP, VILLAGE, 1, 2),
        (COUNTY, VILLAGE, 1, 2),
    ]
    assert [one["at"] for one in receipts] == list(times.values())
    steps = (await agent.get("/api" + case)).json()["case"]["steps"]
    assert {one["up_to"] for one in receipts} == {steps[0]["seq"] + 1}
    assert {one["origin"] for one in receipts} == {steps[0]["origin"]}
    page = (await agent.get(case)).text
    table = page[page.index("签收回执") :]
    for word in ("签收单位", "签收时间", "到第几条", f"第 {steps[0]['seq'] + 1} 条", "共 2 条，已签收前 1 条"):
        assert word in table
    await agent.post("/language", data={"language": "en", "_csrf_token": await token_of(agent)})
    assert "1 of 2 in this journal" in (await agent.get(case)).text

    # What is signed for later, for this case or another, does not make the first signature any younger.
    for seat in times:
        county.nodes[seat].clock.at = 1_800_009_000_000
    await county.settle()
    await file_case(agent)
    await county.settle()
    receipts = (await agent.get("/api" + case)).json()["case"]["receipts"]
    assert [(one["office"], one["held"], one["at"]) for one in receipts] == [
        (COUNTY, 2, 1_800_009_000_000),
        (TOWNSHIP, 2, 1_800_009_000_000),
    ]
    for seat in times:
        county.nodes[seat].clock.at = 1_800_019_000_000
    await file_case(agent)
    await county.settle()
    again = (await agent.get("/api" + case)).json()["case"]["receipts"]
    assert again == receipts


async def test_receipts_name_no_person_and_are_as_the_county_sees_them(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = await offered_case(county, agent)
    receipts = (await clerk.get("/api" + case)).json()["case"]["receipts"]
    assert {(one["office"], one["author"], one["held"]) for one in receipts} == {
        (TOWNSHIP, VILLAGE, 2),
        (COUNTY, VILLAGE, 2),
    }
    told = str(receipts)
    for person in (NAME, NUMBER, PHONE, "wugl", "zhoumin", "吴桂兰"):
        assert person not in told


async def test_a_neighbouring_village_finds_nothing(county: WebCounty, agent: Client) -> None:
    case = case_in((await file_case(agent))[0].text)
    await county.settle()
    await county.nodes[OTHER_VILLAGE].hire("other", Role.AGENT)
    async with county.client(OTHER_VILLAGE) as other:
        headers = await sign_in(other, "other")
        assert (await other.get(case)).status_code == 404
        assert (await other.get("/api" + case)).status_code == 404
        assert (await other.post(f"/api{case}/unmask", json={"purpose": "好奇"}, headers=headers)).status_code == 404
        remark = {"kind": "remark.added", "operation": "00" * 8, "fields": {"text": "你好"}}
        assert (await other.post(f"/api{case}/acts", json=remark, headers=headers)).status_code == 404
        assert (await other.get("/api/cases?queue=all")).json()["total"] == 0
        assert await county.nodes[OTHER_VILLAGE].worklists.set_aside() == []


async def test_signing_in_and_out_through_the_pages(county: WebCounty) -> None:
    await county.nodes[VILLAGE].hire("wugl", Role.AGENT, name="吴桂兰")
    async with county.client(VILLAGE) as browser:
        page = await browser.get("/filing?x=1", follow_redirects=True)
        assert page.url.path == "/sign-in"
        sent = hidden(page.text, "/sign-in") | {"login": "wugl", "password": "wrong wrong wrong"}
        wrong = await browser.post("/sign-in", data=sent)
        assert wrong.status_code == 401
        assert 'value="wugl"' in wrong.text
        assert "wrong wrong wrong" not in wrong.text
        right = await browser.post("/sign-in", data=sent | {"password": PASSWORD}, follow_redirects=False)
        assert right.status_code == 303
        assert right.headers["location"] == "/filing"
        cookie = right.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "吴桂兰" in (await browser.get("/cases")).text
        out = hidden((await browser.get("/cases")).text, "/sign-out")
        assert (await browser.post("/sign-out", data=out, follow_redirects=False)).status_code == 303
        assert (await browser.get("/api/cases")).status_code == 401


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nSet-Cookie: x=1"],
)
async def test_nobody_is_sent_elsewhere_after_signing_in(county: WebCounty, target: str) -> None:
    await county.nodes[VILLAGE].hire("wugl", Role.AGENT)
    async with county.client(VILLAGE) as browser:
        sent = {"_csrf_token": await token_of(browser), "login": "wugl", "password": PASSWORD, "next": target}
        answer = await browser.post("/sign-in", data=sent, follow_redirects=False)
        assert answer.headers["location"] == "/cases"


async def test_whoever_only_runs_the_node_lands_on_the_page_that_is_theirs(county: WebCounty) -> None:
    await county.nodes[VILLAGE].hire("admin", Role.ADMINISTRATOR)
    async with county.client(VILLAGE) as browser:
        sent = {"_csrf_token": await token_of(browser), "login": "admin", "password": PASSWORD, "next": "/cases"}
        answer = await browser.post("/sign-in", data=sent, follow_redirects=True)
        assert answer.url.path == "/line"
        assert answer.status_code == 200


async def test_without_its_token_no_form_and_no_call_changes_anything(agent: Client) -> None:
    case = case_in((await file_case(agent))[0].text)
    remark = {"kind": "remark.added", "operation": "01" * 8, "fields": {"text": "伪造"}}
    forged = [
        await agent.post(f"{case}/acts/remark.added", data={"text": "伪造", "operation": "01" * 8}),
        await agent.post(f"{case}/acts/remark.added", data={"text": "伪造", "_csrf_token": "0" * 128}),
        await agent.post(f"/api{case}/acts", json=remark),
        await agent.post(f"/api{case}/acts", json=remark, headers={"x-csrftoken": "0" * 128}),
        await agent.post("/sign-out", data={}),
        await agent.delete("/api/session"),
        await agent.post("/language", data={"language": "en"}),
    ]
    assert [answer.status_code for answer in forged] == [403] * len(forged)
    assert "表单已失效" in forged[0].text
    assert len((await agent.get("/api" + case)).json()["case"]["steps"]) == 1
    assert (await agent.get("/api/cases")).status_code == 200


async def test_a_form_that_was_open_while_the_node_restarted_is_still_good(county: WebCounty, agent: Client) -> None:
    """The keys of forms and sessions outlive the process: nobody loses what was typed."""
    page = (await agent.get("/filing/RS01")).text
    sent = hidden(page, "/filing/RS01") | materials_in(page) | typed()
    county.apps[VILLAGE] = application(county.nodes[VILLAGE])
    async with county.client(VILLAGE) as restarted:
        for cookie in agent.cookies.jar:
            restarted.cookies.set(cookie.name, cookie.value or "")
        assert (await restarted.post("/filing/RS01", data=sent)).status_code == 200


async def test_an_officer_changes_the_password_and_signs_in_with_it(agent: Client) -> None:
    page = (await agent.get("/password")).text
    sent = hidden(page, "/password") | {"present": PASSWORD, "password": "a new long password", "again": "another one"}
    assert (await agent.post("/password", data=sent)).status_code == 422
    done = await agent.post("/password", data=sent | {"again": "a new long password"}, follow_redirects=False)
    assert done.status_code == 303
    assert (await agent.get("/api/cases")).status_code == 401
    await sign_in(agent, "wugl", "a new long password")


async def test_style_sheets_are_served_by_their_hash_and_nothing_else_is(county: WebCounty) -> None:
    async with county.client(VILLAGE) as browser:
        page = (await browser.get("/sign-in")).text
        for path in re.findall(r'"(/assets/[^"#]+)', page):
            answer = await browser.get(path)
            assert answer.status_code == 200
            assert "immutable" in answer.headers["cache-control"]
        for name in ("tongban.css", "..%2fsite.py", "%2e%2e/site.py", "icons.svg%00", "people.py"):
            assert (await browser.get(f"/assets/{name}")).status_code == 404


def test_every_stage_act_and_role_has_its_word_and_every_act_its_form() -> None:
    assert set(STAGES) == set(TONES) == set(Stage)
    assert set(ROLES) == set(Role)
    assert set(MATERIALS) == set(MaterialStatus)
    assert set(ACTS) == set(EVENTS)
    # A filing and a list have pages of their own, and some things the desk or the node writes by itself.
    written = set(EVENTS) - {"case.filed", "roster.added", "act.unconfirmed", "case.received"}
    assert set(FORMS) == set(BUTTONS) == set(VERBS) == set(LIKELIEST_FIRST) == written | {DECIDED_AT_ONCE}
    assert set(GRAVE) == set(LIKELIEST_FIRST[-len(GRAVE) :])
    assert set(DOCUMENT_TYPES) == set(KNOWN_TYPES)
