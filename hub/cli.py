"""The county's own verbs: `hub init`, `hub network` for its offices and devices, its catalogue, its divisions.

The list of offices comes as CSV or XLSX (`hub.spreadsheets`). A sheet is printed for every office that has neither a
device nor a sheet that still works, and kept under `sheets/` until somebody deletes it. Everything may be done while
the hub runs: lists are shared rows; confirming and revoking write entries, which the running hub does when asked
(`office.local`).
Never overwrites an enrolment. Next: `office.enrolling`, `office.sheets`.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli_audit import add_findings
from hub.cli_calendar import add_calendar
from hub.cli_catalogue import add_catalogue
from hub.cli_erase import add_erasures
from hub.cli_eventlog import add_event_logs
from hub.cli_moves import add_county_moves
from hub.cli_oversight import add_supervision
from hub.cli_publish import add_publishing, tell_names, unpublished_names
from hub.cli_reverify import add_reverify
from hub.cli_samples import add_samples
from hub.cli_witness import add_beacons
from office.cli import Arguments, Verbs, add_local, add_sheet, show_progress
from office.cli_devices import add_devices, confirm_device, revoke_device
from office.cli_oversight import add_oversight
from office.cli_register import add_openings
from office.paths import Home
from schemas.names import NodeId, OfficeId, seat_of

if TYPE_CHECKING:
    from office.enrolling import Office, Sheet
    from office.node import Node

# The heavy parts are imported by the verbs that need them, as in `office.cli`: `--help` answers at once.


def add_verbs(verbs: Verbs) -> None:
    """Mount `init` and `network` on the hub's command line."""
    say = verbs.say
    founding = say(
        "建立县节点：县根密钥、设备密钥、席位", "make the county's node: its root key, its device keys, its seat"
    )
    init = verbs.add("init", found, founding, "init --office 510824 --name 苍溪县")
    init.add_argument("--office", required=True, help=say("县的六位代码", "the county's six-digit code"))
    init.add_argument(
        "--name",
        required=True,
        help=say("县名：全网每个签名都带有它", "the county's name: every signature of the network carries it"),
    )
    due = say(
        "审计时限已到的件，并核验本节点的数据，当天已做过的除外；供系统定时运行",
        "audit whatever ran out and verify this node's store, unless done within a day; for the system's scheduler",
    )
    verbs.add("nightly", nightly, due)
    offices = say("全县的单位及其设备", "the county's offices and their devices")
    network = verbs.add("network", list_network, offices, "network import offices.csv")
    add_publishing(verbs, add_catalogue(verbs), add_calendar(verbs))
    add_openings(verbs)
    add_county_moves(verbs)
    add_erasures(verbs)
    _add_audit(verbs)
    add_oversight(verbs)
    _add_divisions(verbs)
    _add_network(verbs, network)
    add_devices(verbs, confirms=True)


def _add_network(verbs: Verbs, network: argparse.ArgumentParser) -> None:
    say = verbs.say
    group = network.add_subparsers(title=say("做什么", "what"), metavar="WHAT")
    importing = say(
        "导入单位表（CSV 或 XLSX），并为尚无设备、手中也没有有效注册单的单位打印注册单",
        "import the offices (CSV or XLSX) and print sheets for those without a device or a sheet that still works",
    )
    _add_import(verbs, group.add_parser("import", help=importing))
    anew = say("为一个单位打印新的注册单，旧的随即作废", "print a new sheet for one office; its earlier code dies")
    add_sheet(verbs, group.add_parser("sheet", help=anew))
    every = say("列出每个单位及其设备", "every office and its device")
    verbs.share(group.add_parser("list", help=every), list_network)
    confirming = say("确认乡镇对设备的登记或注销", "confirm a device that a township enrolled or revoked")
    confirm = group.add_parser("countersign", help=confirming)
    confirm.add_argument("device")
    verbs.share(confirm, confirm_device)
    ending = say("注销遗失的设备：此后由它写入的一概不算", "end a lost device: nothing more of it counts")
    revoke = group.add_parser("revoke", help=ending)
    revoke.add_argument("device")
    revoke.add_argument("--reason", required=True)
    verbs.share(revoke, revoke_device)


def _add_import(verbs: Verbs, parser: argparse.ArgumentParser) -> None:
    columns = verbs.say(
        "栏目为 单位代码、名称、地址（该单位设备的地址），或 office、name、address",
        "columns: office, name, address (of the office's own device)",
    )
    parser.add_argument("file", type=Path, help=columns)
    quiet = verbs.say("注册单只存入文件夹，不显示", "keep the sheets in the folder only")
    parser.add_argument("--quiet", action="store_true", help=quiet)
    anew = verbs.say(
        "已发出而未使用的注册单一律作废，全部重新打印", "void the sheets that were handed out unused, print all again"
    )
    parser.add_argument("--anew", action="store_true", help=anew)
    add_local(verbs, parser)
    verbs.share(parser, import_offices)


def _add_audit(verbs: Verbs) -> None:
    say = verbs.say
    summary = say("县级审计", "the county's audit")
    audit = verbs.add_bare("audit", summary, "audit findings --open")
    group = audit.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    add_findings(group, verbs)
    add_event_logs(group, verbs)
    add_supervision(group, verbs)
    add_reverify(group, verbs)
    add_samples(group, verbs)
    add_beacons(group, verbs)


def _add_divisions(verbs: Verbs) -> None:
    say = verbs.say
    table = say(
        "本县的区划表：有哪些乡镇和村", "the county's own table of divisions: which townships and villages there are"
    )
    divisions = verbs.add_bare("divisions", table, "divisions import divisions.csv")
    group = divisions.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    importing = say(
        "导入区划表（CSV 或 XLSX）；有问题时不作任何改动",
        "take a table (CSV or XLSX); nothing is changed while it has a fault",
    )
    load = group.add_parser("import", help=importing)
    columns = say(
        "栏目为 代码、名称、层级（county、township、village）、上级，或 code、name、level、parent",
        "columns: code, name, level (county, township, village), parent",
    )
    load.add_argument("file", type=Path, help=columns)
    load.add_argument("--check", action="store_true", help=say("只检查，不导入", "only look for faults"))
    verbs.share(load, import_divisions)


async def import_divisions(arguments: Arguments) -> int:
    """`divisions import`"""
    from hub.catalogue.importing import check_divisions
    from hub.spreadsheets import DIVISIONS, read_rows
    from office.node import keep_divisions
    from office.seat import load_seat

    home = Home(arguments.home)
    county = load_seat(home).office
    report = check_divisions(arguments.file.name, read_rows(arguments.file, DIVISIONS), county)
    print(arguments.say(report.text(), report.text("en")))
    if report.tree is None:
        return 1
    if not arguments.check:
        keep_divisions(home, report.tree)
        zh = "下次启动时生效；请将 divisions.csv 复制到各节点"
        print(arguments.say(zh, "in force from the next start; copy divisions.csv to every node"))
    return 0


async def found(arguments: Arguments) -> int:
    """`init`"""
    from office.founding import found_county

    digest = found_county(arguments.home, OfficeId(arguments.office), arguments.name)
    print(arguments.say(f"已建立县节点：{arguments.home}", f"made: {arguments.home}"))
    print(arguments.say(f"县根摘要：{digest}", f"county digest: {digest}"))
    zh = "请将 county-root.key 转存到两份离线介质，核对后从本机删除"
    print(arguments.say(zh, "copy county-root.key to two offline media, check both, then delete it here"))
    return 0


async def nightly(arguments: Arguments) -> int:
    """`nightly`: what `hub.worker` does when Redis wakes it."""
    from hub.audit.reverify import Pass, chain_when_due, find_reverified, segments_when_due
    from hub.jobs import find_verified, sweep_when_due, verify_when_due

    home = arguments.home
    await sweep_when_due(home)
    result = await verify_when_due(home) or find_verified(home)
    faults = list(result.faults) if result is not None else []
    await segments_when_due(home)
    await chain_when_due(home)
    passes = [find_reverified(home, what) for what in Pass]
    faults += [f"{fault.code} {fault.where}" for one in passes if one is not None for fault in one.faults]
    print("\n".join(faults) if faults else arguments.say("已核验，未发现问题", "verified, nothing found"))
    return 1 if faults else 0


async def import_offices(arguments: Arguments) -> int:
    """`network import`"""
    from hub.spreadsheets import OFFICES, read_rows
    from office.enrolling import parse_offices
    from office.node import Node, address_of
    from office.sheets import check_address, save_sheets, text_of

    rows = read_rows(arguments.file, OFFICES)
    node = await Node.open(arguments.home, with_pen=False)
    try:
        offices = parse_offices(rows, node.county, node.divisions)
        if not arguments.local:
            check_address(address_of(node.settings))
        save_sheets(node.home.sheets, [])  # a folder that cannot be used refuses before anything is changed
        await node.enrolling.import_offices(offices)
        enrolled = node.books.keyring.offices()
        waiting = [office for office in offices if _has_device(office) and office.office not in enrolled]
        kept = set[OfficeId]() if arguments.anew else await node.enrolling.list_awaited()
        wanting = [office for office in waiting if office.office not in kept]
        sheets: list[Sheet] = []
        for position, office in enumerate(wanting):
            show_progress(position, len(wanting))
            sheets.append(await node.enrolling.issue_code(office, node.books.seat.root.digest))
            save_sheets(node.home.sheets, sheets[-1:])  # one by one: a code without its sheet would wait for nobody
        show_progress(len(wanting), len(wanting))
        names = await unpublished_names(node)
    finally:
        await node.close()
    if not arguments.quiet:
        print("\n".join(text_of(sheet) for sheet in sheets))
    told = arguments.say(
        f"{len(offices)} 个单位，{len(sheets)} 张注册单在 {node.home.sheets}",
        f"{len(offices)} offices, {len(sheets)} sheets in {node.home.sheets}",
    )
    print(told)
    if len(wanting) < len(waiting):
        count = len(waiting) - len(wanting)
        zh = f"{count} 个单位先前的注册单仍然有效，没有重新打印；遗失的请用 network sheet 单位代码 另打一张"
        en = f"{count} offices keep the sheets they have; for one that was lost: network sheet OFFICE"
        print(arguments.say(zh, en))
    return await tell_names(arguments, names) if names else 0


async def list_network(arguments: Arguments) -> int:
    """`network list`"""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        unconfirmed = await node.enrolling.find_unconfirmed(node.books)
        for office in await node.enrolling.list_offices():
            devices = node.books.keyring.devices_of(office.office)
            names = ", ".join(
                f"{device.node}{arguments.say(*_standing(node, device.node, unconfirmed))}" for device in devices
            )
            print(f"{office.office}\t{office.name}\t{names or '—'}")
    finally:
        await node.close()
    return 0


def _standing(node: "Node", device: NodeId, unconfirmed: set[NodeId]) -> tuple[str, str]:
    if node.books.keyring.is_revoked(device):
        return "（已注销）", " (revoked)"
    return ("（待县确认）", " (unconfirmed)") if device in unconfirmed else ("", "")


def _has_device(office: "Office") -> bool:
    """Whether an office works on a device of its own below the county: windows work on the county's."""
    return office.office == seat_of(office.office) and len(office.office) > 6
