"""The county's regular work besides its pen: plain coroutines, the same with and without Redis.

A job is due by what stands in rows or in its record, a small file beside the store, never by what a queue remembers:
Redis only wakes a worker (DESIGN 6). A job that is run twice, or killed and run again, does the same and harms nothing.
Never writes an entry: that is the pen's (it lights the daily beacon itself, `office.serving`, and is asked for the
reminders of unanswered orders).
Next: `hub.worker` (woken by Redis), `hub.beside` (in the hub's own process), verb `nightly` (the system's scheduler).
"""

import logging
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from hub.audit.auditing import auditor_of
from hub.audit.examining import Examined
from office.clock import SystemClock
from office.local import RunningNode
from office.node import Node
from office.paths import Home, write_private
from office.publishing import Publication
from office.verifying import verify
from schemas.names import Instant

VERIFY_EVERY_MS: Final = 24 * 3600 * 1000
"""A county's store is verified once a day: 10 million entries take one core 12 to 40 minutes (0.07 ms an entry, 0.1 ms
more for every signature beside it: checkpoints and receipts)."""

log: Final = logging.getLogger("tongban.jobs")


class Verified(Struct, frozen=True):
    """What the last verification of this node's own store said, and when."""

    at: Instant
    entries: int
    journals: int
    faults: list[str]
    """Code and place of each fault; no text of any case."""


def record_path(folder: Path) -> Path:
    """Where the last result stands."""
    return folder / "verified.json"


def find_verified(folder: Path) -> Verified | None:
    """The last result, or None when there is none that can be read."""
    path = record_path(folder)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Verified)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


async def verify_when_due(folder: Path, *, now: Instant | None = None) -> Verified | None:
    """Verify the store in `folder` unless that was done within a day. Returns the new result, or None if not due."""
    at = SystemClock().now() if now is None else now
    last = find_verified(folder)
    if last is not None and 0 <= at - last.at < VERIFY_EVERY_MS:
        return None
    node = await Node.open(folder, with_pen=False)
    try:
        report = await verify(node)
    finally:
        await node.close()
    result = Verified(at, report.entries, report.journals, [f"{fault.code} {fault.where}" for fault in report.faults])
    write_private(record_path(folder), msgspec.json.encode(result))
    if result.faults:
        log.error("the nightly verification found %d faults; run hub verify and read them", len(result.faults))
    return result


async def examine_arrived(folder: Path) -> Examined:
    """Audit what has arrived since the last time, in the node in `folder`."""
    node = await Node.open(folder, with_pen=False)
    try:
        async with auditor_of(node) as auditor:
            return await auditor.examine()
    finally:
        await node.close()


async def sweep_when_due(folder: Path) -> Examined | None:
    """The day's sweep of the audit. Returns None if it was done. Reminders are asked of whoever has the pen."""

    async def publish(publication: Publication) -> int:
        return (await RunningNode.find(Home(folder)).publish(publication)).count

    node = await Node.open(folder, with_pen=False)
    try:
        async with auditor_of(node, publish) as auditor:
            return await auditor.sweep_when_due()
    finally:
        await node.close()
