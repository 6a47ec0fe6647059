"""Stolen and replaced computers as stories: what a thief tries, what offices that forgot or were away make of it."""

from collections import Counter

import pytest

from schemas.names import CaseId
from sync.rules import Rules
from tests.simulation.presets import PRESETS
from tests.simulation.schedule import tell, tell_many
from tests.simulation.stage import Stage
from tests.simulation.switched_off import RELIED_ON, RELIED_ON_SEEDS, without


def counts_at(stage: Stage, case: CaseId) -> set[str]:
    """The offices that count a case's filing."""
    found = {device.name: device.disk.cases.files.get(case) for device in stage.world.survivors()}
    return {name for name, file in found.items() if file is not None and file.filing is not None}


def a_thief_finds_the_office_that_forgot(rules: Rules | None = None) -> tuple[Stage, CaseId]:
    """V1's computer is stolen, revoked and replaced, and the county knows; then the township is put back to before."""
    stage = Stage(rules=rules)
    backup = stage.back_up("TA")
    stage.file("V1")
    stage.sync()
    lost = stage.device("V1")
    stage.lose_and_replace("V1")
    stage.sync()
    stage.cut("TA", "V1.3")
    stage.restore("TA", backup)
    stage.faults.misuse(lost)
    stage.world.deliver_all()
    case = stage.work.filed[-1]
    assert counts_at(stage, case) == {"TA"}, "for the moment the township believes him: it knows no better"
    return stage, case


def test_what_a_thief_gets_past_a_forgetful_township_counts_nowhere_in_the_end() -> None:
    stage, case = a_thief_finds_the_office_that_forgot()
    assert stage.settle() == []
    assert counts_at(stage, case) == set()


@pytest.mark.parametrize("rule", ["positions", "head_of_before"])
def test_without_the_rule_the_thief_would_have_filed_a_case(rule: str) -> None:
    stage, case = a_thief_finds_the_office_that_forgot(without([rule]))
    stage.settle()
    assert "C" in counts_at(stage, case)


def test_a_thief_who_meets_an_office_that_knows_gets_nothing_in() -> None:
    stage = Stage()
    lost = stage.device("V1")
    stage.file("V1")
    stage.sync()
    stage.lose_and_replace("V1")
    for _ in range(3):
        stage.faults.misuse(lost)
    stage.world.deliver_all()
    assert len(stage.faults.stolen) == 3
    assert stage.world.counts["session refused revoked_device"] == 3
    assert stage.world.counts["thief's page"] == 3
    assert stage.settle() == []
    assert all(counts_at(stage, stolen.case) == set() for stolen in stage.faults.stolen)


def test_a_village_whose_township_was_replaced_twice_while_its_line_was_down_follows_the_third() -> None:
    # It knew the first only, which nobody had revoked; the third names the second, of which it had never heard.
    stage = Stage()
    stage.cut("V1", "V2")
    case = stage.file("V1")
    for _ in range(2):
        assert stage.faults.replace_working(stage.device("TA"))
        stage.sync("TA", "V3")
    stage.mend("V1", "V2")
    stage.sync()
    assert stage.world.counts["session refused other_device"] == 0
    assert stage.settle() == []
    assert "C" in counts_at(stage, case)


MUST_HAPPEN = {
    "lost_device": {"device lost", "device replaced", "thief at work", "thief's page", "revocation confirmed higher"},
    "reenrolled": {"working device replaced", "session refused replaced_device", "enrolled again by hand"},
    "restored": {"restored knowingly", "restored unknowingly", "act held back by quarantine", "found rolled_back"},
    "sticks": {"stick sent", "stick", "device replaced", "restored unknowingly"},
}


@pytest.mark.parametrize("name", sorted(MUST_HAPPEN))
def test_the_presets_end_well_and_what_they_are_about_happens(name: str) -> None:
    counts: Counter[str] = Counter()
    for told in tell_many(range(25), PRESETS[name]):
        assert told.violations == []
        counts += told.counts
    assert {what for what in MUST_HAPPEN[name] if not counts[what]} == set()


@pytest.mark.parametrize("name", sorted(RELIED_ON))
def test_what_a_preset_is_about_needs_these_rules(name: str) -> None:
    for rule in RELIED_ON[name]:
        seeds = range(RELIED_ON_SEEDS)
        assert any(tell(seed, PRESETS[name], without([rule])).violations for seed in seeds), rule
