"""What was typed and what was shown survive: an ended session, an old form, another language, a lost printout."""

import re

import pytest

from office.access_log import PURPOSE_CHARACTERS_MAX
from schemas.casework.roles import Role
from schemas.names import OfficeId
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, Client, WebCounty, application, sign_in, token_of
from tests.web.people import PASSWORD
from tests.web.test_pages import NAME, NUMBER, PHONE, act, case_in, file_case, hidden, materials_in, typed
from tests.web.test_proof_files import looks

HERE = {"origin": "http://testserver.local"}
CODE = r"[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}"


def another(county: WebCounty, seat: OfficeId) -> Client:
    """A second browser at an office where one is open already."""
    county.apps[seat] = application(county.nodes[seat])
    return county.client(seat)


def way_back(page: str) -> str | None:
    """Where the button for the other language leads; None: there is none."""
    found = re.search(r'action="/language">.*?name="back" value="([^"]*)"', page, re.DOTALL)
    return found.group(1) if found is not None else None


async def test_what_was_typed_outlives_the_session(county: WebCounty, agent: Client) -> None:
    """A resident talks for forty minutes: the agent signs in beside it and sends the same page again."""
    page = (await agent.get("/filing/RS01")).text
    sent = hidden(page, "/filing/RS01") | materials_in(page) | typed(statement="第一行\n第二行")
    county.nodes[VILLAGE].clock.advance(minutes=40)
    ended = await agent.post("/filing/RS01", data=sent)
    assert ended.status_code == 401
    assert "没有写入任何内容" in ended.text
    assert 'href="/sign-in" target="_blank"' in ended.text
    assert way_back(ended.text) is None, "another language would lose what was typed"
    again = {name: value for name, value in hidden(ended.text, "/filing/RS01").items() if name != "_csrf_token"}
    assert again == {name: value for name, value in sent.items() if name != "_csrf_token"}
    await sign_in(agent, "wugl")
    slip = await agent.post("/filing/RS01", data=hidden(ended.text, "/filing/RS01"))
    assert slip.status_code == 200
    assert NAME in (await agent.get(case_in(slip.text))).text


async def test_a_form_that_expired_is_sent_again_with_what_was_typed(agent: Client) -> None:
    case = case_in((await file_case(agent))[0].text)
    action = f"{case}/acts/papers.brought"
    sent = hidden((await agent.get(case)).text, action) | {"materials": ["户口簿", "照片\n残疾证"], "note": "儿子送来"}
    names = [cookie.name for cookie in agent.cookies.jar if "form" in cookie.name]
    for name in names:
        agent.cookies.delete(name)
    expired = await agent.post(action, data=sent, headers=HERE)
    assert expired.status_code == 403
    assert "没有写入任何内容" in expired.text
    carried = re.findall(r'name="(\w+)" value="([^"]*)"', expired.text[expired.text.index(f'action="{action}"') :])
    assert [value for name, value in carried if name == "materials"] == ["户口簿", "照片\n残疾证"]
    done = await agent.post(
        action, data=hidden(expired.text, action) | {"materials": sent["materials"]}, follow_redirects=False
    )
    assert done.status_code == 303
    assert "儿子送来" in (await agent.get(case)).text


async def test_an_old_form_leaves_the_forms_of_other_windows_good(agent: Client) -> None:
    case = case_in((await file_case(agent))[0].text)
    action = f"{case}/acts/remark.added"
    sent = hidden((await agent.get(case)).text, action) | {"text": "来电询问"}
    expired = await agent.post(action, data=sent | {"_csrf_token": "0" * 128}, headers=HERE)
    assert "set-cookie" not in expired.headers
    assert hidden(expired.text, action)["_csrf_token"] == sent["_csrf_token"]
    assert (await agent.post(action, data=sent, follow_redirects=False)).status_code == 303


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.local.evil.example", "http://["])
async def test_what_another_site_made_somebody_send_never_becomes_our_form(agent: Client, origin: str) -> None:
    case = case_in((await file_case(agent))[0].text)
    sent = {"text": "伪造的备注", "operation": "01" * 8, "_csrf_token": "0" * 128}
    forged = await agent.post(f"{case}/acts/remark.added", data=sent, headers={"origin": origin})
    assert forged.status_code == 403
    assert "伪造的备注" not in forged.text
    assert "set-cookie" not in forged.headers


async def test_a_password_is_never_carried_on(agent: Client) -> None:
    sent = {"login": "wugl", "password": PASSWORD, "present": PASSWORD, "again": PASSWORD, "_csrf_token": "0" * 128}
    for path in ("/sign-in", "/password"):
        answer = await agent.post(path, data=sent, headers=HERE)
        assert answer.status_code == 403
        assert PASSWORD not in answer.text


async def test_the_language_changes_on_every_page_without_a_dead_end(county: WebCounty, agent: Client) -> None:
    slip, _ = await file_case(agent)
    case = case_in(slip.text)
    page = (await agent.get(case)).text
    unmasking, searching = f"{case}/unmask", "/cases/search"
    answers = [
        slip,
        await agent.post(unmasking, data=hidden(page, unmasking) | {"purpose": "核对证件"}),
        await agent.post(searching, data=hidden((await agent.get("/cases")).text, searching) | {"search": "王"}),
    ]
    assert [way_back(answer.text) for answer in answers] == [f"{case}/slip", case, "/cases"]
    for answer in answers:
        sent = {"language": "en", "back": way_back(answer.text), "_csrf_token": await token_of(agent)}
        followed = await agent.post("/language", data=sent)
        assert followed.status_code == 200
        assert '<html lang="en"' in followed.text
    # What would be lost with its page keeps its page.
    for kind, fields in (("remark.added", {"text": " "}), ("custody.offered", {"to": ""})):
        refused = await act(agent, case, kind, **fields)
        assert (refused.status_code, way_back(refused.text)) == (422, None)
    wrong, _ = await file_case(agent, document_number="1")
    assert (wrong.status_code, way_back(wrong.text)) == (422, None)
    async with another(county, VILLAGE) as stranger:
        token = await token_of(stranger)
        failed = await stranger.post("/sign-in", data={"login": "x", "password": "y", "_csrf_token": token})
        assert (failed.status_code, way_back(failed.text)) == (401, "/sign-in")


async def test_a_lost_printout_is_printed_again_by_whoever_filed(county: WebCounty, agent: Client) -> None:
    slip, _ = await file_case(agent)
    case = case_in(slip.text)
    assert slip.url.path == f"{case}/slip"
    (code,) = set(re.findall(CODE, slip.text))
    assert f'href="{case}/slip"' in (await agent.get(case)).text
    await county.settle()
    again = await agent.get(f"{case}/slip")
    assert code in again.text
    assert again.headers["cache-control"] == "no-store"
    for seat, roles in ((VILLAGE, {Role.AGENT}), (VILLAGE, {Role.LEADER}), (TOWNSHIP, {Role.CLERK})):
        login = "-".join([seat, *roles])
        await county.nodes[seat].hire(login, *roles)
        async with another(county, seat) as other:
            await sign_in(other, login)
            assert f"{case}/slip" not in (await other.get(case)).text
            refused = await other.get(f"{case}/slip")
            assert (refused.status_code, code in refused.text) == (403, False)
            assert "凭条只能由登记收件的人员再次打开" in refused.text
    async with another(county, VILLAGE) as nobody:
        assert (await nobody.get(f"{case}/slip")).url.path == "/sign-in"


async def test_a_refused_purpose_keeps_the_page_and_what_was_typed(county: WebCounty, agent: Client) -> None:
    case = case_in((await file_case(agent))[0].text)
    await county.settle()
    page = (await agent.get(case)).text
    too_long = "核" * (PURPOSE_CHARACTERS_MAX + 1)
    for purpose, kept in (("核", 'value="核"'), (too_long, f'value="{too_long[:-1]}"')):
        for form in ("unmask", "proof"):
            action = f"{case}/{form}"
            refused = await agent.post(action, data=hidden(page, action) | {"purpose": purpose, "entry": ""})
            assert refused.status_code == 422
            assert "请写明查看目的" in refused.text or form == "proof"
            assert kept in refused.text
            assert f'action="{action}"' in refused.text
            assert NUMBER not in refused.text
            assert PHONE not in refused.text
    fingerprint = (await agent.get("/api" + case)).json()["case"]["steps"][0]["hash"][:8]
    action = f"{case}/proof"
    refused = await agent.post(action, data=hidden(page, action) | {"purpose": "", "entry": fingerprint})
    assert f'<option value="{fingerprint}" selected>' in refused.text
    assert 'id="proof-purpose-wrong"' in refused.text


async def test_an_office_that_only_remembers_a_case_is_told_so_and_leaves_no_look(county: WebCounty) -> None:
    """The township passed the case on: what is masked there can be lifted by nobody, and no look is written down."""
    await county.nodes[VILLAGE].hire("wugl", Role.AGENT)
    await county.nodes[TOWNSHIP].hire("zhou", Role.CLERK)
    await county.nodes[COUNTY].hire("wang", Role.CLERK)
    async with county.client(VILLAGE) as agent, county.client(TOWNSHIP) as clerk, county.client(COUNTY) as above:
        await sign_in(agent, "wugl")
        headers = await sign_in(clerk, "zhou")
        await sign_in(above, "wang")
        case = case_in((await file_case(agent))[0].text)
        for browser, kind, fields in (
            (agent, "custody.offered", {"to": TOWNSHIP}),
            (clerk, "custody.accepted", {}),
            (clerk, "custody.offered", {"to": COUNTY}),
            (above, "custody.accepted", {}),
        ):
            assert (await act(browser, case, kind, **fields)).status_code == 303
            await county.settle()
        refused = await clerk.post(f"/api{case}/unmask", json={"purpose": "核对证件"}, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "look_refused")
        token = await token_of(clerk)
        page = await clerk.post(f"{case}/unmask", data={"purpose": "核对证件", "_csrf_token": token})
        assert page.status_code == 403
        assert "本次未作记录" in page.text
    assert await looks(county, TOWNSHIP, case) == []
