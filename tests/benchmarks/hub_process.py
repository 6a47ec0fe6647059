"""The hub of the ingest benchmark: the product's own node, in a process of its own. Not a test double.

`python -m tests.benchmarks.hub_process FOLDER [PROFILE]`: opens the node, writes the enrolments of the load's townships
with its own pen, and serves until told to stop. With PROFILE it counts its own CPU by function into that file, from the
signal SIGUSR1 on; such a run is never one whose rates are quoted.
"""

import cProfile
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from office.cli import run_in_loop
from office.node import Node
from office.serving import Listener, serve
from schemas.codec import encode
from schemas.wire import KIND_ENROLLED, Certificate, Enrolled
from sync.core.journal import Draft

CERTIFICATES_FILE: Final = "townships.msgpack"


async def run_hub(folder: Path) -> None:
    """Open, enrol, serve, close."""
    listener = Listener()
    node = await Node.open(folder, ready=listener.bind)
    try:
        await enrol(node, msgspec.msgpack.decode((folder / CERTIFICATES_FILE).read_bytes(), type=list[Certificate]))
        await serve(node, listener)
    finally:
        await node.close()


async def enrol(node: Node, certificates: Sequence[Certificate]) -> None:
    """Write the townships' certificates into the county's journal."""

    async def drafting() -> Sequence[Draft]:
        return [Draft(KIND_ENROLLED, None, encode(Enrolled(certificate))) for certificate in certificates]

    await node.writer.record(drafting)


def main(arguments: Sequence[str]) -> int:
    """See the module."""
    folder = Path(arguments[0])
    if len(arguments) == 1:
        run_in_loop(run_hub(folder))
        return 0
    # CPU time of this thread: waiting for the database must not look like work.
    profile = cProfile.Profile(time.thread_time)
    signal.signal(signal.SIGUSR1, lambda _number, _frame: profile.enable())
    run_in_loop(run_hub(folder))
    profile.dump_stats(arguments[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
