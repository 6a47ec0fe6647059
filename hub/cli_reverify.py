"""`audit reverify`: walk over everything that is stored, now, and say what does not fit.

Prints codes, journals and numbers, never what an entry says. Changes nothing but its own digests, and may run while the
hub works. Next: `hub.audit.reverify`.
"""

import argparse
from typing import TYPE_CHECKING, Final

from office.cli import Arguments, Verbs, show_progress

if TYPE_CHECKING:
    from hub.audit.reverify import Pass, Reverified

    Group = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage]

SHOWN_MAX: Final = 50
"""Lines on a screen; all of them, up to 1,000, are in the record."""


def add_reverify(group: "Group", verbs: Verbs) -> None:
    """Mount `reverify` among the verbs of `audit`."""
    say = verbs.say
    about = say(
        "重新核验全部已存条目：哈希链、签名的树根和分段摘要；不带选项时两遍都做",
        "verify every stored entry again: chains, signed roots and segment digests; both passes unless one is named",
    )
    parser = group.add_parser("reverify", help=about)
    chain = say("从内容重算全部哈希链和检查点", "recompute all chains and checkpoints from the content")
    parser.add_argument("--chain", action="store_true", help=chain)
    stretches = say("比对所存字节的分段摘要，并抽查若干条", "compare digests over the stored bytes; prove some entries")
    parser.add_argument("--segments", action="store_true", help=stretches)
    count = say("用几个进程；不填为每个处理器一个", "how many processes; default: one for each processor")
    parser.add_argument("--processes", type=int, default=0, metavar="N", help=count)
    verbs.share(parser, reverify_store)


async def reverify_store(arguments: Arguments) -> int:
    """`audit reverify`"""
    from hub.audit.reverify import Pass, reverify

    wanted = [what for what in Pass if getattr(arguments, what.value)] or list(Pass)
    status = 0
    for what in wanted:
        result = await reverify(arguments.home, what, processes=arguments.processes, progress=show_progress)
        _tell(arguments, what, result)
        status = status or (1 if result.faults else 0)
    return status


def _tell(arguments: Arguments, what: "Pass", result: "Reverified") -> None:
    from hub.audit.reverify import Pass

    say = arguments.say
    if what is Pass.CHAIN:
        zh = f"链：{result.journals} 份日志，{result.entries} 条，{result.checkpoints} 个检查点"
        en = f"chain: {result.journals} journals, {result.entries} entries, {result.checkpoints} checkpoints"
    else:
        zh = f"分段：{result.segments} 段，新作摘要 {result.made} 段；抽查证明 {result.spots} 条"
        en = f"segments: {result.segments}, digests made {result.made}; {result.spots} drawn entries proved"
    print(say(zh, en))
    for fault in result.faults[:SHOWN_MAX]:
        print(f"{fault.code}\t{fault.where}\t{say(fault.zh, fault.en)}")
    if len(result.faults) > SHOWN_MAX:
        more = len(result.faults) - SHOWN_MAX
        zh = f"另有 {more} 处，见 reverified-{what}.json"
        print(say(zh, f"and {more} more: see reverified-{what}.json"))
    if not result.faults:
        print(say("未发现问题", "nothing found"))
