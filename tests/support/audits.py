"""Small rules of a test's own, and the audit of a county on disk."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from hub.audit.database import AuditDatabase, audit_of
from hub.audit.dossier import Dossier
from hub.audit.examining import Examiner
from hub.audit.findings import Finding
from hub.audit.limits import DEFAULTS
from hub.audit.rule import AuditRule, Hit, Limits, Need, Severity
from office.node import Node

UNDECIDED: Final = "T1"


def make_rule(
    code: str,
    judge: Callable[[Dossier], Iterable[Hit]],
    *,
    version: int = 1,
    needs: Iterable[Need] = (),
) -> AuditRule:
    """A rule of a few lines."""

    def examine(dossier: Dossier, limits: Limits) -> Iterable[Hit]:
        return judge(dossier)

    words = ("样例", "sample")
    return AuditRule(
        code=code,
        version=version,
        title=words,
        ground="",
        severity=Severity.RED,
        guard=words,
        sentence=words,
        examine=examine,
        needs=frozenset(needs),
    )


def undecided(severity: Severity = Severity.YELLOW, version: int = 1) -> AuditRule:
    """Finds every case that is not decided yet."""

    def judge(dossier: Dossier) -> Iterable[Hit]:
        if dossier.file.decision is None:
            first = dossier.deeds[0]
            yield Hit(severity, first.office, (first.place,), {"turn": dossier.file.turn}, officer=first.officer)

    return make_rule(UNDECIDED, judge, version=version)


@asynccontextmanager
async def examiner_of(node: Node, rules: Sequence[AuditRule]) -> AsyncGenerator[Examiner]:
    """The examiner of an open node, with these rules."""
    async with audit_of(node) as audit:
        yield Examiner(node, audit, rules, DEFAULTS)


async def all_findings(audit: AuditDatabase, examiner: Examiner) -> list[Finding]:
    """Every finding there is, oldest first."""
    return sorted(await examiner.findings.search(), key=lambda finding: finding.number)
