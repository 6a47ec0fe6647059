"""`audit`: what the county's audit found, and what an officer says to it.

Figures, offices, places of entries and codes; a case by the number on its slip, never a resident. A finding becomes an
order only after an officer has confirmed it. Everything here may be done while the hub runs.
Next: `hub.audit.findings` (how findings stand), `hub.audit.rules` (what is looked for).
"""

import argparse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from office.cli import Arguments, Verbs
from schemas.names import CaseId, Instant, OfficeId

if TYPE_CHECKING:
    from hub.audit.auditing import Auditor
    from hub.audit.findings import Finding, State
    from hub.audit.integrity import IntegrityRule
    from hub.audit.rule import Declared
    from office.node import Node
    from sync.ports import EntryKey, Stored

    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]


def add_findings(group: "Group", verbs: Verbs) -> None:
    """Mount `run`, `findings`, `show`, `confirm`, `dismiss` and `rules` among the verbs of `audit`."""
    say = verbs.say
    running = say(
        "立即审计：已到而未审的条目，以及时限已到的件；运行中的县节点会自动进行",
        "audit now: what has arrived and was not examined, and whatever ran out; a running hub does it by itself",
    )
    verbs.share(group.add_parser("run", help=running), run_audit)
    listing = group.add_parser("findings", help=say("列出发现的问题，最新的在前", "what was found, newest first"))
    listing.add_argument("--open", action="store_true", help=say("只列待核的", "only what nobody has looked at"))
    listing.add_argument("--rule", default="", metavar="CODE", help=say("只列该规则的，如 P1", "of one rule, as P1"))
    about = say("只列关于该单位及其下级的", "about this office and those below it")
    listing.add_argument("--office", default="", help=about)
    verbs.share(listing, list_findings)
    showing = say(
        "一个问题的全部情况：文字、逐条证据、时间范围", "one finding: its sentence, and its evidence entry by entry"
    )
    show = group.add_parser("show", help=showing)
    _add_number(show, verbs)
    proof = say(
        "把证明文件写到此处；任何人都可用 tongban-verify 文件 --root 县根摘要 核对",
        "write its proof file there: anybody may check it with tongban-verify FILE --root DIGEST",
    )
    show.add_argument("--proof", type=Path, metavar="FILE", help=proof)
    verbs.share(show, show_finding)
    _add_word(group, verbs, "confirm", say("确认属实：之后可据此发出督办单", "it is true: an order may follow from it"))
    _add_word(group, verbs, "dismiss", say("不成立：须写明理由", "it is unfounded: say why"))
    every = say("全部规则：依据、排除情形、阈值", "every rule: its ground, what it leaves alone, its thresholds")
    verbs.share(group.add_parser("rules", help=every), list_rules)


def _add_number(parser: argparse.ArgumentParser, verbs: Verbs) -> None:
    parser.add_argument("number", type=int, metavar="NUMBER", help=verbs.say("问题编号", "the finding's number"))


def _add_word(group: "Group", verbs: Verbs, name: str, summary: str) -> None:
    parser = group.add_parser(name, help=summary)
    _add_number(parser, verbs)
    officer = verbs.say("核实人的登录名（县中心）", "login of the county's officer who looked at it")
    parser.add_argument("--officer", required=True, help=officer)
    parser.add_argument("--reason", required=True, help=verbs.say("理由，不超过 500 字", "why, in 500 characters"))
    verbs.share(parser, confirm_finding if name == "confirm" else dismiss_finding)


# --- verbs -----------------------------------------------------------------------------------------------------------


async def run_audit(arguments: Arguments) -> int:
    """`audit run`"""
    from hub.audit.auditing import auditor_of
    from office.local import publish
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        async with auditor_of(node, lambda publication: publish(arguments.home, publication)) as auditor:
            done = await auditor.sweep()
    finally:
        await node.close()
    zh = f"已审 {done.entries} 条新到条目，查看 {done.cases} 件；新问题 {done.fresh} 个，不再成立 {done.gone} 个"
    en = f"{done.entries} new entries, {done.cases} cases looked at; {done.fresh} findings are new, {done.gone} gone"
    print(arguments.say(zh, en))
    if done.failed:
        zh = f"有 {done.failed} 次规则执行失败，详见日志；其余不受影响"
        print(arguments.say(zh, f"rules failed {done.failed} times, see the log; nothing else was kept from its work"))
    return 1 if done.failed else 0


async def list_findings(arguments: Arguments) -> int:
    """`audit findings`"""
    from hub.audit.auditing import auditor_of
    from hub.audit.findings import LISTED_MAX
    from office.node import Node

    office = OfficeId(arguments.office) if arguments.office else None
    node = await Node.open(arguments.home, with_pen=False)
    try:
        async with auditor_of(node) as auditor:
            found = await auditor.examiner.findings.search(is_open=arguments.open, rule=arguments.rule, office=office)
        for finding in found:
            print("\t".join((str(finding.number), *_line(arguments, node, finding))))
    finally:
        await node.close()
    more = len(found) == LISTED_MAX
    print(
        arguments.say(
            f"共 {len(found)} 个问题" + ("（只列最新的）" if more else ""),
            f"{len(found)} findings" + (", the newest only" if more else ""),
        )
    )
    return 0


async def show_finding(arguments: Arguments) -> int:
    """`audit show`"""
    from hub.audit.auditing import auditor_of
    from office.node import Node
    from office.paths import write_private

    node = await Node.open(arguments.home, with_pen=False)
    try:
        async with auditor_of(node) as auditor:
            finding = await auditor.examiner.findings.get(arguments.number)
            for line in await _described(arguments, auditor, finding):
                print(line)
            if arguments.proof is not None:
                proof = await auditor.examiner.findings.proof_of(finding.number)
                if proof is None:
                    raise _no_proof(finding.number)
                write_private(arguments.proof, proof)
                print(arguments.say(f"证明文件：{arguments.proof}", f"proof file: {arguments.proof}"))
    finally:
        await node.close()
    return 0


async def confirm_finding(arguments: Arguments) -> int:
    """`audit confirm`"""
    from hub.audit.findings import State

    return await _say_word(arguments, State.CONFIRMED, ("已确认", "confirmed"))


async def dismiss_finding(arguments: Arguments) -> int:
    """`audit dismiss`"""
    from hub.audit.findings import State

    return await _say_word(arguments, State.DISMISSED, ("已记为不成立", "dismissed"))


async def _say_word(arguments: Arguments, state: "State", told: tuple[str, str]) -> int:
    from hub.audit.auditing import auditor_of
    from office.cli_register import officer_of
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        officer = officer_of(node.seat, arguments.officer)
        await node.accounts.check_officer(officer)
        async with auditor_of(node) as auditor:
            findings = auditor.examiner.findings
            await findings.get(arguments.number)
            async with auditor.audit.writing() as connection:
                reason = arguments.reason
                await findings.decide(connection, arguments.number, state, officer, reason, node.clock.now())
    finally:
        await node.close()
    print(arguments.say(f"问题 {arguments.number} {told[0]}", f"finding {arguments.number} {told[1]}"))
    return 0


async def list_rules(arguments: Arguments) -> int:
    """`audit rules`"""
    from hub.audit.declared import limits_of
    from hub.audit.integrity import INTEGRITY_RULES
    from hub.audit.limits import LIMITS
    from hub.audit.rules import RECORDING_RULES, RULES
    from office.paths import Home
    from office.settings import load_settings

    limits = limits_of(load_settings(Home(arguments.home).settings))
    for rule in (*INTEGRITY_RULES.values(), *RULES, *RECORDING_RULES):
        severity = arguments.say(*_SEVERITIES[rule.severity.value])
        print(f"{rule.code}\t{severity}\t{arguments.say(*rule.title)}")
        print(f"\t{arguments.say('依据', 'ground')}: {rule.ground}")
        print(f"\t{arguments.say('排除', 'guard')}: {arguments.say(*rule.guard)}")
        for name in getattr(rule, "limits", ()):
            limit = LIMITS[name]
            print(f"\t{name} = {limits[name]} ({limit.unit}, {limit.low}–{limit.high}): {limit.reason}")
    return 0


# --- words -----------------------------------------------------------------------------------------------------------

_SEVERITIES = {"red": ("红牌", "RED"), "yellow": ("黄牌", "YELLOW"), "info": ("提示", "INFO")}
_STATES = {
    "open": ("待核", "open"),
    "confirmed": ("已确认", "confirmed"),
    "dismissed": ("不成立", "dismissed"),
    "gone": ("已消除", "gone"),
}


def _rule_of(code: str) -> "Declared | IntegrityRule | None":
    from hub.audit.integrity import INTEGRITY_RULES
    from hub.audit.rules import BY_CODE

    return BY_CODE.get(code) or INTEGRITY_RULES.get(code)


def _sentence(arguments: Arguments, finding: "Finding") -> str:
    from hub.audit.words import sentence_of

    rule = _rule_of(finding.rule)
    return arguments.say(*sentence_of(rule, finding.facts)) if rule is not None else ""


def _line(arguments: Arguments, node: "Node", finding: "Finding") -> tuple[str, ...]:
    return (
        finding.rule,
        arguments.say(*_SEVERITIES[finding.severity.value]),
        arguments.say(*_STATES[finding.state.value]),
        f"{node.office_name(finding.office)} ({finding.office})",
        _sentence(arguments, finding),
    )


async def _described(arguments: Arguments, auditor: "Auditor", finding: "Finding") -> list[str]:
    from hub.audit.findings import GONE, NO_SUBJECT
    from office.dues import day_from

    say, node = arguments.say, auditor.node
    rule = _rule_of(finding.rule)
    lines = [f"{finding.number}\t{say(*rule.title) if rule is not None else finding.rule}"]
    lines.append("\t".join(_line(arguments, node, finding)))
    if rule is not None:
        lines.append(f"{say('依据', 'ground')}: {rule.ground}")
    when = f"{say('发现于', 'found')} {_time(finding.found_at)}, {say('以此日为准', 'as of')} {day_from(finding.as_of)}"
    basis = f"{say('规则版本', 'rule version')} {finding.version}, {say('目录', 'edition')} {finding.edition or '—'}"
    lines.append(f"{when}; {basis}")
    if finding.officer is not None:
        lines.append(f"{say('经办人', 'officer')}: {finding.officer}")
    if finding.follows is not None:
        lines.append(say(f"接续问题 {finding.follows}", f"takes the place of finding {finding.follows}"))
    if finding.gone_code is not None and finding.gone_at is not None:
        words = GONE.get(finding.gone_code, (finding.gone_code, finding.gone_code))
        lines.append(f"{say('不再成立', 'its ground is gone')} ({_time(finding.gone_at)}): {say(*words)}")
    if finding.state_by is not None:
        words = await auditor.examiner.findings.words_of(finding.number)
        lines.append(f"{say(*_STATES[finding.state.value])}: {finding.state_by} {_time(finding.state_at)}: {words}")
    if finding.subject != NO_SUBJECT:
        lines.append(f"{say('件', 'case')}: {await _case(node, finding.subject)}")
    lines.append(say("证据：", "evidence:"))
    lines += await _evidence(arguments, auditor, finding.evidence)
    if finding.has_proof:
        lines.append(say("有证明文件：加 --proof 文件 取出", "it has a proof file: take it out with --proof FILE"))
    return lines


async def _case(node: "Node", subject: CaseId) -> str:
    file = (await node.cases.read([subject])).get(subject)
    if file is None or file.filing is None:
        return subject.hex()
    return f"{file.filing.tracking or subject.hex()}\t{file.filing.item}"


async def _evidence(arguments: Arguments, auditor: "Auditor", places: "tuple[EntryKey, ...]") -> list[str]:
    from hub.audit.words import WORDS

    held = await auditor.node.store.entries_at(list(places))
    anchoring = auditor.examiner.anchoring
    await anchoring.load({journal for journal, _ in places})
    lines: list[str] = []
    for journal, seq in places:
        entry: Stored | None = held.get((journal, seq))
        seat = auditor.node.books.seat_of_node(journal.origin)
        who = auditor.node.office_name(seat) if seat is not None else journal.origin
        if entry is None:
            lines.append(f"  {who}\t{journal} #{seq}\t{arguments.say('不在本机', 'is not here')}")
            continue
        line = anchoring.timeline(journal)
        first, last = line.not_before(seq), line.not_after(seq)
        bracket = f"{_time(first) if first is not None else '…'} – {_time(last) if last is not None else '…'}"
        kind = arguments.say(*WORDS.get(entry.kind, (entry.kind, entry.kind)))
        claimed = arguments.say(f"自称 {_time(entry.at)}", f"claims {_time(entry.at)}")
        proved = arguments.say(f"可证 {bracket}", f"proved {bracket}")
        lines.append(f"  {kind}\t{who}\t{claimed}\t{proved}\t{journal} #{seq}")
    return lines


def _time(at: Instant) -> str:
    from schemas.casework.clocks import CHINA_TIME

    bounded = min(max(at, 0), 7_258_118_400_000)
    return datetime.fromtimestamp(bounded / 1000, tz=CHINA_TIME).strftime("%Y-%m-%d %H:%M:%S")


def _no_proof(number: int) -> Exception:
    from schemas.refusals import Refused

    return Refused(
        "finding_no_proof",
        f"问题 {number} 没有证明文件，没有写出任何文件；其证据是所列条目，可用 prove 命令逐条导出证明。",
        f"finding {number} has no proof file, nothing was written; its evidence are the entries listed, each of which "
        "can be proved with the verb prove",
    )
