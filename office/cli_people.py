"""`posts`, `absences`, `desks`, `slots`, verbs of every node: who holds which post, who is away, when desks are staffed
and when leaders sign.

An office speaks for itself and for those below it; a village agent is appointed by the office above. What is stated is
published like everything in the register (`office.cli_register`) and never taken out: an end is stated for it.
Prints officials, no resident. Next: `office.people`, `office.publishing`.
"""

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from msgspec import structs

from schemas.names import OfficeId, OfficerId
from schemas.refusals import Refused

if TYPE_CHECKING:
    from office.cli import Verbs
    from office.node import Node
    from office.people import DeskView
    from schemas.posts import Responsible, Unanswered
    from schemas.register import PostAssigned, Published

    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

Arguments = argparse.Namespace

T = TypeVar("T", bound="Published")

POSITIONS: Final = ("primary", "deputy", "leader", "agent", "liaison")
DESK_KINDS: Final = {"permanent": "常驻", "rotating": "轮驻", "liaison": "联络"}


def add_people(verbs: "Verbs") -> None:
    """Mount the four verbs."""
    _add_posts(verbs)
    _add_absences(verbs)
    _add_desks(verbs)
    _add_slots(verbs)


def _group(verbs: "Verbs", name: str, summary: str, example: str) -> "Group":
    parser = verbs.add_bare(name, summary, f"{name} {example}")
    return parser.add_subparsers(title=verbs.say("做什么", "what"), metavar="WHAT", required=True)


def _add_posts(verbs: "Verbs") -> None:
    from office.cli_register import a_day, add_first_day, add_officer

    say = verbs.say
    summary = say("岗位：A/B 岗、值班领导、代办员、联络员", "posts: holders and deputies, leaders, agents, liaisons")
    example = "assign mz-1 --name 民政岗 --person li --person-name 李明 --document 云府〔2026〕3号 --officer wang"
    group = _group(verbs, "posts", summary, example)
    assign = group.add_parser("assign", help=say("任命某人到岗位", "give somebody a post"))
    assign.add_argument("post", help=say("岗位编号，如 mz-1", "the post's name within the office, as mz-1"))
    assign.add_argument("--name", required=True, help=say("岗位名称", "what the post is called"))
    who = say("登录名；他单位的写成“单位代码/登录名”", "login, or office/login")
    assign.add_argument("--person", required=True, help=who)
    assign.add_argument("--person-name", required=True, help=say("姓名", "what the person is called"))
    _add_position(verbs, assign)
    every = say("所管事项的编码；不填为全部事项", "codes of its items; default: every item")
    assign.add_argument("--items", nargs="+", default=[], metavar="ITEM", help=every)
    add_first_day(verbs, assign)
    last = say("任期或聘期截止日；不填为另行终止前有效", "last day; default: until ended")
    assign.add_argument("--until", type=a_day(verbs), help=last)
    assign.add_argument("--document", required=True, help=say("任命或聘任文号", "number of the appointment"))
    add_officer(verbs, assign)
    verbs.share(assign, assign_post)
    end = group.add_parser("end", help=say("终止任职或聘期", "end somebody's holding of a post"))
    end.add_argument("post", help=say("岗位编号，如 mz-1", "the post's name within the office, as mz-1"))
    _add_position(verbs, end)
    end.add_argument("--on", required=True, type=a_day(verbs), help=say("最后一日", "last day"))
    end.add_argument("--document", help=say("文号；不填沿用任命文号", "document; default: that of the appointment"))
    add_officer(verbs, end)
    verbs.share(end, end_post)
    listing = group.add_parser("list", help=say("列出某日在任的岗位人员", "who holds which post"))
    _add_at(verbs, listing)
    _add_day(verbs, listing)
    of_item = say("只列经办该事项的，并指明当日由谁负责", "those for one item, and who answers for it that day")
    listing.add_argument("--item", help=of_item)
    verbs.share(listing, list_posts)


def _add_position(verbs: "Verbs", parser: argparse.ArgumentParser) -> None:
    meaning = verbs.say(
        "primary A 岗（默认），deputy B 岗，leader 值班领导，agent 代办员，liaison 联络员",
        "what the person is at the post; default: primary",
    )
    parser.add_argument("--position", choices=POSITIONS, default="primary", help=meaning)
    _add_at(verbs, parser)


def _add_at(verbs: "Verbs", parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", help=verbs.say("单位代码；不填为本单位", "the office; default: this one"))


def _add_day(verbs: "Verbs", parser: argparse.ArgumentParser) -> None:
    from office.cli_register import a_day

    on = verbs.say("哪一日，如 2026-03-09；不填为今天", "as of which day; default: today")
    parser.add_argument("--on", type=a_day(verbs), help=on)


def _add_absences(verbs: "Verbs") -> None:
    from office.cli_register import a_day, add_first_day, add_officer

    say = verbs.say
    summary = say("外出和请假，由谁代理", "who is away, and who stands in")
    example = "state li --until 2026-03-09 --deputy chen --reason 下村核查 --officer wang"
    group = _group(verbs, "absences", summary, example)
    state = group.add_parser("state", help=say("登记外出或请假", "state an absence"))
    state.add_argument("person", help=say("登录名，或“单位代码/登录名”", "login, or office/login"))
    add_first_day(verbs, state)
    last = say("最后一日", "last day")
    state.add_argument("--until", required=True, type=a_day(verbs), help=last)
    state.add_argument("--deputy", required=True, help=say("代理人的登录名", "login of who stands in"))
    said = say(
        "事由或文号；下级单位也能看到，勿写个人情况", "reason or document; offices below read it, nothing personal"
    )
    state.add_argument("--reason", required=True, help=said)
    add_officer(verbs, state)
    verbs.share(state, state_absence)
    end = group.add_parser("end", help=say("提前返岗或撤销登记", "back earlier, or never gone"))
    end.add_argument("person", help=say("登录名，或“单位代码/登录名”", "login, or office/login"))
    early = say("外出的最后一日；写起始日的前一日即撤销", "last day away; the day before the first takes it back")
    end.add_argument("--on", required=True, type=a_day(verbs), help=early)
    add_officer(verbs, end)
    verbs.share(end, end_absence)
    listing = group.add_parser("list", help=say("列出某日外出的人员和代理人", "who is away, and who stands in"))
    _add_at(verbs, listing)
    _add_day(verbs, listing)
    verbs.share(listing, list_absences)


def _add_desks(verbs: "Verbs") -> None:
    from office.cli_register import add_first_day, add_officer

    say = verbs.say
    summary = say("窗口的值守日：常驻、轮驻、联络", "desks: permanent, rotating, by liaison")
    group = _group(verbs, "desks", summary, "set 510824100.mz 每周二 --officer wang")
    put = group.add_parser("set", help=say("公布窗口的值守日", "publish when a desk is staffed"))
    put.add_argument("site", metavar="DESK", help=say("窗口代码，如 510824100.mz", "the desk, as 510824100.mz"))
    rules = say(
        "如 '周二、周四 09:00-17:00'、'农历 1,4,7'；不写则每个工作日",
        "as 'weekdays 2,4 09:00-17:00', 'lunar 1,4,7'; none: every working day",
    )
    put.add_argument("rules", nargs="*", metavar="RULE", help=rules)
    add_first_day(verbs, put)
    put.add_argument("--document", default="", help=say("文号", "number of the document"))
    add_officer(verbs, put)
    verbs.share(put, set_desk)
    listing = group.add_parser("list", help=say("列出窗口、人员和下次在岗日", "desks, their people, the next day"))
    _add_at(verbs, listing)
    verbs.share(listing, list_desks)


def _add_slots(verbs: "Verbs") -> None:
    from office.cli_register import add_first_day, add_officer

    say = verbs.say
    summary = say("领导现场审批时段", "when leaders sign what waits")
    group = _group(verbs, "slots", summary, "set wang '周一、周三、周五 14:30-17:30' --officer wang")
    put = group.add_parser("set", help=say("公布一位领导的审批时段", "publish a leader's slots"))
    put.add_argument("leader", help=say("登录名", "login"))
    rules = say("写法同 desks；不写则每个工作日", "written as for desks; none: every working day")
    put.add_argument("rules", nargs="*", metavar="RULE", help=rules)
    _add_at(verbs, put)
    add_first_day(verbs, put)
    add_officer(verbs, put)
    verbs.share(put, set_slots)
    listing = group.add_parser("list", help=say("列出审批时段和下一次", "the slots, and the next one"))
    _add_at(verbs, listing)
    verbs.share(listing, list_slots)


# --- posts -----------------------------------------------------------------------------------------------------------


async def assign_post(arguments: Arguments) -> int:
    """`posts assign`"""
    from office.cli_register import author_of, officer_of, publish_records, today_of
    from schemas.register import Position, PostAssigned

    author = author_of(arguments)
    at = OfficeId(arguments.at or author[1])
    post = PostAssigned(
        *author,
        arguments.post,
        at,
        arguments.name,
        officer_of(at, arguments.person),
        arguments.person_name,
        Position(arguments.position),
        tuple(dict.fromkeys(arguments.items)),
        arguments.effective_from or today_of(),
        arguments.until,
        arguments.document,
    )
    return await publish_records(arguments, post)


async def end_post(arguments: Arguments) -> int:
    """`posts end`"""
    from office.cli_register import author_of, publish_records
    from schemas.register import PostAssigned

    author = author_of(arguments)
    at = OfficeId(arguments.at or author[1])
    held = await _stated(arguments, PostAssigned, f"{at}/{arguments.post}/{arguments.position}")
    ended = structs.replace(held, effective_until=arguments.on, document=arguments.document or held.document)
    return await publish_records(arguments, _by(author, ended))


async def list_posts(arguments: Arguments) -> int:
    """`posts list`"""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        at, day = _office_at(node, arguments), arguments.on or node.people.today
        register = node.casebook.register
        posts = register.post_holders(at, arguments.item, day) if arguments.item else register.posts_at(at, day)
        for post in posts:
            print(_post_line(post, arguments))
        if arguments.item:
            who = _answer(node.people.answers_for(at, arguments.item, day), arguments)
            print(arguments.say(f"当日由谁负责：{who}", f"answers that day: {who}"))
    finally:
        await node.close()
    return 0


def _answer(who: "Responsible | Unanswered", arguments: Arguments) -> str:
    from schemas.posts import Unanswered

    if isinstance(who, Unanswered):
        gap = (
            arguments.say(f"{who.post}无人在岗", f"nobody at {who.post}")
            if who.post
            else arguments.say("无专岗", "no post")
        )
        return gap + arguments.say("，本单位人员均可办理", ": everybody may")
    if not who.stands_in_for:
        return who.name
    return who.name + arguments.say(f"（代 {who.stands_in_for}）", f" (for {who.stands_in_for})")


def _post_line(post: "PostAssigned", arguments: Arguments) -> str:
    items = " ".join(post.items) or arguments.say("全部事项", "every item")
    term = f"{post.effective_from}–{post.effective_until or ''}"
    return f"{post.post}\t{post.name}\t{post.position}\t{post.person}\t{post.person_name}\t{items}\t{term}"


# --- absences --------------------------------------------------------------------------------------------------------


async def state_absence(arguments: Arguments) -> int:
    """`absences state`"""
    from office.cli_register import author_of, officer_of, publish_records, today_of
    from office.people import office_of
    from schemas.register import AbsenceStated

    author = author_of(arguments)
    person = officer_of(author[1], arguments.person)
    absence = AbsenceStated(
        *author,
        person,
        arguments.effective_from or today_of(),
        arguments.until,
        officer_of(office_of(person), arguments.deputy),
        arguments.reason,
    )
    return await publish_records(arguments, absence)


async def end_absence(arguments: Arguments) -> int:
    """`absences end`"""
    from office.cli_register import author_of, officer_of, publish_records
    from schemas.register import AbsenceStated

    author = author_of(arguments)
    held = await _stated(arguments, AbsenceStated, officer_of(author[1], arguments.person))
    return await publish_records(arguments, _by(author, structs.replace(held, effective_until=arguments.on)))


async def list_absences(arguments: Arguments) -> int:
    """`absences list`"""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        at, day = _office_at(node, arguments), arguments.on or node.people.today
        staff = node.people.staff(at, day)
        for absence in node.casebook.register.absences_at(at, day):
            who = staff.stand_in_of(absence.person)
            named = who.name if who is not None else arguments.say("无人在岗", "nobody")
            print(f"{absence.person}\t{absence.effective_from}–{absence.effective_until}\t{named}\t{absence.reason}")
    finally:
        await node.close()
    return 0


# --- desks and slots -------------------------------------------------------------------------------------------------


async def set_desk(arguments: Arguments) -> int:
    """`desks set`"""
    from office.cli_register import set_openings

    if "." not in arguments.site:
        raise Refused(
            "no_desk",
            f"{arguments.site} 是单位，不是窗口，没有写入；窗口代码写作“单位代码.窗口”，如 510824100.mz；"
            "单位的开放时间请用 openings set。",
            f"{arguments.site} is an office, no desk; nothing was written. A desk is written as 510824100.mz; when an "
            "office is open is published with openings set.",
        )
    return await set_openings(arguments)


async def list_desks(arguments: Arguments) -> int:
    """`desks list`"""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        for desk in node.people.desks(_office_at(node, arguments)):
            print(_desk_line(desk, arguments))
    finally:
        await node.close()
    return 0


def _desk_line(desk: "DeskView", arguments: Arguments) -> str:
    kind = arguments.say(DESK_KINDS[desk.kind], desk.kind) if desk.kind is not None else arguments.say("未公布", "—")
    on = f"{desk.next.day} {desk.next.hours}".rstrip() if desk.next is not None else "—"
    people = "、".join(post.person_name for post in desk.people)
    return f"{desk.site}\t{desk.name}\t{kind}\t{arguments.say('下次在岗', 'next')} {on}\t{people}"


async def set_slots(arguments: Arguments) -> int:
    """`slots set`"""
    from office.cli_register import author_of, officer_of, publish_records, today_of
    from schemas.opening_texts import parse_rule
    from schemas.register import SlotsPublished

    author = author_of(arguments)
    at = OfficeId(arguments.at or author[1])
    rules = tuple(parse_rule(text) for text in arguments.rules)
    first = arguments.effective_from or today_of()
    return await publish_records(arguments, SlotsPublished(*author, at, rules, officer_of(at, arguments.leader), first))


async def list_slots(arguments: Arguments) -> int:
    """`slots list`"""
    from office.node import Node
    from schemas.opening_texts import rule_text

    node = await Node.open(arguments.home, with_pen=False)
    try:
        at, day = _office_at(node, arguments), node.people.today
        for slots in node.casebook.register.slots_of(at, day):
            rules = "; ".join(rule_text(rule, arguments.say("zh", "en")) for rule in slots.rules)
            print(f"{slots.leader}\t{rules or arguments.say('工作日', 'working days')}")
        slot = node.people.next_slot(at)
        if slot is not None:
            on = f"{slot.day} {slot.hours}".rstrip()
            print(arguments.say(f"下次审批：{on} {slot.leader.name}", f"next: {on} {slot.leader.name}"))
    finally:
        await node.close()
    return 0


# --- what they share -------------------------------------------------------------------------------------------------


def _office_at(node: "Node", arguments: Arguments) -> OfficeId:
    """The office that is asked about. Raises `Refused` for none: an empty list would say that nobody is there."""
    from office.publishing import unknown_office

    at = OfficeId(arguments.at or node.seat)
    if not node.is_office(at):
        raise unknown_office(at)
    return at


async def _stated(arguments: Arguments, kind: "type[T]", key: str) -> "T":
    """What is stated under a key, in force on the last day given or beginning the day after."""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        register, last = node.casebook.register, arguments.on
        found = register.present(kind, key, last) or register.present(kind, key, last + timedelta(days=1))
    finally:
        await node.close()
    if found is None:
        raise Refused(
            "nothing_to_end",
            f"{last} 没有这样的任职或外出登记，没有写入；请用 posts list 或 absences list 加 --on 核对。",
            f"Nothing of the kind is stated for {last}; nothing was written. See posts list, or absences list, with "
            "--on.",
        )
    return found


def _by(author: tuple[bytes, OfficeId, OfficerId], event: "T") -> "T":
    """The same statement by another author."""
    operation, office, officer = author
    return structs.replace(event, operation=operation, office=office, officer=officer)
