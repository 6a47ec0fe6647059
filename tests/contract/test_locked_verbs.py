"""The village's command line over a locked folder: as its own process, a passphrase from a file or nobody's."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import pytest

from office.node import Node
from office.paths import Home, write_private
from office.settings import PASSPHRASE_VARIABLE
from schemas.casework.roles import Role
from tests.support.counties import VILLAGE
from tests.support.nodes import found_network
from tests.support.waiting import free_port

LOGIN: Final = "zhang"
PASSWORD: Final = "hills-and-terraces-27"
OTHER: Final = "a-colleague-from-the-hills"
STOP_S_MAX: Final = 60.0
PORT_LINE: Final = "serving at"


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    """A village that is enrolled and has no account yet."""
    places = await found_network(tmp_path / "network")
    home = Home(places.home(VILLAGE))
    home.settings.write_text(f'port = {free_port()}\nlanguage = "en"\n')
    return home


async def start(home: Home, *words: str | Path, variable: Path | None = None) -> asyncio.subprocess.Process:
    """A verb as an operator starts it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TONGBAN_")}
    stated = {} if variable is None else {PASSPHRASE_VARIABLE: str(variable)}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "village_agent", *map(str, words), "--home", str(home.folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**kept, **stated},
    )


async def run(home: Home, *words: str | Path, typed: str = "", variable: Path | None = None) -> tuple[int, str]:
    """Run one to its end: status and what it printed."""
    process = await start(home, *words, variable=variable)
    async with asyncio.timeout(STOP_S_MAX):
        printed, _ = await process.communicate(typed.encode())
    assert process.returncode is not None
    assert "Traceback" not in printed.decode()
    return process.returncode, printed.decode()


@asynccontextmanager
async def running(home: Home, *words: str | Path) -> AsyncGenerator[list[str]]:
    """`run` until the block ends: what it printed until it served."""
    process = await start(home, "run", *words)
    assert process.stdout is not None
    printed: list[str] = []
    try:
        async with asyncio.timeout(STOP_S_MAX):
            while PORT_LINE not in "".join(printed[-1:]):
                line = (await process.stdout.readline()).decode()
                assert line, printed
                printed.append(line)
        yield printed
    finally:
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_S_MAX):
            rest, _ = await process.communicate()
    assert process.returncode == 0, rest
    assert b"Traceback" not in rest


def passphrase_file(home: Home, login: str = LOGIN, password: str = PASSWORD) -> Path:
    path = home.folder.parent / f"{login}.passphrase"
    write_private(path, f"{login}\n{password}\n".encode())
    return path


async def add_account(home: Home, login: str, password: str, *words: str | Path) -> tuple[int, str]:
    words = ("accounts", "add", "--login", login, "--name", login, "--role", "agent", "--password-stdin", *words)
    return await run(home, *words, typed=f"{password}\n")


async def test_the_first_account_locks_the_folder_and_every_verb_then_needs_a_passphrase(home: Home) -> None:
    status, said = await add_account(home, LOGIN, PASSWORD)
    assert status == 0
    assert "the store is locked" in said
    assert home.vault.exists()
    for verb in (("verify",), ("accounts", "list"), ("rebuild",), ("status",)):
        status, said = await run(home, *verb)
        assert (status, said.split(":")[0]) == (1, "locked"), said
        assert "all that was saved is safe" in said
    right, wrong = passphrase_file(home), passphrase_file(home, "li", OTHER)
    assert (await run(home, "verify", "--passphrase-file", right))[0] == 0
    assert (await run(home, "verify", variable=right))[0] == 0
    status, said = await run(home, "verify", "--passphrase-file", wrong)
    assert (status, said.split(":")[0]) == (1, "passphrase_wrong")
    status, said = await add_account(home, "li", OTHER, "--passphrase-file", right)
    assert status == 0, said
    assert (await run(home, "accounts", "list", "--passphrase-file", wrong))[0] == 0, "it opens with the new one too"
    status, said = await run(home, "doctor")
    assert "✓ lock: encrypted" in said
    assert "locked:" in said


async def test_a_passphrase_file_is_looked_at_before_it_is_believed(home: Home) -> None:
    await add_account(home, LOGIN, PASSWORD)
    right = passphrase_file(home)
    right.chmod(0o644)
    assert (await run(home, "verify", "--passphrase-file", right))[1].startswith("passphrase_file_open")
    write_private(right, b"zhang\n")
    assert (await run(home, "verify", "--passphrase-file", right))[1].startswith("bad_passphrase_file")
    assert (await run(home, "run", "--passphrase-file", right.with_name("none")))[1].startswith("file_missing")


async def test_it_runs_locked_is_unlocked_on_its_page_and_stops_in_order(home: Home) -> None:
    await add_account(home, LOGIN, PASSWORD)
    port = int(home.settings.read_text().split()[2])
    async with running(home) as printed, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        assert "locked, sign in on its page" in "".join(printed)
        status, said = await run(home, "status")
        assert (status, said.split(":")[0]) == (1, "locked")
        headers = {"x-csrftoken": (await client.get("/api/session")).json()["csrf"]}
        who = {"login": LOGIN, "password": PASSWORD}
        assert (await client.post("/api/session", json=who, headers=headers)).status_code == 200
        status, said = await run(home, "status")
        assert status == 0
        assert "running" in said
        assert (await run(home, "run"))[1].split(":")[0] in ("port_taken", "second_writer")
    assert not home.local.exists()


async def test_with_a_file_it_starts_unlocked_and_a_plain_folder_is_locked_with_it(home: Home) -> None:
    node = await Node.open(home.folder, with_pen=False)
    await node.accounts.add_officer(LOGIN, "张代办", node.seat, [Role.AGENT], PASSWORD)
    await node.close()
    port = int(home.settings.read_text().split()[2])
    async with running(home, "--passphrase-file", passphrase_file(home)), httpx.AsyncClient(timeout=60) as client:
        async with asyncio.timeout(STOP_S_MAX):
            while not home.vault.exists():
                await client.get(f"http://127.0.0.1:{port}/health")
        assert (await client.get(f"http://127.0.0.1:{port}/sign-in")).status_code == 200
    async with running(home, "--passphrase-file", passphrase_file(home)) as printed:
        assert "locked" not in printed[0]
        assert (await run(home, "status"))[0] == 0


async def test_lock_store_needs_an_account_that_is_there(home: Home) -> None:
    node = await Node.open(home.folder, with_pen=False)
    await node.accounts.add_officer(LOGIN, "张代办", node.seat, [Role.AGENT], PASSWORD)
    await node.close()
    status, said = await run(home, "doctor")
    assert "✗ lock: not encrypted yet" in said
    status, said = await run(home, "lock-store", "--passphrase-file", passphrase_file(home, LOGIN, OTHER))
    assert (status, said.split(":")[0]) == (1, "sign_in_wrong")
    assert not home.vault.exists()
    status, said = await run(home, "lock-store", "--passphrase-file", passphrase_file(home))
    assert (status, said.strip()) == (0, "locked")
    status, said = await run(home, "lock-store", "--passphrase-file", passphrase_file(home))
    assert said.startswith("locked_already")
