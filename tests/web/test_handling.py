"""How a case is handled through the browser, without JavaScript: verdicts, pauses, departments, decisions."""

import re
from typing import Any

import pytest
from httpx import Response
from msgspec.structs import replace

from office.receiving import Receiving
from office.web.act_forms import materials_for
from schemas.casework.events import CustodyOffered
from schemas.casework.fold import fold
from schemas.casework.roles import Role
from schemas.casework.values import Material, MaterialStatus
from tests.support.casebook import Casebook, filing
from tests.support.stages import EVERYWHERE
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, WINDOW, Client, WebCounty, sign_in, token_of
from tests.web.test_languages import words_of
from tests.web.test_offered import acts_in
from tests.web.test_pages import act, case_in, file_case, hidden

LEADER = f"{TOWNSHIP}/wang"
DAY = "2027-01-15"
"""The clock of these stories stands on 15 January 2027."""


async def offered(county: WebCounty, agent: Client, item: str) -> str:
    """A case that the village has offered to the township, and that is received there."""
    case = case_in((await file_case(agent, item))[0].text)
    assert (await act(agent, case, "custody.offered", to=TOWNSHIP)).status_code == 303
    await county.settle()
    return case


async def done(browser: Client, case: str, kind: str, **fields: Any) -> None:
    answer: Response = await act(browser, case, kind, **fields)
    assert answer.status_code == 303, words_of(answer.text)


def options_of(page: str, select: str) -> list[str]:
    """The answers that a select offers, the empty one left aside."""
    found = re.search(rf'<select id="{select}".*?</select>', page, re.DOTALL)
    assert found is not None
    return [value for value in re.findall(r'<option value="([^"]*)"', found.group()) if value]


async def in_english(browser: Client, case: str) -> str:
    await browser.post("/language", data={"language": "en", "_csrf_token": await token_of(browser)})
    page = (await browser.get(case)).text
    await browser.post("/language", data={"language": "zh", "_csrf_token": await token_of(browser)})
    return words_of(page)


async def test_a_joint_case_is_suspended_resumed_extended_asked_about_surveyed_and_decided(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    await county.nodes[TOWNSHIP].hire("wang", Role.LEADER, name="王镇长")
    await county.nodes[COUNTY].hire("li", Role.CLERK, name="李", office=WINDOW)
    case = await offered(county, agent, "NY01")
    await done(clerk, case, "custody.accepted")
    # What a joint case needs first stands first.
    assert acts_in((await clerk.get(case)).text)[0] == "opinions.requested"

    await done(
        clerk, case, "case.suspended", cause="expert_review", document="陵江告〔2027〕3号", expected_until="2027-01-20"
    )
    page = words_of((await clerk.get(case)).text)
    assert "中止计时：专家评审" in page
    assert "预计到 2027-01-20" in page
    assert "Clock stopped: Expert review" in await in_english(clerk, case)
    await done(clerk, case, "case.resumed", result="评审通过")

    page = (await clerk.get(case)).text
    assert options_of(page, "term-extended-approver") == [LEADER]
    await done(clerk, case, "term.extended", days="10", reason="勘察受天气影响", approver=LEADER)
    assert "延长期限：10 天" in words_of((await clerk.get(case)).text)
    assert "王镇长" in (await clerk.get(case)).text

    assert f'name="to" value="{WINDOW}"' in (await clerk.get(case)).text
    await done(clerk, case, "opinions.requested", to=[WINDOW], due="2027-01-20", meeting_on=DAY)
    assert "尚未答复" in words_of((await clerk.get(case)).text)
    await county.settle()
    async with county.client(COUNTY) as window:
        await sign_in(window, "li")
        assert acts_in((await window.get(case)).text)[0] == "opinion.given"
        await done(window, case, "opinion.given", opinion="agrees_with_conditions", reason="退让道路 5 米")
    await county.settle()
    page = words_of((await clerk.get(case)).text)
    assert "人社局窗口 退让道路 5 米 有条件同意" in re.sub(r"\s+", " ", page)
    assert "Agrees with conditions" in await in_english(clerk, case)

    await done(clerk, case, "meeting.held", on=DAY, invited=[WINDOW], present=[], minutes="书面意见已收")
    await done(
        clerk,
        case,
        "site.surveyed",
        surveyors=[LEADER, "村民代表 赵六"],
        on=DAY,
        place="白观村3组",
        findings="四至清楚",
        agrees="yes",
    )
    assert "publicity" in options_of((await clerk.get(case)).text, "step-completed-step")
    await done(clerk, case, "step.completed", step="publicity", opinion="公示五日，无异议", second_officer=LEADER)
    assert "publicity" not in options_of((await clerk.get(case)).text, "step-completed-step")[:1]
    await done(clerk, case, "case.expedited", basis="县重点项目", approver=LEADER)
    await done(clerk, case, "case.decided", outcome="granted", reason="符合条件", basis="土地管理法第六十二条")

    page = words_of((await clerk.get(case)).text)
    assert "绿色通道" in page
    steps = re.sub(r"\s+", " ", page[page.index("目录为本事项规定的环节") :])
    for row in (
        "现场勘察 三到场勘察（2 人） 陵江镇 周敏、王镇长、村民代表 赵六",
        "公示 村公示 陵江镇 周敏、王镇长",
        "审批",
    ):
        assert row in steps
    await county.settle()
    seen = (await agent.get("/api" + case)).json()["case"]["course"]
    assert [(one["office"], one["opinion"]) for one in seen["opinions"]] == [(WINDOW, "agrees_with_conditions")]
    assert seen["is_expedited"]
    assert [one["days"] for one in seen["extensions"]] == [10]


async def test_a_notice_before_acceptance_comes_back_corrected(county: WebCounty, agent: Client, clerk: Client) -> None:
    case = await offered(county, agent, "RS05")
    wrong = await act(clerk, case, "papers.requested", materials="户口簿", reason="缺少户口簿", until="20.1.2027")
    assert wrong.status_code == 422
    assert 'id="papers-requested-until-wrong"' in wrong.text
    assert "请按年-月-日填写日期" in wrong.text
    assert "缺少户口簿" in wrong.text
    await done(clerk, case, "papers.requested", materials="户口簿", reason="缺少户口簿", until="2027-01-25")
    await county.settle()
    page = words_of((await agent.get(case)).text)
    assert "待补正（未受理）" in page
    assert "户口簿 · 2027-01-25 前补交" in page
    assert "补正期限 2027-01-25" in re.sub(r"\s+", " ", page)
    assert "Corrections awaited" in await in_english(agent, case)
    await done(agent, case, "papers.brought", materials=["户口簿"])
    await county.settle()
    await done(clerk, case, "papers.received", materials=["户口簿"])
    assert "已收到，待受理" in words_of((await clerk.get(case)).text)
    # A second notice has to justify itself, and is counted.
    again = {"materials": "一寸照片", "reason": "缺少照片"}
    assert (await act(clerk, case, "papers.requested", **again)).status_code == 409
    await done(clerk, case, "papers.requested", **again, justification="首次漏看")
    await done(clerk, case, "papers.received", materials=["一寸照片"])
    await done(clerk, case, "custody.accepted")
    page = re.sub(r"\s+", " ", words_of((await clerk.get(case)).text))
    assert "告知补正次数 2" in page
    # In the timeline it is the acceptance from which the clocks run.
    steps = (await clerk.get("/api" + case)).json()["case"]["steps"]
    assert [step["kind"] for step in steps if step["is_acceptance"]] == ["custody.accepted"]


def test_the_form_of_a_notice_has_every_gap_ticked() -> None:
    book = Casebook()
    book.keep(replace(filing(), materials=(Material("居民身份证", MaterialStatus.PROVIDED),)))
    book.act(CustodyOffered, VILLAGE, TOWNSHIP)
    case = fold(book.items)
    assert case is not None
    listed = replace(EVERYWHERE.materials, pledged=("无违法承诺书",))
    names, ticked = materials_for(case, replace(EVERYWHERE, materials=listed), "papers.requested")
    assert ticked == ("参保登记表", "无违法承诺书")
    assert set(ticked) < set(names)
    assert materials_for(case, EVERYWHERE, "papers.brought")[0] == ("参保登记表",)


async def test_a_matter_that_is_not_accepted_tells_the_resident_what_to_do(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = await offered(county, agent, "RS05")
    answer = {"reason": "户籍不在本县", "basis": "就业促进法", "remedy": "六十日内可申请行政复议"}
    incomplete = await act(clerk, case, "acceptance.refused", **answer | {"remedy": ""})
    assert incomplete.status_code == 422
    assert "户籍不在本县" in incomplete.text
    # The form that was refused stands open, also if it is one of those folded away.
    assert '<details class="act" id="act-acceptance-refused" open>' in incomplete.text
    folded = await act(clerk, case, "case.expedited", basis="")
    assert folded.status_code == 422
    assert '<details class="act more" open>' in folded.text
    await done(clerk, case, "acceptance.refused", **answer)
    await county.settle()
    page = words_of((await agent.get(case)).text)
    for text in ("不予受理", *answer.values()):
        assert text in page
    assert "Not accepted" in await in_english(agent, case)
    await done(agent, case, "case.closed")


async def test_a_matter_is_finished_while_the_resident_waits(county: WebCounty, agent: Client, clerk: Client) -> None:
    case = await offered(county, agent, "WJ02")
    assert acts_in((await clerk.get(case)).text)[0] == "case.decided_at_once"
    action = f"{case}/acts/case.decided_at_once"
    sent = hidden((await clerk.get(case)).text, action) | {
        "outcome": "granted",
        "reason": "符合条件",
        "basis": "条例第八条",
        "recipient": "王秀英",
    }
    for _ in range(2):
        assert (await clerk.post(action, data=sent, follow_redirects=False)).status_code == 303
    steps = (await clerk.get("/api" + case)).json()["case"]["steps"]
    kinds = [step["kind"] for step in steps]
    assert kinds[-3:] == ["custody.accepted", "case.decided", "result.handed_over"]
    assert kinds.count("case.decided") == 1
    page = words_of((await clerk.get(case)).text)
    assert "王秀英" in page
    assert "已送达" in page


async def test_no_button_accepts_while_a_required_paper_is_missing(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    slip, _ = await file_case(agent, "NY01", **{"material-2": "none"})
    case = case_in(slip.text)
    await done(agent, case, "custody.offered", to=TOWNSHIP)
    await county.settle()
    page = (await clerk.get(case)).text
    assert acts_in(page)[0] == "papers.requested"
    assert "custody.accepted" not in acts_in(page)
    assert "尚缺 村民会议记录，暂不能受理" in words_of(page)
    assert (await clerk.get("/api" + case)).json()["case"]["missing"] == ["村民会议记录"]
    assert "尚缺材料" in (await agent.get(case + "/slip")).text
    await done(clerk, case, "papers.brought", materials=["村民会议记录"])
    page = (await clerk.get(case)).text
    assert acts_in(page)[0] == "custody.accepted"
    assert "暂不能受理" not in words_of(page)
    await done(clerk, case, "custody.accepted")
    await county.settle()
    assert "尚缺材料" not in (await agent.get(case + "/slip")).text, "printed again, it tells what is missing now"
    # Two survey this item's sites, by a form of its own: the form for steps would be refused for it.
    page = (await clerk.get(case)).text
    assert "site.surveyed" in acts_in(page)
    assert "survey" not in options_of(page, "step-completed-step")


async def test_five_days_of_silence_leave_one_button_and_the_page_says_why(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    township = county.nodes[TOWNSHIP]
    receiving = Receiving(township.ledger, township.casebook, TOWNSHIP)
    case = await offered(county, agent, "NY01")
    await receiving.receive()
    township.clock.advance(hours=20 * 24)
    await sign_in(clerk, "zhoumin")
    page = (await clerk.get(case)).text
    assert acts_in(page)[0] == "custody.accepted"
    assert not {"papers.requested", "acceptance.refused", "custody.declined"} & set(acts_in(page))
    assert f"自 {DAY} 起视为受理" in words_of(page)
    await done(clerk, case, "custody.accepted")
    page = (await clerk.get(case)).text
    assert "papers.requested" in acts_in(page), "afterwards they may be asked for"


async def test_a_department_finds_what_it_is_asked_in_a_queue_of_its_own(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    await county.nodes[COUNTY].hire("li", Role.CLERK, name="李", office=WINDOW)
    case = await offered(county, agent, "NY01")
    await done(clerk, case, "custody.accepted")
    await done(clerk, case, "opinions.requested", to=[WINDOW], due="2027-01-20")
    await county.settle()
    async with county.client(COUNTY) as window:
        await sign_in(window, "li")
        assert "征求本单位意见 1" in " ".join(words_of((await window.get("/cases")).text).split())
        assert case in (await window.get("/cases?queue=asked")).text
        assert (await window.get("/api/cases?queue=asked")).json()["total"] == 1
        await done(window, case, "opinion.given", opinion="agrees", reason="符合规划")
        assert "没有待本单位答复意见的件" in (await window.get("/cases?queue=asked")).text
        assert (await window.get("/api/cases?queue=asked")).json()["total"] == 0
    assert "征求本单位意见" not in (await agent.get("/cases")).text, "no village is asked"


async def test_a_day_of_rest_named_to_departments_is_shown_as_the_law_counts_it(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = await offered(county, agent, "NY01")
    await done(clerk, case, "custody.accepted")
    await done(clerk, case, "opinions.requested", to=[WINDOW], due="2027-01-23")
    assert "答复期限：2027-01-25" in words_of((await clerk.get(case)).text), "the 23rd is a Saturday"


async def test_a_form_that_needs_a_colleague_says_so_where_there_is_none(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    case = await offered(county, agent, "NY01")
    await done(clerk, case, "custody.accepted")
    page = (await clerk.get(case)).text
    assert options_of(page, "term-extended-approver") == []
    assert "没有可选人员" in words_of(page)
    await county.nodes[TOWNSHIP].hire("wang", Role.LEADER)
    assert "没有可选人员" not in words_of((await clerk.get(case)).text)


async def test_a_paper_may_be_promised_with_its_day(county: WebCounty, agent: Client, clerk: Client) -> None:
    """By form and by the interface: the same table reads both."""
    late = "住房设计图"
    headers = {"x-csrftoken": await token_of(agent)}
    listed = county.nodes[VILLAGE].catalogue.in_force(county.nodes[VILLAGE].clock.now()).get_item("NY01").materials
    filing: dict[str, Any] = {
        "operation": "0a" * 8,
        "item": "NY01",
        "applicant": {"name": "王秀英", "document_type": "111", "document_number": "510824194910010025"},
        "materials": [{"name": name} for name in (*listed.required, *listed.pledged)],
    }
    answer = await agent.post("/api/cases", json=filing, headers=headers)
    assert answer.status_code == 201, answer.text
    case = f"/cases/{answer.json()['case']}"
    await done(agent, case, "custody.offered", to=TOWNSHIP)
    await county.settle()
    page = (await clerk.get(case)).text
    assert f'<input type="hidden" name="promises" value="{late}">' in page
    bad = await act(clerk, case, "custody.accepted", promises=[late, "morgen"])
    assert bad.status_code == 422
    assert "承诺后补的材料，每项都要填日期" in bad.text
    too_late = await act(clerk, case, "custody.accepted", promises=[late, "2028-01-01"])
    assert too_late.status_code == 409
    assert 'value="2028-01-01"' in too_late.text
    headers = {"x-csrftoken": await token_of(clerk)}
    body = {"kind": "custody.accepted", "operation": "0b" * 8, "fields": {"promises": [late, "2027-01-29"]}}
    assert (await clerk.post(f"/api{case}/acts", json=body, headers=headers)).status_code == 201
    assert "2027-01-29 前补交" in words_of((await clerk.get(case)).text)
    await county.settle()
    assert (await agent.get("/api" + case)).json()["case"]["course"]["promises"] == [
        {"material": late, "until": "2027-01-29"}
    ]


@pytest.mark.parametrize(
    ("kind", "fields", "field"),
    [
        ("term.extended", {"days": "0", "reason": "x", "approver": LEADER}, "days"),
        ("term.extended", {"days": "ten", "reason": "x", "approver": LEADER}, "days"),
        (
            "site.surveyed",
            {"surveyors": [LEADER], "on": "2027-13-01", "place": "x", "findings": "x", "agrees": "yes"},
            "on",
        ),
        ("site.surveyed", {"on": DAY, "place": "x", "findings": "x", "agrees": "yes"}, "surveyors"),
        ("fee.paid", {"amount_yuan": "12,50", "receipt": "1"}, "amount_yuan"),
        ("opinions.requested", {"due": DAY}, "to"),
        ("case.suspended", {"cause": "survey", "document": "1号", "expected_until": DAY}, "cause"),
    ],
)
async def test_what_cannot_be_read_is_named_beside_its_field(
    county: WebCounty, clerk: Client, kind: str, fields: dict[str, Any], field: str
) -> None:
    slip, _ = await file_case(clerk, "NY01")
    case = case_in(slip.text)
    await done(clerk, case, "custody.accepted")
    answer = await clerk.post(
        f"{case}/acts/{kind}", data={"_csrf_token": await token_of(clerk), "operation": "0c" * 8} | fields
    )
    assert answer.status_code == 422
    headers = {"x-csrftoken": await token_of(clerk)}
    body = {"kind": kind, "operation": "0d" * 8, "fields": fields}
    told = await clerk.post(f"/api{case}/acts", json=body, headers=headers)
    assert (told.status_code, list(told.json()["fields"])) == (422, [field])
