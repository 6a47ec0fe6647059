"""How much memory a program and what it starts ever take, watched from outside: Linux's own high-water marks.

Children may live for a fraction of a second, so they are looked for again and again by a thread. Never stops anything.
"""

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final

LOOK_S: Final = 0.01


class Footprint:
    """The peaks of one process and of its children while the block runs, in MiB of resident memory."""

    def __init__(self, process: int) -> None:
        self.own_mib = 0.0
        self.child_mib = 0.0
        """The largest of all its children."""
        self._process = process
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Footprint":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.own_mib = _peak_mib(self._process)

    def _watch(self) -> None:
        while not self._over.is_set():
            for child in _children(self._process):
                self.child_mib = max(self.child_mib, _peak_mib(child))
            time.sleep(LOOK_S)


def _children(process: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += map(int, task.read_text().split())
        except OSError:
            continue  # That thread is gone.
    return found


def _peak_mib(process: int) -> float:
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
