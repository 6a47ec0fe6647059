"""What no desk would write arrives all the same, signed by an enrolled device: every page still shows it, none fails.

A village with another catalogue, an older program, or somebody else's hands on its keyboard. Nothing is refused on the
line (DESIGN 1.5); the officer who takes it up reads why a step cannot be taken and what to do.
"""

from collections.abc import AsyncGenerator, Sequence

import pytest

from schemas.casework.events import CaseFiled, CustodyOffered, encode_event
from schemas.casework.roles import Role
from schemas.casework.values import Applicant, Material, MaterialStatus
from schemas.names import CaseId, OfficeId, OfficerId, TrackingNumber, followed
from sync.core.journal import Draft
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, Client, WebCounty, sign_in, web_county

CASE = CaseId(b"\x07" * 16)
ADDRESS = f"/cases/{CASE.hex()}"
AUTHOR = OfficerId(f"{VILLAGE}/nobody")
WRONG_CHECK_DIGIT = "510824194910010026"


def strange_filing(item: str) -> CaseFiled:
    """An item of no catalogue, an edition of no county, a number with a wrong check digit, texts that look odd."""
    applicant = Applicant("\u202e王<script>", "999", WRONG_CHECK_DIGIT, "\u0007☎")
    materials = (Material("{{7*7}}", MaterialStatus.PLEDGED),)
    return CaseFiled(
        1, None, b"\x01" * 8, VILLAGE, AUTHOR, item, "9999-99", TrackingNumber("0"), bytes(24), applicant, materials
    )


@pytest.fixture(scope="module")
async def county(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[WebCounty]:
    """The village has filed and offered a matter that its township has never heard of."""
    async with web_county(tmp_path_factory.mktemp("county"), COUNTY, TOWNSHIP, VILLAGE) as made:
        village = made.nodes[VILLAGE]
        filed = encode_event(strange_filing("ZZ99"))

        async def filing() -> Sequence[Draft]:
            return [Draft(CaseFiled.kind, CASE, filed)]

        entry = (await village.ledger.record(filing))[0]
        offer = CustodyOffered(2, followed(entry.hash), b"\x02" * 8, VILLAGE, AUTHOR, TOWNSHIP)
        nowhere = CustodyOffered(2, followed(entry.hash), b"\x03" * 8, VILLAGE, AUTHOR, OfficeId("510824.hall"))
        there = nowhere.to.encode()
        impossible = encode_event(nowhere).replace(there, b"no office..")

        async def offering() -> Sequence[Draft]:
            return [
                Draft(CustodyOffered.kind, CASE, encode_event(offer)),
                Draft(CustodyOffered.kind, CASE, impossible),
                Draft("case.filed/2", CASE, b"\x90"),
            ]

        await village.ledger.record(offering)
        await made.settle()
        for seat in (VILLAGE, TOWNSHIP, COUNTY):
            await made.nodes[seat].hire("li", *Role)
        yield made


@pytest.fixture(params=[VILLAGE, TOWNSHIP, COUNTY])
async def browser(county: WebCounty, request: pytest.FixtureRequest) -> AsyncGenerator[Client]:
    async with county.client(request.param) as opened:
        await sign_in(opened, "li")
        yield opened


async def test_every_page_shows_it(browser: Client) -> None:
    for path in ("/cases?queue=all", ADDRESS, f"{ADDRESS}?lang=en", "/line", f"/api{ADDRESS}", "/api/cases?queue=all"):
        answer = await browser.get(path)
        assert answer.status_code == 200, path
        assert WRONG_CHECK_DIGIT not in answer.text
        assert path.startswith("/api") or "<script" not in answer.text
    assert "ZZ99" in (await browser.get(ADDRESS)).text


async def test_what_could_not_be_read_stands_on_the_page_of_the_line_with_its_reason(browser: Client) -> None:
    page = (await browser.get("/line")).text
    assert "该步骤的内容无法读取" in page
    assert "该步骤来自更高版本" in page


async def test_an_impossible_destination_takes_no_turn_and_the_next_step_says_what_is_wrong(county: WebCounty) -> None:
    async with county.client(TOWNSHIP) as browser:
        headers = await sign_in(browser, "li")
        shown = (await browser.get(f"/api{ADDRESS}")).json()["case"]
        assert shown["summary"]["stage"] == "offered"
        steps = len(shown["steps"])
        given = {"kind": "custody.accepted", "operation": "0b" * 8}
        answer = await browser.post(f"/api{ADDRESS}/acts", json=given, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "unknown_item")
        assert "目录" in answer.json()["message"]
        given = {"kind": "custody.declined", "operation": "0c" * 8, "fields": {"reason": "目录中没有该事项"}}
        answer = await browser.post(f"/api{ADDRESS}/acts", json=given, headers=headers)
        assert answer.status_code == 201, answer.text
        assert len((await browser.get(f"/api{ADDRESS}")).json()["case"]["steps"]) == steps + 1
