"""Files of a node: whole or not at all, for their owner only, and one writer."""

import subprocess
import sys
from pathlib import Path

import pytest

from office.paths import Home, WritingLock, read_private, remove, write_private
from sync.core.errors import LocalFault


def test_a_written_file_is_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "device.key"
    write_private(path, b"one")
    write_private(path, b"two")
    assert path.read_bytes() == b"two"
    assert [path.name for path in tmp_path.iterdir()] == ["device.key"]
    if sys.platform != "win32":
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_left_over_of_a_power_cut_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "seat.json"
    write_private(path, b"old")
    (tmp_path / "seat.json.new").write_bytes(b"half")
    assert path.read_bytes() == b"old"
    write_private(path, b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["seat.json"]


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(LocalFault, match="enrol this device"):
        read_private(tmp_path / "device.key", missing_hint="enrol this device")
    remove(tmp_path / "device.key")


def test_a_second_holder_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first, second = WritingLock(tmp_path / "writer.lock"), WritingLock(tmp_path / "writer.lock")
    first.take()
    first.take()
    with pytest.raises(LocalFault, match="second_writer"):
        second.take()
    first.release()
    second.take()
    assert second.is_held
    second.release()


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    program = "import sys; from pathlib import Path; from office.paths import WritingLock\n"
    program += "WritingLock(Path(sys.argv[1])).take(); print('held', flush=True); sys.stdin.read()"
    path = tmp_path / "writer.lock"
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with pytest.raises(LocalFault, match="second_writer"):
            WritingLock(path).take()
        child.kill()
    lock = WritingLock(path)
    lock.take()
    lock.release()


def test_a_home_is_its_owners_alone(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "node")
    home.make()
    home.make()
    if sys.platform != "win32":
        assert home.folder.stat().st_mode & 0o777 == 0o700
