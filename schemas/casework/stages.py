"""Where a case can stand, and which stages are spoken of together.

Never says what leads from one to another: that is `schemas.casework.lifecycle`.
"""

from enum import StrEnum
from typing import Final


class Stage(StrEnum):
    """Where a case stands. The Chinese names on screens are in the interface's dictionary, key `stage.<value>`."""

    AWAITED = "awaited"
    """Entries of the case are here, its filing is not."""
    FILED = "filed"
    """Taken in (收件), not yet formally accepted."""
    OFFERED = "offered"
    """On its way to an office that may accept it."""
    RECEIVED = "received"
    """With an office that may accept it (收到), corrected and not yet accepted."""
    CORRECTING = "correcting"
    """One notice of all gaps is out; not accepted until they are brought (补正)."""
    NOT_ACCEPTED = "not_accepted"
    """Not accepted (不予受理); the filing office tells the resident."""
    IN_REVIEW = "in_review"
    """Accepted (受理) and being handled."""
    PAPERS_AWAITED = "papers_awaited"
    """Accepted; one notice of missing papers is out (补充材料)."""
    SUSPENDED = "suspended"
    """Accepted; waits for a hearing, a test or another cause that stops the clock (中止计时)."""
    REFERRED = "referred"
    """Accepted and on its way to another office, undecided (上报 or returned)."""
    DECIDED = "decided"
    """Granted or refused; the result is with the deciding office."""
    RETURNING = "returning"
    """The result is on its way to the place of handing over."""
    READY = "ready"
    """The result lies ready for the resident."""
    HANDED_OVER = "handed_over"
    """The resident has the result."""
    CLOSED = "closed"
    """Struck off."""
    WITHDRAWN = "withdrawn"
    """Ended on the resident's word."""
    TERMINATED = "terminated"
    """Ended without a decision (终止)."""


IN_TRANSIT: Final = frozenset({Stage.OFFERED, Stage.REFERRED, Stage.RETURNING})
"""An offer is open: nobody holds the pen."""

ENDED: Final = frozenset({Stage.CLOSED, Stage.WITHDRAWN, Stage.NOT_ACCEPTED, Stage.TERMINATED})
"""Nothing more happens to the resident's matter, unless it is reopened."""

UNACCEPTED: Final = frozenset({Stage.FILED, Stage.OFFERED, Stage.CORRECTING, Stage.RECEIVED})
"""Not yet accepted: the five working days of art. 32 run while such a case is with an office above the village."""

UNDECIDED: Final = frozenset({Stage.IN_REVIEW, Stage.PAPERS_AWAITED, Stage.SUSPENDED, Stage.REFERRED})
"""Accepted and not yet decided: the legal and the promised clocks run."""

AWAITING_PAPERS: Final = frozenset({Stage.CORRECTING, Stage.PAPERS_AWAITED})
"""The resident was told what is missing."""

DECIDED: Final = frozenset({Stage.DECIDED, Stage.RETURNING, Stage.READY})
"""Decided, and the resident has not yet got the result."""
