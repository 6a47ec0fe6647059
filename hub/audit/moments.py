"""Which deeds of a case count, what came before what, and when at the earliest and the latest something was done.

A claim inside its bracket is believed: it is the office's own word, and nothing speaks against it. One outside cannot
be true, and then the edge counts that favours the office: the latest for what starts its clock, the earliest for what
stops it (RULINGS B9). Order is turns, and within one journal its numbers; never claimed time (RULINGS A6).
Never judges. Next: `hub.audit.judgements_time`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import date
from typing import TypeVar

from msgspec import Struct

from hub.audit.dossier import ActFact, Deed, Dossier
from schemas.casework.clocks import day_of
from schemas.casework.events import Act, CaseEvent, CaseReceived, CustodyOffered
from schemas.catalogue import TermUnit
from schemas.divisions import is_village_office
from schemas.names import Instant, OfficeId, OfficerId, seat_of

E = TypeVar("E", bound=CaseEvent)

MINUTE_MS = 60_000
DAY_MS = 86_400_000
CHINA_MS = 8 * 3_600_000
"""How far China's clock is ahead of UTC."""


def is_told(dossier: Dossier) -> bool:
    """Whether the case's filing and bodies are here: of an erased or purged one nothing is judged any more."""
    return dossier.file.filing is not None and not dossier.file.is_empty


def is_person(officer: OfficerId) -> bool:
    """Whether somebody wrote it, and not the node by itself: `(node)` stands there for its author, or nothing does."""
    return bool(officer) and not officer.endswith(")")


def counted(dossier: Dossier, *kinds: type[E]) -> Iterator[tuple[Deed, E]]:
    """The deeds of these kinds that count, in the dossier's order."""
    for deed in dossier.deeds:
        if deed.counts and isinstance(deed.event, kinds):
            yield deed, deed.event


def by_office(dossier: Dossier, *kinds: type[E]) -> Iterator[tuple[Deed, E]]:
    """`counted` without what a village wrote: what it may not write says nothing."""
    return ((deed, event) for deed, event in counted(dossier, *kinds) if not is_village_office(deed.office))


def turn_of(event: CaseEvent) -> int:
    """The turn taken, or the one after which a contribution was made."""
    return event.turn if isinstance(event, Act) else event.after_turn


def precedes(one: Deed, act: Deed) -> bool:
    """Whether a deed was written before an act: by number in one device's journals, else by turn."""
    (journal, number), (other, place) = one.place, act.place
    if journal.origin == other.origin:
        return (journal.epoch, number) < (other.epoch, place)
    return turn_of(one.event) < turn_of(act.event)


def acts_between(dossier: Dossier, officer: OfficerId, since: Instant, until: Instant) -> Sequence[ActFact]:
    """What an officer did, in all cases, from one claimed instant to another, both included; by claimed time."""
    acts = dossier.around.by_officer
    start = bisect_left(acts, (officer, since), key=_officer_and_time)
    return acts[start : bisect_right(acts, (officer, until), start, key=_officer_and_time)]


def _officer_and_time(act: ActFact) -> tuple[OfficerId, Instant]:
    return act.officer, act.at


# --- the edges of a moment -------------------------------------------------------------------------------------------


def is_possible(deed: Deed) -> bool:
    """Whether nothing proves that it was not written when it claims."""
    low, high = deed.bracket.not_before, deed.bracket.not_after
    if low is not None and high is not None and low > high:
        return True  # Two proofs that exclude each other prove nothing.
    return (low is None or low <= deed.at) and (high is None or deed.at <= high)


def latest(deed: Deed) -> Instant:
    """When it was done, as late as can be: what starts an office's clock."""
    low, high = deed.bracket.not_before, deed.bracket.not_after
    if is_possible(deed):
        return deed.at
    return high if high is not None else max(deed.at, low or deed.at)


def earliest(deed: Deed) -> Instant:
    """When it was done, as early as can be: what stops an office's clock."""
    low, high = deed.bracket.not_before, deed.bracket.not_after
    if is_possible(deed):
        return deed.at
    return low if low is not None else min(deed.at, high if high is not None else deed.at)


# --- on the line -----------------------------------------------------------------------------------------------------


class Transit(Struct, frozen=True):
    """A time in which the case was offered and had not arrived: nobody's (RULINGS B9)."""

    since: date
    until: date | None
    """None = still."""


def transits(dossier: Dossier) -> tuple[Transit, ...]:
    """Each offer's way, up to the receipt that the offeree's node wrote by itself, or else to the next act."""
    acts: dict[int, Deed] = {}
    receipts: dict[tuple[int, OfficeId], Deed] = {}
    for deed, event in counted(dossier, Act, CaseReceived):
        if isinstance(event, Act):
            acts.setdefault(event.turn, deed)
        else:
            receipts.setdefault((event.after_turn, seat_of(deed.office)), deed)
    found: list[Transit] = []
    for deed, offer in counted(dossier, CustodyOffered):
        receipt = receipts.get((offer.turn, seat_of(offer.to))) or acts.get(offer.turn + 1)
        until = None if receipt is None else day_of(latest(receipt))
        found.append(Transit(day_of(earliest(deed)), until))
    return tuple(found)


def days_on_the_line(dossier: Dossier, first: date, last: date, unit: TermUnit) -> int:
    """How many days of a term's unit, after `first` up to `last`, the case was on its way."""
    spans: list[tuple[date, date]] = []
    for one in transits(dossier):
        since, until = max(one.since, first), min(one.until or last, last)
        if since < until:
            spans.append((since, until))
    lost, reached = 0, first
    for since, until in sorted(spans):
        start = max(since, reached)
        if start < until:
            is_calendar = unit is TermUnit.CALENDAR_DAYS
            lost += (until - start).days if is_calendar else dossier.calendar.working_days_between(start, until)
            reached = until
    return lost


def heard_day(dossier: Dossier, office: OfficeId | None) -> date:
    """Up to which day an office's silence on a case is its own: today, or when the county last heard from its seat."""
    heard = dossier.heard_until.get(seat_of(office)) if office is not None else None
    return dossier.today if heard is None else min(dossier.today, day_of(heard))


def holder_on(dossier: Dossier, day: date) -> OfficeId:
    """Who had the case at the end of a day, or had it last before it went on its way."""
    spans = [span for span in dossier.file.spans if span.office is not None]
    held = [span.office for span in spans if day_of(span.since) <= day] or [span.office for span in spans[:1]]
    return held[-1] or dossier.fact.filing_office if held else dossier.fact.filing_office
