"""`hub catalogue`: check, import, template, export, compare, figures.

A catalogue is a YAML text or a workbook (`hub.catalogue.importing`). Nothing is changed while a file has a fault.
Imports what it needs only when asked. Next: `hub.cli`, which mounts these.
"""

import argparse
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from office.cli import Arguments, Verb, Verbs
from office.cli_register import a_day, today_of

if TYPE_CHECKING:
    from hub.catalogue.preflight import Preflight
    from schemas.catalogue import Edition

    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]


def add_catalogue(verbs: Verbs) -> "Group":
    """Mount `catalogue`. Returns the group of its verbs, for those that stand elsewhere."""
    say = verbs.say
    summary = say("本县的事项目录：检查、导入、导出、比较", "the county's catalogue: check, import, export, compare")
    catalogue = verbs.add_bare("catalogue", summary, "catalogue check items.xlsx")
    group = catalogue.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)

    def add(name: str, verb: Verb, zh: str, en: str) -> argparse.ArgumentParser:
        return verbs.share(group.add_parser(name, help=say(zh, en)), verb)

    check = add(
        "check",
        check_catalogue,
        "检查目录文件（YAML 或 XLSX）：逐一指出问题，并列出公开发布前还缺的内容；不作任何改动",
        "look for faults in a file (YAML or XLSX) and for what publication still needs; nothing is changed",
    )
    _add_file(verbs, check)
    load = add(
        "import",
        import_catalogue,
        "导入目录文件；有问题时不作任何改动",
        "take a file; nothing is changed while it has a fault",
    )
    _add_file(verbs, load)
    template = add("template", make_template, "生成空白的目录表格（XLSX）", "make an empty workbook to fill in (XLSX)")
    template.add_argument("file", type=Path, help=say("新文件的名称", "the new file"))
    export = add("export", export_catalogue, "将现行目录导出为 XLSX", "write the edition in force as a workbook (XLSX)")
    export.add_argument("file", type=Path, help=say("新文件的名称", "the new file"))
    comparing = add(
        "compare",
        compare_catalogues,
        "比较两版目录：新增、取消、变更、暂停和恢复的事项",
        "what one edition changes against another, item by item",
    )
    comparing.add_argument("file", type=Path, help=say("原目录；用 --with-current 时为新目录", "the old one"))
    other = comparing.add_mutually_exclusive_group(required=True)
    other.add_argument("new", type=Path, nargs="?", help=say("新目录", "the new one"))
    other.add_argument(
        "--with-current",
        action="store_true",
        help=say("与本节点现行目录比较", "FILE is the new one, compared with the edition in force here"),
    )
    figures = add(
        "figures",
        show_figures,
        "统计：提速比例、进驻率、各层级可办的事项",
        "speed-up, concentration, and what each tier may do",
    )
    figures.add_argument("file", type=Path, nargs="?", help=say("不填则为现行目录", "default: the edition in force"))
    figures.add_argument(
        "--published", type=_count, help=say("本县公布的事项总数", "how many items the county publishes")
    )
    return group


def _add_file(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help=verbs.say("目录文件（XLSX 或 YAML）", "the catalogue (XLSX or YAML)"))
    first = verbs.say("生效日期，如 2027-01-01；文件中有的可不填", "first day; not needed if the file names it")
    parser.add_argument("--from", dest="effective_from", type=a_day(verbs), help=first)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError("1, 2, 3 …")
    return int(text)


async def check_catalogue(arguments: Arguments) -> int:
    """`catalogue check`"""
    report = _read(arguments.file, arguments.effective_from)
    _print(arguments, report)
    gaps = arguments.say(report.gaps_text(), report.gaps_text("en"))
    if gaps:
        print(gaps)
    return 1 if report.edition is None else 0


async def import_catalogue(arguments: Arguments) -> int:
    """`catalogue import`"""
    from hub.catalogue.importing import read_any
    from office.node import keep_edition
    from office.paths import Home
    from office.seat import load_seat

    home = Home(arguments.home)
    load_seat(home)
    report = read_any(arguments.file, arguments.effective_from)
    _print(arguments, report)
    if report.edition is None:
        return 1
    keep_edition(home, report.edition)
    zh = "下次启动时在本节点生效，至首版目录发布为止；向全县发布请用 catalogue publish"
    en = "in force at this node from the next start until an edition is published; for the county: catalogue publish"
    print(arguments.say(zh, en))
    return 0


async def make_template(arguments: Arguments) -> int:
    """`catalogue template`"""
    from hub.catalogue.workbook import write_template

    write_template(arguments.file)
    print(arguments.say(f"已生成：{arguments.file}", f"made: {arguments.file}"))
    return 0


async def export_catalogue(arguments: Arguments) -> int:
    """`catalogue export`"""
    from hub.catalogue.workbook import write_edition

    edition = await _in_force(arguments.home)
    write_edition(arguments.file, edition)
    count = len(edition.items)
    zh = f"已导出版本 {edition.version}，共 {count} 项：{arguments.file}"
    print(arguments.say(zh, f"edition {edition.version}, {count} items: {arguments.file}"))
    return 0


async def compare_catalogues(arguments: Arguments) -> int:
    """`catalogue compare`"""
    from schemas.catalogue_compare import compare

    reports = [_read(file) for file in (arguments.file, arguments.new) if file is not None]
    editions = [report.edition for report in reports if report.edition is not None]
    if len(editions) < len(reports):
        for report in reports:
            _print(arguments, report)
        return 1
    if arguments.with_current:
        editions.insert(0, await _in_force(arguments.home))
    found = compare(*editions)
    print(arguments.say(found.text(), found.text("en")))
    return 0


async def show_figures(arguments: Arguments) -> int:
    """`catalogue figures`"""
    from schemas.catalogue_figures import figures_text

    if arguments.file is None:
        edition = await _in_force(arguments.home)
    else:
        report = _read(arguments.file)
        if report.edition is None:
            _print(arguments, report)
            return 1
        edition = report.edition
    zh, en = (figures_text(edition, today_of(), arguments.published, language) for language in ("zh", "en"))
    print(arguments.say(zh, en))
    return 0


def _read(file: Path, first: date | None = None) -> "Preflight":
    """A file that need not say from which day it shall be in force: today, then."""
    from hub.catalogue.importing import read_any

    return read_any(file, first, otherwise=today_of())


async def _in_force(home: Path) -> "Edition":
    """The edition that judges today's acts on this node."""
    from office.node import Node

    node = await Node.open(home, with_pen=False)
    try:
        return node.catalogue.in_force(node.clock.now())
    finally:
        await node.close()


def _print(arguments: Arguments, report: "Preflight") -> None:
    print(arguments.say(report.text(), report.text("en")))
