"""A sample as a file that anybody can draw again: the proved entries of frame and reveal, the list, and what was drawn.

Needs no database and no node: whoever has the county root's digest computes list, commitment, seed and tickets anew and
compares. Names no resident: cases stand by their random ids. Next: `hub.audit.sampling`, `sync.proof`.
"""

from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from hub.audit.database import AuditDatabase
from hub.audit.frames import get_draw, read_list
from hub.audit.sampling import NO_NONCE, Listed, draw_all, list_root, seed_of
from office.node import Node
from schemas.codec import Malformed
from schemas.names import CaseId, OfficeId, parent_seat
from schemas.oversight import SampleFramed, SampleRevealed, decode_overseen
from schemas.refusals import Refused
from schemas.sample_fold import SampleFile, is_committed
from sync.proof.believing import Refused as Unproved
from sync.proof.checking import Proved, check
from sync.proofs import proof_file_for

T = TypeVar("T", SampleFramed, SampleRevealed)

FILE_BYTES_MAX: Final = 64 * 1024 * 1024
"""A quarter of a large county is 100,000 cases of 60 bytes."""


class RedrawRefused(Refused):
    """The file does not prove the draw that it states."""


class DrawnCases(Struct, frozen=True, array_like=True):
    """What was drawn of one stratum, smallest ticket first."""

    township: OfficeId
    risk: str
    cases: list[str]
    """Hexadecimal ids."""


class ListedCase(Struct, frozen=True, array_like=True):
    """One case of the list."""

    township: OfficeId
    risk: str
    case: str
    """Hexadecimal id."""


class SampleDocument(Struct, frozen=True):
    """The file, as JSON."""

    tongban_sample: int
    """Version of this layout: 1."""
    frame: bytes
    """Proof file of the frame's entry (`sync.proof`)."""
    reveal: bytes
    """Proof file of the reveal's entry."""
    listed: list[ListedCase]
    drawn: list[DrawnCases]


class Redrawn(Struct, frozen=True):
    """What a good file proves."""

    period: str
    cases: int
    files: int
    nonces: dict[OfficeId, str]
    """By township, hexadecimal; empty where it gave none in time. Each township compares its own."""


async def document_of(node: Node, audit: AuditDatabase, sample: SampleFile) -> bytes:
    """The file of a sample that is revealed. Raises what `get_draw` and `sync.proofs.proof_file_for` do."""
    drawn = await get_draw(audit, sample)
    revealed = sample.revealed
    assert revealed is not None, "nothing is drawn before the reveal"
    frame, reveal = [await proof_file_for(node.books, one.journal, one.seq) for one in (sample.filed, revealed)]
    listed = await read_list(audit, sample.framed.list_root)
    document = SampleDocument(
        1,
        frame,
        reveal,
        [ListedCase(one.township, one.risk, one.case.hex()) for one in listed],
        [DrawnCases(*key, [case.hex() for case in cases]) for key, cases in sorted(drawn.items())],
    )
    return msgspec.json.format(msgspec.json.encode(document), indent=1)


def redraw(data: bytes, root: str) -> Redrawn:
    """Draw again what a file states. `root`: the 64 hexadecimal digits of the county root's digest.

    Raises `RedrawRefused`: `sample_file_malformed`, `sample_file_unproved`, `sample_file_other_list`,
    `sample_file_other_secret`, `sample_file_other_draw`.
    """
    document, listed, stated = _read(data)
    framed_at, framed = _proved(document.frame, root, SampleFramed)
    _, revealed = _proved(document.reveal, root, SampleRevealed)
    if list_root(listed) != framed.list_root or len(listed) != framed.cases:
        raise RedrawRefused(
            "sample_file_other_list",
            "文件中的名单不是抽查前登记的名单；该次抽取不可信，请向县中心和上级查询。",
            "The list in the file is not the one that was journalled before the draw; ask the county, and those above.",
        )
    if revealed.frame != framed_at.hash or not is_committed(revealed.secret, framed.committed):
        raise RedrawRefused(
            "sample_file_other_secret",
            "公布的秘密与当时的承诺不符；该次抽取不可信，请向县中心和上级查询。",
            "The secret that was revealed is not the one committed to; ask the county, and those above.",
        )
    seed = seed_of(revealed.secret, dict(revealed.nonces), framed.townships, framed_at.hash)
    if draw_all(seed, framed.strata, listed) != stated:
        raise RedrawRefused(
            "sample_file_other_draw",
            "按公布的秘密和随机数重新抽取，结果与文件所载不同；请向县中心和上级查询。",
            "Drawn again from the secret and the nonces, other files come out than the file states; ask the county.",
        )
    given = dict(revealed.nonces)
    nonces = {town: given[town].hex() if given.get(town, NO_NONCE) != NO_NONCE else "" for town in framed.townships}
    files = sum(len(cases) for cases in stated.values())
    return Redrawn(framed.period, len(listed), files, dict(sorted(nonces.items())))


def _read(data: bytes) -> tuple[SampleDocument, list[Listed], dict[tuple[OfficeId, str], list[CaseId]]]:
    try:
        if len(data) > FILE_BYTES_MAX:
            raise ValueError
        document = msgspec.json.decode(data, type=SampleDocument)
        listed = [Listed(one.township, one.risk, CaseId(bytes.fromhex(one.case))) for one in document.listed]
        stated = {
            (one.township, one.risk): [CaseId(bytes.fromhex(case)) for case in one.cases] for one in document.drawn
        }
    except (msgspec.DecodeError, ValueError, RecursionError, UnicodeDecodeError) as error:
        raise _malformed() from error
    if document.tongban_sample != 1 or len(stated) != len(document.drawn):
        raise _malformed()
    return document, listed, stated


def _proved(data: bytes, root: str, kind: type[T]) -> tuple[Proved, T]:
    try:
        proved = check(data, root)
        event = decode_overseen(kind.kind, proved.body or b"") if proved.kind == kind.kind else None
    except (Unproved, Malformed) as error:
        raise _unproved() from error
    if not isinstance(event, kind) or parent_seat(proved.office) is not None:
        raise _unproved()
    return proved, event


def _malformed() -> RedrawRefused:
    return RedrawRefused(
        "sample_file_malformed",
        "这不是抽查文件，或已损坏；请向县中心重新索取。",
        "This is no file of a sample, or it is damaged; ask the county for it again.",
    )


def _unproved() -> RedrawRefused:
    return RedrawRefused(
        "sample_file_unproved",
        "文件中的抽查范围或公布不是本县所签，或县根摘要有误；请核对摘要，或重新索取。",
        "Frame or reveal in the file are not signed by this county, or the digest was mistyped; compare the digest, or "
        "ask for the file again.",
    )
