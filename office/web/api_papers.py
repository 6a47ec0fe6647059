"""The JSON interface's papers (附件): send one in, open one, fetch one. Its addresses are listed in `office.web.api`.

A file is the body itself and goes straight into `office.capturing`. The answer holds a word for it, good for this
officer alone, that a filing or `papers.brought` names. Masked, logged and sent as on the pages.
Next: `office.web.uploads`, `office.web.pages.papers`.
"""

from collections.abc import Sequence

from litestar import post
from litestar.params import FromPath, FromQuery
from litestar.response import Stream
from msgspec import Struct

from office.web import guards
from office.web.guards import CASEWORK, AnyRequest, Scope
from office.web.inputs import read_json
from office.web.pages.papers import ask_for, open_paper
from office.web.security import REQUEST_BYTES_MAX
from office.web.site import site_of
from schemas.papers import PAPER_BYTES_MAX, PaperRef


class CapturedView(Struct, frozen=True):
    """A paper on this node's shelf that no entry names yet: what none names within a day is cleared away."""

    paper: str
    """The word by which a filing or an act names it."""
    media: str
    size: int
    """Bytes, after it was drawn anew."""
    is_blurred: bool
    """Somebody should look whether it can be read."""


class PurposeInput(Struct, frozen=True, forbid_unknown_fields=True):
    """Why a paper is looked at."""

    purpose: str


@post(
    "/papers",
    opt=guards.officer(Scope.THIS_NODE, CASEWORK),
    status_code=201,
    request_max_body_size=PAPER_BYTES_MAX + REQUEST_BYTES_MAX,
    media_type="application/json",
)
async def capture_paper(request: AnyRequest, material: FromQuery[str] = "") -> CapturedView:
    """Take one file in. `material`: the catalogue's name of what it shows."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    captured = await site.node.capturing.capture(request.stream(), material)
    word = site.paper_tokens.word_for(signed_in.officer, captured)
    return CapturedView(word, captured.paper.media, captured.paper.size, captured.is_blurred)


@post("/cases/{case:str}/papers/{digest:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def show_paper(request: AnyRequest, case: FromPath[str], digest: FromPath[str]) -> Stream:
    """A paper's bytes, once the look and its purpose are written down."""
    given = await read_json(request, PurposeInput)
    return await open_paper(request, case, digest, given.purpose)


@post(
    "/cases/{case:str}/papers/{digest:str}/fetch", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=204
)
async def fetch_paper(request: AnyRequest, case: FromPath[str], digest: FromPath[str]) -> None:
    """Ask for a paper that is not here."""
    await ask_for(request, case, digest)


def named(request: AnyRequest, words: Sequence[str]) -> tuple[PaperRef, ...]:
    """The papers that these words stand for. Raises `PaperNotHere`."""
    site, officer = site_of(request), guards.get_signed_in(request).officer
    return tuple(site.paper_tokens.read(officer, word).paper for word in words)
