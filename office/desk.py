"""Our own pen: everything an officer can do to a case that is filed, one verb each.

Every verb takes the officer, the case and an operation id. Never looks at the line. Next: `office.intake` (filing),
`office.pencil` (how it is written), `schemas.casework.lifecycle` (the rules), `office.worklists` (the read side).
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Final, Protocol

from office.casebook import CaseInterpreter
from office.catalogue import Catalogue
from office.paper_rules import Shelf
from office.pencil import Fields, Make, Officer, Pen, Pencil, Written, derived_operation
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import accepted_on
from schemas.casework.events import (
    AcceptanceRefused,
    Act,
    CaseClosed,
    CaseConverted,
    CaseDecided,
    CaseExpedited,
    CaseRehomed,
    CaseReopened,
    CaseResumed,
    CaseSuspended,
    CaseTerminated,
    CaseWithdrawn,
    CustodyAccepted,
    CustodyDeclined,
    CustodyOffered,
    CustodyReassigned,
    FeePaid,
    MeetingHeld,
    OpinionGiven,
    OpinionsRequested,
    PapersBrought,
    PapersReceived,
    PapersRequested,
    RecallRequested,
    RemarkAdded,
    ResultHandedOver,
    SiteSurveyed,
    StepCompleted,
    TermExtended,
)
from schemas.casework.lifecycle import available_acts
from schemas.casework.roles import Role, may_take_part
from schemas.casework.stages import UNACCEPTED
from schemas.casework.steps import Step
from schemas.casework.values import HASHES_MAX, Excepted, Handover, Opinion, Outcome, PauseCause, Promise
from schemas.casework.visibility import readers
from schemas.catalogue import Grant, ServiceItem, find_grant, is_of_department, may_decide
from schemas.names import (
    CaseId,
    OfficeId,
    OfficerId,
    parent_seat,
)
from schemas.papers import PaperRef
from schemas.refusals import Refused
from sync.ports import Clock

DECIDED_AT_ONCE: Final = "case.decided_at_once"
"""What a counter does with a matter that is finished while the resident waits (即办). No kind of entry: it writes the
acceptance, the decision and, if the result is taken along, its handing over."""


class Approvers(Protocol):
    """Whose word this node can vouch for: its own accounts (`office.accounts.Accounts`)."""

    async def check_leader(self, officer: OfficerId) -> None:
        """Raise `Refused` for who is no leader on duty of this node's own office."""
        ...

    async def check_approver(self, officer: OfficerId, office: OfficeId) -> None:
        """Raise `Refused` for who neither leads nor approves at `office`, or at the seat that it is a window of."""
        ...


class Desk(Pencil):
    """Everything an officer of this node can do to a case. Every verb raises `Refused` with nothing written."""

    def __init__(
        self,
        pen: Pen,
        casebook: CaseInterpreter,
        catalogue: Catalogue,
        clock: Clock,
        is_office: Callable[[OfficeId], bool],
        approvers: Approvers,
        *,
        shelf: Shelf | None = None,
    ) -> None:
        """`is_office`: whether the county has this office, as far as this node knows."""
        super().__init__(pen, casebook, catalogue, clock, shelf)
        self._is_office = is_office
        self._approvers = approvers

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
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        note: str = "",
        promises: Sequence[Promise] = (),
        seen: bytes | None = None,
    ) -> Written:
        """Pick up an offered pen, or accept one's own filing; `promises`: although these are missing (容缺受理)."""

        def fields(file: CaseFile) -> tuple[object, ...]:
            return note, tuple(promises), self._accepted_by_silence(file)

        return await self._act(officer, case, operation, CustodyAccepted, fields, seen)

    async def refuse_acceptance(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        reason: str,
        basis: str,
        remedy: str,
        seen: bytes | None = None,
    ) -> Written:
        """Not accept the matter, in writing (不予受理): it ends here, and the filing office tells the resident."""
        return await self._act(officer, case, operation, AcceptanceRefused, (reason, basis, remedy), seen)

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
        """Not ours: the pen goes back to whoever sent it, with a reason. It ends nothing."""
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
            await self._approvers.check_leader(approver)
        return await self._act(officer, case, operation, CustodyReassigned, (to, reason, approver), seen)

    async def rehome_case(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        to: OfficeId,
        reason: str,
        approver: OfficerId | None = None,
        seen: bytes | None = None,
    ) -> Written:
        """Have the result handed over elsewhere: the custodian, or the county with one of its leaders as approver."""
        self._check(officer, CaseRehomed.kind, operation)
        self._check_office(to)
        is_county = officer.office == self._casebook.books.seat.office and parent_seat(officer.office) is None
        approver = approver or OfficerId("")
        if approver or is_county:
            await self._approvers.check_leader(approver)
        return await self._act(officer, case, operation, CaseRehomed, (to, reason, approver), seen)

    # --- handling ----------------------------------------------------------------------------------------------------

    async def request_papers(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        materials: Sequence[str],
        reason: str,
        justification: str = "",
        until: date | None = None,
        seen: bytes | None = None,
    ) -> Written:
        """One notice of everything that is missing (一次性告知); a second one says why the first did not name it."""
        fields = (tuple(materials), reason, justification, until)
        return await self._act(officer, case, operation, PapersRequested, fields, seen)

    async def bring_papers(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        materials: Sequence[str],
        note: str = "",
        papers: Sequence[PaperRef] = (),
    ) -> Written:
        """The resident brought materials to this office; the custodian takes them up. `papers`: captured here."""
        fields = (tuple(materials), note, tuple(papers))
        return await self._contribute(officer, case, operation, PapersBrought, fields, papers)

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
        """Take up what was brought. `contributions`: hashes of the entries; None = the first 200 not yet taken up."""

        def fields(file: CaseFile) -> tuple[object, ...]:
            hashes = [one.hash for one in file.brought[:HASHES_MAX]] if contributions is None else contributions
            return (tuple(materials), tuple(hashes))

        return await self._act(officer, case, operation, PapersReceived, fields, seen)

    async def suspend_case(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        cause: PauseCause,
        document: str,
        expected_until: date,
        note: str = "",
        seen: bytes | None = None,
    ) -> Written:
        """Stop the legal clock for a cause that the law names, by the paper that told the resident (中止计时)."""
        return await self._act(officer, case, operation, CaseSuspended, (cause, document, expected_until, note), seen)

    async def resume_case(
        self, officer: Officer, case: CaseId, operation: bytes, *, result: str, seen: bytes | None = None
    ) -> Written:
        """What the case waited for is done; the clock runs again (恢复计时)."""
        return await self._act(officer, case, operation, CaseResumed, (result,), seen)

    async def extend_term(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        days: int,
        reason: str,
        approver: OfficerId,
        document: str = "",
        seen: bytes | None = None,
    ) -> Written:
        """Lengthen the legal term by leave of somebody else who leads or approves here (延长办理期限)."""
        await self._check_approver(officer, TermExtended.kind, operation, approver)
        return await self._act(officer, case, operation, TermExtended, (days, reason, approver, document), seen)

    async def complete_step(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        step: Step,
        opinion: str,
        second_officer: OfficerId | None = None,
        document: str = "",
    ) -> Written:
        """One of the nine steps is done; `second_officer` checked or sealed beside the author."""
        fields = (step, opinion, second_officer or OfficerId(""), document)
        return await self._contribute(officer, case, operation, StepCompleted, fields)

    async def record_survey(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        surveyors: Sequence[OfficerId],
        on: date,
        place: str,
        findings: str,
        agrees: bool,
        photographs: Sequence[bytes] = (),
    ) -> Written:
        """A survey on the spot by two or more; the author is one of them, named or not (现场勘察)."""
        people = tuple(dict.fromkeys((officer.officer, *surveyors)))
        fields = (people, on, place, findings, agrees, tuple(photographs))
        return await self._contribute(officer, case, operation, SiteSurveyed, fields)

    async def pay_fee(
        self, officer: Officer, case: CaseId, operation: bytes, *, receipt: str, amount_fen: int
    ) -> Written:
        """A fee was paid at the cashier, under this receipt's number."""
        return await self._contribute(officer, case, operation, FeePaid, (amount_fen, receipt))

    async def expedite_case(
        self, officer: Officer, case: CaseId, operation: bytes, *, basis: str, approver: OfficerId
    ) -> Written:
        """Put the case on the green channel, by leave of somebody else who leads or approves here (绿色通道)."""
        await self._check_approver(officer, CaseExpedited.kind, operation, approver)
        return await self._contribute(officer, case, operation, CaseExpedited, (basis, approver))

    async def convert_case(
        self, officer: Officer, case: CaseId, operation: bytes, *, promise_days: int, reason: str
    ) -> Written:
        """A matter for on the spot could not be finished the same day: promise a day instead (即办转承诺)."""
        return await self._contribute(officer, case, operation, CaseConverted, (promise_days, reason))

    # --- with other departments --------------------------------------------------------------------------------------

    async def request_opinions(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        to: Sequence[OfficeId],
        due: date,
        meeting_on: date | None = None,
        note: str = "",
        seen: bytes | None = None,
    ) -> Written:
        """Copy the case to all departments concerned at once, and ask for their opinions (并联审批)."""
        for office in to:
            self._check_office(office)
        return await self._act(officer, case, operation, OpinionsRequested, (tuple(to), due, meeting_on, note), seen)

    async def give_opinion(
        self, officer: Officer, case: CaseId, operation: bytes, *, opinion: Opinion, reason: str, basis: str = ""
    ) -> Written:
        """What this department says to a joint case."""
        return await self._contribute(officer, case, operation, OpinionGiven, (opinion, reason, basis))

    async def hold_meeting(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        on: date,
        invited: Sequence[OfficeId],
        present: Sequence[OfficeId],
        minutes: str,
    ) -> Written:
        """A joint meeting, who was invited and who came (联审会议)."""
        for office in (*invited, *present):
            self._check_office(office)
        fields = (on, tuple(invited), tuple(present), minutes)
        return await self._contribute(officer, case, operation, MeetingHeld, fields)

    # --- deciding ----------------------------------------------------------------------------------------------------

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
        grant: str = "",
        on_behalf_of: str = "",
        deemed: Sequence[OfficeId] = (),
        excepted: Sequence[Excepted] = (),
        seen: bytes | None = None,
    ) -> Written:
        """Grant, or refuse with reason, basis and remedy.

        `grant`, `on_behalf_of`: number of the document and organ, of an entrusted decision. `deemed`: departments whose
        silence counts as agreement. `excepted`: rows of a list that are not granted.
        """
        people = tuple(deemed), tuple(excepted)
        fields = (outcome, reason, basis, remedy, document, grant, on_behalf_of, *people)
        return await self._act(officer, case, operation, CaseDecided, fields, seen)

    async def decide_at_once(
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
        recipient: str = "",
        how: Handover = Handover.COUNTER,
        seen: bytes | None = None,
    ) -> Written:
        """Accept and decide, and with `recipient` hand over, in one transaction (即办): all of it or nothing.

        The acceptance carries the operation, the other acts operations derived from it.
        """

        def make(number: int, act: type[Act], fields: Fields) -> Make:
            own = derived_operation(b"at once", bytes([number]), operation) if number else operation
            return self._making(officer, own, act, fields, seen if number == 0 else None)

        decision = (outcome, reason, basis, remedy, document)
        acts: list[tuple[type[Act], Fields]] = [
            (CustodyAccepted, lambda file: ("", (), self._accepted_by_silence(file))),
            (CaseDecided, decision),
        ]
        if recipient:
            acts.append((ResultHandedOver, (recipient, how)))
        making = [(act.kind, make(number, act, fields)) for number, (act, fields) in enumerate(acts)]
        return await self._record(officer, case, operation, making)

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

    async def terminate_case(
        self, officer: Officer, case: CaseId, operation: bytes, *, reason: str, basis: str, seen: bytes | None = None
    ) -> Written:
        """End the case without a decision: it has lost its object, or nothing was brought in time (终止办理)."""
        return await self._act(officer, case, operation, CaseTerminated, (reason, basis), seen)

    async def reopen_case(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        *,
        reason: str,
        approver: OfficerId,
        seen: bytes | None = None,
    ) -> Written:
        """Take a case up again that is ended, or whose decision nobody was given yet, by leave of somebody else who
        leads or approves here (重新办理).
        """
        await self._check_approver(officer, CaseReopened.kind, operation, approver)
        return await self._act(officer, case, operation, CaseReopened, (reason, approver), seen)

    async def add_remark(self, officer: Officer, case: CaseId, operation: bytes, *, text: str) -> Written:
        """A note for everybody who may see the case."""
        return await self._contribute(officer, case, operation, RemarkAdded, (text,))

    # --- what may be done --------------------------------------------------------------------------------------------

    def available(self, officer: Officer, case: CaseFile) -> tuple[str, ...]:
        """The kinds that this officer may write now, `DECIDED_AT_ONCE` among them: the buttons of the case's page."""
        if case.filing is None or case.is_empty or officer.office not in readers(case):
            return ()
        code, now = case.filing.item, self._clock.now()
        decided_by = self.catalogue.find_item(case, CaseDecided.kind, code, now)
        lawful = available_acts(
            case,
            officer.office,
            lambda kind: self.catalogue.find_item(case, kind, code, now),
            officer.roles,
            today=self.today,
            grants=self._casebook.register.grants(),
            department=self._department(officer.office, code),
        )
        is_leader = Role.LEADER in officer.roles
        kinds = tuple(kind for kind in lawful if is_leader or not self.is_unconfirmed(kind, case))
        return (*kinds, DECIDED_AT_ONCE) if self._is_for_now(officer, case, decided_by, kinds) else kinds

    def _is_for_now(self, officer: Officer, case: CaseFile, item: ServiceItem | None, kinds: tuple[str, ...]) -> bool:
        """Whether the officer may finish the matter while the resident waits, by the office's own right."""
        return (
            item is not None
            and item.is_on_the_spot
            and case.stage in UNACCEPTED
            and CustodyAccepted.kind in kinds
            and may_take_part(CaseDecided.kind, officer.roles)
            and may_decide(item, officer.office)
        )

    def find_grant(self, officer: Officer, case: CaseFile) -> Grant | None:
        """The grant by which the officer's office decides the case today; None where it needs none, or has none."""
        if case.filing is None:
            return None
        item = self.catalogue.find_item(case, CaseDecided.kind, case.filing.item, self._clock.now())
        if item is None:
            return None
        department = self._department(officer.office, case.filing.item)
        if may_decide(item, officer.office) and is_of_department(item, department):
            return None
        return find_grant(self._casebook.register.grants(), item, officer.office, self.today)

    def _accepted_by_silence(self, case: CaseFile) -> date | None:
        """Since when the law takes the case as accepted: the act records what is so already (art. 32, RULINGS B8)."""
        return accepted_on(case, self.calendar, self.today) if case.stage in UNACCEPTED else None

    async def _check_approver(self, officer: Officer, kind: str, operation: bytes, approver: OfficerId) -> None:
        self._check(officer, kind, operation)
        await self._approvers.check_approver(approver, officer.office)

    def _check_office(self, office: OfficeId) -> None:
        if not self._is_office(office):
            raise Refused(
                "unknown_office",
                "本县没有这个单位；请从列表中选择接收单位。",
                "The county has no such office; choose one from the list.",
            )
        self._check_not_ended(office)
