"""`run` as a process of its own: answers, refuses in words what it cannot do, and ends in order when asked to."""

import asyncio
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from office.enrolling import Office
from office.founding import found_county
from office.node import Node
from office.paths import Home, write_private
from office.serving import BEACON_EVERY_MS, light_beacon, tend
from schemas.names import Instant, OfficeId
from schemas.wire import KIND_BEACON
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
        if "serving at" in line:
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


async def journals_of(home: Path) -> int:
    node = await Node.open(home, with_pen=False)
    await node.close()
    return len(node.books.journals)


@pytest.mark.parametrize("code", ["port_taken", "address_unusable", "bad_certificate"])
async def test_a_start_that_cannot_serve_says_why_and_leaves_no_journal(tmp_path: Path, code: str) -> None:
    """A service manager tries again and again: each journal would be told to the whole county for ever."""
    found_county(tmp_path, COUNTY, "苍溪县样例")
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = {
            "port_taken": f"port = {other.getsockname()[1]}\n",
            # From a block of addresses that no computer has (RFC 5737).
            "address_unusable": 'host = "192.0.2.1"\nport = 0\n',
            "bad_certificate": 'host = "0.0.0.0"\nport = 0\n',
        }
        write_private(tmp_path / "tongban.toml", settings[code].encode())
        home = Home(tmp_path)
        if code == "bad_certificate":
            write_private(home.certificate, b"nonsense")
            write_private(home.certificate_key, b"nonsense")
        for _ in range(2):
            text, _ = (node := start(tmp_path)).communicate(timeout=STOP_S_MAX)
            assert node.returncode == 1
            assert code in text
            assert "Traceback" not in text
    assert await journals_of(tmp_path) == 0


async def test_a_county_whose_clock_once_stood_in_the_future_lights_its_beacons(tmp_path: Path) -> None:
    found_county(tmp_path, COUNTY, "苍溪县样例")
    hub = await Node.open(tmp_path)
    for shift in (10 * 365, -10 * 365):
        hub.books.beacon_at = Instant(hub.clock.now() + shift * BEACON_EVERY_MS)
        await light_beacon(hub)
        await light_beacon(hub)
    assert len(await hub.store.entries_of_kind(KIND_BEACON)) == 2
    await hub.close()


async def test_a_running_hub_learns_of_a_window_that_is_imported_beside_it(tmp_path: Path) -> None:
    found_county(tmp_path, COUNTY, "苍溪县样例")
    window = OfficeId(f"{COUNTY}.mzj")
    hub = await Node.open(tmp_path)
    names = asyncio.create_task(tend(hub, Node.load_names, 0))
    try:
        beside = await Node.open(tmp_path, with_pen=False)
        await beside.enrolling.import_offices([Office(window, "民政局窗口")])
        await beside.close()
        async with asyncio.timeout(STOP_S_MAX):
            while window not in hub.known_offices():
                await hub.clock.sleep(0)
        assert hub.office_name(window) == "民政局窗口"
    finally:
        names.cancel()
        await hub.close()


async def test_what_a_node_does_by_itself_goes_on_after_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found_county(tmp_path, COUNTY, "苍溪县样例")
    hub = await Node.open(tmp_path)
    again = asyncio.Event()

    async def light_beacon(_: Node) -> None:
        if not caplog.records:
            raise RuntimeError("王小明")
        again.set()

    task = asyncio.create_task(tend(hub, light_beacon, 0))
    try:
        async with asyncio.timeout(STOP_S_MAX):
            await again.wait()
    finally:
        task.cancel()
        await hub.close()
    assert "light_beacon failed: RuntimeError at" in caplog.text
    assert "王小明" not in caplog.text
