"""`bundle`, a verb of every node: work carried on a stick where there is no line (信使包).

Files are handled here, by the process that can reach the stick; the pen and the keys are the node's, running or not
(`office.local`). Reading a folder takes its bundles in their senders' order, whatever the files are called. Prints
offices, counts and codes, no case and no person. Next: `office.bundles`, `office.sticks`.
"""

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from msgspec import Struct

from office.sentences import explained, told
from schemas.codec import Malformed
from schemas.names import NodeId, OfficeId
from schemas.refusals import Refused
from sync.core.errors import Fault

if TYPE_CHECKING:
    from office.bundles import Came, Flawed, Gone, Slip
    from office.cli import Verbs
    from office.local import RunningNode
    from office.node import Node

Arguments = argparse.Namespace
Say = Callable[[str, str], str]
Refusal = Refused | Fault | Malformed
T = TypeVar("T")

SKIPPED: Final = frozenset({"bundle_own", "bundle_for_other"})
"""Bundles that lie on the same stick and are none of ours to read: no trouble."""

STOPPING: Final = frozenset(
    {"busy", "locked", "not_reachable", "other_version", "stopping", "stopped", "not_started", "no_epoch"}
)
"""This node cannot write now, whatever the file: so is every `store_…`."""

MEGABYTE: Final = 1024 * 1024


class BundleDesk(Protocol):
    """A node's bundles, with its pen in this process or in another."""

    async def look(self, data: bytes) -> "Slip":
        """See `office.bundles.Bundles.look`."""
        ...

    async def read(self, data: bytes) -> "Came":
        """See `office.bundles.Bundles.read`."""
        ...

    async def write(self, office: OfficeId | None, bytes_max: int, after: int | None) -> "tuple[Gone, bytes]":
        """See `office.bundles.Bundles.write`."""
        ...

    async def keep(self, receiver: NodeId, serials: Sequence[int]) -> list[str]:
        """See `office.bundles.Bundles.keep`."""
        ...


class HereDesk:
    """The pen is in this process."""

    def __init__(self, node: "Node") -> None:
        self._bundles = node.bundles

    async def look(self, data: bytes) -> "Slip":
        """See `BundleDesk`."""
        return await self._bundles.look(data)

    async def read(self, data: bytes) -> "Came":
        """See `BundleDesk`."""
        return await self._bundles.read(data)

    async def write(self, office: OfficeId | None, bytes_max: int, after: int | None) -> "tuple[Gone, bytes]":
        """See `BundleDesk`."""
        return await self._bundles.write(self._bundles.receiver(office), bytes_max=bytes_max, after=after)

    async def keep(self, receiver: NodeId, serials: Sequence[int]) -> list[str]:
        """See `BundleDesk`."""
        return await self._bundles.keep(receiver, serials, "stick")


class ThereDesk:
    """The pen is in a running node."""

    def __init__(self, running: "RunningNode") -> None:
        self._running = running

    async def look(self, data: bytes) -> "Slip":
        """See `BundleDesk`."""
        from office.bundles import Slip
        from office.web.local_bundles import BUNDLE_TYPE, LOOK_PATH

        return self._running.understand(await self._running.send(LOOK_PATH, data, BUNDLE_TYPE), Slip)

    async def read(self, data: bytes) -> "Came":
        """See `BundleDesk`."""
        from office.bundles import Came
        from office.web.local_bundles import BUNDLE_TYPE, READ_PATH

        return self._running.understand(await self._running.send(READ_PATH, data, BUNDLE_TYPE), Came)

    async def write(self, office: OfficeId | None, bytes_max: int, after: int | None) -> "tuple[Gone, bytes]":
        """See `BundleDesk`."""
        import msgspec

        from office.bundles import Gone
        from office.web.local_bundles import WRITE_PATH, Write

        made = await self._running.send(WRITE_PATH, msgspec.json.encode(Write(office, bytes_max, after)))
        return msgspec.msgpack.decode(made, type=tuple[Gone, bytes])

    async def keep(self, receiver: NodeId, serials: Sequence[int]) -> list[str]:
        """See `BundleDesk`."""
        import msgspec

        from office.web.local_bundles import KEEP_PATH, Keep

        named = await self._running.send(KEEP_PATH, msgspec.json.encode(Keep(receiver, list(serials))))
        return self._running.understand(named, list[str])


# --- the verbs -------------------------------------------------------------------------------------------------------


def add_bundle(verbs: "Verbs") -> None:
    """Mount `bundle read`, `bundle write` and `bundle reply` on a command line."""
    say = verbs.say
    summary = say(
        "用 U 盘往来传送（信使包）：写出、读入、写回执；节点运行与否均可",
        "carry work on a stick where there is no line: write, read, answer; beside a running node or without one",
    )
    parser = verbs.add_bare("bundle", summary, "bundle write /media/usb")
    group = parser.add_subparsers(title=say("做什么", "what"), metavar="WHAT", required=True)
    folder = say("U 盘上的文件夹", "a folder on the stick")

    read = group.add_parser("read", help=say("读入 U 盘上写给本单位的信使包", "take in the bundles for this office"))
    read.add_argument("folder", type=Path, help=say("U 盘上的文件夹，或一个信使包文件", "a folder, or one bundle file"))
    verbs.share(read, read_bundles)

    writing = say(
        "将对方尚未确认的全部写到 U 盘；默认写给上级",
        "write all that the receiver has not acknowledged; to the office above unless --to names another",
    )
    write = group.add_parser("write", help=writing)
    write.add_argument("folder", type=Path, help=folder)
    write.add_argument("--to", help=say("收件单位：上级或直接下级的代码", "the office above or one directly below"))
    silent = say(
        "村级节点用：乡镇长时间没有音讯时直接写给县中心；只含本村自己的记录，县读入后用 bundle reply 写回执",
        "at a village whose township is silent: straight to the county, this village's own records alone; the county "
        "answers with bundle reply",
    )
    write.add_argument("--county", action="store_true", help=silent)
    _add_size(verbs, write)
    verbs.share(write, write_bundles)

    answering = say(
        "读入 U 盘上的信使包，并给每个来件单位写回执、结果和待送内容",
        "take in the bundles on the stick, and write to each of their senders: receipts, results, whatever waits",
    )
    reply = group.add_parser("reply", help=answering)
    reply.add_argument("folder", type=Path, help=folder)
    _add_size(verbs, reply)
    verbs.share(reply, reply_bundles)


def _add_size(verbs: "Verbs", parser: argparse.ArgumentParser) -> None:
    size = verbs.say(
        "每个文件的上限，兆字节，2 至 16（默认 %(default)s）；旧 U 盘可取小些，写不下的放进下一个文件",
        "the most that one file may hold, in MB, 2 to 16 (default: %(default)s); what is more goes into further files",
    )
    parser.add_argument("--bytes-max", type=int, default=16, metavar="MB", help=size)


async def read_bundles(arguments: Arguments) -> int:
    """`bundle read`"""

    async def work(desk: BundleDesk) -> list[File]:
        return await read_folder(desk, arguments.folder)

    files = await _at(arguments.home, work)
    _print_read(files, arguments.say)
    return 1 if any(file.is_bad for file in files) else 0


async def write_bundles(arguments: Arguments) -> int:
    """`bundle write`"""

    async def work(desk: BundleDesk) -> "list[Gone]":
        office = OfficeId(arguments.to) if arguments.to else None
        if arguments.county:
            from office.bundles import COUNTY

            office = COUNTY
        return await write_folder(desk, arguments.folder, office, arguments.bytes_max * MEGABYTE)

    _print_written(await _at(arguments.home, work), arguments.say)
    return 0


async def reply_bundles(arguments: Arguments) -> int:
    """`bundle reply`"""

    async def work(desk: BundleDesk) -> "tuple[list[File], list[Gone]]":
        files = await read_folder(desk, arguments.folder)
        offices = sorted({file.slip.office for file in files if file.slip is not None})
        written: list[Gone] = []
        for office in offices:
            written += await write_folder(desk, arguments.folder, office, arguments.bytes_max * MEGABYTE)
        return files, written

    files, written = await _at(arguments.home, work)
    _print_read(files, arguments.say)
    _print_written(written, arguments.say)
    if not written:
        raise Refused(
            "bundle_nothing_to_answer",
            "文件夹中没有写给本单位、能读入的信使包，没有写回执；要主动写给下级，请用 bundle write 加 --to。",
            "There is no bundle for this office here that could be read, so no answer was written. To write first, use "
            "bundle write with --to.",
        )
    return 1 if any(file.is_bad for file in files) else 0


async def _at(home: Path, work: Callable[[BundleDesk], Awaitable[T]]) -> T:
    from office.local import at_the_pen

    async def here(node: "Node") -> T:
        done = await work(HereDesk(node))
        await node.receiving.receive()
        return done

    async def there(running: "RunningNode") -> T:
        return await work(ThereDesk(running))

    return await at_the_pen(home, here, there)


# --- a folder --------------------------------------------------------------------------------------------------------


class File(Struct):
    """What became of one file of a folder."""

    name: str
    slip: "Slip | None" = None
    came: "Came | None" = None
    refusal: Refusal | None = None

    @property
    def is_skipped(self) -> bool:
        """Whether it is none of ours to read."""
        return self.refusal is not None and self.refusal.code in SKIPPED

    @property
    def is_bad(self) -> bool:
        """Whether somebody has to do something about it."""
        flawed = self.came is not None and bool(self.came.flaws)
        return flawed or (self.refusal is not None and not self.is_skipped)


async def read_folder(desk: BundleDesk, folder: Path) -> list[File]:
    """Take in every bundle for us that lies in a folder, each sender's in its order.

    A file that is none, or is bad, is named and the others are read. Raises the refusal of a stick that is gone, and of
    a node that cannot write.
    """
    from office.sticks import bundles_in, read_bundle

    paths = {path.name: path for path in bundles_in(folder)}
    files = [File(name) for name in paths]
    for file in files:
        file.slip = await _tried(file, desk.look, read_bundle(paths[file.name]))
    ours = [file for file in files if file.slip is not None]
    ours.sort(key=_order)
    for file in ours:
        file.came = await _tried(file, desk.read, read_bundle(paths[file.name]))
    return files


async def _tried(file: File, work: Callable[[bytes], Awaitable[T]], data: bytes) -> T | None:
    try:
        return await work(data)
    except (Refused, Fault, Malformed) as refusal:
        if refusal.code in STOPPING or refusal.code.startswith("store_"):
            raise
        file.refusal = refusal
        return None


def _order(file: File) -> tuple[object, ...]:
    slip = file.slip
    assert slip is not None
    return slip.sender, slip.epoch, slip.serial


async def write_folder(desk: BundleDesk, folder: Path, office: OfficeId | None, bytes_max: int) -> "list[Gone]":
    """Write all that waits for an office into a folder, in as many files as it takes; older ones of ours then go."""
    from office.sticks import check_folder, remove_older, write_bundle

    check_folder(folder)
    written: list[Gone] = []
    after: int | None = None
    while after is None or not written[-1].is_last:
        gone, data = await desk.write(office, bytes_max, after)
        write_bundle(folder, gone.name, data)
        written.append(gone)
        after = gone.serial
    older = await desk.keep(written[0].receiver, [gone.serial for gone in written])
    remove_older(folder, written[-1].name, older)
    return written


# --- words -----------------------------------------------------------------------------------------------------------


def _print_read(files: Sequence[File], say: Say) -> None:
    for file in files:
        came = file.came
        if came is not None:
            zh = f"{file.name}：来自 {came.slip.office}，收下 {came.admitted} 条新记录"
            print(say(zh, f"{file.name}: from {came.slip.office}, {came.admitted} new entries taken in"))
            for note in notes_of(came, say):
                print(f"  {note}")
            for flaw in came.flaws:
                print(f"  {flaw.code}: {flaw_words(flaw, say)}", file=sys.stderr)
        elif file.refusal is not None and not file.is_skipped:
            words = say(told(file.refusal, "zh"), told(file.refusal, "en"))
            print(f"{file.name}: {file.refusal.code}: {words}", file=sys.stderr)
    others = sum(1 for file in files if file.is_skipped)
    if others:
        zh = f"另有 {others} 个文件是写给其他单位的，没有动。"
        print(say(zh, f"{others} more files are for other offices and were left alone."))
    if not files:
        print(say("文件夹中没有信使包。", "There is no bundle in this folder."))


def notes_of(came: "Came", say: Say) -> list[str]:
    """What is told of a bundle besides what is wrong with it."""
    from office.bundles import NOTES

    return [say(*NOTES[code]) for code in came.notes if code in NOTES]


def flaw_words(flaw: "Flawed", say: Say) -> str:
    """Which parts were not taken in, and why."""
    words = say(explained(flaw.code, flaw.hint, "zh"), flaw.hint)
    if not flaw.part:
        return words
    last = flaw.part + flaw.count - 1
    zh, en = (f"第 {flaw.part} 部分", f"part {flaw.part}")
    if flaw.count > 1:
        zh, en = (f"第 {flaw.part} 至 {last} 部分", f"parts {flaw.part} to {last}")
    return say(f"{zh}没有收下：{words}", f"{en} not taken in: {words}")


def _print_written(written: "Sequence[Gone]", say: Say) -> None:
    for gone in written:
        size = f"{max(1, gone.size // 1024):,} kB"
        zh, en = f"{gone.entries} 条，涉及 {gone.cases} 件", f"{gone.entries} entries about {gone.cases} cases"
        if gone.papers:
            zh, en = f"{zh}，附件 {gone.papers} 份", f"{en}, {gone.papers} papers"
        elif not gone.entries:
            zh, en = "只有回执和确认", "receipts and acknowledgements only"
        zh = f"已写入 {gone.name}（{size}）：写给 {gone.office}，{zh}"
        print(say(zh, f"written {gone.name} ({size}): for {gone.office}, {en}"))
    if written:
        print(
            say(
                "请安全弹出 U 盘。对方读入并带回回执之前，这些内容只在本机和 U 盘上，请勿清除。",
                "Eject the stick properly. Until the receiver has read it and its answer is back, this is only on this "
                "computer and on the stick: erase neither.",
            )
        )
