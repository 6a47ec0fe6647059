"""The node programs as drills run them: of this checkout or of the previous release, each in a process of its own.

Never lets one outlive its drill, and never talks to a node but as an operator does: verbs, signals, the log. Next:
`thin_county`, `skew`.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from tests.nightly.drills import ROOT
from tests.support.waiting import until

START_S_MAX: Final = 90.0
STOP_S_MAX: Final = 20.0
SERVES: Final = "serving at"


class Release(Struct, frozen=True):
    """A version of the programs: the Python that finds it, and the folder in which it is started."""

    python: str
    folder: Path


TODAY: Final = Release(sys.executable, ROOT)


class Program:
    """One node: its verbs, and its `run` as often as it is started."""

    def __init__(
        self, module: str, home: Path, settings: dict[str, str], *, release: Release = TODAY, before: Sequence[str] = ()
    ) -> None:
        """`settings`: of the environment, without their prefix. `before`: words before every command."""
        self.home = home
        self.module = module
        self._release = release
        self._before = before
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TONGBAN_", "PYTHONPATH"))}
        own = {f"TONGBAN_{name}": value for name, value in settings.items()}
        self._surroundings = kept | own | {"PYTHONUTF8": "1", "TONGBAN_HOME": str(home)}
        self._process: asyncio.subprocess.Process | None = None

    @property
    def log(self) -> str:
        """What `run` has printed."""
        path = self.home / "run.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    @property
    def process_id(self) -> int:
        """Of the `run` that was started last."""
        assert self._process is not None
        return self._process.pid

    def _words(self, *words: str) -> list[str]:
        return [*self._before, self._release.python, "-m", self.module, *words]

    async def verb(self, *words: str, given: str = "") -> str:
        """Run a verb to its end, `given` on its standard input; what it printed. Raises `AssertionError` otherwise."""
        process = await asyncio.create_subprocess_exec(
            *self._words(*words),
            cwd=self._release.folder,
            env=self._surroundings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        output, _ = await process.communicate(given.encode())
        printed = output.decode(errors="replace")
        assert process.returncode == 0, f"{self.module} {words[0]}: {printed}"
        return printed

    async def start(self) -> None:
        """Start `run`, and return once it serves. Raises `AssertionError` with its log when it ends instead."""
        with (self.home / "run.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._words("run"),
                cwd=self._release.folder,
                env=self._surroundings,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

        async def serves() -> bool:
            assert self._process is not None
            assert self._process.returncode is None, self.log
            return SERVES in self.log

        await until(serves, f"{self.module} to serve", within_s=START_S_MAX)

    async def killed_start(self, after_s: float) -> bool:
        """Begin `run`, and kill it without warning after so long. Returns whether it still lived."""
        with (self.home / "run.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *self._words("run"), cwd=self._release.folder, env=self._surroundings, stdout=log, stderr=log
            )
        try:
            await asyncio.wait_for(process.wait(), after_s)
        except TimeoutError:
            process.kill()
            await process.wait()
            return True
        return False

    async def refusal(self, *words: str) -> str:
        """What a verb printed that must fail. Raises `AssertionError` when it does not."""
        try:
            printed = await self.verb(*words)
        except AssertionError as refused:
            return str(refused)
        raise AssertionError(f"{self.module} {words[0]} was not refused: {printed}")

    async def stop(self) -> None:
        """End it in order; kill it if it will not."""
        if self._process is None or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_S_MAX)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
