"""Papers for transport tests: a policy that is told everything, and two nodes with shelves."""

from collections.abc import Sequence
from random import Random

from office.node import Node
from schemas.names import NodeId
from schemas.papers import PaperWant
from sync.core.papers import RANK_POLICY, Wanted
from sync.memory import MemoryShelf
from sync.papers import PaperLine, PaperResponder, PaperSide, PaperTransport, carry_all
from tests.support.line import Party, VirtualTime


class ToldPolicy:
    """`sync.ports.PaperPolicy` that wants and allows what it is told."""

    def __init__(self) -> None:
        self.wants: dict[bytes, Wanted] = {}
        self.allowed: dict[bytes, int] = {}
        """What any neighbour may have: digest → size."""
        self.whole_there: list[bytes] = []
        self.absent_there: list[bytes] = []
        self.spoilt: list[tuple[bytes, bool]] = []
        self.missing: list[bytes] = []
        self.stated: list[PaperWant] = []
        self.offered: list[bytes] = []
        self.room = True

    def want(self, content_size: int, digest: bytes, rank: int = RANK_POLICY) -> None:
        """From now on this paper is wanted."""
        self.wants[digest] = Wanted(rank, content_size, digest)

    async def knows_any(self) -> bool:
        """See `PaperPolicy.knows_any`."""
        return bool(self.wants or self.allowed)

    async def wanted(self, neighbour: NodeId) -> list[Wanted]:
        """See `PaperPolicy.wanted`."""
        return list(self.wants.values())

    def has_room(self) -> bool:
        """See `PaperPolicy.has_room`."""
        return self.room

    async def offers(self, neighbour: NodeId) -> list[bytes]:
        """See `PaperPolicy.offers`."""
        return self.offered

    async def size_for(self, neighbour: NodeId, digest: bytes) -> int | None:
        """See `PaperPolicy.size_for`."""
        return self.allowed.get(digest)

    async def came(self, digest: bytes) -> None:
        """See `PaperPolicy.came`."""
        self.wants.pop(digest, None)

    async def spoiled(self, neighbour: NodeId, digest: bytes, *, set_aside: bool) -> None:
        """See `PaperPolicy.spoiled`."""
        self.spoilt.append((digest, set_aside))

    def retried(self) -> list[bytes]:
        """See `PaperPolicy.retried`: nobody asks."""
        return []

    async def missed(self, neighbour: NodeId, digest: bytes, size: int) -> None:
        """See `PaperPolicy.missed`."""
        self.missing.append(digest)

    async def heard(
        self,
        neighbour: NodeId,
        wants: Sequence[PaperWant],
        whole: Sequence[bytes],
        absent: Sequence[bytes],
        *,
        is_all: bool,
    ) -> None:
        """See `PaperPolicy.heard`."""
        self.stated = list(wants)
        self.whole_there += whole
        self.absent_there += absent


class Holder:
    """One node's papers: shelf and policy."""

    def __init__(self, party: Party, scale: VirtualTime | None = None) -> None:
        self.party = party
        self.shelf = MemoryShelf()
        self.policy = ToldPolicy()
        self.scale = scale or VirtualTime()

    def take_in(self, seed: int, size: int) -> bytes:
        """A paper of our own that any neighbour may have; returns its digest."""
        digest = self.shelf.keep(Random(seed).randbytes(size))
        self.policy.allowed[digest] = size
        return digest

    def line(self, transport: PaperTransport) -> PaperLine:
        """The papers' conversation of this node with the node above."""
        return PaperLine(self.party.pen, transport, self.shelf, self.policy, self.scale)

    def responder(self) -> PaperResponder:
        """The answers of this node to those below."""
        return PaperResponder(self.party.pen, self.party.store, self.shelf, self.policy, self.scale)

    def side(self, neighbour: Party) -> PaperSide:
        """What this node says to a neighbour, and what it makes of what that says."""
        return PaperSide(self.party.pen, neighbour.node, self.shelf, self.policy, self.scale)


class HandedOver:
    """A papers' transport without a network: the parent's responder is called at once."""

    def __init__(self, child: NodeId, parent: NodeId, responder: PaperResponder) -> None:
        self.messages: list[bytes] = []
        self._child = child
        self._parent = parent
        self._responder = responder

    async def connect(self) -> NodeId:
        """See `PaperTransport.connect`."""
        return self._parent

    async def exchange_papers(self, message: bytes) -> bytes:
        """See `PaperTransport.exchange_papers`."""
        self.messages.append(message)
        return await self._responder.respond(self._child, message)


def answering(node: Node) -> PaperResponder:
    """What an open node answers those below."""
    return PaperResponder(node.writer, node.store, node.papers, node.paper_wants, node.clock)


async def carry_papers(low: Node, high: Node) -> HandedOver:
    """Everything between two open nodes, until nothing is left to carry."""
    transport = HandedOver(low.books.seat.node, high.books.seat.node, answering(high))
    await carry_all(PaperLine(low.writer, transport, low.papers, low.paper_wants, low.clock))
    return transport
