"""What was acknowledged is there: after kill -9 at any moment, on a full disk, and against a second writer.

kill -9 proves nothing about power cuts (a wrong `synchronous` passes it too), so every pragma is asserted as well.
"""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import pytest

from office.database import Engines
from sync.core.errors import AnotherWriter, Busy, LocalFault
from sync.ports import empty_batch
from sync.store import SqlStore
from tests.support.killable import Acknowledged, killable
from tests.support.postgres import PostgresServer
from tests.support.stores import (
    JOURNAL,
    OWN,
    SEALER,
    STORE_KEY,
    Scribe,
    count_rows,
    postgres_engines,
    sql_store,
    sqlite_engines,
)
from tests.support.walking import walk

KILLS_ON_SQLITE = 30
KILLS_ON_POSTGRES = 6
ROOM = 40
"""Database pages that are left before the disk is taken to be full."""


# --- killed ---------------------------------------------------------------------------------------------------------


async def kill_again_and_again(url: str, times: int, seed: int) -> list[Acknowledged]:
    """Kill a writer so many times, each time after another number of acknowledgements; all that it had acknowledged."""
    random = Random(seed)
    acknowledged: list[Acknowledged] = []
    async with killable(url) as device:
        for _ in range(times):
            acknowledged += await device.run_until(random.randrange(0, 25))
    return acknowledged


async def check_nothing_is_lost(engines: Engines, acknowledged: list[Acknowledged], kills: int) -> None:
    """Every acknowledged entry is held under its hash; every chain is whole; every start has an epoch of its own."""
    found = await walk(engines.read, SEALER)
    assert found.faults == []
    assert len(acknowledged) > kills
    lost = [ack for ack in acknowledged if found.hashes.get((ack.ordinal, ack.seq), b"").hex() != ack.hash]
    assert lost == []
    assert len({(ack.ordinal, ack.seq) for ack in acknowledged}) == len(acknowledged)
    # A start that was killed before its first commit leaves no epoch; no other is missing.
    ordinals = {ordinal for ordinal, _ in found.hashes}
    assert ordinals == set(range(1, len(ordinals) + 1))
    assert kills // 2 < len(ordinals) <= kills
    assert len(found.hashes) == len(found.arrivals)


@pytest.mark.parametrize("key", [None, STORE_KEY], ids=["plain", "locked"])
async def test_thirty_kills_in_the_midst_of_writing_lose_nothing_on_sqlite(tmp_path: Path, key: bytes | None) -> None:
    async with sqlite_engines(tmp_path, key) as engines:
        url = f"sqlite:///{tmp_path / 'node.db'}" + (f"?key={key.hex()}" if key is not None else "")
        acknowledged = await kill_again_and_again(url, KILLS_ON_SQLITE, seed=1)
        async with engines.read.connect() as connection:
            assert (await connection.exec_driver_sql("PRAGMA integrity_check")).scalar_one() == "ok"
        await check_nothing_is_lost(engines, acknowledged, KILLS_ON_SQLITE)


async def test_kills_in_the_midst_of_writing_lose_nothing_on_postgres(postgres_server: PostgresServer) -> None:
    async with postgres_engines(postgres_server) as engines:
        url = engines.write.url.render_as_string(hide_password=False)
        acknowledged = await kill_again_and_again(url, KILLS_ON_POSTGRES, seed=2)
        await check_nothing_is_lost(engines, acknowledged, KILLS_ON_POSTGRES)


# --- full -----------------------------------------------------------------------------------------------------------


async def leave_room(engines: Engines, pages: int) -> None:
    """Let SQLite find its disk full after so many more pages. The write engine has one connection: it is this one."""
    async with engines.write.connect() as connection:
        used: int = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {used + pages}")


async def test_a_full_disk_takes_nothing_and_loses_nothing_and_room_cures_it(tmp_path: Path) -> None:
    async with sqlite_engines(tmp_path) as engines:
        store = sql_store(engines)
        scribe = Scribe()
        await store.load()
        await leave_room(engines, ROOM)
        kept = 0
        with pytest.raises(Busy) as full:
            while True:
                scribe.write(body=bytes(2000), count=5)
                scribe.post(kept + 1, scribe.states[JOURNAL].size - 5, count=5)
                await store.commit(scribe.take())
                kept += 5
        assert full.value.code == "store_full"
        assert full.value.retry_after_s > 0
        assert "free space" in full.value.hint

        for seen in (store, sql_store(engines)):
            loaded = await seen.load()
            assert (loaded.arrival, loaded.journals[0].size) == (kept, kept)
            assert list(loaded.ends.values()) == [kept]
            assert len(await seen.entries(JOURNAL, 0, 10_000)) == kept > 10
        async with engines.read.connect() as connection:
            assert (await connection.exec_driver_sql("PRAGMA integrity_check")).scalar_one() == "ok"

        again = Scribe(arrival=kept)
        again.states[JOURNAL] = (await store.load()).journals[0]
        again.write(body=bytes(2000), count=5)
        with pytest.raises(Busy):
            await store.commit(again.batch)
        await leave_room(engines, ROOM)
        await store.load()
        await store.commit(again.take())
        assert (await sql_store(engines).load()).arrival == kept + 5


# --- settings -------------------------------------------------------------------------------------------------------


async def test_every_sqlite_connection_has_every_pragma(tmp_path: Path) -> None:
    shared = {"busy_timeout": 5000, "foreign_keys": 1, "journal_mode": "wal", "synchronous": 2}
    async with sqlite_engines(tmp_path) as engines, AsyncExitStack() as stack:
        writer = [await stack.enter_async_context(engines.write.connect())]
        readers = [await stack.enter_async_context(engines.read.connect()) for _ in range(4)]
        for connections, own in ((writer, {"query_only": 0}), (readers, {"query_only": 1})):
            for connection in connections:
                for pragma, value in (shared | own | {"journal_size_limit": 64 * 1024 * 1024}).items():
                    found = (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar_one()
                    assert found == value, pragma


async def test_a_reader_cannot_write(tmp_path: Path) -> None:
    async with sqlite_engines(tmp_path) as engines:
        crossed = SqlStore(engines.read, engines.read, sealer=SEALER)
        scribe = Scribe()
        await crossed.load()
        scribe.write()
        with pytest.raises(LocalFault) as refused:
            await crossed.commit(scribe.take())
        assert refused.value.code == "store_readonly"


async def test_postgres_waits_for_its_disk(postgres_server: PostgresServer) -> None:
    async with postgres_engines(postgres_server) as engines, engines.write.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert (await connection.exec_driver_sql(f"SHOW {setting}")).scalar_one() == "on", setting


async def test_idle_housework_empties_the_write_ahead_file(tmp_path: Path) -> None:
    async with sqlite_engines(tmp_path) as engines:
        store = sql_store(engines)
        scribe = Scribe()
        await store.load()
        scribe.write(body=bytes(3000), count=50)
        await store.commit(scribe.take())
        ahead = tmp_path / "node.db-wal"
        assert ahead.stat().st_size > 100_000
        await store.tidy()
        assert ahead.stat().st_size == 0
        scribe.write()
        await store.commit(scribe.take())
        assert await count_rows(engines, "entries") == 51


# --- a second writer ------------------------------------------------------------------------------------------------


async def test_a_second_writer_is_refused_and_writes_nothing(engines: Engines) -> None:
    first, second = sql_store(engines), sql_store(engines)
    for store in (first, second):
        await store.load()
    scribe = Scribe()
    scribe.write(count=3)
    await first.commit(scribe.take())
    other = Scribe()
    other.write(OWN, count=2)
    other.post(1, 0, journal=OWN)
    with pytest.raises(AnotherWriter) as refused:
        await second.commit(other.take())
    assert refused.value.code == "second_writer"
    assert "stop it" in refused.value.hint
    assert await count_rows(engines, "entries") == 3
    assert await count_rows(engines, "outbox") == 0


async def test_a_second_writer_is_refused_even_when_it_only_moves_a_cursor(engines: Engines) -> None:
    first, second = sql_store(engines), sql_store(engines)
    for store in (first, second):
        await store.load()
    for store in (first, second):
        batch = empty_batch()
        scribe = Scribe()
        scribe.state(JOURNAL)
        batch.journals = scribe.take().journals
        if store is first:
            await store.commit(batch)
            continue
        with pytest.raises(AnotherWriter):
            await store.commit(batch)


async def test_two_writers_at_the_same_moment_never_both_succeed(engines: Engines) -> None:
    stores = [sql_store(engines) for _ in range(2)]
    for store in stores:
        await store.load()
    batches = [Scribe(), Scribe()]
    for scribe in batches:
        scribe.write()
    outcomes = await asyncio.gather(
        *(store.commit(scribe.take()) for store, scribe in zip(stores, batches, strict=True)), return_exceptions=True
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["AnotherWriter", "NoneType"]
    assert await count_rows(engines, "entries") == 1
