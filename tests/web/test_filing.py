"""The counter's pages: what is shown before a case is filed, the notice, the slip, a village's list, enquiries."""

import re
from datetime import date
from html import unescape
from typing import Any

import pytest
from msgspec import structs

from office.seeds import load_catalogue
from schemas.casework.casefile import CaseFile
from schemas.casework.roles import Role
from schemas.casework.values import Consent, Scope
from schemas.names import CaseId
from tests.support.rosters import people, person
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, Client, WebCounty, sign_in, token_of
from tests.web.test_pages import NAME, NUMBER, PHONE, case_in, confirmations, file_case, hidden, materials_in, typed


async def filed_case(county: WebCounty, path: str) -> CaseFile:
    """The case that a page leads to, as the village keeps it."""
    found = await county.nodes[VILLAGE].worklists.get_case(VILLAGE, CaseId(bytes.fromhex(path.rpartition("/")[2])))
    return found.file


async def form_of(browser: Client, item: str, **fields: Any) -> dict[str, Any]:
    """An item's form, filled in."""
    page = (await browser.get(f"/filing/{item}")).text
    return hidden(page, f"/filing/{item}") | materials_in(page) | typed() | fields


MANDATE = {
    "attends": "agent",
    "scopes": ["file", "collect"],
    "mandate_until": "2027-03-01",
    "signed_by": NAME,
    "signed_how": "thumbprint",
}


async def test_the_words_of_an_authority_are_read_aloud_before_it_is_filed(county: WebCounty, agent: Client) -> None:
    sent = await form_of(agent, "RS01", **MANDATE)
    asked = await agent.post("/filing/RS01", data=sent)
    assert asked.status_code == 422
    words = confirmations(asked.text)["confirm_words"]
    for part in (NAME, "城乡居民基本养老保险参保登记", "提交申请、领取结果", "2027年3月1日", "不收取任何费用"):
        assert part in words
    # Other words than those that were read are read again.
    longer = sent | {"mandate_until": "2027-04-01", "confirm_words": words}
    assert confirmations((await agent.post("/filing/RS01", data=longer)).text)["confirm_words"] != words
    slip = await agent.post("/filing/RS01", data=sent | {"confirm_words": words})
    assert slip.status_code == 200
    assert words in unescape(slip.text)
    filing = (await filed_case(county, case_in(slip.text))).filing
    assert filing is not None
    assert filing.mandate is not None
    assert (filing.mandate.read_back, filing.mandate.scopes) == (words, (Scope.FILE, Scope.COLLECT))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"attends": ""}, "attends"),
        ({"scopes": []}, "scopes"),
        ({"mandate_until": "soon"}, "mandate_until"),
        ({"signed_by": ""}, "signed_by"),
    ],
)
async def test_an_authority_that_is_not_whole_is_asked_for_field_by_field(
    agent: Client, changed: dict[str, Any], named: str
) -> None:
    answer = await agent.post("/filing/RS01", data=await form_of(agent, "RS01", **(MANDATE | changed)))
    assert answer.status_code == 422
    assert f'href="#{named}"' in answer.text
    assert NUMBER in answer.text, "what was typed is kept"


async def test_an_authority_longer_than_a_year_is_refused_in_words_with_what_was_typed(agent: Client) -> None:
    sent = await form_of(agent, "RS01", **(MANDATE | {"mandate_until": "2030-01-01"}))
    words = confirmations((await agent.post("/filing/RS01", data=sent)).text)
    answer = await agent.post("/filing/RS01", data=sent | words)
    assert answer.status_code == 422
    assert "不能超过一年" in answer.text
    assert 'value="2030-01-01"' in answer.text
    assert hidden(answer.text, "/filing/RS01")["operation"] != sent["operation"]


async def test_what_is_under_way_is_shown_and_confirmed(county: WebCounty, agent: Client) -> None:
    first, _ = await file_case(agent)
    number = (await filed_case(county, case_in(first.text))).filing
    assert number is not None
    sent = await form_of(agent, "RS01")
    asked = await agent.post("/filing/RS01", data=sent)
    assert asked.status_code == 422
    assert number.tracking in asked.text
    assert case_in(first.text) in asked.text
    second = await agent.post("/filing/RS01", data=sent | confirmations(asked.text))
    filing = (await filed_case(county, case_in(second.text))).filing
    assert filing is not None
    assert filing.duplicates == (number.tracking,)


async def test_gaps_make_a_notice_that_counts_as_an_enquiry_or_are_filed_all_the_same(
    county: WebCounty, agent: Client
) -> None:
    sent = await form_of(agent, "RS01") | {"material-1": "none"}
    asked = await agent.post("/filing/RS01", data=sent)
    assert asked.status_code == 422
    assert confirmations(asked.text) == {"confirm_gaps": "参保登记表"}
    for _ in range(2):
        notice = await agent.post("/filing/RS01", data=sent | {"action": "notice"})
        assert notice.status_code == 200
        for part in ("项目名称", "申报材料", "办事程序", "办事时限", "收费标准", "联系电话", "网址", "← 尚缺"):
            assert part in notice.text
        assert NAME not in notice.text
    assert "今日 1 次" in (await agent.get("/filing")).text
    assert (await agent.get("/api/cases?queue=all")).json()["total"] == 0
    slip = await agent.post("/filing/RS01", data=sent | {"confirm_gaps": "参保登记表"})
    assert "尚缺材料" in slip.text
    filing = (await filed_case(county, case_in(slip.text))).filing
    assert filing is not None
    assert "参保登记表" not in {material.name for material in filing.materials}


async def test_a_suspended_item_is_marked_and_its_form_is_not_filled_in_for_nothing(
    county: WebCounty, agent: Client
) -> None:
    node = county.nodes[VILLAGE]
    sent = await form_of(agent, "RS01")
    edition = load_catalogue()
    items = dict(edition.items)
    items["RS01"] = structs.replace(
        items["RS01"], suspended_from=date(2027, 1, 1), suspension_document="苍府办〔2027〕9号"
    )
    node.editions.append(structs.replace(edition, items=items))
    listed = (await agent.get("/filing")).text
    assert listed.count("暂停受理") == 1
    page = (await agent.get("/filing/RS01")).text
    assert "苍府办〔2027〕9号" in page
    assert '<form method="post" action="/filing/RS01"' not in page
    assert "/filing/RS01/list" not in page
    # Suspended while it was being filled in: nothing typed is lost.
    answer = await agent.post("/filing/RS01", data=sent)
    assert answer.status_code == 409
    assert NUMBER in answer.text


async def test_a_paper_that_comes_later_needs_a_day_and_one_that_lies_here_is_offered(
    county: WebCounty, agent: Client
) -> None:
    page = (await agent.get("/filing/RS01")).text
    (later,) = re.findall(r'name="(material-\d+-until)"', page)
    material = later.removesuffix("-until")
    sent = await form_of(agent, "RS01") | {material: "deferred", "consents": ["reuse"]}
    assert f'href="#{later}"' in (await agent.post("/filing/RS01", data=sent)).text
    slip = await agent.post("/filing/RS01", data=sent | {later: "2027-01-20"})
    assert "承诺 2027-01-20 前补交" in slip.text
    assert "承诺 2027-01-20 前补交" in (await agent.get(case_in(slip.text))).text
    sent = await form_of(agent, "YB01") | {"consents": [Consent.REUSE.value]}
    assert '"reused"' not in (await agent.get("/filing/MZ03")).text
    other = await form_of(agent, "MZ03") | {"material-1": "none", "consents": ["reuse"]}
    asked = await agent.post("/filing/MZ03", data=other)
    assert 'value="reused"' in asked.text
    done = await agent.post("/filing/MZ03", data=other | {"material-1": "reused"})
    filing = (await filed_case(county, case_in(done.text))).filing
    first = (await filed_case(county, case_in(slip.text))).filing
    assert filing is not None
    assert first is not None
    assert first.tracking in {material.source for material in filing.materials}


async def test_the_slip_says_what_was_handed_in_by_when_and_where_to_ask(county: WebCounty, agent: Client) -> None:
    node = county.nodes[VILLAGE]
    node.settings = structs.replace(
        node.settings,
        query_address="https://cangxi.example/query",
        service_phone="0839-5220000",
        complaint_phone="0839-5221111",
    )
    slip = (await file_case(agent, "MZ03"))[0].text
    for part in ("居民身份证", "自受理之日起 15 个工作日内", "0839-5220000", "0839-5221111", "不收取任何费用"):
        assert part in slip
    assert "https://cangxi.example/query" in slip
    assert NUMBER not in slip
    assert PHONE not in slip


async def test_the_code_of_the_slip_keeps_number_and_secret_from_every_server() -> None:
    from office.notices import qr_text
    from office.settings import Settings

    settings = Settings(query_address="https://cangxi.example/query")
    page, _, fragment = qr_text(settings, "510824100205-AB00017", "ABCDEFGHJKMN").partition("#")
    assert page == "https://cangxi.example/query"
    assert fragment == "510824100205-AB00017/ABCDEFGHJKMN"
    assert qr_text(Settings(), "510824100205-AB00017", "ABCDEFGHJKMN") == "510824100205-AB00017 ABCDEFGHJKMN"


async def test_an_enquiry_is_counted_in_one_tap_and_once(county: WebCounty, agent: Client) -> None:
    page = (await agent.get("/filing")).text
    sent = hidden(page, "/filing/enquiries")
    for _ in range(2):
        assert (await agent.post("/filing/enquiries", data=sent, follow_redirects=False)).status_code == 303
    again = hidden((await agent.get("/filing")).text, "/filing/enquiries") | {"item": "RS01"}
    await agent.post("/filing/enquiries", data=again)
    headers = {"x-csrftoken": await token_of(agent)}
    body = {"operation": "0b" * 8, "item": "RS01", "outcome": "referred"}
    assert (await agent.post("/api/enquiries", json=body, headers=headers)).status_code == 204
    assert "今日 3 次" in (await agent.get("/filing")).text
    wrong = await agent.post("/api/enquiries", json=body | {"operation": "0c" * 8, "item": "ZZ99"}, headers=headers)
    assert wrong.json()["code"] == "unknown_item"
    await county.settle()
    assert await county.nodes[COUNTY].worklists.count_enquiries(VILLAGE, date(2027, 1, 15)) == 3


async def test_the_interface_names_what_is_under_way_and_takes_it_when_it_was_shown(agent: Client) -> None:
    headers = {"x-csrftoken": await token_of(agent)}
    body: dict[str, Any] = {
        "operation": "01" * 8,
        "item": "RS01",
        "applicant": {"name": NAME, "document_type": "111", "document_number": NUMBER},
        "channel": "home",
        "consents": ["sensitive"],
        "mandate": {
            "scopes": ["file"],
            "until": "2027-03-01",
            "signed_by": NAME,
            "signed_how": "signature",
            "read_back": "委托代办……",
        },
    }
    first = await agent.post("/api/cases", json=body, headers=headers)
    assert first.status_code == 201
    assert first.json()["gaps"] == ["居民身份证", "参保登记表", "社会保障卡复印件"]
    assert (await agent.post("/api/cases", json=body, headers=headers)).json()["repeated"]
    other = body | {"operation": "02" * 8, "mandate": None}
    asked = await agent.post("/api/cases", json=other, headers=headers)
    assert asked.status_code == 409
    assert asked.json()["code"] == "duplicates_open"
    assert asked.json()["duplicates"] == [{"tracking": first.json()["tracking"], "stage": "filed", "office": VILLAGE}]
    assert NUMBER not in asked.text
    named = other | {"duplicates": [first.json()["tracking"]]}
    second = await agent.post("/api/cases", json=named, headers=headers)
    assert second.status_code == 201
    assert second.json()["duplicates"] == [first.json()["tracking"]]
    wrong = named | {"operation": "03" * 8, "mandate": body["mandate"] | {"signed_by": "王小明"}}
    wrong["duplicates"] = [first.json()["tracking"], second.json()["tracking"]]
    refused = await agent.post("/api/cases", json=wrong, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (422, "mandate_relation")


# --- lists -----------------------------------------------------------------------------------------------------------


def table_of(rows: list[Any]) -> bytes:
    lines = [f"{row.name},,{row.document_number},{row.phone}," for row in rows]
    return "\r\n".join(["姓名,证件类型,证件号码,电话,备注", *lines]).encode("gb18030")


async def send_list(browser: Client, content: bytes, item: str = "YB01") -> Any:
    page = (await browser.get(f"/filing/{item}/list")).text
    return await browser.post(
        f"/filing/{item}/list",
        data=hidden(page, f"/filing/{item}/list"),
        files={"list": ("名单.csv", content, "text/csv")},
    )


async def test_a_list_is_sent_as_a_file_shown_masked_and_opened_with_a_purpose(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    rows = people(1, 250)
    done = await send_list(agent, table_of(rows))
    assert done.status_code == 200
    assert "共 250 人" in done.text
    case = case_in(done.text)
    again = await send_list(agent, table_of(rows))
    assert case_in(again.text) == case
    assert "没有重复登记" in again.text
    slip = await agent.get(f"{case}/slip")
    assert "250 人" in slip.text
    partly = await send_list(agent, table_of(people(250, 252)))
    assert "第 2 行" in partly.text
    listed = case.replace("/cases/", "/lists/")
    await county.settle()
    for browser, name in ((agent, "王2"), (clerk, "")):
        page = (await browser.get(listed + "?page=3")).text
        assert "第 3 页，共 3 页" in page
        assert rows[249].document_number not in page
        assert name not in page or not name
    page = (await agent.get(listed)).text
    action = listed + "?page=1"
    refused = await agent.post(action, data=hidden(page, action) | {"purpose": ""})
    assert refused.status_code == 422
    shown = await agent.post(action, data=hidden(page, action) | {"purpose": "录入参保系统"})
    assert rows[0].document_number in shown.text
    assert rows[100].document_number not in shown.text
    assert rows[0].document_number not in (await agent.get(listed)).text


async def test_every_faulty_row_of_a_file_is_named_by_its_line(agent: Client) -> None:
    rows = people(1, 5)
    rows[2] = structs.replace(rows[2], document_number=rows[2].document_number[:-1] + "Y")
    answer = await send_list(agent, table_of(rows))
    assert answer.status_code == 422
    assert '<td class="number">4</td>' in answer.text
    assert rows[2].document_number not in answer.text
    assert (await agent.get("/api/cases?queue=all")).json()["total"] == 0
    assert (await send_list(agent, b"")).status_code == 422
    assert (await send_list(agent, b"what is this")).status_code == 422
    page = (await agent.get("/filing/YB01/list")).text
    plain = hidden(page, "/filing/YB01/list") | {"list": "no file"}
    assert (await agent.post("/filing/YB01/list", data=plain)).status_code == 422


async def test_the_template_can_be_downloaded_and_a_case_without_a_list_has_no_such_page(agent: Client) -> None:
    answer = await agent.get("/filing/YB01/list/template")
    assert answer.content.decode("utf-8-sig").startswith("姓名,证件类型,证件号码")
    assert "attachment" in answer.headers["content-disposition"]
    case = case_in((await file_case(agent))[0].text)
    assert (await agent.get(case.replace("/cases/", "/lists/"))).status_code == 404


async def test_the_interface_takes_lists_and_names_what_to_correct(county: WebCounty, agent: Client) -> None:
    headers = {"x-csrftoken": await token_of(agent)}
    rows = [{"name": one.name, "document_number": one.document_number} for one in people(1, 1200)]
    done = await agent.post("/api/lists", json={"item": "YB01", "rows": rows}, headers=headers)
    assert done.status_code == 201
    assert (done.json()["rows"], done.json()["left_out"], done.json()["repeated"]) == (1200, [], False)
    again = await agent.post("/api/lists", json={"item": "YB01", "rows": rows[::-1]}, headers=headers)
    assert (again.json()["case"], again.json()["repeated"]) == (done.json()["case"], True)
    more = [*rows[5:6], {"name": "新人", "document_number": person(9000).document_number}]
    other = await agent.post("/api/lists", json={"item": "YB01", "rows": more}, headers=headers)
    assert other.json()["left_out"] == [{"row": 1, "tracking": done.json()["tracking"]}]
    wrong = await agent.post("/api/lists", json={"item": "YB01", "rows": [*more, rows[5]]}, headers=headers)
    assert wrong.status_code == 422
    assert wrong.json()["code"] == "list_faulty"
    assert wrong.json()["rows"] == [{"row": 3, "reason": "与第 1 行是同一个人"}]


async def test_a_counter_of_a_township_files_for_whoever_walks_in(county: WebCounty, clerk: Client) -> None:
    page = (await clerk.get("/filing/MZ10")).text
    assert "须申请人本人到场" in page
    sent = hidden(page, "/filing/MZ10") | materials_in(page) | typed()
    del sent["attends"]
    slip = await clerk.post("/filing/MZ10", data=sent)
    assert slip.status_code == 200
    assert "受理当日办结" in slip.text
    assert "/filing/MZ10/list" not in page


async def test_nobody_without_a_desk_sees_lists_or_counts_enquiries(county: WebCounty) -> None:
    await county.nodes[TOWNSHIP].hire("admin", Role.ADMINISTRATOR)
    async with county.client(TOWNSHIP) as browser:
        headers = await sign_in(browser, "admin")
        assert (await browser.get("/filing/YB01/list")).status_code == 403
        assert (await browser.post("/api/lists", json={"item": "YB01", "rows": []}, headers=headers)).status_code == 403
        assert (await browser.post("/api/enquiries", json={"operation": "01" * 8}, headers=headers)).status_code == 403
