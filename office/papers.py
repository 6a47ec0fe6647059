"""Where a node's papers (附件) lie: one sealed file each, named by the SHA-256 of its clear bytes.

A whole paper is a row of blocks of 32 KiB, each sealed under the node's data key and bound to the paper and its place.
A paper on its way here lies beside as `<name>.part`: one sealed record for each piece, appended and forced to the disk
before anybody is told that it is held, so whoever sends it may be cut off at any byte. Only what fits its name becomes
whole. One that no longer fits is set aside as `<name>.damaged` and counts as not here, so that it is wanted again.
Never looks into a paper, never knows a case, never holds a person in a file's name. Next: `office.capturing`, which
makes papers; `sync.papers`, which carries them; `schemas.papers` for how a case names one.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import struct
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

from office.paths import (
    PRIVATE_FILE_MODE,
    PRIVATE_FOLDER_MODE,
    TEMPORARY,
    remove,
    sync_folder,
    write_private_pieces,
)
from schemas.names import HASH_BYTES, Instant
from schemas.papers import PAPER_BYTES_MAX
from sync.core.errors import Fault, LocalFault, RemoteFault
from sync.failures import fault_of
from sync.ports import Sealer
from sync.sealing import SealBroken

BLOCK_BYTES: Final = 32 * 1024
"""Clear bytes of one sealed block: a look at any place of a paper opens one or two."""
SEAL_BYTES: Final = 17
"""What sealing adds to a block (`sync.sealing.AesGcmSealer`): key number and tag."""
STORED_BYTES: Final = BLOCK_BYTES + SEAL_BYTES

PART: Final = ".part"
SET_ASIDE: Final = ".damaged"
CAPTURED: Final = ".captured"
"""An empty file beside a paper that nobody has named yet."""

UNNAMED_MS: Final = 24 * 3600 * 1000
"""How long a paper that no case names is kept: a form may be refused, and sent again on the next day."""

FORGOTTEN_MS: Final = 35 * 24 * 3600 * 1000
"""As long as a backup may hold what was erased (RULINGS B6)."""

_RECORD: Final = struct.Struct(f">I{HASH_BYTES}s")
"""Before each record of a part: its clear length, and the name under which it is sealed."""

T = TypeVar("T")


class FolderShelf:
    """`sync.ports.PaperShelf` over a folder. One for each node: its lock is what keeps two senders apart."""

    def __init__(self, folder: Path, sealer: Sealer) -> None:
        """The folder is made with the first paper."""
        self._folder = folder
        self._sealer = sealer
        self._lock = threading.Lock()
        self._parts: dict[bytes, int] = {}
        """How far each part that this process has looked at holds, in clear bytes."""

    async def held(self, digest: bytes, size: int) -> int:
        """See `PaperShelf.held`."""
        return await self._in_thread(lambda: self._held(digest, size))

    async def read(self, digest: bytes, offset: int, count: int) -> bytes:
        """See `PaperShelf.read`."""
        return await self._in_thread(lambda: self._read(digest, offset, count))

    async def append(self, digest: bytes, size: int, offset: int, content: bytes, *, is_forced: bool = True) -> int:
        """See `PaperShelf.append`. Raises `Busy` `store_full` on a full disk: what was held before is held still.

        Not `is_forced`: a piece may be lost to a power cut, until the paper is whole.
        """
        return await self._in_thread(lambda: self._append(digest, size, offset, content, is_forced=is_forced))

    async def lacking(self, wanted: Mapping[bytes, int]) -> set[bytes]:
        """Those of these papers (digest → size) that are not whole here."""

        def look() -> set[bytes]:
            return {digest for digest, size in wanted.items() if self._held(digest, size) < size}

        return await self._in_thread(look)

    async def drop(self, digest: bytes) -> None:
        """See `PaperShelf.drop`."""
        await self._in_thread(lambda: self._drop(digest))

    async def keep(self, content: bytes) -> bytes:
        """Keep a whole paper of our own; returns its name. One that is here already is not written again."""
        return await self._in_thread(lambda: self._keep(content))

    async def claim(self, digest: bytes, size: int) -> bool:
        """Whether a paper is whole here; if so, `sweep` leaves it alone for a day, so that an entry may name it."""
        return await self._in_thread(lambda: self._claim(digest, size))

    async def mark(self, digest: bytes) -> None:
        """Note that a paper is only captured here: until an entry names it, `sweep` may take it away."""
        await self._in_thread(lambda: self._mark(digest))

    async def sweep(self, named: Collection[bytes], now: Instant, *, knows_all: bool = False) -> int:
        """Drop what was captured a day ago and that no case names; returns how many papers.

        `knows_all`: this node is sure to have forgotten no case. Then whatever lies here longer than a backup holds and
        is named nowhere goes as well: an erasure may have been cut off by a power cut before its papers went.
        """
        return await self._in_thread(lambda: self._sweep(named, now, knows_all=knows_all))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """Files are read and written beside the event loop, one at a time."""

        def locked() -> T:
            with self._lock:
                try:
                    return work()
                except OSError as error:
                    raise _fault(error) from error

        return await asyncio.to_thread(locked)

    # --- whole papers ------------------------------------------------------------------------------------------------

    def _whole(self, digest: bytes) -> Path:
        if len(digest) != HASH_BYTES:
            raise ValueError("a paper's name has 32 bytes")
        return self._folder / digest.hex()

    def _held(self, digest: bytes, size: int) -> int:
        path = self._whole(digest)
        clear = _clear_size(path)
        if clear is None:
            if self._part_held(digest) == size:
                # A power cut, or a full disk, came between the last piece and the whole.
                with contextlib.suppress(OSError, RemoteFault):
                    self._complete(digest)
                    return size
            return min(self._part_held(digest), size)
        if clear == size or self._fits(digest):
            return size
        self._set_aside(digest)
        return 0

    def _read(self, digest: bytes, offset: int, count: int) -> bytes:
        try:
            file = self._whole(digest).open("rb")
        except FileNotFoundError:
            raise LocalFault("paper_missing", "this paper is not here; fetch it first") from None
        first, last = offset // BLOCK_BYTES, max(offset + count - 1, offset) // BLOCK_BYTES
        with file:
            clear = b"".join(self._open_block(file, digest, number) for number in range(first, last + 1))
        return clear[offset - first * BLOCK_BYTES :][:count]

    def _open_block(self, file: BinaryIO, digest: bytes, number: int) -> bytes:
        """One block's clear bytes; nothing past the end. Raises `LocalFault` `paper_damaged`."""
        file.seek(number * STORED_BYTES)
        sealed = _readable(file, STORED_BYTES)
        if sealed is not None:
            with contextlib.suppress(SealBroken):
                return self._sealer.open(_block_name(digest, number), sealed) if sealed else b""
        self._set_aside(digest)
        raise LocalFault("paper_damaged", "this paper was damaged on the disk and was set aside; it is fetched again")

    def _fits(self, digest: bytes) -> bool:
        """Whether a file that claims to be whole opens and has its name's bytes."""
        found = hashlib.sha256()
        with contextlib.suppress(LocalFault), self._whole(digest).open("rb") as file:
            number = 0
            while block := self._open_block(file, digest, number):
                found.update(block)
                number += 1
            return found.digest() == digest
        return False

    def _set_aside(self, digest: bytes) -> None:
        """What no longer fits its name counts as not here; the bytes stay, for whoever must look into it."""
        path = self._whole(digest)
        with contextlib.suppress(FileNotFoundError):
            path.replace(path.with_suffix(SET_ASIDE))
            sync_folder(self._folder)

    def _keep(self, content: bytes) -> bytes:
        if not 1 <= len(content) <= PAPER_BYTES_MAX:
            raise ValueError("a paper has 1 … 10 MiB")
        digest = hashlib.sha256(content).digest()
        if not self._claim(digest, len(content)):
            blocks = (content[start : start + BLOCK_BYTES] for start in range(0, len(content), BLOCK_BYTES))
            self._write_whole(digest, blocks)
        return digest

    def _claim(self, digest: bytes, size: int) -> bool:
        if not self._whole(digest).exists() or self._held(digest, size) != size:
            return False
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._whole(digest).with_suffix(CAPTURED))
        return True

    def _mark(self, digest: bytes) -> None:
        self._make_folder()
        self._whole(digest).with_suffix(CAPTURED).touch(PRIVATE_FILE_MODE)
        sync_folder(self._folder)

    def _write_whole(self, digest: bytes, pieces: Iterable[bytes]) -> None:
        """Temp → fsync → rename → fsync of the folder. `pieces`: the very bytes of that name, for a block's name may
        come with one text only (`sync.ports.Sealer.seal`).
        """
        self._make_folder()
        write_private_pieces(self._whole(digest), self._sealed(digest, pieces))
        for suffix in (PART, SET_ASIDE):
            remove(self._whole(digest).with_suffix(suffix))
        self._parts.pop(digest, None)

    def _sealed(self, digest: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
        number, rest = 0, b""
        for piece in chain(pieces, [b""]):
            rest += piece
            while len(rest) >= BLOCK_BYTES or (rest and not piece):
                yield self._sealer.seal(_block_name(digest, number), rest[:BLOCK_BYTES])
                number, rest = number + 1, rest[BLOCK_BYTES:]

    # --- papers on their way -----------------------------------------------------------------------------------------

    def _append(self, digest: bytes, size: int, offset: int, content: bytes, *, is_forced: bool) -> int:
        if self._held(digest, size) == size:
            return size
        held = self._part_held(digest)
        if offset != held:
            return held
        if held + len(content) > size or size > PAPER_BYTES_MAX:
            self._drop_part(digest)
            raise RemoteFault("paper_mismatch", "more bytes came than the paper has; send it anew")
        if not content:
            return held
        self._append_record(digest, held, content, is_forced=is_forced)
        held += len(content)
        self._parts[digest] = held
        if held == size:
            self._complete(digest)
        return held

    def _append_record(self, digest: bytes, held: int, content: bytes, *, is_forced: bool) -> None:
        """One more record, if forced durable when this returns; after a failure the part ends where it ended."""
        self._make_folder()
        path = self._part(digest)
        is_new = not path.exists()
        name = _record_name(digest, held, content)
        record = _RECORD.pack(len(content), name) + self._sealer.seal(name, content)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), PRIVATE_FILE_MODE)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            end = file.seek(0, os.SEEK_END)
            try:
                if file.write(record) != len(record):
                    raise OSError(errno.ENOSPC, "the disk took only a part of it")
                if is_forced:
                    os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
        if is_new:
            sync_folder(self._folder)

    def _complete(self, digest: bytes) -> None:
        found = hashlib.sha256()
        for content, _ in self._records(digest):
            found.update(content)
        if found.digest() != digest:
            self._drop_part(digest)
            raise RemoteFault("paper_mismatch", "these bytes are not the paper that was named; send it anew")
        try:
            self._write_whole(digest, (content for content, _ in self._records(digest)))
        except OSError:
            # What is held to its last byte would never be sent again, and so never become whole.
            self._cut_last_record(digest)
            raise

    def _part(self, digest: bytes) -> Path:
        return self._whole(digest).with_suffix(PART)

    def _part_held(self, digest: bytes) -> int:
        """How far a part holds. The first look cuts off what a power cut has left behind it, and what is damaged."""
        if digest not in self._parts:
            held = end = 0
            for content, upto in self._records(digest):
                held, end = held + len(content), upto
            path = self._part(digest)
            if path.exists() and path.stat().st_size > end:
                with path.open("r+b") as file:
                    file.truncate(end)
                    os.fsync(file.fileno())
            if held == 0:
                return 0
            self._parts[digest] = held
        return self._parts[digest]

    def _records(self, digest: bytes) -> Iterator[tuple[bytes, int]]:
        """(clear bytes, where the record ends) of every sound record from the first on."""
        try:
            file = self._part(digest).open("rb")
        except FileNotFoundError:
            return
        held = end = 0
        with file:
            while len(head := _readable(file, _RECORD.size) or b"") == _RECORD.size:
                length, name = _RECORD.unpack(head)
                if not 1 <= length <= PAPER_BYTES_MAX - held:
                    return
                sealed = _readable(file, length + SEAL_BYTES) or b""
                try:
                    content = self._sealer.open(name, sealed)
                except SealBroken:
                    return
                if name != _record_name(digest, held, content):
                    return
                held, end = held + length, end + _RECORD.size + len(sealed)
                yield content, end

    def _cut_last_record(self, digest: bytes) -> None:
        ends = [(0, 0), *((len(content), end) for content, end in self._records(digest))]
        os.truncate(self._part(digest), ends[-2][1])
        self._parts[digest] = sum(length for length, _ in ends[:-1])

    def _drop_part(self, digest: bytes) -> None:
        remove(self._part(digest))
        self._parts.pop(digest, None)

    # --- leaving -----------------------------------------------------------------------------------------------------

    def _drop(self, digest: bytes) -> None:
        path = self._whole(digest)
        for one in (path, *(path.with_suffix(suffix) for suffix in (PART, SET_ASIDE, CAPTURED, TEMPORARY))):
            remove(one)
        self._parts.pop(digest, None)

    def _sweep(self, named: Collection[bytes], now: Instant, *, knows_all: bool) -> int:
        if not self._folder.is_dir():
            return 0
        dropped = 0
        for path in sorted(self._folder.glob(f"*{CAPTURED}")):
            digest = _digest_of(path)
            if digest is None or digest in named:
                remove(path)
            elif now - path.stat().st_mtime * 1000 >= UNNAMED_MS:
                self._drop(digest)
                dropped += 1
        if knows_all:
            touched: dict[bytes, float] = {}
            for path in self._folder.glob("*"):
                digest = _digest_of(path)
                if digest is not None:
                    touched[digest] = max(touched.get(digest, 0), path.stat().st_mtime * 1000)
            forgotten = [one for one, at in touched.items() if one not in named and now - at >= FORGOTTEN_MS]
            for digest in forgotten:
                self._drop(digest)
            dropped += len(forgotten)
        return dropped

    def _make_folder(self) -> None:
        self._folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)


class StickShelf:
    """A node's shelf for whoever reads a stick: the stick still has every piece, so only whole papers are forced to the
    disk, not each piece (`sync.ports.PaperShelf`).
    """

    def __init__(self, shelf: FolderShelf) -> None:
        self._shelf = shelf
        self.held = shelf.held
        self.read = shelf.read
        self.drop = shelf.drop

    async def append(self, digest: bytes, size: int, offset: int, content: bytes) -> int:
        """See `PaperShelf.append`; what a power cut takes of a paper that is not whole, comes again."""
        return await self._shelf.append(digest, size, offset, content, is_forced=False)


def _digest_of(path: Path) -> bytes | None:
    """Which paper a file belongs to; None: it is none of the shelf's."""
    try:
        digest = bytes.fromhex(path.name.partition(".")[0])
    except ValueError:
        return None
    return digest if len(digest) == HASH_BYTES else None


def _readable(file: BinaryIO, count: int) -> bytes | None:
    """The next bytes of a file; None where the disk itself cannot read them: one bad sector is one damaged paper, and
    no reason to stop with all others.
    """
    try:
        return file.read(count)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return None


def _block_name(digest: bytes, number: int) -> bytes:
    """What a block is sealed under: its paper and its place."""
    return hashlib.sha256(digest + number.to_bytes(8, "big")).digest()


def _record_name(digest: bytes, offset: int, content: bytes) -> bytes:
    """What a record of a part is sealed under: its bytes as well, for what comes from elsewhere may be wrong and come
    anew, and no two texts may share a name (`sync.ports.Sealer.seal`).
    """
    of_content = hashlib.sha256(content).digest()
    return hashlib.sha256(b"tongban part 1" + digest + offset.to_bytes(8, "big") + of_content).digest()


def _clear_size(path: Path) -> int | None:
    """How many clear bytes a whole paper has; None: it is not here."""
    try:
        stored = path.stat().st_size
    except FileNotFoundError:
        return None
    return stored - -(-stored // STORED_BYTES) * SEAL_BYTES


def _fault(error: OSError) -> Fault:
    """What a file's complaint means: a full disk, or a folder that cannot be written or read."""
    return fault_of(error) or LocalFault(
        "papers_unusable",
        f"the node's folder of papers cannot be read or written ({type(error).__name__}); check its owner and the disk",
    )
