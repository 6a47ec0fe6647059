"""The office's reading of oversight: judged one by one and by thread, and how it lies in the table `oversight`.

An order, what is said about it, and the verdicts are one *thread*, named by the hash of the entry that began it. An
entry counts when its body reads, its author's device belongs to the office that it names, and that office may say so;
whether an answer comes from the office that the order is addressed to, only its thread can tell. Every entry that reads
has a row, also one that waits for its order: the fold says which of them count (`schemas.oversight_fold`).
Never raises for what arrived and never writes by itself. Next: `office.register`, which calls; `office.overseeing`.
"""

import logging
from collections.abc import Sequence
from typing import Any, Final, Protocol

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from office.dispositions import OVERSIGHT_FOREIGN, SCORE_UNEARNED
from office.dues import number_of
from office.own_faults import place_of
from office.tables import oversight
from schemas.names import Epoch, Instant, JournalId, OfficeId
from schemas.oversight import Overseen, ScoreEntered, decode_overseen, may_send
from schemas.oversight_fold import Filed
from sync.ports import Sealer

log = logging.getLogger(__name__)

COLUMNS: Final = (
    oversight.c.kind,
    oversight.c.origin,
    oversight.c.ordinal,
    oversight.c.nonce,
    oversight.c.seq,
    oversight.c.hash,
    oversight.c.at,
    oversight.c.body,
)


class Threads(Protocol):
    """Where committed entries of oversight are kept."""

    async def read_threads(self, threads: Sequence[bytes]) -> list[Filed]:
        """Everything held of these threads."""
        ...

    async def read_overseen(self, kinds: Sequence[str], number: str = "") -> list[Filed]:
        """Everything held of these kinds, of which `Overseen.number` begins so."""
        ...


class NoThreads:
    """Nothing is kept: for a fold that has every entry in hand."""

    async def read_threads(self, threads: Sequence[bytes]) -> list[Filed]:
        """See `Threads.read_threads`."""
        return []

    async def read_overseen(self, kinds: Sequence[str], number: str = "") -> list[Filed]:
        """See `Threads.read_overseen`."""
        return []


def fault_of(event: Overseen, seat: OfficeId) -> str:
    """Why an entry by a device of `seat` cannot count, as far as the entry alone can tell; empty when it can."""
    if not may_send(seat, event):
        return OVERSIGHT_FOREIGN
    return SCORE_UNEARNED if isinstance(event, ScoreEntered) and not event.is_earned else ""


def values_of(filed: Filed, body: bytes, sealer: Sealer) -> dict[str, object]:
    """The row of an entry; its body is sealed like the entry's, under its hash."""
    event, journal = filed.event, filed.journal
    return {
        "hash": filed.hash,
        "kind": event.kind,
        "thread": filed.thread,
        "number": event.number,
        "office": event.office,
        "addressee": event.about,
        "due_day": number_of(event.due_day) if event.due_day is not None else None,
        "at": filed.at,
        "origin": journal.origin,
        "ordinal": journal.epoch.ordinal,
        "nonce": journal.epoch.nonce,
        "seq": filed.seq,
        "body": sealer.seal(filed.hash, body),
    }


async def read_rows(connection: AsyncConnection, sealer: Sealer, condition: ColumnElement[bool]) -> list[Filed]:
    """The entries of these rows. One that does not open is left out: `verify` names it, `rebuild` mends it."""
    rows = (await connection.execute(select(*COLUMNS).where(condition))).all()
    return [filed for row in rows if (filed := _filed(row, sealer)) is not None]


def _filed(row: Any, sealer: Sealer) -> Filed | None:
    try:
        event = decode_overseen(row.kind, sealer.open(row.hash, row.body))
    except (ValueError, KeyError) as error:
        log.error("a row of oversight cannot be read: %s", place_of(error))
        return None
    journal = JournalId(row.origin, Epoch(row.ordinal, row.nonce))
    return Filed(event, journal, row.seq, row.hash, Instant(row.at))
