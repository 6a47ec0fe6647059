"""A running node: its pages and its line in one process, and how it ends.

uvicorn serves the web application and the sync routes; the courier talks upward beside it. Loopback is served plain,
any other address over TLS with the node's own certificate (RULINGS C8). Ends in order on SIGTERM and Ctrl-C: no new
requests, the courier, then the writer, which finishes what it took.
The sockets are bound before the node opens an epoch (`Listener`): a start that fails leaves no journal behind.
Never opens a node (`office.node`) and never retries by itself (`sync.courier`). Next: `office.web.app`, `sync.http`.
"""

import asyncio
import contextlib
import errno
import gc
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from litestar import Router
from msgspec import Struct

from office.clock import SystemClock, SystemSalts
from office.connections import watched_protocol
from office.local import Doorman, Talked, no_parent, talked
from office.node import Node, is_loopback
from office.own_faults import place_of
from office.paths import Home
from office.settings import Settings
from office.storage import LOOK_AGAIN_S
from office.web.app import create_app
from office.web.guards import device
from office.web.local import local_router
from schemas.divisions import Tier, is_village_office, tier_of_office
from schemas.refusals import Refused
from sync.core.errors import Fault
from sync.county_line import CountyLine
from sync.courier import Courier, Timetable
from sync.exchange import Responder, converse
from sync.http import HttpLine, Wire, sync_router
from sync.papers import PaperLine, PaperResponder, carry_all
from sync.second_path import CountyState, has_one, is_called_for
from sync.session import Doorkeeper
from sync.sockets import make_steady

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

COUNTY_LOOK_S: Final = 1800.0
"""How often a village whose township is silent speaks with the county itself: results come down so often."""
COUNTY_SPREAD_S: Final = 300.0
"""Its villages all find out in the same half hour: each comes at its own moment."""

NAMES_LOOK_S: Final = 60
"""How soon a running hub knows a list of offices that was imported beside it."""

REMINDERS_LOOK_S: Final = 60
"""How soon due days follow a calendar that arrived, and a new day its reminders."""

PAPERS_SWEEP_S: Final = 3600

PURGE_LOOK_S: Final = 6 * 3600
"""Beacons come daily; what may go may as well go in the evening."""

DRAWS_LOOK_S: Final = 600
"""A county waits days for the townships' nonces."""

RECOVERY_LOOK_S: Final = 60
"""How soon a new device of the township is given a way to help with a forgotten passphrase."""

RECEIVE_PAUSE_S: Final = 1.0
"""After a failure receipts are tried again as soon."""

log: Final = logging.getLogger("tongban.serving")


class Listener:
    """The certificate and the sockets of a node that is about to be served."""

    def __init__(self) -> None:
        self.tls: TlsFiles | None = None
        self.sockets: list[socket.socket] = []

    async def bind(self, node: Node) -> None:
        """For `Node.open`, as `ready`. Raises `Refused` `port_taken`, `address_unusable`, and what `office.tls` does.

        Behind TLS there is one more socket, on loopback, for the command line beside this node.
        """
        await self.bind_for(node.home, node.settings)

    async def bind_for(self, home: Home, settings: Settings) -> None:
        """The same for a node that is not open: a locked village shows its sign-in page before it is."""
        self.tls = None if is_loopback(settings.host) else _certificate(home, settings)
        self.sockets = [_bound(settings.host, settings.port)]
        if self.tls is not None:
            self.sockets.append(_bound("127.0.0.1", 0))


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refused(
                "port_taken",
                f"{host} 的端口 {port} 已被占用（可能是其他程序，也可能是另一个节点），节点没有启动，数据未作改动；"
                "请停止占用该端口的程序，或更改设置 port 后重新启动。",
                f"port {port} of {host} is taken, by another program or another node; nothing was changed: stop that "
                "one, or change the setting port, and start again",
            ) from error
        raise Refused(
            "address_unusable",
            f"本机不能在 {host} 的端口 {port} 上提供服务，节点没有启动，数据未作改动；"
            "请核对设置 host 和 port，并确认本机的网络已接通。",
            f"this computer cannot serve at {host}, port {port}; nothing was changed: correct the settings host and "
            "port, and see that this computer's network is up",
        ) from error
    make_steady(listening)
    return listening


class Chore(Struct, frozen=True):
    """Something that is done beside the pages, again and again (`tend`)."""

    name: str
    work: Callable[[Node], Awaitable[None]]
    every_s: float


class Beside(Struct, frozen=True):
    """What one application does beside what every node does."""

    chores: tuple[Chore, ...] = ()
    routes: tuple[Router, ...] = ()


Besides = Callable[[Node], contextlib.AbstractAsyncContextManager[Beside]]
"""Made when a node begins to be served, ended with it."""


async def serve(node: Node, listener: Listener, besides: Besides | None = None) -> None:
    """Serve until told to stop. The node stays open: closing it is the caller's."""
    async with contextlib.nullcontext(Beside()) if besides is None else besides(node) as beside:
        await _serve(node, listener, beside)


async def _serve(node: Node, listener: Listener, beside: Beside) -> None:
    is_county = node.books.parent is None
    courier = make_courier(node)
    doorman = make_doorman(node.home, listener)
    routes = [*own_routes(node, courier, listener, doorman), *beside.routes]
    app = create_app(node, routes, is_tls=listener.tls is not None)
    server = make_server(app, doorman, listener, is_county=is_county)
    if is_county:
        gc.set_threshold(*COUNTY_COLLECTS)
    async with at_work(node, courier, beside.chores):
        try:
            await server.serve(listener.sockets)
        finally:
            doorman.close()


@contextlib.asynccontextmanager
async def at_work(node: Node, courier: Courier | None, chores: Sequence[Chore] = ()) -> AsyncGenerator[None]:
    """The line and the chores of an open node, until the block is left. `chores`: the application's own."""
    if courier is not None:
        node.pen.on_work, node.line_up = courier.wake, courier.state
        node.paper_wants.on_wanted = node.paper_wants.on_awaited = courier.wake_papers
        node.paper_wants.is_unsupported_above = lambda: courier.state.papers_unsupported
    # What stands now stays: the collector need not walk through the whole program at every page that comes in.
    gc.collect()
    gc.freeze()
    talking = asyncio.create_task(courier.run(), name="courier") if courier is not None else None
    tending = [
        asyncio.create_task(tend(node, keep_ballast, LOOK_AGAIN_S), name="ballast"),
        asyncio.create_task(tend(node, receive_offers, RECEIVE_PAUSE_S), name="receiving"),
        asyncio.create_task(tend(node, keep_reminders, REMINDERS_LOOK_S), name="reminders"),
        asyncio.create_task(tend(node, sweep_papers, PAPERS_SWEEP_S), name="papers"),
    ]
    if is_village_office(node.seat):
        tending.append(asyncio.create_task(tend(node, purge_closed_cases, PURGE_LOOK_S), name="purging"))
    if node.county_address and has_one(node.books):
        tending.append(asyncio.create_task(tend(node, talk_to_county, COUNTY_LOOK_S), name="second path"))
    if tier_of_office(node.seat) is Tier.TOWNSHIP:
        tending.append(asyncio.create_task(tend(node, join_draws, DRAWS_LOOK_S), name="draws"))
    if node.vault is not None:
        tending.append(asyncio.create_task(tend(node, keep_recovery, RECOVERY_LOOK_S), name="recovery"))
    if node.books.parent is None:
        tending.append(asyncio.create_task(tend(node, light_beacon, BEACON_LOOK_S), name="beacon"))
        tending.append(asyncio.create_task(tend(node, Node.load_names, NAMES_LOOK_S), name="names"))
    tending += [asyncio.create_task(tend(node, chore.work, chore.every_s), name=chore.name) for chore in chores]
    try:
        yield
    finally:
        for task in tending:
            task.cancel()
        # Each lets go of what it holds before whoever opened that closes it.
        await asyncio.gather(*tending, return_exceptions=True)
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
        names = [(str(name[0]), int(name[1])) for name in listening]
        log.info("serving at %s", ", ".join(f"{host} port {port}" for host, port in names))
        self._doorman.open(names)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Leave signals to `end_on_signals`."""
        yield


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


async def tend(node: Node, work: Callable[[Node], Awaitable[None]], every_s: float) -> None:
    """Do something again and again until cancelled. Whatever goes wrong is logged, and is tried again in its turn."""
    while True:
        try:
            await work(node)
        except Fault as fault:
            log.warning("%s did not succeed: %s", work.__name__, fault.code)
        except Exception as error:
            log.error("%s failed: %s", work.__name__, place_of(error))
        await node.clock.sleep(every_s)


async def light_beacon(node: Node) -> None:
    """The county's daily statement of the heads that it holds (RULINGS A12, A13), when it is due."""
    # Either way: a clock that once stood in the future must not keep the county silent until then.
    if abs(node.clock.now() - node.books.beacon_at) >= BEACON_EVERY_MS:
        await node.writer.alone(node.ledger.light_beacon)


async def receive_offers(node: Node) -> None:
    """Say of the cases offered to this node that they are here, when some have come and no backlog is behind them."""
    await node.receiving.wait()
    await node.receiving.let_pass(lambda: node.writer.entries_offered, node.clock.sleep)
    await node.receiving.receive()


async def keep_reminders(node: Node) -> None:
    """Due days that a publication moved, and the reminders of the day."""
    await node.reminders.tend()


async def sweep_papers(node: Node) -> None:
    """Take away what was photographed for a form that was never sent, and what an erasure has left. Not while this node
    may have forgotten cases: only a neighbour could tell it so, and one that was heard lately would have.
    """
    if not await node.cases.is_folded() or any(link.quarantined for link in node.books.links.values()):
        return
    parent = node.books.parent
    memory = node.books.memories.get(parent) if parent is not None else None
    is_heard = memory is not None and 0 <= node.clock.now() - memory.last_heard < BEACON_EVERY_MS
    knows_all = parent is None or is_heard
    await node.papers.sweep(await node.cases.paper_names(), node.clock.now(), knows_all=knows_all)


async def purge_closed_cases(node: Node) -> None:
    """Closed cases leave a village's computer when the county is known to hold them for good (RULINGS A17)."""
    from office.purging import purge_closed

    await purge_closed(node)


async def keep_recovery(node: Node) -> None:
    """The code by which the township helps when a passphrase is forgotten: made once, and anew when it is used."""
    from office.recovery_codes import keep_deposit

    await keep_deposit(node)


async def join_draws(node: Node) -> None:
    """A township's own chance in every fair draw of files that waits for it (AUDIT 4.1)."""
    from office.samples import give_nonces

    await give_nonces(node)


async def keep_ballast(node: Node) -> None:
    """The file that a full disk may have: written at the start, and anew when there is room again."""
    await asyncio.to_thread(node.storage.keep_ballast)


def _certificate(home: Home, settings: Settings) -> "TlsFiles":
    # Imported here: a village serves its own screen only, and making certificates weighs 3 MiB.
    from office.tls import ensure_tls, names_of

    return ensure_tls(home, names_of(settings, socket.gethostname()), SystemClock().now())


def make_doorman(home: Home, listener: Listener) -> Doorman:
    """The door for the command line, under the certificate that is served with."""
    return Doorman(home, SystemSalts(), listener.tls.digest if listener.tls is not None else b"")


def own_routes(node: Node, courier: Courier | None, listener: Listener, doorman: Doorman) -> list[Router]:
    """What a node answers beside its pages: the devices below, and the command line on this computer."""
    routes = sync_routes(node, courier, listener.tls.digest if listener.tls is not None else b"")
    return [routes, local_router(node, courier, doorman)]


def sync_routes(node: Node, courier: Courier | None, certificate: bytes = b"") -> Router:
    """What the devices below find here. `certificate`: the digest of the TLS certificate, if TLS is spoken.

    Their work wakes the courier, and so does a device that this node has not heard of yet.
    """
    doorkeeper = Doorkeeper(
        node.books, certificate=certificate, on_stranger=courier.inquire if courier is not None else None
    )
    responder = Responder(node.writer, courier.wake if courier is not None else None)
    papers = PaperResponder(node.writer, node.store, node.papers, node.paper_wants, node.clock)
    return sync_router(doorkeeper, responder, node.enrolling, papers=papers, opt=device())


def make_server(app: Any, doorman: Doorman, listener: Listener, *, is_county: bool = False) -> uvicorn.Server:
    """A server for an application, which ends on signals."""
    tls = listener.tls
    config = uvicorn.Config(
        app,
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
    server = _Server(config, doorman)
    end_on_signals(server)
    return server


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
    line = HttpLine(node.writer, Wire(node.parent_address, idle_s=settings.idle_timeout_s))
    return Courier(
        node.writer,
        line,
        clock=node.clock,
        sleeper=node.clock,
        jitter=node.jitter,
        timetable=timetable,
        papers=_papers_over(node, line),
    )


def _papers_over(node: Node, line: HttpLine) -> PaperLine:
    return PaperLine(node.writer, line, node.papers, node.paper_wants, node.clock)


async def talk_to_county(node: Node) -> None:
    """The second path, when it is called for (`sync.second_path`): one conversation with the county's node."""
    failures = node.line_up.failures if node.line_up is not None else 0
    if not is_called_for(node.books, node.clock.now(), failures):
        return
    await node.clock.sleep(node.jitter.between(0, COUNTY_SPREAD_S))
    state = node.county_line = node.county_line or CountyState()
    state.tried_at = node.clock.now()
    line = CountyLine(node.writer, Wire(node.county_address, idle_s=node.settings.idle_timeout_s))
    try:
        await converse(node.writer, line)
    except Fault as fault:
        if fault.code != state.code:
            log.warning("the second path fails: %.40r; the page of the line says what to do", fault.code)
        state.code, state.hint = fault.code, fault.hint
        return
    finally:
        line.hang_up()
    state.code, state.hint, state.succeeded_at = "", "", node.clock.now()
    await node.receiving.receive()


async def check_parent(node: Node) -> None:
    """Raise `LocalFault` `no_parent` at the top."""
    if node.books.parent is None:
        raise no_parent()


async def talk_here(node: Node) -> Talked:
    """One conversation of a node that is not served. Raises `LineDown` or the other side's refusal as a `Fault`."""
    line = HttpLine(node.writer, Wire(node.parent_address, idle_s=node.settings.idle_timeout_s))
    try:
        tally = await converse(node.writer, line)
        await node.receiving.receive()
        with contextlib.suppress(Fault):  # Whatever stops the papers: the entries have gone, and papers resume.
            await carry_all(_papers_over(node, line))
    finally:
        line.hang_up()
    return talked(node.books, tally)
