"""The state of the line in a few words (all sent, N waiting, no contact) and in detail for its page.

Offline is told as a promise, not as an alarm: what is saved here goes up by itself (UI 5, rules 8 and 9). House-keeping
is not counted: nobody waits for it (RULINGS A9). Reads books and store, changes nothing. Next: `sync.courier`.
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct

from office.web.i18n import Language, n_, translate
from schemas.names import Instant, JournalId, NodeId, OfficeId
from schemas.wire import is_line
from sync.books import Books
from sync.core.link import Link
from sync.ports import Clock, Store, Stored

COUNTED_MAX: Final = 200
"""Waiting entries that are looked at one by one; beyond it the page says «more than»."""

SILENT_MS: Final = 26 * 3600 * 1000
"""A node talks at least once a day (RULINGS A9); two hours of grace."""


class LineState(StrEnum):
    """How the line upward stands."""

    TOP = "top"
    """The county: nobody is above."""
    SENT = "sent"
    WAITING = "waiting"
    SILENT = "silent"
    """Nobody above was heard for more than a day, or ever: nothing goes up, and no decision comes down."""


class Neighbour(Struct, frozen=True):
    """One link, for the page of the line."""

    office: OfficeId
    node: NodeId
    waiting: int
    is_more: bool
    oldest_at: Instant | None
    last_heard: Instant | None
    is_quarantined: bool
    is_silent: bool
    """Not heard for more than a day, or ever."""


class Pill(Struct, frozen=True):
    """The line in the page's bar."""

    state: LineState
    waiting: int
    is_more: bool
    last_heard: Instant | None


SENTENCES: Final = {
    LineState.TOP: n_("County node"),
    LineState.SENT: n_("All sent"),
    LineState.WAITING: n_("%(count)s waiting to be sent"),
    LineState.SILENT: n_("No contact; %(count)s saved here"),
}
NO_CONTACT: Final = n_("No contact")


def sentence(pill: Pill, language: Language) -> str:
    """The pill in words."""
    if pill.state in (LineState.TOP, LineState.SENT):
        return translate(SENTENCES[pill.state], language)
    if not pill.waiting:
        return translate(NO_CONTACT, language)
    count = f"{pill.waiting}+" if pill.is_more else str(pill.waiting)
    return translate(SENTENCES[pill.state], language, count=count)


async def pill_of(books: Books, store: Store, clock: Clock) -> Pill:
    """The line upward, for the bar of every page."""
    if books.parent is None:
        return Pill(LineState.TOP, 0, is_more=False, last_heard=None)
    link = books.links.get(books.parent)
    heard = _last_heard(books, books.parent)
    if link is None:
        return Pill(LineState.SILENT, 0, is_more=False, last_heard=heard)
    waiting, is_more, _ = await count_waiting(link, store)
    state = LineState.WAITING if waiting else LineState.SENT
    return Pill(LineState.SILENT if _is_silent(heard, clock) else state, waiting, is_more, heard)


async def neighbours_of(books: Books, store: Store) -> list[Neighbour]:
    """Every link of this node: the one above first."""
    nodes = [*([books.parent] if books.parent is not None else []), *books.children.values()]
    found: list[Neighbour] = []
    for node in nodes:
        link = books.links.get(node)
        if link is None:
            continue
        waiting, is_more, oldest_at = await count_waiting(link, store)
        heard = _last_heard(books, node)
        is_silent = _is_silent(heard, books.clock)
        found.append(Neighbour(link.seat, node, waiting, is_more, oldest_at, heard, link.quarantined, is_silent))
    return found


def _is_silent(heard: Instant | None, clock: Clock) -> bool:
    return heard is None or clock.now() - heard > SILENT_MS


def _last_heard(books: Books, node: NodeId) -> Instant | None:
    memory = books.memories.get(node)
    return memory.last_heard if memory is not None and memory.last_heard else None


async def count_waiting(link: Link, store: Store) -> tuple[int, bool, Instant | None]:
    """(entries that are work and not yet acknowledged, whether there are more, claimed time of the oldest)."""
    stretches: list[tuple[JournalId, int, int]] = []
    total = 0
    for (lane, epoch), end in sorted(link.ends.items()):
        above = link.acknowledged.get((lane, epoch), 0)
        total += max(0, end - above)
        if above < end:
            rows = await store.outbox(link.neighbour, lane, epoch, above, COUNTED_MAX)
            stretches += [(row.journal, row.seq + max(0, above + 1 - row.number), row.seq + row.count) for row in rows]
    work = [entry.at for entry in await _entries(stretches, store) if not is_line(entry.kind)]
    return len(work), total > COUNTED_MAX, min(work, default=None)


async def _entries(stretches: list[tuple[JournalId, int, int]], store: Store) -> list[Stored]:
    """At most `COUNTED_MAX` entries; stretches that follow each other are read at once."""
    merged: list[tuple[JournalId, int, int]] = []
    for journal, start, stop in sorted(stretches):
        if merged and merged[-1][0] == journal and merged[-1][2] >= start:
            merged[-1] = (journal, merged[-1][1], max(stop, merged[-1][2]))
        else:
            merged.append((journal, start, stop))
    found: list[Stored] = []
    for journal, start, stop in merged:
        room = COUNTED_MAX - len(found)
        if room <= 0:
            break
        found += await store.entries(journal, start, min(stop, start + room))
    return found
