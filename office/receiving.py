"""The node's own receipt of a case: `case.received`, written by itself as soon as an offer is here (收到).

The law counts its five working days from there (art. 32), so it must not wait for an officer to look. A department that
is asked for an opinion receives the request as well: nobody's silence counts before that. Once for each offer, and for
each office asked: the operation is made from case and turn, and a restored node that writes it again adds nothing. A
result that comes back needs none, and a village none at all: nobody waits there for an acceptance.
Never runs inside the fold: an arrival is only noted, and written afterwards with our own pen, however little room the
disk has. Next: `office.serving`, which runs it; `office.casebook`, which tells of arrivals.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import islice
from typing import Final

from sqlalchemy import Column, ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncEngine

from office.casebook import CaseInterpreter
from office.pencil import Pen, derived_operation, encode_body
from office.tables import asked, cases
from schemas.casework.casefile import CaseFile
from schemas.casework.events import CaseReceived
from schemas.casework.stages import UNDECIDED, Stage
from schemas.divisions import Tier, tier_of_office
from schemas.names import CaseId, OfficeId, OfficerId, seat_of
from sync.core.journal import Draft

AT_ONCE_MAX: Final = 200
"""Receipts of one transaction: about 30 ms of the pen, which others wait for."""

BACKLOG_ENTRIES: Final = 200
"""So many entries offered within a pause are a backlog: its receipts are written together when it is in."""

PAUSE_S: Final = 1.0
"""Between two looks at what comes in."""

PAUSES_MAX: Final = 60
"""However long a backlog lasts, a receipt waits no longer than a minute: a working day of art. 32 hangs on it."""

BY_ITSELF: Final = "(node)"
"""Author of what no officer wrote, behind the office's code. No login has a parenthesis."""

_AWAITING: Final = frozenset({Stage.OFFERED, Stage.REFERRED})
"""On its way to be accepted, for the first time or by the office above."""


class Receiving:
    """Notes what is offered to this node's seat or a window of it, or asks them, and writes that it is here."""

    def __init__(self, pen: Pen, casebook: CaseInterpreter, seat: OfficeId) -> None:
        self._pen = pen
        self._casebook = casebook
        self._seat = seat
        self._waiting: dict[CaseId, None] = {}
        self._woken = asyncio.Event()
        self._offered = 0
        if tier_of_office(seat) is not Tier.VILLAGE:
            casebook.on_changed = self._hear

    async def sweep(self, read: AsyncEngine) -> None:
        """Note every open offer and every open request: some may have come just before the process ended."""
        if tier_of_office(self._seat) is Tier.VILLAGE:
            return
        is_awaiting = cases.c.stage.in_([stage.value for stage in _AWAITING])
        offered = select(cases.c.subject).where(self._is_ours(cases.c.offeree), is_awaiting)
        consulted = select(asked.c.subject).where(self._is_ours(asked.c.office))
        async with read.connect() as connection:
            for query in (offered, consulted):
                self._note([CaseId(subject) for subject in (await connection.execute(query)).scalars()])

    async def wait(self) -> None:
        """Return when something may have to be written."""
        await self._woken.wait()

    async def let_pass(self, offered: Callable[[], int], sleep: Callable[[float], Awaitable[None]]) -> None:
        """Return when no backlog is coming in: what it brings is more urgent, and much of it has moved on when all is
        here. `offered`: entries that came so far (`Writer.entries_offered`).
        """
        for _ in range(PAUSES_MAX):
            before, self._offered = self._offered, offered()
            if self._offered - before < BACKLOG_ENTRIES:
                return
            await sleep(PAUSE_S)

    async def receive(self) -> int:
        """Write what is due; returns how many cases were received. Raises what the pen does: then all of it waits."""
        count = 0
        self._woken.clear()
        while self._waiting:
            some = list(islice(self._waiting, AT_ONCE_MAX))
            for case in some:  # Before the pen looks: what is noted from then on waits for the next look.
                del self._waiting[case]
            try:
                count += len(await self._pen.record(lambda some=some: self._drafts(some)))
            except Exception:  # Whatever stopped the pen: all of it is tried again.
                self._note(some)
                raise
        return count

    def _is_ours(self, column: Column[str]) -> ColumnElement[bool]:
        return (column == self._seat) | column.startswith(f"{self._seat}.", autoescape=True)

    def _hear(self, case: CaseFile) -> None:
        if self._due(case):
            self._note([case.case])

    def _note(self, found: Sequence[CaseId]) -> None:
        self._waiting |= dict.fromkeys(found)
        if found:
            self._woken.set()

    def _due(self, case: CaseFile) -> list[CaseReceived]:
        """What is still to be written of this case: for its open offer, and for each office of ours that is asked."""
        due: list[tuple[int, OfficeId, bytes]] = []
        if case.stage in _AWAITING and case.offeree is not None:
            due.append((case.turn, case.offeree, b""))
        if case.stage in UNDECIDED and case.course.opinions_due is not None:
            due += [(case.course.consulted_turn, office, office.encode()) for office in case.silent]
        ours = [one for one in due if seat_of(one[1]) == self._seat]
        if not ours:
            return []
        written = {(one.turn, one.office) for one in case.contributed(CaseReceived.kind)}
        return [_receipt(case, *one) for one in ours if one[:2] not in written]

    async def _drafts(self, subjects: Sequence[CaseId]) -> list[Draft]:
        found = (await self._casebook.find_cases(subjects)).values()
        due = [(case.case, event) for case in found for event in self._due(case)]
        done = await self._casebook.find_operations([event.operation for _, event in due])
        return [Draft(event.kind, case, encode_body(event)) for case, event in due if event.operation not in done]


def _receipt(case: CaseFile, turn: int, office: OfficeId, department: bytes) -> CaseReceived:
    """`department`: whom a request asks, as several of one node may be asked at once; empty for an offer."""
    operation = derived_operation(b"received", case.case, turn.to_bytes(4, "big"), department)
    return CaseReceived(turn, operation, office, OfficerId(f"{office}/{BY_ITSELF}"))
