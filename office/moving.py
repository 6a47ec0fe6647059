"""Offices that move: a village goes to another township, a township is merged, a desk is given up (撤并、划转).

The county proposes, both offices confirm (entries of the register), and the county carries it out: it publishes the
old office's end, after which nobody files there, and brings over every case that the office still has to do with. Each
case is brought over by acts of the case itself, so whoever reads it knows; what is written already is never written
again, so a run that was broken off is simply repeated. What the old device wrote while its line was down is folded as
ever when it comes, and is brought over by another run.
Never moves people, posts or devices: `preview` names them, others decide. Next: `hub.cli_moves` (the verbs),
`office.desk` (one case at a time).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import Final, Protocol

from msgspec import Struct

from office.casebook import CaseInterpreter
from office.catalogue import Catalogue
from office.pencil import Make, Pen, Pencil, derived_operation
from office.publishing import Publishing, records_of
from schemas.casework.casefile import CaseFile
from schemas.casework.events import CaseRehomed, CustodyReassigned
from schemas.casework.roles import Role
from schemas.casework.stages import DECIDED, Stage
from schemas.names import CaseId, NodeId, OfficeId, OfficerId, parent_seat, seat_of
from schemas.refusals import Refused
from schemas.register import MoveProposed, OfficePublished, PostAssigned
from sync.core.journal import Draft
from sync.ports import Clock

BATCH_CASES: Final = 100
"""Cases of one transaction: about 30 ms of the pen, which others wait for."""

_ONE_DAY: Final = timedelta(days=1)


class Leaders(Protocol):
    """Who is a leader on duty of this node's office (`office.accounts.Accounts`)."""

    async def check_leader(self, officer: OfficerId) -> None:
        """Raise `Refused` for who is none."""
        ...


class Device(Struct, frozen=True):
    """A device that is enrolled for an office."""

    node: NodeId
    is_revoked: bool


class Affected(Struct, frozen=True):
    """Who and what a move of an office would touch. Numbers and offices only: no resident."""

    office: OfficeId
    cases: int
    """Cases that the office still has to do with: what a move brings over."""
    stages: dict[Stage, int]
    """The same by stage."""
    held: int
    offered: int
    """On their way to it."""
    to_hand_over: int
    """Decided, and the result is to be handed over here."""
    home: int
    """To be handed over here some day, decided or not."""
    promises: int
    """Papers promised and not yet brought, over all these cases."""
    notices: int
    """Cases with a notice of missing papers that is still open."""
    opinions: int
    """Of a department's desk: cases that wait for its opinion. They are not brought over; it answers them before."""
    devices: tuple[Device, ...]
    posts: tuple[PostAssigned, ...]


class Standing(Struct, frozen=True):
    """How far a proposed move has come."""

    move: MoveProposed
    confirmed: frozenset[OfficeId]
    """Which of its two offices agreed."""
    is_carried_out: bool
    """The old office's end is published."""
    left: int
    """Cases that it still has to do with."""


class Carried(Struct, frozen=True):
    """What one run did."""

    written: int
    """Cases brought over by it."""
    left: int
    """Cases that the old office still has to do with: repeat until there are none."""


class Mover(Struct, frozen=True):
    """The county's leader who carries a move out (`office.pencil.Officer`)."""

    officer: OfficerId
    office: OfficeId
    roles: frozenset[Role] = frozenset({Role.LEADER})


class MoveRefused(Refused):
    """A move that cannot be carried out, or not yet."""


class Moving(Pencil):
    """Previews moves and carries them out. Every verb raises `Refused` with nothing written."""

    def __init__(
        self,
        pen: Pen,
        casebook: CaseInterpreter,
        catalogue: Catalogue,
        clock: Clock,
        publishing: Publishing,
        leaders: Leaders,
        office_name: Callable[[OfficeId], str],
    ) -> None:
        super().__init__(pen, casebook, catalogue, clock)
        self._publishing = publishing
        self._leaders = leaders
        self._office_name = office_name

    # --- looking -----------------------------------------------------------------------------------------------------

    async def preview(self, office: OfficeId) -> Affected:
        """What a move of an office would touch, as far as this node knows."""
        found = await self._files(await self._casebook.cases.read_at(office))
        # Only desks are asked for opinions, and their readers are listed one by one.
        heard = await self._files(await self._casebook.cases.read_by(office)) if office != seat_of(office) else []
        keyring = self._casebook.books.keyring
        devices = [Device(one.node, keyring.is_revoked(one.node)) for one in keyring.devices_of(office)]
        register = self._casebook.register
        return Affected(
            office,
            len(found),
            dict(Counter(file.stage for file in found)),
            sum(_is_of(file.custodian, office) for file in found),
            sum(_is_of(file.offeree, office) for file in found),
            sum(_is_of(file.home, office) and file.stage in DECIDED for file in found),
            sum(_is_of(file.home, office) for file in found),
            sum(len(file.course.promises) for file in found),
            sum(bool(file.wanted) for file in found),
            sum(office in file.silent for file in heard if file.decision is None),
            tuple(devices),
            tuple(register.posts_at(office, self.today)),
        )

    async def standings(self) -> list[Standing]:
        """Every proposed move and how far it has come, by the old office's code."""
        register = self._casebook.register
        return [
            Standing(
                move,
                register.confirmed_sides(move),
                _is_ended(register.find(OfficePublished, move.old), move),
                len(await self._casebook.cases.read_at(move.old)),
            )
            for move in register.moves()
        ]

    async def _files(self, subjects: Sequence[CaseId]) -> list[CaseFile]:
        return list((await self._casebook.cases.read(subjects)).values())

    # --- carrying out ------------------------------------------------------------------------------------------------

    async def carry_out(self, old: OfficeId, officer: OfficerId, approver: OfficerId, reason: str = "") -> Carried:
        """One run: publish the old office's end, and bring over up to `BATCH_CASES` cases.

        `reason`: why it is done although a side has not confirmed; not needed when both have. Raises `MoveRefused`
        (`county_moves`, `move_not_proposed`, `move_not_due`, `move_unconfirmed`), what `check_leader` raises, and, when
        nothing else is left to bring over, why a case cannot be.
        """
        move = await self.check(old, officer, approver, reason)
        seat = self._casebook.books.seat.office
        await self._publishing.publish(records_of(*self._ends_of(move, seat, officer)))
        subjects = await self._casebook.cases.read_at(old)
        stated = f"{move.document} {reason}".strip()
        written = 0
        refusals: list[Refused] = []
        for start in range(0, len(subjects), BATCH_CASES):
            some = subjects[start : start + BATCH_CASES]
            written = await self._bring_over(some, move, Mover(officer, seat), stated, approver, refusals)
            if written:
                break
        if refusals and not written:
            raise refusals[0]
        return Carried(written, len(await self._casebook.cases.read_at(old)))

    async def check(self, old: OfficeId, officer: OfficerId, approver: OfficerId, reason: str = "") -> MoveProposed:
        """The move to carry out. Raises what `carry_out` would before it writes anything."""
        if parent_seat(self._casebook.books.seat.office) is not None:
            raise MoveRefused(
                "county_moves",
                "撤并划转由县中心执行，没有写入；本单位只需确认（moves confirm）。",
                "A move is carried out by the county; nothing was written. This office only confirms it "
                "(moves confirm).",
            )
        for leader in (officer, approver):
            await self._leaders.check_leader(leader)
        register = self._casebook.register
        move = register.find(MoveProposed, old)
        if move is None:
            raise MoveRefused(
                "move_not_proposed",
                f"没有 {old} 的撤并划转方案，没有写入；请先用 hub moves propose 提出。",
                f"No move of {old} is proposed; nothing was written. Propose it first: hub moves propose.",
            )
        self._check_not_ended(move.new)
        if self.today < move.effective_from:
            raise MoveRefused(
                "move_not_due",
                f"该撤并划转自 {move.effective_from} 起生效，现在不能执行，没有写入；请到期再办。",
                f"This move takes effect on {move.effective_from}; nothing was written. Carry it out from that day on.",
            )
        silent = sorted({move.old, move.new} - register.confirmed_sides(move))
        if silent and not reason.strip():
            names = "、".join(silent)
            raise MoveRefused(
                "move_unconfirmed",
                f"{names} 尚未确认，没有写入；请督促其确认，确需先行执行的，用 --reason 写明理由。",
                f"{', '.join(silent)} has not confirmed; nothing was written. Ask for it, or state with --reason why "
                "it cannot wait.",
            )
        return move

    def _ends_of(self, move: MoveProposed, seat: OfficeId, officer: OfficerId) -> list[OfficePublished]:
        """The end of every statement about the old office: an earlier one that were left open would count again."""
        author = (derived_operation(b"office ended", move.operation), seat, officer)
        stated = [one.event for one in self._casebook.register.records() if isinstance(one.event, OfficePublished)]
        # By first day: of several with one the last corrects the others.
        known = {one.valid_from: one for one in stated if one.subject_office == move.old}
        if not known:
            known = {_FIRST_DAY: OfficePublished(*author, move.old, self._office_name(move.old))}
        # What ended already, and goes on to yet another office, ended then.
        last = min([move.effective_from - _ONE_DAY, *(one.valid_to for one in known.values() if one.valid_to)])
        return [
            OfficePublished(*author, move.old, one.name, one.department, one.address, first, last, move.new)
            for first, one in known.items()
        ]

    async def _bring_over(
        self,
        subjects: Sequence[CaseId],
        move: MoveProposed,
        mover: Mover,
        reason: str,
        approver: OfficerId,
        refusals: list[Refused],
    ) -> int:
        """Bring these cases over in one transaction; returns how many. One that is refused is left for the last run,
        which says why: nobody else waits for it.
        """
        moved: list[CaseId] = []

        async def drafting() -> Sequence[Draft]:
            drafts: list[Draft] = []
            for file in (await self._casebook.find_cases(subjects)).values():
                making = self._steps(file, move, mover, reason, approver)
                try:
                    mine = self._drafts(mover, file, making)
                except Refused as refusal:
                    refusals.append(refusal)
                    continue
                if mine:
                    moved.append(file.case)
                    drafts += mine
            return drafts

        await self._pen.record(drafting)
        return len(moved)

    def _steps(
        self, file: CaseFile, move: MoveProposed, mover: Mover, reason: str, approver: OfficerId
    ) -> list[tuple[str, Make]]:
        """What brings one case over. First where it is handed over: an undecided case may go to no other village."""
        old, fields = move.old, (move.new, reason, approver)
        # A county that was restored to a time before writes the same operation again (RULINGS B10).
        place = (move.operation, file.case, file.turn.to_bytes(4, "big"))
        steps: list[tuple[str, Make]] = []
        if file.is_at(old) and _is_of(file.home, old):
            making = self._making(mover, derived_operation(b"re-homed", *place), CaseRehomed, fields)
            steps.append((CaseRehomed.kind, making))
        if file.is_at(old) and (_is_of(file.custodian, old) or _is_of(file.offeree, old)):
            making = self._making(mover, derived_operation(b"brought over", *place), CustodyReassigned, fields)
            steps.append((CustodyReassigned.kind, making))
        return steps


_FIRST_DAY: Final = date(1949, 10, 1)
"""As `OfficePublished` has it, where nothing is published of an office."""


def _is_of(one: OfficeId | None, office: OfficeId) -> bool:
    """Whether an office is this one or a desk of it."""
    return one is not None and office in (one, seat_of(one))


def _is_ended(known: OfficePublished | None, move: MoveProposed) -> bool:
    return known is not None and known.merged_into == move.new and known.valid_to is not None
