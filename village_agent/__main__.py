"""The village desk's command line: `village-agent`, nearly all of it in `office.cli`. It runs on Windows too."""

import sys

from office.cli import Application, Verbs
from office.cli import main as run
from village_agent.memory import keep_small, leave_no_core, start_lean


def add_verbs(verbs: Verbs) -> None:
    """Mount `moves`, `orders` and `scores`."""
    from office.cli_moves import add_moves
    from office.cli_oversight import add_oversight

    add_moves(verbs)
    add_oversight(verbs)


APPLICATION = Application(
    "village-agent",
    "The village desk: files cases, hands results over, works without a line.",
    add_verbs,
    title_zh="村级服务台：收件、送达结果，断线时照常办理。",
)


def main() -> int:
    """Run one verb; returns the exit status."""
    if sys.argv[1:2] == ["run"]:
        start_lean("village_agent")
    leave_no_core()
    keep_small()
    return run(APPLICATION)


if __name__ == "__main__":
    sys.exit(main())
