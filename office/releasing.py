"""What revocations hold back, and letting a single step count after all (RULINGS A14).

What a device wrote beyond the position at which it was revoked is kept and does not count: a thief may have written it,
or an honest agent whose line was down. A person tells them apart, step by step. Filings and contributions are released
by the office that enrolled the device or by the county; acts that move or use the pen by the county alone, and only
where another office signed for the act, or built on it, while it still believed the device: nobody can have slipped
them in afterwards. House-keeping of a revoked device (enrolments, receipts) is never released; it is done anew.
Shows no person. Never judges what arrived: that is `sync.housekeeping`. Next: `office.web.pages.held`, which asks here.
"""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from office.dispositions import REVOKED
from office.pencil import Pen
from office.worklists import FINGERPRINT_CHARACTERS, event_of
from schemas.casework.casefile import CaseFile
from schemas.casework.events import Act, CaseEvent, CaseFiled
from schemas.casework.fold import fold
from schemas.codec import encode
from schemas.names import CaseId, OfficeId, followed, parent_seat, seat_of, within
from schemas.refusals import Refused
from schemas.wire import KIND_RELEASED, Released
from sync.books import Books
from sync.core.journal import Draft
from sync.ports import EntryKey, Stored

PAGE_STEPS: Final = 50
"""Steps on one page of the list: each costs a query, and a hostile device may have written many."""


class ReleaseRefused(Refused):
    """A step that this office may not let count."""


class HeldStep(Struct, frozen=True):
    """One entry that a revocation holds back."""

    entry: Stored
    event: CaseEvent | None
    """None: no step of a case that this version can read."""
    author: OfficeId
    """The seat of the revoked device."""
    tracking: str
    """The number of its case, as far as the filing is here."""
    refusal: ReleaseRefused | None
    """Why this office may not release it; None: it may."""

    @property
    def name(self) -> str:
        """How the entry is called in an address: journal and number, nothing of a person."""
        return _name_of((self.entry.journal, self.entry.seq))

    @property
    def fingerprint(self) -> str:
        """How people call it."""
        return self.entry.hash.hex()[:FINGERPRINT_CHARACTERS]


class Prospect(Struct, frozen=True):
    """What a release would change, as far as this node can see."""

    before: CaseFile | None
    """None: the case is not known without this step."""
    after: CaseFile
    waits: bool
    """The step would still wait for an earlier one that is not here or is held back as well."""
    gives_way: bool
    """Another branch of the case counts, and would go on counting (RULINGS B2)."""
    breach: str
    """Code of the rule that the step breaks: it would be kept in quarantine; empty: none."""
    displaced: int
    """How many steps that count now would give way to this one's branch."""


class Releasing:
    """The held steps of devices below one node's office."""

    def __init__(self, books: Books, pen: Pen) -> None:
        """`pen`: where the release is written. It is house-keeping, so nobody is woken for it (RULINGS A9)."""
        self._books = books
        self._pen = pen

    async def list_held(self, page: int = 1) -> tuple[list[HeldStep], bool]:
        """One page of held steps in the order of their journals, and whether there are more."""
        keys = await self._held_keys()
        start = (page - 1) * PAGE_STEPS
        return await self._read(keys[start : start + PAGE_STEPS]), len(keys) > start + PAGE_STEPS

    async def get_held(self, name: str) -> HeldStep:
        """The held step that an address names. Raises `ReleaseRefused` `not_held_back`."""
        keys = [key for key in await self._held_keys() if _name_of(key) == name]
        if not keys:
            raise _not_held_back()
        return (await self._read(keys))[0]

    async def foresee(self, step: HeldStep) -> Prospect:
        """Fold the case without and with the step. Raises the step's own refusal: nothing is to be foreseen then."""
        event = _releasable(step)
        items = [
            (known, entry)
            for entry in await self._entries_of(step.entry.subject)
            if self._books.counts(entry)
            and (known := event_of(entry)) is not None
            and self._is_of_its_office(entry, known)
        ]
        before = fold(items)
        after = fold([*items, (event, step.entry)])
        assert after is not None
        lost = set(after.superseded) - set(before.superseded if before is not None else ())
        breach = next((one.code for one in after.breaches if one.hash == step.entry.hash), "")
        link = step.entry.hash
        return Prospect(before, after, link in after.held, link in after.superseded, breach, len(lost - {link}))

    async def release(self, name: str) -> Stored:
        """Write the release. Raises `ReleaseRefused`: nothing is written then."""

        async def drafting() -> Sequence[Draft]:
            step = await self.get_held(name)
            _releasable(step)
            entry = step.entry
            released = Released(entry.journal.origin, entry.journal.epoch, entry.seq, entry.hash)
            return [Draft(KIND_RELEASED, None, encode(released))]

        return (await self._pen.record(drafting))[0]

    # --- reading ---------------------------------------------------------------------------------------------------

    async def _held_keys(self) -> list[EntryKey]:
        """Entries that a revocation holds back, of devices strictly below this office."""
        seat = self._books.seat.office
        found: list[EntryKey] = []
        for disposition in await self._books.store.dispositions():
            author = self._books.seat_of_node(disposition.key[0].origin)
            if disposition.code == REVOKED and author is not None and author != seat and within(author, seat):
                found.append(disposition.key)
        return sorted(found)

    async def _read(self, keys: Sequence[EntryKey]) -> list[HeldStep]:
        entries = [entry for journal, seq in keys for entry in await self._books.store.entries(journal, seq, seq + 1)]
        subjects = {entry.subject for entry in entries if entry.subject is not None}
        about = await self._books.store.entries_about(sorted(subjects)) if subjects else []
        numbers = {
            entry.subject: filed.tracking
            for entry in about
            if entry.kind == CaseFiled.kind and isinstance(filed := event_of(entry), CaseFiled)
        }
        return [await self._step(entry, numbers.get(entry.subject, "")) for entry in entries]

    async def _step(self, entry: Stored, tracking: str) -> HeldStep:
        author = self._books.seat_of_node(entry.journal.origin)
        assert author is not None
        event = event_of(entry) if entry.subject is not None else None
        return HeldStep(entry, event, author, tracking, await self._refusal(entry, event, author))

    async def _entries_of(self, case: CaseId | None) -> Sequence[Stored]:
        return await self._books.store.entries_about([case]) if case is not None else []

    def _is_of_its_office(self, entry: Stored, event: CaseEvent) -> bool:
        return self._books.seat_of_node(entry.journal.origin) == seat_of(event.office)

    # --- who may -----------------------------------------------------------------------------------------------------

    async def _refusal(self, entry: Stored, event: CaseEvent | None, author: OfficeId) -> ReleaseRefused | None:
        is_county = parent_seat(self._books.seat.office) is None
        moves_pen = isinstance(event, Act) and not isinstance(event, CaseFiled)
        if event is None or not self._is_of_its_office(entry, event):
            return _not_a_step()
        if moves_pen and not is_county:
            return _county_only()
        if not is_county and not self._has_enrolled(entry):
            return _enroller_only()
        if moves_pen and not await self._is_witnessed(entry, author):
            return _unwitnessed()
        return None

    def _has_enrolled(self, entry: Stored) -> bool:
        """Whether a device of our own seat enrolled the entry's."""
        where = self._books.enrolled_by.get(entry.journal.origin)
        return where is not None and self._books.seat_of_node(where[0].origin) == self._books.seat.office

    async def _is_witnessed(self, entry: Stored, author: OfficeId) -> bool:
        """Whether an office other than its author's and ours signed for the entry, or built an act on it.

        A node takes nothing from a neighbour that it knows to be revoked, so it signed before it knew.
        """
        for receipt in await self._books.store.receipts(entry.journal):
            if receipt.size > entry.seq and self._is_witness(receipt.office, author):
                return True
        for later in await self._entries_of(entry.subject):
            event = event_of(later)
            if not isinstance(event, Act) or event.after != followed(entry.hash):
                continue
            if not self._is_witness(event.office, author):
                continue
            if self._is_of_its_office(later, event) and self._books.counts(later):
                return True
        return False

    def _is_witness(self, office: OfficeId, author: OfficeId) -> bool:
        """Whether an office could know better than the author: neither we, nor whoever has its only line through it."""
        seat = seat_of(office)
        return seat != self._books.seat.office and not within(seat, author)


def _releasable(step: HeldStep) -> CaseEvent:
    if step.refusal is not None:
        raise step.refusal
    assert step.event is not None
    return step.event


def _name_of(key: EntryKey) -> str:
    journal, seq = key
    return f"{journal.origin}-{journal.epoch}-{seq}"


def _not_held_back() -> ReleaseRefused:
    return ReleaseRefused(
        "not_held_back",
        "该步骤未因设备注销而暂扣，可能已经放行；请返回列表查看。",
        "No revocation holds this step back; perhaps it was released meanwhile. Go back to the list.",
    )


def _not_a_step() -> ReleaseRefused:
    return ReleaseRefused(
        "not_a_step",
        "只能放行本机能读取的办件步骤；设备登记、回执等线路记录不能放行：因此不被承认的设备，请打印新注册单，在该设备原目录"
        "重新运行 enrol，其数据全部保留。",
        "Only steps of cases that this node can read are released. Enrolments, receipts and other records of the line "
        "are not: a device that is not believed for want of one enrols again, in its own folder with a new sheet, and "
        "keeps all it has.",
    )


def _county_only() -> ReleaseRefused:
    return ReleaseRefused(
        "release_county_only",
        "移交、受理、决定等步骤只能由县中心放行；请联系县中心管理员。",
        "Only the county releases a step that moves or uses the pen; call the county's administrator.",
    )


def _enroller_only() -> ReleaseRefused:
    return ReleaseRefused(
        "release_enroller_only",
        "该设备由县中心登记，其步骤须由县中心放行；请联系县中心管理员。",
        "The county enrolled this device, so the county releases its steps; call the county's administrator.",
    )


def _unwitnessed() -> ReleaseRefused:
    return ReleaseRefused(
        "release_unwitnessed",
        "没有其他单位在得知注销前签收过该步骤，无法排除事后伪造，不能放行；请由持件单位重新办理，或由县中心改派。",
        "No other office signed for this step before it knew of the revocation, so it may have been forged afterwards "
        "and is not released; let the custodian do the step again, or reassign the case.",
    )
