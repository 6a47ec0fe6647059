"""The door of a running node to the command line beside it (RULINGS C1): who has no pen hands over what it wants done.

A serving node answers on loopback; where, and the token that opens, stand in a file of its folder, readable by the
node's own user only, made anew at every start and removed at the end. A verb that finds the pen taken reads it and asks
the process that has the pen. Whoever can read that file could read the node's keys as well, so it opens nothing new.
Behind a proxy on the same machine every caller seems to be on loopback: then the token alone decides.
Must never: leave this computer, show a case or a person, or do what no verb does.
Next: `office.web.local` (the routes), `office.cli` and `hub.cli` (the verbs).
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec
from msgspec import Struct

from office.access_log import COMMAND_LINE
from office.node import Node, Progress, Ready, is_loopback, no_conditions, no_progress
from office.paths import Home, remove, write_private
from office.publishing import Publication
from office.status import Status, status_of
from schemas.names import NodeId, OfficeId, OfficerId
from schemas.refusals import Refused
from sync.books import Books
from sync.core.bundle import BUNDLE_BYTES_MAX
from sync.core.errors import LocalFault, RemoteFault
from sync.exchange import LineDown, Tally
from sync.http import JSON_TYPE, Wire
from sync.ports import Salts

if TYPE_CHECKING:
    from office.enrolling import Sheet
    from office.moving import Carried

COUNTERSIGN_PATH: Final = "/local/countersign"
REVOKE_PATH: Final = "/local/revoke"
REPLACE_PATH: Final = "/local/replace"
SYNC_PATH: Final = "/local/sync"
STATUS_PATH: Final = "/local/status"
PUBLISH_PATH: Final = "/local/publish"
CARRY_OUT_PATH: Final = "/local/carry-out"
ERASE_PATH: Final = "/local/erase"

TOKEN_BYTES: Final = 32
"""256 random bits, good for one start of the node."""

CONVERSATION_S: Final = 40.0
"""How long `sync` waits for the running node's conversation: on a slow line it goes on after that, unwatched."""

ANSWER_S: Final = 60.0
"""Longer than anything that is asked here takes."""

ANSWER_BYTES_MAX: Final = BUNDLE_BYTES_MAX + 64 * 1024
"""A courier bundle and what is said of it: the largest answer."""

T = TypeVar("T")


class Countersign(Struct, frozen=True, forbid_unknown_fields=True):
    """Confirm a device."""

    device: NodeId


class Revoke(Struct, frozen=True, forbid_unknown_fields=True):
    """End a device."""

    device: NodeId
    reason: str
    officer: str = COMMAND_LINE


class Replace(Struct, frozen=True, forbid_unknown_fields=True):
    """End an office's device and give its successor a sheet."""

    office: OfficeId
    reason: str
    officer: str = COMMAND_LINE


class Publish(Struct, frozen=True, forbid_unknown_fields=True):
    """Write into the register."""

    what: Publication


class CarryOut(Struct, frozen=True, forbid_unknown_fields=True):
    """One run of a move."""

    office: OfficeId
    officer: OfficerId
    approver: OfficerId
    reason: str


class Erase(Struct, frozen=True, forbid_unknown_fields=True):
    """Let a case's bodies go by law (`office.erasure_orders.Order`)."""

    case: str
    """Its 32 hexadecimal digits."""
    officer: OfficerId
    approver: OfficerId
    ground: str
    entries: tuple[str, ...] = ()
    is_early: bool = False


class WrittenEntries(Struct, frozen=True):
    """How many entries were written; 0: all of it was there."""

    count: int


class WrittenEntry(Struct, frozen=True):
    """The entry that was written: its hash, hexadecimal."""

    hash: str


class Talked(Struct, frozen=True):
    """What a conversation with the node above did."""

    entries_received: int
    waiting: int
    """Outbox numbers that the node above has not yet stated."""
    refused: tuple[str, ...] = ()
    is_over: bool = True
    """False: it takes longer than anybody wants to wait, and goes on."""


class LocalRefusal(Struct, frozen=True):
    """Why something was not done: a stable code, and the sentence to print, in Chinese and English."""

    code: str
    zh: str
    en: str


class Door(Struct, frozen=True):
    """What the file says: where the node listens on loopback, what opens, and under which certificate it answers."""

    address: str
    token: str
    certificate: str = ""
    """SHA-256 of the TLS certificate, hexadecimal; empty where loopback is spoken to in plain HTTP."""


def talked(books: Books, tally: Tally | None) -> Talked:
    """What to tell of a conversation with the node above; None: it is not over yet. Raises `LocalFault` `no_parent`."""
    if books.parent is None:
        raise no_parent()
    waiting = books.links[books.parent].waiting()
    if tally is None:
        return Talked(0, waiting, is_over=False)
    return Talked(tally.entries_received, waiting, tuple(tally.refused))


def no_parent() -> LocalFault:
    """The refusal to talk upward from the top."""
    return LocalFault("no_parent", "nobody is above the county; its townships talk to it by themselves")


# --- the running node's side -----------------------------------------------------------------------------------------


class Doorman:
    """Holds the token of one start; writes the file when the node listens, removes it at the end."""

    def __init__(self, home: Home, salts: Salts, certificate: bytes = b"") -> None:
        """`certificate`: the digest of the TLS certificate, if TLS is spoken."""
        self._file = home.local
        self._token = salts.draw(TOKEN_BYTES).hex()
        self._certificate = certificate.hex()

    def open(self, names: Sequence[tuple[str, int]]) -> None:
        """Say where the node listens: the first of these sockets' (host, port) that is on loopback."""
        for host, port in names:
            if is_loopback(host):
                scheme = "https" if self._certificate else "http"
                shown = f"[{host}]" if ":" in host else host
                door = Door(f"{scheme}://{shown}:{port}", self._token, self._certificate)
                write_private(self._file, msgspec.json.encode(door))
                return

    def close(self) -> None:
        """Remove the file."""
        remove(self._file)

    def is_token(self, text: str) -> bool:
        """Whether a caller brought the token, compared in constant time."""
        return hmac.compare_digest(text.encode(), self._token.encode())


# --- the command line's side -----------------------------------------------------------------------------------------


class RunningNode:
    """The process that holds a node's pen, as a verb beside it sees it. Every method raises its refusal."""

    def __init__(self, door: Door) -> None:
        self._token = bytes.fromhex(door.token)
        self._wire = Wire(door.address, idle_s=ANSWER_S, answer_bytes_max=ANSWER_BYTES_MAX)
        self._certificate = bytes.fromhex(door.certificate)

    @classmethod
    def find(cls, home: Home) -> "RunningNode":
        """The node that runs in a folder. Raises `LocalFault` `not_reachable` when it says nothing about itself."""
        try:
            return cls(msgspec.json.decode(home.local.read_bytes(), type=Door))
        except (OSError, ValueError, LocalFault) as error:
            raise _not_reachable() from error

    async def countersign(self, device: NodeId) -> WrittenEntry:
        """See `office.enrolling.Enrolling.countersign`."""
        return await self._ask(COUNTERSIGN_PATH, Countersign(device), WrittenEntry)

    async def revoke(self, device: NodeId, reason: str, officer: str = COMMAND_LINE) -> WrittenEntry:
        """See `office.devices.Devices.revoke`."""
        return await self._ask(REVOKE_PATH, Revoke(device, reason, officer), WrittenEntry)

    async def replace(self, office: OfficeId, reason: str, officer: str) -> "Sheet":
        """See `office.devices.Devices.replace`."""
        from office.enrolling import Sheet

        return await self._ask(REPLACE_PATH, Replace(office, reason, officer), Sheet)

    async def publish(self, publication: Publication) -> WrittenEntries:
        """See `office.publishing.Publishing.publish`."""
        return await self._ask(PUBLISH_PATH, Publish(publication), WrittenEntries)

    async def carry_out(self, old: OfficeId, officer: OfficerId, approver: OfficerId, reason: str) -> "Carried":
        """See `office.moving.Moving.carry_out`."""
        from office.moving import Carried

        return await self._ask(CARRY_OUT_PATH, CarryOut(old, officer, approver, reason), Carried)

    async def erase(self, question: Erase) -> WrittenEntries:
        """See `office.erasure_orders.ErasureOrders.order`."""
        return await self._ask(ERASE_PATH, question, WrittenEntries)

    async def sync(self) -> Talked:
        """Let it talk with the node above now, and wait for the end of that conversation."""
        return await self._ask(SYNC_PATH, None, Talked)

    async def status(self) -> Status:
        """How it stands."""
        return await self._ask(STATUS_PATH, None, Status)

    async def _ask(self, path: str, question: Struct | None, kind: type[T]) -> T:
        return self.understand(await self.send(path, msgspec.json.encode(question)), kind)

    def understand(self, answer: bytes, kind: type[T]) -> T:
        """An answer in JSON. Raises `LocalFault` `other_version`."""
        try:
            return msgspec.json.decode(answer, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise LocalFault(
                "other_version",
                "the running node answers as another version of this program does; restart it, then try again",
            ) from error

    async def send(self, path: str, body: bytes, content_type: str = JSON_TYPE) -> bytes:
        """Ask it something of another form. Raises the refusal, or `LocalFault` `not_reachable`."""
        try:
            reply = await self._wire.post(
                path, body, under=self._certificate, token=self._token, content_type=content_type
            )
        except (LineDown, RemoteFault) as fault:
            # Nobody, or somebody else: the file was left behind by a process that was killed.
            raise _not_reachable() from fault
        finally:
            self._wire.hang_up()
        if not 200 <= reply.status < 300:
            raise _refused(reply.body)
        return reply.body


def _refused(body: bytes) -> Refused | LocalFault:
    """The node's refusal, to be printed as it stands."""
    try:
        refusal = msgspec.json.decode(body, type=LocalRefusal)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _not_reachable()
    return Refused(refusal.code, refusal.zh, refusal.en)


def _not_reachable() -> LocalFault:
    return LocalFault(
        "not_reachable",
        "another process holds this node's pen and does not answer: it is starting or stopping, or another verb is at "
        "work; wait a moment and try again, or stop it first",
    )


async def find_status(folder: Path) -> Status:
    """How a node stands, running or not. Raises what `Node.open` raises."""
    home = Home(folder)
    if home.local.exists():
        try:
            return await RunningNode.find(home).status()
        except LocalFault as fault:
            # A file that a killed process left behind.
            if fault.code != "not_reachable":
                raise
    node = await Node.open(folder, with_pen=False)
    try:
        return await status_of(node)
    finally:
        await node.close()


async def publish(folder: Path, publication: Publication) -> int:
    """Publish with a node's pen, whoever has it. Returns how many entries were written. Raises the refusal."""

    async def here(node: Node) -> int:
        return await node.publishing.publish(publication)

    async def there(running: RunningNode) -> int:
        return (await running.publish(publication)).count

    async def ready(node: Node) -> None:
        await node.publishing.check(publication)

    return await at_the_pen(folder, here, there, ready=ready)


async def at_the_pen(
    folder: Path,
    here: Callable[[Node], Awaitable[T]],
    there: Callable[[RunningNode], Awaitable[T]],
    *,
    ready: Ready = no_conditions,
    progress: Progress = no_progress,
) -> T:
    """Do something with a node's pen: `here` when no process has it, else by asking the one that has it.

    `ready`: raises what would be refused anyhow, before the pen writes anything (`Node.open`).
    """
    try:
        node = await Node.open(folder, ready=ready, progress=progress)
    except LocalFault as fault:
        if fault.code != "second_writer":
            raise
        return await there(RunningNode.find(Home(folder)))
    try:
        return await here(node)
    finally:
        await node.close()
