"""What revocations hold back: the list, what a release would change, and the release (RULINGS A14).

For the administrator of the node, who answers for its devices: shows steps, offices, times and case numbers, no person
and no text. Every release is written into the access log with its reason before it is written into the journal.
Next: `office.releasing` for who may release what, `office.web.pages.line`, which leads here.
"""

from typing import TYPE_CHECKING, Annotated, Final

from litestar import Response, Router, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from office.access_log import PURPOSE_CHARACTERS_MAX, PurposeRefused
from office.web import guards
from office.web.forms import Problem
from office.web.guards import AnyRequest, Scope
from office.web.i18n import Language, n_
from office.web.inputs import read_form
from office.web.pages.front import see_other
from office.web.site import language_for, site_of
from schemas.casework.casefile import BREACHES
from schemas.casework.events import Act, CaseFiled
from schemas.casework.roles import Role
from schemas.names import Instant, OfficeId

if TYPE_CHECKING:
    from office.releasing import HeldStep, Releasing

Page = Response[object]

REVIEWERS: Final = frozenset({Role.ADMINISTRATOR})

NATURES: Final = {
    "filing": n_("a filing"),
    "contribution": n_("a contribution"),
    "custody": n_("a step that moves or uses the pen"),
    "other": n_("a record of the line, or from a newer version"),
}


class HeldView(Struct, frozen=True):
    """One held step: no person, no text."""

    name: str
    kind: str
    nature: str
    office: OfficeId
    device: str
    officer: str
    """Login of the officer it names; whether that is true is what must be found out."""
    at: Instant
    tracking: str
    fingerprint: str
    refusal: str
    """Why this office may not release it, in the reader's language; empty: it may."""


@get("/", opt=guards.officer(Scope.THIS_NODE, REVIEWERS))
async def list_held(
    request: AnyRequest, number: Annotated[int, QueryParameter(name="page", ge=1, le=10_000)] = 1
) -> Page:
    """Every held step of devices below this office."""
    steps, has_more = await _releasing(request).list_held(number)
    return await site_of(request).render(
        request,
        "held.html",
        rows=[_view(request, step) for step in steps],
        natures=NATURES,
        newer=f"/line/held?page={number - 1}" if number > 1 else "",
        older=f"/line/held?page={number + 1}" if has_more else "",
    )


@get("/{entry:str}", opt=guards.officer(Scope.THIS_NODE, REVIEWERS))
async def show_held(request: AnyRequest, entry: FromPath[str]) -> Page:
    """One held step, and what its release would change."""
    return await _step(request, entry)


@post("/{entry:str}", opt=guards.officer(Scope.THIS_NODE, REVIEWERS), status_code=200)
async def release(request: AnyRequest, entry: FromPath[str]) -> Page:
    """Let the step count, once who did it and why is written down; or the page again."""
    site, signed_in, releasing = site_of(request), guards.get_signed_in(request), _releasing(request)
    form = await read_form(request)
    step = await releasing.get_held(entry)
    if step.refusal is not None:
        raise step.refusal
    assert step.entry.subject is not None, "what is about no case is refused above"
    deed = f"line.released {step.fingerprint}"
    purpose = form.text("purpose")
    try:
        await site.access_log.record(signed_in.officer, signed_in.office, step.entry.subject, purpose, deed=deed)
    except PurposeRefused as refusal:
        return await _step(request, entry, purpose[:PURPOSE_CHARACTERS_MAX], refusal)
    await releasing.release(entry)
    return see_other("/line/held")


router = Router("/line/held", route_handlers=[list_held, show_held, release])


def _releasing(request: AnyRequest) -> "Releasing":
    # Imported for the few who ask: a village computer never needs it.
    from office.releasing import Releasing

    node = site_of(request).node
    return Releasing(node.books, node.writer)


async def _step(request: AnyRequest, entry: str, purpose: str = "", refusal: PurposeRefused | None = None) -> Page:
    """The page of one step; with `refusal` again, and with what was typed."""
    releasing, language = _releasing(request), language_for(request)
    step = await releasing.get_held(entry)
    prospect = await releasing.foresee(step) if step.refusal is None else None
    zh, en = BREACHES.get(prospect.breach if prospect is not None else "", ("", ""))
    return await site_of(request).render(
        request,
        "held_step.html",
        status=422 if refusal is not None else 200,
        step=_view(request, step),
        natures=NATURES,
        prospect=prospect,
        breach=en if language is Language.EN else zh,
        purpose=purpose,
        found=[Problem("purpose", refusal.text(language))] if refusal is not None else [],
    )


def _view(request: AnyRequest, step: "HeldStep") -> HeldView:
    event, entry = step.event, step.entry
    nature = "custody" if isinstance(event, Act) else "contribution" if event is not None else "other"
    return HeldView(
        step.name,
        entry.kind if event is not None else "",
        "filing" if isinstance(event, CaseFiled) else nature,
        step.author,
        entry.journal.origin,
        event.officer.rpartition("/")[2] if event is not None else "",
        entry.at,
        step.tracking,
        step.fingerprint,
        step.refusal.text(language_for(request)) if step.refusal is not None else "",
    )
