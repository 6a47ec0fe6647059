"""A stick that is full, write-protected, gone, or pulled out while it is written: named, and nothing half is left."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from office.sticks import bundles_in, name_of, read_bundle, remove_older, write_bundle
from schemas.names import Epoch, Instant, NodeId, OfficeId
from schemas.refusals import Refused
from sync.core.bundle import BUNDLE_BYTES_MAX, Manifest
from tests.architecture.sources import ROOT

NAME = "a-b-c-000001-000000000000-000001.tongban"


def manifest(serial: int = 1, nonce: bytes = b"abcdef") -> Manifest:
    village, township = NodeId("om3557cgqxfqwg56"), NodeId("iom3l3aq3if2cath")
    return Manifest(
        "cangxi",
        "ab" * 32,
        village,
        OfficeId("510824100201"),
        township,
        OfficeId("510824100"),
        Instant(0),
        Epoch(7, nonce),
        serial,
        True,
        (),
    )


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.ENOSPC, "stick_full"),
        (errno.EDQUOT, "stick_full"),
        (errno.EFBIG, "stick_full"),
        (errno.EROFS, "stick_read_only"),
        (errno.EACCES, "stick_read_only"),
        (errno.EIO, "stick_gone"),
        (errno.ENODEV, "stick_gone"),
        (errno.ENOENT, "stick_gone"),
    ],
)
def test_a_failing_stick_is_named_and_keeps_what_it_had(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    write_bundle(tmp_path, NAME, b"before")

    def fail(descriptor: int) -> None:
        raise OSError(number, "the stick")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(Refused) as refused:
        write_bundle(tmp_path, NAME, b"after")
    assert refused.value.code == code
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert read_bundle(tmp_path / NAME) == b"before"


def test_a_really_full_file_system(tmp_path: Path) -> None:
    """The system's own limit on a file's size plays the stick, in a process of its own."""
    program = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from office.sticks import write_bundle\n"
        "from schemas.refusals import Refused\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try:\n"
        "    write_bundle(Path(sys.argv[1]), 'x.tongban', b'x' * 200000)\n"
        "except Refused as refused:\n"
        "    print(refused.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "stick_full\n"
    assert list(tmp_path.iterdir()) == []


def test_killed_while_writing_leaves_nothing_under_the_final_name(tmp_path: Path) -> None:
    name = name_of(manifest())
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from office.sticks import write_bundle\n"
        "os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)\n"
        "write_bundle(Path(sys.argv[1]), sys.argv[2], b'half')\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path), name], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.name != name
    assert bundles_in(tmp_path) == []
    newer = name_of(manifest(serial=2))
    write_bundle(tmp_path, newer, b"whole")
    assert remove_older(tmp_path, newer, []) == 1
    assert [path.name for path in tmp_path.iterdir()] == [newer]


def test_a_file_system_that_cannot_sync_folders_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """FAT, mounted by some drivers."""

    def fail(folder: Path) -> None:
        raise OSError(errno.EINVAL, "no folders")

    monkeypatch.setattr("office.sticks.sync_folder", fail)
    assert read_bundle(write_bundle(tmp_path, NAME, b"whole")) == b"whole"


def test_what_is_no_stick(tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path / "file"):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(Refused, match="stick_gone"):
            write_bundle(folder, NAME, b"x")
    with pytest.raises(Refused, match="stick_gone"):
        bundles_in(tmp_path / "nowhere")
    with pytest.raises(Refused, match="stick_gone"):
        read_bundle(tmp_path / "nowhere" / NAME)


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_bundle(tmp_path, NAME, b"whole")

    def refuse(self: Path, mode: str) -> None:
        raise PermissionError(errno.EACCES, "not yours")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(Refused, match="stick_unreadable"):
        read_bundle(tmp_path / NAME)


def test_a_giant_file_is_read_no_further_than_a_bundle_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / NAME
    with path.open("wb") as file:
        file.truncate(10 * 1024**3)  # 10 GB that take no room
    assert len(read_bundle(path)) == BUNDLE_BYTES_MAX + 1


def test_names_say_from_whom_to_whom_in_order_and_nothing_else(tmp_path: Path) -> None:
    first, second = name_of(manifest(1)), name_of(manifest(2))
    assert first == "510824100201-510824100-om3557cgqxfqwg56-000007-616263646566-000001.tongban"
    assert first < second
    # A restored device forgot what it wrote under the same numbers: it must not write over it.
    assert name_of(manifest(1, b"uvwxyz")) != first
    write_bundle(tmp_path, first, b"1")
    write_bundle(tmp_path, "holiday.tongban", b"?")
    write_bundle(tmp_path, second, b"2")
    assert remove_older(tmp_path, second, [first, "never there"]) == 1
    assert {path.name for path in bundles_in(tmp_path)} == {second, "holiday.tongban"}
