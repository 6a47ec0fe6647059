"""The sealed words by which a form brings back what was captured for it (`office.web.uploads`).

Whoever knows a paper's digest must not thereby be able to have it named in a case of his own and read it there: a word
is good for the officer alone to whom this node gave it. Never a secret of any other kind, and never kept.
"""

import base64
import hmac
from typing import Final

from office.capturing import Captured
from office.paper_rules import PaperNotHere
from schemas.codec import UNREADABLE, decode, encode
from schemas.names import OfficerId
from schemas.papers import PaperRef

_TOKEN_LABEL: Final = b"tongban paper tokens\n"
_MARK_BYTES: Final = 16


class PaperTokens:
    """The sealed words by which a form brings back what was captured for it."""

    def __init__(self, data_key: bytes) -> None:
        """`data_key`: the node's; the key of the words is derived from it."""
        self._key = hmac.digest(data_key, _TOKEN_LABEL, "sha256")

    def word_for(self, officer: OfficerId, captured: Captured) -> str:
        """The word for a paper, for this officer's forms."""
        body = encode((captured.paper, captured.sharpness))
        return base64.urlsafe_b64encode(self._mark(officer, body) + body).rstrip(b"=").decode()

    def read(self, officer: OfficerId, word: str) -> Captured:
        """The paper. Raises `PaperNotHere` for a word that this node did not give this officer."""
        try:
            sealed = base64.urlsafe_b64decode(word.encode("ascii") + b"=" * (-len(word) % 4))
            mark, body = sealed[:_MARK_BYTES], sealed[_MARK_BYTES:]
            if hmac.compare_digest(mark, self._mark(officer, body)):
                return Captured(*decode(body, tuple[PaperRef, float | None]))
        except (ValueError, *UNREADABLE):
            pass
        raise PaperNotHere

    def _mark(self, officer: OfficerId, body: bytes) -> bytes:
        return hmac.digest(self._key, officer.encode() + b"\n" + body, "sha256")[:_MARK_BYTES]
