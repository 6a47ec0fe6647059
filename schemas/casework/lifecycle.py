"""The one table of the case's life: stage × act → stage, and whose act it is.

The fold, the guards at the pen, the buttons on the screen, the tests and the diagram in the handbook all read
`TRANSITIONS`; a change of the service's rules is a change of this table (and of `tests/golden/lifecycle.txt`).
`permits` answers at the pen, inside the transaction that writes. It never judges what has already been written: that
is `casefile.apply`. Next: `roles` for what an officer's role allows, `visibility` for who may look.
"""

from collections.abc import Collection
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from schemas.casework.events import (
    Act,
    ActUnconfirmed,
    CaseDecided,
    CaseEvent,
    CaseFiled,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    Outcome,
    PapersBrought,
    PapersRequested,
    RecallRequested,
    RemarkAdded,
)
from schemas.casework.roles import Role, may_take_part
from schemas.casework.visibility import readers
from schemas.catalogue import Delegation, ServiceItem, accepts, may_decide
from schemas.divisions import Tier, tier_of_office
from schemas.names import OfficeId, seat_of, within
from schemas.refusals import Refused

if TYPE_CHECKING:
    # The fold reads this module's table, so the import can only be for the type checker.
    from schemas.casework.casefile import CaseFile


class Stage(StrEnum):
    """Where a case stands. The Chinese names on screens are in the interface's dictionary, key `stage.<value>`."""

    AWAITED = "awaited"
    """Entries of the case are here, its filing is not."""
    FILED = "filed"
    """Taken in (收件), not yet formally accepted."""
    OFFERED = "offered"
    """On its way to an office that may accept it."""
    IN_REVIEW = "in_review"
    """Accepted (受理) and being handled."""
    PAPERS_AWAITED = "papers_awaited"
    """Accepted; one notice of missing papers is out (补正)."""
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


class Actor(Enum):
    """Whose act it is."""

    CUSTODIAN = "custodian"
    OFFEREE = "offeree"
    COUNTY = "county"


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
    (Stage.FILED, "papers.received"): _by_custodian(Stage.FILED),
    (Stage.FILED, "case.withdrawn"): _by_custodian(Stage.WITHDRAWN),
    (Stage.FILED, "custody.reassigned"): _by_county(Stage.FILED),
    (Stage.OFFERED, "custody.accepted"): _by_offeree(Stage.IN_REVIEW),
    (Stage.OFFERED, "custody.declined"): _by_offeree(Stage.FILED),
    (Stage.OFFERED, "custody.reassigned"): _by_county(Stage.FILED),
    (Stage.IN_REVIEW, "papers.requested"): _by_custodian(Stage.PAPERS_AWAITED),
    (Stage.IN_REVIEW, "papers.received"): _by_custodian(Stage.IN_REVIEW),
    (Stage.IN_REVIEW, "custody.offered"): _by_custodian(Stage.REFERRED),
    (Stage.IN_REVIEW, "case.decided"): _by_custodian(Stage.DECIDED),
    (Stage.IN_REVIEW, "case.withdrawn"): _by_custodian(Stage.WITHDRAWN),
    (Stage.IN_REVIEW, "custody.reassigned"): _by_county(Stage.IN_REVIEW),
    (Stage.PAPERS_AWAITED, "papers.received"): _by_custodian(Stage.IN_REVIEW),
    # A resident who brings nothing is decided on what there is.
    (Stage.PAPERS_AWAITED, "case.decided"): _by_custodian(Stage.DECIDED),
    (Stage.PAPERS_AWAITED, "case.withdrawn"): _by_custodian(Stage.WITHDRAWN),
    (Stage.PAPERS_AWAITED, "custody.reassigned"): _by_county(Stage.PAPERS_AWAITED),
    (Stage.REFERRED, "custody.accepted"): _by_offeree(Stage.IN_REVIEW),
    (Stage.REFERRED, "custody.declined"): _by_offeree(Stage.IN_REVIEW),
    (Stage.REFERRED, "custody.reassigned"): _by_county(Stage.IN_REVIEW),
    (Stage.DECIDED, "custody.offered"): _by_custodian(Stage.RETURNING),
    (Stage.DECIDED, "result.handed_over"): _by_custodian(Stage.HANDED_OVER),
    (Stage.DECIDED, "custody.reassigned"): _by_county(Stage.DECIDED),
    (Stage.RETURNING, "custody.accepted"): _by_offeree(Stage.READY),
    (Stage.RETURNING, "custody.declined"): _by_offeree(Stage.DECIDED),
    (Stage.RETURNING, "custody.reassigned"): _by_county(Stage.DECIDED),
    (Stage.READY, "result.handed_over"): _by_custodian(Stage.HANDED_OVER),
    (Stage.READY, "custody.offered"): _by_custodian(Stage.RETURNING),
    (Stage.READY, "custody.reassigned"): _by_county(Stage.DECIDED),
    (Stage.HANDED_OVER, "case.closed"): _by_custodian(Stage.CLOSED),
    (Stage.HANDED_OVER, "custody.reassigned"): _by_county(Stage.HANDED_OVER),
    (Stage.WITHDRAWN, "case.closed"): _by_custodian(Stage.CLOSED),
    (Stage.WITHDRAWN, "custody.reassigned"): _by_county(Stage.WITHDRAWN),
}
"""The table. What is not in it is not lawful; `case.filed` alone opens a case and stands outside."""

IN_TRANSIT: Final = frozenset({Stage.OFFERED, Stage.REFERRED, Stage.RETURNING})
"""An offer is open: nobody holds the pen."""

ENDED: Final = frozenset({Stage.CLOSED, Stage.WITHDRAWN})
"""Nothing more happens to the resident's matter."""

ACTS: Final = ("case.filed", *sorted({kind for _, kind in TRANSITIONS}))
"""Every kind that takes a turn."""

CONTRIBUTIONS: Final[dict[str, frozenset[Stage]]] = {
    PapersBrought.kind: frozenset({Stage.FILED, Stage.OFFERED, Stage.IN_REVIEW, Stage.PAPERS_AWAITED, Stage.REFERRED}),
    RecallRequested.kind: IN_TRANSIT,
    RemarkAdded.kind: frozenset(Stage) - {Stage.AWAITED},
    # The desk writes it beside a leader's act; nobody is offered it.
    ActUnconfirmed.kind: frozenset(),
}
"""Kind → stages in which a contribution makes sense. Late ones are recorded all the same."""

REASONS: Final[dict[str, tuple[str, str]]] = {
    "unknown_act": (
        "系统没有这种办理步骤；请刷新页面后重试。",
        "There is no such act; reload the page and try again.",
    ),
    "no_such_case": ("本机没有这个件；请核对编号。", "This case is not here; check the number."),
    "already_filed": ("该件已经登记；请打开已有的件。", "The case is already filed; open the existing one."),
    "filing_awaited": (
        "收件登记还没有传到本机，暂不能办理；请等待线路同步。",
        "The filing has not arrived here yet; wait for the line to catch up.",
    ),
    "stage_forbids": (
        "本件当前状态不允许此操作；请查看本件可办理的步骤。",
        "The case's stage does not allow this; see the acts offered on its page.",
    ),
    "not_custodian": (
        "本件现由其他单位办理；需要时请添加备注或联系持件单位。",
        "Another office holds this case; add a remark or call that office.",
    ),
    "in_transit": (
        "本件正在移交途中，只有接收单位可以接收或不予接收；移交单位可以申请撤回。",
        "The case is in transit: only the offeree may accept or decline; the offerer may request a recall.",
    ),
    "county_only": (
        "改派只能由县中心办理；请联系县中心。",
        "Only the county may reassign a case; call the county centre.",
    ),
    "not_a_reader": (
        "本单位与本件无关，不能操作；请核对编号。",
        "Your office has no part in this case; check the number.",
    ),
    "not_offerer": ("只有移交单位可以申请撤回。", "Only the office that made the offer may request a recall."),
    "role_forbids": (
        "您的岗位不能办理此步骤；请交有权限的同事办理。",
        "Your role does not allow this; ask a colleague whose role does.",
    ),
    "unknown_item": (
        "现行目录中没有本件的事项；请同步目录后重试。",
        "The catalogue in force has no such item; synchronise the catalogue and try again.",
    ),
    "not_accepted_here": (
        "该事项不能在本级受理；请按事项目录移交有权受理的单位。",
        "This item cannot be accepted at that tier; offer the case to an office that the catalogue names.",
    ),
    "not_delegable": (
        "该事项必须本人到场办理，村级不能代办；请告知群众到目录所列窗口。",
        "This item must be applied for in person; direct the resident to the counter named in the catalogue.",
    ),
    "not_competent": (
        "该事项不由本级决定；请移交有权决定的单位。",
        "This office may not decide this item; offer the case to the office that may.",
    ),
    "offered_to_itself": (
        "不能移交给本单位；请选择其他单位。",
        "A case cannot be offered to the office that holds it; choose another.",
    ),
    "outside_county": (
        "只能移交给本县的单位；请重新选择。",
        "A case can only go to an office of this county; choose again.",
    ),
    "village_cannot_review": (
        "村级不能受理或决定，只能退回原收件单位；请重新选择接收单位。",
        "A village neither accepts nor decides; only the filing office can get the case back. Choose again.",
    ),
    "not_following": (
        "本件已有新的办理步骤；请刷新页面后重试。",
        "The case has moved on; reload the page and try again.",
    ),
    "reason_required": ("请填写理由。", "State the reason."),
    "materials_required": ("请至少写明一项材料。", "Name at least one material."),
    "refusal_incomplete": (
        "不予许可须写明理由、依据和救济途径；请补充完整。",
        "A refusal needs its reason, legal basis and remedy; fill in all three.",
    ),
    "approver_required": ("改派须写明批准人。", "Name the leader who approved the reassignment."),
}
"""Code of a refusal at the pen → (zh, en) sentence that an officer reads."""


class NotPermitted(Refused):
    """The act is refused before it is written (DESIGN 1.5). `code` is a key of `REASONS`."""

    def __init__(self, code: str) -> None:
        zh, en = REASONS[code]
        super().__init__(code, zh, en)


def permits(case: "CaseFile | None", act: str, office: OfficeId, item: ServiceItem | None) -> None:
    """Return if `office` may now write an event of kind `act`; raise `NotPermitted` with the reason if not.

    `item` is the case's service item: of the edition in force now for a decision, of the edition in force at filing for
    everything else (RULINGS B8). None means that this node does not know the item.
    """
    if act == CaseFiled.kind:
        _permits_filing(case, office, item)
        return
    if case is None:
        raise NotPermitted("no_such_case")
    if case.filing is None:
        raise NotPermitted("filing_awaited")
    if act in CONTRIBUTIONS:
        _permits_contribution(case, act, office)
        return
    if act not in ACTS:
        raise NotPermitted("unknown_act")
    _permits_act(case, act, office, item)


def permits_event(case: "CaseFile | None", event: CaseEvent, item: ServiceItem | None) -> None:
    """`permits` for a complete event: also its turn, whom it names and what it must state. Raises `NotPermitted`."""
    permits(case, event.kind, event.office, item)
    if isinstance(event, Act):
        _check_follows(case, event)
    if isinstance(event, CustodyOffered | CustodyReassigned):
        _check_destination(case, event)
    _check_content(event)


def available_acts(
    case: "CaseFile", office: OfficeId, item: ServiceItem | None, roles: Collection[Role]
) -> tuple[str, ...]:
    """The kinds that an officer of `office` with `roles` may write now: the buttons of the case's page."""
    kinds = (*ACTS[1:], *CONTRIBUTIONS)
    return tuple(kind for kind in kinds if may_take_part(kind, roles) and _is_permitted(case, kind, office, item))


def check_role(act: str, roles: Collection[Role]) -> None:
    """Raise `NotPermitted` unless an officer with `roles` may take part in an event of kind `act`."""
    if not may_take_part(act, roles):
        raise NotPermitted("role_forbids")


def _is_permitted(case: "CaseFile", act: str, office: OfficeId, item: ServiceItem | None) -> bool:
    try:
        permits(case, act, office, item)
    except NotPermitted:
        return False
    return True


def _permits_filing(case: "CaseFile | None", office: OfficeId, item: ServiceItem | None) -> None:
    if case is not None:
        raise NotPermitted("already_filed")
    if item is None:
        raise NotPermitted("unknown_item")
    at_village = tier_of_office(office) is Tier.VILLAGE
    if at_village and item.delegation is Delegation.NO:
        raise NotPermitted("not_delegable")
    # An agent may carry up what the village itself does not take in, as long as the item may be carried at all.
    if not at_village and not accepts(item, office):
        raise NotPermitted("not_accepted_here")


def _permits_contribution(case: "CaseFile", act: str, office: OfficeId) -> None:
    if office not in readers(case):
        raise NotPermitted("not_a_reader")
    if case.stage not in CONTRIBUTIONS[act]:
        raise NotPermitted("stage_forbids")
    if act == RecallRequested.kind and office != case.offerer:
        raise NotPermitted("not_offerer")


def _permits_act(case: "CaseFile", act: str, office: OfficeId, item: ServiceItem | None) -> None:
    transition = TRANSITIONS.get((case.stage, act))
    if transition is None:
        holds_pen = office in (case.custodian, case.offeree)
        raise NotPermitted("stage_forbids" if holds_pen else _why_not_custodian(case))
    assert case.filing is not None
    if transition.by is Actor.COUNTY:
        if not is_county_of(office, case.filing.office):
            raise NotPermitted("county_only")
    elif office != (case.custodian if transition.by is Actor.CUSTODIAN else case.offeree):
        raise NotPermitted(_why_not_custodian(case))
    _check_competence(case, act, office, item)


def is_county_of(office: OfficeId, filing_office: OfficeId) -> bool:
    """Whether `office` is the county itself (six digits, no window) in whose tree the case was filed."""
    return len(office) == 6 and office.isdecimal() and within(seat_of(filing_office), office)


def _why_not_custodian(case: "CaseFile") -> str:
    return "in_transit" if case.stage in IN_TRANSIT else "not_custodian"


def _check_competence(case: "CaseFile", act: str, office: OfficeId, item: ServiceItem | None) -> None:
    """Acceptance and decision need an office that the catalogue names; all else needs only the pen."""
    first_acceptance = act == "custody.accepted" and case.stage in (Stage.FILED, Stage.OFFERED)
    if not first_acceptance and act != CaseDecided.kind:
        return
    if item is None:
        raise NotPermitted("unknown_item")
    if first_acceptance and tier_of_office(office) is Tier.VILLAGE:
        raise NotPermitted("village_cannot_review")
    if first_acceptance and not accepts(item, office):
        raise NotPermitted("not_accepted_here")
    if act == CaseDecided.kind and not may_decide(item, office):
        raise NotPermitted("not_competent")


def _check_follows(case: "CaseFile | None", event: Act) -> None:
    turn, tip = (case.turn, case.tip) if case is not None else (0, None)
    if event.turn != turn + 1 or event.after != tip:
        raise NotPermitted("not_following")


def _check_destination(case: "CaseFile | None", event: CustodyOffered | CustodyReassigned) -> None:
    """An undecided case never goes to a village, except back to the one that filed it."""
    assert case is not None
    assert case.filing is not None
    if event.to == case.custodian:
        raise NotPermitted("offered_to_itself")
    if seat_of(event.to)[:6] != seat_of(case.filing.office)[:6]:
        raise NotPermitted("outside_county")
    is_undecided = case.decision is None
    if is_undecided and tier_of_office(event.to) is Tier.VILLAGE and event.to != case.filing.office:
        raise NotPermitted("village_cannot_review")


def _check_content(event: CaseEvent) -> None:
    """What must be stated, so that the resident is told why and what to do."""
    if isinstance(event, CustodyDeclined | CustodyReassigned | PapersRequested) and not event.reason.strip():
        raise NotPermitted("reason_required")
    if isinstance(event, PapersRequested | PapersBrought) and not event.materials:
        raise NotPermitted("materials_required")
    if isinstance(event, CustodyReassigned) and not event.approver:
        raise NotPermitted("approver_required")
    if isinstance(event, CaseDecided) and event.outcome is Outcome.REFUSED and not _is_complete(event):
        raise NotPermitted("refusal_incomplete")


def _is_complete(refusal: CaseDecided) -> bool:
    return all(text.strip() for text in (refusal.reason, refusal.basis, refusal.remedy))
