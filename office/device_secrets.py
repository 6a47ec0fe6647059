"""The second half of a passphrase: a secret that belongs to the computer, where the computer has a place for one.

With it a copy of the disk alone cannot even be guessed at. Windows: DPAPI, by which only this Windows user on this
computer opens the secret (through `ctypes`, written after Microsoft's documentation, never run on a Windows by us).
Elsewhere only where the settings name a place: a file on a medium that is kept apart, or a credential that systemd
hands to the service. Without any the passphrase stands alone, and `office.vault` makes it dear to guess.
Must never: leave the secret in a file of the node's folder, or print it. Next: `office.vault`, which mixes it in.
"""

import ctypes
import os
import sys
from pathlib import Path
from typing import Any, Final, Protocol

from office.paths import read_private, write_private
from sync.core.errors import LocalFault
from sync.ports import Salts

SECRET_BYTES: Final = 32
SECRET_BYTES_MAX: Final = 4096

CREDENTIAL_PREFIX: Final = "credential:"
"""In the setting `device_secret`: what follows is the name of a systemd credential."""
_CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"
"""Where systemd puts a service's credentials: systemd.exec(5), LoadCredential=."""


class DeviceSecret(Protocol):
    """One place for the secret."""

    kind: str
    """Its short name, as the vault's file has it."""

    def make(self, salts: Salts) -> bytes:
        """Have a secret there. Returns what the vault's file must keep for it: nothing, or a blob only the computer
        opens. Raises `LocalFault` `device_secret_missing`.
        """
        ...

    def read(self, kept: bytes) -> bytes:
        """The secret. `kept`: what `make` returned. Raises `LocalFault` `device_secret_missing`."""
        ...


class NoSecret:
    """The passphrase stands alone."""

    kind = "none"

    def make(self, salts: Salts) -> bytes:
        """See `DeviceSecret.make`."""
        return b""

    def read(self, kept: bytes) -> bytes:
        """See `DeviceSecret.read`."""
        return b""


class FileSecret:
    """A file on a medium that is kept apart from the computer: a stick on the agent's key ring."""

    kind = "file"

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self, salts: Salts) -> bytes:
        """See `DeviceSecret.make`. A file that is there is used."""
        if not self._path.exists():
            try:
                write_private(self._path, salts.draw(SECRET_BYTES))
            except OSError as error:
                raise _missing() from error
        self.read(b"")
        return b""

    def read(self, kept: bytes) -> bytes:
        """See `DeviceSecret.read`."""
        try:
            return _checked(read_private(self._path, missing_hint="plug in the medium that it lies on"))
        except LocalFault as fault:
            raise _missing() from fault


class CredentialSecret:
    """A credential that systemd decrypts for the service, bound to the computer's own chip where it has one."""

    kind = "credential"

    def __init__(self, name: str) -> None:
        self._name = name

    def make(self, salts: Salts) -> bytes:
        """See `DeviceSecret.make`. The operator makes it, with systemd-creds."""
        self.read(b"")
        return b""

    def read(self, kept: bytes) -> bytes:
        """See `DeviceSecret.read`."""
        folder = os.environ.get(_CREDENTIALS_VARIABLE)
        if not folder:
            raise _missing()
        try:
            return _checked((Path(folder) / self._name).read_bytes())
        except OSError as error:
            raise _missing() from error


class DpapiSecret:
    """Windows' Data Protection: a blob that opens only for this Windows user on this computer."""

    kind = "dpapi"

    def make(self, salts: Salts) -> bytes:
        """See `DeviceSecret.make`."""
        return _dpapi("CryptProtectData", salts.draw(SECRET_BYTES))

    def read(self, kept: bytes) -> bytes:
        """See `DeviceSecret.read`."""
        return _checked(_dpapi("CryptUnprotectData", kept))


def secret_of(setting: str) -> DeviceSecret:
    """The place that the setting `device_secret` names; empty: the platform's own, if it has one."""
    if not setting:
        return DpapiSecret() if sys.platform == "win32" else NoSecret()
    if setting.startswith(CREDENTIAL_PREFIX):
        return CredentialSecret(setting.removeprefix(CREDENTIAL_PREFIX))
    return FileSecret(Path(setting))


def _checked(content: bytes) -> bytes:
    if not SECRET_BYTES <= len(content) <= SECRET_BYTES_MAX:
        raise _missing()
    return content


def _missing() -> LocalFault:
    return LocalFault(
        "device_secret_missing",
        "the computer's own half of the passphrase is not there: plug in the medium that the setting device_secret "
        "names, or sign in to this computer as the user who runs Tongban; if it is lost, replace the device",
    )


# --- Windows ---------------------------------------------------------------------------------------------------------

_UI_FORBIDDEN: Final = 0x1
"""CRYPTPROTECT_UI_FORBIDDEN: a service has no screen to ask on (dpapi.h)."""


class _Blob(ctypes.Structure):
    """DATA_BLOB (wincrypt.h): a DWORD and a pointer."""

    _fields_ = (("size", ctypes.c_uint32), ("data", ctypes.POINTER(ctypes.c_char)))


def _dpapi(function: str, content: bytes) -> bytes:
    """Call crypt32's CryptProtectData or CryptUnprotectData. Raises `LocalFault` where it is not or refuses."""
    libraries: Any = getattr(ctypes, "windll", None)
    if libraries is None:
        raise _missing()
    call: Any = getattr(libraries.crypt32, function)
    free: Any = libraries.kernel32.LocalFree
    pointer = ctypes.POINTER(_Blob)
    call.argtypes = (
        pointer,
        ctypes.c_void_p,
        pointer,
        ctypes.c_void_p,
        ctypes.c_void_p,
        ctypes.c_uint32,
        pointer,
    )
    call.restype = ctypes.c_int
    free.argtypes, free.restype = (ctypes.c_void_p,), ctypes.c_void_p
    held = ctypes.create_string_buffer(content, len(content))
    given = _Blob(len(content), ctypes.cast(held, ctypes.POINTER(ctypes.c_char)))
    made = _Blob()
    if not call(ctypes.byref(given), None, None, None, None, _UI_FORBIDDEN, ctypes.byref(made)):
        raise _missing()
    try:
        return ctypes.string_at(made.data, made.size)
    finally:
        free(ctypes.cast(made.data, ctypes.c_void_p))
