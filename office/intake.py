"""Taking a matter in: filing, at the doorstep with every line down, at a counter, or as a list of persons.

What is missing, or already under way, is told before (`office.doorstep`) and never blocks; what is impossible (a
promise beyond its term, an authority that the item does not allow, a number that cannot be) is refused here.
Never decides about a case (`office.desk`) and never shows a query code but to who filed. Next: `office.slips`,
`office.rosters`, `office.pencil` (how it is written).
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from office.casebook import CaseInterpreter
from office.catalogue import Catalogue
from office.doorstep import Doorstep, OnList, season_start
from office.paper_rules import Shelf, check_papers
from office.pencil import Officer, OperationReused, Pen, Pencil, Written, derived_operation, encode_body
from office.people import check_term
from office.rosters import came_to_nothing, check_rows
from office.slips import SECRET_SALT_BYTES, hash_secret, mark_of, reopened_secret, secret_of
from schemas.casework.casefile import CaseFile
from schemas.casework.events import CaseFiled, RosterAdded, decode_event
from schemas.casework.intake_rules import check_materials
from schemas.casework.lifecycle import permits_event
from schemas.casework.mandates import bind, check_mandate
from schemas.casework.rosters import digest_of, sort_rows, split
from schemas.casework.values import Applicant, Channel, Consent, Mandate, Material, RosterRow
from schemas.catalogue import ServiceItem
from schemas.names import (
    CASE_ID_BYTES,
    OPERATION_BYTES,
    CaseId,
    OfficeId,
    TrackingNumber,
    seat_of,
    tracking_number,
)
from schemas.papers import PaperRef
from schemas.refusals import Refused
from sync.core.journal import Draft
from sync.ports import Clock, Salts, Stored

DUPLICATES_MAX: Final = 20
"""As `schemas.casework.values.Numbers` has it: whoever has more under way is known to all."""

VILLAGE_DOCUMENT: Final = "999"
"""Document type of a list's applicant: the office itself, by its code."""


class Slip(Struct, frozen=True):
    """What the resident takes home. The secret is nowhere else; the journal holds its salted hash (RULINGS B7)."""

    case: CaseId
    entry: Stored
    tracking: TrackingNumber
    secret: str
    repeated: bool


class LeftOut(Struct, frozen=True):
    """A row of a list that was not filed: another list provides for the person."""

    row: int
    """As sent, from 1."""
    tracking: TrackingNumber
    """The other list's."""


class ListSlip(Struct, frozen=True):
    """A list that was filed."""

    slip: Slip
    rows: int
    left_out: tuple[LeftOut, ...]


class Intake(Pencil):
    """Everything by which a case begins. Every verb raises `Refused` with nothing written."""

    def __init__(
        self,
        pen: Pen,
        casebook: CaseInterpreter,
        catalogue: Catalogue,
        clock: Clock,
        salts: Salts,
        slip_key: bytes,
        *,
        check_room: Callable[[], None] = lambda: None,
        shelf: Shelf | None = None,
    ) -> None:
        """`slip_key`: 32 secret bytes of this node, from which slips' secrets are derived. `check_room`: raises
        `Refused` when the disk has no room for new matters (`office.storage`).
        """
        super().__init__(pen, casebook, catalogue, clock, shelf)
        self.doorstep = Doorstep(casebook, catalogue, clock, lambda: self.calendar)
        self._salts = salts
        self._slip_key = slip_key
        self._check_room = check_room

    # --- opening a case ----------------------------------------------------------------------------------------------

    async def open_case(
        self,
        officer: Officer,
        operation: bytes,
        *,
        item: str,
        applicant: Applicant,
        materials: Sequence[Material],
        statement: str = "",
        mandate: Mandate | None = None,
        channel: Channel = Channel.COUNTER,
        consents: Sequence[Consent] = (),
        duplicates: Sequence[TrackingNumber] = (),
        papers: Sequence[PaperRef] = (),
    ) -> Slip:
        """Take a matter in: turn 1. The slip's secret comes from the operation, so a re-sent form prints the same slip.

        `mandate`: the resident's written authority, its digest left `UNBOUND`: it is bound to the case here; None = the
        applicant came in person. `duplicates`: open cases that the officer was shown and files beside all the same.
        `papers`: captured here and whole on this node's shelf.
        Works with every line down and in a quarantined node. Raises `NotPermitted`, `UnknownItem`, `IdentityRefused`,
        `MandateRefused`, `MaterialRefused`, `TermEnded`, `DiskNearlyFull`, `PaperNotHere`, `TooManyPapers`;
        `OperationReused` when the form was another officer's, or for another person or item: nobody is handed somebody
        else's slip.
        """
        self._check(officer, CaseFiled.kind, operation)
        self._check_term(officer)
        applicant = self.doorstep.check_applicant(applicant)
        edition = self.catalogue.in_force(self._clock.now())
        found = edition.get_item(item)

        async def drafting() -> Sequence[Draft]:
            if await self._is_done(operation, CaseFiled.kind, None):
                return []
            self._check_room()
            today = self.doorstep.today()
            check_materials(found, materials, consents, today, self.doorstep.calendar)
            await self.doorstep.check_reuse(officer.office, applicant, materials)
            if mandate is not None:
                check_mandate(mandate, found, applicant, today)
            await check_papers(self._shelf, None, papers)
            case = CaseId(self._salts.draw(CASE_ID_BYTES))
            event = CaseFiled(
                1,
                None,
                operation,
                officer.office,
                officer.officer,
                item,
                edition.version,
                await self._draw_tracking(officer.office),
                self._hash_secret(operation),
                applicant,
                tuple(materials),
                statement,
                bind(mandate, case, item, applicant) if mandate is not None else None,
                channel,
                tuple(dict.fromkeys(consents)),
                tuple(duplicates)[:DUPLICATES_MAX],
                papers=tuple(papers),
            )
            permits_event(None, event, found, today=today)
            return [Draft(CaseFiled.kind, case, encode_body(event))]

        written = await self._write(officer, operation, drafting)
        slip, filed = self._slip(written, operation)
        if (filed.item, _person(filed.applicant)) != (item, _person(applicant)):
            raise OperationReused
        return slip

    async def open_list(self, officer: Officer, *, item: str, name: str, rows: Sequence[RosterRow]) -> ListSlip:
        """Take in a list of persons: one case and all its rows in one transaction, or nothing.

        `name`: what the office is called: it is the applicant. The same rows sent again, in any order and by any way,
        are the same case: its operation comes from office, item, season and rows. Whoever is provided for by another
        list of this season is left out and reported. Raises `ListRefused` naming every faulty row, `Refused` when
        nobody is left or a colleague has filed these very rows, and what `open_case` raises.
        """
        edition = self.catalogue.in_force(self._clock.now())
        found = edition.get_item(item)
        today = self.doorstep.today()
        checked = check_rows(rows, today)
        operation = await self._operation_of(officer.office, found, today, checked)
        self._check(officer, CaseFiled.kind, operation)
        self._check_term(officer)
        people = {_document(row) for row in checked}
        lists: list[OnList] = []

        async def drafting() -> Sequence[Draft]:
            if await self._is_done(operation, CaseFiled.kind, None):
                return []
            self._check_room()
            lists[:] = await self.doorstep.find_lists(found, people, None)
            lists.extend(self.doorstep.find_staged_lists(found, people))
            elsewhere = _provided(lists)
            kept = [row for row in checked if _document(row) not in elsewhere]
            if not kept:
                raise _nobody_left(lists)
            return self._list_drafts(
                officer,
                operation,
                found,
                edition.version,
                Applicant(name, VILLAGE_DOCUMENT, officer.office),
                await self._draw_tracking(officer.office),
                kept,
            )

        try:
            written = await self._write(officer, operation, drafting)
        except OperationReused as colleague:
            raise _nobody_left(await self.doorstep.find_lists(found, people, None)) from colleague
        if written.repeated:
            lists = await self.doorstep.find_lists(found, people, written.case)
        elsewhere = _provided(lists)
        numbered = enumerate(map(_document, checked), start=1)
        left_out = tuple(LeftOut(row, elsewhere[person]) for row, person in numbered if person in elsewhere)
        slip, filed = self._slip(written, operation)
        return ListSlip(slip, filed.roster_rows, left_out)

    async def _operation_of(self, office: OfficeId, item: ServiceItem, today: date, rows: Sequence[RosterRow]) -> bytes:
        """The number of a list's filing: equal for equal rows of one office, item and season, until that list has come
        to nothing.
        """
        operation = _operation_of(office, item, today, rows)
        cases = self._casebook.cases
        while (done := (await cases.find_operations([operation])).get(operation)) is not None:
            filed = (await cases.read([done.subject])).get(done.subject)
            if filed is None or not came_to_nothing(filed):
                break
            operation = derived_operation(b"list again", operation)
        return operation

    def _list_drafts(
        self,
        officer: Officer,
        operation: bytes,
        item: ServiceItem,
        edition: str,
        applicant: Applicant,
        tracking: TrackingNumber,
        rows: Sequence[RosterRow],
    ) -> list[Draft]:
        """The filing and the parts of its list."""
        case = CaseId(self._salts.draw(CASE_ID_BYTES))
        filing = CaseFiled(
            1,
            None,
            operation,
            officer.office,
            officer.officer,
            item.code,
            edition,
            tracking,
            self._hash_secret(operation),
            applicant,
            (),
            channel=Channel.LIST,
            roster=digest_of(rows),
            roster_rows=len(rows),
        )
        permits_event(None, filing, item, today=self.doorstep.today())
        drafts = [Draft(CaseFiled.kind, case, encode_body(filing))]
        for number, part in enumerate(split(rows), start=1):
            beside = hashlib.sha256(b"roster %d\n" % number + operation).digest()[:OPERATION_BYTES]
            added = RosterAdded(1, beside, officer.office, officer.officer, number, part)
            drafts.append(Draft(RosterAdded.kind, case, encode_body(added)))
        return drafts

    def _check_term(self, officer: Officer) -> None:
        self._check_not_ended(officer.office)
        check_term(self._casebook.register, officer.officer, officer.roles, self.doorstep.today())

    def reopen_slip(self, officer: Officer, case: CaseFile) -> str:
        """The query code once more, when the printout is lost. Raises `office.slips.SlipRefused`."""
        return reopened_secret(self._slip_key, case.filing, officer.officer)

    def _slip(self, written: Written, operation: bytes) -> tuple[Slip, CaseFiled]:
        filed = decode_event(CaseFiled.kind, written.entry.body or b"")
        assert isinstance(filed, CaseFiled)
        secret = secret_of(self._slip_key, operation)
        return Slip(written.case, written.entry, filed.tracking, secret, written.repeated), filed

    def _hash_secret(self, operation: bytes) -> bytes:
        """Salt and salted hash of the slip's secret."""
        salt = self._salts.draw(SECRET_SALT_BYTES)
        return salt + hash_secret(salt, secret_of(self._slip_key, operation))

    async def _draw_tracking(self, office: OfficeId) -> TrackingNumber:
        mark = mark_of(self._casebook.books.own.epoch)
        return tracking_number(seat_of(office), mark, await self._casebook.draw_serial())


def _person(applicant: Applicant) -> tuple[str, str, str]:
    """Who somebody is, however the rest of the form was corrected."""
    return applicant.name, applicant.document_type, applicant.document_number


def _document(row: RosterRow) -> tuple[str, str]:
    return row.document_type, row.document_number


def _provided(lists: Sequence[OnList]) -> dict[tuple[str, str], TrackingNumber]:
    """Who is provided for, and by which list."""
    return {person: one.tracking for one in lists for person in one.people}


def _operation_of(office: OfficeId, item: ServiceItem, today: date, rows: Sequence[RosterRow]) -> bytes:
    season = season_start(item, today).isoformat()
    text = f"tongban list\n{office}\n{item.code}\n{season}\n".encode()
    return hashlib.sha256(text + digest_of(sort_rows(rows))).digest()[:OPERATION_BYTES]


def _nobody_left(lists: Sequence[OnList]) -> Refused:
    numbers = [one.tracking for one in lists if one.people]
    return Refused(
        "list_filed_already",
        f"名单上的人员都已在本季名单中登记（编号 {'、'.join(numbers)}），没有重复登记；请打开原件查看。",
        f"Everybody on this list is on a list of this season already ({', '.join(numbers)}); nothing was filed again. "
        "Open that case.",
    )
