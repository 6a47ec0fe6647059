"""The nightly drills: `python -m tests.nightly [--seeds N] [DRILL …]`, all unless named; `--list` only names them.

Prints one JSON line a drill on standard output and nothing else there; progress goes to standard error. Exit status 1
when a drill that ran failed, 2 for a name that no drill has. What cannot run here says why, and fails nothing.
"""

import argparse
import json
import os
import sys

from tests.nightly.drills import carry_out, say, why_not
from tests.nightly.registry import DRILLS
from tests.nightly.simulated import SEEDS


def main(arguments: list[str]) -> int:
    """Carry out what is asked for."""
    parser = argparse.ArgumentParser(prog="nightly", description=__doc__)
    parser.add_argument("drills", nargs="*", metavar="DRILL", help="its name")
    parser.add_argument("--seeds", help="schedules of each search of the simulator, instead of its own number")
    parser.add_argument("--list", action="store_true", help="say which there are, and which cannot run here")
    wanted = parser.parse_args(arguments)
    known = {drill.name: drill for drill in DRILLS}
    if unknown := [name for name in wanted.drills if name not in known]:
        say(f"there is no drill {', '.join(unknown)}; there are: {', '.join(known)}")
        return 2
    chosen = [known[name] for name in wanted.drills] or list(DRILLS)
    if wanted.list:
        for drill in chosen:
            print(f"{drill.name}: {why_not(drill) or 'can run here'}")
        return 0
    if wanted.seeds:
        os.environ[SEEDS] = wanted.seeds
    # Whatever a drill or its programs print, standard output holds the lines alone.
    lines = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    failed = 0
    for drill in chosen:
        say(f"--- {drill.name}")
        line = carry_out(drill)
        failed += line["ran"] and not line["passed"]
        print(json.dumps(line, ensure_ascii=False), file=lines, flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
