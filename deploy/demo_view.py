"""What a person sees of the demo: a line of plain words for each step, and a live table of every node.

Only shows; asks the stores through `demo_stores` and the lines for their state. With a screen that cannot be redrawn
(a log, `--check`) the words alone are printed. Next: `demo_play`, which speaks through the `Narrator`.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from deploy.demo_lines import Line
from deploy.demo_scenario import PLACES
from deploy.demo_stores import UNREADABLE, Peek, Snapshot

LINES_KEPT: Final = 14
REDRAW_S: Final = 0.5


class Narrator:
    """Says each step in one of two languages, and remembers the last ones for the live view."""

    def __init__(self, console: Console, *, english: bool) -> None:
        self.console = console
        self.english = english
        self.is_live = False
        self.began = time.monotonic()
        self.spoken: list[Text] = []

    def word(self, zh: str, en: str) -> str:
        """The one of two texts that this reader understands."""
        return en if self.english else zh

    def tell(self, zh: str, en: str, style: str = "") -> None:
        """One step, with the seconds since the beginning."""
        line = Text(f"{time.monotonic() - self.began:6.1f} s  ", style="dim")
        line.append(self.word(zh, en), style=style)
        self.spoken = [*self.spoken, line][-LINES_KEPT:]
        if not self.is_live:
            self.console.print(line, soft_wrap=True)

    def head(self, zh: str, en: str) -> None:
        """The beginning of a phase."""
        self.tell(zh, en, "bold")


@contextlib.asynccontextmanager
async def live_view(
    narrator: Narrator, peeks: Mapping[str, Peek], lines: Mapping[str, Line], running: Callable[[], Mapping[str, bool]]
) -> AsyncGenerator[None]:
    """Redraw table and words twice a second until the block is left; then print the last state for good."""
    if not narrator.console.is_terminal:
        yield
        return
    snapshots: dict[str, Snapshot] = {}
    narrator.is_live = True
    with Live(console=narrator.console, auto_refresh=False, transient=False) as live:

        async def redraw() -> None:
            while True:
                await _look(peeks, snapshots)
                live.update(_screen(narrator, snapshots, lines, running()), refresh=True)
                await asyncio.sleep(REDRAW_S)

        task = asyncio.create_task(redraw())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            live.update(_screen(narrator, snapshots, lines, running()), refresh=True)
            narrator.is_live = False


async def _look(peeks: Mapping[str, Peek], snapshots: dict[str, Snapshot]) -> None:
    """A node that is just being made or restored keeps its last picture."""
    for key, peek in peeks.items():
        with contextlib.suppress(*UNREADABLE):
            snapshots[key] = await asyncio.to_thread(peek.snapshot)


def _screen(
    narrator: Narrator, snapshots: Mapping[str, Snapshot], lines: Mapping[str, Line], running: Mapping[str, bool]
) -> RenderableType:
    return Group(_table(narrator, snapshots, lines, running), *narrator.spoken)


def _table(
    narrator: Narrator, snapshots: Mapping[str, Snapshot], lines: Mapping[str, Line], running: Mapping[str, bool]
) -> Table:
    word = narrator.word
    table = Table(title=word("通办演示：一县一机（样例数据）", "Tongban: one county on one machine (sample data)"))
    table.add_column(word("单位", "office"))
    table.add_column(word("线路", "line up"))
    for zh, en in (
        ("本机日志", "own journal"),
        ("持有条目", "entries held"),
        ("待上送", "outbox up"),
        ("待下发", "outbox down"),
        ("可见件", "cases"),
        ("在手件", "in custody"),
        ("县已回执", "county's receipt"),
        ("回执数", "receipts"),
        ("暂存/发现", "set aside/findings"),
    ):
        table.add_column(word(zh, en), justify="right")
    for place in PLACES:
        shot = snapshots.get(place.key, Snapshot())
        line = lines.get(place.key)
        table.add_row(
            f"{'  ' * (len(place.office) // 3 - 2)}{word(place.name, place.name_en)}",
            _state(narrator, line, shot, is_running=running.get(place.key, False)),
            *(
                str(number)
                for number in (shot.own, shot.held, shot.unsent_up, shot.unsent_down, shot.cases, shot.in_custody)
            ),
            f"{shot.receipted}/{shot.own}" if place.above else "—",
            str(shot.receipts),
            f"{shot.set_aside}/{shot.findings}",
        )
    return table


def _state(narrator: Narrator, line: Line | None, shot: Snapshot, *, is_running: bool) -> Text:
    if not is_running:
        return Text(narrator.word("● 停机", "● down"), style="bold red")
    if shot.quarantined:
        return Text(narrator.word("● 隔离", "● quarantined"), style="bold magenta")
    if line is not None and line.is_cut:
        return Text(narrator.word("✂ 断线", "✂ cut"), style="yellow")
    return Text(narrator.word("● 正常", "● up"), style="green")
