"""`erase`, a verb of the county alone: which cases are due, the orders that they lose their bodies, and their list.

An order goes to the process that has the pen (`office.local`) and cannot be taken back. Prints numbers, items and days,
no resident. Next: `office.erasure_orders` (what may be ordered), `office.retention` (how long things are kept).
"""

from typing import TYPE_CHECKING, Final

from office.cli import Arguments, Verbs
from office.paths import Home

if TYPE_CHECKING:
    from office.local import RunningNode
    from office.node import Node

LISTED: Final = 1000
"""Cases that are due, in one list: a leader approves no more at a time."""


def add_erasures(verbs: Verbs) -> None:
    """Mount `erase` with its parts."""
    say = verbs.say
    summary = say("到期销毁：依法删除已办结件的内容", "erase what closed cases hold, by law, when their time is over")
    erase = verbs.add_bare(
        "erase", summary, "erase order 510824100201-AB00017 --officer zhang --approver li --ground …"
    )
    group = erase.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    due = group.add_parser("due", help=say("列出保管期限已满的件", "the cases whose time is over"))
    verbs.share(due, list_due)
    ordering = say(
        "下达删除令：全县各级设备照办，不能撤回", "order an erasure: every device obeys, nothing brings it back"
    )
    order = group.add_parser("order", help=ordering)
    order.add_argument("cases", nargs="+", metavar="CASE", help=say("编号或件标识", "tracking numbers or ids of cases"))
    order.add_argument("--officer", required=True, help=say("经办人的登录名", "login of the officer who orders it"))
    order.add_argument("--approver", required=True, help=say("批准的值班领导", "login of the leader who approves"))
    order.add_argument("--ground", required=True, help=say("法律依据", "the legal ground"))
    single = say(
        "只删除这一条备注等内容（填 8 位指纹，可多次），不删除整件",
        "erase this contribution alone (its 8 characters, several times if need be), not the case",
    )
    order.add_argument("--entry", action="append", default=[], help=single)
    early = say(
        "依法须在期满前删除（依据中写明）", "before the term is over, because the law wants it (say so in --ground)"
    )
    order.add_argument("--early", action="store_true", help=early)
    verbs.share(order, order_erasure)
    every = say("列出已下达的删除令", "the orders that were given")
    verbs.share(group.add_parser("list", help=every), list_orders)


async def list_due(arguments: Arguments) -> int:
    """`erase due`"""
    from office.erasure_orders import erasure_orders_of
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        found = await erasure_orders_of(node).due(LISTED)
    finally:
        await node.close()
    for one in found:
        ended = arguments.say(f"办结 {one.ended_on}", f"ended {one.ended_on}")
        due = arguments.say(f"期满 {one.due_on}", f"due {one.due_on}")
        print(f"{one.case.hex()}\t{one.tracking or '—'}\t{one.item}\t{ended}\t{due}")
    print(arguments.say(f"共 {len(found)} 件", f"{len(found)} cases"))
    return 0


async def order_erasure(arguments: Arguments) -> int:
    """`erase order`"""
    from office.cli_register import officer_of
    from office.erasure_orders import erasure_orders_of, order_from
    from office.local import Erase, at_the_pen
    from office.node import Node
    from office.proving import get_case_id
    from office.seat import load_seat

    seat = load_seat(Home(arguments.home)).office
    people = (officer_of(seat, arguments.officer), officer_of(seat, arguments.approver))
    entries, early = tuple(arguments.entry), arguments.early
    node = await Node.open(arguments.home, with_pen=False)
    try:
        named = [(await get_case_id(node, text)).hex() for text in arguments.cases]
        questions = [Erase(case, *people, arguments.ground, entries, early) for case in named]
        for question in questions:  # all are looked at before the first is ordered
            await erasure_orders_of(node).check(order_from(question))
    finally:
        await node.close()

    async def here(node: "Node") -> int:
        orders = erasure_orders_of(node)
        return sum([len(await orders.order(order_from(question))) for question in questions])

    async def there(running: "RunningNode") -> int:
        return sum([(await running.erase(question)).count for question in questions])

    await at_the_pen(arguments.home, here, there)
    zh = f"已下达 {len(questions)} 件的删除令；各级设备连上线路后照办，备份请在 35 天内轮换"
    en = f"{len(questions)} cases ordered to be erased; devices obey as they connect. Rotate backups within 35 days"
    print(arguments.say(zh, en))
    return 0


async def list_orders(arguments: Arguments) -> int:
    """`erase list`"""
    from office.erasure_orders import erasure_orders_of
    from office.node import Node
    from schemas.casework.clocks import day_of

    node = await Node.open(arguments.home, with_pen=False)
    try:
        for one in await erasure_orders_of(node).ordered():
            what = arguments.say("整件", "case") if one.is_whole else arguments.say("单条", "entries")
            people = f"{one.ordered_by} / {one.approved_by}"
            print(f"{day_of(one.at)}\t{one.case.hex()}\t{what} {one.entries}\t{people}\t{one.ground}")
    finally:
        await node.close()
    return 0
