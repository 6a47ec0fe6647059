"""The audit of one open node put together: its database, its rules with the county's thresholds, its sweep.

The same in the hub's own process, in a worker and under a verb: what is due is decided by rows alone, and of several at
once the database lets one write. Never opens a node. Next: `hub.audit.examining`, `hub.audit.sweeping`, `hub.jobs`.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from hub.audit.database import AuditDatabase, audit_of
from hub.audit.declared import limits_of
from hub.audit.escalating import Publish, escalate_due
from hub.audit.examining import Examined, Examiner
from hub.audit.findings import NO_SUBJECT
from hub.audit.integrity import INTEGRITY_RULES, comparable
from hub.audit.integrity_facts import Asked
from hub.audit.integrity_reading import find_integrity
from hub.audit.recording import sweep_recording
from hub.audit.reverify import Pass, find_reverified
from hub.audit.rule import Severity
from hub.audit.rules import RECORDING_RULES, RULES
from hub.audit.sweeping import Part, is_sweep_due, keep_found, note_basis, sweep
from office.node import Node
from office.slip_checks import list_presented
from schemas.casework.clocks import day_of
from schemas.names import Instant


class Auditor:
    """The audit of an open node. Make it with `auditor_of`."""

    def __init__(self, node: Node, audit: AuditDatabase, publish: Publish | None) -> None:
        """`publish`: writes with the county's pen; None: reminders wait for a process that can."""
        self.node = node
        self.audit = audit
        self.examiner = Examiner(node, audit, RULES, limits_of(node.settings))
        self.failed = 0
        """How often a rule failed on a case since this process began."""
        self._publish = publish
        self._one_at_a_time = asyncio.Lock()

    async def examine(self) -> Examined:
        """Examine what arrived."""
        async with self._one_at_a_time:
            return self._counted(await self._examine())

    async def sweep(self) -> Examined:
        """Examine what arrived, and everything that time has changed."""
        async with self._one_at_a_time:
            return await self._sweep()

    async def sweep_when_due(self) -> Examined | None:
        """The same unless it was done today. Returns None if not due."""
        async with self._one_at_a_time:
            return await self._sweep() if await is_sweep_due(self.examiner) else None

    async def _sweep(self) -> Examined:
        done = await self._examine()
        done.add(await sweep(self.examiner, self._parts()))
        return self._counted(done)

    async def _examine(self) -> Examined:
        await note_basis(self.examiner)
        return await self.examiner.examine_arrived()

    def _counted(self, done: Examined) -> Examined:
        self.failed += done.failed
        return done

    def _parts(self) -> list[tuple[str, Part]]:
        parts: list[tuple[str, Part]] = [("integrity", sweep_integrity), ("recording", _sweep_recording)]
        if self._publish is not None:
            parts.append(("orders", self._escalate))
        return parts

    async def _escalate(self, examiner: Examiner) -> None:
        assert self._publish is not None
        await escalate_due(self.node, self.node.today, self._publish)


async def sweep_integrity(examiner: Examiner) -> None:
    """What the journals themselves show, and the county's own store."""
    node = examiner.node
    standing = await examiner.findings.standing([NO_SUBJECT], INTEGRITY_RULES.keys())
    calendar = node.calendar

    def workdays(start: Instant, end: Instant) -> int:
        return max(0, calendar.working_days_between(day_of(start), day_of(end)))

    asked = Asked(
        node.clock.now(),
        frozenset((one.rule, one.key) for one in standing if one.severity is Severity.RED and one.gone_code is None),
        tuple((one.statement, one.at) for one in await list_presented(node)),
        _faults(node),
        workdays,
    )
    found = [one.found() for one in await find_integrity(node.books, asked)]
    await keep_found(examiner, found, comparable(standing, found))


def _faults(node: Node) -> tuple[tuple[str, str], ...]:
    """(code, where) of what the last passes of re-verification found in the county's own store."""
    passes = (find_reverified(node.home.folder, what) for what in Pass)
    return tuple((fault.code, fault.where) for one in passes if one is not None for fault in one.faults)


async def _sweep_recording(examiner: Examiner) -> None:
    await sweep_recording(examiner, RECORDING_RULES)


@asynccontextmanager
async def auditor_of(node: Node, publish: Publish | None = None) -> AsyncGenerator[Auditor]:
    """The audit of an open node, for the length of a block. Raises what `open_audit` and `limits_of` do."""
    async with audit_of(node) as audit:
        yield Auditor(node, audit, publish)
