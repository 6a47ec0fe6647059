"""The manifest of a courier bundle is the same text for ever: in `bundle.txt`, and shown in `sync/PROTOCOL.md`."""

from pathlib import Path

from schemas.names import Epoch, Instant, OfficeId, node_id
from sync.core.bundle import CHAIN, PAGE, PAPERS, Manifest, image, part_of, read_manifest, signing_key, write_manifest
from sync.core.note import note_message
from sync.keys import Ed25519Key, verify_ed25519
from tests.golden.wire import PROTOCOL_FILE

BUNDLE_FILE = Path(__file__).with_name("bundle.txt")

KEY = Ed25519Key(bytes(range(32)))
MANIFEST = Manifest(
    county="cangxi",
    root="ab" * 32,
    sender=node_id(KEY.public_key),
    sender_office=OfficeId("510824100"),
    receiver=node_id(bytes(32)),
    receiver_office=OfficeId("510824100201"),
    at=Instant(1_700_000_000_000),
    epoch=Epoch(7, bytes.fromhex("9f1c22ab01de")),
    serial=3,
    is_last=True,
    parts=(part_of(CHAIN, b"chain"), part_of(PAGE, b"page"), part_of(PAPERS, b"papers")),
)


def test_the_manifest_is_as_published() -> None:
    written = write_manifest(MANIFEST, KEY.public_key, KEY.sign)
    assert written.decode() == BUNDLE_FILE.read_text(encoding="utf-8")
    assert f"```\n{written.decode()}```\n" in PROTOCOL_FILE.read_text(encoding="utf-8")


def test_the_published_one_reads_and_is_signed() -> None:
    manifest, signed = read_manifest(BUNDLE_FILE.read_bytes())
    assert manifest == MANIFEST
    signature = signed.find_signature(signing_key(manifest, KEY.public_key))
    assert signature is not None
    assert verify_ed25519(KEY.public_key, note_message(signed.text), signature)


def test_the_file_around_it() -> None:
    assert image([b"one", b""]).hex() == "544242310a" + "00000003" + b"one".hex() + "00000000"
