"""The people who work at this node: officers, passwords, sessions.

There are no accounts until somebody makes one at the command line, and no password that everybody knows. A wrong
password slows the next attempt down, more each time, and never locks anybody out for good; what others mistype at the
same address slows only those who have not signed in from there before. A session is a row here: the browser holds a
random name, the row its SHA-256, so a copy of the database signs nobody in.
Never decides what an officer may do to a case (`schemas.casework.lifecycle`, `roles`) and never logs a login, a
password or an address. Sources: RELIABILITY goals for users and scope; OWASP's minimum for argon2id (19 MiB, t=2, p=1).
Next: `office.web.guards`, which asks `find_session` before every handler.
"""

import asyncio
import base64
import contextlib
import hashlib
import unicodedata
from collections.abc import Collection
from typing import TYPE_CHECKING, Final, Protocol

import argon2
from msgspec import Struct, structs
from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from office.account_tables import officers, sessions
from office.delays import Delays, SignInRefused, delay_keys
from schemas.casework.roles import Role
from schemas.names import Instant, OfficeId, OfficerId, seat_of
from schemas.refusals import Refused
from sync.ports import Clock, Salts

if TYPE_CHECKING:
    from office.people import People

PASSWORD_CHARACTERS_MIN: Final = 12
PASSWORD_CHARACTERS_MAX: Final = 200
"""A passphrase of 30 words fits; beyond it somebody feeds us work."""
PASSWORD_DISTINCT_MIN: Final = 5
"""Fewer different characters than this are a pattern, not a password."""

HASHES_AT_ONCE_MAX: Final = 4
"""Each takes 19 MiB and 30 ms; a village PC has 2 GiB and the queue is short."""

IDLE_MS_MAX: Final = 30 * 60 * 1000
SESSION_MS_MAX: Final = 12 * 3600 * 1000
"""A working day: nobody stays signed in over night."""
TOUCH_MS: Final = 60 * 1000
"""`seen_at` is written at most once a minute: a page view must not cost an fsync."""
SESSION_NAME_BYTES: Final = 32

_APPROVING: Final = frozenset({Role.APPROVER, Role.LEADER})
"""Who may give leave: the head of the organ, and whoever signs in their place."""

_SUPERVISING: Final = frozenset({Role.SUPERVISOR, Role.LEADER})
"""Who may order, score and publish: supervision is apart from the handling of cases (DOMAIN H, S)."""

_LOGIN_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_LOGIN_CHARACTERS_MAX: Final = 40
_NAME_CHARACTERS_MAX: Final = 120


class AccountRefused(Refused):
    """An account or a password that cannot be made so."""


class SignedIn(Struct, frozen=True):
    """Who is at the screen: as much of an officer as pages, guards and the desk need. The roles are those of today."""

    officer: OfficerId
    login: str
    office: OfficeId
    name: str
    roles: frozenset[Role]
    language: str


class Officer(Struct, frozen=True):
    """One row of the list of accounts that an administrator sees."""

    officer: OfficerId
    login: str
    office: OfficeId
    name: str
    roles: frozenset[Role]
    active: bool


class Keeper(Protocol):
    """Whom the accounts of a village tell of passwords: they also open the locked store (`office.locking`)."""

    async def expect(self, login: str, password: str) -> None:
        """This password is about to be the login's: let it open too. Raises `LocalFault`."""
        ...

    async def settle(self, login: str, password: str) -> None:
        """This password is the login's: let it alone open."""
        ...

    async def is_last(self, login: str) -> bool:
        """Whether nothing would open any more without this login."""
        ...

    async def drop(self, login: str) -> None:
        """The account is closed: nothing of this login opens any more."""
        ...

    async def signed_in(self, login: str, password: str) -> None:
        """Somebody signed in with it. Never raises: whoever is let in is in."""
        ...


class Accounts:
    """Officers and sessions of one node, over its database."""

    def __init__(
        self,
        write: AsyncEngine,
        read: AsyncEngine,
        seat: OfficeId,
        clock: Clock,
        salts: Salts,
        people: "People | None" = None,
    ) -> None:
        """`write` and `read`: the node's engines (`office.database`). `seat`: the office whose device this is.

        `people`: who holds which post today; None = everybody is at any time what the account says.
        """
        self._write = write
        self._read = read
        self._seat = seat
        self._clock = clock
        self._salts = salts
        self._people = people
        self._delays = Delays(write, clock)
        self.keeper: Keeper | None = None
        """Whom to tell of passwords, on a device whose store is locked with them."""
        self._hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
        self._hashing = asyncio.Semaphore(HASHES_AT_ONCE_MAX)
        self._decoy: str | None = None

    # --- officers ---------------------------------------------------------------------------------------------------

    async def add_officer(
        self, login: str, name: str, office: OfficeId, roles: Collection[Role], password: str, language: str = "zh"
    ) -> OfficerId:
        """Make an account. Raises `AccountRefused` with what to do; nothing is written then."""
        login = _check_login(login)
        name, office = _check_name(name), self._check_office(office)
        words = _check_roles(roles)
        check_password(password, login)
        now = self._clock.now()
        officer = OfficerId(f"{office}/{login}")
        row = {
            "officer": officer,
            "login": login,
            "office": office,
            "name": name,
            "roles": words,
            "password": await self._hash(password),
            "language": "en" if language.startswith("en") else "zh",
            "active": True,
            "created_at": now,
            "password_at": now,
        }
        try:
            async with self._write.begin() as connection:
                await connection.execute(insert(officers).values(row))
        except IntegrityError:
            raise AccountRefused(
                "officer_exists",
                "该登录名已被使用；请换一个登录名。",
                "This login is taken on this node; choose another.",
            ) from None
        if self.keeper is not None:
            await self.keeper.settle(login, password)
        return officer

    async def change_officer(
        self,
        officer: OfficerId,
        *,
        name: str | None = None,
        office: OfficeId | None = None,
        roles: Collection[Role] | None = None,
    ) -> OfficerId:
        """Change what is given and end the officer's sessions. Returns the officer as future acts will name them: by
        the new office; past acts keep the author that they were written with. Raises `AccountRefused`.
        """
        row = await self._find_row(officers.c.officer == officer)
        if row is None:
            raise _no_such_officer()
        change: dict[str, str] = {}
        if name is not None:
            change["name"] = _check_name(name)
        if roles is not None:
            change["roles"] = _check_roles(roles)
        if office is not None:
            change["office"] = self._check_office(office)
            change["officer"] = f"{office}/{row.login}"
        async with self._write.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.officer == officer))
            await connection.execute(update(officers).where(officers.c.officer == officer).values(change))
        return OfficerId(change.get("officer", officer))

    def _check_office(self, office: OfficeId) -> OfficeId:
        if seat_of(office) != self._seat:
            raise AccountRefused(
                "officer_office",
                "账号只能开在本机所属单位或其窗口；请到该单位的设备上开设。",
                "An account belongs to this device's own office or a window of it; add it on that office's device.",
            )
        return office

    async def find_names(self, authors: Collection[OfficerId]) -> dict[OfficerId, str]:
        """What this node's own officers among `authors` are called, also under an office that they worked for once."""
        parts = {one: one.rpartition("/") for one in authors}
        logins = {one: login for one, (office, _, login) in parts.items() if seat_of(OfficeId(office)) == self._seat}
        if not logins:
            return {}
        query = select(officers.c.login, officers.c.name).where(officers.c.login.in_(set(logins.values())))
        async with self._read.connect() as connection:
            names = {row.login: row.name for row in (await connection.execute(query)).all()}
        return {one: names[login] for one, login in logins.items() if login in names}

    async def list_officers(self) -> list[Officer]:
        """Every account of the node by login."""
        async with self._read.connect() as connection:
            rows = (await connection.execute(select(officers).order_by(officers.c.login))).all()
        return [
            Officer(OfficerId(row.officer), row.login, OfficeId(row.office), row.name, _roles(row.roles), row.active)
            for row in rows
        ]

    async def list_on_duty(self) -> list[Officer]:
        """Open accounts of those who are not away today, with the roles of today, by login."""
        every = await self.list_officers()
        if self._people is None:
            return [one for one in every if one.active]
        accounts = {one.officer: one.roles for one in every}
        return [
            structs.replace(one, roles=self._people.roles_today(one.officer, one.roles, accounts))
            for one in every
            if one.active and not self._people.is_away(one.officer)
        ]

    async def list_leaders(self) -> list[Officer]:
        """The leaders on duty of the seat itself, not of its windows, by login: who may approve a reassignment."""
        return [one for one in await self.list_on_duty() if one.office == self._seat and Role.LEADER in one.roles]

    async def check_officer(self, officer: OfficerId) -> None:
        """Raise `AccountRefused` unless `officer` has an open account at this node."""
        if all(one.officer != officer or not one.active for one in await self.list_officers()):
            raise _no_such_officer()

    async def check_supervisor(self, officer: OfficerId) -> None:
        """Raise `AccountRefused` unless `officer` supervises here, or leads: who handles cases judges nobody."""
        found = [one for one in await self.list_officers() if one.officer == officer and one.active]
        if not found:
            raise _no_such_officer()
        if _SUPERVISING.isdisjoint(found[0].roles):
            raise AccountRefused(
                "not_a_supervisor",
                "督办、考核和通报由督查人员或值班领导办理，没有写入；请由其办理，或请管理员为本账号加上督查岗位。",
                "Orders, scores and circulars are for supervisors and leaders; nothing was written. Let one of them do "
                "it, or ask the administrator to give this account the role supervisor.",
            )

    async def check_leader(self, officer: OfficerId) -> None:
        """Raise `AccountRefused` unless `officer` is one of `list_leaders`."""
        if all(one.officer != officer for one in await self.list_leaders()):
            raise AccountRefused(
                "approver_unknown",
                "批准人须是本县中心在岗的值班领导；请从列表中选择，或请管理员先为其开户。",
                "The approver must be a leader on duty of the county with an open account; choose one from the list, "
                "or ask the administrator to make the account first.",
            )

    async def list_approvers(self, office: OfficeId) -> list[Officer]:
        """Who leads or approves at `office`, or at the seat that it is a window of, by login."""
        found = await self.list_on_duty()
        return [one for one in found if one.office in (office, self._seat) and _APPROVING & one.roles]

    async def check_approver(self, officer: OfficerId, office: OfficeId) -> None:
        """Raise `AccountRefused` unless `officer` is one of `list_approvers`."""
        if all(one.officer != officer for one in await self.list_approvers(office)):
            raise AccountRefused(
                "approver_not_here",
                "批准人须是本单位在岗的审批人或值班领导；请从列表中选择，或请管理员先为其开户。",
                "The approver must be an approver or a leader on duty of this office with an open account; choose one "
                "from the list, or ask the administrator to make the account first.",
            )

    async def set_password(self, officer: OfficerId, password: str) -> None:
        """Replace a password and end all sessions of its officer. Raises `AccountRefused`."""
        row = await self._find_row(officers.c.officer == officer)
        if row is None:
            raise _no_such_officer()
        check_password(password, row.login)
        hashed = await self._hash(password)
        # First both open, then the new one alone: whatever breaks off in between, nobody is locked out.
        if self.keeper is not None:
            await self.keeper.expect(row.login, password)
        change = {"password": hashed, "password_at": self._clock.now()}
        async with self._write.begin() as connection:
            await connection.execute(update(officers).where(officers.c.officer == officer).values(change))
            await connection.execute(delete(sessions).where(sessions.c.officer == officer))
        if self.keeper is not None:
            await self.keeper.settle(row.login, password)

    async def recover_password(self, login: str, password: str) -> None:
        """Replace a forgotten password, by its login. Raises `AccountRefused`: unknown, closed, or a weak password."""
        row = await self._find_row(officers.c.login == login.strip().lower())
        if row is None or not row.active:
            raise _no_such_officer()
        await self.set_password(OfficerId(row.officer), password)

    async def change_password(self, officer: OfficerId, present: str, password: str) -> None:
        """Replace one's own password, stating the present one. Raises `AccountRefused`; `SignInRefused` too early."""
        row = await self._find_row(officers.c.officer == officer)
        if row is None:
            raise _no_such_officer()
        # Whoever finds an unattended screen must not be able to guess here what the sign-in page would slow down.
        keys = delay_keys(row.login, f"the session of {row.login}")
        counted = await self._delays.count(keys)
        if not await self._verify(row.password, present):
            raise AccountRefused(
                "password_wrong", "现用密码不正确；请重新输入。", "The present password is not right; type it again."
            )
        async with self._write.begin() as connection:
            await self._delays.forgive(connection, keys, counted)
        await self.set_password(officer, password)

    async def suspend_officer(self, officer: OfficerId) -> None:
        """Close an account and end its sessions; its acts stay what they are. Raises `AccountRefused`."""
        row = await self._find_row(officers.c.officer == officer)
        if self.keeper is not None and row is not None and await self.keeper.is_last(row.login):
            raise AccountRefused(
                "last_passphrase",
                "目前只有该账号的密码能打开本机，停用后谁也打不开，未作改动；请先为接任人员开户，再停用它。",
                "Only this account's password opens this computer, so without it nobody could; nothing was changed. "
                "Make the successor's account first, then close this one.",
            )
        await self._set_active(officer, active=False)
        if self.keeper is not None and row is not None:
            await self.keeper.drop(row.login)

    async def resume_officer(self, officer: OfficerId) -> None:
        """Open a closed account again, with the password that it had. Raises `AccountRefused`."""
        await self._set_active(officer, active=True)

    async def _set_active(self, officer: OfficerId, *, active: bool) -> None:
        async with self._write.begin() as connection:
            done = await connection.execute(update(officers).where(officers.c.officer == officer).values(active=active))
            await connection.execute(delete(sessions).where(sessions.c.officer == officer))
        if done.rowcount == 0:
            raise _no_such_officer()

    async def set_language(self, officer: OfficerId, language: str) -> None:
        """Remember in which language an officer reads."""
        chosen = "en" if language.startswith("en") else "zh"
        async with self._write.begin() as connection:
            await connection.execute(update(officers).where(officers.c.officer == officer).values(language=chosen))

    # --- signing in ---------------------------------------------------------------------------------------------------

    async def sign_in(
        self, login: str, password: str, address: str, previous: str | None = None
    ) -> tuple[str, SignedIn]:
        """Open a session: its name for the cookie, and who it is.

        `address` is the peer's; `previous` a session the browser already shows, which ends here, so that a name planted
        beforehand is worthless. Raises `SignInRefused`; equal work is done whether the login exists or not.
        """
        login = login.strip().lower()
        keys = delay_keys(login, address)
        counted = await self._delays.count(keys)
        row = await self._find_row(officers.c.login == login)
        is_right = await self._verify(row.password if row is not None else await self._decoy_hash(), password)
        if row is None or not is_right or not row.active:
            raise SignInRefused(
                "sign_in_wrong",
                "登录名或密码不正确；请重新输入，或请管理员重设密码。",
                "Login or password is not right; type them again, or ask the administrator for a new password.",
            )
        signed_in = await self._signed_in(row)
        if not signed_in.roles:
            raise SignInRefused(
                "no_post_today",
                "您今日在本单位没有有效的岗位或聘期，不能登录；请联系管理员，或由上级单位续聘。",
                "You hold no post or term at this office today, so you are not signed in; ask the administrator, or "
                "the office above to appoint you again.",
            )
        name = base64.urlsafe_b64encode(self._salts.draw(SESSION_NAME_BYTES)).decode().rstrip("=")
        now = self._clock.now()
        async with self._write.begin() as connection:
            await self._delays.forgive(connection, keys, counted)
            ended = (sessions.c.opened_at < now - SESSION_MS_MAX) | (sessions.c.seen_at < now - IDLE_MS_MAX)
            await connection.execute(delete(sessions).where(ended))
            if previous is not None:
                await connection.execute(delete(sessions).where(sessions.c.digest == _digest(previous)))
            opened = {"digest": _digest(name), "officer": row.officer, "opened_at": now, "seen_at": now}
            await connection.execute(insert(sessions).values(opened))
        if self.keeper is not None:
            await self.keeper.signed_in(login, password)
        return name, signed_in

    async def find_session(self, name: str) -> SignedIn | None:
        """Who holds this session; None when it is unknown, idle for 30 minutes, 12 hours old, its account closed, or
        its officer's last post ended.

        While nothing can be written it counts as idle since the last time that something could.
        """
        digest = _digest(name)
        now = self._clock.now()
        query = (
            select(officers, sessions.c.opened_at, sessions.c.seen_at)
            .join(sessions, sessions.c.officer == officers.c.officer)
            .where(sessions.c.digest == digest, officers.c.active)
        )
        async with self._read.connect() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None or not _is_alive(row.opened_at, row.seen_at, now):
            return None
        if abs(now - row.seen_at) >= TOUCH_MS:
            # A full disk must not keep anybody from reading, least of all the page that says what to do about it.
            with contextlib.suppress(SQLAlchemyError):
                async with self._write.begin() as connection:
                    await connection.execute(update(sessions).where(sessions.c.digest == digest).values(seen_at=now))
        signed_in = await self._signed_in(row)
        return signed_in if signed_in.roles else None

    async def _signed_in(self, row: Row[tuple[object, ...]]) -> SignedIn:
        officer, roles = OfficerId(row.officer), _roles(row.roles)
        if self._people is not None:
            is_alone = not self._people.is_standing_in(officer)
            accounts = {} if is_alone else {one.officer: one.roles for one in await self.list_officers()}
            roles = self._people.roles_today(officer, roles, accounts)
        return SignedIn(officer, row.login, OfficeId(row.office), row.name, roles, row.language)

    async def count_signed_in(self) -> int:
        """How many sessions live."""
        now = self._clock.now()
        async with self._read.connect() as connection:
            rows = (await connection.execute(select(sessions.c.opened_at, sessions.c.seen_at))).all()
        return sum(_is_alive(row.opened_at, row.seen_at, now) for row in rows)

    async def sign_all_out(self) -> None:
        """End every session."""
        async with self._write.begin() as connection:
            await connection.execute(delete(sessions))

    async def sign_out(self, name: str) -> None:
        """End a session; one that does not exist is ended already."""
        async with self._write.begin() as connection:
            await connection.execute(delete(sessions).where(sessions.c.digest == _digest(name)))

    # --- hashing -----------------------------------------------------------------------------------------------------

    async def _hash(self, password: str) -> str:
        async with self._hashing:
            return await asyncio.to_thread(self._hasher.hash, _canonical(password), salt=self._salts.draw(16))

    async def _verify(self, hashed: str, password: str) -> bool:
        if len(password) > PASSWORD_CHARACTERS_MAX:
            password = ""
        try:
            async with self._hashing:
                return await asyncio.to_thread(self._hasher.verify, hashed, _canonical(password))
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            return False

    async def _decoy_hash(self) -> str:
        """A hash that nothing matches, for logins that do not exist: they must take as long as those that do."""
        if self._decoy is None:
            self._decoy = await self._hash(self._salts.draw(16).hex())
        return self._decoy

    async def _find_row(self, condition: object) -> Row[tuple[object, ...]] | None:
        async with self._read.connect() as connection:
            return (await connection.execute(select(officers).where(condition))).one_or_none()  # pyright: ignore[reportArgumentType]


def check_password(password: str, login: str) -> None:
    """Raise `AccountRefused` unless a password is long, varied, hard to guess and does not contain the login.

    No forced rotation.
    """
    if len(password) < PASSWORD_CHARACTERS_MIN:
        raise AccountRefused(
            "password_short",
            f"密码至少 {PASSWORD_CHARACTERS_MIN} 位；可以用几个词组成的短语。",
            f"A password has at least {PASSWORD_CHARACTERS_MIN} characters; several words make a good one.",
        )
    if len(password) > PASSWORD_CHARACTERS_MAX or "\x00" in password:
        raise AccountRefused(
            "password_long",
            f"密码最多 {PASSWORD_CHARACTERS_MAX} 位；请缩短。",
            f"A password has at most {PASSWORD_CHARACTERS_MAX} characters; shorten it.",
        )
    if len(set(password)) < PASSWORD_DISTINCT_MIN or login.lower() in password.lower():
        raise AccountRefused(
            "password_simple",
            "密码过于简单：不能包含登录名，也不能只是重复几个字符；请换一个。",
            "The password is too simple: it must not contain the login nor repeat a few characters; choose another.",
        )
    from office.passwords import PIECES_MIN, pieces

    if pieces(password) < PIECES_MIN:
        raise AccountRefused(
            "password_guessable",
            "密码容易被猜到：不能主要由常用词、键盘或数字顺序、日期、电话、证件号码或重复的内容组成；"
            "可以改用几个不相干的词组成的短语。",
            "The password is easy to guess: it must not be made of usual words, rows of keys or numbers, dates, "
            "telephone or identity numbers, or repetitions; several words that have nothing to do with each other make "
            "a good one.",
        )


def _check_name(text: str) -> str:
    name = text.strip()
    if not 0 < len(name) <= _NAME_CHARACTERS_MAX or "\x00" in name:
        raise AccountRefused("officer_name", "请填写 1 至 120 字的姓名。", "Give a name of 1 to 120 characters.")
    return name


def _check_roles(roles: Collection[Role]) -> str:
    if not roles:
        raise AccountRefused("officer_roles", "请至少指定一个岗位。", "Name at least one role.")
    return " ".join(sorted({role.value for role in roles}))


def _check_login(text: str) -> str:
    login = text.strip().lower()
    if not 2 <= len(login) <= _LOGIN_CHARACTERS_MAX or not _LOGIN_CHARACTERS.issuperset(login):
        raise AccountRefused(
            "officer_login",
            "登录名为 2 至 40 位小写字母、数字、点、横线或下划线；请重新输入。",
            "A login has 2 to 40 small letters, digits, dots, dashes or underscores; type it again.",
        )
    return login


def _canonical(password: str) -> str:
    """The same password typed on two keyboards is one sequence of characters (RFC 8265 uses NFC)."""
    return unicodedata.normalize("NFC", password)


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).digest()


def _is_alive(opened_at: int, seen_at: int, now: Instant) -> bool:
    """Whether a session is young enough. A clock set back by more than a minute ends it: its age is unknown."""
    idle, age = now - seen_at, now - opened_at
    return -TOUCH_MS <= idle <= IDLE_MS_MAX and -TOUCH_MS <= age <= SESSION_MS_MAX


def _roles(words: str) -> frozenset[Role]:
    return frozenset(Role(word) for word in words.split())


def _no_such_officer() -> AccountRefused:
    return AccountRefused(
        "no_such_officer", "本机没有这个账号；请核对登录名。", "This node has no such account; check the login."
    )
