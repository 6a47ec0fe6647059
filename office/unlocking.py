"""A village that is locked while nobody works at it: one server, and behind it the locked pages or the open node.

Signing in opens the vault, the node and its line, and signs that agent in at once. After a while without work everybody
is signed out; the store is closed as soon as nothing waits to be sent, at the latest `auto_lock_minutes_max` after the
last work (office/DECISIONS.md): a village whose line comes at odd hours would otherwise never send what was filed last.
So it is when the last one signs out; the button «lock now» does not wait. A folder that still lies plain is converted
at the first sign-in, when a passphrase is known.
Must never: keep a passphrase longer than one conversion needs it, or leave an engine open behind the locked pages.
Next: `office.vault`, `office.locking`, `office.web.locked`.
"""

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any, Final, cast

from sqlalchemy.exc import SQLAlchemyError

from office.accounts import SignedIn
from office.asking import read_passphrase
from office.clock import SystemClock
from office.delays import DelaysInMemory, SignInRefused, delay_keys
from office.device_secrets import secret_of
from office.local import Doorman
from office.locking import agent_of, finish_locking, form_key, lock_home
from office.node import Node, Progress, load_data_key, no_conditions, no_progress
from office.own_faults import place_of
from office.paths import Home, WritingLock
from office.seat import load_seat_file
from office.serving import Listener, at_work, make_courier, make_doorman, make_server, own_routes
from office.settings import Settings
from office.vault import DEAR, Cost, Vault, WrongPassphrase, read_vault
from office.web.app import create_app
from office.web.guards import was_signed_in
from office.web.line import pill_of
from office.web.locked import create_locked_app
from office.web.security import CookieNames
from schemas.refusals import Refused
from sync.core.errors import LocalFault
from sync.courier import Courier

Scope = MutableMapping[str, Any]
Asgi = Callable[[Scope, Any, Any], Awaitable[None]]

LOOK_S: Final = 5.0
"""How often the time without work is looked at: on a laptop that wakes up, nobody sees an open page for longer."""

REQUESTS_S: Final = 10.0
"""How long pages under way are waited for before the store is closed under them."""

FINISH_S: Final = 20.0
"""How long an exchange in progress is waited for. What it does not finish is resumed after the next unlocking."""

PAUSE_S: Final = 0.1

log: Final = logging.getLogger("tongban.unlocking")


class Lockable:
    """The application of one village: answers as the locked pages or as the open node."""

    def __init__(
        self,
        home: Home,
        settings: Settings,
        listener: Listener,
        *,
        cost: Cost = DEAR,
        is_unattended: bool = False,
        clock: SystemClock | None = None,
    ) -> None:
        """`is_unattended`: unlocked from a file at the start, so only the button locks."""
        self.home = home
        self.settings = settings
        self._listener = listener
        self._cost = cost
        self._is_unattended = is_unattended
        self._clock = clock or SystemClock()
        self._delays = DelaysInMemory(self._clock)
        self._doorman: Doorman | None = None
        self._node: Node | None = None
        self._courier: Courier | None = None
        self._open_app: Asgi | None = None
        self._locked_app: Asgi | None = None
        self._stack = contextlib.AsyncExitStack()
        self._turning = asyncio.Lock()
        self._passable = asyncio.Event()
        self._passable.set()
        self._look = asyncio.Event()
        self._requests = 0
        self._asked = False
        self._typed: tuple[str, str] | None = None
        self._seen_s = 0.0
        self._seen_at = 0

    @property
    def node(self) -> Node | None:
        """The open node; None while it is locked."""
        return self._node

    @property
    def doorman(self) -> Doorman:
        """The door for the command line: one for all the time of this process."""
        if self._doorman is None:
            self._doorman = make_doorman(self.home, self._listener)
        return self._doorman

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request (ASGI)."""
        await self._passable.wait()
        app = self._open_app
        if app is None:
            await self._get_locked_app()(scope, receive, send)
            return
        self._requests += 1
        try:
            await app(scope, receive, send)
        finally:
            self._requests -= 1
            if was_signed_in(scope):
                self._touch()
            if scope.get("method") not in ("GET", "HEAD"):
                self._look.set()

    # --- opening and closing ------------------------------------------------------------------------------------------

    async def open(self, vault: Vault | None, progress: Progress = no_progress) -> None:
        """Open the node and let it work. `vault` None: the folder lies plain. Raises what `Node.open` raises."""
        ready = no_conditions if self._listener.sockets else self._listener.bind
        node = await Node.open(self.home.folder, settings=self.settings, vault=vault, progress=progress, ready=ready)
        try:
            courier = make_courier(node)
            app = create_app(
                node,
                own_routes(node, courier, self._listener, self.doorman),
                is_tls=self._listener.tls is not None,
                forms=vault.form_key if vault is not None else "",
                lock=self.lock_now if vault is not None else None,
            )
            if vault is None:
                node.accounts.keeper = self
            await self._stack.enter_async_context(at_work(node, courier))
        except BaseException:
            await node.close()
            raise
        self._touch()
        self._node, self._courier, self._open_app = node, courier, cast("Asgi", app)
        # Made again when they are needed: they weigh half a MiB.
        self._locked_app = None

    async def unlock(self, login: str, passphrase: str, address: str, previous: str | None) -> tuple[str, SignedIn]:
        """Open what is locked and sign in (`office.web.locked.Unlock`)."""
        async with self._turning:
            was_shut = self._node is None
            if was_shut:
                await self._open_for(login, passphrase, address)
            assert self._node is not None
            try:
                return await self._node.accounts.sign_in(login, passphrase, address, previous)
            except BaseException:
                if was_shut:
                    await self._shut(finish_s=0)
                raise

    async def recover(self, login: str, code: str, password: str, address: str) -> tuple[str, SignedIn]:
        """Open with the code that the township read out, set a new password, sign in (`office.web.forgotten`).

        The code dies with it. Raises `RecoveryRefused`, `SignInRefused`, `AccountRefused`, and what opening raises;
        then everything is as it was, and the code still works.
        """
        from office.recovery_codes import RECOVERY, plain_code, renew, wrong_code

        plain = plain_code(code)
        async with self._turning:
            keys = delay_keys(RECOVERY, address)
            self._delays.count(keys)
            is_shut = self.node is None
            if not is_shut or not self.home.vault.exists():
                raise wrong_code()
            device = secret_of(self.settings.device_secret)
            try:
                vault = await asyncio.to_thread(Vault.open_with, self.home, RECOVERY, plain, device, self._cost)
            except WrongPassphrase:
                raise wrong_code() from None
            await self.open(vault)
            node = self.node
            assert node is not None
            try:
                await node.accounts.recover_password(login, password)
                name, signed_in = await node.accounts.sign_in(login, password, address, None)
                await renew(node)
            except BaseException:
                await self._shut(finish_s=0)
                raise
            self._delays.forgive(keys)
            return name, signed_in

    async def _open_for(self, login: str, passphrase: str, address: str) -> None:
        vault = await self._unlocked(login, passphrase, address) if self.home.vault.exists() else None
        try:
            await self.open(vault)
        except BaseException as fault:
            if vault is not None:
                vault.forget()
            if not isinstance(fault, LocalFault) or fault.code != "second_writer":
                raise
            raise Refused(
                "verb_running",
                "本机正在执行一条命令（如备份或核验），暂时不能打开；数据安全，请等它结束后再登录。",
                "A command is at work on this computer, such as a backup or a check, so it cannot be opened just now; "
                "all is safe, sign in again when it has ended.",
            ) from None

    async def _unlocked(self, login: str, passphrase: str, address: str) -> Vault:
        keys = delay_keys(login.strip().lower(), address)
        self._delays.count(keys)
        device = secret_of(self.settings.device_secret)
        try:
            opened = await asyncio.to_thread(
                Vault.open_with, self.home, agent_of(login), passphrase, device, self._cost
            )
        except WrongPassphrase:
            raise SignInRefused(
                "sign_in_wrong",
                "登录名或密码不正确，或该账号在加锁后尚未在本机登录过；请重新输入，或请同事先登录。",
                "Login or password is not right, or this account has not signed in here since the computer was locked; "
                "type them again, or let a colleague sign in first.",
            ) from None
        self._delays.forgive(keys)
        return opened

    def lock_now(self) -> None:
        """Lock as soon as the answers under way are out, whatever waits to be sent."""
        self._asked = True
        self._look.set()

    async def _shut(self, finish_s: float = FINISH_S) -> None:
        """Close the node: requests and an exchange under way may end, each within bounds; keys go from memory."""
        node, courier = self._node, self._courier
        self._node = self._courier = self._open_app = None
        self._asked = False
        if node is None:
            return
        await self._wait_while(lambda: self._requests > 0, REQUESTS_S)
        await self._wait_while(lambda: courier is not None and courier.state.talking, finish_s)
        try:
            await self._stack.aclose()
        finally:
            await node.close()
            if node.vault is not None:
                node.vault.forget()
        # What was frozen as standing for good is not.
        gc.unfreeze()
        gc.collect()

    async def _wait_while(self, condition: Callable[[], bool], longest_s: float) -> None:
        deadline = self._clock.elapsed_s() + longest_s
        while condition() and self._clock.elapsed_s() < deadline:
            await self._clock.sleep(PAUSE_S)

    async def close(self) -> None:
        """For the end of the process: no exchange is waited for."""
        async with self._turning:
            await self._shut(finish_s=0)

    # --- locking by itself --------------------------------------------------------------------------------------------

    async def watch(self) -> None:
        """Look every few seconds, and after every change, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._look.wait()
            self._look.clear()
            try:
                await self.look()
            except Exception as error:
                log.error("locking failed: %s", place_of(error))

    async def look(self) -> None:
        """Do what is due: convert a plain folder, or lock."""
        async with self._turning:
            node = self._node
            if node is None:
                return
            if node.vault is None:
                await self._convert()
            elif self._asked:
                await self._sign_all_out(node)
                await self._shut()
            elif not self._is_unattended and self.settings.auto_lock_minutes:
                await self._lock_when_due(node)

    async def _lock_when_due(self, node: Node) -> None:
        idle_s = self._idle_s()
        signed_in = await node.accounts.count_signed_in()
        if signed_in and idle_s < self.settings.auto_lock_minutes * 60:
            return
        if signed_in:
            await self._sign_all_out(node)
        if idle_s >= self.settings.auto_lock_minutes_max * 60 or not await self._has_work(node):
            await self._shut()
            log.info("locked")

    async def _has_work(self, node: Node) -> bool:
        """Whether something waits to be sent, or is just on the line."""
        if self._courier is None:
            return False
        return self._courier.state.talking or (await pill_of(node.books, node.store, node.clock)).waiting > 0

    async def _sign_all_out(self, node: Node) -> None:
        # A full disk must not keep the store open: the sessions are in it, and are idle after the next unlocking.
        with contextlib.suppress(SQLAlchemyError):
            await node.accounts.sign_all_out()

    def _touch(self) -> None:
        self._seen_s, self._seen_at = self._clock.elapsed_s(), self._clock.now()

    def _idle_s(self) -> float:
        """Seconds without work: by whichever clock says more, for one of them stands still while a laptop sleeps."""
        return max(self._clock.elapsed_s() - self._seen_s, (self._clock.now() - self._seen_at) / 1000)

    # --- the first passphrase -----------------------------------------------------------------------------------------

    async def expect(self, login: str, password: str) -> None:
        """See `office.accounts.Keeper`: in a plain folder nothing opens with it yet."""

    async def settle(self, login: str, password: str) -> None:
        """See `office.accounts.Keeper`: what is about to be locked with the older password is locked with this one."""
        if self._typed is not None and agent_of(self._typed[0]) == agent_of(login):
            self._typed = login, password

    async def is_last(self, login: str) -> bool:
        """See `office.accounts.Keeper`: a plain folder opens without anybody."""
        return False

    async def drop(self, login: str) -> None:
        """See `office.accounts.Keeper`."""
        if self._typed is not None and agent_of(self._typed[0]) == agent_of(login):
            self._typed = None

    async def signed_in(self, login: str, password: str) -> None:
        """Somebody signed in while the folder lies plain: it is locked with their passphrase, after the answer."""
        self._typed = login, password
        self._look.set()

    async def lock_from(self, passphrase_file: Path) -> None:
        """Have a plain folder locked with what a file holds: login and password of an account, which is tried here.

        Raises `LocalFault` for the file, `SignInRefused` for the account.
        """
        assert self._node is not None
        name, _ = await self._node.accounts.sign_in(*read_passphrase(passphrase_file), passphrase_file.name)
        await self._node.accounts.sign_out(name)

    async def _convert(self) -> None:
        """Close the node, lock the folder, open it again. Pages wait meanwhile; sessions go on. What fails is tried at
        the next sign-in, and the folder stays as it was.
        """
        if self._typed is None:
            return
        self._passable.clear()
        try:
            await self._shut(finish_s=0)
            # Only now: a request that was under way may have changed that password, or closed that account.
            typed, self._typed = self._typed, None
            vault = await self._locked_with(*typed) if typed is not None else None
            if vault is not None or not self.home.vault.exists():
                await self.open(vault)
        finally:
            self._passable.set()

    async def _locked_with(self, login: str, passphrase: str) -> Vault | None:
        lock = WritingLock(self.home.lock)
        try:
            lock.take()
            vault = await asyncio.to_thread(lock_home, self.home, self.settings, login, passphrase, cost=self._cost)
        except Exception as error:
            # Whatever it is: work goes on over the plain folder.
            log.warning("the store could not be locked: %s", getattr(error, "code", "") or place_of(error))
            return None
        finally:
            lock.release()
        log.info("the store is locked from now on")
        return vault

    # --- the locked pages ---------------------------------------------------------------------------------------------

    def _get_locked_app(self) -> Asgi:
        if self._locked_app is None:
            seat = load_seat_file(self.home).chain[-1].enrolment
            is_tls = self._listener.tls is not None
            forms = read_vault(self.home).form_key if self.home.vault.exists() else form_key(load_data_key(self.home))
            cookies = CookieNames(seat.node, is_tls=is_tls)
            made = create_locked_app(
                seat.office,
                self.settings.language,
                cookies,
                forms=forms,
                unlock=self.unlock,
                recover=self.recover if self.home.vault.exists() else None,
                is_tls=is_tls,
            )
            self._locked_app = cast("Asgi", made)
        return self._locked_app


@contextlib.asynccontextmanager
async def watched(lockable: Lockable) -> AsyncGenerator[None]:
    """Locking by itself, until the block is left; then everything is closed."""
    watching = asyncio.create_task(lockable.watch(), name="locking")
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await lockable.close()


async def serve_village(
    home: Home,
    settings: Settings,
    *,
    passphrase_file: Path | None = None,
    progress: Progress = no_progress,
    announce: Callable[[Node | None], None] = lambda node: None,
) -> None:
    """Serve a village until told to stop: locked until somebody signs in, or unlocked from a file.

    `announce` is told what there is before it is served: the node, or None while it is locked.
    Raises what `Node.open`, `Listener.bind_for` and `read_passphrase` raise.
    """
    listener = Listener()
    lockable = Lockable(home, settings, listener, is_unattended=passphrase_file is not None)
    finish_locking(home, settings, has_pen=False)
    async with watched(lockable):
        if not home.vault.exists():
            await lockable.open(None, progress)
            if passphrase_file is not None:
                await lockable.lock_from(passphrase_file)
        elif passphrase_file is not None:
            await lockable.open(await _open_from(passphrase_file, home, settings), progress)
        else:
            await listener.bind_for(home, settings)
        announce(lockable.node)
        server = make_server(lockable, lockable.doorman, listener)
        try:
            await server.serve(listener.sockets)
        finally:
            lockable.doorman.close()


async def _open_from(passphrase_file: Path, home: Home, settings: Settings) -> Vault:
    login, passphrase = read_passphrase(passphrase_file)
    device = secret_of(settings.device_secret)
    return await asyncio.to_thread(Vault.open_with, home, agent_of(login), passphrase, device)
