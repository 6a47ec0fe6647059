"""The nightly stories: `python -m tests.nightly [NAME …]`, all of them unless named.

Each says in words what happened: shown, failed, or not possible on this machine and what would make it so. Exit status
1 when one failed; what cannot be tried here is said, never counted as shown.
"""

import sys
from collections.abc import Callable, Mapping
from typing import Final

from tests.nightly import full_disk

STORIES: Final[Mapping[str, Callable[[], str | None]]] = {"full_disk": full_disk.tell}
"""Name → the story: raises when it fails; returns None when it was shown, else why it cannot be tried here."""


def main(names: list[str]) -> int:
    """Tell the stories."""
    unknown = set(names) - STORIES.keys()
    if unknown:
        print(f"there is no story {', '.join(sorted(unknown))}; there are: {', '.join(STORIES)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or STORIES:
        try:
            obstacle = STORIES[name]()
        except AssertionError as failure:
            failed += 1
            print(f"{name}: FAILED\n{failure}")
            continue
        print(f"{name}: shown" if obstacle is None else f"{name}: not tried, {obstacle}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
