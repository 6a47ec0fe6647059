"""What an imported log shows as a whole: activities, variants, what follows what, how long, how often again, by whom.

One pass over the events in order; what can be many (variants, pairs, spans) goes to the scratch store and is counted
there. An event without an activity has no place in what follows what, one without a resource in no handover: nothing is
guessed. Quantiles are of type 7 (R's and NumPy's default). Next: `hub.audit.importing`.
"""

import hashlib
from collections import Counter
from typing import Any, Final

from hub.audit.log_store import LogStore, Row

VARIANTS_TOLD: Final = 10
VARIANT_ACTIVITIES_TOLD: Final = 1_000
"""Of one variant: the longest real ones have some hundred."""
PAIRS_TOLD: Final = 10_000
HANDOVERS_TOLD: Final = 50
HELD_MAX: Final = 50_000
"""Counts in memory before they are added to the store's: about 10 MB."""

_FOLLOWS: Final = 0
_HANDOVERS: Final = 1
_SECOND_US: Final = 1_000_000
_QUANTILES: Final = (("q25", 0.25), ("median", 0.5), ("q75", 0.75), ("p90", 0.9))


class Figures:
    """Counts of one log. Tell it every event in order (`event`), and when a trace has ended (`end`)."""

    def __init__(self, store: LogStore) -> None:
        self._store = store
        self._activities: Counter[int] = Counter()
        self._again: Counter[int] = Counter()
        """Activity → cases in which it occurs more than once."""
        self._cases_again = self._events_again = 0
        self._cases_tied = self._events_tied = 0
        self._cases_handed = self._handovers = 0
        self._pairs: Counter[tuple[int, int, int]] = Counter()
        self._variants: dict[bytes, tuple[int, int]] = {}
        self._spans: list[int] = []
        self._sum = 0
        self._begin()

    def _begin(self) -> None:
        self.seen: Counter[int] = Counter()
        """Activities of the case so far."""
        self._name = hashlib.sha256()
        self._last: Row | None = None
        self._first_at: int | None = None
        self._last_at: int | None = None
        self._ties = self._handed = 0

    def event(self, row: Row) -> None:
        """The next event of the case."""
        activity, last = row.activity, self._last
        self._name.update((-1 if activity is None else activity).to_bytes(4, "big", signed=True))
        if activity is not None:
            self.seen[activity] += 1
            if last is not None and last.activity is not None:
                self._pairs[(_FOLLOWS, last.activity, activity)] += 1
        giver = last.resource if last is not None else None
        if giver is not None and row.resource is not None and giver != row.resource:
            self._handed += 1
            self._pairs[(_HANDOVERS, giver, row.resource)] += 1
        at = row.at
        if at is not None:
            if self._first_at is None:
                self._first_at = at
            self._ties += at == self._last_at
            self._last_at = at
        self._last = row
        if len(self._pairs) >= HELD_MAX:
            self._keep_pairs()

    def end(self, trace: int) -> None:
        """The case has ended."""
        self._activities += self.seen
        again = [activity for activity, count in self.seen.items() if count > 1]
        self._again.update(again)
        self._cases_again += bool(again)
        self._events_again += sum(self.seen[activity] - 1 for activity in again)
        self._events_tied += self._ties
        self._cases_tied += bool(self._ties)
        self._handovers += self._handed
        self._cases_handed += bool(self._handed)
        if self._first_at is not None and self._last_at is not None:
            self._spans.append(self._last_at - self._first_at)
        digest = self._name.digest()[:16]
        count, first = self._variants.get(digest, (0, trace))
        self._variants[digest] = count + 1, first
        if len(self._variants) >= HELD_MAX or len(self._spans) >= HELD_MAX:
            self._keep_cases()
        self._begin()

    def told(self) -> dict[str, Any]:
        """The figures, once every event was told."""
        self._keep_pairs()
        self._keep_cases()
        return {
            "activities": self._told_activities(),
            "variants": self._told_variants(),
            "directly_follows": self._told_follows(),
            "throughput_seconds": self._told_throughput(),
            "rework": {
                "cases": self._cases_again,
                "events": self._events_again,
                "activities": [
                    {"activity": self._store.activity_name(activity), "cases": cases}
                    for activity, cases in self._by_count(self._again)
                ],
            },
            "handovers": self._told_handovers(),
            "ties": {"events": self._events_tied, "cases": self._cases_tied},
        }

    # --- keeping -----------------------------------------------------------------------------------------------------

    def _keep_pairs(self) -> None:
        self._store.add_pairs((*pair, count) for pair, count in self._pairs.items())
        self._pairs.clear()

    def _keep_cases(self) -> None:
        self._store.add_variants((digest, count, trace) for digest, (count, trace) in self._variants.items())
        self._store.keep_spans(self._spans)
        self._sum += sum(self._spans)
        self._variants.clear()
        self._spans.clear()

    # --- telling -----------------------------------------------------------------------------------------------------

    def _by_count(self, counts: Counter[int]) -> list[tuple[int, int]]:
        names = self._store.activities
        return sorted(counts.items(), key=lambda one: (-one[1], names[one[0]]))

    def _told_activities(self) -> list[dict[str, Any]]:
        return [
            {"activity": self._store.activity_name(activity), "count": count}
            for activity, count in self._by_count(self._activities)
        ]

    def _told_variants(self) -> dict[str, Any]:
        total = next(self._store.select("SELECT count(*) FROM variants"))[0]
        most = self._store.select("SELECT count, trace FROM variants ORDER BY count DESC, trace LIMIT ?", VARIANTS_TOLD)
        top: list[dict[str, Any]] = []
        for count, trace in list(most):
            activities, length = self._store.sequence(trace, VARIANT_ACTIVITIES_TOLD)
            top.append({"count": count, "length": length, "activities": activities})
        return {"count": total, "top": top}

    def _told_follows(self) -> list[dict[str, Any]]:
        names = self._store.activities
        rows = self._store.select(
            "SELECT one, other, count FROM pairs WHERE kind = ? ORDER BY count DESC, one, other LIMIT ?",
            *(_FOLLOWS, PAIRS_TOLD),
        )
        counts: list[tuple[int, int, int]] = list(rows)
        most = sorted((-count, names[one], names[other]) for one, other, count in counts)
        return [{"from": one, "to": other, "count": -count} for count, one, other in most]

    def _told_handovers(self) -> dict[str, Any]:
        name = self._store.resource_name
        rows = self._store.select(
            "SELECT one, other, count FROM pairs WHERE kind = ? ORDER BY count DESC, one, other LIMIT ?",
            *(_HANDOVERS, HANDOVERS_TOLD),
        )
        counts: list[tuple[int, int, int]] = list(rows)
        most = sorted((-count, name(one), name(other)) for one, other, count in counts)
        pairs = [{"from": one, "to": other, "count": -count} for count, one, other in most]
        return {"count": self._handovers, "cases": self._cases_handed, "pairs": pairs}

    def _told_throughput(self) -> dict[str, Any]:
        database = self._store.database
        count = next(self._store.select("SELECT count(*) FROM spans"))[0]
        if not count:
            return {"cases": 0}
        database.execute("CREATE INDEX spans_in_order ON spans (span)")
        told: dict[str, Any] = {"cases": count, "min": self._quantile(count, 0.0)}
        told |= {name: self._quantile(count, share) for name, share in _QUANTILES}
        told |= {"max": self._quantile(count, 1.0), "mean": round(self._sum / count / _SECOND_US, 6)}
        return told

    def _quantile(self, count: int, share: float) -> float:
        """Type 7: between the two nearest of the ordered values, in seconds."""
        place = (count - 1) * share
        below = int(place)
        rows = self._store.select("SELECT span FROM spans ORDER BY span LIMIT 2 OFFSET ?", below)
        values = [row[0] for row in rows]
        return round((values[0] + (place - below) * (values[-1] - values[0])) / _SECOND_US, 6)
