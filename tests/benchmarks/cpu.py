"""CPU seconds of processes, before and after: the measure that a busy machine does not distort."""

import psutil


class Watched:
    """A process and everything it started: PostgreSQL with its backends, or a server."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def signal(self, number: int) -> None:
        """Send a signal to the first one."""
        self._root.send_signal(number)

    def seconds(self) -> float:
        """User and system time so far, of those that live and of those already reaped by the first one."""
        total = 0.0
        for process in (self._root, *self._root.children(recursive=True)):
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            total += times.user + times.system
            if process == self._root:
                total += times.children_user + times.children_system
        return total
