"""`doctor`: looks at a node from outside and says what to do. Needs no pen, works beside a running node.

Every finding is one line in Chinese and English. Never changes an entry and never prints a key, a case or a person.
Next: `office.verifying` for the entries themselves.
"""

import shutil
import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

from office.clock import SystemClock
from office.node import Node
from office.paths import Home, WritingLock
from office.seat import load_seat
from office.settings import load_settings
from schemas.codec import Malformed
from sync.core.errors import Fault, LocalFault

DISK_FREE_MIN: Final = 500 * 1024 * 1024
"""A year of a busy village is about 50 MB; half a GB is time enough to act."""

CLOCK_FIRST: Final = 1_735_689_600_000
"""1 January 2025: no copy of this program is older."""

CLOCK_LAST: Final = 4_102_444_800_000
"""1 January 2100."""

SILENCE_MS_MAX: Final = 26 * 3600 * 1000
"""A node talks at least once a day; two hours of grace."""


class Finding(Struct, frozen=True):
    """One thing that was looked at."""

    good: bool
    subject: str
    zh: str
    en: str


async def examine(folder: Path) -> list[Finding]:
    """All findings about the node in `folder`. Total: what cannot be looked at is a finding."""
    home = Home(folder)
    findings = [_clock(), _disk(folder)]
    try:
        load_settings(home.settings)
        seat = load_seat(home)
    except (Fault, Malformed) as fault:
        return [*findings, Finding(False, "seat", fault.hint, fault.hint)]
    findings.append(Finding(True, "seat", f"{seat.office} · {seat.node}", f"{seat.office} · {seat.node}"))
    findings += [_modes(home), _root(home), _running(home)]
    try:
        node = await Node.open(folder, with_pen=False)
    except Exception as error:  # whatever stops a node from opening is what the operator wants to read
        text = error.hint if isinstance(error, Fault | Malformed) else type(error).__name__
        return [*findings, Finding(False, "database", f"无法打开:{text}", f"cannot be opened: {text}")]
    try:
        findings += await _lines(node)
    finally:
        await node.close()
    return findings


def _clock() -> Finding:
    now = SystemClock().now()
    good = CLOCK_FIRST <= now <= CLOCK_LAST
    if good:
        return Finding(True, "clock", "时间正常", "plausible")
    return Finding(False, "clock", "本机日期明显不对,请校时;办件不受影响", "set this computer's date; work goes on")


def _disk(folder: Path) -> Finding:
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return Finding(False, "disk", f"目录不存在:{folder}", f"no such folder: {folder}")
    megabytes = free // 1024 // 1024
    if free >= DISK_FREE_MIN:
        return Finding(True, "disk", f"剩余 {megabytes} MB", f"{megabytes} MB free")
    return Finding(False, "disk", f"仅剩 {megabytes} MB,请清理磁盘", f"{megabytes} MB free: make room")


def _modes(home: Home) -> Finding:
    """Keys are readable by their owner only. Windows keeps other records of that, which the installer sets."""
    open_to_others = [
        path.name
        for path in (home.keys, home.data_key, home.root_key)
        if sys.platform != "win32" and path.exists() and path.stat().st_mode & 0o077
    ]
    if not open_to_others:
        return Finding(True, "keys", "密钥文件权限正常", "readable by their owner only")
    names = ", ".join(open_to_others)
    return Finding(False, "keys", f"{names} 可被他人读取,请改为 600", f"{names} can be read by others: chmod 600")


def _root(home: Home) -> Finding:
    if not home.root_key.exists():
        return Finding(True, "root key", "本机没有县根密钥", "not on this machine")
    return Finding(
        False,
        "root key",
        "县根密钥仍在本机:请转存离线介质两份,核对后从本机删除",
        "the county's root key is still here: copy it to two offline media, check them, delete it here",
    )


def _running(home: Home) -> Finding:
    lock = WritingLock(home.lock)
    try:
        lock.take()
    except LocalFault:
        return Finding(True, "process", "正在运行", "running")
    lock.release()
    return Finding(True, "process", "未在运行", "not running")


async def _lines(node: Node) -> list[Finding]:
    findings: list[Finding] = []
    now = node.clock.now()
    for link in node.books.links.values():
        memory = node.books.memories.get(link.neighbour)
        heard = memory.last_heard if memory is not None else 0
        subject = f"line {link.seat}"
        if link.quarantined:
            zh, en = "曾被恢复,尚未补齐:连上线路即自动补齐", "was restored and is catching up: connect the line"
            findings.append(Finding(False, subject, zh, en))
        elif now - heard > SILENCE_MS_MAX:
            zh, en = f"超过一天未通,待送 {link.waiting()}", f"silent for more than a day, {link.waiting()} waiting"
            findings.append(Finding(False, subject, zh, en))
        else:
            findings.append(Finding(True, subject, f"待送 {link.waiting()}", f"{link.waiting()} waiting"))
    aside = len(await node.store.dispositions())
    found = len(await node.store.evidence())
    findings.append(
        Finding(aside == 0, "quarantine", f"{aside} 条待处理", f"{aside} entries set aside; see the line page")
    )
    findings.append(Finding(found == 0, "findings", f"{found} 条发现", f"{found} findings; see the line page"))
    return findings
