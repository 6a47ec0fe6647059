"""`accounts`, a verb of every node: the people who work there.

Accounts are shared rows, so all of it may be done while the node runs. A password is asked for twice, unseen, or read
from standard input; it is never an argument, which every user of the machine could read. Prints officers, no resident.
Imports what accounts need only when it is asked for. Next: `office.accounts`, `office.cli`.
"""

import argparse
import contextlib
import getpass
import sys
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING

from schemas.names import OfficeId
from schemas.refusals import Refused

if TYPE_CHECKING:
    from office.accounts import Officer
    from office.cli import Verbs
    from office.node import Node
    from schemas.casework.roles import Role

Arguments = argparse.Namespace


def add_accounts(verbs: "Verbs") -> None:
    """Mount `accounts` on a command line."""
    say = verbs.say
    people = say("在本节点工作的人员", "the people who work at this node")
    parser = verbs.add("accounts", list_accounts, people, "accounts add --login zhang …")
    group = parser.add_subparsers(title=say("做什么", "what"), metavar="WHAT")
    making = say(
        "开户；密码当场询问，或用 --password-stdin 读入",
        "make an account; the password is asked for, or read with --password-stdin",
    )
    add = group.add_parser("add", help=making)
    add.add_argument("--login", required=True, help=say("登录时输入的名称", "what is typed at sign-in"))
    _add_facts(verbs, add, is_new=True)
    add.add_argument("--language", default="zh", choices=["zh", "en"])
    password = group.add_parser("password", help=say("重设密码", "set a new password"))
    changing = say(
        "更改姓名、岗位或所属窗口；该人员须重新登录，已办的步骤不变",
        "change name, roles or office; the officer signs in again, acts stay what they are",
    )
    change = group.add_parser("change", help=changing)
    closing = say("停用账号；其已办的步骤不变", "close an account; its acts stay what they are")
    suspend = group.add_parser("suspend", help=closing)
    resume = group.add_parser("resume", help=say("恢复停用的账号，密码不变", "open it again, with the same password"))
    for each in (password, change, suspend, resume):
        each.add_argument("--login", required=True)
    _add_facts(verbs, change, is_new=False)
    for each in (add, password):
        each.add_argument(
            "--password-stdin",
            action="store_true",
            help=say("从标准输入读取密码", "read the password from standard input"),
        )
    verbs.share(add, add_account)
    verbs.share(password, set_password)
    verbs.share(change, change_account)
    verbs.share(suspend, suspend_account)
    verbs.share(resume, resume_account)
    verbs.share(group.add_parser("list", help=say("列出账号", "list them")), list_accounts)


def _add_facts(verbs: "Verbs", parser: argparse.ArgumentParser, *, is_new: bool) -> None:
    """What is known of an officer: needed for a new one."""
    say = verbs.say
    parser.add_argument("--name", required=is_new, help=say("显示在办理步骤旁的姓名", "shown beside acts"))
    roles = "agent, clerk, approver, leader, supervisor, …"
    parser.add_argument(
        "--role",
        required=is_new,
        action="append",
        help=say(
            f"岗位（代办员、经办人、审批人、值班领导、督查等），可重复，须写全：{roles}",
            f"all of them, one by one: {roles}",
        ),
    )
    unless = say("所属窗口；不填即本单位", "the node's office unless named: a department's window")
    moved = say("改属的窗口或本单位", "the window, or this office, that the officer moves to")
    parser.add_argument("--office", help=unless if is_new else moved)


async def add_account(arguments: Arguments) -> int:
    """`accounts add`"""
    roles = _roles(arguments.role)
    async with _opened(arguments) as node:
        office = OfficeId(arguments.office or node.seat)
        password = ask_twice(arguments)
        officer = await node.accounts.add_officer(
            arguments.login, arguments.name, office, roles, password, arguments.language
        )
        is_first = len(await node.accounts.list_officers()) == 1
    print(arguments.say(f"已开户：{officer}", f"added: {officer}"))
    if is_first:
        from office.cli_lock import lock_with_first_account

        await lock_with_first_account(arguments, arguments.login, password)
    return 0


async def set_password(arguments: Arguments) -> int:
    """`accounts password`"""
    async with _opened(arguments) as node:
        officer = await _get_officer(node, arguments.login)
        await node.accounts.set_password(officer.officer, ask_twice(arguments))
    print(arguments.say("已更新", "done"))
    return 0


async def change_account(arguments: Arguments) -> int:
    """`accounts change`"""
    if not (arguments.name or arguments.role or arguments.office):
        raise Refused(
            "nothing_to_change",
            "没有写明要改什么，未作改动；请加 --name、--role 或 --office。",
            "Nothing says what to change, nothing was changed; add --name, --role or --office.",
        )
    roles = _roles(arguments.role) if arguments.role else None
    office = OfficeId(arguments.office) if arguments.office else None
    async with _opened(arguments) as node:
        officer = await _get_officer(node, arguments.login)
        changed = await node.accounts.change_officer(officer.officer, name=arguments.name, office=office, roles=roles)
    print(arguments.say(f"已更改：{changed}", f"changed: {changed}"))
    return 0


async def suspend_account(arguments: Arguments) -> int:
    """`accounts suspend`"""
    async with _opened(arguments) as node:
        await node.accounts.suspend_officer((await _get_officer(node, arguments.login)).officer)
    print(arguments.say("已停用", "done"))
    return 0


async def resume_account(arguments: Arguments) -> int:
    """`accounts resume`"""
    async with _opened(arguments) as node:
        await node.accounts.resume_officer((await _get_officer(node, arguments.login)).officer)
    print(arguments.say("已恢复", "done"))
    return 0


async def list_accounts(arguments: Arguments) -> int:
    """`accounts list`"""
    async with _opened(arguments) as node:
        for one in await node.accounts.list_officers():
            state = "" if one.active else arguments.say("（已停用）", " (closed)")
            print(f"{one.login}\t{one.office}\t{','.join(sorted(one.roles))}\t{one.name}{state}")
    return 0


def _roles(words: Sequence[str]) -> list["Role"]:
    from schemas.casework.roles import Role

    unknown = [word for word in words if word not in set(Role)]
    if unknown:
        raise Refused(
            "unknown_role",
            f"没有岗位 {unknown[0]!r}；请从以下岗位中选择：{'、'.join(Role)}。",
            f"There is no role {unknown[0]!r}; choose from {', '.join(Role)}.",
        )
    return [Role(word) for word in words]


async def _get_officer(node: "Node", login: str) -> "Officer":
    for one in await node.accounts.list_officers():
        if one.login == login.strip().lower():
            return one
    raise Refused(
        "unknown_login",
        "本机没有这个登录名；请用 accounts list 查看。",
        "This node has no such login; see accounts list.",
    )


@contextlib.asynccontextmanager
async def _opened(arguments: Arguments) -> AsyncGenerator["Node"]:
    """The node for its shared rows: beside a running one too, so without the pen."""
    from office.node import Node

    node = await Node.open(arguments.home, with_pen=False)
    try:
        yield node
    finally:
        await node.close()


def ask_twice(arguments: Arguments) -> str:
    """A new password: typed twice, unseen, or read from standard input. Raises `Refused` `password_differs`."""
    if arguments.password_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(arguments.say("密码：", "password: "))
    if getpass.getpass(arguments.say("再输入一次：", "again: ")) != password:
        raise Refused(
            "password_differs",
            "两次输入的密码不一致，未作任何改动；请重新运行。",
            "The two passwords are not the same, nothing was changed; run this again.",
        )
    return password
