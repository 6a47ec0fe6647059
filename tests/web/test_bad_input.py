"""Bad input at the web's edge: always a 4xx that says what to do, never a 5xx, and nothing held changes."""

from collections.abc import AsyncGenerator
from typing import Any

import pytest

from schemas.casework.roles import Role
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, Client, sign_in, web_county
from tests.web.test_pages import NAME, NUMBER, case_in, file_case

OPERATION = "0a" * 8


class Signed:
    """A browser that is signed in as agent, approver and leader, with a case of its own."""

    def __init__(self, browser: Client, headers: dict[str, str], case: str) -> None:
        self.browser = browser
        self.headers = headers
        self.case = case


@pytest.fixture(scope="module")
async def signed(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Signed]:
    """One for the whole module: bad input must leave everything as it was, also for the next test."""
    async with web_county(tmp_path_factory.mktemp("county"), COUNTY, TOWNSHIP, VILLAGE) as county:
        await county.nodes[VILLAGE].hire("wugl", Role.AGENT, Role.CLERK, Role.APPROVER, Role.LEADER)
        async with county.client(VILLAGE) as browser:
            headers = await sign_in(browser, "wugl")
            yield Signed(browser, headers, case_in((await file_case(browser))[0].text))


def filing(**fields: Any) -> dict[str, Any]:
    applicant = {"name": NAME, "document_type": "111", "document_number": NUMBER}
    return {"operation": OPERATION, "item": "RS01", "applicant": applicant} | fields


JSON_BODIES: dict[str, bytes] = {
    "empty": b"",
    "not json": b"{",
    "trailing": b"{} {}",
    "deep": b"[" * 100_000,
    "deep and closed": b"[" * 30_000 + b"]" * 30_000,
    "not utf-8": b'{"operation": "\xff"}',
    "lone surrogate": b'{"operation": "\\ud800"}',
    "wrong types": b'{"operation": 5, "item": [], "applicant": 1}',
    "unknown field": b'{"operation": "00", "item": "RS01", "applicant": {}, "admin": true}',
    "msgpack": b"\x81\xa1a\x01",
    "a number": b"1e400",
    "null": b"null",
}


@pytest.mark.parametrize("name", list(JSON_BODIES))
async def test_bodies_that_do_not_read(signed: Signed, name: str) -> None:
    headers = signed.headers | {"content-type": "application/json"}
    for path in ("/api/cases", f"/api{signed.case}/acts", f"/api{signed.case}/unmask", "/api/cases/search"):
        answer = await signed.browser.post(path, content=JSON_BODIES[name], headers=headers)
        assert 400 <= answer.status_code < 500, (path, answer.status_code)
        assert answer.json()["code"]
        assert len(answer.json()["message"]) > 10
    assert (await signed.browser.get("/api/cases?queue=all")).json()["total"] == 1


FILINGS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown item": ({"item": "ZZ99"}, "unknown_item"),
    "item that cannot be delegated": ({"item": "MZ10"}, "not_delegable"),
    "operation too short": ({"operation": "0a"}, "operation_malformed"),
    "operation not hexadecimal": ({"operation": "zz" * 8}, "operation_malformed"),
    "operation in other digits": ({"operation": "٠" * 16}, "operation_malformed"),
    "name empty": ({"applicant": {"name": "", "document_type": "111", "document_number": NUMBER}}, "text_unacceptable"),
    "unknown kind of document": (
        {"applicant": {"name": NAME, "document_type": "zzz", "document_number": NUMBER}},
        "document_type_unknown",
    ),
    "name that nobody can see": (
        {"applicant": {"name": "\u202e王\u200b秀英", "document_type": "111", "document_number": NUMBER}},
        "unseen_character",
    ),
    "name of 10,000": (
        {"applicant": {"name": "王" * 10_000, "document_type": "111", "document_number": NUMBER}},
        "text_unacceptable",
    ),
    "wrong check digit": (
        {"applicant": {"name": NAME, "document_type": "111", "document_number": NUMBER[:-1] + "6"}},
        "resident_number_check",
    ),
    "number of 15": (
        {"applicant": {"name": NAME, "document_type": "111", "document_number": "510824491001002"}},
        "resident_number_old",
    ),
    "statement too long": ({"statement": "长" * 4001}, "text_unacceptable"),
    "100 materials": ({"materials": [{"name": f"材料{n}"} for n in range(100)]}, "text_unacceptable"),
    "NUL in a name": (
        {"applicant": {"name": "王\x00", "document_type": "111", "document_number": NUMBER}},
        "bad_request",
    ),
    "NUL in a statement": ({"statement": "\x00"}, "bad_request"),
}


@pytest.mark.parametrize("name", list(FILINGS))
async def test_filings_that_cannot_be_taken(signed: Signed, name: str) -> None:
    fields, code = FILINGS[name]
    # Another item than the one that this person has under way.
    sent = filing(**({"item": "YB01"} | fields))
    answer = await signed.browser.post("/api/cases", json=sent, headers=signed.headers)
    assert answer.status_code in (400, 409, 422)
    assert answer.json()["code"] == code
    assert len(answer.json()["message"]) > 10
    assert NUMBER not in answer.text
    assert (await signed.browser.get("/api/cases?queue=all")).json()["total"] == 1


ACTS: dict[str, tuple[dict[str, Any], int, str]] = {
    "unknown kind": ({"kind": "case.deleted"}, 409, "unknown_act"),
    "house-keeping": ({"kind": "line.erased"}, 409, "unknown_act"),
    "the filing itself": ({"kind": "case.filed"}, 409, "unknown_act"),
    "impossible division": ({"kind": "custody.offered", "fields": {"to": "99"}}, 422, "unknown_office"),
    "office of another county": ({"kind": "custody.offered", "fields": {"to": "110101"}}, 422, "unknown_office"),
    "to itself": ({"kind": "custody.offered", "fields": {"to": VILLAGE}}, 409, "offered_to_itself"),
    "no destination": ({"kind": "custody.offered"}, 422, "form_incomplete"),
    "a list for a text": ({"kind": "remark.added", "fields": {"text": ["a"]}}, 422, "form_incomplete"),
    "text too long": ({"kind": "remark.added", "fields": {"text": "长" * 4001}}, 422, "form_incomplete"),
    "only blanks": ({"kind": "remark.added", "fields": {"text": " \n\t "}}, 422, "form_incomplete"),
    "no such choice": (
        {"kind": "case.decided", "fields": {"outcome": "perhaps", "reason": "r", "basis": "b"}},
        422,
        "form_incomplete",
    ),
    "not at this stage": (
        {"kind": "case.decided", "fields": {"outcome": "granted", "reason": "r", "basis": "b"}},
        409,
        "stage_forbids",
    ),
    "only the county": (
        {"kind": "custody.reassigned", "fields": {"to": "510824100", "reason": "r", "approver": "a"}},
        409,
        "county_only",
    ),
    "NUL": ({"kind": "remark.added", "fields": {"text": "a\x00b"}}, 400, "bad_request"),
    "stale": ({"kind": "case.withdrawn", "fields": {"reason": "r"}, "seen": "00" * 16}, 409, "not_following"),
    "seen is no hash": (
        {"kind": "case.withdrawn", "fields": {"reason": "r"}, "seen": "xx"},
        422,
        "operation_malformed",
    ),
}


@pytest.mark.parametrize("name", list(ACTS))
async def test_acts_that_cannot_be_taken(signed: Signed, name: str) -> None:
    given, status, code = ACTS[name]
    answer = await signed.browser.post(
        f"/api{signed.case}/acts", json={"operation": OPERATION} | given, headers=signed.headers
    )
    assert (answer.status_code, answer.json()["code"]) == (status if code != "county_only" else 403, code)
    assert answer.json()["message"]
    assert len((await signed.browser.get("/api" + signed.case)).json()["case"]["steps"]) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/cases/..%2f..%2fetc",
        "/cases/%00",
        "/cases/xyz",
        "/cases/" + "A" * 5000,
        "/cases?queue=nobody",
        "/cases?page=0",
        "/cases?page=-1",
        "/cases?page=99999999999999999999999",
        "/cases?page=%00",
        "/cases?queue=%ff",
        "/filing/%00",
        "/filing/../../x",
        "/filing/ZZ99",
        "/assets/%2e%2e%2fapp.py",
        "/api/cases/%ff%fe",
        "/sign-in?next=%00",
        "/%ff",
        "/\u4ef6\u5355",
    ],
)
async def test_addresses_that_lead_nowhere(signed: Signed, path: str) -> None:
    answer = await signed.browser.get(path)
    assert answer.status_code < 500
    if path != "/sign-in?next=%00":
        assert answer.status_code >= 400
    assert answer.headers["x-content-type-options"] == "nosniff"


FORMS: dict[str, tuple[bytes, str]] = {
    "NUL": (b"text=a%00b", "application/x-www-form-urlencoded"),
    "not utf-8": (b"text=%ff%fe", "application/x-www-form-urlencoded"),
    "1,000 fields": (b"&".join(b"f%d=1" % n for n in range(1000)), "application/x-www-form-urlencoded"),
    "multipart without boundary": (b"x", "multipart/form-data"),
    "broken multipart": (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
    "a file": (
        b'--x\r\nContent-Disposition: form-data; name="text"; filename="a.exe"\r\n\r\nMZ\r\n--x--\r\n',
        "multipart/form-data; boundary=x",
    ),
    "json": (b"{}", "application/json"),
    "too large": (b"text=" + b"a" * 200_000, "application/x-www-form-urlencoded"),
    "nothing": (b"", "application/x-www-form-urlencoded"),
}


@pytest.mark.parametrize("name", list(FORMS))
async def test_forms_that_do_not_read(signed: Signed, name: str) -> None:
    content, content_type = FORMS[name]
    headers = signed.headers | {"content-type": content_type}
    for path in (f"{signed.case}/acts/remark.added", "/filing/RS01", f"{signed.case}/unmask", "/sign-in", "/language"):
        answer = await signed.browser.post(path, content=content, headers=headers, follow_redirects=False)
        if path == "/language":
            # A language that does not exist is none, and the page is shown again.
            assert answer.status_code < 500, answer.status_code
        else:
            assert 400 <= answer.status_code < 500, (path, answer.status_code)
    assert len((await signed.browser.get("/api" + signed.case)).json()["case"]["steps"]) == 1
    assert (await signed.browser.get("/api/cases?queue=all")).json()["total"] == 1


async def test_what_was_typed_cannot_become_markup(signed: Signed) -> None:
    attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'
    given = {"kind": "remark.added", "operation": OPERATION, "fields": {"text": attack}}
    slip, _ = await file_case(signed.browser)
    case = case_in(slip.text)
    assert (await signed.browser.post(f"/api{case}/acts", json=given, headers=signed.headers)).status_code == 201
    page = (await signed.browser.get(case)).text
    assert "<script" not in page
    assert "<img" not in page
    assert "{{7*7}}" in page
    assert "style=" not in page
    assert " onclick" not in page
