"""The node's own receipt of a case: `case.received`, written by itself as soon as an offer is here (收到).

The law counts its five working days from there (art. 32), so it must not wait for an officer to look. Once for each
offer: the operation is made from case and turn, and a restored node that writes it again adds nothing. A result that
comes back needs none, and a village none at all: nobody waits there for an acceptance.
Never runs inside the fold: an arrival is only noted, and written afterwards with our own pen, however little room the
disk has. Next: `office.serving`, which runs it; `office.casebook`, which tells of arrivals.
"""

import asyncio
from collections.abc import Sequence
from itertools import islice
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from office.casebook import CaseInterpreter
from office.pencil import Pen, derived_operation, encode_body
from office.tables import cases
from schemas.casework.casefile import CaseFile
from schemas.casework.events import CaseReceived
from schemas.casework.stages import Stage
from schemas.divisions import Tier, tier_of_office
from schemas.names import CaseId, OfficeId, OfficerId, seat_of
from sync.core.journal import Draft

AT_ONCE_MAX: Final = 200
"""Receipts of one transaction: about 30 ms of the pen, which others wait for."""

BY_ITSELF: Final = "(node)"
"""Author of what no officer wrote, behind the office's code. No login has a parenthesis."""

_AWAITING: Final = frozenset({Stage.OFFERED, Stage.REFERRED})
"""On its way to be accepted, for the first time or by the office above."""


class Receiving:
    """Notes the offers that reach this node's seat or a window of it, and writes that they are here."""

    def __init__(self, pen: Pen, casebook: CaseInterpreter, seat: OfficeId) -> None:
        self._pen = pen
        self._casebook = casebook
        self._seat = seat
        self._waiting: dict[CaseId, None] = {}
        self._woken = asyncio.Event()
        if tier_of_office(seat) is not Tier.VILLAGE:
            casebook.on_offered = self._hear

    async def sweep(self, read: AsyncEngine) -> None:
        """Note every offer that is open: some may have come just before the process ended."""
        if tier_of_office(self._seat) is Tier.VILLAGE:
            return
        ours = (cases.c.offeree == self._seat) | cases.c.offeree.startswith(f"{self._seat}.", autoescape=True)
        query = select(cases.c.subject).where(ours, cases.c.stage.in_([stage.value for stage in _AWAITING]))
        async with read.connect() as connection:
            found = [CaseId(subject) for subject in (await connection.execute(query)).scalars()]
        self._note(found)

    async def wait(self) -> None:
        """Return when something may have to be written."""
        await self._woken.wait()

    async def receive(self) -> int:
        """Write what is due; returns how many cases were received. Raises what the pen does: then all of it waits."""
        count = 0
        self._woken.clear()
        while self._waiting:
            some = list(islice(self._waiting, AT_ONCE_MAX))
            try:
                count += len(await self._pen.record(lambda some=some: self._drafts(some)))
            except Exception:
                self._woken.set()
                raise
            for case in some:
                self._waiting.pop(case, None)
        return count

    def _hear(self, case: CaseFile) -> None:
        if self._is_due(case):
            self._note([case.case])

    def _note(self, found: Sequence[CaseId]) -> None:
        self._waiting |= dict.fromkeys(found)
        if found:
            self._woken.set()

    def _is_due(self, case: CaseFile) -> bool:
        if case.stage not in _AWAITING or case.offeree is None or seat_of(case.offeree) != self._seat:
            return False
        return all((one.turn, one.office) != (case.turn, case.offeree) for one in case.contributed(CaseReceived.kind))

    async def _drafts(self, subjects: Sequence[CaseId]) -> list[Draft]:
        drafts: list[Draft] = []
        for case in (await self._casebook.find_cases(subjects)).values():
            if not self._is_due(case) or case.offeree is None:
                continue
            operation = derived_operation(b"received", case.case, case.turn.to_bytes(4, "big"))
            if await self._casebook.find_operation(operation) is None:
                event = CaseReceived(case.turn, operation, case.offeree, OfficerId(f"{case.offeree}/{BY_ITSELF}"))
                drafts.append(Draft(event.kind, case.case, encode_body(event)))
        return drafts
