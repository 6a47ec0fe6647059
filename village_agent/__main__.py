"""The village desk's command line: `village-agent`. All its verbs are in `office.cli`; it runs on Windows too."""

import sys

from office.cli import Application
from office.cli import main as run

APPLICATION = Application(
    "village-agent",
    "The village desk: files cases, hands results over, works without a line.",
    title_zh="村级服务台：收件、送达结果，断线时照常办理。",
)


def main() -> int:
    """Run one verb; returns the exit status."""
    return run(APPLICATION)


if __name__ == "__main__":
    sys.exit(main())
