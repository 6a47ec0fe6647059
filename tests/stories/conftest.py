"""Fixtures of several stories: a county of real nodes on disk."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.support.nodes import Places, found_network
from tests.support.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
async def places(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Places]:
    """A county whose hub works on either database; the other nodes are as light as in the field."""
    if request.param == "sqlite":
        yield await found_network(tmp_path)
        return
    # The server, not `postgres_url`: an asynchronous fixture cannot be asked for while another one runs.
    server: PostgresServer = request.getfixturevalue("postgres_server")
    url = await server.create_database()
    yield await found_network(tmp_path, url)
    await server.drop_database(url)
