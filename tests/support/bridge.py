"""A thin line between two network namespaces: the village on one side, the township on the other, this process between.

`netem` is missing from many kernels, so the line is played here: two raw packet sockets in a middle namespace, and
every packet delayed, lost, doubled or held back as a `Course` says (`tests.support.thin_lines`). Real TCP, real TLS.
Must run in a process of its own that has its namespaces (`ALONE`), single-threaded when it opens the bridge. After
`lay` this process lives at the village's side: what it starts runs there, `at_township` starts a program at the other.
"""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import platform
import socket
import struct
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from copy import copy
from pathlib import Path
from random import Random
from typing import Final

from msgspec import Struct

from tests.support.thin_lines import Counts, Course, Profile

VILLAGE_IP: Final = "10.77.0.1"
TOWNSHIP_IP: Final = "10.77.0.2"
PREFIX_BITS: Final = 24
NETWORK: Final = f"10.77.0.0/{PREFIX_BITS}"

CLONE_NEWNET: Final = 0x40000000
ETH_P_ALL: Final = 3
ETH_P_IP: Final = 0x0800
ETHERNET_BYTES: Final = 14
FRAME_BYTES_MAX: Final = 65_550
PACKET_OUTGOING: Final = 4

SIOCETHTOOL: Final = 0x8946
ETHTOOL_OFF: Final = (0x15, 0x17, 0x1F, 0x24, 0x2C)
"""ETHTOOL_SRXCSUM, _STXCSUM, _STSO, _SGSO, _SGRO: with them on, packets of 64 KiB without checksums would pass."""

CONGESTION: Final = "cubic"
"""What office computers run. bbr, the default of some kernels, flatters lossy lines (RELIABILITY 1)."""


def alone() -> list[str]:
    """The words before a command that give it network and mounts of its own: as root, else in a user namespace."""
    mapped = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *mapped, "--net", "--mount", "--fork", "--kill-child"]


def why_not() -> str:
    """Why no bridge can be laid on this machine; empty when it can."""
    if not sys.platform.startswith("linux"):
        return f"it needs Linux: network namespaces ({platform.system()} has none)"
    try:
        probe = subprocess.run([*alone(), "true"], capture_output=True, text=True, check=False)
        if probe.returncode:
            return f"this system allows no network namespaces: {probe.stderr.strip()}; run as root"
        link = "ip link add probe0 type veth peer name probe1"
        probe = subprocess.run([*alone(), "sh", "-c", link], capture_output=True, text=True, check=False)
    except FileNotFoundError as missing:
        return f"a program is missing: {missing.filename} (util-linux)"
    return f"no pair of virtual links can be made: {probe.stderr.strip()} (iproute2)" if probe.returncode else ""


class Traffic(Struct):
    """Both directions of a bridge."""

    up: Counts
    down: Counts

    @property
    def wire_bytes(self) -> int:
        """Bytes of IP that the line took from its two ends, those that it lost among them."""
        return sum(one.offered_bytes - one.cut_bytes for one in (self.up, self.down))


class Bridge:
    """The line. Made by `lay`; carries as long as the event loop runs."""

    def __init__(self, profile: Profile, seed: int, ends: tuple[socket.socket, socket.socket], township: int) -> None:
        self.profile = profile
        self._township = township
        self._ends = ends
        self._courses = (Course(profile, seed), Course(profile, seed + 1))
        self._started_s = time.monotonic()

    def now_s(self) -> float:
        """Seconds since the line was laid: the time of its timetable."""
        return time.monotonic() - self._started_s

    async def wait_until(self, at_s: float) -> None:
        """Return at this time of the timetable, or at once if it is past."""
        await asyncio.sleep(at_s - self.now_s())

    def traffic(self) -> Traffic:
        """What has passed until now, village → township and back."""
        return Traffic(*(copy(course.counts) for course in self._courses))

    def at_township(self, *command: str) -> list[str]:
        """A command that is to run at the other end."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self._township}", "--", *command]

    def open(self) -> None:
        """Begin to carry."""
        loop = asyncio.get_running_loop()
        for side in (0, 1):
            loop.add_reader(self._ends[side], self._take, side)

    def close(self) -> None:
        """Stop carrying."""
        loop = asyncio.get_running_loop()
        for end in self._ends:
            loop.remove_reader(end)
            end.close()
        os.close(self._township)

    def _take(self, side: int) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                frame, (_, protocol, kind, *_) = self._ends[side].recvfrom(FRAME_BYTES_MAX)
            except BlockingIOError:
                return
            if kind == PACKET_OUTGOING:
                continue
            # Who has which address is asked for free: the figures are about IP.
            if protocol != ETH_P_IP:
                self._give(1 - side, frame)
                continue
            now_s = self.now_s()
            for due_s in self._courses[side].take(now_s, len(frame) - ETHERNET_BYTES):
                loop.call_later(due_s - now_s, self._give, 1 - side, frame)

    def _give(self, side: int, frame: bytes) -> None:
        with contextlib.suppress(OSError):  # Closed meanwhile, or its buffer is full: lost on the line.
            self._ends[side].send(frame)


def tcp_counts() -> dict[str, int]:
    """What TCP at the village's side has done until now: connections it began, segments it sent, and sent again."""
    lines = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Tcp:")]
    found = dict(zip(*lines, strict=True))
    wanted = {"connections": "ActiveOpens", "segments": "OutSegs", "segments_again": "RetransSegs"}
    return {name: int(found[column]) for name, column in wanted.items()}


@asynccontextmanager
async def lay(profile: Profile, seed: int = 1) -> AsyncGenerator[Bridge]:
    """Lay the line in this process' own namespaces (`alone`), and go to live at the village's side."""
    middle = _namespace()
    village = _new_namespace()
    township = _new_namespace()
    _enter(middle)
    for near, far, place in (("lv", "village", village), ("lt", "township", township)):
        _run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        _calm(near)
        _run("ip", "link", "set", far, "netns", f"/proc/{os.getpid()}/fd/{place}")
        _run("ip", "link", "set", near, "up")
    ends = (_packets("lv"), _packets("lt"))
    for name, place, address in (("village", village, VILLAGE_IP), ("township", township, TOWNSHIP_IP)):
        _enter(place)
        _settle(name, address)
    _enter(village)
    os.close(middle)
    os.close(village)
    bridge = Bridge(profile, seed, ends, township)
    bridge.open()
    try:
        yield bridge
    finally:
        bridge.close()


def _settle(name: str, address: str) -> None:
    """One end's own network: loopback, an address, no IPv6, the congestion control of an office computer."""
    Path("/proc/sys/net/ipv6/conf/all/disable_ipv6").write_text("1")
    _calm(name)
    _run("ip", "address", "add", f"{address}/{PREFIX_BITS}", "dev", name, "noprefixroute")
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "link", "set", name, "up")
    # By the route: a namespace's own default may only be one of those that the machine allows everybody.
    _run("ip", "route", "add", NETWORK, "dev", name, "congctl", CONGESTION)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def _namespace() -> int:
    """The network namespace of this thread, kept open."""
    # Handed on to `nsenter`, which opens it through /proc.
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _new_namespace() -> int:
    _check(ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET))
    return _namespace()


def _enter(namespace: int) -> None:
    _check(ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET))


def _check(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _calm(name: str) -> None:
    """Switch off what makes a virtual link faster than a real one: no packets larger than the line's, checksums whole.

    Through the kernel's own call: the program `ethtool` is rarely installed.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in ETHTOOL_OFF:
            value = ctypes.create_string_buffer(struct.pack("II", command, 0))
            request = struct.pack("16sP16x", name.encode(), ctypes.addressof(value))
            fcntl.ioctl(control, SIOCETHTOOL, request)


def _packets(name: str) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.bind((name, 0))
    end.setblocking(False)
    return end


# --- does it do what it says? ----------------------------------------------------------------------------------------


class Measured(Struct, frozen=True):
    """What a program at the ends sees of the line."""

    pings: int
    answered: int
    rtt_ms_p50: float
    kbit_per_s: float
    """Of TCP's payload, one way; 0 when not tried."""


ECHO: Final = """
import socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((sys.argv[1], 7))
tcp = socket.create_server((sys.argv[1], 9))
print("listening", flush=True)
import threading
def echo():
    while True:
        data, where = udp.recvfrom(2048)
        udp.sendto(data, where)
threading.Thread(target=echo, daemon=True).start()
while True:
    peer, _ = tcp.accept()
    while peer.recv(65536):
        pass
    peer.sendall(b"!")
    peer.close()
"""
"""Sends back what comes by UDP, and one byte after all that came by TCP."""


async def measure(bridge: Bridge, *, pings: int = 20, tcp_bytes: int = 64 * 1024) -> Measured:
    """Echo small packets one after another, then send `tcp_bytes` and wait for the other end to have them."""
    command = bridge.at_township(sys.executable, "-c", ECHO, TOWNSHIP_IP)
    there = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    try:
        assert there.stdout is not None
        await there.stdout.readline()
        times = [took async for took in _pings(pings)]
        started_s = time.monotonic()
        if tcp_bytes:
            await _send(tcp_bytes)
        took_s = time.monotonic() - started_s
    finally:
        there.kill()
        await there.wait()
    middle = sorted(times)[len(times) // 2] if times else 0.0
    return Measured(pings, len(times), round(1000 * middle, 1), round(8 * tcp_bytes / took_s / 1000, 1))


async def _pings(count: int) -> AsyncGenerator[float]:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        probe.connect((TOWNSHIP_IP, 7))
        for number in range(count):
            sent_s = time.monotonic()
            word = str(number).encode()
            probe.send(word)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    while await loop.sock_recv(probe, 100) != word:
                        continue
                yield time.monotonic() - sent_s


async def _send(count: int) -> None:
    reader, writer = await asyncio.open_connection(TOWNSHIP_IP, 9)
    writer.write(Random(1).randbytes(count))
    writer.write_eof()
    await reader.read(1)
    writer.close()
    await writer.wait_closed()


async def self_test(profile: Profile) -> None:
    """Lay a line and print what it does: `unshare … python -m tests.support.bridge NAME`, with the words of `alone`."""
    async with lay(profile) as bridge:
        measured = await measure(bridge)
        print(profile.name, measured, bridge.traffic())


if __name__ == "__main__":
    from tests.support.thin_lines import PROFILES

    asyncio.run(self_test(PROFILES[sys.argv[1]]))
