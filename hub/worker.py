"""The county's worker: `arq hub.worker.WorkerSettings`. The only file that imports arq (RULINGS C5).

Redis only wakes it: what is due is decided by `hub.jobs` from what stands on disk, so a lost queue loses nothing and a
job that runs twice, or in two workers, harms nothing. A county without Redis needs none of this: the hub examines in
its own process (`hub.beside`), and `hub nightly` verifies. Reads the node's folder from TONGBAN_HOME and Redis from
REDIS_URL. Never writes an entry: the pen is another process (RULINGS C1).
"""

import asyncio
import os
from pathlib import Path
from typing import Any, ClassVar, Final

from arq import ArqRedis, create_pool, cron, func
from arq.connections import RedisSettings
from arq.typing import WorkerCoroutine
from redis.exceptions import RedisError

from hub import jobs
from hub.audit.reverify import chain_when_due, segments_when_due
from office.cli import default_home
from sync.core.errors import LocalFault

REDIS_VARIABLE: Final = "REDIS_URL"
REDIS_DEFAULT: Final = "redis://127.0.0.1:6379"

VERIFY_TIMEOUT_S: Final = 12 * 3600
"""100 million entries take 7 hours at the slower pace of `hub.jobs`; a job that is cut off records nothing."""

AUDIT_TIMEOUT_S: Final = 3600
"""A county's whole year is examined in ten minutes; what was done by then stands, and the next run goes on from it."""

WAKE_WITHIN_S: Final = 5
"""Redis answers in a millisecond, or is not there."""

EXAMINE: Final = "examine"


async def examine(context: dict[Any, Any]) -> int:
    """Audit what has arrived. Returns how many cases were examined."""
    return (await jobs.examine_arrived(context["folder"])).cases


async def sweep(context: dict[Any, Any]) -> int:
    """The day's sweep, if it is due. Returns how many cases were looked at."""
    done = await jobs.sweep_when_due(context["folder"])
    return done.cases if done is not None else 0


async def verify_store(context: dict[Any, Any]) -> int:
    """Verify the county's own store if that is due. Returns the number of faults found (0 also when not due)."""
    result = await jobs.verify_when_due(context["folder"])
    return len(result.faults) if result is not None else 0


async def reverify_segments(context: dict[Any, Any]) -> int:
    """The nightly pass over the digests of stored segments, if it is due. Returns the number of faults."""
    result = await segments_when_due(context["folder"])
    return len(result.faults) if result is not None else 0


async def reverify_chain(context: dict[Any, Any]) -> int:
    """The weekly pass over every chain and tree, if it is due. Returns the number of faults."""
    result = await chain_when_due(context["folder"])
    return len(result.faults) if result is not None else 0


async def start(context: dict[Any, Any]) -> None:
    """Where the node's folder is."""
    home = os.environ.get("TONGBAN_HOME")
    context["folder"] = Path(home) if home else default_home("hub")


class Waker:
    """Wakes a worker when something has arrived. A Redis that is gone costs a moment, and nothing is lost by it."""

    def __init__(self, url: str) -> None:
        self._settings = RedisSettings.from_dsn(url)
        self._settings.conn_retries = 0
        self._pool: ArqRedis | None = None

    async def wake(self) -> bool:
        """Have what arrived examined. False: a worker is at it, or about to be; ask again for what came since.

        Raises `LocalFault` `redis_silent`.
        """
        try:
            async with asyncio.timeout(WAKE_WITHIN_S):
                if self._pool is None:
                    self._pool = await create_pool(self._settings)
                return await self._pool.enqueue_job(EXAMINE, _job_id=EXAMINE) is not None
        except (RedisError, OSError, TimeoutError) as error:
            await self.close()
            raise LocalFault(
                "redis_silent",
                "Redis does not answer, so no worker is woken; nothing is lost: start Redis and the worker, what has "
                "arrived is examined then",
            ) from error

    async def close(self) -> None:
        """Let go of the connection."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.aclose(close_connection_pool=True)


_COROUTINES: Final[dict[str, WorkerCoroutine]] = {
    one.__name__: one  # pyright: ignore[reportAssignmentType]
    for one in (examine, sweep, verify_store, reverify_segments, reverify_chain)
}


class WorkerSettings:
    """What arq reads: every job by the clock, unique among workers, its result not kept (STACK 6).

    By the clock also what is woken: a wake that got lost with Redis is made good within a minute.
    """

    functions: ClassVar = [
        func(examine, keep_result=0, timeout=AUDIT_TIMEOUT_S),  # pyright: ignore[reportArgumentType]
        verify_store,
    ]
    cron_jobs: ClassVar = [
        cron(_COROUTINES["examine"], second=0, unique=True, keep_result=0, timeout=AUDIT_TIMEOUT_S),
        cron(_COROUTINES["sweep"], minute=5, unique=True, keep_result=0, timeout=AUDIT_TIMEOUT_S),
        cron(_COROUTINES["verify_store"], minute=0, unique=True, keep_result=0, timeout=VERIFY_TIMEOUT_S),
        cron(_COROUTINES["reverify_segments"], minute=20, unique=True, keep_result=0, timeout=VERIFY_TIMEOUT_S),
        cron(_COROUTINES["reverify_chain"], minute=40, unique=True, keep_result=0, timeout=VERIFY_TIMEOUT_S),
    ]
    on_startup = start
    redis_settings = RedisSettings.from_dsn(os.environ.get(REDIS_VARIABLE, REDIS_DEFAULT))
