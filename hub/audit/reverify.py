"""Re-verification of everything that is stored: the chain pass weekly, segments nightly, and every night a few proofs.

The chain pass recomputes every hash from the opened bodies, every journal from its first entry to its tip, and the root
at every checkpoint; the newest checkpoint of each journal must bear its owner's signature, which covers all before it.
The segment pass compares digests over what is stored (`hub.audit.segments`) and verifies from its content whatever has
no digest yet or another one. Spot checks prove drawn entries to be in the tree that their owner signed.
What is found is the county's own fault (rule I3): nobody else writes here. Signatures of single entries, receipts,
openings and every table that is folded from entries are verified by `office.verifying`, at a tenth of this pace.
Changes nothing but its own digests, and may run beside the pen. Next: `hub.audit.walkers`, `hub.cli_reverify`.
"""

import logging
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import delete, func, select

from hub.audit import walkers
from hub.audit.chain import Course, Found, Part, beside, changed, join
from hub.audit.database import AuditDatabase, audit_of, keep
from hub.audit.segments import SEGMENT_ENTRIES, Judged, Segment, bounds, explains
from hub.audit.spot_checks import SPOTS, check_spots
from hub.audit.tables import audit_segments
from hub.audit.walkers import ChainTask, SegmentTask, Source, Stray, Walked
from office.clock import SystemClock
from office.database import database_url
from office.node import Node, Progress, no_progress
from office.paths import write_private
from office.verifying import FAULTS_MAX, Fault
from schemas.codec import Malformed, decode
from schemas.names import Epoch, Instant, JournalId, NodeId
from schemas.wire import (
    KIND_EPOCH_OPENED,
    Checkpoint,
    EpochOpened,
    Proof,
    attestation,
    body_digest,
    entry_hash,
    header_prefix,
)
from sync import tables
from sync.books import line_body
from sync.core.merkle import Frontier, verify_inclusion
from sync.intact import DAMAGED
from sync.ports import Stored

CHAIN_EVERY_MS: Final = 7 * 24 * 3600 * 1000
"""Weekly (AUDIT 1.3): what the nights between cannot see is a change made together with a digest that fits."""

SEGMENTS_EVERY_MS: Final = 24 * 3600 * 1000

STRETCH_ENTRIES: Final = 2**17
"""A task: about a second's work, so that processes end together. A power of two: a whole subtree of its journal."""

SEGMENTS_AT_ONCE: Final = 32
"""Of one task: the same number of entries."""

PROCESSES_MAX: Final = 8
"""More than this many read no faster from one disk."""

GAPS_NAMED_MAX: Final = 100
SEGMENTS_MADE: Final = "segments"
"""Name in `audit_meta`: how many segments have a digest. Fewer rows than this were taken away."""

log: Final = logging.getLogger("tongban.reverify")


class Pass(StrEnum):
    """Which of the two."""

    CHAIN = "chain"
    SEGMENTS = "segments"


class Reverified(Struct, frozen=True):
    """What a pass came to; its record beside the store is this as JSON."""

    what: Pass
    at: Instant
    entries: int
    journals: int = 0
    checkpoints: int = 0
    segments: int = 0
    made: int = 0
    """Segments that got a digest, or a new one after a change that the law knows."""
    spots: int = 0
    """Entries proved to be in their owner's signed tree."""
    faults: tuple[Fault, ...] = ()
    """In one order, whatever the number of processes; at most `FAULTS_MAX`."""


class Standing(Struct):
    """The store as it stood when a pass began: what comes later is left for the next time."""

    arrival: int
    first_arrival: int
    courses: list[Course]
    journals: dict[int, JournalId]
    checkpoints: dict[int, Checkpoint]
    """The newest of each journal."""


def processes_here() -> int:
    """How many processes walk when nobody says: one for each processor that this one may use."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(count, PROCESSES_MAX)


def source_of(node: Node) -> Source:
    """What walking processes need of an open node."""
    url = database_url(node.settings.database, node.home.database)
    return Source(url, node.vault.store_key if node.vault is not None else None, node.data_key)


# --- the chain -----------------------------------------------------------------------------------------------------


async def verify_chain(
    node: Node,
    *,
    processes: int = 0,
    progress: Progress = no_progress,
    stretch: int = STRETCH_ENTRIES,
) -> Reverified:
    """Walk over every journal from its content. Total: whatever is wrong is in the faults.

    `processes`: 0 for as many as there are processors. `stretch`: entries of one task, a power of two.
    """
    standing = await read_standing(node)
    tasks = plan_chain(standing, stretch)
    done, total = 0, sum(task.entries for task in tasks)
    progress(0, total)
    outcome = Walked(tasks[0], found=[], strays=[], bare=[], parts=[])
    async for walked in walkers.carry_out(source_of(node), tasks, processes or processes_here()):
        assert isinstance(walked, Walked)
        _add(outcome, walked)
        done += walked.task.entries
        progress(min(done, total - 1), total)
    found = outcome.found + _joined(standing, outcome.parts)
    found += await _strays(node, standing, outcome.strays)
    found += await _bare(node, standing, outcome.bare)
    found += _signatures(node, standing)
    if outcome.arrived != standing.arrival or standing.first_arrival < min(1, standing.arrival):
        found += await _gaps(node, standing) or [_uncounted(standing.arrival - outcome.arrived)]
    progress(total, total)
    return Reverified(
        Pass.CHAIN,
        node.clock.now(),
        outcome.entries,
        len(standing.courses),
        outcome.checkpoints,
        faults=_in_order(found),
    )


async def read_standing(node: Node) -> Standing:
    """Sizes, tips, trees and newest checkpoints of all journals, and the last arrival, as of one moment."""
    j, c = tables.journals.c, tables.checkpoints.c
    level = {} if node.engines.is_sqlite else {"isolation_level": "REPEATABLE READ"}
    async with node.engines.read.connect() as plain:
        connection = await plain.execution_options(**level)
        arrivals = select(func.min(tables.entries.c.arrival)), select(func.max(tables.entries.c.arrival))
        first, last = [(await connection.execute(query)).scalar() or 0 for query in arrivals]
        columns = (j.key, j.origin, j.ordinal, j.nonce, j.size, j.tip, j.frontier)
        rows = (await connection.execute(select(*columns).order_by(j.key))).all()
        newest = select(c.journal, func.max(c.size).label("size")).group_by(c.journal).subquery()
        of = (c.journal == newest.c.journal) & (c.size == newest.c.size)
        signed = (await connection.execute(select(c.journal, c.size, c.root, c.signature).join(newest, of))).all()
    courses: list[Course] = []
    journals: dict[int, JournalId] = {}
    for key, origin, ordinal, nonce, size, tip, frontier in rows:
        name, prefix = walkers.named(origin, ordinal, nonce)
        journals[key] = JournalId(NodeId(origin), Epoch(ordinal, nonce))
        # No journal has more entries than ever arrived, whatever its row says.
        courses.append(Course(key, name, prefix, min(size, last + 1), tip, _root_of(frontier, size)))
    checkpoints = {key: Checkpoint(size, root, signature) for key, size, root, signature in signed}
    return Standing(last, first, courses, journals, checkpoints)


def plan_chain(standing: Standing, stretch: int = STRETCH_ENTRIES) -> list[ChainTask]:
    """Groups of neighbouring journals of about `stretch` entries, and stretches of those that are longer.

    Together they cover every number a journal may have, so that no row is read by nobody. At least one task.
    """
    tasks: list[ChainTask] = []
    group: list[Course] = []
    low, weight = -(2**31), 0
    for course in standing.courses:
        is_long = course.size > stretch
        if group and (is_long or weight + course.size > stretch):
            tasks.append(ChainTask(low, course.key - 1, tuple(group), standing.arrival))
            low, group, weight = course.key, [], 0
        if is_long:
            if low < course.key:
                tasks.append(ChainTask(low, course.key - 1, (), standing.arrival))
            tasks += _stretches(course, stretch, standing.arrival)
            low = course.key + 1
        else:
            group.append(course)
            weight += course.size
    tasks.append(ChainTask(low, 2**31 - 1, tuple(group), standing.arrival))
    return tasks


def _stretches(course: Course, stretch: int, horizon: int) -> list[ChainTask]:
    starts = range(0, course.size, stretch)
    return [
        ChainTask(
            course.key,
            course.key,
            (course,),
            horizon,
            start,
            start + stretch if start + stretch < course.size else None,
        )
        for start in starts
    ]


def _add(outcome: Walked, walked: Walked) -> None:
    outcome.entries += walked.entries
    outcome.arrived += walked.arrived
    outcome.checkpoints += walked.checkpoints
    for name in ("found", "strays", "bare", "parts"):
        kept = getattr(outcome, name)
        room = None if name == "parts" else max(0, SEGMENT_ENTRIES - len(kept))
        kept += getattr(walked, name)[:room]


def _joined(standing: Standing, parts: Iterable[Part]) -> list[Found]:
    by_journal: defaultdict[int, list[Part]] = defaultdict(list)
    for part in parts:
        by_journal[part.key].append(part)
    return [
        found
        for course in standing.courses
        if course.key in by_journal
        for found in join(course, by_journal[course.key])
    ]


def _signatures(node: Node, standing: Standing) -> list[Found]:
    found: list[Found] = []
    for key, checkpoint in standing.checkpoints.items():
        journal = standing.journals.get(key)
        if journal is None or not node.books.verify_checkpoint(journal, checkpoint):
            where = f"{journal or f'journal {key}'} checkpoint {checkpoint.size}"
            en = "the checkpoint is not signed by its journal's device"
            fault = Fault("bad_signature", where, "检查点的签名不是该日志所属设备的", en)
            found.append(Found(key, checkpoint.size, fault))
    return found


async def _strays(node: Node, standing: Standing, strays: Sequence[Stray]) -> list[Found]:
    """Entries beside their run: they stand by their own signature or proof, or have joined the run meanwhile."""
    if not strays:
        return []
    sizes = {state.journal: state.size for state in (await node.store.load()).journals}
    found: list[Found] = []
    for stray in strays:
        journal = standing.journals.get(stray.key)
        where = f"{journal or f'journal {stray.key}'} #{stray.seq}"
        entries = await node.store.entries(journal, stray.seq, stray.seq + 1) if journal is not None else []
        for entry in entries:
            if entry.loose:
                found += _loose(node, stray.key, entry)
        joined = journal is not None and 0 <= stray.seq < sizes.get(journal, 0)
        if not (joined or (entries and entries[0].loose)):
            en = "an entry that belongs to no journal, or beyond its end"
            found.append(
                Found(stray.key, stray.seq, Fault("stray", where, "该条目不属于任何日志，或在日志末条之后", en))
            )
    return found


def _loose(node: Node, key: int, entry: Stored) -> list[Found]:
    books, found = node.books, list[Found]()
    digest = body_digest(entry.salt, entry.body) if entry.body is not None else entry.digest or b""
    prefix = header_prefix(entry.journal)
    if entry_hash(prefix, entry.seq, entry.prev or bytes(32), digest, entry.head) != entry.hash:
        found.append(changed(key, str(entry.journal), entry.seq))
    if not _head_fits(entry):
        found.append(beside(key, str(entry.journal), entry.seq))
    signed = entry.signature is not None and books.keyring.verify_log(
        entry.journal.origin, attestation(entry.hash), entry.signature
    )
    if not signed and not _is_proved(node, entry):
        en = "nothing here proves this entry any more"
        where = f"{entry.journal} #{entry.seq}"
        found.append(Found(key, entry.seq, Fault("unproved", where, "该条目已失去证明", en)))
    return found


def _head_fits(entry: Stored) -> bool:
    from hub.audit.chain import head_fits

    return head_fits((0, 0, 0, 0, entry.at, entry.kind.encode(), entry.subject, entry.head))


def _is_proved(node: Node, entry: Stored) -> bool:
    try:
        proof = decode(entry.proof, Proof) if entry.proof is not None else None
    except Malformed:
        return False
    if proof is None:
        return False
    signed = proof.checkpoint
    is_inside = verify_inclusion(entry.hash, entry.seq, signed.size, proof.path, signed.root)
    return is_inside and node.books.verify_checkpoint(entry.journal, signed)


async def _bare(node: Node, standing: Standing, bare: Sequence[tuple[int, int]]) -> list[Found]:
    """Bodies that were gone before their erasure was known: read again, an order may have come since."""
    if not bare:
        return []
    erased = (await node.store.load()).erased
    found: list[Found] = []
    for key, seq in bare:
        for entry in await node.store.entries(standing.journals[key], seq, seq + 1):
            purged = entry.subject is not None and bool(await node.store.purged([entry.subject]))
            if entry.body is None and entry.hash not in erased and not purged:
                found.append(walkers.body_missing(key, str(entry.journal), seq))
    return found


async def _gaps(node: Node, standing: Standing) -> list[Found]:
    """Which numbers of arrival are not here: rows were deleted, or their numbers changed."""
    e = tables.entries.c
    after = tables.entries.alias("after").c.arrival
    is_followed = select(after).where(after == e.arrival + 1).exists()
    query = select(e.arrival).where(e.arrival < standing.arrival, ~is_followed).order_by(e.arrival)
    async with node.engines.read.connect() as connection:
        befores = (await connection.execute(query.limit(GAPS_NAMED_MAX))).scalars().all()
    numbers = [number + 1 for number in befores] + ([1] if standing.first_arrival > 1 else [])
    en = "the entry that arrived with this number is not here"
    if standing.first_arrival < 1:
        numbers.append(standing.first_arrival)
    return [Found(0, one, Fault("missing", f"arrival {one}", "以此序号到达的条目不在本机", en)) for one in numbers]


def _uncounted(count: int) -> Found:
    en = f"{count} entries belong to no journal"
    return Found(0, 0, Fault("stray", "entries", f"{count} 条条目不属于任何日志", en))


def _root_of(frontier: bytes, size: int) -> bytes | None:
    """The root of a stored tree state; None when it is not one of this size. An empty journal may have none."""
    try:
        state = Frontier.from_bytes(frontier) if frontier else Frontier()
    except Malformed:
        return None
    return state.root() if state.size == size else None


# --- segments --------------------------------------------------------------------------------------------------------


async def verify_segments(
    node: Node,
    audit: AuditDatabase,
    *,
    processes: int = 0,
    progress: Progress = no_progress,
) -> Reverified:
    """Compare every segment with its digest; verify from content, and note, those that have none. Total.

    The open end, fewer than 4,096 entries, is verified from its content each time.
    """
    known, counted = await _read_segments(audit)
    stale = await _made_before_a_restore(node, known.values())
    for number in stale:
        del known[number]
    async with node.engines.read.connect() as connection:
        last = (await connection.execute(select(func.max(tables.entries.c.arrival)))).scalar() or 0
    tasks = plan_segments(known, last)
    done, total = 0, sum(task.entries for task in tasks)
    progress(0, total)
    judged: list[Judged] = []
    async for part in walkers.carry_out(source_of(node), tasks, processes or processes_here()):
        assert isinstance(part, list)
        judged += part
        done += SEGMENTS_AT_ONCE * SEGMENT_ENTRIES
        progress(min(done, total - 1), total)
    found = _gone(known, counted - len(stale), last)
    fresh: list[Segment] = []
    for one in sorted(judged, key=lambda one: one.segment.number):
        found += one.found
        if not one.found and (fault := await _unexplained(node, known.get(one.segment.number), one)):
            found.append(fault)
        elif not one.found and one.entries == SEGMENT_ENTRIES:
            fresh.append(msgspec.structs.replace(one.segment, made_at=node.clock.now()))
    await _keep_segments(audit, fresh, stale)
    progress(total, total)
    return Reverified(
        Pass.SEGMENTS,
        node.clock.now(),
        last,
        segments=last // SEGMENT_ENTRIES,
        made=len(fresh),
        faults=_in_order(found),
    )


async def verify_spots(node: Node, result: Reverified) -> Reverified:
    """What a segment pass came to, and with it so many drawn entries proved one by one."""
    proved, found = await check_spots(node, result.entries, SPOTS)
    return msgspec.structs.replace(result, spots=proved, faults=(*result.faults, *_in_order(found))[:FAULTS_MAX])


def plan_segments(known: Mapping[int, Segment], last: int) -> list[SegmentTask]:
    """Tasks over all segments up to the last arrival, the open one among them."""
    count = -(-last // SEGMENT_ENTRIES)
    digests = [known[number].digest if number in known else None for number in range(count)]
    return [
        SegmentTask(first, tuple(digests[first : first + SEGMENTS_AT_ONCE]), last)
        for first in range(0, count, SEGMENTS_AT_ONCE)
    ]


async def _read_segments(audit: AuditDatabase) -> tuple[dict[int, Segment], int]:
    s = audit_segments.c
    async with audit.read.connect() as connection:
        rows = (await connection.execute(select(s.number, s.digest, s.loose, s.bare, s.made_at))).all()
    return {row[0]: Segment(*row) for row in rows}, await audit.number(SEGMENTS_MADE)


async def _made_before_a_restore(node: Node, segments: Iterable[Segment]) -> list[int]:
    """Segments with a digest of what came after the state that was put back from a backup.

    Arrivals up to there are the same as before; from the opening on, which says so, they are numbered anew.
    """
    e, j = tables.entries.c, tables.journals.c
    own = (j.key == e.journal) & (j.origin == node.books.seat.node)
    query = select(e.arrival).join(tables.journals, own).where(e.kind == KIND_EPOCH_OPENED)
    async with node.engines.read.connect() as connection:
        arrivals = (await connection.execute(query.order_by(e.arrival))).scalars().all()
    stale: set[int] = set()
    for arrival in arrivals:
        for entry in await node.store.entries_since(arrival - 1, 1):
            opened = line_body(entry, EpochOpened)
            if opened is not None and opened.restored:
                stale |= {
                    one.number for one in segments if bounds(one.number)[1] >= arrival and one.made_at <= entry.at
                }
    return sorted(stale)


async def _keep_segments(audit: AuditDatabase, fresh: Sequence[Segment], stale: Sequence[int]) -> None:
    if not (fresh or stale):
        return
    async with audit.writing() as connection:
        for number in {*stale, *(one.number for one in fresh)}:
            await connection.execute(delete(audit_segments).where(audit_segments.c.number == number))
        if fresh:
            await connection.execute(audit_segments.insert(), [msgspec.structs.asdict(one) for one in fresh])
        count = (await connection.execute(select(func.count()).select_from(audit_segments))).scalar_one()
        await keep(connection, SEGMENTS_MADE, count)


def _gone(known: Mapping[int, Segment], counted: int, last: int) -> list[Found]:
    """Digests of entries that are not here, and digests that are not here."""
    found: list[Found] = []
    beyond = [number for number in sorted(known) if bounds(number)[1] > last]
    if beyond:
        first = bounds(beyond[0])
        en = f"entries up to arrival {bounds(beyond[-1])[1]} were verified here before; now there are {last}"
        zh = f"此前核验到第 {bounds(beyond[-1])[1]} 条，现只有 {last} 条"
        found.append(Found(0, max(first[0], last + 1), Fault("cut_off", f"arrival {last + 1}", zh, en)))
    if len(known) < counted:
        en = f"{counted} segments had a digest, {len(known)} have one"
        zh = f"曾有 {counted} 段有摘要，现有 {len(known)} 段"
        found.append(Found(0, 0, Fault("digest_missing", "audit segments", zh, en)))
    return found


async def _unexplained(node: Node, before: Segment | None, judged: Judged) -> Found | None:
    """A segment that verifies and differs from its digest: a fault unless the law of the store explains it."""
    now = judged.segment
    if judged.entries < SEGMENT_ENTRIES:
        return None  # the open end; where it once was whole, `_gone` has said so
    if before is None or explains(before, now, is_repaired=await _is_repaired(node, before)):
        return None
    low, high = bounds(now.number)
    zh = "所存字节或其摘要被改动过；条目内容本身仍与签名相符"
    en = "stored bytes, or their digest, were changed; what the entries say is still what was signed"
    return Found(0, low, Fault("bytes_changed", f"arrivals {low}-{high}", zh, en))


async def _is_repaired(node: Node, segment: Segment) -> bool:
    """Whether damage was found in an entry of the segment since its digest was made: a good copy took its place."""
    e, v, j = tables.entries.c, tables.evidence.c, tables.journals.c
    low, high = bounds(segment.number)
    name = (j.origin == v.origin) & (j.ordinal == v.ordinal) & (j.nonce == v.nonce)
    query = (
        select(v.number)
        .join(tables.journals, name)
        .join(tables.entries, (e.journal == j.key) & (e.seq == v.seq))
        .where(v.code == DAMAGED, v.at >= segment.made_at, e.arrival >= low, e.arrival <= high)
    )
    async with node.engines.read.connect() as connection:
        return (await connection.execute(query.limit(1))).first() is not None


def _in_order(found: Iterable[Found]) -> tuple[Fault, ...]:
    """Faults by journal and number, each once."""
    ordered = sorted(found, key=lambda one: (one.key, one.seq, one.fault.code, one.fault.where))
    return tuple(dict.fromkeys(one.fault for one in ordered))[:FAULTS_MAX]


# --- when it is due --------------------------------------------------------------------------------------------------


def record_path(folder: Path, what: Pass) -> Path:
    """Where the last result of a pass stands."""
    return folder / f"reverified-{what}.json"


def find_reverified(folder: Path, what: Pass) -> Reverified | None:
    """The last result, or None when there is none that can be read."""
    try:
        return msgspec.json.decode(record_path(folder, what).read_bytes(), type=Reverified)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None


async def reverify(folder: Path, what: Pass, *, processes: int = 0, progress: Progress = no_progress) -> Reverified:
    """Run a pass over the store in `folder` now, and record it."""
    node = await Node.open(folder, with_pen=False)
    try:
        if what is Pass.CHAIN:
            result = await verify_chain(node, processes=processes, progress=progress)
        else:
            async with audit_of(node) as audit:
                result = await verify_segments(node, audit, processes=processes, progress=progress)
            result = await verify_spots(node, result)
    finally:
        await node.close()
    write_private(record_path(folder, what), msgspec.json.encode(result))
    if result.faults:
        log.error("re-verification (%s) found %d faults; run hub audit reverify", what, len(result.faults))
    return result


async def chain_when_due(folder: Path, *, now: Instant | None = None) -> Reverified | None:
    """The chain pass unless it was done within a week. Returns the new result, or None if not due."""
    return await _when_due(folder, Pass.CHAIN, CHAIN_EVERY_MS, now)


async def segments_when_due(folder: Path, *, now: Instant | None = None) -> Reverified | None:
    """The segment pass unless it was done within a day. Returns the new result, or None if not due."""
    return await _when_due(folder, Pass.SEGMENTS, SEGMENTS_EVERY_MS, now)


async def _when_due(folder: Path, what: Pass, every_ms: int, now: Instant | None) -> Reverified | None:
    at = SystemClock().now() if now is None else now
    last = find_reverified(folder, what)
    if last is not None and 0 <= at - last.at < every_ms:
        return None
    return await reverify(folder, what)
