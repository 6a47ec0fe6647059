"""The fold of a sample: its frame, the nonces given, the secret revealed, what the reviewers found.

A function of the set of entries, whatever their order (`schemas.oversight_fold`). Of two secrets or reviews that say
otherwise about one thing the lower rank counts; the other stays on record. What is drawn `hub.audit.sampling` computes.
Next: `office.samples` (our own pen), `hub.audit.frames`.
"""

import hashlib
import hmac
from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from schemas.names import CaseId, OfficeId
from schemas.oversight import FileReviewed, SampleFramed, SampleNonced, SampleRevealed
from schemas.oversight_fold import Filed, states_of

SECRET_BYTES: Final = 32


def commitment(secret: bytes) -> bytes:
    """What the frame holds of the county's secret."""
    return hashlib.sha256(b"tongban sample commitment 1\n" + secret).digest()


def is_committed(secret: bytes, committed: bytes) -> bool:
    """Whether a revealed secret is the one that was committed to."""
    return len(secret) == SECRET_BYTES and hmac.compare_digest(commitment(secret), committed)


class SampleFile(Struct, frozen=True):
    """How a sample stands."""

    filed: Filed
    nonces: dict[OfficeId, bytes]
    """What each township gave; of several the first."""
    revealed: Filed | None
    reviews: dict[CaseId, dict[int, FileReviewed]]
    """By case and round."""

    @property
    def framed(self) -> SampleFramed:
        """The frame itself."""
        assert isinstance(self.filed.event, SampleFramed)
        return self.filed.event

    @property
    def secret(self) -> SampleRevealed | None:
        """The reveal itself."""
        event = self.revealed.event if self.revealed is not None else None
        return event if isinstance(event, SampleRevealed) else None

    @property
    def is_complete(self) -> bool:
        """Whether every township of the frame has given its nonce."""
        return self.framed.townships <= self.nonces.keys()


def fold_sample(thread: Iterable[Filed]) -> SampleFile | None:
    """How a sample stands, from all that is held of its thread; None while its frame is not here."""
    held = list({one.hash: one for one in thread}.values())
    states = states_of(held)
    counting = sorted((one for one in held if not states[one.hash][0]), key=lambda one: one.rank)
    root = next((one for one in counting if isinstance(one.event, SampleFramed)), None)
    if root is None:
        return None
    nonces: dict[OfficeId, bytes] = {}
    reviews: dict[CaseId, dict[int, FileReviewed]] = {}
    revealed: Filed | None = None
    for one in counting:
        match one.event:
            case SampleNonced(office=office, nonce=nonce):
                nonces.setdefault(office, nonce)
            case SampleRevealed():
                revealed = revealed or one
            case FileReviewed(case=case, round=number) as review:
                reviews.setdefault(case, {}).setdefault(number, review)
            case _:
                pass
    return SampleFile(root, nonces, revealed, reviews)
