"""Bodies at rest: AES-256-GCM above the village, clear where the whole database is encrypted (RULINGS C7).

A sealer never decides what is sealed (`sync.store` does), never keeps a body, and never stands for integrity: the
digest in an entry's header does, over the clear text. It is against a stolen disk. Keys come in as bytes.
Next: `sync.store`; `office.paths` for where the key lies.
"""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SEAL_KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
KEY_ID_MAX: Final = 255


class SealBroken(ValueError):
    """Sealed bytes that do not open: changed, moved to another row, or sealed with a key that is not here."""


class PlainSealer:
    """Stores bodies as they are: for tests, and for a village device whose database is encrypted as a whole."""

    def seal(self, name: bytes, clear: bytes) -> bytes:
        """See `Sealer.seal`."""
        return clear

    def open(self, name: bytes, sealed: bytes) -> bytes:
        """See `Sealer.open`."""
        return sealed


class AesGcmSealer:
    """AES-256-GCM (NIST SP 800-38D), the name as associated data. Stored form: key id (1 byte) ‖ ciphertext and tag.

    The nonce is not stored: it is BLAKE2b(name) under a key derived from the sealing key, 12 bytes. A name is the
    SHA-256 of a header that holds the body's digest, so one name has one text and sealing it again gives the same
    bytes; a random nonce would cost 12 bytes a row, a counter would repeat after a restore from backup. The derivation
    is keyed because whoever writes entries could otherwise search for two hashes with equal first bytes (2⁴⁸ tries).
    """

    def __init__(self, key: bytes, *, key_id: int = 1, older: Mapping[int, bytes] | None = None) -> None:
        """Seal with `key` (32 bytes) under `key_id` (0 … 255); `older` keys, by id, still open. Raises `ValueError`."""
        keys = {**(older or {}), key_id: key}
        if any(len(each) != SEAL_KEY_BYTES for each in keys.values()):
            raise ValueError(f"a sealing key has {SEAL_KEY_BYTES} bytes; restore the node's key file")
        if any(not 0 <= number <= KEY_ID_MAX for number in keys):
            raise ValueError(f"a sealing key's number is between 0 and {KEY_ID_MAX}")
        self._ciphers = {
            number: (AESGCM(each), _nonces_under(blake2b(each, person=b"tongban nonces").digest()))
            for number, each in keys.items()
        }
        self._mark = bytes([key_id])
        cipher, self._nonces = self._ciphers[key_id]
        self._encrypt = cipher.encrypt

    def seal(self, name: bytes, clear: bytes) -> bytes:
        """See `Sealer.seal`."""
        nonce = self._nonces.copy()  # a keyed state is copied in two thirds of the time that keying takes
        nonce.update(name)
        return self._mark + self._encrypt(nonce.digest(), clear, name)

    def open(self, name: bytes, sealed: bytes) -> bytes:
        """See `Sealer.open`. Raises `SealBroken`."""
        found = self._ciphers.get(sealed[0]) if sealed else None
        if found is None:
            raise SealBroken("sealed with a key that is not here; restore the node's key file")
        cipher, nonces = found
        nonce = nonces.copy()
        nonce.update(name)
        try:
            return cipher.decrypt(nonce.digest(), sealed[1:], name)
        except InvalidTag as error:
            raise SealBroken("these sealed bytes were changed; run verify to name the entry") from error


def _nonces_under(key: bytes) -> blake2b:
    return blake2b(key=key, digest_size=NONCE_BYTES)
