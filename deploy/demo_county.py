"""The demo's county: seven homes, seven processes, six lines, and what can happen to them.

Everything goes through the doors that an operator uses: `hub network import`, one-time codes, `enrol`, `accounts add`,
`run`, `posts assign`, `verify`, a file copy as backup. Never writes into a node's store. Next: `demo_play`, which
commands it.
"""

import asyncio
import csv
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from msgspec import structs

from deploy.demo_desk import OfficerDesk, today_of
from deploy.demo_lines import Line
from deploy.demo_processes import DemoFailed, NodeProcess, free_port, run_verb
from deploy.demo_scenario import (
    BY_KEY,
    COMPLAINT_PHONE,
    COUNTY_NAME,
    EDITION,
    EDITION_DOCUMENT,
    GRANT,
    PASSWORD,
    PEOPLE,
    PLACES,
    QUERY_ADDRESS,
    WINDOWS,
    Person,
    Place,
    Step,
)
from deploy.demo_staff import STANDS_IN, person_at, statements_of
from deploy.demo_stores import Peek, open_vault, passphrase_file
from deploy.demo_view import Narrator
from hub.catalogue.workbook import write_edition
from office.accounts import Accounts
from office.local import publish
from office.locking import is_lockable, lock_home
from office.node import Node, load_data_key
from office.paths import Home, write_private
from office.publishing import records_of
from office.seat import load_seat_file
from office.seeds import load_catalogue
from office.settings import PASSPHRASE_VARIABLE
from schemas.casework.roles import ROLES_OF_ACT
from schemas.names import OPERATION_BYTES
from sync.ports import Sealer
from sync.sealing import AesGcmSealer

HUB: Final = "hub"


class County:
    """One county on one machine."""

    def __init__(self, folder: Path) -> None:
        """`folder`: empty, and the county's alone."""
        self.folder = folder
        self.nodes: dict[str, NodeProcess] = {}
        self.lines: dict[str, Line] = {}
        self.peeks: dict[str, Peek] = {}
        self._desks: dict[tuple[str, str], OfficerDesk] = {}

    # --- making it ---------------------------------------------------------------------------------------------------

    async def found(self, narrator: Narrator) -> None:
        """Make the county as its people would: hub, list of offices, sheets, enrolments, accounts. All lines are up."""
        narrator.head("建县：县中心建节点、导入单位、打印注册单；镇村凭单注册。", "Founding the county.")
        for place in PLACES:
            home = self.folder / place.key
            port = free_port()
            self.nodes[place.key] = NodeProcess(place.module, home, port, self._settings(place, home, port))
        hub = BY_KEY[HUB]
        await self._verb(HUB, "init", "--office", hub.office, "--name", COUNTY_NAME)
        await self._verb(HUB, "network", "import", "--quiet", "--local", str(self._write_offices()))
        await self._open_office(hub)
        narrator.tell(f"县中心 {self.address(HUB)} 已开，注册单已打印。", f"The hub is up at {self.address(HUB)}.")
        await self._publish()
        narrator.tell(
            f"县中心发布事项目录 {EDITION} 和一项委托：{GRANT.grantor}委托云峰镇。",
            f"The county has published catalogue {EDITION} and a grant: Yunfeng decides for the forestry bureau.",
        )
        await asyncio.gather(*(self._join(place) for place in below(hub)))
        narrator.tell("2 个镇、4 个村已注册，页面已开。", "2 townships and 4 villages are enrolled and up.")

    async def _publish(self) -> None:
        """The county's catalogue and a grant, by its verbs, beside the running node: they go down every line."""
        by = BY_KEY[HUB].office + "/leader"
        edition = structs.replace(load_catalogue(), version=EDITION, document=EDITION_DOCUMENT, approver=by)
        write_edition(self.folder / "catalogue.xlsx", edition)
        first = today_of().isoformat()
        await self._verb(HUB, "catalogue", "publish", str(self.folder / "catalogue.xlsx"), "--from", first)
        await self._verb(
            *(HUB, "grants", "add", GRANT.number, "--grantor", GRANT.grantor, "--to", *GRANT.grantees),
            *("--items", *GRANT.items, "--from", first, "--entrusted", "--officer", "leader"),
        )

    async def _join(self, place: Place) -> None:
        """Enrol a place with its sheet, open it, then everything below it."""
        assert place.above is not None
        line = self.lines[place.key] = Line(place.key, self.nodes[place.above].port)
        await line.open()
        self.nodes[place.key].settings["TONGBAN_PARENT"] = line.address
        await self._verb(place.key, "enrol", str(self.nodes[HUB].home / "sheets" / f"{place.office}.txt"))
        await self._open_office(place)
        await asyncio.gather(*(self._join(child) for child in below(place)))

    async def _open_office(self, place: Place) -> None:
        """Accounts for its people, then its pages, then who does what there."""
        await self._add_accounts(place)
        await self.start(place.key)
        if statements := statements_of(place, secrets.token_bytes(OPERATION_BYTES), today_of()):
            # What `posts assign`, `absences state`, `desks set`, `slots set` and `names bind` do, all at once.
            await publish(self.nodes[place.key].home, records_of(*statements))
        chain = [link.enrolment for link in load_seat_file(Home(self.nodes[place.key].home)).chain]
        parent = chain[-2].node if len(chain) > 1 else None
        vault = open_vault(self.nodes[place.key].home)
        key = vault.store_key if vault is not None else None
        self.peeks[place.key] = Peek(self.database(place.key), place.office, chain[-1].node, parent, key)

    async def _add_accounts(self, place: Place) -> None:
        """What `accounts add` does, for all its people at once: with the first of them a village is locked. The demo's
        villages then start without anybody, from a file.
        """
        node = await Node.open(self.nodes[place.key].home, with_pen=False)
        try:
            accounts = Accounts(node.engines.write, node.engines.read, node.seat, node.clock, node.salts)
            for person in PEOPLE:
                if person.place == place.key:
                    await accounts.add_officer(person.login, person.name, person.office, person.roles, PASSWORD)
        finally:
            await node.close()
        home, settings = node.home, node.settings
        if is_lockable(home, settings):
            login = next(person.login for person in PEOPLE if person.place == place.key)
            write_private(passphrase_file(home.folder), f"{login}\n{PASSWORD}\n".encode())
            self.nodes[place.key].settings[PASSPHRASE_VARIABLE] = str(passphrase_file(home.folder))
            await asyncio.to_thread(lock_home, home, settings, login, PASSWORD)

    def _settings(self, place: Place, home: Path, port: int) -> dict[str, str]:
        return {
            "TONGBAN_HOME": str(home),
            "TONGBAN_PORT": str(port),
            "TONGBAN_SYNC_EVERY_S": "1",
            "TONGBAN_BACKOFF_MAX_S": "1",
            "TONGBAN_SERVICE_PHONE": place.phone,
            "TONGBAN_COMPLAINT_PHONE": COMPLAINT_PHONE,
            "TONGBAN_QUERY_ADDRESS": QUERY_ADDRESS,
        }

    def _write_offices(self) -> Path:
        """The county's list of offices, as its people would keep it in a table."""
        path = self.folder / "offices.csv"
        rows = [(place.office, place.name, self.address(place.key)) for place in PLACES]
        rows += [(window, name, "") for window, name in WINDOWS.items()]
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("office", "name", "address"), *rows])
        return path

    async def _verb(self, key: str, *words: str) -> str:
        node = self.nodes[key]
        return await run_verb(node.module, *words, settings=node.settings)

    # --- what befalls it ---------------------------------------------------------------------------------------------

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

    async def use_stick(self, key: str, what: str) -> None:
        """Plug the county's one stick in at a place, and write, read or reply to it, beside the running node."""
        stick = self.folder / "stick"
        stick.mkdir(exist_ok=True)
        await self._verb(key, "bundle", what, str(stick))

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

    async def story_of(self, number: str, language: str) -> str:
        """The story of a case, as the county's verb `case` prints it."""
        node = self.nodes[HUB]
        return await run_verb(node.module, "case", number, settings=node.settings | {"TONGBAN_LANGUAGE": language})

    async def verify(self) -> list[str]:
        """`verify` of every node, beside the running process. Returns what it found, in words; empty = all is well."""

        async def one(key: str) -> str:
            try:
                await self._verb(key, "verify")
            except DemoFailed as failure:
                return f"{key}: {failure}"
            return ""

        found = await asyncio.gather(*(one(key) for key in self.nodes))
        return [fault for fault in found if fault]

    # --- looking at it -----------------------------------------------------------------------------------------------

    @property
    def told_file(self) -> Path:
        """What the officers were told, for whoever looks into a kept folder (`demo_checks.Told`)."""
        return self.folder / "told.json"

    def database(self, key: str) -> Path:
        """A node's store."""
        return self.nodes[key].home / "node.db"

    def count_papers(self, key: str) -> int:
        """How many of the papers that cases name at a place are whole there."""
        named = self.peeks[key].papers()
        return sum((self.nodes[key].home / "papers" / digest.hex()).exists() for digest in named)

    def sealer(self, key: str) -> Sealer:
        """What opens the bodies in a node's store: the demo owns the machine, so it may read the node's key."""
        home = self.nodes[key].home
        return AesGcmSealer(load_data_key(Home(home), open_vault(home)))

    def address(self, key: str) -> str:
        """Where a node's pages are."""
        return f"http://127.0.0.1:{self.nodes[key].port}"

    def running(self) -> dict[str, bool]:
        """Which nodes live."""
        return {key: node.is_running for key, node in self.nodes.items()}

    def describe(self) -> str:
        """All nodes in a few words, for a failure's text."""
        lines = [f"  {key}: {peek.snapshot()}" for key, peek in self.peeks.items()]
        lines += [f"  {key}: {complaint}" for key, node in self.nodes.items() for complaint in node.complaints()]
        return "\n".join(lines)

    async def desk_for(self, step: Step) -> OfficerDesk:
        """The desk of an officer who may write this step, signed in."""
        person = officer_for(step)
        key = (person.place, person.login)
        if key not in self._desks:
            self._desks[key] = OfficerDesk(self.address(person.place), person)
        await self._desks[key].sign_in()
        return self._desks[key]


def officer_for(step: Step) -> Person:
    """Who writes a step: the first at that office whose role allows it, or who stands in for them. Raises `DemoFailed`
    if nobody does.
    """
    office = step.office or BY_KEY[step.at].office
    able = ROLES_OF_ACT[step.kind]
    for person in PEOPLE:
        if person.place == step.at and person.office == office and not able.isdisjoint(person.roles):
            return person_at(office, STANDS_IN.get((office, person.login), person.login))
    raise DemoFailed(f"nobody at {office} may write {step.kind}")


def below(place: Place) -> Iterable[Place]:
    """The places directly below one."""
    return (other for other in PLACES if other.above == place.key)
