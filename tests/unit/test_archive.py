"""The file of a backup: cut anywhere, flipped anywhere, opened with any key, it is whole or refused in words."""

import importlib
import io
import os
import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from office.age_stream import encrypt_stream, identities_in, recipient_of_key, recipients_in
from office.archive import (
    CONTENTS,
    PIECE_BYTES,
    Content,
    Member,
    bytes_member,
    file_member,
    read_archive,
    write_archive,
)
from schemas.refusals import Refused
from sync.keys import SEED_BYTES, SIGNER_ENTROPY_BYTES, Ed25519Key, Ed25519Signer

DEVICE = Ed25519Signer.create(Random(1).randbytes(SIGNER_ENTROPY_BYTES))
ABOVE = Ed25519Signer.create(Random(2).randbytes(SIGNER_ENTROPY_BYTES))
STRANGER = Ed25519Signer.create(Random(3).randbytes(SIGNER_ENTROPY_BYTES))
ROOT = Ed25519Key(Random(4).randbytes(SEED_BYTES))

RECIPIENTS = [recipient_of_key(key) for key in (DEVICE.public_keys.log, ABOVE.public_keys.log, ROOT.public_key)]


class Taken:
    """Takes every member into memory."""

    def __init__(self) -> None:
        self.members: dict[str, io.BytesIO] = {}
        self.ended: list[str] = []

    def begin(self, name: str, size: int) -> io.BytesIO:
        return self.members.setdefault(name, io.BytesIO())

    def end(self, name: str) -> None:
        self.ended.append(name)


class Nowhere(io.RawIOBase):
    """Takes everything and keeps nothing."""

    def write(self, data: Any, /) -> int:
        return len(data)


def quiet(done: int, total: int) -> None:
    assert 0 <= done <= total


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with members of every awkward size."""
    folder = tmp_path_factory.mktemp("archive")
    large = folder / "large"
    large.write_bytes(Random(5).randbytes(5 * PIECE_BYTES + 77))
    members = [bytes_member("first", b"{}"), file_member("large", large), bytes_member("empty", b"")]
    members += [bytes_member(f"of {size}", bytes(size)) for size in (1, 511, 512, 513)]
    write_archive(folder / "a.backup", members, RECIPIENTS, quiet)
    return folder / "a.backup"


def opened(file: Path, key: bytes) -> tuple[Taken, Sequence[Content]]:
    taken = Taken()
    return taken, read_archive(file, identities_in(key), taken, quiet)


def code_of(file: Path, key: bytes | None = None) -> str:
    """The code with which a file is refused; empty when it is taken for whole."""
    try:
        opened(file, DEVICE.to_bytes() if key is None else key)
    except Refused as refusal:
        return refusal.code if refusal.zh and len(refusal.en) > 60 else "without words"
    return ""


@pytest.mark.parametrize("key", [DEVICE.to_bytes(), ABOVE.to_bytes(), ROOT.to_bytes()], ids=["own", "above", "root"])
def test_everybody_it_is_for_opens_it(backup: Path, key: bytes) -> None:
    taken, contents = opened(backup, key)
    assert list(taken.members) == taken.ended == [one.name for one in contents]
    assert taken.members["large"].getvalue() == (backup.parent / "large").read_bytes()
    assert [one.size for one in contents[-4:]] == [1, 511, 512, 513]


def test_nobody_else_opens_it(backup: Path) -> None:
    assert code_of(backup, STRANGER.to_bytes()) == "wrong_identity"


def test_further_recipients_are_age_s_own_keys(tmp_path: Path) -> None:
    pyrage: Any = importlib.import_module("pyrage")
    identity = pyrage.x25519.Identity.generate()
    file = tmp_path / "a.backup"
    write_archive(file, [bytes_member("a", b"b")], recipients_in(f"{identity.to_public()} , "), quiet)
    assert code_of(file) == "wrong_identity"
    assert code_of(file, f"# created by age-keygen\n{identity}\n".encode()) == ""
    with pytest.raises(Refused, match="bad_recipient"):
        recipients_in("age1nonsense")
    for nonsense in (b"", b"\xff\xfe", b"# only a comment\n", b"-----BEGIN OPENSSH PRIVATE KEY-----\n"):
        with pytest.raises(Refused, match="bad_identity"):
            identities_in(nonsense)


def test_cut_anywhere_it_is_refused(backup: Path, tmp_path: Path) -> None:
    whole, cut, random = backup.read_bytes(), tmp_path / "cut.backup", Random(6)
    lengths = {*range(0, len(whole), PIECE_BYTES), *(random.randrange(len(whole)) for _ in range(300)), len(whole) - 1}
    for length in sorted(lengths):
        cut.write_bytes(whole[:length])
        assert code_of(cut) == ("no_backup" if length < 21 else "backup_damaged"), length
    cut.write_bytes(whole + b"x")
    assert code_of(cut) == "backup_damaged"


def test_a_flipped_bit_anywhere_is_refused(backup: Path, tmp_path: Path) -> None:
    whole, random, file = backup.read_bytes(), Random(7), tmp_path / "flipped.backup"
    codes: set[str] = set()
    for _ in range(400):
        place = random.randrange(len(whole))
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << random.randrange(8)]) + whole[place + 1 :])
        codes.add(code_of(file))
    assert codes <= {"backup_damaged", "wrong_identity", "no_backup"}
    assert "backup_damaged" in codes


def test_random_bytes_are_refused(tmp_path: Path) -> None:
    random, file = Random(8), tmp_path / "random.backup"
    for size in (0, 1, 21, 512, 100_000):
        file.write_bytes(random.randbytes(size))
        assert code_of(file) == "no_backup"
        file.write_bytes(b"age-encryption.org/v1\n" + random.randbytes(size))
        assert code_of(file) == "backup_damaged"


class Stream:
    """Bytes to be sealed as they are: a backup of somebody who can seal but plays tricks."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int = -1, /) -> bytes:
        return self._file.read(size)


@pytest.mark.parametrize("trick", ["no list", "other list", "huge list", "a link", "after the end", "no tar"])
def test_a_sealed_stream_that_is_no_archive_of_ours_is_refused(tmp_path: Path, trick: str) -> None:
    import tarfile

    def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
        info = tarfile.TarInfo(name)
        info.size, info.type = size, kind
        return info.tobuf(tarfile.GNU_FORMAT)

    listed = b'[["a",1,"00"]]'
    body = header("a", 1) + b"b".ljust(512, b"\0")
    content = {
        "no list": body + bytes(1024),
        "other list": body + header(CONTENTS, len(listed)) + listed.ljust(512, b"\0") + bytes(1024),
        "huge list": header(CONTENTS, 2**40),
        "a link": header("a", 0, tarfile.SYMTYPE) + bytes(1024),
        "after the end": header(CONTENTS, 2) + b"[]".ljust(512, b"\0") + bytes(1024) + header("b", 0),
        "no tar": Random(9).randbytes(4096),
    }[trick]
    file = tmp_path / "a.backup"
    with file.open("wb") as target:
        encrypt_stream(Stream(content), target, RECIPIENTS)
    assert code_of(file) == "backup_damaged"


def test_a_file_that_changes_under_it_leaves_nothing_behind(tmp_path: Path) -> None:
    for pieces in ([b"too short"], [b"much too long"] * 9):
        member = Member("a", 50, lambda pieces=pieces: pieces)
        with pytest.raises(Refused, match="backup_changed"):
            write_archive(tmp_path / "a.backup", [member], RECIPIENTS, quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.backup.new").symlink_to("/dev/full")
    with pytest.raises(Refused, match="backup_full"):
        write_archive(tmp_path / "a.backup", [bytes_member("a", bytes(200_000))], RECIPIENTS, quiet)
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    size = 48 * 1024 * 1024

    def pieces() -> Iterator[bytes]:
        return (os.urandom(PIECE_BYTES) for _ in range(size // PIECE_BYTES))

    class Discards:
        def begin(self, name: str, size: int) -> Nowhere:
            return Nowhere()

        def end(self, name: str) -> None:
            assert name == "large"

    tracemalloc.start()
    try:
        write_archive(tmp_path / "a.backup", [Member("large", size, pieces)], RECIPIENTS, quiet)
        read_archive(tmp_path / "a.backup", identities_in(DEVICE.to_bytes()), Discards(), quiet)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024
