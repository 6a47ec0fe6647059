"""The county's orders that closed cases, or single contributions, lose their bodies (RULINGS B6): due, written, listed.

An order is the entry `line.erased`. It names who orders, which leader approved, the legal ground, and what stays of the
case (`schemas.casework.residue`); every holder obeys it (`sync.erasing`), this node among them. Only whole cases that
have ended, or single contributions, go; an open case is refused in words.
Never decides how long something is kept: that is `office.retention`. Next: `hub.cli_erase`.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from office.casebook import CaseInterpreter, Readings, serial_of
from office.projection import KEYS_PER_QUERY_MAX, SqlCases
from office.retention import Retention, parse_retention
from office.tables import cases
from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.events import Act, Contribution, decode_event
from schemas.casework.fold import acts_of
from schemas.casework.reasons import NotPermitted
from schemas.casework.residue import Residue, kept_case, kept_notes, parted, read_residue
from schemas.casework.stages import ENDED
from schemas.casework.visibility import lineage, readers
from schemas.codec import encode
from schemas.names import CaseId, Instant, OfficeId, OfficerId
from schemas.refusals import Refused
from schemas.wire import (
    ERASED_ENTRIES_MAX,
    KIND_ERASED,
    RESIDUE_BYTES_MAX,
    Erased,
    ErasedEntry,
)
from sync.core.journal import Draft
from sync.ports import Stored
from sync.tables import entries as entry_rows

if TYPE_CHECKING:
    from office.local import Erase
    from office.node import Node
    from office.pencil import Pen

GROUND_CHARACTERS_MAX: Final = 500
CASES_READ: Final = 500


class DueCase(Struct, frozen=True):
    """A case whose time is over."""

    case: CaseId
    tracking: str
    item: str
    ended_on: date
    due_on: date


class Order(Struct, frozen=True):
    """What the county wants erased."""

    case: CaseId
    officer: OfficerId
    approver: OfficerId
    ground: str
    entries: tuple[str, ...] = ()
    """Fingerprints of single contributions; none: the whole case."""
    is_early: bool = False
    """Before the term is over, because the law wants it: the ground says so."""


class Ordered(Struct, frozen=True):
    """An order that was written."""

    case: CaseId
    at: Instant
    entries: int
    ground: str
    ordered_by: str
    approved_by: str
    is_whole: bool


class ErasureRefused(Refused):
    """An order that must not be given."""


class ErasureOrders:
    """Writes and lists orders. Only the county's node writes any."""

    def __init__(
        self,
        pen: "Pen",
        casebook: CaseInterpreter,
        cases: SqlCases,
        read: AsyncEngine,
        retention: Retention,
        today: Callable[[], date],
        check_officer: Callable[[OfficerId], Awaitable[None]],
        check_leader: Callable[[OfficerId], Awaitable[None]],
    ) -> None:
        """`check_officer`, `check_leader`: raise `Refused` for who has no open account, or does not lead."""
        self._pen = pen
        self._casebook = casebook
        self._cases = cases
        self._read = read
        self.retention = retention
        self._today = today
        self._check_officer = check_officer
        self._check_leader = check_leader

    # --- what is due -------------------------------------------------------------------------------------------------

    async def due(self, limit: int) -> list[DueCase]:
        """Cases whose time is over, the oldest filing first, and erased ones about which something came afterwards."""
        years, today = self.retention.years_min, self._today()
        found: list[DueCase] = []
        if years is None:
            return found
        last = date(today.year - years, 1, 1)  # what was filed later cannot have ended so long ago
        ended = cases.c.stage.in_([stage.value for stage in ENDED])
        query = select(cases.c.filed_at, cases.c.subject, cases.c.name, cases.c.file).where(ended)
        after: tuple[int, bytes] = (-(2**62), b"")
        while len(found) < limit:
            beyond = (cases.c.filed_at > after[0]) | ((cases.c.filed_at == after[0]) & (cases.c.subject > after[1]))
            some = query.where(beyond).order_by(cases.c.filed_at, cases.c.subject).limit(CASES_READ)
            async with self._read.connect() as connection:
                rows = (await connection.execute(some)).all()
            if not rows or day_of(Instant(rows[0].filed_at)) >= last:
                break
            after = (rows[-1].filed_at, rows[-1].subject)
            files = [self._cases.open_file(row.name, row.file) for row in rows]
            left = await self._with_bodies([file.case for file in files if file.erased is not None])
            for file in files:
                due_on = self.retention.due_on(file)
                if due_on is None or due_on > today or (file.erased is not None and file.case not in left):
                    continue
                assert file.filing is not None
                assert file.ended_at is not None
                number, item = file.filing.tracking, file.filing.item
                found.append(DueCase(file.case, number, item, day_of(file.ended_at), due_on))
        return found[:limit]

    async def _with_bodies(self, subjects: Sequence[CaseId]) -> set[CaseId]:
        """Which of these cases have entries whose bodies are still here."""
        e = entry_rows.c
        found: set[CaseId] = set()
        for start in range(0, len(subjects), KEYS_PER_QUERY_MAX):
            some = e.subject.in_(subjects[start : start + KEYS_PER_QUERY_MAX])
            query = select(e.subject).where(some, e.body.is_not(None), e.kind != KIND_ERASED).distinct()
            async with self._read.connect() as connection:
                found |= {CaseId(subject) for subject in (await connection.execute(query)).scalars() if subject}
        return found

    # --- ordering ----------------------------------------------------------------------------------------------------

    async def check(self, order: Order) -> None:
        """Raise `Refused` for an order that must not be given, as far as the case stands now."""
        await self._check_people(order)
        await self._drafts(order)

    async def order(self, order: Order) -> list[Stored]:
        """Write the order: as many entries as the case's size asks for, in one transaction. Raises `Refused`."""
        await self._check_people(order)
        return await self._pen.record(lambda: self._drafts(order))

    async def _check_people(self, order: Order) -> None:
        if self._casebook.books.parent is not None:
            raise ErasureRefused(
                "erase_county_only",
                "只有县中心可以下达删除令，没有删除任何内容；请报县中心办理。",
                "Only the county orders an erasure; nothing was erased. Ask the county to do it.",
            )
        if any(link.quarantined for link in self._casebook.books.links.values()):
            raise ErasureRefused(
                "erase_quarantined",
                "本机数据曾被恢复到较早状态，尚未补齐，可能不知道哪些单位还存有本件，没有删除任何内容；"
                "请连上线路补齐后再下达删除令。",
                "This node was restored to an earlier state and may not know who holds the case; nothing was erased. "
                "Connect the lines, let it catch up, then order again.",
            )
        if order.officer == order.approver:
            raise ErasureRefused(
                "erase_needs_two",
                "删除须由经办人提出、另一位值班领导批准，没有删除任何内容；请另选批准人。",
                "An erasure takes two people, the officer and another one, a leader, who approves; nothing was erased. "
                "Name another approver.",
            )
        await self._check_officer(order.officer)
        await self._check_leader(order.approver)
        if not 0 < len(order.ground.strip()) <= GROUND_CHARACTERS_MAX:
            raise ErasureRefused(
                "erase_without_ground",
                f"请写明删除的法律依据（{GROUND_CHARACTERS_MAX} 字以内），没有删除任何内容。",
                f"Say the legal ground, in {GROUND_CHARACTERS_MAX} characters at most; nothing was erased.",
            )

    async def _drafts(self, order: Order) -> list[Draft]:
        """Everything is decided here, on the case as it stands inside the transaction."""
        file = await self._casebook.find_case(order.case)
        if file is None:
            raise NotPermitted("no_such_case")
        if file.filing is None:
            raise NotPermitted("filing_awaited")
        held = await self._casebook.readings(order.case)
        stored = [entry for _, entry in held.entries]
        living = [entry for entry in stored if entry.body is not None and entry.hash not in self._casebook.books.erased]
        if order.entries:
            chosen, residues = _single(file, living, order.entries)
        else:
            self._check_whole(order, file)
            chosen, residues = living, _whole(file, held)
        if not chosen:
            raise ErasureRefused(
                "erase_nothing_left",
                "本件（或所选各条）的内容此前已经删除，没有可以删除的。",
                "The content of this case, or of these entries, was erased before; there is nothing left to erase.",
            )
        offices = self._audience(file, stored)
        return [
            Draft(KIND_ERASED, order.case, encode(_body(order, offices, named, residue)))
            for named, residue in _paired(chosen, residues)
        ]

    def _check_whole(self, order: Order, file: CaseFile) -> None:
        if file.stage not in ENDED:
            raise ErasureRefused(
                "erase_open_case",
                "本件尚未办结，不能删除；请先办结，或只删除其中的单条备注等内容（--entry）。",
                "The case is still open and cannot be erased; finish it first, or erase single contributions of it "
                "(--entry).",
            )
        due_on = self.retention.due_on(file)
        if not order.is_early and (due_on is None or due_on > self._today()):
            until = due_on.isoformat() if due_on is not None else None
            raise ErasureRefused(
                "erase_not_due",
                f"本件的保管期限{f'到 {until} 才满' if until else '为永久'}，没有删除任何内容；"
                "依法须提前删除的，请加 --early 并在依据中写明。",
                f"The case is to be kept {f'until {until}' if until else 'for ever'}; nothing was erased. Where the "
                "law wants it erased earlier, add --early and say so in the ground.",
            )

    def _audience(self, file: CaseFile, stored: Iterable[Stored]) -> list[OfficeId]:
        """Whoever may hold an entry of the case: its readers, the authors, and all above them."""
        seats = {self._casebook.books.seat_of_node(entry.journal.origin) for entry in stored}
        authors = (lineage(seat) for seat in seats if seat is not None)
        return sorted(readers(file).union(*authors))

    # --- what was ordered --------------------------------------------------------------------------------------------

    async def ordered(self) -> list[Ordered]:
        """Every order that is here and counts, in the order of arrival."""
        books = self._casebook.books
        found: list[Ordered] = []
        for entry in await books.store.entries_of_kind(KIND_ERASED):
            order = books.learn_erasure(entry) if books.counts(entry) else None
            if order is not None:
                is_whole = read_residue(order.residue).case is not None
                people = (order.ground, order.ordered_by, order.approved_by)
                found.append(Ordered(order.subject, entry.at, len(order.entries), *people, is_whole))
        return found


def _whole(file: CaseFile, held: Readings) -> list[Residue]:
    """What stays of a whole case."""
    assert file.filing is not None
    items = [(event, entry) for event, entry in held.entries if isinstance(event, Act | Contribution)]
    acts = acts_of(items, held.removals, file.case)
    before = (one.residue.case.serial for one in held.removals if one.residue.case is not None)
    serial = max(before, default=serial_of(file.filing.tracking))
    residues = parted(kept_case(file, acts, serial), kept_notes(file.contributions))
    if any(len(encode(residue)) > RESIDUE_BYTES_MAX for residue in residues):
        raise ErasureRefused(
            "erase_too_long",
            "本件办理步骤过多，一份删除令放不下应留存的统计项，没有删除任何内容；请联系软件供应方。",
            "The case has too many steps for what an order can keep of them; nothing was erased. Ask the software's "
            "maker.",
        )
    return residues


def _single(
    file: CaseFile, living: Sequence[Stored], fingerprints: Sequence[str]
) -> tuple[list[Stored], list[Residue]]:
    """The named contributions, and what stays of them. What its office wrote twice, after a restore, goes twice."""
    chosen: dict[bytes, Stored] = {}
    for fingerprint in fingerprints:
        named = [entry for entry in living if fingerprint and entry.hash.hex().startswith(fingerprint.lower())]
        if len(named) != 1:
            raise ErasureRefused(
                "erase_which_entry",
                f"本件没有、或不止一条以 {fingerprint} 开头的内容，没有删除任何内容；"
                "请填写办件页面上该条旁的 8 位指纹。",
                f"None, or more than one, of the case's entries begins with {fingerprint}; nothing was erased. Give "
                "the 8 characters of the fingerprint beside it on the case's page.",
            )
        event = _read(named[0])
        if not isinstance(event, Contribution):
            raise ErasureRefused(
                "erase_act_alone",
                "办理步骤不能单独删除，只能随整件删除；可以单独删除的是备注、补充材料等内容。没有删除任何内容。",
                "An act cannot be erased by itself, only with its whole case; single contributions, remarks and papers "
                "say, can. Nothing was erased.",
            )
        again = (one for one in living if isinstance(twin := _read(one), Contribution) and _same(twin, event))
        chosen |= {one.hash: one for one in again}
    notes = [note for note in file.contributions if note.hash in chosen]
    return list(chosen.values()), parted(None, kept_notes(notes))


def _same(one: Contribution, other: Contribution) -> bool:
    return (one.office, one.operation) == (other.office, other.operation)


def _read(entry: Stored) -> object:
    try:
        return decode_event(entry.kind, entry.body or b"")
    except ValueError:
        return None


def _body(order: Order, offices: list[OfficeId], named: Sequence[Stored], residue: Residue) -> Erased:
    return Erased(
        order.case,
        [ErasedEntry(entry.journal.origin, entry.journal.epoch, entry.seq, entry.hash) for entry in named],
        order.ground.strip(),
        order.officer,
        encode(residue),
        order.approver,
        offices,
    )


def _paired(chosen: Sequence[Stored], residues: Sequence[Residue]) -> list[tuple[Sequence[Stored], Residue]]:
    """Entries in pieces that fit an order, each with a residue; every residue with at least one entry."""
    pieces = [chosen[at : at + ERASED_ENTRIES_MAX] for at in range(0, len(chosen), ERASED_ENTRIES_MAX)]
    pieces += [chosen[:1]] * (len(residues) - len(pieces))
    rest = Residue(residues[0].case)
    return [(piece, residues[at] if at < len(residues) else rest) for at, piece in enumerate(pieces)]


def order_from(question: "Erase") -> Order:
    """The order that a verb asks for. Raises `NotPermitted` `no_such_case` for what is no case's id."""
    try:
        case = CaseId(bytes.fromhex(question.case))
    except ValueError:
        raise NotPermitted("no_such_case") from None
    people = (question.officer, question.approver)
    return Order(case, *people, question.ground, question.entries, question.is_early)


def erasure_orders_of(node: "Node") -> ErasureOrders:
    """The orders of an open node. Raises `LocalFault` `bad_settings` for terms that are none."""
    return ErasureOrders(
        node.pen,
        node.casebook,
        node.cases,
        node.engines.read,
        parse_retention(node.settings.retention),
        lambda: node.today,
        node.accounts.check_officer,
        node.accounts.check_leader,
    )
