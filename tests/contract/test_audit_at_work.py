"""The audit as an operator meets it: beside a running hub, in its figures, under its verbs, in its backups."""

import asyncio
import json
import shutil
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hub.__main__ import APPLICATION
from hub.audit.database import EXAMINED, open_audit
from hub.metrics import Metric, text_of
from office.backup import list_backups
from office.cli import main
from office.local import Door
from office.node import Node
from office.paths import Home, write_private
from office.settings import Settings
from schemas.casework.roles import Role
from tests.contract.test_local_door import running
from tests.support.counties import COUNTY, TOWNSHIP, agent, op
from tests.support.nodes import Network, Places, found_network
from tests.support.waiting import wait_until

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A county that has heard of a case; to be copied, not touched."""
    folder = tmp_path_factory.mktemp("lived")
    network = await Network.open(await found_network(folder))
    case = (await network.file(10)).case
    await network.village.desk.offer_custody(agent(), case, op(11), to=TOWNSHIP)
    await network.settle()
    hub = network.hub
    await hub.accounts.add_officer("chen", "样例", COUNTY, [Role.SUPERVISOR], "three quiet herons")
    await network.close()
    return folder


@pytest.fixture
def places(lived: Path, tmp_path: Path) -> Places:
    shutil.copytree(lived, tmp_path / "homes")
    found = Places(tmp_path / "homes")
    write_private(Home(found.home(COUNTY)).settings, b"port = 0\n")
    return found


@pytest.fixture
def run(places: Places, capsys: pytest.CaptureFixture[str]) -> Run:
    """One verb at the county: status, standard output, standard error."""

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(APPLICATION, [*words, "--home", str(places.home(COUNTY))])
        told = capsys.readouterr()
        return status, told.out, told.err

    return command


def examined(home: Home) -> int:
    """How far the audit of a node has come."""
    if not home.audit.exists():
        return 0
    store = sqlite3.connect(home.audit)
    try:
        return int(store.execute("SELECT value FROM audit_meta WHERE name = ?", (EXAMINED,)).fetchone()[0])
    except sqlite3.OperationalError:
        return 0  # it is just being made
    finally:
        store.close()


# --- beside the hub --------------------------------------------------------------------------------------------------


def test_without_redis_the_hub_itself_examines_what_arrives(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)
    home = Home(places.home(COUNTY))
    with running(places, COUNTY):
        wait_until(lambda: examined(home) > 0, "the audit to have examined what there is")
        door = msgspec.json.decode(home.local.read_bytes(), type=Door)

        def told_now() -> str:
            with urllib.request.urlopen(f"{door.address}/metrics", timeout=10) as answer:
                assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
                return answer.read().decode()

        # The start itself writes entries: they are examined a moment later.
        wait_until(lambda: "tongban_audit_backlog_entries 0" in told_now(), "the backlog to be gone")
        told = told_now()
        figures = dict(line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
        assert f'tongban_line_silence_seconds{{office="{TOWNSHIP}"}}' in figures
        for personal in ("王秀英", "510824194910010025", "chen"):
            assert personal not in told
        # Whoever comes by way of another machine is shown nothing.
        relayed = urllib.request.Request(f"{door.address}/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(relayed, timeout=10)


def test_with_redis_the_hub_wakes_a_worker_and_examines_nothing(
    places: Places, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from arq import create_pool
    from arq.connections import RedisSettings

    database = f"{redis_url.rsplit('/', 1)[0]}/7"
    monkeypatch.setenv("REDIS_URL", database)

    async def queued() -> int:
        pool = await create_pool(RedisSettings.from_dsn(database))
        try:
            return len(await pool.queued_jobs())
        finally:
            await pool.aclose(close_connection_pool=True)

    with running(places, COUNTY):
        wait_until(lambda: asyncio.run(queued()) == 1, "the worker to be woken")
    assert examined(Home(places.home(COUNTY))) == 0


def test_figures_are_written_as_prometheus_reads_them() -> None:
    odd = Metric("m", "What it says.", (({"b": 'a "word"\\', "a": "line\nbreak"}, 3), ({}, 0.5)))
    assert text_of([odd]).splitlines() == [
        "# HELP m What it says.",
        "# TYPE m gauge",
        'm{a="line\\nbreak",b="a \\"word\\"\\\\"} 3',
        "m 0.5",
    ]


# --- verbs -----------------------------------------------------------------------------------------------------------


def test_an_officer_reads_findings_and_says_a_word_to_them(places: Places, run: Run) -> None:
    async def plant() -> int:
        """A finding as the rules of a county would make it."""
        from hub.audit.auditing import auditor_of
        from hub.audit.findings import Found
        from hub.audit.rule import Hit, Severity
        from hub.audit.sweeping import keep_found

        node = await Node.open(places.home(COUNTY), with_pen=False)
        try:
            (case,) = await node.subjects()
            entry = (await node.store.entries_about([case]))[0]
            hit = Hit(Severity.RED, TOWNSHIP, ((entry.journal, entry.seq),), {"date": "2026-01-16", "state": "outside"})
            async with auditor_of(node) as auditor:
                await keep_found(auditor.examiner, [Found("P15", 1, hit, case, proof=b"proof of a sample")], [])
                return (await auditor.examiner.findings.search())[0].number
        finally:
            await node.close()

    status, out, err = run("audit", "run")
    assert (status, err) == (0, "")
    assert "查看" in out
    number = str(asyncio.run(plant()))
    status, out, _ = run("audit", "findings", "--open", "--rule", "P15", "--office", COUNTY)
    assert (status, out.splitlines()[0].split("\t")[:4]) == (0, [number, "P15", "红牌", "待核"])
    status, out, _ = run("audit", "show", number)
    assert status == 0
    assert "证据：" in out
    assert "收件" in out
    assert "自称" in out
    assert "王秀英" not in out
    proof = places.folder / "proof"
    assert run("audit", "show", number, "--proof", str(proof))[0] == 0
    assert proof.read_bytes() == b"proof of a sample"
    words = ["--officer", "chen", "--reason", "已核实"]
    assert run("audit", "confirm", number, "--officer", "nobody", "--reason", "x")[2].startswith("no_such_officer:")
    assert run("audit", "confirm", number, *words)[0] == 0
    assert run("audit", "dismiss", number, *words)[2].startswith("finding_not_open:")
    assert run("audit", "dismiss", "999", *words)[2].startswith("no_such_finding:")
    status, out, _ = run("audit", "show", number)
    assert "已核实" in out
    assert run("audit", "findings", "--open", "--rule", "P15")[1].splitlines() == ["共 0 个问题"]


def test_rules_say_what_they_rest_on_and_what_they_leave_alone(places: Places, run: Run) -> None:
    status, out, _ = run("audit", "rules")
    assert status == 0
    assert {"I1", "P1", "P19"} <= {line.split("\t")[0] for line in out.splitlines()}
    assert "reminder_days = 1" in out
    write_private(Home(places.home(COUNTY)).settings, b'language = "en"\naudit = { reminder_days = 2 }\n')
    out = run("audit", "rules")[1]
    assert "reminder_days = 2" in out
    assert "guard: " in out
    for unusable, code in (("reminder_days = 99", "audit_limit_range"), ("no_such_limit = 1", "audit_limit_unknown")):
        write_private(Home(places.home(COUNTY)).settings, f"audit = {{ {unusable} }}\n".encode())
        assert run("audit", "run")[2].startswith(f"{code}:")


# --- backups ---------------------------------------------------------------------------------------------------------


def test_the_audit_comes_back_with_the_county(places: Places, run: Run, tmp_path: Path) -> None:
    assert run("audit", "run")[0] == 0
    home, stick = Home(places.home(COUNTY)), tmp_path / "stick"
    stick.mkdir()
    assert run("backup", str(stick))[0] == 0
    (file,) = [one.path for one in list_backups(stick)]
    status, out, err = run("restore", str(file), "--check")
    assert (status, err) == (0, "")
    assert json.loads(out.splitlines()[-1])["faults"] == []
    assert run("restore", str(file), "--into", str(tmp_path / "new"))[0] == 0
    restored = Home(tmp_path / "new")
    assert examined(restored) == examined(home) > 0

    async def numbers(where: Home) -> list[tuple[object, ...]]:
        audit = await open_audit(where, Settings())
        try:
            async with audit.read.connect() as connection:
                query = "SELECT number, rule, office, key, state FROM audit_findings ORDER BY number"
                return [tuple(row) for row in (await connection.exec_driver_sql(query)).all()]
        finally:
            await audit.close()

    assert asyncio.run(numbers(restored)) == asyncio.run(numbers(home))


def test_a_row_that_is_missing_in_a_backup_is_told(places: Places, run: Run, tmp_path: Path) -> None:
    assert run("audit", "run")[0] == 0
    stick = tmp_path / "stick"
    stick.mkdir()
    assert run("backup", str(stick))[0] == 0
    from office import checking

    with pytest.MonkeyPatch.context() as patch:

        async def fewer(path: Path) -> dict[str, int]:
            return {**await counted(path), "audit_cases": 0}

        counted = checking.count_file
        patch.setattr(checking, "count_file", fewer)
        status, out, _ = run("restore", str(stick), "--check")
    assert status == 1
    assert [fault["code"] for fault in json.loads(out.splitlines()[-1])["faults"]] == ["backup_differs"]
