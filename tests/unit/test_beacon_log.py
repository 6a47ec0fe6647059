"""The log of the county's statements against C2SP: tiles as a client computes them, a witness that trusts nobody."""

import base64
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from hub.audit.beacon_log import WitnessRefused, add_checkpoint, cosigned, files_of, head_text, leaves_in
from sync.core import note
from sync.core.merkle import verify_consistency

COUNTY = "cangxi.example"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
WITNESS = note.VerifierKey("witness.example/w1", note.COSIGNATURE, WITNESS_KEY.public_key().public_bytes_raw())


def leaves_of(count: int) -> list[bytes]:
    return [f"statement {number}".encode() for number in range(count)]


def checkpoint_of(leaves: list[bytes]) -> str:
    text = head_text(COUNTY, leaves)
    key = note.VerifierKey(f"{COUNTY}/beacons", note.ED25519, LOG_KEY.public_key().public_bytes_raw())
    return note.format_note(text, [note.signature_line(key, LOG_KEY.sign(note.note_message(text)))])


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, as it is written there."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + tree_hash(leaves[:half]) + tree_hash(leaves[half:])).digest()


class Witness:
    """A witness as `tlog-witness` has it: it knows the log's key, the last size and its root."""

    def __init__(self) -> None:
        self.size = 0
        self.root = b""

    def answer(self, body: str, time_s: int = 1_700_000_000) -> tuple[int, str]:
        head, _, checkpoint = body.partition("\n\n")
        old_line, *proof = head.split("\n")
        old = int(old_line.removeprefix("old "))
        parsed = note.parse_note(checkpoint.encode())
        tree = note.parse_checkpoint_text(parsed.text)
        if old != self.size:
            return 409, f"{self.size}\n"
        path = [base64.b64decode(line) for line in proof]
        same = old == tree.size and not path and tree.root == self.root
        if old and not same and not verify_consistency(old, tree.size, path, self.root, tree.root):
            return 422, ""
        self.size, self.root = tree.size, tree.root
        signature = WITNESS_KEY.sign(note.cosignature_message(time_s, parsed.text))
        line = note.signature_line(WITNESS, note.pack_cosignature(time_s, signature))
        packed = base64.b64encode(line.key_hash + line.signature).decode()
        return 200, f"\N{EM DASH} {line.name} {packed}\n"


@pytest.mark.parametrize("count", [1, 2, 255, 256, 257, 700])
def test_the_files_are_the_tiles_that_a_client_computes(count: int) -> None:
    leaves = leaves_of(count)
    files = dict(files_of(leaves, checkpoint_of(leaves)))
    bundles = [path for path in files if path.startswith("tile/entries/")]
    assert leaves_in([files[path] for path in sorted(bundles)]) == leaves
    full, rest = divmod(count, 256)
    wanted = {f"tile/0/{number:03d}" for number in range(full)}
    wanted |= {f"tile/0/{full:03d}.p/{rest}"} if rest else set()
    wanted |= {f"tile/1/000.p/{full}"} if full else set()
    assert {path for path in files if path.startswith(("tile/0", "tile/1"))} == wanted
    level = b"".join(files[path] for path in sorted(wanted) if path.startswith("tile/0"))
    assert level == b"".join(sha256(b"\x00" + leaf).digest() for leaf in leaves)
    if full:
        assert files[f"tile/1/000.p/{full}"] == b"".join(
            tree_hash(leaves[256 * number : 256 * (number + 1)]) for number in range(full)
        )
    head = note.parse_checkpoint_text(note.parse_note(files["checkpoint"]).text)
    assert (head.origin, head.size, head.root) == (f"{COUNTY}/beacons", count, tree_hash(leaves))


def test_a_large_number_is_written_in_groups_of_three() -> None:
    from hub.audit.beacon_log import _tile_path  # pyright: ignore[reportPrivateUsage]

    assert _tile_path(1_234_067, 256) == "x001/x234/067"
    assert _tile_path(0, 17) == "000.p/17"
    assert _tile_path(1000, 1) == "x001/000.p/1"


@given(st.integers(1, 40), st.integers(0, 40), st.integers(0, 40))
def test_a_witness_follows_a_log_that_grows(first: int, more: int, yet_more: int) -> None:
    witness, size = Witness(), 0
    for count in (first, first + more, first + more + yet_more):
        leaves = leaves_of(count)
        checkpoint = checkpoint_of(leaves)
        status, answer = witness.answer(add_checkpoint(leaves, size, checkpoint))
        assert status == 200
        whole, signature, time_s = cosigned(checkpoint, answer.encode(), WITNESS)
        WITNESS_KEY.public_key().verify(signature, note.cosignature_message(time_s, head_text(COUNTY, leaves)))
        assert whole.startswith(checkpoint)
        assert cosigned(checkpoint, whole.encode(), WITNESS)[1] == signature, "the whole note is an answer as well"
        size = count


@given(st.integers(2, 30), st.integers(1, 29), st.integers(0, 10))
def test_a_witness_refuses_a_history_that_was_rewritten(count: int, changed: int, more: int) -> None:
    witness = Witness()
    assert witness.answer(add_checkpoint(leaves_of(count), 0, checkpoint_of(leaves_of(count))))[0] == 200
    rewritten = leaves_of(count + more)
    rewritten[changed % count] = b"another statement"
    assert witness.answer(add_checkpoint(rewritten, count, checkpoint_of(rewritten)))[0] == 422
    assert witness.answer(add_checkpoint(rewritten, 0, checkpoint_of(rewritten)))[0] == 409


def test_a_log_shorter_than_what_was_cosigned_asks_for_nothing() -> None:
    with pytest.raises(WitnessRefused, match="witness_ahead"):
        add_checkpoint(leaves_of(3), 4, checkpoint_of(leaves_of(3)))


def test_what_is_no_cosignature_of_this_witness_is_not_taken() -> None:
    leaves = leaves_of(5)
    checkpoint = checkpoint_of(leaves)
    _, good = Witness().answer(add_checkpoint(leaves, 0, checkpoint))
    other = note.VerifierKey("witness.example/w1", note.COSIGNATURE, bytes(range(32)))
    elsewhere = checkpoint_of(leaves_of(6))
    for answer, key in (
        (b"", WITNESS),
        (b"\xff\xff", WITNESS),
        (b"409\n", WITNESS),
        (good.encode()[:-20], WITNESS),
        (good.encode(), other),
        ((elsewhere + good).encode(), WITNESS),
    ):
        with pytest.raises(WitnessRefused, match="no_cosignature"):
            cosigned(checkpoint, answer, key)


@pytest.mark.parametrize("content", [b"\x00", b"\x00\x05abc", b"\x00\x00", b"\x00\x01ab"])
def test_a_bundle_that_was_cut_is_refused(content: bytes) -> None:
    with pytest.raises(WitnessRefused, match="not_a_bundle"):
        leaves_in([content])
