"""Who may see a case, and which of its fields.

`readers` says which *offices* have a case at all: routing and the scope of every query start from it. `sight_of` says
what an officer's *role* there shows of each group of fields. Masked is the default for personal data; lifting the mask
is a click with a purpose, logged by the desk. Never decides who may act (`lifecycle`).
"""

from collections.abc import Collection
from enum import StrEnum
from functools import lru_cache
from typing import Final

from schemas.casework.casefile import CaseFile
from schemas.casework.roles import Role
from schemas.casework.stages import ENDED
from schemas.names import OfficeId, parent_seat, seat_of


class FieldGroup(StrEnum):
    """Fields that are shown or hidden together."""

    PROGRESS = "progress"
    """Item, stage, turn, offices, dates, tracking number: no person."""
    NAME = "name"
    CONTACT = "contact"
    """Document number and telephone."""
    STATEMENT = "statement"
    """Free text, mandate, materials, remarks: may tell of health, money, family (PIPL art. 28)."""
    PAPERS = "papers"
    """Photographs and PDF of the materials: they show all of the above."""
    DECISION = "decision"
    """Outcome, reason, basis, remedy."""


class Sight(StrEnum):
    """How a group of fields is shown."""

    CLEAR = "clear"
    UNMASKABLE = "unmaskable"
    """Masked; a logged click with a purpose shows it."""
    MASKED = "masked"
    HIDDEN = "hidden"


class Standing(StrEnum):
    """What an office is to a case."""

    AT_WORK = "at_work"
    """Place of handing over, custodian, offeree or a department asked for its opinion: it needs the person to do its
    work."""
    FORMER = "former"
    """Held the pen once, was the place of handing over, or was asked for its opinion before the decision."""
    ABOVE = "above"
    """Stands above one of those in the tree."""
    NONE = "none"


_WORKING: Final = {
    FieldGroup.PROGRESS: Sight.CLEAR,
    FieldGroup.NAME: Sight.CLEAR,
    FieldGroup.CONTACT: Sight.UNMASKABLE,
    FieldGroup.STATEMENT: Sight.CLEAR,
    FieldGroup.PAPERS: Sight.CLEAR,
    FieldGroup.DECISION: Sight.CLEAR,
}
_WATCHING: Final = {
    FieldGroup.PROGRESS: Sight.CLEAR,
    FieldGroup.NAME: Sight.UNMASKABLE,
    FieldGroup.CONTACT: Sight.UNMASKABLE,
    FieldGroup.STATEMENT: Sight.UNMASKABLE,
    FieldGroup.PAPERS: Sight.UNMASKABLE,
    FieldGroup.DECISION: Sight.CLEAR,
}
_REMEMBERING: Final = {
    FieldGroup.PROGRESS: Sight.CLEAR,
    FieldGroup.NAME: Sight.MASKED,
    FieldGroup.CONTACT: Sight.MASKED,
    FieldGroup.STATEMENT: Sight.HIDDEN,
    FieldGroup.PAPERS: Sight.HIDDEN,
    FieldGroup.DECISION: Sight.CLEAR,
}
_NOTHING: Final = dict.fromkeys(FieldGroup, Sight.HIDDEN)

_CASEWORKERS: Final = frozenset({Role.AGENT, Role.CLERK, Role.APPROVER, Role.LEADER})

SIGHTS: Final[dict[tuple[Standing, bool], dict[FieldGroup, Sight]]] = {
    (Standing.AT_WORK, True): _WORKING,
    (Standing.AT_WORK, False): _WATCHING,
    (Standing.FORMER, True): _REMEMBERING,
    (Standing.FORMER, False): _WATCHING,
    (Standing.ABOVE, True): _WATCHING,
    (Standing.ABOVE, False): _WATCHING,
}
"""(standing of the office, whether the officer does casework there rather than supervise) → field group → sight."""


@lru_cache(maxsize=8192)
def lineage(office: OfficeId) -> frozenset[OfficeId]:
    """The office, the seat its window stands in, and every seat above. Cached: a county has about 1,000 offices."""
    line = {office}
    seat: OfficeId | None = seat_of(office)
    while seat is not None:
        line.add(seat)
        seat = parent_seat(seat)
    return frozenset(line)


def readers(case: CaseFile) -> frozenset[OfficeId]:
    """Every office that may have this case: those that filed, held or are offered it, those that must
    hear how it went on (`CaseFile.informed`), and all above them (RULINGS B4).
    """
    offices: set[OfficeId] = set()
    for office in (*case.holders, *case.informed):
        offices |= lineage(office)
    if case.offeree is not None:
        offices |= lineage(case.offeree)
    return frozenset(offices)


def standing_of(case: CaseFile, office: OfficeId) -> Standing:
    """What `office` is to this case now."""
    is_heard = case.decision is None and case.stage not in ENDED
    if office in (case.home, case.custodian, case.offeree) or (is_heard and office in case.course.consulted):
        return Standing.AT_WORK
    if office in case.holders or office in case.informed:
        return Standing.FORMER
    return Standing.ABOVE if office in readers(case) else Standing.NONE


def does_casework(roles: Collection[Role]) -> bool:
    """Whether an officer works on cases rather than supervise, or run the node."""
    return not _CASEWORKERS.isdisjoint(roles)


def sight_of(case: CaseFile, office: OfficeId, roles: Collection[Role]) -> dict[FieldGroup, Sight]:
    """How each group of fields is shown to an officer of `office` with `roles`; without a role for cases nothing is."""
    standing = standing_of(case, office)
    works = does_casework(roles)
    if standing is Standing.NONE or not (works or Role.SUPERVISOR in roles):
        return _NOTHING
    return SIGHTS[standing, works]
