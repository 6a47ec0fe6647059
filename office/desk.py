"""Our own pen: everything an officer can do to a case, one verb each.

Every verb takes the officer, the case and an operation id: the same operation again gives the same entry, so a double
click or a re-sent form is one act (RULINGS B10). The check sees the state inside the writing transaction and refuses
*before* anything is written, with a code and a sentence in Chinese and English (DESIGN 1.5). The author is fixed when
the act is written, never when it is sent.
Never writes for an office that is not at this node and never looks at the line, except that a node known to have been
rolled back puts the pen down for the cases concerned (RULINGS B5). Next: `schemas.casework.lifecycle` (the rules),
`office.worklists` (the read side).
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta
from typing import Final, Protocol, TypeAlias

from msgspec import Struct, structs

from office.casebook import CaseInterpreter, Operation
from office.catalogue import Catalogue
from office.slips import SECRET_SALT_BYTES, hash_secret, mark_of, reopened_secret, secret_of
from office.texts import check_texts
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import (
    Act,
    ActUnconfirmed,
    Applicant,
    CaseClosed,
    CaseDecided,
    CaseEvent,
    CaseFiled,
    CaseWithdrawn,
    Contribution,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    Handover,
    Material,
    Outcome,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RecallRequested,
    RemarkAdded,
    ResultHandedOver,
    decode_event,
    encode_event,
)
from schemas.casework.lifecycle import ACTS, NotPermitted, available_acts, check_role, permits_event
from schemas.casework.roles import Role
from schemas.casework.visibility import readers
from schemas.codec import Malformed
from schemas.identity import check_document_number
from schemas.names import (
    CASE_ID_BYTES,
    OPERATION_BYTES,
    CaseId,
    OfficeId,
    OfficerId,
    TrackingNumber,
    followed,
    parent_seat,
    seat_of,
    tracking_number,
)
from schemas.refusals import Refused
from sync.core.journal import Draft
from sync.ports import Clock, Salts, Stored

Fields: TypeAlias = tuple[object, ...] | Callable[[CaseFile], tuple[object, ...]]
"""What an act carries beyond the five that every act carries; computed where it depends on the case."""

EDITION_IN_USE_MAX: Final = timedelta(days=3653)
"""No county works ten years with one edition of its catalogue: a later day is a wrong clock."""

CUSTODY_ACTS: Final = frozenset(ACTS) - {CaseFiled.kind}
"""What only a leader may write at a quarantined node. Filing and contributions stay free: no counter closes (B5)."""


class Officer(Protocol):
    """Who acts: as much of an account as the desk needs (`office.accounts.SignedIn` is one)."""

    @property
    def officer(self) -> OfficerId:
        """The author written into the act."""
        ...

    @property
    def office(self) -> OfficeId:
        """The office acted for: the node's seat or a window of it."""
        ...

    @property
    def roles(self) -> Collection[Role]:
        """What the officer may take part in."""
        ...


class Pen(Protocol):
    """Where drafts are written: the node's `sync.writer.Writer`, or a bare `sync.ledger.Ledger` in tests."""

    async def record(self, drafting: Callable[[], Awaitable[Sequence[Draft]]]) -> list[Stored]:
        """See `sync.ledger.Ledger.record`."""
        ...


class Written(Struct, frozen=True):
    """An act that is durably in our journal."""

    case: CaseId
    entry: Stored
    repeated: bool
    """The operation had been written before: this is that entry."""


class Slip(Struct, frozen=True):
    """What the resident takes home. The secret is nowhere else; the journal holds its salted hash (RULINGS B7)."""

    case: CaseId
    entry: Stored
    tracking: TrackingNumber
    secret: str
    repeated: bool


class NodeQuarantined(Refused):
    """This node was rolled back and has not yet caught up; the case may have moved on meanwhile (RULINGS B5)."""

    def __init__(self) -> None:
        super().__init__(
            "node_quarantined",
            "本机数据曾被恢复到较早状态，本件可能已有新的办理步骤；请连上线路补齐后再办，紧急时由值班领导办理并标注待核对。收件登记不受影响。",
            "This node was restored to an earlier state and the case may have moved on; connect the line and let it "
            "catch up first. If it cannot wait, a leader on duty may act, marked as unconfirmed. New filings are not "
            "affected.",
        )


class OperationReused(Refused):
    """One operation id for two different actions: a form's bug, never a person's."""

    def __init__(self) -> None:
        super().__init__(
            "operation_reused",
            "该表单已用于另一操作；请刷新页面后重新填写。",
            "This form was already used for another action; reload the page and fill it in again.",
        )


class Desk:
    """Everything an officer of this node can do. Every verb raises `Refused` with nothing written."""

    def __init__(
        self,
        pen: Pen,
        casebook: CaseInterpreter,
        catalogue: Catalogue,
        clock: Clock,
        salts: Salts,
        slip_key: bytes,
        is_office: Callable[[OfficeId], bool],
        *,
        check_leader: Callable[[OfficerId], Awaitable[None]],
        check_room: Callable[[], None] = lambda: None,
    ) -> None:
        """`slip_key`: 32 secret bytes of this node, from which slips' secrets are derived.

        `is_office`: whether the county has this office, as far as this node knows. `check_leader`: raises `Refused`
        for who is no leader on duty of this node's own office (`office.accounts`). `check_room`: raises `Refused` when
        the disk has no room for new matters (`office.storage`).
        """
        self._pen = pen
        self._casebook = casebook
        self._clock = clock
        self._salts = salts
        self._slip_key = slip_key
        self._is_office = is_office
        self._check_leader = check_leader
        self._check_room = check_room
        self.catalogue = catalogue

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
        mandate: str = "",
    ) -> Slip:
        """Take a matter in: turn 1. The slip's secret comes from the operation, so a re-sent form prints the same slip.

        Works with every line down and in a quarantined node. Raises `NotPermitted`, `UnknownItem`, `IdentityRefused`,
        `DiskNearlyFull`; `OperationReused` when the form was another officer's, or for another person or item: nobody
        is handed somebody else's slip.
        """
        self._check(officer, CaseFiled.kind, operation)
        applicant = self._check_applicant(applicant)
        edition = self.catalogue.in_force(self._clock.now())
        found = edition.get_item(item)
        secret = secret_of(self._slip_key, operation)
        salt = self._salts.draw(SECRET_SALT_BYTES)

        async def drafting() -> Sequence[Draft]:
            if await self._is_done(operation, CaseFiled.kind, None):
                return []
            self._check_room()
            event = CaseFiled(
                1,
                None,
                operation,
                officer.office,
                officer.officer,
                item,
                edition.version,
                await self._draw_tracking(officer.office),
                salt + hash_secret(salt, secret),
                applicant,
                tuple(materials),
                statement,
                mandate,
            )
            permits_event(None, event, found)
            return [Draft(CaseFiled.kind, CaseId(self._salts.draw(CASE_ID_BYTES)), _encode(event))]

        written = await self._write(officer, operation, drafting)
        filed = decode_event(CaseFiled.kind, written.entry.body or b"")
        assert isinstance(filed, CaseFiled)
        if (filed.item, _person(filed.applicant)) != (item, _person(applicant)):
            raise OperationReused
        return Slip(written.case, written.entry, filed.tracking, secret, written.repeated)

    def reopen_slip(self, officer: Officer, case: CaseFile) -> str:
        """The query code once more, when the printout is lost. Raises `office.slips.SlipRefused`."""
        return reopened_secret(self._slip_key, case.filing, officer.officer)

    # --- moving the pen ----------------------------------------------------------------------------------------------

    async def offer_custody(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        to: OfficeId,
        note: str = "",
        seen: bytes | None = None,
    ) -> Written:
        """Put the pen down before another office: up for acceptance or decision, or back with the result."""
        self._check_office(to)
        return await self._act(officer, case, operation, CustodyOffered, (to, note), seen)

    async def accept_custody(
        self, officer: Officer, case: CaseId, operation: bytes, *, note: str = "", seen: bytes | None = None
    ) -> Written:
        """Pick up an offered pen, or accept one's own filing."""
        return await self._act(officer, case, operation, CustodyAccepted, (note,), seen)

    async def decline_custody(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        reason: str,
        basis: str = "",
        seen: bytes | None = None,
    ) -> Written:
        """Not accept an offer, with a reason; the pen goes back to the offerer."""
        return await self._act(officer, case, operation, CustodyDeclined, (reason, basis), seen)

    async def request_recall(self, officer: Officer, case: CaseId, operation: bytes, *, reason: str) -> Written:
        """Ask the offeree for the pen back; it answers by declining, or by accepting all the same."""
        return await self._contribute(officer, case, operation, RecallRequested, (reason,))

    async def reassign_custody(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        to: OfficeId,
        reason: str,
        approver: OfficerId,
        seen: bytes | None = None,
    ) -> Written:
        """The county alone: move the pen away from a silent office, with reason and approver (RULINGS B3).

        The approver is one of the county's own leaders, whom this very node knows, line or no line.
        """
        self._check(officer, CustodyReassigned.kind, operation)
        self._check_office(to)
        if parent_seat(self._casebook.books.seat.office) is None:
            await self._check_leader(approver)
        return await self._act(officer, case, operation, CustodyReassigned, (to, reason, approver), seen)

    # --- handling ----------------------------------------------------------------------------------------------------

    async def request_papers(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        materials: Sequence[str],
        reason: str,
        seen: bytes | None = None,
    ) -> Written:
        """One notice of everything that is missing (一次性告知)."""
        return await self._act(officer, case, operation, PapersRequested, (tuple(materials), reason), seen)

    async def bring_papers(
        self, officer: Officer, case: CaseId, operation: bytes, *, materials: Sequence[str], note: str = ""
    ) -> Written:
        """The resident brought materials to this office; the custodian takes them up."""
        return await self._contribute(officer, case, operation, PapersBrought, (tuple(materials), note))

    async def receive_papers(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        materials: Sequence[str],
        contributions: Sequence[bytes] | None = None,
        seen: bytes | None = None,
    ) -> Written:
        """Take up what was brought. `contributions`: hashes of the entries; None = all not yet taken up."""

        def fields(file: CaseFile) -> tuple[object, ...]:
            hashes = [brought.hash for brought in file.brought] if contributions is None else contributions
            return (tuple(materials), tuple(hashes))

        return await self._act(officer, case, operation, PapersReceived, fields, seen)

    async def decide(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        outcome: Outcome,
        reason: str,
        basis: str,
        remedy: str = "",
        document: str = "",
        seen: bytes | None = None,
    ) -> Written:
        """Grant, or refuse with reason, basis and remedy."""
        return await self._act(officer, case, operation, CaseDecided, (outcome, reason, basis, remedy, document), seen)

    async def hand_over(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        recipient: str,
        how: Handover,
        note: str = "",
        seen: bytes | None = None,
    ) -> Written:
        """The result is in the hands of the resident or of someone with authority."""
        return await self._act(officer, case, operation, ResultHandedOver, (recipient, how, note), seen)

    async def close_case(
        self, officer: Officer, case: CaseId, operation: bytes, *, note: str = "", seen: bytes | None = None
    ) -> Written:
        """Strike the case off: nothing more is to be done."""
        return await self._act(officer, case, operation, CaseClosed, (note,), seen)

    async def withdraw_case(
        self, officer: Officer, case: CaseId, operation: bytes, *, reason: str, seen: bytes | None = None
    ) -> Written:
        """End the case on the resident's word, before a decision."""
        return await self._act(officer, case, operation, CaseWithdrawn, (reason,), seen)

    async def add_remark(self, officer: Officer, case: CaseId, operation: bytes, *, text: str) -> Written:
        """A note for everybody who may see the case."""
        return await self._contribute(officer, case, operation, RemarkAdded, (text,))

    # --- what may be done --------------------------------------------------------------------------------------------

    def available(self, officer: Officer, case: CaseFile) -> tuple[str, ...]:
        """The kinds that this officer may write now: the buttons of the case's page."""
        if case.filing is None or officer.office not in readers(case):
            return ()
        present = self.catalogue.in_force(self._clock.now()).find_item(case.filing.item)
        decidable = available_acts(case, officer.office, present, officer.roles)
        lawful = available_acts(case, officer.office, self.catalogue.item_of(case), officer.roles)
        return tuple(
            kind
            for kind in dict.fromkeys((*lawful, *decidable))
            if kind in (decidable if kind == CaseDecided.kind else lawful)
            and (Role.LEADER in officer.roles or not self.is_unconfirmed(kind, case))
        )

    # --- how it is done ----------------------------------------------------------------------------------------------

    async def _act(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        act: type[Act],
        fields: Fields,
        seen: bytes | None,
    ) -> Written:
        """Write the next act. `seen`: the last act that the officer's page showed; another one since then refuses."""

        def make(file: CaseFile) -> CaseEvent:
            if seen is not None and followed(seen) != file.tip:
                raise NotPermitted("not_following")
            rest = fields(file) if callable(fields) else fields
            return act(file.turn + 1, file.tip or None, operation, officer.office, officer.officer, *rest)

        return await self._record(officer, case, operation, act.kind, make)

    async def _contribute(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        contribution: type[Contribution],
        fields: tuple[object, ...],
    ) -> Written:
        def make(file: CaseFile) -> CaseEvent:
            return contribution(max(file.turn, 1), operation, officer.office, officer.officer, *fields)

        return await self._record(officer, case, operation, contribution.kind, make)

    async def _record(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        kind: str,
        make: Callable[[CaseFile], CaseEvent],
    ) -> Written:
        self._check(officer, kind, operation)

        async def drafting() -> Sequence[Draft]:
            if await self._is_done(operation, kind, case):
                return []
            file = await self._casebook.find_case(case)
            # A case that the office has no part in is not even confirmed to exist.
            if file is None or (file.filing is not None and officer.office not in readers(file)):
                raise NotPermitted("no_such_case")
            if file.filing is None:
                raise NotPermitted("filing_awaited")
            unconfirmed = self.is_unconfirmed(kind, file)
            if unconfirmed and Role.LEADER not in officer.roles:
                raise NodeQuarantined
            event = make(file)
            permits_event(file, event, self.catalogue.find_item(file, kind, file.filing.item, self._clock.now()))
            drafts = [Draft(kind, case, _encode(event))]
            if unconfirmed:
                beside = hashlib.sha256(b"unconfirmed" + operation).digest()[:OPERATION_BYTES]
                note = ActUnconfirmed(file.turn + 1, beside, officer.office, officer.officer)
                drafts.append(Draft(note.kind, case, _encode(note)))
            return drafts

        return await self._write(officer, operation, drafting)

    async def _write(
        self, officer: Officer, operation: bytes, drafting: Callable[[], Awaitable[Sequence[Draft]]]
    ) -> Written:
        """Write, or find what this very officer wrote with this operation. Raises `OperationReused` for another's."""
        written = await self._pen.record(drafting)
        if written:
            entry = written[0]
            assert entry.subject is not None
            return Written(entry.subject, entry, repeated=False)
        done = await self._casebook.find_operation(operation)
        assert done is not None
        entry = await self._get_entry(done)
        if entry.body is None:
            raise OperationReused
        event = decode_event(entry.kind, entry.body)
        if (event.office, event.officer) != (officer.office, officer.officer):
            raise OperationReused
        return Written(done.subject, entry, repeated=True)

    async def _get_entry(self, done: Operation) -> Stored:
        entries = await self._casebook.books.store.entries_about([done.subject])
        return next(entry for entry in entries if entry.hash == done.hash)

    async def _is_done(self, operation: bytes, kind: str, case: CaseId | None) -> bool:
        """Whether this very action is already written. Raises `OperationReused` when its id made something else."""
        done = await self._casebook.find_operation(operation)
        if done is None:
            return False
        if done.kind != kind or (case is not None and done.subject != case):
            raise OperationReused
        return True

    # --- checks ------------------------------------------------------------------------------------------------------

    def _check(self, officer: Officer, kind: str, operation: bytes) -> None:
        if len(operation) != OPERATION_BYTES:
            raise Refused(
                "operation_malformed",
                "表单编号不完整；请刷新页面后重新填写。",
                "The form's own number is not complete; reload the page and fill it in again.",
            )
        if seat_of(officer.office) != self._casebook.books.seat.office:
            raise Refused(
                "not_at_this_node",
                "该账号不属于本机所在单位；请到本单位的设备上办理。",
                "This account does not belong to this node's office; work at your own office's device.",
            )
        check_role(kind, officer.roles)

    def _check_office(self, office: OfficeId) -> None:
        if not self._is_office(office):
            raise Refused(
                "unknown_office",
                "本县没有这个单位；请从列表中选择接收单位。",
                "The county has no such office; choose one from the list.",
            )

    def _check_applicant(self, applicant: Applicant) -> Applicant:
        """Check the document's number. A wrong clock refuses nobody: the day is not before the county's last beacon,
        and near the edition's own.
        """
        now = max(self._clock.now(), self._casebook.books.beacon_at)
        first = self.catalogue.in_force(now).effective_from
        today = min(max(day_of(now), first), first + EDITION_IN_USE_MAX)
        number = check_document_number(applicant.document_type, applicant.document_number, today)
        return structs.replace(applicant, document_number=number)

    def is_unconfirmed(self, kind: str, case: CaseFile) -> bool:
        """Whether such an act would rest on what we may have lost: a neighbour that ever held or is offered this case
        has yet to tell us how it went on. Only a leader may write it then, and it is marked (RULINGS B5).
        """
        if kind not in CUSTODY_ACTS:
            return False
        books = self._casebook.books
        suspects = {link.neighbour for link in books.links.values() if link.quarantined}
        if not suspects:
            return False
        offices = (*case.holders, *([case.offeree] if case.offeree else []))
        return any(books.hop(office) in suspects for office in offices)

    async def _draw_tracking(self, office: OfficeId) -> TrackingNumber:
        mark = mark_of(self._casebook.books.own.epoch)
        return tracking_number(seat_of(office), mark, await self._casebook.draw_serial())


def _person(applicant: Applicant) -> tuple[str, str, str]:
    """Who somebody is, however the rest of the form was corrected."""
    return applicant.name, applicant.document_type, applicant.document_number


def _encode(event: CaseEvent) -> bytes:
    """The body's bytes. Raises `Refused` for texts that no other node would read back, or that hide something."""
    check_texts(event)
    try:
        return encode_event(event)
    except Malformed as malformed:
        raise Refused(
            "text_unacceptable",
            "有一栏过长或为空：名称 120 字以内，说明 4000 字以内；请改正后重试。",
            "A field is too long or empty: names have at most 120 characters, texts 4,000; correct it and try again.",
        ) from malformed
