"""Keeps the process small on Linux: what it gives back goes to the system at once.

GNU's allocator learns from the first large block that is given back and then keeps all blocks of that size for itself:
a sign-in takes 19 MiB (argon2), and from the second on they would stay for good. It also gives every thread a heap of
its own, each with its own waste; here one thread works at a time. Windows and musl need none of it.
On every system: SQLAlchemy's package for asyncio loads its object mapper, which nothing of ours uses, 7 MiB.
And docstrings, which only developers read, are 4 MiB: the serving process starts itself anew without them.
Changes how memory is kept, and that no crash leaves it in a file, and nothing else; the bar is in
`tests.benchmarks.agent`.
"""

import contextlib
import ctypes
import importlib
import importlib.util
import os
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Final

LARGE_BLOCK_BYTES: Final = 256 * 1024
"""Blocks from here on are pages of their own. A sign-in and packing a long page need such; few others do."""

ENGINES_PACKAGE: Final = "sqlalchemy.ext.asyncio"
"""Where `office.database` finds its engines."""

LEAN: Final = 2
"""`-OO`: neither docstrings nor assertions; none of ours decides anything."""

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
"""The parameters' numbers: mallopt(3), <malloc.h>."""


def keep_small() -> None:
    """Both, for the rest of the process; to be called before the first thread and before SQLAlchemy is imported."""
    leave_mapper_out()
    _set_allocator()


def leave_no_core() -> None:
    """Let no crash leave this process's memory, with keys and people in it, in a file. Windows keeps none by itself."""
    with contextlib.suppress(ImportError):
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def start_lean(module: str) -> None:
    """Start this process anew as `python -OO -m MODULE` with the same arguments, unless it runs so already.

    Only where a process can become another (Windows cannot: there it is started so), and where what is compiled for it
    is kept, for otherwise every start would compile everything.
    """
    if sys.flags.optimize >= LEAN or os.name != "posix" or not _keeps_compiled():
        return
    # Started as a script, nothing is looked for in the folder that somebody happens to stand in: so it stays.
    safe = [] if sys.path[0] in ("", str(Path.cwd())) else ["-P"]
    os.execv(sys.executable, [sys.executable, "-OO", *safe, "-m", module, *sys.argv[1:]])  # noqa: S606 - ourselves


def _keeps_compiled() -> bool:
    found = importlib.util.find_spec("litestar")
    if found is None or found.origin is None:
        return False
    kept = Path(importlib.util.cache_from_source(found.origin, optimization=LEAN))
    return kept.exists() or os.access(kept.parent if kept.parent.exists() else kept.parent.parent, os.W_OK)


def leave_mapper_out() -> None:
    """Let `sqlalchemy.ext.asyncio` be its module `engine` alone: the others of that package import the object mapper.

    Does nothing where the package is loaded already, or is not there as a folder of files.
    """
    found = importlib.util.find_spec(ENGINES_PACKAGE.partition(".")[0])
    places = list(found.submodule_search_locations or ()) if found is not None else []
    inside = Path(places[0], *ENGINES_PACKAGE.split(".")[1:]) if places else Path()
    if ENGINES_PACKAGE in sys.modules or not (inside / "engine.py").is_file():
        return
    package = importlib.util.module_from_spec(ModuleSpec(ENGINES_PACKAGE, None, is_package=True))
    package.__path__ = [str(inside)]

    def find(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(f"{ENGINES_PACKAGE}.engine"), name)

    package.__getattr__ = find
    sys.modules[ENGINES_PACKAGE] = package


def _set_allocator() -> None:
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        library.mallopt(_M_ARENA_MAX, 1)
