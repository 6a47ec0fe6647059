"""`case`, a verb of every node: the story of one case, masked, for an operator or a supervisor at the command line.

Shows what happened, when, by which office, where it lies and until when something is due; of the resident only what
everybody who watches may see (masked). Imports what it needs only when asked. Next: `office.web.views`, which hides
the same things on pages; `office.cli`.
"""

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from office.cli import Verbs
    from office.node import Node
    from office.web.site import Names
    from office.web.views import CaseDetail, StepView
    from schemas.casework.casefile import CaseFile


def add_case(verbs: "Verbs") -> None:
    """Mount `case` on a command line."""
    say = verbs.say
    summary = say(
        "打印一件的办理经过：何时、哪个单位、办了什么、现在何处、何时到期；群众信息已脱敏",
        "print the story of a case: what was done, when, by which office, where it lies, what is due; persons masked",
    )
    case = verbs.add("case", show_case, summary, "case 510824100205-7K00127")
    case.add_argument(
        "case",
        help=say(
            "凭条上的编号，或办件页面网址末尾的 32 位字符",
            "the number on the slip, or the 32 characters at the end of the address of the case's page",
        ),
    )


async def show_case(arguments: argparse.Namespace) -> int:
    """`case`"""
    from office.node import Node
    from office.proving import get_case_id
    from office.web.i18n import Language
    from office.web.site import Names
    from office.web.views import detail_of
    from schemas.casework.roles import Role
    from schemas.casework.visibility import sight_of

    node = await Node.open(arguments.home, with_pen=False)
    try:
        found = await node.worklists.get_case(node.seat, await get_case_id(node, arguments.case))
        sights = sight_of(found.file, node.county, (Role.SUPERVISOR,))
        names = Names(node, Language(arguments.say("zh", "en")))
        for line in _story(node, names, found.file, detail_of(found, sights, node.seat)):
            print(line)
    finally:
        await node.close()
    return 0


def _story(node: "Node", names: "Names", file: "CaseFile", case: "CaseDetail") -> list[str]:
    from office.web import labels
    from schemas.casework.lifecycle import Stage

    summary = case.summary
    where = names.office(summary.custodian or summary.offeree)
    lines = [
        f"{summary.tracking or summary.case}  {names.item(summary.item)}  {summary.applicant}",
        f"{names.text(labels.STAGES[Stage(summary.stage)])}  {where}".rstrip(),
    ]
    lines += [_line(names, step) for step in case.steps]
    return lines


def _line(names: "Names", step: "StepView") -> str:
    from office.web import labels
    from schemas.casework.clocks import CHINA_TIME

    at = datetime.fromtimestamp(step.at / 1000, CHINA_TIME).strftime("%Y-%m-%d %H:%M")
    turn = f"{step.turn:>3}" if step.turn else "  ·"
    said = "  ".join(
        f"{names.text(labels.FIELDS[one.field])}: {' '.join(names.said(one.field, one.value).split())}"
        for one in step.said
        if one.field in labels.FIELDS
    )
    state = f" ({names.text(labels.STATES[step.state])})" if step.state else ""
    act = names.text(labels.ACTS.get(step.kind, step.kind))
    return f"{at} {turn}  {names.office(step.office)}  {act}{state}  {said}".rstrip()
