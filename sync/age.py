"""Sealing a bundle's parts with age: to the log keys of devices, as `ssh-ed25519` recipients.

A device's log key serves as its address as well: it is in every certificate, so nobody needs a further key, and any
`age` program with the device's key opens a bundle. pyrage holds the interpreter while it works: parts of at most 1 MiB
(3 ms) keep a running node answering. Must never: write a secret anywhere or say who else can open something.
Next: `sync.usb` (what is sealed), `sync/DECISIONS.md` (why this key), `office.age_stream` (whole files).
"""

import importlib
from base64 import b64encode
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sync.core.errors import LocalFault, RemoteFault
from sync.keys import Ed25519Signer, Signer

_SSH_KIND: Final = b"ssh-ed25519"


class _Age(Protocol):
    """What is used of pyrage, which has no types of its own."""

    DecryptError: type[Exception]
    ssh: Any

    def encrypt(self, data: bytes, recipients: Sequence[object]) -> bytes: ...

    def decrypt(self, data: bytes, identities: Sequence[object]) -> bytes: ...


def _pyrage() -> _Age:
    # Not at module level: a village writes a stick once a week, and every MiB of its memory counts.
    return cast("_Age", importlib.import_module("pyrage"))


@lru_cache(256)
def _recipient(log_key: bytes) -> object:
    parts = b"".join(len(part).to_bytes(4, "big") + part for part in (_SSH_KIND, log_key))
    return _pyrage().ssh.Recipient.from_str(f"{_SSH_KIND.decode()} {b64encode(parts).decode()}")


def seal(clear: bytes, log_keys: Iterable[bytes]) -> bytes:
    """Encrypt to the devices with these log public keys (32 bytes each); any one of them can open it."""
    return _pyrage().encrypt(clear, [_recipient(key) for key in log_keys])


class Opener:
    """A device's own log key, ready to open what was sealed to it."""

    def __init__(self, signer: Signer) -> None:
        """Raises `LocalFault` `no_opener` for keys that are not on this machine (simulations)."""
        if not isinstance(signer, Ed25519Signer):
            raise LocalFault("no_opener", "this device's keys cannot open bundles; use a real device's keys")
        key = Ed25519PrivateKey.from_private_bytes(signer.log_seed())
        self._identity: object = _pyrage().ssh.Identity.from_buffer(
            key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        )

    def open(self, sealed: bytes) -> bytes:
        """The clear bytes.

        Raises `RemoteFault`: `bundle_for_other` when it was not sealed to this device, `bundle_part_damaged` when not
        every byte is as it was sealed.
        """
        age = _pyrage()
        try:
            return age.decrypt(sealed, [self._identity])
        except age.DecryptError as error:
            if "matching keys" in str(error):
                raise RemoteFault(
                    "bundle_for_other",
                    "the bundle is sealed for another device: carry it to the office on its name; or that device was "
                    "replaced, then have it written again",
                ) from error
            raise RemoteFault(
                "bundle_part_damaged", "a part of the bundle is damaged; copy it again or have it written again"
            ) from error
