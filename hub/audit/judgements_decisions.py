"""Judgements on what was decided: P6 unexplained refusal, P15 outside the mandate.

Never reads what a reason says: only that it is there, how long it is, and that it is not always the same one. Next:
`hub.audit.rules`.
"""

from collections.abc import Iterator
from datetime import date
from typing import Final

from hub.audit.dossier import Deed, Dossier
from hub.audit.moments import DAY_MS, counted, earliest, is_person, is_possible, is_told
from hub.audit.rule import Hit, Limits, Severity
from schemas.casework.clocks import day_of
from schemas.casework.events import AcceptanceRefused, CaseDecided
from schemas.casework.values import Outcome
from schemas.catalogue import ServiceItem, may_decide
from schemas.names import seat_of, valid_seat

LOOKED_BACK_MS: Final = 366 * DAY_MS
"""A year of an officer's refusals is compared: twenty of them in a month are rare, and the text names no month."""

_REFUSING: Final = frozenset({AcceptanceRefused.kind, CaseDecided.kind})
"""An offer given back has a reason as well, and refuses nobody."""

# --- P6 --------------------------------------------------------------------------------------------------------------


def unexplained_refusal(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P6: refused, or not accepted, without a reason that says something, a legal basis, or the way to object."""
    if not is_told(dossier):
        return
    for deed, event in counted(dossier, AcceptanceRefused, CaseDecided):
        if isinstance(event, CaseDecided) and event.outcome is not Outcome.REFUSED:
            continue
        characters = len("".join(event.reason.split()))
        lacks = [
            *(["reason"] if characters < limits["reason_characters_min"] else []),
            *(["basis"] if not event.basis.strip() else []),
            *(["remedy"] if not event.remedy.strip() else []),
        ]
        if lacks:
            facts = {"state": "incomplete", "lacks": "+".join(lacks), "characters": characters, "cases": 1}
            yield Hit(Severity.RED, deed.office, (deed.place,), facts, deed.officer, key=f"turn:{event.turn}")
        else:
            yield from _boilerplate(dossier, deed, characters, limits)


def _boilerplate(dossier: Dossier, deed: Deed, characters: int, limits: Limits) -> Iterator[Hit]:
    """The same words in most refusals of an officer: told at each refusal from the one on that makes it so."""
    if not is_person(deed.officer):
        return
    refusals = {
        act.place: act
        for act in dossier.around.refusals
        if act.officer == deed.officer and act.kind in _REFUSING and 0 <= deed.at - act.at <= LOOKED_BACK_MS
    }.values()
    own = next((act for act in refusals if act.place == deed.place), None)
    if own is None:
        return
    same = [act for act in refusals if act.text == own.text]
    is_rule = len(same) * 100 >= limits["boilerplate_share_min"] * len(refusals)
    if len(same) >= limits["boilerplate_cases_min"] and is_rule:
        facts = {"state": "boilerplate", "lacks": "", "characters": characters, "cases": len(same)}
        places = tuple(dict.fromkeys((deed.place, min(act.place for act in same))))
        yield Hit(Severity.YELLOW, deed.office, places, facts, deed.officer, key=f"words:{own.text.hex()[:16]}")


# --- P15 -------------------------------------------------------------------------------------------------------------


def outside_mandate(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P15: on no day on which the decision can have been made did tier or grant let this office decide the item.

    A claimed day on which it might decide is believed only inside its bracket: whoever dates a decision back into a
    grant that has ended has none.
    """
    item = dossier.item
    if not is_told(dossier) or item is None:
        return
    for deed, event in counted(dossier, CaseDecided):
        made = day_of(earliest(deed))
        if _may_within(dossier, item, deed, made, made, limits):
            continue
        is_doubtful = _may_within(dossier, item, deed, *_days_of(dossier, deed), limits)
        severity = Severity.INFO if is_doubtful else Severity.RED
        facts = {"day": day_of(deed.at).isoformat(), "state": "not_provable" if is_doubtful else "outside"}
        yield Hit(severity, deed.office, (deed.place,), facts, deed.officer, key=f"turn:{event.turn}")


def _days_of(dossier: Dossier, deed: Deed) -> tuple[date, date]:
    """The first and the last day on which it can have been decided; where nothing proves an edge, its own word does,
    unless that lies outside: then up to today.
    """
    low, high = deed.bracket.not_before, deed.bracket.not_after
    if low is not None and high is not None and low > high:
        low = high = None
    first = day_of(low if low is not None else earliest(deed))
    if high is not None:
        return first, day_of(high)
    return first, day_of(deed.at) if is_possible(deed) else max(first, dossier.today)


def _may_within(dossier: Dossier, item: ServiceItem, deed: Deed, first: date, last: date, limits: Limits) -> bool:
    """Whether the office might decide on one of these days, or when its document changed just before them.

    An office that is written like none may nothing.
    """
    if not valid_seat(seat_of(deed.office)):
        return False
    first = date.fromordinal(max(first.toordinal() - limits["regrant_days"], 1))
    # It changes only where a grant begins.
    days = {first, *(grant.effective_from for grant in dossier.grants if first <= grant.effective_from <= last)}
    return any(may_decide(item, deed.office, day, dossier.grants) for day in sorted(days))
