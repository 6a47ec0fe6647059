"""A resident asks who has looked at their data; the answer comes from each node's own record, by the verb `looks`."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from office.access_log import AccessLog
from office.cli import main
from office.intake import Slip
from schemas.casework.roles import Role
from schemas.names import OfficerId
from tests.support.counties import TOWNSHIP, VILLAGE
from tests.support.nodes import Network, found_network
from township_node.__main__ import APPLICATION as TOWNSHIP_NODE
from village_agent.__main__ import APPLICATION as VILLAGE_AGENT

WU = OfficerId(f"{VILLAGE}/wugl")
GONE = OfficerId(f"{VILLAGE}/gone")


async def look_at_two_cases(folder: Path) -> Slip:
    """At the village two officers look at one case, one of them at another as well; the township looks at neither."""
    network = await Network.open(await found_network(folder))
    slip, other = await network.file(1), await network.file(2)
    await network.settle()
    node = network.village
    await node.accounts.add_officer("wugl", "吴桂兰", VILLAGE, [Role.AGENT], "three quiet herons")
    log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
    await log.record(WU, VILLAGE, slip.case, "核对身份证件")
    await log.record(WU, VILLAGE, other.case, "另一件")
    await log.record(GONE, VILLAGE, slip.case, "电话\x1b[2J告知\n补正")
    await network.close()
    return slip


@pytest.fixture
def lived(tmp_path: Path) -> tuple[Path, Slip]:
    """The folders of the three nodes, closed, and the slip of the case."""
    return tmp_path, asyncio.run(look_at_two_cases(tmp_path))


def test_who_looked_when_and_what_for_is_told_to_who_asks(
    lived: tuple[Path, Slip], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, slip = lived
    for typed in (slip.tracking.replace("-", " ").lower(), slip.case.hex()):
        capsys.readouterr()
        assert main(VILLAGE_AGENT, ["looks", typed, "--home", str(folder / VILLAGE)]) == 0
        first, second, total = capsys.readouterr().out.splitlines()
        assert first.split("\t")[1:] == [WU, "吴桂兰", "核对身份证件"]
        assert second.split("\t")[1:] == [GONE, "", "电话 [2J告知 补正"]
        assert total == "本节点共 2 次查看"
    assert main(TOWNSHIP_NODE, ["looks", slip.case.hex(), "--home", str(folder / TOWNSHIP)]) == 0
    assert capsys.readouterr().out == "本节点共 0 次查看\n"
    assert main(VILLAGE_AGENT, ["looks", "510824100205-7K00127", "--home", str(folder / VILLAGE)]) == 1
    assert capsys.readouterr().err.startswith("no_such_case: ")


def test_a_record_that_was_changed_is_not_passed_off_as_the_answer(
    lived: tuple[Path, Slip], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, slip = lived
    with closing(sqlite3.connect(folder / VILLAGE / "node.db")) as database, database:
        database.execute("UPDATE access_log SET purpose = 'harmless' WHERE number = 2")
    monkeypatch.setenv("TONGBAN_LANGUAGE", "en")
    assert main(VILLAGE_AGENT, ["looks", slip.tracking, "--home", str(folder / VILLAGE)]) == 1
    told = capsys.readouterr()
    assert "looks at this node: 2" in told.out
    assert told.err.startswith("look_changed: Look 2 of the record was changed")
