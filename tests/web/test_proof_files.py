"""A proof file out of the case's page: only for whom a recorded look would show everything, and never unrecorded.

What is inside a file, and that it can be checked, is told in `tests/stories/test_proof_for_a_court.py`.
"""

from typing import Any

import pytest

from office.access_log import AccessLog
from schemas.casework.roles import Role
from schemas.names import CaseId, OfficeId
from sync.proof.file import MAGIC
from tests.web.county import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE, Client, WebCounty, sign_in
from tests.web.test_pages import NAME, NUMBER, act, case_in, file_case, hidden


async def filed(county: WebCounty, browser: Client) -> tuple[str, dict[str, Any]]:
    """The page of a filed case, and its first step as the interface tells it."""
    await county.nodes[VILLAGE].hire("wugl", Role.AGENT, name="吴桂兰")
    await sign_in(browser, "wugl")
    case = case_in((await file_case(browser))[0].text)
    await county.settle()
    return case, (await browser.get("/api" + case)).json()["case"]


async def looks(county: WebCounty, seat: OfficeId, case: str) -> list[tuple[str, str]]:
    node = county.nodes[seat]
    log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
    found = await log.looks_at(CaseId(bytes.fromhex(case.rpartition("/")[2])))
    return [(look.officer, look.purpose) for look in found]


async def test_a_step_is_taken_out_with_a_purpose_that_is_recorded(county: WebCounty) -> None:
    async with county.client(VILLAGE) as browser:
        case, told = await filed(county, browser)
        fingerprint = told["steps"][0]["hash"][:8]
        page, action = (await browser.get(case)).text, f"{case}/proof"
        assert f'<option value="{fingerprint}">' in page
        assert county.nodes[VILLAGE].books.seat.root.digest in page
        sent = hidden(page, action) | {"entry": fingerprint, "purpose": ""}
        refused = await browser.post(action, data=sent)
        assert (refused.status_code, await looks(county, VILLAGE, case)) == (422, [])
        unknown = await browser.post(action, data=sent | {"entry": "00000000", "purpose": "法院"})
        assert (unknown.status_code, await looks(county, VILLAGE, case)) == (422, [])
        file = await browser.post(action, data=sent | {"purpose": "群众本人索取"})
        assert file.status_code == 200
        assert file.content.startswith(MAGIC)
        assert NUMBER.encode() in file.content
        tracking = told["summary"]["tracking"]
        assert file.headers["content-disposition"] == f'attachment; filename="{tracking}-{fingerprint}.proof"'
        assert file.headers["cache-control"] == "no-store"
        assert await looks(county, VILLAGE, case) == [(f"{VILLAGE}/wugl", f"proof {fingerprint}: 群众本人索取")]


@pytest.mark.parametrize(("seat", "role", "status"), [(COUNTY, Role.SUPERVISOR, 200), (OTHER_VILLAGE, Role.AGENT, 404)])
async def test_those_above_may_and_those_aside_find_nothing(
    county: WebCounty, seat: OfficeId, role: Role, status: int
) -> None:
    async with county.client(VILLAGE) as browser:
        case, told = await filed(county, browser)
    wanted = {"entry": told["steps"][0]["hash"][:8], "purpose": "督查核实"}
    await county.nodes[seat].hire("other", role)
    async with county.client(seat) as browser:
        headers = await sign_in(browser, "other")
        answer = await browser.post(f"/api{case}/proof", json=wanted, headers=headers)
        assert answer.status_code == status
        assert (NUMBER.encode() in answer.content) == (status == 200)
    assert len(await looks(county, seat, case)) == (status == 200)


async def test_who_only_remembers_a_case_gets_no_file_of_it(county: WebCounty) -> None:
    """A township that passed the case on sees how it goes on, but no longer what the resident wrote."""
    await county.nodes[TOWNSHIP].hire("zhou", Role.CLERK)
    async with county.client(VILLAGE) as agent, county.client(TOWNSHIP) as clerk:
        case, told = await filed(county, agent)
        await act(agent, case, "custody.offered", to=TOWNSHIP)
        await county.settle()
        headers = await sign_in(clerk, "zhou")
        await act(clerk, case, "custody.accepted")
        wanted = {"entry": told["steps"][0]["hash"][:8], "purpose": "归档"}
        assert (await clerk.post(f"/api{case}/proof", json=wanted, headers=headers)).status_code == 200
        assert (await act(clerk, case, "custody.offered", to=COUNTY)).status_code == 303
        await county.settle()
        county_desk = county.nodes[COUNTY]
        await county_desk.hire("wang", Role.CLERK, Role.LEADER)
        async with county.client(COUNTY) as above:
            await sign_in(above, "wang")
            assert (await act(above, case, "custody.accepted")).status_code == 303
        await county.settle()
        page = (await clerk.get(case)).text
        assert NAME not in page
        assert "/proof" not in page
        refused = await clerk.post(f"/api{case}/proof", json=wanted, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "role_forbids")
