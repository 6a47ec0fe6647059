"""`audit`'s verbs by which the county speaks: orders, verdicts, rungs, circulars, scores, appeals, freezes, reports.

Everything is an entry that travels to the office concerned and works without a line; whoever has the pen writes it
(`office.local`). Nothing goes out without an officer's name but the first rungs of an order that is not answered.
Prints offices and what officers wrote, no resident. Next: `office.overseeing` (which judges), `hub.audit.documents`.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from office.cli import Arguments, Verbs
from office.cli_oversight import (
    add_entry,
    add_evidence,
    add_order,
    evidence_of,
    find_order,
    find_score,
    list_orders,
    read_view,
    score_line,
    show_order,
    write,
)
from office.cli_register import a_day, add_officer, author_of, officer_of, today_of
from office.paths import write_private
from schemas.names import CASE_ID_BYTES, CaseId, OfficeId, OfficerId
from schemas.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.audit.documents import Document, Ground
    from schemas.oversight import OrderIssued

    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

REPORTS = ("weekly", "monthly", "quarterly")


def add_supervision(group: "Group", verbs: Verbs) -> None:
    """Mount all of them among the verbs of `audit`."""
    _add_order(group, verbs)
    _add_verdicts(group, verbs)
    _add_scores(group, verbs)
    _add_months(group, verbs)


def _add_order(group: "Group", verbs: Verbs) -> None:
    say = verbs.say
    giving = say(
        "下发督办单：依据已核实的问题、案卷评查或走访",
        "give an order: from a confirmed finding, a file review or a visit",
    )
    order = group.add_parser("order", help=giving)
    order.add_argument(
        "finding", nargs="?", type=int, help=say("问题编号（须已核实）", "number of the confirmed finding")
    )
    order.add_argument("--office", help=say("被督办单位；依据问题时不填", "the office; a finding has its own"))
    order.add_argument(
        "--ground", choices=("file_review", "visit"), default="file_review", help=say("依据", "its ground")
    )
    order.add_argument("--case", default="", help=say("所涉的件，32 位十六进制数", "the case, 32 hexadecimal digits"))
    order.add_argument(
        "--facts", help=say("事实；依据问题时不填为该问题的表述", "the facts; default: the finding's sentence")
    )
    order.add_argument("--due", required=True, type=a_day(verbs), help=say("答复期限", "last day for the answer"))
    asks = say("red 书面答复，yellow 说明情况", "red asks for an answer, yellow for an explanation")
    order.add_argument("--weight", choices=("red", "yellow"), default="red", help=asks)
    add_evidence(verbs, order)
    add_officer(verbs, order)
    verbs.share(order, give_order)
    listing = group.add_parser("orders", help=say("列出全部督办单", "every order"))
    listing.add_argument("--open", action="store_true", help=say("只列未销号的", "only those that are not closed"))
    verbs.share(listing, list_orders)
    showing = group.add_parser("show-order", help=say("查看一份督办单的全部往来", "all that was said about one"))
    add_order(verbs, showing)
    verbs.share(showing, show_order)


def _add_verdicts(group: "Group", verbs: Verbs) -> None:
    say = verbs.say
    verify = group.add_parser("verify-order", help=say("验收一份答复", "judge an answer"))
    add_order(verbs, verify)
    verdict = verify.add_mutually_exclusive_group(required=True)
    verdict.add_argument("--accept", action="store_true", help=say("通过，销号", "accept: the order is closed"))
    verdict.add_argument(
        "--reject", action="store_true", help=say("不通过，须写明理由和期限", "with --reason and --due")
    )
    verify.add_argument("--reason", default="", help=say("理由", "why"))
    verify.add_argument("--due", type=a_day(verbs), help=say("重新答复的期限", "last day for the next answer"))
    add_officer(verbs, verify)
    verbs.share(verify, verify_order)
    climbing = say(
        "对逾期未答复的督办单逐级催办（催办、黄牌、红牌、通报），线路不通的除外",
        "take every rung that is due (reminder, yellow, red, circular), but for offices whose line is down",
    )
    climb = group.add_parser("escalate", help=climbing)
    add_officer(verbs, climb)
    verbs.share(climb, escalate)
    back = group.add_parser("withdraw-order", help=say("撤回有误的督办单并正名", "withdraw one that was wrong"))
    add_order(verbs, back)
    back.add_argument("--reason", required=True, help=say("错在哪里", "what was wrong"))
    back.add_argument(
        "--restoration", required=True, help=say("正名的文字，送达该单位", "the words that restore the office")
    )
    add_officer(verbs, back)
    verbs.share(back, withdraw_order)
    circular = group.add_parser("circular", help=say("向全县各单位发通报", "publish a circular to all offices"))
    circular.add_argument("title", help=say("标题", "its title"))
    circular.add_argument("file", type=Path, help=say("正文文件（UTF-8 文本）", "the text, a UTF-8 file"))
    circular.add_argument(
        "--orders", nargs="*", default=[], metavar="ORDER", help=say("所涉督办单", "orders it is about")
    )
    add_officer(verbs, circular)
    verbs.share(circular, publish_circular)


def _add_scores(group: "Group", verbs: Verbs) -> None:
    say = verbs.say
    entering = say("为窗口、乡镇或村记一笔分", "enter points of a window, a township or a village")
    score = group.add_parser("score", help=entering)
    score.add_argument("office", type=OfficeId, help=say("单位代码", "the office"))
    score.add_argument(
        "points", help=say("分值，扣分如 -2、-0.5，加分如 1.5", "points: -2 or -0.5 takes off, 1.5 adds")
    )
    rule = say("规则编号；加分须为 R1 至 R5", "code of the rule; R1 to R5 for points added")
    score.add_argument("--rule", required=True, help=rule)
    score.add_argument("--reason", required=True, help=say("理由", "why"))
    score.add_argument(
        "--count", type=int, default=1, help=say("所指的事有几件；零件不得加分", "of how many things it speaks")
    )
    score.add_argument("--period", help=say("月份，如 2026-11；不填为本月", "the month; default: this one"))
    score.add_argument("--document", default="", help=say("纸质凭据", "evidence on paper"))
    score.add_argument("--veto", action="store_true", help=say("一票否决", "bars the office from a rank in that month"))
    score.add_argument("--order", default="", help=say("所依据的督办单", "the order that it rests on"))
    add_evidence(verbs, score)
    add_officer(verbs, score)
    verbs.share(score, enter_score)
    waiting = group.add_parser("appeals", help=say("列出待处理的申诉", "appeals that wait"))
    verbs.share(waiting, list_appeals)
    judge = group.add_parser(
        "judge", help=say("处理一项申诉；不得由当初记分的人处理", "judge an appeal: not by who entered it")
    )
    add_entry(verbs, judge)
    outcome = judge.add_mutually_exclusive_group(required=True)
    outcome.add_argument(
        "--uphold", action="store_true", help=say("申诉成立，撤销记分", "the office was right: no points")
    )
    outcome.add_argument("--dismiss", action="store_true", help=say("申诉不成立，维持", "the points stand"))
    outcome.add_argument("--points", help=say("减轻为，如 -0.5", "lessen to, as -0.5"))
    judge.add_argument("--reason", required=True, help=say("理由", "why"))
    add_officer(verbs, judge)
    verbs.share(judge, judge_appeal)


def _add_months(group: "Group", verbs: Verbs) -> None:
    say = verbs.say
    placing = say("公布一个单位的类别：只在同类中排名", "publish an office's class: it is ranked within it only")
    placed = group.add_parser("class", help=placing)
    placed.add_argument("office", type=OfficeId, help=say("单位代码", "the office"))
    placed.add_argument("group", help=say("类别，如 山区乡镇", "the class"))
    placed.add_argument("--since", required=True, help=say("自哪个月起，如 2026-11", "first month"))
    weight = say(
        "扣分按百分之几计入调整分，50 至 100", "per cent that a deduction weighs in the adjusted score, 50 to 100"
    )
    placed.add_argument("--weight", type=int, default=100, help=weight)
    placed.add_argument("--reason", required=True, help=say("理由", "why"))
    add_officer(verbs, placed)
    verbs.share(placed, assign_class)
    freezing = group.add_parser("freeze", help=say("将上月考核定稿；此后的变动列为更正", "freeze a month's totals"))
    freezing.add_argument("period", help=say("月份，如 2026-11", "the month"))
    add_officer(verbs, freezing)
    verbs.share(freezing, freeze_month)
    report = group.add_parser(
        "report", help=say("生成周通报、月考核、季考评文件", "write the circular, assessment, evaluation")
    )
    report.add_argument("which", choices=REPORTS, help=say("周通报、月考核或季考评", "which one"))
    which = say("如 2026-W47、2026-11、2026-Q4；不填为上一期", "as 2026-W47, 2026-11, 2026-Q4; default: the last one")
    report.add_argument("--period", default="", help=which)
    report.add_argument("--to", type=Path, required=True, help=say("存放的文件夹", "the folder for the files"))
    verbs.share(report, write_report)


# --- orders ----------------------------------------------------------------------------------------------------------


async def give_order(arguments: Arguments) -> int:
    """`audit order`"""
    from schemas.oversight import Ground, OrderIssued, Weight

    author, evidence = author_of(arguments), evidence_of(arguments)
    if arguments.finding is not None:
        return await write(arguments, await _order_of_finding(arguments, author, evidence))
    if not (arguments.office and arguments.facts):
        raise Refused(
            "order_incomplete",
            "没有写明被督办单位或事实，没有写入；请用 --office 和 --facts 填写，或给出已核实的问题编号。",
            "The office or the facts are missing; nothing was written. Give --office and --facts, or the number of a "
            "confirmed finding.",
        )
    order = OrderIssued(
        *author,
        "",
        OfficeId(arguments.office),
        Ground(arguments.ground),
        "",
        "",
        evidence,
        arguments.facts,
        arguments.due,
        Weight(arguments.weight),
        _case_of(arguments.case),
    )
    return await write(arguments, order)


async def _order_of_finding(
    arguments: Arguments, author: tuple[bytes, OfficeId, OfficerId], evidence: tuple[bytes, ...]
) -> "OrderIssued":
    """The order that a confirmed finding calls for."""
    from hub.audit.auditing import auditor_of
    from hub.audit.findings import State
    from office.node import Node
    from schemas.casework.values import HASHES_MAX
    from schemas.oversight import Ground, OrderIssued, Weight

    node = await Node.open(arguments.home, with_pen=False)
    try:
        async with auditor_of(node) as auditor:
            finding = await auditor.examiner.findings.get(arguments.finding)
        entries = await node.store.entries_at(list(finding.evidence))
    finally:
        await node.close()
    if finding.state is not State.CONFIRMED or finding.gone_code is not None:
        raise Refused(
            "finding_not_confirmed",
            f"问题 {finding.number} 未经核实，或其依据已不存在，没有下发督办单；请先用 hub audit confirm 核实。",
            f"Finding {finding.number} is not confirmed, or its ground is gone; no order was given. Confirm it first "
            "(hub audit confirm).",
        )
    shown = tuple(dict.fromkeys([*(entry.hash for entry in entries.values()), *evidence]))[:HASHES_MAX]
    return OrderIssued(
        *author,
        "",
        finding.office,
        Ground.FINDING,
        finding.rule,
        str(finding.number),
        shown,
        arguments.facts or _sentence(finding.rule, finding.facts),
        arguments.due,
        Weight(arguments.weight),
        finding.subject or None,
    )


def _sentence(code: str, facts: "Mapping[str, int | str]") -> str:
    """What a finding says, in the language of orders."""
    from hub.audit.integrity import INTEGRITY_RULES
    from hub.audit.rules import BY_CODE
    from hub.audit.words import sentence_of

    rule = BY_CODE.get(code) or INTEGRITY_RULES.get(code)
    return sentence_of(rule, facts)[0] if rule is not None else code


def _case_of(text: str) -> CaseId | None:
    try:
        case = bytes.fromhex(text)
    except ValueError:
        case = b"?"
    if case and len(case) != CASE_ID_BYTES:
        raise Refused(
            "case_malformed",
            "件的编号应为 32 位十六进制数，没有写入；请用 hub case 核对。",
            "A case is named by 32 hexadecimal digits; nothing was written. See hub case.",
        )
    return CaseId(case) if case else None


async def verify_order(arguments: Arguments) -> int:
    """`audit verify-order`"""
    from schemas.oversight import OrderVerified

    view, _ = await read_view(arguments.home)
    order = find_order(view, arguments.order)
    author = author_of(arguments)
    # A second answer adds to the first: sending back is about all of them, and one that is accepted closes the order.
    verdicts = [
        OrderVerified(
            *author,
            order.filed.hash,
            order.issued.addressee,
            answer.filed.hash,
            arguments.accept,
            arguments.reason,
            None if arguments.accept else arguments.due,
        )
        for answer in (order.awaited[-1:] if arguments.accept else order.awaited)
    ]
    if not verdicts:
        raise Refused(
            "answer_awaited",
            "该督办单没有待验收的答复，没有写入；请用 audit show-order 核对。",
            "No answer to this order waits for a verdict; nothing was written. See audit show-order.",
        )
    return await write(arguments, *verdicts)


async def escalate(arguments: Arguments) -> int:
    """`audit escalate`"""
    from hub.audit.escalating import escalate_due, find_due
    from office.local import publish
    from office.node import Node
    from office.publishing import Publication

    async def with_pen(publication: Publication) -> int:
        return await publish(arguments.home, publication)

    node = await Node.open(arguments.home, with_pen=False)
    try:
        officer = officer_of(node.seat, arguments.officer)
        due = await find_due(node, node.today)
        taken = await escalate_due(node, node.today, with_pen, officer=officer)
    finally:
        await node.close()
    for one in taken:
        print("\t".join((one.order.issued.number, one.order.issued.addressee, one.step.rung)))
    waiting = sum(not one.is_delivered for one in due)
    print(
        arguments.say(
            f"已催办 {len(taken)} 份；因线路不通暂不催办 {waiting} 份", f"{len(taken)} taken; {waiting} wait for a line"
        )
    )
    return 0


async def withdraw_order(arguments: Arguments) -> int:
    """`audit withdraw-order`"""
    from schemas.oversight import OrderWithdrawn

    view, _ = await read_view(arguments.home)
    order = find_order(view, arguments.order)
    about = (order.filed.hash, order.issued.addressee)
    return await write(
        arguments, OrderWithdrawn(*author_of(arguments), *about, arguments.reason, arguments.restoration)
    )


async def publish_circular(arguments: Arguments) -> int:
    """`audit circular`"""
    from schemas.oversight import CircularPublished

    view, _ = await read_view(arguments.home)
    orders = tuple(find_order(view, text).filed.hash for text in arguments.orders)
    try:
        text = arguments.file.read_text(encoding="utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise Refused(
            "circular_unreadable",
            f"{arguments.file.name} 不是 UTF-8 文本，没有写入；请另存为 UTF-8 文本后重试。",
            f"{arguments.file.name} is no UTF-8 text; nothing was written. Save it as UTF-8 text and try again.",
        ) from error
    return await write(arguments, CircularPublished(*author_of(arguments), "", arguments.title, text, orders))


# --- scores ----------------------------------------------------------------------------------------------------------


async def enter_score(arguments: Arguments) -> int:
    """`audit score`"""
    from schemas.oversight import ScoreEntered

    author, evidence = author_of(arguments), evidence_of(arguments)
    order = None
    if arguments.order:
        view, _ = await read_view(arguments.home)
        order = find_order(view, arguments.order).filed.hash
    score = ScoreEntered(
        *author,
        arguments.office,
        arguments.period or f"{today_of():%Y-%m}",
        _points(arguments.points),
        arguments.rule,
        arguments.count,
        arguments.reason,
        evidence,
        arguments.document,
        arguments.veto,
        order,
    )
    return await write(arguments, score)


def _points(text: str) -> int:
    from hub.audit.scores import read_points

    try:
        return read_points(text)
    except ValueError as error:
        raise Refused(
            "points_malformed",
            f"“{text}”不是分值，没有写入；请写成 1、-2 或 -0.5，至多一位小数。",
            f'"{text}" is no number of points; nothing was written. Write 1, -2 or -0.5, with one decimal at most.',
        ) from error


async def list_appeals(arguments: Arguments) -> int:
    """`audit appeals`"""
    from schemas.oversight import ScoreAppealed

    view, name = await read_view(arguments.home)
    for score in view.scores:
        if score.appeal is not None and score.judged is None:
            said = score.appeal.event
            grounds = said.grounds if isinstance(said, ScoreAppealed) else ""
            print(score_line(score, name, arguments) + f"\t{grounds}")
    return 0


async def judge_appeal(arguments: Arguments) -> int:
    """`audit judge`"""
    from schemas.oversight import ScoreJudged

    view, _ = await read_view(arguments.home)
    score = find_score(view, arguments.entry)
    entered = score.entered
    if arguments.dismiss:
        points, veto = entered.points, entered.veto
    else:
        points, veto = (0 if arguments.uphold else _points(arguments.points)), False
    # An entry nobody appealed is refused at the pen: then there is nothing to name.
    appeal = score.appeal.hash if score.appeal is not None else bytes(len(score.filed.hash))
    about = (score.filed.hash, entered.addressee, appeal, points, veto)
    return await write(arguments, ScoreJudged(*author_of(arguments), *about, arguments.reason))


async def assign_class(arguments: Arguments) -> int:
    """`audit class`"""
    from schemas.oversight import ClassAssigned

    weight = arguments.weight * 10
    placed = (arguments.office, arguments.group, arguments.since, weight, arguments.reason)
    return await write(arguments, ClassAssigned(*author_of(arguments), *placed))


# --- months ----------------------------------------------------------------------------------------------------------


async def freeze_month(arguments: Arguments) -> int:
    """`audit freeze`"""
    from hub.audit.scores import cards_of, freeze
    from schemas.oversight import Card

    ground = await _ground(arguments)
    author = author_of(arguments)
    tables = [
        freeze(cards, card, arguments.period, author)
        for card in Card
        if (cards := cards_of(ground.view, card, arguments.period, ground.offices))
    ]
    return await write(arguments, *tables)


async def _ground(arguments: Arguments) -> "Ground":
    """What a document is made from, read from a node without its pen."""
    from hub.audit.documents import Ground
    from hub.audit.escalating import is_delivered
    from office.node import Node
    from office.overseeing import read_oversight
    from schemas.oversight import card_of

    node = await Node.open(arguments.home, with_pen=False)
    try:
        view = await read_oversight(node.casebook)
        offices = tuple(office for office in node.known_offices() if card_of(office) is not None)
        named = {*offices, *(file.filed.event.about for file in (*view.orders, *view.scores))}
        names = {office: node.office_name(office) for office in named if office is not None}
        waiting = [order.filed for order in view.orders if not await is_delivered(node.books, order.filed)]
        return Ground(view, offices, names, frozenset(one.hash for one in waiting), node.today)
    finally:
        await node.close()


async def write_report(arguments: Arguments) -> int:
    """`audit report`"""
    from hub.audit.sheets import html_of, text_of

    ground = await _ground(arguments)
    period, document = _document(arguments, ground)
    arguments.to.mkdir(parents=True, exist_ok=True)
    base = arguments.to / f"{arguments.which}-{period}"
    files = {
        base.with_suffix(".txt"): text_of(document),
        base.with_suffix(".html"): html_of(document, arguments.say("zh-CN", "en")),
    }
    for path, text in files.items():
        write_private(path, text.encode())
        print(path)
    return 0


def _document(arguments: Arguments, ground: "Ground") -> tuple[str, "Document"]:
    """The period's name and the document. Raises `Refused` `period_malformed`."""
    from hub.audit import documents

    try:
        match arguments.which:
            case "weekly":
                monday = (
                    documents.read_week(arguments.period) if arguments.period else documents.last_week(ground.today)
                )
                year, week, _ = monday.isocalendar()
                return f"{year}-W{week:02d}", documents.weekly_circular(ground, monday, arguments.say)
            case "monthly":
                month = (
                    documents.read_month(arguments.period) if arguments.period else documents.last_month(ground.today)
                )
                return month, documents.monthly_assessment(ground, month, arguments.say)
            case _:
                year, quarter = (
                    documents.read_quarter(arguments.period)
                    if arguments.period
                    else documents.last_quarter(ground.today)
                )
                months = documents.months_of_quarter(year, quarter)
                return f"{year}-Q{quarter}", documents.quarterly_evaluation(ground, months, arguments.say)
    except ValueError as error:
        raise Refused(
            "period_malformed",
            f"“{arguments.period}”不是这种报告的期次，没有生成；请写成 2026-W47、2026-11 或 2026-Q4。",
            f'"{arguments.period}" is no period of this report; nothing was written. Write 2026-W47, 2026-11, 2026-Q4.',
        ) from error
