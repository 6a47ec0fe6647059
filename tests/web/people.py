"""A clock that is set by hand, seeded randomness and one node's tables of people: what the stories of accounts need."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

from office.access_log import AccessLog
from office.account_tables import account_metadata
from office.accounts import Accounts
from office.database import Engines, database_url, open_engines
from schemas.names import Instant, OfficeId
from tests.support.network import SeededSalts

SEAT = OfficeId("510824100")
PASSWORD = "three quiet herons"
OTHER_PASSWORD = "seven loud crickets"


class HandClock:
    """A clock that stands still until a test moves it."""

    def __init__(self, at: int = 1_800_000_000_000) -> None:
        self.at = at

    def now(self) -> Instant:
        return Instant(self.at)

    def advance(self, *, s: int = 0, minutes: int = 0, hours: int = 0) -> None:
        self.at += 1000 * (s + 60 * minutes + 3600 * hours)


class People:
    """One node's accounts over a real database."""

    def __init__(self, engines: Engines, clock: HandClock) -> None:
        self.engines = engines
        self.clock = clock
        self.accounts = Accounts(engines.write, engines.read, SEAT, clock, SeededSalts(Random(1)))
        self.access_log = AccessLog(engines.write, engines.read, clock, bytes(32))


@asynccontextmanager
async def people_at(folder: Path, setting: str = "") -> AsyncGenerator[People]:
    """A township's accounts in a fresh database: SQLite in `folder`, or the one that `setting` names."""
    engines = open_engines(database_url(setting, folder / "node.db"))
    async with engines.write.begin() as connection:
        await connection.run_sync(account_metadata.create_all)
    try:
        yield People(engines, HandClock())
    finally:
        await engines.close()
