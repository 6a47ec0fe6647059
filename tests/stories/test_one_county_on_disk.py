"""A county, a township and a village as an operator makes them: folders, sheets, databases; and what `verify` sees."""

import asyncio
import itertools
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from sqlalchemy import text

from office.access_log import AccessLog
from office.founding import found_county
from office.node import PEN_PAUSE_S, Node, is_loopback
from office.paths import Home, WritingLock
from office.verifying import verify
from office.worklists import Queue
from schemas.casework.events import CustodyOffered, RemarkAdded
from schemas.casework.lifecycle import NotPermitted, Stage
from schemas.casework.roles import Role
from schemas.casework.values import Handover, Outcome
from schemas.codec import encode
from schemas.names import CaseId, OfficeId, OfficerId
from sync.core.errors import LocalFault
from sync.core.journal import Draft
from sync.core.merkle import Frontier
from sync.ports import Loaded
from tests.support.counties import COUNTY, OTHER_TOWNSHIP, TOWNSHIP, VILLAGE, WINDOW, agent, clerk, op
from tests.support.nodes import Network, Places, found_network
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of a county in which one case has lived its life; to be copied, not touched."""
    folder = tmp_path_factory.mktemp("lived")
    network = await Network.open(await found_network(folder))
    case = await live_a_case(network)
    hub = network.hub
    looks = AccessLog(hub.engines.write, hub.engines.read, hub.clock, hub.data_key)
    for purpose in ("核对身份", "群众来电"):
        await looks.record(OfficerId(f"{COUNTY}/chen"), COUNTY, case, purpose)
    await network.close()
    return folder


async def live_a_case(network: Network) -> CaseId:
    """Filed in the village, decided by the township, handed over, closed."""
    village, township = network.village.desk, network.township.desk
    slip = await network.file(1)
    await village.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP)
    await network.settle()
    await township.accept_custody(clerk(), slip.case, op(3))
    await township.decide(clerk(), slip.case, op(4), outcome=Outcome.GRANTED, reason="符合条件", basis="第36条")
    await township.offer_custody(clerk(), slip.case, op(5), to=VILLAGE)
    await network.settle()
    await village.accept_custody(agent(), slip.case, op(6))
    await village.hand_over(agent(), slip.case, op(7), recipient="王秀英", how=Handover.HOME)
    await village.close_case(agent(), slip.case, op(8))
    await network.settle()
    return slip.case


async def test_a_case_lives_its_life_and_every_node_verifies(places: Places) -> None:
    network = await Network.open(places)
    try:
        case = await live_a_case(network)
        for node in (network.hub, network.township, network.village):
            report = await verify(node)
            assert report.faults == []
            assert report.cases == 1
            found = await node.worklists.get_case(node.seat, case)
            assert found.file.stage is Stage.CLOSED
            assert [traced.state for traced in found.traced] == [""] * 8
            assert all(traced.held_by >= {VILLAGE, TOWNSHIP} for traced in found.traced)
    finally:
        await network.close()


async def test_the_hop_by_hop_state_of_a_case(places: Places) -> None:
    network = await Network.open(places)
    try:
        slip = await network.file()
        found = await network.village.worklists.get_case(VILLAGE, slip.case)
        assert found.held_by == {VILLAGE}
        await network.settle()
        found = await network.village.worklists.get_case(VILLAGE, slip.case)
        assert found.held_by == {VILLAGE, TOWNSHIP, COUNTY}
    finally:
        await network.close()


async def test_lists_hold_what_the_office_reads_and_nothing_else(places: Places) -> None:
    network = await Network.open(places)
    try:
        first, second = await network.file(1, "RS01"), await network.file(2, "RS01")
        await network.village.desk.offer_custody(agent(), first.case, op(3), to=TOWNSHIP)
        await network.settle()
        await network.township.desk.accept_custody(clerk(), first.case, op(4))
        await network.township.desk.offer_custody(clerk(), first.case, op(5), to=WINDOW)
        await network.settle()
        lists = network.hub.worklists
        assert (await lists.list_cases(COUNTY)).total == 2
        assert (await lists.list_cases(TOWNSHIP)).total == 2
        assert (await lists.list_cases(VILLAGE)).total == 2
        window = await lists.list_cases(WINDOW, Queue.OFFERED)
        assert [found.file.case for found in window.rows] == [first.case]
        assert (await lists.list_cases(WINDOW)).total == 1
        # Scope is by whole levels: neither a neighbour nor a longer or shorter code sees anything.
        for stranger in (OTHER_TOWNSHIP, OfficeId("5108241"), OfficeId("510824100206"), OfficeId("510824.mzj")):
            assert (await lists.list_cases(stranger)).total == 0
            with pytest.raises(NotPermitted, match="no_such_case"):
                await lists.get_case(stranger, first.case)
        assert (await lists.count(COUNTY))[Queue.OPEN] == 2
        assert await lists.find_by_number(TOWNSHIP, second.tracking.lower()) == second.case
        assert await lists.find_by_number(OTHER_TOWNSHIP, second.tracking) is None
        assert (await lists.list_cases(COUNTY, search=second.tracking)).total == 1
        # By name only where the office is at work, and only for whoever works on cases.
        for office, count in ((VILLAGE, 2), (WINDOW, 1), (COUNTY, 0)):
            assert (await lists.list_cases(office, search="王", by_name=True)).total == count
        assert (await lists.list_cases(VILLAGE, search="王")).total == 0
        assert (await lists.list_cases(VILLAGE, search="%", by_name=True)).total == 0
        page = await lists.list_cases(COUNTY, size=1)
        assert page.has_more
        assert page.rows[0].file.case == second.case
    finally:
        await network.close()


async def test_a_rebuild_gives_the_same_tables(places: Places) -> None:
    network = await Network.open(places)
    case = await live_a_case(network)
    await network.file(20)
    await network.settle()
    await network.close()
    for office in (COUNTY, TOWNSHIP, VILLAGE):
        node = await Node.open(places.home(office), refold=True)
        try:
            assert (await verify(node)).faults == []
            assert (await node.worklists.get_case(node.seat, case)).file.stage is Stage.CLOSED
        finally:
            await node.close()


async def test_a_broken_off_rebuild_begins_anew_at_the_next_start(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = await Network.open(places)
    await live_a_case(network)
    await network.close()

    def power_cut(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await Node.open(places.home(COUNTY), refold=True, progress=power_cut)
    hub = await places.open(COUNTY)
    try:
        assert (await verify(hub)).faults == []
        assert (await hub.worklists.list_cases(COUNTY)).total == 1
    finally:
        await hub.close()


async def test_a_second_writer_is_refused_in_words(places: Places) -> None:
    hub = await places.open(COUNTY)
    try:
        with pytest.raises(LocalFault, match="second_writer"):
            await places.open(COUNTY)
        reader = await Node.open(places.home(COUNTY), with_pen=False)
        assert (await verify(reader)).faults == []
        await reader.close()
    finally:
        await hub.close()
    again = await places.open(COUNTY)
    await again.close()


@pytest.mark.parametrize("with_pen", [True, False])
async def test_a_verb_given_in_the_moment_of_the_first_start_waits_for_it(tmp_path: Path, with_pen: bool) -> None:
    """The database is yet to be made, and somebody else is just at it: neither `run` nor `accounts add` gives up."""
    found_county(tmp_path / "hub", COUNTY, "苍溪县样例")
    somebody = WritingLock(Home(tmp_path / "hub").lock)
    somebody.take()
    opening = asyncio.create_task(Node.open(tmp_path / "hub", with_pen=with_pen))
    asyncio.get_running_loop().call_later(4 * PEN_PAUSE_S, somebody.release)
    node = await opening
    await node.accounts.add_officer("wang", "王", COUNTY, [Role.LEADER], "three quiet herons")
    await node.accounts.check_leader(OfficerId(f"{COUNTY}/wang"))
    await node.close()


async def test_whoever_only_looks_takes_nothing_from_a_node_that_is_starting(places: Places) -> None:
    """On a database of this version no lock is touched: a start in the same moment finds the pen free."""
    looking = await Node.open(places.home(COUNTY), with_pen=False)
    lock = Home(places.home(COUNTY)).lock
    lock.unlink()
    again = await Node.open(places.home(COUNTY), with_pen=False)
    assert not lock.exists()
    starting = await places.open(COUNTY)
    for node in (looking, again, starting):
        await node.close()


async def test_the_store_is_its_owners_alone_whatever_folder_it_lies_in(tmp_path: Path) -> None:
    """An administrator made the folder beforehand, open to everybody: names stand in the database in clear."""
    (tmp_path / COUNTY).mkdir(mode=0o755)
    places = await found_network(tmp_path)
    hub = await places.open(COUNTY)
    try:
        modes = {path.name: path.stat().st_mode & 0o077 for path in places.home(COUNTY).glob("node.db*")}
        assert "node.db-wal" in modes
        assert sys.platform == "win32" or set(modes.values()) == {0}
    finally:
        await hub.close()


async def test_whoever_looks_in_from_another_machine_leaves_the_pens_projections_alone(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    """Over PostgreSQL the pen may be elsewhere: a free lock in one's own folder says nothing."""
    url = await postgres_server.create_database()
    places = await found_network(tmp_path, url)
    hub = await places.open(COUNTY)
    shutil.copytree(places.home(COUNTY), tmp_path / "elsewhere")
    try:
        # As in the middle of a rebuild.
        async with hub.engines.write.begin() as connection:
            await connection.execute(text("DELETE FROM counters"))
        reader = await Node.open(tmp_path / "elsewhere", with_pen=False)
        await reader.close()
        assert not await hub.cases.is_folded()
    finally:
        await hub.close()
        await postgres_server.drop_database(url)


@pytest.mark.parametrize(
    ("host", "is_ours"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("localhost", True)]
    + [(host, False) for host in ("127.example.org", "127.0.0.1.example.org", "0.0.0.0", "", "10.0.0.1")],
)
def test_only_this_machine_is_served_in_plain_http(host: str, is_ours: bool) -> None:
    assert is_loopback(host) == is_ours


# --- somebody with the disk in their hands -------------------------------------------------------------------------

Tamper = Callable[[sqlite3.Connection], None]


def edit_a_body(store: sqlite3.Connection) -> None:
    body = store.execute("SELECT body FROM entries WHERE kind = 'case.decided'").fetchone()[0]
    store.execute("UPDATE entries SET body = ? WHERE kind = 'case.decided'", (body[:-1] + bytes([body[-1] ^ 1]),))


def delete_an_entry(store: sqlite3.Connection) -> None:
    store.execute("DELETE FROM entries WHERE kind = 'custody.accepted' AND seq = (SELECT max(seq) FROM entries)")
    store.execute("DELETE FROM entries WHERE arrival = (SELECT min(arrival) FROM entries WHERE kind = 'case.decided')")


def swap_two_entries(store: sqlite3.Connection) -> None:
    rows = store.execute("SELECT arrival, journal, seq FROM entries WHERE NOT loose ORDER BY journal, seq").fetchall()
    pairs = itertools.pairwise(rows)
    (one, _, seq), (two, _, other) = next((low, high) for low, high in pairs if low[1] == high[1])
    store.execute("UPDATE entries SET seq = -1 WHERE arrival = ?", (one,))
    store.execute("UPDATE entries SET seq = ? WHERE arrival = ?", (seq, two))
    store.execute("UPDATE entries SET seq = ? WHERE arrival = ?", (other, one))


def move_a_body_to_another_entry(store: sqlite3.Connection) -> None:
    rows = store.execute("SELECT arrival, salt, body FROM entries WHERE kind LIKE 'custody.%' LIMIT 2").fetchall()
    (one, salt, body), (two, other_salt, other_body) = rows
    store.execute("UPDATE entries SET salt = ?, body = ? WHERE arrival = ?", (other_salt, other_body, one))
    store.execute("UPDATE entries SET salt = ?, body = ? WHERE arrival = ?", (salt, body, two))


def cut_off_the_tail(store: sqlite3.Connection) -> None:
    """The last entries of the longest foreign journal, and everything beside them that would show it."""
    key, size = store.execute("SELECT key, size FROM journals ORDER BY size DESC LIMIT 1").fetchone()
    kept = size - 3
    tip = store.execute("SELECT hash FROM entries WHERE journal = ? AND seq = ?", (key, kept - 1)).fetchone()[0]
    store.execute("DELETE FROM entries WHERE journal = ? AND seq >= ?", (key, kept))
    store.execute("UPDATE journals SET size = ?, tip = ?, frontier = x'' WHERE key = ?", (kept, tip, key))
    store.execute("DELETE FROM checkpoints WHERE journal = ? AND size > ?", (key, kept))


def change_the_time_beside_an_entry(store: sqlite3.Connection) -> None:
    store.execute("UPDATE entries SET at = at - 86400000 WHERE kind = 'case.filed'")


def change_a_case_row(store: sqlite3.Connection) -> None:
    store.execute("UPDATE cases SET custodian = '510824102'")


def hide_a_case(store: sqlite3.Connection) -> None:
    store.execute("DELETE FROM cases")


def invent_a_guest(store: sqlite3.Connection) -> None:
    store.execute("INSERT INTO case_readers (office, subject) SELECT '510824102', subject FROM cases")


def forge_a_checkpoint(store: sqlite3.Connection) -> None:
    store.execute("UPDATE checkpoints SET root = zeroblob(32) WHERE size = (SELECT max(size) FROM checkpoints)")


def set_an_entry_aside(store: sqlite3.Connection) -> None:
    store.execute(
        "INSERT INTO dispositions SELECT journal, seq, 'quarantined', 'x' FROM entries WHERE kind = 'case.filed'"
    )


def take_out_a_look(store: sqlite3.Connection) -> None:
    store.execute("DELETE FROM access_log WHERE number = 1")


def reword_a_look(store: sqlite3.Connection) -> None:
    store.execute("UPDATE access_log SET purpose = '例行检查' WHERE number = 2")


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        (edit_a_body, "changed"),
        (delete_an_entry, "missing"),
        (swap_two_entries, "changed"),
        (move_a_body_to_another_entry, "changed"),
        (cut_off_the_tail, "cut_off"),
        (change_the_time_beside_an_entry, "changed"),
        (forge_a_checkpoint, "changed"),
        (change_a_case_row, "table_differs"),
        (hide_a_case, "table_differs"),
        (invent_a_guest, "table_differs"),
        (set_an_entry_aside, "table_differs"),
        (take_out_a_look, "look_changed"),
        (reword_a_look, "look_changed"),
    ],
)
async def test_verify_names_every_change_behind_the_nodes_back(
    lived: Path, tmp_path: Path, tamper: Tamper, code: str
) -> None:
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    places = Places(tmp_path)
    store = sqlite3.connect(places.home(COUNTY) / "node.db")
    with store:
        tamper(store)
    store.close()
    hub = await Node.open(places.home(COUNTY), with_pen=False)
    try:
        report = await verify(hub)
    finally:
        await hub.close()
    assert code in {fault.code for fault in report.faults}
    assert all(fault.where and fault.zh and fault.en for fault in report.faults)


EVIDENCE = ("head", "salt", "body", "hash", "signature", "prev", "proof")
"""Columns of an entry of which no bit may change unseen."""


async def test_no_bit_of_any_entry_changes_and_no_entry_goes_without_being_named(lived: Path, tmp_path: Path) -> None:
    """Every entry that the county holds, column by column, and then the whole row; each put right again."""
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    home = Places(tmp_path).home(COUNTY)
    hub = await Node.open(home, with_pen=False)
    store = sqlite3.connect(home / "node.db", isolation_level=None)
    unnamed: list[str] = []
    tried = 0

    async def is_named(journal: str, seq: int, arrival: int) -> bool:
        places = {f"{journal} #{seq}", f"arrival {arrival}"}
        return any(fault.where in places for fault in (await verify(hub)).faults)

    try:
        keys = {state.key: str(state.journal) for state in (await hub.store.load()).journals}
        rows = store.execute("SELECT * FROM entries ORDER BY arrival").fetchall()
        names = [column[1] for column in store.execute("PRAGMA table_info(entries)")]
        for row in rows:
            entry = dict(zip(names, row, strict=True))
            arrival, seq, journal = entry["arrival"], entry["seq"], keys[entry["journal"]]
            for column in (column for column in EVIDENCE if entry[column]):
                changed = bytes([entry[column][0] ^ 1]) + entry[column][1:]
                store.execute(f"UPDATE entries SET {column} = ? WHERE arrival = ?", (changed, arrival))
                tried += 1
                if not await is_named(journal, seq, arrival):
                    unnamed.append(f"{column} of {entry['kind']} #{seq}")
                store.execute(f"UPDATE entries SET {column} = ? WHERE arrival = ?", (entry[column], arrival))
            store.execute("DELETE FROM entries WHERE arrival = ?", (arrival,))
            tried += 1
            if not await is_named(journal, seq, arrival):
                unnamed.append(f"deletion of {entry['kind']} #{seq}")
            store.execute(f"INSERT INTO entries VALUES ({', '.join('?' * len(names))})", row)
        assert (await verify(hub)).faults == []
    finally:
        store.close()
        await hub.close()
    assert tried > 100
    assert unnamed == []


def single_entry(store: sqlite3.Connection) -> tuple[int, int, int]:
    """(arrival, journal, seq) of an entry that came alone, beyond what is held of its journal without a gap."""
    query = "SELECT arrival, journal, seq FROM entries JOIN journals ON key = journal WHERE loose AND seq >= size"
    return store.execute(query).fetchone()


async def test_verify_accuses_nobody_of_what_moves_while_it_walks(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An entry that came alone joins its run after the sizes were read: it is in neither half of what is read then."""
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    home = Places(tmp_path).home(VILLAGE)
    village = await Node.open(home, with_pen=False)
    load = village.store.load

    async def load_before_it_joins() -> Loaded:
        loaded = await load()
        monkeypatch.undo()
        with sqlite3.connect(home / "node.db") as store:
            arrival, journal, seq = single_entry(store)
            store.execute("UPDATE entries SET loose = 0 WHERE arrival = ?", (arrival,))
            store.execute("UPDATE journals SET size = ? WHERE key = ?", (seq + 1, journal))
        return loaded

    monkeypatch.setattr(village.store, "load", load_before_it_joins)
    try:
        assert (await verify(village)).faults == []
    finally:
        await village.close()


async def test_verify_names_an_entry_that_is_hidden_between_run_and_single_ones(lived: Path, tmp_path: Path) -> None:
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    home = Places(tmp_path).home(VILLAGE)
    with sqlite3.connect(home / "node.db") as store:
        arrival, _, _ = single_entry(store)
        store.execute("UPDATE entries SET loose = 0 WHERE arrival = ?", (arrival,))
    village = await Node.open(home, with_pen=False)
    try:
        faults = [(fault.code, fault.where) for fault in (await verify(village)).faults]
    finally:
        await village.close()
    assert ("missing", f"arrival {arrival}") in faults


async def test_a_single_receipt_that_lost_its_proof_is_named_like_any_other_entry(lived: Path, tmp_path: Path) -> None:
    """The signature inside a receipt says nothing about its number (PROTOCOL 4.3)."""
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    home = Places(tmp_path).home(VILLAGE)
    receipts = "FROM entries WHERE loose AND kind = 'line.receipted'"
    with sqlite3.connect(home / "node.db") as store:
        (held,) = store.execute(f"SELECT count(*) {receipts}").fetchone()
        store.execute("UPDATE entries SET proof = NULL, signature = NULL WHERE loose AND kind = 'line.receipted'")
    village = await Node.open(home, with_pen=False)
    try:
        codes = [fault.code for fault in (await verify(village)).faults]
    finally:
        await village.close()
    assert codes.count("unproved") == held > 0


async def test_verify_builds_each_tree_once_however_many_signed_for_it(
    lived: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every exchange leaves a receipt: a year of them over each other must not cost a year of hashing."""
    shutil.copytree(lived, tmp_path, dirs_exist_ok=True)
    hub = await Node.open(Places(tmp_path).home(COUNTY), with_pen=False)
    extend, hashed = Frontier.extend, 0

    def count(frontier: Frontier, leaves: Iterable[bytes]) -> Frontier:
        nonlocal hashed
        # The few heads inside a receipt are a tree of their own; they come one by one.
        hashed += len(leaves) if isinstance(leaves, list) else 0
        return extend(frontier, leaves)

    monkeypatch.setattr(Frontier, "extend", count)
    try:
        report = await verify(hub)
    finally:
        await hub.close()
    assert report.faults == []
    assert report.receipts > 3
    assert 0 < hashed <= report.entries


# --- somebody with a key in their hands ------------------------------------------------------------------------------


async def test_what_a_hostile_village_writes_stops_neither_the_hub_nor_other_cases(places: Places) -> None:
    """Bodies that no desk would write, sealed and signed by an enrolled device, on either database."""
    network = await Network.open(places)
    try:
        slip = await network.file(1)
        village = network.village
        tip, author = (await village.worklists.get_case(VILLAGE, slip.case)).file.tip, agent().officer
        offer = encode(CustodyOffered(2, tip, op(7), VILLAGE, author, OfficeId("5" * 30_000)))
        remark = encode(RemarkAdded(1, op(8), VILLAGE, author, "空\x00字符"))
        far = encode(CustodyOffered(2, tip, op(9), VILLAGE, author, OfficeId("not an office")))
        bodies = [
            ("custody.offered", offer),
            ("remark.added", remark),
            ("case.decided", b"\x91" * 3000),
            ("case.filed", b""),
            ("custody.offered", far),
        ]

        async def drafting() -> list[Draft]:
            return [Draft(kind, slip.case, body) for kind, body in bodies]

        await village.writer.record(drafting)
        second = await network.file(2)
        await network.settle()
        for node in (network.hub, network.township, village):
            aside = [found.disposition.code for found in await node.worklists.set_aside()]
            assert sorted(aside) == ["malformed"] * 4 + ["nul_character"]
            assert (await node.worklists.get_case(VILLAGE, second.case)).file.stage is Stage.FILED
            assert (await node.worklists.get_case(VILLAGE, slip.case)).file.stage is Stage.FILED
            assert (await verify(node)).faults == []
        # The desk is not disturbed: the pen is still here, and the case can go up.
        await village.desk.offer_custody(agent(), slip.case, op(10), to=TOWNSHIP)
    finally:
        await network.close()
