"""From a sheet of paper to a seat: codes that work once, proofs of both keys, and everything that is refused."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from msgspec import structs

from office.enrolling import (
    CODE_LIFE_MS,
    CODE_TRIES_MAX,
    EnrolmentRefused,
    Office,
    Reply,
    Request,
    make_request,
    parse_offices,
    plain_code,
)
from office.founding import enrol_device, found_county, prepare_device
from office.node import Node
from office.seat import load_seat, load_signer
from office.sheets import html_of, line_of, read_line, save_sheets, text_of
from schemas.codec import decode, encode
from schemas.names import Instant, OfficeId
from schemas.refusals import Refused
from schemas.wire import KIND_ENROLLED, KIND_REVOKED, Enrolled
from sync.core.errors import LocalFault, RemoteFault
from sync.core.journal import Draft
from sync.enrolment import admit_chain, certify
from sync.keys import SIGNER_ENTROPY_BYTES, Ed25519Signer, Keyring
from tests.support.counties import COUNTY, FAR_VILLAGE, OTHER_VILLAGE, TOWNSHIP, VILLAGE
from tests.support.nodes import Network, enrol, exchange, found_network

TOWN = Office(TOWNSHIP, "陵江镇便民服务中心", "https://t1.example:8610")
PLACE = Office(VILLAGE, "白观村")
DIGEST = "ab" * 32


def signer(number: int) -> Ed25519Signer:
    return Ed25519Signer.create(bytes([number]) * 32 + bytes([number + 100]) * (SIGNER_ENTROPY_BYTES - 32))


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncGenerator[Node]:
    """A county that has imported two offices."""
    found_county(tmp_path / "hub", COUNTY, "苍溪县样例")
    node = await Node.open(tmp_path / "hub")
    await node.enrolling.import_offices([TOWN, PLACE])
    yield node
    await node.close()


async def ask(hub: Node, office: Office, device: Ed25519Signer, code: str) -> Reply:
    return decode(await hub.enrolling.enrol(make_request(device, office.office, code)), Reply)


async def test_a_code_gives_a_seat_and_the_address_above(hub: Node) -> None:
    town = await hub.enrolling.issue_code(TOWN, DIGEST)
    reply = await ask(hub, TOWN, signer(1), town.code)
    assert [link.enrolment.office for link in reply.chain] == [COUNTY, TOWNSHIP]
    assert reply.parent_address == "http://127.0.0.1:8610"
    place = await hub.enrolling.issue_code(PLACE, DIGEST)
    # Typed by hand from paper: small letters, blanks, an O for a zero.
    reply = await ask(hub, PLACE, signer(2), f"{place.code[:4]} {place.code[4:]}".lower().replace("0", "o"))
    assert [link.enrolment.office for link in reply.chain] == [COUNTY, TOWNSHIP, VILLAGE]
    assert reply.parent_address == TOWN.address
    assert [office.office for office in reply.offices] == [VILLAGE, TOWNSHIP], "its own name first"


async def test_a_lost_answer_is_given_again_and_nobody_else_gets_one(hub: Node) -> None:
    sheet = await hub.enrolling.issue_code(TOWN, DIGEST)
    first = await ask(hub, TOWN, signer(1), sheet.code)
    assert (await ask(hub, TOWN, signer(1), sheet.code)).chain == first.chain
    with pytest.raises(RemoteFault, match="bad_code"):
        await ask(hub, TOWN, signer(2), sheet.code)


async def test_five_wrong_tries_kill_a_code(hub: Node) -> None:
    sheet = await hub.enrolling.issue_code(TOWN, DIGEST)
    for _ in range(CODE_TRIES_MAX):
        with pytest.raises(RemoteFault, match="bad_code"):
            await ask(hub, TOWN, signer(1), "0" * 16)
    with pytest.raises(RemoteFault, match="code_used_up"):
        await ask(hub, TOWN, signer(1), sheet.code)
    fresh = await hub.enrolling.issue_code(TOWN, DIGEST)
    with pytest.raises(RemoteFault, match="bad_code"):
        await ask(hub, TOWN, signer(1), sheet.code)
    await ask(hub, TOWN, signer(1), fresh.code)


async def test_a_code_of_last_week_is_over(hub: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = await hub.enrolling.issue_code(TOWN, DIGEST)
    present = hub.clock.now()
    monkeypatch.setattr(hub.clock, "now", lambda: Instant(present + CODE_LIFE_MS + 60_000))
    with pytest.raises(RemoteFault, match="bad_code"):
        await ask(hub, TOWN, signer(1), sheet.code)


async def test_keys_that_nobody_proved_are_refused(hub: Node) -> None:
    sheet = await hub.enrolling.issue_code(TOWN, DIGEST)
    request = decode(make_request(signer(1), TOWNSHIP, sheet.code), Request)
    thief = signer(2)
    for forged in (
        structs.replace(request, keys=thief.public_keys),
        structs.replace(request, code="0" * 16),
        structs.replace(request, office=VILLAGE),
        structs.replace(request, cosigner_proof=request.log_proof),
    ):
        with pytest.raises(RemoteFault, match="bad_proof"):
            await hub.enrolling.enrol(encode(forged))


async def test_a_village_before_its_township_and_a_second_device_are_refused(hub: Node) -> None:
    place = await hub.enrolling.issue_code(PLACE, DIGEST)
    with pytest.raises(RemoteFault, match="parent_not_enrolled"):
        await ask(hub, PLACE, signer(2), place.code)
    await ask(hub, TOWN, signer(1), (await hub.enrolling.issue_code(TOWN, DIGEST)).code)
    with pytest.raises(RemoteFault, match="seat_taken"):
        await ask(hub, TOWN, signer(3), (await hub.enrolling.issue_code(TOWN, DIGEST)).code)


async def test_a_device_that_has_a_seat_gets_no_second_one(hub: Node) -> None:
    """Nothing is written that other nodes, which heard of the two in another order, would not believe."""
    await ask(hub, TOWN, signer(1), (await hub.enrolling.issue_code(TOWN, DIGEST)).code)
    other = Office(OfficeId("510824101"), "元坝镇便民服务中心")
    with pytest.raises(RemoteFault, match="seat_changed"):
        await ask(hub, other, signer(1), (await hub.enrolling.issue_code(other, DIGEST)).code)
    assert len(await hub.store.entries_of_kind(KIND_ENROLLED)) == 1


async def test_offices_that_are_not_enrolled_here(hub: Node) -> None:
    for office in (COUNTY, OfficeId("510824.rsj"), OfficeId("510522"), FAR_VILLAGE):
        sheet = await hub.enrolling.issue_code(Office(office, "x"), DIGEST)
        with pytest.raises(RemoteFault, match=r"wrong_office|parent_not_enrolled"):
            await ask(hub, Office(office, "x"), signer(4), sheet.code)


async def test_a_replacement_takes_the_seat_and_gets_its_cases(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    network = await Network.open(places)
    slip = await network.file()
    await network.settle()
    lost = network.village.books.seat.node
    await network.village.close()
    (tmp_path / VILLAGE).rename(tmp_path / "lost")
    await enrol(places, network.township, PLACE, replaces=lost)
    await network.township.enrolling.revoke(lost, "电脑被盗")
    network.village = await places.open(VILLAGE)
    await network.settle()
    assert (await network.village.worklists.get_case(VILLAGE, slip.case)).file.custodian == VILLAGE
    assert network.hub.books.keyring.is_revoked(lost)
    await network.close()


async def test_a_device_that_was_started_very_often_can_be_revoked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("office.enrolling.POSITIONS_MAX", 1)
    places = await found_network(tmp_path)
    network = await Network.open(places)
    slips = [await network.file()]
    await network.settle()
    await network.village.close()
    network.village = await places.open(VILLAGE)
    slips.append(await network.file(2))
    await network.settle()
    await network.hub.enrolling.revoke(network.village.books.seat.node, "电脑被盗")
    assert len(await network.hub.store.entries_of_kind(KIND_REVOKED)) >= 2
    for _ in range(2):
        await exchange(network.township, network.hub)
    for node in (network.hub, network.township):
        for slip in slips:
            case = await node.worklists.get_case(node.books.seat.office, slip.case)
            assert case.file.filing_office == VILLAGE
        assert "revoked" not in {found.code for found in await node.store.dispositions()}
    await network.close()


async def test_what_a_village_writes_about_devices_spoils_nobodys_certificates(tmp_path: Path) -> None:
    """Any device may write into its own journal what looks like an enrolment; answers hold only what is believed."""
    places = await found_network(tmp_path)
    network = await Network.open(places)
    village, town = network.village.books.seat, network.township.books.seat
    true = town.chain[-1].enrolment
    for enrolment in (
        structs.replace(true, issuer=village.node),
        structs.replace(true, node=signer(8).node, replaces=town.node, issuer=village.node),
    ):
        body = encode(Enrolled(certify(village.signer, enrolment)))

        async def drafting(body: bytes = body) -> list[Draft]:
            return [Draft(KIND_ENROLLED, None, body)]

        await network.village.writer.record(drafting)
    await network.settle()
    other = Office(OTHER_VILLAGE, "友谊村")
    reply = await ask(network.hub, other, signer(6), (await network.hub.enrolling.issue_code(other, DIGEST)).code)
    keyring = admit_chain(Keyring(), town.root, reply.chain)
    assert keyring.get(signer(6).node).office == OTHER_VILLAGE
    assert await network.hub.enrolling.find_present(TOWNSHIP, network.hub.books) == town.node
    await network.close()


async def test_the_county_confirms_what_a_township_enrolled(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    network = await Network.open(places)
    hub, town = network.hub.enrolling, network.township.enrolling
    other = Office(OTHER_VILLAGE, "友谊村")
    sheet = await town.issue_code(other, DIGEST)
    device = (await ask(network.township, other, signer(6), sheet.code)).chain[-1].enrolment.node
    await network.settle()
    entry = await hub.countersign(device)
    assert entry.kind == "line.countersigned"
    assert await hub.find_unconfirmed(network.hub.books) == set()
    with pytest.raises(EnrolmentRefused, match="already_confirmed"):
        await hub.countersign(device)
    with pytest.raises(LocalFault, match="unknown_device"):
        await hub.countersign(signer(9).node)
    with pytest.raises(LocalFault, match="unknown_device"):
        await town.revoke(network.hub.books.seat.node, "…")
    await network.close()


async def test_a_second_revocation_lets_nothing_more_count(tmp_path: Path) -> None:
    """It would state a later position, and with that release unseen what the first one held back."""
    network = await Network.open(await found_network(tmp_path))
    lost = network.village.books.seat.node
    await network.hub.enrolling.revoke(lost, "电脑被盗")
    written = await network.hub.store.entries_of_kind(KIND_REVOKED)
    with pytest.raises(EnrolmentRefused, match="already_revoked"):
        await network.hub.enrolling.revoke(lost, "电脑被盗")
    assert await network.hub.store.entries_of_kind(KIND_REVOKED) == written
    await network.close()


# --- sheets, lists, folders ----------------------------------------------------------------------------------------


async def test_a_sheet_reads_back_from_paper_screen_and_file(hub: Node, tmp_path: Path) -> None:
    sheet = await hub.enrolling.issue_code(TOWN, DIGEST)
    files = save_sheets(tmp_path / "sheets", [sheet])
    assert [path.name for path in files] == ["510824100.txt", "510824100.html"]
    for text in (line_of(sheet), text_of(sheet), files[0].read_text(encoding="utf-8"), f"  '{line_of(sheet)}'  "):
        read = read_line(text)
        assert (read.office, read.address, read.county_digest, read.code) == (
            sheet.office,
            sheet.address,
            sheet.county_digest,
            sheet.code,
        )
    assert "<svg" in html_of(sheet)
    assert "陵江镇便民服务中心" in html_of(sheet)


@pytest.mark.parametrize("text", ["", "tongban:", "tongban:a;b;c", f"tongban:a;b;{DIGEST};short", "hello world"])
def test_what_is_no_sheet(text: str) -> None:
    with pytest.raises(EnrolmentRefused):
        read_line(text)


@pytest.mark.parametrize("text", ["", "0" * 15, "0" * 17, "U" * 16, "码" * 16])
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(EnrolmentRefused, match="code_malformed"):
        plain_code(text)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [{"office": "510824100", "name": ""}],
        [{"office": "510522", "name": "x"}],
        [{"office": "5108241", "name": "x"}],
        [{"office": "510824999", "name": "x"}],
        [{"office": "510824.RSJ", "name": "x"}],
        [{"office": "510824.", "name": "x"}],
        [{"office": "510824100", "name": "x"}, {"office": "510824100", "name": "y"}],
        [{"name": "x"}],
        [{"office": "510824100", "name": "x", "address": "in the old town hall"}],
        [{"office": "510824100", "name": "x", "address": "http://10.0.0.1:8610"}],
    ],
)
async def test_a_list_with_a_bad_row_is_refused_whole(hub: Node, rows: list[dict[str, str]]) -> None:
    with pytest.raises(EnrolmentRefused):
        parse_offices(rows, COUNTY, hub.divisions)


async def test_the_row_at_fault_is_named(hub: Node) -> None:
    """An impossible code, in the last of the rows."""
    rows = [{"office": "510824100", "name": "x"}, {"office": "51082410", "name": "y"}]
    with pytest.raises(EnrolmentRefused) as refused:
        parse_offices(rows, COUNTY, hub.divisions)
    assert "第 3 行" in refused.value.zh, "as the spreadsheet counts: the headings are row 1"
    assert "Row 3 " in refused.value.en


def test_a_county_is_founded_once_and_its_root_used_again(tmp_path: Path) -> None:
    digest = found_county(tmp_path, COUNTY, "苍溪县样例")
    with pytest.raises(LocalFault, match="already_enrolled"):
        found_county(tmp_path, COUNTY, "苍溪县样例")
    (tmp_path / "seat.json").unlink()
    (tmp_path / "device.key").unlink()
    assert found_county(tmp_path, COUNTY, "苍溪县样例") == digest


@pytest.mark.parametrize(("office", "name"), [("510824100", "x"), ("510824", ""), ("510824", "a/b"), ("510824", "a b")])
def test_what_is_no_county(tmp_path: Path, office: str, name: str) -> None:
    with pytest.raises((LocalFault, Refused)):
        found_county(tmp_path, OfficeId(office), name)


async def test_damaged_files_are_named(tmp_path: Path) -> None:
    found_county(tmp_path, COUNTY, "苍溪县样例")
    with pytest.raises(LocalFault, match="already_enrolled"):
        await enrol_device(tmp_path, read_line(f"tongban:{OTHER_VILLAGE};http://127.0.0.1:1;{DIGEST};{'0' * 16}"))
    home = prepare_device(tmp_path)
    seat, key = home.seat.read_bytes(), home.keys.read_bytes()
    home.seat.write_bytes(seat[:40])
    with pytest.raises(LocalFault, match="bad_seat"):
        load_seat(home)
    home.seat.write_bytes(seat)
    home.keys.write_bytes(signer(5).to_bytes())
    with pytest.raises(LocalFault, match="foreign_seat"):
        load_seat(home)
    home.keys.write_bytes(key[:-1])
    with pytest.raises(ValueError, match="malformed_key_file"):
        load_signer(home)
    home.keys.unlink()
    with pytest.raises(LocalFault, match="file_missing"):
        load_seat(home)
    home.data_key.write_bytes(b"short")
    home.keys.write_bytes(key)
    with pytest.raises(LocalFault, match="bad_data_key"):
        await Node.open(tmp_path)
