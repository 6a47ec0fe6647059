"""Taking a matter in: choose the item, fill in the form, be told what is missing or under way, hand over the slip.

Works with every line down. Before a case is filed the officer is shown what needs a second look (open cases of the
same person, gaps, the words of an authority), all at once, and confirms; nothing of it blocks. Who lacks papers gets a
one-page notice instead, counted as an enquiry. The slip is a page of its own, which only the officer who filed may open
again; its query code never stands in an address, and the same form sent twice leads to the same slip.
Never keeps a draft. Next: `office.web.filing_forms`, `office.web.pages.cases`, whose route the slip is.
"""

import hashlib
from collections.abc import Sequence
from typing import Final

from litestar import Response, Router, get, post
from litestar.params import FromPath
from markupsafe import Markup
from msgspec import Struct

from office.capturing import Captured
from office.notices import address as query_address
from office.notices import complaint_of, contact_of, notice_of, promised_clock, qr_text
from office.publishing import records_of
from office.web import filing_forms, guards, labels
from office.web.acting import read_operation
from office.web.errors import answer_for
from office.web.filing_forms import LISTS, MaterialField, material_fields
from office.web.forms import FormRefused, Problem, Values
from office.web.guards import AnyRequest, Scope
from office.web.i18n import n_
from office.web.inputs import Form, read_form
from office.web.pages.front import see_other
from office.web.site import Names, language_for, names_for, site_of
from office.web.uploads import (
    CHECK_BLURRED,
    CONFIRM_BLURRED,
    FORM_BYTES_MAX,
    UPLOADS,
    blurred_of,
    papers_of,
    read_upload,
    views_of,
)
from schemas.casework.casefile import CaseFile
from schemas.casework.intake_rules import gaps_in, last_promise_day
from schemas.casework.lifecycle import NotPermitted, permits
from schemas.casework.mandates import SCOPES_OF
from schemas.casework.roles import ROLES_OF_ACT
from schemas.casework.stages import UNACCEPTED
from schemas.casework.values import Applicant, Channel, Material, MaterialStatus
from schemas.catalogue import Delegation, Edition, ServiceItem, is_suspended
from schemas.divisions import Tier, tier_of_office
from schemas.identity import IdentityRefused
from schemas.names import OPERATION_BYTES, OfficeId, TrackingNumber
from schemas.refusals import Refused
from schemas.register import Answer, EnquiryRecorded

Page = Response[object]

FILERS: Final = ROLES_OF_ACT["case.filed"]

CHECK_DUPLICATES: Final = n_("Confirm that this is another matter, or open the case that is under way.")
CHECK_GAPS: Final = n_("Print the notice, or confirm that the case is filed all the same.")
CHECK_WORDS: Final = n_("Read the words aloud, let the resident sign, and confirm.")


class Group(Struct, frozen=True):
    """The items of one department."""

    department: str
    entries: tuple[ServiceItem, ...]


class Check(Struct, frozen=True):
    """What the officer is shown before the case is filed, and confirms by sending it back."""

    duplicates: tuple[CaseFile, ...] = ()
    gaps: tuple[str, ...] = ()
    words: str = ""
    reusable: tuple[Material, ...] = ()
    blurred: str = ""
    """`office.web.uploads.blurred_of` the photographs."""

    @property
    def numbers(self) -> tuple[TrackingNumber, ...]:
        """Of the open cases."""
        return tuple(case.filing.tracking for case in self.duplicates if case.filing is not None)

    def unconfirmed(self, form: Form) -> list[Problem]:
        """What the form does not confirm as it stands now."""
        asked = (
            ("confirm_duplicates", " ".join(self.numbers), CHECK_DUPLICATES),
            ("confirm_gaps", "、".join(self.gaps), CHECK_GAPS),
            ("confirm_words", self.words, CHECK_WORDS),
            (CONFIRM_BLURRED, self.blurred, CHECK_BLURRED),
        )
        return [Problem(name, message) for name, value, message in asked if value and form.text(name) != value]


@get("/", opt=guards.officer(Scope.READABLE_CASES, FILERS))
async def choose_item(request: AnyRequest) -> Page:
    """The items that this office may take in, by department, and what was asked here today."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    edition, today = site.node.catalogue.in_force(site.node.clock.now()), site.node.intake.doorstep.today()
    return await site.render(
        request,
        "filing_items.html",
        groups=groups_of(edition, signed_in.office),
        suspended={item.code for item in edition.items.values() if is_suspended(item, today)},
        is_sample=edition.is_sample,
        operation=site.new_operation(),
        asked_today=await site.node.worklists.count_enquiries(signed_in.office, today),
    )


@get("/{code:str}", opt=guards.officer(Scope.READABLE_CASES, FILERS))
async def show_form(request: AnyRequest, code: FromPath[str]) -> Page:
    """The empty form of an item."""
    return await _Filing(request, code).page({}, operation=site_of(request).new_operation())


@post(
    "/{code:str}",
    opt={**guards.officer(Scope.READABLE_CASES, FILERS), UPLOADS: True},
    status_code=200,
    request_max_body_size=FORM_BYTES_MAX,
)
async def file_case(request: AnyRequest, code: FromPath[str]) -> Page:
    """File the case and go on to its slip; or the form again, with what was typed and what needs a second look."""
    site, signed_in = site_of(request), guards.get_signed_in(request)
    form = await read_form(request)
    typed, operation = form.source(LISTS), form.text("operation")
    filing = _Filing(request, code)
    check = Check()
    try:
        problems = await filing.take_papers(form)
        if problems:
            return await filing.page(typed, problems, operation=operation, status=422)
        values = filing_forms.read_filing(filing.item, typed)
        applicant = site.node.intake.doorstep.check_applicant(filing_forms.applicant_of(values))
        check, materials = await filing.look(applicant, values, read_operation(operation))
        if form.text("action") == "notice":
            return await _give_notice(request, filing.item, check.gaps, read_operation(operation))
        problems = check.unconfirmed(form)
        if problems:
            return await filing.page(typed, problems, operation=operation, check=check, status=422)
        slip = await site.node.intake.open_case(
            signed_in,
            read_operation(operation),
            item=code,
            applicant=applicant,
            materials=materials,
            statement=str(values["statement"]),
            mandate=filing_forms.mandate_of(values, check.words),
            channel=Channel(str(values["channel"])),
            consents=filing_forms.consents_of(values),
            duplicates=check.numbers,
            papers=papers_of(filing.captured),
        )
    except FormRefused as refusal:
        return await filing.page(typed, refusal.problems, operation=operation, status=422)
    except IdentityRefused as refusal:
        problem = Problem("document_number", refusal.text(language_for(request)))
        return await filing.page(typed, [problem], operation=operation, status=422)
    except Refused as refusal:
        answer = answer_for(refusal, language_for(request))
        return await filing.page(
            typed, (), answer.sentence, operation=site.new_operation(), check=check, status=answer.status
        )
    return see_other(f"/cases/{slip.case.hex()}/slip")


@get("/{code:str}/notice", opt=guards.officer(Scope.READABLE_CASES, FILERS))
async def show_notice(request: AnyRequest, code: FromPath[str]) -> Page:
    """The one-page notice of an item, to take home."""
    return await _notice(request, _Filing(request, code).item, ())


@post("/enquiries", opt=guards.officer(Scope.THIS_NODE, FILERS), status_code=200)
async def count_enquiry(request: AnyRequest) -> Page:
    """Count an enquiry in one tap: about an item, or about none."""
    form = await read_form(request)
    item = form.text("item")
    if item:
        _Filing(request, item)
    await _record_enquiry(request, item, read_operation(form.text("operation")))
    return see_other("/filing")


router = Router("/filing", route_handlers=[choose_item, count_enquiry, show_form, file_case, show_notice])


class _Filing:
    """One form: the item, and who is at the counter."""

    def __init__(self, request: AnyRequest, code: str) -> None:
        self.request = request
        self.site = site_of(request)
        self.item = self.site.node.catalogue.in_force(self.site.node.clock.now()).get_item(code)
        self.office = guards.get_signed_in(request).office
        self.doorstep = self.site.node.intake.doorstep
        self.captured: tuple[Captured, ...] = ()
        """What was photographed for this form so far."""

    async def take_papers(self, form: Form) -> tuple[Problem, ...]:
        """Take in the form's files; returns those that became no paper."""
        uploaded = await read_upload(self.request, form)
        self.captured = uploaded.captured
        return uploaded.problems

    async def look(self, applicant: Applicant, values: Values, operation: bytes) -> tuple[Check, list[Material]]:
        """What needs a second look, and the materials that were taken in."""
        listed = self.item.materials
        names = (*listed.required, *listed.deferrable, *listed.pledged)
        reusable = await self.doorstep.find_reusable(self.office, applicant, names)
        materials = filing_forms.brought(self.item, values, reusable)
        gaps = gaps_in(self.item, materials)
        found = await self.doorstep.find_open(self.office, applicant, self.item.code, operation)
        words = filing_forms.words_for(self.item, values, self.site.node.office_name(self.office))
        return Check(tuple(found), gaps, words, tuple(reusable), blurred_of(self.captured)), materials

    async def page(
        self,
        typed: dict[str, object],
        problems: Sequence[Problem] = (),
        sentence: str = "",
        *,
        operation: str,
        check: Check | None = None,
        status: int = 200,
    ) -> Page:
        """The form, with what was typed."""
        names, today = names_for(self.request), self.doorstep.today()
        check = check or Check()
        values = filing_forms.presets(self.item, tier_of_office(self.office) is Tier.VILLAGE, today) | typed
        return await self.site.render(
            self.request,
            "filing.html",
            status=status,
            item=self.item,
            must_sign=self.item.delegation is Delegation.COLLECT,
            must_come=self.item.delegation is Delegation.NO,
            is_suspended=is_suspended(self.item, today),
            values=_Typed(values),
            materials=_drawn(material_fields(self.item), typed, names, check),
            promised_until=last_promise_day(self.item, today, self.doorstep.calendar).isoformat(),
            today=today.isoformat(),
            choices={
                "document_type": _choices(labels.DOCUMENT_TYPES, names),
                "channel": _choices(filing_forms.CHANNELS, names),
                "attends": _choices(filing_forms.ATTENDS, names),
                "signed_how": _choices(filing_forms.SIGNED_HOW, names),
                "consents": _choices(filing_forms.CONSENTS, names),
                "scopes": _choices(
                    {scope.value: filing_forms.SCOPES[scope] for scope in SCOPES_OF[self.item.delegation]}, names
                ),
            },
            check=check,
            captured=views_of(self.request, self.captured),
            found=tuple(problems),
            refusal=sentence,
            operation=operation,
        )


class _Typed(dict[str, object]):
    """What was typed, by field; empty for what was not."""

    def __missing__(self, name: str) -> str:
        return ""


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


def _choices(table: dict[str, str], names: Names) -> list[tuple[str, str]]:
    return [(key, names.text(label)) for key, label in table.items()]


def _drawn(
    materials: tuple[MaterialField, ...], values: dict[str, object], names: Names, check: Check
) -> list[dict[str, object]]:
    reusable = {material.name: material for material in check.reusable}
    return [
        {
            "field": material.field.name,
            "name": material.name,
            "note": material.note,
            "value": values.get(material.field.name, material.preset),
            "until": material.until if material.may_come_later else "",
            "day": values.get(material.until, ""),
            "reusable": reusable.get(material.name),
            "choices": [
                (key, names.text(label))
                for key, label in material.field.choices.items()
                if key != MaterialStatus.REUSED.value or material.name in reusable
            ],
        }
        for material in materials
    ]


# --- enquiries and notices -------------------------------------------------------------------------------------------


async def _record_enquiry(request: AnyRequest, item: str, operation: bytes) -> None:
    signed_in = guards.get_signed_in(request)
    enquiry = EnquiryRecorded(operation, signed_in.office, signed_in.officer, item, Answer.ANSWERED)
    await site_of(request).node.publishing.publish(records_of(enquiry))


async def _give_notice(request: AnyRequest, item: ServiceItem, gaps: tuple[str, ...], operation: bytes) -> Page:
    """The notice of everything that is missing: an enquiry that was answered. The form may be filed all the same."""
    beside = hashlib.sha256(b"enquiry\n" + operation).digest()[:OPERATION_BYTES]
    await _record_enquiry(request, item.code, beside)
    return await _notice(request, item, gaps)


async def _notice(request: AnyRequest, item: ServiceItem, gaps: tuple[str, ...]) -> Page:
    site = site_of(request)
    return await site.render(
        request,
        "notice.html",
        back=f"/filing/{item.code}/notice",
        notice=notice_of(item, gaps, site.node.settings),
        staffed=site.node.people.next_staffed(item),
        today=site.node.intake.doorstep.today().isoformat(),
    )


# --- the slip --------------------------------------------------------------------------------------------------------


async def render_slip(request: AnyRequest, case: CaseFile, secret: str, statement: str) -> Page:
    """The slip of a case that is filed. `secret`: its query code. `statement`: what its device signed, or empty."""
    assert case.filing is not None, "only what is filed has a code"
    site = site_of(request)
    node, settings = site.node, site.node.settings
    item = node.catalogue.item_of(case)
    return await site.render(
        request,
        "slip.html",
        filing=case.filing,
        filed_at=case.filed_at,
        item=item,
        gaps=_still_missing(case, item),
        due=promised_clock(case, item, node.intake.doorstep.calendar),
        staffed=node.people.next_staffed(item) if item is not None else None,
        contact=contact_of(item, settings),
        complaint=complaint_of(item, settings),
        address=query_address(settings),
        secret="-".join(secret[start : start + 4] for start in range(0, len(secret), 4)),
        qr=draw_code(qr_text(settings, case.filing.tracking, secret, statement)),
        statement=statement,
        path_of_case=f"/cases/{case.case.hex()}",
    )


def draw_code(text: str) -> Markup:
    """A QR code as an image within the page."""
    # Imported for the printout that needs it: it weighs 1 MiB.
    import segno

    # Made by segno from digits and capitals of our own: markup, not something typed.
    return Markup(segno.make(text, error="m", micro=False).svg_inline(omitsize=True))  # noqa: S704


def _still_missing(case: CaseFile, item: ServiceItem | None) -> tuple[str, ...]:
    """What the resident has yet to bring, as of today: a slip may be printed again."""
    if item is None or case.filing is None or case.filing.roster is not None or case.stage not in UNACCEPTED:
        return ()
    return case.missing_of(gaps_in(item, case.filing.materials))
