"""A photograph's way: taken in the village, at the township, asked for and escalated to the county, lost and regained.

The county's node works on either database.
"""

from random import Random

from office.node import Node
from office.paper_wants import Above
from schemas.papers import PaperRef
from tests.support.counties import APPLICANT, COUNTY, TOWNSHIP, agent, clerk, materials_of, op
from tests.support.nodes import Network, Places
from tests.support.papers import carry_papers

SIZE = 70_000


async def photograph(node: Node, seed: int) -> PaperRef:
    """A paper with its small picture, kept at a node."""
    chance = Random(seed)
    thumbnail = await node.papers.keep(chance.randbytes(4_000))
    return PaperRef(await node.papers.keep(chance.randbytes(SIZE)), SIZE, "image/jpeg", "", thumbnail, 4_000)


async def has(node: Node, paper: PaperRef) -> bool:
    """Whether the original is whole at a node."""
    return await node.papers.held(paper.digest, SIZE) == SIZE


async def carry(network: Network) -> None:
    """Everybody talks: entries first, papers after them."""
    await network.settle()
    for low, high in ((network.village, network.township), (network.township, network.hub)):
        await carry_papers(low, high)


async def test_a_photograph_goes_as_far_as_it_is_needed_and_comes_back_when_it_was_lost(places: Places) -> None:
    network = await Network.open(places)
    try:
        fields, house = await photograph(network.village, 1), await photograph(network.village, 2)
        slip = await network.village.intake.open_case(
            agent(), op(1), item="WJ02", applicant=APPLICANT, materials=materials_of("WJ02"), papers=(fields, house)
        )
        await network.village.desk.offer_custody(agent(), slip.case, op(2), to=TOWNSHIP)
        await carry(network)
        assert await has(network.township, fields)
        assert await has(network.township, house)
        assert not await has(network.hub, fields)

        # The county wants to see one of them: at once it is only asked for.
        assert await network.hub.paper_wants.want(fields.digest, SIZE)
        assert (await network.hub.paper_wants.states([fields]))[fields.digest].is_asked
        await carry(network)
        assert await has(network.hub, fields)
        assert not await has(network.hub, house)
        above = (await network.township.paper_wants.states([fields, house])).values()
        assert [state.above for state in above] == [Above.WHOLE, Above.NOT_ASKED]

        # The township sends the case up; once the county holds it, the rest comes by itself.
        await network.township.desk.accept_custody(clerk(), slip.case, op(3))
        await network.township.desk.offer_custody(clerk(), slip.case, op(4), to=COUNTY)
        await carry(network)
        assert not await has(network.hub, house)
        await network.hub.desk.accept_custody(clerk(COUNTY), slip.case, op(5))
        await carry(network)
        assert await has(network.hub, house)

        # A copy that came wrong is counted, and asked for again.
        await network.hub.papers.drop(house.digest)
        await network.hub.paper_wants.want(house.digest, SIZE, "audit")
        township = network.township.books.seat.node
        await network.hub.paper_wants.spoiled(township, house.digest, set_aside=True)
        assert network.hub.paper_wants.set_aside() == 1
    finally:
        await network.close()

    # Wants and what neighbours said outlive a restart; a file that somebody deleted is asked for anew.
    (places.home(COUNTY) / "papers" / fields.digest.hex()).unlink()
    network = await Network.open(places)
    try:
        above = (await network.township.paper_wants.states([fields])).values()
        assert [state.above for state in above] == [Above.WHOLE]
        await carry(network)
        assert await has(network.hub, fields)
        assert await has(network.hub, house)
        assert network.hub.paper_wants.waiting_here() == (0, 0)
        assert (await network.village.paper_wants.waiting_above()) == (0, 0)
    finally:
        await network.close()
