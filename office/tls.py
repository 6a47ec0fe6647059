"""This node's TLS key pair and self-signed certificate (RULINGS C8).

No public authority is involved: devices believe the certificate because the node's own log key signs its digest in
every session (`sync.session`). Browsers warn once, or the county installs the certificate. Must never: replace a
certificate that is there, print a key, or ask a network. Next: `office.paths` (where the files lie).
"""

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from office.paths import Home, read_private, write_private
from office.settings import Settings
from schemas.names import Instant
from sync.core.errors import LocalFault

LIFE_DAYS: Final = 3650
"""Ten years: devices judge the digest, not the dates, and an expired certificate must not cut a village off."""

BACKDATED_DAYS: Final = 2
"""Browsers whose clock is behind ours still find it valid."""

COMMON_NAME: Final = "tongban node"


class TlsFiles(Struct, frozen=True):
    """Where the certificate and its key lie, and the SHA-256 of the certificate (DER) that clients see."""

    certificate: Path
    key: Path
    digest: bytes


def names_of(settings: Settings, machine: str) -> list[str]:
    """Every name and address under which browsers may reach a node, each once: what its certificate names.

    `machine`: what the system calls this computer; it stands for a host that means all addresses, which nobody types.
    """
    own = settings.host
    if _is_every_address(own):
        own = machine if _is_name(machine) else ""
    names = [own, _host_in(settings.address), *settings.certificate_names.replace(",", " ").split()]
    return list(dict.fromkeys(name for name in names if name))


def _is_every_address(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _is_name(text: str) -> bool:
    try:
        _plain_name(text)
    except LocalFault:
        return False
    return True


def _host_in(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""  # No address at all: whoever prints or calls it says so.


def missing_names(home: Home, hosts: Sequence[str]) -> list[str]:
    """Of these names those that the node's certificate does not hold; none while there is no certificate.

    Raises `LocalFault` (`bad_certificate`, and `bad_certificate_name` for a name that no certificate can hold).
    """
    if not home.certificate.exists():
        return []
    try:
        certificate = x509.load_pem_x509_certificate(read_private(home.certificate, missing_hint="make it readable"))
        named = set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        named = set[x509.GeneralName]()
    except ValueError as error:
        raise _bad_certificate() from error
    return [host for host in hosts if _host(host) not in named]


def ensure_tls(home: Home, hosts: Sequence[str], now: Instant) -> TlsFiles:
    """The node's TLS files, made when missing. `hosts`: names and addresses under which it is reached.

    Raises `LocalFault` (`bad_certificate`) when a certificate is there that cannot be read, `bad_certificate_name`.
    """
    if not home.certificate.exists() or not home.certificate_key.exists():
        certificate, key = make_certificate(hosts, now)
        # The key first: a certificate without its key would look complete.
        write_private(home.certificate_key, key)
        write_private(home.certificate, certificate)
    pem = read_private(home.certificate, missing_hint="run init again to make a certificate")
    return TlsFiles(home.certificate, home.certificate_key, certificate_digest(pem))


def make_certificate(hosts: Sequence[str], now: Instant) -> tuple[bytes, bytes]:
    """A self-signed certificate and its P-256 key, both PEM. P-256, because browsers do not take Ed25519 here."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, COMMON_NAME)])
    begin = _readable(now) - timedelta(days=BACKDATED_DAYS)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=LIFE_DAYS))
        .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts] or [_host("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False)
        .sign(key, hashes.SHA256())
    )
    return (
        certificate.public_bytes(Encoding.PEM),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )


def certificate_digest(pem: bytes) -> bytes:
    """SHA-256 of a certificate's DER bytes: what a session signs. Raises `LocalFault` (`bad_certificate`)."""
    try:
        return sha256(ssl.PEM_cert_to_DER_cert(pem.decode("ascii").strip())).digest()
    except (ValueError, UnicodeDecodeError) as error:
        raise _bad_certificate() from error


def _bad_certificate() -> LocalFault:
    return LocalFault("bad_certificate", "the TLS certificate is not one PEM certificate; put the right file")


def fingerprint(digest: bytes) -> str:
    """The digest as people compare it: 32 pairs of hexadecimal digits."""
    return digest.hex(":").upper()


def _readable(now: Instant) -> datetime:
    """The device's clock where X.509 can write it: a clock of 1970 or 2200 must not stop `init`."""
    low, high = datetime(2000, 1, 3, tzinfo=UTC), datetime(2035, 1, 1, tzinfo=UTC)
    seconds = min(max(now / 1000, low.timestamp()), high.timestamp())
    return datetime.fromtimestamp(seconds, UTC)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(_plain_name(host))


def _plain_name(host: str) -> str:
    """A name as certificates write it: Chinese ones in the form of RFC 3490."""
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise LocalFault(
            "bad_certificate_name", f"{host} can stand in no certificate; correct `address` or `certificate_names`"
        ) from error
