"""A village and its township at the two ends of a thin line: real programs, real TLS, real files.

The county is founded, and what is written while the line is down is written, through open nodes in this process; then
the two programs run, each in its own network namespace, and an agent works at the village's JSON interface as a browser
would. Never reads a node's store while a figure depends on what its officers can see. Next: `thin_line` (the drills).
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
from msgspec import json

from office.local import STATUS_PATH, Door
from office.node import Node
from office.paths import Home
from schemas.casework.roles import Role
from schemas.casework.values import Applicant, Material, MaterialStatus
from schemas.identity import RESIDENT_CARD
from schemas.names import OPERATION_BYTES, NodeId
from schemas.papers import PaperRef
from tests.benchmarks.paperwork import RANDOM_TEXT, Pen
from tests.nightly.drills import say
from tests.nightly.programs import Program
from tests.support.bridge import TOWNSHIP_IP, Bridge
from tests.support.counties import TOWNSHIP, VILLAGE, agent, materials_of
from tests.support.nodes import Network, Places, found_network

PORT: Final = 8610
ITEM: Final = "WJ02"
PASSWORD: Final = "steep valley, thin line 7"
LOGIN: Final = "zhang"
NOTE: Final = "申请材料已当面核对原件并拍照,申请人身份已核验,请审核受理。"
PHOTOGRAPH_BYTES: Final = 300_000
THUMBNAIL_BYTES: Final = 4_500
AT_ONCE: Final = 16
"""Acts written beside each other when a backlog is made: they share commits."""


class ThinCounty:
    """The two programs and the folders they work in."""

    def __init__(self, places: Places, bridge: Bridge, device: NodeId, photographs: list[PaperRef]) -> None:
        self.places = places
        self.bridge = bridge
        self.device = device
        """The village's."""
        self.photographs = photographs
        """What cases name, and the village holds."""
        above = {"PORT": str(PORT), "PARENT": f"https://{TOWNSHIP_IP}:{PORT}"}
        self.village = Program("village_agent", places.home(VILLAGE), above)
        # The county's line is down all the time.
        nobody = {"HOST": TOWNSHIP_IP, "PORT": str(PORT), "PARENT": "http://127.0.0.1:9"}
        self.township = Program("township_node", places.home(TOWNSHIP), nobody, before=bridge.at_township())

    def held_at_township(self) -> int:
        """Entries of the village's device that the township holds durably, by its store."""
        query = "SELECT coalesce(sum(size), 0) FROM journals WHERE origin = ?"
        store = sqlite3.connect(f"{Home(self.places.home(TOWNSHIP)).database.as_uri()}?mode=ro", uri=True, timeout=5)
        with contextlib.closing(store) as connection:
            return int(connection.execute(query, (self.device,)).fetchone()[0])

    def photographs_at_township(self) -> int:
        """How many of them lie there whole, thumbnails apart: what is on its way has another name."""
        folder = Home(self.places.home(TOWNSHIP)).papers
        return sum((folder / photograph.digest.hex()).exists() for photograph in self.photographs)

    async def close(self) -> None:
        """Stop both programs."""
        await asyncio.gather(self.village.stop(), self.township.stop())


@asynccontextmanager
async def thin_county(
    folder: Path, bridge: Bridge, cases: int, *, photographs: int = 0, seed: int
) -> AsyncGenerator[ThinCounty]:
    """Found it, let the village take matters in and offer each to the township, with its line down; nothing runs yet.

    The first cases have one of the photographs each.
    """
    random = Random(seed)
    places = await found_network(folder)
    network = await Network.open(places)
    try:
        await add_agent(network.village)
        taken = [await _photograph(network.village, random) for _ in range(photographs)]
        await _write_offline(network.village, cases, taken, random)
        device = network.village.books.seat.node
    finally:
        await network.close()
    county = ThinCounty(places, bridge, device, taken)
    try:
        yield county
    finally:
        await county.close()


async def add_agent(village: Node) -> None:
    """Make the account of whoever works at the village."""
    await village.accounts.add_officer(LOGIN, "张代办", VILLAGE, frozenset({Role.AGENT}), PASSWORD)


async def _photograph(village: Node, random: Random) -> PaperRef:
    """A photograph as the line sees one: bytes that nothing makes smaller, and a thumbnail."""
    content, thumbnail = random.randbytes(PHOTOGRAPH_BYTES), random.randbytes(THUMBNAIL_BYTES)
    return PaperRef(
        await village.papers.keep(content),
        len(content),
        "image/jpeg",
        "",
        await village.papers.keep(thumbnail),
        len(thumbnail),
    )


async def _write_offline(village: Node, count: int, photographs: Sequence[PaperRef], random: Random) -> None:
    """Cases as a busy agent takes them in: everybody another person, every text another."""
    pen = Pen(random, RANDOM_TEXT)
    turn = asyncio.Semaphore(AT_ONCE)

    async def file(number: int, applicant: Applicant, statement: str, first: bytes, second: bytes) -> None:
        async with turn:
            slip = await village.intake.open_case(
                *(agent(), first),
                item=ITEM,
                applicant=applicant,
                materials=materials_of(ITEM),
                statement=statement,
                papers=photographs[number : number + 1],
            )
            await village.desk.offer_custody(agent(), slip.case, second, to=TOWNSHIP, note=NOTE)

    drawn = [(pen.applicant(), pen.free_text(10, 30), pen.operation(), pen.operation()) for _ in range(count)]
    await asyncio.gather(*(file(number, *one) for number, one in enumerate(drawn)))
    say(f"{count} cases and {len(photographs)} photographs are taken in with the line down")


class VillageDesk:
    """The agent at the village's JSON interface."""

    def __init__(self, random: Random, home: Home, port: int = PORT) -> None:
        self._pen = Pen(random, RANDOM_TEXT)
        self._random = random
        self._home = home
        # Kept between two cases, so that TCP's counts are about the line.
        limits = httpx.Limits(keepalive_expiry=60)
        address = f"http://127.0.0.1:{port}"
        self._client = httpx.AsyncClient(base_url=address, timeout=30, trust_env=False, limits=limits)

    async def sign_in(self) -> None:
        """Open the session."""
        token = (await self._client.get("/api/session")).json()["csrf"]
        given = {"login": LOGIN, "password": PASSWORD}
        answer = await self._client.post("/api/session", json=given, headers={"x-csrftoken": token})
        assert answer.status_code == 200, answer.text
        self._client.headers["x-csrftoken"] = (await self._client.get("/api/session")).json()["csrf"]

    async def file(self) -> str:
        """Take a small matter in. Returns the case's id."""
        applicant = self._pen.applicant()
        materials = [Material(one.name, MaterialStatus.PROVIDED) for one in materials_of(ITEM)]
        answer = await self._client.post(
            "/api/cases",
            json={
                "operation": self._random.randbytes(OPERATION_BYTES).hex(),
                "item": ITEM,
                "applicant": {
                    "name": applicant.name,
                    "document_type": RESIDENT_CARD,
                    "document_number": applicant.document_number,
                    "phone": applicant.phone,
                },
                "materials": [{"name": one.name, "status": one.status.value} for one in materials],
                "statement": self._pen.free_text(10, 30),
            },
        )
        assert answer.is_success, answer.text
        return answer.json()["case"]

    async def is_receipted(self, case: str) -> bool:
        """Whether the case's page shows that the township has signed for it."""
        answer = await self._client.get(f"/api/cases/{case}")
        assert answer.is_success, answer.text
        return TOWNSHIP in answer.json()["case"]["summary"]["held_by"]

    async def post(self, path: str, body: bytes) -> tuple[int, str]:
        """Send any bytes; the status, and the code of a refusal. A caller that is cut off while sending has none."""
        headers = {"content-type": "application/json", "connection": "close"}
        try:
            answer = await self._client.post(path, content=body, headers=headers)
        except httpx.TransportError:
            return 499, "cut_off"
        is_told = answer.headers.get("content-type", "").startswith("application/json")
        return answer.status_code, answer.json().get("code", "") if is_told else answer.text[:40]

    async def courier(self) -> dict[str, Any]:
        """What the courier has counted, as `status` shows it."""
        door = json.decode(self._home.local.read_bytes(), type=Door)
        answer = await self._client.post(
            f"{door.address}{STATUS_PATH}", content=b"null", headers={"authorization": f"Bearer {door.token}"}
        )
        assert answer.is_success, answer.text
        return answer.json()["courier"]

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()
