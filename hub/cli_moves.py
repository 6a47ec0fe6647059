"""The county's share in `moves`: who is touched, proposing, carrying out.

`carry-out` goes on in runs of a hundred cases until nothing is left; broken off, it is given again.
Prints numbers and offices, no resident. Next: `office.moving`, `office.cli_moves` (what every node has).
"""

import argparse
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from msgspec import structs

from office.cli import Arguments, Verbs
from office.cli_moves import add_moves
from office.cli_register import a_day, add_officer, author_of, officer_of, publish_records
from office.paths import Home
from schemas.names import OfficeId

if TYPE_CHECKING:
    from office.local import RunningNode
    from office.moving import Affected, Carried
    from office.node import Node


def add_county_moves(verbs: Verbs) -> None:
    """Mount `moves` with all its parts."""
    say, group = verbs.say, add_moves(verbs)
    looking = say("撤并划转一个单位会涉及哪些办件、设备和代办员", "what a move of an office would touch")
    preview = group.add_parser("preview", help=looking)
    preview.add_argument("office", help=say("将撤并的单位或窗口的代码", "the office or desk that would move"))
    verbs.share(preview, preview_move)
    proposing = say("提出：一个单位并入另一个单位，或改用新代码", "propose that an office becomes part of another")
    propose = group.add_parser("propose", help=proposing)
    _add_offices(verbs, propose)
    first = say("自哪日起，如 2027-01-01", "first day without the old office, as 2027-01-01")
    propose.add_argument("--from", dest="effective_from", type=a_day(verbs), required=True, help=first)
    propose.add_argument("--document", required=True, help=say("批准文号", "number of the document"))
    add_officer(verbs, propose)
    verbs.share(propose, propose_move)
    doing = say(
        "执行：原单位停止收件，其未了的办件转到新单位", "carry a move out: the old office ends, its cases go over"
    )
    carry = group.add_parser("carry-out", help=doing)
    carry.add_argument("office", help=say("原单位的代码", "the old office"))
    who = say("执行的值班领导的登录名", "login of the leader who carries it out")
    carry.add_argument("--officer", required=True, help=who)
    carry.add_argument("--approver", help=say("批准的值班领导；不填为执行人本人", "default: the officer"))
    reason = say("一方未确认时必填：为何先行执行", "required while a side has not confirmed: why it cannot wait")
    carry.add_argument("--reason", default="", help=reason)
    verbs.share(carry, carry_out_move)


def _add_offices(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("office", help=verbs.say("原单位的代码", "the old office"))
    parser.add_argument("to", help=verbs.say("新单位的代码", "the new office"))


async def preview_move(arguments: Arguments) -> int:
    """`moves preview`"""
    from office.node import Node
    from office.publishing import unknown_office

    office = OfficeId(arguments.office)
    node = await Node.open(arguments.home, with_pen=False)
    try:
        affected = await node.moving.preview(office)
        if not affected.cases and not node.is_office(office):
            raise unknown_office(office)
        print("\n".join(_preview_lines(node, affected, arguments)))
    finally:
        await node.close()
    return 0


def _preview_lines(node: "Node", affected: "Affected", arguments: Arguments) -> list[str]:
    from office.web import labels
    from office.web.i18n import Language, translate

    say = arguments.say
    language = Language(say("zh", "en"))
    stages = (f"{translate(labels.STAGES[stage], language)} {count}" for stage, count in affected.stages.items())
    devices = (f"{one.node}{say('（已注销）', ' (revoked)') if one.is_revoked else ''}" for one in affected.devices)
    posts = (f"{post.name} {post.person_name}（{post.person}）" for post in affected.posts)
    comma = say("，", ", ")
    return [
        f"{affected.office} {node.office_name(affected.office)}",
        say("未了的办件", "cases") + f"\t{affected.cases}\t{comma.join(stages)}",
        say("在手", "held") + f"\t{affected.held}",
        say("移交途中", "on their way to it") + f"\t{affected.offered}",
        say("结果待送达", "results to hand over") + f"\t{affected.to_hand_over}",
        say("将由其送达", "to be handed over there") + f"\t{affected.home}",
        say("容缺承诺", "papers promised") + f"\t{affected.promises}",
        say("补正告知未了", "open notices of missing papers") + f"\t{affected.notices}",
        say("待其提出意见", "opinions awaited from it") + f"\t{affected.opinions}",
        say("设备", "devices") + f"\t{comma.join(devices) or '—'}",
        say("岗位人员", "posts") + f"\t{comma.join(posts) or '—'}",
    ]


async def propose_move(arguments: Arguments) -> int:
    """`moves propose`"""
    from schemas.register import MoveProposed

    old, new = OfficeId(arguments.office), OfficeId(arguments.to)
    author = author_of(arguments)
    return await publish_records(
        arguments, MoveProposed(*author, old, new, arguments.effective_from, arguments.document)
    )


async def carry_out_move(arguments: Arguments) -> int:
    """`moves carry-out`"""
    from office.local import at_the_pen
    from office.seat import load_seat

    seat = load_seat(Home(arguments.home)).office
    officer = officer_of(seat, arguments.officer)
    approver = officer_of(seat, arguments.approver or arguments.officer)
    order = (OfficeId(arguments.office), officer, approver, arguments.reason)

    async def ready(node: "Node") -> None:
        await node.moving.check(*order)

    async def here(node: "Node") -> "Carried":
        return await _through(lambda: node.moving.carry_out(*order))

    async def there(running: "RunningNode") -> "Carried":
        return await _through(lambda: running.carry_out(*order))

    done = await at_the_pen(arguments.home, here, there, ready=ready)
    zh = f"已转 {done.written} 件，原单位尚有 {done.left} 件"
    print(arguments.say(zh, f"{done.written} cases brought over, {done.left} left with the old office"))
    return 1 if done.left else 0


async def _through(run: Callable[[], Awaitable["Carried"]]) -> "Carried":
    """Runs until one finds nothing more to do; what was written by all of them."""
    written = 0
    while True:
        done = await run()
        written += done.written
        if not done.written:
            return structs.replace(done, written=written)
