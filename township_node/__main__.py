"""The township's command line: `township-node`. Common verbs: `office.cli`; its own: `township_node.cli`."""

import sys

from office.cli import Application
from office.cli import main as run
from township_node.cli import add_verbs

APPLICATION = Application(
    "township-node",
    "The township centre's node: work lists, decisions, its villages' lines.",
    add_verbs,
    "乡镇便民服务中心节点：待办、决定和各村的线路。",
)


def main() -> int:
    """Run one verb; returns the exit status."""
    return run(APPLICATION)


if __name__ == "__main__":
    sys.exit(main())
