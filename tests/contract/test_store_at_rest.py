"""What the SQL store does beyond the port: sealed bodies, projections in a savepoint, indexes that are really used."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from msgspec import Struct
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from office.database import Engines
from sync.ports import Disposition, Evidence
from sync.sealing import PlainSealer
from sync.store import SqlStore
from tests.support.stores import JOURNAL, NOON, PARENT, SEALER, Scribe, case, count_rows, digest, sql_store

SECRET = "申请人王秀英".encode()


class Notes(Struct):
    """A projection of three cases; the table takes every number only once."""

    numbers: list[int]

    def pieces(self) -> list["Notes"]:
        """One number at a time."""
        return [Notes([number]) for number in self.numbers]

    def spoiled(self) -> Sequence[Disposition]:
        """The entry with that number."""
        return [Disposition((JOURNAL, number), "quarantined", "unfoldable") for number in self.numbers]


async def make_table(engines: Engines) -> None:
    async with engines.write.begin() as connection:
        await connection.exec_driver_sql("CREATE TABLE notes (number INTEGER PRIMARY KEY)")
        await connection.exec_driver_sql("INSERT INTO notes VALUES (1)")


async def project(connection: AsyncConnection, projected: object) -> None:
    numbers = projected.numbers if isinstance(projected, Notes) else [1]
    for number in numbers:
        await connection.exec_driver_sql(f"INSERT INTO notes VALUES ({number})")


async def test_a_projection_is_written_with_its_entries(engines: Engines) -> None:
    await make_table(engines)
    store = sql_store(engines, project)
    scribe = Scribe()
    await store.load()
    scribe.write(count=3)
    scribe.batch.projected = Notes([7, 8])
    await store.commit(scribe.take())
    assert await count_rows(engines, "notes") == 3
    assert await store.dispositions() == []


async def test_one_case_that_cannot_be_projected_is_quarantined_and_the_others_are_written(engines: Engines) -> None:
    await make_table(engines)
    store = sql_store(engines, project)
    scribe = Scribe()
    await store.load()
    scribe.write(count=3)
    scribe.batch.projected = Notes([0, 1, 2])
    await store.commit(scribe.take())
    assert await count_rows(engines, "entries") == 3
    assert await count_rows(engines, "notes") == 3
    assert await store.dispositions() == [Disposition((JOURNAL, 1), "quarantined", "unfoldable")]


async def test_a_projection_that_cannot_be_divided_fails_the_commit(engines: Engines) -> None:
    await make_table(engines)
    store = sql_store(engines, project)
    scribe = Scribe()
    await store.load()
    scribe.write(count=3)
    scribe.batch.projected = object()
    with pytest.raises(IntegrityError):
        await store.commit(scribe.take())
    assert await count_rows(engines, "entries") == 0
    await store.load()
    again = Scribe()
    again.write()
    await store.commit(again.take())
    assert await count_rows(engines, "entries") == 1


async def test_bodies_and_evidence_are_not_readable_in_the_database(engines: Engines) -> None:
    store = sql_store(engines)
    scribe = Scribe()
    await store.load()
    scribe.write(body=SECRET)
    scribe.batch.evidence.append(Evidence("fork", JOURNAL, 0, NOON, digest("x"), SECRET))
    await store.commit(scribe.take())
    async with engines.read.connect() as connection:
        for column, table in (("body", "entries"), ("material", "evidence")):
            raw = (await connection.exec_driver_sql(f"SELECT {column} FROM {table}")).scalar_one()
            assert SECRET not in bytes(raw)
            assert len(raw) == 1 + len(SECRET) + 16
    assert (await store.entries(JOURNAL, 0, 1))[0].body == SECRET
    assert (await store.evidence())[0].material == SECRET


async def test_a_changed_or_moved_body_does_not_pass_for_the_right_one_and_stops_nothing(engines: Engines) -> None:
    store = sql_store(engines)
    scribe = Scribe()
    await store.load()
    scribe.write(body=SECRET, count=2)
    scribe.write(body=b"good")
    await store.commit(scribe.take())
    async with engines.write.begin() as connection:
        await connection.exec_driver_sql(
            "UPDATE entries SET body = (SELECT body FROM entries WHERE seq = 0) WHERE seq = 1"
        )
    bodies = [entry.body for entry in await store.entries_since(0, 9)]
    assert bodies[0] == SECRET
    assert bodies[1] != SECRET
    assert bodies[2] == b"good"


async def test_a_village_whose_whole_database_is_encrypted_keeps_bodies_as_they_are(engines: Engines) -> None:
    store = SqlStore(engines.write, engines.read, sealer=PlainSealer())
    scribe = Scribe()
    await store.load()
    written = scribe.write(body=SECRET)
    await store.commit(scribe.take())
    assert await store.entries(JOURNAL, 0, 1) == written


async def test_a_commit_without_a_single_change_is_not_counted(engines: Engines) -> None:
    store = sql_store(engines)
    await store.load()
    await store.commit(Scribe().take())
    async with engines.read.connect() as connection:
        counted = await connection.exec_driver_sql("SELECT value FROM node_meta WHERE name = 'commits'")
        assert counted.scalar_one() == 0


Question = Callable[[SqlStore], Awaitable[object]]
QUESTIONS: Sequence[tuple[str, Question]] = (
    ("entries_about", lambda store: store.entries_about([case(3), case(4)])),
    ("entries_identity", lambda store: store.entries(JOURNAL, 10, 20)),
    ("entries_identity", lambda store: store.hashes(JOURNAL, 10, 20)),
    ("entries_by_kind", lambda store: store.entries_of_kind("line.pinned")),
    ("entries_by_kind", lambda store: store.entries_of_kind("item.published")),
    ("entries_loose", lambda store: store.loose_beyond(JOURNAL, 5)),
    ("outbox_posted", lambda store: store.posted(PARENT, [(JOURNAL, 5), (JOURNAL, 10)])),
)


@pytest.mark.parametrize(("index", "question"), QUESTIONS, ids=[name for name, _ in QUESTIONS])
async def test_frequent_questions_are_answered_from_an_index(engines: Engines, index: str, question: Question) -> None:
    store = sql_store(engines)
    scribe = Scribe()
    await store.load()
    for number in range(400):
        scribe.write(subject=case(number), count=5)
        scribe.post(5 * number + 1, 5 * number, count=5)
    scribe.write(kind="line.pinned")
    await store.commit(scribe.take())
    asked: list[tuple[str, Any]] = []

    @event.listens_for(engines.read.sync_engine, "before_cursor_execute")
    def listen(*heard: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        asked.append((heard[2], heard[3]))

    await question(store)
    statement, values = next(one for one in asked if one[0].startswith("SELECT"))
    async with engines.read.connect() as connection:
        if not engines.is_sqlite:  # the table is small here: it would be read whole
            await connection.exec_driver_sql("SET enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if engines.is_sqlite else "EXPLAIN "
        rows = (await connection.exec_driver_sql(explain + statement, values)).all()
    assert index in " ".join(str(row) for row in rows)


def test_the_sealer_of_the_fixtures_is_the_real_one() -> None:
    assert SEALER.open(bytes(32), SEALER.seal(bytes(32), b"x")) == b"x"
