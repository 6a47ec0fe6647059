"""The county's worker: `arq hub.worker.WorkerSettings`. The only file that imports arq (RULINGS C5).

Redis only wakes it: what is due is decided by `hub.jobs` from what stands on disk, so a lost queue loses nothing and a
job that runs twice harms nothing. A county without Redis runs `hub nightly` from the system's own scheduler instead;
both call the same coroutine. Reads the node's folder from TONGBAN_HOME and Redis from REDIS_URL.
Never writes an entry: the pen is another process (RULINGS C1).
"""

import os
from pathlib import Path
from typing import Any, ClassVar, Final

from arq import cron
from arq.connections import RedisSettings
from arq.typing import WorkerCoroutine

from hub.jobs import verify_when_due
from office.cli import default_home

REDIS_DEFAULT: Final = "redis://127.0.0.1:6379"

JOB_TIMEOUT_S: Final = 12 * 3600
"""100 million entries take 7 hours at the slower pace of `hub.jobs`; a job that is cut off records nothing."""


async def verify_store(context: dict[Any, Any]) -> int:
    """Verify the county's own store if that is due. Returns the number of faults found (0 also when not due)."""
    result = await verify_when_due(context["folder"])
    return len(result.faults) if result is not None else 0


async def start(context: dict[Any, Any]) -> None:
    """Where the node's folder is."""
    home = os.environ.get("TONGBAN_HOME")
    context["folder"] = Path(home) if home else default_home("hub")


_VERIFY: WorkerCoroutine = verify_store  # pyright: ignore[reportAssignmentType]


class WorkerSettings:
    """What arq reads: one cron job, unique among workers, its result not kept (STACK 6)."""

    functions: ClassVar = [verify_store]
    cron_jobs: ClassVar = [cron(_VERIFY, minute=0, unique=True, keep_result=0, timeout=JOB_TIMEOUT_S)]
    on_startup = start
    redis_settings = RedisSettings.from_dsn(os.environ.get("REDIS_URL", REDIS_DEFAULT))
    max_jobs = 1
