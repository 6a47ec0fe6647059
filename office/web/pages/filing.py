"""Taking a matter in: choose the item, fill in the form, hand over the slip.

Works with every line down. The slip is a page of its own, which only the officer who filed may open again; its query
code never stands in an address, and the same form sent twice leads to the same slip (`office.desk.Desk.open_case`).
Never keeps a draft. Next: `office.web.pages.cases`, whose route the slip is.
"""

from typing import Final

from litestar import Response, Router, get, post
from litestar.params import FromPath
from markupsafe import Markup
from msgspec import Struct

from office.web import guards, labels
from office.web.acting import read_operation
from office.web.errors import answer_for
from office.web.forms import Field, FormRefused, Problem, Shape, Values, read_fields
from office.web.guards import AnyRequest, Scope
from office.web.i18n import n_
from office.web.inputs import read_form
from office.web.pages.front import see_other
from office.web.site import Names, language_for, names_for, site_of
from schemas.casework.casefile import CaseFile
from schemas.casework.events import Applicant, Material, MaterialStatus
from schemas.casework.lifecycle import NotPermitted, permits
from schemas.casework.roles import ROLES_OF_ACT
from schemas.catalogue import Delegation, Edition, ServiceItem
from schemas.identity import RESIDENT_CARD, IdentityRefused
from schemas.names import OfficeId
from schemas.refusals import Refused

Page = Response[object]

FILERS: Final = ROLES_OF_ACT["case.filed"]
NOT_BROUGHT: Final = "none"

FIELDS: Final = (
    Field("name", n_("Name"), Shape.LINE, required=True),
    Field("document_type", n_("Kind of document"), Shape.CHOICE, required=True, choices=labels.DOCUMENT_TYPES),
    Field("document_number", n_("Number of the document"), Shape.LINE, required=True),
    Field("phone", n_("Telephone"), Shape.LINE),
    Field("statement", n_("What the applicant asks for"), Shape.TEXT),
    Field("mandate", n_("Written authority of the agent"), Shape.TEXT),
)
"""What the filing asks for beside the item's own materials."""


class Group(Struct, frozen=True):
    """The items of one department."""

    department: str
    entries: tuple[ServiceItem, ...]


class MaterialField(Struct, frozen=True):
    """One material of the item, as drawn: was it brought?"""

    field: Field
    name: str
    note: str
    preset: str


@get("/", opt=guards.officer(Scope.READABLE_CASES, FILERS))
async def choose_item(request: AnyRequest) -> Page:
    """The items that this office may take in, by department."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    edition = site.node.catalogue.in_force(site.node.clock.now())
    return await site.render(
        request, "filing_items.html", groups=groups_of(edition, signed_in.office), is_sample=edition.is_sample
    )


@get("/{code:str}", opt=guards.officer(Scope.READABLE_CASES, FILERS))
async def show_form(request: AnyRequest, code: FromPath[str]) -> Page:
    """The empty form of an item."""
    return await _form(request, code, {}, (), "", site_of(request).new_operation(), 200)


@post("/{code:str}", opt=guards.officer(Scope.READABLE_CASES, FILERS), status_code=200)
async def file_case(request: AnyRequest, code: FromPath[str]) -> Page:
    """File the case and go on to its slip; or the form again, with what was typed and what is wrong."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    form = await read_form(request)
    operation = form.text("operation")
    item = site.node.catalogue.in_force(site.node.clock.now()).get_item(code)
    materials = material_fields(item)
    typed = form.source(frozenset())
    try:
        values = read_fields((*FIELDS, *(material.field for material in materials)), typed)
        slip = await site.node.desk.open_case(
            signed_in,
            read_operation(operation),
            item=code,
            applicant=applicant_of(values),
            materials=brought(materials, values),
            statement=str(values["statement"]),
            mandate=str(values["mandate"]),
        )
    except FormRefused as refusal:
        return await _form(request, code, refusal.values, refusal.problems, "", operation, 422)
    except IdentityRefused as refusal:
        problem = Problem("document_number", refusal.text(language_for(request)))
        return await _form(request, code, _typed(typed), (problem,), "", operation, 422)
    except Refused as refusal:
        answer = answer_for(refusal, language_for(request))
        return await _form(request, code, _typed(typed), (), answer.sentence, site.new_operation(), answer.status)
    return see_other(f"/cases/{slip.case.hex()}/slip")


router = Router("/filing", route_handlers=[choose_item, show_form, file_case])


def groups_of(edition: Edition, office: OfficeId) -> tuple[Group, ...]:
    """The items that `office` may take in, by department, in the order of their codes."""
    found: dict[str, list[ServiceItem]] = {}
    for item in edition.items.values():
        if _may_take_in(item, office):
            found.setdefault(item.department, []).append(item)
    return tuple(Group(department, tuple(items)) for department, items in sorted(found.items()))


def _may_take_in(item: ServiceItem, office: OfficeId) -> bool:
    try:
        permits(None, "case.filed", office, item)
    except NotPermitted:
        return False
    return True


def material_fields(item: ServiceItem) -> tuple[MaterialField, ...]:
    """One question for each material of an item: its class says which answers there are."""
    listed = item.materials
    classes: tuple[tuple[tuple[str, ...], MaterialStatus | None, str], ...] = (
        (listed.required, None, ""),
        (listed.deferrable, MaterialStatus.DEFERRED, n_("May come later.")),
        (listed.verified, MaterialStatus.VERIFIED, n_("Need not be brought: it is checked against data.")),
        (listed.pledged, MaterialStatus.PLEDGED, n_("A signed pledge may stand in for it.")),
    )
    fields: list[MaterialField] = []
    for names, status, note in classes:
        for name in names:
            statuses = [MaterialStatus.PROVIDED, *([status] if status is not None else [])]
            choices = {one.value: labels.MATERIALS[one] for one in statuses} | {NOT_BROUGHT: n_("Not brought")}
            field = Field(f"material-{len(fields)}", name, Shape.CHOICE, required=True, choices=choices)
            has_preset = status in (MaterialStatus.VERIFIED, MaterialStatus.PLEDGED)
            fields.append(MaterialField(field, name, note, status.value if status and has_preset else ""))
    return tuple(fields)


def brought(materials: tuple[MaterialField, ...], values: Values) -> list[Material]:
    """The materials that were taken in, in the catalogue's order."""
    answers = ((material.name, str(values[material.field.name])) for material in materials)
    return [Material(name, MaterialStatus(answer)) for name, answer in answers if answer != NOT_BROUGHT]


def applicant_of(values: Values) -> Applicant:
    """The applicant as typed; the desk checks the number."""
    return Applicant(
        str(values["name"]), str(values["document_type"]), str(values["document_number"]), str(values["phone"])
    )


def _typed(source: dict[str, object]) -> Values:
    return {name: str(value) for name, value in source.items()}


async def _form(
    request: AnyRequest,
    code: str,
    values: Values,
    problems: tuple[Problem, ...],
    sentence: str,
    operation: str,
    status: int,
) -> Page:
    site, names = site_of(request), names_for(request)
    item = site.node.catalogue.in_force(site.node.clock.now()).get_item(code)
    return await site.render(
        request,
        "filing.html",
        status=status,
        item=item,
        must_sign=item.delegation is Delegation.COLLECT,
        values={field.name: values.get(field.name, "") for field in FIELDS}
        | {"document_type": values.get("document_type", RESIDENT_CARD)},
        materials=_drawn(material_fields(item), values, names),
        document_types=[(key, names.text(label)) for key, label in labels.DOCUMENT_TYPES.items()],
        found=problems,
        refusal=sentence,
        operation=operation,
    )


def _drawn(materials: tuple[MaterialField, ...], values: Values, names: Names) -> list[dict[str, object]]:
    return [
        {
            "field": material.field.name,
            "name": material.name,
            "note": material.note,
            "value": values.get(material.field.name, material.preset),
            "choices": [(key, names.text(label)) for key, label in material.field.choices.items()],
        }
        for material in materials
    ]


async def render_slip(request: AnyRequest, case: CaseFile, secret: str) -> Page:
    """The slip of a case that is filed. `secret`: its query code."""
    # Imported for the slip that needs it: it weighs 1 MiB.
    import segno

    assert case.filing is not None, "only what is filed has a code"
    code = segno.make(f"{case.filing.tracking} {secret}", error="m", micro=False)
    return await site_of(request).render(
        request,
        "slip.html",
        filing=case.filing,
        filed_at=case.filed_at,
        secret="-".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        # Made by segno from digits and capitals of our own: markup, not something typed.
        qr=Markup(code.svg_inline(omitsize=True)),  # noqa: S704
        path_of_case=f"/cases/{case.case.hex()}",
    )
