"""Stores of the previous release, made by its own programs, taken over by today's: on every tier, on both databases.

A county of the previous release works through some of the demo's cases. Then its programs are replaced: each first
start is killed several times on its way, later each time, before one is let through. What was there must be there
after, and verify; the lines must go on; and the previous release must refuse the new stores in words.
Needs git and the tag, like `skew`. Next: `office.upgrading`.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from random import Random
from typing import Final

from deploy.demo_scenario import Story
from office.database import database_url, open_engines
from office.paths import Home
from office.settings import Settings
from office.snapshots import Described, describe
from office.upgrading import DURABLE, copy_of
from tests.nightly.drills import Failed, Figures, hand_back, in_child, say
from tests.nightly.programs import TODAY, Program, Release
from tests.nightly.skew import PREVIOUS, TIERS, MixedCounty, build, carry, stories
from tests.support.postgres import embedded_binaries, start_postgres
from tests.support.waiting import until

CASES: Final = 3
KILLS: Final = 8
KILL_FIRST_S: Final = 0.5
KILL_STEP_S: Final = 0.2
"""A start imports for half a second or more, and takes a small store over within the next."""

REST_S_MAX: Final = 120.0
LOOK_S: Final = 0.2


def taken_over(database: str) -> Figures:
    """Take a county over whose hub is on `sqlite` or `postgresql`."""
    return in_child("tests.nightly.old_stores", database, within_s=1200)


class Takeover:
    """One county and its two releases."""

    def __init__(self, folder: Path, old: Release, hub_database: str) -> None:
        """`hub_database`: empty = SQLite."""
        self._databases = {"hub": hub_database} if hub_database else {}
        self.old = old
        self.county = MixedCounty(folder, dict.fromkeys(TIERS, old))
        self.county.programs["hub"] = self._program("hub", old)

    def _program(self, key: str, release: Release) -> Program:
        more = {"DATABASE": self._databases[key]} if key in self._databases else {}
        if more and release is TODAY:
            more["POSTGRES_PROGRAMS"] = str(next(embedded_binaries()))
        return self.county.program(key, release, **more)

    async def live(self) -> None:
        """Some cases, by the previous release."""
        await self.county.found()
        random = Random(11)
        for story in self._stories():
            await carry(self.county, story, random)

        await until(self.county.is_at_rest, "nothing to wait to be sent", within_s=REST_S_MAX, every_s=LOOK_S)
        await self.county.close()

    def _stories(self) -> list[Story]:
        """Of the demo's, on PostgreSQL those in which the hub takes no step."""
        own = [one for one in stories() if not self._databases or all(step.at != "hub" for step in one.steps)]
        return own[:CASES]

    async def held(self) -> dict[str, Described]:
        """What every store holds now."""
        return {key: await self._held(key) for key in TIERS}

    async def _held(self, key: str) -> Described:
        engines = open_engines(database_url(self._databases.get(key, ""), self._home(key).database))
        try:
            async with engines.read.connect() as connection:
                return await describe(connection)
        finally:
            await engines.close()

    def _home(self, key: str) -> Home:
        return Home(self.county.programs[key].home)

    async def take_over(self) -> int:
        """Start today's programs, killed on the way again and again. Returns how many starts were killed."""
        killed = 0
        for key in TIERS:
            for number in range(KILLS):
                killed += await self._program(key, TODAY).killed_start(KILL_FIRST_S + number * KILL_STEP_S)
            self.county.programs[key] = self._program(key, TODAY)
            await self.county.programs[key].start()
        return killed

    async def judge(self, before: dict[str, Described]) -> Figures:
        """After it nothing is lost, everything fits, the lines go on, no mark is left, there is no way back, and all of
        it is backed up beside the running nodes.
        """
        for key in ("t1", "v1"):
            await self.county.programs[key].verb("sync")
        for key in TIERS:
            program = self.county.programs[key]
            await program.verb("verify")
            await program.verb("backup", str(program.home.parent))
            await program.verb("restore", str(program.home.parent), "--check")
        await self.county.close()
        after = await self.held()
        lost = [f"{key}: {name}" for key in TIERS for name in _lost(before[key], after[key])]
        unfinished = [key for key in TIERS if self._home(key).upgrading.exists()]
        copies = {key: copy_of(self._home(key), Settings(database=self._databases.get(key, ""))) for key in TIERS}
        refused = [key for key in TIERS if "newer_store" in await self._program(key, self.old).refusal("verify")]
        figures: Figures = {
            "previous": PREVIOUS,
            "hub": "postgresql" if self._databases else "sqlite",
            "schema": [before["hub"].schema, after["hub"].schema],
            "entries": {key: [before[key].tables["entries"], after[key].tables["entries"]] for key in TIERS},
            "lost": lost,
            "unfinished": unfinished,
            "copies": {key: path.stat().st_size if path.exists() else 0 for key, path in copies.items()},
            "refused_by_previous": refused,
        }
        if lost or unfinished or len(refused) < len(TIERS) or not all(figures["copies"].values()):
            raise Failed("a store was not taken over whole", figures)
        return figures


def _lost(before: Described, after: Described) -> list[str]:
    """Tables and journals that have become shorter."""
    heads = {(head.origin, head.epoch): head.size for head in after.heads}
    shorter = [str(head) for head in before.heads if heads.get((head.origin, head.epoch), -1) < head.size]
    return shorter + [name for name in DURABLE if after.tables[name] < before.tables[name]]


async def tell(folder: Path, hub_database: str) -> Figures:
    """From the previous release's first case to its refusal."""
    old = build(folder / "previous")
    say(f"{PREVIOUS} is built")
    (folder / "county").mkdir()
    takeover = Takeover(folder / "county", old, hub_database)
    try:
        await takeover.live()
        say(f"{CASES} cases went their way in a county of {PREVIOUS}")
        before = await takeover.held()
        killed = await takeover.take_over()
        say(f"taken over; {killed} starts were killed on the way")
        return {"starts_killed": killed, **await takeover.judge(before)}
    finally:
        await takeover.county.close()


async def _with_postgres(folder: Path) -> Figures:
    server = await asyncio.to_thread(start_postgres)
    try:
        return await tell(folder, await server.create_database())
    finally:
        server.stop()


def main(database: str) -> Figures:
    """One county, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        told = _with_postgres(Path(folder)) if database == "postgresql" else tell(Path(folder), "")
        return asyncio.run(told)


if __name__ == "__main__":
    sys.exit(hand_back(lambda: main(sys.argv[1])))
