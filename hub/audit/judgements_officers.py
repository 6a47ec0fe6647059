"""Judgements on how officers work: P5 instant handling, P11 bulk handling, P12 off-hours, P13 separation of duties, P24
shared account.

What is a habit over many cases is told once, at the case whose entry makes it one: `Around.by_officer` holds the
others. Two entries in a minute, one person who checks and decides, an evening at the desk: four honest cases in five
are like that, so none of it is a fault here (AUDIT 3). Next: `hub.audit.rules`.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from itertools import chain, pairwise
from typing import Final

from hub.audit.dossier import ActFact, Deed, Dossier
from hub.audit.judgements_time import false_time, is_overdue
from hub.audit.moments import CHINA_MS, DAY_MS, MINUTE_MS, acts_between, counted, is_person, is_told
from hub.audit.rule import Hit, Limits, Severity
from schemas.casework.clocks import day_of
from schemas.casework.events import (
    AcceptanceRefused,
    CaseClosed,
    CaseDecided,
    CaseEvent,
    CaseExpedited,
    CaseFiled,
    CaseReopened,
    CaseTerminated,
    CustodyAccepted,
    PapersRequested,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.catalogue import CaseType
from schemas.divisions import is_village_office
from schemas.names import CaseId, Instant, OfficerId
from sync.ports import EntryKey

_EPOCH: Final = date(1970, 1, 1).toordinal()
_LOOKED_BACK_MS: Final = 31 * DAY_MS
"""How far around a case its officers' other acts are at hand."""


# --- P5 --------------------------------------------------------------------------------------------------------------


def instant_handling(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P5: what is promised in days was accepted and ended within a minute, with steps between."""
    item = dossier.item
    if not is_told(dossier) or item is None or item.is_on_the_spot or item.case_type is CaseType.INSTANT:
        return
    accepted = next((one for one, _ in counted(dossier, CustodyAccepted) if one.at == dossier.file.accepted_at), None)
    ends = [deed for deed, _ in counted(dossier, CaseClosed)] or [
        deed for deed, _ in counted(dossier, ResultHandedOver)
    ]
    if accepted is None or not ends:
        return
    end = ends[0]
    length = end.at - accepted.at
    between = {deed.kind for deed in dossier.deeds if deed.counts and accepted.at <= deed.at <= end.at} - {
        accepted.kind
    }
    is_instant = 0 <= length <= limits["instant_seconds_max"] * 1000
    if not is_instant or len(between) < limits["instant_kinds_min"] or accepted.place[0].origin != end.place[0].origin:
        return
    cases = _instant_cases(dossier, accepted, limits) | {dossier.fact.case}
    severity = Severity.RED if len(cases) >= limits["instant_cases_red"] else Severity.YELLOW
    facts = {"seconds": length // 1000, "cases": len(cases)}
    yield Hit(severity, accepted.office, (accepted.place, end.place), facts, accepted.officer)


def _instant_cases(dossier: Dossier, accepted: Deed, limits: Limits) -> set[CaseId]:
    """The officer's other instant cases of the week that ends with this one."""
    slow = dossier.promised_items | {dossier.fact.item}
    since = Instant(accepted.at - limits["instant_week_days"] * DAY_MS + 1)
    until = Instant(accepted.at + limits["instant_seconds_max"] * 1000)
    taken: dict[CaseId, Instant] = {}
    ended: dict[tuple[CaseId, str], Instant] = {}
    for act in acts_between(dossier, accepted.officer, since, until):
        if act.item not in slow:
            continue
        if act.kind == CustodyAccepted.kind and act.at <= accepted.at:
            taken[act.case] = min(act.at, taken.get(act.case, act.at))
        elif act.kind in (CaseClosed.kind, ResultHandedOver.kind):
            ended[act.case, act.kind] = min(act.at, ended.get((act.case, act.kind), act.at))
    most = limits["instant_seconds_max"] * 1000
    found: set[CaseId] = set()
    for case, at in taken.items():
        end = ended.get((case, CaseClosed.kind), ended.get((case, ResultHandedOver.kind)))
        if end is not None and 0 <= end - at <= most:
            found.add(case)
    return found


# --- P11 -------------------------------------------------------------------------------------------------------------

_BULK: Final = frozenset(
    kind.kind
    for kind in (
        CaseFiled,
        CustodyAccepted,
        AcceptanceRefused,
        CaseDecided,
        ResultHandedOver,
    )
)
"""What wants a look at the case. Offers, seals, archiving, closings and remarks are rightly done for a heap at once."""


def bulk_handling(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P11: ten cases of one item, by one officer and in one way, within ten minutes."""
    filing = dossier.file.filing
    if not is_told(dossier) or filing is None or filing.roster is not None or filing.item in limits.batch_items:
        return
    span = limits["bulk_seconds"] * 1000
    told: set[tuple[OfficerId, str]] = set()
    for deed in dossier.deeds:
        who = (deed.officer, deed.kind)
        if not deed.counts or deed.kind not in _BULK or not is_person(deed.officer) or who in told:
            continue
        # A village that picks up a heap of results accepts nothing.
        if isinstance(deed.event, CustodyAccepted) and is_village_office(deed.office):
            continue
        near = acts_between(dossier, deed.officer, Instant(deed.at - span), deed.at)
        if len(near) < limits["bulk_cases_min"]:
            continue
        if len({act.case for act in near if _is_alike(act, deed, dossier)}) >= limits["bulk_cases_min"]:
            hit = _burst(dossier, deed, limits)
            if hit is not None:
                told.add(who)
                yield hit


def _is_alike(act: ActFact, deed: Deed, dossier: Dossier) -> bool:
    return act.kind == deed.kind and act.item == dossier.fact.item


def _burst(dossier: Dossier, deed: Deed, limits: Limits) -> Hit | None:
    """The burst that this deed fills; None when an earlier one did: what follows within the same time belongs to it."""
    span, window = limits["bulk_seconds"] * 1000, deque[ActFact]()
    acts = acts_between(dossier, deed.officer, Instant(deed.at - _LOOKED_BACK_MS), deed.at)
    alike = sorted({act.place: act for act in acts if _is_alike(act, deed, dossier)}.values(), key=_by_time)
    told_until: Instant | None = None
    for act in alike:
        if told_until is not None and act.at <= told_until:
            told_until = Instant(act.at + span)
            continue
        told_until = None
        window.append(act)
        while act.at - window[0].at > span:
            window.popleft()
        cases = {one.case for one in window}
        if len(cases) < limits["bulk_cases_min"]:
            continue
        if act.place == deed.place:
            first = window[0]
            facts = {"kind": deed.kind, "cases": len(cases), "seconds": (act.at - first.at) // 1000}
            severity = Severity.RED if _is_grave(dossier, limits) else Severity.YELLOW
            key = f"{deed.officer}:{deed.kind}"
            return Hit(severity, deed.office, (deed.place, first.place), facts, deed.officer, key=key)
        told_until = Instant(act.at + span)
        window.clear()
    return None


def _by_time(act: ActFact) -> tuple[Instant, EntryKey]:
    return act.at, act.place


def _is_grave(dossier: Dossier, limits: Limits) -> bool:
    """The case is overdue as well, or its times are false."""
    return is_overdue(dossier, limits) or any(True for _ in false_time(dossier, limits))


# --- P12 -------------------------------------------------------------------------------------------------------------

_DECISIVE: Final = frozenset(
    kind.kind
    for kind in (
        CustodyAccepted,
        AcceptanceRefused,
        PapersRequested,
        CaseDecided,
        CaseTerminated,
        CaseReopened,
        StepCompleted,
    )
)
"""What disposes of somebody's matter."""


def off_hours(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P12: an officer's month with ten decisive entries outside office hours, and a fifth of all. Only such an entry
    makes a month one, so a case without any is not looked at twice.
    """
    if not is_told(dossier):
        return
    months: dict[tuple[OfficerId, date], Deed] = {}
    for deed in dossier.deeds:
        is_decisive = deed.counts and deed.kind in _DECISIVE and is_person(deed.officer)
        if is_decisive and not is_village_office(deed.office) and _is_outside(dossier, deed.at, limits):
            months.setdefault((deed.officer, day_of(deed.at).replace(day=1)), deed)
    for (officer, first), deed in sorted(months.items(), key=lambda month: month[0]):
        acts = _of_month(dossier, officer, first)
        outside = [act for act in acts if _is_act_outside(dossier, act, limits)]
        if not _is_habit(len(outside), len(acts), limits):
            continue
        crossing = _crossing(dossier, acts, limits)
        if crossing is not None and crossing.case == dossier.fact.case:
            month, share = first.isoformat()[:7], len(outside) * 100 // len(acts)
            facts = {"month": month, "deeds": len(outside), "percent": share}
            places = tuple(dict.fromkeys((crossing.place, outside[0].place)))
            yield Hit(Severity.YELLOW, deed.office, places, facts, officer, key=f"{officer}:{month}")


def _of_month(dossier: Dossier, officer: OfficerId, first: date) -> list[ActFact]:
    """An officer's decisive entries of a calendar month, each once, in the order of the journal."""
    since = Instant((first.toordinal() - _EPOCH) * DAY_MS - CHINA_MS)
    until = Instant(since + 31 * DAY_MS)
    acts = {
        act.place: act
        for act in acts_between(dossier, officer, since, until)
        if act.kind in _DECISIVE and day_of(act.at).month == first.month
    }
    return [acts[place] for place in sorted(acts)]


def _is_habit(outside: int, of_all: int, limits: Limits) -> bool:
    return outside >= limits["offhours_deeds_min"] and outside * 100 >= limits["offhours_share_min"] * of_all


def _crossing(dossier: Dossier, acts: Sequence[ActFact], limits: Limits) -> ActFact | None:
    """The entry with which the month becomes one: when it arrives, its case is examined, and all before it are here."""
    outside = 0
    for number, act in enumerate(acts, 1):
        outside += _is_act_outside(dossier, act, limits)
        if _is_habit(outside, number, limits):
            return act
    return None


def _is_act_outside(dossier: Dossier, act: ActFact, limits: Limits) -> bool:
    return not act.is_awaited and _is_outside(dossier, act.at, limits)


def _is_outside(dossier: Dossier, at: Instant, limits: Limits) -> bool:
    day = day_of(at)
    if not dossier.calendar.is_working(day) and day not in dossier.rest_days_open:
        return True
    minute = (at + CHINA_MS) % DAY_MS // MINUTE_MS
    return not limits["office_opens_minute"] <= minute < limits["office_closes_minute"]


# --- P13 -------------------------------------------------------------------------------------------------------------


def undivided_duties(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P13: one person did what the event itself, or the item, wants two for."""
    if not is_told(dossier):
        return
    for deed in dossier.deeds:
        what = _alone(deed.event) if deed.counts else ""
        if what:
            yield Hit(Severity.RED, deed.office, (deed.place,), {"pair": what}, deed.officer, key=deed.hash.hex())
    pairs = limits.incompatible.get(dossier.fact.item, ())
    if not pairs:
        return
    done: dict[str, dict[OfficerId, Deed]] = defaultdict(dict)
    for deed in dossier.deeds:
        if deed.counts and is_person(deed.officer):
            for name in _duties(deed):
                done[name].setdefault(deed.officer, deed)
    yield from _both(done, pairs)


def _both(done: Mapping[str, Mapping[OfficerId, Deed]], pairs: Iterable[tuple[str, str]]) -> Iterator[Hit]:
    for one, other in pairs:
        for officer in sorted(done.get(one, {}).keys() & done.get(other, {}).keys()):
            first, second = done[one][officer], done[other][officer]
            places = tuple(dict.fromkeys((first.place, second.place)))
            pair = f"{one}+{other}"
            yield Hit(Severity.RED, second.office, places, {"pair": pair}, officer, key=f"{officer}:{pair}")


def _duties(deed: Deed) -> tuple[str, ...]:
    """The kind of a deed, and of a step which one."""
    event = deed.event
    return (deed.kind, f"step.{event.step.value}") if isinstance(event, StepCompleted) else (deed.kind,)


def _alone(event: CaseEvent) -> str:
    """What one person did in the place of two; empty: nothing."""
    if isinstance(event, SiteSurveyed):
        names = [name.strip() for name in event.surveyors]
        return "surveyors" if len(set(names)) < min(len(names), 2) else ""
    if isinstance(event, StepCompleted):
        return "second_officer" if event.second_officer and event.second_officer == event.officer else ""
    if isinstance(event, TermExtended | CaseReopened | CaseExpedited):
        return "approver" if event.approver and event.approver == event.officer else ""
    return ""


# --- P24 -------------------------------------------------------------------------------------------------------------


def shared_account(dossier: Dossier, limits: Limits) -> Iterator[Hit]:
    """P24: one account at two devices within minutes, while both are in use: a device handed over is not used on."""
    if not is_told(dossier):
        return
    span = limits["shared_account_seconds"] * 1000
    told: set[OfficerId] = set()
    for deed in dossier.deeds:
        if not deed.counts or not is_person(deed.officer) or deed.officer in told:
            continue
        near = acts_between(dossier, deed.officer, Instant(deed.at - span), deed.at)
        elsewhere = [act for act in near if act.origin != deed.place[0].origin]
        if not elsewhere:
            continue
        before = elsewhere[-1]
        if _is_to_and_fro(dossier, deed) or _are_both_in_use(dossier, deed.place[0].origin, before.origin, limits):
            told.add(deed.officer)
            facts = {"seconds": (deed.at - before.at) // 1000}
            places = (before.place, deed.place)
            yield Hit(Severity.YELLOW, deed.office, places, facts, deed.officer, key=deed.officer)


def _is_to_and_fro(dossier: Dossier, deed: Deed) -> bool:
    """Whether the account changed its device more than once in these months."""
    since, until = Instant(deed.at - _LOOKED_BACK_MS), Instant(deed.at + _LOOKED_BACK_MS)
    origins = [act.origin for act in acts_between(dossier, deed.officer, since, until)]
    return sum(one != other for one, other in pairwise(origins)) > 1


def _are_both_in_use(dossier: Dossier, one: str, other: str, limits: Limits) -> bool:
    """Whether what is known of two devices in these months is no handover: each wrote on after the other had begun, by
    more than their clocks may differ. Whoever wrote: of a replaced device nobody has anything to write.
    """
    tolerance = limits["clock_tolerance_minutes"] * MINUTE_MS
    spans: dict[str, tuple[int, int]] = {}
    acts = ((act.origin, act.at) for act in dossier.around.by_officer)
    own = ((str(deed.place[0].origin), deed.at) for deed in dossier.deeds if deed.counts)
    for origin, at in chain(acts, own):
        if origin in (one, other):
            first, last = spans.get(origin, (at, at))
            spans[origin] = min(first, at), max(last, at)
    (first, last), (began, ended) = spans[one], spans[other]
    return last > began + tolerance and ended > first + tolerance
