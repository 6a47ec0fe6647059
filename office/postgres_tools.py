"""PostgreSQL's own programs: `pg_dump` and `pg_restore`, found, matched with the server, and run.

A program copies servers up to its own version, and what a newer one writes an older server does not always take: so the
oldest that is not older than the server. The password is in no command line: it is the account's `.pgpass`, or, where
the setting has one, handed over in the environment, which only the account itself can read.
Their complaints may quote a row, so only the first line that they call an error is shown, up to a DETAIL.
Next: `office.snapshots`, `office.upgrading`.
"""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct
from sqlalchemy import URL

from office.clock import SystemClock
from office.paths import PRIVATE_FILE_MODE
from schemas.refusals import Refused

LOOK_S: Final = 0.5
"""How often a dump's size is looked at for the bar."""

COMPLAINT_CHARACTERS_MAX: Final = 200

_PLACES: Final = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/local/pgsql*/bin")
_PLACES_WINDOWS: Final = ("Program Files/PostgreSQL/*/bin",)
"""Below the root of the file system."""

_SUFFIX: Final = ".exe" if sys.platform == "win32" else ""

Progress = Callable[[int, int], None]
"""(done, all), in bytes."""


class Tools(Struct, frozen=True):
    """One installation's programs."""

    folder: Path
    major: int


async def find_tools(program: str, at_least: int, setting: str) -> Tools:
    """The oldest installation that has `program` and is not older than major version `at_least`.

    `setting`: the folder that an operator named; then only that. Raises `Refused` `no_postgres_tools`.
    """
    found = [await _tools_in(folder, program) for folder in _folders(setting)]
    known = [tools for tools in found if tools is not None]
    fitting = sorted((tools for tools in known if tools.major >= at_least), key=lambda tools: tools.major)
    if fitting:
        return fitting[0]
    there = ", ".join(sorted({str(tools.major) for tools in known})) or "—"
    raise Refused(
        "no_postgres_tools",
        f"没有找到第 {at_least} 版或更高版本的 {program}（本机现有：{there}），操作没有进行，数据库未作改动；"
        "请安装同版本的 PostgreSQL 客户端程序，或用设置 postgres_programs 指定其文件夹。",
        f"There is no {program} of version {at_least} or newer here (found: {there}); nothing was done and the "
        "database is as it was. Install PostgreSQL's client programs of that version, or name their folder in the "
        "setting postgres_programs.",
    )


def _folders(setting: str) -> Iterator[Path]:
    if setting:
        yield Path(setting)
        return
    on_path = shutil.which("pg_dump")
    if on_path is not None:
        yield Path(on_path).parent
    for pattern in _PLACES_WINDOWS if sys.platform == "win32" else _PLACES:
        yield from Path(Path.cwd().anchor).glob(pattern)


async def _tools_in(folder: Path, program: str) -> Tools | None:
    path = folder / (program + _SUFFIX)
    if not path.is_file():
        return None
    process = await asyncio.create_subprocess_exec(
        str(path), "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    said, _ = await process.communicate()
    # «pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)»
    words = said.decode(errors="replace").split()
    number = words[2].split(".")[0] if len(words) > 2 else ""
    digits = "".join(sign for sign in number if sign.isdigit())
    return Tools(folder, int(digits)) if process.returncode == 0 and digits else None


async def dump(tools: Tools, url: URL, snapshot: str, target: Path, progress: Progress, expected: int) -> None:
    """Write what a transaction sees (`pg_export_snapshot`) as a file in the custom format.

    `expected`: bytes, for the bar. Raises `Refused` `postgres_tool_failed`.
    """
    make_private(target)
    words = ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={target}"]
    process = await _start(tools, "pg_dump", words, url)
    watching = asyncio.create_task(_watch(target, progress, expected))
    try:
        await _finish(process, "pg_dump")
    finally:
        watching.cancel()


def make_private(target: Path) -> None:
    """An empty file that only its owner reads, for another program to fill. Raises OSError."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE_FILE_MODE))


async def load(tools: Tools, url: URL, source: Path) -> None:
    """Put a dump into an empty database, all of it or nothing. Raises `Refused` `postgres_tool_failed`."""
    words = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    words += [f"--dbname={url.database}", str(source)]
    await _finish(await _start(tools, "pg_restore", words, url), "pg_restore")


async def _start(tools: Tools, program: str, words: Sequence[str], url: URL) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        str(tools.folder / (program + _SUFFIX)),
        *words,
        env={**os.environ, **_environment(url), "LC_ALL": "C", "PGAPPNAME": "tongban"},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


def _environment(url: URL) -> dict[str, str]:
    """Where and as whom to connect, as libpq reads it; what the address does not say is libpq's to know."""
    stated = {"PGHOST": url.host, "PGPORT": url.port, "PGUSER": url.username, "PGDATABASE": url.database}
    stated["PGPASSWORD"] = url.password
    return {name: str(value) for name, value in stated.items() if value is not None}


async def _finish(process: asyncio.subprocess.Process, program: str) -> None:
    try:
        _, said = await process.communicate()
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if process.returncode:
        complaint = _complaint(said.decode(errors="replace"))
        raise Refused(
            "postgres_tool_failed",
            f"{program} 没有完成，数据库中的数据不受影响；请按其提示处理后重试：{complaint}",
            f"{program} did not finish; what is in the database is as it was. See what it says and try again: "
            f"{complaint}",
        )


def _complaint(said: str) -> str:
    lines = [line for line in said.splitlines() if "error:" in line] or said.splitlines() or ["—"]
    return lines[0].partition("DETAIL")[0][:COMPLAINT_CHARACTERS_MAX].strip()


async def _watch(target: Path, progress: Progress, expected: int) -> None:
    clock = SystemClock()
    while True:
        with contextlib.suppress(OSError):
            progress(min(_size_of(target), expected - 1), expected)
        await clock.sleep(LOOK_S)


def _size_of(path: Path) -> int:
    return path.stat().st_size
