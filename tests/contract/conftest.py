"""Fixtures of the contract suites: every store we have, one after the other."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from office.database import Engines
from sync.ports import Store
from tests.support.stores import STORE_KEY, Reopen, memory_store, postgres_engines, sql_store, sqlite_engines


@pytest.fixture(params=["sqlite", "cipher", "postgres"])
async def engines(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Engines]:
    """A fresh database of each kind, with our tables."""
    if request.param != "postgres":
        async with sqlite_engines(tmp_path, STORE_KEY if request.param == "cipher" else None) as opened:
            yield opened
        return
    async with postgres_engines(request.getfixturevalue("postgres_server")) as opened:
        yield opened


@pytest.fixture(params=["memory", "sqlite", "cipher", "postgres"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[tuple[Store, Reopen]]:
    """An empty store of each kind, and a way to open the same rows again as the next process would."""
    if request.param == "memory":
        yield memory_store()
    elif request.param != "postgres":
        async with sqlite_engines(tmp_path, STORE_KEY if request.param == "cipher" else None) as opened:
            yield sql_store(opened), lambda: sql_store(opened)
    else:
        async with postgres_engines(request.getfixturevalue("postgres_server")) as opened:
            yield sql_store(opened), lambda: sql_store(opened)
