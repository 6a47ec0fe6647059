"""Forms with files: read as they come, so that no file is ever whole in this process or in clear on its disk.

The texts of such a form stand before its files. They are read at once, for the check of the form's token and for
whoever must show them again; the files are left on the line until a handler that an officer was let in to takes them,
one after the other, straight into `office.capturing`. Litestar's own reading would spool each file to a folder of the
system. What was captured survives a refused form: it is on the shelf, and the form carries a sealed word for it that
only this officer's forms bring back. Never shows or keeps a file's name but to who sent it.
Next: `office.web.pages.filing`, `office.web.pages.papers`.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Any, Final, cast

from litestar import Request
from litestar.datastructures import FormMultiDict
from litestar.exceptions import ClientException, HTTPException
from litestar.status_codes import HTTP_413_REQUEST_ENTITY_TOO_LARGE
from litestar.types import Message
from litestar.types import Scope as AsgiScope
from litestar.utils.scope.state import ScopeState
from msgspec import Struct
from multipart import MultipartSegment, ParserError, ParserLimitReached, PushMultipartParser

from office.capturing import Captured
from office.paper_rules import TooManyPapers
from office.web.errors import answer_for
from office.web.forms import Problem
from office.web.guards import AnyRequest, get_signed_in
from office.web.i18n import n_
from office.web.inputs import FIELDS_MAX, Form
from office.web.security import REQUEST_BYTES_MAX
from office.web.site import language_for, site_of
from schemas.papers import PAPER_BYTES_MAX, PAPERS_MAX, PaperRef
from schemas.refusals import Refused
from sync.core.errors import Busy

UPLOADS: Final = "uploads"
"""Key of a handler's options: it takes files."""

FORM_BYTES_MAX: Final = PAPERS_MAX * PAPER_BYTES_MAX + 2 * REQUEST_BYTES_MAX
"""As many papers as a case may have, and the form around them. Refused by the stated length before a byte is read."""

DRAIN_S: Final = 30.0
"""A browser that is still sending does not listen: the rest is read, and thrown away, before it is answered."""

FILE_NAME_SHOWN: Final = 40

WORDS: Final = "paper"
"""Field: the words for what was captured before."""
TAKEN_OFF: Final = "drop"
"""Field: the words of those that are not wanted any more."""
FILES: Final = "files:"
"""Beginning of the name of a field with files; the material follows."""
CONFIRM_BLURRED: Final = "confirm_blurred"
"""Field: the officer has looked, and these can be read (`blurred_of`)."""
CHECK_BLURRED: Final = n_("Photograph it again, or confirm that it can be read.")

_STASH: Final = "tongban_files"


class UploadTooLarge(Refused):
    """More than a whole form of papers may have; nothing was read."""

    def __init__(self) -> None:
        super().__init__(
            "upload_too_large",
            "所选文件合计过大，没有上传，其他内容也没有写入；每个文件最多 10 兆字节，请减少文件或降低分辨率后再提交。",
            "The chosen files are too large together: none was taken in, and nothing was written. A file has at most "
            "10 MB; choose fewer, or lower their resolution, and send the form again.",
        )


class Uploaded(Struct, frozen=True):
    """The papers of a form: those that it brought back, and those that came with it."""

    captured: tuple[Captured, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Files that became no paper."""


class CapturedView(Struct, frozen=True):
    """A captured paper as a form shows it and brings it back."""

    word: str
    material: str
    size: int
    media: str
    is_blurred: bool

    @property
    def is_picture(self) -> bool:
        """Whether there is a small picture of it."""
        return self.media != "application/pdf"


class Files:
    """The parts of a form, as they come."""

    def __init__(self, stream: AsyncGenerator[bytes], boundary: bytes) -> None:
        self._events = _events(stream, boundary)
        self._next: MultipartSegment | None = None
        self._is_over = False

    async def texts(self) -> dict[str, list[str]]:
        """The texts before the first file, or before the end."""
        found: dict[str, list[str]] = {}
        segment, text, size = None, bytearray(), 0
        async for event in self._events:
            if isinstance(event, MultipartSegment):
                if event.filename is not None:
                    self._next = event
                    return found
                segment, text = event, bytearray()
            elif event:
                size += len(event)
                if size > REQUEST_BYTES_MAX:
                    raise ClientException(status_code=HTTP_413_REQUEST_ENTITY_TOO_LARGE)
                text += event
            elif segment is not None:
                found.setdefault(segment.name or "", []).append(_text(text))
        self._is_over = True
        return found

    async def __aiter__(self) -> AsyncIterator[tuple[str, str, AsyncIterator[bytes]]]:
        """(field, what the sender calls it, its bytes) of each file; texts between files are passed over."""
        while not self._is_over:
            if self._next is None:
                await self.texts()
                continue
            segment, self._next = self._next, None
            pieces = self._pieces()
            yield segment.name or "", segment.filename or "", pieces
            async for _ in pieces:
                """What the taker left."""

    async def _pieces(self) -> AsyncIterator[bytes]:
        async for event in self._events:
            if event is None:
                return
            assert isinstance(event, bytes | bytearray)
            yield bytes(event)
        self._is_over = True

    async def drain(self) -> None:
        """Read what is left and throw it away, for a while."""
        with contextlib.suppress(HTTPException, TimeoutError, RuntimeError):
            async with asyncio.timeout(DRAIN_S):
                async for _ in self._events:
                    """Nobody wants it."""
        self._is_over = True


async def _events(
    stream: AsyncGenerator[bytes], boundary: bytes
) -> AsyncGenerator[MultipartSegment | bytes | bytearray | None]:
    """What the parser says: a part begins, bytes of it, None at its end."""
    try:
        with PushMultipartParser(boundary, max_segment_count=FIELDS_MAX + 4 * PAPERS_MAX) as parser:
            async for chunk in stream:
                for event in parser.parse(chunk):
                    yield event
                if parser.closed:
                    return
    except (ParserError, ParserLimitReached) as error:
        raise ClientException("not a form") from error


class OfficeRequest(Request[Any, Any, Any]):
    """A request whose handler may take files: then reading the form reads its texts only, and little else."""

    async def form(self) -> FormMultiDict:
        """See `litestar.Request.form`."""
        state = ScopeState.from_scope(self.scope)
        if UPLOADS in self.scope["route_handler"].opt and not isinstance(state.form, dict):
            try:
                await self._read_texts(state)
            except HTTPException as error:
                if error.status_code == HTTP_413_REQUEST_ENTITY_TOO_LARGE:
                    raise UploadTooLarge from None
                raise
        return await super().form()

    async def _read_texts(self, state: ScopeState) -> None:
        kind, options = self.content_type
        if kind == "multipart/form-data" and "boundary" in options:
            files = Files(self.stream(), options["boundary"].encode())
            cast("dict[str, Any]", self.scope)[_STASH] = files
            found = (await files.texts()).items()
            state.form = cast("Any", {name: texts if len(texts) > 1 else texts[0] for name, texts in found})
            return
        # The route's own limit is for files: a form without them stays as small as everywhere.
        body = b""
        async for chunk in self.stream():
            body += chunk
            if len(body) > REQUEST_BYTES_MAX:
                raise ClientException(status_code=HTTP_413_REQUEST_ENTITY_TOO_LARGE)
        self._body = state.body = body


async def drain_files(message: Message, scope: AsgiScope) -> None:
    """A `before_send` hook: a refusal reaches only a browser that has finished sending."""
    files = _files_of(scope) if message["type"] == "http.response.start" else None
    if files is not None:
        await files.drain()


def _files_of(scope: AsgiScope) -> Files | None:
    files = cast("dict[str, Any]", scope).get(_STASH)
    return files if isinstance(files, Files) else None


def _text(raw: bytearray) -> str:
    """A field's text; what is no UTF-8 shows as such and is refused by whoever reads the form."""
    return raw.decode("utf-8", errors="replace")


# --- papers of a form ------------------------------------------------------------------------------------------------


async def read_upload(request: AnyRequest, form: Form) -> Uploaded:
    """The papers that `form` brings back but for those taken off, and its files made papers.

    A file's field names the material that it shows. A file that becomes no paper is a problem of its
    field, under the name that it was sent with. Raises `PaperNotHere` for a word that is none of this officer's.
    """
    site, officer = site_of(request), get_signed_in(request).officer
    words, taken_off = form.texts(WORDS), set(form.texts(TAKEN_OFF))
    brought_back = [site.paper_tokens.read(officer, word) for word in words if word not in taken_off]
    found = {one.paper.digest: one for one in brought_back}
    problems: list[Problem] = []
    async for field, name, pieces in _files_of(request.scope) or _no_files():
        # Where no file was chosen, a browser sends a part without a name.
        if not name:
            continue
        try:
            if len(found) >= PAPERS_MAX:
                raise TooManyPapers
            captured = await site.node.capturing.capture(pieces, field.removeprefix(FILES))
        except (Refused, Busy) as refusal:
            sentence = answer_for(refusal, language_for(request)).sentence
            problems.append(Problem(field, sentence, name[:FILE_NAME_SHOWN]))
        else:
            found.setdefault(captured.paper.digest, captured)
    return Uploaded(tuple(found.values()), tuple(problems))


def views_of(request: AnyRequest, captured: Sequence[Captured]) -> tuple[CapturedView, ...]:
    """Papers for the form that is shown again."""
    tokens, officer = site_of(request).paper_tokens, get_signed_in(request).officer
    return tuple(
        CapturedView(tokens.word_for(officer, one), one.paper.material, one.paper.size, one.paper.media, one.is_blurred)
        for one in captured
    )


def to_look_at(form: Form, uploaded: Uploaded) -> tuple[Problem, ...]:
    """What keeps a form with papers from being taken: files that became none, and what may be too blurred to read."""
    blurred = blurred_of(uploaded.captured)
    if uploaded.problems or not blurred or form.text(CONFIRM_BLURRED) == blurred:
        return uploaded.problems
    return (Problem(CONFIRM_BLURRED, CHECK_BLURRED),)


def blurred_of(captured: Sequence[Captured]) -> str:
    """Which of these papers somebody must say can be read, as the form says it; empty = none."""
    return " ".join(one.paper.digest.hex()[:16] for one in captured if one.is_blurred)


async def _no_files() -> AsyncIterator[tuple[str, str, AsyncIterator[bytes]]]:
    for nothing in ():
        yield nothing


def papers_of(captured: Sequence[Captured]) -> tuple[PaperRef, ...]:
    """What an entry names."""
    return tuple(one.paper for one in captured)
