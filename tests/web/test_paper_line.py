"""Papers on the page of the line: what waits to go up, how much, how long; an older township; a failed piece."""

from random import Random

from schemas.casework.roles import Role
from schemas.papers import PaperRef
from sync.courier import LineState
from tests.support.counties import APPLICANT, agent, materials_of, op
from tests.web.county import VILLAGE, OpenNode, WebCounty, sign_in

SIZE = 600_000


async def photograph(node: OpenNode) -> PaperRef:
    """A matter filed with a photograph."""
    digest = await node.papers.keep(Random(1).randbytes(SIZE))
    paper = PaperRef(digest, SIZE, "image/jpeg")
    await node.intake.open_case(
        agent(node.seat), op(1), item="WJ02", applicant=APPLICANT, materials=materials_of("WJ02"), papers=(paper,)
    )
    return paper


async def test_the_page_says_how_much_is_to_go_up_and_how_long_that_takes(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    node.line_up = LineState()
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        assert "等待上送" not in (await browser.get("/line")).text
        await photograph(node)
        page = (await browser.get("/line")).text
        assert "等待上送" in page
        assert "600 KB" in page
        assert "分钟" not in page
        node.line_up.papers_rate_bytes_s, node.line_up.is_carrying = 6_000.0, True
        page = (await browser.get("/line")).text
        assert "约需 2 分钟" in page
        assert "传送中" in page


async def test_an_older_township_and_a_failed_piece_are_told_with_what_to_do(county: WebCounty) -> None:
    node = county.nodes[VILLAGE]
    await node.hire("wugl", Role.AGENT)
    node.line_up = LineState(papers_unsupported=True)
    await photograph(node)
    async with county.client(VILLAGE) as browser:
        await sign_in(browser, "wugl")
        assert "上级节点的版本较旧" in (await browser.get("/line")).text
        node.line_up.papers_unsupported = False
        node.line_up.papers_code, node.line_up.papers_hint = "line_down", "the node above does not answer"
        page = (await browser.get("/line")).text
        assert "上一段没有传成" in page
        assert "上级节点没有应答" in page
        assert "最近一次未成功" not in page
