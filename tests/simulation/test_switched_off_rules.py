"""Each protocol rule, switched off: one pinned schedule fails without it and is clean with it."""

import pytest

from sync.rules import Rules
from tests.simulation.schedule import tell
from tests.simulation.switched_off import PINNED, TOLD, without


def test_every_rule_has_its_schedule_or_its_story() -> None:
    assert set(Rules.__struct_fields__) == PINNED.keys() | TOLD
    assert not PINNED.keys() & TOLD


@pytest.mark.parametrize("rule", sorted(PINNED))
def test_a_schedule_needs_the_rule(rule: str) -> None:
    seed, preset = PINNED[rule]
    assert tell(seed, preset, without([rule])).violations
    assert tell(seed, preset).violations == []
