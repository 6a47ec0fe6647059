"""The county's daily statements as a log of their own, for a witness outside: `tlog-tiles`, `tlog-witness` (C2SP).

Without a witness a dishonest county could show two histories (AUDIT 6); with one it cannot, for the witness cosigns one
that only ever grows. A leaf is the body of one `line.beacon`: time, number of journals, root over their heads. Pure:
files as values, requests and answers as texts; whoever carries them is an operator, a stick or any web server.
Never rewrites: what is shorter than a witness has cosigned, or another log, is refused before anything is signed.
Next: `hub.audit.witnessing` (rows and keys), `sync.core.note`.
"""

import base64
from collections.abc import Iterator, Sequence
from typing import Final

from schemas.codec import Malformed
from schemas.refusals import Refused
from sync.core import note
from sync.core.merkle import consistency_proof, leaf_hash, root_of

TILE: Final = 256
"""Hashes in a full tile (tlog-tiles)."""

LEAF_BYTES_MAX: Final = 65_535
"""An entry bundle states each length in 16 bits."""

NAME: Final = "beacons"


class WitnessRefused(Refused):
    """What a witness sent cannot be taken, or what it is to sign cannot be sent."""


def origin_of(county: str) -> str:
    """The log's origin line, and the name of the key under its checkpoints."""
    return f"{county}/{NAME}"


def head_text(county: str, leaves: Sequence[bytes]) -> str:
    """The checkpoint's text for the log as it stands."""
    return note.checkpoint_text(origin_of(county), len(leaves), root_of(leaves))


def files_of(leaves: Sequence[bytes], checkpoint: str) -> Iterator[tuple[str, bytes]]:
    """(path, content) of everything that a static server hands out for the log (tlog-tiles)."""
    yield "checkpoint", checkpoint.encode()
    for number, width in _tiles(len(leaves)):
        some = leaves[number * TILE : number * TILE + width]
        yield f"tile/entries/{_tile_path(number, width)}", b"".join(len(one).to_bytes(2, "big") + one for one in some)
    level, hashes = 0, [leaf_hash(one) for one in leaves]
    while hashes:
        for number, width in _tiles(len(hashes)):
            some = hashes[number * TILE : number * TILE + width]
            yield f"tile/{level}/{_tile_path(number, width)}", b"".join(some)
        # Only full tiles are hashed into the level above.
        span = TILE ** (level + 1)
        full = len(leaves) // span
        hashes = [root_of(leaves[start * span : (start + 1) * span]) for start in range(full)]
        level += 1


def add_checkpoint(leaves: Sequence[bytes], old: int, checkpoint: str) -> str:
    """The body of a witness's `add-checkpoint` request: from the size that it cosigned last to the log as it stands.

    Raises `WitnessRefused` `witness_ahead`: it has cosigned more than the log holds.
    """
    if old > len(leaves):
        raise WitnessRefused(
            "witness_ahead",
            f"见证方已会签 {old} 条，本县日志只有 {len(leaves)} 条：县节点曾恢复到较早的备份，没有写出；"
            "请先用先前导出的文件补回每日声明（audit beacons restore）。",
            f"The witness has cosigned {old} statements, and the county's log holds {len(leaves)}: the county was "
            "restored from an older backup. Nothing was written; bring the missing ones back from an earlier export "
            "first (audit beacons restore).",
        )
    proof = consistency_proof(leaves, old, len(leaves)) if 0 < old < len(leaves) else []
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof)]
    return "\n".join(lines) + "\n\n" + checkpoint


def cosigned(checkpoint: str, answer: bytes, witness: note.VerifierKey) -> tuple[str, bytes, int]:
    """A witness's answer to `add_checkpoint`, read: the checkpoint with its line, the signature, the time in seconds.

    The answer is its signature lines, or the whole note. Whether the signature is the witness's the caller verifies
    over `sync.core.note.cosignature_message`. Raises `WitnessRefused` `no_cosignature`.
    """
    try:
        text = answer.decode()
        whole = text if "\n\n" in text else checkpoint + text
        read = note.parse_note(whole.encode())
        if read.text != note.parse_note(checkpoint.encode()).text:
            raise _no_cosignature()
        packed = read.find_signature(witness)
        if packed is None:
            raise _no_cosignature()
        time_s, signature = note.unpack_cosignature(packed)
    except (Malformed, UnicodeDecodeError) as error:
        raise _no_cosignature() from error
    ours = note.parse_note(checkpoint.encode())
    return note.format_note(read.text, [*ours.signatures, note.signature_line(witness, packed)]), signature, time_s


def leaves_in(files: Sequence[bytes]) -> list[bytes]:
    """The leaves of entry bundles, in the order of the bundles. Raises `WitnessRefused` `not_a_bundle`."""
    leaves: list[bytes] = []
    for content in files:
        at = 0
        while at < len(content):
            size = int.from_bytes(content[at : at + 2], "big")
            leaf = content[at + 2 : at + 2 + size]
            if at + 2 > len(content) or len(leaf) != size or not size:
                raise WitnessRefused(
                    "not_a_bundle",
                    "这不是导出的每日声明文件，或已不完整；请换用另一份导出。",
                    "This is no export of the county's statements, or is incomplete; use another export.",
                )
            leaves.append(leaf)
            at += 2 + size
    return leaves


def _tiles(count: int) -> Iterator[tuple[int, int]]:
    """(number, width) of the tiles that hold so many hashes."""
    for start in range(0, count, TILE):
        yield start // TILE, min(TILE, count - start)


def _tile_path(number: int, width: int) -> str:
    """Where a tile lies: groups of three digits, all but the last with an x; a partial one under its width."""
    groups = [f"{number % 1000:03d}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03d}")
    path = "/".join(groups)
    return path if width == TILE else f"{path}.p/{width}"


def _no_cosignature() -> WitnessRefused:
    return WitnessRefused(
        "no_cosignature",
        "该文件中没有这个见证方对当前检查点的会签，没有记录；请核对见证方公钥，或重新送签。",
        "The file holds no cosignature of this witness over the present checkpoint; nothing was kept. Compare the "
        "witness's key, or ask it again.",
    )
