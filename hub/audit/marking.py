"""What other cases are compared by, taken out of one: persons, telephones and words become keyed marks on the way.

Pure. Nothing that leaves here names a resident (RULINGS C7): a mark finds its like for whoever holds this node's key,
and tells nothing to anybody else. Of an erased case only what its residue says is left. Next: `hub.audit.facts`.
"""

import hashlib
import unicodedata
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Final

from hub.audit.dossier import SITE_PHOTOGRAPH, ActFact, CaseFact, Deed, PaperFact
from office.persons import PersonIndex
from schemas.casework.casefile import CaseFile
from schemas.casework.events import (
    AcceptanceRefused,
    Act,
    CaseDecided,
    CaseEvent,
    CaseWithdrawn,
    CustodyDeclined,
    FeePaid,
    SiteSurveyed,
    StepCompleted,
)
from schemas.casework.stages import ENDED
from schemas.casework.values import Applicant, Channel, Outcome
from schemas.names import Instant, OfficeId, OfficerId, seat_of

NO_MARK: Final = b""

_RESIDENT_CARD: Final = "111"
_PHONE: Final = "phone"
_NAMESAKE: Final = "namesake"
"""In the place of a document's type: marks of different things never meet."""

PHONE_DIGITS: Final = 11
"""A mobile number, or a fixed line with its area code, without what stands before them."""
PHONE_DIGITS_MIN: Final = 7


class Marks:
    """The marks of one node."""

    def __init__(self, key: bytes) -> None:
        """`key`: of the blind index of persons (`office.persons.person_key`)."""
        self._persons = PersonIndex(key)

    def person(self, applicant: Applicant) -> bytes:
        """Of the applicant's document: the mark that the node's own index has."""
        return self._persons.mark(applicant.document_type, applicant.document_number)

    def namesake(self, applicant: Applicant, office: OfficeId) -> bytes:
        """Of name, birth date and village; empty where no birth date is known."""
        birth = birth_of(applicant)
        if birth is None:
            return NO_MARK
        name = unicodedata.normalize("NFKC", applicant.name)
        return self._persons.mark(_NAMESAKE, f"{name}|{birth}|{seat_of(office)}")

    def phone(self, number: str) -> bytes:
        """Of a telephone number however it is written; empty for none."""
        narrow = unicodedata.normalize("NFKC", number)
        digits = "".join(one for one in narrow if one.isascii() and one.isdecimal())[-PHONE_DIGITS:]
        return self._persons.mark(_PHONE, digits) if len(digits) >= PHONE_DIGITS_MIN else NO_MARK


def birth_of(applicant: Applicant) -> str | None:
    """The day of birth as eight digits, where the document's number states one."""
    number = applicant.document_number
    if applicant.document_type != _RESIDENT_CARD or len(number) != len("510824194910010025"):
        return None
    stated = number[6:14]
    try:
        date(int(stated[:4]), int(stated[4:6]), int(stated[6:]))
    except ValueError:
        return None
    return stated


@lru_cache(4096)
def township_of(office: OfficeId) -> OfficeId:
    """The township in whose area an office takes matters in; for a counter of the county, the county."""
    return OfficeId(seat_of(office)[:9])


def case_fact(file: CaseFile, deeds: Sequence[Deed], marks: Marks) -> CaseFact:
    """A case in one row, but for its `due` (`hub.audit.reckoning.with_due`). For a case whose filing is here."""
    filing = file.filing
    assert filing is not None
    is_empty = file.is_empty
    decision = file.decision
    ended_at = file.ended_at
    if ended_at is None and file.stage in ENDED:
        ended_at = max((deed.at for deed in deeds if deed.counts), default=file.filed_at)
    return CaseFact(
        file.case,
        filing.item,
        filing.office,
        township_of(filing.office),
        NO_MARK if is_empty else marks.person(filing.applicant),
        NO_MARK if is_empty else marks.namesake(filing.applicant, filing.office),
        NO_MARK if is_empty else marks.phone(filing.applicant.phone),
        file.filed_at or Instant(0),
        file.accepted_at,
        file.decided_at,
        ended_at,
        decision.outcome.value if decision is not None else "",
        sum(deed.event.amount_fen for deed in deeds if deed.counts and isinstance(deed.event, FeePaid)),
        tuple(dict.fromkeys(deed.officer for deed in deeds if deed.officer and isinstance(deed.event, Act))),
        withdrawn_at=next((deed.at for deed in deeds if deed.counts and isinstance(deed.event, CaseWithdrawn)), None),
    )


def act_facts(file: CaseFile, deeds: Sequence[Deed]) -> list[ActFact]:
    """The acts and completed steps of a case that an officer wrote and that count."""
    item = file.filing.item if file.filing is not None else ""
    is_awaited = file.is_expedited or (file.filing is not None and file.filing.channel is Channel.BOOKED)
    return [
        ActFact(
            file.case,
            deed.place,
            deed.kind,
            item,
            deed.office,
            deed.officer,
            deed.at,
            deed.place[0].origin,
            reason_digest(deed.event),
            is_awaited,
        )
        for deed in deeds
        if deed.counts and deed.officer and isinstance(deed.event, Act | StepCompleted)
    ]


def reason_digest(event: CaseEvent) -> bytes:
    """SHA-256 of a refusal's reason without blanks and marks of punctuation: the same words again are the same."""
    match event:
        case AcceptanceRefused() | CustodyDeclined():
            reason = event.reason
        case CaseDecided() if event.outcome is Outcome.REFUSED:
            reason = event.reason
        case _:
            return b""
    narrow = unicodedata.normalize("NFKC", reason)
    return hashlib.sha256("".join(filter(str.isalnum, narrow)).encode()).digest()


def paper_facts(file: CaseFile, deeds: Sequence[Deed], fact: CaseFact) -> list[PaperFact]:
    """The papers that a case names, and the photographs of its surveys, each once."""
    if file.is_empty:
        return []
    shown = {paper.digest: paper.material for paper in file.papers}
    for deed in deeds:
        if deed.counts and isinstance(deed.event, SiteSurveyed):
            shown |= dict.fromkeys(deed.event.photographs, SITE_PHOTOGRAPH)
    return [PaperFact(digest, file.case, fact.person, fact.namesake, material) for digest, material in shown.items()]


def officers_of(deeds: Sequence[Deed]) -> frozenset[OfficerId]:
    """Everybody who wrote an act or a step of a case."""
    return frozenset(
        deed.officer for deed in deeds if deed.counts and deed.officer and isinstance(deed.event, Act | StepCompleted)
    )
