"""Whole nodes in one process: real folders, keys, databases and writers; pages are carried by hand.

For stories that need what `tests/support/counties.py` leaves out: files, SQL, the writing lock, `verify`. Enrolment
takes the product's own way from sheet to seat, without HTTP.
"""

from pathlib import Path
from typing import Final

from msgspec import Struct

from office.enrolling import Office, Reply, Sheet, make_request, parse_offices
from office.founding import found_county, prepare_device
from office.intake import Slip
from office.node import Node
from office.paths import Home, write_private
from office.seat import SeatFile, load_signer, save_seat
from schemas.codec import decode
from schemas.names import NodeId, OfficeId
from tests.support.counties import APPLICANT, COUNTY, TOWNSHIP, VILLAGE, agent, materials_of, op

OFFICES: Final = [
    {"office": COUNTY, "name": "苍溪县政务服务中心", "address": "http://127.0.0.1:1"},
    {"office": f"{COUNTY}.rsj", "name": "人社局窗口", "address": ""},
    {"office": TOWNSHIP, "name": "陵江镇便民服务中心", "address": "http://127.0.0.1:2"},
    {"office": VILLAGE, "name": "白观村", "address": ""},
]


class Places(Struct):
    """The folders of a county, a township and a village, and the database of the county if it is not SQLite."""

    folder: Path
    hub_database: str = ""

    def home(self, office: OfficeId) -> Path:
        """One node's folder."""
        return self.folder / office

    async def open(self, office: OfficeId) -> Node:
        """Open a node with its pen."""
        return await Node.open(self.home(office))


async def found_network(folder: Path, hub_database: str = "") -> Places:
    """Make the county, import its offices, enrol a township and a village; every node is closed again."""
    places = Places(folder, hub_database)
    found_county(places.home(COUNTY), COUNTY, "苍溪县样例")
    if hub_database:
        write_private(places.home(COUNTY) / "tongban.toml", f'database = "{hub_database}"\n'.encode())
    hub = await places.open(COUNTY)
    try:
        offices = parse_offices(OFFICES, COUNTY, hub.divisions)
        await hub.enrolling.import_offices(offices)
        for office in offices:
            if office.office in (TOWNSHIP, VILLAGE):
                await enrol(places, hub, office)
    finally:
        await hub.close()
    return places


async def enrol(places: Places, issuer: Node, office: Office, *, replaces: NodeId | None = None) -> SeatFile:
    """From the sheet to the seat."""
    sheet = await issuer.enrolling.issue_code(office, "0" * 64, replaces=replaces)
    return await enrol_with(sheet, prepare_device(places.home(office.office)), issuer)


async def enrol_with(sheet: Sheet, home: Home, issuer: Node) -> SeatFile:
    """A device that has the sheet in hand gets its seat."""
    request = make_request(load_signer(home), sheet.office, sheet.code)
    reply = decode(await issuer.enrolling.enrol(request), Reply)
    root = issuer.books.seat.root
    seat = SeatFile(root.county, root.public_key, reply.chain, reply.parent_address)
    save_seat(home, seat)
    return seat


class Network:
    """Three open nodes and the lines between them."""

    def __init__(self, hub: Node, township: Node, village: Node) -> None:
        self.hub = hub
        self.township = township
        self.village = village

    @classmethod
    async def open(cls, places: Places, *, village: Node | None = None) -> "Network":
        """Open all three and let everybody learn everybody. `village`: one that is open already, being locked."""
        hub, township = await places.open(COUNTY), await places.open(TOWNSHIP)
        network = cls(hub, township, village or await places.open(VILLAGE))
        await network.settle()
        return network

    async def close(self) -> None:
        """Close all three."""
        for node in (self.village, self.township, self.hub):
            await node.close()

    async def settle(self) -> None:
        """Carry everything up and down."""
        for _ in range(3):
            for low, high in (
                (self.township, self.hub),
                (self.village, self.township),
                (self.township, self.hub),
                (self.village, self.township),
            ):
                await exchange(low, high)

    async def file(self, number: int = 1, item: str = "WJ02") -> Slip:
        """The village takes a matter in."""
        return await self.village.intake.open_case(
            agent(), op(number), item=item, applicant=APPLICANT, materials=materials_of(item), statement="申请备案"
        )


async def exchange(low: Node, high: Node) -> None:
    """One page up, one page down."""
    upward = await low.writer.page_for(high.books.seat.node)
    await high.writer.admit(upward)
    downward = await high.writer.page_for(low.books.seat.node, receipts_due=not upward.more)
    await low.writer.admit(downward)
