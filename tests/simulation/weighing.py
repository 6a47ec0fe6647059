"""What an audit's findings are worth beside what is known: found, missed, wrongly accused; rule by rule.

Pure. Never runs an audit. Next: `dishonest` (labels), `tests.benchmarks.audit` (who runs one).
"""

from collections.abc import Collection, Iterable, Mapping

from msgspec import Struct

from schemas.names import CaseId, OfficeId
from tests.simulation.dishonest import ACCUSED, Label, Verdict


class Worth(Struct):
    """One rule's findings beside the labels."""

    rule: str
    guilty: int = 0
    found: int = 0
    innocent: int = 0
    accused: int = 0
    """Innocent plants with a finding that their label forbids."""
    honest_accused: int = 0
    """Honest cases with a finding that nothing justifies."""
    late_found: int = 0
    """Honest cases with a finding that their own lateness justifies."""

    @property
    def recall(self) -> float:
        """Of the guilty, the share that was found."""
        return self.found / self.guilty if self.guilty else 1.0

    @property
    def precision(self) -> float:
        """Of what was accused, the share that is guilty or late."""
        right = self.found + self.late_found
        wrong = self.accused + self.honest_accused
        return right / (right + wrong) if right + wrong else 1.0


class Weighed(Struct):
    """All of it."""

    by_rule: dict[str, Worth]
    missed: list[Label]
    accused: list[Label]
    """Innocent ones."""
    honest: dict[CaseId, set[str]]
    """Honest cases with findings that nothing justifies, and by which rules."""
    honest_cases: int
    offices: set[tuple[str, OfficeId]]
    """(rule, office) of findings that are about no case and that no label speaks of."""

    @property
    def wrongly_accused_share(self) -> float:
        """Of the cases of honest offices."""
        return len(self.honest) / self.honest_cases if self.honest_cases else 0.0

    def recall_of(self, rules: Collection[str]) -> float:
        """Over all guilty plants of these rules."""
        chosen = [self.by_rule[rule] for rule in rules if rule in self.by_rule]
        guilty = sum(one.guilty for one in chosen)
        return sum(one.found for one in chosen) / guilty if guilty else 1.0


Said = dict[tuple[str, CaseId | OfficeId], set[str]]
"""(rule, case or office) → severities."""


def weigh(labels: Iterable[Label], verdicts: Iterable[Verdict], truths: Mapping[CaseId, frozenset[str]]) -> Weighed:
    """Compare. `truths`: of each honest case the rules that may say something of it."""
    weighed = Weighed({}, [], [], {}, len(truths), set())
    said, late = Said(), set[tuple[str, CaseId]]()
    for one in verdicts:
        said.setdefault((one.rule, one.case or one.office), set()).add(one.severity)
        if one.severity not in ACCUSED:
            continue
        if not one.case:
            weighed.offices.add((one.rule, one.office))
        elif one.rule in truths.get(one.case, ()):
            late.add((one.rule, one.case))
        elif one.case in truths:
            weighed.honest.setdefault(one.case, set()).add(one.rule)
    for label in labels:
        _weigh_label(weighed, label, said)
    for rule, _ in late:
        weighed.by_rule.setdefault(rule, Worth(rule)).late_found += 1
    wrong = [rule for rule, _ in weighed.offices] + [rule for rules in weighed.honest.values() for rule in rules]
    for rule in wrong:
        weighed.by_rule.setdefault(rule, Worth(rule)).honest_accused += 1
    return weighed


def _weigh_label(weighed: Weighed, label: Label, said: Said) -> None:
    worth = weighed.by_rule.setdefault(label.rule, Worth(label.rule))
    about = label.cases if label.office is None else (label.office,)
    is_said = any(said.get((label.rule, one), set()) & label.severities for one in about)
    if label.office is not None:
        weighed.offices.discard((label.rule, label.office))
    if label.is_guilty:
        worth.guilty += 1
        worth.found += is_said
    else:
        worth.innocent += 1
        worth.accused += is_said
    if label.is_guilty and not is_said:
        weighed.missed.append(label)
    if is_said and not label.is_guilty:
        weighed.accused.append(label)
