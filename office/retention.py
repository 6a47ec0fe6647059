"""How long closed cases are kept (保管期限), by item: what the county has set, and when a case's time is over.

Archives in China are kept for ever, 30 years or 10, counted from the year after the matter ended. The catalogue names
no class, so the county sets one for all items and others for single ones (`retention` in the settings). Unless it says
otherwise the long term holds: nothing goes too early because nobody decided.
Decides nothing about a case but its day, and erases nothing. Next: `office.erasure_orders`.
"""

from datetime import date
from typing import Final

from msgspec import Struct

from schemas.casework.casefile import CaseFile
from schemas.casework.clocks import day_of
from schemas.casework.stages import ENDED
from sync.core.errors import LocalFault

PERMANENT: Final = "permanent"
YEARS_MAX: Final = 100
YEARS_DEFAULT: Final = 30


class Retention(Struct, frozen=True):
    """The terms of one county, in years; None = for ever."""

    general: int | None = YEARS_DEFAULT
    items: dict[str, int | None] = {}

    def years_of(self, item: str) -> int | None:
        """How many years cases of an item are kept; None = for ever."""
        return self.items.get(item, self.general)

    @property
    def years_min(self) -> int | None:
        """The shortest term there is; None where everything is kept for ever."""
        return min((years for years in (self.general, *self.items.values()) if years is not None), default=None)

    def due_on(self, case: CaseFile) -> date | None:
        """The first day on which a case may go: the year after its end, and the term, are over. None = never, or it
        has not ended.
        """
        years = self.years_of(case.filing.item) if case.filing is not None else None
        if years is None or case.stage not in ENDED or case.ended_at is None:
            return None
        return date(day_of(case.ended_at).year + 1 + years, 1, 1)


def parse_retention(text: str) -> Retention:
    """Terms as the settings write them: «30, RS01=10, MZ03=permanent». Raises `LocalFault` `bad_settings`."""
    general: int | None = YEARS_DEFAULT
    items: dict[str, int | None] = {}
    for part in (part.strip() for part in text.split(",")):
        item, separator, term = (word.strip() for word in part.rpartition("="))
        if not part:
            continue
        if separator:
            items[item] = _years(term, part)
        else:
            general = _years(term, part)
    return Retention(general, items)


def _years(term: str, part: str) -> int | None:
    if term == PERMANENT:
        return None
    if term.isascii() and term.isdecimal() and 1 <= int(term) <= YEARS_MAX:
        return int(term)
    raise LocalFault(
        "bad_settings", f'retention: "{part}" is no term; write years or permanent, as in "30, RS01=10, MZ03=permanent"'
    )
