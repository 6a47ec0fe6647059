"""The papers (附件) of a case as pages and interface show them: what, how large, here or not, how far they have gone.

Whether a paper may be opened follows the reader's sight of the case; its own state of travel is `office.paper_wants`'.
Never shows a paper itself. Next: `office.web.pages.papers`, which does.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

from office.paper_wants import PaperState
from office.web.views import Sights
from schemas.casework.casefile import CaseFile
from schemas.casework.visibility import FieldGroup, Sight
from schemas.papers import PaperRef

if TYPE_CHECKING:
    from office.node import Node


class PaperView(Struct, frozen=True):
    """One paper of a case."""

    digest: str
    """64 hexadecimal digits: its name, and its place in the interface."""
    material: str
    media: str
    size: int
    """Bytes."""
    here: int
    """Bytes of it that are on this computer; all: it can be opened."""
    is_coming: bool
    is_asked: bool
    """Somebody here asked for it."""
    is_set_aside: bool
    """It came damaged several times and is tried again later."""
    is_missing: bool
    """Whoever was asked for it had it not."""
    above: str
    """`office.paper_wants.Above`: how it stands with the node above."""
    above_held: int
    has_picture: bool
    """A small picture of it is here, and may be shown without a further word."""

    @property
    def is_here(self) -> bool:
        """Whether it can be opened."""
        return self.here == self.size

    @property
    def percent_here(self) -> int:
        """How much of it has come; 100 only when it is whole."""
        return 100 * self.here // self.size

    @property
    def percent_above(self) -> int:
        """How much of it the node above has."""
        return 100 * self.above_held // self.size


async def paper_views(node: "Node", case: CaseFile, sights: Sights) -> tuple[PaperView, ...]:
    """The papers of a case, in its order; none for whom they are hidden. `sights`: the reader's, none lifted."""
    named = case.papers
    if not named or sights[FieldGroup.PAPERS] is Sight.HIDDEN:
        return ()
    states = await node.paper_wants.states(named)
    is_clear = sights[FieldGroup.PAPERS] is Sight.CLEAR
    return tuple([await _view(node, paper, states[paper.digest], is_clear=is_clear) for paper in named])


async def _view(node: "Node", paper: PaperRef, state: PaperState, *, is_clear: bool) -> PaperView:
    small = paper.thumbnail
    has_picture = (
        is_clear and small is not None and await node.papers.held(small, paper.thumbnail_size) == paper.thumbnail_size
    )
    return PaperView(
        paper.digest.hex(),
        paper.material,
        paper.media,
        paper.size,
        state.here,
        state.is_coming,
        state.is_asked,
        state.is_set_aside,
        state.is_missing,
        state.above.value,
        state.above_held,
        has_picture,
    )
