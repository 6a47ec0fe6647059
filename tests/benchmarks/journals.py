"""Ten million entries of a county in a store, made past the pen: what `reverify` walks over.

Seats, keys, enrolments and checkpoints are real, every entry is sealed as `sync.core.journal.seal` does and stored as
`sync.store` does, so the store opens as a node and its journals verify. Bodies are bytes without meaning, in the sizes
of a county's year; nothing is folded, posted or attested. One process seals, the other writes.
Next: `reverify`; `bulk`, which seals entries that mean something.
"""

import asyncio
import contextlib
import multiprocessing
import sqlite3
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from hashlib import sha256
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, Final

import asyncpg
from msgspec import Struct
from sqlalchemy import Table, make_url

from office.database import database_url
from office.founding import found_county
from office.node import Node, load_data_key
from office.paths import Home
from office.seeds import SAMPLE_COUNTY
from office.settings import load_settings
from schemas.names import SALT_BYTES, OfficeId
from schemas.wire import encode_head, header_prefix
from sync import tables
from sync.core import note
from sync.core.journal import CHECKPOINT_ENTRIES_MAX
from sync.core.merkle import Frontier
from sync.keys import Ed25519Key, Ed25519Signer
from sync.sealing import AesGcmSealer
from sync.statements import columns_of
from tests.benchmarks.bulk import Bulk
from tests.benchmarks.load_model import townships

COUNTY_NAME: Final = "cangxi"
YEAR_BEGINS: Final = 1_767_225_600_000
"""1 January 2026, in milliseconds."""

YEAR_MS: Final = 365 * 86_400_000
BATCH_ROWS: Final = 8192
RUN_MEAN: Final = 8
"""Entries that arrive of one journal in a row: an idle line brings one, a day's page 500."""

BODY_BYTES: Final = (200, 400)
"""What events of the county's year weigh (`county_year`)."""

ENTRIES_A_CASE: Final = 20
OPEN_CASES: Final = 4096
COUNTY_WEIGHT: Final = 60
TOWN_WEIGHT: Final = 15
"""Entries of a journal against those of one village: decisions are taken above, filings below."""

KINDS: Final = (
    "case.filed",
    "case.accepted",
    "step.completed",
    "step.completed",
    "custody.offered",
    "custody.accepted",
    "case.decided",
    "case.closed",
    "paper.attached",
    "fee.received",
)

ENTRY_COLUMNS: Final = columns_of(tables.entries)


class Seed(Struct):
    """One journal as the sealing process needs it."""

    key: int
    prefix: bytes
    origin_line: str
    log_seed: bytes
    size: int
    tip: bytes
    frontier: bytes
    weight: float


class Sealed(Struct):
    """A message of the sealing process: rows without their number of arrival, checkpoints, and at last the heads."""

    entries: list[tuple[Any, ...]]
    checkpoints: list[tuple[int, int, bytes, bytes]]
    heads: list[tuple[int, bytes, bytes, int, int]]
    """(size, tip, frontier, checkpointed, key)"""


class Growing:
    """A journal while entries are sealed into it."""

    def __init__(self, seed: Seed) -> None:
        self.seed = seed
        self.size = self.checkpointed = seed.size
        self.tip = seed.tip
        self.frontier = Frontier.from_bytes(seed.frontier)
        self.signer = Ed25519Key(seed.log_seed)
        self.fresh: list[bytes] = []

    def sign(self) -> tuple[int, int, bytes, bytes]:
        """A checkpoint over all entries so far, as a row."""
        self.frontier = self.frontier.extend(self.fresh)
        self.fresh = []
        self.checkpointed = self.size
        root = self.frontier.root()
        message = note.note_message(note.checkpoint_text(self.seed.origin_line, self.size, root))
        return self.seed.key, self.size, root, self.signer.sign(message)


def seal_all(pipe: Connection, seeds: Sequence[Seed], count: int, data_key: bytes, random_seed: int) -> None:
    """Seal `count` entries into the journals and send them, batch by batch. Runs in a process of its own."""
    sealing = _Sealing(seeds, count, data_key, random_seed)
    for batch in sealing.batches():
        pipe.send(batch)
    pipe.close()


class _Sealing:
    """Journals drawn by weight, in runs, each entry about one of the open cases."""

    def __init__(self, seeds: Sequence[Seed], count: int, data_key: bytes, random_seed: int) -> None:
        self.random = Random(random_seed)
        self.journals = [Growing(seed) for seed in seeds]
        self.weights = [seed.weight for seed in seeds]
        self.left = count
        self.step = YEAR_MS / max(1, count)
        self.at = float(YEAR_BEGINS)
        self.seal = AesGcmSealer(data_key).seal
        self.noise = self.random.randbytes(1 << 20)
        self.cases = [self.random.randbytes(16) for _ in range(OPEN_CASES)]

    def batches(self) -> Iterator[Sealed]:
        while self.left > 0:
            batch = Sealed([], [], [])
            while self.left > 0 and len(batch.entries) < BATCH_ROWS:
                (journal,) = self.random.choices(self.journals, self.weights)
                self._run(journal, min(self.left, 1 + int(self.random.expovariate(1 / RUN_MEAN))), batch)
            yield batch
        last = Sealed([], [journal.sign() for journal in self.journals if journal.fresh], [])
        last.heads = [
            (one.size, one.tip, one.frontier.to_bytes(), one.checkpointed, one.seed.key) for one in self.journals
        ]
        yield last

    def _run(self, journal: Growing, count: int, batch: Sealed) -> None:
        draw = self.random.random
        noise, cases, key, prefix, tip = self.noise, self.cases, journal.seed.key, journal.seed.prefix, journal.tip
        low, high = BODY_BYTES
        for _ in range(count):
            if draw() * ENTRIES_A_CASE < 1:
                cases[int(draw() * OPEN_CASES)] = self.random.randbytes(16)
            subject = cases[int(draw() * OPEN_CASES)]
            start = int(draw() * (len(noise) - high - SALT_BYTES))
            size = low + int(draw() * (high - low))
            salt = noise[start : start + SALT_BYTES]
            body = noise[start + SALT_BYTES : start + SALT_BYTES + size]
            at, kind = int(self.at), KINDS[int(draw() * len(KINDS))]
            head = encode_head(at, kind, subject)  # pyright: ignore[reportArgumentType]
            digest = sha256(salt + body).digest()
            seq = journal.size
            tip = sha256(b"".join((prefix, seq.to_bytes(8, "big"), tip, digest, head))).digest()
            row = (key, seq, 1, at, False, kind, subject, head, salt, self.seal(tip, body), tip, None, None, None, None)
            batch.entries.append(row)
            journal.size += 1
            journal.fresh.append(tip)
            self.at += self.step
            if journal.size - journal.checkpointed >= CHECKPOINT_ENTRIES_MAX:
                batch.checkpoints.append(journal.sign())
        journal.tip = tip
        self.left -= count


# --- writing -------------------------------------------------------------------------------------------------------


def fill(folder: Path, count: int, random_seed: int, database: str = "") -> int:
    """A county's node in `folder` whose store holds about `count` entries. Returns how many there are."""
    found_county(folder, OfficeId(SAMPLE_COUNTY), COUNTY_NAME)
    if database:
        Home(folder).settings.write_text(f'database = "{database}"\n')
    seeds, arrival = asyncio.run(_enrol(folder, random_seed))
    home = Home(folder)
    url = database_url(load_settings(home.settings).database, home.database)
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    arguments = (sending, seeds, max(0, count - arrival), load_data_key(home, None), random_seed)
    process = context.Process(target=seal_all, args=arguments)
    process.start()
    sending.close()
    try:
        if database:
            return asyncio.run(_write_postgres(database, _received(receiving), arrival, count))
        return _write_sqlite(Path(url.database or ""), _received(receiving), arrival, count)
    finally:
        process.terminate()
        process.join()


async def _enrol(folder: Path, random_seed: int) -> tuple[list[Seed], int]:
    """A device for every township and village; what the sealing process must know of each journal."""
    random = Random(random_seed)
    node = await Node.open(folder)
    try:
        bulk = Bulk(node, random)
        towns = townships()
        begins: Any = YEAR_BEGINS
        await bulk.enrol([town.office for town in towns], begins)
        await bulk.enrol([village for town in towns for village, _ in town.villages], begins)
        await bulk.finish()
        return [_seed(node, bulk, office, random) for office in bulk.devices], node.books.arrival
    finally:
        await node.close()


def _seed(node: Node, bulk: Bulk, office: OfficeId, random: Random) -> Seed:
    device = bulk.devices[office]
    journal, signer = device.journal, device.signer
    assert isinstance(signer, Ed25519Signer)
    tip, state = node.books.tips[journal], node.books.journal_state(journal)
    line = note.origin_line(node.books.seat.root.county, office, journal)
    weight = {6: COUNTY_WEIGHT, 9: TOWN_WEIGHT}.get(len(office), 1) * random.lognormvariate(0, 0.5)
    frontier = tip.frontier.to_bytes()
    return Seed(state.key, header_prefix(journal), line, signer.log_seed(), tip.size, tip.hash, frontier, weight)


def _received(pipe: Any) -> Iterator[Sealed]:
    with contextlib.suppress(EOFError):
        while True:
            yield pipe.recv()


def _numbered(rows: Iterable[tuple[Any, ...]], arrival: int) -> Generator[tuple[Any, ...]]:
    for number, row in enumerate(rows, arrival + 1):
        yield (number, row[0], row[1], *row[2:])


_HEADS: Final = "UPDATE journals SET size = {}, tip = {}, frontier = {}, checkpointed = {} WHERE key = {}"


def _insert(table: Table) -> str:
    return f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(columns_of(table)))})"


def _write_sqlite(file: Path, batches: Iterable[Sealed], arrival: int, count: int) -> int:
    """Rows first, indexes after: they are then sorted once."""
    connection = sqlite3.connect(file, isolation_level=None)
    for pragma in ("journal_mode=DELETE", "journal_mode=OFF", "synchronous=OFF", "cache_size=-262144"):
        connection.execute(f"PRAGMA {pragma}")
    kept = "SELECT name, sql FROM sqlite_master WHERE tbl_name = 'entries' AND type = 'index' AND sql NOT NULL"
    indexes = connection.execute(kept).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.execute("BEGIN")
    for batch in batches:
        connection.executemany(_insert(tables.entries), _numbered(batch.entries, arrival))
        connection.executemany(_insert(tables.checkpoints), batch.checkpoints)
        connection.executemany(_HEADS.format(*"?????"), batch.heads)
        arrival += len(batch.entries)
        _show("sealed and written", arrival, count)
    connection.execute("COMMIT")
    for number, (_, sql) in enumerate(indexes):
        _show("indexes", number, len(indexes))
        connection.execute(sql)
    _show("indexes", len(indexes), len(indexes))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    return arrival


async def _write_postgres(database: str, batches: Iterable[Sealed], arrival: int, count: int) -> int:
    address = make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(address)
    try:
        for batch in batches:
            rows = list(_numbered(batch.entries, arrival))
            await connection.copy_records_to_table("entries", records=rows, columns=ENTRY_COLUMNS)
            names = columns_of(tables.checkpoints)
            await connection.copy_records_to_table("checkpoints", records=batch.checkpoints, columns=names)
            await connection.executemany(_HEADS.format(*(f"${number}" for number in range(1, 6))), batch.heads)
            arrival += len(batch.entries)
            _show("sealed and written", arrival, count)
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return arrival


def _show(what: str, done: int, total: int) -> None:
    end = "\n" if done >= total else ""
    print(f"\r{what}: {done:,} / {total:,}", end=end, file=sys.stderr, flush=True)
