"""The demo, whole: seven real processes, lines that fail, a kill, an old backup; and its checks do notice damage."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import IO, Any

import msgspec
import psutil
import pytest

from deploy.demo_checks import Shelf, Told, Verdict, judge
from deploy.demo_scenario import PLACES
from deploy.demo_staff import statements_of
from deploy.demo_stores import Peek, open_vault
from deploy.demo_stories import PRINTED, STORIES
from office import cipher
from office.node import load_data_key
from office.paths import Home
from schemas.casework.regimes import Regime
from sync.sealing import AesGcmSealer

pytestmark = pytest.mark.slow

DEMO = (sys.executable, "-m", "deploy.demo", "--check", "--en")
DEMO_S_MAX = 300


def start_demo(home: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*DEMO, "--home", str(home)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def processes_of(home: Path) -> list[int]:
    """Processes that work in a folder below `home`."""
    found: list[int] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("TONGBAN_HOME", "").startswith(str(home)):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def performed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, "subprocess.CompletedProcess[str]"]:
    """One performance and the folder that it left."""
    home = tmp_path_factory.mktemp("county") / "demo"
    process = start_demo(home)
    printed, told = process.communicate(timeout=DEMO_S_MAX)
    return home, subprocess.CompletedProcess(DEMO, process.returncode, printed, told)


def test_everything_arrives_once_and_is_proved(performed: tuple[Path, "subprocess.CompletedProcess[str]"]) -> None:
    _, demo = performed
    assert demo.returncode == 0, demo.stderr + demo.stdout
    figures = json.loads(demo.stdout.splitlines()[-1])
    assert figures["cases"] == len(STORIES)
    assert figures["handed_over"] == sum(story.handed_over for story in STORIES)
    assert (figures["lost"], figures["doubled"], figures["quarantined"]) == (0, 0, 0)
    stated = sum(len(statements_of(place, bytes(16), date(2026, 11, 23))) for place in PLACES)
    assert figures["published"] > 39 + stated, "every item, the edition, the grant, names, posts, desks and slots"
    assert figures["regimes"].keys() == {regime.value for regime in Regime}
    assert figures["on_lists"] == sum(len(story.rows) for story in STORIES)
    # One more on a play that goes on past midnight.
    assert figures["kinds"] >= len({step.kind for story in STORIES for step in story.steps})
    assert figures["tables_equal_refold"] is True
    assert figures["chains_verified"] is True
    assert figures["faults"] == []


def test_the_stories_of_a_joint_and_of_an_offline_case_are_printed(
    performed: tuple[Path, "subprocess.CompletedProcess[str]"],
) -> None:
    told = performed[1].stderr
    assert told.count("hub case 510824100205-") == len(PRINTED)
    assert "Opinion given" in told


def test_every_fault_really_happened(performed: tuple[Path, "subprocess.CompletedProcess[str]"]) -> None:
    figures = json.loads(performed[1].stdout.splitlines()[-1])
    assert figures["kills"] == 2
    assert figures["restores"] == 1
    assert figures["replies_lost"] == 3
    assert (figures["carried_by_stick"], figures["papers_arrived"]) == (3, 2)
    assert figures["rollbacks_noticed"] >= 1
    assert figures["refused_while_quarantined"] >= 2


def test_nothing_outlives_the_demo(performed: tuple[Path, "subprocess.CompletedProcess[str]"]) -> None:
    assert processes_of(performed[0]) == []


def test_sample_data_does_not_go_into_a_folder_that_is_in_use(
    performed: tuple[Path, "subprocess.CompletedProcess[str]"],
) -> None:
    again = subprocess.run(
        [*DEMO, "--home", str(performed[0])], capture_output=True, text=True, encoding="utf-8", timeout=60, check=False
    )
    assert again.returncode == 1
    assert "not empty" in again.stdout


def test_a_demo_that_is_ended_early_takes_its_processes_along(tmp_path: Path) -> None:
    home = tmp_path / "demo"
    process = start_demo(home)
    try:
        assert process.stderr is not None
        read_until(process.stderr, "The hub is up")
        assert processes_of(home)
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert processes_of(home) == []


def read_until(stream: IO[str], words: str) -> None:
    """Read lines until one has these words."""
    for line in stream:
        if words in line:
            return
    pytest.fail(f"never said: {words}")


# --- the checks themselves -------------------------------------------------------------------------------------------


def judge_again(home: Path, told: Sequence[Told]) -> Verdict:
    shelves: list[Shelf] = []
    for place in PLACES:
        vault = open_vault(home / place.key)
        peek = Peek(home / place.key / "node.db", place.office, "", None, vault.store_key if vault else None)
        shelves.append(Shelf(place.key, peek, AesGcmSealer(load_data_key(Home(home / place.key), vault))))
    return judge(shelves, told)


def told_in(home: Path) -> list[Told]:
    return msgspec.json.decode((home / "told.json").read_bytes(), type=list[Told])


@pytest.mark.parametrize(
    ("place", "damage", "sign"),
    [
        (
            "hub",
            "DELETE FROM entries WHERE arrival = (SELECT max(arrival) FROM entries WHERE subject > '')",
            "misses 1",
        ),
        ("hub", "UPDATE entries SET salt = x'00' WHERE kind = 'case.decided'", "does not have its hash"),
        (
            "hub",
            "UPDATE entries SET head = CAST(head || 'x' AS BLOB) WHERE kind = 'case.closed'",
            "does not have its hash",
        ),
        ("t1", "UPDATE checkpoints SET root = zeroblob(32)", "has another root"),
        ("t2", "UPDATE journals SET tip = zeroblob(32) WHERE size > 0", "does not end where its head says"),
        ("t2", "UPDATE entries SET seq = seq + 1000 WHERE NOT loose AND seq = 2", "hash"),
        ("v1", "DELETE FROM cases WHERE subject = (SELECT min(subject) FROM cases)", "not in the table"),
        ("v2", "DELETE FROM receipts", "have no receipt of the county"),
        ("t2", "DELETE FROM records WHERE kind = 'grant.made'", "does not hold what the county and its line"),
        ("v1", "DELETE FROM records WHERE kind = 'post.assigned'", "does not hold what the county and its line"),
        ("hub", "DELETE FROM records WHERE office = '510824102'", "t2: it does not hold"),
        ("v3", "INSERT INTO dispositions VALUES (1, 0, 'quarantined', 'made_up')", "set aside as quarantined"),
        ("v4", "UPDATE inlets SET number = number + 1", "does not add up"),
    ],
)
def test_each_damage_is_noticed(
    performed: tuple[Path, "subprocess.CompletedProcess[str]"], tmp_path: Path, place: str, damage: str, sign: str
) -> None:
    home = tmp_path / "copy"
    shutil.copytree(performed[0], home)
    vault = open_vault(home / place)
    database = home / place / "node.db"
    connection: Any = cipher.connect(str(database), vault.store_key) if vault else sqlite3.connect(database)
    assert connection.execute(damage).rowcount > 0
    connection.commit()
    connection.close()
    verdict = judge_again(home, told_in(home))
    assert any(sign in fault for fault in verdict.faults), verdict.faults


def test_an_act_that_nobody_was_told_of_is_one_too_many_and_one_that_is_not_there_is_lost(
    performed: tuple[Path, "subprocess.CompletedProcess[str]"],
) -> None:
    told = told_in(performed[0])
    assert judge_again(performed[0], told).faults == []
    assert judge_again(performed[0], told[1:]).doubled == 1
    invented = msgspec.structs.replace(told[0], operation=bytes(len(told[0].operation)))
    assert judge_again(performed[0], [*told, invented]).lost == 1
