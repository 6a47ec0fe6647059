"""Which papers a node should have of a case, and who may have one: pure, by case and seat.

A township has every paper of the cases it has. The county has those of cases that one of its own offices holds or held,
and otherwise only what a person or the audit asks for. A village has its own; after the loss of its device the small
pictures of its open cases come back by themselves, the rest on request. A paper is for whoever reads a case that names
it, and for those above them, like the case itself (`office.routing.readers_of`).
Never asks, never stores. Next: `office.paper_wants` (who asks), `sync.papers` (how they come).
"""

from collections.abc import Collection, Iterator
from typing import Final

from msgspec import Struct

from office.routing import readers_of
from schemas.casework.casefile import CaseFile
from schemas.casework.stages import ENDED, Stage
from schemas.divisions import Tier, tier_of_office
from schemas.names import NodeId, OfficeId, seat_of, within
from schemas.papers import PaperRef
from sync.books import Books
from sync.core.papers import RANK_POLICY, RANK_THUMBNAIL

_OVER: Final = ENDED | {Stage.HANDED_OVER}
"""Nobody works on it any more."""


class Need(Struct, frozen=True):
    """A paper that a node should have."""

    digest: bytes
    size: int
    rank: int
    origin: OfficeId
    """Who brought it: it comes from there."""


def origins(case: CaseFile) -> Iterator[tuple[PaperRef, OfficeId]]:
    """Every paper of a case with the office that brought it, each once."""
    counted = {paper.digest for paper in case.papers}
    seen: set[bytes] = set()
    brought = [(one.papers, one.office) for one in case.contributions if one.papers]
    if case.filing is not None:
        brought.insert(0, (case.filing.papers, case.filing.office))
    for papers, office in brought:
        for paper in papers:
            if paper.digest in counted and paper.digest not in seen:
                seen.add(paper.digest)
                yield paper, office


def files_of(paper: PaperRef) -> Iterator[tuple[bytes, int]]:
    """(digest, size) of a paper and, before it, of its small picture: both are shipped alike."""
    if paper.thumbnail is not None and paper.thumbnail_size:
        yield paper.thumbnail, paper.thumbnail_size
    yield paper.digest, paper.size


def needs_of(case: CaseFile, seat: OfficeId) -> list[Need]:
    """What the node of this seat should have of a case by itself, whether it is there or not.

    Nothing of a case that it reads no more: whoever declined an offer needs no photographs of it.
    """
    if not may_have(case, seat):
        return []
    tier = tier_of_office(seat)
    if tier is Tier.COUNTY and all(seat_of(holder) != seat for holder in case.holders):
        return []
    if tier is Tier.VILLAGE and case.stage in _OVER:
        return []
    found: list[Need] = []
    for paper, origin in origins(case):
        if tier is Tier.VILLAGE and seat_of(origin) != seat:
            continue
        for digest, size in files_of(paper):
            if digest != paper.digest:
                found.append(Need(digest, size, RANK_THUMBNAIL, origin))
            elif tier is not Tier.VILLAGE:
                found.append(Need(digest, size, RANK_POLICY, origin))
    return found


def sources(books: Books, origin: OfficeId, lacking: Collection[NodeId]) -> set[NodeId]:
    """Whom to ask for a paper: toward the office that brought it; for our own, and where that neighbour is among those
    `lacking` it, the node above.
    """
    toward = books.hop(origin)
    found = {toward} if toward is not None else set[NodeId]()
    if books.parent is not None and (toward is None or toward in lacking):
        found.add(books.parent)
    return found


def may_have(case: CaseFile, seat: OfficeId) -> bool:
    """Whether a seat, or one below it, reads the case: then its node may have the case's papers."""
    return any(within(seat_of(reader), seat) for reader in readers_of(case))


def size_in(case: CaseFile, digest: bytes) -> int | None:
    """The size of a paper or small picture that a case names; None: it names no such."""
    return next((size for paper in case.papers for one, size in files_of(paper) if one == digest), None)
