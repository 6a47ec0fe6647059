"""The office's reading of bodies: entries folded into case files, and who must have them (`sync.ports.Interpreter`).

One case file per case, kept in memory for the cases at work and in a table for all (`Cases`). An entry that simply
follows is applied; anything else refolds its case from all its entries, so the result never depends on the order of
arrival. What breaks a rule is quarantined with a code and an owner, what cannot be understood is held; the line never
stops (DESIGN 1.5). A fold that fails harms its own case only (RULINGS B11).
Never raises for what arrived, never writes by itself: the ledger drains the rows into its own transaction.
Next: `office.routing` (audiences), `office.projection` (the tables), `office.desk` (our own pen).
"""

import logging
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from office.case_rows import CaseRows, Cases, Item, Operation
from office.dispositions import AWAITING_PREDECESSOR, FOLD_FAILED, FOREIGN_OFFICE, NO_BODY, REVOKED
from office.own_faults import place_of
from office.register import RegisterBook, audience_for, is_of, is_of_no_case, records_for
from office.routing import FOR_READERS, audience_of, readers_of
from schemas.casework.casefile import NO_CASE, CaseFile, Erasure
from schemas.casework.events import Act, CaseEvent, CaseFiled, RosterAdded, UnknownKind, decode_event
from schemas.casework.fold import fold, follow
from schemas.casework.residue import Removal, read_residue
from schemas.casework.visibility import lineage
from schemas.codec import Malformed
from schemas.names import CaseId, OfficeId, seat_of
from schemas.oversight import Overseen
from schemas.oversight_fold import Filed
from schemas.register import Published
from schemas.register_fold import Register
from schemas.wire import KIND_ERASED, Erased, is_line
from sync import repair
from sync.books import Books
from sync.ports import Disposition, EntryKey, Interpretation, Outcome, Stored

log = logging.getLogger(__name__)

CASES_REMEMBERED_MAX: Final = 500
"""About 4 KiB each: 2 MiB on a village computer. A hub sets more (`cases_remembered`)."""

REFOLD_CASES: Final = 200
"""Cases read at a time when many are folded again: about 1,400 entries, 1 MiB."""


Reading: TypeAlias = tuple[CaseEvent | Outcome, Stored]
"""An entry of a case: decoded, or why it cannot be folded; and as held."""


class Readings(Struct):
    """What is held of a case."""

    entries: list[Reading]
    removals: list[Removal]


class CaseInterpreter:
    """Folds what the ledger admits and writes. Call `attach` before use."""

    def __init__(self, cases: Cases, *, remembered: int = CASES_REMEMBERED_MAX) -> None:
        self._cases = cases
        self._remembered = remembered
        self._books: Books | None = None
        self._book = RegisterBook()
        self._known: OrderedDict[CaseId, CaseFile] = OrderedDict()
        self._changed: dict[CaseId, CaseFile] = {}
        self._pending: dict[CaseId, list[Item]] = {}
        self._operations: dict[bytes, Operation] = {}
        self._readers: dict[tuple[CaseId, OfficeId], bool] = {}
        self._listed: dict[CaseId, dict[bytes, RosterAdded]] = {}
        self._noticed: set[CaseId] = set()
        self._asked: set[CaseId] = set()
        self._papers: set[CaseId] = set()
        self._bared: set[CaseId] = set()
        self._serial: int | None = None
        self._serial_drawn = 0
        self.on_changed: Callable[[CaseFile], None] = lambda case: None
        """Told of every changed case just before it is written (`office.receiving`)."""

    def attach(self, books: Books) -> None:
        """Say whose books these are: the keyring tells which seat wrote an entry, the store holds all of a case."""
        self._books = books

    @property
    def books(self) -> Books:
        """The attached books."""
        assert self._books is not None, "attach the books before the first entry"
        return self._books

    @property
    def cases(self) -> Cases:
        """Where committed case files are kept."""
        return self._cases

    # --- Interpreter port ------------------------------------------------------------------------------------------

    async def interpret(self, entries: Sequence[Stored]) -> Interpretation:
        """Fold entries that are being written or admitted. Total: see `sync.ports.Interpreter`."""
        outcomes: list[Outcome | None] = [None] * len(entries)
        items: defaultdict[CaseId, list[Item]] = defaultdict(list)
        unread: defaultdict[CaseId, list[int]] = defaultdict(list)
        journal = seat = None
        for position, entry in enumerate(entries):
            subject = entry.subject
            if subject is None:
                outcomes[position] = self._take_record(entry)
                continue
            if entry.journal is not journal:
                journal, seat = entry.journal, self.books.seat_of_node(entry.journal.origin)
            event = _read(entry, seat) if entry.hash not in self.books.erased else _SPOKEN_FOR
            if not isinstance(event, Outcome):
                items[subject].append((event, entry))
                continue
            outcomes[position] = event
            if event.state in ("", "unknown"):
                unread[subject].append(position)
        await self._load([*items, *unread])
        interpretation = Interpretation([], await self._book.judge(self._cases))
        failed = await self._fold_cases(items, interpretation)
        for subject, positions in unread.items():
            if self._find(subject) is None:
                # Whoever is found to read the case later must get this entry too, so the case is awaited from now on.
                self._changed[subject] = CaseFile(subject)
            for position in positions:
                outcome = outcomes[position] or _SPOKEN_FOR
                audience = audience_of(entries[position].kind, self._find(subject))
                outcomes[position] = Outcome(outcome.state, outcome.code, audience)
        # Nearly every case stands without anything held or broken: then all its entries share one answer.
        plain = {subject: self._plain_outcome(subject, failed) for subject in items}
        for outcome, entry in zip(outcomes, entries, strict=True):
            if outcome is None:
                assert entry.subject is not None
                outcome = plain[entry.subject] if entry.kind in FOR_READERS else None
                outcome = outcome or _outcome_of(self._find(entry.subject), entry)
            interpretation.outcomes.append(outcome)
        self._trim()
        return interpretation

    async def readers(self, subjects: Sequence[CaseId]) -> dict[CaseId, frozenset[OfficeId]]:
        """Who may have entries of these cases."""
        await self._load(subjects)
        found = {subject: self._find(subject) for subject in subjects}
        return {subject: readers_of(case) for subject, case in found.items() if case is not None}

    async def audiences(self, entries: Sequence[Stored]) -> list[frozenset[OfficeId]]:
        """See `sync.ports.Interpreter.audiences`."""
        await self._load(list({entry.subject for entry in entries if entry.subject is not None}))
        found = [
            audience_for(self.books, entry)
            if entry.subject is None
            else audience_of(entry.kind, self._find(entry.subject))
            for entry in entries
        ]
        self._trim()
        return found

    async def cases_of(self, office: OfficeId) -> list[CaseId]:
        """Cases that this office reads, those of the present transaction included."""
        committed = await self._cases.read_by(office)
        changed = [subject for subject, case in self._changed.items() if office in readers_of(case)]
        return list(dict.fromkeys([*committed, *changed]))

    async def records_for(self, office: OfficeId) -> list[Stored]:
        """See `office.register.records_for`."""
        return await records_for(self.books, office)

    def drain(self) -> CaseRows | None:
        """The projection rows gathered since the last drain, for the same transaction."""
        records = self._book.drain()
        if not self._changed and not self._operations and records is None:
            return None
        rows = CaseRows(
            list(self._changed.values()),
            list(self._operations.values()),
            self._readers,
            self._pending,
            self._serial_drawn,
            register=records,
            listed=self._listed,
            noticed=frozenset(self._noticed),
            asked=frozenset(self._asked),
            papers=frozenset(self._papers),
            bared=frozenset(self._bared),
        )
        for subject, case in self._changed.items():
            self._remember(subject, case)
            self.on_changed(case)
        self._changed, self._operations, self._readers, self._pending, self._listed = {}, {}, {}, {}, {}
        self._noticed, self._asked, self._papers, self._bared = set(), set(), set(), set()
        self._serial_drawn = 0
        return rows

    async def load(self) -> None:
        """See `sync.ports.Interpreter.load`."""
        records = await self._cases.read_records()
        self.reset()
        self._book.load(records)

    def reset(self) -> None:
        """Forget everything that was not committed, and what depended on it."""
        self._known.clear()
        self._changed, self._operations, self._readers, self._pending, self._listed = {}, {}, {}, {}, {}
        self._noticed, self._asked, self._papers, self._bared = set(), set(), set(), set()
        self._serial, self._serial_drawn = None, 0

    def forget(self) -> None:
        """Forget committed cases: a rebuild walks through all of them once."""
        self._known.clear()

    # --- the register ----------------------------------------------------------------------------------------------

    @property
    def register(self) -> Register:
        """What is published, as of this moment of the transaction. Ask each time: a failure makes another one."""
        return self._book.register

    async def threads(self, wanted: Sequence[bytes]) -> dict[bytes, list[Filed]]:
        """These threads of oversight, by the hash of what began them, as of this moment of the transaction."""
        return await self._book.threads(self._cases, wanted)

    async def overseen(self, kinds: Sequence[str], number: str = "") -> list[Filed]:
        """Everything of these kinds of oversight whose number begins so, as of this moment of the transaction."""
        pending = [row.filed for row in self._book.changes.values() if row is not None and row.filed is not None]
        staged = [one for one in pending if one.event.kind in kinds and one.event.number.startswith(number)]
        held = [*await self._cases.read_overseen(kinds, number), *staged]
        return list({one.hash: one for one in held if self._book.changes.get(one.hash, one) is not None}.values())

    def _take_record(self, entry: Stored) -> Outcome:
        event, outcome = self._book.take(self.books, entry)
        if event is not None:
            self._note_record(event, entry.hash)
        return outcome

    def _note_record(self, event: Published | Overseen, digest: bytes) -> None:
        if seat_of(event.office) == self.books.seat.office:
            self._operations.setdefault(event.operation, Operation(event.operation, NO_CASE, event.kind, digest))

    async def _refold_register(self) -> list[Disposition]:
        settled = await self._book.fold_again(self.books)
        for digest, row in self._book.changes.items():
            if row is not None:
                self._note_record(row.event, digest)
        return settled

    # --- for the desk, inside a transaction ------------------------------------------------------------------------

    async def find_case(self, subject: CaseId) -> CaseFile | None:
        """The case as of this moment of the transaction, or None."""
        await self._load([subject])
        return self._find(subject)

    async def find_cases(self, subjects: Sequence[CaseId]) -> dict[CaseId, CaseFile]:
        """Those of these cases that are here, as of this moment of the transaction, with one read."""
        await self._load(subjects)
        found = {subject: self._find(subject) for subject in subjects}
        return {subject: case for subject, case in found.items() if case is not None}

    async def find_operation(self, operation: bytes) -> Operation | None:
        """The entry that a user action already made, also earlier in this transaction, or None."""
        return (await self.find_operations([operation])).get(operation)

    async def find_operations(self, wanted: Sequence[bytes]) -> dict[bytes, Operation]:
        """`find_operation` for several, with one read."""
        here = {operation: self._operations[operation] for operation in wanted if operation in self._operations}
        missing = [operation for operation in wanted if operation not in here]
        return here | (await self._cases.find_operations(missing) if missing else {})

    @property
    def staged_lists(self) -> list[tuple[CaseFile, list[RosterAdded]]]:
        """Lists of persons that this transaction took in, with their parts: no store finds them yet."""
        found = [(self._find(subject), list(parts.values())) for subject, parts in self._listed.items()]
        return [(case, parts) for case, parts in found if case is not None]

    async def draw_serial(self) -> int:
        """The next serial for a tracking number of our own office. Gaps are harmless, repetition is not."""
        if self._serial is None:
            self._serial = max(self._serial_drawn, await self._cases.last_serial())
        self._serial += 1
        return self._serial

    # --- folding again ---------------------------------------------------------------------------------------------

    async def refold(
        self, subjects: Iterable[CaseId | None], stated: Mapping[EntryKey, Disposition] | None = None
    ) -> Interpretation:
        """Fold these cases from all their entries: after a revocation or a release, an upgrade, a rebuild.

        None among them: the register. `stated`: what the store says of entries that are not simply folded. With it
        `settled` lists every difference to it; without it only what changed against the case files before.
        """
        interpretation = Interpretation([])
        settled: list[Disposition] = []
        asked = list(subjects)
        wanted = [subject for subject in asked if subject is not None]
        register = await self._refold_register() if None in asked else []
        for start in range(0, len(wanted), REFOLD_CASES):
            chunk = wanted[start : start + REFOLD_CASES]
            await self._load(chunk)
            held = await self._held(chunk)
            self._refold(held, {subject: [] for subject in chunk}, interpretation)
            if stated is not None:
                settled += self._differences(held, stated)
        interpretation.settled = register + (settled if stated is not None else interpretation.settled)
        return interpretation

    def _differences(
        self, held: Mapping[CaseId, Readings], stated: Mapping[EntryKey, Disposition]
    ) -> list[Disposition]:
        found: list[Disposition] = []
        for subject, readings in held.items():
            case = self._find(subject)
            for event, entry in readings.entries:
                unread = isinstance(event, Outcome)
                state = (event.state, event.code) if unread else _state_of(case, entry.hash)
                known = stated.get((entry.journal, entry.seq))
                if state != ((known.state, known.code) if known is not None else ("", "")):
                    found.append(Disposition((entry.journal, entry.seq), *state))
        return found

    def _plain_outcome(self, subject: CaseId, failed: set[CaseId]) -> Outcome | None:
        """What holds for every entry of a case that has nothing held or broken; None when each must be looked at."""
        if subject in failed:
            return _FAILED
        case = self._find(subject)
        if case is None or case.held or case.breaches:
            return None
        return Outcome(audience=readers_of(case))

    # --- folding ---------------------------------------------------------------------------------------------------

    async def _fold_cases(self, items: dict[CaseId, list[Item]], interpretation: Interpretation) -> set[CaseId]:
        """Fold the new entries of each case; returns the cases whose fold failed."""
        again: dict[CaseId, list[Item]] = {}
        failed: set[CaseId] = set()
        for subject, fresh in items.items():
            try:
                case = _extend(self._find(subject), fresh)
            except Exception as error:
                failed.add(subject)
                log.error("a fold failed, the case stays as it was: %s", place_of(error))
                continue
            if case is None:
                again[subject] = fresh
            else:
                self._keep(subject, case, fresh, interpretation)
        if again:
            failed |= self._refold(await self._held(list(again)), again, interpretation)
        return failed

    async def _held(self, subjects: Sequence[CaseId]) -> dict[CaseId, Readings]:
        """All stored entries of these cases, read, and what stays of those that are gone."""
        held = {subject: Readings([], []) for subject in subjects}
        purged = await self.books.store.purged(subjects) | self.books.batch.purged
        orders = [e for e in self.books.batch.entries if e.kind == KIND_ERASED and e.subject in held]
        stored = repair.as_put_right(self.books, await self.books.store.entries_about(subjects))
        for entry in [*stored, *orders]:
            if entry.subject is None:
                continue
            counts = self.books.counts(entry)
            if is_line(entry.kind):
                order = self.books.learn_erasure(entry) if counts else None
                if order is not None:
                    held[entry.subject].removals.append(removal_of(order, entry))
                continue
            event = self._read_again(entry, is_purged=bool(purged.get(entry.subject))) if counts else _REVOKED
            if isinstance(event, Outcome) and event.state == "quarantined":
                # What cannot be read may have gone bad on the disk: then a good copy is fetched and the case refolded.
                await repair.damaged_among(self.books, [entry])
            held[entry.subject].entries.append((event, entry))
        for subject, residue in purged.items():
            if residue and subject in held:
                held[subject].removals.append(Removal(read_residue(residue), None))
        return held

    async def readings(self, subject: CaseId) -> Readings:
        """All stored entries of a case, read, and what stays of those that are gone."""
        return (await self._held([subject]))[subject]

    def _read_again(self, entry: Stored, *, is_purged: bool) -> CaseEvent | Outcome:
        """What an entry of ours says; nothing where a residue speaks for it."""
        going = entry.body is None or (entry.journal, entry.seq) in self.books.batch.stripped
        if entry.hash in self.books.erased or (is_purged and going):
            return _SPOKEN_FOR
        return _read(entry, self.books.seat_of_node(entry.journal.origin))

    def _refold(
        self, held: dict[CaseId, Readings], items: dict[CaseId, list[Item]], interpretation: Interpretation
    ) -> set[CaseId]:
        """Fold cases from all their entries: those held, those of this transaction, and the fresh ones."""
        failed: set[CaseId] = set()
        for subject, fresh in items.items():
            removals = held[subject].removals
            if removals:
                self._forget_deeds(subject, removals)
            stored = [(event, entry) for event, entry in held[subject].entries if not isinstance(event, Outcome)]
            earlier = [*stored, *self._pending.get(subject, ())]
            try:
                case = fold([*earlier, *fresh], removals, subject)
            except Exception as error:
                failed.add(subject)
                log.error("a fold failed, the case stays as it was: %s", place_of(error))
                continue
            before = self._find(subject)
            if case is None and before is None:
                continue
            case = case or CaseFile(subject)
            interpretation.settled += _settle(before, case, earlier)
            self._note_own(subject, earlier)
            self._keep(subject, case, fresh, interpretation)
        return failed

    def _keep(self, subject: CaseId, case: CaseFile, fresh: list[Item], interpretation: Interpretation) -> None:
        """Take a case's new state: for the projection, for whoever became a reader, and for our own desk's memory."""
        before = self._find(subject)
        self._changed[subject] = case
        self._pending.setdefault(subject, []).extend(fresh)
        if before is not None:
            earlier, now = readers_of(before), readers_of(case)
            # A neighbour through which somebody reads already has every entry: each was posted when it came.
            if now != earlier and not self.books.hops(now) <= self.books.hops(earlier):
                interpretation.shared.append((subject, now - earlier))
        if case.course.notices != (before.course.notices if before is not None else ()):
            self._noticed.add(subject)
        if case.unanswered != (before.unanswered if before is not None else ()):
            self._asked.add(subject)
        if case.papers != (before.papers if before is not None else ()):
            self._papers.add(subject)
        self._note_readers(subject, before, case)
        self._note_own(subject, fresh)

    def _forget_deeds(self, subject: CaseId, removals: Sequence[Removal]) -> None:
        """Bodies of the case are gone: what this transaction noted of persons and deeds is noted anew from the rest."""
        self._bared.add(subject)
        gone = self.books.erased
        self._pending[subject] = [item for item in self._pending.get(subject, ()) if item[1].hash not in gone]
        self._listed.pop(subject, None)
        self._operations = {op: done for op, done in self._operations.items() if done.subject != subject}
        for removal in removals:
            case = removal.residue.case
            if case is not None and seat_of(case.office) == self.books.seat.office:
                self._serial_drawn = max(self._serial_drawn, case.serial)

    def _note_readers(self, subject: CaseId, before: CaseFile | None, case: CaseFile) -> None:
        earlier, now = guests_of(before), guests_of(case)
        if earlier == now:
            return
        for office in now - earlier:
            self._readers[(subject, office)] = True
        for office in earlier - now:
            self._readers[(subject, office)] = False

    def _note_own(self, subject: CaseId, items: Sequence[Item]) -> None:
        """Of our own office's entries, ours or regained: the operation, and the serial of a filing. Of all: lists."""
        seat = self.books.seat.office
        desks = f"{seat}."
        for event, entry in items:
            if isinstance(event, RosterAdded):
                self._listed.setdefault(subject, {})[entry.hash] = event
            if event.office != seat and not event.office.startswith(desks):
                continue
            done = Operation(event.operation, subject, event.kind, entry.hash)
            self._operations.setdefault(event.operation, done)
            if isinstance(event, CaseFiled):
                self._serial_drawn = max(self._serial_drawn, serial_of(event.tracking))
        if self._serial is not None:
            self._serial = max(self._serial, self._serial_drawn)

    # --- memory ----------------------------------------------------------------------------------------------------

    def _find(self, subject: CaseId) -> CaseFile | None:
        return self._changed.get(subject) or self._known.get(subject)

    async def _load(self, subjects: Sequence[CaseId]) -> None:
        """Read the case files that are not in memory: one bulk read for a page."""
        missing: list[CaseId] = []
        for subject in subjects:
            if subject in self._known:
                self._known.move_to_end(subject)
            elif subject not in self._changed:
                missing.append(subject)
        if missing:
            for subject, case in (await self._cases.read(missing)).items():
                self._known[subject] = case

    def _remember(self, subject: CaseId, case: CaseFile) -> None:
        self._known[subject] = case
        self._known.move_to_end(subject)

    def _trim(self) -> None:
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)


_FAILED: Final = Outcome("quarantined", FOLD_FAILED)
_SPOKEN_FOR: Final = Outcome()
_REVOKED: Final = Outcome("held", REVOKED)


def _read(entry: Stored, seat: OfficeId | None) -> CaseEvent | Outcome:
    """Decode an entry about a case that a device of `seat` wrote, or say why it cannot count."""
    if entry.body is None:
        return Outcome("held", NO_BODY)
    try:
        event = decode_event(entry.kind, entry.body)
    except UnknownKind as unknown:
        # Of the register, and yet about a case: nothing that a newer version could make sense of.
        known = is_of_no_case(entry.kind)
        return Outcome("quarantined", "malformed") if known else Outcome("unknown", unknown.code)
    except Malformed as malformed:
        return Outcome("quarantined", malformed.code)
    if seat is None or (seat != event.office and seat != seat_of(event.office)) or not is_of(event.officer, seat):
        return Outcome("quarantined", FOREIGN_OFFICE)
    return event


def removal_of(order: Erased, entry: Stored) -> Removal:
    """An order as the fold takes it."""
    erasure = Erasure(entry.at, order.ground, order.ordered_by, order.approved_by)
    return Removal(read_residue(order.residue), erasure, entry.hash)


def _extend(case: CaseFile | None, items: Sequence[Item]) -> CaseFile | None:
    """The case after entries that simply follow; None when it must be folded from all its entries."""
    # A page holds one journal after the other, so a case's acts stand in it out of turn.
    for event, entry in sorted(items, key=_turn_of):
        case = follow(case, event, entry)
        if case is None:
            return None
    return case


def _turn_of(item: Item) -> int:
    """Acts by turn, contributions behind the act that they were made after."""
    event = item[0]
    return 2 * event.turn if isinstance(event, Act) else 2 * event.after_turn + 1


def _outcome_of(case: CaseFile | None, entry: Stored) -> Outcome:
    state, code = _state_of(case, entry.hash)
    return Outcome(state, code, audience_of(entry.kind, case))


def _state_of(case: CaseFile | None, digest: bytes) -> tuple[str, str]:
    """How an entry stands in its case: ("", "") = it counts, or lost lawfully against another branch."""
    if case is None or not (case.held or case.breaches):
        return "", ""
    if digest in case.held:
        return "held", AWAITING_PREDECESSOR
    for breach in case.breaches:
        if breach.hash == digest:
            return "quarantined", breach.code
    return "", ""


def _settle(before: CaseFile | None, after: CaseFile, earlier: Iterable[Item]) -> list[Disposition]:
    """Earlier entries that stand otherwise now than they did."""
    if before is not None and before.held == after.held and before.breaches == after.breaches:
        return []
    settled: list[Disposition] = []
    for _, entry in earlier:
        state = _state_of(after, entry.hash)
        if state != _state_of(before, entry.hash):
            settled.append(Disposition((entry.journal, entry.seq), *state))
    return settled


def guests_of(case: CaseFile | None) -> frozenset[OfficeId]:
    """Readers outside the filing office's own line: the only ones that the projection must list one by one."""
    if case is None:
        return frozenset()
    line = lineage(case.filing_office) if case.filing_office is not None else frozenset[OfficeId]()
    return readers_of(case) - line


def serial_of(tracking: str) -> int:
    """The serial inside a tracking number; 0 when it is not one of ours."""
    _, separator, number = tracking.rpartition("-")
    digits = number[2:-1]
    return int(digits) if separator and digits.isascii() and digits.isdecimal() else 0
