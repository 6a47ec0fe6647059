"""An entry as the fold sees it, whoever else knows as much of it.

Only what decides the fold; bytes, numbers and signatures are `schemas.wire`. Next: `schemas.casework.fold`.
"""

from typing import Protocol

from msgspec import Struct

from schemas.names import CaseId, Epoch, Instant, NodeId


class EntryHeader(Struct, frozen=True, gc=False):
    """Who, where and when of one entry. `hash` is the entry's identity by content."""

    origin: NodeId
    epoch: Epoch
    seq: int
    at: Instant
    kind: str
    subject: CaseId | None
    hash: bytes


class Headed(Protocol):
    """An entry as the fold sees it: `EntryHeader`, or whatever else knows as much."""

    @property
    def epoch(self) -> Epoch:
        """Of the journal it stands in."""
        ...

    @property
    def at(self) -> Instant:
        """Claimed time of writing."""
        ...

    @property
    def subject(self) -> CaseId | None:
        """The case it is about."""
        ...

    @property
    def hash(self) -> bytes:
        """Its identity by content."""
        ...
