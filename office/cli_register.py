"""The command line's share in publishing: who publishes, and the verb `openings` of every office with others below it.

What is published goes to the process that has the pen (`office.local.publish`); the same verb again changes nothing.
Never publishes for another line of offices: the pen refuses that. Next: `hub.cli_publish`, `office.publishing`.
"""

import argparse
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from office.cli import Arguments, Verbs
from office.paths import Home
from schemas.calendar import FIRST_YEAR, LAST_YEAR
from schemas.names import OPERATION_BYTES, OfficeId, OfficerId

if TYPE_CHECKING:
    from office.publishing import Publication
    from schemas.register import Published


def add_openings(verbs: Verbs) -> None:
    """Mount `openings`."""
    say = verbs.say
    summary = say("开放时间、集市日和窗口值守日", "when sites open, markets are held and desks are staffed")
    openings = verbs.add_bare("openings", summary, "openings set 510824100205 '农历 1,4,7' --officer zhang")
    group = openings.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    setting = say("公布一个场所的全部规则，代替原有的", "publish all rules of a site in place of the ones before")
    put = group.add_parser("set", help=setting)
    put.add_argument("site", help=say("本单位、下级单位或窗口的代码", "this office, one below it, or a desk"))
    rules = say(
        "如 '周一、周三 09:00-17:00'、'农历 1,4,7'、'集市日：农历 3,6,9'、'不开放：2026-12-24'；不写则为工作日",
        "as 'weekdays 1,3 09:00-17:00', 'lunar 1,4,7', 'market days: lunar 3,6,9'; none: working days",
    )
    put.add_argument("rules", nargs="*", metavar="RULE", help=rules)
    add_first_day(verbs, put)
    put.add_argument("--document", default="", help=say("文号", "number of the document"))
    add_officer(verbs, put)
    verbs.share(put, set_openings)
    listing = say("列出某日有效的规则", "the rules in force")
    verbs.share(group.add_parser("list", help=listing), list_openings)


def a_day(verbs: Verbs) -> Callable[[str], date]:
    """What reads a day on the command line, and says in the operator's language how one is written."""
    say = verbs.say

    def read(text: str) -> date:
        try:
            day = date.fromisoformat(text)
        except ValueError:
            day = date.min
        if not FIRST_YEAR <= day.year <= LAST_YEAR:
            told = say(f"没有“{text}”这一天，应如 2027-01-01", f'there is no day "{text}"; write 2027-01-01')
            raise argparse.ArgumentTypeError(told)
        return day

    return read


def add_first_day(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    """`--from`: the first day on which what is published counts; today unless given."""
    first = verbs.say("自哪日起，如 2027-01-01；不填为今天", "first day, as 2027-01-01; default: today")
    parser.add_argument("--from", dest="effective_from", type=a_day(verbs), help=first)


def add_officer(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    """`--officer`: who publishes."""
    who = verbs.say("经办人的登录名", "login of the officer who publishes")
    parser.add_argument("--officer", required=True, help=who)


def author_of(arguments: Arguments) -> tuple[bytes, OfficeId, OfficerId]:
    """What every entry of the register begins with. Raises `LocalFault` where there is no node."""
    from office.clock import SystemSalts
    from office.seat import load_seat

    seat = load_seat(Home(arguments.home)).office
    return SystemSalts().draw(OPERATION_BYTES), seat, officer_of(seat, arguments.officer)


def officer_of(seat: OfficeId, login: str) -> OfficerId:
    """The officer of a login at this node; whoever writes the whole name is taken at their word."""
    return OfficerId(login if "/" in login else f"{seat}/{login}")


async def publish_records(arguments: Arguments, *events: "Published") -> int:
    """Publish these entries and say so."""
    from office.publishing import records_of

    return await tell(arguments, records_of(*events))


async def tell(arguments: Arguments, publication: "Publication") -> int:
    """Publish and say how much was written."""
    from office.local import publish

    count = await publish(arguments.home, publication)
    done = arguments.say(f"已发布，写入 {count} 条", f"published, {count} entries written")
    print(done if count else arguments.say("此前已发布，没有改动", "published already, nothing changed"))
    return 0


def today_of() -> date:
    """The day in China by this computer's clock."""
    from office.clock import SystemClock
    from schemas.casework.clocks import day_of

    return day_of(SystemClock().now())


async def set_openings(arguments: Arguments) -> int:
    """`openings set`"""
    from schemas.opening_texts import parse_rule
    from schemas.register import OpeningPublished

    rules = tuple(parse_rule(text) for text in arguments.rules)
    first = arguments.effective_from or today_of()
    author = author_of(arguments)
    return await publish_records(
        arguments, OpeningPublished(*author, OfficeId(arguments.site), first, rules, arguments.document)
    )


async def list_openings(arguments: Arguments) -> int:
    """`openings list`"""
    from office.node import Node
    from schemas.opening_texts import rule_text

    node = await Node.open(arguments.home, with_pen=False)
    try:
        for opening in node.casebook.register.openings(node.today):
            rules = "; ".join(rule_text(rule, arguments.say("zh", "en")) for rule in opening.rules)
            told = rules or arguments.say("工作日", "working days")
            print(f"{opening.site}\t{node.office_name(opening.site)}\t{opening.effective_from}\t{told}")
    finally:
        await node.close()
    return 0
