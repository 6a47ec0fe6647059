"""Who is talking: one signed challenge a session, then a bearer token for its pages (RULINGS A16).

Sans-IO: messages in, messages out. The client names itself and draws a nonce; the server answers with its own nonce,
its certificate chain, the digest of the TLS certificate it serves under, and its log key's signature over all of that;
the client checks the chain up to the county root and the TLS certificate it really sees, and signs the same terms. So
one scheme serves HTTP, needs no public certificate authority, and a man in the middle holds a signature over the wrong
certificate. Must never: put a token into a URL or a log, keep one on disk, accept an old device, or judge by clocks of
others. Next: `sync.http` (the four routes), `sync.exchange` (the pages).
"""

from collections.abc import Callable
from hmac import compare_digest
from hmac import digest as keyed_digest
from typing import Final

from msgspec import Struct

from schemas.codec import encode
from schemas.names import Instant, NodeId, parent_seat
from schemas.wire import Certificate
from sync import second_path
from sync.books import Books
from sync.core.errors import RemoteFault, UnknownSender
from sync.enrolment import Root, admit_chain
from sync.keys import Keyring, root_digest

NONCE_BYTES: Final = 32
TOKEN_BYTES: Final = 32

CHALLENGE_LIFE_MS: Final = 2 * 60 * 1000
"""A challenge is answered in one round trip; two minutes are a hundred of them on the slowest line."""

TOKEN_LIFE_MS: Final = 12 * 3600 * 1000
"""RULINGS A16: at most 12 hours, and never beyond this start of the server."""

TOKENS_PER_NODE_MAX: Final = 8
"""A device opens a session a start; more than eight at once are left-overs, of which the oldest goes."""

CHAIN_LENGTH_MAX: Final = 8
"""County, township, village; twice over for replaced devices."""

CHALLENGE_TITLE = b"tongban session challenge\n"
ANSWER_TITLE = b"tongban session answer\n"


class Hello(Struct, frozen=True, array_like=True):
    """Client → server: «I am this device of this county» and 32 random bytes of this session."""

    node: NodeId
    county: str
    """The 64 hexadecimal digits of the county root's digest."""
    nonce: bytes


class Challenge(Struct, frozen=True, array_like=True):
    """Server → client: who answers, under which TLS certificate (SHA-256; empty on loopback), signed by its log key."""

    node: NodeId
    nonce: bytes
    certificate: bytes
    root: bytes
    """The county root's public key, for a device that knows only its digest from the sheet."""
    chain: list[Certificate]
    signature: bytes


class Answer(Struct, frozen=True, array_like=True):
    """Client → server: both nonces again and the client's log key's signature over the same terms."""

    node: NodeId
    client_nonce: bytes
    server_nonce: bytes
    signature: bytes


class Token(Struct, frozen=True, array_like=True):
    """Server → client: what every further request of this session carries in its Authorization header."""

    token: bytes
    expires_in_s: int


class Terms(Struct, frozen=True, array_like=True):
    """What both sides sign, each under its own title."""

    client: NodeId
    server: NodeId
    client_nonce: bytes
    server_nonce: bytes
    certificate: bytes


class NoSession(RemoteFault):
    """The token is missing, unknown, from before a restart, or over: the client opens a new session and goes on."""

    status = 401


class Doorkeeper:
    """The server's side: challenges without memory, tokens in memory."""

    def __init__(
        self, books: Books, *, certificate: bytes = b"", on_stranger: Callable[[], None] | None = None
    ) -> None:
        """`certificate`: SHA-256 of the TLS certificate (DER) that clients see, empty when served on loopback only.

        `on_stranger`: told when a device knocks that is not known here, so that the node above can be asked for news of
        it; None at the county, which knows every device. It is for the callee to heed only so many knocks.
        """
        self._books = books
        self._on_stranger = on_stranger
        self._certificate = certificate
        self._secret = books.salts.draw(NONCE_BYTES)
        self._answered: dict[bytes, Instant] = {}
        self._tokens: dict[bytes, tuple[NodeId, Instant]] = {}

    def challenge(self, hello: Hello) -> Challenge:
        """Answer a hello, whoever says it: who we are is no secret, and a device that enrols asks it first.

        Raises `RemoteFault`: `foreign_county`, `malformed`.
        """
        seat = self._books.seat
        if hello.county != seat.root.digest:
            raise RemoteFault("foreign_county", "this node serves another county; check address and enrolment sheet")
        if len(hello.nonce) != NONCE_BYTES:
            raise RemoteFault("malformed", f"a session's nonce has {NONCE_BYTES} bytes; update the software")
        now = self._books.clock.now()
        fresh = max(0, now).to_bytes(8, "big") + self._books.salts.draw(8)
        nonce = fresh + self._seal(hello.node, hello.nonce, fresh)
        terms = Terms(hello.node, seat.node, hello.nonce, nonce, self._certificate)
        signature = seat.signer.sign(CHALLENGE_TITLE + encode(terms))
        return Challenge(seat.node, nonce, self._certificate, seat.root.public_key, seat.chain, signature)

    def admit(self, answer: Answer) -> Token:
        """Hand out a token.

        Raises `NoSession` (`stale_nonce`), `RemoteFault` (`bad_signature`), or `UnknownSender` (`unknown_device`,
        `revoked_device`, `replaced_device`, `not_a_child`).
        """
        books = self._books
        self._check_known(answer.node)
        check_child(books, answer.node)
        now = Instant(books.clock.now())
        self._check_nonce(answer, now)
        terms = Terms(answer.node, books.seat.node, answer.client_nonce, answer.server_nonce, self._certificate)
        if not books.keyring.verify_log(answer.node, ANSWER_TITLE + encode(terms), answer.signature):
            raise RemoteFault("bad_signature", "the answer is not signed by the device's key; check its key file")
        self._answered[answer.server_nonce] = now
        token = books.salts.draw(TOKEN_BYTES)
        self._make_room(answer.node, now)
        self._tokens[token] = (answer.node, now)
        return Token(token, TOKEN_LIFE_MS // 1000)

    def node_of(self, token: bytes) -> NodeId:
        """The device that a token speaks for. Raises `NoSession`, or `UnknownSender` when it was revoked since."""
        held = self._tokens.get(token)
        if held is None:
            raise NoSession("no_session", "open a session first: this node has no such token (it may have restarted)")
        node, since = held
        if not _within(since, self._books.clock.now(), TOKEN_LIFE_MS):
            del self._tokens[token]
            raise NoSession("session_over", "the session is over; open a new one")
        check_child(self._books, node)
        return node

    def child_of(self, token: bytes) -> NodeId:
        """`node_of`, of a seat right below only: a second path carries no papers. Raises `not_a_child` too."""
        node = self.node_of(token)
        if self._books.children.get(self._books.keyring.get(node).office) != node:
            raise _not_a_child()
        return node

    def _check_known(self, node: NodeId) -> None:
        """Where there is somebody above to ask, a stranger may be a device that was enrolled there a moment ago."""
        books = self._books
        if self._on_stranger is None or books.seat_of_node(node) is not None or books.keyring.is_revoked(node):
            return
        self._on_stranger()
        raise UnknownSender(
            "unknown_device",
            "this device is not known here yet; if it was enrolled just now, news of it is being fetched: it is tried "
            "again by itself and succeeds soon. Otherwise enrol it, in its own folder, with the code on a new sheet: "
            "everything in it is kept",
        )

    def _check_nonce(self, answer: Answer, now: Instant) -> None:
        nonce = answer.server_nonce
        fresh = nonce[:16]
        good = len(nonce) == NONCE_BYTES and compare_digest(
            nonce[16:], self._seal(answer.node, answer.client_nonce, fresh)
        )
        self._answered = {seen: at for seen, at in self._answered.items() if _within(at, now, CHALLENGE_LIFE_MS)}
        issued = Instant(int.from_bytes(fresh[:8], "big"))
        if not good or nonce in self._answered or not _within(issued, max(0, now), CHALLENGE_LIFE_MS):
            raise NoSession("stale_nonce", "this challenge was not made for this session, or is over; say hello again")

    def _seal(self, node: NodeId, client_nonce: bytes, fresh: bytes) -> bytes:
        """Binds a nonce to its session, so that nothing need be remembered for whoever merely says hello."""
        return keyed_digest(self._secret, encode((node, client_nonce, fresh)), "sha256")[:16]

    def _make_room(self, node: NodeId, now: Instant) -> None:
        self._tokens = {
            token: (owner, since)
            for token, (owner, since) in self._tokens.items()
            if _within(since, now, TOKEN_LIFE_MS)
        }
        mine = [token for token, (owner, _) in self._tokens.items() if owner == node]
        for token in mine[: max(0, len(mine) - TOKENS_PER_NODE_MAX + 1)]:
            del self._tokens[token]


def check_child(books: Books, node: NodeId) -> None:
    """Whether a device may talk to this node: enrolled, not revoked, the present device of a seat right below; at the
    county also that of a village, whose township may be silent (`sync.second_path`).

    Raises `UnknownSender`: `unknown_device`, `revoked_device`, `not_a_child`, `replaced_device`.
    """
    if books.keyring.is_revoked(node):
        raise UnknownSender("revoked_device", "this device was revoked; enrol a new one with a new code")
    office = books.seat_of_node(node)
    if office is None:
        raise UnknownSender("unknown_device", "this device is not enrolled here; enrol it in its folder with a sheet")
    if books.parent is None and second_path.may_come(books, node):
        return
    if parent_seat(office) != books.seat.office:
        raise _not_a_child()
    if books.children.get(office) != node:
        raise UnknownSender("replaced_device", "another device took this one's place; use that one, or enrol anew")


def _not_a_child() -> UnknownSender:
    return UnknownSender("not_a_child", "this device belongs to another office's line; check the address")


def say_hello(books: Books) -> Hello:
    """The client's first message."""
    return Hello(books.seat.node, books.seat.root.digest, books.salts.draw(NONCE_BYTES))


def answer(books: Books, hello: Hello, challenge: Challenge, seen_certificate: bytes) -> Answer:
    """Judge the server and sign the terms. `seen_certificate`: SHA-256 of its TLS certificate, empty without TLS.

    Whether the device that answers may stand above us is `Ledger.meet`'s to judge, before the answer is sent.

    Raises what `judge_server` raises, and `UnknownSender` (`revoked_device`).
    """
    terms = judge_server(books.keyring, books.seat.root, hello, challenge, seen_certificate)
    if books.keyring.is_revoked(challenge.node):
        raise UnknownSender("revoked_device", "the node above was revoked; ask the county for the new address")
    signature = books.seat.signer.sign(ANSWER_TITLE + encode(terms))
    return Answer(hello.node, hello.nonce, challenge.nonce, signature)


def judge_server(keyring: Keyring, root: Root, hello: Hello, challenge: Challenge, seen_certificate: bytes) -> Terms:
    """Whether the server proved its key, its enrolment up to the root, and that it serves under the certificate seen.

    Raises `RemoteFault`: `malformed`, `other_certificate`, `foreign_chain`, `bad_signature`, and those of
    `sync.enrolment.admit_chain`.
    """
    if len(challenge.nonce) != NONCE_BYTES or not 0 < len(challenge.chain) <= CHAIN_LENGTH_MAX:
        raise RemoteFault("malformed", "the node's challenge has impossible lengths; check the address")
    if challenge.certificate != seen_certificate:
        raise RemoteFault(
            "other_certificate",
            "the TLS certificate is not the one the node signed for: somebody may be in between; compare the address",
        )
    if challenge.chain[-1].enrolment.node != challenge.node:
        raise RemoteFault("foreign_chain", "the node showed another device's certificates; check the address")
    known = admit_chain(keyring, root, challenge.chain)
    terms = Terms(hello.node, challenge.node, hello.nonce, challenge.nonce, challenge.certificate)
    if not known.verify_log(challenge.node, CHALLENGE_TITLE + encode(terms), challenge.signature):
        raise RemoteFault("bad_signature", "the node could not prove its key; check the address")
    return terms


def root_in(challenge: Challenge, digest: str) -> Root:
    """The county root of a challenge, for a device that is about to enrol and holds the digest on its sheet.

    Raises `RemoteFault` (`foreign_county`).
    """
    if not challenge.chain or not compare_digest(root_digest(challenge.root), digest):
        raise RemoteFault("foreign_county", "this node serves another county than the sheet says; check the address")
    return Root(challenge.chain[0].enrolment.county, challenge.root)


def _within(since: int, now: int, life_ms: int) -> bool:
    """Whether a life is not over. A clock that went back ends it too: better one more hello than an eternal token."""
    return since <= now < since + life_ms
