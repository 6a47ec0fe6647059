"""What a thin line does to packets, as values and pure arithmetic: rate, delay, loss, duplicates, hours of outage.

Reads no clock and opens no socket: times are seconds handed in, chance is seeded. So the suite checks here what only a
machine with namespaces can play (`tests.support.bridge`). Next: `PROFILES`, the lines that the nightly drills measure.
"""

from random import Random
from typing import Final

from msgspec import Struct

PACKET_BYTES_MAX: Final = 1514
"""An Ethernet frame of 1,500 bytes of IP."""


class Flaps(Struct, frozen=True):
    """A timetable of outages: the last `down_s` seconds of every `every_s` the line takes nothing from either end.

    What it took before still arrives, as from a modem's buffer. `every_s` 0 = never.
    """

    every_s: float = 0.0
    down_s: float = 0.0

    def is_down(self, at_s: float) -> bool:
        """Whether the line is dead at this time of the drill."""
        return bool(self.every_s) and at_s % self.every_s >= self.every_s - self.down_s

    def down_between(self, start_s: float, end_s: float) -> float:
        """Seconds for which the line was dead between two times."""
        return self._down_until(end_s) - self._down_until(start_s)

    def _down_until(self, at_s: float) -> float:
        if not self.every_s:
            return 0.0
        periods, rest = divmod(at_s, self.every_s)
        return periods * self.down_s + max(0.0, rest - (self.every_s - self.down_s))


class Profile(Struct, frozen=True):
    """One kind of line, the same in both directions."""

    name: str
    rate_bps: float
    """Bits a second of IP packets, each direction by itself."""
    rtt_s: float
    loss: float = 0.0
    """Share of packets that vanish, in each direction."""
    duplicates: float = 0.0
    flaps: Flaps = Flaps()
    queue_bytes: int = 32 * 1024
    """What waits at the slow end before packets are thrown away: modems keep some seconds' worth."""


class Counts(Struct):
    """What became of one direction's packets. `offered` = carried + lost + overflowed + cut."""

    offered: int = 0
    offered_bytes: int = 0
    """Bytes of IP that this end handed to the line, retransmissions among them."""
    carried: int = 0
    carried_bytes: int = 0
    lost: int = 0
    overflowed: int = 0
    cut: int = 0
    """Swallowed by an outage."""
    cut_bytes: int = 0
    """Bytes of IP that were handed to a dead line: a modem that is down takes none."""
    doubled: int = 0


class Bucket:
    """A token bucket that says when a packet has left: `rate_bps`, with `burst_bytes` that may go at once."""

    def __init__(self, rate_bps: float, burst_bytes: int = PACKET_BYTES_MAX) -> None:
        self._seconds_per_byte = 8 / rate_bps
        self._burst_s = burst_bytes * self._seconds_per_byte
        self._empty_at_s = 0.0
        """When the bucket would be full again, if nothing came: a single number stands for its level."""

    def leave(self, now_s: float, size: int) -> float:
        """Put a packet in; returns when its last byte is through."""
        self._empty_at_s = max(self._empty_at_s, now_s) + size * self._seconds_per_byte
        return max(now_s, self._empty_at_s - self._burst_s)

    def backlog(self, now_s: float) -> float:
        """Bytes that wait to leave."""
        return max(0.0, self._empty_at_s - self._burst_s - now_s) / self._seconds_per_byte


class Course:
    """One direction of a line: for every packet the times at which copies of it arrive at the other end."""

    def __init__(self, profile: Profile, seed: int) -> None:
        self.counts = Counts()
        self._profile = profile
        self._random = Random(seed)
        self._bucket = Bucket(profile.rate_bps)

    def take(self, now_s: float, size: int) -> list[float]:
        """A packet of `size` bytes of IP enters at `now_s`; when it arrives: never, once or twice."""
        counts, profile = self.counts, self._profile
        counts.offered += 1
        counts.offered_bytes += size
        # Drawn for every packet, so that one packet more or less does not change the fate of all that follow.
        lost, doubled = self._random.random() < profile.loss, self._random.random() < profile.duplicates
        if profile.flaps.is_down(now_s):
            counts.cut += 1
            counts.cut_bytes += size
            return []
        if self._bucket.backlog(now_s) + size > profile.queue_bytes:
            counts.overflowed += 1
            return []
        left_s = self._bucket.leave(now_s, size)
        if lost:
            counts.lost += 1
            return []
        counts.carried += 1
        counts.carried_bytes += size
        counts.doubled += doubled
        return [left_s + profile.rtt_s / 2] * (2 if doubled else 1)


PROFILES: Final = {
    profile.name: profile
    for profile in (
        Profile("broadband", 20_000_000, 0.03),
        Profile("thin", 64_000, 0.6, loss=0.05, flaps=Flaps(12.0, 4.0)),
        Profile("trickle", 20_000, 0.6),
        Profile("satellite", 512_000, 0.7, loss=0.01, queue_bytes=128 * 1024),
        Profile("valley", 128_000, 0.3, loss=0.02, duplicates=0.01, flaps=Flaps(60.0, 15.0)),
    )
}
"""`thin` and `trickle` have bars of their own; the others are what villages also live with."""
