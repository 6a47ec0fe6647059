"""One neighbour as seen from here: whose numbers stand where, what to send next, what has been shown about either side.

Sans-IO and synchronous: holds numbers, not entries; reads no clock; both ends of every boundary run this class. The
receiver's cursor always wins: a sender goes back, or forward, to where it is told (DESIGN 4). Next: `sync.ledger`
composes and admits pages by these numbers; `sync.courier` decides when.
"""

from enum import Enum

from schemas.codec import PAGE_ENTRIES_MAX
from schemas.names import Epoch, JournalId, NodeId, OfficeId
from schemas.wire import Cursor, Size, Want

Stream = tuple[int, Epoch]
"""(lane, outbox epoch): one numbered stream of an outbox (RULINGS A1)."""

Unsent = tuple[Epoch, int, int]
"""(outbox epoch, above, end): the numbers above + 1 … end of one stream."""

WINDOW_PAGES_MAX = 4
"""Pages in flight: hides the latency of a 600 ms line at 64 KiB a page (SYNC 4.4)."""

STATED_MAX = 131_072
"""Journals or streams that one neighbour may state: about what fits a page, and so much memory, no more. Forty villages
that start every working day come to it after thirteen years."""

RECENT_EPOCHS = 6
"""Newest journals of a device that are stated one by one; older ones in one digest. A device that starts every working
day may be a week ahead of its neighbour before a digest fails to fit."""

PAGE_ENTRIES_MIN = 1
PAGE_GROWTH_ENTRIES = 64


class Placement(Enum):
    """How an arriving stretch of numbers stands to the cursor."""

    NEXT = "next"
    HELD = "held"
    GAP = "gap"


class Link:
    """The state of one line. Durable parts are handed in and read back by the ledger; the rest is of this start."""

    def __init__(self, neighbour: NodeId, seat: OfficeId) -> None:
        self.neighbour = neighbour
        self.seat = seat
        self.ends: dict[Stream, int] = {}
        self.acknowledged: dict[Stream, int] = {}
        self.in_flight: dict[Stream, int] = {}
        self.held: dict[Stream, int] = {}
        self.moved: set[Stream] = set()
        self.rollbacks_shown: set[Stream] = set()
        self.quarantined = False
        self.epoch: Epoch | None = None
        self.page_entries = PAGE_ENTRIES_MAX
        self.window = 1
        # What each side has told the other about journal sizes (RULINGS A7), numbered so that changes suffice.
        self.heard: dict[JournalId, int] = {}
        self.heard_statement = 0
        self.news: set[JournalId] = set()
        """Journals whose stated size we have not yet compared, or not reached: what there may be to ask for."""
        self.told: dict[JournalId, int] = {}
        self.told_statement = 0
        self.told_change = 0
        self.confirmed: dict[JournalId, int] = {}
        self.confirmed_statement = 0
        self.confirmed_change = 0
        self.heard_fully = False
        self.unsettled: set[NodeId] = set()
        """Devices of which its digest does not fit what we hold: it is to list their journals."""
        self.to_list: set[NodeId] = set()
        """Devices whose journals its last page asked us to list."""
        self.seen_by_neighbour = 0
        self.echoed = False
        self.not_held: dict[JournalId, dict[int, int]] = {}
        """What it could not give us, by journal: start → number up to which it holds nothing else from there on."""
        self.wanting: set[Want] = set()
        self.given: dict[JournalId, int] = {}
        """On a second path: how far it got our own journals in this start of it (`sync.second_path`)."""
        self.looked_upto = 0
        """On a second path: the arrival up to which what came here was looked through for it, in this start of it."""
        self.strange = 0
        """Journals that we asked for, nothing of them being held, because a refused run came on this line."""

    # --- sending ---------------------------------------------------------------------------------------------------

    def post(self, lane: int, epoch: Epoch, count: int) -> int:
        """Take the next `count` numbers of a stream; returns the first."""
        end = self.ends.get((lane, epoch), 0)
        self.ends[(lane, epoch)] = end + count
        return end + 1

    def unsent(self, lane: int) -> list[Unsent]:
        """The lane's streams that hold numbers not yet sent, oldest epoch first."""
        streams: list[Unsent] = []
        for stream, end in self.ends.items():
            if stream[0] != lane or (above := self.acknowledged.get(stream, 0)) >= end:
                continue
            above = max(above, self.in_flight.get(stream, 0))
            if above < end:
                streams.append((stream[1], above, end))
        return sorted(streams) if len(streams) > 1 else streams

    def waiting(self) -> int:
        """How many numbers the neighbour has not yet acknowledged."""
        return sum(max(0, end - self.acknowledged.get(stream, 0)) for stream, end in self.ends.items())

    def sent(self, lane: int, epoch: Epoch, upto: int) -> None:
        """A page with these numbers is on its way."""
        self.in_flight[(lane, epoch)] = max(self.in_flight.get((lane, epoch), 0), upto)

    def beside(self, sent: dict[Stream, int], page_entries: int, *, is_first: bool) -> "Link":
        """A link to compose a page for a stick with: behind `sent`, which it moves on, whatever is in flight on the
        line. The first page states everything, whoever has heard what; further ones nothing that it has stated.
        """
        speaker = Link(self.neighbour, self.seat)
        vars(speaker).update(vars(self))
        speaker.in_flight, speaker.page_entries = sent, page_entries
        speaker.confirmed = dict(self.confirmed)
        speaker.seen_by_neighbour = 0 if is_first else self.told_statement
        return speaker

    def after_stick(self, speaker: "Link") -> None:
        """Take over what `speaker` stated: no other statement may bear its number. The line goes on as if the page had
        been lost.
        """
        self.told, self.told_statement, self.told_change = speaker.told, speaker.told_statement, speaker.told_change

    def exchange_succeeded(self) -> None:
        """A page came through: larger pages and a wider window (additive increase)."""
        self.page_entries = min(PAGE_ENTRIES_MAX, self.page_entries + PAGE_GROWTH_ENTRIES)
        self.window = min(WINDOW_PAGES_MAX, self.window + 1)

    def exchange_failed(self) -> None:
        """A page or its answer was lost: forget what was in flight, halve (multiplicative decrease)."""
        self.in_flight.clear()
        self.given.clear()
        self.page_entries = max(PAGE_ENTRIES_MIN, self.page_entries // 2)
        self.window = 1

    # --- what the neighbour states -----------------------------------------------------------------------------------

    def hear_epoch(self, epoch: Epoch) -> bool:
        """The neighbour's writing epoch. True when it started anew: its memory of our statements is gone."""
        if self.epoch == epoch:
            return False
        self.epoch = epoch
        self.heard.clear()
        self.heard_statement = 0
        self.heard_fully = False
        self.unsettled.clear()
        self.news.clear()
        self._unconfirm()
        self.seen_by_neighbour = 0
        self.echoed = False
        self.in_flight.clear()
        self.not_held.clear()
        self.wanting.clear()
        self.given.clear()
        self.looked_upto = 0
        return True

    def hear_cursors(self, cursors: list[Cursor], ours: set[Epoch], *, full: bool) -> list[Stream]:
        """Overwrite what we remembered. Returns streams of this very device whose stated number lies beyond their end.

        A full statement names every stream of which anything is held; otherwise only those that moved. Each such stream
        proves once that we were rolled back (RULINGS A1); it never skips numbers of another epoch.
        """
        shown: list[Stream] = []
        if not cursors and not full:
            return shown
        stated: dict[Stream, int] = {(cursor.lane, cursor.epoch): cursor.number for cursor in cursors}
        for stream, end in self.ends.items():
            if stream not in stated and not full:
                continue
            number = min(stated.get(stream, 0), end)
            if number < self.acknowledged.get(stream, 0):
                self.in_flight.pop(stream, None)
            self.acknowledged[stream] = number
        for stream, number in stated.items():
            beyond = number > self.ends.get(stream, 0)
            if beyond and stream[1] in ours and stream not in self.rollbacks_shown:
                self.rollbacks_shown.add(stream)
                shown.append(stream)
        return shown

    def hear_sizes(self, statement: int, full: bool, sizes: list[Size]) -> None:
        """The neighbour's statement of journal sizes: a full one replaces, a change updates unless it comes late.

        A change to a full statement that this start never heard says nothing: it is not counted as heard, so that the
        neighbour states everything again.
        """
        if not full and (statement <= self.heard_statement or not self.heard_fully):
            return
        if full:
            self.heard, self.news, self.unsettled = {}, set(), set()
            self.heard_fully = True
        for size in sizes:
            if len(self.heard) >= STATED_MAX and size.journal not in self.heard:
                continue
            self.heard[size.journal] = size.size
            self.news.add(size.journal)
            self.ask_again(size.journal)
        self.heard_statement = statement

    def doubt(self, unsettled: set[NodeId]) -> None:
        """A part of the full statement could not be read: it is not counted as heard, and is made again with a list."""
        self.unsettled = unsettled
        self.heard_fully = False
        self.heard_statement = 0

    def ask_again(self, journal: JournalId) -> None:
        """The neighbour holds more of a journal now than when it could not answer."""
        if self.not_held:
            self.not_held.pop(journal, None)

    def want_anew(self, journal: JournalId) -> None:
        """What the neighbour gave of a journal was refused. It has to know from where on we want it: what we hold of
        what it gave us itself is said again too.
        """
        self.ask_again(journal)
        self.confirmed.pop(journal, None)
        self.told.pop(journal, None)

    def could_not_give(self, journal: JournalId, start: int, upto: int) -> None:
        """Asked for a journal from `start` on, it gave what it could; below `upto` it holds nothing else."""
        self.not_held.setdefault(journal, {})[start] = upto

    def beyond_holes(self, journal: JournalId, start: int) -> int:
        """From where on it may still hold something, of what follows `start`."""
        answered = self.not_held.get(journal, {})
        while start in answered:
            start = answered[start]
        return start

    # --- what we state -----------------------------------------------------------------------------------------------

    def told_until(self, seen: int) -> int:
        """The change of ours up to which the neighbour knows our journals' sizes; 0: it is to be told everything.

        `seen` is the statement of ours that the neighbour last saw.
        """
        if self.confirmed_statement < seen == self.told_statement:
            self.confirmed |= self.told
            self.confirmed_statement, self.confirmed_change = seen, self.told_change
        # A neighbour that a late page took back behind what it had confirmed is told everything again; so is one that
        # saw what we forgot, because a failed commit made us read our books again.
        if not max(1, self.confirmed_statement) <= seen <= self.told_statement:
            self._unconfirm()
            return 0
        return self.confirmed_change

    def _unconfirm(self) -> None:
        self.confirmed = {}
        self.confirmed_statement = self.confirmed_change = 0

    def state_sizes(self, sizes: dict[JournalId, int], seen: int, change: int = 0) -> tuple[int, bool, list[Size]]:
        """(statement number, full, sizes) to put on the next page; number 0 says nothing new.

        `sizes`: of every journal that changed since `told_until(seen)`, as of our `change`; what the neighbour has
        confirmed is not said again.
        """
        self.told_until(seen)
        full = not max(1, self.confirmed_statement) <= seen <= self.told_statement
        changed = [Size(j.origin, j.epoch, size) for j, size in sizes.items() if self.confirmed.get(j) != size]
        if not changed and not full:
            return 0, False, []
        self.told, self.told_change = dict(sizes), change
        self.told_statement = max(self.told_statement, seen) + 1
        return self.told_statement, full, changed

    # --- receiving ---------------------------------------------------------------------------------------------------

    def place(self, lane: int, epoch: Epoch, first: int, count: int) -> Placement:
        """Where an arriving stretch stands: next (it may overlap), wholly held, or beginning above the cursor."""
        held = self.held.get((lane, epoch), 0)
        if first != held + 1:
            # The neighbour takes us to be elsewhere (a late page, or a copy of this machine, spoke to it): say where.
            self.moved.add((lane, epoch))
        if first > held + 1:
            return Placement.GAP
        return Placement.NEXT if first + count - 1 > held else Placement.HELD

    def hold(self, lane: int, epoch: Epoch, number: int) -> None:
        """Our durable cursor moved."""
        self.held[(lane, epoch)] = number
        self.moved.add((lane, epoch))

    def cursors(self, *, full: bool = True) -> list[Cursor]:
        """What we durably hold of the neighbour's outbox: every stream at first, then those that moved since."""
        streams = self.held if full else self.moved
        if not streams:
            return []
        return sorted(Cursor(lane, epoch, self.held.get((lane, epoch), 0)) for lane, epoch in streams)
