"""Personal data: masked by default, shown by a recorded click, never in addresses or logs."""

import logging
import re
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from office.access_log import AccessLog
from office.web.views import detail_of, lifted
from office.worklists import Found, Traced
from schemas.casework.casefile import CaseFile
from schemas.casework.events import CaseFiled, RemarkAdded
from schemas.casework.roles import Role
from schemas.casework.values import Applicant
from schemas.casework.visibility import FieldGroup, Sight, sight_of
from schemas.names import CaseId, Epoch, Instant, JournalId, NodeId, OfficeId, OfficerId, TrackingNumber
from sync.ports import Stored
from tests.web.county import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Client, WebCounty, sign_in
from tests.web.test_pages import NAME, NUMBER, PHONE, act, case_in, file_case, hidden

STATEMENT = "请为本人办理参保登记"
SECRETS = (NAME, NUMBER, PHONE, STATEMENT)


async def filed(county: WebCounty, browser: Client) -> str:
    await county.nodes[VILLAGE].hire("wugl", Role.AGENT, name="吴桂兰")
    await sign_in(browser, "wugl")
    case = case_in((await file_case(browser))[0].text)
    await county.settle()
    return case


async def test_numbers_are_masked_until_somebody_says_why(county: WebCounty) -> None:
    async with county.client(VILLAGE) as browser:
        case = await filed(county, browser)
        page = (await browser.get(case)).text
        assert NUMBER not in page
        assert PHONE not in page
        assert "510*************25" in page
        action = f"{case}/unmask"
        refused = await browser.post(action, data=hidden(page, action) | {"purpose": " "})
        assert refused.status_code == 422
        assert NUMBER not in refused.text
        shown = await browser.post(action, data=hidden(page, action) | {"purpose": "核对身份证件"})
        assert NUMBER in shown.text
        assert PHONE in shown.text
        assert NUMBER not in (await browser.get(case)).text, "one click shows one page"
        looks = await county_log(county, case)
        assert looks == [f"{VILLAGE}/wugl", "核对身份证件"]


async def county_log(county: WebCounty, case: str) -> list[str]:
    """Officer and purpose of every look at a case in the village."""
    node = county.nodes[VILLAGE]
    log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
    looks = await log.looks_at(CaseId(bytes.fromhex(case.rpartition("/")[2])))
    return [part for look in looks for part in (look.officer, look.purpose)]


async def test_those_above_see_neither_name_nor_words_without_a_recorded_look(county: WebCounty) -> None:
    async with county.client(VILLAGE) as browser, county.client(COUNTY) as above:
        case = await filed(county, browser)
        await county.nodes[COUNTY].hire("leader", Role.LEADER)
        headers = await sign_in(above, "leader")
        for answer in (await above.get(case), await above.get("/api" + case), await above.get("/cases?queue=all")):
            assert answer.status_code == 200
            for secret in SECRETS:
                assert secret not in answer.text
        shown = await above.post(f"/api{case}/unmask", json={"purpose": "督办核实"}, headers=headers)
        assert shown.json()["case"]["document_number"] == NUMBER
        assert shown.json()["case"]["summary"]["applicant"] == NAME


async def test_the_forms_of_those_above_do_not_name_the_papers_that_the_page_hides(county: WebCounty) -> None:
    """A missing certificate may tell of an illness: whoever sees no statement is offered none to tick either."""
    paper = "重度残疾证明"
    await county.nodes[TOWNSHIP].hire("clerk", Role.CLERK)
    await county.nodes[COUNTY].hire("above", Role.CLERK)
    async with county.client(VILLAGE) as agent, county.client(TOWNSHIP) as clerk, county.client(COUNTY) as above:
        case = await filed(county, agent)
        await act(agent, case, "custody.offered", to=TOWNSHIP)
        await county.settle()
        await sign_in(clerk, "clerk")
        await act(clerk, case, "custody.accepted")
        await act(clerk, case, "papers.requested", materials=paper, reason="缺少")
        await county.settle()
        assert paper in (await agent.get(case)).text
        await sign_in(above, "above")
        page = (await above.get(case)).text
        assert "papers.brought" in page, "the county's counter may take papers in"
        assert paper not in page
        action = f"{case}/unmask"
        assert paper in (await above.post(action, data=hidden(page, action) | {"purpose": "窗口收件"})).text


async def test_no_address_holds_anything_of_a_person(county: WebCounty) -> None:
    async with county.client(VILLAGE) as browser:
        case = await filed(county, browser)
        for path in ("/cases", case, "/line", "/filing"):
            page = (await browser.get(path)).text
            addresses = re.findall(r'(?:href|action|src)="([^"]*)"', page)
            assert addresses
            for address in addresses:
                assert re.fullmatch(r"[!-~]+", address), address
                assert not any(secret in address for secret in SECRETS)
        search = re.search(r'<form class="search" method="(\w+)"', (await browser.get("/cases")).text)
        assert search is not None
        assert search.group(1) == "post", "a name that is searched for must not stand in an address"


async def test_a_search_finds_by_number_and_by_name_within_scope(county: WebCounty) -> None:
    async with county.client(VILLAGE) as browser:
        case = await filed(county, browser)
        tracking = (await browser.get("/api" + case)).json()["case"]["summary"]["tracking"]
        page = (await browser.get("/cases")).text
        plain = tracking.replace("-", "")
        spellings = [tracking.lower(), plain, f" {plain[:6]} {plain[6:12]} - {plain[12:]} "]
        spellings.append("".join(chr(ord(character) + 0xFEE0) for character in tracking))
        searches = [(spelling, True) for spelling in spellings]
        for search, is_found in (*searches, ("王秀", True), ("秀英", False), ("%", False), (plain[:-1], False)):
            answer = await browser.post("/cases/search", data=hidden(page, "/cases/search") | {"search": search})
            assert (case in answer.text) == is_found, search
            assert search not in str(answer.url)
        wrong = plain[:-2] + ("1" if plain[-2] != "1" else "2") + plain[-1]
        answer = await browser.post("/cases/search", data=hidden(page, "/cases/search") | {"search": wrong})
        assert "末位校验字符不符" in answer.text, "mistyped, rather than not here"
    # The number of somebody else's case is no case at all to an office that has no part in it.
    await county.nodes[OTHER_VILLAGE].hire("other", Role.AGENT)
    await county.nodes[TOWNSHIP].hire("clerk", Role.CLERK)
    for seat, login, total in ((OTHER_VILLAGE, "other", 0), (TOWNSHIP, "clerk", 1)):
        async with county.client(seat) as browser:
            headers = await sign_in(browser, login)
            found = await browser.post("/api/cases/search", json={"search": plain.lower()}, headers=headers)
            assert found.json()["total"] == total, seat


async def test_a_search_spells_out_no_name_that_the_page_hides(county: WebCounty) -> None:
    """Letter by letter a masked name would be found, without a purpose and without a look: by those above, by an
    office that passed the case on, and by whoever only supervises.
    """
    await county.nodes[TOWNSHIP].hire("zhou", Role.CLERK)
    await county.nodes[TOWNSHIP].hire("ducha", Role.SUPERVISOR)
    await county.nodes[COUNTY].hire("wang", Role.CLERK, Role.LEADER)
    async with (
        county.client(VILLAGE) as agent,
        county.client(TOWNSHIP) as township,
        county.client(COUNTY) as above,
    ):
        case = await filed(county, agent)

        async def finds(browser: Client, login: str, search: str) -> bool:
            headers = await sign_in(browser, login)
            answer = await browser.post("/api/cases/search", json={"search": search}, headers=headers)
            page = await browser.post("/cases/search", data={"search": search, "_csrf_token": headers["x-csrftoken"]})
            assert (case in page.text) == (answer.json()["total"] == 1)
            return case in page.text

        tracking = (await agent.get("/api" + case)).json()["case"]["summary"]["tracking"]
        everybody = ((agent, "wugl"), (township, "zhou"), (township, "ducha"), (above, "wang"))
        assert [await finds(browser, login, tracking) for browser, login in everybody] == [True] * 4
        assert [await finds(browser, login, NAME[:2]) for browser, login in everybody] == [True, False, False, False]
        # While an office is offered the case or holds it, it works with the person; before and after it does not.
        await act(agent, case, "custody.offered", to=TOWNSHIP)
        await county.settle()
        assert [await finds(browser, login, NAME[:2]) for browser, login in everybody] == [True, True, False, False]
        await sign_in(township, "zhou")
        await act(township, case, "custody.accepted")
        assert await finds(township, "zhou", NAME)
        await sign_in(township, "zhou")
        await act(township, case, "custody.offered", to=COUNTY)
        await county.settle()
        assert [await finds(browser, login, NAME) for browser, login in everybody] == [True, False, False, True]


async def test_nothing_personal_is_logged_whatever_happens(county: WebCounty, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    # The client in the test logs the addresses that it calls; the product's own loggers are what is examined.
    async with county.client(VILLAGE) as browser:
        case = await filed(county, browser)
        await file_case(browser, document_number=NUMBER[:-1] + "6")
        await browser.get(case + "x")
        await browser.post(f"{case}/unmask", data={"purpose": "伪造"})
        await browser.post("/sign-in", data={"login": "wugl", "password": "my secret password"})
    written = "\n".join(record.getMessage() for record in caplog.records)
    for secret in (*SECRETS, "my secret password", "伪造"):
        assert secret not in written


async def test_our_own_fault_is_logged_by_its_place_and_shown_as_a_sentence(
    county: WebCounty, caplog: pytest.LogCaptureFixture
) -> None:
    async with county.client(VILLAGE) as browser:
        case = await filed(county, browser)
        # A database that is destroyed under the running node: the error of the driver names the statement's values.
        await county.nodes[VILLAGE].engines.write.dispose()
        path = Path(str(county.nodes[VILLAGE].engines.read.url.database))
        with sqlite3.connect(path) as connection:
            connection.execute("ALTER TABLE cases RENAME TO lost")
        connection.close()
        answer = await browser.get(case)
        assert answer.status_code == 500
        assert "本机出现故障" in answer.text
        assert "OperationalError" not in answer.text
    (record,) = [record for record in caplog.records if record.name == "tongban.web"]
    assert "OperationalError" in record.getMessage()
    assert "worklists.py" in record.getMessage()
    assert case.rpartition("/")[2] not in record.getMessage()


def a_case() -> Found:
    """A filed case with one remark, as the worklists hand it over."""
    village = OfficeId(VILLAGE)
    agent = OfficerId(f"{VILLAGE}/wugl")
    filing = CaseFiled(
        1,
        None,
        bytes(8),
        village,
        agent,
        "RS01",
        "1",
        TrackingNumber("n"),
        bytes(48),
        Applicant(NAME, "111", NUMBER, PHONE),
        (),
        STATEMENT,
    )
    remark = RemarkAdded(1, bytes(8), village, agent, f"致电 {PHONE}")
    journal = JournalId(NodeId("a" * 16), Epoch(1, bytes(6)))
    entry = Stored(journal, 1, 1, b"", Instant(0), "case.filed", CaseId(bytes(16)), b"", b"", bytes(32))
    traced = (
        Traced(entry, filing, "", "", frozenset({village})),
        Traced(replace(entry, kind="remark.added"), remark, "", "", frozenset({village})),
    )
    case = CaseFile(CaseId(bytes(16)), filing=filing, turn=1, custodian=village, holders=(village,))
    return Found(case, traced)


@pytest.mark.parametrize("sight", [Sight.UNMASKABLE, Sight.MASKED, Sight.HIDDEN])
def test_a_view_shows_nothing_that_its_reader_may_not_see(sight: Sight) -> None:
    sights = dict.fromkeys(FieldGroup, sight)
    shown = repr(detail_of(a_case(), sights, TOWNSHIP))
    for secret in SECRETS:
        assert secret not in shown
    after = repr(detail_of(a_case(), lifted(sights), TOWNSHIP))
    assert (NUMBER in after) == (sight is Sight.UNMASKABLE)


def test_an_administrator_alone_sees_nothing_even_if_a_guard_were_forgotten() -> None:
    found = a_case()
    sights = sight_of(found.file, VILLAGE, {Role.ADMINISTRATOR})
    shown = repr(detail_of(found, lifted(sights), VILLAGE))
    for secret in SECRETS:
        assert secret not in shown
