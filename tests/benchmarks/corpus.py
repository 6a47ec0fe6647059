"""A realistic load made by the product's own code: townships with village devices, journals, checkpoints, pages.

Every entry is sealed by a `Ledger` under real Ed25519 keys; villages hand their pages to their township's ledger, and
what the township composes upward is the load. Deterministic: a seed decides every byte. Only who reads a case is played
(`Silent`): nothing goes down, and one entry in twenty is attested, as the load is defined. Next: `wire`, `ingest`.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from random import Random
from typing import Final

from msgspec import Struct

from office.case_rows import MemoryCases
from office.casebook import CaseInterpreter
from office.seeds import load_catalogue, load_divisions
from schemas.casework.events import CaseEvent, encode_event
from schemas.codec import encode
from schemas.names import ALPHABET, Instant, NodeId, OfficeId
from schemas.wire import KIND_ENROLLED, Certificate, Enrolled, Enrolment, Lane, Page, enrolment_message, is_line
from sync.books import Books, Seat
from sync.core.journal import Draft
from sync.enrolment import Root, certify
from sync.keys import SIGNER_ENTROPY_BYTES, Ed25519Key, Ed25519Signer, verify_ed25519
from sync.ledger import Ledger
from sync.memory import MemoryStore
from sync.ports import Interpretation, Outcome, Stored
from tests.benchmarks.paperwork import RANDOM_TEXT, Affair, Desk, Pen, Writing
from tests.support.network import EmptyOffice, SeededSalts, run

COUNTY: Final = OfficeId("510824")
COUNTY_NAME: Final = "cangxi"
MORNING: Final = Instant(1_780_272_000_000)
"""1 June 2026, 8:00 in China."""

HOUR_MS: Final = 3_600_000

MEAN_BODY_BYTES: Final = 280
"""The least mean size of a body that counts as this load."""

PAGE_ENTRIES: Final = 500
VILLAGES: Final = 4
"""With the township itself five origins a page."""

CASES_AT_WORK: Final = 50
"""Cases open at a time in one township: about 122 of them occur in 500 entries."""

ATTESTED_EVERY: Final = 20
BOUT_ENTRIES: Final = 150
"""Acts that villages write before they talk, and that the township then writes at most."""


class WorkClock:
    """A clock that moves a few seconds whenever somebody looks."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self.at: int = MORNING

    def now(self) -> Instant:
        self.at += self._random.randint(200, 40_000)
        return Instant(self.at)


class Silent(EmptyOffice):
    """Reads no body. `attest` names a neighbour's seat while the next own entry is to be attested."""

    def __init__(self) -> None:
        self.attest: frozenset[OfficeId] = frozenset()

    async def interpret(self, entries: Sequence[Stored]) -> Interpretation:
        return Interpretation([Outcome(audience=self.attest) for _ in entries])

    async def load(self) -> None:
        self.attest = frozenset()


class Founded(Struct, frozen=True):
    """A county node that exists already, outside the load: whose keys certify the townships, to whom they talk."""

    signer: Ed25519Signer
    chain: list[Certificate]
    root: Root


class Device:
    """One node of the load: its keys, its certificates, its ledger over a store in memory."""

    def __init__(self, county: "County", office: OfficeId, above: "Device | None", *, folds: bool = False) -> None:
        """`folds`: with the product's reading of bodies instead of the silent one, so that cases go down as well."""
        self.office = office
        self._county = county
        self._folds = folds
        if above is None and county.founded is not None:
            self.signer, self.chain = county.founded.signer, county.founded.chain
        else:
            self.signer = Ed25519Signer.create(county.random.randbytes(SIGNER_ENTROPY_BYTES))
            self.chain = [*(above.chain if above else []), self._certificate(above)]
        self.reader = Silent()
        self._cases = MemoryCases()
        self._store = MemoryStore(project=self._cases.project)
        self.start()
        if above is not None:
            above.write([Draft(KIND_ENROLLED, None, encode(Enrolled(self.chain[-1])))])

    def _certificate(self, above: "Device | None") -> Certificate:
        keys = self.signer.public_keys
        issuer = above.signer.node if above else None
        enrolment = Enrolment(
            self._county.root.county, self.signer.node, self.office, keys.log, keys.cosigner, issuer, MORNING
        )
        if above is not None:
            return certify(above.signer, enrolment)
        return Certificate(enrolment, self._county.root_key.sign(enrolment_message(enrolment)))

    def start(self) -> None:
        """Begin a new epoch on what the store holds."""
        county = self._county
        reader = CaseInterpreter(self._cases) if self._folds else self.reader
        seat = Seat(self.signer, self.chain, county.root, verify_ed25519)
        self.ledger = Ledger(Books(seat, self._store, reader, county.clock, county.salts))
        if isinstance(reader, CaseInterpreter):
            reader.attach(self.ledger.books)
        run(self.ledger.open_epoch())

    @property
    def id(self) -> NodeId:
        return self.signer.node

    def light_beacon(self) -> None:
        """The county's statement of the day."""
        run(self.ledger.light_beacon())

    def write(self, drafts: Sequence[Draft]) -> list[Stored]:
        """Record with this device's pen, in one transaction."""

        async def drafting() -> Sequence[Draft]:
            return drafts

        return run(self.ledger.record(drafting))


class Township:
    """A township, its village devices, and the cases they are at."""

    def __init__(self, county: "County", office: OfficeId, writing: Writing, *, folds: bool = False) -> None:
        self.county = county
        self.device = Device(county, office, county.device, folds=folds)
        codes = [OfficeId(division.code) for division in load_divisions().children(office)]
        self.villages = [Device(county, code, self.device, folds=folds) for code in codes[:VILLAGES]]
        # Whoever has the attested entries posted: a reader that never talks, so that the load has only one direction.
        self._reader = Device(county, codes[VILLAGES], self.device).office
        self.devices = {device.office: device for device in (self.device, *self.villages)}
        random = county.random
        self._desks = {office: Desk(office, "".join(random.choices(ALPHABET, k=2))) for office in self.devices}
        self._pen = Pen(random, writing)
        self._items = list(load_catalogue().items.values())
        self._affairs: list[Affair] = []
        self.written: list[Stored] = []

    @property
    def free_characters(self) -> int:
        return self._pen.free_characters

    def work(self, entries: int, talk: "Callable[[Device], None] | None" = None) -> None:
        """Write at least this many case entries: at the villages, who hand them up, and at the township, in turns.

        Whoever acts on a case has what it follows. `talk`: how a village hands up, when somebody counts the bytes.
        """
        done = 0
        while done < entries:
            done += self._turn_of(self.villages, min(BOUT_ENTRIES, entries - done))
            for village in self.villages:
                (talk or self.hand_up)(village)
            done += self._turn_of([self.device], min(BOUT_ENTRIES, entries - done))

    def _turn_of(self, devices: Sequence[Device], count: int) -> int:
        """These devices go on with the cases that lie with them, a few acts of each, in random order."""
        offices = {device.office for device in devices}
        done = 0
        for affair in self._lying_with(offices):
            if done >= count:
                break
            while (event := affair.waiting) is not None and event.office in offices:
                self._write(self.devices[event.office], affair, event)
                done += 1
        self._affairs = [affair for affair in self._affairs if affair.waiting is not None]
        return done

    def _lying_with(self, offices: Container[OfficeId]) -> list[Affair]:
        random = self.county.random
        while len(self._affairs) < CASES_AT_WORK:
            village = random.choice(self.villages)
            desks = (self._desks[village.office], self._desks[self.device.office])
            self._affairs.append(Affair(self._pen, *desks, random.choice(self._items)))
        found = [affair for affair in self._affairs if affair.waiting is not None and affair.waiting.office in offices]
        random.shuffle(found)
        return found

    def _write(self, device: Device, affair: Affair, event: CaseEvent) -> None:
        county = self.county
        county.counted += 1
        if device is self.device and county.attested * ATTESTED_EVERY < county.counted:
            county.attested += 1
            device.reader.attest = frozenset({self._reader})
        entry = device.write([Draft(event.kind, affair.case, encode_event(event))])[0]
        device.reader.attest = frozenset()
        affair.written(event, entry.hash)
        self.written.append(entry)

    def hand_up(self, village: Device) -> None:
        """The village's waiting pages, each taken in by the township."""
        for page in pages_toward(village, self.device.id):
            run(self.device.ledger.admit(page))


class County:
    """The whole load's network: root, county device, clock, chance."""

    def __init__(self, seed: int, *, folds: bool = False, founded: Founded | None = None) -> None:
        self.founded = founded
        self.random = Random(seed)
        self.folds = folds
        self.clock = WorkClock(self.random)
        self.salts = SeededSalts(self.random)
        self.root_key = Ed25519Key(self.random.randbytes(32))
        self.root = founded.root if founded is not None else Root(COUNTY_NAME, self.root_key.public_key)
        self.counted = 0
        self.attested = 0
        self.device = Device(self, COUNTY, None, folds=folds)

    def townships(self, count: int, writing: Writing = RANDOM_TEXT) -> list[Township]:
        """The first townships with enough villages."""
        tree = load_divisions()
        codes = [town.code for town in tree.children(COUNTY) if len(tree.children(town.code)) > VILLAGES]
        return [Township(self, OfficeId(code), writing, folds=self.folds) for code in codes[:count]]


class Load(Struct, frozen=True):
    """What came of it: the county with its keys, the townships, and each township's pages in order."""

    county: County
    townships: list[Township]
    pages: list[list[Page]]


def pages_toward(device: Device, neighbour: NodeId) -> Iterator[Page]:
    """All pages that carry entries and are due toward a neighbour, as a window that is never answered would."""
    while True:
        page = run(device.ledger.page_for(neighbour, receipts_due=False))
        if not page.stretches:
            return
        yield page


def make_load(seed: int, townships: int, pages: int, founded: Founded | None = None) -> Load:
    """Townships with `pages` pages of 500 entries each, five origins a page. AssertionError: it is too light."""
    county = County(seed, founded=founded)
    towns = county.townships(townships)
    made: list[list[Page]] = []
    for town in towns:
        for _ in range(pages):
            town.work(PAGE_ENTRIES)
            for village in town.villages:
                town.hand_up(village)
        made.append([page for page in pages_toward(town.device, county.device.id) if entries_in(page)][:pages])
    assert mean_body_bytes(towns) >= MEAN_BODY_BYTES, f"{mean_body_bytes(towns):.0f} bytes a body: too light"
    return Load(county, towns, made)


def entries_in(page: Page) -> int:
    """Entries that a page carries in runs."""
    return sum(len(run.lines) for stretch in page.stretches if stretch.lane == Lane.RUNS for run in stretch.runs)


def mean_body_bytes(townships: Sequence[Township]) -> float:
    """Mean size of the case entries' bodies, MessagePack."""
    sizes = [len(entry.body or b"") for town in townships for entry in town.written if not is_line(entry.kind)]
    return sum(sizes) / len(sizes)
