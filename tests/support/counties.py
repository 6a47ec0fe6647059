"""A small county whose offices have desks: real ledgers, real casework, stores in memory, pages carried by hand.

For stories told from the counter. No chance, no clock of the machine, no event loop: `run` steps a coroutine to its
end. For lines that fail use `tests/simulation`, for lines without casework `tests/support/network.py`.
"""

from collections.abc import Coroutine, Sequence
from random import Random
from typing import Any, Final, TypeVar

from msgspec import Struct

from office.case_rows import MemoryCases
from office.casebook import CaseInterpreter
from office.catalogue import Catalogue
from office.desk import Desk
from office.intake import Intake, Slip
from office.moving import Moving
from office.people import People
from office.publishing import Publishing, records_of
from office.receiving import Receiving
from office.seeds import load_calendar, load_catalogue, load_divisions
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.roles import Role
from schemas.casework.values import Applicant, Material, MaterialStatus
from schemas.codec import encode
from schemas.names import OPERATION_BYTES, CaseId, Instant, OfficeId, OfficerId, parent_seat, seat_of
from schemas.refusals import Refused
from schemas.register import Published
from schemas.wire import KIND_ENROLLED, Certificate, Enrolled, Enrolment, enrolment_message
from sync.books import Books, Seat
from sync.core.journal import Draft
from sync.enrolment import Root, certify
from sync.keys import KeyedHashKey, KeyedHashSigner, verify_keyed_hash
from sync.ledger import Ledger
from sync.memory import MemoryStore, Tables

COUNTY: Final = OfficeId("510824")
WINDOW: Final = OfficeId("510824.rsj")
TOWNSHIP: Final = OfficeId("510824100")
OTHER_TOWNSHIP: Final = OfficeId("510824102")
VILLAGE: Final = OfficeId("510824100205")
OTHER_VILLAGE: Final = OfficeId("510824100206")
FAR_VILLAGE: Final = OfficeId("510824102005")

NOON: Final = Instant(1_772_769_600_000)
"""6 March 2026, 12:00 in China: a Friday."""

ROOT_KEY: Final = KeyedHashKey(b"the root of this county")
ROOT: Final = Root("cangxi", ROOT_KEY.public_key)

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Step a coroutine that waits for nothing (RULINGS C2)."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("something waited: over stores in memory nothing may")


class Person(Struct, frozen=True):
    """An officer as the desk asks for one."""

    officer: OfficerId
    office: OfficeId
    roles: frozenset[Role]


def agent(office: OfficeId = VILLAGE) -> Person:
    """The village agent."""
    return Person(OfficerId(f"{office}/zhang"), office, frozenset({Role.AGENT}))


def clerk(office: OfficeId = TOWNSHIP) -> Person:
    """A clerk who may also sign decisions, as in a small township."""
    return Person(OfficerId(f"{office}/li"), office, frozenset({Role.CLERK, Role.APPROVER}))


def leader(office: OfficeId = COUNTY) -> Person:
    """The county's leader on duty."""
    return Person(OfficerId(f"{office}/wang"), office, frozenset({Role.LEADER, Role.CLERK}))


class Leaders:
    """Every node knows one leader on duty, Wang, and at an office Li, who approves there."""

    async def check_officer(self, officer: OfficerId) -> None:
        """See `office.accounts.Accounts.check_officer`: Zhao left long ago."""
        if officer.endswith("/zhao"):
            raise Refused("no_such_officer", "…", "…")

    async def check_supervisor(self, officer: OfficerId) -> None:
        """See `office.accounts.Accounts.check_supervisor`: nobody of a window supervises."""
        await self.check_officer(officer)
        if "." in officer:
            raise Refused("not_a_supervisor", "…", "…")

    async def check_leader(self, officer: OfficerId) -> None:
        """See `office.desk.Approvers.check_leader`; the county's alone are asked."""
        if officer != leader().officer:
            raise Refused("approver_unknown", "…", "…")

    async def check_approver(self, officer: OfficerId, office: OfficeId) -> None:
        """See `office.desk.Approvers.check_approver`."""
        if officer not in (leader(office).officer, leader(seat_of(office)).officer, clerk(office).officer):
            raise Refused("approver_not_here", "…", "…")


KNOWN_LEADERS: Final = Leaders()

APPLICANT: Final = Applicant("王秀英", "111", "510824194910010025", "13800000000")


def materials_of(item: str) -> tuple[Material, ...]:
    """Everything that an item of the sample catalogue asks for, handed in."""
    listed = load_catalogue().get_item(item).materials
    names = (*listed.required, *listed.deferrable, *listed.pledged)
    return tuple(Material(name, MaterialStatus.PROVIDED) for name in names)


MATERIALS: Final = materials_of("RS01")


class Office:
    """One device at work: store, ledger, casebook and desk of its present start."""

    def __init__(self, county: "County", seat: OfficeId) -> None:
        self.county = county
        self.office = seat
        self.signer = KeyedHashSigner.from_seed(seat.encode() + bytes(county.devices))
        county.devices += 1
        self.chain: list[Certificate] = []
        self.cases = MemoryCases()
        self.store = MemoryStore(project=self.cases.project)

    def start(self, tables: Tables | None = None, cases: MemoryCases | None = None, *, restored: bool = False) -> None:
        """Start the writing process, on what is held or on a backup."""
        self.cases = cases or self.cases
        self.store = MemoryStore(tables or self.store.tables, self.cases.project)
        self.casebook = CaseInterpreter(self.cases, remembered=8)
        seat = Seat(self.signer, self.chain, ROOT, verify_keyed_hash)
        self.books = Books(seat, self.store, self.casebook, self.county, self.county)
        self.casebook.attach(self.books)
        self.ledger = Ledger(self.books)
        run(self.ledger.open_epoch(restored=restored))
        self.receiving = Receiving(self.ledger, self.casebook, self.office)
        self.people = People(self.casebook, self.county, self.office, load_calendar, str)
        divisions = load_divisions()
        self.catalogue = Catalogue(
            [load_catalogue()],
            published=lambda: self.casebook.register.editions(),
            not_before=lambda: self.books.beacon_at,
        )
        self.publishing = Publishing(
            self.ledger,
            self.casebook,
            self.office,
            lambda office: seat_of(office) in divisions,
            lambda: day_of(self.county.at),
            KNOWN_LEADERS,
        )
        self.intake = Intake(self.ledger, self.casebook, self.catalogue, self.county, self.county, bytes(32))
        self.desk = Desk(
            self.ledger,
            self.casebook,
            self.catalogue,
            self.county,
            lambda office: seat_of(office) in divisions,
            KNOWN_LEADERS,
        )
        self.moving = Moving(
            self.ledger,
            self.casebook,
            self.catalogue,
            self.county,
            self.publishing,
            KNOWN_LEADERS,
            lambda office: f"单位 {office}",
        )

    def back_up(self) -> tuple[Tables, MemoryCases]:
        """A copy of everything durable."""
        return self.store.copy(), self.cases.copy()

    def case(self, subject: CaseId) -> CaseFile:
        """The case as this office knows it."""
        return self.cases.files[subject]

    def has(self, subject: CaseId) -> bool:
        """Whether this office knows the case at all."""
        return subject in self.cases.files

    def states(self) -> list[tuple[str, str]]:
        """(state, code) of every entry that is not simply folded."""
        return sorted((found.state, found.code) for found in self.store.tables.dispositions.values())

    def refolded(self) -> dict[CaseId, CaseFile]:
        """All cases folded again from the entries, by a casebook that remembers nothing."""
        twin = MemoryCases()
        casebook = CaseInterpreter(twin)
        casebook.attach(self.books)
        run(casebook.refold(list(self.cases.files)))
        rows = casebook.drain()
        if rows is not None:
            twin.project(rows)
        return twin.files

    def file(self, operation: int = 1, item: str = "RS01") -> Slip:
        """Take in a matter for the usual resident."""
        return run(
            self.intake.open_case(
                agent(self.office),
                op(operation),
                item=item,
                applicant=APPLICANT,
                materials=materials_of(item),
                statement="参保",
            )
        )

    def publish(self, *events: Published) -> int:
        """Publish statements of the register."""
        return run(self.publishing.publish(records_of(*events)))

    def write(self, kind: str, subject: CaseId | None, body: bytes) -> None:
        """Write any body at all: what a newer, a faulty or a hostile program would."""

        async def drafting() -> Sequence[Draft]:
            return [Draft(kind, subject, body)]

        run(self.ledger.record(drafting))


class County:
    """Clock, chance, and the offices of one county, each enrolled by the one above."""

    def __init__(self, *seats: OfficeId) -> None:
        self.random = Random(7)
        self.at = NOON
        self.devices = 0
        self.offices: dict[OfficeId, Office] = {}
        for seat in (COUNTY, *seats):
            self.enrol(seat)
        self.settle()

    def now(self) -> Instant:
        """One minute passes whenever somebody looks."""
        self.at = Instant(self.at + 60_000)
        return self.at

    def draw(self, size: int) -> bytes:
        """Chance from a seed."""
        return self.random.randbytes(size)

    def __getitem__(self, seat: OfficeId) -> Office:
        return self.offices[seat]

    def enrol(self, seat: OfficeId) -> Office:
        """A device for a seat, enrolled by the office above, started; it follows the one that sits there."""
        office = Office(self, seat)
        lost = self.offices.get(seat)
        above = parent_seat(seat)
        issuer = self.offices[above] if above else None
        keys = office.signer.public_keys
        enrolment = Enrolment(
            ROOT.county,
            office.signer.node,
            seat,
            keys.log,
            keys.cosigner,
            issuer and issuer.signer.node,
            self.now(),
            lost and lost.signer.node,
        )
        if issuer is None:
            certificate = Certificate(enrolment, ROOT_KEY.sign(enrolment_message(enrolment)))
        else:
            certificate = certify(issuer.signer, enrolment)
            issuer.write(KIND_ENROLLED, None, encode(Enrolled(certificate)))
        office.chain = [*(issuer.chain if issuer else []), certificate]
        self.offices[seat] = office
        office.start()
        return office

    def exchange(self, child: OfficeId, *, loses_answer: bool = False) -> None:
        """One page up, one page down, unless it is lost on its way."""
        low, high = self.offices[child], self.offices[_above(child)]
        upward = run(low.ledger.page_for(high.signer.node))
        run(high.ledger.admit(upward))
        # Whoever asks anew has every answer that came; one that was lost is asked for again (`sync.exchange`).
        high.books.links[low.signer.node].in_flight.clear()
        downward = run(high.ledger.page_for(low.signer.node, receipts_due=not upward.more))
        if loses_answer:
            low.books.links[high.signer.node].exchange_failed()
        else:
            run(low.ledger.admit(downward))
            low.books.links[high.signer.node].exchange_succeeded()

    def settle(self, *seats: OfficeId) -> None:
        """Let the lines of these offices (all, unless named) carry everything up and down."""
        lines = sorted((seat for seat in seats or self.offices if parent_seat(seat)), key=len)
        for _ in range(4):
            for seat in [*reversed(lines), *lines]:
                self.exchange(seat)


def op(number: int) -> bytes:
    """The operation id of a form."""
    return number.to_bytes(OPERATION_BYTES, "big")


def _above(seat: OfficeId) -> OfficeId:
    above = parent_seat(seat)
    assert above is not None
    return above
