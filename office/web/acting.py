"""From a form or a JSON object to a verb of the desk.

The table `VERBS` is the only place that knows both; fields come checked for shape from `office.web.forms`. Never checks
what the desk checks. Next: `office.desk`.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from office.accounts import SignedIn
from office.desk import Desk, Written
from office.web.forms import FORMS, Values
from schemas.casework.events import Handover, Outcome
from schemas.casework.lifecycle import NotPermitted
from schemas.names import CASE_ID_BYTES, FOLLOWED_BYTES, OPERATION_BYTES, CaseId, OfficeId, OfficerId
from schemas.refusals import Refused

Verb = Callable[..., Awaitable[Written]]

VERBS: Final[dict[str, Callable[[Desk], Verb]]] = {
    "custody.offered": lambda desk: desk.offer_custody,
    "custody.accepted": lambda desk: desk.accept_custody,
    "custody.declined": lambda desk: desk.decline_custody,
    "papers.requested": lambda desk: desk.request_papers,
    "papers.received": lambda desk: desk.receive_papers,
    "case.decided": lambda desk: desk.decide,
    "result.handed_over": lambda desk: desk.hand_over,
    "case.closed": lambda desk: desk.close_case,
    "case.withdrawn": lambda desk: desk.withdraw_case,
    "custody.reassigned": lambda desk: desk.reassign_custody,
    "papers.brought": lambda desk: desk.bring_papers,
    "recall.requested": lambda desk: desk.request_recall,
    "remark.added": lambda desk: desk.add_remark,
}
"""Kind → the desk's verb, whose keyword arguments are the fields of `FORMS`."""

CONTRIBUTIONS: Final = frozenset({"papers.brought", "recall.requested", "remark.added"})
"""Verbs that commute and so do not ask what the page showed."""

TYPES: Final[dict[str, Callable[[str], object]]] = {
    "to": OfficeId,
    "approver": OfficerId,
    "outcome": Outcome,
    "how": Handover,
}
"""Field → its type, where it is not text."""


class OperationMissing(Refused):
    """A form without its own number could be sent twice and count twice."""

    def __init__(self) -> None:
        super().__init__(
            "operation_malformed",
            "表单编号不完整；请刷新页面后重新填写。",
            "The form's own number is not complete; reload the page and fill it in again.",
        )


async def perform(
    desk: Desk, officer: SignedIn, case: CaseId, kind: str, operation: bytes, values: Values, seen: bytes | None
) -> Written:
    """Write one act. `seen`: the last act that the officer saw. Raises `Refused` with nothing written."""
    verb = VERBS.get(kind)
    if verb is None or kind not in FORMS:
        raise NotPermitted("unknown_act")
    arguments: dict[str, object] = {
        name: TYPES[name](value) if name in TYPES and isinstance(value, str) else value
        for name, value in values.items()
    }
    if kind not in CONTRIBUTIONS:
        arguments["seen"] = seen
    return await verb(desk)(officer, case, operation, **arguments)


def read_operation(text: object) -> bytes:
    """The operation id of a form, in hexadecimal digits. Raises `OperationMissing`."""
    return _read_hex(text, OPERATION_BYTES)


def read_case_id(text: str) -> CaseId:
    """The case that an address names: 32 hexadecimal digits. Raises `NotPermitted` «no_such_case» for anything else."""
    try:
        return CaseId(_read_hex(text, CASE_ID_BYTES))
    except OperationMissing:
        raise NotPermitted("no_such_case") from None


def read_seen(text: object) -> bytes | None:
    """The hash of the last act that the page showed; None when the caller does not say."""
    return _read_hex(text, FOLLOWED_BYTES) if text else None


def _read_hex(text: object, size: int) -> bytes:
    if not isinstance(text, str) or len(text) != 2 * size or not text.isascii():
        raise OperationMissing
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise OperationMissing from None
