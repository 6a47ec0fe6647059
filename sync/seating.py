"""Which device works at a seat below, of several that nobody known here replaced: a certificate between may be lost.

Pure: judges names and where each enrolment stands, no certificate. Never gives a seat to a device that was replaced.
Sources: RULINGS A15; schedules of the simulator (`tests/simulation/regressions.py`). Next: `sync.books` (who asks).
"""

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from schemas.names import JournalId, NodeId


class Claim(Struct, frozen=True):
    """A device that nobody replaced, as far as is known here."""

    node: NodeId
    entered: JournalId
    """Where its enrolment stands."""
    before: Sequence[NodeId]
    """The devices before it at its seat, the latest first; the last one may be unknown here."""


def choose(
    claims: Sequence[Claim],
    present: NodeId | None,
    own: NodeId,
    former: Collection[NodeId],
    is_known: Callable[[NodeId], bool],
) -> NodeId | None:
    """The device that has the seat now, in whatever order its enrolments came; the present one when nothing speaks.

    `own`: the judging device; `former`: those that worked for its seat before it. What we entered ourselves is newer
    than what a former device of our seat did. Of what we entered ourselves, news from an epoch that was forgotten with
    a disk is older than what was entered since. Of others whoever followed the present, or one that is unknown, is.
    """
    if any(claim.entered.origin == own for claim in claims):
        claims = [claim for claim in claims if claim.entered.origin not in former]
    here = next((claim for claim in claims if claim.node == present), None)
    if here is not None and here.entered.origin == own:
        claims = [claim for claim in claims if not _was_forgotten(claim.entered, here.entered)]
    if len(claims) > 1:
        heirs = [claim for claim in claims if present in claim.before]
        followers = [claim for claim in claims if claim.before and not is_known(claim.before[-1])]
        claims = next((found for found in (heirs, followers) if len(found) == 1), claims)
    nodes = [claim.node for claim in claims]
    return present if present in nodes or len(nodes) != 1 else nodes[0]


def _was_forgotten(journal: JournalId, here: JournalId) -> bool:
    """Whether a journal of our own is not what the other one continues, and none that continues it."""
    is_other = journal.origin == here.origin and journal.epoch != here.epoch
    return is_other and journal.epoch.ordinal <= here.epoch.ordinal
