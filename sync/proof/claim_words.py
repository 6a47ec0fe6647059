"""A claim's verdict in plain words, in Chinese or English: what is proved, against whom, and what is not.

Says no more than `sync.proof.claims` has computed. Times are shown at UTC+08:00, the county's.
"""

from collections.abc import Mapping
from typing import Final

from sync.proof.accusing import Accused
from sync.proof.claim_file import Claim
from sync.proof.words import listed, printable, shown_time

_FRAME: Final = {
    "zh": {
        "good": "证明成立。",
        "proved": "已证明：",
        "against": "应由「{office}」（设备 {against}）说明；该设备的登记证书逐级可追溯到本县根密钥。",
        "open": "未证明：",
        "who": "坐在设备前的是谁；钥匙是否被盗用；该设备当时是否已被挂失（请向县里查询挂失位置）。",
        "clock": "所列时间是签名者设备的时钟，可能不准。",
    },
    "en": {
        "good": "The proof holds.",
        "proved": "Proved:",
        "against": "“{office}” (device {against}) has to answer; its certificate leads up to the county's root key.",
        "open": "Not proved:",
        "who": "Who sat at the device; whether its key was stolen; that it had not been reported lost by then (ask "
        "the "
        "county for the position).",
        "clock": "The times shown are those of the signers' clocks, which may be wrong.",
    },
}

PROVED: Final[Mapping[tuple[str, str], tuple[str, str]]] = {
    (Claim.EQUIVOCATION, "two_entries"): (
        "该设备对其日志 {journal} 的第 {seq} 条签过两个不同的内容：同一编号，两个版本。",
        "The device signed two different entries as number {seq} of its journal {journal}: one number, two versions.",
    ),
    (Claim.EQUIVOCATION, "two_roots"): (
        "该设备对其日志 {journal} 的前 {size} 条签过两个不同的树根：给不同的人看了不同的日志。",
        (
            "The device signed two different roots for the first {size} entries of its journal {journal}: it showed "
            "different journals to different people."
        ),
    ),
    (Claim.EQUIVOCATION, "other_tree"): (
        "该设备对其日志 {journal} 前 {size} 条所签的树根，不是它逐条签名的那些条目的树根。",
        (
            "The root that the device signed for the first {size} entries of its journal {journal} is not that of the "
            "entries which it signed one after another."
        ),
    ),
    (Claim.ROLLBACK, "names_less"): (
        "该设备开启日志 {journal} 时，称上一时期 {epoch} 只有 {named} 条，而它此前已签到 {signed} 条。",
        (
            "When the device opened its journal {journal} it named {named} entries of the epoch before, {epoch}, "
            "of which "
            "it had signed {signed}."
        ),
    ),
    (Claim.ROLLBACK, "two_children"): (
        "该设备从同一时期 {epoch} 开启了两本日志：{journal} 和时期 {other}。",
        "The device continued one epoch, {epoch}, twice: in journal {journal} and in epoch {other}.",
    ),
    (Claim.WITHHELD_UP, ""): (
        (
            "它于 {received_at} 签收了日志 {journal} 的前 {receipted} 条；县里于 {stated_at} 签名声明只持有其中 "
            "{held} "
            "条，而当时已收到它自己日志的 {own} 条，该签收条目就在其中，可见线路并未中断。"
        ),
        (
            "At {received_at} it signed for the first {receipted} entries of journal {journal}; at {stated_at} the "
            "county "
            "signed that it holds {held} of them, and {own} entries of the receiver's own journal, that very receipt "
            "among them: the line was not down."
        ),
    ),
    (Claim.WITHHELD_DOWN, ""): (
        (
            "县里于 {listed_at} 列出有条目 {entry} 发往「{seat}」，它自己签名表明已有该条；"
            "「{seat}」在县里 {missing_at} 的信标之后签名声明仍未收到。"
        ),
        (
            "At {listed_at} the county listed entry {entry} as addressed to “{seat}”; it signed itself that it had "
            "it; "
            "after the county's beacon of {missing_at} “{seat}” signed that it still lacked it."
        ),
    ),
    (Claim.ORPHAN_SLIP, "other_entry"): (
        (
            "居民所持回执由该设备于 {slip_at} 签出，写明日志 {journal} 第 {seq} 条的哈希；"
            "该设备另外签名的同一条是别的内容。"
        ),
        (
            "The resident's slip, signed by the device at {slip_at}, names the hash of entry {seq} of journal "
            "{journal}; "
            "what the device signed elsewhere under that number is another entry."
        ),
    ),
    (Claim.ORPHAN_SLIP, "not_reached"): (
        (
            "居民所持回执由该设备于 {slip_at} 签出，是日志 {journal} 的第 {seq} 条；县里于 {stated_at} 签名声明"
            "该日志只收到 {held} 条，已过 72 小时。这是应当查问的提示，不是过错的证明。"
        ),
        (
            "The resident's slip, signed by the device at {slip_at}, is entry {seq} of journal {journal}; at "
            "{stated_at}, "
            "more than 72 hours later, the county signed that it holds {held} entries of it. This is a reason to ask, "
            "not a proof of guilt."
        ),
    ),
    (Claim.FALSE_TIME, "before_beacon"): (
        "日志 {journal} 第 {seq} 条自称写于 {claimed_at}，而该设备在写它之前已经写明收到县里 {known_at} 的信标。",
        (
            "Entry {seq} of journal {journal} claims to be written at {claimed_at}; before it the device had "
            "written that "
            "it had the county's beacon of {known_at}."
        ),
    ),
    (Claim.FALSE_TIME, "before_receipt"): (
        (
            "日志 {journal} 第 {seq} 条自称写于 {claimed_at}，而该设备在写它之前已经写明收到「{holder}」{known_at} "
            "的签收。"
        ),
        (
            "Entry {seq} of journal {journal} claims to be written at {claimed_at}; before it the device had written "
            "that it had the receipt of “{holder}” of {known_at}."
        ),
    ),
    (Claim.FALSE_TIME, "after_receipt"): (
        "日志 {journal} 第 {seq} 条自称写于 {claimed_at}，而「{holder}」已于 {known_at} 签收了它。",
        (
            "Entry {seq} of journal {journal} claims to be written at {claimed_at}; “{holder}” had signed for it at "
            "{known_at}."
        ),
    ),
    (Claim.FALSE_ENROLMENT, ""): (
        (
            "它于 {enrolled_at} 为席位 {seat} 登记了设备 {device}，而该席位原来的设备 {former} 此后仍在工作："
            "它签名写明收到县里 {known_at} 的信标。"
        ),
        (
            "At {enrolled_at} it enrolled device {device} for seat {seat}, while that seat's device {former} was "
            "still at "
            "work afterwards: it signed that it had the county's beacon of {known_at}."
        ),
    ),
    (Claim.FALSE_REVOCATION, ""): (
        (
            "它挂失设备 {device} 时，称日志 {journal} 只有 {named} 条有效，而它自己此前（{received_at}）已签收 "
            "{receipted} 条。"
        ),
        (
            "When it revoked device {device} it let {named} entries of journal {journal} count, of which it had "
            "itself "
            "signed for {receipted} before ({received_at})."
        ),
    ),
    (Claim.COUNTY_DAMAGE, "less"): (
        "县里于 {was_at} 签名声明持有日志 {journal} 的 {was} 条，后来于 {now_at} 却只声明 {now} 条。",
        (
            "At {was_at} the county signed that it held {was} entries of journal {journal}, and later, at "
            "{now_at}, that "
            "it held {now}."
        ),
    ),
    (Claim.COUNTY_DAMAGE, "other"): (
        "县里先后于 {was_at} 和 {now_at} 对日志 {journal} 的前 {was} 条签过两个不同的树根。",
        (
            "At {was_at} and at {now_at} the county signed two different roots for the first {was} entries of journal "
            "{journal}."
        ),
    ),
}

OPEN: Final[Mapping[str, tuple[str, str]]] = {
    Claim.EQUIVOCATION: (
        (
            "哪一个版本属实；是故意，还是磁盘被复制或恢复后继续使用。登记该设备的是「{issuer}」，"
            "县里是否确认过该设备，"
            "本文件不能说明。"
        ),
        (
            "Which version is true; whether it was meant, or the disk was copied or restored and used on. The "
            "device was "
            "enrolled by “{issuer}”; whether the county confirmed it is not in this file."
        ),
    ),
    Claim.ROLLBACK: (
        "是恢复备份、机器损坏，还是有意丢弃；如已登记设备丢失或恢复，这就是其应有的痕迹。",
        (
            "Whether a backup was restored, a machine failed, or something was to be dropped; a loss or restore "
            "that was "
            "registered leaves just this trace."
        ),
    ),
    Claim.WITHHELD_UP: (
        "条目此前从未送到县里：县里若有更早的签收，出示它即可推翻；传输中损坏、正在重取的可能，请查县里的到达记录。",
        (
            "That the entries never reached the county: an earlier receipt of the county for them refutes this; "
            "whether "
            "they were damaged on the way and asked for again is in the county's record of arrivals."
        ),
    ),
    Claim.WITHHELD_DOWN: (
        "村里的声明是否属实；经手者是否其实已送达而村里未予承认。",
        "That the village's statement is true; the office between may have delivered what the village denies.",
    ),
    Claim.ORPHAN_SLIP: (
        "是谁扣下或改动了它；设备可能长期离线、已损坏或丢失。登记该设备的是「{issuer}」。",
        (
            "Who kept or changed it; the device may have been offline for long, broken or lost. It was enrolled by "
            "“{issuer}”."
        ),
    ),
    Claim.FALSE_TIME: (
        "哪一只时钟不准：可能是该设备的，也可能是县里或签收者的；是否故意。",
        "Which clock was wrong, the device's or that of the county or the receiver; whether it was meant.",
    ),
    Claim.FALSE_ENROLMENT: (
        "县里是否另行确认过该登记；原设备此后的签名是否出自盗用其钥匙的人。",
        "That the county never confirmed the enrolment; that the former device's later signatures are not a thief's.",
    ),
    Claim.FALSE_REVOCATION: (
        "它后来是否另以更高的位置更正；县里的确认可能已让这些条目继续有效。",
        "That it did not name a higher position later; the county's confirmation may let the entries count.",
    ),
    Claim.COUNTY_DAMAGE: (
        "是存储损坏、恢复备份，还是有人改动。",
        "Whether the store was damaged, a backup restored, or somebody changed it.",
    ),
}


def claim_verdict(accused: Accused, *, english: bool = False) -> list[str]:
    """Lines for somebody who holds a good claim file."""
    language = 1 if english else 0
    frame = _FRAME["en" if english else "zh"]
    values = {name: _shown(name, value, english=english) for name, value in accused.values.items()}
    proved = PROVED[(accused.claim, accused.form)][language].format(**values)
    against = frame["against"].format(office=accused.office, against=accused.against)
    unproved = [OPEN[accused.claim][language].format(**values), frame["who"], frame["clock"]]
    return [frame["good"], frame["proved"], *listed([proved, against]), frame["open"], *listed(unproved)]


def _shown(name: str, value: str | int, *, english: bool) -> str:
    if isinstance(value, int):
        return shown_time(value) if name.endswith("_at") else str(value)
    if name == "issuer" and not value:
        return "the county's root" if english else "本县根密钥"
    return printable(value)
