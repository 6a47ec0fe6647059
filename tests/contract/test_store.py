"""What every store must do, on memory, SQLite and PostgreSQL alike: one transaction, all or nothing, and true answers.

It does not check what the entries mean, nor durability under kill -9 (`test_durability`).
"""

import pytest
from msgspec import structs

from schemas.names import Epoch, Instant, JournalId, NodeId, OfficeId
from schemas.wire import JournalHead, Lane
from sync.ports import (
    Disposition,
    Evidence,
    Heard,
    Inlet,
    LinkMemory,
    Loaded,
    ReceiptRow,
    Store,
    Told,
    empty_batch,
)
from tests.support.stores import (
    FIRST,
    JOURNAL,
    ME,
    NOON,
    OWN,
    PARENT,
    SECOND,
    TOWNSHIP_SEAT,
    VILLAGE,
    Reopen,
    Scribe,
    arrivals,
    case,
    digest,
)

Stores = tuple[Store, Reopen]


async def test_an_empty_store_answers_every_question_with_nothing(stores: Stores) -> None:
    store, _ = stores
    assert await store.load() == Loaded([], [], [], {}, 0)
    assert await store.entries(JOURNAL, 0, 10) == []
    assert await store.entries_about([case(1)]) == []
    assert await store.entries_about([]) == []
    assert await store.entries_of_kind("line.receipted") == []
    assert await store.entries_since(0, 10) == []
    assert await store.loose() == []
    assert await store.loose_beyond(JOURNAL, 0) == []
    assert await store.hashes(JOURNAL, 0, 10) == []
    assert await store.checkpoints(JOURNAL, 0, 10) == []
    assert await store.checkpoint_after(JOURNAL, 0) is None
    assert await store.outbox(PARENT, Lane.RUNS, FIRST, 0, 10) == []
    assert await store.posted(PARENT, [(JOURNAL, 0)]) == set()
    assert await store.dispositions() == []
    assert await store.evidence() == []
    assert await store.receipts() == []


async def test_entries_come_back_byte_for_byte(stores: Stores) -> None:
    store, reopen = stores
    scribe = Scribe()
    await store.load()
    written = [
        *scribe.write(subject=case(1), body="申请参保登记".encode(), count=4),
        *scribe.write(OWN, kind="line.receipted", body=bytes(range(256))),
        *scribe.write(OWN, subject=case(2), body=b""),
        *scribe.write(OWN, subject=case(1), body=None),
        scribe.write_loose(9, subject=case(1)),
    ]
    await store.commit(scribe.take())
    for seen in (store, reopen()):
        assert await seen.entries_since(0, 100) == written
        assert await seen.entries(JOURNAL, 1, 3) == written[1:3]
        assert await seen.entries(JOURNAL, 0, 100) == [*written[:4], written[7]]
        assert await seen.entries(OWN, 0, 100) == written[4:7]


async def test_a_case_is_found_by_its_name_in_order_of_arrival(stores: Stores) -> None:
    store, _ = stores
    scribe = Scribe()
    await store.load()
    for number in (1, 2, 1, 3, 2, 1):
        scribe.write(OWN if number == 2 else JOURNAL, subject=case(number))
    scribe.write(kind="line.pinned")
    await store.commit(scribe.take())
    assert arrivals(await store.entries_about([case(1)])) == [1, 3, 6]
    assert arrivals(await store.entries_about([case(2), case(1)])) == [1, 2, 3, 5, 6]
    assert await store.entries_about([case(9)]) == []
    many = [*(case(number) for number in range(100, 1300)), case(3), case(1)]
    assert arrivals(await store.entries_about(many)) == [1, 3, 4, 6]


async def test_house_keeping_is_found_by_kind_whatever_subject_it_claims(stores: Stores) -> None:
    store, _ = stores
    scribe = Scribe()
    await store.load()
    scribe.write(kind="line.enrolled")
    scribe.write(kind="case.filed", subject=case(1))
    scribe.write(kind="line.enrolled", subject=case(1))
    scribe.write(kind="line.enrolledx")
    await store.commit(scribe.take())
    assert arrivals(await store.entries_of_kind("line.enrolled")) == [1, 3]
    assert arrivals(await store.entries_of_kind("line.enrolled", after=1)) == [3]
    assert arrivals(await store.entries_of_kind("line.enrolled", limit=1)) == [1]
    assert await store.entries_of_kind("line.revoked") == []


async def test_arrival_pages_have_no_hole_and_no_overlap(stores: Stores) -> None:
    store, _ = stores
    scribe = Scribe()
    await store.load()
    for _ in range(3):
        scribe.write(count=5)
        await store.commit(scribe.take())
    pages = [arrivals(await store.entries_since(after, 4)) for after in (0, 4, 8, 12, 15)]
    assert pages == [[1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15], []]
    assert (await store.load()).arrival == 15


async def test_a_loose_entry_joins_its_run(stores: Stores) -> None:
    store, reopen = stores
    scribe = Scribe()
    await store.load()
    scribe.write(count=2)
    loose = [scribe.write_loose(2), scribe.write_loose(7)]
    await store.commit(scribe.take())
    assert await store.loose() == loose
    assert await store.loose_beyond(JOURNAL, 3) == loose[1:]
    assert await store.hashes(JOURNAL, 0, 100) == [digest(JOURNAL, seq, b"body") for seq in (0, 1)]

    scribe.join_run(2)
    await store.commit(scribe.take())
    for seen in (store, reopen()):
        assert await seen.loose() == loose[1:]
        joined = (await seen.entries(JOURNAL, 2, 3))[0]
        assert (joined.loose, joined.prev, joined.proof, joined.arrival) == (False, None, None, loose[0].arrival)
        assert await seen.hashes(JOURNAL, 2, 100) == [loose[0].hash]


async def test_entries_are_read_by_their_names_with_the_hash_before_each(stores: Stores) -> None:
    store, reopen = stores
    scribe = Scribe()
    await store.load()
    first, second, third = scribe.write(count=3)
    other = scribe.write(OWN)[0]
    loose = scribe.write_loose(7)
    await store.commit(scribe.take())
    keys = [(entry.journal, entry.seq) for entry in (third, other, loose, first)]
    for seen in (store, reopen()):
        found = await seen.entries_at([*keys, (JOURNAL, 5), (JournalId(ME, SECOND), 0)])
        expected = (structs.replace(third, prev=second.hash), other, loose, first)
        assert found == dict(zip(keys, expected, strict=True))
        assert await seen.entries_at([]) == {}


async def test_what_went_bad_is_written_again_with_its_hash_in_its_run_or_loose(stores: Stores) -> None:
    store, reopen = stores
    scribe = Scribe()
    await store.load()
    scribe.write(count=2)
    joining, alone = scribe.write_loose(2), scribe.write_loose(7)
    await store.commit(scribe.take())
    good = [
        structs.replace(joining, hash=digest("good", 2), body=b"good", loose=False, prev=None, proof=None),
        structs.replace(alone, hash=digest("good", 7), body=b"good", prev=digest("before", 7), proof=b"another"),
    ]
    scribe.join_run(2)
    scribe.batch.repaired += good
    await store.commit(scribe.take())
    for seen in (store, reopen()):
        assert await seen.entries(JOURNAL, 2, 9) == good
        assert await seen.loose() == good[1:]
        assert await seen.hashes(JOURNAL, 2, 9) == [digest("good", 2)]


async def test_an_entry_may_come_loose_and_join_its_run_in_one_group(stores: Stores) -> None:
    store, _ = stores
    scribe = Scribe()
    await store.load()
    scribe.write_loose(0)
    scribe.join_run(0)
    await store.commit(scribe.take())
    assert await store.loose() == []
    assert len(await store.hashes(JOURNAL, 0, 9)) == 1


async def test_the_good_copy_of_an_entry_may_come_in_one_group_with_the_run_it_joins(stores: Stores) -> None:
    """An answer brought both: the entry had gone bad while it lay loose here (simulator, erasure 200287)."""
    store, reopen = stores
    scribe = Scribe()
    await store.load()
    scribe.write(count=2)
    bad = scribe.write_loose(2)
    await store.commit(scribe.take())
    scribe.batch.repaired.append(structs.replace(bad, body=b"good"))
    scribe.join_run(2)
    await store.commit(scribe.take())
    for seen in (store, reopen()):
        assert await seen.entries(JOURNAL, 2, 9) == [
            structs.replace(bad, body=b"good", loose=False, prev=None, proof=None)
        ]
        assert await seen.loose() == []


async def test_journals_of_one_device_are_told_apart_by_epoch(stores: Stores) -> None:
    store, _ = stores
    scribe = Scribe()
    await store.load()
    twin = JournalId(VILLAGE, Epoch(1, b"others"))
    scribe.write(JOURNAL, count=2)
    scribe.write(twin, count=3)
    scribe.write(JournalId(VILLAGE, SECOND))
    await store.commit(scribe.take())
    assert len(await store.entries(twin, 0, 99)) == 3
    assert len(await store.hashes(JOURNAL, 0, 99)) == 2
    assert {state.journal: state.size for state in (await store.load()).journals} == {
        JOURNAL: 2,
        twin: 3,
        JournalId(VILLAGE, SECOND): 1,
    }


async def test_the_state_a_ledger_keeps_survives_a_restart(stores: Stores) -> None:
    store, reopen = stores
    scribe = Scribe()
    await store.load()
    scribe.write(count=3)
    state = scribe.state(JOURNAL)
    state.frontier, state.wanted, state.lost_upto = b"frontier", 9, 4
    inlet = Inlet(1, VILLAGE, Lane.RUNS, FIRST, number=3, admitted=3, refused=1, duplicate=2)
    memory = LinkMemory(
        VILLAGE,
        TOWNSHIP_SEAT,
        acknowledged=[(0, FIRST, 5), (1, SECOND, 7)],
        rollbacks_shown=[(1, FIRST)],
        quarantined=True,
        last_heard=NOON,
        last_epoch=SECOND,
        received=11,
        running_hash=digest("running"),
        pinned=4,
        examined=7,
        told={TOWNSHIP_SEAT: Told(2, digest("told"), b"12345678", [JOURNAL])},
        heard=Heard(
            b"12345678",
            JOURNAL,
            4,
            NOON,
            NOON,
            2,
            digest("heard"),
            1,
            [JournalHead(JOURNAL.origin, JOURNAL.epoch, 3, digest("root"))],
            [(b"87654321", NOON)],
        ),
        beacon_came_at=NOON,
    )
    scribe.batch.inlets[1] = inlet
    scribe.batch.links[VILLAGE] = memory
    scribe.post(1, 0, count=3, lane=Lane.RUNS)
    scribe.post(1, 2)
    await store.commit(scribe.take())
    inlet.number, memory.received = 99, 99  # what the ledger changes later is not written before the next commit
    for seen in (store, reopen()):
        loaded = await seen.load()
        assert loaded.journals == [scribe.states[JOURNAL]]
        assert [(held.number, held.admitted, held.refused, held.duplicate) for held in loaded.inlets] == [(3, 3, 1, 2)]
        assert loaded.links[0].received == 11
        assert loaded.links[0].acknowledged == [(0, FIRST, 5), (1, SECOND, 7)]
        assert loaded.links[0].last_epoch == SECOND
        assert (loaded.links[0].examined, loaded.links[0].beacon_came_at) == (7, NOON)
        assert (loaded.links[0].told, loaded.links[0].heard) == (memory.told, memory.heard)
        assert loaded.ends == {(PARENT, Lane.RUNS, FIRST): 3, (PARENT, Lane.EXCERPTS, FIRST): 1}
        assert loaded.arrival == 3


async def test_checkpoints_are_found_between_sizes_and_after_an_entry(stores: Stores) -> None:
    store, _ = stores
    scribe = Scribe()
    await store.load()
    scribe.write(count=10)
    made = [scribe.checkpoint(size) for size in (3, 6, 10)]
    scribe.write(OWN)
    scribe.checkpoint(1, OWN)
    await store.commit(scribe.take())
    assert await store.checkpoints(JOURNAL, 3, 10) == made[1:]
    assert await store.checkpoints(JOURNAL, 0, 3) == made[:1]
    assert await store.checkpoint_after(JOURNAL, 2) == made[0]
    assert await store.checkpoint_after(JOURNAL, 3) == made[1]
    assert await store.checkpoint_after(JOURNAL, 10) is None
    scribe.checkpoint(10)
    await store.commit(scribe.take())
    assert await store.checkpoints(JOURNAL, 0, 99) == made


async def test_the_outbox_is_read_from_any_number_even_inside_a_row(stores: Stores) -> None:
    store, reopen = stores
    scribe = Scribe()
    await store.load()
    scribe.write(count=30)
    rows = [
        scribe.post(1, 0, count=10, lane=Lane.RUNS),
        scribe.post(11, 10, count=1, lane=Lane.RUNS),
        scribe.post(12, 11, count=9, lane=Lane.RUNS),
    ]
    other = scribe.post(1, 20, lane=Lane.RUNS, epoch=SECOND)
    await store.commit(scribe.take())
    for seen in (store, reopen()):
        assert await seen.outbox(PARENT, Lane.RUNS, FIRST, 0, 9) == rows
        assert await seen.outbox(PARENT, Lane.RUNS, FIRST, 9, 9) == rows
        assert await seen.outbox(PARENT, Lane.RUNS, FIRST, 10, 9) == rows[1:]
        assert await seen.outbox(PARENT, Lane.RUNS, FIRST, 15, 9) == rows[2:]
        assert await seen.outbox(PARENT, Lane.RUNS, FIRST, 20, 9) == []
        assert await seen.outbox(PARENT, Lane.RUNS, FIRST, 0, 2) == rows[:2]
        assert await seen.outbox(PARENT, Lane.RUNS, SECOND, 0, 9) == [other]
        assert await seen.outbox(VILLAGE, Lane.RUNS, FIRST, 0, 9) == []


async def test_what_was_posted_as_an_excerpt_is_known_whatever_the_epoch(stores: Stores) -> None:
    store, _ = stores
    scribe = Scribe()
    await store.load()
    scribe.write(count=5)
    scribe.write(OWN, count=2)
    scribe.post(1, 0)
    scribe.post(1, 1, epoch=SECOND)
    scribe.post(2, 1, journal=OWN)
    scribe.post(1, 2, lane=Lane.RUNS)
    scribe.post(1, 3, neighbour=VILLAGE)
    await store.commit(scribe.take())
    asked = [(JOURNAL, seq) for seq in range(5)] + [(OWN, 0), (OWN, 1), (JournalId(ME, SECOND), 0)]
    assert await store.posted(PARENT, asked) == {(JOURNAL, 0), (JOURNAL, 1), (OWN, 1)}
    assert await store.posted(VILLAGE, asked) == {(JOURNAL, 3)}


async def test_a_replaced_neighbour_loses_its_outbox_and_its_successor_begins_at_one(stores: Stores) -> None:
    store, reopen = stores
    scribe = Scribe()
    await store.load()
    scribe.write(count=4)
    scribe.post(1, 0, neighbour=VILLAGE)
    scribe.post(2, 1, neighbour=VILLAGE)
    kept = scribe.post(1, 2)
    await store.commit(scribe.take())
    scribe.batch.dropped_neighbours = [VILLAGE]
    new = scribe.post(1, 0, neighbour=NodeId("dddddddddddddddd"))
    await store.commit(scribe.take())
    for seen in (store, reopen()):
        assert await seen.outbox(VILLAGE, 0, FIRST, 0, 9) == []
        assert await seen.posted(VILLAGE, [(JOURNAL, 0)]) == set()
        assert await seen.outbox(new.neighbour, 0, FIRST, 0, 9) == [new]
        assert await seen.outbox(PARENT, 0, FIRST, 0, 9) == [kept]
        assert (await seen.load()).ends == {(PARENT, 0, FIRST): 1, (new.neighbour, 0, FIRST): 1}
    again = scribe.post(1, 3, neighbour=VILLAGE)
    await store.commit(scribe.take())
    assert await reopen().outbox(VILLAGE, 0, FIRST, 0, 9) == [again]


async def test_a_disposition_is_overwritten_and_at_last_taken_away(stores: Stores) -> None:
    store, _ = stores
    scribe = Scribe()
    await store.load()
    scribe.write(count=2)
    held = [Disposition((JOURNAL, seq), "held", "waits_for_filing") for seq in (0, 1)]
    scribe.batch.dispositions += held
    await store.commit(scribe.take())
    assert await store.dispositions() == held
    assert await store.dispositions(limit=1) == held[:1]
    entries = await store.entries(JOURNAL, 0, 2)
    assert await store.dispositions(entries[1:]) == held[1:]
    assert await store.dispositions([]) == []
    assert await store.count_dispositions() == 2
    bad = Disposition((JOURNAL, 0), "quarantined", "foreign_office")
    scribe.batch.dispositions += [Disposition((JOURNAL, 0), "", ""), bad, Disposition((JOURNAL, 1), "", "")]
    await store.commit(scribe.take())
    assert await store.dispositions() == [bad]


async def test_evidence_keeps_its_material_even_about_a_journal_never_held(stores: Stores) -> None:
    store, reopen = stores
    scribe = Scribe()
    await store.load()
    stranger = JournalId(NodeId("zzzzzzzzzzzzzzzz"), Epoch(7, b"nobody"))
    findings = [
        Evidence("fork", stranger, 4, NOON, digest("fork"), "两个签名".encode()),
        Evidence("gap", JOURNAL, 0, Instant(-5), b"", b""),
        Evidence("fork", stranger, 4, NOON, digest("fork"), b"another branch of the same entry"),
    ]
    scribe.batch.evidence += findings
    await store.commit(scribe.take())
    assert await store.evidence() == findings
    assert await reopen().evidence() == findings


async def test_a_receipt_only_grows(stores: Stores) -> None:
    store, _ = stores
    scribe = Scribe()
    await store.load()
    office = OfficeId("510824")

    def receipt(size: int, holder: NodeId = PARENT) -> ReceiptRow:
        return ReceiptRow(JOURNAL, holder, office, size, Instant(NOON + size))

    scribe.batch.receipts += [receipt(5), receipt(3), receipt(9), receipt(2, ME)]
    await store.commit(scribe.take())
    scribe.batch.receipts += [receipt(7), receipt(4, ME)]
    await store.commit(scribe.take())
    expected = {PARENT: receipt(9), ME: receipt(4, ME)}
    assert {row.holder: row for row in await store.receipts()} == expected
    assert {row.holder: row for row in await store.receipts(JOURNAL)} == expected
    assert await store.receipts(OWN) == []


async def test_a_batch_that_breaks_leaves_nothing_behind(stores: Stores) -> None:
    store, reopen = stores
    scribe = Scribe()
    await store.load()
    scribe.write(count=3)
    scribe.post(1, 0)
    await store.commit(scribe.take())
    before = await store.load()

    broken = Scribe(arrival=3)
    broken.states[JOURNAL] = scribe.states[JOURNAL]
    broken.state(JOURNAL).size = 2  # a ledger gone mad writes seq 2 again
    broken.write(count=2, body=b"twice")
    broken.post(2, 3)
    broken.checkpoint(4)
    broken.batch.inlets[1] = Inlet(1, VILLAGE, Lane.RUNS, FIRST, number=4)
    broken.batch.dispositions.append(Disposition((JOURNAL, 3), "held", "x"))
    with pytest.raises(Exception, match=r"(?i)unique|duplicate|already"):
        await store.commit(broken.take())
    for seen in (store, reopen()):
        assert await seen.load() == before
        assert len(await seen.entries_since(0, 99)) == 3
        assert await seen.checkpoints(JOURNAL, 0, 99) == []
        assert await seen.dispositions() == []
        assert len(await seen.outbox(PARENT, 0, FIRST, 0, 9)) == 1

    again = Scribe(arrival=3)
    again.states[JOURNAL] = scribe.states[JOURNAL]
    again.state(JOURNAL).size = 3
    again.write()
    await store.commit(again.take())
    assert arrivals(await reopen().entries_since(0, 99)) == [1, 2, 3, 4]


async def test_nothing_to_write_is_no_transaction(stores: Stores) -> None:
    store, _ = stores
    await store.load()
    await store.commit(empty_batch())
    assert await store.load() == Loaded([], [], [], {}, 0)
