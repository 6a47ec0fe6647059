"""People and desks: who holds which post, who is away, when desks are staffed and leaders sign; forms for those who say
so.

Shows officials by what their offices have published, no resident and no account. A statement is corrected by the same
one with the same first day, never taken out. Next: `office.people`, `office.publishing`.
"""

from collections.abc import Mapping
from typing import Final

from litestar import Response, Router, get, post
from msgspec import Struct, structs

from office.people import office_of
from office.publishing import records_of
from office.web import guards, labels
from office.web.acting import read_operation
from office.web.errors import answer_for
from office.web.forms import LISTS, Field, FormRefused, Problem, Shape, Values, find_day, read_fields
from office.web.guards import EVERYBODY, AnyRequest, Scope
from office.web.i18n import n_
from office.web.inputs import read_form
from office.web.pages.front import see_other
from office.web.site import Names, Site, language_for, names_for, site_of
from schemas.casework.roles import Role
from schemas.divisions import is_village_office
from schemas.names import OfficeId, OfficerId, parent_seat, seat_of, within
from schemas.posts import Responsible
from schemas.refusals import Refused
from schemas.register import AbsenceStated, Position, PostAssigned, Published

Page = Response[object]

STATING: Final = frozenset({Role.LEADER, Role.ADMINISTRATOR})
"""Who says who holds which post."""

_FIRST: Final = Field("effective_from", n_("First day"), Shape.DATE, required=True)

FORMS: Final[Mapping[str, tuple[Field, ...]]] = {
    "absence": (
        Field("person", n_("Who is away"), Shape.COLLEAGUE, required=True),
        _FIRST,
        Field("effective_until", n_("Last day"), Shape.DATE, required=True),
        Field("deputy", n_("Who stands in"), Shape.COLLEAGUE, required=True),
        Field(
            "reason",
            n_("Reason or document"),
            Shape.LINE,
            required=True,
            hint=n_("Offices below read it, too: nothing personal."),
        ),
    ),
    "post": (
        Field("at", n_("Office"), Shape.OFFICE, required=True),
        Field("post", n_("Post"), Shape.LINE, required=True, hint=n_("Its short name at the office, as mz-1.")),
        Field("name", n_("What the post is called"), Shape.LINE, required=True),
        Field("position", n_("Position"), Shape.CHOICE, required=True, choices=labels.POSITIONS),
        Field("person", n_("Login"), Shape.LINE, required=True),
        Field("person_name", n_("Full name"), Shape.LINE, required=True),
        Field("items", n_("Items"), Shape.LIST, hint=n_("Codes; none: every item of the office.")),
        _FIRST,
        Field("effective_until", n_("Last day"), Shape.DATE, hint=n_("Of the term; empty: until it is ended.")),
        Field("document", n_("Number of the appointment"), Shape.LINE, required=True),
    ),
}
"""The two forms: field names are those of the statements."""


class Stated(Struct, frozen=True):
    """A form that was not taken: shown again with what was typed."""

    form: str
    values: Values
    problems: tuple[Problem, ...] = ()
    sentence: str = ""
    status: int = 422


@get("/", opt=guards.officer(Scope.THIS_NODE, EVERYBODY))
async def show_people(request: AnyRequest) -> Page:
    """Posts, absences, desks and slots of this office, and what a village knows of the one above."""
    return await _page(request)


@post("/absences", opt=guards.officer(Scope.THIS_NODE, STATING), status_code=200)
async def state_absence(request: AnyRequest) -> Page:
    """State that somebody of this office is away."""
    return await _state(request, "absence")


@post("/posts", opt=guards.officer(Scope.THIS_NODE, STATING), status_code=200)
async def assign_post(request: AnyRequest) -> Page:
    """Give somebody a post of this office or one below."""
    return await _state(request, "post")


router = Router("/people", route_handlers=[show_people, state_absence, assign_post])


async def _state(request: AnyRequest, form: str) -> Page:
    site, signed_in = site_of(request), guards.get_signed_in(request)
    given = await read_form(request)
    values: Values = {}
    try:
        values = read_fields(FORMS[form], given.source(frozenset({"items"})))
        author = read_operation(given.text("operation")), signed_in.office, signed_in.officer
        await site.node.publishing.publish(records_of(_event(form, author, values)))
    except FormRefused as refusal:
        return await _page(request, Stated(form, refusal.values, refusal.problems))
    except Refused as refusal:
        answer = answer_for(refusal, language_for(request))
        return await _page(request, Stated(form, values, (), answer.sentence, answer.status))
    return see_other("/people")


def _event(form: str, author: tuple[bytes, OfficeId, OfficerId], values: Values) -> Published:
    def text(name: str) -> str:
        return str(values[name])

    first, last = find_day(text("effective_from")), find_day(text("effective_until"))
    assert first is not None, "a required day was read"
    if form == "absence":
        assert last is not None, "a required day was read"
        return AbsenceStated(*author, OfficerId(text("person")), first, last, OfficerId(text("deputy")), text("reason"))
    at = OfficeId(text("at"))
    person = text("person")
    return PostAssigned(
        *author,
        text("post"),
        at,
        text("name"),
        OfficerId(person if "/" in person else f"{at}/{person}"),
        text("person_name"),
        Position(text("position")),
        tuple(values["items"]),
        first,
        last,
        text("document"),
    )


async def _page(request: AnyRequest, stated: Stated | None = None) -> Page:
    site, signed_in = site_of(request), guards.get_signed_in(request)
    people, seat = site.node.people, site.node.seat
    above = parent_seat(seat) if is_village_office(seat) else None
    seats = [seat, *([above] if above is not None else [])]
    desks = [desk for one in seats for desk in people.desks(one)]
    register, today = people.register, people.today
    sites = [*seats, *(desk.site for desk in desks)]
    # A window without slots of its own has its seat's: said once.
    signing = [one for one in sites if one == seat_of(one) or register.slots_of(one, today)]
    absences = [absence for one in sites for absence in register.absences_at(one, today)]
    called = await site.accounts.find_names({absence.deputy for absence in absences})
    agents = [agent for agent in register.agents(today) if within(agent.at, seat) and agent.at not in sites]
    return await site.render(
        request,
        "people.html",
        status=stated.status if stated is not None else 200,
        back="" if stated is not None else "/people",
        posts=[*(holder for one in sites for holder in register.posts_at(one, today)), *agents],
        absences=[
            (absence, _named(staff.stand_in_of(absence.person), called), staff.name_of(absence.person))
            for absence in absences
            for staff in (people.staff(office_of(absence.person)),)
        ],
        desks=desks,
        slots=[(one, slot) for one in signing if (slot := people.next_slot(one)) is not None],
        forms=await _drawn(site, names_for(request), stated) if not STATING.isdisjoint(signed_in.roles) else [],
        stated=stated,
        operation=site.new_operation(),
        today=today,
    )


def _named(who: Responsible | None, called: Mapping[OfficerId, str]) -> Responsible | None:
    """Somebody without a post has no name in the register: then the one of the account here."""
    if who is None or who.name != who.person.rpartition("/")[2]:
        return who
    return structs.replace(who, name=called.get(who.person, who.name))


async def _drawn(
    site: Site, names: Names, stated: Stated | None
) -> list[tuple[str, list[tuple[Field, object, object]]]]:
    """(form, its fields, each with what was typed and what may be chosen)."""
    officers = [one for one in await site.accounts.list_officers() if one.active]
    colleagues = [(one.officer, f"{one.name} · {site.node.office_name(office_of(one.officer))}") for one in officers]
    seat = site.node.seat
    offices = sorted({seat, *(one for one in site.node.known_offices() if within(seat_of(one), seat))})
    choices: dict[Shape, object] = {
        Shape.COLLEAGUE: colleagues,
        Shape.OFFICE: [(one, f"{site.node.office_name(one)} {one}") for one in offices],
    }
    typed = {stated.form: stated.values} if stated is not None else {}
    return [
        (
            form,
            [
                (
                    field,
                    typed.get(form, {}).get(field.name, () if field.shape in LISTS else ""),
                    choices.get(field.shape, [(value, names.text(label)) for value, label in field.choices.items()]),
                )
                for field in fields
            ],
        )
        for form, fields in FORMS.items()
    ]
