"""The lines of a generated county: what its devices state to each other, so that every entry has its bracket of time.

The county lights a beacon each morning; a device that talks with the one above it pins the beacon, and the one above
writes a receipt for what came, as `sync.housekeeping` has it. An exchange follows work within minutes, and one comes
before a day's first work; a device that writes nothing on a day is left out, for a pin alone brackets nothing. A line
that is down carries nothing until it is up again; clocks go wrong by minutes. Nothing is encoded as a page: that is the
simulator's and `ingest`'s. Never decides what offices do (`habits`). Next: `tests.benchmarks.bulk`, which seals.
"""

from collections.abc import Iterable
from datetime import date, datetime, time
from hashlib import sha256
from heapq import heappop, heappush
from random import Random
from typing import Final

from msgspec import Struct

from schemas.casework.clocks import CHINA_TIME, day_of
from schemas.codec import encode
from schemas.names import Instant, JournalId, OfficeId, parent_seat
from schemas.wire import KIND_BEACON, KIND_PINNED, KIND_RECEIPTED, Beacon, JournalHead, Pinned
from sync import receipts
from sync.books import Books
from sync.core.merkle import root_of
from sync.housekeeping import encode_pin
from tests.benchmarks.bulk import Bulk

MINUTE: Final = 60_000
DAY: Final = 86_400_000

BEACON_AT: Final = time(6)
"""When the county lights it, every day of the year."""

CLOCK_ERROR_MAX: Final = 4 * MINUTE
"""How far honest clocks go wrong: two of them stay within the ten minutes that AUDIT 4.2 leaves them."""


class Outage(Struct, frozen=True):
    """A line that carries nothing from one instant to another."""

    since: Instant
    until: Instant


class Device(Struct):
    """What is known at one seat of the line to the one above."""

    clock_error: int = 0
    """Milliseconds that its clock is ahead."""
    knows_beacon: Instant | None = None
    pinned_beacon: Instant | None = None
    receipted_at: Instant | None = None
    """Time of the latest receipt for its own journal."""
    acknowledged: Instant | None = None
    """… that it has pinned."""
    fresh: bool = False
    """It wrote work since the last exchange."""
    to_go_up: set[OfficeId] = set()
    """Seats whose work lies here and has to go up; a township's own among them."""
    count: int = 0
    outage: Outage | None = None


class CountyLines:
    """Everything on the lines of one county. Times that are handed in are the world's; what is written are claims."""

    def __init__(self, bulk: Bulk, books: Books, random: Random, county: OfficeId) -> None:
        self.bulk = bulk
        self.county = county
        self.books = books
        self.random = random
        self.devices: dict[OfficeId, Device] = {county: Device()}
        self.beacons: list[Instant] = []
        self._due: list[tuple[Instant, OfficeId]] = []
        self._scheduled: set[OfficeId] = set()
        self._heads: dict[JournalId, tuple[int, bytes]] = {}

    def add(self, seats: Iterable[OfficeId]) -> None:
        """Devices with clocks of their own."""
        for seat in seats:
            error = round(self.random.triangular(-CLOCK_ERROR_MAX, CLOCK_ERROR_MAX, 0))
            self.devices[seat] = Device(error)

    def claimed(self, seat: OfficeId, at: Instant) -> Instant:
        """What a seat's clock says."""
        return Instant(at + self.devices[seat].clock_error)

    def anchor(self, seat: OfficeId) -> Instant:
        """The latest time that a seat's own journal names: of a beacon, or of a receipt that it acknowledged."""
        device = self.devices[seat]
        return max(device.pinned_beacon or Instant(0), device.acknowledged or Instant(0))

    def is_down(self, seat: OfficeId, at: Instant) -> bool:
        """Whether the line from a seat upward carries nothing."""
        outage = self.devices[seat].outage
        return outage is not None and outage.since <= at < outage.until

    # --- the course of time ------------------------------------------------------------------------------------------

    async def advance(self, upto: Instant) -> None:
        """Everything that is due before `upto`."""
        while True:
            beacon = self._next_beacon(upto)
            at, seat = self._due[0] if self._due else (upto, self.county)
            if beacon < min(at, upto):
                await self._light(beacon)
            elif self._due and at < upto:
                heappop(self._due)
                self._scheduled.discard(seat)
                await self._exchange(seat, at)
            else:
                return

    def _next_beacon(self, upto: Instant) -> Instant:
        if not self.beacons:
            day = day_of(upto)
            return _instant(date(day.year, 1, 2), BEACON_AT)
        return Instant(self.beacons[-1] + DAY)

    async def _light(self, at: Instant) -> None:
        heads: list[bytes] = []
        for journal, tip in sorted(self.books.tips.items()):
            known = self._heads.get(journal)
            if known is None or known[0] != tip.size:
                head = JournalHead(journal.origin, journal.epoch, tip.size, tip.frontier.root())
                known = self._heads[journal] = (tip.size, encode(head))
            if tip.size:
                heads.append(known[1])
        self.beacons.append(at)
        self.devices[self.county].knows_beacon = at
        await self.bulk.line(self.county, KIND_BEACON, encode(Beacon(at, len(heads), root_of(heads))), at)

    def wrote(self, seat: OfficeId, at: Instant) -> None:
        """A seat wrote work: it goes up within minutes, or when the line is up again."""
        device = self.devices[seat]
        device.fresh = True
        if seat != self.county:
            device.to_go_up.add(seat)
            self.schedule(seat, Instant(at + self.random.randint(MINUTE, 12 * MINUTE)))

    def schedule(self, seat: OfficeId, at: Instant) -> None:
        """An exchange with the one above, unless one is due already."""
        if seat in self._scheduled:
            return
        outage = self.devices[seat].outage
        if outage is not None and self.is_down(seat, at):
            at = Instant(outage.until + self.random.randint(MINUTE, 20 * MINUTE))
        self._scheduled.add(seat)
        heappush(self._due, (at, seat))

    async def check_in(self, seat: OfficeId, at: Instant) -> None:
        """The morning's exchange of the day's first work: the beacon of the day comes down and is pinned."""
        if not self.beacons or seat == self.county or self.devices[seat].pinned_beacon == self.beacons[-1]:
            return
        above = _above(seat)
        await self.check_in(above, at)
        if self.is_down(seat, at):
            return
        device, opened = self.devices[seat], _instant(day_of(at), time(8, 50 if above == self.county else 55))
        is_plain = not device.to_go_up and not self.is_down(seat, opened)
        # What lies here was perhaps written after the morning: then the line was dead, and they talk just now.
        await self._exchange(seat, min(at, opened) if is_plain else at)

    async def deliver(self, writer: OfficeId, reader: OfficeId, at: Instant) -> None:
        """What `writer` wrote is with `reader` before `reader` writes about it, at `at`."""
        if writer == reader:
            return
        rising = [seat for seat in _lineage(writer) if seat not in _lineage(reader)]
        falling = [seat for seat in _lineage(reader) if seat not in _lineage(writer)]
        for seat in rising:
            if self.devices[seat].to_go_up:
                await self._exchange(seat, Instant(at - 2000))
        for seat in reversed(falling):
            await self._exchange(seat, Instant(at - 1000))

    async def _exchange(self, seat: OfficeId, at: Instant) -> None:
        """A device and the one above it: a receipt for what came up, a pin for what came down."""
        if self.is_down(seat, at):
            self.schedule(seat, at)
            return
        device, above = self.devices[seat], _above(seat)
        up = self.devices[above]
        if device.to_go_up:
            await self._receive(seat, above, at)
        device.knows_beacon = up.knows_beacon
        is_news = device.knows_beacon is not None and device.knows_beacon != device.pinned_beacon
        if is_news or device.fresh:
            await self._pin(seat, above, at)
        device.fresh = False

    async def _receive(self, seat: OfficeId, above: OfficeId, at: Instant) -> None:
        device, up = self.devices[seat], self.devices[above]
        claimed = self.claimed(above, at)
        signer = self.bulk.devices[above].signer
        heads: list[JournalHead] = []
        for owner in sorted(device.to_go_up):
            journal = self.bulk.devices[owner].journal
            tip = self.books.tips[journal]
            heads.append(JournalHead(journal.origin, journal.epoch, tip.size, tip.frontier.root()))
        receipt = receipts.issue(signer, self.books.seat.root.county, above, claimed, heads)
        await self.bulk.line(above, KIND_RECEIPTED, encode(receipt), claimed)
        if seat in device.to_go_up:
            device.receipted_at = claimed
        if above != self.county:
            up.to_go_up |= device.to_go_up
            self.schedule(above, Instant(at + self.random.randint(MINUTE, 8 * MINUTE)))
        device.to_go_up.clear()

    async def _pin(self, seat: OfficeId, above: OfficeId, at: Instant) -> None:
        device = self.devices[seat]
        device.count += 1
        beacon = device.knows_beacon if device.knows_beacon != device.pinned_beacon else None
        running_hash = sha256(f"{seat} {device.count}".encode()).digest()
        above_node = self.bulk.devices[above].signer.node
        pin = Pinned(above_node, device.count, running_hash, beacon, device.receipted_at)
        device.pinned_beacon = device.knows_beacon
        device.acknowledged = device.receipted_at
        await self.bulk.line(seat, KIND_PINNED, encode_pin(pin), self.claimed(seat, at))


def _instant(day: date, at: time) -> Instant:
    return Instant(int(datetime.combine(day, at, CHINA_TIME).timestamp()) * 1000)


def china(day: date, hour: int, minute: int = 0, second: int = 0) -> Instant:
    """An instant by the clock on the wall."""
    return _instant(day, time(hour, minute, second))


def _above(seat: OfficeId) -> OfficeId:
    above = parent_seat(seat)
    assert above is not None, "the county has no seat above"
    return above


def _lineage(seat: OfficeId) -> list[OfficeId]:
    """The seat, and those above it."""
    found, one = [seat], parent_seat(seat)
    while one is not None:
        found.append(one)
        one = parent_seat(one)
    return found
