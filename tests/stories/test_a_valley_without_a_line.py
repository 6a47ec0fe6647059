"""Nine days without a line: a motorcyclist carries the village's work to the township on a stick, and the answers back.

Real folders, keys, databases and files; the township carries on to the county the same way, and once the line comes
back in the middle of it all.
"""

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import select

from office.cli_bundle import HereDesk, read_folder, write_folder
from office.node import Node
from office.paper_wants import Above
from office.sticks import bundles_in
from office.verifying import verify
from schemas.casework.lifecycle import Stage
from schemas.casework.values import Handover, Outcome
from schemas.names import CaseId, OfficeId
from schemas.papers import PaperRef
from sync.core.bundle import BUNDLE_BYTES_MAX, BUNDLE_BYTES_MIN
from sync.tables import entries
from tests.support.counties import APPLICANT, COUNTY, TOWNSHIP, VILLAGE, agent, clerk, materials_of, op
from tests.support.line import SetClock
from tests.support.nodes import Network, exchange, found_network


@pytest.fixture
async def network(tmp_path: Path) -> AsyncGenerator[Network]:
    """A county whose nodes know each other; from now on nothing is sent by itself."""
    network = await Network.open(await found_network(tmp_path / "nodes"))
    yield network
    for node in (network.village, network.township, network.hub):
        report = await verify(node)
        assert report.faults == []
    await network.close()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A stick that stays with the motorcyclist: nothing is ever cleared from it by hand."""
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


async def carry_up(stick: Path, low: Node, high: Node) -> None:
    """Write below, read above, answer above."""
    await write_folder(HereDesk(low), stick, None, BUNDLE_BYTES_MAX)
    await read(stick, high)
    await write_folder(HereDesk(high), stick, low.seat, BUNDLE_BYTES_MAX)
    await high.receiving.receive()


async def read(stick: Path, node: Node) -> int:
    """Read everything for a node; returns how many entries were new."""
    files = await read_folder(HereDesk(node), stick)
    assert not any(file.is_bad for file in files), files
    return sum(file.came.admitted for file in files if file.came is not None)


async def case_at(node: Node, case: CaseId) -> Stage:
    return (await node.cases.read([case]))[case].stage


async def entries_at(node: Node) -> list[tuple[str, bytes]]:
    """(kind, hash) of every entry about a case, in the order of arrival."""
    query = select(entries.c.kind, entries.c.hash).where(entries.c.subject.is_not(None)).order_by(entries.c.arrival)
    async with node.engines.read.connect() as connection:
        return [(kind, digest) for kind, digest in await connection.execute(query)]


async def test_nine_days_by_motorcycle(network: Network, stick: Path) -> None:
    village, township, hub = network.village, network.township, network.hub
    slips = [await network.file(day) for day in range(1, 10)]
    for day, slip in enumerate(slips, 1):
        await village.desk.offer_custody(agent(), slip.case, op(100 + day), to=TOWNSHIP)
    (safety,) = await village.bundles.safety()
    assert (safety.waiting, safety.only_here) == (18, 18)

    # Day 9: to the township. Nothing is safe because it lies on a stick.
    await carry_up(stick, village, township)
    (safety,) = await village.bundles.safety()
    assert (safety.waiting, safety.only_here) == (18, 0)
    (out,) = await village.bundles.on_sticks()
    assert (out.gone.cases, out.gone.entries, out.is_acknowledged) == (9, 18, False)
    for number, slip in enumerate(slips):
        await township.desk.accept_custody(clerk(), slip.case, op(200 + number))
    first = slips[0].case
    await township.desk.decide(
        clerk(), first, op(300), outcome=Outcome.GRANTED, reason="符合条件", basis="食品安全法第36条"
    )
    await township.desk.offer_custody(clerk(), first, op(301), to=VILLAGE)

    # The answer was written before the decision; he waits, has it written again, and rides home. One file is enough:
    # the newer one replaces the older, and the village's own still lies beside it.
    await write_folder(HereDesk(township), stick, VILLAGE, BUNDLE_BYTES_MAX)
    assert len(bundles_in(stick)) == 2
    assert await read(stick, village)
    assert await village.bundles.safety() == []
    (out,) = await village.bundles.on_sticks()
    assert out.is_acknowledged
    assert await case_at(village, first) is Stage.RETURNING
    await village.desk.accept_custody(agent(), first, op(10))
    await village.desk.hand_over(agent(), first, op(11), recipient="王秀英", how=Handover.HOME)

    # The township carries to the county in the same way, receipts and all.
    await carry_up(stick, township, hub)
    await read(stick, township)
    assert await case_at(hub, first) is Stage.RETURNING  # what the village did since is not here yet
    await carry_up(stick, village, township)
    await carry_up(stick, township, hub)
    await read(stick, township)
    await carry_up(stick, village, township)
    await read(stick, village)
    assert await case_at(hub, first) is Stage.HANDED_OVER
    receipts = {row.office for row in await village.store.receipts() if row.journal.origin == village.books.seat.node}
    assert receipts == {TOWNSHIP, COUNTY}

    # Nothing lost, nothing doubled, and nothing waits; the line, when it comes, has nothing to say.
    held = [await entries_at(node) for node in (village, township, hub)]
    assert all(len(one) == len(set(one)) for one in held)
    assert set(held[0]) == set(held[1]) == set(held[2])
    arrivals = [node.books.arrival for node in (village, township, hub)]
    await exchange(village, township)
    for node, before in zip((village, township, hub), arrivals, strict=True):
        assert node.books.arrival - before <= 3  # house-keeping
    assert not any(link.quarantined for node in (village, township, hub) for link in node.books.links.values())


async def test_the_line_comes_back_while_the_stick_is_on_its_way(network: Network, stick: Path) -> None:
    village, township = network.village, network.township
    slips = [await network.file(day) for day in range(1, 4)]
    await write_folder(HereDesk(village), stick, None, BUNDLE_BYTES_MAX)
    early = {path.name: path.read_bytes() for path in bundles_in(stick)}
    slips += [await network.file(day) for day in range(4, 6)]
    await network.settle()
    for slip in slips:
        assert await case_at(township, slip.case) is Stage.FILED
    held = await entries_at(township)
    assert await read(stick, township) == 0
    assert await entries_at(township) == held
    # Late and twice, the old answer among it: the village hears stale cursors, sends again, and nobody holds it twice.
    await write_folder(HereDesk(township), stick, VILLAGE, BUNDLE_BYTES_MAX)
    slips.append(await network.file(6))
    await network.settle()
    assert await read(stick, village) == 0
    for name, data in early.items():
        (stick / name).write_bytes(data)
    await read(stick, township)
    await network.settle()
    assert set(await entries_at(township)) == set(await entries_at(village))
    assert await village.bundles.safety() == []


async def test_two_villages_on_one_stick_and_an_earlier_stick_that_went_lost(network: Network, stick: Path) -> None:
    village, township = network.village, network.township
    await network.file(1)
    gone, data = await village.bundles.write(village.bundles.receiver())
    load_after = gone.serial
    await network.file(2)
    # What goes on behind the first file makes no sense without it: named, and nothing is half taken in.
    following, more = await village.bundles.write(village.bundles.receiver(), after=load_after)
    came = await township.bundles.read(more)
    assert [flaw.code for flaw in came.flaws] == ["bundle_gap"]
    assert came.admitted == 0
    # The lost file turns up: both are read in their order, whatever they are called.
    (stick / "zzz.tongban").write_bytes(data)
    (stick / "aaa.tongban").write_bytes(more)
    (stick / "holiday.jpg").write_bytes(b"\xff\xd8")
    files = await read_folder(HereDesk(township), stick)
    assert [file.came.slip.serial for file in files if file.came is not None] == [following.serial, gone.serial]
    assert not any(file.is_bad for file in files)
    assert [kind for kind, _ in await entries_at(township)] == ["case.filed"] * 2


async def test_a_bundle_from_tomorrow_and_one_read_before_are_taken_in_and_told(network: Network) -> None:
    village, township = network.village, network.township
    await network.file(1)
    clock = village.clock
    ahead = clock.now() + 400 * 24 * 3600 * 1000
    village.books.clock = SetClock(ahead)  # a village whose battery is empty
    _, data = await village.bundles.write(village.bundles.receiver())
    village.books.clock = clock
    assert (await township.bundles.read(data)).notes == ["bundle_ahead"]
    again = await township.bundles.read(data)
    assert (again.admitted, again.flaws, set(again.notes)) == (0, [], {"bundle_ahead", "bundle_older"})


async def test_a_bundle_for_an_office_that_is_no_neighbour_is_not_written(network: Network) -> None:
    from schemas.refusals import Refused

    with pytest.raises(Refused, match="bundle_no_neighbour"):
        network.village.bundles.receiver(OfficeId(COUNTY))
    with pytest.raises(Refused, match="bundle_no_receiver"):
        network.hub.bundles.receiver()
    with pytest.raises(Refused, match="bundle_size"):
        await network.village.bundles.write(network.village.bundles.receiver(), bytes_max=1000)


# --- photographs -----------------------------------------------------------------------------------------------------


async def photograph(node: Node, seed: int, size: int) -> PaperRef:
    """A paper with its small picture, kept at a node."""
    chance = Random(seed)
    thumbnail = await node.papers.keep(chance.randbytes(3_000))
    return PaperRef(await node.papers.keep(chance.randbytes(size)), size, "image/jpeg", "", thumbnail, 3_000)


async def file_with(node: Node, number: int, *papers: PaperRef) -> CaseId:
    materials = materials_of("WJ02")
    filed = await node.intake.open_case(
        agent(), op(number), item="WJ02", applicant=APPLICANT, materials=materials, papers=papers
    )
    return filed.case


async def has(node: Node, paper: PaperRef) -> bool:
    return await node.papers.held(paper.digest, paper.size) == paper.size


async def test_photographs_go_on_the_stick_and_those_asked_for_come_up_to_the_county(
    network: Network, stick: Path
) -> None:
    village, township, hub = network.village, network.township, network.hub
    photographs = [await photograph(village, seed, 100_000 + seed) for seed in range(3)]
    await file_with(village, 1, *photographs)
    await exchange(village, township)
    # The line was up for entries and is gone again: the photographs are not safe, and their bundle is not acknowledged.
    (safety,) = await village.bundles.safety()
    assert (safety.waiting, safety.papers, safety.papers_only_here) == (0, 3, 3)
    (gone,) = await write_folder(HereDesk(village), stick, None, BUNDLE_BYTES_MAX)
    assert (gone.entries, gone.cases, gone.papers) == (0, 0, 6)  # each with its small picture
    (safety,) = await village.bundles.safety()
    assert (safety.papers, safety.papers_only_here) == (3, 0)
    assert not (await village.bundles.on_sticks())[0].is_acknowledged
    await read(stick, township)
    assert all([await has(township, paper) for paper in photographs])
    await write_folder(HereDesk(township), stick, village.seat, BUNDLE_BYTES_MAX)
    await read(stick, village)
    states = await village.paper_wants.states(photographs)
    assert {state.above for state in states.values()} == {Above.WHOLE}
    assert await village.bundles.safety() == []
    assert (await village.bundles.on_sticks())[0].is_acknowledged
    (gone,) = await write_folder(HereDesk(village), stick, None, BUNDLE_BYTES_MAX)
    assert gone.papers == 0  # acknowledged: not carried again

    # The county takes none by itself; one that a person there asks for is wanted on the next stick and comes up.
    await carry_up(stick, township, hub)
    assert not await has(hub, photographs[1])
    await hub.paper_wants.want(photographs[1].digest, photographs[1].size)
    await write_folder(HereDesk(hub), stick, TOWNSHIP, BUNDLE_BYTES_MAX)
    await read(stick, township)
    await carry_up(stick, township, hub)
    assert [await has(hub, paper) for paper in photographs] == [False, True, False]


async def test_a_stick_is_not_forced_onto_the_disk_piece_by_piece(
    network: Network, stick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    village, township = network.village, network.township
    paper = await photograph(village, 1, 4_000_000)
    await file_with(village, 1, paper)
    await write_folder(HereDesk(village), stick, None, BUNDLE_BYTES_MAX)
    forced: list[int] = []
    real = os.fsync

    def count(descriptor: int) -> None:
        forced.append(descriptor)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", count)
    await read(stick, township)
    assert await has(township, paper)
    assert len(forced) < 40, "4 MB are more than 120 pieces"


async def test_more_photographs_than_fit_one_file_go_on_in_the_next_and_a_lost_file_comes_again(
    network: Network, stick: Path
) -> None:
    village, township = network.village, network.township
    photographs = [await photograph(village, seed, 700_000) for seed in range(7)]
    await file_with(village, 1, *photographs)
    files = await write_folder(HereDesk(village), stick, None, BUNDLE_BYTES_MIN)
    assert len(files) == 3
    (stick / files[1].name).unlink()
    await read(stick, township)
    held = [await has(township, paper) for paper in photographs]
    assert 0 < sum(held) < 7
    await write_folder(HereDesk(township), stick, village.seat, BUNDLE_BYTES_MIN)
    await read(stick, village)
    files = await write_folder(HereDesk(village), stick, None, BUNDLE_BYTES_MIN)
    assert sum(file.papers for file in files) <= 2 * (7 - sum(held)) + len(files)
    await read(stick, township)
    assert all([await has(township, paper) for paper in photographs])


async def test_a_bundle_with_photographs_cut_anywhere_is_taken_in_as_far_as_it_goes(network: Network) -> None:
    village, township = network.village, network.township
    paper = await photograph(village, 1, 200_000)
    await file_with(village, 1, paper)
    gone, data = await village.bundles.write(village.bundles.receiver())
    had = 0
    for tenth in range(3, 10):
        came = await township.bundles.read(data[: gone.size * tenth // 10])
        assert [flaw.code for flaw in came.flaws] == ["bundle_cut"]
        held = await township.papers.held(paper.digest, paper.size)
        assert had <= held < paper.size
        had = held
    assert had > 0
    assert (await township.bundles.read(data)).flaws == []
    assert await has(township, paper)
