"""Bad enrolment requests at a county's own address: a typed 4xx with a sentence, and no seat, code or entry changes.

Anybody may call this route before being known, so nothing may be assumed of what comes; the county works on either
database, because what PostgreSQL cannot store SQLite takes without a word.
"""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import AsyncTestClient
from sqlalchemy import select

from office.enrolling import _REQUEST_TITLE, Office, Request  # pyright: ignore[reportPrivateUsage]
from office.node import Node
from office.tables import enrolment_codes
from schemas.codec import decode, encode
from schemas.names import OfficeId
from schemas.wire import Refusal
from sync.exchange import Responder
from sync.http import ENROL_PATH, MESSAGE_BYTES_MAX, sync_router
from sync.keys import SIGNER_ENTROPY_BYTES, Ed25519Signer
from sync.session import Doorkeeper
from tests.support.counties import COUNTY, OTHER_VILLAGE, TOWNSHIP, VILLAGE
from tests.support.nodes import Places, found_network
from tests.support.postgres import PostgresServer

DEVICE = Ed25519Signer.create(bytes(range(SIGNER_ENTROPY_BYTES)))


class Counter:
    """The county's open door, and the one code that is out."""

    def __init__(self, hub: Node, client: "AsyncTestClient[Litestar]", code: str) -> None:
        self.hub = hub
        self.client = client
        self.code = code

    async def held(self) -> tuple[int, int, list[str]]:
        """Entries, devices, and the offices that wait for a device."""
        async with self.hub.engines.read.connect() as connection:
            codes = (await connection.scalars(select(enrolment_codes.c.office))).all()
        books = self.hub.books
        return sum(tip.size for tip in books.tips.values()), len(books.keyring), sorted(codes)

    async def refused(self, body: bytes) -> tuple[int, Refusal]:
        """Send, and see to it that nothing changed."""
        before = await self.held()
        answer = await self.client.post(ENROL_PATH, content=body)
        refusal = decode(answer.content, Refusal)
        assert len(refusal.hint) > 20
        assert await self.held() == before
        return answer.status_code, refusal


@pytest.fixture(params=["sqlite", "postgresql"])
async def counter(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Counter]:
    if request.param == "sqlite":
        places, url, server = await found_network(tmp_path), "", None
    else:
        server: PostgresServer | None = request.getfixturevalue("postgres_server")
        assert server is not None
        url = await server.create_database()
        places = await found_network(tmp_path, url)
    async with opened(places) as made:
        yield made
    if server is not None:
        await server.drop_database(url)


def opened(places: Places) -> "Opened":
    return Opened(places)


class Opened:
    """A county that answers, for one `async with`."""

    def __init__(self, places: Places) -> None:
        self._places = places

    async def __aenter__(self) -> Counter:
        self._hub = await self._places.open(COUNTY)
        hub = self._hub
        router = sync_router(Doorkeeper(hub.books), Responder(hub.writer), hub.enrolling)
        self._client = AsyncTestClient(Litestar([router], openapi_config=None, logging_config=None))
        await self._client.__aenter__()
        sheet = await hub.enrolling.issue_code(Office(OTHER_VILLAGE, "另一村"), "0" * 64)
        return Counter(hub, self._client, sheet.code)

    async def __aexit__(self, *_: object) -> None:
        await self._client.__aexit__(None, None, None)
        await self._hub.close()


def signed(office: str, code: str) -> bytes:
    """A request whose two signatures are good, whatever it asks for."""
    keys = DEVICE.public_keys
    message = _REQUEST_TITLE + encode((office, code, keys))
    return encode(Request(OfficeId(office), code, keys, DEVICE.sign(message), DEVICE.cosign(message)))


UNREADABLE = {
    "nothing": b"",
    "no message": b"\xc1",
    "a web form": b"code=1234",
    "NUL bytes": bytes(200),
    "deep nesting": b"\x91" * 900,
    "truncated": signed(OTHER_VILLAGE, "0" * 16)[:-5],
    "trailing bytes": signed(OTHER_VILLAGE, "0" * 16) + b"\x00",
}


@pytest.mark.parametrize("story", UNREADABLE)
async def test_bytes_that_are_no_request(counter: Counter, story: str) -> None:
    status, refusal = await counter.refused(UNREADABLE[story])
    assert (status, refusal.code) == (400, "malformed")


@pytest.mark.parametrize("size", [2000, MESSAGE_BYTES_MAX + 1])
async def test_a_request_that_is_too_large(counter: Counter, size: int) -> None:
    status, refusal = await counter.refused(signed(OTHER_VILLAGE, "0" * size))
    assert (status, refusal.code) == (413, "too_large")


@pytest.mark.parametrize(
    "office",
    [
        "",
        "99",
        "510824000000",
        "５１０８２４１００",
        "510824100201\x00",
        "5108241002011",
        "苍溪县",
        "'; drop table offices; --",
        f"{COUNTY}.rsj",
    ],
)
async def test_a_seat_that_cannot_be_one(counter: Counter, office: str) -> None:
    status, refusal = await counter.refused(signed(office, counter.code))
    assert (status, refusal.code) in {(400, "wrong_office"), (400, "bad_code")}


@pytest.mark.parametrize("code", ["", "\x00" * 16, "村" * 16, "0" * 16, "O" * 16])
async def test_a_code_that_was_never_printed(counter: Counter, code: str) -> None:
    status, refusal = await counter.refused(signed(OTHER_VILLAGE, code))
    assert (status, refusal.code) == (400, "bad_code")


async def test_a_good_code_gives_no_other_seat(counter: Counter) -> None:
    """A thief with a village's sheet is not thereby a township, nor the village next to it."""
    for office in (COUNTY, TOWNSHIP, VILLAGE):
        status, refusal = await counter.refused(signed(office, counter.code))
        assert (status, refusal.code) == (400, "bad_code")
    answer = await counter.client.post(ENROL_PATH, content=signed(OTHER_VILLAGE, counter.code))
    assert answer.status_code == 200
