"""`moves`, a verb of every node: which offices are to move, and the word of those concerned.

What is confirmed is published like everything in the register (`office.cli_register`).
Prints offices, no resident. Next: `hub.cli_moves` (what the county alone does), `office.moving`.
"""

import argparse
from typing import TYPE_CHECKING

from schemas.names import OfficeId, seat_of, within
from schemas.refusals import Refused

if TYPE_CHECKING:
    from office.cli import Verbs
    from office.moving import Standing
    from office.node import Node
    from schemas.register import MoveProposed

    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

Arguments = argparse.Namespace


def add_moves(verbs: "Verbs") -> "Group":
    """Mount `moves list` and `moves confirm`. Returns the group for what the county adds."""
    from office.cli_register import add_officer

    say = verbs.say
    summary = say("撤并划转：哪些单位将并入其他单位", "moves: which offices become part of others")
    parser = verbs.add_bare("moves", summary, "moves confirm 510824100205 --officer li")
    group = parser.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    every = say("列出各项撤并划转及其进展", "every move and how far it has come")
    verbs.share(group.add_parser("list", help=every), list_moves)
    agreeing = say("确认一项撤并划转：本单位或下级单位知悉并同意", "agree to a move, for this office or one below it")
    confirm = group.add_parser("confirm", help=agreeing)
    confirm.add_argument("office", help=say("原单位的代码", "the old office"))
    side = say("代哪个下级单位确认；不填为所涉的本单位和下级单位", "for which office; default: all concerned here")
    confirm.add_argument("--side", help=side)
    add_officer(verbs, confirm)
    verbs.share(confirm, confirm_move)
    return group


async def list_moves(arguments: Arguments) -> int:
    """`moves list`"""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        for standing in await node.moving.standings():
            print(_line(node, standing, arguments))
    finally:
        await node.close()
    return 0


def _line(node: "Node", standing: "Standing", arguments: Arguments) -> str:
    say, move = arguments.say, standing.move
    sides = say("、", ", ").join(sorted(standing.confirmed)) or say("无", "nobody")
    state = say("已执行", "carried out") if standing.is_carried_out else say("未执行", "not carried out")
    return "\t".join(
        (
            f"{move.old} {node.office_name(move.old)} → {move.new} {node.office_name(move.new)}",
            say(f"自 {move.effective_from}", f"from {move.effective_from}"),
            move.document,
            say(f"已确认：{sides}", f"confirmed: {sides}"),
            state,
            say(f"本机所知待转 {standing.left} 件", f"{standing.left} cases left, as known here"),
        )
    )


async def confirm_move(arguments: Arguments) -> int:
    """`moves confirm`"""
    from office.cli_register import author_of, publish_records
    from office.node import Node
    from schemas.register import MoveConfirmed

    node = await Node.open(arguments.home, with_pen=False)
    try:
        move, sides = _concerned(node, OfficeId(arguments.office), arguments.side)
    finally:
        await node.close()
    author = author_of(arguments)
    return await publish_records(arguments, *(MoveConfirmed(*author, move.operation, side) for side in sides))


def _concerned(node: "Node", old: OfficeId, side: str | None) -> tuple["MoveProposed", list[OfficeId]]:
    """The move, and for whom this node may agree to it."""
    move = next((one for one in node.casebook.register.moves() if one.old == old), None)
    if move is None:
        raise Refused(
            "move_not_known",
            f"本机没有收到 {old} 的撤并划转方案，没有写入；请核对代码，或连上线路后再试。",
            f"No move of {old} has arrived here; nothing was written. Check the code, or connect the line first.",
        )
    sides = [OfficeId(side)] if side else [one for one in (move.old, move.new) if within(seat_of(one), node.seat)]
    if not sides:
        raise Refused(
            "move_elsewhere",
            f"{move.old} 撤并到 {move.new} 与本单位无关，没有写入；由这两个单位或其乡镇确认。",
            f"The move of {move.old} to {move.new} is not about this office; nothing was written. These two, or their "
            "townships, confirm it.",
        )
    return move, sides
