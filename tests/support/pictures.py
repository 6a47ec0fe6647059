"""Real photographs, scans and documents, made on the spot, and what a hostile hand makes of them."""

import io
import struct
import zlib
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFilter

PLACE: Final = b"30.9N 106.0E"
CAMERA: Final = "SecretCam 3000"
COMMENT: Final = b"taken at home"


def page(
    width: int = 1200, height: int = 900, *, blur: float = 0, words: str = "household register 510824"
) -> Image.Image:
    """A sheet with text on it, as a camera sees it."""
    sheet = Image.new("RGB", (width, height), (250, 249, 244))
    pen = ImageDraw.Draw(sheet)
    for y in range(20, height - 20, 34):
        pen.text((20, y), f"{words} " * (width // 150), fill=(25, 25, 40))
    return sheet.filter(ImageFilter.GaussianBlur(blur)) if blur else sheet


def jpeg(picture: Image.Image | None = None, **options: Any) -> bytes:
    """A JPEG as a telephone writes it: with its place, its camera and a comment."""
    exif = Image.Exif()
    exif[0x010F] = CAMERA
    exif[0x0112] = options.pop("orientation", 1)
    exif.get_ifd(0x8825)[0x001B] = PLACE
    out = io.BytesIO()
    (picture or page()).save(out, "JPEG", **{"quality": 90, "exif": exif, "comment": COMMENT} | options)
    return out.getvalue()


def png(picture: Image.Image | None = None, **options: Any) -> bytes:
    """A PNG."""
    out = io.BytesIO()
    (picture or page()).save(out, "PNG", **options)
    return out.getvalue()


def png_of(width: int, height: int, *, rows: int = 1) -> bytes:
    """A PNG that states any size, with few bytes behind it."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = zlib.compress(bytes((width + 1) * rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def pdf(objects: bytes = b"", *, packed: bytes = b"", trailer: bytes = b"") -> bytes:
    """A PDF of one empty page; `objects` stand in it plainly, `packed` in a compressed object stream."""
    stream = zlib.compress(packed)
    hidden = b"5 0 obj\n<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length %d>>\nstream\n%s\nendstream\nendobj\n" % (
        len(stream),
        stream,
    )
    return (
        b"%PDF-1.7\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
        b"2 0 obj\n<</Type/Pages/Kids[3 0 R]/Count 1>>\nendobj\n"
        b"3 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>\nendobj\n"
        + objects
        + (hidden if packed else b"")
        + b"trailer\n<</Root 1 0 R"
        + trailer
        + b">>\nstartxref\n0\n%%EOF\n"
    )
