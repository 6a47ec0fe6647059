"""A running node: its pages and its line in one process, and how it ends.

uvicorn serves the web application and the sync routes; the courier talks upward beside it. Loopback is served plain,
any other address over TLS with the node's own certificate (RULINGS C8). Ends in order on SIGTERM and Ctrl-C: no new
requests, the courier, then the writer, which finishes what it took.
Never opens a node (`office.node`) and never retries by itself (`sync.courier`). Next: `office.web.app`, `sync.http`.
"""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Generator
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from litestar import Router

from office.connections import watched_protocol
from office.local import Doorman, Talked, no_parent, talked
from office.node import Node, is_loopback
from office.storage import LOOK_AGAIN_S
from office.web.app import create_app
from office.web.guards import device
from office.web.local import local_router
from sync.core.errors import Fault
from sync.courier import Courier, Timetable
from sync.exchange import Responder, converse
from sync.http import HttpLine, Wire, sync_router
from sync.session import Doorkeeper

if TYPE_CHECKING:
    from office.tls import TlsFiles

KEEP_ALIVE_S: Final = 75
"""uvicorn's 5 s would drop connections that the node below still believes in (STACK 6)."""

SHUTDOWN_S: Final = 15
"""A request that hangs must not keep the process for ever (STACK 6)."""

CONNECTIONS_MAX: Final = 768
"""Connections open at once, kept ones among them; beyond it requests are answered 503. A hundred officers' browsers
keep six each, thirty townships four; most systems allow a process 1,024 files."""

COUNTY_COLLECTS: Final = (50_000, 20, 20)
"""A page of 500 entries makes thousands of short-lived objects, hardly any of them in cycles: at the default of 700 the
collector took 8 % of an ingest's CPU. A village keeps the default: its memory is scarcer than its time."""

BEACON_EVERY_MS: Final = 24 * 3600 * 1000
BEACON_LOOK_S: Final = 600

log: Final = logging.getLogger("tongban.serving")


async def serve(node: Node) -> None:
    """Serve until told to stop. The node stays open: closing it is the caller's."""
    tls = None if is_loopback(node.settings.host) else _certificate(node)
    courier = make_courier(node)
    node.pen.on_work = courier.wake if courier is not None else None
    doorman = Doorman(node.home, node.salts, tls.digest if tls is not None else b"")
    config = _config(node, _app(node, courier, tls, doorman), tls)
    server = _Server(config, doorman)
    end_on_signals(server)
    # What stands now stays: the collector need not walk through the whole program at every page that comes in.
    gc.collect()
    gc.freeze()
    if node.books.parent is None:
        gc.set_threshold(*COUNTY_COLLECTS)
    talking = asyncio.create_task(courier.run(), name="courier") if courier is not None else None
    tending = [asyncio.create_task(keep_ballast(node), name="ballast")]
    if node.books.parent is None:
        tending.append(asyncio.create_task(light_beacons(node), name="beacon"))
    try:
        await server.serve(sockets=_sockets(config) if tls is not None else None)
    finally:
        doorman.close()
        for task in tending:
            task.cancel()
        if courier is not None and talking is not None:
            courier.stop()
            await talking


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process before the writer has finished.

    Once it listens, the door for the command line is opened (`office.local`).
    """

    def __init__(self, config: uvicorn.Config, doorman: Doorman) -> None:
        super().__init__(config)
        self._doorman = doorman

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen; then say where, in the node's folder."""
        await super().startup(sockets)
        listening = [one.getsockname() for server in self.servers for one in server.sockets]
        self._doorman.open([(str(name[0]), int(name[1])) for name in listening])

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to `end_on_signals`."""
        yield


def _sockets(config: uvicorn.Config) -> list[socket.socket]:
    """The address that others use, and one on loopback for the command line beside this node."""
    local = socket.create_server(("127.0.0.1", 0))
    return [config.bind_socket(), local]


def end_on_signals(server: uvicorn.Server) -> None:
    """Let SIGTERM and Ctrl-C (on Windows also Ctrl-Break) end the serving in order."""
    loop = asyncio.get_running_loop()

    def end() -> None:
        server.should_exit = True

    def hear(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(end)

    names = ("SIGINT", "SIGTERM", "SIGBREAK")
    for number in (getattr(signal, name) for name in names if hasattr(signal, name)):
        signal.signal(number, hear)


async def light_beacons(node: Node) -> None:
    """The county's daily statement of the heads that it holds (RULINGS A12, A13). Runs until cancelled."""
    while True:
        if node.clock.now() - node.books.beacon_at >= BEACON_EVERY_MS:
            try:
                await node.writer.alone(node.ledger.light_beacon)
            except Fault as fault:
                log.warning("no beacon could be lit: %s", fault.code)
        await node.clock.sleep(BEACON_LOOK_S)


async def keep_ballast(node: Node) -> None:
    """The file that a full disk may have: written at the start, and anew when there is room again. Until cancelled."""
    while True:
        await asyncio.to_thread(node.storage.keep_ballast)
        await node.clock.sleep(LOOK_AGAIN_S)


def _certificate(node: Node) -> "TlsFiles":
    # Imported here: a village serves its own screen only, and making certificates weighs 3 MiB.
    from office.tls import ensure_tls, names_of

    return ensure_tls(node.home, names_of(node.settings, socket.gethostname()), node.clock.now())


def _app(node: Node, courier: Courier | None, tls: "TlsFiles | None", doorman: Doorman) -> Any:
    routes = sync_routes(node, courier, tls.digest if tls is not None else b"")
    return create_app(node, [routes, local_router(node, courier, doorman)], is_tls=tls is not None)


def sync_routes(node: Node, courier: Courier | None, certificate: bytes = b"") -> Router:
    """What the devices below find here. `certificate`: the digest of the TLS certificate, if TLS is spoken.

    Their work wakes the courier, and so does a device that this node has not heard of yet.
    """
    doorkeeper = Doorkeeper(
        node.books, certificate=certificate, on_stranger=courier.inquire if courier is not None else None
    )
    responder = Responder(node.writer, courier.wake if courier is not None else None)
    return sync_router(doorkeeper, responder, node.enrolling, opt=device())


def _config(node: Node, app: Any, tls: "TlsFiles | None") -> uvicorn.Config:
    is_county = node.books.parent is None
    return uvicorn.Config(
        app,
        host=node.settings.host,
        port=node.settings.port,
        # The county takes uvloop and httptools where they are installed; below they would only cost memory (STACK 4).
        loop="auto" if is_county else "asyncio",
        http=watched_protocol(is_fast=is_county),
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        # The peer is the socket's: a header that any caller may send must not choose whose delays count at sign-in.
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
        limit_concurrency=CONNECTIONS_MAX,
        ssl_certfile=str(tls.certificate) if tls is not None else None,
        ssl_keyfile=str(tls.key) if tls is not None else None,
    )


def make_courier(node: Node) -> Courier | None:
    """The courier toward the node above; None at the county."""
    if node.books.parent is None or not node.parent_address:
        return None
    settings = node.settings
    timetable = Timetable(
        every_s=float(settings.sync_every_s),
        backoff_max_s=float(settings.backoff_max_s),
        # The courier talks at twice this pace at most; a budget below it would make the timetable a lie.
        budget_per_hour=max(Timetable().budget_per_hour, 2 * 3600 // settings.sync_every_s),
    )
    return Courier(
        node.writer,
        HttpLine(node.writer, Wire(node.parent_address, idle_s=settings.idle_timeout_s)),
        clock=node.clock,
        sleeper=node.clock,
        jitter=node.jitter,
        timetable=timetable,
    )


async def talk_here(node: Node) -> Talked:
    """One conversation of a node that is not served. Raises `LineDown` or the other side's refusal as a `Fault`."""
    if node.books.parent is None:
        raise no_parent()
    line = HttpLine(node.writer, Wire(node.parent_address, idle_s=node.settings.idle_timeout_s))
    try:
        tally = await converse(node.writer, line)
    finally:
        line.hang_up()
    return talked(node.books, tally)
