"""What a township's clerk waits for: `python -m tests.benchmarks casework [--quick]`, one JSON line at the end.

Two real township nodes on SQLite (WAL, synchronous=FULL), filled with 100,000 cases and with 1,000,000: real rows in
every table and index, sealed into the journals of the township and its villages (`bulk`), whole lives copied from a
few hundred different ones. Then as in a running node, through desk, writer and store, one act after the other: 250
offered cases are accepted and then decided in each, in turn; the figure is what 95 of 100 stay below. At the end one
list of 1,200 persons is taken in at the larger one.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from office.node import Node
from office.seeds import load_calendar, load_catalogue
from schemas.casework.events import Act, CaseEvent, CaseFiled, CaseReceived, CustodyAccepted, CustodyOffered
from schemas.casework.values import Outcome, RosterRow
from schemas.catalogue import CaseType, Edition, may_decide
from schemas.codec import encode
from schemas.names import (
    CASE_ID_BYTES,
    OPERATION_BYTES,
    SALT_BYTES,
    CaseId,
    Epoch,
    Instant,
    JournalId,
    NodeId,
    OfficeId,
    followed,
    seat_of,
    tracking_number,
)
from sync.core.journal import Draft, Tip, seal
from sync.ports import Stored
from tests.benchmarks.agent import make_folder
from tests.benchmarks.bulk import Bulk
from tests.benchmarks.case_paper import MARK, Chancery
from tests.benchmarks.corpus import County
from tests.benchmarks.county_year import say, show
from tests.benchmarks.lives import Life
from tests.benchmarks.load_model import Matter, comes_to, origin_of, townships
from tests.benchmarks.office_hours import OfficeHours
from tests.benchmarks.paperwork import TEMPLATE_TEXT, Pen
from tests.support.counties import clerk

SEED: Final = 20_261_122
SIZES: Final = {"1e5": 100_000, "1e6": 1_000_000}
QUICK_SIZES: Final = {"1e5": 2_000, "1e6": 20_000}
TEMPLATES: Final = 400
MEASURED: Final = 250
"""Acts of each kind: a 95th percentile wants at least 200."""

ACCEPTED_ITEM: Final = "WJ02"
"""What is offered and decided: an on-the-spot item that the township decides by itself."""

LISTED_ITEM: Final = "YB01"
LIST_ROWS: Final = 1200

FIRST_DAY: Final = date(2026, 3, 2)


class Line(Struct, frozen=True):
    """One entry of a life to be copied."""

    event: CaseEvent
    at: Instant


class Copier:
    """Writes copies of whole lives: each a case of its own, with its own numbers, operations and chain of acts."""

    def __init__(self, bulk: Bulk, random: Random) -> None:
        self._bulk = bulk
        self._random = random
        self._serials: dict[OfficeId, int] = {}

    def write(self, template: Sequence[Line]) -> CaseId:
        """One more case."""
        draw = self._random.randbytes
        case = CaseId(draw(CASE_ID_BYTES))
        tip: bytes | None = None
        for line in template:
            event = self._copy(line.event, draw(OPERATION_BYTES), tip)
            entry = self._bulk.write(seat_of(event.office), event.kind, case, encode(event), line.at)
            if isinstance(event, Act):
                tip = followed(entry.hash)
        return case

    def _copy(self, event: CaseEvent, operation: bytes, tip: bytes | None) -> CaseEvent:
        if isinstance(event, CaseFiled):
            seat = seat_of(event.office)
            serial = self._serials[seat] = self._serials.get(seat, 0) + 1
            return replace(event, operation=operation, tracking=tracking_number(seat, MARK, serial))
        if isinstance(event, Act):
            return replace(event, operation=operation, after=tip)
        return replace(event, operation=operation)


def templates(random: Random, edition: Edition, town: OfficeId, villages: Sequence[OfficeId]) -> list[list[Line]]:
    """Different lives of on-the-spot matters that the township decides: every entry is its own or a village's.

    No lists of persons: there are a few in a year, and each would weigh as much as fifty cases.
    """
    calendar = load_calendar()
    chancery = Chancery(random, edition, calendar, OfficeHours(calendar, FIRST_DAY, 400), rows_per_list=1)
    items = [item for item in edition.items.values() if item.case_type is CaseType.INSTANT and may_decide(item, town)]
    items = [item for item in items if item.code != LISTED_ITEM]
    found: list[list[Line]] = []
    while len(found) < TEMPLATES:
        office = random.choice((town, town, random.choice(villages)))
        item = random.choice([item for item in items if comes_to(item, origin_of(office))])
        lines = live(Life(chancery, Matter(FIRST_DAY, office, item.code, is_booked=False)), random)
        if all(seat_of(line.event.office).startswith(town) for line in lines):
            found.append(lines)
    return found


def live(life: Life, random: Random) -> list[Line]:
    """A whole life, its entries sealed into a journal that is thrown away."""
    lines: list[Line] = []
    journal, tip = JournalId(NodeId("a" * 16), Epoch(1, bytes(6))), Tip()
    while (event := life.waiting) is not None:
        lines.append(Line(event, life.at))
        body, salt = encode(event), random.randbytes(SALT_BYTES)
        sealed, tip = seal(journal, tip, Draft(event.kind, life.case, body), life.at, salt)
        entry = Stored(
            journal, tip.size, tip.size, sealed.line.head, life.at, event.kind, life.case, salt, body, sealed.hash
        )
        life.written(entry)
    return lines


class Township:
    """The node under measurement, and what it is filled with."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.office = node.seat
        self.villages = [village for one in townships() if one.office == node.seat for village, _ in one.villages]
        self.random = Random(SEED)
        self.bulk = Bulk(node, self.random)
        self.cases = 0
        self.offered: list[CaseId] = []
        self._lives = templates(self.random, load_catalogue(), self.office, self.villages)
        self._offers = [offer for lines in self._lives if (offer := _offer_of(lines))]
        self._copier = Copier(self.bulk, self.random)

    async def fill(self, cases: int) -> None:
        """Bring the node to so many cases, of which the last ones wait to be accepted."""
        await self.bulk.enrol(self.villages, self._lives[0][0].at)
        while self.cases < cases - MEASURED:
            self._copier.write(self.random.choice(self._lives))
            self.cases += 1
            if self.bulk.is_full:
                await self.bulk.flush()
                show(self.cases / cases, f"{self.cases} cases, {self.bulk.written} entries")
        self.offered = [self._copier.write(self.random.choice(self._offers)) for _ in range(MEASURED)]
        self.cases += MEASURED
        await self.bulk.finish()

    async def accept(self, case: CaseId) -> None:
        """A clerk accepts an offered case."""
        await self.node.desk.accept_custody(clerk(self.office), case, self._operation(), note="材料齐全,予以受理。")

    async def decide(self, case: CaseId) -> None:
        """And grants it."""
        await self.node.desk.decide(
            clerk(self.office),
            case,
            self._operation(),
            outcome=Outcome.GRANTED,
            reason="经审查,符合规定的条件。",
            basis="流动人口计划生育工作条例第7条",
            document=f"苍政务〔2026〕{self.random.randrange(10**6)}号",
        )

    async def take_list(self) -> float:
        """Seconds for one list of persons."""
        pen = Pen(self.random, TEMPLATE_TEXT)
        people = [pen.applicant() for _ in range(LIST_ROWS)]
        rows = [RosterRow(one.name, one.document_type, one.document_number, one.phone) for one in people]
        started = time.perf_counter()
        taken = await self.node.intake.open_list(clerk(self.office), item=LISTED_ITEM, name="陵江镇", rows=rows)
        seconds = time.perf_counter() - started
        assert taken.rows == LIST_ROWS
        return seconds

    def _operation(self) -> bytes:
        return self.random.randbytes(OPERATION_BYTES)


def _offer_of(lines: Sequence[Line]) -> list[Line]:
    """The beginning of a life, up to where the township has the offer and nobody has accepted it; empty if it is none
    of the item that is measured.
    """
    first = lines[0].event
    if not isinstance(first, CaseFiled) or first.item != ACCEPTED_ITEM:
        return []
    kinds = [line.event.kind for line in lines]
    if kinds[:3] != [CaseFiled.kind, CustodyOffered.kind, CaseReceived.kind] or CustodyAccepted.kind != kinds[3]:
        return []
    return list(lines[:3])


async def compare(towns: Mapping[str, Township], what: str) -> dict[str, object]:
    """Milliseconds below which 95 of 100 acts stay, in towns of each size.

    One act in each town in turn: whatever else the machine is at falls on all of them.
    """
    taken: dict[str, list[float]] = {name: [] for name in towns}
    for town in towns.values():
        town.node.casebook.forget()  # Nobody has looked at these cases today: each is read from the disk.
    for number in range(MEASURED):
        for name, town in towns.items():
            act = {"accept": town.accept, "decide": town.decide}[what]
            started = time.perf_counter()
            await act(town.offered[number])
            taken[name].append((time.perf_counter() - started) * 1000)
    for name, times in taken.items():
        say(f"{what} among {name} cases: median {median(times):.2f} ms, slowest {max(times):.2f} ms")
    return {f"{what}_p95_ms_{name}": round(quantiles(times, n=20)[-1], 2) for name, times in taken.items()}


async def measure(folder: Path, sizes: Mapping[str, int]) -> dict[str, object]:
    """A town of each size, and the list in the largest."""
    device = County(SEED).townships(1)[0].device
    towns: dict[str, Township] = {}
    try:
        for name, size in sizes.items():
            town = towns[name] = Township(await Node.open(make_folder(folder / name, device, 0).folder))
            started = time.perf_counter()
            await town.fill(size)
            seconds, mib = time.perf_counter() - started, town.node.home.database.stat().st_size // 2**20
            say(f"\n{town.cases} cases, {town.bulk.written} entries, {mib} MiB, filled in {seconds:.0f} s")
        figures = {**await compare(towns, "accept"), **await compare(towns, "decide")}
        figures["batch_1200_s"] = round(await list(towns.values())[-1].take_list(), 3)
        return figures
    finally:
        for town in towns.values():
            await town.node.close()


def main(arguments: Sequence[str]) -> int:
    """Measure, and end with the JSON line."""
    with tempfile.TemporaryDirectory(prefix="tongban-casework-") as folder:
        figures = asyncio.run(measure(Path(folder), QUICK_SIZES if "--quick" in arguments else SIZES))
    print(json.dumps(figures))
    return 0
