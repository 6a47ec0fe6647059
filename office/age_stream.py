"""age as a stream: who can open a file, and its bytes sealed and opened a piece at a time.

Every device's log key, and the county's root key, is an age key as it stands (`ssh-ed25519`): nobody has to keep one
more. Further recipients are what age's own tools print: `age1…`, or a line `ssh-ed25519 …`.
pyrage has no types, hence the protocols; it is imported when first needed (a village's memory). Keeps no key and no
byte. What went wrong on the disk is raised as the disk said it: pyrage would make one error of everything.
Next: `office.archive`.
"""

import importlib
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar, cast

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas.codec import Malformed
from schemas.refusals import Refused
from sync.keys import Ed25519Key, Ed25519Signer

AGE_TITLE: Final = b"age-encryption.org/v1"

_SSH_KIND: Final = b"ssh-ed25519"
_NO_KEY: Final = "No matching keys"

Recipient = Any
Identity = Any
"""Objects of pyrage's own, which only it looks into."""

T = TypeVar("T")


class Reads(Protocol):
    """Where bytes come from."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end."""
        ...


class Writes(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> int:
        """Takes all of them. Returns how many."""
        ...


class Unopened(Exception):
    """Not a whole file of age's, or damaged."""


class WrongKey(Exception):
    """None of the keys opens it."""


def recipient_of_key(public_key: bytes) -> Recipient:
    """Who holds the private half of a log key or of the county's root key (32 bytes)."""
    parts = b"".join(len(part).to_bytes(4, "big") + part for part in (_SSH_KIND, public_key))
    return _pyrage().ssh.Recipient.from_str(f"{_SSH_KIND.decode()} {b64encode(parts).decode()}")


def recipients_in(setting: str) -> list[Recipient]:
    """Those of the setting `backup_recipients`, with commas between them. Raises `Refused` `bad_recipient`."""
    pyrage = _pyrage()
    found: list[Recipient] = []
    for text in filter(None, (one.strip() for one in setting.split(","))):
        kind = pyrage.ssh if text.startswith("ssh-") else pyrage.x25519
        try:
            found.append(kind.Recipient.from_str(text))
        except (pyrage.RecipientError, ValueError) as error:
            raise Refused(
                "bad_recipient",
                "设置 backup_recipients 中有一个公钥无法识别，没有备份；请填写 age1… 或 ssh-ed25519 … 形式的公钥，"
                "多个之间用逗号隔开。",
                "A key in the setting backup_recipients cannot be read; nothing was written. Write public keys as "
                "age1… or ssh-ed25519 …, with commas between them.",
            ) from error
    return found


def identities_in(content: bytes) -> list[Identity]:
    """The private keys of a file: a device's `device.key`, the county's root key, age's own file, an OpenSSH key.

    Raises `Refused` `bad_identity`, `Malformed` for a damaged key file of ours.
    """
    for read in (_device_seed, _root_seed):
        seed = read(content)
        if seed is not None:
            private = Ed25519PrivateKey.from_private_bytes(seed)
            form = (serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
            return [_pyrage().ssh.Identity.from_buffer(private.private_bytes(*form))]
    return _foreign_identities(content)


def _device_seed(content: bytes) -> bytes | None:
    return _unless_another(lambda: Ed25519Signer.from_bytes(content).log_seed())


def _root_seed(content: bytes) -> bytes | None:
    return _unless_another(lambda: Ed25519Key.from_bytes(content).seed())


def _unless_another(read: Callable[[], bytes]) -> bytes | None:
    try:
        return read()
    except Malformed as malformed:
        if malformed.code == "malformed_key_file":
            return None
        raise


def _foreign_identities(content: bytes) -> list[Identity]:
    pyrage = _pyrage()
    try:
        if content.lstrip().startswith(b"-----BEGIN"):
            return [pyrage.ssh.Identity.from_buffer(content)]
        lines = [line.strip() for line in content.decode("ascii").splitlines()]
        found = [pyrage.x25519.Identity.from_str(line) for line in lines if line and not line.startswith("#")]
    except (pyrage.IdentityError, ValueError) as error:
        raise _bad_identity() from error
    if not found:
        raise _bad_identity()
    return found


def _bad_identity() -> Refused:
    return Refused(
        "bad_identity",
        "这不是可用来打开备份的密钥文件，未作任何改动；请用 --identity 指定节点的 device.key、县根密钥文件，"
        "或 age、OpenSSH 的私钥文件（不带密码）。",
        "This is no key file that opens backups; nothing was changed. With --identity name a node's device.key, the "
        "county's root key file, or a private key file of age or OpenSSH without a passphrase.",
    )


# --- the stream ------------------------------------------------------------------------------------------------------


def encrypt_stream(source: Reads, target: Writes, recipients: Sequence[Recipient]) -> None:
    """Everything that `source` gives, sealed. Raises what `source` or `target` raised."""
    pyrage = _pyrage()
    reading, writing = _Remembering(source.read), _Remembering(target.write)
    try:
        pyrage.encrypt_io(_Reader(reading), _Writer(writing), recipients)
    except (pyrage.EncryptError, OSError) as error:
        raise reading.failure or writing.failure or error from error


def decrypt_stream(source: Reads, target: Writes, identities: Sequence[Identity]) -> None:
    """Everything in `source`, opened. What went to `target` before an error was read of a file that is no good.

    Raises `WrongKey`, `Unopened`, and what `source` or `target` raised.
    """
    pyrage = _pyrage()
    reading, writing = _Remembering(source.read), _Remembering(target.write)
    try:
        pyrage.decrypt_io(_Reader(reading), _Writer(writing), identities)
    except (pyrage.DecryptError, OSError) as error:
        failure = reading.failure or writing.failure
        if failure is not None:
            raise failure from error
        raise (WrongKey if _NO_KEY in str(error) else Unopened)(str(error)) from error


class _Remembering:
    """A call whose exception is kept: on its way through pyrage it loses its kind and its number."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call
        self.failure: BaseException | None = None

    def __call__(self, *arguments: object) -> Any:
        try:
            return self._call(*arguments)
        except BaseException as error:
            self.failure = error
            raise


class _Reader:
    def __init__(self, read: _Remembering) -> None:
        self.read = read


class _Writer:
    def __init__(self, write: _Remembering) -> None:
        self._write = write

    def write(self, data: bytes) -> int:
        self._write(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Whoever owns the target flushes it."""


class _Kind(Protocol):
    Recipient: Any
    Identity: Any


class _Pyrage(Protocol):
    ssh: _Kind
    x25519: _Kind
    EncryptError: type[Exception]
    DecryptError: type[Exception]
    RecipientError: type[Exception]
    IdentityError: type[Exception]

    def encrypt_io(self, reader: object, writer: object, recipients: Sequence[Recipient]) -> None: ...

    def decrypt_io(self, reader: object, writer: object, identities: Sequence[Identity]) -> None: ...


def _pyrage() -> _Pyrage:
    return cast("_Pyrage", importlib.import_module("pyrage"))
