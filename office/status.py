"""How a node stands, in counts and codes: for `status`, for programs that watch it, for a picture of the whole county.

Tells no case and no person. Reads memory and a few small tables; cheap enough to be asked twice a second.
Next: `office.web.line` for the lines in detail, `office.doctor` for what to do about it.
"""

from msgspec import Struct

from office.node import Node
from office.storage import StorageState
from office.web.line import Neighbour, neighbours_of
from schemas.names import NodeId, OfficeId, parent_seat
from sync.courier import LineState


class Status(Struct, frozen=True):
    """One node at one moment."""

    office: OfficeId
    name: str
    node: NodeId
    is_running: bool
    """Whether a serving process holds the pen; what only it knows is absent otherwise."""
    own: int
    """Entries in this device's own journals."""
    receipted: int
    """How many of them the county has signed for."""
    held: int
    """Entries of everybody that are here."""
    cases: dict[str, int]
    """The office's own cases by queue: all, held, offered, open."""
    set_aside: int
    findings: int
    is_quarantined: bool
    """Known to have been rolled back, and not yet caught up with every neighbour."""
    lines: tuple[Neighbour, ...]
    storage: StorageState
    courier: LineState | None = None
    """The line upward; None at the county, and when the node is not running."""


async def status_of(node: Node, courier: LineState | None = None, *, is_running: bool = False) -> Status:
    """The state of an open node."""
    books = node.books
    device = books.seat.node
    own = [state for state in list(books.journals.values()) if state.journal.origin == device]
    receipts = [
        row.size
        for row in await node.store.receipts()
        if row.journal.origin == device and parent_seat(row.office) is None
    ]
    return Status(
        books.seat.office,
        node.office_name(node.seat),
        device,
        is_running,
        sum(state.size for state in own),
        sum(receipts),
        books.arrival,
        {queue.value: count for queue, count in (await node.worklists.count(node.seat)).items()},
        len(await node.store.dispositions()),
        len(await node.store.evidence()),
        any(link.quarantined for link in list(books.links.values())),
        tuple(await neighbours_of(books, node.store)),
        node.storage.state(),
        courier,
    )
