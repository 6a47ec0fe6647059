"""`devices`: the computers of the offices below, for the county and for townships: list, replace, revoke, confirm.

Acts that write are done by whoever holds the pen (`office.local`). Prints no case and no person; a sheet is printed
once and kept under `sheets/` until somebody deletes it. Next: `office.devices`, `office.cli`.
"""

import argparse
from datetime import datetime
from typing import TYPE_CHECKING

from office.paths import Home
from schemas.names import Instant, NodeId, OfficeId, OfficerId

if TYPE_CHECKING:
    from office.cli import Arguments, Verbs
    from office.devices import Standing
    from office.enrolling import Sheet
    from office.local import RunningNode
    from office.node import Node


def add_devices(verbs: "Verbs", *, confirms: bool) -> None:
    """Mount `devices` on a command line. `confirms`: at the county, which confirms what townships did."""
    say = verbs.say
    summary = say(
        "下级各单位的设备：最后联系、未送出、县中心是否确认；更换遗失、被盗或损坏的设备",
        "the computers of the offices below: last heard, unsent, confirmed; replace one that is lost, stolen or broken",
    )
    devices = verbs.add("devices", list_devices, summary, "devices replace 510824100205 --reason 电脑被盗")
    group = devices.add_subparsers(title=say("做什么", "what"), metavar="WHAT")
    verbs.share(group.add_parser("list", help=say("列出各单位的设备", "every office's devices")), list_devices)
    _add_replace(verbs, group.add_parser("replace", help=_replacing(verbs)))
    ending = say(
        "只注销，暂不更换：此后由它写入的一概不算", "end a device without a successor: nothing more of it counts"
    )
    revoke = group.add_parser("revoke", help=ending)
    revoke.add_argument("device", help=say("设备名（devices list 所列）", "the device's name, as devices list has it"))
    _add_reason(verbs, revoke)
    verbs.share(revoke, revoke_device)
    if not confirms:
        showing = say(
            "某村忘记口令时，显示其恢复码，供电话告知；记入查看日志",
            "a village forgot its passphrase: show its recovery code, to be read out by telephone; the look is logged",
        )
        _add_recovery(verbs, group.add_parser("recovery-code", help=showing))
    if confirms:
        confirming = say("确认乡镇的登记或注销", "confirm an enrolment or a revocation by a township")
        confirm = group.add_parser("confirm", help=confirming)
        confirm.add_argument("device")
        verbs.share(confirm, confirm_device)


def _add_recovery(verbs: "Verbs", show: argparse.ArgumentParser) -> None:
    say = verbs.say
    show.add_argument("office", help=say("村的代码", "the village"))
    show.add_argument("--officer", required=True, help=say("经办人的登录名", "who reads it out: a login"))
    show.add_argument("--reason", required=True, help=say("谁来电、如何核实身份", "who called, and how you made sure"))
    verbs.share(show, show_recovery_code)


def _replacing(verbs: "Verbs") -> str:
    return verbs.say(
        "一步更换：注销现有设备，并打印新设备的注册单；件和履历由线路自动补回",
        "in one act: end the present device and print its successor's sheet; cases and history come back by the line",
    )


def _add_replace(verbs: "Verbs", parser: argparse.ArgumentParser) -> None:
    from office.cli import add_local

    parser.add_argument("office", help=verbs.say("单位代码", "the office"))
    _add_reason(verbs, parser)
    add_local(verbs, parser)
    verbs.share(parser, replace_device)


def _add_reason(verbs: "Verbs", parser: argparse.ArgumentParser) -> None:
    say = verbs.say
    parser.add_argument(
        "--reason",
        required=True,
        help=say("原因，不写个人信息：各级都会看到", "why, nothing personal: all will read it"),
    )
    parser.add_argument("--officer", default="", help=say("经办人的登录名", "who decided it: a login"))


async def list_devices(arguments: "Arguments") -> int:
    """`devices list`"""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        for one in await node.devices.list_devices():
            words = "；".join(standing_words(one, arguments)) or arguments.say("正常", "works")
            print(f"{one.office}\t{node.office_name(one.office)}\t{one.node}\t{words}")
    finally:
        await node.close()
    return 0


def standing_words(one: "Standing", arguments: "Arguments") -> list[str]:
    """How a device stands, in words."""
    say = arguments.say
    words: list[str] = []
    if one.is_revoked:
        words.append(say(f"已注销：{one.revoked_because}", f"revoked: {one.revoked_because}"))
    elif not one.is_present:
        words.append(say("已由新设备接替", "followed by a new device"))
    if not one.is_confirmed and (one.is_revoked or one.is_present):
        words.append(say("待县中心确认", "not yet confirmed by the county"))
    if one.has_sheet:
        words.append(say("新设备的注册单待用", "a sheet for its successor is out"))
    if one.last_heard is not None:
        words.append(say(f"最后联系 {_minute(one.last_heard)}", f"last heard {_minute(one.last_heard)}"))
    if one.unsent:
        zh = f"已知有 {one.unsent} 条未送到本机"
        words.append(say(zh, f"{one.unsent} entries known and not here"))
    if one.held_back:
        zh = f"注销后收到 {one.held_back} 条，暂扣待核"
        words.append(say(zh, f"{one.held_back} entries came past its end and are held"))
    return words


def _minute(instant: Instant) -> str:
    from schemas.casework.clocks import CHINA_TIME

    return datetime.fromtimestamp(instant / 1000, CHINA_TIME).strftime("%Y-%m-%d %H:%M")


async def replace_device(arguments: "Arguments") -> int:
    """`devices replace`"""
    from office.access_log import COMMAND_LINE
    from office.local import at_the_pen
    from office.node import address_of
    from office.settings import load_settings
    from office.sheets import check_address, save_sheets, text_of

    office, officer = OfficeId(arguments.office), arguments.officer or COMMAND_LINE
    home = Home(arguments.home)
    if not arguments.local:
        check_address(address_of(load_settings(home.settings)))
    save_sheets(home.sheets, [])  # a folder that cannot be used refuses before anything is changed

    async def ready(node: "Node") -> None:
        await node.devices.check_replace(office)

    async def here(node: "Node") -> "Sheet":
        return await node.devices.replace(office, officer, arguments.reason)

    async def there(running: "RunningNode") -> "Sheet":
        return await running.replace(office, arguments.reason, officer)

    sheet = await at_the_pen(arguments.home, here, there, ready=ready)
    save_sheets(home.sheets, [sheet])
    print(arguments.say(f"{office} 的原设备已注销。", f"{office}: its former device is revoked."))
    print(text_of(sheet))
    zh = f"注册单（含二维码）在 {home.sheets}；新设备注册后，该单位的办件和履历自动补回。注册后请删除注册单。"
    en = f"The sheet with its QR code is in {home.sheets}; once the new device is enrolled, its cases come back."
    print(arguments.say(zh, en))
    return 0


async def revoke_device(arguments: "Arguments") -> int:
    """`devices revoke`, and the hub's `network revoke`"""
    from office.access_log import COMMAND_LINE
    from office.devices import checked_reason
    from office.local import at_the_pen

    device = NodeId(arguments.device)
    officer = getattr(arguments, "officer", "") or COMMAND_LINE
    reason = checked_reason(arguments.reason)

    async def ready(node: "Node") -> None:
        await node.enrolling.check_revoke(device)

    async def here(node: "Node") -> None:
        await node.devices.revoke(device, officer, reason)

    async def there(running: "RunningNode") -> None:
        await running.revoke(device, reason, officer)

    await at_the_pen(arguments.home, here, there, ready=ready)
    print(arguments.say("已注销", "revoked"))
    return 0


async def confirm_device(arguments: "Arguments") -> int:
    """`devices confirm`, and the hub's `network countersign`"""
    from office.local import at_the_pen

    device = NodeId(arguments.device)

    async def ready(node: "Node") -> None:
        await node.enrolling.check_countersign(device)

    async def here(node: "Node") -> None:
        await node.enrolling.countersign(device)

    async def there(running: "RunningNode") -> None:
        await running.countersign(device)

    await at_the_pen(arguments.home, here, there, ready=ready)
    print(arguments.say("已确认", "confirmed"))
    return 0


async def show_recovery_code(arguments: "Arguments") -> int:
    """`devices recovery-code`"""
    from office.access_log import AccessLog
    from office.node import Node
    from office.recovery_codes import show_code

    node = await Node.open(arguments.home, with_pen=False)
    try:
        officer = OfficerId(f"{node.seat}/{arguments.officer.strip().lower()}")
        await node.accounts.check_officer(officer)
        log = AccessLog(node.engines.write, node.engines.read, node.clock, node.data_key)
        code = await show_code(node, log, OfficeId(arguments.office), officer, arguments.reason)
    finally:
        await node.close()
    print(code)
    zh = "请电话逐组告知，勿写在纸上、勿用短信；该码只能用一次，用后自动换新。已记入查看日志。"
    en = "Read it out group by group, never by message; it works once and is replaced by itself. The look is logged."
    print(arguments.say(zh, en))
    return 0
