"""The roles an officer can hold at an office, and which acts each role may take part in.

Whether the *office* may act is the lifecycle's table; whether the *officer* may is this one. Next: `lifecycle`.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a person is at an office (one person may hold several)."""

    AGENT = "agent"
    """Village agent 代办员: takes in, passes on, hands over. Never decides."""
    CLERK = "clerk"
    """Handling officer 经办人 of a township or county window."""
    APPROVER = "approver"
    """Signs decisions 审批人."""
    LEADER = "leader"
    """Leader on duty 值班领导: reassigns custody at the county."""
    SUPERVISOR = "supervisor"
    """Supervision 督查: sees every case of the county, changes none."""
    ADMINISTRATOR = "administrator"
    """Runs the node; sees no case because of it."""


_DESK: Final = frozenset({Role.AGENT, Role.CLERK, Role.APPROVER, Role.LEADER})
_WINDOW: Final = frozenset({Role.CLERK, Role.APPROVER, Role.LEADER})

ROLES_OF_ACT: Final[dict[str, frozenset[Role]]] = {
    "case.filed": _DESK,
    "custody.offered": _DESK,
    "custody.accepted": _DESK,
    "custody.declined": _DESK,
    "acceptance.refused": _WINDOW,
    "papers.requested": _WINDOW,
    "papers.received": _DESK,
    "case.suspended": frozenset({Role.APPROVER, Role.LEADER}),
    "case.resumed": _WINDOW,
    "term.extended": frozenset({Role.APPROVER, Role.LEADER}),
    "opinions.requested": _WINDOW,
    "case.decided": frozenset({Role.APPROVER, Role.LEADER}),
    "result.handed_over": _DESK,
    "case.closed": _DESK,
    "case.withdrawn": _DESK,
    "case.terminated": frozenset({Role.APPROVER, Role.LEADER}),
    "case.reopened": frozenset({Role.APPROVER, Role.LEADER}),
    "custody.reassigned": frozenset({Role.LEADER}),
    "case.rehomed": _WINDOW,
    "papers.brought": _DESK,
    "recall.requested": _DESK,
    "remark.added": _DESK | {Role.SUPERVISOR},
    "act.unconfirmed": frozenset({Role.LEADER}),
    "case.received": _DESK,
    "step.completed": _WINDOW,
    "site.surveyed": _WINDOW,
    "opinion.given": _WINDOW,
    "meeting.held": _WINDOW,
    "fee.paid": _WINDOW,
    "case.expedited": _WINDOW,
    "case.converted": _WINDOW,
    "roster.added": _DESK,
}
"""Kind → roles of which the officer needs one."""


def may_take_part(kind: str, roles: Collection[Role]) -> bool:
    """Whether an officer with `roles` may write an event of this kind at an office that may."""
    return not ROLES_OF_ACT.get(kind, frozenset()).isdisjoint(roles)
