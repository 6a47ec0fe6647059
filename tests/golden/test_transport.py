"""The bytes of every message of the transport are as published. `transport.py` writes them again."""

import json

import pytest
from msgspec import Struct

from schemas.codec import decode
from sync.frame import read_frame, unpack
from tests.golden.transport import TRANSPORT_FILE, messages, page, transport_text

# A frame as the first release packed it: whatever zstd's own version, it must be readable for ever.
FIRST_FRAME = (
    "5442503100001f95b0616161616161616161616161616161619203c4069f1c22ab01de90c3c228b52ffd2444350100e09db0"
    "61b0629203c4069f1c22ab01dec0919300070000c290909090c203003137053adc8121bac8fca5"
)


def test_the_bytes_of_every_message_are_as_published() -> None:
    assert transport_text() == TRANSPORT_FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("message", messages(), ids=lambda message: type(message).__name__)
def test_published_bytes_read_as_the_message(message: Struct) -> None:
    published = json.loads(TRANSPORT_FILE.read_text(encoding="utf-8"))
    assert decode(bytes.fromhex(published[type(message).__name__]), type(message)) == message


def test_the_first_frame_is_still_read() -> None:
    assert unpack(read_frame(bytes.fromhex(FIRST_FRAME))) == page()
