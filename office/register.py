"""The office's reading of what is about no case: judged, taken into the register or oversight, and kept as rows.

An entry counts when its body reads, names an office of its author's device, and is that office's to say. What breaks
this is quarantined with a code; a kind of a newer version is kept and passed on. The register in memory is what the
desk and the screens ask; its rows (`records`, `enquiries`) are a projection like any other (DESIGN 1.8). Oversight is
not kept in memory: a county's grows with every month (`office.oversight`, table `oversight`).
Never raises for what arrived, never writes by itself and never decides which statement counts
(`schemas.register_fold`). Next: `office.casebook`, which calls; `office.publishing`, our own pen.
"""

from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from office.dispositions import FOREIGN_OFFICE, NO_BODY, NO_SUBJECT, REGISTER_FOREIGN, REVOKED
from office.oversight import NoThreads, Threads, fault_of
from office.routing import Audience, rule_for_record
from schemas.casework.events import EVENTS
from schemas.codec import Malformed
from schemas.names import Instant, OfficeId, OfficerId, seat_of, within
from schemas.oversight import OVERSIGHT, Overseen, decode_overseen
from schemas.oversight_fold import Filed, states_of
from schemas.register import REGISTER, EnquiryRecorded, Published, decode_record, may_write
from schemas.register_fold import Record, Register
from schemas.wire import is_line
from sync import repair
from sync.books import Books
from sync.ports import Disposition, EntryKey, Outcome, Stored

ENTRIES_READ: Final = 1000
"""Entries of one kind read at a time when the register is folded again: about 1 MiB."""


class Row(Struct, frozen=True):
    """An entry of the register or of oversight as it is kept: its body is the entry's own, and sealed like it."""

    event: Published | Overseen
    ordinal: int
    seq: int
    hash: bytes
    at: Instant
    body: bytes
    place: EntryKey

    @property
    def record(self) -> Record | None:
        """What the fold of the register asks for; None of what is not in the register, or only counted there."""
        if not isinstance(self.event, Published) or isinstance(self.event, EnquiryRecorded):
            return None
        return Record(self.event, self.ordinal, self.seq, self.hash)

    @property
    def filed(self) -> Filed | None:
        """What the fold of oversight asks for; None of what is in the register."""
        if not isinstance(self.event, Overseen):
            return None
        return Filed(self.event, self.place[0], self.seq, self.hash, self.at)


class RegisterRows(Struct):
    """What one transaction changes in the tables of the register."""

    changes: dict[bytes, Row | None]
    """Entry's hash → its row; None = it no longer counts."""

    def pieces(self) -> "list[RegisterRows]":
        """The same row by row (RULINGS B11)."""
        return [RegisterRows({digest: row}) for digest, row in self.changes.items()]


def is_of_no_case(kind: str) -> bool:
    """Whether this version knows the kind as one that is about no case."""
    return kind in REGISTER or kind in OVERSIGHT


def read_record(entry: Stored, seat: OfficeId | None) -> Published | Overseen | Outcome:
    """What a device of `seat` says about no case, or why that cannot count, as far as the entry alone can tell."""
    if entry.kind in EVENTS:
        return Outcome("quarantined", NO_SUBJECT)
    if not is_of_no_case(entry.kind):
        return Outcome("unknown", "unknown_kind")
    if entry.body is None:
        return Outcome("held", NO_BODY)
    try:
        read = decode_record if entry.kind in REGISTER else decode_overseen
        event = read(entry.kind, entry.body)
    except Malformed as malformed:
        return Outcome("quarantined", malformed.code)
    # Of what the node says by itself there is no officer.
    if seat is None or seat != seat_of(event.office) or (event.officer and not is_of(event.officer, seat)):
        return Outcome("quarantined", FOREIGN_OFFICE)
    if isinstance(event, Overseen):
        fault = fault_of(event, seat)
        return Outcome("quarantined", fault) if fault else event
    return event if may_write(seat, event) else Outcome("quarantined", REGISTER_FOREIGN)


def is_of(officer: OfficerId, seat: OfficeId) -> bool:
    """Whether somebody works at this seat or a window of it: nobody puts another office's name under an entry."""
    return officer.startswith(seat) and officer[len(seat) : len(seat) + 1] in ("/", ".")


class RegisterBook:
    """The register of one node, the present transaction included, and the rows that it still has to write."""

    def __init__(self) -> None:
        self.register = Register()
        self.changes: dict[bytes, Row | None] = {}
        self._unjudged: dict[bytes, Outcome] = {}

    def take(self, books: Books, entry: Stored) -> tuple[Published | Overseen | None, Outcome]:
        """Take an entry in: what it says, if it reads, and what becomes of it. Of oversight `judge` has the last word.

        The outcome is filled in by `judge` where only the entry's thread can tell.
        """
        seat = books.seat_of_node(entry.journal.origin)
        event = read_record(entry, seat)
        if isinstance(event, Outcome):
            if event.state == "unknown":
                event.audience = audience_of(books, entry.kind, seat)
            return None, event
        ordinal, place = entry.epoch.ordinal, (entry.journal, entry.seq)
        row = Row(event, ordinal, entry.seq, entry.hash, entry.at, entry.body or b"", place)
        self.changes[entry.hash] = row
        if row.record is not None:
            self.register.add(row.record)
        about = event.about if isinstance(event, Overseen) else None
        outcome = Outcome(audience=audience_of(books, entry.kind, seat, about))
        if isinstance(event, Overseen):
            self._unjudged[entry.hash] = outcome
        return event, outcome

    async def judge(self, stored: Threads) -> list[Disposition]:
        """Judge what was taken of oversight by its thread. Returns earlier entries that stand otherwise now."""
        unjudged, self._unjudged = self._unjudged, {}
        settled: list[Disposition] = []
        rows = [row for digest in unjudged if (row := self.changes.get(digest)) is not None]
        threads = await self.threads(stored, [row.filed.thread for row in rows if row.filed is not None])
        for thread in threads.values():
            before = states_of(one for one in thread if one.hash not in unjudged)
            now = states_of(thread)
            for one in thread:
                if one.hash in unjudged:
                    unjudged[one.hash].state, unjudged[one.hash].code = now[one.hash]
                elif before[one.hash] != now[one.hash]:
                    settled.append(Disposition((one.journal, one.seq), *now[one.hash]))
        return settled

    async def threads(self, stored: Threads, wanted: Sequence[bytes]) -> dict[bytes, list[Filed]]:
        """These threads, by the hash of what began them, as of this moment of the transaction."""
        found: dict[bytes, dict[bytes, Filed]] = {thread: {} for thread in wanted}
        for one in await stored.read_threads(list(found)):
            if self.changes.get(one.hash, one) is not None:
                found[one.thread][one.hash] = one
        for row in self.changes.values():
            filed = row.filed if row is not None else None
            if filed is not None and filed.thread in found:
                found[filed.thread][filed.hash] = filed
        return {thread: list(held.values()) for thread, held in found.items()}

    def drain(self) -> RegisterRows | None:
        """The rows gathered since the last drain."""
        if not self.changes:
            return None
        changes, self.changes = self.changes, {}
        return RegisterRows(changes)

    def load(self, records: Iterable[Record]) -> None:
        """Begin anew with what is kept."""
        self.register = Register(records)
        self.changes, self._unjudged = {}, {}

    async def fold_again(self, books: Books) -> list[Disposition]:
        """Fold everything again from the entries. Returns every entry that stands otherwise than the store has it."""
        taken: list[Taken] = []
        fresh = RegisterBook()
        for kind in (*REGISTER, *OVERSIGHT):
            after = 0
            while page := await books.store.entries_of_kind(kind, after=after, limit=ENTRIES_READ):
                after = page[-1].arrival
                taken += await fresh._take_page(books, page)
        staged = [entry for entry in books.batch.entries if entry.subject is None and is_of_no_case(entry.kind)]
        taken += await fresh._take_page(books, staged)
        await fresh.judge(NoThreads())
        self.register = fresh.register
        self.changes |= fresh.changes
        return _differing(taken)

    async def fold_page(self, books: Books, page: Sequence[Stored], threads: Threads) -> list[Disposition]:
        """Fold these entries, beside `threads`. Returns those that stand otherwise than the store has it."""
        taken = await self._take_page(books, page)
        await self.judge(threads)
        return _differing(taken)

    async def _take_page(self, books: Books, page: Sequence[Stored]) -> "list[Taken]":
        stated = {found.key: (found.state, found.code) for found in await books.store.dispositions(page)}
        taken: list[Taken] = []
        for entry in repair.as_put_right(books, page):
            if entry.subject is not None:
                continue
            event, outcome = self.take(books, entry) if books.counts(entry) else (None, Outcome("held", REVOKED))
            if event is None:
                self.changes[entry.hash] = None
            if outcome.state == "quarantined":
                # What cannot be read may have gone bad on the disk: then a good copy is fetched and it is folded again.
                await repair.damaged_among(books, [entry])
            key = (entry.journal, entry.seq)
            taken.append((key, outcome, stated.get(key, ("", ""))))
        return taken


Taken: TypeAlias = tuple[EntryKey, Outcome, tuple[str, str]]
"""An entry's place, what becomes of it, and how the store says that it stands."""


def _differing(taken: Iterable[Taken]) -> list[Disposition]:
    return [
        Disposition(key, outcome.state, outcome.code)
        for key, outcome, stated in taken
        if (outcome.state, outcome.code) != stated
    ]


def audience_of(books: Books, kind: str, author: OfficeId | None, about: OfficeId | None = None) -> frozenset[OfficeId]:
    """The seats below its author that must have an entry about no case, as far as they lie below ours too.

    `about`: the office that it is addressed to.
    """
    rule = rule_for_record(kind)
    if author is None or rule is Audience.ABOVE:
        return frozenset()
    ours = books.seat.office
    if not (within(author, ours) or within(ours, author)):
        return frozenset()
    below = books.seats_below(max(author, ours, key=len)) - {author}
    if rule is not Audience.ADDRESSED:
        return below
    return frozenset(seat for seat in below if about is not None and within(seat_of(about), seat))


def audience_for(books: Books, entry: Stored) -> frozenset[OfficeId]:
    """`audience_of` for an entry that was taken in before; empty where it cannot be read."""
    seat = books.seat_of_node(entry.journal.origin)
    event = read_record(entry, seat)
    if isinstance(event, Outcome):
        return audience_of(books, entry.kind, seat) if event.state == "unknown" else frozenset()
    return audience_of(books, entry.kind, seat, event.about if isinstance(event, Overseen) else None)


async def records_for(books: Books, office: OfficeId) -> list[Stored]:
    """What a new device of `office` must be given: everything that counts, or is not understood here, from above it."""
    unknown = [disposition.key for disposition in await books.store.dispositions() if disposition.state == "unknown"]
    found = [*(await books.store.entries_at(unknown)).values(), *books.batch.entries]
    wanted = {(entry.journal, entry.seq): entry for entry in found if _goes_to(books, entry, office)}
    for kind in (*REGISTER, *OVERSIGHT):
        after = 0
        # Page by page: of oversight a county has thousands, and each office is addressed by few.
        while rule_for_record(kind) is not Audience.ABOVE and (
            page := await books.store.entries_of_kind(kind, after=after, limit=ENTRIES_READ)
        ):
            after = page[-1].arrival
            wanted |= {(entry.journal, entry.seq): entry for entry in page if _goes_to(books, entry, office)}
    return sorted(wanted.values(), key=lambda entry: entry.arrival)


def _goes_to(books: Books, entry: Stored, office: OfficeId) -> bool:
    author = books.seat_of_node(entry.journal.origin)
    if entry.subject is not None or is_line(entry.kind) or rule_for_record(entry.kind) is Audience.ABOVE:
        return False
    if author is None or author == office or not within(office, author) or not books.counts(entry):
        return False
    read = read_record(entry, author)
    if isinstance(read, Outcome):
        return read.state == "unknown"
    if rule_for_record(entry.kind) is Audience.BELOW or not isinstance(read, Overseen):
        return True
    return read.about is not None and within(seat_of(read.about), office)
