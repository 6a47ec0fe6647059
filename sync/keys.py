"""Who can sign, and whose signature counts: a device's two keys, the county's root key, the keyring of the enrolled.

A node has a *log* key (its own checkpoints, attested entries, answers to challenges) and a *cosigner* key (receipts:
statements about other people's journals). They are two because C2SP forbids one Ed25519 key for both: no receipt can
ever be read as an entry (RULINGS A10). The county's *root* is a third key that lives offline and signs only
enrolments.

A signer signs the bytes it is given. Every kind of message begins with its own line of text (`schemas.wire`,
`sync.core.note`), so that a signature over one can never be shown as a signature over another.

Must never: read a file, a clock or chance (bytes come in and go out; `office` keeps them in a file of mode 0600), print
a secret, or let a keyed hash into a real node. `Keyring` judges signatures and positions, not enrolments: who may enrol
whom, and what a revocation must name, is `sync/enrolment.py`. Sources: RULINGS A10, A14, C4; RFC 8032 (Ed25519).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import blake2b, sha256
from hmac import compare_digest
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from schemas.codec import Malformed
from schemas.names import JournalId, NodeId, OfficeId, node_id
from schemas.wire import Size
from sync.core.errors import LocalFault, RemoteFault, UnknownSender
from sync.core.identity import is_weak_key
from sync.core.identity import root_digest as root_digest

SEED_BYTES = 32
"""One Ed25519 private key (RFC 8032 section 5.1.5)."""

PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64

SIGNER_ENTROPY_BYTES = 2 * SEED_BYTES
"""What a new device draws once, from the Salts port, for its two keys."""

_SIGNER_TITLE = b"tongban device keys 1\n"
_ROOT_TITLE = b"tongban county root 1\n"
_CHECK_BYTES = 8

Verify = Callable[[bytes, bytes, bytes], bool]
"""(public key, message, signature) → whether the signature is that key's over that message. Never raises."""


class PublicKeys(Struct, frozen=True, array_like=True):
    """A device's two public keys, 32 bytes each: what it sends to be enrolled and what a certificate names."""

    log: bytes
    cosigner: bytes


class SecretKey(Protocol):
    """One private key, wherever it lives."""

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that others verify with."""
        ...

    def sign(self, message: bytes) -> bytes:
        """A 64-byte signature over exactly these bytes."""
        ...


class Signer(Protocol):
    """A device's two keys in use."""

    @property
    def node(self) -> NodeId:
        """The device's name, derived from its log key."""
        ...

    @property
    def public_keys(self) -> PublicKeys:
        """Both public keys, for enrolment."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The log key's 64-byte signature: own checkpoints, attested entries, challenges, certificates."""
        ...

    def cosign(self, message: bytes) -> bytes:
        """The cosigner key's 64-byte signature: receipts and other statements about someone else's journal."""
        ...


# --- Ed25519: real nodes -------------------------------------------------------------------------------------------


class Ed25519Key:
    """One Ed25519 private key in memory; by itself it is the county's root, of which there is one, kept offline."""

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise LocalFault(
                "bad_entropy", f"a key is made from {SEED_BYTES} random bytes; draw them from the Salts port"
            )
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._public = self._private.public_key().public_bytes_raw()

    def __repr__(self) -> str:
        return f"Ed25519Key(public {self._public.hex()[:16]}…)"

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that others verify with."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """A 64-byte signature (RFC 8032)."""
        return self._private.sign(message)

    def seed(self) -> bytes:
        """The secret itself, 32 bytes: for a key file only."""
        return self._private.private_bytes_raw()

    def to_bytes(self) -> bytes:
        """The root's key file: secret, to be written once to a medium that is then locked away."""
        return _to_key_file(_ROOT_TITLE, self.seed())

    @classmethod
    def from_bytes(cls, stored: bytes) -> Ed25519Key:
        """Read a root's key file. Raises `Malformed` when it is damaged or something else."""
        return cls(_from_key_file(_ROOT_TITLE, stored, SEED_BYTES))


class NodeSigner:
    """A device's two keys of either scheme. Use `Ed25519Signer`, or in a simulation `KeyedHashSigner`."""

    def __init__(self, log: SecretKey, cosigner: SecretKey) -> None:
        self._log = log
        self._cosigner = cosigner
        self._public_keys = PublicKeys(log.public_key, cosigner.public_key)
        self._node = node_id(log.public_key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._node})"

    @property
    def node(self) -> NodeId:
        """The device's name, derived from its log key."""
        return self._node

    @property
    def public_keys(self) -> PublicKeys:
        """Both public keys, for enrolment."""
        return self._public_keys

    def sign(self, message: bytes) -> bytes:
        """The log key's 64-byte signature."""
        return self._log.sign(message)

    def cosign(self, message: bytes) -> bytes:
        """The cosigner key's 64-byte signature."""
        return self._cosigner.sign(message)


class Ed25519Signer(NodeSigner):
    """The two keys of a real device."""

    def __init__(self, log: Ed25519Key, cosigner: Ed25519Key) -> None:
        super().__init__(log, cosigner)
        self._secrets = (log, cosigner)

    @classmethod
    def create(cls, entropy: bytes) -> Ed25519Signer:
        """New keys from `SIGNER_ENTROPY_BYTES` unpredictable bytes. Raises `LocalFault` for others."""
        log, cosigner = entropy[:SEED_BYTES], entropy[SEED_BYTES:]
        if len(entropy) != SIGNER_ENTROPY_BYTES or log == cosigner:
            raise LocalFault(
                "bad_entropy", f"keys are made from {SIGNER_ENTROPY_BYTES} random bytes; draw them from the Salts port"
            )
        return cls(Ed25519Key(log), Ed25519Key(cosigner))

    def to_bytes(self) -> bytes:
        """The device's key file: secret. `office` writes it with mode 0600, temp then rename, both fsynced."""
        return _to_key_file(_SIGNER_TITLE, b"".join(key.seed() for key in self._secrets))

    def log_seed(self) -> bytes:
        """The log key's secret, 32 bytes: opens what was sealed to this device with age."""
        return self._secrets[0].seed()

    @classmethod
    def from_bytes(cls, stored: bytes) -> Ed25519Signer:
        """Read a device's key file. Raises `Malformed` when it is damaged or something else."""
        return cls.create(_from_key_file(_SIGNER_TITLE, stored, SIGNER_ENTROPY_BYTES))


def verify_ed25519(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this is the key's Ed25519 signature over the message. Wrong lengths are simply not."""
    if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        _load_public_key(public_key).verify(signature, message)
    except InvalidSignature:
        return False
    return True


@lru_cache(maxsize=1024)
def _load_public_key(public_key: bytes) -> Ed25519PublicKey:
    """Cached: a page holds many checkpoints of few devices. 1,024 is more devices than a county has."""
    return Ed25519PublicKey.from_public_bytes(public_key)


def _to_key_file(title: bytes, secret: bytes) -> bytes:
    """Title, secret, and the first bytes of a hash over both, so that a damaged file is told from another device's."""
    return title + secret + sha256(title + secret).digest()[:_CHECK_BYTES]


def _from_key_file(title: bytes, stored: bytes, secret_bytes: int) -> bytes:
    if not stored.startswith(title) or len(stored) != len(title) + secret_bytes + _CHECK_BYTES:
        raise Malformed(
            "malformed_key_file", "this is not the key file that was expected; check the path in the settings"
        )
    secret = stored[len(title) : -_CHECK_BYTES]
    if not compare_digest(_to_key_file(title, secret), stored):
        raise Malformed("damaged_key_file", "the key file is damaged; put its backup back, or enrol this device as new")
    return secret


# --- keyed hashes: simulations only --------------------------------------------------------------------------------


class KeyedHashKey:
    """A stand-in for a key pair where a simulation runs thousands of schedules. NOT a signature: NOT for production.

    The «public» key is the secret of a keyed hash, so whoever can verify could also forge. It catches damage, mixing-up
    and a wrong key like a signature does, at a hundredth of the cost; tests of forgery use Ed25519 (RELIABILITY 2).
    """

    def __init__(self, seed: bytes) -> None:
        self._public = blake2b(seed, digest_size=PUBLIC_KEY_BYTES, person=b"tongban sim key").digest()

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that others verify with (and could forge with)."""
        return self._public

    def sign(self, message: bytes) -> bytes:
        """64 bytes, so that pages have their real size."""
        return _keyed_hash(self._public, message)


class KeyedHashSigner(NodeSigner):
    """A simulated device's two keys. Real nodes refuse it: `refuse_simulation_keys`."""

    def __init__(self, log: KeyedHashKey, cosigner: KeyedHashKey) -> None:
        super().__init__(log, cosigner)

    @classmethod
    def from_seed(cls, seed: bytes) -> KeyedHashSigner:
        """The same seed gives the same device."""
        return cls(KeyedHashKey(b"log\n" + seed), KeyedHashKey(b"cosigner\n" + seed))


def verify_keyed_hash(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """The counterpart of `KeyedHashKey.sign`, with the shape of `verify_ed25519`. NOT for production."""
    return len(public_key) == PUBLIC_KEY_BYTES and compare_digest(_keyed_hash(public_key, message), signature)


def _keyed_hash(key: bytes, message: bytes) -> bytes:
    return blake2b(message, digest_size=SIGNATURE_BYTES, key=key).digest()


def refuse_simulation_keys(signer: Signer, keyring: Keyring) -> None:
    """Called where a real node is put together. Raises `LocalFault` unless both signing and verifying are Ed25519."""
    if not isinstance(signer, Ed25519Signer) or keyring.verify is not verify_ed25519:
        raise LocalFault(
            "simulation_keys", "a real node signs and verifies with Ed25519 only; run init to make its keys"
        )


# --- the keyring ---------------------------------------------------------------------------------------------------


class EnrolledDevice(Struct, frozen=True):
    """One device whose certificate chain has been checked: its name, its seat and its keys."""

    node: NodeId
    office: OfficeId
    keys: PublicKeys


class Keyring:
    """All devices that this node knows, and up to where each may be believed. A value: changes give a new keyring.

    So a transaction that fails leaves the keyring of the node as it was. Revocations are kept apart from enrolments and
    only ever add up: the order in which entries arrive makes no difference.
    """

    def __init__(self, devices: Iterable[EnrolledDevice] = (), verify: Verify = verify_ed25519) -> None:
        """A keyring of checked devices. Raises `RemoteFault` like `with_device`."""
        self.verify = verify
        self._devices: dict[NodeId, EnrolledDevice] = {}
        self._revoked: dict[NodeId, dict[JournalId, int]] = {}
        for device in devices:
            self._add(device)

    def __len__(self) -> int:
        return len(self._devices)

    def with_device(self, device: EnrolledDevice) -> Keyring:
        """The keyring with one more device.

        Raises `RemoteFault`: `foreign_name` when the name is not that of the log key, `weak_key` for a key under which
        anybody can sign, `one_key` when both keys are the same, `keys_changed` or `seat_changed` when the name is known
        with other keys or for another seat.
        """
        if self._devices.get(device.node) == device:
            return self
        grown = self._copy()
        grown._add(device)
        return grown

    def with_revocation(self, node: NodeId, positions: Iterable[Size]) -> Keyring:
        """The keyring in which this device counts only below `positions` (and below those named before).

        Each position names one of the device's journals and how many of its entries count; what is not named counts
        for nothing, so a stolen key cannot open a fresh epoch with an old ordinal. Of several statements about one
        journal the highest holds (RULINGS A14). A device may be revoked before its enrolment arrives.
        """
        grown = self._copy()
        sizes = dict(self._revoked.get(node, {}))
        for position in positions:
            if position.origin == node:
                sizes[position.journal] = max(position.size, sizes.get(position.journal, 0))
        grown._revoked[node] = sizes
        return grown

    def without_revocations(self) -> Keyring:
        """The same devices, all believed: for taking every statement about them anew."""
        grown = self._copy()
        grown._revoked = {}
        return grown

    def find(self, node: NodeId) -> EnrolledDevice | None:
        """The device of this name, revoked or not, or None."""
        return self._devices.get(node)

    def get(self, node: NodeId) -> EnrolledDevice:
        """The device of this name, revoked or not. Raises `UnknownSender`."""
        device = self._devices.get(node)
        if device is None:
            raise UnknownSender(
                "unknown_device", f"no enrolment of device {node} is known here; enrol it, or sync upward first"
            )
        return device

    def offices(self) -> set[OfficeId]:
        """All seats for which a device was ever enrolled."""
        return {device.office for device in self._devices.values()}

    def devices_of(self, office: OfficeId) -> list[EnrolledDevice]:
        """All devices ever enrolled for this seat, by name."""
        return sorted(
            (found for found in self._devices.values() if found.office == office), key=lambda found: found.node
        )

    def revoked(self) -> dict[NodeId, dict[JournalId, int]]:
        """Device → how many entries of each journal count, for every device that is revoked."""
        return dict(self._revoked)

    def is_revoked(self, node: NodeId) -> bool:
        """Whether the device is revoked at all: then it may not open a conversation any more."""
        return node in self._revoked

    def counts(self, journal: JournalId, seq: int) -> bool:
        """Whether entry `seq` lies where its device is believed: not revoked, or below the position of its journal."""
        position = self.position(journal)
        return position is None or seq < position

    def position(self, journal: JournalId) -> int | None:
        """How many entries of a journal count; None: all, for its device is not revoked."""
        revoked = self._revoked.get(journal.origin)
        return None if revoked is None else revoked.get(journal, 0)

    def verify_log(self, node: NodeId, message: bytes, signature: bytes) -> bool:
        """Whether this is the log key's signature of an enrolled device. Says nothing about positions: see `counts`."""
        device = self._devices.get(node)
        return device is not None and self.verify(device.keys.log, message, signature)

    def verify_cosign(self, node: NodeId, message: bytes, signature: bytes) -> bool:
        """Whether this is the cosigner key's signature of an enrolled device."""
        device = self._devices.get(node)
        return device is not None and self.verify(device.keys.cosigner, message, signature)

    def _copy(self) -> Keyring:
        copy = Keyring(verify=self.verify)
        copy._devices = dict(self._devices)
        copy._revoked = dict(self._revoked)
        return copy

    def _add(self, device: EnrolledDevice) -> None:
        check_public_keys(device.keys)
        if device.node != node_id(device.keys.log):
            raise RemoteFault(
                "foreign_name", "the device's name is not that of its key; make a new enrolment request on it"
            )
        known = self._devices.get(device.node)
        if known is not None and known.keys != device.keys:
            raise RemoteFault(
                "keys_changed", "this device is enrolled with other keys; new keys make a new device: enrol that"
            )
        if known is not None and known.office != device.office:
            raise RemoteFault(
                "seat_changed", "this device is enrolled for another office; make new keys on it and enrol those"
            )
        self._devices[device.node] = device


def check_public_keys(keys: PublicKeys) -> None:
    """Refuse keys that must not be enrolled. Raises `RemoteFault`: `malformed_key`, `weak_key`, `one_key`."""
    for key in (keys.log, keys.cosigner):
        if len(key) != PUBLIC_KEY_BYTES:
            raise RemoteFault(
                "malformed_key", f"a public key has {PUBLIC_KEY_BYTES} bytes; make a new enrolment request"
            )
        if is_weak_key(key):
            raise RemoteFault(
                "weak_key", "anybody could sign under this key; make new keys on the device and enrol those"
            )
    if keys.log == keys.cosigner:
        raise RemoteFault("one_key", "a device has two different keys; make new keys on the device and enrol those")
