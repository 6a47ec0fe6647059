"""The first start of a village's computer: one page that gets it its seat, makes the first account and locks the store.

Served on this computer only, until both are done; then `run` goes on as it always does. A marker in the folder says
that the account is still to be made, so that a power cut in between leads back to the page and not to a computer that
nobody can sign in to. A replaced computer takes the same way: its cases come back by the line.
Never shows or keeps a code, and never runs on a folder whose first account was made.
Next: `office.web.first_run` (the page), `office.founding` (the enrolment), `office.locking`.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final

from office.founding import enrol_device, prepare_device
from office.locking import lock_home
from office.node import Node, is_loopback
from office.paths import Home, WritingLock, remove, write_private
from office.seat import load_seat_file, load_signer
from office.serving import Listener, make_doorman, make_server
from office.settings import load_settings
from office.vault import DEAR, Cost
from schemas.casework.roles import Role
from schemas.divisions import is_village_office
from schemas.names import OfficeId
from schemas.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    import uvicorn

    from office.enrolling import Sheet
    from office.settings import Settings

MARKER: Final = "first-run"


class FirstRun:
    """What the page does, step by step."""

    def __init__(self, home: Home, *, cost: Cost = DEAR) -> None:
        self.home = prepare_device(home.folder)
        self.cost = cost
        self.on_done: Callable[[], None] = _nothing
        self._turn = asyncio.Lock()

    @property
    def office(self) -> OfficeId | None:
        """The office that this computer has its seat in; None: it is still to be enrolled."""
        if not self.home.seat.exists():
            return None
        return load_seat_file(self.home).chain[-1].enrolment.office

    async def enrol(self, sheet: "Sheet") -> None:
        """Get the seat with a sheet's code. Raises what `enrol_device` does, and `Refused` `not_a_village_sheet`."""
        if not is_village_office(sheet.office):
            raise Refused(
                "not_a_village_sheet",
                f"这张注册单是 {sheet.office} 的，不是村的；请核对，领取本村的注册单。",
                f"This sheet is for {sheet.office}, which is no village; look at it again and ask for your village's.",
            )
        async with self._turn:
            if self.office is None:
                write_private(_marker(self.home), b"the first account is to be made\n")
                await enrol_device(self.home.folder, sheet)

    async def make_account(self, login: str, name: str, password: str) -> None:
        """The first agent's account, whose passphrase locks this computer from now on.

        Raises `AccountRefused`, and what opening and locking raise: then it is to be done again.
        """
        async with self._turn:
            if not is_due(self.home):
                self.on_done()
                return
            node = await Node.open(self.home.folder)
            try:
                # What an attempt that broke off has left must open with what is typed now: the lock is made of it.
                known = {one.login: one.officer for one in await node.accounts.list_officers()}
                officer = known.get(login.strip().lower())
                if officer is not None:
                    await node.accounts.set_password(officer, password)
                else:
                    roles = [Role.AGENT, Role.ADMINISTRATOR]
                    await node.accounts.add_officer(login, name, node.seat, roles, password)
                settings = node.settings
            finally:
                await node.close()
            await asyncio.to_thread(self._lock, settings, login, password)
            remove(_marker(self.home))
        self.on_done()

    def _lock(self, settings: "Settings", login: str, password: str) -> None:
        lock = WritingLock(self.home.lock)
        lock.take()
        try:
            if not self.home.vault.exists():
                lock_home(self.home, settings, login, password, cost=self.cost)
        finally:
            lock.release()


def is_due(home: Home) -> bool:
    """Whether a folder has no seat, or a seat and not yet the account that goes with it."""
    # Locked, it has its account, whoever made that: killed before the marker went, or made at the command line.
    return not home.seat.exists() or (_marker(home).exists() and not home.vault.exists())


async def serve_first_run(folder: Path, announce: "Callable[[Settings], None]") -> bool:
    """Serve the page until the first account is made. Returns whether it was; False: told to stop before.

    Raises `LocalFault` where other computers could reach the page, and what binding the port raises.
    """
    from office.web.first_run import create_first_run_app

    first = FirstRun(Home(folder))
    settings = load_settings(first.home.settings)
    if not is_loopback(settings.host):
        load_seat_file(first.home)  # not enrolled: over a network nobody shall enrol it but its own command line
    listener = Listener()
    await listener.bind_for(first.home, settings)
    app = create_first_run_app(first, settings.language, load_signer(first.home).node)
    doorman = make_doorman(first.home, listener)
    server: uvicorn.Server = make_server(app, doorman, listener)

    def end() -> None:
        server.should_exit = True

    first.on_done = end
    announce(settings)
    try:
        await server.serve(listener.sockets)
    finally:
        doorman.close()
    return not is_due(first.home)


def _marker(home: Home) -> Path:
    return home.folder / MARKER


def _nothing() -> None:
    """Nobody waits for the end."""
