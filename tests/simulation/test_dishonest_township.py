"""A township that hides cases is noticed within 72 hours; honest ones, on bad lines, alarm nobody (RELIABILITY 18)."""

import pytest

from tests.simulation.dishonest_township import HIDING, NOTICED_H_MAX, Habit, Outcome, Valley

SEEDS = (0, 3, 17)
"""Of 300 that `python -m tests.simulation.dishonest_township` runs; of the last the notice comes latest of the first
twenty."""


def run(seed: int, habit: Habit) -> Outcome:
    return Valley(seed, habit).run()


@pytest.mark.parametrize("habit", sorted(HIDING))
@pytest.mark.parametrize("seed", SEEDS)
def test_a_hidden_case_is_noticed(seed: int, habit: Habit) -> None:
    outcome = run(seed, habit)
    assert outcome.noticed_h is not None
    assert 0 < outcome.noticed_h <= NOTICED_H_MAX
    # What it signed for the county can hold against it; what it denies only the village can miss.
    found_by_county = [who for who in outcome.found if who.startswith("county")]
    assert [who[:9] for who in found_by_county] == ([] if habit is Habit.DENIES else ["county I4"])
    # What comes after two days is there before the village's next beacon but one.
    assert habit is Habit.DELAYS or any(who.startswith("village") for who in outcome.found)


@pytest.mark.parametrize("seed", SEEDS)
def test_honest_townships_alarm_nobody(seed: int) -> None:
    outcome = run(seed, Habit.HONEST)
    assert outcome.found == {}
    assert outcome.entries > 200
