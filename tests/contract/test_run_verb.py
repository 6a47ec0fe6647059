"""`run` as a process of its own: answers, refuses a second writer in words, and ends in order when asked to."""

import signal
import subprocess
import sys
from pathlib import Path

from office.founding import found_county
from office.paths import write_private
from tests.support.counties import COUNTY

STOP_S_MAX = 20.0


def start(home: Path) -> "subprocess.Popen[str]":
    """The hub as an operator starts it."""
    return subprocess.Popen(
        [sys.executable, "-m", "hub", "run", "--home", str(home)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_until_it_serves(node: "subprocess.Popen[str]") -> list[str]:
    """Read its log up to the line that says so; its end is the end of the output, so this never hangs."""
    assert node.stdout is not None
    lines: list[str] = []
    for line in node.stdout:
        lines.append(line)
        if "Uvicorn running" in line:
            return lines
    raise AssertionError("".join(lines))


def test_it_serves_refuses_a_second_one_and_stops(tmp_path: Path) -> None:
    found_county(tmp_path, COUNTY, "苍溪县样例")
    write_private(tmp_path / "tongban.toml", b"port = 0\n")
    node = start(tmp_path)
    try:
        lines = wait_until_it_serves(node)
        assert "苍溪县" in lines[0]
        second = start(tmp_path)
        text, _ = second.communicate(timeout=STOP_S_MAX)
        assert second.returncode == 1
        assert "second_writer" in text
        assert "Traceback" not in text
        node.send_signal(signal.SIGTERM)
        rest, _ = node.communicate(timeout=STOP_S_MAX)
    finally:
        node.kill()
        node.wait()
    assert node.returncode == 0, rest
    assert "Traceback" not in rest
