"""A courier bundle (信使包) as bytes: one file that carries pages and papers between two neighbours on a stick.

    "TBB1\n" ‖ (length (u32, big endian) ‖ sealed part)*

Part 0 opens to the manifest, a C2SP signed note by the sender's log key: who sends, to whom, when, and the size and
digest of every further part. So each part is judged and taken in alone, whatever became of the others. How a part is
sealed is not known here (`sync.age`), nor what a page does (`sync.ledger`).

Must never: allocate by a length that was only declared, believe a part that the manifest does not name in its place,
or hold a person in a name. Next: `sync.usb` (who writes and reads bundles), `sync.core.note`.
"""

import base64
import re
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from msgspec import Struct

from schemas.codec import PAGE_COMPRESSED_BYTES_MAX, Malformed
from schemas.names import (
    EPOCH_NONCE_BYTES,
    HASH_BYTES,
    NUMBER_MAX,
    Epoch,
    Instant,
    NodeId,
    OfficeId,
    valid_epoch,
    valid_node,
    valid_seat,
)
from schemas.wire import AT_MAX
from sync.core import note
from sync.core.errors import RemoteFault

MAGIC: Final = b"TBB1\n"
VERSION: Final = 1
LENGTH_BYTES: Final = 4

PAGE: Final = "page"
PAPERS: Final = "papers"
CHAIN: Final = "chain"
"""The sender's certificates, first of all: a device below may not have heard of its parent's successor yet."""

PART_BYTES_MAX: Final = PAGE_COMPRESSED_BYTES_MAX
"""One part in clear: the largest frame of a page. It is opened and taken in by itself, in memory."""

SEALED_BYTES_MAX: Final = PART_BYTES_MAX + 16 * 1024
"""One part sealed: age adds 16 bytes for each 64 KiB, and about 200 for each of three recipients."""

BUNDLE_BYTES_MAX: Final = 16 * 1024 * 1024
"""One file. It fits memory twice beside everything else (≤ 200 MiB), any FAT stick and one upload of a browser. What is
more goes into further files; a stick that goes bad in one place spoils one of them."""

BUNDLE_BYTES_MIN: Final = 2 * 1024 * 1024
"""The least that a file may be limited to: one largest part and the manifest always fit."""

PARTS_MAX: Final = 2048
"""Parts in one file: pieces of papers of 8 KiB fill it. 2,048 lines of the manifest are 150 KiB, a note holds 256."""

_TITLE: Final = "tongban bundle "
_EPOCH: Final = re.compile(r"(0|[1-9][0-9]{0,9})-([0-9a-f]{12})")
_NUMBER: Final = re.compile(r"0|-?[1-9][0-9]{0,15}")
_KIND: Final = re.compile(r"[a-z]{1,16}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Part(NamedTuple):
    """What the manifest says of one part: what it is, and its size and SHA-256 in clear."""

    kind: str
    size: int
    digest: bytes


class Manifest(Struct, frozen=True):
    """What a bundle says of itself. `serial` counts the sender's bundles to this receiver in this epoch, from 1."""

    county: str
    """The county's name …"""
    root: str
    """… and the 64 hexadecimal digits of its root's digest."""
    sender: NodeId
    sender_office: OfficeId
    receiver: NodeId
    receiver_office: OfficeId
    at: Instant
    """The sender's clock: a claim. Nobody is refused because of it."""
    epoch: Epoch
    """The sender's writing epoch."""
    serial: int
    is_last: bool
    """Whether everything that waited fitted: if not, another bundle goes on from here."""
    parts: tuple[Part, ...]


# --- the file --------------------------------------------------------------------------------------------------------


def image(sealed: Iterable[bytes]) -> bytes:
    """The file of sealed parts, the manifest's first."""
    return b"".join([MAGIC, *(piece for part in sealed for piece in (len(part).to_bytes(LENGTH_BYTES, "big"), part))])


def split(data: bytes) -> tuple[list[bytes], str]:
    """The sealed parts that are whole, and why there are no more: empty at the end, `bundle_cut` or
    `bundle_part_too_large`.

    Raises `Malformed` for what is no bundle, or holds not even its manifest: `bundle_empty`, `not_a_bundle`,
    `bundle_newer`, `bundle_too_large`, and the two above.
    """
    if not data:
        raise Malformed("bundle_empty", "the file is empty: the stick was pulled out too early; write the bundle again")
    if len(data) > BUNDLE_BYTES_MAX:
        raise Malformed("bundle_too_large", f"a bundle has at most {BUNDLE_BYTES_MAX} bytes; choose the right file")
    if not data.startswith(MAGIC):
        raise _not_ours(data)
    parts: list[bytes] = []
    at, end = len(MAGIC), ""
    while at < len(data) and not end:
        start = at + LENGTH_BYTES
        size = int.from_bytes(data[at:start], "big")
        if start > len(data) or start + size > len(data):
            end = "bundle_cut" if start > len(data) or size <= SEALED_BYTES_MAX else "bundle_part_too_large"
        elif size > SEALED_BYTES_MAX:
            end = "bundle_part_too_large"
        else:
            parts.append(data[start : start + size])
            at = start + size
    if not parts:
        raise ended(end or "bundle_cut")
    return parts, end


def ended(code: str) -> Malformed:
    """The refusal of what follows where a bundle could not be read on."""
    if code == "bundle_part_too_large":
        return Malformed(
            "bundle_part_too_large",
            "the bundle claims a part larger than any can be: it was damaged; write it again or copy it again",
        )
    return Malformed(
        "bundle_cut", "the bundle ends early: the stick was full or pulled out; write it again or copy it again"
    )


def _not_ours(data: bytes) -> Malformed:
    if MAGIC.startswith(data):
        return ended("bundle_cut")
    if re.match(rb"TBB[2-9]\n|TBB[1-9][0-9]+\n", data[:16]):
        return _newer()
    return Malformed(
        "not_a_bundle", "this file is no courier bundle; choose a file whose name ends in .tongban, written by Tongban"
    )


def _newer() -> Malformed:
    return Malformed(
        "bundle_newer",
        "a newer version of this program wrote the bundle; update this node's program, then read it again",
    )


# --- the manifest ----------------------------------------------------------------------------------------------------


def signing_key(manifest: Manifest, log_key: bytes) -> note.VerifierKey:
    """The name and key under a manifest's signature: `<county>/<office>/<node>/bundle`, the sender's log key."""
    name = f"{manifest.county}/{manifest.sender_office}/{manifest.sender}/bundle"
    return note.VerifierKey(name, note.ED25519, log_key)


def manifest_text(manifest: Manifest) -> str:
    """What the sender signs: a line for each statement and for each part."""
    lines = [
        f"{_TITLE}{VERSION}",
        f"county {manifest.county} {manifest.root}",
        f"from {manifest.sender} {manifest.sender_office}",
        f"to {manifest.receiver} {manifest.receiver_office}",
        f"at {manifest.at}",
        f"epoch {manifest.epoch}",
        f"serial {manifest.serial}",
        f"last {'yes' if manifest.is_last else 'no'}",
    ]
    lines += [f"part {part.kind} {part.size} {base64.b64encode(part.digest).decode()}" for part in manifest.parts]
    return "\n".join(lines) + "\n"


def write_manifest(manifest: Manifest, log_key: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Part 0 in clear: the signed note."""
    text = manifest_text(manifest)
    line = note.signature_line(signing_key(manifest, log_key), sign(note.note_message(text)))
    return note.format_note(text, [line]).encode()


def read_manifest(data: bytes) -> tuple[Manifest, note.Note]:
    """What part 0 claims, and the note it stands in. Nothing is verified.

    Raises `Malformed`: `bundle_newer` for a version not known here, `bundle_manifest` for what reads as none.
    """
    if data.startswith(_TITLE.encode()):
        version = data[len(_TITLE) : len(_TITLE) + 8].split(b"\n")[0]
        if version.isdigit() and int(version) > VERSION:
            raise _newer()
    try:
        signed = note.parse_note(data)
        return _manifest_of(signed.text), signed
    except (Malformed, ValueError) as error:
        raise Malformed(
            "bundle_manifest", "the bundle's list of contents is not one; have the bundle written again"
        ) from error


def _manifest_of(text: str) -> Manifest:
    """Raises `ValueError` for other lines than `manifest_text` writes."""
    title, county, sender, receiver, at, epoch, serial, last, *parts = text.removesuffix("\n").split("\n")
    if title != f"{_TITLE}{VERSION}" or len(parts) > PARTS_MAX - 1:
        raise ValueError
    name, root = _words(county, "county", 2)
    from_node, from_office = _words(sender, "from", 2)
    to_node, to_office = _words(receiver, "to", 2)
    manifest = Manifest(
        name,
        root,
        NodeId(from_node),
        OfficeId(from_office),
        NodeId(to_node),
        OfficeId(to_office),
        Instant(_number(_words(at, "at", 1)[0], -AT_MAX, AT_MAX)),
        _epoch(_words(epoch, "epoch", 1)[0]),
        _number(_words(serial, "serial", 1)[0], 1, NUMBER_MAX),
        _words(last, "last", 1)[0] == "yes",
        tuple(_part(line) for line in parts),
    )
    nodes, offices = (manifest.sender, manifest.receiver), (manifest.sender_office, manifest.receiver_office)
    good = all(map(valid_node, nodes)) and all(map(valid_seat, offices)) and _DIGEST.fullmatch(root) is not None
    if not good or manifest_text(manifest) != text:
        raise ValueError
    return manifest


def _words(line: str, name: str, count: int) -> list[str]:
    first, *words = line.split(" ")
    if first != name or len(words) != count or not all(words):
        raise ValueError
    return words


def _number(text: str, low: int, high: int) -> int:
    if _NUMBER.fullmatch(text) is None or not low <= int(text) <= high:
        raise ValueError
    return int(text)


def _epoch(text: str) -> Epoch:
    found = _EPOCH.fullmatch(text)
    if found is None:
        raise ValueError
    epoch = Epoch(int(found[1]), bytes.fromhex(found[2]))
    if not valid_epoch(epoch) or len(epoch.nonce) != EPOCH_NONCE_BYTES:
        raise ValueError
    return epoch


def _part(line: str) -> Part:
    kind, size, digest = _words(line, "part", 3)
    part = Part(kind, _number(size, 1, PART_BYTES_MAX), base64.b64decode(digest, validate=True))
    if _KIND.fullmatch(kind) is None or len(part.digest) != HASH_BYTES:
        raise ValueError
    return part


# --- parts -----------------------------------------------------------------------------------------------------------


def part_of(kind: str, clear: bytes) -> Part:
    """What the manifest will say of a part."""
    return Part(kind, len(clear), sha256(clear).digest())


def check_part(parts: Sequence[Part], index: int, clear: bytes) -> Part:
    """The manifest's line of the part that stands in place `index`, of 0 and more, behind the manifest.

    Raises `RemoteFault`: `bundle_part_misplaced` for a part of this bundle in another's place (repeated, reordered),
    `bundle_part_foreign` for one that is not of this bundle at all.
    """
    stated = parts[index]
    found = part_of(stated.kind, clear)
    if found == stated:
        return stated
    if any(other.digest == found.digest for other in parts):
        raise RemoteFault(
            "bundle_part_misplaced",
            "a part stands in another's place: the file was tampered with or badly copied; copy it again",
        )
    raise RemoteFault(
        "bundle_part_foreign",
        "a part is not the one that the sender signed for: it was damaged or put in by somebody; copy the bundle again",
    )
