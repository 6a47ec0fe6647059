"""A court asks what happened: the verb writes files, and whoever trusts nobody checks them with `tongban-verify`."""

import asyncio
from pathlib import Path

import pytest

from hub.__main__ import APPLICATION as HUB
from office.access_log import AccessLog
from office.cli import main
from office.intake import Slip
from office.node import Node
from schemas.casework.values import Outcome
from schemas.names import OfficeId, OfficerId, tracking_number
from sync.proof.__main__ import main as tongban_verify
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE, agent, clerk, op
from tests.support.nodes import Network, found_network
from village_agent.__main__ import APPLICATION as VILLAGE_AGENT


async def decide_a_case(folder: Path) -> tuple[Slip, Slip]:
    """One case that the township granted, known to all three nodes; and one that has not left the village."""
    network = await Network.open(await found_network(folder))
    slip = await network.file(1)
    await network.village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP)
    await network.settle()
    desk = network.township.desk
    await desk.accept_custody(clerk(), slip.case, op(3))
    await desk.decide(
        clerk(), slip.case, op(4), outcome=Outcome.GRANTED, reason="符合备案条件", basis="食品安全法第36条"
    )
    await network.settle()
    unsent = await network.file(5)
    await network.close()
    return slip, unsent


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Slip, Slip]:
    """The folders of the three nodes, closed."""
    folder = tmp_path_factory.mktemp("county")
    return (folder, *asyncio.run(decide_a_case(folder)))


def root_of(folder: Path, office: OfficeId) -> str:
    """The county digest, as every node has it."""

    async def read() -> str:
        node = await Node.open(folder / office, with_pen=False)
        await node.close()
        return node.books.seat.root.digest

    return asyncio.run(read())


def looks(folder: Path, office: OfficeId, slip: Slip) -> list[tuple[OfficerId, str]]:
    """(who, what for) of every recorded look at the case."""

    async def read() -> list[tuple[OfficerId, str]]:
        node = await Node.open(folder / office, with_pen=False)
        log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
        found = [(look.officer, look.purpose) for look in await log.looks_at(slip.case)]
        await node.close()
        return found

    return asyncio.run(read())


def test_every_step_of_a_case_is_proved_to_somebody_who_trusts_no_node(
    lived: tuple[Path, Slip, Slip], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, slip, _ = lived
    typed = slip.tracking.replace("-", " ").lower()
    words = ["prove", typed, "--purpose", "苍溪县法院 2026 行初 17", "--to", str(tmp_path / "out")]
    assert main(HUB, [*words, "--home", str(folder / COUNTY)]) == 0
    printed = capsys.readouterr().out
    root = root_of(folder, VILLAGE)
    assert f"tongban-verify 文件 --root {root}" in printed
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == 4
    for file in files:
        assert str(file) in printed
        assert file.name.startswith(slip.tracking)
        assert file.stat().st_mode & 0o077 == 0
        assert tongban_verify([str(file), "--root", root, "--en"]) == 0
        assert "The proof holds." in capsys.readouterr().out
        # One byte is another text.
        content = bytearray(file.read_bytes())
        content[len(content) // 2] ^= 1
        (tmp_path / "flipped").write_bytes(content)
        assert tongban_verify([str(tmp_path / "flipped"), "--root", root, "--en"]) == 1
        assert "does not hold" in capsys.readouterr().out
        assert tongban_verify([str(file), "--root", "0" * 64]) == 1
    assert looks(folder, COUNTY, slip) == [(f"{COUNTY}/(command line)", "proof of all: 苍溪县法院 2026 行初 17")]


def test_one_step_is_proved_by_the_village_from_what_it_holds(
    lived: tuple[Path, Slip, Slip], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, slip, _ = lived
    fingerprint = slip.entry.hash.hex()[:8]
    words = [
        "prove",
        slip.case.hex(),
        "--purpose",
        "村民本人索取",
        "--to",
        str(tmp_path),
        "--home",
        str(folder / VILLAGE),
    ]
    assert main(VILLAGE_AGENT, [*words, "--entry", f" {fingerprint.upper()} "]) == 0
    (file,) = tmp_path.iterdir()
    assert file.name == f"{slip.tracking}-{fingerprint}.proof"
    capsys.readouterr()
    assert tongban_verify([str(file), "--root", root_of(folder, COUNTY)]) == 0
    told = capsys.readouterr().out
    assert "王秀英" in told
    assert f"「{TOWNSHIP}」" in told, "the township's receipt came down with it"


def test_what_cannot_be_proved_is_said_and_nothing_is_written(
    lived: tuple[Path, Slip, Slip], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, slip, unsent = lived
    out = tmp_path / "out"
    (tmp_path / "file").write_bytes(b"")
    home = ["--home", str(folder / VILLAGE)]
    for case, purpose, extra, code in (
        (tracking_number(VILLAGE, "00", 0), "法院", [], "no_such_case"),
        ("510824100205-000000", "法院", [], "number_mistyped"),
        ("0" * 32, "法院", [], "no_such_case"),
        (slip.tracking, "法院", ["--entry", "00000000"], "no_such_entry"),
        (slip.tracking, " ", [], "purpose_required"),
        (slip.tracking, "法院", ["--to", str(tmp_path / "file")], "folder_not_writable"),
        # Nothing has signed for it yet: the village's first conversation does.
        (unsent.tracking, "法院", [], "not_signed_yet"),
    ):
        words = ["prove", case, "--purpose", purpose, "--to", str(out), *extra, *home]
        assert main(VILLAGE_AGENT, words) == 1
        assert code in capsys.readouterr().err
    assert not out.exists()
    (tmp_path / "file").unlink()
