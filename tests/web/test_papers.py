"""Photographs and PDF in the browser: taken in with a form, kept when it is refused, shown, opened, fetched."""

import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any, Final

import httpx
import pytest

from office.access_log import AccessLog
from schemas.casework.casefile import CaseFile
from schemas.casework.roles import Role
from schemas.names import CaseId
from tests.support.pictures import CAMERA, jpeg, page, pdf, png
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, Client, WebCounty, sign_in, token_of
from tests.web.test_pages import act, case_in, confirmations, hidden, materials_in, typed

FORM: Final = "/filing/RS01"
ID_CARD: Final = "居民身份证"


async def form_of(browser: Client, **fields: Any) -> dict[str, Any]:
    """The form of an item, filled in."""
    page_ = (await browser.get(FORM)).text
    return hidden(page_, FORM) | materials_in(page_) | typed() | {"attends": "person"} | fields


def words_in(text: str) -> list[str]:
    """What the page brings back of what was captured."""
    return re.findall(r'name="paper" value="([^"]+)"', text)


def paths_in(text: str) -> list[str]:
    """Where the papers of a case are opened."""
    return re.findall(r'href="(/cases/[0-9a-f]{32}/papers/[0-9a-f]{64})"', text)


async def case_at(county: WebCounty, seat: Any, text: str) -> CaseFile:
    """The case that a page leads to, as a node keeps it."""
    subject = CaseId(bytes.fromhex(case_in(text).rpartition("/")[2]))
    return (await county.nodes[seat].worklists.get_case(seat, subject)).file


async def file_with(browser: Client, *files: tuple[str, bytes], **fields: Any) -> httpx.Response:
    """Send the form with these files, as photographs of the identity card."""
    sent = await form_of(browser, **fields)
    parts = [(f"files:{ID_CARD}", (name, content, "application/octet-stream")) for name, content in files]
    return await browser.post(FORM, data=sent, files=[*parts, ("files:", ("", b"", "application/octet-stream"))])


async def test_a_photograph_goes_with_the_filing_and_is_seen_on_the_case_page(county: WebCounty, agent: Client) -> None:
    slip = await file_with(agent, ("王秀英身份证.jpg", jpeg()))
    assert slip.status_code == 200
    file = await case_at(county, VILLAGE, slip.text)
    (paper,) = file.papers
    assert (paper.media, paper.material) == ("image/jpeg", ID_CARD)

    shown = await agent.get(case_in(slip.text))
    assert "附件" in shown.text
    assert "在本机" in shown.text
    (path,) = paths_in(shown.text)
    small = await agent.get(f"{path}/small")
    assert small.headers["content-type"] == "image/jpeg"
    whole = await agent.get(path)
    assert whole.status_code == 200
    assert len(whole.content) == paper.size
    assert CAMERA.encode() not in whole.content
    assert whole.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert whole.headers["x-content-type-options"] == "nosniff"
    assert whole.headers["cache-control"] == "no-store"
    assert "王秀英" not in str(whole.headers)


async def test_what_was_photographed_survives_a_refused_form_and_can_be_taken_off(
    county: WebCounty, agent: Client
) -> None:
    refused = await file_with(agent, ("a.jpg", jpeg()), ("b.png", png(page(words="second page"))), name="")
    assert refused.status_code == 422
    first, second = words_in(refused.text)
    small = await agent.get(f"/captured/{first}")
    assert small.headers["content-type"] == "image/jpeg"
    sent = await form_of(agent) | {"paper": [first, second], "drop": [second]}
    slip = await agent.post(FORM, data=sent)
    assert slip.status_code == 200
    assert len((await case_at(county, VILLAGE, slip.text)).papers) == 1


async def test_a_file_that_is_no_paper_is_named_and_nothing_else_is_lost(agent: Client) -> None:
    answer = await file_with(agent, ("居民身份证.jpg", b"MZ this is a program"), ("good.jpg", jpeg()), statement="急用")
    assert answer.status_code == 422
    text = unescape(answer.text)
    assert "居民身份证.jpg" in text
    assert "文件内容不是 JPEG" in text
    assert "急用" in text
    assert len(words_in(answer.text)) == 1


async def test_a_blurred_photograph_is_taken_again_or_used_all_the_same(county: WebCounty, agent: Client) -> None:
    asked = await file_with(agent, ("blurred.jpg", jpeg(page(blur=5))))
    assert asked.status_code == 422
    assert "可能看不清" in asked.text
    (word,) = words_in(asked.text)
    sent = await form_of(agent) | {"paper": word} | confirmations(asked.text)
    slip = await agent.post(FORM, data=sent)
    assert slip.status_code == 200
    assert len((await case_at(county, VILLAGE, slip.text)).papers) == 1


async def test_twenty_papers_are_enough_for_a_case(agent: Client) -> None:
    refused = await file_with(agent, ("a.pdf", pdf()), name="")
    (word,) = words_in(refused.text)
    more = [("files:", (f"{number}.pdf", pdf(b"%% %d\n" % number), "")) for number in range(20)]
    answer = await agent.post(FORM, data=await form_of(agent) | {"paper": word}, files=more)
    assert answer.status_code == 422
    assert "一件最多 20 个附件" in answer.text
    assert len(words_in(answer.text)) == 20


async def test_a_stated_length_beyond_all_papers_is_refused_before_a_byte_is_read(agent: Client) -> None:
    """10 GB declared: the answer comes though nothing was sent."""

    async def nothing() -> AsyncIterator[bytes]:
        yield b"--x\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x", "content-length": str(10 * 1024**3)}
    answer = await agent.post(FORM, content=nothing(), headers=headers)
    assert answer.status_code == 422
    assert "所选文件合计过大" in answer.text
    plain = {"content-type": "application/x-www-form-urlencoded"}
    answer = await agent.post(FORM, content=b"name=" + b"a" * 400_000, headers=plain)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--x\r\n",
        b'--x\r\nContent-Disposition: form-data; name="files:"; filename="a.jpg"\r\n\r\n\xff\xd8\xff half',
        b"no parts at all",
        b"--x\r\nContent-Disposition: form-data\r\n\r\nnameless\r\n--x--\r\n",
        b"--x\r\n" + b"X: y\r\n" * 100 + b"\r\n\r\n--x--\r\n",
        (b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 3000) + b"--x--\r\n",
    ],
    ids=["empty", "an opening", "half a file", "no form", "no name", "many headers", "many fields"],
)
async def test_a_broken_form_is_refused_in_words(agent: Client, body: bytes) -> None:
    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = await agent.post(FORM, content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text
    headers |= {"x-csrftoken": await token_of(agent)}
    answer = await agent.post(FORM, content=body, headers=headers)
    assert 400 <= answer.status_code < 500, answer.text


async def test_without_its_token_no_file_is_even_looked_at(county: WebCounty, agent: Client) -> None:
    sent = await form_of(agent) | {"_csrf_token": "0" * 128}
    answer = await agent.post(FORM, data=sent, files=[("files:", ("a.jpg", jpeg(), ""))])
    assert answer.status_code == 403
    agent.cookies.clear()
    sent = sent | {"_csrf_token": await token_of(agent)}
    answer = await agent.post(FORM, data=sent, files=[("files:", ("a.jpg", jpeg(), ""))])
    assert answer.status_code == 401
    assert "请为本人办理参保登记" in answer.text, "what was typed is shown again"
    assert not county.nodes[VILLAGE].papers._folder.exists()  # pyright: ignore[reportPrivateUsage]


async def test_a_word_is_good_for_its_officer_alone(county: WebCounty, agent: Client) -> None:
    """Whoever learns a digest, or another's word, cannot have the paper named in a case of his own."""
    (word,) = words_in((await file_with(agent, ("a.jpg", jpeg()), name="")).text)
    await county.nodes[VILLAGE].hire("other", Role.AGENT)
    await sign_in(agent, "other")
    assert (await agent.get(f"/captured/{word}")).status_code == 422
    answer = await agent.post(FORM, data=await form_of(agent) | {"paper": word})
    assert answer.status_code == 422
    assert "有附件不在本机" in answer.text
    await sign_in(agent, "wugl")
    assert (await agent.get(f"/captured/{word}")).status_code == 200
    for bent in (word[:-2], "A" + word[1:], word + "AA", "", "%", "ü"):
        answer = await agent.post(FORM, data=await form_of(agent) | {"paper": bent})
        assert answer.status_code == 422


async def test_what_lay_too_long_is_asked_for_anew(county: WebCounty, agent: Client) -> None:
    (word,) = words_in((await file_with(agent, ("a.jpg", jpeg()), name="")).text)
    node = county.nodes[VILLAGE]
    await node.papers.sweep(set(), type(node.clock.now())(2**50))
    answer = await agent.post(FORM, data=await form_of(agent) | {"paper": word})
    assert answer.status_code == 422
    assert "有附件不在本机" in answer.text


async def test_papers_are_brought_to_a_case_and_seen_by_the_township(county: WebCounty, agent: Client) -> None:
    slip = await file_with(agent)
    case = case_in(slip.text)
    path = f"{case}/acts/papers.brought"
    fields = hidden((await agent.get(case)).text, path) | {"materials": ID_CARD}
    blurred = await agent.post(path, data=fields, files=[(f"files:{ID_CARD}", ("a.jpg", jpeg(page(blur=5)), ""))])
    assert blurred.status_code == 422
    (word,) = words_in(blurred.text)
    (tick,) = re.findall(r'name="confirm_blurred" value="([^"]+)"', blurred.text)
    again = hidden(blurred.text, path) | {"materials": ID_CARD, "paper": word, "confirm_blurred": tick}
    done = await agent.post(path, data=again, files=[("files:", ("b.pdf", pdf(), ""))])
    assert done.status_code == 200
    assert [paper.media for paper in (await case_at(county, VILLAGE, slip.text)).papers] == [
        "image/jpeg",
        "application/pdf",
    ]
    document = paths_in(done.text)[1]
    whole = await agent.get(document)
    assert whole.content == pdf()
    assert whole.headers["content-disposition"].startswith("attachment")


async def test_every_full_view_is_written_down(county: WebCounty, agent: Client) -> None:
    slip = await file_with(agent, ("a.jpg", jpeg()))
    file = await case_at(county, VILLAGE, slip.text)
    (path,) = paths_in((await agent.get(case_in(slip.text))).text)
    await agent.get(path)
    node = county.nodes[VILLAGE]
    log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
    (look,) = await log.looks_at(file.case)
    assert look.officer == f"{VILLAGE}/wugl"
    assert file.papers[0].digest.hex()[:12] in look.purpose


async def test_who_watches_states_a_purpose_and_who_is_no_reader_learns_nothing(
    county: WebCounty, agent: Client
) -> None:
    slip = await file_with(agent, ("a.jpg", jpeg()))
    await county.settle()
    node = county.nodes[TOWNSHIP]
    await node.hire("watcher", Role.SUPERVISOR)
    paper = (await case_at(county, TOWNSHIP, slip.text)).papers[0]
    content = await county.nodes[VILLAGE].papers.read(paper.digest, 0, paper.size)
    await node.papers.keep(content)
    path = f"{case_in(slip.text)}/papers/{paper.digest.hex()}"
    async with county.client(TOWNSHIP) as watcher:
        await sign_in(watcher, "watcher")
        shown = await watcher.get(case_in(slip.text))
        assert "附件" in shown.text
        assert f"{path}/small" not in shown.text
        token = hidden(shown.text, path)["_csrf_token"]
        assert (await watcher.get(f"{path}/small")).status_code == 403
        assert (await watcher.get(path)).status_code == 422
        assert (await watcher.post(path, data={"_csrf_token": token, "purpose": ""})).status_code == 422
        opened = await watcher.post(path, data={"_csrf_token": token, "purpose": "核查投诉"})
        assert opened.content == content
    log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
    file = await case_at(county, TOWNSHIP, slip.text)
    assert [look.purpose.endswith("核查投诉") for look in await log.looks_at(file.case)] == [True]
    await county.nodes[COUNTY].hire("admin", Role.ADMINISTRATOR)
    async with county.client(COUNTY) as admin:
        await sign_in(admin, "admin")
        assert (await admin.get(path)).status_code == 403


async def test_names_that_no_case_has_are_refused(agent: Client) -> None:
    slip = await file_with(agent)
    for name in ("0" * 64, "x", "0" * 63, "A" * 64, "%2e%2e%2fdata.key", "é" * 64):
        assert (await agent.get(f"{case_in(slip.text)}/papers/{name}")).status_code == 404


async def test_the_original_is_fetched_on_request(county: WebCounty, agent: Client, clerk: Client) -> None:
    """At the township only the reference is here; asked for, the paper is on its way."""
    slip = await file_with(agent, ("a.jpg", jpeg()))
    case = case_in(slip.text)
    await act(agent, case, "custody.offered", to=TOWNSHIP)
    await county.settle()
    shown = await clerk.get(case)
    (fetch,) = re.findall(rf'action="({case}/papers/[0-9a-f]{{64}}/fetch)"', shown.text)
    assert (await clerk.get(fetch.removesuffix("/fetch"))).status_code == 409
    asked = await clerk.post(fetch, data={"_csrf_token": await token_of(clerk)})
    assert asked.status_code == 200
    assert "已请求取回" in asked.text
    assert fetch not in asked.text


async def test_what_was_lost_with_its_computer_is_not_said_to_be_on_its_way(
    county: WebCounty, agent: Client, clerk: Client
) -> None:
    slip = await file_with(agent, ("a.jpg", jpeg()))
    case = case_in(slip.text)
    await act(agent, case, "custody.offered", to=TOWNSHIP)
    await county.settle()
    township, village = county.nodes[TOWNSHIP], county.nodes[VILLAGE].books.seat.node
    digests = [one.digest for one in await township.paper_wants.wanted(village)]
    assert "正在传来" in (await clerk.get(case)).text
    for node in (village, county.nodes[COUNTY].books.seat.node):
        await township.paper_wants.heard(node, [], [], digests, is_all=True)
    shown = (await clerk.get(case)).text
    assert "正在传来" not in shown
    assert "请重新拍摄补交" in shown


async def test_the_interface_takes_names_opens_and_fetches(county: WebCounty, agent: Client) -> None:
    headers = {"x-csrftoken": await token_of(agent)}
    taken = await agent.post("/api/papers?material=居民身份证", content=jpeg(), headers=headers)
    assert taken.status_code == 201
    assert taken.json()["is_blurred"] is False
    assert (await agent.post("/api/papers", content=b"MZ", headers=headers)).json()["code"] == "paper_wrong_kind"
    assert (await agent.post("/api/papers", content=b"", headers=headers)).json()["code"] == "paper_empty"
    slip = await file_with(agent)
    case = case_in(slip.text)
    act = {
        "kind": "papers.brought",
        "operation": "0b" * 8,
        "fields": {"materials": [ID_CARD]},
        "papers": [taken.json()["paper"]],
    }
    assert (await agent.post(f"/api{case}/acts", json=act, headers=headers)).status_code == 201
    (paper,) = (await agent.get(f"/api{case}")).json()["papers"]
    assert (paper["material"], paper["here"]) == (ID_CARD, paper["size"])
    path = f"/api{case}/papers/{paper['digest']}"
    assert (await agent.post(path, json={"purpose": ""}, headers=headers)).status_code == 422
    opened = await agent.post(path, json={"purpose": "核对"}, headers=headers)
    assert len(opened.content) == paper["size"]
    assert (await agent.post(f"{path}/fetch", headers=headers)).status_code == 204


async def test_nobody_is_named_in_a_file_or_a_log(
    county: WebCounty, agent: Client, caplog: pytest.LogCaptureFixture
) -> None:
    await file_with(agent, ("王秀英的身份证.jpg", jpeg()), ("王秀英.exe", b"MZ"))
    assert "王秀英" not in caplog.text
    folder = county.nodes[VILLAGE].papers._folder  # pyright: ignore[reportPrivateUsage]
    assert all(re.fullmatch(r"[0-9a-f]{64}(\.captured)?", path.name) for path in folder.iterdir())
