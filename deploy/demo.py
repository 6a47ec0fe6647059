"""`python -m deploy.demo`: one county on one machine, over lines that fail.

A hub, two townships and four villages run as seven real processes with SQLite on loopback, in a folder of their own,
under a county name that no live network has. With `--check` nobody is waited for: the last line is one JSON object, and
the exit status is 1 if anything is off. Without it the pages stay open until Ctrl-C. Never leaves a process behind.
Next: `demo_scenario`, `demo_stories` (what is played), `demo_play` (how), `demo_checks` (the verdict).
"""

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console
from rich.table import Table

from deploy.demo_checks import Shelf, Verdict, judge
from deploy.demo_county import County
from deploy.demo_play import PHOTOGRAPHED, Play
from deploy.demo_processes import DemoFailed
from deploy.demo_scenario import BY_KEY, PASSWORD, PEOPLE, PLACES, Story
from deploy.demo_stories import PRINTED, STORIES
from deploy.demo_view import Narrator, live_view

STAGES: Final = {
    "closed": ("已销号", "closed"),
    "missing": ("不见了", "missing"),
}
PAUSE_S: Final = 3.0
"""After each phase, for whoever watches: what waits in which outbox is seen best while nothing moves."""
INTERRUPTED: Final = 130
"""The exit status that shells give to Ctrl-C."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demonstration. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python3 -m deploy demo", description="One county on one machine.")
    parser.add_argument("--check", action="store_true", help="run it through alone and end with one JSON line")
    parser.add_argument("--en", action="store_true", help="speak English; pages can be switched in the browser")
    parser.add_argument("--home", type=Path, help="a new folder to keep; otherwise a temporary one that is removed")
    options = parser.parse_args(arguments)
    narrator = Narrator(Console(stderr=options.check, highlight=False), english=options.en)
    try:
        return asyncio.run(_run(narrator, options.home, is_check=options.check))
    except (KeyboardInterrupt, asyncio.CancelledError):
        narrator.tell("已停止，所有进程已结束。", "Stopped; every process has ended.")
        return INTERRUPTED
    except DemoFailed as failure:
        narrator.tell(f"演示失败：{failure.zh}", f"The demonstration failed: {failure}", "bold red")
        if options.check:
            print(json.dumps({"failed": str(failure)}, ensure_ascii=False))
        return 1


async def _run(narrator: Narrator, home: Path | None, *, is_check: bool) -> int:
    _end_on_signals()
    folder = _new_folder(home)
    county = County(folder)
    try:
        return await _perform(county, narrator, is_check=is_check)
    finally:
        # Nothing may interrupt this: a second Ctrl-C would leave processes behind.
        await asyncio.shield(county.close())
        if home is None:
            shutil.rmtree(folder, ignore_errors=True)


async def _perform(county: County, narrator: Narrator, *, is_check: bool) -> int:
    await county.found(narrator)
    founded_s = time.monotonic() - narrator.began
    play = Play(county, narrator, pause_s=0.0 if is_check else PAUSE_S)
    async with live_view(narrator, county.peeks, county.lines, county.running):
        await play.perform()
        narrator.head("八、核对：逐本机核验日志、签名和表。", "8. The checks: every journal, signature and table.")
        county.told_file.write_bytes(msgspec.json.encode(play.told))
        refusals = await county.verify()
        shelves = [Shelf(key, peek, county.sealer(key)) for key, peek in county.peeks.items()]
        verdict = judge(shelves, play.told)
    verdict.faults += refusals
    verdict.chains_verified = verdict.chains_verified and not refusals
    if play.rollbacks_noticed < 1:
        verdict.faults.append("the restored township was not noticed to have been rolled back")
    if play.papers_arrived != len(PHOTOGRAPHED):
        verdict.faults.append("not every photograph reached the township by stick")
    _report(narrator, verdict)
    await _tell_stories(county, narrator, verdict)
    figures = _figures(play, verdict, seconds=time.monotonic() - narrator.began, founded_s=founded_s)
    if is_check:
        print(json.dumps(figures, ensure_ascii=False), flush=True)
    else:
        await play.leave_open()
        await _stay_open(county, narrator)
    return 1 if verdict.faults else 0


def _new_folder(home: Path | None) -> Path:
    """A folder of the demo's own. Raises `DemoFailed` for one with anything in it: it might be a live node's."""
    if home is None:
        return Path(tempfile.mkdtemp(prefix="tongban-demo-"))
    if home.exists() and any(home.iterdir()):
        raise DemoFailed(
            f"{home} is not empty; name a new folder, so that sample data never meets real data",
            f"{home} 不是空文件夹；请另选一个新文件夹，以免样例数据混入真实数据。",
        )
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    return home.resolve()


def _end_on_signals() -> None:
    """Let a closed terminal and a `kill` end the demo as Ctrl-C does: with its processes."""
    if os.name == "nt":
        return
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _figures(play: Play, verdict: Verdict, *, seconds: float, founded_s: float) -> dict[str, object]:
    return {
        "cases": len(verdict.outcomes),
        "handed_over": sum(story.handed_over and verdict.outcomes.get(story.key) == story.ends_in for story in STORIES),
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "quarantined": verdict.quarantined,
        "receipts": verdict.receipts,
        "published": verdict.published,
        "regimes": verdict.regimes,
        "on_lists": verdict.on_lists,
        "kinds": len({each.kind for each in play.told}),
        "tables_equal_refold": verdict.tables_equal_refold,
        "chains_verified": verdict.chains_verified,
        "entries": verdict.entries,
        "acts": len(play.told),
        "kills": play.kills,
        "restores": play.restores,
        "rollbacks_noticed": play.rollbacks_noticed,
        "refused_while_quarantined": play.quarantine_refusals,
        "replies_lost": play.replies_lost,
        "carried_by_stick": play.carried_by_stick,
        "papers_arrived": play.papers_arrived,
        "faults": verdict.faults,
        "founded_seconds": round(founded_s, 1),
        "seconds": round(seconds, 1),
    }


def _report(narrator: Narrator, verdict: Verdict) -> None:
    """What happened to every case, and whether all is well."""
    word = narrator.word
    table = Table(title=word("每一件的结果", "What happened to every case"))
    table.add_column(word("件", "case"))
    # The number is typed or copied: it must stand in one piece.
    table.add_column(word("编号", "number"), no_wrap=True)
    for title in (word("收件", "filed at"), word("经过", "story"), word("结果", "end")):
        table.add_column(title, overflow="fold")
    for story in STORIES:
        stage = verdict.outcomes.get(story.key, "missing")
        village = BY_KEY[story.village]
        name, plot = word(village.name, village.name_en), word(story.zh, story.en)
        table.add_row(story.key, verdict.numbers.get(story.key, ""), name, plot, word(*_end_of(story, stage)))
    narrator.console.print(table)
    if not verdict.faults:
        zh = f"全部核对无误：丢失 {verdict.lost}，重复 {verdict.doubled}，隔离 {verdict.quarantined}。"
        en = f"All is well: {verdict.lost} lost, {verdict.doubled} doubled, {verdict.quarantined} quarantined."
        narrator.tell(zh, en, "bold green")
    for fault in verdict.faults:
        narrator.tell(f"不符：{fault}", f"Off: {fault}", "bold red")


async def _tell_stories(county: County, narrator: Narrator, verdict: Verdict) -> None:
    """The joint case and the offline village case, as `case` prints them."""
    numbers = [verdict.numbers[key] for key in PRINTED if key in verdict.numbers]
    told = await asyncio.gather(*(county.story_of(number, narrator.word("zh-CN", "en")) for number in numbers))
    for number, text in zip(numbers, told, strict=True):
        narrator.head(f"hub case {number}", f"hub case {number}")
        narrator.console.print(text, markup=False, soft_wrap=True)


def _end_of(story: Story, stage: str) -> tuple[str, str]:
    zh, en = STAGES.get(stage, (stage, stage))
    kinds = [step.kind for step in story.steps]
    if "case.withdrawn" in kinds:
        return f"已撤回，{zh}", f"withdrawn, {en}"
    if "acceptance.refused" in kinds:
        return f"不予受理，已告知，{zh}", f"not accepted, told, {en}"
    if "case.reopened" in kinds:
        return f"重新办理，已送达，{zh}", f"taken up again, handed over, {en}"
    refused = any(step.fields.get("outcome") == "refused" for step in story.steps)
    if refused:
        return f"不予许可，已送达，{zh}", f"refused, handed over, {en}"
    return f"准予，已送达，{zh}", f"granted, handed over, {en}"


async def _stay_open(county: County, narrator: Narrator) -> None:
    """Addresses and logins, then wait for Ctrl-C."""
    word = narrator.word
    table = Table(title=word("页面地址和样例账号", "Pages and sample accounts"))
    table.add_column(word("单位", "office"))
    # An address that is cut off on a narrow terminal is of no use; the other columns may wrap.
    table.add_column(word("地址", "address"), no_wrap=True)
    table.add_column(word("登录名", "login"))
    table.add_column(word("身份", "who"))
    for place in PLACES:
        for person in PEOPLE:
            if person.place == place.key:
                name, who = word(place.name, place.name_en), word(person.name, person.name_en)
                table.add_row(name, county.address(place.key), person.login, who)
    narrator.console.print(table)
    home = county.nodes["hub"].home
    narrator.tell(
        f"任何一件的经过：.venv/bin/hub case 编号 --home {home}",
        f"The story of any case: .venv/bin/hub case NUMBER --home {home}",
    )
    narrator.tell(f"密码均为 {PASSWORD}；按 Ctrl-C 结束。", f"Every password is {PASSWORD}. Ctrl-C ends all.", "bold")
    await asyncio.Event().wait()


if __name__ == "__main__":
    sys.exit(main())
