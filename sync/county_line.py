"""The village's line to the county itself, for the second path (`sync.second_path`): the same wire, another neighbour.

Papers never go this way. Next: `sync.http` (the line it is made from), `office.serving` (when it is used).
"""

from collections.abc import Sequence

from schemas.names import NodeId
from schemas.wire import Certificate
from sync import second_path
from sync.http import HttpLine


class CountyLine(HttpLine):
    """A line to the county's node. Refuses whoever answers there and is not the county's present device."""

    def is_right(self, node: NodeId) -> bool:
        """Whether this device is the one that the line is for."""
        return node == second_path.county_of(self._pen.books)

    async def meet(self, chain: Sequence[Certificate]) -> None:
        """Take note of who answers. Raises `RemoteFault`, `UnknownSender`."""
        await self._pen.look(lambda: second_path.meet(self._pen.books, list(chain)))
