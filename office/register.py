"""The office's reading of what is about no case: judged, taken into the register, and kept as rows.

An entry counts when its body reads, names an office of its author's device, and is that office's to say. What breaks
this is quarantined with a code; a kind of a newer version is kept and passed on. The register in memory is what the
desk and the screens ask; its rows (`records`, `enquiries`) are a projection like any other (DESIGN 1.8).
Never raises for what arrived, never writes by itself and never decides which statement counts
(`schemas.register_fold`). Next: `office.casebook`, which calls; `office.publishing`, our own pen.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

from office.dispositions import FOREIGN_OFFICE, NO_BODY, NO_SUBJECT, REGISTER_FOREIGN, REVOKED
from office.routing import Audience, rule_for_record
from schemas.casework.events import EVENTS
from schemas.codec import Malformed
from schemas.names import Instant, OfficeId, OfficerId, seat_of, within
from schemas.register import REGISTER, EnquiryRecorded, Published, decode_record, may_write
from schemas.register_fold import Record, Register
from schemas.wire import is_line
from sync import repair
from sync.books import Books
from sync.ports import Disposition, EntryKey, Outcome, Stored

ENTRIES_READ: Final = 1000
"""Entries of one kind read at a time when the register is folded again: about 1 MiB."""


class Row(Struct, frozen=True):
    """An entry of the register as it is kept: its body is the entry's own, and sealed like it."""

    event: Published
    ordinal: int
    seq: int
    hash: bytes
    at: Instant
    body: bytes
    place: EntryKey

    @property
    def record(self) -> Record:
        """What the fold asks for."""
        return Record(self.event, self.ordinal, self.seq, self.hash)


class RegisterRows(Struct):
    """What one transaction changes in the tables of the register."""

    changes: dict[bytes, Row | None]
    """Entry's hash → its row; None = it no longer counts."""

    def pieces(self) -> "list[RegisterRows]":
        """The same row by row (RULINGS B11)."""
        return [RegisterRows({digest: row}) for digest, row in self.changes.items()]


def read_record(entry: Stored, seat: OfficeId | None) -> Published | Outcome:
    """What a device of `seat` says about no case, or why that cannot count."""
    if entry.kind in EVENTS:
        return Outcome("quarantined", NO_SUBJECT)
    if entry.kind not in REGISTER:
        return Outcome("unknown", "unknown_kind")
    if entry.body is None:
        return Outcome("held", NO_BODY)
    try:
        event = decode_record(entry.kind, entry.body)
    except Malformed as malformed:
        return Outcome("quarantined", malformed.code)
    # Of what the node says by itself there is no officer.
    if seat is None or seat != seat_of(event.office) or (event.officer and not is_of(event.officer, seat)):
        return Outcome("quarantined", FOREIGN_OFFICE)
    if not may_write(seat, event):
        return Outcome("quarantined", REGISTER_FOREIGN)
    return event


def is_of(officer: OfficerId, seat: OfficeId) -> bool:
    """Whether somebody works at this seat or a window of it: nobody puts another office's name under an entry."""
    return officer.startswith(seat) and officer[len(seat) : len(seat) + 1] in ("/", ".")


class RegisterBook:
    """The register of one node, the present transaction included, and the rows that it still has to write."""

    def __init__(self) -> None:
        self.register = Register()
        self.changes: dict[bytes, Row | None] = {}

    def take(self, books: Books, entry: Stored) -> tuple[Published | None, Outcome]:
        """Take an entry in: what it says, if it counts, and what becomes of it."""
        seat = books.seat_of_node(entry.journal.origin)
        event = read_record(entry, seat)
        if isinstance(event, Outcome):
            if event.state == "unknown":
                event.audience = audience_of(books, entry.kind, seat)
            return None, event
        ordinal, place = entry.epoch.ordinal, (entry.journal, entry.seq)
        row = Row(event, ordinal, entry.seq, entry.hash, entry.at, entry.body or b"", place)
        self.changes[entry.hash] = row
        if not isinstance(event, EnquiryRecorded):
            self.register.add(row.record)
        return event, Outcome(audience=audience_of(books, entry.kind, seat))

    def drain(self) -> RegisterRows | None:
        """The rows gathered since the last drain."""
        if not self.changes:
            return None
        changes, self.changes = self.changes, {}
        return RegisterRows(changes)

    def load(self, records: Iterable[Record]) -> None:
        """Begin anew with what is kept."""
        self.register = Register(records)
        self.changes = {}

    async def fold_again(self, books: Books) -> list[Disposition]:
        """Fold everything again from the entries. Returns every entry that stands otherwise than the store has it."""
        settled: list[Disposition] = []
        fresh = RegisterBook()
        for kind in REGISTER:
            after = 0
            while page := await books.store.entries_of_kind(kind, after=after, limit=ENTRIES_READ):
                after = page[-1].arrival
                settled += await fresh.fold_page(books, page)
        staged = [entry for entry in books.batch.entries if entry.subject is None and entry.kind in REGISTER]
        settled += await fresh.fold_page(books, staged)
        self.register = fresh.register
        self.changes |= fresh.changes
        return settled

    async def fold_page(self, books: Books, page: Sequence[Stored]) -> list[Disposition]:
        """Fold these entries. Returns those that stand otherwise than the store has it."""
        stated = {found.key: (found.state, found.code) for found in await books.store.dispositions(page)}
        settled: list[Disposition] = []
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
            if (outcome.state, outcome.code) != stated.get(key, ("", "")):
                settled.append(Disposition(key, outcome.state, outcome.code))
        return settled


def audience_of(books: Books, kind: str, author: OfficeId | None) -> frozenset[OfficeId]:
    """The seats below its author that must have an entry about no case, as far as they lie below ours too."""
    if author is None or rule_for_record(kind) is Audience.ABOVE:
        return frozenset()
    ours = books.seat.office
    if not (within(author, ours) or within(ours, author)):
        return frozenset()
    return books.seats_below(max(author, ours, key=len)) - {author}


async def records_for(books: Books, office: OfficeId) -> list[Stored]:
    """What a new device of `office` must be given: everything that counts, or is not understood here, from above it."""
    unknown = [disposition.key for disposition in await books.store.dispositions() if disposition.state == "unknown"]
    found = [*(await books.store.entries_at(unknown)).values(), *books.batch.entries]
    for kind in REGISTER:
        if rule_for_record(kind) is Audience.BELOW:
            found += await books.store.entries_of_kind(kind)
    wanted = {(entry.journal, entry.seq): entry for entry in found if _goes_to(books, entry, office)}
    return sorted(wanted.values(), key=lambda entry: entry.arrival)


def _goes_to(books: Books, entry: Stored, office: OfficeId) -> bool:
    author = books.seat_of_node(entry.journal.origin)
    if entry.subject is not None or is_line(entry.kind) or rule_for_record(entry.kind) is not Audience.BELOW:
        return False
    if author is None or author == office or not within(office, author) or not books.counts(entry):
        return False
    read = read_record(entry, author)
    return not isinstance(read, Outcome) or read.state == "unknown"
