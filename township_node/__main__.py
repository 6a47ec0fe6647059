"""The township's command line: `township-node`. All its verbs are in `office.cli`."""

import sys

from office.cli import Application
from office.cli import main as run

APPLICATION = Application("township-node", "The township centre's node: work lists, decisions, its villages' lines.")


def main() -> int:
    """Run one verb; returns the exit status."""
    return run(APPLICATION)


if __name__ == "__main__":
    sys.exit(main())
