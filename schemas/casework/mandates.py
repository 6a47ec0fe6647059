"""A resident's written authority, bound to one case by digest (Civil Code art. 165).

What is bound: the case's number, the item, the person, what the authority covers, until when, who signed, and the
words that were read back. So an authority cannot be shown for another case, and none of its words can be changed later.
What it may cover follows the item: where an agent may stand in (`Delegation.YES`) everything, to file at the least;
where an agent only carries papers (`COLLECT`) the resident files, and withdraws, by their own hand, and the agent may
bring papers and fetch the result; where the resident must come (`NO`) nothing. No authority outlives a year.
Never judges whether an authority was needed: who was there, the officer says at the counter.
"""

import hashlib
from datetime import date, timedelta
from typing import Final

from msgspec.structs import replace

from schemas.casework.events import CaseFiled
from schemas.casework.values import MANDATE_DIGEST_BYTES, Applicant, Mandate, Scope
from schemas.catalogue import Delegation, ServiceItem
from schemas.codec import encode
from schemas.names import CaseId
from schemas.refusals import Refused

UNBOUND: Final = bytes(MANDATE_DIGEST_BYTES)
"""The digest of a mandate that has no case yet."""

MANDATE_MAX: Final = timedelta(days=366)
"""A year: whoever is to act for somebody longer is asked to sign again."""

SCOPES_OF: Final[dict[Delegation, tuple[Scope, ...]]] = {
    Delegation.YES: tuple(Scope),
    Delegation.COLLECT: (Scope.SUPPLEMENT, Scope.COLLECT),
    Delegation.NO: (),
}
"""What a resident may leave to an agent."""

_ACTS: Final = {
    Scope.FILE: "提交申请",
    Scope.SUPPLEMENT: "补充材料",
    Scope.WITHDRAW: "撤回申请",
    Scope.COLLECT: "领取结果",
}


class MandateRefused(Refused):
    """An authority that cannot be; nothing was written."""


def words_of(item: ServiceItem, applicant: str, office: str, scopes: tuple[Scope, ...], until: date) -> str:
    """The words that are read aloud to the resident before signing: matter, scope, term, no fee."""
    acts = "、".join(_ACTS[scope] for scope in scopes)
    return (
        f"{applicant}委托{office}代办员办理“{item.name}”，代为{acts}，委托期限到{until.year}年{until.month}月{until.day}日。"
        "代办不收取任何费用。本人可以随时取消委托。"
    )


def check_mandate(mandate: Mandate, item: ServiceItem, applicant: Applicant, today: date) -> None:
    """Raise `MandateRefused` for an authority that the item, the calendar or the signature does not carry."""
    allowed = SCOPES_OF[item.delegation]
    if not allowed:
        raise MandateRefused(
            "mandate_not_possible",
            "该事项须本人到场办理，不能委托代办；请告知群众本人前往目录所列窗口。",
            "This item must be applied for in person and cannot be left to an agent; direct the resident to the "
            "counter that the catalogue names.",
        )
    if not set(mandate.scopes) <= set(allowed) or len(set(mandate.scopes)) < len(mandate.scopes):
        raise MandateRefused(
            "mandate_scope",
            "该事项由本人签字申请，代办员只能代为补充材料、领取结果；请改正委托范围。",
            "The resident signs this application in person: an agent may only bring papers and fetch the result. "
            "Correct what the authority covers.",
        )
    if item.delegation is Delegation.YES and Scope.FILE not in mandate.scopes:
        raise MandateRefused(
            "mandate_does_not_file",
            "由代办员代为申请的，委托范围须包含“提交申请”；请补选，或改为本人到场。",
            "Where an agent applies for somebody the authority must cover filing; add it, or state that the applicant "
            "is here in person.",
        )
    if not today <= mandate.until <= today + MANDATE_MAX:
        raise MandateRefused(
            "mandate_term",
            "委托期限不能早于今天，也不能超过一年；请改正期限。",
            "An authority ends today at the earliest, and within a year; correct its last day.",
        )
    if mandate.signed_by != applicant.name and not mandate.relation.strip():
        raise MandateRefused(
            "mandate_relation",
            "委托书不是申请人本人签字的，须写明签字人与申请人的关系（如监护人、子女、法定代表人）；请补充。",
            "Somebody other than the applicant signed: state what they are to the applicant, as guardian, child or "
            "legal representative.",
        )
    if not mandate.read_back.strip():
        raise MandateRefused(
            "mandate_not_read",
            "签字前须将委托内容读给本人听；请读后记入读过的内容。",
            "The words of the authority are read aloud before signing; read them and record them.",
        )


def bind(mandate: Mandate, case: CaseId, item: str, applicant: Applicant) -> Mandate:
    """The same authority, bound to this case."""
    return replace(mandate, digest=_digest(mandate, case, item, applicant))


def is_bound(case: CaseId, filing: CaseFiled) -> bool:
    """Whether the filing's authority, if it has one, is this very case's."""
    mandate = filing.mandate
    return mandate is None or mandate.digest == _digest(mandate, case, filing.item, filing.applicant)


def _digest(mandate: Mandate, case: CaseId, item: str, applicant: Applicant) -> bytes:
    person = (applicant.name, applicant.document_type, applicant.document_number)
    whole = encode((case, item, person, replace(mandate, digest=UNBOUND)))
    return hashlib.sha256(whole).digest()[:MANDATE_DIGEST_BYTES]
