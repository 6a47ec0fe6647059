"""One of every message of the transport, with fixed contents. Run to publish the bytes again:

python -m tests.golden.transport

Only when the protocol's version changes on purpose: nodes in the field read these bytes. The wire's own values are
another file's.
"""

import json
from pathlib import Path
from typing import Final

from msgspec import Struct

from schemas.codec import encode
from schemas.names import Epoch, Instant, NodeId, OfficeId
from schemas.papers import PaperPage, PaperWant, Piece
from schemas.wire import Certificate, Cursor, Enrolment, Page, Preface, Refusal
from sync.frame import pack, preface_of
from sync.session import Answer, Challenge, Hello, Terms, Token

TRANSPORT_FILE: Final = Path(__file__).with_name("transport.json")

CHILD: Final = NodeId("a" * 16)
PARENT: Final = NodeId("b" * 16)
EPOCH: Final = Epoch(3, bytes.fromhex("9f1c22ab01de"))


def messages() -> list[Struct]:
    """One of each, in the order in which a session needs them."""
    enrolment = Enrolment(
        "cangxi", PARENT, OfficeId("510824100"), b"\x01" * 32, b"\x02" * 32, None, Instant(1_772_769_600_000)
    )
    return [
        Hello(CHILD, "0" * 64, b"\x03" * 32),
        Challenge(
            PARENT, b"\x04" * 32, b"\x05" * 32, b"\x06" * 32, [Certificate(enrolment, b"\x07" * 64)], b"\x08" * 64
        ),
        Terms(CHILD, PARENT, b"\x03" * 32, b"\x04" * 32, b"\x05" * 32),
        Answer(CHILD, b"\x03" * 32, b"\x04" * 32, b"\x09" * 64),
        Token(b"\x0a" * 32, 43_200),
        Preface(CHILD, EPOCH, [(1, EPOCH, 41, 20)], plain=True, overlaps=False),
        Refusal("gap", "send from the stated cursor", [Cursor(1, EPOCH, 40)], 0),
        PaperPage(
            CHILD,
            PARENT,
            EPOCH,
            [PaperWant(b"\x0b" * 32, 300_000, 8_192)],
            [b"\x0e" * 32],
            True,
            whole=[b"\x0f" * 32],
            open=7,
            room=11_264,
            entries=False,
            offers=[b"\x10" * 32],
            pieces=[Piece(b"\x0c" * 32, 16_384, b"\x0d" * 20)],
        ),
    ]


def page() -> Page:
    """A page that carries nothing: what a frame is wrapped around here."""
    return Page(CHILD, PARENT, EPOCH, None, [Cursor(0, EPOCH, 7)], 0, 0, False, [], [], [], [], False)


def transport_text() -> str:
    """The published file: every message in hexadecimal digits, and a frame up to where zstd begins."""
    published = {type(message).__name__: encode(message).hex() for message in messages()}
    opening = 4 + 1 + 2 + len(encode(preface_of(page())))
    published["frame, before zstd"] = pack(page())[:opening].hex()
    return json.dumps(published, indent=2) + "\n"


if __name__ == "__main__":
    TRANSPORT_FILE.write_text(transport_text(), encoding="utf-8")
