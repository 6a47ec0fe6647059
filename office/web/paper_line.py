"""Papers on the page of the line: what waits to go up or to come, how much that is, and how long it will take.

Said beside the entries, never among them: a case is safe above when its entries are, and its photographs follow.
Reads, changes nothing. Next: `office.paper_wants` (who knows), `office.web.line` (the same for entries).
"""

from msgspec import Struct

from office.node import Node

MINUTE_S = 60


class PapersOnLine(Struct, frozen=True):
    """What the page says. Bytes; `minutes` is None before anything was measured."""

    up: int
    up_bytes: int
    minutes: int | None
    coming: int
    coming_bytes: int
    set_aside: int
    """Came damaged several times; tried again later."""
    is_carrying: bool
    is_unsupported: bool
    """The node above is of a version without papers."""
    code: str
    hint: str
    takes_papers: bool
    """Whether the disk has room for what is to come."""

    @property
    def is_any(self) -> bool:
        """Whether there is anything to say."""
        return bool(self.up or self.coming or self.set_aside or self.code)


async def papers_on_line(node: Node) -> PapersOnLine:
    """How papers stand at this node."""
    up, up_bytes = await node.paper_wants.waiting_above()
    coming, coming_bytes = node.paper_wants.waiting_here()
    line = node.line_up
    rate = line.papers_rate_bytes_s if line is not None else None
    return PapersOnLine(
        up=up,
        up_bytes=up_bytes,
        minutes=-(-int(up_bytes / rate) // MINUTE_S) if rate and up_bytes else None,
        coming=coming,
        coming_bytes=coming_bytes,
        set_aside=node.paper_wants.set_aside(),
        is_carrying=line is not None and line.is_carrying,
        is_unsupported=line is not None and line.papers_unsupported,
        code=line.papers_code if line is not None else "",
        hint=line.papers_hint if line is not None else "",
        takes_papers=node.storage.takes_papers(),
    )
