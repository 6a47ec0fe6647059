"""Bytes on the line are as published, in `wire.json` and in `sync/PROTOCOL.md`. `wire.py` writes both again."""

import ast
import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from msgspec import Struct

from schemas import wire
from schemas.codec import decode, encode
from schemas.names import JournalId
from schemas.wire import Preface, Refusal
from sync import session
from sync.core import note
from sync.core.merkle import root_of
from sync.keys import verify_ed25519
from sync.proof.accusing import check_claim
from sync.proof.checking import check
from sync.proof.claim_file import claim_from_bytes
from sync.proof.file import from_bytes
from tests.golden.wire import (
    ABOVE,
    DEVICE,
    PROTOCOL_FILE,
    ROOT,
    WIRE_FILE,
    checkpoint_note,
    checkpoint_text,
    encoded,
    header_of,
    journal_of_three,
    messages,
    receipt,
    signed,
    wire_text,
    with_sections,
)

PROTOCOL = PROTOCOL_FILE.read_text(encoding="utf-8")
SYNC = PROTOCOL_FILE.parent


def published() -> dict[str, dict[str, str]]:
    return json.loads(WIRE_FILE.read_text(encoding="utf-8"))


def test_all_bytes_are_as_published() -> None:
    assert wire_text() == WIRE_FILE.read_text(encoding="utf-8")


def test_the_protocol_document_shows_the_same_bytes_and_limits() -> None:
    assert with_sections(PROTOCOL) == PROTOCOL


@pytest.mark.parametrize("name", list(messages()))
def test_published_bytes_read_as_the_message_and_are_written_again(name: str) -> None:
    message = messages()[name]
    data = bytes.fromhex(published()["messages"][name])
    assert decode(data, type(message)) == message
    assert encoded(decode(data, type(message))) == data


@pytest.mark.parametrize("name", [name for name, message in messages().items() if not isinstance(message, Refusal)])
def test_fields_that_a_newer_version_adds_at_the_end_are_passed_over(name: str) -> None:
    message = messages()[name]
    fields: list[object] = msgspec.msgpack.decode(encode(message))
    assert decode(encode([*fields, "newer", {"x": 1}]), type(message)) == message


def test_every_message_of_the_line_has_golden_bytes() -> None:
    def inside(value: object) -> Iterator[type]:
        if isinstance(value, Struct):
            yield type(value)
            for field in value.__struct_fields__:
                yield from inside(getattr(value, field))
        elif isinstance(value, list | tuple):
            for each in value:  # pyright: ignore[reportUnknownVariableType]
                yield from inside(each)  # pyright: ignore[reportUnknownArgumentType]

    shown = {kind for message in messages().values() for kind in inside(message)}
    for module in (wire, session):
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, Struct) and kind.__struct_config__.array_like:
                assert kind in shown or kind in (wire.Head, JournalId), kind


# --- what the published bytes mean -----------------------------------------------------------------------------------


def test_an_entry_hash_is_the_sha_256_of_its_header_and_chains() -> None:
    written = journal_of_three()
    for seq, link in enumerate(written.links):
        assert sha256(header_of(written, seq)).digest() == link
    assert written.checkpoint(3).root == root_of(written.links)


def test_the_checkpoint_is_a_signed_note_that_other_programs_can_read() -> None:
    parsed = note.parse_note(checkpoint_note().encode())
    assert parsed.text == checkpoint_text()
    (line,) = parsed.signatures
    assert verify_ed25519(DEVICE.public_keys.log, parsed.text.encode(), line.signature)


def test_everything_signed_is_signed_under_its_own_heading() -> None:
    headings = [value.split(b"\n")[0] for name, value in signed().items() if name.startswith("signed by")]
    headings += [session.CHALLENGE_TITLE.strip(), session.ANSWER_TITLE.strip()]
    assert len(set(headings)) == len(headings)


def test_receipts_are_signed_by_the_cosigner_key_and_not_by_the_log_key() -> None:
    covered = signed()["signed by receipt"]
    assert verify_ed25519(ABOVE.public_keys.cosigner, covered, receipt().signature)
    assert not verify_ed25519(ABOVE.public_keys.log, covered, receipt().signature)


def test_the_published_proof_file_proves() -> None:
    data = signed()["proof file header"] + bytes.fromhex(published()["messages"]["proof file"])
    assert from_bytes(data) == messages()["proof file"]
    proved = check(data, published()["texts"]["root digest"])
    assert proved.author == DEVICE.node
    assert [held.holder for held in proved.holdings] == [ABOVE.node]
    assert ROOT.public_key != DEVICE.public_keys.log


def test_the_published_claim_file_proves() -> None:
    data = signed()["claim file header"] + bytes.fromhex(published()["messages"]["claim file"])
    assert claim_from_bytes(data) == messages()["claim file"]
    accused = check_claim(data, published()["texts"]["root digest"])
    assert (accused.claim, accused.form, accused.against) == ("equivocation", "other_tree", DEVICE.node)


# --- the document says everything -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        wire.Page,
        wire.Stretch,
        wire.Run,
        wire.Excerpt,
        wire.Line,
        wire.Checkpoint,
        wire.Proof,
        wire.Cursor,
        wire.Size,
        wire.Settled,
        wire.Want,
        wire.Answer,
        Preface,
        Refusal,
        wire.Enrolment,
        wire.Certificate,
        *wire.LINE_BODIES.values(),
        wire.JournalHead,
        wire.Parent,
        session.Hello,
        session.Challenge,
        session.Answer,
        session.Token,
        session.Terms,
    ],
    ids=lambda kind: kind.__name__,
)
def test_every_field_of_every_message_is_in_the_document(kind: type[Struct]) -> None:
    section = PROTOCOL.partition(f"`{kind.__name__}`")[2]
    assert section, kind
    missing = [field for field in kind.__struct_fields__ if f"`{field}`" not in section]
    assert not missing


def codes_raised() -> set[str]:
    """Codes of the refusals that a neighbour may read: first arguments where such faults are made."""
    faults = {"RemoteFault", "UnknownSender", "GapFault", "NoSession", "Busy", "Malformed", "UnknownDictionary"}
    files = [
        *SYNC.glob("*.py"),
        *(SYNC / "core").glob("*.py"),
        SYNC.parent / "schemas" / "wire.py",
        SYNC.parent / "schemas" / "codec.py",
    ]
    found: set[str] = set()
    for path in files:
        if path.name not in ("note.py", "merkle.py", "failures.py"):
            found |= set(_codes_in(path, faults))
    return found


def _codes_in(path: Path, faults: set[str]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in faults and node.args:
            code = node.args[0]
            if isinstance(code, ast.Constant) and isinstance(code.value, str):
                yield code.value


def test_every_code_that_a_neighbour_may_read_is_in_the_document() -> None:
    local = {"damaged_key_file", "malformed_key_file", "other_certificate", "answer_too_large", "foreign_chain"}
    assert sorted(code for code in codes_raised() - local if f"`{code}`" not in PROTOCOL) == []
