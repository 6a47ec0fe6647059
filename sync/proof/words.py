"""A verdict in plain words, in Chinese or English: what the file proves, what it does not, and the entry's own text.

Says no more than `sync.proof.checking` has checked. Times are shown at UTC+08:00, the county's.
"""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final, cast

import msgspec

from sync.proof.believing import Refused
from sync.proof.checking import Proved

_CHINA: Final = timezone(timedelta(hours=8))

_ZH: Final = {
    "good": "证明成立。",
    "proved": "已证明：",
    "author": "本条由「{office}」的设备 {author} 写入；该设备的登记证书逐级可追溯到本县根密钥。",
    "number": "它是该设备日志 {journal} 的第 {seq} 条（从 0 起），类型 {kind}，哈希 {hash}。",
    "whole": "内容自写入之后一字未改。",
    "erased": "正文已依法删除，此处只证明其摘要。",
    "attested": "设备对本条单独签名。",
    "covered": "设备对其日志前 {size} 条签名，本条在其中。",
    "held": "「{office}」的设备 {holder} 签名确认：按其时钟于 {time}，已持有该日志前 {size} 条，本条在其中。",
    "open": "未证明：",
    "true": "所述内容是否属实；坐在设备前的是谁。",
    "time": "书写时间。设备自称 {at}，设备时钟可能不准。",
    "last": "此后有没有别的决定；本条是不是最新。",
    "revoked": "该设备当时是否已被挂失（请向县里查询挂失位置）。",
    "text": "正文：",
    "bad": "证明不成立（{code}）。此文件什么也证明不了。",
    "cure": "请向出具文件的机关重新索取，并核对县根摘要。",
}

REASONS: Final = {
    "bad_certificate": "文件中的证书不成立，或签发者不符。",
    "bad_receipt": "文件中的回执不成立，或与本条无关。",
    "bad_signature": "文件中有签名不是所属设备的。",
    "broken_chain": "文件中有条目与已签名的树或链不符。",
    "claim_fails": "文件中各项陈述都有签名，但合在一起并不能证明文件所称的事。",
    "incomplete": "本条缺少正文，也缺少正文的摘要。",
    "malformed": "文件或其中的条目写法不对。",
    "not_a_proof": "这不是证明文件。",
    "other_root": "文件属于另一个县，或县根摘要输入有误。",
    "superfluous": "文件中夹有与所证之事无关的证书或陈述。",
    "too_large": "文件大于任何证明文件所需。",
    "unknown_author": "文件中缺少签名设备的证书。",
    "unknown_claim": "本版本的核验程序不认识文件所称的事，请使用较新的版本。",
    "unproved": "文件中有条目没有签名，也没有证明。",
}
"""Code of a refusal → why, in Chinese; any other code is a part that is not well formed. English refusals say why."""

_EN: Final = {
    "good": "The proof holds.",
    "proved": "Proved:",
    "author": "Device {author} of “{office}” wrote this entry; its certificate leads up to the county's root key.",
    "number": "It is entry {seq} (counted from 0) of the device's journal {journal}, kind {kind}, hash {hash}.",
    "whole": "Its content has not been changed since it was written.",
    "erased": "Its body was lawfully erased; only the body's digest is proved here.",
    "attested": "The device signed this entry by itself.",
    "covered": "The device signed the first {size} entries of its journal, this one among them.",
    "held": "Device {holder} of “{office}” signed: at {time}, by its clock, it held the journal's first {size} "
    "entries, this one among them.",
    "open": "Not proved:",
    "true": "That what it says is true; who sat at the device.",
    "time": "When it was written. The device claims {at}; its clock may be wrong.",
    "last": "That nothing else was decided since, or that this is the latest.",
    "revoked": "That the device had not been reported lost by then (ask the county for the position).",
    "text": "Body:",
    "bad": "The proof does not hold ({code}). This file proves nothing.",
    "cure": "Ask the office that issued it for another, and compare the county root's digest.",
}


def verdict(proved: Proved, *, english: bool = False) -> list[str]:
    """Lines for somebody who holds a good file."""
    words = _EN if english else _ZH
    covered = words["attested"] if proved.covered_by is None else words["covered"].format(size=proved.covered_by)
    shown = [
        words["author"].format(office=proved.office, author=proved.author),
        words["number"].format(
            journal=proved.journal, seq=proved.seq, kind=printable(proved.kind), hash=proved.hash.hex()
        ),
        words["whole"] if proved.body is not None else words["erased"],
        covered,
    ]
    shown += [
        words["held"].format(
            office=held.office, holder=held.holder, time=shown_time(held.time_s * 1000), size=held.size
        )
        for held in proved.holdings
    ]
    unproved = [words["true"], words["time"].format(at=shown_time(proved.at)), words["last"], words["revoked"]]
    lines = [words["good"], words["proved"], *listed(shown), words["open"], *listed(unproved)]
    if proved.body is not None:
        lines += [words["text"], *listed(_fields(proved.body))]
    return lines


def refusal(refused: Refused, *, english: bool = False) -> list[str]:
    """Lines for somebody who holds a bad file."""
    words = _EN if english else _ZH
    reason = refused.hint if english else REASONS.get(refused.code, REASONS["malformed"])
    return [words["bad"].format(code=refused.code), reason, words["cure"]]


def listed(lines: list[str]) -> list[str]:
    """Lines set in as points."""
    return [f"  · {line}" for line in lines]


def shown_time(at_ms: int) -> str:
    """A time in milliseconds for people, at the county's clock; as a number where no calendar has it."""
    try:
        moment = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(_CHINA)
    except (OverflowError, ValueError, OSError):
        return f"{at_ms} ms"
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _fields(body: bytes) -> list[str]:
    """The body's values as they stand, without the meaning that the network's software gives them."""
    try:
        value = msgspec.msgpack.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return [body.hex()]
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    return [printable(each.hex() if isinstance(each, bytes) else str(each)) for each in values]


def printable(text: str) -> str:
    """Nothing in a hostile file may move the cursor of the reader's terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
