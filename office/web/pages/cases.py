"""The list of cases, one case with its timeline, and the next lawful acts as forms.

Which cases are there is the query's matter (`office.worklists`), what of them is shown `office.web.views`, what may be
done `office.desk`. Each page's forms carry an operation id of their own and the act that the page showed: a double
click is one act, and an act on a page that is out of date is refused. What was typed is never lost on a refusal.
"""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Final

from litestar import Response, Router, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from office.access_log import PURPOSE_CHARACTERS_MAX, PurposeRefused
from office.accounts import SignedIn
from office.capturing import Captured
from office.slip_checks import slip_of
from office.web import deadlines, guards, labels
from office.web.act_forms import Drawing, Refusing, Staff, count_shown, lacking, not_offered, offered, staff_of
from office.web.acting import perform, read_case_id, read_operation, read_seen
from office.web.answers import answers_in, turn_of
from office.web.deadlines import clock_views, custody_views, due_view, reminder_view
from office.web.duties import answer_for as who_answers
from office.web.duties import left_to_others, slot_for, stand_ins
from office.web.errors import answer_for
from office.web.forms import FORMS, LISTS, FormRefused, Problem, Shape, Values, read_fields
from office.web.guards import CASEWORK, AnyRequest, Scope
from office.web.i18n import n_
from office.web.inputs import read_form
from office.web.pages.filing import FILERS, render_slip
from office.web.pages.front import see_other
from office.web.paper_views import paper_views
from office.web.site import Names, Site, language_for, names_for, site_of, when
from office.web.uploads import (
    FORM_BYTES_MAX,
    UPLOADS,
    Uploaded,
    blurred_of,
    papers_of,
    read_upload,
    to_look_at,
    views_of,
)
from office.web.views import CaseDetail, StepView, detail_of, lifted, sees_everything, summary_of
from office.worklists import PAGE_CASES, Queue
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import accepted_on
from schemas.casework.events import CaseFiled, CustodyAccepted, PapersBrought
from schemas.casework.reasons import NotPermitted
from schemas.casework.roles import may_take_part
from schemas.casework.stages import UNACCEPTED
from schemas.casework.visibility import FieldGroup, Sight, does_casework, sight_of
from schemas.divisions import is_village_office
from schemas.names import OfficerId, is_mistyped, parent_seat
from schemas.refusals import Refused

Page = Response[object]

QUEUES: Final[dict[Queue, str]] = {
    Queue.OPEN: n_("Open cases"),
    Queue.OVERDUE: n_("Overdue"),
    Queue.DUE_TODAY: n_("Due today"),
    Queue.DUE_SOON: n_("Due within three working days"),
    Queue.WAITING: n_("Waiting for you"),
    Queue.HELD: n_("Held by this office"),
    Queue.OFFERED: n_("Waiting for our answer"),
    Queue.ASKED: n_("Asked for our opinion"),
    Queue.ALL: n_("All cases"),
}

EMPTY: Final[dict[Queue, str]] = {
    Queue.OPEN: n_("No open case here. Filing works without the line; cases from below arrive when it is up."),
    Queue.OVERDUE: n_("Nothing is overdue. Well done."),
    Queue.DUE_TODAY: n_("Nothing is due today."),
    Queue.DUE_SOON: n_("Nothing is due within the next three working days."),
    Queue.WAITING: n_("Nothing waits for you or for those whom you stand in for."),
    Queue.HELD: n_("This office holds no case now: all are passed on or done."),
    Queue.OFFERED: n_("No offer waits for an answer. Well done."),
    Queue.ASKED: n_("Nobody waits for this office's opinion."),
    Queue.ALL: n_("No case has been filed here or has arrived yet."),
}
NOTHING_FOUND: Final = n_(
    "No case fits. Type the whole number; by the beginning of the name only cases are found that this office filed, "
    "holds or is offered."
)
MISTYPED: Final = n_("No slip bears this number: its last character does not fit. Compare it digit by digit.")

PAGES_MAX: Final = 10_000


class LookRefused(Refused):
    """A look that would show nothing: it is not recorded either."""

    def __init__(self) -> None:
        super().__init__(
            "look_refused",
            "本单位已不再经办本件，不能查看隐藏信息，本次未作记录；确有需要，请联系持件单位。",
            "This office no longer works on the case, so hidden data is not shown and no look was recorded; if it is "
            "needed, ask the office that holds the case.",
        )


class Asked(Struct, frozen=True):
    """A look or a proof that was asked for and not given: shown again with what was typed."""

    form: str
    """Which of the two: unmask or proof."""
    purpose: str
    entry: str
    problems: tuple[Problem, ...]


@get("/", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def list_cases(
    request: AnyRequest,
    queue: FromQuery[Queue] = Queue.OPEN,
    number: Annotated[int, QueryParameter(name="page", ge=1, le=PAGES_MAX)] = 1,
) -> Page:
    """The office's cases, newest first."""
    return await _list(request, queue, number, "")


@post("/search", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def search_cases(request: AnyRequest) -> Page:
    """Cases by number or name. A POST: a name must not stand in an address."""
    form = await read_form(request)
    number = form.text("page")
    is_page = number.isascii() and number.isdecimal() and len(number) <= len(str(PAGES_MAX))
    wanted = min(max(int(number), 1), PAGES_MAX) if is_page else 1
    return await _list(request, Queue.ALL, wanted, form.text("search").strip())


@get("/{case:str}", opt=guards.officer(Scope.READABLE_CASES, CASEWORK))
async def show_case(request: AnyRequest, case: FromPath[str]) -> Page:
    """One case."""
    return await _case(request, case)


@post("/{case:str}/unmask", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def unmask_case(request: AnyRequest, case: FromPath[str]) -> Page:
    """The case with its hidden data, once the look and its purpose are written down. Never a link, always a click."""
    purpose = (await read_form(request)).text("purpose")
    try:
        await record_look(request, case, purpose)
    except PurposeRefused as refusal:
        return await _case(request, case, asked=_asked(request, "unmask", purpose, "", "purpose", refusal))
    return await _case(request, case, is_unmasked=True)


@post(
    "/{case:str}/acts/{kind:str}",
    opt={**guards.officer(Scope.READABLE_CASES, CASEWORK), UPLOADS: True},
    status_code=200,
    request_max_body_size=FORM_BYTES_MAX,
)
async def act_on_case(request: AnyRequest, case: FromPath[str], kind: FromPath[str]) -> Page:
    """Write one act and show the case; or the page again, with what was typed and what is wrong."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    fields = FORMS.get(kind)
    if fields is None:
        raise NotPermitted("unknown_act")
    form = await read_form(request)
    typed = form.source(frozenset(field.name for field in fields if field.shape in LISTS))
    values: Values = {}
    uploaded = Uploaded()
    try:
        if kind == PapersBrought.kind:
            uploaded = await read_upload(request, form)
        operation, seen = read_operation(form.text("operation")), read_seen(form.text("seen"))
        values = read_fields(fields, typed)
        if problems := to_look_at(form, uploaded):
            raise FormRefused(problems, values)
        papers = papers_of(uploaded.captured)
        await perform(site.node.desk, signed_in, read_case_id(case), kind, operation, values, seen, papers)
    except FormRefused as refusal:
        refusing = Refusing(kind, form.text("operation"), refusal.values, refusal.problems, "", 422)
    except Refused as refusal:
        answer = answer_for(refusal, language_for(request))
        if answer.status == 404:
            raise
        refusing = Refusing(kind, site.new_operation(), values, (), answer.sentence, answer.status)
    else:
        return see_other(f"/cases/{case}")
    return await _case(request, case, refusing=refusing, captured=uploaded.captured)


@post("/{case:str}/proof", opt=guards.officer(Scope.READABLE_CASES, CASEWORK), status_code=200)
async def prove_entry(request: AnyRequest, case: FromPath[str]) -> Response[bytes] | Page:
    """The proof file of one step, once the look and its purpose are written down; or the page again."""
    form = await read_form(request)
    entry, purpose = form.text("entry"), form.text("purpose")
    try:
        return await proof_file(request, case, entry, purpose)
    except NotPermitted:
        raise
    except Refused as refusal:
        field = "purpose" if isinstance(refusal, PurposeRefused) else "entry"
        return await _case(request, case, asked=_asked(request, "proof", purpose, entry, field, refusal))


@get("/{case:str}/slip", opt=guards.officer(Scope.READABLE_CASES, FILERS))
async def show_slip(request: AnyRequest, case: FromPath[str]) -> Page:
    """The resident's slip, for the officer who filed the case: after the filing, and when the printout is lost."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    found = await site.node.worklists.get_case(signed_in.office, read_case_id(case))
    secret = site.node.intake.reopen_slip(signed_in, found.file)
    filing = next((one.entry for one in found.traced if one.entry.kind == CaseFiled.kind and not one.state), None)
    statement = slip_of(site.node.books, filing) if filing is not None else ""
    return await render_slip(request, found.file, secret, statement)


router = Router(
    "/cases",
    route_handlers=[list_cases, search_cases, show_case, unmask_case, act_on_case, prove_entry, show_slip],
)


async def record_look(request: AnyRequest, case: str, purpose: str) -> None:
    """Write down that hidden data is looked at. Raises `LookRefused` where there is nothing that a look may show."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    found = await site.node.worklists.get_case(signed_in.office, read_case_id(case))
    if Sight.UNMASKABLE not in sight_of(found.file, signed_in.office, signed_in.roles).values():
        raise LookRefused
    await site.access_log.record(signed_in.officer, signed_in.office, found.file.case, purpose)


async def proof_file(request: AnyRequest, case: str, fingerprint: str, purpose: str) -> Response[bytes]:
    """One entry's proof as a file to keep. Its text is in clear, so only for whom a recorded look shows all of it."""
    # Imported for the few who ask: a village computer rarely needs it.
    from office.proving import deed_of, entry_of, prove

    site, signed_in = site_of(request), guards.get_signed_in(request)
    found = await site.node.worklists.get_case(signed_in.office, read_case_id(case))
    if not sees_everything(sight_of(found.file, signed_in.office, signed_in.roles)):
        raise NotPermitted("role_forbids")
    proof = await prove(site.node.books, found, entry_of(found, fingerprint))
    deed = deed_of(proof.fingerprint)
    await site.access_log.record(signed_in.officer, signed_in.office, found.file.case, purpose, deed=deed)
    disposition = {"content-disposition": f'attachment; filename="{proof.name}"'}
    return Response(proof.content, media_type="application/octet-stream", headers=disposition)


async def _list(request: AnyRequest, queue: Queue, number: int, search: str) -> Page:
    site, signed_in = site_of(request), guards.get_signed_in(request)
    office = signed_in.office
    by_name = does_casework(signed_in.roles)
    elsewhere = left_to_others(site.node, signed_in)
    listed = await site.node.worklists.list_cases(
        office, queue, search=search, by_name=by_name, elsewhere=elsewhere, page=number, size=PAGE_CASES
    )
    rows = [summary_of(found, sight_of(found.file, office, signed_in.roles), site.node.seat) for found in listed.rows]
    counts = await site.node.worklists.count(office, elsewhere)
    may_be_asked = not is_village_office(office)
    return await site.render(
        request,
        "cases.html",
        back="/cases",
        queues=[(one, label, counts[one]) for one, label in QUEUES.items() if one is not Queue.ASKED or may_be_asked],
        queue=queue,
        search=search,
        rows=rows,
        due={found.file.case.hex(): due_view(site.node, found.file) for found in listed.rows},
        deadlines=deadlines,
        answers={found.file.case.hex(): who_answers(site.node, found.file) for found in listed.rows},
        stands_in_for="、".join(site.node.people.stood_in_for(signed_in.officer, site.node.people.today)),
        total=listed.total,
        empty=(MISTYPED if is_mistyped(search) else NOTHING_FOUND) if search else EMPTY[queue],
        newer=number - 1,
        older=number + 1 if listed.has_more else 0,
        may_file=may_file(signed_in),
    )


def _asked(request: AnyRequest, form: str, purpose: str, entry: str, field: str, refusal: Refused) -> Asked:
    problem = Problem(field, refusal.text(language_for(request)))
    return Asked(form, purpose[:PURPOSE_CHARACTERS_MAX], entry, (problem,))


async def _case(
    request: AnyRequest,
    case: str,
    *,
    is_unmasked: bool = False,
    refusing: Refusing | None = None,
    asked: Asked | None = None,
    captured: Sequence[Captured] = (),
) -> Page:
    site, signed_in = site_of(request), guards.get_signed_in(request)
    found = await site.node.worklists.get_case(signed_in.office, read_case_id(case))
    sights = sight_of(found.file, signed_in.office, signed_in.roles)
    papers, shows_papers = await paper_views(site.node, found.file, sights), sights[FieldGroup.PAPERS] is Sight.CLEAR
    sights = lifted(sights) if is_unmasked else sights
    item = site.node.catalogue.item_of(found.file)
    silent_since = _silent_since(site, found.file)
    lawful = site.node.desk.available(signed_in, found.file)
    kinds = offered(lawful, found.file, item, silent_since)
    names, detail = names_for(request), detail_of(found, sights, site.node.seat, item)
    staff, grant = await _staff(site, signed_in, kinds), site.node.desk.find_grant(signed_in, found.file)
    drawing = Drawing(site.node, names, found, sights, site.new_operation, staff, grant)
    forms = drawing.forms(kinds, refusing)
    sentence, status = (refusing.sentence, refusing.status) if refusing is not None else ("", 422 if asked else 200)
    if refusing is not None and not sentence and refusing.kind not in kinds:
        sentence = not_offered(language_for(request))
    return await site.render(
        request,
        "case.html",
        status=status,
        # What was typed would be lost with the answer that shows it.
        back="" if refusing or asked else f"/cases/{case}",
        case=detail,
        due=due_view(site.node, found.file),
        clocks=clock_views(site.node, found.file, sights),
        custody=custody_views(site.node, found.file),
        reminders=[reminder_view(one) for one in await site.node.reminders.of_case(found.file.case)],
        deadlines=deadlines,
        answer=who_answers(site.node, found.file),
        slot=slot_for(site.node, found.file),
        silent_since=silent_since,
        lacking=lacking(found.file, item, silent_since) if CustodyAccepted.kind in lawful else (),
        stand_ins=stand_ins(site.node, detail),
        officers=await site.accounts.find_names(_people(detail)),
        own_device=site.node.books.seat.node,
        papers=papers,
        shows_papers=shows_papers,
        above_name=names.office(parent_seat(site.node.seat)),
        captured=views_of(request, captured),
        blurred=blurred_of(captured),
        acts=forms[: count_shown(forms)],
        more_acts=forms[count_shown(forms) :],
        refusal=sentence,
        is_wrong=status != 200,
        asked=asked,
        is_unmasked=is_unmasked,
        is_unconfirmed=site.node.desk.is_unconfirmed(CustodyAccepted.kind, found.file),
        may_print=found.file.filing is not None and found.file.filing.officer == signed_in.officer,
        answered={turn_of(one) for one in answers_in(found)},
        may_prove=sees_everything(sights),
        provable=[(step.fingerprint, _step_label(names, step)) for step in detail.steps],
        county_digest=site.node.books.seat.root.digest,
    )


def _silent_since(site: Site, file: CaseFile) -> date | None:
    """Since when the law takes a case as accepted that nobody has answered."""
    desk = site.node.desk
    return accepted_on(file, desk.calendar, desk.today) if file.stage in UNACCEPTED else None


async def _staff(site: Site, signed_in: SignedIn, kinds: tuple[str, ...]) -> Staff:
    """The officers who can be named in the forms of these kinds; nobody is read for forms that name nobody."""
    shapes = {field.shape for kind in kinds for field in FORMS[kind]}
    if shapes.isdisjoint({Shape.LEADER, Shape.APPROVER, Shape.COLLEAGUE, Shape.PEOPLE}):
        return Staff()
    accounts = site.accounts
    approvers = await accounts.list_approvers(signed_in.office)
    return staff_of(await accounts.list_leaders(), approvers, await accounts.list_officers(), signed_in)


def _people(detail: CaseDetail) -> set[OfficerId]:
    """Everybody whom the page names."""
    authors = {OfficerId(step.officer) for step in detail.steps}
    named = {
        OfficerId(part)
        for step in detail.steps
        for said in step.said
        if said.field in labels.PEOPLE
        for part in ((said.value,) if isinstance(said.value, str) else said.value)
    }
    taken = {officer for step in detail.course.steps for officer in step.officers}
    return authors | named | taken | {extension.approver for extension in detail.course.extensions}


def _step_label(names: Names, step: StepView) -> str:
    """A step as it is chosen from a list."""
    what = names.text(labels.TOLD[step.kind]) if step.kind in labels.TOLD else step.kind
    return f"{when(step.at)} · {what} · {step.fingerprint}"


def may_file(signed_in: SignedIn) -> bool:
    """Whether this officer's role lets them take a matter in."""
    return may_take_part("case.filed", signed_in.roles)
