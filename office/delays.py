"""How long wrong passwords make whoever types them wait: in the database, and in memory while it is locked.

A wrong password slows the next attempt down, more each time, and never locks anybody out for good. Each attempt is
counted as failed before it is looked at, so that many at once gain nothing; what others mistype at the same address
slows only those who have not signed in from there before. Keeps hashes, never what was typed or from where.
Next: `office.accounts` (the database), `office.unlocking` (while it is locked).
"""

import hashlib
from typing import Final

from msgspec import Struct
from sqlalchemy import Row, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from office.account_tables import login_delays
from schemas.names import Instant
from schemas.refusals import Refused
from sync.ports import Clock

FREE_FAILURES: Final = 3
"""Of one account from one address: people mistype."""
FREE_FAILURES_OF_ADDRESS: Final = 30
"""Of one address over all accounts that never signed in from there: a township's officers share one."""
DELAY_MS_FIRST: Final = 2_000
DELAY_MS_MAX: Final = 15 * 60 * 1000
"""Of one wait. Whoever guesses at an account again and again keeps it waiting at the address they guess from, and
nowhere else."""
FAILURES_HALVED_MS: Final = 3600 * 1000
"""Half of the failures are forgotten in this time: the few of every working day never add up."""
FAILURES_FORGOTTEN_MS: Final = 24 * 3600 * 1000
"""After it nothing is left of any number of them, and the row goes."""
KNOWN_MS: Final = 90 * 24 * 3600 * 1000
"""How long an address is remembered as one from which an account has signed in."""

REMEMBERED_MAX: Final = 1000
"""Accounts and addresses counted in memory; whoever types more logins than this only makes the oldest forgotten."""


class SignInRefused(Refused):
    """Not signed in. The text never says whether the login exists."""

    def __init__(self, code: str, zh: str, en: str, *, wait_s: int = 0) -> None:
        super().__init__(code, zh, en)
        self.wait_s = wait_s


class DelayKeys(Struct, frozen=True):
    """What is counted of an attempt: hashes, so that the table lists nobody's typing and nobody's address."""

    pair: bytes
    """The account from this address."""
    address: bytes
    known: bytes
    """Not a count: this account has signed in from this address."""


class Delays:
    """The delays of a node, over its database."""

    def __init__(self, write: AsyncEngine, clock: Clock) -> None:
        self._write = write
        self._clock = clock

    async def count(self, keys: DelayKeys) -> tuple[bytes, ...]:
        """Count an attempt as failed before it is looked at: many at once gain nothing. Raises when too early.

        Returns where it was counted. Who has signed in from this address before answers for themselves alone.
        """
        now = self._clock.now()
        delays = login_delays.c
        async with self._write.begin() as connection:
            query = select(login_delays).where(delays.key.in_((keys.pair, keys.address, keys.known)))
            rows = {row.key: row for row in (await connection.execute(query)).all()}
            free = {keys.pair: FREE_FAILURES, keys.address: FREE_FAILURES_OF_ADDRESS}
            if keys.known in rows:
                del free[keys.address]
            wait_ms = max((_wait_ms(rows[key], now) for key in free if key in rows), default=0)
            if wait_ms > 0:
                raise _too_early(-(-wait_ms // 1000))
            is_over = (delays.failures > 0) & (delays.failed_at < now - FAILURES_FORGOTTEN_MS)
            await connection.execute(delete(login_delays).where(is_over | (delays.failed_at < now - KNOWN_MS)))
            for key, allowed in free.items():
                failures = _failures(rows.get(key), now) + 1
                await _upsert_delay(connection, key, failures, now, now + _delay_ms(failures, allowed))
        return tuple(free)

    async def forgive(self, connection: AsyncConnection, keys: DelayKeys, counted: tuple[bytes, ...]) -> None:
        """A success forgets the pair's failures, and takes its own attempt off the address's, not those before it."""
        await connection.execute(delete(login_delays).where(login_delays.c.key == keys.pair))
        if keys.address in counted:
            change = {"failures": login_delays.c.failures - 1, "not_before": 0}
            await connection.execute(update(login_delays).where(login_delays.c.key == keys.address).values(change))
        await _upsert_delay(connection, keys.known, 0, self._clock.now(), 0)


class Counted(Struct, frozen=True):
    """What is remembered of an account or an address, as a row of `login_delays` has it."""

    failures: int
    failed_at: Instant
    not_before: int


class DelaysInMemory:
    """The same while no database is open. A restart forgets it, and costs whoever guesses more than it saves them:
    what makes guessing dear here is the passphrase's own hash (`office.vault`).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._counted: dict[bytes, Counted] = {}

    def count(self, keys: DelayKeys) -> None:
        """Count an attempt as failed. Raises `SignInRefused` when it comes too early."""
        now = self._clock.now()
        free = {keys.pair: FREE_FAILURES, keys.address: FREE_FAILURES_OF_ADDRESS}
        wait_ms = max((_wait_ms(row, now) for key in free if (row := self._counted.get(key))), default=0)
        if wait_ms > 0:
            raise _too_early(-(-wait_ms // 1000))
        for key, allowed in free.items():
            failures = _failures(self._counted.pop(key, None), now) + 1
            self._counted[key] = Counted(failures, now, now + _delay_ms(failures, allowed))
        for key in list(self._counted)[: max(0, len(self._counted) - REMEMBERED_MAX)]:
            del self._counted[key]

    def forgive(self, keys: DelayKeys) -> None:
        """A success forgets the account's failures, and takes its own attempt off the address's."""
        self._counted.pop(keys.pair, None)
        row = self._counted.get(keys.address)
        if row is not None:
            self._counted[keys.address] = Counted(row.failures - 1, row.failed_at, 0)


def delay_keys(login: str, address: str) -> DelayKeys:
    """What is counted of an attempt at this login from this address."""
    return DelayKeys(
        _digest(f"login {login} from {address}"),
        _digest(f"address {address}"),
        _digest(f"login {login} signed in from {address}"),
    )


def _failures(row: "Row[tuple[object, ...]] | Counted | None", now: Instant) -> int:
    """How many failures still count: half of them every hour. A clock that was set back forgets none."""
    if row is None:
        return 0
    return round(row.failures * 0.5 ** (max(0, now - row.failed_at) / FAILURES_HALVED_MS))


def _wait_ms(row: "Row[tuple[object, ...]] | Counted", now: Instant) -> int:
    """How long to wait still; a clock that was set back must not lengthen the wait."""
    return min(row.not_before - now, DELAY_MS_MAX) if row.failed_at <= now else 0


def _delay_ms(failures: int, free: int) -> int:
    """2 s after the free failures, doubled with each further one, at most 15 minutes."""
    if failures < free:
        return 0
    return min(DELAY_MS_FIRST << min(failures - free, 20), DELAY_MS_MAX)


async def _upsert_delay(
    connection: AsyncConnection, key: bytes, failures: int, failed_at: Instant, not_before: int
) -> None:
    values = {"key": key, "failures": failures, "failed_at": failed_at, "not_before": not_before}
    # As text, which both databases read: importing SQLAlchemy's two dialects for it costs a village 2 MiB.
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    changes = ", ".join(f"{name} = excluded.{name}" for name in values if name != "key")
    insert = f"INSERT INTO login_delays ({names}) VALUES ({places})"  # noqa: S608 (the names above, no value)
    await connection.execute(text(f"{insert} ON CONFLICT (key) DO UPDATE SET {changes}"), values)


def _too_early(wait_s: int) -> SignInRefused:
    return SignInRefused(
        "sign_in_delayed",
        f"密码多次不正确；请在 {wait_s} 秒后再试。",
        f"Wrong too often; try again in {wait_s} seconds.",
        wait_s=wait_s,
    )


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()
