"""The county's command line: `hub`. The common verbs are in `office.cli`, the county's own in `hub.cli`."""

import sys
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from hub.cli import add_verbs
from office.cli import Application
from office.cli import main as run

if TYPE_CHECKING:
    from office.node import Node
    from office.serving import Beside


def _beside(node: "Node") -> "AbstractAsyncContextManager[Beside]":
    from hub.beside import beside  # only `run` needs it: `--help` answers at once

    return beside(node)


APPLICATION = Application(
    "hub",
    "The county's node: every case of the county, its departments' windows, its network.",
    add_verbs,
    "县节点：全县的办件、各部门窗口和网络设备。",
    _beside,
)


def main() -> int:
    """Run one verb; returns the exit status."""
    return run(APPLICATION)


if __name__ == "__main__":
    sys.exit(main())
