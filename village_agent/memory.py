"""Keeps the process small on Linux: what it gives back goes to the system at once.

GNU's allocator learns from the first large block that is given back and then keeps all blocks of that size for itself:
a sign-in takes 19 MiB (argon2), and from the second on they would stay for good. It also gives every thread a heap of
its own, each with its own waste; here one thread works at a time. Windows and musl need none of it. Changes how memory
is kept and nothing else; the bar is in `tests.benchmarks.agent`.
"""

import ctypes
import sys
from typing import Final

LARGE_BLOCK_BYTES: Final = 256 * 1024
"""Blocks from here on are pages of their own. A sign-in and packing a long page need such; few others do."""

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
"""The parameters' numbers: mallopt(3), <malloc.h>."""


def keep_small() -> None:
    """Set the allocator for the rest of the process; to be called before the first thread. Elsewhere does nothing."""
    if sys.platform != "linux":
        return
    library = ctypes.CDLL(None)
    if hasattr(library, "mallopt"):
        library.mallopt(_M_MMAP_THRESHOLD, LARGE_BLOCK_BYTES)
        library.mallopt(_M_ARENA_MAX, 1)
