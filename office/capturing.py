"""Taking photographs and PDF in: what an officer sends becomes a paper on this node's shelf, or is refused in words.

The bytes go straight into a process of their own (`office.capturing_child`), which looks at them, draws pictures anew
and answers; this process never decodes them, never holds a whole file and leaves no clear copy on the disk. What comes
back is checked again by size, kind and digest: the other process has touched what a stranger made. Whoever sends for
ever, or kills the child, gets a refusal, and nothing of it stays.
Never keeps or logs a file's name: it may hold a person's. Next: `office.papers` (the shelf), `office.web.uploads`.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from office import capturing_child
from office.capturing_child import PDF_START
from office.papers import FolderShelf
from schemas.papers import PAPER_BYTES_MAX, PaperRef
from schemas.refusals import Refused
from sync.core.errors import Busy, RemoteFault

SHARP_ENOUGH: Final = 100.0
"""Variance of the Laplacian: 213 for a page of text blurred by one pixel, 55 by two, 51 by four; photographs alike."""

AT_ONCE: Final = 2
"""Children at a time: each may take 200 MiB. Whoever comes third waits."""
IDLE_S: Final = 60.0
"""A browser that sends nothing for so long has gone."""
SENT_S: Final = 900.0
"""And nobody keeps a slot longer: 10 MiB take less on any network between a browser and its own office."""
ANSWER_S: Final = 60.0
"""Three times the child's own limit of CPU seconds: an old laptop does other things beside."""
GRACE_S: Final = 0.5
HEAD_BYTES_MAX: Final = 1024
PIECE_BYTES: Final = 64 * 1024

REFUSALS: Final[dict[str, tuple[str, str]]] = {
    "paper_empty": (
        "文件是空的（0 字节），没有添加；请重新拍摄，或重新选择文件。",
        "The file is empty (0 bytes) and was not added; photograph it again, or choose the file again.",
    ),
    "paper_wrong_kind": (
        "文件内容不是 JPEG、PNG 图片或 PDF（改文件名不能改变内容），没有添加；请用手机拍照，或另存为 PDF 后再选。",
        "Whatever its name says, this is no JPEG, PNG or PDF; it was not added. Take a photograph, or save it as PDF.",
    ),
    "paper_broken": (
        "文件损坏或不完整，无法打开，没有添加；请重新拍摄或重新扫描。",
        "The file is damaged or cut off and cannot be opened; it was not added. Photograph or scan it again.",
    ),
    "paper_locked": (
        "PDF 设有密码，收件单位无法打开，没有添加；请取消密码后重新保存，或改为拍照。",
        "The PDF has a password, so nobody could open it; it was not added. Save it without one, or photograph it.",
    ),
    "paper_active": (
        "PDF 含有脚本、附带文件或自动执行的内容，为安全起见没有添加；请用“打印为 PDF”重新生成，或改为拍照。",
        "The PDF holds scripts, files or actions: not added. «Print to PDF» makes a plain one; or photograph it.",
    ),
    "paper_too_large": (
        "文件超过 10 兆字节，没有添加；请降低扫描或拍照的分辨率，或把 PDF 拆成几份。",
        "The file has more than 10 MB and was not added; scan or photograph at a lower resolution, or split the PDF.",
    ),
    "paper_too_many_pixels": (
        "图片尺寸过大（照片最多 5000 万像素，PNG 图片最多 2400 万像素），没有添加；请调低分辨率重拍，或另存为 JPEG。",
        "The picture is too large (50 megapixels, as PNG 24): not added. Lower the resolution, or save it as JPEG.",
    ),
    "paper_reader_missing": (
        "本机缺少打开照片的程序组件（Pillow），照片没有添加，文件本身没有问题；请重新安装本程序，PDF 仍可添加。",
        "The part that opens pictures (Pillow) is missing: not added. Install the program again; a PDF can be added.",
    ),
    "paper_unreadable": (
        "打开该文件耗时过长或占用内存过多，已中止，没有添加；请换一种方式重新拍摄或扫描。",
        "Opening the file took too much time or memory and was stopped; it was not added. Scan it in another way.",
    ),
}
"""Code → the sentence with its cure (zh, en)."""


class CaptureRefused(Refused):
    """What was sent becomes no paper."""

    def __init__(self, code: str) -> None:
        super().__init__(code, *REFUSALS[code])


class Captured(Struct, frozen=True):
    """A paper that is whole on the shelf, small picture and all."""

    paper: PaperRef
    sharpness: float | None = None
    """Variance of the Laplacian; None for a PDF."""

    @property
    def is_blurred(self) -> bool:
        """Whether somebody should look whether it can be read. A warning: a person decides."""
        return self.sharpness is not None and self.sharpness < SHARP_ENOUGH


Child: TypeAlias = "subprocess.Popen[bytes]"


class _Said(Struct, frozen=True):
    """What the child answers."""

    refused: str = ""
    media: str = ""
    digest: str = ""
    size: int = 0
    thumbnail: str = ""
    thumbnail_size: int = 0
    sharpness: float | None = None


class Capturing:
    """Everything by which a file becomes a paper of this node."""

    def __init__(self, shelf: FolderShelf, check_room: Callable[[], None] = lambda: None) -> None:
        """`check_room`: raises `Refused` when the disk has no room for papers (`office.storage`)."""
        self._shelf = shelf
        self._check_room = check_room
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._keeping = asyncio.Lock()

    async def capture(self, pieces: AsyncIterator[bytes], material: str = "") -> Captured:
        """Make a paper of what is sent. `material`: the catalogue's name of what it shows.

        Raises `CaptureRefused`, what `check_room` raises, and `Busy` `store_full`: then nothing of it stays.
        """
        self._check_room()
        async with self._slots:
            child = await asyncio.to_thread(_start)
            try:
                async with asyncio.timeout(SENT_S):
                    start = await _feed(child, pieces)
                async with asyncio.timeout(ANSWER_S):
                    said = await _answer(child)
                    paper = _checked(said, start, material)
                    await self._keep(child, paper)
            except TimeoutError:
                raise CaptureRefused("paper_unreadable") from None
            finally:
                await _end(child)
        return Captured(paper, said.sharpness)

    async def _keep(self, child: Child, paper: PaperRef) -> None:
        """Put on the shelf what the child sends: the paper, then its small picture."""
        async with self._keeping:
            await self._take(child, paper.digest, paper.size)
            if paper.thumbnail is not None:
                await self._take(child, paper.thumbnail, paper.thumbnail_size)

    async def _take(self, child: Child, digest: bytes, size: int) -> None:
        assert child.stdout is not None
        await self._shelf.mark(digest)
        # A part of it may lie here already: from the line, or from a capture that was cut off.
        held, offset = await self._shelf.held(digest, size), 0
        while offset < size:
            piece = await asyncio.to_thread(child.stdout.read, min(PIECE_BYTES, size - offset))
            if not piece:
                raise CaptureRefused("paper_unreadable")
            end = offset + len(piece)
            try:
                if offset <= held < end:
                    held = await self._shelf.append(digest, size, held, piece[held - offset :])
            except RemoteFault:
                raise CaptureRefused("paper_unreadable") from None
            offset = end
        # Nobody else should be bringing this very paper now; if so, it is there in a moment.
        if held != size or not await self._shelf.claim(digest, size):
            raise Busy("busy", "this paper is just arriving from elsewhere; send it again", retry_after_s=5)


# The pipes are read and written by threads: asyncio's own wait for ever for a pipe that nobody empties, and Windows has
# them in one of its loops only. Whatever blocks ends when the child does.


def _start() -> Child:
    return subprocess.Popen(  # noqa: S603 - our own program and our own file, nothing that was sent
        [sys.executable, "-I", str(Path(capturing_child.__file__))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
    )


async def _feed(child: Child, pieces: AsyncIterator[bytes]) -> bytes:
    """Hand everything to the child; returns how it begins. Raises `CaptureRefused`."""
    assert child.stdin is not None
    start, size = b"", 0
    waiting = aiter(pieces)
    while True:
        async with asyncio.timeout(IDLE_S):
            piece = await anext(waiting, b"")
        if not piece:
            break
        size += len(piece)
        if size > PAPER_BYTES_MAX:
            raise CaptureRefused("paper_too_large")
        start = (start + piece)[: len(PDF_START)]
        try:
            async with asyncio.timeout(IDLE_S):
                await asyncio.to_thread(child.stdin.write, piece)
        except OSError:
            raise CaptureRefused("paper_unreadable") from None
    with contextlib.suppress(OSError):
        await asyncio.to_thread(child.stdin.close)
    return start


async def _answer(child: Child) -> _Said:
    assert child.stdout is not None
    line = await asyncio.to_thread(child.stdout.readline, HEAD_BYTES_MAX)
    try:
        said = msgspec.json.decode(line, type=_Said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise CaptureRefused("paper_unreadable") from None
    if said.refused:
        raise CaptureRefused(said.refused if said.refused in REFUSALS else "paper_unreadable")
    return said


async def _end(child: Child) -> None:
    """Whatever happened, the child ends: by itself, as it nearly always has, or killed."""

    def end() -> None:
        try:
            child.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):
                pipe.close()

    await asyncio.to_thread(end)


def _checked(said: _Said, start: bytes, material: str) -> PaperRef:
    """The reference, if the child's answer is one that it may give."""
    expected = "application/pdf" if start.startswith(PDF_START) else "image/jpeg"
    try:
        thumbnail = bytes.fromhex(said.thumbnail) or None
        stated = (bytes.fromhex(said.digest), said.size, said.media, material, thumbnail, said.thumbnail_size)
        paper = msgspec.convert(stated, PaperRef)
    except (ValueError, msgspec.ValidationError):
        raise CaptureRefused("paper_unreadable") from None
    if paper.media != expected or (paper.thumbnail is None) != (paper.thumbnail_size == 0):
        raise CaptureRefused("paper_unreadable")
    return paper


def _environment() -> dict[str, str]:
    """Nothing of this process's surroundings but what Windows needs to start one."""
    return {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
