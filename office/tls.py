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

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from msgspec import Struct

from office.paths import Home, read_private, write_private
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


def ensure_tls(home: Home, hosts: Sequence[str], now: Instant) -> TlsFiles:
    """The node's TLS files, made when missing. `hosts`: names and addresses under which it is reached.

    Raises `LocalFault` (`bad_certificate`) when a certificate is there that cannot be read.
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
        raise LocalFault(
            "bad_certificate", "the TLS certificate is not one PEM certificate; put the right file"
        ) from error


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
        return x509.DNSName(host)
