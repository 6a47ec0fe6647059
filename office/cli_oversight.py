"""`orders` and `scores`, verbs of every node: what the county asks of this office, and its answers.

Works without a line: an answer or appeal is written at once and goes with the next exchange or stick. At the county
they are for its departments' windows; what the county itself says is `hub audit` (`hub.cli_oversight`).
Prints offices and what officers wrote, no resident. Next: `office.overseeing`, which judges what is written.
"""

import argparse
from typing import TYPE_CHECKING

from office.cli_register import add_officer, author_of
from office.paths import Home
from schemas.names import HASH_BYTES, OfficeId, OfficerId, seat_of, within
from schemas.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from office.cli import Verbs
    from schemas.oversight import Overseen, ScoresFrozen
    from schemas.oversight_fold import Filed, OrderFile, Oversight, ScoreFile

Arguments = argparse.Namespace

DIGITS_MIN = 4
"""Fewer digits of an entry's hash name nothing: they stand for half the county's entries."""


def add_oversight(verbs: "Verbs") -> None:
    """Mount `orders` and `scores`."""
    say = verbs.say
    what = say("做什么", "what")
    summary = say("督办单：查看和答复", "supervision orders: see and answer")
    orders = verbs.add_bare("orders", summary, "orders answer 510824-督-2026-0001 --explanation … --officer li")
    group = orders.add_subparsers(title=what, metavar="WHAT", required=True)
    listing = group.add_parser("list", help=say("列出督办单", "every order"))
    listing.add_argument("--open", action="store_true", help=say("只列未销号的", "only those that are not closed"))
    verbs.share(listing, list_orders)
    showing = group.add_parser("show", help=say("查看一份督办单的全部往来", "all that was said about one"))
    add_order(verbs, showing)
    verbs.share(showing, show_order)
    answering = say("答复一份督办单；没有线路也可以，随下次同步或信使包送出", "answer one; the line may be down")
    answer = group.add_parser("answer", help=answering)
    add_order(verbs, answer)
    answer.add_argument("--explanation", required=True, help=say("情况说明", "what happened"))
    answer.add_argument("--rectified", default="", help=say("整改情况", "what was put right"))
    add_evidence(verbs, answer)
    add_officer(verbs, answer)
    verbs.share(answer, answer_order)
    scores = verbs.add_bare("scores", say("考核记分：查看和申诉", "scores: see and appeal"), "scores list 2026-11")
    group = scores.add_subparsers(title=what, metavar="WHAT", required=True)
    listing = group.add_parser("list", help=say("列出记分和定稿", "entries and frozen months"))
    listing.add_argument(
        "period", nargs="?", default="", help=say("月份，如 2026-11；不填为全部", "a month; default: all")
    )
    verbs.share(listing, list_scores)
    appeal = group.add_parser("appeal", help=say("对一笔记分提出申诉", "appeal one entry"))
    add_entry(verbs, appeal)
    appeal.add_argument("--grounds", required=True, help=say("申诉理由", "why"))
    add_evidence(verbs, appeal)
    add_officer(verbs, appeal)
    verbs.share(appeal, appeal_score)


def add_order(verbs: "Verbs", parser: argparse.ArgumentParser) -> None:
    """`ORDER`."""
    known = verbs.say("文号，如 510824-督-2026-0001", "its number, as orders list shows it")
    parser.add_argument("order", help=known)


def add_entry(verbs: "Verbs", parser: argparse.ArgumentParser) -> None:
    """`ENTRY`: of a score."""
    parser.add_argument("entry", help=verbs.say("记分编号，见 scores list", "its digits, as scores list shows them"))


def add_evidence(verbs: "Verbs", parser: argparse.ArgumentParser) -> None:
    """`--evidence`."""
    shown = verbs.say("凭据：条目的哈希，64 位十六进制数，可多个", "hashes of entries that show it, 64 digits each")
    parser.add_argument("--evidence", nargs="*", default=[], metavar="HASH", help=shown)


def evidence_of(arguments: Arguments) -> tuple[bytes, ...]:
    """The hashes that were typed. Raises `Refused` `evidence_malformed`."""
    try:
        found = tuple(bytes.fromhex(text) for text in arguments.evidence)
    except ValueError:
        found = (b"",)
    if any(len(digest) != HASH_BYTES for digest in found):
        raise Refused(
            "evidence_malformed",
            "凭据应为条目的哈希（64 位十六进制数），没有写入；请核对后重试。",
            "Evidence is named by an entry's hash, 64 hexadecimal digits; nothing was written. Check it.",
        )
    return found


async def read_view(home: "Path") -> tuple["Oversight", "Callable[[OfficeId], str]"]:
    """Everything of oversight at a node, and what its offices are called."""
    from office.node import Node
    from office.overseeing import read_oversight
    from schemas.oversight import ScoresFrozen

    node = await Node.open(home, with_pen=False)
    try:
        view = await read_oversight(node.casebook)
        named = {file.filed.event.about for file in (*view.orders, *view.scores)}
        tables = (one.event for one in view.frozen)
        named |= {total.office for table in tables if isinstance(table, ScoresFrozen) for total in table.totals}
        names = {office: node.office_name(office) for office in named if office is not None}
    finally:
        await node.close()
    return view, lambda office: names.get(office, office)


def find_order(view: "Oversight", text: str) -> "OrderFile":
    """The order that somebody named. Raises `Refused`."""
    named = [one for one in view.orders if view.label_of(one.filed) == text]
    found = named or [one for one in view.orders if one.issued.number == text or _is_named(one.filed, text)]
    if len(found) == 1:
        return found[0]
    if found:
        labels = "、".join(view.label_of(one.filed) for one in found)
        raise Refused(
            "order_ambiguous",
            f"{text} 有 {len(found)} 份督办单：{labels}，没有写入；请填写其中一个的完整文号。",
            f"{text} is the number of {len(found)} orders: {labels}; nothing was written. Name one of them.",
        )
    raise Refused(
        "order_not_here",
        f"本机没有督办单 {text}，没有写入；请用 orders list 核对文号，或连上线路后再试。",
        f"There is no order {text} here; nothing was written. See orders list, or connect the line first.",
    )


def find_score(view: "Oversight", text: str) -> "ScoreFile":
    """The score entry that somebody named. Raises `Refused`."""
    found = [one for one in view.scores if _is_named(one.filed, text)]
    if len(found) != 1:
        raise Refused(
            "score_not_here",
            f"本机没有编号为 {text} 的记分，或不止一笔，没有写入；请用 scores list 核对，并多填几位。",
            f"There is no score entry {text} here, or more than one; nothing was written. See scores list, and give "
            "more digits.",
        )
    return found[0]


def _is_named(filed: "Filed", text: str) -> bool:
    return len(text) >= DIGITS_MIN and filed.hash.hex().startswith(text.lower())


async def write(arguments: Arguments, *events: "Overseen") -> int:
    """Write these entries and say so."""
    from office.local import publish
    from office.overseeing import oversee

    count = await publish(arguments.home, oversee(*events))
    done = arguments.say(f"已写入 {count} 条", f"{count} entries written")
    print(done if count else arguments.say("此前已写入，没有改动", "written already, nothing changed"))
    return 0


def speaker_of(arguments: Arguments) -> tuple[bytes, OfficeId, OfficerId]:
    """What every entry of oversight begins with: a window's officer speaks for the window."""
    from office.people import office_of

    operation, _, officer = author_of(arguments)
    return operation, office_of(officer), officer


# --- orders ----------------------------------------------------------------------------------------------------------


async def list_orders(arguments: Arguments) -> int:
    """`orders list`"""
    from schemas.oversight_fold import Stage

    view, name = await read_view(arguments.home)
    for order in view.orders:
        if not arguments.open or order.stage in (Stage.OPEN, Stage.ANSWERED):
            print(order_line(view, order, name, arguments))
    return 0


def order_line(view: "Oversight", order: "OrderFile", name: "Callable[[OfficeId], str]", arguments: Arguments) -> str:
    """An order in one line."""
    from office.oversight_words import GROUNDS, standing_of

    say = arguments.say
    columns = (
        view.label_of(order.filed),
        name(order.issued.addressee),
        order.issued.rule or say(*GROUNDS[order.issued.ground]),
        say(f"期限 {order.due}", f"due {order.due}"),
        standing_of(order, say),
    )
    return "\t".join(columns)


async def show_order(arguments: Arguments) -> int:
    """`orders show`"""
    from office.oversight_words import GROUNDS, WEIGHTS

    say = arguments.say
    view, name = await read_view(arguments.home)
    order = find_order(view, arguments.order)
    issued = order.issued
    print(order_line(view, order, name, arguments))
    ground = " ".join(filter(None, (say(*GROUNDS[issued.ground]), issued.rule, issued.finding)))
    print(
        say(
            f"依据：{ground}；要求：{say(*WEIGHTS[issued.weight])}",
            f"ground: {ground}; asks for {say(*WEIGHTS[issued.weight])}",
        )
    )
    print(say(f"事实：{issued.facts}", f"facts: {issued.facts}"))
    print(say("凭据：", "evidence: ") + (" ".join(one.hex()[:12] for one in issued.evidence) or "—"))
    for filed, *words in _story(order, arguments):
        print("\t".join((day_text(filed), *filter(None, words))))
    return 0


def _story(order: "OrderFile", arguments: Arguments) -> "Iterator[tuple[Filed, *tuple[str, ...]]]":
    """What was said about an order: the entry, and its words."""
    from office.oversight_words import RUNGS
    from schemas.oversight import OrderWithdrawn

    say = arguments.say
    for filed, rung in zip(order.rungs, order.taken, strict=True):
        yield filed, say(*RUNGS[rung]), say(f"期限 {filed.event.due_day}", f"due {filed.event.due_day}")
    for answer in order.answers:
        yield answer.filed, say("答复", "answer"), answer.said.explanation, answer.said.rectified
        if answer.verdict is not None and answer.judged is not None:
            accepted = say("验收通过", "accepted") if answer.judged.accepted else say("验收不通过", "not accepted")
            yield answer.verdict, accepted, answer.judged.reason
    if order.withdrawn is not None and isinstance(order.withdrawn.event, OrderWithdrawn):
        said = order.withdrawn.event
        yield order.withdrawn, say("撤回", "withdrawn"), said.reason, said.restoration


def day_text(filed: "Filed") -> str:
    """The day on which an entry was written, as claimed."""
    from schemas.casework.clocks import day_of

    return str(day_of(filed.at))


async def answer_order(arguments: Arguments) -> int:
    """`orders answer`"""
    from schemas.oversight import OrderAnswered

    view, _ = await read_view(arguments.home)
    order = find_order(view, arguments.order)
    author, evidence = speaker_of(arguments), evidence_of(arguments)
    # The pen says which demand it answers.
    about = (order.filed.hash, order.issued.addressee, order.demand.hash)
    return await write(arguments, OrderAnswered(*author, *about, arguments.explanation, arguments.rectified, evidence))


# --- scores ----------------------------------------------------------------------------------------------------------


async def list_scores(arguments: Arguments) -> int:
    """`scores list`"""
    from office.seat import load_seat
    from schemas.oversight import ScoresFrozen

    view, name = await read_view(arguments.home)
    seat = load_seat(Home(arguments.home)).office
    for score in view.scores:
        if score.entered.period.startswith(arguments.period):
            print(score_line(score, name, arguments))
    for filed in view.frozen:
        if isinstance(filed.event, ScoresFrozen) and filed.event.period.startswith(arguments.period):
            print("\n".join(_frozen_lines(filed.event, seat, name, arguments)))
    return 0


def _frozen_lines(
    table: "ScoresFrozen", seat: OfficeId, name: "Callable[[OfficeId], str]", arguments: Arguments
) -> "Iterator[str]":
    """A frozen month: what it says of this office and those below it."""
    from schemas.oversight_fold import ranks_of

    say, ranks = arguments.say, ranks_of(table.totals)
    yield say(
        f"已定稿：{table.number}，{len(table.totals)} 个单位", f"frozen: {table.number}, {len(table.totals)} offices"
    )
    for total in table.totals:
        if within(seat_of(total.office), seat):
            rank, count = ranks[total.office]
            place = say("一票否决，不排名", "vetoed, no rank") if rank is None else f"{rank}/{count}"
            points = say(
                f"原始分 {total.raw / 10:g}，调整分 {total.adjusted / 10:g}",
                f"raw {total.raw / 10:g}, adjusted {total.adjusted / 10:g}",
            )
            entries = say(f"记分 {total.entries} 笔", f"{total.entries} entries")
            yield "\t".join((name(total.office), total.group, points, say(f"名次 {place}", f"rank {place}"), entries))


def score_line(score: "ScoreFile", name: "Callable[[OfficeId], str]", arguments: Arguments) -> str:
    """A score entry in one line."""
    say, entered = arguments.say, score.entered
    points = f"{entered.points / 10:+g}"
    if score.judgement is not None and score.points != entered.points:
        points += f" → {score.points / 10:+g}"
    if score.veto:
        points += say("（否决）", " (veto)")
    appeal = (
        ""
        if score.appeal is None
        else say("申诉中", "appeal waits")
        if score.judged is None
        else say("申诉已处理", "appeal judged")
    )
    return "\t".join(
        (
            score.filed.hash.hex()[:12],
            entered.period,
            name(entered.addressee),
            points,
            entered.rule,
            entered.reason,
            appeal,
        )
    )


async def appeal_score(arguments: Arguments) -> int:
    """`scores appeal`"""
    from schemas.oversight import ScoreAppealed

    view, _ = await read_view(arguments.home)
    score = find_score(view, arguments.entry)
    author, evidence = speaker_of(arguments), evidence_of(arguments)
    about = (score.filed.hash, score.entered.addressee)
    return await write(arguments, ScoreAppealed(*author, *about, arguments.grounds, evidence))
