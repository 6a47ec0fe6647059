"""Which papers a case names: at the pen, in the fold whatever the order, and in the rows that screens read."""

from collections.abc import AsyncGenerator
from itertools import permutations
from pathlib import Path
from random import Random

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from office.node import Node
from office.paper_rules import PaperNotHere, TooManyPapers
from office.verifying import spot_check
from schemas.casework.casefile import CaseFile
from schemas.casework.events import PapersBrought
from schemas.casework.fold import fold
from schemas.casework.roles import Role
from schemas.casework.visibility import FieldGroup, Sight, sight_of
from schemas.names import OfficeId
from schemas.papers import PAPERS_MAX, PaperRef
from schemas.refusals import Refused
from tests.golden.casework import PAPER, PDF
from tests.support.casebook import OTHER_VILLAGE, TOWNSHIP, VILLAGE, Casebook, digest, filing
from tests.support.counties import APPLICANT, agent, materials_of, op
from tests.support.nodes import Network, found_network


@pytest.fixture
async def network(tmp_path: Path) -> AsyncGenerator[Network]:
    opened = await Network.open(await found_network(tmp_path))
    yield opened
    await opened.close()


async def photograph(node: Node, seed: int) -> PaperRef:
    """A paper with its small picture, kept at a node."""
    chance = Random(seed)
    small, whole = chance.randbytes(900), chance.randbytes(9_000)
    return PaperRef(
        await node.papers.keep(whole), 9_000, "image/jpeg", "居民身份证", await node.papers.keep(small), 900
    )


async def file(node: Node, *papers: PaperRef, number: int = 1) -> CaseFile:
    """A matter taken in with photographs."""
    slip = await node.intake.open_case(
        agent(), op(number), item="WJ02", applicant=APPLICANT, materials=materials_of("WJ02"), papers=papers
    )
    found = await node.casebook.find_case(slip.case)
    assert found is not None
    return found


def another(number: int) -> PaperRef:
    return replace(PAPER, digest=digest("another", number))


def test_a_case_names_what_was_filed_and_brought_each_once_whatever_came_first() -> None:
    book = Casebook()
    book.keep(replace(filing(), papers=(PAPER,)))
    book.contribute(PapersBrought, VILLAGE, ("银行账户",), "", (PDF, replace(PAPER, material="重复")))
    book.contribute(PapersBrought, OTHER_VILLAGE, ("银行账户",), "", (another(1),))
    assert book.case.papers == (PAPER, PDF)
    for order in permutations(book.items):
        folded = fold(order)
        assert folded is not None
        assert folded.papers == (PAPER, PDF), "an office without the case adds nothing to it"


@pytest.mark.parametrize(
    ("office", "role", "sight"),
    [
        (VILLAGE, Role.AGENT, Sight.CLEAR),
        (VILLAGE, Role.SUPERVISOR, Sight.UNMASKABLE),
        (VILLAGE, Role.ADMINISTRATOR, Sight.HIDDEN),
        (TOWNSHIP, Role.CLERK, Sight.UNMASKABLE),
        (OTHER_VILLAGE, Role.AGENT, Sight.HIDDEN),
    ],
)
def test_photographs_are_open_to_who_works_on_the_case(office: OfficeId, role: Role, sight: Sight) -> None:
    book = Casebook()
    book.file()
    assert sight_of(book.case, office, {role})[FieldGroup.PAPERS] is sight


async def test_only_what_lies_here_whole_is_named(network: Network) -> None:
    village = network.village
    paper = await photograph(village, 1)
    lost = replace(paper, thumbnail=digest("lost"))
    for unknown in (PAPER, lost, replace(paper, digest=digest("lost"))):
        with pytest.raises(PaperNotHere):
            await file(village, unknown)
    assert await village.cases.subjects() == [], "nothing was written"
    case = await file(village, paper)
    assert case.papers == (paper,)
    with pytest.raises(PaperNotHere):
        await village.desk.bring_papers(agent(), case.case, op(2), materials=["居民身份证"], papers=[PDF])


async def test_the_same_form_again_is_the_same_case_though_its_papers_have_gone(network: Network) -> None:
    village = network.village
    paper = await photograph(village, 1)
    case = await file(village, paper)
    await village.papers.drop(paper.digest)
    assert (await file(village, paper)).case == case.case


async def test_a_case_has_twenty_papers_at_most(network: Network) -> None:
    village = network.village
    papers = [await photograph(village, seed) for seed in range(PAPERS_MAX + 1)]
    with pytest.raises(TooManyPapers):
        await file(village, *papers)
    case = await file(village, *papers[:15])
    with pytest.raises(TooManyPapers):
        await village.desk.bring_papers(agent(), case.case, op(2), materials=["居民身份证"], papers=papers[15:])
    await village.desk.bring_papers(agent(), case.case, op(3), materials=["居民身份证"], papers=papers[10:20])
    found = await village.casebook.find_case(case.case)
    assert found is not None
    assert list(found.papers) == papers[:20]


async def test_a_material_with_hidden_characters_is_refused(network: Network) -> None:
    paper = await photograph(network.village, 1)
    with pytest.raises(Refused) as refused:
        await file(network.village, replace(paper, material="身份\u202e证"))
    assert refused.value.code == "unseen_character"


async def test_rows_follow_the_case_and_verify_compares_them(network: Network) -> None:
    """Folded anew they are the same; a row that somebody changed, took away or added is named."""
    village = network.village
    first, second = await photograph(village, 1), await photograph(village, 2)
    case = await file(village, first)
    await village.desk.bring_papers(agent(), case.case, op(2), materials=["居民身份证"], papers=[second])
    names = {one for paper in (first, second) for one in (paper.digest, paper.thumbnail)}
    assert await village.cases.paper_names() == names
    assert await spot_check(village) == []
    for spoil in (
        "UPDATE papers SET size = 1",
        "UPDATE papers SET thumbnail = NULL",
        "DELETE FROM papers",
        "INSERT INTO papers SELECT subject, x'00', size, media, material, thumbnail, 0 FROM papers LIMIT 1",
    ):
        async with village.engines.write.begin() as connection:
            await connection.execute(text(spoil))
        assert len(await spot_check(village)) == 1, spoil
        await village.rebuild()
        assert await spot_check(village) == []
    assert await village.cases.paper_names() == names
