"""Fairness as laws: what cannot be held against an office, over any case, and over a small county of honest lives."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from random import Random
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hub.audit.dossier import ActFact, Around, Bracket, CaseFact, Deed, Dossier
from hub.audit.limits import DEFAULTS
from hub.audit.marking import act_facts
from hub.audit.rule import Severity
from hub.audit.rules import RULES
from office.seeds import load_calendar, load_catalogue
from schemas.casework.clocks import day_of
from schemas.casework.events import PapersRequested
from schemas.casework.fold import Item
from schemas.headed import EntryHeader
from schemas.names import Epoch, Instant, OfficeId
from tests.benchmarks.case_paper import Chancery
from tests.benchmarks.county_year import grant
from tests.benchmarks.lives import Life
from tests.benchmarks.load_model import LoadModel
from tests.benchmarks.office_hours import OfficeHours
from tests.support.casebook import TOWNSHIP, digest
from tests.support.dossiers import deeds_of, dossier_of, node_of
from tests.unit.test_audit_rules import dossiers

HOUR: Final = 3_600_000
SHARE: Final = 0.001
"""Of a county's year: about 340 cases."""


def accused(dossier: Dossier) -> set[tuple[str, str, str]]:
    """What an office has to answer, or to explain."""
    return {
        (rule.code, hit.severity.value, hit.key)
        for rule in RULES
        for hit in rule.examine(dossier, DEFAULTS)
        if hit.severity is not Severity.INFO
    }


def red(dossier: Dossier) -> set[tuple[str, str]]:
    return {(code, key) for code, severity, key in accused(dossier) if severity == "red"}


@settings(max_examples=120, deadline=None)
@given(dossiers(), st.integers(0, 90), st.integers(0, 90))
def test_a_proof_that_bears_a_claim_out_changes_nothing(dossier: Dossier | None, before_h: int, after_h: int) -> None:
    """However wide it is: a slow line neither helps nor hurts whoever tells the truth."""
    if dossier is None:
        return

    def within(deed: Deed) -> Deed:
        low, high = Instant(deed.at - before_h * HOUR), Instant(deed.at + after_h * HOUR)
        return replace(deed, bracket=Bracket(low, high))

    proved = replace(dossier, deeds=tuple(within(deed) for deed in dossier.deeds))
    bare = replace(dossier, deeds=tuple(replace(deed, bracket=Bracket()) for deed in dossier.deeds))
    # P15 alone judges what the bracket leaves possible: there a wider one can only help.
    told, untold = accused(proved), accused(bare)
    assert told <= untold
    assert {one for one in untold - told if one[0] != "P15"} == set()


@settings(max_examples=120, deadline=None)
@given(dossiers(), st.integers(1_770_000_000_000, 1_780_000_000_000))
def test_a_line_that_is_down_makes_nobody_late(dossier: Dossier | None, heard: int) -> None:
    if dossier is None:
        return
    silent = {OfficeId(seat): Instant(heard) for seat in {deed.office.partition(".")[0] for deed in dossier.deeds}}
    told = {(rule.code, hit.key) for rule in RULES for hit in rule.examine(replace(dossier, heard_until={}), DEFAULTS)}
    # Told at all: counted further on, the same term may reach days without an official notice, and be INFO.
    assert red(replace(dossier, heard_until=silent | {TOWNSHIP: Instant(heard)})) <= told


# --- a small county at honest work -----------------------------------------------------------------------------------


def lived() -> list[Dossier]:
    """Lives as they are drawn for the year, each entry receipted within the hour, all acts of all officers around."""
    calendar, edition, chance = load_calendar(), load_catalogue(), Random(20_260_306)
    hours = OfficeHours(calendar, date(2026, 1, 1), 900)
    chancery = Chancery(chance, edition, calendar, hours, 3, (grant(),))
    model = LoadModel(edition, calendar, 2026, SHARE)
    made: list[Dossier] = []
    number = 0
    for month in range(1, 13):
        for matter in model.matters(chance, month):
            life = Life(chancery, matter)
            items: list[tuple[Item, Bracket]] = []
            while life.waiting is not None:
                event, number = life.waiting, number + 1
                journal = (node_of(event.office), Epoch(1, bytes(6)))
                header = EntryHeader(*journal, number, life.at, event.kind, life.case, digest("entry", number))
                items.append(((event, header), Bracket(Instant(life.at - 20 * HOUR), Instant(life.at + HOUR))))
                life.written(header)  # pyright: ignore[reportArgumentType]
            made.append(_dossier(life, items))
    return list(_together(made))


def _dossier(life: Life, items: list[tuple[Item, Bracket]]) -> Dossier:
    written = [(event, header) for (event, header), _ in items if isinstance(header, EntryHeader)]
    brackets = {header.hash: bracket for (_, header), bracket in items}
    made = dossier_of(life.case_file, deeds_of(life.case_file, written, brackets), life.item, date(2028, 1, 3))
    return replace(made, grants=(grant(),))


def _together(made: list[Dossier]) -> Iterable[Dossier]:
    acts: defaultdict[str, list[ActFact]] = defaultdict(list)
    people: defaultdict[bytes, list[CaseFact]] = defaultdict(list)
    phones: defaultdict[bytes, list[CaseFact]] = defaultdict(list)
    for dossier in made:
        people[dossier.fact.person].append(dossier.fact)
        phones[dossier.fact.phone].append(dossier.fact)
        for act in act_facts(dossier.file, dossier.deeds):
            acts[act.officer].append(act)
    for dossier in made:
        officers = sorted({deed.officer for deed in dossier.deeds})
        by_officer = tuple(act for one in officers for act in sorted(acts[one], key=lambda act: act.at))
        alike = (tuple(people[dossier.fact.person]), tuple(phones[dossier.fact.phone]))
        refusals = tuple(act for act in by_officer if act.text)
        yield replace(dossier, around=Around(by_officer, *alike, refusals=refusals))


def test_an_honest_county_is_accused_of_nothing_but_what_is_overdue_by_its_own_clocks() -> None:
    county = lived()
    assert len(county) > 250
    for dossier in county:
        late = any(clock.is_overdue(dossier.today) for clock in dossier.clocks)
        for code, _, _ in accused(dossier):
            if code == "P7":
                assert is_asked_again_or_late(dossier), "AUDIT 4.2 names that, whoever does it"
                continue
            assert code in ("P1", "P2"), f"{code} accuses an honest {dossier.fact.item}"
            assert late


def is_asked_again_or_late(dossier: Dossier) -> bool:
    asked = [day_of(deed.at) for deed in dossier.deeds if isinstance(deed.event, PapersRequested)]
    since = day_of(dossier.fact.filed_at)
    return len(asked) > 1 or any(dossier.calendar.working_days_between(since, one) > 5 for one in asked)
