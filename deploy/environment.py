"""The virtual environment of a checkout: made once, checked by hash, never touched again while the lock stays the same.

Standard library only, Windows included. It must never need the network when the stamp matches, and never install
anything that `requirements.lock` does not name with its hash. The order of ways is: uv on PATH; venv with its own pip;
venv without pip and the system's pip; on Debian as root, the missing packages first. Next: `commands.py`, which runs
verbs inside it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
STAMP = VENV / ".stamp"
BUSY = ROOT / ".venv.lock"
WINDOWS = os.name == "nt"
VENV_PYTHON = VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")

# How much of a failed command's output is shown: enough for the reason, not the whole download log.
TAIL_LINES = 6


class SetUpFailed(Exception):
    """The environment could not be made. The text names the reason and the cure."""


def ready() -> bool:
    """Whether the environment exists and was made from the present lock. Reads two files, asks nobody."""
    try:
        return VENV_PYTHON.exists() and STAMP.read_text(encoding="ascii").strip() == lock_digest()
    except OSError:
        return False


def lock_digest() -> str:
    """SHA-256 of `requirements.lock` in hex, the same whatever line ends a checkout has: what the stamp says."""
    return hashlib.sha256(LOCK.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def ensure() -> Path:
    """Give the environment's Python, making the environment first if need be. Raises `SetUpFailed`."""
    if ready():
        return VENV_PYTHON
    with one_at_a_time():
        if not ready():
            make()
    return VENV_PYTHON


@contextlib.contextmanager
def one_at_a_time() -> Generator[None]:
    """Hold the set-up lock; a second command waits here until the first has finished, then finds the work done."""
    with BUSY.open("a+b") as handle:
        if sys.platform == "win32":
            import msvcrt

            while True:
                try:  # LK_LOCK tries for ten seconds and then gives up; the other set-up may take minutes.
                    msvcrt.locking(handle.fileno(), msvcrt.LK_LOCK, 1)
                    break
                except OSError:
                    continue
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield  # Closing the file lets go of the lock on every system.


def make() -> None:
    """Make or update the environment by the first way that works. Raises `SetUpFailed` naming each way's reason."""
    began = time.monotonic()
    say(f"setting up {VENV.name} (once, about a minute) …")
    reasons: list[str] = []
    for name, way in ways():
        try:
            way()
        except subprocess.CalledProcessError as failure:
            reasons.append(f"{name}: {tail(failure)}")
            continue
        except OSError as failure:
            reasons.append(f"{name}: {failure}")
            continue
        register_checkout()
        write_stamp()
        say(f"ready after {time.monotonic() - began:.0f} s ({name})")
        return
    raise SetUpFailed(explain(reasons))


def ways() -> Iterator[tuple[str, Callable[[], None]]]:
    """The ways to an environment that this machine offers, best first."""
    if usable():
        yield "updating", update
    if shutil.which("uv"):
        yield "uv", with_uv
    yield "venv", with_venv
    yield "venv without pip, system pip", with_system_pip
    if debian_root() and not quiet([base_python(), "-c", "import ensurepip"]):
        yield "apt, venv", with_apt


def usable() -> bool:
    """Whether an environment of an older lock is there, whole and with its own pip, so that an update is enough."""
    if not STAMP.exists() or not VENV_PYTHON.exists():
        return False
    return quiet([str(VENV_PYTHON), "-m", "pip", "--version"]) and quiet(
        [str(VENV_PYTHON), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    )


def update() -> None:
    """Bring an existing environment to the present lock; running commands keep their files until then."""
    STAMP.unlink()
    install([str(VENV_PYTHON), "-m", "pip"])


def with_uv() -> None:
    """Make the environment with uv: the quickest way, never a requirement."""
    remove(VENV)
    execute(["uv", "venv", "-q", "--python", base_python(), str(VENV)])
    options = ["--compile-bytecode", "--require-hashes", "--no-deps"]
    execute(["uv", "pip", "install", "-q", *options, "--python", str(VENV_PYTHON), "-r", str(LOCK)])


def with_venv() -> None:
    """Make the environment with the standard venv and the pip that ensurepip puts in."""
    remove(VENV)
    execute([base_python(), "-m", "venv", str(VENV)])
    install([str(VENV_PYTHON), "-m", "pip"])


def with_system_pip() -> None:
    """Make the environment without ensurepip: the system's pip installs into it from outside."""
    remove(VENV)
    execute([base_python(), "-m", "venv", "--without-pip", str(VENV)])
    install([base_python(), "-m", "pip", "--python", str(VENV_PYTHON)])


def with_apt() -> None:
    """Fetch the venv packages that Debian splits off, then go the standard way."""
    execute(["apt-get", "update", "-q"])
    own = f"python{sys.version_info.major}.{sys.version_info.minor}-venv"
    try:
        execute(["apt-get", "install", "-yq", "--no-install-recommends", own])
    except subprocess.CalledProcessError:
        execute(["apt-get", "install", "-yq", "--no-install-recommends", "python3-venv"])
    with_venv()


def install(pip: list[str]) -> None:
    """Install the lock, hash-checked, with this pip. Bytecode is compiled now so that the first start is quick."""
    execute([*pip, "install", "-q", "--require-hashes", "--no-deps", "-r", str(LOCK)])


def register_checkout() -> None:
    """Make the checkout importable and its commands (`hub`, `village-agent` …) runnable from the environment.

    Uses the locked setuptools; nothing is fetched. Raises `SetUpFailed`.
    """
    command = [str(VENV_PYTHON), "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    try:
        execute([*command, "--config-settings", "editable_mode=compat", "-e", str(ROOT)])
    except subprocess.CalledProcessError as failure:
        raise SetUpFailed(f"the checkout could not be registered: {tail(failure)}") from failure


def write_stamp() -> None:
    """State that the environment is whole. Renamed into place last: an interrupted set-up leaves no stamp."""
    draft = STAMP.with_suffix(".new")
    draft.write_text(lock_digest() + "\n", encoding="ascii")
    draft.replace(STAMP)


def base_python() -> str:
    """The Python that the environment is made from: `PYTHON`, or the one running, seen from outside any environment."""
    chosen = os.environ.get("PYTHON")
    if chosen:
        return chosen
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def debian_root() -> bool:
    """Whether this is a Debian-like system on which we may install packages."""
    return not WINDOWS and getattr(os, "geteuid", lambda: 1)() == 0 and shutil.which("apt-get") is not None


def execute(command: list[str]) -> None:
    """Run a set-up command silently. Raises `subprocess.CalledProcessError` with its output."""
    environment = dict(os.environ, UV_PYTHON_DOWNLOADS="never", PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    # Inside an administration the index is often a mirror whose certificate only the system knows.
    environment.update(DEBIAN_FRONTEND="noninteractive", UV_SYSTEM_CERTS="1")
    environment.pop("PYTHONPATH", None)
    environment.pop("VIRTUAL_ENV", None)
    subprocess.run(
        command,
        check=True,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )


def quiet(command: list[str]) -> bool:
    """Whether a command can be run and succeeds; its output is thrown away."""
    try:
        execute(command)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def remove(folder: Path) -> None:
    """Delete a folder that we made, if it is there."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def tail(failure: subprocess.CalledProcessError) -> str:
    """The last lines of what a failed command said."""
    lines = [line for line in str(failure.stdout or "").splitlines() if line.strip()]
    return "\n    ".join(lines[-TAIL_LINES:]) or f"exit status {failure.returncode}"


def explain(reasons: list[str]) -> str:
    """Say what failed and what to do, in that order."""
    text = "\n  ".join(reasons)
    unreachable = any(
        word in text for word in ("ConnectionError", "NewConnection", "resolve", "No matching", "timed out")
    )
    if unreachable:
        cure = "connect to a package index, or name a mirror in PIP_INDEX_URL (uv: UV_DEFAULT_INDEX), and run again."
    elif WINDOWS:
        cure = "install Python 3.11 or newer with pip from python.org, and run again."
    else:
        cure = "install python3-venv and python3-pip (Debian: apt-get install python3-venv), or uv, and run again."
    return f"the environment could not be made.\n  {text}\nCure: {cure}"


def say(text: str) -> None:
    """One progress line, on standard error so that a verb's own output stays clean."""
    print(f"tongban: {text}", file=sys.stderr, flush=True)
