"""What stays of a case when its bodies are gone: item, days, outcome, offices, acts, and no person (RULINGS B6).

A residue travels inside the county's order (`line.erased`), or stays on the one device that let a closed case's bodies
go (RULINGS A17). It names the acts of the branch that counts, so that a late act is judged as before (RULINGS B1), and
whatever statistics are made of. Of officers, too, only their offices stay.
Never says when something may be erased: that is `office.erasure_orders`. Next: `schemas.casework.fold`, built on it.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from schemas.casework.casefile import Breach, CaseFile, Contributed, Course, Erasure, Span
from schemas.casework.events import (
    ActUnconfirmed,
    CaseConverted,
    CaseDecided,
    CaseExpedited,
    CaseFiled,
    CaseReceived,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    RosterAdded,
    SiteSurveyed,
    StepCompleted,
)
from schemas.casework.stages import Stage
from schemas.casework.values import Applicant, Channel, Destinations, Follows, Outcome, Short
from schemas.codec import Malformed, decode, encode
from schemas.names import OPERATION_BYTES, CaseId, Instant, OfficeId, OfficerId, TrackingNumber
from schemas.wire import RESIDUE_BYTES_MAX, ZERO_HASH

NOBODY: Final = Applicant("—", "—", "—")
"""Stands where the applicant stood. No screen shows it: such a case has no name."""

FACTS_KEPT: Final[dict[str, int | None]] = {
    ActUnconfirmed.kind: None,
    CaseReceived.kind: None,
    StepCompleted.kind: None,
    SiteSurveyed.kind: 2,
    OpinionGiven.kind: None,
    MeetingHeld.kind: None,
    FeePaid.kind: 1,
    CaseExpedited.kind: 0,
    CaseConverted.kind: None,
    RosterAdded.kind: None,
}
"""Contributions that clocks and figures are made of → how many of their facts stay, the first ones; None = all. Who
surveyed, who approved and a receipt's number go. Others, remarks say, leave no trace but their header."""


class KeptCase(Struct, frozen=True, array_like=True, gc=False):
    """A case without any person."""

    item: str
    edition: str
    office: OfficeId
    """Where it was filed."""
    home: OfficeId
    channel: Channel
    serial: int
    """Of the tracking number: its office never uses it again. The number itself, which the resident has, goes."""
    roster_rows: int
    stage: Stage
    acts: tuple[Follows, ...]
    """The acts that count, by turn, as the next one names each."""
    custodian: OfficeId | None
    accepted_by: OfficeId | None
    holders: tuple[OfficeId, ...]
    informed: tuple[OfficeId, ...]
    filed_at: Instant
    accepted_at: Instant | None
    decided_at: Instant | None
    ended_at: Instant | None
    outcome: Outcome | None
    decided_by: OfficeId | None
    grant: Short
    on_behalf_of: Short
    deemed: Destinations
    requests: int
    spans: tuple[Span, ...]
    course: Course
    superseded: tuple[bytes, ...] = ()
    breaches: tuple[Breach, ...] = ()
    tracking: TrackingNumber = TrackingNumber("")
    """Only where this device alone let the bodies go: whoever has a number is told where the case is."""


class Residue(Struct, frozen=True, array_like=True, gc=False):
    """What one order leaves."""

    case: KeptCase | None
    """None: the case stays, single contributions went."""
    notes: tuple[Contributed, ...] = ()
    """Of the contributions that went, those that figures are made of."""


class Removal(Struct, frozen=True, gc=False):
    """One order, or what this device did by itself, as the fold takes it."""

    residue: Residue
    erasure: Erasure | None
    """None: the bodies went on this device alone."""
    hash: bytes = b""
    """Of the order."""


class Kept(Struct, frozen=True, gc=False):
    """All removals of one case together."""

    base: CaseFile | None
    """The case as its acts left it; None = it stands by its own entries."""
    acts: tuple[bytes, ...]
    gone: frozenset[bytes]
    """Acts that the base knows and that nothing can follow any more, shortened as acts name them."""
    notes: dict[bytes, Contributed]


# --- making one ------------------------------------------------------------------------------------------------------


def kept_case(case: CaseFile, acts: tuple[bytes, ...], serial: int, *, with_number: bool = False) -> KeptCase:
    """What stays of a case whose acts that count are these. Raises ValueError while its filing is missing."""
    filing, decision = case.filing, case.decision
    if filing is None or case.filed_at is None or case.home is None:
        raise ValueError("nothing stays of a case whose filing is not here")
    return KeptCase(
        filing.item,
        filing.edition,
        filing.office,
        case.home,
        filing.channel,
        serial,
        filing.roster_rows,
        case.stage,
        acts,
        case.custodian,
        case.accepted_by,
        case.holders,
        case.informed,
        case.filed_at,
        case.accepted_at,
        case.decided_at,
        case.ended_at,
        decision.outcome if decision is not None else None,
        decision.office if decision is not None else None,
        decision.grant if decision is not None else "",
        decision.on_behalf_of if decision is not None else "",
        decision.deemed if decision is not None else (),
        case.requests,
        case.spans,
        _without_persons(case.course),
        case.superseded,
        case.breaches,
        filing.tracking if with_number else TrackingNumber(""),
    )


def _without_persons(course: Course) -> Course:
    """The course of a case without approvers, numbers of papers and what the resident brought."""
    nobody = OfficerId("")
    return replace(
        course,
        pauses=tuple(replace(one, document="") for one in course.pauses),
        extensions=tuple(replace(one, approver=nobody) for one in course.extensions),
        reopenings=tuple(replace(one, approver=nobody) for one in course.reopenings),
        promises=(),
        received=(),
    )


def kept_notes(notes: Iterable[Contributed]) -> list[Contributed]:
    """Of these contributions, those that leave a trace, without persons and words."""
    return [
        replace(
            one,
            operation=one.hash[:OPERATION_BYTES],
            materials=(),
            facts=one.facts[: FACTS_KEPT[one.kind]],
            papers=(),
        )
        for one in notes
        if one.kind in FACTS_KEPT
    ]


def parted(case: KeptCase | None, notes: Iterable[Contributed]) -> list[Residue]:
    """Residues, as few as their limit allows, that together hold the case and all these contributions."""
    residues = [Residue(case)]
    for note in notes:
        longer = replace(residues[-1], notes=(*residues[-1].notes, note))
        if len(encode(longer)) <= RESIDUE_BYTES_MAX:
            residues[-1] = longer
        else:
            residues.append(Residue(case, (note,)))
    return residues


def read_residue(data: bytes) -> Residue:
    """A residue's bytes; those of a newer version that cannot be read leave nothing."""
    try:
        return decode(data, Residue, limit=RESIDUE_BYTES_MAX)
    except Malformed:
        return Residue(None)


# --- building on one -------------------------------------------------------------------------------------------------


def joined(subject: CaseId, removals: Iterable[Removal]) -> Kept | None:
    """All removals of a case, whatever their order; None when there are none. The county's orders before our own doing;
    of several orders the one that knows most acts.
    """
    found = list(removals)
    orders = [one for one in found if one.erasure is not None]
    found = orders or found
    if not found:
        return None
    notes: dict[bytes, Contributed] = {}
    for one in sorted((note for removal in found for note in removal.residue.notes), key=encode, reverse=True):
        notes[one.hash] = one
    whole = [one for one in found if one.residue.case is not None]
    if not whole:
        return Kept(None, (), frozenset(), notes)
    best = max(whole, key=_precedence)
    case = best.residue.case
    assert case is not None
    lost = {digest[:16] for digest in (*case.superseded, *(breach.hash for breach in case.breaches))}
    gone = frozenset((lost | set(case.acts[:-1])) - set(case.acts[-1:]))
    return Kept(_file_of(subject, case, best.erasure), case.acts, gone, notes)


def _precedence(removal: Removal) -> tuple[int, bytes]:
    case = removal.residue.case
    return len(case.acts) if case is not None else 0, removal.hash


def _file_of(subject: CaseId, kept: KeptCase, erasure: Erasure | None) -> CaseFile:
    """The case file that stands for what is gone."""
    operation, nobody = bytes(OPERATION_BYTES), OfficerId("")
    filing = CaseFiled(
        1,
        None,
        operation,
        kept.office,
        nobody,
        kept.item,
        kept.edition,
        kept.tracking,
        ZERO_HASH,
        NOBODY,
        (),
        channel=kept.channel,
        roster=ZERO_HASH if kept.roster_rows else None,
        roster_rows=kept.roster_rows,
    )
    decision = None
    if kept.outcome is not None and kept.decided_by is not None:
        words = (kept.outcome, "", "", "", "", kept.grant, kept.on_behalf_of, kept.deemed)
        decision = CaseDecided(2, None, operation, kept.decided_by, nobody, *words)
    return CaseFile(
        subject,
        kept.stage,
        len(kept.acts),
        kept.acts[-1] if kept.acts else b"",
        kept.custodian,
        None,
        None,
        kept.holders,
        filing,
        kept.filed_at,
        kept.accepted_at,
        decision,
        kept.decided_at,
        kept.ended_at,
        kept.requests,
        superseded=kept.superseded,
        breaches=kept.breaches,
        accepted_by=kept.accepted_by,
        spans=kept.spans,
        course=kept.course,
        informed=kept.informed,
        home=kept.home,
        erased=erasure,
        purged=erasure is None,
    )
