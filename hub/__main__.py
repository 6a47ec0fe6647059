"""The county's command line: `hub`. The common verbs are in `office.cli`, the county's own in `hub.cli`."""

import sys

from hub.cli import add_verbs
from office.cli import Application
from office.cli import main as run

APPLICATION = Application(
    "hub",
    "The county's node: every case of the county, its departments' windows, its network.",
    add_verbs,
    "县节点：全县的办件、各部门窗口和网络设备。",
)


def main() -> int:
    """Run one verb; returns the exit status."""
    return run(APPLICATION)


if __name__ == "__main__":
    sys.exit(main())
