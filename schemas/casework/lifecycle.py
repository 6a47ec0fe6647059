"""The one table of the case's life: stage × act → stage, and whose act it is.

The fold, the guards at the pen, the buttons on the screen, the tests and the diagram (`LIFECYCLE.md`) all read
`TRANSITIONS`; a change of the service's rules is a change of this table (and of `tests/golden/lifecycle.txt`).
`permits` answers at the pen who may write what now; `permits_event` also judges the complete event: what it states
(`contents`) and what must be on record before it (`regimes`). Neither judges what has already been written: that is
`fold`. Next: `reasons` for the sentences, `roles` for what an officer's role allows, `visibility` for who may look.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import date
from enum import Enum
from typing import Final

from msgspec import Struct

from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.contents import Judged, check_contents
from schemas.casework.events import (
    Act,
    ActUnconfirmed,
    CaseConverted,
    CaseDecided,
    CaseEvent,
    CaseExpedited,
    CaseFiled,
    CaseReceived,
    CustodyAccepted,
    CustodyDeclined,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    PapersBrought,
    RecallRequested,
    RemarkAdded,
    RosterAdded,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.reasons import NotPermitted
from schemas.casework.regimes import is_convertible
from schemas.casework.roles import Role, may_take_part
from schemas.casework.stages import DECIDED, IN_TRANSIT, UNACCEPTED, UNDECIDED, Stage
from schemas.casework.visibility import Standing, readers, standing_of
from schemas.catalogue import (
    Delegation,
    Grant,
    ServiceItem,
    accepts,
    find_grant,
    is_of_department,
    is_suspended,
    may_decide,
)
from schemas.divisions import is_village_office
from schemas.names import OfficeId, seat_of, within


class Actor(Enum):
    """Whose act it is."""

    CUSTODIAN = "custodian"
    OFFEREE = "offeree"
    COUNTY = "county"
    RESPONSIBLE = "responsible"
    """The office that answers for the case: which decided it, or else accepted it."""
    RESPONSIBLE_CUSTODIAN = "responsible_custodian"
    """Of those that may reopen what was handed over, the one that holds the case."""
    CUSTODIAN_OR_COUNTY = "custodian_or_county"


class Transition(Struct, frozen=True, gc=False):
    """What a lawful act leads to, and who may write it."""

    stage: Stage
    by: Actor


def _by_custodian(stage: Stage) -> Transition:
    return Transition(stage, Actor.CUSTODIAN)


def _by_offeree(stage: Stage) -> Transition:
    return Transition(stage, Actor.OFFEREE)


def _by_county(stage: Stage) -> Transition:
    return Transition(stage, Actor.COUNTY)


TRANSITIONS: Final[dict[tuple[Stage, str], Transition]] = {
    (Stage.FILED, "custody.offered"): _by_custodian(Stage.OFFERED),
    # An office above the village that files for a resident at its own counter accepts without an offer.
    (Stage.FILED, "custody.accepted"): _by_custodian(Stage.IN_REVIEW),
    # At a counter above the village: the three verdicts on one's own filing.
    (Stage.FILED, "acceptance.refused"): _by_custodian(Stage.NOT_ACCEPTED),
    (Stage.FILED, "papers.requested"): _by_custodian(Stage.CORRECTING),
    (Stage.FILED, "papers.received"): _by_custodian(Stage.FILED),
    (Stage.FILED, "case.withdrawn"): _by_custodian(Stage.WITHDRAWN),
    (Stage.FILED, "custody.reassigned"): _by_county(Stage.FILED),
    (Stage.FILED, "case.rehomed"): Transition(Stage.FILED, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.OFFERED, "custody.accepted"): _by_offeree(Stage.IN_REVIEW),
    (Stage.OFFERED, "custody.declined"): _by_offeree(Stage.FILED),
    (Stage.OFFERED, "acceptance.refused"): _by_offeree(Stage.NOT_ACCEPTED),
    (Stage.OFFERED, "papers.requested"): _by_offeree(Stage.CORRECTING),
    (Stage.OFFERED, "custody.reassigned"): _by_county(Stage.FILED),
    (Stage.OFFERED, "case.rehomed"): _by_county(Stage.OFFERED),
    (Stage.CORRECTING, "papers.received"): _by_custodian(Stage.RECEIVED),
    (Stage.CORRECTING, "custody.declined"): _by_custodian(Stage.FILED),
    (Stage.CORRECTING, "acceptance.refused"): _by_custodian(Stage.NOT_ACCEPTED),
    (Stage.CORRECTING, "case.withdrawn"): _by_custodian(Stage.WITHDRAWN),
    (Stage.CORRECTING, "custody.reassigned"): _by_county(Stage.CORRECTING),
    (Stage.CORRECTING, "case.rehomed"): Transition(Stage.CORRECTING, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.RECEIVED, "custody.accepted"): _by_custodian(Stage.IN_REVIEW),
    (Stage.RECEIVED, "custody.declined"): _by_custodian(Stage.FILED),
    (Stage.RECEIVED, "acceptance.refused"): _by_custodian(Stage.NOT_ACCEPTED),
    (Stage.RECEIVED, "papers.requested"): _by_custodian(Stage.CORRECTING),
    (Stage.RECEIVED, "papers.received"): _by_custodian(Stage.RECEIVED),
    (Stage.RECEIVED, "custody.offered"): _by_custodian(Stage.OFFERED),
    (Stage.RECEIVED, "case.withdrawn"): _by_custodian(Stage.WITHDRAWN),
    (Stage.RECEIVED, "custody.reassigned"): _by_county(Stage.RECEIVED),
    (Stage.RECEIVED, "case.rehomed"): Transition(Stage.RECEIVED, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.IN_REVIEW, "papers.requested"): _by_custodian(Stage.PAPERS_AWAITED),
    (Stage.IN_REVIEW, "papers.received"): _by_custodian(Stage.IN_REVIEW),
    (Stage.IN_REVIEW, "custody.offered"): _by_custodian(Stage.REFERRED),
    (Stage.IN_REVIEW, "case.decided"): _by_custodian(Stage.DECIDED),
    (Stage.IN_REVIEW, "case.withdrawn"): _by_custodian(Stage.WITHDRAWN),
    (Stage.IN_REVIEW, "case.terminated"): _by_custodian(Stage.TERMINATED),
    (Stage.IN_REVIEW, "case.suspended"): _by_custodian(Stage.SUSPENDED),
    (Stage.IN_REVIEW, "term.extended"): _by_custodian(Stage.IN_REVIEW),
    (Stage.IN_REVIEW, "opinions.requested"): _by_custodian(Stage.IN_REVIEW),
    (Stage.IN_REVIEW, "custody.reassigned"): _by_county(Stage.IN_REVIEW),
    (Stage.IN_REVIEW, "case.rehomed"): Transition(Stage.IN_REVIEW, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.PAPERS_AWAITED, "papers.received"): _by_custodian(Stage.IN_REVIEW),
    # A resident who brings nothing is decided on what there is.
    (Stage.PAPERS_AWAITED, "case.decided"): _by_custodian(Stage.DECIDED),
    (Stage.PAPERS_AWAITED, "case.withdrawn"): _by_custodian(Stage.WITHDRAWN),
    (Stage.PAPERS_AWAITED, "case.terminated"): _by_custodian(Stage.TERMINATED),
    (Stage.PAPERS_AWAITED, "term.extended"): _by_custodian(Stage.PAPERS_AWAITED),
    (Stage.PAPERS_AWAITED, "custody.reassigned"): _by_county(Stage.PAPERS_AWAITED),
    (Stage.PAPERS_AWAITED, "case.rehomed"): Transition(Stage.PAPERS_AWAITED, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.SUSPENDED, "case.resumed"): _by_custodian(Stage.IN_REVIEW),
    (Stage.SUSPENDED, "case.withdrawn"): _by_custodian(Stage.WITHDRAWN),
    (Stage.SUSPENDED, "case.terminated"): _by_custodian(Stage.TERMINATED),
    (Stage.SUSPENDED, "term.extended"): _by_custodian(Stage.SUSPENDED),
    (Stage.SUSPENDED, "custody.reassigned"): _by_county(Stage.SUSPENDED),
    (Stage.SUSPENDED, "case.rehomed"): Transition(Stage.SUSPENDED, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.REFERRED, "custody.accepted"): _by_offeree(Stage.IN_REVIEW),
    (Stage.REFERRED, "custody.declined"): _by_offeree(Stage.IN_REVIEW),
    (Stage.REFERRED, "custody.reassigned"): _by_county(Stage.IN_REVIEW),
    (Stage.REFERRED, "case.rehomed"): _by_county(Stage.REFERRED),
    # What was decided wrongly is put right before it is handed over, by who decided it: the result goes back there.
    (Stage.DECIDED, "case.reopened"): Transition(Stage.IN_REVIEW, Actor.RESPONSIBLE_CUSTODIAN),
    (Stage.DECIDED, "custody.offered"): _by_custodian(Stage.RETURNING),
    (Stage.DECIDED, "result.handed_over"): _by_custodian(Stage.HANDED_OVER),
    (Stage.DECIDED, "custody.reassigned"): _by_county(Stage.DECIDED),
    (Stage.DECIDED, "case.rehomed"): Transition(Stage.DECIDED, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.RETURNING, "custody.accepted"): _by_offeree(Stage.READY),
    (Stage.RETURNING, "custody.declined"): _by_offeree(Stage.DECIDED),
    (Stage.RETURNING, "custody.reassigned"): _by_county(Stage.DECIDED),
    (Stage.RETURNING, "case.rehomed"): _by_county(Stage.RETURNING),
    (Stage.READY, "case.reopened"): Transition(Stage.IN_REVIEW, Actor.RESPONSIBLE_CUSTODIAN),
    (Stage.READY, "result.handed_over"): _by_custodian(Stage.HANDED_OVER),
    (Stage.READY, "custody.offered"): _by_custodian(Stage.RETURNING),
    (Stage.READY, "custody.reassigned"): _by_county(Stage.DECIDED),
    (Stage.READY, "case.rehomed"): Transition(Stage.READY, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.HANDED_OVER, "case.closed"): _by_custodian(Stage.CLOSED),
    (Stage.HANDED_OVER, "case.reopened"): Transition(Stage.IN_REVIEW, Actor.RESPONSIBLE),
    (Stage.HANDED_OVER, "custody.reassigned"): _by_county(Stage.HANDED_OVER),
    (Stage.HANDED_OVER, "case.rehomed"): Transition(Stage.HANDED_OVER, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.NOT_ACCEPTED, "case.closed"): _by_custodian(Stage.CLOSED),
    (Stage.NOT_ACCEPTED, "custody.reassigned"): _by_county(Stage.NOT_ACCEPTED),
    (Stage.NOT_ACCEPTED, "case.rehomed"): Transition(Stage.NOT_ACCEPTED, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.WITHDRAWN, "case.closed"): _by_custodian(Stage.CLOSED),
    (Stage.WITHDRAWN, "custody.reassigned"): _by_county(Stage.WITHDRAWN),
    (Stage.WITHDRAWN, "case.rehomed"): Transition(Stage.WITHDRAWN, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.TERMINATED, "case.closed"): _by_custodian(Stage.CLOSED),
    (Stage.TERMINATED, "case.reopened"): Transition(Stage.IN_REVIEW, Actor.RESPONSIBLE),
    (Stage.TERMINATED, "custody.reassigned"): _by_county(Stage.TERMINATED),
    (Stage.TERMINATED, "case.rehomed"): Transition(Stage.TERMINATED, Actor.CUSTODIAN_OR_COUNTY),
    (Stage.CLOSED, "case.reopened"): Transition(Stage.IN_REVIEW, Actor.RESPONSIBLE),
}
"""The table. What is not in it is not lawful; `case.filed` alone opens a case and stands outside."""

ACTS: Final = ("case.filed", *sorted({kind for _, kind in TRANSITIONS}))
"""Every kind that takes a turn."""

VERDICTS: Final = frozenset({"custody.accepted", "acceptance.refused", "papers.requested"})
"""The three answers to a filing: accept, not accept, name every gap."""

REVIEWS: Final = frozenset(
    {
        "acceptance.refused",
        "papers.requested",
        "case.suspended",
        "case.resumed",
        "term.extended",
        "opinions.requested",
        "case.decided",
        "case.terminated",
        "case.reopened",
    }
)
"""Acts that judge the matter, or its terms: never a village's, whatever pen it holds (DOMAIN S)."""

CONTRIBUTIONS: Final[dict[str, frozenset[Stage]]] = {
    PapersBrought.kind: UNACCEPTED | UNDECIDED,
    RecallRequested.kind: IN_TRANSIT,
    RemarkAdded.kind: frozenset(Stage) - {Stage.AWAITED},
    # The file is archived, and a refusal published, when the case is struck off.
    StepCompleted.kind: UNDECIDED | DECIDED | {Stage.HANDED_OVER, Stage.CLOSED},
    SiteSurveyed.kind: UNACCEPTED | UNDECIDED,
    OpinionGiven.kind: UNDECIDED,
    MeetingHeld.kind: UNDECIDED,
    FeePaid.kind: UNDECIDED | DECIDED,
    CaseExpedited.kind: UNACCEPTED | UNDECIDED,
    CaseConverted.kind: UNDECIDED,
    # Written beside another entry, or by the node itself; nobody is offered them.
    ActUnconfirmed.kind: frozenset(),
    CaseReceived.kind: frozenset(),
    RosterAdded.kind: frozenset(),
}
"""Kind → stages in which a contribution makes sense. Late ones are recorded all the same."""

CUSTODIANS_OWN: Final = frozenset({MeetingHeld.kind, CaseConverted.kind})
"""Contributions that only the office with the pen makes."""

HANDLERS_OWN: Final = frozenset({StepCompleted.kind, SiteSurveyed.kind, CaseExpedited.kind})
"""Contributions of offices that handle the case, did so, or were asked for their opinion."""

REVIEW_NOTES: Final = CUSTODIANS_OWN | HANDLERS_OWN | {OpinionGiven.kind}
"""Contributions that are never a village's."""


def is_review(stage: Stage, act: str) -> bool:
    """Whether an act judges the matter, which no village does: picking up a result is no acceptance of a filing."""
    return act in REVIEWS or (act == CustodyAccepted.kind and stage in UNACCEPTED)


# --- at the pen ------------------------------------------------------------------------------------------------------


def permits(
    case: CaseFile | None,
    act: str,
    office: OfficeId,
    item: ServiceItem | None,
    *,
    today: date | None = None,
    grants: Iterable[Grant] = (),
    department: str = "",
) -> None:
    """Return if `office` may now write an event of kind `act`; raise `NotPermitted` with the reason if not.

    `item` is the case's service item by the edition that judges such an act (RULINGS B8; `office.catalogue`). None
    means that this node does not know the item. Without `today` nothing is suspended and no grant is in force.
    `department`: whose window `office` is; empty = any item may be accepted and decided there, as at a seat or a
    comprehensive window (综合窗口).
    """
    if act == CaseFiled.kind:
        _permits_filing(case, office, item, today)
        return
    if case is None:
        raise NotPermitted("no_such_case")
    if case.filing is None:
        raise NotPermitted("filing_awaited")
    if act in CONTRIBUTIONS:
        _permits_contribution(case, act, office, item)
        return
    if act not in ACTS:
        raise NotPermitted("unknown_act")
    _permits_act(case, act, office)
    _check_competence(case, act, office, item, today, tuple(grants), department)


def permits_event(
    case: CaseFile | None,
    event: CaseEvent,
    item: ServiceItem | None,
    *,
    today: date | None = None,
    grants: Iterable[Grant] = (),
    calendar: WorkCalendar | None = None,
    department: str = "",
    ended: frozenset[OfficeId] = frozenset(),
) -> None:
    """`permits` for a complete event: also its turn, what it states, and what must be on record before it.

    Without `today` days are not judged. `calendar`: the county's; without one Monday to Friday. `ended`: departments
    asked for their opinion that are no more. Raises `NotPermitted`.
    """
    grants = tuple(grants)
    permits(case, event.kind, event.office, item, today=today, grants=grants, department=department)
    if isinstance(event, Act):
        _check_follows(case, event)
    if case is not None:
        check_contents(Judged(case, item, today, grants, calendar, department, ended), event)


def available_acts(
    case: CaseFile,
    office: OfficeId,
    item: Callable[[str], ServiceItem | None],
    roles: Collection[Role],
    *,
    today: date | None = None,
    grants: Iterable[Grant] = (),
    department: str = "",
) -> tuple[str, ...]:
    """The kinds that an officer of `office` with `roles` may write now: the buttons of the case's page.

    `item`: the item that judges an act of that kind (`permits`).
    """
    grants = tuple(grants)

    def is_permitted(kind: str) -> bool:
        try:
            permits(case, kind, office, item(kind), today=today, grants=grants, department=department)
        except NotPermitted:
            return False
        return True

    return tuple(kind for kind in (*ACTS[1:], *CONTRIBUTIONS) if may_take_part(kind, roles) and is_permitted(kind))


def check_role(act: str, roles: Collection[Role]) -> None:
    """Raise `NotPermitted` unless an officer with `roles` may take part in an event of kind `act`."""
    if not may_take_part(act, roles):
        raise NotPermitted("role_forbids")


def _permits_filing(case: CaseFile | None, office: OfficeId, item: ServiceItem | None, today: date | None) -> None:
    if case is not None:
        raise NotPermitted("already_filed")
    if item is None:
        raise NotPermitted("unknown_item")
    at_village = is_village_office(office)
    if at_village and item.delegation is Delegation.NO:
        raise NotPermitted("not_delegable")
    # An agent may carry up what the village itself does not take in, as long as the item may be carried at all.
    if not at_village and not accepts(item, office):
        raise NotPermitted("not_accepted_here")
    if today is not None and is_suspended(item, today):
        raise NotPermitted("item_suspended")


def _permits_contribution(case: CaseFile, act: str, office: OfficeId, item: ServiceItem | None) -> None:
    if office not in readers(case):
        raise NotPermitted("not_a_reader")
    if case.stage not in CONTRIBUTIONS[act]:
        raise NotPermitted("stage_forbids")
    if is_village_office(office) and act == FeePaid.kind:
        raise NotPermitted("village_takes_no_fee")
    if is_village_office(office) and act in REVIEW_NOTES:
        raise NotPermitted("village_cannot_review")
    if act == RecallRequested.kind and office != case.offerer:
        raise NotPermitted("not_offerer")
    if act == OpinionGiven.kind and office not in case.course.consulted:
        raise NotPermitted("not_consulted")
    if act in CUSTODIANS_OWN and office != case.custodian:
        raise NotPermitted(_why_not_custodian(case))
    if act in HANDLERS_OWN and standing_of(case, office) is Standing.ABOVE:
        raise NotPermitted("not_involved")
    if act == CaseConverted.kind:
        _check_conversion(case, item)


def _check_conversion(case: CaseFile, item: ServiceItem | None) -> None:
    if item is None:
        raise NotPermitted("unknown_item")
    if not is_convertible(item):
        raise NotPermitted("not_convertible")
    if case.converted_days is not None:
        raise NotPermitted("converted_once")


def _permits_act(case: CaseFile, act: str, office: OfficeId) -> None:
    transition = TRANSITIONS.get((case.stage, act))
    if transition is None:
        holds_pen = office in (case.custodian, case.offeree)
        raise NotPermitted("stage_forbids" if holds_pen else _why_not_custodian(case))
    assert case.filing is not None
    if transition.by is Actor.COUNTY:
        if not is_county_of(office, case.filing.office):
            raise NotPermitted("county_only")
    elif transition.by in (Actor.RESPONSIBLE, Actor.RESPONSIBLE_CUSTODIAN):
        if transition.by is Actor.RESPONSIBLE_CUSTODIAN and office != case.custodian:
            raise NotPermitted(_why_not_custodian(case))
        if office != case.responsible and not is_county_of(office, case.filing.office):
            raise NotPermitted("not_responsible")
    elif transition.by is Actor.CUSTODIAN_OR_COUNTY:
        if office != case.custodian and not is_county_of(office, case.filing.office):
            raise NotPermitted(_why_not_custodian(case))
    elif office != (case.custodian if transition.by is Actor.CUSTODIAN else case.offeree):
        raise NotPermitted(_why_not_custodian(case))
    # Who sent the case up to itself has nobody to give it back to.
    is_own = case.offerer is None and office == (case.course.sender or case.home)
    if act == CustodyDeclined.kind and is_own:
        raise NotPermitted("stage_forbids")


def is_county_of(office: OfficeId, filing_office: OfficeId) -> bool:
    """Whether `office` is the county itself (six digits, no window) in whose tree the case was filed."""
    return len(office) == 6 and office.isdecimal() and within(seat_of(filing_office), office)


def _why_not_custodian(case: CaseFile) -> str:
    return "in_transit" if case.stage in IN_TRANSIT else "not_custodian"


def _check_competence(
    case: CaseFile,
    act: str,
    office: OfficeId,
    item: ServiceItem | None,
    today: date | None,
    grants: tuple[Grant, ...],
    department: str,
) -> None:
    """What judges the matter is no village's; acceptance and decision need an office that the catalogue names, and at
    a department's window an item of that department, or a grant.
    """
    if is_review(case.stage, act) and is_village_office(office):
        raise NotPermitted("village_cannot_review")
    is_verdict = case.stage in UNACCEPTED and act in VERDICTS
    if not is_verdict and act not in (CaseDecided.kind, TermExtended.kind):
        return
    if item is None:
        raise NotPermitted("unknown_item")
    if act == TermExtended.kind:
        _check_extension(case, item)
    is_foreign = not is_of_department(item, department)
    if is_verdict and act == CustodyAccepted.kind:
        if not accepts(item, office):
            raise NotPermitted("not_accepted_here")
        if is_foreign:
            raise NotPermitted("other_department")
    elif act == CaseDecided.kind:
        if not may_decide(item, office, today, grants):
            raise NotPermitted("not_competent")
        if is_foreign and (today is None or find_grant(grants, item, office, today) is None):
            raise NotPermitted("other_department")


def _check_extension(case: CaseFile, item: ServiceItem) -> None:
    if not item.legal.extension_days:
        raise NotPermitted("no_extension")
    if case.course.extensions:
        raise NotPermitted("extended_once")


def _check_follows(case: CaseFile | None, event: Act) -> None:
    turn, tip = (case.turn, case.tip) if case is not None else (0, None)
    if event.turn != turn + 1 or event.after != tip:
        raise NotPermitted("not_following")
