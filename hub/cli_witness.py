"""`audit beacons`: the county's daily statements as a log that a witness outside cosigns.

Names no case and nobody. Next: `hub.audit.witnessing`, `hub.audit.beacon_log`.
"""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from office.cli import Arguments, Verbs

if TYPE_CHECKING:
    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

ANSWER_BYTES_MAX = 256 * 1024
"""A note with a hundred signatures."""


def add_beacons(group: "Group", verbs: Verbs) -> None:
    """Mount `beacons` among the verbs of `audit`."""
    say = verbs.say
    summary = say(
        "县中心每日声明的日志：导出给县外见证方会签，任何人都不能让县里悄悄改写历史",
        "the log of the county's daily statements, for a witness outside to cosign: nobody rewrites history unseen",
    )
    beacons = group.add_parser("beacons", help=summary)
    verbs.share(beacons, show_log)
    parts = beacons.add_subparsers(title=say("做什么", "what"), metavar="WHAT")
    exporting = parts.add_parser(
        "export",
        help=say("写出日志（tlog-tiles）和送签请求", "write the log (tlog-tiles) and the request for a witness"),
    )
    exporting.add_argument("folder", type=Path, help=say("写到哪个文件夹", "the folder to write to"))
    old = say("见证方上次会签到第几条；首次为 0", "how many the witness has cosigned; 0 the first time")
    exporting.add_argument("--old", type=int, default=0, help=old)
    verbs.share(exporting, export)
    taking = parts.add_parser("cosigned", help=say("收下见证方的会签", "keep what the witness answered"))
    taking.add_argument("file", type=Path, help=say("见证方的答复", "its answer"))
    key = say("见证方的验证密钥（一整行）", "the witness's verifier key, one line")
    taking.add_argument("--witness", required=True, metavar="VKEY", help=key)
    verbs.share(taking, take_cosignature)
    restoring = say("恢复县节点后，用先前的导出补回缺失的声明", "after a restore: bring statements back from an export")
    back = parts.add_parser("restore", help=restoring)
    back.add_argument("folder", type=Path, help=say("先前导出的文件夹", "the folder of an earlier export"))
    verbs.share(back, restore)


async def show_log(arguments: Arguments) -> int:
    """`audit beacons`"""
    from hub.audit.database import audit_of
    from hub.audit.witnessing import state_of
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        async with audit_of(node) as audit:
            state = await state_of(node, audit)
    finally:
        await node.close()
    zh = f"共 {state.size} 条，已导出 {state.exported} 条"
    print(arguments.say(zh, f"{state.size} statements, {state.exported} exported"))
    print(arguments.say(f"日志公钥：{state.vkey}", f"key of the log: {state.vkey}"))
    print(state.cosigned or arguments.say("尚无见证方会签", "no witness has cosigned it yet"))
    return 0


async def export(arguments: Arguments) -> int:
    """`audit beacons export`"""
    from hub.audit.database import audit_of
    from hub.audit.witnessing import REQUEST, export_log
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        async with audit_of(node) as audit:
            state = await export_log(node, audit, arguments.folder, arguments.old)
    finally:
        await node.close()
    request = arguments.folder / REQUEST
    print(
        arguments.say(f"已写出 {state.size} 条；送签文件 {request}", f"wrote {state.size}; for the witness: {request}")
    )
    print(arguments.say(f"日志公钥：{state.vkey}", f"key of the log: {state.vkey}"))
    return 0


async def take_cosignature(arguments: Arguments) -> int:
    """`audit beacons cosigned`"""
    from hub.audit.database import audit_of
    from hub.audit.witnessing import keep_cosignature
    from office.node import Node

    with arguments.file.open("rb") as file:
        answer = file.read(ANSWER_BYTES_MAX)
    node = await Node.open(arguments.home, with_pen=False)
    try:
        async with audit_of(node) as audit:
            time_s = await keep_cosignature(node, audit, answer, arguments.witness)
    finally:
        await node.close()
    when = datetime.fromtimestamp(time_s, UTC).isoformat()
    print(arguments.say(f"会签有效，时间 {when}，已保存", f"the cosignature holds, made at {when}; it is kept"))
    return 0


async def restore(arguments: Arguments) -> int:
    """`audit beacons restore`"""
    from hub.audit.database import audit_of
    from hub.audit.witnessing import restore_log
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        async with audit_of(node) as audit:
            count = await restore_log(node, audit, arguments.folder)
    finally:
        await node.close()
    print(arguments.say(f"日志现有 {count} 条", f"the log has {count} statements now"))
    return 0
