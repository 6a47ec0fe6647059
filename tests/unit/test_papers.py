"""The shelf: cut off at any byte, damaged, full, asked for what is not there; and never a clear byte on the disk."""

import errno
import hashlib
import os
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from office import papers as shelves
from office.papers import BLOCK_BYTES, CAPTURED, FORGOTTEN_MS, PART, SET_ASIDE, UNNAMED_MS, FolderShelf
from schemas.names import Instant
from schemas.papers import PAPER_BYTES_MAX
from sync.core.errors import Busy, LocalFault, RemoteFault
from sync.sealing import AesGcmSealer

SEALER: Final = AesGcmSealer(bytes(range(32)))


def paper(size: int, seed: int = 1) -> tuple[bytes, bytes]:
    """(digest, bytes)."""
    content = Random(seed).randbytes(size)
    return hashlib.sha256(content).digest(), content


def shelf_at(folder: Path) -> FolderShelf:
    """A shelf as a process that has just started sees it."""
    return FolderShelf(folder / "papers", SEALER)


async def bring(shelf: FolderShelf, digest: bytes, content: bytes, piece: int = 4096) -> None:
    """Bring what is missing of a paper, piece by piece, from where the shelf stands."""
    held = await shelf.held(digest, len(content))
    while held < len(content):
        held = await shelf.append(digest, len(content), held, content[held : held + piece])


@pytest.mark.parametrize("size", [1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 7])
async def test_a_paper_comes_back_from_any_place(tmp_path: Path, size: int) -> None:
    shelf = shelf_at(tmp_path)
    digest, content = paper(size)
    assert await shelf.keep(content) == digest
    assert await shelf.held(digest, size) == size
    for offset in {0, size // 2, max(0, size - 1), min(size, BLOCK_BYTES) - 1}:
        assert await shelf.read(digest, offset, BLOCK_BYTES + 3) == content[offset : offset + BLOCK_BYTES + 3]


async def test_no_clear_byte_and_no_name_lies_on_the_disk(tmp_path: Path) -> None:
    shelf = shelf_at(tmp_path)
    content = "王秀英 510824194910010025 ".encode() * 4000
    digest = await shelf.keep(content)
    half, other = paper(9000)
    await shelf.append(half, 9000, 0, other[:5000])
    files = {path.name: path.read_bytes() for path in (tmp_path / "papers").iterdir()}
    assert files.keys() == {digest.hex(), half.hex() + PART}
    assert all("王秀英".encode() not in stored and other[:64] not in stored for stored in files.values())
    assert all(path.stat().st_mode & 0o077 == 0 for path in (tmp_path / "papers").iterdir())


async def test_the_same_bytes_are_kept_once(tmp_path: Path) -> None:
    shelf = shelf_at(tmp_path)
    digest, content = paper(50_000)
    await shelf.keep(content)
    path = tmp_path / "papers" / digest.hex()
    before = path.stat().st_ino
    await shelf.keep(content)
    assert await shelf.append(digest, len(content), 0, content[:100]) == len(content)
    assert path.stat().st_ino == before


async def test_a_part_cut_off_at_any_byte_goes_on_from_a_sound_place(tmp_path: Path) -> None:
    """A power cut may leave any beginning of the file: what is held is what was sent, and the paper completes."""
    digest, content = paper(900)
    whole = shelf_at(tmp_path / "whole")
    parts = range(0, 800, 100)
    held = [0, *[await whole.append(digest, 900, start, content[start : start + 100]) for start in parts]]
    stored = (tmp_path / "whole" / "papers" / f"{digest.hex()}{PART}").read_bytes()
    path = tmp_path / "cut" / "papers" / f"{digest.hex()}{PART}"
    path.parent.mkdir(parents=True)
    seen: list[int] = []
    for cut in range(len(stored) + 1):
        path.write_bytes(stored[:cut])
        shelf = shelf_at(tmp_path / "cut")
        seen.append(await shelf.held(digest, 900))
        if cut % 97 == 0:
            await bring(shelf, digest, content, 100)
            assert await shelf.read(digest, 0, 900) == content
            await shelf.drop(digest)
    assert set(seen) == set(held)
    assert all(earlier <= later for earlier, later in pairwise(seen))


async def test_zeros_and_noise_behind_a_cut_part_are_cut_off(tmp_path: Path) -> None:
    digest, content = paper(5000)
    path = tmp_path / "papers" / f"{digest.hex()}{PART}"
    for tail in (bytes(300), Random(3).randbytes(300), b"\xff" * 40):
        await shelf_at(tmp_path).append(digest, 5000, 0, content[:2000])
        sound = path.stat().st_size
        with path.open("ab") as file:
            file.write(tail)
        shelf = shelf_at(tmp_path)
        assert await shelf.held(digest, 5000) == 2000
        assert path.stat().st_size == sound
        await bring(shelf, digest, content)
        assert await shelf.read(digest, 0, 5000) == content
        await shelf.drop(digest)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 1200)), max_size=12), st.integers(1, 3000))
async def test_pieces_in_any_order_and_repetition_never_spoil_a_paper(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[int, int]], size: int
) -> None:
    folder = tmp_path_factory.mktemp("pieces")
    digest, content = paper(size)
    shelf = shelf_at(folder)
    for offset, length in pieces:
        before = await shelf.held(digest, size)
        after = await shelf.append(digest, size, offset, content[offset : offset + length])
        assert after == (before if offset != before else min(size, before + len(content[offset : offset + length])))
        shelf = shelf_at(folder) if length % 3 == 0 else shelf
    await bring(shelf, digest, content, 700)
    assert await shelf.read(digest, 0, size) == content


async def test_what_does_not_fit_its_name_leaves_nothing(tmp_path: Path) -> None:
    shelf = shelf_at(tmp_path)
    digest, content = paper(1000)
    await shelf.append(digest, 1000, 0, content[:600])
    with pytest.raises(RemoteFault) as wrong:
        await shelf.append(digest, 1000, 600, bytes(400))
    assert wrong.value.code == "paper_mismatch"
    assert await shelf.held(digest, 1000) == 0
    assert list((tmp_path / "papers").iterdir()) == []
    await bring(shelf, digest, content)
    assert await shelf.read(digest, 0, 1000) == content


@pytest.mark.parametrize("size", [599, PAPER_BYTES_MAX + 1])
async def test_more_than_was_said_or_may_be_is_refused(tmp_path: Path, size: int) -> None:
    shelf = shelf_at(tmp_path)
    digest, content = paper(1000)
    with pytest.raises(RemoteFault):
        await shelf.append(digest, size, 0, content[:600])
    assert await shelf.held(digest, size) == 0


@pytest.mark.parametrize("place", ["first byte", "middle", "last byte", "cut", "cut at a block", "appended"])
async def test_a_damaged_paper_is_set_aside_and_wanted_again(tmp_path: Path, place: str) -> None:
    size = 3 * BLOCK_BYTES + 100
    digest, content = paper(size)
    await shelf_at(tmp_path).keep(content)
    path = tmp_path / "papers" / digest.hex()
    stored = bytearray(path.read_bytes())
    if place == "cut":
        del stored[-1]
    elif place == "cut at a block":
        del stored[2 * (BLOCK_BYTES + 17) :]
    elif place == "appended":
        stored += b"\0"
    else:
        stored[{"first byte": 0, "middle": len(stored) // 2, "last byte": -1}[place]] ^= 1
    path.write_bytes(stored)
    shelf = shelf_at(tmp_path)
    if place in ("first byte", "middle", "last byte"):
        with pytest.raises(LocalFault) as damaged:
            await shelf.read(digest, 0, size)
        assert damaged.value.code == "paper_damaged"
    assert await shelf.held(digest, size) == 0
    assert path.with_suffix(SET_ASIDE).read_bytes() == stored
    await bring(shelf, digest, content)
    assert await shelf.read(digest, 0, size) == content
    assert not path.with_suffix(SET_ASIDE).exists()


async def test_papers_are_bound_to_their_names(tmp_path: Path) -> None:
    """Whoever has the disk cannot put one paper in another's place."""
    shelf = shelf_at(tmp_path)
    (one, first), (other, second) = paper(4000, 1), paper(4000, 2)
    await shelf.keep(first)
    await shelf.keep(second)
    folder = tmp_path / "papers"
    (folder / one.hex()).write_bytes((folder / other.hex()).read_bytes())
    with pytest.raises(LocalFault):
        await shelf.read(one, 0, 4000)


async def test_a_reference_that_states_another_size_does_no_harm(tmp_path: Path) -> None:
    shelf = shelf_at(tmp_path)
    digest, content = paper(5000)
    await shelf.keep(content)
    assert await shelf.held(digest, 4000) == 4000
    assert await shelf.read(digest, 0, 5000) == content


async def test_what_is_not_here_is_said_so(tmp_path: Path) -> None:
    digest, content = paper(100)
    shelf = shelf_at(tmp_path)
    with pytest.raises(LocalFault) as missing:
        await shelf.read(digest, 0, 100)
    assert missing.value.code == "paper_missing"
    assert await shelf.held(digest, 100) == 0
    await shelf.append(digest, 100, 0, content[:50])
    with pytest.raises(LocalFault):
        await shelf.read(digest, 0, 50)
    await shelf.drop(digest)
    await shelf.drop(digest)
    assert list((tmp_path / "papers").iterdir()) == []


async def test_a_full_disk_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it fills up while a piece is appended or while the whole is written: what was held is held still."""
    digest, content = paper(90_000)
    shelf = shelf_at(tmp_path)
    await shelf.append(digest, 90_000, 0, content[:40_000])
    path = tmp_path / "papers" / f"{digest.hex()}{PART}"
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(shelves.os, "fsync", full)
        with pytest.raises(Busy) as refused:
            await shelf.append(digest, 90_000, 40_000, content[40_000:60_000])
        assert refused.value.code == "store_full"
        with pytest.raises(Busy):
            await shelf.keep(paper(500, 7)[1])
    assert path.read_bytes() == before
    assert await shelf.held(digest, 90_000) == 40_000
    assert {one.name for one in path.parent.iterdir()} == {path.name}

    await shelf.append(digest, 90_000, 40_000, content[40_000:89_000])

    def full_at_last(*_: object) -> None:
        full(0)

    monkeypatch.setattr(shelves, "write_private_pieces", full_at_last)
    with pytest.raises(Busy):
        await shelf.append(digest, 90_000, 89_000, content[89_000:])
    monkeypatch.undo()
    assert await shelf.held(digest, 90_000) == 89_000, "the last piece is asked for again"
    await bring(shelf, digest, content, 1000)
    assert await shelf_at(tmp_path).read(digest, 0, 90_000) == content


async def test_a_power_cut_between_the_last_piece_and_the_whole_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest, content = paper(5000)
    shelf = shelf_at(tmp_path)
    monkeypatch.setattr(shelf, "_complete", Random)
    await shelf.append(digest, 5000, 0, content)
    assert await shelf_at(tmp_path).held(digest, 5000) == 5000
    assert await shelf_at(tmp_path).read(digest, 0, 5000) == content


async def test_what_was_captured_and_never_named_goes_after_a_day(tmp_path: Path) -> None:
    shelf = shelf_at(tmp_path)
    contents = [paper(1000, seed)[1] for seed in range(4)]
    forgotten, named, fresh, arrived = [await shelf.keep(content) for content in contents]
    for digest in (forgotten, named, fresh):
        await shelf.mark(digest)
    folder = tmp_path / "papers"
    for digest in (forgotten, named):
        os.utime(folder / f"{digest.hex()}{CAPTURED}", (1000, 1000))
    now = Instant(int((folder / f"{fresh.hex()}{CAPTURED}").stat().st_mtime * 1000) + UNNAMED_MS // 2)
    assert await shelf.sweep({named}, now) == 1
    assert [await shelf.held(digest, 1000) for digest in (forgotten, named, fresh, arrived)] == [0, 1000, 1000, 1000]
    assert {path.name for path in folder.glob(f"*{CAPTURED}")} == {f"{fresh.hex()}{CAPTURED}"}


async def test_what_no_case_names_goes_late_and_only_where_every_case_is_known(tmp_path: Path) -> None:
    """A restored node must not delete the only copy of a photograph whose case it has yet to hear of."""
    shelf = shelf_at(tmp_path)
    old, named, young = [await shelf.keep(paper(1000, seed)[1]) for seed in range(3)]
    half, content = paper(5000)
    await shelf.append(half, 5000, 0, content[:100])
    folder = tmp_path / "papers"
    now = Instant(int((folder / young.hex()).stat().st_mtime * 1000) + 1000)
    for name in (old.hex(), named.hex(), half.hex() + PART):
        long_ago = (now - FORGOTTEN_MS) / 1000 - 5
        os.utime(folder / name, (long_ago, long_ago))
    assert await shelf.sweep({named}, now) == 0
    (folder / ".DS_Store").touch()
    assert await shelf.sweep({named}, now, knows_all=True) == 2
    assert {path.name for path in folder.iterdir()} == {named.hex(), young.hex(), ".DS_Store"}
    assert await shelf.held(half, 5000) == 0


async def test_what_an_entry_is_about_to_name_is_not_swept(tmp_path: Path) -> None:
    shelf = shelf_at(tmp_path)
    digest = await shelf.keep(paper(1000)[1])
    await shelf.mark(digest)
    marker = tmp_path / "papers" / f"{digest.hex()}{CAPTURED}"
    os.utime(marker, (1000, 1000))
    assert await shelf.claim(digest, 1000)
    assert await shelf.sweep(set(), Instant(int(marker.stat().st_mtime * 1000) + 1000)) == 0
    assert not await shelf.claim(paper(10, 9)[0], 10)


async def test_a_bad_sector_is_one_damaged_paper_and_stops_nothing_else(tmp_path: Path) -> None:
    """`/proc/self/mem` fails to be read as a bad sector does: with an input/output error."""
    shelf = shelf_at(tmp_path)
    (whole, content), (part, other) = paper(5000, 1), paper(6000, 2)
    await shelf.keep(content)
    folder = tmp_path / "papers"
    (folder / whole.hex()).unlink()
    for name in (whole.hex(), f"{part.hex()}.part"):
        (folder / name).symlink_to("/proc/self/mem")

    with pytest.raises(LocalFault) as damaged:
        await shelf.read(whole, 0, 5000)
    assert damaged.value.code == "paper_damaged"
    assert await shelf.lacking({whole: 5000, part: 6000}) == {whole, part}
    await bring(shelf, whole, content)
    assert await shelf.read(whole, 0, 5000) == content
    assert await shelf.held(part, len(other)) == 0
