"""What stages, acts, roles, outcomes and states are called on screens: message ids, translated where they are shown.

Terms follow the administration's own words (受理, 补正, 移交, 办结 …). Never a rule: which acts are lawful is
`schemas.casework.lifecycle`. A test checks that every stage, kind and role has its label and every label its Chinese.
"""

from typing import Final

from msgspec import Struct

from office.people import DeskKind
from office.web.i18n import n_
from schemas.casework.roles import Role
from schemas.casework.stages import Stage
from schemas.casework.steps import Step
from schemas.casework.values import Channel, Handover, MaterialStatus, Opinion, Outcome, PauseCause
from schemas.register import Position

STAGES: Final[dict[Stage, str]] = {
    Stage.AWAITED: n_("Filing not here yet"),
    Stage.FILED: n_("Filed"),
    Stage.OFFERED: n_("Offered"),
    Stage.RECEIVED: n_("Received, not yet accepted"),
    Stage.CORRECTING: n_("Corrections awaited"),
    Stage.NOT_ACCEPTED: n_("Not accepted"),
    Stage.IN_REVIEW: n_("In review"),
    Stage.PAPERS_AWAITED: n_("Papers awaited"),
    Stage.SUSPENDED: n_("Clock stopped"),
    Stage.REFERRED: n_("Referred"),
    Stage.DECIDED: n_("Decided"),
    Stage.RETURNING: n_("Result returning"),
    Stage.READY: n_("Ready to hand over"),
    Stage.HANDED_OVER: n_("Handed over"),
    Stage.CLOSED: n_("Closed"),
    Stage.WITHDRAWN: n_("Withdrawn"),
    Stage.TERMINATED: n_("Terminated"),
}

TONES: Final[dict[Stage, str]] = {
    Stage.AWAITED: "wait",
    Stage.FILED: "work",
    Stage.OFFERED: "move",
    Stage.RECEIVED: "work",
    Stage.CORRECTING: "wait",
    Stage.NOT_ACCEPTED: "done",
    Stage.IN_REVIEW: "work",
    Stage.PAPERS_AWAITED: "wait",
    Stage.SUSPENDED: "wait",
    Stage.REFERRED: "move",
    Stage.DECIDED: "work",
    Stage.RETURNING: "move",
    Stage.READY: "ready",
    Stage.HANDED_OVER: "done",
    Stage.CLOSED: "done",
    Stage.WITHDRAWN: "done",
    Stage.TERMINATED: "done",
}
"""How a stage is drawn: what needs work stands out, what is done is plain text (UI 5, rule 3)."""

ACTS: Final[dict[str, str]] = {
    "case.filed": n_("Filed"),
    "custody.offered": n_("Offered on"),
    "custody.accepted": n_("Accepted"),
    "custody.declined": n_("Declined"),
    "acceptance.refused": n_("Not accepted"),
    "papers.requested": n_("Papers requested"),
    "papers.received": n_("Papers received"),
    "case.suspended": n_("Clock stopped"),
    "case.resumed": n_("Clock runs again"),
    "term.extended": n_("Term extended"),
    "opinions.requested": n_("Departments asked for their opinions"),
    "case.decided": n_("Decided"),
    "result.handed_over": n_("Result handed over"),
    "case.closed": n_("Closed"),
    "case.withdrawn": n_("Withdrawn"),
    "case.terminated": n_("Terminated"),
    "case.reopened": n_("Reopened"),
    "custody.reassigned": n_("Reassigned by the county"),
    "case.rehomed": n_("To be handed over elsewhere"),
    "papers.brought": n_("Papers brought"),
    "recall.requested": n_("Recall requested"),
    "remark.added": n_("Remark"),
    "act.unconfirmed": n_("Not yet confirmed"),
    "case.received": n_("Received"),
    "step.completed": n_("Step completed"),
    "site.surveyed": n_("Site surveyed"),
    "opinion.given": n_("Opinion given"),
    "meeting.held": n_("Joint meeting held"),
    "fee.paid": n_("Fee paid"),
    "case.expedited": n_("Put on the green channel"),
    "case.converted": n_("On the spot became a promise"),
    "roster.added": n_("List of persons"),
}
"""What happened, for timelines."""

TOLD: Final[dict[str, str]] = {**ACTS, "line.erased": n_("Erasure ordered")}
"""The same, and what the county says of a case without acting on it."""

FORMALLY_ACCEPTED: Final = n_("Formally accepted")
"""The acceptance from which the clocks run (受理), where later ones only pick the case up (接收)."""

VERBS: Final[dict[str, str]] = {
    "custody.offered": n_("Offer to another office"),
    "case.decided_at_once": n_("Accept and decide at once"),
    "custody.accepted": n_("Accept"),
    "custody.declined": n_("Decline: not for this office"),
    "acceptance.refused": n_("Refuse acceptance"),
    "papers.requested": n_("Request papers"),
    "papers.received": n_("Take up papers"),
    "case.suspended": n_("Stop the clock"),
    "case.resumed": n_("Let the clock run again"),
    "term.extended": n_("Extend the term"),
    "opinions.requested": n_("Ask departments for their opinions"),
    "opinion.given": n_("Give this department's opinion"),
    "meeting.held": n_("Record a joint meeting"),
    "step.completed": n_("Record a step"),
    "site.surveyed": n_("Record a site survey"),
    "fee.paid": n_("Record a fee"),
    "case.expedited": n_("Put on the green channel"),
    "case.converted": n_("Promise a day instead"),
    "case.decided": n_("Decide"),
    "result.handed_over": n_("Hand over the result"),
    "case.closed": n_("Close the case"),
    "case.withdrawn": n_("Withdraw the case"),
    "case.terminated": n_("Terminate the case"),
    "case.reopened": n_("Reopen the case"),
    "custody.reassigned": n_("Reassign the case"),
    "case.rehomed": n_("Change where the result is handed over"),
    "papers.brought": n_("Note papers brought"),
    "recall.requested": n_("Request a recall"),
    "remark.added": n_("Add a remark"),
}
"""What can be done, for buttons."""

ACCEPT_FORMALLY: Final = n_("Accept formally")
"""The button where accepting starts the clocks."""

ROLES: Final[dict[Role, str]] = {
    Role.AGENT: n_("Village agent"),
    Role.CLERK: n_("Handling officer"),
    Role.APPROVER: n_("Approver"),
    Role.LEADER: n_("Leader on duty"),
    Role.SUPERVISOR: n_("Supervision"),
    Role.ADMINISTRATOR: n_("Administrator"),
}

POSITIONS: Final[dict[str, str]] = {
    Position.PRIMARY: n_("Holder (A post)"),
    Position.DEPUTY: n_("Deputy (B post)"),
    Position.LEADER: n_("Leader on duty"),
    Position.AGENT: n_("Village agent"),
    Position.LIAISON: n_("Liaison"),
}

DESK_KINDS: Final[dict[DeskKind, str]] = {
    DeskKind.PERMANENT: n_("Every working day"),
    DeskKind.ROTATING: n_("On the days published"),
    DeskKind.LIAISON: n_("By liaison"),
}

WEEKDAYS: Final = (
    n_("Monday"),
    n_("Tuesday"),
    n_("Wednesday"),
    n_("Thursday"),
    n_("Friday"),
    n_("Saturday"),
    n_("Sunday"),
)
"""By `date.weekday`."""

OUTCOMES: Final[dict[Outcome, str]] = {Outcome.GRANTED: n_("Granted"), Outcome.REFUSED: n_("Refused")}

HANDOVERS: Final[dict[Handover, str]] = {
    Handover.COUNTER: n_("At the counter"),
    Handover.HOME: n_("Brought home"),
    Handover.COURIER: n_("By courier"),
    Handover.PUBLIC_NOTICE: n_("By public notice"),
}

MATERIALS: Final[dict[MaterialStatus, str]] = {
    MaterialStatus.PROVIDED: n_("Provided"),
    MaterialStatus.DEFERRED: n_("May come later"),
    MaterialStatus.VERIFIED: n_("Verified against data"),
    MaterialStatus.PLEDGED: n_("Pledged"),
    MaterialStatus.REUSED: n_("Handed in earlier"),
}

STEPS: Final[dict[Step, str]] = {
    Step.ACCEPTANCE: n_("Acceptance"),
    Step.SURVEY: n_("Site survey"),
    Step.REVIEW: n_("Review"),
    Step.DECISION: n_("Approval"),
    Step.PRODUCTION: n_("Making the licence"),
    Step.SEALING: n_("Sealing"),
    Step.ISSUE: n_("Issue"),
    Step.PUBLICITY: n_("Public notice"),
    Step.ARCHIVE: n_("Filing away"),
}

CAUSES: Final[dict[PauseCause, str]] = {
    PauseCause.HEARING: n_("Hearing"),
    PauseCause.TENDER: n_("Invitation to tender"),
    PauseCause.AUCTION: n_("Auction"),
    PauseCause.INSPECTION: n_("Inspection of goods"),
    PauseCause.TESTING: n_("Testing"),
    PauseCause.QUARANTINE: n_("Quarantine of plants or animals"),
    PauseCause.APPRAISAL: n_("Appraisal"),
    PauseCause.EXPERT_REVIEW: n_("Expert review"),
}
"""The law's own list (art. 45). A site survey is not in it."""

OPINIONS: Final[dict[Opinion, str]] = {
    Opinion.AGREES: n_("Agrees"),
    Opinion.AGREES_WITH_CONDITIONS: n_("Agrees with conditions"),
    Opinion.OBJECTS: n_("Objects"),
}

CHANNELS: Final[dict[Channel, str]] = {
    Channel.COUNTER: n_("Came to the counter"),
    Channel.HOME: n_("Visited at home"),
    Channel.MARKET_DAY: n_("At the market-day desk"),
    Channel.BOOKED: n_("By appointment, outside hours"),
    Channel.ONLINE: n_("Filed online"),
    Channel.LIST: n_("List of a village"),
}

YES_NO: Final[dict[str, str]] = {"yes": n_("Yes"), "no": n_("No")}

DOCUMENT_TYPES: Final[dict[str, str]] = {
    "111": n_("Resident identity card"),
    "001": n_("Unified social credit number"),
    "414": n_("Passport"),
    "999": n_("Other document"),
}
"""GA/T 2000.156 codes that this first form offers, and the organisation number of GB 32100."""

CHOICES: Final[dict[str, dict[str, str]]] = {
    field: {str(choice): label for choice, label in table.items()}
    for field, table in (
        ("outcome", OUTCOMES),
        ("how", HANDOVERS),
        ("status", MATERIALS),
        ("step", STEPS),
        ("cause", CAUSES),
        ("opinion", OPINIONS),
        ("channel", CHANNELS),
        ("agrees", YES_NO),
    )
}
"""Field → value → label, for everything that is chosen rather than written."""

OFFICES: Final = frozenset({"to", "deemed", "invited", "present"})
"""Fields that name offices."""

PEOPLE: Final = frozenset({"approver", "second_officer", "surveyors"})
"""Fields that name officers."""

FIELDS: Final[dict[str, str]] = {
    "to": n_("To"),
    "note": n_("Note"),
    "reason": n_("Reason"),
    "basis": n_("Legal basis"),
    "remedy": n_("How to object"),
    "document": n_("Number of the paper"),
    "outcome": n_("Decision"),
    "recipient": n_("Received by"),
    "how": n_("How"),
    "approver": n_("Approved by"),
    "materials": n_("Materials"),
    "text": n_("Remark"),
    "promises": n_("Promised for later"),
    "deemed_on": n_("Accepted by silence on"),
    "justification": n_("Why not in the first notice"),
    "until": n_("To be brought by"),
    "cause": n_("Cause"),
    "expected_until": n_("Expected until"),
    "result": n_("Result"),
    "days": n_("Days more"),
    "due": n_("Due"),
    "meeting_on": n_("Meeting on"),
    "grant": n_("Number of the grant"),
    "on_behalf_of": n_("On behalf of"),
    "deemed": n_("Silence taken as agreement"),
    "excepted": n_("Rows not granted"),
    "step": n_("Step"),
    "opinion": n_("Opinion"),
    "second_officer": n_("Second officer"),
    "surveyors": n_("Surveyed by"),
    "on": n_("Day"),
    "place": n_("Place"),
    "findings": n_("Findings"),
    "agrees": n_("Fits the application"),
    "invited": n_("Invited"),
    "present": n_("Present"),
    "minutes": n_("Minutes"),
    "amount_fen": n_("Amount in yuan"),
    "receipt": n_("Number of the receipt"),
    "promise_days": n_("Promised working days"),
    "part": n_("Part of the list"),
    "row_count": n_("Persons"),
}
"""Field of an event → what stands before it in a timeline."""

OF_ACT: Final[dict[tuple[str, str], str]] = {
    ("opinions.requested", "to"): n_("Departments"),
    ("case.rehomed", "to"): n_("Where the result is handed over"),
}
"""(kind, field) where the act has its own word for the field."""

LIABILITY: Final = n_("The department that was late or absent answers for what follows from it.")
"""Printed beside every opinion that was taken from silence (责任自负)."""

BY_ITSELF: Final = n_("by the node itself")
"""Who wrote what no officer did (`office.receiving.BY_ITSELF`)."""

STATES: Final[dict[str, str]] = {
    "held": n_("waits for an earlier step"),
    "quarantined": n_("does not count: under review"),
    "unknown": n_("from a newer version"),
    "superseded": n_("superseded: another step counts"),
    "erased": n_("content erased by law"),
    "purged": n_("content no longer on this computer"),
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


def field(kind: str, name: str) -> str:
    """What stands before a field of an event in a timeline."""
    return OF_ACT.get((kind, name), FIELDS[name])


def stage(value: str) -> StageLabel:
    """How a stage is drawn. Raises ValueError for what is no stage."""
    known = Stage(value)
    return StageLabel(STAGES[known], TONES[known])
