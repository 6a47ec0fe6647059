"""Bad enrolment requests at a county's own address: a typed 4xx with a sentence, and no seat, code or entry changes.

Anybody may call this route before being known, so nothing may be assumed of what comes; the county works on either
database, because what PostgreSQL cannot store SQLite takes without a word.
"""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from litestar import Litestar
from msgspec import structs
from sqlalchemy import select

from office.enrolling import _REQUEST_TITLE, Office, Request  # pyright: ignore[reportPrivateUsage]
from office.founding import found_county
from office.node import Node
from office.paths import write_private
from office.tables import enrolment_codes
from schemas.codec import decode, encode
from schemas.names import Instant
from schemas.wire import Certificate, Enrolment, Refusal
from sync.exchange import Responder
from sync.http import ENROL_PATH, MESSAGE_BYTES_MAX, sync_router
from sync.keys import SIGNER_ENTROPY_BYTES, Ed25519Signer
from sync.reenrolling import Former
from sync.session import Doorkeeper
from tests.support.counties import COUNTY, OTHER_TOWNSHIP, TOWNSHIP, VILLAGE
from tests.support.postgres import PostgresServer

DEVICE = Ed25519Signer.create(bytes(range(SIGNER_ENTROPY_BYTES)))
CERTIFICATE = Certificate(
    Enrolment("", DEVICE.node, TOWNSHIP, bytes(32), bytes(32), DEVICE.node, Instant(0)), bytes(64)
)


class Counter:
    """The county's open door, and the one code that is out: a township's."""

    def __init__(self, hub: Node) -> None:
        self.hub = hub
        self.code = ""
        router = sync_router(Doorkeeper(hub.books), Responder(hub.writer), hub.enrolling)
        app: Any = Litestar([router], openapi_config=None, logging_config=None)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")

    async def held(self) -> tuple[int, int, list[str]]:
        """Entries, devices, and the offices that wait for a device."""
        async with self.hub.engines.read.connect() as connection:
            codes = (await connection.scalars(select(enrolment_codes.c.office))).all()
        books = self.hub.books
        return sum(tip.size for tip in books.tips.values()), len(books.keyring), sorted(codes)

    async def refused(self, body: bytes) -> tuple[int, str]:
        """Send, and see to it that a sentence comes back and nothing changed."""
        before = await self.held()
        answer = await self.client.post(ENROL_PATH, content=body)
        refusal = decode(answer.content, Refusal)
        assert len(refusal.hint) > 20
        assert await self.held() == before
        return answer.status_code, refusal.code


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Node]:
    """One county for the whole module: bad requests must leave it as it was, also for the next test."""
    home = tmp_path_factory.mktemp("hub")
    found_county(home, COUNTY, "苍溪县样例")
    if request.param == "postgresql":
        server: PostgresServer = request.getfixturevalue("postgres_server")
        write_private(home / "tongban.toml", f'database = "{await server.create_database()}"\n'.encode())
    node = await Node.open(home)
    yield node
    await node.close()


@pytest.fixture
async def counter(hub: Node) -> AsyncGenerator[Counter]:
    made = Counter(hub)
    made.code = (await hub.enrolling.issue_code(Office(TOWNSHIP, "陵江镇"), "0" * 64)).code
    async with made.client:
        yield made


def signed(office: str, code: str, *more: object) -> bytes:
    """A request whose two signatures are good, whatever it asks for and whatever is added."""
    keys = DEVICE.public_keys
    message = _REQUEST_TITLE + encode((office, code, keys, *more))
    return encode((office, code, keys, DEVICE.sign(message), DEVICE.cosign(message), *more))


UNREADABLE = {
    "nothing": b"",
    "no message": b"\xc1",
    "a web form": b"code=1234",
    "NUL bytes": bytes(200),
    "deep nesting": b"\x91" * 900,
    "truncated": signed(TOWNSHIP, "0" * 16)[:-5],
    "trailing bytes": signed(TOWNSHIP, "0" * 16) + b"\x00",
    "former devices that are none": signed(TOWNSHIP, "0" * 16, "none"),
    "former devices without certificates": signed(TOWNSHIP, "0" * 16, [[None, ""]]),
    "a journal without a device": signed(TOWNSHIP, "0" * 16, [[CERTIFICATE, [[None, [1, bytes(6)], 1]]]]),
}


@pytest.mark.parametrize("story", UNREADABLE)
async def test_bytes_that_are_no_request(counter: Counter, story: str) -> None:
    refused = await counter.refused(UNREADABLE[story])
    assert refused == (400, "malformed")


@pytest.mark.parametrize("size", [MESSAGE_BYTES_MAX - 100, MESSAGE_BYTES_MAX + 1])
async def test_a_request_that_is_too_large(counter: Counter, size: int) -> None:
    refused = await counter.refused(signed(TOWNSHIP, "0" * size))
    assert refused == (413, "too_large")


async def test_former_devices_that_nobody_signed_for(counter: Counter) -> None:
    """Without a code they are looked at and change nothing; not signed for with the rest, the request is not judged."""
    former = [[CERTIFICATE, [[DEVICE.node, [1, bytes(6)], 2**53]]]] * 30
    assert await counter.refused(signed(TOWNSHIP, "0" * 16, former)) == (400, "bad_code")
    asked = decode(signed(TOWNSHIP, counter.code), Request)
    slipped_in = structs.replace(asked, former=[Former(CERTIFICATE, [])])
    assert await counter.refused(encode(slipped_in)) == (400, "bad_proof")


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
    refused = await counter.refused(signed(office, counter.code))
    assert refused in {(400, "wrong_office"), (400, "bad_code")}


@pytest.mark.parametrize("code", ["", "\x00" * 16, "村" * 16, "0" * 16, "O" * 16])
async def test_a_code_that_was_never_printed(counter: Counter, code: str) -> None:
    refused = await counter.refused(signed(TOWNSHIP, code))
    assert refused == (400, "bad_code")


async def test_a_good_code_gives_no_other_seat(counter: Counter) -> None:
    """A thief with one township's sheet is not thereby the county, another township, or a village."""
    for office in (COUNTY, OTHER_TOWNSHIP, VILLAGE):
        assert (await counter.refused(signed(office, counter.code)))[1] in {"wrong_office", "bad_code"}
    answer = await counter.client.post(ENROL_PATH, content=signed(TOWNSHIP, counter.code))
    assert answer.status_code == 200
