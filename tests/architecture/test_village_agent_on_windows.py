"""Village PCs run Windows and have only what the agent's lock names: the agent must start without anything else."""

import subprocess
import sys

from tests.architecture.sources import ROOT

# Run in a fresh interpreter. The standard library's own modules may still import these (asyncio needs fcntl here, where
# the tests run); nobody else may.
PROGRAM = """
import builtins, importlib, pkgutil, sys

absent = set(sys.argv[1:])
real = builtins.__import__

def guarded(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "").split(".")[0]
    if level == 0 and name.split(".")[0] in absent and importer not in sys.stdlib_module_names:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return real(name, globals, locals, fromlist, level)

builtins.__import__ = guarded
import village_agent

names = [module.name for module in pkgutil.walk_packages(village_agent.__path__, "village_agent.")]
# Its verbs import what they need when they run: the whole of that must be importable as well.
names += ["office.founding", "office.node", "office.serving", "office.verifying", "office.doctor"]
for name in names:
    importlib.import_module(name)
print(len(names) + 1)
"""

NOT_ON_WINDOWS = ("fcntl", "pwd", "grp", "resource", "termios", "uvloop", "httptools")
NOT_IN_THE_AGENT_LOCK = ("arq", "asyncpg", "chinese_calendar", "hypothesis", "openpyxl", "psutil", "pytest", "redis")


def import_agent_without(*absent: str) -> "subprocess.CompletedProcess[str]":
    """Import every module of the agent in an interpreter in which these are not to be had."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM, *absent]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_every_module_of_the_agent_imports_without_what_windows_lacks() -> None:
    outcome = import_agent_without(*NOT_ON_WINDOWS)
    assert outcome.returncode == 0, outcome.stderr
    assert int(outcome.stdout) >= 1


def test_every_module_of_the_agent_imports_with_its_own_lock_alone() -> None:
    outcome = import_agent_without(*NOT_IN_THE_AGENT_LOCK)
    assert outcome.returncode == 0, outcome.stderr


def test_the_guard_itself_bites() -> None:
    outcome = import_agent_without("village_agent")
    assert "No module named 'village_agent'" in outcome.stderr
