"""The texts that people and other programs can check: C2SP signed notes, checkpoints, cosignatures and tlog-proofs.

On the line a checkpoint is only (size, root, signature); this module makes the text that was signed, and reads and
writes the full texts for export, for witnesses and for the stand-alone verifier. It knows formats and key hashes, not
private keys.

Must never: sign or verify (that is `sync.keys`), do I/O, or hand out a note's text as if it were proved: what
`parse_note` returns is a claim until a signature of a known key has been verified over `Note.text`.
Look next: `merkle.py` (what root and path mean), `sync/keys.py`, `sync/proof/`. Sources: C2SP `signed-note` v1,
`tlog-checkpoint` v1, `tlog-cosignature` v1, `tlog-proof` v1; base 64 is RFC 4648 section 4, read strictly.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Final, NamedTuple

from schemas.codec import Malformed
from schemas.names import HASH_BYTES, JournalId, OfficeId

ED25519 = 0x01
"""Signature type of a plain Ed25519 signature over the note's text: a node's log key under its own checkpoint."""

COSIGNATURE = 0x04
"""Signature type of a timestamped Ed25519 cosignature: a node's cosigner key under somebody else's checkpoint."""

KEY_HASH_BYTES = 4
PUBLIC_KEY_BYTES = 32
ED25519_SIGNATURE_BYTES = 64
COSIGNATURE_BYTES = 8 + ED25519_SIGNATURE_BYTES

NOTE_BYTES_MAX = 256 * 1024
"""A whole note. Readers must take 16 signatures and post-quantum ones reach 5 kB; in base 64 those are 107 KiB."""

SIGNATURES_MAX = 100
"""Signature lines in a note; the reference implementation's cap. Ours carry two or three."""

PATH_MAX = 63
"""Hashes in an inclusion proof: one for each level of a tree of at most 2^63 leaves."""

NUMBER_MAX = 2**63 - 1
"""Sizes, indexes and cosignature times: what the specifications and a SQL bigint can hold."""

_DASH = "\N{EM DASH} "
_PROOF_TITLE = "c2sp.org/tlog-proof@v1"


class VerifierKey(NamedTuple):
    """What someone needs to check one signer: the key's name, its signature type and the 32-byte public key."""

    name: str
    algorithm: int
    public_key: bytes


class SignatureLine(NamedTuple):
    """One signature under a note, not yet checked. `key_hash` (4 bytes) and `name` together say which key made it.

    For `COSIGNATURE` the signature's bytes are the time (8 bytes) and the Ed25519 signature: `unpack_cosignature`.
    """

    name: str
    key_hash: bytes
    signature: bytes


class Note(NamedTuple):
    """A text that ends in a newline, and the signatures under it, none of them checked."""

    text: str
    signatures: tuple[SignatureLine, ...]

    def find_signature(self, key: VerifierKey) -> bytes | None:
        """The signature that claims to be by `key`, or None. Of several by one key the first counts."""
        wanted = key_hash(key.name, key.algorithm, key.public_key)
        for line in self.signatures:
            if line.name == key.name and line.key_hash == wanted:
                return line.signature
        return None


class TreeHead(NamedTuple):
    """What a checkpoint's text states: the log (origin), how many leaves, their 32-byte root; further lines unread."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


class TlogProof(NamedTuple):
    """A tlog-proof: a leaf's number (from 0) and its path (lowest hash first) to the root of a checkpoint.

    `checkpoint` is the signed note, verbatim. `extra` is opaque and proved by nothing: context for the reader only.
    """

    leaf_index: int
    path: tuple[bytes, ...]
    checkpoint: str
    extra: bytes | None = None


# --- keys ----------------------------------------------------------------------------------------------------------


def key_hash(name: str, algorithm: int, public_key: bytes) -> bytes:
    """The 4 bytes that name a key in a signature line: SHA-256(name ‖ 0x0A ‖ signature type ‖ public key), cut."""
    return sha256(name.encode() + b"\n" + bytes((algorithm,)) + public_key).digest()[:KEY_HASH_BYTES]


def format_vkey(key: VerifierKey) -> str:
    """The key as one line of text, to be published or printed. Raises `Malformed` for an impossible name or key."""
    _check_key(key)
    material = base64.b64encode(bytes((key.algorithm,)) + key.public_key).decode()
    return f"{key.name}+{key_hash(*key).hex()}+{material}"


def parse_vkey(text: str) -> VerifierKey:
    """Read a verifier key. Raises `Malformed` when it is damaged or of a signature type not used here."""
    parts = text.split("+", 2)  # base 64 may itself contain a plus
    if len(parts) != 3:
        raise Malformed("malformed_vkey", "a verifier key is <name>+<8 hexadecimal digits>+<base 64>; copy it again")
    name, hexadecimal, material = parts
    raw = _from_base64(material, "malformed_vkey")
    key = VerifierKey(name, raw[0] if raw else 0, raw[1:])
    _check_key(key)
    if key_hash(*key).hex() != hexadecimal:
        raise Malformed("malformed_vkey", "the verifier key's parts do not belong together; copy the whole line again")
    return key


def _check_key(key: VerifierKey) -> None:
    _check_name(key.name)
    if key.algorithm not in (ED25519, COSIGNATURE):
        raise Malformed(
            "unknown_algorithm", "only Ed25519 (1) and Ed25519 cosignatures (4) are used here; ask for such a key"
        )
    if len(key.public_key) != PUBLIC_KEY_BYTES:
        raise Malformed("malformed_vkey", "an Ed25519 public key has 32 bytes; copy the verifier key again")


# --- checkpoints and what is signed --------------------------------------------------------------------------------


def origin_line(county: str, office: OfficeId, journal: JournalId) -> str:
    """First line of a journal's checkpoints, and the name of the key under them: `<county>/<office>/<device>/<epoch>`.

    RULINGS A5: the epoch is part of the name, so sizes of two epochs can never be mistaken for each other.
    """
    return f"{county}/{office}/{journal}"


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """The text of a checkpoint: origin, size and root, a line each. Raises `Malformed` for what cannot be stated."""
    if not origin or _has_control(origin) or not 0 <= size <= NUMBER_MAX or len(root) != HASH_BYTES:
        raise Malformed("malformed_checkpoint", "a checkpoint needs an origin of one line, a size and a 32-byte root")
    return f"{origin}\n{size}\n{_to_base64(root)}\n"


def parse_checkpoint_text(text: str) -> TreeHead:
    """Read a checkpoint's text (`Note.text`). Raises `Malformed`; lines after the third are kept as `extensions`."""
    lines = text.split("\n")
    if len(lines) < 4 or lines.pop() != "" or not all(lines) or _has_control("".join(lines)):
        raise Malformed("malformed_checkpoint", "a checkpoint is at least three full lines; fetch it again")
    origin, size, root, *extensions = lines
    digest = _from_base64(root, "malformed_checkpoint")
    if len(digest) != HASH_BYTES:
        raise Malformed("malformed_checkpoint", "a checkpoint's root has 32 bytes; fetch it again")
    return TreeHead(origin, _from_decimal(size, "malformed_checkpoint"), digest, tuple(extensions))


def note_message(text: str) -> bytes:
    """What a plain Ed25519 note signature (type 1) is made over: the text with its last newline."""
    return text.encode()


def cosignature_message(time_s: int, text: str) -> bytes:
    """What a cosignature (type 4) is made over: its own heading, the time in seconds since 1970, the checkpoint's text.

    Raises `Malformed` for a time before 1970.
    """
    if not 0 <= time_s <= NUMBER_MAX:
        raise Malformed("malformed_cosignature", "a cosignature's time is in seconds since 1970; set the clock")
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def pack_cosignature(time_s: int, signature: bytes) -> bytes:
    """The bytes of a cosignature in its line: time (8 bytes, big-endian) and the 64-byte Ed25519 signature."""
    return time_s.to_bytes(8, "big") + signature


def unpack_cosignature(packed: bytes) -> tuple[int, bytes]:
    """Time in seconds and the Ed25519 signature. Raises `Malformed` for another length or an impossible time."""
    time_s = int.from_bytes(packed[:8], "big")
    if len(packed) != COSIGNATURE_BYTES or time_s > NUMBER_MAX:
        raise Malformed("malformed_cosignature", "a cosignature has 72 bytes, the time first; fetch the note again")
    return time_s, packed[8:]


# --- notes ---------------------------------------------------------------------------------------------------------


def signature_line(key: VerifierKey, signature: bytes) -> SignatureLine:
    """The line for a signature just made by `key` (for `COSIGNATURE`: already packed with its time)."""
    return SignatureLine(key.name, key_hash(*key), signature)


def format_note(text: str, signatures: Sequence[SignatureLine]) -> str:
    """A whole note. `text` must end in a newline. Raises `Malformed` where the result could not be read back."""
    lines: list[str] = []
    for line in signatures:
        _check_name(line.name)
        lines.append(f"{_DASH}{line.name} {_to_base64(line.key_hash + line.signature)}\n")
    note = f"{text}\n{''.join(lines)}"
    parse_note(note.encode())
    return note


def parse_note(data: bytes) -> Note:
    """Split a note into text and signatures. Raises `Malformed`. Nothing is verified: the text is only a claim."""
    if len(data) > NOTE_BYTES_MAX:
        raise Malformed("too_large", f"a signed note has at most {NOTE_BYTES_MAX} bytes; fetch it from its owner")
    try:
        whole = data.decode()
    except UnicodeDecodeError as error:
        raise Malformed("malformed_note", "a signed note is UTF-8 text; fetch it again") from error
    body, blank, tail = whole.rpartition(
        "\n\n"
    )  # the last empty line divides; the text may have empty lines of its own
    lines = tail.split("\n")
    if not blank or lines.pop() != "" or not lines or _has_control(whole.replace("\n", "")):
        raise Malformed("malformed_note", "a signed note is text, an empty line and signature lines; fetch it again")
    if len(lines) > SIGNATURES_MAX:
        raise Malformed("malformed_note", f"at most {SIGNATURES_MAX} signatures are read; send the ones that matter")
    return Note(body + "\n", tuple(_parse_signature_line(line) for line in lines))


def _parse_signature_line(line: str) -> SignatureLine:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise Malformed(
            "malformed_note", "a signature line is an em dash, a key name and base 64; fetch the note again"
        )
    _check_name(name)
    raw = _from_base64(encoded, "malformed_note")
    if len(raw) <= KEY_HASH_BYTES:
        raise Malformed("malformed_note", "a signature line holds a key hash and a signature; fetch the note again")
    return SignatureLine(name, raw[:KEY_HASH_BYTES], raw[KEY_HASH_BYTES:])


# --- tlog-proof ----------------------------------------------------------------------------------------------------


def format_proof(proof: TlogProof) -> str:
    """The proof as a `.tlog-proof` text. Raises `Malformed` where the result could not be read back."""
    lines = [_PROOF_TITLE]
    if proof.extra is not None:
        lines.append(f"extra {_to_base64(proof.extra)}")
    lines.append(f"index {proof.leaf_index}")
    lines.extend(_to_base64(digest) for digest in proof.path)
    text = "\n".join([*lines, "", proof.checkpoint])
    parse_proof(text.encode())
    return text


def parse_proof(data: bytes) -> TlogProof:
    """Read a `.tlog-proof` text. Raises `Malformed`. Verifies nothing: neither the path nor the note's signatures."""
    if len(data) > 2 * NOTE_BYTES_MAX:
        raise Malformed("too_large", f"a proof has at most {2 * NOTE_BYTES_MAX} bytes; ask for it again")
    try:
        heading, blank, checkpoint = data.decode().partition("\n\n")
    except UnicodeDecodeError as error:
        raise Malformed("malformed_proof", "a proof is UTF-8 text; ask for it again") from error
    title, *lines = heading.split("\n")
    if title != _PROOF_TITLE or not blank:
        raise Malformed(
            "malformed_proof", f"a proof begins with {_PROOF_TITLE} and ends in a checkpoint; ask for it again"
        )
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = _from_base64(lines.pop(0).removeprefix("extra "), "malformed_proof")
    if not lines or not lines[0].startswith("index "):
        raise Malformed("malformed_proof", "a proof states the entry's index; ask for it again")
    index = _from_decimal(lines.pop(0).removeprefix("index "), "malformed_proof")
    path = tuple(_from_base64(line, "malformed_proof") for line in lines)
    if len(path) > PATH_MAX or any(len(digest) != HASH_BYTES for digest in path):
        raise Malformed("malformed_proof", f"a proof's path is at most {PATH_MAX} hashes of 32 bytes; ask for it again")
    parse_checkpoint_text(parse_note(checkpoint.encode()).text)
    return TlogProof(index, path, checkpoint, extra)


# --- strict reading ------------------------------------------------------------------------------------------------


def _check_name(name: str) -> None:
    if not name or "+" in name or any(character.isspace() or character < " " for character in name):
        raise Malformed("malformed_name", "a key name has no spaces and no plus sign; use <county>/<office>/<device>")


_CONTROL: Final = re.compile("[\x00-\x1f]")


def _has_control(text: str) -> bool:
    return _CONTROL.search(text) is not None


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(text: str, code: str) -> bytes:
    """Only the one spelling that the encoder gives: two texts of one signature would be two notes (malleability)."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except ValueError as error:  # not ASCII, or not base 64
        raise Malformed(code, "part of the text is not base 64; fetch it again") from error
    if _to_base64(data) != text:
        raise Malformed(code, "part of the text is not base 64 as it is written; fetch it again")
    return data


def _from_decimal(text: str, code: str) -> int:
    """ASCII digits without leading zeros, up to 2^63 - 1."""
    if text.isascii() and text.isdecimal() and len(text) <= 19:
        number = int(text)
        if str(number) == text and number <= NUMBER_MAX:
            return number
    raise Malformed(code, "a number is written in plain digits without leading zeros; fetch it again")
