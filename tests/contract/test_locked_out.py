"""A hub on PostgreSQL that is not let in, or whose server is down: every verb says in words what to do."""

import asyncio
import re
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from hub.__main__ import APPLICATION
from office.cli import main
from office.founding import found_county
from office.paths import write_private
from tests.support.counties import COUNTY
from tests.support.postgres import PostgresServer, start_postgres

VERBS = (["verify"], ["status"], ["run"], ["rebuild"], ["network", "list"], ["accounts", "list"])


@pytest.fixture
def server() -> Generator[PostgresServer]:
    """A server of this test's own, for it is stopped half-way."""
    server = start_postgres()
    yield server
    server.stop()


def test_a_database_that_does_not_let_us_in_is_told_in_words(
    server: PostgresServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = asyncio.run(server.create_database())
    found_county(tmp_path, COUNTY, "苍溪县样例")

    def set_database(text: str) -> None:
        write_private(tmp_path / "tongban.toml", f'database = "{text}"\n'.encode())

    def run(*words: str) -> tuple[int, str]:
        status = main(APPLICATION, [*words, "--home", str(tmp_path)])
        captured = capsys.readouterr()
        return status, captured.out + captured.err

    set_database(url)
    assert run("verify")[0] == 0
    password = re.search(r":([0-9a-f]{32})@", url)
    assert password is not None

    wrong = url.replace(password.group(1), "not-the-password")
    _check(set_database, run, wrong, "store_locked_out", ".pgpass")
    _check(set_database, run, url.replace("//postgres:", "//nobody:"), "store_locked_out", "数据库的所有者")
    _check(set_database, run, url + "_of_another", "store_missing", "没有该数据库")
    _check(set_database, run, "postgres at the county", "unknown_database", "postgresql+asyncpg://")
    server.stop()
    _check(set_database, run, url, "store_away", "确认其已启动")


def _check(
    set_database: Callable[[str], None], run: Callable[..., tuple[int, str]], url: str, code: str, cure: str
) -> None:
    set_database(url)
    for verb in VERBS:
        status, told = run(*verb)
        assert status == 1
        assert told.startswith(f"{code}: ")
        assert cure in told
        assert "Traceback" not in told
        assert "not-the-password" not in told
    status, told = run("doctor")
    assert status == 1
    assert cure in told
    assert "DBAPIError" not in told
