"""Re-verification of a county's store, attacked: whatever stored byte changes is named, what the law does is not."""

import asyncio
import shutil
import sqlite3
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hub.audit.database import audit_of
from hub.audit.reverify import (
    CHAIN_EVERY_MS,
    Pass,
    Reverified,
    chain_when_due,
    find_reverified,
    record_path,
    reverify,
    segments_when_due,
    verify_chain,
    verify_segments,
)
from hub.audit.segments import SEGMENT_ENTRIES
from hub.audit.spot_checks import check_spots
from office.node import Node
from office.paths import Home
from schemas.codec import encode
from schemas.names import Instant, JournalId
from schemas.wire import Checkpoint, Proof, body_digest
from sync.core.merkle import Frontier, inclusion_proof
from sync.intact import DAMAGED
from sync.ports import Evidence, empty_batch
from tests.benchmarks.journals import fill
from tests.support.command_lines import County
from tests.support.postgres import PostgresServer

ENTRIES = 2 * SEGMENT_ENTRIES + 700
STRETCH = 128
"""So short that the longest journals are walked in several stretches."""

SEED = 7
VICTIM = 5000
"""Number of arrival of the entry that is attacked: in the second segment."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A county with two whole segments and an open one, all digests made."""
    folder = tmp_path_factory.mktemp("made") / "county"
    assert fill(folder, ENTRIES, SEED) == ENTRIES
    first = asyncio.run(walk(folder, Pass.SEGMENTS))
    assert (first.made, first.segments, first.faults) == (2, 2, ())
    return folder


@pytest.fixture
def county(made: Path, tmp_path: Path) -> Path:
    """A copy of it to spoil."""
    folder = tmp_path / "county"
    shutil.copytree(made, folder)
    return folder


async def walk(folder: Path, what: Pass, processes: int = 1) -> Reverified:
    node = await Node.open(folder, with_pen=False)
    try:
        if what is Pass.CHAIN:
            return await verify_chain(node, processes=processes, stretch=STRETCH)
        async with audit_of(node) as audit:
            return await verify_segments(node, audit, processes=processes)
    finally:
        await node.close()


async def codes(folder: Path, what: Pass) -> list[str]:
    return [fault.code for fault in (await walk(folder, what)).faults]


def spoil(folder: Path, *statements: str, file: str = "node.db") -> None:
    connection = sqlite3.connect(folder / file)
    for statement in statements:
        assert connection.execute(statement).rowcount != 0, statement
    connection.commit()
    connection.close()


def ask(folder: Path, question: str) -> tuple[object, ...]:
    connection = sqlite3.connect(folder / "node.db")
    row = connection.execute(question).fetchone()
    connection.close()
    return row


def name_of(folder: Path, arrival: int) -> str:
    """How a report names an entry."""
    question = (
        f"SELECT origin, ordinal, hex(nonce), seq FROM entries JOIN journals ON key = journal WHERE arrival = {arrival}"
    )
    origin, ordinal, nonce, seq = ask(folder, question)
    return f"{origin}/{ordinal}-{str(nonce).lower()} #{seq}"


async def test_an_honest_store_has_no_fault_and_is_walked_whole(county: Path) -> None:
    chain, segments = await walk(county, Pass.CHAIN), await walk(county, Pass.SEGMENTS)
    assert (chain.faults, segments.faults, segments.made) == ((), (), 0)
    assert chain.entries == segments.entries == ENTRIES
    assert chain.checkpoints == ask(county, "SELECT count(*) FROM checkpoints")[0]


FLIPS = {
    "at": "at + 1",
    "body": "CAST(substr(body, 1, 40) || x'00' || substr(body, 42) AS BLOB)",
    "digest": "zeroblob(32)",
    "hash": "zeroblob(32)",
    "head": "CAST(head || x'00' AS BLOB)",
    "inlet": "inlet + 1",
    "kind": "'case.closer'",
    "loose": "1",
    "prev": "zeroblob(32)",
    "proof": "x'90'",
    "salt": "zeroblob(8)",
    "signature": "zeroblob(64)",
    "subject": "zeroblob(16)",
}
BESIDE_THE_HASH = {"digest", "inlet", "prev", "proof", "signature"}
"""Columns that no header covers. Only the digests of what is stored know them."""


@pytest.mark.parametrize("column", sorted(FLIPS))
async def test_a_changed_value_of_any_column_is_found(county: Path, column: str) -> None:
    where = name_of(county, VICTIM)
    spoil(county, f"UPDATE entries SET {column} = {FLIPS[column]} WHERE arrival = {VICTIM}")
    chain, segments = await walk(county, Pass.CHAIN), await walk(county, Pass.SEGMENTS)
    if column in BESIDE_THE_HASH:
        assert chain.faults == ()
        assert [(one.code, one.where) for one in segments.faults] == [
            ("bytes_changed", f"arrivals {SEGMENT_ENTRIES + 1}-{2 * SEGMENT_ENTRIES}")
        ]
    else:
        assert where in {one.where for one in chain.faults}
        assert {one.code for one in chain.faults} == {"changed"}
        assert where in {one.where for one in segments.faults} or column == "loose"
    assert segments.faults
    assert segments.made == 0


async def test_the_last_byte_of_a_sealed_body_is_one_of_them(county: Path) -> None:
    (body,) = ask(county, f"SELECT body FROM entries WHERE arrival = {VICTIM}")
    assert isinstance(body, bytes)
    other = body[:-1] + bytes([body[-1] ^ 1])
    spoil(county, f"UPDATE entries SET body = x'{other.hex()}' WHERE arrival = {VICTIM}")
    for what in sorted(Pass):
        assert (await walk(county, what)).faults[0].where == name_of(county, VICTIM)


async def test_a_kind_that_is_no_text_breaks_off_nothing(county: Path) -> None:
    spoil(county, f"UPDATE entries SET kind = CAST(x'ff80' AS TEXT) WHERE arrival = {VICTIM}")
    for what in sorted(Pass):
        assert await codes(county, what) == ["changed"]


@pytest.mark.parametrize("arrival", [1, 600, VICTIM, ENTRIES - 300])
async def test_a_deleted_row_is_named(county: Path, arrival: int) -> None:
    where = name_of(county, arrival)
    spoil(county, f"DELETE FROM entries WHERE arrival = {arrival}")
    chain, segments = await walk(county, Pass.CHAIN), await walk(county, Pass.SEGMENTS)
    found = {(one.code, one.where) for one in chain.faults}
    assert found & {("missing", where), ("cut_off", where)}
    assert ("missing", f"arrival {arrival}") in found
    assert ("missing", f"arrival {arrival}") in {(one.code, one.where) for one in segments.faults}


async def test_two_rows_that_changed_places_are_both_named(county: Path) -> None:
    first, second = VICTIM, ENTRIES - 300
    places = [ask(county, f"SELECT journal, seq FROM entries WHERE arrival = {one}") for one in (first, second)]
    names = {name_of(county, first), name_of(county, second)}
    (a, b), (c, d) = places
    spoil(
        county,
        f"UPDATE entries SET journal = -1, seq = -1 WHERE arrival = {first}",
        f"UPDATE entries SET journal = {a}, seq = {b} WHERE arrival = {second}",
        f"UPDATE entries SET journal = {c}, seq = {d} WHERE arrival = {first}",
    )
    assert names <= {one.where for one in (await walk(county, Pass.CHAIN)).faults}
    assert names <= {one.where for one in (await walk(county, Pass.SEGMENTS)).faults}


async def test_a_row_put_in_belongs_to_nobody(county: Path) -> None:
    columns = "inlet, at, loose, kind, subject, head, salt, body, hash, digest, signature, prev, proof"
    copied = (
        f"INSERT INTO entries SELECT {ENTRIES + 1}, journal, 1000000, {columns} FROM entries WHERE arrival = {VICTIM}"
    )
    spoil(county, copied)
    assert await codes(county, Pass.CHAIN) == ["stray"]
    assert "missing" in await codes(county, Pass.SEGMENTS)


@pytest.mark.parametrize("column", ["journal", "seq"])
async def test_a_place_that_is_no_number_breaks_off_nothing(county: Path, column: str) -> None:
    spoil(county, f"UPDATE entries SET {column} = 'x' WHERE arrival = {VICTIM}")
    assert "stray" in await codes(county, Pass.CHAIN)
    assert "stray" in await codes(county, Pass.SEGMENTS)


@pytest.mark.parametrize("journal", [-1, 999_999])
async def test_a_row_of_a_journal_that_there_is_not_is_found(county: Path, journal: int) -> None:
    spoil(county, f"UPDATE entries SET journal = {journal} WHERE arrival = {VICTIM}")
    assert {"stray", "missing"} <= set(await codes(county, Pass.CHAIN))
    assert await codes(county, Pass.SEGMENTS)


async def test_a_number_of_arrival_that_changed_is_a_gap(county: Path) -> None:
    spoil(county, f"UPDATE entries SET arrival = {ENTRIES + 5} WHERE arrival = {VICTIM}")
    chain = {(one.code, one.where) for one in (await walk(county, Pass.CHAIN)).faults}
    assert ("missing", f"arrival {VICTIM}") in chain
    spoil(county, f"UPDATE entries SET arrival = -5 WHERE arrival = {ENTRIES + 5}")
    chain = {(one.code, one.where) for one in (await walk(county, Pass.CHAIN)).faults}
    assert ("missing", f"arrival {VICTIM}") in chain


async def test_a_tail_that_was_cut_off_is_found_by_what_its_owner_signed(county: Path) -> None:
    key, size = ask(county, "SELECT key, size FROM journals ORDER BY size DESC LIMIT 1")
    assert isinstance(size, int)
    spoil(county, f"DELETE FROM entries WHERE journal = {key} AND seq >= {size - 3}")
    assert "cut_off" in await codes(county, Pass.CHAIN)
    assert "missing" in await codes(county, Pass.SEGMENTS)


async def test_a_tail_cut_off_with_all_that_speaks_of_it_is_found_by_the_digests(county: Path) -> None:
    """An older copy of the whole store was put back: it fits in itself."""
    keep = SEGMENT_ENTRIES + 100
    spoil(county, f"DELETE FROM entries WHERE arrival > {keep}")
    result = await walk(county, Pass.SEGMENTS)
    assert [(one.code, one.where) for one in result.faults] == [("cut_off", f"arrival {keep + 1}")]


@pytest.mark.parametrize("column", ["frontier", "size", "tip"])
async def test_a_changed_row_of_a_journal_is_found(county: Path, column: str) -> None:
    value = {"frontier": "x'00'", "size": "size - 1", "tip": "zeroblob(32)"}[column]
    (key,) = ask(county, f"SELECT journal FROM entries WHERE arrival = {VICTIM}")
    spoil(county, f"UPDATE journals SET {column} = {value} WHERE key = {key}")
    assert await codes(county, Pass.CHAIN)


@pytest.mark.parametrize(("column", "code"), [("root", "changed"), ("signature", "bad_signature"), ("size", "changed")])
async def test_a_changed_checkpoint_is_found(county: Path, column: str, code: str) -> None:
    value = {"root": "zeroblob(32)", "signature": "zeroblob(64)", "size": "size - 1"}[column]
    (key,) = ask(county, f"SELECT journal FROM entries WHERE arrival = {VICTIM}")
    (size,) = ask(county, f"SELECT max(size) FROM checkpoints WHERE journal = {key}")
    spoil(county, f"UPDATE checkpoints SET {column} = {value} WHERE journal = {key} AND size = {size}")
    assert code in await codes(county, Pass.CHAIN)


async def test_a_changed_digest_is_found_and_not_made_anew(county: Path) -> None:
    spoil(county, "UPDATE audit_segments SET digest = zeroblob(32) WHERE number = 1", file="audit.db")
    for _ in range(2):
        assert await codes(county, Pass.SEGMENTS) == ["bytes_changed"]


async def test_a_digest_that_was_taken_away_is_missed(county: Path) -> None:
    spoil(county, "DELETE FROM audit_segments WHERE number = 0", file="audit.db")
    assert await codes(county, Pass.SEGMENTS) == ["digest_missing"]


async def test_damage_before_its_first_digest_gets_none(county: Path) -> None:
    spoil(
        county,
        "DELETE FROM audit_segments",
        "UPDATE audit_meta SET value = '0' WHERE name = 'segments'",
        file="audit.db",
    )
    spoil(county, f"UPDATE entries SET salt = zeroblob(8) WHERE arrival = {VICTIM}")
    result = await walk(county, Pass.SEGMENTS)
    assert (result.made, [one.where for one in result.faults]) == (1, [name_of(county, VICTIM)])


async def test_one_process_and_two_find_the_same(county: Path) -> None:
    for arrival in (17, 1500, VICTIM, ENTRIES - 20):
        spoil(county, f"UPDATE entries SET at = at + 1, salt = zeroblob(8) WHERE arrival = {arrival}")
    spoil(county, "DELETE FROM entries WHERE arrival IN (900, 6000)")
    for what in sorted(Pass):
        alone, together = await walk(county, what, 1), await walk(county, what, 2)
        assert alone.faults == together.faults
        assert len(alone.faults) > 6


# --- what the law does -----------------------------------------------------------------------------------------------


@asynccontextmanager
async def open_node(folder: Path) -> AsyncGenerator[Node]:
    node = await Node.open(folder, with_pen=False)
    await node.store.load()
    try:
        yield node
    finally:
        await node.close()


async def test_an_erasure_raises_no_alarm_and_gets_a_new_digest(county: Path) -> None:
    async with open_node(county) as node:
        (entry,) = await node.store.entries_since(VICTIM - 1, 1)
        assert entry.body is not None
        batch = empty_batch()
        batch.erased = {entry.hash: None}
        batch.stripped = {(entry.journal, entry.seq): body_digest(entry.salt, entry.body)}
        await node.store.commit(batch)
    assert await codes(county, Pass.CHAIN) == []
    again = await walk(county, Pass.SEGMENTS)
    assert (again.faults, again.made) == ((), 1)
    assert (await walk(county, Pass.SEGMENTS)).made == 0


async def test_a_body_that_went_without_an_order_is_an_alarm(county: Path) -> None:
    async with open_node(county) as node:
        (entry,) = await node.store.entries_since(VICTIM - 1, 1)
        digest = body_digest(entry.salt, entry.body or b"")
    spoil(county, f"UPDATE entries SET body = NULL, salt = x'', digest = x'{digest.hex()}' WHERE arrival = {VICTIM}")
    for what in sorted(Pass):
        assert await codes(county, what) == ["body_missing"]


async def test_a_body_that_an_order_should_have_taken_is_an_alarm(county: Path) -> None:
    spoil(county, f"INSERT INTO erased (hash) SELECT hash FROM entries WHERE arrival = {VICTIM}")
    assert await codes(county, Pass.CHAIN) == ["not_erased"]


async def test_a_copy_that_was_put_right_raises_no_alarm(county: Path) -> None:
    """The good copy came attested: it has a signature that the first one had not."""
    async with open_node(county) as node:
        (entry,) = await node.store.entries_since(VICTIM - 1, 1)
        batch = empty_batch()
        batch.evidence = [Evidence(DAMAGED, entry.journal, entry.seq, node.clock.now(), entry.hash, b"")]
        await node.store.commit(batch)
    spoil(county, f"UPDATE entries SET signature = zeroblob(64) WHERE arrival = {VICTIM}")
    again = await walk(county, Pass.SEGMENTS)
    assert (again.faults, again.made) == ((), 1)


async def test_a_county_that_was_restored_accuses_nobody_of_what_came_after_the_backup(county: Path) -> None:
    """The digest of a third segment, of which the backup knows nothing."""
    spoil(
        county,
        "INSERT INTO audit_segments VALUES (2, zeroblob(32), 0, 0, 1)",
        "UPDATE audit_meta SET value = '3' WHERE name = 'segments'",
        file="audit.db",
    )
    assert await codes(county, Pass.SEGMENTS) == ["cut_off"]
    Home(county).restored.touch()
    await (await Node.open(county)).close()
    assert await codes(county, Pass.SEGMENTS) == []
    assert await codes(county, Pass.CHAIN) == []


async def _set_aside(folder: Path) -> tuple[JournalId, int, Checkpoint]:
    """The last entry of the victim's journal as it came first: alone, with a proof."""
    async with open_node(folder) as node:
        (victim,) = await node.store.entries_since(VICTIM - 1, 1)
        journal = victim.journal
        state = next(one for one in (await node.store.load()).journals if one.journal == journal)
        leaves = await node.store.hashes(journal, 0, state.size)
        signed = (await node.store.checkpoints(journal, 0, 2**62))[-1]
    last = state.size - 1
    assert signed.size == state.size
    proof = encode(Proof(signed, inclusion_proof(leaves, last, state.size)))
    frontier = Frontier().extend(leaves[:last]).to_bytes()
    aside = f"loose = 1, prev = x'{leaves[last - 1].hex()}', proof = x'{proof.hex()}'"
    spoil(
        folder,
        f"UPDATE entries SET {aside} WHERE journal = {state.key} AND seq = {last}",
        f"UPDATE journals SET size = {last}, tip = x'{leaves[last - 1].hex()}', frontier = x'{frontier.hex()}', "
        f"checkpointed = 0 WHERE key = {state.key}",
        f"DELETE FROM checkpoints WHERE journal = {state.key} AND size = {signed.size}",
    )
    spoil(
        folder,
        "DELETE FROM audit_segments",
        "UPDATE audit_meta SET value = '0' WHERE name = 'segments'",
        file="audit.db",
    )
    return journal, state.key, signed


async def test_an_entry_beside_its_run_stands_by_its_proof_and_may_join(county: Path) -> None:
    journal, key, signed = await _set_aside(county)
    assert await codes(county, Pass.CHAIN) == []
    assert await codes(county, Pass.SEGMENTS) == []
    async with open_node(county) as node:
        state = next(one for one in (await node.store.load()).journals if one.journal == journal)
        (entry,) = await node.store.loose_beyond(journal, state.size)
        leaves = [*await node.store.hashes(journal, 0, state.size), entry.hash]
        state.size, state.tip = state.size + 1, entry.hash
        state.frontier = Frontier().extend(leaves).to_bytes()
        batch = empty_batch()
        batch.journals = {journal: state}
        batch.promoted = [(journal, entry.seq)]
        batch.checkpoints = {(journal, signed.size): signed}
        await node.store.commit(batch)
    assert await codes(county, Pass.CHAIN) == []
    assert await codes(county, Pass.SEGMENTS) == []
    assert ask(county, f"SELECT count(*) FROM entries WHERE journal = {key} AND loose") == (0,)


async def test_an_entry_beside_its_run_that_lost_its_proof_is_an_alarm(county: Path) -> None:
    _, key, _ = await _set_aside(county)
    spoil(county, f"UPDATE entries SET proof = x'90' WHERE journal = {key} AND loose")
    assert await codes(county, Pass.CHAIN) == ["unproved"]


# --- spot checks, records, verbs -------------------------------------------------------------------------------------


async def test_drawn_entries_are_proved_or_named(county: Path) -> None:
    async with open_node(county) as node:
        proved, found = await check_spots(node, ENTRIES, 40)
        assert (proved, found) == (40, [])
    spoil(county, "UPDATE entries SET salt = zeroblob(8)")
    async with open_node(county) as node:
        proved, found = await check_spots(node, ENTRIES, 40)
    assert proved == 0
    assert {one.fault.code for one in found} == {"unproved"}


async def test_what_is_due_stands_in_a_record(county: Path) -> None:
    first = await chain_when_due(county)
    assert first is not None
    assert find_reverified(county, Pass.CHAIN) == first
    assert await chain_when_due(county, now=Instant(first.at + CHAIN_EVERY_MS - 1)) is None
    assert await chain_when_due(county, now=Instant(first.at + CHAIN_EVERY_MS)) is not None
    nightly = await segments_when_due(county)
    assert nightly is not None
    assert nightly.spots > 0
    assert await segments_when_due(county) is None
    record_path(county, Pass.SEGMENTS).write_bytes(b"\x00")
    assert await segments_when_due(county) is not None


def test_the_verb_names_what_it_found(county: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = County(county, capsys)
    assert "未发现问题" in line.says("audit", "reverify", "--processes", "1")
    spoil(county, f"UPDATE entries SET salt = zeroblob(8) WHERE arrival = {VICTIM}")
    status, said, _ = line.run("audit", "reverify", "--chain", "--processes", "1")
    assert status == 1
    assert name_of(county, VICTIM) in said


async def test_the_record_holds_what_was_found(county: Path) -> None:
    spoil(county, f"UPDATE entries SET salt = zeroblob(8) WHERE arrival = {VICTIM}")
    result = await reverify(county, Pass.CHAIN, processes=1)
    kept = find_reverified(county, Pass.CHAIN)
    assert kept == result
    assert [one.where for one in result.faults] == [name_of(county, VICTIM)]


# --- PostgreSQL ------------------------------------------------------------------------------------------------------


@pytest.fixture
def on_postgres(postgres_server: PostgresServer, tmp_path: Path) -> Generator[Path]:
    """The same county in a PostgreSQL."""
    url = asyncio.run(postgres_server.create_database())
    folder = tmp_path / "county"
    fill(folder, ENTRIES, SEED, url)
    yield folder
    asyncio.run(postgres_server.drop_database(url))


def test_on_postgresql_the_same_is_found(on_postgres: Path) -> None:
    asyncio.run(_attack_postgres(on_postgres))


async def _attack_postgres(folder: Path) -> None:
    assert await codes(folder, Pass.CHAIN) == []
    first = await walk(folder, Pass.SEGMENTS)
    assert (first.faults, first.made) == ((), 2)
    assert (await walk(folder, Pass.SEGMENTS, 2)).made == 0
    await _execute(folder, f"UPDATE entries SET inlet = inlet + 1 WHERE arrival = {VICTIM}")
    assert await codes(folder, Pass.CHAIN) == []
    assert await codes(folder, Pass.SEGMENTS) == ["bytes_changed"]
    await _execute(folder, f"UPDATE entries SET inlet = inlet - 1 WHERE arrival = {VICTIM}")
    await _execute(folder, f"UPDATE entries SET salt = sha256(salt) WHERE arrival = {VICTIM}")
    for what in sorted(Pass):
        assert await codes(folder, what) == ["changed"]
    await _execute(folder, f"DELETE FROM entries WHERE arrival = {VICTIM}")
    for what in sorted(Pass):
        assert "missing" in await codes(folder, what)


async def _execute(folder: Path, statement: str) -> None:
    node = await Node.open(folder, with_pen=False)
    try:
        async with node.engines.write.begin() as connection:
            assert (await connection.exec_driver_sql(statement)).rowcount == 1
    finally:
        await node.close()
