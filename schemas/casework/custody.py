"""How long who had a case: its whole time, from the filing to its end, as a sum over its custodians.

Counts what the devices claimed, and never raises for a claim. Never counts a term: that is `schemas.casework.clocks`.
Next: `schemas.casework.casefile` (`spans`), `office.web.deadlines`, which shows it.
"""

from itertools import pairwise

from msgspec import Struct

from schemas.casework.casefile import CaseFile
from schemas.names import Instant, OfficeId


class Custody(Struct, frozen=True):
    """How long a case lay with an office, in milliseconds; None = on its way."""

    office: OfficeId | None
    milliseconds: int


def custody_account(case: CaseFile, until: Instant) -> tuple[Custody, ...]:
    """How long each office had the case from the filing to its end, else to `until`; they add up to all of it.

    A claim that lies before the one before it counts as the same moment.
    """
    moments = [span.since for span in case.spans]
    end = case.ended_at if case.ended_at is not None else until
    reached: list[int] = []
    for moment in (*moments, end):
        reached.append(max(moment, reached[-1]) if reached else moment)
    totals: dict[OfficeId | None, int] = {}
    for span, (since, till) in zip(case.spans, pairwise(reached), strict=True):
        totals[span.office] = totals.get(span.office, 0) + till - since
    return tuple(Custody(office, time) for office, time in totals.items())
