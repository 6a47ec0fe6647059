"""One node of three is backed up at work, works on, is lost, and comes back from the backup: on any tier and database.

The verbs are the operator's own, in processes of their own beside the node; pages are carried by hand. For the story
in `tests/stories` and the drill in `tests/nightly`.
"""

import asyncio
import itertools
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from office.node import Node
from office.paths import Home, write_private
from office.tables import cases
from office.verifying import verify
from schemas.names import CaseId, OfficeId
from sync.tables import entries
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, agent, clerk, op
from tests.support.nodes import Network, Places, found_network
from tests.support.postgres import PostgresServer, embedded_binaries

ROOT: Final = Path(__file__).resolve().parents[2]
MODULES: Final = {COUNTY: "hub", TOWNSHIP: "township_node", VILLAGE: "village_agent"}

CASES: Final = 4
ROUNDS_MAX: Final = 8


async def run_verb(office: OfficeId, *words: str | Path, settings: dict[str, str] | None = None) -> tuple[int, str]:
    """A verb of an office's program: its status and all that it printed, in English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TONGBAN_")}
    stated = {"LANGUAGE": "en", "POSTGRES_PROGRAMS": str(next(embedded_binaries(), "")), **(settings or {})}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        MODULES[office],
        *map(str, words),
        cwd=ROOT,
        env=kept | {f"TONGBAN_{name}": value for name, value in stated.items()} | {"PYTHONUTF8": "1"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode(errors="replace")


class Loss:
    """A county at work, and the node in it that will be lost."""

    def __init__(self, folder: Path, office: OfficeId, server: PostgresServer | None) -> None:
        """`server`: where the lost node's database is; None = SQLite."""
        self._folder = folder
        self._office = office
        self._server = server
        self._operations = itertools.count(1)
        self.during = 0
        """Cases taken in while the backup was made."""

    async def tell(self) -> dict[str, Any]:
        """The whole story. Returns what was counted; raises `AssertionError` where something must hold and does not."""
        self._network = await Network.open(await self._found())
        try:
            for _ in range(CASES):
                await self._handle(await self._file())
            await self._network.settle()
            backup = await self._back_up_at_work()
            for _ in range(CASES):
                await self._handle(await self._file())
            await self._network.settle()
            held = await self._held()
            await self._lost.close()
            node = await self._come_back(backup)
            figures = await self._catch_up(node, held)
            return {"tier": MODULES[self._office], "database": self._kind, "filed_meanwhile": self.during, **figures}
        finally:
            await self._network.close()

    # --- before ----------------------------------------------------------------------------------------------------

    @property
    def _kind(self) -> str:
        return "sqlite" if self._server is None else "postgresql"

    @property
    def _home(self) -> Path:
        return self._folder / self._office

    @property
    def _lost(self) -> Node:
        node: Node = getattr(self._network, self._name)
        return node

    @property
    def _name(self) -> str:
        return {COUNTY: "hub", TOWNSHIP: "township", VILLAGE: "village"}[self._office]

    async def _found(self) -> Places:
        if self._server is None:
            return await found_network(self._folder)
        url = await self._server.create_database()
        if self._office == COUNTY:
            return await found_network(self._folder, url)
        home = Home(self._home)
        home.make()
        write_private(home.settings, f'database = "{url}"\n'.encode())
        return await found_network(self._folder)

    async def _file(self) -> CaseId:
        slip = await self._network.file(next(self._operations), "WJ02")
        await self._network.village.desk.offer_custody(agent(), slip.case, self._operation(), to=TOWNSHIP)
        return slip.case

    def _operation(self) -> bytes:
        return op(next(self._operations))

    async def _handle(self, case: CaseId) -> None:
        """The township takes it over, so that all three have written about it."""
        await self._network.settle()
        await self._network.township.desk.accept_custody(clerk(), case, self._operation())

    async def _back_up_at_work(self) -> Path:
        folder = self._folder / "backups"
        folder.mkdir()
        making = asyncio.create_task(run_verb(self._office, "backup", folder, "--home", self._home))
        while not making.done():
            await self._file()
            await self._network.settle()
            self.during += 1
        status, printed = await making
        assert status == 0, printed
        assert self.during > 0
        (backup,) = folder.glob("tongban-*.backup")
        return backup

    async def _held(self) -> Counter[bytes]:
        async with self._lost.engines.read.connect() as connection:
            return Counter((await connection.execute(select(entries.c.hash))).scalars())

    # --- after -----------------------------------------------------------------------------------------------------

    async def _come_back(self, backup: Path) -> Node:
        target = await self._server.create_database() if self._server is not None else ""
        words = ["--into", self._home, "--replace", *(["--database", target] if target else [])]
        status, printed = await run_verb(self._office, "restore", backup, *words)
        assert status == 0, printed
        assert len(list(self._folder.glob(f"{self._office}.before-*"))) == 1
        node = await Node.open(self._home)
        setattr(self._network, self._name, node)
        return node

    async def _catch_up(self, node: Node, held: Counter[bytes]) -> dict[str, Any]:
        begun = await self._held()
        assert len(begun) < len(held), "the backup was as new as the node: nothing was shown"
        assert any(link.quarantined for link in node.books.links.values())
        rounds = 0
        while any(link.quarantined for link in node.books.links.values()):
            rounds += 1
            assert rounds <= ROUNDS_MAX, "the quarantine does not end"
            await self._network.settle()
        await self._network.settle()
        found = await self._held()
        faults = {one.seat: (await verify(one)).faults for one in self._nodes}
        assert not any(faults.values()), faults
        assert await self._can_work()
        stand = [await _stand(one) for one in self._nodes]
        figures = {
            "entries_at_backup": len(begun),
            "entries_held": sum(held.values()),
            "entries_after": sum(found.values()),
            "lost": len(held.keys() - found.keys()),
            "doubled": sum(count - 1 for count in found.values()),
            "rounds": rounds,
            "equal": all(one == stand[0] for one in stand),
        }
        assert (figures["lost"], figures["doubled"], figures["equal"]) == (0, 0, True), figures
        return figures

    @property
    def _nodes(self) -> tuple[Node, ...]:
        return self._network.hub, self._network.township, self._network.village

    async def _can_work(self) -> bool:
        """A new case goes its way, with a number that no slip bears yet."""
        before = await self._numbers()
        await self._handle(await self._file())
        await self._network.settle()
        numbers = await self._numbers()
        return len(numbers) == len(before) + 1 == len(set(numbers))

    async def _numbers(self) -> list[str]:
        async with self._network.village.engines.read.connect() as connection:
            return list((await connection.execute(select(cases.c.tracking))).scalars())


async def _stand(node: Node) -> tuple[set[bytes], set[tuple[object, ...]]]:
    """What a node of this line knows of its cases: their entries, and how each case stands."""
    async with node.engines.read.connect() as connection:
        known = set((await connection.execute(select(entries.c.hash).where(entries.c.subject.is_not(None)))).scalars())
        rows = await connection.execute(select(cases.c.subject, cases.c.stage, cases.c.turn, cases.c.custodian))
        return known, {tuple(row) for row in rows}
