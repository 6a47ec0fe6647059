"""Verbs beside a running node: real processes, real files. Who has no pen hands over what it wants done."""

import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from office.local import STATUS_PATH, Door, LocalRefusal
from office.node import Node
from office.paths import Home, write_private
from office.status import Status
from schemas.casework.roles import Role
from schemas.names import NodeId, OfficeId
from schemas.refusals import Refused
from schemas.wire import KIND_COUNTERSIGNED, KIND_REVOKED
from sync.http import JSON_TYPE, Reply, Wire
from tests.support.counties import APPLICANT, COUNTY, TOWNSHIP, VILLAGE, clerk, materials_of, op
from tests.support.nodes import Places, found_network
from tests.support.waiting import free_port, wait_until

VERB_S_MAX = 60.0
PROGRAMS = {COUNTY: "hub", TOWNSHIP: "township_node", VILLAGE: "village_agent"}


@pytest.fixture
async def places(tmp_path: Path) -> Places:
    """The folders of a county; every node may listen on any free port."""
    found = await found_network(tmp_path)
    for office in PROGRAMS:
        write_private(Home(found.home(office)).settings, b"port = 0\n")
    return found


def verb(places: Places, office: OfficeId, *words: str) -> "subprocess.CompletedProcess[str]":
    """One verb, as an operator types it beside whatever runs."""
    command = [sys.executable, "-m", PROGRAMS[office], *words, "--home", str(places.home(office))]
    return subprocess.run(command, capture_output=True, text=True, timeout=VERB_S_MAX, check=False)


@contextmanager
def running(places: Places, office: OfficeId) -> Generator["subprocess.Popen[str]"]:
    """A node's `run` until the block ends; then it is told to end, and must do so in order."""
    home = places.home(office)
    with (home / "log.txt").open("w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", PROGRAMS[office], "run", "--home", str(home)],
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            wait_until(lambda: Home(home).local.exists() or process.poll() is not None, "the door to open")
            assert process.poll() is None, (home / "log.txt").read_text(encoding="utf-8")
            yield process
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=VERB_S_MAX) == 0
        finally:
            process.kill()
            process.wait()
    assert "Traceback" not in (home / "log.txt").read_text(encoding="utf-8")


async def device_of(places: Places, office: OfficeId) -> NodeId:
    node = await Node.open(places.home(office), with_pen=False)
    await node.close()
    return node.books.seat.node


async def kinds_at(places: Places, office: OfficeId, kind: str) -> int:
    node = await Node.open(places.home(office), with_pen=False)
    entries = await node.store.entries_of_kind(kind)
    await node.close()
    return len(entries)


async def with_leaders(places: Places) -> None:
    """County and township talk only when told to, and have each a leader, Wang."""
    port = free_port()
    write_private(Home(places.home(COUNTY)).settings, f"port = {port}\n".encode())
    quiet = f'port = 0\nparent = "http://127.0.0.1:{port}"\nsync_every_s = 86400\n'
    write_private(Home(places.home(TOWNSHIP)).settings, quiet.encode())
    for office in (COUNTY, TOWNSHIP):
        node = await Node.open(places.home(office), with_pen=False)
        await node.accounts.add_officer("wang", "王主任", office, {Role.LEADER}, "correct horse battery")
        await node.close()


async def test_confirming_and_revoking_beside_a_running_hub(places: Places) -> None:
    township, village = await device_of(places, TOWNSHIP), await device_of(places, VILLAGE)
    with running(places, COUNTY):
        door = Home(places.home(COUNTY)).local
        assert door.stat().st_mode & 0o777 == 0o600
        confirmed = verb(places, COUNTY, "network", "countersign", township)
        assert (confirmed.returncode, confirmed.stderr) == (0, "")
        assert "已确认" in confirmed.stdout
        lost = verb(places, COUNTY, "network", "revoke", village, "--reason", "被盗")
        assert lost.returncode == 0, lost.stderr
        assert "已注销" in verb(places, COUNTY, "network", "list").stdout
        for words in (("countersign", "nobody"), ("revoke", "nobody", "--reason", "x")):
            refused = verb(places, COUNTY, "network", *words)
            assert refused.returncode == 1
            assert refused.stderr.startswith("unknown_device: 没有找到该设备")
        top = verb(places, COUNTY, "sync")
        assert (top.returncode, top.stderr.split(":")[0]) == (1, "no_parent")
    assert not door.exists()
    assert await kinds_at(places, COUNTY, KIND_COUNTERSIGNED) == 1
    assert await kinds_at(places, COUNTY, KIND_REVOKED) == 1

    again = verb(places, COUNTY, "network", "countersign", township)
    assert (again.returncode, again.stderr.split(":")[0]) == (1, "already_confirmed")
    ended = verb(places, COUNTY, "network", "countersign", village)
    assert (ended.returncode, ended.stderr.split(":")[0]) == (1, "already_confirmed"), "the county revoked it itself"
    assert await kinds_at(places, COUNTY, KIND_COUNTERSIGNED) == 1


async def test_an_edition_published_beside_a_running_hub_is_in_force_at_a_running_township(
    places: Places, tmp_path: Path
) -> None:
    await with_leaders(places)
    path = tmp_path / "sample.xlsx"
    assert verb(places, COUNTY, "catalogue", "export", str(path)).returncode == 0
    words = ("catalogue", "publish", str(path), "--from", "2026-01-01", "--document", "1号", "--approver")
    with running(places, COUNTY), running(places, TOWNSHIP):
        refused = verb(places, COUNTY, *words, "nobody")
        assert (refused.returncode, refused.stderr.split(":")[0]) == (1, "no_such_officer")
        published = verb(places, COUNTY, *words, "wang")
        assert published.returncode == 0, published.stderr
        assert "已发布，写入 40 条" in published.stdout
        assert "此前已发布，没有改动" in verb(places, COUNTY, *words, "wang").stdout
        opened = verb(places, TOWNSHIP, "openings", "set", VILLAGE, "农历 1,4,7", "--officer", "wang")
        assert (opened.returncode, opened.stdout) == (0, "已发布，写入 1 条\n"), opened.stderr
        assert verb(places, TOWNSHIP, "sync").returncode == 0
        wait_until(lambda: _edition_at(places, TOWNSHIP) == _edition_at(places, COUNTY), "the edition to be in force")
        assert "逢农历一、四、七" in verb(places, COUNTY, "openings", "list").stdout
    node = await Node.open(places.home(TOWNSHIP), with_pen=False)
    assert len(node.catalogue.in_force(node.clock.now()).items) == 39
    assert node.catalogue.in_force(node.clock.now()).document == "1号"
    await node.close()


async def test_a_move_is_proposed_confirmed_and_carried_out_beside_running_nodes(places: Places) -> None:
    await with_leaders(places)
    node = await Node.open(places.home(TOWNSHIP))
    papers = materials_of("WJ02")
    li = clerk(TOWNSHIP)
    filed = await node.intake.open_case(li, op(1), item="WJ02", applicant=APPLICANT, materials=papers)
    await node.desk.accept_custody(li, filed.case, op(2))
    await node.close()
    officer = ("--officer", "wang")
    with running(places, COUNTY), running(places, TOWNSHIP):
        assert verb(places, TOWNSHIP, "sync").returncode == 0
        previewed = verb(places, COUNTY, "moves", "preview", TOWNSHIP)
        assert "未了的办件\t1\t办理中 1" in previewed.stdout, previewed.stderr
        proposed = verb(
            places,
            COUNTY,
            "moves",
            "propose",
            TOWNSHIP,
            "510824102",
            "--from",
            "2026-01-01",
            "--document",
            "1号",
            *officer,
        )
        assert proposed.returncode == 0, proposed.stderr
        assert verb(places, TOWNSHIP, "sync").returncode == 0
        confirmed = verb(places, TOWNSHIP, "moves", "confirm", TOWNSHIP, *officer)
        assert (confirmed.returncode, confirmed.stdout) == (0, "已发布，写入 1 条\n"), confirmed.stderr
        assert verb(places, TOWNSHIP, "sync").returncode == 0
        assert f"已确认：{TOWNSHIP}" in verb(places, COUNTY, "moves", "list").stdout
        carry = ("moves", "carry-out", TOWNSHIP, *officer)
        refused = verb(places, COUNTY, *carry)
        assert refused.stderr.startswith("move_unconfirmed: 510824102 尚未确认")
        done = verb(places, COUNTY, *carry, "--reason", "新设备尚未到位")
        assert (done.returncode, done.stdout) == (0, "已转 1 件，原单位尚有 0 件\n"), done.stderr
        assert verb(places, TOWNSHIP, "sync").returncode == 0
    node = await Node.open(places.home(TOWNSHIP))
    moved = (await node.cases.read([filed.case]))[filed.case]
    assert (moved.custodian, moved.home) == ("510824102", "510824102")
    with pytest.raises(Refused, match="office_ended"):
        await node.intake.open_case(li, op(3), item="WJ02", applicant=APPLICANT, materials=papers)
    await node.close()


def _edition_at(places: Places, office: OfficeId) -> tuple[str, int]:
    status = status_in(verb(places, office, "status", "--json"))
    return status.edition, len(status.incomplete_editions)


async def test_sync_and_status_of_a_running_township(places: Places) -> None:
    port = free_port()
    write_private(Home(places.home(COUNTY)).settings, f"port = {port}\n".encode())
    quiet = f'port = 0\nparent = "http://127.0.0.1:{port}"\nsync_every_s = 86400\n'
    write_private(Home(places.home(TOWNSHIP)).settings, quiet.encode())
    with running(places, COUNTY), running(places, TOWNSHIP):
        talked = verb(places, TOWNSHIP, "sync")
        assert talked.returncode == 0, talked.stderr
        assert "待送 0" in talked.stdout
        status = status_in(verb(places, TOWNSHIP, "status", "--json"))
        assert (status.office, status.is_running, status.is_quarantined) == (TOWNSHIP, True, False)
        assert status.courier is not None
        assert status.courier.conversations >= 1
        assert status.lines[0].office == COUNTY
        assert status.storage.has_ballast is not None
    down = status_in(verb(places, TOWNSHIP, "status", "--json"))
    assert (down.is_running, down.courier) == (False, None)
    assert down.own == status.own
    assert "未运行" in verb(places, TOWNSHIP, "status").stdout
    with running(places, TOWNSHIP):
        cut_off = verb(places, TOWNSHIP, "sync")
        assert (cut_off.returncode, cut_off.stderr.split(":")[0]) == (1, "line_down")
        assert "上行线路 line_down：上级节点没有应答" in verb(places, TOWNSHIP, "status").stdout
        assert "✓ line up: line_down：上级节点没有应答" in verb(places, TOWNSHIP, "doctor").stdout, "weather"
    assert "line up" not in verb(places, TOWNSHIP, "doctor").stdout, "only the running node knows"


async def test_a_line_that_leads_to_the_wrong_place_is_no_weather(places: Places) -> None:
    """Some other program answers at the address of the node above: `doctor` and `status` say so, and what to do."""
    with running(places, COUNTY):
        # The hub's own door speaks HTTP, and is no parent of the county's other township.
        address = door_of(places, COUNTY).address
        write_private(Home(places.home(VILLAGE)).settings, f'port = 0\nparent = "{address}"\n'.encode())
        with running(places, VILLAGE):
            refused = verb(places, VILLAGE, "sync")
            code = refused.stderr.split(":")[0]
            assert (refused.returncode, code) == (1, "wrong_office")
            told = verb(places, VILLAGE, "doctor")
            assert told.returncode == 1
            assert f"✗ line up: {code}：" in told.stdout
            assert f"上行线路 {code}：" in verb(places, VILLAGE, "status").stdout
        log = (places.home(VILLAGE) / "log.txt").read_text(encoding="utf-8")
        assert log.count(f"the line upward fails: '{code}'") == 1


def status_in(ended: "subprocess.CompletedProcess[str]") -> Status:
    assert ended.returncode == 0, ended.stderr
    return msgspec.json.decode(ended.stdout, type=Status)


async def test_a_node_on_the_network_answers_verbs_on_loopback_over_its_own_certificate(places: Places) -> None:
    write_private(Home(places.home(COUNTY)).settings, b'host = "0.0.0.0"\nport = 0\n')
    with running(places, COUNTY):
        door = door_of(places, COUNTY)
        assert door.address.startswith("https://127.0.0.1:")
        assert status_in(verb(places, COUNTY, "status", "--json")).is_running
        confirmed = verb(places, COUNTY, "network", "countersign", await device_of(places, TOWNSHIP))
        assert confirmed.returncode == 0, confirmed.stderr
        # Somebody else's certificate at that address gets neither question nor token.
        write_private(Home(places.home(COUNTY)).local, msgspec.json.encode(Door(door.address, door.token, "00" * 32)))
        refused = verb(places, COUNTY, "network", "countersign", "nobody")
        assert (refused.returncode, refused.stderr.split(":")[0]) == (1, "not_reachable")
        write_private(Home(places.home(COUNTY)).local, msgspec.json.encode(door))


def door_of(places: Places, office: OfficeId) -> Door:
    return msgspec.json.decode(Home(places.home(office)).local.read_bytes(), type=Door)


async def knock(door: Door, token: str, path: str = STATUS_PATH, body: bytes = b"null") -> Reply:
    wire = Wire(door.address)
    try:
        return await wire.post(path, body, token=bytes.fromhex(token), content_type=JSON_TYPE)
    finally:
        wire.hang_up()


async def test_the_door_opens_to_the_token_of_this_start_only(places: Places) -> None:
    with running(places, COUNTY):
        earlier = door_of(places, COUNTY)
        assert (await knock(earlier, earlier.token)).status == 200
    with running(places, COUNTY):
        door = door_of(places, COUNTY)
        assert door.token != earlier.token
        for token in ("", "00" * 32, earlier.token, door.token[:-2]):
            reply = await knock(door, token)
            assert reply.status == 401
            assert msgspec.json.decode(reply.body, type=LocalRefusal).code == "not_signed_in"
        for path, body in (
            ("/local/revoke", b"{"),
            ("/local/revoke", b'{"device": 7, "reason": "x"}'),
            ("/local/countersign", b'{"device": "x", "more": 1}'),
            ("/local/countersign", b"[" * 3000),
            ("/local/countersign", b" " * 5000),
        ):
            reply = await knock(door, door.token, path, body)
            assert 400 <= reply.status < 500, path
            refusal = msgspec.json.decode(reply.body, type=LocalRefusal)
            assert refusal.zh != refusal.en


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["sync"], "no_parent"),
        (["network", "countersign", "nobody"], "unknown_device"),
        (["network", "revoke", "nobody", "--reason", "x"], "unknown_device"),
    ],
)
async def test_a_verb_that_is_refused_leaves_no_journal_behind(places: Places, words: list[str], code: str) -> None:
    async def journals() -> int:
        node = await Node.open(places.home(COUNTY), with_pen=False)
        await node.close()
        return len(node.books.journals)

    before = await journals()
    refused = verb(places, COUNTY, *words)
    assert (refused.returncode, refused.stderr.split(":")[0]) == (1, code)
    assert await journals() == before


async def test_a_pen_that_says_nothing_about_itself_is_told_in_words(places: Places) -> None:
    """Another verb is at work; or a killed node left its file behind, and another process has the lock."""
    home = Home(places.home(COUNTY))
    holder = await places.open(COUNTY)
    try:
        left_over = [
            None,
            b"{",
            b'{"address": "http://127.0.0.1:9", "token": "00"}',
            b'{"address": "x", "token": "00"}',
        ]
        for left_behind in left_over:
            if left_behind is not None:
                write_private(home.local, left_behind)
            refused = verb(places, COUNTY, "network", "countersign", "nobody")
            assert refused.returncode == 1
            assert "Traceback" not in refused.stderr
            assert "请稍候再试" in refused.stderr
    finally:
        await holder.close()
    # Nobody holds the pen any more: the verb takes it, whatever the file says.
    taken = verb(places, COUNTY, "network", "countersign", "nobody")
    assert taken.stderr.startswith("unknown_device")
    assert verb(places, COUNTY, "status").returncode == 0
