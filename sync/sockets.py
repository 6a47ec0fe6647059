"""What a line asks of the operating system's sockets: TLS, a steady hand over short outages, an end without delay.

Never decides when to connect or to give up. Sources: RULINGS C8; the thin-line drills (`tests/nightly/thin_line.py`).
Next: `sync.http` (who connects), `office.serving` (who listens).
"""

import socket
import ssl
import struct
import sys
from typing import Final

THIN_LINEAR_TIMEOUTS: Final = 16
"""Linux' TCP_THIN_LINEAR_TIMEOUTS, which `socket` does not name: what of a small message is lost is sent again every
second or so, not after 1, 2, 4 and 8, when the next outage is there."""

ABORT: Final = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)
"""A `struct linger`: closing takes no time, and gives up what was not sent."""


def tls_context() -> ssl.SSLContext:
    """TLS 1.3 without a public authority: the certificate is proved by the node's own signature over its digest."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def make_steady(sock: socket.socket) -> None:
    """Let a connection get over short outages soon, where the system can; those that a listener accepts inherit it."""
    if sys.platform == "linux":
        sock.setsockopt(socket.IPPROTO_TCP, THIN_LINEAR_TIMEOUTS, 1)


def shut(sock: socket.socket) -> None:
    """Wake whoever waits on a connection; closing it is theirs, and what then waits to be sent is not sent."""
    try:
        # Else the kernel goes on sending it, and again, beside what is said on the next connection.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        # The plain method, under TLS too: the TLS object belongs to the thread that waits on it.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
    except OSError:
        return  # It was down already.
