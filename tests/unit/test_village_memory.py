"""A village computer gets its memory back. Tried in a process of its own: the setting is the whole process's."""

import subprocess
import sys
from typing import Final

SIGN_INS: Final = """
import asyncio, os
from pathlib import Path

import argon2

from village_agent.memory import keep_small

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

async def sign_in():
    await asyncio.to_thread(argon2.PasswordHasher(time_cost=1, memory_cost=19 * 1024, parallelism=1).hash, "hills")

async def day():
    await sign_in()
    once = resident()
    for _ in range(3):
        await sign_in()
    print((resident() - once) // 1024)

keep_small()
asyncio.run(day())
"""

KEPT_KIB_MAX: Final = 4 * 1024
"""A fifth of what one sign-in takes for a moment."""


def test_the_memory_of_a_sign_in_is_given_back_every_time() -> None:
    outcome = subprocess.run([sys.executable, "-c", SIGN_INS], capture_output=True, text=True, check=True)
    assert int(outcome.stdout) < KEPT_KIB_MAX


def test_the_object_mapper_that_nobody_uses_is_not_loaded() -> None:
    program = (
        "import sys; from village_agent.memory import keep_small; keep_small();"
        "import office.node, office.serving;"
        "print(sum(name.startswith('sqlalchemy.orm') for name in sys.modules), office.node.Node.__name__)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["0", "Node"]


def test_a_crash_leaves_no_file_with_what_was_in_memory() -> None:
    program = (
        "import resource; from village_agent.memory import leave_no_core; leave_no_core();"
        "print(*resource.getrlimit(resource.RLIMIT_CORE))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["0", "0"]


def test_the_serving_process_starts_itself_anew_without_docstrings_and_only_once() -> None:
    program = (
        "import os, sys; from village_agent.memory import start_lean;"
        "os.execv = lambda _, words: print(*words[1:]); sys.argv = ['village-agent', 'run', '--home', 'x'];"
        "start_lean('village_agent')"
    )
    said = [
        subprocess.run([sys.executable, *flags, "-c", program], capture_output=True, text=True, check=True).stdout
        for flags in ((), ("-OO",))
    ]
    assert said[0].split()[0] == "-OO"
    assert said[0].split()[-4:] == ["village_agent", "run", "--home", "x"]
    assert said[1] == ""
