"""What becomes of what people send: photographs drawn anew, documents looked through, bombs refused, nobody harmed."""

import asyncio
import hashlib
import io
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageStat

from office import capturing, capturing_child
from office.capturing import REFUSALS, Captured, CaptureRefused, Capturing
from office.capturing_child import MEMORY_BYTES_MAX, capture
from office.papers import FolderShelf
from schemas.papers import PAPER_BYTES_MAX, THUMBNAIL_BYTES_MAX
from schemas.refusals import Refused
from sync.core.errors import Busy
from sync.sealing import AesGcmSealer
from tests.support.pictures import CAMERA, COMMENT, PLACE, jpeg, page, pdf, png, png_of

CHILD: Final = str(Path(capturing_child.__file__))
SCRIPT: Final = b"<script>alert(1)</script>"


async def pieces_of(content: bytes, size: int = 60_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.fixture
def shelf(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path / "papers", AesGcmSealer(bytes(32)))


async def take(shelf: FolderShelf, content: bytes, material: str = "居民身份证") -> tuple[Captured, bytes]:
    """What was captured, and its bytes."""
    captured = await Capturing(shelf).capture(pieces_of(content), material)
    return captured, await shelf.read(captured.paper.digest, 0, captured.paper.size)


async def test_a_photograph_keeps_what_is_seen_and_nothing_else(shelf: FolderShelf) -> None:
    sent = jpeg(page(1600, 1000), orientation=6) + SCRIPT
    assert CAMERA.encode() in sent
    assert COMMENT in sent
    captured, content = await take(shelf, sent)
    paper = captured.paper
    assert (paper.media, paper.size, paper.material) == ("image/jpeg", len(content), "居民身份证")
    assert hashlib.sha256(content).digest() == paper.digest
    for secret in (CAMERA.encode(), COMMENT, PLACE, SCRIPT, b"Exif"):
        assert secret not in content
    with Image.open(io.BytesIO(content)) as drawn:
        assert drawn.size == (1000, 1600), "turned as it is held"
        assert dict(drawn.getexif()) == {}
    assert not captured.is_blurred
    assert paper.thumbnail is not None
    assert 0 < paper.thumbnail_size <= THUMBNAIL_BYTES_MAX
    with Image.open(io.BytesIO(await shelf.read(paper.thumbnail, 0, paper.thumbnail_size))) as small:
        assert max(small.size) == 160


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 700),
    st.integers(1, 700),
    st.sampled_from(["RGB", "L", "RGBA", "LA", "P", "1", "CMYK", "I;16"]),
    st.integers(1, 8),
    st.binary(max_size=200),
    st.binary(min_size=8, max_size=60),
)
def test_whatever_is_drawn_anew_is_a_plain_jpeg_to_its_last_byte(
    width: int, height: int, mode: str, orientation: int, tail: bytes, comment: bytes
) -> None:
    """No EXIF, no comment, no trailing bytes, and the same bytes for the same picture."""
    noise = Image.effect_noise((width, height), 60)
    picture = Image.new("I;16", (width, height), 30_000) if mode == "I;16" else noise.convert("RGB").convert(mode)
    sent = jpeg(picture, orientation=orientation, comment=comment) if mode in ("RGB", "L", "CMYK") else png(picture)
    said, body = capture(sent + tail)
    size = said["size"]
    assert isinstance(size, int)
    paper, small = body[:size], body[size:]
    assert said["media"] == "image/jpeg"
    for one in (paper, small):
        assert one.endswith(b"\xff\xd9")
        # Markers of applications (but JFIF's own) and of comments; the picture itself cannot hold them.
        segments = one[: one.index(b"\xff\xda")]
        assert all(bytes([0xFF, 0xE0 + number]) not in segments for number in range(1, 16))
        assert b"\xff\xfe" not in segments
    with Image.open(io.BytesIO(paper)) as drawn:
        assert sorted(drawn.size) == sorted((width, height))
        assert drawn.mode in ("RGB", "L")
    assert capture(sent + tail) == (said, body)


@pytest.mark.parametrize(
    ("width", "height", "long"),
    [(4000, 3000, 2048), (3000, 4000, 2048), (2048, 1000, 2048), (640, 480, 640), (1080, 9000, 5100)],
    ids=["wide", "tall", "as it is", "never larger", "a long receipt stays legible"],
)
def test_a_picture_is_brought_down_to_a_page(width: int, height: int, long: int) -> None:
    said, body = capture(png(page(width, height)))
    size = said["size"]
    assert isinstance(size, int)
    with Image.open(io.BytesIO(body[:size])) as drawn:
        assert max(drawn.size) == pytest.approx(long, abs=30)


def test_what_is_transparent_is_white_paper() -> None:
    said, body = capture(png(Image.new("RGBA", (50, 50), (255, 0, 0, 0))))
    size = said["size"]
    assert isinstance(size, int)
    with Image.open(io.BytesIO(body[:size])) as drawn:
        assert ImageStat.Stat(ImageChops.invert(drawn)).sum == [0, 0, 0]


def test_sixteen_bits_of_grey_stay_as_dark_as_they_were() -> None:
    said, body = capture(png(Image.new("I;16", (50, 50), 30_000)))
    size = said["size"]
    assert isinstance(size, int)
    with Image.open(io.BytesIO(body[:size])) as drawn:
        assert drawn.getpixel((25, 25)) == 30_000 // 256


@pytest.mark.parametrize(("blur", "is_blurred"), [(0, False), (4, True)])
async def test_what_cannot_be_read_is_warned_of(shelf: FolderShelf, blur: float, is_blurred: bool) -> None:
    captured, _ = await take(shelf, jpeg(page(blur=blur)))
    assert captured.is_blurred is is_blurred


async def test_a_document_is_kept_as_it_is(shelf: FolderShelf) -> None:
    captured, content = await take(shelf, pdf())
    assert content == pdf()
    assert (captured.paper.media, captured.paper.thumbnail, captured.is_blurred) == ("application/pdf", None, False)


GIF: Final = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
BROKEN: Final = jpeg()

HOSTILE: Final[dict[str, tuple[bytes, str]]] = {
    "nothing": (b"", "paper_empty"),
    "a text": ("这不是照片".encode(), "paper_wrong_kind"),
    "a GIF": (GIF, "paper_wrong_kind"),
    "a program": (b"MZ" + bytes(500), "paper_wrong_kind"),
    "SVG": (b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>", "paper_wrong_kind"),
    "three bytes of a JPEG": (b"\xff\xd8\xff", "paper_broken"),
    "half a photograph": (BROKEN[: len(BROKEN) // 2], "paper_broken"),
    "the head of a PNG": (png()[:30], "paper_broken"),
    "a GIF behind a JPEG's head": (b"\xff\xd8\xff" + GIF, "paper_broken"),
    "900 megapixels in 100 KB": (png_of(30_000, 30_000), "paper_too_many_pixels"),
    "more pixels than there are numbers": (png_of(2**31 - 1, 2**31 - 1), "paper_too_many_pixels"),
    "just too many pixels": (png_of(6001, 4000), "paper_too_many_pixels"),
    "no document": (b"%PDF-1.7\n", "paper_broken"),
    "half a document": (pdf()[:-20], "paper_broken"),
    "something behind a document": (pdf() + b"PK\x03\x04 a whole archive", "paper_broken"),
    "an encrypted document": (pdf(trailer=b"/Encrypt 9 0 R"), "paper_locked"),
    "a script": (pdf(b"4 0 obj\n<</S/JavaScript/JS(app.alert(1))>>\nendobj\n"), "paper_active"),
    "a script by another spelling": (pdf(b"4 0 obj\n<</S/J#61vaScript>>\nendobj\n"), "paper_active"),
    "a script in a packed stream": (pdf(packed=b"4 0 <</S /JavaScript /JS (1)>>"), "paper_active"),
    "a launch": (pdf(b"4 0 obj\n<</S/Launch/F(cmd.exe)>>\nendobj\n"), "paper_active"),
    "a file within": (pdf(b"4 0 obj\n<</Type/Catalog/Names<</EmbeddedFiles 6 0 R>>>>\nendobj\n"), "paper_active"),
    "a packed bomb": (pdf(packed=bytes(64 * 1024 * 1024)), "paper_too_many_pixels"),
    "a packed stream that is none": (
        pdf(b"5 0 obj\n<</Type/ObjStm/Length 4>>\nstream\nabcd\nendstream\nendobj\n"),
        "paper_broken",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_what_is_no_paper_is_refused_by_its_code_and_leaves_nothing(shelf: FolderShelf, name: str) -> None:
    content, code = HOSTILE[name]
    with pytest.raises(CaptureRefused) as refused:
        await take(shelf, content)
    assert refused.value.code == code
    assert not list(shelf_files(shelf))


def shelf_files(shelf: FolderShelf) -> list[Path]:
    folder: Path = shelf._folder  # pyright: ignore[reportPrivateUsage]
    return list(folder.iterdir()) if folder.exists() else []


def test_words_of_a_picture_inside_a_stream_are_no_script() -> None:
    picture = (
        b"6 0 obj\n<</Length 40>>\nstream\n" + b"/JavaScript /Launch /Encrypt random bytes" + b"\nendstream\nendobj\n"
    )
    said, body = capture(pdf(picture))
    assert said["media"] == "application/pdf"
    assert body == pdf(picture)


async def test_more_than_ten_megabytes_are_refused_while_they_come(shelf: FolderShelf) -> None:
    """Whoever announces nothing and sends for ever is stopped at the limit: no more is asked of him."""
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        while True:
            taken += 64 * 1024
            yield b"\xff\xd8\xff" + bytes(64 * 1024 - 3)

    with pytest.raises(CaptureRefused) as refused:
        await Capturing(shelf).capture(endless())
    assert refused.value.code == "paper_too_large"
    assert taken <= PAPER_BYTES_MAX + 128 * 1024
    assert not shelf_files(shelf)


def run_child(content: bytes) -> tuple[dict[str, object], int]:
    """(what it says, its peak memory in bytes) of a child of its own."""
    script = (
        "import resource, subprocess, sys\n"
        "child = subprocess.run([sys.executable, '-I', sys.argv[1]], stdin=sys.stdin.buffer, capture_output=True)\n"
        "print(child.stdout.split(b'\\n', 1)[0].decode())\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", script, CHILD], input=content, capture_output=True, check=True)
    said, peak = done.stdout.decode().splitlines()
    return msgspec.json.decode(said.encode(), type=dict[str, object]), int(peak) * 1024


@pytest.mark.parametrize("name", ["48 megapixels", "24 megapixels, progressive", "24 megapixels as PNG", "with a mask"])
def test_the_largest_that_is_taken_stays_within_the_memory(name: str) -> None:
    largest = {
        "48 megapixels": lambda: jpeg(Image.effect_noise((8064, 6048), 8).convert("RGB"), quality=30),
        "24 megapixels, progressive": lambda: jpeg(
            Image.effect_noise((6000, 4000), 40).convert("RGB"), quality=40, progressive=True, subsampling=0
        ),
        "24 megapixels as PNG": lambda: png(Image.new("RGB", (6000, 4000), "ivory")),
        "with a mask": lambda: png(Image.new("RGBA", (3000, 3000), (9, 9, 9, 90))),
    }
    said, peak = run_child(largest[name]())
    assert said.get("media") == "image/jpeg"
    assert peak <= MEMORY_BYTES_MAX, f"{peak >> 20} MiB"


def test_the_child_takes_no_more_memory_than_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the comparison of sizes switched off a bomb dies of the limit, in words."""
    blind = f"""
import sys; sys.path.insert(0, {str(Path(CHILD).parent)!r})
import capturing_child as child
child.PNG_PIXELS_MAX = 10**12
child.main()
"""
    bomb = png(Image.new("L", (16_000, 16_000)))
    done = subprocess.run([sys.executable, "-I", "-c", blind], input=bomb, capture_output=True, check=True)
    assert msgspec.json.decode(done.stdout.split(b"\n", 1)[0]) == {"refused": "paper_too_many_pixels"}
    assert done.stderr == b""


READ: Final = "import sys; sys.stdin.buffer.read(); sys.stdout.write({!r})"


def said(body: str = "", **changed: object) -> str:
    """A child that says this of a paper, and sends these bytes."""
    paper = {"media": "image/jpeg", "digest": "ab" * 32, "size": 5, "thumbnail": "ab" * 32, "thumbnail_size": 5}
    return READ.format(msgspec.json.encode(paper | changed).decode() + "\n" + body)


STRANGE: Final = {
    "dies": "import os; os._exit(9)",
    "prattles": READ.format("x" * 200_000),
    "says nothing": READ.format("{}\n"),
    "refuses oddly": READ.format('{"refused": "anything"}\n'),
    "lies of the kind": said("12345", media="text/html"),
    "lies of the size": said("12345", thumbnail_size=99_999),
    "lies of the bytes": said("1234512345"),
    "stops": said("123"),
    "hangs": "import time; time.sleep(600)",
}


@pytest.mark.parametrize("behaviour", STRANGE.values(), ids=STRANGE.keys())
async def test_a_child_gone_wrong_harms_nobody(
    shelf: FolderShelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str
) -> None:
    strange = tmp_path / "strange.py"
    strange.write_text(behaviour, encoding="utf-8")
    monkeypatch.setattr(capturing_child, "__file__", str(strange))
    monkeypatch.setattr(capturing, "ANSWER_S", 3.0)
    monkeypatch.setattr(capturing, "IDLE_S", 3.0)
    with pytest.raises(CaptureRefused) as refused:
        await take(shelf, jpeg())
    assert refused.value.code == "paper_unreadable"
    assert await shelf.held(b"\xab" * 32, 5) < 5


async def test_whoever_stops_sending_is_not_waited_for(shelf: FolderShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "IDLE_S", 0.2)

    async def stalled() -> AsyncIterator[bytes]:
        yield b"\xff\xd8\xff"
        await asyncio.Event().wait()

    with pytest.raises(CaptureRefused) as refused:
        await Capturing(shelf).capture(stalled())
    assert refused.value.code == "paper_unreadable"


async def test_without_room_nothing_is_begun(shelf: FolderShelf) -> None:
    class NoRoom(Refused):
        def __init__(self) -> None:
            super().__init__("no_room", "满", "full")

    def refuse() -> None:
        raise NoRoom

    with pytest.raises(NoRoom):
        await Capturing(shelf, refuse).capture(pieces_of(jpeg()))
    assert not shelf_files(shelf)


async def test_the_same_photograph_twice_at_once_is_one_paper(shelf: FolderShelf) -> None:
    sent = jpeg(page(blur=1))
    taking = Capturing(shelf)
    one, other = await asyncio.gather(taking.capture(pieces_of(sent)), taking.capture(pieces_of(sent, 999)))
    assert one == other
    assert await shelf.held(one.paper.digest, one.paper.size) == one.paper.size


async def test_a_full_disk_is_told_as_such(shelf: FolderShelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr("office.papers.os.fsync", full)
    with pytest.raises(Busy) as refused:
        await take(shelf, jpeg())
    assert refused.value.code == "store_full"


def test_every_refusal_of_the_child_has_its_sentences() -> None:
    said = {code for code in REFUSALS if f'"{code}"' in Path(CHILD).read_text(encoding="utf-8")}
    assert said == REFUSALS.keys() - {"paper_unreadable"}


async def test_a_photograph_of_which_the_line_brought_a_part_can_be_taken_again(shelf: FolderShelf) -> None:
    """A new device asked for it, the line went down, and the officer has the original in hand."""
    captured, content = await take(shelf, jpeg(page(blur=1)))
    digest, size = captured.paper.digest, captured.paper.size
    await shelf.drop(digest)
    assert await shelf.append(digest, size, 0, content[:5_000]) == 5_000
    again, _ = await take(shelf, jpeg(page(blur=1)))
    assert again == captured
    assert await shelf.read(digest, 0, size) == content


def test_a_photograph_is_not_blamed_for_a_missing_part_of_the_program() -> None:
    """`-S`: a Python that sees no installed packages."""
    done = subprocess.run([sys.executable, "-I", "-S", CHILD], input=jpeg(), capture_output=True, check=True, env={})
    assert msgspec.json.decode(done.stdout) == {"refused": "paper_reader_missing"}
