"""What the database alone can do with the very rows that the product wrote: the yardstick of the ingest benchmark.

PostgreSQL: COPY through asyncpg into an empty copy of `entries` that has its primary key only, 500 rows a commit.
SQLite: `executemany` through the standard library, the same rows and batches, WAL with synchronous=FULL. Both read the
rows back from the product's own table first; reading is not counted. CPU is that of this process and, for PostgreSQL,
of all its processes.
"""

import sqlite3
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg

from sync.tables import entries
from tests.benchmarks.cpu import Watched

BATCH_ROWS: Final = 500
ROUNDS: Final = 3
COLUMNS: Final = tuple(column.name for column in entries.columns)

Row = Sequence[Any]


async def copy_cpu_s(url: str, server: Watched) -> tuple[float, int]:
    """CPU seconds a row of COPY, median of the rounds, and how many rows there were."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        rows = [
            tuple(row) for row in await connection.fetch(f"SELECT {', '.join(COLUMNS)} FROM entries ORDER BY arrival")
        ]
        costs: list[float] = []
        for _ in range(ROUNDS):
            await connection.execute("DROP TABLE IF EXISTS entries_copy")
            await connection.execute(
                "CREATE TABLE entries_copy (LIKE entries INCLUDING DEFAULTS, PRIMARY KEY (arrival))"
            )
            await connection.execute("CHECKPOINT")
            before = time.process_time() + server.seconds()
            for start in range(0, len(rows), BATCH_ROWS):
                async with connection.transaction():
                    await connection.copy_records_to_table(
                        "entries_copy", records=rows[start : start + BATCH_ROWS], columns=COLUMNS
                    )
            costs.append((time.process_time() + server.seconds() - before) / len(rows))
        await connection.execute("DROP TABLE entries_copy")
    finally:
        await connection.close()
    return statistics.median(costs), len(rows)


def executemany_cpu_s(database: Path, folder: Path) -> tuple[float, int]:
    """CPU seconds a row of executemany, median of the rounds, and how many rows there were."""
    with sqlite3.connect(database) as source:
        rows = source.execute(f"SELECT {', '.join(COLUMNS)} FROM entries ORDER BY arrival").fetchall()
        declared = source.execute("SELECT sql FROM sqlite_master WHERE name = 'entries'").fetchone()[0]
    source.close()
    insert = f"INSERT INTO entries ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
    costs: list[float] = []
    for number in range(ROUNDS):
        target = sqlite3.connect(folder / f"limit-{number}.sqlite3", isolation_level=None)
        target.execute("PRAGMA journal_mode=WAL")
        target.execute("PRAGMA synchronous=FULL")
        target.execute(declared)
        before = time.process_time()
        for start in range(0, len(rows), BATCH_ROWS):
            target.execute("BEGIN IMMEDIATE")
            target.executemany(insert, rows[start : start + BATCH_ROWS])
            target.execute("COMMIT")
        costs.append((time.process_time() - before) / len(rows))
        target.close()
    return statistics.median(costs), len(rows)
