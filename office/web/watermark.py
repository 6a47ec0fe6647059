"""What the county holds of this computer and sent to it, in words for the page of the line (存量说明).

Told as a comparison, never as an accusation: what the county holds is behind what is here by the length of the line.
After 72 hours without a word there is a notice of what to do, no alarm. Shows counts and days, no case and no person.
Reads books and store, changes nothing. Next: `sync.watermarks` (what was heard), `sync.second_path` (silence).
"""

from typing import Final

from msgspec import Struct

from schemas.names import Instant, JournalId
from schemas.wire import is_line
from sync import second_path, watermarks
from sync.books import Books
from sync.ports import Store
from sync.second_path import CountyState, Silence

COUNTED_MAX: Final = 200
"""Entries behind what the county stated that are looked at one by one; beyond it the page says «more than»."""


class HeldView(Struct, frozen=True):
    """One journal of this computer: of one of its starts."""

    ordinal: int
    """Which start."""
    held: int
    """Up to which number the county holds it, as it last said."""
    here: int
    """How many there are here."""
    behind: int
    """Entries behind that number that are work."""
    is_more: bool


class WatermarkView(Struct, frozen=True):
    """The section of the page."""

    as_of: Instant | None
    """The beacon of the last watermark; None: the county has stated nothing about this computer yet."""
    beacon_came_at: Instant | None
    """When the county's last beacon came, by this computer's clock."""
    heads: list[HeldView]
    missing: int
    """Entries that went to this office by the county's list and are not here."""
    missing_since: Instant | None
    is_skipped: bool
    """A statement between two others did not come."""
    silence: Silence
    has_second_path: bool
    """This is a village: it may speak with the county itself …"""
    knows_address: bool
    """… over the line, for its address is known."""
    county: CountyState | None


async def watermark_view(
    books: Books, store: Store, now: Instant, *, knows_address: bool, county: CountyState | None
) -> WatermarkView | None:
    """What to show; None at the county, which makes the statements."""
    if books.parent is None:
        return None
    heard = watermarks.heard(books)
    memory = books.memories.get(books.seat.node)
    came_at = memory.beacon_came_at or None if memory is not None else None
    silence, has_one = second_path.silence(books, now), second_path.has_one(books)
    if heard is None:
        return WatermarkView(None, came_at, [], 0, None, False, silence, has_one, knows_address, county)
    heads = [await _held(books, store, JournalId(head.origin, head.epoch), head.size) for head in reversed(heard.heads)]
    since = min((at for _, at in heard.lacking), default=None)
    missing, skipped = len(heard.lacking), bool(heard.skipped)
    return WatermarkView(
        heard.beacon_at, came_at, heads, missing, since, skipped, silence, has_one, knows_address, county
    )


async def _held(books: Books, store: Store, journal: JournalId, size: int) -> HeldView:
    here = books.journals[journal].size if journal in books.journals else 0
    later = await store.entries(journal, size, min(here, size + COUNTED_MAX))
    behind = sum(1 for entry in later if not is_line(entry.kind))
    return HeldView(journal.epoch.ordinal, size, here, behind, here > size + COUNTED_MAX)
