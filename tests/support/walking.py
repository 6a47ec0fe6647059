"""Walks a node's stored journals past the product's own reading: every hash again, every number in its place.

Written against the wire format (`schemas.wire`) and the rows, not against `sync.store`. It does not check signatures,
nor what bodies mean.
"""

from hashlib import sha256
from typing import Any

from msgspec import Struct
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from schemas.names import Epoch, JournalId, NodeId
from schemas.wire import header_prefix
from sync.ports import Sealer


class Walked(Struct):
    """What was found: hashes by (epoch ordinal, seq), arrival numbers in order, and what does not fit."""

    hashes: dict[tuple[int, int], bytes]
    arrivals: list[int]
    faults: list[str]


async def walk(engine: AsyncEngine, sealer: Sealer) -> Walked:
    """Walk every journal held without gaps, its outbox rows, and the order of arrival."""
    found = Walked({}, [], [])
    async with engine.connect() as connection:
        for key, origin, ordinal, nonce, size, tip in await _rows(
            connection, "SELECT key, origin, ordinal, nonce, size, tip FROM journals ORDER BY key"
        ):
            journal = JournalId(NodeId(origin), Epoch(ordinal, bytes(nonce)))
            rows = await _rows(
                connection,
                "SELECT seq, head, salt, body, digest, hash FROM entries "
                "WHERE journal = :key AND NOT loose ORDER BY seq",
                key=key,
            )
            _walk_journal(journal, size, bytes(tip), rows, sealer, found)
        found.arrivals = [row[0] for row in await _rows(connection, "SELECT arrival FROM entries ORDER BY arrival")]
        await _walk_outbox(connection, found)
    if found.arrivals != list(range(1, len(found.arrivals) + 1)):
        found.faults.append("the order of arrival has a gap")
    return found


def _walk_journal(journal: JournalId, size: int, tip: bytes, rows: list[Any], sealer: Sealer, found: Walked) -> None:
    previous = bytes(32)
    if len(rows) != size:
        found.faults.append(f"{journal}: {len(rows)} entries where its state says {size}")
    for place, (seq, head, salt, body, digest, stored) in enumerate(rows):
        if seq != place:
            found.faults.append(f"{journal}: entry {seq} stands at place {place}")
        if body is not None:
            digest = sha256(bytes(salt) + sealer.open(bytes(stored), bytes(body))).digest()
        header = header_prefix(journal) + seq.to_bytes(8, "big") + previous + bytes(digest) + bytes(head)
        previous = sha256(header).digest()
        if previous != bytes(stored):
            found.faults.append(f"{journal}: entry {seq} does not hash to what is stored")
        found.hashes[(journal.epoch.ordinal, seq)] = previous
    if rows and previous != tip:
        found.faults.append(f"{journal}: its state names another tip")


async def _walk_outbox(connection: AsyncConnection, found: Walked) -> None:
    """Every stream is numbered from 1 without a hole, and every row's entries are held."""
    rows = await _rows(connection, "SELECT stream, number, count, journal, seq FROM outbox ORDER BY stream, number")
    held = {(row[0], row[1]) for row in await _rows(connection, "SELECT journal, seq FROM entries")}
    following: dict[int, int] = {}
    for stream, number, count, journal, seq in rows:
        if number != following.get(stream, 1):
            found.faults.append(f"stream {stream}: number {number} follows {following.get(stream, 1) - 1}")
        following[stream] = number + count
        if any((journal, seq + offset) not in held for offset in range(count)):
            found.faults.append(f"stream {stream}: number {number} names an entry that is not held")


async def _rows(connection: AsyncConnection, query: str, **values: object) -> list[Any]:
    return list((await connection.execute(text(query), values)).all())
