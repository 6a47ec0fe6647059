"""What the looks for integrity findings have in common: the small tables of the county's books, read once a run.

Findings of the post, one receipt row a journal and holder, beacons, certificates, revocations, the pins of the last ten
days. No entry is walked. Judges nothing. Next: `hub.audit.integrity_reading`, `hub.audit.integrity_devices`.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Final

from msgspec import Struct

from hub.audit.integrity import Workdays, whole_days
from hub.audit.integrity_proofs import held_at
from schemas.names import Instant, JournalId, NodeId
from schemas.slips import SlipStatement
from schemas.wire import (
    KIND_BEACON,
    KIND_ENROLLED,
    KIND_EPOCH_OPENED,
    KIND_PINNED,
    KIND_REVOKED,
    Beacon,
    Enrolled,
    EpochOpened,
    Pinned,
    Revoked,
)
from sync.books import REFUSALS, Books, line_body
from sync.ports import Evidence, ReceiptRow, Stored

RECENT_BEACONS: Final = 10
"""Days of pins that are looked at: who was silent longer is silent, and a seat says daily what it lacks."""

RECENT_OPENINGS: Final = 20
"""The county's own last starts: whether one of them followed a restore."""

DAMAGE: Final = REFUSALS | {"fork_suspected", "malformed", "gap", "unknown_origin"}
"""Findings of the post that a relay, a line or a disk may have caused."""

PAGE_MS: Final = 600_000
"""A receipt is written behind the page that brought something: what the same page brought damaged is a little older."""

CHUNK: Final = 1000
"""Entries read at once."""


class Asked(Struct, frozen=True):
    """What a run is told besides the county's books."""

    now: Instant
    known: Collection[tuple[str, str]] = frozenset()
    """(code, key) of red findings that are kept and stand: for those no file is built again. Others may rise."""
    slips: Sequence[tuple[SlipStatement, Instant]] = ()
    """Residents' slips whose entry was not here, or another, when they were presented, and when that was, by the
    county's clock (`office.slip_checks`)."""
    faults: Sequence[tuple[str, str]] = ()
    """(code, where) of the last verification of the county's own store (`office.verifying`)."""
    workdays: Workdays = whole_days


class Look:
    """One run: what it was told and what it has read."""

    def __init__(self, books: Books, asked: Asked) -> None:
        self.books = books
        self.asked = asked
        self.now = asked.now
        self.evidence: list[Evidence] = []
        self.receipts: list[ReceiptRow] = []
        self.receipts_of: defaultdict[JournalId, list[ReceiptRow]] = defaultdict(list)
        self.settled_at = Instant(0)
        self.disturbed: set[NodeId] = set()
        """Devices of which it is no wonder that they forgot something."""
        self.beacons: list[tuple[Stored, Beacon]] = []
        self.pins: list[tuple[Stored, Pinned]] = []
        self.pinned: dict[NodeId, Instant] = {}
        """Device → the time of the latest beacon that it named lately."""
        self.revoked: list[tuple[Stored, Revoked]] = []
        self.enrolled: list[tuple[Stored, Enrolled]] = []

    async def load(self) -> None:
        """What several looks need. Findings of the post, which may be large, are read only where there are any."""
        store = self.books.store
        if await self._has_news():
            self.evidence = await store.evidence()
        self.receipts = await store.receipts()
        for row in self.receipts:
            self.receipts_of[row.journal].append(row)
        self.beacons = [
            (entry, beacon)
            for entry in await store.entries_of_kind(KIND_BEACON)
            if (beacon := line_body(entry, Beacon)) is not None and self.is_ours(entry)
        ]
        self.pins = await self._recent_pins()
        for entry, pinned in self.pins:
            origin = entry.journal.origin
            self.pinned[origin] = Instant(max(self.pinned.get(origin, 0), pinned.beacon_at or 0))
        revoked = await store.entries_of_kind(KIND_REVOKED)
        self.revoked = [(entry, body) for entry in revoked if (body := line_body(entry, Revoked)) is not None]
        enrolled = await store.entries_of_kind(KIND_ENROLLED)
        self.enrolled = [(entry, body) for entry in enrolled if (body := line_body(entry, Enrolled)) is not None]
        self.disturbed = await self._find_disturbed()
        self.settled_at = await self._settled_at()

    async def _has_news(self) -> bool:
        return bool(await self.books.store.found({"fork", "rollback", *DAMAGE}))

    def asked_at(self, journal: JournalId) -> Instant | None:
        """Since when something of a journal was refused here that has not come since, by the county's clock."""
        brought = self.brought_at(journal)
        refused = [
            evidence.at
            for evidence in self.evidence
            if evidence.code in DAMAGE and evidence.journal == journal and evidence.at > brought - PAGE_MS
        ]
        return min(refused, default=None)

    def brought_at(self, journal: JournalId) -> Instant:
        """When the county last signed for work in a journal."""
        own = self.books.seat.office
        rows = self.receipts_of.get(journal, ())
        return Instant(max((row.at for row in rows if row.office == own), default=0))

    def heard_at(self, node: NodeId) -> Instant:
        """When a device was last heard: by its line to the county, or by the county's beacon that it named."""
        memory = self.books.memories.get(node)
        return Instant(max(self.pinned.get(node, 0), memory.last_heard if memory is not None else 0))

    def is_ours(self, entry: Stored) -> bool:
        """Whether a device of the county wrote it."""
        return self.books.seat_of_node(entry.journal.origin) == self.books.seat.office

    async def _recent_pins(self) -> list[tuple[Stored, Pinned]]:
        after = self._recent_arrival()
        found: list[tuple[Stored, Pinned]] = []
        while page := await self.books.store.entries_of_kind(KIND_PINNED, after=after, limit=CHUNK):
            after = page[-1].arrival
            found += [
                (entry, body)
                for entry in page
                if (body := line_body(entry, Pinned)) is not None and self.books.counts(entry)
            ]
        return found

    async def _find_disturbed(self) -> set[NodeId]:
        """Devices that were restored, replaced or given up in the last days, whether they say so or it shows."""
        found = {one.journal.origin for one in self.evidence if one.code == "rollback" and one.at > self._recent_at()}
        found |= {body.node for entry, body in self.revoked if entry.arrival > self._recent_arrival()}
        for entry, enrolled in self.enrolled:
            enrolment = enrolled.certificate.enrolment
            if enrolment.replaces is not None and entry.arrival > self._recent_arrival():
                found |= {enrolment.node, enrolment.replaces}
        after = self._recent_arrival()
        while page := await self.books.store.entries_of_kind(KIND_EPOCH_OPENED, after=after, limit=CHUNK):
            after = page[-1].arrival
            bodies = [(entry, line_body(entry, EpochOpened)) for entry in page]
            found |= {entry.journal.origin for entry, body in bodies if body is not None and body.restored}
        return found

    def _recent_arrival(self) -> int:
        return self.beacons[-RECENT_BEACONS][0].arrival if len(self.beacons) >= RECENT_BEACONS else 0

    def _recent_at(self) -> Instant:
        return self.beacons[-RECENT_BEACONS][1].at if len(self.beacons) >= RECENT_BEACONS else Instant(0)

    async def _settled_at(self) -> Instant:
        """When this store was last restored, or this device took the place of another: as far as either is known."""
        books = self.books
        own = sorted(books.epochs_of.get(books.seat.node, ()), key=lambda journal: journal.epoch)
        shown = {epoch for link in books.links.values() for _, epoch in link.rollbacks_shown}
        latest = Instant(0)
        for journal in own[-RECENT_OPENINGS:]:
            opening = await held_at(books, (journal, 0))
            opened = line_body(opening, EpochOpened) if opening is not None else None
            if opening is None or opened is None:
                continue
            was_forgotten = opened.parent is not None and opened.parent.epoch in shown
            if opened.restored or was_forgotten:
                latest = Instant(max(latest, opening.at))
        return Instant(max(latest, books.seat.enrolment.at)) if books.seat.enrolment.replaces is not None else latest

    def is_lost(self, node: NodeId) -> bool:
        """Whether a device is revoked, or another one took its place."""
        return self.books.keyring.is_revoked(node) or node in self.books.predecessors.values()

    def is_known(self, code: str, key: str) -> bool:
        """Whether this finding is kept already: then no file is built again."""
        return (code, key) in self.asked.known
