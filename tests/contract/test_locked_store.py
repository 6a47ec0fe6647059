"""The locked store beside the plain one: what its driver's complaints mean, and that no page of it can be changed."""

from pathlib import Path
from random import Random

import pytest
from sqlalchemy.exc import DatabaseError, OperationalError

from office.cipher import KEY_BYTES, connect, key_literal
from office.database import database_url, open_engines
from sync.core.errors import Busy, LocalFault
from sync.failures import fault_of, is_full, is_systemic
from tests.support.stores import STORE_KEY, Scribe, sql_store, sqlite_engines


async def fill(folder: Path) -> Path:
    """A store with some pages, closed."""
    async with sqlite_engines(folder, STORE_KEY) as engines:
        store = sql_store(engines)
        await store.load()
        scribe = Scribe()
        scribe.write(count=200, body=b"x" * 500)
        await store.commit(scribe.take())
    return folder / "node.db"


@pytest.mark.parametrize("key", [bytes(KEY_BYTES), None])
async def test_a_wrong_key_and_no_key_are_told_in_words(tmp_path: Path, key: bytes | None) -> None:
    await fill(tmp_path)
    engines = open_engines(database_url("", tmp_path / "node.db"), key)
    with pytest.raises(DatabaseError) as wrong:
        async with engines.read.connect() as connection:
            await connection.exec_driver_sql("SELECT count(*) FROM entries")
    await engines.close()
    fault = fault_of(wrong.value)
    assert isinstance(fault, LocalFault)
    assert fault.code == "store_unreadable"
    assert is_systemic(wrong.value)
    assert STORE_KEY.hex() not in str(wrong.value)


async def test_a_flipped_bit_in_any_page_is_noticed(tmp_path: Path) -> None:
    database = await fill(tmp_path)
    random, whole = Random(7), database.read_bytes()
    pages = len(whole) // 4096
    assert pages > 20
    for page in random.sample(range(1, pages), 10):
        content = bytearray(whole)
        content[page * 4096 + random.randrange(4096)] ^= 1 << random.randrange(8)
        database.write_bytes(content)
        connection = connect(str(database), STORE_KEY)
        assert connection.execute("PRAGMA cipher_integrity_check").fetchall()
        connection.close()


async def test_a_page_that_is_not_what_was_written_is_told_as_damage(tmp_path: Path) -> None:
    database = await fill(tmp_path)
    content = bytearray(database.read_bytes())
    for page in range(5, len(content) // 4096):
        content[page * 4096 + 50] ^= 1
    database.write_bytes(content)
    engines = open_engines(database_url("", database), STORE_KEY)
    with pytest.raises(DatabaseError) as damaged:
        async with engines.read.connect() as connection:
            await connection.exec_driver_sql("SELECT sum(length(body)) FROM entries")
    await engines.close()
    fault = fault_of(damaged.value)
    assert fault is not None
    assert fault.code == "store_damaged"


async def test_a_full_disk_is_known_as_one(tmp_path: Path) -> None:
    async with sqlite_engines(tmp_path, STORE_KEY) as engines:
        async with engines.write.connect() as connection:
            used: int = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
            await connection.exec_driver_sql(f"PRAGMA max_page_count = {used + 2}")
        store = sql_store(engines)
        await store.load()
        scribe = Scribe()
        scribe.write(count=200, body=b"x" * 500)
        with pytest.raises(Busy, match="store_full"):
            await store.commit(scribe.take())
        with pytest.raises(OperationalError) as full:
            async with engines.write.begin() as connection:
                await connection.exec_driver_sql("CREATE TABLE big AS SELECT randomblob(100000)")
        assert is_full(full.value)


async def test_connections_are_set_as_those_of_a_plain_store(tmp_path: Path) -> None:
    other = tmp_path / "plain"
    other.mkdir()
    async with sqlite_engines(tmp_path, STORE_KEY) as locked, sqlite_engines(other) as plain:
        for pragma in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "query_only"):
            for name in ("write", "read"):
                values: list[object] = []
                for engines in (locked, plain):
                    async with getattr(engines, name).connect() as connection:
                        values.append((await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar_one())
                assert values[0] == values[1], (pragma, name)


def test_a_key_of_another_length_is_no_key() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        key_literal(b"short")
