"""Who looked at whose personal data, why and when: one chained row for every lifted mask.

The county, and the resident concerned, may ask for it. Each row's hash covers the row before and is keyed from the
node's `data.key`: a row that was changed, or taken out of the middle, by somebody who has the database alone shows
(`find_break`). Whoever has the key as well can hide it, and nothing shows that the newest rows were cut off.
Never holds the data that was looked at. Next: `office.web.pages.cases`, the click.
"""

import hmac
from typing import Final

from msgspec import Struct
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from office.account_tables import access_log
from schemas.codec import encode
from schemas.names import CaseId, Instant, OfficeId, OfficerId
from schemas.refusals import Refused
from sync.ports import Clock

PURPOSE_CHARACTERS_MIN: Final = 2
PURPOSE_CHARACTERS_MAX: Final = 200
ATTEMPTS_MAX: Final = 5
"""Two reading processes of a hub may draw the same next number; the one that comes second draws again."""

COMMAND_LINE: Final = "(command line)"
"""Stands for the login of whoever runs the node: no account can be called so."""

_START: Final = bytes(32)
_KEY_LABEL: Final = b"tongban access log\n"


class PurposeRefused(Refused):
    """A look without a stated purpose."""

    def __init__(self) -> None:
        super().__init__(
            "purpose_required",
            f"请写明查看目的（{PURPOSE_CHARACTERS_MIN} 至 {PURPOSE_CHARACTERS_MAX} 字）；查看会被记录。",
            f"State why, in {PURPOSE_CHARACTERS_MIN} to {PURPOSE_CHARACTERS_MAX} characters; every look is recorded.",
        )


class Look(Struct, frozen=True):
    """One lifted mask."""

    number: int
    at: Instant
    officer: OfficerId
    office: OfficeId
    subject: CaseId
    purpose: str


class AccessLog:
    """The log of one node."""

    def __init__(self, write: AsyncEngine, read: AsyncEngine, clock: Clock, data_key: bytes) -> None:
        """`data_key`: the node's; the key of the chain is derived from it."""
        self._write = write
        self._read = read
        self._clock = clock
        self._key = hmac.digest(data_key, _KEY_LABEL, "sha256")

    async def record(
        self, officer: OfficerId, office: OfficeId, subject: CaseId, purpose: str, *, deed: str = ""
    ) -> None:
        """Write down a look before it happens. Raises `PurposeRefused`: then nothing may be shown.

        `deed`: what is done, where that is more than looking; it stands before the purpose.
        """
        purpose = purpose.strip()
        if not PURPOSE_CHARACTERS_MIN <= len(purpose) <= PURPOSE_CHARACTERS_MAX:
            raise PurposeRefused
        for attempt in range(ATTEMPTS_MAX):
            try:
                await self._append(officer, office, subject, f"{deed}: {purpose}" if deed else purpose)
            except IntegrityError:
                if attempt == ATTEMPTS_MAX - 1:
                    raise
            else:
                return

    async def _append(self, officer: OfficerId, office: OfficeId, subject: CaseId, purpose: str) -> None:
        async with self._write.begin() as connection:
            newest = select(access_log.c.number, access_log.c.hash).order_by(access_log.c.number.desc()).limit(1)
            last = (await connection.execute(newest)).one_or_none()
            number, before = (last.number + 1, last.hash) if last is not None else (1, _START)
            look = Look(number, self._clock.now(), officer, office, subject, purpose)
            row = {name: getattr(look, name) for name in Look.__struct_fields__}
            await connection.execute(insert(access_log).values(**row, hash=self._hash(before, look)))

    async def looks_at(self, subject: CaseId) -> list[Look]:
        """All looks at one case, oldest first."""
        query = select(access_log).where(access_log.c.subject == subject).order_by(access_log.c.number)
        async with self._read.connect() as connection:
            return [_look(row) for row in (await connection.execute(query)).all()]

    async def find_break(self) -> int | None:
        """The number of the first row that does not follow from the one before; None when the chain holds."""
        before = _START
        async with self._read.connect() as connection:
            rows = (await connection.execute(select(access_log).order_by(access_log.c.number))).all()
        for number, row in enumerate(rows, start=1):
            if row.number != number or row.hash != self._hash(before, _look(row)):
                return number
            before = row.hash
        return None

    def _hash(self, before: bytes, look: Look) -> bytes:
        return hmac.digest(self._key, before + encode(look), "sha256")


def _look(row: object) -> Look:
    return Look(**{name: getattr(row, name) for name in Look.__struct_fields__})
