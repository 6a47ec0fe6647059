"""Villages whose folders are locked, for the tests: a passphrase that opens at once, and conversions that are killed.

`python -m tests.support.locking HOME STEP` converts a plain folder and dies, as by SIGKILL, when STEP is done.
"""

import os
import sys
from pathlib import Path
from typing import Final

from office.locking import agent_of, lock_home
from office.paths import Home
from office.settings import load_settings
from office.vault import Cost, Vault

LOGIN: Final = "zhang"
PASSWORD: Final = "hills-and-terraces-27"
CHEAP: Final = Cost(memory_kib=64, passes=1)
"""What a guess costs in tests: nothing."""


def lock(home: Home, login: str = LOGIN, password: str = PASSWORD) -> Vault:
    """Convert a plain folder, as its first sign-in does."""
    return lock_home(home, load_settings(home.settings), login, password, cost=CHEAP)


def unlock(home: Home, login: str = LOGIN, password: str = PASSWORD) -> Vault:
    """Open the vault of a locked folder."""
    return Vault.open_with(home, agent_of(login), password, cost=CHEAP)


def main() -> None:
    """Convert until a step is done."""
    home, wanted = Home(Path(sys.argv[1])), sys.argv[2]

    def step(done: str) -> None:
        if done == wanted:
            os._exit(9)

    lock_home(home, load_settings(home.settings), LOGIN, PASSWORD, cost=CHEAP, step=step)


if __name__ == "__main__":
    main()
