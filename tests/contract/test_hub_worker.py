"""The county's worker under a real Redis: woken, it does what is due; what is due never stands in a queue."""

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from arq import create_pool
from arq.connections import RedisSettings

from hub.audit.database import EXAMINED, open_audit
from hub.audit.findings import Findings
from hub.jobs import VERIFY_EVERY_MS, Verified, find_verified, record_path, sweep_when_due, verify_when_due
from hub.worker import Waker
from office.founding import found_county
from office.node import Node
from office.paths import Home, write_private
from office.settings import Settings
from office.verifying import FAULTS_MAX
from schemas.names import Instant, OfficeId
from sync.core.errors import LocalFault
from sync.sealing import PlainSealer
from tests.support.counties import COUNTY, TOWNSHIP, agent, op
from tests.support.nodes import Network, Places, found_network
from tests.support.redis import start_redis


@pytest.fixture
def county(tmp_path: Path) -> Path:
    """A county's own node, just made; the pen is nobody's."""
    folder = tmp_path / "hub"
    found_county(folder, OfficeId("510824"), "sample")
    return folder


async def _write_once(folder: Path) -> None:
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


# --- the audit -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def lived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A county that has heard of two cases; to be copied, not touched."""
    folder = tmp_path_factory.mktemp("lived")
    network = await Network.open(await found_network(folder))
    for number in (10, 20):
        case = (await network.file(number)).case
        await network.village.desk.offer_custody(agent(), case, op(number + 1), to=TOWNSHIP)
    await network.settle()
    await network.close()
    return folder


@pytest.fixture
def hub(lived: Path, tmp_path: Path) -> Path:
    """The folder of that county's node. Nobody holds its pen."""
    shutil.copytree(lived, tmp_path / "homes")
    return Places(tmp_path / "homes").home(COUNTY)


WORKER_S = 120
"""A worker whose queue is empty ends within a second."""


async def start_worker(folder: Path, url: str, script: str = "") -> "asyncio.subprocess.Process":
    """A worker that ends when its queue is empty. `script`: what it does first, as a saboteur would."""
    program = f"{script}\nfrom arq.cli import cli\ncli(['--burst', 'hub.worker.WorkerSettings'])"
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program),
        env={**os.environ, "TONGBAN_HOME": str(folder), "REDIS_URL": url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )


async def work(folder: Path, url: str) -> None:
    """One worker, to the end of the queue."""
    worker = await start_worker(folder, url)
    said, _ = await asyncio.wait_for(worker.communicate(), WORKER_S)
    assert worker.returncode == 0, said.decode()


async def examined(folder: Path) -> tuple[int, int, int]:
    """(cursor, cases known, findings) of the audit of a node."""
    audit = await open_audit(Home(folder), Settings())
    try:
        async with audit.read.connect() as connection:
            cases = (await connection.exec_driver_sql("SELECT count(*) FROM audit_cases")).scalar_one()
        findings = await Findings(audit.read, PlainSealer()).search()
        return await audit.number(EXAMINED), cases, len(findings)
    finally:
        await audit.close()


async def arrival_of(folder: Path) -> int:
    """How many entries a node holds."""
    node = await Node.open(folder, with_pen=False)
    try:
        return node.books.arrival
    finally:
        await node.close()


async def wake(url: str) -> bool:
    """What the hub does after a commit."""
    waker = Waker(url)
    try:
        return await waker.wake()
    finally:
        await waker.close()


async def test_woken_a_worker_examines_what_arrived(hub: Path, redis_url: str) -> None:
    assert await wake(redis_url)
    # While one is waiting nobody queues another.
    assert not await wake(redis_url)
    await work(hub, redis_url)
    assert (await examined(hub))[:2] == (await arrival_of(hub), 2)
    # Done, it may be woken again, and finds nothing to do.
    assert await wake(redis_url)
    before = await examined(hub)
    await work(hub, redis_url)
    assert await examined(hub) == before


async def test_a_redis_that_is_lost_with_its_queue_loses_nothing(hub: Path) -> None:
    lost = start_redis()
    assert await wake(lost.url)
    lost.stop()
    with pytest.raises(LocalFault) as fault:
        await wake(lost.url)
    assert fault.value.code == "redis_silent"
    assert (await examined(hub))[0] == 0
    fresh = start_redis()
    try:
        assert await wake(fresh.url)
        await work(hub, fresh.url)
    finally:
        fresh.stop()
    assert (await examined(hub))[:2] == (await arrival_of(hub), 2)


KILLED_AT_COMMIT = """
import os, signal
import hub.audit.examining as module
async def die(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
module.keep = die
"""


async def test_a_worker_killed_in_the_middle_of_its_work_loses_nothing(hub: Path, redis_url: str) -> None:
    # A Redis of its own: it remembers for an hour that somebody is at this job, and a worker waits for the end of that.
    own = start_redis()
    try:
        assert await wake(own.url)
        worker = await start_worker(hub, own.url, KILLED_AT_COMMIT)
        said, _ = await worker.communicate()
        assert worker.returncode == -signal.SIGKILL, said.decode()
        assert not await wake(own.url)
    finally:
        own.stop()
    assert (await examined(hub))[:2] == (0, 0)
    # Whoever comes next does it, as the clock has it done every minute under another name.
    assert await wake(redis_url)
    await work(hub, redis_url)
    assert (await examined(hub))[:2] == (await arrival_of(hub), 2)


async def test_two_workers_at_once_do_the_work_of_one(hub: Path, lived: Path, tmp_path: Path, redis_url: str) -> None:
    pool = await create_pool(RedisSettings.from_dsn(redis_url))
    for _ in range(4):
        await pool.enqueue_job("examine")
    await pool.aclose(close_connection_pool=True)
    workers = [await start_worker(hub, redis_url) for _ in range(2)]
    for worker in workers:
        said, _ = await worker.communicate()
        assert worker.returncode == 0, said.decode()
    shutil.copytree(lived, tmp_path / "alone")
    alone = Places(tmp_path / "alone").home(COUNTY)
    await sweep_when_due(alone)
    # Silence and the like are the sweep's; of cases two find what one finds.
    assert (await examined(hub))[:2] == (await examined(alone))[:2] == (await arrival_of(hub), 2)


async def test_a_day_is_swept_once_also_after_days_without_a_worker(hub: Path) -> None:
    done = await sweep_when_due(hub)
    assert done is not None
    assert done.cases == 2
    assert await sweep_when_due(hub) is None
