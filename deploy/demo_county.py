"""The demo's county: seven homes, seven processes, six lines, and what can happen to them.

Everything goes through the doors that an operator uses: `hub network import`, one-time codes, `enrol`, `accounts add`,
`run`, `verify`, a file copy as backup. Never writes into a node's store. Next: `demo_play`, which commands it.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from deploy.demo_desk import OfficerDesk
from deploy.demo_lines import Line
from deploy.demo_processes import DemoFailed, NodeProcess, free_port
from deploy.demo_scenario import BY_KEY, PEOPLE, PLACES, Person, Place, Step
from deploy.demo_stores import Peek
from schemas.casework.roles import ROLES_OF_ACT


class County:
    """One county on one machine."""

    def __init__(self, folder: Path) -> None:
        """`folder`: empty, and the county's alone."""
        self.folder = folder
        self.nodes: dict[str, NodeProcess] = {}
        self.lines: dict[str, Line] = {}
        self.peeks: dict[str, Peek] = {}
        self._desks: dict[tuple[str, str], OfficerDesk] = {}

    # --- what befalls it -----------------------------------------------------------------------------------------------

    def cut(self, *keys: str) -> None:
        """Cut the lines from these places upward."""
        for key in keys:
            self.lines[key].cut()

    def mend(self, *keys: str) -> None:
        """Mend the lines from these places upward."""
        for key in keys:
            self.lines[key].mend()

    async def kill(self, key: str) -> None:
        """End a node as a power cut does."""
        await self.nodes[key].kill()

    async def start(self, key: str) -> None:
        """Start a node. Raises `DemoFailed` when it does not answer."""
        await self.nodes[key].start("run")

    def put_back(self, key: str, backup: str) -> None:
        """Replace a stopped node's store by an older copy, as an operator in a hurry does: without telling the node."""
        store = self.database(key)
        for leftover in (f"{store.name}-wal", f"{store.name}-shm"):
            (store.parent / leftover).unlink(missing_ok=True)
        (store.parent / backup).replace(store)

    async def close(self) -> None:
        """Stop every process and line."""
        for desk in self._desks.values():
            await desk.close()
        await asyncio.gather(*(node.stop() for node in self.nodes.values()))
        await asyncio.gather(*(line.close() for line in self.lines.values()))

    # --- looking at it ---------------------------------------------------------------------------------------------------

    def database(self, key: str) -> Path:
        """A node's store."""
        return self.nodes[key].home / "node.db"

    def address(self, key: str) -> str:
        """Where a node's pages are."""
        return f"http://127.0.0.1:{self.nodes[key].port}"

    def running(self) -> dict[str, bool]:
        """Which nodes live."""
        return {key: node.is_running for key, node in self.nodes.items()}

    def describe(self) -> str:
        """All nodes in a few words, for a failure's text."""
        return "\n".join(f"  {key}: {peek.snapshot()}" for key, peek in self.peeks.items())

    async def desk_for(self, step: Step) -> OfficerDesk:
        """The desk of an officer who may write this step, signed in."""
        person = officer_for(step)
        desk = self._desks.get((person.place, person.login))
        if desk is None:
            desk = self._desks[(person.place, person.login)] = OfficerDesk(self.address(person.place), person)
            await desk.sign_in()
        return desk


def officer_for(step: Step) -> Person:
    """Who writes a step: the first at that office whose role allows it. Raises `DemoFailed` if nobody does."""
    office = step.office or BY_KEY[step.at].office
    able = ROLES_OF_ACT[step.kind]
    for person in PEOPLE:
        if person.place == step.at and person.office == office and not able.isdisjoint(person.roles):
            return person
    raise DemoFailed(f"nobody at {office} may write {step.kind}")


def below(place: Place) -> Iterable[Place]:
    """The places directly below one."""
    return (other for other in PLACES if other.above == place.key)
