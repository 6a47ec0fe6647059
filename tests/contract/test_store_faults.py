"""The SQL store when the database fails under it: at every single statement, and when its server goes away.

Whatever fails: nothing of the batch is there, everything before it is, and the next commit succeeds.
"""

from collections.abc import AsyncGenerator
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncConnection

from office.database import Engines
from sync.core.errors import Busy, Fault
from sync.ports import Batch, Disposition, Evidence, Inlet, LinkMemory, ReceiptRow
from tests.support.postgres import PostgresServer
from tests.support.stores import (
    FIRST,
    JOURNAL,
    NOON,
    PARENT,
    TOWNSHIP_SEAT,
    VILLAGE,
    Scribe,
    count_rows,
    digest,
    postgres_engines,
    sql_store,
)

TABLES = ("journals", "entries", "checkpoints", "streams", "outbox", "inlets", "links", "dispositions", "evidence")


class Breaker:
    """Fails the statement with a given number on the writing engine."""

    def __init__(self, engines: Engines) -> None:
        self.seen = 0
        self.fail_at = 0
        event.listen(engines.write.sync_engine, "before_cursor_execute", self._before)

    def _before(self, *_: Any) -> None:
        self.seen += 1
        if self.seen == self.fail_at:
            raise OSError("the disk fell off")


def full_batch(scribe: Scribe) -> Batch:
    """A batch that writes into every table."""
    first = scribe.states[JOURNAL].size if JOURNAL in scribe.states else 0
    scribe.write(count=3)
    loose = scribe.write_loose(first + 3)
    scribe.batch.promoted.append((JOURNAL, loose.seq))
    scribe.state(JOURNAL).size += 1
    scribe.checkpoint(first + 4)
    scribe.post(1 + first, first, count=4)
    scribe.batch.inlets[1] = Inlet(1, VILLAGE, 1, FIRST, number=first)
    scribe.batch.links[VILLAGE] = LinkMemory(VILLAGE, TOWNSHIP_SEAT)
    scribe.batch.dispositions.append(Disposition((JOURNAL, first), "held", "waits"))
    scribe.batch.dispositions.append(Disposition((JOURNAL, first + 1), "", ""))
    scribe.batch.evidence.append(Evidence("gap", JOURNAL, first, NOON, digest("x"), b"material"))
    scribe.batch.receipts.append(ReceiptRow(JOURNAL, PARENT, TOWNSHIP_SEAT, first + 1, NOON))
    scribe.batch.dropped_neighbours = [VILLAGE]
    return scribe.take()


async def counts(engines: Engines) -> dict[str, int]:
    return {table: await count_rows(engines, table) for table in TABLES}


async def test_a_failure_at_any_statement_leaves_everything_as_it_was(engines: Engines) -> None:
    store = sql_store(engines)
    breaker = Breaker(engines)
    await store.load()
    await store.commit(full_batch(Scribe()))
    before, loaded = await counts(engines), await store.load()
    failed = 0
    while True:
        scribe = Scribe(arrival=loaded.arrival)
        scribe.states = {state.journal: state for state in (await store.load()).journals}
        batch = full_batch(scribe)
        breaker.seen, breaker.fail_at = 0, failed + 1
        try:
            await store.commit(batch)
        except (OSError, Fault):
            failed += 1
            assert await counts(engines) == before
            assert await store.load() == loaded
        else:
            break
    assert failed >= len(TABLES) + 3  # the fence, the promotion, … each had its turn; then one commit went through
    assert (await counts(engines))["entries"] == 2 * before["entries"]


@pytest.fixture
async def hub(postgres_server: PostgresServer) -> AsyncGenerator[Engines]:
    async with postgres_engines(postgres_server) as engines:
        yield engines


async def cut_off(connection: AsyncConnection, projected: object) -> None:
    """What an operator's restart of the server does to a transaction under way."""
    await connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")


async def test_a_server_that_goes_away_in_a_transaction_is_waited_for(hub: Engines) -> None:
    store = sql_store(hub, cut_off)
    await store.load()
    scribe = Scribe()
    scribe.write(count=5)
    scribe.batch.projected = object()
    with pytest.raises(Busy) as away:
        await store.commit(scribe.take())
    assert away.value.code == "store_away"
    assert await count_rows(hub, "entries") == 0
    await store.load()
    again = Scribe()
    again.write(count=5)
    await store.commit(again.take())
    assert await count_rows(hub, "entries") == 5


async def test_idle_connections_that_were_cut_are_replaced(hub: Engines) -> None:
    store = sql_store(hub)
    await store.load()
    scribe = Scribe()
    scribe.write()
    await store.commit(scribe.take())
    async with hub.read.connect() as connection:
        await connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    scribe.write()
    await store.commit(scribe.take())
    assert len(await store.entries(JOURNAL, 0, 9)) == 2
