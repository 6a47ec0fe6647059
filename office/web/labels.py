"""What stages, acts, roles, outcomes and states are called on screens: message ids, translated where they are shown.

Terms follow the administration's own words (受理, 补正, 移交, 办结 …). Never a rule: which acts are lawful is
`schemas.casework.lifecycle`. A test checks that every stage, kind and role has its label and every label its Chinese.
"""

from typing import Final

from msgspec import Struct

from office.web.i18n import n_
from schemas.casework.events import Handover, MaterialStatus, Outcome
from schemas.casework.lifecycle import Stage
from schemas.casework.roles import Role

STAGES: Final[dict[Stage, str]] = {
    Stage.AWAITED: n_("Filing not here yet"),
    Stage.FILED: n_("Filed"),
    Stage.OFFERED: n_("Offered"),
    Stage.IN_REVIEW: n_("In review"),
    Stage.PAPERS_AWAITED: n_("Papers awaited"),
    Stage.REFERRED: n_("Referred"),
    Stage.DECIDED: n_("Decided"),
    Stage.RETURNING: n_("Result returning"),
    Stage.READY: n_("Ready to hand over"),
    Stage.HANDED_OVER: n_("Handed over"),
    Stage.CLOSED: n_("Closed"),
    Stage.WITHDRAWN: n_("Withdrawn"),
}

TONES: Final[dict[Stage, str]] = {
    Stage.AWAITED: "wait",
    Stage.FILED: "work",
    Stage.OFFERED: "move",
    Stage.IN_REVIEW: "work",
    Stage.PAPERS_AWAITED: "wait",
    Stage.REFERRED: "move",
    Stage.DECIDED: "work",
    Stage.RETURNING: "move",
    Stage.READY: "ready",
    Stage.HANDED_OVER: "done",
    Stage.CLOSED: "done",
    Stage.WITHDRAWN: "done",
}
"""How a stage is drawn: what needs work stands out, what is done is plain text (UI 5, rule 3)."""

ACTS: Final[dict[str, str]] = {
    "case.filed": n_("Filed"),
    "custody.offered": n_("Offered on"),
    "custody.accepted": n_("Accepted"),
    "custody.declined": n_("Not accepted"),
    "papers.requested": n_("Papers requested"),
    "papers.received": n_("Papers received"),
    "case.decided": n_("Decided"),
    "result.handed_over": n_("Result handed over"),
    "case.closed": n_("Closed"),
    "case.withdrawn": n_("Withdrawn"),
    "custody.reassigned": n_("Reassigned by the county"),
    "papers.brought": n_("Papers brought"),
    "recall.requested": n_("Recall requested"),
    "remark.added": n_("Remark"),
    "act.unconfirmed": n_("Not yet confirmed"),
}
"""What happened, for timelines."""

VERBS: Final[dict[str, str]] = {
    "custody.offered": n_("Offer to another office"),
    "custody.accepted": n_("Accept"),
    "custody.declined": n_("Do not accept"),
    "papers.requested": n_("Request papers"),
    "papers.received": n_("Take up papers"),
    "case.decided": n_("Decide"),
    "result.handed_over": n_("Hand over the result"),
    "case.closed": n_("Close the case"),
    "case.withdrawn": n_("Withdraw the case"),
    "custody.reassigned": n_("Reassign the case"),
    "papers.brought": n_("Note papers brought"),
    "recall.requested": n_("Request a recall"),
    "remark.added": n_("Add a remark"),
}
"""What can be done, for buttons."""

ROLES: Final[dict[Role, str]] = {
    Role.AGENT: n_("Village agent"),
    Role.CLERK: n_("Handling officer"),
    Role.APPROVER: n_("Approver"),
    Role.LEADER: n_("Leader on duty"),
    Role.SUPERVISOR: n_("Supervision"),
    Role.ADMINISTRATOR: n_("Administrator"),
}

OUTCOMES: Final[dict[Outcome, str]] = {Outcome.GRANTED: n_("Granted"), Outcome.REFUSED: n_("Refused")}

HANDOVERS: Final[dict[Handover, str]] = {
    Handover.COUNTER: n_("At the counter"),
    Handover.HOME: n_("Brought home"),
    Handover.COURIER: n_("By courier"),
}

MATERIALS: Final[dict[MaterialStatus, str]] = {
    MaterialStatus.PROVIDED: n_("Provided"),
    MaterialStatus.DEFERRED: n_("May come later"),
    MaterialStatus.VERIFIED: n_("Verified against data"),
    MaterialStatus.PLEDGED: n_("Pledged"),
}

DOCUMENT_TYPES: Final[dict[str, str]] = {
    "111": n_("Resident identity card"),
    "001": n_("Unified social credit number"),
    "414": n_("Passport"),
    "999": n_("Other document"),
}
"""GA/T 2000.156 codes that this first form offers, and the organisation number of GB 32100."""

CHOICES: Final[dict[str, str]] = {
    choice.value: label for table in (OUTCOMES, HANDOVERS, MATERIALS) for choice, label in table.items()
}
"""Value → label of every choice that an event holds."""

FIELDS: Final[dict[str, str]] = {
    "to": n_("To"),
    "note": n_("Note"),
    "reason": n_("Reason"),
    "basis": n_("Legal basis"),
    "remedy": n_("How to object"),
    "document": n_("Document issued"),
    "outcome": n_("Decision"),
    "recipient": n_("Received by"),
    "how": n_("How"),
    "approver": n_("Approved by"),
    "materials": n_("Materials"),
    "text": n_("Remark"),
}
"""Field of an event → what stands before it in a timeline."""

STATES: Final[dict[str, str]] = {
    "held": n_("waits for an earlier step"),
    "quarantined": n_("does not count: under review"),
    "unknown": n_("from a newer version"),
    "superseded": n_("superseded: another step counts"),
}
"""What became of an entry that does not simply count."""

HOPS: Final[dict[int, str]] = {12: n_("at the village"), 9: n_("at the township"), 6: n_("at the county")}
"""Length of a seat's code → where an entry is, in words."""

HOPS_AWAITED: Final[dict[int, str]] = {
    12: n_("not yet signed for by the village"),
    9: n_("not yet signed for by the township"),
    6: n_("not yet signed for by the county"),
}
"""Length of a seat's code → who has not yet signed a receipt."""


UNCONFIRMED: Final = n_(
    "The step «%(act)s» was taken by a leader while that office was catching up after a restore; check it against what "
    "has arrived since."
)
"""What the note beside such a step says."""


class StageLabel(Struct, frozen=True):
    """A stage as it is drawn."""

    label: str
    tone: str


def stage(value: str) -> StageLabel:
    """How a stage is drawn. Raises ValueError for what is no stage."""
    known = Stage(value)
    return StageLabel(STAGES[known], TONES[known])
