"""One encrypted file with a node's things in it: a tar inside age, written and read as a stream.

The format is nobody's secret: with one of its keys `age --decrypt -i KEY FILE | tar --list` shows what is inside. The
first member says what the file is (`manifest.json`), the last one lists every member before it with size and SHA-256
(`contents.json`): a file without it is not whole. Nothing is held in memory but a piece at a time.
Written as temp → fsync → rename → fsync of the folder. Must never leave half a file under its name, nor put a member
anywhere but where the caller says. age authenticates 64 KiB at a time: what was read of a damaged file is thrown away
by whoever reads. Next: `office.backup` (what goes in), `office.restoring` (what comes out), `office.age_stream`.
"""

import contextlib
import errno
import os
import tarfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

import msgspec
from msgspec import Struct

from office.age_stream import (
    AGE_TITLE,
    Identity,
    Recipient,
    Unopened,
    Writes,
    WrongKey,
    decrypt_stream,
    encrypt_stream,
)
from office.paths import PRIVATE_FILE_MODE, TEMPORARY, sync_folder
from schemas.refusals import Refused
from sync.failures import is_full

PIECE_BYTES: Final = 64 * 1024

NAME_CHARACTERS_MAX: Final = 100
"""What fits into a tar header without an extension: our longest name has 71."""

LIST_BYTES_MAX: Final = 64 * 1024 * 1024
"""Of the list at the end, which is read whole: half a million papers."""

CONTENTS: Final = "contents.json"

_BLOCK_BYTES: Final = tarfile.BLOCKSIZE
_END_BYTES: Final = 2 * _BLOCK_BYTES
_BINARY: Final = getattr(os, "O_BINARY", 0)

Progress = Callable[[int, int], None]
"""(done, all), in bytes."""


class Member(Struct, frozen=True):
    """One file to be put in: its name inside, how large it is, and where its bytes come from."""

    name: str
    size: int
    pieces: Callable[[], Iterable[bytes]]


class Content(Struct, frozen=True, array_like=True):
    """One line of the list at the end."""

    name: str
    size: int
    digest: str
    """SHA-256, hexadecimal."""


class Receiver(Protocol):
    """Who takes the members out."""

    def begin(self, name: str, size: int) -> Writes:
        """Where this member goes. Raises `Refused` for one that has no place."""
        ...

    def end(self, name: str) -> None:
        """All of it was written."""
        ...


def file_member(name: str, path: Path) -> Member:
    """A file as it lies on the disk now: it must not change until it was read."""
    size = path.stat().st_size
    return Member(name, size, lambda: _pieces_of(path))


def bytes_member(name: str, content: bytes) -> Member:
    """A small member from memory."""
    return Member(name, len(content), lambda: [content])


def _pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


# --- writing ---------------------------------------------------------------------------------------------------------


def write_archive(
    path: Path, members: Sequence[Member], recipients: Sequence[Recipient], progress: Progress
) -> list[Content]:
    """Write the file; nothing of it stays when that fails. Returns what is in it.

    Raises `Refused` `backup_full`, `backup_readonly`, `backup_changed`.
    """
    source = _Tar(members, progress)
    temporary = path.with_name(path.name + TEMPORARY)
    with storage_in_words():
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, PRIVATE_FILE_MODE)
            with os.fdopen(descriptor, "wb") as file:
                encrypt_stream(source, file, recipients)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        except BaseException:
            _forget(temporary)
            raise
    return source.contents


def _forget(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return  # A stick that was pulled out: what is left of the file has the name of no backup.


@contextlib.contextmanager
def storage_in_words() -> Generator[None]:
    """What a disk or stick says when it is written, as a refusal, where there are words for it."""
    try:
        yield
    except OSError as error:
        if is_full(error) or error.errno == getattr(errno, "EDQUOT", -1):
            raise full() from error
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            raise _readonly() from error
        raise


def full() -> Refused:
    """The refusal to write where there is no room."""
    return Refused(
        "backup_full",
        "目标位置空间不足，没有写成，未留下不完整的文件，原有的文件和节点数据不受影响；请清理空间或换一个位置后重试。",
        "There is no room left where this is written; nothing of it was kept, and the files that were there and the "
        "node are as they were. Free space there, or choose another place, and try again.",
    )


def _readonly() -> Refused:
    return Refused(
        "backup_readonly",
        "目标位置不可写，没有写成，原有的文件和节点数据不受影响；请解除写保护、核对权限，或换一个位置后重试。",
        "That place cannot be written; the files that were there and the node are as they were. Take off the write "
        "protection, look at its permissions, or choose another place, and try again.",
    )


class _Tar:
    """The stream to be sealed, made while it is read."""

    def __init__(self, members: Sequence[Member], progress: Progress) -> None:
        self.contents: list[Content] = []
        self._members = members
        self._progress = progress
        self._stream = self._blocks()
        self._rest = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""
        while not self._rest:
            piece = next(self._stream, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken = self._rest if size < 0 else self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return bytes(taken)

    def _blocks(self) -> Iterator[bytes]:
        done, total = 0, sum(member.size for member in self._members)
        for member in self._members:
            yield _header(member.name, member.size)
            digest, left = sha256(), member.size
            for piece in member.pieces():
                left -= len(piece)
                if left < 0:
                    break
                digest.update(piece)
                yield piece
                done += len(piece)
                self._progress(done, total)
            if left:
                raise _changed()
            yield bytes(-member.size % _BLOCK_BYTES)
            self.contents.append(Content(member.name, member.size, digest.hexdigest()))
        listed = msgspec.json.encode(self.contents)
        yield _header(CONTENTS, len(listed)) + listed + bytes(-len(listed) % _BLOCK_BYTES + _END_BYTES)


def _header(name: str, size: int) -> bytes:
    assert len(name) <= NAME_CHARACTERS_MAX
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, PRIVATE_FILE_MODE
    return info.tobuf(tarfile.GNU_FORMAT)


def _changed() -> Refused:
    return Refused(
        "backup_changed",
        "备份期间有文件被改动，没有写成，未留下不完整的文件；请重试，反复出现请先停止节点。",
        "A file changed while it was backed up; nothing of the backup was kept. Try again; if it comes back, stop the "
        "node first.",
    )


# --- reading ---------------------------------------------------------------------------------------------------------


def read_archive(path: Path, identities: Sequence[Identity], receiver: Receiver, progress: Progress) -> list[Content]:
    """Hand every member to `receiver`, in order, and check the list at the end. Returns what was in it.

    Raises `Refused`: `no_backup` for another kind of file, `wrong_identity`, `backup_damaged`, and what the receiver
    raises. What the receiver has by then is worth nothing.
    """
    untar = _Untar(receiver)
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            if file.read(len(AGE_TITLE)) != AGE_TITLE:
                raise not_a_backup()
            file.seek(0)
            decrypt_stream(_Counting(file.read, size, progress), untar, identities)
    except WrongKey as error:
        raise Refused(
            "wrong_identity",
            "这把密钥打不开该备份，未作任何改动；备份可用本节点的 device.key、备份时上级节点的 device.key、"
            "县节点的备份可用县根密钥，或用设置 backup_recipients 中的密钥打开，请用 --identity 指定。",
            "This key does not open that backup; nothing was changed. A backup opens with the node's own device.key, "
            "that of the node above, the hub's with the county's root key, and with the keys of the setting "
            "backup_recipients: name one with --identity.",
        ) from error
    except Unopened as error:
        raise damaged() from error
    untar.close()
    return untar.contents


class _Counting:
    """A file that says how far it was read."""

    def __init__(self, read: Callable[[int], bytes], size: int, progress: Progress) -> None:
        self._read = read
        self._size = size
        self._progress = progress
        self._done = 0

    def read(self, size: int = -1, /) -> bytes:
        """See `Reads.read`."""
        piece = self._read(size)
        before, self._done = self._done, self._done + len(piece)
        if self._done // PIECE_BYTES != before // PIECE_BYTES or self._done == self._size:
            self._progress(self._done, self._size)
        return piece


class _Untar:
    """The opened stream, taken apart as it comes."""

    def __init__(self, receiver: Receiver) -> None:
        self.contents: list[Content] = []
        self._receiver = receiver
        self._held = bytearray()
        self._name = ""
        self._size = self._left = self._padding = 0
        self._target: Writes | None = None
        self._digest = sha256()
        self._listed: bytearray | None = None

    def write(self, data: bytes, /) -> int:
        """See `Writes.write`."""
        self._held += data
        while self._step():
            pass
        return len(data)

    def _step(self) -> bool:
        """Take the next thing off what is held. Returns whether there was enough for it."""
        if self._left:
            return self._take_body()
        if self._padding:
            taken = min(self._padding, len(self._held))
            del self._held[:taken]
            self._padding -= taken
            return taken > 0
        if len(self._held) < _BLOCK_BYTES:
            return False
        block = bytes(self._held[:_BLOCK_BYTES])
        del self._held[:_BLOCK_BYTES]
        if self._listed is not None or not any(block):
            self._take_end(block)
        else:
            self._take_header(block)
        return True

    def _take_header(self, block: bytes) -> None:
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except (tarfile.TarError, ValueError) as error:
            raise damaged() from error
        self._name, self._size, self._left = info.name, info.size, info.size
        self._padding = -info.size % _BLOCK_BYTES
        self._digest = sha256()
        if info.name == CONTENTS:
            if info.size > LIST_BYTES_MAX:
                raise damaged()
            self._listed = bytearray()
        elif not info.isreg():
            raise damaged()
        else:
            self._target = self._receiver.begin(info.name, info.size)
            if not info.size:
                self._finish()

    def _take_body(self) -> bool:
        taken = min(self._left, len(self._held))
        if not taken:
            return False
        piece = bytes(self._held[:taken])
        del self._held[:taken]
        self._left -= taken
        if self._target is None:
            assert self._listed is not None
            self._listed += piece
            return True
        self._digest.update(piece)
        self._target.write(piece)
        if not self._left:
            self._finish()
        return True

    def _finish(self) -> None:
        self._target = None
        self.contents.append(Content(self._name, self._size, self._digest.hexdigest()))
        self._receiver.end(self._name)

    def _take_end(self, block: bytes) -> None:
        if self._listed is None or any(block):
            raise damaged()

    def close(self) -> None:
        """The stream is over. Raises `Refused` `backup_damaged` when it was not all, or not what the list says."""
        if self._listed is None or self._left or self._held:
            raise damaged()
        try:
            listed = msgspec.json.decode(bytes(self._listed), type=list[Content])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise damaged() from error
        if listed != self.contents:
            raise damaged()


def not_a_backup() -> Refused:
    """The refusal of a file of another kind."""
    return Refused(
        "no_backup",
        "这不是通办的备份文件，未作任何改动；请选用名称以 tongban- 开头、.backup 结尾的文件。",
        "This is no backup of Tongban's; nothing was changed. Choose a file whose name begins with tongban- and ends "
        "in .backup.",
    )


def damaged() -> Refused:
    """The refusal of a backup that is not whole."""
    return Refused(
        "backup_damaged",
        "备份文件不完整或已损坏，没有采用其中任何内容，未作任何改动；请改用另一份备份，或重新复制后再试。",
        "The backup is cut off or damaged; nothing of it was used and nothing was changed. Use another one, or copy it "
        "again from where it was written.",
    )
