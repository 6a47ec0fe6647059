"""`case`, a verb of every node: the story of one case, masked, for an operator or a supervisor at the command line.

Shows what happened, when, by which office, where it lies and until when something is due; of the resident only what
everybody who watches may see (masked). Imports what it needs only when asked. Next: `office.web.story` (the lines),
`office.cli`.
"""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from office.cli import Verbs


def add_case(verbs: "Verbs") -> None:
    """Mount `case` on a command line."""
    say = verbs.say
    summary = say(
        "打印一件的办理经过：何时、哪个单位、办了什么、现在何处、何时到期；群众信息已脱敏",
        "print the story of a case: what was done, when, by which office, where it lies, what is due; persons masked",
    )
    case = verbs.add("case", show_case, summary, "case 510824100205-7K00127")
    add_case_number(verbs, case)


def add_case_number(verbs: "Verbs", parser: argparse.ArgumentParser) -> None:
    """The argument of a verb that is about one case."""
    printed = verbs.say(
        "凭条上的编号，或办件页面网址末尾的 32 位字符",
        "the number on the slip, or the 32 characters at the end of the address of the case's page",
    )
    parser.add_argument("case", help=printed)


async def show_case(arguments: argparse.Namespace) -> int:
    """`case`"""
    from office.node import Node
    from office.proving import get_case_id
    from office.web.i18n import Language
    from office.web.site import Names
    from office.web.story import story_of

    node = await Node.open(arguments.home, with_pen=False)
    try:
        found = await node.worklists.get_case(node.seat, await get_case_id(node, arguments.case))
        for line in story_of(node, Names(node, Language(arguments.say("zh", "en"))), found):
            print(line)
    finally:
        await node.close()
    return 0
