"""What must hold of the papers (附件) that an officer's entry names: refused at the pen, never at the post.

Each lies whole on this node's own shelf, small picture and all, and a case names twenty at most. Never looks into a
paper. Next: `office.papers` (the shelf), `office.capturing` (what may become a paper), `office.pencil`, which asks.
"""

from collections.abc import Sequence
from typing import Protocol

from schemas.casework.casefile import CaseFile
from schemas.papers import PAPERS_MAX, PaperRef
from schemas.refusals import Refused


class Shelf(Protocol):
    """As much of `office.papers.FolderShelf` as the pen needs."""

    async def claim(self, digest: bytes, size: int) -> bool:
        """Whether the paper is whole here; if so it stays."""
        ...


class NoShelf:
    """For a pen without papers: none is here."""

    async def claim(self, digest: bytes, size: int) -> bool:
        """See `Shelf.claim`."""
        return False


class PaperNotHere(Refused):
    """An entry would name a paper that is not whole on this computer."""

    def __init__(self) -> None:
        super().__init__(
            "paper_not_here",
            "有附件不在本机（可能已超过一天未提交而被清理），没有写入；请移除该附件，重新拍摄或选择文件后再提交。",
            "A paper is not on this computer: what is not sent for a day is cleared away. Nothing was written; take it "
            "off, photograph it or choose the file again, and send the form.",
        )


class TooManyPapers(Refused):
    """More papers than a case may have."""

    def __init__(self) -> None:
        super().__init__(
            "too_many_papers",
            f"一件最多 {PAPERS_MAX} 个附件，没有写入；请把同一份材料的多页扫描成一个 PDF，或去掉不需要的照片。",
            f"A case has at most {PAPERS_MAX} papers; nothing was written. Scan the pages of one material into one "
            "PDF, or leave out photographs that are not needed.",
        )


def check_count(case: CaseFile | None, papers: Sequence[PaperRef]) -> None:
    """Raise `TooManyPapers` when the case (None: it is being filed) would name more than it may."""
    here = case.papers if case is not None else ()
    if len({paper.digest for paper in (*here, *papers)}) > PAPERS_MAX:
        raise TooManyPapers


async def check_papers(shelf: Shelf, case: CaseFile | None, papers: Sequence[PaperRef]) -> None:
    """Raise `TooManyPapers` or `PaperNotHere`, or have the shelf hold what the entry is about to name."""
    check_count(case, papers)
    for paper in papers:
        is_here = await shelf.claim(paper.digest, paper.size)
        if is_here and paper.thumbnail is not None:
            is_here = await shelf.claim(paper.thumbnail, paper.thumbnail_size)
        if not is_here:
            raise PaperNotHere
