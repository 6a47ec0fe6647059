"""`python3 -m deploy …`: set up and run Tongban with nothing but Python.

This file only makes sure that a Python new enough goes on, so it keeps to syntax and modules that old Pythons know.
It must never import anything outside the standard library. The verbs are in `commands.py`, the set-up in
`environment.py`.
"""

import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)


def newer_python() -> "str | None":
    """Find a Python ≥ 3.11 on PATH by its usual names, or None."""
    for name in ("python3.11", "python3.12", "python3.13", "python3.14", "python3", "python"):
        found = shutil.which(name)
        if not found:
            continue
        question = "import sys; sys.exit(sys.version_info < (3, 11))"
        if subprocess.call([found, "-c", question], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            return found
    return None


def main() -> int:
    """Run the verb here, or in a newer Python found on PATH. Returns the exit status."""
    if sys.version_info >= OLDEST:
        from deploy.commands import run

        return run(sys.argv[1:])
    python = newer_python()
    if python is None:
        sys.stderr.write("Tongban needs Python 3.11 or newer: install python3.11 and run again.\n")
        return 1
    return subprocess.call([python, "-m", "deploy", *sys.argv[1:]], cwd=str(Path(__file__).resolve().parent.parent))


if __name__ == "__main__":
    sys.exit(main())
