"""What a drill is: a name, what it needs of the machine, and a callable that returns figures or fails with them.

Every drill answers with one JSON line, whatever happens: what it measured, why it failed, or why it cannot run here.
What prints beside that goes to standard error. A drill that needs namespaces or mounts of its own works in
a child (`in_child`), which hands its figures back on its last line. Next: `tests.nightly.registry` (the table).
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[2]

Figures = dict[str, Any]
"""What a drill counted: names → numbers, words, lists."""

Need = Callable[[], str]
"""Why this machine cannot give it; empty when it can."""


class Failed(AssertionError):
    """The drill ran, and something that must hold did not. `figures`: what it had counted until then."""

    def __init__(self, why: str, figures: Figures | None = None) -> None:
        super().__init__(why)
        self.figures = figures or {}


class Drill(Struct, frozen=True):
    """One row of the table."""

    name: str
    tell: Callable[[], Figures]
    """Carry it out. Raises `Failed`, or anything else, when it fails."""
    needs: tuple[Need, ...] = ()


def carry_out(drill: Drill) -> Figures:
    """The line of one drill. Never raises for what a drill does."""
    if why := why_not(drill):
        return {"drill": drill.name, "ran": False, "why": why}
    started_s = time.monotonic()
    line: Figures = {"drill": drill.name, "ran": True, "passed": True}
    try:
        line["figures"] = drill.tell()
    except Exception as failure:
        line |= {"passed": False, "why": _told(failure), "figures": getattr(failure, "figures", {})}
    return line | {"seconds": round(time.monotonic() - started_s, 1)}


def why_not(drill: Drill) -> str:
    """Why a drill cannot run here: the first of its needs that is not met; empty when it can."""
    for need in drill.needs:
        try:
            why = need()
        except Exception as failure:
            why = f"whether it can run cannot be found out: {_told(failure)}"
        if why:
            return why
    return ""


def _told(failure: Exception) -> str:
    """Why something failed; the line of the program for an assertion that says nothing."""
    if isinstance(failure, AssertionError) and str(failure):
        return str(failure)
    frame = traceback.extract_tb(failure.__traceback__)[-1]
    return f"{type(failure).__name__}: {failure} at {Path(frame.filename).name}:{frame.lineno}: {frame.line}"


def say(text: str) -> None:
    """Progress, for whoever watches."""
    print(text, file=sys.stderr, flush=True)


# --- drills in a process of their own --------------------------------------------------------------------------------


def in_child(module: str, *arguments: str, before: Sequence[str] = (), within_s: float = 3600) -> Figures:
    """Run a drill's module as a program and return its figures: the JSON object on the last line of its output.

    `before`: words before the command (`unshare …`). Raises `Failed` when it fails or says nothing.
    """
    command = [*before, sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
        try:
            printed, _ = child.communicate(timeout=within_s)
        finally:
            # Nothing that a drill started outlives it, however it ended.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    *lines, last = printed.splitlines() or [""]
    for line in lines:
        say(line)
    try:
        told: Figures = json.loads(last)
    except ValueError:
        raise Failed(f"{module} ended with status {child.returncode} and no figures: {last}") from None
    if why := told.pop("failed", ""):
        raise Failed(why, told)
    if child.returncode:
        raise Failed(f"{module} ended with status {child.returncode}", told)
    return told


def hand_back(drill: Callable[[], Figures]) -> int:
    """The child's side: carry out a drill and print its figures as the last line. Returns the exit status."""
    try:
        figures = drill()
    except Exception as failure:
        if not isinstance(failure, AssertionError):
            traceback.print_exc()
        print(json.dumps({**getattr(failure, "figures", {}), "failed": _told(failure)}, ensure_ascii=False))
        return 1
    print(json.dumps(figures, ensure_ascii=False))
    return 0


# --- what machines may lack ------------------------------------------------------------------------------------------


def is_root() -> str:
    """For mounting a file system of one's own from a file."""
    return "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "it needs root: a file system on a loop device"


def programs(*names: str) -> Need:
    """These programs on PATH."""

    def find() -> str:
        missing = [name for name in names if not _which(name)]
        return f"programs are missing: {', '.join(missing)}" if missing else ""

    return find


def _which(name: str) -> bool:
    # Administrators' programs are not on everybody's PATH.
    folders = [*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/sbin"]
    return any(os.access(Path(folder) / name, os.X_OK) for folder in folders)
