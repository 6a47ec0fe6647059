"""The world's clock and chance: the only module that may ask the operating system what time it is or for randomness.

Everything else receives these through the ports of `sync.ports` (RULINGS C3), so that the whole network also runs
inside a simulator with virtual time. What the clock says is a claim written beside an entry; it decides no order
(RULINGS A6).
Never used by `schemas` or `sync`. Next: `sync.ports` for the protocols.
"""

import asyncio
import os
import random
import time

from schemas.names import Instant


class SystemClock:
    """The device's own clock (`sync.ports.Clock`)."""

    def now(self) -> Instant:
        """Milliseconds since 1970 UTC, as this device believes."""
        return Instant(time.time_ns() // 1_000_000)

    def elapsed_s(self) -> float:
        """Seconds on a scale that never goes back: for waiting times and sessions, never written anywhere."""
        return time.monotonic()

    async def sleep(self, delay_s: float) -> None:
        """Wait; other tasks go on."""
        await asyncio.sleep(delay_s)


class SystemSalts:
    """Unpredictable bytes from the operating system (`sync.ports.Salts`)."""

    def draw(self, size: int) -> bytes:
        """`size` unpredictable bytes."""
        return os.urandom(size)


class SystemJitter:
    """Chance for waiting times (`sync.ports.Jitter`): spreads load, protects nothing."""

    def __init__(self) -> None:
        self._random = random.Random()

    def between(self, low_s: float, high_s: float) -> float:
        """A number of seconds drawn evenly from the interval."""
        return self._random.uniform(low_s, high_s)
