"""What the hub does beside its pages: its audit, in this process or by waking a worker, and its figures.

Where REDIS_URL is set a worker examines (`hub.worker`), and this process only wakes it; else it does so itself, between
requests. Either way what is due stands in rows, and nothing is lost when either of them is gone for a while.
Never decides what is due. Next: `hub.audit.auditing`, `hub.metrics`.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from hub.audit.auditing import Auditor, auditor_of
from hub.metrics import metrics_router
from office.node import Node
from office.serving import Beside, Chore
from sync.core.errors import LocalFault

if TYPE_CHECKING:
    from hub.worker import Waker

LOOK_S: Final = 1.0
"""How soon what has arrived is examined. To see that nothing has costs a comparison."""

SWEEP_LOOK_S: Final = 600
"""How soon after midnight the day's sweep begins."""

WAKE_AGAIN_S: Final = 60.0
"""How long a Redis that did not answer is left alone."""


@asynccontextmanager
async def beside(node: Node) -> AsyncGenerator[Beside]:
    """The chores and routes of the hub, while its node is served."""
    url = os.environ.get("REDIS_URL", "")
    async with auditor_of(node, node.publishing.publish) as auditor:
        if not url:
            here = _Here(auditor)
            chores = (Chore("audit", here.examine, LOOK_S), Chore("sweep", here.sweep, SWEEP_LOOK_S))
            yield Beside(chores, (metrics_router(auditor),))
            return
        from hub.worker import Waker  # with Redis alone: arq weighs 10 MiB

        waker = Waker(url)
        try:
            waking = Chore("waking", _There(auditor, waker).wake, LOOK_S)
            yield Beside((waking,), (metrics_router(auditor),))
        finally:
            await waker.close()


class _Here:
    """The audit in this process."""

    def __init__(self, auditor: Auditor) -> None:
        self._auditor = auditor

    async def examine(self, node: Node) -> None:
        """Examine what arrived, if anything has."""
        if node.books.arrival != self._auditor.examiner.upto:
            await self._auditor.examine()

    async def sweep(self, node: Node) -> None:
        """The day's sweep."""
        await self._auditor.sweep_when_due()


class _There:
    """The audit in a worker."""

    def __init__(self, auditor: Auditor, waker: "Waker") -> None:
        self._auditor = auditor
        self._waker = waker
        self._woken_for = 0
        self._not_before_s = 0.0

    async def wake(self, node: Node) -> None:
        """Wake a worker, if anything has arrived since one was."""
        arrival = node.books.arrival
        if arrival == self._woken_for or node.clock.elapsed_s() < self._not_before_s:
            return
        try:
            if await self._waker.wake():
                self._woken_for = arrival
        except LocalFault:
            self._not_before_s = node.clock.elapsed_s() + WAKE_AGAIN_S
            raise
