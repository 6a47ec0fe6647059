"""A township that hides cases, in the simulated county: who notices it, and when; and that honest ones alarm nobody.

The township runs the product but for one habit of its own: it passes nothing on of a village from some number on, or
passes it on days late, or signs no receipt for it besides. Noticing takes no help from the world: the county runs the
audit's own look at its journals, the village compares what the county's beacons and watermarks say with what it wrote
(RELIABILITY, goal 18). Lines lose and repeat pages and are dead for hours, clocks are wrong by minutes, on honest days
as well. Next: `world`, `hub.audit.integrity_reading`, `sync.watermarks`; the other attacks on journals are stories
(`tests.stories.test_attacks`).
"""

import argparse
import json
import random
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from hub.audit.integrity_facts import Asked
from hub.audit.integrity_reading import find_integrity
from hub.audit.rule import Severity
from schemas.names import Instant, JournalId, NodeId
from schemas.wire import Lane
from sync import watermarks
from tests.simulation.devices import COUNTY, DAY, HOUR, MINUTE, Device
from tests.simulation.workload import Workload
from tests.simulation.world import World, found_county

NOTICED_H_MAX: Final = 72
"""Hours after the filing within which somebody notices."""

LATE_H: Final = (40, 60)
"""How late a township is that only delays."""

HIDES_FROM_H: Final = 30
LIVED_H: Final = 150
DEAD_LINE_H_MAX: Final = 16
DEAD_AGAIN_H: Final = 40
"""Only so much later the next line of a village's way to the county is dead: what takes more than a day is silence,
which is told as such and is no alarm."""

UNHELD_MS: Final = DAY
"""A village wonders about what a beacon a day younger than it does not cover …"""

BEHIND_MS: Final = 3 * HOUR
"""… once the line has carried something so long after that beacon: its watermark comes right behind it."""

LOOKS_EVERY_H: Final = 3
ACTS_AN_HOUR: Final = 0.8
"""Of all seven offices together."""


class Habit(StrEnum):
    """What a township does with what a village entrusts to it."""

    HONEST = "honest"
    KEEPS = "keeps"
    """Receipted, and never passed on."""
    DELAYS = "delays"
    """Receipted, and passed on days later."""
    DENIES = "denies"
    """Neither receipted nor passed on; the village is told of beacons all the same."""


HIDING: Final = (Habit.KEEPS, Habit.DELAYS, Habit.DENIES)


class Outcome(Struct):
    """How a schedule ended."""

    seed: int
    habit: Habit
    hidden_at: Instant | None
    """When the hidden case was filed."""
    found: dict[str, Instant]
    """Who noticed what, and when first: "county I4 510824100", "village V1"."""
    entries: int

    @property
    def noticed_h(self) -> float | None:
        """Hours from the filing to the first who noticed; None: nobody."""
        if self.hidden_at is None or not self.found:
            return None
        return (min(self.found.values()) - self.hidden_at) / HOUR


class Valley:
    """One county over eight days, with one township that may hide what a village files."""

    def __init__(self, seed: int, habit: Habit) -> None:
        self.seed = seed
        self.habit = habit
        self.world: World = found_county(seed)
        self.work = Workload(self.world)
        self.chance = random.Random(f"valley {seed}")
        self.county = self.world.seats[COUNTY]
        self.township = self.world.devices["TA"]
        self.village = self.world.devices[self.chance.choice(("V1", "V2"))]
        self.hidden_at: Instant | None = None
        self.found: dict[str, Instant] = {}
        self.mended_at: dict[str, int] = {}
        self.dead_again: dict[str, int] = {}
        self._known: set[tuple[str, str]] = set()
        self._beacons: dict[str, tuple[Instant, Instant]] = {}
        """Device → the beacon that it knows, and since when it was seen to."""
        self._release: tuple[int, JournalId, int] | None = None
        for device in self.world.devices.values():
            device.skew_ms = self.chance.randint(-4 * MINUTE, 4 * MINUTE)
        weather = self.world.weather
        weather.loss, weather.duplicates, weather.reorder = 0.10, 0.05, 0.05

    def run(self) -> Outcome:
        """Live through it."""
        hides_at = HIDES_FROM_H + self.chance.randrange(24)
        for hour in range(LIVED_H):
            self._lines(hour)
            if hour == hides_at and self.habit is not Habit.HONEST:
                self._hide()
            if hour % 24 == 6:
                assert self.county.ledger is not None
                self.world.run(self.county.ledger.light_beacon())
            self._pass_on()
            self._hour()
            if hour % LOOKS_EVERY_H == 0:
                self._look()
        return Outcome(self.seed, self.habit, self.hidden_at, self.found, self.world.entries)

    def _hour(self) -> None:
        """People work, and whoever has something to say talks; everybody does so once in some hours."""
        for _ in range(4):
            if self.chance.random() < ACTS_AN_HOUR / 4:
                self.work.act(self.chance.choice(list(self.world.devices.values())))
            for child in self.world.children():
                if self.world.has_work(child) or self.chance.random() < 0.1:
                    self.world.talk(child)
            self.world.advance(15 * MINUTE)

    def _lines(self, hour: int) -> None:
        """A dead line now and then."""
        cut = self.world.weather.cut
        for name, until in list(self.mended_at.items()):
            if hour >= until:
                cut.discard(name)
                del self.mended_at[name]
        if self.chance.random() < 0.03:
            child = self.chance.choice(self.world.children())
            town = child.office[:9]
            if hour >= self.dead_again.get(town, 0):
                cut.add(child.name)
                self.mended_at[child.name] = hour + self.chance.randint(2, DEAD_LINE_H_MAX)
                self.dead_again[town] = hour + DEAD_AGAIN_H

    # --- the township ------------------------------------------------------------------------------------------------

    def _hide(self) -> None:
        """From now on the township keeps back what that village writes; then the village files a case."""
        epoch = self.village.books.epoch
        assert epoch is not None
        journal = JournalId(self.village.node, epoch)
        start = self.village.books.tips[journal].size
        late_ms = self.chance.randint(*LATE_H) * HOUR if self.habit is Habit.DELAYS else None
        self.work.file(self.village)
        self.hidden_at = Instant(self.world.now)
        keep_back(self.township, lambda one, seq: one.origin == self.village.node and seq >= start)
        if self.habit is Habit.DENIES:
            books = self.township.books
            books.due_receipts = _Denying(books.due_receipts, self.village.node)
        if late_ms is not None:
            self._release = (self.world.now + late_ms, journal, start)

    def _pass_on(self) -> None:
        """The township that only delays is honest again, and posts what it kept."""
        if self._release is None or self.world.now < self._release[0]:
            return
        _, journal, start = self._release
        books = self.township.books
        del vars(books)["post"]
        assert books.parent is not None
        books.post(books.parent, Lane.RUNS, journal, start, books.tips[journal].size - start)
        self._release = None

    # --- who looks ---------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        now = Instant(self.world.now)
        asked = Asked(self.county.now(), frozenset(self._known))
        for finding in self.world.run(find_integrity(self.county.books, asked)):
            if finding.severity is Severity.RED:
                self._known.add((finding.code, finding.key))
                self.found.setdefault(f"county {finding.code} {finding.office}", now)
        for device in self.world.devices.values():
            if device.office == COUNTY or not device.up:
                continue
            beacon, seen = self._beacons.get(device.name, (Instant(0), now))
            if beacon != device.books.beacon_at:
                beacon, seen = self._beacons[device.name] = (device.books.beacon_at, now)
            parent = device.books.memories.get(device.books.parent or NodeId(""))
            heard = parent.last_heard - device.skew_ms if parent is not None else 0
            if heard >= seen + BEHIND_MS and wonders(device):
                self.found.setdefault(f"village {device.name}", now)


class _Denying(dict[NodeId, set[JournalId]]):
    """Receipts that are due, without those for one device's journals."""

    def __init__(self, due: dict[NodeId, set[JournalId]], denied: NodeId) -> None:
        super().__init__(due)
        self._denied = denied

    def pop(self, key: NodeId, *default: set[JournalId]) -> set[JournalId]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """What is due to a neighbour, as this township likes it."""
        due = super().pop(key, *default)
        return {journal for journal in due if journal.origin != self._denied}


def keep_back(relay: Device, is_kept: Callable[[JournalId, int], bool]) -> None:
    """Make a relay post upward only what it likes: what it keeps back never gets a number."""
    books = relay.books
    post = books.post

    def choose(neighbour: NodeId, lane: Lane, journal: JournalId, seq: int, count: int = 1) -> None:
        if neighbour != books.parent or not is_kept(journal, seq):
            post(neighbour, lane, journal, seq, count)

    books.post = choose


def wonders(device: Device) -> bool:
    """Whether a beacon that this device knows is a day younger than something that it wrote, and the county does not
    hold it by its watermark.
    """
    books = device.books
    heard = watermarks.heard(books)
    epoch = books.epoch
    if epoch is None or not books.beacon_at:
        return False
    journal = JournalId(device.node, epoch)
    heads = heard.heads if heard is not None else []
    held = max((head.size for head in heads if head.origin == device.node and head.epoch == epoch), default=0)
    entries = device.disk.tables.entries.get(journal, {})
    old = [
        seq
        for seq, entry in entries.items()
        if seq >= held and not entry.kind.startswith("line.") and entry.at < books.beacon_at - UNHELD_MS
    ]
    return bool(old)


# --- many of them ----------------------------------------------------------------------------------------------------


def schedules(seeds: Iterable[int]) -> Iterator[tuple[Outcome, Outcome]]:
    """Of each seed an honest valley, and one in which something is hidden; the habits take turns."""
    for seed in seeds:
        yield Valley(seed, Habit.HONEST).run(), Valley(seed, HIDING[seed % len(HIDING)]).run()


def main(arguments: Sequence[str]) -> int:
    """Run some, and end with a JSON line: `python -m tests.simulation.dishonest_township --schedules 300`."""
    parser = argparse.ArgumentParser(prog="dishonest-township", description="Hidden cases, and who notices them.")
    parser.add_argument("--schedules", type=int, default=300)
    options = parser.parse_args(arguments)
    hours: list[float] = []
    unnoticed, late, false_alarms = 0, 0, 0
    for honest, hiding in schedules(range(options.schedules)):
        if honest.found:
            false_alarms += 1
            print(f"seed {honest.seed}: false alarm {honest.found}", file=sys.stderr)
        noticed = hiding.noticed_h
        if noticed is None:
            unnoticed += 1
            print(f"seed {hiding.seed}: {hiding.habit} went unnoticed", file=sys.stderr)
            continue
        hours.append(noticed)
        late += noticed > NOTICED_H_MAX
    figures = {
        "schedules": options.schedules,
        "noticed_within_72h": len(hours) - late,
        "noticed_late": late,
        "unnoticed": unnoticed,
        "false_alarms": false_alarms,
        "worst_h": round(max(hours, default=0.0), 1),
    }
    print(json.dumps(figures))
    return 0 if not (late or unnoticed or false_alarms) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
