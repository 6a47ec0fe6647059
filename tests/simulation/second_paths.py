"""The county's days and the villages' second path, and what must be true of both at rest.

Chance of its own: presets without either tell the stories that they always told. Pages go as real bytes, each may be
lost on its way, and any machine may fail over one. Judges read disks and what devices remember of watermarks; they know
the rules as PROTOCOL states them. Next: `schedule` (when), `sync.second_path`, `sync.watermarks`.
"""

import random
from collections.abc import Iterator

from schemas.codec import decode, encode
from schemas.names import seat_of
from schemas.wire import Page, is_line
from sync import second_path, session, watermarks
from sync.core.errors import Fault
from sync.core.merkle import root_of
from sync.ports import Heard, Stored
from tests.simulation.devices import COUNTY, HOUR, Device, DiskFull, PowerCut
from tests.simulation.faults import Faults
from tests.simulation.world import Message, World

LOSS = 0.1
EXCHANGES_MAX = 6


class SecondPaths:
    """Beacons, and villages that go round their township."""

    def __init__(self, world: World, *, beacons: float, rate: float) -> None:
        self.world = world
        self.beacons = beacons
        self.rate = rate
        self.chance = random.Random(f"second paths {world.seed}")

    def step(self) -> None:
        """What happens in these few minutes, if anything."""
        if self.beacons and self.chance.random() < self.beacons:
            self.light()
        if self.rate and self.chance.random() < self.rate:
            child = self.chance.choice([d for d in self.world.survivors() if len(d.office) == 12])
            self.chance.choice((self.speak, self.speak, self.send_up, self.send_down))(child)

    def light(self) -> None:
        """The county's day ends."""
        county = self.world.seats[COUNTY]
        if county.ledger is None:
            return
        try:
            self.world.run(county.ledger.light_beacon())
            self.world.counts["beacon"] += 1
        except DiskFull:
            self.world.counts["disk full"] += 1
        except PowerCut:
            self.world.power_cut(county)

    def speak(self, child: Device) -> None:
        """A conversation past the township, as far as the line carries it."""
        county = self.world.seats[COUNTY]
        if not (child.up and county.up and self._meet(child, county)):
            return
        self.world.counts["second path"] += 1
        for _ in range(self.chance.randrange(1, EXCHANGES_MAX)):
            if not self._exchange(child, county):
                link = child.link_to(county) if child.up else None
                if link is not None:
                    link.exchange_failed()
                return

    def _meet(self, child: Device, county: Device) -> bool:
        try:
            keeper, hello = session.Doorkeeper(county.books), session.say_hello(child.books)
            challenge = keeper.challenge(hello)
            signed = session.answer(child.books, hello, challenge, b"")
            second_path.meet(child.books, challenge.chain)
            keeper.admit(signed)
        except Fault as fault:
            self.world.tell("second path refused", child.name, fault.code)
            self.world.counts["second path refused"] += 1
            return False
        return True

    def _exchange(self, child: Device, county: Device) -> bool:
        """One page up and one down. False when either was lost or could not be taken."""
        up = self.world.compose(child, county, receipts_due=True)
        if up is None or self._is_lost() or not county.up:
            return False
        refusal = self.world.admit(county, decode(encode(up), Page))
        if refusal is not None:
            link = child.link_to(county)
            if link is not None and refusal.code == "gap":
                link.hear_cursors(refusal.cursors, child.books.own_epochs(), full=True)
            return False
        down = self.world.compose(county, child, receipts_due=not up.more) if county.up else None
        if down is None or self._is_lost() or not child.up:
            return False
        return self.world.admit(child, decode(encode(down), Page)) is None and child.up

    def _is_lost(self) -> bool:
        return self.chance.random() < LOSS

    def send_up(self, child: Device) -> None:
        """A stick goes straight to the county."""
        self._send(child, self.world.seats[COUNTY])

    def send_down(self, child: Device) -> None:
        """The county answers by stick."""
        self._send(self.world.seats[COUNTY], child)

    def _send(self, sender: Device, receiver: Device) -> None:
        world = self.world
        if not sender.up or second_path.find_link(sender.books, receiver.node) is None:
            return
        papers, world.papers_on_sticks = world.papers_on_sticks, None
        data = world.write_stick(sender, receiver)
        world.papers_on_sticks = papers
        if data is None:
            return
        world.counts["stick past the township"] += 1
        if self.chance.random() < 0.2:
            data = data[: self.chance.randrange(len(data))]
        message = Message(sender.name, receiver.name, data, 0, False, True, 0)
        for _ in range(self.chance.choice((1, 1, 2))):
            world.post(message, world.now + self.chance.randrange(1, 20) * HOUR)


def went_back(device: Device, other: Device) -> bool:
    """Whether a machine was restored behind what it had acknowledged on a second path: nobody need ever speak there
    again, and what it forgot comes by its own line.
    """
    link = device.link_to(other)
    return link is not None and bool(other.restores) and second_path.is_second(device.books, link)


# --- judging ---------------------------------------------------------------------------------------------------------


def judge_watermarks(world: World, faults: Faults, *, is_told: bool) -> list[str]:
    """What devices remember of the county's statements, and what they found by them, at rest."""
    found = [f"nobody_is_accused_by_a_watermark: {problem}" for problem in _accused(world)]
    if is_told:
        found += [f"what_is_listed_is_here: {problem}" for problem in _lacking(world)]
        found += [f"what_is_stated_is_held: {problem}" for problem in _stated(world)]
        found += [f"everybody_is_told: {problem}" for problem in _untold(world, faults)]
    return found


def _accused(world: World) -> Iterator[str]:
    """No two histories of one journal unless its device was cloned; no path beside the beacon's tree, ever.

    Does not check `county_ahead`: a restored device hears of it in many ways.
    """
    for finder, code, origin in sorted(world.findings):
        if code == watermarks.FALSE_PATH or (code == watermarks.OTHER_HEAD and origin not in world.clones):
            yield f"{finder} has found {code} about {world.name_of(origin)}"


def _told_devices(world: World) -> Iterator[tuple[Device, Heard]]:
    for device in world.survivors():
        heard = watermarks.heard(device.books) if device.up else None
        if heard is not None:
            yield device, heard


def _lacking(world: World) -> Iterator[str]:
    """At rest nothing is lacking that the county still holds, that counts, and that is for this office by the rules.

    Left out: branches of cloned devices, and what the county has lost or disowned since it listed it.
    """
    county = world.seats[COUNTY]
    forked = {key for key, records in world.written.items() if len({record.hash for record in records}) > 1}
    for device, heard in _told_devices(world):
        wanted = {prefix for prefix, _ in heard.lacking}
        if not wanted:
            continue
        for entry in _counting(county):
            if watermarks.prefix_of(entry.hash) not in wanted or (entry.journal, entry.seq) in forked:
                continue
            if entry.journal.origin not in world.clones and _is_for(world, device, entry):
                yield f"{device.name} lacks {entry.kind} {world.name_of(entry.journal.origin)}:{entry.seq}"


def _counting(county: Device) -> Iterator[Stored]:
    for rows in county.disk.tables.entries.values():
        yield from (entry for entry in rows.values() if county.books.counts(entry))


def _is_for(world: World, device: Device, entry: Stored) -> bool:
    if is_line(entry.kind):
        return False  # Receipts and the like: nothing waits for them, and who was restored may never need them again.
    (offices,) = world.run(world.seats[COUNTY].books.interpreter.audiences([entry]))
    return device.office in map(seat_of, offices)


def _stated(world: World) -> Iterator[str]:
    """Each head that a device remembers is what the county holds up to there, unless the county was rolled back."""
    county = world.seats[COUNTY]
    if county.restores or world.clones:
        return
    for device, heard in _told_devices(world):
        for head in heard.heads:
            rows = {
                seq: entry.hash
                for journal, entries in county.disk.tables.entries.items()
                if (journal.origin, journal.epoch) == (head.origin, head.epoch)
                for seq, entry in entries.items()
            }
            leaves = [rows.get(seq, b"") for seq in range(head.size)]
            if root_of(leaves) != head.root:
                yield f"{device.name} was told {head.size} of {head.epoch}"


def _untold(world: World, faults: Faults) -> Iterator[str]:
    """Whoever wrote something that the county holds has heard how far.

    Not checked where anything was restored, lost or cloned: what was told then may be forgotten, and is told again with
    the next work only.
    """
    if faults.rollbacks or world.clones or any(device.wrecked or device.restores for device in world.devices.values()):
        return
    county = world.seats[COUNTY]
    for device in world.survivors():
        if device is county:
            continue
        heard = watermarks.heard(device.books)
        told = {(head.origin, head.epoch): head.size for head in heard.heads} if heard is not None else {}
        for journal, rows in county.disk.tables.entries.items():
            work = [seq for seq, entry in rows.items() if not is_line(entry.kind) and not entry.loose]
            is_newest = journal == max((j for j in county.disk.tables.entries if j.origin == device.node), default=None)
            if not (is_newest and work and journal.origin == device.node):
                continue
            if told.get((journal.origin, journal.epoch), 0) <= max(work):
                yield f"{device.name} was not told that {max(work)} of {journal.epoch} is held"
