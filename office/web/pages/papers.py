"""Opening a paper (附件): its small picture, the paper itself, and asking for one that is not here.

Every full view is written down before it happens, with who and when; who only watches over the case states a purpose,
as for all hidden data. A paper is sent as what it is and nothing else: no sniffing, no script, no cache, and a PDF,
which cannot be drawn anew, only as a download. Never says whether a paper exists to whom the case is not open.
Next: `office.web.paper_views` (the list), `office.papers` (the shelf), `office.paper_wants` (fetching).
"""

from collections.abc import AsyncIterator
from typing import Final

from litestar import Response, Router, get, post
from litestar.params import FromPath
from litestar.response import Stream

from office.access_log import PurposeRefused
from office.papers import FolderShelf
from office.web import guards
from office.web.acting import read_case_id
from office.web.guards import CASEWORK, AnyRequest, Scope
from office.web.inputs import read_form
from office.web.pages.front import see_other
from office.web.site import site_of
from schemas.casework.casefile import CaseFile
from schemas.casework.reasons import NotPermitted
from schemas.casework.visibility import FieldGroup, Sight, sight_of
from schemas.names import HASH_BYTES
from schemas.papers import PaperRef
from schemas.refusals import Refused
from sync.core.errors import LocalFault

PIECE_BYTES: Final = 256 * 1024
"""Read and sent at a time: a paper is never whole in this process."""

WORKING: Final = "经办本件"
"""The purpose recorded for an office that is at work on the case; the log is the county's and the resident's."""

HEADERS: Final = {
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
}
ENDINGS: Final = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}


class NoSuchPaper(Refused):
    """The case names no such paper."""

    def __init__(self) -> None:
        super().__init__(
            "no_such_paper",
            "本件没有这个附件；请回到办件页面重新打开。",
            "The case has no such paper; go back to its page and open it from there.",
        )


@get("/captured/{word:str}", opt=guards.officer(Scope.THIS_NODE, CASEWORK))
async def show_captured(request: AnyRequest, word: FromPath[str]) -> Response[bytes]:
    """The small picture of what this officer has just photographed, for the form that is shown again."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    return await _small(site.node.papers, site.paper_tokens.read(signed_in.officer, word).paper)


@get("/cases/{case:str}/papers/{digest:str}/small", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def show_small(request: AnyRequest, case: FromPath[str], digest: FromPath[str]) -> Response[bytes]:
    """A paper's small picture, for who works on the case."""
    _, paper, sight = await _paper(request, case, digest)
    if sight is not Sight.CLEAR:
        raise NotPermitted("role_forbids")
    return await _small(site_of(request).node.papers, paper)


@get("/cases/{case:str}/papers/{digest:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def show_paper(request: AnyRequest, case: FromPath[str], digest: FromPath[str]) -> Stream:
    """A paper, for who works on the case; the look is written down."""
    file, paper, sight = await _paper(request, case, digest)
    if sight is not Sight.CLEAR:
        raise PurposeRefused
    return await _open(request, file, paper, WORKING)


@post("/cases/{case:str}/papers/{digest:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def unmask_paper(request: AnyRequest, case: FromPath[str], digest: FromPath[str]) -> Stream:
    """A paper, once the look and its purpose are written down: for who watches over the case."""
    purpose = (await read_form(request)).text("purpose")
    return await open_paper(request, case, digest, purpose)


@post(
    "/cases/{case:str}/papers/{digest:str}/fetch",
    opt=guards.officer(Scope.READABLE_CASES, CASEWORK),
    status_code=200,
)
async def fetch_paper(request: AnyRequest, case: FromPath[str], digest: FromPath[str]) -> Response[object]:
    """Ask for a paper that is not here; it comes with the line, small ones first."""
    await ask_for(request, case, digest)
    return see_other(f"/cases/{case}#papers")


router = Router("/", route_handlers=[show_captured, show_small, show_paper, unmask_paper, fetch_paper])


async def open_paper(request: AnyRequest, case: str, digest: str, purpose: str) -> Stream:
    """A paper for whoever may see it with a stated purpose. Raises `PurposeRefused`."""
    file, paper, _ = await _paper(request, case, digest)
    return await _open(request, file, paper, purpose)


async def ask_for(request: AnyRequest, case: str, digest: str) -> None:
    """Want a paper of this case here. Also tried anew: one that kept coming damaged."""
    _, paper, _ = await _paper(request, case, digest)
    wants = site_of(request).node.paper_wants
    if paper.thumbnail is not None:
        await wants.want(paper.thumbnail, paper.thumbnail_size)
    await wants.want(paper.digest, paper.size)


async def _paper(request: AnyRequest, case: str, digest: str) -> tuple[CaseFile, PaperRef, Sight]:
    """(case, paper, how the reader sees papers). Raises `NotPermitted` and `NoSuchPaper`."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    file = (await site.node.worklists.get_case(signed_in.office, read_case_id(case))).file
    sight = sight_of(file, signed_in.office, signed_in.roles)[FieldGroup.PAPERS]
    if sight in (Sight.HIDDEN, Sight.MASKED):
        raise NotPermitted("role_forbids")
    name = bytes.fromhex(digest) if len(digest) == 2 * HASH_BYTES and _is_hex(digest) else b""
    paper = next((one for one in file.papers if one.digest == name), None)
    if paper is None:
        raise NoSuchPaper
    return file, paper, sight


def _is_hex(text: str) -> bool:
    return text.isascii() and all(one in "0123456789abcdef" for one in text)


async def _open(request: AnyRequest, file: CaseFile, paper: PaperRef, purpose: str) -> Stream:
    site, signed_in = site_of(request), guards.get_signed_in(request)
    shelf, name = site.node.papers, paper.digest.hex()[:12]
    # Before anything is written down: a look at what is not here would be none.
    first = await _first(request, shelf, paper)
    await site.access_log.record(signed_in.officer, signed_in.office, file.case, purpose, deed=f"附件 {name}")
    shown = "attachment" if paper.media == "application/pdf" else "inline"
    headers = {
        **HEADERS,
        "content-disposition": f'{shown}; filename="{name}.{ENDINGS.get(paper.media, "bin")}"',
        "content-length": str(paper.size),
    }
    media = paper.media if paper.media in ENDINGS else "application/octet-stream"
    return Stream(lambda: _rest(shelf, paper, first), media_type=media, headers=headers)


async def _first(request: AnyRequest, shelf: FolderShelf, paper: PaperRef) -> bytes:
    """How the paper begins. One that is damaged here is asked for anew. Raises `LocalFault`."""
    try:
        return await shelf.read(paper.digest, 0, min(PIECE_BYTES, paper.size))
    except LocalFault as fault:
        if fault.code == "paper_damaged":
            await site_of(request).node.paper_wants.want(paper.digest, paper.size)
        raise


async def _rest(shelf: FolderShelf, paper: PaperRef, first: bytes) -> AsyncIterator[bytes]:
    yield first
    for offset in range(len(first), paper.size, PIECE_BYTES):
        yield await shelf.read(paper.digest, offset, min(PIECE_BYTES, paper.size - offset))


async def _small(shelf: FolderShelf, paper: PaperRef) -> Response[bytes]:
    if paper.thumbnail is None:
        raise NoSuchPaper
    content = await shelf.read(paper.thumbnail, 0, paper.thumbnail_size)
    return Response(content, media_type="image/jpeg", headers=HEADERS)
