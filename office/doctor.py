"""`doctor`: looks at a node from outside and says what to do. Needs no pen, works beside a running node.

Every finding is told in Chinese and in English. Never changes an entry and never prints a key, a case or a person.
Next: `office.verifying` for the entries themselves.
"""

import socket
import sys
from pathlib import Path
from typing import Final

from msgspec import Struct

from office.clock import SystemClock
from office.local import RunningNode
from office.locking import is_lockable
from office.node import Node, is_loopback
from office.paths import Home, WritingLock
from office.seat import load_seat, load_seat_file
from office.sentences import explained, told
from office.settings import Settings, load_settings
from office.storage import FILING_ROOM_BYTES, MEBIBYTE, WARNING_ROOM_BYTES, FolderDisk
from office.web.line import SILENT_MS
from schemas.codec import Malformed
from schemas.refusals import Refused
from sync import second_path
from sync.core.errors import Fault, LocalFault
from sync.failures import fault_of

CLOCK_FIRST: Final = 1_735_689_600_000
"""1 January 2025: no copy of this program is older."""

CLOCK_LAST: Final = 4_102_444_800_000
"""1 January 2100."""

FINDINGS_DAYS: Final = 30
"""Findings are kept for good; those older than this were looked into, or never will be."""

LINE_DOWN: Final = "line_down"
"""Weather: what is saved goes up by itself. `SILENT_MS` says when it is more."""

RUNNING: Final = {True: ("正在运行", "running"), False: ("未在运行", "not running")}


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
        settings = load_settings(home.settings)
        who = _who(home)
    except (Fault, Malformed) as fault:
        return [*findings, Finding(False, "seat", *_told(fault))]
    findings.append(Finding(True, "seat", who, who))
    findings += _lock(home, settings)
    running = _running(home)
    findings += [_modes(home), _root(home), Finding(True, "process", *RUNNING[running])]
    try:
        node = await Node.open(folder, with_pen=False)
    except Exception as error:  # whatever stops a node from opening is what the operator wants to read
        fault = error if isinstance(error, Fault | Malformed) else fault_of(error)
        name = type(error).__name__
        unexpected = (
            f"意外错误 {name}，请运行 verify 并将其输出交技术支持",
            f"{name} was not expected: run verify and report what it prints",
        )
        zh, en = _told(fault) if fault is not None else unexpected
        return [*findings, Finding(False, "database", f"无法打开：{zh}", f"cannot be opened: {en}")]
    try:
        findings += _ballast(node, is_running=running)
        findings += _certificate(node)
        findings += await _lines(node)
        findings += await _line_up(home) if running else []
    finally:
        await node.close()
    return findings


def _who(home: Home) -> str:
    """Office and device. Of a locked folder the keys are not looked at: nobody has unlocked it yet."""
    if home.vault.exists():
        enrolment = load_seat_file(home).chain[-1].enrolment
        return f"{enrolment.office} · {enrolment.node}"
    seat = load_seat(home)
    return f"{seat.office} · {seat.node}"


def _lock(home: Home, settings: Settings) -> list[Finding]:
    """Whether a village's folder is locked; nothing for the nodes above, whose disks are protected otherwise."""
    if home.vault.exists():
        return [Finding(True, "lock", "数据已加密，凭本人密码解锁", "encrypted; everybody's own password unlocks it")]
    if not is_lockable(home, settings):
        return []
    return [
        Finding(
            False,
            "lock",
            "数据尚未加密：下次在页面登录时自动加锁，也可停止节点后运行 lock-store",
            "not encrypted yet: the next sign-in on its page locks it, or stop the node and run lock-store",
        )
    ]


def _told(fault: Fault | Malformed) -> tuple[str, str]:
    """A fault's code and sentence, in Chinese and in English."""
    return f"{fault.code}: {told(fault, 'zh')}", f"{fault.code}: {told(fault, 'en')}"


def _clock() -> Finding:
    now = SystemClock().now()
    good = CLOCK_FIRST <= now <= CLOCK_LAST
    if good:
        return Finding(True, "clock", "时间正常", "plausible")
    return Finding(False, "clock", "本机日期明显不对，请校时；办件不受影响", "set this computer's date; work goes on")


def _disk(folder: Path) -> Finding:
    free = FolderDisk(folder).free_bytes()
    if free is None:
        return Finding(False, "disk", f"目录不存在：{folder}", f"no such folder: {folder}")
    megabytes = free // MEBIBYTE
    if free >= WARNING_ROOM_BYTES:
        return Finding(True, "disk", f"剩余 {megabytes} MB", f"{megabytes} MB free")
    if free >= FILING_ROOM_BYTES:
        return Finding(False, "disk", f"仅剩 {megabytes} MB，请清理磁盘", f"{megabytes} MB free: make room")
    return Finding(
        False,
        "disk",
        f"仅剩 {megabytes} MB：已保存的均完好，办理、回执和收发照常，暂停登记新件；请立即清理磁盘",
        f"{megabytes} MB free: what was saved is safe; decisions, receipts and the line go on, no new case is taken "
        "in; make room now",
    )


def _ballast(node: Node, *, is_running: bool) -> list[Finding]:
    """A running node without its ballast met a full disk, or never had room for it."""
    state = node.storage.state()
    if state.has_ballast is None:
        return []
    if state.has_ballast or not is_running:
        return [Finding(True, "ballast", "备用空间正常或启动时建立", "in its place, or made at the next start")]
    return [
        Finding(
            False,
            "ballast",
            "备用空间已释放：磁盘曾写满，已保存的均完好，办理照常；请清理磁盘，一分钟内自动恢复",
            "given up: the disk was full; what was saved is safe, work goes on; make room, it comes back in a minute",
        )
    ]


def _certificate(node: Node) -> list[Finding]:
    """Browsers believe a certificate only under the names in it; devices do under any (`sync.session`)."""
    if is_loopback(node.settings.host):
        return []
    # Imported here: a village has none, and reading certificates weighs 3 MiB.
    from office.tls import missing_names, names_of

    try:
        missing = ", ".join(missing_names(node.home, names_of(node.settings, socket.gethostname())))
    except LocalFault as fault:
        return [Finding(False, "certificate", *_told(fault))]
    if not missing:
        return [
            Finding(True, "certificate", "已写明本机各名称，或启动时生成", "names this node, or made at the next start")
        ]
    return [
        Finding(
            False,
            "certificate",
            f"证书未写明 {missing}，浏览器会警告：请删除 tls.crt 和 tls.key 后重新启动，或换用含该名称的证书",
            f"it does not name {missing}, so browsers warn: delete tls.crt and tls.key and restart, or put another",
        )
    ]


def _modes(home: Home) -> Finding:
    """Keys are readable by their owner only. Windows keeps other records of that, which the installer sets."""
    open_to_others = [
        path.name
        for path in (home.keys, home.data_key, home.vault, home.root_key, home.certificate_key, home.database)
        if sys.platform != "win32" and path.exists() and path.stat().st_mode & 0o077
    ]
    if not open_to_others:
        return Finding(True, "keys", "密钥文件权限正常", "readable by their owner only")
    names = ", ".join(open_to_others)
    return Finding(False, "keys", f"{names} 可被他人读取，请改为 600", f"{names} can be read by others: chmod 600")


def _root(home: Home) -> Finding:
    if not home.root_key.exists():
        return Finding(True, "root key", "本机没有县根密钥", "not on this machine")
    return Finding(
        False,
        "root key",
        "县根密钥仍在本机：请转存离线介质两份，核对后从本机删除",
        "the county's root key is still here: copy it to two offline media, check them, delete it here",
    )


def _running(home: Home) -> bool:
    lock = WritingLock(home.lock)
    try:
        lock.take()
    except LocalFault:
        return True
    lock.release()
    return False


async def _lines(node: Node) -> list[Finding]:
    findings: list[Finding] = []
    now = node.clock.now()
    for link in node.books.links.values():
        if second_path.is_second(node.books, link):
            continue  # It is used when it must be, and need not be heard of.
        memory = node.books.memories.get(link.neighbour)
        heard = memory.last_heard if memory is not None else 0
        subject = f"line {link.seat}"
        if link.quarantined:
            zh, en = "曾被恢复，尚未补齐：连上线路即自动补齐", "was restored and is catching up: connect the line"
            findings.append(Finding(False, subject, zh, en))
        elif now - heard > SILENT_MS:
            zh = f"超过一天未通，待送 {link.waiting()}：已保存的均完好，请检查网络和对方节点"
            en = f"silent for more than a day, {link.waiting()} waiting and safe: check the network and that node"
            findings.append(Finding(False, subject, zh, en))
        else:
            findings.append(Finding(True, subject, f"待送 {link.waiting()}", f"{link.waiting()} waiting"))
    return [*findings, *await _post(node)]


async def _post(node: Node) -> list[Finding]:
    """What the post set aside and found."""
    aside = await node.store.count_dispositions()
    first = node.clock.now() - FINDINGS_DAYS * 24 * 3600 * 1000
    found = sum(1 for finding in await node.store.evidence() if finding.at >= first)
    quarantine = (f"{aside} 条在隔离区，见“线路”页面", f"{aside} entries set aside; see the line page")
    findings = (
        f"近 {FINDINGS_DAYS} 天有 {found} 条发现，见“线路”页面",
        f"{found} in the last {FINDINGS_DAYS} days; see the line page",
    )
    return [
        Finding(aside == 0, "quarantine", *(quarantine if aside else ("隔离区为空", "empty"))),
        Finding(found == 0, "findings", *(findings if found else (f"近 {FINDINGS_DAYS} 天没有", "none of late"))),
    ]


async def _line_up(home: Home) -> list[Finding]:
    """What only the running node knows: why its line upward does not work."""
    try:
        courier = (await RunningNode.find(home).status()).courier
    except (Refused, LocalFault):
        # Another verb has the pen, or the node is just starting or stopping.
        return []
    if courier is None:
        return []
    if not courier.code:
        return [Finding(True, "line up", "正常", "works")]
    zh, en = (explained(courier.code, courier.hint, language) for language in ("zh", "en"))
    return [Finding(courier.code == LINE_DOWN, "line up", f"{courier.code}：{zh}", f"{courier.code}: {en}")]
