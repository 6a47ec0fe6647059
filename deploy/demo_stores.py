"""Looking into the demo's stores from outside: read-only, beside the process that writes them.

Plain SQL on the node's SQLite file, and no code of the line: what the demo shows and checks must not be the line's own
opinion of itself. Never writes. Next: `demo_view` (shows it), `demo_checks` (judges it).
"""

import contextlib
import sqlite3
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

from office import cipher
from office.asking import read_passphrase
from office.locking import agent_of
from office.paths import Home
from office.vault import Vault
from schemas.codec import decode
from sync.ports import LinkMemory

UNREADABLE: Final = (sqlite3.Error, cipher.driver().Error)
"""What reading a store raises that is just being made, restored or locked."""

WAIT_S: Final = 5.0
"""How long a reader waits for a writer's checkpoint of the write-ahead file."""


class Snapshot(Struct, frozen=True):
    """One node at one moment, as its store tells."""

    own: int = 0
    """Entries in its own journals."""
    held: int = 0
    """Entries in all journals, its own among them."""
    unsent_up: int = 0
    unsent_down: int = 0
    cases: int = 0
    in_custody: int = 0
    """Cases whose pen this office holds."""
    receipted: int = 0
    """Entries of its own journals that the county has signed for."""
    receipts: int = 0
    """Receipts in its store, by whomever."""
    set_aside: int = 0
    """Entries held, quarantined or unknown."""
    findings: int = 0
    quarantined: bool = False
    """Whether it knows that it was rolled back and has not caught up yet."""


class CaseLine(Struct, frozen=True):
    """One case as a node's list has it."""

    stage: str
    turn: int
    custodian: str | None
    offeree: str | None


class Peek:
    """The store of one node, read from outside."""

    def __init__(self, database: Path, office: str, node: str, parent: str | None, key: bytes | None = None) -> None:
        """`node`, `parent`: the devices' names; `office`: the node's seat; `key`: of a locked village's store."""
        self.database = database
        self._key = key
        self._office = office
        self._node = node
        self._parent = parent

    @contextlib.contextmanager
    def open(self) -> Generator[sqlite3.Connection]:
        """A read-only connection for a few queries."""
        connection = self._connect()
        try:
            yield connection
        finally:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        if self._key is None:
            connection: Any = sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True, timeout=WAIT_S)
            connection.row_factory = sqlite3.Row
        else:
            connection = cipher.connect(str(self.database), self._key)
            connection.execute("PRAGMA query_only=1")
            connection.row_factory = cipher.driver().Row
        return connection

    def count_entries_about(self, case: bytes) -> int:
        """How many entries of a case are here that officers wrote: a node notes by itself what it received."""
        with self.open() as connection:
            counted = "SELECT count(*) FROM entries WHERE subject = ? AND kind != 'case.received'"
            return _number(connection, counted, case)

    def find_case(self, case: bytes) -> CaseLine | None:
        """A case's line in the list, or None."""
        with self.open() as connection:
            row = connection.execute(
                "SELECT stage, turn, custodian, offeree FROM cases WHERE subject = ?", (case,)
            ).fetchone()
        return CaseLine(*row) if row is not None else None

    def published(self) -> dict[bytes, str]:
        """Statements of the register that are here, catalogue, grants, posts, desks: hash → the office whose it is."""
        with self.open() as connection:
            return {bytes(digest): office for digest, office in connection.execute("SELECT hash, office FROM records")}

    def count_receipted(self, office: str) -> int:
        """How many entries of this node's own journals an office has signed for, as this node knows."""
        with self.open() as connection:
            return self._receipted(connection, office)

    def _receipted(self, connection: sqlite3.Connection, office: str) -> int:
        counted = "SELECT coalesce(sum(size), 0) FROM receipts WHERE origin = ? AND office = ?"
        return _number(connection, counted, self._node, office)

    def papers(self) -> set[bytes]:
        """Photographs and PDF that cases name here, whether they are here or not."""
        with self.open() as connection:
            return {bytes(digest) for (digest,) in connection.execute("SELECT digest FROM papers")}

    def is_quarantined_toward(self, seat: str) -> bool:
        """Whether this node knows that it was rolled back and has not caught up with that neighbour yet."""
        with self.open() as connection:
            return _number(connection, "SELECT count(*) FROM links WHERE quarantined AND seat = ?", seat) > 0

    def count_findings(self, *codes: str) -> int:
        """How many findings of the post have one of these codes."""
        marks = ", ".join("?" * len(codes))
        with self.open() as connection:
            return _number(connection, f"SELECT count(*) FROM evidence WHERE code IN ({marks})", *codes)  # noqa: S608

    def snapshot(self) -> Snapshot:
        """The node at this moment."""
        with self.open() as connection:
            up, down = self._unsent(connection)
            return Snapshot(
                own=_number(connection, "SELECT coalesce(sum(size), 0) FROM journals WHERE origin = ?", self._node),
                held=_number(connection, "SELECT count(*) FROM entries"),
                unsent_up=up,
                unsent_down=down,
                cases=_number(connection, "SELECT count(*) FROM cases"),
                in_custody=_number(
                    connection,
                    "SELECT count(*) FROM cases WHERE custodian = ?1 OR custodian LIKE ?1 || '.%'",
                    self._office,
                ),
                receipted=_number(
                    connection,
                    "SELECT coalesce(sum(size), 0) FROM receipts WHERE origin = ? AND length(office) = 6",
                    self._node,
                ),
                receipts=_number(connection, "SELECT count(*) FROM entries WHERE kind = 'line.receipted'"),
                set_aside=_number(connection, "SELECT count(*) FROM dispositions"),
                findings=_number(connection, "SELECT count(*) FROM evidence"),
                quarantined=_number(connection, "SELECT count(*) FROM links WHERE quarantined") > 0,
            )

    def _unsent(self, connection: sqlite3.Connection) -> tuple[int, int]:
        """Numbers of the outboxes that the neighbours have not stated yet: toward the parent, toward the children."""
        stated: dict[tuple[str, int, int, bytes], int] = {}
        for neighbour, memory in connection.execute("SELECT neighbour, memory FROM links"):
            for lane, epoch, number in decode(memory, LinkMemory).acknowledged:
                stated[(neighbour, lane, epoch.ordinal, epoch.nonce)] = number
        up = down = 0
        ends = connection.execute(
            "SELECT neighbour, lane, ordinal, nonce, max(number + count - 1) "
            "FROM streams JOIN outbox ON stream = key GROUP BY key"
        )
        for neighbour, lane, ordinal, nonce, end in ends:
            waiting = max(0, end - stated.get((neighbour, lane, ordinal, nonce), 0))
            if neighbour == self._parent:
                up += waiting
            else:
                down += waiting
        return up, down


def passphrase_file(home: Path) -> Path:
    """Where the demo keeps login and passphrase of a village that starts without anybody: beside its folder."""
    return home.with_name(f"{home.name}.passphrase")


def open_vault(home: Path) -> Vault | None:
    """What a village's folder is locked with, open; None for the other folders, which lie plain."""
    if not Home(home).vault.exists():
        return None
    login, passphrase = read_passphrase(passphrase_file(home))
    return Vault.open_with(Home(home), agent_of(login), passphrase)


def meant_for(office: str, published: Mapping[bytes, str]) -> set[bytes]:
    """What must be at an office: the statements of its own line, from the county down to itself and all below it."""
    return {digest for digest, by in published.items() if office.startswith(by) or by.startswith(office)}


def copy_store(database: Path, target: Path) -> None:
    """A consistent copy of a store while its node runs: SQLite's own backup, as an operator's nightly job does it."""
    source = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True, timeout=WAIT_S)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
    finally:
        copy.close()
        source.close()


def _number(connection: sqlite3.Connection, query: str, *values: Any) -> int:
    return connection.execute(query, values).fetchone()[0]
