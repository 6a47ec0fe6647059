"""The county's worker under a real Redis: woken, it verifies what is due; what is due never stands in a queue."""

import asyncio
import os
import sys
from pathlib import Path

import msgspec
import pytest
from arq import create_pool
from arq.connections import RedisSettings

from hub.jobs import VERIFY_EVERY_MS, Verified, find_verified, record_path, verify_when_due
from office.founding import found_county
from office.paths import write_private
from office.verifying import FAULTS_MAX
from schemas.names import Instant, OfficeId


@pytest.fixture
def county(tmp_path: Path) -> Path:
    """A county's own node, just made; the pen is nobody's."""
    folder = tmp_path / "hub"
    found_county(folder, OfficeId("510824"), "sample")
    return folder


async def _write_once(folder: Path) -> None:
    from office.node import Node

    await (await Node.open(folder)).close()


async def test_woken_by_redis_the_worker_verifies_the_store(county: Path, redis_url: str) -> None:
    await _write_once(county)
    pool = await create_pool(RedisSettings.from_dsn(redis_url))
    await pool.enqueue_job("verify_store")
    await pool.aclose(close_connection_pool=True)
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "arq", "--burst", "hub.worker.WorkerSettings"),
        env={**os.environ, "TONGBAN_HOME": str(county), "REDIS_URL": redis_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await worker.communicate()
    assert worker.returncode == 0, said.decode()
    result = find_verified(county)
    assert result is not None, said.decode()
    assert result.faults == []
    assert result.entries == 1


async def test_what_is_due_is_read_from_the_record_not_from_a_queue(county: Path) -> None:
    await _write_once(county)
    first = await verify_when_due(county, now=Instant(1_800_000_000_000))
    assert first is not None
    assert await verify_when_due(county, now=Instant(1_800_000_000_000 + VERIFY_EVERY_MS - 1)) is None
    again = await verify_when_due(county, now=Instant(1_800_000_000_000 + VERIFY_EVERY_MS))
    assert again is not None
    assert again.entries == first.entries


async def test_a_damaged_record_only_means_that_it_is_due(county: Path) -> None:
    await _write_once(county)
    for damaged in (b"\x00\x01", b'"\xff"'):
        (county / "verified.json").write_bytes(damaged)
        assert find_verified(county) is None
    assert await verify_when_due(county) is not None


async def test_a_report_full_of_faults_is_read_back_whole(county: Path) -> None:
    faults = [f"changed 4ayvutdnhfqcqieo/123-1b734664bfe0 checkpoint {2**60 + number}" for number in range(FAULTS_MAX)]
    report = Verified(Instant(1_800_000_000_000), 1, 1, faults)
    write_private(record_path(county), msgspec.json.encode(report))
    assert find_verified(county) == report
    assert await verify_when_due(county, now=Instant(report.at + 1)) is None
