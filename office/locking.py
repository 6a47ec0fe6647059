"""A village's folder locked: how a plain one is converted, in place, and how a locked one is opened.

A village keeps its store, its data key and its device key under the passphrases of its agents (`office.vault`). The
folder of an older program, or of a device without accounts, lies plain. `lock_home` writes the locked form of each file
beside it, then `vault.json`: that rename is the one moment from which the folder is a locked one. Killed before it,
the folder is as it was; killed after it, `finish` puts the files in their places, for which it needs no key.
What was plain is overwritten before it is deleted; a flash medium may keep old blocks all the same, so a conversion is
no substitute for a disk that was encrypted from the first day. Township and hub are never locked so.
Must never: leave a folder between the two forms without saying so, or delete what was not verified first.
Next: `office.vault`, `office.unlocking` (the running village).
"""

import asyncio
import hmac
import logging
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

from office.asking import ASK, locked_fault
from office.cipher import CipherConnection, connect, driver, key_literal
from office.clock import SystemSalts
from office.database import SQLITE_DRIVER, database_url
from office.device_secrets import DeviceSecret, secret_of
from office.paths import BEFORE_UPGRADE, Home, WritingLock, read_private, remove, sync_folder, write_private
from office.scratch import discard_scratch
from office.seat import load_seat_file, load_signer
from office.settings import Settings
from office.vault import AGENT, DATA_KEY_BYTES, DEAR, Cost, Vault
from schemas.divisions import Tier, tier_of_office
from sync.core.errors import Busy, LocalFault
from sync.failures import fault_of
from sync.keys import root_digest

log: Final = logging.getLogger("tongban.locking")

LOCKED: Final = ".locked"
"""Ends the name of a file's locked form until it is in its place."""
PLAIN: Final = ".plain"
"""Ends the name of a plain file whose locked form has taken its place, until it is overwritten and gone."""
_COMPANIONS: Final = ("-wal", "-shm", "-journal")
"""What SQLite may leave beside a database."""

FORM_KEY_LABEL: Final = b"tongban form tokens\n"

ROOM_SPARE_BYTES: Final = 16 * 1024 * 1024
"""Beside a second copy of the store: its write-ahead file, and the ballast."""

_PIECE_BYTES: Final = 1024 * 1024

Step = Callable[[str], None]
"""Told the name of every step when it is done; a test ends the process there."""


def no_step(step: str) -> None:
    """Tells nobody."""


def agent_of(login: str) -> str:
    """The name of an agent's wrap."""
    return AGENT + login.strip().lower()


def form_key(data_key: bytes) -> str:
    """The key that signs the tokens of forms. It outlives a restart: forms open then must not lose what was typed."""
    return hmac.digest(data_key, FORM_KEY_LABEL, "sha256").hex()


def store_file(home: Home, settings: Settings) -> Path | None:
    """The SQLite file of a node; None where its database is a server."""
    url = database_url(settings.database, home.database)
    return Path(url.database) if url.drivername == SQLITE_DRIVER and url.database else None


def is_lockable(home: Home, settings: Settings) -> bool:
    """Whether this is the folder of a village with its own SQLite file."""
    if not home.seat.exists() or store_file(home, settings) is None:
        return False
    chain = load_seat_file(home).chain
    return bool(chain) and tier_of_office(chain[-1].enrolment.office) is Tier.VILLAGE


# --- opening ---------------------------------------------------------------------------------------------------------


async def open_vault(home: Home, settings: Settings) -> Vault | None:
    """The open vault of a locked folder, after asking whoever can be asked; None for a plain folder.

    Raises `LocalFault` `locked` when nobody can be asked, and what `Vault.open_with` raises.
    """
    if not home.vault.exists():
        return None
    ask = ASK.get()
    if ask is None:
        raise locked_fault()
    login, passphrase = ask()
    device = secret_of(settings.device_secret)
    return await asyncio.to_thread(Vault.open_with, home, agent_of(login), passphrase, device)


class VaultKeeper:
    """The vault as the accounts see it (`office.accounts.Keeper`)."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    async def expect(self, login: str, password: str) -> None:
        """See `Keeper.expect`."""
        await asyncio.to_thread(self._vault.add_wrap, agent_of(login), password)

    async def settle(self, login: str, password: str) -> None:
        """See `Keeper.settle`."""
        await asyncio.to_thread(self._vault.replace_wrap, agent_of(login), password)

    async def is_last(self, login: str) -> bool:
        """See `Keeper.is_last`."""
        return self._vault.is_last_agent(agent_of(login))

    async def drop(self, login: str) -> None:
        """See `Keeper.drop`."""
        self._vault.drop_wraps(agent_of(login))

    async def signed_in(self, login: str, password: str) -> None:
        """See `Keeper.signed_in`."""
        try:
            if not self._vault.has_settled_wrap(agent_of(login)):
                await self.settle(login, password)
        except (LocalFault, OSError) as error:
            log.warning("the passphrase was not kept for unlocking: %s", type(error).__name__)


# --- converting ------------------------------------------------------------------------------------------------------


def lock_home(
    home: Home,
    settings: Settings,
    login: str,
    passphrase: str,
    *,
    device: DeviceSecret | None = None,
    cost: Cost = DEAR,
    step: Step = no_step,
) -> Vault:
    """Convert a plain folder; returns its open vault. Needs the writing lock, no engine open. Blocks: for a thread.

    Raises `Busy` `no_room_to_lock`, `LocalFault` `store_not_copied`, what `fault_of` says, OSError; then the folder is
    as it was.
    """
    database = store_file(home, settings)
    assert database is not None
    discard(home, database)
    seat = load_seat_file(home)
    data_key = read_private(home.data_key, missing_hint="put its backup back")
    device_key = read_private(home.keys, missing_hint="put its backup back")
    vault = Vault.create(
        home,
        county=root_digest(seat.root),
        node=load_signer(home).node,
        form_key=form_key(data_key),
        device=device or secret_of(settings.device_secret),
        cost=cost,
    )
    try:
        if database.exists():
            _check_room(database)
        with _fenced(database) as fence:
            if fence is not None and _export(database, vault.store_key):
                # Nothing is sealed under it yet: then the one that lay plain on this disk need not be used at all.
                data_key = SystemSalts().draw(DATA_KEY_BYTES)
            step("exported")
            write_private(_with(home.data_key, LOCKED), vault.seal(home.data_key.name, data_key))
            write_private(_with(home.keys, LOCKED), vault.seal(home.keys.name, device_key))
            step("sealed")
            vault.add_wrap(agent_of(login), passphrase)
            if fence is not None:
                _retire(fence)
    except BaseException as error:
        if not home.vault.exists():
            discard(home, database)
        if isinstance(error, driver().Error):
            raise fault_of(error) or _not_copied() from error
        raise
    step("committed")
    finish(home, database, step=step)
    return vault


def is_unfinished(home: Home, database: Path) -> bool:
    """Whether a conversion was broken off after the folder became a locked one."""
    return home.vault.exists() and any(
        _with(path, ending).exists() for path in _parts(home, database) for ending in (LOCKED, PLAIN)
    )


def finish_locking(home: Home, settings: Settings, *, has_pen: bool) -> None:
    """For whoever opens a locked folder: end a conversion that was broken off.

    Raises `LocalFault` `second_writer` when another process is just at it.
    """
    database = store_file(home, settings)
    if database is None or not is_unfinished(home, database):
        return
    lock = WritingLock(home.lock)
    if not has_pen:
        lock.take()
    try:
        finish(home, database)
    finally:
        lock.release()


def finish(home: Home, database: Path, *, step: Step = no_step) -> None:
    """Put every locked form in its place and wipe what was plain. May be begun again at any point."""
    wipe(_with(database, BEFORE_UPGRADE))
    step("older copy wiped")
    discard_scratch(home)
    for path in _parts(home, database):
        locked, plain = _with(path, LOCKED), _with(path, PLAIN)
        if locked.exists():
            if path == database:
                for companion in _COMPANIONS:
                    wipe(path.with_name(path.name + companion))
            if path.exists():
                path.replace(plain)
                sync_folder(path.parent)
                step(f"{path.name} aside")
            locked.replace(path)
            sync_folder(path.parent)
            step(f"{path.name} placed")
        wipe(plain)
        step(f"{path.name} wiped")


def discard(home: Home, database: Path) -> None:
    """Remove what a conversion left that never came to its moment."""
    for path in _parts(home, database):
        locked = _with(path, LOCKED)
        for each in (locked, *(locked.with_name(locked.name + companion) for companion in _COMPANIONS)):
            remove(each)


def wipe(path: Path) -> None:
    """Overwrite a file and delete it. Best effort: a flash medium writes elsewhere and may keep the old blocks."""
    if not path.exists():
        return
    left = path.stat().st_size
    with path.open("r+b") as file:
        while left > 0:
            left -= file.write(bytes(min(left, _PIECE_BYTES)))
        file.flush()
        os.fsync(file.fileno())
    remove(path)


def _parts(home: Home, database: Path) -> tuple[Path, ...]:
    return (database, home.data_key, home.keys)


def _with(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _check_room(database: Path) -> None:
    companion = database.with_name(f"{database.name}-wal")
    size = database.stat().st_size + (companion.stat().st_size if companion.exists() else 0)
    if shutil.disk_usage(database.parent).free < size + ROOM_SPARE_BYTES:
        raise Busy(
            "no_room_to_lock",
            "the disk has no room for a second, locked copy of the store, so it stays as it was: free space on it; "
            "the next sign-in tries again",
            retry_after_s=60,
        )


@contextmanager
def _fenced(database: Path) -> Generator[CipherConnection | None]:
    """The plain store, in which no verb beside us writes meanwhile; None where there is none yet."""
    if not database.exists():
        yield None
        return
    with closing(connect(str(database), None)) as fence:
        fence.execute("BEGIN IMMEDIATE")
        yield fence


def _retire(fence: CipherConnection) -> None:
    """The folder is a locked one: who waits to write into the plain store, which is about to be wiped, must fail."""
    with suppress(driver().Error):  # Whatever is in the way: the locked form is complete.
        version = int(fence.execute("PRAGMA schema_version").fetchone()[0])
        fence.execute("PRAGMA writable_schema=ON")
        fence.execute("DELETE FROM sqlite_master")
        fence.execute(f"PRAGMA schema_version={version + 1}")
        fence.execute("COMMIT")


def _export(database: Path, key: bytes) -> bool:
    """Write the locked form of a store beside it and verify it. Returns whether the store holds no entry yet."""
    target = _with(database, LOCKED)
    with closing(connect(str(database), None)) as source:
        source.execute(f'ATTACH DATABASE ? AS locked KEY "{key_literal(key)}"', (str(target),))
        source.execute("SELECT sqlcipher_export('locked')").fetchall()
        for pragma in ("user_version", "application_id"):
            # SQLCipher copies tables and indexes; these two are the file's own.
            number = int(source.execute(f"PRAGMA main.{pragma}").fetchone()[0])
            source.execute(f"PRAGMA locked.{pragma}={number}")
        source.execute("DETACH DATABASE locked")
        counted = _counts(source)
    with closing(connect(str(target), key)) as copy:
        copy.execute("PRAGMA journal_mode=WAL").fetchone()
        whole = copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        if not whole or copy.execute("PRAGMA cipher_integrity_check").fetchall() or _counts(copy) != counted:
            raise _not_copied()
    target.chmod(0o600)
    with target.open("r+b") as file:  # Windows makes only what may be written durable.
        os.fsync(file.fileno())
    sync_folder(target.parent)
    return not counted.get("entries")


def _not_copied() -> LocalFault:
    return LocalFault(
        "store_not_copied",
        "the locked copy of the store is not equal to it, so the store stays as it was: have the disk checked, "
        "make a backup, then sign in again",
    )


def _counts(connection: CipherConnection) -> dict[str, int]:
    """Rows of every table."""
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {
        name: int(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0])  # noqa: S608 (our own tables)
        for (name,) in tables
    }
