"""The kit of dishonest offices is what it says: honest habits, plants on the side that their labels claim, times."""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from msgspec import Struct

from office.node import Node
from office.seeds import SAMPLE_COUNTY
from schemas.casework.clocks import day_of
from schemas.casework.events import CaseClosed, CaseDecided, CustodyAccepted, StepCompleted
from schemas.names import CaseId, Instant, JournalId, OfficeId
from schemas.wire import KIND_PINNED, KIND_RECEIPTED, Pinned, Receipted, decode_line
from sync.ports import Stored
from tests.simulation.dishonest import Label, Plant, PlantedYear, found_county_in
from tests.simulation.frauds_in_time import TERM
from tests.simulation.frauds_in_work import CARD_FEN, PADDING
from tests.simulation.planting import plant_all
from tests.simulation.truths import is_overdue

SHARE = 0.001
SEED = 5


class Lived(Struct):
    """A year that was lived through, and what the county's store holds of it."""

    year: PlantedYear
    entries: dict[CaseId, list[Stored]]
    """Of each planted case."""
    pins: dict[JournalId, list[tuple[int, Instant]]]
    """Journal → (number, time of the beacon or of the receipt) of each pin."""
    receipts: dict[JournalId, list[tuple[int, int]]]
    """Journal → (size, time) of each receipt."""
    quarantined: int


async def live(folder: Path) -> Lived:
    found_county_in(folder, OfficeId(SAMPLE_COUNTY))
    node = await Node.open(folder)
    try:
        year = PlantedYear(node, SHARE, SEED)
        plant_all(year)
        await year.enrol()
        await year.live()
        entries: dict[CaseId, list[Stored]] = {}
        for entry in await node.store.entries_about([life.case for life in year.planted]):
            assert entry.subject is not None
            entries.setdefault(entry.subject, []).append(entry)
        pins: dict[JournalId, list[tuple[int, Instant]]] = {}
        for entry in await node.store.entries_of_kind(KIND_PINNED):
            assert entry.body is not None
            pin = decode_line(KIND_PINNED, entry.body)
            assert isinstance(pin, Pinned)
            for at in (pin.beacon_at, pin.receipted_at):
                if at is not None:
                    pins.setdefault(entry.journal, []).append((entry.seq, at))
        receipts: dict[JournalId, list[tuple[int, int]]] = {}
        for entry in await node.store.entries_of_kind(KIND_RECEIPTED):
            assert entry.body is not None
            receipt = decode_line(KIND_RECEIPTED, entry.body)
            assert isinstance(receipt, Receipted)
            for head in receipt.heads:
                receipts.setdefault(JournalId(head.origin, head.epoch), []).append((head.size, receipt.at))
        return Lived(year, entries, pins, receipts, await node.store.count_dispositions())
    finally:
        await node.close()


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return asyncio.run(live(tmp_path_factory.mktemp("dishonest") / "county"))


def plants_of(year: PlantedYear, rule: str, *variants: str) -> list[tuple[Label, list[Plant]]]:
    """The labels of these variants of a rule, with their cases."""
    by_case = {life.case: life for life in year.planted}
    found = [label for label in year.labels if label.rule == rule and (not variants or label.variant in variants)]
    assert found
    return [(label, [by_case[case] for case in label.cases]) for label in found]


def at_of(life: Plant, kind: type[object]) -> Instant:
    """When in the world the first event of a kind happened."""
    return next(at for event, at in life.events if isinstance(event, kind))


# --- honest habits ---------------------------------------------------------------------------------------------------


def test_honest_offices_work_as_real_ones_do(lived: Lived) -> None:
    lives = lived.year.lives
    times = [[at for _, at in life.events] for life in lives]
    gaps = [later - earlier for some in times for earlier, later in pairwise(some)]
    assert 25_000 <= median(gaps) <= 55_000
    assert 0.72 <= share(any(b - a < 60_000 for a, b in pairwise(some)) for some in times) <= 0.86
    today = day_of(lived.year.last_at)
    calendar = lived.year.chancery.calendar
    assert 0.17 <= share(is_overdue(life, calendar, today) for life in lives) <= 0.34
    assert 0.06 <= share(has_events_after_the_end(life.events) for life in lives) <= 0.16
    both = [life for life in lives if checker_and_decider(life.events) is not None]
    assert 0.72 <= share(checker_and_decider(life.events) == 1 for life in both) <= 0.92
    events = [at for some in times for at in some]
    assert 0.002 <= share(not calendar.is_working(day_of(at)) or is_evening(at) for at in events) <= 0.03


def share(truths: Iterable[bool]) -> float:
    values = list(truths)
    return sum(values) / len(values)


def has_events_after_the_end(events: Sequence[tuple[object, Instant]]) -> bool:
    closed = [place for place, (event, _) in enumerate(events) if isinstance(event, CaseClosed)]
    return bool(closed) and closed[-1] < len(events) - 1


def checker_and_decider(events: Sequence[tuple[object, Instant]]) -> int | None:
    """1: one person; 2: two; None: nothing was decided where it was checked."""
    decided = next((event for event, _ in events if isinstance(event, CaseDecided)), None)
    if decided is None:
        return None
    checks = [
        event
        for event, _ in events
        if isinstance(event, CustodyAccepted | StepCompleted) and event.office == decided.office
    ]
    return len({checks[-1].officer, decided.officer}) if checks else None


def is_evening(at: Instant) -> bool:
    minutes = (at // 60_000 + 8 * 60) % (24 * 60)
    return not 9 * 60 <= minutes <= 17 * 60 + 40


# --- labels ----------------------------------------------------------------------------------------------------------


def test_every_rule_has_plants_on_both_sides(lived: Lived) -> None:
    planted = {f"P{number}" for number in range(1, 25)} - {"P10", "P19", "P22", "P23"} | {"I6"}
    sides = {(label.rule, label.is_guilty) for label in lived.year.labels}
    assert sides == {(rule, side) for rule in planted for side in (True, False)}


def test_the_pen_would_have_refused_what_the_labels_say_and_nothing_else(lived: Lived) -> None:
    by_case = {life.case: life for life in lived.year.planted}
    said: dict[CaseId, set[str]] = {}
    for label in lived.year.labels:
        found = {code for case in label.cases for code in by_case[case].pens}
        assert found == set(label.pen), (label.rule, label.variant)
        for case in label.cases:
            said.setdefault(case, set()).update(label.pen)
    for case, life in by_case.items():
        assert set(life.pens) <= said.get(case, set())
    # A second decision after the end breaks a rule of the fold; all else folds, and is for the audit alone.
    assert lived.quarantined == 1


def test_days_are_as_labelled(lived: Lived) -> None:
    calendar = lived.year.chancery.calendar
    for label, lives in plants_of(lived.year, "P1", "decided late", "decided in time"):
        accepted, decided = day_of(at_of(lives[0], CustodyAccepted)), day_of(at_of(lives[0], CaseDecided))
        assert calendar.working_days_between(accepted, decided) - TERM == label.parameters["days_over"]
        assert (label.parameters["days_over"] > 0) == label.is_guilty  # pyright: ignore[reportOperatorIssue]


def test_seconds_are_as_labelled(lived: Lived) -> None:
    for label, lives in plants_of(lived.year, "P5", "closed at once", "closed soon"):
        assert at_of(lives[0], CaseClosed) - at_of(lives[0], CustodyAccepted) == label.parameters["seconds"] * 1000  # pyright: ignore[reportOperatorIssue]
        assert (label.parameters["seconds"] <= 60) == label.is_guilty  # pyright: ignore[reportOperatorIssue]
    for label, lives in plants_of(lived.year, "P11", "decided in a row"):
        times = sorted(at_of(life, CaseDecided) for life in lives)
        assert len({event.officer for life in lives for event, _ in life.events if isinstance(event, CaseDecided)}) == 1
        assert (len(times) >= 10 and times[9] - times[0] <= 600_000) == label.is_guilty


def test_sums_and_words_are_as_labelled(lived: Lived) -> None:
    for label, lives in plants_of(lived.year, "P8", "more", "twice", "less"):
        assert lives[0].case_file.fees_fen - CARD_FEN == label.parameters["over_fen"]
    assert len(PADDING) >= 34
    for label, lives in plants_of(lived.year, "P6", "short reason", "explained"):
        decision = lives[0].case_file.decision
        assert decision is not None
        assert len(decision.reason) == label.parameters["characters"]
        assert (len(decision.reason) < 15) == label.is_guilty


def test_false_times_lie_outside_what_others_signed(lived: Lived) -> None:
    for label, lives in plants_of(lived.year, "I6", "before what it had pinned"):
        steps = [entry for entry in lived.entries[lives[0].case] if entry.kind == StepCompleted.kind]
        entry = steps[0]
        pinned = [beacon for seq, beacon in lived.pins[entry.journal] if seq < entry.seq]
        assert max(pinned) - entry.at == label.parameters["before_s"] * 1000  # pyright: ignore[reportOperatorIssue]
    for label, lives in plants_of(lived.year, "I6", "after its receipt"):
        accepted = next(entry for entry in lived.entries[lives[0].case] if entry.kind == CustodyAccepted.kind)
        received = min(at for size, at in lived.receipts[accepted.journal] if size > accepted.seq)
        assert (accepted.at > received + 600_000) == label.is_guilty


def test_what_is_planted_has_its_bracket_of_time(lived: Lived) -> None:
    """Each decision was written after the beacon of its own day, and its receipt came before that day was over."""
    hold = 0
    for _, lives in plants_of(lived.year, "P1", "decided late"):
        entry = next(entry for entry in lived.entries[lives[0].case] if entry.kind == CaseDecided.kind)
        day = day_of(at_of(lives[0], CaseDecided))
        assert day_of(max(beacon for seq, beacon in lived.pins[entry.journal] if seq < entry.seq)) == day
        assert day_of(Instant(min(at for size, at in lived.receipts[entry.journal] if size > entry.seq))) == day
        hold += 1
    assert hold >= 3
