"""The HTTP transport: five routes for the node above, a light client for the node below.

The server reads bytes, asks `sync.session` who speaks and `sync.exchange` for the answer, and turns every refusal into
a 4xx with a code and a sentence (503 when full). The client is the standard library's, in threads, because a village's
computer is small (STACK 4): connections are kept, time-outs are on idleness, and a certificate counts when the node's
own key signed for it. Must never: follow a redirect, speak plain HTTP off loopback, put a token into a URL or a log, or
answer bad input with a 5xx. Sources: RULINGS A16, C8; STACK 6; RELIABILITY 3. Next: `sync.courier` (when to talk).
"""

import asyncio
import http.client
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Protocol, TypeVar

import msgspec
from litestar import Request, Response, Router, post
from litestar.exceptions import HTTPException, InternalServerException

from schemas.codec import PAGE_COMPRESSED_BYTES_MAX, Malformed, decode, encode
from schemas.names import NodeId, OfficeId, within
from schemas.papers import PAPER_PAGE_BYTES_MAX
from schemas.wire import Certificate, Refusal
from sync.addresses import parse_address
from sync.core.errors import Busy, Fault, GapFault, LocalFault, RemoteFault, UnknownSender
from sync.exchange import LineDown, Pen, Responder, RunRefused
from sync.keys import Keyring, Verify
from sync.papers import PaperResponder, PapersUnsupported
from sync.ports import Salts
from sync.session import (
    NONCE_BYTES,
    Answer,
    Challenge,
    Doorkeeper,
    Hello,
    NoSession,
    Token,
    answer,
    judge_server,
    root_in,
    say_hello,
)
from sync.sockets import make_steady, shut, tls_context

SESSION_PATH: Final = "/sync/session"
ANSWER_PATH: Final = "/sync/session/proof"
PAGE_PATH: Final = "/sync/page"
PAPERS_PATH: Final = "/sync/papers"
ENROL_PATH: Final = "/sync/enrol"

PAGE_TYPE: Final = "application/vnd.tongban.page"
PAPERS_TYPE: Final = "application/vnd.tongban.papers"
MESSAGE_TYPE: Final = "application/vnd.msgpack"
JSON_TYPE: Final = "application/json"

MESSAGE_BYTES_MAX: Final = 16 * 1024
"""Everything but a page: a challenge with its certificate chain is 2 KiB."""

IDLE_S: Final = 60.0
"""Silence after which a connection is given up: at 20 kbit/s a packet takes less than a second (RELIABILITY 1)."""

LOCAL_RETRY_AFTER_S: Final = 10
"""A node that starts or stops is back in seconds; one that needs a person is not helped by asking more often."""

CONNECT_S: Final = 20.0
"""For a connection to open: three SYN retransmissions on a 600 ms line."""

CHUNK_BYTES: Final = 4 * 1024
"""Written at once, so that the time-out is on idleness: `sendall` counts its time-out over all it is given."""

PAGES_AHEAD_BYTES: Final = 128 * 1024
"""Handed to the kernel before it is acknowledged: two pages."""

PAPERS_AHEAD_BYTES: Final = 8 * 1024
"""A second of 64 kbit/s: an outage swallows no more of a piece, and no more stands before an entry that goes by it. At
30 ms a line still carries two megabit a second of papers so."""

NO_SUCH_ROUTE: Final = (404, 405)

CONNECTIONS_KEPT_MAX: Final = 4
"""As many as pages in flight."""

AnyRequest = Request[Any, Any, Any]
T = TypeVar("T")


# --- the node above ------------------------------------------------------------------------------------------------


class Enroller(Protocol):
    """Who judges enrolment requests (`office.enrolling`); their bytes mean nothing here."""

    async def enrol(self, request: bytes) -> bytes:
        """Answer a request made with a one-time code. Raises `Fault` or `Malformed`."""
        ...


def sync_router(
    doorkeeper: Doorkeeper,
    responder: Responder,
    enroller: Enroller | None = None,
    *,
    papers: PaperResponder | None = None,
    opt: Mapping[str, Any] | None = None,
) -> Router:
    """The routes under `/sync`; without `papers` four of them, as before there were any.

    `opt` is what the application's guards want every handler to declare.
    """
    declared = dict(opt or {})

    @post("/session", status_code=200, opt=declared, request_max_body_size=MESSAGE_BYTES_MAX, include_in_schema=False)
    async def open_session(request: AnyRequest) -> Response[bytes]:
        """Answer a hello with a signed challenge."""
        hello = decode(await _read(request), Hello, limit=MESSAGE_BYTES_MAX)
        return _message(doorkeeper.challenge(hello))

    @post(
        "/session/proof",
        status_code=200,
        opt=declared,
        request_max_body_size=MESSAGE_BYTES_MAX,
        include_in_schema=False,
    )
    async def prove(request: AnyRequest) -> Response[bytes]:
        """Take the device's signature, hand out a token."""
        return _message(doorkeeper.admit(decode(await _read(request), Answer, limit=MESSAGE_BYTES_MAX)))

    @post(
        "/page", status_code=200, opt=declared, request_max_body_size=PAGE_COMPRESSED_BYTES_MAX, include_in_schema=False
    )
    async def take_page(request: AnyRequest) -> Response[bytes]:
        """Take in a page, answer with one. Who speaks is settled before a byte of the page is read."""
        sender = doorkeeper.node_of(_token(request))
        return Response(await responder.respond(sender, await _read(request)), media_type=PAGE_TYPE)

    @post("/enrol", status_code=200, opt=declared, request_max_body_size=MESSAGE_BYTES_MAX, include_in_schema=False)
    async def enrol(request: AnyRequest) -> Response[bytes]:
        """Hand an enrolment request to the office."""
        if enroller is None:
            raise RemoteFault("no_enrolment", "devices are not enrolled at this address; use the one on the sheet")
        return Response(await enroller.enrol(await _read(request)), media_type=MESSAGE_TYPE)

    @post("/papers", status_code=200, opt=declared, request_max_body_size=PAPER_PAGE_BYTES_MAX, include_in_schema=False)
    async def take_papers(request: AnyRequest) -> Response[bytes]:
        """Take in a message about papers, answer with one. Of one that breaks off what came is kept."""
        assert papers is not None
        sender = doorkeeper.child_of(_token(request))
        arriving = papers.listen(sender, request.content_length or 0)
        try:
            message = await _read(request, arriving.content)
        except (Malformed, RemoteFault):
            await papers.keep_beginning(sender, arriving)
            raise
        return Response(await papers.respond(sender, message, before=arriving.before), media_type=PAPERS_TYPE)

    return Router(
        "/sync",
        route_handlers=[open_session, prove, take_page, enrol, *([take_papers] if papers is not None else [])],
        exception_handlers={
            Fault: _on_fault,
            Malformed: _on_malformed,
            RecursionError: _on_recursion,
            HTTPException: _on_http,
        },
    )


async def _read(request: AnyRequest, into: bytearray | None = None) -> bytes:
    """The body, with a time-out on idleness. Litestar's own limit has cut off what is too large.

    `into`: filled as it comes, for whom the beginning of what breaks off is worth something.
    """
    content = bytearray() if into is None else into
    stream: AsyncIterator[bytes] = aiter(request.stream())
    try:
        while True:
            async with asyncio.timeout(IDLE_S):
                chunk = await anext(stream, None)
            if chunk is None:
                return bytes(content)
            content += chunk
    except TimeoutError as error:
        raise RemoteFault("too_slow", f"nothing came for {IDLE_S:.0f} s; send the page again") from error
    except InternalServerException as error:
        raise Malformed("truncated", "the connection ended before the body did; send it again") from error


def _token(request: AnyRequest) -> bytes:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        return bytes.fromhex(text) if scheme.lower() == "bearer" else b""
    except ValueError:
        return b""


def _message(value: msgspec.Struct) -> Response[bytes]:
    return Response(encode(value), media_type=MESSAGE_TYPE)


def _refuse(request: AnyRequest, status: int, refusal: Refusal) -> Response[bytes]:
    """A refusal as MessagePack, or as JSON for whoever asks for it."""
    headers = {"retry-after": str(refusal.retry_after_s)} if refusal.retry_after_s else {}
    if JSON_TYPE in request.headers.get("accept", ""):
        return Response(msgspec.json.encode(refusal), status_code=status, media_type=JSON_TYPE, headers=headers)
    return Response(encode(refusal), status_code=status, media_type=MESSAGE_TYPE, headers=headers)


def _on_fault(request: AnyRequest, fault: Fault) -> Response[bytes]:
    if isinstance(fault, LocalFault):
        # Our own trouble (starting, stopping, another writer) is not the sender's: it comes back later.
        return _refuse(request, 503, Refusal(fault.code, fault.hint, retry_after_s=LOCAL_RETRY_AFTER_S))
    return _refuse(request, fault.status, fault.refusal())


def _on_malformed(request: AnyRequest, fault: Malformed) -> Response[bytes]:
    return _refuse(request, 413 if fault.code == "too_large" else 400, Refusal(fault.code, fault.hint))


def _on_recursion(request: AnyRequest, _: RecursionError) -> Response[bytes]:
    return _refuse(request, 400, Refusal("malformed", "the message is nested too deeply; send what the protocol says"))


def _on_http(request: AnyRequest, error: HTTPException) -> Response[bytes]:
    status = error.status_code
    if status == 413:
        return _refuse(
            request, status, Refusal("too_large", "the body is larger than is read here; send smaller pages")
        )
    code = "bad_request" if 400 <= status < 500 else "server_fault"
    return _refuse(
        request, status, Refusal(code, "this is not a request of the sync protocol; check address and software")
    )


# --- the node below ------------------------------------------------------------------------------------------------


class Reply(msgspec.Struct, frozen=True):
    """What came back: status, body, and SHA-256 of the TLS certificate it came under (empty on loopback)."""

    status: int
    body: bytes
    certificate: bytes
    retry_after_s: int


class Wire:
    """Kept connections to one address. Each is used by one thread at a time; up to four at once."""

    def __init__(
        self, address: str, *, idle_s: float = IDLE_S, answer_bytes_max: int = PAGE_COMPRESSED_BYTES_MAX
    ) -> None:
        """`address`: `https://host[:port]`, or `http://` for loopback only.

        Raises `LocalFault`: `bad_address`, `plain_http`.
        """
        self._host, self._port, self._secure = parse_address(address)
        self._idle_s = idle_s
        self._answer_bytes_max = answer_bytes_max
        self._free: list[http.client.HTTPConnection] = []
        self._busy: set[http.client.HTTPConnection] = set()
        self._hung_up = 0

    def hang_up(self) -> None:
        """Close every connection; whoever waits on one gets `LineDown`."""
        self.break_off()
        while self._free:
            self._free.pop().close()

    def break_off(self) -> None:
        """Close those that are in use: whoever waits on one gets `LineDown`. The others answered last, and are kept."""
        self._hung_up += 1
        for connection in list(self._busy):
            if connection.sock is not None:
                shut(connection.sock)

    async def post(
        self,
        path: str,
        body: bytes,
        *,
        under: bytes | None = None,
        token: bytes = b"",
        content_type: str = MESSAGE_TYPE,
        ahead_bytes: int = PAGES_AHEAD_BYTES,
    ) -> Reply:
        """One request, sent only under the certificate that `under` names (SHA-256; empty = none, on loopback).

        None is for whoever asks for a challenge: nothing that is said then may be a secret. Each request names its own
        certificate, so that none goes out unbound while another opens a new session.
        Raises `LineDown`, or `RemoteFault` (`other_certificate`, `answer_too_large`).
        """
        return await asyncio.to_thread(self._post, path, body, under, token, content_type, ahead_bytes)

    def _post(
        self, path: str, body: bytes, under: bytes | None, token: bytes, content_type: str, ahead_bytes: int
    ) -> Reply:
        headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
        if token:
            headers["Authorization"] = f"Bearer {token.hex()}"
        hung_up = self._hung_up
        while True:
            connection, reused = self._take()
            try:
                self._connect(connection, under, ahead_bytes)
                return self._request(connection, path, body, headers)
            except (OSError, http.client.HTTPException) as error:
                self._drop(connection)
                # A kept connection that the server closed meanwhile: every request may be repeated, so once more.
                if not reused or isinstance(error, TimeoutError) or hung_up != self._hung_up:
                    raise LineDown(
                        "line_down", "the node above does not answer; it is tried again by itself"
                    ) from error
            except BaseException:
                self._drop(connection)
                raise

    def _connect(self, connection: http.client.HTTPConnection, under: bytes | None, ahead_bytes: int) -> None:
        if connection.sock is None:
            connection.timeout = CONNECT_S
            connection.connect()
            _socket_of(connection).settimeout(self._idle_s)
            make_steady(_socket_of(connection))
        if under is not None and _certificate_of(connection) != under:
            raise RemoteFault(
                "other_certificate",
                "the node above shows another certificate than it signed for; a new challenge follows",
            )
        _socket_of(connection).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, ahead_bytes)

    def _request(
        self, connection: http.client.HTTPConnection, path: str, body: bytes, headers: dict[str, str]
    ) -> Reply:
        certificate = _certificate_of(connection)
        # No header that nobody reads: on a thin line the heads are a twentieth of what a piece takes.
        connection.putrequest("POST", path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(_chunks(body))
        response = connection.getresponse()
        content = response.read(self._answer_bytes_max + 1)
        if len(content) > self._answer_bytes_max:
            raise RemoteFault("answer_too_large", "the node above answered more than a page; check the address")
        if response.length:
            raise http.client.IncompleteRead(content, response.length)
        if response.isclosed() and not response.will_close:
            self._give_back(connection)
        else:
            self._drop(connection)
        return Reply(response.status, content, certificate, _seconds(response.headers.get("retry-after")))

    def _take(self) -> tuple[http.client.HTTPConnection, bool]:
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._open()
        reused = connection.sock is not None
        self._busy.add(connection)
        return connection, reused

    def _open(self) -> http.client.HTTPConnection:
        if not self._secure:
            return http.client.HTTPConnection(self._host, self._port, timeout=CONNECT_S)
        return http.client.HTTPSConnection(self._host, self._port, timeout=CONNECT_S, context=tls_context())

    def _give_back(self, connection: http.client.HTTPConnection) -> None:
        self._busy.discard(connection)
        if len(self._free) < CONNECTIONS_KEPT_MAX:
            self._free.append(connection)
        else:
            connection.close()

    def _drop(self, connection: http.client.HTTPConnection) -> None:
        self._busy.discard(connection)
        connection.close()


class HttpLine:
    """The line to the node above over HTTP: opens a session when needed, then one round trip a page."""

    def __init__(self, pen: Pen, wire: Wire) -> None:
        self._pen = pen
        self._wire = wire
        self._session_now: _Session | None = None
        self._without_papers: _Session | None = None
        self._opening = asyncio.Lock()

    async def connect(self) -> NodeId:
        """See `Transport.connect`. Raises also `RemoteFault` when the node above cannot prove who it is."""
        return (await self._session(None)).node

    async def exchange(self, frame: bytes) -> bytes:
        """See `Transport.exchange`."""
        return await self._within_session(lambda session: self._page(frame, session))

    async def exchange_papers(self, message: bytes) -> bytes:
        """See `sync.papers.PaperTransport`. Who knows no papers is not asked again in this session."""
        return await self._within_session(lambda session: self._papers(message, session))

    async def _within_session(self, send: "Callable[[_Session], Awaitable[bytes]]") -> bytes:
        """Send under the session that is open. One that is over is opened again, once."""
        session = await self._session(None)
        try:
            return await send(session)
        except NoSession:
            session = await self._session(session)
        except RemoteFault as fault:
            # The node above has a new certificate: it must sign for it in a new session.
            if fault.code != "other_certificate":
                raise
            session = await self._session(session)
        return await send(session)

    def hang_up(self) -> None:
        """See `Transport.hang_up`."""
        self._wire.hang_up()

    def break_off(self) -> None:
        """See `Transport.break_off`."""
        self._wire.break_off()

    async def _papers(self, message: bytes, session: "_Session") -> bytes:
        if session is self._without_papers:
            raise PapersUnsupported
        reply = await self._wire.post(
            PAPERS_PATH,
            message,
            under=session.certificate,
            token=session.token,
            content_type=PAPERS_TYPE,
            ahead_bytes=PAPERS_AHEAD_BYTES,
        )
        if reply.status in NO_SUCH_ROUTE and not _is_refusal(reply):
            self._without_papers = session
            raise PapersUnsupported
        return _accepted(reply)

    async def _page(self, frame: bytes, session: "_Session") -> bytes:
        return _accepted(
            await self._wire.post(
                PAGE_PATH, frame, under=session.certificate, token=session.token, content_type=PAGE_TYPE
            )
        )

    def is_right(self, node: NodeId) -> bool:
        """Whether this device is the one that the line is for."""
        return node == self._pen.books.parent

    async def meet(self, chain: Sequence[Certificate]) -> None:
        """Take note of who answers (`Pen.meet`). Raises `RemoteFault`."""
        await self._pen.meet(chain)

    async def _session(self, over: "_Session | None") -> "_Session":
        """The session that is open, or a new one; never `over`."""
        async with self._opening:
            now = self._session_now
            # After a failed commit the books may have forgotten a successor above: then it is met again.
            if now is None or now is over or not self.is_right(now.node):
                self._session_now = None
                now = self._session_now = await self._open()
            return now

    async def _open(self) -> "_Session":
        books = self._pen.books
        hello = say_hello(books)
        reply = await self._wire.post(SESSION_PATH, encode(hello))
        challenge = _value(reply, Challenge)
        signed = answer(books, hello, challenge, reply.certificate)
        await self.meet(challenge.chain)
        token = _value(await self._wire.post(ANSWER_PATH, encode(signed), under=reply.certificate), Token)
        return _Session(challenge.node, token.token, reply.certificate)


class _Session(msgspec.Struct, frozen=True):
    """One session of a line: who answers, what opens, and the only certificate under which either may be used."""

    node: NodeId
    token: bytes
    certificate: bytes


async def request_enrolment(
    wire: Wire, node: NodeId, office: OfficeId, county_digest: str, request: bytes, *, salts: Salts, verify: Verify
) -> tuple[bytes, bytes]:
    """Send an enrolment request for `office`, once the node that answers has proved that it stands above it.

    Only then does the one-time code leave the device: any other device of the county that gets in between could take
    the seat with it. Returns the answer's bytes and the county root's public key.
    Raises `LineDown`, `RemoteFault` (`wrong_office` and what `judge_server` raises), or the refusal of the other side.
    """
    hello = Hello(node, county_digest, salts.draw(NONCE_BYTES))
    reply = await wire.post(SESSION_PATH, encode(hello))
    challenge = _value(reply, Challenge)
    root = root_in(challenge, county_digest)
    judge_server(Keyring(verify=verify), root, hello, challenge, reply.certificate)
    above = challenge.chain[-1].enrolment.office
    if above == office or not within(office, above):
        raise RemoteFault("wrong_office", "the node at this address does not stand above the office; check the sheet")
    return _accepted(await wire.post(ENROL_PATH, request, under=reply.certificate)), root.public_key


def _value(reply: Reply, kind: type[T]) -> T:
    body = _accepted(reply)
    try:
        return decode(body, kind, limit=MESSAGE_BYTES_MAX)
    except Malformed as fault:
        raise _not_a_node() from fault


def _accepted(reply: Reply) -> bytes:
    """The body of a 200; everything else is raised as what it means."""
    if reply.status == 200:
        return reply.body
    try:
        refusal = decode(reply.body, Refusal, limit=MESSAGE_BYTES_MAX)
    except Malformed:
        if reply.status in (429, 503):
            raise Busy("busy", "the node above is busy; it is tried again", retry_after_s=reply.retry_after_s) from None
        if reply.status >= 500:
            raise LineDown("server_fault", "the node above failed; it is tried again by itself") from None
        raise _not_a_node() from None
    raise _fault(reply.status, refusal)


def _is_refusal(reply: Reply) -> bool:
    """Whether a node of ours says no, rather than that it has no such route."""
    try:
        decode(reply.body, Refusal, limit=MESSAGE_BYTES_MAX)
    except Malformed:
        return False
    return True


def _fault(status: int, refusal: Refusal) -> Fault:
    known: dict[int, type[Fault]] = {
        401: NoSession,
        403: UnknownSender,
        409: GapFault if refusal.code == "gap" else RemoteFault,
        422: RunRefused,
        429: Busy,
        503: Busy,
    }
    kind = known.get(status, LineDown if status >= 500 else RemoteFault)
    return kind(refusal.code, refusal.hint, cursors=refusal.cursors, retry_after_s=refusal.retry_after_s)


def _not_a_node() -> RemoteFault:
    return RemoteFault(
        "not_a_node", "what answers at the address above is not a node of this network; check the address"
    )


def _socket_of(connection: http.client.HTTPConnection) -> socket.socket:
    sock: socket.socket | None = connection.sock
    assert sock is not None
    return sock


def _certificate_of(connection: http.client.HTTPConnection) -> bytes:
    sock = _socket_of(connection)
    if not isinstance(sock, ssl.SSLSocket):
        return b""
    return sha256(sock.getpeercert(binary_form=True) or b"").digest()


def _chunks(body: bytes) -> Iterator[bytes]:
    for start in range(0, len(body), CHUNK_BYTES):
        yield body[start : start + CHUNK_BYTES]


def _seconds(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 7 else 0
