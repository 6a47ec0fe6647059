"""A village, its township and the county as their web faces see them: real databases, real desks, pages by hand.

Everything but the wire is the product's own. Times come from a clock set by hand, chance from a seed.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from random import Random
from typing import Any, Final, cast

from litestar import Litestar, Router
from litestar.testing import AsyncTestClient

from office.accounts import Accounts
from office.bundles import Bundles
from office.capturing import Capturing
from office.casebook import CaseInterpreter
from office.catalogue import Catalogue
from office.database import Engines, database_url, open_engines
from office.desk import Desk
from office.devices import Devices
from office.dues import Dues
from office.enrolling import Enrolling
from office.intake import Intake
from office.migrations import migrate
from office.node import Node
from office.paper_wants import PaperWants
from office.papers import FolderShelf
from office.paths import Home
from office.people import People
from office.projection import SqlCases
from office.publishing import Publishing
from office.reminders import Reminders
from office.seeds import load_calendar, load_catalogue, load_divisions
from office.settings import Settings
from office.storage import FolderDisk, Storage
from office.web.app import create_app
from office.worklists import Worklists
from schemas.casework.clocks import day_of
from schemas.casework.roles import Role
from schemas.catalogue import Edition
from schemas.codec import encode
from schemas.names import Instant, OfficeId, parent_seat, seat_of
from schemas.wire import KIND_ENROLLED, Certificate, Enrolled, Enrolment, enrolment_message
from sync.books import Books, Seat
from sync.core.journal import Draft
from sync.courier import LineState
from sync.enrolment import certify
from sync.keys import KeyedHashSigner, verify_keyed_hash
from sync.ledger import Ledger
from sync.sealing import AesGcmSealer, PlainSealer
from sync.second_path import CountyState
from sync.store import SqlStore
from sync.writer import Writer
from tests.support.counties import ROOT, ROOT_KEY
from tests.support.network import SeededSalts
from tests.web.people import PASSWORD, HandClock

COUNTY: Final = OfficeId("510824")
TOWNSHIP: Final = OfficeId("510824100")
VILLAGE: Final = OfficeId("510824100205")
OTHER_VILLAGE: Final = OfficeId("510824100206")
WINDOW: Final = OfficeId("510824.rsj")

DIVISIONS: Final = load_divisions()

Client = AsyncTestClient[Litestar]


class OpenNode:
    """One open node: as much of `office.node.Node` as the pages touch."""

    county_line: CountyState | None = None
    county_address = ""

    def __init__(self, seat: OfficeId, chain: list[Certificate], signer: KeyedHashSigner, engines: Engines) -> None:
        self.seat = seat
        self.data_key = bytes(range(32))
        self.settings = Settings()
        self.engines = engines
        self.clock = HandClock()
        self.salts = SeededSalts(Random(int(seat)))
        place = Path(engines.write.url.database or "")
        self.storage = Storage(FolderDisk(place.parent), place.with_suffix(".ballast"), self.clock, self.salts)
        self.papers = FolderShelf(place.with_suffix(".papers"), AesGcmSealer(self.data_key))
        self.capturing = Capturing(self.papers, self.storage.check_papers)
        sealer = PlainSealer()
        files = SqlCases(engines.read, sealer, bytes(32), lambda case: self.dues.of(case))
        self.store = SqlStore(engines.write, engines.read, sealer=sealer, project=files.project)
        self.casebook = casebook = CaseInterpreter(files)
        self.books = Books(Seat(signer, chain, ROOT, verify_keyed_hash), self.store, casebook, self.clock, self.salts)
        casebook.attach(self.books)
        self.ledger = self.writer = Ledger(self.books)
        self.editions: list[Edition] = []
        """What a story puts into force after the one that ships."""
        self.catalogue = Catalogue([load_catalogue()], published=lambda: self.editions)
        self.dues = Dues(self.catalogue, load_calendar)
        self.reminders = Reminders(engines.write, engines.read, files, self.dues, self.clock, lambda: self.today)
        self.people = People(casebook, self.clock, seat, load_calendar, self.office_name)
        self.accounts = Accounts(engines.write, engines.read, seat, self.clock, self.salts, self.people)
        self.intake = Intake(
            self.ledger,
            casebook,
            self.catalogue,
            self.clock,
            self.salts,
            bytes(32),
            check_room=self.storage.check_filing,
            shelf=self.papers,
        )
        self.desk = Desk(
            self.ledger,
            casebook,
            self.catalogue,
            self.clock,
            lambda one: seat_of(one) in DIVISIONS,
            self.accounts,
            shelf=self.papers,
        )
        self.paper_wants = PaperWants(engines.write, engines.read, files, self.books, self.papers, self.clock)
        self.paper_wants.listen(casebook)
        self.publishing = Publishing(
            self.ledger,
            casebook,
            seat,
            lambda one: seat_of(one) in DIVISIONS,
            self.intake.doorstep.today,
            self.accounts,
        )
        self.worklists = Worklists(
            engines.read, files, self.store, self.books, seat, lambda: self.dues.days(self.today)
        )
        self.enrolling = Enrolling(
            engines.write,
            engines.read,
            cast("Writer", self.ledger),
            self.clock,
            self.salts,
            "https://lingjiang.example:8610",
        )
        self.devices = Devices(engines.write, engines.read, self.enrolling, self.books, self.clock, self.office_name)
        self.line_up: LineState | None = None
        self.home = Home(place.with_suffix(".home"))
        self.bundles = Bundles(cast("Node", self))

    @property
    def today(self) -> date:
        return day_of(self.clock.now())

    def office_name(self, office: OfficeId) -> str:
        if office == WINDOW:
            return "人社局窗口"
        division = DIVISIONS.find(seat_of(office))
        return division.name if division is not None else office

    def known_offices(self) -> Sequence[OfficeId]:
        return [*(OfficeId(division.code) for division in list(DIVISIONS)[:40]), WINDOW]

    async def write(self, kind: str, body: bytes) -> None:
        """Write house-keeping with this node's pen."""

        async def drafting() -> Sequence[Draft]:
            return [Draft(kind, None, body)]

        await self.ledger.record(drafting)

    async def hire(self, login: str, *roles: Role, name: str = "", office: OfficeId | None = None) -> None:
        """Make an account with the usual password."""
        await self.accounts.add_officer(login, name or login.title(), office or self.seat, roles, PASSWORD)


def application(node: OpenNode, extra: Sequence[Router] = (), *, is_tls: bool = False) -> Litestar:
    """The web application of an open node."""
    return create_app(cast("Node", node), extra, is_tls=is_tls)


class WebCounty:
    """Three tiers, each with its node and its application."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.nodes: dict[OfficeId, OpenNode] = {}
        self.apps: dict[OfficeId, Litestar] = {}
        self._chains: dict[OfficeId, list[Certificate]] = {}
        self._signers: dict[OfficeId, KeyedHashSigner] = {}

    async def open(self, *seats: OfficeId) -> None:
        """Enrol and open these offices, from the county downwards."""
        for seat in seats:
            await self._open(seat)
        await self.settle()

    async def _open(self, seat: OfficeId) -> None:
        signer = self._signers[seat] = KeyedHashSigner.from_seed(seat.encode())
        above = parent_seat(seat)
        issuer = self._signers[above].node if above is not None else None
        keys = signer.public_keys
        enrolment = Enrolment(ROOT.county, signer.node, seat, keys.log, keys.cosigner, issuer, Instant(0))
        if above is None:
            certificate = Certificate(enrolment, ROOT_KEY.sign(enrolment_message(enrolment)))
        else:
            certificate = certify(self._signers[above], enrolment)
            await self.nodes[above].write(KIND_ENROLLED, encode(Enrolled(certificate)))
        self._chains[seat] = [*(self._chains[above] if above is not None else []), certificate]
        engines = open_engines(database_url("", self._folder / f"{seat}.db"))
        await migrate(engines.write)
        node = self.nodes[seat] = OpenNode(seat, self._chains[seat], signer, engines)
        await node.ledger.open_epoch()
        self.apps[seat] = application(node)

    async def settle(self) -> None:
        """Let every line carry everything up and down."""
        lines = sorted((seat for seat in self.nodes if parent_seat(seat)), key=len)
        for _ in range(4):
            for seat in [*reversed(lines), *lines]:
                await self.exchange(seat)

    async def exchange(self, seat: OfficeId) -> None:
        """One page up, one page down."""
        above = parent_seat(seat)
        assert above is not None
        low, high = self.nodes[seat], self.nodes[above]
        upward = await low.ledger.page_for(high.books.seat.node)
        await high.ledger.admit(upward)
        downward = await high.ledger.page_for(low.books.seat.node, receipts_due=not upward.more)
        await low.ledger.admit(downward)

    async def close(self) -> None:
        """Give all connections back."""
        for node in self.nodes.values():
            await node.engines.close()

    def client(self, seat: OfficeId) -> Client:
        """A browser at this office: it keeps its cookies and follows no redirect by itself."""
        return AsyncTestClient(self.apps[seat], base_url="http://testserver.local")


@asynccontextmanager
async def web_county(folder: Path, *seats: OfficeId) -> AsyncGenerator[WebCounty]:
    """A county of these offices, open."""
    county = WebCounty(folder)
    try:
        await county.open(*seats)
        yield county
    finally:
        await county.close()


async def token_of(client: Client) -> str:
    """The token that a change must bring."""
    return str((await client.get("/api/session")).json()["csrf"])


async def sign_in(client: Client, login: str, password: str = PASSWORD) -> dict[str, str]:
    """Sign in through the interface; the headers for changes."""
    headers = {"x-csrftoken": await token_of(client)}
    answer = await client.post("/api/session", json={"login": login, "password": password}, headers=headers)
    assert answer.status_code == 200, answer.text
    return headers


def json_of(answer: Any) -> Any:
    """The answer's JSON."""
    return answer.json()
