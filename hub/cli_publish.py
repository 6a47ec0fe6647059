"""The county's verbs that publish: `catalogue publish`, `calendar publish`, `grants`, `names publish`.

What is published is an attested entry: it goes down every line by itself, to devices enrolled later as well. The same
verb again changes nothing; what is published is never changed, only followed by something else.
Never publishes a file that has a fault. Next: `office.publishing`, which judges; `hub.cli`, which mounts these.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from office.cli import Arguments, Verbs
from office.cli_register import (
    a_day,
    add_first_day,
    add_officer,
    author_of,
    officer_of,
    publish_records,
    tell,
    today_of,
)
from office.paths import Home
from schemas.names import OfficeId, seat_of
from schemas.refusals import Refused

if TYPE_CHECKING:
    from office.node import Node
    from schemas.catalogue import Grant

    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]


def add_publishing(verbs: Verbs, catalogue: "Group", calendar: "Group") -> None:
    """Mount `publish` beside the other verbs of the catalogue and of the calendar, then `grants` and `names`."""
    say = verbs.say
    whole = say(
        "向全县发布一版事项目录：只传送有变动的事项", "publish an edition to the whole county: changed items travel"
    )
    edition = catalogue.add_parser("publish", help=whole)
    edition.add_argument("file", type=Path, help=say("目录文件（XLSX 或 YAML）", "the catalogue (XLSX or YAML)"))
    first = say("生效日期，如 2027-01-01；文件中有的可不填", "first day; not needed if the file names it")
    edition.add_argument("--from", dest="effective_from", type=a_day(verbs), help=first)
    edition.add_argument("--document", help=say("批准文号；文件中有的可不填", "its document, if the file has none"))
    approver = say("批准的值班领导的登录名；文件中有的可不填", "login of the leader who approves, if the file has none")
    edition.add_argument("--approver", help=approver)
    edition.add_argument("--officer", help=say("经办人的登录名；不填为批准人本人", "default: the approver"))
    verbs.share(edition, publish_edition)
    year = calendar.add_parser("publish", help=say("向全县发布一年的放假安排", "publish a year to the whole county"))
    year.add_argument("file", type=Path, help=say("写法同 calendar check", "as for calendar check"))
    add_officer(verbs, year)
    verbs.share(year, publish_year)
    _add_grants(verbs)
    names = verbs.add_bare("names", say("单位名称", "what offices are called"), "names publish")
    group = names.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    naming = say(
        "向全县发布单位表中的名称；network import 会自动发布",
        "publish the names in the list of offices; network import does it by itself",
    )
    verbs.share(group.add_parser("publish", help=naming), publish_names)
    binding = say(
        "一个窗口属于哪个部门：只受理和决定该部门的事项；不填部门为综合窗口",
        "whose window it is: it takes in and decides that department's items; without one, any",
    )
    bind = group.add_parser("bind", help=binding)
    bind.add_argument("office", type=OfficeId, help=say("窗口代码，如 510824.rsj", "the window's code"))
    bind.add_argument("department", nargs="?", default="", help=say("部门，与目录一致", "as the catalogue names it"))
    add_officer(verbs, bind)
    verbs.share(bind, bind_window)


def _add_grants(verbs: Verbs) -> None:
    say = verbs.say
    grants = verbs.add_bare("grants", say("赋权和委托", "powers granted downwards"), "grants list")
    group = grants.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    add = group.add_parser("add", help=say("发布一项赋权或委托", "publish a grant"))
    add.add_argument("number", help=say("文号，一文一号", "the document's number"))
    add.add_argument("--grantor", required=True, help=say("原权力机关", "the organ whose power it is"))
    add.add_argument("--to", nargs="+", required=True, metavar="OFFICE", help=say("承接单位的代码", "who may decide"))
    add.add_argument("--items", nargs="+", required=True, metavar="ITEM", help=say("事项编码", "codes of the items"))
    add_first_day(verbs, add)
    last = say("截止日期；不填为另行终止前有效", "last day; default: until it is ended")
    add.add_argument("--until", type=a_day(verbs), help=last)
    entrusted = say("委托：以委托机关名义作出决定", "entrusted: decided in the grantor's name")
    add.add_argument("--entrusted", action="store_true", help=entrusted)
    add.add_argument("--document", help=say("文件名称；不填为文号", "the document; default: its number"))
    add_officer(verbs, add)
    verbs.share(add, add_grant)
    end = group.add_parser("end", help=say("终止一项赋权或委托", "end a grant"))
    end.add_argument("number", help=say("要终止的授权的文号", "number of the grant"))
    last = say("自哪日起不再有效，如 2027-01-01；不填为今天", "first day without it; default: today")
    end.add_argument("--from", dest="effective_from", type=a_day(verbs), help=last)
    end.add_argument("--document", required=True, help=say("终止文件的文号", "the document that ends it"))
    add_officer(verbs, end)
    verbs.share(end, end_grant)
    every = say("列出全部赋权和委托", "every grant")
    verbs.share(group.add_parser("list", help=every), list_grants)


async def publish_edition(arguments: Arguments) -> int:
    """`catalogue publish`"""
    from hub.catalogue.importing import read_any
    from office.publishing import PublishEdition
    from office.seat import load_seat

    seat = load_seat(Home(arguments.home)).office
    report = read_any(arguments.file, arguments.effective_from)
    print(arguments.say(report.text(), report.text("en")))
    edition = report.edition
    if edition is None:
        return 1
    gaps = arguments.say(report.gaps_text(), report.gaps_text("en"))
    if gaps:
        print(gaps)
    document, approver = arguments.document or edition.document, arguments.approver or edition.approver
    if not (document and approver):
        raise Refused(
            "edition_unapproved",
            "发布目录须有批准文号和批准人：文件中没有的，请用 --document 和 --approver 填写。",
            "An edition is published with its document and approver: give with --document and --approver what the file "
            "does not name.",
        )
    approver = officer_of(seat, approver)
    edition = structs.replace(edition, document=document, approver=approver)
    arguments.officer = arguments.officer or approver
    operation, _, officer = author_of(arguments)
    return await tell(arguments, PublishEdition(operation, officer, edition))


async def publish_year(arguments: Arguments) -> int:
    """`calendar publish`"""
    from hub.calendars import read_year
    from schemas.calendar import DayKind
    from schemas.register import CalendarPublished

    report = read_year(arguments.file)
    print(arguments.say(report.text(), report.text("en")))
    year = report.year
    if year is None:
        return 1
    days = sorted((day.month * 100 + day.day, kind is DayKind.WORKING) for day, kind in year.days.items())
    author = author_of(arguments)
    return await publish_records(
        arguments, CalendarPublished(*author, year.year, year.status, year.document, tuple(days))
    )


async def publish_names(arguments: Arguments) -> int:
    """`names publish`"""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        names = await unpublished_names(node)
    finally:
        await node.close()
    return await tell_names(arguments, names)


async def bind_window(arguments: Arguments) -> int:
    """`names bind`"""
    from office.node import Node
    from schemas.register import OfficePublished

    today, window, department = today_of(), arguments.office, arguments.department
    node = await Node.open(arguments.home, with_pen=False)
    try:
        known = node.casebook.register.find_office(window, today)
        editions = [*node.catalogue.published, node.catalogue.in_force(node.clock.now())]
    finally:
        await node.close()
    if known is None or window == seat_of(window):
        raise Refused(
            "no_such_window",
            f"{window} 不是已公布名称的窗口，没有写入；请核对代码，先用 network import 导入单位表。",
            f"{window} is no window of which the name is published; nothing was written. Check the code, and import "
            "the list of offices first.",
        )
    if department and not any(item.department == department for one in editions for item in one.items.values()):
        raise Refused(
            "no_such_department",
            f"目录中没有部门“{department}”的事项，没有写入：这样绑定的窗口什么也不能办；请按目录中的“实施部门”填写。",
            f"No item of the catalogue is {department}'s; nothing was written: a window bound so could do nothing. "
            "Write the department as the catalogue does.",
        )
    bound = OfficePublished(*author_of(arguments), window, known.name, department, known.address, today, known.valid_to)
    return await publish_records(arguments, bound)


async def unpublished_names(node: "Node") -> dict[OfficeId, str]:
    """What offices of the county's list are called and the register does not say; those that are no more stay out."""
    register, today = node.casebook.register, node.today
    listed = {one.office: one.name for one in await node.enrolling.list_offices()}
    return {
        office: name
        for office, name in listed.items()
        if register.name_of(office, today) != name and register.find_ended(office, today) is None
    }


async def tell_names(arguments: Arguments, names: dict[OfficeId, str]) -> int:
    """Publish names, if there are any."""
    from office.clock import SystemSalts
    from office.publishing import PublishNames
    from schemas.names import OPERATION_BYTES

    return await tell(arguments, PublishNames(SystemSalts().draw(OPERATION_BYTES), names))


async def add_grant(arguments: Arguments) -> int:
    """`grants add`"""
    from schemas.register import GrantMade

    author = author_of(arguments)
    grant = GrantMade(
        *author,
        arguments.number,
        arguments.grantor,
        arguments.entrusted,
        tuple(map(OfficeId, dict.fromkeys(arguments.to))),
        tuple(dict.fromkeys(arguments.items)),
        arguments.effective_from or today_of(),
        arguments.until,
        arguments.document or arguments.number,
    )
    return await publish_records(arguments, grant)


async def end_grant(arguments: Arguments) -> int:
    """`grants end`"""
    from schemas.register import GrantEnded

    first = arguments.effective_from or today_of()
    author = author_of(arguments)
    return await publish_records(arguments, GrantEnded(*author, arguments.number, first, arguments.document))


async def list_grants(arguments: Arguments) -> int:
    """`grants list`"""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        for grant in node.casebook.register.grants():
            print(_grant_line(node, grant, arguments))
    finally:
        await node.close()
    return 0


def _grant_line(node: "Node", grant: "Grant", arguments: Arguments) -> str:
    kind = arguments.say("委托", "entrusted") if grant.is_entrusted else arguments.say("赋权", "delegated")
    term = f"{grant.effective_from}–{grant.effective_until or ''}"
    if not grant.is_in_force(node.today):
        term += arguments.say("（不在有效期）", " (not in force)")
    grantees = "、".join(map(node.office_name, grant.grantees))
    return f"{grant.number}\t{kind}\t{grant.grantor}\t{grantees}\t{' '.join(grant.items)}\t{term}"
