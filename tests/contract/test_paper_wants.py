"""Which papers whole nodes ask each other for, and who gets them: folders, databases and shelves are real."""

from collections.abc import AsyncGenerator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import delete, select

from office.enrolling import Office
from office.intake import Slip
from office.node import Node
from office.paper_wants import Above
from office.tables import paper_states
from schemas.codec import encode
from schemas.names import Epoch
from schemas.papers import PaperPage, PaperRef, PaperWant
from sync.core.errors import LocalFault
from sync.core.papers import SPOILED_MAX
from sync.papers import PaperLine, carry_all, read_message
from tests.support.counties import APPLICANT, COUNTY, TOWNSHIP, VILLAGE, agent, clerk, materials_of, op
from tests.support.nodes import Network, enrol, found_network
from tests.support.papers import HandedOver, answering, carry_papers


@pytest.fixture
async def network(tmp_path: Path) -> AsyncGenerator[Network]:
    opened = await Network.open(await found_network(tmp_path))
    try:
        yield opened
    finally:
        await opened.close()


async def photograph(node: Node, seed: int, size: int = 40_000) -> PaperRef:
    """A paper with its small picture, kept at a node."""
    chance = Random(seed)
    thumbnail = await node.papers.keep(chance.randbytes(3_000))
    digest = await node.papers.keep(chance.randbytes(size))
    return PaperRef(digest, size, "image/jpeg", "", thumbnail, 3_000)


async def file(node: Node, *papers: PaperRef, number: int = 1) -> Slip:
    """A matter taken in at the village with photographs."""
    return await node.intake.open_case(
        agent(), op(number), item="WJ02", applicant=APPLICANT, materials=materials_of("WJ02"), papers=papers
    )


async def has(node: Node, paper: PaperRef) -> bool:
    return await node.papers.held(paper.digest, paper.size) == paper.size


async def has_thumbnail(node: Node, paper: PaperRef) -> bool:
    assert paper.thumbnail is not None
    return await node.papers.held(paper.thumbnail, paper.thumbnail_size) == paper.thumbnail_size


async def test_the_township_gets_every_photograph_of_its_villages_and_the_county_none(network: Network) -> None:
    paper = await photograph(network.village, 1)
    await file(network.village, paper)
    await network.settle()

    await carry_papers(network.village, network.township)
    await carry_papers(network.township, network.hub)

    assert await has(network.township, paper)
    assert await has_thumbnail(network.township, paper)
    assert not await has(network.hub, paper)
    assert not await has_thumbnail(network.hub, paper)
    state = (await network.village.paper_wants.states([paper]))[paper.digest]
    assert (state.here, state.above) == (paper.size, Above.WHOLE)
    state = (await network.township.paper_wants.states([paper]))[paper.digest]
    assert state.above is Above.NOT_ASKED


async def test_the_county_fetches_one_that_a_person_asks_for(network: Network) -> None:
    paper, other = await photograph(network.village, 1), await photograph(network.village, 2)
    await file(network.village, paper, other)
    await network.settle()

    # The county asks before the township has it: it is passed on when it comes.
    assert await network.hub.paper_wants.want(paper.digest, paper.size)
    await carry_papers(network.township, network.hub)
    assert not await has(network.hub, paper)
    await carry_papers(network.village, network.township)
    await carry_papers(network.township, network.hub)

    assert await has(network.hub, paper)
    assert not await has(network.hub, other)


async def test_the_county_has_the_papers_of_a_case_that_it_held_and_not_before(network: Network) -> None:
    paper = await photograph(network.village, 3)
    slip = await file(network.village, paper)
    await network.village.desk.offer_custody(agent(), slip.case, op(19), to=TOWNSHIP)
    await network.settle()
    await carry_papers(network.village, network.township)
    await network.township.desk.accept_custody(clerk(), slip.case, op(20))
    await network.township.desk.offer_custody(clerk(), slip.case, op(21), to=COUNTY)
    await network.settle()
    await carry_papers(network.township, network.hub)
    assert not await has(network.hub, paper)

    await network.hub.desk.accept_custody(clerk(COUNTY), slip.case, op(22))
    await network.settle()
    await carry_papers(network.township, network.hub)

    assert await has(network.hub, paper)
    assert await has_thumbnail(network.hub, paper)
    state = (await network.township.paper_wants.states([paper]))[paper.digest]
    assert (state.above, state.above_held) == (Above.WHOLE, paper.size)


async def test_thumbnails_travel_first(network: Network) -> None:
    papers = [await photograph(network.village, seed, size=20_000) for seed in (4, 5)]
    await file(network.village, *papers)
    await network.settle()
    responder = answering(network.township)
    line = HandedOver(network.village.books.seat.node, network.township.books.seat.node, responder)
    carrying = PaperLine(
        network.village.writer, line, network.village.papers, network.village.paper_wants, network.village.clock
    )
    for _ in range(3):
        await carrying.exchange()
    assert all([await has_thumbnail(network.township, paper) for paper in papers])
    assert not any([await has(network.township, paper) for paper in papers])


async def test_a_file_that_is_gone_is_asked_for_again_after_a_start(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    network = await Network.open(places)
    paper = await photograph(network.village, 6)
    await file(network.village, paper)
    await network.settle()
    await carry_papers(network.village, network.township)
    await network.close()

    (places.home(TOWNSHIP) / "papers" / paper.digest.hex()).unlink()
    network = await Network.open(places)
    try:
        assert network.township.paper_wants.waiting_here() == (0, 0)
        await carry_papers(network.village, network.township)
        assert await has(network.township, paper)
    finally:
        await network.close()


async def test_what_a_person_asked_for_is_still_wanted_after_a_restart(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    network = await Network.open(places)
    paper = await photograph(network.village, 7)
    await file(network.village, paper)
    await network.settle()
    assert await network.hub.paper_wants.want(paper.digest, paper.size)
    # The township is told, and remembers for whom it wants the paper.
    await carry_papers(network.township, network.hub)
    await network.close()

    network = await Network.open(places)
    try:
        state = (await network.hub.paper_wants.states([paper]))[paper.digest]
        assert (state.is_coming, state.is_asked, state.above) == (True, True, Above.TOP)
        woken: list[str] = []
        network.township.paper_wants.on_awaited = lambda: woken.append("the county waits")
        await carry_papers(network.village, network.township)
        assert woken == ["the county waits"]
        await carry_papers(network.township, network.hub)
        assert await has(network.hub, paper)
    finally:
        await network.close()


async def test_nobody_gets_a_paper_of_a_case_that_is_not_for_them(network: Network) -> None:
    paper = await photograph(network.township, 8)
    slip = await network.township.intake.open_case(
        clerk(), op(30), item="WJ02", applicant=APPLICANT, materials=materials_of("WJ02"), papers=(paper,)
    )
    await network.settle()
    assert slip.case
    village = network.village.books.seat.node
    assert await network.township.paper_wants.size_for(village, paper.digest) is None
    assert await network.township.paper_wants.size_for(network.hub.books.seat.node, paper.digest) == paper.size
    # The village does not even know its name; asked all the same, it is told «absent» and nothing is remembered.
    answer = read_message(
        await answering(network.township).respond(
            village,
            encode(
                PaperPage(
                    village,
                    network.township.books.seat.node,
                    Epoch(1, b"nonce1"),
                    [PaperWant(paper.digest, paper.size, 0)],
                    [],
                    False,
                    offers=[paper.digest],
                )
            ),
        )
    )
    assert (answer.absent, answer.pieces, answer.whole) == ([paper.digest], [], [])
    assert network.township.paper_wants.waiting_here() == (0, 0)


async def test_a_township_that_declines_a_case_asks_for_its_papers_no_more(network: Network) -> None:
    papers = [await photograph(network.hub, seed) for seed in (31, 32)]
    slip = await network.hub.intake.open_case(
        clerk(COUNTY), op(30), item="WJ05", applicant=APPLICANT, materials=materials_of("WJ05"), papers=tuple(papers)
    )
    await network.hub.desk.offer_custody(clerk(COUNTY), slip.case, op(31), to=TOWNSHIP)
    await network.settle()
    township = network.township.paper_wants
    assert await township.want(papers[0].digest, papers[0].size)
    assert len(await township.wanted(network.hub.books.seat.node)) == 4

    await network.township.desk.decline_custody(clerk(), slip.case, op(32), reason="不属于本镇事项")

    assert not await township.wanted(network.hub.books.seat.node)
    assert township.waiting_here() == (0, 0)
    assert not await township.want(papers[0].digest, papers[0].size)
    await carry_papers(network.township, network.hub)
    assert not any([await has(network.township, paper) for paper in papers])


async def test_a_paper_that_nothing_here_names_is_not_asked_for(network: Network) -> None:
    assert not await network.township.paper_wants.want(bytes(32), 1_000)
    assert network.township.paper_wants.waiting_here() == (0, 0)


async def test_what_an_erasure_takes_is_not_fetched_again(network: Network) -> None:
    paper = await photograph(network.village, 9)
    await file(network.village, paper)
    await network.settle()
    await carry_papers(network.township, network.hub)
    assert await network.township.paper_wants.knows_any()
    await network.township.paper_wants.wanted(network.village.books.seat.node)
    assert network.township.paper_wants.waiting_here()[0] == 2
    for digest in (paper.digest, paper.thumbnail):
        assert digest is not None
        await network.township.erasures.forget_want(digest)
    assert network.township.paper_wants.waiting_here() == (0, 0)
    await carry_papers(network.village, network.township)
    assert not await has(network.township, paper)


async def test_a_full_disk_asks_for_nothing_and_the_village_is_not_told_that_it_arrived(network: Network) -> None:
    paper = await photograph(network.village, 10)
    await file(network.village, paper)
    await network.settle()
    network.township.paper_wants.has_room = lambda: False
    await carry_papers(network.village, network.township)
    assert not await has(network.township, paper)
    state = (await network.village.paper_wants.states([paper]))[paper.digest]
    assert state.above is Above.WAITING
    assert (await network.village.paper_wants.waiting_above())[0] == 1

    network.township.paper_wants.has_room = lambda: True
    await carry_papers(network.village, network.township)
    assert (await network.village.paper_wants.waiting_above()) == (0, 0)


async def test_a_village_that_forgot_what_the_township_has_is_told_again(network: Network) -> None:
    paper = await photograph(network.village, 11)
    await file(network.village, paper)
    await network.settle()
    await carry_papers(network.village, network.township)
    async with network.village.engines.write.begin() as connection:
        await connection.execute(delete(paper_states))
    assert (await network.village.paper_wants.states([paper]))[paper.digest].above is Above.WAITING
    line = await carry_papers(network.village, network.township)
    assert (await network.village.paper_wants.states([paper]))[paper.digest].above is Above.WHOLE
    assert sum(map(len, line.messages)) < 1_000


async def test_how_far_the_township_is_shows_while_a_photograph_goes_up(network: Network) -> None:
    paper = await photograph(network.village, 12, size=200_000)
    await file(network.village, paper)
    assert (await network.village.paper_wants.states([paper]))[paper.digest].above is Above.WAITING
    await network.settle()
    carrying = PaperLine(
        network.village.writer,
        HandedOver(network.village.books.seat.node, network.township.books.seat.node, answering(network.township)),
        network.village.papers,
        network.village.paper_wants,
        network.village.clock,
    )
    for _ in range(6):
        await carrying.exchange()
    state = (await network.village.paper_wants.states([paper]))[paper.digest]
    assert state.above is Above.SENDING
    assert 0 < state.above_held < paper.size
    count, left = await network.village.paper_wants.waiting_above()
    assert (count, left) == (1, paper.size - state.above_held)
    there = (await network.township.paper_wants.states([paper]))[paper.digest]
    assert there.here == state.above_held
    assert there.is_coming


async def test_a_new_computer_in_the_village_gets_the_small_pictures_and_the_rest_on_request(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    network = await Network.open(places)
    paper = await photograph(network.village, 13)
    await file(network.village, paper)
    await network.settle()
    await carry_papers(network.village, network.township)
    lost = network.village.books.seat.node
    await network.close()

    (places.home(VILLAGE)).rename(tmp_path / "stolen")
    hub = await places.open(COUNTY)
    try:
        office = Office(VILLAGE, "白观村", "http://127.0.0.1:2")
        await enrol(places, hub, office, replaces=lost)
    finally:
        await hub.close()
    network = await Network.open(places)
    try:
        await network.settle()
        await carry_papers(network.village, network.township)
        assert await has_thumbnail(network.village, paper)
        assert not await has(network.village, paper)
        assert (await network.village.paper_wants.waiting_above()) == (0, 0)
        state = (await network.village.paper_wants.states([paper]))[paper.digest]
        assert (state.here, state.is_coming, state.above) == (0, False, Above.WHOLE)

        assert await network.village.paper_wants.want(paper.digest, paper.size)
        await carry_papers(network.village, network.township)
        assert await has(network.village, paper)
    finally:
        await network.close()


async def test_what_the_county_waits_for_is_offered_to_it_as_soon_as_it_has_come(network: Network) -> None:
    """The county was told «absent» a moment ago, and would not ask again by itself for five minutes."""
    paper = await photograph(network.village, 14)
    await file(network.village, paper)
    await network.settle()
    county = answering(network.hub)
    upward = PaperLine(
        network.township.writer,
        HandedOver(network.township.books.seat.node, network.hub.books.seat.node, county),
        network.township.papers,
        network.township.paper_wants,
        network.township.clock,
    )
    assert await network.hub.paper_wants.want(paper.digest, paper.size)
    await carry_all(upward)
    await carry_papers(network.village, network.township)
    await carry_all(upward)
    assert await has(network.hub, paper)


async def test_a_township_whose_disk_lost_a_paper_has_it_no_more(tmp_path: Path) -> None:
    """Restored, or mended: the village must neither say that it lies there nor clear its own copy away for that."""
    places = await found_network(tmp_path)
    network = await Network.open(places)
    paper = await photograph(network.village, 15, size=200_000)
    await file(network.village, paper)
    await network.settle()
    await carry_papers(network.village, network.township)
    await network.close()

    (places.home(TOWNSHIP) / "papers" / paper.digest.hex()).unlink()
    network = await Network.open(places)
    try:
        assert (await network.village.paper_wants.states([paper]))[paper.digest].above is Above.WHOLE
        line = HandedOver(
            network.village.books.seat.node, network.township.books.seat.node, answering(network.township)
        )
        wants = network.village.paper_wants
        carrying = PaperLine(network.village.writer, line, network.village.papers, wants, network.village.clock)
        await carrying.exchange()
        await carrying.exchange()
        state = (await wants.states([paper]))[paper.digest]
        assert state.above in (Above.WAITING, Above.SENDING)
        assert (await wants.waiting_above())[0] == 1
        async with network.village.engines.read.connect() as connection:
            assert paper.digest not in set((await connection.execute(select(paper_states.c.digest))).scalars())
        await carry_all(carrying)
        assert (await wants.states([paper]))[paper.digest].above is Above.WHOLE
    finally:
        await network.close()


async def test_a_township_that_asks_for_nonsense_leaves_nothing_behind(network: Network) -> None:
    village, above = network.village, network.township.books.seat.node
    await file(village, await photograph(village, 16))
    named = {one.digest for one in [await photograph(village, 16)]}
    chance = Random(16)
    for _ in range(5):
        nonsense = [PaperWant(chance.randbytes(32), 1_000, 0) for _ in range(32)]
        await village.paper_wants.heard(above, nonsense, [], [], is_all=True)
    assert set(await village.paper_wants.offers(above)) == named


async def test_a_folder_that_is_away_for_a_moment_costs_no_wish(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    network = await Network.open(places)
    try:
        wants, folder = network.township.paper_wants, places.home(TOWNSHIP) / "papers"
        assert not await wants.knows_any()
        paper = await photograph(network.village, 17)
        await file(network.village, paper)
        await network.settle()
        folder.write_bytes(b"the disk of the papers is not mounted")
        with pytest.raises(LocalFault):
            await wants.wanted(network.village.books.seat.node)
        folder.unlink()
        await carry_papers(network.village, network.township)
        assert await has(network.township, paper)
    finally:
        await network.close()


async def test_a_photograph_that_was_lost_with_its_computer_is_not_said_to_be_on_its_way(tmp_path: Path) -> None:
    places = await found_network(tmp_path)
    network = await Network.open(places)
    paper = await photograph(network.village, 18)
    await file(network.village, paper)
    await network.settle()
    lost = network.village.books.seat.node
    await network.close()

    (places.home(VILLAGE)).rename(tmp_path / "stolen")
    hub = await places.open(COUNTY)
    try:
        await enrol(places, hub, Office(VILLAGE, "白观村", "http://127.0.0.1:2"), replaces=lost)
    finally:
        await hub.close()
    network = await Network.open(places)
    try:
        await network.settle()
        assert await network.village.paper_wants.want(paper.digest, paper.size)
        for _ in range(2):
            await carry_papers(network.village, network.township)
            await carry_papers(network.township, network.hub)
        for node in (network.village, network.township):
            state = (await node.paper_wants.states([paper]))[paper.digest]
            assert (state.here, state.is_coming, state.is_missing) == (0, True, True)

        # Photographed once more, or found on the old computer after all.
        await photograph(network.village, 18)
        await carry_papers(network.village, network.township)
        assert await has(network.township, paper)
        assert not (await network.township.paper_wants.states([paper]))[paper.digest].is_missing
    finally:
        await network.close()


async def test_what_came_damaged_is_tried_anew_as_soon_as_a_person_asks(network: Network) -> None:
    """Not after twelve hours: the village's computer was mended meanwhile, and need not have been restarted."""
    paper = await photograph(network.village, 19, size=1_000)
    await file(network.village, paper)
    await network.settle()
    township, village = network.township, network.village.books.seat.node
    responder = answering(township)
    line = HandedOver(village, township.books.seat.node, responder)
    carrying = PaperLine(
        network.village.writer, line, network.village.papers, network.village.paper_wants, network.village.clock
    )
    await carrying.exchange()
    for _ in range(SPOILED_MAX):
        over = responder.sides[village].link.spoil(paper.digest, township.clock.elapsed_s())
        await township.paper_wants.spoiled(village, paper.digest, set_aside=over)
    await carry_all(carrying)
    assert not await has(township, paper)
    assert township.paper_wants.set_aside() == 1

    assert await township.paper_wants.want(paper.digest, paper.size)
    await carry_all(carrying)
    assert await has(township, paper)
    assert not township.paper_wants.retried()
