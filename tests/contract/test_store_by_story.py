"""The SQL stores after real conversations: every batch that ledgers committed to memory, told to SQL, answers alike.

A differential test: memory is the plain one. It also feeds pages with impossible names and numbers to a ledger, and
what that stages must be storable: a value that SQL cannot hold would stop a line.
"""

import copy
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from office.database import Engines
from schemas.codec import Malformed
from schemas.names import Epoch, Instant, JournalId, NodeId
from schemas.wire import (
    KIND_ENROLLED,
    KIND_EPOCH_OPENED,
    KIND_RECEIPTED,
    Answer,
    Cursor,
    Excerpt,
    Lane,
    Line,
    Page,
    Run,
    Size,
    Stretch,
    Want,
    encode_head,
)
from sync.core.errors import Fault
from sync.frame import check_page
from sync.memory import MemoryStore
from sync.ports import Batch, Loaded
from tests.support.network import COUNTY, SECOND_TOWNSHIP, SECOND_VILLAGE, TOWNSHIP, VILLAGE, Network, Node
from tests.support.stores import sql_store

Batches = list[Batch]


def record_commits(node: Node) -> Batches:
    """Copies of every batch that the node's present start commits, beginning with what its store holds already."""
    batches = [everything(node.store)]
    node.store.before_commit = lambda batch: batches.append(copy.deepcopy(batch))
    return batches


def everything(store: MemoryStore) -> Batch:
    """One batch that writes what a store holds."""
    held = store.copy()
    return Batch(
        held.journals,
        [held.entries[entry.journal][entry.seq] for entry in held.arrivals],
        [],
        {(journal, size): c for journal, found in held.checkpoints.items() for size, c in found.items()},
        [row for rows in held.outbox.values() for row in rows],
        held.inlets,
        held.links,
        list(held.dispositions.values()),
        list(held.evidence),
        list(held.receipts.values()),
        dropped_neighbours=[],
    )


async def check_alike(engines: Engines, memory: MemoryStore, batches: Sequence[Batch]) -> None:
    """Commit the batches to SQL and ask both stores everything."""
    writing = sql_store(engines)
    await writing.load()
    for batch in batches:
        await writing.commit(batch)
    sql = sql_store(engines)
    loaded = await memory.load()
    assert ordered(await sql.load()) == ordered(loaded)
    held = await memory.entries_since(0, 10_000)
    assert await sql.entries_since(0, 10_000) == held
    subjects = sorted({entry.subject for entry in held if entry.subject})
    assert await sql.entries_about(subjects) == await memory.entries_about(subjects)
    for kind in (KIND_ENROLLED, KIND_RECEIPTED, KIND_EPOCH_OPENED):
        assert await sql.entries_of_kind(kind) == await memory.entries_of_kind(kind)
    assert await sql.loose() == await memory.loose()
    for state in loaded.journals:
        journal, size = state.journal, state.size
        assert await sql.entries(journal, 0, 10_000) == await memory.entries(journal, 0, 10_000)
        assert await sql.hashes(journal, 0, size) == await memory.hashes(journal, 0, size)
        assert await sql.checkpoints(journal, 0, size) == await memory.checkpoints(journal, 0, size)
        for seq in range(0, size, 7):
            assert await sql.checkpoint_after(journal, seq) == await memory.checkpoint_after(journal, seq)
            assert await sql.loose_beyond(journal, seq) == await memory.loose_beyond(journal, seq)
    keys = [(entry.journal, entry.seq) for entry in held]
    for (neighbour, lane, epoch), end in loaded.ends.items():
        for above in (0, end // 2, end - 1, end):
            expected = await memory.outbox(neighbour, lane, epoch, above, 5)
            assert await sql.outbox(neighbour, lane, epoch, above, 5) == expected
        assert await sql.posted(neighbour, keys) == await memory.posted(neighbour, keys)
    assert as_set(await sql.dispositions()) == as_set(await memory.dispositions())
    assert await sql.evidence() == await memory.evidence()
    assert as_set(await sql.receipts()) == as_set(await memory.receipts())


def ordered(loaded: Loaded) -> Loaded:
    """The same, its lists in one order: stores may keep their own."""
    return replace(
        loaded,
        journals=sorted(loaded.journals, key=lambda state: state.key),
        inlets=sorted(loaded.inlets, key=lambda inlet: inlet.key),
        links=sorted(loaded.links, key=lambda memory: memory.neighbour),
    )


def as_set(rows: Sequence[object]) -> set[object]:
    """Rows without their order."""
    assert len(set(rows)) == len(rows)
    return set(rows)


# --- conversations --------------------------------------------------------------------------------------------------


async def test_a_week_of_one_county_is_the_same_in_every_store(engines: Engines) -> None:
    network = Network(TOWNSHIP, SECOND_TOWNSHIP, VILLAGE, SECOND_VILLAGE, seed=3)
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]
    batches = record_commits(county)
    for day in range(6):
        for office in (VILLAGE, SECOND_VILLAGE):
            network[office].write(*(b"%d %d" % (day, number) for number in range(1 + 9 * day)))
        county.write(b"decided %d" % day)
        village.write(b"not yet understood", kind="survey.sent")
        for child, above in ((village, township), (network[SECOND_VILLAGE], township), (township, county)):
            network.talk(child, above)
        network.talk(network[SECOND_TOWNSHIP], county)
    assert len(county.store.tables.arrivals) > 150
    await check_alike(engines, county.store, batches)


async def test_a_township_that_was_restored_and_gets_its_own_back_is_the_same_in_every_store(engines: Engines) -> None:
    network = Network(TOWNSHIP, VILLAGE, seed=4)
    county, township, village = network[COUNTY], network[TOWNSHIP], network[VILLAGE]
    village.write(*(b"%d" % number for number in range(20)))
    network.talk(village, township)
    backup = township.store.copy()
    township.write(b"decided, then forgotten")
    network.talk(township, county)
    village.write(b"one more")
    network.talk(village, township)
    township.start(backup, restored=True)
    batches = record_commits(township)
    for _ in range(3):
        network.talk(township, county)
        network.talk(village, township)
    assert any(entry.loose or entry.journal.origin == township.id for entry in township.store.tables.arrivals)
    await check_alike(engines, township.store, batches)


async def test_a_replaced_village_device_is_the_same_in_every_store(engines: Engines) -> None:
    network = Network(TOWNSHIP, VILLAGE, seed=5)
    township, lost = network[TOWNSHIP], network[VILLAGE]
    lost.write(b"a", b"b")
    network.talk(lost, township)
    township.write(b"for the village")
    batches = record_commits(township)
    new = network.enrol(VILLAGE, replaces=lost)
    assert any(batch.dropped_neighbours for batch in batches)
    network.talk(new, township)
    await check_alike(engines, township.store, batches)


# --- impossible names and numbers -----------------------------------------------------------------------------------

LARGEST = 2**64 - 1
NAMES = (NodeId("\x00"), NodeId(""), NodeId("钥" * 2000), NodeId("a" * 16))
EPOCHS = (Epoch(LARGEST, b"nonce1"), Epoch(-(2**63), b"nonce1"), Epoch(1, b""), Epoch(1, bytes(4000)))


def strange_line() -> Line:
    return Line(encode_head(Instant(0), "case.filed", None), bytes(8), b"body")


def strange_parts() -> dict[str, Callable[[Page], Page]]:
    """Ways to make a page impossible, by what is impossible about it."""
    found: dict[str, Callable[[Page], Page]] = {}

    def stretch(lane: int, runs: list[Run], excerpts: list[Excerpt]) -> Callable[[Page], Page]:
        count = sum(len(run.lines) for run in runs) + len(excerpts)
        return lambda page: replace(
            page, stretches=[Stretch(lane, page.epoch, next_number(page, lane), count, runs, excerpts)]
        )

    for number, name in enumerate(NAMES):
        for place, epoch in enumerate((*EPOCHS, Epoch(1, b"nonce1"))):
            label = f"name {number} epoch {place}"
            line = strange_line()
            found[f"excerpt: {label}"] = stretch(0, [], [Excerpt(name, epoch, LARGEST, bytes(32), line)])
            found[f"run: {label}"] = stretch(1, [Run(name, epoch, LARGEST - 1, bytes(32), [line], [])], [])
            want = Want(name, epoch, LARGEST - 1, LARGEST)
            found[f"want: {label}"] = lambda page, want=want: replace(page, wants=[want])
            found[f"answer: {label}"] = lambda page, want=want: replace(page, answers=[Answer(want, None, [])])
            size = Size(name, epoch, LARGEST)
            found[f"size: {label}"] = lambda page, size=size: replace(page, statement=1, full=True, sizes=[size])
    for place, epoch in enumerate(EPOCHS):
        found[f"sender's epoch {place}"] = lambda page, epoch=epoch: replace(page, epoch=epoch)
        found[f"echo {place}"] = lambda page, epoch=epoch: replace(page, echo=epoch)
        found[f"cursor {place}"] = lambda page, epoch=epoch: replace(page, cursors=[Cursor(LARGEST, epoch, LARGEST)])
        found[f"stretch {place}"] = lambda page, epoch=epoch: replace(
            page, stretches=[replace(each, epoch=epoch, first=1) for each in page.stretches]
        )
    found["numbers beyond any"] = lambda page: replace(page, statement=LARGEST, seen=LARGEST)
    return found


def next_number(page: Page, lane: int) -> int:
    """The number at which the page's own stretch of a lane begins; 1 for a stream that is new."""
    return next((each.first for each in page.stretches if each.lane == lane), 1)


async def test_whatever_a_strange_page_leaves_behind_can_be_stored(engines: Engines) -> None:
    """An enrolled device turns hostile and names impossible journals: each page is refused, or every store takes it."""
    network = Network(TOWNSHIP, seed=6)
    county, township = network[COUNTY], network[TOWNSHIP]
    batches = record_commits(county)
    for change in strange_parts().values():
        township.write(b"a case")
        page = change(township.page(county))
        try:
            check_page(page)  # as every transport does before a ledger sees a page
            county.admit(page)
            county.page(township)
        except (Fault, Malformed):
            pass
        township.link(county).in_flight.clear()
    network.talk(township, county)
    assert len(county.bodies()) == len(strange_parts())
    await check_alike(engines, county.store, batches)


@pytest.mark.parametrize("at", [2**63, 2**63 - 1, -(2**63), LARGEST, 2**60])
async def test_no_claimed_clock_stops_a_line(engines: Engines, at: int) -> None:
    """The clock is a claim (RULINGS A6): the year 292,000,000 is taken in or refused, and never fails a commit."""
    network = Network(TOWNSHIP, seed=7)
    county, township = network[COUNTY], network[TOWNSHIP]
    batches = record_commits(county)
    network.clock.set(at)
    try:
        township.write(b"when?")
        county.admit(township.page(county))
    except (Fault, Malformed, ValueError, OverflowError):
        assert not 0 <= at < 2**50
    await check_alike(engines, county.store, batches)


def test_a_lane_is_a_small_number() -> None:
    assert max(Lane) < 2**15


def test_a_journal_of_another_name_is_another_journal() -> None:
    assert JournalId(NAMES[0], EPOCHS[0]) != JournalId(NAMES[1], EPOCHS[0])
