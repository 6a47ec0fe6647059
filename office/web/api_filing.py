"""The JSON interface's intake: filings, lists of persons, enquiries. Its addresses are listed in `office.web.api`.

A filing beside an open case of the same person and item is answered 409 with those cases, unless it names them: whoever
calls has then shown them to the officer. Gaps are told in the answer and never block. Next: `office.intake`.
"""

from datetime import date

from litestar import Response, post
from msgspec import Struct

from office.publishing import records_of
from office.rosters import FILE_BYTES_MAX, ListRefused
from office.web import guards
from office.web.acting import read_operation
from office.web.api_papers import named
from office.web.errors import answer_for
from office.web.forms import plain
from office.web.guards import AnyRequest, Scope
from office.web.inputs import read_json
from office.web.pages.filing import FILERS
from office.web.site import language_for, site_of
from schemas.casework.casefile import CaseFile
from schemas.casework.intake_rules import gaps_in
from schemas.casework.mandates import UNBOUND
from schemas.casework.values import (
    Applicant,
    Channel,
    Consent,
    Mandate,
    Material,
    MaterialStatus,
    RosterRow,
    SignedHow,
)
from schemas.casework.values import Scope as MandateScope
from schemas.refusals import Refused
from schemas.register import Answer, EnquiryRecorded


class ApplicantInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The applicant of a filing."""

    name: str
    document_type: str
    document_number: str
    phone: str = ""


class MaterialInput(Struct, frozen=True, forbid_unknown_fields=True):
    """One material that was taken in, promised (`until`) or is used again (`until` and `source` as offered)."""

    name: str
    status: MaterialStatus = MaterialStatus.PROVIDED
    until: date | None = None
    source: str = ""


class MandateInput(Struct, frozen=True, forbid_unknown_fields=True):
    """The written authority of the agent."""

    scopes: tuple[MandateScope, ...]
    until: date
    signed_by: str
    signed_how: SignedHow
    read_back: str
    relation: str = ""


class FilingInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A filing."""

    operation: str
    item: str
    applicant: ApplicantInput
    materials: tuple[MaterialInput, ...] = ()
    statement: str = ""
    mandate: MandateInput | None = None
    """None: the applicant came in person."""
    channel: Channel = Channel.COUNTER
    consents: tuple[Consent, ...] = ()
    duplicates: tuple[str, ...] = ()
    """Numbers of the open cases that the officer was shown."""
    papers: tuple[str, ...] = ()
    """Words of `POST /api/papers`."""


class OpenCaseView(Struct, frozen=True):
    """A case under way of the same person and item."""

    tracking: str
    stage: str
    office: str
    """Who has it, or is offered it."""


class SlipView(Struct, frozen=True):
    """What the resident takes home, and what is still missing."""

    case: str
    tracking: str
    secret: str
    hash: str
    repeated: bool
    duplicates: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()


class DuplicatesView(Struct, frozen=True):
    """Why a filing waits for a confirmation: send it again with these numbers in `duplicates`."""

    code: str
    message: str
    duplicates: tuple[OpenCaseView, ...]


class RowInput(Struct, frozen=True, forbid_unknown_fields=True):
    """One person of a list."""

    name: str
    document_number: str
    document_type: str = "111"
    phone: str = ""
    note: str = ""


class ListInput(Struct, frozen=True, forbid_unknown_fields=True):
    """A list of persons. It needs no operation: equal rows are one case."""

    item: str
    rows: tuple[RowInput, ...]


class LeftOutView(Struct, frozen=True):
    """A row that another list of this season provides for."""

    row: int
    tracking: str


class ListView(Struct, frozen=True):
    """A list that was filed."""

    case: str
    tracking: str
    secret: str
    rows: int
    left_out: tuple[LeftOutView, ...]
    repeated: bool


class FaultView(Struct, frozen=True):
    """A row to correct."""

    row: int
    reason: str


class FaultsView(Struct, frozen=True):
    """Why a list was not filed."""

    code: str
    message: str
    rows: tuple[FaultView, ...]


class EnquiryInput(Struct, frozen=True, forbid_unknown_fields=True):
    """An enquiry."""

    operation: str
    item: str = ""
    outcome: Answer = Answer.ANSWERED


class DuplicatesRefused(Refused):
    """The same person has the same matter under way."""

    def __init__(self) -> None:
        super().__init__(
            "duplicates_open",
            "该申请人的同一事项已在办理中，尚未登记；请核对所列的件，确属另一事项的，附上这些编号重新提交。",
            "This person has the same matter under way and nothing was filed; look at the cases listed, and if it is "
            "another matter send it again with their numbers.",
        )


@post("/cases", opt=guards.officer(Scope.READABLE_CASES, FILERS), status_code=201)
async def file_case(request: AnyRequest) -> Response[SlipView] | Response[DuplicatesView]:
    """File a case. The same operation again answers with the same slip."""
    given = await read_json(request, FilingInput)
    signed_in, intake = guards.get_signed_in(request), site_of(request).node.intake
    operation = read_operation(given.operation)
    applicant = intake.doorstep.check_applicant(_applicant(given.applicant))
    found = await intake.doorstep.find_open(signed_in.office, applicant, given.item, operation)
    numbers = tuple(case.filing.tracking for case in found if case.filing is not None)
    if not set(numbers) <= set(given.duplicates):
        refusal = DuplicatesRefused()
        message = refusal.text(language_for(request))
        return Response(DuplicatesView(refusal.code, message, tuple(map(_open_case, found))), status_code=409)
    materials = [Material(one.name, one.status, one.until, one.source) for one in given.materials]
    slip = await intake.open_case(
        signed_in,
        operation,
        item=given.item,
        applicant=applicant,
        materials=materials,
        statement=plain(given.statement),
        mandate=_mandate(given.mandate) if given.mandate is not None else None,
        channel=given.channel,
        consents=given.consents,
        duplicates=numbers,
        papers=named(request, given.papers),
    )
    catalogue = site_of(request).node.catalogue
    gaps = gaps_in(catalogue.in_force(site_of(request).node.clock.now()).get_item(given.item), materials)
    return Response(
        SlipView(slip.case.hex(), slip.tracking, slip.secret, slip.entry.hash.hex(), slip.repeated, numbers, gaps)
    )


@post(
    "/lists",
    opt=guards.officer(Scope.READABLE_CASES, FILERS),
    status_code=201,
    request_max_body_size=FILE_BYTES_MAX,
)
async def file_list(request: AnyRequest) -> Response[ListView] | Response[FaultsView]:
    """File a list of persons as one case. The same rows again answer with the same case."""
    given = await read_json(request, ListInput)
    node, signed_in = site_of(request).node, guards.get_signed_in(request)
    rows = [
        RosterRow(row.name.strip(), row.document_type, row.document_number.strip(), row.phone.strip(), row.note.strip())
        for row in given.rows
    ]
    try:
        filed = await node.intake.open_list(
            signed_in, item=given.item, name=node.office_name(signed_in.office), rows=rows
        )
    except ListRefused as refusal:
        language = language_for(request)
        faults = tuple(FaultView(one.row, one.en if language.value == "en" else one.zh) for one in refusal.faults)
        answer = answer_for(refusal, language)
        return Response(FaultsView(answer.code, answer.sentence, faults), status_code=answer.status)
    slip = filed.slip
    left_out = tuple(LeftOutView(one.row, one.tracking) for one in filed.left_out)
    return Response(ListView(slip.case.hex(), slip.tracking, slip.secret, filed.rows, left_out, slip.repeated))


@post("/enquiries", opt=guards.officer(Scope.THIS_NODE, FILERS), status_code=204)
async def count_enquiry(request: AnyRequest) -> None:
    """Count an enquiry. The same operation again is the same enquiry."""
    given = await read_json(request, EnquiryInput)
    node, signed_in = site_of(request).node, guards.get_signed_in(request)
    if given.item:
        node.catalogue.in_force(node.clock.now()).get_item(given.item)
    enquiry = EnquiryRecorded(
        read_operation(given.operation), signed_in.office, signed_in.officer, given.item, given.outcome
    )
    await node.publishing.publish(records_of(enquiry))


def _applicant(given: ApplicantInput) -> Applicant:
    return Applicant(given.name.strip(), given.document_type, given.document_number.strip(), given.phone.strip())


def _mandate(given: MandateInput) -> Mandate:
    return Mandate(
        given.scopes,
        given.until,
        given.signed_by.strip(),
        given.signed_how,
        plain(given.read_back),
        UNBOUND,
        given.relation.strip(),
    )


def _open_case(case: CaseFile) -> OpenCaseView:
    assert case.filing is not None, "only what was filed is found by its person"
    return OpenCaseView(case.filing.tracking, case.stage.value, case.custodian or case.offeree or "")
