"""The demo's nodes as processes of this machine: started, killed without warning, stopped in order.

Each is the very program that an office runs, with its own home folder and its own log file there. Never lets one
outlive the demo. Next: `deploy.demo_county`.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, NoReturn

import httpx

from deploy.environment import ROOT

START_S_MAX: Final = 60.0
"""A node answers after about 2 s of processor time; seven at once on two slow cores take several times that."""
STOP_S_MAX: Final = 8.0
LOG_TAIL_LINES: Final = 12
COMPLAINTS_SHOWN: Final = 3


class DemoFailed(Exception):
    """The demonstration cannot go on. The text says what was expected and where to look."""

    def __init__(self, text: str, zh: str = "") -> None:
        super().__init__(text)
        self.zh = zh or text


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def surroundings(extra: dict[str, str]) -> dict[str, str]:
    """The environment of a node: nothing of an operator's own Tongban settings reaches the demo's county."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TONGBAN_")}
    return kept | {"PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"} | extra


async def run_verb(module: str, *words: str, settings: dict[str, str]) -> str:
    """Run one verb of a node's command line to its end. Returns what it printed.

    Raises `DemoFailed` with the end of its output when it fails.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *words,
        cwd=ROOT,
        env=surroundings(settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    printed = output.decode(errors="replace")
    if process.returncode:
        raise DemoFailed(f"«{module} {words[0]}» ended with status {process.returncode}:\n{tail(printed)}")
    return printed


def tail(text: str) -> str:
    """The last lines of an output."""
    return "\n".join(text.rstrip().splitlines()[-LOG_TAIL_LINES:])


class NodeProcess:
    """One node's `run`, as often as it is started."""

    def __init__(self, module: str, home: Path, port: int, settings: dict[str, str]) -> None:
        self.module = module
        self.home = home
        self.port = port
        self.settings = settings
        self.starts = 0
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> Path:
        """What it printed, over all starts."""
        return self.home / "run.log"

    def complaints(self) -> list[str]:
        """The last warnings and errors in its log."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines() if self.log.exists() else []
        return [line for line in lines if " WARNING " in line or " ERROR " in line][-COMPLAINTS_SHOWN:]

    @property
    def is_running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.returncode is None

    async def start(self, *words: str) -> None:
        """Start the node and wait until its pages answer. Raises `DemoFailed` with the end of its log."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self.module,
                *words,
                cwd=ROOT,
                env=surroundings(self.settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the demo alone, which then stops its nodes in order.
                start_new_session=True,
            )
        self.starts += 1
        await self._wait_for_pages()

    async def _wait_for_pages(self) -> None:
        deadline = time.monotonic() + START_S_MAX
        async with httpx.AsyncClient(trust_env=False, timeout=5) as client:
            while self.is_running and time.monotonic() < deadline:
                with contextlib.suppress(httpx.HTTPError):
                    await client.get(f"http://127.0.0.1:{self.port}/sign-in")
                    return
                await asyncio.sleep(0.1)
        self._fail()

    def _fail(self) -> NoReturn:
        log = tail(self.log.read_text(encoding="utf-8", errors="replace"))
        raise DemoFailed(f"«{self.module} run» does not answer on port {self.port}; its log ends:\n{log}")

    async def kill(self) -> None:
        """SIGKILL: what a power cut or a stumbled-over plug does to a process."""
        if self._process is not None and self.is_running:
            self._process.kill()
            await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        if self._process is None or not self.is_running:
            return
        if os.name == "nt":
            self._process.terminate()
        else:
            self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S_MAX)
        except TimeoutError:
            await self.kill()
