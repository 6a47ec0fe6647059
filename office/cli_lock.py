"""`lock-store`, a verb of the village: lock a folder that still lies plain; and the same with the first account.

A folder becomes a locked one with the first account that is made in it, or at the first sign-in on its page; this verb
does it for one that has accounts already, without waiting for either. Never prints a passphrase, and never keeps one.
Next: `office.locking`.
"""

import argparse
import asyncio
from typing import TYPE_CHECKING

from office.paths import Home, WritingLock
from office.sentences import explained
from office.settings import load_settings
from schemas.refusals import Refused
from sync.core.errors import Fault

if TYPE_CHECKING:
    from office.cli import Verbs

Arguments = argparse.Namespace


def add_lock(verbs: "Verbs") -> None:
    """Mount `lock-store` on a command line."""
    locking = verbs.say(
        "把仍未加密的本机数据加锁：输入一个账号的登录名和密码；须先停止节点",
        "lock a folder that still lies plain, with login and password of one of its accounts; the node must be stopped",
    )
    verbs.add("lock-store", lock_store, locking, "lock-store")


async def lock_store(arguments: Arguments) -> int:
    """`lock-store`"""
    from office.asking import ASK
    from office.locking import is_lockable
    from office.node import Node

    home = Home(arguments.home)
    settings = load_settings(home.settings)
    if not is_lockable(home, settings):
        raise Refused(
            "not_lockable",
            "只有已注册的村设备（使用自己的 SQLite 文件）可以加锁，未作改动；请核对 --home。",
            "Only an enrolled village with its own SQLite file is locked; nothing was changed. Look at --home.",
        )
    if home.vault.exists():
        raise Refused(
            "locked_already",
            "本机数据已经加锁，未作改动；无需再次加锁。",
            "This folder is locked already, nothing was changed; nothing needs to be done.",
        )
    ask = ASK.get()
    assert ask is not None
    login, passphrase = ask()
    node = await Node.open(arguments.home, with_pen=False)
    try:
        # Tried like a sign-in: a passphrase that is no account's would lock everybody out.
        name, _ = await node.accounts.sign_in(login, passphrase, "lock-store")
        await node.accounts.sign_out(name)
    finally:
        await node.close()
    await _lock(home, login, passphrase)
    print(arguments.say("已加锁", "locked"))
    return 0


async def lock_with_first_account(arguments: Arguments, login: str, passphrase: str) -> None:
    """A village's folder that lies plain is locked with the first account. While it runs, its first sign-in does it.

    Not with a later one: those who had accounts before could not open it until that person comes.
    """
    from office.locking import is_lockable

    home = Home(arguments.home)
    if home.vault.exists() or not is_lockable(home, load_settings(home.settings)):
        return
    try:
        await _lock(home, login, passphrase)
    except Fault as fault:
        why_zh, why_en = (explained(fault.code, fault.hint, language) for language in ("zh", "en"))
        said = arguments.say(
            f"本机数据暂未加锁，首次登录时再试：{why_zh}", f"not locked yet, the first sign-in tries again: {why_en}"
        )
    else:
        said = arguments.say("本机数据已加锁，用此密码解锁", "the store is locked; this password opens it")
    print(said)


async def _lock(home: Home, login: str, passphrase: str) -> None:
    from office.locking import lock_home

    lock = WritingLock(home.lock)
    lock.take()
    try:
        vault = await asyncio.to_thread(lock_home, home, load_settings(home.settings), login, passphrase)
        vault.forget()
    finally:
        lock.release()
