"""What a resident's slip says to the whole network: where a filing stands in its device's journal, signed by it.

With it the resident holds a statement of the office itself (AUDIT 1.4, «swap before first sync against a slip»): an
office that later shows another entry under that number contradicts its own signature, and one that hides the entry is
found out by whoever presents it. Names no person and no case. Never decides what it is worth: `office.slip_checks`
does. Spelled for a QR code and for typing: base 32 without padding.
"""

import base64
import binascii
import re
from typing import Annotated, Final

from msgspec import Meta, Struct

from schemas.codec import Malformed, decode, encode
from schemas.names import HASH_BYTES, NUMBER_MAX, Epoch, Instant, JournalId, NodeId, valid_epoch, valid_node
from schemas.wire import AT_MAX

SIGNATURE_BYTES: Final = 64
SLIP_BYTES_MAX: Final = 256
"""A statement has about 145 bytes; the rest is room for newer fields."""
TYPED_CHARACTERS_MAX: Final = 2000
"""What is pasted may be a whole address with number and query code before the statement."""

_MARK: Final = "TBS1"
"""Begins the spelled statement: a 1 is in no base 32, so nothing before it can be taken for a part of it."""
_SPELLED: Final = re.compile(_MARK + r"([A-Z2-7]{160,})")


class SlipStatement(Struct, frozen=True, array_like=True):
    """«Under number `seq` of this journal I wrote the entry with this hash», by the device's log key
    (`sync.core.slip` says over which bytes).
    """

    origin: NodeId
    epoch: Epoch
    seq: Annotated[int, Meta(ge=0, lt=NUMBER_MAX)]
    hash: Annotated[bytes, Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
    at: Annotated[Instant, Meta(gt=-AT_MAX, lt=AT_MAX)]
    """The entry's own claimed time: how old the slip is, as its device says."""
    signature: Annotated[bytes, Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)]

    @property
    def journal(self) -> JournalId:
        """The journal meant."""
        return JournalId(self.origin, self.epoch)


def spell_slip(statement: SlipStatement) -> str:
    """The statement in capitals and digits: about 240 characters."""
    return _MARK + base64.b32encode(encode(statement)).decode().rstrip("=")


def read_slip(text: str) -> SlipStatement:
    """Read what was scanned or typed: the statement alone, or the whole text of the slip's QR code.

    Blanks, dashes and small letters are forgiven. Raises `Malformed` `malformed_slip`.
    """
    if len(text) > TYPED_CHARACTERS_MAX:
        raise _not_a_slip()
    found = _SPELLED.search(re.sub(r"[\s-]", "", text).upper())
    if found is None:
        raise _not_a_slip()
    spelled = found[1]
    try:
        data = base64.b32decode(spelled + "=" * (-len(spelled) % 8))
        statement = decode(data, SlipStatement, limit=SLIP_BYTES_MAX)
    except (binascii.Error, Malformed) as error:
        raise _not_a_slip() from error
    if not valid_node(statement.origin) or not valid_epoch(statement.epoch):
        raise _not_a_slip()
    return statement


def _not_a_slip() -> Malformed:
    return Malformed("malformed_slip", "this is not a slip's code; scan the whole QR code, or type its longest part")
