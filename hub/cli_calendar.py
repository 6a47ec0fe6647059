"""The county's verbs for the working days of a year: `hub calendar check` and `hub calendar show`.

The State Council's notice of the next year comes in autumn: it is typed into a table, looked at with `check`, and
published. Never publishes by itself. Next: `hub.calendars`.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from office.cli import Arguments, Verbs
from schemas.calendar import FIRST_YEAR, LAST_YEAR
from schemas.refusals import Refused

if TYPE_CHECKING:
    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]


def add_calendar(verbs: Verbs) -> "Group":
    """Mount `calendar`. Returns the group of its verbs, for those that stand elsewhere."""
    say = verbs.say
    summary = say("工作日历：放假和调休", "working days: the year's holidays")
    calendar = verbs.add_bare("calendar", summary, "calendar check calendar-2027.csv")
    group = calendar.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    checking = say(
        "检查一年的放假安排，逐一指出问题，不作任何改动", "look for faults in a year's file; changes nothing"
    )
    check = group.add_parser("check", help=checking)
    columns = say(
        "CSV 或 XLSX，栏目为 日期、至、安排（放假、上班）、文件、性质（国家、本地）；或 YAML",
        "CSV or XLSX with the columns date, until, kind (rest, working), document, status (official, local); or YAML",
    )
    check.add_argument("file", type=Path, help=columns)
    verbs.share(check, check_year)
    showing = say("显示本节点所用的一年", "the year as this node counts it")
    show = group.add_parser("show", help=showing)
    show.add_argument("year", type=_year, help=say("如 2027", "as 2027"))
    installed = say("改为显示已安装的 chinesecalendar 软件包中的通知", "the notice in the installed chinesecalendar")
    show.add_argument("--installed", action="store_true", help=installed)
    verbs.share(show, show_year)
    return group


async def check_year(arguments: Arguments) -> int:
    """`calendar check`"""
    from hub.calendars import read_year

    report = read_year(arguments.file)
    print(arguments.say(report.text(), report.text("en")))
    return 0 if report.year is not None else 1


async def show_year(arguments: Arguments) -> int:
    """`calendar show`"""
    from hub.calendars import find_installed, year_text
    from office.node import Node

    year: int = arguments.year
    if arguments.installed:
        found = [find_installed(year)]
    else:
        node = await Node.open(arguments.home, with_pen=False)
        try:
            found = [node.calendar.year_of(year), node.calendar.find_local(year)]
        finally:
            await node.close()
    if not any(found):
        raise Refused(
            "no_notice_installed",
            f"已安装的 chinesecalendar 中没有 {year} 年的通知；请升级该软件包，"
            "或将通知录成表格后用 calendar check 检查。",
            f"the installed chinesecalendar has no notice for {year}; upgrade it, or type the notice into a table and "
            "look at it with calendar check",
        )
    for each in found:
        if each is not None:
            print(arguments.say(year_text(each), year_text(each, "en")))
    return 0


def _year(text: str) -> int:
    year = int(text) if text.isascii() and text.isdecimal() else 0
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise argparse.ArgumentTypeError(f"{FIRST_YEAR}–{LAST_YEAR}")
    return year
