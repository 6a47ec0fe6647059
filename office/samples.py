"""Our own pen for the fair draw: frames, nonces, the reveal, reviews; and the nonce that a township gives by itself.

Each is judged inside the writing transaction against what stands of its sample. The pen, not the caller, says which
nonces the county had when it revealed: one that is left out shows to the township that gave it.
Never draws: `hub.audit.sampling` does. Next: `office.overseeing`, which calls `judge_sample`.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

from msgspec import structs

from schemas.names import OPERATION_BYTES, OfficerId
from schemas.oversight import (
    NONCE_BYTES,
    FileReviewed,
    Overseen,
    SampleAct,
    SampleFramed,
    SampleNonced,
    SampleRevealed,
)
from schemas.oversight_fold import Filed
from schemas.refusals import Refused
from schemas.sample_fold import SampleFile, fold_sample, is_committed

if TYPE_CHECKING:
    from office.node import Node


class SampleRefused(Refused):
    """What may not be said of a sample so."""


class Threaded(Protocol):
    """As much of the casebook as the judgement needs."""

    async def threads(self, wanted: Sequence[bytes]) -> dict[bytes, list[Filed]]:
        """These threads as of this moment of the transaction."""
        ...

    async def overseen(self, kinds: Sequence[str], number: str = "") -> list[Filed]:
        """Everything held of these kinds, of which the number begins so."""
        ...


async def judge_sample(casebook: Threaded, event: SampleFramed | SampleAct, today: date) -> Overseen | None:
    """What to write for it; None: it is written already. Raises `SampleRefused`."""
    if isinstance(event, SampleFramed):
        return await _judge_frame(casebook, event, today)
    sample = fold_sample((await casebook.threads([event.frame]))[event.frame])
    if sample is None:
        raise SampleRefused(
            "unknown_sample",
            "没有这次抽查，没有写入；请用 audit samples 核对期别。",
            "There is no such sample; nothing was written. See audit samples.",
        )
    match event:
        case SampleNonced():
            return _judge_nonce(sample, event, today)
        case SampleRevealed():
            return _judge_reveal(sample, event, today)
        case FileReviewed():
            return _judge_review(sample, event)
        case _:
            return None


async def _judge_frame(casebook: Threaded, event: SampleFramed, today: date) -> SampleFramed:
    if await casebook.overseen([event.kind], event.period):
        raise SampleRefused(
            "sample_framed_already",
            f"{event.period} 的抽查范围已经确定，没有写入；同一期只能抽一次，否则可以反复重抽。",
            f"The sample of {event.period} is framed already; nothing was written. Who may draw twice can choose.",
        )
    if event.nonces_until <= today:
        raise SampleRefused(
            "sample_term",
            "各乡镇提交随机数的截止日应在今天之后，没有写入；请重新填写。",
            "The last day for the townships' nonces must be after today; nothing was written. Give another day.",
        )
    return event


def _judge_nonce(sample: SampleFile, event: SampleNonced, today: date) -> SampleNonced | None:
    if event.office in sample.nonces:
        return None
    if sample.revealed is not None or today > sample.framed.nonces_until or event.office not in sample.framed.townships:
        raise SampleRefused(
            "nonce_too_late",
            "这次抽查的随机数已经截止，或本单位不在抽查范围内，没有写入；抽查照常进行。",
            "The term for nonces is over, or this office is not in the frame; nothing was written. The draw goes on.",
        )
    return event


def _judge_reveal(sample: SampleFile, event: SampleRevealed, today: date) -> SampleRevealed | None:
    if sample.revealed is not None:
        return None
    if not is_committed(event.secret, sample.framed.committed):
        raise SampleRefused(
            "secret_not_committed",
            "所公布的秘密与当时承诺的不符，没有写入；请在作出承诺的县节点上办理，数据恢复后密钥文件须与当时一致。",
            "This secret is not the one that was committed to; nothing was written. Reveal it at the node that framed "
            "the sample, with the key file that it had then.",
        )
    if not sample.is_complete and today <= sample.framed.nonces_until:
        raise SampleRefused(
            "reveal_too_early",
            f"还有乡镇没有提交随机数，{sample.framed.nonces_until} 之后才能公布，没有写入。",
            f"Some townships have not given their nonce; reveal it after {sample.framed.nonces_until}. Nothing was "
            "written.",
        )
    return structs.replace(event, nonces=tuple(sorted(sample.nonces.items())))


def _judge_review(sample: SampleFile, event: FileReviewed) -> FileReviewed | None:
    if sample.revealed is None:
        raise SampleRefused(
            "sample_not_revealed",
            "这次抽查还没有抽出案卷，没有写入；请先公布秘密。",
            "Nothing is drawn yet in this sample; nothing was written. Reveal the secret first.",
        )
    before = sample.reviews.get(event.case, {})
    given = before.get(event.round)
    if given is not None and given.operation == event.operation:
        return None
    others = {one.officer for number, one in before.items() if number != event.round}
    needed = set(range(1, event.round))
    if given is not None or event.officer in others or (event.round == 3 and not needed <= before.keys()):
        raise SampleRefused(
            "review_given",
            "该卷的这一轮评查已经完成，或两轮由同一人评查，或尚未评完两轮，没有写入；请由另一名评查员办理。",
            "This round of the file is reviewed already, or the same officer reviewed it before, or two reviews are "
            "still to come; nothing was written. Let another reviewer do it.",
        )
    return event


async def give_nonces(node: "Node") -> None:
    """The township's part in every draw that waits for it: a number that nobody could foresee, given by the node."""
    from office.overseeing import oversee

    today = node.intake.doorstep.today()
    frames = await node.casebook.overseen([SampleFramed.kind])
    for one in frames:
        framed = one.event
        if not isinstance(framed, SampleFramed) or today > framed.nonces_until or node.seat not in framed.townships:
            continue
        sample = fold_sample((await node.casebook.threads([one.hash]))[one.hash])
        if sample is None or sample.revealed is not None or node.seat in sample.nonces:
            continue
        operation, nonce = node.salts.draw(OPERATION_BYTES), node.salts.draw(NONCE_BYTES)
        given = SampleNonced(operation, node.seat, OfficerId(""), one.hash, nonce)
        await node.publishing.publish(oversee(given))
