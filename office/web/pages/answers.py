"""The printed page of what an office answered on a case, for whoever hands it to the resident: village or township.

Shown as masked as the case itself; what is hidden is printed after a recorded look with its purpose, where the reader
may lift it. It never holds a query code: only the slip does. Next: `office.web.answers`.
"""

from typing import Annotated

from litestar import Response, Router, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from office.access_log import PURPOSE_CHARACTERS_MAX, PurposeRefused
from office.notices import address as query_address
from office.notices import complaint_of, contact_of, qr_text
from office.web import guards
from office.web.acting import read_case_id
from office.web.answers import answer_of, get_answer, sights_on, turn_of
from office.web.forms import Problem
from office.web.guards import CASEWORK, AnyRequest, Scope
from office.web.inputs import read_form
from office.web.pages.cases import LookRefused
from office.web.pages.filing import draw_code
from office.web.site import language_for, site_of
from office.web.views import lifted, summary_of
from schemas.casework.visibility import Sight, does_casework, sight_of

Page = Response[object]

Turn = Annotated[int, QueryParameter(name="turn", ge=0, le=2**31)]
"""Which answer; 0 = the newest."""


class Asked(Struct, frozen=True):
    """How the page was asked for: as it is, or with a look; `problems` when that was not granted."""

    purpose: str = ""
    is_unmasked: bool = False
    problems: tuple[Problem, ...] = ()


@get("/{case:str}/answer", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def show_answer(request: AnyRequest, case: FromPath[str], turn: Turn = 0) -> Page:
    """The answer, to print."""
    return await _answer(request, case, turn, Asked())


@post("/{case:str}/answer", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def unmask_answer(request: AnyRequest, case: FromPath[str], turn: Turn = 0) -> Page:
    """The answer with what is hidden on it, once the look and its purpose are written down."""
    purpose = (await read_form(request)).text("purpose")
    try:
        return await _answer(request, case, turn, Asked(purpose, is_unmasked=True))
    except PurposeRefused as refusal:
        problem = Problem("purpose", refusal.text(language_for(request)))
        return await _answer(request, case, turn, Asked(purpose[:PURPOSE_CHARACTERS_MAX], problems=(problem,)))


router = Router("/cases", route_handlers=[show_answer, unmask_answer])


async def _answer(request: AnyRequest, case: str, turn: int, asked: Asked) -> Page:
    site, signed_in = site_of(request), guards.get_signed_in(request)
    node, office = site.node, signed_in.office
    found = await node.worklists.get_case(office, read_case_id(case))
    given = get_answer(found, turn)
    sights = sight_of(found.file, office, signed_in.roles)
    shown = sights_on(given, sights, office, works=does_casework(signed_in.roles))
    may_unmask = Sight.UNMASKABLE in shown.values()
    if asked.is_unmasked:
        if not may_unmask:
            raise LookRefused
        await site.access_log.record(signed_in.officer, office, found.file.case, asked.purpose)
        sights = lifted(sights | shown)
    action = f"/cases/{case}/answer?turn={turn_of(given)}"
    summary, item = summary_of(found, sights, node.seat), node.catalogue.item_of(found.file)
    return await site.render(
        request,
        "answer.html",
        status=422 if asked.problems else 200,
        # A look, or what was typed for it, would be lost with the answer that shows it.
        back="" if asked.is_unmasked or asked.problems else action,
        summary=summary,
        answer=answer_of(found, given, sights, node.dues.clocks(found.file), node.dues.calendar),
        action=action,
        staffed=node.people.next_staffed(item) if item is not None else None,
        contact=contact_of(item, node.settings),
        complaint=complaint_of(item, node.settings),
        address=query_address(node.settings),
        qr=draw_code(qr_text(node.settings, summary.tracking)),
        may_unmask=may_unmask and not asked.is_unmasked,
        asked=asked,
        is_whole=set(shown.values()) == {Sight.CLEAR},
        today=node.intake.doorstep.today(),
    )
