"""The process in which a photograph or PDF that somebody sent is opened: alone, with little memory and time.

Run by path, as `python -I office/capturing_child.py`; imports the standard library and Pillow only. The bytes come on
standard input; standard output is one line of JSON, then the paper, then its small picture. A refusal is a line with
`refused`. Pictures are decoded and encoded anew, so nothing of the sent file stays but what is seen: no place, no
camera, no comment, no appended bytes. Never writes a file, never opens a connection, never prints what it read.

Of a PDF no such thing can be made here: it is passed on byte for byte. It is refused when it is encrypted, or when
scripts, launches, attachments or forms of its own show in its objects, those in compressed object streams included. A
file made to hide them can still pass; so whoever serves a PDF serves it as a download, never inside a page.
Next: `office.capturing`, which starts this; `office.papers`, where the result lies.
"""

import hashlib
import io
import os
import re
import sys
import zlib
from typing import TYPE_CHECKING, Final, NoReturn

if TYPE_CHECKING:
    from PIL.Image import Image as Picture
    from PIL.ImageFile import ImageFile

INPUT_BYTES_MAX: Final = 10 * 1024 * 1024
"""As `schemas.papers.PAPER_BYTES_MAX`; written again, for nothing of the product is imported here."""

MEMORY_BYTES_MAX: Final = 200 * 1024 * 1024
"""Address space. Measured: 120 MiB for a 48-megapixel JPEG through `draft`, 123 for a whole one of 12 megapixels."""
CPU_S_MAX: Final = 20
"""Fifty times what the largest allowed photograph takes here; an old laptop takes five times as long."""

JPEG_PIXELS_MAX: Final = 50_000_000
"""What telephones call 50 megapixels. Decoded at an eighth, a quarter or half (`draft`): its size costs time only."""
PROGRESSIVE_PIXELS_MAX: Final = 24_000_000
"""Of a progressive JPEG all coefficients are kept at once: six bytes a pixel. No camera writes such files."""
PNG_PIXELS_MAX: Final = 24_000_000
"""A PNG is decoded whole: 24 million pixels of three bytes, twice, are 144 MB."""
PIXEL_BYTES: Final = 3

LONG_SIDE: Final = 2048
"""An A4 page at 175 dots per inch: ten-point text stays legible, and a photograph is about 300 KB."""
SLENDER: Final = 3
"""A long receipt or a long screenshot: past this ratio its area is bounded instead, so that it stays legible."""
AREA: Final = 2048 * 1536

QUALITIES: Final = (80, 70, 60, 50)
AIM_BYTES: Final = 400 * 1024
"""The first quality that stays below it is taken, else the last: at 20 kbit/s that is under three minutes."""

THUMBNAIL_SIDE: Final = 160
THUMBNAIL_BYTES_MAX: Final = 6 * 1024
THUMBNAIL_QUALITIES: Final = (70, 55, 40, 25, 10)

BLUR_SIDE: Final = 1024

PNG_START: Final = b"\x89PNG\r\n\x1a\n"
JPEG_START: Final = b"\xff\xd8\xff"
PDF_START: Final = b"%PDF-"
PDF_END: Final = b"%%EOF"
PDF_TAIL_BYTES: Final = 1024
PDF_OBJECTS_BYTES_MAX: Final = 32 * 1024 * 1024
"""Bytes of unpacked object streams that are looked through."""

_STREAM: Final = re.compile(rb"(<<[^\x00]{0,4000}?>>)\s*stream\r?\n(.*?)endstream", re.DOTALL)
_ESCAPE: Final = re.compile(rb"#([0-9A-Fa-f]{2})")
_FORBIDDEN: Final = re.compile(
    rb"/(?:JavaScript|JS|Launch|EmbeddedFiles?|RichMedia|XFA|SubmitForm|ImportData|GoToE)(?![A-Za-z0-9_.-])"
)
_ENCRYPTED: Final = re.compile(rb"/Encrypt(?![A-Za-z0-9_.-])")


class Refusal(Exception):
    """What was sent becomes no paper; `code` is one of `office.capturing.REFUSALS`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def kind_of(content: bytes) -> str:
    """The media type by the bytes alone, whatever the file is called. Raises `Refusal`."""
    if not content:
        raise Refusal("paper_empty")
    if content.startswith(JPEG_START):
        return "image/jpeg"
    if content.startswith(PNG_START):
        return "image/png"
    if content.startswith(PDF_START):
        return "application/pdf"
    raise Refusal("paper_wrong_kind")


def check_pdf(content: bytes) -> None:
    """Raise `Refusal` for a PDF that is cut off, encrypted, or does things when it is opened."""
    end = content.rfind(PDF_END)
    if end < 0 or content[end + len(PDF_END) :].strip(b"\0\t\n\f\r ") or b"startxref" not in content[-PDF_TAIL_BYTES:]:
        raise Refusal("paper_broken")
    objects = [_STREAM.sub(rb"\1", content)]
    left = PDF_OBJECTS_BYTES_MAX
    for found in _STREAM.finditer(content):
        if b"/ObjStm" in found[1]:
            unpacked = _unpacked(found[2], left)
            left -= len(unpacked)
            objects.append(unpacked)
    for text in objects:
        names = _ESCAPE.sub(lambda one: bytes([int(one[1], 16)]), text)
        if _ENCRYPTED.search(names):
            raise Refusal("paper_locked")
        if _FORBIDDEN.search(names):
            raise Refusal("paper_active")


def _unpacked(packed: bytes, most: int) -> bytes:
    try:
        unpacker = zlib.decompressobj()
        unpacked = unpacker.decompress(packed, most)
    except zlib.error:
        raise Refusal("paper_broken") from None
    if unpacker.unconsumed_tail:
        raise Refusal("paper_too_many_pixels")
    return unpacked


def redraw(content: bytes, media: str) -> tuple[bytes, bytes, float]:
    """(paper, small picture, sharpness) of a photograph. Raises `Refusal`, or what Pillow does with a broken one."""
    from PIL import Image, ImageOps  # heavy, and only here

    Image.MAX_IMAGE_PIXELS = None  # the limits are ours, compared before anything is decoded
    with Image.open(io.BytesIO(content), formats=("JPEG", "PNG")) as opened:
        width, height = opened.size
        if width * height > _pixels_max(opened, media):
            raise Refusal("paper_too_many_pixels")
        target = _fitted(width, height)
        opened.draft("RGB", target)
        opened.load()
        picture: Picture = opened if opened.mode in ("RGB", "L") else _flat(opened, target)
        picture.thumbnail(target, Image.Resampling.LANCZOS)
        picture = ImageOps.exif_transpose(picture)
        picture.info.clear()
    thumbnail = picture.copy()
    thumbnail.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS)
    small = _encoded(thumbnail, THUMBNAIL_QUALITIES, THUMBNAIL_BYTES_MAX)
    return _encoded(picture, QUALITIES, AIM_BYTES), small, _sharpness(picture)


def _pixels_max(opened: "ImageFile", media: str) -> int:
    """How many pixels are decoded within the memory that there is."""
    if media == "image/jpeg":
        return PROGRESSIVE_PIXELS_MAX if opened.info.get("progressive") else JPEG_PIXELS_MAX
    # Bytes of a pixel, with what turning it into RGB takes beside.
    pixel_bytes = {"1": 4, "L": 3, "RGB": 3, "P": 4}.get(opened.mode, 8)
    return PNG_PIXELS_MAX * PIXEL_BYTES // pixel_bytes


def _fitted(width: int, height: int) -> tuple[int, int]:
    """The size to which a picture is brought down; never up."""
    long, short = max(width, height), min(width, height)
    scale = LONG_SIDE / long if long <= SLENDER * short else (AREA / (width * height)) ** 0.5
    scale = min(scale, 1.0)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _flat(picture: "Picture", target: tuple[int, int]) -> "Picture":
    """As RGB or grey; what is transparent as white paper."""
    from PIL import Image

    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA") if picture.mode != "RGBA" else picture
        picture.thumbnail(target, Image.Resampling.BOX)
        white = Image.new("RGBA", picture.size, "white")
        white.alpha_composite(picture)
        return white.convert("RGB")
    if picture.mode.startswith("I"):
        # 16 bits of grey to 8.
        return picture.convert("I").point([value // 256 for value in range(65536)], "L")  # pyright: ignore[reportUnknownMemberType]
    return picture.convert("RGB")


def _encoded(picture: "Picture", qualities: tuple[int, ...], aim: int) -> bytes:
    """As JPEG: the first of these qualities that stays below `aim` bytes, else the last."""
    written = b""
    for quality in qualities:
        out = io.BytesIO()
        picture.save(out, "JPEG", quality=quality, optimize=True, exif=b"", icc_profile=None)
        written = out.getvalue()
        if len(written) <= aim:
            break
    return written


def _sharpness(picture: "Picture") -> float:
    """Variance of the Laplacian of the grey picture: low where no edge is sharp."""
    from PIL import ImageFilter, ImageStat

    grey = picture.convert("L")
    grey.thumbnail((BLUR_SIDE, BLUR_SIDE))
    kernel = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)
    edges = grey.filter(kernel)
    # The outermost pixels have no neighbours all around and are left as they were.
    inner = edges.crop((1, 1, max(edges.width - 1, 2), max(edges.height - 1, 2)))
    return round(ImageStat.Stat(inner).var[0], 1)


def capture(content: bytes) -> tuple[dict[str, object], bytes]:
    """(what to say of it, the bytes that follow). Raises `Refusal`, and anything for a file that is broken."""
    if len(content) > INPUT_BYTES_MAX:
        raise Refusal("paper_too_large")
    media = kind_of(content)
    if media == "application/pdf":
        check_pdf(content)
        paper, small, sharpness = content, b"", None
    else:
        paper, small, sharpness = redraw(content, media)
        media = "image/jpeg"
    said: dict[str, object] = {
        "media": media,
        "digest": hashlib.sha256(paper).hexdigest(),
        "size": len(paper),
        "thumbnail": hashlib.sha256(small).hexdigest() if small else "",
        "thumbnail_size": len(small),
        "sharpness": sharpness,
    }
    return said, paper + small


def limit() -> None:
    """Give this process little. Windows has no such limits: there the sizes that are compared first must do."""
    try:
        import resource  # only other systems have it
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S_MAX, CPU_S_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(5)


def main() -> NoReturn:
    """Read, look, answer."""
    import json  # the village's own process knows this module for its limits, and does without that

    limit()
    content = sys.stdin.buffer.read(INPUT_BYTES_MAX + 1)
    body = b""
    try:
        said, body = capture(content)
    except Refusal as refusal:
        said = {"refused": refusal.code}
    except MemoryError:
        said = {"refused": "paper_too_many_pixels"}
    except ImportError:
        said = {"refused": "paper_reader_missing"}
    except Exception:
        # Whatever a decoder finds to say of a broken file may quote it.
        said = {"refused": "paper_broken"}
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n" + body)
    sys.stdout.buffer.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
