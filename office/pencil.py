"""How our own pen writes about a case: the machinery under every verb of the desk and of the intake.

The same operation again gives the same entry, so a double click or a re-sent form is one act (RULINGS B10). The check
sees the state inside the writing transaction and refuses *before* anything is written, with a code and a sentence in
Chinese and English (DESIGN 1.5). The author is fixed when the act is written, never when it is sent.
Never writes for an office that is not at this node, and a node known to have been rolled back puts the pen down for the
cases concerned (RULINGS B5). Next: `office.desk`, `office.intake` (the verbs), `schemas.casework.lifecycle`.
"""

import hashlib
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import date
from typing import Final, Protocol, TypeAlias

from msgspec import Struct, structs

from office.case_rows import Operation
from office.casebook import CaseInterpreter
from office.catalogue import Catalogue
from office.paper_rules import NoShelf, Shelf, check_papers
from office.seeds import load_calendar
from office.texts import check_texts
from schemas.calendar import WorkCalendar
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.effects import act_on
from schemas.casework.events import (
    Act,
    ActUnconfirmed,
    CaseEvent,
    CaseFiled,
    Contribution,
    decode_event,
    encode_event,
)
from schemas.casework.lifecycle import ACTS, check_role, permits_event
from schemas.casework.reasons import NotPermitted
from schemas.casework.roles import Role
from schemas.casework.visibility import readers
from schemas.codec import Malformed
from schemas.headed import EntryHeader
from schemas.names import (
    OPERATION_BYTES,
    CaseId,
    OfficeId,
    OfficerId,
    followed,
    seat_of,
)
from schemas.papers import PaperRef
from schemas.refusals import Refused
from sync.core.journal import Draft
from sync.ports import Clock, Stored

Fields: TypeAlias = tuple[object, ...] | Callable[[CaseFile], tuple[object, ...]]
"""What an act carries beyond the five that every act carries; computed where it depends on the case."""

Make: TypeAlias = Callable[[CaseFile], CaseEvent]
"""Writes an event for the case as it stands inside the transaction."""

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


class Pencil:
    """Writes acts and contributions of this node's officers. Every verb raises `Refused` with nothing written."""

    def __init__(
        self,
        pen: Pen,
        casebook: CaseInterpreter,
        catalogue: Catalogue,
        clock: Clock,
        shelf: Shelf | None = None,
    ) -> None:
        """`shelf`: where the papers lie that an entry may name; None = it may name none."""
        self._pen = pen
        self._shelf = shelf or NoShelf()
        self._casebook = casebook
        self._clock = clock
        self.catalogue = catalogue

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
        make = self._making(officer, operation, act, fields, seen)
        return await self._record(officer, case, operation, [(act.kind, make)])

    async def _contribute(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        contribution: type[Contribution],
        fields: tuple[object, ...],
        papers: Sequence[PaperRef] = (),
    ) -> Written:
        """`papers`: those among the fields, which must be here."""

        def make(file: CaseFile) -> CaseEvent:
            return contribution(max(file.turn, 1), operation, officer.office, officer.officer, *fields)

        return await self._record(officer, case, operation, [(contribution.kind, make)], papers)

    def _making(
        self, officer: Officer, operation: bytes, act: type[Act], fields: Fields, seen: bytes | None = None
    ) -> Make:
        def make(file: CaseFile) -> CaseEvent:
            if seen is not None and followed(seen) != file.tip:
                raise NotPermitted("not_following")
            rest = fields(file) if callable(fields) else fields
            return act(file.turn + 1, file.tip or None, operation, officer.office, officer.officer, *rest)

        return make

    async def _record(
        self,
        officer: Officer,
        case: CaseId,
        operation: bytes,
        making: Sequence[tuple[str, Make]],
        papers: Sequence[PaperRef] = (),
    ) -> Written:
        """Write one event, or several acts each of which follows the one before, in one transaction.

        `operation` is the first one's; the entry returned is the first one.
        """
        for kind, _ in making:
            self._check(officer, kind, operation)

        async def drafting() -> Sequence[Draft]:
            if await self._is_done(operation, making[0][0], case):
                return []
            file = await self._open(officer, case)
            if papers:
                await check_papers(self._shelf, file, papers)
            return self._drafts(officer, file, making)

        return await self._write(officer, operation, drafting)

    async def _open(self, officer: Officer, case: CaseId) -> CaseFile:
        file = await self._casebook.find_case(case)
        # A case that the office has no part in is not even confirmed to exist.
        if file is None or (file.filing is not None and officer.office not in readers(file)):
            raise NotPermitted("no_such_case")
        if file.filing is None:
            raise NotPermitted("filing_awaited")
        if file.is_empty:
            raise NotPermitted("case_erased" if file.erased is not None else "case_purged")
        return file

    def _drafts(self, officer: Officer, file: CaseFile, making: Sequence[tuple[str, Make]]) -> list[Draft]:
        """Everything is checked here, on the case as each event leaves it, so that all is written or nothing."""
        drafts: list[Draft] = []
        notes: list[Draft] = []
        for kind, make in making:
            unconfirmed = self.is_unconfirmed(kind, file)
            if unconfirmed and Role.LEADER not in officer.roles:
                raise NodeQuarantined
            event = make(file)
            self._permit(file, event)
            body = encode_body(event)
            chained = _chained(event) if drafts and isinstance(event, Act) else None
            drafts.append(Draft(kind, file.case, body, chained))
            if unconfirmed:
                beside = derived_operation(b"unconfirmed", event.operation)
                note = ActUnconfirmed(file.turn + 1, beside, officer.office, officer.officer)
                notes.append(Draft(note.kind, file.case, encode_body(note)))
            if isinstance(event, Act):
                # Only its shape counts here: the entry's own hash is known when it is sealed.
                own = self._casebook.books.own
                stand_in = hashlib.sha256(body).digest()
                now = self._clock.now()
                header = EntryHeader(own.origin, own.epoch, 0, now, kind, file.case, stand_in)
                file = act_on(file, event, header)
        return [*drafts, *notes]

    def _permit(self, file: CaseFile, event: CaseEvent) -> None:
        """Raise `NotPermitted` for what the lifecycle refuses, by the rules, grants and working days known here now."""
        assert file.filing is not None
        item = self.catalogue.find_item(file, event.kind, file.filing.item, self._clock.now())
        register, today = self._casebook.register, self.today
        permits_event(
            file,
            event,
            item,
            today=today,
            grants=register.grants(),
            calendar=self.calendar,
            department=self._department(event.office, file.filing.item),
            ended=frozenset(office for office in file.course.consulted if register.find_ended(office, today)),
        )

    def _department(self, office: OfficeId, item: str) -> str:
        """The department to whose items a window is bound for this one, as the county has published it; empty = to
        none: a seat, a comprehensive window (综合窗口), or a window with a post that names the item.
        """
        register, today = self._casebook.register, self.today
        published = register.find_office(office, today) if office != seat_of(office) else None
        if published is None or not published.department:
            return ""
        is_posted = any(item in post.items for post in register.posts_at(office, today))
        return "" if is_posted else published.department

    @property
    def today(self) -> date:
        """The day in China; not before the county's last beacon, however far back this device's clock has fallen."""
        return day_of(max(self._clock.now(), self._casebook.books.beacon_at))

    @property
    def calendar(self) -> WorkCalendar:
        """Working days: what came with the program, and over it what the county has published."""
        return self._casebook.register.calendar(load_calendar())

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

    def _check_not_ended(self, office: OfficeId) -> None:
        """Raise `Refused` for an office that is no more: nothing new shall go where nobody will look."""
        ended = self._casebook.register.find_ended(office, self.today)
        if ended is not None:
            into = ended.merged_into or ""
            raise Refused(
                "office_ended",
                f"{ended.name}（{office}）已于 {ended.valid_to} 撤并到 {into}，不再收件或接收办件，没有写入；"
                f"请改由 {into} 办理。已在手中的件仍可移交和送达。",
                f"{ended.name} ({office}) ended on {ended.valid_to} and is part of {into} now: it takes nothing "
                f"new, and nothing was written. Turn to {into}. What lies there may still be handed on and over.",
            )

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


def derived_operation(purpose: bytes, *parts: bytes) -> bytes:
    """The operation of an entry that is written beside a user's action, or by the node itself: always the same one."""
    return hashlib.sha256(purpose + b"".join(parts)).digest()[:OPERATION_BYTES]


def _chained(act: Act) -> Callable[[bytes], bytes]:
    """The act's body once the hash of the entry before it is known."""
    return lambda link: encode_body(structs.replace(act, after=followed(link)))


def encode_body(event: CaseEvent) -> bytes:
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
