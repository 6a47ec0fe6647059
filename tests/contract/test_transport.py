"""A village and its township talk over a real server on loopback: sessions, pages, restarts, windows."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from pathlib import Path
from random import Random

import pytest

from office.paths import Home
from office.tls import TlsFiles, certificate_digest, ensure_tls, fingerprint, make_certificate
from schemas.names import OfficeId
from schemas.wire import Lane
from sync.core.errors import LocalFault, RemoteFault, UnknownSender
from sync.exchange import LineDown, converse
from sync.http import HttpLine, Wire, request_enrolment
from sync.keys import verify_ed25519
from sync.session import TOKEN_LIFE_MS, NoSession
from sync.writer import Writer
from tests.support.line import (
    DOWN,
    TOWNSHIP,
    UP,
    VILLAGE,
    County,
    Party,
    SetClock,
    note,
    township_and_village,
)
from tests.support.network import SeededSalts
from tests.support.server import Serving, serving


@pytest.fixture
async def parties() -> tuple[Party, Party]:
    return await township_and_village()


@pytest.fixture
async def served(parties: tuple[Party, Party]) -> AsyncGenerator[Serving]:
    async with serving(parties[0]) as place:
        yield place


LineOf = Callable[[Party, Serving], HttpLine]


@pytest.fixture
def line_of() -> Generator[LineOf]:
    """Makes lines and hangs them all up at the end."""
    lines: list[HttpLine] = []

    def make(village: Party, place: Serving) -> HttpLine:
        lines.append(HttpLine(village.pen, Wire(place.address, idle_s=10)))
        return lines[-1]

    yield make
    for line in lines:
        line.hang_up()


async def test_a_case_goes_up_and_its_receipt_comes_back_in_one_round_trip(
    parties: tuple[Party, Party], served: Serving, line_of: LineOf
) -> None:
    township, village = parties
    await village.pen.write(note(1))
    line = line_of(village, served)

    tally = await converse(village.pen, line)

    own = village.ledger.books.own
    assert [entry.body for entry in await township.store.entries(own, 1, 2)] == [note(1).body]
    receipts = await village.store.receipts(own)
    assert [(row.holder, row.size) for row in receipts] == [(township.node, 2)]
    assert tally.refused == []
    assert tally.pages == 1


async def test_what_the_township_decides_comes_down(
    parties: tuple[Party, Party], served: Serving, line_of: LineOf
) -> None:
    township, village = parties
    await township.pen.write(*(note(number, kind=DOWN) for number in range(40)))

    await converse(village.pen, line_of(village, served))

    bodies = [entry.body for entry in village.tables.arrivals if entry.kind == DOWN]
    assert bodies == [note(number).body for number in range(40)]


async def test_a_long_backlog_goes_up_in_windows_and_arrives_once(
    parties: tuple[Party, Party], served: Serving, line_of: LineOf
) -> None:
    township, village = parties
    for start in range(0, 3000, 500):
        await village.pen.write(*(note(number) for number in range(start, start + 500)))
    await township.pen.write(*(note(number, kind=DOWN) for number in range(700)))

    tally = await converse(village.pen, line_of(village, served))

    arrived = [entry.body for entry in township.tables.arrivals if entry.kind == UP]
    assert arrived == [note(number).body for number in range(3000)]
    assert len([entry for entry in village.tables.arrivals if entry.kind == DOWN]) == 700
    assert tally.pages <= 9
    assert not township.tables.evidence
    assert not village.tables.evidence


async def test_after_a_conversation_nothing_waits_and_the_next_carries_no_entry(
    parties: tuple[Party, Party], served: Serving, line_of: LineOf
) -> None:
    township, village = parties
    await village.pen.write(*(note(number) for number in range(10)))
    await township.pen.write(note(1, kind=DOWN))
    line = line_of(village, served)
    await converse(village.pen, line)
    await converse(village.pen, line)

    before = township.fingerprint(), village.fingerprint()
    tally = await converse(village.pen, line)

    assert (township.fingerprint(), village.fingerprint()) == before
    assert tally.pages == 1
    assert tally.bytes_sent < 300


async def test_a_resent_page_is_answered_from_its_preface_and_writes_nothing(
    parties: tuple[Party, Party], served: Serving, line_of: LineOf
) -> None:
    township, village = parties
    await village.pen.write(*(note(number) for number in range(100)))
    line = line_of(village, served)
    await converse(village.pen, line)
    await converse(village.pen, line)
    before = township.fingerprint()
    link = village.ledger.books.links[township.node]
    link.acknowledged.clear()
    link.in_flight.clear()

    commits: list[object] = []
    township.store.before_commit = commits.append
    tally = await converse(village.pen, line)

    assert township.fingerprint() == before
    assert commits == []
    assert tally.pages == 1
    assert link.acknowledged[(Lane.RUNS, village.ledger.books.own.epoch)] >= 101


async def test_the_township_restarts_and_the_session_is_opened_again_by_itself(
    parties: tuple[Party, Party],
) -> None:
    township, village = parties
    async with serving(township) as place:
        wire = Wire(place.address, idle_s=10)
        line = HttpLine(village.pen, wire)
        await converse(village.pen, line)
        await township.start()
        # Another process would serve another pen; here the old doorkeeper forgets its tokens as a restart does.
        place.responder.__init__(township.pen)
        place.doorkeeper.__init__(township.pen.books)
        await village.pen.write(note(2))
        await converse(village.pen, line)
        line.hang_up()

    own = village.ledger.books.own
    assert township.ledger.books.journals[own].size == village.ledger.books.journals[own].size


async def test_a_session_ends_after_twelve_hours_and_when_the_clock_goes_back(
    parties: tuple[Party, Party], line_of: LineOf
) -> None:
    township, village = parties
    async with serving(township) as place:
        for leap in (TOKEN_LIFE_MS, -1):
            line = line_of(village, place)
            await converse(village.pen, line)
            token = (await line._session(None)).token  # pyright: ignore[reportPrivateUsage]
            township.clock.time = type(township.clock.time)(township.clock.now() + leap)
            with pytest.raises(NoSession):
                place.doorkeeper.node_of(token)
            await converse(village.pen, line)


async def test_a_stranger_and_a_revoked_device_are_told_so(
    parties: tuple[Party, Party], served: Serving, line_of: LineOf
) -> None:
    township, village = parties
    stranger = Party("stranger", village.certificate.enrolment.office, township.county, township)
    await stranger.start()
    with pytest.raises(UnknownSender) as refused:
        await converse(stranger.pen, line_of(stranger, served))
    assert refused.value.code == "unknown_device"

    line = line_of(village, served)
    await converse(village.pen, line)
    await township.revoke(village.node, [])
    with pytest.raises(UnknownSender) as refused:
        await converse(village.pen, line)
    assert refused.value.code == "revoked_device"


async def test_another_county_is_refused_before_anything_is_shown(
    parties: tuple[Party, Party], served: Serving, line_of: LineOf
) -> None:
    village = parties[1]
    elsewhere = County("elsewhere")
    hub = Party("their county", parties[0].chain[0].enrolment.office, elsewhere, None)
    township = Party("their township", parties[0].certificate.enrolment.office, elsewhere, hub)
    guest = Party("guest", village.certificate.enrolment.office, elsewhere, township)
    await guest.start()
    with pytest.raises(RemoteFault) as refused:
        await converse(guest.pen, line_of(guest, served))
    assert refused.value.code == "foreign_county"


async def test_an_impostor_above_gets_no_signature(parties: tuple[Party, Party], line_of: LineOf) -> None:
    township, village = parties
    impostor = Party("impostor", township.certificate.enrolment.office, County("false root"), None)
    # It shows the township's own certificates, which are no secret, but has not its key.
    impostor.county, impostor.chain = township.county, township.chain
    await impostor.start()
    async with serving(impostor) as place:
        with pytest.raises(RemoteFault) as refused:
            await converse(village.pen, line_of(village, place))
    assert refused.value.code == "foreign_chain"


async def test_nobody_there_is_a_line_that_is_down(parties: tuple[Party, Party], line_of: LineOf) -> None:
    township, village = parties
    async with serving(township) as place:
        pass
    with pytest.raises(LineDown):
        await converse(village.pen, line_of(village, place))


async def test_the_township_dies_in_the_middle_and_the_rest_goes_when_it_is_back(
    parties: tuple[Party, Party], line_of: LineOf
) -> None:
    township, village = parties
    await village.pen.write(*(note(number) for number in range(400)))
    async with serving(township) as place:
        line = line_of(village, place)
        await converse(village.pen, line)
        await village.pen.write(*(note(number) for number in range(400, 1600)))
    with pytest.raises(LineDown):
        await converse(village.pen, line)
    assert village.ledger.books.links[township.node].page_entries < 500
    async with serving(township) as place:
        await converse(village.pen, line_of(village, place))
    own = village.ledger.books.own
    assert township.ledger.books.journals[own].size == village.ledger.books.journals[own].size


async def test_four_children_at_once_through_the_nodes_own_writer(line_of: LineOf) -> None:
    """The pen that real nodes serve with: one queue, group commit, and every page in the order in which it was sent."""
    township, village = await township_and_village()
    office = type(village.certificate.enrolment.office)
    children = [village]
    for number in range(202, 205):
        child = Party(f"village {number}", office(f"510824100{number}"), township.county, township)
        await child.start()
        await township.enrol(child)
        children.append(child)
    for child in children:
        await child.pen.write(*(note(number) for number in range(1200)))
    writer = Writer(township.ledger)
    writer.start()
    async with serving(township, pen=writer) as place:
        await asyncio.gather(*(converse(child.pen, line_of(child, place)) for child in children))
    await writer.stop()
    for child in children:
        own = child.ledger.books.own
        assert township.ledger.books.journals[own].size == child.ledger.books.journals[own].size
        assert [row.holder for row in child.tables.receipts.values()] == [township.node]
    assert not township.tables.evidence


async def test_two_children_at_once_do_not_disturb_each_other(line_of: LineOf) -> None:
    township, village = await township_and_village()
    other = Party("other", type(village.certificate.enrolment.office)("510824100202"), township.county, township)
    await other.start()
    await township.enrol(other)
    for child in (village, other):
        await child.pen.write(*(note(number) for number in range(900)))
    async with serving(township) as place:
        await asyncio.gather(*(converse(child.pen, line_of(child, place)) for child in (village, other)))
    for child in (village, other):
        own = child.ledger.books.own
        assert township.ledger.books.journals[own].size == child.ledger.books.journals[own].size


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://192.0.2.7:8610", "plain_http"),
        ("http://township.example", "plain_http"),
        ("ftp://127.0.0.1", "bad_address"),
        ("127.0.0.1:8610", "bad_address"),
        ("https://user@127.0.0.1", "bad_address"),
        ("https://127.0.0.1/elsewhere", "bad_address"),
        ("https://127.0.0.1:99999", "bad_address"),
    ],
)
def test_plain_http_is_for_loopback_only_and_addresses_are_plain(address: str, code: str) -> None:
    with pytest.raises(LocalFault) as refused:
        Wire(address)
    assert refused.value.code == code


# --- TLS -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def tls(tmp_path: Path) -> TlsFiles:
    return ensure_tls(_new_home(tmp_path / "node"), ["127.0.0.1", "township.example"], SetClock().now())


def _new_home(folder: Path) -> Home:
    home = Home(folder)
    home.make()
    return home


async def test_off_loopback_the_line_is_tls_under_a_certificate_that_the_node_signed_for(
    parties: tuple[Party, Party], tls: TlsFiles, line_of: LineOf
) -> None:
    township, village = parties
    await village.pen.write(note(1))
    async with serving(township, certificate=(tls.certificate, tls.key, tls.digest)) as place:
        assert place.address.startswith("https://")
        await converse(village.pen, line_of(village, place))
    assert [entry.body for entry in township.tables.arrivals if entry.kind == UP] == [note(1).body]


async def test_somebody_in_between_with_another_certificate_gets_no_signature(
    parties: tuple[Party, Party], tls: TlsFiles, line_of: LineOf
) -> None:
    township, village = parties
    async with serving(township, certificate=(tls.certificate, tls.key, bytes(32))) as place:
        with pytest.raises(RemoteFault) as refused:
            await converse(village.pen, line_of(village, place))
    assert refused.value.code == "other_certificate"


async def test_a_new_certificate_is_believed_once_the_node_signs_for_it(
    parties: tuple[Party, Party], tls: TlsFiles, line_of: LineOf, tmp_path: Path
) -> None:
    township, village = parties
    renewed = ensure_tls(_new_home(tmp_path / "renewed"), ["127.0.0.1"], SetClock().now())
    async with serving(township, certificate=(tls.certificate, tls.key, tls.digest)) as place:
        line = line_of(village, place)
        await converse(village.pen, line)
        line.hang_up()
    await village.pen.write(note(2))
    async with serving(township, certificate=(renewed.certificate, renewed.key, renewed.digest), port=place.port):
        await converse(village.pen, line)
        line.hang_up()
    assert [entry.body for entry in township.tables.arrivals if entry.kind == UP] == [note(2).body]


async def test_a_page_never_goes_to_somebody_in_between_while_a_session_is_opened_again(
    parties: tuple[Party, Party], tls: TlsFiles, line_of: LineOf, tmp_path: Path
) -> None:
    """Four pages are under way; the first finds another certificate and asks for a challenge, to which any may answer.

    The other three must not follow it there: they hold cases in clear and the token of the session.
    """
    township, village = parties
    other = ensure_tls(_new_home(tmp_path / "other"), ["127.0.0.1"], SetClock().now())
    async with serving(township, certificate=(tls.certificate, tls.key, tls.digest)) as place:
        line = line_of(village, place)
        await line.connect()
        open_session = await line._session(None)  # pyright: ignore[reportPrivateUsage]
        line.hang_up()
    async with serving(township, certificate=(other.certificate, other.key, tls.digest), port=place.port):
        with pytest.raises(RemoteFault, match="other_certificate"):
            await line.exchange(b"a page")
        with pytest.raises(RemoteFault, match="other_certificate"):
            await line._page(b"a page", open_session)  # pyright: ignore[reportPrivateUsage]
        line.hang_up()


def test_the_certificate_is_made_once_and_is_private(tmp_path: Path, tls: TlsFiles) -> None:
    again = ensure_tls(Home(tmp_path / "node"), [], SetClock().now())
    assert again == tls
    assert tls.key.stat().st_mode & 0o777 == 0o600
    assert fingerprint(tls.digest).count(":") == 31


@pytest.mark.parametrize("now", [-1, 0, 2**52])
def test_a_clock_in_another_century_does_not_stop_init(now: int) -> None:
    certificate, _ = make_certificate(["127.0.0.1"], SetClock(now).now())
    assert len(certificate_digest(certificate)) == 32


def test_a_file_that_is_no_certificate_is_refused_in_words() -> None:
    with pytest.raises(LocalFault) as refused:
        certificate_digest(b"not a certificate")
    assert refused.value.code == "bad_certificate"


# --- enrolment over the wire -----------------------------------------------------------------------------------------


class Echo:
    """An enroller that answers with what it was asked."""

    async def enrol(self, request: bytes) -> bytes:
        return b"certificates for " + request


async def test_a_new_device_learns_the_root_from_the_sheet_before_it_shows_its_code(
    parties: tuple[Party, Party],
) -> None:
    township, village = parties
    async with serving(township, enroller=Echo()) as place:
        wire = Wire(place.address, idle_s=10)
        digest = township.county.root.digest
        salts = SeededSalts(Random("new device"))
        answered, root = await request_enrolment(
            wire, village.node, VILLAGE, digest, b"the code", salts=salts, verify=verify_ed25519
        )
        assert answered == b"certificates for the code"
        assert root == township.county.root.public_key
        with pytest.raises(RemoteFault) as refused:
            await request_enrolment(
                wire, village.node, VILLAGE, "0" * 64, b"the code", salts=salts, verify=verify_ed25519
            )
        assert refused.value.code == "foreign_county"
        wire.hang_up()


class Thief:
    """An enroller that keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    async def enrol(self, request: bytes) -> bytes:
        self.heard.append(request)
        return b""


@pytest.mark.parametrize("office", [OfficeId("510824100206"), OfficeId("510824101"), TOWNSHIP, OfficeId("510824")])
async def test_a_code_is_not_shown_to_a_device_of_the_county_that_is_not_above_the_office(
    parties: tuple[Party, Party], office: OfficeId
) -> None:
    """A village (for the first), or a township, that gets in between has good certificates and would take the seat."""
    township, village = parties
    between = village if office == OfficeId("510824100206") else township
    thief = Thief()
    async with serving(between, enroller=thief) as place:
        wire = Wire(place.address, idle_s=10)
        with pytest.raises(RemoteFault, match="wrong_office"):
            await request_enrolment(
                wire,
                village.node,
                office,
                township.county.root.digest,
                b"the code",
                salts=SeededSalts(Random("new device")),
                verify=verify_ed25519,
            )
        wire.hang_up()
    assert thief.heard == []
