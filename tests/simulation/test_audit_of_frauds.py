"""The product's own audit over a county's year with frauds in it: the guilty are found, their innocent twins and honest
offices are left alone. The frauds were written from AUDIT 4.2's text, by somebody who had not seen the rules.
"""

import asyncio

import pytest

from tests.benchmarks.audit import Audited, audit_year
from tests.simulation.dishonest import ACCUSED, STARRED, Label, Verdict
from tests.simulation.habits import SEPARATED
from tests.simulation.weighing import weigh

SHARE = 0.001
SEED = 11
PLANTED = sorted(rule for rule in STARRED if rule.startswith("P") or rule == "I6")
UNSTARRED = ("P3", "P7", "P17", "P18", "P21", "P24")


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Audited:
    folder = tmp_path_factory.mktemp("audited") / "county"
    return asyncio.run(audit_year(folder, SHARE, SEED, 1))


def told(labels: list[Label], rule: str) -> list[tuple[str, dict[str, int | str]]]:
    """Variants and parameters of a rule's labels."""
    return [(label.variant, dict(label.parameters)) for label in labels if label.rule == rule]


@pytest.mark.parametrize("rule", [*PLANTED, *UNSTARRED])
def test_every_guilty_plant_is_found(audited: Audited, rule: str) -> None:
    assert audited.weighed.by_rule[rule].guilty
    assert told(audited.weighed.missed, rule) == []


@pytest.mark.parametrize("rule", [*PLANTED, *UNSTARRED[:-3], "P24"])
def test_no_innocent_twin_is_accused(audited: Audited, rule: str) -> None:
    assert audited.weighed.by_rule[rule].innocent
    assert told(audited.weighed.accused, rule) == []


def test_honest_offices_are_not_accused_of_anything_but_their_own_lateness(audited: Audited) -> None:
    assert audited.weighed.honest_cases > 250
    assert audited.weighed.honest == {}
    assert audited.weighed.offices == set()
    assert audited.weighed.by_rule["P1"].late_found
    assert not audited.spent.failed


def test_what_is_missed_and_who_is_wrongly_accused_is_told(audited: Audited) -> None:
    """With nothing found all is missed; with everybody accused of everything nobody is spared."""
    labels = audited.labels
    nothing = weigh(labels, [], audited.truths)
    assert len(nothing.missed) == sum(label.is_guilty for label in labels)
    assert nothing.recall_of(STARRED) == 0
    assert nothing.accused == []
    cases = {case for label in labels for case in label.cases} | set(audited.truths)
    rules = {label.rule for label in labels}
    everything = [Verdict(rule, case, severity) for rule in rules for case in cases for severity in sorted(ACCUSED)]
    all_of_it = weigh(labels, everything, audited.truths)
    assert all_of_it.missed == []
    assert len(all_of_it.accused) == sum(not label.is_guilty for label in labels)
    assert all_of_it.wrongly_accused_share == 1
    assert all_of_it.by_rule["P13"].precision < 1
    assert SEPARATED in {life.item.code for life in audited.planted}
