"""The servers that other tests stand on: real, durable, each test in a database of its own."""

from pathlib import Path

import asyncpg
from redis.asyncio import Redis

from tests.support import postgres


def plain(url: str) -> str:
    return url.replace("postgresql+asyncpg://", "postgresql://")


async def test_a_test_gets_an_empty_durable_database_in_c_order(postgres_url: str) -> None:
    connection = await asyncpg.connect(plain(postgres_url))
    try:
        assert int(await connection.fetchval("SHOW server_version_num")) >= postgres.OLDEST_MAJOR * 10000
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
        assert await connection.fetchval("SELECT datcollate FROM pg_database WHERE datname = current_database()") == "C"
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    finally:
        await connection.close()


async def test_a_stranger_on_the_same_machine_is_not_let_in(postgres_url: str) -> None:
    address = plain(postgres_url).split("@")[1]
    try:
        await asyncpg.connect(f"postgresql://postgres:guess@{address}")
    except asyncpg.InvalidPasswordError:
        return
    raise AssertionError("a wrong password was accepted")


async def test_two_databases_do_not_see_each_other(postgres_server: postgres.PostgresServer) -> None:
    one, two = await postgres_server.create_database(), await postgres_server.create_database()
    left, right = await asyncpg.connect(plain(one)), await asyncpg.connect(plain(two))
    await left.execute("CREATE TABLE cases (number integer)")
    assert await right.fetchval("SELECT to_regclass('cases')") is None
    await left.close()
    # Dropping cuts off whoever is still connected, so a test that forgets to close harms nobody after it.
    await postgres_server.drop_database(one)
    await postgres_server.drop_database(two)
    right.terminate()


def test_a_stopped_server_leaves_no_data_behind() -> None:
    server = postgres.start_postgres()
    folder = server.folder
    server.stop()
    assert folder is None or not folder.exists()


def test_binaries_that_are_not_there_are_named_and_passed_over(tmp_path: Path) -> None:
    tried: list[str] = []
    assert postgres.start_from(tmp_path, postgres.SETTINGS, tried) is None
    assert tried


async def test_redis_answers_those_who_know_its_password(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:  # pyright: ignore[reportUnknownMemberType] (the library's stubs)
        await client.set("line", "up")
        assert await client.get("line") == b"up"
