"""What journals show, in a real county on disk: found by the sweep, kept with its proof, checked by a stranger."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from hub.audit.auditing import auditor_of
from hub.audit.findings import State
from hub.audit.integrity import INTEGRITY_RULES
from hub.audit.rule import Severity
from hub.audit.words import sentence_of
from office.clock import SystemClock
from office.node import Node
from office.slip_checks import SlipState, check_slip, list_presented
from schemas.codec import encode
from schemas.names import Instant
from schemas.slips import SlipStatement, spell_slip
from schemas.wire import KIND_REVOKED, Revoked, Size
from sync.core.journal import Draft
from sync.core.slip import slip_message
from sync.ports import Stored
from sync.proof.__main__ import main
from tests.support.counties import COUNTY, TOWNSHIP, VILLAGE
from tests.support.nodes import Network, Places, found_network


@pytest.fixture
async def network(tmp_path: Path) -> AsyncGenerator[Network]:
    opened = await Network.open(await found_network(tmp_path / "homes"))
    yield opened
    await opened.close()


def signed_slip(node: Node, entry: Stored, link: bytes) -> str:
    """What the village's device signed in the resident's hand about the number of an entry."""
    seat, at = node.books.seat, Instant(entry.at)
    message = slip_message(seat.root.county, seat.office, entry.journal, entry.seq, link, at)
    signature = seat.signer.sign(message)
    return spell_slip(SlipStatement(entry.journal.origin, entry.epoch, entry.seq, link, at, signature))


async def first_filing(network: Network) -> Stored:
    case = (await network.file()).case
    await network.settle()
    return next(one for one in await network.hub.store.entries_about([case]) if one.kind == "case.filed")


async def test_a_slip_against_the_journal_becomes_a_finding_that_a_stranger_can_check(
    network: Network, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = await first_filing(network)
    hub = network.hub
    slip = signed_slip(network.village, entry, bytes(range(32)))
    assert (await check_slip(hub, slip)).state is SlipState.MISMATCH
    assert len(await list_presented(hub)) == 1
    async with auditor_of(hub) as auditor:
        await auditor.sweep()
        await auditor.sweep()
        (finding,) = await auditor.examiner.findings.search(rule="I5")
        assert (finding.severity, finding.office, finding.state) == (Severity.RED, VILLAGE, State.OPEN)
        assert all(facts not in str(finding.facts) for facts in ("王", "李"))
        zh, en = sentence_of(INTEGRITY_RULES["I5"], finding.facts)
        assert "同一编号下另有内容" in zh
        assert "another entry stands under that number" in en
        proof = await auditor.examiner.findings.proof_of(finding.number)
    assert proof is not None
    (tmp_path / "i5.proof").write_bytes(proof)
    assert main([str(tmp_path / "i5.proof"), "--root", hub.books.seat.root.digest]) == 0
    assert VILLAGE in capsys.readouterr().out


async def test_a_false_revocation_is_found_once_and_stays(network: Network, tmp_path: Path) -> None:
    entry = await first_filing(network)
    township, hub = network.township, network.hub

    async def drafting() -> list[Draft]:
        position = Size(entry.journal.origin, entry.epoch, entry.seq)
        return [Draft(KIND_REVOKED, None, encode(Revoked(entry.journal.origin, [position], "挂失")))]

    await township.pen.record(drafting)
    await hub.writer.admit(await township.writer.page_for(hub.books.seat.node))
    async with auditor_of(hub) as auditor:
        await auditor.sweep()
        await auditor.sweep()
        (finding,) = await auditor.examiner.findings.search(rule="A14")
        assert (finding.severity, finding.office, finding.has_proof) == (Severity.RED, TOWNSHIP, True)
        proof = await auditor.examiner.findings.proof_of(finding.number)
    assert proof is not None
    (tmp_path / "a14.proof").write_bytes(proof)
    assert main([str(tmp_path / "a14.proof"), "--root", hub.books.seat.root.digest]) == 0


async def test_an_honest_county_has_no_finding_about_journals(network: Network) -> None:
    await first_filing(network)
    await network.hub.writer.alone(network.hub.ledger.light_beacon)
    await network.settle()
    async with auditor_of(network.hub) as auditor:
        await auditor.sweep()
        found = await auditor.examiner.findings.search()
    assert not [one for one in found if one.rule in INTEGRITY_RULES]


async def test_the_county_reads_its_books_without_the_pen(network: Network, tmp_path: Path) -> None:
    """The worker has no pen: it finds the same, and signs what the county holds."""
    entry = await first_filing(network)
    slip = signed_slip(network.village, entry, bytes(range(32)))
    await check_slip(network.hub, slip)
    reader = await Node.open(Places(tmp_path / "homes").home(COUNTY), with_pen=False)
    try:
        async with auditor_of(reader) as auditor:
            await auditor.sweep()
            (finding,) = await auditor.examiner.findings.search(rule="I5")
    finally:
        await reader.close()
    assert finding.has_proof


async def test_a_false_time_in_a_case_gets_its_proof(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The village had the county's beacon of to-day, and files with a date of three days ago."""
    hub = network.hub
    await hub.writer.alone(hub.ledger.light_beacon)
    await network.settle()
    claimed = Instant(hub.books.beacon_at - 3 * 86_400_000)

    def stopped(clock: SystemClock) -> Instant:
        return claimed

    with monkeypatch.context() as patched:
        patched.setattr(SystemClock, "now", stopped)
        await network.file()
    await network.settle()
    async with auditor_of(hub) as auditor:
        await auditor.sweep()
        (finding,) = await auditor.examiner.findings.search(rule="I6")
        proof = await auditor.examiner.findings.proof_of(finding.number)
    assert finding.office == VILLAGE
    assert proof is not None
    (tmp_path / "i6.proof").write_bytes(proof)
    assert main([str(tmp_path / "i6.proof"), "--root", hub.books.seat.root.digest]) == 0
