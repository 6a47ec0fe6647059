"""`backup`, `restore` and `upgrade`, verbs of every node.

Print no person and no key. Import what they need only when they are asked for. Next: `office.backup`,
`office.restoring`, `office.checking`, `office.cli`.
"""

import argparse
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from office.asking import ASK
from schemas.refusals import Refused

if TYPE_CHECKING:
    from office.cli import Verbs
    from office.restoring import Restored

LIST: Final = "list"

BAR_CHARACTERS: Final = 30
MEBIBYTE: Final = 1024 * 1024


def add_backup(verbs: "Verbs") -> None:
    """Mount them on a command line."""
    say = verbs.say
    summary = say(
        "把本节点的全部内容备份为文件夹中的一个加密文件，节点运行与否均可；35 天以前的备份随之删除。"
        "backup list 文件夹：列出其中的备份",
        "back up everything that this node keeps, as one encrypted file in a folder, whether the node runs or not; "
        "backups older than 35 days are deleted. backup list DIR: what is there",
    )
    backup = verbs.add("backup", back_up, summary, "backup /media/stick")
    backup.add_argument("place", nargs="+", metavar=say("[list] 文件夹", "[list] DIR"))
    without = say("不含附件（照片和 PDF），文件小得多", "leave out photographs and PDF: a much smaller file")
    backup.add_argument("--without-papers", action="store_true", help=without)

    summary = say(
        "把备份恢复到一个新的节点目录；启动后先与上下级补齐，其间只能登记新件。加 --check 只检查备份能否恢复，"
        "不留下任何内容",
        "restore a backup into a new home; after its start the node catches up with its neighbours first, and only "
        "files new cases meanwhile. With --check only find out whether it could be restored, and leave nothing behind",
    )
    restore = verbs.add("restore", restore_backup, summary, "restore tongban-….backup --into /var/lib/tongban/new")
    which = say("备份文件；或文件夹，取其中最新的", "the backup, or a folder: the newest one in it")
    restore.add_argument("file", type=Path, help=which)
    doing = restore.add_mutually_exclusive_group(required=True)
    doing.add_argument("--into", type=Path, help=say("恢复到的节点目录", "the home to restore into"))
    checking = say("只检查，末尾输出一行 JSON", "only check; ends with one JSON line")
    doing.add_argument("--check", action="store_true", help=checking)
    restore.add_argument(
        "--identity",
        type=Path,
        action="append",
        default=[],
        help=say(
            "打开备份的密钥：device.key 或其所在目录、县根密钥，或 backup_recipients 所列公钥的私钥文件；"
            "默认用 --home 和 --into 中的 device.key",
            "the key that opens it: a device.key or its folder, the county's root key, or the private key of one in "
            "backup_recipients; default: the device.key in --home and in --into",
        ),
    )
    replacing = say("目录中已有节点时，将其改名保留", "set the home that is there aside, under another name")
    restore.add_argument("--replace", action="store_true", help=replacing)
    gaps = say(
        "恢复 35 天以前的备份：上下级已清除的正文无法补齐",
        "restore a backup older than 35 days: texts that neighbours have let go of since stay missing",
    )
    restore.add_argument("--accept-gaps", action="store_true", help=gaps)
    database = say(
        "PostgreSQL：恢复到（或借以检查的）空数据库，形如 postgresql+asyncpg://用户@主机/库名",
        "PostgreSQL: the empty database to restore into or to check in, as postgresql+asyncpg://role@host/name",
    )
    restore.add_argument("--database", default="", help=database)
    digest = say("县根摘要：只恢复该县的备份", "the county digest: restore a backup of that county only")
    restore.add_argument("--county", default="", help=digest)

    summary = say(
        "把更早版本写成的数据库接管为本版本：先留副本，失败则恢复原状；run 启动时自动进行，节点须未运行",
        "take over a database that an earlier version wrote: a copy is made first, and put back if anything fails; run "
        "does it by itself. The node must be stopped",
    )
    upgrade = verbs.add("upgrade", upgrade_store, summary)
    bare = say(
        "不留副本：PostgreSQL 客户端程序缺失时用；请先自行备份",
        "make no copy, where PostgreSQL's client programs are missing: make a backup of your own first",
    )
    upgrade.add_argument("--without-copy", action="store_true", help=bare)


async def back_up(arguments: argparse.Namespace) -> int:
    """`backup`"""
    from office.backup import KEPT_DAYS, make_backup

    place: list[str] = arguments.place
    if len(place) == 2 and place[0] == LIST:
        return _list(arguments, Path(place[1]))
    if len(place) != 1:
        raise _one_folder()
    made = await make_backup(
        arguments.home, Path(place[0]), with_papers=not arguments.without_papers, progress=show_bar
    )
    entries = made.manifest.described.tables.get("entries", 0)
    zh = f"已备份：{made.path}（{_megabytes(made.bytes)} MB，{entries} 条）"
    print(arguments.say(zh, f"backed up: {made.path} ({_megabytes(made.bytes)} MB, {entries} entries)"))
    for path in made.deleted:
        zh = f"已删除超过 {KEPT_DAYS} 天的备份：{path.name}"
        print(arguments.say(zh, f"deleted, older than {KEPT_DAYS} days: {path.name}"))
    return 0


def _list(arguments: argparse.Namespace, folder: Path) -> int:
    from office.backup import KEPT_DAYS, list_backups
    from office.clock import SystemClock

    now = SystemClock().now()
    for one in list_backups(folder):
        days = one.days(now)
        late = arguments.say("，已过期", ", too old") if days > KEPT_DAYS else ""
        age = arguments.say(f"{days} 天{late}", f"{days} days{late}")
        print(f"{one.path.name}  {one.office}  {_megabytes(one.bytes)} MB  {age}")
    return 0


def _one_folder() -> Refused:
    return Refused(
        "one_folder",
        "请只写一个文件夹：backup 文件夹，或 backup list 文件夹；本次没有备份。",
        "Name one folder: backup DIR, or backup list DIR. Nothing was backed up.",
    )


async def restore_backup(arguments: argparse.Namespace) -> int:
    """`restore`"""
    from office.restoring import Conditions, restore

    if (ask := ASK.get()) is not None:
        # For its key, and once more for what is in it: whoever sits there types it once.
        ASK.set(cache(ask))
    if arguments.check:
        return await _check(arguments)
    conditions = Conditions(
        replace=arguments.replace,
        accept_gaps=arguments.accept_gaps,
        database=arguments.database,
        county=_county(arguments),
    )
    done = await restore(_backup(arguments), arguments.into, await _identities(arguments), conditions, show_bar)
    for line in _told(arguments, done):
        print(line)
    return 0


def _told(arguments: argparse.Namespace, done: "Restored") -> list[str]:
    say, manifest = arguments.say, done.manifest
    lines = [
        say(
            f"已恢复：{done.home}（{manifest.office} · {manifest.node}，{done.days} 天前的备份）",
            f"restored: {done.home} ({manifest.office} · {manifest.node}, a backup of {done.days} days ago)",
        ),
    ]
    if not _county(arguments):
        zh = f"请与注册单核对县根摘要：{manifest.root}"
        lines.append(say(zh, f"compare the county digest with an enrolment sheet: {manifest.root}"))
    if manifest.papers is None:
        lines.append(
            say(
                "备份不含附件，将按需从上下级取回", "the backup has no papers: they come back from neighbours as needed"
            )
        )
    if done.set_aside is not None:
        lines.append(say(f"原目录保留在：{done.set_aside}", f"what was there is kept in: {done.set_aside}"))
    lines.append(
        say(
            "下一步：run。启动后先与上下级补齐，其间只能登记新件；同一设备的其他副本切勿再启动",
            "next: run. The node catches up with its neighbours first and only files new cases meanwhile; never start "
            "another copy of this device again",
        )
    )
    return lines


async def upgrade_store(arguments: argparse.Namespace) -> int:
    """`upgrade`"""
    from office.node import Node
    from office.upgrading import copy_of

    node = await Node.open(arguments.home, with_pen=False, with_copy=not arguments.without_copy, progress=show_bar)
    try:
        copy = copy_of(node.home, node.settings)
    finally:
        await node.close()
    print(arguments.say("数据库已是本版本", "the database is of this version"))
    if copy.exists():
        print(arguments.say(f"升级前的副本：{copy}", f"copy from before the upgrade: {copy}"))
    return 0


async def _check(arguments: argparse.Namespace) -> int:
    import msgspec

    from office.checking import check
    from office.restoring import scratch_for

    with scratch_for(arguments.home) as scratch:
        identities, county = await _identities(arguments), _county(arguments)
        found = await check(_backup(arguments), identities, scratch, arguments.database, county, show_bar)
    for fault in found.faults:
        print(f"{fault.code}: {fault.where}: {arguments.say(fault.zh, fault.en)}", file=sys.stderr)
    zh = f"{found.journals} 个日志，{found.entries} 条，{found.cases} 件，{found.papers} 份附件："
    en = f"{found.entries} entries in {found.journals} journals, {found.cases} cases, {found.papers} papers: "
    print(arguments.say(f"{zh}{len(found.faults)} 处不符", f"{en}{len(found.faults)} faults"))
    print(msgspec.json.encode(found).decode())
    return 1 if found.faults else 0


def _backup(arguments: argparse.Namespace) -> Path:
    from office.paths import Home
    from office.restoring import newest_in

    file: Path = arguments.file
    if not file.is_dir():
        return file
    replaced = Home(arguments.into) if arguments.into is not None else None
    return newest_in(file, replaced if replaced is not None and replaced.seat.exists() else Home(arguments.home))


async def _identities(arguments: argparse.Namespace) -> list[object]:
    from office.paths import Home
    from office.restoring import load_identities

    files: list[Path] = list(arguments.identity)
    if not files:
        homes = {arguments.home, arguments.into or arguments.home}
        files = [Home(folder).keys for folder in homes if Home(folder).keys.exists()]
    return await load_identities(files)


def _county(arguments: argparse.Namespace) -> str:
    """As stated; else that of the homes at hand."""
    from office.restoring import county_known

    homes: list[Path] = [arguments.into or arguments.home, arguments.home, *arguments.identity]
    return arguments.county or county_known(homes)


def _megabytes(count: int) -> str:
    return f"{count / MEBIBYTE:.1f}"


def show_bar(done: int, total: int) -> None:
    """A bar on a terminal's standard error; nothing where nobody watches."""
    if not sys.stderr.isatty() or not total:
        return
    full = BAR_CHARACTERS * done // total
    bar = "█" * full + "·" * (BAR_CHARACTERS - full)
    end = "\n" if done >= total else ""
    print(f"\r{bar} {100 * done // total:3} %", end=end, file=sys.stderr, flush=True)
