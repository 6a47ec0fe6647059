"""Who may hold a connection to a node, and for how long without saying anything: uvicorn under watch.

uvicorn itself waits for ever for the first request of a connection, for the end of a head and for a body, and counts
such connections against its limit: two hundred silent ones from one computer would shut everybody out. So one address
holds at most `CONNECTIONS_OF_ADDRESS_MAX`, a head comes within `HEAD_S`, a body is never silent for `BODY_IDLE_S`, and
a head is no larger than `HEAD_BYTES_MAX` (httptools would collect one without end).
Never judges what is asked, never logs an address. Time-outs on bodies are on idleness: a page on a bad line may take
minutes (DESIGN 4). Next: `office.serving`, which serves with it; `sync.http` for the limits of bodies.
"""

import asyncio
from typing import Any, Final, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from office.node import is_loopback

CONNECTIONS_OF_ADDRESS_MAX: Final = 64
"""Ten browsers behind one address, with six connections each; a device keeps four. Loopback is not counted."""

HEAD_S: Final = 30.0
"""A browser's head is 1 KiB: half a second at 20 kbit/s, and time for three retransmissions."""

BODY_IDLE_S: Final = 90.0
"""Longer than `sync.http.IDLE_S`, which answers in words."""

HEAD_BYTES_MAX: Final = 32 * 1024
"""Path, cookies and token are 1 KiB; h11 stops at 16 KiB by itself."""

LOOK_S: Final = 5.0


class Watch(asyncio.Protocol):
    """What is added to either of uvicorn's protocols, whose attributes are named here."""

    loop: Any
    cycle: Any
    flow: Any
    client: Any
    connections: Any
    _wire: asyncio.Transport
    _alarm: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _waiting_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to watch, or hang up on an address that holds too many connections already."""
        super().connection_made(transport)
        # uvloop's transports are none of asyncio's classes.
        self._wire = cast("asyncio.Transport", transport)
        if _is_counted(self.client):
            address = self.client[0]
            held = sum(1 for other in self.connections if other.client and other.client[0] == address)
            if held > CONNECTIONS_OF_ADDRESS_MAX:
                self._wire.abort()
                return
        self._waiting_since = self.loop.time()
        self._alarm = self.loop.call_later(LOOK_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Hand on what came; hang up on a head without end."""
        awaits_head = self._awaits_head()
        if not awaits_head or (self._head_bytes == 0 and self.cycle is not None):
            self._waiting_since = self.loop.time()
        self._head_bytes = self._head_bytes + len(data) if awaits_head else 0
        super().data_received(data)
        if not self._awaits_head():
            self._head_bytes = 0
        elif self._head_bytes > HEAD_BYTES_MAX:
            self._wire.abort()

    def _look(self) -> None:
        silent_s = self.loop.time() - self._waiting_since
        if self._is_overdue(silent_s):
            self._wire.abort()
            return
        self._alarm = self.loop.call_later(LOOK_S, self._look)

    def _is_overdue(self, silent_s: float) -> bool:
        if self._awaits_head():
            # Between two requests of a kept connection uvicorn's own time-out is at work.
            is_between = self.cycle is not None and self._head_bytes == 0
            return silent_s > HEAD_S and not is_between
        return bool(self.cycle.more_body) and not self.flow.read_paused and silent_s > BODY_IDLE_S

    def _awaits_head(self) -> bool:
        return self.cycle is None or bool(self.cycle.response_complete)


class WatchedH11(Watch, H11Protocol):
    """The protocol in plain Python: everywhere but at the county."""


def watched_protocol(*, is_fast: bool) -> type[asyncio.Protocol]:
    """The protocol to serve with. `is_fast`: httptools where it is installed."""
    if not is_fast:
        return WatchedH11
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return WatchedH11

    class WatchedHttpTools(Watch, HttpToolsProtocol):
        """The protocol of the county."""

    return WatchedHttpTools


def _is_counted(client: tuple[str, int] | None) -> bool:
    return client is not None and not is_loopback(client[0])
