"""Where a node is: `https://host[:port]`, or `http://` on loopback only.

Pure. Never asks the network what a name means. Sources: RULINGS C8. Next: `sync.http` (who connects there).
"""

import ipaddress
from urllib.parse import urlsplit

from sync.core.errors import LocalFault


def parse_address(address: str) -> tuple[str, int, bool]:
    """Host, port, and whether it is TLS. Raises `LocalFault`: `bad_address`, `plain_http`."""
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_address() from error
    if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/") or parts.username:
        raise _bad_address()
    secure = parts.scheme == "https"
    if not secure and not is_loopback(host):
        raise LocalFault("plain_http", "the address above must begin with https://; plain HTTP is for loopback only")
    return host, port or (443 if secure else 80), secure


def _bad_address() -> LocalFault:
    return LocalFault("bad_address", "the address above must look like https://host:port, as on the enrolment sheet")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine only: then plain HTTP may be spoken (RULINGS C8)."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
