"""Signed notes, checkpoints, cosignatures, proofs: the specifications' own examples, and texts that someone bent."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import Malformed
from schemas.names import Epoch, JournalId, NodeId, OfficeId
from sync.core.merkle import inclusion_proof, root_of, verify_inclusion
from sync.core.note import (
    COSIGNATURE,
    ED25519,
    NOTE_BYTES_MAX,
    SIGNATURES_MAX,
    Note,
    SignatureLine,
    TlogProof,
    TreeHead,
    VerifierKey,
    checkpoint_text,
    cosignature_message,
    format_note,
    format_proof,
    format_vkey,
    key_hash,
    note_message,
    origin_line,
    pack_cosignature,
    parse_checkpoint_text,
    parse_note,
    parse_proof,
    parse_vkey,
    signature_line,
    unpack_cosignature,
)
from sync.keys import Ed25519Signer, verify_ed25519

# The test vector of C2SP signed-note: a verifier key and a note that it verifies.
PUBLISHED_VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
PUBLISHED_NOTE = (
    "This is an example message.\n\n"
    "— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
)
# The example of C2SP tlog-cosignature: a checkpoint, its log's signature, a witness's cosignature of time 1679315147.
PUBLISHED_CHECKPOINT = (
    "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
    "— example.com/behind-the-sofa "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"
    "— witness.example.com/w1 "
    "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
)

VILLAGE = Ed25519Signer.create(b"v" * 32 + b"V" * 32)
TOWNSHIP = Ed25519Signer.create(b"t" * 32 + b"T" * 32)
JOURNAL = JournalId(VILLAGE.node, Epoch(3, bytes.fromhex("9f1c22ab01de")))
ORIGIN = origin_line("cangxi.example", OfficeId("510824100201"), JOURNAL)
LINKS = [bytes([number]) * 32 for number in range(41)]


def journal_checkpoint() -> Note:
    """What a village signs over its 41 entries, and its township's cosignature."""
    text = checkpoint_text(ORIGIN, 41, root_of(LINKS))
    owner = VerifierKey(ORIGIN, ED25519, VILLAGE.public_keys.log)
    witness = VerifierKey("cangxi.example/510824100", COSIGNATURE, TOWNSHIP.public_keys.cosigner)
    cosignature = TOWNSHIP.cosign(cosignature_message(1_760_000_000, text))
    lines = [
        signature_line(owner, VILLAGE.sign(note_message(text))),
        signature_line(witness, pack_cosignature(1_760_000_000, cosignature)),
    ]
    return parse_note(format_note(text, lines).encode())


def refused(code: str) -> pytest.RaisesExc[Malformed]:
    return pytest.raises(Malformed, check=lambda error: error.code == code)


def test_the_published_note_verifies_with_the_published_key() -> None:
    key = parse_vkey(PUBLISHED_VKEY)
    note = parse_note(PUBLISHED_NOTE.encode())
    signature = note.find_signature(key)
    assert note.text == "This is an example message.\n"
    assert signature is not None
    assert verify_ed25519(key.public_key, note_message(note.text), signature)
    assert not verify_ed25519(key.public_key, note_message(note.text.upper()), signature)
    assert format_vkey(key) == PUBLISHED_VKEY
    assert format_note(note.text, note.signatures) == PUBLISHED_NOTE


def test_the_published_cosigned_checkpoint_reads_and_is_written_again() -> None:
    note = parse_note(PUBLISHED_CHECKPOINT.encode())
    head = parse_checkpoint_text(note.text)
    assert head.origin == "example.com/behind-the-sofa"
    assert head.size == 20852163
    assert checkpoint_text(head.origin, head.size, head.root) == note.text
    time_s, signature = unpack_cosignature(note.signatures[1].signature)
    assert time_s == 1679315147
    assert pack_cosignature(time_s, signature) == note.signatures[1].signature
    assert cosignature_message(time_s, note.text).startswith(b"cosignature/v1\ntime 1679315147\nexample.com/behind")
    assert format_note(note.text, note.signatures) == PUBLISHED_CHECKPOINT


def test_a_villages_checkpoint_is_checked_by_a_stranger_with_two_lines_of_text() -> None:
    note = journal_checkpoint()
    head = parse_checkpoint_text(note.text)
    assert head == TreeHead(f"cangxi.example/510824100201/{VILLAGE.node}/3-9f1c22ab01de", 41, root_of(LINKS))
    owner = parse_vkey(format_vkey(VerifierKey(head.origin, ED25519, VILLAGE.public_keys.log)))
    signature = note.find_signature(owner)
    assert signature is not None
    assert verify_ed25519(owner.public_key, note_message(note.text), signature)

    witness = VerifierKey("cangxi.example/510824100", COSIGNATURE, TOWNSHIP.public_keys.cosigner)
    packed = note.find_signature(witness)
    assert packed is not None
    time_s, cosignature = unpack_cosignature(packed)
    assert time_s == 1_760_000_000
    assert verify_ed25519(witness.public_key, cosignature_message(time_s, note.text), cosignature)
    assert not verify_ed25519(witness.public_key, cosignature_message(time_s + 1, note.text), cosignature)
    assert not verify_ed25519(witness.public_key, note_message(note.text), cosignature)


def test_a_signature_under_another_name_or_type_is_not_found() -> None:
    note = journal_checkpoint()
    key = VILLAGE.public_keys.log
    assert note.find_signature(VerifierKey(ORIGIN + "x", ED25519, key)) is None
    assert note.find_signature(VerifierKey(ORIGIN, COSIGNATURE, key)) is None
    assert note.find_signature(VerifierKey(ORIGIN, ED25519, TOWNSHIP.public_keys.log)) is None


def test_an_empty_line_in_the_text_does_not_move_the_signatures() -> None:
    line = SignatureLine("poet", b"abcd", b"signature")
    for text in ("one\n\ntwo\n", "— poet AAAA\n\nend\n", "ends in an empty line\n\n", "\n"):
        assert parse_note(format_note(text, [line]).encode()) == Note(text, (line,))


BAD_NOTES = [
    b"",
    b"\n",
    b"text without signatures\n",
    b"text\n\n",
    b"text\n\nno dash AAAAAAAA\n",
    b"text\n\n- name AAAAAAAA\n",
    "text\n\n— name AAAAAAAA".encode(),
    "text\n\n— name\n".encode(),
    "text\n\n— name AAAAAA==\n".encode(),
    "text\n\n— name AAAAAAB=\n".encode(),
    "text\n\n— name AAAA AAAA\n".encode(),
    "text\n\n— name AAAAAAA\u00e9\n".encode(),
    "text\r\n\n— name AAAAAAAA\n".encode(),
    "te\0xt\n\n— name AAAAAAAA\n".encode(),
    "te\txt\n\n— name AAAAAAAA\n".encode(),
    b"\xff\n\n\xe2\x80\x94 name AAAAAAAA\n",
    ("text\n\n" + "— name AAAAAAAA\n" * (SIGNATURES_MAX + 1)).encode(),
]


@pytest.mark.parametrize("data", BAD_NOTES)
def test_what_is_no_note_is_refused_in_words(data: bytes) -> None:
    with refused("malformed_note"):
        parse_note(data)


def test_a_note_of_any_size_is_not_even_read() -> None:
    with refused("too_large"):
        parse_note(b"a" * (NOTE_BYTES_MAX + 1))


def test_as_many_signatures_as_the_specification_asks_for_are_read() -> None:
    lines = [SignatureLine(f"witness{number}", b"abcd", bytes(5_000)) for number in range(16)]
    assert len(parse_note(format_note("text\n", lines).encode()).signatures) == 16


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u3000b", "a\nb", "a\x00b"])
def test_impossible_key_names_are_refused(name: str) -> None:
    with refused("malformed_name"):
        format_note("text\n", [SignatureLine(name, b"abcd", b"signature")])
    with refused("malformed_name"):
        format_vkey(VerifierKey(name, ED25519, bytes(32)))


def test_a_text_that_would_not_read_back_is_not_written() -> None:
    for text in ("no newline at its end", "", "a\rb\n"):
        with refused("malformed_note"):
            parse_note(format_note(text, [SignatureLine("name", b"abcd", b"signature")]).encode())


BAD_CHECKPOINTS = [
    "",
    "origin\n1\n",
    "origin\n1\n" + "A" * 43 + "=",
    "\n1\n" + "A" * 43 + "=\n",
    "origin\n01\n" + "A" * 43 + "=\n",
    "origin\n+1\n" + "A" * 43 + "=\n",
    "origin\n-1\n" + "A" * 43 + "=\n",
    "origin\n1_0\n" + "A" * 43 + "=\n",
    "origin\n\u0661\n" + "A" * 43 + "=\n",
    "origin\n9223372036854775808\n" + "A" * 43 + "=\n",
    "origin\n1" + "0" * 5_000 + "\n" + "A" * 43 + "=\n",
    "origin\n1\n" + "A" * 42 + "B=\n",
    "origin\n1\n" + "A" * 40 + "\n",
    "origin\n1\n" + "A" * 43 + "=\n\n",
    "origin\n1\n" + "A" * 43 + "=\next\x01ension\n",
]


@pytest.mark.parametrize("text", BAD_CHECKPOINTS)
def test_what_is_no_checkpoint_is_refused_in_words(text: str) -> None:
    with refused("malformed_checkpoint"):
        parse_checkpoint_text(text)


def test_extension_lines_are_kept_apart() -> None:
    text = checkpoint_text("origin", 0, bytes(32)) + "more\nand more\n"
    assert parse_checkpoint_text(text) == TreeHead("origin", 0, bytes(32), ("more", "and more"))


@pytest.mark.parametrize(
    ("origin", "size", "root"), [("", 1, bytes(32)), ("a\nb", 1, bytes(32)), ("a", -1, bytes(32)), ("a", 1, bytes(31))]
)
def test_no_checkpoint_is_made_of_what_cannot_be_stated(origin: str, size: int, root: bytes) -> None:
    with refused("malformed_checkpoint"):
        checkpoint_text(origin, size, root)


@pytest.mark.parametrize("packed", [b"", bytes(71), bytes(73), b"\x80" + bytes(71)])
def test_what_is_no_cosignature_is_refused(packed: bytes) -> None:
    with refused("malformed_cosignature"):
        unpack_cosignature(packed)


def test_no_cosignature_is_made_before_1970() -> None:
    with refused("malformed_cosignature"):
        cosignature_message(-1, "text\n")


def vkey_of(name: str, algorithm: int, public_key: bytes) -> str:
    material = base64.b64encode(bytes([algorithm]) + public_key).decode()
    return f"{name}+{key_hash(name, algorithm, public_key).hex()}+{material}"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed_vkey"),
        ("name+00000000", "malformed_vkey"),
        (PUBLISHED_VKEY.replace("530d903a", "530d903b"), "malformed_vkey"),
        (PUBLISHED_VKEY.replace("530d903a", "530D903A"), "malformed_vkey"),
        (PUBLISHED_VKEY.replace("example.com/foo", "example.com/bar"), "malformed_vkey"),
        (PUBLISHED_VKEY + "=", "malformed_vkey"),
        (vkey_of("name", ED25519, bytes(31)), "malformed_vkey"),
        (vkey_of("name", 2, bytes(32)), "unknown_algorithm"),
        ("name+00000000+", "unknown_algorithm"),
        (vkey_of("na me", ED25519, bytes(32)), "malformed_name"),
    ],
)
def test_a_damaged_verifier_key_is_refused(text: str, code: str) -> None:
    with refused(code):
        parse_vkey(text)


@given(st.binary(min_size=32, max_size=32), st.sampled_from([ED25519, COSIGNATURE]))
def test_every_verifier_key_reads_back(public_key: bytes, algorithm: int) -> None:
    """Base 64 may hold a plus sign: the name never does."""
    key = VerifierKey("cangxi.example/510824", algorithm, public_key)
    assert parse_vkey(format_vkey(key)) == key


@pytest.mark.parametrize("extra", [None, b"", b"which case this is"])
def test_a_proof_is_checked_with_nothing_but_its_text(extra: bytes | None) -> None:
    note = journal_checkpoint()
    checkpoint = format_note(note.text, note.signatures)
    text = format_proof(TlogProof(17, tuple(inclusion_proof(LINKS, 17, 41)), checkpoint, extra))
    assert text.startswith("c2sp.org/tlog-proof@v1\n")

    proof = parse_proof(text.encode())
    head = parse_checkpoint_text(parse_note(proof.checkpoint.encode()).text)
    assert proof.extra == extra
    assert proof.checkpoint == checkpoint
    assert verify_inclusion(LINKS[17], proof.leaf_index, head.size, proof.path, head.root)
    assert not verify_inclusion(LINKS[16], proof.leaf_index, head.size, proof.path, head.root)


def test_the_proof_of_a_single_entry_has_no_path() -> None:
    note = journal_checkpoint()
    text = format_proof(TlogProof(0, (), format_note(note.text, note.signatures)))
    assert text.startswith("c2sp.org/tlog-proof@v1\nindex 0\n\ncangxi.example/")
    assert parse_proof(text.encode()).path == ()


def bent_proofs() -> list[str]:
    note = journal_checkpoint()
    checkpoint = format_note(note.text, note.signatures)
    good = format_proof(TlogProof(17, tuple(inclusion_proof(LINKS, 17, 41)), checkpoint, b"extra"))
    lines = good.split("\n")
    return [
        "",
        good.replace("@v1", "@v2"),
        good.replace("index 17\n", ""),
        good.replace("index 17", "index 017"),
        good.replace("index 17", "index -17"),
        good.replace("extra ", "extra: "),
        good.replace("\n\n", "\n", 1),
        "\n".join([*lines[:3], lines[3][:-4], *lines[4:]]),
        "\n".join([*lines[:3], *[lines[3]] * 64, *lines[4:]]),
        "\n".join(lines[:3]) + "\n\n",
        good.partition("\n\n")[0],
    ]


@pytest.mark.parametrize("place", range(11))
def test_a_bent_proof_is_refused_in_words(place: int) -> None:
    with pytest.raises(Malformed):
        parse_proof(bent_proofs()[place].encode())


def test_a_proof_of_any_size_or_alphabet_is_refused() -> None:
    with refused("too_large"):
        parse_proof(b"a" * (2 * NOTE_BYTES_MAX + 1))
    with refused("malformed_proof"):
        parse_proof(b"c2sp.org/tlog-proof@v1\nindex 0\n\n\xff")


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_reading_ends_in_a_value_or_a_refusal(data: bytes) -> None:
    for read in (parse_note, parse_proof):
        for whole in (data, b"c2sp.org/tlog-proof@v1\nindex 1\n" + data, b"text\n\n\xe2\x80\x94 " + data):
            with contextlib.suppress(Malformed):
                read(whole)


def test_origin_lines_tell_epochs_apart() -> None:
    later = JournalId(NodeId(JOURNAL.origin), Epoch(4, JOURNAL.epoch.nonce))
    assert origin_line("cangxi.example", OfficeId("510824100201"), later) != ORIGIN
