"""`python -m deploy.demo`: one county on one machine, over lines that fail.

A hub, two townships and four villages run as seven real processes with SQLite on loopback, in a folder of their own,
under a county name that no live network has. With `--check` nobody is waited for: the last line is one JSON object, and
the exit status is 1 if anything is off. Without it the pages stay open until Ctrl-C. Never leaves a process behind.
Next: `demo_scenario` (what is played), `demo_play` (how), `demo_checks` (the verdict).
"""

import argparse
import asyncio
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from deploy.demo_checks import Verdict, judge
from deploy.demo_county import County
from deploy.demo_play import Play
from deploy.demo_processes import DemoFailed
from deploy.demo_scenario import BY_KEY, PASSWORD, PEOPLE, PLACES, STORIES
from deploy.demo_view import Narrator, live_view

STAGES: Final = {
    "closed": ("已办结销号", "closed"),
    "missing": ("不见了", "missing"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy demo", description=__doc__)
    parser.add_argument("--check", action="store_true", help="run it through alone and end with one JSON line")
    parser.add_argument("--en", action="store_true", help="speak English (页面语言可在页面上切换)")
    parser.add_argument("--home", type=Path, help="an empty folder to keep; otherwise a temporary one that is removed")
    options = parser.parse_args(arguments)
    console = Console(stderr=options.check, highlight=False)
    narrator = Narrator(console, english=options.en)
    try:
        return asyncio.run(_run(narrator, options.home, is_check=options.check))
    except (KeyboardInterrupt, asyncio.CancelledError):
        narrator.tell("已停止,所有进程已结束。", "Stopped; every process has ended.")
        return 130
    except* DemoFailed as failures:
        reason = "; ".join(str(failure) for failure in failures.exceptions)
        console.print(f"[bold red]{narrator.word('演示失败', 'The demonstration failed')}[/]: ", end="")
        console.print(reason, markup=False)
        if options.check:
            print(json.dumps({"failed": reason}, ensure_ascii=False))
        return 1
