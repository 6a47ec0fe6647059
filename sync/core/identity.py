"""What makes public keys somebody: the digest that names a county, and keys that must never be enrolled.

Pure arithmetic on public bytes, for nodes and the stand-alone verifier alike. Never sees a secret and never verifies
a signature. Next: `sync.keys` (signers and the keyring), `sync.enrolment` (who enrols whom), `sync.proof`.
"""

from hashlib import sha256
from typing import Final

_FIELD: Final = 2**255 - 19
_ORDER_8_Y: Final = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)
_WEAK_Y: Final = frozenset((0, 1, _FIELD - 1, _ORDER_8_Y, _FIELD - _ORDER_8_Y))
"""y of the eight points of small order: under such a key one signature fits every message (RFC 8032 section 5.1)."""


def is_weak_key(public_key: bytes) -> bool:
    """Small order, or written as no honest encoder writes it (y not reduced): either way not a generated key."""
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    return y >= _FIELD or y in _WEAK_Y


def root_digest(public_key: bytes) -> str:
    """What identifies a county: 64 hexadecimal digits of SHA-256 over a title and the root's public key.

    Printed on every enrolment sheet and given to `tongban-verify`; the key itself travels with the certificates.
    """
    return sha256(b"tongban county root\n" + public_key).hexdigest()
