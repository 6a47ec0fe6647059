"""A resident's slip: signed where the case is filed, and checked at the township and at the county."""

import re
from html import unescape
from typing import TYPE_CHECKING, cast

from msgspec import structs

from office.slip_checks import LATE_MS, SlipState, list_presented
from schemas.casework.roles import Role
from schemas.names import Epoch, Instant, NodeId, OfficeId
from schemas.slips import SlipStatement, read_slip, spell_slip
from sync.core import note
from sync.core.merkle import verify_inclusion
from sync.core.slip import slip_message
from tests.web.county import COUNTY, TOWNSHIP, VILLAGE, Client, WebCounty, sign_in
from tests.web.test_pages import NAME, NUMBER, case_in, file_case, hidden

if TYPE_CHECKING:
    from office.node import Node


async def slip_from(county: WebCounty) -> tuple[str, str]:
    """The page of a case filed in the village, and the signed code on its slip."""
    await county.nodes[VILLAGE].hire("wugl", Role.AGENT, name="吴桂兰")
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        case = case_in((await file_case(browser))[0].text)
        page = (await browser.get(f"{case}/slip")).text
    found = re.search(r"TBS1[A-Z2-7 ]{160,}", page)
    assert found is not None
    return case, found[0].strip()


async def present(county: WebCounty, seat: OfficeId, code: str, *, role: Role = Role.SUPERVISOR) -> str:
    """What the page says of a slip."""
    async with county.client(seat) as browser:
        if not await county.nodes[seat].accounts.list_officers():
            await county.nodes[seat].hire("zhang", role)
        await sign_in(browser, "zhang")
        return await check(browser, code)


async def check(browser: Client, code: str) -> str:
    sent = hidden((await browser.get("/slips")).text, "/slips") | {"code": code}
    return unescape((await browser.post("/slips", data=sent)).text)


async def presented_at(county: WebCounty, seat: OfficeId) -> list[tuple[SlipStatement, SlipState]]:
    """What an office remembers of slips that failed."""
    return [(one.statement, one.state) for one in await list_presented(cast("Node", county.nodes[seat]))]


async def test_a_slip_is_pending_until_its_filing_arrives_and_known_then(county: WebCounty) -> None:
    case, code = await slip_from(county)
    assert "尚未到达本机" in await present(county, COUNTY, code)
    await county.settle()
    told = await present(county, COUNTY, f"https://cangxi.example/query#X-1/ABC/{code.replace(' ', '').lower()}")
    assert "与签名时完全一致" in told
    assert f'href="{case}"' in told
    assert NAME not in told
    assert NUMBER not in told


async def test_the_proof_is_one_that_others_can_check(county: WebCounty) -> None:
    _, code = await slip_from(county)
    await county.settle()
    await county.nodes[COUNTY].hire("zhang", Role.SUPERVISOR)
    async with county.client(COUNTY) as browser:
        await sign_in(browser, "zhang")
        sent = hidden((await browser.get("/slips")).text, "/slips") | {"code": code}
        answer = await browser.post("/slips/proof", data=sent)
    assert answer.headers["content-type"].startswith("text/plain")
    proof = note.parse_proof(answer.content)
    signed = note.parse_note(proof.checkpoint.encode())
    head = note.parse_checkpoint_text(signed.text)
    statement = read_slip(code)
    assert proof.extra == statement.hash
    assert proof.leaf_index == statement.seq
    assert verify_inclusion(statement.hash, proof.leaf_index, head.size, proof.path, head.root)
    village = county.nodes[VILLAGE].books.seat
    assert head.origin == note.origin_line(village.root.county, VILLAGE, statement.journal)
    key = note.VerifierKey(head.origin, note.ED25519, village.signer.public_keys.log)
    signature = signed.find_signature(key)
    assert signature is not None
    keyring = county.nodes[COUNTY].books.keyring
    assert keyring.verify_log(statement.origin, note.note_message(signed.text), signature)


async def test_a_slip_that_is_late_is_noted_for_the_audit_once(county: WebCounty) -> None:
    _, code = await slip_from(county)
    county.nodes[COUNTY].clock.at = Instant(read_slip(code).at + LATE_MS)
    for _ in range(2):
        assert "超过 72 小时" in await present(county, COUNTY, code)
    assert await presented_at(county, COUNTY) == [(read_slip(code), SlipState.PENDING)]


async def test_another_entry_under_the_number_is_told_and_kept(county: WebCounty) -> None:
    _, code = await slip_from(county)
    await county.settle()
    true = read_slip(code)
    seat = county.nodes[VILLAGE].books.seat
    message = slip_message(seat.root.county, VILLAGE, true.journal, true.seq, bytes(32), true.at)
    other = structs.replace(true, hash=bytes(32), signature=seat.signer.sign(message))
    assert "与单上所载不同" in await present(county, COUNTY, spell_slip(other))
    assert await presented_at(county, COUNTY) == [(other, SlipState.MISMATCH)]
    assert "与签名时完全一致" in await present(county, COUNTY, code)


async def test_what_is_no_slip_is_refused_and_not_kept(county: WebCounty) -> None:
    _, code = await slip_from(county)
    await county.settle()
    true = read_slip(code)
    forged = structs.replace(true, seq=true.seq + 1)
    stranger = structs.replace(true, origin=NodeId("a" * 16))
    for presented, sentence in (
        ("510824100205-AB00017", "不是凭条上的签名码"),
        (code[:200], "不是凭条上的签名码"),
        ("TBS1" + "A" * 300, "不是凭条上的签名码"),
        ("x" * 1999, "不是凭条上的签名码"),
        (spell_slip(forged), "不是由其所称的设备签名"),
        (spell_slip(stranger), "不认识出具该凭条的设备"),
    ):
        assert sentence in await present(county, TOWNSHIP, presented, role=Role.CLERK), presented[:40]
    assert not await presented_at(county, TOWNSHIP)


class Newer(SlipStatement, frozen=True, array_like=True):
    """A statement of a version after this one."""

    more: int = 7


def test_a_slip_is_read_as_it_was_spelled_whatever_newer_fields_follow() -> None:
    plain = SlipStatement(NodeId("a" * 16), Epoch(1, b"123456"), 3, bytes(range(32)), Instant(1), bytes(64))
    newer = Newer(*(getattr(plain, name) for name in plain.__struct_fields__))
    assert len(spell_slip(plain)) < 260
    assert read_slip(spell_slip(plain)) == plain
    assert spell_slip(newer) != spell_slip(plain)
    assert read_slip(spell_slip(newer)) == plain
