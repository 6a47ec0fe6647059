"""The line: what waits, since when, who was heard last, why the line upward fails, what is held back, what the post
found, room on the disk.

Shows no case and no person: codes, devices, counts. Next: `office.web.line`, `sync.courier`.
"""

from typing import Final

from litestar import Response, Router, get
from msgspec import Struct

from office.dispositions import explain
from office.sentences import explained, told
from office.web import guards
from office.web.guards import EVERYBODY, AnyRequest, Scope
from office.web.i18n import Language, n_, translate
from office.web.line import neighbours_of
from office.web.pages import held
from office.web.paper_line import papers_on_line
from office.web.site import language_for, site_of
from office.web.sticks import STATES as STATES_OF_STICKS
from office.web.sticks import InView, sticks_view
from office.web.watermark import watermark_view
from office.worklists import Journeys, SetAside
from schemas.names import Instant
from sync.core.errors import LocalFault
from sync.exchange import REFUSED_HINTS

Page = Response[object]

ROWS_MAX: Final = 200
"""Rows of a table here; more is for the audit's pages."""

STATES: Final[dict[str, str]] = {
    "held": n_("Waiting for another entry"),
    "quarantined": n_("Quarantined"),
    "unknown": n_("From a newer version"),
}

FINDINGS: Final[dict[str, str]] = {
    "fork": n_("Two signed branches of one journal: a copied device or a stolen key. The county must examine it."),
    "rollback": n_("A device was restored to an earlier state; its entries come back by themselves."),
    "rolled_back": n_("This device was restored to an earlier state; what it had written comes back by itself."),
    "lost": n_("Entries that no neighbour holds any longer."),
    "other_head": n_(
        "The county holds another content under numbers of a journal than this computer. The county must examine both."
    ),
    "county_ahead": n_(
        "The county holds more of what this computer wrote than this computer; it comes back by itself."
    ),
    "false_path": n_("The county's statement does not fit its own daily beacon. Report it to the county."),
    "damaged": n_("A record on this computer's disk had gone bad; a good copy is fetched from a neighbour."),
}
"""What is not told in the words of `sync.exchange.REFUSED_HINTS`."""
OTHER_FINDING: Final = n_("See the code; the administrator's handbook explains it.")


class SetAsideView(Struct, frozen=True):
    """One entry that does not count."""

    name: str
    office: str | None
    state: str
    code: str
    reason: str
    at: Instant | None


@get("/", opt=guards.officer(Scope.THIS_NODE, EVERYBODY))
async def show_line(request: AnyRequest) -> Page:
    """The state of this node's lines."""
    return await render_line(request)


async def render_line(
    request: AnyRequest, *, status: int = 200, problem: str = "", read: tuple[InView, ...] = ()
) -> Page:
    """The page; also the answer to files that were sent in from a stick: `problem`, or what became of each."""
    site, language = site_of(request), language_for(request)
    worklists = site.node.worklists
    set_aside = await worklists.set_aside()
    findings = await worklists.findings()
    line_up = site.node.line_up
    papers = await papers_on_line(site.node)
    county = site.node.county_line
    watermark = await watermark_view(
        site.node.books,
        site.node.store,
        site.node.clock.now(),
        knows_address=bool(site.node.county_address),
        county=county,
    )
    return await site.render(
        request,
        "line.html",
        status=status,
        back="/line",
        problem=problem,
        read=read,
        sticks=await sticks_view(site.node, language),
        stick_states=STATES_OF_STICKS,
        neighbours=await neighbours_of(site.node.books, site.node.store),
        line_up=line_up,
        failure=explained(line_up.code, line_up.hint, language) if line_up is not None and line_up.code else "",
        watermark=watermark,
        county_failure=explained(county.code, county.hint, language) if county is not None and county.code else "",
        papers=papers,
        papers_failure=explained(papers.code, papers.hint, language) if papers.code else "",
        set_aside=[set_aside_view(site.node.books, one, language) for one in set_aside],
        may_review=not held.REVIEWERS.isdisjoint(guards.get_signed_in(request).roles),
        states=STATES,
        storage=site.node.storage.state(),
        findings=[(one, finding_words(one.code, language)) for one in findings[-ROWS_MAX:][::-1]],
    )


router = Router("/line", route_handlers=[show_line])


def set_aside_view(books: Journeys, one: SetAside, language: Language) -> SetAsideView:
    """An entry that is set aside, in words."""
    journal, seq = one.disposition.key
    try:
        zh, en = explain(one.disposition.code)
        reason = en if language is Language.EN else zh
    except LocalFault as unknown:
        reason = told(unknown, language)
    return SetAsideView(
        f"{journal.origin} {journal.epoch} {seq}",
        books.seat_of_node(journal.origin),
        one.disposition.state,
        one.disposition.code,
        reason,
        one.entry.at if one.entry is not None else None,
    )


def finding_words(code: str, language: Language) -> str:
    """What a finding means."""
    if code in REFUSED_HINTS and code not in FINDINGS:
        return explained(code, REFUSED_HINTS[code], language)
    return translate(FINDINGS.get(code, OTHER_FINDING), language)
