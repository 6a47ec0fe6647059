"""Between which instants an entry was written, as far as others' signatures say so (AUDIT 1.4, RULINGS B8, B9).

*Not before* is what the entry's own device had already seen when it wrote it: the county's beacons that it pinned and
the receipts that it acknowledged, earlier in the same journal or in the one of which its epoch is the continuation; and
what was seen before the entries that this one names by their hash. *Not after* is the first receipt that covers it.
Pure. A claimed `at` is never read here. Next: `hub.audit.anchoring`, which takes pins and receipts out of entries.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence

from hub.audit.dossier import Bracket
from schemas.names import Instant


class Timeline:
    """What is known of the times of one journal."""

    __slots__ = ("_ends", "_seen_at", "_seen_seqs", "_sizes", "base")

    def __init__(
        self,
        base: Instant | None = None,
        anchors: Iterable[tuple[int, Instant]] = (),
        receipts: Iterable[tuple[int, Instant]] = (),
    ) -> None:
        """`base`: no entry was written before it. `anchors`: (seq, instant), every later entry was written after it.
        `receipts`: (size, instant), the entries below that size were written before it.
        """
        self.base = base
        self._seen_seqs: list[int] = []
        self._seen_at: list[Instant] = []
        self._sizes: list[int] = []
        self._ends: list[Instant] = []
        for seq, at in sorted(anchors):
            self.see(seq, at)
        for size, at in sorted(receipts):
            self.receive(size, at)

    def see(self, seq: int, at: Instant) -> None:
        """Entry `seq` names something that was signed at `at`."""
        place = bisect_left(self._seen_seqs, seq)
        before = self._seen_at[place - 1] if place else self.base
        if before is not None and before >= at:
            return
        end = place
        while end < len(self._seen_at) and self._seen_at[end] <= at:
            end += 1
        self._seen_seqs[place:end] = [seq]
        self._seen_at[place:end] = [at]

    def receive(self, size: int, at: Instant) -> None:
        """Somebody signed at `at` that it holds the first `size` entries."""
        place = bisect_left(self._sizes, size)
        if place < len(self._ends) and self._ends[place] <= at:
            return
        end = place + (place < len(self._sizes) and self._sizes[place] == size)
        start = place
        while start and self._ends[start - 1] >= at:
            start -= 1
        self._sizes[start:end] = [size]
        self._ends[start:end] = [at]

    def not_before(self, seq: int) -> Instant | None:
        """The latest instant that entry `seq` was provably written after."""
        place = bisect_left(self._seen_seqs, seq)
        return self._seen_at[place - 1] if place else self.base

    def not_after(self, seq: int) -> Instant | None:
        """The earliest instant that entry `seq` was provably written before."""
        place = bisect_right(self._sizes, seq)
        return self._ends[place] if place < len(self._ends) else None


UNKNOWN = Timeline()
"""Of a journal of which nothing was ever pinned or receipted."""


def chained(own: Sequence[Bracket], names: Sequence[Sequence[bytes]], places: Mapping[bytes, int]) -> list[Bracket]:
    """Brackets of entries in an order in which each comes after those that it names by their hash.

    `own`: what their journals say. `names`: the hashes that each names. `places`: hash → position; a name that is not
    among them, or stands later, proves nothing.
    """
    found: list[Bracket] = []
    for position, bracket in enumerate(own):
        latest = bracket.not_before
        for name in names[position]:
            place = places.get(name, position)
            before = found[place].not_before if place < position else None
            if before is not None and (latest is None or before > latest):
                latest = before
        found.append(bracket if latest is bracket.not_before else Bracket(latest, bracket.not_after))
    return found
