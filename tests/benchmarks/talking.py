"""Two devices of a load in conversation, page by page, through the very frames that HTTP carries. Counts bytes.

Everything is the product's: `Ledger.page_for`, `frame.pack`, `frame.unpack`, `Ledger.admit`. What HTTP adds (headers,
the session's challenge once in twelve hours) is not counted. Next: `wire` (the figures), `dictionary` (the training).
"""

from collections.abc import Iterator

from msgspec import Struct

from schemas.wire import Lane, Page
from sync.frame import NO_DICTIONARY, pack, read_frame, unpack
from tests.benchmarks.corpus import Device, entries_in, run


class Exchange(Struct, frozen=True):
    """One page up and the page that answered it, as values and as bytes on the wire."""

    up: Page
    down: Page
    up_bytes: int
    down_bytes: int

    @property
    def entries(self) -> int:
        """Entries that went up."""
        return entries_in(self.up)

    @property
    def wire_bytes(self) -> int:
        """Bytes of both directions."""
        return self.up_bytes + self.down_bytes


def exchange(
    child: Device, above: Device, *, dictionary: int = NO_DICTIONARY, entries_max: int | None = None
) -> Exchange:
    """One page up, one page down, both taken in. `entries_max`: cut the page there, as on a slow line."""
    if entries_max is not None:
        child.ledger.books.links[above.id].page_entries = entries_max
    up = run(child.ledger.page_for(above.id))
    frame = pack(up, dictionary=dictionary)
    run(above.ledger.admit(unpack(read_frame(frame))))
    down = run(above.ledger.page_for(child.id, receipts_due=not up.more))
    answer = pack(down, dictionary=dictionary, answer=True)
    run(child.ledger.admit(unpack(read_frame(answer))))
    return Exchange(up, down, len(frame), len(answer))


def unsent(child: Device, above: Device) -> int:
    """How many entries the child has not sent yet."""
    return sum(end - start for _, start, end in child.ledger.books.links[above.id].unsent(Lane.RUNS))


def hand_up(
    child: Device, above: Device, *, dictionary: int = NO_DICTIONARY, entries_max: int | None = None
) -> Iterator[Exchange]:
    """Exchange until nothing of the child's waits."""
    while unsent(child, above):
        yield exchange(child, above, dictionary=dictionary, entries_max=entries_max)
