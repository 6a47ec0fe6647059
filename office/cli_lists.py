"""`lists`, a verb of every node: the empty table for a list of persons, and a check of one that is filled in.

For whoever prepares lists before the season: everything that the page would refuse is told before the village sends it.
Files nothing (an officer does, signed in, on the page or over the interface) and prints no name and no number.
Imports what it needs only when asked. Next: `office.rosters`.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from schemas.refusals import Refused

if TYPE_CHECKING:
    from office.cli import Verbs


def add_lists(verbs: "Verbs") -> None:
    """Mount `lists` on a command line."""
    say = verbs.say
    about = say(
        "批量名单：生成空模板，或在提交前检查", "lists of persons: an empty template, or a check before it is sent"
    )
    parser = verbs.add_bare("lists", about, "lists check list.csv")
    group = parser.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    template = group.add_parser("template", help=say("生成空模板（CSV）", "write an empty template (CSV)"))
    check = group.add_parser(
        "check", help=say("逐行检查名单，不登记任何内容", "check a list row by row; nothing is filed")
    )
    for each in (template, check):
        each.add_argument("file", type=Path, help=say("名单文件", "the list's file"))
    verbs.share(template, write_template)
    verbs.share(check, check_list)


async def write_template(arguments: argparse.Namespace) -> int:
    """`lists template`"""
    from office.rosters import template

    try:
        with arguments.file.open("xb") as file:
            file.write(template())
    except OSError as error:
        raise Refused(
            "template_not_written",
            "无法写入模板文件，或该文件已经存在；请换一个文件名。",
            "The template cannot be written, or the file is there already; choose another name.",
        ) from error
    return 0


async def check_list(arguments: argparse.Namespace) -> int:
    """`lists check`"""
    from office.clock import SystemClock
    from office.rosters import ListRefused, check_rows, read_table
    from schemas.casework.clocks import day_of

    try:
        content = arguments.file.read_bytes()
    except OSError as error:
        raise Refused(
            "list_not_found",
            "无法打开名单文件；请核对文件名和权限。",
            "The list cannot be opened; check its name and who may read it.",
        ) from error
    table = read_table(content)
    try:
        checked = check_rows(table.rows, day_of(SystemClock().now()))
    except ListRefused as refusal:
        for fault in refusal.faults:
            line = table.lines[fault.row - 1]
            print(arguments.say(f"第 {line} 行：{fault.zh}", f"line {line}: {fault.en}"))
        raise
    print(arguments.say(f"共 {len(checked)} 人，没有问题", f"{len(checked)} persons, nothing to correct"))
    return 0
