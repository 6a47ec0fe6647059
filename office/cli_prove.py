"""`prove`, a verb of every node: proof files of a case for somebody outside the network.

Imports what proving needs only when it is asked for. Prints no person. Next: `office.proving`, `office.cli`.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from office.cli_case import add_case_number
from office.sentences import told

if TYPE_CHECKING:
    from office.cli import Verbs


def add_prove(verbs: "Verbs") -> None:
    """Mount `prove` on a command line."""
    say = verbs.say
    summary = say(
        "出具一件的证明文件，每条记录一个文件。任何人凭 tongban-verify 和县根摘要即可核验：由谁写入、此后未改、"
        "哪些单位已签收。文件含正文原文，出具会记入查看日志",
        "write the proof files of a case, one for each entry. With tongban-verify and the county digest anybody can "
        "check who wrote it, that nothing was changed since, and which offices held it. The text is in clear: making "
        "them is written into the access log",
    )
    prove = verbs.add("prove", prove_case, summary, "prove 510824100205-7K00127 --purpose '…' --to proofs")
    add_case_number(verbs, prove)
    prove.add_argument(
        "--entry",
        default="",
        help=say(
            "只出具这一条：办件页面上该步骤旁的 8 位指纹",
            "this entry only: the 8 characters of the fingerprint beside the step on the case's page",
        ),
    )
    purpose = say("用途和索取人，记入查看日志", "what for, and who asked: kept in the access log")
    prove.add_argument("--purpose", required=True, help=purpose)
    folder = say("存放文件的文件夹，没有则建立", "the folder for the files, made if it is not there")
    prove.add_argument("--to", type=Path, required=True, help=folder)


async def prove_case(arguments: argparse.Namespace) -> int:
    """`prove`"""
    from office.node import Node
    from office.proving import export_proofs

    node = await Node.open(arguments.home, with_pen=False)
    try:
        export = await export_proofs(node, arguments.case, arguments.entry, arguments.purpose, arguments.to)
    finally:
        await node.close()
    for proof, path in export.written:
        print(f"{proof.fingerprint}  {proof.kind:20}  {path}")
    for fingerprint, fault in export.faults:
        print(f"{fingerprint}  {fault.code}: {arguments.say(told(fault, 'zh'), told(fault, 'en'))}", file=sys.stderr)
    root = node.books.seat.root.digest
    print(arguments.say(f"核验：tongban-verify 文件 --root {root}", f"check: tongban-verify FILE --root {root}"))
    return 1 if export.faults else 0
