"""`audit export` and `audit import-xes`: event logs to and from the tools that auditors use.

Exports go to a file that only its owner reads; what an import finds goes to standard output as JSON, its progress to
standard error. Never prints a resident. Next: `hub.audit.exporting`, `hub.audit.importing`.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from office.cli import Arguments, Verbs, show_progress
from office.cli_register import a_day, officer_of
from schemas.names import OfficeId

if TYPE_CHECKING:
    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]


def add_event_logs(group: "Group", verbs: Verbs) -> None:
    """Mount both among the verbs of `audit`."""
    _add_export(group.add_parser("export", help=_summary_of_export(verbs)), verbs)
    say = verbs.say
    reading = say(
        "导入任意 XES 日志（.xes、.xes.gz），以 JSON 输出件数、变体、时长、返工、移交和规则命中；不写入本节点",
        "read any XES log (.xes, .xes.gz) and print cases, variants, durations, rework, handovers and hits of rules as "
        "JSON; nothing is written to this node",
    )
    load = group.add_parser("import-xes", help=reading)
    load.add_argument("file", type=Path, help=say("日志文件", "the log"))
    due = say("写有截止时间的案例属性；不填为 due、deadline 等", "the trace attribute with the due time (due …)")
    load.add_argument("--due", default="", metavar="KEY", help=due)
    decision = say(
        "截止时间所指的活动；不填为 case.decided，日志中没有时为最后一个事件",
        "the activity that must be done by then; default: case.decided, or the last event where no event is one",
    )
    load.add_argument("--decision", default="", metavar="ACTIVITY", help=decision)
    pair = say("同一人不得在一件中都做的两项活动，可多次", "two activities that one person may not both do; repeatable")
    load.add_argument("--pair", nargs=2, action="append", default=[], metavar="ACTIVITY", help=pair)
    verbs.share(load, import_xes)


def _summary_of_export(verbs: Verbs) -> str:
    return verbs.say(
        "导出事件日志供审计人员的工具使用：XES（IEEE 1849-2016）或 CSV；人员为化名，不含居民信息；"
        "文件名以 .gz 结尾的自动压缩",
        "write an event log for auditors' tools: XES (IEEE 1849-2016) or CSV; officers under marks, no residents; a "
        "name that ends in .gz is packed",
    )


def _add_export(export: argparse.ArgumentParser, verbs: Verbs) -> None:
    say = verbs.say
    form = export.add_mutually_exclusive_group(required=True)
    form.add_argument("--xes", type=Path, metavar="FILE", help=say("写为 XES", "as XES"))
    form.add_argument("--csv", type=Path, metavar="FILE", help=say("写为 CSV", "as CSV"))
    first = say("自哪日起收件的，如 2026-01-01", "filed on this day or later, as 2026-01-01")
    export.add_argument("--since", type=a_day(verbs), help=first)
    export.add_argument("--until", type=a_day(verbs), help=say("至哪日收件的", "filed on this day or earlier"))
    office = say("只含该单位可见的件", "only cases that this office reads")
    export.add_argument("--office", type=OfficeId, help=office)
    export.add_argument("--item", default="", help=say("只含该事项编码", "only this item's code"))
    named = say(
        "写明人员和办件编号；须有用途和经办人，并记入查看日志",
        "with officers and numbers of cases as they are; needs purpose and officer, and is kept in the access log",
    )
    export.add_argument("--named", action="store_true", help=named)
    export.add_argument("--purpose", help=say("用途和索取人", "what for, and who asked"))
    export.add_argument("--officer", help=say("经办人的登录名", "login of the officer who exports"))
    verbs.share(export, export_cases)


async def export_cases(arguments: Arguments) -> int:
    """`audit export`"""
    from hub.audit.exporting import CSV, XES, Chosen, export_log, named_by
    from office.node import Node

    path, form = (arguments.xes, XES) if arguments.xes is not None else (arguments.csv, CSV)
    chosen = Chosen(arguments.since, arguments.until, arguments.office, arguments.item)
    node = await Node.open(arguments.home, with_pen=False)
    try:
        officer = officer_of(node.seat, arguments.officer) if arguments.officer else None
        named = named_by(officer, arguments.purpose) if arguments.named else None
        written = await export_log(node, path, form, chosen, named, show_progress)
    finally:
        await node.close()
    zh = f"已导出 {written.cases} 件、{written.events} 个事件：{path}"
    print(arguments.say(zh, f"{written.cases} cases, {written.events} events written: {path}"))
    if written.left_out:
        zh = f"{written.left_out} 条未计入（隔离、被取代或本版本不识）；见 verify 和隔离区"
        en = f"{written.left_out} entries left out (set aside, superseded, or unknown to this version): see verify"
        print(arguments.say(zh, en))
    return 0


async def import_xes(arguments: Arguments) -> int:
    """`audit import-xes`"""
    from hub.audit.importing import import_log
    from hub.audit.limits import DEFAULTS
    from hub.audit.log_rules import Wanted
    from office.seeds import load_calendar

    pairs = tuple((one, other) for one, other in arguments.pair)
    wanted = Wanted(arguments.decision, pairs)
    is_worked = load_calendar().is_working
    told = import_log(arguments.file, DEFAULTS, is_worked, show_progress, wanted, arguments.due)
    print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    return 0
