"""A casebook with dates: the entries of one case, written on the days that a test names.

What it never does: seal, sign or store anything. See `tests/support/casebook.py`.
"""

from datetime import date, datetime, timedelta
from typing import Self

import msgspec

from schemas.casework.clocks import CHINA_TIME
from schemas.casework.events import (
    CaseEvent,
    CaseReceived,
    CaseResumed,
    CaseSuspended,
    CustodyAccepted,
    CustodyOffered,
)
from schemas.casework.fold import Item
from schemas.casework.values import PauseCause
from schemas.headed import EntryHeader
from schemas.names import CaseId, Instant
from tests.support.casebook import CASE, TOWNSHIP, VILLAGE, Casebook


def at(day: date, hour: int = 10) -> Instant:
    """That hour of that day in China."""
    return Instant(int(datetime(day.year, day.month, day.day, hour, tzinfo=CHINA_TIME).timestamp() * 1000))


class DatedCasebook(Casebook):
    """A casebook whose entries are written on days that the test names, at ten in the morning."""

    def __init__(self, subject: CaseId = CASE) -> None:
        super().__init__()
        self.subject = subject
        self.moment = Instant(0)

    def on(self, day: date) -> Self:
        """From now on it is this day."""
        self.moment = at(day)
        return self

    def _keep(self, event: CaseEvent, ordinal: int) -> Item:
        _, header = super()._keep(event, ordinal)
        assert isinstance(header, EntryHeader)
        self.items[-1] = (event, msgspec.structs.replace(header, at=self.moment, subject=self.subject))
        return self.items[-1]

    def accepted_on(self, day: date) -> Self:
        """Filed, offered, received and accepted in one day."""
        self.on(day).file()
        self.act(CustodyOffered, VILLAGE, TOWNSHIP)
        self.contribute(CaseReceived, TOWNSHIP)
        self.act(CustodyAccepted, TOWNSHIP)
        return self

    def pause(self, since: date, until: date | None) -> Self:
        """Suspended for a test, and resumed."""
        self.on(since).act(CaseSuspended, TOWNSHIP, PauseCause.TESTING, "检字1号", since + timedelta(days=30))
        if until is not None:
            self.on(until).act(CaseResumed, TOWNSHIP, "合格")
        return self
