"""Fixtures that every suite may ask for: a fresh PostgreSQL database, a Redis.

Servers are started at the first use in a run and stopped at its end; see `tests/support` for how.
"""

from collections.abc import AsyncGenerator, Generator

import pytest

from tests.support.postgres import PostgresServer, start_postgres
from tests.support.redis import start_redis


@pytest.fixture(scope="session")
def postgres_server() -> Generator[PostgresServer]:
    """One real PostgreSQL for the whole run, fsync on."""
    server = start_postgres()
    yield server
    server.stop()


@pytest.fixture
async def postgres_url(postgres_server: PostgresServer) -> AsyncGenerator[str]:
    """An empty database for this test alone: `postgresql+asyncpg://…`."""
    url = await postgres_server.create_database()
    yield url
    await postgres_server.drop_database(url)


@pytest.fixture(scope="session")
def redis_url() -> Generator[str]:
    """One real Redis for the whole run: `redis://…`. Tests in it use keys or databases of their own."""
    server = start_redis()
    yield server.url
    server.stop()
