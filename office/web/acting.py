"""From a form or a JSON object to a verb of the desk.

The table `VERBS` is the only place that knows both; fields come checked for shape from `office.web.forms`. Never checks
what the desk checks. Next: `office.desk`.
"""

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Final

from office.accounts import SignedIn
from office.desk import DECIDED_AT_ONCE, Desk
from office.pencil import Written
from office.web.forms import FORMS, Field, Shape, Values, find_day
from schemas.casework.lifecycle import CONTRIBUTIONS
from schemas.casework.reasons import NotPermitted
from schemas.casework.steps import Step
from schemas.casework.values import Excepted, Handover, Opinion, Outcome, PauseCause, Promise
from schemas.names import CASE_ID_BYTES, FOLLOWED_BYTES, OPERATION_BYTES, CaseId
from schemas.papers import PaperRef
from schemas.refusals import Refused

Verb = Callable[..., Awaitable[Written]]

VERBS: Final[dict[str, Callable[[Desk], Verb]]] = {
    "custody.offered": lambda desk: desk.offer_custody,
    "custody.accepted": lambda desk: desk.accept_custody,
    "custody.declined": lambda desk: desk.decline_custody,
    "acceptance.refused": lambda desk: desk.refuse_acceptance,
    "papers.requested": lambda desk: desk.request_papers,
    "papers.received": lambda desk: desk.receive_papers,
    "case.suspended": lambda desk: desk.suspend_case,
    "case.resumed": lambda desk: desk.resume_case,
    "term.extended": lambda desk: desk.extend_term,
    "opinions.requested": lambda desk: desk.request_opinions,
    "opinion.given": lambda desk: desk.give_opinion,
    "meeting.held": lambda desk: desk.hold_meeting,
    "step.completed": lambda desk: desk.complete_step,
    "site.surveyed": lambda desk: desk.record_survey,
    "fee.paid": lambda desk: desk.pay_fee,
    "case.expedited": lambda desk: desk.expedite_case,
    "case.converted": lambda desk: desk.convert_case,
    "case.decided": lambda desk: desk.decide,
    DECIDED_AT_ONCE: lambda desk: desk.decide_at_once,
    "result.handed_over": lambda desk: desk.hand_over,
    "case.closed": lambda desk: desk.close_case,
    "case.withdrawn": lambda desk: desk.withdraw_case,
    "case.terminated": lambda desk: desk.terminate_case,
    "case.reopened": lambda desk: desk.reopen_case,
    "custody.reassigned": lambda desk: desk.reassign_custody,
    "case.rehomed": lambda desk: desk.rehome_case,
    "papers.brought": lambda desk: desk.bring_papers,
    "recall.requested": lambda desk: desk.request_recall,
    "remark.added": lambda desk: desk.add_remark,
}
"""Kind → the desk's verb, whose keyword arguments are the fields of `FORMS`."""

CHOSEN: Final[dict[str, Callable[[str], object]]] = {
    "outcome": Outcome,
    "how": Handover,
    "cause": PauseCause,
    "opinion": Opinion,
    "step": Step,
    "agrees": lambda answer: answer == "yes",
}
"""Field that is chosen → its type."""

TYPED: Final[dict[Shape, Callable[[str], object]]] = {
    Shape.DATE: find_day,
    Shape.NUMBER: int,
    Shape.MONEY: lambda yuan: int(100 * Decimal(yuan)),
}
"""Shape → how its text is read."""

ARGUMENTS: Final = {"amount_yuan": "amount_fen"}
"""Field that a person gives in another unit than the desk takes."""


class OperationMissing(Refused):
    """A form without its own number could be sent twice and count twice."""

    def __init__(self) -> None:
        super().__init__(
            "operation_malformed",
            "表单编号不完整；请刷新页面后重新填写。",
            "The form's own number is not complete; reload the page and fill it in again.",
        )


async def perform(
    desk: Desk,
    officer: SignedIn,
    case: CaseId,
    kind: str,
    operation: bytes,
    values: Values,
    seen: bytes | None,
    papers: Sequence[PaperRef] = (),
) -> Written:
    """Write one act. `seen`: the last act that the officer saw. Raises `Refused` with nothing written.

    `papers`: captured here, for `papers.brought` alone.
    """
    verb = VERBS.get(kind)
    if verb is None or kind not in FORMS:
        raise NotPermitted("unknown_act")
    arguments = arguments_of(kind, values)
    if kind not in CONTRIBUTIONS:
        arguments["seen"] = seen
    if papers:
        arguments["papers"] = papers
    return await verb(desk)(officer, case, operation, **arguments)


def arguments_of(kind: str, values: Values) -> dict[str, object]:
    """The keyword arguments of the desk's verb for a form that `office.web.forms.read_fields` has read."""
    return {ARGUMENTS.get(field.name, field.name): _argument(field, values[field.name]) for field in FORMS[kind]}


def _argument(field: Field, value: str | tuple[str, ...]) -> object:
    """A field's value as the desk takes it; an empty day is None."""
    if isinstance(value, tuple):
        return _several(field.shape, value)
    if field.shape is Shape.CHOICE:
        return CHOSEN[field.name](value)
    if field.shape in TYPED:
        return TYPED[field.shape](value) if value else None
    return value


def _several(shape: Shape, texts: Sequence[str]) -> Sequence[object]:
    if shape is Shape.PROMISES:
        days = (find_day(day) for day in texts[1::2])
        return [Promise(material, day) for material, day in zip(texts[::2], days, strict=True) if day is not None]
    if shape is Shape.ROWS:
        rows = (line.split(maxsplit=1) for line in texts)
        return [Excepted(int(number), reason) for number, reason in rows]
    return texts


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
