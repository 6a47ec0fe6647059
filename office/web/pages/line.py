"""The line: what waits, since when, who was heard last, what is held back, what the post found, room on the disk.

Shows no case and no person: codes, devices, counts. Next: `office.web.line`, `sync.courier`.
"""

from typing import Final

from litestar import Response, Router, get
from msgspec import Struct

from office.casebook import CODES
from office.web import guards
from office.web.guards import EVERYBODY, AnyRequest, Scope
from office.web.i18n import Language, n_
from office.web.line import neighbours_of
from office.web.site import language_for, names_for, site_of
from office.worklists import Journeys, SetAside
from schemas.casework.casefile import BREACHES
from schemas.names import Instant
from sync.ports import Evidence

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
    "refused": n_("A stretch arrived damaged and was fetched again."),
}
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
    site, names = site_of(request), names_for(request)
    worklists = site.node.worklists
    set_aside = await worklists.set_aside()
    findings = await worklists.findings()
    return await site.render(
        request,
        "line.html",
        neighbours=await neighbours_of(site.node.books, site.node.store),
        set_aside=[set_aside_view(site.node.books, one, language_for(request)) for one in set_aside],
        states=STATES,
        storage=site.node.storage.state(),
        findings=[(one, names.text(finding_words(one))) for one in findings[-ROWS_MAX:][::-1]],
    )


router = Router("/line", route_handlers=[show_line])


def set_aside_view(books: Journeys, one: SetAside, language: Language) -> SetAsideView:
    """An entry that is set aside, in words."""
    journal, seq = one.disposition.key
    zh, en = CODES.get(one.disposition.code) or BREACHES.get(one.disposition.code) or ("", "")
    return SetAsideView(
        f"{journal.origin} {journal.epoch} {seq}",
        books.seat_of_node(journal.origin),
        one.disposition.state,
        one.disposition.code,
        en if language is Language.EN else zh,
        one.entry.at if one.entry is not None else None,
    )


def finding_words(finding: Evidence) -> str:
    """What a finding means, as a message id."""
    return FINDINGS.get(finding.code, OTHER_FINDING)
