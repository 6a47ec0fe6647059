"""The vault of a locked device: one random data key, wrapped once for each passphrase that opens it.

The data key exists in memory only. In the folder lies `vault.json`: for each wrap the data key under AES-GCM with a key
made by argon2id (64 MiB, 3 passes) of the passphrase, and of the computer's own secret where it has one. Which logins
there are the file does not tell: their names are sealed under the data key, and one run of argon2id tries all wraps, so
that a wrong login takes as long as a wrong passphrase. From the data key come the key of the store (SQLCipher) and that
of the files beside it; `data.key` and `device.key` lie there sealed.
Must never: log or print a key or a passphrase, or keep a passphrase. What Python's memory held is not wiped for sure.
Sources: RFC 9106 (argon2id), RFC 5869 (HKDF), NIST SP 800-38D. Next: `office.locking` (a plain folder becomes a locked
one), `office.unlocking` (the running node).
"""

import contextlib
import hashlib
import hmac
import unicodedata
from collections.abc import Generator
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct, structs

from office.clock import SystemSalts
from office.device_secrets import DeviceSecret, NoSecret
from office.paths import Home, WritingLock, read_private, write_private
from sync.core.errors import LocalFault

DATA_KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
NONCE_BYTES: Final = 12

MARK_BYTES: Final = 8

WRAPS_MAX: Final = 64
"""More passphrases than a village has people."""
VAULT_BYTES_MAX: Final = 256 * 1024

SEALED_MARK: Final = b"TBS1"
"""How a file begins that is sealed under the data key."""

_VERSION: Final = 1

AGENT: Final = "agent "
"""Before a login, in the name of a wrap: other kinds of wraps have names of their own."""


class Cost(Struct, frozen=True):
    """What one guess costs. Version 1 of the file means exactly this; a file cannot ask for less."""

    memory_kib: int = 64 * 1024
    passes: int = 3


DEAR: Final = Cost()
"""About 0.15 s and 64 MiB for a moment: every guess at a stolen disk pays it too."""


class Wrap(Struct, frozen=True):
    """The data key for one passphrase."""

    name: bytes
    """Whose it is, sealed under the data key."""
    key: bytes
    """The data key, sealed under what the passphrase makes: nonce ‖ ciphertext and tag."""
    device: str
    """The kind of the computer's own secret that is mixed in (`office.device_secrets`)."""


class VaultFile(Struct, frozen=True, forbid_unknown_fields=True):
    """The file `vault.json`."""

    version: int
    salt: bytes
    county: str
    """The digest of the county's root key, hexadecimal."""
    node: str
    """The device whose vault this is."""
    form_key: str
    """Signs the tokens of forms, on the locked pages too; it opens nothing."""
    kept: bytes = b""
    """What the computer's own secret needs (DPAPI's blob)."""
    wraps: tuple[Wrap, ...] = ()


class WrongPassphrase(LocalFault):
    """No wrap opens with this name and passphrase. Never says which of the two is wrong."""

    def __init__(self) -> None:
        super().__init__(
            "passphrase_wrong",
            "login or passphrase is not right, or this login has not signed in here since the computer was locked: "
            "type them again, or let a colleague sign in first",
        )


class Vault:
    """An open vault: the data key in memory, and the file."""

    def __init__(self, home: Home, content: VaultFile, key: bytes, device: DeviceSecret, cost: Cost) -> None:
        self._home = home
        self._content = content
        self._key = bytearray(key)
        self._device = device
        self._cost = cost
        self._salts = SystemSalts()

    def __repr__(self) -> str:
        return f"Vault({self._content.node})"

    @classmethod
    def create(
        cls, home: Home, *, county: str, node: str, form_key: str, device: DeviceSecret | None = None, cost: Cost = DEAR
    ) -> "Vault":
        """A new vault, in memory only until `add_wrap` writes it. Raises `LocalFault`."""
        salts, device = SystemSalts(), device or NoSecret()
        kept = device.make(salts)
        content = VaultFile(_VERSION, salts.draw(SALT_BYTES), county, node, form_key, kept)
        return cls(home, content, salts.draw(DATA_KEY_BYTES), device, cost)

    @classmethod
    def open_with(
        cls, home: Home, name: str, secret_text: str, device: DeviceSecret | None = None, cost: Cost = DEAR
    ) -> "Vault":
        """Open the vault of a folder. Takes 0.15 s and blocks: for a thread.

        Raises `WrongPassphrase`, `LocalFault` `bad_vault`, `file_missing` or `device_secret_missing`.
        """
        content, device = read_vault(home), device or NoSecret()
        hard = _stretched(content, name, secret_text, cost)
        missing: LocalFault | None = None
        for wrap in content.wraps:
            try:
                bound = _bound(content, wrap.device, device)
            except LocalFault as fault:
                missing = fault
                continue
            try:
                key = AESGCM(_kek(content, hard, bound)).decrypt(*_parted(wrap.key), _about(content, name))
            except InvalidTag:
                continue
            return cls(home, content, key, device, cost)
        raise missing or WrongPassphrase

    # --- what it opens ------------------------------------------------------------------------------------------------

    @property
    def form_key(self) -> str:
        """What signs the tokens of forms, locked or not."""
        return self._content.form_key

    @property
    def store_key(self) -> bytes:
        """The key of the store (`office.cipher`)."""
        return _derive(bytes(self._key), self._content.salt, b"tongban store 1")

    @property
    def file_key(self) -> bytes:
        """The key of what lies beside the store."""
        return _derive(bytes(self._key), self._content.salt, b"tongban files 1")

    def seal(self, label: str, clear: bytes) -> bytes:
        """A small file, sealed: mark ‖ nonce ‖ ciphertext and tag, with `label` as associated data."""
        nonce = self._salts.draw(NONCE_BYTES)
        return SEALED_MARK + nonce + AESGCM(self.file_key).encrypt(nonce, clear, label.encode())

    def open(self, label: str, sealed: bytes) -> bytes:
        """What was sealed under `label`. Raises `LocalFault` `bad_sealed_file`."""
        try:
            if not sealed.startswith(SEALED_MARK):
                raise InvalidTag
            return AESGCM(self.file_key).decrypt(*_parted(sealed[len(SEALED_MARK) :]), label.encode())
        except (InvalidTag, ValueError) as error:
            raise LocalFault(
                "bad_sealed_file", f"{label} is damaged or of another vault; put it back from the same backup as it"
            ) from error

    def forget(self) -> None:
        """Overwrite the data key in memory. The vault opens nothing any more."""
        self._key[:] = bytes(len(self._key))

    # --- wraps --------------------------------------------------------------------------------------------------------

    def add_wrap(self, name: str, secret_text: str, *, is_bound: bool = True) -> None:
        """Let this secret text open the vault too, under `name`, and write the file; older ones of that name stay.

        `is_bound`: with the computer's own secret mixed in. Blocks: for a thread. Raises `LocalFault` `vault_full`.
        """
        self._put_wrap(name, secret_text, is_bound=is_bound, is_only=False)

    def replace_wrap(self, name: str, secret_text: str, *, is_bound: bool = True) -> None:
        """Let this secret text be the only one of its name. As `add_wrap`."""
        self._put_wrap(name, secret_text, is_bound=is_bound, is_only=True)

    def _put_wrap(self, name: str, secret_text: str, *, is_bound: bool, is_only: bool) -> None:
        device = self._device if is_bound else NoSecret()
        # Before the turn, which is for moments: the salt never changes.
        hard = _stretched(self._content, name, secret_text, self._cost)
        with self._turn() as content:
            kept = tuple(wrap for wrap in content.wraps if not (is_only and self._name_of(wrap) == name))
            if len(kept) >= WRAPS_MAX:
                raise LocalFault(
                    "vault_full", "too many people can unlock this computer; close accounts that are not used"
                )
            if all(wrap.device != device.kind for wrap in content.wraps):
                # The first that it is mixed into: it may have been named in the settings since.
                content = structs.replace(content, kept=content.kept or device.make(self._salts))
            kek = _kek(content, hard, _bound(content, device.kind, device))
            nonce = self._salts.draw(NONCE_BYTES)
            sealed = nonce + AESGCM(kek).encrypt(nonce, bytes(self._key), _about(content, name))
            wrap = Wrap(self.seal("name", name.encode()), sealed, device.kind)
            self._save(structs.replace(content, wraps=(*kept, wrap)))

    def drop_wraps(self, name: str) -> None:
        """Let nothing of this name open the vault any more."""
        with self._turn() as content:
            kept = tuple(wrap for wrap in content.wraps if self._name_of(wrap) != name)
            if kept != content.wraps:
                self._save(structs.replace(content, wraps=kept))

    def has_settled_wrap(self, name: str) -> bool:
        """Whether exactly one secret text opens the vault under this name, bound as the settings say today."""
        kinds = [wrap.device for wrap in self._now().wraps if self._name_of(wrap) == name]
        return kinds == [self._device.kind]

    def marks(self, name: str) -> list[bytes]:
        """What tells the wraps of a name apart, without telling anything about what opens them."""
        return [
            hashlib.sha256(wrap.key).digest()[:MARK_BYTES] for wrap in self._now().wraps if self._name_of(wrap) == name
        ]

    def names(self) -> list[str]:
        """The names of all wraps."""
        return [self._name_of(wrap) for wrap in self._now().wraps]

    def is_last_agent(self, name: str) -> bool:
        """Whether no other agent's passphrase opens the vault."""
        agents = {each for each in self.names() if each.startswith(AGENT)}
        return agents == {name}

    def _name_of(self, wrap: Wrap) -> str:
        return self.open("name", wrap.name).decode()

    def _now(self) -> VaultFile:
        """The file as it is: a verb beside the running node may have written it."""
        if not self._home.vault.exists():
            return self._content
        content = read_vault(self._home)
        if content.salt != self._content.salt:
            raise _damaged(self._home)
        return content

    @contextlib.contextmanager
    def _turn(self) -> Generator[VaultFile]:
        """The file as it is, for whoever is about to write it: one thread of one process at a time. Else a passphrase
        that was changed meanwhile would be lost, and its owner locked out.
        """
        lock = WritingLock(self._home.vault_lock)
        lock.take(waits=True)
        try:
            yield self._now()
        finally:
            lock.release()

    def _save(self, content: VaultFile) -> None:
        """Write the file durably; from then on the folder is a locked one."""
        write_private(self._home.vault, msgspec.json.format(msgspec.json.encode(content), indent=1))
        self._content = content


def read_vault(home: Home) -> VaultFile:
    """The vault's file. Raises `LocalFault` `bad_vault` or `file_missing`."""
    content = read_private(home.vault, missing_hint="put its backup back; without it nothing here can be opened")
    if len(content) > VAULT_BYTES_MAX:
        raise _damaged(home)
    try:
        read = msgspec.json.decode(content, type=VaultFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(home) from error
    if read.version != _VERSION:
        raise LocalFault("newer_vault", f"{home.vault} was written by a newer program; install that version")
    if len(read.salt) != SALT_BYTES or len(read.wraps) > WRAPS_MAX:
        raise _damaged(home)
    return read


def _damaged(home: Home) -> LocalFault:
    return LocalFault("bad_vault", f"{home.vault} is damaged; put its backup back, nothing else opens this device")


def _stretched(content: VaultFile, name: str, secret_text: str, cost: Cost) -> bytes:
    """argon2id of a secret text. Vault and name make its salt; the text is normalised as `office.accounts` does it."""
    # Imported here: a node without a vault need not carry it.
    from argon2.low_level import Type, hash_secret_raw

    text = unicodedata.normalize("NFC", secret_text).encode("utf-8", "surrogatepass")
    salt = hashlib.sha256(content.salt + name.encode("utf-8", "surrogatepass")).digest()
    return hash_secret_raw(text, salt, cost.passes, cost.memory_kib, 1, DATA_KEY_BYTES, Type.ID)


def _bound(content: VaultFile, kind: str, device: DeviceSecret) -> bytes:
    """The computer's own half for a wrap of this kind. Raises `LocalFault` `device_secret_missing`."""
    if kind == NoSecret.kind:
        return b""
    if kind != device.kind:
        raise LocalFault(
            "device_secret_missing",
            "the setting device_secret is not the one with which this passphrase was set; put it back",
        )
    return device.read(content.kept)


def _kek(content: VaultFile, hard: bytes, bound: bytes) -> bytes:
    return _derive(hard + bound, content.salt, b"tongban wrap 1")


def _about(content: VaultFile, name: str) -> bytes:
    """Associated data: a wrap is good for one county, one device, one name."""
    return "\n".join(("tongban wrap 1", content.county, content.node, name)).encode("utf-8", "surrogatepass")


def _derive(secret: bytes, salt: bytes, purpose: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) for one block: one purpose, one key."""
    return hmac.digest(hmac.digest(salt, secret, "sha256"), purpose + b"\x01", "sha256")


def _parted(sealed: bytes) -> tuple[bytes, bytes]:
    return sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
