"""`looks`, a verb of every node: who looked at a case's personal data here, when, and what for.

The answer to a resident, or to the county, who asks for it (`office.access_log`). Shows officers and their purposes,
nothing of the resident. Each node answers for its own screens. Imports what it needs only when asked.
Next: `office.cli`, `office.access_log`.
"""

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

from office.cli_case import add_case_number
from schemas.refusals import Refused

if TYPE_CHECKING:
    from office.cli import Verbs


def add_looks(verbs: "Verbs") -> None:
    """Mount `looks` on a command line."""
    say = verbs.say
    summary = say(
        "列出谁在何时、为何目的查看过一件的个人信息，供当事人或县中心查询；只含本节点的记录",
        "who looked at a case's personal data, when and what for: for the resident or the county who asks; this node's "
        "record only",
    )
    looks = verbs.add("looks", list_looks, summary, "looks 510824100205-7K00127")
    add_case_number(verbs, looks)


async def list_looks(arguments: argparse.Namespace) -> int:
    """`looks`"""
    from office.access_log import AccessLog
    from office.node import Node
    from office.proving import get_case_id
    from schemas.casework.clocks import CHINA_TIME

    node = await Node.open(arguments.home, with_pen=False)
    try:
        log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
        looks = await log.looks_at(await get_case_id(node, arguments.case))
        names = await node.accounts.find_names({look.officer for look in looks})
        broken = await log.find_break()
    finally:
        await node.close()
    for look in looks:
        at = datetime.fromtimestamp(look.at / 1000, CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")
        print(f"{at}\t{look.officer}\t{names.get(look.officer, '')}\t{_one_line(look.purpose)}")
    print(arguments.say(f"本节点共 {len(looks)} 次查看", f"looks at this node: {len(looks)}"))
    if broken is not None:
        raise Refused(
            "look_changed",
            f"查看记录第 {broken} 条被改动，或其前有缺失，以上内容不能作准；"
            "请保留数据库副本，报告县中心，并运行 verify。",
            f"Look {broken} of the record was changed, or one before it is missing, so this list cannot be relied on; "
            "keep a copy of the database, tell the county, and run verify.",
        )
    return 0


def _one_line(text: str) -> str:
    """A purpose as it was typed, without what would move a terminal's cursor."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
