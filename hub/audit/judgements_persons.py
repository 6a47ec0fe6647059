"""Judgements on who applies: P14 self-dealing, P16 duplicate resident, P17 shared telephone, P18 ghost case, P20
evidence reuse.

Persons are marks that can be compared and nothing else. The network keeps no household and no bank account, so what
AUDIT asks of those cannot be judged; each rule's guard says so. Of two cases the later one is told of. Next:
`hub.audit.rules`.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Final

from hub.audit.dossier import SITE_PHOTOGRAPH, CaseFact, Deed, Dossier, PaperFact, Tie
from hub.audit.moments import DAY_MS, MINUTE_MS, counted, is_person, is_told
from hub.audit.rule import Hit, Limits, Severity
from schemas.casework.events import (
    AcceptanceRefused,
    Act,
    CaseDecided,
    CaseFiled,
    CustodyAccepted,
    FeePaid,
    OpinionGiven,
    PapersBrought,
    PapersReceived,
    SiteSurveyed,
    StepCompleted,
)
from schemas.casework.values import Outcome
from sync.ports import EntryKey

PAYMENT: Final = "05"
"""GB/T 39046 A.1: money is paid out."""
SERVICE: Final = "20"
"""A public service that everybody gets: an officer, too, insures the family."""


def _own(dossier: Dossier) -> Deed | None:
    """The filing."""
    return next((deed for deed, _ in counted(dossier, CaseFiled)), None)


# --- P14 -------------------------------------------------------------------------------------------------------------

_DISPOSING: Final = (
    CustodyAccepted,
    AcceptanceRefused,
    CaseDecided,
    StepCompleted,
    SiteSurveyed,
    OpinionGiven,
    FeePaid,
)


def self_dealing(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P14: whoever accepted, checked or decided is the applicant, or shares the telephone or the name."""
    if not is_told(dossier) or not dossier.ties:
        return
    is_universal = dossier.item is not None and dossier.item.power == SERVICE
    told: set[str] = set()
    for deed, event in counted(dossier, *_DISPOSING):
        people = (deed.officer, *event.surveyors) if isinstance(event, SiteSurveyed) else (deed.officer,)
        for officer in people:
            tie = dossier.ties.get(officer)
            if tie is None or officer in told:
                continue
            told.add(officer)
            is_close = tie is not Tie.NAME
            severity = Severity.RED if is_close else Severity.YELLOW
            if is_universal:
                severity = Severity.YELLOW if is_close else Severity.INFO
            yield Hit(severity, deed.office, (deed.place,), {"tie": tie.value, "kind": deed.kind}, officer, key=officer)


# --- P16 -------------------------------------------------------------------------------------------------------------


def duplicate_resident(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P16: the same person, or the same name, birth date and village, has the same item twice within the period."""
    filing, own = dossier.file.filing, _own(dossier)
    # The officer was shown the open cases and filed beside them all the same: that is on record.
    if not is_told(dossier) or filing is None or own is None or filing.roster is not None or filing.duplicates:
        return
    if dossier.fact.item in limits.repeated_items or _is_over(dossier.fact):
        return
    span = limits["duplicate_days"] * DAY_MS
    others = [
        other
        for other in _cases(dossier.around.by_person)
        if other.case != dossier.fact.case
        and other.item == dossier.fact.item
        and abs(dossier.fact.filed_at - other.filed_at) <= span
        and not _is_over(other)
        and _is_one_person(other, dossier.fact)
    ]
    before = [other for other in others if _is_before(other, dossier.fact)]
    paid = [other for other in others if _is_paid_again(dossier, other)]
    if not before and not paid:
        return
    other = (paid or before)[-1]
    facts = {
        "cases": len(others) + 1,
        "days": abs(dossier.fact.filed_at - other.filed_at) // DAY_MS,
        "by": "document" if other.person == dossier.fact.person else "name",
    }
    severity = Severity.RED if paid else Severity.YELLOW
    decision = dossier.file.decision
    office = decision.office if paid and decision is not None else own.office
    yield Hit(severity, office, _places(own.place, other.place), facts)


def _is_paid_again(dossier: Dossier, other: CaseFact) -> bool:
    """Both were granted, of what pays money; told at the one that was decided last, whichever was filed first."""
    fact, granted = dossier.fact, Outcome.GRANTED.value
    if dossier.item is None or dossier.item.power != PAYMENT or (fact.outcome, other.outcome) != (granted, granted):
        return False
    return (other.decided_at or 0, other.case) < (fact.decided_at or 0, fact.case)


def _is_one_person(one: CaseFact, other: CaseFact) -> bool:
    if one.person and one.person == other.person:
        return True
    return bool(one.namesake) and one.namesake == other.namesake


def _is_over(fact: CaseFact) -> bool:
    """Refused, or ended without a decision: whoever got nothing may ask again."""
    return fact.outcome == Outcome.REFUSED.value or (not fact.outcome and fact.ended_at is not None)


def _is_before(one: CaseFact, other: CaseFact) -> bool:
    return (one.filed_at, one.case) < (other.filed_at, other.case)


def _cases(facts: tuple[CaseFact, ...]) -> list[CaseFact]:
    """Each case once, by its filing."""
    return sorted({fact.case: fact for fact in facts}.values(), key=lambda fact: (fact.filed_at, fact.case))


def _places(*places: EntryKey | None) -> tuple[EntryKey, ...]:
    return tuple(dict.fromkeys(place for place in places if place is not None))


# --- P17 -------------------------------------------------------------------------------------------------------------


def shared_phone(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P17: a fifth applicant with one telephone; told at each applicant's first case from the fifth on."""
    filing, own = dossier.file.filing, _own(dossier)
    if not is_told(dossier) or own is None or not dossier.fact.phone or filing is None or filing.roster is not None:
        return
    before = [
        fact
        for fact in _cases(dossier.around.by_phone)
        if fact.phone == dossier.fact.phone and _is_before(fact, dossier.fact)
    ]
    persons = {fact.person for fact in before if fact.person}
    if dossier.fact.person in persons or len(persons) + 1 < limits["phone_persons_min"]:
        return
    facts = {"persons": len(persons) + 1, "villages": len({fact.filing_office for fact in (*before, dossier.fact)})}
    yield Hit(Severity.YELLOW, own.office, _places(own.place, before[-1].place), facts)


# --- P18 -------------------------------------------------------------------------------------------------------------


def ghost_case(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P18: three of five traits at once: nothing came from the resident, one officer did it all, it was over within
    minutes, the telephone is somebody else's too, nobody else ever heard of the applicant.
    """
    filing, own, file = dossier.file.filing, _own(dossier), dossier.file
    if not is_told(dossier) or filing is None or own is None or filing.roster is not None or file.ended_at is None:
        return
    is_signed = filing.mandate is not None or bool(file.papers) or any(counted(dossier, PapersBrought, PapersReceived))
    officers = {deed.officer for deed, _ in counted(dossier, Act) if is_person(deed.officer)}
    length = file.ended_at - own.at
    phones = {one.person for one in dossier.around.by_phone if one.phone == dossier.fact.phone and dossier.fact.phone}
    known = [one for one in dossier.around.by_person if one.case != dossier.fact.case]
    traits = {
        "unsigned": not is_signed,
        "one_officer": len(officers) == 1,
        "minutes": 0 <= length <= limits["ghost_life_minutes"] * MINUTE_MS,
        "phone": len(phones - {dossier.fact.person}) > 0,
        "unknown": not known,
    }
    shown = [name for name, is_there in traits.items() if is_there]
    if len(shown) < limits["ghost_traits_min"]:
        return
    is_money = dossier.item is not None and dossier.item.power == PAYMENT
    is_granted = file.decision is not None and file.decision.outcome is Outcome.GRANTED
    # That nothing is known of somebody shows little by itself: haste, or a shared telephone, must be among the traits.
    is_shown = traits["minutes"] or traits["phone"]
    severity = Severity.RED if is_money and is_granted and is_shown else Severity.INFO
    facts = {"traits": "+".join(shown), "count": len(shown)}
    yield Hit(severity, own.office, _places(own.place, dossier.deeds[-1].place), facts)


# --- P20 -------------------------------------------------------------------------------------------------------------


def evidence_reuse(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P20: a paper of this case was shown before for somebody else; a photograph of a site can show one site only."""
    if not is_told(dossier):
        return
    by_digest: dict[bytes, list[PaperFact]] = defaultdict(list)
    for paper in dossier.around.by_paper:
        by_digest[paper.digest].append(paper)
    for digest, deed in sorted(_papers(dossier).items(), key=lambda item: (item[1].place, item[0])):
        uses = by_digest.get(digest, [])
        others = [use for use in uses if use.case != dossier.fact.case and not _is_same(use, dossier.fact)]
        own = [use for use in uses if use.case == dossier.fact.case]
        earlier = [use for use in others if _is_later(deed, use)]
        if not earlier:
            continue
        is_site = any(use.material == SITE_PHOTOGRAPH for use in (*own, *others))
        persons = len({use.person for use in others}) + 1
        severity = Severity.RED if is_site else Severity.YELLOW
        if not is_site and persons >= limits["form_persons_min"]:
            severity = Severity.INFO
        facts = {"persons": persons, "paper": "site" if is_site else "material"}
        first = min(earlier, key=lambda use: (use.place is None, use.place or deed.place, use.case))
        yield Hit(severity, deed.office, _places(deed.place, first.place), facts, key=digest.hex()[:32])


def _is_same(use: PaperFact, fact: CaseFact) -> bool:
    """The applicant's own other case."""
    if use.person and use.person == fact.person:
        return True
    return bool(use.namesake) and use.namesake == fact.namesake


def _is_later(deed: Deed, use: PaperFact) -> bool:
    """Whether this case is the one to tell of: of two in one journal the later, of two journals each."""
    if use.place is None or use.place[0].origin != deed.place[0].origin:
        return True
    return (use.place[0].epoch, use.place[1]) < (deed.place[0].epoch, deed.place[1])


def _papers(dossier: Dossier) -> dict[bytes, Deed]:
    """Each paper of the case, with the deed that named it first."""
    found: dict[bytes, Deed] = {}
    for deed, event in counted(dossier, CaseFiled, PapersBrought, SiteSurveyed):
        digests = event.photographs if isinstance(event, SiteSurveyed) else [paper.digest for paper in event.papers]
        for digest in digests:
            found.setdefault(digest, deed)
    return found
