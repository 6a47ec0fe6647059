"""Which entries go to whom: one table, kind × audience (RULINGS B4). Golden-tested like the lifecycle.

Runs take every entry to every office above its author without asking. This table is about the other direction: which
offices must have an entry besides those. Posting is a set, computed from the case as it is, never a scan of rows; the
ledger turns offices into neighbours. House-keeping (`line.*`) is routed by `sync.ledger`, which owns those kinds.
Never decides who may *see* a case on a screen: that is `schemas.casework.visibility`, from which `readers_of` comes.
"""

from enum import StrEnum
from functools import lru_cache
from typing import Final

from schemas.casework.casefile import NO_CASE, CaseFile
from schemas.casework.events import EVENTS
from schemas.casework.visibility import readers
from schemas.names import OfficeId
from schemas.oversight import OVERSIGHT
from schemas.register import REGISTER, EnquiryRecorded


class Audience(StrEnum):
    """Who must have an entry of one kind."""

    READERS = "readers"
    """Every reader of the case: filing office, past and present custodians, offeree, and all above them."""
    ABOVE = "above"
    """Only the offices above the author, which get it in runs: in-house steps, which are nobody else's business."""
    BELOW = "below"
    """Every seat below the author, and those above as always: the register (`schemas.register`)."""
    ADDRESSED = "addressed"
    """The seat that the entry names, those between it and the author, and those above as always: oversight."""


IN_HOUSE_PREFIX: Final = "house."
"""Kinds of in-house steps (RULINGS B1): they commute, take no turn, and never leave the author's own line upward."""

AUDIENCES: Final[dict[str, Audience]] = dict.fromkeys(EVENTS, Audience.READERS)
"""Kind → audience. Every act takes a turn, so every reader must have it (RULINGS B1); contributions are for all too."""

RECORD_AUDIENCES: Final[dict[str, Audience]] = {
    **dict.fromkeys(REGISTER, Audience.BELOW),
    EnquiryRecorded.kind: Audience.ABOVE,
    **{kind: Audience(event.scope.value) for kind, event in OVERSIGHT.items()},
}
"""The same for what is about no case. Enquiries are counted above, and are nobody's business below; what the county has
to say to one office is no other office's."""

FOR_READERS: Final = frozenset(kind for kind, audience in AUDIENCES.items() if audience is Audience.READERS)
"""Kinds that go to exactly the readers of their case."""

NOBODY: Final[frozenset[OfficeId]] = frozenset()

READER_SETS_REMEMBERED: Final = 8192
"""Distinct (holders, informed, offeree) at a time: a county has about 450 offices and few shapes of journey each."""


def audience_of(kind: str, case: CaseFile | None) -> frozenset[OfficeId]:
    """The offices that must have an entry of this kind about this case, beyond those that get it in runs.

    A kind of a newer version goes to the readers too: the office between two newer ones must not keep it from them.
    """
    if case is None or rule_for(kind) is Audience.ABOVE:
        return NOBODY
    return readers_of(case)


def rule_for(kind: str) -> Audience:
    """The table's answer for one kind, unknown ones included."""
    if kind.startswith(IN_HOUSE_PREFIX):
        return Audience.ABOVE
    return AUDIENCES.get(kind, Audience.READERS)


def rule_for_record(kind: str) -> Audience:
    """The table's answer for a kind that is about no case. A kind of a newer version goes down: it may be needed."""
    return RECORD_AUDIENCES.get(kind, Audience.BELOW)


def readers_of(case: CaseFile) -> frozenset[OfficeId]:
    """`visibility.readers`, remembered: the hub asks it for every entry, and journeys repeat."""
    return _readers(case.holders, case.informed, case.offeree)


@lru_cache(maxsize=READER_SETS_REMEMBERED)
def _readers(
    holders: tuple[OfficeId, ...], informed: tuple[OfficeId, ...], offeree: OfficeId | None
) -> frozenset[OfficeId]:
    return readers(CaseFile(NO_CASE, holders=holders, informed=informed, offeree=offeree))
