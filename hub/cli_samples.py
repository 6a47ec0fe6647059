"""`audit sample`: the fair draw of files and their blind review, from the frame to the results.

What is said to others goes to the process that has the pen; the list is kept beside the findings before that. Prints
numbers of cases, offices and points, no resident. Next: `hub.audit.frames`, `hub.audit.reviewing`, `hub.audit.redraw`.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from office.cli import Arguments, Verbs
from office.cli_register import a_day, author_of, officer_of, tell

if TYPE_CHECKING:
    from hub.audit.reviewing import DrawnFile
    from office.node import Node
    from schemas.names import OfficerId

    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

STATES: Final = {
    "waiting": ("待评查", "waiting"),
    "differ": ("两人意见不一，待裁定", "they differ: to be settled"),
    "settled": ("已评定", "settled"),
}


def add_samples(group: "Group", verbs: Verbs) -> None:
    """Mount `sample` and `redraw` among the verbs of `audit`."""
    say = verbs.say
    summary = say(
        "双随机抽查案卷：确定范围、公布秘密、分卷、盲评、出结果",
        "the fair draw of files: frame, reveal, files, blind reviews, results",
    )
    sample = group.add_parser("sample", help=summary)
    parts = sample.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    _add_frame(parts, verbs)
    _add_short(parts, verbs)
    _add_review(parts, verbs)
    again = say(
        "用抽查文件重新抽取并核对：不需要节点，也不需要联网",
        "draw again from a sample's file and compare: needs no node and no network",
    )
    redrawing = group.add_parser("redraw", help=again)
    redrawing.add_argument("file", type=Path, help=say("抽查文件", "the sample's file"))
    redrawing.add_argument("--root", required=True, help=say("县根摘要，64 位", "the county root's digest, 64 digits"))
    verbs.share(redrawing, redraw_sample)


def _period(parser: argparse.ArgumentParser, verbs: Verbs) -> None:
    parser.add_argument("period", help=verbs.say("季度，如 2026-Q4", "the quarter, as 2026-Q4"))


def _officer(parser: argparse.ArgumentParser, verbs: Verbs) -> None:
    parser.add_argument("--officer", required=True, help=verbs.say("经办人的登录名", "login of the officer"))


def _add_frame(parts: "Group", verbs: Verbs) -> None:
    say = verbs.say
    framing = say(
        "确定本季度的抽查范围和各乡镇卷数，承诺一个秘密；此后各乡镇节点自动提交随机数",
        "fix what is drawn from and how many, and commit to a secret; the townships' nodes give their nonces then",
    )
    frame = parts.add_parser("frame", help=framing)
    _period(frame, verbs)
    until = say("随机数截止日，如 2027-01-12", "last day for the nonces, as 2027-01-12")
    frame.add_argument("--until", required=True, type=a_day(verbs), help=until)
    _officer(frame, verbs)
    verbs.share(frame, frame_sample)


def _add_short(parts: "Group", verbs: Verbs) -> None:
    say = verbs.say
    revealing = parts.add_parser("reveal", help=say("公布秘密：案卷由此抽定", "reveal the secret: the files are drawn"))
    _period(revealing, verbs)
    _officer(revealing, verbs)
    verbs.share(revealing, reveal_sample)
    listing = say(
        "列出某人名下的案卷和进度；看不到另一人的意见", "the files of one reviewer; never the other's findings"
    )
    files = parts.add_parser("files", help=listing)
    _period(files, verbs)
    _officer(files, verbs)
    verbs.share(files, list_files)
    results = parts.add_parser(
        "results", help=say("按乡镇和事项类别的结果及置信界限", "results by stratum, with bounds")
    )
    _period(results, verbs)
    verbs.share(results, show_results)
    giving = parts.add_parser(
        "file", help=say("写出抽查文件，任何人可据以重抽", "write the file for anybody to redraw")
    )
    _period(giving, verbs)
    giving.add_argument("--to", required=True, type=Path, help=say("写到哪个文件", "the file to write"))
    verbs.share(giving, write_document)
    form = parts.add_parser("form", help=say("列出百分制评查表各项", "the lines of the 100-point form"))
    verbs.share(form, show_form)


def _add_review(parts: "Group", verbs: Verbs) -> None:
    say = verbs.say
    reviewing = say(
        "登记一卷的评查结果；本人名下第几轮由系统确定",
        "enter what a file shows; which round it is, the draw has decided",
    )
    review = parts.add_parser("review", help=reviewing)
    _period(review, verbs)
    review.add_argument("case", help=say("编号或件标识", "the case's number or id"))
    faults = say("评查表的项目代码，如 F1 F3；没有问题则不填", "codes of the form, as F1 F3; none: nothing is wrong")
    review.add_argument("--faults", nargs="*", default=[], metavar="CODE", help=faults)
    review.add_argument("--note", default="", help=say("说明", "a note"))
    _officer(review, verbs)
    verbs.share(review, review_file)


async def frame_sample(arguments: Arguments) -> int:
    """`audit sample frame`"""
    from hub.audit.database import audit_of
    from hub.audit.frames import frame_of, keep_list
    from office.node import Node
    from office.overseeing import oversee

    author = author_of(arguments)
    node = await Node.open(arguments.home, with_pen=False)
    try:
        async with audit_of(node) as audit:
            framing = await frame_of(node, audit, arguments.period, author, arguments.until)
            await node.publishing.check(oversee(framing.framed))
            await keep_list(audit, framing.listed)
    finally:
        await node.close()
    for one in framing.framed.strata:
        risk = arguments.say(*_RISKS[one.risk])
        print(arguments.say(f"{one.township}\t{risk}\t{one.population} 件\t抽 {one.files} 卷", _stratum_en(one, risk)))
    return await tell(arguments, oversee(framing.framed))


_RISKS: Final = {"high": ("许可和资金类", "licences and money"), "ordinary": ("一般事项", "ordinary items")}


def _stratum_en(one: object, risk: str) -> str:
    from schemas.oversight import Stratum

    assert isinstance(one, Stratum)
    return f"{one.township}\t{risk}\t{one.population} cases\t{one.files} files"


async def reveal_sample(arguments: Arguments) -> int:
    """`audit sample reveal`"""
    from hub.audit.frames import get_sample, secret_of
    from office.node import Node
    from office.overseeing import oversee
    from schemas.oversight import SampleRevealed

    author = author_of(arguments)
    node = await Node.open(arguments.home, with_pen=False)
    try:
        sample = await get_sample(node, arguments.period)
        secret = secret_of(node, arguments.period)
        silent = sorted(sample.framed.townships - sample.nonces.keys())
    finally:
        await node.close()
    if silent:
        towns = "、".join(silent)
        print(arguments.say(f"未提交随机数的乡镇（照常抽取）：{towns}", f"gave no nonce (the draw goes on): {towns}"))
    return await tell(arguments, oversee(SampleRevealed(*author, sample.filed.hash, secret, ())))


async def list_files(arguments: Arguments) -> int:
    """`audit sample files`"""
    from hub.audit.reviewing import FileState

    files, officer, numbers = await _files(arguments)
    shown = 0
    for one in files:
        number = one.round_of(officer)
        if number is None and officer not in (one.first, one.second):
            continue
        shown += 1
        told = arguments.say(*STATES[one.state.value])
        seen = one.points is not None and one.is_seen_by(officer)
        points = arguments.say(f"{one.points} 分", f"{one.points} points") if seen else ""
        mine = arguments.say("轮到您", "yours now") if number else ""
        place = one.stratum[0] if one.stratum else arguments.say("范围确定后发现", "surfaced later")
        state = told if number or one.state is not FileState.WAITING else ""
        print(f"{numbers[one.case]}\t{place}\t{state}\t{points}{mine}")
    print(arguments.say(f"共 {shown} 卷", f"{shown} files"))
    return 0


async def _files(arguments: Arguments) -> tuple[list["DrawnFile"], "OfficerId", dict[bytes, str]]:
    """All files of a sample, who asks, and how each case is called."""
    from hub.audit.database import audit_of
    from hub.audit.frames import get_sample
    from hub.audit.reviewing import list_files as files_of
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        sample = await get_sample(node, arguments.period)
        async with audit_of(node) as audit:
            files = await files_of(node, audit, sample)
        numbers = await _numbers(node, files)
        return files, officer_of(node.seat, arguments.officer), numbers
    finally:
        await node.close()


async def _numbers(node: "Node", files: list["DrawnFile"]) -> dict[bytes, str]:
    found = await node.cases.read([one.case for one in files])
    numbers: dict[bytes, str] = {one.case: one.case.hex() for one in files}
    for case, file in found.items():
        if file is not None and file.filing is not None and file.filing.tracking:
            numbers[case] = file.filing.tracking
    return numbers


async def review_file(arguments: Arguments) -> int:
    """`audit sample review`"""
    from hub.audit import review_form
    from hub.audit.database import audit_of
    from hub.audit.frames import FrameRefused, get_sample
    from hub.audit.reviewing import list_files as files_of
    from office.node import Node
    from office.overseeing import oversee
    from office.proving import get_case_id
    from schemas.oversight import FileReviewed

    author = author_of(arguments)
    points = review_form.points_of(arguments.faults)
    node = await Node.open(arguments.home, with_pen=False)
    try:
        sample = await get_sample(node, arguments.period)
        case = await get_case_id(node, arguments.case)
        async with audit_of(node) as audit:
            files = {one.case: one for one in await files_of(node, audit, sample)}
    finally:
        await node.close()
    number = files[case].round_of(author[2]) if case in files else None
    if number is None:
        raise FrameRefused(
            "file_not_yours",
            "这一卷没有抽中，或不在您名下，或您已评完，没有写入；请用 audit sample files 查看您的案卷。",
            "This file was not drawn, is not yours, or you have reviewed it; nothing was written. See your files with "
            "audit sample files.",
        )
    faults = tuple(dict.fromkeys(arguments.faults))
    print(arguments.say(f"第 {number} 轮，{points} 分", f"round {number}, {points} points"))
    review = FileReviewed(*author, sample.filed.hash, case, number, review_form.FORM, faults, arguments.note)
    return await tell(arguments, oversee(review))


async def show_results(arguments: Arguments) -> int:
    """`audit sample results`"""
    from hub.audit.database import audit_of
    from hub.audit.frames import get_sample
    from hub.audit.reviewing import list_files as files_of
    from hub.audit.reviewing import results_of
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        sample = await get_sample(node, arguments.period)
        async with audit_of(node) as audit:
            results = results_of(sample, await files_of(node, audit, sample))
    finally:
        await node.close()
    for one in results.strata:
        risk = arguments.say(*_RISKS[one.risk])
        if one.found is None:
            done = arguments.say(f"已评 {one.settled}/{one.drawn} 卷", f"{one.settled} of {one.drawn} files settled")
        else:
            bad, low, high = one.found.bad, one.found.low, one.found.high
            zh = f"{one.drawn} 卷中 {bad} 卷不合格；全部 {one.population} 件中估计 {low} 至 {high} 件"
            en = f"{bad} of {one.drawn} files bad; of all {one.population} cases {low} to {high}"
            done = arguments.say(zh, en)
        print(f"{one.township}\t{risk}\t{done}")
    if results.surfaced:
        zh = f"范围确定后发现的 {results.surfaced} 件全部评查，不合格 {results.surfaced_bad} 件，不计入估计"
        en = (
            f"{results.surfaced} that surfaced later are all reviewed, {results.surfaced_bad} bad; apart from the above"
        )
        print(arguments.say(zh, en))
    if results.bad_permille is not None:
        share = f"{results.bad_permille / 10:.1f} %"
        print(arguments.say(f"全县加权不合格率 {share}（置信度 95%）", f"county, weighted: {share} bad (bounds: 95 %)"))
    return 0


async def write_document(arguments: Arguments) -> int:
    """`audit sample file`"""
    from hub.audit.database import audit_of
    from hub.audit.frames import get_sample
    from hub.audit.redraw import document_of
    from office.node import Node
    from office.paths import write_private

    node = await Node.open(arguments.home, with_pen=False)
    try:
        sample = await get_sample(node, arguments.period)
        async with audit_of(node) as audit:
            document = await document_of(node, audit, sample)
        root = node.books.seat.root.digest
    finally:
        await node.close()
    write_private(arguments.to, document)
    zh = f"已写出 {arguments.to}；核对：hub audit redraw {arguments.to} --root {root}"
    print(arguments.say(zh, f"wrote {arguments.to}; check it: hub audit redraw {arguments.to} --root {root}"))
    return 0


async def redraw_sample(arguments: Arguments) -> int:
    """`audit redraw`"""
    from hub.audit.redraw import FILE_BYTES_MAX, redraw

    with arguments.file.open("rb") as file:
        found = redraw(file.read(FILE_BYTES_MAX + 1), arguments.root)
    zh = f"重抽一致：{found.period}，{found.cases} 件中抽 {found.files} 卷"
    print(arguments.say(zh, f"the draw holds: {found.period}, {found.files} files of {found.cases} cases"))
    for town, nonce in found.nonces.items():
        print(f"{town}\t{nonce or arguments.say('（未提交）', '(none given)')}")
    return 0


async def show_form(arguments: Arguments) -> int:
    """`audit sample form`"""
    from hub.audit.review_form import LINES

    for line in LINES.values():
        points = arguments.say("一票否决", "veto") if line.is_veto else f"-{line.points}"
        print(f"{line.code}\t{points}\t{arguments.say(line.zh, line.en)}")
    return 0
