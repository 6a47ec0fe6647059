"""Waiting for real processes: until something is true, never for a while.

For tests that start servers or applications. Pure code and the simulator have virtual time and must never wait here.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

# Long enough for a loaded two-core machine; a test that passes never gets near it.
PATIENCE_S = 30.0
LOOK_AGAIN_S = 0.02


class GaveUp(AssertionError):
    """What was waited for did not happen in time. The text says what it was."""


def wait_until(condition: Callable[[], object], what: str, *, within_s: float = PATIENCE_S) -> None:
    """Return as soon as `condition()` is true. Raises `GaveUp` naming `what` after `within_s` seconds."""
    end = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > end:
            raise GaveUp(f"waited {within_s:.0f} s for {what}")
        time.sleep(LOOK_AGAIN_S)


async def until(
    condition: Callable[[], Awaitable[object]],
    what: str,
    *,
    within_s: float = PATIENCE_S,
    every_s: float = LOOK_AGAIN_S,
) -> None:
    """Like `wait_until` for a condition that is awaited; lets other tasks go on meanwhile."""
    end = time.monotonic() + within_s
    while not await condition():
        if time.monotonic() > end:
            raise GaveUp(f"waited {within_s:.0f} s for {what}")
        await asyncio.sleep(every_s)


def free_port() -> int:
    """A TCP port that was free on loopback a moment ago. Whoever uses it must try another when it is taken."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    """Whether somebody listens on this loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
