"""Erasures: the county orders that cases and single remarks lose their bodies; and somebody erases on the way, unasked.

Beside `faults`, whose methods these are. The orders are the product's own, with its residues; only who may give one is
left out. Next: `checkers`, which looks for bodies that should be gone, and for bodies that should not.
"""

from collections.abc import Iterator, Sequence
from datetime import date

from msgspec.structs import replace

from office.casebook import removal_of
from office.erasure_orders import ErasureOrders, Order
from office.retention import Retention
from schemas.casework.residue import Removal
from schemas.casework.stages import ENDED
from schemas.codec import decode, encode
from schemas.names import CaseId, OfficerId
from schemas.refusals import Refused
from schemas.wire import KIND_ERASED, Erased, Line, Page, Run, body_digest, is_line
from sync.books import line_body
from sync.ports import EntryKey, Stored
from tests.simulation.devices import COUNTY, Device, DiskFull, PowerCut
from tests.simulation.world import Message, World

OFFICER = OfficerId(f"{COUNTY}/zhang")
LEADER = OfficerId(f"{COUNTY}/li")


class Eraser:
    """The part of `Faults` that is about bodies that go."""

    world: World

    def erase_by_law(self) -> None:
        """The county orders that a closed case goes, or one remark of an open one."""
        county = self.world.seats[COUNTY]
        if not county.up:
            return
        files = [case for case in county.disk.cases.files.values() if case.filing is not None]
        ended = [case for case in files if case.stage in ENDED and case.erased is None]
        if ended and self.world.chance.random() < 0.8:
            self.order(county, self.world.chance.choice(ended).case)
            return
        remarks = [
            (case.case, note.hash)
            for case in files
            for note in case.contributions
            if note.kind == "remark.added" and note.hash not in county.books.erased
        ]
        if remarks:
            case, digest = self.world.chance.choice(remarks)
            self.order(county, case, digest.hex())

    def order(self, county: Device, case: CaseId, *entries: str) -> bool:
        """Write an order with the county's pen. False when the product refuses it, or the machine fails."""
        world = self.world
        assert county.ledger is not None
        assert county.interpreter is not None
        orders = ErasureOrders(
            county.ledger,
            county.interpreter,
            None,  # pyright: ignore[reportArgumentType]
            None,  # pyright: ignore[reportArgumentType]
            Retention(),
            lambda: date(2026, 3, 6),
            _anybody,
            _anybody,
        )
        try:
            written = world.run(orders.order(Order(case, OFFICER, LEADER, "保管期限届满", entries, is_early=True)))
        except Refused as refusal:
            world.counts["order of erasure refused: " + refusal.code] += 1
            return False
        except DiskFull:
            return False
        except PowerCut:
            world.power_cut(county)
            return False
        world.counts["erased by law"] += len(written)
        world.tell("orders an erasure", case.hex()[:6], *entries)
        return True

    def erase_on_the_way(self) -> None:
        """Somebody takes a body out of the next page that goes up with one: the chain and all proofs still fit."""
        self.world.tamper = strip_one


async def _anybody(officer: OfficerId) -> None:
    """Who may order what is the accounts' business."""


def strip_one(message: Message) -> Message | None:
    """The message with one body less, or None when there is none in it that is about a case."""
    page = decode(message.data, Page)
    for stretch in page.stretches:
        for place, run in enumerate(stretch.runs):
            bare = _strip(run)
            if bare is not None:
                stretch.runs[place] = bare
                return replace(message, data=encode(page))
    return None


def _strip(run: Run) -> Run | None:
    for place, line in enumerate(run.lines):
        if line.body is not None and b"case." in line.head:
            bare = Line(line.head, b"", None, body_digest(line.salt, line.body))
            return replace(run, lines=[*run.lines[:place], bare, *run.lines[place + 1 :]])
    return None


# --- for the judges --------------------------------------------------------------------------------------------------


def removals_on(devices: Sequence[Device], county: Device, subject: CaseId) -> list[Removal]:
    """What the orders about a case leave, of all that any of these disks holds and the county believes."""
    found: dict[bytes, Removal] = {}
    for device in devices:
        for key in device.disk.tables.subjects.get(subject, []):
            entry = device.disk.tables.entries[key[0]][key[1]]
            order = _order_of(county, entry)
            if order is not None:
                found[entry.hash] = removal_of(order, entry)
    return list(found.values())


def _order_of(county: Device, entry: Stored) -> Erased | None:
    if entry.kind != KIND_ERASED or not county.books.counts(entry):
        return None
    if county.books.seat_of_node(entry.journal.origin) != COUNTY:
        return None
    return line_body(entry, Erased)


def judge_erasures(world: World) -> list[str]:
    """Everything that must be true of erasures at rest."""
    devices = world.survivors()
    found = [*erasures_are_obeyed(devices, world.seats[COUNTY]), *bodies_gone(world, devices)]
    return [f"erasures_are_obeyed: {problem}" for problem in found]


def erasures_are_obeyed(devices: Sequence[Device], county: Device) -> Iterator[str]:
    """What any surviving order names has no body on any disk, nor in any finding; and nothing else is without its body.

    Not checked is what a disk held before: how a real one forgets is for `office.database`.
    """
    named: dict[bytes, EntryKey] = {}
    for device in devices:
        for entries in device.disk.tables.entries.values():
            for entry in entries.values():
                order = _order_of(county, entry)
                named |= {one.hash: one.key for one in order.entries} if order is not None else {}
    for device in devices:
        tables = device.disk.tables
        for entries in tables.entries.values():
            for entry in entries.values():
                place = f"{entry.kind} {entry.journal}:{entry.seq}"
                if entry.hash in named and (entry.body is not None or entry.salt):
                    yield f"{device.name} still has the body of {place}"
                if entry.body is None and (entry.hash not in tables.erased or is_line(entry.kind)):
                    yield f"{device.name} lacks the body of {place}, which nobody erased by law"
        missing = {link for link, key in named.items() if device.holds(key)} - tables.erased.keys()
        if missing:
            yield f"{device.name} does not know of {len(missing)} erasures of what it holds"


def bodies_gone(world: World, devices: Sequence[Device]) -> Iterator[str]:
    """No finding on any disk holds a body that was erased by law."""
    erased = {link for device in devices for link in device.disk.tables.erased}
    gone = {record.body for records in world.written.values() for record in records if record.hash in erased}
    for device in devices:
        for finding in device.disk.tables.evidence:
            if any(body and body in finding.material for body in gone):
                yield f"{device.name} keeps an erased body in a finding: {finding.code}"
