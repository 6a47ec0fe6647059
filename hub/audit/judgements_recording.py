"""Judgement on what is missing: P19 under-recording. Swept by village and item, since nothing arrives that shows it.

Next: `hub.audit.rules`.
"""

from collections.abc import Iterator
from datetime import timedelta

from hub.audit.dossier import Counts, Recording
from hub.audit.rule import Hit, Limits, Severity
from schemas.casework.clocks import day_of
from schemas.catalogue import is_suspended


def under_recording(recording: Recording, limits: Limits) -> Iterator[Hit]:
    """P19: a village files less than a fifth of its usual month of an item, while its neighbours file as ever."""
    item, own = recording.item, recording.own
    if item is None or _was_suspended(recording) or _is_silent(recording, limits):
        return
    usual = _median(own.months)
    if usual < limits["recording_median_min"] or own.last_30_days * 100 >= limits["recording_share_max"] * usual:
        return
    shares = [share for share in map(_share, recording.peers) if share is not None]
    # Without neighbours nothing tells a season from silence.
    if not shares or _median(shares) < limits["recording_peers_min"]:
        return
    facts = {"item": item.code, "cases": own.last_30_days, "usual": usual, "peers_percent": _median(shares)}
    key = f"{item.code}:{recording.today.year:04d}-{recording.today.month:02d}"
    yield Hit(Severity.YELLOW, recording.village, (recording.last_filing,), facts, key=key)


def _share(peer: Counts) -> int | None:
    """A neighbour's last 30 days in percent of its usual month; None where it has no usual month."""
    usual = _median(peer.months)
    return peer.last_30_days * 100 // usual if usual else None


def _median(values: tuple[int, ...] | list[int]) -> int:
    """The middle value, the lower of two; 0 for too few months."""
    if not values:
        return 0
    return sorted(values)[(len(values) - 1) // 2]


def _was_suspended(recording: Recording) -> bool:
    """Whether the item could not be filed on all of the last 30 days."""
    assert recording.item is not None
    days = (recording.today - timedelta(days=number) for number in range(30))
    return any(is_suspended(recording.item, day) for day in days)


def _is_silent(recording: Recording, limits: Limits) -> bool:
    """The county has not heard from the village of late: its cases may wait on the line."""
    heard = recording.heard_until
    return heard is not None and day_of(heard) < recording.today - timedelta(days=limits["recording_silence_days"])
