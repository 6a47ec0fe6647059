"""Who answers for a case today, in whose place a step was written, and when a leader signs next: for lists and pages.

Officials only, by their office's own statements; an office that has stated no post shows nothing here. Without words of
any language, like `office.web.views`. Next: `office.people`.
"""

from typing import TYPE_CHECKING

from office.people import Slot
from office.web.views import CaseDetail
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.stages import ENDED
from schemas.names import OfficerId
from schemas.posts import Responsible, Unanswered

if TYPE_CHECKING:
    from office.accounts import SignedIn
    from office.node import Node


def answer_for(node: "Node", case: CaseFile) -> Responsible | Unanswered | None:
    """Who answers for an open case at the office that has it, or is offered it; None where no posts are stated."""
    office = case.offeree or case.custodian
    if case.filing is None or office is None or case.stage in ENDED:
        return None
    staff = node.people.staff(office)
    return staff.answers_for(case.filing.item) if staff.has_posts else None


def slot_for(node: "Node", case: CaseFile) -> Slot | None:
    """When a leader signs next at the office where an accepted case waits for its decision."""
    if case.custodian is None or case.accepted_at is None or case.decision is not None or case.stage in ENDED:
        return None
    return node.people.next_slot(case.custodian)


def stand_ins(node: "Node", detail: CaseDetail) -> dict[str, str]:
    """Hash of a step → the names of those in whose place its author was on that day."""
    found = {
        step.hash: node.people.stood_in_for(OfficerId(step.officer), day_of(step.at))
        for step in detail.steps
        if step.officer and step.state in ("", "superseded")
    }
    return {digest: "、".join(names) for digest, names in found.items() if names}


def left_to_others(node: "Node", signed_in: "SignedIn") -> frozenset[str]:
    """The items for which somebody else of the officer's office answers today."""
    items = node.catalogue.in_force(node.clock.now()).items
    return node.people.answered_by_others(signed_in.office, signed_in.officer, items)
